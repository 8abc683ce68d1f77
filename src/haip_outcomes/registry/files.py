"""A csv file or a workbook to raw cells under their column names; nothing here knows what a cell must hold."""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from haip_outcomes.errors import CohortError, Problem, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.registry.cells import cell_text
from haip_outcomes.registry.plan import Plan

Rows = list[list[object]]
_AS_CSV = "save the table as CSV (UTF-8) or as an Excel workbook"
_BEGINNINGS = {
    b"%PDF": ("a PDF", _AS_CSV),
    b"PK\x03\x04": ("a workbook or an archive", "if it is an Excel workbook, let its name end in .xlsx; otherwise " + _AS_CSV),
    b"\xd0\xcf\x11\xe0": ("an old Excel or Word file", f"open it and {_AS_CSV}"),
    b"\xff\xfe": ("text in UTF-16", 'in Excel: save as "CSV UTF-8 (comma delimited)"'),
    b"\xfe\xff": ("text in UTF-16", 'in Excel: save as "CSV UTF-8 (comma delimited)"'),
    b"\x89PNG": ("a picture", _AS_CSV),
    b"\xff\xd8\xff": ("a picture", _AS_CSV),
    b"<": ("a web page", _AS_CSV),
}
# what openpyxl raises on parts that are absent or damaged; SyntaxError is the ancestor of every XML ParseError
_DAMAGED = (zipfile.BadZipFile, zlib.error, SyntaxError, KeyError, IndexError, ValueError, TypeError, AttributeError, OSError, EOFError)


@dataclass(frozen=True)
class Table:
    """Raw cells indexed by the row that a spreadsheet shows, and what a reader of the result must know of the file."""

    cells: pd.DataFrame
    notes: tuple[Problem, ...] = ()


def content_of(path: Path) -> bytes:
    """The bytes of a cohort file."""
    if not path.is_file():
        advice = "check the name and the folder"
        near = did_you_mean(path.name, [p.name for p in path.parent.iterdir() if p.is_file()]) if path.parent.is_dir() else ""
        raise _stop(path.name, "no such file", "a cohort file", f"{advice}. {near}" if near.startswith("Did") else advice)
    return path.read_bytes()


def table_of(path: Path, content: bytes, plan: Plan) -> Table:
    """The cells of a file, every one under a name of its own.

    Raises
    ------
    CohortError : the file is no table, or its first row does not hold the plan's column names.
    """
    name, suffix = path.name, path.suffix.lower()
    notes: list[Problem] = []
    if suffix in (".csv", ".tsv", ".txt"):
        rows = _text_rows(content, name, plan)
    elif suffix in (".xlsx", ".xlsm"):
        rows, notes = _sheet_rows(content, name, plan)
    else:
        raise _stop(name, suffix or "no ending", "a .csv or .xlsx file", _AS_CSV)
    header = _header(rows, name, plan)
    used = [i for i, title in enumerate(header) if title]
    filled = {number: any(map(cell_text, row)) for number, row in enumerate(rows[1:], start=2)}
    last = max(number for number, is_filled in filled.items() if is_filled)
    kept = [number for number, is_filled in filled.items() if is_filled]
    empty = tuple(number for number, is_filled in filled.items() if not is_filled and number < last)
    if empty:
        notes.append(Problem(name, "", empty, "empty rows", "a patient in every row", "nothing to do: empty rows hold nobody", "warning"))
    cells = pd.DataFrame([[rows[n - 1][i] for i in used] for n in kept], columns=[header[i] for i in used], dtype=object)
    cells.index = pd.Index(kept, name="row")
    return Table(cells, tuple(notes))


def _stop(name: str, found: str, expected: str, advice: str, rows: Iterable[int] = ()) -> CohortError:
    return CohortError([Problem(name, "", tuple(rows), found, expected, advice)], name)


def _header(rows: Rows, name: str, plan: Plan) -> list[str]:
    """The column names in row 1. Nothing of a row that may hold a patient instead is ever said."""
    if not any(any(map(cell_text, row)) for row in rows[1:]):
        found = "column names and no patients" if rows and any(map(cell_text, rows[0])) else "an empty file"
        raise _stop(name, found, "a row of column names, then a row a patient", "check that this is the right file")
    if not _names(rows[0], plan):
        lower = next((number for number, row in enumerate(rows[1:20], start=2) if _names(row, plan) > len(plan.kinds) / 2), None)
        advice = f"the names seem to stand in row {lower}: remove what is above them" if lower else "put the names in row 1, written as in the plan"
        raise _stop(name, "row 1 does not hold the plan's column names", f'"{plan.cohort.id}" and the others in row 1', advice, (1,))
    wide = len(rows[0])
    uneven = tuple(number for number, row in enumerate(rows, start=1) if len(row) != wide)
    if uneven:
        raise _stop(name, "another number of cells than column names", f"{wide} cells a row",
                    "a separator inside a cell needs quotes: save the table as CSV again", uneven)  # fmt: skip
    header = [cell_text(cell) for cell in rows[0]]
    twice = sorted({title for title in header if title and header.count(title) > 1})
    if twice:
        raise CohortError([Problem(name, title, (1,), "the same column name twice", "different column names", "rename or remove one of the columns")
                           for title in twice], name)  # fmt: skip
    stray = tuple(number for number, row in enumerate(rows[1:], start=2)
                  if any(cell_text(cell) for cell, title in zip(row, header, strict=True) if not title))  # fmt: skip
    if stray:
        raise _stop(name, "cells in a column without a name", "a name above every column", "name the column in row 1, or clear these cells", stray)
    return header


