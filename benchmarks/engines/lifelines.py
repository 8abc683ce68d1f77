"""lifelines."""

# ruff: noqa: D103  (a function a task, named after it)
from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from lifelines import AalenJohansenFitter, CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import concordance_index
from patients import Patients

from engines.trial import Trial, stepped

warnings.filterwarnings("ignore", message="Tied event times")


def _frame(data: Patients) -> pd.DataFrame:
    return pd.DataFrame(data.x, columns=data.names).assign(time=data.time, status=data.status)


def cox(data: Patients) -> Trial:
    frame = _frame(data)
    return Trial(lambda: CoxPHFitter().fit(frame, "time", "status"),
                 lambda fit: {"estimate": fit.params_.to_numpy(), "std_error": fit.standard_errors_.to_numpy()})  # fmt: skip


def aalen_johansen(data: Patients) -> Trial:
    """Both causes, one fit each."""

    def call():
        return [AalenJohansenFitter(seed=1).fit(data.time, data.state, event_of_interest=k) for k in (1, 2)]

    def numbers(fits):
        values = [(fit.cumulative_density_.index, np.ravel(fit.cumulative_density_), np.ravel(fit.variance_)) for fit in fits]
        return {"estimate": np.concatenate([stepped(time, f, 0.0) for time, f, _ in values]),
                "std_error": np.concatenate([np.sqrt(stepped(time, v, 0.0)) for time, _, v in values])}  # fmt: skip

    return Trial(call, numbers)


def concordance(data: Patients) -> Trial:
    return Trial(lambda: concordance_index(data.time, -data.marker, data.status), lambda c: {"estimate": [c]})


def kaplan_meier(data: Patients) -> Trial:
    def numbers(fit):
        limits = fit.confidence_interval_
        return {"estimate": stepped(fit.survival_function_.index, fit.survival_function_.iloc[:, 0], 1.0),
                "conf_low": stepped(limits.index, limits.iloc[:, 0], 1.0)}  # fmt: skip

    return Trial(lambda: KaplanMeierFitter().fit(data.time, data.status), numbers)


def logrank(data: Patients) -> Trial:
    return Trial(lambda: multivariate_logrank_test(data.time, data.group, data.status),
                 lambda result: {"statistic": [result.test_statistic]})  # fmt: skip


def bootstrap(data: Patients, rows: np.ndarray) -> Trial:
    frame = _frame(data)

    def call():
        return np.array([CoxPHFitter().fit(frame.iloc[sample], "time", "status").params_.to_numpy() for sample in rows])

    return Trial(call, lambda b: {"std_error": b.std(axis=0, ddof=1)})
