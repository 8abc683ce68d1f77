"""Does the outcome change with experience? The share of events along the case number, and a test of its trend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, chdtri

from haip_outcomes.benchmark.over_time.case_rows import numbers, outcomes, risks
from haip_outcomes.benchmark.over_time.trend_models import fit_trend, fitted, slope_limits, with_slope
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import number, p_value, percent, plural
from haip_outcomes.survival.covariates.splines import spline_columns
from haip_outcomes.survival.intervals import critical_value, level_in_words
from haip_outcomes.survival.results import frame_of, in_order, shown_as_html

FEWEST = 10  # cases
FEWEST_EVENTS = 5  # events, and cases without one, before a trend is put into words
MODELS = ("Firth, log2 of the case number", "maximum likelihood, log2 of the case number", "restricted cubic spline, 3 knots")


@dataclass(frozen=True, eq=False, repr=False)
class LearningCurve:
    """Events along the case number. `tidy()`: the smooth share with its interval at each case; `trend()`: is there a trend at all?

    `odds_ratio`, `conf_low`, `conf_high`, `p_value` are of each doubling of experience, by Firth's logistic regression.
    """

    frame: pd.DataFrame
    models: pd.DataFrame
    knots: tuple[float, ...]
    outcome: np.ndarray = field(repr=False)
    bandwidth: float
    conf_level: float
    method: str

    def tidy(self) -> pd.DataFrame:
        """A row a term and case: "smooth" (kernel, Wilson limits), "trend" (Firth, Wald limits), and "expected" when risks were given."""
        return in_order(self.frame)

    def trend(self) -> pd.DataFrame:
        """A row a coefficient (on the log-odds scale) of each model, with the model's own test of no trend (statistic, df, p_value)."""
        return in_order(self.models)

    def glance(self) -> pd.DataFrame:
        """One row: the odds ratio a doubling of experience with its profile interval, its test, and the spline's 2-df check."""
        check = self.models[self.models["outcome"] == MODELS[2]].iloc[0]
        row = {"estimate": self.odds_ratio, "conf_low": self.conf_low, "conf_high": self.conf_high, "statistic": float(self._slope["statistic"]),
               "df": 1, "p_value": self.p_value, "n": len(self.outcome), "n_event": int(self.outcome.sum()), "bandwidth": self.bandwidth,
               "spline_statistic": check["statistic"], "spline_df": 2, "spline_p_value": check["p_value"]}  # fmt: skip
        return frame_of({name: [value] for name, value in row.items()})

    @property
    def _slope(self) -> pd.Series:
        return self.models[(self.models["outcome"] == MODELS[0]) & (self.models["term"] == "log2(case)")].iloc[0]

    @property
    def odds_ratio(self) -> float:
        """How the odds change each time the number of cases done doubles."""
        return math.exp(float(self._slope["estimate"]))

    @property
    def conf_low(self) -> float:
        """The lower profile limit of the odds ratio."""
        return math.exp(float(self._slope["conf_low"]))

    @property
    def conf_high(self) -> float:
        """The upper profile limit of the odds ratio."""
        return math.exp(float(self._slope["conf_high"]))

    @property
    def p_value(self) -> float:
        """The p-value of the trend, by the penalised likelihood ratio."""
        return float(self._slope["p_value"])

    @property
    def sentence(self) -> str:
        """What is seen, in words; never that anything is over, which no such curve can show."""
        smooth = self.frame[self.frame["term"] == "smooth"]
        first, last = smooth.iloc[0], smooth.iloc[-1]
        n, k = len(self.outcome), int(self.outcome.sum())
        said = (f"{k} of {plural(n, 'case')} had the event. Around case {int(first['case'])} the share was {_share(first)}, around case "
                f"{int(last['case'])} {_share(last)}. ")  # fmt: skip
        odds = (f"each doubling of the cases done multiplied the odds by {_ratio(self.odds_ratio)} ({_ratio(self.conf_low)}, {_ratio(self.conf_high)}), "
                f"p {_p(self.p_value)}")  # fmt: skip
        if min(k, n - k) < FEWEST_EVENTS:
            said += f"With {plural(k, 'event')} among {plural(n, 'case')} no trend can be told from chance: {odds}."
        elif self.conf_high < 1:
            said += f"Events became rarer along the cases: {odds}. Whether they would become rarer still, these cases do not say."
        elif self.conf_low > 1:
            said += f"Events became more frequent along the cases: {odds}."
        else:
            said += f"No trend was shown, and none is excluded: {odds}."
        expected = self.frame[self.frame["term"] == "expected"]
        if len(expected):
            low, high = (float(expected["estimate"].iloc[i]) for i in (0, -1))
            said += f" Expected from the patients' risks alone, the share went from {percent(low)} to {percent(high)}: that much is case mix."
        else:
            said += " Patients may have become easier or harder at the same time: without their expected risks this can't be told from learning."
        return said

    def __repr__(self) -> str:
        return f"LearningCurve: {self.sentence} {self.method}"

    def _repr_html_(self) -> str:
        return shown_as_html("Learning curve", self.tidy(), f"{self.sentence} {self.method}")


