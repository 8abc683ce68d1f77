"""Chapter: safety and delivery of the programme, as k of n with exact intervals."""

from __future__ import annotations

import pandas as pd

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
    asked = (*cohort.plan.programme, "first_cycle_not_delivered")
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
        beside(comparison, setting, asked, chapter)
    if len(cohort.settings) > 1 and cohort.plan.programme:
        chapter.heading("Whole programme")
        found = proportions(cohort, together=True)
        chapter.show(proportions_table(found), "safety_and_delivery_all")
        _record(found, "all", chapter)
        beside(comparison, "both", asked, chapter)
    return chapter


def _record(found: Proportions, setting: str, chapter: Chapter) -> None:
    """A row a proportion or median; and a row for each quartile, and for the patients not known or gone early."""
    tidy = found.tidy().rename(columns={"statistic": "quantity"})
    rows = [tidy]
    for column, quantity in (("q1", "lower quartile"), ("q3", "upper quartile")):
        timed = tidy[tidy["quantity"] == "median"]
        rows.append(timed[["outcome", "group", "n"]].assign(quantity=quantity, estimate=timed[column]))
    for column, quantity in (("n_missing", "not known"), ("n_left_early", "left early")):
        rows.append(tidy[["outcome", "group"]].assign(quantity=quantity, n=tidy[column]))
    for unit in dict.fromkeys(tidy["unit"]):
        own = set(tidy.loc[tidy["unit"] == unit, "outcome"])
        kept = [frame[frame["outcome"].isin(own)] for frame in rows]
        chapter.record(pd.concat([frame for frame in kept if len(frame)], ignore_index=True), setting=setting, analysis="safety and delivery",
                       quantity="", unit=unit, method=found.method)  # fmt: skip
