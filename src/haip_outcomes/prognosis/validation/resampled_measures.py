"""Measures of prediction on a cohort in which each patient stands a number of times, compiled.

A resample is the cohort with copies c_i = 0, 1, 2, ... of its patients, so a model made from one is judged on it, on the
original patients (all c_i = 1) and on those not in it (c_i = 1 for them alone) by one function, without a frame being made. The definitions are those of `concordance`,
`time_dependent_auc`, `brier_score`, `integrated_brier`, `calibration` and `decision_curve`, which are its second opinion in the tests.

Harrell's and Uno's C go through the times from the last to the first; a tree over the markers' ranks holds those still at risk.
Where events compete, who had another event first stays at risk for good (Wolbers 2009, doi 10.1097/EDE.0b013e3181a39056).
"""

from __future__ import annotations

import numpy as np

from haip_outcomes.survival.compiled import compiled

CENSORED, EVENT, OTHER = 0, 1, 2
_STEPS, _LAST, _HALVINGS = 40, 60, 40
_FAR, _FLAT = 2.0, 1e-6  # as `complementary_log`
NEAR = 1e-6  # a risk closer to 0 or 1 counts as so much in calibration: ln(-ln(1 - risk)) has no value there


@compiled
def concordances(number, code, by_time, begin, copies, marker, free, until, found):  # type: ignore[no-untyped-def]
    """Harrell's C and Uno's C of events at the first `until` times into found (2,); NaN without usable pairs."""
    n = len(number)
    order = np.argsort(marker)
    rank = np.empty(n, dtype=np.int64)
    level = -1
    for place in range(n):
        i = order[place]
        if place == 0 or marker[i] != marker[order[place - 1]]:
            level += 1
        rank[i] = level
    tree = np.zeros(level + 2)
    held = 0.0
    for i in range(n):
        if code[i] == OTHER and copies[i]:
            held += _put(tree, rank[i], copies[i])
    sums = np.zeros(4)  # right and usable: Harrell's, Uno's
    for k in range(len(begin) - 2, -1, -1):
        for place in range(begin[k], begin[k + 1]):
            i = by_time[place]
            if code[i] == CENSORED and copies[i]:
                held += _put(tree, rank[i], copies[i])
        for place in range(begin[k], begin[k + 1]):
            i = by_time[place]
            if code[i] == EVENT and copies[i] and held > 0:
                lower = _below(tree, rank[i])
                right = copies[i] * (lower + _below(tree, rank[i] + 1)) / 2
                usable = copies[i] * held
                sums[0] += right
                sums[1] += usable
                if k < until:
                    weight = 1 / free[k] ** 2
                    sums[2] += right * weight
                    sums[3] += usable * weight
        for place in range(begin[k], begin[k + 1]):
            i = by_time[place]
            if code[i] == EVENT and copies[i]:
                held += _put(tree, rank[i], copies[i])
    found[0] = sums[0] / sums[1] if sums[1] > 0 else np.nan
    found[1] = sums[2] / sums[3] if sums[3] > 0 else np.nan


@compiled
def _put(tree, place, weight):  # type: ignore[no-untyped-def]
    """A weight into a tree of sums."""
    at = place + 1
    while at < len(tree):
        tree[at] += weight
        at += at & -at
    return weight


@compiled
def _below(tree, place):  # type: ignore[no-untyped-def]
    """The sum of what lies before a place."""
    total, at = 0.0, place
    while at > 0:
        total += tree[at]
        at -= at & -at
    return total


@compiled
def auc(number, code, copies, risk, free, upto):  # type: ignore[no-untyped-def]
    """The time-dependent AUC; NaN without cases or controls."""
    order = np.argsort(risk)
    n, cases, controls, right = len(order), 0.0, 0.0, 0.0
    place = 0
    while place < n:
        value, here_case, here_control = risk[order[place]], 0.0, 0.0
        while place < n and risk[order[place]] == value:
            i = order[place]
            place += 1
            if copies[i] == 0:
                continue
            if number[i] >= upto:
                here_control += copies[i] / free[upto]
            elif code[i] == EVENT:
                here_case += copies[i] / free[number[i]]
            elif code[i] == OTHER:
                here_control += copies[i] / free[number[i]]
        right += here_case * (controls + here_control / 2)
        cases += here_case
        controls += here_control
    return right / (cases * controls) if cases > 0 and controls > 0 else np.nan


