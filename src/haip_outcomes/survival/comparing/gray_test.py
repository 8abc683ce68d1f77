"""Gray's test of equal cumulative incidences: two passes over the patients in order of time, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.comparing.comparisons import cautioned, compared_groups, stratified
from haip_outcomes.survival.compiled import compiled
from haip_outcomes.survival.results import TestResult
from haip_outcomes.survival.sorting import counting_order
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times


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
    Chi-squared = U' V^-1 U without the last group, on (groups - 1) degrees of freedom; U and V are summed over strata.

    Parameters
    ----------
    tte : times and states, everybody followed from time zero.
    by : groups, a Series aligned by index or an array of one value a row.
    cause : the name of the event whose incidence is compared, or "all": each kind of event in turn. (Where a kind of event is
        itself named "all", that one is meant.)
    strata : incidences are compared only within its levels.
    rho : power of the weight; 0 weighs all times alike, more weighs early differences more.

    Returns
    -------
    TestResult with a row a cause, in the order of `states`: outcome, statistic, df, p_value, n, n_event (of the cause); several are
    to be read with `tidy()`, and their p-values are not adjusted for their number. NaN when the variance is singular: no events of
    the cause (cuminc leaves it out), or a group of which nobody is at risk when they come (cuminc prints -1); or when the pooled
    incidence passes exactly through 1 while several groups are at risk (cuminc stops).

    Raises
    ------
    EndpointError : delayed entry; fewer than two groups; an unknown cause; a group or stratum that is missing; rho not a number.

    Gray 1988, doi 10.1214/aos/1176350951. Equals R's `cmprsk::cuminc(time, state, by, strata, rho)$Tests`.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"months": [2, 4, 4, 6, 7, 9, 1, 3], "state": [1, 2, 0, 1, 2, 0, 2, 2], "arm": list("aaaabbbb")})
    >>> tte = TimeToEvent.from_frame(frame, time="months", state="state", states=["Liver", "Death"])
    >>> gray(tte, frame["arm"], cause="Death")
    Gray's test of Death; 8 patients, 4 events: chi-squared 0.7169 on 1 df, p 0.40
    >>> gray(tte, frame["arm"], cause="all").tidy()[["outcome", "statistic", "p_value", "n_event"]].round(4)
      outcome  statistic  p_value  n_event
    0   Liver     2.9266   0.0871        2
    1   Death     0.7169   0.3972        4
    """
    require_times(tte, "gray")
    causes = tte.states if cause == "all" and "all" not in tte.states else (tte.states[tte.code(cause) - 1],)
    if (tte.start > 0).any():
        only = f'tte.only("{causes[0]}")' if len(causes) == 1 else "tte.only(cause)"
        raise EndpointError("Gray's test needs patients followed from time zero, and here some enter later. Compare the hazards, "
                            f"which allow delayed entry: logrank({only}, by); or start at a landmark.")  # fmt: skip
    if not isinstance(rho, (int, float, np.number)) or not np.isfinite(rho):
        raise EndpointError(f"rho, the power of the weight, must be a number, such as 0 or 1; got {rho!r}.")
    codes, groups = compared_groups(tte, by, "gray")
    blocks, n_strata = tte.groups(strata, "strata")
    g = len(groups)
    stretches = _in_order(tte, codes, blocks, max(len(n_strata), 1))
    rows = []
    for name in causes:
        u, v = np.zeros(g), np.zeros((g, g))
        for number, group, state in stretches:
            score(number, group, state, tte.code(name), float(rho), u, v)
        statistic = _quadratic(u[:-1], v[:-1, :-1])
        rows.append({"outcome": name, "statistic": statistic, "df": g - 1, "p_value": float(chdtrc(g - 1, statistic)),
                     "n": tte.n, "n_event": int(np.sum(tte.state == tte.code(name)))})  # fmt: skip
    weight = f", rho {rho:g}" if rho else ""
    events = plural(int(np.isin(tte.state, [tte.code(name) for name in causes]).sum()), "event")
    method = f"Gray's test of {listed(causes)}{weight}{stratified(n_strata)}; {plural(tte.n, 'patient')}, {events}{cautioned(tte)}"
    return TestResult(pd.DataFrame(rows), method)


