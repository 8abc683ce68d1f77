"""haip_outcomes: "all" makes every object afresh within the clock, "estimator" times the estimator alone."""

# ruff: noqa: D103  (a function a task, named after it)
from __future__ import annotations

import os

import numpy as np
import pandas as pd
from joblib.externals.loky import get_reusable_executor
from patients import Patients, gaps

import haip_outcomes as haip
from engines.trial import AT, Trial
from haip_outcomes.prognosis.validation.own_models import cox_model
from haip_outcomes.prognosis.validation.peer_models import peer_model
from haip_outcomes.prognosis.validation.whole_models import validate

_CAUSE = "Recurrence"
_STATES = [_CAUSE, "Death"]


def _frame(data: Patients) -> pd.DataFrame:
    frame = pd.DataFrame(data.x, columns=data.names)
    return frame.assign(time=data.time, status=data.status, state=data.state, group=data.group, marker=data.marker)


def _one(frame: pd.DataFrame) -> haip.TimeToEvent:
    return haip.TimeToEvent.from_frame(frame, time="time", state="status", states=["Event"], unit="days")


def _two(frame: pd.DataFrame) -> haip.TimeToEvent:
    return haip.TimeToEvent.from_frame(frame, time="time", state="state", states=_STATES, unit="days")


def _coefficients(fit) -> dict:
    rows = fit.tidy()
    return {"estimate": rows["estimate"].to_numpy(), "std_error": rows["std_error"].to_numpy()}


def _fitted(fit):
    fit.tidy()  # whatever is put off until it is asked for belongs to the time
    return fit


def _regression(data: Patients, times, fit, whole: bool) -> Trial:
    frame = _frame(data)

    def made():
        return times(frame), haip.design(frame, data.names)

    if whole:
        return Trial(lambda: _fitted(fit(*made())), _coefficients)
    return Trial(lambda tte, x: _fitted(fit(tte, x)), _coefficients, before=made)


def cox(data: Patients, whole: bool = True) -> Trial:
    return _regression(data, _one, haip.cox, whole)


def cox_estimator(data: Patients) -> Trial:
    return cox(data, whole=False)


def cox_glance(data: Patients) -> Trial:
    """With the concordance, which coxph always computes."""

    def fitted(tte, x):
        fit = haip.cox(tte, x)
        fit.glance()
        return fit

    return _regression(data, _one, fitted, True)


def fine_gray(data: Patients, whole: bool = True) -> Trial:
    return _regression(data, _two, lambda tte, x: haip.fine_gray(tte, x, cause=_CAUSE, se="crr"), whole)


def fine_gray_estimator(data: Patients) -> Trial:
    return fine_gray(data, whole=False)


def fine_gray_weighted(data: Patients) -> Trial:
    """survival's finegray, with its robust errors."""
    return _regression(data, _two, lambda tte, x: haip.fine_gray(tte, x, cause=_CAUSE, se="finegray"), True)


def _tested(data: Patients, times, test, whole: bool) -> Trial:
    frame = _frame(data)

    def numbers(result):
        return {"statistic": [result.statistic]}

    if whole:
        return Trial(lambda: test(times(frame), frame["group"]), numbers)
    return Trial(lambda tte: test(tte, frame["group"]), numbers, before=lambda: (times(frame),))


def gray(data: Patients, whole: bool = True) -> Trial:
    return _tested(data, _two, lambda tte, by: haip.gray(tte, by, cause=_CAUSE), whole)


def gray_estimator(data: Patients) -> Trial:
    return gray(data, whole=False)


def logrank(data: Patients, whole: bool = True) -> Trial:
    return _tested(data, _one, haip.logrank, whole)


def logrank_estimator(data: Patients) -> Trial:
    return logrank(data, whole=False)


def _curve(data: Patients, times, estimate, read: str) -> Trial:
    frame = _frame(data)

    def curve(tte):
        made = estimate(tte)
        if read == "tidy":
            made.tidy()
        made.at(AT[:1])  # whatever is put off until it is asked for belongs to the time
        return made

    def numbers(made):
        rows = made.at(AT)
        if "outcome" not in rows:
            return {name: rows[name].to_numpy() for name in ("estimate", "std_error", "conf_low")}
        parts = [rows[rows["outcome"] == outcome] for outcome in _STATES]
        return {name: np.concatenate([part[name] for part in parts]) for name in ("estimate", "std_error")}

    if read == "estimator":
        return Trial(curve, numbers, before=lambda: (times(frame),))
    return Trial(lambda: curve(times(frame)), numbers)


