"""What can go wrong, in the order in which a person meets it.

    HaipError
    ├── PlanError            plan.toml is wrong: file, key, what was expected          exit 2
    ├── CohortError          the data are wrong: .problems, all of them                exit 3
    ├── EndpointError        this question can't be asked of these data                exit 4
    └── FitError             the model could not be fitted: .term, .iterations         exit 4
        ├── SeparationError  a coefficient runs off: names the level without events
        └── ConvergenceError

Every message says what is wrong, where, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

EXIT_BUG = 1
EXIT_PLAN = 2
EXIT_DATA = 3
EXIT_NOTHING = 4
EXIT_VERIFICATION = 5  # a number of the report is not what a second engine computes, or a file of it is no longer as it was written


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file: where it stands, what was found and what to do.

    `rows` are row numbers of the file as a spreadsheet shows them (the header is row 1). `found` is empty
    where the column may identify a patient. An `error` stops the analysis; a `warning` is reported. `kind` is a word
    or two for what sort of fault it is. `cells` says row by row what was found, where that is known, and on lines of their own
    what it was measured against. In a table with several rows a patient, `patients` are the rows of the patients' table that these rows belong to (0: not known).
    """

    table: str
    column: str
    rows: tuple[int, ...]
    found: str
    expected: str
    advice: str
    severity: Literal["error", "warning"] = "error"
    kind: str = ""
    cells: tuple[str, ...] = ()
    patients: tuple[int, ...] = ()

    def where(self, most: int = 8) -> str:
        """The rows in words: "4", "4, 9 and 12", or "4, 9, ... (31 rows)"."""
        rows = [str(row) for row in self.rows]
        if len(rows) > most:
            return f"{', '.join(rows[:most])}, ... ({len(rows)} rows)"
        return rows[0] if len(rows) == 1 else " and ".join([", ".join(rows[:-1]), rows[-1]]) if rows else "-"


class HaipError(Exception):
    """Any error that this package raises on purpose."""

    exit_code = EXIT_BUG


class PlanError(HaipError):
    """The plan is wrong: the message names the file, the key and what was expected."""

    exit_code = EXIT_PLAN


class CohortError(HaipError):
    """The data are wrong. `problems` holds every problem of the file, not only the first; `warnings` what should be looked at besides."""

    exit_code = EXIT_DATA

    def __init__(self, problems: Sequence[Problem], source: str = "", warnings: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        self.source = source
        super().__init__(problem_text(self.problems, source))


class EndpointError(HaipError):
    """This question can't be asked of these data."""

    exit_code = EXIT_NOTHING


class FitError(HaipError):
    """The model could not be fitted."""

    exit_code = EXIT_NOTHING

    def __init__(self, message: str, *, term: str | None = None, iterations: int | None = None) -> None:
        self.term = term
        self.iterations = iterations
        super().__init__(message)


class SeparationError(FitError):
    """A coefficient runs off to infinity because a level has no events (or all of them)."""


class ConvergenceError(FitError):
    """Newton's method did not reach the maximum."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Advice for a name that does not exist: the nearest one that does, or all of them."""
    names = [_printable(str(name)) for name in known]
    by_folded = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(str(word).casefold(), list(by_folded), n=1, cutoff=0.6)
    if close:
        return f'Did you mean "{by_folded[close[0]]}"?'
    return f"Known: {', '.join(names)}." if names else "There are none."


def _printable(text: str) -> str:
    """Without the control characters that a terminal would obey."""
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def problem_text(problems: Sequence[Problem], source: str = "") -> str:
    """The problems as a short table for a terminal: one line a problem, then what to do; which table, where there are several."""
    n = len(problems)
    head = f"{n} problem{'s' if n != 1 else ''} in {source or 'the data'}"
    tables = {p.table for p in problems}
    columns = [*([("table", [p.table for p in problems])] if tables - {source} else []),
               ("row", [p.where() for p in problems]), ("column", [_printable(p.column) or "-" for p in problems]),
               ("found", [p.found or "-" for p in problems]), ("expected", [p.expected for p in problems]),
               ("what to do", [p.advice for p in problems])]  # fmt: skip
    widths = [max(len(title), *(len(cell) for cell in cells)) if cells else len(title) for title, cells in columns]
    lines = ["  ".join(title.ljust(width) for (title, _), width in zip(columns, widths, strict=True)).rstrip()]
    for i in range(n):
        cells = (cells[i].ljust(width) for (_, cells), width in zip(columns, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    return "\n".join([f"{head}:", *(f"  {line}" for line in lines)])
