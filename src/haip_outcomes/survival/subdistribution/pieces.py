"""What the residuals, the concordance, the baseline and the diagnostics of a Fine-Gray model are made of, worked out when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.agreement import count_pairs
from haip_outcomes.survival.hazards.risk_prediction import Baseline
from haip_outcomes.survival.pairs_kernel import pairs
from haip_outcomes.survival.subdistribution.expanded_rows import ExpandedRows, expanded
from haip_outcomes.survival.subdistribution.rows import SubdistributionRows, crr_rows, finegray_rows
from haip_outcomes.survival.subdistribution.terms import Terms, evaluate
from haip_outcomes.survival.time_to_event import TimeToEvent, rank


@dataclass(frozen=True, eq=False)
class SubdistributionPieces:
    """The rows of a Fine-Gray model and the coefficients that maximise its likelihood."""

    tte: TimeToEvent
    cause: str
    matrix: np.ndarray  # (n, p), the design's
    coefficients: np.ndarray  # (p,)
    model_covariance: np.ndarray  # (p, p)
    se: str  # "crr" or "finegray"
    group: np.ndarray | None = None  # (n,) of censoring, with crr
    n_groups: int = 1
    strata: np.ndarray | None = None  # (n,) of whole numbers, with finegray
    weights: np.ndarray | None = None  # (n,) case weights, with finegray
    stratum_names: tuple[str, ...] = ()

    offset = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which residuals there are."""
        crr = ("score", "dfbeta", "schoenfeld")
        return crr if self.se == "crr" else ("martingale", "deviance", *crr)

    def sorted_rows(self) -> SubdistributionRows:
        """The rows as the kernel takes them."""
        if self.se == "crr":
            return crr_rows(self.tte, self.cause, self.matrix, self.group, self.n_groups)
        return finegray_rows(self.tte, self.cause, self.matrix, self.strata, self.weights)

    @cached_property
    def rows(self) -> SubdistributionRows:
        """The same, kept."""
        return self.sorted_rows()

    @cached_property
    def at(self) -> Terms:
        """The likelihood's terms at the estimate, for standardised covariates."""
        return evaluate(self.rows, self.coefficients * self.rows.blocks.scale)

    @cached_property
    def stratum_of_event_time(self) -> np.ndarray:
        """The number of the stratum of each event time, (E,), as the blocks come."""
        blocks = self.rows.blocks
        if self.strata is None:
            return np.zeros(len(self.rows.event_blocks), dtype=np.int64)
        return self.strata[blocks.order[blocks.begin[self.rows.event_blocks]]]

    @cached_property
    def event_times(self) -> np.ndarray:
        """(E,), as the blocks come: by stratum and falling time."""
        blocks = self.rows.blocks
        return self.tte.time[blocks.order[blocks.begin[self.rows.event_blocks]]]

    @cached_property
    def _events(self) -> tuple[np.ndarray, np.ndarray]:
        """The places of the events among the sorted rows, and the number of the event time of each."""
        blocks, at = self.rows.blocks, self.rows.event_blocks
        many = blocks.n_event[at]
        before = np.cumsum(many) - many
        return np.repeat(blocks.begin[at] - before, many) + np.arange(many.sum()), np.repeat(np.arange(len(at)), many)

    @property
    def linear_predictor(self) -> np.ndarray:
        """x b of each row, less its mean."""
        return (self.matrix - self.matrix.mean(axis=0)) @ self.coefficients

    def _unsorted(self, values: np.ndarray) -> np.ndarray:
        out = np.empty_like(values)
        out[self.rows.blocks.order] = values
        return out

    # ------------------------------------------------------------------ residuals

    def residuals(self, kind: str) -> Any:
        """See `HazardFit.residuals`; a row has one value for all the time it stays at risk, its weight P(t)/P(T) in it."""
        blocks = self.rows.blocks
        if kind in ("martingale", "deviance"):
            event = self.tte.state == self.tte.code(self.cause)
            m = event - self._unsorted(self.at.risk / blocks.weights * self.at.gone_through())
            if kind == "martingale":
                return m
            inner = m + np.where(event, np.log(np.where(event, event - m, 1.0)), 0.0)
            return np.sign(m) * np.sqrt(np.maximum(-2 * inner, 0.0))
        if kind == "schoenfeld":
            return self._schoenfeld()
        made = self._unsorted(self.at.scores(with_censoring=self.se == "crr") * blocks.scale)
        case = 1.0 if self.weights is None else self.weights[:, None]
        return made if kind == "score" else (made * case) @ self.model_covariance

    def _schoenfeld(self) -> tuple[np.ndarray, np.ndarray]:
        """A row an event (finegray), or an event time with its events added (crr): the rows of the times, and the residuals."""
        blocks, (place, of) = self.rows.blocks, self._events
        values = (blocks.x[place] - self.at.mean[of]) * blocks.scale
        if self.se == "crr":
            first = np.flatnonzero(np.diff(of, prepend=-1))
            place, of, values = place[first], of[first], np.add.reduceat(values, first, axis=0)
        rising = np.lexsort((self.event_times[of], self.stratum_of_event_time[of]))
        return blocks.order[place][rising], values[rising]

    # ------------------------------------------------------------------ risk

    @cached_property
    def baselines(self) -> tuple[Baseline, ...]:
        """The cumulative subdistribution hazard of each stratum, for the mean of every covariate."""
        scale = self.rows.blocks.scale
        step = np.exp(-self.at.shift)
        jumps = np.column_stack([self.at.hazard * step, self.at.variance * step**2, self.at.drift * step * scale])
        found = []
        for s in range(max(1, len(self.stratum_names))):
            mine = np.flatnonzero(self.stratum_of_event_time == s)[::-1]
            total = np.cumsum(jumps[mine], axis=0)
            found.append(Baseline(self.event_times[mine], total[:, 0], total[:, 1], total[:, 2:]))
        return tuple(found)

    def cumulative_hazard(
        self, x: np.ndarray, times: np.ndarray, stratum: np.ndarray, offset: np.ndarray, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The subdistribution hazard up to times (T,) and its standard error, (q, T) each, for covariates (q, p)."""
        centred = x - self.matrix.mean(axis=0)
        with np.errstate(over="ignore"):
            risk = np.exp(centred @ self.coefficients)
        hazard, error = np.empty((len(x), len(times))), np.empty((len(x), len(times)))
        for s in np.unique(stratum):
            mine = stratum == s
            hazard[mine], error[mine] = self.baselines[s].predicted(centred[mine], risk[mine], times, covariance)
        if self.se == "crr":
            error[:] = np.nan  # predict.crr gives none
        return hazard, error

    def first_exit(self, stratum: int) -> float:
        """When the first of the stratum's rows in finegray's data ends; with crr, which has no limits, never."""
        return self.expanded.first_exit(stratum) if self.se == "finegray" else -np.inf

    @cached_property
    def expanded(self) -> ExpandedRows:
        """What survival's finegray would make of these rows, counted."""
        return expanded(self.tte, self.tte.code(self.cause), self.strata)

    # ------------------------------------------------------------------ agreement and proportionality

    @property
    def concordance(self) -> float:
        """Harrell's C of the linear predictor, in which a competing event comes after every event, with weight P(t)/P(T)."""
        tte, eta = self.tte, self.linear_predictor
        event = tte.state == tte.code(self.cause)
        weights = np.ones(len(tte)) if self.weights is None else self.weights
        plain = count_pairs(tte.entry, tte.time, event, eta, strata=self.strata, weights=weights, ranked=tte.ranked)
        counted = np.array([plain.concordant, plain.discordant, plain.tied_marker])
        return self._share(counted + self._pairs_after_competing(event, eta, weights))

    @staticmethod
    def _share(counted: np.ndarray) -> float:
        return float((counted[0] + counted[2] / 2) / counted.sum()) if counted.sum() > 0 else float("nan")

    def _pairs_after_competing(self, event: np.ndarray, eta: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Pairs of an event with an earlier competing event: concordant, discordant, tied; time runs backwards in the kernel.

        An event at the r-th of R times has the moment 2(R - r) there, a competing event 2(R - r) - 1: at its own time it is counted as
        the others still at risk are.
        """
        rows, blocks, times, levels = self.rows, self.rows.blocks, self.tte.ranked, rank(eta)
        competing, group = (self._unsorted(values) for values in (rows.competing, rows.group))
        last, n_strata = len(times.distinct), max(1, len(self.stratum_names))
        total = np.zeros(3)
        for k, later in enumerate(rows.later):
            p = self._unsorted(np.repeat(later, np.diff(blocks.begin)))
            chosen = np.flatnonzero(event | (competing & (group == k)))
            happened, p = event[chosen], p[chosen]
            stratum = np.zeros(len(chosen), dtype=np.int64) if self.strata is None else self.strata[chosen]
            share = np.where(happened, 0.0, weights[chosen] / np.where(p > 0, p, 1.0))
            found, _, _ = pairs(2 * (last - times.number[chosen]) - ~happened, levels.number[chosen], stratum, share,
                                happened.astype(np.float64), 2 * last + 1, len(levels.distinct), n_strata)  # fmt: skip
            total += (weights[chosen] * p)[happened] @ found[happened]
        return total

    def drift_in_time(self, transform: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What the test of proportional hazards is made of: U, I_0, I_1 and I_2 of `proportional_hazards`, g in finegray's data."""
        if self.se == "crr":
            raise EndpointError("R has no test of proportional hazards for crr: fit with se=\"finegray\", whose test equals cox.zph's on "
                                'finegray\'s rows, or look at residuals("schoenfeld") over time.')  # fmt: skip
        blocks, (place, of) = self.rows.blocks, self._events
        g = self.expanded.transformed(transform, self.event_times)
        g = g - g[of].mean()
        u = (blocks.weights[place] * g[of]) @ blocks.x[place] - (g * self.at.weight) @ self.at.mean
        square = np.outer(blocks.scale, blocks.scale)
        i0, i1, i2 = (self.at.information_in_time(g**k) * square for k in (0, 1, 2))
        return u * blocks.scale, i0, i1, i2
