"""Chapter: what the multivariable models predict, how well they would do so in new patients, and how to read them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from haip_outcomes.errors import EndpointError
from haip_outcomes.figures.calibration_plots import plot_calibration
from haip_outcomes.figures.nomogram_figure import plot_nomogram
from haip_outcomes.figures.style import Drawing
from haip_outcomes.prognosis.baseline.factor_results import Factors
from haip_outcomes.prognosis.baseline.term_names import is_number
from haip_outcomes.prognosis.prediction.nomogram_points import nomogram
from haip_outcomes.prognosis.prediction.profile_predictions import Profiles, profiles
from haip_outcomes.prognosis.validation.calibrating import calibration
from haip_outcomes.prognosis.validation.own_models import cox_model
from haip_outcomes.prognosis.validation.whole_models import Validation, validate
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.chance import SEED
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.words import by_setting
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.time_to_event import level_text
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.predictions import profile_table
from haip_outcomes.tables.validation_tables import validation_table

MODEL = "Multivariable model"
APPARENT = "In the patients the model was made from, so better than in others: the table has the slope corrected for that."


def predicted(cohort: Cohort, models: dict[str, Factors], policy: Policy = OPEN) -> Chapter:
    """Of each setting with a multivariable model: its validation by the bootstrap, survival of a few profiles, and a nomogram."""
    chapter = Chapter("prediction", "Predicted survival", policy)
    if policy.hides:
        chapter.say("Validation, predictions for single profiles and the nomogram are left out of a report for outside.")
        return chapter
    for setting, part, title in by_setting(cohort):
        chapter.heading(title)
        fit = models[setting].multivariable if setting in models else None
        if fit is None:
            chapter.refuse("prediction of overall survival", "there is no multivariable model to predict from (see the prognostic factors).", setting)
            continue
        for warning in fit.warnings:
            chapter.say(f"The model itself: {warning}", "note")
        found: Validation | None = None
        times = _times(fit, cohort.plan.analysis.times)
        if cohort.plan.analysis.resamples:
            with chapter.attempt("validation of the multivariable model", setting):
                found = _validated(fit, part, times, setting, chapter)
        with chapter.attempt("predicted survival by profile", setting):
            made = profiles(fit, times=_some(times), labels=part, validation=found)
            chapter.show(profile_table(made), f"profiles_{setting}")
            tidy = made.tidy()
            chapter.record(tidy.assign(recipe=[_of_profile(made, fit, int(number)) for number in tidy["profile"]]), setting=setting, analysis="overall survival by profile",
                           quantity="predicted survival", unit=made.unit, method=made.method)  # fmt: skip
        with chapter.attempt("nomogram", setting):
            drawing = plot_nomogram(nomogram(fit, times=_some(times), labels=part, validation=found))
            chapter.show(_with_recipes(drawing, fit, setting), f"nomogram_{setting}")
    return chapter


def _validated(fit: HazardFit, part: Cohort, times: tuple[float, ...], setting: str, chapter: Chapter) -> Validation:
    model = cox_model(list(fit.design.terms), penalty=None if fit.profile is None else "firth")
    found = validate(part.endpoint("os"), part.frame, {MODEL: model}, times=_some(times), replicates=part.plan.analysis.resamples, rng=SEED)
    chapter.show(replace(validation_table(found), title=f"How well the multivariable model would predict in new patients, {setting}"), f"validation_{setting}")
    tidy = found.tidy()
    for measure in dict.fromkeys(tidy["measure"]):
        own = tidy[tidy["measure"] == measure]
        chapter.record(own.assign(term=own["model"]), setting=setting, analysis=f"validation, {measure}", quantity="corrected for optimism", method=found.method,
                       recipe=recipe("resampled"))  # fmt: skip
    last = found.times[-1]
    with chapter.attempt(f"calibration at {last:g} {found.unit}", setting):
        drawing = plot_calibration(calibration(found.tte, found.risks[MODEL][last], last))
        chapter.show(replace(drawing, caption=f"{APPARENT} {drawing.caption}", alt=f"{APPARENT} {drawing.alt}"), f"calibration_{setting}", recipe=recipe("calibration"))
    return found


def _of_profile(made: Profiles, fit: HazardFit, number: int) -> str:
    """How the prediction of profile `number` was made: the model, and the value of each of its columns."""
    values = made.frame.iloc[number - 1].to_dict()
    told = [f"{name}={repr(float(value)) if is_number(made.frame[name], str(name)) else level_text(value)}" for name, value in values.items()]
    return recipe("profile", of="os", terms=list(fit.design.terms), penalty="" if fit.profile is None else "firth", at=told)


def _with_recipes(drawing: Drawing, fit: HazardFit, setting: str) -> Drawing:
    """The nomogram with how each number of its table was made; rulers of an interaction have points of their own, and no recipe."""
    numbers = drawing.numbers
    if numbers is None or any(":" in term for term in fit.design.terms):
        return drawing
    made = [recipe("nomogram", of="os", patients=setting, terms=list(fit.design.terms), penalty="" if fit.profile is None else "firth", points=repr(float(points)))
            for points in numbers["points"]]  # fmt: skip
    return replace(drawing, numbers=numbers.assign(recipe=made))


def _times(fit: HazardFit, planned: tuple[float, ...]) -> tuple[float, ...]:
    """The plan's times at which at least 5 patients, and 10% of them, are still at risk, after the first event."""
    tte = fit.tte
    enough = max(5.0, 0.1 * tte.n)
    first = tte.time[tte.state > 0].min(initial=np.inf)
    return tuple(t for t in planned if (tte.time >= t).sum() >= enough and t >= first)


def _some(times: tuple[float, ...]) -> list[float]:
    if not times:
        raise EndpointError("too few patients are followed to any of the plan's times to predict survival there (at least 5, and 10%).")
    return list(times)
