"""The patients of two treatments: who had which, and the confounders by which a second engine models the choice anew."""

from __future__ import annotations

import pandas as pd

from haip_outcomes.errors import HaipError
from haip_outcomes.prognosis.verification.asked_columns import Named, coded_columns, columns_named
from haip_outcomes.prognosis.verification.recipes import Recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.survival.time_to_event import level_text


def two_treatments(part: Cohort, made: Recipe, data: pd.DataFrame) -> tuple[pd.DataFrame, Named]:
    """Those who had one of the two and have all confounders: x1 is 1 for the treated, x2, x3, ... are the confounders."""
    frame = part.frame.reindex(data.index)
    name = made.get("treatment")
    if name not in frame:
        raise HaipError(f'the cohort has no column "{name}" to be the treatment')
    had = frame[name].map(level_text, na_action="ignore").astype(object)
    terms = made.names("confounders")
    there = had.isin([made.get("treated"), made.get("control")]) & frame[columns_named(terms, frame)].notna().all(axis=1)
    columns, told = coded_columns(frame[there], terms)
    columns.columns = pd.Index([f"x{j + 2}" for j in range(len(told))])
    columns.insert(0, "x1", (had[there] == made.get("treated")).astype(int))
    return data[there].join(columns).reset_index(drop=True), ((name, made.get("treated")), *told)
