"""The maximum of Firth's penalised likelihood, with limits and tests from its profiles.

The profile of a coefficient is log L* with that coefficient held and the others where L* is then largest. Its limits are where twice the
fall from the maximum first reaches the chi-squared quantile; its test is twice the fall to 0, where the penalty is still that of the full
model (as in coxphf), not that of the model without the term. A profile is followed outwards from the maximum. With a handful of events the
others may have a second maximum far out, which is then not seen (in 1 of 1,000 limits of simulated cohorts of 10 to 40 patients).

Reference: Venzon and Moolgavkar, Appl Stat 1988;37:87-94 (doi:10.2307/2347496).
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc, ndtri

from haip_outcomes.errors import ConvergenceError
from haip_outcomes.survival.covariates.design_matrix import Design
from haip_outcomes.survival.hazards.blocks import Blocks
from haip_outcomes.survival.hazards.hazard_fit import Profile
from haip_outcomes.survival.hazards.maximisation import Maximum, happened, quadratic, refuse_flat
from haip_outcomes.survival.hazards.penalised_likelihood import Place, Target, climb, held, place_at

FAR = 1e6  # standard errors from the estimate: a profile that has not fallen by then is flat, and the limit infinite
ROUNDING = 1e-8  # of log L*


class _Higher(Exception):  # noqa: N818 - not an error: the climb goes on from there
    """A profile met a place higher than the maximum: b (p,) of it."""

    def __init__(self, b: np.ndarray) -> None:
        self.b = b


def maximise_penalised(rows: Blocks, ties: str, made: Design, conf_level: float) -> tuple[Maximum, Profile]:
    """Firth's estimate, and the limits and tests of each coefficient, to double precision.

    The climb begins at 0. With ten patients or fewer, or one extreme value, log L* may have several maxima; if a profile comes upon a
    higher one, that is the estimate.
    """
    p = rows.x.shape[1]
    unlearned = np.zeros((p, p))
    plain = Target(rows, np.eye(p), np.log(rows.weights), ties == "efron")
    null = place_at(plain, np.zeros(p), unlearned)
    refuse_flat(null.information, float(rows.weights @ happened(rows)), made)
    target = plain.turned(null.information)
    start, iterations = np.zeros(p), 0
    for _ in range(50):
        best, steps = climb(target, place_at(target, start, unlearned), np.arange(p))
        iterations += steps
        inverse = target.turn @ best.inverse @ target.turn.T
        try:
            profile = _profiles(plain, target, best, inverse, float(ndtri((1 + conf_level) / 2)))
            break
        except _Higher as place:
            start = np.linalg.solve(target.turn, place.b)
    else:
        raise ConvergenceError("The penalised likelihood has many maxima: choose fewer terms, or look for extreme values of a covariate.")
    units = float(np.log(rows.scale).sum())  # half of what the units of the covariates add to log det I
    value = best.value - float(np.linalg.slogdet(target.turn)[1])
    found = Maximum(target.turn @ best.b / rows.scale, inverse / np.outer(rows.scale, rows.scale), value + units, null.value + units,
                    quadratic(null.information, null.score - null.pull), iterations)  # fmt: skip
    return found, profile


def _profiles(plain: Target, target: Target, best: Place, inverse: np.ndarray, goal: float) -> Profile:
    """Limits where the root of the fall reaches the goal, and tests, for covariates in their own units."""
    p = len(best.b)
    information = np.linalg.inv(inverse)
    statistic, low, high = np.empty((3, p))
    for j in range(p):
        own = plain.turned(information, j)
        change = np.linalg.solve(target.turn, own.turn)
        again = place_at(own, np.linalg.solve(own.turn, target.turn @ best.b), change.T @ best.bend @ change)
        top, _ = climb(own, again, np.arange(p))
        size = own.turn[j, -1] / plain.rows.scale[j]  # the standard error: b_j = size c_last
        statistic[j] = _root_of_fall(top, _at_zero(own, top)) ** 2
        low[j], high[j] = (size * _limit(own, top, side, goal) for side in (-1, 1))
    return Profile(low, high, statistic, chdtrc(1, statistic))


def _at_zero(target: Target, top: Place) -> Place:
    """The profile with the last coefficient 0; not lower than with all of them 0."""
    along = _held(target, top, top, 0.0)
    nothing = place_at(target, np.zeros_like(top.b), top.bend)
    return along if along.value >= nothing.value else climb(target, nothing, np.arange(len(top.b) - 1))[0]


def _held(target: Target, top: Place, near: Place, value: float) -> Place:
    now = held(target, near, value)
    if now.value > top.value + ROUNDING:
        raise _Higher(target.turn @ now.b)
    return now


def _limit(target: Target, top: Place, side: int, goal: float) -> float:
    """Where the profile of the last coefficient, followed to one side, has first fallen to the goal.

    Newton's method on the root of twice the fall, which is nearly linear in the distance from the maximum, kept between the last
    distance where it was below the goal and the first where it was not. Infinite if it does not get there.
    """
    place, distance, near, beyond = top, goal, 0.0, np.inf
    for _ in range(100):
        if distance > FAR:
            break
        now = _held(target, top, place, top.b[-1] + side * distance)
        if not np.isfinite(now.value):  # it can't be seen from here: nearer, and on from there
            distance = (near + distance) / 2
            continue
        root = _root_of_fall(top, now)
        if root < goal:
            near = distance
        else:
            beyond = distance
        if root < 2 * goal:
            place = now
        slope = -side * float(now.score[-1]) / root if root > 0 else np.nan
        new = distance + (goal - root) / slope if slope > 0 else np.nan
        if abs(new - distance) <= 1e-9 * distance or beyond - near <= 1e-10 * near:  # the latter is all the digits that log L* has
            return float(top.b[-1] + side * (new if near < new < beyond else distance))
        if not near < new < min(beyond, 4 * distance):
            new = 4 * distance if np.isinf(beyond) else (near + beyond) / 2
        distance = new
    return side * np.inf


def _root_of_fall(top: Place, now: Place) -> float:
    """The likelihood ratio statistic's square root: the distance from the maximum in standard errors, were log L* a parabola."""
    return float(np.sqrt(max(2 * (top.value - now.value), 0.0)))
