"""The logistic model of who was treated: its maximum, and who makes it run off to infinity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from haip_outcomes.errors import SeparationError
from haip_outcomes.formatting import listed
from haip_outcomes.survival.covariates.coding import Curve, Levels
from haip_outcomes.survival.covariates.design_matrix import Design
from haip_outcomes.survival.logistic.logistic_maximum import logistic_maximum

CERTAIN = 15.0  # log odds beyond this: a score within 3e-7 of 0 or 1, perhaps on its way to infinity
NO_MAXIMUM = ("The model of who was treated reached no maximum. Take fewer terms; a number with values far from all others may need a logarithm, "
              "or to be corrected.")  # fmt: skip
CURE = ("Patients who could have had only one of the treatments can't be compared: leave them out with a reason, join the level with another, "
        "or leave the term out.")  # fmt: skip


@dataclass(frozen=True, eq=False)
class TreatmentModel:
    """Log odds ratios (1 + p,), the intercept first, their covariance, each patient's score (n,) and what it lacks to 1, to full precision."""

    coefficients: np.ndarray
    covariance: np.ndarray
    scores: np.ndarray
    rest: np.ndarray
    log_likelihood: float


def treatment_model(made: Design, treated: np.ndarray, names: tuple[str, str]) -> TreatmentModel:
    """The log odds of treatment as a + x b at the maximum of sum y log e + (1 - y) log(1 - e), by Newton's method to double precision.

    treated : array (n,) of 0 and 1. names : of the comparison and of the treatment, for messages ("arm none", "arm pump").

    Equals R's `glm(treated ~ x, family = binomial, control = glm.control(epsilon = 1e-14, maxit = 100))`.
    """
    refuse_certain(made, treated, names)
    x, y = made.matrix, treated
    centre, scale = x.mean(axis=0), x.std(axis=0)  # none is 0: a design has no constant column
    z = np.column_stack([np.ones(len(y)), (x - centre) / scale])  # one scale for all columns; undone below
    start = np.zeros(z.shape[1])
    start[0] = np.log(y.mean() / (1 - y.mean()))
    asked = False

    def watch(log_odds: np.ndarray, information: np.ndarray) -> None:
        nonlocal asked
        if not asked and np.abs(log_odds).max() > CERTAIN:
            refuse_separated(z, y, made, names)
            asked = True

    found = logistic_maximum(z, y, start=start, watch=watch, no_maximum=NO_MAXIMUM)
    back = np.diag(np.concatenate([[1.0], 1 / scale]))
    back[0, 1:] = -centre / scale
    eta = found.at.log_odds
    return TreatmentModel(back @ found.coefficients, back @ np.linalg.inv(found.at.information) @ back.T, expit(eta), expit(-eta), found.at.value)


def refuse_certain(made: Design, treated: np.ndarray, names: tuple[str, str]) -> None:
    """Raise where one variable alone tells without fail who was treated, or who was not: its name, its level, and what to do."""
    kinds = {coder.name: coder for coder in made.coding}
    yes = treated == 1
    for j, (term, level) in enumerate(made.columns):
        x = made.matrix[:, j]
        who = kinds.get(term)
        if isinstance(who, Levels):
            own = [made.matrix[:, i] for i, (other, _) in enumerate(made.columns) if other == term]
            for name, there in ((level, x == 1), (who.reference, np.sum(own, axis=0) == 0)):
                if yes[there].all() or not yes[there].any():
                    raise SeparationError(f'Every patient with {term} "{name}" ({int(there.sum())}) had {names[int(yes[there].all())]}: nobody like them had '
                                          f"{names[1 - int(yes[there].all())]}. {CURE}", term=term)  # fmt: skip
            continue
        if who is None:  # an interaction: told by the score itself, if it is so
            continue
        if set(np.unique(x)) == {0.0, 1.0}:
            for value in (0.0, 1.0):
                inside = yes[x == value]
                if inside.all() or not inside.any():
                    raise SeparationError(f'Every patient with "{term}" {value:g} ({len(inside)}) had {names[int(inside.all())]}: nobody like them had '
                                          f"{names[1 - int(inside.all())]}. {CURE}", term=term)  # fmt: skip
        elif not isinstance(who, Curve) or level == "linear":
            for below, above, words in ((x[~yes], x[yes], "above"), (x[yes], x[~yes], "below")):
                if below.max() <= above.min():
                    edge = above.min() if words == "above" else below.max()
                    raise SeparationError(f'"{term}" tells without fail who had {names[1]}: all of them are at {edge:g} or {words}, and nobody with {names[0]} '
                                          f"is {words} that. {CURE}", term=term)  # fmt: skip


def refuse_separated(z: np.ndarray, treated: np.ndarray, made: Design, names: tuple[str, str]) -> None:
    """Raise where columns together tell without fail who was treated: some b has z b >= 0 for all treated and <= 0 for all others, not all 0.

    A linear programme, after Konis 2007 (doctoral thesis, Oxford). z : the columns, scaled, behind a constant.
    """
    from scipy.optimize import linprog

    sides = z * np.where(treated == 1, 1.0, -1.0)[:, None]
    found = linprog(-sides.sum(axis=0), A_ub=-sides, b_ub=np.zeros(len(z)), bounds=[(-1, 1)] * z.shape[1])
    if not found.success or -found.fun <= 1e-7:
        return
    heavy = sorted(j for j in np.argsort(-np.abs(found.x[1:]), kind="stable")[:3] if abs(found.x[1 + j]) > 1e-6)
    some = int((sides @ found.x > 1e-7).sum())
    raise SeparationError(f"{listed([made.names[j] for j in heavy])} together tell without fail what {some} of {len(z)} patients had "
                          f"({names[0]} or {names[1]}). {CURE}")  # fmt: skip
