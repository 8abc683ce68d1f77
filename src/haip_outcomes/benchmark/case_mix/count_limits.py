"""Where a count should lie when the target is true: exact limits and tail probabilities of each centre's own distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binom, nbinom, poisson

TOLERANCE = 1e-12  # a probability that misses a quantile by rounding alone has reached it


@dataclass(frozen=True, eq=False)
class Counted:
    """The distribution of a centre's events if the target were its truth.

    Binomial of the patients for proportions; Poisson of the expected events for ratios; where the expectation is itself
    estimated with a variance V, its own error is a gamma of that variance and the events are negative binomial:
    mean t E, variance t E + t^2 V.
    """

    kind: str
    size: np.ndarray
    target: float
    variance: np.ndarray | None = None

    def limits(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Limits of the events over the size, with linear interpolation between counts (Spiegelhalter 2005)."""
        top = 1.0 if self.kind == "proportion" else np.inf
        low, high = (np.clip(self._quantile(q) / self.size, 0.0, top) for q in ((1 - level) / 2, (1 + level) / 2))
        return low, high

    def tails(self, events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mid-p: P(X < k) + P(X = k)/2 and P(X > k) + P(X = k)/2."""
        half = self._at("pmf", events) / 2
        return self._at("cdf", events - 1) + half, self._at("sf", events) + half

    def _quantile(self, q: float) -> np.ndarray:
        r = self._at("ppf", np.full(len(self.size), q - TOLERANCE))
        return np.asarray(r - (self._at("cdf", r) - q) / self._at("pmf", r))

    def _at(self, what: str, value: np.ndarray) -> np.ndarray:
        """A function of the distribution, centre by centre."""
        if self.kind == "proportion":
            return np.asarray(getattr(binom, what)(value, self.size, self.target))
        mean = self.target * self.size
        known = np.asarray(getattr(poisson, what)(value, mean))
        if self.variance is None:
            return known
        with np.errstate(divide="ignore", invalid="ignore"):
            strength = self.size**2 / self.variance  # of the gamma: mean 1, variance V / E^2
            mixed: Any = getattr(nbinom, what)(value, strength, strength / (strength + mean))
        return np.where(self.variance > 0, mixed, known)
