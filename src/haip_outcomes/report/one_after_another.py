"""Chapter: this centre patient after patient: complications along the case number, and control charts with their limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.case_mix.case_mix_model import ReferenceModel
from haip_outcomes.benchmark.comparison import Comparison
from haip_outcomes.benchmark.curves.centre_against_curves import UNCERTAIN, against_curves
from haip_outcomes.benchmark.curves.reference_curve import ReferenceCurve
from haip_outcomes.benchmark.literature import Figures
from haip_outcomes.benchmark.over_time.control_chart import Cusum
from haip_outcomes.benchmark.over_time.cusums import cusum
from haip_outcomes.benchmark.over_time.learning import learning_curve
from haip_outcomes.benchmark.over_time.survival_cusums import survival_cusum
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.benchmark.verdicts import SAME_PATIENTS
from haip_outcomes.figures.control_charts import plot_cusum, plot_learning_curve
from haip_outcomes.formatting import percent, plural
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.programme.safety_and_delivery import applicable
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.asked import Asked
from haip_outcomes.report.chance import SEED
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.words import small
from haip_outcomes.tables.disclosure import OPEN, Policy

TITLE = "The centre over time"
ENOUGH = 20  # cases in their order, below which a chart has next to no chance to find anything
FEW = 5  # events, and cases without one
UNSURE = ("The chart takes what is expected as known. It was itself estimated, so false alarms are more frequent than 5 of 100: against a curve of 49 patients "
          "9, 11, 16 and 20 of 100 sound centres of 20, 34, 60 and 100 patients would signal (simulated; benchmarks/COVERAGE.md).")  # fmt: skip
OUTSIDE = "In a report for outside, charts patient after patient are left out: each step of such a line is one patient's outcome."


def over_time(cohort: Cohort, comparison: Comparison | None, asked: Asked, policy: Policy = OPEN) -> Chapter | None:
    """Learning curves and CUSUMs of what can go wrong, and a CUSUM of survival. None for patients without a pump, or too few of them."""
    pumps = cohort.frame["setting"].astype(str).isin(["adjuvant", "unresectable"])
    if pumps.sum() < ENOUGH:
        return None
    part = cohort if pumps.all() else cohort.where(pumps, because="no pump")
    chapter = Chapter("over_time", TITLE, policy)
    if policy.hides:
        chapter.say(OUTSIDE)
        return chapter
    if len(part.centres) > 1:
        chapter.say(f"These are patients of {len(part.centres)} centres: a case number, and a chart over time, are of one centre. Name it: --centre \"{part.centres[0]}\".")
        return chapter
    order = _order(part)
    if order is None:
        chapter.refuse(TITLE.lower(), "the file has no dates from which patients are counted, so the order of cases is not known. Give dates "
                       "([endpoints.os] start and its events) in place of times.")  # fmt: skip
        return chapter
    dates, zero = order
    part = Cohort(**{**vars(part), "frame": part.frame.loc[dates.index]})
    chapter.say(f"{plural(len(part), 'pump')} in the order of {small(zero)}, {dates.iloc[0]:%B %Y} to {dates.iloc[-1]:%B %Y}. A chart that stays below its limit "
                "does not prove that nothing has changed; one that reaches it asks for a look at these cases, not for a conclusion.")  # fmt: skip
    for name in _to_avoid(part, asked.figures):
        _complication(part, name, comparison, asked, chapter)
    _deaths(part, dates, comparison, asked, chapter)
    return chapter if chapter.blocks else None


def _order(part: Cohort) -> tuple[pd.Series, str] | None:
    """The date from which each patient is counted, in order; patients of the same day in the order of the file."""
    for name in ("os", *part.plan.endpoints):
        recipe = part.plan.endpoints.get(name)
        if recipe is not None and recipe.from_dates:
            dates = part[recipe.start].dropna().sort_values(kind="stable")
            return (dates, part.plan.label(recipe.start)) if len(dates) >= ENOUGH else None
    return None


def _to_avoid(part: Cohort, figures: Figures) -> Iterator[str]:
    """The entries of the programme that the literature counts as harm: fewer are better."""
    worse = {figure.endpoint for figure in figures if figure.better == "lower"}
    yield from (name for name, item in part.plan.programme.items() if item.column is not None and name in worse)


def _complication(part: Cohort, name: str, comparison: Comparison | None, asked: Asked, chapter: Chapter) -> None:
    eligible, item = applicable(part, name), part.plan.programme[name]
    if eligible is None or item.column is None:
        return
    known = eligible[item.column].dropna()
    outcome = (known.astype(str) == item.level).astype(int)
    if len(outcome) < ENOUGH or not FEW <= outcome.sum() <= len(outcome) - FEW:
        return
    chapter.heading(item.label)
    if len(known) < len(eligible):
        chapter.say(f"Not known for {plural(len(eligible) - len(known), 'patient')}, who stand in no chart; the others move up.", "note")
    with chapter.attempt(f"{item.label}, by case number", "all"):
        curve = learning_curve(outcome)
        chapter.say(f"{item.label}: {curve.sentence}")
        chapter.show(plot_learning_curve(curve, y_label=f"{item.label} (%)", name=f"learning_{name}"), f"learning_{name}", recipe=recipe("chart_points"))
        chapter.record(curve.glance(), setting="all", analysis=f"{item.label}: by case number", quantity="odds ratio a doubling of cases", method=curve.method,
                   recipe=recipe("chart"))  # fmt: skip
        chapter.record(curve.tidy(), setting="all", analysis=f"{item.label}: by case number", quantity="", unit="probability", method=curve.method,
                   recipe=recipe("chart_points"))  # fmt: skip
    references = list(_risks(eligible, name, outcome, comparison, asked))
    if not references:
        chapter.refuse(f"{item.label}, CUSUM", "nothing says how many to expect: name a published share of it in [benchmark] judge, or give a reference model "
                       "(--reference).", "all")  # fmt: skip
    for reference in references:
        with chapter.attempt(f"{item.label}, CUSUM", reference.setting):
            own = outcome.loc[outcome.index.isin(reference.members)]
            risk = reference.risk if isinstance(reference.risk, float) else reference.risk.reindex(own.index)
            chart = cusum(own, risk, rng=np.random.default_rng(SEED))
            chapter.say(f"{item.label}, {reference.words}: {chart.sentence}")
            title = f"cusum_{name}_{reference.setting}"
            chapter.show(plot_cusum(chart, name=title), title, recipe=recipe("chart_points"))
            _record(chart, reference.setting, f"{item.label}: CUSUM, {reference.words}", chapter)


@dataclass(frozen=True)
class _Reference:
    """What to expect of which patients, and whose expectation it is."""

    words: str
    setting: str
    members: pd.Index
    risk: float | pd.Series


def _risks(part: Cohort, name: str, outcome: pd.Series, comparison: Comparison | None, asked: Asked) -> Iterator[_Reference]:
    """Each patient's risk by a reference model; else the same for all, by each published share that the plan names."""
    models = [model for model in asked.references if model.outcome == name and model.kind != "hazard"]
    for model in models:
        own = part.frame.index[part.frame["setting"].astype(str).isin(model.settings) & part.frame.index.isin(outcome.index)]
        if len(own) >= ENOUGH:
            expected = model.expected(part.where(part.frame.index.isin(own), because="another setting")).each["expected"]
            yield _Reference(f"risk-adjusted by {model.name or model.cohort}", "all", expected.index, expected)
    if models:
        return
    for figure, short in _named(comparison, (name,), "proportion"):
        chosen = part.frame["setting"].astype(str) == figure.setting if figure.setting != "both" else pd.Series(True, index=part.frame.index)
        own = outcome.index.intersection(part.frame.index[chosen])
        share = (figure.estimate or 0) * figure.scale
        if len(own) >= ENOUGH and 0 < share < 1:
            words = f"against {percent(share)} in {short}, {figure.setting if figure.setting != 'both' else 'both settings'}, the same for every patient (not risk-adjusted)"
            yield _Reference(words, figure.setting, own, share)


