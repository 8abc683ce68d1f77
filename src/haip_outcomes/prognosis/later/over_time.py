"""Factors that become known after time zero (conversion, response), as they change over time or by a landmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from haip_outcomes.errors import EndpointError, FitError, SeparationError, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.prognosis.baseline.factor_models import Refusal
from haip_outcomes.prognosis.baseline.few_events import FEW_EVENTS, sparse_level
from haip_outcomes.prognosis.baseline.known_at import not_known, unstated_note
from haip_outcomes.prognosis.later.later_values import later_columns
from haip_outcomes.prognosis.later.over_time_models import Asked
from haip_outcomes.prognosis.later.over_time_result import NAIVE, TIME_VARYING, FactorsOverTime, landmark_name
from haip_outcomes.prognosis.later.over_time_words import (
    NO_SUBDISTRIBUTION,
    changes,
    method_sentence,
    no_value_before,
    proportional,
    refuse_unchanged,
)
from haip_outcomes.registry.cohort import require_cohort
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.hazards.maximisation import WAY_OUT
from haip_outcomes.survival.intervals import critical_value

if TYPE_CHECKING:
    from haip_outcomes.registry.cohort import Cohort

def factors_over_time(
    cohort: Cohort,
    endpoint: str,
    later: str | Sequence[str],
    terms: str | Sequence[str] = (),
    *,
    landmark: float | Sequence[float] | None = None,
    horizon: float | None = None,
    cause: str | None = None,
    strata: str | None = None,
    conf_level: float = 0.95,
) -> FactorsOverTime:
    """Whether what comes after time zero (conversion to resection, response) goes with a lower rate of the event, without immortal time.

    Who was converted at 8 months has lived 8 months: counted as converted from time zero, nobody could have died in them. Here each patient
    counts as not converted until the date and as converted from then on ("time-varying"), or those still followed at a landmark are compared,
    from there on, by what was known then ("landmark 6"). The wrong analysis stands beside, under the name "as if known at baseline (immortal
    time)", to show what it would have claimed.

    The time-varying hazard of a patient is h(t) exp(x(t) b), x(t) the value known just before t; the follow-up (entry, time] is cut at
    each change s into (entry, s] and (s, time]. A change on the day of the event comes too late for it: that event counts for the level
    before. What was known by time zero is there from the start; a date after the end of follow-up is never seen. All are counted in `changes`.
    One patient has one event, so the standard errors are the model's.

    Parameters
    ----------
    cohort, endpoint : the endpoint must be made from dates.
    later : columns of which the plan names the date (`known = "conversion_date"`, `before = "No"`), or derived as
        take = "any" of a date. Of a category the level `before` holds until then; a number has no value before, so it is for landmarks.
    terms : baseline factors to adjust for; a column known later is refused among them.
    landmark : months from time zero, one or several. Those still followed then (entry < landmark <= time) are analysed with
        time from there; a patient with the value later counts as without it, and so does one whose value is of the landmark's day and whose
        follow-up ends on it.
    horizon : how many months after a landmark patients are censored; all their follow-up unless said.
    cause : with competing events, whose cause-specific hazard; by landmark Fine and Gray's subdistribution hazard stands beside.
    strata : a column with a baseline hazard for each value, as "setting". conf_level : of the intervals.

    Returns
    -------
    FactorsOverTime : `tidy()` has the column `model`.

    Raises
    ------
    EndpointError : a column that does not exist, has no date, is no baseline factor (among terms), or never changes while patients are followed.
    CohortError : a value other than `before` without its date, with the rows.
    FitError : no model but the wrong one could be fitted; the message holds every reason.

    References: immortal time: Suissa, Am J Epidemiol 2008;167:492-499 (doi:10.1093/aje/kwm324); landmark: Anderson, Cain and Gelber, J Clin
    Oncol 1983;1:710-719 (doi:10.1200/JCO.1983.1.11.710); subdistribution: Latouche et al., Biom J 2005;47:807-813
    (not read in the primary text).

    Equals R's `coxph(Surv(start, stop, event) ~ later + terms)` on the rows of `survival::tmerge(..., later = tdc(date))`, and
    `coxph(Surv(time - at, event) ~ known_by_then + terms, subset = time >= at)`.

    Examples
    --------
    >>> import pandas as pd
    >>> from haip_outcomes.registry.plan import make_plan
    >>> from haip_outcomes.registry.cohort import Cohort, Source
    >>> plan = make_plan({"cohort": {"name": "Six", "id": "key", "setting": {"value": "unresectable"}},
    ...     "columns": {"converted": {"levels": {"0": "No", "1": "Yes"}, "known": "resection"},
    ...                 "resection": {"kind": "date"}},
    ...     "endpoints": {"os": {"label": "Survival", "start": "pump", "last_seen": "seen", "events": {"Death": "death"}}}})
    >>> day = lambda *months: pd.to_datetime("2020-01-01") + pd.to_timedelta(pd.Series(months, dtype=float) * 30, unit="D")
    >>> frame = pd.DataFrame({"pump": day(0, 0, 0, 0, 0, 0), "seen": day(2, 12, 5, 9, 15, 20), "death": day(2, 12, 5, 9, 15, None),
    ...     "resection": day(None, 4, None, 8, None, 6), "converted": pd.Categorical(["No", "Yes", "No", "Yes", "No", "Yes"]),
    ...     "setting": "unresectable"})
    >>> found = factors_over_time(Cohort(plan, frame, Source("six", "", 6)), "os", "converted")
    >>> found.tidy(exponentiate=True)[["model", "estimate", "n", "n_event", "n_changed"]].round(2)
                                         model  estimate  n  n_event  n_changed
    0                             time-varying      0.87  6        5          3
    1  as if known at baseline (immortal time)      0.42  6        5          3
    """
    require_cohort(cohort, "factors_over_time")
    critical_value(conf_level)
    names, base = _named(later, "later"), _named(terms, "terms")
    landmarks = _landmarks(landmark)
    if horizon is not None and not (np.isfinite(horizon) and horizon > 0):
        raise EndpointError(f"horizon must be a number of months above 0, after the landmark; got {horizon!r}.")
    if horizon is not None and not landmarks:
        raise EndpointError("horizon says how long patients are followed after a landmark: give landmark too, or leave it out.")
    columns = _columns(cohort, endpoint, names, base, strata)
    whole = cohort.endpoint(endpoint)
    if cause is not None:
        whole.code(cause)
    tte = whole if cause is None else whole.only(cause)
    tte.single("factors_over_time without a cause")
    followed = later_columns(cohort, endpoint, names, tte)
    refuse_unchanged(followed, tte)
    if not (tte.state > 0).any():
        raise FitError(f'Nobody had the event "{tte.states[0]}" among {plural(tte.n, "patient")}: there is nothing to model.')
    frame = cohort.frame.loc[tte.index]
    by = frame[strata].rename(cohort.plan.label(strata)) if strata else None
    asked = Asked(followed, [*names, *base], frame, by, conf_level)
    models: dict[str, HazardFit] = {}
    refused: list[Refusal] = []
    notes: dict[float, str] = {}
    numbers = [one.label for one in followed if one.before is None]
    if numbers and not landmarks:
        raise EndpointError(no_value_before(numbers))
    if numbers:
        refused.append(Refusal("", TIME_VARYING, no_value_before(numbers)))
    else:
        _try(models, refused, TIME_VARYING, asked.over_time, tte)
    if cause is not None:
        refused.append(Refusal("", f"{TIME_VARYING}, subdistribution", NO_SUBDISTRIBUTION))
    for at in landmarks:
        name = landmark_name(at)
        told, reason = asked.landmark_told(tte, at)
        notes[at] = told
        if reason:
            refused.append(Refusal("", name, reason))
            continue
        _try(models, refused, name, asked.by_landmark, tte, at, horizon)
        if cause is not None:
            _try(models, refused, f"{name}, subdistribution", asked.subdistribution, whole, at, horizon, cause)
    if not models:
        raise FitError("No model could be fitted. " + " ".join(f"{refusal.model.capitalize()}: {refusal.reason}" for refusal in refused))
    _try(models, refused, NAIVE, asked.naive, tte)
    labels = {name: cohort.plan.label(name) for name in columns}
    warnings = [f"{name[0].upper()}{name[1:]}: {warning}" for name, fit in models.items() for warning in fit.warnings if name != NAIVE]
    warnings += filter(None, [_few(name, fit, cause, labels) for name, fit in models.items() if name != NAIVE])
    warnings += filter(None, [unstated_note(cohort, [name for name in columns if name not in names], endpoint)])
    return FactorsOverTime(
        models=models, refused=tuple(refused), changes=changes(followed, tte), levels=asked.levels(models, tte.states[0]),
        proportional_hazards=proportional(models), labels=labels, warnings=tuple(warnings),
        method=method_sentence(tte, followed, base, labels, strata, models, notes, horizon), unit=tte.unit,
    )  # fmt: skip


def _few(name: str, fit: HazardFit, cause: str | None, labels: dict[str, str]) -> str:
    """What too few events at a level do to a model, which has no penalty here."""
    tte = fit.tte if len(fit.tte.states) == 1 else fit.tte.only(str(cause))
    found = sparse_level(tte, fit.design)
    for term, label in labels.items():
        found = found.replace(f"with {term} ", f"with {label} ")
    return f"{name[0].upper()}{name[1:]}: {found}; under {FEW_EVENTS} events a level, the hazard ratio and its limits may be far off." if found else ""


def _try(models: dict[str, HazardFit], refused: list[Refusal], name: str, fit: Callable[..., HazardFit], *given: object) -> None:
    """A model under its name, or the reason why there is none."""
    try:
        models[name] = fit(*given)
    except (FitError, EndpointError) as error:
        more = " At another landmark there may be." if isinstance(error, SeparationError) and name.startswith("landmark") else ""
        said = str(error).replace(WAY_OUT, "join levels or leave it out")  # a penalty is for baseline factors
        refused.append(Refusal(str(getattr(error, "term", None) or ""), name, f"{said}{more}"))


def _columns(cohort: Cohort, endpoint: str, later: list[str], terms: list[str], strata: str | None) -> list[str]:
    """Every column that is asked for, once each; refuses what does not exist, and baseline factors that are none."""
    cohort.recipe(endpoint)
    if not later:
        raise EndpointError('later names nothing: factors_over_time(cohort, "os", ["converted_to_resection"]).')
    known = cohort.frame.columns
    parts = [part for term in terms for part in ([term] if term in known else [part.strip() for part in term.replace("*", ":").split(":")])]
    for name in (*later, *parts, *([strata] if strata else [])):
        if name not in cohort.frame.columns or (name not in cohort.plan.columns and name != "setting" and name in later):
            raise EndpointError(f'There is no column "{name}" in the plan. {did_you_mean(name, map(str, cohort.frame.columns))}')
    twice = [name for name in terms if name in later]
    if twice:
        raise EndpointError(f"{listed(twice)} can't be both known later and a baseline factor: take it out of terms.")
    base = [name for name in dict.fromkeys([*parts, *([strata] if strata else [])]) if name not in later]
    reasons = [reason for name in base if (reason := not_known(cohort, endpoint, name))]
    if reasons:
        raise EndpointError(" ".join(reasons))
    return [*later, *base]


def _landmarks(landmark: float | Sequence[float] | None) -> list[float]:
    given = [] if landmark is None else [landmark] if isinstance(landmark, (int, float, np.number)) else list(landmark)
    for at in given:
        if isinstance(at, bool) or not isinstance(at, (int, float, np.number)) or not np.isfinite(at) or at <= 0:
            raise EndpointError(f"A landmark must be a number of months after time zero; got {at!r}.")
    return sorted({float(at) for at in given})


def _named(names: str | Sequence[str], what: str) -> list[str]:
    given = [names] if isinstance(names, str) else list(dict.fromkeys(names))
    if not all(isinstance(name, str) for name in given):
        raise EndpointError(f"{what} must be names of columns; got {given!r}.")
    return given
