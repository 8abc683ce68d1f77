"""Logistic regression for yes or no: by maximum likelihood, or with Firth's penalty where events are few or a level has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit

from haip_outcomes.errors import ConvergenceError, SeparationError

SEPARATED = 20.0  # a linear predictor beyond this at the maximum (p within 2e-9 of 0 or 1) is on its way to infinity
STEPS = 200


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
    found, value, taken = _maximum(z, y, penalty is not None, names)
    if penalty is not None:
        found[0] += _intercept(z @ found, y)
    w = _weights(z @ found)
    covariance = np.linalg.inv((z.T * w) @ z)
    back = np.diag(np.concatenate([[1.0], 1 / scale]))
    back[0, 1:] = -centre / scale
    value += float(np.log(scale).sum()) if penalty is not None else 0.0  # det I is that of the columns as they came
    return LogisticFit(back @ found, back @ covariance @ back.T, value, taken)


def _maximum(z: np.ndarray, y: np.ndarray, firth: bool, names: Sequence[str]) -> tuple[np.ndarray, float, int]:
    b = np.zeros(z.shape[1])
    share = float(y.mean())
    b[0] = np.log(share / (1 - share))
    value, score, information = _at(z, y, b, firth)
    for taken in range(1, STEPS + 1):
        step = np.linalg.solve(information, score)
        size = min(1.0, 5.0 / np.abs(step).max()) if np.abs(step).max() > 0 else 1.0
        while True:
            trial = b + size * step
            found = _at(z, y, trial, firth)
            if found[0] >= value - 1e-10 * max(1.0, abs(value)) or size < 1e-6:
                break
            size /= 2
        b, (value, score, information) = trial, found
        if not firth and np.abs(z @ b).max() > SEPARATED:
            raise SeparationError(f"The answer is told without fail by {_runner(z, names)}: its odds ratio runs off to infinity. "
                                  'Join levels, leave it out, or use penalty="firth".', iterations=taken)  # fmt: skip
        if np.abs(size * step).max() < 1e-12 * max(1.0, np.abs(b).max()):
            return b, value, taken
    raise ConvergenceError("The logistic model reached no maximum: take fewer terms.", iterations=STEPS)


def _at(z: np.ndarray, y: np.ndarray, b: np.ndarray, firth: bool) -> tuple[float, np.ndarray, np.ndarray]:
    """The (penalised) log-likelihood, its score and the information at b."""
    eta = z @ b
    p, w = expit(eta), _weights(eta)
    information = (z.T * w) @ z
    value = float((y * eta - np.logaddexp(0.0, eta)).sum())
    rest = y - p
    if firth:
        sign, log_det = np.linalg.slogdet(information)
        if sign <= 0:
            return -np.inf, np.zeros_like(b), np.eye(len(b))
        hat = w * np.einsum("ij,jk,ik->i", z, np.linalg.inv(information), z)
        value, rest = value + log_det / 2, rest + hat * (0.5 - p)
    return value, z.T @ rest, information


def _weights(eta: np.ndarray) -> np.ndarray:
    return np.asarray(expit(eta) * expit(-eta))


def _intercept(eta: np.ndarray, y: np.ndarray) -> float:
    """What to add to every log odds so that the probabilities add up to the events."""
    shift = 0.0
    for _ in range(STEPS):
        step = float((y - expit(eta + shift)).sum() / _weights(eta + shift).sum())
        shift += max(-1.0, min(1.0, step))
        if abs(step) < 1e-14:
            break
    return shift


def _runner(z: np.ndarray, names: Sequence[str]) -> str:
    return "one of " + ", ".join(names) if len(names) > 1 else names[0] if names else f"the {z.shape[1] - 1} columns"
