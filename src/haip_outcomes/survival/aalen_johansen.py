"""Cumulative incidence: the probability of each kind of event, when having one ends the chance of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import number, plural
from haip_outcomes.survival.counts import RiskSets, checked_times, risk_sets, steps
from haip_outcomes.survival.jackknife import infinitesimal_jackknife, product_limit
from haip_outcomes.survival.kaplan_meier import confidence_limits, critical_value
from haip_outcomes.survival.results import in_order, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times

Variance = Literal["cmprsk", "infinitesimal-jackknife"]


@dataclass(frozen=True, eq=False, repr=False)
class CumulativeIncidence:
    """Probabilities of each kind of event, step functions. Made by `cumulative_incidence`.

    Attributes
    ----------
    states : the kinds of event; `groups` : names of the groups, `(None,)` without `by`; `n` : patients in each.
    variance, conf_level : of the limits, which are log-log.
    unit, time_zero, label, caution : as in the TimeToEvent.
    method : the sentence the estimator writes about itself.
    """

    frame: pd.DataFrame
    sets: tuple[RiskSets, ...]
    states: tuple[str, ...]
    variance: str
    conf_level: float
    unit: str
    time_zero: str
    label: str
    caution: str
    method: str

    @property
    def groups(self) -> tuple[str | None, ...]:
        """Names of the groups, sorted; `(None,)` without `by`."""
        return tuple(one.group for one in self.sets)

    @property
    def n(self) -> tuple[int, ...]:
        """Patients in each group."""
        return tuple(one.n for one in self.sets)

    def n_event(self, outcome: str) -> tuple[int, ...]:
        """Events of one kind in each group."""
        return tuple(one.n_events(self.states.index(outcome) + 1) for one in self.sets)

    def tidy(self) -> pd.DataFrame:
        """A row a group, exit time and outcome, sorted so, outcomes in the order of the states.

        Columns: outcome, group, time, estimate, std_error, conf_low, conf_high, n_event (of this outcome), n_risk, n_censor.
        Limits are NaN where the incidence is 0 or 1.
        """
        return self.frame.copy()

    def at(self, times: Sequence[float] | np.ndarray | float) -> pd.DataFrame:
        """The incidences at given times: a row a group, time and outcome, sorted.

        The step's value, carried forward beyond the last time, where `n_risk` is 0; before a group's first exit time it is 0,
        with limits 0 and 0. Columns: outcome, group, time, estimate, std_error, conf_low, conf_high, n_risk
        (entry < t <= time). Equals R's `summary(fit, times, extend = TRUE)`, and cmprsk's `timepoints`.
        """
        at = checked_times(times)
        parts = []
        for one, rows in self._by_group():
            values = {name: steps(one.time, rows[name].to_numpy().reshape(len(one.time), -1), at, 0.0)
                      for name in ("estimate", "std_error", "conf_low", "conf_high")}  # fmt: skip
            parts.append(_long(one, self.states, at, n_risk=one.at_risk(at), **values))
        return in_order(pd.concat(parts))

    def event_free(self) -> pd.DataFrame:
        """The probability of no event of any kind: a row a group and exit time; group, time, estimate, n_risk.

        It is the Kaplan-Meier curve of the composite of all events; with the incidences it adds up to 1.
        """
        parts = []
        for one in self.sets:
            survival = product_limit(one.n_risk, one.n_event.sum(axis=1))
            group = np.full(len(one.time), one.group, dtype=object)
            parts.append(pd.DataFrame({"group": group, "time": one.time, "estimate": survival, "n_risk": one.n_risk}))
        return in_order(pd.concat(parts))

    def _by_group(self) -> list[tuple[RiskSets, pd.DataFrame]]:
        sizes = [len(one.time) * len(self.states) for one in self.sets]
        return [(one, self.frame.iloc[end - size:end])
                for one, size, end in zip(self.sets, sizes, np.cumsum(sizes), strict=True)]  # fmt: skip

    def __repr__(self) -> str:
        rows = [
            f"  {'' if one.group is None else f'{one.group}: '}n {one.n}, "
            + ", ".join(f"{outcome} {one.n_events(k)}" for k, outcome in enumerate(self.states, start=1))
            for one in self.sets
        ]
        return "\n".join([f"{self.label + ': ' if self.label else ''}{self.method}", *rows])

    def _repr_html_(self) -> str:
        last = [rows.iloc[-len(self.states):] for _, rows in self._by_group()]  # fmt: skip
        return shown_as_html(self.label or "Cumulative incidence", pd.concat(last), self.method)


def cumulative_incidence(
    tte: TimeToEvent,
    by: Any = None,
    *,
    weights: Any = None,
    variance: Variance = "cmprsk",
    conf_level: float = 0.95,
) -> CumulativeIncidence:
    """How probable each kind of event is by a given time, when a patient who has one can no longer have the others.

    Aalen-Johansen, with n_j at risk, d_j events of any kind and d_kj of kind k at t_j:

        F_k(t) = sum_{t_j <= t} S(t_j-) d_kj / n_j,     S(t) = prod_{t_j <= t} (1 - d_j / n_j),     S + sum_k F_k = 1

    The standard error is one of two, which differ by up to 2.4% in R as here:

    - "cmprsk" (Gray's cuminc): at each event time, for the other causes' m deaths and then for cause k's m, with S- before and
      S after, n at risk and F_k updated first, q = S-^2 m [1 - (m - 1)/(n - 1)] / n^2 (no bracket when m = 1), a = F_k / S (plus
      1 for cause k), b = 1/S (0 if S = 0; other causes are then skipped): v1 += a^2 q, v2 += a b q, v3 += b^2 q; the variance is
      v1 + F_k^2 v3 - 2 F_k v2, which changes only at times of cause k.
    - "infinitesimal-jackknife" (survfit's for several states): sqrt of the sum over patients of (w_i dF_k/dw_i)^2.
      It is the only one with weights or delayed entry.

    Limits are F_k ^ exp(+/- z SE / (F_k ln F_k)): log-log, as tidycmprsk and survfit's conf.type = "log-log".

    Parameters
    ----------
    tte : times and states; one state is accepted (then F = 1 - Kaplan-Meier).
    by : groups, a Series aligned by index or an array of one value a row.
    weights : case weights (also sampling weights); the counts in `tidy()` are then sums of weights.
    variance, conf_level : of the pointwise limits.

    Raises
    ------
    EndpointError : weights or delayed entry with variance="cmprsk"; a group or weight that is missing.

    Gray 1988, doi 10.1214/aos/1176350951; the limits are discussed in Choudhury 2002, doi 10.1002/sim.1070. Equals R's
    `cmprsk::cuminc(time, state, by)` or `survfit(Surv(time, factor(state)) ~ by, conf.type = "log-log")`.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"months": [2, 4, 4, 6, 7, 9], "state": [1, 2, 0, 1, 2, 0]})
    >>> tte = TimeToEvent.from_frame(frame, time="months", state="state", states=["Liver", "Death"])
    >>> cumulative_incidence(tte).at(6)[["outcome", "estimate", "std_error"]].round(4).to_numpy().tolist()
    [['Liver', 0.3889, 0.2596], ['Death', 0.1667, 0.17]]
    """
    require_times(tte, "cumulative_incidence")
    if variance not in ("cmprsk", "infinitesimal-jackknife"):
        raise EndpointError(f'There is no variance "{variance}". {did_you_mean(variance, ("cmprsk", "infinitesimal-jackknife"))}')
    what = "weights" if weights is not None else "delayed entry" if tte.entry is not None else ""
    if variance == "cmprsk" and what:
        raise EndpointError(f'cmprsk\'s variance is not defined with {what}: pass variance="infinitesimal-jackknife" '
                            "(survfit's) to cumulative_incidence.")  # fmt: skip
    z = critical_value(conf_level)
    sets = risk_sets(tte, by, weights)
    parts = []
    for one in sets:
        hazard = one.n_event / one.n_risk[:, None]
        survival = product_limit(one.n_risk, one.n_event.sum(axis=1))
        incidence = np.cumsum(np.concatenate([[1.0], survival[:-1]])[:, None] * hazard, axis=0)
        se = gray_errors(one, survival, incidence) if variance == "cmprsk" else infinitesimal_jackknife(one)
        low, high = confidence_limits(incidence, se, z, "log-log")
        parts.append(_long(one, tte.states, one.time, estimate=incidence, std_error=se, conf_low=low, conf_high=high,
                           n_event=one.n_event, n_risk=one.n_risk, n_censor=one.n_censor))  # fmt: skip
    name = "weighted Aalen-Johansen" if weights is not None else "Aalen-Johansen"
    late = ", delayed entry" if tte.entry is not None else ""
    level = number(100 * conf_level, 0 if (100 * conf_level) % 1 == 0 else 1)
    events = ", ".join(f"{state} {tte.counts[state]}" for state in tte.states)
    caution = f"; {tte.caution}" if tte.caution else ""
    method = (f"Cumulative incidence by {name}{late}, {variance} standard error, {level}% log-log limits; "
              f"{plural(tte.n, 'patient')}; {events}{caution}")  # fmt: skip
    return CumulativeIncidence(
        frame=in_order(pd.concat(parts)), sets=sets, states=tte.states, variance=variance, conf_level=conf_level,
        unit=tte.unit, time_zero=tte.time_zero, label=tte.label, caution=tte.caution, method=method,
    )  # fmt: skip


def _long(one: RiskSets, states: tuple[str, ...], at: np.ndarray, **columns: np.ndarray) -> pd.DataFrame:
    """Arrays (times,) or (times, states) as a row a time and state."""
    k = len(states)
    return pd.DataFrame({
        "outcome": np.tile(np.array(states, dtype=object), len(at)),
        "group": np.full(len(at) * k, one.group, dtype=object), "time": np.repeat(at, k),
        **{name: values.ravel() if values.ndim == 2 else np.repeat(values, k) for name, values in columns.items()},
    })  # fmt: skip


def gray_errors(one: RiskSets, survival: np.ndarray, incidence: np.ndarray) -> np.ndarray:
    """cuminc's standard errors, (T, K); the symbols are those of `cumulative_incidence`."""
    n = one.n_risk.astype(float)
    before = np.concatenate([[1.0], survival[:-1]])
    alive = survival > 0
    b = np.divide(1.0, survival, out=np.zeros_like(survival), where=alive)

    def q(m: np.ndarray) -> np.ndarray:
        bracket = 1 - np.divide(m - 1, n - 1, out=np.zeros_like(n), where=m > 1)
        return before**2 * m * bracket / n**2

    errors = np.empty_like(incidence)
    for k in range(incidence.shape[1]):
        f, own = incidence[:, k], one.n_event[:, k].astype(float)
        others = np.where(alive, q(one.n_event.sum(axis=1) - own), 0.0)
        a_others, a_own = f * b, 1 + f * b
        v1 = np.cumsum(a_others**2 * others + a_own**2 * q(own))
        v2 = np.cumsum(b * (a_others * others + a_own * q(own)))
        v3 = np.cumsum(b**2 * (others + q(own)))
        errors[:, k] = np.sqrt(np.maximum(v1 + f**2 * v3 - 2 * f * v2, 0.0))
    return errors
