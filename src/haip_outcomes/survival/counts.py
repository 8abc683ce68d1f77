"""Who is at risk, and what happened: the only place that decides < or <=.

A patient followed over (entry, time] is at risk at t when entry < t <= time. Somebody who dies at t, or is last
seen at t, is still at risk at t: events come before censorings at the same time. Without delayed entry the start is
minus infinity, so that everybody is at risk at 0 and an event at time 0 counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times


@dataclass(frozen=True, eq=False)
class RiskSets:
    """One group's counts at its T distinct exit times, sorted; with weights they are sums of weights.

    A time at which rows are only continued is not an exit: cutting a patient's follow-up into rows changes nothing.
    """

    group: str | None
    rows: TimeToEvent
    weights: np.ndarray | None
    time: np.ndarray  # (T,)
    n_risk: np.ndarray  # (T,) start < t <= time
    n_event: np.ndarray  # (T, K) a column a state
    n_censor: np.ndarray  # (T,)

    @property
    def n(self) -> int:
        """Patients in this group."""
        return self.rows.n

    def n_events(self, code: int | None = None) -> int:
        """Events, of any kind or of one state's code; never weighted."""
        return int(np.sum(self.rows.state > 0 if code is None else self.rows.state == code))

    def at_risk(self, times: np.ndarray) -> np.ndarray:
        """The number at risk at any times, 0 beyond the last exit."""
        return number_at_risk(_from_zero(self.rows), self.rows.time, times, self.weights)


def risk_sets(tte: TimeToEvent, by: Any = None, weights: Any = None) -> tuple[RiskSets, ...]:
    """The counts of each group, in the order of `tte.groups(by)`; one unnamed group without `by`."""
    codes, names = tte.groups(by)
    case_weights = _checked_weights(tte, weights)
    found = []
    for g, name in enumerate(names or (None,)):
        mine = codes == g
        rows = tte.take(mine)
        if case_weights is not None and not case_weights[mine].any():
            raise EndpointError(f'All weights are zero in group "{name}": leave that group out, with a reason.')
        found.append(_counted(name, rows, None if case_weights is None else case_weights[mine]))
    return tuple(found)


def _counted(name: str | None, rows: TimeToEvent, weights: np.ndarray | None) -> RiskSets:
    ended = (rows.state > 0) | ~rows.continued
    if weights is not None:  # a weight of 0 counts nowhere
        ended &= weights > 0
    at = np.unique(rows.time[ended])
    kinds = range(1, len(rows.states) + 1)
    n_risk = number_at_risk(rows.start, rows.time, at, weights)
    n_event = np.column_stack([number_at(rows.time, ended & (rows.state == k), at, weights) for k in kinds])
    n_censor = number_at(rows.time, ended & (rows.state == 0), at, weights)
    if weights is not None:  # sums of fractions: nobody left must be exactly nobody
        counted = weights > 0
        left = number_at_risk(rows.start[counted], rows.time[counted], at)
        gone = number_at(rows.time, counted & (rows.state > 0), at)
        n_risk = np.where(left == gone, n_event.sum(axis=1), n_risk)
    return RiskSets(name, rows, weights, at, n_risk, n_event, n_censor)


def number_at_risk(
    start: np.ndarray, time: np.ndarray, at: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """How many rows (or which weight) have start < t <= time, for each t of `at`."""
    return _at_or_after(time, at, weights) - _at_or_after(start, at, weights)


def number_at(
    time: np.ndarray, chosen: np.ndarray, at: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """How many of the chosen rows end at each t of `at`; `at` is sorted and holds all their times."""
    where = np.searchsorted(at, time[chosen])
    return np.bincount(where, None if weights is None else weights[chosen], minlength=len(at))


def counts_by_group(
    tte: TimeToEvent, codes: np.ndarray, n_groups: int, at: np.ndarray, code: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """At risk and events (of any kind, or of one code) at sorted times `at`, each of shape (times, groups), as floats."""
    happened = tte.state > 0 if code is None else tte.state == code
    n_risk = np.zeros((len(at), n_groups))
    n_event = np.zeros((len(at), n_groups))
    for g in range(n_groups):
        mine = codes == g
        n_risk[:, g] = number_at_risk(tte.start[mine], tte.time[mine], at)
        n_event[:, g] = number_at(tte.time, mine & happened, at)
    return n_risk, n_event


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
    codes, names = tte.groups(by)
    parts = []
    for g, name in enumerate(names or (None,)):
        rows = tte.take(codes == g)
        start, until, first = _from_zero(rows), _out_until(rows), _first_rows(rows)
        event = rows.state > 0
        counts = {"group": np.full(len(at), name, dtype=object), "time": at, "n_event": _gone(rows, until, event, at),
                  "n_risk": number_at_risk(start, rows.time, at), "n_censor": _gone(rows, until, ~event, at),
                  "n_pending": _at_or_after(start[first], at)}  # fmt: skip
        parts.append((pd.DataFrame(counts), bool(np.isfinite(start[first]).any())))
    table = pd.concat([part for part, _ in parts], ignore_index=True)
    return table if any(late for _, late in parts) else table.drop(columns="n_pending")


def checked_times(times: Sequence[float] | np.ndarray | float) -> np.ndarray:
    """Times somebody asks for, as a sorted array."""
    try:
        at = np.sort(np.atleast_1d(np.asarray(times, dtype=float)))
    except (TypeError, ValueError):
        raise EndpointError(f"Times must be numbers, such as [12, 36, 60]; got {times!r}.") from None
    if at.ndim != 1 or not len(at) or not np.isfinite(at).all() or (at < 0).any():
        raise EndpointError(f"Times must be numbers at or after zero, such as [12, 36, 60]; got {times!r}.")
    return at


def steps(time: np.ndarray, values: np.ndarray, at: np.ndarray, start: float) -> np.ndarray:
    """Right-continuous steps at any times: the value (or row) at the last `time` <= t, `start` before the first."""
    return np.concatenate([np.full_like(values[:1], start), values])[np.searchsorted(time, at, side="right")]


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
    return before - np.searchsorted(np.sort(until[chosen]), at, side="left")


def _first_rows(rows: TimeToEvent) -> np.ndarray:
    """True for the first row of each patient."""
    first = np.ones(len(rows), dtype=bool)
    if rows.id is not None:
        order = np.lexsort((rows.time, rows.id))
        first[order[1:]] = rows.id[order][1:] != rows.id[order][:-1]
    return first


def _from_zero(rows: TimeToEvent) -> np.ndarray:
    """Starts; a patient who enters at time 0 was followed from time zero and is at risk at 0."""
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
    if wrong.any() or not (values > 0).any():
        raise EndpointError(f"weights must be at or above zero, not missing, and not all zero; {int(wrong.sum())} of "
                            f"{len(values)} are not. Leave rows without a weight out first, with a reason.")  # fmt: skip
    return values
