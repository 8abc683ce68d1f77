"""greenwood."""

# ruff: noqa: D103  (a function a task, named after it)
from __future__ import annotations

import greenwood
from patients import Patients

from engines.trial import Trial, stepped


def _one(data: Patients) -> greenwood.Surv:
    return greenwood.Surv(data.time, event=data.status)


def _coefficients(fit) -> dict:
    return {"estimate": fit.coef_, "std_error": fit.std_error_}


def cox(data: Patients) -> Trial:
    return Trial(lambda: greenwood.CoxPH().fit(_one(data), data.x), _coefficients)


def kaplan_meier(data: Patients) -> Trial:
    def numbers(fit):
        return {"estimate": stepped(fit.time_, fit.survival_, 1.0), "std_error": stepped(fit.time_, fit.std_error_, 0.0),
                "conf_low": stepped(fit.time_, fit.conf_low_, 1.0)}  # fmt: skip

    return Trial(lambda: greenwood.KaplanMeier(conf_type="log-log").fit(_one(data)), numbers)


def logrank(data: Patients) -> Trial:
    return Trial(lambda: greenwood.logrank_test(_one(data), data.group), lambda result: {"statistic": [result.statistic]})
