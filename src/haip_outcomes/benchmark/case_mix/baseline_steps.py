"""The baseline of a reference model: cumulative hazard over time, and what it gives for patients followed for a while.

With A the cumulative hazard of somebody with the mean of every covariate, r_i = exp(x_i b) (x_i relative to that mean) and follow-up
over (entry_i, exit_i], patient i is expected to have r_i {A(exit_i) - A(entry_i)} events. For a group E = sum of these and

    Var(E) = sum_k c_k^2 dC_k + D' V D,   c_k = sum of r_i over those followed through step k,
                                          D = sum r_i {x_i dA_i - dB_i},  V the covariance of b

C and B as in `survival/hazards/risk_prediction.py`: the first part is the uncertainty of the baseline, the second of the coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from haip_outcomes.survival.ranking import SAME_TIME

FEWEST = 5  # events in a step that may leave the centre


@dataclass(frozen=True, eq=False)
class BaselineSteps:
    """Cumulative A, C (K,) and B (K, p) at K times; "steps" jump there, "lines" run straight from one to the next (0 at time 0).

    `events` at each time are known where the model was made, and never saved.
    """

    time: np.ndarray
    hazard: np.ndarray
    variance: np.ndarray
    drift: np.ndarray
    form: str = "steps"
    events: np.ndarray | None = None

    def expected(self, x: np.ndarray, risk: np.ndarray, entry: np.ndarray, exit: np.ndarray, covariance: np.ndarray,
                 group: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Expected events of each patient (n,), and Var(E) of each group (groups,)."""
        begin, end = self._reach(entry), self._reach(exit)
        gained = _at(self.hazard, *end) - _at(self.hazard, *begin)
        moved = risk[:, None] * (x * gained[:, None] - (_at(self.drift, *end) - _at(self.drift, *begin)))
        spread = np.diff(self.variance, prepend=0.0)
        variances = np.empty(groups)
        for g in range(groups):
            own = group == g
            through = self._through(risk[own], end[0][own], end[1][own]) - self._through(risk[own], begin[0][own], begin[1][own])
            d = moved[own].sum(axis=0)
            variances[g] = through**2 @ spread + d @ covariance @ d
        return risk * gained, variances

    def at_whole_times(self) -> BaselineSteps:
        """Steps joined until each holds at least five events, told at whole units of time: no patient's own time is in them."""
        assert self.events is not None
        knots: list[int] = []
        waiting = 0.0
        for k, (time, n) in enumerate(zip(self.time, self.events, strict=True)):
            waiting += n
            closes = max(1.0, np.ceil(time))
            last = k + 1 == len(self.time) or self.time[k + 1] > closes
            if waiting >= FEWEST and last:
                knots.append(k)
                waiting = 0.0
        return replace(self, time=np.maximum(1.0, np.ceil(self.time[knots])), hazard=self.hazard[knots], variance=self.variance[knots],
                       drift=self.drift[knots], form="lines", events=None)  # fmt: skip

    def _reach(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many steps are passed whole at these times, and what share of the next one."""
        j = np.searchsorted(self.time, times * (1 + SAME_TIME), side="right")
        if self.form == "steps":
            return j, np.zeros(len(times))
        knots = np.concatenate([[0.0], self.time, [np.inf]])
        width = knots[j + 1] - knots[j]
        return j, np.where(np.isfinite(width), np.clip((times - knots[j]) / np.where(np.isfinite(width), width, 1.0), 0.0, 1.0), 0.0)

    def _through(self, risk: np.ndarray, passed: np.ndarray, part: np.ndarray) -> np.ndarray:
        """For each step the sum of risks that pass it, the last one of each patient in part."""
        k = len(self.time)
        whole = np.bincount(passed, weights=risk, minlength=k + 1)[::-1].cumsum()[::-1][1:]
        return np.asarray(whole + np.bincount(passed, weights=risk * part, minlength=k + 1)[:k])


def _at(total: np.ndarray, passed: np.ndarray, part: np.ndarray) -> np.ndarray:
    """A cumulative value (K,) or (K, p) after so many whole steps and a part of the next one."""
    padded = np.concatenate([np.zeros_like(total[:1]), total, total[-1:]])
    share = part if total.ndim == 1 else part[:, None]
    return np.asarray(padded[passed] + share * (padded[passed + 1] - padded[passed]))
