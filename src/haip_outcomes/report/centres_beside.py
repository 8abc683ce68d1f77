"""Chapter: what these patients' case mix leads one to expect, and centres side by side. No centre is ranked."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from haip_outcomes.benchmark.case_mix.case_mix_model import ReferenceModel
from haip_outcomes.benchmark.case_mix.expected_events import Expected
from haip_outcomes.benchmark.case_mix.funnels import Funnel, funnel
from haip_outcomes.benchmark.case_mix.reference_models import reference_model
from haip_outcomes.benchmark.case_mix.shrinkage import Shrunken, shrunken
from haip_outcomes.errors import HaipError
from haip_outcomes.figures.funnels import plot_funnel
from haip_outcomes.formatting import interval, listed, number, p_value, percent, plural
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.programme.safety_and_delivery import applicable
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.asked import Asked
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.words import by_setting, small
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.table import Table

TITLE = "Case mix, and centres side by side"
SEVERAL = 3  # centres that make a funnel
THIS = " (this centre)"
FEW = 5  # events of all centres together, below which a funnel says nothing
OUTSIDE = "In a report for outside, expected events and the numbers of other centres are left out: both would tell how many patients had an event."


def centres(everybody: Cohort, cohort: Cohort, asked: Asked, policy: Policy = OPEN) -> Chapter | None:
    """Observed over expected by the reference models, and, of several centres, funnels and shrunken estimates.

    `everybody` are the patients of all centres, `cohort` those of the centre that is asked about. None where there is
    neither a model nor another centre.
    """
    several = len(everybody.centres) >= SEVERAL
    if not several and not asked.references:
        return None
    chapter = Chapter("centres", TITLE, policy)
    if policy.hides:
        chapter.say(OUTSIDE)
        return chapter
    for model in asked.references:
        _expected(model, everybody if not asked.centre else cohort, chapter)
    if several:
        _side_by_side(everybody, asked, chapter)
    return chapter


# --- a reference model ----------------------------------------------------------------------------------------------


def _expected(model: ReferenceModel, cohort: Cohort, chapter: Chapter) -> None:
    """Events among these patients beside those that the model expects of them."""
    title = f"{model.label}: expected by {model.name or model.cohort}"
    chapter.heading(title)
    there = [setting for setting in cohort.settings if setting in model.settings]
    if not there:
        chapter.refuse(title, f"the model was made from {listed(model.settings)} patients, and this cohort has {listed(cohort.settings)} ones.")
    for setting in there:
        part = cohort.setting(setting)
        with chapter.attempt(title, setting):
            found = model.expected(part)
            chapter.show(_expected_table(found, model, setting), f"expected_{model.outcome}_{setting}")
            for note in found.notes:
                chapter.say(note, "note")
            chapter.record(found.tidy(), setting=setting, analysis=f"{model.label}, reference model {model.name or model.cohort}",
                           quantity="observed/expected", method=found.method, recipe=recipe("case_mix"))  # fmt: skip


def _expected_table(found: Expected, model: ReferenceModel, setting: str) -> Table:
    row = found.glance().iloc[0]
    total = interval(row["estimate"], row["total_low"], row["total_high"]) if not found.same_patients else "-"
    cells = (f"{model.label}, {setting}", str(row["n"]), str(row["n_event"]), number(row["n_expected"], 1),
             interval(row["estimate"], row["conf_low"], row["conf_high"]), total)  # fmt: skip
    notes = ["Observed/expected: 1 is as many events as the model expects of patients with this case mix. The first interval takes the model as known "
             "(exact Poisson); the second counts that it was itself estimated, and is the one to read."]  # fmt: skip
    if found.same_patients:
        notes.append("These are the patients that the model was made from: agreement with it shows nothing.")
    return Table("expected", f"Observed and expected, {small(model.label)}", ("", "Patients", "Observed", "Expected", "Observed/expected, model known",
                 "Observed/expected, model estimated"), (cells,), tuple(notes))  # fmt: skip


# --- several centres ------------------------------------------------------------------------------------------------


def _side_by_side(everybody: Cohort, asked: Asked, chapter: Chapter) -> None:
    names = everybody.centres
    nowhere = int(everybody.frame[everybody.centre_column].isna().sum())
    without = f" {plural(nowhere, 'patient')} without a centre {'is' if nowhere == 1 else 'are'} in no funnel." if nowhere else ""
    who = f"; {asked.centre} is the centre asked about" if asked.centre else ""
    chapter.say(f"{len(names)} centres{who}. Each is held against all of them together, at its own size: a point outside the 95% limits is expected by chance of one "
                f"centre in twenty. They stand in the order of the file, and are not ranked.{without}")  # fmt: skip
    for setting, part, title in by_setting(everybody):
        if len(part.centres) < SEVERAL:
            continue
        chapter.heading(title)
        for name in part.plan.programme:
            _proportion(part, name, setting, asked, chapter)
        _survival(part, setting, asked, chapter)


def _proportion(part: Cohort, name: str, setting: str, asked: Asked, chapter: Chapter) -> None:
    """An entry of the programme: patients with it of those known, centre by centre."""
    eligible, item = applicable(part, name), part.plan.programme[name]
    if eligible is None or item.column is None:
        return
    with chapter.attempt(f"{item.label}, centres side by side", setting):
        known = eligible.frame[eligible[item.column].notna() & eligible.frame[eligible.centre_column].notna()]
        yes = known[item.column].astype(str) == item.level
        of = known[eligible.centre_column].astype(str)
        counts = pd.DataFrame({"events": yes.groupby(of, observed=True).sum(), "n": of.groupby(of, observed=True).size()}).reindex(part.centres).dropna()
        if len(counts) < SEVERAL or not FEW <= counts["events"].sum() <= counts["n"].sum() - FEW:
            return
        target = float(counts["events"].sum() / counts["n"].sum())
        groups = _named(counts.index, asked)
        found = funnel(counts["events"].to_numpy(), counts["n"].to_numpy(), target=target, groups=groups, kind="proportion")
        _show(found, _shrunken(found), item.label, setting, f"{name}_{setting}", chapter)


def _survival(part: Cohort, setting: str, asked: Asked, chapter: Chapter) -> None:
    """Deaths observed over expected of each centre's case mix, by a model of all centres together."""
    if "os" not in part.plan.endpoints:
        return
    label = part.plan.endpoints["os"].label
    with chapter.attempt(f"{label}, centres side by side", setting):
        inside = part.where(part.frame[part.centre_column].notna(), because="without a centre") if part.frame[part.centre_column].isna().any() else part
        rows, words, known = _expected_deaths(inside, asked)
        if len(rows) < SEVERAL or rows["n_event"].sum() < FEW:
            return
        found = funnel(rows["n_event"].to_numpy(), rows["n_expected"].to_numpy(), target=1.0, groups=_named(rows.index, asked), kind="ratio",
                       variance_of_expected=None if known else rows["variance_of_expected"].to_numpy())  # fmt: skip
        _show(found, _shrunken(found), f"{label}, deaths", setting, f"os_{setting}", chapter, words)


