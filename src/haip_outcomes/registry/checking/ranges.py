"""Ranges: what an item can be at all, and what is believable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date

import numpy as np
import pandas as pd

from haip_outcomes.registry.checking.rule import CONTRADICTION, RANGE, UNIT, Rule, Severity
from haip_outcomes.registry.checking.units import Limits, Test, cell_unit_rules, column_unit_rules
from haip_outcomes.registry.items import Item, items
from haip_outcomes.registry.planning.parts import ColumnPlan

OLDEST, ADULT, ELDERLY = 115, 18, 90  # years of age
_ZERO_TOO = {"cycle_dose_mg": ", or 0 (held)", "largest_cm": ", or 0 where no metastasis is left"}  # below what is believable, and 0 is no fault by itself


def range_rules(counted: bool = True) -> Iterator[Rule]:
    """For each item with ranges: another unit first, then what is impossible, then what is hard to believe.

    `counted` says that the metastases are counted, so that a size of 0 is judged by their number (`measures`), and not here.
    """
    yield from _years_and_ages()
    for item in items().values():
        table = "" if item.table == "patient" else item.table
        if item.kind != "number":
            continue
        if item.possible and item.believable:
            yield from column_unit_rules(item.name, item.name, item.unit, item.believable, table)
            for severity in ("error", "warning"):
                yield from cell_unit_rules(item.name, item.name, item.unit, item.possible, item.believable, severity, table)
        if item.whole:
            yield Rule(RANGE, item.name, (item.name,), _where_known(item.name, lambda x: x == np.floor(x)), "a whole number", "correct it",
                       table=table, by_item=True, why="It is counted.")  # fmt: skip
        if item.possible:
            yield _range(item, item.possible, "error", "correct it: a typing error, or another unit?", table,
                         "No patient has such a value, and it would move means and models.")  # fmt: skip
        if item.believable and item.believable != item.possible:
            zero = _ZERO_TOO.get(item.name, "") if counted or item.name != "largest_cm" else ""
            yield _range(item, item.believable, "warning", "look at it again: can it be true?", table,
                         "It can be true, and is rare enough to be looked at.", zero)  # fmt: skip


def plan_range_rules(columns: Mapping[str, ColumnPlan], table: str = "") -> Iterator[Rule]:
    """The ranges that a plan declares for its columns; where a column is a standard item, likely units are named."""
    for name, column in columns.items():
        if not column.range:
            continue
        limits, unit = column.range, f" {column.unit}" if column.unit else ""
        expected = f"{limits[0]:g} to {limits[1]:g}{unit}"
        if column.unit in ("years", "year") and limits[1] < 1900:
            yield Rule(UNIT, name, (name,), _where_known(name, _is_no_year), expected, "this looks like a year of birth: give the age",
                       table=table, asks="a column in years holds no calendar year", why="A year of birth in place of an age.")  # fmt: skip
        item = items().get(column.item or "")
        believable = _both(limits, item.believable if item else None)
        yield from column_unit_rules(column.item or "", name, column.unit, believable, table, by_item=False)
        yield from cell_unit_rules(column.item or "", name, column.unit, limits, believable, "error", table, by_item=False)
        yield Rule(RANGE, name, (name,), _where_known(name, _within(limits)), expected,
                   "correct it (a wrong unit?), or change the range in the plan", table=table,
                   asks="a number lies within the `range` of its `[columns.NAME]`", why="The centre itself declared what can be.")  # fmt: skip


def _both(limits: Limits, believable: Limits | None) -> Limits:
    """What a plan's range and the item's believable one have in common: a wide range makes no strange number believable."""
    if believable is None:
        return limits
    low, high = max(limits[0], believable[0]), min(limits[1], believable[1])
    return (low, high) if low < high else limits


def _range(item: Item, limits: Limits, severity: Severity, advice: str, table: str, why: str, zero: str = "") -> Rule:
    unit = f" {item.unit}" if item.unit else ""

    def within(x: pd.Series) -> pd.Series:
        return x.between(*limits) | (x == 0) if zero else x.between(*limits)

    return Rule(RANGE, item.name, (item.name,), _where_known(item.name, within), f"{limits[0]:g} to {_plain(limits[1])}{unit}{zero}",
                advice, severity, table, True, why=why)  # fmt: skip


def _years_and_ages() -> Iterator[Rule]:
    yield Rule(UNIT, "birth_year", ("birth_year",), _where_known("birth_year", lambda x: ~x.between(0, OLDEST)), "a year of four digits",
               "this looks like an age, or a year of two digits: give the year of birth", by_item=True, why="An age in place of a year of birth.")  # fmt: skip
    for start in ("pump_date", "diagnosis_date"):
        yield Rule(CONTRADICTION, "birth_year", ("birth_year", start), _age_within(0, OLDEST, start),
                   f"0 to {OLDEST} years old at {{{start}}}", f"correct the year of birth, or {{{start}}}", by_item=True, found=_age_in_words(start),
                   why="Nobody is diagnosed or treated before birth.")  # fmt: skip
        yield Rule(RANGE, "birth_year", ("birth_year", start), _age_within(ADULT, ELDERLY, start),
                   f"{ADULT} to {ELDERLY} years old at {{{start}}}", "look at it again: can it be true?", "warning", by_item=True, found=_age_in_words(start),
                   why="Pumps are placed in adults, and hardly ever after 90.")  # fmt: skip


def _age(f: pd.DataFrame, start: str) -> pd.Series:
    return f[start].dt.year - f["birth_year"]


def _age_within(low: int, high: int, start: str) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda f: ~((_age(f, start) < low) | (_age(f, start) > high))


def _age_in_words(start: str) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda f: _age(f, start).map(lambda years: f"{years:g} years old")


def _plain(value: float) -> str:
    return f"{value:,.10g}" if value >= 10_000 else f"{value:.10g}"


def _is_no_year(values: pd.Series) -> pd.Series:
    return ~(values.between(1900, date.today().year) & (values == np.floor(values)))


def _within(limits: Limits) -> Test:
    return lambda x: x.between(*limits)


def _where_known(name: str, true: Test) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda f: f[name].isna() | true(f[name])
