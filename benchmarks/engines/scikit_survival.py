"""scikit-survival."""

# ruff: noqa: D103  (a function a task, named after it)
from __future__ import annotations

import numpy as np
from patients import Patients
from sksurv.compare import compare_survival
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.metrics import concordance_index_censored
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator
from sksurv.util import Surv

from engines.trial import Trial, stepped


def cox(data: Patients) -> Trial:
    """It has no standard error."""

    def call():
        return CoxPHSurvivalAnalysis(ties="efron").fit(data.x, Surv.from_arrays(data.status, data.time))

    return Trial(call, lambda fit: {"estimate": fit.coef_})


def aalen_johansen(data: Patients) -> Trial:
    """Its variance is Dinse's, given as log-log limits only."""

    def call():
        return cumulative_incidence_competing_risks(data.state, data.time, conf_type="log-log")

    return Trial(call, lambda found: {"estimate": np.concatenate([stepped(found[0], found[1][k], 0.0) for k in (1, 2)])})


def concordance(data: Patients) -> Trial:
    return Trial(lambda: concordance_index_censored(data.status.astype(bool), data.time, data.marker),
                 lambda found: {"estimate": [found[0]]})  # fmt: skip


def kaplan_meier(data: Patients) -> Trial:
    def call():
        return kaplan_meier_estimator(data.status.astype(bool), data.time, conf_type="log-log")

    return Trial(call, lambda found: {"estimate": stepped(found[0], found[1], 1.0), "conf_low": stepped(found[0], found[2][0], 1.0)})


def logrank(data: Patients) -> Trial:
    return Trial(lambda: compare_survival(Surv.from_arrays(data.status, data.time), data.group),
                 lambda found: {"statistic": [found[0]]})  # fmt: skip


def bootstrap(data: Patients, rows: np.ndarray) -> Trial:
    def call():
        y = Surv.from_arrays(data.status, data.time)
        return np.array([CoxPHSurvivalAnalysis(ties="efron").fit(data.x[sample], y[sample]).coef_ for sample in rows])

    return Trial(call, lambda b: {"std_error": b.std(axis=0, ddof=1)})
