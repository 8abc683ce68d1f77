"""Every rule asked of a typed cohort: what is broken, each fault once, with rows and advice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from haip_outcomes.errors import Problem
from haip_outcomes.registry.checking.absent_rows import absent_rows
from haip_outcomes.registry.checking.blame import Blame
from haip_outcomes.registry.checking.clinical_checks import clinical_rules, summaries
from haip_outcomes.registry.checking.date_order import blamed_dates
from haip_outcomes.registry.checking.plan_checks import plan_rules
from haip_outcomes.registry.checking.rule import NO_BASELINE, STAGES, Rule, violations
from haip_outcomes.registry.checking.story import Cell, Story
from haip_outcomes.registry.checking.telling import Teller
from haip_outcomes.registry.checking.uncertain import Uncertain
from haip_outcomes.registry.plan import Plan


def broken(frame: pd.DataFrame, tables: Mapping[str, pd.DataFrame], plan: Plan, names: Mapping[str, str], unreadable: Iterable[Problem] = (),
           keys: frozenset[str] = frozenset(), partial: pd.DataFrame | None = None) -> list[Problem]:  # fmt: skip
    """Run every rule on typed tables; a problem a rule, with the rows that break it.

    One fault is one problem: what follows from a cell that is already blamed in a row (or was `unreadable`) is not said again. Errors are
    asked before warnings; units before cells by themselves, these before the order of dates, and that before what several
    cells say together. A patient without a baseline comes before all, and a table without the rows that it must have. Dates are judged together (`checking.date_order`).

    Parameters
    ----------
    frame : the patients, typed, derived columns included; indexed by row number.
    tables : the related tables, typed; their column "patient" is an index label of `frame`, missing where the row has no patient.
    names : how problems call the tables: {"": the patients' table, "imaging": ...}.
    unreadable : the problems of cells, which are not said again.
    keys : the patients' keys, which are never shown.
    partial : the dates that the file gives without a day (table, row, column, earliest, latest). A rule that another day of the same
        month would satisfy asks for the day; if the rule is clinical that is a warning.
    """
    story = Story.of(frame, tables, plan, summaries(plan))
    absent = dict(absent_rows(story, names))
    rules = [rule for rule in (*plan_rules(plan), *clinical_rules(plan, story.tables)) if _can_be_asked(rule, story) and not _of_these(rule, absent, story)]
    asked = _Asked(story, Blame.of(story, unreadable, names), Teller(story, names, keys), Uncertain.of(story, partial))
    wrong = _violated(story, rules)
    return [*absent.values()] + [problem for severity in ("error", "warning") for stage in range(STAGES)
            for problem in asked.stage([(rule, *wrong[i]) for i, rule in enumerate(rules) if i in wrong and (rule.severity, rule.stage) == (severity, stage)])]  # fmt: skip


def besides(found: Iterable[Problem], derived: Iterable[Problem]) -> list[Problem]:
    """Of the problems of derived columns, what `found` (those of cells and of rules) does not say already.

    Rows are taken out of a problem where their cell is blamed already, an error's only where that is an error too; a problem of which
    no row is left is not said. Nothing is added about a patient without a baseline.

    >>> told = [Problem("a.csv", "height_cm", (2, 3), "1.75", "a number in cm", "convert it")]
    >>> [problem.rows for problem in besides(told, [Problem("a.csv", "height_cm", (3, 9), "1.75, 3", "100 to 250", "correct it")])]
    [(9,)]
    """
    blamed: dict[tuple[str, str], set[int]] = {}
    warned: dict[tuple[str, str], set[int]] = {}
    empty: dict[str, set[int]] = {}
    for problem in found:
        (blamed if problem.severity == "error" else warned).setdefault((problem.table, problem.column), set()).update(problem.rows)
        if problem.kind == NO_BASELINE:
            empty.setdefault(problem.table, set()).update(problem.rows)
    left = []
    for problem in derived:
        place = (problem.table, problem.column)
        known = blamed.get(place, set()) | empty.get(problem.table, set()) | (warned.get(place, set()) if problem.severity == "warning" else set())
        keep = [i for i, row in enumerate(problem.rows) if row not in known]
        if len(keep) == len(problem.rows):
            left.append(problem)
        elif keep:
            cells = tuple(problem.cells[i] for i in keep) if problem.cells else ()
            patients = tuple(problem.patients[i] for i in keep) if problem.patients else ()
            left.append(replace(problem, rows=tuple(problem.rows[i] for i in keep), cells=cells, patients=patients))
    return left


class _Asked:
    """Broken rules to problems, one stage after another."""

    def __init__(self, story: Story, blame: Blame, teller: Teller, uncertain: Uncertain) -> None:
        self.story, self.blame, self.teller, self.uncertain = story, blame, teller, uncertain

    def stage(self, rules: Sequence[tuple[Rule, np.ndarray, pd.DataFrame]]) -> list[Problem]:
        """The problems of rules that are asked together."""
        found: list[Problem] = []
        dates: list[tuple[Rule, np.ndarray]] = []
        for rule, wrong, view in rules:
            covered = self.blame.covers(rule)
            rows = np.flatnonzero(wrong if covered is None else wrong & ~covered)
            no_day = self.uncertain.explains(rule, view, rows) if len(rows) else {}
            if no_day:
                found.extend(self.teller.no_day(rule, no_day))
                rows = rows[~np.isin(rows, list(no_day))]
            if rule.order:
                dates.append((rule, rows))
            elif len(rows):
                found.append(self.teller.rule(rule, rows, view))
            if rule.kind == NO_BASELINE:
                for column in self.story.frame.columns.difference([self.story.key_column("")]):
                    self.blame.add(Cell("", column), rows)
            if not rule.order and not rule.flag:
                for cell in (list(self.story.cells(rule.table, rule.column)) if rule.by_item else []) or [Cell(rule.table, rule.column)]:
                    self.blame.add(cell, np.append(rows, list(no_day)).astype(int))
        for blamed in blamed_dates(self.story, [(rule, rows) for rule, rows in dates if len(rows)]):
            self.blame.add(blamed.cell, blamed.rows)
            found.append(self.teller.dates(blamed))
        return found


def _can_be_asked(rule: Rule, story: Story) -> bool:
    if rule.table and rule.table not in story.tables:
        return False
    return all(story.has(rule.table, key) for key in rule.needs) if rule.by_item else set(rule.needs) <= set(story.rows(rule.table).columns)


def _of_these(rule: Rule, absent: Mapping[str, Problem], story: Story) -> bool:
    """True for a rule about the rows of a table that has none: that was said once."""
    summed = [story.summaries[key].column for key in rule.needs if rule.by_item and not rule.table and key in story.summaries]
    return any(declared.item in summed for table in absent for declared in story.plan.tables[table].columns.values())


def _violated(story: Story, rules: Sequence[Rule]) -> dict[int, tuple[np.ndarray, pd.DataFrame]]:
    """Each broken rule by its place, with the rows that break it and the view in which it was asked."""
    found = {}
    for table in ("", *story.tables):
        for by_item in (False, True):
            own = [i for i, rule in enumerate(rules) if (rule.table, rule.by_item) == (table, by_item)]
            if own:
                view = story.view(table, [key for i in own for key in rules[i].needs]) if by_item else story.rows(table)
                found.update({own[place]: (wrong, view) for place, wrong in violations(view, [rules[i] for i in own]).items()})
    return found
