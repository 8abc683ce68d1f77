"""Survival by the product-limit method: curves with limits, medians, and follow-up by the same method turned round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import median as median_text
from haip_outcomes.formatting import plural
from haip_outcomes.survival.counts import (
    RiskSets,
    checked_times,
    group_column,
    one_after_another,
    risk_sets,
)
from haip_outcomes.survival.curves.jackknife import jackknife_of_survival, product_limit
from haip_outcomes.survival.intervals import (
    ConfType,
    checked_conf_type,
    confidence_limits,
    critical_value,
    level_in_words,
)
from haip_outcomes.survival.results import frame_of, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times

TOLERANCE = 1e-9  # 11/20 as a product of fractions is not 0.55 in floating point


@dataclass(frozen=True, eq=False, repr=False)
class SurvivalCurve:
    """Survival with its limits, a step function a group. Made by `survival_curve` and `follow_up`.

    Attributes
    ----------
    groups : names of the groups, `(None,)` without `by`.
    n, n_event : patients and events of each group, in that order; never weighted.
    sets, survival, errors : each group's counts, S(t) and its standard error at the times with events, `sets[g].event_time`.
    conf_level, conf_type : of the limits. `variance` : "Greenwood" or "infinitesimal-jackknife".
    unit, time_zero, label : of the times, as in the TimeToEvent; nothing is converted.
    caution : what must be said of the curve wherever it is shown, or nothing.
    method : the sentence the estimator writes about itself.
    """

    sets: tuple[RiskSets, ...]
    survival: tuple[np.ndarray, ...]
    errors: tuple[np.ndarray, ...]
    variance: str
    conf_level: float
    conf_type: str
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

    @property
    def n_event(self) -> tuple[int, ...]:
        """Events in each group."""
        return tuple(one.n_events() for one in self.sets)

    @cached_property
    def limits(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """The lower and the upper limit of each group's curve, at the times with events."""
        z = critical_value(self.conf_level)
        return tuple(confidence_limits(survival, error, z, self.conf_type)
                     for survival, error in zip(self.survival, self.errors, strict=True))  # fmt: skip

    def tidy(self) -> pd.DataFrame:
        """A row a group and exit time (also where patients are only censored), sorted.

        Columns: group, time, estimate, std_error (of S(t), not of its logarithm), conf_low, conf_high, n_event, n_risk,
        n_censor. NaN where R has none: at S = 0 the standard error and limits, at S = 1 the log-log, logit and arcsine limits.
        """
        estimate = one_after_another(self._everywhere(self.survival, 1.0))
        error = one_after_another(self._everywhere(self.errors, 0.0))
        low, high = confidence_limits(estimate, error, critical_value(self.conf_level), self.conf_type)
        sets = self.sets
        return frame_of({
            "group": group_column(sets, [len(one.time) for one in sets]), "time": one_after_another([one.time for one in sets]),
            "estimate": estimate, "std_error": error, "conf_low": low, "conf_high": high,
            "n_event": one_after_another([one.n_event[:, 0] for one in sets]),
            "n_risk": one_after_another([one.n_risk for one in sets]), "n_censor": one_after_another([one.n_censor for one in sets]),
        })  # fmt: skip

    def _everywhere(self, values: Sequence[np.ndarray], start: float) -> list[np.ndarray]:
        return [one.everywhere(own, start) for one, own in zip(self.sets, values, strict=True)]

    def glance(self) -> pd.DataFrame:
        """A row a group: its median as `estimate` with its limits (Brookmeyer and Crowley's), n, n_event and n_censor; never weighted."""
        return self.median().assign(n_censor=[one.n_censored() for one in self.sets])

    def at(self, times: Sequence[float] | np.ndarray | float) -> pd.DataFrame:
        """The curve at given times: a row a group and time, sorted.

        The step's value, carried forward beyond the last time, where `n_risk` is 0; before a group's first exit time it is 1,
        with limits 1 and 1. Columns: group, time, estimate, std_error, conf_low, conf_high, n_risk (entry < t <= time).
        Equals R's `summary(fit, times, extend = TRUE)`.
        """
        at = checked_times(times)
        sets = self.sets
        estimate = one_after_another([one.value_at(s, at, 1.0) for one, s in zip(sets, self.survival, strict=True)])
        error = one_after_another([one.value_at(e, at, 0.0) for one, e in zip(sets, self.errors, strict=True)])
        low, high = confidence_limits(estimate, error, critical_value(self.conf_level), self.conf_type)
        begun = one_after_another([at >= one.time[0] for one in sets])
        return frame_of({
            "group": group_column(sets, [len(at)] * len(sets)), "time": np.tile(at, len(sets)), "estimate": estimate, "std_error": error,
            "conf_low": np.where(begun, low, 1.0), "conf_high": np.where(begun, high, 1.0),
            "n_risk": one_after_another([one.at_risk(at) for one in sets]),
        })  # fmt: skip

    def quantile(self, q: float | Sequence[float] | np.ndarray) -> pd.DataFrame:
        """The times by which shares `q` have had the event: a row a group and share; NaN is not reached.

        The time at which S(t), and its limits, first come down to 1 - q. Where a curve stays exactly at 1 - q it is the middle
        of that stretch, which ends with follow-up when the curve never leaves it; q = 0 gives 0. Columns: group, quantile,
        estimate, conf_low, conf_high. Equals R's `quantile(fit, q)`, except where a limit rises again (late entry, weights, some
        conf_types): R then misses the first crossing, which is the one that Brookmeyer and Crowley define. For q = 1 R gives no limits
        on the scales that cut them at 0 (plain, arcsine).
        """
        try:
            shares = np.atleast_1d(np.asarray(q, dtype=float))
        except (TypeError, ValueError):
            shares = np.array([np.nan])
        if shares.ndim != 1 or not len(shares) or not np.all((shares >= 0) & (shares <= 1)):
            raise EndpointError(f"A quantile is a share between 0 and 1, such as 0.5 for the median; got {q!r}.")
        columns = self._crossings(shares.tolist())
        group = columns.pop("group")
        return pd.DataFrame({"group": group, "quantile": np.tile(shares, len(self.sets)), **columns})

    def _crossings(self, shares: list[float]) -> dict[str, Any]:
        curves = [(one, (survival, *limits)) for one, survival, limits in zip(self.sets, self.survival, self.limits, strict=True)]
        found = np.array([[_crossing(one.event_time, curve, share, float(one.time[-1])) for curve in three]
                          for one, three in curves for share in shares])  # fmt: skip
        return {"group": group_column(self.sets, [len(shares)] * len(self.sets)), "estimate": found[:, 0], "conf_low": found[:, 1],
                "conf_high": found[:, 2]}  # fmt: skip

    def median(self, method: str = "brookmeyer-crowley") -> pd.DataFrame:
        """Median time of each group, with its limits, n and n_event; NaN is not reached.

        method="brookmeyer-crowley": where S(t) and its pointwise limits come down to one half: `quantile(0.5)`. It equals R's
        `median(fit)`; R's `print(fit)` differs when a curve ends at exactly 0.5 (it then shows the beginning of that stretch). Brookmeyer and Crowley 1982, doi 10.2307/2530286.

        method="standard-error": the symmetric interval of many published tables, m +/- z SE(m), with

            m = first event time with S <= 0.5,  SE(m) = SE{S(m)} / f,  f = [S(u) - S(l)] / (l - u),

        u the last event time (or 0) with S >= 0.55, l the first with S <= 0.45; SE{S(m)} is the curve's (Greenwood's). Adds the
        column std_error. SE and limits are NaN when S never falls to 0.45, or falls below it at time 0; a lower limit below 0 is shown as computed. It covers
        about 85% at 30 patients instead of 95%: only to compare with a published interval of that kind. Collett, Modelling
        Survival Data in Medical Research, section 2.4; the form SPSS is believed to print.
        """
        if method == "brookmeyer-crowley":
            columns = self._crossings([0.5])
        elif method == "standard-error":
            found = np.array([_median_by_standard_error(one, survival, errors)
                              for one, survival, errors in zip(self.sets, self.survival, self.errors, strict=True)])  # fmt: skip
            half = critical_value(self.conf_level) * found[:, 1]
            columns = {"group": group_column(self.sets, [1] * len(self.sets)), "estimate": found[:, 0], "std_error": found[:, 1],
                       "conf_low": found[:, 0] - half, "conf_high": found[:, 0] + half}  # fmt: skip
        else:
            raise EndpointError(f'There is no method "{method}" for a median. '
                                f'{did_you_mean(method, ("brookmeyer-crowley", "standard-error"))}')  # fmt: skip
        return frame_of({**columns, "n": list(self.n), "n_event": list(self.n_event)})

    def __repr__(self) -> str:
        found = self.median()
        limits = zip(*(found[name].to_list() for name in ("estimate", "conf_low", "conf_high")), strict=True)
        rows = [
            f"  {'' if one.group is None else f'{one.group}: '}n {one.n}, events {one.n_events()}, "
            f"median {median_text(*each)} {self.unit}"
            for one, each in zip(self.sets, limits, strict=True)
        ]
        return "\n".join([f"{self.label + ': ' if self.label else ''}{self.method}", *rows])

    def _repr_html_(self) -> str:
        return shown_as_html(self.label or "Survival", self.median(), self.method)


