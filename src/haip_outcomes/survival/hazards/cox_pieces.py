"""What the residuals, the concordance and the baseline of a Cox model are made of, worked out when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.stats import rankdata

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.agreement import count_pairs
from haip_outcomes.survival.curves.kaplan_meier import survival_curve
from haip_outcomes.survival.hazards.partial_likelihood import (
    Likelihood,
    SortedTimes,
    information_in_time,
    likelihood,
    martingale_residuals,
    schoenfeld_residuals,
    score_residuals,
    sorted_times,
)
from haip_outcomes.survival.hazards.risk_prediction import Baseline, baselines
from haip_outcomes.survival.time_to_event import TimeToEvent


@dataclass(frozen=True, eq=False)
class CoxPieces:
    """The rows of a partial likelihood and the coefficients that maximise it."""

    tte: TimeToEvent
    matrix: np.ndarray  # (n, p), the design's
    coefficients: np.ndarray  # (p,)
    model_covariance: np.ndarray  # (p, p)
    ties: str
    strata: np.ndarray | None  # (n,) of whole numbers
    weights: np.ndarray | None  # (n,) case weights
    offset: np.ndarray | None  # (n,)
    stratum_names: tuple[str, ...] = ()  # of the strata, in the order of their numbers

    kinds = ("martingale", "deviance", "score", "dfbeta", "schoenfeld")

    @cached_property
    def x(self) -> np.ndarray:
        """Centred covariates, (n, p)."""
        return self.matrix - self.matrix.mean(axis=0)

    @cached_property
    def centred_offset(self) -> np.ndarray:
        """The offset less its mean, (n,); 0 without one."""
        return np.zeros(len(self.tte)) if self.offset is None else self.offset - self.offset.mean()

    @cached_property
    def sets(self) -> SortedTimes:
        """Who is at risk at which event time."""
        return sorted_times(self.tte.start, self.tte.time, self.tte.state > 0, strata=self.strata,
                            weights=self.weights, ties=self.ties)  # fmt: skip

    @cached_property
    def at(self) -> Likelihood:
        """The likelihood's terms at the estimate."""
        return likelihood(self.sets, self.x, self.coefficients, self.centred_offset)

    @cached_property
    def at_null(self) -> Likelihood:
        """And with all coefficients 0."""
        return likelihood(self.sets, self.x, np.zeros_like(self.coefficients), self.centred_offset)

    @property
    def linear_predictor(self) -> np.ndarray:
        """x b + offset of each row, less its mean."""
        return (self.x * self.coefficients).sum(axis=1) + self.centred_offset

    @property
    def concordance(self) -> float:
        """Harrell's C of the linear predictor."""
        return count_pairs(self.tte.entry, self.tte.time, self.tte.state > 0, self.linear_predictor, strata=self.strata,
                           weights=self.weights, ranked=self.tte.ranked).c  # fmt: skip

    def residuals(self, kind: str) -> Any:
        """See `HazardFit.residuals`."""
        if kind in ("martingale", "deviance"):
            m = martingale_residuals(self.sets, self.at)
            if kind == "martingale":
                return m
            d = self.tte.state > 0
            inner = m + np.where(d, np.log(np.where(d, d - m, 1.0)), 0.0)
            return np.sign(m) * np.sqrt(np.maximum(-2 * inner, 0.0))
        if kind == "schoenfeld":
            return self.sets.events, schoenfeld_residuals(self.sets, self.x, self.at)
        made = score_residuals(self.sets, self.x, self.at)
        return made if kind == "score" else (made * self.sets.weights[:, None]) @ self.model_covariance

    @cached_property
    def baselines(self) -> tuple[Baseline, ...]:
        """The cumulative hazard of each stratum, for the mean of every covariate and of the offset."""
        return baselines(self.sets, self.at)

    def cumulative_hazard(
        self, x: np.ndarray, times: np.ndarray, stratum: np.ndarray, offset: np.ndarray, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """H(t|x) and its standard error, (q, T) each, for covariates (q, p) as the design codes them."""
        centred = x - self.matrix.mean(axis=0)
        shift = offset - (0.0 if self.offset is None else self.offset.mean())
        with np.errstate(over="ignore"):
            risk = np.exp(centred @ self.coefficients + shift)
        hazard, error = np.empty((len(x), len(times))), np.empty((len(x), len(times)))
        for s in np.unique(stratum):
            mine = stratum == s
            hazard[mine], error[mine] = self.baselines[s].predicted(centred[mine], risk[mine], times, covariance)
        return hazard, error

    def drift_in_time(self, transform: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """U, I_0, I_1 and I_2 of `proportional_hazards`."""
        g = self._transformed(transform)
        case = self.sets.weights[self.sets.events]
        drift = (case * g) @ self.x[self.sets.events] - (g * self.sets.term_weight) @ self.at.mean
        i0, i1, i2 = (information_in_time(self.sets, self.x, self.at, g**k) for k in (0, 1, 2))
        return drift, i0, i1, i2

    def _transformed(self, transform: str) -> np.ndarray:
        """g at each event, in the order of `sets.events`, centred over the events."""
        t = self.tte.time[self.sets.events]
        if transform == "km":
            curve = survival_curve(self.tte).tidy()
            survival = np.concatenate([[1.0], curve["estimate"].to_numpy()])
            g = 1 - survival[np.searchsorted(curve["time"].to_numpy(), t, side="left")]  # the step before t
        elif transform == "rank":
            g = rankdata(self.tte.time)[self.sets.events]
        elif transform == "log":
            if (t <= 0).any():
                raise EndpointError('transform="log" needs event times above 0; use "km" or "rank".')
            g = np.log(t)
        else:
            g = t
        return g - g.mean()

    def first_exit(self, stratum: int) -> float:
        """When the first row of a stratum ends."""
        mine = slice(None) if self.strata is None else self.strata == stratum
        return float(self.tte.time[mine].min())

    def null_score_residuals(self) -> np.ndarray:
        """The score residuals with all coefficients 0, (n, p)."""
        return score_residuals(self.sets, self.x, self.at_null)
