"""A REDCap data dictionary: what every field of a project is called, may hold and means."""

from __future__ import annotations

import csv
import hashlib
import html
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from haip_outcomes.errors import CohortError, PlanError, Problem, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.registry.plan import Plan

# the 18 columns as the downloaded file writes them, and as the metadata of the interface (API) does
HEADINGS = {
    "Variable / Field Name": "field_name",
    "Form Name": "form_name",
    "Section Header": "section_header",
    "Field Type": "field_type",
    "Field Label": "field_label",
    "Choices, Calculations, OR Slider Labels": "select_choices_or_calculations",
    "Field Note": "field_note",
    "Text Validation Type OR Show Slider Number": "text_validation_type_or_show_slider_number",
    "Text Validation Min": "text_validation_min",
    "Text Validation Max": "text_validation_max",
    "Identifier?": "identifier",
    "Branching Logic (Show field only if...)": "branching_logic",
    "Required Field?": "required_field",
    "Custom Alignment": "custom_alignment",
    "Question Number (surveys only)": "question_number",
    "Matrix Group Name": "matrix_group_name",
    "Matrix Ranking?": "matrix_ranking",
    "Field Annotation": "field_annotation",
}
TYPES = ("text", "notes", "dropdown", "radio", "checkbox", "yesno", "truefalse", "calc", "slider", "file", "descriptive", "sql")
_CHOSEN = ("dropdown", "radio", "checkbox")
_TWO = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}
_KNOWN = {**{title.casefold(): name for title, name in HEADINGS.items()}, **{name: name for name in HEADINGS.values()}}
_DOWNLOAD = "download the data dictionary again (in REDCap: Project Setup, Data Dictionary) and leave it as it is"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Field:
    """One field of a project: a row of the dictionary. `choices` are {code: label}, without REDCap's HTML."""

    name: str
    form: str
    type: str
    label: str = ""
    choices: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    validation: str = ""
    minimum: str = ""
    maximum: str = ""
    identifier: bool = False
    required: bool = False
    branching: str = ""
    matrix: str = ""
    annotation: str = ""

    @property
    def kind(self) -> str:
        """What the field holds, in the plan's words: category, number, date or text (a checkbox is a category a choice)."""
        if self.type in (*_CHOSEN, *_TWO):
            return "category"
        if self.type in ("calc", "slider") or self.validation.startswith(("number", "integer")):
            return "number"
        return "date" if self.validation.startswith(("date_", "datetime_")) else "text"

    @property
    def calculated(self) -> bool:
        """True where REDCap fills the field in by itself, also on a form that nobody has opened."""
        return self.type == "calc" or "@CALC" in self.annotation.upper()


@dataclass(frozen=True)
class Dictionary:
    """The fields of a project in their order; the first names the record. `sha256` is the hash of the file."""

    name: str
    fields: tuple[Field, ...]
    sha256: str = ""

    @property
    def record(self) -> str:
        """The field that holds the record's name, "record_id" in most projects."""
        return self.fields[0].name

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """The fields by their names."""
        return MappingProxyType({field.name: field for field in self.fields})

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """The instruments in their order."""
        return tuple(dict.fromkeys(field.form for field in self.fields))


def plan_dictionary(plan: Plan, folder: Path) -> Dictionary:
    """The dictionary that a plan's [redcap] names, from the plan's own folder.

    Raises
    ------
    PlanError : the plan names no dictionary, or there is none of that name.
    CohortError : it is no data dictionary.
    """
    named = plan.redcap.dictionary if plan.redcap else None
    if not named:
        raise PlanError("A REDCap export is read with the project's data dictionary, and the plan names none. In REDCap: Project Setup, Data Dictionary, "
                        'download; put the file beside the plan and write dictionary = "..." in [redcap].')  # fmt: skip
    path = folder / named
    if not path.is_file():
        near = did_you_mean(path.name, [other.name for other in path.parent.glob("*.csv")])
        raise PlanError(f"[redcap] dictionary: there is no file {named} beside the plan. {near if near.startswith('Did') else 'Check the name.'}")
    return read_dictionary(path.read_bytes(), path.name)


def read_dictionary(content: bytes, name: str) -> Dictionary:
    """A data dictionary as REDCap writes it: the downloaded CSV, or the metadata of the interface as CSV.

    Raises
    ------
    CohortError : every problem of the dictionary at once, with its rows.

    >>> heading = ",".join(f'"{title}"' for title in HEADINGS)
    >>> rows = ["record_id,patient,,text,Record,,,,,,,,,,,,,", 'sex,patient,,radio,Sex,"1, Male | 2, Female",,,,,,,y,,,,,']
    >>> sex = read_dictionary("\\n".join([heading, *rows]).encode(), "dictionary.csv").by_name["sex"]
    >>> sex.kind, dict(sex.choices)
    ('category', {'1': 'Male', '2': 'Female'})
    """
    rows = _rows(content, name)
    order = _order(rows, name)
    problems: list[Problem] = []
    fields, places = [], []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(order):
            problems.append(Problem(name, "", (number,), plural(len(row), "cell"), f"{len(order)} cells a row", _DOWNLOAD))
            continue
        one, wrong = _field({column: cell.strip() for column, cell in zip(order, row, strict=True)}, number, name)
        fields.append(one)
        places.append(number)
        problems += wrong
    problems += _twice(fields, places, name)
    if not fields and not problems:
        problems.append(Problem(name, "", (), "headings and no fields", "a row a field", _DOWNLOAD))
    if problems:
        raise CohortError(sorted(problems, key=lambda problem: problem.rows[:1]), name)
    return Dictionary(name, tuple(fields), hashlib.sha256(content).hexdigest())


