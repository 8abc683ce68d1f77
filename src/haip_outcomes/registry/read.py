"""A file and a plan become a Cohort, or one list of everything that is wrong."""

from __future__ import annotations

import csv
import hashlib
import io
import warnings
import zipfile
from importlib.resources import files
from pathlib import Path

import pandas as pd

from haip_outcomes.errors import CohortError, PlanError, Problem, did_you_mean
from haip_outcomes.registry.cells import cell_text, convert
from haip_outcomes.registry.checks import broken
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.plan import SETTINGS, ConstantSetting, Plan, load_plan


def read_cohort(path: str | Path, plan: Plan | str | Path) -> Cohort:
    """Read a centre's patients (csv or xlsx) as its plan says; every problem of the file at once.

    Parameters
    ----------
    path : one row a patient, column names in the first row. Of a workbook, the plan's `sheet` or the first.
    plan : a Plan, or the path of a plan.toml.

    Raises
    ------
    PlanError : the plan is wrong, or the file has none of the plan's columns to check it by.
    CohortError : `.problems` lists each problem once, with rows, column, what was found, what was expected and
        what to do. Nothing is repaired or dropped: a file with problems gives no cohort.

    >>> cohort = read_cohort("cohorts/demo_centre/demo.csv", "cohorts/demo_centre/plan.toml")
    >>> len(cohort), cohort.settings
    (60, ('adjuvant', 'unresectable'))
    """
    plan = plan if isinstance(plan, Plan) else load_plan(plan)
    path = Path(path)
    content = _content(path)
    raw, empty_rows = _table(path, content, plan)
    name = path.name
    kinds = plan.kinds
    problems = _missing_columns(raw, kinds, plan, name)
    typed: dict[str, pd.Series] = {}
    for column, kind in kinds.items():
        if column in raw.columns:
            values, wrong = convert(raw[column], kind, plan, name)
            problems.extend(wrong)
            typed["setting" if kind == "setting" else column] = values
    if isinstance(plan.cohort.setting, ConstantSetting):
        value = pd.Categorical([plan.cohort.setting.value] * len(raw), categories=list(SETTINGS))
        typed["setting"] = pd.Series(value, index=raw.index)
    frame = pd.DataFrame(typed, index=raw.index)
    problems.extend(broken(frame, plan, name, problems))
    if problems:
        raise CohortError(problems, name)
    notes = [Problem(name, "", empty_rows, "empty rows", "a patient in every row", "nothing to do: empty rows hold nobody", "warning")]
    unused = tuple(str(column) for column in raw.columns if column not in kinds)
    source = Source(name=name, sha256=hashlib.sha256(content).hexdigest(), rows=len(raw), unused_columns=unused)
    return Cohort(plan=plan, frame=frame.drop(columns=plan.cohort.id), source=source, warnings=tuple(notes) if empty_rows else ())


def load_adjuvant(path: str | Path, plan: Plan | str | Path | None = None) -> Cohort:
    """The adjuvant patients of a file: a pump after complete resection or ablation.

    Without `plan`, the plan.toml beside the file is used. Raises what `read_cohort` raises, and EndpointError
    when the file has no adjuvant patient.
    """
    return read_cohort(path, _beside(path, plan)).setting("adjuvant")


def load_unresectable(path: str | Path, plan: Plan | str | Path | None = None) -> Cohort:
    """The unresectable patients of a file: a pump for liver metastases that can't be resected; as `load_adjuvant`."""
    return read_cohort(path, _beside(path, plan)).setting("unresectable")


def demo_cohort() -> Cohort:
    """The demonstration cohort: 60 synthetic patients who describe nobody.

    >>> demo_cohort()
    Cohort Demo HAIP programme (synthetic): 60 patients (26 adjuvant and 34 unresectable); 0 of 60 left out
    """
    folder = demo_folder()
    return read_cohort(folder / "demo.csv", folder / "plan.toml")


def demo_folder() -> Path:
    """Where the demonstration cohort lies: inside an installed package, or in cohorts/ of a checkout."""
    package = Path(str(files("haip_outcomes")))
    places = (package / "cohorts" / "demo_centre", package.parents[1] / "cohorts" / "demo_centre")
    for place in places:
        if (place / "demo.csv").is_file():
            return place
    raise PlanError("The demonstration cohort is missing from this installation; install the package again.")


def _beside(path: str | Path, plan: Plan | str | Path | None) -> Plan | str | Path:
    return plan if plan is not None else Path(path).parent / "plan.toml"


def _content(path: Path) -> bytes:
    if not path.is_file():
        advice = "check the name and the folder"
        near = did_you_mean(path.name, [p.name for p in path.parent.iterdir() if p.is_file()]) if path.parent.is_dir() else ""
        raise CohortError([Problem(path.name, "", (), "no such file", "a cohort file", f"{advice}. {near}" if near.startswith("Did") else advice)],
                          path.name)  # fmt: skip
    return path.read_bytes()


