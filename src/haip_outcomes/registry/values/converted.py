"""What reading a column gives, and what the columns of one file say together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from haip_outcomes.errors import Problem
from haip_outcomes.formatting import listed
from haip_outcomes.registry.values.distinct_cells import READ_AS, Proof


@dataclass(frozen=True, eq=False)
class Converted:
    """A typed column, what is wrong in it, and its dates without a day (row, earliest, latest).

    `proofs` say how the column was read where its own cells had to tell; `undecided` are those of its problems that another
    column could help with, by what they are about; `doubtful` are problems only if another column proves the other answer to
    that question. `together` makes use of all three.
    """

    values: pd.Series
    problems: list[Problem]
    partial: pd.DataFrame
    proofs: tuple[Proof, ...] = ()
    undecided: tuple[tuple[Problem, str], ...] = ()
    doubtful: tuple[tuple[Problem, str], ...] = ()


def note_of(proofs: Iterable[Proof]) -> Problem:
    """The warning that says how a column was read, and where the proof stands; one for all columns of a table that were read alike."""
    first, *others = proofs
    names = [proof.column for proof in others]
    also = listed([*names[:3], f"{len(names) - 3} more"] if len(names) > 4 else names)
    more = f". Read alike, each by cells of its own: {also}" if also else ""
    return Problem(first.table, first.column, (first.row,), first.words, "as a cell of the column proves",
                   f"nothing to do if this is right: the cell in this row can be nothing else{more}", "warning", READ_AS)  # fmt: skip


def together(columns: Iterable[Converted]) -> list[Problem]:
    """The problems of all columns of a file: how columns were read is said once, and where one can't be read, what others prove.

    Parameters
    ----------
    columns : what `convert` gave for each column, of one table or of all tables of a file.
    """
    columns = list(columns)
    proofs = [proof for column in columns for proof in column.proofs]
    alike: dict[tuple[str, str], list[Proof]] = {}
    for proof in proofs:
        alike.setdefault((proof.table, proof.words), []).append(proof)
    said_once = {note_of([proof]) for proof in proofs}
    found = []
    for column in columns:
        open_questions = dict(column.undecided)
        found += [_helped(problem, open_questions.get(problem), proofs) for problem in column.problems if problem not in said_once]
        found += [_helped(problem, about, proofs) for problem, about in column.doubtful if any(proof.about == about for proof in proofs)]
    return [*found, *map(note_of, alike.values())]


def _helped(problem: Problem, about: str | None, proofs: list[Proof]) -> Problem:
    """An undecided problem with what the other columns prove."""
    ways = {proof.words: proof for proof in reversed(proofs) if proof.about == about}
    where = {words: proof.column if proof.table == problem.table else f"{proof.column} of {proof.table}" for words, proof in ways.items()}
    said = [f"{words} in {column}" for words, column in reversed(where.items())]
    return replace(problem, advice=f"{problem.advice}. Elsewhere in the file: {listed(said)}") if ways else problem
