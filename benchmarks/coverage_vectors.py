"""Kaplan-Meier for thousands of simulated centres at once; the first ones of each size are held against the package's own functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from coverage_rows import Z95, times
from statsmodels.stats.proportion import proportion_confint

from haip_outcomes.benchmark.centre import at_horizon, enough_followed
from haip_outcomes.benchmark.uncertainty import wilson
from haip_outcomes.survival.curves.kaplan_meier import survival_curve

CHECKED = 40
FORMS = ("plain", "log", "log-log")
SPSS, WILSON, ANSWERED = "median ± 1.96 standard errors", "Wilson on the effective size", "log-log, where `compare` answers"
Pairs = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Curves:
    """A row a centre, a column a patient in the order of time; without ties. `greenwood` is the sum under the root."""

    time: np.ndarray
    died: np.ndarray
    survival: np.ndarray
    greenwood: np.ndarray


def curves(time: np.ndarray, died: np.ndarray) -> Curves:
    """The curves of all rows."""
    order = np.argsort(time, axis=1)
    time, died = np.take_along_axis(time, order, 1), np.take_along_axis(died, order, 1)
    n = time.shape[1] - np.arange(time.shape[1])
    survival = np.cumprod(1 - died / n, axis=1)
    with np.errstate(divide="ignore"):
        greenwood = np.cumsum(np.where(died, 1 / (n * (n - died)), 0.0), axis=1)
    return Curves(time, died, survival, greenwood)


def limits(survival: np.ndarray, greenwood: np.ndarray, form: str) -> tuple[np.ndarray, np.ndarray]:
    """Pointwise 95% limits; missing where the curve is at 0."""
    with np.errstate(all="ignore"):
        root = Z95 * np.sqrt(greenwood)
        if form == "plain":
            low, high = survival - survival * root, survival + survival * root
        elif form == "log":
            low, high = survival * np.exp(-root), survival * np.exp(root)
        else:
            error = root / np.abs(np.log(survival))
            low, high = survival ** np.exp(error), survival ** np.exp(-error)
    gone = survival < 1e-12
    return np.where(gone, np.nan, low), np.where(gone, np.nan, high)


def median_intervals(found: Curves) -> Pairs:
    """Both kinds of interval of the median, a pair of arrays a method."""

    def first(where: np.ndarray) -> np.ndarray:
        return np.where(found.died & where, found.time, np.inf).min(axis=1)

    made: Pairs = {}
    for form in FORMS:
        low, high = limits(found.survival, found.greenwood, form)
        made[f"curve-based, {form}"] = tuple(np.where(np.isinf(at), np.nan, at) for at in (first(low <= 0.5 + 1e-9), first(high <= 0.5 + 1e-9)))
    median, lower = first(found.survival <= 0.5 + 1e-9), first(found.survival <= 0.45 + 1e-9)
    above = found.died & (found.survival >= 0.55 - 1e-9)
    upper = np.where(above, found.time, 0.0).max(axis=1)
    high = np.where(above, found.survival, 1.0).min(axis=1)
    with np.errstate(all="ignore"):
        low = np.where(found.died & (found.time <= lower[:, None]), found.survival, 1.0).min(axis=1)
        at = found.died & (found.time <= median[:, None])
        error = np.where(at, found.survival, 1.0).min(axis=1) * np.sqrt(np.where(at, found.greenwood, 0.0).max(axis=1))
        half = Z95 * error / ((high - low) / (lower - upper))
    half = np.where(np.isinf(lower) | np.isinf(median), np.nan, half)
    made[SPSS] = (median - half, median + half)
    for i in range(min(CHECKED, len(found.time))):
        curve = times(found.time[i], found.died[i])
        for name, (lows, highs) in made.items():
            row = (survival_curve(curve).median(method="standard-error") if name == SPSS else survival_curve(curve, conf_type=name.split(", ")[1]).median()).iloc[0]
            _same(name, (lows[i], highs[i]), (row["conf_low"], row["conf_high"]))
    return made


def landmark_intervals(found: Curves, at: float) -> Pairs:
    """Intervals of the survival at a time; at 1 and 0 the exact limits that `compare` takes."""
    rows, n = np.arange(len(found.time)), found.time.shape[1]
    passed = (found.time <= at).sum(axis=1)
    survival = np.where(passed > 0, found.survival[rows, passed - 1], 1.0)
    greenwood = np.where(passed > 0, found.greenwood[rows, passed - 1], 0.0)
    dead = (found.died & (found.time <= at)).sum(axis=1)
    edge = 0.025 ** (1 / np.maximum(n - passed + dead, 1))
    full, empty = survival > 1 - 1e-9, survival < 1e-9
    with np.errstate(all="ignore"):
        size = np.where(full | empty, 1.0, (1 - survival) / (survival * greenwood))
    made: Pairs = {form: limits(survival, greenwood, form) for form in FORMS}
    made[WILSON] = proportion_confint(survival * size, size, method="wilson")
    made = {name: (np.where(full, edge, np.where(empty, 0.0, low)), np.where(full, 1.0, np.where(empty, 1 - edge, high))) for name, (low, high) in made.items()}
    last_died = (found.time[:, -1] < at) & found.died[:, -1]
    asked = (n - passed >= 5) | (passed == dead) | last_died
    made[ANSWERED] = tuple(np.where(asked, limit, np.nan) for limit in made["log-log"])
    for i in range(min(CHECKED, len(found.time))):
        tte = times(found.time[i], found.died[i])
        ours = at_horizon(tte, None, at, "", 1.0, events=False)
        _same("log-log", (made["log-log"][0][i], made["log-log"][1][i]), ours.shown)
        if bool(asked[i]) is not enough_followed(tte, at):
            raise AssertionError("who is followed long enough differs from the package's rule")
        if not (full[i] or empty[i]):
            for form in ("plain", "log"):
                row = survival_curve(tte, conf_type=form).at([at]).iloc[0]
                _same(form, tuple(np.clip([made[form][0][i], made[form][1][i]], 0, 1)), (row["conf_low"], row["conf_high"]))
            _same(WILSON, (made[WILSON][0][i], made[WILSON][1][i]), wilson(float(survival[i]), float(size[i]), 0.95))
    return made


def _same(name: str, ours: tuple[float, float], package: tuple[float, float]) -> None:
    if not np.allclose(ours, package, rtol=1e-9, atol=1e-12, equal_nan=True):
        raise AssertionError(f"{name}: {ours} here and {package} by the package")
