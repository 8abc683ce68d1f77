"""What a bootstrap draws: patients (or clusters) whole and with replacement, within strata as many as there are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import plural


@dataclass(frozen=True, eq=False)
class Units:
    """m units, each of one or more of n rows; those of a stratum are numbered one after the other."""

    unit: np.ndarray  # (n,) the unit that each row belongs to, 0 ... m-1
    sizes: np.ndarray  # (H,) the units of each stratum
    noun: str  # what a unit is called: "row", "patient", "cluster"

    def __len__(self) -> int:
        return int(self.sizes.sum())

    @cached_property
    def plain(self) -> bool:
        """Is unit i row i?"""
        return bool(len(self.unit) == len(self) and (self.unit == np.arange(len(self))).all())

    @cached_property
    def rows(self) -> np.ndarray:
        """The rows (n,), unit by unit."""
        return np.argsort(self.unit, kind="stable")

    @cached_property
    def ends(self) -> np.ndarray:
        """Where each unit's rows begin among `rows`, and where the last one's end (m+1,)."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.unit, minlength=len(self)))])

    @cached_property
    def of_stratum(self) -> np.ndarray:
        """How many units each unit's stratum has (m,)."""
        return np.repeat(self.sizes, self.sizes)

    def draw(self, rng: np.random.Generator, times: int) -> np.ndarray:
        """The units of so many resamples, (times, m)."""
        first = np.cumsum(self.sizes) - self.sizes
        return np.concatenate(
            [begin + rng.integers(0, size, (times, size)) for begin, size in zip(first.tolist(), self.sizes.tolist(), strict=True)],
            axis=1,
        )

    def copies(self, drawn: np.ndarray) -> np.ndarray:
        """How often each row is in resamples of these units (B, m): (B, n)."""
        many, m = len(drawn), len(self)
        flat = (drawn + m * np.arange(many)[:, None]).ravel()
        counted = np.bincount(flat, minlength=many * m).reshape(many, m)
        return counted if self.plain else counted.take(self.unit, axis=1)

    def copies_without(self, units: np.ndarray) -> np.ndarray:
        """1 for every row but those of one of these units at a time: (len(units), n)."""
        return (self.unit != units[:, None]).astype(np.int64)

    def rows_of(self, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows of units (k,), and of each the place 0 ... k-1 of its unit among those drawn: twice drawn, two places."""
        if self.plain:
            return drawn, np.arange(len(drawn))
        begin = self.ends[drawn]
        size = self.ends[drawn + 1] - begin
        place = np.repeat(np.arange(len(drawn)), size)
        within = np.arange(len(place)) - np.repeat(np.cumsum(size) - size, size)
        return self.rows[begin[place] + within], place


def units_of(rows: int, cluster: np.ndarray | None, stratum: np.ndarray | None, noun: str) -> Units:
    """The units of so many rows, from the cluster and the stratum (whole numbers) of each row."""
    alone = np.arange(rows)
    key = alone if cluster is None else cluster
    by = np.zeros(rows, dtype=np.int64) if stratum is None else stratum
    first = np.unique(key, return_index=True)[1]
    number = np.unique(key, return_inverse=True)[1]
    home = by[first]  # the stratum of each cluster
    if (home[number] != by).any():
        raise EndpointError(f"A {noun} has rows in several strata: a {noun} is drawn whole, within one. Let strata say the same for all its rows.")
    order = np.lexsort((np.arange(len(home)), home))
    renumbered = np.empty(len(home), dtype=np.int64)
    renumbered[order] = np.arange(len(home))
    sizes = np.bincount(home)
    if len(home) < 2:
        raise EndpointError(f"There is {plural(len(home), noun)}: a bootstrap draws from several.")
    return Units(renumbered[number], sizes[sizes > 0], noun)
