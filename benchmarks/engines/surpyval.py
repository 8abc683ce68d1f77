"""surpyval."""

# ruff: noqa: D103  (a function a task, named after it)
from __future__ import annotations

import numpy as np
import surpyval
from patients import Patients

from engines.trial import AT, Trial, stepped


def _causes(data: Patients) -> tuple[np.ndarray, np.ndarray]:
    """Causes (missing when censored) and censoring flags, as it takes them."""
    return np.where(data.state > 0, data.state.astype(float), np.nan), (data.state == 0).astype(int)


def cox(data: Patients) -> Trial:
    def call():
        fit = surpyval.CoxPH.fit(data.time, data.x, 1 - data.status)
        return fit, fit.standard_errors()

    return Trial(call, lambda found: {"estimate": found[0].params, "std_error": found[1]})


def fine_gray(data: Patients) -> Trial:
    """Naive standard errors."""
    causes, censored = _causes(data)

    def call():
        fit = surpyval.FineGray.fit(data.time, data.x, e=causes, c=censored, event=1)
        return fit, fit.standard_errors()

    return Trial(call, lambda found: {"estimate": found[0].params, "std_error": found[1]})


def gray(data: Patients) -> Trial:
    causes, censored = _causes(data)
    return Trial(lambda: surpyval.gray_test(data.time, causes, data.group, event=1, c=censored),
                 lambda result: {"statistic": [result.statistic]})  # fmt: skip


def aalen_johansen(data: Patients) -> Trial:
    """With limits at 7 times of each cause: it computes the variance when limits are asked for."""
    causes, censored = _causes(data)
    z = 1.959963984540054

    def call():
        fit = surpyval.CompetingRisks.fit(data.time, causes, censored)
        return [(fit.cif(AT, event=k), fit.cb(AT, event=k, bound_type="normal")) for k in (1.0, 2.0)]

    def numbers(found):
        return {"estimate": np.concatenate([f for f, _ in found]),
                "std_error": np.concatenate([(limits[:, 1] - limits[:, 0]) / (2 * z) for _, limits in found])}  # fmt: skip

    return Trial(call, numbers)


def concordance(data: Patients) -> Trial:
    return Trial(lambda: surpyval.concordance_index(data.time, 1 - data.status, data.marker), lambda c: {"estimate": [c]})


def kaplan_meier(data: Patients) -> Trial:
    def numbers(fit):
        survival = stepped(fit.x, fit.R, 1.0)
        return {"estimate": survival, "std_error": survival * np.sqrt(stepped(fit.x, fit.greenwood, 0.0))}

    return Trial(lambda: surpyval.KaplanMeier.fit(data.time, 1 - data.status), numbers)


def logrank(data: Patients) -> Trial:
    return Trial(lambda: surpyval.logrank(data.time, data.group, 1 - data.status),
                 lambda result: {"statistic": [result.statistic]})  # fmt: skip
