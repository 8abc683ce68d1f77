"""RawTable: the cells of one table as a file holds them; nothing here knows what a cell must hold."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from haip_outcomes.errors import Problem


@dataclass(frozen=True, eq=False)
class RawTable:
    """Raw cells indexed by the row that a spreadsheet shows, and what the file itself says of them.

    `name` is how problems call the table ("cohort.xlsx, sheet Imaging"); `labels` are value labels by column ({code: label});
    `kinds` is what the format says that a column holds; `identifiers` are columns that the format marks as identifying;
    `titles` are what a column is called in words (variable labels); `missing` are codes that the format declares as "not known"
    ({code: label} by column), whose cells are empty here. A file of SPSS or Stata numbers its rows from 1, as their windows do;
    in every other format the names stand in row 1.
    """

    name: str
    cells: pd.DataFrame
    notes: tuple[Problem, ...] = ()
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    identifiers: tuple[str, ...] = ()
    titles: dict[str, str] = field(default_factory=dict)
    missing: dict[str, dict[str, str]] = field(default_factory=dict)

    def placed(self, problem: Problem) -> Problem:
        """A problem with the rows where its cells stand in the file; a table gathered from several rows a patient says more."""
        return problem


@dataclass(frozen=True, eq=False)
class RawSource:
    """What one centre handed in: a table with a row a patient, and the related tables that the plan names.

    `files` are the names and SHA-256 of every file that was read, the cohort file first.
    """

    patients: RawTable
    related: dict[str, RawTable] = field(default_factory=dict)
    files: tuple[tuple[str, str], ...] = ()
