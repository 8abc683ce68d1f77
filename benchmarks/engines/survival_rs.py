"""The PyPI package `survival`, a port of R's to Rust: its R-like functions on a frame, and its core on arrays."""

# ruff: noqa: D103  (a function a task, named after it)
from __future__ import annotations

import numpy as np
import pandas as pd
import survival
from patients import Patients
from survival import core as counts
from survival import regression, surv_analysis

from engines.trial import Trial, stepped


def _frame(data: Patients) -> pd.DataFrame:
    frame = pd.DataFrame(data.x, columns=data.names)
    return frame.assign(time=data.time, status=data.status, state=data.state, group=data.group, marker=data.marker)


def _coefficients(fit) -> dict:
    return {"estimate": np.asarray(fit.coefficients, float), "std_error": np.sqrt(np.diag(np.asarray(fit.var, float)))}


def cox(data: Patients) -> Trial:
    frame, formula = _frame(data), "Surv(time, status) ~ " + " + ".join(data.names)
    return Trial(lambda: survival.coxph(formula, frame), _coefficients)


def cox_core(data: Patients) -> Trial:
    return Trial(lambda: regression.coxph_fit(data.time, data.status, data.x), _coefficients)


def fine_gray(data: Patients) -> Trial:
    """Its own Fine-Gray function: naive standard errors."""

    def call():
        return regression.finegray_regression(data.time, data.state, data.x, 1)

    return Trial(call, lambda fit: {"estimate": fit.coefficients, "std_error": fit.std_errors})


def fine_gray_weighted(data: Patients) -> Trial:
    """finegray() and a weighted coxph() with robust errors, as in R's survival."""
    frame = _frame(data).assign(event=pd.Categorical(data.state, categories=[0, 1, 2]), row=np.arange(len(data.time)))
    right = " + ".join(data.names)

    def call():
        wide = survival.finegray(f"Surv(time, event) ~ {right} + row", frame, etype="1")
        columns = wide if isinstance(wide, pd.DataFrame) else pd.DataFrame({name: wide[name] for name in wide})
        return survival.coxph(f"Surv(fgstart, fgstop, fgstatus) ~ {right}", columns, weights="fgwt", cluster="row")

    return Trial(call, _coefficients)


def aalen_johansen(data: Patients) -> Trial:
    """survfit's variance (infinitesimal jackknife)."""

    def numbers(fit):
        estimate, error = np.asarray(fit.pstate, float), np.asarray(fit.std_err, float)
        return {"estimate": np.concatenate([stepped(fit.time, estimate[:, k], 0.0) for k in (1, 2)]),
                "std_error": np.concatenate([stepped(fit.time, error[:, k], 0.0) for k in (1, 2)])}  # fmt: skip

    return Trial(lambda: surv_analysis.survfitaj(data.time, data.state, ["1", "2"]), numbers)


def concordance(data: Patients) -> Trial:
    frame = _frame(data)
    return Trial(lambda: survival.concordance("Surv(time, status) ~ marker", data=frame, reverse=True),
                 lambda found: {"estimate": [float(np.ravel(found.concordance)[0])], "std_error": [float(np.sqrt(np.ravel(found.var)[0]))]})  # fmt: skip


def concordance_core(data: Patients) -> Trial:
    def call():
        return counts.concordancefit(counts.SurvivalData(data.time, data.status),
                                     counts.CovariateMatrix(data.marker, len(data.marker), 1), reverse=True)  # fmt: skip

    return Trial(call, lambda found: {"estimate": [found.concordance[0]], "std_error": [float(np.sqrt(found.var[0][0]))]})


def _curve(fit) -> dict:
    survival_, error = np.asarray(fit.surv, float), np.asarray(fit.std_err, float)
    error = error * survival_ if fit.logse else error
    return {"estimate": stepped(fit.time, survival_, 1.0), "std_error": stepped(fit.time, error, 0.0),
            "conf_low": stepped(fit.time, fit.lower, 1.0)}  # fmt: skip


def kaplan_meier(data: Patients) -> Trial:
    frame = _frame(data)
    return Trial(lambda: survival.survfit("Surv(time, status) ~ 1", frame, conf_type="log-log"), _curve)


def kaplan_meier_core(data: Patients) -> Trial:
    return Trial(lambda: surv_analysis.survfitkm(data.time, data.status, conf_type="log-log"), _curve)


def logrank(data: Patients) -> Trial:
    frame = _frame(data)
    return Trial(lambda: survival.survdiff("Surv(time, status) ~ group", frame), lambda found: {"statistic": [found.chisq]})


def logrank_core(data: Patients) -> Trial:
    return Trial(lambda: surv_analysis.survdiff(data.time, data.status, data.group), lambda found: {"statistic": [found.chisq]})


def bootstrap(data: Patients, rows: np.ndarray) -> Trial:
    """Its core function in a loop."""
    status = data.status

    def call():
        return np.array([regression.coxph_fit(data.time[sample], status[sample], data.x[sample]).coefficients for sample in rows])

    return Trial(call, lambda b: {"std_error": b.std(axis=0, ddof=1)})
