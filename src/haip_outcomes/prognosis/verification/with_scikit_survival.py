"""scikit-survival, asked for what it gets right: curves, log-rank tests, coefficients, Harrell's concordance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from haip_outcomes.prognosis.verification.asked import Task, all_tested, limits
from haip_outcomes.prognosis.verification.plain_python import Answer
from haip_outcomes.prognosis.verification.with_lifelines import cause_specific


def answers(task: Task) -> list[Answer]:
    """scikit-survival's numbers for a task."""
    return list({"survival_curve": _curve, "logrank": _logrank, "cox": _cox, "cox_concordance": _concordance}[task.recipe.verb](task))


def _curve(task: Task) -> Iterator[Answer]:
    from sksurv.nonparametric import kaplan_meier_estimator

    for code in task.codes:
        rows = task.of_group(code)
        event = rows["state"] == 0 if task.recipe.get("reverse") else rows["state"] > 0
        times, survival, both = kaplan_meier_estimator(event.to_numpy(dtype=bool), rows["time"].to_numpy(), conf_type="log-log")
        for time in task.times:
            at = np.searchsorted(times, time, side="right") - 1
            if at >= 0:
                yield {"group": task.group_name(code), "time": time, "estimate": float(survival[at]), **limits(float(survival[at]), float(both[0, at]), float(both[1, at]))}


def _outcome(task: Task) -> Any:
    from sksurv.util import Surv

    return Surv.from_arrays(cause_specific(task).astype(bool), task.data["time"].to_numpy())


def _logrank(task: Task) -> Iterator[Answer]:
    from sksurv.compare import compare_survival

    if not all_tested(task):
        return
    statistic, p = compare_survival(_outcome(task), task.data["group"].to_numpy())
    yield {"statistic": float(statistic), "df": len(task.groups) - 1, "p_value": float(p)}


def _fit(task: Task) -> tuple[Any, np.ndarray]:
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    columns = task.data[[f"x{j + 1}" for j in range(len(task.terms))]].to_numpy()
    centred = columns - columns.mean(axis=0)
    return CoxPHSurvivalAnalysis(ties="efron", tol=1e-12, n_iter=200).fit(centred, _outcome(task)), centred


def _cox(task: Task) -> Iterator[Answer]:
    fit, _ = _fit(task)
    for (term, level), value in zip(task.terms, fit.coef_, strict=True):
        yield {"term": term, "level": level, "estimate": float(value)}


def _concordance(task: Task) -> Iterator[Answer]:
    from sksurv.metrics import concordance_index_censored

    fit, columns = _fit(task)
    found = concordance_index_censored(cause_specific(task).astype(bool), task.data["time"].to_numpy(), fit.predict(columns))
    yield {"estimate": float(found[0])}
