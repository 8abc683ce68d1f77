"""Predicted risks and baseline hazards against R's survfit.coxph and basehaz, by hand, and refusals."""

import numpy as np
import pandas as pd
import pytest
from cox_reference import MODELS, assert_close, fitted, table

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.time_to_event import TimeToEvent

ASKED = [name for name in MODELS if MODELS[name]["cause"] is None and "extreme" not in name]


def rows_of(name):
    """The patients whose risk R was asked for."""
    model = MODELS[name]
    frame = table(model["data"])
    for column, value in (model["keep"] or {}).items():
        frame = frame[frame[column] == value]
    return frame.iloc[[int(row) - 1 for row in model["predicted_rows"]]]


@pytest.mark.parametrize("name", ASKED)
def test_r_predictions(name):
    fit, r = fitted(name), MODELS[name]
    tolerance = 1e-6 if fit.robust else 1e-8
    found = fit.predict_risk(rows_of(name), r["predicted_times"])
    shape = np.array(r["predicted"]).shape
    ours = {column: found[column].to_numpy().reshape(shape) for column in found}
    assert_close(1 - ours["estimate"], r["predicted"])
    assert_close(ours["std_error"], r["predicted_se"], tolerance)
    for mine, theirs in (("conf_low", "high"), ("conf_high", "low")):
        limit = np.array(r[f"predicted_{theirs}_loglog"], dtype=float)
        known = ~np.isnan(limit)  # R has none where nobody has had the event yet
        assert (known == ~np.isnan(ours[mine])).all()
        assert_close(1 - ours[mine][known], limit[known], tolerance)
    plain = fit.predict_risk(rows_of(name), r["predicted_times"], conf_type="plain")
    assert_close(1 - plain["conf_high"].to_numpy().reshape(shape), r["predicted_low_plain"], tolerance)


@pytest.mark.parametrize("name", [name for name in MODELS if "extreme" not in name])
def test_r_baseline_hazard(name):
    fit, r = fitted(name), MODELS[name]
    found = fit.baseline_hazard()
    for group, theirs in r["baseline"].items():
        mine = found[found["group"] == group.split("=")[-1]] if group else found
        # basehaz(centered = FALSE) takes the covariates to 0 but leaves the offset at its (weighted) mean; ours has 0 in both
        used = table(r["data"]).reindex(fit.tte.index)
        offset = np.average(used[r["offset"]], weights=used[r["weights"]] if r["weights"] else None) if r["offset"] else 0.0
        steps = np.exp(offset) * np.concatenate([[0.0], mine["estimate"]])
        assert_close(steps[np.searchsorted(mine["time"], r["predicted_times"], side="right")], theirs)


def test_by_hand():
    """Four patients, no ties; one covariate: treated die at 2 and 4, untreated at 1 and 3 (Breslow = Efron)."""
    four = pd.DataFrame({"months": [1, 2, 3, 4], "death": 1, "treated": [0, 1, 0, 1]})
    tte = TimeToEvent.from_frame(four, time="months", state="death", states=["Death"])
    fit = cox(tte, design(four, ["treated"]))
    r = np.exp(fit.coefficients[0])
    # the score: -2r/(2+2r) + 1 - 2r/(1+2r) - r/(1+r) + 0 ... = 0 at the estimate
    assert (0 - 2 * r / (2 + 2 * r)) + (1 - 2 * r / (1 + 2 * r)) + (0 - r / (1 + r)) == pytest.approx(0, abs=1e-12)
    steps = np.cumsum([1 / (2 + 2 * r), 1 / (1 + 2 * r), 1 / (1 + r), 1 / r])
    assert fit.baseline_hazard()["estimate"].to_numpy() == pytest.approx(steps, rel=1e-12)
    found = fit.predict_risk(pd.DataFrame({"treated": [0, 1]}, index=["a", "b"]), [0.5, 2, 10])
    assert found["row"].tolist() == ["a"] * 3 + ["b"] * 3
    assert found["estimate"].to_numpy() == pytest.approx(
        1 - np.exp(-np.concatenate([[0, steps[1], steps[3]], np.array([0, steps[1], steps[3]]) * r])), rel=1e-12
    )
    assert found["conf_low"][0] == found["conf_high"][0] == found["std_error"][0] == 0


def test_strata_are_found_or_asked_for():
    lung = table("lung").dropna(subset=["ph.karno"])
    tte = TimeToEvent.from_frame(lung, time="days", state="dead", states=["Death"])
    fit = cox(tte, design(lung, ["age", "ph.karno"]), strata=lung["sex"])
    two = lung.iloc[:2]
    by_column = fit.predict_risk(two, 365)
    assert by_column.equals(fit.predict_risk(two.drop(columns="sex"), [365], strata=two["sex"]))
    with pytest.raises(EndpointError, match=r"fit has strata \(sex\): give strata="):
        fit.predict_risk(two.drop(columns="sex"), 365)
    with pytest.raises(EndpointError, match='no stratum "m"'):
        fit.predict_risk(two, 365, strata=["m", "female"])
    with pytest.raises(EndpointError, match="a value for each of the 2"):
        fit.predict_risk(two, 365, strata=["male"])


def test_a_cause_specific_fit_is_no_risk():
    pbc = table("pbc")
    tte = TimeToEvent.from_frame(pbc, time="time", state="status", states=["Transplant", "Death"], unit="days")
    fit = cox(tte, design(pbc, ["bili"]), cause="Death")
    with pytest.raises(EndpointError, match=r"Transplant.*fine_gray"):
        fit.predict_risk(pbc.head(2), [365])


def test_bad_patients_and_times():
    fit = fitted("lung_days")
    some = table("lung").iloc[:2]
    with pytest.raises(EndpointError, match="at or after zero"):
        fit.predict_risk(some, [-1])
    with pytest.raises(EndpointError):
        fit.predict_risk(some.drop(columns="age"), [365])
    with pytest.raises(EndpointError):
        fit.predict_risk(some.assign(sex="other"), [365])
