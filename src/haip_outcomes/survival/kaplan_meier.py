"""Survival by the product-limit method: curves with limits, medians, and follow-up by the same method turned round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import ndtri

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import median as median_text
from haip_outcomes.formatting import number, plural
from haip_outcomes.survival.counts import RiskSets, checked_times, risk_sets, steps
from haip_outcomes.survival.jackknife import infinitesimal_jackknife, product_limit
from haip_outcomes.survival.results import in_order, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times

ConfType = Literal["plain", "log", "log-log", "logit", "arcsine"]
TOLERANCE = 1e-9  # 11/20 as a product of fractions is not 0.55 in floating point


@dataclass(frozen=True, eq=False, repr=False)
class SurvivalCurve:
    """Survival with its limits, a step function a group. Made by `survival_curve` and `follow_up`.

    Attributes
    ----------
    groups : names of the groups, `(None,)` without `by`.
    n, n_event : patients and events of each group, in that order; never weighted.
    conf_level, conf_type : of the limits.
    unit, time_zero, label : of the times, as in the TimeToEvent; nothing is converted.
    caution : what must be said of the curve wherever it is shown, or nothing.
    method : the sentence the estimator writes about itself.
    """

    frame: pd.DataFrame
    sets: tuple[RiskSets, ...]
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

    def tidy(self) -> pd.DataFrame:
        """A row a group and exit time (also where patients are only censored), sorted.

        Columns: group, time, estimate, std_error (of S(t), not of its logarithm), conf_low, conf_high, n_event, n_risk,
        n_censor. NaN where R has none: at S = 0 the standard error and limits, at S = 1 the log-log, logit and arcsine limits.
        """
        return self.frame.copy()

    def at(self, times: Sequence[float] | np.ndarray | float) -> pd.DataFrame:
        """The curve at given times: a row a group and time, sorted.

        The step's value, carried forward beyond the last time, where `n_risk` is 0; before a group's first exit time it is 1,
        with limits 1 and 1. Columns: group, time, estimate, std_error, conf_low, conf_high, n_risk (entry < t <= time).
        Equals R's `summary(fit, times, extend = TRUE)`.
        """
        at = checked_times(times)
        begin = {"estimate": 1.0, "std_error": 0.0, "conf_low": 1.0, "conf_high": 1.0}
        parts = []
        for one, rows in self._by_group():
            values = {name: steps(one.time, rows[name].to_numpy(), at, start) for name, start in begin.items()}
            group = np.full(len(at), one.group, dtype=object)
            parts.append(pd.DataFrame({"group": group, "time": at, **values, "n_risk": one.at_risk(at)}))
        return in_order(pd.concat(parts))

    def quantile(self, q: float | Sequence[float] | np.ndarray) -> pd.DataFrame:
        """The times by which shares `q` have had the event: a row a group and share; NaN is not reached.

        The time at which S(t), and its limits, first come down to 1 - q. Where a curve stays exactly at 1 - q it is the middle
        of that stretch, which ends with follow-up when the curve never leaves it; q = 0 gives 0. Columns: group, quantile,
        estimate, conf_low, conf_high. Equals R's `quantile(fit, q)`, except where a limit rises again (late entry, weights, some
        conf_types): R then misses the first crossing, which is the one that Brookmeyer and Crowley define.
        """
        shares = np.atleast_1d(np.asarray(q, dtype=float))
        if shares.ndim != 1 or not np.all((shares >= 0) & (shares <= 1)):
            raise EndpointError(f"A quantile is a share between 0 and 1, such as 0.5 for the median; got {q!r}.")
        rows = [
            {"group": one.group, "quantile": float(share),
             **{name: _crossing(one.time, curve[name].to_numpy(), float(share))
                for name in ("estimate", "conf_low", "conf_high")}}
            for one, curve in self._by_group() for share in shares
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def median(self, method: str = "brookmeyer-crowley") -> pd.DataFrame:
        """Median time of each group, with its limits, n and n_event; NaN is not reached.

        method="brookmeyer-crowley": where S(t) and its pointwise limits come down to one half: `quantile(0.5)`. It equals R's
        `median(fit)`; R's `print(fit)` differs when a curve ends at exactly 0.5 (it then shows the beginning of that stretch). Brookmeyer and Crowley 1982, doi 10.2307/2530286.

        method="standard-error": the symmetric interval of many published tables, m +/- z SE(m), with

            m = first event time with S <= 0.5,  SE(m) = SE{S(m)} / f,  f = [S(u) - S(l)] / (l - u),

        u the last event time (or 0) with S >= 0.55, l the first with S <= 0.45; SE{S(m)} is the curve's (Greenwood's). Adds the
        column std_error. SE and limits are NaN when S never falls to 0.45; a lower limit below 0 is shown as computed. It covers
        about 85% at 30 patients instead of 95%: only to compare with a published interval of that kind. Collett, Modelling
        Survival Data in Medical Research, section 2.4; the form SPSS is believed to print.
        """
        if method == "brookmeyer-crowley":
            table = self.quantile(0.5).drop(columns="quantile")
        elif method == "standard-error":
            z = critical_value(self.conf_level)
            table = pd.DataFrame([_median_by_standard_error(one, rows, z) for one, rows in self._by_group()])
        else:
            raise EndpointError(f'There is no method "{method}" for a median. '
                                f'{did_you_mean(method, ("brookmeyer-crowley", "standard-error"))}')  # fmt: skip
        return in_order(table.assign(n=self.n, n_event=self.n_event))

    def _by_group(self) -> list[tuple[RiskSets, pd.DataFrame]]:
        ends = np.cumsum([len(one.time) for one in self.sets])
        return [(one, self.frame.iloc[end - len(one.time):end]) for one, end in zip(self.sets, ends, strict=True)]  # fmt: skip

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

    Raises
    ------
    EndpointError : competing events (1 - KM would overstate the risk); a group or weight that is missing; an unknown conf_type.

    Kaplan and Meier 1958, doi 10.1080/01621459.1958.10501452. Equals R's
    `survfit(Surv(time, status) ~ by, conf.type = "log-log")`, whose default is "log"; arcsine is R's "arcsin". Times are
    compared exactly; survfit also joins times that differ by rounding error (its `timefix`).

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
    return _curve(tte, by, weights, conf_level, conf_type, "Kaplan-Meier", ("event", "events"))


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
    flipped = replace(tte, state=ended.astype(np.int64), states=("End of follow-up",), censored_causes=())
    return _curve(flipped, by, None, 0.95, "log-log", "Follow-up by reverse Kaplan-Meier",
                  ("end of follow-up", "ends of follow-up"))  # fmt: skip


def _curve(
    tte: TimeToEvent, by: Any, weights: Any, conf_level: float, conf_type: str, name: str, nouns: tuple[str, str]
) -> SurvivalCurve:
    z = critical_value(conf_level)
    if conf_type not in get_args(ConfType):
        raise EndpointError(f'There is no conf_type "{conf_type}". {did_you_mean(conf_type, get_args(ConfType))}')
    sets = risk_sets(tte, by, weights)
    robust = weights is not None and any(np.any(one.weights % 1 != 0) for one in sets if one.weights is not None)
    robust = robust or _several_events(tte)
    parts = []
    for one in sets:
        d, n = one.n_event[:, 0], one.n_risk
        survival = product_limit(n, d)
        se = infinitesimal_jackknife(one)[:, 0] if robust else greenwood(survival, n, d)
        low, high = confidence_limits(survival, se, z, conf_type)
        group = np.full(len(n), one.group, dtype=object)
        parts.append(pd.DataFrame({"group": group, "time": one.time, "estimate": survival, "std_error": se, "conf_low": low,
                                   "conf_high": high, "n_event": d, "n_risk": n, "n_censor": one.n_censor}))  # fmt: skip
    words = [f"weighted {name}" if weights is not None else name,
             f"{'infinitesimal-jackknife' if robust else 'Greenwood'} standard error",
             f"{number(100 * conf_level, 0 if (100 * conf_level) % 1 == 0 else 1)}% {conf_type} limits",
             "delayed entry" if tte.entry is not None else ""]  # fmt: skip
    events = sum(one.n_events() for one in sets)
    sentence = ", ".join(word for word in words if word)
    who = f"{plural(tte.n, 'patient')}, {plural(events, *nouns)}"
    caution = f"; {tte.caution}" if tte.caution else ""
    return SurvivalCurve(
        frame=in_order(pd.concat(parts)), sets=sets, conf_level=conf_level, conf_type=conf_type, unit=tte.unit,
        time_zero=tte.time_zero, label=tte.label, caution=tte.caution, method=f"{_capital(sentence)}; {who}{caution}",
    )  # fmt: skip


def greenwood(survival: np.ndarray, n_risk: np.ndarray, n_event: np.ndarray) -> np.ndarray:
    """SE{S(t)} by Greenwood's formula; NaN once S is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return survival * np.sqrt(np.cumsum(n_event / (n_risk * (n_risk - n_event))))


