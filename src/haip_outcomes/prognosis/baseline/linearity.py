"""Is the effect of a number a straight line? Restricted cubic splines beside it, and the shape of the curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.formatting import plural
from haip_outcomes.prognosis.baseline.factor_fits import Question, Refusal
from haip_outcomes.prognosis.baseline.few_events import EVENTS_NEEDED
from haip_outcomes.prognosis.baseline.term_names import is_number, parts_of
from haip_outcomes.survival.covariates.splines import spline
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.hazards.likelihood_ratios import likelihood_ratio

KNOTS = (4, 3)  # tried in this order: 4 suit most data, 3 where events or different values are few
COLUMNS = ["model", "term", "knots", "statistic", "df", "p_value", "n", "n_event"]
Curves = dict[tuple[str, str], HazardFit]


def bent(question: Question, single: dict[str, HazardFit], joint: HazardFit | None, terms: Sequence[str]) -> tuple[pd.DataFrame, Curves]:
    """The likelihood-ratio test of the bend of each number, alone and in the multivariable model; and the models with the splines.

    Knots are as many of KNOTS as have EVENTS_NEEDED events for each coefficient, and as the different values allow; what can't be
    tested is added to the question's `not_tested`, with the reason.
    """
    frame = question.frame
    numbers = [term for term in terms if parts_of(term, frame) == [term] and is_number(frame[term], term) and frame[term].nunique() > 2]
    rows: list[tuple[object, ...]] = []
    curves: Curves = {}
    for term in numbers:
        models = [("univariable", single[term], [term])] if term in single else []
        if joint is not None and term in joint.design.terms:
            models.append(("multivariable", joint, list(joint.design.terms)))
        for model, straight, together in models:
            try:
                fit = _curved(question, straight, together, term)
            except (FitError, EndpointError) as error:
                question.not_tested.append(Refusal(term, f"linearity, {model}", str(error)))
                continue
            bends = fit.design.nonlinear[term]
            statistic, df, p = likelihood_ratio(fit, bends)
            rows.append((model, term, len(fit.design.knots[term]), statistic, df, p, fit.n, fit.n_event))
            curves[model, term] = fit
    return pd.DataFrame(rows, columns=COLUMNS), curves


def shape(fit: HazardFit, term: str, *, points: int = 101, at: float | None = None) -> pd.DataFrame:
    """The log hazard ratio along a number, against its median: value estimate std_error conf_low conf_high.

    fit : a Cox model with a spline of the term. at : the value that others are compared with; the median of those analysed if None.
    The limits are Wald's, those of the difference to that value; they meet at it. From the 1st to the 99th centile of the data.
    """
    j = next(i for i, (name, level) in enumerate(fit.columns) if name == term and level == "linear")
    own = [i for i, (name, _) in enumerate(fit.columns) if name == term]
    values = fit.design.matrix[:, j]
    centre = float(np.median(values)) if at is None else float(at)
    low, high = np.quantile(values, [0.01, 0.99])
    grid = np.unique([*np.linspace(low, high, points), *([centre] if low <= centre <= high else [])])
    coder = next(one for one in fit.design.coding if one.name == term)
    x = np.column_stack(coder.columns(grid)) - np.column_stack(coder.columns(np.array([centre])))
    estimate = x @ fit.coefficients[own]
    error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", x, fit.covariance[np.ix_(own, own)], x), 0.0))
    reach = float(ndtri((1 + fit.conf_level) / 2)) * error
    made = pd.DataFrame({"value": grid, "estimate": estimate, "std_error": error, "conf_low": estimate - reach, "conf_high": estimate + reach})
    made.attrs["reference"] = centre
    return made


def _curved(question: Question, straight: HazardFit, together: Sequence[str], term: str) -> HazardFit:
    """The same model with the term as a spline, on the same patients, with Firth's penalty where the straight one has it."""
    reason, different = "", len(np.unique(question.frame.loc[straight.design.index, term]))
    for knots in KNOTS:
        if different < knots + 3:
            reason = reason or f"{plural(different, 'different value')} are too few for a curve."
            continue
        p = len(straight.coefficients) + knots - 2
        if straight.n_event < EVENTS_NEEDED * p:
            reason = reason or (f"{plural(straight.n_event, 'event')} can't carry the {plural(p, 'coefficient')} of a model with a curve of {knots} "
                                f"knots: at least {EVENTS_NEEDED} each are needed.")  # fmt: skip
            continue
        try:
            made = question.design([spline(name, knots) if name == term else name for name in together])
            return question.cox_as(straight, made)
        except FitError as error:
            reason = str(error)
    raise FitError(reason, term=term)
