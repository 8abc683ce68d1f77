"""Do the predicted risks come true? Observed over expected, calibration intercept and slope, groups, and a smooth curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.formatting import interval, listed, plural
from haip_outcomes.prognosis.validation.complementary_log import Regression, cloglog, regress, risk_of
from haip_outcomes.prognosis.validation.observed_risks import observed_risk, pseudo_values
from haip_outcomes.prognosis.validation.predicted_risks import Predicted, predicted
from haip_outcomes.prognosis.validation.resampled_measures import NEAR
from haip_outcomes.survival.covariates.splines import place_knots, spline, spline_columns
from haip_outcomes.survival.intervals import critical_value, level_in_words
from haip_outcomes.survival.results import in_order, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent

STEADY = 200  # events and non-events that a smooth curve needs (Van Calster 2016)
_POINTS = 101
_A_GROUP = 5  # patients, at least; and the curve is drawn where as many have a lower or higher risk


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """How predicted risks by one time compare with what happened.

    Attributes
    ----------
    frame : what `tidy()` gives: observed / expected, intercept, slope.
    groups : a row a group of risk, lowest first: level, time, estimate (observed risk), std_error, conf_low, conf_high, n, n_event, and
        `predicted` (the mean), `risk_low`, `risk_high` (the range).
    curve : the smooth curve from the fifth lowest to the fifth highest risk: `predicted`, estimate, conf_low, conf_high; no rows where there is none.
    spread : how many patients have a risk in each of 50 equal parts of 0 to 1.
    ici, e50, e90 : mean, median and 90th percentile of |curve - predicted risk| over patients; NaN without a curve.
    outcome, time, unit, competing, conf_level, method.
    """

    frame: pd.DataFrame
    groups: pd.DataFrame
    curve: pd.DataFrame
    spread: np.ndarray
    ici: float
    e50: float
    e90: float
    outcome: str
    time: float
    unit: str
    competing: bool
    conf_level: float
    method: str

    def tidy(self) -> pd.DataFrame:
        """Three rows: term, time, estimate, std_error, limits, statistic and p (against 1, 0 and 1), n, n_event."""
        return in_order(self.frame)

    def glance(self) -> pd.DataFrame:
        """One row: time, n, n_event by the time, observed, expected, ici, e50, e90."""
        first = self.frame.iloc[0]
        return in_order(pd.DataFrame([{"outcome": self.outcome, "time": self.time, "n": first["n"], "n_event": first["n_event"],
                                       "observed": first["observed"], "expected": first["expected"], "ici": self.ici, "e50": self.e50,
                                       "e90": self.e90}]))  # fmt: skip

    def __repr__(self) -> str:
        rows = [f"{row['term']}: {interval(row['estimate'], row['conf_low'], row['conf_high'])}" for row in self.frame.to_dict("records")]
        return "\n".join([self.method, *rows])

    def _repr_html_(self) -> str:
        return shown_as_html("Calibration", self.tidy(), self.method)


def calibration(
    tte: TimeToEvent, risk: Any, time: float, *, cause: str | None = None, groups: int = 5, knots: int = 3, conf_level: float = 0.95
) -> Calibration:
    """Of patients who were told 30%, do 30 in 100 have the event? Overall, at the extremes, in groups, and as a curve.

    - observed / expected: the observed risk F by the time (1 - Kaplan-Meier; Aalen-Johansen where events compete) over the mean predicted
      risk; limits O/E exp(-+ z SE(F)/F). Above 1 the model promises too little risk.
    - intercept a and slope b, from the jackknife pseudo-values q_i = n F - (n - 1) F without i, with cll(r) = ln(-ln(1 - r)):
      E q_i = cll^-1(a + cll(r_i)), and E q_i = cll^-1(a' + b cll(r_i)). a = 0 and b = 1 are perfect; b < 1: predictions too extreme (overfitted),
      b > 1: too much alike. Standard errors are robust (sandwich).
    - the curve: E q_i = cll^-1(restricted cubic spline of cll(r_i)) with pointwise limits, and how far it lies from the diagonal (ICI, E50, E90).
    - groups of equal size by predicted risk (equal risks stay together), each with its own observed risk and log-log limits.

    Parameters
    ----------
    tte : times (n,) from time zero, one row a patient.
    risk : predicted probability of the event by `time`, (n,).
    time : one time, in the unit of `tte`.
    cause : the event of interest; needed where several compete.
    groups : how many, 2 or more, of at least 5 patients.
    knots : of the spline, 3 to 7, at Harrell's quantiles; 3 suit most centres, 4 or 5 want several hundred events.
    conf_level : of all limits.

    What can't be estimated (intercept, slope and curve with a risk of exactly 0 or 1, or too few different risks) is left missing and the
    sentence says why. Pseudo-values assume that censoring has nothing to do with the predicted risk.

    Raises
    ------
    EndpointError : a risk missing or outside 0 to 1; a time beyond follow-up; nobody with the event by then; groups too many or too few.

    van Geloven et al. 2022, doi 10.1136/bmj-2021-069249; Austin, Harrell, van Klaveren 2020, doi 10.1002/sim.8570 (ICI, E50, E90). Equals R's
    `prodlim::jackknife` and `geepack::geese(q ~ offset(cll), mean.link = "cloglog", family = gaussian)`.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(4)
    >>> true = rng.uniform(0.1, 0.8, 2000)
    >>> frame = pd.DataFrame({"months": np.minimum(rng.exponential(-12 / np.log(1 - true)), 24), "dead": 1})
    >>> frame.loc[frame["months"] == 24, "dead"] = 0
    >>> tte = TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    >>> calibration(tte, true, 12).tidy()[["term", "estimate", "std_error"]].round(2).values.tolist()
    [['observed / expected', 1.03, 0.02], ['intercept', 0.04, 0.03], ['slope', 0.98, 0.06]]
    """
    if np.ndim(time) != 0:
        raise EndpointError(f"calibration is of one time; got {time!r}. Ask once for each time.")
    asked = predicted("calibration", tte, risk, time, cause)
    z = critical_value(conf_level)
    t, r = float(asked.times[0]), asked.risk[:, 0]
    if not asked.cases(t).any():
        raise EndpointError(f"calibration: nobody is known to have had {asked.outcome} by {t:g} {tte.unit}: ask for a later time.")
    by_group = _groups(asked, t, r, groups, conf_level)
    q = pseudo_values(asked, t)
    offset_fit, slope_fit, why = _lines(q, r)
    curve, distances, why_not = _curve(q, r, slope_fit, knots, z)
    terms = _terms(asked, t, r, offset_fit, slope_fit, z)
    return Calibration(terms, by_group, curve, np.histogram(r, bins=50, range=(0.0, 1.0))[0], *distances, asked.outcome, t, tte.unit,
                       asked.competing, conf_level, _sentence(asked, t, len(by_group), knots, why, why_not, len(curve) > 0, conf_level))  # fmt: skip


def _terms(asked: Predicted, t: float, r: np.ndarray, level: Regression | None, slope: Regression | None, z: float) -> pd.DataFrame:
    observed, error = observed_risk(asked, t)[:2]
    expected = float(r.mean())
    ratio = observed / expected if expected > 0 else np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.float64(error) / observed
        ends = ratio * np.exp(-z * relative), ratio * np.exp(z * relative)
        rows: list[tuple[Any, ...]] = [("observed / expected", ratio, ratio * relative, *ends, np.log(ratio) / relative)]
        for name, fit, at, null in (("intercept", level, 0, 0.0), ("slope", slope, 1, 1.0)):
            b, se = (np.nan, np.nan) if fit is None else (float(fit.coefficient[at]), float(fit.std_error[at]))
            rows.append((name, b, se, b - z * se, b + z * se, np.float64(b - null) / se))
    frame = pd.DataFrame(rows, columns=["term", "estimate", "std_error", "conf_low", "conf_high", "statistic"])
    return frame.assign(outcome=asked.outcome, time=t, p_value=2 * ndtr(-np.abs(frame["statistic"].to_numpy())), n=len(asked.tte),
                        n_event=int(asked.cases(t).sum()), n_censor=asked.lost(t), observed=[observed, np.nan, np.nan],
                        expected=[expected, np.nan, np.nan])  # fmt: skip


def _lines(q: np.ndarray, r: np.ndarray) -> tuple[Regression | None, Regression | None, str]:
    """The regressions with slope 1 and with a slope of its own, and why one is missing."""
    certain = int(((r == 0) | (r == 1)).sum())
    if certain:
        return None, None, f"intercept, slope and curve not estimated: {plural(certain, 'predicted risk')} of exactly 0 or 1"
    x, one = cloglog(r), np.ones((len(r), 1))
    overall = float(cloglog(np.clip(q.mean(), NEAR, 1 - NEAR)))  # of everybody at the observed risk: the second start
    level = regress(q, one, x, np.zeros(1)) or regress(q, one, x, np.array([overall - x.mean()]))
    if len(np.unique(r)) < 2:
        return level, None, "slope and curve not estimated: everybody has the same predicted risk"
    z, nothing = np.column_stack([one, x]), np.zeros(len(r))
    slope = regress(q, z, nothing, np.array([level.coefficient[0] if level else 0.0, 1.0])) or regress(q, z, nothing, np.array([overall, 0.0]))
    lacking = [name for name, fit in (("intercept", level), ("slope", slope)) if fit is None]
    return level, slope, f"{listed(lacking)} not estimated: the regression has no solution" if lacking else ""


def _curve(q: np.ndarray, r: np.ndarray, slope: Regression | None, knots: int, z: float) -> tuple[pd.DataFrame, tuple[float, float, float], str]:
    """The smooth curve, its distances from the diagonal, and why there is none."""
    columns = ["predicted", "estimate", "conf_low", "conf_high"]
    nothing = pd.DataFrame(columns=columns, dtype=float), (np.nan, np.nan, np.nan)
    term = spline("cll(risk)", knots)  # refuses a number of knots that does not exist
    if slope is None:
        return *nothing, ""
    x = cloglog(r)
    try:
        places = place_knots(term, x)
    except FitError:
        return *nothing, f"no smooth curve: too few different risks for {knots} knots"

    def rows(of: np.ndarray) -> np.ndarray:
        return np.column_stack([np.ones(len(of)), *spline_columns(of, places)])

    start = np.concatenate([slope.coefficient, np.zeros(knots - 2)])
    fit = regress(q, rows(x), np.zeros(len(x)), start)
    if fit is None:
        return *nothing, "no smooth curve: its regression has no solution"
    ordered = np.sort(r)
    grid = np.linspace(ordered[_A_GROUP - 1], ordered[-_A_GROUP], _POINTS)
    made = rows(cloglog(grid))
    eta = made @ fit.coefficient
    error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", made, fit.covariance, made), 0.0))
    curve = pd.DataFrame(dict(zip(columns, (grid, risk_of(eta), risk_of(eta - z * error), risk_of(eta + z * error)), strict=True)))
    away = np.abs(risk_of(rows(x) @ fit.coefficient) - r)
    return curve, (float(away.mean()), float(np.quantile(away, 0.5)), float(np.quantile(away, 0.9))), ""


def _groups(asked: Predicted, t: float, r: np.ndarray, groups: int, conf_level: float) -> pd.DataFrame:
    """Observed beside predicted in groups of equal size by risk."""
    if not isinstance(groups, (int, np.integer)) or isinstance(groups, bool) or groups < 2:
        raise EndpointError(f"calibration: groups is a whole number, 2 or more; got {groups!r}.")
    if len(r) < groups * _A_GROUP:
        raise EndpointError(f"calibration: {plural(len(r), 'patient')} are too few for {groups} groups of at least {_A_GROUP}: ask for fewer groups.")
    breaks = np.unique(np.quantile(r, np.arange(1, groups) / groups))
    number = np.unique(np.searchsorted(breaks, r, side="left"), return_inverse=True)[1]
    rows = []
    for k in range(number.max() + 1):
        mine = number == k
        estimate, error, low, high = observed_risk(asked, t, mine, conf_level)
        rows.append({"outcome": asked.outcome, "level": str(k + 1), "time": t, "estimate": estimate, "std_error": error, "conf_low": low, "conf_high": high,
                     "n": int(mine.sum()), "n_event": int(asked.cases(t)[mine].sum()), "predicted": float(r[mine].mean()),
                     "risk_low": float(r[mine].min()), "risk_high": float(r[mine].max())})  # fmt: skip
    return in_order(pd.DataFrame(rows))


def _sentence(asked: Predicted, t: float, groups: int, knots: int, why: str, why_not: str, curved: bool, conf_level: float) -> str:
    observed = "Aalen-Johansen" if asked.competing else "1 - Kaplan-Meier"
    events = int(asked.cases(t).sum())
    few = min(events, int(asked.controls(t).sum()))
    said = [f"Calibration {asked.about()}", f"{plural(events, 'event')} by then",
            f"observed risk by {observed}, overall and in {plural(groups, 'group')} of predicted risk",
            "intercept and slope by regression of pseudo-values on the predicted risk (complementary log-log link), robust standard errors"]  # fmt: skip
    if curved:
        said.append(f"curve by a restricted cubic spline with {knots} knots")
        if few < STEADY:
            said.append(f"with fewer than {STEADY} events and {STEADY} without, its bends may be chance")
    return "; ".join([*said, *filter(None, (why, why_not)), f"{level_in_words(conf_level)} limits"])
