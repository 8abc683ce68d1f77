"""The numbers of prognostic models, for results.csv, each with how it was made."""

from __future__ import annotations

import pandas as pd

from haip_outcomes.prognosis.baseline.factor_results import Factors
from haip_outcomes.prognosis.baseline.interactions import ALL, QUARTILES
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.report.content import Chapter
from haip_outcomes.tables.effects import effects_frame


def record_factors(found: Factors, setting: str, analysis: str, chapter: Chapter, *, endpoint: str, cause: str = "", strata: str = "") -> None:
    """Hazard ratios, counts by level, tests of whole factors, of proportional hazards, of straight lines and of interactions."""
    if chapter.policy.hides:
        _record_shared(found, setting, analysis, chapter)
        return
    made = _Recipes(found, endpoint, cause, strata)
    tidy = found.tidy(exponentiate=True)
    for model in dict.fromkeys(tidy["model"]):
        own = tidy[tidy["model"] == model]
        chapter.record(own.assign(recipe=[made.model(model, str(term)) for term in own["term"]]), setting=setting, analysis=f"{analysis}, {model}",
                       quantity="hazard ratio", method=found.method)  # fmt: skip
    levels = found.levels.assign(recipe=[recipe("levels", of=endpoint, only=cause, term=str(term)) for term in found.levels["term"]])
    chapter.record(levels, setting=setting, analysis=analysis, quantity="patients and events")
    _by_model(found.term_tests, setting, analysis, "test of the whole factor", chapter, lambda row: made.whole(row))
    _by_model(found.proportional_hazards, setting, analysis, "proportional hazards test", chapter, lambda row: made.model(row["model"], row["term"], "cox_zph"))
    _by_model(found.linearity, setting, analysis, "test of a straight line", chapter, lambda row: made.bend(row))
    shown = found.interactions.rename(columns={"interaction": "term"})
    _by_model(shown, setting, analysis, "test of the interaction", chapter, lambda row: made.interaction(row))
    groups = found.subgroups.rename(columns={"interaction": "outcome"})
    _by_model(groups, setting, analysis, "log hazard ratio in a subgroup", chapter, lambda row: made.subgroup(row))


class _Recipes:
    """How each number of one result was made."""

    def __init__(self, found: Factors, endpoint: str, cause: str, strata: str) -> None:
        self.found, self.about = found, {"of": endpoint, "only": cause, "strata": strata}
        self.cause = cause

    def model(self, model: str, term: str, verb: str = "cox") -> str:
        """Of a coefficient, or of another thing made from the same model."""
        fit = self._fit(model, term)
        if fit is None:
            return ""
        if model.endswith("subdistribution"):
            return recipe("fine_gray", of=self.about["of"], cause=self.cause, terms=list(fit.design.terms), strata=self.about["strata"])
        return recipe(verb, **self.about, terms=list(fit.design.terms), penalty="" if fit.profile is None else "firth")

    def whole(self, row: pd.Series) -> str:
        """Of the test of a whole factor."""
        if str(row["model"]).endswith("subdistribution"):
            return self.model(str(row["model"]), str(row["term"])).replace("fine_gray ", "fine_gray_wald ", 1)
        return self.model(str(row["model"]), str(row["term"]), "likelihood_ratio" if "likelihood" in str(row["test"]) else "wald")

    def bend(self, row: pd.Series) -> str:
        """Of the test of a straight line: the knots of the curve that stands beside it."""
        model, term = str(row["model"]), str(row["term"])
        straight, curve = self._fit(model, term), self.found.curves.get((model, term))
        if straight is None or curve is None:
            return ""
        return recipe("linearity", **self.about, terms=list(straight.design.terms), term=term, knots=[repr(float(knot)) for knot in curve.design.knots[term]],
                      penalty="" if straight.profile is None else "firth")  # fmt: skip

    def interaction(self, row: pd.Series) -> str:
        """Of the test of an interaction: the model with the product against that without."""
        one, other = str(row["term"]).split("*")
        return self._product("likelihood_ratio", row, one, other, term=f"{one}:{other}")

    def subgroup(self, row: pd.Series) -> str:
        """Of a hazard ratio in a subgroup: the model with the product, the subgroup being its reference; of all patients the model without."""
        one, other = str(row["outcome"]).split("*")
        group = str(row["group"])
        if group == ALL:
            return self._product("cox", row, one, other, scale="log", product=False)
        shares = [share for share, words in QUARTILES.items() if group.startswith("at ") and group.endswith(f" ({words})")]
        place = {"share": shares[0]} if shares else {"at": group}
        return self._product("subgroup", row, one, other, within=other, **place)

    def _product(self, verb: str, row: pd.Series, one: str, other: str, *, product: bool = True, **more: object) -> str:
        """A model of a factor and a subgroup, with the others of the multivariable one where it is that."""
        joint = self.found.multivariable
        others = list(joint.design.terms) if joint is not None and row["model"] == "multivariable" else []
        if any(":" in term for term in others):  # which of its parts stand beside the product can't be told from here
            return ""
        tests = self.found.interactions
        own = tests[(tests["model"] == row["model"]) & (tests["interaction"] == f"{one}*{other}")]
        terms = [one, other, *(term for term in others if term not in (one, other)), *([f"{one}:{other}"] if product else [])]
        return recipe(verb, **self.about, terms=terms, **more, penalty=str(own["penalty"].iloc[0]))

    def _fit(self, model: str, term: str):  # type: ignore[no-untyped-def]
        single = self.found.subdistribution if model.endswith("subdistribution") else self.found.univariable
        joint = self.found.subdistribution_multivariable if model.endswith("subdistribution") else self.found.multivariable
        if model.startswith("multivariable"):
            return joint
        return single.get(term) or next((fit for fit in single.values() if term in fit.design.terms), None)


def _by_model(frame, setting, analysis, quantity, chapter, made) -> None:  # type: ignore[no-untyped-def]
    if not len(frame):
        return
    for model in dict.fromkeys(frame["model"]):
        own = frame[frame["model"] == model]
        chapter.record(own.assign(recipe=[made(row) or None for _, row in own.iterrows()]), setting=setting, analysis=f"{analysis}, {model}", quantity=quantity)


def _record_shared(found: Factors, setting: str, analysis: str, chapter: Chapter) -> None:
    """The numbers as the table for outside prints them."""
    frame = effects_frame(found, chapter.policy).rename(columns={"label": "term"})
    for model in dict.fromkeys(frame["model"]):
        own = frame[(frame["model"] == model) & (~frame["reference"].astype(bool) | (model == "univariable"))]
        chapter.record(own, setting=setting, analysis=f"{analysis}, {model}", quantity="hazard ratio", method=found.method, cleared=True)
    check = found.proportional_hazards.round({"statistic": 2, "p_value": 3})
    for model in dict.fromkeys(check["model"]):
        chapter.record(check[check["model"] == model], setting=setting, analysis=f"{analysis}, {model}", quantity="proportional hazards test", cleared=True)
