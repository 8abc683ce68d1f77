"""Chapter: two treatments of the file compared, as pump against no pump, with the patients made alike by their propensity."""

from __future__ import annotations

from haip_outcomes.figures.balance import plot_balance
from haip_outcomes.figures.weighted_curves import plot_treatments
from haip_outcomes.prognosis.treatments.treatment_effects import MEAN, RATIO, RISK
from haip_outcomes.prognosis.treatments.treatments_compared import TreatmentComparison, compare_treatments
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.words import small
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.treatments import balance_table, treatment_table

_VERBS = {RATIO: "treatment_ratio", RISK: "treatment_risk", MEAN: "treatment_mean"}


def treatments(cohort: Cohort, policy: Policy = OPEN) -> Chapter | None:
    """What the plan's [treatment] asks, endpoint by endpoint; nothing where it asks for nothing."""
    asked = cohort.plan.treatment
    if asked is None:
        return None
    chapter = Chapter("treatments", f"{asked.treated[:1].upper()}{asked.treated[1:]} against {asked.control}", policy)
    if policy.hides:
        chapter.say("Comparisons of treatments are left out of a report for outside: their weighted curves change at single patients.")
        return chapter
    for endpoint in asked.endpoints:
        label = cohort.plan.endpoints[endpoint].label
        chapter.heading(label)
        with chapter.attempt(f"{asked.treated} against {asked.control}, {small(label)}"):
            found = compare_treatments(cohort, endpoint, times=[float(time) for time in cohort.plan.analysis.times], landmark=asked.landmark)
            _show(found, endpoint, chapter, first=endpoint == asked.endpoints[0])
    return chapter


def _show(found: TreatmentComparison, endpoint: str, chapter: Chapter, first: bool) -> None:
    for sentence in found.sentences:
        chapter.say(sentence)
    chapter.show(treatment_table(found), f"treatments_{endpoint}")
    with chapter.attempt("weighted curves of the two treatments"):
        chapter.show(plot_treatments(found), f"treatments_{endpoint}", recipe=_recipe(found, endpoint, "treatment_at_risk"))
    chapter.show(balance_table(found), f"balance_{endpoint}")
    with chapter.attempt("balance of the two treatments"):
        chapter.show(plot_balance(found), f"balance_{endpoint}", recipe=recipe("balance"))
    effects = found.tidy(exponentiate=True)
    for (measure, model), own in effects.groupby(["measure", "model"], sort=False):
        chapter.record(own.assign(recipe=_recipe(found, endpoint, _VERBS[str(measure)], str(model)) or None), setting="",
                       analysis=f"{found.choice.treated} against {found.choice.control}, {endpoint}, {model}", quantity=str(measure), method=found.method)  # fmt: skip


def _recipe(found: TreatmentComparison, endpoint: str, verb: str, model: str = "") -> str:
    """How an effect, or the numbers under the curves, were made; splines among the confounders, and a landmark, have no recipe."""
    choice = found.choice
    if found.landmark is not None or not all(isinstance(term, str) for term in choice.confounders):
        return ""
    return recipe(verb, of=endpoint, model=model, treatment=choice.treatment, treated=choice.treated, control=choice.control, confounders=list(choice.confounders),
                  estimand=choice.estimand)  # fmt: skip
