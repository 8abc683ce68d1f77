"""The rows of a REDCap export: whose each is, in which event, and what of it repeats; label exports are refused here."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from haip_outcomes.errors import CohortError, Problem, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.sources.header import Expected
from haip_outcomes.registry.sources.redcap_columns import (
    EVENT,
    GROUP,
    INSTANCE,
    INSTRUMENT,
    SURVEY,
    ExportColumn,
    box_name,
    columns_of,
)
from haip_outcomes.registry.sources.redcap_dictionary import Dictionary, form_name, plain
from haip_outcomes.registry.sources.text import text_table

RAW_EXPORT = 'in REDCap: Data Exports, Reports, and Stats, Export Data, "CSV / Microsoft Excel (raw data)"'
_TITLES = {"event name", "repeat instrument", "repeat instance", "data access group", "survey identifier", "survey timestamp", "complete?", "record id"}
_UNIQUE_EVENT = re.compile(r"\w+_arm_\d+[a-z]*")
_FORM = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, eq=False)
class Export:
    """A raw export, row by row.

    `cells` are texts indexed by row number; `owner` says for each row which record it belongs to, counted in the file's order;
    `event`, `instrument` and `instance` are REDCap's own columns, "" where the project has none.
    """

    name: str
    dictionary: Dictionary
    cells: pd.DataFrame
    columns: dict[str, ExportColumn]
    owner: np.ndarray
    notes: tuple[Problem, ...] = ()
    _answers: dict[tuple[str, bool], np.ndarray] = field(default_factory=dict)

    @cached_property
    def rows(self) -> np.ndarray:
        """The row numbers."""
        return self.cells.index.to_numpy()

    @cached_property
    def first_rows(self) -> np.ndarray:
        """The number of the first row of each record."""
        return self.rows[np.unique(self.owner, return_index=True)[1]]

    @cached_property
    def event(self) -> np.ndarray:
        """The unique event name of each row."""
        return self._own(EVENT)

    @cached_property
    def instrument(self) -> np.ndarray:
        """The repeating instrument that a row is an instance of."""
        return self._own(INSTRUMENT)

    @cached_property
    def instance(self) -> np.ndarray:
        """The number of the instance, of a repeating instrument or of a repeating event."""
        return self._own(INSTANCE)

    @cached_property
    def repeats(self) -> np.ndarray:
        """True for a row that is an instance of a repeating instrument or event."""
        return (self.instance != "") | (self.instrument != "")

    def events(self, places: np.ndarray | None = None) -> list[str]:
        """The events of some rows, in the order of the file; nothing that can be no event's name, because it would be shown."""
        return [name for name in pd.unique(self.event if places is None else self.event[places]) if _UNIQUE_EVENT.fullmatch(name)]

    def column(self, name: str) -> np.ndarray:
        """The cells of a column."""
        return self.cells[name].to_numpy()

    def filled(self, form: str) -> np.ndarray:
        """True for a row in which somebody entered something on that instrument: a value or a tick, not what REDCap fills in by itself."""
        return self._answer(form, status=False)

    def answered(self, form: str) -> np.ndarray:
        """True for a row in which the instrument was filled in or closed: only there an unticked box is an answer."""
        return self._answer(form, status=True)

    def _answer(self, form: str, status: bool) -> np.ndarray:
        if (form, status) not in self._answers:
            found = (self.instrument == form) if status else np.zeros(len(self.cells), dtype=bool)
            for column in self.columns.values():
                if column.form == form:
                    found |= self._entered(column, status)
            self._answers[form, status] = found
        return self._answers[form, status]

    def _entered(self, column: ExportColumn, status: bool) -> np.ndarray | bool:
        if column.role in ("choice", "missing"):
            return self.column(column.name) == "1"
        if column.role in ("field", "combined"):
            calculated = column.field is not None and column.field.calculated
            return False if calculated else self.column(column.name) != ""
        return np.isin(self.column(column.name), ["1", "2"]) if column.role == "status" and status else False

    def _own(self, name: str) -> np.ndarray:
        return self.column(name) if name in self.cells else np.full(len(self.cells), "", dtype=object)


