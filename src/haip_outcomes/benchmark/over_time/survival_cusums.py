"""Do patients die sooner than a reference says, and since when? A chart on the calendar (Biswas and Kalbfleisch's CUSUM)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.over_time.calendar_times import on_calendar
from haip_outcomes.benchmark.over_time.chances import generator, whole_number
from haip_outcomes.benchmark.over_time.control_chart import Cusum
from haip_outcomes.benchmark.over_time.control_limits import TIE, Limit, checked_false_alarm, checked_limit
from haip_outcomes.benchmark.over_time.expected_hazards import Hazards, hazards_of
from haip_outcomes.benchmark.over_time.survival_limits import limit_of
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import number, plural
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times

POINTS = 200  # of the drawn line, besides deaths


def survival_cusum(
    entry: Any,
    tte: TimeToEvent,
    reference: Any,
    *,
    hazard_ratio: float = 2,
    false_alarm: float = 0.05,
    until: Any = None,
    rng: int | np.random.Generator | None = None,
    simulations: int = 20_000,
    restart: bool = True,
    limit: float | Limit | None = None,
    within: float | None = None,
    case_mix: pd.DataFrame | None = None,
) -> Cusum:
    """Do this centre's patients die sooner than a reference leads one to expect, and since when?

    On the calendar s, with N(s) deaths and Lam(s) = sum_i H_i(min(s, exit_i) - entry_i) expected so far, theta = ln(hazard ratio):

        G(s) = max over k <= s of  theta [N(s) - N(k)] - (exp(theta) - 1) [Lam(s) - Lam(k)],    a signal when G(s) >= h

    It rises by theta at a death, falls while patients live, and is never below 0. Every month lived counts when it is lived: nobody
    waits for five years of follow-up.

    Parameters
    ----------
    entry : each patient's time zero on the calendar: dates, or numbers in the unit of `tte` (months since the programme began).
    tte : times since then, of one kind of event; delayed entry is allowed.
    reference : a `ReferenceCurve`, or anything with `cumulative_hazard(times)`, `horizon`, `unit` and `method`: the same for every
        patient; follow-up beyond its horizon does not count. Or a `ReferenceModel` of times, with `case_mix`. It is taken as known: a
        constant hazard from 26 deaths makes 11% false alarms of 5 (60 patients; docs/over_time.md).
    hazard_ratio : the worsening to look for, above 1.
    false_alarm : the probability of any signal up to `until` when patients die as the reference says.
    until : the end of monitoring on the calendar (a date, if the entries are); by default the last day of follow-up. Nothing
        after it is looked at.
    rng : a seed or numpy's Generator for the simulated limit; not needed with a `limit`.
    simulations : charts simulated.
    restart : begins again at 0 after a signal.
    limit : an h agreed beforehand, as `survival_cusum_limit` gives before the first patient.
    within : only the first so many months (or the unit) of each patient count.
    case_mix : the patients' covariates (`cohort.frame`), for a `ReferenceModel`.

    Returns
    -------
    Cusum : `tidy()` has a row a death in the order of the calendar: time (calendar, since the first entry where dates were given),
        statistic (G just after), before (G just before), n_event, n_expected (both cumulative), signal, observed_minus_expected.
        `path` also has the line between deaths. The limit: entries as they were; patients alive at their last contact followed
        until then, those who died until the end of monitoring; deaths simulated from the reference.

    Raises
    ------
    EndpointError : competing events, another unit, a missing entry, somebody who enters after `until`, a hazard ratio at or below 1,
        no `rng` where one is needed, or so few deaths expected that no limit exists.

    Source: Biswas and Kalbfleisch, Stat Med 2008;27:3382-3406, doi 10.1002/sim.3216 (formula read in public code, not in the
    article). tests/reference/over_time.R computes path and limit again in R.

    >>> from haip_outcomes.benchmark.curves.reference_curve import ReferenceCurve
    >>> frame = pd.DataFrame({"months": [10, 30, 5, 20, 3], "dead": [1, 0, 1, 1, 1]})
    >>> tte = TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    >>> chart = survival_cusum([0, 6, 12, 18, 24], tte, ReferenceCurve.from_median(38), until=40, limit=4.984)
    >>> chart.tidy()[["time", "statistic", "n_event", "n_expected", "before"]].round(4)
       time  statistic  n_event  n_expected  before
    0  10.0     0.6931        1      0.2554  0.0000
    1  17.0     1.1674        2      0.4743  0.4743
    2  27.0     1.4593        3      0.8756  0.7661
    3  38.0     1.7876        4      1.2404  1.0944
    """
    require_times(tte, "survival_cusum")
    event = tte.single("survival_cusum")
    ratio, asked = _checked_ratio(hazard_ratio), checked_false_alarm(false_alarm)
    given = checked_limit(limit)
    whole_number(simulations, "simulations", 100)
    start, end, dated = on_calendar(entry, until, tte)
    late = np.zeros(len(tte)) if tte.entry is None else np.maximum(tte.entry, 0.0)
    longest = _checked_within(within, tte.unit)
    end = float((start + tte.time).max()) if end is None else end
    if (start >= end).any():
        raise EndpointError(f"{plural(int((start >= end).sum()), 'patient')} entered at or after the end of monitoring: choose a later until, or leave "
                            'them out with a reason (cohort.where(..., because="...")).')  # fmt: skip
    hazards = hazards_of(reference, tte.unit, tte, case_mix)
    stop = np.minimum(np.minimum(tte.time, end - start), min(hazards.horizon, longest))
    counted = event & (tte.time <= stop + TIE)
    people = _People(start, np.minimum(late, stop), stop, hazards)
    found = _limit(people, counted, tte.time, longest, end, ratio, asked, given, rng, int(simulations))
    chart = _Chart(people, np.sort((start + stop)[counted]), end, math.log(ratio), found.value, restart)
    frame = chart.deaths()
    total = float(people.expected(np.array([end]))[0])
    if not total > 0:
        raise EndpointError("The reference expects no event over this follow-up: there is nothing to chart.")
    counts = {"n": tte.n, "n_event": float(counted.sum()), "n_expected": total}
    origin = "since the first entry" if dated else "of calendar time"
    cut = int((event & ~counted).sum())
    later = f"; {plural(cut, 'event')} later than what is looked at" if cut else ""
    first = f"; the first {longest:g} {tte.unit} of each patient" if math.isfinite(longest) else ""
    method = (f"CUSUM on the calendar (Biswas and Kalbfleisch) for a hazard ratio of {ratio:g}{first}; watched until {number(end, 1)} {tte.unit} "
              f"{origin}{later}; {found.method}; {'restarts at 0 after a signal' if restart else 'goes on after a signal'}. The chart takes what is "
              f"expected as known: {hazards.method.rstrip('.')}.")  # fmt: skip
    return Cusum(frame, found, ratio, chart.line(), counts, "time", f"{tte.unit.capitalize()} {origin}", "events", method)


class _People:
    """Who is on the calendar from when to when, and what is expected of them by a day."""

    def __init__(self, start: np.ndarray, late: np.ndarray, stop: np.ndarray, hazards: Hazards) -> None:
        self.start, self.late, self.stop, self.hazards = start, late, stop, hazards
        self.before, self.full = hazards.base(late), hazards.base(stop)

    def expected(self, days: np.ndarray) -> np.ndarray:
        """Lam at each of these days (m,)."""
        found = np.empty(len(days))
        for i, day in enumerate(days):
            lived = np.clip(day - self.start, self.late, self.stop)
            over = self.start + self.stop <= day + TIE  # to the last digit: a hazard that jumps at their exit counts
            found[i] = self.hazards.relative @ (np.where(over, self.full, self.hazards.base(lived)) - self.before)
        return found


class _Chart:
    """The chart at its deaths, and the line between them."""

    def __init__(self, people: _People, deaths: np.ndarray, end: float, theta: float, h: float, restart: bool) -> None:
        self.people, self.days, self.end, self.theta = people, deaths, end, theta
        self.expected = people.expected(deaths)
        self.before, self.after, self.signal = np.zeros(len(deaths)), np.zeros(len(deaths)), np.zeros(len(deaths), dtype=bool)
        self.left = np.zeros(len(deaths))  # where the chart goes on after each death: 0 after a signal that restarts it
        g, seen = 0.0, 0.0
        for i, total in enumerate(self.expected.tolist()):
            self.before[i] = max(0.0, g - math.expm1(theta) * (total - seen))
            self.after[i] = g = self.before[i] + theta
            self.signal[i] = g >= h - TIE > self.before[i]
            g, seen = (0.0 if self.signal[i] and restart else g), total
            self.left[i] = g

    def deaths(self) -> pd.DataFrame:
        """A row a death."""
        count = np.arange(1, len(self.days) + 1)
        return pd.DataFrame({"time": self.days, "statistic": self.after, "n_event": count, "before": self.before, "n_expected": self.expected,
                             "signal": self.signal, "observed_minus_expected": count - self.expected})  # fmt: skip

    def line(self) -> pd.DataFrame:
        """The chart from the first entry to the end of monitoring, with a break where it restarts."""
        first = float(self.people.start.min())
        days = np.unique(np.concatenate([np.linspace(first, self.end, POINTS), self.people.start, self.days]))
        total = self.people.expected(days)
        rows, k, g, seen, count = [(first, 0.0, 0.0)], 0, 0.0, 0.0, 0
        for day, expected in zip(days.tolist(), total.tolist(), strict=True):
            rows.append((day, max(0.0, g - math.expm1(self.theta) * (expected - seen)), count - expected))
            while k < len(self.days) and self.days[k] <= day:
                count = k + 1
                rows.append((day, float(self.after[k]), count - expected))
                if self.left[k] < self.after[k]:
                    rows += [(day, math.nan, count - expected), (day, 0.0, count - expected)]
                g, seen, k = float(self.left[k]), float(self.expected[k]), k + 1
        return pd.DataFrame(rows, columns=["at", "statistic", "observed_minus_expected"])


def _limit(people: _People, counted: np.ndarray, time: np.ndarray, longest: float, end: float, ratio: float, asked: float,
           given: float | Limit | None, rng: Any, simulations: int) -> Limit:  # fmt: skip
    if isinstance(given, Limit):
        return given
    if given is not None and rng is None:
        return Limit(given, math.nan, math.nan, math.nan, False, std_error=math.nan)
    source = generator(rng, "The limit of a survival CUSUM is found by simulation.")
    follow = np.minimum(np.where(counted, math.inf, time), longest)
    return limit_of(people.start, people.late, follow, people.hazards, end, ratio, asked, given, source, simulations)


def _checked_within(within: float | None, unit: str) -> float:
    if within is None:
        return math.inf
    if isinstance(within, bool) or not isinstance(within, (int, float, np.number)) or not 0 < within < math.inf:
        raise EndpointError(f"within is how much of each patient's follow-up counts, above 0, in {unit}; got {within!r}.")
    return float(within)


def _checked_ratio(hazard_ratio: float) -> float:
    if isinstance(hazard_ratio, bool) or not isinstance(hazard_ratio, (int, float, np.number)) or not 1 < hazard_ratio < math.inf:
        raise EndpointError(f"hazard_ratio is the worsening that the chart looks for, above 1 (2: twice the hazard); got {hazard_ratio!r}. Whether "
                            "patients live longer than a reference, one_sample_logrank answers.")  # fmt: skip
    return float(hazard_ratio)
