"""Where two centres' plans mean different things by the same column, endpoint or derived variable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from haip_outcomes.errors import Problem
from haip_outcomes.formatting import listed
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.planning.parts import ColumnPlan


def translation(first: dict[str, ColumnPlan], other: dict[str, ColumnPlan]) -> dict[str, str]:
    """Names of the other plan's columns in the first plan: by standard item, else the same name."""
    by_item = {column.item: name for name, column in first.items() if column.item}
    return {name: by_item[column.item] for name, column in other.items() if column.item in by_item}


def conflicts(first: Plan, other: Plan, file: str) -> list[Problem]:
    """What the other plan says differently, as problems of its file; codes and column names may differ, meanings may not."""
    if first is other:
        return []
    names = translation(first.columns, other.columns)
    found = list(_columns(first.columns, other.columns, names, "columns"))
    kinds = {names.get(name, name): kind for name, kind in other.kinds.items()}
    for name, kind in first.kinds.items():
        if name in first.columns or kind in ("key", "setting") or name == first.cohort.centre:
            continue
        if name not in kinds:
            found.append((name, "no such column in this plan", f"a {kind}", "give its column the same name or the same item in both plans"))
    for name, table in first.tables.items():
        if name not in other.tables:
            found.append((name, f"no [tables.{name}]", "the same related tables", "add it to the plan, or take it out of the first plan"))
            continue
        own = other.tables[name].columns
        found += _columns(table.columns, own, translation(table.columns, own), f"tables.{name}.columns")
    in_tables = {column: to for name, table in first.tables.items() if name in other.tables
                 for column, to in translation(table.columns, other.tables[name].columns).items()}  # fmt: skip
    for part in ("derived", "endpoints"):
        for name, recipe in getattr(first, part).items():
            mine = getattr(other, part).get(name)
            if mine is None:
                found.append((name, f"no [{part}.{name}]", "the same in every plan", f"add [{part}.{_key(name)}] to this plan, or take it out of the first"))
                continue
            differs = [key for key in _meaning(recipe) if _meaning(recipe)[key] != _translated(_meaning(mine)[key], {**in_tables, **names})]
            if differs:
                found.append((name, f"another {listed(differs)} in [{part}.{name}]", "the same definition in every plan",
                              "the same name must mean the same: correct one of the plans"))  # fmt: skip
    return [Problem(file, column, (), what, expected, advice) for column, what, expected, advice in found]


def _columns(first: dict[str, ColumnPlan], other: dict[str, ColumnPlan], names: dict[str, str], where: str) -> Iterator[tuple[str, str, str, str]]:
    own: dict[str, ColumnPlan] = {}
    for name, column in other.items():
        if own.setdefault(names.get(name, name), column) is not column:
            yield name, f"another column is {names.get(name, name)} as well", "one column for one thing", "give one of the two another name or item in the plan"
    for name, column in first.items():
        mine = own.get(name)
        if mine is not None and mine.item and column.item and mine.item != column.item:
            yield name, f'item "{mine.item}"', f'item "{column.item}", as in the first plan', "the same name must mean the same in every plan: rename one of the columns"
        elif mine is None:
            yield name, "no such column in this plan", "the columns of the first plan", f"add [{where}.{_key(name)}] under that name (and rename the column in the file), or give its column the same item in both plans"
        elif mine.resolved != column.resolved:
            yield name, f"a {mine.resolved}", f"a {column.resolved}, as in the first plan", "the same column must hold the same in every plan"
        elif set(mine.levels.values()) != set(column.levels.values()):
            yield name, f"levels {listed(list(dict.fromkeys(mine.levels.values())))}", f"levels {listed(list(dict.fromkeys(column.levels.values())))}", \
                "codes may differ between centres, what they stand for may not: use the same words"
        elif mine.unit != column.unit:
            yield name, f"in {mine.unit or 'no unit'}", f"in {column.unit or 'no unit'}", "one unit for all centres: convert one of the files"


def _key(name: str) -> str:
    """A name as TOML writes it."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'


def _meaning(recipe: Any) -> dict[str, Any]:
    return {key: value for key, value in recipe.model_dump(mode="json").items() if key != "label"}


def _translated(value: Any, names: dict[str, str]) -> Any:
    """The same recipe with every column under the first plan's name."""
    if isinstance(value, dict):
        return {names.get(key, key): _translated(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_translated(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value
