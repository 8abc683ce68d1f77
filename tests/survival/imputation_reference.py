"""The values of tests/reference/imputation.R and the data they are of."""

import json
from functools import lru_cache
from pathlib import Path

import pandas as pd

from haip_outcomes.survival.time_to_event import TimeToEvent

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
VALUES = json.loads((REFERENCE / "imputation.json").read_text(encoding="utf-8"))
LUNG = ["age", "male", "ecog", "karno", "wtloss"]


@lru_cache
def table(name):
    return pd.read_csv(REFERENCE / "data" / f"imputation_{name}.csv")


def lung_times(frame):
    return TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])


def pbc_times(frame):
    return TimeToEvent.from_frame(frame, time="months", state="state", states=["Transplant", "Death"])
