"""Number columns: the decimal sign is declared or proven by the column, and no number is ever changed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.registry.planning.parts import MissingPlan, is_number
from haip_outcomes.registry.values.distinct_cells import DistinctCells, Proof, Reading, Wrong, code_values

DECIMAL = "decimal point or comma"
_POINT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_COMMA = re.compile(r"[+-]?(?:[0-9]+,[0-9]*|,[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_DIGITS = re.compile(r"[^0-9.+\-eE\n]")  # of a text without these, float() takes exactly what _POINT matches
_TOGETHER = 1000
_IN_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+")
_COULD_BE_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
_UNITS = ("%|[µumk]?g|[µumcd]?m[23²³]?|[µumcd][lL]|kg/m[2²]|cm[2²]/m[2²]|[µunm]?g/m?[lL]|U/m?[lL]|"
          "years?|yrs?|y|months?|mo|weeks?|wks?|days?|d|jaar|Jahre|ans|años|anni")  # fmt: skip

_PROOF = Proof(DECIMAL, "numbers read with a decimal comma")
_FREE = Wrong("a number", "correct it, or add it to [missing] codes")
FINITE = Wrong("a finite number", "correct it, or leave the cell empty")
_POINTED = Wrong("a number with a decimal point", "write 12.5, not 12,5")
_COMMAED = Wrong("a number with a decimal comma", "write 12,5, not 12.5")
_TWO_WAYS = Wrong("a number that can be read in one way only", 'is 1,234 more than a thousand, or little more than one? Write decimal = "," '
                  'or "." in [cohort] of the plan, or the numbers without thousands separators', DECIMAL)  # fmt: skip
_NO_THOUSANDS = Wrong("a number without thousands separators", "write 1234.5 or 1234,5, not 1.234,5 or 1,234.5")
_POINT_OR_THOUSANDS = Wrong("a number with a decimal comma, as others of the column have",
                            "is 1.234 more than a thousand, or little more than one? Write 1234 or 1,234")  # fmt: skip
_COMMAS_ELSEWHERE = Wrong("a number that can be read in one way only",
                          'other columns have decimal commas: is 1.234 more than a thousand, or little more than one? Write 1234 or 1,234; '
                          'or write decimal = "." or "," in [cohort] of the plan', DECIMAL)  # fmt: skip
_TOO_SMALL = Wrong("0, or a number that a computer can hold", "this is too near to 0 to be told from it: write 0 if that is meant, or correct it")
_MIXED = Wrong("one decimal sign in a column", "points and commas stand in this column: write these as the others")
_HELP = {
    re.compile(r"[+-]?[0-9]{1,3}(?:[.,'’ \u00a0\u202f][0-9]{3})+(?:[.,][0-9]*)?"): _NO_THOUSANDS,
    re.compile(rf"[+-]?[0-9]+(?:[.,][0-9]+)?[ \u00a0]?(?:{_UNITS})"):
        Wrong("a number", "write the number without its unit; or add it to [missing] codes"),
    re.compile(r"[<>≤≥~≈±].*[0-9].*"): Wrong("a number", "write the value that your analysis takes for it, or add it to [missing] codes"),
}  # fmt: skip


def read_numbers(cells: DistinctCells, missing: MissingPlan, decimal: str | None = None) -> Reading:
    """The number of each different cell, as exact as a double can be; what is no number, or could be two, is wrong.

    With `decimal` ("." or ","), only that sign. Without it, a cell that can be read in one way only ("12,5") must prove a comma; what
    could be thousands as well ("1,234") is then read as the column proves, and is wrong where nothing does. A point is a decimal
    point; where every one of a column could stand between thousands ("1.250"), the cells are `doubtful`: wrong if other columns have commas.
    """
    reading = Reading(np.full(len(cells.texts), np.nan))
    places = np.flatnonzero(cells.known)
    sign = _sign_of_all(cells.known_texts(), decimal)
    if sign == "," and decimal is None:
        reading.proven.append((_PROOF, next(place for place in places.tolist() if _proves_comma(cells.texts[place]))))
    closer = _at_once(cells, places, reading, sign) if sign else places.tolist()
    codes = code_values(missing)
    _one_by_one(cells, closer, reading, "," if sign == "," else decimal, codes)
    _judge_points(cells, reading, decimal, codes)
    for place in np.flatnonzero(reading.values == 0).tolist():
        if any(digit in "123456789" for digit in re.split("[eE]", cells.texts[place])[0]):
            _refuse(reading, [place], _TOO_SMALL)
    infinite = np.isinf(reading.values)
    reading.wrong.update(dict.fromkeys(np.flatnonzero(infinite).tolist(), FINITE))
    reading.values[infinite | np.isin(reading.values, list(codes))] = np.nan
    return reading


def read_numeric(column: pd.Series, missing: MissingPlan) -> tuple[pd.Series, pd.Series]:
    """A column that holds numbers already (parquet, SPSS, Stata), without the missing codes; and where it is infinite."""
    values = pd.Series(column.to_numpy(dtype=float, na_value=np.nan), index=column.index, name=column.name)
    infinite = pd.Series(np.isinf(values.to_numpy()), index=column.index)
    return values.mask(infinite | values.isin(list(code_values(missing)))), infinite


def _sign_of_all(texts: list[str], decimal: str | None) -> str | None:
    """The decimal sign of a usual column, which has the other one nowhere; None where each cell needs a look."""
    joined = "\n".join(texts)
    if "," not in joined:
        return None if decimal == "," and "." in joined else "."
    if decimal == "." or "." in joined or not (decimal or any(map(_proves_comma, texts))):
        return None
    return ","


def _at_once(cells: DistinctCells, places: np.ndarray, reading: Reading, sign: str) -> list[int]:
    """Read what is digits and the sign by the thousand; the places of the others."""
    closer: list[int] = []
    for start in range(0, len(places), _TOGETHER):
        here = places[start : start + _TOGETHER]
        joined = "\n".join([cells.texts[place] for place in here.tolist()]).replace(sign, ".")
        numbers = joined.split("\n")
        try:
            if _NOT_DIGITS.search(joined) or len(numbers) != len(here):
                raise ValueError
            reading.values[here] = list(map(float, numbers))
        except ValueError:
            closer.extend(here.tolist())
    return closer


def _proves_comma(text: str) -> bool:
    return "," in text and bool(_COMMA.fullmatch(text)) and not _COULD_BE_THOUSANDS.fullmatch(text)


def _one_by_one(cells: DistinctCells, places: list[int], reading: Reading, decimal: str | None, codes: set[float]) -> None:
    commas: dict[int, str] = {}
    points: dict[int, str] = {}
    for place in places:
        raw, number = cells.raws[place], cells.texts[place].strip()
        if isinstance(raw, (int, float, np.integer, np.floating)) and not isinstance(raw, bool):
            reading.values[place] = _as_float(raw)
        elif isinstance(raw, str) and _COMMA.fullmatch(number):
            commas[place] = number
        elif not isinstance(raw, bool) and _POINT.fullmatch(number):
            reading.values[place] = float(number)
            if isinstance(raw, str) and "." in number and float(number) not in codes:
                points[place] = number
        else:
            reading.wrong[place] = _no_number(raw, number)
    if decimal == ",":
        _refuse(reading, points, _COMMAED)
        _accept(reading, commas)
    elif decimal == ".":
        _refuse(reading, commas, _POINTED)
    elif commas:
        _by_proof(cells, reading, commas, points)


def _as_float(raw: Any) -> float:
    try:
        return float(raw)
    except OverflowError:
        return math.inf


def _by_proof(cells: DistinctCells, reading: Reading, commas: dict[int, str], points: dict[int, str]) -> None:
    """The decimal sign that the column proves. Where both signs stand in it, the rarer is wrong; the comma, where neither is rarer."""
    first = next((place for place, number in commas.items() if _proves_comma(number)), None)
    if first is None and not points:
        _refuse(reading, commas, _TWO_WAYS)
    elif points and cells.count(commas) <= cells.count(points):
        _refuse(reading, commas, _POINTED if first is not None else _NO_THOUSANDS)
    elif first is None:
        _refuse(reading, points, _MIXED)
        _refuse(reading, commas, _NO_THOUSANDS)
    else:
        _refuse(reading, points, _POINT_OR_THOUSANDS if all(map(_COULD_BE_THOUSANDS.fullmatch, points.values())) else _COMMAED)
        _accept(reading, commas)
        reading.proven.append((_PROOF, first))


def _judge_points(cells: DistinctCells, reading: Reading, decimal: str | None, codes: set[float]) -> None:
    """Points that may stand between thousands in every cell (1.250, 12.500): wrong where one cell proves it (1.250.000), else doubtful."""
    if decimal is not None or any(proof.about == DECIMAL for proof, _ in reading.proven):
        return
    pointed: list[int] = []
    several = False
    for place in np.flatnonzero(cells.known).tolist():
        number = cells.texts[place].strip()
        if "." not in number or not isinstance(cells.raws[place], str) or (is_number(number) and float(number) in codes):
            continue
        if not _IN_THOUSANDS.fullmatch(number):
            return
        several |= number.count(".") > 1
        pointed.append(place)
    if several:
        _refuse(reading, pointed, _NO_THOUSANDS)
    else:
        reading.doubtful.update({place: _COMMAS_ELSEWHERE for place in pointed if place not in reading.wrong})


def _accept(reading: Reading, commas: dict[int, str]) -> None:
    for place, number in commas.items():
        reading.values[place] = float(number.replace(",", "."))


def _refuse(reading: Reading, places: Iterable[int], wrong: Wrong) -> None:
    for place in places:
        reading.values[place] = np.nan
        reading.wrong[place] = wrong


def _no_number(raw: Any, text: str) -> Wrong:
    if isinstance(raw, (date, timedelta, np.datetime64)):
        return Wrong("a number", "Excel made a date of it: write the number again, in a column that is formatted as a number")
    return next((wrong for form, wrong in _HELP.items() if form.fullmatch(text)), _FREE) if isinstance(raw, str) else _FREE
