"""Where other packages give a wrong Cox model (measured in November 2026): that this one does not.

Each expected number is R's (survival 3.5-3, run to convergence); what the other package gives stands in the comment.
"""

import numpy as np
import pandas as pd
import pytest
from cox_reference import MODELS, assert_close, fitted, table

from haip_outcomes.errors import EndpointError, FitError, SeparationError
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.diagnostics import proportional_hazards
from haip_outcomes.survival.time_to_event import TimeToEvent


def test_lifelines_newton_without_a_line_search():
    """lifelines: kappa -8.19 (z -67) with only a warning; statsmodels: NaN."""
    fit = fitted("flchain")
    assert fit.coefficients[1] == pytest.approx(0.2395, abs=5e-5)


def test_lifelines_stops_early_in_small_samples():
    """lifelines: coefficients off by up to 1.7e-4."""
    assert_close(fitted("ovarian").coefficients, MODELS["ovarian"]["coefficients"], 1e-10)


@pytest.mark.parametrize("name", ["lung_months", "veteran", "heart"])
def test_lifelines_score_residuals_need_standardised_covariates(name):
    """lifelines: wrong for covariates in their own units, and of Breslow's form under ties; greenwood: Breslow's form."""
    fit, r = fitted(name), MODELS[name]
    assert_close(fit.residuals("score"), np.array(r["score_residuals"]).reshape(fit.residuals("score").shape))
    assert_close(fit.residuals("dfbeta"), np.array(r["dfbeta"]).reshape(fit.residuals("score").shape))


def test_lifelines_cluster_variance_ignores_delayed_entry():
    """lifelines: -19% on cgd; greenwood: Breslow's form."""
    assert_close(fitted("cgd").std_error, MODELS["cgd"]["std_error"], 1e-6)


def test_lifelines_proportional_hazards_test_is_the_one_before_2019():
    """lifelines: 20 of 148 p-values on the other side of 0.05."""
    for name in ("veteran", "pbc", "colon_death", "cgd"):
        for transform, r in MODELS[name]["zph"].items():
            assert_close(
                proportional_hazards(fitted(name), transform=transform).tidy()["p_value"], r["p_value"], 1e-6
            )


def test_statsmodels_takes_the_entry_as_inside_the_interval():
    """statsmodels: -0.055 for transplant, and NaN on pbc (no step control)."""
    fit = fitted("heart")
    assert fit.coefficients[-1] == pytest.approx(-0.0103, abs=5e-5)
    assert np.isfinite(fitted("pbc").coefficients).all()


def test_statsmodels_martingale_residuals():
    for name in ("lung_days", "heart", "pbc"):
        assert_close(fitted(name).residuals("martingale"), MODELS[name]["martingale"])


def test_everyone_lets_something_through():
    """Each peer takes at least one of these in silence; greenwood gives a standard error of 16,733 under separation."""
    good = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "e": [1, 1, 0, 1, 1, 1], "x": [0, 1, 0, 1, 1, 0], "z": [3.0, 1, 2, 5, 4, 9]})

    def fit(**changes):
        frame = good.assign(**changes)
        tte = TimeToEvent.from_frame(frame, time="t", state="e", states=["Death"])
        return cox(tte, design(frame, ["x", "z"]))

    assert np.isfinite(fit().std_error).all()
    with pytest.raises(EndpointError, match="negative times"):
        fit(t=[-1.0, 2, 3, 4, 5, 6])
    with pytest.raises(EndpointError, match="missing or infinite"):
        fit(t=[np.nan, 2, 3, 4, 5, 6])
    with pytest.raises(FitError, match='Missing values: "z" in 1 row'):
        fit(z=[np.nan, 1, 2, 5, 4, 9])
    with pytest.raises(EndpointError, match='"z" is infinite'):
        fit(z=[np.inf, 1, 2, 5, 4, 9])
    with pytest.raises(SeparationError, match="Nobody of the 1 with x"):
        fit(x=[0, 0, 1, 0, 0, 0])
    with pytest.raises(FitError, match="constant"):
        fit(z=2.0)
    with pytest.raises(FitError, match="same information"):
        fit(z=[1.0, 3, 1, 3, 3, 1])


def test_r_at_its_default_convergence_is_off_itself():
    """coxph stops at a relative change of 1e-9 in the likelihood, up to 6e-7 from the maximum; the score here is zero to rounding."""
    for name in ("lung_days", "veteran", "pbc"):
        fit = fitted(name)
        score = fit.pieces.at.score
        assert np.abs(score * fit.std_error).max() < 1e-9, table(MODELS[name]["data"]).shape
