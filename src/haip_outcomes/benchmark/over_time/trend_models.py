"""Logistic models of an outcome on the case number, with Firth's penalty or without, and the profile of one coefficient.

log L* = log L + log det I / 2, with I the information (Firth 1993, doi 10.1093/biomet/80.1.27; not re-read). Without the half
log-determinant it is R's glm. Unlike the models of `case_mix/`, the intercept stays Firth's own: only the slope is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from haip_outcomes.errors import ConvergenceError, SeparationError
from haip_outcomes.survival.logistic.logistic_maximum import logistic_maximum, logistic_point

FAR = 15.0  # log odds beyond which a maximum without penalty is on its way to infinity


@dataclass(frozen=True, eq=False)
class TrendFit:
    """Coefficients (p,), the inverse of the unpenalised information there, and the (penalised) log-likelihood."""

    coefficients: np.ndarray
    covariance: np.ndarray
    log_likelihood: float


def fit_trend(x: np.ndarray, y: np.ndarray, *, firth: bool) -> TrendFit | None:
    """The maximum over the columns of x (n, p), an intercept among them, by Newton's method (`survival/logistic/`).

    None when there is no maximum, which only happens without the penalty: the outcome is told without fail, or is always the same.
    """

    def watch(log_odds: np.ndarray, information: np.ndarray) -> None:
        if np.linalg.cond(information) > 1e14 or (not firth and np.abs(log_odds).max() > FAR):
            raise SeparationError("The outcome is told without fail, or is always the same.")

    try:
        found = logistic_maximum(x, y, firth=firth, watch=watch, no_maximum="The trend over the case number has no maximum that could be found: give more cases.")
    except SeparationError:
        return None
    return TrendFit(found.coefficients, np.linalg.inv(found.at.information), found.at.value)


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
        return float(logistic_point(x, y, np.array([intercept, slope]), firth=True).score[0])

    start, reach = -slope * float(x[:, 1].mean()), 1.0
    while score(start - reach) < 0 or score(start + reach) > 0:
        reach *= 1.5
        if reach > 1e4:
            raise ConvergenceError("The profile of the trend could not be followed: give more cases.")
    intercept = brentq(score, start - reach, start + reach, xtol=1e-12, rtol=1e-14)
    return logistic_point(x, y, np.array([intercept, slope]), firth=True).value


def fitted(x: np.ndarray, fit: TrendFit, z: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities at rows of x with Wald limits made on the log odds."""
    eta = x @ fit.coefficients
    error = np.sqrt(np.einsum("ij,jk,ik->i", x, fit.covariance, x))
    return expit(eta), expit(eta - z * error), expit(eta + z * error)
