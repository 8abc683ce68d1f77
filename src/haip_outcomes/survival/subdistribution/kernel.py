"""Fine and Gray's partial likelihood as two passes over sorted rows, compiled: one rising in time, one falling.

Notation. Row i has covariates x_i, case weight w_i, r_i = w_i exp(x_i b) and is at risk at t when entry_i < t <= T_i. A row that
ended in a competing event stays in the risk set after T_i, with the part P(t)/P(T_i) of its weight, where P (`later`) is the
probability of not having been censored just before t, of the row's censoring group. At an event time t with d events of
weight W, D the set of them:

    S0(t) = sum of r_i over those at risk + sum over competing rows with T_i < t of r_i P(t)/P(T_i);  S1, S2 with r_i x_i, r_i x_i x_i'
    E0(t), E1(t), E2(t) = the same over D
    log L = sum over events of w x b - sum over l = 0 ... d-1 of c log(denominator_l),   c = W/d, denominator_l = S0 - f_l E0

with f_l = l/d (Efron) or 0 (Breslow, as crr). The competing part of S0 and S1 grows with time: the rising pass keeps it for every
event time. The falling pass adds the rows at risk, and of the competing rows' second moments takes r_i/P(T_i) (sum of P(t) a0(t) over
event times t > T_i) x_i x_i'. Nothing is subtracted but rows with delayed entry (where little is left, sums are made anew). Of each event time are kept

    a0 = sum c/denominator_l, a1 = sum f_l c/denominator_l, and b0, b1, b2 = sum (1, f_l, f_l^2) c/denominator_l^2

Rows come as in `blocks.py`: by stratum, in it by falling time, at one time the events first; rows of one stratum and time are a
block. The E event times are numbered as the blocks come. `begin` (G+1,), `n_event`, `opens` (G,), `leaving` and `gone` are as in
`cox_kernel.one_pass`; competing (n,) is True for rows that stay, group (n,) theirs of censoring, later (groups, G) is P at each block.
"""

from __future__ import annotations

import numpy as np

from haip_outcomes.survival.compiled import compiled


@compiled
def add(factor, x, i, s1, s2):  # type: ignore[no-untyped-def]
    """Row i's first and second moments, times a factor, into the sums."""
    for j in range(len(s1)):
        lifted = factor * x[i, j]
        s1[j] += lifted
        for k in range(len(s1)):
            s2[j, k] += lifted * x[i, k]


@compiled
def two_parts(total, low, value):  # type: ignore[no-untyped-def]
    """A running sum as total + low, where low is what rounding took from the total (Neumaier)."""
    new = total + value
    if abs(total) >= abs(value):
        low += (total - new) + value
    else:
        low += (value - new) + total
    return new, low


@compiled
def shrunk(s0, s2, peak):  # type: ignore[no-untyped-def]
    """Have the rows that left taken more than 99% of a sum with them? Two digits of what is left are then gone. peak (1 + p,)."""
    worn = s0 < 0.01 * peak[0]
    for j in range(len(s2)):
        worn = worn or s2[j, j] < 0.01 * peak[1 + j]
    return worn


