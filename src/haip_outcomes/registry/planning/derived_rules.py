"""What must hold of `[derived.NAME]`: the columns it is made from exist, and nothing is made from itself."""

from __future__ import annotations

from collections.abc import Iterator

from haip_outcomes.errors import did_you_mean
from haip_outcomes.registry.deriving.formulas import wrong_formulas
from haip_outcomes.registry.planning.content import PlanContent
from haip_outcomes.registry.planning.parts import ColumnPlan, DerivedPlan
from haip_outcomes.registry.planning.summary_rules import wrong_summaries


def wrong_derived(plan: PlanContent) -> Iterator[tuple[str, str]]:
    """Every fault of the derived columns, with its place."""
    for name, derived in plan.derived.items():
        place = f"[derived.{name}]"
        if name in (plan.cohort.id, plan.cohort.setting_column, "setting", plan.cohort.centre):
            yield place, "this name is kept for a column of the file: give the derived column another name"
        if derived.table:
            yield from _wrong_summary(place, derived, plan)
        held = plan.kinds
        for column in (*derived.columns, *derived.inputs.values()):
            if column not in held:
                yield place, f'"{column}" has no [columns.{column}]. {did_you_mean(column, held)}'
        yield from _wrong_kind(place, derived, {held[column] for column in derived.columns if column in held})
    for name in _circular(plan):
        yield f"[derived.{name}]", "it is made from itself, by way of other derived columns"
    yield from wrong_formulas(plan)
    yield from wrong_summaries(plan)


def _wrong_summary(place: str, derived: DerivedPlan, plan: PlanContent) -> Iterator[tuple[str, str]]:
    """A summary of a related table: its columns, the levels of its `where`, and the date it counts days from."""
    table = plan.tables.get(derived.table or "")
    if table is None:
        yield f"{place} table", f'there is no [tables.{derived.table}]. {did_you_mean(str(derived.table), plan.tables)}'
        return
    for key, column in (("column", derived.column), ("by", derived.by), *(("where", column) for column in derived.where)):
        if column is not None and column not in table.columns:
            yield f"{place} {key}", f'"{column}" has no [tables.{derived.table}.columns.{column}]. {did_you_mean(column, table.columns)}'
    for column, chosen in derived.where.items():
        levels = table.columns.get(column, ColumnPlan()).levels.values()
        for level in [chosen] if isinstance(chosen, str) else chosen:
            if column in table.columns and level not in levels:
                yield f"{place} where.{column}", f'"{level}" is not a level. {did_you_mean(level, levels)}'
    if derived.by and derived.by in table.columns and table.columns[derived.by].resolved != "date":
        yield f"{place} by", f'"{derived.by}" must be a date'
    if derived.column and derived.column in table.columns:
        yield from _wrong_kind(place, derived, {table.columns[derived.column].resolved})
    if derived.within:
        dates = [name for name, column in table.columns.items() if column.resolved == "date"]
        if derived.by is None and len(dates) != 1:
            yield f"{place} within", f"the table has {len(dates)} date columns: write by with the one that counts"


def _wrong_kind(place: str, derived: DerivedPlan, kinds: set[str]) -> Iterator[tuple[str, str]]:
    dates, numbers = ({"date"}, "dates"), ({"number"}, "numbers")
    ordered = ({"number", "category"}, "numbers, and of categories whose levels stand in order")
    grades = ({"category"}, "categories of Clavien-Dindo grades")
    allowed = {"earliest": dates, "latest": dates, "sum": numbers, "highest": ordered, "lowest": ordered, "complication_index": grades}.get(derived.take or "")
    if allowed and kinds - allowed[0]:
        yield f"{place} take", f"{derived.take} is taken of {allowed[1]} only"


def _circular(plan: PlanContent) -> list[str]:
    """The derived columns that can never be made, because each waits for another of them."""
    waiting = {name: {*d.columns, *d.inputs.values(), *([d.within.start] if d.within else [])} & set(plan.derived) for name, d in plan.derived.items()}
    while ready := [name for name, needs in waiting.items() if not needs & set(waiting)]:
        for name in ready:
            del waiting[name]
    return list(waiting)
