"""Raw tables to typed ones: every column as the plan says, and related rows under the patient they belong to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from haip_outcomes.errors import Problem, did_you_mean
from haip_outcomes.registry.deriving.partial_dates import no_partial_dates
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.planning.parts import SETTINGS, ColumnPlan, ConstantSetting
from haip_outcomes.registry.sources.raw_table import RawTable
from haip_outcomes.registry.values.cells import cell_text, convert, looks_identifying
from haip_outcomes.registry.values.converted import Converted


@dataclass(frozen=True, eq=False)
class TypedTable:
    """A table whose cells are values, what each column gave, other problems, and the dates without a day."""

    frame: pd.DataFrame
    columns: tuple[Converted, ...]
    problems: tuple[Problem, ...]  # besides those of the columns
    partial: pd.DataFrame
    keys: pd.Series  # the patients' keys by row: never part of a result


def patients_table(raw: RawTable, plan: Plan, keys: frozenset[str]) -> TypedTable:
    """The patients' table: one row a patient, with the column "setting" whatever the file calls it."""
    columns = {name: (kind, plan.columns.get(name, ColumnPlan())) for name, kind in plan.file_kinds.items()}
    typed = _typed(raw, columns, plan, keys, "the plan", "")
    frame = typed.frame.rename(columns={plan.cohort.setting_column: "setting"} if plan.cohort.setting_column else {})
    if isinstance(plan.cohort.setting, ConstantSetting):
        value = pd.Categorical([plan.cohort.setting.value] * len(frame), categories=list(SETTINGS))
        frame = frame.assign(setting=pd.Series(value, index=frame.index))
    return replace(typed, frame=frame, keys=frame.get(plan.cohort.id, pd.Series(dtype=object)))


def related_table(name: str, raw: RawTable, plan: Plan, patients: pd.Series, keys: frozenset[str]) -> TypedTable:
    """A related table with the column "patient", the patient's index in the cohort's frame, in place of the key.

    `patients` are the keys of the patients' table by that index. "patient" is missing in a row without a key, or with one that no patient has.
    """
    declared = plan.tables[name]
    key = declared.patient or plan.cohort.id
    columns = {key: ("key", ColumnPlan()), **{column: (part.resolved, part) for column, part in declared.columns.items()}}
    typed = _typed(raw, columns, plan, keys, f"[tables.{name}] of the plan", name)
    if key not in typed.frame:
        return typed
    own = typed.frame[key]
    index_of = pd.Series(patients.index, index=patients.to_numpy()).groupby(level=0).first()  # doubles are a problem of the patients' table
    owner = own.map(index_of)
    frame = typed.frame.drop(columns=key)
    frame.insert(0, "patient", owner)
    return replace(typed, frame=frame, keys=own)


def _typed(raw: RawTable, columns: dict[str, tuple[str, ColumnPlan]], plan: Plan, keys: frozenset[str], where: str, table: str) -> TypedTable:
    present = [str(column) for column in raw.cells.columns]
    spare = [column for column in present if column not in columns]
    problems, converted = [], {}
    for name, (kind, declared) in columns.items():
        if name not in raw.cells.columns:
            near = did_you_mean(name, spare or present)
            if table and kind == "key":
                near = f'If it has another name here, write patient = "{next(filter(looks_identifying, spare), "...")}"'
            problems.append(Problem(raw.name, name, (1,), "no such column", f'a column "{name}" ({kind})', f"correct the name in the file or in {where}. {near}"))
            continue
        converted[name] = convert(raw.cells[name], kind, declared, plan, raw.name, keys, raw.labels.get(name))
    frame = pd.DataFrame({name: one.values for name, one in converted.items()}, index=raw.cells.index)
    partial = [one.partial.assign(table=table, column=name) for name, one in converted.items() if len(one.partial)]
    return TypedTable(frame, tuple(converted.values()), tuple(problems), pd.concat(partial, ignore_index=True) if partial else no_partial_dates(),
                      pd.Series(dtype=object))  # fmt: skip


def keys_of(raw: RawTable, plan: Plan) -> frozenset[str]:
    """What identifies patients as the file writes it (keys, and what the plan declares as `keys`), so that it can be kept out of every message."""
    columns = {plan.cohort.id, *plan.cohort.keys, *(table.patient for table in plan.tables.values() if table.patient)} & set(raw.cells.columns)
    return frozenset(cell_text(value).strip() for column in columns for value in raw.cells[column].unique()) - {"", *plan.missing.codes}
