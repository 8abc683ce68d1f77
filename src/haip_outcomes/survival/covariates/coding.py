"""How one column of a frame becomes columns of a design, and how new rows become the same columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, FitError, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.covariates.splines import Spline, column_names, place_knots, spline_columns
from haip_outcomes.survival.time_to_event import level_text


@dataclass(frozen=True)
class Numbers:
    """A column of numbers, as it is."""

    name: str

    @property
    def levels(self) -> tuple[str | None, ...]:
        """What the columns are called within the variable."""
        return (None,)

    def read(self, column: pd.Series) -> np.ndarray:
        """The numbers of new rows, (n,)."""
        return _new_numbers(column, self.name)

    def columns(self, values: np.ndarray) -> list[np.ndarray]:
        """The columns of the design for these numbers."""
        return [values]


@dataclass(frozen=True)
class Curve:
    """A column of numbers as a restricted cubic spline with these knots."""

    name: str
    knots: tuple[float, ...]

    @property
    def levels(self) -> tuple[str | None, ...]:
        """What the columns are called within the variable."""
        return column_names(len(self.knots))

    def read(self, column: pd.Series) -> np.ndarray:
        """The numbers of new rows, (n,)."""
        return _new_numbers(column, self.name)

    def columns(self, values: np.ndarray) -> list[np.ndarray]:
        """The columns of the design for these numbers."""
        return spline_columns(values, self.knots)


@dataclass(frozen=True)
class Levels:
    """A column of levels: 1 for those who have it, a column for each but the reference, which is level number 0."""

    name: str
    reference: str
    others: tuple[str, ...]

    @property
    def levels(self) -> tuple[str | None, ...]:
        """What the columns are called within the variable."""
        return self.others

    def read(self, column: pd.Series) -> np.ndarray:
        """The level numbers of new rows, (n,), by the text of their levels."""
        codes, found = pd.factorize(column)
        _refuse_gaps(codes < 0, column, self.name)
        known = {level: k for k, level in enumerate((self.reference, *self.others))}
        numbers = np.array([known.get(level_text(value), -1) for value in found], dtype=np.int64)
        if (numbers < 0).any():
            k = int(np.argmax(numbers < 0))
            level = level_text(found[k])
            raise EndpointError(f'"{self.name}" is "{level}" in {rows_told(column.index, codes == k)} of the new rows, and nobody in the '
                                f"fit was. {did_you_mean(level, known)}")  # fmt: skip
        return numbers[codes]

    def columns(self, values: np.ndarray) -> list[np.ndarray]:
        """The columns of the design for these level numbers."""
        return [values == k for k in range(1, len(self.others) + 1)]


Coder = Numbers | Curve | Levels


def coder_of(
    values: np.ndarray | pd.Categorical, name: str, term: Spline | None, wanted: object
) -> tuple[Coder, np.ndarray, list[str]]:
    """How the values (none missing) of a variable are coded; their numbers or level numbers; levels nobody has."""
    if isinstance(values, pd.Categorical):
        if term is not None:
            raise EndpointError(f'"{name}" holds text or levels, and {term!r} needs numbers: name it as a plain term, or make it numbers.')
        return _levels(values, name, wanted)
    if wanted is not None:
        raise EndpointError(f'"{name}" holds numbers and has no reference level; make it text or a category first.')
    if values[0] == values[-1] and (values == values[0]).all():
        raise FitError(f'"{name}" is {values[0]:g} for all {plural(len(values), "patient")}: a constant explains '
                       "nothing. Leave it out.", term=name)  # fmt: skip
    return Numbers(name) if term is None else Curve(name, place_knots(term, values)), values, []


def observed(column: pd.Series, name: str) -> np.ndarray | pd.Categorical:
    """What a column holds: floats or levels, with all that says "missing" missing; refuses the rest."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return column.array
    plain = isinstance(dtype, np.dtype) and dtype.kind in "iuf"
    kind = "" if plain else pd.api.types.infer_dtype(column, skipna=True)
    if plain or kind in ("integer", "floating", "mixed-integer-float", "decimal"):
        numbers = np.asarray(column, dtype=float) if plain else column.to_numpy(dtype=float, na_value=np.nan)
        if not np.isfinite(numbers).all() and np.isinf(numbers).any():
            raise EndpointError(f'"{name}" is infinite in {rows_told(column.index, np.isinf(numbers))}: correct it.')
        return numbers
    if kind in ("string", "boolean"):
        return pd.Categorical(column)
    if kind == "empty":
        return np.full(len(column), np.nan)
    advice = (
        "Make it a number of days or years first."
        if "date" in kind or "time" in kind
        else "Make it all numbers or all text."
    )
    raise EndpointError(f'"{name}" can\'t be a covariate: it holds {kind.replace("-", " ")} values. {advice}')


def covariate(column: pd.Series, name: str) -> pd.Series:
    """A column as `design` takes it: floats, or a category; all that says "missing" is missing."""
    return pd.Series(observed(column, name), index=column.index)


def gaps(values: np.ndarray | pd.Categorical) -> np.ndarray:
    """Which values are missing, (n,)."""
    return values.codes < 0 if isinstance(values, pd.Categorical) else np.isnan(values)


def rows_told(index: pd.Index, chosen: np.ndarray) -> str:
    """How many rows and the first of them: "7 rows (index 2, 3, 5, 8, 9, ...)"."""
    rows = index[chosen]
    return f"{plural(len(rows), 'row')} (index {', '.join(str(row) for row in rows[:5])}{', ...' if len(rows) > 5 else ''})"


def _levels(values: pd.Categorical, name: str, wanted: object) -> tuple[Levels, np.ndarray, list[str]]:
    texts = [level_text(level) for level in values.categories]
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        raise EndpointError(f'Two levels of "{name}" both read "{twice}". Make them one.')
    counts = np.bincount(values.codes, minlength=len(texts))
    present = [k for k, count in enumerate(counts) if count]
    unused = [text for text, count in zip(texts, counts, strict=True) if not count]
    if wanted is not None and level_text(wanted) not in texts:
        raise EndpointError(f'"{name}" has no level "{wanted}" to be the reference. {did_you_mean(str(wanted), texts)}')
    if wanted is not None and level_text(wanted) in unused:
        raise FitError(f'Nobody analysed has {name} "{wanted}", so it can\'t be the reference. '
                       f"Choose one of {listed([texts[k] for k in present], 'or')}.", term=name)  # fmt: skip
    if len(present) < 2:
        raise FitError(f'"{name}" is "{texts[present[0]]}" for all {plural(len(values), "patient")}: a constant explains '
                       "nothing. Leave it out.", term=name)  # fmt: skip
    base = present[0] if wanted is None else texts.index(level_text(wanted))
    others = [k for k in present if k != base]
    number = np.zeros(len(texts), dtype=np.int64)
    number[others] = np.arange(1, len(others) + 1)
    return Levels(name, texts[base], tuple(texts[k] for k in others)), number[values.codes], unused


def _new_numbers(column: pd.Series, name: str) -> np.ndarray:
    values = observed(column, name)
    if isinstance(values, pd.Categorical):
        raise EndpointError(f'"{name}" was a number in the fit, and the new rows hold text, levels or true/false. Make it numbers.')
    _refuse_gaps(np.isnan(values), column, name)
    return values


def _refuse_gaps(gone: np.ndarray, column: pd.Series, name: str) -> None:
    if gone.any():
        raise EndpointError(f'"{name}" is missing in {rows_told(column.index, gone)} of the new rows: nothing can be predicted '
                            "without it. Leave these rows out, or fill them first.")  # fmt: skip

