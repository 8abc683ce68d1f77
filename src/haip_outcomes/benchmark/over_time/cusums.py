"""Are complications becoming more frequent than these patients' risks explain? A chart case by case (Steiner's CUSUM)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.over_time.case_rows import checked_risks, numbers, outcomes, risks
from haip_outcomes.benchmark.over_time.chances import MOST_CASES, generator, whole_number
from haip_outcomes.benchmark.over_time.control_chart import Cusum
from haip_outcomes.benchmark.over_time.control_limits import (
    TIE,
    Limit,
    checked_false_alarm,
    checked_limit,
    simulated_alarms,
    simulated_limit,
    told_planned,
)
from haip_outcomes.benchmark.over_time.exact_limits import (
    can_be_exact,
    exact_alarms,
    exact_limit,
    shifted_risk,
)
from haip_outcomes.errors import EndpointError

AT_ONCE = 50_000  # simulated charts in memory together, for each of two kinds


def cusum(
    outcome: Any,
    expected: Any,
    *,
    odds_ratio: float = 2,
    false_alarm: float = 0.05,
    rng: int | np.random.Generator | None = None,
    planned: int | Sequence[float] | None = None,
    simulations: int = 100_000,
    restart: bool = True,
    limit: float | Limit | None = None,
) -> Cusum:
    """Does this centre have more complications than its patients' risks explain, and from which case on?

    After case i with expected risk p_i and outcome y_i, for odds R times as high as expected:

        W_i = y_i ln R - ln(1 - p_i + R p_i),    S_i = max(0, S_{i-1} + W_i),    a signal when S_i >= h

    h is the smallest value with P(max S >= h) at most `false_alarm` over all planned cases, were every risk as expected.
    R below 1 charts improvement: then events go down and cases without one go up.

    Parameters
    ----------
    outcome : (n,) 0 or 1, in the order of treatment. A Series keeps its order; case numbers are 1 to n.
    expected : one probability for everybody, or (n,) a probability a case, above 0 and below 1: from published figures or a
        `ReferenceModel`, never from these very cases. Two Series are matched by index.
    odds_ratio : R, the worsening (above 1) or improvement (below 1) to look for.
    false_alarm : the probability of any signal within the planned cases when nothing is wrong.
    rng : a seed or numpy's Generator; needed when the risks differ, since the limit is then simulated.
    planned : for how many cases the limit is to hold; by default those given. A number above n: when the risks differ, those to
        come are drawn from those given, anew in each simulated chart. Or all planned cases' risks (N,), in order.
    simulations : charts simulated when the risks differ. When all are the same the limit is exact (unless thousands of cases).
    restart : the chart begins again at 0 after a signal; without it, only crossings from below are signals.
    limit : an h agreed beforehand (or the `limit` of another chart) instead of a new one.

    Returns
    -------
    Cusum : `tidy()` has a row a case: statistic (S), n_event (0 or 1), case, expected, weight (W), signal,
        observed_minus_expected (up to the case, no limit belongs to it). `limit` is h with its false-alarm probability, the
        standard error of a simulated one, and the probability of a signal if the odds are R times as high from the first
        case on. After a restart the false-alarm probability no longer holds: it is that of the first signal.

    Raises
    ------
    EndpointError : an outcome that is not 0 or 1, risks outside 0 to 1 (percentages), different lengths, R of 1, fewer planned
        cases than given, a chart too short for any limit, no `rng` where one is needed.

    Source: Steiner, Cook, Farewell and Treasure, Biostatistics 2000;1:441-452, doi 10.1093/biostatistics/1.4.441 (the formulas were
    read in public code, not in the article). The average run length is no target: half of all false alarms come before it
    (Gombay, Hussein and Steiner 2011, doi 10.1002/sim.4305, abstract). The path equals R's `pmax(0, S + W)`;
    `surveillance::LRCUSUM.runlength` approximates the exact limit on a grid.

    >>> chart = cusum([0, 1, 0, 0, 1, 1, 0, 1, 1, 1, 0, 1], 0.22, planned=60)
    >>> chart.tidy()[["statistic", "case", "weight", "observed_minus_expected"]].round(3).tail(2)
        statistic  case  weight  observed_minus_expected
    10      2.170    11  -0.199                     3.58
    11      2.665    12   0.494                     4.36
    >>> round(chart.limit.value, 5), round(chart.limit.false_alarm, 5), chart.signals
    (3.42044, 0.04891, ())
    """
    y = outcomes(outcome)
    p = risks(expected, outcome, len(y))
    ratio = _checked_ratio(odds_ratio)
    asked = checked_false_alarm(false_alarm)
    to_come = _planned(planned, p)
    whole_number(simulations, "simulations", 100)
    weights = y * math.log(ratio) - np.log1p((ratio - 1) * p)
    found = _limit(p, to_come, ratio, asked, checked_limit(limit), rng, int(simulations))
    statistic, signal = _path(weights, found.value, restart)
    gap = np.cumsum(y - p)
    case = np.arange(1, len(y) + 1)
    frame = pd.DataFrame({"statistic": statistic, "n_event": y.astype(np.int64), "case": case, "expected": p, "weight": weights,
                          "signal": signal, "observed_minus_expected": gap})  # fmt: skip
    path = _drawn(case, statistic, signal, gap, restart)
    same = "the same expected risk for all" if np.ptp(p) == 0 else "expected risks case by case"
    direction = "" if ratio > 1 else ", for improvement"
    method = (f"Risk-adjusted CUSUM (Steiner) for an odds ratio of {ratio:g}{direction}, {same}; {told_planned(to_come.n, len(y))}; {found.method}; "
              f"{'restarts at 0 after a signal' if restart else 'goes on after a signal'}.")  # fmt: skip
    counts = {"n": len(y), "n_event": float(y.sum()), "n_expected": float(p.sum())}
    return Cusum(frame, found, ratio, path, counts, "case", "Case, in order of treatment", "events", method)


class _Planned:
    """The risks of all planned cases: given, or (where `drawn`) those beyond the first drawn from them."""

    def __init__(self, p: np.ndarray, n: int) -> None:
        self.p, self.n = p, n

    @property
    def same(self) -> bool:
        return bool(np.ptp(self.p) == 0)

    def case(self, i: int, rng: np.random.Generator, charts: int) -> Any:
        return self.p[i] if i < len(self.p) else rng.choice(self.p, charts)


def _planned(planned: int | Sequence[float] | None, p: np.ndarray) -> _Planned:
    if planned is None:
        return _Planned(p, len(p))
    if np.ndim(planned) == 0:
        n = whole_number(planned, "planned", 1, MOST_CASES)
        if n < len(p):
            raise EndpointError(f"The limit is to hold for {n} planned cases, and there are already {len(p)}: plan at least as many.")
        return _Planned(p, n)
    all_cases = numbers(planned, "planned")
    if len(all_cases) < len(p):
        raise EndpointError(f"planned holds the risks of {len(all_cases)} cases, and there are already {len(p)}: it must hold all of them, in order.")
    return _Planned(checked_risks(all_cases, "planned"), len(all_cases))


def _limit(p: np.ndarray, planned: _Planned, ratio: float, asked: float, given: float | Limit | None, rng: Any, simulations: int) -> Limit:
    if isinstance(given, Limit):
        return given
    if planned.same and can_be_exact(float(planned.p[0]), ratio, planned.n):
        risk = float(planned.p[0])
        return exact_limit(risk, ratio, planned.n, asked) if given is None else exact_alarms(risk, ratio, planned.n, given)
    if given is not None and rng is None:
        return Limit(given, math.nan, math.nan, math.nan, False, std_error=math.nan)
    why = "These expected risks differ" if not planned.same else "With so many cases"
    source = generator(rng, f"{why}{',' if planned.same else ', so'} the limit is found by simulation.")
    highest, shifted = _highest(planned, ratio, source, simulations), _highest(planned, ratio, source, simulations, worse=True)
    return simulated_limit(highest, shifted, asked) if given is None else simulated_alarms(highest, shifted, given)


def _highest(planned: _Planned, ratio: float, rng: np.random.Generator, simulations: int, worse: bool = False) -> np.ndarray:
    """The highest values of simulated charts, one vector of uniform numbers a case; with `worse` the odds are what is looked for."""
    found = []
    for first in range(0, simulations, AT_ONCE):
        charts = min(AT_ONCE, simulations - first)
        s, top = np.zeros(charts), np.zeros(charts)
        for i in range(planned.n):
            p = planned.case(i, rng, charts)
            event = rng.random(charts) < (shifted_risk(p, ratio) if worse else p)
            s += event * math.log(ratio) - np.log1p((ratio - 1) * p)
            np.maximum(s, 0.0, out=s)
            np.maximum(top, s, out=top)
        found.append(top)
    return np.concatenate(found)


def _path(weights: np.ndarray, h: float, restart: bool) -> tuple[np.ndarray, np.ndarray]:
    """S after each case, and at which of them it signals."""
    statistic, signal = np.zeros(len(weights)), np.zeros(len(weights), dtype=bool)
    before = 0.0
    for i, weight in enumerate(weights):
        s = max(0.0, before + float(weight))
        statistic[i], signal[i] = s, s >= h - TIE > before
        before = 0.0 if restart and signal[i] else s
    return statistic, signal


def _drawn(case: np.ndarray, statistic: np.ndarray, signal: np.ndarray, gap: np.ndarray, restart: bool) -> pd.DataFrame:
    """The line from (0, 0) through all cases; after a signal it is broken and begins again at 0."""
    rows = [(0.0, 0.0, 0.0)]
    for i in range(len(case)):
        rows.append((float(case[i]), float(statistic[i]), float(gap[i])))
        if restart and signal[i] and i < len(case) - 1:
            rows += [(float(case[i]), math.nan, float(gap[i])), (float(case[i]), 0.0, float(gap[i]))]
    return pd.DataFrame(rows, columns=["at", "statistic", "observed_minus_expected"])


def _checked_ratio(odds_ratio: float) -> float:
    if isinstance(odds_ratio, bool) or not isinstance(odds_ratio, (int, float, np.number)) or not 0 < odds_ratio < math.inf or odds_ratio == 1:
        raise EndpointError(f"odds_ratio is what the chart looks for: above 1 worse (2: twice the odds), below 1 better; got {odds_ratio!r}.")
    return float(odds_ratio)
