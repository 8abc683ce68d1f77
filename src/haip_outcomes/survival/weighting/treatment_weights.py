"""Weights from propensity scores, and how much of the patients is left of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.survival.counts import RiskSets

Estimand = Literal["ATE", "ATT", "overlap"]
EXTREME = 5.0  # times the mean weight of the group
WHOM = {"ATE": "everybody", "ATT": "patients such as those treated", "overlap": "patients for whom either treatment was likely"}


def checked_estimand(estimand: str, stabilised: bool) -> None:
    """Refuse an estimand that does not exist, and stabilised weights where there are none."""
    if estimand not in get_args(Estimand):
        raise EndpointError(f'There is no estimand "{estimand}". {did_you_mean(str(estimand), get_args(Estimand))} ATE: everybody; ATT: those treated; '
                            "overlap: those for whom either treatment was likely.")  # fmt: skip
    if stabilised and estimand != "ATE":
        raise EndpointError(f'Only weights for everybody (estimand="ATE") are stabilised: those of "{estimand}" need none. Leave stabilised out.')


def treatment_weights(score: np.ndarray, rest: np.ndarray, treated: np.ndarray, estimand: Estimand, stabilised: bool) -> np.ndarray:
    """Weights (n,) for scores (n,), what they lack to 1 (n,), and treated (n,) of 0 and 1: the table stands in `propensity`."""
    yes = treated == 1
    own = np.where(yes, score, rest)  # the probability of what the patient had
    if estimand == "ATE":
        share = np.where(yes, yes.mean(), 1 - yes.mean()) if stabilised else 1.0
        return np.asarray(share / own)
    if estimand == "ATT":
        return np.where(yes, 1.0, score / own)
    return np.where(yes, rest, score)


def checked_truncation(truncate: float | Sequence[float] | None) -> tuple[float, float] | None:
    """The lower and the upper quantile of the weights beyond which they are cut, or None."""
    if truncate is None:
        return None
    try:
        low, high = (0.0, float(truncate)) if np.ndim(truncate) == 0 else (float(q) for q in truncate)  # type: ignore[union-attr, arg-type]
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not (0 <= low < 0.5 < high < 1 or 0 < low < 0.5 < high <= 1):
        raise EndpointError("truncate is a quantile of the weights above which they are cut, such as 0.99, or two, such as (0.01, 0.99); "
                            f"got {truncate!r}.")  # fmt: skip
    return low, high


def truncated(weights: np.ndarray, treated: np.ndarray, estimand: Estimand, at: tuple[float, float] | None) -> tuple[np.ndarray, int]:
    """The weights cut at quantiles (R's type 7) of those of all patients, for ATT of the comparison's; and how many changed."""
    if at is None:
        return weights, 0
    free = treated == 0 if estimand == "ATT" else np.ones(len(weights), dtype=bool)
    low, high = np.quantile(weights[free], at)
    cut = np.where(free, np.clip(weights, low, high), weights)
    return cut, int((cut != weights).sum())


def effective_size(weights: np.ndarray) -> float:
    """(sum w)^2 / sum w^2: as many patients of equal weight would tell a mean as surely (Kish 1965)."""
    return float(weights.sum() ** 2 / (weights @ weights))


def effective_at_risk(one: RiskSets, times: np.ndarray) -> np.ndarray:
    """The effective size of those at risk in a group at each time (entry < t <= time); patients, where nothing is weighted; 0 of nobody."""
    if one.weights is None:
        return np.asarray(one.at_risk(times), dtype=float)
    total, squares = one.at_risk(times), replace(one, weights=one.weights**2).at_risk(times)
    return np.divide(total**2, squares, out=np.zeros(len(times)), where=squares > 0)
