"""The data of a bootstrap, lined up row by row, and the same data with other rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import plural
from haip_outcomes.survival.covariates.design_matrix import Design
from haip_outcomes.survival.time_to_event import TimeToEvent

INDEXED = (TimeToEvent, Design, pd.DataFrame, pd.Series)


@dataclass(frozen=True, eq=False)
class LinedUp:
    """A statistic and the data that it is computed from, row i of each the same patient's.

    `data` are its arguments, `keywords` what functools.partial bound by name and has a value a row; both are resampled.
    """

    statistic: Callable[..., Any]
    data: tuple[Any, ...]
    keywords: dict[str, Any]
    rows: int
    index: pd.Index | None  # of the rows, if the first of the data has one
    given: int  # rows of the first of the data
    kept: np.ndarray | slice  # those analysed
    left_out: dict[str, int]  # reason -> rows that the designs left out

    def computed(self) -> Any:
        """The statistic of the data themselves."""
        return self.statistic(*self.data, **self.keywords)

    def resampled(self, rows: np.ndarray, place: np.ndarray, whole: bool) -> Any:
        """The statistic of these rows under a fresh index, each of them another patient.

        place : of the unit that the row was drawn with. whole : is a unit a patient? Else a patient is an id within a unit.

        The index counts from -len(rows) to -1: what the statistic brings along from outside, with the data's own index, then can't
        be aligned to the wrong rows in silence.
        """
        fresh = pd.RangeIndex(-len(rows), 0)
        data = [_taken(thing, rows, place, whole, fresh) for thing in self.data]
        keywords = {name: _taken(thing, rows, place, whole, fresh) for name, thing in self.keywords.items()}
        return self.statistic(*data, **keywords)

    def column(self, values: Any, name: str) -> np.ndarray:
        """Numbers for the different values of a column, lined up with the data."""
        if isinstance(values, pd.DataFrame) and values.shape[1] == 1:
            values = values.iloc[:, 0]
        if not isinstance(values, pd.Series) or self.index is None:
            values = np.asarray(values)
            if values.shape != (self.given,):
                raise EndpointError(f"{name} must have one value for each of the {plural(self.given, 'row')} of the data; its shape is {values.shape}.")
            values = values[self.kept]
        else:
            values = _aligned(values, self.index, name)
        codes = pd.factorize(values)[0]
        if (codes < 0).any():
            raise EndpointError(f"{name} is missing in some rows: leave these out first, with a reason, or give them a value.")
        return codes.astype(np.int64)


def lined_up(statistic: Callable[..., Any], data: tuple[Any, ...]) -> LinedUp:
    """Bring the data into the order of the first of them; refuse what can't be."""
    if not callable(statistic):
        raise EndpointError(f"The first argument is the statistic, a function of the data such as cox; this is a {type(statistic).__name__}.")
    if not data:
        raise EndpointError("There are no data to resample: bootstrap(statistic, tte, ..., rng=1).")
    keywords: dict[str, Any] = {}
    for place, thing in enumerate(data):
        if not isinstance(thing, INDEXED) and np.ndim(thing) == 0:
            raise EndpointError(f"Of the data, number {place + 1} is a {type(thing).__name__}: what is resampled are times, designs, frames, Series and arrays. "
                                "Bind other arguments with functools.partial or a lambda.")  # fmt: skip
    data = tuple(thing if isinstance(thing, INDEXED) else np.asarray(thing) for thing in data)
    first = data[0]
    index, n = getattr(first, "index", None), _length(first)
    if index is not None and not index.is_unique:
        raise EndpointError("The index of the first of the data has duplicates: the others can't be aligned. Use reset_index(drop=True).")
    if isinstance(statistic, partial):
        keywords = {name: value for name, value in statistic.keywords.items() if _by_row(value, index, n)}
        others = {name: value for name, value in statistic.keywords.items() if name not in keywords}
        statistic = partial(statistic.func, *statistic.args, **others)
    kept, left_out = _known(data, index, n)
    everybody = bool(kept.all())
    if not kept.any():
        raise EndpointError(f"No rows are left: {', '.join(f'{k} {reason}' for reason, k in left_out.items())}.")
    wanted = index if everybody or index is None else index[kept]

    def brought(thing: Any, name: str) -> Any:
        if isinstance(thing, INDEXED) and wanted is not None:
            return _aligned(thing, wanted, name)
        if _length(thing) != n:
            raise EndpointError(f"{name} has {plural(_length(thing), 'row')}, and the first of the data {n}: they must be as long, or share an index.")
        return thing if everybody else thing[kept]

    return LinedUp(
        statistic, tuple(brought(thing, f"Of the data, number {place}") for place, thing in enumerate(data, start=1)),
        {name: brought(thing, name) for name, thing in keywords.items()}, int(kept.sum()), wanted, n,
        slice(None) if everybody else kept, left_out,
    )  # fmt: skip


def _length(thing: Any) -> int:
    return len(thing.matrix) if isinstance(thing, Design) else len(thing)


def _by_row(value: Any, index: pd.Index | None, n: int) -> bool:
    """Does what is bound to a partial have a value for each row? Then it is resampled with the data."""
    if isinstance(value, np.ndarray):
        return value.shape[:1] == (n,)
    if not isinstance(value, INDEXED):
        return False
    return _length(value) == n if index is None else bool(value.index.isin(index).any())


def _known(data: tuple[Any, ...], index: pd.Index | None, n: int) -> tuple[np.ndarray, dict[str, int]]:
    """The rows that no design has left out, and how many were for which reason."""
    kept = np.ones(n, dtype=bool)
    left_out: dict[str, int] = {}
    for thing in data:
        if isinstance(thing, Design) and index is not None:
            for reason, rows in thing.left_out.items():
                gone = kept & index.isin(rows)
                if gone.any():
                    left_out[reason] = left_out.get(reason, 0) + int(gone.sum())
                kept &= ~gone
    return kept, left_out


def _aligned(thing: Any, wanted: pd.Index, name: str) -> Any:
    """Its rows with the labels wanted, in their order."""
    if thing.index is wanted or thing.index.equals(wanted):
        return thing
    if not thing.index.is_unique:
        raise EndpointError(f"{name}: its index has duplicates and can't be aligned. Use reset_index(drop=True).")
    positions = thing.index.get_indexer(wanted)
    if (positions < 0).any():
        some = ", ".join(str(row) for row in wanted[positions < 0][:5])
        raise EndpointError(f"{name} has no values for {plural(int((positions < 0).sum()), 'row')} of the data (index {some}): it must have the same index as the "
                            "first (it may have more rows, never fewer).")  # fmt: skip
    return thing.iloc[positions] if isinstance(thing, (pd.DataFrame, pd.Series)) else thing.take(positions)


def _taken(thing: Any, rows: np.ndarray, place: np.ndarray, whole: bool, fresh: pd.RangeIndex) -> Any:
    if isinstance(thing, TimeToEvent):
        made = thing.take(rows)
        ids = None
        if thing.id is not None:
            ids = place if whole else np.unique(place * (int(thing.id.max()) + 1) + made.id, return_inverse=True)[1]
        return made._with(index=fresh, id=ids)
    if isinstance(thing, Design):
        return replace(thing, matrix=thing.matrix.take(rows, axis=0), index=fresh, left_out={})
    if isinstance(thing, (pd.DataFrame, pd.Series)):
        return thing.take(rows).set_axis(fresh, axis=0)
    return thing[rows]
