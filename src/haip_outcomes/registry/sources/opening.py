"""A cohort file to raw tables: which format it has, and where the related tables of the plan are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from haip_outcomes.errors import CohortError, Problem, did_you_mean
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.planning.parts import ColumnPlan, TablePlan
from haip_outcomes.registry.sources.header import Expected
from haip_outcomes.registry.sources.labelled import labelled_table
from haip_outcomes.registry.sources.parquet import parquet_table
from haip_outcomes.registry.sources.raw_table import RawSource, RawTable
from haip_outcomes.registry.sources.refusal import AS_CSV, refused
from haip_outcomes.registry.sources.text import text_table
from haip_outcomes.registry.sources.workbook import (
    Workbook,
    every_sheet,
    only_sheet,
    patients_sheet,
    related_sheet,
    workbook_of,
)

TEXTS = (".csv", ".tsv", ".txt")
WORKBOOKS = (".xlsx", ".xlsm")
PARQUET = ".parquet"
LABELLED = (".sav", ".zsav", ".dta")


def content_of(path: Path, expected: str = "a cohort file") -> bytes:
    """The bytes of a file; a CohortError says which file beside it may be meant, or why it can't be opened."""
    if not path.is_file():
        advice = "check the name and the folder"
        near = did_you_mean(path.name, [p.name for p in path.parent.iterdir() if p.is_file()]) if path.parent.is_dir() else ""
        raise refused(path.name, "no such file", expected, f"{advice}. {near}" if near.startswith("Did") else advice)
    try:
        return path.read_bytes()
    except OSError as error:
        raise refused(path.name, f"a file that can't be opened ({error.strerror})", "a file that may be read",
                      "close it in other programs, and check that you may open it") from None  # fmt: skip


def open_source(path: Path, content: bytes, plan: Plan, *, folder: Path | None = None) -> RawSource:
    """The raw cells of a cohort file and of the related tables that the plan names.

    Parameters
    ----------
    path : the cohort file; its ending says the format, and related files (`[tables.X] file`) stand beside it.
    content : its bytes, as `content_of` gives them.
    plan : with `[redcap]`, the file is a raw REDCap export.
    folder : where the plan stands, and a REDCap dictionary beside it; the cohort file's own unless given.

    Returns
    -------
    RawSource : the patients, the related tables under the plan's names, and the SHA-256 of every file that was read.

    Raises
    ------
    CohortError : every file or sheet that is absent or can't be read, all at once.
    PlanError : the plan names an encoding or a dictionary that there is not.
    """
    if plan.redcap:
        return _export(path, content, plan, folder or path.parent)
    opened = _Opened(path, content)
    problems: list[Problem] = []
    tables: dict[str, RawTable] = {}
    readers: dict[str, Callable[[], RawTable]] = {"": lambda: _patients(opened, plan)}
    readers |= {name: partial(_related, opened, name, declared, plan) for name, declared in plan.tables.items()}
    for name, read in readers.items():
        try:
            tables[name] = read()
        except CohortError as error:
            problems.extend(error.problems)
    if problems:
        raise CohortError(list(dict.fromkeys(problems)), path.name)
    return RawSource(tables.pop(""), tables, opened.hashes)


def tables_in(path: Path, content: bytes, *, encoding: str | None = None, separator: str | None = None) -> list[RawTable]:
    """Every table of a file without a plan: each filled sheet of a workbook, the one table of any other format."""
    suffix = _format(path)
    if suffix in WORKBOOKS:
        return every_sheet(workbook_of(content, path.name))
    return [_table(path.name, suffix, content, Expected(may_be_empty=True), encoding, separator)]