def survival_curve(
    tte: TimeToEvent,
    by: Any = None,
    *,
    weights: Any = None,
    conf_level: float = 0.95,
    conf_type: ConfType = "log-log",
    robust: bool | None = None,
) -> SurvivalCurve:
    """How many are still free of the event as time goes on, counting everybody for as long as they were followed.

    Kaplan-Meier, with n_j at risk and d_j events at the event times t_j (Greenwood's variance):

        S(t) = prod_{t_j <= t} (1 - d_j / n_j),    SE{S(t)} = S(t) sqrt( sum_{t_j <= t} d_j / (n_j (n_j - d_j)) )

    and pointwise limits S +/- z SE on the scale `conf_type`: plain (cut at 0 and 1), log, log-log (of -log S), logit,
    or arcsine (of sqrt S), carried back.

    Parameters
    ----------
    tte : times of one kind of event, with delayed entry and several rows a patient as they are. At risk at t: entry < t <= time.
        When delayed entry leaves a risk set in which everybody has the event, S is 0 from there on, as in R.
    by : groups, a Series aligned by index or an array of one value a row.
    weights : case weights. Whole numbers count as copies (Greenwood's variance of the copies). With any fraction the
        standard error is the infinitesimal jackknife over patients, as survfit does; also when a patient has several events.
        The counts in `tidy()` are then sums of weights.
    conf_level : of the pointwise limits.
    robust : True takes the infinitesimal jackknife, False Greenwood's variance, whatever the weights are; weights that mean something
        else than copies, such as those of a propensity score, need True where they happen to be whole numbers.

    Raises
    ------
    EndpointError : competing events (1 - KM would overstate the risk); a group or weight that is missing; an unknown conf_type.

    Kaplan and Meier 1958, doi 10.1080/01621459.1958.10501452. Equals R's
    `survfit(Surv(time, status) ~ by, conf.type = "log-log")`, whose default is "log"; arcsine is R's "arcsin".

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"months": [2, 4, 4, 6, 7, 9], "died": [1, 1, 0, 1, 1, 0]})
    >>> curve = survival_curve(TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"]))
    >>> curve.at([5])[["estimate", "std_error", "n_risk"]].round(4).to_numpy().tolist()
    [[0.6667, 0.1925, 3.0]]
    >>> curve
    Kaplan-Meier, Greenwood standard error, 95% log-log limits; 6 patients, 4 events
      n 6, events 4, median 6.0 (2.0, NR) months
    """
    require_times(tte, "survival_curve")
    tte.single("survival_curve")
    return _curve(tte, by, weights, conf_level, conf_type, "Kaplan-Meier", ("event", "events"), robust)


