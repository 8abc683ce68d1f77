"""Learning curves: the notes' example, R (glm, rms, optim), the edges, and words that are never said."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from methods_examples import example, simulation
from over_time_reference import close, over_time

from haip_outcomes.benchmark.over_time.learning import MODELS, learning_curve
from haip_outcomes.benchmark.over_time.trend_models import with_slope
from haip_outcomes.errors import EndpointError


def model(curve, which, *columns):
    rows = curve.trend()[curve.trend()["outcome"] == MODELS[which]]
    return [rows[column].to_numpy() for column in columns]


def test_m13_learning():
    given_, expected = example("m13_learning")
    curve = learning_curve(given_["y"], bandwidth=given_["bandwidth"], cases=given_["cases"])
    firth, ml, rcs = expected["firth_log2"], expected["ml_log2"], expected["rcs3"]
    b, se, low, high, statistic, p = model(curve, 0, "estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value")
    close(b, firth["coef"])
    close(se, firth["se"])
    close([low[1], high[1]], firth["profile_ci_slope"])
    close([statistic[1], p[1]], [firth["penalised_lr"], firth["p"]])
    close([curve.odds_ratio, curve.conf_low, curve.conf_high, curve.p_value], [firth["or_per_doubling"], *firth["or_ci"], firth["p"]])
    b, se, value, statistic, p = model(curve, 1, "estimate", "std_error", "log_likelihood", "statistic", "p_value")
    close(b, ml["coef"])
    close(se, ml["se"])
    close([value[0], statistic[0], p[0]], [ml["loglik"], ml["lr_chi2"], ml["p"]])
    b, value, statistic, p, df = model(curve, 2, "estimate", "log_likelihood", "statistic", "p_value", "df")
    close(b, rcs["coef"])
    close([value[0], statistic[0], p[0]], [rcs["loglik"], rcs["lr_chi2_2df"], rcs["p"]])
    assert set(df) == {2}
    close(curve.knots, rcs["knots"])
    frame, smooth = curve.tidy(), pd.DataFrame(expected["smooth"])
    kernel, trend = (frame[frame["term"] == term] for term in ("smooth", "trend"))
    close(kernel["estimate"], smooth["kernel"])
    close(kernel["n_effective"], smooth["n_eff"])
    close(kernel[["conf_low", "conf_high"]], smooth["wilson"].tolist())
    close(trend["estimate"], smooth["firth"])
    close(trend[["conf_low", "conf_high"]], smooth["firth_wald"].tolist())
    glance = curve.glance().iloc[0]
    assert (glance["n"], glance["n_event"]) == (expected["n"], expected["events"])
    close([glance["spline_statistic"]], [rcs["lr_chi2_2df"]])


@pytest.mark.parametrize("case", range(5))
def test_equal_to_r(case):
    theirs = over_time()["learning"][case]
    curve = learning_curve(theirs["y"], cases=theirs["at"])
    smooth = curve.tidy()[curve.tidy()["term"] == "smooth"]
    for ours, name in (("estimate", "kernel"), ("n_effective", "effective"), ("conf_low", "low"), ("conf_high", "high")):
        close(smooth[ours], theirs[name])
    b, se, value, statistic = model(curve, 1, "estimate", "std_error", "log_likelihood", "statistic")
    close(b, theirs["ml"])
    close(se, theirs["ml_se"])
    close([value[0], statistic[0]], [theirs["ml_loglik"], theirs["ml_lr"]])
    b, value, statistic = model(curve, 2, "estimate", "log_likelihood", "statistic")
    close(b, theirs["rcs"])
    close([value[0], statistic[0]], [theirs["rcs_loglik"], theirs["rcs_lr"]])
    close(curve.knots, theirs["knots"])
    # optim stops where the penalised likelihood is flat to double precision: its coefficients have some 7 digits, its height all
    b, low, high, value, statistic = model(curve, 0, "estimate", "conf_low", "conf_high", "log_likelihood", "statistic")
    close([value[0]], [theirs["firth_value"]], 1e-12)
    assert value[0] >= theirs["firth_value"] - 1e-12
    close(b, theirs["firth"], 1e-5)
    close([low[1], high[1]], theirs["limits"], 1e-7)
    close([statistic[1]], [theirs["penalised_lr"]], 1e-6)


def test_the_spline_is_that_of_rms():
    from haip_outcomes.survival.covariates.splines import spline_columns

    for theirs in over_time()["learning"]:
        n = len(theirs["y"])
        close(np.column_stack(spline_columns(np.arange(1.0, n + 1), tuple(theirs["knots"]))), theirs["basis"])


@given(st.lists(st.booleans(), min_size=10, max_size=45))
@settings(max_examples=40, deadline=None)
def test_every_series_of_outcomes_has_a_trend_with_limits_on_its_profile(y):
    curve = learning_curve(y)
    x = np.column_stack([np.ones(len(y)), np.log2(np.arange(1.0, len(y) + 1))])
    (value,), (low,), (high,), (b,) = (found[1:] for found in model(curve, 0, "log_likelihood", "conf_low", "conf_high", "estimate"))
    assert low < b < high
    assert with_slope(x, np.array(y, dtype=float), b) == pytest.approx(value, abs=1e-8)
    for limit in (low, high):
        if math.isfinite(limit):
            assert 2 * (value - with_slope(x, np.array(y, dtype=float), limit)) == pytest.approx(3.841458820694124, abs=1e-6)
    for around in (-0.01, 0.01):
        assert with_slope(x, np.array(y, dtype=float), b + around) < value
    mirrored = learning_curve([not one for one in y])
    close([mirrored.odds_ratio * curve.odds_ratio], [1.0], 1e-7)
    smooth = curve.tidy()[curve.tidy()["term"] == "smooth"]
    assert ((smooth["conf_low"] <= smooth["estimate"] + 1e-12) & (smooth["estimate"] <= smooth["conf_high"] + 1e-12)).all()


def test_an_equal_weight_is_wilson_on_all_cases():
    curve = learning_curve([1, 0, 0, 1, 0, 0, 0, 1, 0, 0], bandwidth=1e9, cases=[5])
    smooth = curve.tidy().iloc[0]
    from statsmodels.stats.proportion import proportion_confint

    close([smooth["conf_low"], smooth["conf_high"]], proportion_confint(3, 10, method="wilson"))
    assert smooth["n_effective"] == pytest.approx(10)


@pytest.mark.parametrize("y", [[0] * 20, [1] * 12, [1] * 10 + [0] * 10, [0] * 30 + [1], [1] + [0] * 30])
def test_never_that_learning_is_over(y):
    curve = learning_curve(y)
    assert "complete" not in repr(curve).lower()
    assert "plateau" not in repr(curve).lower()
    assert "have no maximum" in curve.method
    assert model(curve, 2, "estimate")[0].size == 3
    assert math.isnan(curve.glance()["spline_p_value"].iloc[0])
    assert math.isfinite(curve.p_value)
    assert "e+" not in curve.sentence
    if min(sum(y), len(y) - sum(y)) < 5:
        assert "no trend can be told from chance" in curve.sentence


def test_expected_risks_stand_beside_it():
    given_, _ = example("m13_learning")
    curve = learning_curve(given_["y"], expected=np.linspace(0.4, 0.2, 60), cases=[1, 60])
    expected = curve.tidy()[curve.tidy()["term"] == "expected"]
    assert expected["estimate"].iloc[0] > expected["estimate"].iloc[1]
    assert "that much is case mix" in curve.sentence
    assert "can't be told from learning" in learning_curve(given_["y"]).sentence
    assert "Events became rarer along the cases" in curve.sentence
    assert "more frequent" in learning_curve([0] * 25 + [1, 0, 1] * 10).sentence


@pytest.mark.parametrize(("ask", "said"), [
    ({"outcome": [0, 1] * 3}, "at least 10 cases, and there are 6"),
    ({"outcome": [0, 2] * 10}, "neither 0 nor 1"),
    ({"outcome": 1}, "a 0 or 1 for each case.*a single number"),
    ({"outcome": None}, "a 0 or 1 for each case.*not given"),
    ({"outcome": ["0", "1"] * 10}, "must hold numbers"),
    ({"outcome": [0, 1] * 10, "bandwidth": 0}, "bandwidth is a number of cases"),
    ({"outcome": [0, 1] * 10, "cases": [0, 5]}, "from 1 to 20"),
    ({"outcome": [0, 1] * 10, "cases": [25]}, "from 1 to 20"),
    ({"outcome": [0, 1] * 10, "expected": [0.2] * 3}, "there are 20 cases and 3 values"),
    ({"outcome": [0, 1] * 10, "conf_level": 95}, "conf_level"),
])  # fmt: skip
def test_what_cannot_be_asked_is_refused_in_words(ask, said):
    with pytest.raises(EndpointError, match=said):
        learning_curve(**ask)


@pytest.mark.slow
def test_pointwise_coverage_is_that_of_the_notes():
    """60 cases, a smooth decline from .45 to .16: kernel .945 to .967 in the notes; a flat truth covers too."""
    assert simulation("learning_curve_coverage")
    rng = np.random.default_rng(5)
    i, places = np.arange(1, 61), [3, 10, 20, 40, 58]
    decline = 0.16 + 0.29 * np.exp(-(i - 1) / 15)
    for truth in (decline, np.full(60, 0.25)):
        hits = np.zeros(5)
        for _ in range(1_000):
            frame = learning_curve(rng.random(60) < truth, cases=places).tidy().iloc[:5]
            hits += (frame["conf_low"].to_numpy() <= truth[np.array(places) - 1]) & (truth[np.array(places) - 1] <= frame["conf_high"].to_numpy())
        assert (hits / 1_000 > 0.92).all()
