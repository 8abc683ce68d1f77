"""What one part of a plan says against another, and names that point at nothing."""

from __future__ import annotations

from collections.abc import Iterator

from haip_outcomes.errors import did_you_mean
from haip_outcomes.registry.items import items
from haip_outcomes.registry.planning.content import PlanContent, endpoint_columns
from haip_outcomes.registry.planning.derived_rules import wrong_derived
from haip_outcomes.registry.planning.factor_rules import what_it_is, wrong_factors, wrong_treatment
from haip_outcomes.registry.planning.parts import ColumnPlan


def contradictions(plan: PlanContent) -> Iterator[tuple[str, str]]:
    """Names that point at nothing, and what one part of the plan says against another."""
    yield from _wrong_columns(plan)
    yield from wrong_factors(plan)
    yield from wrong_treatment(plan)
    yield from _wrong_programme(plan)
    yield from _wrong_endpoints(plan)
    yield from _wrong_codes(plan)
    yield from _wrong_tables(plan)
    yield from wrong_derived(plan)
    setting = plan.cohort.setting_column
    if setting == plan.cohort.id:
        yield "[cohort] setting", "the setting can't be the id column"
    elif setting != "setting" and "setting" in plan.kinds:
        yield "[columns.setting]", 'the name "setting" is kept for the setting itself: give this column another name in the file and here'


def _wrong_columns(plan: PlanContent) -> Iterator[tuple[str, str]]:
    for key in ("factors", "multivariable", "groups", "pooled", "table1", "later", "auxiliary"):
        for name in getattr(plan.analysis, key) or ():
            if name not in plan.columns:
                yield f"[analysis] {key}", f'"{name}" has no [columns.{name}]. {did_you_mean(name, plan.columns)}'
                continue
            kind = "key" if name == plan.cohort.id else plan.columns[name].kind or plan.kinds[name]
            refused = {"groups": ("key", "text", "date", "number"), "table1": ("key", "text")}.get(key, ("key", "text", "date"))
            if kind in refused:
                said = what_it_is(kind)
                needed = "a category (levels = { ... })" + ("" if key == "groups" else ' or a number (kind = "number")')
                yield f"[analysis] {key}", f'"{name}" is {said}, and only {needed} can stand here'


def _wrong_programme(plan: PlanContent) -> Iterator[tuple[str, str]]:
    for name, item in plan.programme.items():
        if item.column is not None and item.column not in plan.columns:
            yield (f"[programme.{name}] column",
                   f'"{item.column}" has no [columns.{item.column}]. {did_you_mean(item.column, plan.columns)}')  # fmt: skip
        elif item.column is not None:
            levels = plan.columns[item.column].levels.values()
            if item.level not in levels:
                yield f"[programme.{name}] level", f'"{item.level}" is not a level. {did_you_mean(item.level, levels)}'


def _wrong_endpoints(plan: PlanContent) -> Iterator[tuple[str, str]]:
    kept = {plan.cohort.id: "the patients' key", plan.cohort.setting_column: "the setting"}
    held: dict[str, tuple[str, str]] = {}  # column: what one part of the plan says that it holds
    for place, column, kind, unit in _uses(plan):
        declared = plan.columns.get(column)
        before, unit_before = held.setdefault(column, (kind, unit))
        if column in kept:
            yield place, f'"{column}" must hold a {kind}, and it is {kept[column]}'
        elif declared and declared.kind and declared.kind != kind and kind != "flag":
            yield place, f'"{column}" must hold a {kind}, and [columns.{column}] says {declared.kind}'
        elif before != kind:
            yield place, f'"{column}" must hold a {kind}, and elsewhere in the plan a {before}'
        elif unit != unit_before:
            yield place, f'"{column}" is in {unit}, and elsewhere in the plan in {unit_before}'
    for name, endpoint in plan.endpoints.items():
        if len(set(map(repr, endpoint.events.values()))) < len(endpoint.events):
            yield f"[endpoints.{name}] events", "two events are told by the same column: one of them could never happen"
        if "terminal" in endpoint.model_fields_set:
            for event in endpoint.terminal:
                if event not in endpoint.events:
                    yield f"[endpoints.{name}] terminal", f'"{event}" is not one of its events. {did_you_mean(event, endpoint.events)}'


def _uses(plan: PlanContent) -> Iterator[tuple[str, str, str, str]]:
    """Where a column is used outside [columns] and [analysis], what it must hold there, and in which unit."""
    for name, endpoint in plan.endpoints.items():
        for column, kind in endpoint_columns(endpoint):
            yield f"[endpoints.{name}]", column, kind, endpoint.unit if kind == "number" else ""
    for name, item in plan.programme.items():
        yield from ((f"[programme.{name}]", column, "date", "") for column in (item.start, item.end) if column)
    if plan.cohort.last_contact:
        yield "[cohort] last_contact", plan.cohort.last_contact, "date", ""


def _wrong_codes(plan: PlanContent) -> Iterator[tuple[str, str]]:
    """Codes of flags that are not levels, and codes that mean both a level and "not known"."""
    for place, event in plan.timed():
        levels = plan.columns.get(event.flag, ColumnPlan()).levels
        if levels and event.code not in levels:
            yield place, f'code "{event.code}" is not a level of {event.flag}: write code = with one of {", ".join(levels)}'
    meant = {f"a level of {name}": set(column.levels) for name, column in plan.columns.items()}
    meant |= {"a setting": set(plan.cohort.setting_levels)}
    meant |= {f"what {event.flag} holds when the event happened": {event.code} for _, event in plan.timed()}
    for what, codes in meant.items():
        for code in sorted(filter(plan.missing.covers, codes)):
            yield "[missing] codes", f'"{code}" is also {what}: it can\'t mean "not known" as well'


def _wrong_tables(plan: PlanContent) -> Iterator[tuple[str, str]]:
    """Related tables and REDCap's own keys."""
    for name, table in plan.tables.items():
        place = f"[tables.{name}]"
        if table.instrument and plan.redcap is None:
            yield f"{place} instrument", 'an instrument belongs to a REDCap project: add [redcap] with dictionary = "..."'
        if plan.redcap and not table.instrument:
            yield place, "the rows of a REDCap project stand in an instrument: write instrument"
        if (table.patient or plan.cohort.id) in table.columns:
            yield place, f'"{table.patient or plan.cohort.id}" is the patients\' key and can\'t be a column of the table as well'
        yield from _same_item(f"[tables.{name}.columns", table.columns)
    if plan.redcap is None:
        for name, column in plan.columns.items():
            if column.event:
                yield f"[columns.{name}] event", "an event belongs to a longitudinal REDCap project: add [redcap]"
    yield from _same_item("[columns", plan.columns)
    for key in plan.cohort.keys:
        if key in plan.kinds and key != plan.cohort.id:
            yield "[cohort] keys", f'"{key}" identifies patients and can\'t be used in the analysis as well'


def _same_item(place: str, columns: dict[str, ColumnPlan]) -> Iterator[tuple[str, str]]:
    """Standard items that there are not, and one that two columns claim to be."""
    held: dict[str, str] = {}
    for name, column in columns.items():
        if column.item and column.item not in items():
            yield f"{place}.{name}] item", f'there is no standard item "{column.item}". {did_you_mean(column.item, items())}'
        elif column.item and held.setdefault(column.item, name) != name:
            yield f"{place}.{name}] item", f'"{column.item}" is already {held[column.item]}: one column each'
