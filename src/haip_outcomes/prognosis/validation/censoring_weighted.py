"""Patients lost to follow-up stand in for by those like them who were not: inverse probability of censoring weights.

With Y(u) at risk, d(u) events and c(u) censorings at u, G(t) = prod over u <= t of 1 - c/(Y - d): who has an event at a time is not at risk
of being censored at it. By time t the weight is 1/G(T-) for an event of any kind at T <= t, 1/G(t) for T > t and 0 for who was lost.

A measure that is a function of the sums of v_j w_j is moved by patient i through its own w_i v_i and through G, which everybody's weight
shares. The second part is, as in riskRegression (its at-risk numbers Y count the events at u),

    [lost at T_i <= t] A(T_i)/Y(T_i) - sum over u <= min(T_i, t) of A(u) c(u)/Y(u)^2,    A(u) = sum of v_j w_j over j whose weight needs G(u)

that is over those who had an event after u and by t, and those followed beyond t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from haip_outcomes.survival.time_to_event import TimeToEvent


@dataclass(frozen=True, eq=False)
class Censoring:
    """The curve of the censoring at the U different exit times."""

    number: np.ndarray  # (n,) which of the times each patient's is
    time: np.ndarray  # (U,)
    state: np.ndarray  # (n,)
    exits: np.ndarray  # (n,) exit times
    n_risk: np.ndarray  # (U,)
    n_censor: np.ndarray  # (U,)
    free: np.ndarray  # (U + 1,) G before each time, and after the last

    @classmethod
    def of(cls, tte: TimeToEvent) -> Censoring:
        """The curve of these patients' censoring."""
        ranked = tte.ranked
        number, length = ranked.number, len(ranked.distinct)
        every = np.bincount(number, minlength=length)
        n_risk = np.cumsum(every[::-1])[::-1]
        n_censor = np.bincount(number[tte.state == 0], minlength=length)
        exposed = n_risk - (every - n_censor)
        stays = np.where(n_censor > 0, 1 - n_censor / np.maximum(exposed, 1), 1.0)
        return cls(number, ranked.distinct, tte.state, tte.time, n_risk, n_censor, np.concatenate([[1.0], np.cumprod(stays)]))

    def weights(self, t: float) -> np.ndarray:
        """The weight of every patient (n,) at time t."""
        weight = np.zeros(len(self.exits))
        had = (self.exits <= t) & (self.state > 0)
        weight[had] = 1 / self.free[self.number[had]]
        beyond = self.exits > t
        if beyond.any():
            weight[beyond] = 1 / self.free[np.searchsorted(self.time, t, side="right")]
        return weight

    def through_weights(self, t: float, parts: np.ndarray) -> np.ndarray:
        """How each patient moves the sum of parts (n,) = v_j w_j through everybody's weights, (n,)."""
        length = len(self.time)
        beyond = parts[self.exits > t].sum()
        had = (self.exits <= t) & (self.state > 0)
        by_time = np.bincount(self.number[had], parts[had], minlength=length)
        later = np.concatenate([np.cumsum(by_time[::-1])[::-1][1:], [0.0]]) + beyond
        later[self.time > t] = 0.0
        drawn = np.cumsum(later * self.n_censor / self.n_risk**2.0)
        moved = -drawn[self.number]
        lost = (self.exits <= t) & (self.state == 0)
        moved[lost] += (later / self.n_risk)[self.number[lost]]
        return moved
