"""Chapter: who is included, how long they were followed, what is missing, and Table 1."""

from __future__ import annotations

import numpy as np
import pandas as pd

from haip_outcomes.formatting import count, listed
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.outside import shared_flow
from haip_outcomes.report.words import by_setting, setting_title, small
from haip_outcomes.survival.curves.kaplan_meier import follow_up
from haip_outcomes.tables.baseline import baseline_frame, baseline_table
from haip_outcomes.tables.disclosure import CHARACTERISTICS, OPEN, Policy
from haip_outcomes.tables.estimates import medians
from haip_outcomes.tables.outcomes import hidden_note, median_text
from haip_outcomes.tables.table import Table


def included(cohort: Cohort, policy: Policy = OPEN) -> Chapter:
    """Flow, median follow-up, missing values and Table 1."""
    chapter = Chapter("included", "Who is included", policy)
    (shared_flow if policy.hides else _flow)(cohort, chapter)
    for setting, part, title in by_setting(cohort):
        with chapter.attempt("median follow-up", setting):
            _follow_up(part, setting, title, chapter)
    with chapter.attempt("patient characteristics"):
        by = "setting" if len(cohort.settings) > 1 else None
        chapter.show(baseline_table(cohort, by=by, policy=policy), "table1_characteristics")
        numbers = baseline_frame(cohort, by=by, policy=policy)
        made = [recipe("characteristic", of=column, by=by) for column in numbers["term"]]
        chapter.record(numbers.assign(recipe=made), setting="all", analysis="characteristics", quantity="", cleared=True)
    _missing(cohort, chapter)
    return chapter


def _flow(cohort: Cohort, chapter: Chapter) -> None:
    flow = cohort.flow()
    per_setting = [(setting_title(s, len(p)).split(" (")[0], str(len(p))) for s, p, _ in by_setting(cohort)]
    rows = [("Rows in the file", str(flow["n"].iloc[0]))]
    rows += [(f"Left out: {row['because']}", str(row["excluded"])) for row in flow.to_dict("records") if row["step"] == "left out"]
    rows += [("Analysed", str(len(cohort))), *per_setting]
    total = int(flow["excluded"].sum())
    note = f"{flow['n'].iloc[0]} rows in = {len(cohort)} analysed + {total} left out."
    table = Table("flow", "Patient flow", ("Step", "Patients"), tuple(rows), (note,),
                  indents=(*[0] * (len(rows) - len(per_setting)), *[1] * len(per_setting)))  # fmt: skip
    chapter.show(table, "patient_flow")
    left = flow["step"] == "left out"
    frame = pd.DataFrame({"group": flow["step"].where(~left, "left out: " + flow["because"]), "n": flow["excluded"].where(left, flow["n"])})
    parts = pd.DataFrame([{"group": f"analysed: {setting}", "n": len(part)} for setting, part, _ in by_setting(cohort)])
    chapter.record(pd.concat([frame, parts]), setting="all", analysis="patient flow", quantity="patients", recipe=recipe("counts"))


def _follow_up(part: Cohort, setting: str, title: str, chapter: Chapter) -> None:
    endpoint = "os" if "os" in part.plan.endpoints else next(iter(part.plan.endpoints))
    tte = part.endpoint(endpoint)
    curve = follow_up(tte)
    row = medians(curve, chapter.policy)
    words = median_text(row.iloc[0], chapter.policy)
    chapter.record(row, setting=setting, analysis="follow-up", quantity="median", unit=tte.unit, method=curve.method, cleared=True,
                   recipe=recipe("median", of=endpoint, reverse=True))  # fmt: skip
    chapter.say(f"{title}: median follow-up {words} {tte.unit} since {tte.time_zero} (reverse Kaplan-Meier).")
    chapter.headline(title, f"Median follow-up, {tte.unit}", words)


def _missing(cohort: Cohort, chapter: Chapter) -> None:
    """Missing values of the columns that are used, each in the settings where it is asked for."""
    asked = {item.column: item.settings for item in cohort.plan.programme.values() if item.column}
    analysis = cohort.plan.analysis
    chosen = [*(analysis.table1 or cohort.plan.columns), *analysis.factors, *(analysis.multivariable or ()), *analysis.groups, *asked]
    columns = [name for name in dict.fromkeys(chosen) if name in cohort.frame and cohort.plan.columns[name].resolved in ("category", "number")]
    if not columns:
        return
    groups = [(title.split(" (")[0], setting, part) for setting, part, title in by_setting(cohort)]
    rows, records = [], []
    complete: list[str] = []
    for column in columns:
        cells: list[str] = []
        total = 0
        for title, setting, part in groups:
            if setting not in asked.get(column, (setting,)):
                cells.append("not asked")
                continue
            missing = int(part[column].isna().sum())
            total += missing
            absent = part.frame.index[part[column].isna()]
            shown = chapter.policy.family(part.frame.index, [absent, part.frame.index.difference(absent)], CHARACTERISTICS)[0]
            cells.append(chapter.policy.cell(shown, count(missing, len(part))))
            records.append({"term": column, "group": title, "n": len(part), "n_event": missing if shown else np.nan,
                            "recipe": recipe("missing", of=column, patients=setting)})  # fmt: skip
        if total:
            rows.append((cohort.plan.label(column), *cells))
        else:
            complete.append(cohort.plan.label(column) if not complete else small(cohort.plan.label(column)))
    notes = ["Patients without a value.", *([f"Complete: {listed(complete)}."] if complete else []), *filter(None, [hidden_note(rows)])]
    table = Table("missing_values", "Missing values", ("Column", *(f"{title} (n = {len(part)})" for title, _, part in groups)),
                  tuple(rows) or (("Nothing is missing", *["0"] * len(groups)),), tuple(notes))  # fmt: skip
    chapter.show(table, "missing_values")
    chapter.record(pd.DataFrame(records), setting="all", analysis="missing values", quantity="patients without a value", cleared=True)
