"""Chapter: liver progression or recurrence, and where the disease came back first."""

from __future__ import annotations

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.comparison import Comparison
from haip_outcomes.errors import EndpointError
from haip_outcomes.figures.curves import plot_cumulative_incidence, plot_survival
from haip_outcomes.formatting import count, number, percent, plural
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.groups import with_group
from haip_outcomes.report.literature import beside
from haip_outcomes.report.liver_against import TITLE
from haip_outcomes.report.nested import nested
from haip_outcomes.report.sensitivity import sensitivity
from haip_outcomes.report.words import by_setting, months, rows_of, small, test_frame, test_words
from haip_outcomes.survival.comparing.gray_test import gray
from haip_outcomes.survival.curves.aalen_johansen import CumulativeIncidence, cumulative_incidence
from haip_outcomes.survival.curves.kaplan_meier import SurvivalCurve, survival_curve
from haip_outcomes.survival.time_to_event import TimeToEvent
from haip_outcomes.tables.disclosure import HIDDEN, OPEN, Policy
from haip_outcomes.tables.estimates import UNTESTED, answered, medians, sizes, tests_shown, values_at
from haip_outcomes.tables.outcomes import hidden_note, incidence_table, median_text
from haip_outcomes.tables.table import Table

_FOUR = ("Four numbers are called liver recurrence in the literature, and they answer different questions: any liver event or liver as the first "
         "site, each as a cumulative incidence (death competes) or as one minus Kaplan-Meier (deaths censored, which overstates the "
         "risk). Each number here says which one it is.")  # fmt: skip


def liver_events(cohort: Cohort, comparison: Comparison | None, policy: Policy = OPEN) -> Chapter:
    """Time to liver progression or recurrence, and hepatic against extrahepatic as first site, by setting."""
    chapter = Chapter("liver", "Liver and extrahepatic events", policy)
    chapter.say(_FOUR, "note")
    if comparison is not None:
        chapter.say(f"“{TITLE}” is a chapter of its own.", "note")
    for setting, part, title in by_setting(cohort):
        chapter.heading(title)
        if _planned("liver", "time to liver progression or recurrence", part, setting, chapter):
            _liver(part, setting, title, chapter)
        if "hepatic_pfs" in part.plan.endpoints:
            with chapter.attempt("hepatic progression-free survival", setting):
                _composite(part, setting, chapter)
        if _planned("first_site", "first site of progression or recurrence", part, setting, chapter):
            _first_site(part, setting, title, chapter)
        beside(comparison, (setting,), ("extrahepatic_recurrence",), chapter)
        if not policy.hides:  # two counts that differ by one or two patients would show these
            sensitivity(part, setting, chapter)
    return chapter


def _planned(endpoint: str, analysis: str, part: Cohort, setting: str, chapter: Chapter) -> bool:
    if endpoint not in part.plan.endpoints:
        chapter.refuse(analysis, f"the plan has no [endpoints.{endpoint}].", setting)
        return False
    return True


def _liver(part: Cohort, setting: str, title: str, chapter: Chapter) -> None:
    with chapter.attempt("time to liver progression or recurrence", setting):
        tte = part.endpoint("liver")
        cause = liver_cause(tte, part)
        curve = survival_curve(tte.only(cause))
        incidence = incidence_of(tte)
        times = part.plan.analysis.times
        chapter.draw(lambda: plot_survival(curve, policy=chapter.policy), f"liver_free_{setting}", setting,
                     recipe=recipe("at_risk", of="liver", only=cause))  # fmt: skip
        chapter.draw(lambda: plot_cumulative_incidence(incidence, cause=cause, policy=chapter.policy), f"liver_incidence_{setting}", setting,
                     recipe=recipe("at_risk", of="liver"))  # fmt: skip
        chapter.show(medians_table({"": curve}, tte.label, policy=chapter.policy), f"liver_medians_{setting}")
        chapter.show(incidence_table(incidence, times, policy=chapter.policy), f"liver_incidence_{setting}")
        for method in ("brookmeyer-crowley", "standard-error"):
            chapter.record(medians(curve, chapter.policy, method=method), setting=setting, analysis=f"{tte.label}, deaths censored",
                           quantity=f"median ({method})", unit=tte.unit, method=curve.method, cleared=True,
                           recipe=recipe("median", of="liver", only=cause, method=method if method == "standard-error" else ""))  # fmt: skip
        record_incidence(incidence, times, setting, f"{tte.label}, any time", chapter, of="liver")
        _liver_headline(curve, incidence, cause, title, times, chapter)
        _late_deaths(part, setting, cause, chapter)