def follow_up(tte: TimeToEvent, by: Any = None) -> SurvivalCurve:
    """How long patients were followed, or would have been had they not had the event: its median is the median follow-up.

    The reverse Kaplan-Meier: the curve of "still under observation", in which the end of observation is the event and any
    event ends observation like a censoring. The indicator is flipped as it stands: at a tie an observation that ends counts
    before an event that happens (prodlim's reverse turns that order round, and differs under ties). A row that the same
    patient's next row carries on ends nothing.

    Parameters and results are those of `survival_curve`; any number of kinds of event is accepted.

    Schemper and Smith 1996, doi 10.1016/0197-2456(96)00075-X. Equals R's `survfit(Surv(time, status == 0) ~ by,
    conf.type = "log-log")`.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"months": [2, 4, 4, 6, 7, 9], "died": [1, 1, 0, 1, 1, 0]})
    >>> follow_up(TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"])).median()["estimate"].item()
    9.0
    """
    require_times(tte, "follow_up")
    ended = (tte.state == 0) & ~tte.continued
    flipped = tte._with(state=ended.astype(np.int64), states=("End of follow-up",), censored_causes=())
    return _curve(flipped, by, None, 0.95, "log-log", "Follow-up by reverse Kaplan-Meier",
                  ("end of follow-up", "ends of follow-up"))  # fmt: skip


