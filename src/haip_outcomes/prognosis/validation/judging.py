"""The patients that models are judged on: every measure of a prediction, for the cohort and for its resamples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import HaipError
from haip_outcomes.prognosis.validation import resampled_measures as kernel
from haip_outcomes.prognosis.validation.censoring_weighted import Censoring
from haip_outcomes.prognosis.validation.predicted_risks import predicted
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards import cox_kernel
from haip_outcomes.survival.hazards.blocks import Blocks, in_blocks
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.time_to_event import TimeToEvent

GRID = 20  # times from zero to the last at which the integrated Brier score is taken, and those asked for
AUC, BRIER, IPA, RATIO, INTERCEPT, SLOPE = AT_A_TIME = (
    "AUC", "Brier score", "IPA", "observed / expected", "calibration intercept", "calibration slope")  # fmt: skip
HARRELL, UNO, INTEGRATED, INTEGRATED_IPA = "Harrell's C", "Uno's C", "integrated Brier score", "integrated IPA"
LOG_HAZARD, BENEFIT = "slope of the log hazard", "net benefit"
HEAVY = (INTERCEPT, SLOPE, LOG_HAZARD)  # medians over resamples: in a small one they may be anything
_STEPS = 25  # of Newton's method from a slope of zero; most need five


@dataclass(frozen=True, eq=False)
class Judged:
    """Patients whose predictions are judged, at T times and (for decisions) H thresholds; K measures of a prediction.

    A prediction is a marker (n,), risks (n, G) at `grid` and, of a model with proportional hazards, log hazards (n,).
    """

    tte: TimeToEvent
    cause: str
    times: np.ndarray  # (T,)
    grid: np.ndarray  # (G,) increasing, the times among them
    thresholds: np.ndarray  # (H,)

    @classmethod
    def of(cls, tte: TimeToEvent, times: Any, cause: str | None, thresholds: np.ndarray) -> Judged:
        """Times and cause checked as every measure checks them."""
        asked = predicted("validate", tte, np.zeros((len(tte), np.size(times))), times, cause)
        grid = np.unique(np.concatenate([np.linspace(0, asked.times[-1], GRID + 1)[1:-1], asked.times]))
        return cls(tte, asked.outcome, asked.times, grid, thresholds)

    @property
    def competing(self) -> bool:
        """Whether another event can come first."""
        return len(self.tte.states) > 1

    @cached_property
    def at(self) -> np.ndarray:
        """Where in the grid each time is (T,)."""
        return np.searchsorted(self.grid, self.times)

    @cached_property
    def names(self) -> pd.DataFrame:
        """What each of the K values is: measure, time (the last of an integral, or of Uno's events) and threshold."""
        last = self.times[-1]
        rows = [(HARRELL, np.nan, np.nan), (UNO, last, np.nan)]
        rows += [(name, t, np.nan) for t in self.times for name in AT_A_TIME]
        rows += [(INTEGRATED, last, np.nan), (INTEGRATED_IPA, last, np.nan)]
        rows += [(BENEFIT, t, p) for t in self.times for p in self.thresholds]
        rows += [(LOG_HAZARD, np.nan, np.nan)]
        return pd.DataFrame(rows, columns=["measure", "time", "threshold"])

    @cached_property
    def observed(self) -> float:
        """The observed risk by the last time."""
        return float((Censoring.of(self.tte).weights(self.times[-1]) * ((self.tte.time <= self.times[-1]) & (self.code == kernel.EVENT))).mean())

    @cached_property
    def code(self) -> np.ndarray:
        """0 censored, 1 the event, 2 another (n,)."""
        own = self.tte.state == self.tte.code(self.cause)
        return np.where(own, kernel.EVENT, np.where(self.tte.state > 0, kernel.OTHER, kernel.CENSORED))

    @cached_property
    def _arguments(self) -> tuple[np.ndarray, ...]:
        ranked = self.tte.ranked
        number = np.asarray(ranked.number, dtype=np.int64)
        by_time = np.argsort(number, kind="stable")
        begin = np.concatenate([[0], np.cumsum(np.bincount(number, minlength=len(ranked.distinct)))])
        return number, self.code, ranked.distinct, by_time, begin

    @cached_property
    def _parts(self) -> np.ndarray:
        """The weight of each time of the grid in the mean from zero to the last, by straight lines."""
        steps = np.diff(np.concatenate([[0.0], self.grid]))
        return (steps + np.concatenate([steps[1:], [0.0]])) / 2 / self.grid[-1]

    @cached_property
    def blocks(self) -> Blocks:
        """The rows as the partial likelihood goes through them, with a covariate still to come."""
        return in_blocks(self.tte, np.zeros((len(self.tte), 1)))

    def scores(self, copies: np.ndarray, marker: np.ndarray, risk: np.ndarray, log_hazard: np.ndarray | None) -> np.ndarray:
        """The measures (B, K) of B predictions: marker (B, n), risk (B, n, G), each on the patients with copies (B, n)."""
        found = np.full((len(copies), len(self.names)), np.nan)
        own = np.empty((len(copies), len(self.names) - 1))
        whole = np.require(copies, dtype=np.int64, requirements="C")
        kernel.measured_all(*self._arguments, whole, np.ascontiguousarray(marker), np.ascontiguousarray(risk), self.grid, self._parts, self.at,
                            self.thresholds, True, own)  # fmt: skip
        found[:, :-1] = own
        if self.competing:
            found[:, 1] = np.nan  # Uno's weights are not those of a competing event
        if log_hazard is not None and not self.competing:
            found[:, -1] = [self._slope(one, eta) for one, eta in zip(whole, log_hazard, strict=True)]
        return found

    @cached_property
    def _weighed(self) -> list[tuple[float, float]]:
        """At each time of the grid the observed risk F and the mean weight W."""
        censoring = Censoring.of(self.tte)
        each = [(censoring.weights(t), (self.tte.time <= t) & (self.code == kernel.EVENT)) for t in self.grid.tolist()]
        return [(float((weight * had).mean()), float(weight.mean())) for weight, had in each]

    @cached_property
    def _null(self) -> np.ndarray:
        """The Brier score of the model that gives everybody the observed risk, at each time of the grid (G,)."""
        return np.array([had * (1 - had) ** 2 + (weights - had) * had**2 for had, weights in self._weighed])

    def pooled(self, outside: np.ndarray) -> np.ndarray:
        """The values out of bag (B, K) with IPA against one null model, that of all patients: 1 - Brier score out of bag / its.

        Against the null model of each set out of bag, which knows the risk of that very set as no model does, IPA would be too low, the more the smaller the set.
        """
        found = outside.copy()
        names, times = self.names["measure"].tolist(), self.names["time"].tolist()
        for k, name in enumerate(names):
            if name in (IPA, INTEGRATED_IPA):
                null = float(self._parts @ self._null) if name == INTEGRATED_IPA else float(self._null[np.searchsorted(self.grid, times[k])])
                found[:, k] = 1 - outside[:, k - 1] / null if null > 0 else np.nan  # its Brier score stands before it
        return found

    def without_information(self, risk: np.ndarray) -> np.ndarray:
        """What risks (n, G) would show (K,) if they had nothing to do with what happens: every risk beside every patient.

        C and AUC 0.5; Brier score F (1 - 2 mean r) + W mean r^2, F the observed risk and W the mean weight; IPA by it. Missing for the other
        measures: observed / expected would stay as it is, and a slope is no error.
        """
        score, null = np.empty(len(self.grid)), self._null
        for g, (had, weights) in enumerate(self._weighed):
            r = risk[:, g]
            score[g] = had * (1 - 2 * r.mean()) + weights * (r**2).mean()
        whole, nothing = float(self._parts @ score), float(self._parts @ null)
        told = {INTEGRATED: whole, INTEGRATED_IPA: 1 - whole / nothing if nothing > 0 else np.nan, HARRELL: 0.5, UNO: 0.5, AUC: 0.5}
        found = self.names["measure"].map(told).to_numpy(dtype=float)
        for t, g in zip(self.times.tolist(), self.at.tolist(), strict=True):
            own = (self.names["time"] == t).to_numpy()
            found[own & (self.names["measure"] == BRIER).to_numpy()] = score[g]
            found[own & (self.names["measure"] == IPA).to_numpy()] = 1 - score[g] / null[g] if null[g] > 0 else np.nan
        return found

    def _slope(self, copies: np.ndarray, eta: np.ndarray) -> float:
        """The coefficient of the log hazard in a Cox model of its own (Efron ties): below 1, the model was too extreme."""
        spread = float(np.ptp(eta[copies > 0])) if copies[self.code == kernel.EVENT].any() else 0.0
        if not np.isfinite(spread) or spread <= 1e-12 * max(1.0, float(np.abs(eta).max())):
            return float("nan")
        scale = float(eta.std())
        blocks = self.blocks
        x = ((eta - eta.mean()) / scale)[blocks.order][:, None]
        _, weights, _, *others = (np.require(each, requirements="W") for each in blocks.arguments)
        found = cox_kernel.newton_batch(np.ascontiguousarray(x), weights, copies[None, blocks.order], *others, True, np.zeros((1, 1)), _STEPS, 1e-16)
        slope = float(found[0, 0] / scale)
        return slope if np.isfinite(slope) else self._slope_with_care(copies, eta)

    def _slope_with_care(self, copies: np.ndarray, eta: np.ndarray) -> float:
        """The same by `cox`, which halves steps and knows when there is no maximum: where whole steps from zero were not sure of it."""
        rows = np.repeat(np.arange(len(copies)), copies)
        fresh = pd.RangeIndex(len(rows))
        try:
            fit = cox(self.tte.take(rows)._with(index=fresh, id=None), design(pd.DataFrame({"eta": eta[rows]}, index=fresh), ["eta"]))
        except HaipError:
            return float("nan")
        return float(fit.coefficients[0])
