"""Dates of SPSS and Stata, which are numbers with a format: to dates, or to the text of a month where only the month was entered."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd

_DAY = 86_400
_SPSS_ORIGIN = np.datetime64("1582-10-14", "s")
_STATA_ORIGIN = np.datetime64("1960-01-01", "s")
_FIRST, _LAST = np.datetime64("0001-01-01", "s"), np.datetime64("9999-12-31T23:59:59", "s")
_SPSS = re.compile(r"([A-Z]+)\d*(\.\d+)?")
_STATA = re.compile(r"%-?(t[dcCwmqhy]|d)")


def dated(values: np.ndarray, form: str, stata: bool) -> tuple[pd.Series, str] | None:
    """Numbers in a date format as dates with "date", or as text with "text"; None for a format that is no date's.

    SPSS counts seconds from 14 October 1582, Stata days (%td), milliseconds (%tc) or months (%tm) from 1 January 1960. A format of
    month and year gives "2019-03": the day was never entered. Quarters, weeks and half years become text that is no date. A number
    that is no date of the years 1 to 9999 stays a number, so that it is told with its row.
    """
    kind = _stata_kind(form) if stata else _spss_kind(form)
    if kind is None:
        return None
    origin = _STATA_ORIGIN if stata else _SPSS_ORIGIN
    if kind in _PERIODS:
        return _worded(values, origin, _PERIODS[kind], stata), "date" if kind == "month" else "text"
    seconds = values * _DAY if stata and kind == "day" else values / 1000 if stata else values
    if kind == "day":
        seconds = np.floor(seconds / _DAY) * _DAY  # the time behind a date that is shown without one
    known = _possible(seconds, origin)
    micro = np.where(known, np.round(np.where(known, seconds, 0) * 1e6), 0).astype(np.int64)
    dates = pd.Series(origin.astype("datetime64[us]") + micro.astype("timedelta64[us]"))
    beyond = ~known & ~np.isnan(values)
    cells = dates.mask(~known)
    return (cells.astype(object).mask(beyond, pd.Series(values, dtype=object)) if beyond.any() else cells), "date"


def _possible(seconds: np.ndarray, origin: np.datetime64) -> np.ndarray:
    low, high = ((limit - origin).astype(float) for limit in (_FIRST, _LAST))
    with np.errstate(invalid="ignore"):
        return (seconds >= low) & (seconds <= high)


def _spss_kind(form: str) -> str | None:
    name = match.group(1) if (match := _SPSS.fullmatch(form)) else ""
    if name in ("DATE", "ADATE", "EDATE", "JDATE", "SDATE"):
        return "day"
    return {"DATETIME": "time", "YMDHMS": "time", "MOYR": "month", "QYR": "quarter", "WKYR": "week"}.get(name)


def _stata_kind(form: str) -> str | None:
    name = match.group(1)[-1] if (match := _STATA.match(form)) else ""
    return {"d": "day", "c": "time", "C": "time", "m": "month", "q": "quarter", "w": "week", "h": "half", "y": "year"}.get(name)


def _worded(values: np.ndarray, origin: np.datetime64, parts: int, stata: bool) -> pd.Series:
    """The text of a part of a year, of which there are so many."""
    words: list[object] = []
    for value in values:
        if np.isnan(value):
            words.append(None)
        elif stata and abs(value) < 8000 * parts:
            year, part = (int(value), 0) if parts == 1 else (1960 + int(value // parts), int(value % parts))
            words.append(_TEXT[parts](year, part + 1))
        elif not stata and _possible(np.array([value]), origin)[0]:
            day = (origin + np.timedelta64(int(value), "s")).astype("datetime64[D]").item()
            part = {12: day.month - 1, 4: (day.month - 1) // 3, 52: (day.timetuple().tm_yday - 1) // 7}[parts]
            words.append(_TEXT[parts](day.year, part + 1))
        else:
            words.append(float(value))
    return pd.Series(words, dtype=object)


_PERIODS = {"month": 12, "quarter": 4, "week": 52, "half": 2, "year": 1}
_TEXT: dict[int, Callable[[int, int], str]] = {
    12: lambda year, part: f"{year:04d}-{part:02d}",
    4: lambda year, part: f"{year} quarter {part}",
    52: lambda year, part: f"{year} week {part}",
    2: lambda year, part: f"{year} half {part}",
    1: lambda year, part: f"{year}",
}
