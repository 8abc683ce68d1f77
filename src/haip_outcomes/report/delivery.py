"""Chapter: safety and delivery of the programme, as k of n with exact intervals."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from haip_outcomes.benchmark.comparison import Comparison
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.programme.safety_and_delivery import EARLY, Proportions, proportions
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.cleared_programme import cleared_proportions
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.literature import beside
from haip_outcomes.report.words import by_setting, k_of_n
from haip_outcomes.tables.disclosure import HIDDEN, OPEN, Policy
from haip_outcomes.tables.outcomes import proportions_table


def delivery(cohort: Cohort, comparison: Comparison | None, counts: dict[str, Proportions], policy: Policy = OPEN) -> Chapter:
    """Complications, first cycle, conversion: by setting, and all together where there are several."""
    chapter = Chapter("delivery", "Safety and delivery", policy)
    if not cohort.plan.programme:
        chapter.refuse("complications and delivery", "the plan has no [programme] entries.")
    parts = dict(counts)
    for setting, _, title in by_setting(cohort):
        for reason in counts[setting].refused:
            chapter.refuse("death within 90 days", reason, setting)
        rows = counts[setting].tidy().to_dict("records")
        for row in [row for row in rows if row["statistic"] == "proportion" and row["outcome"] != EARLY and row["n"]][:3]:
            chapter.headline(title, str(row["label"]), HIDDEN if policy.hides and row["hidden"] else k_of_n(row))
    if len(cohort.settings) > 1 and cohort.plan.programme:
        parts["all"] = cleared_proportions(proportions(cohort, together=True), cohort, policy)
    for setting, found in parts.items():
        _record(found, setting, cohort, chapter)
    if any(len(found.frame) for found in parts.values()):
        chapter.show(proportions_table(_together(list(parts.values())), policy), "safety_and_delivery")
    beside(comparison, (*cohort.settings, "both"), (*cohort.plan.programme, "first_cycle_not_delivered"), chapter)
    return chapter


def _together(parts: list[Proportions]) -> Proportions:
    """All in one table: a question, below it each setting, then all of them where it is asked in more than one."""
    frame = pd.concat([part.frame for part in parts if len(part.frame)], ignore_index=True).drop_duplicates(["outcome", "group"])
    order = {name: i for i, name in enumerate(frame["outcome"].drop_duplicates())}
    return replace(parts[0], frame=frame.sort_values("outcome", key=lambda names: names.map(order), kind="stable", ignore_index=True))


def _record(found: Proportions, setting: str, cohort: Cohort, chapter: Chapter) -> None:
    """A row a proportion or median; and a row for each quartile, and for the patients not known or gone early."""
    tidy = found.tidy().rename(columns={"statistic": "quantity"})
    tidy["recipe"] = [_made(str(name), cohort) for name in tidy["outcome"]]
    rows = [tidy]
    for column, quantity in (("q1", "lower quartile"), ("q3", "upper quartile")):
        timed = tidy[tidy["quantity"] == "median"]
        rows.append(timed[["outcome", "group", "n", "recipe"]].assign(quantity=quantity, estimate=timed[column]))
    late = () if chapter.policy.hides else (("n_left_early", "left early"),)
    for column, quantity in (("n_missing", "not known"), *late):
        rows.append(tidy[["outcome", "group", "recipe"]].assign(quantity=quantity, n=tidy[column]))
    for unit in dict.fromkeys(tidy["unit"]):
        own = set(tidy.loc[tidy["unit"] == unit, "outcome"])
        kept = [frame[frame["outcome"].isin(own)] for frame in rows]
        chapter.record(pd.concat([frame for frame in kept if len(frame)], ignore_index=True), setting=setting, analysis="safety and delivery",
                       quantity="", unit=unit, method=found.method, cleared=True)  # fmt: skip


def _made(name: str, cohort: Cohort) -> str:
    """The recipe of an entry of the programme."""
    if name == EARLY:
        return recipe("early_deaths", of="os")
    return recipe("days" if cohort.plan.programme[name].start else "proportion", of=name)
