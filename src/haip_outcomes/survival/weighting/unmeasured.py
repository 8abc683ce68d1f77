"""The E-value: how strong an unmeasured cause would have to be to explain an association away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import interval, number
from haip_outcomes.survival.results import frame_of, shown_as_html

Kind = Literal["hazard_ratio", "risk_ratio", "rate_ratio", "odds_ratio"]


@dataclass(frozen=True, eq=False, repr=False)
class EValue:
    """E-values of an estimate and of its limit nearest 1. `tidy()` has a row each.

    Attributes
    ----------
    estimate, conf_low, conf_high : the ratio as given, of this `kind`.
    risk_ratio, risk_ratio_low, risk_ratio_high : the same as approximate risk ratios.
    e_value : of the estimate. e_value_limit : of the limit nearer to 1; 1 where the interval holds 1.
    method : the sentence the result writes about itself.
    """

    estimate: float
    conf_low: float
    conf_high: float
    kind: Kind
    rare: bool
    risk_ratio: float
    risk_ratio_low: float
    risk_ratio_high: float
    e_value: float
    e_value_limit: float
    method: str

    def tidy(self) -> pd.DataFrame:
        """Two rows, of the estimate and of the limit nearer to 1: term, estimate (the E-value), ratio (as given), risk_ratio."""
        near = self.conf_low if self.risk_ratio >= 1 else self.conf_high
        near_rr = self.risk_ratio_low if self.risk_ratio >= 1 else self.risk_ratio_high
        return frame_of({"term": ["estimate", "confidence limit"], "estimate": [self.e_value, self.e_value_limit],
                         "ratio": [self.estimate, near], "risk_ratio": [self.risk_ratio, near_rr]})  # fmt: skip

    def __repr__(self) -> str:
        words = self.kind.replace("_", " ")
        ratio = interval(self.estimate, self.conf_low, self.conf_high)
        return f"E-value {number(self.e_value)}, of the confidence limit {number(self.e_value_limit)}; {words} {ratio}"

    def _repr_html_(self) -> str:
        return shown_as_html("E-value", self.tidy(), self.method)


def e_value(estimate: float, conf_low: float, conf_high: float, *, kind: Kind = "hazard_ratio", rare: bool = False) -> EValue:
    """How strongly something nobody measured would have to go with both the treatment and the outcome to explain a result away.

    For a risk ratio R above 1 (below 1 its inverse is taken) the E-value is

        E = R + sqrt(R (R - 1)):

    an unmeasured cause that raises the chance of the treatment E-fold and that of the outcome E-fold, beyond what was adjusted for,
    could produce R where there is no effect; a weaker one could not. The same of the confidence limit nearer to 1 says what would move
    the interval to 1; it is 1 where the interval holds 1. Other ratios become risk ratios first:

    | kind | rare outcome (under about 15% by the end of follow-up) | common outcome |
    |---|---|---|
    | hazard ratio H | H | (1 - 0.5^sqrt(H)) / (1 - 0.5^sqrt(1/H)) |
    | odds ratio O | O | sqrt(O) |
    | rate ratio, risk ratio | itself | itself |

    An E-value is large or small only beside what is known: compare it with the strongest measured cause. It says nothing of chance, of
    selection or of immortal time.

    Parameters
    ----------
    estimate, conf_low, conf_high : the adjusted ratio and its limits, not their logarithms: of `cox(...).tidy(exponentiate=True)`.
    kind : "hazard_ratio", "risk_ratio", "rate_ratio" or "odds_ratio".
    rare : whether the outcome is rare by the end of follow-up; deaths after liver metastases are not.

    Raises
    ------
    EndpointError : an unknown kind; a ratio that is missing, infinite, or not above 0; limits that do not hold the estimate.

    VanderWeele and Ding 2017, doi 10.7326/M16-2607. Equals R's `EValue::evalues.HR(estimate, conf_low, conf_high, rare)`, and
    `evalues.RR`, `evalues.OR`.

    >>> e_value(3.9, 1.8, 8.7, kind="risk_ratio")
    E-value 7.26, of the confidence limit 3.00; risk ratio 3.90 (1.80, 8.70)
    >>> e_value(0.56, 0.46, 0.69).tidy()["estimate"].round(2).tolist()
    [2.35, 1.91]
    """
    if kind not in get_args(Kind):
        raise EndpointError(f'There is no kind "{kind}". {did_you_mean(str(kind), get_args(Kind))}')
    if rare not in (True, False):
        raise EndpointError(f"rare must be True or False: is the outcome rarer than about 15% by the end of follow-up? Got {rare!r}.")
    try:
        values = np.array([estimate, conf_low, conf_high], dtype=float)
    except (TypeError, ValueError):
        values = np.full(3, np.nan)
    if values.shape != (3,) or not (np.isfinite(values) & (values > 0)).all():
        raise EndpointError(f"An E-value takes a ratio and its two limits, all above 0 and finite; got {estimate!r} ({conf_low!r}, {conf_high!r}). "
                            "Of a regression: tidy(exponentiate=True).")  # fmt: skip
    if not values[1] <= values[0] <= values[2]:
        raise EndpointError(f"The limits must hold the estimate: {number(values[0], 3)} does not lie between {number(values[1], 3)} and {number(values[2], 3)}.")
    ratios = np.array([_risk_ratio(value, kind, bool(rare)) for value in values])
    point = _e(ratios[0])
    near = ratios[1] if ratios[0] >= 1 else ratios[2]
    limit = 1.0 if ratios[1] <= 1 <= ratios[2] else _e(near)
    words = kind.replace("_", " ")
    turned = {("hazard_ratio", False): "taken to a risk ratio for a common outcome, (1 - 0.5^sqrt(HR))/(1 - 0.5^sqrt(1/HR))",
              ("odds_ratio", False): "taken to a risk ratio for a common outcome, its square root",
              ("hazard_ratio", True): "taken as a risk ratio, the outcome being rare",
              ("odds_ratio", True): "taken as a risk ratio, the outcome being rare"}.get((kind, bool(rare)), "")  # fmt: skip
    last = ("the interval holds 1 without any" if limit == 1 else f"and by {number(limit)} each to move the limit to 1")
    method = (f"E-value (VanderWeele and Ding 2017) of the {words} {interval(*values.tolist())}{', ' + turned if turned else ''}: an unmeasured cause would have "
              f"to go with both the treatment and the outcome by a risk ratio of {number(point)} each to explain the estimate away; {last}")  # fmt: skip
    (est, low, high), (rr, rr_low, rr_high) = values.tolist(), ratios.tolist()
    return EValue(est, low, high, kind, bool(rare), rr, rr_low, rr_high, point, limit, method)


def _risk_ratio(value: float, kind: str, rare: bool) -> float:
    if rare or kind in ("risk_ratio", "rate_ratio"):
        return float(value)
    if kind == "odds_ratio":
        return float(np.sqrt(value))
    return float(-np.expm1(np.log(0.5) * np.sqrt(value)) / -np.expm1(np.log(0.5) * np.sqrt(1 / value)))


def _e(ratio: float) -> float:
    above = max(ratio, 1 / ratio)
    return float(above + np.sqrt(above * (above - 1)))
