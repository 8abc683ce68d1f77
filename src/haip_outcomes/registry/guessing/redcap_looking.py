"""A REDCap project without a plan: by its data dictionary, or by a raw export and the dictionary beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from haip_outcomes.registry.guessing.column_facts import ColumnFacts, facts_of, why_identifying
from haip_outcomes.registry.guessing.item_matches import matches
from haip_outcomes.registry.guessing.sheets import Seen, Sheet, free_name, likeliest, sheet_of, standard_table
from haip_outcomes.registry.items import TABLES
from haip_outcomes.registry.sources.raw_table import RawTable
from haip_outcomes.registry.sources.redcap_columns import EVENT, GROUP, INSTANCE, INSTRUMENT, SURVEY, box_name
from haip_outcomes.registry.sources.redcap_dictionary import HEADINGS, Dictionary, Field, read_dictionary

_OWN = {EVENT, INSTRUMENT, INSTANCE, SURVEY}


def is_dictionary(content: bytes) -> bool:
    """True for the beginning of a data dictionary, as the download or the interface writes it."""
    line = content.lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace").casefold()
    return next(iter(HEADINGS)).casefold() in line or ("field_name" in line and "form_name" in line)


def of_dictionary(dictionary: Dictionary, repeating: set[str] | None = None) -> Seen:
    """A project by its dictionary, which does not say what repeats: the instruments that look like the standard repeating ones, unless told."""
    forms = {form: [one for one in dictionary.fields if one.form == form] for form in dictionary.forms}
    related: dict[str, Sheet] = {}
    patients: list[Field] = []
    for form, fields in forms.items():
        kind = likeliest({kind: len(_sheet(fields, kind, "", "").matches) for kind in TABLES})
        if form in repeating if repeating is not None else bool(kind):
            related[free_name(kind or form, related)] = _sheet(
                [one for one in fields if one.name != dictionary.record], kind or "none", form, dictionary.record
            )
        else:
            patients += fields
    return Seen(dictionary.name, _sheet(patients, "patient", "", dictionary.record), related, dictionary=dictionary.name, is_dictionary=True)


def of_export(table: RawTable, path: Path) -> Seen:
    """A raw export: by the dictionary that lies beside it, or else by its cells, instrument by instrument."""
    instrument = table.cells[INSTRUMENT] if INSTRUMENT in table.cells else pd.Series("", index=table.cells.index)
    beside = [other for other in sorted(path.parent.glob("*.csv")) if other != path and is_dictionary(other.read_bytes()[:4000])]
    if len(beside) != 1:
        return _by_cells(table, instrument, path.name)
    seen = of_dictionary(read_dictionary(beside[0].read_bytes(), beside[0].name), {str(form) for form in instrument if form})
    group = (facts_of(table.cells[GROUP]),) if GROUP in table.cells else ()
    columns = (*seen.patients.columns, *group)
    patients = replace(seen.patients, columns=columns, matches=matches(columns, seen.patients.titles))
    return replace(seen, name=path.name, patients=patients, is_dictionary=False)


def _by_cells(table: RawTable, instrument: pd.Series, name: str) -> Seen:
    """An export without its dictionary. A column that is empty everywhere is the patients': a death that nobody has died yet."""
    record = str(table.cells.columns[0])
    leave = frozenset(_OWN | {str(column) for column in table.cells if str(column).endswith("_complete")})
    related: dict[str, Sheet] = {}
    elsewhere: set[object] = set()
    for form in sorted({str(form) for form in instrument if form}):
        part = _filled(table, instrument == form)
        elsewhere.update(part.cells)
        kind = standard_table(part)
        related[free_name(kind or form, related)] = sheet_of(part, kind or "none", form, record, leave)
    own = _filled(table, instrument == "").cells
    columns = [column for column in table.cells if column in own or column not in elsewhere]
    patients = RawTable(table.name, table.cells.loc[instrument == "", columns])
    return Seen(name, sheet_of(patients, key=record, leave=leave), related, dictionary="?")


def _filled(table: RawTable, rows: pd.Series) -> RawTable:
    """Some rows of an export, with the columns in which anything stands there."""
    cells = table.cells[rows]
    return RawTable(table.name, cells[[column for column in cells if (cells[column] != "").any()]])


def _sheet(fields: list[Field], kind: str, form: str, record: str) -> Sheet:
    facts = tuple(facts for one in fields for facts in _facts(one, one.name == record))
    titles = {one.name: one.label for one in fields}
    return Sheet(facts, matches(facts, titles, kind), 0, form, record, titles)


def _facts(one: Field, is_record: bool) -> Iterator[ColumnFacts]:
    """A field as a column of which no cell is known; a checkbox as a column a choice, as REDCap exports it."""
    if one.type in ("descriptive", "file"):
        return
    if one.type == "checkbox":
        for code in one.choices:
            yield ColumnFacts(box_name(one.name, code), "category", codes={"0": "No", "1": "Yes"})
        return
    why = "" if is_record else why_identifying(one.name, one.identifier, one.kind == "date")
    yield ColumnFacts(one.name, one.kind, unique=is_record, codes=dict(one.choices), whole=one.validation == "integer", identifying=why, title=one.label)
