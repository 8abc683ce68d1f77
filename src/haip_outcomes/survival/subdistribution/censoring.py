"""How likely a patient is not to have been censored yet: P(t), by which Fine and Gray's model weighs competing events.

A patient with a competing event at T stays at risk after it with weight P(t)/P(T), the chance of being still followed at t.
R's two packages estimate P differently, and so do these functions; both take the rows as `blocks.py` sorts them and give P just
before the time of each block.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.hazards.blocks import Blocks
from haip_outcomes.survival.time_to_event import TimeToEvent


def by_group(rows: Blocks, censored: np.ndarray, group: np.ndarray, n_groups: int, at_zero: bool) -> np.ndarray:
    """P of each group of patients at each block, (groups, G), as cmprsk's crr has it. One stratum, no delayed entry.

    P(t) = G(t-), with G(t) = product over times s <= t of 1 - c(s)/Y(s), c the group's censorings at s and Y those of it followed
    until s or longer, whatever happens to them then. After a group's last time P is 0. At time 0 it is G(0): crr takes censorings
    at time 0 as before the events there.

    censored : (n,) of bool, sorted as the rows; group : (n,) of 0 ... n_groups - 1; at_zero : the last block's time is 0.
    """
    first = rows.begin[:-1]
    found = np.empty((n_groups, len(first)))
    for k in range(n_groups):
        mine = group == k
        many = np.cumsum(np.add.reduceat(mine, first, dtype=np.int64)) if n_groups > 1 else rows.begin[1:]
        gone = np.add.reduceat(censored & mine if n_groups > 1 else censored, first, dtype=np.int64)
        g = np.cumprod((1 - gone / np.maximum(many, 1))[::-1])[::-1]  # at and before each block's time
        found[k] = np.where(many > 0, np.append(g[1:], 1.0), 0.0)
        if at_zero:
            found[k, -1] = g[-1]
    return found


def by_stratum(rows: Blocks, tte: TimeToEvent, competing: np.ndarray) -> np.ndarray:
    """P of its stratum at each block, (1, G), as survival's finegray has it.

    P(t) = G(t-) H(t-). G is the Kaplan-Meier curve of the censoring, in which an event (of any kind) at a time is not at risk of
    being censored at it; a row that the patient's next one continues is no censoring. H(t-) = product over entry times s >= t of
    1 - e(s)/Y(s), e the patients who enter at s and Y those followed just after: the chance of having entered before t. It is left
    out (1) unless somebody enters after the first exit. Case weights play no part.

    Only P(t)/P(T) is of use, for a competing event at T and t > T. With delayed entry few may be followed at a time, and if all of
    them are censored, or had just entered, a factor is 0. Where it is in both P(t) and P(T) it is divided out (R has 0/0 then, and
    coxph drops the rows without a word); where it is in P(t) alone the weight is 0; where it is in P(T) alone there is no weight.

    tte : the times, not sorted. competing : (n,) of bool, sorted as the rows.

    Raises
    ------
    EndpointError : somebody has a competing event at T, and all those followed at a later time, before an event, had just entered.
    """
    state, time, begins, ends = (values[rows.order] for values in (tte.state, tte.time, *outer_rows(tte)))
    first = rows.begin[:-1]
    stays = np.add.reduceat(state == 0, first, dtype=np.int64)
    leaves = np.add.reduceat((state == 0) & ends, first, dtype=np.int64)
    start = tte.start[rows.order] if tte.entry is not None else None
    delayed = start is not None and bool((start[begins] > time.min()).any())
    found = np.ones(len(first))
    opening = np.append(np.flatnonzero(rows.opens), len(first))
    for a, z in pairwise(opening):
        at_risk = rows.begin[a:z] - rows.begin[a] + stays[a:z]
        if len(rows.leaving):
            at_risk = at_risk - (rows.gone[a:z] - rows.begin[a])
        factor = 1 - leaves[a:z] / np.maximum(at_risk, 1)
        factor[factor == 0] = NEARLY_ZERO
        found[a:z] = np.append(np.cumprod(factor[::-1])[::-1][1:], 1.0)
        if delayed and start is not None:
            mine = slice(rows.begin[a], rows.begin[z])
            h, empty = _entered(start[mine], time[mine], start[mine][begins[mine]], time[first[a:z]])
            found[a:z] *= h
            happened = time[first[a:z]][rows.n_event[a:z] > 0]
            empty = empty[empty < happened.max(initial=-np.inf)]
            lost = np.flatnonzero(competing[mine] & (time[mine] <= empty.max(initial=-np.inf)))
            if len(lost):
                row = rows.order[mine][lost[0]]
                raise EndpointError(
                    f"Row {tte.index[row]} has a competing event at {tte.time[row]:g} {tte.unit}, and at {empty.max():g} all those followed "
                    "had just entered: the chance of having entered by then can't be estimated, and the weights don't exist. Start the "
                    "analysis later (tte.landmark), or leave out, with a reason, those who left before."
                )
    return found[None, :]


NEARLY_ZERO = 1e-100  # in the place of a factor 0: it cancels where it should, and is nothing where it does not


def outer_rows(tte: TimeToEvent) -> tuple[np.ndarray, np.ndarray]:
    """True for the first row of each patient, and for the last, (n,) each."""
    first, last = np.ones(len(tte), dtype=bool), np.ones(len(tte), dtype=bool)
    if tte.id is not None:
        order = np.lexsort((tte.time, tte.id))
        same = tte.id[order][1:] == tte.id[order][:-1]
        first[order[1:]], last[order[:-1]] = ~same, ~same
    return first, last


def _entered(
    start: np.ndarray, time: np.ndarray, entries: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """H just before the times `at`, without its zeros, from rows (start, time] and patients' entries; and the times of the zeros."""
    moments, entering = np.unique(entries[np.isfinite(entries)], return_counts=True)
    followed = np.searchsorted(np.sort(start), moments, side="right") - np.searchsorted(np.sort(time), moments, side="right")
    factor = 1 - entering / np.maximum(followed, 1)
    empty = factor == 0
    h = np.append(np.cumprod(np.where(empty, 1.0, factor)[::-1])[::-1], 1.0)  # from each entry time on
    return h[np.searchsorted(moments, at, side="left")], moments[empty]
