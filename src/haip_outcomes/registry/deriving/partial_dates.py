"""Dates without their day: where they stand, and the same patients with those dates at their first or last day."""

from __future__ import annotations

from typing import Literal, NamedTuple

import pandas as pd

from haip_outcomes.registry.checking.checks import broken
from haip_outcomes.registry.plan import Plan

_COLUMNS = ["table", "row", "column", "earliest", "latest"]


def no_partial_dates() -> pd.DataFrame:
    """The list of partial dates of a file that has none; `table` is empty for the patients' own."""
    return pd.DataFrame({name: pd.Series(dtype="datetime64[ns]" if name in ("earliest", "latest") else object) for name in _COLUMNS})


def moved(frame: pd.DataFrame, tables: dict[str, pd.DataFrame], partial: pd.DataFrame, plan: Plan,
          at: Literal["earliest", "latest"]) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:  # fmt: skip
    """Every partial date at one end of its month, and the derived columns made again; but no date with which a rule would newly break.

    All are moved at once. Where a rule breaks then, the patient's dates are moved one after another, the first in time first (to the latest
    day the last first), and one with which a rule breaks stays at the middle of its month, unless it fits when the others have moved.
    """
    if at not in ("earliest", "latest"):
        raise ValueError(f'at must be "earliest" or "latest", not {at!r}')
    if partial.empty:
        return frame, tables
    before = set(_broken(*_placed(frame, tables, partial.iloc[:0], plan, at), plan))  # the joined file of several centres may break the first plan's rules

    def in_trouble(chosen: pd.DataFrame) -> set[object]:
        return {fault.patient for fault in set(_broken(*_placed(frame, tables, chosen, plan, at), plan)) - before}

    owners = pd.Series([row if table == "" else tables[table]["patient"].get(row) for table, row in zip(partial["table"], partial["row"], strict=True)],
                       index=partial.index, dtype=object)  # fmt: skip
    difficult = owners.isin(in_trouble(partial))
    order = partial.loc[difficult, at].sort_values(ascending=at == "earliest", kind="stable").index
    turn = owners[order].groupby(owners[order]).cumcount()
    chosen, waiting = partial[~difficult], len(turn) + 1
    while len(turn) < waiting:  # a date may move once another has moved
        waiting = len(turn)
        for number in sorted(turn.unique()):
            these = turn.index[turn == number]
            wrong = in_trouble(pd.concat([chosen, partial.loc[these]]))
            taken = these[~owners[these].isin(wrong)]
            chosen, turn = pd.concat([chosen, partial.loc[taken]]), turn.drop(taken)
    return _placed(frame, tables, chosen, plan, at)


class _Fault(NamedTuple):
    """One rule that one patient breaks."""

    patient: object
    table: str
    column: str
    expected: str


def _broken(frame: pd.DataFrame, tables: dict[str, pd.DataFrame], plan: Plan) -> list[_Fault]:
    names = {"": "", **{name: name for name in tables}}
    found = [problem for problem in broken(frame, tables, plan, names) if problem.severity == "error"]
    return [_Fault(row if problem.table == "" else tables[problem.table]["patient"].get(row), problem.table, problem.column, problem.expected)
            for problem in found for row in problem.rows]  # fmt: skip


def _placed(frame: pd.DataFrame, tables: dict[str, pd.DataFrame], partial: pd.DataFrame, plan: Plan,
            at: str) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:  # fmt: skip
    from haip_outcomes.registry.deriving.derived import derive

    moved_tables = {"": frame.drop(columns=[name for name in plan.derived if name in frame]), **tables}
    for table, column in dict.fromkeys(zip(partial["table"], partial["column"], strict=True)):
        cells = partial[(partial["table"] == table) & (partial["column"] == column)]
        rows = moved_tables[table].copy()
        own = cells[cells["row"].isin(rows.index)]
        rows.loc[list(own["row"]), column] = list(own[at])
        moved_tables[table] = rows
    patients = moved_tables.pop("")
    return derive(patients, moved_tables, plan).frame, moved_tables