class _Opened:
    """Files that were read, each once, and what they were: the cohort file first."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        self._contents = {path: content}
        self._workbooks: dict[Path, Workbook] = {}

    @property
    def hashes(self) -> tuple[tuple[str, str], ...]:
        return tuple(_hashed(path, content) for path, content in self._contents.items())

    def content(self, path: Path, expected: Expected) -> bytes:
        if path not in self._contents:
            self._contents[path] = content_of(path, f"a file beside the cohort file with the rows of {expected.place} of the plan")
        return self._contents[path]

    def workbook(self, path: Path, expected: Expected) -> Workbook:
        if path not in self._workbooks:
            self._workbooks[path] = workbook_of(self.content(path, expected), path.name)
        return self._workbooks[path]


def _hashed(path: Path, content: bytes) -> tuple[str, str]:
    return path.name, hashlib.sha256(content).hexdigest()


def _format(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (*TEXTS, *WORKBOOKS, PARQUET, *LABELLED):
        raise refused(path.name, suffix or "no ending", "a .csv, .xlsx, .parquet, .sav or .dta file", AS_CSV)
    return suffix


def _table(name: str, suffix: str, content: bytes, expected: Expected, encoding: str | None, separator: str | None) -> RawTable:
    """A file that holds one table."""
    if suffix in TEXTS:
        return text_table(content, name, expected, encoding=encoding, separator=separator)
    if suffix == PARQUET:
        return parquet_table(content, name, expected)
    return labelled_table(content, name, expected, suffix=suffix, encoding=encoding)


def _patients(opened: _Opened, plan: Plan) -> RawTable:
    path, suffix = opened.path, _format(opened.path)
    expected = _expected_of_patients(plan)
    if suffix in WORKBOOKS:
        related = [declared.sheet for declared in plan.tables.values() if declared.sheet is not None]
        return patients_sheet(opened.workbook(path, expected), plan.cohort.sheet, expected, related)
    return _table(path.name, suffix, opened.content(path, expected), expected, plan.cohort.encoding, plan.cohort.separator)


def _export(path: Path, content: bytes, plan: Plan, folder: Path) -> RawSource:
    from haip_outcomes.registry.sources.redcap_dictionary import plan_dictionary
    from haip_outcomes.registry.sources.redcap_export import tables_of_export

    if path.suffix.lower() not in TEXTS:
        raise refused(path.name, path.suffix.lower() or "no ending", "a raw REDCap export (.csv), as the plan has [redcap]",
                      "export the raw data as CSV, or take [redcap] out of the plan")  # fmt: skip
    dictionary = plan_dictionary(plan, folder)
    named = folder / str(plan.redcap and plan.redcap.dictionary)
    return replace(tables_of_export(path, content, plan, dictionary), files=(_hashed(path, content), _hashed(named, content_of(named))))


def _related(opened: _Opened, name: str, declared: TablePlan, plan: Plan) -> RawTable:
    """A related table in a sheet of the cohort's workbook, or in a file of its own beside it."""
    expected = _expected_of_related(name, declared, plan)
    if declared.file is None:
        if opened.path.suffix.lower() not in WORKBOOKS:
            raise refused(opened.path.name, "a file without sheets", f"the sheet {declared.sheet}",
                          f'save the tables as one workbook (.xlsx), or write file = "..." in {expected.place} of the plan')  # fmt: skip
        return related_sheet(opened.workbook(opened.path, expected), str(declared.sheet), expected)
    path = opened.path.parent / declared.file
    suffix = _format(path)
    if suffix in WORKBOOKS:
        return only_sheet(opened.workbook(path, expected), expected)
    return _table(path.name, suffix, opened.content(path, expected), expected, plan.cohort.encoding, plan.cohort.separator)


def _expected_of_patients(plan: Plan) -> Expected:
    codes = {name: {*plan.columns.get(name, ColumnPlan()).levels, *plan.flag_codes(name)} for name in plan.file_kinds}
    if plan.cohort.setting_column:
        codes[plan.cohort.setting_column] = set(plan.cohort.setting_levels)
    return Expected(plan.cohort.id, frozenset(plan.file_kinds), codes=codes, missing=plan.missing.covers)


def _expected_of_related(name: str, declared: TablePlan, plan: Plan) -> Expected:
    key = declared.patient or plan.cohort.id
    return Expected(key, frozenset({key, *declared.columns}), may_be_empty=True, place=f"[tables.{name}]",
                    codes={column: set(part.levels) for column, part in declared.columns.items()}, missing=plan.missing.covers)  # fmt: skip