@compiled
def pseudo(number, code, y, d, own, upto, total, q):  # type: ignore[no-untyped-def]
    """Each patient's jackknife pseudo-value of the risk into q (n,): one of his copies left out; see `observed_risks.pseudo_values`."""
    length = len(y)
    beyond, survival, incidence = np.zeros(length + 1), np.ones(length + 1), np.zeros(length + 1)
    for k in range(min(upto, length) - 1, -1, -1):
        if y[k] > 0:
            beyond[k] = own[k] / y[k] + (1 - d[k] / y[k]) * beyond[k + 1]
        else:
            beyond[k] = beyond[k + 1]
    for k in range(length):
        happened, mine = (d[k], own[k]) if k < upto else (0.0, 0.0)
        less = max(y[k] - 1, 1.0)
        survival[k + 1] = survival[k] * (1 - happened / less if y[k] > 1 else 1.0)
        incidence[k + 1] = incidence[k] + survival[k] * mine / less
    for i in range(len(number)):
        k = number[i]
        had = 1.0 if code[i] != CENSORED and k < upto else 0.0
        mine = had if code[i] == EVENT else 0.0
        happened, ours = (d[k], own[k]) if k < upto else (0.0, 0.0)
        less = max(y[k] - 1, 1.0)
        left = 1 - (happened - had) / less if y[k] > 1 else 1.0
        without = incidence[k] + survival[k] * ((ours - mine) / less + left * beyond[k + 1])
        q[i] = total * beyond[0] - (total - 1) * without


@compiled
def _loss(copies, q, x, a, b):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(len(q)):
        if copies[i]:
            total += copies[i] * (q[i] + np.expm1(-np.exp(a + b * x[i]))) ** 2
    return total


@compiled
def _step(copies, q, x, a, b, sloped, newton):  # type: ignore[no-untyped-def]
    """Newton's (or the least-squares) step of intercept and slope on the sum of squares, and whether there is one."""
    g0, g1, h00, h01, h11 = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(q)):
        if copies[i] == 0:
            continue
        hazard = np.exp(min(a + b * x[i], 50.0))
        first = hazard * np.exp(-hazard)
        residual = q[i] + np.expm1(-hazard)
        bend = copies[i] * (first**2 - residual * first * (1 - hazard) if newton else first**2)
        pull = copies[i] * first * residual
        g0 += pull
        h00 += bend
        if sloped:
            g1 += pull * x[i]
            h01 += bend * x[i]
            h11 += bend * x[i] ** 2
    if not sloped:
        return (g0 / h00, 0.0, True) if h00 > 0 else (0.0, 0.0, False)
    rest = h11 - h01**2 / h00 if h00 > 0 else -1.0
    if not (h00 > 0 and rest > 1e-13 * h11):
        return 0.0, 0.0, False
    second = (g1 - h01 * g0 / h00) / rest
    return (g0 - h01 * second) / h00, second, True


@compiled
def complementary(copies, q, x, sloped, a, b):  # type: ignore[no-untyped-def]
    """Intercept and slope of pseudo-values on x = cll(risk), from a and b, which stays unless `sloped`: as `complementary_log.regress`; NaN without solution."""
    loss = _loss(copies, q, x, a, b)
    for k in range(_STEPS + _LAST):
        da, db, there = _step(copies, q, x, a, b, sloped, True) if k < _STEPS else (0.0, 0.0, False)
        if not there:
            da, db, there = _step(copies, q, x, a, b, sloped, False)
        if not there:
            return np.nan, np.nan
        moves = _FAR
        for i in range(len(x)):
            if copies[i]:
                moves = max(moves, da + db * x[i])
        da, db = da * _FAR / moves, db * _FAR / moves
        new = loss
        for _ in range(_HALVINGS):
            new = _loss(copies, q, x, a + da, b + db)
            if new <= loss * (1 + 1e-14):
                break
            da, db = da / 2, db / 2
        a, b, loss = a + da, b + db, _loss(copies, q, x, a + da, b + db)
        if max(abs(da), abs(db)) <= 1e-12 * max(1.0, abs(a), abs(b)):
            break
    steepest = 0.0
    for i in range(len(x)):
        if copies[i]:
            hazard = np.exp(min(a + b * x[i], 50.0))
            steepest = max(steepest, hazard * np.exp(-hazard) * max(1.0, abs(x[i]) if sloped else 1.0))
    if steepest < _FLAT:
        return np.nan, np.nan
    da, db, there = _step(copies, q, x, a, b, sloped, False)
    if not there or max(abs(da), abs(db)) > 1e-6 * max(1.0, abs(a), abs(b)):
        return np.nan, np.nan  # the estimates run off
    return a, b