def _table(path: Path, content: bytes, plan: Plan) -> tuple[pd.DataFrame, tuple[int, ...]]:
    """The raw cells under their column names, indexed by spreadsheet row; and the rows that are empty throughout."""
    suffix = path.suffix.lower()
    rows: list[list[object]]
    if suffix in (".csv", ".tsv", ".txt"):
        rows, problems = _text_rows(content, path.name)
    elif suffix in (".xlsx", ".xlsm"):
        rows, problems = _sheet_rows(content, path.name, plan)
    else:
        rows, problems = [], [Problem(path.name, "", (), suffix or "no ending", "a .csv or .xlsx file", "save the table as CSV (UTF-8) or as an Excel workbook")]
    if not problems and not any(any(cell_text(cell) for cell in row) for row in rows[1:]):
        found = "an empty file" if not rows else "column names and no patients"
        problems = [Problem(path.name, "", (), found, "a row of column names, then a row a patient", "check that this is the right file")]
    if not problems:
        header = [cell_text(cell) for cell in rows[0]]
        problems = _header_problems(header, path.name)
    if problems:
        raise CohortError(problems, path.name)
    # a workbook's sheet may be wider than its header where every cell beyond is empty
    used = [i for i, name in enumerate(header) if name]
    numbered = {number: [row[i] for i in used] for number, row in enumerate(rows[1:], start=2)}
    last = max(number for number, row in numbered.items() if any(cell_text(cell) for cell in row))
    empty = tuple(n for n, row in numbered.items() if n < last and not any(cell_text(cell) for cell in row))
    kept = {n: row for n, row in numbered.items() if n <= last and n not in empty}
    frame = pd.DataFrame(list(kept.values()), columns=[header[i] for i in used], dtype=object)
    frame.index = pd.Index(list(kept), name="row")
    return frame, empty


def _header_problems(header: list[str], name: str) -> list[Problem]:
    twice = sorted({column for column in header if column and header.count(column) > 1})
    return [Problem(name, column, (1,), "the same column name twice", "different column names", "rename or remove one of the columns") for column in twice]


def _text_rows(content: bytes, name: str) -> tuple[list[list[object]], list[Problem]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return [], [Problem(name, "", (), "bytes that are no UTF-8 text", "a text table in UTF-8", 'in Excel: save as "CSV UTF-8 (comma delimited)"')]
    if "\x00" in text:
        return [], [Problem(name, "", (), "bytes that are no text", "a text table", "this is not a CSV file: save the table as CSV (UTF-8)")]
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        return [], [Problem(name, "", (), f"broken quotes ({error})", "a text table", "save the table as CSV again")]
    while rows and not any(rows[-1]):
        rows.pop()
    wide = len(rows[0]) if rows else 0
    uneven = tuple(number for number, row in enumerate(rows, start=1) if row and len(row) != wide)
    if uneven:
        return [], [Problem(name, "", uneven, "another number of cells than column names", f"{wide} cells a row",
                            "a separator inside a cell needs quotes: save the table as CSV again")]  # fmt: skip
    return [[*row] if row else [""] * wide for row in rows], []


def _sheet_rows(content: bytes, name: str, plan: Plan) -> tuple[list[list[object]], list[Problem]]:
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of extensions of the file format that hold no cells
            book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError):
        return [], [Problem(name, "", (), "not a workbook", "an Excel workbook (.xlsx)", "open it in Excel and save it as .xlsx, or save it as CSV (UTF-8)")]
    names = [sheet.title for sheet in book.worksheets]
    sheet = plan.cohort.sheet
    if sheet is not None and sheet not in names:
        return [], [Problem(name, "", (), f"sheets {', '.join(names)}", f'a sheet "{sheet}"', f"correct sheet in [cohort] of the plan. {did_you_mean(sheet, names)}")]
    if not names:
        return [], [Problem(name, "", (), "no sheet with cells", "a sheet with a table", "check that this is the right file")]
    rows = [list(row) for row in (book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True)]
    header = [cell_text(cell) for cell in rows[0]] if rows else []
    stray = tuple(number for number, row in enumerate(rows[1:], start=2)
                  if any(cell_text(cell) for cell, title in zip(row, header, strict=True) if not title))  # fmt: skip
    if stray:
        return [], [Problem(name, "", stray, "cells in a column without a name", "a name above every column", "name the column in row 1, or clear these cells")]
    return rows, []


def _missing_columns(raw: pd.DataFrame, kinds: dict[str, str], plan: Plan, name: str) -> list[Problem]:
    present = [str(column) for column in raw.columns]
    spare = [column for column in present if column not in kinds]
    return [
        Problem(name, column, (1,), "no such column", f'a column "{column}" ({kind})', f"correct the name in the file or in the plan. {did_you_mean(column, spare or present)}")
        for column, kind in kinds.items() if column not in present
    ]  # fmt: skip
