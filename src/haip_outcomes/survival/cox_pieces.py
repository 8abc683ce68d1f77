"""What the residuals, the concordance and the baseline of a Cox model are made of, worked out when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from haip_outcomes.survival.agreement import count_pairs
from haip_outcomes.survival.partial_likelihood import (
    Likelihood,
    SortedTimes,
    likelihood,
    martingale_residuals,
    schoenfeld_residuals,
    score_residuals,
    sorted_times,
)
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
        return count_pairs(self.tte.start, self.tte.time, self.tte.state > 0, self.linear_predictor, strata=self.strata,
                           weights=self.weights).c  # fmt: skip

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

    def null_score_residuals(self) -> np.ndarray:
        """The score residuals with all coefficients 0, (n, p)."""
        return score_residuals(self.sets, self.x, self.at_null)
