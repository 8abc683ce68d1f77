"""The tables of a log-rank test: at each event time of each stratum, who is at risk and who has the event, by group.

At risk at t is entry < t <= time, as in `counts.py`, which counts one group's every exit; here all groups and strata are
counted at once, at the times of events only, which is what a million patients need.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from haip_outcomes.survival.ranking import Ranked, rank
from haip_outcomes.survival.time_to_event import TimeToEvent


@dataclass(frozen=True, eq=False)
class EventTables:
    """Who is at risk and who has the event, by group, at the E event times of all strata, one stratum after the other."""

    n_risk: np.ndarray  # (groups, E) of int32: entry < t <= time
    n_event: np.ndarray  # (groups, E) of int32
    begin: np.ndarray  # (strata + 1,) where each stratum's times begin

    def of(self, groups: list[int]) -> EventTables:
        """Some groups only, at all times."""
        return EventTables(self.n_risk[groups], self.n_event[groups], self.begin)

    @cached_property
    def survival_before(self) -> np.ndarray:
        """The pooled Kaplan-Meier curve of each stratum, just before each time."""
        stays = 1 - self.n_event.sum(axis=0) / np.maximum(self.n_risk.sum(axis=0), 1)
        before = np.ones(len(stays))
        for first, last in pairwise(self.begin):
            before[first + 1 : last] = np.cumprod(stays[first:last])[:-1]
        return before


STRETCH = 16_384  # rows or times that are taken at once: few enough to stay in the processor's cache


def event_tables(
    tte: TimeToEvent, event: np.ndarray, codes: np.ndarray, n_groups: int, blocks: np.ndarray, n_blocks: int
) -> EventTables:
    """Count each row once, without a sort: it is added up to its exit, and taken off up to its entry.

    A stratum has a place for each event time, and one before them for rows that leave (or enter) before its first; a row counts
    at the place of the last event time at or before its exit. A million patients are some megabytes in each array: few are made.
    """
    exits, entered, last = _numbered(tte, blocks, n_blocks)
    happened, one = event.astype(np.int32), np.int32(1)
    upto = np.zeros(last[-1] + 1, dtype=np.int32)
    for rows, number in exits.stretches(STRETCH):
        np.add.at(upto, number + 1, happened[rows])
    np.cumsum(upto > 0, out=upto)  # how many event times there are up to each number, in its stratum and in those before it
    begin = np.concatenate([[0], upto[last]])
    places = int(begin[-1]) + n_blocks

    n_risk, n_event = np.zeros((2, n_groups * places), dtype=np.int32)
    for rows, number in exits.stretches(STRETCH):
        cell = places * codes[rows] + (blocks[rows] if n_blocks > 1 else 0)
        if entered is not None:
            np.subtract.at(n_risk, cell + upto[entered[rows]], one)
        cell += upto[number + 1]
        np.add.at(n_risk, cell, one)
        np.add.at(n_event, cell, happened[rows])
    n_risk, n_event = n_risk.reshape(n_groups, places), n_event.reshape(n_groups, places)
    from_the_end = n_risk[:, ::-1]
    np.cumsum(from_the_end, axis=1, dtype=np.int32, out=from_the_end)
    if n_blocks == 1:
        return EventTables(n_risk[:, 1:], n_event[:, 1:], begin)
    opens = begin[:-1] + np.arange(n_blocks)
    later = np.append(n_risk[:, opens[1:]], np.zeros((n_groups, 1), dtype=np.int32), axis=1)  # of the strata after it
    n_risk -= np.repeat(later, np.diff(opens, append=places), axis=1)
    return EventTables(np.delete(n_risk, opens, axis=1), np.delete(n_event, opens, axis=1), begin)


def _numbered(
    tte: TimeToEvent, blocks: np.ndarray, n_blocks: int
) -> tuple[Ranked, np.ndarray | None, np.ndarray]:
    """Each row's exit as the number of a time in its stratum; its entry, if any; and the last number of each stratum.

    Numbers go on from one stratum to the next, which begins with one for before its first time: an exit's is one more than in the
    `Ranked`. At risk at t is entry < t: an entry has the number of the last time at or before it.
    """
    exits, known, width = tte.ranked, tte.ranked.distinct, len(tte.ranked.distinct) + 1
    last = width * np.arange(1, n_blocks + 1) - 1
    entered = None
    if tte.entry is not None:
        order = np.argsort(tte.entry)  # a search in order is fast
        entered = np.empty(len(tte), dtype=np.int64)
        entered[order] = np.searchsorted(known, tte.entry[order], side="right")
        entered += width * blocks
    if n_blocks > 1:
        exits = Ranked(known, exits.number + width * blocks)
    if n_blocks * width > 4 * len(tte):  # number only the times that are each stratum's own
        exits = rank(exits.number + 1.0)
        last = np.searchsorted(exits.distinct, last, side="right")
        entered = None if entered is None else np.searchsorted(exits.distinct, entered, side="right")
    return exits, entered, last
