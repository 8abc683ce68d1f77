"""Date columns: the order of day and month is declared or proven by the column, never guessed."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.registry.values.date_forms import EitherDate, MonthOnly, NoDate, WholeDate, date_form
from haip_outcomes.registry.values.distinct_cells import DistinctCells, Proof, Reading, Wrong

ORDER = "day or month first"
_WORDS = {"day": "day/month/year", "month": "month/day/year"}
_ISO_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?)?")
_ADJOINING = re.compile(r"%[dmyYjHMS]%[dmyYjHMS]")
_YEARS_AS_DAYS = date(1905, 5, 3), date(1905, 7, 22)  # 1950 to 2030 typed into a cell that is formatted as a date
_EARLIEST = date(1900, 1, 1)
_A_DATE = "a date such as 2019-03-31"
_FREE = "correct it, or set date_format in [cohort] of the plan"

_ADVICE = {
    "impossible": Wrong("a day that exists", "correct the date"),
    "day 00": Wrong("a day that exists", "correct the date; where 00 stands for a day that is not known, write the month alone (2019-03)"),
    "short year": Wrong("a year of four digits", "write 2019, not 19: the century is not told"),
    "year": Wrong(_A_DATE, "a year alone is no date: give at least the month, or leave the cell empty"),
    "day number": Wrong(_A_DATE, "this is how Excel counts days: format the column as a date in Excel, and save the file again"),
    "year as days": Wrong(_A_DATE, "a year seems to have been typed into a cell for dates, which made days of it: give the date, or leave it empty"),
    "eight digits": Wrong(_A_DATE, 'put signs between year, month and day; or write date_format = "%Y%m%d" in [cohort] of the plan '
                          "where all dates are like this"),
    "other": Wrong(_A_DATE, _FREE),
}  # fmt: skip
_RANGE = Wrong("a date between 1900 and today", "correct the date")
_NO_DAY = Wrong("a date with its day, such as 2019-03-31",
                'give the day; or write partial = "mid-month" in [cohort] of the plan, which takes the 15th, counts these dates '
                "and tries both ends of the month")  # fmt: skip


def without_time_of_day(column: pd.Series) -> pd.Series:
    """A column of texts without the time of day after a date with the year first, so that a day is read once, not once a second."""
    if column.dtype != object or not any(":" in text for text in column.iloc[:: max(1, len(column) // 100)] if isinstance(text, str)):
        return column
    days = [match[1] if isinstance(text, str) and (match := _ISO_TIME.fullmatch(text)) else text for text in column]
    return pd.Series(days, index=column.index, name=column.name, dtype=object)


def read_dates(cells: DistinctCells, date_format: str | None = None, partial: bool = False, today: date | None = None) -> Reading:
    """The day of each different cell; what is no day, or could be two, is wrong.

    With `date_format`, exactly that format. Without it: the year first (2019-03-31), a month's English name (31 Mar 2019), and
    numbers with the year last (25/04/2019), whose order one cell of the column must prove for those with the same sign between.
    With `partial`, a month without its day is the 15th, and `span` holds its first and its last day, none of them after today.
    """
    today = today or date.today()
    reading = Reading(np.full(len(cells.texts), np.datetime64("NaT"), dtype="datetime64[D]"))
    either: dict[int, EitherDate] = {}
    for place, raw, text in cells.known_cells():
        form = _form(raw, text, date_format)
        if isinstance(form, EitherDate):
            either[place] = form
        elif isinstance(form, WholeDate):
            _put(reading, place, form.day, today)
        elif isinstance(form, MonthOnly) and partial:
            _put_month(reading, place, form, today)
        else:
            reading.wrong[place] = _wrong(form, date_format)
    if either:
        _put_ordered(reading, either, cells, today)
    return reading


def _form(raw: Any, text: str, date_format: str | None) -> WholeDate | EitherDate | MonthOnly | NoDate:
    if isinstance(raw, date):  # a datetime is a date
        day = date(raw.year, raw.month, raw.day)
        return NoDate("year as days") if _YEARS_AS_DAYS[0] <= day <= _YEARS_AS_DAYS[1] else WholeDate(day)
    if isinstance(raw, np.datetime64):
        return date_form(text)
    form = date_form(text)
    if date_format is not None and (isinstance(raw, str) or text.isdigit()):
        declared = _declared(text, date_format)
        return WholeDate(declared) if declared else form if isinstance(form, (MonthOnly, NoDate)) else NoDate("other")
    return form if isinstance(raw, str) or isinstance(form, NoDate) else NoDate("other")  # the number 3.2019 is not a month


def _declared(text: str, date_format: str) -> date | None:
    """The day by the plan's format; 2019111 by "%Y%m%d" is none, because it could be two."""
    try:
        found = datetime.strptime(text, date_format)
    except ValueError:
        return None
    return None if _ADJOINING.search(date_format) and found.strftime(date_format) != text else found.date()


