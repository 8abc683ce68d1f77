"""Logistic regression for yes or no: by maximum likelihood, or with Firth's penalty where events are few or a level has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit

from haip_outcomes.errors import SeparationError
from haip_outcomes.survival.logistic.logistic_maximum import STEPS, logistic_maximum, logistic_variance

SEPARATED = 20.0  # a linear predictor beyond this at the maximum (p within 2e-9 of 0 or 1) is on its way to infinity


@dataclass(frozen=True, eq=False)
class LogisticFit:
    """Coefficients (1 + p,), the intercept first, and their covariance; `iterations` of Newton's method."""

    coefficients: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    iterations: int


def fit_logistic(x: np.ndarray, y: np.ndarray, *, penalty: Literal["firth"] | None = None, names: Sequence[str] = ()) -> LogisticFit:
    """The log odds of y = 1 as a + x b: Newton's method, with step-halving, to double precision.

    Without a penalty the maximum of log L = sum y log p + (1 - y) log(1 - p), as R's `glm(family = binomial)`. With `penalty="firth"`
    of log L + log det I / 2, I the information (Firth 1993, doi 10.1093/biomet/80.1.27; Heinze and Schemper 2002, doi
    10.1002/sim.1047), as R's `logistf` and `brglm2` (`type = "AS_mean"`); `log_likelihood` is then the penalised one. As that draws all
    probabilities towards one half, the intercept is then found again without penalty (FLIC; Puhr et al. 2017, doi 10.1002/sim.7273), so that expected
    equals observed among these patients. The covariance is the inverse information at the coefficients.

    Parameters
    ----------
    x : array (n, p) without a constant. y : array (n,) of 0 and 1. names : of the p columns, for messages.

    Raises
    ------
    SeparationError : without a penalty, a column or several together that tell y without fail. ConvergenceError : no maximum found.
    """
    centre, scale = x.mean(axis=0), np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    z = np.column_stack([np.ones(len(y)), (x - centre) / scale])  # one scale for all columns; undone below
    start = np.zeros(z.shape[1])
    start[0] = np.log(y.mean() / (1 - y.mean()))

    def watch(log_odds: np.ndarray, information: np.ndarray) -> None:
        if np.abs(log_odds).max() > SEPARATED:
            raise SeparationError(f"The answer is told without fail by {_runner(z, names)}: its odds ratio runs off to infinity. "
                                  'Join levels, leave it out, or use penalty="firth".')  # fmt: skip

    best = logistic_maximum(z, y, firth=penalty is not None, start=start, watch=None if penalty is not None else watch)
    found, value = best.coefficients, best.at.value
    if penalty is not None:
        found = found + np.eye(len(found))[0] * _intercept(z @ found, y)
    covariance = np.linalg.inv((z.T * logistic_variance(z @ found)) @ z)
    back = np.diag(np.concatenate([[1.0], 1 / scale]))
    back[0, 1:] = -centre / scale
    value += float(np.log(scale).sum()) if penalty is not None else 0.0  # det I is that of the columns as they came
    return LogisticFit(back @ found, back @ covariance @ back.T, value, best.iterations)


def _intercept(eta: np.ndarray, y: np.ndarray) -> float:
    """What to add to every log odds so that the probabilities add up to the events."""
    shift = 0.0
    for _ in range(STEPS):
        step = float((y - expit(eta + shift)).sum() / logistic_variance(eta + shift).sum())
        shift += max(-1.0, min(1.0, step))
        if abs(step) < 1e-14:
            break
    return shift


def _runner(z: np.ndarray, names: Sequence[str]) -> str:
    return "one of " + ", ".join(names) if len(names) > 1 else names[0] if names else f"the {z.shape[1] - 1} columns"
