"""Propensity scores, weights, balance, weighted curves and weighted Cox models against R (weighting.R): glm, survfit and coxph with the same weights."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.curves.kaplan_meier import survival_curve
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.time_to_event import TimeToEvent
from haip_outcomes.survival.weighting.propensity_scores import propensity
from haip_outcomes.survival.weighting.unmeasured import e_value

HERE = Path(__file__).resolve().parents[1] / "reference"
R = json.loads((HERE / "weighting.json").read_text(encoding="utf-8"))
STUDIES = {
    "gbsg": {"treatment": "hormon", "terms": ["age", "meno", "size", "grade", "nodes", "er"], "time": "month", "entry": None},
    "colon": {"treatment": "arm", "terms": ["sex*age", "obstruct", "nodes", "differ", "extent"], "time": "day", "entry": None},
    "rotterdam": {"treatment": "chemo", "terms": ["age", "size", "nodes", "pgr"], "time": "month", "entry": "entry"},
}
WEIGHTINGS = {
    "ATE": {}, "stabilised": {"stabilised": True}, "ATT": {"estimand": "ATT"}, "overlap": {"estimand": "overlap"}, "cut99": {"truncate": 0.99},
    "cutboth": {"truncate": (0.05, 0.9)}, "attcut": {"estimand": "ATT", "truncate": 0.95},
}  # fmt: skip
CASES = [(study, how) for study in STUDIES for how in WEIGHTINGS]


def close(ours, theirs, tolerance=1e-8):
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert ours.shape == theirs.shape
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    gap = np.abs(ours - theirs) / np.maximum(np.abs(theirs), 0.001)
    assert not len(gap.ravel()) or np.nanmax(np.append(gap, 0)) <= tolerance


def study_of(name):
    about = STUDIES[name]
    frame = pd.read_csv(HERE / "data" / f"weighting_{name}.csv", dtype={"size": str} if name == "rotterdam" else None)
    complete = frame[frame[[c for c in ("nodes", "differ") if c in frame]].notna().all(axis=1)]
    tte = TimeToEvent.from_frame(complete, time=about["time"], state="dead", states=["Death"], entry=about["entry"], unit="days")
    return frame, complete, tte, about


@pytest.mark.parametrize("name", STUDIES)
def test_the_model_of_who_was_treated_is_rs_glm(name):
    frame, complete, _, about = study_of(name)
    p = propensity(frame, about["treatment"], about["terms"], missing="complete-case")
    want = R[name]
    assert p.weights.index.equals(complete.index)
    assert sum(map(len, p.left_out.values())) == len(frame) - len(complete)
    tidy = p.tidy()
    assert len(tidy) == len(want["names"])
    # R sorts levels as we do; its interactions come last, as ours
    close(p.scores, want["scores"])
    close(tidy["estimate"], want["coefficients"])
    close(tidy["std_error"], want["std_error"])
    close(p.covariance, want["covariance"])
    close(tidy["p_value"], want["p_value"])
    close(p.tidy(exponentiate=True)["estimate"], np.exp(want["coefficients"]))


@pytest.mark.parametrize(("name", "how"), CASES)
def test_weights_and_balance(name, how):
    _, complete, _, about = study_of(name)
    p = propensity(complete, about["treatment"], about["terms"], **WEIGHTINGS[how])
    want = R[name][how]
    close(p.weights.to_numpy()[::10], want["weights"])
    close(p.weights.sum(), want["total"])
    close(p.positivity()["effective_n"], want["effective"])
    ours = {spread: p.balance(spread=spread) for spread in ("weighted", "unweighted")}
    for key, both in want["balance"].items():
        term, _, level = key.partition(" ")
        for sample, told in (("unweighted", both["before"]), ("weighted", both["after"])):
            for spread, frame in ours.items():
                row = frame[(frame["term"] == term) & (frame["level"].fillna("") == level) & (frame["sample"] == sample)]
                assert len(row) == 1, key
                close(row[["mean_treated", "mean_comparison"]].iloc[0], [told["treated"], told["comparison"]])
                close(row["variance_ratio"].iloc[0], np.nan if told["ratio"] is None else told["ratio"])
                by = told["spread"] if spread == "weighted" else both["before"]["spread"]
                close(row["estimate"].iloc[0], (told["treated"] - told["comparison"]) / by)
                if spread == "weighted":
                    close(row["estimate"].iloc[0], told["d"])


@pytest.mark.parametrize(("name", "how"), CASES)
def test_weighted_cox_with_robust_and_clustered_variance(name, how):
    _, complete, tte, about = study_of(name)
    p = propensity(complete, about["treatment"], about["terms"], **WEIGHTINGS[how])
    for ties in ("efron", "breslow"):
        want = R[name][how][ties]
        fit = cox(tte, design(complete, [about["treatment"]]), weights=p.weights, robust=True, ties=ties)
        close(fit.coefficients, [want["coef"]])
        close(np.sqrt(np.diag(fit.covariance)), [want["robust"]], 1e-6)
        close(np.sqrt(np.diag(fit.model_covariance)), [want["naive"]])
        clustered = cox(tte, design(complete, [about["treatment"]]), weights=p.weights, cluster=complete["centre"], ties=ties)
        close(np.sqrt(np.diag(clustered.covariance)), [want["clustered"]], 1e-6)
    more = cox(tte, design(complete, [about["treatment"], "age", "nodes"]), weights=p.weights, robust=True)
    close(more.coefficients, R[name][how]["doubly"]["coef"])
    close(np.sqrt(np.diag(more.covariance)), R[name][how]["doubly"]["robust"], 1e-6)


@pytest.mark.parametrize(("name", "how"), CASES)
def test_weighted_curves_with_robust_limits(name, how):
    _, complete, tte, about = study_of(name)
    p = propensity(complete, about["treatment"], about["terms"], **WEIGHTINGS[how])
    want = R[name][how]["curve"]
    curve = survival_curve(tte, p.groups, weights=p.weights)
    assert curve.groups == (p.comparison, p.treated)
    found = curve.at(sorted(set(want["time"])))
    close(found["estimate"], want["surv"])
    close(found["n_risk"], want["n_risk"])
    close(found["std_error"], want["std_error"])
    close(found[["conf_low", "conf_high"]].to_numpy().T, [want["lower"], want["upper"]])
    median = curve.median()[["estimate", "conf_low", "conf_high"]].to_numpy()
    close(median, [[np.nan if value is None else value for value in row] for row in R[name][how]["median"]])


@pytest.mark.parametrize("case", R["e_values"])
def test_e_values_by_the_papers_formulas(case):
    want = R["e_values"][case]
    found = e_value(*want["given"], kind=want["kind"], rare=bool(want["rare"]))
    close([found.e_value, found.e_value_limit], [want["e_value"], want["limit"]], 1e-12)
