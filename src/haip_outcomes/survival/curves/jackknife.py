"""How far each patient moves a curve: the infinitesimal jackknife, the variance for weights and delayed entry.

One pass over sorted times, however many rows there are: no matrix of patients by times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from haip_outcomes.survival.counts import RiskSets


def product_limit(n_risk: np.ndarray, n_event: np.ndarray, before: float = 1.0) -> np.ndarray:
    """prod (1 - d/n) over the sorted times, going on from what it was before them."""
    stays = n_risk - n_event
    stays /= n_risk
    stays[:1] *= before
    return np.cumprod(stays, out=stays)


def jackknife_of_survival(one: RiskSets, survival: np.ndarray) -> np.ndarray:
    """Standard errors (E,) of S at the times with events: S times those of log S (`infinitesimal_jackknife` has the formulas)."""
    n, (d,) = one.at_events()
    if not len(n):
        return survival
    return survival * _root(_Moves(_units(one), n, d).squares)


def infinitesimal_jackknife(one: RiskSets, survival: np.ndarray, incidence: np.ndarray) -> np.ndarray:
    """Standard errors (E, K) of the K cumulative incidences F_k at the times with events: survfit's for multi-state data.

    They are sqrt(sum_i x_i^2) over patients i, x_i = w_i dF_k/dw_i being how far i moves F_k. With d events among n at risk (sums of
    weights), d_k of cause k, u = 1/(n - d) (0 where everybody at risk has an event) and S- the survival just before, each such time

        takes  b_i dF_k from every x_i,    b_i = -w_i d(log S)/dw_i,
        takes  w_i S- d_k / n^2 from x_i and w_i u d/n from b_i for every i at risk,
        adds   w_i S-/n to x_i if i has an event of cause k, and w_i u to b_i if it has an event of any cause.

    So all at risk move along one curve for all (of each weight and start), and the others only by their b_i: the sums over those who
    have left, of b^2, x b and x^2, follow the first line, and no sum takes differences of large numbers.
    """
    n, own = one.at_events()
    if not len(n):
        return incidence
    d = own.sum(axis=0)
    moves = _Moves(_units(one), n, d)
    of_survival = survival * _root(moves.squares)
    before = _lagged(survival, 1.0)
    errors = np.empty_like(incidence)
    for k in range(len(own)):
        others = np.cumsum((d - own[k]) * before) > 0  # until then F_k = 1 - S, which S = 0 makes certain
        if others.any():
            squares = moves.of_incidence(incidence[:, k], own[k], before / n, n, k + 1)
            errors[:, k] = np.where(others, _root(squares), of_survival)
        else:
            errors[:, k] = of_survival
    return errors


def jackknife_of_area(one: RiskSets, beyond: np.ndarray) -> float:
    """The standard error of an area under S, `beyond` being the area that is left after each time with events, over patients.

    A patient moves the area by minus the integral of S b_i: by - w_i [u A at the event, less sum of u d/n A while at risk].
    """
    n, (d,) = one.at_events()
    if not len(n):
        return 0.0
    units = _units(one)
    u = np.divide(1.0, n - d, out=np.zeros_like(n), where=n > d)
    gained = _gained(units, u * beyond, np.cumsum(u * d / n * beyond), units.state > 0)
    if units.patient is not None:
        gained = np.bincount(units.patient, gained)
        return float(np.sqrt(gained @ gained))
    return float(np.sqrt(units.many @ gained**2))


@dataclass(frozen=True, eq=False)
class _Units:
    """Rows, or `many` rows alike, at risk at the times with events from number `begin` to `end`; `state` is what happened then or before
    the next one. `until` is where the same patient is at risk again, in another row.
    """

    begin: np.ndarray
    end: np.ndarray
    until: np.ndarray
    state: np.ndarray
    weight: np.ndarray
    many: np.ndarray
    patient: np.ndarray | None  # sorted, rows of one patient in the order of time; None when every row is a patient
    length: int  # E

    def left(self, values: np.ndarray) -> np.ndarray:
        """Sums over those that end at each time."""
        return np.bincount(self.end, values, self.length)

    def returned(self, values: np.ndarray) -> np.ndarray:
        """Sums over those that are at risk again at each time."""
        return np.bincount(self.until, values, self.length + 1)[:-1]

    def remaining(self, values: np.ndarray) -> np.ndarray:
        """Sums over those at risk that have not ended yet, just after each time."""
        change = np.bincount(self.begin, values, self.length + 1)[:-1] - self.left(values)
        return np.cumsum(change)

    def earlier(self, values: np.ndarray) -> np.ndarray:
        """Sums over the earlier rows of the same patient."""
        if self.patient is None:
            return np.zeros_like(values)
        before = np.cumsum(values) - values
        first = np.append(True, self.patient[1:] != self.patient[:-1])
        return before - before[first][np.cumsum(first) - 1]


def _units(one: RiskSets) -> _Units:
    rows, time, length = one.rows, one.rows.ranked.distinct, int(one.eventful.sum())
    eventful = one.eventful
    if one.exits is not None:
        eventful = np.zeros(len(time), dtype=bool)
        eventful[one.exits] = one.eventful
    passed = np.cumsum(eventful)
    if rows.entry is None and rows.id is None:  # all begin alike: those that end alike are one unit
        squares = None if one.weights is None else one.weights**2
        cells = one.gone if squares is None else rows.ranked.tally(rows.state, len(rows.states) + 1, squares)
        there = np.flatnonzero(cells)
        end = passed[there % len(time)] - 1
        there, end = there[end >= 0], end[end >= 0]
        zeros, never, ones = np.zeros(len(end), dtype=np.int64), np.full(len(end), length), np.ones(len(end))
        return _Units(zeros, end, never, there // len(time), ones, cells.ravel()[there].astype(float), None, length)
    w = np.ones(len(rows)) if one.weights is None else one.weights
    begin, end = np.append(0, passed)[rows.begins], passed[rows.ranked.number] - 1
    seen = np.flatnonzero((begin <= end) & (w > 0))  # at risk at some event
    until, patient = np.full(len(seen), length), None
    if rows.id is not None and rows.n < len(rows):
        seen = seen[np.lexsort((rows.time[seen], rows.id[seen]))]
        same = rows.id[seen][1:] == rows.id[seen][:-1]
        until[:-1][same] = begin[seen][1:][same]
        patient = np.cumsum(np.append(False, ~same))
    return _Units(begin[seen], end[seen], until, rows.state[seen], w[seen], np.ones(len(seen)), patient, length)


def _gained(units: _Units, jump: np.ndarray, drift: np.ndarray, happened: np.ndarray) -> np.ndarray:
    """w (jump at the event, less the drift while at risk): what a unit gains in all; `drift` is a running sum."""
    since = np.append(0.0, drift)
    moved = np.where(happened, jump[units.end], 0.0) - (since[units.end + 1] - since[units.begin])
    return units.weight * moved


class _Moves:
    """b_i of every unit, the sum of squares over patients at each time with events, and what is needed to do the same for an incidence."""

    def __init__(self, units: _Units, n: np.ndarray, d: np.ndarray) -> None:
        u = np.divide(1.0, n - d, out=np.zeros_like(n), where=n > d)
        fall = np.cumsum(u * d / n)  # what somebody at risk since the beginning has lost of b
        self.units, self.fall = units, fall
        gained = _gained(units, u, fall, units.state > 0)
        self.gained, self.carried = gained, units.earlier(gained)
        self.b = self.carried + gained
        self.late = bool(units.begin.any()) or units.patient is not None
        m, w = units.many, units.weight
        self.at_start = np.append(0.0, fall)[units.begin]
        self.beta = self.carried + w * self.at_start  # at risk, b = beta - w fall
        self.weights = units.remaining(m * w * w)
        now = fall**2 * self.weights
        if self.late:
            now += units.remaining(self.beta**2) - 2 * fall * units.remaining(self.beta * w)
        came, back = units.left(m * self.b**2), units.returned(m * self.b**2)
        self.left = np.cumsum(came) - np.cumsum(back)
        self.staying = self.left - came  # those who had left before and stay away: whom the next step finds
        self.squares = now + self.left

    def of_incidence(
        self, f: np.ndarray, own: np.ndarray, pace: np.ndarray, n: np.ndarray, code: int
    ) -> np.ndarray:
        """The sum of x_i^2 over patients at each time with events, for F_k = `f` with d_k = `own`; `pace` is S-/n."""
        units, m, w, b = self.units, self.units.many, self.units.weight, self.b
        step = own * pace  # dF
        # x of somebody at risk since the beginning is w g: less S- d_k / n^2, and b = -w fall times dF is taken
        g = np.cumsum(step * _lagged(self.fall, 0.0) - step / n)
        f0, g0 = np.append(0.0, f), np.append(0.0, g)
        x = w * (g[units.end] + np.where(units.state == code, pace[units.end], 0.0))
        now = g**2 * self.weights
        if self.late:
            f_start, g_start = f0[units.begin], g0[units.begin]
            alpha = w * (self.at_start * f_start - g_start)
            x += alpha - w * self.at_start * f[units.end]
            if units.patient is not None:  # what earlier rows gained, and lost since by their b
                earlier = units.earlier(x + f[units.end] * self.gained)
                alpha += earlier
                x += earlier - f[units.end] * self.carried
            now += (units.remaining(alpha**2) + f**2 * units.remaining(self.beta**2) - 2 * f * units.remaining(alpha * self.beta)
                    + 2 * g * units.remaining(alpha * w) - 2 * f * g * units.remaining(self.beta * w))  # fmt: skip
        # those who have left: sums of x b and of x^2, of whom some come back, all lose b dF, and some come
        came, came_b = units.left(m * x * x), units.left(m * x * b)
        back = back_b = np.zeros_like(came)
        if units.patient is not None:
            x_back = x - b * (f0[units.until] - f[units.end])
            back, back_b = units.returned(x_back**2), units.returned(x_back * b)
        products = np.cumsum(came_b - back_b - step * self.staying)
        staying = products - came_b + step * self.staying
        return now + np.cumsum(came - back - 2 * step * staying + step**2 * self.staying)


def _root(squares: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(squares, 0.0))


def _lagged(values: np.ndarray, first: float) -> np.ndarray:
    """The value just before each time."""
    return np.concatenate([[first], values[:-1]])
