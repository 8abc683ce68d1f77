"""A text in UTF-8 to its rows: counted on the bytes, parsed by pandas where the quotes are regular, by csv where they are not."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from haip_outcomes.registry.sources.header import LOOKED_AT
from haip_outcomes.registry.sources.refusal import refused

LONGEST = 131_072  # letters in a cell: more is a quote that was never closed

_QUOTE, _LINE_FEED, _RETURN = 34, 10, 13


@dataclass(frozen=True, eq=False)
class Records:
    """The rows of a text table, up to the last that is not empty.

    `head` are the first of them as cells, `widths` how many cells each has (0 for an empty line), `body` is the text below row 1
    when its quotes are regular, `rows` are all rows as cells when they are not.
    """

    name: str
    separator: str
    head: list[list[str]]
    widths: np.ndarray
    body: bytes = b""
    rows: Sequence[list[str]] | None = None


def records_of(data: bytes, separator: str, name: str) -> Records:
    """Divide a text into rows.

    A quote counts where it opens or closes a whole cell. Where every quote does, rows and cells can be counted on the bytes at
    once, and a million rows wait for no loop; otherwise Python's csv reader decides, strictly.

    Raises
    ------
    CohortError : a quote is not closed, or letters follow a closing quote.
    """
    ends = _ends_of_rows(data, separator)
    if ends is None:
        return _row_by_row(data, separator, name)
    rows = ends.rows[: _filled_rows(data, ends.rows, separator, name)]
    n = len(rows)
    starts = np.concatenate([[0], rows[:-1] + 1]) if n else rows
    widths = np.diff(np.searchsorted(ends.cells, rows), prepend=0) + 1
    blank = rows - starts == 0
    blank |= (rows - starts == 1) & (ends.bytes[np.minimum(starts, len(data) - 1)] == _RETURN) if n else blank
    first = data[: int(rows[min(n, LOOKED_AT) - 1]) + 1] if n else b""
    head = _parsed(first, separator, name)[:LOOKED_AT]
    return Records(name, separator, head, np.where(blank, 0, widths), data[int(rows[0]) + 1 : int(rows[-1]) + 1] if n else b"")


def cells_of(records: Records) -> pd.DataFrame:
    """The cells below row 1 as text, by position, indexed by row number; the rows must have been checked to be of one width."""
    width, n = int(records.widths[0]), len(records.widths) - 1
    frame = None
    if records.rows is None and n:
        frame = pd.read_csv(io.BytesIO(records.body), sep=records.separator, header=None, names=list(range(width)), index_col=False, dtype=object,
                            na_filter=False, skip_blank_lines=False, quotechar='"', doublequote=True, encoding="utf-8", engine="c", low_memory=False)  # fmt: skip
    if frame is None or len(frame) != n:
        rows = records.rows[1:] if records.rows is not None else _parsed(records.body, records.separator, records.name)
        frame = pd.DataFrame([row or [""] * width for row in rows], columns=range(width), dtype=object)
    frame.index = pd.RangeIndex(2, n + 2)
    return frame


@dataclass(frozen=True, eq=False)
class _Ends:
    bytes: np.ndarray
    rows: np.ndarray  # where each row ends: the place of its line feed, or the end of the text
    cells: np.ndarray  # the separators between cells


def _filled_rows(data: bytes, ends: np.ndarray, separator: str, name: str) -> int:
    """How many rows there are up to the last with a letter in it: Excel can write a million empty ones."""
    signs = separator.encode() + b'\r\n"'
    letter = len(data.rstrip(signs))
    n = int(np.searchsorted(ends, letter)) + 1 if letter else 0
    tail = data[int(ends[n - 1]) + 1 :] if n else data
    if b'"' in tail:  # quotes may hold a line break or a quote
        rows = _parsed(tail, separator, name)
        n += max((number for number, row in enumerate(rows, start=1) if any(row)), default=0)
    return n


def _ends_of_rows(data: bytes, separator: str) -> _Ends | None:
    """Where rows and cells end; None where the quotes or the line ends are irregular."""
    if len(separator.encode()) != 1:
        return None
    content = np.frombuffer(data, dtype=np.uint8)
    line_feeds, signs = content == _LINE_FEED, content == ord(separator)
    if _QUOTE in data:
        quotes = content == _QUOTE
        inside = np.bitwise_xor.accumulate(quotes.view(np.uint8)).view(bool)  # from an opening quote up to its closing one
        if inside[-1] or not _regular(data, quotes, inside, ord(separator)):
            return None
        line_feeds &= ~inside
        signs &= ~inside
    if b"\r" in data:
        returns = np.flatnonzero(content == _RETURN)
        if _QUOTE in data:
            returns = returns[~inside[returns]]
        if len(returns) and (returns[-1] == len(content) - 1 or (content[returns + 1] != _LINE_FEED).any()):
            return None  # the line ends of an old Macintosh
    rows = np.flatnonzero(line_feeds)
    if len(content) and (not len(rows) or rows[-1] != len(content) - 1):
        rows = np.append(rows, len(content))
    return _Ends(content, rows, np.flatnonzero(signs))


def _regular(data: bytes, quotes: np.ndarray, inside: np.ndarray, separator: int) -> bool:
    """True when every quote opens a cell, closes one, or is one of a pair within."""
    borders = (separator, _LINE_FEED, _RETURN, _QUOTE)
    stray = np.frombuffer(data.translate(bytes(sign not in borders for sign in range(256))), dtype=bool)
    opened_late = quotes[1:] & inside[1:] & stray[:-1]
    closed_early = quotes[:-1] & ~inside[:-1] & stray[1:]
    return not (opened_late.any() or closed_early.any())


def _row_by_row(data: bytes, separator: str, name: str) -> Records:
    rows = _parsed(data, separator, name)
    while rows and not any(rows[-1]):
        rows.pop()
    return Records(name, separator, rows[:LOOKED_AT], np.array([len(row) for row in rows], dtype=np.int64), rows=rows)


def _parsed(data: bytes, separator: str, name: str) -> list[list[str]]:
    """The rows as Python's csv reader sees them, strictly."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=separator, strict=True):
            if any(len(cell) > LONGEST for cell in row):  # csv's own limit is global, and other packages change it
                raise csv.Error(f"field larger than field limit ({LONGEST})")
            rows.append(row)  # one by one, so that the number of the broken row is known
    except csv.Error as error:
        raise refused(name, f"broken quotes ({error})", "a text table", "save the table as CSV again", (len(rows) + 1,)) from None
    return rows
