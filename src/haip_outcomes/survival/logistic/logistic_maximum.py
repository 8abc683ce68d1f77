"""The maximum of a logistic likelihood, as it is or with Firth's penalty, by Newton's method to double precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from haip_outcomes.errors import ConvergenceError

STEPS = 200
LONGEST = 5.0  # no coefficient moves further in a step
ENOUGH = 0.2  # a step must bring this share of what the slope promises: an outlier's would else jump to where every probability is 0 or 1
Watch = Callable[[np.ndarray, np.ndarray], None]  # takes the log odds (n,) and the information (p, p), and raises where there is no maximum


@dataclass(frozen=True, eq=False)
class LogisticPoint:
    """What the likelihood says at some coefficients: its value, its slope (p,), the information (p, p) and the log odds (n,)."""

    value: float
    score: np.ndarray
    information: np.ndarray
    log_odds: np.ndarray


@dataclass(frozen=True, eq=False)
class LogisticMaximum:
    """Coefficients (p,) at the maximum, the likelihood there, and the steps taken."""

    coefficients: np.ndarray
    at: LogisticPoint
    iterations: int


def logistic_point(z: np.ndarray, y: np.ndarray, b: np.ndarray, *, firth: bool = False) -> LogisticPoint:
    """sum y log p + (1 - y) log(1 - p) at b, with `firth` plus log det I / 2 (Firth 1993, doi 10.1093/biomet/80.1.27); I is always the unpenalised information.

    z : array (n, p), with its constant. y : array (n,) of 0 and 1. Where I has no positive determinant the penalised likelihood is minus infinity.
    """
    eta = z @ b
    p, w = expit(eta), logistic_variance(eta)
    information = (z.T * w) @ z
    value, rest = float((y * eta - np.logaddexp(0.0, eta)).sum()), y - p
    if firth:
        sign, log_det = np.linalg.slogdet(information)
        if sign <= 0:
            return LogisticPoint(-np.inf, np.zeros_like(b), np.eye(len(b)), eta)
        leverage = w * np.einsum("ij,jk,ik->i", z, np.linalg.inv(information), z)
        value, rest = value + log_det / 2, rest + leverage * (0.5 - p)
    return LogisticPoint(value, z.T @ rest, information, eta)


def logistic_maximum(z: np.ndarray, y: np.ndarray, *, firth: bool = False, start: np.ndarray | None = None, watch: Watch | None = None,
                     no_maximum: str = "The logistic model reached no maximum: take fewer terms.") -> LogisticMaximum:  # fmt: skip
    """Where the (penalised) likelihood is largest: Newton's method with step-halving until a step is under 1e-12.

    start : coefficients to begin with; zeros unless given. watch : looks at the log odds before every step, and raises where they run off.

    Raises
    ------
    ConvergenceError : a singular information, or no end after 200 steps; with the sentence `no_maximum`.
    """
    b = np.zeros(z.shape[1]) if start is None else start
    here = logistic_point(z, y, b, firth=firth)
    for taken in range(1, STEPS + 1):
        if watch is not None:
            watch(here.log_odds, here.information)
        try:
            step = np.linalg.solve(here.information, here.score)
        except np.linalg.LinAlgError:
            raise ConvergenceError(no_maximum, iterations=taken) from None
        largest, gain = float(np.abs(step).max()), float(here.score @ step)
        size = min(1.0, LONGEST / largest) if largest > 0 else 1.0
        while True:
            there = logistic_point(z, y, b + size * step, firth=firth)
            if there.value >= here.value + ENOUGH * size * gain - 1e-10 * max(1.0, abs(here.value)) or size < 1e-9:
                break
            size /= 2
        b, here = b + size * step, there
        if size * largest < 1e-12 * max(1.0, float(np.abs(b).max())):
            return LogisticMaximum(b, here, taken)
    raise ConvergenceError(no_maximum, iterations=STEPS)


def logistic_variance(log_odds: np.ndarray) -> np.ndarray:
    """p (1 - p), to full precision also where p is nearly 1."""
    return np.asarray(expit(log_odds) * expit(-log_odds))