def _curve(
    tte: TimeToEvent, by: Any, weights: Any, conf_level: float, conf_type: str, name: str, nouns: tuple[str, str], robust: bool | None = None
) -> SurvivalCurve:
    critical_value(conf_level)
    checked_conf_type(conf_type)
    sets = risk_sets(tte, by, weights)
    if robust is None:
        robust = any(np.any(one.weights % 1 != 0) for one in sets if one.weights is not None) or _several_events(tte)
    survival, errors = zip(*(_steps(one, robust) for one in sets), strict=True)
    variance = "infinitesimal-jackknife" if robust else "Greenwood"
    words = [f"weighted {name}" if weights is not None else name, f"{variance} standard error",
             f"{level_in_words(conf_level)} {conf_type} limits", "delayed entry" if tte.entry is not None else ""]  # fmt: skip
    events = sum(one.n_events() for one in sets)
    sentence = ", ".join(word for word in words if word)
    who = f"{plural(tte.n, 'patient')}, {plural(events, *nouns)}"
    caution = f"; {tte.caution}" if tte.caution else ""
    return SurvivalCurve(
        sets=sets, survival=survival, errors=errors, variance=variance, conf_level=conf_level, conf_type=conf_type,
        unit=tte.unit, time_zero=tte.time_zero, label=tte.label, caution=tte.caution, method=f"{_capital(sentence)}; {who}{caution}",
    )  # fmt: skip


def _steps(one: RiskSets, robust: bool) -> tuple[np.ndarray, np.ndarray]:
    """S(t) and its standard error at the times with events; Greenwood's is NaN once S is 0."""
    survival, errors = np.empty((2, int(np.count_nonzero(one.eventful))))
    s, total = 1.0, 0.0
    for part, n, (d,) in one.stretches():
        if not len(n):
            continue
        survival[part] = product_limit(n, d, s)
        with np.errstate(divide="ignore", invalid="ignore"):
            sums = d / (n * (n - d))
            sums[0] += total
            errors[part] = survival[part] * np.sqrt(np.cumsum(sums, out=sums))
        s, total = survival[part][-1], sums[-1]
    return survival, jackknife_of_survival(one, survival) if robust else errors


def _crossing(time: np.ndarray, curve: np.ndarray, share: float, end: float) -> float:
    """When 1 - curve first reaches a share; the middle of the stretch on which it equals it, which follow-up ends."""
    if share == 0:
        return 0.0
    reached = 1 - curve
    there = reached >= share - TOLERANCE  # never where the curve is NaN
    first = int(there.argmax()) if len(there) else -1
    if first < 0 or not there[first]:
        return float("nan")
    if abs(reached[first] - share) > TOLERANCE:
        return float(time[first])
    beyond = reached > share + TOLERANCE
    second = int(beyond.argmax())
    return float((time[first] + (time[second] if beyond[second] else end)) / 2)


def _median_by_standard_error(one: RiskSets, survival: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    time, s, e = np.append(0.0, one.event_time), np.append(1.0, survival), np.append(0.0, errors)
    half = np.flatnonzero(s <= 0.5 + TOLERANCE)
    lower = np.flatnonzero(s <= 0.45 + TOLERANCE)
    upper = np.flatnonzero(s >= 0.55 - TOLERANCE)[-1]
    median = time[half[0]] if len(half) else np.nan
    if not len(lower):
        return float(median), float("nan")
    if time[lower[0]] == time[upper]:  # more than half at time 0
        return float(median), float("nan")
    density = (s[upper] - s[lower[0]]) / (time[lower[0]] - time[upper])
    return float(median), float(e[half[0]] / density)


def _several_events(tte: TimeToEvent) -> bool:
    """Does any patient have more than one event? Then rows are not independent, and survfit turns to its robust variance."""
    if tte.id is None:
        return False
    with_event = tte.id[tte.state > 0]
    return len(np.unique(with_event)) < len(with_event)


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
