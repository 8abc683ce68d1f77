"""Rows sorted and weighted for Fine and Gray's model, as one or the other of R's packages weighs them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.hazards.blocks import Blocks, in_blocks
from haip_outcomes.survival.subdistribution.censoring import by_group, by_stratum
from haip_outcomes.survival.time_to_event import TimeToEvent


@dataclass(frozen=True, eq=False)
class SubdistributionRows:
    """Sorted rows, who of them stays at risk after a competing event, and the chance of still being followed."""

    blocks: Blocks
    competing: np.ndarray  # (n,) of bool: rows that stay
    censored: np.ndarray  # (n,) of bool
    group: np.ndarray  # (n,) of censoring, 0 ... groups - 1
    later: np.ndarray  # (groups, G) P at each block
    efron: bool

    @cached_property
    def event_blocks(self) -> np.ndarray:
        """The numbers of the blocks with an event, (E,): by stratum and falling time."""
        return np.flatnonzero(self.blocks.n_event)

    def share_of_events(self) -> np.ndarray:
        """How large a part of the events at each event time belongs to each censoring group, (groups, E)."""
        groups, at = len(self.later), self.event_blocks
        if groups == 1:
            return np.ones((1, len(at)))
        event = ~(self.competing | self.censored)
        each = [np.add.reduceat(event & (self.group == k), self.blocks.begin[:-1], dtype=np.int64)[at] for k in range(groups)]
        return np.stack(each) / self.blocks.n_event[at]

    @property
    def layout(self) -> tuple[np.ndarray, ...]:
        """What the kernels take, in their order."""
        b = self.blocks
        return (b.begin, b.n_event, b.opens, b.leaving, b.gone, self.competing, self.group, self.later)


def crr_rows(
    tte: TimeToEvent, cause: str, matrix: np.ndarray, group: np.ndarray | None, n_groups: int
) -> SubdistributionRows:
    """As cmprsk's crr weighs them: P by censoring group, Breslow's ties; everybody followed from time zero."""
    blocks = in_blocks(tte.only(cause), matrix)
    state, code = tte.state[blocks.order], tte.code(cause)
    censored = state == 0
    groups = np.zeros(len(tte), dtype=np.int64) if group is None else group[blocks.order]
    later = by_group(blocks, censored, groups, n_groups, bool(tte.ranked.distinct[0] == 0))
    return SubdistributionRows(blocks, ~censored & (state != code), censored, groups, later, efron=False)


def finegray_rows(
    tte: TimeToEvent, cause: str, matrix: np.ndarray, strata: np.ndarray | None, weights: np.ndarray | None
) -> SubdistributionRows:
    """As survival's finegray weighs them: P by stratum, with delayed entry, Efron's ties."""
    blocks = in_blocks(tte.only(cause), matrix, strata=strata, weights=weights)
    state, code = tte.state[blocks.order], tte.code(cause)
    censored = state == 0
    competing = ~censored & (state != code)
    later = by_stratum(blocks, tte, competing)
    return SubdistributionRows(blocks, competing, censored, np.zeros(len(tte), dtype=np.int64), later, efron=True)


def refuse_gaps(tte: TimeToEvent) -> None:
    """Raise if a patient's rows leave gaps, or an event comes before the last of them, as R's finegray does."""
    if tte.id is None:
        return
    order = np.lexsort((tte.time, tte.id))
    same = tte.id[order][1:] == tte.id[order][:-1]
    before, after = order[:-1][same], order[1:][same]
    for wrong, what in (
        (tte.state[before] > 0, "has an event before the patient's last row"),
        (tte.start[after] != tte.time[before], "is followed by a gap before the patient's next row"),
    ):
        if wrong.any():
            raise EndpointError(f"Row {tte.index[before[wrong][0]]} {what}: Fine and Gray's model needs each patient followed in one "
                                "piece, up to the first event. Use first events only, and rows that begin when the one before ended.")  # fmt: skip
