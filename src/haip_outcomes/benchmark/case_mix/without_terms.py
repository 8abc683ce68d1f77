"""A reference model without terms: one hazard, or one probability, for everybody."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.case_mix.baseline_steps import BaselineSteps
from haip_outcomes.survival.covariates.design_matrix import Design
from haip_outcomes.survival.time_to_event import TimeToEvent


@dataclass(frozen=True, eq=False, repr=False)
class NoTerms(Design):
    """A design without columns: every patient is like every other."""

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """A row a patient, and no column."""
        return np.empty((len(frame), 0))


def no_terms(index: pd.Index) -> NoTerms:
    """The design of these patients when nothing tells them apart."""
    return NoTerms(matrix=np.empty((len(index), 0)), columns=(), index=index, left_out={}, references={}, empty=(), variables={}, nonlinear={}, coding=())


def common_hazard(tte: TimeToEvent) -> BaselineSteps:
    """The Nelson-Aalen hazard of all patients and its variance, sum d/Y and sum d/Y^2.

    Without covariates there is nothing for Efron to share out among tied deaths, and these patients have exactly as many events as expected.
    """
    time, events = np.unique(tte.time[tte.state > 0], return_counts=True)
    at_risk = np.searchsorted(np.sort(tte.start), time, side="left") - np.searchsorted(np.sort(tte.time), time, side="left")
    return BaselineSteps(time, np.cumsum(events / at_risk), np.cumsum(events / at_risk**2), np.zeros((len(time), 0)), "steps", events)