def _names(row: Iterable[object], plan: Plan) -> int:
    """How many of the plan's columns a row names, whatever the case and the spaces."""
    return len({cell_text(cell).strip().casefold() for cell in row} & {column.casefold() for column in plan.kinds})


def _text_rows(content: bytes, name: str, plan: Plan) -> Rows:
    for beginning, (looks, advice) in _BEGINNINGS.items():
        if content.lstrip().startswith(beginning):
            raise _stop(name, f"this looks like {looks}", "a text table in UTF-8", advice)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _stop(name, "bytes that are no UTF-8 text", "a text table in UTF-8", 'in Excel: save as "CSV UTF-8 (comma delimited)"') from None
    if "\x00" in text:
        raise _stop(name, "bytes that are no text", "a text table in UTF-8", "this is not a CSV file: save the table as CSV (UTF-8)")
    first = next(iter(text.splitlines()), "")
    separator = max(",;\t", key=first.count)
    if separator not in first and _names(re.split(r"[|:^~ ]", first), plan) > 1:
        raise _stop(name, "separator not recognised", "comma, semicolon or tab between the columns", "save the table as CSV (UTF-8)", (1,))
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise _stop(name, f"broken quotes ({error})", "a text table", "save the table as CSV again") from None
    while rows and not any(rows[-1]):
        rows.pop()
    return [[*row] or [""] * len(rows[0]) for row in rows]


def _sheet_rows(content: bytes, name: str, plan: Plan) -> tuple[Rows, list[Problem]]:
    book = _workbook(content, name)
    sheet = _chosen(book, name, plan)
    others = [] if plan.cohort.sheet else [other.title for other in book.worksheets if other is not sheet and _filled(other)]
    notes = [Problem(name, "", (), f"not read: {plural(len(others), 'other sheet')}, {listed(others)}", f"patients in the sheet {sheet.title}",
                     "nothing to do if they hold no patients; otherwise write sheet in [cohort] of the plan", "warning")] if others else []  # fmt: skip
    rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    header = [cell_text(cell) for cell in rows[0]]
    uncounted = {i: numbers for i, numbers in _formulas_without_value(content, name, sheet).items() if header[i] in {"", *plan.kinds}}
    if uncounted:
        raise CohortError([Problem(name, header[i], tuple(numbers), "formula without a value", "the value of every formula",
                                   "open the workbook in Excel and save it") for i, numbers in uncounted.items()], name)  # fmt: skip
    return rows, notes


def _workbook(content: bytes, name: str, data_only: bool = True) -> Any:
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of extensions of the file format that hold no cells
            return openpyxl.load_workbook(io.BytesIO(content), data_only=data_only)
    except _DAMAGED:
        raise _stop(name, "not a workbook that can be read", "an Excel workbook (.xlsx)",
                    "open it in Excel and save it as .xlsx, or save it as CSV (UTF-8)") from None  # fmt: skip


def _filled(sheet: Any) -> bool:
    return any(cell_text(cell) for row in sheet.iter_rows(values_only=True) for cell in row)


def _chosen(book: Any, name: str, plan: Plan) -> Any:
    """The sheet with the patients: the plan's, or the first that is not empty when no other could be meant."""
    titles = [sheet.title for sheet in book.worksheets]
    wanted = plan.cohort.sheet
    if wanted is not None:
        if wanted not in titles:
            raise _stop(name, f"sheets {', '.join(titles)}", f'a sheet "{wanted}"', f"correct sheet in [cohort] of the plan. {did_you_mean(wanted, titles)}")
        return book[wanted]
    filled = [sheet for sheet in book.worksheets if _filled(sheet)]
    if not filled:
        raise _stop(name, "an empty workbook", "a sheet with a table", "check that this is the right file")
    keyed = [sheet.title for sheet in filled if plan.cohort.id in map(cell_text, next(sheet.iter_rows(values_only=True)))]
    if len(keyed) > 1:
        raise _stop(name, f"patients in {len(keyed)} sheets: {listed(keyed)}", "one sheet of patients",
                    f'put them in one sheet, or write sheet = "{keyed[0]}" in [cohort] of the plan')  # fmt: skip
    if keyed and keyed[0] != filled[0].title:
        raise _stop(name, f'the first sheet, {filled[0].title}, has no column "{plan.cohort.id}"', "the patients in the first sheet",
                    f'write sheet = "{keyed[0]}" in [cohort] of the plan')  # fmt: skip
    return filled[0]


def _formulas_without_value(content: bytes, name: str, sheet: Any) -> dict[int, list[int]]:
    """Formulas that no program has calculated yet, which read as empty: rows by column.

    A formula that was calculated as empty text is of the type "str", and empty indeed.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = (archive.read(part) for part in archive.namelist() if part.startswith("xl/worksheets/"))
        if not any(re.search(rb"<(\w+:)?f[\s/>]", part) for part in parts):
            return {}
    blank = [cell for row in sheet.iter_rows() for cell in row if cell.value is None and cell.data_type != "str"]
    if not blank:
        return {}
    formulas = _workbook(content, name, data_only=False)[sheet.title]
    found: dict[int, list[int]] = {}
    for cell in blank:
        if formulas.cell(cell.row, cell.column).data_type == "f":
            found.setdefault(cell.column - 1, []).append(cell.row)
    return found
