"""Chapter: safety and delivery of the programme, as k of n with exact intervals."""

from __future__ import annotations

from haip_outcomes.benchmark.comparison import Comparison
from haip_outcomes.programme.safety_and_delivery import EARLY, Proportions, proportions
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.literature import beside
from haip_outcomes.report.words import by_setting, k_of_n
from haip_outcomes.tables.outcomes import proportions_table


def delivery(cohort: Cohort, comparison: Comparison | None, counts: dict[str, Proportions]) -> Chapter:
    """Complications, first cycle, conversion: by setting, and all together where there are several."""
    chapter = Chapter("delivery", "Safety and delivery")
    if not cohort.plan.programme:
        chapter.refuse("complications and delivery", "the plan has no [programme] entries.")
    for setting, _, title in by_setting(cohort):
        chapter.heading(title)
        found = counts[setting]
        if len(found.tidy()):
            chapter.show(proportions_table(found), f"safety_and_delivery_{setting}")
            _record(found, setting, chapter)
        for reason in found.refused:
            chapter.refuse("death within 90 days", reason, setting)
        headline = [row for row in found.tidy().to_dict("records") if row["statistic"] == "proportion" and row["outcome"] != EARLY and row["n"]]
        for row in headline[:3]:
            chapter.headline(title, row["label"], k_of_n(row))
        beside(comparison, setting, tuple(cohort.plan.programme), chapter)
    if len(cohort.settings) > 1 and cohort.plan.programme:
        chapter.heading("Whole programme")
        found = proportions(cohort, together=True)
        chapter.show(proportions_table(found), "safety_and_delivery_all")
        _record(found, "all", chapter)
        beside(comparison, "both", tuple(cohort.plan.programme), chapter)
    return chapter


def _record(found: Proportions, setting: str, chapter: Chapter) -> None:
    tidy = found.tidy()
    for statistic, unit in (("proportion", "probability"), ("median", "days")):
        part = tidy[tidy["statistic"] == statistic].drop(columns="statistic")
        if len(part):
            chapter.record(part, setting=setting, analysis="safety and delivery", quantity=statistic, unit=unit, method=found.method)
