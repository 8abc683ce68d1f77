"""The centre's hazard ratio for a published one: the same contrast, time zero and handling of deaths, adjusted as the source's is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from haip_outcomes.benchmark.centre import CentreNumber, NotComparableError, hazard_ratio
from haip_outcomes.benchmark.conventions import (
    NOT_ASKED,
    SAME,
    UNSTATED,
    Convention,
    liver_readings,
    named_readings,
    time_zeros,
)
from haip_outcomes.benchmark.matching import ENDPOINTS, LIVER, NO_ENDPOINT, OTHER_EVENT, Answers, Fields
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.formatting import interval, listed
from haip_outcomes.registry.cohort import Cohort


def hazard_ratios(part: Cohort, group: str, figure: PublishedFigure) -> Answers:
    """The hazard ratio under every convention that the figure could mean: time zero, deaths, adjustment."""
    name, contrast = _asked(part, figure)
    conventions, unanswered, zeros = _readings(part, name, figure)
    if not conventions:
        raise NotComparableError(
            f"the source counts {figure.event_text or figure.event}, and the plan has no endpoint for it", kind=OTHER_EVENT
        )
    numbers: list[CentreNumber] = []
    for convention in conventions:
        for words, terms in _models(part, figure):
            under = ", ".join(filter(None, [convention.words, words]))
            try:
                numbers.append(hazard_ratio(convention.tte, part.frame, figure.factor, terms, under, convention.cause))
            except (FitError, EndpointError) as error:
                unanswered.append(f"{under}: {error}")
    if not numbers:
        raise NotComparableError(unanswered[-1])
    competing = {"not stated": UNSTATED, "not applicable": NOT_ASKED}.get(figure.competing, SAME)
    unstated = ["its time zero"] if UNSTATED in zeros else []
    unstated += ["how deaths were counted"] if competing == UNSTATED else []
    unstated += ["whether it is adjusted"] if figure.adjustment == "not stated" else []
    unstated += ["what counted as an event"] if figure.event == "not stated" else []
    defined = figure.event not in ("as named", "not stated", "not applicable") and figure.outcome
    fields = Fields(
        time_zero=UNSTATED if UNSTATED in zeros else SAME, event=UNSTATED if figure.event == "not stated" else SAME,
        competing=competing, unstated=tuple(unstated),
        plan_unstated=(f"how {figure.factor} was defined (the source: {figure.event_text or figure.event})",) if defined else (),
    )  # fmt: skip
    notes = [contrast, *_stratified(part, group, figure, conventions[0])]
    if figure.ci_low is not None and not figure.log_symmetric:
        notes.append("the source's interval is not symmetric about its hazard ratio on the logarithm: misprinted, or made another way")
    return Answers(fields, tuple(numbers), group, tuple(notes), tuple(unanswered))


def _asked(part: Cohort, figure: PublishedFigure) -> tuple[str, str]:
    """The plan's endpoint, and which level is set against which; refused where the centre has no such contrast."""
    factor, outcome = figure.factor, figure.outcome or figure.endpoint
    if factor == "haip":
        raise NotComparableError(
            "it compares patients with and without a pump who were matched, randomised or adjusted; the plan has no such comparison"
        )
    if factor not in part.plan.columns:
        raise NotComparableError(f'the plan has no column "{factor}"', kind="the plan has no column for it")
    name = "liver" if outcome in LIVER else ENDPOINTS.get(outcome)
    if name is None:
        raise NotComparableError(f"the centre's plan has no counterpart of a hazard of {outcome.replace('_', ' ')}")
    if name not in part.plan.endpoints:
        raise NotComparableError(f"the plan has no [endpoints.{name}]", kind=NO_ENDPOINT)
    if figure.adjustment in ("multivariable", "propensity score", "randomised"):
        raise NotComparableError(
            f"the source's hazard ratio is of another kind ({figure.adjustment}): it is adjusted for other things than the centre's"
        )
    levels = [str(level) for level in getattr(part[factor].dtype, "categories", [])]
    if len(levels) != 2:
        raise NotComparableError(f'the figure sets two groups against each other, and the column "{factor}" does not have two levels')
    return name, f"{part.plan.label(factor)}: {levels[1]} against {levels[0]} here"


def _readings(part: Cohort, name: str, figure: PublishedFigure) -> tuple[list[Convention], list[str], set[str]]:
    read_as = liver_readings if name == "liver" else named_readings
    conventions: list[Convention] = []
    unanswered: list[str] = []
    zeros: set[str] = set()
    for zero, words, tte_of in time_zeros(part, name, figure):
        zeros.add(zero)
        read = read_as(part, name, figure, tte_of)
        conventions += [replace(c, words=", ".join(filter(None, [c.words, words]))) for c in read.conventions]
        unanswered += [words for words in read.unanswered if words not in unanswered]
    return conventions, unanswered, zeros


def _models(part: Cohort, figure: PublishedFigure) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Without adjustment; where the source does not say, also with the plan's own multivariable terms."""
    yield "no adjustment", (figure.factor,)
    wanted = part.plan.analysis.multivariable or part.plan.analysis.factors
    if figure.adjustment == "not stated" and figure.factor in wanted and len(wanted) > 1:
        others = [part.plan.label(name) for name in wanted if name != figure.factor]
        yield f"adjustment for {listed([f'{label[:1].lower()}{label[1:]}' for label in others])}", tuple(wanted)


def _stratified(part: Cohort, group: str, figure: PublishedFigure, convention: Convention) -> Iterator[str]:
    """A pooled hazard ratio is said to be one, beside the same model stratified by setting."""
    if figure.setting != "both":
        return
    try:
        found = hazard_ratio(convention.tte, part.frame, figure.factor, (figure.factor,), "", convention.cause, strata="setting")
    except (FitError, EndpointError) as error:
        yield f"pooled over {group} patients; stratified by setting it can't be estimated ({str(error).rstrip('.')})"
        return
    yield f"pooled over {group} patients; stratified by setting it is {interval(found.side.estimate, *found.shown)}"
