"""Makes the data dictionary, the codebook and the plan of the standard registry from registry/items.toml.

    .venv/bin/python cohorts/haip_registry/make_registry.py

Each is made whole, the same bytes each time (tests/registry/test_standard_registry.py): change items.toml or parts/ (the head of
the codebook, and what the plan asks), never what this writes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from haip_outcomes.registry.guessing.plan_text import heading, listing, number, pairs, quoted
from haip_outcomes.registry.items import TABLES, Item, items

HERE = Path(__file__).parent
# what the columns of a data dictionary are called, as REDCap writes and wants them
HEADER = (
    "Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label", "Choices, Calculations, OR Slider Labels",
    "Field Note", "Text Validation Type OR Show Slider Number", "Text Validation Min", "Text Validation Max", "Identifier?",
    "Branching Logic (Show field only if...)", "Required Field?", "Custom Alignment", "Question Number (surveys only)",
    "Matrix Group Name", "Matrix Ranking?", "Field Annotation",
)  # fmt: skip
FORMS = {
    "baseline": "Baseline: the patient and the disease before the pump",
    "surgery": "Surgery: the pump, and resection or ablation of the liver metastases",
    "treatment": "Treatment: HAIP and systemic chemotherapy",
    "follow_up": "Follow-up: until when, pump failure and removal, death",
    "complications": "Complications (repeating: a row a complication)",
    "cycles": "HAIP cycles (repeating: a row a cycle)",
    "imaging": "Imaging (repeating: a row a scan)",
}
ENDPOINTS = {
    "os": "overall survival", "rfs": "recurrence-free survival", "pfs": "progression-free survival", "liver": "liver progression or recurrence",
    "hepatic_pfs": "hepatic progression-free survival", "extrahepatic": "extrahepatic progression or recurrence", "first_site": "first site",
    "conversion": "conversion to resection", "pump_failure": "pump failure",
}  # fmt: skip


TABLES_HEAD = """
# ---- The repeating instruments: many rows a patient ------------------------------------------------------
"""


def _part(name: str) -> str:
    """A part that is written by hand."""
    return (HERE / "parts" / name).read_text(encoding="utf-8")


# ---- the data dictionary ----


def dictionary(known: Iterable[Item]) -> str:
    """The data dictionary: a field an item, in plain ASCII, so that no program in between can spoil it."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    for item in known:
        validation, low, high = _validation(item)
        writer.writerow([_ascii(cell) for cell in (
            item.redcap_field, item.form, item.section, _field_type(item), item.label, _choices(item), item.definition, validation, low, high,
            "", item.shown_if, "y" if item.required else "", "", "", "", "", "",
        )])  # fmt: skip
    return file.getvalue()


def _yes_no(item: Item) -> bool:
    return dict(item.levels) == {"0": "No", "1": "Yes"}


def _field_type(item: Item) -> str:
    if item.kind == "checkbox":
        return "checkbox"
    if not item.levels:
        return "text"
    return "yesno" if _yes_no(item) else "radio" if len(item.levels) <= 4 else "dropdown"


def _choices(item: Item) -> str:
    """1, Label | 2, Label; a yes/no field has its own."""
    capital = ((code, label[0].upper() + label[1:]) for code, label in item.levels.items())
    return "" if _yes_no(item) else " | ".join(f"{code}, {label}" for code, label in capital)


def _validation(item: Item) -> tuple[str, str, str]:
    """REDCap's check at entry and its limits; outside them it only asks "are you sure?", so they are those of a believable value."""
    if item.kind == "date":
        return "date_ymd", "1980-01-01", ""
    if item.kind == "number" and item.believable:
        return "integer" if item.whole else "number", *map(number, item.believable)
    return "", "", ""


def _ascii(text: str) -> str:
    return text.replace("µ", "u").replace("²", "2")


# ---- the codebook ----


def codebook(known: Iterable[Item]) -> str:
    """The codebook: every item with what it is, how it is measured, its unit and codes, and when it is filled in."""
    parts = [_part("codebook_head.md")]
    for form, group in groupby(known, key=lambda item: item.form):
        parts.append(f"## {FORMS[form]}\n")
        parts += [_entry(item) for item in group]
    return "\n".join(parts)


