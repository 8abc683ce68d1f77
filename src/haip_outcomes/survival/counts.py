"""Who is at risk, and what happened: the only place that decides < or <=.

A patient followed over (entry, time] is at risk at t when entry < t <= time. Somebody who dies at t, or is last
seen at t, is still at risk at t: events come before censorings at the same time. Without delayed entry the start is
minus infinity, so that everybody is at risk at 0 and an event at time 0 counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.results import frame_of
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times

STRETCH = 2**14  # times that are gone through together


@dataclass(frozen=True, eq=False)
class RiskSets:
    """One group's counts at its T distinct exit times, sorted; with weights they are sums of weights.

    A time at which rows are only continued is not an exit: cutting a patient's follow-up into rows changes nothing. At E of the
    exit times there are events; curves change nowhere else.
    """

    group: str | None
    rows: TimeToEvent
    weights: np.ndarray | None
    time: np.ndarray  # (T,)
    gone: np.ndarray  # (1 + K, T) censored, then events of each kind; small whole numbers, or weights
    known: np.ndarray | None = None  # (T,) at risk; None when all rows that do not end before t are
    exits: np.ndarray | None = None  # which of the rows' distinct times are exits; None when all are

    @property
    def n(self) -> int:
        """Patients in this group."""
        return self.rows.n

    @property
    def n_risk(self) -> np.ndarray:
        """(T,) start < t <= time."""
        return len(self.rows) - self.rows.ranked.earlier(self.gone) if self.known is None else self.known

    @property
    def n_event(self) -> np.ndarray:
        """(T, K) a column a state."""
        return self.gone[1:].T.astype(self.gone.dtype if self.weights is not None else np.int64)

    @property
    def n_censor(self) -> np.ndarray:
        """(T,) those whose follow-up ends without an event."""
        return self.gone[0].astype(self.gone.dtype if self.weights is not None else np.int64)

    @cached_property
    def eventful(self) -> np.ndarray:
        """(T,) whether any event happened."""
        return np.asarray(self.gone[1:].any(axis=0))

    @property
    def _with_events(self) -> np.ndarray | slice:
        return slice(None) if self.eventful.all() else np.flatnonzero(self.eventful)

    @property
    def event_time(self) -> np.ndarray:
        """(E,) the exit times with events."""
        return self.time[self._with_events]

    def at_events(self) -> tuple[np.ndarray, np.ndarray]:
        """At risk (E,) and events (K, E) at the times with events, as floats."""
        there = self._with_events
        return self.n_risk[there].astype(float), np.array([one[there] for one in self.gone[1:]], dtype=float)

    def stretches(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """`at_events` in parts, one stretch of times after the other, each with its place among all E: for less memory."""
        done, left = 0, len(self.rows)
        for first in range(0, len(self.time), STRETCH):
            part = slice(first, first + STRETCH)
            gone, there = self.gone[:, part], np.flatnonzero(self.eventful[part])
            if self.known is None:
                leaving = gone.sum(axis=0)
                passed = np.cumsum(leaving)
                n, left = left - passed + leaving, left - int(passed[-1])
            else:
                n = self.known[part]
            yield slice(done, done + len(there)), n[there].astype(float), gone[1:, there].astype(float)
            done += len(there)

    def n_events(self, code: int | None = None) -> int:
        """Events, of any kind or of one state's code; never weighted."""
        if self.weights is None:
            return int(self.gone[1:].sum() if code is None else self.gone[code].sum())
        return int(np.sum(self.rows.state > 0 if code is None else self.rows.state == code))

    def n_censored(self) -> int:
        """Patients whose follow-up ended without an event; never weighted."""
        return int(self.gone[0].sum()) if self.weights is None else self.rows.counts["censored"]

    def at_risk(self, times: np.ndarray) -> np.ndarray:
        """The number at risk at any times, 0 beyond the last exit."""
        rows, weights = self.rows, self.weights
        start = None if rows.entry is None else _from_zero(rows)
        if len(times) > 16:
            return number_at_risk(rows.start if start is None else start, rows.time, times, weights)
        there = [rows.time >= t if start is None else (rows.time >= t) & (start < t) for t in times]
        return np.array([np.count_nonzero(now) if weights is None else weights[now].sum() for now in there])

    def value_at(self, values: np.ndarray, times: np.ndarray, start: float) -> np.ndarray:
        """Right-continuous steps at any times: of values at the times with events, (E, ...), the last one; `start` before the first."""
        passed = np.searchsorted(self.time, times, side="right")
        if len(passed) <= 16:
            passed = np.array([np.count_nonzero(self.eventful[:k]) for k in passed], dtype=np.int64)
        elif not self.eventful.all():
            passed = np.cumsum(np.append(0, self.eventful))[passed]
        found = values[np.maximum(passed - 1, 0)] if len(values) else np.full((len(times), *values.shape[1:]), start)
        found[passed == 0] = start
        return found

    def everywhere(self, values: np.ndarray, start: float) -> np.ndarray:
        """Values at the times with events, (E, ...), carried on to all exit times, (T, ...)."""
        if self.eventful.all():
            return values
        begin = np.full((1, *values.shape[1:]), start)
        return np.concatenate([begin, values])[np.cumsum(self.eventful)]