def incidence_of(tte: TimeToEvent, by: pd.Series | None = None) -> CumulativeIncidence:
    """Cumulative incidence with cmprsk's variance, or with survfit's where patients enter late and cmprsk has none."""
    return cumulative_incidence(tte, by, variance="cmprsk" if tte.entry is None else "infinitesimal-jackknife")


def liver_cause(tte: TimeToEvent, part: Cohort) -> str:
    """The liver event of an endpoint: the first of its events that is not terminal."""
    terminal = part.plan.endpoints["liver"].terminal
    causes = [name for name in tte.states if name not in terminal]
    if not causes:
        raise EndpointError("[endpoints.liver] has no event besides death.")
    return causes[0]


def medians_table(curves: dict[str, SurvivalCurve], label: str, name: str = "medians", *, policy: Policy = OPEN) -> Table:
    """The median both ways: by inverting the interval of the curve, and the symmetric form older series print."""
    rows = []
    for group, curve in curves.items():
        for method, words in (("brookmeyer-crowley", "from the curve (Brookmeyer-Crowley, log-log)"), ("standard-error", "plus and minus 1.96 standard errors")):
            found = medians(curve, policy, method=method).iloc[0]
            missing = HIDDEN if policy.hides else "-"
            rows.append((f"{group}: {words}" if group else f"Median {words}", number(found["n"], 0, missing), number(found["n_event"], 0, missing),
                         median_text(found, policy)))  # fmt: skip
    curve = next(iter(curves.values()))
    notes = (f"{curve.caution[:1].upper()}{curve.caution[1:]}." if curve.caution else "",
             "The symmetric form is what several published series seem to print; it covers about 85% at 30 patients and is given only to be "
             "compared with them. NR: not reached. A negative lower limit is shown as computed.", hidden_note(rows))  # fmt: skip
    return Table(name, f"{label}: median time since {curve.time_zero}, {curve.unit}", ("", "n", "Events", "Median (95% CI)"), tuple(rows),
                 tuple(filter(None, notes)))  # fmt: skip


def _liver_headline(curve: SurvivalCurve, incidence: CumulativeIncidence, cause: str, title: str, times: tuple[float, ...], chapter: Chapter) -> None:
    policy = chapter.policy
    found = medians(curve, policy).iloc[0]
    chapter.headline(title, f"{curve.label}, median {curve.unit} (deaths censored)", median_text(found, policy))
    at = values_at(incidence, times, policy)
    own = at[at["outcome"] == cause]
    if policy.hides and len(own) and not own["hidden"].all():
        own = own[~own["hidden"]]
    if len(own):
        row = own.iloc[0]
        chapter.headline(title, f"{curve.label} within {months(row['time'])} {curve.unit} (deaths competing)",
                         HIDDEN if row.get("hidden") else percent(row["estimate"], row["conf_low"], row["conf_high"]))  # fmt: skip


