"""Chapter: overall survival, with Kaplan-Meier, the numbers under it, and early deaths."""

from __future__ import annotations

import pandas as pd

from haip_outcomes.benchmark.comparison import Comparison
from haip_outcomes.figures.curves import plot_survival
from haip_outcomes.formatting import median, percent
from haip_outcomes.programme.safety_and_delivery import EARLY, Proportions
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.groups import with_group
from haip_outcomes.report.literature import beside
from haip_outcomes.report.words import by_setting, k_of_n, months, small
from haip_outcomes.survival.comparisons import logrank
from haip_outcomes.survival.kaplan_meier import SurvivalCurve, survival_curve
from haip_outcomes.tables.outcomes import answered, survival_table


def overall_survival(cohort: Cohort, comparison: Comparison | None, counts: dict[str, Proportions]) -> Chapter:
    """Overall survival of each setting apart."""
    chapter = Chapter("survival", "Overall survival")
    if "os" not in cohort.plan.endpoints:
        chapter.refuse("overall survival", "the plan has no [endpoints.os].")
        return chapter
    for setting, part, title in by_setting(cohort):
        chapter.heading(title)
        with chapter.attempt("overall survival", setting):
            _curve(part, setting, title, chapter)
        _early(counts.get(setting), setting, title, chapter)
        for group in part.plan.analysis.groups:
            with chapter.attempt(f"overall survival by {small(part.plan.label(group))}", setting):
                _by_group(part, group, setting, chapter)
        beside(comparison, setting, ("overall_survival", "postop_mortality"), chapter)
    return chapter


def _curve(part: Cohort, setting: str, title: str, chapter: Chapter) -> None:
    tte = part.endpoint("os")
    curve = survival_curve(tte)
    times = part.plan.analysis.times
    chapter.show(plot_survival(curve, width="double"), f"overall_survival_{setting}", setting)
    chapter.show(survival_table(curve, times), f"overall_survival_{setting}")
    record_curve(curve, times, setting, tte.label, chapter)
    middle = curve.median().iloc[0]
    since = f"{curve.unit} since {curve.time_zero}"
    chapter.headline(title, f"Median overall survival, {since}", median(middle["estimate"], middle["conf_low"], middle["conf_high"]))
    row = last_supported(curve.at(list(times)), len(part))
    if row is not None:
        chapter.headline(title, "Alive at", f"{months(row['time'])} {curve.unit}: {percent(row['estimate'], row['conf_low'], row['conf_high'])}")


def last_supported(at: pd.DataFrame, n: int) -> pd.Series | None:
    """The row of the last planned time with at least 5 patients and 10% of them still at risk."""
    known = at[at["n_risk"] >= max(5, 0.1 * n)]
    return known.iloc[-1] if len(known) else None


def record_curve(curve: SurvivalCurve, times: tuple[float, ...], setting: str, analysis: str, chapter: Chapter) -> None:
    """The numbers of a survival table, for results.csv."""
    unit = curve.unit
    chapter.record(curve.median(), setting=setting, analysis=analysis, quantity="median", unit=unit, method=curve.method)
    chapter.record(answered(curve.at(list(times))), setting=setting, analysis=analysis, quantity="survival probability", unit=unit, method=curve.method)


def _early(counts: Proportions | None, setting: str, title: str, chapter: Chapter) -> None:
    if counts is None:
        return
    tidy = counts.tidy()
    chosen = tidy[tidy["outcome"] == EARLY]
    for sentence, (_, row) in zip([s for s, o in zip(counts.sentences, tidy["outcome"], strict=True) if o == EARLY], chosen.iterrows(), strict=True):
        chapter.say(sentence)
        if setting != "comparator":  # resected cohorts are often chosen among those who survived the operation
            chapter.headline(title, "Dead within 90 days", k_of_n(row))


def _by_group(part: Cohort, group: str, setting: str, chapter: Chapter) -> None:
    chosen = with_group(part, group, chapter)
    label = part.plan.label(group)
    tte = chosen.endpoint("os")
    curve = survival_curve(tte, chosen[group])
    test = logrank(tte, chosen[group])
    name = f"overall_survival_{setting}_by_{group}"
    chapter.show(plot_survival(curve, width="double", test=test, by_label=label), name, setting)
    chapter.show(survival_table(curve, part.plan.analysis.times, by_label=label), name)
    analysis = f"{tte.label} by {small(label)}"
    record_curve(curve, part.plan.analysis.times, setting, analysis, chapter)
    chapter.record(test.tidy(), setting=setting, analysis=analysis, quantity="log-rank test", method=test.method)
