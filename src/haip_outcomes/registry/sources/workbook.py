"""An Excel workbook to raw cells: which sheet holds the patients, and what Excel shows that a reader would miss."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd

from haip_outcomes.errors import CohortError, Problem, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.registry.sources.header import LOOKED_AT, Expected, check_row_1, under_names
from haip_outcomes.registry.sources.raw_table import RawTable
from haip_outcomes.registry.sources.refusal import refused
from haip_outcomes.registry.values.distinct_cells import cell_text

# what openpyxl raises on parts that are absent, damaged or locked; SyntaxError is the ancestor of every XML ParseError
_DAMAGED = (zipfile.BadZipFile, zlib.error, SyntaxError, KeyError, IndexError, ValueError, TypeError, AttributeError, AssertionError,
            OSError, EOFError, RuntimeError, OverflowError)  # fmt: skip
_OLD_OR_LOCKED = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, eq=False)
class Workbook:
    """A workbook that could be opened."""

    name: str
    content: bytes
    book: Any

    @property
    def titles(self) -> list[str]:
        """The sheets with cells, by name, in their order."""
        return [sheet.title for sheet in self.book.worksheets]


def workbook_of(content: bytes, name: str) -> Workbook:
    """Open a workbook; a file that is none is a CohortError."""
    return Workbook(name, content, _opened(content, name))


def patients_sheet(workbook: Workbook, wanted: str | None, expected: Expected, related: Collection[str] = ()) -> RawTable:
    """The patients' sheet: the one that is `wanted`, or the first that is not empty when no other could be meant.

    `related` are sheets of which the plan says that they hold other rows. Sheets that are not read are named in a note.
    """
    name = workbook.name
    sheet = _named(workbook, wanted, expected) if wanted is not None else _first(workbook, expected, related)
    others = [] if wanted is not None else [other.title for other in workbook.book.worksheets
                                            if other is not sheet and other.title not in related and _filled(other)]  # fmt: skip
    notes = [Problem(name, "", (), f"not read: {plural(len(others), 'other sheet')}, {listed(others)}", f"patients in the sheet {sheet.title}",
                     "nothing to do if they hold no patients; otherwise write sheet in [cohort] of the plan", "warning")] if others else []  # fmt: skip
    return _table(workbook, sheet, f"{name}, sheet {sheet.title}" if related else name, expected, notes)


def related_sheet(workbook: Workbook, wanted: str, expected: Expected) -> RawTable:
    """A sheet by its name."""
    sheet = _named(workbook, wanted, expected)
    return _table(workbook, sheet, f"{workbook.name}, sheet {sheet.title}", expected, [])


def only_sheet(workbook: Workbook, expected: Expected) -> RawTable:
    """The one sheet of a workbook with the expected key."""
    filled = [sheet for sheet in workbook.book.worksheets if _filled(sheet)]
    if not filled:
        raise refused(workbook.name, "an empty workbook", "a sheet with a table", "check that this is the right file")
    keyed = [sheet for sheet in filled if expected.key in map(cell_text, next(sheet.iter_rows(values_only=True)))] or filled
    if len(keyed) > 1:
        raise refused(workbook.name, f"{len(keyed)} sheets: {listed([sheet.title for sheet in keyed])}", f"one sheet with the rows of {expected.place}",
                      "keep that sheet alone in the file, or save it as CSV (UTF-8)")  # fmt: skip
    return _table(workbook, keyed[0], workbook.name, expected, [])


def every_sheet(workbook: Workbook) -> list[RawTable]:
    """Every sheet that is not empty, without a plan."""
    filled = [sheet for sheet in workbook.book.worksheets if _filled(sheet)]
    if not filled:
        raise refused(workbook.name, "an empty workbook", "a sheet with a table", "check that this is the right file")
    named = f"{workbook.name}, sheet {{}}" if len(filled) > 1 else workbook.name
    return [_table(workbook, sheet, named.format(sheet.title), Expected(may_be_empty=True), []) for sheet in filled]


def _opened(content: bytes, name: str, data_only: bool = True) -> Any:
    import openpyxl

    if content.startswith(_OLD_OR_LOCKED):
        raise refused(name, "an old Excel file, or one with a password", "an Excel workbook (.xlsx) that opens without a password",
                      "open it in Excel, remove the password and save it as .xlsx")  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of extensions of the file format that hold no cells
            return openpyxl.load_workbook(io.BytesIO(content), data_only=data_only)
    except _DAMAGED:
        raise refused(name, "not a workbook that can be read", "an Excel workbook (.xlsx)",
                      "open it in Excel and save it as .xlsx, or save it as CSV (UTF-8)") from None  # fmt: skip


def _filled(sheet: Any) -> bool:
    return any(cell_text(cell) for row in sheet.iter_rows(values_only=True) for cell in row)


def _named(workbook: Workbook, wanted: str, expected: Expected) -> Any:
    titles = workbook.titles
    if wanted not in titles:
        raise refused(workbook.name, f"sheets {', '.join(titles)}", f'a sheet "{wanted}"',
                      f"correct sheet in {expected.place} of the plan. {did_you_mean(wanted, titles)}")  # fmt: skip
    return workbook.book[wanted]


def _first(workbook: Workbook, expected: Expected, related: Collection[str]) -> Any:
    name = workbook.name
    meant = " ".join(did_you_mean(title, workbook.titles) for title in related if title not in workbook.titles)  # told with that table
    filled = [sheet for sheet in workbook.book.worksheets if sheet.title not in related and f'mean "{sheet.title}"?' not in meant and _filled(sheet)]
    if not filled:
        raise refused(name, "an empty workbook", "a sheet with a table", "check that this is the right file")
    keyed = [sheet.title for sheet in filled if expected.key in map(cell_text, next(sheet.iter_rows(values_only=True)))]
    if len(keyed) > 1:
        raise refused(name, f"patients in {len(keyed)} sheets: {listed(keyed)}", "one sheet of patients",
                      f'put them in one sheet, or write sheet = "{keyed[0]}" in {expected.place} of the plan')  # fmt: skip
    if keyed and keyed[0] != filled[0].title:
        raise refused(name, f'the first sheet, {filled[0].title}, has no column "{expected.key}"', "the patients in the first sheet",
                      f'write sheet = "{keyed[0]}" in {expected.place} of the plan')  # fmt: skip
    return filled[0]


def _table(workbook: Workbook, sheet: Any, name: str, expected: Expected, notes: list[Problem]) -> RawTable:
    rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    while rows and not any(map(cell_text, rows[-1])):
        rows.pop()
    header = [cell_text(cell) for cell in rows[0]] if rows else []
    read = [not title or not expected.columns or title in expected.columns for title in header]
    problems = _unseen_cells(workbook, sheet, name, header, read, len(rows))
    if problems:
        raise CohortError(problems, workbook.name)
    check_row_1(rows[:LOOKED_AT], len(rows), name, expected)
    hidden = tuple(number for number in sorted(sheet.row_dimensions) if 1 < number <= len(rows) and sheet.row_dimensions[number].hidden)
    if hidden:
        notes = [*notes, Problem(name, "", hidden, "hidden rows", "rows that everybody sees",
                                 "nothing to do if they belong to the table: they are read like all others; otherwise remove them", "warning")]  # fmt: skip
    cells = pd.DataFrame(rows[1:], columns=range(len(header)), dtype=object)
    cells.index = pd.RangeIndex(2, len(rows) + 1)
    return under_names(RawTable(name, cells, tuple(notes)), header, expected)


def _unseen_cells(workbook: Workbook, sheet: Any, name: str, header: list[str], read: list[bool], n_rows: int) -> list[Problem]:
    """Cells in which Excel shows a value and the file holds none: formulas that nobody calculated, and all but the first of merged cells."""
    found = [(i, rows, "formula without a value", "the value of every formula", "open the workbook in Excel and save it")
             for i, rows in _formulas_without_value(workbook, sheet).items()]  # fmt: skip
    merged: dict[int, list[int]] = {}
    for area in sheet.merged_cells.ranges:
        for i in range(area.min_col - 1, area.max_col):
            merged.setdefault(i, []).extend(row for row in range(max(2, area.min_row), min(area.max_row, n_rows) + 1))
    found += [(i, rows, "merged cells", "a value of its own in every cell", "unmerge them in Excel and fill in every cell") for i, rows in merged.items() if rows]
    return [Problem(name, header[i], tuple(sorted(rows)), what, expected, advice)
            for i, rows, what, expected, advice in found if i < len(header) and read[i]]  # fmt: skip


def _formulas_without_value(workbook: Workbook, sheet: Any) -> dict[int, list[int]]:
    """Formulas that no program has calculated yet, which read as empty: rows by column.

    A formula that was calculated as empty text is of the type "str", and empty indeed.
    """
    with zipfile.ZipFile(io.BytesIO(workbook.content)) as archive:
        parts = (archive.read(part) for part in archive.namelist() if part.startswith("xl/worksheets/"))
        if not any(re.search(rb"<(\w+:)?f[\s/>]", part) for part in parts):
            return {}
    blank = [cell for row in sheet.iter_rows() for cell in row if cell.value is None and getattr(cell, "data_type", "n") != "str"]
    if not blank:
        return {}
    formulas = _opened(workbook.content, workbook.name, data_only=False)[sheet.title]
    found: dict[int, list[int]] = {}
    for cell in blank:
        if formulas.cell(cell.row, cell.column).data_type == "f":
            found.setdefault(cell.column - 1, []).append(cell.row)
    return found