@compiled
def one_pass(x, weights, begin, n_event, opens, leaving, gone, competing, group, later, efron, b, shift, risk, weight, total, sums, e1s, score, information):  # type: ignore[no-untyped-def]
    """The log-likelihood at b, and what the exponents were shifted by, which is the `shift` given if it serves.

    All else is written into the last arrays: risk (n,) r_i exp(-shift); weight (E,) W; total (E, 1+p) S0 and S1; for Efron, sums (E, 5)
    a0 a1 b0 b1 b2 and e1s (E, p) E1, which for Breslow have no rows; score (p,); information (p, p).
    """
    p = x.shape[1]
    blocks, groups = len(n_event), len(later)
    staying = np.zeros((groups, p + 1))
    while True:  # rising; twice only if exponents are out of range
        e = len(total)
        value = 0.0
        score[:] = 0.0
        largest, smallest = -np.inf, np.inf
        for g in range(blocks - 1, -1, -1):
            if g == blocks - 1 or opens[g + 1]:
                staying[:] = 0.0
            if n_event[g]:
                e -= 1
                total[e] = 0.0
                for c in range(groups):
                    for j in range(p + 1):
                        total[e, j] += later[c, g] * staying[c, j]
            for i in range(begin[g], begin[g + 1]):
                eta = 0.0
                for j in range(p):
                    eta += x[i, j] * b[j]
                largest, smallest = max(largest, eta), min(smallest, eta)
                risk[i] = weights[i] * np.exp(eta - shift)
                if i < begin[g] + n_event[g]:
                    value += weights[i] * (eta - shift)
                    for j in range(p):
                        score[j] += weights[i] * x[i, j]
                elif competing[i]:
                    lifted = risk[i] / later[group[i], g]
                    staying[group[i], 0] += lifted
                    for j in range(p):
                        staying[group[i], 1 + j] += lifted * x[i, j]
        if largest - shift < 300.0 and smallest - shift > -300.0:
            break
        middle = max(largest - 600.0, 0.5 * (largest + smallest))  # nothing overflows; it cancels in every ratio
        if middle == shift or not np.isfinite(middle):
            break
        shift = middle

    information[:] = 0.0
    s0, e0 = 0.0, 0.0
    s1, e1, s2, e2, all1, unused = np.zeros(p), np.zeros(p), np.zeros((p, p)), np.zeros((p, p)), np.zeros(p), np.zeros(p)
    ahead = np.zeros(groups)  # sum of P(t) a0(t) over the event times passed
    inside, peak = np.zeros(len(x) if len(leaving) else 0, dtype=np.bool_), np.zeros(1 + p)
    out, start = 0, 0
    e = 0
    for g in range(blocks):  # falling
        if opens[g]:
            s0 = 0.0
            s1[:] = 0.0
            s2[:] = 0.0
            ahead[:] = 0.0
            peak[:] = 0.0
            out, start = begin[g], begin[g]
        d, w = n_event[g], 0.0
        tied = efron and d > 1
        for i in range(begin[g], begin[g + 1]):
            s0 += risk[i]
            add(risk[i], x, i, s1, s2)
            if i < begin[g] + d:
                w += weights[i]
                if tied:
                    e0 += risk[i]
                    add(risk[i], x, i, e1, e2)
            elif competing[i]:
                add(risk[i] / later[group[i], g] * ahead[group[i]], x, i, unused, information)
        if len(leaving):
            inside[begin[g] : begin[g + 1]] = True
        if d == 0:
            continue
        if len(leaving):
            peak[0] = max(peak[0], s0)
            for j in range(p):
                peak[1 + j] = max(peak[1 + j], s2[j, j])
            for at in range(out, gone[g]):
                i = leaving[at]
                inside[i] = False
                s0 -= risk[i]
                add(-risk[i], x, i, s1, s2)
            out = max(out, gone[g])
            if shrunk(s0, s2, peak):  # before more digits are lost, those at risk are added up anew
                s0 = 0.0
                s1[:] = 0.0
                s2[:] = 0.0
                for i in range(start, begin[g + 1]):
                    if inside[i]:
                        s0 += risk[i]
                        add(risk[i], x, i, s1, s2)
                peak[:] = 0.0
        total[e, 0] += s0
        for j in range(p):
            total[e, 1 + j] += s1[j]
            all1[j] = total[e, 1 + j]
        all0 = total[e, 0]
        weight[e] = w
        a0, a1, b0, b1, b2 = 0.0, 0.0, 0.0, 0.0, 0.0
        if not tied:
            a0, b0 = w / all0, w / all0 / all0
            value -= w * np.log(all0)
        else:
            for l in range(d):  # noqa: E741
                f = l / d
                denominator = all0 - f * e0
                value -= w / d * np.log(denominator)
                a, q = w / d / denominator, w / d / denominator / denominator
                a0 += a
                a1 += f * a
                b0 += q
                b1 += f * q
                b2 += f * f * q
        for j in range(p):
            score[j] -= a0 * all1[j]
            for k in range(p):
                information[j, k] += a0 * s2[j, k] - b0 * all1[j] * all1[k]
        for c in range(groups):
            ahead[c] += later[c, g] * a0
        if efron:
            sums[e, 0], sums[e, 1], sums[e, 2], sums[e, 3], sums[e, 4] = a0, a1, b0, b1, b2
            for j in range(p):
                e1s[e, j] = e1[j]
        if tied:
            for j in range(p):
                score[j] += a1 * e1[j]
                for k in range(p):
                    information[j, k] += (
                        b1 * (all1[j] * e1[k] + e1[j] * all1[k]) - a1 * e2[j, k] - b2 * e1[j] * e1[k]
                    )
            e0 = 0.0
            e1[:] = 0.0
            e2[:] = 0.0
        e += 1
    return value, shift


