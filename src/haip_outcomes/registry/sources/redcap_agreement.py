"""Where a plan, a REDCap dictionary and an export do not agree: columns that are not there, and codes that mean different things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from haip_outcomes.errors import Problem, did_you_mean
from haip_outcomes.formatting import listed
from haip_outcomes.registry.guessing.plan_text import heading
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.sources.redcap_columns import GROUP, ExportColumn, box_name
from haip_outcomes.registry.sources.redcap_rows import Export
from haip_outcomes.registry.values.file_labels import coding


def disagreements(export: Export, plan: Plan) -> list[Problem]:
    """Every problem and warning, in the order in which a person would look for them."""
    return [*_keys(export, plan), *_patient_columns(export, plan), *_table_columns(export, plan), *_unknown_columns(export), *_codes(export, plan)]


def _keys(export: Export, plan: Plan) -> Iterator[Problem]:
    record = export.dictionary.record
    keys = {"[cohort] id": plan.cohort.id} | {f"{heading('tables', name)} patient": table.patient for name, table in plan.tables.items() if table.patient}
    for place, key in keys.items():
        if key != record:
            yield Problem(export.name, key, (), f"{place} is {key}", f'the record field, "{record}"',
                          f'REDCap ties the rows of a patient by it: write "{record}" there')  # fmt: skip


def _patient_columns(export: Export, plan: Plan) -> Iterator[Problem]:
    for name, kind in plan.file_kinds.items():
        if name not in export.columns and name != plan.cohort.id:
            found, advice = _why_absent(name, export)
            yield Problem(export.name, name, (1,), found, f'a column "{name}" ({kind})', advice)


def _table_columns(export: Export, plan: Plan) -> Iterator[Problem]:
    for name, table in plan.tables.items():
        if table.instrument not in export.dictionary.forms:
            yield Problem(export.name, "", (), f"no instrument {table.instrument}", f"the instrument that {heading('tables', name)} names",
                          did_you_mean(table.instrument or "", export.dictionary.forms))  # fmt: skip
            continue
        where = f"{export.name}, instrument {table.instrument}"
        for column, declared in table.columns.items():
            here = export.columns.get(column)
            if here is None:
                found, advice = _why_absent(column, export)
                yield Problem(where, column, (1,), found, f'a column "{column}" ({declared.resolved})', advice)
            elif here.form and here.form != table.instrument:
                yield Problem(where, column, (), f"it stands in the instrument {here.form}", f"a column of {table.instrument}",
                              f"take it out of {heading('tables', name)}, or correct instrument there")  # fmt: skip
            if declared.event:
                yield Problem(where, column, (), f"event = {declared.event}", "a column of every event", f"take event out of {heading('tables', name, 'columns', column)}")


def _why_absent(name: str, export: Export) -> tuple[str, str]:
    """What is known of a column that the plan uses and the export has not, and what to do."""
    dictionary = export.dictionary
    field = dictionary.by_name.get(name)
    owner = dictionary.by_name.get(name.partition("___")[0])
    if field and field.type == "descriptive":
        return "a descriptive field", "it holds no data: take it out of the plan"
    if field and field.type == "checkbox" and name not in export.columns:
        return "a checkbox: it has a column a choice", f"name the choices in the plan: {', '.join(box_name(name, code) for code in field.choices)}"
    if owner and owner.type == "checkbox":
        if owner.name in export.columns:
            return "the choices of the checkbox in one column", "export the data again without combining the options of checkboxes"
        known = [box_name(owner.name, code) for code in owner.choices]
        if name not in known:
            return "no such choice of the checkbox", did_you_mean(name, known)
        field = owner
    if name == GROUP:
        return "no such column", "tick the data access groups when exporting (a user who is in a group himself can't), or take centre out of the plan"
    if field or (name.endswith("_complete") and name.removesuffix("_complete") in dictionary.forms):
        return "not exported", ("export this field too. A de-identified export leaves out identifiers, free text or dates; your export rights may leave out its instrument")
    near = did_you_mean(name, [column for column in export.columns if export.columns[column].role != "unknown"])
    return "no such column", f"correct the name in the plan. {near}"


def _unknown_columns(export: Export) -> Iterator[Problem]:
    names = [column.name for column in export.columns.values() if column.role == "unknown"]
    if names:
        yield Problem(export.name, "", (1,), f"columns that {export.dictionary.name} does not know: {_cut(names)}", "fields of the dictionary",
                      "nothing to do if they are not needed; otherwise download the dictionary and the export on the same day", "warning")  # fmt: skip


def _codes(export: Export, plan: Plan) -> Iterator[Problem]:
    """The plan's levels beside the choices of the dictionary."""
    for name, declared in plan.columns.items():
        if declared.levels and name in export.columns and name not in plan.derived:
            yield from _levels(export.name, export.columns[name], declared.levels, heading("columns", name), plan)
    for name, table in plan.tables.items():
        for column, declared in table.columns.items():
            if declared.levels and column in export.columns:
                yield from _levels(f"{export.name}, instrument {table.instrument}", export.columns[column], declared.levels, heading("tables", name, "columns", column), plan)
    setting = plan.cohort.setting_column
    if setting in export.columns and plan.cohort.setting_levels:
        yield from _levels(export.name, export.columns[setting], plan.cohort.setting_levels, "[cohort] setting_levels", plan)


def _levels(table: str, column: ExportColumn, levels: Mapping[str, str], place: str, plan: Plan) -> Iterator[Problem]:
    choices = column.labels
    if not choices:
        return
    swapped, _ = coding(levels, choices)  # other words for the same are told where the cells are read
    if swapped:
        said = listed([f'{code} = "{levels[code]}"' for code in swapped])
        meant = listed([f'{code} = "{choices[code]}"' for code in swapped])
        yield Problem(table, column.name, (), f"the plan says {said}", f"as the dictionary says: {meant}", f"correct the levels in {place}")
    lacking = [code for code in choices if code not in levels and not plan.missing.covers(code)]
    if lacking and column.role == "field":
        said = listed([f'{code} = "{choices[code]}"' for code in lacking])
        yield Problem(table, column.name, (), f"choices of the dictionary that the plan does not know: {said}", f"every choice in {place}",
                      "add them to the levels, or to [missing] codes if they mean not known", "warning")  # fmt: skip
    more = [code for code in levels if code not in choices]
    if more:
        yield Problem(table, column.name, (), f"codes that the dictionary does not know: {listed(more)}", f"codes of {listed(list(choices))}",
                      f"correct {place}, or take the dictionary of the day of the export", "warning")  # fmt: skip


def missing_code_notes(name: str, codes: Iterable[str], plan: Plan) -> list[Problem]:
    """A warning when the project has missing-data codes that the plan's [missing] does not name."""
    unnamed = [code for code in codes if not plan.missing.covers(code)]
    if not unnamed:
        return []
    return [Problem(name, "", (), f"missing-data codes of the project that the plan does not name: {listed(unnamed)}", "them in [missing] codes",
                    "add them: until then a cell that holds one is a problem", "warning")]  # fmt: skip


def _cut(names: list[str], most: int = 8) -> str:
    return listed(names) if len(names) <= most else f"{', '.join(names[:most])}, ... ({len(names)} columns)"
