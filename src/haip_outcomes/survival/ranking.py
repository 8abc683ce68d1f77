"""Times as whole numbers: the one sort that all estimators share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

SAME_TIME = float(np.sqrt(np.finfo(float).eps))


class Ranked:
    """Times in order: `distinct` (T,) is sorted, and `distinct[number[i]]` is the time of row i.

    Made by `rank`. It holds either the number of each row, or the rows in order of time, from which the numbers follow: `order`, and
    `others`, the places in it that have the time of the place before.
    """

    def __init__(
        self,
        distinct: np.ndarray,
        number: np.ndarray | None = None,
        *,
        order: np.ndarray | None = None,
        others: np.ndarray | None = None,
    ) -> None:
        self.distinct, self._order, self._others = distinct, order, others
        if number is not None:
            self.number = number

    @cached_property
    def number(self) -> np.ndarray:
        """Which of the distinct times each row has, (n,) of int64."""
        assert self._order is not None
        new = np.ones(len(self._order), dtype=np.int64)
        new[self._others] = 0
        number = np.empty(len(new), dtype=np.int64)
        number[self._order] = np.cumsum(new) - 1
        return number

    def tally(self, kind: np.ndarray, kinds: int, weights: np.ndarray | None = None) -> np.ndarray:
        """How many rows (or which weight) of each kind, 0 to kinds - 1, have each time: (kinds, T), of the smallest whole numbers."""
        length = len(self.distinct)
        if self._order is None or self._others is None or weights is not None or 2 * length < len(kind):
            counts = np.bincount(kind * length + self.number, weights, kinds * length).reshape(kinds, length)
            return counts if weights is not None else counts.astype(_small(int(counts.max(initial=0))))
        # few ties: along the order, the first of each time and then the others
        ordered = (kind.astype(np.int8) if kinds < 2**7 else kind)[self._order]
        first = np.delete(ordered, self._others)
        counts = np.empty((kinds, length), dtype=_small(len(self._others) + 1))
        for k in range(kinds):
            counts[k] = first == k
        np.add.at(counts.ravel(), ordered[self._others].astype(np.int64) * length + self._before, 1)
        return counts

    def earlier(self, tally: np.ndarray) -> np.ndarray:
        """How many rows have an earlier time than each of the distinct ones, (T,); `tally` counts those of each time."""
        if self._order is None or self._others is None:
            counts = tally.sum(axis=0)
            return np.cumsum(counts) - counts
        return np.delete(np.arange(len(self._order)), self._others)

    def stretches(self, size: int) -> Iterator[tuple[np.ndarray | slice, np.ndarray]]:
        """All rows in parts, and the numbers of their times: by time where that order is known, which keeps near what is counted by time."""
        if self._order is None or self._others is None:
            for first in range(0, len(self.number), size):
                yield slice(first, first + size), self.number[first : first + size]
            return
        new = np.ones(len(self._order), dtype=bool)
        new[self._others] = False
        last = -1
        for first in range(0, len(new), size):
            number = last + np.cumsum(new[first : first + size])
            yield self._order[first : first + size], number
            last = int(number[-1])

    def join(self, time: np.ndarray) -> None:
        """Make equal, in the array of times that was ranked, those that were found to be one."""
        if self._order is not None and self._others is not None:
            time[self._order[self._others]] = self.distinct[self._before]

    @property
    def _before(self) -> np.ndarray:
        """The numbers of the others' times."""
        assert self._others is not None
        return self._others - np.arange(1, len(self._others) + 1)

    def take(self, chosen: np.ndarray) -> Ranked:
        """The ranking of the chosen rows alone, without another comparison of times."""
        number = self.number[chosen]
        if len(self.distinct) > 8 * len(number):  # a few of many: not all times are gone through
            left, renumbered = np.unique(number, return_inverse=True)
            return Ranked(self.distinct[left], renumbered)
        there = np.bincount(number, minlength=len(self.distinct)) > 0
        if there.all():
            return Ranked(self.distinct, number)
        return Ranked(self.distinct[there], (np.cumsum(there) - 1)[number])


def rank(time: np.ndarray, *, join: bool = False) -> Ranked:
    """Sort times once: by counting where they are whole numbers (days), else by comparing.

    With `join`, times that follow each other so closely that they differ by rounding only are one, the smallest: R's `timefix`.
    """
    n = len(time)
    if n and 0 <= time[0] < np.inf and time[0] % 1 == 0 and time.min() >= 0 and time.max() < max(4 * n, 1000):
        whole = time.astype(np.int64)
        if (whole == time).all():
            there = np.bincount(whole) > 0
            return Ranked(np.flatnonzero(there).astype(float), (np.cumsum(there) - 1)[whole])
    order, ordered = _in_order(time)
    same = ordered[1:] == ordered[:-1]
    if join:
        mean = (ordered.sum() - ordered[1:][same].sum()) / (n - np.count_nonzero(same))  # of the distinct times
        same = _within(ordered, SAME_TIME * max(1.0, float(mean)))
    others = np.flatnonzero(same) + 1
    return Ranked(np.delete(ordered, others) if len(others) else ordered, order=order, others=others)


def _in_order(time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows by time, in any order where times are equal, and their times.

    Numbers are sorted three times as fast as it is found out which row each comes from. So a row becomes one whole number: its time in
    the upper bits, as a share of the range, its place in the lower ones. Times that share the upper bits, if any, are put right after.
    """
    n, low = len(time), time.min(initial=np.inf)
    bits, extent = n.bit_length(), time.max(initial=-np.inf) - low if np.isfinite(low) else np.inf
    scale = np.ldexp(1.0, 63 - bits - int(np.frexp(extent)[1])) if 0 < extent < np.inf else np.inf
    if np.isfinite(scale):
        key = ((time - low) * scale).astype(np.int64)
        key <<= bits
        key |= np.arange(n)
        key.sort()
        key &= 2**bits - 1
        ordered = time[key]
        if (ordered[1:] < ordered[:-1]).any():
            key = key[np.argsort(ordered, kind="stable")]  # fast where nearly all is in order
            ordered = time[key]
    else:
        key = np.argsort(time)
        ordered = time[key]
    return key.astype(np.int32) if n < 2**31 else key, ordered  # half the memory


def _within(ordered: np.ndarray, distance: float, stretch: int = 2**15) -> np.ndarray:
    """Whether each value but the first is no further from the one before it."""
    near = np.empty(max(len(ordered) - 1, 0), dtype=bool)
    for first in range(0, len(near), stretch):
        np.less_equal(np.diff(ordered[first : first + stretch + 1]), distance, out=near[first : first + stretch])
    return near


def _small(most: int) -> type[np.signedinteger]:
    """The kind of whole number that holds counts up to `most`; sums of them are made in larger ones."""
    return np.int16 if most < 2**15 else np.int32 if most < 2**31 else np.int64
