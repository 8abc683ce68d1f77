"""How a date can be written, one text at a time; the order of day and month is left to the column."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date

_NAMES = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_MONTHS = {name[:3]: i for i, name in enumerate(_NAMES, start=1)} | {name: i for i, name in enumerate(_NAMES, start=1)} | {"sept": 9}

_TIME = re.compile(r"(.*[0-9])(?:[T ] *|, )([0-9]{1,2}):([0-9]{2})(:([0-9]{2})([.,][0-9]+)?)?( ?[AaPp]\.?[Mm]\.?)?( ?Z| ?[+-][0-9]{2}:?[0-9]{2})?")
_YEAR_FIRST = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})")
_DAY_NAME_YEAR = re.compile(r"([0-9]{1,2})(?i:st|nd|rd|th)?\.?[-/ ]?([A-Za-z]{3,9})\.?(?:,? ?|[-/.])([0-9]{4})")
_NAME_DAY_YEAR = re.compile(r"([A-Za-z]{3,9})\.?[-/ ]?([0-9]{1,2})(?i:st|nd|rd|th)?(?:,? |,|[-/])([0-9]{4})")
_YEAR_NAME_DAY = re.compile(r"([0-9]{4})[-/. ]?([A-Za-z]{3,9})\.?[-/. ]?([0-9]{1,2})")

_UNKNOWN = "(?:UNK?|unk?)"
_YEAR_MONTH = re.compile(rf"([0-9]{{4}})[-/.]([0-9]{{1,2}})(?:[-/.]{_UNKNOWN})?")
_MONTH_YEAR = re.compile(rf"(?:{_UNKNOWN}[-/.])?([0-9]{{1,2}})[-/.]([0-9]{{4}})")
_NAME_YEAR = re.compile(rf"(?:{_UNKNOWN}[-/. ])?([A-Za-z]{{3,9}})\.?(?:,? ?|[-/.])([0-9]{{4}})")
_YEAR_NAME = re.compile(rf"([0-9]{{4}})[-/. ]?([A-Za-z]{{3,9}})(?:[-/. ]{_UNKNOWN})?")

_YEAR = re.compile(rf"(?:{_UNKNOWN}[-/. ]){{0,2}}[0-9]{{4}}|[0-9]{{4}}(?:[-/. ]{_UNKNOWN}){{1,2}}")
_SHORT_YEAR = re.compile(r"[0-9]{1,2}([-/.])[0-9]{1,2}\1'?[0-9]{2}|[0-9]{1,2}[-/. ]?[A-Za-z]{3,9}\.?[-/. ]*'?[0-9]{2}|[A-Za-z]{3,9}\.? ?[0-9]{1,2}, ?'?[0-9]{2}")
_DAY_NUMBER = re.compile(r"[1-7][0-9]{4}(\.[0-9]+)?")
_EIGHT_DIGITS = re.compile(r"(19|20)[0-9]{6}")


@dataclass(frozen=True)
class WholeDate:
    """A day that is told by the text alone."""

    day: date


@dataclass(frozen=True)
class EitherDate:
    """Two numbers and a year: the day that it is with the day first, and with the month first; None where that is no day.

    `sign` stands between them; `time` is the format of the time of day that follows (" %H:%M").
    """

    day_first: date | None
    month_first: date | None
    sign: str
    time: str | None = ""

    @property
    def format(self) -> str:
        """How it is written, with {} for day and month: "{}/{}/%Y"; nothing with a time of day that no plan would declare."""
        return "" if self.time is None else f"{{}}{self.sign}{{}}{self.sign}%Y{self.time}"


@dataclass(frozen=True)
class MonthOnly:
    """A month without its day."""

    first: date
    last: date


@dataclass(frozen=True)
class NoDate:
    """What is not read as a date, and why: "impossible", "day 00", "short year", "year", "day number", "eight digits", "other" (and, of a real date, "year as days")."""

    why: str


DateForm = WholeDate | EitherDate | MonthOnly | NoDate


def date_form(text: str) -> DateForm:
    """What a text says of a day, without any knowledge of the other cells."""
    text = text.strip()
    timed = _TIME.fullmatch(text) if ":" in text else None
    if timed is None:
        return _day_form(text)
    if not _is_time(timed):
        return NoDate("other")
    form = _day_form(timed[1])
    if isinstance(form, EitherDate):
        plain = not (timed[6] or timed[7] or timed[8]) and text[len(timed[1])] == " "
        return replace(form, time=f" %H:%M{':%S' if timed[4] else ''}" if plain else None)
    return form if isinstance(form, WholeDate) else NoDate("impossible" if form == NoDate("impossible") else "other")


def _is_time(timed: re.Match[str]) -> bool:
    hour, minute, second = int(timed[2]), int(timed[3]), int(timed[5] or 0)
    return (1 <= hour <= 12 if timed[7] else hour < 24) and minute < 60 and second < 60


def _day_form(text: str) -> DateForm:
    if match := _YEAR_FIRST.fullmatch(text):
        return _whole(int(match[1]), int(match[3]), int(match[4]))
    if match := _YEAR_LAST.fullmatch(text):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        ways = _day(year, second, first), _day(year, first, second)
        if ways == (None, None):
            return NoDate("day 00" if 0 in (first, second) and _day(year, max(first, second), 1) else "impossible")
        return EitherDate(*ways, sign=match[2])
    if form := _named(text):
        return form
    if match := _YEAR_MONTH.fullmatch(text):
        return _month(int(match[1]), int(match[2]))
    if match := _MONTH_YEAR.fullmatch(text):
        return _month(int(match[2]), int(match[1]))
    return NoDate(next((why for why, form in _REFUSED.items() if form.fullmatch(text)), "other"))


_REFUSED = {"year": _YEAR, "short year": _SHORT_YEAR, "day number": _DAY_NUMBER, "eight digits": _EIGHT_DIGITS}


def _named(text: str) -> DateForm | None:
    """A date or month with an English name of the month."""
    for form, (year, month, day) in ((_DAY_NAME_YEAR, (3, 2, 1)), (_NAME_DAY_YEAR, (3, 1, 2)), (_YEAR_NAME_DAY, (1, 2, 3))):
        match = form.fullmatch(text)
        if match and (number := _MONTHS.get(match[month].lower())):
            return _whole(int(match[year]), number, int(match[day]))
    for form, (year, month) in ((_NAME_YEAR, (2, 1)), (_YEAR_NAME, (1, 2))):
        match = form.fullmatch(text)
        if match and (number := _MONTHS.get(match[month].lower())):
            return _month(int(match[year]), number)
    return None


def _day(year: int, month: int, day: int) -> date | None:
    return date(year, month, day) if year and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1] else None


def _whole(year: int, month: int, day: int) -> DateForm:
    found = _day(year, month, day)
    return WholeDate(found) if found else NoDate("day 00" if day == 0 and _day(year, month, 1) else "impossible")


def _month(year: int, month: int) -> DateForm:
    first = _day(year, month, 1)
    return MonthOnly(first, first.replace(day=monthrange(year, month)[1])) if first else NoDate("impossible")
