"""What Firth's penalty needs of the partial likelihood: its score, information and the information's derivative, compiled.

Notation and the order of the rows are those of `cox_kernel.py`. Far out, where a profile is followed, one row outweighs all others
of a risk set: sums of squares less a squared mean have no digits left there, third moments even sooner. So a group of rows is held
not by sums but as a distribution: the logarithm of its total risk L, and its mean m, covariance C and third central moments, of which
only a contraction with a matrix V is needed:

    k_j = sum over a, b of V_ab E[(x - m)_j (x - m)_a (x - m)_b],    s = trace(V C)

Two groups, the second with a share r of the total and its mean further by D = m_2 - m_1, mix to

    m = m_1 + r D
    C = (1 - r) C_1 + r C_2 + r (1 - r) D D'
    s = (1 - r) s_1 + r s_2 + r (1 - r) D'V D
    k = (1 - r) k_1 + r k_2 + r (1 - r) [2 (C_2 - C_1) V D + (s_2 - s_1) D + (1 - 2 r) (D'V D) D]

where nothing cancels and nothing overflows. A row joins as a group of one. The d tied events of Efron's terms are a group of their
own, which mixes with the others at risk d times, with 1 - l/d of its total. With W/d the weight of a term,

    log L = sum over events of w eta - sum over terms of (W/d) L,    U = sum over events of w x - sum over terms of (W/d) m
    I = sum over terms of (W/d) C,    sum over a, b of V_ab dI_ab/db_j = sum over terms of (W/d) k_j
"""

from __future__ import annotations

import numpy as np

from haip_outcomes.survival.compiled import compiled

WORN = -2.3  # a logarithm: rows that left took nine tenths of a moment with them, and a digit of the rest


@compiled
def times(matrix, vector, product):  # type: ignore[no-untyped-def]
    """A symmetric matrix times a vector, added up row by row, which processors do several columns at a time."""
    product[:] = 0.0
    for j in range(len(vector)):
        for k in range(len(vector)):
            product[k] += matrix[j, k] * vector[j]


@compiled
def joins(log_risk, row, size, mean, covariance, third, deep, inverse, difference, lifted, along):  # type: ignore[no-untyped-def]
    """A row joins a group. size holds the group's L and s; third moments are kept if `deep`; the last three are room to work in."""
    p = len(mean)
    if size[0] == -np.inf:
        size[0] = log_risk
        mean[:] = row
        return
    before = size[0]
    share, rest = 1.0 / (1.0 + np.exp(before - log_risk)), 1.0 / (1.0 + np.exp(log_risk - before))
    size[0] = max(before, log_risk) + np.log1p(np.exp(-abs(before - log_risk)))
    for j in range(p):
        difference[j] = row[j] - mean[j]
    if deep:
        times(inverse, difference, lifted)
        times(covariance, lifted, along)
        length = 0.0
        for j in range(p):
            length += difference[j] * lifted[j]
        for j in range(p):
            third[j] = rest * (third[j] + share * (((rest - share) * length - size[1]) * difference[j] - 2.0 * along[j]))
        size[1] = rest * (size[1] + share * length)
    for j in range(p):
        lift = share * difference[j]
        mean[j] += lift
        for k in range(p):
            covariance[j, k] = rest * (covariance[j, k] + lift * difference[k])


@compiled
def leaves(log_risk, row, size, mean, covariance, third, deep, inverse, difference, lifted, along):  # type: ignore[no-untyped-def]
    """A row leaves a group: `joins` solved for the group before."""
    p = len(mean)
    share, rest = np.exp(log_risk - size[0]), -np.expm1(log_risk - size[0])
    size[0] += np.log(rest)
    for j in range(p):
        difference[j] = (row[j] - mean[j]) / rest
        mean[j] -= share * difference[j]
    for j in range(p):
        for k in range(p):
            covariance[j, k] = covariance[j, k] / rest - share * difference[j] * difference[k]
    if deep:
        times(inverse, difference, lifted)
        times(covariance, lifted, along)
        length = 0.0
        for j in range(p):
            length += difference[j] * lifted[j]
        size[1] = size[1] / rest - share * length
        for j in range(p):
            third[j] = third[j] / rest - share * (((rest - share) * length - size[1]) * difference[j] - 2.0 * along[j])


@compiled
def empties(size, mean, covariance, third):  # type: ignore[no-untyped-def]
    """A group without rows."""
    size[0], size[1] = -np.inf, 0.0
    mean[:] = 0.0
    covariance[:] = 0.0
    third[:] = 0.0