@compiled
def row_scores(x, weights, begin, n_event, opens, leaving, gone, competing, group, later, risk, hazard, drift, own_hazard, own_drift, mean, censored, share):  # type: ignore[no-untyped-def]
    """What each row adds to the score, (n, p), without its case weight: eta_i, or eta_i + psi_i where `share` has columns.

    eta_i is x_i - mean for a row with an event, less exp(x_i b) times the sum of (x_i a0 - drift) over the event times it was at risk
    at (as much as it was); hazard (E,) is a0, drift (E, p) the sum of c mean_l/denominator_l, mean (E, p) the mean of the mean_l;
    own_hazard and own_drift, without rows for Breslow, are what a row does not go through at its own event.

    psi_i is what the row contributes by the estimate of P, as crr has it; one stratum, no delayed entry. In each censoring group C0 and
    C1 are the sums of r_i/P(T_i) and r_i x_i/P(T_i) over its competing rows with T_i < u, A and B the sums of P a0 and P drift over
    event times >= u, each with the `share` (groups, E) of the events there that are the group's own, and Y(u) its number with T_i >= u:

        q(u) = C1 A - C0 B,    psi_i = q(T_i)/Y(T_i) if censored, less the sum of q/Y^2 over the group's censorings up to T_i
    """
    n, p = x.shape
    blocks, groups, events = len(n_event), len(later), len(hazard)
    with_psi = share.shape[1] > 0
    out = np.zeros((n, p))
    ahead = np.zeros((groups, p + 1))
    known = np.zeros((groups, events if with_psi else 0, p + 1))  # A and B
    e = 0
    for g in range(blocks):  # falling: what competing rows still go through
        if opens[g]:
            ahead[:] = 0.0
        for i in range(begin[g] + n_event[g], begin[g + 1]):
            if competing[i]:
                c, part = group[i], 1.0 / later[group[i], g]
                for j in range(p):
                    out[i, j] = part * (ahead[c, 1 + j] - x[i, j] * ahead[c, 0])
        if n_event[g]:
            for c in range(groups):
                part = later[c, g]
                ahead[c, 0] += part * hazard[e]
                for j in range(p):
                    ahead[c, 1 + j] += part * drift[e, j]
                if with_psi:
                    part *= share[c, e]
                    known[c, e, 0] = part * hazard[e] + (known[c, e - 1, 0] if e else 0.0)
                    for j in range(p):
                        known[c, e, 1 + j] = part * drift[e, j] + (known[c, e - 1, 1 + j] if e else 0.0)
            e += 1
    passed0, passed1 = 0.0, np.zeros(p)
    at_risk, c0, c1, taken = np.zeros(groups), np.zeros(groups), np.zeros((groups, p)), np.zeros((groups, p))
    if with_psi:
        for i in range(n):
            at_risk[group[i]] += 1
    end = len(leaving)
    low = np.zeros(p + 1)  # what rounding took from passed0 and passed1: with delayed entry they are subtracted from one another
    before = np.zeros((n if end else 0, 2, p + 1))  # and what they were at a row's entry
    for g in range(blocks - 1, -1, -1):  # rising: what rows went through until their time, less what came before their entry
        if g == blocks - 1 or opens[g + 1]:
            passed0 = 0.0
            passed1[:] = 0.0
            low[:] = 0.0
        if len(leaving):
            for at in range(gone[g], end):  # who has entered since the block before
                i = leaving[at]
                before[i, 0, 0] = passed0
                before[i, 0, 1:] = passed1
                before[i, 1] = low
            end = min(end, gone[g])
        d = n_event[g]
        if d:
            e -= 1
            passed0, low[0] = two_parts(passed0, low[0], hazard[e])
            for j in range(p):
                passed1[j], low[1 + j] = two_parts(passed1[j], low[1 + j], drift[e, j])
        coming = e if d else e - 1  # the last, as the blocks come, of the event times >= this
        for i in range(begin[g], begin[g + 1]):
            one, c = risk[i] / weights[i], group[i]
            if len(before):
                gone0 = (passed0 - before[i, 0, 0]) + (low[0] - before[i, 1, 0])
                for j in range(p):
                    gone1 = (passed1[j] - before[i, 0, 1 + j]) + (low[1 + j] - before[i, 1, 1 + j])
                    out[i, j] = one * (out[i, j] + gone1 - x[i, j] * gone0)
            else:
                for j in range(p):
                    out[i, j] = one * (out[i, j] + passed1[j] - x[i, j] * passed0)
            if i < begin[g] + d:
                for j in range(p):
                    out[i, j] += x[i, j] - mean[e, j]
                    if len(own_hazard):
                        out[i, j] -= one * (own_drift[e, j] - x[i, j] * own_hazard[e])
            elif with_psi and censored[i] and coming >= 0:
                for j in range(p):
                    q = (c1[c, j] * known[c, coming, 0] - c0[c] * known[c, coming, 1 + j]) / at_risk[c]
                    out[i, j] += q
                    taken[c, j] += q / at_risk[c]
        if with_psi:
            for i in range(begin[g], begin[g + 1]):
                c = group[i]
                for j in range(p):
                    out[i, j] -= taken[c, j]
                at_risk[c] -= 1
                if competing[i]:
                    lifted = risk[i] / later[c, g]
                    c0[c] += lifted
                    for j in range(p):
                        c1[c, j] += lifted * x[i, j]
    return out