def confidence_limits(
    p: np.ndarray, se: np.ndarray, z: float, conf_type: str
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of probabilities p with standard errors se on a scale, carried back: as R's survfit_confint.

    For p near 0 (an incidence) as for p near 1 (survival); NaN where the scale has no limits.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        relative = np.where(se == 0, 0.0, se / p)  # the standard error of log p
        if conf_type == "plain":
            return np.maximum(p - z * relative * p, 0.0), np.minimum(p + z * relative * p, 1.0)
        p = np.where(p == 0, np.nan, p)
        if conf_type == "log":
            return p * np.exp(-z * relative), np.minimum(p * np.exp(z * relative), 1.0)
        if conf_type == "log-log":
            p = np.where(p == 1, np.nan, p)
            width = z * relative / np.log(p)  # negative
            return p ** np.exp(-width), p ** np.exp(width)
        if conf_type == "logit":
            logit, width = np.log(p / (1 - p)), z * relative / (1 - p)
            return 1 / (1 + np.exp(width - logit)), 1 / (1 + np.exp(-width - logit))
        angle, width = np.arcsin(np.sqrt(p)), 0.5 * z * relative * np.sqrt(p / (1 - p))
        return np.sin(np.maximum(0.0, angle - width)) ** 2, np.sin(np.minimum(np.pi / 2, angle + width)) ** 2


def _crossing(time: np.ndarray, curve: np.ndarray, share: float) -> float:
    """When 1 - curve first reaches a share; the middle of the stretch on which it equals it."""
    if share == 0:
        return 0.0
    known = ~np.isnan(curve)
    times, reached = time[known], 1 - curve[known]
    there = np.flatnonzero(reached >= share - TOLERANCE)
    if not len(there):
        return float("nan")
    first = there[0]
    if abs(reached[first] - share) > TOLERANCE:
        return float(times[first])
    beyond = np.flatnonzero(reached > share + TOLERANCE)
    return float((times[first] + (times[beyond[0]] if len(beyond) else time[-1])) / 2)


def _median_by_standard_error(one: RiskSets, rows: pd.DataFrame, z: float) -> dict[str, Any]:
    event = one.n_event[:, 0] > 0
    time = np.concatenate([[0.0], one.time[event]])
    survival = np.concatenate([[1.0], rows["estimate"].to_numpy()[event]])
    errors = np.concatenate([[0.0], rows["std_error"].to_numpy()[event]])
    half = np.flatnonzero(survival <= 0.5 + TOLERANCE)
    lower = np.flatnonzero(survival <= 0.45 + TOLERANCE)
    upper = np.flatnonzero(survival >= 0.55 - TOLERANCE)[-1]
    median = time[half[0]] if len(half) else np.nan
    se = np.nan
    if len(lower):
        density = (survival[upper] - survival[lower[0]]) / (time[lower[0]] - time[upper])
        se = errors[half[0]] / density
    return {"group": one.group, "estimate": median, "std_error": se, "conf_low": median - z * se,
            "conf_high": median + z * se}  # fmt: skip


def _several_events(tte: TimeToEvent) -> bool:
    """Does any patient have more than one event? Then rows are not independent, and survfit turns to its robust variance."""
    if tte.id is None:
        return False
    with_event = tte.id[tte.state > 0]
    return len(np.unique(with_event)) < len(with_event)


def critical_value(conf_level: float) -> float:
    """1.96 for 0.95."""
    if not 0 < conf_level < 1:
        raise EndpointError(f"conf_level is a share between 0 and 1, such as 0.95; got {conf_level}.")
    return float(ndtri(1 - (1 - conf_level) / 2))


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
