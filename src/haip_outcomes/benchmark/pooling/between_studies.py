"""How far true results lie apart: the variance between studies, by restricted likelihood or by Paule and Mandel.

Plain arrays in, a number out. Both estimators are 0 where the studies differ no more than chance makes them differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2

from haip_outcomes.errors import ConvergenceError

_TOLERANCE = 4 * np.finfo(float).eps  # brentq's own limit


def weighted(effect: Any, variance: Any, tau2: float) -> tuple[Any, float, float]:
    """Weights 1/(v + tau2), the weighted mean, and the generalised Q about it."""
    weight = 1 / (variance + tau2)
    mean = float(np.sum(weight * effect) / np.sum(weight))
    return weight, mean, float(np.sum(weight * (effect - mean) ** 2))


def restricted_maximum_likelihood(effect: Any, variance: Any) -> float:
    """REML's tau2: the largest restricted likelihood over tau2 >= 0, searched over its whole range and then to double precision.

    The likelihood may have two peaks when variances are very unequal; a Newton step from one start can end on the lower one.
    """

    def score(tau2: float) -> float:
        return float(_scores(effect, variance, np.array([tau2]))[0])

    def log_likelihood(tau2: float) -> float:
        weight, _, q = weighted(effect, variance, tau2)
        return float(np.log(weight).sum() / 2 - np.log(weight.sum()) / 2 - q / 2)

    spread = float(np.var(effect, ddof=1))
    if spread == 0:
        return 0.0
    top = 4 * (spread * len(effect) + float(variance.max()))  # far beyond any peak
    trial = [0.0, *np.geomspace(min(float(variance.min()), spread) * 1e-9, top, 500).tolist()]
    scores = _scores(effect, variance, np.array(trial))
    rises = [(low, high) for low, high, s, after in zip(trial[:-1], trial[1:], scores[:-1], scores[1:], strict=True) if s > 0 >= after]
    peaks = ([0.0] if scores[0] <= 0 else []) + [_root(score, low, high) for low, high in rises]
    return max(peaks, key=log_likelihood)


def _scores(effect: Any, variance: Any, tau2: Any) -> Any:
    """The slope of the restricted log-likelihood at each tau2."""
    weight = 1 / (variance[None, :] + tau2[:, None])
    total, squares = weight.sum(axis=1), weight**2
    mean = weight @ effect / total
    return -total / 2 + squares.sum(axis=1) / (2 * total) + (squares * (effect[None, :] - mean[:, None]) ** 2).sum(axis=1) / 2


def paule_mandel(effect: Any, variance: Any) -> float:
    """Paule and Mandel's tau2: the one at which the generalised Q is its degrees of freedom; 0 if Q is below them."""
    return _where_q_is(effect, variance, len(effect) - 1)


def tau2_limits(effect: Any, variance: Any, conf_level: float) -> tuple[float, float]:
    """Q-profile limits of tau2 (Viechtbauer 2007, doi 10.1002/sim.2514): where Q is a quantile of its chi-squared distribution."""
    tail, df = (1 - conf_level) / 2, len(effect) - 1
    return _where_q_is(effect, variance, float(chi2.isf(tail, df))), _where_q_is(effect, variance, float(chi2.ppf(tail, df)))


def _where_q_is(effect: Any, variance: Any, wanted: float) -> float:
    def excess(tau2: float) -> float:
        return weighted(effect, variance, tau2)[2] - wanted

    if excess(0.0) <= 0:
        return 0.0
    high = float(np.var(effect, ddof=1)) + float(variance.max())
    while excess(high) > 0:
        high *= 2
    return _root(excess, 0.0, high)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    root, found = brentq(function, low, high, xtol=1e-300, rtol=_TOLERANCE, maxiter=500, full_output=True)
    if not found.converged:  # a bracket always closes in 500 halvings; said all the same, never passed on
        raise ConvergenceError("The variance between the studies could not be found.")
    return float(root)