def _in_order(
    tte: TimeToEvent, codes: np.ndarray, blocks: np.ndarray, n_blocks: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Number of the time, group and state of each stratum's rows, in order of time."""
    order = counting_order(tte.ranked.number, len(tte.ranked.distinct))
    if n_blocks > 1:
        order = order[counting_order(blocks[order], n_blocks)]
    ends = np.cumsum(np.bincount(blocks, minlength=n_blocks))[:-1]
    number, group, state = (np.split(values[order], ends) for values in (tte.ranked.number, codes, tte.state))
    return list(zip(number, group, state, strict=True))


@compiled
def score(number, group, state, code, rho, u, v):  # type: ignore[no-untyped-def]
    """Add one stratum's U (g,) and V (g, g) of `gray` to `u` and `v`; rows (n,) come in order of time.

    The first pass finds C(end), with which the second knows at each time what of C is still to come.
    """
    n, g = len(number), len(u)
    end, a = np.zeros((g, g)), np.zeros((g, g))
    d_k, e_k, h_k, s_before, own, to_come = np.zeros(g), np.zeros(g), np.zeros(g), np.zeros(g), np.zeros(g), np.zeros(g)
    for second in range(2):
        at_risk, gone, s, f_k, f, c = np.zeros(g), np.zeros(g), np.ones(g), np.zeros(g), 0.0, np.zeros((g, g))
        for row in range(n):
            at_risk[group[row]] += 1
        row = 0
        while row < n:
            for k in range(g):  # those who left at the time before
                at_risk[k] -= gone[k]
                gone[k], d_k[k], e_k[k] = 0.0, 0.0, 0.0
            d, e, now = 0.0, 0.0, number[row]
            while row < n and number[row] == now:
                k = group[row]
                gone[k] += 1
                if state[row] == code:
                    d_k[k] += 1
                    d += 1
                elif state[row] > 0:
                    e_k[k] += 1
                    e += 1
                row += 1
            if d + e == 0:
                continue
            # until just before this time: s is S-, f_k is F_k-, f is F-
            h, at_stake, groups_left = 0.0, 0.0, 0
            for k in range(g):
                groups_left += at_risk[k] > 0
                s_before[k] = s[k]
                h_k[k] = at_risk[k] / s[k] if at_risk[k] > 0 else 0.0
                h += h_k[k]
                at_stake += h_k[k] * (1 - f_k[k])
            if d > 0:
                w = (1 - f) ** rho if groups_left > 1 else 0.0  # one group alone differs from nobody, also where F- has passed 1
                for i in range(g):
                    if second:
                        u[i] += w * (d_k[i] - d * h_k[i] * (1 - f_k[i]) / at_stake)
                    for k in range(g):
                        contrast = h_k[i] * ((i == k) - h_k[k] / h)
                        a[i, k] = w * contrast
                        if contrast != 0:  # else nothing is added, not even where F- is 1
                            c[i, k] += a[i, k] * d / (h * (1 - f))
            # from this time on
            f += d / h
            for k in range(g):
                if at_risk[k] > 0:
                    f_k[k] += s_before[k] * d_k[k] / at_risk[k]
                    s[k] *= (at_risk[k] - d_k[k] - e_k[k]) / at_risk[k]
            if second:
                for k in range(g):
                    if at_risk[k] > 0:
                        ratio = (1 - f) / s[k] if s[k] > 0 else 0.0
                        for i in range(g):
                            to_come[i] = end[i, k] - c[i, k]
                            own[i] = a[i, k] + (1 - ratio) * to_come[i]
                        if d > 0:
                            p = untied(d, h * s_before[k]) * s_before[k] * d / (h * at_risk[k])
                            add_square(p, own, v)
                        if e_k[k] > 0 and s[k] > 0:
                            q = untied(e_k[k], at_risk[k]) * e_k[k] * (s_before[k] / at_risk[k]) ** 2
                            add_square(q * ratio**2, to_come, v)
        end = c


@compiled
def add_square(weight, x, v):  # type: ignore[no-untyped-def]
    """Add weight x x' to v."""
    for i in range(len(x)):
        for j in range(len(x)):
            v[i, j] += weight * x[i] * x[j]


@compiled
def untied(m, n):  # type: ignore[no-untyped-def]
    """What remains of the variance when m of n come at one time."""
    return 1 - (m - 1) / (n - 1) if m > 1 else 1.0


def _quadratic(u: np.ndarray, v: np.ndarray) -> float:
    """u' v^-1 u; NaN when v is singular by the rule of R's qr (a column that is 1e-7 of its own length, or less, is new)."""
    if not np.isfinite(v).all() or not v.any():
        return float("nan")
    lengths = np.linalg.norm(v, axis=0)
    new = np.abs(np.diag(np.linalg.qr(v, mode="r")))
    return float(u @ np.linalg.solve(v, u)) if (new > 1e-7 * lengths).all() else float("nan")