def learning_curve(
    outcome: Any,
    *,
    bandwidth: float = 8,
    cases: Sequence[float] | None = None,
    expected: Any = None,
    conf_level: float = 0.95,
) -> LearningCurve:
    """Do complications become rarer as a centre gains experience? A picture and a test, by case number.

    The picture: around case x, with bandwidth h and weights w_i = exp(-((i - x)/h)^2 / 2), the share p = sum w y / sum w, and
    Wilson's interval on the effective number of cases n_eff = (sum w)^2 / sum w^2. The test: logistic regression on log2(case number)
    with Firth's penalty, so that the odds ratio is of each doubling of experience; profile interval, penalised likelihood-ratio p.
    As a check that a bent line says the same, a restricted cubic spline with knots at the 10, 50 and 90% quantiles, on 2 df.

    Parameters
    ----------
    outcome : (n,) 0 or 1 in the order of treatment, case 1 first; at least 10.
    bandwidth : h in cases; 8 suits 40 to 100 cases. Smaller bends more and is less sure.
    cases : where along the case number to give the curve; by default at every case.
    expected : the patients' expected risks (n,), from outside these data: drawn beside it, because a drift of case mix looks like learning.
    conf_level : of all limits.

    Returns
    -------
    LearningCurve : `tidy()`, `trend()`, `glance()`, `odds_ratio`, `conf_low`, `conf_high`, `p_value`, `sentence`. The intervals of the
        picture are pointwise: simulated with 60 cases they cover about 95% where the truth is smooth or flat, and 67% at a sudden
        jump. The trend model covers 16% there: it is a test of trend and no picture.

    Raises
    ------
    EndpointError : an outcome that is not 0 or 1, under 10 cases, a bandwidth at or below 0, a case outside 1 to n.

    Firth 1993, doi 10.1093/biomet/80.1.27 (not re-read). Equal to R: `glm(y ~ log2(case), binomial)` and `rms::rcs(case, knots)` for the
    models without penalty; Firth's is checked by maximising the penalised likelihood with `optim`.

    >>> found = learning_curve([1, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], bandwidth=5, cases=[3, 12, 22])
    >>> found.tidy()[found.tidy()["term"] == "smooth"][["estimate", "conf_low", "conf_high", "case"]].round(3)
       estimate  conf_low  conf_high  case
    0     0.501     0.248      0.754   3.0
    1     0.250     0.105      0.487  12.0
    2     0.134     0.032      0.424  22.0
    >>> found.glance()[["estimate", "conf_low", "conf_high", "p_value"]].round(3)
       estimate  conf_low  conf_high  p_value
    0     0.433     0.155      0.903    0.024
    """
    y = outcomes(outcome)
    n = len(y)
    if n < FEWEST:
        raise EndpointError(f"A learning curve needs at least {FEWEST} cases, and there {'is' if n == 1 else 'are'} {n}: list them one by one.")
    z = critical_value(conf_level)
    if isinstance(bandwidth, bool) or not isinstance(bandwidth, (int, float, np.number)) or not 0 < bandwidth < math.inf:
        raise EndpointError(f"bandwidth is a number of cases above 0, such as 8; got {bandwidth!r}.")
    at = _places(cases, n)
    risk = None if expected is None else risks(expected, outcome, n)
    number_of = np.arange(1.0, n + 1)
    models, firth, knots = _models(y, number_of, z)
    trend = fitted(np.column_stack([np.ones(len(at)), np.log2(at)]), firth, z)
    share, effective = _kernel(y, number_of, at, float(bandwidth))
    parts = [_part("smooth", at, share, *_wilson(share, effective, z), effective), _part("trend", at, *trend, np.full(len(at), np.nan))]
    if risk is not None:
        none = np.full(len(at), np.nan)
        parts.append(_part("expected", at, _kernel(risk, number_of, at, float(bandwidth))[0], none, none, none))
    told = ", ".join(f"{knot:g}" for knot in knots)
    method = (f"Share of events along the case number: Gaussian kernel, bandwidth {bandwidth:g} cases, Wilson {level_in_words(conf_level)} interval on the "
              f"effective number of cases, pointwise. Trend: Firth's logistic regression on log2(case number), profile interval, penalised "
              f"likelihood-ratio test; check: restricted cubic spline with knots at cases {told}.")  # fmt: skip
    if models["estimate"].isna().any():
        method += " Models without penalty have no maximum here, because some range of cases tells the outcome without fail: they are left empty."
    return LearningCurve(pd.concat(parts, ignore_index=True), models, knots, y.astype(np.int64), float(bandwidth), float(conf_level), method)


