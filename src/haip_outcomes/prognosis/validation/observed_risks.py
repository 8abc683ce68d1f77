"""What was observed by a time, and each patient's part in it: Kaplan-Meier or Aalen-Johansen, and its jackknife pseudo-values."""

from __future__ import annotations

import numpy as np

from haip_outcomes.prognosis.validation.predicted_risks import Predicted
from haip_outcomes.survival.curves.aalen_johansen import cumulative_incidence
from haip_outcomes.survival.curves.kaplan_meier import survival_curve


def observed_risk(asked: Predicted, t: float, rows: np.ndarray | None = None, conf_level: float = 0.95) -> tuple[float, float, float, float]:
    """The probability of the event by t among these patients, its standard error and log-log limits.

    1 - Kaplan-Meier with Greenwood's error where one event is possible, else Aalen-Johansen with the infinitesimal jackknife (survfit's).
    All are missing where nobody is left at risk before t and the rest is not known.
    """
    tte = asked.tte if rows is None else asked.tte.take(rows)
    end = tte.time.max()
    if end < t and (tte.state[tte.time == end] == 0).any():  # the last of them were lost before t
        return np.nan, np.nan, np.nan, np.nan
    if asked.competing:
        found = cumulative_incidence(tte, variance="infinitesimal-jackknife", conf_level=conf_level).at([t])
        row = found[found["outcome"] == asked.outcome].iloc[0]
        return float(row["estimate"]), float(row["std_error"]), float(row["conf_low"]), float(row["conf_high"])
    row = survival_curve(tte, conf_level=conf_level).at([t]).iloc[0]
    return 1 - float(row["estimate"]), float(row["std_error"]), 1 - float(row["conf_high"]), 1 - float(row["conf_low"])


def pseudo_values(asked: Predicted, t: float) -> np.ndarray:
    """n F(t) - (n - 1) F_without_i(t) for every patient (n,): their mean is F(t) up to rounding, and without censoring they are 0 and 1.

    F without patient i, in one pass: before T_i every number at risk is one less; at T_i one exit is less; after it nothing changes, so
    that what follows is S_i(T_i) times the incidence R among those beyond T_i. Equals R's `prodlim::jackknife`.
    """
    tte, n = asked.tte, len(asked.tte)
    number, time = tte.ranked.number, tte.ranked.distinct
    until = time <= t
    every = np.bincount(number, minlength=len(time))
    y = np.cumsum(every[::-1])[::-1].astype(float)
    d = np.where(until, np.bincount(number[tte.state > 0], minlength=len(time)), 0).astype(float)
    own = np.where(until, np.bincount(number[tte.state == asked.code], minlength=len(time)), 0).astype(float)

    beyond = np.zeros(len(time) + 1)  # R after each time: the incidence from there, by backward steps
    for k in range(len(time) - 1, -1, -1):
        beyond[k] = own[k] / y[k] + (1 - d[k] / y[k]) * beyond[k + 1]
    less = np.maximum(y - 1, 1.0)  # with one fewer at risk; where that is nobody, nobody has an event either
    survival = np.cumprod(np.concatenate([[1.0], np.where(y > 1, 1 - d / less, 1.0)]))  # before each time
    incidence = np.concatenate([[0.0], np.cumsum(survival[:-1] * own / less)])

    event = (tte.state > 0) & (tte.time <= t)
    mine = event & (tte.state == asked.code)
    at_own = (own[number] - mine) / less[number]
    left = np.where(y[number] > 1, 1 - (d[number] - event) / less[number], 1.0)
    without = incidence[number] + survival[number] * (at_own + left * beyond[number + 1])
    return np.asarray(n * beyond[0] - (n - 1) * without)
