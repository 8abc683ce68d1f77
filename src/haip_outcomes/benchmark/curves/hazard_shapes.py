"""The shapes that a reference curve can have: its cumulative hazard, and how sure it is.

Each shape knows H(t) up to its end, the variance of a weighted sum of its values, and the time at which H reaches a value. The
expected events of patients followed over (entry_i, x_i] are E = sum_i H(x_i) - H(entry_i); Var(E) is that of the shape's own
estimation, 0 when the curve is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.curves.given_numbers import number_of, shown
from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.ranking import SAME_TIME

Spans = tuple[np.ndarray, np.ndarray]  # entries (minus infinity for those followed from time zero) and exits


class Shape(Protocol):
    """What the curves are made of. Where they end is the ReferenceCurve's to say: here all goes on by the last hazard."""

    def hazard(self, times: np.ndarray) -> np.ndarray:
        """H at times."""

    def variance(self, spans: Spans) -> float:
        """Var(E) of patients followed over spans."""

    def hazard_variance(self, times: np.ndarray) -> np.ndarray:
        """Var(H) at each of some times."""

    def reaches(self, values: np.ndarray) -> np.ndarray:
        """The first time at which H reaches each value; infinite where it never does."""


@dataclass(frozen=True, eq=False)
class Knots:
    """H through K points, linear between them (piecewise exponential) from H(0) = 0.

    With `g` (K,), the variance of H at each point (Greenwood's sum), E = sum_k c_k H_k has Var(E) = c' V c, V_kl = g_min(k,l): the
    curve gains its uncertainty as time goes on, each stretch its own. c_k = sum_i w_k(x_i) - w_k(entry_i), w_k the hat function that
    is 1 at t_k and 0 at the other knots.
    """

    times: np.ndarray  # (K,)
    values: np.ndarray  # (K,) H
    g: np.ndarray  # (K,) zeros: known

    @property
    def last(self) -> float:
        """The last knot; beyond it the last hazard goes on."""
        return float(self.times[-1])

    @property
    def slopes(self) -> np.ndarray:
        """The hazard between the knots, (K,)."""
        return np.diff(self.values, prepend=0.0) / np.diff(self.times, prepend=0.0)

    def hazard(self, times: np.ndarray) -> np.ndarray:
        """Between the knots, and beyond the last one by the last hazard."""
        inside = np.interp(times, np.append(0.0, self.times), np.append(0.0, self.values))
        return inside + self.slopes[-1] * np.maximum(times - self.last, 0.0)

    def weights(self, spans: Spans) -> np.ndarray:
        """The c of E = c' H, (K,): how many patients' worth of each knot's H the expected events hold."""
        entry, exit = _from_zero(spans)
        grid = np.append(0.0, self.times)
        hats = np.eye(len(grid))[1:]
        return np.array([np.sum(np.interp(exit, grid, hat) - np.interp(entry, grid, hat)) for hat in hats])

    def variance(self, spans: Spans) -> float:
        """c' V c, as a sum over stretches: (sum of the c from each knot on) squared times what g gains there."""
        later = np.cumsum(self.weights(spans)[::-1])[::-1]
        return float(np.sum(later**2 * np.diff(self.g, prepend=0.0)))

    def hazard_variance(self, times: np.ndarray) -> np.ndarray:
        """Var(H) at times."""
        return _one_by_one(self, times)

    def reaches(self, values: np.ndarray) -> np.ndarray:
        """The linear pieces, inverted; the first time where H stays level."""
        grid, height = np.append(0.0, self.times), np.append(0.0, self.values)
        place = np.minimum(np.searchsorted(height, values, side="left"), len(height) - 1)
        before = np.maximum(place - 1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = self.slopes[before]
            found = grid[before] + (values - height[before]) / slope
        return np.where(values <= 0, 0.0, np.where((slope == 0) & (values > self.values[-1]), np.inf, found))


@dataclass(frozen=True, eq=False)
class Bent:
    """A smooth (or straight) curve through the same points: `through(times, values)` gives H between them.

    Var(E) by the delta method: the slopes dE/dH_k by central differences, then c' V c as for `Knots`.
    """

    knots: Knots
    through: Callable[[np.ndarray, np.ndarray], np.ndarray]  # times, H at the knots -> H at the times

    @property
    def last(self) -> float:
        """The last point."""
        return self.knots.last

    def hazard(self, times: np.ndarray) -> np.ndarray:
        """Between the points as bent; beyond the last by the average hazard of the last stretch."""
        inside = self.through(np.minimum(times, self.last), self.knots.values)
        return inside + self.knots.slopes[-1] * np.maximum(times - self.last, 0.0)

    def variance(self, spans: Spans) -> float:
        """c' V c with c = dE/dH."""
        entry, exit = _from_zero(spans)
        c = np.empty(len(self.knots.values))
        for k, value in enumerate(self.knots.values):
            step = 1e-5 * max(value, 1e-3)
            moved = [self.knots.values + sign * step * (np.arange(len(c)) == k) for sign in (1, -1)]
            up, down = (float(np.sum(self.through(exit, h) - self.through(entry, h))) for h in moved)
            c[k] = (up - down) / (2 * step)
        later = np.cumsum(c[::-1])[::-1]
        return float(np.sum(later**2 * np.diff(self.knots.g, prepend=0.0)))

    def hazard_variance(self, times: np.ndarray) -> np.ndarray:
        """Var(H) at times."""
        return _one_by_one(self, times)

    def reaches(self, values: np.ndarray) -> np.ndarray:
        """By bisection."""
        return _bisected(self.hazard, values)


def straight(times: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """S in straight lines between the points, as a reader draws them with a ruler."""
    grid = np.append(0.0, times)
    return lambda at, values: -np.log(np.interp(at, grid, np.exp(-np.append(0.0, values))))


def monotone(times: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Fritsch and Carlson's monotone cubic through H: no corner at the points, and H never falls."""
    from scipy.interpolate import PchipInterpolator

    grid = np.append(0.0, times)
    return lambda at, values: PchipInterpolator(grid, np.append(0.0, values))(at)


@dataclass(frozen=True, eq=False)
class Steps:
    """The Nelson-Aalen estimate of a sample: H rises by d/Y at each event time.

    Var(E) = sum_j d_j (Y_A(t_j) / Y_j)^2 over the sample's event times, Y_A of the patients and Y_j of the sample at risk
    (entry < t <= x).
    """

    times: np.ndarray  # (J,) event times
    events: np.ndarray  # (J,)
    at_risk: np.ndarray  # (J,)

    @property
    def values(self) -> np.ndarray:
        """H at each event time."""
        return np.cumsum(self.events / self.at_risk)

    @property
    def _tolerance(self) -> float:
        """Months computed in two ways differ by rounding; such times are one, as in a TimeToEvent."""
        return SAME_TIME * max(1.0, float(self.times.mean())) if len(self.times) else 0.0

    def hazard(self, times: np.ndarray) -> np.ndarray:
        """The step's value; level beyond the last event."""
        return np.append(0.0, self.values)[np.searchsorted(self.times, times + self._tolerance, side="right")]

    def variance(self, spans: Spans) -> float:
        """The sum over the sample's event times."""
        entry, exit = (np.sort(ends) for ends in spans)
        at = self.times - self._tolerance
        there = (len(exit) - np.searchsorted(exit, at, side="left")).astype(float)
        there -= len(entry) - np.searchsorted(entry, at, side="left")  # at risk: entry < t <= exit
        return float(np.sum(self.events * (there / self.at_risk) ** 2))

    def hazard_variance(self, times: np.ndarray) -> np.ndarray:
        """Var(H), the sum of d / Y^2."""
        sums = np.append(0.0, np.cumsum(self.events / self.at_risk**2))
        return sums[np.searchsorted(self.times, times + self._tolerance, side="right")]

    def reaches(self, values: np.ndarray) -> np.ndarray:
        """The first event time at which H is as high."""
        place = np.searchsorted(self.values * (1 + 1e-12), values, side="left")
        return np.where(values <= 0, 0.0, np.append(self.times, np.inf)[place])


@dataclass(frozen=True, eq=False)
class Constant:
    """A constant hazard, as from a median alone; `relative` is the variance of its logarithm (0: known)."""

    rate: float
    relative: float

    def hazard(self, times: np.ndarray) -> np.ndarray:
        """Rate times t."""
        return self.rate * times

    def variance(self, spans: Spans) -> float:
        """E squared times the variance of ln(rate)."""
        entry, exit = _from_zero(spans)
        return float(self.rate * np.sum(exit - entry)) ** 2 * self.relative

    def hazard_variance(self, times: np.ndarray) -> np.ndarray:
        """Var(H) at times."""
        return (self.rate * times) ** 2 * self.relative

    def reaches(self, values: np.ndarray) -> np.ndarray:
        """H / rate."""
        return values / self.rate


@dataclass(frozen=True, eq=False)
class Formula:
    """Any function of time that is known without error: a population's life table, a curve from a protocol."""

    survival: Callable[[np.ndarray], np.ndarray]
    last: float = math.inf

    def hazard(self, times: np.ndarray) -> np.ndarray:
        """-ln S, the function asked once for all times, or time by time where it takes only one."""
        found = self._all_at_once(times)
        if found is None:
            found = np.array([self._one(float(time)) for time in times])
        wrong = ~((found >= 0) & (found <= 1 + 1e-12))
        if wrong.any():
            raise EndpointError(f"The reference survival is {found[wrong][0]:g} at {times[wrong][0]:g}; it must be a probability, "
                                "between 0 and 1 (not a percentage).")  # fmt: skip
        with np.errstate(divide="ignore"):
            return np.maximum(-np.log(found), 0.0)

    def begins_at_one(self) -> None:
        """Refuse a function that gives no probability at time 0, or one below 1."""
        lost = -math.expm1(-float(self.hazard(np.zeros(1))[0]))
        if lost > 1e-6:
            raise EndpointError(f"The reference survival is {1 - lost:g} at time 0, and every survival curve begins at 1: condition it on being alive "
                                "then, S(t)/S(0), or count from its own time zero.")  # fmt: skip

    def _all_at_once(self, times: np.ndarray) -> np.ndarray | None:
        """The function's values; None when it does not take an array, and is asked time by time, where a fault is named."""
        try:
            with np.errstate(all="ignore"):  # ln 0 at time 0 is no fault: what comes out is looked at
                found = np.asarray(self.survival(times))
        except Exception:  # whatever a person's function raises
            return None
        return found.astype(float) if found.shape == times.shape and found.dtype.kind in "fiu" else None

    def _one(self, time: float) -> float:
        one: Callable[[float], Any] = self.survival  # type: ignore[assignment]
        try:
            with np.errstate(all="ignore"):
                found = one(time)
        except Exception as error:
            raise EndpointError(f"The function of the known curve fails at time {time:g} ({type(error).__name__}: {error}). It takes a time, or an "
                                "array of them, from 0 on, and gives the probability of being alive.") from error  # fmt: skip
        if isinstance(found, (np.ndarray, pd.Series)) and found.size == 1:
            found = found.item()
        value = number_of(found)
        if value is None:
            raise EndpointError(f"The function of the known curve gives {shown(found)} at time {time:g}. It takes a time, or an array of them, "
                                "and gives as many probabilities.")  # fmt: skip
        return value

    def variance(self, spans: Spans) -> float:
        """None: it is known."""
        return 0.0

    def hazard_variance(self, times: np.ndarray) -> np.ndarray:
        """None: it is known."""
        return np.zeros(len(times))

    def reaches(self, values: np.ndarray) -> np.ndarray:
        """By bisection."""
        return _bisected(self.hazard, values, self.last)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A parametric form with its maximum-likelihood estimates and their covariance C: Var(E) = g' C g, g = dE/d(parameters)."""

    h: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]  # times -> (parameters, times), dH/d(parameters)
    covariance: np.ndarray
    inverse: Callable[[np.ndarray], np.ndarray]

    def hazard(self, times: np.ndarray) -> np.ndarray:
        """H by the form."""
        return self.h(times)

    def variance(self, spans: Spans) -> float:
        """g' C g."""
        entry, exit = _from_zero(spans)
        g = np.sum(self.slope(exit) - self.slope(entry), axis=1)
        return float(g @ self.covariance @ g)

    def hazard_variance(self, times: np.ndarray) -> np.ndarray:
        """Var(H) at times."""
        g = self.slope(times)
        return np.einsum("kt,kl,lt->t", g, self.covariance, g)

    def reaches(self, values: np.ndarray) -> np.ndarray:
        """The form's own inverse."""
        return self.inverse(values)


def _from_zero(spans: Spans) -> Spans:
    """Nobody dies before time zero under a curve that begins there; only steps can have an event at 0 itself."""
    return np.maximum(spans[0], 0.0), spans[1]


def _one_by_one(shape: Knots | Bent, times: np.ndarray) -> np.ndarray:
    zero = np.zeros(1)
    return np.array([shape.variance((zero, np.array([time]))) for time in times])


def _bisected(hazard: Callable[[np.ndarray], np.ndarray], values: np.ndarray, last: float = math.inf) -> np.ndarray:
    """The first time at which a hazard that never falls reaches each value; infinite when it does not do so by `last` (or 1e9)."""

    def first(value: float) -> float:
        if value <= 0:
            return 0.0
        low, high = 0.0, min(1.0, last)
        while hazard(np.array([high]))[0] < value:
            if high >= min(last, 1e9):
                return math.inf
            low, high = high, min(2 * high, last)
        for _ in range(200):
            middle = (low + high) / 2
            if middle in (low, high):
                break
            low, high = (low, middle) if hazard(np.array([middle]))[0] >= value else (middle, high)
        return high

    return np.array([first(float(value)) for value in values])
