"""A report for outside (`--share`): who is in it, what it says of itself, and the last look before it is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, Problem
from haip_outcomes.figures.style import Drawing
from haip_outcomes.formatting import listed, plural
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.content import Chapter, Heading, Paragraph, Refusal
from haip_outcomes.report.words import by_setting, setting_title
from haip_outcomes.tables.disclosure import GROUP, HIDDEN, SIZES, DisclosureError, Policy, Sharing, is_small
from haip_outcomes.tables.outcomes import hidden_note
from haip_outcomes.tables.table import Table

_SMALL_SETTING = "of a setting with fewer than ten patients"
_COUNTS = ("n", "n_event", "n_risk", "n_censor")
METHOD = (
    "Small numbers. This report is for outside the centre. Counts of 1 to 4 patients or events are hidden (" + HIDDEN + "), and with them their "
    "percentages and intervals, and every other count from which, as a difference or by solving all sums at once, one of them would follow; "
    "also the counts of those without the property, of those with a missing value, and of those who had an event between two shown times. "
    "Which of two counts is hidden as the small one and which as its complement is not told. Settings of fewer than ten patients are left out, "
    "groups of fewer than ten are not analysed on their own, and factors with such groups, or with 1 to 4 events in one, are not modelled. Curves "
    "have points at whole months only, between which at least 5 patients had the event; no censoring is marked. Times are rounded to "
    "whole months (days to 5 days), probabilities to whole per cent, quartiles to about a fifth of the middle half's width. Row numbers, names of files, "
    "their hashes, the analyses of what other conventions would change, observed beside expected events, charts over time, centres side by side, and how many patients "
    "more an answer needs are left out."
)


def shareable(cohort: Cohort) -> tuple[Cohort, Sharing, tuple[str, ...]]:
    """The patients of a report for outside, its policy, and the settings that are left out because they are too small.

    Raises EndpointError when every setting is.
    """
    small = tuple(name for name in cohort.settings if len(cohort.setting(name)) < GROUP)
    if len(small) == len(cohort.settings):
        raise EndpointError("Nothing can be shared: every setting has fewer than ten patients.")
    kept = cohort if not small else cohort.where(~cohort.frame["setting"].astype(str).isin(small), because=_SMALL_SETTING)
    everybody = kept.frame.index
    for left in left_out(kept):
        everybody = everybody.append(left)
    return kept, Sharing.of(everybody), small


def left_out(cohort: Cohort) -> list[pd.Index]:
    """The patients of each exclusion, who have no row any more: labels that only tell them apart."""
    return [pd.Index([f"left out {i}, {j}" for j in range(one.n)], dtype=object) for i, one in enumerate(cohort.exclusions)]


def shared_flow(cohort: Cohort, chapter: Chapter) -> None:
    """The patient flow, as far as it may be shown."""
    policy, index = chapter.policy, cohort.frame.index
    parts = [(part.frame.index, setting_title(name, len(part)).split(" (")[0], name) for name, part, _ in by_setting(cohort)]
    outs = left_out(cohort)
    whole = index
    for left in outs:
        whole = whole.append(left)
    complete = len(whole) == cohort.source.rows
    shown = policy.family(whole, [*(own for own, _, _ in parts), *outs], SIZES)
    for left, one in zip(outs, cohort.exclusions, strict=True):
        if one.because == _SMALL_SETTING:  # not to be recovered by subtraction either
            policy.keep(left)
    total, analysed = (policy.shows(some, some, SIZES) for some in (whole, index))
    rows = [("Rows in the file", policy.cell(total and complete, str(cohort.source.rows)))] if outs or not complete else []
    indents = [0] * len(rows)
    for one, told in zip(cohort.exclusions, shown[len(parts) :], strict=True):
        because = one.because if not re.search(r"\d", one.because) else "for a reason that names numbers"
        small = one.because == _SMALL_SETTING
        rows.append((f"Left out: {because}", HIDDEN if small or not (told and complete) else str(one.n)))
        indents.append(0)
    rows.append(("Analysed", policy.cell(analysed, str(len(cohort)))))
    indents.append(0)
    records = [{"group": "analysed", "n": len(cohort) if analysed else np.nan}]
    for (own, title, name), told in zip(parts, shown, strict=False):
        rows.append((title, policy.cell(told, str(len(own)))))
        indents.append(1)
        records.append({"group": f"analysed: {name}", "n": len(own) if told else np.nan})
    chapter.show(Table("flow", "Patient flow", ("Step", "Patients"), tuple(rows), tuple(filter(None, [hidden_note(rows)])), tuple(indents)), "patient_flow")
    chapter.record(pd.DataFrame(records), setting="all", analysis="patient flow", quantity="patients", cleared=True)


def shared_problems(notes: Sequence[Problem], cohort: Cohort, policy: Policy) -> pd.DataFrame:
    """What the data made us note, for outside: in how many patients, never in which rows nor what was found there."""
    rows = []
    for note in notes:
        index = cohort.frame.index
        known = note.table == cohort.source.name and set(note.rows) <= set(index)
        told = known and policy.shows(index[index.isin(note.rows)], index)
        label = cohort.plan.label(note.column) if note.column in cohort.plan.columns else ""
        rows.append((note.severity, label, note.kind or _without_numbers(note.expected), "-" if not note.rows else str(len(note.rows)) if told else HIDDEN))
    return pd.DataFrame(rows, columns=["severity", "column", "concerns", "patients"])


def _without_numbers(words: str) -> str:
    return words if not re.search(r"\d", words) else "a value that the plan's rules question"


def shared_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts of a run, without what tells the file: no name, no hash, the day but not the minute."""
    kept = {name: value for name, value in facts.items() if name not in ("cohort_file", "cohort_sha256", "plan_sha256")}
    return kept | {"made": str(facts["made"])[:10], "small_numbers": "hidden"}