def _late_deaths(part: Cohort, setting: str, cause: str, chapter: Chapter) -> None:
    """Deaths long after the last look at the liver: listed, and the incidence again with those patients censored."""
    late = part.late_deaths("liver")
    if chapter.policy.hides:
        index = part.frame.index
        shown = chapter.policy.shows(index[late], index)
        told, after = plural(int(late.sum()), "patient"), "more than 180 days after the last look at the liver"
        chapter.say(f"{told} died {after}." if shown else f"The number who died {after} is hidden.", "note")
        return
    if not late.any():
        chapter.say("Nobody died more than 180 days after the last look at the liver.", "note")
        return
    tte = part.endpoint("liver")
    without = int((late.to_numpy() & (tte.state != tte.code(cause))).sum())
    told = (f"{plural(int(late.sum()), 'patient')} died more than 180 days after the last look at the liver ({rows_of(part, part.frame.index[late])}), "
            f"{without} of them without a liver event before")  # fmt: skip
    if not without:
        chapter.say(f"{told}: nothing changes.", "note")
        return
    incidence = incidence_of(part.endpoint("liver", censor_late_deaths=True))
    times = part.plan.analysis.times
    at = answered(incidence.at(list(times)))
    own = at[at["outcome"] == cause]
    values = ", ".join(f"{percent(row['estimate'], row['conf_low'], row['conf_high'])} at {months(row['time'])} {incidence.unit}"
                       for row in own.to_dict("records"))  # fmt: skip
    chapter.say(f"{told}: one may have been missed. With these deaths not counted and the patients censored when last seen, the cumulative "
                f"incidence of {cause.lower()} events is {values or 'not known'}.", "note")  # fmt: skip
    record_incidence(incidence, times, setting, "late deaths censored when last seen", chapter, of="liver", late_deaths="censored")


def record_incidence(incidence: CumulativeIncidence, times: tuple[float, ...], setting: str, analysis: str, chapter: Chapter, **made: str) -> None:
    """The numbers of an incidence table, for results.csv; `made` says of which times they are, for their recipe."""
    policy = chapter.policy
    chapter.record(values_at(incidence, times, policy), setting=setting, analysis=analysis, quantity="cumulative incidence",
                   unit=incidence.unit, method=incidence.method, cleared=True, recipe=recipe("cumulative_incidence", **made, variance=incidence.variance))  # fmt: skip
    counts: list[dict[str, object]] = [{"outcome": outcome, "group": group, "n": n, "n_event": k} for outcome in incidence.states
              for group, n, k in zip(incidence.groups, incidence.n, incidence.n_event(outcome), strict=True)]  # fmt: skip
    if policy.hides:
        for row in counts:
            one = next(one for one in incidence.sets if one.group == row["group"])
            n, events = sizes(one, policy, incidence.groups, incidence.sets, incidence.states.index(str(row["outcome"])) + 1)
            row |= {"n": row["n"] if n else np.nan, "n_event": row["n_event"] if events else np.nan}
    chapter.record(pd.DataFrame(counts), setting=setting, analysis=analysis, quantity="patients and events", cleared=True, recipe=recipe("incidence_counts", **made))


def _composite(part: Cohort, setting: str, chapter: Chapter) -> None:
    planned = part.plan.endpoints["hepatic_pfs"]
    curve = survival_curve(part.endpoint("hepatic_pfs").any_event(planned.label))
    found = medians(curve, chapter.policy)
    row = found.iloc[0]
    counts = "" if row[["n", "n_event"]].isna().any() else f", {int(row['n_event'])} events in {plural(int(row['n']), 'patient')}"
    chapter.say(f"{planned.label}: median {median_text(row, chapter.policy)} {curve.unit} since {curve.time_zero}{counts}.")
    chapter.record(found, setting=setting, analysis=planned.label, quantity="median", unit=curve.unit, method=curve.method, cleared=True,
                   recipe=recipe("median", of="hepatic_pfs", any=True))  # fmt: skip


