"""Cox regression against R, by hand, by brute force, and in what must not matter."""

import math

import numpy as np
import pandas as pd
import pytest
from cox_reference import MODELS, assert_close, fitted, fitted_without_offset, table
from hypothesis import given, settings
from hypothesis import strategies as st

from haip_outcomes.errors import EndpointError, FitError, SeparationError
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.partial_likelihood import likelihood, sorted_times
from haip_outcomes.survival.time_to_event import TimeToEvent

# ------------------------------------------------------------------ R, survival 3.5-3, run to convergence


@pytest.mark.parametrize("name", MODELS)
def test_r_estimates(name):
    fit, r = fitted(name), MODELS[name]
    glance = fit.glance().iloc[0]
    assert (fit.n, fit.n_event) == (r["n"], r["n_event"])
    assert_close(fit.coefficients, r["coefficients"])
    assert_close(np.sqrt(np.diag(fit.model_covariance)), r["naive_std_error"])
    assert_close(fit.std_error, r["std_error"], 1e-6 if fit.robust else 1e-8)
    assert_close([glance["log_likelihood_null"], glance["log_likelihood"]], r["log_likelihood"])
    assert_close(glance["aic"], r["aic"])
    assert_close(glance["concordance"], r["concordance"][5])
    scale = np.outer(r["std_error"], r["std_error"])
    assert_close(
        fit.covariance / scale,
        np.array(r["covariance"]).reshape(fit.covariance.shape) / scale,
        1e-6 if fit.robust else 1e-8,
    )


@pytest.mark.parametrize("name", MODELS)
def test_r_tests(name):
    fit, r = fitted(name), MODELS[name]
    ours = fit.tests().set_index("test")["statistic"]
    assert_close(ours["likelihood ratio"], 2 * (r["log_likelihood"][1] - r["log_likelihood"][0]))
    assert_close(ours["score"], r["score"])
    assert_close(ours["Wald"], r["wald"], 1e-6 if fit.robust else 1e-8)
    assert ("robust score" in ours) == (r.get("robust_score") is not None)
    if "robust score" in ours:
        if r["offset"]:  # coxph leaves the offset out of this one test (it sets the linear predictor to 0): R's is that of
            assert ours["robust score"] != pytest.approx(r["robust_score"], rel=0.1)
            ours = fitted_without_offset(name).tests().set_index("test")["statistic"]  # the model without it
        assert_close(ours["robust score"], r["robust_score"], 1e-6)


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model["residuals"]])
def test_r_residuals(name):
    fit, r = fitted(name), MODELS[name]
    assert_close(fit.residuals("martingale"), r["martingale"])
    assert_close(fit.residuals("deviance"), r["deviance"])
    shape = fit.pieces.x.shape
    assert_close(fit.residuals("score"), np.array(r["score_residuals"]).reshape(shape))
    assert_close(fit.residuals("dfbeta"), np.array(r["dfbeta"]).reshape(shape))
    schoenfeld = fit.residuals("schoenfeld")
    assert_close(schoenfeld["time"], r["schoenfeld_time"])
    assert_close(schoenfeld.iloc[:, 1:], np.array(r["schoenfeld"]).reshape(-1, shape[1]))


# ------------------------------------------------------------------ by hand


def by_hand():
    """Two tied deaths, one of each group, a censoring at their time (at risk) and one before it (not), unsorted."""
    frame = pd.DataFrame({"time": [1.0, 0.5, 1.0, 1.0], "death": [0, 0, 1, 1], "x": [1, 1, 1, 0]})
    return TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"]), design(frame, ["x"])


def test_breslow_ties_by_hand():
    # with r = exp(b): L = r / (2r + 1)^2, largest at r = 1/2
    fit = cox(*by_hand(), ties="breslow")
    assert fit.coefficients[0] == pytest.approx(-math.log(2), rel=1e-14)
    assert fit.std_error[0] == pytest.approx(math.sqrt(2), rel=1e-14)
    assert fit.log_likelihood == pytest.approx(math.log(1 / 8), rel=1e-14)
    assert fit.log_likelihood_null == pytest.approx(math.log(1 / 9), rel=1e-14)
    # score at 0: 1 - 4/3; information: 2 * 2/3 * 1/3
    assert fit.score_test == pytest.approx((1 / 9) / (4 / 9), rel=1e-13)
    # at r = 1/2 the risk set weighs 2, so the hazard there is 1
    assert fit.residuals("martingale").tolist() == pytest.approx([-1 / 2, 0, 1 / 2, 0], abs=1e-14)