def _entry(item: Item) -> str:
    lines = [f"### `{item.redcap_field}`: {item.label}\n", f"{item.definition}\n"]
    lines.append(f"- **How:** {item.how}")
    lines.append(f"- **When:** {item.when}")
    lines.append(f"- **Holds:** {_holds(item)}")
    if item.known == "later" and item.kind != "date":
        lines.append("- **Known later:** only after the pump was placed, so it is no baseline factor")
    if item.shown_if:
        lines.append(f"- **Asked only if** `{item.shown_if}`")
    if item.required:
        lines.append(
            "- **Needed** for every " + {"patient": "patient", "complications": "complication", "cycles": "cycle", "imaging": "scan"}[item.table]
        )
    if item.endpoints:
        lines.append(f"- **Endpoints that can't be made without it:** {', '.join(ENDPOINTS[name] for name in item.endpoints)}")
    if item.redcap_field != item.name:
        lines.append(f'- **Standard item:** `{item.name}` (`item = "{item.name}"` in a plan)')
    return "\n".join(lines) + "\n"


def _holds(item: Item) -> str:
    codes = ", ".join(f"{code} {label}" for code, label in item.levels.items())
    if item.kind == "checkbox":
        return f"any of {codes}"
    if item.levels:
        return codes
    if item.kind == "date":
        return "a date, year-month-day"
    if item.kind == "number" and item.believable and item.possible:
        low, high = map(number, item.believable)
        least, most = map(number, item.possible)
        unit = f" {item.unit}" if item.unit else ""
        return (
            f"a {'whole ' if item.whole else ''}number, usually {low} to {high}{unit}; below {least} or above {most} is an error (a wrong unit?)"
        )
    return "text"


# ---- the plan ----


def plan(known: Iterable[Item]) -> str:
    """The plan that reads a raw export of the project: its columns and tables from the items, its questions from below."""
    known = list(known)
    own = [_column(("columns",), item) for item in known if item.table == "patient" and item.kind not in ("key", "setting", "checkbox")]
    boxes = [_box(item, code) for item in known if item.kind == "checkbox" for code in item.levels]
    tables = []
    for table in TABLES[1:]:
        rows = [item for item in known if item.table == table]
        title = FORMS[rows[0].form].split(" (")[0]
        tables.append(f"{heading('tables', table)}\nlabel = {quoted(title)}\ninstrument = {quoted(rows[0].form)}\n")
        tables += [_column(("tables", table, "columns"), item) for item in rows]
    specific = [label for code, label in next(item for item in known if item.name == "complication_kind").levels.items() if code != "90"]
    questions = _part("plan_questions.toml").replace("[PUMP_SPECIFIC]", listing(specific))
    return "\n".join([_part("plan_head.toml"), *own, *boxes, TABLES_HEAD, *tables, questions])


def _column(place: tuple[str, ...], item: Item) -> str:
    lines = [heading(*place, item.redcap_field), f"label = {quoted(item.label)}", f"item = {quoted(item.name)}"]
    lines.append(f"levels = {pairs(dict(item.levels))}" if item.levels else f"kind = {quoted(item.kind)}")
    if item.possible:
        lines.append(f"range = [{', '.join(map(number, item.possible))}]")
    if item.unit:
        lines.append(f"unit = {quoted(item.unit)}")
    if item.known == "later" and item.kind != "date" and place == ("columns",):
        lines.append('known = "later"                            # no baseline factor; name its date instead to analyse it over time')
    return "\n".join(lines) + "\n"


def _box(item: Item, code: str) -> str:
    """A box of a checkbox field: REDCap exports a column of 0 and 1 for each."""
    label = f"{item.levels[code]} at pump placement"
    return f"{heading('columns', f'{item.redcap_field}___{code}')}\nlabel = {quoted(label)}\nlevels = {pairs({'0': 'No', '1': 'Yes'})}\n"


def main() -> None:
    """Write the three files beside this script."""
    known = items().values()
    for name, text in (("haip_data_dictionary.csv", dictionary(known)), ("codebook.md", codebook(known)), ("plan.toml", plan(known))):
        (HERE / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
