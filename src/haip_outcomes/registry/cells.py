"""Cells to values: what a column must hold, and what is said of the cells that do not hold it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import Problem, did_you_mean
from haip_outcomes.formatting import listed
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.plan_parts import SETTINGS, ColumnPlan, is_number

_EXCEL_ERRORS = {"#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!"}
_IDENTIFYING = re.compile(
    r"(^|[_\W])(name|surname|initials|mrn|dob|birth.?date|date.?of.?birth|ssn|bsn|nhs|phone|mobile|e.?mail|address|postcode|zip)"
    r"($|[_\W])",
    re.IGNORECASE,
)


class _WrongError(ValueError):
    """A cell does not hold what its column must hold: what was expected, and what to do."""

    def __init__(self, expected: str, advice: str) -> None:
        self.expected, self.advice = expected, advice


def cell_text(value: Any) -> str:
    """A cell as a person reads it: 1.0 from a spreadsheet is "1", an empty cell is ""."""
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d") if value.time() == datetime.min.time() else value.isoformat(" ")
    return str(value)


def looks_identifying(column: str) -> bool:
    """True for a column whose name suggests that it identifies a patient."""
    return bool(_IDENTIFYING.search(column))


def convert(column: pd.Series, kind: str, plan: Plan, table: str, keys: frozenset[str] = frozenset()) -> tuple[pd.Series, list[Problem]]:
    """A raw column as its kind demands, and the problems of its cells.

    Cells that are empty or hold one of the plan's missing codes become missing. A cell that does not hold what it
    must is a problem and is never changed into something else. What stands among the patients' `keys` is never shown.
    """
    name = str(column.name)
    declared = plan.columns.get(name, ColumnPlan())
    read = _reader(kind, declared, plan, column)
    values: list[Any] = []
    wrong: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for row, raw in zip(column.index, column, strict=True):
        text = cell_text(raw)
        if plan.missing.covers(text):
            values.append(None)
            continue
        try:
            if text in _EXCEL_ERRORS:
                raise _WrongError("a value, not an error of Excel", "correct the formula, or leave the cell empty")
            values.append(read(raw, text))
        except _WrongError as error:
            values.append(None)
            wrong.setdefault((error.expected, error.advice), []).append((row, text))
    hidden = kind == "key" or looks_identifying(name)
    problems = [
        Problem(table, name, tuple(row for row, _ in cells), "" if hidden else shown((text for _, text in cells), keys), expected, advice)
        for (expected, advice), cells in wrong.items()
    ]
    return _typed(values, kind, declared, column), problems


def _typed(values: list[Any], kind: str, declared: ColumnPlan, column: pd.Series) -> pd.Series:
    index, name = column.index, column.name
    if kind in ("number", "flag"):
        return pd.Series([np.nan if v is None else v for v in values], index=index, name=name, dtype=float)
    if kind == "date":
        return pd.Series(pd.to_datetime(pd.Series(values, index=index, dtype=object)), name=name)
    if kind == "category":
        levels = list(dict.fromkeys(declared.levels.values())) or sorted({v for v in values if v is not None})
        return pd.Series(pd.Categorical(values, categories=levels), index=index, name=name)
    if kind == "setting":
        return pd.Series(pd.Categorical(values, categories=list(SETTINGS)), index=index, name="setting")
    return pd.Series(values, index=index, name=name, dtype=object)


def _reader(kind: str, declared: ColumnPlan, plan: Plan, column: pd.Series) -> Callable[[Any, str], Any]:
    if kind == "number":
        return _number
    if kind == "flag":
        return lambda raw, text: _flag(text)
    if kind == "code":
        codes = plan.flag_codes(str(column.name))
        others = {text for text in map(cell_text, column) if not plan.missing.covers(text)} - codes
        return lambda raw, text: _code(text, codes, others)
    if kind == "date":
        return lambda raw, text: _date(raw, text, plan.cohort.date_format)
    if kind == "category" and declared.levels:
        return lambda raw, text: _level(text, declared.levels, "undeclared code; correct it, or add it to levels or to [missing] codes")
    if kind == "setting":
        levels: dict[str, str] = {**plan.cohort.setting_levels} or {name: name for name in SETTINGS}
        return lambda raw, text: _level(text, levels, "unknown setting; correct it, or say what it means in setting_levels")
    if kind == "key":
        return lambda raw, text: _key(text)
    return lambda raw, text: text


def _key(text: str) -> str:
    if text != text.strip():
        raise _WrongError("a key without spaces around it", "remove the spaces: the same patient could stand here twice")
    return text


def _number(raw: Any, text: str) -> float:
    if isinstance(raw, bool) or not (isinstance(raw, (int, float)) or is_number(text.strip())):
        comma = re.fullmatch(r"\s*[+-]?\d+,\d+\s*", text)
        advice = f"write {text.strip().replace(',', '.')}" if comma else "correct it, or add it to [missing] codes"
        raise _WrongError("a number with a decimal point" if comma else "a number", advice)
    value = float(raw)
    if not np.isfinite(value):
        raise _WrongError("a finite number", "correct it, or leave the cell empty")
    return value


def _flag(text: str) -> float:
    if text not in ("0", "1"):
        raise _WrongError("0 (no) or 1 (yes)", "correct it, or declare the column's levels in the plan")
    return float(text)


def _code(text: str, codes: set[str], others: set[str]) -> str:
    """A flag that holds a code when the event happened: it did not where it holds the one other value of the column."""
    folded = {code.strip().casefold() for code in codes}
    if text not in codes and (len(others) > 1 or text.strip().casefold() in folded):
        raise _WrongError(f"{listed(sorted(codes), 'or')} where it happened, one other value where not",
                          "correct it, or say in the column's levels what each value means")  # fmt: skip
    return text


def _date(raw: Any, text: str, date_format: str) -> datetime:
    try:
        found = raw if isinstance(raw, date) else datetime.strptime(text, date_format)  # a datetime is a date
    except ValueError:
        example = date(2019, 3, 31).strftime(date_format)
        raise _WrongError(f"a date such as {example}", "correct it, or set date_format in [cohort] of the plan") from None
    day = datetime(found.year, found.month, found.day)
    if not datetime(1900, 1, 1) <= day <= datetime.now():
        raise _WrongError("a date between 1900 and today", "correct the date")
    return day


def _level(text: str, levels: dict[str, str], advice: str) -> str:
    if text not in levels:
        near = did_you_mean(text, levels) if len(text) > 2 else ""
        raise _WrongError(f"one of {', '.join(levels)}", f"{advice}. {near}" if near.startswith("Did") else advice)
    return levels[text]


def shown(texts: Iterable[str], keys: frozenset[str] = frozenset(), most: int = 3) -> str:
    """The different things found, cut to a readable length, without what is a patient's key (counts under 1000 are no secret)."""
    seen = list(dict.fromkeys(texts))
    first = list(dict.fromkeys(_shortened(text, keys) for text in seen[:most]))
    return ", ".join(first) + (", ..." if len(seen) > most else "") if len(seen) != 2 else listed(first)


def _holds_key(text: str, keys: frozenset[str]) -> bool:
    if text in keys:
        return len(text) > 3 or not text.isdigit()
    return any(len(key) > 3 and not key.isdigit() and key in text for key in keys)  # 2012 in a date is no key


def _shortened(text: str, keys: frozenset[str]) -> str:
    if _holds_key(text.strip(), keys):
        return "(a patient's key)"
    text = text if text == text.strip() else f'"{text}"'  # so that spaces are seen
    return text if len(text) <= 24 else f"{text[:23]}…"
