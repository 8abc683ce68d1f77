"""Firth's penalised partial likelihood: its value and slope anywhere, and the way up to its maximum or along a profile.

With log L, the score U and the information I of `partial_likelihood.py`, I being that of all coefficients wherever it is taken,

    log L*(b) = log L(b) + log det I(b) / 2
    U*_j(b)   = U_j(b) + trace(I(b)^-1 dI(b)/db_j) / 2

L* is the product of the likelihood and Jeffreys' prior. Wherever I(0) is regular it has a maximum at finite b, separation or not: log L
is bounded, and with b = t v the information in the direction v falls at least as fast as 1/t^2, because among those at risk the risk
gathers where x v is largest. So log L* falls without end in every direction, and every profile crosses every level.

References: Firth, Biometrika 1993;80:27-38 (doi:10.1093/biomet/80.1.27); Heinze and Schemper, Biometrics 2001;57:114-119
(doi:10.1111/j.0006-341X.2001.00114.x).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from haip_outcomes.errors import ConvergenceError
from haip_outcomes.survival.hazards import firth_kernel
from haip_outcomes.survival.hazards.blocks import Blocks

PRECISION = 1e-24  # of the last step's square, in standard errors
ENOUGH = 1e-16  # of it for a profile, whose height is off by half of that
NEAR = 1e-6  # of a step's square: within it log L* is a parabola


@dataclass(frozen=True, eq=False)
class Target:
    """The rows whose penalised likelihood is asked for, and combinations of their covariates for which it rounds well.

    Coefficients c of the combinations x T are b = T c of what they were turned from, I_c = T' I T, and log L* differs by log det T.
    """

    rows: Blocks  # with x T
    turn: np.ndarray  # (p, p) T
    log_weights: np.ndarray  # (n,)
    efron: bool

    def turned(self, information: np.ndarray, last: int = -1) -> Target:
        """Combinations for which this information is the unit matrix; the last of them moves with b_last alone, in standard errors."""
        p = len(information)
        order = [j for j in range(p) if j != last % p] + [last % p]
        turn = np.zeros((p, p))
        turn[order] = np.linalg.inv(np.linalg.cholesky(information[np.ix_(order, order)])).T
        return replace(self, rows=replace(self.rows, x=np.ascontiguousarray(self.rows.x @ turn)), turn=turn)


@dataclass(frozen=True, eq=False)
class Place:
    """The penalised likelihood of a target at coefficients b of its combinations."""

    b: np.ndarray  # (p,)
    value: float  # log L*; minus infinity where the information has no determinant
    score: np.ndarray  # (p,) U*
    pull: np.ndarray  # (p,) of which comes from the penalty
    information: np.ndarray  # (p, p) of the likelihood without penalty
    inverse: np.ndarray  # (p, p) of it
    bend: np.ndarray  # (p, p) minus the second derivative of the penalty, as far as it was learned on the way here


@np.errstate(over="ignore", invalid="ignore")
def place_at(target: Target, b: np.ndarray, bend: np.ndarray) -> Place:
    """The likelihood's value and derivatives at b (p,); far out, where they can't be had, the value is minus infinity."""
    p = len(b)
    eta = target.rows.x @ b + target.rows.offset
    score, information, slope = np.empty(p), np.empty((p, p)), np.empty(p)
    value = _moments(target, eta, False, bend, score, information, slope)
    try:
        root = np.linalg.inv(np.linalg.cholesky(information))
    except np.linalg.LinAlgError:
        return Place(b, -np.inf, score, score, information, information, bend)
    inverse = root.T @ root
    _moments(target, eta, True, inverse, np.empty(p), np.empty((p, p)), slope)
    pull = slope / 2
    value -= float(np.log(np.diag(root)).sum())  # half the logarithm of the determinant
    if not (np.isfinite(value) and np.isfinite(pull).all()):
        value = -np.inf
    return Place(b, value, score + pull, pull, information, inverse, bend)


def _moments(target: Target, eta: np.ndarray, deep: bool, inverse: np.ndarray, *out: np.ndarray) -> float:
    rows = target.rows
    return float(firth_kernel.moments_pass(rows.x, eta, rows.weights, target.log_weights, rows.begin, rows.n_event, rows.opens,
                                           rows.leaving, rows.gone, target.efron, deep, inverse, *out))  # fmt: skip


@np.errstate(over="ignore", invalid="ignore")
def climb(target: Target, place: Place, free: np.ndarray, precision: float = PRECISION) -> tuple[Place, int]:
    """The maximum over the `free` coefficients (the first ones), the others as they are; and in how many steps.

    Newton's method with step-halving. The second derivative of log L is known; that of the penalty is learned from how the penalty's
    pull changed with each step (symmetric rank one), so that the last steps shrink ever faster. Where the information has become so
    uneven that rounding ends the climb, it goes on with other combinations of the covariates.
    """
    try:
        place, ended, iterations = _climb(target, place, free, precision)
        if not ended:
            turned = target.turned(place.information)
            turn, back = turned.turn, np.linalg.inv(turned.turn)
            there, ended, more = _climb(turned, place_at(turned, back @ place.b, turn.T @ place.bend @ turn), free, precision)
            iterations += more
            place = Place(turn @ there.b, there.value - float(np.linalg.slogdet(turn)[1]), back.T @ there.score, back.T @ there.pull,
                          back.T @ there.information @ back, turn @ there.inverse @ turn.T, back.T @ there.bend @ back)  # fmt: skip
    except np.linalg.LinAlgError:
        ended = False
    if not ended:
        raise ConvergenceError("The penalised fit did not reach a maximum. Look for extreme values of a covariate: take logarithms, or groups.")
    return place, iterations


def _climb(target: Target, place: Place, free: np.ndarray, precision: float) -> tuple[Place, bool, int]:
    """As far as it goes, and whether that is the maximum."""
    step, gain, before = *_step(place, free), np.inf
    for iteration in range(200):
        if gain < precision or (gain < ENOUGH and gain >= before):  # the latter is rounding
            return place, True, iteration
        for _ in range(60):
            new = place_at(target, place.b + step, place.bend)
            if new.value >= place.value - 1e-12 * (1 + abs(place.value)):
                break
            if gain < NEAR and np.isfinite(new.value) and _step(new, free)[1] < gain:  # the value is rounded, the slope is not
                break
            step = step / 2
        else:
            return place, False, iteration
        place, before = _learned(place, new, step), gain
        step, gain = _step(place, free)
    return place, False, 200


def _step(place: Place, free: np.ndarray) -> tuple[np.ndarray, float]:
    """Newton's step in the free coefficients, and the square of its length in standard errors."""
    step = np.zeros_like(place.b)
    if len(free):
        step[free] = np.linalg.solve(curvature(place, free), place.score[free])
    return step, float(place.score @ step)


