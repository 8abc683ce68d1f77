"""How many of n patients of a new centre may have the event, when its true probability is itself not known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy
from scipy.stats import t

_POINTS = 400


def count_quantiles(
    mean: float, spread: float, df: int, n: int, back: Callable[[float], float], tail: float
) -> tuple[int, int, float]:
    """The `tail` and `1 - tail` quantiles of X ~ Bin(n, back(mean + spread t_df)), and its mean.

    Integrated over u = P(T <= t) by Gauss-Legendre on both halves, each substituted so that the far tails, where the probability
    changes slowest in u and t fastest, have points enough: u = s^3/2 from either end.
    """
    node, weight = np.polynomial.legendre.leggauss(_POINTS)
    s = (node + 1) / 2
    u, du = s**3 / 2, 3 * s**2 / 2 * weight / 2  # from 0 to 1/2
    lower = t.ppf(u, df)
    probability = np.array([back(mean + spread * float(x)) for x in np.concatenate([lower, -lower])])
    mass = np.concatenate([du, du])
    x, p = np.arange(n + 1)[None, :], probability[:, None]
    ways = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    distribution = mass @ np.exp(ways + xlogy(x, p) + xlog1py(n - x, -p))  # by logarithms: scipy's binom overflows where p is all but 0
    below = np.cumsum(distribution)
    rounding = 1e-12  # a sum that is the tail exactly is not below it
    quantile = [int(np.searchsorted(below, level - rounding)) for level in (tail, 1 - tail)]
    return min(quantile[0], n), min(quantile[1], n), float(n * (mass @ probability))
