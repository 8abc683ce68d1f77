"""What must hold of the summaries in `[derived.NAME]` before they are made: what is counted, and that columns mean the same."""

from __future__ import annotations

from collections.abc import Iterator

from haip_outcomes.formatting import listed
from haip_outcomes.registry.planning.content import PlanContent
from haip_outcomes.registry.planning.parts import ColumnPlan, DerivedPlan
from haip_outcomes.registry.values.file_labels import word_for_yes

_WHICH = '"{column}" has other levels than a No and a Yes, and {take} must know which of them count: {way_out}'
_WHERE = 'write where = {{ {column} = "Yes" }} with the level, or levels, that count'
_LEVELS = ('give each code one of the labels "No" and "Yes" in levels, and add a code that means "not known" to [missing] codes')


def wrong_summaries(plan: PlanContent) -> Iterator[tuple[str, str]]:
    """Every fault of the summaries of a plan, with its place; names that point at nothing are told elsewhere."""
    for name, derived in plan.derived.items():
        if derived.take is None:
            continue
        place, kinds = f"[derived.{name}]", _kinds(derived, plan)
        for column, kind in kinds.items():
            if derived.take in ("any", "count") and kind not in ("category", "date", "flag"):
                yield place, (f'"{column}" holds a {kind}: {derived.take} is taken of dates and of categories. '
                              "If it holds 0 and 1, give it levels = { \"0\" = \"No\", \"1\" = \"Yes\" }")  # fmt: skip
            elif derived.take in ("any", "count") and kind == "category" and column not in derived.where and not _is_no_yes(derived, column, plan):
                yield place, _WHICH.format(column=column, take=derived.take, way_out=_WHERE.format(column=column) if derived.table else _LEVELS)
        if derived.take not in ("any", "count") and len(set(kinds.values())) > 1:
            yield place, f"{listed(list(kinds))} hold different things: {derived.take} is taken of columns of one kind"
        elif derived.columns and derived.take in ("first", "last", "highest", "lowest"):
            levels = {tuple(dict.fromkeys(plan.columns.get(column, ColumnPlan()).levels.values())) for column in kinds}
            if len(levels) > 1:
                yield place, f"{listed(list(kinds))} have different levels, or the same in another order: {derived.take} needs the same"


def _is_no_yes(derived: DerivedPlan, column: str, plan: PlanContent) -> bool:
    """True for a column whose levels are a No and a Yes and nothing else."""
    table = plan.tables.get(derived.table or "")
    declared = (table.columns if table else plan.columns).get(column, ColumnPlan())
    return word_for_yes(list(declared.levels.values())) is not None


def _kinds(derived: DerivedPlan, plan: PlanContent) -> dict[str, str]:
    """What each column that is taken holds."""
    if derived.table is not None:
        table = plan.tables.get(derived.table)
        named = table.columns.get(derived.column or "") if table else None
        return {str(derived.column): named.resolved} if named else {}
    held = plan.kinds
    return {column: held[column] for column in derived.columns if column in held}
