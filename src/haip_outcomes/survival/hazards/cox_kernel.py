"""The partial likelihood of Cox's model as one pass over sorted rows, and Newton's method on it, compiled.

The formulas are those of `partial_likelihood.py`, which writes them out with arrays and serves as this kernel's second
opinion in the tests. Rows come sorted by stratum, in it by falling time, at one time with the events first; rows of one
stratum and time are a block. Going through the blocks, a row joins the risk set's sums with its block and, with delayed
entry, leaves them before an event at or before its entry; where little is left of a sum, it is added up anew (a sum of 10^9 less one of
10^9 would have lost its digits). The d tied events of a block (copies counted) need five sums over
l = 0 ... d-1, with c = W/d, f_l = l/d (0 for Breslow) and rest_l = denominator_l / S0 = 1 - f_l E0/S0:

    a0, a1 = sum of (1, f_l) c / rest_l,    b0, b1, b2 = sum of (1, f_l, f_l^2) c / rest_l^2

so that mean_l = (S1 - f_l E1) / (S0 rest_l) and its square are never formed one by one.

Everything is added up in the order of the rows, so the result does not depend on how many rows are alike.
"""

from __future__ import annotations

import numpy as np

from haip_outcomes.survival.compiled import compiled

CONVERGED, MOVING, SINGULAR, STUCK = 0, 1, 2, 3  # how Newton's method ended


