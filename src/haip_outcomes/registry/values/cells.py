"""Columns to values: what a column must hold, and what is said of the cells that do not hold it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from haip_outcomes.errors import Problem
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.planning.parts import SETTINGS, ColumnPlan
from haip_outcomes.registry.privacy.identifying_names import about_birth, looks_identifying
from haip_outcomes.registry.privacy.showing import shown
from haip_outcomes.registry.values.code_cells import (
    read_event_codes,
    read_flags,
    read_keys,
    read_levels,
    read_texts,
    setting_levels,
)
from haip_outcomes.registry.values.converted import Converted, note_of
from haip_outcomes.registry.values.date_cells import read_dates, without_time_of_day
from haip_outcomes.registry.values.distinct_cells import (
    UNREADABLE,
    DistinctCells,
    Note,
    Reading,
    Wrong,
    cell_text,
    distinct_cells,
)
from haip_outcomes.registry.values.file_labels import labelled_numbers, recoded
from haip_outcomes.registry.values.number_cells import FINITE, read_numbers, read_numeric

__all__ = ["Converted", "cell_text", "convert", "looks_identifying", "shown"]

_EXCEL_ERRORS = {"#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"}
_MOST_CELLS = 10_000  # rows of a problem of which each is told what was found
_NO_VALUE = Wrong("a value, not an error of Excel", "correct the formula, or leave the cell empty")
_UNDECLARED = "undeclared code; correct it, or add it to levels or to [missing] codes"
_UNLABELLED = "the file has no label for it; correct it, write the column's levels in the plan, or add it to [missing] codes"
_SETTING = "unknown setting; correct it, or say what it means in setting_levels"


@dataclass(frozen=True)
class _Named:
    """What problems of a column need: the table, the column, the keys that must not be shown, whether nothing may be, and words that are no names."""

    table: str
    column: str
    keys: frozenset[str]
    hidden: bool
    known: frozenset[str]

    def problem(self, rows: list[int], texts: list[str], wrong: Wrong) -> Problem:
        """Of these rows, with the text of each."""
        found = "" if self.hidden else shown(texts, self.keys, known=self.known)
        each = {} if self.hidden or len(rows) > _MOST_CELLS else {text: shown([text], self.keys, known=self.known) for text in set(texts)}
        cells = tuple(each[text] for text in texts) if each else ()
        return Problem(self.table, self.column, tuple(rows), found, wrong.expected, wrong.advice, "error", UNREADABLE, cells)

    def warning(self, rows: list[int], note: Note) -> Problem:
        """That these rows may be wrong; what stands in them is not shown."""
        return Problem(self.table, self.column, tuple(rows), note.found, note.expected, note.advice, "warning", note.kind)


def convert(column: pd.Series, kind: str, declared: ColumnPlan, plan: Plan, table: str, keys: frozenset[str] = frozenset(),
            labels: Mapping[str, str] | None = None) -> Converted:  # fmt: skip
    """A raw column as its kind demands, and the problems of its cells.

    Cells that are empty or hold one of the plan's missing codes become missing. A cell that does not hold what it must is a
    problem and is never changed into something else. What stands among the patients' `keys` is never shown. `labels` are the
    file's own ({code: label}): they are the levels of a category for which the plan declares none.
    """
    name, labels = str(column.name), labels or {}
    hidden = kind == "key" or name in plan.cohort.keys or looks_identifying(name) or about_birth(name)
    known = frozenset([*declared.levels, *declared.levels.values(), *labels.values(), *plan.flag_codes(name)])
    named = _Named(table, name, keys, hidden, known)
    if kind == "number" and pd.api.types.is_any_real_numeric_dtype(column.dtype):
        values, infinite = read_numeric(column, plan.missing)
        rows = infinite.index[infinite].tolist()
        problems = [named.problem(rows, ["inf"] * len(rows), FINITE)] if rows else []
        return Converted(values, [*problems, *labelled_numbers(values, labels, table)], _spans(column.index[:0], []))
    if kind == "date" and column.dtype.kind == "M":
        column = column.dt.tz_localize(None).dt.normalize()
    elif kind == "date" and plan.cohort.date_format is None:
        column = without_time_of_day(column)
    cells = distinct_cells(column, plan.missing, numeric_codes=kind != "number")
    levels = _levels(kind, declared, plan, labels)
    reading = _reading(cells, kind, levels, plan, name, labels)
    found = list(_problems(reading.wrong, cells, named))
    values = _typed(reading, kind, levels, cells, name)
    about_labels = labelled_numbers(values, labels, table) if kind == "number" else recoded(cells, kind, levels, labels, table, name)
    proofs = tuple(replace(proof, table=table, column=name, row=cells.first_row(place)) for proof, place in reading.proven)
    warnings = [named.warning(cells.rows_of(note.places), note) for note in reading.notes]
    problems = [*(problem for problem, _ in found), *about_labels, *warnings, *(note_of([proof]) for proof in proofs)]
    undecided = tuple((problem, wrong.undecided) for problem, wrong in found if wrong.undecided)
    doubtful = tuple((problem, wrong.undecided) for problem, wrong in _problems(reading.doubtful, cells, named))
    return Converted(values, problems, _partial(reading, cells), proofs, undecided, doubtful)


def _levels(kind: str, declared: ColumnPlan, plan: Plan, labels: Mapping[str, str]) -> Mapping[str, str]:
    """What each code stands for: as the plan says, else as the file does."""
    if kind == "setting":
        return setting_levels(plan.cohort.setting_levels, labels)
    if kind == "flag":
        return {"0": "No", "1": "Yes"}
    return (declared.levels or labels) if kind == "category" else {}


def _reading(cells: DistinctCells, kind: str, levels: Mapping[str, str], plan: Plan, name: str, labels: Mapping[str, str]) -> Reading:
    errors = [] if _EXCEL_ERRORS.isdisjoint(cells.texts) else [place for place, _, text in cells.known_cells() if text in _EXCEL_ERRORS]
    cells.known[errors] = False
    if kind == "number":
        reading = read_numbers(cells, plan.missing, plan.cohort.decimal)
    elif kind == "date":
        reading = read_dates(cells, plan.cohort.date_format, plan.cohort.partial is not None)
    elif kind == "flag":
        reading = read_flags(cells)
    elif kind == "code":
        reading = read_event_codes(cells, plan.flag_codes(name))
    elif kind == "key":
        reading = read_keys(cells)
    elif levels:
        advice = _SETTING if kind == "setting" else _UNLABELLED if levels is labels else _UNDECLARED
        reading = read_levels(cells, levels, advice, labels)
    else:
        reading = read_texts(cells, labels)
    reading.wrong.update(dict.fromkeys(errors, _NO_VALUE))
    return reading


def _problems(wrong: Mapping[int, Wrong], cells: DistinctCells, named: _Named) -> Iterator[tuple[Problem, Wrong]]:
    """One problem for all cells of which the same is said, in the order in which they stand."""
    if not wrong:
        return
    alike: dict[Wrong, list[int]] = {}
    for place in sorted(wrong):
        alike.setdefault(wrong[place], []).append(place)
    group = np.full(len(cells.texts) + 1, -1)
    for number, places in enumerate(alike.values()):
        group[places] = number
    of_row = group[cells.place_of_row]
    for number, said in enumerate(alike):
        own = of_row == number
        yield named.problem(cells.rows[own].tolist(), [cells.texts[place] for place in cells.place_of_row[own].tolist()], said), said


def _typed(reading: Reading, kind: str, levels: Mapping[str, str], cells: DistinctCells, name: str) -> pd.Series:
    values, rows = reading.values, cells.rows
    if kind in ("category", "setting"):
        found = {value for value in values if value is not None}
        names = list(SETTINGS) if kind == "setting" else list(dict.fromkeys(levels.values())) or sorted(found)
        code_of = {name: code for code, name in enumerate(names)}
        codes = np.array([*(code_of.get(value, -1) for value in values), -1], dtype=np.intp)
        category = pd.Categorical.from_codes(codes[cells.place_of_row], categories=pd.Index(names, dtype=object))
        return pd.Series(category, index=rows, name=name)
    nothing = np.array([None if values.dtype == object else "NaT" if values.dtype.kind == "M" else np.nan], dtype=values.dtype)
    whole = np.concatenate([values, nothing])[cells.place_of_row]
    return pd.Series(whole.astype("datetime64[ns]") if whole.dtype.kind == "M" else whole, index=rows, name=name)


def _partial(reading: Reading, cells: DistinctCells) -> pd.DataFrame:
    """The rows whose date has no day, with the first and the last day that it can be."""
    wanted = np.zeros(len(cells.texts) + 1, dtype=bool)
    wanted[list(reading.span)] = True
    at = np.flatnonzero(wanted[cells.place_of_row])
    return _spans(cells.rows[at], [reading.span[place] for place in cells.place_of_row[at].tolist()])


def _spans(rows: pd.Index, spans: list[tuple[np.datetime64, np.datetime64]]) -> pd.DataFrame:
    ends = {name: np.array([span[i] for span in spans], dtype="datetime64[ns]") for i, name in enumerate(("earliest", "latest"))}
    return pd.DataFrame({"row": rows.to_numpy(), **ends})
