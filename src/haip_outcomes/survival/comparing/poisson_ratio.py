"""Observed over expected: limits and p-values of a Poisson count against a known expectation."""

from __future__ import annotations

import math

from scipy.optimize import brentq
from scipy.special import chdtri, pdtr, pdtrc, xlogy
from scipy.special import gammaln as log_gamma


def exact_limits(observed: int, expected: float, conf_level: float = 0.95) -> tuple[float, float]:
    """Exact (Garwood) limits of O/E: chi2(a/2; 2O)/2E and chi2(1 - a/2; 2O + 2)/2E; the lower is 0 when nothing was seen.

    Equals R's `poisson.test(O, E)$conf.int`.

    >>> tuple(round(limit, 4) for limit in exact_limits(5, 4.0))
    (0.4059, 2.9171)
    """
    tail = (1 - conf_level) / 2
    low = float(chdtri(2 * observed, 1 - tail)) / 2 if observed else 0.0
    return low / expected, float(chdtri(2 * observed + 2, tail)) / 2 / expected


def mid_p_limits(observed: int, expected: float, conf_level: float = 0.95) -> tuple[float, float]:
    """Limits of O/E with half the probability of O itself in each tail; shorter than the exact ones, and on average as sure as they say."""
    tail = (1 - conf_level) / 2
    top = 2 * float(chdtri(2 * observed + 2, tail)) / 2 + 1
    high = brentq(lambda mean: _below(observed, mean) - tail, 0.0, top, xtol=1e-14, rtol=8.9e-16, maxiter=500)
    low = 0.0
    if observed:
        low = brentq(lambda mean: _above(observed, mean) - tail, 0.0, observed + 1.0, xtol=1e-14, rtol=8.9e-16, maxiter=500)
    return low / expected, high / expected


def exact_p(observed: int, expected: float) -> float:
    """Twice the smaller tail, O itself included, at most 1."""
    upper = float(pdtrc(observed - 1, expected)) if observed else 1.0
    return min(1.0, 2 * min(float(pdtr(observed, expected)), upper))


def mid_p(observed: int, expected: float) -> float:
    """Twice the smaller tail, with half the probability of O itself, at most 1."""
    return min(1.0, 2 * min(_below(observed, expected), _above(observed, expected)))


def _below(observed: int, mean: float) -> float:
    """P(X < O) + P(X = O)/2."""
    return (float(pdtr(observed - 1, mean)) if observed else 0.0) + _at(observed, mean) / 2


def _above(observed: int, mean: float) -> float:
    """P(X > O) + P(X = O)/2."""
    return float(pdtrc(observed, mean)) + _at(observed, mean) / 2


def _at(observed: int, mean: float) -> float:
    return math.exp(float(xlogy(observed, mean)) - mean - float(log_gamma(observed + 1)))