@np.errstate(over="ignore", invalid="ignore")
def held(target: Target, place: Place, value: float) -> Place:
    """The profile of the last coefficient: the maximum over the others with it held, sought from a place near by.

    Its value is minus infinity where rounding lets it not be seen.
    """
    free = np.arange(len(place.b) - 1)
    along = np.zeros_like(place.b)  # how the others follow
    along[-1] = 1.0
    if len(free):
        matrix = curvature(place, np.arange(len(place.b)))
        along[free] = -np.linalg.solve(matrix[:-1, :-1], matrix[:-1, -1])
    start = place_at(target, place.b + (value - place.b[-1]) * along, place.bend)
    if not np.isfinite(start.value):
        return start
    try:
        return climb(target, start, free, ENOUGH)[0]
    except ConvergenceError:
        return replace(start, value=-np.inf)


def curvature(place: Place, free: np.ndarray) -> np.ndarray:
    """Minus the second derivative of log L* in the free coefficients, or of log L if what was learned elsewhere does not hold here."""
    own = np.ix_(free, free)
    matrix = (place.information + place.bend)[own]
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return place.information[own]
    return matrix


def _learned(old: Place, new: Place, step: np.ndarray) -> Place:
    """The new place with what this step told about the bend of the penalty."""
    missed = old.pull - new.pull - old.bend @ step
    along = float(missed @ step)
    if abs(along) <= 1e-8 * np.linalg.norm(missed) * np.linalg.norm(step):
        return new
    return replace(new, bend=old.bend + np.outer(missed, missed) / along)
