"""What a plan says of its factors against its columns: when they are known, interactions, and the two treatments compared."""

from __future__ import annotations

from collections.abc import Iterator

from haip_outcomes.errors import did_you_mean
from haip_outcomes.registry.planning.content import PlanContent
from haip_outcomes.registry.planning.parts import KNOWN


def wrong_factors(plan: PlanContent) -> Iterator[tuple[str, str]]:
    """`known`, `later` and `interactions` that point at nothing or contradict each other."""
    dates = [name for name, kind in plan.kinds.items() if kind == "date"]
    for name, column in plan.columns.items():
        place = f"[columns.{name}] known"
        when = column.known_date
        if when == name:
            yield place, "a column can't be its own date: name the date column from which on it is known"
        elif when is not None and when not in plan.columns and not any(when == date for date in _dates_elsewhere(plan)):
            near = did_you_mean(when, [*KNOWN, *(date for date in dates if date != when)])
            yield place, f'"{when}" is neither "baseline" nor "later", nor a date column of the plan ([columns.{when}] with kind = "date"). {near}'
        elif when is not None and plan.kinds.get(when) != "date":
            yield place, f'"{when}" is {what_it_is(plan.kinds.get(when, "text"))}, and known names a date column (kind = "date")'
    for table, related in plan.tables.items():
        for name in (name for name, column in related.columns.items() if column.known is not None):
            yield (f"[tables.{table}.columns.{name}] known",
                   "known belongs to columns of the patient: what is derived from a related table is known from the dates of its rows")  # fmt: skip
    for name in plan.analysis.later:
        if name in plan.columns and not known_dates(plan, name):
            way = (f'make it take = "any" of the date column that says so (columns = ["the_date_column"]) under [derived.{name}]' if name in plan.derived
                   else f'write known = "the_date_column" under [columns.{name}], and before = "the level until then"')  # fmt: skip
            yield "[analysis] later", f'since when is "{name}" known? {way[0].upper()}{way[1:]}'
    for landmark in plan.analysis.landmarks[:1]:
        if not plan.analysis.later:
            yield "[analysis] landmarks", f"a landmark ({landmark:g}) is for columns known after time zero: name them in later, or take it out"
    for text in plan.analysis.interactions:
        for name in (part.strip() for part in text.split("*")):
            if name not in plan.columns:
                yield "[analysis] interactions", f'"{name}" has no [columns.{name}]. {did_you_mean(name, plan.columns)}'
            elif plan.columns[name].resolved not in ("category", "number"):
                yield "[analysis] interactions", f'"{name}" is {what_it_is(plan.columns[name].resolved)}, and only a category or a number can stand here'


def wrong_treatment(plan: PlanContent) -> Iterator[tuple[str, str]]:
    """Columns, levels and endpoints of `[treatment]` that are not there."""
    asked = plan.treatment
    if asked is None:
        return
    setting = asked.column in ("setting", plan.cohort.setting_column)
    if not setting and asked.column not in plan.columns:
        yield "[treatment] column", f'"{asked.column}" is neither the setting nor has it a [columns.{asked.column}]. {did_you_mean(asked.column, ["setting", *plan.columns])}'
    elif not setting and not plan.columns[asked.column].levels:
        yield "[treatment] column", f'"{asked.column}" must be a category: give it levels = {{ "0" = "No pump", "1" = "Pump" }}'
    else:
        levels = ("adjuvant", "unresectable", "comparator") if setting else tuple(plan.columns[asked.column].levels.values())
        for key in ("treated", "control"):
            if getattr(asked, key) not in levels:
                yield f"[treatment] {key}", f'"{getattr(asked, key)}" is not a level. {did_you_mean(getattr(asked, key), levels)}'
    for name in asked.confounders:
        if name not in plan.columns:
            yield "[treatment] confounders", f'"{name}" has no [columns.{name}]. {did_you_mean(name, plan.columns)}'
        elif plan.columns[name].resolved not in ("category", "number"):
            yield "[treatment] confounders", f'"{name}" is {what_it_is(plan.columns[name].resolved)}, and only a category or a number can stand here'
    for name in asked.endpoints:
        if name not in plan.endpoints:
            yield "[treatment] endpoints", f'there is no [endpoints.{name}]. {did_you_mean(name, plan.endpoints)}'


def what_it_is(kind: str) -> str:
    """A kind of column in words."""
    return {"key": "the patients' key", "text": "text", "setting": "the setting"}.get(kind, f"a {kind}")


def _dates_elsewhere(plan: PlanContent) -> Iterator[str]:
    """Date columns that endpoints and the programme use without a `[columns.NAME]`."""
    for endpoint in plan.endpoints.values():
        if endpoint.from_dates:
            yield from (column for column in (endpoint.start, endpoint.last_seen, endpoint.entry, *endpoint.events.values()) if isinstance(column, str))
    for item in plan.programme.values():
        yield from (column for column in (item.start, item.end) if column)


def known_dates(plan: PlanContent, column: str) -> tuple[str, ...]:
    """The date columns from the earliest of which on a column is known: that of `known`, or those that a derived No and Yes is made of."""
    declared, derived = plan.columns.get(column), plan.derived.get(column)
    if declared is not None and declared.known_date is not None:
        return (declared.known_date,)
    if derived is not None and derived.take == "any" and derived.columns and all(plan.kinds.get(name) == "date" for name in derived.columns):
        return derived.columns
    return ()
