"""Questions about a survival curve: a probability at a time, and the median."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from haip_outcomes.benchmark.precision.recruiting import Recruiting, SimulatedCurves
from haip_outcomes.benchmark.precision.sample_size import (
    Simulated,
    mean_of,
    mean_of_logs,
    normal_probability,
    normal_quantile,
)


def cll(survival: float) -> float:
    """ln(-ln S): higher when survival is worse."""
    return math.log(-math.log(survival))


def from_cll(theta: float) -> float:
    """S of ln(-ln S)."""
    return math.exp(-math.exp(theta))


@dataclass(frozen=True)
class WidthOfLandmark:
    """How wide is the 95% interval of S(t)?"""

    survival: float
    time: float
    recruiting: Recruiting
    level: float

    @property
    def variance_one(self) -> float:
        """n times the variance of S(t)."""
        return self.recruiting.variance_one(self.survival, self.time)

    def at(self, size: float) -> dict[str, float]:
        """Half the width of S(t) plus or minus z standard errors."""
        return {"half_width": normal_quantile(0.5 + self.level / 2) * math.sqrt(self.variance_one / size)}

    def simulated(self, size: float, replicates: int, rng: np.random.Generator) -> Simulated:
        """Mean half-widths of the plain and of the log-log interval, and how often the log-log one covers S(t)."""
        z, rate = normal_quantile(0.5 + self.level / 2), -math.log(self.survival) / self.time
        survival, greenwood = SimulatedCurves.of(rate, round(size), self.recruiting, replicates, rng).at(self.time)
        inside = (survival > 0) & (survival < 1) & np.isfinite(greenwood)
        s, g = survival[inside], greenwood[inside]
        theta, far = np.log(-np.log(s)), z * np.sqrt(g) / np.abs(np.log(s))
        low, high = np.exp(-np.exp(theta + far)), np.exp(-np.exp(theta - far))
        return {"half-width, plain": mean_of(z * s * np.sqrt(g)), "half-width, log-log": mean_of((high - low) / 2),
                "coverage, log-log": mean_of(((low <= self.survival) & (self.survival <= high)).astype(float))}  # fmt: skip


@dataclass(frozen=True)
class LandmarkApart:
    """Can S(t), truly `survival`, be told from `limit`? On the scale ln(-ln S), with the published side's variance V0 there.

    One-sided with `alpha`: better than the limit of non-inferiority, or apart from a published value (then alpha is
    half of 1 - level). In simulations the published value scatters about its truth with V0, and the limit moves with it.
    """

    survival: float
    limit: float
    time: float
    recruiting: Recruiting
    alpha: float
    variance_published: float

    @property
    def delta(self) -> float:
        """How far apart they are on the scale ln(-ln S); positive where S(t) is better than the limit."""
        return cll(self.limit) - cll(self.survival)

    @property
    def variance_one(self) -> float:
        """n times the variance of ln(-ln S(t))."""
        slope = (self.survival * math.log(self.survival)) ** 2
        return self.recruiting.variance_one(self.survival, self.time) / slope if slope > 0 else math.inf

    def patients(self, power: float) -> float:
        """n before rounding up; infinite where the published side's own variance forbids it at any n."""
        room = (self.delta / (normal_quantile(1 - self.alpha) + normal_quantile(power))) ** 2 - self.variance_published
        return self.variance_one / room if room > 0 else math.inf

    def at(self, size: float) -> dict[str, float]:
        """The power."""
        error = math.sqrt(self.variance_one / size + self.variance_published)
        return {"power": normal_probability(abs(self.delta) / error - normal_quantile(1 - self.alpha))}

    def simulated(self, size: float, replicates: int, rng: np.random.Generator) -> Simulated:
        """How often it is shown when `survival` is true, and when `limit` is."""
        z, sign = normal_quantile(1 - self.alpha), math.copysign(1.0, self.delta)
        found = {}
        for name, truth in (("power", self.survival), ("size", self.limit)):
            curves = SimulatedCurves.of(-math.log(truth) / self.time, round(size), self.recruiting, replicates, rng)
            survival, greenwood = curves.at(self.time)
            limit = cll(self.limit) + math.sqrt(self.variance_published) * rng.standard_normal(replicates)
            with np.errstate(divide="ignore", invalid="ignore"):
                theta, variance = np.log(-np.log(survival)), greenwood / np.log(survival) ** 2
                shown = sign * (limit - theta) / np.sqrt(variance + self.variance_published) > z
            # nobody died by t: nothing speaks against it; nobody is left: nothing speaks for it
            shown = np.where(survival >= 1, sign > 0, np.where(survival <= 0, sign < 0, shown))
            found[name] = mean_of(shown.astype(float))
        return found


@dataclass(frozen=True)
class FactorOfMedian:
    """By what factor does the upper limit of a median exceed it?"""

    ratio: float
    median: float
    recruiting: Recruiting
    level: float
    variance_published: float
    power: float

    @property
    def variance_one(self) -> float:
        """n times the variance of the log median: v1(1/2) / (ln 2 / 2)^2."""
        return self.recruiting.variance_one(0.5, self.median) / (math.log(2) / 2) ** 2

    @property
    def room(self) -> float:
        """The variance that the centre's log median may have; not positive where the published side leaves none."""
        z = normal_quantile(0.5 + self.level / 2) + normal_quantile(self.power)
        return (math.log(self.ratio) / z) ** 2 - self.variance_published

    def at(self, size: float) -> dict[str, float]:
        """The factor upper limit / median that so many patients give (Kaplan-Meier), and so many events (exponential)."""
        z = normal_quantile(0.5 + self.level / 2)
        with np.errstate(over="ignore"):  # a handful of patients: any factor at all
            return {"ratio": float(np.exp(z * math.sqrt(self.variance_one / size))), "ratio_exponential_events": float(np.exp(z / math.sqrt(size)))}

    def simulated(self, size: float, replicates: int, rng: np.random.Generator) -> Simulated:
        """Geometric means of upper / median and median / lower of the curve's log-log limits, and how often there is an upper one."""
        z, rate = normal_quantile(0.5 + self.level / 2), math.log(2) / self.median
        curves = SimulatedCurves.of(rate, round(size), self.recruiting, replicates, rng)
        with np.errstate(divide="ignore", invalid="ignore"):
            s = curves.survival
            theta, far = np.log(-np.log(s)), z * np.sqrt(curves.greenwood) / np.abs(np.log(s))
            lower, upper = np.exp(-np.exp(theta + far)), np.exp(-np.exp(theta - far))
        median, low, high = (_first(curves, values) for values in (s, lower, upper))
        both = ~np.isnan(high) & ~np.isnan(median)
        return {"upper / median": mean_of_logs(np.log(high[both] / median[both])),
                "median / lower": mean_of_logs(np.log((median / low)[~np.isnan(median) & ~np.isnan(low)])),
                "upper limit reached": mean_of(both.astype(float)),
                "coverage": mean_of(((low <= self.median) & ~(high < self.median)).astype(float))}  # fmt: skip


def _first(curves: SimulatedCurves, values: np.ndarray) -> np.ndarray:
    """The first event time at which values fall to one half; NaN where they never do."""
    reached = curves.event & (values <= 0.5 + 1e-9)
    row = np.arange(len(values))
    return np.where(reached.any(axis=1), curves.time[row, reached.argmax(axis=1)], np.nan)
