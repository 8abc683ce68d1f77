"""The rows that survival's finegray would make, counted without making them: what R's functions on its data depend on.

In a stratum, cuts are the times of its censorings (and entries, when entry is delayed) and its last time; an interval lies between
two cuts, without the first and with the second. A patient with a competing event is followed to the end of the interval it happened
in, and has one more row for each later interval with an event of interest. A stratum without events of interest has no rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.subdistribution.censoring import outer_rows
from haip_outcomes.survival.time_to_event import TimeToEvent


@dataclass(frozen=True, eq=False)
class _Stratum:
    """One stratum's rows."""

    start: np.ndarray  # sorted
    stop: np.ndarray  # sorted: of its rows up to the patient's last interval
    event: np.ndarray  # sorted times of the events of interest
    competing: np.ndarray  # sorted
    cuts: np.ndarray  # sorted; the last is the stratum's last time
    kept: np.ndarray  # of each interval: whether it has an event of interest

    def interval(self, t: np.ndarray) -> np.ndarray:
        """The number of the interval that each time lies in; as many as there are cuts beyond the last."""
        return np.searchsorted(self.cuts, t, side="left")

    @property
    def more_stops(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the rows of later intervals end, and how many rows do."""
        at = np.flatnonzero(self.kept)
        begin = np.where(at > 0, self.cuts[np.maximum(at - 1, 0)], -np.inf)
        return self.cuts[at], np.searchsorted(self.competing, begin, side="right")

    def at_risk(self, t: np.ndarray) -> np.ndarray:
        """How many rows are at risk at times t."""
        plain = np.searchsorted(self.start, t, side="left") - np.searchsorted(self.stop, t, side="left")
        at = self.interval(t)
        inside = at < len(self.cuts)
        begin = np.where(at > 0, self.cuts[np.maximum(at - 1, 0)], -np.inf)
        earlier = np.searchsorted(self.competing, begin, side="right")
        return plain + np.where(inside & self.kept[np.minimum(at, len(self.cuts) - 1)], earlier, 0)


@dataclass(frozen=True, eq=False)
class ExpandedRows:
    """All strata, None for those without events of interest."""

    strata: tuple[_Stratum | None, ...]

    def first_exit(self, stratum: int) -> float:
        """When the first row of a stratum ends."""
        one = self.strata[stratum]
        return float(one.stop[0]) if one is not None else np.inf

    def transformed(self, transform: str, times: np.ndarray) -> np.ndarray:
        """cox.zph's g at event times: of all strata together, and without weights."""
        there = [one for one in self.strata if one is not None]
        if transform == "identity":
            return times
        if transform == "log":
            if (times <= 0).any():
                raise EndpointError('transform="log" needs event times above 0; use "km" or "rank".')
            return np.log(times)
        if transform == "rank":
            below, same = np.zeros(len(times)), np.zeros(len(times))
            for one in there:
                ends, many = one.more_stops
                total = np.concatenate([[0], np.cumsum(many)])
                left = np.searchsorted(one.stop, times, side="left") + total[np.searchsorted(ends, times, side="left")]
                right = np.searchsorted(one.stop, times, side="right") + total[np.searchsorted(ends, times, side="right")]
                below, same = below + left, same + right - left
            return below + (same + 1) / 2
        if transform == "km":
            distinct = np.unique(times)
            dead = sum(np.diff(np.searchsorted(one.event, np.append(distinct, np.inf), side="left")) for one in there)
            followed = sum(one.at_risk(distinct) for one in there)
            survival = np.cumprod(1 - dead / followed)
            return 1 - np.concatenate([[1.0], survival])[np.searchsorted(distinct, times, side="left")]
        raise EndpointError(f'transform must be "km", "rank", "identity" or "log"; got {transform!r}.')


def expanded(tte: TimeToEvent, code: int, strata: np.ndarray | None) -> ExpandedRows:
    """Count the rows for the event with this number in `state`; strata are whole numbers from 0."""
    first, last = outer_rows(tte)
    start = tte.start
    delayed = bool((start[first] > tte.time.min()).any())
    group = np.zeros(len(tte), dtype=np.int64) if strata is None else strata
    found: list[_Stratum | None] = []
    for s in range(int(group.max()) + 1):
        mine = group == s
        time, state = tte.time[mine], tte.state[mine]
        event = np.sort(time[state == code])
        if not len(event):
            found.append(None)
            continue
        inner = [time[(state == 0) & last[mine]]]
        if delayed:
            inner.append(start[mine & first][np.isfinite(start[mine & first])])
        cuts = np.append(np.unique(np.concatenate(inner)), time.max())
        stays = (state > 0) & (state != code)
        kept = np.zeros(len(cuts), dtype=bool)
        kept[np.searchsorted(cuts, event, side="left")] = True
        stop = np.where(stays, cuts[np.searchsorted(cuts, time, side="left")], time)
        found.append(_Stratum(np.sort(start[mine]), np.sort(stop), event, np.sort(time[stays]), cuts, kept))
    return ExpandedRows(tuple(found))
