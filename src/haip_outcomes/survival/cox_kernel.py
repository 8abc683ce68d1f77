"""The partial likelihood of Cox's model as one pass over sorted rows, and Newton's method on it, compiled.

The formulas are those of `partial_likelihood.py`, which writes them out with arrays and serves as this kernel's second
opinion in the tests. Rows come sorted by stratum, in it by falling time, at one time with the events first; rows of one
stratum and time are a block. Going through the blocks, a row joins the risk set's sums with its block and, with delayed
entry, leaves them before an event at or before its entry. The d tied events of a block (copies counted) need five sums over
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
def counting_order(key: np.ndarray, size: int) -> np.ndarray:
    """The stable order of whole numbers in 0 ... size-1."""
    place = np.zeros(size + 1, dtype=np.int64)
    for k in key:
        place[k + 1] += 1
    for k in range(size):
        place[k + 1] += place[k]
    order = np.empty(len(key), dtype=np.int64)
    for i in range(len(key)):
        order[place[key[i]]] = i
        place[key[i]] += 1
    return order


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
def add(sign, weight, x, i, s1, s2):  # type: ignore[no-untyped-def]
    """Row i's first and second moments into (or out of) the sums; the upper half of s2."""
    p = len(s1)
    for j in range(p):
        lifted = sign * weight * x[i, j]
        s1[j] += lifted
        for k in range(j, p):
            s2[j, k] += lifted * x[i, k]


@compiled
def one_pass(x, weights, copies, offset, blocks, n_event, opens, leaving, gone, efron, b, risk, score, information):  # type: ignore[no-untyped-def]
    """The log-likelihood at b; its score and information are written into the last two arguments.

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
    value = 0.0
    score[:] = 0.0
    information[:] = 0.0
    s0, e0 = 0.0, 0.0
    s1, e1, s2, e2 = np.zeros(p), np.zeros(p), np.zeros((p, p)), np.zeros((p, p))
    mean, own = np.empty(p), np.empty(p)
    out = 0
    for g in range(len(blocks) - 1):
        if opens[g]:
            s0 = 0.0
            s1[:] = 0.0
            s2[:] = 0.0
            if len(leaving):
                out = blocks[g]
        first, last = blocks[g], blocks[g + 1]
        d, w = 0, 0.0
        for i in range(first, first + n_event[g]):
            if copies[i] == 0:
                continue
            many = weights[i] * copies[i]
            value += many * (risk[i] - shift)
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
            add(1.0, risk[i], x, i, s1, s2)
            if tied and i < first + n_event[g]:
                e0 += risk[i]
                add(1.0, risk[i], x, i, e1, e2)
        if d == 0:
            continue
        if len(leaving):
            for k in range(out, gone[g]):
                i = leaving[k]
                if copies[i]:
                    s0 -= risk[i]
                    add(-1.0, risk[i], x, i, s1, s2)
            out = max(out, gone[g])
        c, q = w / d, e0 / s0
        a0, a1, b0, b1, b2 = w, 0.0, w, 0.0, 0.0
        value -= w * np.log(s0)
        if tied:
            a0, b0 = 0.0, 0.0
            for l in range(d):  # noqa: E741
                f = l / d
                rest = 1.0 - f * q
                value -= c * np.log(rest)
                a, twice = c / rest, c / rest / rest
                a0 += a
                a1 += f * a
                b0 += twice
                b1 += f * twice
                b2 += f * f * twice
        for j in range(p):
            mean[j] = s1[j] / s0
            score[j] -= a0 * mean[j]
            for k in range(j + 1):
                information[k, j] += a0 * s2[k, j] / s0 - b0 * mean[j] * mean[k]
        if tied:
            for j in range(p):
                own[j] = e1[j] / s0
                score[j] += a1 * own[j]
                for k in range(j + 1):
                    information[k, j] += b1 * (mean[j] * own[k] + own[j] * mean[k]) - a1 * e2[k, j] / s0 - b2 * own[j] * own[k]
            e0 = 0.0
            e1[:] = 0.0
            e2[:] = 0.0
    for j in range(p):
        for k in range(j):
            information[j, k] = information[k, j]
    return value


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
def newton(x, weights, copies, offset, blocks, n_event, opens, leaving, gone, efron, b, score, information, steps, tolerance):  # type: ignore[no-untyped-def]
    """At most so many Newton steps with step-halving from b, which moves: how it ended, steps, log-likelihood, last step.

    It has converged when the square of a step, in standard errors, is below the tolerance (the error after it is of the order of
    the step's square), or below 1e-12 and no longer shrinking, which is rounding. Score and information are those at the new b.
    """
    n, p = x.shape
    risk, step, trial, factor = np.empty(n), np.zeros(p), np.empty(p), np.zeros((p, p))
    value = one_pass(x, weights, copies, offset, blocks, n_event, opens, leaving, gone, efron, b, risk, score, information)
    before = np.inf
    for iteration in range(1, steps + 1):
        if not solve(information, score, factor, step):
            return SINGULAR, iteration, value, step
        gain = 0.0  # the squared length of the step in standard errors
        for j in range(p):
            gain += score[j] * step[j]
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
        if abs(gain) < tolerance or (abs(gain) < 1e-12 and abs(gain) > before / 4):
            return CONVERGED, iteration, value, step
        before = abs(gain)
    return MOVING, steps, value, step


@compiled
def newton_batch(x, weights, copies, offset, blocks, n_event, opens, leaving, gone, efron, start, steps, tolerance):  # type: ignore[no-untyped-def]
    """Newton's method on many resamples: copies (B, n) in the order of the rows; coefficients (B, p) and how each ended."""
    many, p = len(copies), x.shape[1]
    b, ended = np.empty((many, p)), np.empty(many, dtype=np.int64)
    score, information = np.empty(p), np.empty((p, p))
    for r in range(many):
        b[r] = start
        ended[r], _, _, _ = newton(x, weights, copies[r], offset, blocks, n_event, opens, leaving, gone, efron, b[r], score, information, steps, tolerance)
    return b, ended


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