def kaplan_meier(data: Patients, read: str = "all") -> Trial:
    return _curve(data, _one, haip.survival_curve, read)


def kaplan_meier_estimator(data: Patients) -> Trial:
    return kaplan_meier(data, "estimator")


def kaplan_meier_tidy(data: Patients) -> Trial:
    """With the table of all its rows."""
    return kaplan_meier(data, "tidy")


def aalen_johansen(data: Patients, read: str = "all") -> Trial:
    return _curve(data, _two, haip.cumulative_incidence, read)


def aalen_johansen_estimator(data: Patients) -> Trial:
    return aalen_johansen(data, "estimator")


def aalen_johansen_tidy(data: Patients) -> Trial:
    """With the table of all its rows."""
    return aalen_johansen(data, "tidy")


def concordance(data: Patients, whole: bool = True) -> Trial:
    frame = _frame(data)

    def numbers(found):
        return {"estimate": [found.estimate], "std_error": [found.std_error]}

    if whole:
        return Trial(lambda: haip.concordance(_one(frame), frame["marker"]), numbers)
    return Trial(lambda tte: haip.concordance(tte, frame["marker"]), numbers, before=lambda: (_one(frame),))


def concordance_estimator(data: Patients) -> Trial:
    return concordance(data, whole=False)


def bootstrap(data: Patients) -> Trial:
    frame = _frame(data)

    def call():
        return haip.bootstrap(haip.cox, _one(frame), haip.design(frame, data.names), replicates=1000, method="percentile",
                              rng=np.random.default_rng(1))  # fmt: skip

    return Trial(call, lambda result: {"std_error": result.tidy()["std_error"].to_numpy()})


def firth(data: Patients) -> Trial:
    """Breslow ties, as the one other package has it."""
    return _regression(data, _one, lambda tte, x: haip.cox(tte, x, penalty="firth", ties="breslow"), True)


def firth_efron(data: Patients) -> Trial:
    return _regression(data, _one, lambda tte, x: haip.cox(tte, x, penalty="firth"), True)


def validation(data: Patients, rows: np.ndarray) -> Trial:
    """Optimism of C, Brier score and slope, and of everything else that validate gives."""
    frame = _frame(data)

    def call():
        return validate(_one(frame), frame, {"Cox": cox_model(data.names)}, times=[36], replicates=len(rows), rng=1)

    def numbers(found):
        shown = found.tidy().set_index("measure")["optimism"]
        return {"estimate": shown[["Harrell's C", "Brier score", "slope of the log hazard"]].to_numpy()}

    return Trial(call, numbers)


def validation_two_processes(data: Patients, rows: np.ndarray, processes: int = 2) -> Trial:
    """Six models on the same resamples; the measured process leaves its one core, and starts the others within the clock."""
    frame = _frame(data)
    terms = data.names
    models = {"Cox": cox_model(terms), "Bent": cox_model([haip.spline(terms[0], 3), *terms[1:]]), "Weibull": peer_model("weibull", terms),
              "Coxnet": peer_model("coxnet", terms), "Forest": peer_model("random survival forest", terms, n_estimators=50),
              "Boosting": peer_model("gradient boosting", terms, n_estimators=50)}  # fmt: skip

    def before():
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        get_reusable_executor().shutdown()  # joblib would keep those of the call before
        return ()

    def call():
        return validate(_one(frame), frame, models, times=[36], replicates=len(rows), rng=1, n_jobs=processes)

    def numbers(found):
        get_reusable_executor().shutdown()
        return {"estimate": found.tidy()["estimate"].to_numpy()}

    return Trial(call, numbers, before=before)


def validation_one_process(data: Patients, rows: np.ndarray) -> Trial:
    return validation_two_processes(data, rows, 1)


def imputation(data: Patients) -> Trial:
    """50 imputations of 10 columns in 10 rounds, a Cox model of each, pooled."""
    frame = _frame(data)
    frame[data.names] = frame[data.names].mask(gaps(*data.x.shape))

    def call():
        tte = _one(frame)
        imputed = haip.impute(frame, tte=tte, columns=data.names, imputations=50, rounds=10, rng=1)
        return haip.pool([haip.cox(tte, haip.design(one, data.names)) for one in imputed])

    return Trial(call, _coefficients)
