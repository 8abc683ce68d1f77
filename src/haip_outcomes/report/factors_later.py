"""Section: what became known only after time zero, as it changed and by landmark."""

from __future__ import annotations

from haip_outcomes.prognosis.later.over_time import factors_over_time
from haip_outcomes.prognosis.later.over_time_result import TIME_VARYING
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.words import small
from haip_outcomes.tables.over_time import over_time_table


def later(part: Cohort, setting: str, chapter: Chapter) -> None:
    """Each column that the plan names in `later`, for overall survival; nothing where it names none."""
    analysis = part.plan.analysis
    for column in analysis.later:
        label = part.plan.label(column)
        if not part[column].notna().any():
            continue  # not asked of these patients, as conversion of those resected from the start
        with chapter.attempt(f"{small(label)} over time", setting):
            found = factors_over_time(part, "os", [column], landmark=list(analysis.landmarks) or None)
            chapter.show(over_time_table(found, title=f"{label} and overall survival, {setting}"), f"later_{column}_{setting}")
            tidy = found.tidy(exponentiate=True)
            for model in dict.fromkeys(tidy["model"]):
                chapter.record(tidy[tidy["model"] == model], setting=setting, analysis=f"{label}, {model}", quantity="hazard ratio", method=found.method,
                               recipe=_recipe(model, column))  # fmt: skip


def _recipe(model: str, column: str) -> str:
    """How a model of a column known later was made: on rows cut at its dates, from a landmark on, or as if it had been known at time zero."""
    if model == TIME_VARYING:
        return recipe("cox_over_time", of="os", later=[column], terms=[column])
    return recipe("cox", of="os", later=[column], landmark=model.removeprefix("landmark ") if model.startswith("landmark ") else "", terms=[column])
