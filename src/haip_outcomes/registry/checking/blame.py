"""Blame: which cells are already known to be wrong, so that one fault is one problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from haip_outcomes.errors import Problem
from haip_outcomes.registry.checking.rule import Rule
from haip_outcomes.registry.checking.story import Cell, Story
from haip_outcomes.registry.deriving.formulas import inputs_of


@dataclass(frozen=True, eq=False)
class Blame:
    """The cells of a story that are blamed, column by column. Build it with `Blame.of`."""

    story: Story
    wrong: dict[Cell, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, story: Story, unreadable: Iterable[Problem], names: Mapping[str, str]) -> Blame:
        """Begin with the cells that could not be read; `names` is how problems call the tables."""
        blame = cls(story)
        tables = {name: table for table, name in reversed(list(names.items()))}
        setting = story.plan.cohort.setting_column
        for problem in unreadable:
            table = tables.get(problem.table)
            if table is None or problem.severity != "error" or (table and table not in story.tables):
                continue
            column = "setting" if not table and problem.column == setting else problem.column
            places = story.rows(table).index.get_indexer(pd.Index(problem.rows))
            blame.add(Cell(table, column), places[places >= 0])
        return blame

    def add(self, cell: Cell, rows: np.ndarray) -> None:
        """Blame a column in these rows (places, or True for each)."""
        if cell not in self.wrong:
            self.wrong[cell] = np.zeros(len(self.story.rows(cell.table)), bool)
        self.wrong[cell][rows] = True

    def covers(self, rule: Rule) -> np.ndarray | None:
        """True for the rows in which something that the rule reads is already blamed; None where that is so nowhere."""
        covered = None
        for key in rule.needs:
            for cell in self.story.cells(rule.table, key) if rule.by_item else (Cell(rule.table, key),):
                for source in self._sources(cell):
                    rows = self._of(source, rule.table)
                    if rows is not None:
                        covered = rows if covered is None else covered | rows
        return covered

    def _of(self, cell: Cell, table: str) -> np.ndarray | None:
        """A column's blame, by the rows of another table: of the patient, or of any of the patient's rows."""
        wrong = self.wrong.get(cell)
        if wrong is None or cell.table == table:
            return wrong
        if table and not cell.table:
            return np.append(wrong, False)[self.story.owners[table]]
        if table:
            return None
        patients = np.zeros(len(self.story.frame) + 1, bool)
        patients[self.story.owners[cell.table][wrong]] = True
        return patients[:-1]

    def _sources(self, cell: Cell) -> Iterator[Cell]:
        """The column itself, and for a derived one all that it is made from."""
        yield cell
        derived = None if cell.table else self.story.plan.derived.get(cell.column)
        if derived is None:
            return
        if derived.table is not None:
            yield from (Cell(derived.table, column) for column in (derived.column, derived.by, *derived.where) if column)
        for column in (*derived.columns, *(inputs_of(derived, self.story.plan).values() if derived.formula else ())):
            yield from self._sources(Cell("", column))
