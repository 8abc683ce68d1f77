"""Whose row a problem of a related table is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pandas as pd

from haip_outcomes.errors import Problem


def with_patients(problems: Iterable[Problem], tables: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> list[Problem]:
    """The problems, with the rows of the patients' table beside those of a related table (0 where the patient is not known).

    `tables` are typed related tables with the column "patient"; `names` is how problems call them.
    """
    owners = {names[table]: rows["patient"] for table, rows in tables.items() if "patient" in rows and names[table] != names[""]}
    return [problem if problem.patients or problem.table not in owners else replace(problem, patients=_of(problem.rows, owners[problem.table]))
            for problem in problems]  # fmt: skip


def _of(rows: tuple[int, ...], owners: pd.Series) -> tuple[int, ...]:
    known = pd.to_numeric(owners.reindex(list(rows)), errors="coerce").fillna(0)
    return tuple(int(owner) for owner in known)
