"""This centre against whole published curves: events seen, events expected, their ratio, and how sure the curve itself is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from haip_outcomes.benchmark.comparison import Comparison
from haip_outcomes.benchmark.curves.centre_against_curves import AgainstCurve, Reading, against_curves
from haip_outcomes.benchmark.literature import Figures
from haip_outcomes.formatting import interval, number, p_value, plural
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.cautioned import with_caution
from haip_outcomes.report.centre_recipes import recipe_against
from haip_outcomes.report.content import Chapter
from haip_outcomes.tables.table import Table

_LEFT_OUT = ("This centre against whole published curves is left out of a report for outside: events seen beside events expected would tell small counts.")
_METHOD = ("One-sample log-rank test against published curves (Wu's form, with the curve's own uncertainty where its source lets one state it), piecewise exponential "
           "through printed survival, reconstructed where a curve is registered, a constant hazard where there is a median alone")  # fmt: skip
_WHAT = ("A published curve uses all follow-up here, where a median or a share at one time uses one point of it. Expected: how many events these patients would have "
         "had, each for as long as followed, under the curve's hazard. O/E above 1: more events here than the curve leads one to expect.")  # fmt: skip


def curves(cohort: Cohort, comparison: Comparison, figures: Figures | None, chapter: Chapter) -> None:
    """Every published curve of the centre's settings: O, E and O/E; a p-value only where the plan names one of the curve's figures."""
    chapter.heading("Against published curves")
    if chapter.policy.hides:
        chapter.say(_LEFT_OUT, "note")
        return
    with chapter.attempt("this centre against published curves"):
        found = against_curves(cohort, figures)
        named = set(cohort.plan.benchmark.judge)
        held = [one for one in found if one.readings]
        some = [one for one in held if one.kind != "median" or named & set(one.figures)]
        if some:
            chapter.say(_WHAT)
            chapter.show(with_caution(_table(some, named), comparison, chapter.policy), "against_curves")
        else:
            chapter.say("No published curve can be held against this centre's patients.")
        for one in some:
            if named & set(one.figures):
                chapter.say(one.sentence, "note")
        if len(held) > len(some):
            chapter.say(f"{plural(len(held) - len(some), 'median')} that the plan does not name, each as if its hazard were constant, {'is' if len(held) - len(some) == 1 else 'are'} in "
                        "results.csv only.", "note")  # fmt: skip
        _not_held(found, chapter)
        for one in found:
            _record(one, bool(named & set(one.figures)), cohort, chapter)


def _table(some: Sequence[AgainstCurve], named: set[str]) -> Table:
    arms = [(one.short, one.endpoint, one.group) for one in some]
    rows: list[tuple[str, ...]] = []
    indents: list[int] = []
    for one in some:
        judged = one.judged and bool(named & set(one.figures))
        word = "" if judged else one.not_judged or "-"
        head = f"{one.endpoint[:1].upper()}{one.endpoint[1:]}, {one.group}: {one.name}"
        if arms.count((one.short, one.endpoint, one.group)) > 1 and one.population:  # two arms of one source are told apart in its own words
            head += f"; {one.population}"
        several = len(one.readings) > 1
        if several:
            rows.append((head, "", "", "", "", word))
            indents.append(0)
        for reading in one.readings:
            rows.append((reading.convention if several else head, *_cells(reading), p_value(float(reading.row["p_value"])) if judged else "", "" if several else word))
            indents.append(int(several))
    notes = ("O: events seen here until the curve ends. E: events expected, with the standard error that comes from the curve's own patients (-: taken as known). "
             "O/E with 95% limits that count both. CI: confidence interval. p: one-sample log-rank test, only for curves of which the plan names a figure; no "
             "correction for the number of curves. -: not among the figures that the plan names, so without a test. Under five events expected no curve is judged, in either direction.",)  # fmt: skip
    return Table("against_curves", "This centre against published curves", ("Curve", "O", "E (standard error)", "O/E (95% CI)", "p", "Not judged"), tuple(rows), notes, indents=tuple(indents), text_columns=(5,))


def _cells(reading: Reading) -> tuple[str, str, str]:
    row: Any = reading.row
    variance = float(row["variance_of_expected"])
    error = number(math.sqrt(variance), 1) if variance > 0 else "-"
    return str(int(row["n_event"])), f"{number(float(row['n_expected']), 1)} ({error})", interval(float(row["estimate"]), float(row["conf_low"]), float(row["conf_high"]))


def _not_held(found: Sequence[AgainstCurve], chapter: Chapter) -> None:
    """How many curves could not be held against these patients; results.csv has each with its reason."""
    out = [one for one in found if not one.readings]
    if out:
        chapter.say(f"{plural(len(out), 'published curve or median', 'published curves and medians')} of these settings can't be held against this centre's patients; "
                    "results.csv names each with its reason.", "note")  # fmt: skip
    for one in out:
        chapter.refuse_quietly(f"against {one.name}", one.reason, one.setting)


def _record(one: AgainstCurve, named: bool, cohort: Cohort, chapter: Chapter) -> None:
    if not one.readings:
        return
    rows = []
    for reading in one.readings:
        row: Any = reading.row
        made = recipe_against(one, reading.convention, cohort)
        tested = {"statistic": row["statistic"], "df": row["df"], "p_value": row["p_value"]} if one.judged and named else {}
        rows.append({"quantity": "observed over expected", "term": reading.convention, "estimate": row["estimate"], "conf_low": row["conf_low"],
                     "conf_high": row["conf_high"], "n": row["n"], "n_event": row["n_event"], "shown": "; ".join(filter(None, [one.not_judged, reading.result.method])),
                     "recipe": made, **tested})  # fmt: skip
        rows.append({"quantity": "expected events", "term": reading.convention, "estimate": row["n_expected"], "std_error": math.sqrt(float(row["variance_of_expected"])),
                     "recipe": made})  # fmt: skip
    chapter.record(pd.DataFrame(rows), setting=one.setting, analysis=f"{one.endpoint} against {one.name}", quantity="", method=_METHOD)
