"""What must hold of the summaries in `[derived.NAME]` before they are made: what is counted, and that columns mean the same."""

from __future__ import annotations

from collections.abc import Iterator

from haip_outcomes.formatting import listed
from haip_outcomes.registry.deriving.complication_index import WEIGHTS, grade_of
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
        if derived.take == "complication_index" and set(kinds.values()) == {"category"}:
            yield from _wrong_grades(place, derived, plan)
        if derived.take not in ("any", "count") and len(set(kinds.values())) > 1:
            yield place, f"{listed(list(kinds))} hold different things: {derived.take} is taken of columns of one kind"
        elif derived.columns and derived.take in ("first", "last", "highest", "lowest"):
            levels = {tuple(dict.fromkeys(plan.columns.get(column, ColumnPlan()).levels.values())) for column in kinds}
            if len(levels) > 1:
                yield place, f"{listed(list(kinds))} have different levels, or the same in another order: {derived.take} needs the same"


def _wrong_grades(place: str, derived: DerivedPlan, plan: PlanContent) -> Iterator[tuple[str, str]]:
    """A column that holds no Clavien-Dindo grades, and grades that `where` would leave out."""
    column = str(derived.column)
    levels = list(dict.fromkeys(plan.tables[str(derived.table)].columns[column].levels.values()))
    if not levels:
        yield place, (f'complication_index needs to know which codes of "{column}" are which grade: give it levels, as '
                      '{ "1" = "I", "2" = "II", "3" = "IIIa" } and so on')  # fmt: skip
        return
    asked = derived.where.get(column)
    counted = levels if asked is None else [asked] if isinstance(asked, str) else list(asked)
    strange = [level for level in counted if grade_of(level) is None]
    if strange:
        way_out = "" if asked else f", or leave rows that are no complication out with where = {{ {column} = [the grades] }}"
        yield place, (f'{listed([f"{chr(34)}{level}{chr(34)}" for level in strange])} of "{column}" {"is no grade" if len(strange) == 1 else "are no grades"}: '
                      f"call them {listed(list(WEIGHTS), 'or')} (III and IV weigh differently with a and b){way_out}")  # fmt: skip
    left_out = [level for level in levels if grade_of(level) is not None and level not in counted]
    if left_out:
        yield place, f'every complication counts in the index, and where leaves {listed(left_out)} of "{column}" out: name all grades, or leave it out of where'


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
