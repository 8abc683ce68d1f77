"""Cohorts made from R's data sets, for the tests of reference models: the same patients as in tests/reference/case_mix.R."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.plan import make_plan

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "case_mix.json").read_text(encoding="utf-8"))
DAY = 12 / 365.25  # months


def close(found, wanted, within=1e-8):
    """Two-sided, relative to max(|wanted|, 0.001)."""
    found, wanted = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    assert found.shape == wanted.shape
    off = np.abs(found - wanted) / np.maximum(np.abs(wanted), 1e-3)
    assert off.max() < within, off.max()


def lung(half: str, *, entry: bool = False, name: str = "", **columns) -> Cohort:
    """One half of R's lung cancer patients, with dates; `entry` lets those who enter late do so."""
    read = pd.read_csv(REFERENCE / "data" / "case_mix_lung.csv")
    own = read[read["half"] == half].reset_index(drop=True)
    start = pd.Timestamp("2010-01-01")
    last = start + pd.to_timedelta(own["days"], unit="D")
    frame = pd.DataFrame({
        "setting": pd.Categorical(["unresectable"] * len(own), categories=["adjuvant", "unresectable", "comparator"]),
        "start": start, "entered": start + pd.to_timedelta(own["entered"], unit="D"), "death": last.where(own["dead"] == 1), "last": last,
        "age": own["age"].astype(float), "sex": pd.Categorical(own["sex"], categories=["female", "male"]), "ecog": own["ecog"].astype(float),
    }).assign(**columns)  # fmt: skip
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="row")
    os = {"label": "Overall survival", "start": "start", "last_seen": "last", "events": {"Death": "death"}, "time_zero": "pump placement"}
    plan = make_plan({
        "cohort": {"name": name or f"Lung, {half}", "id": "id", "setting": "setting"},
        "columns": {"age": {"label": "Age", "kind": "number"}, "ecog": {"label": "ECOG", "kind": "number"},
                    "sex": {"label": "Sex", "levels": {"f": "female", "m": "male"}}},
        "endpoints": {"os": os | ({"entry": "entered"} if entry else {}), "since_diagnosis": os | {"time_zero": "diagnosis"}},
    })  # fmt: skip
    return Cohort(plan, frame, Source("lung", "", len(frame)))


def birth(rows: pd.DataFrame, name: str = "Births") -> Cohort:
    """Mothers of R's birth weight data: low birth weight as an entry of [programme]."""
    frame = pd.DataFrame({
        "setting": pd.Categorical(["adjuvant"] * len(rows), categories=["adjuvant", "unresectable", "comparator"]),
        "low": pd.Categorical(rows["low"].map({0: "No", 1: "Yes"}), categories=["No", "Yes"]),
        "age": rows["age"].to_numpy(dtype=float), "weight": rows["weight"].to_numpy(dtype=float), "smoke": rows["smoke"].to_numpy(dtype=float),
        "race": pd.Categorical(rows["race"], categories=["white", "black", "other"]),
    })  # fmt: skip
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="row")
    numbers = {name: {"label": name, "kind": "number"} for name in ("age", "weight", "smoke")}
    plan = make_plan({
        "cohort": {"name": name, "id": "id", "setting": "setting"},
        "columns": {**numbers, "low": {"label": "Low birth weight", "levels": {"0": "No", "1": "Yes"}},
                    "race": {"label": "Race", "levels": {"w": "white", "b": "black", "o": "other"}}},
        "endpoints": {"os": {"label": "Overall survival", "start": "start", "last_seen": "last", "events": {"Death": "death"}}},
        "programme": {"low": {"label": "Low birth weight", "column": "low", "level": "Yes", "definition": "under 2.5 kg"}},
    })  # fmt: skip
    return Cohort(plan, frame, Source("births", "", len(frame)))


def births() -> pd.DataFrame:
    """The rows of the birth weight data, with their number from 1 as R has it."""
    read = pd.read_csv(REFERENCE / "data" / "case_mix_birth.csv")
    read.index = pd.RangeIndex(1, len(read) + 1)
    return read
