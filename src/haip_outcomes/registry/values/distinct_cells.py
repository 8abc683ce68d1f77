"""The different cells of a column: each is read once, however many rows hold it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.registry.planning.parts import MissingPlan, is_number

UNREADABLE, CODING, IDENTIFYING, READ_AS = "unreadable cell", "conflict of coding", "identifies patients", "how it was read"  # kinds of Problem
_HASHED = {str, int, float, bool, datetime, date}


@dataclass(frozen=True)
class Wrong:
    """Why a cell does not hold what its column must: what was expected and what to do.

    `undecided` names what the file does not tell ("day or month first"), where more of the file could.
    """

    expected: str
    advice: str
    undecided: str = ""


@dataclass(frozen=True)
class Proof:
    """How a column is read, and the first row that can be read in no other way.

    `about` is the question that it answers, `words` the answer ("dates read as day/month/year").
    """

    about: str
    words: str
    table: str = ""
    column: str = ""
    row: int = 0


@dataclass(frozen=True)
class Note:
    """A warning about some of the different cells, or about the column where it names none."""

    found: str
    expected: str
    advice: str
    kind: str
    places: tuple[int, ...] = ()


@dataclass(eq=False)
class Reading:
    """What the different cells of a column say: a value each, what is wrong by place, and what was proven by which place.

    `doubtful` are cells that are wrong if another column of the file proves the other answer to what they leave open.
    """

    values: np.ndarray
    wrong: dict[int, Wrong] = field(default_factory=dict)
    doubtful: dict[int, Wrong] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    proven: list[tuple[Proof, int]] = field(default_factory=list)
    span: dict[int, tuple[np.datetime64, np.datetime64]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class DistinctCells:
    """The different cells in their order of appearance, as they are (`raws`) and as a person reads them (`texts`).

    `place_of_row` says for each of the `rows` (a spreadsheet's numbers) which of them it holds, -1 for an empty cell; `known`
    says which of them mean more than "not known".
    """

    raws: list[Any]
    texts: list[str]
    place_of_row: np.ndarray
    known: np.ndarray
    rows: pd.Index

    def known_texts(self) -> list[str]:
        """The texts that must be read."""
        return self.texts if self.known.all() else [self.texts[place] for place in np.flatnonzero(self.known).tolist()]

    def known_cells(self) -> Iterator[tuple[int, Any, str]]:
        """Place, cell and text of each that must be read."""
        raws, texts = self.raws, self.texts
        return ((place, raws[place], texts[place]) for place in np.flatnonzero(self.known).tolist())

    def count(self, places: Iterable[int]) -> int:
        """How many rows hold one of these."""
        return int(np.isin(self.place_of_row, list(places)).sum())

    def rows_of(self, places: Iterable[int]) -> list[int]:
        """The rows that hold one of these."""
        return [int(row) for row in self.rows[np.isin(self.place_of_row, list(places))]]

    def first_row(self, place: int) -> int:
        """The first row that holds it."""
        return int(self.rows[int(np.argmax(self.place_of_row == place))])


def cell_text(value: Any) -> str:
    """A cell as a person reads it: 1.0 from a spreadsheet is "1", an empty cell is ""."""
    if isinstance(value, str):
        return value
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return ""
    if isinstance(value, (float, np.floating)) and float(value).is_integer() and abs(float(value)) < 1e15:
        return str(int(value))
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value() and abs(value) < 10**15:
        return str(int(value))
    if isinstance(value, np.datetime64):
        return "" if np.isnat(value) else cell_text(pd.Timestamp(value))
    if isinstance(value, datetime):
        return date.isoformat(value) if value.time() == datetime.min.time() else value.isoformat(" ")
    return str(value)


def distinct_cells(column: pd.Series, missing: MissingPlan, numeric_codes: bool = True) -> DistinctCells:
    """The different cells of a column; cells that the plan calls "not known" are not `known`.

    Without `numeric_codes` only the very texts of the codes are: -999.0 for the code -999 is then left to who reads numbers.
    """
    places, raws = _factorized(column)
    texts = raws if set(map(type, raws)) == {str} else [cell_text(raw) for raw in raws]
    codes = {"", *missing.codes}
    known = np.fromiter((text not in codes for text in texts), bool, len(texts))
    values = code_values(missing) if numeric_codes else set()
    if values:
        same = [place for place in np.flatnonzero(known).tolist() if is_number(texts[place]) and float(texts[place]) in values]
        known[same] = False
    return DistinctCells(raws, texts, places, known, column.index)


def code_values(missing: MissingPlan) -> set[float]:
    """The missing codes that are numbers."""
    return {float(code) for code in missing.codes if is_number(code)}


def _factorized(column: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Which different cell each row holds. 1, 1.0 and True are the same to a hash table, and three different cells here."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        places, used = pd.factorize(column.cat.codes.to_numpy())  # a code of -1 is an empty cell
        return places, [None if code < 0 else column.cat.categories[int(code)] for code in used]
    if column.dtype != object or pd.api.types.infer_dtype(column, skipna=True) in ("string", "empty"):
        places, uniques = pd.factorize(column)
        return places, uniques.tolist()
    seen: dict[Any, int] = {}
    raws: list[Any] = []
    places = np.empty(len(column), dtype=np.intp)
    for i, raw in enumerate(column):
        key = (type(raw), raw if type(raw) in _HASHED and raw == raw else cell_text(raw))
        place = seen.setdefault(key, len(raws))
        if place == len(raws):
            raws.append(raw)
        places[i] = place
    return places, raws
