"""Logistic models of an outcome on the case number, with Firth's penalty or without, and the profile of one coefficient.

log L* = log L + log det I / 2, with I the information (Firth 1993, doi 10.1093/biomet/80.1.27; not re-read). Without the half
log-determinant it is R's glm. Unlike the models of `case_mix/`, the intercept stays Firth's own: only the slope is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, log_expit

from haip_outcomes.errors import ConvergenceError

STEPS = 200
FAR = 15.0  # log odds beyond which a maximum without penalty is on its way to infinity


@dataclass(frozen=True, eq=False)
class TrendFit:
    """Coefficients (p,), the inverse of the unpenalised information there, and the (penalised) log-likelihood."""

    coefficients: np.ndarray
    covariance: np.ndarray
    log_likelihood: float


def fit_trend(x: np.ndarray, y: np.ndarray, *, firth: bool) -> TrendFit | None:
    """The maximum over the columns of x (n, p), an intercept among them, by Fisher scoring with step-halving.

    None when there is no maximum, which only happens without the penalty: the outcome is told without fail, or is always the same.
    """
    b = np.zeros(x.shape[1])
    value, score, information = _at(x, y, b, firth)
    for _ in range(STEPS):
        if np.linalg.cond(information) > 1e14:
            return None
        step = np.linalg.solve(information, score)
        size = min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
        while True:
            trial = b + size * step
            found = _at(x, y, trial, firth)
            if found[0] >= value - 1e-12 * (1 + abs(value)) or size < 1e-9:
                break
            size /= 2
        b, (value, score, information) = trial, found
        if not firth and np.abs(x @ b).max() > FAR:
            return None
        if np.abs(size * step).max() < 1e-12 * (1 + np.abs(b).max()):
            return TrendFit(b, np.linalg.inv(information), value)
    raise ConvergenceError("The trend over the case number has no maximum that could be found: give more cases.", iterations=STEPS)


def slope_limits(x: np.ndarray, y: np.ndarray, best: TrendFit, quantile: float) -> tuple[float, float]:
    """Where twice the fall of the slope's penalised profile from its maximum reaches the chi-squared quantile."""
    centre, error = float(best.coefficients[1]), float(np.sqrt(best.covariance[1, 1]))

    def rest(value: float) -> float:
        return 2 * (best.log_likelihood - with_slope(x, y, value)) - quantile

    def limit(side: int) -> float:
        reach = error
        while rest(centre + side * reach) < 0:
            reach *= 1.5
            if reach > 1e3 * error:
                return side * np.inf
        return float(brentq(rest, centre, centre + side * reach, xtol=1e-12, rtol=1e-14))

    return limit(-1), limit(1)


def with_slope(x: np.ndarray, y: np.ndarray, slope: float) -> float:
    """The largest penalised log-likelihood of intercept and slope (x (n, 2)) with the slope held there.

    The penalty is that of both columns, as in logistf's profiles. The intercept is where its score is 0: far out Fisher scoring
    would need thousands of steps.
    """

    def score(intercept: float) -> float:
        return float(_at(x, y, np.array([intercept, slope]), True)[1][0])

    start, reach = -slope * float(x[:, 1].mean()), 1.0
    while score(start - reach) < 0 or score(start + reach) > 0:
        reach *= 1.5
        if reach > 1e4:
            raise ConvergenceError("The profile of the trend could not be followed: give more cases.")
    intercept = brentq(score, start - reach, start + reach, xtol=1e-12, rtol=1e-14)
    return float(_at(x, y, np.array([intercept, slope]), True)[0])


def fitted(x: np.ndarray, fit: TrendFit, z: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities at rows of x with Wald limits made on the log odds."""
    eta = x @ fit.coefficients
    error = np.sqrt(np.einsum("ij,jk,ik->i", x, fit.covariance, x))
    return expit(eta), expit(eta - z * error), expit(eta + z * error)


def _at(x: np.ndarray, y: np.ndarray, b: np.ndarray, firth: bool) -> tuple[float, np.ndarray, np.ndarray]:
    """The (penalised) log-likelihood, its score and the information at b."""
    eta = x @ b
    p = expit(eta)
    w = p * expit(-eta)
    information = (x.T * w) @ x
    value, rest = float((y * log_expit(eta) + (1 - y) * log_expit(-eta)).sum()), y - p
    if firth:
        sign, log_det = np.linalg.slogdet(information)
        if sign <= 0:
            return -np.inf, np.zeros_like(b), information
        leverage = w * np.einsum("ij,jk,ik->i", x, np.linalg.inv(information), x)
        value, rest = value + log_det / 2, rest + leverage * (0.5 - p)
    return value, x.T @ rest, information
