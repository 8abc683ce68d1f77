"""Mean survival up to a horizon: the area under a Kaplan-Meier curve, and its differences and ratios between groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import ndtr

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import interval, plural
from haip_outcomes.survival.counts import RiskSets
from haip_outcomes.survival.curves.jackknife import jackknife_of_area
from haip_outcomes.survival.curves.kaplan_meier import SurvivalCurve
from haip_outcomes.survival.intervals import critical_value, level_in_words
from haip_outcomes.survival.results import frame_of, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent, level_text

Contrast = Literal["difference", "ratio"]


@dataclass(frozen=True, eq=False, repr=False)
class RestrictedMean:
    """Mean time free of the event up to a horizon, a value a group. Made by `restricted_mean`.

    Attributes
    ----------
    groups : names of the groups, `(None,)` without `by`; `estimate`, `std_error`, `n`, `n_event` : of each, in that order. Events
        are counted up to the horizon, and never weighted.
    horizon : up to which the mean is taken, in `unit`; conf_level : of the limits, which are symmetric.
    unit, time_zero, label, caution : as in the curve.
    method : the sentence the estimator writes about itself.
    """

    groups: tuple[str | None, ...]
    horizon: float
    estimate: np.ndarray
    std_error: np.ndarray
    n: tuple[int, ...]
    n_event: tuple[int, ...]
    conf_level: float
    unit: str
    time_zero: str
    label: str
    caution: str
    method: str

    def tidy(self) -> pd.DataFrame:
        """A row a group, sorted: group, time (the horizon), estimate, std_error, conf_low, conf_high, n, n_event."""
        half = critical_value(self.conf_level) * self.std_error
        return frame_of({
            "group": np.array(self.groups, dtype=object), "time": np.full(len(self.groups), self.horizon), "estimate": self.estimate,
            "std_error": self.std_error, "conf_low": self.estimate - half, "conf_high": self.estimate + half, "n": list(self.n),
            "n_event": list(self.n_event),
        })  # fmt: skip

    def glance(self) -> pd.DataFrame:
        """One row: time (the horizon), and n and n_event of all groups together."""
        return frame_of({"time": [self.horizon], "n": [sum(self.n)], "n_event": [sum(self.n_event)]})

    def contrast(self, reference: Any = None, kind: Contrast = "difference") -> pd.DataFrame:
        """Each other group against a reference group (the first, when none is named): a row a group, sorted.

        With means m, m_0 and standard errors s, s_0 of independent groups:

            difference:  m - m_0,   SE = sqrt(s^2 + s_0^2),                        limits: difference +/- z SE
            ratio:       m / m_0,   SE(log ratio) = sqrt(s^2/m^2 + s_0^2/m_0^2),   limits: exp(log ratio +/- z SE)

        `statistic` is the difference, or the logarithm of the ratio, over its standard error; p_value is two-sided from the normal
        distribution. Columns: group, time (the horizon), estimate, std_error (of a ratio: of its logarithm), conf_low, conf_high,
        statistic, p_value, reference. NaN where both groups have no standard error (no events yet).

        Raises
        ------
        EndpointError : a single group; an unknown reference or kind.

        Royston and Parmar 2013, doi 10.1186/1471-2288-13-152. Equals `survRM2::rmst2(time, status, arm, tau)` of R.
        """
        if len(self.groups) < 2:
            raise EndpointError("A contrast compares groups, and here is one curve: give survival_curve by=, one level a patient.")
        if kind not in ("difference", "ratio"):
            raise EndpointError(f'There is no kind "{kind}" of contrast. {did_you_mean(kind, ("difference", "ratio"))}')
        names = [str(group) for group in self.groups]
        against = names[0] if reference is None else level_text(reference)
        if against not in names:
            raise EndpointError(f'There is no group "{against}". {did_you_mean(against, names)}')
        place = names.index(against)
        other = np.array([i for i in range(len(names)) if i != place])
        m, s, m0, s0 = self.estimate[other], self.std_error[other], self.estimate[place], self.std_error[place]
        with np.errstate(divide="ignore", invalid="ignore"):
            if kind == "difference":
                value, error = m - m0, np.hypot(s, s0)
            else:
                value, error = np.log(m / m0), np.hypot(s / m, s0 / m0)
            statistic = value / error
        half = critical_value(self.conf_level) * error
        estimate, low, high = value, value - half, value + half
        if kind == "ratio":
            estimate, low, high = np.exp(value), np.exp(low), np.exp(high)
        return frame_of({
            "group": np.array(names, dtype=object)[other], "time": np.full(len(other), self.horizon), "estimate": estimate,
            "std_error": error, "conf_low": low, "conf_high": high, "statistic": statistic, "p_value": 2 * ndtr(-np.abs(statistic)),
            "reference": np.full(len(other), against, dtype=object),
        })  # fmt: skip

    def __repr__(self) -> str:
        shown = self.tidy()
        limits = zip(*(shown[name].to_list() for name in ("estimate", "conf_low", "conf_high")), strict=True)
        rows = [f"  {'' if group is None else f'{group}: '}n {n}, events {events}, mean {interval(*each)} {self.unit}"
                for group, n, events, each in zip(self.groups, self.n, self.n_event, limits, strict=True)]  # fmt: skip
        return "\n".join([f"{self.label + ': ' if self.label else ''}{self.method}", *rows])

    def _repr_html_(self) -> str:
        return shown_as_html(self.label or "Restricted mean", self.tidy(), self.method)


def restricted_mean(curve: SurvivalCurve, *, horizon: float) -> RestrictedMean:
    """How long patients live free of the event on average, counting up to a horizon: of the first 60 months, how many.

    The area under the Kaplan-Meier curve up to the horizon h, with Greenwood's sum for its variance:

        m = integral_0^h S(t) dt,    SE(m)^2 = sum_{t_j <= h} A(t_j)^2 d_j / (n_j (n_j - d_j)),    A(t) = integral_t^h S(u) du

    without the term at which S comes to 0. The sum is that of R's print(survfit, rmean = h) and of survRM2::rmst2. Where the curve's
    standard errors are the infinitesimal jackknife's (fractional weights, several events a patient) it is the jackknife of the area: the
    integral of each patient's influence on S, squared and summed.

    Parameters
    ----------
    curve : what `survival_curve` (or `follow_up`) returned; with delayed entry the area counts from time zero, as in R.
    horizon : in the curve's unit, above 0. All groups must have been followed to it, unless their curve has come to 0.

    Raises
    ------
    EndpointError : a horizon beyond the last time of a group whose curve has not come to 0 (R carries the last value on; nobody knows
        it); a horizon that is not a positive number; something that is not a survival curve.

    Royston and Parmar 2013, doi 10.1186/1471-2288-13-152. Equals R's `print(survfit(Surv(time, status) ~ by), rmean = horizon)`.

    >>> import pandas as pd
    >>> from haip_outcomes.survival.curves.kaplan_meier import survival_curve
    >>> frame = pd.DataFrame({"months": [2, 4, 4, 6, 7, 9], "died": [1, 1, 0, 1, 1, 0], "arm": list("aaabbb")})
    >>> tte = TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"])
    >>> mean = restricted_mean(survival_curve(tte, frame["arm"]), horizon=4)
    >>> mean
    Restricted mean to 4 months, area under Kaplan-Meier, Greenwood standard error, 95% limits; 6 patients, 2 events by then
      a: n 3, events 2, mean 3.33 (2.27, 4.40) months
      b: n 3, events 0, mean 4.00 (4.00, 4.00) months
    >>> mean.contrast()[["group", "estimate", "std_error"]].round(4).to_numpy().tolist()
    [['b', 0.6667, 0.5443]]
    """
    if isinstance(curve, TimeToEvent):
        curve.single("restricted_mean")
    if not isinstance(curve, SurvivalCurve):
        raise EndpointError(f"restricted_mean takes a survival curve, and this is a {type(curve).__name__}: "
                            "restricted_mean(survival_curve(tte, by), horizon=60).")  # fmt: skip
    until = _checked_horizon(curve, horizon)
    found = [_area(one, survival, until, curve.variance != "Greenwood")
             for one, survival in zip(curve.sets, curve.survival, strict=True)]  # fmt: skip
    events = tuple(int(np.sum((one.rows.state > 0) & (one.rows.time <= until))) for one in curve.sets)
    name = curve.method.split(",")[0]
    words = f"Restricted mean to {until:g} {curve.unit}, area under {name}, {curve.variance} standard error"
    caution = f"; {curve.caution}" if curve.caution else ""
    method = (f"{words}, {level_in_words(curve.conf_level)} limits; {plural(sum(curve.n), 'patient')}, "
              f"{plural(sum(events), 'event')} by then{caution}")  # fmt: skip
    return RestrictedMean(
        groups=curve.groups, horizon=until, estimate=np.array([area for area, _ in found]), std_error=np.array([se for _, se in found]),
        n=curve.n, n_event=events, conf_level=curve.conf_level, unit=curve.unit, time_zero=curve.time_zero, label=curve.label,
        caution=curve.caution, method=method,
    )  # fmt: skip


def _checked_horizon(curve: SurvivalCurve, horizon: float) -> float:
    try:
        until = float(horizon)
    except (TypeError, ValueError):
        until = float("nan")
    if not (np.isfinite(until) and until > 0):
        raise EndpointError(f"A horizon is a number above 0, such as 60, in {curve.unit}; got {horizon!r}.")
    known = [(float(one.time[-1]), one.group) for one, s in zip(curve.sets, curve.survival, strict=True) if not len(s) or s[-1] > 0]
    last, group = min(known, key=lambda each: each[0], default=(np.inf, None))
    if until > last:
        whose = "" if group is None else f' of group "{group}"'
        raise EndpointError(f"Follow-up{whose} ends at {last:g} {curve.unit} with patients still free of the event: what the curve does "
                            f"up to {until:g} is not known. The largest horizon that can be used is {last:g} {curve.unit}.")  # fmt: skip
    return until


def _area(one: RiskSets, survival: np.ndarray, until: float, robust: bool) -> tuple[float, float]:
    """The area under a curve up to a time, and its standard error."""
    time = one.event_time
    inside = int(np.searchsorted(time, until, side="right"))
    strips = np.diff(np.concatenate([[0.0], time[:inside], [until]])) * np.append(1.0, survival[:inside])
    beyond = np.zeros(len(time))
    beyond[:inside] = np.cumsum(strips[:0:-1])[::-1]  # A(t)
    n, (d,) = one.at_events()
    if robust:
        error = jackknife_of_area(one, beyond)
    else:
        error = float(np.sqrt(np.divide(d, n * (n - d), out=np.zeros(len(n)), where=n > d) @ beyond**2))
    return float(strips.sum()), error
