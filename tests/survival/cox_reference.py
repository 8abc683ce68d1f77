"""The values of tests/reference/cox.R, and the same models fitted by this package."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.time_to_event import TimeToEvent

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
VALUES = json.loads((REFERENCE / "cox.json").read_text(encoding="utf-8"))
MODELS = {model["name"]: model for model in VALUES["models"]}
MARKERS = {marker["name"]: marker for marker in VALUES["markers"]}


@lru_cache
def table(name):
    return pd.read_csv(REFERENCE / "data" / f"cox_{name}.csv")


@lru_cache
def fitted(name):
    """The model that R fitted under this name."""
    return _fitted(MODELS[name])


def fitted_without_offset(name):
    return _fitted({**MODELS[name], "offset": None})


def _fitted(model):
    frame = table(model["data"])
    for column, value in (model["keep"] or {}).items():
        frame = frame[frame[column] == value]
    states = ["Event"] if model["cause"] is None else ["Event", "Other"]
    tte = TimeToEvent.from_frame(
        frame, time=model["time"], state=model["status"], states=states, entry=model["entry"]
    )
    made = design(frame, model["terms"], reference=dict(model["reference"] or {}), missing="complete-case")
    aligned = {name: frame[model[name]] for name in ("strata", "weights", "cluster", "offset") if model[name]}
    cause = None if model["cause"] is None else "Event"
    return cox(tte, made, cause=cause, ties=model["ties"], robust=model["robust"], **aligned)


def worst(ours, theirs):
    """The largest difference relative to max(|R|, 0.001), two-sided; NaN where either is NaN."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert ours.shape == theirs.shape
    return float(np.max(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-3)))


def assert_close(ours, theirs, tolerance=1e-8):
    difference = worst(ours, theirs)
    assert difference <= tolerance, f"relative difference {difference:.3g}: {ours} and R's {theirs}"
