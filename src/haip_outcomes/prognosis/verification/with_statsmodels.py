"""statsmodels, asked for what it gets right: curves with Greenwood's error, incidence without error, log-rank tests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from haip_outcomes.prognosis.verification.asked import Task, all_tested
from haip_outcomes.prognosis.verification.plain_python import Answer


def answers(task: Task) -> list[Answer]:
    """statsmodels' numbers for a task."""
    return list({"survival_curve": _curve, "logrank": _logrank, "cumulative_incidence": _incidence}[task.recipe.verb](task))


def _curve(task: Task) -> Iterator[Answer]:
    from statsmodels.duration.survfunc import SurvfuncRight

    for code in task.codes:
        rows = task.of_group(code)
        event = (rows["state"] == 0 if task.recipe.get("reverse") else rows["state"] > 0).astype(int)
        fit = SurvfuncRight(rows["time"], event)
        for time in task.times:
            at = np.searchsorted(fit.surv_times, time, side="right") - 1
            if at >= 0:
                yield {"group": task.group_name(code), "time": time, "estimate": float(fit.surv_prob[at]), "std_error": float(fit.surv_prob_se[at])}


def _logrank(task: Task) -> Iterator[Answer]:
    from statsmodels.duration.survfunc import survdiff

    if not all_tested(task):
        return
    strata = task.data["strata"].to_numpy() if "strata" in task.data else None
    statistic, p = survdiff(task.data["time"].to_numpy(), (task.data["state"] > 0).astype(int).to_numpy(), task.data["group"].to_numpy(), strata=strata)
    yield {"statistic": float(np.squeeze(statistic)), "df": len(task.groups) - 1, "p_value": float(np.squeeze(p))}


def _incidence(task: Task) -> Iterator[Answer]:
    from statsmodels.duration.survfunc import CumIncidenceRight

    for code in task.codes:
        rows = task.of_group(code)
        fit = CumIncidenceRight(rows["time"].to_numpy(), rows["state"].to_numpy())
        for k, name in enumerate(task.states):
            for time in task.times:
                at = np.searchsorted(fit.times, time, side="right") - 1
                value = 0.0 if at < 0 or k >= len(fit.cinc) else float(fit.cinc[k][at])
                yield {"outcome": name, "group": task.group_name(code), "time": time, "estimate": value}
