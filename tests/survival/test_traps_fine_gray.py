"""Where other packages' Fine-Gray regressions are wrong, ours is not: each trap once."""

import numpy as np
import pandas as pd
import pytest
from cox_reference import assert_close
from fine_gray_reference import MODELS, fitted, table

from haip_outcomes.errors import FitError
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.subdistribution.regression import fine_gray
from haip_outcomes.survival.time_to_event import TimeToEvent


def test_naive_standard_errors_are_not_crr_s():
    """comprisk's and surpyval's are the inverse information: here 47% off cmprsk's sandwich, which is ours."""
    fit, r = fitted("mgus_death_crr"), MODELS["mgus_death_crr"]
    naive = np.sqrt(np.diag(fit.model_covariance))
    assert_close(fit.std_error, r["std_error"], 1e-9)
    assert np.abs(naive / fit.std_error - 1).max() > 0.47


def test_the_two_sandwiches_are_two():
    """comprisk's robust_se takes the censoring distribution as known, as finegray's does: not crr's. Each of ours is its own."""
    crr, finegray = fitted("melanoma_other_crr"), fitted("melanoma_other_finegray")
    assert_close(crr.std_error, MODELS["melanoma_other_crr"]["std_error"], 1e-9)
    assert_close(finegray.std_error, MODELS["melanoma_other_finegray"]["std_error"], 1e-9)
    assert np.abs(finegray.std_error / crr.std_error - 1).max() > 1e-3


def test_missing_covariates_are_no_zeros():
    """comprisk gives [0, 0] for covariates that are not numbers, without a word."""
    frame = table("mgus")
    tte = TimeToEvent.from_frame(frame, time="months", state="state", states=["Myeloma", "Death"])
    with pytest.raises(FitError, match=r'Missing values: "hgb" in 13 rows'):
        fine_gray(tte, design(frame, ["age", "hgb"]), cause="Myeloma")
    kept = fine_gray(tte, design(frame, ["age", "hgb"], missing="complete-case"), cause="Myeloma")
    assert "13 without hgb" in kept.method


def test_unscaled_covariates_do_not_stop_newton():
    """cmprsk's crr gives these data up unconverged (its step-halving stops on rounding) unless the columns are standardised first."""
    fit, r = fitted("transplant_death_crr"), MODELS["transplant_death_crr"]
    assert_close(fit.coefficients, r["coefficients"], 1e-12)
    assert np.abs(fit.residuals("schoenfeld").iloc[:, 1:].sum()).max() < 1e-8


def test_weights_stay_with_their_rows_under_strata():
    """R's finegray with weights and strata gives the rows of later strata other rows' weights; a stratum without events changes nothing."""
    frame = table("mgus").dropna(subset=["hgb"])
    women, men = frame[frame["sex"] == "F"], frame[frame["sex"] == "M"]
    quiet = women.assign(state=2 * (women["state"] == 2))  # nobody of the first stratum has the event
    both = pd.concat([quiet, men])
    fits = []
    for rows, options in ((both, {"strata": both["sex"]}), (men, {})):
        tte = TimeToEvent.from_frame(rows, time="months", state="state", states=["Myeloma", "Death"])
        fits.append(fine_gray(tte, design(rows, ["age", "hgb"]), cause="Myeloma", se="finegray", weights=rows["share"], **options))
    assert_close(fits[0].coefficients, fits[1].coefficients, 1e-12)
    assert_close(fits[0].std_error, fits[1].std_error, 1e-10)


def test_many_patients_are_not_expanded():
    """finegray makes a row for each patient with a competing event and each interval after it: here some 10^8."""
    rng = np.random.default_rng(7)
    n = 30_000
    frame = pd.DataFrame({"time": rng.exponential(10, n), "exit": rng.integers(0, 3, n), "x": rng.normal(size=n)})
    tte = TimeToEvent.from_frame(frame, time="time", state="exit", states=["Liver", "Death"])
    fit = fine_gray(tte, design(frame, ["x"]), cause="Liver", se="finegray")
    assert abs(fit.coefficients[0]) < 4 * fit.std_error[0]
    assert 0.45 < fit.concordance < 0.55