def _named(comparison: Comparison | None, endpoints: tuple[str, ...], statistic: str) -> list[tuple[PublishedFigure, str]]:
    """The figures that the plan names and that this centre can be compared with."""
    judged = comparison.judged if comparison is not None else ()
    return [(one.figure, one.short) for one in judged if one.answers is not None and one.verdict != SAME_PATIENTS
            and one.figure.endpoint in endpoints and one.figure.statistic == statistic]  # fmt: skip


def _deaths(part: Cohort, dates: pd.Series, comparison: Comparison | None, asked: Asked, chapter: Chapter) -> None:
    """Overall survival on the calendar, against a reference model, else against each published curve or median that the plan names."""
    if "os" not in part.plan.endpoints or not part.plan.endpoints["os"].from_dates:
        return
    label, headed = part.plan.endpoints["os"].label, False
    for words, settings, reference in _curves(part, comparison, asked):
        own = part.frame.index[part.frame["setting"].astype(str).isin(settings)]
        if len(own) < ENOUGH:
            continue
        if not headed:
            chapter.heading(label)
            headed = True
        some = part.where(part.frame.index.isin(own), because="another setting")
        with chapter.attempt(f"{label}, CUSUM", settings[0]):
            tte = some.endpoint("os")
            chart = survival_cusum(dates.reindex(tte.index), tte, reference, rng=np.random.default_rng(SEED),
                                   case_mix=some.frame if isinstance(reference, ReferenceModel) else None)  # fmt: skip
            chapter.say(f"{label}, {words}: {chart.sentence}")
            chapter.say(UNSURE, "note")
            title = f"cusum_survival_{'_'.join(settings)}"
            chapter.show(plot_cusum(chart, name=title), title, recipe=recipe("chart_points"))
            _record(chart, settings[0], f"{label}: CUSUM, {words}", chapter)


