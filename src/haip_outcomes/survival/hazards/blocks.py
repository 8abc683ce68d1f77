"""Rows in the order in which the compiled partial likelihood goes through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from haip_outcomes.survival.hazards import cox_kernel
from haip_outcomes.survival.sorting import counting_order
from haip_outcomes.survival.time_to_event import TimeToEvent, rank


@dataclass(frozen=True, eq=False)
class Blocks:
    """Rows sorted by stratum, in it by falling time, events first; a block is one stratum's rows of one time.

    Covariates are centred and scaled to standard deviation 1: `x[i] = (matrix[order[i]] - mean) / scale`.
    """

    x: np.ndarray  # (n, p)
    mean: np.ndarray  # (p,)
    scale: np.ndarray  # (p,)
    order: np.ndarray  # (n,) the row of the times that stands at each place
    weights: np.ndarray  # (n,)
    copies: np.ndarray  # (n,) 1 each, unless rows are resampled
    offset: np.ndarray  # (n,)
    begin: np.ndarray  # (G + 1,) where each block begins
    n_event: np.ndarray  # (G,)
    opens: np.ndarray  # (G,) 1 where a block is its stratum's first
    leaving: np.ndarray  # (n,) places by stratum and falling entry; empty without delayed entry
    gone: np.ndarray  # (G,) how many of `leaving` are not at risk at the block's time

    @property
    def arguments(self) -> Any:
        """What the kernel takes, in its order, up to and without the handling of ties."""
        return (self.x, self.weights, self.copies, self.offset, self.begin, self.n_event, self.opens, self.leaving, self.gone)



def in_blocks(
    tte: TimeToEvent,
    matrix: np.ndarray,
    *,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    offset: np.ndarray | None = None,
) -> Blocks:
    """Sort rows and covariates (n, p) for the kernel; strata are whole numbers from 0. At risk at t: entry < t <= time."""
    n = len(tte)
    event = tte.state > 0
    number, length = tte.ranked.number, len(tte.ranked.distinct)
    falling = 2 * (length - 1 - number) + ~event
    stratum = np.zeros(n, dtype=np.int64) if strata is None else strata
    size = 2 * length * (int(stratum.max()) + 1)
    key = falling if strata is None else falling + 2 * length * stratum
    order = counting_order(key, size) if size <= 16 * n else np.argsort(key, kind="stable")
    moment = number[order] if strata is None else number[order] - length * stratum[order]
    new = np.flatnonzero(np.concatenate([[True], moment[1:] != moment[:-1]]))
    opens = np.zeros(len(new), dtype=np.int64)
    opens[0] = 1
    if strata is not None:
        opens[1:] = stratum[order[new[1:]]] != stratum[order[new[1:] - 1]]
    leaving, gone = np.zeros(0, dtype=np.int64), np.zeros(len(new), dtype=np.int64)
    if tte.entry is not None:
        leaving, gone = _entries(tte, stratum, order, new)
    mean, scale = cox_kernel.moments(matrix)
    ones = np.ones(n)
    return Blocks(
        x=cox_kernel.gathered(matrix, order, mean, np.where(scale > 0, scale, 1.0)), mean=mean, scale=scale, order=order,
        weights=ones if weights is None else weights[order], copies=np.ones(n, dtype=np.int64),
        offset=np.zeros(n) if offset is None else (offset - offset.mean())[order], begin=np.append(new, n),
        n_event=np.add.reduceat(event[order].astype(np.int64), new), opens=opens, leaving=leaving, gone=gone,
    )  # fmt: skip


def _entries(
    tte: TimeToEvent, stratum: np.ndarray, order: np.ndarray, new: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The places of the rows by stratum and falling entry, and how many of them are not (or no longer) counted at each block."""
    entered = tte.start[order]
    group = stratum[order]
    leaving = np.lexsort((-entered, group))
    ranked = rank(np.concatenate([entered, tte.time[order[new]]]))  # entries and block times on one scale
    top = len(ranked.distinct)
    entry, at = ranked.number[: len(order)], ranked.number[len(order) :]
    sorted_key = (group * top + (top - 1 - entry))[leaving]
    gone = np.searchsorted(sorted_key, group[new] * top + (top - 1 - at), side="right")  # entry >= t
    return leaving, gone
