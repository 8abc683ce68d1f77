"""The rules of a clinical table, as data: what must hold, for which column, and what to do where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pa

from haip_outcomes.errors import Problem
from haip_outcomes.formatting import listed
from haip_outcomes.registry.cells import cell_text, looks_identifying, shown
from haip_outcomes.registry.endpoints import MONTHS, Endpoint
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.plan_parts import EndpointPlan, TimedFlag


@dataclass(frozen=True)
class Rule:
    """One rule: `holds` gives True for each row that is right; `column` is where a person should look, as the frame names it.

    `needs` are the columns that `holds` reads; a rule with an absent column is not asked.
    """

    column: str
    needs: tuple[str, ...]
    holds: Callable[[pd.DataFrame], pd.Series]
    expected: str
    advice: str


def rules(plan: Plan) -> list[Rule]:
    """All rules that a plan implies, each once."""
    found: dict[tuple[str, str], Rule] = {}
    for rule in (*_key_rules(plan), *_range_rules(plan), *_endpoint_rules(plan), *_programme_rules(plan)):
        found.setdefault((rule.column, rule.expected), rule)
    return list(found.values())


def broken(frame: pd.DataFrame, plan: Plan, table: str, unreadable: Iterable[Problem] = (), keys: frozenset[str] = frozenset()) -> list[Problem]:
    """Run every rule on a typed frame; a problem a rule, with the rows that break it.

    One fault is one problem: the rules are asked in their order, and what follows from a cell that is already blamed in a
    row (or was `unreadable`) is not said again.
    """
    setting = plan.cohort.setting_column
    blamed = {(row, "setting" if problem.column == setting else problem.column) for problem in unreadable for row in problem.rows}
    found = []
    for rule, rows in _violations(frame, plan):
        own = [row for row in rows if not any((row, column) in blamed for column in rule.needs)]
        if own:
            blamed |= {(row, rule.column) for row in own}
            found.append(_problem(rule, own, frame, plan, table, keys))
    return found


def _violations(frame: pd.DataFrame, plan: Plan) -> Iterator[tuple[Rule, list[int]]]:
    """Each broken rule with the rows that break it, in the order of the rules."""
    asked = {f"rule {i}": rule for i, rule in enumerate(rules(plan)) if set(rule.needs) <= set(frame.columns)}
    schema = pa.DataFrameSchema(checks=[
        pa.Check(rule.holds, name=name, title=rule.expected, description=rule.advice, ignore_na=False)
        for name, rule in asked.items()
    ])  # fmt: skip
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        for error in errors.schema_errors:
            if not isinstance(error.check_output, pd.Series):  # the rule itself failed: a bug, never the patient's fault
                raise error from None
            yield asked[error.check.name], [int(row) for row in frame.index[~error.check_output]]


def _problem(rule: Rule, rows: list[int], frame: pd.DataFrame, plan: Plan, table: str, keys: frozenset[str]) -> Problem:
    hidden = rule.column == plan.cohort.id or looks_identifying(rule.column) or rule.column not in frame
    found = "" if hidden else shown((cell_text(value) or "empty" for value in frame.loc[rows, rule.column]), keys)
    column = plan.cohort.setting_column or "setting" if rule.column == "setting" else rule.column
    return Problem(table, column, tuple(rows), found, rule.expected, rule.advice)


def _present(column: str, expected: str, advice: str) -> Rule:
    return Rule(column, (column,), lambda f: f[column].notna(), expected, advice)


def _between(column: str, low: float, high: float, unit: str) -> Rule:
    return Rule(column, (column,), lambda f: f[column].isna() | f[column].between(low, high), f"{low:g} to {high:g}{unit}",
                "correct it (a wrong unit?), or change the range in the plan")  # fmt: skip


def _not_negative(column: str) -> Rule:
    return Rule(column, (column,), lambda f: ~(f[column] < 0), "0 or more", "negative follow-up: correct the time")


def _not_endless(column: str, name: str, unit: str) -> Rule:
    most = round(1200 / MONTHS[unit])
    return Rule(column, (column,), lambda f: ~(f[column] > most), f"at most {most} {unit} (100 years)",
                f"correct it; if all times of the file are in another unit, write unit in [endpoints.{name}]")  # fmt: skip


def _not_before(earlier: str, later: str, advice: str) -> Rule:
    return Rule(later, (later, earlier), lambda f: ~(f[later] < f[earlier]), f"not before {earlier}", advice)


def _not_after(later: str, earlier: str, advice: str) -> Rule:
    return Rule(later, (later, earlier), lambda f: ~(f[later] > f[earlier]), f"not after {earlier}", advice)


def _key_rules(plan: Plan) -> Iterator[Rule]:
    key = plan.cohort.id
    yield _present(key, "a patient key in every row", "give the patient a key")
    yield Rule(key, (key,), lambda f: ~(f[key].notna() & f[key].str.casefold().duplicated(keep=False)), "one row a patient",
               "the same patient stands in these rows: keep one")  # fmt: skip
    yield _present("setting", "a setting in every row", "say whether the patient is adjuvant or unresectable")


def _range_rules(plan: Plan) -> Iterator[Rule]:
    for name, column in plan.columns.items():
        if column.range:
            yield _between(name, *column.range, f" {column.unit}" if column.unit else "")


def _endpoint_rules(plan: Plan) -> Iterator[Rule]:
    """Time zero first, then the last contact, the last look, the death, and at last who was followed at all."""
    by_dates = [recipe for recipe in plan.endpoints.values() if recipe.from_dates]
    for name, recipe in plan.endpoints.items():
        yield from [] if recipe.from_dates else _pair_rules(plan, name, recipe)
    for start in dict.fromkeys(recipe.start for recipe in by_dates):
        own = [recipe for recipe in by_dates if recipe.start == start]
        yield _present(start, "a date in every row", f"time zero of {own[0].label} is needed for every patient")
        yield from _start_rules(start, own)
    dates = sorted(column for column, kind in plan.kinds.items() if kind == "date")
    contact = plan.last_contact
    if contact:
        advice = "nothing is known after the last contact: correct one of the two dates"
        yield from _last(contact, [column for column in dates if column != contact], advice)
    for name, recipe in plan.endpoints.items():
        for label, event in recipe.events.items():
            if label not in recipe.terminal and isinstance(event, str) and recipe.last_seen:
                yield _not_after(event, recipe.last_seen, "an event can't follow the day when the patient was last seen for it: "
                                 f"correct one of the two dates{_or_terminal(name, recipe, label)}")  # fmt: skip
    deaths = {event for recipe in by_dates for label, event in recipe.events.items() if label in recipe.terminal and isinstance(event, str)}
    for death in sorted(deaths):
        yield from _last(death, [column for column in dates if column not in (*deaths, contact)], "it lies after the death: correct one of the two dates")
    for name, recipe in plan.endpoints.items():
        yield _followed(Endpoint.of(plan, name))
        if recipe.entry:
            yield _present(recipe.entry, "the date of entry in every row", "the date of entry is missing: give it, or leave entry out of the plan")
            yield _enters(Endpoint.of(plan, name), recipe.entry)


def _or_terminal(name: str, recipe: EndpointPlan, label: str) -> str:
    """Advice for an endpoint without a terminal event, which may be a death under another name."""
    return "" if set(recipe.terminal) & set(recipe.events) else f'; if "{label}" is a death, write terminal = ["{label}"] in [endpoints.{name}]'


def _last(last: str, others: list[str], advice: str) -> Iterator[Rule]:
    """Nothing lies after `last`. Where several dates do, that date itself is the likely fault and is blamed once."""
    yield Rule(last, (last, *others), lambda f: (f[others].gt(f[last], axis=0)).sum(axis=1) < 2, "no other date after it",
               "several dates lie after it: correct this one, or those")  # fmt: skip
    for column in others:
        yield _not_after(column, last, advice)


def _start_rules(start: str, recipes: list[EndpointPlan]) -> Iterator[Rule]:
    """Nothing that counts from a time zero lies before it. Where several dates do, time zero is blamed once."""
    events = list(dict.fromkeys(event for recipe in recipes for event in recipe.events.values() if isinstance(event, str)))
    looks = list(dict.fromkeys(recipe.last_seen for recipe in recipes if recipe.last_seen and recipe.last_seen not in events))
    others = [*events, *looks]
    yield Rule(start, (start, *others), lambda f: (f[others].lt(f[start], axis=0)).sum(axis=1) < 2, "no date before time zero",
               f"several of {listed(others)} lie before it: correct this one, or those")  # fmt: skip
    for event in events:
        yield _not_before(start, event, "an event before time zero: correct one of the two dates")
    for seen in looks:
        yield _not_before(start, seen, "negative follow-up: correct one of the two dates")


def _pair_rules(plan: Plan, name: str, recipe: EndpointPlan) -> Iterator[Rule]:
    seen = recipe.last_seen
    for label, event in recipe.events.items():
        if not isinstance(event, TimedFlag):
            continue
        yield _not_negative(event.time)
        yield _not_endless(event.time, name, recipe.unit)
        yield _present(event.flag, "a flag in every row", "say whether the event happened")
        yield _present(event.time, "a time in every row", "absent follow-up: give the time until which the patient was followed")
        if seen and label not in recipe.terminal:
            yield _event_seen(event, seen, plan)
    if seen:
        yield _not_negative(seen)
    for column in filter(None, (seen, recipe.entry)):
        yield _not_endless(column, name, recipe.unit)


def _event_seen(event: TimedFlag, seen: str, plan: Plan) -> Rule:
    happened = plan.holds(event)
    return Rule(event.time, (event.time, event.flag, seen),
                lambda f: ~((f[event.flag] == happened) & (f[event.time] > f[seen])),
                f"an event not after {seen}", "an event after the last look: correct one of the two times")  # fmt: skip


def _followed(endpoint: Endpoint) -> Rule:
    recipe = endpoint.plan

    def holds(frame: pd.DataFrame) -> pd.Series:
        happened, seen = endpoint.times(frame)
        followed = happened.notna().any(axis=1) | seen.notna()
        return followed | frame[recipe.start].isna() if recipe.from_dates else followed

    columns = endpoint.columns
    return Rule(recipe.last_seen or columns[0], columns, holds, f"follow-up for {recipe.label}",
                "absent follow-up: give the date or time when the patient was last seen")  # fmt: skip


def _enters(endpoint: Endpoint, entry: str) -> Rule:
    def holds(frame: pd.DataFrame) -> pd.Series:
        happened, seen = endpoint.times(frame)
        leaves = happened.min(axis=1).fillna(seen)
        return endpoint.entries(frame).notna() & ~(endpoint.entries(frame) >= leaves)

    return Rule(entry, endpoint.columns, holds, f"entry before the end of follow-up ({endpoint.plan.label})",
                "nobody can leave before entering: correct the date, or take the patient out of the file with a reason")  # fmt: skip


def _programme_rules(plan: Plan) -> Iterator[Rule]:
    for item in plan.programme.values():
        if item.start and item.end:
            yield _not_before(item.start, item.end, f"{item.label} would be negative: correct one of the two dates")
