"""Prognostic factors of a cohort with gaps: every model on all patients, missing values imputed, beside complete cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.prognosis.baseline.known_at import not_known, unstated_note
from haip_outcomes.prognosis.baseline.outcome_as_factor import tells_the_outcome
from haip_outcomes.prognosis.missing.imputed_inputs import (
    constants,
    levels_of,
    once,
    question_of,
    require_columns,
    require_seed,
    unfit_columns,
    usable,
    with_knots,
)
from haip_outcomes.prognosis.missing.imputed_results import ImputedFactors
from haip_outcomes.prognosis.missing.imputed_words import about_missing, large_errors, method_of
from haip_outcomes.prognosis.missing.joint_model import joint_model
from haip_outcomes.prognosis.missing.outcome_unseen import hardly_learnt, unlearnt
from haip_outcomes.prognosis.missing.paired_models import (
    Fitting,
    NotFitted,
    Paired,
    PairedModel,
    Term,
    columns_of_terms,
    paired_model,
    parts_of,
    term_name,
)
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.survival.covariates.design_matrix import Design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.imputation.chained_equations import impute
from haip_outcomes.survival.intervals import critical_value
from haip_outcomes.survival.subdistribution.regression import fine_gray
from haip_outcomes.survival.time_to_event import TimeToEvent


def imputed_factors(
    cohort: Cohort | TimeToEvent,
    endpoint: str | pd.DataFrame,
    terms: Sequence[Term],
    *,
    multivariable: Sequence[Term] | None = None,
    auxiliary: Sequence[str] = (),
    imputations: int = 50,
    rounds: int = 10,
    methods: Mapping[str, str] | None = None,
    delta: Mapping[str, float] | None = None,
    strata: str | None = None,
    cause: str | None = None,
    subdistribution: bool = False,
    penalty: Literal["where needed", "firth"] | None = "where needed",
    labels: Mapping[str, str] | None = None,
    conf_level: float = 0.95,
    rng: int | np.random.Generator,
) -> ImputedFactors:
    """Which factors go with a higher rate of the event when some patients lack a value: all patients, imputed, beside those who have everything.

    One imputation serves all models: the columns of all terms, `strata`, `auxiliary`, every event's indicator and its cumulative hazard tell of each other.
    Then a Cox model (Efron ties) for each term, and one of `multivariable`, is fitted to each completed copy and pooled by Rubin's rules (Barnard and Rubin's
    degrees of freedom), and beside it to the complete cases. A model that uses nothing that is missing is fitted once. Columns are imputed first and
    interactions and splines made from them (passively); a spline's knots are placed once, among the known values. Outcomes are never imputed: patients
    without one are left out.

    Parameters
    ----------
    cohort : a Cohort; or a TimeToEvent, and then `endpoint` is a data frame, a row a patient, aligned by index (it may have more rows).
    endpoint : the name of an endpoint of the plan; or the data frame.
    terms : columns, "a:b", "a*b" or spline("a"); the first category of a column is its reference.
    multivariable : the terms of the multivariable model; all `terms` if not given, none with an empty list. It needs 5 events a coefficient.
    auxiliary : columns of no model that tell of the missing values; they may be known after time zero. What is missing together with a column tells
        nothing of it.
    imputations : about one for each percent of incomplete patients, 20 at least. rounds : of the chained equations. methods, delta : as in `impute`; `delta`
        is a sensitivity analysis of values not missing at random.
    strata : a column with a baseline hazard for each value.
    cause : with competing events, whose cause-specific hazard; all causes stand in the imputation. subdistribution : the model of Fine and Gray of that cause
        instead.
    penalty : "where needed" takes Firth's where a level has fewer than 5 events among the complete cases, "firth" always, None never. It then stands in both
        models; pooled limits are not those of the profile. Fine and Gray's model has none.
    labels : column -> its name in print; a cohort's plan has them.
    conf_level : of the intervals. rng : a seed, or numpy's Generator.

    Returns
    -------
    ImputedFactors : `tidy()` with `model` and `cases` ("complete", "imputed"), `term_tests()`, `patterns()`, `missing()`, `imputed`. A column that can't be
        imputed (of which fewer than 5 patients with the event have a value, too), is known only after time zero, or is the outcome in another form, and a term that can't be fitted, are in `refused` with the reason; the others go on without them.

    Raises
    ------
    EndpointError : a column or endpoint that does not exist; no seed; competing events without `cause`; columns that can't be imputed together; nothing left
        to model.
    FitError : no events, or nothing could be fitted; the message holds every reason.

    Rubin 1987, doi 10.1002/9780470316696; White, Royston and Wood 2011, doi 10.1002/sim.4067; outcome: White and Royston 2009, doi 10.1002/sim.3618. Equals,
    on the same completed frames, R's `mice::pool(as.mira(lapply(frames, function(d) coxph(y ~ terms, d))))` with `dfcom` events less coefficients, and
    `coxph` on complete cases.

    Examples
    --------
    >>> from haip_outcomes import demo_cohort
    >>> found = imputed_factors(demo_cohort().setting("unresectable"), "os", ["sarcopenia", "risk_score"], imputations=20, rng=1)
    >>> found.tidy()[["model", "cases", "term", "n"]].iloc[[2, 3]].to_numpy().tolist()
    [['univariable', 'complete', 'risk_score', 30], ['univariable', 'imputed', 'risk_score', 34]]
    """
    require_seed(rng)
    critical_value(conf_level)
    whole, own, called, name = question_of(cohort, endpoint, labels)
    if penalty not in (None, "firth", "where needed"):
        raise EndpointError(f'penalty must be "where needed", "firth" or None; got {penalty!r}.')
    if subdistribution and (cause is None or penalty == "firth"):
        raise EndpointError('subdistribution=True is the model of Fine and Gray: it needs cause="..." and takes no penalty.')
    event_tte = whole if cause is None else whole.only(cause)
    if not event_tte.single("imputed_factors without a cause").any():
        raise FitError(f'Nobody had the event "{event_tte.states[0]}" among {plural(whole.n, "patient")}: there is nothing to model.')
    single, together = once(terms), once(terms if multivariable is None else multivariable)
    extra = [auxiliary] if isinstance(auxiliary, str) else list(dict.fromkeys(auxiliary))
    modelled = columns_of_terms([*single, *together], own)
    by = [strata] if strata is not None else []
    require_columns([*modelled, *by, *extra], own)
    if not single:
        raise EndpointError('No terms: name at least one column, as in imputed_factors(cohort, "os", ["age", "sarcopenia"], rng=1).')
    later = {column: reason for column in [*modelled, *by] if isinstance(cohort, Cohort) and (reason := not_known(cohort, name, column))}
    if strata in later:
        raise EndpointError(f"strata: {later[str(strata)]}")
    unfit = unfit_columns(own, [*modelled, *by, *extra], strata)
    outcome = {column: said for column in dict.fromkeys([*modelled, *by, *extra]) if column not in unfit and (said := tells_the_outcome(whole, own[column]))}
    if strata in outcome:
        raise EndpointError(f"strata: {outcome[str(strata)]}")
    reasons = {**unfit, **outcome, **later}
    unseen = unlearnt(own, [column for column in dict.fromkeys([*modelled, *by, *extra]) if column not in reasons], event_tte, whole)
    refused = [NotFitted(column, "imputation", "", {**unseen, **reasons}[column]) for column in extra if column in reasons or column in unseen]
    extra = [column for column in extra if column not in unseen]
    single, together = (usable(group, own, reasons, model, refused) for group, model in ((single, "univariable"), (together, "multivariable")))
    single, together = (with_knots(group, own, model, refused) for group, model in ((single, "univariable"), (together, "multivariable")))
    if not single and len(together) < 2:
        raise EndpointError("Nothing is left to model. " + " ".join(dict.fromkeys(one.reason for one in refused)))
    columns = [column for column in dict.fromkeys([*columns_of_terms([*single, *together], own), *by, *extra]) if column not in reasons]
    held = own[columns]
    incomplete = [column for column in columns if held[column].isna().any()]
    imputed, alike = None, constants(held, columns)
    fillable = [column for column in incomplete if column not in unseen]
    if delta and incomplete and not fillable:
        raise EndpointError(f"delta shifts imputed values, and nothing is imputed. {' '.join(unseen[column] for column in incomplete)}")
    if delta and not incomplete:
        raise EndpointError(f"delta shifts imputed values, and nothing is missing in {listed([called[column] for column in columns])}: leave it out.")
    if fillable:
        mixed = [column for column in columns if column not in alike and column not in unseen]
        imputed = impute(held, tte=whole, columns=mixed, imputations=imputations, rounds=rounds, methods=methods, delta=delta, rng=rng)
    completed = () if imputed is None else imputed.frames

    def fitting(tte: TimeToEvent, made: Design, strata: pd.Series | None, firth: bool) -> HazardFit:
        if subdistribution:
            if strata is None and tte.entry is None and tte.id is None:
                return fine_gray(tte, made, cause=str(cause), conf_level=conf_level)
            return fine_gray(tte, made, cause=str(cause), se="finegray", strata=strata, conf_level=conf_level)
        return cox(tte, made, strata=strata, penalty="firth" if firth else None, conf_level=conf_level)

    firth = None if subdistribution else penalty
    tte, code = (whole, whole.code(str(cause))) if subdistribution else (event_tte, 1)
    asked = once(terms if multivariable is None else multivariable)
    univariable, multi, notes = _models(tte, held, completed, single, together, asked, fitting, firth, code, strata, refused, called, unseen)
    if not any(model.complete is not None or model.pooled is not None for model in [*univariable.values(), *([multi] if multi else [])]):
        raise FitError("No model could be fitted. " + " ".join(f"{called.get(one.term, one.term)}: {one.reason}" for one in refused))
    warnings = [*notes, *about_missing(held, incomplete, event_tte, imputed, called), *hardly_learnt(held, fillable, event_tte, called)]
    if isinstance(cohort, Cohort):
        warnings += filter(None, [unstated_note(cohort, [*columns_of_terms([*single, *together], own), *by], str(endpoint))])
    warnings += large_errors([*univariable.values(), *([multi] if multi else [])], called)
    return ImputedFactors(
        univariable=univariable, multivariable=multi, imputed=imputed, tte=event_tte, frame=held, columns=tuple(columns),
        levels=levels_of(held, columns_of_terms([*single, *together], own), event_tte), refused=tuple(refused),
        labels=called | {term_name(term): " × ".join(called[part] for part in parts_of(term, own)) for term in [*single, *together]},
        measure="subdistribution hazard ratio" if subdistribution else "hazard ratio", conf_level=conf_level, warnings=tuple(dict.fromkeys(warnings)),
        method=method_of(cohort, whole, imputed, univariable, multi, called, strata, conf_level, columns, delta, unseen), unit=whole.unit,
    )  # fmt: skip


def _models(
    tte: TimeToEvent, frame: pd.DataFrame, completed: Sequence[pd.DataFrame], single: Sequence[Term], together: Sequence[Term], asked: Sequence[Term],
    fitting: Fitting, penalty: str | None, code: int, strata: str | None,
    refused: list[NotFitted], labels: Mapping[str, str], unseen: Mapping[str, str],
) -> tuple[dict[str, PairedModel], PairedModel | None, list[str]]:  # fmt: skip
    """All models; the multivariable one is tried with all terms whose columns could be imputed, whatever their univariable models did."""
    univariable: dict[str, PairedModel] = {}
    notes: list[str] = []

    def fit(terms: Sequence[Term], model: str) -> Paired:
        return paired_model(tte, frame, completed, terms, fitting, model=model, penalty=penalty, code=code, strata=strata, unlearnt=unseen)

    for term in single:
        model, lost, said, _ = fit([term], "univariable")
        refused += lost
        notes += [f"{labels.get(term_name(term), term_name(term))}: {sentence}" for sentence in [*said, *_fit_warnings(model)]]
        if model.complete is not None or model.pooled is not None:
            univariable[term_name(term)] = model
    left = []
    for term in together:
        why = [unseen[part] for part in parts_of(term, frame) if part in unseen]
        if why and len(together) > 1:
            refused.append(NotFitted(term_name(term), "multivariable", "", " ".join(why)))
        else:
            left.append(term)
    multi, lost, said = joint_model(left, asked, frame, lambda terms: fit(terms, "multivariable"))
    refused += lost
    if multi is not None:
        notes += [f"Multivariable model: {sentence}" for sentence in [*said, *_fit_warnings(multi)]]
    return univariable, multi, notes


def _fit_warnings(model: PairedModel) -> list[str]:
    if model.pooled is None:
        return [] if model.complete is None else list(model.complete.warnings)
    beside = [] if model.complete is None else [f"complete cases: {sentence}" for sentence in model.complete.warnings]
    return [*model.pooled.warnings, *beside]