@compiled
def passed(values, own, begin, n_event, opens, leaving, gone, competing, group, later):  # type: ignore[no-untyped-def]
    """Values (E,) of the event times added up over those that each row was at risk at, as much as it was, (n,).

    A row with an event has `own` (E,) of its time taken off (not, where that has no rows).
    """
    blocks, groups = len(n_event), len(later)
    out = np.zeros(begin[-1])
    ahead = np.zeros(groups)
    e = 0
    for g in range(blocks):  # falling: what competing rows still go through
        if opens[g]:
            ahead[:] = 0.0
        for i in range(begin[g] + n_event[g], begin[g + 1]):
            if competing[i]:
                out[i] = ahead[group[i]] / later[group[i], g]
        if n_event[g]:
            for c in range(groups):
                ahead[c] += later[c, g] * values[e]
            e += 1
    so_far, low, end = 0.0, 0.0, len(leaving)
    before = np.zeros((len(out) if end else 0, 2))
    for g in range(blocks - 1, -1, -1):  # rising
        if g == blocks - 1 or opens[g + 1]:
            so_far, low = 0.0, 0.0
        if len(leaving):
            for at in range(gone[g], end):
                before[leaving[at], 0], before[leaving[at], 1] = so_far, low
            end = min(end, gone[g])
        if n_event[g]:
            e -= 1
            so_far, low = two_parts(so_far, low, values[e])
        for i in range(begin[g], begin[g + 1]):
            out[i] += (so_far - before[i, 0]) + (low - before[i, 1]) if len(before) else so_far
        if len(own):
            for i in range(begin[g], begin[g] + n_event[g]):
                out[i] -= own[e]
    return out


@compiled
def always_ahead(lead, begin, n_event, opens, leaving, gone, competing, group, later, tolerance):  # type: ignore[no-untyped-def]
    """Do those with the event have the largest values `lead` (n,) in the risk set, at every event time?"""
    blocks, groups = len(n_event), len(later)
    behind = np.full(blocks, -np.inf)  # the largest among competing rows of earlier times that still weigh something
    staying = np.full(groups, -np.inf)
    for g in range(blocks - 1, -1, -1):
        if g == blocks - 1 or opens[g + 1]:
            staying[:] = -np.inf
        for c in range(groups):
            if later[c, g] > 0:
                behind[g] = max(behind[g], staying[c])
        for i in range(begin[g], begin[g + 1]):
            if competing[i]:
                staying[group[i]] = max(staying[group[i]], lead[i])
    inside = np.ones(len(lead), dtype=np.bool_)
    first, largest, out = 0, -np.inf, 0
    for g in range(blocks):
        if opens[g]:
            first, largest, out = begin[g], -np.inf, begin[g]
        for i in range(begin[g], begin[g + 1]):
            largest = max(largest, lead[i])
        if n_event[g] and len(leaving):  # some have not entered yet: the largest of those who have
            for at in range(out, gone[g]):
                inside[leaving[at]] = False
            out = max(out, gone[g])
            largest = -np.inf
            for i in range(first, begin[g + 1]):
                if inside[i]:
                    largest = max(largest, lead[i])
        for i in range(begin[g], begin[g] + n_event[g]):
            if lead[i] < max(largest, behind[g]) - tolerance:
                return False
    return True