def _expected_deaths(part: Cohort, asked: Asked) -> tuple[pd.DataFrame, tuple[str, ...], bool]:
    """A row a centre: deaths, expected deaths and their variance; whose expectation it is; whether it is these patients' own.

    By a reference model made elsewhere; else by a model of all centres together with the plan's factors, if it names any.
    """
    model = next((one for one in asked.references if one.outcome == "os" and one.kind == "hazard" and set(part.settings) <= set(one.settings)), None)
    terms = list(part.plan.analysis.multivariable or part.plan.analysis.factors)
    if model is not None:
        found, words = model.expected(part, by=part.centre_column), f"Expected by the reference model {model.name or model.cohort}."
    else:
        found = reference_model(part, "os", terms, name="all centres together").expected(part, by=part.centre_column)
        adjusted = f"adjusted for {listed([small(part.plan.label(term)) for term in terms])}" if terms else "not adjusted, as the plan names no factors ([analysis] factors)"
        words = f"Expected by a model of all centres together, {adjusted}."
    rows = found.tidy().set_index("group").reindex([name for name in part.centres if name in found.groups])
    return rows, (words, *found.notes), found.same_patients


def _named(names: pd.Index, asked: Asked) -> list[str]:
    return [f"{name}{THIS}" if name == asked.centre else str(name) for name in names]


def _shrunken(found: Funnel) -> Shrunken | HaipError:
    counts = found.counts
    try:
        return shrunken(counts.observed, counts.size, kind=counts.kind, groups=list(counts.groups))
    except HaipError as error:
        return error


def _show(found: Funnel, drawn: Shrunken | HaipError, label: str, setting: str, name: str, chapter: Chapter, notes: tuple[str, ...] = ()) -> None:
    chapter.say(f"{label}: {' '.join(found.sentences)}")
    chapter.show(replace(plot_funnel(found, y_label=label, label=[name for name in found.counts.groups if name.endswith(THIS)]), name=f"funnel_{name}"), f"funnel_{name}", recipe=recipe("case_mix"))
    chapter.show(_table(found, drawn, label, notes), f"centres_{name}")
    unit = "probability" if found.kind == "proportion" else "ratio"
    chapter.record(found.tidy(), setting=setting, analysis=f"{label}: centres", quantity="funnel", unit=unit, method=found.method, recipe=recipe("case_mix"))
    if isinstance(drawn, Shrunken):
        chapter.record(drawn.tidy(), setting=setting, analysis=f"{label}: centres", quantity="shrunken", unit=unit, method=drawn.method, recipe=recipe("case_mix"))


def _table(found: Funnel, drawn: Shrunken | HaipError, label: str, notes: tuple[str, ...]) -> Table:
    share = found.kind == "proportion"
    own = drawn.tidy().set_index("group") if isinstance(drawn, Shrunken) else None
    rows = []
    for row in found.tidy().to_dict("records"):
        size = str(row["n"]) if share else number(row["n_expected"], 1)
        value = percent(row["estimate"]) if share else number(row["estimate"])
        limits = f"{percent(row['conf_low'])} to {percent(row['conf_high'])}" if share else f"{number(row['conf_low'])} to {number(row['conf_high'])}"
        pulled = "-"
        if own is not None:
            values = [own.loc[row["group"], column] for column in ("estimate", "conf_low", "conf_high")]
            pulled = percent(*values) if share else interval(*values)
        rows.append((row["group"], size, str(row["n_event"]), value, limits, p_value(row["p_value"]), row["flag"], pulled))
    header = ("Centre", "Patients" if share else "Expected", "With it" if share else "Observed", "Share" if share else "Observed/expected",
              "Expected by chance (95%)", "p", "Place", "Shrunken towards all")  # fmt: skip
    said = [*notes, found.method + "."]
    said.append(f"Shrunken: {drawn.method}." if isinstance(drawn, Shrunken) else f"No shrunken estimates: {drawn}")
    if isinstance(drawn, Shrunken) and drawn.prior is None:
        said.append(drawn.sentences[0])
    return Table("centres", f"{label}: centres side by side, not ranked", header, tuple(rows), tuple(said), text_columns=(6,))
