"""Patients who enter evenly over a time and are followed until a date: who is still followed, and what that costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad

from haip_outcomes.benchmark.precision.sample_size import at_least
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import number


@dataclass(frozen=True)
class Recruiting:
    """Uniform entry over `accrual`; the last patient is followed for `follow_up`. Nobody is lost otherwise."""

    accrual: float = 0.0
    follow_up: float = math.inf

    @classmethod
    def checked(cls, accrual: float, follow_up: float) -> Recruiting:
        """The same, or a refusal that names what is wrong."""
        return cls(at_least("accrual", accrual, 0.0), at_least("follow_up", follow_up, 0.0, finite=False))

    @property
    def longest(self) -> float:
        """How long the first patient is followed."""
        return self.accrual + self.follow_up

    def followed(self, time: float) -> float:
        """K(u), the share of patients who are not yet censored at a time."""
        if time <= self.follow_up:
            return 1.0
        return max(0.0, (self.longest - time) / self.accrual) if self.accrual > 0 else 0.0

    def require(self, time: float) -> None:
        """Refuse a time that nobody would be followed to."""
        if self.followed(time) <= 0:
            raise EndpointError(
                f"Nobody would be followed for {number(time, 1)}: the first patient is followed for {number(self.longest, 1)} "
                "(accrual + follow_up). Follow longer, or ask about an earlier time."
            )

    def variance_one(self, survival: float, time: float) -> float:
        """v1: n times the Greenwood variance of S(t) under a constant hazard, S^2 times the integral of lambda e^(lambda u) / K(u).

        With everybody followed beyond t it is S(1 - S). Patients censored before t make it larger.
        """
        self.require(time)
        rate = -math.log(survival) / time
        whole = min(self.follow_up, time)
        seen = survival * (math.exp(-rate * (time - whole)) - survival)
        if whole >= time:
            return seen
        # S^2 e^(lambda u) is written S e^(-lambda (t - u)): nothing overflows
        thinned, _ = quad(lambda u: rate * math.exp(-rate * (time - u)) / self.followed(u), whole, time, epsabs=0, epsrel=1e-12, limit=200)
        return seen + survival * thinned

    def censoring(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """Simulated times of censoring, a row a replicate."""
        return np.full(shape, self.follow_up) if self.accrual == 0 else self.follow_up + self.accrual * rng.random(shape)


@dataclass(frozen=True)
class SimulatedCurves:
    """Kaplan-Meier curves of simulated patients without ties: times in order, who had the event, S and Greenwood's sum after each."""

    time: np.ndarray
    event: np.ndarray
    survival: np.ndarray
    greenwood: np.ndarray

    @classmethod
    def of(cls, rate: float, n: int, recruiting: Recruiting, replicates: int, rng: np.random.Generator) -> SimulatedCurves:
        """Exponential times of a rate, censored as recruited; a row a replicate."""
        life = rng.exponential(1 / rate, (replicates, n))
        end = recruiting.censoring((replicates, n), rng)
        time, event = np.minimum(life, end), life <= end
        order = np.argsort(time, axis=1)
        time, event = np.take_along_axis(time, order, 1), np.take_along_axis(event, order, 1)
        at_risk = np.arange(n, 0, -1.0)
        with np.errstate(divide="ignore"):
            step = np.where(event, np.log1p(-1 / at_risk), 0.0)
            error = np.where(event, 1 / (at_risk * (at_risk - 1)), 0.0)
        return cls(time, event, np.exp(np.cumsum(step, axis=1)), np.cumsum(error, axis=1))

    def at(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """S and Greenwood's sum at a time, a value a replicate."""
        seen = (self.time <= time).sum(axis=1)
        row = np.arange(len(self.time))
        before = np.maximum(seen - 1, 0)
        return (np.where(seen > 0, self.survival[row, before], 1.0), np.where(seen > 0, self.greenwood[row, before], 0.0))