def export_of(content: bytes, name: str, plan: Plan, dictionary: Dictionary, missing_codes: Iterable[str] = ()) -> Export:
    """A raw export read and checked row by row, before anything is asked of its cells.

    Raises
    ------
    CohortError : no raw export of this project (labels, another record field), rows without a record, or the same row twice.
    """
    _refuse_label_header(content, name, dictionary)
    boxes = {box_name(one.name, code) for one in dictionary.fields for code in one.choices}
    names = {*dictionary.by_name, *boxes, *(f"{form}_complete" for form in dictionary.forms), EVENT, INSTRUMENT, INSTANCE, GROUP, SURVEY}
    table = text_table(content, name, Expected(dictionary.record, frozenset(names)), encoding=plan.cohort.encoding, separator=plan.cohort.separator)
    cells = table.cells
    if dictionary.record not in cells:
        raise CohortError([Problem(name, dictionary.record, (1,), "no such column", f'the record field of {dictionary.name}, "{dictionary.record}"',
                                   f"export it too, or take the dictionary of this project. {did_you_mean(dictionary.record, cells.columns)}")], name)  # fmt: skip
    columns = columns_of(cells.columns, dictionary, (*plan.missing.codes, *missing_codes))
    owner = pd.factorize(cells[dictionary.record])[0]
    export = Export(name, dictionary, cells, columns, owner, table.notes)
    problems = list(_label_cells(export)) or list(_row_problems(export))
    if problems:
        raise CohortError(problems, name)
    return export


def _refuse_label_header(content: bytes, name: str, dictionary: Dictionary) -> None:
    """Labels as column names; looked for before the table is read, because they may be the same for several columns."""
    line = content.lstrip().split(b"\n", 1)[0].decode("utf-8", "replace").removeprefix("\ufeff")
    header: list[str] = []
    for separator in ",;\t|":
        try:
            header = max(header, next(csv.reader([line], delimiter=separator), []), key=len)
        except csv.Error:
            continue
    titles = [plain(cell) for cell in header]
    names = {title for title in titles if title in dictionary.by_name}
    labels = {one.label.casefold() for one in dictionary.fields} | _TITLES
    labelled = {title for title in titles if title.casefold() in labels or "(choice=" in title} - names
    if dictionary.record not in names and len(labelled) > len(names):
        raise CohortError([Problem(name, "", (1,), "labels instead of variable names", "a raw export", f"export the raw data: {RAW_EXPORT}")], name)


def _label_cells(export: Export) -> Iterator[Problem]:
    """Labels in the place of codes, under variable names: every column of which no cell is a code and one is a label."""
    coded = [column for column in export.columns.values() if column.labels and column.role != "missing"]
    labelled = [column.name for column in coded if _holds_labels(column, pd.unique(export.cells[column.name]))]
    events = [value for value in pd.unique(export.event) if value]
    if events and not any(map(_UNIQUE_EVENT.fullmatch, events)):
        labelled.append(EVENT)
    forms = [value for value in pd.unique(export.instrument) if value]
    if any(value not in export.dictionary.forms and form_name(value) in export.dictionary.forms for value in forms):
        labelled.append(INSTRUMENT)
    if labelled:
        most = 6
        names = listed(labelled) if len(labelled) <= most else f"{', '.join(labelled[:most])}, ... ({len(labelled)} columns)"
        yield Problem(export.name, "" if len(labelled) > 1 else labelled[0], (), f"labels instead of codes in {names}", "a raw export",
                      f"export the raw data: {RAW_EXPORT}")  # fmt: skip


def _holds_labels(column: ExportColumn, values: Iterable[str]) -> bool:
    found = {plain(value).casefold() for value in values if value}
    if column.role == "choice" and column.field:
        labels = {"checked", "unchecked", column.field.choices[column.code].casefold()}
    else:
        labels = {label.casefold() for label in column.labels.values()}
    return bool(found & labels) and not found & {code.casefold() for code in column.labels}


def _row_problems(export: Export) -> Iterator[Problem]:
    name, dictionary = export.name, export.dictionary
    blank = export.rows[export.column(dictionary.record) == ""]
    if len(blank):
        yield Problem(name, dictionary.record, tuple(map(int, blank)), "empty", "the record in every row", f"export the data again: {RAW_EXPORT}")
    wrong = np.isin(export.instance, [value for value in pd.unique(export.instance) if value and not value.isdigit()])
    if wrong.any():
        yield Problem(name, INSTANCE, tuple(map(int, export.rows[wrong])), "", "the number of the instance", f"export the data again: {RAW_EXPORT}")
    for form in sorted({value for value in pd.unique(export.instrument) if value and value not in dictionary.forms}):
        rows = export.rows[export.instrument == form]
        yield Problem(name, INSTRUMENT, tuple(map(int, rows)), form if _FORM.fullmatch(form) else "", f"an instrument of {dictionary.name}",
                      f"take the dictionary and the export on the same day. {did_you_mean(form, dictionary.forms)}")  # fmt: skip
    places = pd.DataFrame({"owner": export.owner, "event": export.event, "instrument": export.instrument, "instance": export.instance})
    again = places.duplicated(keep=False).to_numpy() & (export.column(dictionary.record) != "")
    if again.any():
        yield Problem(name, dictionary.record, tuple(map(int, export.rows[again])), plural(int(again.sum()), "row") + " that say the same record, event and instance",
                      "a row once", "two exports in one file? Keep one of them")  # fmt: skip
