"""What the cells of a column show: how many are filled, whether they read as dates or numbers, and their codes where they are few."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.registry.guessing.free_text import (
    are_own_answers,
    is_free_text,
    is_remarks,
    is_titled,
    of_persons,
)
from haip_outcomes.registry.guessing.names import plain, words
from haip_outcomes.registry.guessing.unread_dates import why_unread
from haip_outcomes.registry.guessing.vocabulary import (
    MEASURES,
    MISSING_ABOVE,
    MISSING_BELOW_ZERO,
    MISSING_WORDS,
)
from haip_outcomes.registry.planning.parts import MissingPlan, is_number
from haip_outcomes.registry.privacy.identifying_contents import (
    are_persons,
    are_telephones,
    are_years,
    emails,
    sample,
)
from haip_outcomes.registry.privacy.identifying_names import about_birth, looks_identifying
from haip_outcomes.registry.values.date_forms import EitherDate, MonthOnly, NoDate, WholeDate, date_form
from haip_outcomes.registry.values.distinct_cells import DistinctCells, distinct_cells

MOST = 0.9  # so many of the cells must read as a date, or as a number, for the column to be one
FEW_CODES = 15
_COMMA = re.compile(r"[+-]?\d+,\d+")
_LONG_NUMBER = re.compile(r"[A-Za-z]{0,2}[- ]?[0-9]{7,}")


@dataclass(frozen=True, eq=False)
class ColumnFacts:
    """One column of a file that nobody has described. Nothing here is ever written but `codes`, the cells of a column with few of them.

    `kind` is date, number, category, text or empty; `missing` are the texts that seem to mean "not known"; `dates` and
    `numbers` are what the cells read as, by row; `unique` says that every row holds another value. `unread` is why the cells of a
    column of dates can't be read as such ("short year", "day number", ...), `title` what the file calls the column in words, `declared` the
    codes that it declares as missing, whose cells are empty.
    """

    name: str
    kind: str
    n: int = 0
    filled: int = 0
    unique: bool = False
    codes: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    day_first: bool | None = None
    formats: tuple[str, ...] = ()
    without_day: int = 0
    misread: int = 0
    missing: frozenset[str] = frozenset()
    numbers: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))
    dates: pd.Series = field(default_factory=lambda: pd.Series(dtype="datetime64[ns]"))
    texts: Counter[str] = field(default_factory=Counter)
    identifying: str = ""
    unread: str = ""
    title: str = ""
    declared: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """What the column is called: by its name, and in words where the file has them."""
        return (self.name, self.title) if self.title else (self.name,)

    @property
    def small(self) -> bool:
        """True for whole numbers of which there are few: a count or codes, the cells alone do not tell."""
        return self.whole and len(self.codes) > 0 and self.kind in ("number", "category")


def facts_of(
    column: pd.Series,
    labels: Mapping[str, str] | None = None,
    said: str = "",
    marked: bool = False,
    title: str = "",
    declared: Mapping[str, str] | None = None,
) -> ColumnFacts:
    """The facts of a raw column.

    `labels` and `said` are what the file itself says of its codes and its kind, `marked` that it marks the column as identifying,
    `title` what it calls it in words, and `declared` the codes that it declares as missing.
    """
    name, labels = str(column.name), dict(labels or {})
    cells = distinct_cells(column, MissingPlan())
    counted = np.bincount(cells.place_of_row[cells.place_of_row >= 0], minlength=len(cells.texts))
    filled = [(place, raw, text.strip()) for place, raw, text in cells.known_cells() if text.strip()]
    missing = _missing([text for _, _, text in filled], labels)
    known = [(place, raw, text) for place, raw, text in filled if text not in missing]
    texts: Counter[str] = Counter()
    for place, _, text in known:
        texts[text] += int(counted[place])
    n = sum(texts.values())
    held: dict[str, Any] = {
        "name": name,
        "n": len(column),
        "filled": n,
        "missing": missing,
        "texts": texts,
        "unique": len(texts) == n == len(column) > 0,
        "title": title,
        "declared": dict(declared or {}),
    }
    if not known:
        return ColumnFacts(**held, kind="category" if labels else "empty", codes=labels, identifying=why_identifying(name, marked, title=title))
    if is_remarks(name, title):
        return ColumnFacts(**held, kind="text", identifying=why_identifying(name, marked, texts=texts, title=title))
    looked = {place: _form(raw, text) for place, raw, text in known}
    forms = {place: form for place, form in looked.items() if not isinstance(form, NoDate)}
    dated = sum(int(counted[place]) for place in forms)
    if dated >= MOST * n and said != "number":
        days, told = _dates(forms)
        dates = _by_row(column, cells, days)
        dates = pd.to_datetime(dates)
        without_day = sum(int(counted[place]) for place, form in forms.items() if isinstance(form, MonthOnly))
        why = why_identifying(name, marked, True, years=dates.dt.year, title=title)
        return ColumnFacts(**held, **told, kind="date", dates=dates, without_day=without_day, misread=n - dated, identifying=why)
    refused: Counter[str] = Counter()
    for place, form in looked.items():
        if isinstance(form, NoDate):
            refused[form.why] += int(counted[place])
    numbers = _by_row(column, cells, {place: value for place, raw, text in known if (value := _number(raw, text)) is not None}).astype(float)
    digits = 0 if len(numbers) >= MOST * n else sum(count for text, count in texts.items() if any(map(str.isdigit, text)))
    unread = why_unread(refused, dated, digits, n, name, title)
    if unread and not labels:
        why = why_identifying(name, marked, True, title=title)
        return ColumnFacts(**held, kind="date", misread=n - dated, unread=unread, identifying=why)
    why = why_identifying(name, marked, texts=texts, title=title)
    if len(numbers) >= MOST * n and not labels:
        whole = bool((numbers == np.floor(numbers)).all())
        few = {text: text for text in sorted(texts, key=_order)} if whole and len(texts) <= FEW_CODES and numbers.between(0, 99).all() else {}
        measured = bool(set(words(name)) & MEASURES)
        kind = "category" if 0 < len(few) <= 2 or (few and not measured and set(few) <= set("012345")) else "number"
        return ColumnFacts(**held, kind=kind, codes=few, whole=whole, numbers=numbers, misread=n - len(numbers), identifying=why)
    persons = of_persons(name, title) and not are_own_answers([*texts, *labels.values()])
    codes = {} if persons or any(map(is_titled, labels.values())) else _codes(texts, labels, n)
    return ColumnFacts(**held, kind="category" if codes else "text", codes=codes, identifying=why)


def _by_row(column: pd.Series, cells: DistinctCells, values: Mapping[int, Any]) -> pd.Series:
    """What the different cells read as, for every row that holds one that reads so."""
    places = pd.Series(cells.place_of_row, index=column.index)
    return places[places.isin(list(values))].map(values)


def _form(raw: Any, text: str) -> WholeDate | EitherDate | MonthOnly | NoDate:
    if isinstance(raw, (datetime, date)):
        return WholeDate(date(raw.year, raw.month, raw.day))
    if isinstance(raw, (str, np.datetime64)):
        return date_form(text)
    form = date_form(text)  # a number is no date, and may be one of days
    return form if isinstance(form, NoDate) else NoDate("other")


def _number(raw: Any, text: str) -> float | None:
    if isinstance(raw, bool):
        return None
    text = text.replace(",", ".") if _COMMA.fullmatch(text) else text
    return float(text) if is_number(text) and np.isfinite(float(text)) else None


def _dates(forms: Mapping[int, WholeDate | EitherDate | MonthOnly]) -> tuple[dict[int, date | None], dict[str, Any]]:
    """The days, read in the order that the column proves (day first where it proves none), and how they are written."""
    either = [form for form in forms.values() if isinstance(form, EitherDate)]
    proofs = {form.month_first is None for form in either if form.month_first is None or form.day_first is None}
    day_first = proofs.pop() if len(proofs) == 1 else None
    days = {place: _day(form, day_first is not False) for place, form in forms.items()}
    return days, {"day_first": day_first, "formats": tuple(dict.fromkeys(form.format for form in either))}


def _day(form: WholeDate | EitherDate | MonthOnly, day_first: bool) -> date | None:
    if isinstance(form, WholeDate):
        return form.day
    if isinstance(form, MonthOnly):
        return form.first
    return (form.day_first or form.month_first) if day_first else (form.month_first or form.day_first)


def _codes(texts: Counter[str], labels: Mapping[str, str], n: int) -> dict[str, str]:
    """{code: label} of a column with few different cells, each short, that come again; empty where the cells may be free text."""
    if labels and set(texts) <= {*labels}:
        return dict(labels)
    if not texts or len(texts) > FEW_CODES or any(len(text) > 40 for text in texts):
        return {}
    if not all(map(is_number, texts)) and (n < 2 * len(texts) or any(count == 1 and " " in text for text, count in texts.items())):
        return {}  # perhaps somebody's own words
    if is_free_text(text for text in texts if text not in labels):
        return {}
    return {text: labels.get(text, text) for text in sorted(texts, key=_order)}


def _order(text: str) -> tuple[bool, float, str]:
    return (False, float(text), text) if is_number(text) else (True, 0.0, text)


def _missing(texts: list[str], labels: Mapping[str, str]) -> frozenset[str]:
    """The texts that seem to mean "not known": words, numbers below zero in a column that has no others, and numbers far above all others."""
    found = {text for text in set(texts) if plain(text) in MISSING_WORDS}
    values = {text: float(text) for text in set(texts) if is_number(text)}
    below = {text for text, value in values.items() if value in MISSING_BELOW_ZERO}
    if all(value >= 0 for text, value in values.items() if text not in below):
        found |= below
    rest = [value for text, value in values.items() if text not in found and value not in MISSING_ABOVE]
    top = max(rest, default=0.0)
    found |= {text for text, value in values.items() if value in MISSING_ABOVE and text not in found and rest and value >= max(10 * top, 99.0)}
    labelled = {
        code
        for code, label in labels.items()
        if plain(label) in MISSING_WORDS and is_number(code) and float(code) in (MISSING_BELOW_ZERO | MISSING_ABOVE)
    }
    return frozenset(found | (labelled & set(texts)))


def why_identifying(
    name: str, marked: bool = False, dated: bool = False, texts: Counter[str] | None = None, years: pd.Series | None = None, title: str = ""
) -> str:
    """Why a column seems to identify patients, by its name (and its title) and by what stands in it; "" when it does not."""
    if marked:
        return "the file marks it as identifying"
    names = [one for one in (name, title) if one]
    if dated:
        born = any(about_birth(one) or looks_identifying(one) for one in names)
        return "a full date of birth" if born else "dates that look like dates of birth" if years is not None and years.median() < 1965 else ""
    if any(looks_identifying(one) and not (about_birth(one) and texts and are_years(texts)) for one in names):
        return "its name"
    return next(_identifying_contents(texts), "") if texts else ""


def _identifying_contents(texts: Counter[str]) -> Iterator[str]:
    cells = sample(list(texts))
    if emails(list(texts)):
        yield "e-mail addresses"
    if are_telephones(cells):
        yield "telephone numbers"
    if are_persons(cells):
        yield "what looks like names"
    if len(texts) > max(5, 0.8 * sum(texts.values())) and sum(bool(_LONG_NUMBER.fullmatch(text)) for text in texts) > 0.7 * len(texts):
        yield "long numbers, another for almost everybody"