def test_efron_ties_by_hand():
    # L = r / ((2r + 1) (3r/2 + 1/2)), largest at 6 r^2 = 1
    fit = cox(*by_hand())
    r = 1 / math.sqrt(6)
    assert fit.coefficients[0] == pytest.approx(-math.log(6) / 2, rel=1e-14)
    assert fit.std_error[0] == pytest.approx((2 + math.sqrt(6)) / (2 * 6**0.25), rel=1e-14)
    assert fit.log_likelihood == pytest.approx(math.log(r / ((2 * r + 1) * (1.5 * r + 0.5))), rel=1e-14)
    assert fit.log_likelihood_null == pytest.approx(math.log(1 / 6), rel=1e-14)
    # expected: the censored one goes through both terms whole, the deaths through half of the second
    first, second = 1 / (2 * r + 1), 1 / (1.5 * r + 0.5)
    expected = [r * (first + second), 0, r * (first + second / 2), first + second / 2]
    assert fit.residuals("martingale").tolist() == pytest.approx(
        [0 - expected[0], 0, 1 - expected[2], 1 - expected[3]], abs=1e-14
    )


# ------------------------------------------------------------------ brute force


def naive(start, time, event, strata, weights, x, b, ties):
    """The log partial likelihood, written out event time by event time."""
    total = 0.0
    for stratum in np.unique(strata):
        for t in np.unique(time[(strata == stratum) & event]):
            here = (strata == stratum) & (start < t) & (t <= time)
            dead = here & event & (time == t)
            r = weights * np.exp(x @ b)
            d = dead.sum()
            total += np.sum(weights[dead] * (x[dead] @ b))
            for j in range(d):
                part = j / d if ties == "efron" else 0.0
                total -= weights[dead].mean() * math.log(r[here].sum() - part * r[dead].sum())
    return total


@st.composite
def cohorts(draw, delayed=True):
    n = draw(st.integers(12, 30))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    start = rng.integers(0, 4, n).astype(float) if delayed and draw(st.booleans()) else np.zeros(n)
    frame = pd.DataFrame({
        "start": start, "time": start + rng.integers(1, 7, n), "death": (rng.random(n) < 0.7).astype(int),
        "x": rng.normal(size=n).round(2), "z": rng.normal(size=n).round(2),
        "stratum": rng.integers(0, 2, n), "weight": rng.integers(1, 4, n).astype(float),
    })  # fmt: skip
    frame.loc[:5, "death"] = 1
    return frame


def times_of(frame, **more):
    return TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"], entry="start", **more)


@settings(deadline=None, max_examples=40)
@given(cohorts(), st.sampled_from(["efron", "breslow"]))
def test_likelihood_is_the_formula(frame, ties):
    x = frame[["x", "z"]].to_numpy()
    arrays = [frame[name].to_numpy() for name in ("start", "time", "death", "stratum", "weight")]
    start, time, event, strata, weights = arrays[0], arrays[1], arrays[2] == 1, arrays[3], arrays[4]
    sets = sorted_times(start, time, event, strata=strata, weights=weights, ties=ties)
    b = np.array([0.4, -0.7])
    at = likelihood(sets, x, b)
    assert at.value == pytest.approx(
        naive(start, time, event, strata, weights, x, b, ties), rel=1e-11, abs=1e-11
    )
    h = 1e-5
    for j in range(2):
        e = np.eye(2)[j] * h
        slope = (
            naive(start, time, event, strata, weights, x, b + e, ties)
            - naive(start, time, event, strata, weights, x, b - e, ties)
        ) / (2 * h)
        assert at.score[j] == pytest.approx(slope, abs=1e-5)
        bend = (likelihood(sets, x, b + e).score - likelihood(sets, x, b - e).score) / (2 * h)
        assert at.information[j] == pytest.approx(-bend, abs=1e-4)


