"""What became known after time zero, from the dates alone: each patient's rows cut there, or what was known by a landmark."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from haip_outcomes.errors import HaipError
from haip_outcomes.prognosis.verification.recipes import Recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.registry.endpoints import DAYS_A_MONTH
from haip_outcomes.registry.planning.factor_rules import known_dates

NEAR = 1e-6  # of a month: less than a day, so the same day
ALWAYS = -1.0  # the entry of those observed from time zero on: nobody is at risk between it and 0


def as_known(part: Cohort, made: Recipe, data: pd.DataFrame, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a model of columns known later: cut at their dates, from a landmark on, or (the wrong way) as they were in the end."""
    frame = frame.copy()
    start = part.frame[str(part.recipe(made.get("of")).plan.start)].reindex(data.index)
    since, before = {}, {}
    for name in made.names("later"):
        dates = list(known_dates(part.plan, name))
        if not dates:
            raise HaipError(f"the plan names no date since when {name} is known")
        levels = list(part.plan.columns[name].levels.values())
        if levels and not isinstance(frame[name].dtype, pd.CategoricalDtype):
            frame[name] = frame[name].astype(pd.CategoricalDtype(levels))
        day = part.frame[dates].min(axis=1).reindex(data.index)
        since[name] = ((day - start).dt.days / DAYS_A_MONTH).fillna(np.inf).to_numpy(dtype=float)
        before[name] = part.plan.columns[name].before or (levels[0] if levels else None)
    if made.verb == "cox_over_time":
        return _cut(data, frame, since, before)
    if made.get("landmark"):
        return _by_landmark(data, frame, since, before, float(made.get("landmark")))
    return data, frame


def _cut(data: pd.DataFrame, frame: pd.DataFrame, since: dict[str, np.ndarray], before: dict[str, str | None]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row for each stretch of a patient's follow-up during which nothing changed."""
    rows, patients, held = [], [], {name: [] for name in since}  # type: ignore[var-annotated]
    for i, (time, state) in enumerate(zip(data["time"].tolist(), data["state"].tolist(), strict=True)):
        entry = float(data["entry"].iloc[i]) if "entry" in data else ALWAYS
        entry = entry if entry > 0 else ALWAYS
        begin, values = max(entry, 0.0), {name: frame[name].iloc[i] for name in since}
        changes = {round(float(since[name][i]), 9) for name, value in values.items() if not pd.isna(value) and value != before[name]}
        edges = [entry, *sorted(s for s in changes if begin + NEAR < s < time - NEAR), time]
        for k, (a, b) in enumerate(pairwise(edges)):
            rows.append({"time": b, "state": state if b == time else 0, "entry": a, "first": int(k == 0)})
            patients.append(i)
            for name, value in values.items():
                held[name].append(value if pd.isna(value) or since[name][i] <= max(a, 0.0) + NEAR else before[name])
    others = data.iloc[patients].drop(columns=["time", "state", "entry"], errors="ignore").reset_index(drop=True)
    told = {name: pd.Series(pd.Categorical(values, categories=frame[name].cat.categories)) for name, values in held.items()}
    return pd.DataFrame(rows).join(others), frame.iloc[patients].reset_index(drop=True).assign(**told)


def _by_landmark(data: pd.DataFrame, frame: pd.DataFrame, since: dict[str, np.ndarray], before: dict[str, str | None],
                 at: float) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Those still followed at the landmark, with time from there and what was known by then."""
    for name, dates in since.items():
        come = (dates <= at + NEAR) & (dates < data["time"].to_numpy() - NEAR)
        frame[name] = frame[name].where(come if before[name] is None else come | frame[name].isna().to_numpy(), before[name])
    there = (data["time"] >= at).to_numpy()
    if "entry" in data:
        there &= (data["entry"] < at).to_numpy()
    data = data.assign(time=np.round(data["time"] - at, 9)).drop(columns="entry", errors="ignore")
    return data[there], frame[there]
