"""Section: factors that some patients lack, imputed, beside the complete cases."""

from __future__ import annotations

from haip_outcomes.formatting import listed
from haip_outcomes.prognosis.missing.factors_with_imputation import imputed_factors
from haip_outcomes.prognosis.missing.imputed_results import ImputedFactors
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.chance import SEED
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.words import small
from haip_outcomes.tables.missing_values import imputed_table, missing_table

_BESIDE = "complete cases, and all patients with missing factors imputed"


def missing(part: Cohort, setting: str, chapter: Chapter) -> None:
    """Who lacks which factor, and the models of overall survival with the missing values imputed; nothing where none is missing."""
    analysis = part.plan.analysis
    terms = tuple(dict.fromkeys((*analysis.factors, *(analysis.multivariable or ()))))
    index = part.endpoint("os").index
    lacking = [term for term in terms if part[term].loc[index].isna().any()]
    if not lacking:
        return
    chapter.show(missing_table(part, "os", list(terms), title=f"Missing factors, {setting}"), f"missing_factors_{setting}")
    if not analysis.imputations:
        chapter.say(f"The models above are of complete cases: the plan asks for no imputation of {listed([small(part.plan.label(term)) for term in lacking])} (imputations = 0).", "note")
        return
    found = imputed_factors(part, "os", analysis.factors, multivariable=analysis.multivariable, auxiliary=analysis.auxiliary, imputations=analysis.imputations, rng=SEED)
    chapter.show(imputed_table(found, model="univariable", title=f"Univariable models, {setting}: {_BESIDE}"), f"imputed_univariable_{setting}")
    if found.multivariable is not None and set(lacking) & set(analysis.factors if analysis.multivariable is None else analysis.multivariable):
        chapter.show(imputed_table(found, model="multivariable", title=f"Multivariable model, {setting}: {_BESIDE}"), f"imputed_multivariable_{setting}")
    tidy = found.tidy(exponentiate=True)
    for (model, cases), own in tidy.groupby(["model", "cases"], sort=False):
        chapter.record(own.assign(recipe=[_recipe(found, str(model), str(cases), str(term)) for term in own["term"]]), setting=setting,
                       analysis=f"prognostic factors for overall survival, {model}, {cases} cases", quantity="hazard ratio", method=found.method)  # fmt: skip
    for refusal in found.refused:
        chapter.refuse_quietly(f"imputation, {refusal.model} {small(part.plan.label(refusal.term)) if refusal.term else 'model'}", refusal.reason, setting)


def _recipe(found: ImputedFactors, model: str, cases: str, term: str) -> str:
    pair = found.multivariable if model == "multivariable" else found.univariable.get(term)
    if cases == "imputed" or pair is None or pair.complete is None:
        return recipe("imputed")
    return recipe("cox", of="os", terms=list(pair.complete.design.terms), penalty="" if pair.complete.profile is None else "firth")
