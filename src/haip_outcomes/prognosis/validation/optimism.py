"""What a measure is worth in new patients: apparent less optimism (Harrell), out of bag, and .632+ (Efron and Tibshirani).

A resample's model is judged on the resample (R_b), on all patients (P_b) and on the patients who are not in the resample (O_b). With A the
apparent value, of the model of all patients on themselves:

    optimism       A - mean of (R_b - P_b)                       ratios, observed / expected: A exp(-mean of ln(R_b / P_b))
    out of bag     O = mean of O_b                               ratios: exp(mean of ln O_b)
    .632+          (1 - w) A + w O',   w = 0.632 / (1 - 0.368 R),   R = (A - O') / (A - N) cut to 0 to 1

Of slopes and of the calibration intercept medians stand for the means: in a small resample a slope may be anything.
N is what the model's predictions would show if they had nothing to do with what happens, and O' is O, but no worse than N.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from haip_outcomes.survival.resampling.bootstrapping import MOST_FAILED

OPTIMISM, PLUS, OUTSIDE = "optimism", ".632+", "out of bag"
RATIO, WITHIN, BELOW = "ratio", "within 0 and 1", "below 1"  # the range of a measure
_LEAST = 1e-6  # of 1 - IPA
_INSIDE = 0.632  # the share of the patients that a resample holds


@dataclass(frozen=True)
class Corrected:
    """One measure: as it looks, Harrell's optimism in that, out of bag, .632+, what was chosen and its value, limits, and how many resamples lack a value."""

    apparent: float
    optimism: float
    out_of_bag: float
    plus_632: float
    correction: str
    estimate: float
    conf_low: float
    conf_high: float
    n_failed: int


@np.errstate(all="ignore")
def corrected(
    apparent: float, values: np.ndarray, conf_level: float, *, correction: str = OPTIMISM, no_information: float = float("nan"), lower: bool = False,
    scale: str = "", robust: bool = False,
) -> Corrected:  # fmt: skip
    """One measure from its values (B, 3) on the resamples, on all patients and out of bag.

    `correction` chooses the estimate; ".632+" gives the out-of-bag value where there is no value of no information (`no_information` missing). `lower`: lower is better.
    `robust`: medians over the resamples in place of means, for a slope, whose values in small resamples have no mean to speak of.
    `scale`: RATIO of observed to expected: all on the log scale; WITHIN 0 and 1: limits on the logit scale; BELOW one: limits on the scale of ln(1 - value).

    Limits: the percentiles of R_b + P_b, moved so that their mean (or median) is the corrected value. What varies is both the patients a
    model is judged on and the model that is made from them. The location-shifted bootstrap of Noma et al. 2021 (doi 10.1002/sim.9148) takes R_b alone and
    keeps the bias by which a resample looks better still than the patients do: in cohorts of 100 it held the truth less often (benchmarks/OPTIMISM.md), and
    of calibration, which on a model's own patients is right by construction, it knows nothing. With ".632+" and "out of bag" they are the percentiles of O_b, moved
    likewise: only 37% of the patients judge each model, so that they are rather too wide than too narrow.

    Where over 5% of the resamples lack a value there is neither a mean over the others, who are a choice of the resamples, nor a limit. There are no limits where
    they would not hold the corrected value, because a few resamples lie far from all others.
    """
    used = slice(0, 2) if correction == OPTIMISM else slice(2, 3)
    failed = int((~np.isfinite(values[:, used]).all(axis=1)).sum())
    a, each = (float(_log(apparent)), _log(values)) if scale == RATIO else (apparent, values)

    def back(value: float) -> float:
        return float(np.exp(value)) if scale == RATIO else float(value)

    oob = _centre(each[:, 2], robust)
    if not np.isfinite(a):
        return Corrected(apparent, np.nan, back(oob), np.nan, correction, np.nan, np.nan, np.nan, failed)
    harrell = a - _centre(each[:, 0] - each[:, 1], robust)
    plus = plus_632(a, oob, no_information, lower)
    chosen = OUTSIDE if correction == PLUS and np.isnan(no_information) else correction
    value = {OPTIMISM: harrell, PLUS: plus, OUTSIDE: oob}[chosen]
    low, high = _limits(each[:, used], value, conf_level, scale, robust)
    if not low <= value <= high:
        low = high = np.nan
    return Corrected(apparent, apparent - back(harrell), back(oob), back(plus), chosen, back(value), back(low), back(high), failed)


def _centre(values: np.ndarray, robust: bool) -> float:
    """The mean or median; none where over 5% are missing."""
    there = values[np.isfinite(values)]
    if not len(there) or len(values) - len(there) > MOST_FAILED * len(values):
        return float("nan")
    return float(np.median(there) if robust else there.mean())


def _limits(each: np.ndarray, value: float, conf_level: float, scale: str, robust: bool) -> tuple[float, float]:
    """The percentiles of the sums of each row, moved to the value, within the range of the measure."""
    each = each[np.isfinite(each).all(axis=1)]
    outside = (scale == WITHIN and not 0 < value < 1) or (scale == BELOW and not value < 1)
    if np.isnan(value) or len(each) < 2 or outside:
        return float("nan"), float("nan")
    varying = (-np.log(np.maximum(1 - each, _LEAST)) if scale == BELOW else each).sum(axis=1)
    around = np.quantile(varying, [(1 - conf_level) / 2, (1 + conf_level) / 2]) - _centre(varying, robust)
    if scale == WITHIN:  # the logit moves 1 / (v (1 - v)) times as much as the value
        ends = 1 / (1 + (1 - value) / value * np.exp(-around / (value * (1 - value))))
    elif scale == BELOW:
        ends = 1 - (1 - value) * np.exp(-around)
    else:
        ends = value + around
    return float(ends[0]), float(ends[1])


def plus_632(apparent: float, outside: float, no_information: float, lower: bool) -> float:
    """Efron and Tibshirani 1997, doi 10.1080/01621459.1997.10474007: the more of the apparent success is gone out of bag, the less it counts."""
    if np.isnan(no_information) or np.isnan(outside):
        return float("nan")
    kept = min(outside, no_information) if lower else max(outside, no_information)
    learnt, gone = abs(apparent - no_information), abs(apparent - kept)
    better = apparent < kept if lower else apparent > kept  # than out of bag, and so than no information
    lost = gone / learnt if better else 0.0
    weight = _INSIDE / (1 - (1 - _INSIDE) * lost)
    return float((1 - weight) * apparent + weight * kept)


def _log(values: float | np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(np.asarray(values, dtype=float))
