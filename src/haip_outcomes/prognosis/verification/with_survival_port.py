"""The PyPI package `survival` (a port of R's survival to Rust), where it is installed: curves, log-rank tests, Cox models and their check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import norm

from haip_outcomes.prognosis.verification.asked import Task, all_tested, limits
from haip_outcomes.prognosis.verification.plain_python import Answer
from haip_outcomes.prognosis.verification.with_lifelines import cause_specific


def answers(task: Task) -> list[Answer]:
    """The port's numbers for a task."""
    return list({"survival_curve": _curve, "logrank": _logrank, "cox": _cox, "cox_zph": _proportional}[task.recipe.verb](task))


def _told(task: Task, code: int = 0) -> dict[str, list[Any]]:
    rows = task.of_group(code)
    event = (rows["state"] == 0).astype(int) if task.recipe.get("reverse") else cause_specific(task) if not code else (rows["state"] > 0).astype(int)
    return {str(name): column.tolist() for name, column in rows.assign(event=event).items()}


def _curve(task: Task) -> Iterator[Answer]:
    from survival import survfit  # type: ignore[import-not-found, unused-ignore]

    for code in task.codes:
        fit = survfit("Surv(time, event) ~ 1", data=_told(task, code), conf_type="log-log")
        times, numbers = np.asarray(fit.time), [np.asarray(one, dtype=float) for one in (fit.surv, fit.std_err, fit.lower, fit.upper)]
        for time in task.times:
            at = np.searchsorted(times, time, side="right") - 1
            if at >= 0:
                survival, error, low, high = (float(one[at]) for one in numbers)
                yield {"group": task.group_name(code), "time": time, "estimate": survival, "std_error": error * survival, **limits(survival, low, high)}


def _logrank(task: Task) -> Iterator[Answer]:
    from survival import survdiff

    if not all_tested(task):
        return
    test = survdiff(f"Surv(time, event) ~ group{' + strata(strata)' if 'strata' in task.data else ''}", data=_told(task))
    yield {"statistic": float(test.chisq), "df": len(task.groups) - 1, "p_value": float(test.pvalue)}


def _fit(task: Task) -> Any:
    from survival import coxph

    right = [f"x{j + 1}" for j in range(len(task.terms))] + (["strata(strata)"] if "strata" in task.data else [])
    return coxph(f"Surv(time, event) ~ {' + '.join(right)}", data=_told(task), ties=task.recipe.get("ties", "efron"), eps=1e-14, toler_chol=1e-15, iter_max=100)


def _cox(task: Task) -> Iterator[Answer]:
    fit = _fit(task)
    z = float(norm.ppf(0.975))
    for (term, level), b, error in zip(task.terms, fit.coefficients, np.sqrt(np.diag(np.asarray(fit.var))), strict=True):
        yield {"term": term, "level": level, "estimate": b, "std_error": float(error), "conf_low": b - z * error, "conf_high": b + z * error, "statistic": b / error,
               "p_value": 2 * float(norm.sf(abs(b / error)))}  # fmt: skip


def _proportional(task: Task) -> Iterator[Answer]:
    """Of a factor of several columns only the test of all together, in which they are one."""
    from survival import cox_zph

    columns = [term for term, _ in task.terms]
    for row in cox_zph(_fit(task), transform="km").table:
        term = "GLOBAL" if row["name"] == "GLOBAL" else columns[int(row["name"][1:]) - 1]
        if term == "GLOBAL" or columns.count(term) == 1:
            yield {"term": term, "statistic": row["chisq"], "df": row["df"], "p_value": row["p"]}
