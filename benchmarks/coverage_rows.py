"""What a section of the coverage table finds: a row a method, scenario and size, and the word for it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from haip_outcomes.survival.time_to_event import TimeToEvent

SIZES = (20, 34, 60, 100)
SEED = 20261122
Z95 = 1.959963984540054
COLUMNS = ["section", "quantity", "method", "scenario", "n", "nominal", "found", "monte_carlo_error", "truth_below", "truth_above", "none",
           "replicates", "exact_method", "word"]  # fmt: skip
POINTS = {"coverage": 0.02, "false alarms": 0.02, "clear alarms": 0.005, "signals": 0.01}


@dataclass
class Section:
    """The rows of one section. `none` is the share of replicates without an interval (or that `compare` refuses)."""

    name: str
    rows: list[dict[str, object]] = field(default_factory=list)

    def add(self, quantity: str, method: str, scenario: str, n: int, nominal: float, found: float, replicates: int, *, exact: bool = False,
            below: float = math.nan, above: float = math.nan, none: float = 0.0) -> None:  # fmt: skip
        """`replicates` 0: by enumeration, without chance. `exact`: a method that promises its level."""
        error = math.sqrt(max(found * (1 - found), 1e-12) / replicates) if replicates else 0.0
        word = _word(quantity, nominal, found, error, exact)
        values = [self.name, quantity, method, scenario, n, nominal, found, error, below, above, none, replicates, exact, word]
        self.rows.append(dict(zip(COLUMNS, values, strict=True)))

    def covered(self, method: str, scenario: str, n: int, truth: float, low: np.ndarray, high: np.ndarray, *, exact: bool = False,
                weights: np.ndarray | None = None) -> None:  # fmt: skip
        """Coverage of intervals: a missing lower limit is no interval, an upper limit not reached is infinite."""
        low, high = np.asarray(low, float), np.asarray(high, float)
        there = ~np.isnan(low)
        high = np.where(np.isnan(high), np.inf, high)
        weight = np.ones(len(low)) if weights is None else weights
        total = weight[there].sum()
        below = weight[there & (truth < low - 1e-12)].sum() / total
        above = weight[there & (truth > high + 1e-12)].sum() / total
        self.add("coverage", method, scenario, n, 0.95, 1 - below - above, 0 if weights is not None else int(there.sum()), exact=exact,
                 below=below, above=above, none=1 - total / weight.sum())  # fmt: skip


def _word(quantity: str, nominal: float, found: float, error: float, exact: bool) -> str:
    """"at least nominal", "within 2 points", "conservative" or "liberal"; for a rate of false alarms, more is liberal."""
    short = nominal - found if quantity == "coverage" else found - nominal
    if quantity == "detected":
        return ""
    if exact:
        return "at least nominal" if short <= 3 * error + 1e-9 else "LIBERAL"
    points = POINTS[quantity]
    if short > points:
        return "liberal"
    words = f"within {100 * points:g} points" if points != 0.01 and points != 0.005 else f"within {100 * points:g} point"
    return words if short >= -points else "conservative"


def generator(*key: int) -> np.random.Generator:
    """A stream of its own for every section and size, so that each can be run alone."""
    return np.random.default_rng([SEED, *key])


def times(time: np.ndarray, state: np.ndarray, states: tuple[str, ...] = ("Death",)) -> TimeToEvent:
    """Times in months from arrays."""
    frame = pd.DataFrame({"t": time, "s": state.astype(np.int64)})
    return TimeToEvent.from_frame(frame, time="t", state="s", states=list(states), unit="months")


def censored(rng: np.random.Generator, death: np.ndarray, first: float, last: float) -> TimeToEvent:
    """Deaths, with censoring uniform over (first, last): patients who came evenly over the years of a programme."""
    leaves = rng.uniform(first, last, len(death))
    return times(np.minimum(death, leaves), death <= leaves)
