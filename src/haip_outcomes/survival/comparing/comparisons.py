"""Tests of equal hazards: the log-rank family, for two or more groups, a trend over them, or every pair of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.comparing.event_tables import STRETCH, EventTables, event_tables
from haip_outcomes.survival.results import TestResult
from haip_outcomes.survival.time_to_event import TimeToEvent, level_text, require_times

# Weights of the log-rank family, at some of the times: from n at risk and S, the pooled survival just before.
Weight = Callable[[EventTables, slice], Any]
_WEIGHTINGS: dict[str, tuple[Weight, str]] = {
    "logrank": (lambda tables, at: 1.0, "Log-rank test"),
    "gehan": (lambda tables, at: tables.n_risk[:, at].sum(axis=0), "Gehan-Wilcoxon test (weight n)"),
    "tarone-ware": (lambda tables, at: np.sqrt(tables.n_risk[:, at].sum(axis=0)), "Tarone-Ware test (weight sqrt n)"),
    "peto": (lambda tables, at: tables.survival_before[at], "Peto-Peto test (weight S(t-), survdiff's rho = 1)"),
}


def logrank(
    tte: TimeToEvent,
    by: Any,
    *,
    strata: Any = None,
    weighting: str | tuple[str, float, float] = "logrank",
    trend: bool = False,
    pairwise: bool = False,
) -> TestResult:
    """Do the groups have their events at the same pace? Compares events seen with events expected were all groups alike.

    At the event times t_j of a stratum, with n at risk and d events in all, n_g and d_g in group g, and a weight W_j:

        U_g = sum_j W_j (d_g - d n_g / n),    V_gh = sum_j W_j^2 d (n - d)/(n - 1) [n_g/n (g = h) - n_g n_h / n^2]

    summed over strata; chi-squared = U' V^-1 U without one group, on (groups - 1) degrees of freedom; a group that is never at
    risk at an event (of weight above 0) does not count. With `trend` it is (c'U)^2 / c'Vc on 1 degree of freedom, with scores c.

    Parameters
    ----------
    tte : times of one kind of event; delayed entry is allowed (at risk at t: entry < t <= time).
    by : groups, a Series aligned by index or an array of one value a row.
    strata : events are compared only within the levels of it.
    weighting : "logrank" (W = 1), "gehan" (n), "tarone-ware" (sqrt n), "peto" (S(t-), survdiff's rho = 1; not the modified
        Peto-Peto, which others call "peto"), or ("fleming-harrington", rho, gamma): S(t-)^rho (1 - S(t-))^gamma. S is the
        pooled Kaplan-Meier curve of the stratum.
    trend : scores are the levels themselves where all are numbers; else 1 to k, in the order of the categories of a
        categorical Series, or of the text.
    pairwise : every two groups are compared on their own patients alone; `p_adjusted` are the p-values adjusted by Holm's
        method for the number of pairs. To be read after a test of all groups at once, which this does not replace.

    Returns
    -------
    TestResult with one row: statistic, df, p_value, n, n_event. With `pairwise` a row a pair, sorted, to be read with `tidy()`:
    group and reference (the two compared), p_adjusted, and the others of these two groups. With no events the statistic is 0 on
    0 degrees of freedom and p NaN; with only one group ever at risk at an event it is 0 on 0, p 1 (both as survdiff, which prints
    -1 degrees for the first). NaN where the variance is singular (survdiff stops): all died at once, or no stratum joins the
    groups. A pair without a p-value is not counted in Holm's adjustment (as `p.adjust`).

    Raises
    ------
    EndpointError : fewer than two groups; competing events; a group or stratum that is missing; an unknown weighting or
        powers it can't have; `pairwise` with `trend`.

    Fleming-Harrington weights: Harrington and Fleming 1982, doi 10.1093/biomet/69.3.553. Equals R's
    `survdiff(Surv(time, status) ~ by + strata(strata), rho = 0)`, with delayed entry or trend the score test of `coxph(ties = "exact")`;
    `pairwise` is `survminer::pairwise_survdiff(p.adjust.method = "holm")`: survdiff a pair, then `p.adjust`.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"weeks": [6, 6, 10, 13, 1, 2, 3, 8], "event": [1, 0, 1, 0, 1, 1, 1, 1], "arm": list("aaaabbbb")})
    >>> tte = TimeToEvent.from_frame(frame, time="weeks", state="event", states=["Relapse"], unit="weeks")
    >>> logrank(tte, frame["arm"])
    Log-rank test; 8 patients, 6 events: chi-squared 4.4217 on 1 df, p 0.035
    >>> logrank(tte, list("aabbccbb"), pairwise=True).tidy()[["group", "reference", "p_value", "p_adjusted"]].round(3)
      group reference  p_value  p_adjusted
    0     b         a    0.695       0.695
    1     c         a    0.090       0.179
    2     c         b    0.018       0.053
    """
    require_times(tte, "logrank")
    event = tte.single("logrank")
    weight_of, name = _weighting(weighting)
    if trend and pairwise:
        raise EndpointError("A trend is over all groups in order, and pairs are compared two by two: "
                            "ask for trend or for pairwise, not both.")  # fmt: skip
    codes, groups = compared_groups(tte, by, "logrank")
    blocks, n_strata = tte.groups(strata, "strata")
    tables = event_tables(tte, event, codes, len(groups), blocks, max(len(n_strata), 1))
    late = ", delayed entry" if tte.entry is not None else ""
    n, n_event = tte.n, int(event.sum())
    said = f"{stratified(n_strata)}{late}; {plural(n, 'patient')}, {plural(n_event, 'event')}{cautioned(tte)}"
    if pairwise:
        frame = _pairs(tte, codes, groups, tables, weight_of)
        return TestResult(frame, f"{name} of each pair of groups, p adjusted by Holm's method{said}")
    scores = _scores(tte, by, groups) if trend else None
    if scores is not None:
        name = f"{name} for trend, scores {listed([f'{score:g}' for score in scores])}"
    statistic, df, p = _test(tables, weight_of, scores)
    row = {"statistic": [statistic], "df": [df], "p_value": [p], "n": [n], "n_event": [n_event]}
    return TestResult(pd.DataFrame({key: np.array(value) for key, value in row.items()}, copy=False), f"{name}{said}")


def _test(tables: EventTables, weight_of: Weight, scores: np.ndarray | None = None) -> tuple[float, int, float]:
    """Statistic, degrees of freedom and p-value, by the formulas of `logrank`."""
    g, times = tables.n_risk.shape
    u, expected, together = np.zeros(g), np.zeros(g), np.zeros((g, g))
    for first in range(0, times, STRETCH):
        at = slice(first, first + STRETCH)
        n, d = np.maximum(tables.n_risk[:, at].sum(axis=0), 1), tables.n_event[:, at].sum(axis=0)
        w = np.where(d > 0, weight_of(tables, at), 0.0)
        if not np.isfinite(w).all():
            raise EndpointError("The weight S(t-)^rho is infinite: with delayed entry, all at risk died before later events. "
                                "Use rho = 0 or above.")  # fmt: skip
        share = tables.n_risk[:, at] / n
        u += tables.n_event[:, at] @ w
        expected += share @ (w * d)
        together += (share * (w**2 * d * (n - d) / np.maximum(n - 1, 1))) @ share.T  # n = 1: n - d = 0
    u -= expected
    np.fill_diagonal(together, 0.0)
    v = np.diag(together.sum(axis=1)) - together  # its rows add up to 0, exactly
    seen = np.flatnonzero(expected > 0)
    if len(seen) < 2:
        return 0.0, 0, 1.0 if len(seen) else float("nan")
    if scores is not None:  # c'Vc is a sum over pairs of groups
        variance = float(np.sum(together * np.subtract.outer(scores, scores) ** 2)) / 2
        statistic, df = _ratio(float((scores - scores.mean()) @ u), variance), 1
    else:
        others = np.delete(seen, np.argmax(expected[seen]))  # without one group, which the others determine
        statistic, df = _quadratic(u[others], v[np.ix_(others, others)]), len(others)
    return statistic, df, float(chdtrc(df, statistic))


def _ratio(u: float, variance: float) -> float:
    return u**2 / variance if variance > 0 else float("nan")


def _quadratic(u: np.ndarray, v: np.ndarray) -> float:
    """u' v^-1 u; NaN when v is singular to double precision (there R's solve stops)."""
    if len(u) == 1:
        return _ratio(float(u[0]), float(v[0, 0]))
    if not np.isfinite(v).all() or np.linalg.cond(v, 1) * np.finfo(float).eps > 1:
        return float("nan")
    return float(u @ np.linalg.solve(v, u))


def _pairs(
    tte: TimeToEvent, codes: np.ndarray, groups: tuple[str, ...], tables: EventTables, weight_of: Weight
) -> pd.DataFrame:
    """A row a pair: its two groups' tables are those of all groups, without the others."""
    rows = []
    for second in range(1, len(groups)):
        for first in range(second):
            pair = tables.of([first, second])
            statistic, df, p = _test(pair, weight_of)
            patients = (codes == first) | (codes == second)
            n = int(patients.sum()) if tte.id is None else len(np.unique(tte.id[patients]))
            rows.append({"group": groups[second], "reference": groups[first], "statistic": statistic, "df": df, "p_value": p,
                         "n": n, "n_event": int(pair.n_event.sum())})  # fmt: skip
    frame = pd.DataFrame(rows)
    frame.insert(5, "p_adjusted", _holm(frame["p_value"].to_numpy()))
    return frame


