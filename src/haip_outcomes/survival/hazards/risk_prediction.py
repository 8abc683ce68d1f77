"""From a fitted hazard to a patient's risk: the cumulative hazard for given covariates, and how sure it is.

With the terms of the partial likelihood (event times s, weights W/d, denominators and means in Efron's form under Efron's
ties) and covariates x, all relative to the mean of those analysed,

    H(t|x) = exp(x b) A(t),              A(t) = sum over terms at s <= t of (W/d) / denominator
    Var H(t|x) = exp(x b)^2 [ C(t) + D' V D ],  C(t) = sum of (W/d) / denominator^2,  D = x A(t) - B(t)
                                                B(t) = sum of (W/d) mean / denominator,  V the covariance of b

The first part is the uncertainty of the baseline, the second that of the coefficients. References: Tsiatis, Ann Stat
1981;9:93-108 (doi:10.1214/aos/1176345335); Therneau and Grambsch, Modeling Survival Data, 2000, section 10.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from haip_outcomes.survival.hazards.partial_likelihood import Likelihood, SortedTimes, by_time


@dataclass(frozen=True, eq=False)
class Baseline:
    """The cumulative hazard of one stratum as steps, for somebody with the mean of every covariate."""

    time: np.ndarray  # (K,) event times
    hazard: np.ndarray  # (K,) A at each
    variance: np.ndarray  # (K,) C
    drift: np.ndarray  # (K, p) B

    def predicted(
        self, x: np.ndarray, risk: np.ndarray, times: np.ndarray, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """H(t|x) and its standard error, (q, T) each, for centred x (q, p) with risk exp(x b) (q,)."""
        before = np.searchsorted(self.time, times, side="right")
        a, c = (np.concatenate([[0.0], values])[before] for values in (self.hazard, self.variance))
        b = np.vstack([np.zeros(x.shape[1]), self.drift])[before]
        d = x[:, None, :] * a[None, :, None] - b[None, :, :]
        spread = c + np.einsum("qtj,jk,qtk->qt", d, covariance, d)
        return risk[:, None] * a, risk[:, None] * np.sqrt(np.maximum(spread, 0.0))


def baselines(sets: SortedTimes, at: Likelihood) -> tuple[Baseline, ...]:
    """The baseline of each stratum, from the likelihood's terms at the estimate."""
    with np.errstate(over="ignore"):
        step = sets.term_weight / at.denominator * np.exp(-at.shift)
    jumps = by_time(sets, np.column_stack([step, step**2 / sets.term_weight, at.mean * step[:, None]]))
    found = []
    for _, block in sets.strata:
        total = np.cumsum(jumps[block], axis=0)
        found.append(Baseline(sets.times[block], total[:, 0], total[:, 1], total[:, 2:]))
    return tuple(found)
