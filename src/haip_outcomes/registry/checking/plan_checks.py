"""The rules that a plan implies: its keys, ranges, endpoints and days of the programme."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.formatting import listed
from haip_outcomes.registry.checking.ranges import plan_range_rules
from haip_outcomes.registry.checking.rule import (
    AFTER_CONTACT,
    AFTER_DEATH,
    CONTRADICTION,
    KEYS,
    MISSING,
    NO_BASELINE,
    RANGE,
    Rule,
    in_order,
)
from haip_outcomes.registry.checking.story import PATIENT
from haip_outcomes.registry.endpoints import MONTHS, Endpoint
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.planning.parts import ConstantSetting, EndpointPlan, TimedFlag

MOST_FILLED = 0.1  # a larger share of a row's cells, and it has a baseline

_ENDED: dict[str, Any] = {"telling": AFTER_CONTACT, "asks": "no date lies after the last contact (`[cohort] last_contact`, or `last_seen` of `os`)", "why": "Nothing is known after the last contact."}
_DEAD: dict[str, Any] = {"telling": AFTER_DEATH, "asks": "no date but the last contact lies after a death", "why": "Nothing happens to a patient after the death."}
_ZERO = {"asks": "no event and no last look lies before the endpoint's time zero", "why": "Follow-up can't be negative.",
         "several": "no date before time zero"}  # fmt: skip
_SEEN = {"asks": "no event but a terminal one lies after the endpoint's `last_seen`", "why": "Nobody looked any more, so nobody can have seen it."}


def plan_rules(plan: Plan) -> list[Rule]:
    """All rules that a plan implies, each once."""
    found: dict[tuple[object, ...], Rule] = {}
    related = (rule for name, table in plan.tables.items() for rule in (*_related_key_rules(name, plan), *plan_range_rules(table.columns, name)))
    for rule in (*_baseline_rule(plan), *_key_rules(plan), *plan_range_rules(plan.columns), *_endpoint_rules(plan), *_programme_rules(plan), *_known_rules(plan), *related):
        found.setdefault((rule.table, rule.order or (rule.column, rule.expected, rule.advice)), rule)
    return list(found.values())


def _present(column: str, expected: str, advice: str, asks: str, why: str, table: str = "") -> Rule:
    return Rule(MISSING, column, (column,), lambda f: f[column].notna(), expected, advice, table=table, asks=asks, why=why)


def _key_rules(plan: Plan) -> Iterator[Rule]:
    key = plan.cohort.id
    yield replace(_present(key, "a patient key in every row", "give the patient a key", "every patient has a key", "A row without a key may be anybody."), kind=KEYS)
    yield Rule(KEYS, key, (key,), lambda f: ~(f[key].notna() & f[key].str.casefold().duplicated(keep=False)), "one row a patient",
               "the same patient stands in these rows: keep one", asks="no key stands there twice (upper and lower case are the same)",
               why="A patient who stands there twice is counted twice.")  # fmt: skip
    yield _present("setting", "a setting in every row", "say whether the patient is adjuvant or unresectable", "every patient has a setting", "Results are by setting.")


def _baseline_rule(plan: Plan) -> Iterator[Rule]:
    """A row without setting and time zero in which nearly everything else is empty too: one fault, whatever would follow from it."""
    starts = list(dict.fromkeys(recipe.start for recipe in plan.endpoints.values() if recipe.from_dates and recipe.without_start is None))
    first = [*([] if isinstance(plan.cohort.setting, ConstantSetting) else ["setting"]), *starts]
    if not first:
        return

    def holds(f: pd.DataFrame) -> np.ndarray:
        has = f[first].notna().any(axis=1).to_numpy()
        asked = [column for column in plan.columns if column in f and column not in (*plan.derived, *first, plan.cohort.centre)]
        rest = f.loc[~has, asked]
        filled = rest.notna() & (rest.astype(object) != "No")  # a box that nobody ticked
        has[~has] = (filled.sum(axis=1) > MOST_FILLED * len(asked)).to_numpy()
        return has

    advice = ("this record has no baseline, only repeating rows: fill in its other instruments, or export them too" if plan.redcap
              else "this row holds nothing but a key: fill it in, or remove it")  # fmt: skip
    yield Rule(NO_BASELINE, first[0], tuple(first), holds, "a patient with a baseline", advice,
                asks="no patient lacks setting, time zero and nearly everything else", why="It is one fault, and nothing else is said of such a row.")  # fmt: skip


def _related_key_rules(name: str, plan: Plan) -> Iterator[Rule]:
    key = plan.tables[name].patient or plan.cohort.id
    yield Rule(KEYS, key, (PATIENT,), lambda f: f[PATIENT] >= 0, "the key of one of the patients", "add the patient to the patients' table, or correct the key",
               table=name, by_item=True, asks="every row of a related table has a patient of the patients' table", why="A row of nobody would be lost in silence.")  # fmt: skip


def _endpoint_rules(plan: Plan) -> Iterator[Rule]:
    """Time zero first, then the last contact, the last look, the death, and at last who was followed at all."""
    by_dates = [recipe for recipe in plan.endpoints.values() if recipe.from_dates]
    for name, recipe in plan.endpoints.items():
        yield from [] if recipe.from_dates else _pair_rules(plan, name, recipe)
    for start in dict.fromkeys(recipe.start for recipe in by_dates):
        own = [recipe for recipe in by_dates if recipe.start == start]
        strict = [recipe for recipe in own if recipe.without_start is None]
        if strict:
            yield _present(start, "a date in every row", f"time zero of {strict[0].label} is needed for every patient", "time zero is known for every patient",
                           "Without it no time can be counted.")  # fmt: skip
        else:
            left_out = f"these patients are left out of {listed([recipe.label for recipe in own])}, as the plan says"
            yield replace(_present(start, "a date in every row", left_out, "patients without time zero, where the plan leaves them out of the endpoint",
                                   "They are counted, and named by their rows."), severity="warning", flag=True)  # fmt: skip
        yield from _start_rules(start, own)
    dates = sorted(column for column, kind in plan.kinds.items() if kind == "date")
    contact = plan.last_contact
    if contact:
        for column in dates:
            if column != contact:
                yield in_order(column, contact, column, "nothing is known after the last contact: correct one of the two dates", **_ENDED)
    for name, recipe in plan.endpoints.items():
        for label, event in recipe.events.items():
            if label not in recipe.terminal and isinstance(event, str) and recipe.last_seen:
                yield in_order(event, recipe.last_seen, event, "an event can't follow the day when the patient was last seen for it: "
                               f"correct one of the two dates{_or_terminal(name, recipe, label)}", **_SEEN)  # fmt: skip
    deaths = {event for recipe in by_dates for label, event in recipe.events.items() if label in recipe.terminal and isinstance(event, str)}
    for death in sorted(deaths):
        for column in dates:
            if column not in (*deaths, contact):
                yield in_order(column, death, column, "it lies after the death: correct one of the two dates", **_DEAD)
    for name, recipe in plan.endpoints.items():
        yield _followed(Endpoint.of(plan, name))
        if recipe.entry:
            yield _present(recipe.entry, "the date of entry in every row", "the date of entry is missing: give it, or leave entry out of the plan",
                           "`entry` is known for every patient", "Who entered later was not at risk before.")  # fmt: skip
            yield _enters(Endpoint.of(plan, name), recipe.entry)


def _or_terminal(name: str, recipe: EndpointPlan, label: str) -> str:
    """Advice for an endpoint without a terminal event, which may be a death under another name."""
    return "" if set(recipe.terminal) & set(recipe.events) else f'; if "{label}" is a death, write terminal = ["{label}"] in [endpoints.{name}]'


def _start_rules(start: str, recipes: list[EndpointPlan]) -> Iterator[Rule]:
    events = list(dict.fromkeys(event for recipe in recipes for event in recipe.events.values() if isinstance(event, str)))
    looks = list(dict.fromkeys(recipe.last_seen for recipe in recipes if recipe.last_seen and recipe.last_seen not in events))
    for event in events:
        yield in_order(start, event, event, "an event before time zero: correct one of the two dates", **_ZERO)
    for seen in looks:
        yield in_order(start, seen, seen, "negative follow-up: correct one of the two dates", **_ZERO)


def _pair_rules(plan: Plan, name: str, recipe: EndpointPlan) -> Iterator[Rule]:
    seen = recipe.last_seen
    for label, event in recipe.events.items():
        if not isinstance(event, TimedFlag):
            continue
        yield _not_negative(event.time)
        yield _not_endless(event.time, name, recipe.unit)
        yield _present(event.flag, "a flag in every row", "say whether the event happened", "every patient has the flag of an event kept as time and flag",
                       "An empty flag is no No.")  # fmt: skip
        yield _present(event.time, "a time in every row", "absent follow-up: give the time until which the patient was followed",
                       "every patient has the time of an event kept as time and flag", "Without it nobody knows how long the patient was followed.")  # fmt: skip
        if seen and label not in recipe.terminal:
            yield _event_seen(event, seen, plan)
    if seen:
        yield _not_negative(seen)
    for column in filter(None, (seen, recipe.entry)):
        yield _not_endless(column, name, recipe.unit)


def _not_negative(column: str) -> Rule:
    return Rule(RANGE, column, (column,), lambda f: ~(f[column] < 0), "0 or more", "negative follow-up: correct the time",
                asks="no time is negative", why="Follow-up can't be negative.")  # fmt: skip


def _not_endless(column: str, name: str, unit: str) -> Rule:
    most = round(1200 / MONTHS[unit])
    return Rule(RANGE, column, (column,), lambda f: ~(f[column] > most), f"at most {most} {unit} (100 years)",
                f"correct it; if all times of the file are in another unit, write unit in [endpoints.{name}]",
                asks="no time is longer than 100 years in the declared unit", why="Days where months are declared.")  # fmt: skip


def _event_seen(event: TimedFlag, seen: str, plan: Plan) -> Rule:
    happened = plan.holds(event)
    return Rule(CONTRADICTION, event.time, (event.time, event.flag, seen),
                lambda f: ~((f[event.flag] == happened) & (f[event.time] > f[seen])),
                f"an event not after {seen}", "an event after the last look: correct one of the two times",
                asks="of times and flags: no event but a terminal one lies after `last_seen`", why=_SEEN["why"])  # fmt: skip


def _followed(endpoint: Endpoint) -> Rule:
    recipe = endpoint.plan

    def holds(frame: pd.DataFrame) -> pd.Series:
        happened, seen = endpoint.times(frame)
        followed = happened.notna().any(axis=1) | seen.notna()
        return followed | frame[recipe.start].isna() if recipe.from_dates else followed

    columns = endpoint.columns
    return Rule(MISSING, recipe.last_seen or columns[0], columns, holds, f"follow-up for {recipe.label}",
                "absent follow-up: give the date or time when the patient was last seen; a patient not looked at yet is followed for 0 days when "
                "last_seen is the latest of that date and time zero ([derived], take = \"latest\")",
                asks="every patient has an event or a date (or time) of being last seen, for every endpoint", why="A patient without follow-up says nothing.")  # fmt: skip


def _enters(endpoint: Endpoint, entry: str) -> Rule:
    def holds(frame: pd.DataFrame) -> pd.Series:
        happened, seen = endpoint.times(frame)
        leaves = happened.min(axis=1).fillna(seen)
        in_time = endpoint.entries(frame).notna() & ~(endpoint.entries(frame) >= leaves)
        return in_time | frame[endpoint.plan.start].isna() if endpoint.plan.without_start else in_time

    return Rule(CONTRADICTION, entry, endpoint.columns, holds, f"entry before the end of follow-up ({endpoint.plan.label})",
                "nobody can leave before entering: correct the date, or take the patient out of the file with a reason",
                asks="who enters late enters before the end of follow-up", why="Nobody is at risk for no time.")  # fmt: skip


def _programme_rules(plan: Plan) -> Iterator[Rule]:
    for item in plan.programme.values():
        if item.start and item.end:
            yield in_order(item.start, item.end, item.end, f"{item.label} would be negative: correct one of the two dates",
                           asks="no number of days of `[programme]` is negative", why="Its end can't lie before its start.")  # fmt: skip


def _known_rules(plan: Plan) -> Iterator[Rule]:
    """A value that became known on a date has that date; until then a patient has the level before it."""
    for name, column in plan.columns.items():
        date = column.known_date
        if date is None or name in plan.derived:
            continue
        before = column.before or next(iter(column.levels.values()), None)
        than = "" if before is None else f' other than "{before}"'
        correct = "empty the value" if before is None else f'correct it to "{before}"'
        yield Rule(MISSING, date, (date, name), _dated(name, date, before), f"the date since when {plan.label(name)} has a value{than}",
                   f"give the date, or {correct}; until then {plan.label(name)} can't be analysed over time", severity="warning",
                   asks="a column with `known = \"its_date_column\"` has that date where its value is not the level `before`",
                   why="Nobody knows since when the patient has it.")  # fmt: skip


def _dated(name: str, date: str, before: str | None) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda f: f[name].isna() | f[date].notna() | (f[name].astype(object) == before)
