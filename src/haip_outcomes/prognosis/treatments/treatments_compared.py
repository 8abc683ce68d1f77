"""Two treatments of one file that were chosen, not drawn by lot: pump against no pump among a centre's own patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.prognosis.treatments.treatment_choice import (
    Term,
    TreatmentChoice,
    arms,
    counted,
    texts_of,
    treatment_choice,
)
from haip_outcomes.prognosis.treatments.treatment_comparison import TreatmentComparison
from haip_outcomes.prognosis.treatments.treatment_dates import counted_before, treatment_dates
from haip_outcomes.prognosis.treatments.treatment_effects import (
    curves_of,
    followed_until,
    hazard_models,
    mean_difference,
    proportionality,
    ratios,
    risk_differences,
    risks,
    weighted_estimates,
)
from haip_outcomes.prognosis.treatments.treatment_time_zero import from_one_time_zero
from haip_outcomes.prognosis.treatments.treatment_words import sentences_of, warnings_of
from haip_outcomes.registry.cohort import Cohort, require_cohort
from haip_outcomes.survival.counts import checked_times
from haip_outcomes.survival.covariates.splines import Spline
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.intervals import critical_value
from haip_outcomes.survival.resampling.bootstrapping import Bootstrap, bootstrap
from haip_outcomes.survival.results import in_order
from haip_outcomes.survival.time_to_event import TimeToEvent
from haip_outcomes.survival.weighting.propensity_scores import Propensity, propensity
from haip_outcomes.survival.weighting.treatment_weights import WHOM, Estimand
from haip_outcomes.survival.weighting.unmeasured import EValue, e_value

RARE = 0.15  # of the patients: below it a hazard ratio is taken for a risk ratio
FAR = 1e4  # a hazard ratio or limit beyond it, or below its inverse, is on its way to infinity: no E-value
SOURCES = {"ATE": "Rosenbaum and Rubin 1983", "ATT": "Rosenbaum and Rubin 1983", "overlap": "Li, Morgan and Zaslavsky 2018"}


def compare_treatments(
    cohort: Cohort,
    endpoint: str = "os",
    *,
    treatment: str | None = None,
    treated: str | None = None,
    control: str | None = None,
    confounders: Sequence[Term] | None = None,
    estimand: Estimand | None = None,
    truncate: float | Sequence[float] | None = None,
    times: Sequence[float] | None = None,
    started: str | None = None,
    landmark: float | None = None,
    conf_level: float = 0.95,
    replicates: int = 0,
    rng: int | np.random.Generator | None = None,
    n_jobs: int | None = 1,
    progress: Any = None,
) -> TreatmentComparison:
    """Pump against no pump among patients for whom it was chosen: alike in what was known, then compared.

    The score (the chance of the treatment given the confounders, by logistic regression) gives weights that make both groups alike in the
    confounders; then curves and a Cox model with these weights. Beside them stand the crude Cox model and the one with the confounders as
    covariates: three looks at the same patients. Nobody can weight by what was not written down; the E-value says how strong it would have to be.

    Parameters
    ----------
    cohort : patients of both treatments, as one file of a programme and its own comparators, or several files read together.
    endpoint : of the plan. With competing events (liver progression, death) every kind of event has its incidence and its cause-specific hazard ratio.
    treatment, treated, control, confounders, estimand : a column ("setting" too), two of its levels, what was known when the choice was made (names,
        "a:b", spline("a")), and of whom the effect is asked ("ATE", "ATT", "overlap": see `propensity`). What is None comes from the plan's [treatment].
        Patients with another level are left out and counted.
    truncate : as in `propensity`.
    times : for risks, in months; the plan's [analysis] times unless said, none with an empty list. Those beyond the follow-up of a group are left out, with a note.
    started : the date column on which the treatments were begun, unless the plan says it: `known` of the treatment, or the pump's date. Both groups are held
        to it, but for the level that patients have until then (`before`; the first level, if none of its patients has a date).
    landmark : months after time zero from which on both groups are counted, as they are then; for treatments begun after time zero. Who had neither yet is left out.
    conf_level : of all limits.
    replicates, rng, n_jobs, progress : of a bootstrap of the whole procedure, score included (percentile limits, 2,000 for a paper); 0 for none.

    Returns
    -------
    TreatmentComparison : see there.

    Raises
    ------
    EndpointError : a treatment of one level; a level, column or endpoint that is not there; the treatment among the confounders; a group without
        time zero; patients of either group treated after time zero (unless a landmark is given), or at a day not known; `started` that contradicts the plan;
        a treatment or confounder that is known only later.
    SeparationError : confounders that tell without fail who was treated, named. FitError : no events; too few patients for the score.

    The weighted difference of risks at t has SE^2 = SE_1(t)^2 + SE_0(t)^2 from the robust limits of both curves. The limits take the weights as known;
    those of the bootstrap do not.

    Rosenbaum and Rubin 1983, doi 10.1093/biomet/70.1.41; Austin 2016, doi 10.1002/sim.7084; immortal time: Suissa 2008, doi 10.1093/aje/kwm324 (not re-read);
    E-value: VanderWeele and Ding 2017, doi 10.7326/M16-2607. The weighted model equals R's `coxph(y ~ treated, weights = w, robust = TRUE)`, the
    curves `survfit(y ~ treated, weights = w, id = id, robust = TRUE, conf.type = "log-log")`.

    Examples
    --------
    >>> import numpy as np
    >>> from haip_outcomes.registry.simulate import Truth, simulate_cohort
    >>> truth = {"adjuvant": Truth(death=0.014), "comparator": Truth(death=0.02)}
    >>> cohort = simulate_cohort(300, rng=np.random.default_rng(3), truth=truth, shares={"adjuvant": 1, "comparator": 1})
    >>> found = compare_treatments(cohort, "os", treatment="setting", confounders=["sarcopenia", "node_positive", "age"])
    >>> found.tidy(exponentiate=True)[["measure", "model", "estimate"]].round(2).head(3).to_numpy().tolist()
    [['hazard ratio', 'crude', 0.77], ['hazard ratio', 'adjusted', 0.71], ['hazard ratio', 'weighted', 0.72]]
    """
    require_cohort(cohort, "compare_treatments")
    critical_value(conf_level)
    if replicates and rng is None:
        raise EndpointError("A bootstrap draws by chance: give rng=, a seed or numpy.random.default_rng(seed), so that the same numbers can be made again.")
    choice = treatment_choice(cohort, treatment, treated, control, confounders, estimand)
    cohort.recipe(endpoint)  # refuses one that does not exist
    begun = treatment_dates(cohort, choice, started)
    third = counted_before(cohort, endpoint, choice, begun, landmark)
    groups, others = arms(cohort, choice, third, begun.resting if begun is not None else None)
    pair = cohort.where(cohort.frame.index.isin(groups.index), because=f"another {choice.label}")
    counting = from_one_time_zero(pair, endpoint, choice, groups, begun, landmark=landmark)
    tte, groups = counting.tte, counting.groups
    frame = pair.frame.loc[tte.index].assign(**{choice.treatment: groups})
    score = propensity(frame, choice.treatment, list(choice.confounders), estimand=choice.estimand, treated=choice.treated, truncate=truncate,
                       missing="complete-case")  # fmt: skip
    left_out = dict(_told(cohort, [*others, *counting.left_out, *score.left_out.items()]))
    kept = tte.index.isin(score.weights.index)
    notes = [*counting.notes, *_joined(counting.tte.index.intersection(third), cohort, choice, landmark), *_incomplete(pair, score, groups)]
    tte, groups, frame = tte.take(kept), groups[kept], frame[kept]
    weights = score.weights.loc[tte.index]
    if not (tte.state > 0).any():
        raise FitError(f'Nobody had the event "{listed(tte.states, "or")}" among {plural(tte.n, "patient")}: there is nothing to compare.')
    names = groups.astype(str)
    weighted, crude = (curves_of(tte, names, w, conf_level) for w in (weights, None))
    until = followed_until(crude)
    wanted = cohort.plan.analysis.times if times is None else times
    asked = checked_times(wanted).tolist() if np.size(wanted) else []
    at = [time for time in asked if time <= until]
    if len(at) < len(asked):
        notes.append(f"One of the groups was followed to {until:.1f} {tte.unit} only: nothing is said of {listed([f'{t:g}' for t in asked if t > until])} {tte.unit}.")
    fits, refused = hazard_models(tte, frame, choice, weights, conf_level)
    risk = pd.concat([risks(crude, at, tte.states, "crude"), risks(weighted, at, tte.states, "weighted")], ignore_index=True)
    horizon = at[-1] if at and len(tte.states) == 1 else None
    parts = [ratios(fits, choice.treatment), risk_differences(risk, choice, conf_level)]
    if horizon is not None:
        parts += [mean_difference(curves, horizon, tte.states, choice, model) for curves, model in ((crude, "crude"), (weighted, "weighted"))]
    effects = in_order(pd.concat([part for part in parts if len(part)], ignore_index=True))
    events = {outcome: int((tte.state == tte.code(outcome)).sum()) for outcome in tte.states}
    effects = effects.assign(n=len(tte), n_event=effects["outcome"].map(events))
    again = None
    if replicates:
        ratio_of = [outcome for outcome in tte.states if (outcome, "weighted") in fits]
        again = bootstrap(partial(weighted_estimates, choice=choice, truncate=truncate, times=at, horizon=horizon, fitted=ratio_of), tte, frame,
                          replicates=replicates, method="percentile", conf_level=conf_level, rng=rng, n_jobs=n_jobs, progress=progress)  # type: ignore[arg-type] # fmt: skip
    labels = {name: cohort.plan.label(name) for name in (choice.treatment, *choice.columns)}
    found = TreatmentComparison(
        choice=choice, labels=labels, tte=tte, groups=groups, left_out=left_out, propensity=score, curves=weighted, crude_curves=crude, fits=fits,
        refused=refused, risk=risk, effects=effects, proportional_hazards=proportionality(fits, tte, frame, choice, weights),
        e_values=_e_values(fits, tte, choice.treatment), resampled=again, conf_level=conf_level, landmark=landmark,
        method=_method(choice, labels, tte, left_out, again),
    )  # fmt: skip
    return replace(found, sentences=sentences_of(found, notes), warnings=tuple(dict.fromkeys([*notes, *warnings_of(found)])))


def _told(cohort: Cohort, reasons: Sequence[tuple[str, pd.Index]]) -> list[tuple[str, int]]:
    """Reasons in words, with labels for columns, and how many."""
    told = []
    for reason, index in reasons:
        column = reason.removeprefix("without ")
        told.append((f"without {cohort.plan.label(column)}" if column != reason else reason, len(index)))
    return told


def _joined(third: pd.Index, cohort: Cohort, choice: TreatmentChoice, landmark: float | None) -> list[str]:
    """Who got a third treatment later, and counts as what was had until then."""
    if not len(third):
        return []
    texts = texts_of(cohort.frame.loc[third, choice.treatment])
    what = listed([f"{int((texts == level).sum())} {level}" for level in sorted(set(texts))])
    when = "time zero" if landmark is None else f"{landmark:g} months"
    return [f"Begun only later, and so counted as at {when}, before it: {what}. To leave them out would take from that group those who lived long enough to get it."]


def _incomplete(cohort: Cohort, score: Propensity, groups: pd.Series) -> list[str]:
    if not score.left_out:
        return []
    gone = score.left_out.items()
    words = listed([f"{cohort.plan.label(reason.removeprefix('without '))} ({counted(index, groups)})" for reason, index in gone])
    return [f"Left out for a missing confounder: {words}. If that goes with the treatment or with how they fared, impute (in Python: haip.impute) and compare in each "
            "completed cohort."]  # fmt: skip


def _e_values(fits: Mapping[tuple[str, str], HazardFit], tte: TimeToEvent, treatment: str) -> dict[str, EValue]:
    found = {}
    for (outcome, model), fit in fits.items():
        own = fit.tidy(exponentiate=True)
        ratio = own.loc[own["term"] == treatment, ["estimate", "conf_low", "conf_high"]].to_numpy(dtype=float)[0].tolist()
        if model == "weighted" and np.isfinite(ratio).all() and min(ratio) > 1 / FAR and max(ratio) < FAR:
            share = float((tte.state == tte.code(outcome)).mean())
            found[outcome] = e_value(*ratio, rare=share < RARE)
    return found


def _term(term: Term, labels: Mapping[str, str]) -> str:
    if isinstance(term, Spline):
        return f"{labels[term.column]} (spline)"
    return labels[term] if term in labels else " × ".join(labels[part.strip()] for part in term.replace("*", ":").split(":"))


def _method(choice: TreatmentChoice, labels: Mapping[str, str], tte: TimeToEvent, left_out: Mapping[str, int], again: Bootstrap | None) -> str:
    several = len(tte.states) > 1
    words = [f"{choice.treated[:1].upper()}{choice.treated[1:]} against {choice.control} ({choice.label}), weighted by the propensity score of {listed([_term(term, labels) for term in choice.confounders])} for "
             f"{WHOM[choice.estimand]} ({choice.estimand}; {SOURCES[choice.estimand]})",
             f"weighted {'cumulative incidence and cause-specific ' if several else 'Kaplan-Meier curves and '}Cox model with robust variance (Austin 2016)",
             "the crude Cox model and the one with the confounders as covariates beside it",
             f"{again.method[0].lower()}{again.method[1:]}" if again is not None else "",
             f"{plural(tte.n, 'patient')}{''.join(f', {n} left out: {reason}' for reason, n in left_out.items())}"]  # fmt: skip
    zero = f"{tte.unit} since {tte.time_zero}" if tte.time_zero else ""
    return "; ".join(word for word in [*words, zero] if word)
