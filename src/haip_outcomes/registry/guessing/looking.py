"""A file without a plan is opened, whatever its format, and every column looked at."""

from __future__ import annotations

from pathlib import Path

from haip_outcomes.errors import CohortError
from haip_outcomes.registry.guessing.redcap_looking import is_dictionary, of_dictionary, of_export
from haip_outcomes.registry.guessing.sheets import (
    Seen,
    Sheet,
    free_name,
    plain_name,
    refuse_patients_as_names,
    sheet_of,
    standard_table,
)
from haip_outcomes.registry.sources.header import Expected
from haip_outcomes.registry.sources.opening import TEXTS, WORKBOOKS, content_of, tables_in
from haip_outcomes.registry.sources.raw_table import RawTable
from haip_outcomes.registry.sources.redcap_columns import EVENT, INSTRUMENT
from haip_outcomes.registry.sources.redcap_dictionary import read_dictionary
from haip_outcomes.registry.sources.refusal import refused
from haip_outcomes.registry.sources.workbook import Workbook, related_sheet, workbook_of


def look_at(path: Path) -> Seen:
    """Open a file and look at every column.

    Raises
    ------
    CohortError : there is no such file, it is no table, or its first row holds no column names.
    """
    content, suffix = content_of(path), path.suffix.lower()
    if suffix in WORKBOOKS:
        return _of_workbook(workbook_of(content, path.name))
    if suffix in TEXTS and is_dictionary(content):
        return of_dictionary(read_dictionary(content, path.name))
    table = tables_in(path, content)[0]
    refuse_patients_as_names(table)
    if suffix in TEXTS and (INSTRUMENT in table.cells or EVENT in table.cells):
        return of_export(table, path)
    return Seen(table.name, sheet_of(table))


def _of_workbook(book: Workbook) -> Seen:
    """The patients are in the sheet with another key in every row; the other sheets with a column of that name are related tables."""
    tables, unread = _tables(book)
    looked = {title: sheet_of(table) for title, table in tables.items()}
    first = min(looked, key=lambda title: (not looked[title].key, -len(looked[title].matches)))
    related: dict[str, Sheet] = {}
    for title, table in tables.items():
        if title == first:
            continue
        if looked[first].key not in table.cells:
            unread.append(title)
            continue
        kind = standard_table(table)
        related[free_name(kind or plain_name(title), related)] = sheet_of(table, kind or "none", title, looked[first].key)
    return Seen(book.name, looked[first], related, first if len(book.titles) > 1 else "", tuple(unread))


def _tables(book: Workbook) -> tuple[dict[str, RawTable], list[str]]:
    """The sheets that hold a table, and the names of the others: a legend, a chart, an empty sheet."""
    tables, unread = {}, []
    for title in book.titles:
        try:
            table = related_sheet(book, title, Expected())
            refuse_patients_as_names(table)
            tables[title] = table
        except CohortError:
            if len(book.titles) == 1:
                raise
            unread.append(title)
    if not tables:
        raise refused(book.name, "no sheet with a table", "a row of column names, then a row a patient", "put the names in row 1 of the sheet")
    return tables, unread