@compiled
def calibrated(number, code, copies, risk, y, d, own, upto, total, q, x):  # type: ignore[no-untyped-def]
    """Calibration intercept and slope of risks kept `NEAR` away from 0 and 1; no slope where all are the same."""
    n, first, alike = len(number), np.nan, True
    for i in range(n):
        if copies[i] == 0:
            continue
        near = min(max(risk[i], NEAR), 1 - NEAR)
        x[i] = np.log(-np.log1p(-near))
        if np.isnan(first):
            first = near
        alike = alike and near == first
    pseudo(number, code, y, d, own, upto, total, q)
    overall, middle, many = 0.0, 0.0, 0.0
    for i in range(n):
        overall += copies[i] * q[i]
        middle += copies[i] * x[i]
        many += copies[i]
    level = np.log(-np.log1p(-min(max(overall / many, NEAR), 1 - NEAR)))  # of everybody at the observed risk: the second start
    intercept, _ = complementary(copies, q, x, False, 0.0, 1.0)
    if np.isnan(intercept):
        intercept, _ = complementary(copies, q, x, False, level - middle / many, 1.0)
    if alike:
        return intercept, np.nan
    _, slope = complementary(copies, q, x, True, 0.0 if np.isnan(intercept) else intercept, 1.0)
    if np.isnan(slope):
        _, slope = complementary(copies, q, x, True, level, 0.0)
    return intercept, slope


@compiled
def benefit(code, by_time, begin, copies, risk, threshold, upto, total):  # type: ignore[no-untyped-def]
    """Net benefit of treating at a risk of the threshold or more; NaN where those treated were not followed so long."""
    chosen, last = 0.0, -1
    for k in range(len(begin) - 1):
        for place in range(begin[k], begin[k + 1]):
            i = by_time[place]
            if copies[i] and risk[i] >= threshold:
                chosen += copies[i]
                last = k
    if chosen == 0:
        return 0.0
    at_risk, survival, had = chosen, 1.0, 0.0
    for k in range(min(upto, last + 1)):
        events, own, gone, lost = 0.0, 0.0, 0.0, 0.0
        for place in range(begin[k], begin[k + 1]):
            i = by_time[place]
            if copies[i] and risk[i] >= threshold:
                gone += copies[i]
                if code[i] == CENSORED:
                    lost += copies[i]
                else:
                    events += copies[i]
                    own += copies[i] if code[i] == EVENT else 0.0
        if k == last and lost > 0:
            return np.nan  # the last of them were lost by then
        if at_risk > 0:
            had += survival * own / at_risk
            survival *= 1 - events / at_risk
        at_risk -= gone
    share = chosen / total
    return share * had - share * (1 - had) * threshold / (1 - threshold)


