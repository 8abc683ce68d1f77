"""lifelines, asked for what it gets right: curves, log-rank tests, and Cox models where it converges."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from haip_outcomes.prognosis.verification.asked import Task, all_tested, limits
from haip_outcomes.prognosis.verification.plain_python import Answer

# At 1e-12 its rule (Newton's decrement, or the log-likelihood's change below r_precision, 1e-9 by default) leaves coefficients off by up to
# 2.5e-7 and p-values by 3e-6 on the demonstration cohort; at 1e-20 both vanish (7e-15).
PRECISION = 1e-20


def answers(task: Task) -> list[Answer]:
    """lifelines' numbers for a task."""
    return list({"survival_curve": _curve, "median": _median, "logrank": _logrank, "cox": _cox, "subgroup": _cox}[task.recipe.verb](task))


def _fitted(task: Task, code: int) -> Any:
    from lifelines import KaplanMeierFitter

    rows = task.of_group(code)
    event = rows["state"] == 0 if task.recipe.get("reverse") else rows["state"] > 0
    return KaplanMeierFitter().fit(rows["time"], event)


def _curve(task: Task) -> Iterator[Answer]:
    for code in task.codes:
        fit = _fitted(task, code)
        both = fit.confidence_interval_
        for time in task.times:
            at, survival = both.loc[:time].iloc[-1], float(fit.survival_function_at_times([time]).iloc[0])
            yield {"group": task.group_name(code), "time": time, "estimate": survival, **limits(survival, float(at.iloc[0]), float(at.iloc[1]))}


def _median(task: Task) -> Iterator[Answer]:
    for code in task.codes:
        fit = _fitted(task, code)
        times = fit.survival_function_.index.to_numpy()
        low, high = fit.confidence_interval_.iloc[:, 0].to_numpy(), fit.confidence_interval_.iloc[:, 1].to_numpy()
        curve = fit.survival_function_.iloc[:, 0].to_numpy()
        low, high = np.where(curve <= 0, np.nan, low), np.where(curve <= 0, np.nan, high)  # log-log has no limits there
        yield {"group": task.group_name(code), "estimate": reached(times, curve), "conf_low": reached(times, low), "conf_high": reached(times, high)}


def reached(times: np.ndarray, curve: np.ndarray, share: float = 0.5) -> float:
    """When a falling step function comes down to a share: on a stretch exactly there its middle, NaN if never."""
    there = np.flatnonzero(curve <= share + 1e-9)
    if not len(there):
        return math.nan
    first = there[0]
    if abs(curve[first] - share) > 1e-9:
        return float(times[first])
    below = np.flatnonzero(curve < share - 1e-9)
    return float((times[first] + (times[below[0]] if len(below) else times[-1])) / 2)


def _logrank(task: Task) -> Iterator[Answer]:
    from lifelines.statistics import multivariate_logrank_test

    if not all_tested(task):
        return
    test = multivariate_logrank_test(task.data["time"], task.data["group"], task.data["state"] > 0)
    yield {"statistic": float(test.test_statistic), "df": len(task.groups) - 1, "p_value": float(test.p_value)}


def _cox(task: Task) -> Iterator[Answer]:
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError

    columns = [f"x{j + 1}" for j in range(len(task.terms))]
    strata = ["strata"] if "strata" in task.data else None
    frame = task.data[["time", *columns, *(strata or [])]].assign(event=cause_specific(task))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        try:
            fit = CoxPHFitter().fit(frame, "time", "event", strata=strata, fit_options={"precision": PRECISION, "r_precision": PRECISION})
        except (ConvergenceError, Warning) as error:
            raise RuntimeError(f"it did not converge ({str(error).strip().splitlines()[0][:120]})") from None
    told = fit.summary.loc[columns]
    for (term, level), (_, row) in zip(task.terms, told.iterrows(), strict=True):
        yield {"term": term, "level": level, "estimate": row["coef"], "std_error": row["se(coef)"], "conf_low": row["coef lower 95%"],
               "conf_high": row["coef upper 95%"], "statistic": row["z"], "p_value": row["p"]}  # fmt: skip


def cause_specific(task: Task) -> np.ndarray:
    """1 for the event that a Cox model is about, 0 for the rest."""
    states = task.data["state"].to_numpy()
    return ((states == task.cause) if task.recipe.get("cause") else states > 0).astype(int)
