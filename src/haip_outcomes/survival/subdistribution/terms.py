"""Fine and Gray's partial likelihood at given coefficients, what everything else is made of, and its maximum."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from haip_outcomes.errors import ConvergenceError, SeparationError
from haip_outcomes.survival.covariates.design_matrix import Design
from haip_outcomes.survival.hazards.maximisation import (
    NEARLY_COLLINEAR,
    PRECISION,
    Maximum,
    quadratic,
    refuse_flat,
)
from haip_outcomes.survival.subdistribution import kernel as kernel
from haip_outcomes.survival.subdistribution.rows import SubdistributionRows


@dataclass(frozen=True, eq=False)
class Terms:
    """The likelihood at b for standardised covariates; symbols as in `kernel.py`, event times as the blocks come."""

    rows: SubdistributionRows
    value: float
    shift: float  # subtracted from every x b
    risk: np.ndarray  # (n,) w exp(x b - shift)
    weight: np.ndarray  # (E,) W
    total: np.ndarray  # (E, 1 + p) S0 and S1
    sums: np.ndarray  # (E, 5) a0 a1 b0 b1 b2; without rows for Breslow
    e1: np.ndarray  # (E, p), or without rows
    score: np.ndarray  # (p,)
    information: np.ndarray  # (p, p)

    @cached_property
    def hazard(self) -> np.ndarray:
        """Sum over l of c/denominator_l, (E,): a0."""
        return self.sums[:, 0] if self.rows.efron else self.weight / self.total[:, 0]

    @cached_property
    def variance(self) -> np.ndarray:
        """Sum over l of c/denominator_l^2, (E,): b0."""
        return self.sums[:, 2] if self.rows.efron else self.hazard / self.total[:, 0]

    @property
    def own_hazard(self) -> np.ndarray:
        """Sum over l of f_l c/denominator_l, which the events themselves do not go through, (E,): a1; without rows for Breslow."""
        return self.sums[:, 1]

    @cached_property
    def drift(self) -> np.ndarray:
        """Sum over l of c mean_l/denominator_l, (E, p)."""
        found = self.variance[:, None] * self.total[:, 1:]
        return found - self.sums[:, 3:4] * self.e1 if self.rows.efron else found

    @property
    def own_drift(self) -> np.ndarray:
        """Sum over l of f_l c mean_l/denominator_l, (E, p), which the events do not go through; without rows for Breslow."""
        return self.sums[:, 3:4] * self.total[:, 1:] - self.sums[:, 4:5] * self.e1 if self.rows.efron else self.e1

    @property
    def mean(self) -> np.ndarray:
        """The mean over l of mean_l, (E, p)."""
        if not self.rows.efron:
            return self.total[:, 1:] / self.total[:, 0:1]
        return (self.sums[:, 0:1] * self.total[:, 1:] - self.sums[:, 1:2] * self.e1) / self.weight[:, None]

    def gone_through(self, g: np.ndarray | float = 1.0) -> np.ndarray:
        """The hazards of the event times that each row was at risk at, each times g, added up, (n,)."""
        return kernel.passed(g * self.hazard, g * self.own_hazard if self.rows.efron else self.own_hazard, *self.rows.layout)

    def scores(self, *, with_censoring: bool) -> np.ndarray:
        """What each row adds to the score, (n, p), without its case weight; with its part in the estimate of P, or not."""
        rows = self.rows
        share = rows.share_of_events() if with_censoring else np.empty((len(rows.later), 0))
        return kernel.row_scores(rows.blocks.x, rows.blocks.weights, *rows.layout, self.risk, np.ascontiguousarray(self.hazard), self.drift,
                                 np.ascontiguousarray(self.own_hazard), self.own_drift, self.mean, rows.censored, share)  # fmt: skip

    def information_in_time(self, g: np.ndarray) -> np.ndarray:
        """The information with the terms of each event time multiplied by g (E,)."""
        x, s1 = self.rows.blocks.x, self.total[:, 1:]
        means = (s1 * (g * self.variance)[:, None]).T @ s1
        if self.rows.efron:
            cross = (s1 * (g * self.sums[:, 3])[:, None]).T @ self.e1
            means += (self.e1 * (g * self.sums[:, 4])[:, None]).T @ self.e1 - cross - cross.T
        return (x * (self.risk * self.gone_through(g))[:, None]).T @ x - means


def evaluate(rows: SubdistributionRows, b: np.ndarray, over: Terms | None = None) -> Terms:
    """The terms at b (p,); written over the arrays of `over`, which is then of no more use."""
    (n, p), e = rows.blocks.x.shape, len(rows.event_blocks)
    tied = e if rows.efron else 0
    if over is None:
        arrays = (np.empty(n), np.empty(e), np.empty((e, p + 1)), np.empty((tied, 5)), np.empty((tied, p)), np.empty(p), np.empty((p, p)))
    else:
        arrays = (over.risk, over.weight, over.total, over.sums, over.e1, over.score, over.information)
    value, shift = kernel.one_pass(rows.blocks.x, rows.blocks.weights, *rows.layout, rows.efron, b, over.shift if over else 0.0, *arrays)
    return Terms(rows, value, shift, *arrays)


def maximise(rows: SubdistributionRows, made: Design) -> tuple[Maximum, Terms, np.ndarray]:
    """Newton's method with step-halving from 0, on the standardised covariates, to double precision; or an error with the reason.

    The log-likelihood is concave. When a step's square, in standard errors, is below PRECISION the step is still taken, and the
    terms just before it serve for the rest: what is left is of the order of that square. Columns that nearly say the same are turned
    first, as in `maximisation.py`. Returned are the maximum, the terms there, and the matrix (p, p) that takes sums of their
    `scores` to changes of b.
    """
    p = rows.blocks.x.shape[1]
    now = evaluate(rows, np.zeros(p))
    null, score_test, turn = now.value, quadratic(now.information, now.score), np.eye(p)
    if refuse_flat(now.information, float(now.weight.sum()), made) < NEARLY_COLLINEAR:
        turn = np.linalg.inv(np.linalg.cholesky(now.information)).T
        score_test = float(np.sum((turn.T @ now.score) ** 2))
        rows = replace(rows, blocks=replace(rows.blocks, x=np.ascontiguousarray(rows.blocks.x @ turn)))
        now = evaluate(rows, np.zeros(p))
    b, step, before = np.zeros(p), np.zeros(p), np.inf
    for iteration in range(1, 101):
        try:
            step = np.linalg.solve(now.information, now.score)
        except np.linalg.LinAlgError:
            break
        gain, value = abs(float(now.score @ step)), now.value  # the squared length of the step in standard errors
        if gain < PRECISION or (gain < 1e-12 and gain > before / 4):  # the second is rounding
            back = turn / rows.blocks.scale[:, None]
            half = back @ np.linalg.inv(now.information)
            return Maximum(back @ (b + step), half @ back.T, value, null, score_test, iteration), now, half
        before = gain
        for _ in range(40):
            now = evaluate(rows, b + step, over=now)
            sound = np.isfinite(now.value) and np.isfinite(now.score).all() and np.isfinite(now.information).all()
            if sound and now.value >= value - 1e-12 * (1 + abs(value)):
                break
            step = step / 2
        else:
            break
        b = b + step
        if iteration >= 8 and iteration % 4 == 0:  # a fit that has a maximum has it by then; else look now and then why not
            _refuse_monotone(rows, step, turn, made, iteration)
    alone = np.diag(np.sign(turn @ b)) @ np.linalg.inv(turn).T  # each covariate alone
    for direction in (step, b, *alone):
        _refuse_monotone(rows, direction, turn, made, iteration)
    worst = made.columns[int(np.argmax(np.abs(turn @ step)))][0]
    raise ConvergenceError(f'The fit did not reach a maximum; "{worst}" still moves. Look for extreme values of it, or for a '
                           "combination of covariates that nearly always, or nearly never, has the event.", term=worst)  # fmt: skip


def _refuse_monotone(rows: SubdistributionRows, step: np.ndarray, turn: np.ndarray, made: Design, iteration: int) -> None:
    """Raise if the likelihood never falls in the direction of the step: at each event time the events lead all at risk."""
    lead = rows.blocks.x @ step
    if not kernel.always_ahead(lead, *rows.layout, 1e-6 * max(float(np.ptp(lead)), 1e-300)):
        return
    worst = int(np.argmax(np.abs(turn @ step)))
    term, level = made.columns[worst]
    what = f'{term} "{level}"' if level is not None and term not in made.nonlinear else f'"{made.names[worst]}"'
    raise SeparationError(
        f"The coefficient of {what} runs off to infinity: at every event time those with the event had the most extreme values in the "
        "risk set. No finite hazard ratio fits; join levels or leave it out.",
        term=term, iterations=iteration,
    )  # fmt: skip