def _first_site(part: Cohort, setting: str, title: str, chapter: Chapter) -> None:
    with chapter.attempt("first site of progression or recurrence", setting):
        tte = part.endpoint("first_site")
        incidence = incidence_of(tte)
        times = part.plan.analysis.times
        counts = tte.counts
        shown = _first_events_shown(tte, part, chapter.policy)
        told = ", ".join(f"{small(name) if name != 'censored' else 'none so far'} {chapter.policy.cell(shown[name], count(k, tte.n))}"
                         for name, k in counts.items())  # fmt: skip
        chapter.say(f"{tte.label}, the first event of {plural(tte.n, 'patient') if shown[''] else 'the patients'}: {told}.")
        chapter.headline(title, tte.label, told)
        chapter.record(pd.DataFrame({"outcome": list(counts), "n": tte.n if shown[""] else np.nan,
                                     "n_event": [k if shown[name] else np.nan for name, k in counts.items()]}), setting=setting,
                       analysis=tte.label, quantity="first events", cleared=True, recipe=recipe("first_events", of="first_site"))  # fmt: skip
        chapter.draw(lambda: plot_cumulative_incidence(incidence, cause=tte.states[0], policy=chapter.policy), f"first_site_{setting}", setting,
                     recipe=recipe("at_risk", of="first_site"))  # fmt: skip
        record_incidence(incidence, times, setting, tte.label, chapter, of="first_site")
        splits: dict[str, Table] = {}
        notes: list[str] = []
        for group in part.plan.analysis.groups:
            with chapter.attempt(f"first site by {small(part.plan.label(group))}", setting):
                _by_group(part, group, setting, splits, notes, chapter)
        chapter.show(nested(incidence_table(incidence, times, policy=chapter.policy), splits, notes), f"first_site_{setting}")


def _first_events_shown(tte: TimeToEvent, part: Cohort, policy: Policy) -> dict[str, bool]:
    """Whether the count of each first event may be shown with its share; "" for the number of patients."""
    names = [*tte.counts]
    codes = [0 if name == "censored" else tte.code(name) for name in names]
    everybody = policy.shows(tte.index, part.frame.index)
    each = policy.family(tte.index, [tte.index[tte.state == code] for code in codes])
    return {"": everybody} | {name: shown and everybody for name, shown in zip(names, each, strict=True)}


def _by_group(part: Cohort, group: str, setting: str, splits: dict[str, Table], notes: list[str], chapter: Chapter) -> None:
    chosen = with_group(part, group, chapter)
    label = part.plan.label(group)
    tte = chosen.endpoint("first_site")
    incidence = incidence_of(tte, chosen[group])
    tests = {cause: gray(tte, chosen[group], cause=cause) for cause in tte.states
             if (tte.state == tte.code(cause)).any() and tests_shown(incidence.sets, tte.code(cause), chapter.policy)}  # fmt: skip
    if not tte.state.any():
        raise EndpointError("nobody had an event.")
    splits[label] = incidence_table(incidence, part.plan.analysis.times, by_label=label, policy=chapter.policy)
    words = "; ".join(f"{cause} {test_words(test)}" for cause, test in tests.items())
    notes.append(f"{label}, Gray's test (the other events competing): {words}. The p-values are not adjusted for the number of tests."
                 if tests else f"{label}: {UNTESTED}")  # fmt: skip
    analysis = f"{tte.label} by {small(label)}"
    record_incidence(incidence, part.plan.analysis.times, setting, analysis, chapter, of="first_site", by=group)
    for cause, test in tests.items():
        chapter.record(test_frame(test, chapter.policy).assign(outcome=cause), setting=setting, analysis=analysis, quantity="Gray's test", method=test.method,
                       cleared=True, recipe=recipe("gray", of="first_site", by=group))  # fmt: skip
    chapter.draw(lambda: plot_cumulative_incidence(incidence, cause=tte.states[0], tests=tests, by_label=label, policy=chapter.policy), f"first_site_{setting}_by_{group}", setting,
                 recipe=recipe("at_risk", of="first_site", by=group))  # fmt: skip
