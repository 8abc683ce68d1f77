"""An SPSS (.sav, .zsav) or Stata (.dta) file to raw cells: codes with their labels, dates, and what the file declares as missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import Problem
from haip_outcomes.registry.sources.header import Expected, check_names, under_names
from haip_outcomes.registry.sources.labelled_dates import dated
from haip_outcomes.registry.sources.raw_table import RawTable
from haip_outcomes.registry.sources.statistics_file import PROGRAMS, STATA, Variable, variables_of
from haip_outcomes.registry.values.distinct_cells import cell_text

_TAG = re.compile(r"[a-z]")


@dataclass(frozen=True, eq=False)
class _Column:
    """One variable: its cells, the codes that the file declares as missing with their rows, its labels, and what it is."""

    cells: pd.Series
    kind: str
    missing: dict[str, tuple[int, ...]]
    labels: dict[str, str]


def labelled_table(content: bytes, name: str, expected: Expected, *, suffix: str, encoding: str | None = None) -> RawTable:
    """The cells of an SPSS or Stata file: codes as codes, their labels in `labels`, variable labels in `titles`.

    Codes that the file declares as missing (SPSS's user-missing values, Stata's .a to .z) are empty cells, and a warning
    names them with their rows, because the file's own declaration must hold here as it holds in SPSS and Stata. Two kinds stay
    as they are: those that the plan counts among a column's levels, and those of its [missing] codes, which it treats itself.

    Rows are numbered as the programs' own windows do: the first patient is row 1. A number of single precision (Stata's float)
    is read as the shortest decimal that stands for it: 12.3, not 12.300000190734863.

    Parameters
    ----------
    suffix : ".sav", ".zsav" or ".dta".
    encoding : declared by the plan; otherwise what the file says of itself.

    Raises
    ------
    CohortError : the file is damaged or no such file, or none of the plan's columns is there.
    """
    variables, notes = variables_of(content, name, suffix, encoding)
    names = [variable.name for variable in variables]
    check_names(names, name, expected)
    columns = {variable.name: _column(variable, suffix == STATA, expected.keeps) for variable in variables}
    missing = {column: {code: one.labels.get(code, "") for code in one.missing} for column, one in columns.items() if one.missing}
    for column, codes in missing.items():
        notes.append(_missing_note(name, column, columns[column].missing, {} if column == expected.key else codes, PROGRAMS[suffix]))
    labels = {column: {code: label for code, label in one.labels.items() if code not in one.missing} for column, one in columns.items()}
    labels = {column: left for column, left in labels.items() if left}
    kinds = {column: "category" if _all_labelled(one, labels.get(column, {})) else one.kind for column, one in columns.items()}
    titles = {variable.name: variable.title for variable in variables if variable.title}
    n = len(variables[0].values) if variables else 0
    cells = pd.DataFrame({i: columns[column].cells for i, column in enumerate(names)}, index=range(n))
    cells.index = pd.RangeIndex(1, n + 1)
    return under_names(RawTable(name, cells, tuple(notes), labels, kinds, (), titles, missing), names, expected, names_in_row_1=False)


def _column(variable: Variable, stata: bool, keeps: Callable[[str, str], bool]) -> _Column:
    values, tags = variable.values, None
    if variable.is_text:
        cells, kind = values.where(values.notna(), None), "text"
        declared = _in_ranges(cells.fillna(""), variable.ranges)
    else:
        numbers, tags = _numbers(values, variable.single)
        cells, kind = dated(numbers, variable.form, stata) or (pd.Series(numbers), "number")
        declared = _in_ranges(pd.Series(numbers), variable.ranges)
        if tags is not None:
            declared |= tags.notna().to_numpy()
    missing: dict[str, tuple[int, ...]] = {}
    places = np.flatnonzero(declared)
    if len(places):
        cells = cells.astype(object)
        codes = cells.iloc[places] if tags is None else tags.iloc[places].fillna(cells.iloc[places])
        texts = np.array([cell_text(code) for code in codes], dtype=object)
        for code in dict.fromkeys(texts):
            held = places[texts == code]
            if keeps(variable.name, code):
                cells.iloc[held] = codes[texts == code]
            else:
                cells.iloc[held] = None
                missing[code] = tuple(int(place) + 1 for place in held)
    return _Column(cells, kind, missing, _labels(variable, stata))


def _numbers(values: pd.Series, single: bool) -> tuple[np.ndarray, pd.Series | None]:
    """The numbers, and Stata's extended missing values as ".a" to ".z"."""
    tags = None
    if values.dtype == object:
        tags = values.map(lambda value: f".{value}" if isinstance(value, str) else None).astype(object)
        values = values.where(tags.isna(), None)
    numbers = values.to_numpy(dtype=float)
    return numbers.astype(np.float32).astype(str).astype(float) if single else numbers, tags


def _in_ranges(values: pd.Series, ranges: list[dict[str, Any]]) -> np.ndarray:
    found = np.zeros(len(values), dtype=bool)
    for one in ranges:
        found |= ((values >= one["lo"]) & (values <= one["hi"])).to_numpy()
    return found


def _labels(variable: Variable, stata: bool) -> dict[str, str]:
    def text(code: Any) -> str:
        if isinstance(code, str):
            return f".{code}" if stata and not variable.is_text and _TAG.fullmatch(code) else code
        return cell_text(float(str(np.float32(code))) if variable.single else code)

    return {text(code): label for code, label in variable.labels.items()}


def _all_labelled(column: _Column, labels: dict[str, str]) -> bool:
    return bool(labels) and column.kind != "date" and {cell_text(value) for value in column.cells.unique()} <= {"", *labels}


def _missing_note(name: str, column: str, missing: dict[str, tuple[int, ...]], shown: dict[str, str], program: str) -> Problem:
    codes = [f"{code} ({label})" if label else code for code, label in shown.items()] or ["codes"]
    rows = tuple(sorted(row for rows in missing.values() for row in rows))
    return Problem(name, column, rows, f"{', '.join(codes[:5])}{', ...' if len(codes) > 5 else ''}: missing, as the {program} file declares",
                   "values, or codes that the plan calls missing", "read as not known; if one of them is an answer, write it in the column's levels", "warning")