def _kernel(values: np.ndarray, number_of: np.ndarray, at: np.ndarray, h: float) -> tuple[np.ndarray, np.ndarray]:
    """Weighted means around each place, and the effective number of cases."""
    w = np.exp(-0.5 * ((number_of[None, :] - at[:, None]) / h) ** 2)
    total = w.sum(axis=1)
    return (w @ values) / total, total**2 / (w**2).sum(axis=1)


def _wilson(p: np.ndarray, n: np.ndarray, z: float) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's limits of p of n, n not necessarily whole."""
    middle, scale = p + z**2 / (2 * n), 1 + z**2 / n
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return np.maximum((middle - half) / scale, 0.0), np.minimum((middle + half) / scale, 1.0)


def _models(y: np.ndarray, number_of: np.ndarray, z: float) -> tuple[pd.DataFrame, Any, tuple[float, ...]]:
    """The three models, a row a coefficient; Firth's fit; the spline's knots."""
    one, doubling = np.ones(len(y)), np.log2(number_of)
    x = np.column_stack([one, doubling])
    best = fit_trend(x, y, firth=True)
    assert best is not None  # the penalised likelihood always has a maximum
    fall = max(2 * (best.log_likelihood - with_slope(x, y, 0.0)), 0.0)
    quantile = float(chdtri(1, 2 * (1 - _normal(z))))
    rows = _rows(MODELS[0], ("intercept", "log2(case)"), best, fall, 1, len(y), y, [(math.nan, math.nan), slope_limits(x, y, best, quantile)])
    knots = tuple(float(knot) for knot in np.quantile(number_of, [0.1, 0.5, 0.9]))
    spline = np.column_stack([one, *spline_columns(number_of, knots)])
    for name, terms, columns in ((MODELS[1], ("intercept", "log2(case)"), x), (MODELS[2], ("intercept", "case linear", "case nonlinear"), spline)):
        found = fit_trend(columns, y, firth=False)
        share = y.mean()
        empty = float(len(y) * (share * math.log(share) + (1 - share) * math.log(1 - share))) if 0 < share < 1 else 0.0
        gain = 2 * (found.log_likelihood - empty) if found else math.nan
        limits = None
        if found is not None:
            error = np.sqrt(np.diag(found.covariance))
            limits = list(zip(found.coefficients - z * error, found.coefficients + z * error, strict=True))
        rows += _rows(name, terms, found, gain, columns.shape[1] - 1, len(y), y, limits)
    return pd.DataFrame(rows), best, knots


def _rows(model: str, terms: Sequence[str], fit: Any, statistic: float, df: int, n: int, y: np.ndarray, limits: Any) -> list[dict[str, Any]]:
    nan = math.nan
    return [{"outcome": model, "term": term, "estimate": float(fit.coefficients[j]) if fit else nan,
             "std_error": math.sqrt(fit.covariance[j, j]) if fit else nan, "conf_low": float(limits[j][0]) if fit else nan,
             "conf_high": float(limits[j][1]) if fit else nan, "statistic": statistic, "df": df, "p_value": float(chdtrc(df, statistic)),
             "n": n, "n_event": int(y.sum()), "log_likelihood": fit.log_likelihood if fit else nan} for j, term in enumerate(terms)]  # fmt: skip


def _places(cases: Sequence[float] | None, n: int) -> np.ndarray:
    if cases is None:
        return np.arange(1.0, n + 1)
    at = np.atleast_1d(numbers(cases, "cases"))
    if not len(at) or not np.isfinite(at).all() or (at < 1).any() or (at > n).any():
        raise EndpointError(f"cases are places along the case number, from 1 to {n}; got {list(np.asarray(cases, dtype=object).ravel())}.")
    return at


def _part(term: str, at: np.ndarray, estimate: np.ndarray, low: np.ndarray, high: np.ndarray, effective: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"term": term, "estimate": estimate, "conf_low": low, "conf_high": high, "case": at, "n_effective": effective})


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _share(row: pd.Series) -> str:
    return percent(float(row["estimate"]), float(row["conf_low"]), float(row["conf_high"]))


def _ratio(value: float) -> str:
    return "over 100" if value > 100 else "under 0.01" if value < 0.01 else number(value)


def _p(p: float) -> str:
    words = p_value(p)
    return words if words[:1] in "<>" else f"= {words}"