def risk_sets(tte: TimeToEvent, by: Any = None, weights: Any = None) -> tuple[RiskSets, ...]:
    """The counts of each group, in the order of `tte.groups(by)`; one unnamed group without `by`."""
    case_weights = _checked_weights(tte, weights)
    found = []
    for name, rows, mine in _parts(tte, by):
        own = None if case_weights is None else case_weights[mine]
        if own is not None and not own.any():
            raise EndpointError(f'All weights are zero in group "{name}": leave that group out, with a reason.')
        found.append(_counted(name, rows, own))
    return tuple(found)


def _parts(tte: TimeToEvent, by: Any) -> Iterator[tuple[str | None, TimeToEvent, Any]]:
    """Each group's name, its rows, and where they stand."""
    if by is None:
        yield None, tte, slice(None)
        return
    codes, names = tte.groups(by)
    order = np.argsort(codes.astype(np.int16) if len(names) < 2**15 else codes, kind="stable")  # small numbers: by counting
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))
    for name, start, end in zip(names, [0, *ends[:-1]], ends, strict=True):
        yield name, tte.take(order[start:end]), order[start:end]


def _counted(name: str | None, rows: TimeToEvent, weights: np.ndarray | None) -> RiskSets:
    time, kinds = rows.ranked.distinct, len(rows.states) + 1
    if rows.entry is None and weights is None:
        return RiskSets(name, rows, None, time, rows.ranked.tally(rows.state, kinds))
    kind = np.where(rows.continued, kinds, rows.state)  # a row that goes on leaves nothing but its place at risk
    gone = rows.ranked.tally(kind, kinds + 1, weights)
    n_risk = _to_the_end(gone.sum(axis=0))
    if rows.entry is not None:  # less those with entry >= t
        n_risk = n_risk - _to_the_end(np.bincount(rows.begins, weights, len(time) + 1))[1:]
    exits = np.asarray(gone[:-1].any(axis=0))
    if weights is not None and rows.entry is not None:  # differences of sums of fractions: nobody left must be exactly nobody
        few = _counted(None, rows.take(weights > 0), None)
        emptied = np.isin(time, few.time[few.n_risk == few.gone[1:].sum(axis=0)])
        n_risk = np.where(emptied, gone[1:-1].sum(axis=0), n_risk)
    if exits.all():
        return RiskSets(name, rows, weights, time, gone[:-1], n_risk)
    return RiskSets(name, rows, weights, time[exits], gone[:-1, exits], n_risk[exits], exits)


def _to_the_end(counts: np.ndarray) -> np.ndarray:
    """Sums from each place to the end."""
    return np.cumsum(counts[::-1])[::-1]


