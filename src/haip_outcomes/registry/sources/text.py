"""A text table (csv, tsv, txt) to raw cells."""

from __future__ import annotations

from dataclasses import replace

from haip_outcomes.registry.sources.encodings import doubtful_letters, text_of
from haip_outcomes.registry.sources.header import (
    Expected,
    check_no_rows_inside,
    check_row_1,
    check_widths,
    under_names,
)
from haip_outcomes.registry.sources.raw_table import RawTable
from haip_outcomes.registry.sources.records import cells_of, records_of
from haip_outcomes.registry.sources.separators import separator_of


def text_table(content: bytes, name: str, expected: Expected, *, encoding: str | None = None, separator: str | None = None) -> RawTable:
    """The cells of a text table, each as the text that stands there.

    Parameters
    ----------
    expected : the column names that the plan expects.
    encoding : declared by the plan; otherwise UTF-8, or UTF-16 with its mark, or Windows-1252 with a warning that names the letters in doubt.
    separator : declared by the plan; otherwise the comma, semicolon, tab or bar that fits the names and the rows best.

    Raises
    ------
    CohortError : the file is no text table, or its first row does not hold the plan's column names.
    PlanError : there is no such encoding.
    """
    text = text_of(content, name, encoding)
    sign, data = separator_of(text.data, name, expected, separator)
    records = records_of(data, sign, name)
    header = check_row_1(records.head, len(records.widths), name, expected)
    check_widths(records.widths, name)
    cells = cells_of(records)
    if data.count(b"\n") > len(records.widths):
        check_no_rows_inside(cells, sign, name)
    notes = doubtful_letters(text, cells, header, name)
    table = under_names(RawTable(name, cells), header, expected)
    return replace(table, notes=(*notes, *table.notes))
