"""The one way in which a file is refused, and the advice that several formats give."""

from __future__ import annotations

from collections.abc import Iterable

from haip_outcomes.errors import CohortError, Problem

AS_CSV = "save the table as CSV (UTF-8) or as an Excel workbook"


def refused(name: str, found: str, expected: str, advice: str, rows: Iterable[int] = (), column: str = "") -> CohortError:
    """The error of a file that can't be read as it stands; the caller raises it."""
    return CohortError([Problem(name, column, tuple(rows), found, expected, advice)], name)