def number_at_risk(
    start: np.ndarray, time: np.ndarray, at: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """How many rows (or which weight) have start < t <= time, for each t of `at`."""
    return _at_or_after(time, at, weights) - _at_or_after(start, at, weights)


def at_risk_table(tte: TimeToEvent, times: Sequence[float] | np.ndarray, by: Any = None) -> pd.DataFrame:
    """The numbers under a survival curve: at each time, how many are still followed, and what became of the others.

    At time t: `n_risk` patients have entry < t <= time; `n_event` had an event before t, `n_censor` were last seen
    before t (both strictly), `n_pending` have not entered yet. So, with N patients in the group,

        n_risk + n_event + n_censor (+ n_pending) = N        at every t,

    also when times are rounded; counting events up to and including t gives 253 for the 228 patients of R's `lung`
    at 6 months. At time 0 everybody followed from time zero is at risk.

    Parameters
    ----------
    tte : times and states. With `id`, patients are counted, not rows; a patient in a gap between two rows counts by how
        the row before it ended.
    times : one or more times, in `tte.unit`, none negative.
    by : groups, aligned by index.

    Returns
    -------
    A row a group and time, sorted: `group` (missing without `by`), `time`, `n_event`, `n_risk`, `n_censor`, and
    `n_pending` where patients enter late. Whole numbers.

    Raises
    ------
    EndpointError : a time that is missing or negative; a group that is missing.

    The layout is the one of Morris et al. 2019 (KMunicate), doi 10.1136/bmjopen-2019-030215. `n_risk` equals that of R's
    `summary(survfit(...), times, extend = TRUE)` (without delayed entry: with it, R shows the number at the next exit).

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"months": [2, 4, 4, 9], "died": [1, 1, 0, 0]})
    >>> tte = TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"])
    >>> at_risk_table(tte, [0, 4, 12])[["time", "n_risk", "n_event", "n_censor"]].to_numpy().tolist()
    [[0.0, 4.0, 0.0, 0.0], [4.0, 3.0, 1.0, 0.0], [12.0, 0.0, 2.0, 2.0]]
    """
    require_times(tte, "at_risk_table")
    at = checked_times(times)
    parts = []
    late = False
    for name, rows, _ in _parts(tte, by):
        event, start, until, first = rows.state > 0, _from_zero(rows), _out_until(rows), _first_rows(rows)
        late = late or bool(np.isfinite(start[first]).any())
        parts.append({
            "group": np.full(len(at), name, dtype=object), "time": at, "n_event": _gone(rows, until, event, at),
            "n_risk": number_at_risk(start, rows.time, at), "n_censor": _gone(rows, until, ~event, at),
            "n_pending": _at_or_after(start[first], at),
        })  # fmt: skip
    shown = [column for column in parts[0] if late or column != "n_pending"]
    return frame_of({column: np.concatenate([part[column] for part in parts]) for column in shown})


def checked_times(times: Sequence[float] | np.ndarray | float) -> np.ndarray:
    """Times somebody asks for, as a sorted array."""
    try:
        at = np.sort(np.atleast_1d(np.asarray(times, dtype=float)))
    except (TypeError, ValueError):
        raise EndpointError(f"Times must be numbers, such as [12, 36, 60]; got {times!r}.") from None
    if at.ndim != 1 or not len(at) or not np.isfinite(at).all() or (at < 0).any():
        raise EndpointError(f"Times must be numbers at or after zero, such as [12, 36, 60]; got {times!r}.")
    return at


def one_after_another(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays of several groups as one; that of a single group as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def group_column(sets: Sequence[RiskSets], rows: Sequence[int]) -> np.ndarray:
    """Each group's name, as often as it has rows."""
    return np.repeat(np.array([one.group for one in sets], dtype=object), rows)


def _at_or_after(values: np.ndarray, at: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """How many values (or which weight) are >= t, for each t."""
    if weights is None:
        return len(values) - np.searchsorted(np.sort(values), at, side="left")
    order = np.argsort(values, kind="stable")
    tail = np.concatenate([np.cumsum(weights[order][::-1])[::-1], [0.0]])
    return tail[np.searchsorted(values[order], at, side="left")]


def _gone(rows: TimeToEvent, until: np.ndarray, chosen: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Patients whose last row before t is one of the chosen, and who are not at risk at t: time < t, not until < t."""
    before = np.searchsorted(np.sort(rows.time[chosen]), at, side="left")
    return before if rows.id is None else before - np.searchsorted(np.sort(until[chosen]), at, side="left")


def _first_rows(rows: TimeToEvent) -> np.ndarray:
    """True for the first row of each patient."""
    first = np.ones(len(rows), dtype=bool)
    if rows.id is not None:
        order = np.lexsort((rows.time, rows.id))
        first[order[1:]] = rows.id[order][1:] != rows.id[order][:-1]
    return first


def _from_zero(rows: TimeToEvent) -> np.ndarray:
    """Starts; a patient who enters at time 0 was followed from time zero and is at risk at 0."""
    if rows.entry is None:
        return rows.start
    return np.where(_first_rows(rows) & (rows.start == 0), -np.inf, rows.start)


def _out_until(rows: TimeToEvent) -> np.ndarray:
    """When the same patient's next row starts; infinity after the last."""
    until = np.full(len(rows), np.inf)
    if rows.id is not None:
        order = np.lexsort((rows.time, rows.id))
        same = rows.id[order][1:] == rows.id[order][:-1]
        until[order[:-1][same]] = rows.start[order][1:][same]
    return until


def _checked_weights(tte: TimeToEvent, weights: Any) -> np.ndarray | None:
    if weights is None:
        return None
    try:
        values = np.asarray(tte.align(weights, "weights"), dtype=float)
    except (TypeError, ValueError):
        raise EndpointError("weights must be numbers, one for each row.") from None
    wrong = ~np.isfinite(values) | (values < 0)
    if not wrong.any() and not (values > 0).any():
        raise EndpointError("All weights are zero: weights must be positive for somebody.")
    if wrong.any():
        raise EndpointError(f"weights must be at or above zero and not missing; {int(wrong.sum())} of "
                            f"{len(values)} are not. Leave rows without a weight out first, with a reason.")  # fmt: skip
    return values
