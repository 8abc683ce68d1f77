"""The centre's number for a published figure: by the same estimand, time zero and method, or not at all.

Each field of the estimand is the same on both sides, different, or not stated. Different: the comparison is
refused with its reason. Not stated: the centre's number is computed under every convention that the figure could
mean and that the centre's plan can answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from haip_outcomes.benchmark.centre import (
    AT_RISK,
    CURVE,
    CentreNumber,
    NotComparableError,
    at_horizon,
    at_risk,
    days_median,
    enough_followed,
    incidence_median,
    proportion,
    survival_median,
)
from haip_outcomes.benchmark.conventions import (
    DIFFERENT,
    NOT_ASKED,
    OTHER_ZERO,
    SAME,
    UNSTATED,
    Convention,
    liver_readings,
    named_readings,
    time_zero_match,
    time_zeros,
)
from haip_outcomes.benchmark.hazard_ratios import hazard_ratios
from haip_outcomes.benchmark.matching import (
    ENDPOINTS,
    LIVER,
    NO_ENDPOINT,
    NO_ENTRY,
    OTHER_EVENT,
    Answers,
    Fields,
)
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.benchmark.uncertainty import Contrast
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.programme.safety_and_delivery import (
    Count,
    applicable,
    counted,
    days,
    early_deaths,
    level_count,
)
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.survival.time_to_event import TimeToEvent


def answers(cohort: Cohort, figure: PublishedFigure) -> Answers:
    """The centre's numbers under every convention, or NotComparableError with the reason in plain words."""
    _refuse_by_kind(figure)
    if figure.modality == "no HAIP" and figure.setting in ("adjuvant", "unresectable", "both"):
        raise NotComparableError("it is of patients without a pump")
    part, group = _patients(cohort, figure)
    if figure.subgroup:
        raise NotComparableError(
            f"the figure is of a subgroup ({figure.subgroup}) that the plan does not single out",
            kind="the figure is of a subgroup that the plan does not single out",
        )
    if figure.statistic == "hazard_ratio":
        return hazard_ratios(part, group, figure)
    if figure.statistic in ("proportion", "range"):
        return _proportion(part, group, figure)
    if figure.statistic == "median_IQR" or (figure.statistic == "median" and figure.common_unit == "days"):
        return _days(part, group, figure)
    return _times(part, group, figure)


def _refuse_by_kind(figure: PublishedFigure) -> None:
    if figure.endpoint in ("cohort_composition", "learning_curve", "trial_design", "definition"):
        raise NotComparableError("it describes patients, surgeons or methods and is no outcome")
    if figure.statistic in (
        "threshold",
        "sample_size",
        "count",
        "median_range",
        "benchmark_cutoff",
        "risk_ratio",
        "odds_ratio",
    ):
        kind = figure.statistic.replace("_", " ")
        raise NotComparableError(
            f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} has no counterpart among the centre's results",
            kind="its statistic has no counterpart among the centre's results",
        )
    crude = (*LIVER, "extrahepatic_recurrence", "any_recurrence", *ENDPOINTS)
    if figure.statistic == "proportion" and figure.endpoint in crude:
        raise NotComparableError(
            "it is a crude share, which grows with the length of follow-up, and not a probability at a time"
        )


def _patients(cohort: Cohort, figure: PublishedFigure) -> tuple[Cohort, str]:
    """The centre's patients of the figure's setting, and what to call them."""
    if figure.setting == "systemic":
        raise NotComparableError("it is of patients on systemic chemotherapy without a pump")
    if figure.setting != "both":
        name = "comparator" if figure.setting == "resected_no_haip" else figure.setting
        if name not in cohort.settings:
            words = (
                "resected patients without a pump (comparator)"
                if name == "comparator"
                else f"{name} patients"
            )
            raise NotComparableError(f"the centre has no {words}")
        return cohort.setting(name), name
    pumps = [name for name in ("adjuvant", "unresectable") if name in cohort.settings]
    if len(pumps) < 2:
        only = f"only {listed(tuple(map(str, pumps)))} ones" if pumps else "neither"
        raise NotComparableError(
            f"it is of adjuvant and unresectable patients together, and the centre has {only}"
        )
    if figure.statistic == "hazard_ratio":
        if figure.factor not in cohort.plan.analysis.pooled:
            raise NotComparableError(
                f"it pools adjuvant and unresectable patients, and the plan does not pool them for {figure.factor}"
            )
    elif figure.statistic not in ("proportion", "range"):
        raise NotComparableError(
            "it is of adjuvant and unresectable patients together; the centre's times are by setting"
        )
    chosen = cohort.frame["setting"].astype(str).isin(pumps)
    part = cohort if chosen.all() else cohort.where(chosen, because="comparator patients")
    return part, "adjuvant and unresectable"


# --- proportions and days -------------------------------------------------------------------------------------


