"""The values of tests/reference/fine_gray.R, and the same models fitted by this package."""

import json
from functools import lru_cache
from pathlib import Path

import pandas as pd

from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.subdistribution.regression import fine_gray
from haip_outcomes.survival.time_to_event import TimeToEvent

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
MODELS = {model["name"]: model for model in json.loads((REFERENCE / "fine_gray.json").read_text(encoding="utf-8"))["models"]}
OPTIONS = {"group": "censoring_group", "strata": "strata", "weights": "weights", "cluster": "cluster"}


@lru_cache
def table(name):
    return pd.read_csv(REFERENCE / "data" / ("curves_bmt.csv" if name == "bmt" else f"fine_gray_{name}.csv"))


@lru_cache
def fitted(name):
    """The model that R fitted under this name."""
    model = MODELS[name]
    frame = table(model["data"])
    states = ["One", "Two", "Three"][: int(frame[model["state"]].max())]
    tte = TimeToEvent.from_frame(frame, time=model["time"], state=model["state"], states=states, entry=model["entry"],
                                 id=model["id"], unit="units")  # fmt: skip
    terms = [model["terms"]] if isinstance(model["terms"], str) else model["terms"]
    made = design(frame, terms, reference=dict(model["reference"] or {}), missing="complete-case")
    options = {option: frame[model[name]] for name, option in OPTIONS.items() if model[name]}
    return fine_gray(tte, made, cause=states[model["cause"] - 1], se=model["se"], **options)
