"""The values that tests/reference/curves.R, datasets.R, restricted_mean.R and tcia_curves.R wrote, and how close we must come to them."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from haip_outcomes.survival.time_to_event import TimeToEvent

HERE = Path(__file__).parent.parent / "reference"
TOLERANCE = 1e-8  # relative to max(|R|, 0.001)


@cache
def reference(script: str = "curves") -> dict:
    return json.loads((HERE / f"{script}.json").read_text())


def data(name: str) -> pd.DataFrame:
    return pd.read_csv(HERE / "data" / f"curves_{name}.csv")


def times(frame: pd.DataFrame, time: str, state: str, *names: str, **more) -> TimeToEvent:
    return TimeToEvent.from_frame(frame, time=time, state=state, states=names or ("Death",), **more)


def hand(time, state, *names: str, **columns) -> TimeToEvent:
    """A TimeToEvent from two lists; entry= and id= are lists too."""
    frame = pd.DataFrame({"time": time, "state": state, **columns})
    return times(frame, "time", "state", *names, **{name: name for name in columns})


def assert_close(ours, theirs, what: str = "") -> None:
    """Missing where R's is missing, and two-sidedly close elsewhere."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)  # R's infinities are the words "Inf" and "-Inf"
    assert ours.shape == theirs.shape, what
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), err_msg=what)
    np.testing.assert_array_equal(ours[np.isinf(theirs)], theirs[np.isinf(theirs)], err_msg=what)
    known = np.isfinite(theirs)
    worst = np.abs(ours - theirs)[known] / np.maximum(np.abs(theirs[known]), 1e-3)
    assert worst.max(initial=0) <= TOLERANCE, f"{what}: off by {worst.max():.2g}"