def _proportion(part: Cohort, group: str, figure: PublishedFigure) -> Answers:
    entries = part.plan.programme
    name, notes = figure.endpoint, []
    complement = name == "first_cycle_not_delivered" and name not in entries
    if complement:
        name = "first_cycle_delivered"
    if figure.endpoint == "prevalence":
        found, fields = _prevalence(part, figure), _factor_definition(figure)
    elif figure.endpoint == "postop_mortality" and name not in entries and figure.horizon == 3:
        try:
            found, left, _ = early_deaths(part)
        except EndpointError as error:
            raise NotComparableError(str(error).rstrip(".")) from None
        fields = Fields(event=SAME)
        notes += [f"{plural(left, 'patient')} left before 90 days"] if left else []
    else:
        if name not in entries or entries[name].column is None:
            raise NotComparableError(f"the plan has no [programme.{name}]", kind=NO_ENTRY)
        asked = applicable(part, name)
        if asked is None or asked.settings != part.settings:
            raise NotComparableError(
                f"the plan asks about {entries[name].label} in {listed(entries[name].settings)} patients only"
            )
        found = counted(part, name)
        found = Count(found.n - found.k, found.n, found.missing) if complement else found
        fields = _definition(entries[name].definition, figure)
    if not found.n:
        raise NotComparableError("it is not known for any of the centre's patients")
    notes += [f"not known for {plural(found.missing, 'patient')}"] if found.missing else []
    published = np.nan if figure.estimate is None else figure.estimate * figure.scale
    return Answers(fields, (proportion(found, published),), group, tuple(notes))


def _prevalence(part: Cohort, figure: PublishedFigure) -> Count:
    if figure.factor not in part.plan.columns:
        raise NotComparableError(f'the plan has no column "{figure.factor}"', kind="the plan has no column for it")
    levels = [str(level) for level in getattr(part[figure.factor].dtype, "categories", [])]
    if len(levels) != 2:
        raise NotComparableError(f'the column "{figure.factor}" does not have two levels')
    return level_count(part[figure.factor], levels[1])


def _factor_definition(figure: PublishedFigure) -> Fields:
    """A column of the plan has a label and no definition, so that of the source can't be held against it: both are said."""
    words = f"how {figure.factor} was defined"
    if figure.event == "not stated":
        return Fields(event=UNSTATED, unstated=(words,))
    return Fields(event=UNSTATED, plan_unstated=(f"{words} (the source: {figure.event_text or figure.event})",))


def _definition(definition: str, figure: PublishedFigure) -> Fields:
    theirs, ours = figure.event, " ".join(definition.casefold().split())
    if theirs in ("as named", "not applicable") or theirs.casefold() == ours:
        return Fields(event=SAME)
    unstated = ("what counted as an event",) if theirs == "not stated" else ()
    missing = () if ours else ("its definition",)
    if figure.horizon is not None and unstated:
        missing = (*missing, f"whether it counts within {figure.horizon:g} months, as the source does")
    if unstated or not ours:
        return Fields(event=UNSTATED, unstated=unstated, plan_unstated=missing)
    raise NotComparableError(f'the source counts "{theirs}", and the centre "{definition}"', kind=OTHER_EVENT)


def _days(part: Cohort, group: str, figure: PublishedFigure) -> Answers:
    entry = part.plan.programme.get(figure.endpoint)
    if entry is None or entry.start is None:
        raise NotComparableError(f"the plan has no [programme.{figure.endpoint}] with two dates", kind=NO_ENTRY)
    if applicable(part, figure.endpoint) is None:
        raise NotComparableError(
            f"the plan asks about {entry.label} in {listed(entry.settings)} patients only"
        )
    values, missing = days(part, figure.endpoint)
    if not len(values):
        raise NotComparableError("the dates are not known for any of the centre's patients")
    zero = time_zero_match(figure, part.plan.label(entry.start))
    if zero == DIFFERENT:
        raise NotComparableError(
            f"the source counts from {figure.time_zero}, and the centre from {part.plan.label(entry.start)}", kind=OTHER_ZERO
        )
    unstated = ("from which operation it counts",) if zero == UNSTATED else ()
    notes = (f"a date is missing for {plural(missing, 'patient')}",) if missing else ()
    return Answers(Fields(time_zero=zero, unstated=unstated), (days_median(values),), group, notes)


# --- times to an event ----------------------------------------------------------------------------------------


