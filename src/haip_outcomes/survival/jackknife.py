"""How far each patient moves a curve: the infinitesimal jackknife, the variance for weights and delayed entry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from haip_outcomes.survival.counts import RiskSets

DENSE = 20_000_000  # rows times exit times up to which influences are written out, a block of times after the other
BLOCK = 1_000_000


def product_limit(n_risk: np.ndarray, n_event: np.ndarray) -> np.ndarray:
    """prod (1 - d/n) over the sorted times."""
    return np.cumprod((n_risk - n_event) / n_risk)


def infinitesimal_jackknife(one: RiskSets) -> np.ndarray:
    """Standard errors, (T, K), of the K cumulative incidences (of 1 - S when K = 1): survfit's for multi-state data.

    They are sqrt(sum_i (w_i dF_k(t)/dw_i)^2) over patients i. With h_k = d_k/n, h = sum_k h_k and S- the survival just before,

        w_i dF_k(t)/dw_i = a_i(t) - F_k(t) b_i(t)
        a_i(t) = w_i sum_{s <= t} S-(s)/n(s) dM_ik(s) + F_k(s) u(s) dM_i(s),    b_i(t) = w_i sum_{s <= t} u(s) dM_i(s)
        dM_ik = dN_ik - Y_i h_k,    dM_i = sum_k dM_ik,    u = 1/(n - d), and 0 where everybody at risk has an event.

    Between its start and its exit a row's a_i and b_i are a constant less one curve for all, after it they stand still. So for
    many rows every sum of squares is a running sum over starts and exits; for fewer the values are written out and squared,
    which is exact where the running sums would take differences of equal numbers.
    """
    rows, time = one.rows, one.time
    w = np.ones(len(rows)) if one.weights is None else one.weights
    n, d = one.n_risk.astype(float), one.n_event.sum(axis=1).astype(float)
    hazard = one.n_event / n[:, None]
    survival = product_limit(n, d)
    before = np.concatenate([[1.0], survival[:-1]])
    incidence = np.cumsum(before[:, None] * hazard, axis=0)
    u = np.divide(1.0, n - d, out=np.zeros_like(n), where=n > d)
    event = (rows.state > 0) & (w > 0)
    place = np.searchsorted(time, rows.time[event])
    phases = _phases(one)

    b = _influence(phases, w, u * hazard.sum(axis=1), event, u[place])
    if incidence.shape[1] == 1:  # then S-/n = S u and a = b
        return (survival * _root_sum_of_squares(phases, w, b, None, np.zeros_like(n)))[:, None]
    errors = np.empty_like(incidence)
    for k in range(incidence.shape[1]):
        f = incidence[:, k]
        jump = (rows.state[event] == k + 1) * (before / n)[place] + (f * u)[place]
        a = _influence(phases, w, before / n * hazard[:, k] + f * u * hazard.sum(axis=1), event, jump)
        errors[:, k] = _root_sum_of_squares(phases, w, a, b, f)
    return errors


@dataclass(frozen=True, eq=False)
class _Phases:
    """Of each row, how many exit times had passed when it started, ended, and when the same patient's next row started."""

    begin: np.ndarray
    end: np.ndarray
    until: np.ndarray
    order: np.ndarray  # rows by patient and time
    first: np.ndarray  # in that order, True at each patient's first row


@dataclass(frozen=True, eq=False)
class _Influence:
    """A row's value: base - w drift(t) while at risk, `after` from its exit to the next row of the same patient."""

    base: np.ndarray
    after: np.ndarray
    drift: np.ndarray  # (T,)


def _phases(one: RiskSets) -> _Phases:
    rows = one.rows
    begin = np.searchsorted(one.time, rows.start, side="right")
    order = np.arange(len(rows)) if rows.id is None else np.lexsort((rows.time, rows.id))
    first = np.ones(len(rows), dtype=bool)
    if rows.id is not None:
        first[1:] = rows.id[order][1:] != rows.id[order][:-1]
    until = np.full(len(rows), len(one.time) + 1)
    until[order[:-1][~first[1:]]] = begin[order[1:][~first[1:]]]
    return _Phases(begin, np.searchsorted(one.time, rows.time, side="right"), until, order, first)


def _influence(
    phases: _Phases, w: np.ndarray, drift: np.ndarray, event: np.ndarray, jump: np.ndarray
) -> _Influence:
    total = np.concatenate([[0.0], np.cumsum(drift)])
    gained = -w * (total[phases.end] - total[phases.begin])
    gained[event] += w[event] * jump
    patient = np.cumsum(phases.first) - 1
    sums = np.cumsum(gained[phases.order])
    offset = (sums - gained[phases.order])[phases.first][patient]
    after = np.empty_like(gained)
    after[phases.order] = gained[phases.order] if phases.first.all() else sums - offset
    return _Influence(after - gained + w * total[phases.begin], after, total[1:])


def _root_sum_of_squares(
    phases: _Phases, w: np.ndarray, a: _Influence, b: _Influence | None, f: np.ndarray
) -> np.ndarray:
    """sqrt(sum over patients of (a - f b)^2) at each exit time; sqrt(sum a^2) without b."""
    passed = np.arange(1, len(f) + 1)
    if len(w) * len(f) > DENSE:
        total = _running(phases, w, a, a, passed)
        if b is not None:
            total = total - 2 * f * _running(phases, w, a, b, passed) + f * f * _running(phases, w, b, b, passed)
        return np.sqrt(np.maximum(total, 0.0))
    squares = []
    size = max(1, BLOCK // len(w))
    for start in range(0, len(f), size):
        now = passed[start : start + size, None]
        inside = (phases.begin <= now) & (now < phases.end)
        outside = (phases.end <= now) & (now < phases.until)
        value = np.where(inside, a.base - w * a.drift[now - 1], np.where(outside, a.after, 0.0))
        if b is not None:
            value -= f[now - 1] * np.where(inside, b.base - w * b.drift[now - 1], np.where(outside, b.after, 0.0))
        squares.append(np.einsum("ti,ti->t", value, value))
    return np.sqrt(np.concatenate(squares))


def _running(
    phases: _Phases, w: np.ndarray, one: _Influence, two: _Influence, passed: np.ndarray
) -> np.ndarray:
    """The sum over patients of the products of two influences, at each exit time."""

    def between(values: np.ndarray, since: np.ndarray, to: np.ndarray) -> np.ndarray:
        length = len(passed) + 2
        return np.cumsum(np.bincount(since, values, length) - np.bincount(to, values, length))[passed]

    begin, end, x, y = phases.begin, phases.end, one.drift, two.drift
    inside = (between(one.base * two.base, begin, end) - y * between(one.base * w, begin, end)
              - x * between(two.base * w, begin, end) + x * y * between(w * w, begin, end))  # fmt: skip
    return inside + between(one.after * two.after, end, phases.until)
