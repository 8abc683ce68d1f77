"""Questions about a proportion: the width of its interval, what that excludes, and exact non-inferiority."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, binom

from haip_outcomes.benchmark.precision.sample_size import (
    Simulated,
    mean_of,
    normal_probability,
    normal_quantile,
)

CHUNK, MOST_EXACT = 2_000, 100_000


def wilson_half_width(p: float, n: float, z: float) -> float:
    """Half the length of Wilson's interval when k/n is p; `p n` need not be whole. It falls as n grows, from one half at 0."""
    return z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))


def exact_half_width(p: float, n: float, level: float) -> float:
    """Half the length of the exact interval (Clopper and Pearson) when k/n is p, by its beta quantiles."""
    k, tail = p * n, (1 - level) / 2
    return float(beta.ppf(1 - tail, k + 1, n - k) - beta.ppf(tail, k, n - k + 1)) / 2


@dataclass(frozen=True)
class WidthOfProportion:
    """How wide is the 95% interval of a proportion p?"""

    p: float
    level: float

    def at(self, size: float) -> dict[str, float]:
        """Half-widths of Wilson's, Wald's and the exact interval."""
        z = normal_quantile(0.5 + self.level / 2)
        return {"half_width": wilson_half_width(self.p, size, z), "half_width_wald": z * math.sqrt(self.p * (1 - self.p) / size),
                "half_width_exact": exact_half_width(self.p, size, self.level)}  # fmt: skip

    def simulated(self, size: float, replicates: int, rng: np.random.Generator) -> Simulated:
        """Mean half-width of Wilson's interval, and how often it covers p."""
        n, z = round(size), normal_quantile(0.5 + self.level / 2)
        share = rng.binomial(n, self.p, replicates) / n
        half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        return {"half-width": mean_of(half), "coverage": mean_of((np.abs(middle - self.p) <= half).astype(float))}


@dataclass(frozen=True)
class ProportionApart:
    """Does Wilson's interval of a proportion exclude a known value? Wilson's limits are those of the score test."""

    p: float
    excludes: float
    level: float

    def at(self, size: float) -> dict[str, float]:
        """The chance of showing it, by the normal approximation."""
        z, p0 = normal_quantile(0.5 + self.level / 2), self.excludes
        reach = abs(self.p - p0) * math.sqrt(size) - z * math.sqrt(p0 * (1 - p0))
        return {"power": normal_probability(reach / math.sqrt(self.p * (1 - self.p)))}

    def simulated(self, size: float, replicates: int, rng: np.random.Generator) -> Simulated:
        """How often the interval excludes the value when p is true, and when the value itself is."""
        n, z, p0 = round(size), normal_quantile(0.5 + self.level / 2), self.excludes
        far = z * math.sqrt(p0 * (1 - p0) / n)
        chance = {name: np.abs(rng.binomial(n, truth, replicates) / n - p0) > far for name, truth in (("power", self.p), ("size", p0))}
        return {name: mean_of(found.astype(float)) for name, found in chance.items()}


@dataclass(frozen=True)
class ExactTest:
    """At most `allowed` events of n: not worse than `worst`, with the test's actual level and power."""

    n: int
    allowed: int
    level: float
    power: float


@dataclass(frozen=True)
class NonInferiorProportion:
    """Can a proportion of bad events, truly `expected`, be shown to be below `worst` by the exact binomial test?"""

    expected: float
    worst: float
    alpha: float

    def tests(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each n the most events allowed (-1: none), the actual level and the power."""
        allowed = binom.ppf(self.alpha, sizes, self.worst)
        allowed = allowed - (binom.cdf(allowed, sizes, self.worst) > self.alpha)
        return allowed, binom.cdf(allowed, sizes, self.worst), binom.cdf(allowed, sizes, self.expected)

    def smallest(self, power: float) -> tuple[ExactTest | None, ExactTest | None]:
        """The smallest n with that power, and the smallest from which no larger n has less (power is saw-toothed in n)."""
        first: ExactTest | None = None
        safe: ExactTest | None = None
        start = 1
        while start <= MOST_EXACT:
            sizes = np.arange(start, start + CHUNK)
            allowed, level, reached = self.tests(sizes)
            enough = reached >= power
            if first is None and enough.any():
                first = self._test(sizes, allowed, level, reached, int(np.argmax(enough)))
            if enough.all() and start > 1:
                return first, safe or self._test(sizes, allowed, level, reached, 0)
            short = np.flatnonzero(~enough)
            last = int(short[-1]) if len(short) else -1
            safe = self._test(sizes, allowed, level, reached, last + 1) if last + 1 < CHUNK else None
            start += CHUNK
        return first, None

    def _test(self, sizes: np.ndarray, allowed: np.ndarray, level: np.ndarray, reached: np.ndarray, i: int) -> ExactTest:
        return ExactTest(int(sizes[i]), int(allowed[i]), float(level[i]), float(reached[i]))

    def at(self, size: float) -> dict[str, float]:
        """Events allowed, actual level and power of n patients."""
        allowed, level, power = self.tests(np.array([round(size)]))
        return {"power": float(power[0]), "level": float(level[0]), "max_events": float(allowed[0])}

    def simulated(self, size: float, replicates: int, rng: np.random.Generator) -> Simulated:
        """How often non-inferiority is shown when the expected share is true, and when the worst is."""
        n = round(size)
        allowed = self.tests(np.array([n]))[0][0]
        return {name: mean_of((rng.binomial(n, truth, replicates) <= allowed).astype(float))
                for name, truth in (("power", self.expected), ("size", self.worst))}  # fmt: skip
