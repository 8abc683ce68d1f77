"""What an independent statistician found that estimators took in silence, or answered with a traceback: now a sentence each."""

import numpy as np
import pandas as pd
import pytest

import haip_outcomes as haip

FRAME = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6, 7, 8], "e": [1, 1, 0, 1, 2, 1, 0, 2], "x": [0.2, 1, -1, 2, 0.5, -0.3, 0, 1],
                      "g": list("aabbabab"), "o": 0.1})  # fmt: skip


def times(**changes):
    return haip.TimeToEvent.from_frame(FRAME.assign(**changes), time="t", state="e", states=["Liver", "Death"])


def test_a_list_with_a_missing_group_is_not_a_group_called_nan():
    groups = ["a", np.nan, "b", "b", "a", "b", "a", "b"]
    both = times().any_event("Any")
    for ask in (lambda: haip.survival_curve(both, groups), lambda: haip.logrank(both, groups), lambda: haip.gray(times(), groups, cause="Liver"),
                lambda: haip.at_risk_table(both, [1], groups), lambda: haip.logrank(both, FRAME["g"], strata=groups)):  # fmt: skip
        with pytest.raises(haip.EndpointError, match="missing in 1 row"):
            ask()


def test_frames_that_are_none():
    with pytest.raises(haip.EndpointError, match="takes a data frame"):
        haip.TimeToEvent.from_frame([1, 2], time="t", state="e", states=["D"])
    with pytest.raises(haip.EndpointError, match="list of the events' names"):
        haip.TimeToEvent.from_frame(FRAME, time="t", state="e", states=None)
    twice = pd.concat([FRAME, FRAME[["t"]]], axis=1)
    with pytest.raises(haip.EndpointError, match='several columns "t"'):
        haip.TimeToEvent.from_frame(twice, time="t", state="e", states=["D", "E"])
    with pytest.raises(haip.EndpointError, match="states other than 0"):
        haip.TimeToEvent.from_frame(FRAME.assign(e=1e30), time="t", state="e", states=["D"])


def test_covariates_without_a_design():
    for ask in (lambda: haip.cox(times(), FRAME[["x"]], cause="Liver"), lambda: haip.fine_gray(times(), FRAME[["x"]], cause="Liver"),
                lambda: haip.cox(times(), ["x"], cause="Liver")):  # fmt: skip
        with pytest.raises(haip.EndpointError, match=r"design\(frame, terms\)"):
            ask()
    with pytest.raises(haip.EndpointError, match="takes a fit"):
        haip.proportional_hazards(FRAME)


def test_options_that_do_not_exist():
    both, made = times().any_event("Any"), haip.design(FRAME, ["x"])
    fit = haip.cox(both, made)
    with pytest.raises(haip.EndpointError, match='no conf_type "loglog"'):
        fit.predict_risk(FRAME.head(1), [5], conf_type="loglog")
    with pytest.raises(haip.EndpointError, match="no offset: leave"):
        fit.predict_risk(FRAME.head(1), [5], offset=[1.0])
    with pytest.raises(haip.EndpointError, match="no strata: leave"):
        fit.predict_risk(FRAME.head(1), [5], strata=["a"])
    with pytest.raises(haip.EndpointError, match="robust must be"):
        haip.cox(both, made, robust="no")
    with pytest.raises(haip.EndpointError, match="leave one of them out"):
        haip.cox(both, made, cluster=FRAME["g"], robust=False)
    for level in ("95%", None, 2):
        with pytest.raises(haip.EndpointError, match="conf_level"):
            haip.cox(both, made, conf_level=level)
    with pytest.raises(haip.EndpointError, match="weights must be positive numbers"):
        haip.cox(both, made, weights=["a"] * 8)
    with pytest.raises(haip.EndpointError, match="All weights are zero"):
        haip.survival_curve(both, weights=np.zeros(8))


def test_new_patients_of_a_stratified_fit_may_be_none():
    fit = haip.cox(times().any_event("Any"), haip.design(FRAME, ["x"]), strata=FRAME["g"])
    assert len(fit.predict_risk(FRAME.head(0), [5])) == 0


@pytest.mark.filterwarnings("error")
def test_hazard_ratios_too_large_for_a_number_are_infinite():
    small = FRAME.assign(x=FRAME["x"] * 1e-6)
    fit = haip.cox(times().any_event("Any"), haip.design(small, ["x"]))
    assert np.isfinite(fit.coefficients).all()
    assert fit.tidy(exponentiate=True)["conf_high"].iloc[0] == np.inf
    assert "HR" in repr(fit)


def test_an_extreme_offset_says_so():
    with pytest.raises(haip.FitError, match=r"offset spans .* on the scale of the log hazard"):
        haip.cox(times().any_event("Any"), haip.design(FRAME, ["x"]), offset=1000 * FRAME["x"])


def test_gray_with_weights_below_one_and_one_group_left():
    """cmprsk: 5.494557 on 3 df; the pooled incidence has passed 1 when one group alone is at risk."""
    frame = pd.DataFrame({"t": [1.0, 10, 24, 28, 43], "e": [1, 0, 1, 1, 1], "g": list("abbcd")})
    tte = haip.TimeToEvent.from_frame(frame, time="t", state="e", states=["Liver", "Death"])
    assert haip.gray(tte, frame["g"], cause="Liver", rho=-0.5).statistic == pytest.approx(5.494557, abs=5e-7)


def test_a_median_at_time_zero_has_no_symmetric_interval():
    frame = pd.DataFrame({"t": [0.0, 0, 0, 5], "e": [1, 1, 1, 0]})
    found = haip.survival_curve(haip.TimeToEvent.from_frame(frame, time="t", state="e", states=["D"])).median(method="standard-error")
    assert found["estimate"].iloc[0] == 0
    assert np.isnan(found["std_error"].iloc[0])


def test_columns_that_nearly_say_the_same_are_fitted():
    """coxph fits both, too; their sum is as sure as if there were one."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=300)
    frame = pd.DataFrame({"x": x, "z": x + 1e-5 * rng.normal(size=300), "t": rng.exponential(np.exp(-0.5 * x)), "e": 1})
    tte = haip.TimeToEvent.from_frame(frame, time="t", state="e", states=["D"])
    both, one = haip.cox(tte, haip.design(frame, ["x", "z"])), haip.cox(tte, haip.design(frame, ["x"]))
    assert both.coefficients.sum() == pytest.approx(one.coefficients[0], abs=0.02)
    assert np.sqrt(both.covariance.sum()) == pytest.approx(one.std_error[0], rel=0.02)
