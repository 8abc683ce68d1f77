"""Patients from a published curve: Guyot's iterative solution of the Kaplan-Meier equations."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.curves.digitised import Digitised, digitised
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import plural
from haip_outcomes.survival.time_to_event import TimeToEvent

_ROUNDS = 1000  # the numbers can cycle by one patient; then the last round stands
_N_ONLY = ("reconstructed from the number of patients alone: nobody is taken to have been censored before the end, so that there are too many events "
           "and standard errors come out up to 30% too small")  # fmt: skip


@dataclass(frozen=True, eq=False)
class ReconstructedPatients(TimeToEvent):
    """Times and events that a published curve could have been drawn from. Nobody's own: no patient is known.

    `given` says what stood beside the curve; `smoothed` how many points were brought down to an earlier one; `unused` how many numbers at
    risk have no point of the curve between them and the next; `unsettled` in how many intervals the printed numbers could not be met; `doubt` says
    what looks wrong with the numbers at risk and may be right.
    `variance_refused` is empty, or the reason why no standard error, interval or test may be made of these patients.
    """

    given: Literal["risk table and events", "risk table", "n and events", "n only"] = "risk table"
    events_at: Literal["point", "midpoint"] = "point"
    points: int = 0
    smoothed: int = 0
    unused: int = 0
    unsettled: int = 0
    doubt: str = ""

    @property
    def variance_refused(self) -> str:
        """Why the spread of these patients means nothing, or "" where it may be used."""
        return _N_ONLY if self.given == "n only" else ""

    @property
    def method(self) -> str:
        """How these patients were made, as a sentence."""
        where = "at the point where the curve was read as lower" if self.events_at == "point" else "half-way between the points where the curve fell"
        smoothed = f"; {plural(self.smoothed, 'point')} lowered to the one before (a curve cannot rise)" if self.smoothed else ""
        unused = f"; {plural(self.unused, 'number')} at risk not used, with no point of the curve after it and before the next" if self.unused else ""
        unsettled = f"; {plural(self.unsettled, 'interval')} where the printed numbers could not be met" if self.unsettled else ""
        doubt = f"; {self.doubt}" if self.doubt else ""
        refused = f"; {self.variance_refused}" if self.variance_refused else ""
        return (f"Reconstructed from {self.points} points of a published curve with {_GIVEN[self.given]} (Guyot 2012), events {where}"
                f"{smoothed}{unused}{unsettled}{doubt}{refused}")  # fmt: skip

    def __repr__(self) -> str:
        return f"{super().__repr__()}; reconstructed from a curve with {_GIVEN[self.given]}"


_GIVEN = {
    "risk table and events": "its numbers at risk and total of events",
    "risk table": "its numbers at risk",
    "n and events": "the number of patients and the total of events",
    "n only": "the number of patients alone (no standard errors)",
}


def reconstruct_ipd(
    curve: Any,
    at_risk: Any,
    *,
    events: int | None = None,
    unit: str = "months",
    label: str = "",
    state: str = "Event",
    events_at: Literal["point", "midpoint"] = "point",
    time_zero: str = "",
) -> ReconstructedPatients:
    """The patients, times and events, that a published Kaplan-Meier curve could have been drawn from.

    Parameters
    ----------
    curve : the points clicked on the curve, in order: a frame with the columns `time` (in `unit`) and `survival` (a probability),
        or two columns in that order. The point (0, 1) may be left out. Two points at one time are the two ends of a step:
        click both, and the reconstruction is as good as the picture. Survival that rises by up to 0.02 is taken for unsteady
        clicking and lowered to the value before; `smoothed` counts these points.
    at_risk : the numbers printed below the figure, a frame with the columns `time` (the first is 0) and `n_risk`; or one whole
        number, the patients (at most 1,000,000), where none are printed. Where the last of them stands at a quarter of the curve's end or
        before it, a warning asks whether they are in years and the curve in months.
    events : the total number of events, where the source prints it.
    events_at : "point" books a drop at the point where the curve was first read lower, as the published algorithm does: with
        evenly spaced points every event is then late by up to one spacing. "midpoint" books it half-way to the point before.
    label, state, time_zero : what the times are of, the name of the event, and from when they count.

    Between two printed numbers at risk R_i and R_(i+1), censorings c are spread evenly; at each point k
    d_k = round(n_k (1 - S_k / KM_last)), n_(k+1) = n_k - d_k - c_k; c is changed by n(found) - R_(i+1) until the two
    agree. After the last number at risk, censoring goes on as before, or so that the events reach `events`.

    With neither numbers at risk nor events nobody can be known to be censored: the curve is met, there are too many events, and a standard
    error would be too small. It is reconstructed with a warning, and `variance_refused` says why nothing but the curve may be used.

    Raises
    ------
    EndpointError : a curve that rises by more than 0.02, times out of order, survival outside 0 to 1 or in per cent, numbers at risk
        that rise or do not begin at time 0, more events than patients, no events and a curve that falls, text for numbers, another unit than
        days, weeks, months or years: all of them at once.

    Source: Guyot, Ades, Ouwens, Welton 2012, 10.1186/1471-2288-12-9 (abstract read; the algorithm from public code made from its
    supplement). Like R's `survHE::digitise`, but where that leaves an interval with censorings it no longer wants, this
    walks once more without them (docs/reconstruction.md).

    >>> curve = [(0, 1), (6, 0.9), (12, 0.75), (18, 0.5), (24, 0.5)]
    >>> found = reconstruct_ipd(curve, pd.DataFrame({"time": [0, 12], "n_risk": [20, 16]}), events=9)
    >>> found
    TimeToEvent: 20 patients; Event 9, censored 11; months; reconstructed from a curve with its numbers at risk and total of events
    >>> found.time[found.state == 1].tolist()
    [6.0, 6.0, 12.0, 12.0, 12.0, 18.0, 18.0, 18.0, 18.0]
    """
    if events_at not in ("point", "midpoint"):
        raise EndpointError(f'events_at must be "point" or "midpoint"; got {events_at!r}.')
    read = digitised(curve, at_risk, events=events, unit=unit)
    several = int(read.used.sum()) > 1
    table = "risk table" if several else "n"
    given: Any = f"{table} and events" if events is not None else "risk table" if several else "n only"
    d, cen, unsettled = solve(read, None if events is None else int(events))
    frame = _patients(read, d, cen, events_at)
    made = ReconstructedPatients.from_frame(frame, time="time", state="state", states=[state], unit=unit, label=label, time_zero=time_zero)
    found: ReconstructedPatients = replace(made, given=given, events_at=events_at, points=len(read.times), smoothed=read.smoothed,
                                           unused=int((~read.used).sum()), unsettled=unsettled, doubt=read.doubt)  # type: ignore[call-arg, assignment]
    if found.variance_refused:
        warnings.warn(f"{label or 'This curve'} was {found.variance_refused}. Give the numbers at risk or the total of events.", UserWarning, stacklevel=2)
    if found.doubt:
        warnings.warn(f"{label or 'This curve'}: {found.doubt}.", UserWarning, stacklevel=2)
    return found


def _patients(read: Digitised, d: np.ndarray, cen: np.ndarray, events_at: str) -> pd.DataFrame:
    """A row a patient: events, censorings between two points, and whoever is left at the end of the curve."""
    times = read.times
    between = np.r_[(times[:-1] + times[1:]) / 2, times[-1]]
    at = times if events_at == "point" else np.r_[times[0], between[:-1]]
    left = read.n - int(d.sum()) - int(cen.sum())
    time = np.r_[np.repeat(at, d), np.repeat(between, cen), np.full(left, times[-1])]
    state = np.r_[np.ones(d.sum(), dtype=np.int64), np.zeros(cen.sum() + left, dtype=np.int64)]
    order = np.lexsort((1 - state, time))
    return pd.DataFrame({"time": time[order], "state": state[order]})


def solve(read: Digitised, events: int | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Events at each point, censorings from it to the next, and how many intervals never met their printed number."""
    return _Walk(read).solved(events)


