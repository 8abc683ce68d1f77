"""The derived columns of a plan: made from related tables, from other columns of the patient, or by a formula."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

import pandas as pd

from haip_outcomes.errors import CohortError, PlanError, Problem
from haip_outcomes.formatting import listed
from haip_outcomes.registry.deriving.complication_index import SOURCE, WEIGHED
from haip_outcomes.registry.deriving.derivation import no_yes
from haip_outcomes.registry.deriving.formulas import inputs_of, made, wrong_formulas
from haip_outcomes.registry.deriving.summaries import (
    COUNTED,
    INDEX,
    Placed,
    chosen,
    of_columns,
    of_rows,
    placed,
)
from haip_outcomes.registry.planning.content import PlanContent
from haip_outcomes.registry.planning.parts import DerivedPlan
from haip_outcomes.registry.planning.summary_rules import wrong_summaries
from haip_outcomes.registry.privacy.showing import shown


class Derived(NamedTuple):
    """The frame with its derived columns, what is wrong or uncertain in them, and for each column the sentence that says how it was made."""

    frame: pd.DataFrame
    problems: tuple[Problem, ...]
    methods: dict[str, str]


def derive(frame: pd.DataFrame, tables: Mapping[str, pd.DataFrame], plan: PlanContent, names: Mapping[str, str] | None = None,
           keys: frozenset[str] = frozenset()) -> Derived:  # fmt: skip
    """Make every column of `[derived]`, each after those that it is made from.

    Parameters
    ----------
    frame : the patients, typed; a row a patient.
    tables : related tables, typed; their column "patient" is the patient's index label in `frame`.
    names : how problems call the tables: {"": the patients' table, "imaging": ...}; as the plan calls them unless said.
    keys : the patients' keys, which no problem shows.

    Returns
    -------
    `.frame` with the columns in the plan's order after its own; `.problems`, errors for parts that can't be and warnings for what is not
    known; `.methods`. A column with an error is not made, nor is one whose source is not there (that was a problem when the file was read).

    Raises
    ------
    PlanError : a column is made from itself, an input of a formula is no column or several, or the cut-offs are unknown.
    """
    wrong = [f"{place}: {line}" for place, line in (*wrong_formulas(plan), *wrong_summaries(plan))]
    if wrong:
        raise PlanError("\n".join(wrong))
    called = {key: (names or {}).get(key, key or "patients") for key in ("", *tables)}
    at: dict[str, Placed] = {}
    problems: dict[tuple[str, str, tuple[int, ...], str], Problem] = {}
    working, methods = frame.copy(deep=False), {}
    for name in in_order(plan):
        derived = plan.derived[name]
        if not _present(derived, working, tables, plan):
            continue
        if derived.table is not None and derived.table not in at:
            at[derived.table] = placed(tables[derived.table], frame.index, called[derived.table])
        values, found, method = _made(name, derived, working, at, plan)
        for problem in found:  # a fault that two columns meet is told once
            told = _without(keys, replace(problem, table=problem.table or called[""]))
            key = (told.table, told.column, told.rows, told.expected)
            problems.setdefault(key, told)
        if values is not None:
            working[name] = pd.Series(values, index=frame.index)
            methods[name] = method
    columns = [*frame.columns, *(name for name in plan.derived if name in methods)]
    return Derived(working[columns], tuple(problems.values()), {name: methods[name] for name in plan.derived if name in methods})


def _without(keys: frozenset[str], problem: Problem) -> Problem:
    """A problem that shows none of the keys where it tells what the cells hold."""
    if not keys or not problem.cells:
        return problem
    cells = {cell: shown([cell], keys) for cell in dict.fromkeys(problem.cells)}
    return replace(problem, found=shown(problem.cells, keys), cells=tuple(cells[cell] for cell in problem.cells))


def in_order(plan: PlanContent) -> list[str]:
    """The derived columns, each after those that it is made from. Raises PlanError when one is made from itself."""
    needs = {name: {column for column in _sources(derived, plan) if column in plan.derived} for name, derived in plan.derived.items()}
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle = list(dict.fromkeys(error.args[1]))
        raise PlanError("\n".join(f"[derived.{name}]: it is made from itself, by way of {listed(circle)}" for name in circle)) from None


def _sources(derived: DerivedPlan, plan: PlanContent) -> Iterator[str]:
    """The patient's columns that a derived column is made from."""
    yield from derived.columns
    yield from inputs_of(derived, plan).values() if derived.formula else ()
    if derived.within:
        yield derived.within.start


def _present(derived: DerivedPlan, frame: pd.DataFrame, tables: Mapping[str, pd.DataFrame], plan: PlanContent) -> bool:
    if derived.table is not None:
        asked = {"patient", *derived.where, *filter(None, (derived.column, _day(derived, plan)))}
        if derived.table not in tables or not asked <= set(tables[derived.table].columns):
            return False
    return set(_sources(derived, plan)) <= set(frame.columns)


def _made(name: str, derived: DerivedPlan, frame: pd.DataFrame, at: Mapping[str, Placed], plan: PlanContent) -> tuple[Any, list[Problem], str]:
    """The values of one derived column (None when its parts can't be), the problems, and the sentence."""
    if derived.formula is not None:
        columns = inputs_of(derived, plan)
        try:
            result = made(derived, columns, frame, plan)
        except CohortError as error:
            return None, [replace(problem, column=columns.get(problem.column, problem.column)) for problem in error.problems], ""
        notes = [replace(note, column=columns.get(note.column, note.column)) for note in result.notes]
        return result.values, notes, result.method
    if derived.table is not None:
        levels = {column: (held,) if isinstance(held, str) else tuple(held) for column, held in derived.where.items()}
        within, day = derived.within, _day(derived, plan)
        rows = chosen(at[derived.table], levels, (str(day), frame[within.start], within.days) if within else None)
        values, notes = of_rows(str(derived.take), rows, derived.column, derived.by if derived.take in ("first", "last") else None, name)
    else:
        taken = frame[list(derived.columns)]
        values, notes = of_columns(str(derived.take), _flags_in_words(taken, plan) if derived.take in COUNTED else taken, name)
    return values, notes, f"{plan.label(name)}: {_in_words(derived, plan)}"


def _flags_in_words(frame: pd.DataFrame, plan: PlanContent) -> pd.DataFrame:
    """Columns of 0 and 1 as No and Yes, so that a 0 is not counted as something that happened."""
    kinds = plan.kinds
    flags = [name for name in map(str, frame.columns) if kinds[name] == "flag"]
    words = {name: pd.Series(no_yes((frame[name] == 1).to_numpy(), frame[name].notna().to_numpy()), index=frame.index) for name in flags}
    return frame.assign(**words)


def _day(derived: DerivedPlan, plan: PlanContent) -> str | None:
    """The date column of the table that orders its rows or counts their days: `by`, else the only one."""
    if derived.by is not None or derived.within is None or derived.table is None:
        return derived.by
    dates = [name for name, column in plan.tables[derived.table].columns.items() if column.resolved == "date"]
    return dates[0] if len(dates) == 1 else None


def _in_words(derived: DerivedPlan, plan: PlanContent) -> str:
    """How a summary was made, in words for a footnote."""
    take = str(derived.take)
    if derived.table is None:
        of = listed([plan.label(column) for column in derived.columns])
        unknown = "missing where one that is not known could change it"
        words = {"any": f"Yes where one of {of} is; {unknown}", "count": f"how many of {of}; {unknown}",
                 "sum": f"sum of {of}; missing where one is missing", "first": f"{of}, the first of these that is known",
                 "last": f"{of}, the last of these that is known"}  # fmt: skip
        return words.get(take, f"{take} of {of}")
    table = plan.tables[derived.table]
    called = table.label or derived.table
    named = {column: declared.label or column for column, declared in table.columns.items()}
    which = [f"{named[column]} {listed([levels] if isinstance(levels, str) else list(levels), 'or')}" for column, levels in derived.where.items()]
    if derived.within:
        which.append(f"{named[str(_day(derived, plan))]} within {derived.within.days} days from {plan.label(derived.within.start)}")
    rows = f"{called}{f' ({listed(which)})' if which else ''}"
    what = named[derived.column] if derived.column else ""
    unknown = "missing where a row that is not known could change it"
    no_start = f", and without {plan.label(derived.within.start)}" if derived.within else ""
    words = {"any": f"Yes where there is any {what and f'{what} in '}{rows}; {unknown}",
             "count": f"number of {what and f'{what} in '}{rows}; {unknown}",
             "sum": f"sum of {what} in {rows}; {unknown}",
             INDEX: (f"comprehensive complication index ({SOURCE}), half the square root of the summed weights of every {what} in {rows}: {WEIGHED}; "
                     f"100 with a grade V, and at most 100; 0 without a complication; {unknown}{no_start}")}  # fmt: skip
    return words.get(take, f"{take} {what} in {rows}{f', by {named[derived.by]}' if derived.by and take in ('first', 'last') else ''}")