# ------------------------------------------------------------------ what must not matter


def estimates(frame, tte=None, **options):
    """Coefficients and standard errors, or None where no model can be fitted."""
    try:
        fit = cox(times_of(frame) if tte is None else tte, design(frame, ["x", "z"]), **options)
    except FitError:
        return None
    return np.concatenate([fit.coefficients, fit.std_error, [fit.log_likelihood, fit.concordance]])


def same(a, b, rel=1e-8):
    if a is None or b is None:
        assert a is None
        assert b is None
    else:
        assert a == pytest.approx(b, rel=rel, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(cohorts(), st.sampled_from(["efron", "breslow"]))
def test_row_order_and_time_scale_do_not_matter(frame, ties):
    options = {"ties": ties, "strata": frame["stratum"], "robust": True}
    first = estimates(frame, **options)
    same(first, estimates(frame.sample(frac=1, random_state=3), **options))
    stretched = frame.assign(start=np.expm1(frame["start"] / 3), time=np.expm1(frame["time"] / 3))
    same(first, estimates(stretched, **options))


@settings(deadline=None, max_examples=30)
@given(cohorts(delayed=False), st.sampled_from(["efron", "breslow"]))
def test_splitting_patients_into_intervals_does_not_matter(frame, ties):
    frame["patient"] = np.arange(len(frame))
    long = frame[frame["time"] > 2]
    early = long.assign(time=2.0, death=0)
    late = long.assign(start=2.0)
    split = pd.concat([frame[frame["time"] <= 2], early, late], ignore_index=True)
    whole, parts = estimates(frame, ties=ties), estimates(split, tte=times_of(split, id="patient"), ties=ties)
    same(None if whole is None else whole[:5], None if parts is None else parts[:5])
    robust, parts = (
        estimates(frame, ties=ties, robust=True),
        estimates(split, tte=times_of(split, id="patient"), ties=ties, robust=True),
    )
    same(None if robust is None else robust[:5], None if parts is None else parts[:5])


@settings(deadline=None, max_examples=30)
@given(cohorts())
def test_weights_are_copies_under_breslow(frame):
    copies = frame.loc[np.repeat(frame.index, frame["weight"].astype(int))].reset_index(drop=True)
    weighted = estimates(frame, ties="breslow", weights=frame["weight"])
    repeated = estimates(copies, ties="breslow")
    same(None if weighted is None else weighted[:5], None if repeated is None else repeated[:5])


def test_unscaled_covariates_do_not_matter():
    frame = table("pbc").dropna(subset=["bili", "albumin", "ageday"])
    tte = TimeToEvent.from_frame(frame, time="time", state="dead", states=["Death"])
    fit = cox(tte, design(frame, ["bili", "albumin", "ageday"]))
    wild = frame.assign(
        bili=frame["bili"] * 1e8 + 1e9, albumin=frame["albumin"] / 1e8, ageday=frame["ageday"] - 1e6
    )
    other = cox(tte, design(wild, ["bili", "albumin", "ageday"]))
    assert other.tidy()["statistic"].to_numpy() == pytest.approx(fit.tidy()["statistic"].to_numpy(), rel=1e-6)
    assert other.coefficients * [1e8, 1e-8, 1] == pytest.approx(fit.coefficients, rel=1e-6)


def test_score_residuals_add_up_to_nothing():
    for name in ("lung_share_strata", "cgd_strata", "veteran"):
        fit = fitted(name)
        weighted = fit.residuals("score").to_numpy() * fit.pieces.sets.weights[:, None]
        assert np.abs(weighted.sum(axis=0) / np.abs(weighted).sum(axis=0)).max() < 1e-10
        assert fit.residuals("dfbeta").to_numpy() == pytest.approx(weighted @ fit.model_covariance)


# ------------------------------------------------------------------ what the fit says


def lung():
    frame = table("lung")
    return frame, TimeToEvent.from_frame(frame, time="days", state="dead", states=["Death"], unit="days")


def test_method_counts_and_columns():
    frame, tte = lung()
    fit = cox(tte, design(frame, ["age", "sex", "ph.ecog", "wt.loss"], missing="complete-case"))
    assert (
        fit.method
        == "Cox, Efron ties; 213 of 228 patients, 1 without ph.ecog, 14 without wt.loss; 151 events (Death)"
    )
    assert sum(len(rows) for rows in fit.left_out.values()) + fit.n == fit.n_available == 228
    assert list(fit.tidy().columns) == ["term", "level", "estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value",
                                        "n", "n_event"]  # fmt: skip
    assert list(fit.glance().columns) == [
        "n",
        "n_event",
        "log_likelihood",
        "log_likelihood_null",
        "concordance",
        "aic",
    ]
    assert fit.tidy()["level"].tolist() == [None, "male", None, None]
    ratios = fit.tidy(exponentiate=True)
    assert np.log(ratios["conf_low"]).tolist() == pytest.approx(fit.tidy()["conf_low"].tolist())
    assert ratios["std_error"].tolist() == fit.std_error.tolist()
    assert fit.unit == "days"
    assert "sex=male: HR" in repr(fit)
    assert "<table" in fit._repr_html_()
    assert fit.warnings == ()
    strata = cox(
        tte, design(frame, ["age"]), strata=frame["sex"], cluster=pd.Series(frame.index % 5, name="centre")
    )
    assert (
        strata.method
        == "Cox, Efron ties, stratified by sex, robust standard errors clustered by centre; 228 patients; 165 events (Death)"
    )


def test_robust_by_itself():
    frame, tte = lung()
    made = design(frame, ["age"])
    assert not cox(tte, made, weights=frame["copies"]).robust
    assert cox(tte, made, weights=frame["share"]).robust
    assert not cox(tte, made, weights=frame["share"], robust=False).robust
    cgd = table("cgd")
    again = TimeToEvent.from_frame(
        cgd, time="tstop", state="status", states=["Infection"], entry="tstart", id="id"
    )
    fit = cox(again, design(cgd, ["treat", "inherit", "age", "steroids"], reference={"treat": "placebo"}))
    assert fit.robust
    assert_close(fit.std_error, MODELS["cgd"]["std_error"], 1e-6)
    assert fit.n == 128


def test_too_few_clusters_say_so():
    frame, tte = lung()
    fit = cox(tte, design(frame, ["age", "sex"]), cluster=frame["days"] > 300)
    assert "2 clusters for 2 coefficients" in fit.warnings[0]
    three = cox(tte, design(frame, ["age", "sex", "share"]), cluster=frame["days"] > 300)
    assert three.tests()["statistic"].isna().tolist() == [False, True, False, True]
    with pytest.raises(FitError, match="All rows are one cluster"):
        cox(tte, design(frame, ["age", "sex"]), cluster=np.zeros(228))


def test_few_events_warn():
    frame = table("ovarian")
    tte = TimeToEvent.from_frame(frame, time="futime", state="fustat", states=["Death"])
    assert "12 events for 2 coefficients (6.0 each)" in cox(tte, design(frame, ["age", "rx"])).warnings[0]
    wide = frame.join(
        pd.DataFrame(np.random.default_rng(1).normal(size=(26, 13)), columns=list("abcdefghijklm"))
    )
    with pytest.raises(FitError, match="can't carry 13 coefficients"):
        cox(tte, design(wide, list("abcdefghijklm")))


def test_alignment_by_index():
    frame, tte = lung()
    whole = cox(tte, design(frame, ["age", "sex"]), strata=frame["ph.ecog"].fillna(9))
    shuffled = frame.sample(frac=1, random_state=1)
    assert cox(
        tte, design(shuffled, ["age", "sex"]), strata=shuffled["ph.ecog"].fillna(9)
    ).coefficients == pytest.approx(whole.coefficients)
    men = tte.take((frame["sex"] == "male").to_numpy())
    assert cox(men, design(frame, ["age"])).n == 138
    with pytest.raises(EndpointError, match=r"knows nothing of 90 rows of the times .index 6, "):
        cox(tte, design(frame[frame["sex"] == "male"], ["age"]))
    with pytest.raises(FitError, match='nobody has sex "male", or everybody'):
        cox(men, design(frame, ["sex"]))


# ------------------------------------------------------------------ refusals


def small(**columns):
    frame = pd.DataFrame({"time": [1, 2, 3, 4, 5, 6, 7, 8], "death": [1, 1, 0, 1, 1, 0, 1, 1], **columns})
    return TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"]), frame


def test_separation_says_so():
    tte, frame = small(group=["a", "a", "b", "a", "a", "b", "a", "a"])
    with pytest.raises(
        SeparationError, match=r'Nobody of the 2 with group "b" had the event "Death".*penalised'
    ):
        cox(tte, design(frame, ["group"]))
    with pytest.raises(SeparationError, match='of the 2 with group "b"'):  # also when it is the reference
        cox(tte, design(frame, ["group"], reference={"group": "b"}))
    tte, frame = small(x=[9.0, 8, 3, 7, 6, 2, 5, 4])  # whoever dies next has the largest x
    with pytest.raises(SeparationError, match='"x" runs off') as error:
        cox(tte, design(frame, ["x"]))
    assert error.value.term == "x"
    tte, frame = small(x=[9.0, 8, 3, 7, 6, 2, 5, 4], z=[1.0, 0, 2, 1, 3, 1, 0, 2])
    with pytest.raises(SeparationError):
        cox(tte, design(frame, ["x", "z"]))


def test_follow_up_time_as_a_covariate_says_so():
    frame, tte = lung()
    with pytest.raises(SeparationError, match='"days" runs off'):
        cox(tte, design(frame, ["age", "sex", "days"]))


def test_competing_events_are_refused_without_a_cause():
    frame = table("pbc")
    tte = TimeToEvent.from_frame(frame, time="time", state="status", states=["Transplant", "Death"])
    with pytest.raises(EndpointError, match="cox without a cause takes one kind of event"):
        cox(tte, design(frame, ["ageday"]))
    fit = cox(tte, design(frame, ["ageday"]), cause="Death")
    assert "cause-specific hazard of Death, Transplant censored" in fit.method
    assert fit.n_event == 161
    with pytest.raises(EndpointError, match='Did you mean "Death"'):
        cox(tte, design(frame, ["ageday"]), cause="death")


def test_nothing_to_fit_is_refused():
    tte, frame = small(x=range(8))
    nobody = TimeToEvent.from_frame(frame.assign(death=0), time="time", state="death", states=["Death"])
    with pytest.raises(FitError, match='Nobody had the event "Death"'):
        cox(nobody, design(frame, ["x"]))
    with pytest.raises(EndpointError, match="weights must be positive"):
        cox(tte, design(frame, ["x"]), weights=np.zeros(8))
    with pytest.raises(EndpointError, match="ties must be"):
        cox(tte, design(frame, ["x"]), ties="exact")
    with pytest.raises(EndpointError, match="kind must be"):
        cox(*lung()[1:], design(lung()[0], ["age"])).residuals("wrong")
    with pytest.raises(EndpointError, match="strata is missing"):
        cox(tte, design(frame, ["x"]), strata=pd.Series([1, 1, 1, 1, 2, 2, 2, None]))


def test_covariates_that_strata_explain_are_refused():
    frame, tte = lung()
    with pytest.raises(FitError, match="is the same for all who were at risk together"):
        cox(tte, design(frame, ["sex", "age"]), strata=frame["sex"])


def test_flchain_converges_where_a_plain_newton_does_not():
    fit = fitted("flchain")
    assert fit.tidy()["estimate"].round(4).tolist() == [0.1036, 0.2395]


def test_delayed_entry_is_open_on_the_left():
    assert fitted("heart").coefficients[3] == pytest.approx(
        -0.0103, abs=1e-4
    )  # a closed interval gives -0.055