@compiled
def moments(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column."""
    n, p = matrix.shape
    mean, spread = np.zeros(p), np.zeros(p)
    for i in range(n):
        for j in range(p):
            mean[j] += matrix[i, j]
    mean /= n
    for i in range(n):
        for j in range(p):
            spread[j] += (matrix[i, j] - mean[j]) ** 2
    return mean, np.sqrt(spread / n)


@compiled
def gathered(matrix: np.ndarray, order: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Rows in a new order, centred and scaled."""
    n, p = len(order), matrix.shape[1]
    out = np.empty((n, p))
    for i in range(n):
        row = order[i]
        for j in range(p):
            out[i, j] = (matrix[row, j] - mean[j]) / scale[j]
    return out


@compiled
def add(weight, x, i, s1, s2):  # type: ignore[no-untyped-def]
    """Row i's weighted covariates and products of two covariates into the sums (a negative weight: out of them).

    Of the products (p, p) only the lower half is kept.
    """
    for j in range(len(s1)):
        lifted = weight * x[i, j]
        s1[j] += lifted
        for m in range(j + 1):
            s2[j, m] += lifted * x[i, m]


@compiled
def shrunk(s0, s2, p, peak):  # type: ignore[no-untyped-def]
    """Have the rows that left taken more than 99% of a sum with them? Two digits of what is left are then gone. peak (1 + p,)."""
    worn = s0 < 0.01 * peak[0]
    for j in range(p):
        worn = worn or s2[j, j] < 0.01 * peak[1 + j]
    return worn


@compiled
def peaks(s0, s2, p, peak):  # type: ignore[no-untyped-def]
    """The largest that the sums have been."""
    peak[0] = max(peak[0], s0)
    for j in range(p):
        peak[1 + j] = max(peak[1 + j], s2[j, j])


@compiled
def passed(x, weights, copies, offset, blocks, n_event, opens, leaving, gone, efron, b, risk, score, information, value):  # type: ignore[no-untyped-def]
    """One pass through the blocks: score and information at b, and the log-likelihood into `value` (1,) unless that is empty.

    x (n, p), weights, offset (n,), copies (n,) whole numbers; blocks (G+1,): block g has rows blocks[g] ... blocks[g+1]-1, its first
    n_event[g] with an event, and begins a stratum where opens[g] = 1. leaving: the rows by stratum and falling entry, of which
    the first gone[g] have entered at or after block g's time or belong to strata before; empty without delayed entry.
    """
    n, p = x.shape
    largest, smallest = -np.inf, np.inf
    for i in range(n):
        if copies[i] == 0:
            continue
        eta = offset[i]
        for j in range(p):
            eta += x[i, j] * b[j]
        risk[i] = eta
        largest, smallest = max(largest, eta), min(smallest, eta)
    shift = max(largest - 600.0, 0.5 * (largest + smallest))  # nothing overflows; it cancels in every ratio
    score[:] = 0.0
    s0, e0 = 0.0, 0.0
    information[:] = 0.0
    s1, e1, mean, own = np.zeros(p), np.zeros(p), np.empty(p), np.empty(p)
    s2, e2 = np.zeros((p, p)), np.zeros((p, p))
    inside, peak = np.zeros(n if len(leaving) else 0, dtype=np.bool_), np.zeros(p + 1)
    out, start = 0, 0
    for g in range(len(blocks) - 1):
        if opens[g]:
            s0 = 0.0
            s1[:] = 0.0
            s2[:] = 0.0
            out, start = blocks[g], blocks[g]
            peak[:] = 0.0
        first, last = blocks[g], blocks[g + 1]
        d, w = 0, 0.0
        for i in range(first, first + n_event[g]):
            if copies[i] == 0:
                continue
            many = weights[i] * copies[i]
            if len(value):
                value[0] += many * (risk[i] - shift)
            for j in range(p):
                score[j] += many * x[i, j]
            d += copies[i]
            w += many
        tied = efron and d > 1
        for i in range(first, last):
            if copies[i] == 0:
                continue
            risk[i] = weights[i] * copies[i] * np.exp(risk[i] - shift)
            s0 += risk[i]
            add(risk[i], x, i, s1, s2)
            if tied and i < first + n_event[g]:
                e0 += risk[i]
                add(risk[i], x, i, e1, e2)
        if len(leaving):
            inside[first:last] = True
        if d == 0:
            continue
        if len(leaving):
            peaks(s0, s2, p, peak)
            for k in range(out, gone[g]):
                i = leaving[k]
                inside[i] = False
                if copies[i]:
                    s0 -= risk[i]
                    add(-risk[i], x, i, s1, s2)
            out = max(out, gone[g])
            if shrunk(s0, s2, p, peak):  # before more digits are lost, those at risk are added up anew
                s0 = 0.0
                s1[:] = 0.0
                s2[:] = 0.0
                for i in range(start, last):
                    if inside[i] and copies[i]:
                        s0 += risk[i]
                        add(risk[i], x, i, s1, s2)
                peak[:] = 0.0
        c, q = w / d, e0 / s0
        a0, a1, b0, b1, b2 = w, 0.0, w, 0.0, 0.0
        if len(value):
            value[0] -= w * np.log(s0)
        if tied:
            a0, b0 = 0.0, 0.0
            for l in range(d):  # noqa: E741
                f = l / d
                rest = 1.0 - f * q
                if len(value):
                    value[0] -= c * np.log(rest)
                a = c / rest
                twice = a / rest
                a0 += a
                a1 += f * a
                b0 += twice
                b1 += f * twice
                b2 += f * f * twice
        for j in range(p):
            mean[j] = s1[j] / s0
            score[j] -= a0 * mean[j]
            for m in range(j + 1):
                information[j, m] += a0 / s0 * s2[j, m] - b0 * mean[j] * mean[m]
        if tied:
            for j in range(p):
                own[j] = e1[j] / s0
                score[j] += a1 * own[j]
                for m in range(j + 1):
                    information[j, m] += b1 * (mean[j] * own[m] + own[j] * mean[m]) - a1 / s0 * e2[j, m] - b2 * own[j] * own[m]
            e0 = 0.0
            e1[:] = 0.0
            e2[:] = 0.0
    for j in range(p):
        for m in range(j):
            information[m, j] = information[j, m]


@compiled
def one_pass(x, weights, copies, offset, blocks, n_event, opens, leaving, gone, efron, b, risk, score, information):  # type: ignore[no-untyped-def]
    """The log-likelihood at b; its score and information are written into the last two arguments.

    The arguments are those of `passed`.
    """
    value = np.zeros(1)
    passed(x, weights, copies, offset, blocks, n_event, opens, leaving, gone, efron, b, risk, score, information, value)
    return value[0]


@compiled
def solve(matrix, vector, factor, solution):  # type: ignore[no-untyped-def]
    """matrix^-1 vector by Cholesky's factor; False where the matrix is not positive definite."""
    p = len(vector)
    for j in range(p):
        for k in range(j + 1):
            rest = matrix[j, k]
            for m in range(k):
                rest -= factor[j, m] * factor[k, m]
            if j > k:
                factor[j, k] = rest / factor[k, k]
            elif rest > 1e-14 * matrix[j, j]:  # also False for NaN
                factor[j, j] = np.sqrt(rest)
            else:
                return False
    for j in range(p):
        rest = vector[j]
        for m in range(j):
            rest -= factor[j, m] * solution[m]
        solution[j] = rest / factor[j, j]
    for j in range(p - 1, -1, -1):
        rest = solution[j]
        for m in range(j + 1, p):
            rest -= factor[m, j] * solution[m]
        solution[j] = rest / factor[j, j]
    return True


@compiled
def newton(x, weights, copies, offset, blocks, n_event, opens, leaving, gone, efron, b, value, score, information, steps, tolerance):  # type: ignore[no-untyped-def]
    """At most so many Newton steps with step-halving from b, which moves: how it ended, steps, log-likelihood, last step.

    Value, score and information are those at b, and at the end those at the new b. It has converged when the square of a step, in
    standard errors, is below the tolerance (it is taken, and nothing evaluated anew: all else moves by less), or below 1e-12 and no
    longer shrinking, which is rounding.
    """
    n, p = x.shape
    risk, step, trial, factor = np.empty(n), np.zeros(p), np.empty(p), np.zeros((p, p))
    before = np.inf
    for iteration in range(1, steps + 1):
        if not solve(information, score, factor, step):
            return SINGULAR, iteration, value, step
        gain = 0.0  # the squared length of the step in standard errors
        for j in range(p):
            gain += score[j] * step[j]
        if abs(gain) < tolerance or (abs(gain) < 1e-12 and abs(gain) > before / 4):
            for j in range(p):
                b[j] += step[j]
            return CONVERGED, iteration, value, step
        before = abs(gain)
        accepted = False
        for _ in range(40):
            for j in range(p):
                trial[j] = b[j] + step[j]
            new = one_pass(x, weights, copies, offset, blocks, n_event, opens, leaving, gone, efron, trial, risk, score, information)
            sound = np.isfinite(new)
            for j in range(p):
                sound = sound and np.isfinite(score[j]) and np.isfinite(information[j, j])
            if sound and new >= value - 1e-12 * (1.0 + abs(value)):
                accepted = True
                break
            for j in range(p):
                step[j] *= 0.5
        if not accepted:
            return STUCK, iteration, value, step
        for j in range(p):
            b[j] = trial[j]
        value = new
    return MOVING, steps, value, step


@compiled
def newton_batch(x, weights, copies, offset, blocks, n_event, opens, leaving, gone, efron, start, steps, tolerance):  # type: ignore[no-untyped-def]
    """Newton's method on many resamples: copies (B, n) in the order of the rows, start (B, p); coefficients (B, p), NaN where unsure.

    Whole steps from near the maximum: the log-likelihood is concave, so where the next step is short the maximum is. A resample is
    left to the careful fit if that takes more than so many steps, or if at the end a covariate (or what the others leave of it)
    varies a million times less among those at risk than it does among all: there a short step proves nothing.
    """
    many, p = start.shape
    b = np.empty((many, p))
    risk, at, step, no_value = np.empty(len(x)), np.empty(p), np.zeros(p), np.zeros(0)
    score, information, factor = np.empty(p), np.empty((p, p)), np.zeros((p, p))
    for r in range(many):
        for j in range(p):
            at[j], b[r, j] = start[r, j], np.nan
        for _ in range(steps):
            passed(x, weights, copies[r], offset, blocks, n_event, opens, leaving, gone, efron, at, risk, score, information, no_value)
            if not solve(information, score, factor, step):
                break
            gain, least = 0.0, np.inf
            for j in range(p):
                gain += score[j] * step[j]
                at[j] += step[j]
                least = min(least, factor[j, j] ** 2)
            if gain < tolerance:
                for j in range(p):
                    b[r, j] = at[j] if least > 1e-6 else np.nan
                break
    return b


@compiled
def always_ahead(ahead, blocks, n_event, opens, leaving, gone, tolerance):  # type: ignore[no-untyped-def]
    """Do those with the event have the largest values `ahead` (n,) among all at risk, at every event time?"""
    out = 0
    inside = np.ones(len(ahead), dtype=np.bool_)
    begin, largest = 0, -np.inf
    for g in range(len(blocks) - 1):
        first, last = blocks[g], blocks[g + 1]
        if opens[g]:
            begin, largest = first, -np.inf
            out = first
        for i in range(first, last):
            largest = max(largest, ahead[i])
        if n_event[g] and len(leaving):  # some have not entered yet: the largest of those who have
            for k in range(out, gone[g]):
                inside[leaving[k]] = False
            out = max(out, gone[g])
            largest = -np.inf
            for i in range(begin, last):
                if inside[i]:
                    largest = max(largest, ahead[i])
        for i in range(first, first + n_event[g]):
            if ahead[i] < largest - tolerance:
                return False
    return True


@compiled
def two_valued(matrix, event):  # type: ignore[no-untyped-def]
    """Of each column: whether it holds 0 and 1 only, how many rows have 1, and how many of those the event."""
    n, p = matrix.shape
    binary, ones, events = np.ones(p, dtype=np.bool_), np.zeros(p, dtype=np.int64), np.zeros(p, dtype=np.int64)
    for i in range(n):
        for j in range(p):
            value = matrix[i, j]
            if value == 1.0:
                ones[j] += 1
                events[j] += event[i]
            elif value != 0.0:
                binary[j] = False
    return binary, ones, events
