"""The questions of tests/reference/comparisons.R as this package is asked them, beside R's answers."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from haip_outcomes.survival.time_to_event import TimeToEvent

HERE = Path(__file__).parent.parent / "reference"
CASES = json.loads((HERE / "comparisons.json").read_text(encoding="utf-8"))
BY_RHO = {0: "logrank", 1: "peto"}  # survdiff's rho


def cases(test: str) -> list[dict]:
    return [case for case in CASES if case["test"] == test]


@cache
def table(name: str) -> pd.DataFrame:
    return pd.read_csv(HERE / "data" / f"{name}.csv")


def asked(case: dict) -> tuple[TimeToEvent, pd.Series, pd.Series | None]:
    """Times, groups and strata of a case."""
    columns = [case[part] for part in ("time", "state", "by", "strata", "entry") if case.get(part)]
    frame = table(case["data"]).dropna(subset=columns)
    if "copies" in case:
        frame = frame.loc[frame.index.repeat(frame[case["copies"]])].reset_index(drop=True)
    if "per" in case:
        frame = frame.assign(**{case["time"]: np.ceil(frame[case["time"]] / case["per"])})
    states = [f"Cause {k}" for k in range(1, int(frame[case["state"]].max()) + 1)]
    tte = TimeToEvent.from_frame(
        frame, time=case["time"], state=case["state"], states=states, entry=case.get("entry")
    )
    if case["test"] != "gray":
        tte = tte.only(f"Cause {case['cause']}") if "cause" in case else tte.any_event("Any")
    return tte, frame[case["by"]], frame[case["strata"]] if "strata" in case else None


def weighting_of(case: dict):
    """survdiff's rho, or one of the names, or "fh rho gamma"."""
    if "weighting" not in case:
        rho = case.get("rho", 0)
        return BY_RHO.get(rho, ("fleming-harrington", rho, 0))
    name, *powers = case["weighting"].split()
    return ("fleming-harrington", *map(float, powers)) if name == "fh" else name
