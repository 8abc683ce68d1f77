"""Chapter: which patient factors go with survival and with liver events; models by setting, pooled only as the plan says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from haip_outcomes.benchmark.comparison import Comparison
from haip_outcomes.errors import EndpointError
from haip_outcomes.figures.forest import plot_forest
from haip_outcomes.figures.shapes import plot_shape
from haip_outcomes.figures.subgroup_forest import plot_subgroups
from haip_outcomes.formatting import interval, listed, number, p_value
from haip_outcomes.prognosis.baseline.factor_models import factors
from haip_outcomes.prognosis.baseline.factor_results import Factors
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.cleared_factors import cleared_terms
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.factors_later import later
from haip_outcomes.report.factors_missing import missing
from haip_outcomes.report.factors_recorded import record_factors
from haip_outcomes.report.literature import beside
from haip_outcomes.report.words import by_setting, small
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.effects import effects_frame, effects_table
from haip_outcomes.tables.factor_checks import checks_table, subgroups_table
from haip_outcomes.tables.outcomes import hidden_note
from haip_outcomes.tables.table import Table

OUTSIDE = ("In a report for outside, the models of liver events, subgroups, imputed values, what became known later and REMARK's items are left out: their small "
           "groups are not checked.")  # fmt: skip


def prognostic(cohort: Cohort, comparison: Comparison | None, policy: Policy = OPEN) -> tuple[Chapter, dict[str, Factors]]:
    """Models of overall survival and of liver events with their checks, and by setting what was found for overall survival."""
    chapter = Chapter("factors", "Prognostic factors", policy)
    analysis = cohort.plan.analysis
    found: dict[str, Factors] = {}
    if "os" not in cohort.plan.endpoints or not analysis.factors:
        chapter.refuse("prognostic factors", "the plan has no [endpoints.os], or no factors in [analysis].")
        return chapter, found
    for setting, part, title in by_setting(cohort):
        chapter.heading(title)
        with chapter.attempt("prognostic factors for overall survival", setting):
            found[setting] = _models(part, setting, chapter)
        beside(comparison, (setting,), ("hazard_ratio", "prevalence"), chapter)
        if not policy.hides:
            with chapter.attempt("missing factors imputed", setting):
                missing(part, setting, chapter)
            _liver(part, setting, chapter)
            later(part, setting, chapter)
    if policy.hides:
        chapter.say(OUTSIDE, "note")
    pumps = [str(name) for name in ("adjuvant", "unresectable") if name in cohort.settings]
    if analysis.pooled and len(pumps) > 1:
        chapter.heading(f"Pooled: {listed(pumps)} together")
        chapter.say("Pooled because the plan says so. The settings differ in survival, so the model stratified by setting stands beside it.", "note")
        with chapter.attempt("pooled prognostic factors", "pooled"):
            _pooled(cohort.where(cohort["setting"].isin(pumps), because="no pump: pooled analyses are of pump patients"), chapter)
        beside(comparison, ("both",), ("hazard_ratio", "prevalence"), chapter)
    return chapter, found


def _models(part: Cohort, setting: str, chapter: Chapter) -> Factors:
    """Factors of overall survival, one by one and together, with checks and the subgroups that the plan declared."""
    analysis = part.plan.analysis
    wanted = analysis.multivariable
    terms = _cleared(part, (*analysis.factors, *(wanted or ())), setting, chapter)
    together = wanted if wanted is None else [term for term in wanted if term in terms]
    pairs = () if chapter.policy.hides else analysis.interactions
    found = factors(part, "os", [term for term in analysis.factors if term in terms], multivariable=together, interactions=pairs)
    chapter.show(effects_table(found, title=f"Prognostic factors for overall survival, {setting}", refusals=False, policy=chapter.policy), f"prognostic_factors_{setting}")
    record_factors(found, setting, "prognostic factors for overall survival", chapter, endpoint="os")
    with chapter.attempt("forest plot of the prognostic factors", setting):
        chapter.show(plot_forest(found, policy=chapter.policy), f"prognostic_factors_{setting}")
    _checks(found, f"factor_checks_{setting}", chapter)
    _said(found, part, setting, chapter)
    _refusals(found, part, setting, "", chapter)
    for pair in pairs:
        _subgroups(found, pair, part, setting, chapter)
    return found


def _checks(found: Factors, name: str, chapter: Chapter) -> None:
    if len(found.proportional_hazards) or len(found.linearity):
        chapter.show(checks_table(found, policy=chapter.policy), name)


def _said(found: Factors, part: Cohort, where: str, chapter: Chapter) -> None:
    """Name the factors whose hazard ratio does not look constant, and the numbers whose effect does not look straight: one number is then an average."""
    check = found.proportional_hazards
    for row in check[(check["p_value"] < 0.05) & (check["term"] != "GLOBAL")].to_dict("records"):
        chapter.say(f"{found.labels.get(row['term'], row['term'])}, {row['model']}: the hazard ratio does not look constant over time (p {p_value(row['p_value'])}); "
                    "the one in the table is an average over follow-up.", "key")  # fmt: skip
    if chapter.policy.hides or not len(found.linearity):
        return
    bent = found.linearity[(found.linearity["p_value"] < 0.05) & (found.linearity["model"] == "univariable")]
    for row in bent.to_dict("records"):
        label = found.labels.get(row["term"], row["term"])
        chapter.say(f"{label}: one unit more does not mean the same everywhere (p {p_value(row['p_value'])}); read the curve, not the hazard ratio of the table.", "key")
        with chapter.attempt(f"curve of {small(label)}", where.removeprefix("liver_")):
            chapter.show(plot_shape(found, row["term"]), f"shape_{row['term']}_{where}")


def _subgroups(found: Factors, pair: str, part: Cohort, setting: str, chapter: Chapter) -> None:
    """A declared interaction: the factor in each subgroup, as a table and a forest; one that was refused has its line already."""
    if not (len(found.subgroups) and (found.subgroups["interaction"] == "*".join(one.strip() for one in pair.split("*"))).any()):
        return
    with chapter.attempt(f"subgroups of {small(' by '.join(part.plan.label(name.strip()) for name in pair.split('*')))}", setting):
        name = f"subgroups_{pair.replace('*', '_by_').replace(' ', '')}_{setting}"
        clean = "*".join(one.strip() for one in pair.split("*"))
        own = replace(found, interactions=found.interactions[found.interactions["interaction"] == clean], subgroups=found.subgroups[found.subgroups["interaction"] == clean])
        chapter.show(subgroups_table(own, title=f"Subgroups declared in the plan, {setting}"), name)
        chapter.show(plot_subgroups(own), name)


def _liver(part: Cohort, setting: str, chapter: Chapter) -> None:
    """Cause-specific and subdistribution hazards of the liver event, side by side."""
    if "liver" not in part.plan.endpoints:
        return
    analysis, endpoint = part.plan.analysis, part.plan.endpoints["liver"]
    cause = endpoint.states[0]
    with chapter.attempt(f"prognostic factors for {small(endpoint.label)}", setting):
        found = factors(part, "liver", analysis.factors, multivariable=analysis.multivariable, cause=cause)
        title = f"Prognostic factors for {small(endpoint.label)}, {setting}"
        chapter.show(effects_table(found, title=title, refusals=False), f"prognostic_factors_liver_{setting}")
        record_factors(found, setting, f"prognostic factors for {small(endpoint.label)}", chapter, endpoint="liver", cause=cause)
        with chapter.attempt(f"forest plot of the factors of {small(endpoint.label)}", setting):
            chapter.show(plot_forest(found), f"prognostic_factors_liver_{setting}")
        _checks(found, f"factor_checks_liver_{setting}", chapter)
        _said(found, part, f"liver_{setting}", chapter)
        _refusals(found, part, setting, f"{small(endpoint.label)}, ", chapter)


def _cleared(part: Cohort, terms: Sequence[str], setting: str, chapter: Chapter) -> tuple[str, ...]:
    """The terms that may be modelled: all of them, or, for outside, those without small groups; the others are told with the reason."""
    kept, refused = cleared_terms(part, "os", tuple(dict.fromkeys(terms)), chapter.policy)
    for term, reason in refused.items():
        chapter.refuse(f"models of {small(part.plan.label(term))}", reason, setting)
    if not kept:
        raise EndpointError("no factor has groups that are large enough for a report for outside.")
    return kept


def _refusals(found: Factors, part: Cohort, setting: str, before: str, chapter: Chapter) -> None:
    """A line a factor: what refuses its univariable model usually refuses it in the multivariable one too."""
    said: set[tuple[str, str]] = set()
    for refusal in found.refused:
        what = f"model of {small(part.plan.label(refusal.term))}" if refusal.term else "model"
        again = (refusal.term, refusal.reason) in said
        (chapter.refuse_quietly if again else chapter.refuse)(f"{before}{refusal.model} {what}", refusal.reason, setting)
        said.add((refusal.term, refusal.reason))


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
    for found, name, strata in ((together, "pooled, unstratified", ""), (stratified, "pooled, stratified by setting", "setting")):
        record_factors(found, "pooled", f"prognostic factors for overall survival, {name}", chapter, endpoint="os", strata=strata)
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
