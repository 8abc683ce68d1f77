"""Chapter: overall survival, with Kaplan-Meier, the numbers under it, and early deaths."""

from __future__ import annotations

import pandas as pd

from haip_outcomes.benchmark.comparison import Comparison
from haip_outcomes.figures.curves import plot_survival
from haip_outcomes.formatting import interval, p_value, percent
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.programme.safety_and_delivery import EARLY, Proportions
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.groups import with_group
from haip_outcomes.report.literature import beside
from haip_outcomes.report.nested import nested
from haip_outcomes.report.words import by_setting, k_of_n, months, small, test_frame, test_words
from haip_outcomes.survival.comparing.comparisons import logrank
from haip_outcomes.survival.curves.kaplan_meier import SurvivalCurve, survival_curve
from haip_outcomes.survival.curves.mean_survival import restricted_mean
from haip_outcomes.tables.disclosure import HIDDEN, OPEN, Policy
from haip_outcomes.tables.estimates import UNTESTED, medians, tests_shown, values_at
from haip_outcomes.tables.outcomes import median_text, survival_table
from haip_outcomes.tables.table import Table


def overall_survival(cohort: Cohort, comparison: Comparison | None, counts: dict[str, Proportions], policy: Policy = OPEN) -> Chapter:
    """Overall survival of each setting apart."""
    chapter = Chapter("survival", "Overall survival", policy)
    if "os" not in cohort.plan.endpoints:
        chapter.refuse("overall survival", "the plan has no [endpoints.os].")
        return chapter
    for setting, part, title in by_setting(cohort):
        chapter.heading(title)
        with chapter.attempt("overall survival", setting):
            notes: list[str] = []
            whole = _curve(part, setting, title, notes, chapter)
            splits: dict[str, Table] = {}
            for group in part.plan.analysis.groups:
                with chapter.attempt(f"overall survival by {small(part.plan.label(group))}", setting):
                    _by_group(part, group, setting, splits, notes, chapter)
            chapter.show(nested(whole, splits, [note for note in notes if note]), f"overall_survival_{setting}")
        _early(counts.get(setting), setting, title, chapter)
        beside(comparison, (setting,), ("overall_survival", "postop_mortality"), chapter)
    return chapter


def _curve(part: Cohort, setting: str, title: str, notes: list[str], chapter: Chapter) -> Table:
    tte = part.endpoint("os")
    curve = survival_curve(tte)
    times = part.plan.analysis.times
    chapter.draw(lambda: plot_survival(curve, policy=chapter.policy), f"overall_survival_{setting}", setting, recipe=recipe("at_risk", of="os"))
    record_curve(curve, times, setting, tte.label, chapter, of="os")
    middle = medians(curve, chapter.policy).iloc[0]
    since = f"{curve.unit} since {curve.time_zero}"
    chapter.headline(title, f"Median overall survival, {since}", median_text(middle, chapter.policy))
    row = last_shown(curve, times, len(part), chapter.policy)
    if row is not None:
        _mean(curve, float(row["time"]), setting, notes, chapter)
        chapter.headline(title, f"Alive at {months(row['time'])} {curve.unit}", percent(row["estimate"], row["conf_low"], row["conf_high"]))
    return survival_table(curve, times, policy=chapter.policy)


def _mean(curve: SurvivalCurve, horizon: float, setting: str, notes: list[str], chapter: Chapter) -> None:
    """Mean survival up to the last planned time that the data support: it has an interval also when no median is reached."""
    with chapter.attempt(f"restricted mean survival to {months(horizon)} {curve.unit}", setting):
        mean = restricted_mean(curve, horizon=horizon)
        one = mean.tidy().iloc[0]
        notes.append(f"Of the first {months(horizon)} {curve.unit}, patients lived {interval(one['estimate'], one['conf_low'], one['conf_high'], 1)} on average "
                     "(restricted mean, 95% CI).")  # fmt: skip
        chapter.record(_tenths(mean.tidy(), chapter.policy), setting=setting, analysis=curve.label, quantity="restricted mean", unit=curve.unit, method=mean.method,
                       cleared=True, recipe=recipe("restricted_mean", of="os"))  # fmt: skip


def _mean_differences(curve: SurvivalCurve, times: tuple[float, ...], label: str, group: str, reference: str, setting: str, chapter: Chapter) -> str:
    """The same between groups, in words, up to the last planned time at which each still has 5 patients at risk; else nothing."""
    at = curve.at(list(times)).groupby("time")["n_risk"].min()
    reached = at[at >= 5].index
    if chapter.policy.hides:
        visible = values_at(curve, times, chapter.policy).groupby("time")["hidden"].any()
        reached = reached[[not visible.get(time, True) for time in reached]]
    if not len(reached):
        return ""
    mean = restricted_mean(curve, horizon=float(reached.max()))
    told = mean.contrast(reference)
    chapter.record(_tenths(told.drop(columns="reference"), chapter.policy), setting=setting, analysis=f"{curve.label} by {small(label)}, against {reference}",
                   quantity="difference of restricted means", unit=curve.unit, method=mean.method, cleared=True,
                   recipe=recipe("restricted_mean_difference", of="os", by=group, reference=reference))  # fmt: skip
    words = [f"{row['group']} less {reference}: {interval(row['estimate'], row['conf_low'], row['conf_high'], 1)} {curve.unit}, p {p_value(row['p_value'])}"
             for row in told.to_dict("records")]  # fmt: skip
    return f"Mean survival in the first {months(mean.horizon)} {curve.unit}, {'; '.join(words)}."


