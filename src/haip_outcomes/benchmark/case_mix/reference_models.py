"""Learning a reference model from a cohort: a Cox model with its baseline, or a logistic one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.case_mix.baseline_steps import FEWEST, BaselineSteps
from haip_outcomes.benchmark.case_mix.case_mix_model import (
    ReferenceModel as ReferenceModel,  # its public home
)
from haip_outcomes.benchmark.case_mix.logistic import LogisticFit, fit_logistic
from haip_outcomes.benchmark.case_mix.model_cohorts import Asked, asked_of, cut_at
from haip_outcomes.benchmark.case_mix.without_terms import common_hazard, no_terms
from haip_outcomes.errors import EndpointError, FitError, SeparationError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.registry.cohort import Cohort, require_cohort
from haip_outcomes.survival.covariates.coding import Levels
from haip_outcomes.survival.covariates.design_matrix import Design, design
from haip_outcomes.survival.covariates.splines import Spline
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.ranking import SAME_TIME
from haip_outcomes.survival.time_to_event import TimeToEvent

Penalty = Literal["auto", "firth"] | None
WITHOUT = "without case mix (everybody has the same risk)"
FEW = 10  # events a coefficient, under which the penalty is used


def reference_model(cohort: Cohort, outcome: str, terms: str | Spline | Sequence[str | Spline], *, horizon: float | None = None, cause: str | None = None,
                    penalty: Penalty = "auto", name: str = "", source: str = "") -> ReferenceModel:  # fmt: skip
    """Learn from one cohort what to expect of patients with a given case mix, to hold another centre against it.

    Parameters
    ----------
    cohort : the patients to learn from.
    outcome : an endpoint of the plan (Cox model with Efron ties and its baseline hazard), or an entry of `[programme]` that counts a
        level of a column (logistic model).
    terms : columns, "a*b" or spline("a"), as for `design`. Choose them beforehand; patients without one are left out and counted. [] for
        none: everybody then has the same risk, the Nelson-Aalen hazard of all these patients, or their share for yes or no.
    horizon : cut follow-up there; by default at the last time anybody was followed.
    cause : for an endpoint with competing events, whose cause-specific hazard: expected events are then those of patients who have not
        had the others yet. An endpoint of one kind of event needs none.
    penalty : "auto" uses Firth's penalty with under 10 events a coefficient (of the rarer answer for yes or no) or a level without
        events; None never, "firth" always.
    name, source : what to call the model, and where it is published.

    Formulas
    --------
    Cox: H(t|x) = exp(x b) H0(t), H0 the Efron form of the baseline; logistic: p = 1/(1 + exp(-a - x b)), with Firth's penalty the
    intercept found again so that expected equals observed in the cohort (Puhr et al. 2017, doi 10.1002/sim.7273, not re-read).

    Raises
    ------
    EndpointError : an outcome, column or cause that does not exist, competing events without `cause`. FitError : fewer than five
        events (or five without), or a model that can't be fitted. SeparationError : with `penalty=None`.

    Equals R's `coxph` with `basehaz`, and `glm(family = binomial)`.

    >>> from haip_outcomes import demo_cohort
    >>> cohort = demo_cohort().setting("unresectable")
    >>> model = reference_model(cohort, "os", ["sarcopenia"], name="Demo")
    >>> model.expected(cohort).tidy()[["n_event", "n_expected"]].round(6).to_numpy().tolist()
    [[21.0, 21.0]]
    """
    require_cohort(cohort, "reference_model")
    for what, value in (("outcome", outcome), ("name", name), ("source", source)):
        if not isinstance(value, str):
            raise EndpointError(f"{what} must be text; got {value!r}.")
    chosen = _chosen(terms)
    if not (penalty is None or (isinstance(penalty, str) and penalty in ("auto", "firth"))):
        raise EndpointError(f'penalty must be "auto", "firth" or None; got {penalty!r}.')
    asked = asked_of(cohort, outcome, cause, None)
    tte = asked.tte
    if tte is None and horizon is not None:
        raise EndpointError(f'"{outcome}" is yes or no, and a horizon is for times: leave it out.')
    if horizon is not None and (isinstance(horizon, bool) or not isinstance(horizon, (int, float, np.number)) or not 0 < horizon < np.inf):
        raise EndpointError(f"horizon must be a time above 0; got {horizon!r}.")
    if tte is not None and horizon is not None:
        if horizon > tte.time.max() * (1 + SAME_TIME):
            raise EndpointError(f"Nobody is followed to {horizon:g} {tte.unit}: the longest follow-up is {tte.time.max():.4g}. Choose an earlier horizon.")
        tte = cut_at(tte, horizon)
    index = asked.index if tte is None else tte.index
    made = design(cohort.frame.loc[index], chosen, missing="complete-case") if chosen else no_terms(index)
    common = {"name": name, "source": source, "cohort": cohort.plan.cohort.name, "outcome": outcome, "label": asked.label,
              "definition": asked.definition, "settings": cohort.settings, "coding": made.take(np.arange(0)),
              "ranges": _ranges(cohort.frame.loc[made.index], made)}  # fmt: skip
    gone = "".join(f", {len(rows)} {reason}" for reason, rows in made.left_out.items())
    what = f"of {listed([cohort.plan.label(term) if term in cohort.frame else term for term in made.terms])}" if made.terms else WITHOUT
    if tte is not None:
        return _hazard(tte, made, penalty, common, asked, f"{what}; {len(made.matrix)} of {plural(len(index), 'patient')} of {cohort.plan.cohort.name}{gone}")
    return _probability(asked, made, penalty, common, f"{what}; {len(made.matrix)} of {plural(len(index), 'patient')} of {cohort.plan.cohort.name}{gone}")


def _chosen(terms: Any) -> list[str | Spline]:
    """The terms as a list; none at all must be said."""
    if isinstance(terms, (str, Spline)):
        return [terms]
    if not isinstance(terms, (Sequence, np.ndarray, pd.Index, pd.Series)) or not all(isinstance(term, (str, Spline)) for term in terms):
        raise EndpointError(f'terms must be names of columns, such as ["age", "sarcopenia"], or [] if everybody has the same risk; got {terms!r}.')
    return list(terms)


def _hazard(tte: TimeToEvent, made: Design, penalty: Penalty, common: dict[str, Any], asked: Asked, words: str) -> ReferenceModel:
    analysed = tte.take(tte.index.isin(made.index))
    n_event = int((analysed.state > 0).sum())
    _enough(n_event, asked.label)
    told = f"{plural(n_event, 'event')} ({asked.event}); {tte.unit} since {tte.time_zero or 'time zero'} up to {round(float(analysed.time.max()), 1):g}"
    told += f"; {listed(tte.censored_causes)} censored" if tte.censored_causes else ""
    of_times = {**common, "kind": "hazard", "event": asked.event, "cause": asked.cause, "unit": tte.unit, "time_zero": tte.time_zero,
                "horizon": float(analysed.time.max()), "n": analysed.n, "n_event": n_event, "n_expected": float(n_event)}  # fmt: skip
    if not made.terms:
        nothing, method = np.zeros(0), f"Nelson-Aalen {words}, {told}"
        alike = ReferenceModel(**of_times, penalty=None, coefficients=nothing, covariance=np.zeros((0, 0)), means=nothing, method=method,
                               baseline=common_hazard(analysed))  # fmt: skip
        return _with_its_own(alike, made.matrix, analysed)
    fit: HazardFit | None = None
    firth = penalty == "firth" or (penalty == "auto" and n_event < FEW * len(made.columns))
    if not firth:
        try:
            fit = cox(analysed, made)
        except SeparationError:
            if penalty is None:
                raise
            firth = True
    if fit is None:
        fit = cox(analysed, made, penalty="firth")
    base = fit.pieces.baselines[0]
    events = np.histogram(np.searchsorted(base.time, fit.tte.time[fit.tte.state > 0]), bins=np.arange(len(base.time) + 1))[0]
    method = f"Cox with Firth's penalty (few events), Efron ties, {words}, {told}" if firth else f"Cox, Efron ties, {words}, {told}"
    model = ReferenceModel(**of_times, penalty="firth" if firth else None, coefficients=fit.coefficients, covariance=fit.covariance,
                           means=fit.design.matrix.mean(axis=0), method=method,
                           baseline=BaselineSteps(base.time, base.hazard, base.variance, base.drift, "steps", events))  # fmt: skip
    return _with_its_own(model, fit.design.matrix, fit.tte)


def _with_its_own(model: ReferenceModel, x: np.ndarray, tte: TimeToEvent) -> ReferenceModel:
    """The model with what it expects of its own patients, by its baseline and by the one that leaves the centre."""
    model = replace(model, n_expected=float(model.expected_each(x, tte.start, tte.time).sum()))
    model = replace(model, method="; ".join(filter(None, [model.method, model.tied])))
    assert model.baseline is not None
    joined = model.baseline.at_whole_times()
    if not len(joined.time):
        return model
    end = float(joined.time[-1])
    begun = tte.start < end
    cut = cut_at(tte, end)
    own = float(replace(model, baseline=joined, horizon=end).expected_each(x[begun], cut.start, cut.time).sum())
    return replace(model, own_shared=(int(begun.sum()), int((cut.state > 0).sum()), own))


def _probability(asked: Asked, made: Design, penalty: Penalty, common: dict[str, Any], words: str) -> ReferenceModel:
    y = asked.outcome.reindex(made.index).to_numpy(dtype=float)
    n_event = int(y.sum())
    rarer = min(n_event, len(y) - n_event)
    _enough(rarer, asked.label, " and without")
    firth = bool(made.terms) and (penalty == "firth" or (penalty == "auto" and rarer < FEW * len(made.columns)))
    fit: LogisticFit | None = None
    if not firth:
        try:
            fit = fit_logistic(made.matrix, y, names=made.names)
        except SeparationError:
            if penalty is None:
                raise
            firth = True
    if fit is None:
        fit = fit_logistic(made.matrix, y, penalty="firth")
    kind = "Logistic model with Firth's penalty (few events), intercept corrected," if firth else "Logistic model" if made.terms else "Share"
    method = "; ".join([f"{kind} {words}, {plural(n_event, 'event')} ({asked.event})", *(note.rstrip(".") for note in asked.notes)])
    return ReferenceModel(**common, kind="probability", event=asked.event, cause=None, unit="", time_zero="", horizon=float("inf"), n=len(y), n_event=n_event,
                          n_expected=float(n_event), penalty="firth" if firth else None, coefficients=fit.coefficients, covariance=fit.covariance,
                          means=made.matrix.mean(axis=0), method=method)  # fmt: skip


def _enough(n_event: int, label: str, without: str = "") -> None:
    if n_event < FEWEST:
        raise FitError(f"{label}: {plural(n_event, 'patient')} with{without} the event are too few for a reference model, which needs {FEWEST}; "
                       "a model of fewer would tell of single patients.")  # fmt: skip


def _ranges(frame: pd.DataFrame, made: Design) -> dict[str, tuple[float, float]]:
    """The fifth lowest and fifth highest value of each number: no single patient's extreme."""
    found = {}
    for coder in made.coding:
        if not isinstance(coder, Levels) and len(frame) >= 2 * FEWEST:
            ordered = np.sort(frame[coder.name].to_numpy(dtype=float))
            found[coder.name] = (float(ordered[FEWEST - 1]), float(ordered[-FEWEST]))
    return found
