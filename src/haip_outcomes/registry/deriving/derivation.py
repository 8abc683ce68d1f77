"""Derivation: a value made from others, with the sentence that says how; and what its parts must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import CohortError, EndpointError, Problem
from haip_outcomes.formatting import listed, plural
from haip_outcomes.registry.items import items

TOLERANCE = 1e-9  # 81 kg and 1.80 m are a body mass index of 25, also where the last binary digit says 24.999...
NO_YES = ("No", "Yes")
_YES = {"yes": 1.0, "true": 1.0, "1": 1.0, "1.0": 1.0, "positive": 1.0, "no": 0.0, "false": 0.0, "0": 0.0, "0.0": 0.0, "negative": 0.0}
_MALE = {"male": 1.0, "m": 1.0, "man": 1.0, "men": 1.0, "female": 0.0, "f": 0.0, "woman": 0.0, "women": 0.0}


@dataclass(frozen=True, eq=False, repr=False)
class Derivation:
    """What was derived, one value a patient, and the sentence for footnotes and Methods that says how.

    `values` is a Series with the index of the parts (numbered from 0 when these were plain arrays), missing where a part is
    missing. `notes` are warnings: the patients whose value is missing although some of its parts are known.
    """

    values: pd.Series
    method: str
    notes: tuple[Problem, ...] = ()

    def __repr__(self) -> str:
        return f"{self.values.name}: known for {int(self.values.notna().sum())} of {plural(len(self.values), 'patient')}. {self.method}."

    def _repr_html_(self) -> str:
        return f"<p><b>{self!r}</b></p>{self.values.to_frame().to_html()}"


@dataclass(frozen=True)
class Allowed:
    """The numbers that a part can be at all, both ends included: another number is an error, never a value."""

    low: float
    high: float
    unit: str
    advice: str
    whole: bool = False

    @classmethod
    def of(cls, item: str, advice: str) -> Allowed:
        """What is possible for a standard item (`items.toml`)."""
        standard = items()[item]
        low, high = standard.possible or (-np.inf, np.inf)
        return cls(low, high, standard.unit, advice, standard.whole)

    def holds(self, values: np.ndarray) -> np.ndarray:
        """True for each number that is possible."""
        inside = (values >= self.low) & (values <= self.high)
        return inside & (values == np.floor(values)) if self.whole else inside

    @property
    def expected(self) -> str:
        """The same in words."""
        high = f"{self.high:,.0f}" if self.high >= 1e4 else f"{self.high:g}"
        return f"{'a whole number, ' if self.whole else ''}{self.low:g} to {high}{f' {self.unit}' if self.unit else ''}"


def parts_of(given: Mapping[str, Any]) -> pd.DataFrame:
    """The parts side by side. Series are aligned by their index to the first of them, arrays have its length, one value is that of everybody."""
    first = next((value for value in given.values() if isinstance(value, pd.Series)), None)
    sizes = [len(value) for value in given.values() if np.ndim(value) > 0 and not isinstance(value, pd.Series)]
    index = first.index if first is not None else pd.RangeIndex(sizes[0] if sizes else 1)
    if not index.is_unique:
        raise EndpointError("The index has duplicates: give each patient one row.")
    columns = {}
    for name, value in given.items():
        if isinstance(value, pd.Series):
            if not value.index.is_unique or not index.isin(value.index).all():
                raise EndpointError(f"{name} does not have one value for each patient: give it the same index as the others.")
            columns[name] = value.reindex(index)
        elif np.ndim(value) == 0:
            columns[name] = pd.Series([value] * len(index), index=index)
        elif len(value) != len(index):
            raise EndpointError(f"{name} has {plural(len(value), 'value')} for {plural(len(index), 'patient')}.")
        else:
            columns[name] = pd.Series(value).set_axis(index)
    return pd.DataFrame(columns, index=index)


class Parts:
    """The parts of one derived value: read once, judged together, and refused together.

    Every part that can't be is a problem; `refuse` raises them all, with the rows (the index labels where these are whole
    numbers, else the positions from 0).
    """

    def __init__(self, what: str, **given: Any) -> None:
        self.what, self.frame = what, parts_of({name: value for name, value in given.items() if value is not None})
        self.problems: list[Problem] = []
        self._read: dict[str, np.ndarray] = {}
        self._blamed: dict[str, np.ndarray] = {}

    def number(self, name: str, allowed: Allowed) -> np.ndarray:
        """A part that is a number, missing as NaN."""
        try:
            values = pd.to_numeric(self.frame[name]).to_numpy(dtype=float, na_value=np.nan)
        except (TypeError, ValueError):
            raise EndpointError(f"{name} of the {self.what} must be numbers.") from None
        return self._judged(name, values, np.isnan(values) | allowed.holds(values), allowed.expected, allowed.advice)

    def date(self, name: str) -> np.ndarray:
        """A part that is a date, as datetime64[D], missing as NaT."""
        try:
            values = pd.to_datetime(self.frame[name]).to_numpy(dtype="datetime64[D]")
        except (TypeError, ValueError):
            raise EndpointError(f"{name} of the {self.what} must be dates.") from None
        self._read[name] = np.where(np.isnat(values), np.nan, 0.0)
        return values

    def yes(self, name: str) -> np.ndarray:
        """A part that is yes (1) or no (0), missing as NaN: true and false, 1 and 0, or the words Yes and No."""
        return self._words(name, _YES, "Yes or No (or 1 and 0)")

    def male(self, name: str) -> np.ndarray:
        """The sex: 1 for male, 0 for female, missing as NaN. Numbers are refused: 1 is male in one registry and female in the next."""
        return self._words(name, _MALE, "male or female, in words")

    def _words(self, name: str, known: dict[str, float], expected: str) -> np.ndarray:
        texts = self.frame[name].astype(object)
        words = texts.map({text: known.get(str(text).strip().casefold()) for text in texts.dropna().unique()}).astype(float)
        return self._judged(name, words.to_numpy(), (words.notna() | texts.isna()).to_numpy(), expected, "correct it, or leave the cell empty")

    def _judged(self, name: str, values: np.ndarray, right: np.ndarray, expected: str, advice: str) -> np.ndarray:
        self._read[name] = values
        self.wrong(name, ~right, expected, advice)
        return values

    def wrong(self, name: str, rows: np.ndarray, expected: str, advice: str) -> None:
        """A problem for the rows where it is true; a cell is blamed once."""
        rows = rows & ~self._blamed.get(name, np.zeros(len(rows), dtype=bool))
        self._blamed[name] = self._blamed.get(name, False) | rows
        if rows.any():
            cells = tuple(_shown(value) for value in self.frame[name][rows])
            found = list(dict.fromkeys(cells))
            first = listed(found) if len(found) <= 3 else f"{', '.join(found[:3])}, ..."
            self.problems.append(Problem("", name, self.rows(rows), first, expected, advice, kind="impossible value", cells=cells))

    def not_needed(self, name: str, rows: np.ndarray) -> None:
        """Say for which patients a part is none: its absence is then no reason for anything."""
        self._read[name] = np.where(rows, 0.0, self._read[name])

    def refuse(self) -> None:
        """Stop when a part is impossible: with all problems of all parts."""
        if self.problems:
            raise CohortError(self.problems, self.what)

    def rows(self, where: np.ndarray) -> tuple[int, ...]:
        """The rows, as problems name them."""
        index = self.frame.index
        named = index[where] if pd.api.types.is_integer_dtype(index.dtype) else np.flatnonzero(where)
        return tuple(named.tolist())

    def series(self, values: Any) -> pd.Series:
        """The derived value under its name."""
        return pd.Series(values, index=self.frame.index, name=self.what)

    def derivation(self, values: pd.Series, method: str) -> Derivation:
        """The result, with a warning a part for those whose value is missing only because of it."""
        partly = values.isna().to_numpy() & ~np.all([np.isnan(read) for read in self._read.values()], axis=0)
        notes = []
        for name, read in self._read.items():
            rows = self.rows(partly & np.isnan(read))
            if rows:
                advice = f"{self.what} stays missing for these patients until this is known"
                notes.append(Problem("", name, rows, "not known", f"a value: it is a part of {self.what}", advice, "warning", kind="part not known"))
        return Derivation(values, method, tuple(notes))


def no_yes(yes: np.ndarray, known: np.ndarray) -> Any:
    """No and Yes as a category, missing where not known; No is the reference."""
    return pd.Categorical.from_codes(np.where(known, yes.astype(int), -1), categories=pd.Index(NO_YES))


def _shown(value: Any) -> str:
    if isinstance(value, (pd.Timestamp, np.datetime64)):
        return f"{pd.Timestamp(value):%Y-%m-%d}"
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.15g}"
    return str(value)

