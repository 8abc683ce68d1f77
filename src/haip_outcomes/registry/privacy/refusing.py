"""Columns that identify patients are refused unless the plan declares them as keys: by their names, and by what they hold."""

from __future__ import annotations

import re

import pandas as pd

from haip_outcomes.errors import Problem
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.privacy.identifying_contents import (
    are_answers,
    are_persons,
    are_telephones,
    are_years,
    emails,
    is_day,
    looks_like_person,
    sample,
)
from haip_outcomes.registry.privacy.identifying_names import about_birth, looks_identifying, words_of
from haip_outcomes.registry.privacy.showing import holds_key
from haip_outcomes.registry.sources.raw_table import RawTable
from haip_outcomes.registry.values.distinct_cells import IDENTIFYING, cell_text
from haip_outcomes.registry.values.typed_tables import keys_of

_YEAR = re.compile("(?:19|20)[0-9]{2}")
_MOST_LEVELS = 50  # different values of a category without levels: more are names, keys or remarks
_USED = "the analysis can't use it. If it identifies nobody, give it another name in the file and the plan"


def refused_columns(table: RawTable, plan: Plan, keys: frozenset[str] = frozenset()) -> list[Problem]:
    """A problem for each column of a file that looks as if it identified patients, whether the plan uses it or not.

    Parameters
    ----------
    table : the raw cells of a file, a sheet or an instrument.
    plan : its `[cohort] id` and `keys` are known to identify, and the key column of each related table; all others must not.
    keys : patients' keys besides those of this table: a category whose cells are printed, because it has no levels, may hold none.

    A column without any cell identifies nobody, and one that only answers yes or no neither, whatever its name. What the cells hold
    is never shown.
    """
    known = {plan.cohort.id, *plan.cohort.keys, *(part.patient for part in plan.tables.values())}
    used = {*plan.file_kinds, *(column for part in plan.tables.values() for column in part.columns)}
    printed = _printed(table, plan)
    keys = keys | keys_of(table, plan) if printed else keys
    found = []
    for column in map(str, table.cells.columns):
        why, rows = _why(table.cells[column], column, table, plan) if column not in known else ("", ())
        if not why and column in printed and column not in known:
            values = table.cells[column]
            why, rows = _holds_keys(values, plan, keys) if not _is_copy(values, table, plan) else ("it is a copy of the patients' key", ())
            different = {text for text in map(cell_text, values.unique()) if not plan.missing.covers(text)}
            why = why or _names_among(different, strict=column != plan.cohort.centre)
            if not why and len(different) > _MOST_LEVELS:
                advice = 'a category is printed value by value: write its levels in the plan, or kind = "text" (or "number") where it is none'
                found.append(Problem(table.name, column, (), f"{len(different)} different values", f"levels, or at most {_MOST_LEVELS} different values",
                                     advice, kind="too many levels"))  # fmt: skip
        if why:
            is_key = "" if known & set(table.cells.columns) else "if it is the patients' key, say so in the plan (id in [cohort], patient in [tables.NAME]); else "
            way_out = f'{is_key}take it out of the file; or write keys = ["{column}"] in [cohort] of the plan: it is then not read and never shown'
            advice = _USED if column in used else way_out
            found.append(Problem(table.name, column, rows, "", "no column that identifies patients", f"{why}: {advice}", kind=IDENTIFYING))
    return found


def _names_among(different: set[str], strict: bool) -> str:
    """Why a category without levels, whose values are printed, is refused for names: one like "Jansen, Jan", or half like "Jan Jansen"."""
    persons = [text for text in different if looks_like_person(text)]
    if any("," in text for text in persons) or (strict and persons and 2 * len(persons) >= len(different)):
        return "some of its values look like names of persons; if they are none, write its levels in the plan"
    return ""


def _why(column: pd.Series, name: str, table: RawTable, plan: Plan) -> tuple[str, tuple[int, ...]]:
    """Why a column is refused, and the rows when only those are; nothing for a column that is not."""
    cells = column.tolist()
    title = table.titles.get(name, "")  # a variable label; a longer one is a question, not a name
    names = (name, title) if len(words_of(title)) <= 3 else (name,)
    about_patient = any(map(looks_identifying, names))
    if name in table.identifiers and any(map(cell_text, cells)):
        return "the file marks it as identifying", ()
    if any(map(about_birth, names)):
        texts = {cell_text(cell) for cell in cells}
        years = are_years(text for text in texts if not plan.missing.covers(text))
        if any(map(is_day, cells)) or (about_patient and not years):
            return "a day of birth identifies a patient. Keep the year of birth or the age in its place", ()
    elif about_patient and not are_answers(text for text in map(cell_text, cells) if text not in plan.missing.codes):
        return "its name says that it identifies patients", ()
    texts_only = [cell for cell in cells if isinstance(cell, str)]
    addresses = emails(texts_only)
    if addresses:
        rows = [row for row, cell in zip(column.index.tolist(), cells, strict=True) if isinstance(cell, str) and cell in addresses]
        return "it holds e-mail addresses", tuple(rows)
    some = sample(texts_only, plan.missing.codes)
    if are_telephones(some):
        return "it holds telephone numbers", ()
    if are_persons(some):
        return "it holds names of persons", ()
    return "", ()


def _printed(table: RawTable, plan: Plan) -> set[str]:
    """The columns whose cells are printed as they stand: categories for which neither the plan nor the file has levels, and the centre."""
    declared = [*plan.columns.items(), *(column for part in plan.tables.values() for column in part.columns.items())]
    named = {name for name, column in declared if column.resolved == "category" and not column.levels and name not in plan.derived}
    named |= {plan.cohort.centre} if plan.cohort.centre else set()
    return {name for name in named & set(table.cells.columns) if not table.labels.get(name)}


def _is_copy(column: pd.Series, table: RawTable, plan: Plan) -> bool:
    """True for a column that repeats the key of each patient, however short the keys are."""
    if plan.cohort.id not in table.cells.columns:
        return False
    texts, own = (cells.map(cell_text).str.strip() for cells in (column, table.cells[plan.cohort.id]))
    given = texts != ""
    return bool((texts == own)[given].all()) and texts[given].nunique() > 2


def _holds_keys(column: pd.Series, plan: Plan, keys: frozenset[str]) -> tuple[str, tuple[int, ...]]:
    """Why a column that is printed is refused for the keys in it, and the rows that hold one."""
    texts = column.map(cell_text).str.strip()
    long = [text for text in texts.unique() if sum(map(str.isalnum, text)) > 2 and not plan.missing.covers(text) and not _YEAR.fullmatch(text)]
    holding = {text for text in long if holds_key(text, keys)}
    rows = tuple(int(row) for row in texts.index[texts.isin(list(holding))])
    return ("it holds patients' keys", rows) if rows else ("", ())
