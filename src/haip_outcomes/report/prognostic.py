"""Chapter: which patient factors go with survival; Cox models by setting, pooled only as the plan says."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from haip_outcomes.benchmark.comparison import Comparison
from haip_outcomes.errors import EndpointError
from haip_outcomes.figures.forest import plot_forest
from haip_outcomes.formatting import interval, listed, number, p_value
from haip_outcomes.prognosis.factor_models import Factors, factors
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.cleared_factors import cleared_terms
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.literature import beside
from haip_outcomes.report.words import by_setting, small
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.effects import effects_frame, effects_table
from haip_outcomes.tables.outcomes import hidden_note
from haip_outcomes.tables.table import Table


def prognostic(cohort: Cohort, comparison: Comparison | None, policy: Policy = OPEN) -> Chapter:
    """Uni- and multivariable Cox models for overall survival, each with its check of proportional hazards."""
    chapter = Chapter("factors", "Prognostic factors", policy)
    analysis = cohort.plan.analysis
    if "os" not in cohort.plan.endpoints or not analysis.factors:
        chapter.refuse("prognostic factors", "the plan has no [endpoints.os], or no factors in [analysis].")
        return chapter
    for setting, part, title in by_setting(cohort):
        chapter.heading(title)
        with chapter.attempt("prognostic factors for overall survival", setting):
            _models(part, setting, chapter)
        beside(comparison, (setting,), ("hazard_ratio", "prevalence"), chapter)
    pumps = [str(name) for name in ("adjuvant", "unresectable") if name in cohort.settings]
    if analysis.pooled and len(pumps) > 1:
        chapter.heading(f"Pooled: {listed(pumps)} together")
        chapter.say("Pooled because the plan says so. The settings differ in survival, so the model stratified by setting stands beside it.", "note")
        with chapter.attempt("pooled prognostic factors", "pooled"):
            _pooled(cohort.where(cohort["setting"].isin(pumps), because="no pump: pooled analyses are of pump patients"), chapter)
        beside(comparison, ("both",), ("hazard_ratio", "prevalence"), chapter)
    return chapter


def _models(part: Cohort, setting: str, chapter: Chapter) -> None:
    analysis = part.plan.analysis
    wanted = analysis.multivariable
    terms = _cleared(part, (*analysis.factors, *(wanted or ())), setting, chapter)
    together = wanted if wanted is None else [term for term in wanted if term in terms]
    found = factors(part, "os", [term for term in analysis.factors if term in terms], multivariable=together)
    chapter.show(effects_table(found, title=f"Prognostic factors for overall survival, {setting}", refusals=False, policy=chapter.policy), f"prognostic_factors_{setting}")
    _record(found, setting, "prognostic factors for overall survival", chapter)
    with chapter.attempt("forest plot of the prognostic factors", setting):
        chapter.show(plot_forest(found, policy=chapter.policy), f"prognostic_factors_{setting}")
    chapter.show(_proportional(found, part), f"proportional_hazards_{setting}")
    _not_proportional(found, part, chapter)
    _refusals(found, part, setting, "", chapter)


def _cleared(part: Cohort, terms: Sequence[str], setting: str, chapter: Chapter) -> tuple[str, ...]:
    """The terms that may be modelled: all of them, or, for outside, those without small groups; the others are told with the reason."""
    kept, refused = cleared_terms(part, "os", tuple(dict.fromkeys(terms)), chapter.policy)
    for term, reason in refused.items():
        chapter.refuse(f"models of {small(part.plan.label(term))}", reason, setting)
    if not kept:
        raise EndpointError("no factor has groups that are large enough for a report for outside.")
    return kept


def _not_proportional(found: Factors, part: Cohort, chapter: Chapter) -> None:
    """Name the factors whose hazard ratio does not look constant: one number is then an average over time."""
    check = found.proportional_hazards
    for row in check[(check["p_value"] < 0.05) & (check["term"] != "GLOBAL")].to_dict("records"):
        chapter.say(f"{part.plan.label(row['term'])}, {row['model']}: the hazard ratio does not look constant over time (p {p_value(row['p_value'])}); "
                    "the one in the table is an average over follow-up.", "key")  # fmt: skip


def _refusals(found: Factors, part: Cohort, setting: str, before: str, chapter: Chapter) -> None:
    """A line a factor: what refuses its univariable model usually refuses it in the multivariable one too."""
    said: set[tuple[str, str]] = set()
    for refusal in found.refused:
        what = f"model of {small(part.plan.label(refusal.term))}" if refusal.term else "model"
        again = (refusal.term, refusal.reason) in said
        (chapter.refuse_quietly if again else chapter.refuse)(f"{before}{refusal.model} {what}", refusal.reason, setting)
        said.add((refusal.term, refusal.reason))


def _record(found: Factors, setting: str, analysis: str, chapter: Chapter) -> None:
    if chapter.policy.hides:
        _record_shared(found, setting, analysis, chapter)
        return
    tidy = found.tidy(exponentiate=True)
    for model in dict.fromkeys(tidy["model"]):
        chapter.record(tidy[tidy["model"] == model], setting=setting, analysis=f"{analysis}, {model}", quantity="hazard ratio", method=found.method)
    chapter.record(found.levels, setting=setting, analysis=analysis, quantity="patients and events")
    check = found.proportional_hazards
    for model in dict.fromkeys(check["model"]):
        chapter.record(check[check["model"] == model], setting=setting, analysis=f"{analysis}, {model}", quantity="proportional hazards test")


def _record_shared(found: Factors, setting: str, analysis: str, chapter: Chapter) -> None:
    """The numbers as the table for outside prints them."""
    frame = effects_frame(found, chapter.policy).rename(columns={"label": "term"})
    for model in dict.fromkeys(frame["model"]):
        own = frame[(frame["model"] == model) & (~frame["reference"].astype(bool) | (model == "univariable"))]
        chapter.record(own, setting=setting, analysis=f"{analysis}, {model}", quantity="hazard ratio", method=found.method, cleared=True)
    check = found.proportional_hazards.round({"statistic": 2, "p_value": 3})
    for model in dict.fromkeys(check["model"]):
        chapter.record(check[check["model"] == model], setting=setting, analysis=f"{analysis}, {model}", quantity="proportional hazards test", cleared=True)


def _proportional(found: Factors, part: Cohort) -> Table:
    rows = tuple(
        (row["model"].capitalize(), "All together" if row["term"] == "GLOBAL" else part.plan.label(row["term"]),
         number(row["statistic"]), number(row["df"], 0), p_value(row["p_value"]))
        for row in found.proportional_hazards.to_dict("records")
    )  # fmt: skip
    return Table("ph", "Are the hazards proportional?", ("Model", "Factor", "Chi-squared", "df", "p"), rows,
                 ("Score test against time as 1 - Kaplan-Meier (cox.zph of R's survival). A small p says that the hazard ratio changes "
                  "over time and that one number does not describe it; a large p does not prove the opposite.",), text_columns=(1,))  # fmt: skip


def _pooled(cohort: Cohort, chapter: Chapter) -> None:
    terms = _cleared(cohort, cohort.plan.analysis.pooled, "pooled", chapter)
    together = factors(cohort, "os", terms, multivariable=())
    stratified = factors(cohort, "os", terms, multivariable=(), strata="setting")
    one, two = together.tidy(exponentiate=True), stratified.tidy(exponentiate=True)
    rows = []
    shown = effects_frame(together, chapter.policy)
    for a in one.to_dict("records"):
        other = two[(two["term"] == a["term"]) & ((two["level"] == a["level"]) | (two["level"].isna() & (a["level"] is None)))]
        label = cohort.plan.label(a["term"]) + (f": {a['level']}" if a["level"] else "")
        cells = [(interval(r["estimate"], r["conf_low"], r["conf_high"]), p_value(r["p_value"])) for r in [a, *other.to_dict("records")[:1]]]
        cells += [("not estimated", "-")] * (2 - len(cells))
        if chapter.policy.hides:
            counts = _pooled_counts(shown, together.labels.get(a["term"], a["term"]), chapter.policy)
        else:
            counts = [str(int(a["n"])), str(int(a["n_event"]))]
        rows.append((label, *counts, *cells[0], *cells[1]))
    header = ("Factor", "n", "Events", "HR (95% CI)", "p", "HR (95% CI)", "p")
    notes: tuple[str, ...] = ("Univariable Cox models for overall survival, Efron ties. HR: hazard ratio. CI: confidence interval.",)
    notes = (*notes, *filter(None, [hidden_note(rows)]))
    table = Table("pooled", "Both settings together", header, tuple(rows), notes, spanners=(("", 3), ("Unstratified", 2), ("Stratified by setting", 2)))
    chapter.show(table, "prognostic_factors_pooled")
    for found, name in ((together, "pooled, unstratified"), (stratified, "pooled, stratified by setting")):
        _record(found, "pooled", f"prognostic factors for overall survival, {name}", chapter)
        for row in found.proportional_hazards.to_dict("records"):
            if row["term"] != "GLOBAL":
                label = cohort.plan.label(row["term"])
                chapter.say(f"Proportional hazards of {small(label)}, {name}: chi-squared {number(row['statistic'])} on {number(row['df'], 0)} df, p {p_value(row['p_value'])}.", "note")
        _refusals(found, cohort, "pooled", f"{name}, ", chapter)
        for warning in () if chapter.policy.hides else found.warnings:
            chapter.say(warning, "note")


def _pooled_counts(shown: pd.DataFrame, label: str, policy: Policy) -> list[str]:
    """Patients and events of a pooled model, where those of each of its groups may be shown."""
    own = shown[(shown["label"] == label) & (shown["model"] == "univariable")]
    return [policy.cell(bool(own[name].notna().all()), number(own[name].sum(), 0)) for name in ("n", "n_event")]