def last_supported(at: pd.DataFrame, n: int) -> pd.Series | None:
    """The row of the last planned time with at least 5 patients and 10% of them still at risk."""
    known = at[at["n_risk"] >= max(5, 0.1 * n)]
    return known.iloc[-1] if len(known) else None


def last_shown(curve: SurvivalCurve, times: tuple[float, ...], n: int, policy: Policy) -> pd.Series | None:
    """The same, of the times whose value may be shown."""
    if not policy.hides:
        return last_supported(curve.at(list(times)), n)
    everywhere = curve.at(list(times))
    supported = everywhere.loc[everywhere["n_risk"] >= max(5, 0.1 * n), "time"]
    at = values_at(curve, times, policy)
    known = at[at["time"].isin(supported) & ~at["hidden"]]
    return known.iloc[-1] if len(known) else None


def _tenths(frame: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """Means for outside: as they are printed, and without what counts could be computed from."""
    if not policy.hides:
        return frame
    kept = frame.drop(columns=[name for name in ("std_error", "n", "n_event", "n_risk", "n_censor", "statistic") if name in frame])
    return kept.assign(**{name: kept[name].round(1) for name in ("estimate", "conf_low", "conf_high") if name in kept})


def record_curve(curve: SurvivalCurve, times: tuple[float, ...], setting: str, analysis: str, chapter: Chapter, **made: str | bool) -> None:
    """The numbers of a survival table, for results.csv; `made` says of which times they are, for their recipe."""
    unit = curve.unit
    policy, method = chapter.policy, curve.method
    chapter.record(medians(curve, policy), setting=setting, analysis=analysis, quantity="median", unit=unit, method=method, cleared=True,
                   recipe=recipe("median", **made))  # fmt: skip
    chapter.record(values_at(curve, times, policy), setting=setting, analysis=analysis, quantity="survival probability", unit=unit, method=method,
                   cleared=True, recipe=recipe("survival_curve", **made))  # fmt: skip


def _early(counts: Proportions | None, setting: str, title: str, chapter: Chapter) -> None:
    tidy = counts.tidy() if counts is not None else pd.DataFrame({"outcome": []})
    for row in tidy[tidy["outcome"] == EARLY].to_dict("records"):
        if chapter.policy.hides and row["hidden"]:
            chapter.say(f"{row['label']}: hidden, because the number is small or would reveal a small one.")
            chapter.headline(title, "Dead within 90 days", HIDDEN)
            continue
        left = f"; {row['n_left_early']} left earlier and are not counted" if row["n_left_early"] else ""
        chapter.say(f"{row['label']}: {k_of_n(row)}{left}.")
        if setting != "comparator":  # resected cohorts are often chosen among those who survived the operation
            chapter.headline(title, "Dead within 90 days", k_of_n(row))


def _by_group(part: Cohort, group: str, setting: str, splits: dict[str, Table], notes: list[str], chapter: Chapter) -> None:
    chosen = with_group(part, group, chapter)
    label = part.plan.label(group)
    tte = chosen.endpoint("os")
    curve = survival_curve(tte, chosen[group])
    test = logrank(tte, chosen[group]) if tests_shown(curve.sets, None, chapter.policy) else None
    splits[label] = survival_table(curve, part.plan.analysis.times, by_label=label, policy=chapter.policy)
    notes.append(f"{label}, log-rank test: {test_words(test)}." if test is not None else f"{label}: {UNTESTED}")
    if test is not None:
        notes.append(_mean_differences(curve, part.plan.analysis.times, label, group, str(chosen[group].cat.categories[0]), setting, chapter))
    analysis = f"{tte.label} by {small(label)}"
    record_curve(curve, part.plan.analysis.times, setting, analysis, chapter, of="os", by=group)
    if test is not None:
        chapter.record(test_frame(test, chapter.policy), setting=setting, analysis=analysis, quantity="log-rank test", method=test.method, cleared=True,
                       recipe=recipe("logrank", of="os", by=group))  # fmt: skip
    chapter.draw(lambda: plot_survival(curve, test=test, by_label=label, policy=chapter.policy), f"overall_survival_{setting}_by_{group}", setting,
                 recipe=recipe("at_risk", of="os", by=group))  # fmt: skip
