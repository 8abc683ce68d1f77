"""An SPSS or Stata file to its variables, by ReadStat; letters are decoded here, so that none is lost in silence."""

from __future__ import annotations

import codecs
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import CohortError, Problem
from haip_outcomes.registry.sources.refusal import refused
from haip_outcomes.registry.sources.spss_probe import survives

STATA = ".dta"
PROGRAMS = {".sav": "SPSS", ".zsav": "SPSS", STATA: "Stata"}
_SPSS_BEGINNINGS = (b"$FL2", b"$FL3")
_ANY_BYTE = "ISO-8859-1"  # in which every byte is a letter
_PER_BYTE = {".zsav": 1100}  # so many cells can be packed into a byte; one elsewhere


@dataclass(frozen=True, eq=False)
class Variable:
    """One variable as the file holds it: texts, or numbers among which a letter is one of Stata's missing values.

    `ranges` are SPSS's user-missing values, each from "lo" to "hi"; `single` says that numbers were kept in single precision.
    """

    name: str
    values: pd.Series
    is_text: bool
    single: bool
    form: str
    title: str
    labels: dict[Any, str]
    ranges: list[dict[str, Any]]


def variables_of(content: bytes, name: str, suffix: str, encoding: str | None) -> tuple[list[Variable], list[Problem]]:
    """The variables of a file in their order, and warnings about letters that are cut off.

    ReadStat drops a letter that is not whole at the end of a cell, and says nothing; so SPSS's texts are taken as bytes and decoded
    here, in the encoding that the plan declares or the file names.

    Raises
    ------
    CohortError : the file is damaged, or has letters that are not in its encoding.
    """
    program = PROGRAMS[suffix]
    if program == "SPSS" and content[:4] in _SPSS_BEGINNINGS and not survives(content, encoding):
        raise _other_letters(name, program, encoding) if survives(content, _ANY_BYTE) else _damaged(name, suffix)
    codec = _codec(encoding or _read(content, name, suffix, encoding, metadataonly=True)[1].file_encoding) if program == "SPSS" else None
    frame, meta = _read(content, name, suffix, _ANY_BYTE if codec else encoding, user_missing=True, disable_datetime_conversion=True)
    letters = _Letters(codec)
    variables = []
    try:
        for i, column in enumerate(meta.column_names):
            called, storage = letters.text(column), meta.readstat_variable_types[column]
            values = letters.cells(called, frame.iloc[:, i]) if storage == "string" else frame.iloc[:, i]
            labels = {letters.text(code) if isinstance(code, str) else code: letters.text(label) for code, label in meta.variable_value_labels.get(column, {}).items()}
            ranges = [{end: letters.text(value) if isinstance(value, str) else value for end, value in one.items()} for one in meta.missing_ranges.get(column, [])]
            variables.append(Variable(called, values, storage == "string", storage == "float", meta.original_variable_types.get(column) or "",
                                      letters.text(meta.column_names_to_labels.get(column) or ""), labels, ranges))  # fmt: skip
    except UnicodeDecodeError:
        raise _other_letters(name, program, encoding) from None
    if letters.wrong:
        raise CohortError([problem for column, rows in letters.wrong.items() for problem in _other_letters(name, program, encoding, column, rows).problems], name)
    cut = [Problem(name, column, rows, "a letter that is cut off at the end", "whole letters",
                   f"make the column wider in {program}; where letters are wrong, write encoding in [cohort] of the plan", "warning")
           for column, rows in letters.cut.items()]  # fmt: skip
    return variables, cut


def _read(content: bytes, name: str, suffix: str, encoding: str | None, **how: bool) -> tuple[pd.DataFrame, Any]:
    import pyreadstat

    read: Callable[..., tuple[pd.DataFrame, Any]] = pyreadstat.read_dta if suffix == STATA else pyreadstat.read_sav
    program = PROGRAMS[suffix]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # a name that stands there twice
            _, meta = read(io.BytesIO(content), metadataonly=True, encoding=encoding)
            believable = (meta.number_rows or 0) * max(1, meta.number_columns) <= len(content) * _PER_BYTE.get(suffix, 1)
            if believable and None not in meta.column_names:  # a damaged number of rows would ask for more memory than there is
                return read(io.BytesIO(content), encoding=encoding, **how)
    except UserWarning:
        raise refused(name, "the same column name twice", "different column names", f"rename one of the columns in {program}") from None
    except Exception as error:  # whatever a damaged file does to the reader, it is the file
        if "encoding" in str(error) or "character" in str(error) or isinstance(error, UnicodeError):
            raise _other_letters(name, program, encoding) from None
    raise _damaged(name, suffix) from None


@dataclass
class _Letters:
    """Decodes texts that were read as bytes; collects the rows of those that can't be, and of those whose last letter is not whole."""

    codec: str | None
    wrong: dict[str, tuple[int, ...]] = field(default_factory=dict)
    cut: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def text(self, read: str) -> str:
        """A text without a fault. Raises UnicodeDecodeError."""
        return read if self.codec is None or read.isascii() else read.encode(_ANY_BYTE).decode(self.codec)

    def cells(self, column: str, values: pd.Series) -> pd.Series:
        """The cells of a text variable."""
        beyond = [text for text in values.unique() if isinstance(text, str) and not text.isascii()] if self.codec else []
        known, wrong, cut = {}, set(), set()
        for text in beyond:
            try:
                known[text] = self.text(text)
            except UnicodeDecodeError as error:
                if error.reason == "unexpected end of data":
                    cut.add(text)
                    known[text] = error.object[: error.start].decode(str(self.codec))
                else:
                    wrong.add(text)
        for texts, found in ((wrong, self.wrong), (cut, self.cut)):
            if texts:
                found[column] = tuple(int(place) + 1 for place in np.flatnonzero(values.isin(texts)))
        return values.astype(object).replace(known) if known else values.astype(object)


def _codec(named: str | None) -> str | None:
    """The encoding under Python's name; None for one that only ReadStat knows."""
    try:
        return codecs.lookup(named or "utf-8").name
    except LookupError:
        return None


def _other_letters(name: str, program: str, encoding: str | None, column: str = "", rows: tuple[int, ...] = ()) -> CohortError:
    return refused(name, f"letters that are not in {encoding or 'the encoding that the file names'}", "text in one encoding",
                   f'write encoding in [cohort] of the plan ("cp1252" for western Europe), or save it again in {program} as Unicode', rows, column)  # fmt: skip


def _damaged(name: str, suffix: str) -> CohortError:
    program = PROGRAMS[suffix]
    return refused(name, f"not {'an' if program == 'SPSS' else 'a'} {program} file that can be read", f"a {suffix} file",
                   f"save it again in {program}, or save the table as CSV (UTF-8)")  # fmt: skip
