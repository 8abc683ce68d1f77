"""The values that tests/reference/validation.R wrote, and the same patients and risks for us."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from haip_outcomes.survival.time_to_event import TimeToEvent

HERE = Path(__file__).resolve().parents[1] / "reference"
QUESTIONS = {q["name"]: q for q in json.loads((HERE / "validation.json").read_text(encoding="utf-8"))["questions"]}
CALIBRATED = [name for name, q in QUESTIONS.items() if q.get("calibration")]


@cache
def read(name):
    frame = pd.read_csv(HERE / "data" / f"{name}.csv")
    return frame.assign(row=np.arange(1, len(frame) + 1))


def risks(x, abc, times, grid):
    """The formula of validation.R, computed once for each value, so that equal values have equal risks."""
    values, where = np.unique(np.asarray(x, dtype=float), return_inverse=True)
    a, b, c = abc
    risk = np.column_stack([1 - np.exp(-a * t * np.exp(b * (values - c))) for t in times])
    return (np.minimum(np.round(risk * 20) / 20, 1.0) if grid else risk)[where]


def asked(q):
    """The times to event, the risks of both models (n, T) and the cause."""
    frame = read(q["data"])
    numbers = {name: frame[name].astype("category").cat.codes if frame[name].dtype == object else frame[name] for name in (q["x"], q["z"])}
    fine = pd.concat([*numbers.values(), frame[[q["time"], q["state"]]]], axis=1).notna().all(axis=1)
    frame = frame[fine]
    kinds = ["First", "Second", "Third"][: int(frame[q["state"]].max())]
    tte = TimeToEvent.from_frame(frame, time=q["time"], state=q["state"], states=kinds, unit="days")
    one = risks(numbers[q["x"]][fine], q["abc"], q["times"], q["grid"])
    two = risks(numbers[q["z"]][fine], q["zabc"], q["times"], q["grid"])
    return tte, one, two, kinds[q["cause"] - 1]


def assert_close(ours, theirs, tolerance=1e-8, what=""):
    """Two-sided, relative to max(|R|, 0.001); missing where R's is missing."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert ours.shape == theirs.shape, what
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), err_msg=what)
    worst = np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-3)
    assert np.nanmax(worst, initial=0) <= tolerance, f"{what}: off by {np.nanmax(worst):.2g}"
