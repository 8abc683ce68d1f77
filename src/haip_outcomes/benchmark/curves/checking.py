"""How well reconstructed patients meet the curve and the numbers that they were made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.curves.digitised import digitised
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import number, plural
from haip_outcomes.survival.counts import at_risk_table
from haip_outcomes.survival.curves.kaplan_meier import survival_curve
from haip_outcomes.survival.results import in_order, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times


@dataclass(frozen=True, eq=False, repr=False)
class ReconstructionCheck:
    """The distance between reconstructed patients and what was printed. It measures the arithmetic, not the clicking.

    `points` has a row a point of the curve (`estimate` found, `given`, `difference`), `at_risk` a row a printed number at risk.
    """

    points: pd.DataFrame
    at_risk: pd.DataFrame
    n_event: int
    events: int | None
    unit: str
    method: str

    @property
    def largest(self) -> float:
        """The largest distance between the two curves, as a probability."""
        return float(self.points["difference"].abs().max())

    @property
    def root_mean_square(self) -> float:
        """The root mean square of the distances at the points."""
        return float(np.sqrt(np.mean(self.points["difference"] ** 2)))

    @property
    def mean(self) -> float:
        """The mean of the absolute distances at the points."""
        return float(self.points["difference"].abs().mean())

    def tidy(self) -> pd.DataFrame:
        """A row a printed number: the curve's points (`term` survival), numbers at risk and the total of events, each as given and as found."""
        rows = [self.points.assign(term="survival"), self.at_risk.assign(term="number at risk")]
        if self.events is not None:
            rows.append(pd.DataFrame({"term": ["events"], "time": [self.points["time"].max()], "estimate": [float(self.n_event)],
                                      "given": [float(self.events)], "difference": [float(self.n_event - self.events)]}))  # fmt: skip
        return in_order(pd.concat(rows, ignore_index=True))

    def glance(self) -> pd.DataFrame:
        """One row: the largest and the root mean square distance of the curves, and of the counts."""
        worst = self.at_risk["difference"].abs().max()
        return in_order(pd.DataFrame({"n_event": [self.n_event], "events_given": [self.events], "largest": [self.largest],
                                      "root_mean_square": [self.root_mean_square], "mean": [self.mean], "largest_at_risk": [worst]}))  # fmt: skip

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        off = self.at_risk[self.at_risk["difference"] != 0]
        said = (f"At {plural(len(self.points), 'point')} the reconstructed curve lies at most {number(100 * self.largest, 1)} percentage points from the one that was read "
                f"(root mean square {number(100 * self.root_mean_square, 2)}).")  # fmt: skip
        if len(self.at_risk) > 1:
            apart = [f"{row.estimate:g} for {row.given:g} at {row.time:g} {self.unit}" for row in off.itertuples()]
            said += f" Numbers at risk that differ: {', '.join(apart)}." if apart else f" The {len(self.at_risk)} numbers at risk are met."
        if self.events is not None:
            said += f" {plural(self.n_event, 'event')}, and {self.events} were printed."
        return said

    def __repr__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        return shown_as_html("Reconstruction", self.glance(), self.method)


def reconstruction_check(tte: TimeToEvent, curve: Any, at_risk: Any, *, events: int | None = None) -> ReconstructionCheck:
    """How far reconstructed patients lie from the curve and the numbers at risk that were printed.

    Parameters
    ----------
    tte : what `reconstruct_ipd` made, or any times with one kind of event, in the unit of the curve.
    curve, at_risk, events : as given to `reconstruct_ipd`.

    At a time with one point the Kaplan-Meier value found there is compared with it. Of several points at one time, the ends of a step, the first is
    compared with the value before the step, the last with the value after it, others with the nearer.
    Points are compared as they were clicked, also those that were lowered. A number at risk at time t counts times >= t.

    A small distance says that the patients fit what was read; it does not say that it was read well. benchmarks/RECONSTRUCTION.md measures
    the whole error, on curves drawn from known patients.

    Raises
    ------
    EndpointError : the curve or the numbers at risk are wrong (all problems at once), or there is more than one kind of event.

    >>> from haip_outcomes.benchmark.curves.guyot import reconstruct_ipd
    >>> curve, risk = [(0, 1), (6, 0.9), (12, 0.75), (18, 0.5), (24, 0.5)], pd.DataFrame({"time": [0, 12], "n_risk": [20, 16]})
    >>> reconstruction_check(reconstruct_ipd(curve, risk, events=9), curve, risk, events=9)
    At 5 points the reconstructed curve lies at most 2.3 percentage points from the one that was read (root mean square 1.43). The 2 numbers at risk are met. 9 events, and 9 were printed.
    """
    require_times(tte, "reconstruction_check")
    tte.single("reconstruction_check")
    read = digitised(curve, at_risk, events=events, unit=tte.unit)
    if tte.entry is not None:
        raise EndpointError("These patients enter late, and a reconstruction never does: give what reconstruct_ipd made.")
    times, given = read.times, read.clicked
    after = _survival(tte, times)
    before = _survival(tte, np.nextafter(times, -1))
    first = np.r_[True, times[1:] > times[:-1]]
    final = np.r_[first[1:], True]
    found = np.where(final, after, np.where(first, before, np.clip(given, after, before)))
    points = pd.DataFrame({"time": times, "estimate": found, "given": given, "difference": found - given})
    risks = at_risk_table(tte, read.risk_times)
    at = pd.DataFrame({"time": read.risk_times, "estimate": risks["n_risk"].to_numpy(dtype=float), "given": read.n_risk,
                       "difference": risks["n_risk"].to_numpy(dtype=float) - read.n_risk})  # fmt: skip
    how = "Kaplan-Meier of the reconstructed patients against the points and numbers at risk that were given"
    return ReconstructionCheck(points, at, tte.counts[tte.states[0]], events, tte.unit, how)


def _survival(tte: TimeToEvent, times: np.ndarray) -> np.ndarray:
    """The Kaplan-Meier value at each time; before time zero 1."""
    steps = survival_curve(tte).tidy()
    at = np.searchsorted(steps["time"].to_numpy(), times, side="right") - 1
    return np.where(at < 0, 1.0, steps["estimate"].to_numpy()[np.maximum(at, 0)])
