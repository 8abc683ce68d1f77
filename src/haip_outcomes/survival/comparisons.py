"""Tests of equal curves: the log-rank family for hazards, Gray's test for cumulative incidences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.counts import counts_by_group
from haip_outcomes.survival.results import TestResult
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times

# Weights of the log-rank family: from n at risk and S, the pooled survival just before.
_WEIGHTINGS = {
    "logrank": (lambda n, s: np.ones_like(n), "Log-rank test"),
    "gehan": (lambda n, s: n, "Gehan-Wilcoxon test (weight n)"),
    "tarone-ware": (lambda n, s: np.sqrt(n), "Tarone-Ware test (weight sqrt n)"),
    "peto": (lambda n, s: s, "Peto-Peto test (weight S(t-), survdiff's rho = 1)"),
}


def logrank(
    tte: TimeToEvent,
    by: Any,
    *,
    strata: Any = None,
    weighting: str | tuple[str, float, float] = "logrank",
    trend: bool = False,
) -> TestResult:
    """Do the groups have their events at the same pace? Compares events seen with events expected were all groups alike.

    At the event times t_j of a stratum, with n at risk and d events in all, n_g and d_g in group g, and a weight W_j:

        U_g = sum_j W_j (d_g - d n_g / n),    V_gh = sum_j W_j^2 d (n - d)/(n - 1) [n_g/n (g = h) - n_g n_h / n^2]

    summed over strata; chi-squared = U' V^-1 U without one group, on (groups - 1) degrees of freedom. With `trend`
    it is (c'U)^2 / c'Vc on 1 degree of freedom, with scores c.

    Parameters
    ----------
    tte : times of one kind of event; delayed entry is allowed (at risk at t: entry < t <= time).
    by : groups, a Series aligned by index or an array of one value a row.
    strata : events are compared only within the levels of it.
    weighting : "logrank" (W = 1), "gehan" (n), "tarone-ware" (sqrt n), "peto" (S(t-), survdiff's rho = 1; not the modified
        Peto-Peto), or ("fleming-harrington", rho, gamma): S(t-)^rho (1 - S(t-))^gamma. S is the pooled Kaplan-Meier curve
        of the stratum.
    trend : scores are the levels themselves where all are numbers; else 1 to k, in the order of the categories of a
        categorical Series, or of the text.

    Returns
    -------
    TestResult with one row: statistic, df, p_value, n, n_event. With no events the statistic is 0 on 0 degrees of freedom and p NaN;
    with only one group ever at risk at an event it is 0 on 0, p 1 (both as survdiff, which prints -1 degrees for the first). NaN where
    the variance is singular (survdiff stops).

    Raises
    ------
    EndpointError : fewer than two groups; competing events; a group or stratum that is missing; an unknown weighting.

    Fleming-Harrington weights: Harrington and Fleming 1982, doi 10.1093/biomet/69.3.553. Equals R's
    `survdiff(Surv(time, status) ~ by + strata(strata), rho = 0)`, with delayed entry or trend the score test of `coxph(ties = "exact")`.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"weeks": [6, 6, 10, 13, 1, 2, 3, 8], "event": [1, 0, 1, 0, 1, 1, 1, 1], "arm": list("aaaabbbb")})
    >>> tte = TimeToEvent.from_frame(frame, time="weeks", state="event", states=["Relapse"], unit="weeks")
    >>> logrank(tte, frame["arm"])
    Log-rank test; 8 patients, 6 events: chi-squared 4.4217 on 1 df, p 0.035
    """
    require_times(tte, "logrank")
    event = tte.single("logrank")
    weight_of, name = _weighting(weighting)
    codes, groups = _two_or_more(tte, by, "logrank")
    blocks, n_strata = tte.groups(strata, "strata")
    u, v, expected = np.zeros(len(groups)), np.zeros((len(groups), len(groups))), np.zeros(len(groups))
    for block in np.unique(blocks):
        mine = blocks == block
        part = tte.take(mine)
        at = np.unique(part.time[event[mine]])
        if not len(at):
            continue
        r, d_g = counts_by_group(part, codes[mine], len(groups), at)
        n, d = r.sum(axis=1), d_g.sum(axis=1)
        before = np.concatenate([[1.0], np.cumprod((n - d) / n)[:-1]])
        w = weight_of(n, before)
        share = r / n[:, None]
        u += w @ (d_g - d[:, None] * share)
        expected += d @ share
        scale = np.divide(w**2 * d * (n - d), n - 1, out=np.zeros_like(n), where=n > 1)
        v += np.diag(scale @ share) - np.einsum("t,tg,th->gh", scale, share, share)
    if trend:
        c = _scores(tte, by, groups)
        variance = float(c @ v @ c)
        statistic, df = (float(c @ u) ** 2 / variance if variance > 0 else np.nan), 1
        name = f"{name} for trend, scores {listed([f'{score:g}' for score in c])}"
    else:
        seen = np.flatnonzero(expected > 0)[1:]  # without one group, which the others determine
        statistic, df = _quadratic(u[seen], v[np.ix_(seen, seen)]), len(seen)
    p = np.nan if not event.any() else float(chdtrc(df, statistic)) if df else 1.0
    how = f", stratified ({plural(len(n_strata), 'stratum', 'strata')})" if n_strata else ""
    late = ", delayed entry" if tte.entry is not None else ""
    caution = f"; {tte.caution}" if tte.caution else ""
    n_event = int(event.sum())
    method = f"{name}{how}{late}; {plural(tte.n, 'patient')}, {plural(n_event, 'event')}{caution}"
    row = {"statistic": statistic, "df": df, "p_value": p, "n": tte.n, "n_event": n_event}
    return TestResult(pd.DataFrame([row]), method)


def gray(tte: TimeToEvent, by: Any, *, cause: str, strata: Any = None, rho: float = 0.0) -> TestResult:
    """Is the cumulative incidence of one kind of event the same in all groups, when other events can come first?

    Gray's test. At the event times of a stratum (of any kind) group k has R_k at risk, Kaplan-Meier S_k of any event and
    incidence F_k of the cause; minus marks the value just before. With d_k events of the cause (d in all), e_k of other kinds,

        h_k = R_k / S_k-,   h = sum_k h_k,   F = sum d / h (pooled incidence),   W = (1 - F-)^rho
        U_i = sum W { d_i - d h_i (1 - F_i-) / sum_k h_k (1 - F_k-) }
        A_ik = W h_i (1{i=k} - h_k / h),   C_ik(t) = sum_{s <= t} A_ik d / (h (1 - F-)),   D_ik(t) = C_ik(end) - C_ik(t)
        V_ij = sum_t sum_k  p_k [A_ik + (1 - (1-F)/S_k) D_ik] [A_jk + (1 - (1-F)/S_k) D_jk]  +  q_k [(1-F)/S_k]^2 D_ik D_jk
        p_k = S_k- d/(h R_k) [1 - (d-1)/(h S_k- - 1)],   q_k = S_k-^2 e_k/R_k^2 [1 - (e_k-1)/(R_k-1)]

    (brackets only with ties; (1-F)/S_k is 0 in p's terms, and q_k is 0, once S_k is 0; a group counts while R_k > 0).
    Chi-squared = U' V^-1 U without the last group; U and V are summed over strata.

    Parameters
    ----------
    tte : times and states, everybody followed from time zero.
    by : groups, a Series aligned by index or an array of one value a row.
    cause : the name of the event whose incidence is compared.
    strata : incidences are compared only within its levels.
    rho : power of the weight; 0 weighs all times alike.

    Returns
    -------
    TestResult with one row: outcome, statistic, df, p_value, n, n_event (of the cause). NaN when the variance is singular, as
    with no events of the cause (cuminc leaves that cause out, or prints a statistic of -1).

    Raises
    ------
    EndpointError : delayed entry; fewer than two groups; an unknown cause; a group or stratum that is missing.

    Gray 1988, doi 10.1214/aos/1176350951. Equals R's `cmprsk::cuminc(time, state, by, strata, rho)$Tests`.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"months": [2, 4, 4, 6, 7, 9, 1, 3], "state": [1, 2, 0, 1, 2, 0, 1, 1], "arm": list("aaaabbbb")})
    >>> tte = TimeToEvent.from_frame(frame, time="months", state="state", states=["Liver", "Death"])
    >>> gray(tte, frame["arm"], cause="Death")
    Gray's test of Death; 8 patients, 2 events: chi-squared 0.8944 on 1 df, p 0.34
    """
    require_times(tte, "gray")
    code = tte.code(cause)
    if tte.entry is not None:
        raise EndpointError("Gray's test needs patients followed from time zero, and here some enter later. Compare the hazards, "
                            f'which allow delayed entry: logrank(tte.only("{cause}"), by); or start at a landmark.')  # fmt: skip
    codes, groups = _two_or_more(tte, by, "gray")
    blocks, n_strata = tte.groups(strata, "strata")
    g = len(groups)
    u, v = np.zeros(g), np.zeros((g, g))
    for block in np.unique(blocks):
        mine = blocks == block
        part = tte.take(mine)
        at = np.unique(part.time[part.state > 0])
        if len(at):
            score, variance = _gray_score(part, codes[mine], g, at, code, rho)
            u, v = u + score, v + variance
    u, v = u[:-1], v[:-1, :-1]
    statistic = _quadratic(u, v) if v.any() else np.nan
    n_event = int(np.sum(tte.state == code))
    how = f", stratified ({plural(len(n_strata), 'stratum', 'strata')})" if n_strata else ""
    weight = f", rho {rho:g}" if rho else ""
    caution = f"; {tte.caution}" if tte.caution else ""
    method = f"Gray's test of {cause}{weight}{how}; {plural(tte.n, 'patient')}, {plural(n_event, 'event')}{caution}"
    row = {"outcome": cause, "statistic": statistic, "df": g - 1, "p_value": float(chdtrc(g - 1, statistic)),
           "n": tte.n, "n_event": n_event}  # fmt: skip
    return TestResult(pd.DataFrame([row]), method)


def _gray_score(
    part: TimeToEvent, codes: np.ndarray, g: int, at: np.ndarray, code: int, rho: float
) -> tuple[np.ndarray, np.ndarray]:
    """U and V of one stratum, by the formulas of `gray`; arrays are (times, groups), matrices (times, groups, groups)."""
    r, d_k = counts_by_group(part, codes, g, at, code)
    e_k = counts_by_group(part, codes, g, at)[1] - d_k
    here = r > 0
    some = np.where(here, r, 1.0)
    s = np.cumprod(np.where(here, (r - d_k - e_k) / some, 1.0), axis=0)
    s_before = _lagged(s, 1.0)
    f_k = np.cumsum(s_before * d_k / some, axis=0)
    h_k = np.divide(r, s_before, out=np.zeros_like(r), where=here)
    h, d = h_k.sum(axis=1), d_k.sum(axis=1)
    f = np.cumsum(d / h)
    f_before = _lagged(f, 0.0)
    w = (1 - f_before) ** rho

    at_stake = h_k * (1 - _lagged(f_k, 0.0))
    u = w @ (d_k - d[:, None] * at_stake / at_stake.sum(axis=1, keepdims=True))

    a = (w[:, None] * h_k)[:, :, None] * (np.eye(g) - (h_k / h[:, None])[:, None, :])
    c = np.cumsum(a * (d / (h * (1 - f_before)))[:, None, None], axis=0)
    to_come = c[-1] - c
    ratio = np.divide(1 - f[:, None], s, out=np.zeros_like(s), where=s > 0)

    def tied(m: np.ndarray, n: np.ndarray) -> np.ndarray:
        return 1 - np.divide(m - 1, n - 1, out=np.zeros_like(n), where=m > 1)

    deaths = np.where(here, d[:, None], 1.0)  # of a group that is empty by then, nothing is asked
    p = np.where(here, tied(deaths, h[:, None] * s_before) * s_before * deaths / (h[:, None] * some), 0.0)
    q = np.where(s > 0, tied(e_k, r) * s_before**2 * e_k / some**2, 0.0)
    own = a + (1 - ratio)[:, None, :] * to_come
    v = np.einsum("tk,tik,tjk->ij", p, own, own) + np.einsum("tk,tik,tjk->ij", q * ratio**2, to_come, to_come)
    return u, v


def _lagged(values: np.ndarray, first: float) -> np.ndarray:
    """The value just before each time."""
    return np.concatenate([np.full_like(values[:1], first), values[:-1]])


def _quadratic(u: np.ndarray, v: np.ndarray) -> float:
    """u' v^-1 u; NaN when v is singular by the rule of R's qr (a column that is 1e-7 of its own length, or less, is new)."""
    if not len(u):
        return 0.0
    lengths = np.linalg.norm(v, axis=0)
    new = np.abs(np.diag(np.linalg.qr(v, mode="r")))
    if not np.all(new > 1e-7 * lengths) or not np.isfinite(new).all():
        return float("nan")
    return float(u @ np.linalg.solve(v, u))


def _two_or_more(tte: TimeToEvent, by: Any, verb: str) -> tuple[np.ndarray, tuple[str, ...]]:
    codes, groups = tte.groups(by)
    if len(groups) < 2:
        there = f'only "{groups[0]}"' if groups else "none"
        raise EndpointError(f"{verb} compares two or more groups, and here there is {there}. Give by=, one level a patient.")
    return codes, groups


def _weighting(weighting: str | tuple[str, float, float]) -> tuple[Any, str]:
    if isinstance(weighting, str) and weighting in _WEIGHTINGS:
        return _WEIGHTINGS[weighting]
    if not isinstance(weighting, str) and len(weighting) == 3 and weighting[0] == "fleming-harrington":
        _, rho, gamma = weighting
        name = f"Fleming-Harrington test (rho {rho:g}, gamma {gamma:g})"
        return (lambda n, s: s**rho * (1 - s) ** gamma), name
    known = [*_WEIGHTINGS, "fleming-harrington"]
    advice = did_you_mean(weighting, known) if weighting != "fleming-harrington" and isinstance(weighting, str) else ""
    raise EndpointError(f"There is no weighting {weighting!r}. {advice} "
                        'Fleming-Harrington needs its two powers: weighting=("fleming-harrington", rho, gamma).')  # fmt: skip


def _scores(tte: TimeToEvent, by: Any, groups: tuple[str, ...]) -> np.ndarray:
    try:
        return np.array([float(group) for group in groups])
    except ValueError:
        pass
    order = list(groups)
    if isinstance(by, pd.Series) and isinstance(by.dtype, pd.CategoricalDtype):
        order = [str(level) for level in by.cat.categories if str(level) in groups]
    return np.array([order.index(group) + 1.0 for group in groups])
