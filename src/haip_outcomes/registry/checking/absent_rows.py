"""Related tables without any row though the patients' dates say that there must be some: an instrument that was not exported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pandas as pd

from haip_outcomes.errors import Problem
from haip_outcomes.registry.checking.rule import MISSING
from haip_outcomes.registry.checking.story import Story
from haip_outcomes.registry.deriving.formulas import inputs_of
from haip_outcomes.registry.endpoints import Endpoint
from haip_outcomes.registry.plan import Plan

IMAGED, TREATED, CONTACT = "last_imaging_date", "first_cycle_date", "last_contact_date"
UNSEEN_DAYS = 180  # who was followed longer after placement has been imaged, or it was not entered


def imaged(f: pd.DataFrame) -> pd.Series:
    """Who was imaged since the pump, by the patient's own dates."""
    return f[IMAGED] > f["pump_date"]


def treated(f: pd.DataFrame) -> pd.Series:
    """Who had a cycle, by the patient's own dates."""
    return f[TREATED].notna()


def followed_long(f: pd.DataFrame) -> pd.Series:
    """Who was followed so long after the pump that there must have been imaging."""
    return (f[CONTACT] - f["pump_date"]).dt.days > UNSEEN_DAYS


# the date of a row -> what the rows are; and the patients' dates that tell of them, who must have some, and why, in words
_Telling = tuple[tuple[str, ...], Callable[[pd.DataFrame], pd.Series], str]
_TELLS: dict[str, tuple[str, tuple[_Telling, ...]]] = {
    "imaging_date": ("imaging", (((IMAGED, "pump_date"), imaged, "{} is filled in for"),
                                 ((CONTACT, "pump_date"), followed_long, f"{{}} lies more than {UNSEEN_DAYS} days after the pump in"))),
    "cycle_date": ("cycles", (((TREATED,), treated, "{} is filled in for"),)),
}  # fmt: skip


def absent_rows(story: Story, names: Mapping[str, str]) -> Iterator[tuple[str, Problem]]:
    """Each table (and its problem) that an endpoint is made from, that has no rows, and should have some."""
    used = {table for name in story.plan.endpoints for column in Endpoint.of(story.plan, name).columns for table in tables_behind(story.plan, column)}
    for table in (name for name, rows in story.tables.items() if name in used and rows.empty):
        for column, declared in story.plan.tables[table].columns.items():
            if declared.item not in _TELLS:
                continue
            what, tellings = _TELLS[declared.item]
            for needs, must, words in tellings:
                if not all(story.has("", key) for key in needs):
                    continue
                patients = int(must(story.view("", needs)).sum())
                if not patients:
                    continue
                said = f"{words.format(story.items[''][needs[0]])} {patients} patient{'' if patients == 1 else 's'}"
                yield table, Problem(names.get(table, table), column, (), f"no rows of {what}", f"rows of {what}: {said}",
                                     f"no rows of {what}: was the instrument (sheet, file) exported? Endpoints are made from it, and would have no event", kind=MISSING)  # fmt: skip
                break
            break


def tables_behind(plan: Plan, column: str) -> Iterator[str]:
    """The related tables that a column is made from."""
    derived = plan.derived.get(column)
    if derived is None:
        return
    if derived.table is not None:
        yield derived.table
    for source in (*derived.columns, *(inputs_of(derived, plan).values() if derived.formula else ())):
        yield from tables_behind(plan, source)
