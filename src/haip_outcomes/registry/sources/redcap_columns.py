"""The columns of a REDCap export: which field, checkbox choice or column of REDCap's own each one is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from haip_outcomes.registry.sources.redcap_dictionary import Dictionary, Field

EVENT, INSTRUMENT, INSTANCE, GROUP = "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", "redcap_data_access_group"
SURVEY = "redcap_survey_identifier"
_OWN = {EVENT: "event", INSTRUMENT: "instrument", INSTANCE: "instance", GROUP: "group", SURVEY: "survey"}
STATUS = {"0": "Incomplete", "1": "Unverified", "2": "Complete"}
# the missing-data codes that REDCap suggests (HL7's reasons for no value); a project may have others
SUGGESTED = ("NI", "INV", "UNK", "NASK", "ASKU", "NAV", "MSK", "NA", "NAVU", "NP", "QS", "QI", "TRC", "UNC", "DER", "PINF", "NINF", "OTH")
Role = Literal["record", "event", "instrument", "instance", "group", "survey", "field", "choice", "missing", "combined", "status", "timestamp", "unknown"]


@dataclass(frozen=True)
class ExportColumn:
    """One column of an export: its part in it, the instrument it belongs to, and the field (and checkbox choice) it holds.

    `missing` is a checkbox column of a missing-data code (ras___unk), `combined` a checkbox field in one column,
    `status` an instrument's <form>_complete.
    """

    name: str
    role: Role
    form: str = ""
    field: Field | None = None
    code: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """What its codes mean: {code: label}."""
        if self.role in ("choice", "missing"):
            return {"0": "No", "1": "Yes"}
        if self.role == "status":
            return dict(STATUS)
        return dict(self.field.choices) if self.field and self.role == "field" else {}

    @property
    def kind(self) -> str:
        """What it holds, in the plan's words."""
        if self.role in ("choice", "missing", "status"):
            return "category"
        return self.field.kind if self.field and self.role == "field" else "text"

    @property
    def title(self) -> str:
        """Its label in REDCap; of a checkbox with the choice."""
        label = self.field.label if self.field else ""
        return f"{label}: {self.field.choices[self.code]}" if self.field and self.role == "choice" else label


def columns_of(header: Iterable[str], dictionary: Dictionary, missing_codes: Iterable[str] = ()) -> dict[str, ExportColumn]:
    """Every column of an export's header, by name.

    >>> from haip_outcomes.registry.sources.redcap_dictionary import Dictionary, Field
    >>> ras = Field("ras", "patient", "checkbox", choices={"-1": "Unknown", "KRAS": "KRAS"})
    >>> found = columns_of(["record_id", "ras____1", "ras___kras"], Dictionary("d.csv", (Field("record_id", "patient", "text"), ras)))
    >>> [(column.role, column.code) for column in found.values()]
    [('record', ''), ('choice', '-1'), ('choice', 'KRAS')]
    """
    header = list(header)
    names = set(header)
    boxes = {column: (field, code) for field in dictionary.fields if field.type == "checkbox"
             for code in field.choices for column in _box_names(field.name, code, names)}  # fmt: skip
    reasons = {export_code(code) for code in (*missing_codes, *SUGGESTED)}
    return {name: _column(name, dictionary, boxes, reasons) for name in header}


def _column(name: str, dictionary: Dictionary, boxes: dict[str, tuple[Field, str]], reasons: set[str]) -> ExportColumn:
    field = dictionary.by_name.get(name)
    if name == dictionary.record:
        return ExportColumn(name, "record", field=field)
    if name in _OWN:
        return ExportColumn(name, _OWN[name])  # type: ignore[arg-type]
    if field:
        return ExportColumn(name, "combined" if field.type == "checkbox" else "field", field.form, field)
    if name in boxes:
        box, code = boxes[name]
        return ExportColumn(name, "choice", box.form, box, code)
    before, _, code = name.partition("___")
    owner = dictionary.by_name.get(before)
    if owner and owner.type == "checkbox" and code in reasons:
        return ExportColumn(name, "missing", owner.form, owner, code)
    for ending, role in (("_complete", "status"), ("_timestamp", "timestamp")):
        if name.endswith(ending) and name.removesuffix(ending) in dictionary.forms:
            return ExportColumn(name, role, name.removesuffix(ending))  # type: ignore[arg-type]
    return ExportColumn(name, "unknown")


def export_code(code: str) -> str:
    """A checkbox code as REDCap writes it behind the field's name and ___: small letters, _ for minus and full stop.

    >>> export_code("-1"), export_code("UNK"), export_code("1.5")
    ('_1', 'unk', '1_5')
    """
    return re.sub(r"[^a-z0-9_]", "", re.sub(r"[-.]", "_", code).lower())


def box_name(field: str, code: str) -> str:
    """The column of a checkbox choice in an export."""
    return f"{field}___{export_code(code)}"


def _box_names(field: str, code: str, header: set[str]) -> Iterator[str]:
    """The column of a choice in this header: as REDCap writes it, as older versions did (no full stop), or the code as it is."""
    for name in (box_name(field, code), box_name(field, code.replace(".", "")), f"{field}___{code}"):
        if name in header:
            yield name
            return