def _curves(part: Cohort, comparison: Comparison | None, asked: Asked) -> Iterator[tuple[str, tuple[str, ...], ReferenceModel | ReferenceCurve]]:
    """Reference models of survival; else, of each setting, one published curve that leads one to expect enough deaths: a registered one
    if there is any, else the first of those that the plan names."""
    models = [model for model in asked.references if model.outcome == "os" and model.kind == "hazard"]
    for model in models:
        yield f"risk-adjusted by {model.name or model.cohort}", tuple(model.settings), model
    if models or comparison is None:
        return
    named = [one.figure.id for one in comparison.judged if one.verdict != SAME_PATIENTS]
    for setting in part.settings:
        found = [one for one in against_curves(part.setting(setting), asked.figures)
                 if one.setting == setting and one.endpoint == "overall survival" and one.readings and (one.judged or one.not_judged == UNCERTAIN)]  # a chart takes its curve as known in any case  # fmt: skip
        chosen = sorted((one for one in found if one.kind == "reconstructed" or set(one.figures) & set(named)),
                        key=lambda one: -1 if one.kind == "reconstructed" else min(named.index(name) for name in one.figures if name in named))  # fmt: skip
        if chosen and chosen[0].curve is not None:
            form = {"median": "a constant hazard through its median", "landmarks": "piecewise constant hazards through its printed survival"}.get(chosen[0].kind, "reconstructed")
            yield f"against {chosen[0].short}, {setting} ({form}; not risk-adjusted)", (setting,), chosen[0].curve


def _record(chart: Cusum, setting: str, analysis: str, chapter: Chapter) -> None:
    chapter.record(chart.glance(), setting=setting, analysis=analysis, quantity="observed/expected", method=chart.method,
                   recipe=recipe("chart"))  # fmt: skip
    chapter.record(chart.tidy(), setting=setting, analysis=analysis, quantity="statistic", method=chart.method,
                   recipe=recipe("chart_points"))  # fmt: skip
