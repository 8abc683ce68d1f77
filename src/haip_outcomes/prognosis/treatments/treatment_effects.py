"""What two treatments differ in: hazard ratios crude, adjusted and weighted; risks at times and what lies between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.prognosis.treatments.treatment_choice import TreatmentChoice
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.curves.aalen_johansen import CumulativeIncidence, cumulative_incidence
from haip_outcomes.survival.curves.kaplan_meier import SurvivalCurve, survival_curve
from haip_outcomes.survival.curves.mean_survival import restricted_mean
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.diagnostics import proportional_hazards
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.intervals import critical_value
from haip_outcomes.survival.results import frame_of
from haip_outcomes.survival.time_to_event import TimeToEvent
from haip_outcomes.survival.weighting.propensity_scores import propensity
from haip_outcomes.survival.weighting.treatment_weights import effective_size

MODELS = ("crude", "adjusted", "weighted")
RATIO, RISK, MEAN = "hazard ratio", "risk difference", "restricted mean difference"
RATIO_COLUMNS = ("outcome", "term", "level", "estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value", "n", "n_event", "measure", "model")
Curves = SurvivalCurve | CumulativeIncidence


@dataclass(frozen=True)
class RefusedModel:
    """A model that could not be fitted, and why."""

    outcome: str
    model: str
    reason: str


def hazard_models(tte: TimeToEvent, frame: pd.DataFrame, choice: TreatmentChoice, weights: pd.Series,
                  conf_level: float) -> tuple[dict[tuple[str, str], HazardFit], tuple[RefusedModel, ...]]:  # fmt: skip
    """Cox models of the treatment by event and model: alone, with the confounders, weighted (robust). Competing events: cause-specific."""
    alone = design(frame, [choice.treatment], reference={choice.treatment: choice.control})
    fits: dict[tuple[str, str], HazardFit] = {}
    refused: list[RefusedModel] = []
    for outcome in tte.states:
        one = tte.only(outcome) if len(tte.states) > 1 else tte
        for model in MODELS:
            try:
                if model == "weighted":
                    fits[outcome, model] = cox(one, alone, weights=weights, robust=True, conf_level=conf_level)
                elif model == "crude":
                    fits[outcome, model] = cox(one, alone, conf_level=conf_level)
                else:
                    joint = design(frame, [choice.treatment, *choice.confounders], reference={choice.treatment: choice.control})
                    fits[outcome, model] = cox(one, joint, conf_level=conf_level)
            except (FitError, EndpointError) as error:
                refused.append(RefusedModel(outcome, model, str(error)))
    return fits, tuple(refused)


def ratios(fits: dict[tuple[str, str], HazardFit], treatment: str) -> pd.DataFrame:
    """The treatment's log hazard ratio of each model: a row an event and model."""
    rows = []
    for (outcome, model), fit in fits.items():
        own = fit.tidy()
        row = own[own["term"] == treatment].iloc[0].to_dict()
        rows.append({**row, "outcome": outcome, "measure": RATIO, "model": model, "n": fit.n, "n_event": fit.n_event})
    found = pd.DataFrame(rows, columns=None if rows else list(RATIO_COLUMNS))
    return frame_of({name: found[name] for name in RATIO_COLUMNS})


def proportionality(fits: dict[tuple[str, str], HazardFit], tte: TimeToEvent, frame: pd.DataFrame, choice: TreatmentChoice, weights: pd.Series) -> pd.DataFrame:
    """Does the treatment's hazard ratio stay the same? A row an event and model.

    The test of a weighted model takes weights for copies, so they are brought to the sum of their effective size, (sum w)^2 / sum w^2.
    """
    rows = []
    for (outcome, model), fit in fits.items():
        if model == "weighted":
            w = weights * (effective_size(weights.to_numpy()) / weights.sum())
            one = tte.only(outcome) if len(tte.states) > 1 else tte
            fit = cox(one, design(frame, [choice.treatment], reference={choice.treatment: choice.control}), weights=w, robust=False)
        found = proportional_hazards(fit).tidy()
        rows.append({"outcome": outcome, "model": model, **found[found["term"] == choice.treatment].iloc[0].to_dict()})
    return pd.DataFrame(rows, columns=["outcome", "model", "term", "statistic", "df", "p_value"])