@compiled
def moments_pass(x, eta, weights, log_weights, blocks, n_event, opens, leaving, gone, efron, deep, inverse, score, information, slope):  # type: ignore[no-untyped-def]
    """The log-likelihood, without penalty, for linear predictors eta (n,); score (p,) and information (p, p) are written in place.

    With `deep`, `slope` (p,) becomes the derivative of the information contracted with `inverse` (p, p), its V.
    """
    n, p = x.shape
    size, mean, covariance, third = np.empty(2), np.empty(p), np.empty((p, p)), np.empty(p)
    own_size, own_mean, own_covariance, own_third = np.empty(2), np.empty(p), np.empty((p, p)), np.empty(p)
    difference, lifted, along, own_along = np.empty(p), np.zeros(p), np.zeros(p), np.zeros(p)
    inside, peak = np.zeros(n if len(leaving) else 0, dtype=np.bool_), np.full(p + 1, -np.inf)
    empties(size, mean, covariance, third)
    value, out, start = 0.0, 0, 0
    score[:] = 0.0
    information[:] = 0.0
    slope[:] = 0.0
    for g in range(len(blocks) - 1):
        first, last, d = blocks[g], blocks[g + 1], n_event[g]
        if opens[g]:
            empties(size, mean, covariance, third)
            start, out = first, first
            peak[:] = -np.inf
        tied = efron and d > 1
        for i in range(first + d if tied else first, last):
            joins(eta[i] + log_weights[i], x[i], size, mean, covariance, third, deep, inverse, difference, lifted, along)
        if len(leaving):
            inside[first:last] = True
        if d == 0:
            continue
        if len(leaving) and gone[g] > out:
            worn = False
            for j in range(p + 1):
                peak[j] = max(peak[j], size[0] + (np.log(covariance[j, j]) if j < p else 0.0))
            for k in range(out, gone[g]):
                i = leaving[k]
                inside[i] = False
                leaves(eta[i] + log_weights[i], x[i], size, mean, covariance, third, deep, inverse, difference, lifted, along)
            out = gone[g]
            for j in range(p + 1):
                worn = worn or not size[0] + (np.log(covariance[j, j]) if j < p else 0.0) >= peak[j] + WORN  # also if NaN
            if worn:  # before more digits are lost, those at risk join anew
                empties(size, mean, covariance, third)
                for i in range(start, last):
                    if inside[i] and not (tied and first <= i < first + d):
                        joins(eta[i] + log_weights[i], x[i], size, mean, covariance, third, deep, inverse, difference, lifted, along)
                peak[:] = -np.inf
        w = 0.0
        for i in range(first, first + d):
            w += weights[i]
            value += weights[i] * eta[i]
            for j in range(p):
                score[j] += weights[i] * x[i, j]
        if not tied:
            value -= w * size[0]
            for j in range(p):
                score[j] -= w * mean[j]
                slope[j] += w * third[j]
                for k in range(p):
                    information[j, k] += w * covariance[j, k]
            continue
        empties(own_size, own_mean, own_covariance, own_third)
        for i in range(first, first + d):
            joins(eta[i] + log_weights[i], x[i], own_size, own_mean, own_covariance, own_third, deep, inverse, difference, lifted, along)
        c, r1, r2, r3 = w / d, 0.0, 0.0, 0.0  # sums over the terms of c r, c r (1 - r), c r (1 - r) (1 - 2 r)
        for l in range(d):  # noqa: E741
            part = own_size[0] + np.log(1.0 - l / d)
            r = 1.0 / (1.0 + np.exp(size[0] - part))
            value -= c * (max(size[0], part) + np.log1p(np.exp(-abs(size[0] - part))))
            r1 += c * r
            r2 += c * r * (1.0 - r)
            r3 += c * r * (1.0 - r) * (1.0 - 2.0 * r)
        length = 0.0
        for j in range(p):
            difference[j] = own_mean[j] - mean[j]
            score[j] -= w * mean[j] + r1 * difference[j]
        if deep:
            times(inverse, difference, lifted)
            times(covariance, lifted, along)
            times(own_covariance, lifted, own_along)
            for j in range(p):
                length += difference[j] * lifted[j]
        for j in range(p):
            slope[j] += ((w - r1) * third[j] + r1 * own_third[j] + r3 * length * difference[j]
                         + r2 * (2.0 * (own_along[j] - along[j]) + (own_size[1] - size[1]) * difference[j]))  # fmt: skip
            for k in range(p):
                information[j, k] += (w - r1) * covariance[j, k] + r1 * own_covariance[j, k] + r2 * difference[j] * difference[k]
        for i in range(first, first + d):
            joins(eta[i] + log_weights[i], x[i], size, mean, covariance, third, deep, inverse, difference, lifted, along)
    return value
