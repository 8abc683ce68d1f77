"""A broken rule becomes a problem: the file's own names, row numbers, what was found, and never a key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from haip_outcomes.errors import Problem
from haip_outcomes.formatting import listed
from haip_outcomes.registry.checking.date_order import Blamed
from haip_outcomes.registry.checking.rule import Rule, Severity, named
from haip_outcomes.registry.checking.story import Cell, Story
from haip_outcomes.registry.values.cells import cell_text, looks_identifying, shown

MOST_NAMED = 5  # columns in one sentence
MOST_CELLS = 10_000  # rows of one problem that are described one by one
_NO_DAY = "its day is not given, and the middle of the month breaks this rule: give the day"


@dataclass(frozen=True, eq=False)
class Teller:
    """Says what is wrong in a story's own words; `names` is how problems call the tables, `keys` are never shown."""

    story: Story
    names: Mapping[str, str]
    keys: frozenset[str]

    def rule(self, rule: Rule, rows: np.ndarray, view: pd.DataFrame) -> Problem:
        """A rule and the rows (places) that break it."""
        cells = self._cells(rule)
        cell = cells.get(rule.column, Cell(rule.table, rule.column))
        others = [other for key, other in cells.items() if key != rule.column and other != cell]
        texts = rule.found(view.iloc[rows]) if rule.found else None
        return self._problem(rule, cell, rows, rule.advice, rule.severity, texts, lambda i: [(other, self._place(other, rule.table, rows[i])) for other in others[:3]])

    def no_day(self, rule: Rule, rows: dict[int, str]) -> Iterator[Problem]:
        """A rule that holds or not depending on a day that the file does not give; `rows` (places) with the key that lacks it."""
        severity: Severity = "warning" if rule.by_item else rule.severity
        for key in dict.fromkeys(rows.values()):
            own = np.array([row for row, of in rows.items() if of == key])
            cell = self._cells(rule)[key]
            places = own if cell.table == rule.table else np.unique(self.story.owners[rule.table][own])
            expected = rule.expected if key == rule.column else f"{{{key}}} in its order with {{{rule.column}}}"
            yield self._problem(rule, cell, places, _NO_DAY, severity, None, lambda i: [], expected)

    def dates(self, blamed: Blamed) -> Problem:
        """A date that contradicts others, and the rows in which it does."""
        rule, columns = blamed.rule, list(dict.fromkeys(cell for cells in blamed.against for cell in cells))
        advice = rule.advice
        if blamed.reference:
            before = rule.order is not None and rule.order[0] != rule.column
            some = listed([self._called(cell) for cell in columns[:MOST_NAMED]]) if len(columns) <= MOST_NAMED else (
                f"{', '.join(self._called(cell) for cell in columns[:MOST_NAMED])}, ...")  # fmt: skip
            advice = f"several dates lie {'before' if before else 'after'} it ({some}): correct this one, or those"
        return self._problem(rule, blamed.cell, blamed.rows, advice, rule.severity, None,
                             lambda i: list(zip(blamed.against[i], blamed.places[i].tolist(), strict=True)), rule.several if blamed.reference else rule.expected)  # fmt: skip

    def _problem(self, rule: Rule, cell: Cell, rows: np.ndarray, advice: str, severity: Severity, texts: pd.Series | None,
                 others: Callable[[int], list[tuple[Cell, int]]], expected: str | None = None) -> Problem:  # fmt: skip
        frame = self.story.rows(cell.table)
        hidden = self._hidden(cell)
        found, cells = "", tuple[str, ...]()
        if not hidden:
            values = texts if texts is not None else frame[cell.column].iloc[rows]
            found = shown([cell_text(value) or "empty" for value in pd.unique(values)[:4]], self.keys)
            if len(rows) <= MOST_CELLS:
                cells = tuple(self._described(value, others(i)) for i, value in enumerate(values))
        columns = {key: self._column(one) for key, one in self._cells(rule).items()}
        patients = () if not cell.table else tuple(int(self.story.frame.index[owner]) if owner >= 0 else 0 for owner in self.story.owners[cell.table][rows])
        return Problem(self.names.get(cell.table, cell.table), self._column(cell), tuple(int(row) for row in frame.index[rows]), found,
                       named(expected if expected is not None else rule.expected, columns), named(advice, columns), severity, rule.kind, cells, patients)  # fmt: skip

    def _described(self, value: object, others: list[tuple[Cell, int]]) -> str:
        """What was found in one row, and below it what it is measured against."""
        said = []
        for cell, row in others[:3]:
            if row >= 0 and not self._hidden(cell):
                text = cell_text(self.story.rows(cell.table)[cell.column].iat[row]) or "empty"
                said.append(f"{self._called(cell)}: {shown([text], self.keys)}")
        more = [f"and {len(others) - 3} more"] if len(others) > 3 else []
        return "\n".join([shown([cell_text(value) or "empty"], self.keys), *said, *more])

    def _cells(self, rule: Rule) -> dict[str, Cell]:
        """The columns that a rule's keys stand for, but for what is summed up over several rows."""
        if not rule.by_item:
            return {key: Cell(rule.table, key) for key in (rule.column, *rule.needs)}
        return {key: next(self.story.cells(rule.table, key)) for key in (rule.column, *rule.needs)
                if key not in self.story.summaries and any(self.story.cells(rule.table, key))}  # fmt: skip

    def _place(self, cell: Cell, table: str, row: int) -> int:
        return int(row) if cell.table == table else int(self.story.owners[table][row])

    def _hidden(self, cell: Cell) -> bool:
        plan = self.story.plan
        return (cell.column in (self.story.key_column(cell.table), plan.cohort.id, *plan.cohort.keys) or looks_identifying(cell.column)
                or cell.column not in self.story.rows(cell.table) or cell.column == "patient")  # fmt: skip

    def _column(self, cell: Cell) -> str:
        """The name that the file has for a column."""
        return self.story.plan.cohort.setting_column or "setting" if cell == Cell("", "setting") else cell.column

    def _called(self, cell: Cell) -> str:
        """A column's name, with its table where that is not the patients'."""
        return f"{cell.column} in {self.story.plan.tables[cell.table].label or cell.table}" if cell.table else self._column(cell)