class _Walk:
    """The state of the iteration: numbers at risk, events, censorings and the curve at every point."""

    def __init__(self, read: Digitised) -> None:
        self.T, self.S = read.times, read.survival
        self.lower = read.first[read.used]
        self.upper = np.append(self.lower[1:] - 1, len(self.T) - 1)
        self.R = read.n_risk[read.used].astype(int)
        N = len(self.T)
        self.n = np.zeros(N + 1, dtype=np.int64)
        self.d, self.cen = np.zeros(N, dtype=np.int64), np.zeros(N, dtype=np.int64)
        self.KM = np.ones(N)
        self.last = 0  # the point of the last event before the present interval
        self.unsettled = 0

    def solved(self, events: int | None) -> tuple[np.ndarray, np.ndarray, int]:
        censored = 0
        for i in range(len(self.R) - 1):
            censored += self._between(i)
        self._at_the_end(censored, events)
        return self.d, self.cen, self.unsettled

    def _between(self, i: int) -> int:
        """Steps 1 to 5 in the interval before the next printed number at risk; how many were censored in it."""
        low, high, following = self.lower[i], self.upper[i], self.lower[i + 1]
        ratio = self.S[following] / self.S[low] if self.S[low] > 0 else 0.0
        c = max(0, round(self.R[i] * ratio - self.R[i + 1]))
        for _ in range(_ROUNDS):
            self._spread(c, low, following)
            last = self._walk(low, high, self.R[i], self.last)
            gap = int(self.n[following] - self.R[i + 1])
            if gap == 0 or (gap < 0 and c == 0):
                break
            c = max(0, c + gap)
        else:
            self.unsettled += 1
        self.last = last
        self.R[i + 1] = min(self.R[i + 1], self.n[following])
        return c

    def _at_the_end(self, censored: int, events: int | None) -> None:
        """The interval after the last printed number at risk."""
        I = len(self.R) - 1  # noqa: E741
        low, high = self.lower[I], self.upper[I]
        c = 0
        if I > 0:
            span = self.T[self.upper[I - 1]] - self.T[self.lower[0]]
            c = min(round(censored * (self.T[high] - self.T[low]) / span) if span > 0 else 0, int(self.R[I]))
        self._spread(c, low, high)
        self._walk(low, high, self.R[I], self.last, ends=True)
        if events is None:
            return
        if self.d[:low].sum() >= events:
            self.d[low:], self.cen[low:] = 0, 0
            self.unsettled += int(self.d.sum() != events)
            return
        for _ in range(_ROUNDS):
            gap = int(self.d.sum()) - events
            if gap == 0 or (gap < 0 and c == 0):
                break
            c = max(0, c + gap)
            self._spread(c, low, high)
            self._walk(low, high, self.R[I], self.last, ends=True)
        self.unsettled += int(self.d.sum() != events)

    def _spread(self, c: int, low: int, to: int) -> None:
        """c censoring times evenly between two points, counted into the cells (T_k, T_(k+1)]."""
        edges = self.T[low : to + 1]
        self.cen[low : max(to, low + 1)] = 0
        span = edges[-1] - edges[0]
        if c == 0 or to == low:  # after a single point nothing but the end follows, where whoever is left is censored
            return
        if span <= 0:  # two points at one time: the first cell, closed on the left, holds them all
            self.cen[low] = c
            return
        at = edges[0] + np.arange(1, c + 1) * span / (c + 1)
        cell = np.searchsorted(edges + 1e-10 * span, at, side="left") - 1  # on an edge but for rounding: the cell before
        self.cen[low:to] += np.bincount(np.maximum(cell, 0), minlength=to - low)

    def _walk(self, low: int, high: int, at_risk: int, last: int, ends: bool = False) -> int:
        """Events at each point so that Kaplan-Meier follows the curve; the point of the last event."""
        self.n[low] = at_risk
        for k in range(low, high + 1):
            n, km = int(self.n[k]), float(self.KM[last])
            d = 0
            if k > 0 and n > 0 and km > 0:
                d = min(max(0, round(n * (1 - float(self.S[k]) / km))), n)
            self.d[k] = d
            self.KM[k] = km * (1 - d / n) if n > 0 else km
            if ends and n - d - self.cen[k] < 0:
                self.cen[k] = max(0, n - d)
            self.n[k + 1] = n - d - self.cen[k]
            if d > 0:
                last = k
        return last