def notice(chapters: Iterable[Chapter], small: Sequence[str]) -> str:
    """The first screen's sentence: that small numbers are hidden, and in how many cells."""
    cells = sum(_marks(block) for chapter in chapters for block in chapter.blocks)
    gone = f" The {listed(tuple(small))} setting{'s are' if len(small) > 1 else ' is'} left out: fewer than ten patients." if small else ""
    return (f"This report is for outside the centre. {HIDDEN} stands in {plural(cells, 'cell')} of the tables, for a count of 1 to 4, for what "
            f"rests on it, and for what would reveal it.{gone} The chapter on methods says what was done.")  # fmt: skip


def _marks(block: object) -> int:
    return sum(HIDDEN in cell for row in block.rows for cell in row) if isinstance(block, Table) else 0


# --- the last look ----------------------------------------------------------------------------------------------

_TELLS = (
    r"(?<![\d.,<%(-])\b[1-4] (?:of \d+|patients?|events?|deaths?|died|left|women|men|without)\b",  # "3 patients", "2 of 26"
    r"(?<![\d.,])\b[1-4] \(\d+%\)",  # "3 (12%)"
    r"\brows? \d+", r"\b(?:19|20)\d\d-\d\d-\d\d\b(?! \d\d:)", r"\b[0-9a-f]{40,}\b",
)  # fmt: skip


def last_look(chapters: Sequence[Chapter], results: pd.DataFrame, problems: pd.DataFrame, facts: dict[str, Any], cohort: Cohort, policy: Policy) -> None:
    """Go once more through all that is about to be handed out; a fault stops it (DisclosureError, exit 1).

    The sums are solved anew; results.csv may hold no count of 1 to 4; no text may say one, nor a row, a date or a hash.
    """
    faults: list[str] = []
    if isinstance(policy, Sharing) and policy.ledger.follows():
        faults.append("a hidden count follows from those shown")
    for name in _COUNTS:
        values = pd.to_numeric(results[name], errors="coerce").dropna()
        own = values[results.loc[values.index, "quantity"] != "published"]
        own = own[results.loc[own.index, "analysis"] != "the literature"]
        if any(is_small(int(value)) for value in own):
            faults.append(f"results.csv shows a count of 1 to 4 in its column {name}")
    if results["std_error"].notna().any():
        faults.append("results.csv shows a standard error, from which a count can be computed")
    if "rows" in problems or "found" in problems:
        faults.append("problems.csv lists rows")
    if any("sha256" in key or "file" in key for key in facts):
        faults.append("run.json names the file or its hash")
    own_words = _own_words(cohort)
    for chapter in chapters:
        for text in texts(chapter):
            bare = text
            for words in own_words:
                bare = bare.replace(words, " ")
            if any(re.search(pattern, bare) for pattern in _TELLS):
                faults.append(f"the chapter {chapter.title} has a text with a small count, a row, a date or a hash")
                break
    if faults:
        raise DisclosureError("This report would show what a report for outside hides, and was not written; please tell the authors of haip_outcomes: "
                              f"{'; '.join(dict.fromkeys(faults))}.")  # fmt: skip


def texts(chapter: Chapter) -> list[str]:
    """Every text of a chapter that tells of this centre, with captions and alternative texts."""
    found = [value for _, measure, value in chapter.headlines] + [line.here for line in chapter.verdicts]
    if chapter.key in ("methods", "run"):
        return found
    for block in chapter.blocks:
        if isinstance(block, Heading | Paragraph):
            found.append(block.text)
        elif isinstance(block, Refusal):
            found.append(block.reason)
        elif isinstance(block, Drawing):
            found += [block.caption, block.alt]
        elif isinstance(block, Table):
            theirs = block.name in ("side_by_side", "not_compared")  # published figures may be small: they are not this centre's patients
            found += [cell for row in block.rows for cell in (row[1:] if not theirs else ())]
            found += list(block.footnotes) if not theirs else []
    return found


def _own_words(cohort: Cohort) -> list[str]:
    """What the plan's author wrote: labels and definitions may hold any number, such as a grade."""
    plan = cohort.plan
    words = [plan.label(column) for column in plan.columns]
    words += [level for column in plan.columns.values() for level in column.levels.values()]
    words += [recipe.label for recipe in plan.endpoints.values()] + [event for recipe in plan.endpoints.values() for event in recipe.events]
    words += [text for item in plan.programme.values() for text in (item.label, item.definition)]
    words += [plan.cohort.name, "counts of 1 to 4", "count of 1 to 4", "one to four"]
    return sorted({word for word in words if word}, key=len, reverse=True)