def _holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values: the i-th smallest of m is multiplied by m - i + 1, and none is below one before it."""
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p)[: np.sum(~np.isnan(p))]  # NaN last
    falling = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(falling * p[order]), 1.0)
    return adjusted


def compared_groups(tte: TimeToEvent, by: Any, verb: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Group numbers and names; refuses fewer than two groups."""
    codes, groups = tte.groups(by)
    if len(groups) < 2:
        there = f'only "{groups[0]}"' if groups else "none"
        raise EndpointError(f"{verb} compares two or more groups, and here there is {there}. Give by=, one level a patient.")
    return codes, groups


def stratified(strata: tuple[str, ...]) -> str:
    """What a test says of its strata."""
    return f", stratified ({plural(len(strata), 'stratum', 'strata')})" if strata else ""


def cautioned(tte: TimeToEvent) -> str:
    """What a test says of causes that were censored."""
    return f"; {tte.caution}" if tte.caution else ""


def _weighting(weighting: str | tuple[str, float, float]) -> tuple[Weight, str]:
    if isinstance(weighting, str) and weighting in _WEIGHTINGS:
        return _WEIGHTINGS[weighting]
    if isinstance(weighting, (tuple, list)) and len(weighting) == 3 and weighting[0] == "fleming-harrington":
        rho, gamma = (_power(power) for power in weighting[1:])
        if gamma < 0:
            raise EndpointError(f"gamma must be at or above 0, and here it is {gamma:g}: the weight would be infinite at the first "
                                "event, where S = 1.")  # fmt: skip
        name = f"Fleming-Harrington test (rho {rho:g}, gamma {gamma:g})"
        return (lambda tables, at: _fleming_harrington(tables.survival_before[at], rho, gamma)), name
    known = [*_WEIGHTINGS, "fleming-harrington"]
    advice = "" if weighting == "fleming-harrington" else f"{did_you_mean(str(weighting), known)} "
    raise EndpointError(f"There is no weighting {weighting!r}. {advice}"
                        'Fleming-Harrington needs its two powers: weighting=("fleming-harrington", rho, gamma).')  # fmt: skip


def _fleming_harrington(s: np.ndarray, rho: float, gamma: float) -> np.ndarray:
    with np.errstate(divide="ignore"):  # an infinite weight is refused where it counts
        return s**rho * (1 - s) ** gamma


def _power(power: Any) -> float:
    if isinstance(power, (int, float, np.number)) and np.isfinite(power):
        return float(power)
    raise EndpointError(f'The powers of ("fleming-harrington", rho, gamma) must be numbers, such as 0.5; got {power!r}.')


def _scores(tte: TimeToEvent, by: Any, groups: tuple[str, ...]) -> np.ndarray:
    try:
        return np.array([float(group) for group in groups])
    except ValueError:
        pass
    order = list(groups)
    if isinstance(by, pd.Series) and isinstance(by.dtype, pd.CategoricalDtype):
        order = [text for text in map(level_text, by.cat.categories) if text in groups]
    return np.array([order.index(group) + 1.0 for group in groups])
