"""Questions of the one-sample log-rank test: how many expected events show a hazard ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import gamma, poisson

from haip_outcomes.benchmark.precision.recruiting import Recruiting
from haip_outcomes.benchmark.precision.sample_size import (
    Simulated,
    mean_of,
    normal_probability,
    normal_quantile,
    smallest,
)
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import number, plural

EACH = 1.25  # patients an expected event in the simulations, unless n is given


@dataclass(frozen=True)
class OneSampleEvents:
    """Can a hazard ratio rho against a known curve be shown, one-sided with `alpha`, when so many events are expected?"""

    ratio: float
    alpha: float
    recruiting: Recruiting
    patients: int | None = None

    def by_poisson(self, power: float) -> float:
        """((z_a + z_b sqrt(rho)) / (1 - rho))^2: Z = (O - E) / sqrt(E), O a Poisson number."""
        return (normal_quantile(1 - self.alpha) + normal_quantile(power) * math.sqrt(self.ratio)) ** 2 / (1 - self.ratio) ** 2

    def by_square_root(self, power: float) -> float:
        """((z_a + z_b) / (2 (1 - sqrt(rho))))^2: square roots of Poisson numbers have the variance 1/4."""
        return ((normal_quantile(1 - self.alpha) + normal_quantile(power)) / (2 * (1 - math.sqrt(self.ratio)))) ** 2

    def by_exact_test(self, power: float) -> float:
        """The expected events from which the exact Poisson test always has the power (which is saw-toothed in E).

        It rejects by the c-th count on one side of an edge E_c, P(X <= c | E_c) = alpha (for rho > 1 P(X > c | E_c) = alpha), so its
        power is least just before an edge for rho < 1, and just after one for rho > 1; those lows rise with c.
        """
        lower = self.ratio < 1
        edge = (lambda c: float(gamma.isf(self.alpha, c + 1))) if lower else (lambda c: float(gamma.ppf(self.alpha, c + 1)))

        def low(c: int) -> float:
            """The least power of the test that rejects by the count c."""
            if lower:
                return float(poisson.cdf(c, self.ratio * edge(c + 1)))
            return float(poisson.sf(c, self.ratio * edge(c - 1))) if c else 0.0

        c = smallest(lambda c: low(c) >= power, least=0)
        while c is not None and any(low(later) < power for later in range(c + 1, c + 11)):
            c += 1
        if c is None:
            return math.inf
        # in the stretch before, the power may have been enough from some E on (rho < 1: up to some E, so the edge it is)
        if lower:
            return edge(c)
        if poisson.sf(c - 1, self.ratio * edge(c - 1)) < power:
            return edge(c - 1)
        start = edge(c - 2) if c > 1 else 1e-12
        return float(brentq(lambda e: poisson.sf(c - 1, self.ratio * e) - power, start, edge(c - 1), xtol=1e-12, rtol=1e-12))

    def _exact_power(self, expected: float) -> float:
        if self.ratio < 1:
            c = poisson.ppf(self.alpha, expected)
            c -= poisson.cdf(c, expected) > self.alpha
            return float(poisson.cdf(c, self.ratio * expected))
        c = poisson.isf(self.alpha, expected)  # the smallest c with P(O > c) <= alpha
        return float(poisson.sf(c, self.ratio * expected))

    def at(self, size: float) -> dict[str, float]:
        """The power with so many expected events, by each form."""
        z, root = normal_quantile(1 - self.alpha), math.sqrt(self.ratio)
        return {"power": normal_probability((abs(1 - self.ratio) * math.sqrt(size) - z) / root),
                "power_square_root": normal_probability(2 * abs(1 - root) * math.sqrt(size) - z),
                "power_exact": self._exact_power(size)}  # fmt: skip

    def simulated(self, size: float, replicates: int, rng: np.random.Generator) -> Simulated:
        """How often Wu's, Breslow's and the exact Poisson test show it, when the ratio is true (power) and when it is 1 (size).

        Exponential patients, entered evenly; the reference hazard is such that `size` events are expected among them.
        """
        n = self.patients or max(1, round(size * max(EACH, 2 * self.ratio)))
        if size / n >= min(1.0, 1 / self.ratio):
            raise EndpointError(f"{plural(n, 'patient')} can't have {number(size, 1)} expected events under a hazard ratio of {self.ratio:g}: simulate more patients.")
        found: Simulated = {}
        for name, ratio in (("power", self.ratio), ("size", 1.0)):
            rate = self._rate(ratio, size / n)
            end = self.recruiting.censoring((replicates, n), rng)
            life = rng.exponential(1 / (ratio * rate), (replicates, n))
            observed = (life <= end).sum(axis=1)
            expected = rate * np.minimum(life, end).sum(axis=1)
            sign, z = math.copysign(1.0, self.ratio - 1), normal_quantile(1 - self.alpha)
            far = sign * (observed - expected)
            tail = poisson.cdf(observed, expected) if sign < 0 else poisson.sf(observed - 1, expected)
            for test, shown in (("Wu", far > z * np.sqrt((observed + expected) / 2)), ("Breslow", far > z * np.sqrt(expected)),
                                ("exact", tail <= self.alpha)):  # fmt: skip
                found[f"{name}, {test}"] = mean_of(shown.astype(float))
            if name == "power":
                found["expected events"] = mean_of(expected)
        return found

    def _rate(self, ratio: float, each: float) -> float:
        """The reference's hazard with which a patient, who truly has `ratio` times it, has `each` expected events on average."""

        def short(rate: float) -> float:
            return self._expected_each(rate, ratio) - each

        most = 1.0
        while short(most) < 0 and most < 1e6:
            most *= 2
        return float(brentq(short, 1e-12, most, xtol=1e-15, rtol=1e-12))

    def _expected_each(self, rate: float, ratio: float) -> float:
        """rate times the mean time at risk: (1 - E exp(-ratio rate C)) / ratio."""
        hazard, a, f = ratio * rate, self.recruiting.accrual, self.recruiting.follow_up
        free = math.exp(-hazard * f) if math.isfinite(f) else 0.0
        if a > 0:
            free *= -math.expm1(-hazard * a) / (hazard * a)
        return (1 - free) / ratio
