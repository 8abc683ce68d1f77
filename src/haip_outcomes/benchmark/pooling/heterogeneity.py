"""Random effects: several studies' results as one, how far they lie apart, and what a new centre may expect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm, t

from haip_outcomes.benchmark.case_mix.plain_numbers import plain_numbers
from haip_outcomes.benchmark.pooling.between_studies import (
    paule_mandel,
    restricted_maximum_likelihood,
    tau2_limits,
    weighted,
)
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import plural
from haip_outcomes.survival.results import frame_of, shown_as_html

MOST_ERROR = 1e100  # of a new centre: its square is still a number
Adjustment = Literal["modified", "plain", "none"]
_ESTIMATORS = {"REML": restricted_maximum_likelihood, "PM": paule_mandel}
_NAMES = {"none": "normal", "plain": "Hartung-Knapp", "modified": "modified Hartung-Knapp"}
_TAU2 = {"REML": "restricted maximum likelihood", "PM": "Paule and Mandel"}


@dataclass(frozen=True, eq=False, repr=False)
class RandomEffects:
    """Several studies as one, on the scale they were given on.

    `estimate` is the mean of true results, `tau2` their variance. `std_error` is the normal-theory one, `std_error_hk` Hartung and
    Knapp's, `std_error_mhk` the modified one (never below the normal); `conf_low` and `conf_high` belong to `knapp_hartung`.
    `q`, `i2` and `h2` tell how much more the studies differ than chance would make them.
    """

    effects: np.ndarray
    variances: np.ndarray
    weights: np.ndarray
    k: int
    estimate: float
    std_error: float
    std_error_hk: float
    std_error_mhk: float
    conf_low: float
    conf_high: float
    conf_level: float
    knapp_hartung: Adjustment
    q: float
    df: int
    p_value: float
    i2: float
    h2: float
    tau2: float
    tau2_low: float
    tau2_high: float
    tau2_method: str
    method: str

    def limits(self, knapp_hartung: bool | str = "modified") -> tuple[float, float]:
        """Limits of the mean: "modified" (t, k - 1, the default), "plain" (True) Hartung-Knapp (t, k - 1), or "none" (False): normal."""
        form = _form(knapp_hartung)
        factor = float(norm.isf(self._tail)) if form == "none" else _quantile(self._tail, self.k - 1)
        half = factor * self._error(form)
        return self.estimate - half, self.estimate + half

    def prediction(self, std_error_new: float | None = None) -> pd.DataFrame:
        """Where a new centre's result may lie: its true one, or with `std_error_new` the one it observes.

        estimate +/- t sqrt(tau2 + SE^2 [+ std_error_new^2]), a row a form: first "modified Hartung-Knapp" on k - 2 degrees of
        freedom, the one to use; "Higgins" (normal-theory SE, k - 2; 2009, doi 10.1111/j.1467-985X.2008.00552.x); and
        "Hartung-Knapp" on k - 2, and on k - 1: what metafor's `predict(rma(test="knha"))` prints (Partlett and Riley 2017, doi
        10.1002/sim.7140). Limits are missing with fewer than 3 studies on k - 2. The degrees of freedom of the two articles are
        second-hand (methods notes, section 17).
        """
        new = 0.0 if std_error_new is None else std_error_new
        if isinstance(new, bool) or not isinstance(new, (int, float, np.number)) or not 0 <= new <= MOST_ERROR:
            raise EndpointError("std_error_new is the standard error of a new centre's result on the studies' scale, 0 or more, "
                                f"not {std_error_new!r}.")  # fmt: skip
        rows = [("modified Hartung-Knapp", self.std_error_mhk, self.k - 2), ("Higgins", self.std_error, self.k - 2),
                ("Hartung-Knapp", self.std_error_hk, self.k - 2), ("Hartung-Knapp (metafor)", self.std_error_hk, self.k - 1)]  # fmt: skip
        spread = [math.sqrt(self.tau2 + error**2 + new**2) for _, error, _ in rows]
        half = [_quantile(self._tail, df) * s for s, (_, _, df) in zip(spread, rows, strict=True)]
        return frame_of({"term": [name for name, _, _ in rows], "estimate": self.estimate, "std_error": spread,
                         "conf_low": [self.estimate - h for h in half], "conf_high": [self.estimate + h for h in half],
                         "df": [df for _, _, df in rows]})  # fmt: skip

    def tidy(self) -> pd.DataFrame:
        """The mean, a row a way of making its interval; the last row is the modified one."""
        limits = [self.limits(form) for form in _NAMES]
        return frame_of({"term": list(_NAMES.values()), "estimate": self.estimate, "std_error": [self._error(form) for form in _NAMES],
                         "conf_low": [low for low, _ in limits], "conf_high": [high for _, high in limits],
                         "df": [math.inf, self.k - 1, self.k - 1]})  # fmt: skip

    def glance(self) -> pd.DataFrame:
        """One row: the mean with its limits, Q as `statistic`, and how far the studies lie apart."""
        first = self.prediction().iloc[0]
        return frame_of({"estimate": [self.estimate], "std_error": [self._error(self.knapp_hartung)], "conf_low": [self.conf_low],
                         "conf_high": [self.conf_high], "statistic": [self.q], "df": [self.df], "p_value": [self.p_value], "k": [self.k],
                         "i2": [self.i2], "h2": [self.h2], "tau2": [self.tau2], "tau2_low": [self.tau2_low], "tau2_high": [self.tau2_high],
                         "prediction_low": [first["conf_low"]], "prediction_high": [first["conf_high"]]})  # fmt: skip

    @property
    def _tail(self) -> float:
        return (1 - self.conf_level) / 2

    def _error(self, form: str) -> float:
        return {"none": self.std_error, "plain": self.std_error_hk, "modified": self.std_error_mhk}[form]

    def __repr__(self) -> str:
        return (f"{self.k} studies: {self.estimate:.4g} ({self.conf_low:.4g}, {self.conf_high:.4g}), "
                f"tau2 {self.tau2:.4g}, I2 {100 * self.i2:.0f}%")  # fmt: skip

    def _repr_html_(self) -> str:
        return shown_as_html(repr(self), self.tidy(), self.method)


def random_effects(
    estimate: Any,
    std_error: Any,
    *,
    tau2: Literal["REML", "PM"] = "REML",
    knapp_hartung: bool | str = "modified",
    conf_level: float = 0.95,
) -> RandomEffects:
    """Several studies' results as one: their mean, how far apart the true results lie, and where a new centre's would.

    With v_i = std_error_i^2 and w_i = 1/(v_i + tau2): estimate = sum w y / sum w, std_error = 1/sqrt(sum w). tau2 is the root of
    -sum w/2 + sum w^2/(2 sum w) + sum w^2 (y - estimate)^2/2 = 0 (REML) or of sum w (y - estimate)^2 = k - 1 (PM), and 0 where the
    root would be negative. Hartung and Knapp: q = sum w (y - estimate)^2/(k - 1), std_error_hk = sqrt(q) std_error on k - 1 degrees
    of freedom; modified: sqrt(max(1, q)) std_error. Q is that sum with tau2 = 0, H2 = max(1, Q/(k - 1)), I2 = 1 - 1/H2.

    Parameters
    ----------
    estimate : array of k >= 2 results on a scale where they are about normal: logarithm of a median or a ratio, logit of a
        proportion, ln(-ln S) of survival at a time.
    std_error : array of their standard errors, on the same scale, above 0.
    tau2 : "REML" or "PM" (Paule and Mandel).
    knapp_hartung : which limits `conf_low` and `conf_high` are: "modified" (recommended for few, unequal studies: Rover 2015, doi
        10.1186/s12874-015-0091-1), "plain" (or True), "none" (or False: normal).
    conf_level : of all intervals, between 0 and 1.

    Returns
    -------
    RandomEffects: `tidy()`, `glance()`, `prediction(std_error_new)`, and every number as an attribute. Limits of tau2 are
    Q-profile ones. With few studies tau2 is often 0 by chance, and intervals then too narrow: `prediction` covers about 0.9.

    Raises
    ------
    EndpointError : fewer than two studies, lengths that differ, a missing or infinite number, a standard error of 0 or below.

    Equals R's `metafor::rma(yi, sei = std_error, method = "REML", test = "knha")` ("plain") and test = "adhoc" ("modified"),
    `confint` for tau2's limits. metafor's I2 and H2 are made from tau2; these are made from Q, as its method = "DL" prints.

    >>> random_effects([-1.19, -1.12, -1.70, -1.97, -0.27], [0.31, 0.23, 0.24, 0.48, 0.37])
    5 studies: -1.238 (-2.002, -0.4736), tau2 0.2423, I2 70%
    """
    effect, error = _array("estimate", estimate), _array("std_error", std_error)
    if len(effect) != len(error):
        raise EndpointError(f"There are {plural(len(effect), 'estimate')} and {plural(len(error), 'standard error')}: one for each study.")
    if len(effect) < 2:
        raise EndpointError("Pooling needs at least two studies.")
    if (error <= 0).any():
        raise EndpointError(f"A standard error is above 0; study {int(np.argmax(error <= 0)) + 1} has {error[np.argmax(error <= 0)]:g}.")
    if not isinstance(tau2, str) or tau2 not in _ESTIMATORS:
        raise EndpointError(f'tau2 is estimated by "REML" or "PM", not {_quoted(tau2)}.')
    checked_level(conf_level)
    form, variance, k = _form(knapp_hartung), error**2, len(effect)
    between = _ESTIMATORS[tau2](effect, variance)
    weight, mean, q_between = weighted(effect, variance, between)
    _, _, q = weighted(effect, variance, 0.0)
    plain = 1 / math.sqrt(weight.sum())
    ratio = q_between / (k - 1)
    low, high = tau2_limits(effect, variance, conf_level)
    h2 = max(1.0, q / (k - 1))
    errors = {"none": plain, "plain": math.sqrt(ratio) * plain, "modified": math.sqrt(max(1.0, ratio)) * plain}
    tail = (1 - conf_level) / 2
    half = errors[form] * (float(norm.isf(tail)) if form == "none" else _quantile(tail, k - 1))
    method = (f"Random effects, tau2 by {_TAU2[tau2]}; {100 * conf_level:g}% limits "
              f"{'from the normal distribution' if form == 'none' else _NAMES[form] + ' (t, ' + str(k - 1) + ' df)'}; {k} studies")  # fmt: skip
    return RandomEffects(effect, variance, weight / weight.sum(), k, mean, plain, errors["plain"], errors["modified"], mean - half,
                         mean + half, conf_level, form, q, k - 1, float(chi2.sf(q, k - 1)), 1 - 1 / h2, h2, between, low, high, tau2,
                         method)  # fmt: skip


def checked_level(conf_level: Any) -> None:
    """Refuse what is no share between 0 and 1."""
    if isinstance(conf_level, bool) or not isinstance(conf_level, (int, float, np.number)) or not 0 < conf_level < 1:
        raise EndpointError(f"conf_level lies between 0 and 1 (0.95 for 95%), not {conf_level!r}.")


def _quoted(given: Any) -> str:
    return f'"{given}"' if isinstance(given, str) else repr(given)


def _quantile(tail: float, df: int) -> float:
    """The upper quantile of Student's t; missing without degrees of freedom."""
    return float(t.isf(tail, df)) if df >= 1 else math.nan


def _form(knapp_hartung: bool | str) -> Adjustment:
    forms: dict[Any, Adjustment] = {True: "plain", False: "none", "plain": "plain", "none": "none", "modified": "modified"}
    if not isinstance(knapp_hartung, (bool, str)) or knapp_hartung not in forms:
        raise EndpointError(f'knapp_hartung is "modified", "plain" or "none", not {_quoted(knapp_hartung)}.')
    return forms[knapp_hartung]


def _array(name: str, values: Any) -> np.ndarray:
    try:
        array = plain_numbers(values)
    except (TypeError, ValueError):
        raise EndpointError(f"{name} holds numbers, one for each study.") from None
    if array.ndim != 1:
        raise EndpointError(f"{name} is one number for each study, in one row or column.")
    if not np.isfinite(array).all():
        raise EndpointError(f"{name} of study {int(np.argmin(np.isfinite(array))) + 1} is missing or infinite: leave the study out, and say why.")
    return array
