"""Dates without a day: what a rule says when they stand at the first or the last day of their month instead of its middle."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from haip_outcomes.registry.checking.rule import TWICE, Rule
from haip_outcomes.registry.checking.story import Cell, Story

MOST_DATES = 4  # of one rule that are moved one by one; more are moved together


@dataclass(frozen=True, eq=False)
class Uncertain:
    """The dates of a story that the file gives without a day: by column their rows (places), earliest and latest day."""

    story: Story
    cells: dict[Cell, tuple[np.ndarray, np.ndarray, np.ndarray]]

    @classmethod
    def of(cls, story: Story, partial: pd.DataFrame | None) -> Uncertain:
        """From a cohort's list of partial dates (table, row, column, earliest, latest)."""
        cells = {}
        listed = pd.DataFrame(columns=["table", "column"]) if partial is None else partial
        for (table, column), own in listed.groupby(["table", "column"]):
            cell = Cell(str(table), str(column))
            if cell.table not in ("", *story.tables) or cell.column not in story.rows(cell.table):
                continue
            places = story.rows(cell.table).index.get_indexer(pd.Index(own["row"]))
            there = places >= 0
            cells[cell] = (places[there], own["earliest"].to_numpy("datetime64[ns]")[there], own["latest"].to_numpy("datetime64[ns]")[there])
        return cls(story, cells)

    def explains(self, rule: Rule, view: pd.DataFrame, rows: np.ndarray) -> dict[int, str]:
        """Of the rows (places) that break a rule, those that need not: another day of the same months would do; with the key to name."""
        keys = [key for key in rule.needs if self._cell(rule, key) in self.cells] if self.cells else []
        if not keys:
            return {}
        ends = {key: self._ends(rule, key, view) for key in keys}
        partial = {key: ~np.isnat(first) & (first != last) for key, (first, last) in ends.items()}
        touched = rows[np.any([partial[key][rows] for key in keys], axis=0)]
        if not len(touched):
            return {}
        if rule.kind == TWICE:  # two entries of one month may be of two days
            holds = np.ones(len(touched), bool)
        else:
            holds = np.zeros(len(touched), bool)
            own = view.iloc[touched]
            moves = product((0, 1), repeat=len(keys)) if len(keys) <= MOST_DATES else [(0,) * len(keys), (1,) * len(keys)]
            for chosen in moves:
                moved = own.assign(**{key: ends[key][end][touched] for key, end in zip(keys, chosen, strict=True)})
                holds |= np.asarray(rule.holds(moved), bool)
        named = sorted(keys, key=lambda key: key != rule.column)
        return {int(row): next(key for key in named if partial[key][row]) for row in touched[holds]}

    def _cell(self, rule: Rule, key: str) -> Cell | None:
        if not rule.by_item:
            return Cell(rule.table, key)
        cells = list(self.story.cells(rule.table, key)) if key not in self.story.summaries else []
        return cells[0] if cells else None

    def _ends(self, rule: Rule, key: str, view: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """The earliest and the latest day of every row's date."""
        cell = self._cell(rule, key)
        assert cell is not None
        places, earliest, latest = self.cells[cell]
        ends = []
        for days in (earliest, latest):
            dates = self.story.rows(cell.table)[cell.column].to_numpy("datetime64[ns]").copy()
            dates[places] = days
            ends.append(dates if cell.table == rule.table else np.append(dates, np.datetime64("NaT"))[self.story.owners[rule.table]])
        return ends[0], ends[1]
