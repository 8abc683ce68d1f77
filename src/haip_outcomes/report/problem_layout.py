"""The problems of a file as a data manager works through them: by kind, patient by patient, and column by column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from haip_outcomes.errors import Problem
from haip_outcomes.formatting import plural

MOST_ROWS = 200  # a problem of more rows is one of a column, and not told patient by patient
MOST_PATIENTS = 1000
MOST_SPANS = 60
THE_FILE, A_CELL = "the file itself", "unreadable cell"
_NOBODY = 0


@dataclass(frozen=True)
class Line:
    """One problem in one row: `number` is the problem's, `box` the name of what is ticked; `where` (and the row there) is empty in the patients' own table."""

    number: int
    box: str
    severity: str
    where: str
    own: int
    column: str
    found: str
    beside: tuple[str, ...]  # what it was measured against
    expected: str
    advice: str


@dataclass(frozen=True)
class Patient:
    """Everything that is wrong with one patient, errors first."""

    row: int
    title: str
    lines: tuple[Line, ...]

    @property
    def errors(self) -> int:
        """How many errors stop this patient."""
        return sum(line.severity == "error" for line in self.lines)

    @property
    def counted(self) -> str:
        """In words: "2 errors and 1 warning"."""
        return counted(self.errors, len(self.lines) - self.errors)


@dataclass(frozen=True)
class Advice:
    """One problem, whatever its number of rows."""

    number: int
    severity: str
    kind: str
    found: str
    expected: str
    advice: str
    rows: str
    n: int


@dataclass(frozen=True)
class Column:
    """Everything that is wrong with one column of one table."""

    table: str
    name: str
    advice: tuple[Advice, ...]


@dataclass(frozen=True)
class Kind:
    """How many problems and cells of one kind."""

    name: str
    errors: int
    warnings: int
    rows: int


@dataclass(frozen=True)
class Layout:
    """All of it. `file` is what is wrong with a file as a whole; `wide` counts the problems that only the columns tell."""

    kinds: tuple[Kind, ...]
    file: tuple[Line, ...]
    patients: tuple[Patient, ...]
    columns: tuple[Column, ...]
    wide: int
    left_out: int


def laid_out(problems: Sequence[Problem]) -> Layout:
    """Problems in the order in which they are worked through: errors before warnings, then by row."""
    problems = sorted(problems, key=lambda problem: problem.severity != "error")
    related = {problem.table for problem in problems if problem.patients}
    homes = list(dict.fromkeys(problem.table for problem in problems if problem.table not in related and not _of_the_file(problem)))
    people: dict[tuple[str, int], list[Line]] = {}
    file: list[Line] = []
    wide = 0
    for number, problem in enumerate(problems):
        if _of_the_file(problem):
            file.append(_line(number, problem, 0))
        elif len(problem.rows) > MOST_ROWS:
            wide += 1
        else:
            for i, row in enumerate(problem.rows):
                owner = (_home(problem.table, homes), problem.patients[i]) if problem.patients else (problem.table, row)
                people.setdefault(owner, []).append(_line(number, problem, i))
    patients = [_patient(table, row, lines, len(homes) > 1) for (table, row), lines in people.items()]
    patients.sort(key=lambda patient: (not patient.errors, patient.row == _NOBODY, patient.title if len(homes) > 1 else "", patient.row))
    return Layout(_kinds(problems), tuple(file), tuple(patients[:MOST_PATIENTS]), _columns(problems), wide, max(0, len(patients) - MOST_PATIENTS))


def counted(errors: int, warnings: int) -> str:
    """Errors and warnings in words."""
    parts = [plural(n, word) for n, word in ((errors, "error"), (warnings, "warning")) if n]
    return " and ".join(parts) or "nothing"


def spans(rows: Iterable[int]) -> str:
    """Row numbers as a person writes them: "4, 7-9, 12"."""
    runs: list[list[int]] = []
    for row in sorted(set(rows)):
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    said = [str(low) if low == high else f"{low}, {high}" if high == low + 1 else f"{low}-{high}" for low, high in runs[:MOST_SPANS]]
    return ", ".join(said) + (", ..." if len(runs) > MOST_SPANS else "")


def _line(number: int, problem: Problem, place: int) -> Line:
    row = problem.rows[place] if problem.rows else 0
    where = f"{problem.table}, row {row}" if problem.patients else ""
    found, *beside = _found(problem, place).split("\n")
    return Line(number, f"{number}-{row}", problem.severity, where, row, problem.column, found, tuple(beside), problem.expected, problem.advice)


def _found(problem: Problem, place: int) -> str:
    """What was found in this row, where it is known row by row."""
    if problem.cells:
        return problem.cells[place]
    return problem.found if len(problem.rows) <= 1 or not problem.found else f"one of: {problem.found}"


def _of_the_file(problem: Problem) -> bool:
    """True for what is wrong with a file, or with its row of column names."""
    return set(problem.rows) <= {1}


def _kind(problem: Problem) -> str:
    return problem.kind or (THE_FILE if _of_the_file(problem) else A_CELL)


def _home(table: str, homes: Sequence[str]) -> str:
    """The patients' table that a related table belongs to: that of the same file, where there are several."""
    return next((home for home in homes if home.split(", ")[0] == table.split(", ")[0]), homes[0] if len(homes) == 1 else "")


def _patient(table: str, row: int, lines: list[Line], several: bool) -> Patient:
    if row == _NOBODY:
        return Patient(row, "Rows of nobody: the patient is not known", tuple(lines))
    return Patient(row, f"{table}, row {row}" if several and table else f"Row {row}", tuple(lines))


def _kinds(problems: Sequence[Problem]) -> tuple[Kind, ...]:
    found: dict[str, list[Problem]] = {}
    for problem in problems:
        found.setdefault(_kind(problem), []).append(problem)
    kinds = [Kind(name, sum(p.severity == "error" for p in own), sum(p.severity != "error" for p in own), sum(len(p.rows) for p in own))
             for name, own in found.items()]  # fmt: skip
    return tuple(sorted(kinds, key=lambda kind: (-kind.errors, -kind.rows)))


def _columns(problems: Sequence[Problem]) -> tuple[Column, ...]:
    found: dict[tuple[str, str], list[Advice]] = {}
    for number, problem in enumerate(problems):
        rows = spans(problem.rows)
        told = Advice(number, problem.severity, _kind(problem), problem.found, problem.expected, problem.advice, rows, len(problem.rows))
        found.setdefault((problem.table, problem.column), []).append(told)
    return tuple(Column(table, name, tuple(advice)) for (table, name), advice in found.items())