def _times(part: Cohort, group: str, figure: PublishedFigure) -> Answers:
    liver = figure.endpoint in LIVER or figure.endpoint == "extrahepatic_recurrence"
    if not liver and figure.endpoint not in ENDPOINTS:
        raise NotComparableError(
            f"the centre's plan has no counterpart of {figure.endpoint.replace('_', ' ')}"
        )
    if liver and figure.statistic == "cumulative_incidence" and figure.event == "not applicable":
        raise NotComparableError("the source does not say which event it counts")
    endpoints = (
        ["extrahepatic"]
        if figure.endpoint == "extrahepatic_recurrence"
        else ["liver"]
        if liver
        else [ENDPOINTS[figure.endpoint]]
    )
    if endpoints[0] not in part.plan.endpoints and not (
        liver and "first_site" in part.plan.endpoints and endpoints == ["liver"]
    ):
        raise NotComparableError(f"the plan has no [endpoints.{endpoints[0]}]", kind=NO_ENDPOINT)
    unstated: list[str] = []
    conventions: list[Convention] = []
    notes: list[str] = []
    zeros: set[str] = set()
    read_as = liver_readings if liver else named_readings
    for zero, words, tte_of in time_zeros(part, endpoints[0], figure):
        zeros.add(zero)
        read = read_as(part, endpoints[0], figure, tte_of)
        conventions += [replace(c, words=", ".join(filter(None, [c.words, words]))) for c in read.conventions]
        notes += [words for words in read.unanswered if words not in notes]
    if not conventions:
        raise NotComparableError(
            f"the source counts {figure.event_text or figure.event}, and the plan has no endpoint for it", kind=OTHER_EVENT
        )
    if UNSTATED in zeros:
        unstated.append("its time zero")
    event = UNSTATED if figure.event == "not stated" else SAME
    competing = {"not stated": UNSTATED, "not applicable": NOT_ASKED}.get(figure.competing, SAME)
    if event == UNSTATED:
        unstated.append(
            "whether extrahepatic progression ended follow-up of the liver"
            if liver
            else "what counted as an event"
        )
    unstated += ["how deaths were counted"] if competing == UNSTATED else []
    unstated += ["how its interval was made"] if _form_open(figure) else []
    numbers, failures = [], []
    for convention in conventions:
        try:
            numbers += list(_numbers(convention, figure))
        except (NotComparableError, EndpointError) as error:
            failures.append(error)
            notes.append(f"{convention.words}: {error}" if convention.words else str(error))
    if not numbers:
        raise NotComparableError(str(failures[0]))
    fields = Fields(
        time_zero=UNSTATED if UNSTATED in zeros else SAME,
        event=event,
        competing=competing,
        unstated=tuple(unstated),
    )
    return Answers(fields, tuple(numbers), group, unanswered=tuple(notes))


_FORMS: tuple[tuple[str, Contrast], ...] = (("curve-based limits", "ratio"), ("standard-error limits", "difference"))


def _numbers(convention: Convention, figure: PublishedFigure) -> Iterator[CentreNumber]:
    tte, cause = convention.tte, convention.cause
    if figure.statistic == "median":
        value = figure.estimate and figure.estimate * figure.scale
        expected = np.log(2) / value * _exposure(tte) if value else np.nan
        contrast: Contrast = "difference" if figure.ci_form == "symmetric (standard error)" else "ratio"
        if cause is not None:
            yield incidence_median(tte, cause, convention.words, expected, contrast)
        else:
            if not _form_open(figure):
                yield survival_median(tte, convention.words, expected, contrast)
                return
            by_curve, by_error = (survival_median(tte, ", ".join(filter(None, [method, convention.words])), expected, how, form_stated=False)
                                  for method, how in _FORMS)  # fmt: skip
            if by_error.basis == CURVE:  # no standard error: the second reading would be the first under another name
                yield replace(by_curve, notes=by_error.notes)
            else:
                yield from (by_curve, by_error)
        return
    horizon = figure.horizon or np.nan
    if not enough_followed(tte, horizon):
        present = at_risk(tte, horizon)
        few = f"only {plural(present, 'patient')}" if present else "nobody"
        raise NotComparableError(f"{few} at risk at {horizon:g} months here after censoring; at least {AT_RISK} are needed",
                                 kind=f"under {AT_RISK} patients at risk here at the figure's time")  # fmt: skip
    event_probability = figure.statistic == "cumulative_incidence"
    p = (figure.estimate or 0) * figure.scale
    free = min(max(1 - p if event_probability else p, 1e-6), 1 - 1e-6)
    expected = -np.log(free) * _exposure(tte, horizon) / horizon
    yield at_horizon(tte, cause, horizon, convention.words, expected, events=event_probability)


def _form_open(figure: PublishedFigure) -> bool:
    """Whether a median's interval could be of either form: the source does not say, and it is symmetric as far as its digits tell."""
    return figure.statistic == "median" and figure.ci_form == "not stated" and figure.looks_symmetric


def _exposure(tte: TimeToEvent, until: float = np.inf) -> float:
    """Time at risk, up to a horizon: with a constant hazard, events expected are hazard times this."""
    begin = np.zeros(len(tte)) if tte.entry is None else np.minimum(tte.entry, until)
    return float((np.minimum(tte.time, until) - begin).sum())