def curves_of(tte: TimeToEvent, groups: pd.Series, weights: pd.Series | None, conf_level: float) -> Curves:
    """Kaplan-Meier for one kind of event, cumulative incidence for several; with weights robust, also where they are whole numbers."""
    if len(tte.states) == 1:
        return survival_curve(tte, groups, weights=weights, conf_level=conf_level, robust=None if weights is None else True)
    variance = "cmprsk" if weights is None and tte.entry is None else "infinitesimal-jackknife"
    return cumulative_incidence(tte, groups, weights=weights, variance=variance, conf_level=conf_level)  # type: ignore[arg-type]


def risks(curves: Curves, times: Sequence[float], states: Sequence[str], model: str) -> pd.DataFrame:
    """The probability of each event by given times, in each group: of one kind of event, one minus Kaplan-Meier."""
    found = curves.at(times) if len(times) else curves.at([0.0]).iloc[:0]
    if isinstance(curves, SurvivalCurve):
        found = found.assign(outcome=states[0], estimate=1 - found["estimate"], conf_low=1 - found["conf_high"], conf_high=1 - found["conf_low"])
    return frame_of({name: found[name].to_numpy() for name in ("outcome", "group", "time", "estimate", "std_error", "conf_low", "conf_high", "n_risk")}
                    | {"model": np.full(len(found), model, dtype=object)})  # fmt: skip


def risk_differences(risk: pd.DataFrame, choice: TreatmentChoice, conf_level: float) -> pd.DataFrame:
    """Risk of the treated less that of the control; SE^2 is the sum of both, for the groups are different patients."""
    keys = ["outcome", "time", "model"]
    treated, control = (risk[risk["group"] == name].set_index(keys) for name in (choice.treated, choice.control))
    control = control.loc[treated.index]
    estimate = (treated["estimate"] - control["estimate"]).to_numpy()
    error = np.hypot(treated["std_error"].to_numpy(), control["std_error"].to_numpy())
    half = critical_value(conf_level) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimate / error
    labels = treated.index.to_frame(index=False)
    return frame_of({"outcome": labels["outcome"], "time": labels["time"], "term": choice.treatment, "level": choice.treated, "estimate": estimate, "std_error": error,
                     "conf_low": estimate - half, "conf_high": estimate + half, "statistic": statistic, "p_value": 2 * ndtr(-np.abs(statistic)),
                     "measure": RISK, "model": labels["model"]})  # fmt: skip


def mean_difference(curves: Curves, horizon: float, states: Sequence[str], choice: TreatmentChoice, model: str) -> pd.DataFrame:
    """Mean time free of the event up to a horizon, the treated less the control; only for one kind of event."""
    assert isinstance(curves, SurvivalCurve)
    row = restricted_mean(curves, horizon=horizon).contrast(choice.control).drop(columns=["group", "reference"])
    return row.assign(outcome=states[0], term=choice.treatment, level=choice.treated, measure=MEAN, model=model)


def followed_until(curves: Curves) -> float:
    """The last time to which both groups were followed."""
    return min(float(one.time[-1]) for one in curves.sets)


def weighted_estimates(tte: TimeToEvent, frame: pd.DataFrame, choice: TreatmentChoice, *, truncate: float | Sequence[float] | None, times: Sequence[float],
                       horizon: float | None, fitted: Sequence[str]) -> pd.DataFrame:  # fmt: skip
    """The whole procedure once, from the score on: what the bootstrap repeats in every resample. fitted : events with a weighted hazard ratio."""
    p = propensity(frame, choice.treatment, list(choice.confounders), estimand=choice.estimand, treated=choice.treated, truncate=truncate)
    alone = design(frame, [choice.treatment], reference={choice.treatment: choice.control})
    rows: list[tuple[str, str, float | None, float]] = []
    for outcome in fitted:
        one = tte.only(outcome) if len(tte.states) > 1 else tte
        rows.append((outcome, RATIO, None, float(cox(one, alone, weights=p.weights, robust=False).coefficients[0])))
    curves = curves_of(tte, p.groups, p.weights, 0.95)
    gap = risk_differences(risks(curves, times, tte.states, "weighted"), choice, 0.95)
    rows += [(outcome, RISK, time, value) for outcome, time, value in zip(gap["outcome"], gap["time"], gap["estimate"], strict=True)]
    if horizon is not None:
        rows.append((tte.states[0], MEAN, horizon, float(mean_difference(curves, horizon, tte.states, choice, "weighted")["estimate"].iloc[0])))
    columns = list(zip(*rows, strict=True))
    return pd.DataFrame({"outcome": columns[0], "term": columns[1], "time": pd.Series(columns[2], dtype=object), "estimate": columns[3]})
