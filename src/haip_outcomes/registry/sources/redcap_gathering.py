"""A REDCap export to one row a patient, and to the rows of an instrument; every value comes from one row, or is a problem."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import Problem, did_you_mean
from haip_outcomes.formatting import listed
from haip_outcomes.registry.guessing.plan_text import heading
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.sources.raw_table import RawTable
from haip_outcomes.registry.sources.redcap_columns import ExportColumn
from haip_outcomes.registry.sources.redcap_rows import Export

_ARM = re.compile(r"_arm_\d+[a-z]*$")


@dataclass(frozen=True, eq=False)
class GatheredTable(RawTable):
    """One row a record, under the number of the record's first row in the export.

    `places` says where a cell really stands when it comes from another row: {column: {row of the table: row of the export}}.
    """

    places: dict[str, dict[int, int]] = field(default_factory=dict)

    def placed(self, problem: Problem) -> Problem:
        """A problem of this table with the rows in which the cells of its column really stand."""
        elsewhere = self.places.get(problem.column, {})
        return replace(problem, rows=tuple(elsewhere.get(row, row) for row in problem.rows))


def patients_of(export: Export, plan: Plan) -> tuple[GatheredTable, list[Problem]]:
    """The patients' table: a row a record, in the order of the export, and what stands in the way of it.

    A column that the plan uses is looked for in every row of the record (or in those of its `event`). It may be filled in more
    than once only with the same value, and not in rows that repeat. Of an instrument that the plan reads as a related table
    only the columns that the plan uses for patients are here.
    """
    used = {*plan.file_kinds, *plan.cohort.keys}
    as_tables = {table.instrument for table in plan.tables.values()}
    cells, places, problems = {}, {}, []
    kept = [column for column in export.columns.values()
            if column.name in used or (column.form not in as_tables and column.role not in ("event", "instrument", "instance"))]  # fmt: skip
    for column in kept:
        one = _one_a_record(export, column, plan, column.name in used)
        cells[column.name] = one.values
        problems += one.problems
        if one.elsewhere:
            places[column.name] = one.elsewhere
    frame = pd.DataFrame(cells, index=pd.Index(export.first_rows, name="row"), dtype=object)
    return GatheredTable(export.name, frame, export.notes, **_said_of(kept), places=places), problems


def rows_of(export: Export, instrument: str) -> RawTable:
    """The rows of an instrument: its instances, and the rows of other events in which it was filled in."""
    wanted = np.flatnonzero((export.instrument == instrument) | ((export.instrument == "") & export.filled(instrument)))
    kept = [column for column in export.columns.values()
            if column.form == instrument or column.role in ("record", "event", "instance", "group")]  # fmt: skip
    cells = {column.name: _true_boxes(export, column, wanted) for column in kept}
    frame = pd.DataFrame(cells, index=pd.Index(export.rows[wanted], name="row"), dtype=object)
    return RawTable(f"{export.name}, instrument {instrument}", frame, **_said_of(kept))


@dataclass(frozen=True, eq=False)
class _Gathered:
    values: np.ndarray
    elsewhere: dict[int, int]
    problems: list[Problem]


def _one_a_record(export: Export, column: ExportColumn, plan: Plan, used: bool) -> _Gathered:
    of_record = column.role in ("record", "group", "survey", "unknown")  # what REDCap may write in every row
    event = plan.columns[column.name].event if column.name in plan.columns else None
    problems: list[Problem] = []
    filled = export.column(column.name) != ""
    asked = np.flatnonzero(filled if used or of_record else filled & ~export.repeats)
    if event:
        matching = [name for name in pd.unique(export.event) if name and event in (name, _ARM.sub("", name))]
        asked = asked[np.isin(export.event[asked], matching)]
        if not matching:
            problems.append(_no_event(export, column.name, event))
    values = _true_boxes(export, column, asked)
    there = values != ""
    values, places = values[there], asked[there]
    known = ~np.isin(values, [value for value in pd.unique(values) if plan.missing.covers(value)])
    repeated = export.repeats[places] & (not of_record)
    if used and (known & repeated).any():
        problems.append(_repeated(export, column, places[known & repeated], bool(event)))
    values, places, known = values[~repeated], places[~repeated], known[~repeated]
    order = np.concatenate([np.flatnonzero(known), np.flatnonzero(~known)])  # a missing code only where it is all there is
    owners, first = np.unique(export.owner[places][order], return_index=True)
    chosen = order[first]
    taken, source = np.full(len(export.first_rows), "", dtype=object), export.first_rows.copy()
    taken[owners], source[owners] = values[chosen], export.rows[places[chosen]]
    if used:
        own = export.owner[places]
        differs = np.unique(own[known & (values != taken[own])])
        if len(differs):
            problems.append(_different(export, column.name, places[known & np.isin(own, differs)], bool(event)))
    moved = np.flatnonzero((source != export.first_rows) & used)
    return _Gathered(taken, {int(export.first_rows[i]): int(source[i]) for i in moved}, problems)


def _true_boxes(export: Export, column: ExportColumn, places: np.ndarray) -> np.ndarray:
    """Cells of a column, with an unticked box empty where it is no answer: on a form that nobody filled in, or beside a reason why it is missing."""
    values = export.column(column.name)[places]
    if column.role != "choice" or column.field is None:
        return values
    no_answer = ~export.answered(column.form)[places]
    for other in export.columns.values():
        if other.role == "missing" and other.field is column.field:
            no_answer |= export.column(other.name)[places] == "1"
    return np.where((values == "0") & no_answer, "", values)


def _said_of(columns: list[ExportColumn]) -> dict[str, Any]:
    """What the dictionary says of the columns, as RawTable keeps it."""
    return {
        "labels": {column.name: column.labels for column in columns if column.labels},
        "kinds": {column.name: column.kind for column in columns},
        "titles": {column.name: column.title for column in columns if column.title},
        "identifiers": tuple(column.name for column in columns if column.field is not None and column.field.identifier and column.role != "record"),
    }


def _no_event(export: Export, column: str, event: str) -> Problem:
    events = export.events()
    advice = did_you_mean(event, events) if events else f"this project has no events: take event out of {heading('columns', column)}"
    return Problem(export.name, column, (), f"no event {event}", f"the event that {heading('columns', column)} names", advice)


def _repeated(export: Export, column: ExportColumn, places: np.ndarray, by_event: bool) -> Problem:
    instruments = sorted({value for value in export.instrument[places] if value})
    what = f"the repeating instrument {listed(instruments)}" if instruments else f"the repeating event {listed(export.events(places))}"
    single = export.events(np.flatnonzero((export.column(column.name) != "") & ~export.repeats))
    event = "" if by_event or not single else f', or write event = "{single[0]}" in {heading("columns", column.name)}'
    return Problem(export.name, column.name, tuple(map(int, export.rows[places])), f"values in {what}", "one value a patient",
                   f'read them as a related table, {heading("tables", column.form)} with instrument = "{column.form}", and make one value of them in [derived]{event}')  # fmt: skip


def _different(export: Export, column: str, places: np.ndarray, by_event: bool) -> Problem:
    events = export.events(places)
    found = f"different values of one patient in the events {listed(events)}" if events else "different values of one patient"
    advice = f'write event = "{events[0]}" (or another) in {heading("columns", column)}' if events and not by_event else "correct it in REDCap"
    return Problem(export.name, column, tuple(map(int, export.rows[places])), found, "one value a patient", advice)