def _wrong(form: MonthOnly | NoDate, date_format: str | None) -> Wrong:
    found = _NO_DAY if isinstance(form, MonthOnly) else _ADVICE[form.why]
    if date_format is None or found.expected not in (_A_DATE, _NO_DAY.expected):
        return found
    example = date(2019, 3, 31).strftime(date_format)
    advice = _FREE if isinstance(form, NoDate) and form.why == "eight digits" else found.advice.replace("2019-03-31", example)
    return Wrong(found.expected.replace("2019-03-31", example), advice)


def _put(reading: Reading, place: int, day: date, today: date) -> None:
    if _EARLIEST <= day <= today:
        reading.values[place] = day
    else:
        reading.wrong[place] = _RANGE


def _put_month(reading: Reading, place: int, month: MonthOnly, today: date) -> None:
    last = min(month.last, today)
    _put(reading, place, min(month.first.replace(day=15), max(last, month.first)), today)
    if place not in reading.wrong:
        reading.span[place] = np.datetime64(month.first), np.datetime64(last)


def _put_ordered(reading: Reading, either: dict[int, EitherDate], cells: DistinctCells, today: date) -> None:
    """Numeric dates by the order that the column proves; ambiguous ones only by a proof with the same sign between the numbers."""
    proving = {"day": [p for p, form in either.items() if form.month_first is None],
               "month": [p for p, form in either.items() if form.day_first is None]}  # fmt: skip
    order = max(proving, key=lambda way: cells.count(proving[way])) if any(proving.values()) else ""
    contradicted = bool(proving["day"] and proving["month"])
    signs = {either[place].sign for place in proving.get(order, ())}
    for place, form in either.items():
        days = {day for day in (form.day_first, form.month_first) if day}
        chosen = form.day_first if order == "day" else form.month_first
        if len(days) == 1:
            _put(reading, place, days.pop(), today)
        elif chosen and contradicted:
            reading.values[place] = chosen  # so that no other rule blames the row: the file is refused for the contradiction
        elif chosen and form.sign in signs:
            _put(reading, place, chosen, today)
        else:
            reading.wrong[place] = _ambiguous(form, bool(order))
    if contradicted:
        _blame_fewer(reading, proving, order, cells)
    elif order:
        reading.proven.append((Proof(ORDER, f"dates read as {_WORDS[order]}"), proving[order][0]))


def _ambiguous(form: EitherDate, proven: bool) -> Wrong:
    if proven:
        return Wrong(_A_DATE, f'{ORDER}? No date with "{form.sign}" proves it in this column, only dates with another sign do: write these '
                              "with the year first, or all dates of the file alike and date_format in [cohort] of the plan")  # fmt: skip
    ways = [f'"{form.format.format(*way)}"' for way in (("%d", "%m"), ("%m", "%d"))]
    choice = f"date_format = {ways[0]} or {ways[1]}" if form.format else "date_format"
    return Wrong(_A_DATE, f"{ORDER}? Write {choice} in [cohort] of the plan, or these dates with the year first", ORDER)


def _blame_fewer(reading: Reading, proving: dict[str, list[int]], order: str, cells: DistinctCells) -> None:
    """Both orders in one column: the rows of the rarer one are wrong; all of them, where neither is rarer."""
    rarer = "month" if order == "day" else "day"
    even = cells.count(proving["day"]) == cells.count(proving["month"])
    expected = "one order of day and month" if even else f"{_WORDS[order]}, as in the rest of the column"
    advice = ("the column mixes day first and month first: correct these, and look at every date in it whose day is 12 or less, "
              "because those do not show their order")  # fmt: skip
    for place in (*proving[rarer], *(proving[order] if even else ())):
        reading.wrong[place] = Wrong(expected, advice)
