"""Cumulative incidence: the probability of each kind of event, when having one ends the chance of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import plural
from haip_outcomes.survival.counts import (
    RiskSets,
    checked_times,
    group_column,
    one_after_another,
    risk_sets,
)
from haip_outcomes.survival.curves.jackknife import infinitesimal_jackknife, product_limit
from haip_outcomes.survival.intervals import confidence_limits, critical_value, level_in_words
from haip_outcomes.survival.results import frame_of, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times

Variance = Literal["cmprsk", "infinitesimal-jackknife"]


@dataclass(frozen=True, eq=False, repr=False)
class CumulativeIncidence:
    """Probabilities of each kind of event, step functions. Made by `cumulative_incidence`.

    Attributes
    ----------
    states : the kinds of event; `groups` : names of the groups, `(None,)` without `by`; `n` : patients in each.
    sets, survival, incidence, errors : each group's counts, the probability of no event (E,), those of each kind (E, K) and their
        standard errors, at the times with events, `sets[g].event_time`.
    variance, conf_level : of the limits, which are log-log.
    unit, time_zero, label, caution : as in the TimeToEvent.
    method : the sentence the estimator writes about itself.
    """

    sets: tuple[RiskSets, ...]
    survival: tuple[np.ndarray, ...]
    incidence: tuple[np.ndarray, ...]
    errors: tuple[np.ndarray, ...]
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
        if outcome not in self.states:
            raise EndpointError(f'There is no event "{outcome}". {did_you_mean(outcome, self.states)}')
        return tuple(one.n_events(self.states.index(outcome) + 1) for one in self.sets)

    def tidy(self) -> pd.DataFrame:
        """A row a group, exit time and outcome, sorted so, outcomes in the order of the states.

        Columns: outcome, group, time, estimate, std_error, conf_low, conf_high, n_event (of this outcome), n_risk, n_censor.
        Limits are NaN where the incidence is 0 or 1.
        """
        curves = [(one.everywhere(f, 0.0), one.everywhere(e, 0.0)) for one, f, e in self._curves]
        return self._long(
            [one.time for one in self.sets], curves,
            n_event=[one.n_event for one in self.sets], n_risk=[one.n_risk for one in self.sets],
            n_censor=[one.n_censor for one in self.sets],
        )  # fmt: skip

    def glance(self) -> pd.DataFrame:
        """A row a group and outcome: its incidence at the group's last exit time, with limits, and n and n_event; never weighted."""
        found = [(one.value_at(f, one.time[-1:], 0.0), one.value_at(e, one.time[-1:], 0.0)) for one, f, e in self._curves]
        return self._long([one.time[-1:] for one in self.sets], found, n=[np.array([one.n]) for one in self.sets],
                          n_event=[np.array([[one.n_events(k) for k in range(1, len(self.states) + 1)]]) for one in self.sets])  # fmt: skip

    def at(self, times: Sequence[float] | np.ndarray | float) -> pd.DataFrame:
        """The incidences at given times: a row a group, time and outcome, sorted.

        The step's value, carried forward beyond the last time, where `n_risk` is 0; before a group's first exit time it is 0,
        with limits 0 and 0. Columns: outcome, group, time, estimate, std_error, conf_low, conf_high, n_risk
        (entry < t <= time). Equals R's `summary(fit, times, extend = TRUE)`, and cmprsk's `timepoints`.
        """
        at = checked_times(times)
        found = [(one.value_at(f, at, 0.0), one.value_at(e, at, 0.0)) for one, f, e in self._curves]
        return self._long([at] * len(self.sets), found, begun=[at >= one.time[0] for one in self.sets],
                          n_risk=[one.at_risk(at) for one in self.sets])  # fmt: skip

    def event_free(self) -> pd.DataFrame:
        """The probability of no event of any kind: a row a group and exit time; group, time, estimate, n_risk.

        It is the Kaplan-Meier curve of the composite of all events; with the incidences it adds up to 1.
        """
        sets = self.sets
        return frame_of({
            "group": group_column(sets, [len(one.time) for one in sets]), "time": one_after_another([one.time for one in sets]),
            "estimate": one_after_another([one.everywhere(s, 1.0) for one, s in zip(sets, self.survival, strict=True)]),
            "n_risk": one_after_another([one.n_risk for one in sets]),
        })  # fmt: skip

    @property
    def _curves(self) -> list[tuple[RiskSets, np.ndarray, np.ndarray]]:
        return list(zip(self.sets, self.incidence, self.errors, strict=True))

    def _long(
        self, times: Sequence[np.ndarray], curves: Sequence[tuple[np.ndarray, np.ndarray]], *,
        begun: Sequence[np.ndarray] = (), **columns: Sequence[np.ndarray],
    ) -> pd.DataFrame:  # fmt: skip
        """Each group's arrays, (times,) or (times, states), as a row a time and state; limits are 0 before a curve has begun."""
        k = len(self.states)

        def rows(parts: Sequence[np.ndarray]) -> np.ndarray:
            return one_after_another([part.ravel() if part.ndim == 2 else np.repeat(part, k) for part in parts])

        estimate, error = rows([curve for curve, _ in curves]), rows([error for _, error in curves])
        low, high = confidence_limits(estimate, error, critical_value(self.conf_level), "log-log")
        if len(begun):
            known = rows(begun)
            low, high = np.where(known, low, 0.0), np.where(known, high, 0.0)
        time = rows(times)
        return frame_of({
            "outcome": np.tile(np.array(self.states, dtype=object), len(time) // k),
            "group": group_column(self.sets, [k * len(part) for part in times]), "time": time, "estimate": estimate,
            "std_error": error, "conf_low": low, "conf_high": high, **{name: rows(parts) for name, parts in columns.items()},
        })  # fmt: skip

    def __repr__(self) -> str:
        rows = [
            f"  {'' if one.group is None else f'{one.group}: '}n {one.n}, "
            + ", ".join(f"{outcome} {one.n_events(k)}" for k, outcome in enumerate(self.states, start=1))
            for one in self.sets
        ]
        return "\n".join([f"{self.label + ': ' if self.label else ''}{self.method}", *rows])

    def _repr_html_(self) -> str:
        return shown_as_html(self.label or "Cumulative incidence", self.glance(), self.method)


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
    critical_value(conf_level)
    sets = risk_sets(tte, by, weights)
    curves = [_curve(one, variance) for one in sets]
    name = "weighted Aalen-Johansen" if weights is not None else "Aalen-Johansen"
    late = ", delayed entry" if tte.entry is not None else ""
    events = ", ".join(f"{state} {sum(one.n_events(k) for one in sets)}" for k, state in enumerate(tte.states, start=1))
    caution = f"; {tte.caution}" if tte.caution else ""
    method = (f"Cumulative incidence by {name}{late}, {variance} standard error, {level_in_words(conf_level)} log-log limits; "
              f"{plural(tte.n, 'patient')}; {events}{caution}")  # fmt: skip
    survival, incidence, errors = zip(*curves, strict=True)
    return CumulativeIncidence(
        sets=sets, survival=survival, incidence=incidence, errors=errors, states=tte.states, variance=variance, conf_level=conf_level,
        unit=tte.unit, time_zero=tte.time_zero, label=tte.label, caution=tte.caution, method=method,
    )  # fmt: skip


def _curve(one: RiskSets, variance: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """S (E,), F (E, K) and its standard errors (E, K) of one group, at the times with events."""
    e, k = int(one.eventful.sum()), len(one.rows.states)
    survival, incidence, errors = np.empty(e), np.empty((k, e)).T, np.empty((k, e)).T
    s, f, sums = 1.0, np.zeros(k, dtype=np.longdouble), np.zeros((k, 3))
    for part, n, own in one.stretches():
        if not len(n):
            continue
        survival[part], incidence[part], after = incidences(n, own, s, f)
        if variance == "cmprsk":
            errors[part] = gray_errors(n, own, survival[part], incidence[part], s, f, sums)
        s, f = survival[part][-1], after
        if s == 0:
            ended = incidence[part]
            ended[(survival[part] == 0)[:, None] & (np.abs(ended - 1) < 1e-12)] = 1.0  # of sums of fractions
    return survival, incidence, errors if variance == "cmprsk" else infinitesimal_jackknife(one, survival, incidence)


def incidences(
    n: np.ndarray, own: np.ndarray, s_before: float, f_before: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """S (E,) and F (E, K) from n at risk (E,) and d_k events (K, E), S and F having been such before; and F at the end.

    What S loses at each time, S- - S = S- d/n, is shared out among the causes. So S and all F_k add up to 1.
    """
    d = own.sum(axis=0)
    survival = product_limit(n, d, s_before)
    if len(own) == 1:
        return survival, (1.0 - survival)[:, None], f_before
    share = (_lagged(survival, s_before) - survival) / d
    incidence = [before + np.cumsum(share * d_k, dtype=np.longdouble) for d_k, before in zip(own, f_before, strict=True)]
    return survival, np.array(incidence, dtype=float).T, np.array([f[-1] for f in incidence])


def gray_errors(
    n: np.ndarray, own: np.ndarray, survival: np.ndarray, incidence: np.ndarray, s_before: float, f_before: np.ndarray, sums: np.ndarray
) -> np.ndarray:
    """cuminc's standard errors, (E, K); the symbols are those of `cumulative_incidence`. `sums` (K, 3) are carried on.

    Its variance v1 + F^2 v3 - 2 F v2 is sum (a - F b)^2 q, where a - F b is 1 for cause k's own deaths and 0 for the others when they
    happen and falls by b dF when F rises by dF. Summed so, nothing large is taken from anything large (b runs to 1/S).
    """
    pace = (_lagged(survival, s_before) / n) ** 2
    b = np.divide(1.0, survival, out=np.zeros_like(survival), where=survival > 0)
    d = own.sum(axis=0)

    def q(m: np.ndarray) -> np.ndarray:
        return pace * m * np.where(m > 1, (n - m) / np.maximum(n - 1, 1), 1.0)

    variance = np.empty_like(incidence)
    for k, d_k in enumerate(own):
        mine, others = q(d_k), q(d - d_k)
        rise = np.diff(incidence[:, k], prepend=float(f_before[k]))
        squares = sums[k, 2] + np.cumsum(b * b * (mine + others))  # sum of b^2 q
        before = _lagged(squares, sums[k, 2])
        products = sums[k, 1] + np.cumsum(b * mine - rise * before)  # sum of (a - F b) b q
        variance[:, k] = sums[k, 0] + np.cumsum(mine + rise * (rise * before - 2 * _lagged(products, sums[k, 1])))
        sums[k] = variance[-1, k], products[-1], squares[-1]
    rounding = 4e-16 * np.maximum.accumulate(np.abs(variance), axis=0)  # of terms that cancel: such a variance is 0
    return np.sqrt(np.where(variance > rounding, variance, 0.0))


def _lagged(values: np.ndarray, first: float) -> np.ndarray:
    """The value just before each time."""
    return np.concatenate([[first], values[:-1]])
