"""Columns of dates whose cells can't be read: years of two digits, Excel's numbers of days. They are asked for, never passed over."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from haip_outcomes.registry.guessing.names import likeness, words
from haip_outcomes.registry.items import items

MOST = 0.9  # so many of the cells must look like a date
_DATE = frozenset({"date", "datum", "dato", "fecha", "dat", "dt"})
ADVICE = {
    "short year": 'years of two digits ("19" can be 1919 or 2019): write them with four, best as year-month-day',
    "day number": "numbers of days, as Excel keeps dates: give the column the format of a date and save the file again",
    "eight digits": "eight digits without a sign between them: write year-month-day",
    "year": "years only: fill in the month and the day",
    "other": "its name is that of a date, and its cells are none that can be read (names of months in another language than English?): "
    "write year-month-day",
}


@cache
def called_a_date(*names: str) -> bool:
    """True for a column that is called a date, or as one of the standard items that are dates.

    >>> called_a_date("Datum pomp"), called_a_date("V3", "Pumpendatum"), called_a_date("n_metastases")
    (True, True, False)
    """
    known = [one for item in items().values() if item.kind == "date" for one in (item.name, *item.synonyms)]
    return any(_dated(words(name)) or max(likeness(name, one) for one in known) >= 0.9 for name in names if name)


def _dated(found: tuple[str, ...]) -> bool:
    return bool(_DATE & set(found)) or any(word.endswith(("datum", "date")) or word.startswith("datum") for word in found)


def why_unread(refused: Mapping[str, int], dated: int, digits: int, n: int, *names: str) -> str:
    """Why a column is one of dates that can't be read; "" where it is none.

    `refused` counts the cells by what kept them from being a date, `dated` those that are dates, `digits` those with a digit in them, of `n`.
    A short year shows itself ("10-09-19"); a number is one of days only where the column is called a date.
    """
    telling = {why: count for why, count in refused.items() if why in ADVICE and why != "other"}
    called = called_a_date(*names)
    if not called:
        telling = {why: count for why, count in telling.items() if why == "short year"}
    if telling and sum(telling.values()) + dated >= MOST * n:
        return max(telling, key=lambda why: telling[why])
    return "other" if called and digits >= MOST * n and refused.get("other", 0) >= 0.1 * n else ""
