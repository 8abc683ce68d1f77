"""Bytes to text: the encoding that a file declares, that the plan declares, or that is left when it is not UTF-8."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass, replace

import pandas as pd

from haip_outcomes.errors import CohortError, PlanError, Problem
from haip_outcomes.registry.sources.refusal import AS_CSV, refused

_BEGINNINGS = {
    b"%PDF": ("a PDF", AS_CSV),
    b"PK\x03\x04": ("a workbook or an archive", "if it is an Excel workbook, let its name end in .xlsx; otherwise " + AS_CSV),
    b"\xd0\xcf\x11\xe0": ("an old Excel or Word file", f"open it and {AS_CSV}"),
    b"\x89PNG": ("a picture", AS_CSV),
    b"\xff\xd8\xff": ("a picture", AS_CSV),
    b"PAR1\x15": ("a parquet file", "let its name end in .parquet"),
    b"$FL2@": ("an SPSS file", "let its name end in .sav"),
    b"$FL3@": ("a compressed SPSS file", "let its name end in .zsav"),
    b"<stata_dta>": ("a Stata file", "let its name end in .dta"),
    b"<": ("a web page", AS_CSV),
}
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_SAVE_AS = 'in Excel: save as "CSV UTF-8 (comma delimited)"'
_NAME_IT = 'if they are right, write encoding = "cp1252" in [cohort] of the plan; otherwise save the table as CSV UTF-8'
_UTF_8_LETTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
LOST = "\ufffd"  # stands where some program could not read a letter


@dataclass(frozen=True)
class Text:
    """A file's text, as UTF-8 without a mark, and what is doubtful in its encoding ("" when nothing is).

    `letters` are those in doubt; all beyond ASCII when there are none.
    """

    data: bytes
    doubt: str = ""
    expected: str = ""
    advice: str = ""
    letters: str = ""


def text_of(content: bytes, name: str, declared: str | None = None) -> Text:
    """The text of a file: UTF-8, UTF-16 with its mark, or as `declared`; otherwise read as Windows-1252, which is then in doubt.

    Raises
    ------
    CohortError : this is no text, or not in that encoding.
    PlanError : there is no such encoding of text.
    """
    for beginning, (looks, advice) in _BEGINNINGS.items():
        if content.lstrip().startswith(beginning):
            raise refused(name, f"this looks like {looks}", "a text table in UTF-8", advice)
    marked = next((encoding for mark, encoding in _MARKS.items() if content.startswith(mark)), None)
    text = _as_declared(content, name, declared, marked) if declared else _detected(content, name, marked)
    data = text.data
    while data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8):]
    if b"\x00" in data:
        raise refused(name, "bytes that are no text", "a text table in UTF-8", "this is not a CSV file: save the table as CSV (UTF-8)")
    if LOST.encode() in data and not text.doubt:
        return Text(data, "letters that a program before this one could not read", "the letters themselves",
                    "correct these cells, or export the table again as UTF-8", LOST)  # fmt: skip
    return replace(text, data=data)


def doubtful_letters(text: Text, cells: pd.DataFrame, header: list[str], name: str) -> list[Problem]:
    """One warning a column: the rows with letters that may not be what was meant, and these letters."""
    if not text.doubt:
        return []
    notes = []
    for title, column in zip(header, cells.columns, strict=True):
        held = [(1, title), *zip(cells.index, cells[column], strict=True)]
        beyond = [(int(row), letters) for row, value in held if not value.isascii() and (letters := _letters(value, text))]
        if beyond:
            seen = sorted({letter for _, letters in beyond for letter in letters})
            shown = ", ".join(seen[:8]) + (", ..." if len(seen) > 8 else "")
            notes.append(Problem(name, title, tuple(row for row, _ in beyond), f"{shown}: {text.doubt}", text.expected, text.advice, "warning"))
    return notes


def _letters(value: str, text: Text) -> set[str]:
    return {letter for letter in value if (letter in text.letters if text.letters else not letter.isascii())}


def _detected(content: bytes, name: str, marked: str | None) -> Text:
    try:
        return Text(_as_utf_8(content, marked or "utf-8"))
    except UnicodeDecodeError as error:
        if marked:
            raise _undecodable(content, name, marked, marked.upper(), error, _SAVE_AS) from None
    try:
        data = _as_utf_8(content, "cp1252")
    except UnicodeDecodeError as error:
        raise _undecodable(content, name, "cp1252", "UTF-8 or Windows-1252", error, _SAVE_AS) from None
    if _UTF_8_LETTER.search(content):
        rows = _rows_with(content, "latin-1", re.compile(_UTF_8_LETTER.pattern.decode("latin-1")))
        raise refused(name, "letters in two encodings, UTF-8 and another", "one encoding", f"{_SAVE_AS}, or write encoding in [cohort] of the plan", rows)
    return Text(data, "read as Windows-1252, as this is not UTF-8", "text in UTF-8, or its encoding in the plan", f"look at these letters: {_NAME_IT}")


def _as_declared(content: bytes, name: str, declared: str, marked: str | None) -> Text:
    known = _encoding(declared)
    if marked and not known.startswith("utf"):
        raise refused(name, f"a mark that says {marked.upper()}", f"text in {declared}, as the plan says", "correct encoding in [cohort] of the plan")
    try:
        data = _as_utf_8(content, declared)
    except UnicodeError as error:
        raise _undecodable(content, name, declared, declared.upper(), error, f"correct encoding in [cohort] of the plan, or {_SAVE_AS}") from None
    if not known.startswith("utf") and not content.isascii() and _is_utf_8(content):
        return Text(data, f"read as {declared}, as the plan says, though it may be UTF-8", f"text in {declared}",
                    "look at these letters: if they are wrong, take encoding out of [cohort] of the plan")  # fmt: skip
    return Text(data)


def _encoding(declared: str) -> str:
    try:
        "a".encode(declared)
        return codecs.lookup(declared).name
    except (LookupError, UnicodeError):
        raise PlanError(f'[cohort] encoding: "{declared}" is no encoding of text. Write "utf-8", "cp1252" (Windows, western Europe) or "utf-16".') from None


def _as_utf_8(content: bytes, encoding: str) -> bytes:
    text = content.decode(encoding)
    return content if encoding == "utf-8" else text.encode("utf-8")


def _is_utf_8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _undecodable(content: bytes, name: str, encoding: str, called: str, error: UnicodeError, advice: str) -> CohortError:
    rows = _rows_with(content, encoding, re.compile(LOST)) if isinstance(error, UnicodeDecodeError) else ()
    return refused(name, f"bytes that are no {called} text", "a text table in UTF-8", advice, rows)


def _rows_with(content: bytes, encoding: str, pattern: re.Pattern[str]) -> tuple[int, ...]:
    """The rows whose cells match; none when the rows themselves can't be told."""
    try:
        rows = csv.reader(io.StringIO(content.decode(encoding, "replace"), newline=""))
        return tuple(number for number, row in enumerate(rows, start=1) if any(map(pattern.search, row)))
    except (csv.Error, UnicodeError):
        return ()
