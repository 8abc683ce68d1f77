"""The rules of a table's column names and rows, the same for every format; nothing of what may be a patient's row is ever said."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from haip_outcomes.errors import CohortError, Problem
from haip_outcomes.registry.sources.raw_table import RawTable
from haip_outcomes.registry.sources.refusal import refused
from haip_outcomes.registry.values.distinct_cells import cell_text

LOOKED_AT = 20  # rows in which the column names are looked for when they do not stand in row 1


@dataclass(frozen=True)
class Expected:
    """What is expected of a table: the plan's column names (none without a plan), and whether it may be without rows.

    `codes` are the codes that the plan gives a meaning to, by column; `missing` tells whether a code is one of its missing codes.
    """

    key: str = ""
    columns: frozenset[str] = frozenset()
    may_be_empty: bool = False
    place: str = "[cohort]"  # where the plan speaks of the table
    codes: Mapping[str, Collection[str]] = field(default_factory=dict)
    missing: Callable[[str], bool] = lambda code: False

    def keeps(self, column: str, code: str) -> bool:
        """True for a code that the plan speaks of, as a value of the column or as "not known"."""
        return code in self.codes.get(column, ()) or self.missing(code)

    def named_by(self, row: Iterable[object]) -> int:
        """How many of the plan's columns a row names, whatever the case and the spaces."""
        return len({cell_text(cell).strip().casefold() for cell in row} & {column.casefold() for column in self.columns})


def check_row_1(head: Sequence[Sequence[object]], n_rows: int, name: str, expected: Expected) -> list[str]:
    """The column names, which stand in row 1 of a text table or a sheet.

    Parameters
    ----------
    head : the first rows, at least LOOKED_AT where there are as many.
    n_rows : how many rows there are, the names among them, up to the last that is not empty.
    """
    if n_rows < 2 and not (expected.may_be_empty and head and expected.named_by(head[0])):
        raise _without_rows(name, bool(head) and any(map(cell_text, head[0])))
    wanted = f'"{expected.key}" and the others in row 1' if expected.key else "a name above every column, in row 1"
    known = expected.named_by(head[0]) if expected.columns else any(map(cell_text, head[0]))
    if not known:
        half = len(expected.columns) / 2
        lower = next((number for number, row in enumerate(head[1:LOOKED_AT], start=2) if expected.named_by(row) > half), None)
        advice = f"the names seem to stand in row {lower}: remove what is above them" if lower else "put the names in row 1, written as in the plan"
        raise refused(name, "row 1 does not hold the plan's column names" if expected.columns else "nothing in row 1", wanted, advice, (1,))
    return [cell_text(cell) for cell in head[0]]


def check_names(names: Collection[str], name: str, expected: Expected) -> None:
    """The column names of a format that keeps them apart from the rows (parquet, SPSS, Stata)."""
    if expected.columns and not expected.named_by(names):
        raise refused(name, "none of the plan's columns", f'"{expected.key}" and the others as column names',
                      "check that this is the right file, and that the columns are written as in the plan")  # fmt: skip


def check_widths(widths: np.ndarray, name: str) -> None:
    """Every row has as many cells as there are names; an empty line (0 cells) is a row of empty cells."""
    wide = int(widths[0])
    uneven = np.flatnonzero((widths != wide) & (widths != 0)) + 1
    if len(uneven):
        raise refused(name, "another number of cells than column names", f"{wide} cells a row",
                      "a separator inside a cell needs quotes: save the table as CSV again", map(int, uneven))  # fmt: skip


def check_no_rows_inside(cells: pd.DataFrame, separator: str, name: str) -> None:
    """A quote that is opened in one row and closed in a later one hides whole rows in one cell: lines with as many separators as a row."""
    inside = np.zeros(len(cells), dtype=bool)
    for i in range(cells.shape[1]):
        texts = cells.iloc[:, i]
        several = np.flatnonzero(texts.str.contains("\n", regex=False, na=False))
        rows = [place for place in several if any(line.count(separator) >= cells.shape[1] - 1 for line in texts.iloc[place].split("\n")[1:])]
        inside[rows] = True
    if inside.any() and cells.shape[1] > 1:
        raise refused(name, "rows inside a cell", "every row on a line of its own", "a quote at the beginning of a cell swallows the rows up to the next one: "
                      "remove it, or double it", map(int, cells.index[inside]))  # fmt: skip


def under_names(table: RawTable, header: Sequence[str], expected: Expected, *, names_in_row_1: bool = True) -> RawTable:
    """Cells by position and row become cells under their names: every name once, no cell without one, empty rows left out and named."""
    name, cells = table.name, table.cells
    place = (1,) if names_in_row_1 else ()
    twice = sorted({title for title in header if title and list(header).count(title) > 1})
    if twice:
        raise CohortError([Problem(name, title, place, "the same column name twice", "different column names", "rename or remove one of the columns")
                           for title in twice], name)  # fmt: skip
    nameless = [i for i, title in enumerate(header) if not title]
    stray = np.zeros(len(cells), dtype=bool)
    for i in nameless:
        stray |= ~is_empty(cells.iloc[:, i])
    if stray.any():
        raise refused(name, "cells in a column without a name", "a name above every column", "name the column in row 1, or clear these cells",
                      map(int, cells.index[stray]))  # fmt: skip
    if nameless:
        cells = cells.iloc[:, [i for i, title in enumerate(header) if title]]
    cells = cells.copy(deep=False)
    cells.columns = pd.Index([title for title in header if title], dtype=object)
    cells.index = cells.index.rename("row")
    again = _rows_where(cells, lambda column: np.asarray(column == column.name, dtype=bool))
    if again.any():
        raise refused(name, "the column names again", "one table, with its names in row 1",
                      f"two tables one below the other? Check that their columns are the same, and remove {'this row' if again.sum() == 1 else 'these rows'}",
                      map(int, cells.index[again]))  # fmt: skip
    empty = _rows_where(cells, is_empty)
    if empty.all() and not expected.may_be_empty:
        raise _without_rows(name, named=True)
    notes = list(table.notes)
    if empty.any():
        rows = cells.index[empty]
        last = cells.index[~empty].max() if not empty.all() else 0
        between = tuple(int(row) for row in rows if row < last)
        if between:
            notes.append(Problem(name, "", between, "empty rows", "a patient in every row", "nothing to do: empty rows hold nobody", "warning"))
        cells = cells[~empty]
    return replace(table, cells=cells, notes=tuple(notes))


def is_empty(column: pd.Series) -> np.ndarray:
    """True for every cell that holds nothing."""
    return np.asarray(column.isna() | (column == ""), dtype=bool)


def _rows_where(cells: pd.DataFrame, holds: Callable[[pd.Series], np.ndarray]) -> np.ndarray:
    """True for every row of which it holds in all columns; a later column is looked at only where it held in all before."""
    rows = holds(cells.iloc[:, 0]) if cells.shape[1] else np.ones(len(cells), dtype=bool)
    for i in range(1, cells.shape[1]):
        left = np.flatnonzero(rows)
        if not len(left):
            break
        rows[left] = holds(cells.iloc[:, i].iloc[left])
    return rows


def _without_rows(name: str, named: bool) -> CohortError:
    found = "column names and no patients" if named else "an empty file"
    return refused(name, found, "a row of column names, then a row a patient", "check that this is the right file")
