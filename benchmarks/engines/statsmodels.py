"""statsmodels."""

# ruff: noqa: D103  (a function a task, named after it)
from __future__ import annotations

import numpy as np
from patients import Patients
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight, survdiff

from engines.trial import Trial, stepped


def cox(data: Patients) -> Trial:
    def call():
        fit = PHReg(data.time, data.x, status=data.status, ties="efron").fit()
        return fit, fit.bse

    return Trial(call, lambda found: {"estimate": found[0].params, "std_error": found[1]})


def aalen_johansen(data: Patients) -> Trial:
    """Aalen's variance."""

    def numbers(found):
        return {"estimate": np.concatenate([stepped(found.times, f, 0.0) for f in found.cinc]),
                "std_error": np.concatenate([stepped(found.times, se, 0.0) for se in found.cinc_se])}  # fmt: skip

    return Trial(lambda: CumIncidenceRight(data.time, data.state), numbers)


def kaplan_meier(data: Patients) -> Trial:
    def numbers(curve):
        return {"estimate": stepped(curve.surv_times, curve.surv_prob, 1.0),
                "std_error": stepped(curve.surv_times, curve.surv_prob_se, 0.0)}  # fmt: skip

    return Trial(lambda: SurvfuncRight(data.time, data.status), numbers)


def logrank(data: Patients) -> Trial:
    return Trial(lambda: survdiff(data.time, data.status, data.group), lambda found: {"statistic": [found[0]]})