def plain(label: str) -> str:
    """A label without REDCap's HTML and line breaks.

    >>> plain('<div class="rich-text-field-label"><p>Sex &amp; <b>age</b></p></div>')
    'Sex & age'
    """
    return " ".join(html.unescape(re.sub(r"<[a-zA-Z/][^>]*>", " ", label)).split())


def _rows(content: bytes, name: str) -> list[list[str]]:
    """The cells, with the separator under which the first row holds most of the headings."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CohortError([Problem(name, "", (), "bytes that are no UTF-8 text", "a data dictionary in UTF-8", _DOWNLOAD)], name) from None
    tables = []
    for separator in ",;\t":
        try:
            tables.append(list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)))
        except csv.Error:
            continue
    best = max(tables, key=lambda rows: len(_named(rows)), default=[])
    if not _named(best):
        raise CohortError([Problem(name, "", (1,), "row 1 does not hold the headings of a data dictionary",
                                   '"Variable / Field Name", "Form Name" and 16 others', _DOWNLOAD)], name)  # fmt: skip
    return best


def _named(rows: list[list[str]]) -> set[str]:
    return {_KNOWN[cell.strip().casefold()] for cell in (rows[0] if rows else []) if cell.strip().casefold() in _KNOWN}


def _order(rows: list[list[str]], name: str) -> list[str]:
    """The columns in the file's order, under the names of the interface."""
    heading = [cell.strip() for cell in rows[0]]
    order = [_KNOWN.get(cell.casefold(), "") for cell in heading]
    lacking = [title for title, machine in HEADINGS.items() if machine not in order]
    other = [cell or "(a column without a name)" for cell, machine in zip(heading, order, strict=True) if not machine]
    twice = sorted({cell for cell in heading if cell and heading.count(cell) > 1})
    if lacking or other or twice:
        parts = [f"without {listed(lacking)}" if lacking else "", f"{listed(other)} besides" if other else "", f"{listed(twice)} twice" if twice else ""]
        raise CohortError([Problem(name, "", (1,), f"{plural(len(heading), 'column')}: {'; '.join(filter(None, parts))}",
                                   "the 18 columns of a data dictionary", _DOWNLOAD)], name)  # fmt: skip
    return order


def _field(cells: dict[str, str], number: int, table: str) -> tuple[Field, list[Problem]]:
    """One row as a field, and what is wrong with it."""
    name, kind, wrong = cells["field_name"], cells["field_type"].lower(), []

    def problem(column: str, found: str, expected: str, advice: str) -> None:
        wrong.append(Problem(table, column, (number,), found, expected, advice))

    if not _NAME.fullmatch(name):
        problem("Variable / Field Name", name or "empty", "small letters, digits and _, a letter first", _DOWNLOAD)
    if not cells["form_name"]:
        problem("Form Name", "empty", f"the instrument that {name} stands in", _DOWNLOAD)
    if kind not in TYPES:
        problem("Field Type", kind or "empty", f"one of {', '.join(TYPES)}", did_you_mean(kind, TYPES) if kind else _DOWNLOAD)
    choices, fault = _choices(cells["select_choices_or_calculations"]) if kind in _CHOSEN else (_TWO.get(kind, {}), "")
    if fault:
        problem("Choices, Calculations, OR Slider Labels", fault, f'the choices of {name} as "1, Yes | 0, No"', _DOWNLOAD)
    marks = {column: cells[column].lower() for column in ("identifier", "required_field")}
    for title, column in (("Identifier?", "identifier"), ("Required Field?", "required_field")):
        if marks[column] not in ("", "y", "n"):
            problem(title, marks[column], "y, or an empty cell", _DOWNLOAD)
    return Field(
        name=name, form=form_name(cells["form_name"]), type=kind, label=plain(cells["field_label"]), choices=MappingProxyType(choices),
        validation=cells["text_validation_type_or_show_slider_number"].lower() if kind == "text" else "",
        minimum=cells["text_validation_min"], maximum=cells["text_validation_max"], identifier=marks["identifier"] == "y",
        required=marks["required_field"] == "y", branching=cells["branching_logic"], matrix=cells["matrix_group_name"],
        annotation=cells["field_annotation"],
    ), wrong  # fmt: skip


def form_name(written: str) -> str:
    """An instrument's name as REDCap makes it of what was written: small letters, _ for spaces.

    >>> form_name("Pump Complications")
    'pump_complications'
    """
    return re.sub(r"[^a-z0-9_]", "", re.sub(r"\s+", "_", written.strip().lower()))


def _choices(text: str) -> tuple[dict[str, str], str]:
    """{code: label} of "1, Yes | 0, No", and what is wrong with the text."""
    choices: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split("|"))):
        code, comma, label = part.partition(",")
        if not comma or not code.strip():
            return choices, f'"{part[:40]}"'
        if code.strip() in choices:
            return choices, f"the code {code.strip()} twice"
        choices[code.strip()] = plain(label)
    return choices, "" if choices else "no choices"


def _twice(fields: Iterable[Field], places: list[int], table: str) -> Iterator[Problem]:
    rows: dict[str, list[int]] = {}
    for one, number in zip(fields, places, strict=True):
        rows.setdefault(one.name, []).append(number)
    for name, numbers in rows.items():
        if name and len(numbers) > 1:
            yield Problem(table, "Variable / Field Name", tuple(numbers), f"{name} {'twice' if len(numbers) == 2 else f'{len(numbers)} times'}",
                          "a field once", _DOWNLOAD)  # fmt: skip
