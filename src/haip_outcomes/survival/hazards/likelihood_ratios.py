"""Likelihood-ratio tests of some of a Cox model's coefficients: of a whole factor, or of what bends a spline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.hazards.blocks import Blocks, in_blocks
from haip_outcomes.survival.hazards.cox_pieces import CoxPieces
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.hazards.maximisation import maximise
from haip_outcomes.survival.hazards.penalised_likelihood import Target, climb, place_at

COLUMNS = ("term", "test", "statistic", "df", "p_value")


def likelihood_ratio(fit: HazardFit, columns: Sequence[int]) -> tuple[float, int, float]:
    """Are these coefficients 0? Statistic, degrees of freedom and p of the likelihood ratio.

    Twice the difference of the log-likelihoods with and without the columns, on the rows of the fit, with its strata, weights and ties.

    Of a fit with Firth's penalty both are the penalised log-likelihood of the whole model, the coefficients tested being held at 0 in
    the second: as for a single coefficient of such a fit. (The model without the columns has a penalty of its own, which counts the units
    of the covariates: the difference to that would change when years become months.)

    Parameters
    ----------
    fit : from `cox`, not robust.
    columns : positions among `fit.columns`.

    Raises
    ------
    EndpointError : a robust fit, or one of `fine_gray`: their likelihood is none whose ratio is chi-squared.

    Equals R's `anova(without, with)` of two coxph fits; of a penalised one `coxphf::coxphftest` with the coefficients at 0.

    Examples
    --------
    >>> import pandas as pd
    >>> from haip_outcomes.survival.covariates.design_matrix import design
    >>> from haip_outcomes.survival.hazards.cox_regression import cox
    >>> from haip_outcomes.survival.time_to_event import TimeToEvent
    >>> six = pd.DataFrame({"months": [1, 3, 4, 6, 6, 9], "death": [1, 1, 1, 1, 0, 1], "treated": [0, 1, 0, 0, 1, 1]})
    >>> fit = cox(TimeToEvent.from_frame(six, time="months", state="death", states=["Death"]), design(six, ["treated"]))
    >>> statistic, df, p = likelihood_ratio(fit, [0])
    >>> round(float(statistic - fit.tests()["statistic"][0]), 12), df
    (0.0, 1)
    """
    pieces = fit.pieces
    if fit.robust or not isinstance(pieces, CoxPieces):
        raise EndpointError("A robust fit, or one of fine_gray, has no likelihood whose ratio is chi-squared: use its Wald tests, fit.term_tests().")
    tested = sorted(set(columns))
    kept = [j for j in range(len(fit.coefficients)) if j not in tested]
    if not tested:
        raise EndpointError("Name at least one coefficient to test.")
    chosen = kept if fit.profile is None else [*kept, *tested]  # what is tested stands last
    rows = in_blocks(fit.tte, np.ascontiguousarray(pieces.matrix[:, chosen]), strata=pieces.strata, weights=pieces.weights, offset=pieces.offset) if chosen else None
    if fit.profile is not None:
        assert rows is not None  # it has all columns
        statistic = _penalised(fit, rows, chosen, len(kept))
    elif rows is None:
        statistic = 2 * (fit.log_likelihood - fit.log_likelihood_null)
    else:
        made = replace(fit.design, matrix=pieces.matrix[:, kept], columns=tuple(fit.columns[j] for j in kept))
        statistic = 2 * (fit.log_likelihood - maximise(rows, fit.ties, made).value)
    statistic = max(float(statistic), 0.0)
    return statistic, len(tested), float(chdtrc(len(tested), statistic))


def whole_term_tests(fit: HazardFit) -> pd.DataFrame:
    """A row a term, all its columns tested together: term test statistic df p_value.

    The likelihood ratio, or, of a robust or a Fine-Gray fit, Wald's test with its sandwich. A column that is also part of an interaction
    has no row: without it the interaction would mean something else. Equals R's `drop1(fit, test = "Chisq")`.
    """
    parts = {name: set(fit.design.variables.get(name, (name,))) for name in fit.design.terms}
    rows = []
    wald = None
    for term, own in parts.items():
        if any(own < others for others in parts.values()):
            continue
        columns = [j for j, (name, _) in enumerate(fit.columns) if name == term]
        if fit.robust:
            wald = fit.term_tests() if wald is None else wald
            row = wald[(wald["term"] == term) & wald["level"].isna()].iloc[0]
            rows.append((term, "Wald", float(row["statistic"]), len(columns), float(row["p_value"])))
        else:
            rows.append((term, "likelihood ratio", *likelihood_ratio(fit, columns)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _penalised(fit: HazardFit, rows: Blocks, order: Sequence[int], free: int) -> float:
    """Twice the fall of log L* from its maximum to where the coefficients after the first `free` are 0."""
    p = len(order)
    plain = Target(rows, np.eye(p), np.log(rows.weights), fit.ties == "efron")
    b = fit.coefficients[list(order)] * rows.scale
    unlearned = np.zeros((p, p))
    target = plain.turned(np.linalg.inv(fit.model_covariance[np.ix_(order, order)] * np.outer(rows.scale, rows.scale)))
    top, _ = climb(target, place_at(target, np.linalg.solve(target.turn, b), unlearned), np.arange(p))
    starts = [np.zeros(p), np.where(np.arange(p) < free, top.b, 0.0)]  # those of the end are combinations of the end alone
    held = [climb(target, place_at(target, start, unlearned), np.arange(free))[0].value for start in starts]
    return 2 * (top.value - max(held))