@compiled
def measured(number, code, distinct, by_time, begin, copies, marker, risk, grid, parts, at, thresholds, discrimination, found):  # type: ignore[no-untyped-def]
    """All measures of one set of predictions into found: C (2), six a time (AUC, Brier, IPA, O/E, intercept, slope), integrated Brier and IPA, net benefits.

    number (n,) which of the `distinct` times each exit is; by_time, begin: the rows by time; copies (n,); risk (n, G) by the
    times `grid` (G,), whose scores weigh `parts` (G,) in the integral; at (T,): which of them are asked for.
    """
    n, length = len(number), len(distinct)
    every, d, own, lost = np.zeros(length), np.zeros(length), np.zeros(length), np.zeros(length)
    total, last = 0.0, 0
    for i in range(n):
        k = number[i]
        every[k] += copies[i]
        total += copies[i]
        if code[i] == CENSORED:
            lost[k] += copies[i]
        else:
            d[k] += copies[i]
            own[k] += copies[i] if code[i] == EVENT else 0
        if copies[i] and k > last:
            last = k
    found[:] = np.nan
    if total == 0:
        return
    y, free = np.zeros(length), np.ones(length + 1)
    running = 0.0
    for k in range(length - 1, -1, -1):
        running += every[k]
        y[k] = running
    for k in range(length):
        free[k + 1] = free[k] * (1 - lost[k] / (y[k] - d[k]) if lost[k] > 0 else 1.0)
    upto = np.searchsorted(distinct, grid, side="right")
    known = np.empty(len(grid), dtype=np.bool_)
    for g in range(len(grid)):
        known[g] = grid[g] < distinct[last] or (grid[g] == distinct[last] and lost[last] == 0)
    if discrimination:
        concordances(number, code, by_time, begin, copies, marker, free, upto[at[-1]], found[:2])
    score, null, observed, expected = np.zeros(len(grid)), np.zeros(len(grid)), np.zeros(len(grid)), np.zeros(len(grid))
    for g in range(len(grid)):
        had, weights, squares, mean = 0.0, 0.0, 0.0, 0.0
        for i in range(n):
            if copies[i] == 0:
                continue
            r, k = risk[i, g], number[i]
            mean += copies[i] * r
            if k >= upto[g]:
                w = copies[i] / free[upto[g]]
                squares += w * r**2
                weights += w
            elif code[i] == EVENT:
                w = copies[i] / free[k]
                squares += w * (1 - r) ** 2
                weights += w
                had += w
            elif code[i] == OTHER:
                w = copies[i] / free[k]
                squares += w * r**2
                weights += w
        overall = had / total
        observed[g], expected[g] = overall, mean / total
        score[g] = squares / total
        null[g] = (had * (1 - overall) ** 2 + (weights - had) * overall**2) / total
    q, x = np.zeros(n), np.zeros(n)
    place = 2
    for j in range(len(at)):
        g = at[j]
        if known[g]:
            found[place] = auc(number, code, copies, risk[:, g].copy(), free, upto[g])
            found[place + 1] = score[g]
            found[place + 2] = 1 - score[g] / null[g] if null[g] > 0 else np.nan
            if observed[g] > 0:
                found[place + 3] = observed[g] / expected[g] if expected[g] > 0 else np.nan
                found[place + 4], found[place + 5] = calibrated(number, code, copies, risk[:, g].copy(), y, d, own, upto[g], total, q, x)
        place += 6
    if known.all():
        whole, nothing = 0.0, 0.0
        for g in range(len(grid)):
            whole += parts[g] * score[g]
            nothing += parts[g] * null[g]
        found[place] = whole
        found[place + 1] = 1 - whole / nothing if nothing > 0 else np.nan
    place += 2
    for j in range(len(at)):
        for threshold in thresholds:
            if known[at[j]]:
                found[place] = benefit(code, by_time, begin, copies, risk[:, at[j]].copy(), threshold, upto[at[j]], total)
            place += 1


@compiled
def measured_all(number, code, distinct, by_time, begin, copies, marker, risk, grid, parts, at, thresholds, discrimination, found):  # type: ignore[no-untyped-def]
    """`measured` of several: copies (B, n), marker (B, n), risk (B, n, G) into found (B, K)."""
    for r in range(len(copies)):
        measured(number, code, distinct, by_time, begin, copies[r], marker[r], risk[r], grid, parts, at, thresholds, discrimination, found[r])


@compiled
def cox_risks(x, copies, order, number, begin, n_event, efron, b, upto, marker, risk):  # type: ignore[no-untyped-def]
    """Log hazards (B, n) and risks (B, n, G) of many Cox fits: b (B, p) for the sorted rows x (n, p), the copies (B, n) in the rows' own order.

    The baseline is Breslow's, or Efron's under his ties: `risk_prediction.py` has the formula. `order`, `begin`, `n_event` are those of
    `Blocks`; upto (G,): how many of the different times lie at or before each time asked for.
    """
    n, p = x.shape
    step = np.empty(int(number.max()) + 2)
    eta = np.empty(n)
    for r in range(len(b)):
        largest, smallest = -np.inf, np.inf
        for i in range(n):
            value = 0.0
            for j in range(p):
                value += x[i, j] * b[r, j]
            eta[i] = value
            marker[r, order[i]] = value
            if copies[r, order[i]]:
                largest, smallest = max(largest, value), min(smallest, value)
        shift = (largest + smallest) / 2
        step[:] = 0.0
        s0 = 0.0
        for g in range(len(begin) - 1):
            d, e0 = 0, 0.0
            for i in range(begin[g], begin[g + 1]):
                many = copies[r, order[i]]
                if many == 0:
                    continue
                part = many * np.exp(eta[i] - shift)
                s0 += part
                if i < begin[g] + n_event[g]:
                    d += many
                    e0 += part
            if d == 0:
                continue
            rise = 0.0
            if efron and d > 1:
                for l in range(d):  # noqa: E741
                    rise += 1 / (s0 - l / d * e0)
            else:
                rise = d / s0
            step[number[order[begin[g]]] + 1] = rise
        for k in range(1, len(step)):
            step[k] += step[k - 1]
        for i in range(n):
            lift = np.exp(eta[i] - shift)
            for g in range(len(upto)):
                risk[r, order[i], g] = -np.expm1(-lift * step[upto[g]])
