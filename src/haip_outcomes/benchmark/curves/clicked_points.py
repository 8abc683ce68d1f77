"""The two small files that a digitising program and a reader's eye give: points of a curve, and numbers at risk."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.curves.given_numbers import absent, number_of, shown
from haip_outcomes.errors import PlanError, did_you_mean
from haip_outcomes.formatting import plural

_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")  # not all that Python reads: 1_0 is a slip of the pen
_MOST = 20  # lines named in one message


def read_points(given: Any) -> pd.DataFrame:
    """Points of a curve, a file or a frame: columns time and survival."""
    return _table(given, ("time", "survival"), "points_csv")


def read_at_risk(given: Any) -> pd.DataFrame:
    """Numbers at risk, a file or a frame: columns time and n_risk."""
    return _table(given, ("time", "n_risk"), "at_risk_csv")


def _table(given: Any, names: tuple[str, str], argument: str) -> pd.DataFrame:
    if isinstance(given, pd.DataFrame):
        return _of_frame(given, names, argument)
    if not isinstance(given, (str, Path)):
        raise PlanError(f"{argument} is {shown(given)}; give the path of a CSV file, or a data frame, with the columns {names[0]} and {names[1]}.")
    return _read(Path(given), names)


def _of_frame(frame: pd.DataFrame, names: tuple[str, str], argument: str) -> pd.DataFrame:
    """The two columns of a frame, in its order of rows."""
    columns = list(frame.columns)
    for name in names:
        if columns.count(name) != 1:
            raise PlanError(f'{argument}: there is no column "{name}". {did_you_mean(name, map(str, columns))}' if name not in columns
                            else f'{argument}: there are several columns "{name}": rename or drop all but one.')  # fmt: skip
    found: dict[str, list[float]] = {}
    for name in names:
        numbers = [None if absent(value) else number_of(value) for value in frame[name]]
        wrong = [str(place) for place, number in enumerate(numbers, start=1) if number is None or not math.isfinite(number)]
        if wrong:
            raise PlanError(f"{argument}: {name} is missing or no number in {plural(len(wrong), 'row')}: {', '.join(wrong[:_MOST])}{', ...' if len(wrong) > _MOST else ''}.")
        found[name] = [float(number) for number in numbers if number is not None]
    if not len(frame):
        raise PlanError(f"{argument} has no rows.")
    return pd.DataFrame(found, dtype=np.float64)


def _read(path: Path, names: tuple[str, str]) -> pd.DataFrame:
    """A file with these two columns by name, or with two columns of numbers and no header.

    Separated by commas, or by semicolons or tabs with decimal points or decimal commas, one of the two throughout.

    Raises
    ------
    PlanError : the file is absent or no text, a column is missing or there twice, a row has more cells than the header (decimal commas
        between commas), a cell is no number: all such lines at once.
    """
    separator, lines = _lines(path, names)
    header = lines[0][1]
    if all(_number(cell, separator) is not None for cell in header):
        if len(header) != 2:
            raise PlanError(f"{path.name} has no header and {len(header)} columns ({_SEPARATORS[separator]}s between them): "
                            f"give it the header {names[0]}{separator}{names[1]}{_decimal_commas(separator)}.")  # fmt: skip
        places, body = (0, 1), lines
    else:
        folded = [name.casefold() for name in header]
        missing = [name for name in names if name not in folded]
        if missing:
            raise PlanError("\n".join(f'{path.name}: there is no column "{name}". {did_you_mean(name, header)}' for name in missing))
        twice = [name for name in names if Counter(folded)[name] > 1]
        if twice:
            raise PlanError("\n".join(f'{path.name}: the column "{name}" is there {Counter(folded)[name]} times, as of several curves: '
                                      "save each curve in a file of its own." for name in twice))  # fmt: skip
        places, body = (folded.index(names[0]), folded.index(names[1])), lines[1:]
    longer = [f"  line {i}: {len(row)} cells, and {len(header)} in the first line" for i, row in body if len(row) > len(header)]
    if longer:
        raise PlanError("\n".join([f"{path.name} has rows with more cells than its first line{_decimal_commas(separator)}:", *_some(longer)]))
    problems, rows = [], []
    for i, row in body:
        found = []
        for place, name in zip(places, names, strict=True):
            cell = row[place] if place < len(row) else ""
            value = _number(cell, separator)
            if value is None:
                problems.append(f'  line {i}: {name} is "{cell}", which is no number' if cell else f"  line {i}: {name} is missing")
            found.append(value)
        rows.append(found)
    if problems:
        raise PlanError("\n".join([f"{path.name} has cells that are no numbers:", *_some(problems)]))
    if not rows:
        raise PlanError(f"{path.name} has a header and no rows.")
    _one_decimal_sign(path, separator, [(i, row[place]) for i, row in body for place in places])
    return pd.DataFrame(rows, columns=list(names), dtype=float)


def _lines(path: Path, names: tuple[str, str]) -> tuple[str, list[tuple[int, list[str]]]]:
    """What separates the columns, and the lines that are not empty, with their numbers; empty cells at a line's end are not cells."""
    if not path.is_file():
        raise PlanError(f"There is no file {path}. It must have the columns {names[0]} and {names[1]}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError):
        raise PlanError(f"{path.name} can't be read as text in UTF-8. Save it as CSV.") from None
    separator = next((one for one in ("\t", ";") if one in text), ",")
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    lines = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                lines.append((reader.line_num, cells))
    except csv.Error as error:
        raise PlanError(f"{path.name} can't be read as a table: {error}. Save it as CSV.") from None
    if not lines:
        raise PlanError(f"{path.name} is empty. It must have the columns {names[0]} and {names[1]}.")
    return separator, lines


def _decimal_commas(separator: str) -> str:
    if separator != ",":
        return ""
    return "; if these are decimal commas, save the file with semicolons between the columns, or with decimal points"


def _one_decimal_sign(path: Path, separator: str, cells: list[tuple[int, str]]) -> None:
    """Refuse 1.200 beside 0,96: the point may be one of thousands."""
    if separator == ",":
        return
    comma = next(((i, cell) for i, cell in cells if "," in cell), None)
    points = [f"  line {i}: {cell}" for i, cell in cells if "." in cell]
    if comma and points:
        raise PlanError("\n".join([f"{path.name} has decimal commas (line {comma[0]}: {comma[1]}) and points: is a point decimal, or of thousands? "
                                   "Write all numbers in one way, without signs of thousands:", *_some(points)]))  # fmt: skip


def _some(lines: list[str]) -> list[str]:
    return [*lines[:_MOST], *(["  ..."] if len(lines) > _MOST else [])]


def _number(cell: str, separator: str) -> float | None:
    if separator != "," and "." not in cell:
        cell = cell.replace(",", ".")
    if not _NUMBER.fullmatch(cell):
        return None
    value = float(cell)
    return value if math.isfinite(value) else None
