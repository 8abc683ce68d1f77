"""Models of lifelines and scikit-survival: their own predictions through our door, what is refused, and their data sets run through."""

import warnings

import lifelines
import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_rossi
from sksurv.datasets import load_flchain, load_gbsg2, load_whas500
from sksurv.ensemble import GradientBoostingSurvivalAnalysis, RandomSurvivalForest
from sksurv.linear_model import CoxnetSurvivalAnalysis, CoxPHSurvivalAnalysis
from sksurv.svm import FastSurvivalSVM
from sksurv.util import Surv

from haip_outcomes.errors import ConvergenceError, EndpointError, FitError
from haip_outcomes.prognosis.validation.own_models import cox_model
from haip_outcomes.prognosis.validation.peer_models import ZOO, peer_model
from haip_outcomes.prognosis.validation.whole_models import validate
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.time_to_event import TimeToEvent

TERMS = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]
TIMES = np.array([10.0, 25.0, 45.0])


def rossi():
    frame = load_rossi()
    return TimeToEvent.from_frame(frame, time="week", state="arrest", states=["Arrest"], unit="weeks"), frame


def scikit(name, rows=200):
    """A data set of scikit-survival: times, frame and terms, every so-manyth row."""
    x, y = {"gbsg2": load_gbsg2, "whas500": load_whas500, "flchain": load_flchain}[name]()
    event, time = y.dtype.names
    frame = x.assign(time=y[time], event=y[event].astype(int)).iloc[:: max(1, len(x) // rows)].reset_index(drop=True)
    frame = frame[frame["time"] > 0]
    terms = {"gbsg2": ["age", "horTh", "pnodes", "tgrade"], "whas500": ["age", "bmi", "sho"], "flchain": ["age", "creatinine", "sex"]}[name]
    frame[terms] = frame[terms].apply(lambda c: c if c.dtype.kind in "if" or str(c.dtype) == "category" else c.astype(str))
    return TimeToEvent.from_frame(frame, time="time", state="event", states=["Event"], unit="days"), frame, terms


@pytest.mark.parametrize("fitter", [lifelines.WeibullAFTFitter, lifelines.LogNormalAFTFitter, lifelines.LogLogisticAFTFitter])
def test_parametric_models_give_lifelines_own_risks(fitter):
    tte, frame = rossi()
    name = {"WeibullAFTFitter": "weibull", "LogNormalAFTFitter": "log-normal", "LogLogisticAFTFitter": "log-logistic"}[fitter.__name__]
    theirs = fitter().fit(frame[[*TERMS, "week", "arrest"]], "week", "arrest")
    expected = 1 - theirs.predict_survival_function(frame, times=TIMES).to_numpy().T
    made = peer_model(name, TERMS).fit(tte, frame)
    np.testing.assert_allclose(made.risk(frame, TIMES), expected, rtol=0, atol=3e-3)  # lifelines at its default precision, on columns of any scale
    standard = frame[TERMS].apply(lambda c: (c - c.mean()) / c.std(ddof=0)).assign(week=frame["week"], arrest=frame["arrest"])
    same = fitter().fit(standard, "week", "arrest", fit_options={"ftol": 1e-14, "maxiter": 2000})
    np.testing.assert_allclose(made.risk(frame, TIMES), 1 - same.predict_survival_function(standard, times=TIMES).to_numpy().T, rtol=1e-6)
    assert made.marker(frame) is None


def test_the_spline_is_no_weibull_and_fits_better():
    tte, frame = rossi()
    spline, weibull = (peer_model(name, TERMS).fit(tte, frame).fitted for name in ("spline", "weibull"))
    assert spline.log_likelihood_ > weibull.log_likelihood_ + 1e-3
    standard = (frame[TERMS] - frame[TERMS].mean()) / frame[TERMS].std(ddof=0)
    same = lifelines.CoxPHFitter(baseline_estimation_method="spline", n_baseline_knots=3)
    same.fit(standard.assign(week=frame["week"], arrest=frame["arrest"]), "week", "arrest", fit_options={"ftol": 1e-14, "maxiter": 2000})
    made = peer_model("spline", TERMS).fit(tte, frame)
    np.testing.assert_allclose(made.risk(frame, TIMES), 1 - same.predict_survival_function(standard, times=TIMES).to_numpy().T, rtol=1e-6)


def test_coxph_of_lifelines_is_read_as_steps():
    tte, frame = rossi()
    made = peer_model(lifelines.CoxPHFitter(), TERMS).fit(tte, frame)
    theirs = made.fitted.predict_survival_function(pd.DataFrame(design(frame, TERMS).matrix, columns=[f"x{j}" for j in range(7)]))
    expected = 1 - theirs.loc[[10.0, 25.0, 45.0]].to_numpy().T
    np.testing.assert_allclose(made.risk(frame, TIMES), expected, rtol=1e-12)
    between = made.risk(frame, np.array([10.0, 10.9]))
    np.testing.assert_array_equal(between[:, 0], between[:, 1])
    fit = cox(tte, design(frame, TERMS))
    assert np.abs(made.fitted.params_.to_numpy() - fit.coefficients).max() < 1e-7


@pytest.mark.parametrize("estimator", [RandomSurvivalForest(n_estimators=10), GradientBoostingSurvivalAnalysis(n_estimators=10),
                                       CoxPHSurvivalAnalysis(ties="efron"), CoxnetSurvivalAnalysis(fit_baseline_model=True)], ids=lambda e: type(e).__name__)  # fmt: skip
def test_scikit_survival_models_give_their_own_risks(estimator):
    tte, frame = rossi()
    made = peer_model(estimator, TERMS).fit(tte, frame, seed=3)
    assert not hasattr(estimator, "n_features_in_")  # the estimator given is not touched
    x = design(frame, TERMS).matrix
    chance = {"random_state": 3} if "random_state" in estimator.get_params() else {}
    theirs = type(estimator)(**{**estimator.get_params(), **chance}).fit(x, Surv.from_arrays(tte.state > 0, tte.time))
    expected = np.array([1 - curve(TIMES) for curve in theirs.predict_survival_function(x)])
    np.testing.assert_allclose(made.risk(frame, TIMES), expected, rtol=1e-12)
    np.testing.assert_allclose(made.marker(frame), theirs.predict(x), rtol=1e-12)


def test_levels_are_coded_as_ours():
    tte, frame, terms = scikit("gbsg2")
    made = peer_model("weibull", terms).fit(tte, frame)
    assert made.design.names == design(frame, terms).names


def test_coxnet_chooses_its_penalty_and_copies_stay_together():
    tte, frame = rossi()
    chosen = peer_model("coxnet", TERMS).fit(tte, frame, seed=1).fitted
    assert len(chosen.alphas_) == 1
    fixed = peer_model("coxnet", TERMS, alpha=0.01).fit(tte, frame).fitted
    assert fixed.alphas_.tolist() == [0.01]
    almost_none = peer_model("coxnet", TERMS, alpha=1e-9, tol=1e-12).fit(tte, frame)
    breslow = cox(tte, design(frame, TERMS), ties="breslow")
    np.testing.assert_allclose(almost_none.fitted.coef_[:, 0] / almost_none.scale, breslow.coefficients, rtol=1e-4)


def test_chance_comes_from_the_seed():
    tte, frame = rossi()
    model = peer_model("random survival forest", TERMS, n_estimators=5)
    one, same, other = (model.fit(tte, frame, seed=s).risk(frame, TIMES) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_refusals_are_sentences():
    with pytest.raises(EndpointError, match="FastSurvivalSVM gives no survival function"):
        peer_model(FastSurvivalSVM(), TERMS)
    with pytest.raises(EndpointError, match="KaplanMeierFitter gives no survival function"):
        peer_model(lifelines.KaplanMeierFitter(), TERMS)
    with pytest.raises(EndpointError, match='Did you mean "weibull"'):
        peer_model("weibul", TERMS)
    with pytest.raises(EndpointError, match="is a class"):
        peer_model(RandomSurvivalForest, TERMS)
    with pytest.raises(EndpointError, match="brings its options"):
        peer_model(RandomSurvivalForest(), TERMS, n_estimators=3)
    with pytest.raises(EndpointError, match="no terms"):
        peer_model("weibull", [])
    tte, frame = rossi()
    with pytest.raises(EndpointError, match=r"without its terms: write peer_model\(RandomSurvivalForest"):
        validate(tte, frame, {"Forest": RandomSurvivalForest()}, times=[25], rng=1)
    with pytest.raises(FitError, match="GradientBoostingSurvivalAnalysis could not be fitted or asked"):
        validate(tte, frame, {"Boost": peer_model(GradientBoostingSurvivalAnalysis(loss="squared", n_estimators=3), TERMS)}, times=[25], rng=1)
    with pytest.raises(FitError, match="weibull could not be fitted or asked"):
        peer_model("weibull", TERMS, nonsense=1).fit(tte, frame)


def test_errors_of_other_libraries_are_ours():
    class Stuck(lifelines.WeibullAFTFitter):
        def fit(self, *args, **kwargs):
            raise lifelines.exceptions.ConvergenceError("did not converge")

    Stuck.__module__ = "lifelines.none"
    tte, frame = rossi()
    with pytest.raises(ConvergenceError, match=r"Stuck could not be fitted or asked .ConvergenceError: did not converge"):
        peer_model(Stuck(), TERMS).fit(tte, frame)


def test_a_fit_gone_astray_is_no_fit():
    """lifelines calls these fits converged; one such resample made observed / expected 48 (-563, -562) on real patients."""
    tte, frame = rossi()

    class Astray(lifelines.WeibullAFTFitter):
        def fit(self, *args, **kwargs):
            made = super().fit(*args, **kwargs)
            made.log_likelihood_ = made.log_likelihood_ - 1000
            return made

    class Rising(lifelines.LogNormalAFTFitter):
        def predict_survival_function(self, *args, **kwargs):
            return 1 - super().predict_survival_function(*args, **kwargs)

    class Unsure(lifelines.WeibullAFTFitter):
        def fit(self, *args, **kwargs):
            warnings.warn("Newton-Raphson failed to converge sufficiently.", lifelines.exceptions.ConvergenceWarning, stacklevel=1)
            return super().fit(*args, **kwargs)

    for kind in (Astray, Rising, Unsure):
        kind.__module__ = "lifelines.none"
    Astray.__name__ = "WeibullAFTFitter"
    with pytest.raises(ConvergenceError, match=r"less likely .* than with a constant hazard"):
        peer_model(Astray(), TERMS).fit(tte, frame)
    with pytest.raises(ConvergenceError, match="rises with time"):
        peer_model(Rising(), TERMS).fit(tte, frame).risk(frame, TIMES)
    with pytest.raises(ConvergenceError, match=r"did not converge .Newton-Raphson failed"):
        peer_model(Unsure(), TERMS).fit(tte, frame)


def test_the_spline_gone_astray_starts_again():
    """Of itself lifelines ends 2,975 below the constant hazard here; on times in other units it finds the same fit as ours, up to the knots' rounding."""
    tte, frame, terms = scikit("whas500")
    made = peer_model("spline", terms).fit(tte, frame)
    event = tte.state > 0
    assert made.fitted.log_likelihood_ > event.sum() * (np.log(event.sum() / tte.time.sum()) - 1) + 90
    assert (np.diff(made.risk(frame, np.linspace(1, 2000, 50)), axis=1) >= 0).all()


@pytest.mark.parametrize("name", ["weibull", "log-normal", "log-logistic", "spline", lifelines.WeibullAFTFitter()], ids=str)
def test_a_time_of_0_is_named_with_its_cure(name):
    x, y = load_flchain()
    frame = x.assign(days=y["futime"], died=y["death"].astype(int)).iloc[::10]
    frame = frame.reset_index(drop=True)
    frame.loc[[0, 1], "days"] = 0.0
    zeros = int((frame["days"] == 0).sum())
    tte = TimeToEvent.from_frame(frame, time="days", state="died", states=["Death"], unit="days")
    with pytest.raises(FitError, match=rf"formula in the logarithm of time, and {zeros} patients have a time of 0: add half a day .0.5 days.*or take a Cox model"):
        peer_model(name, ["age"]).fit(tte, frame)
    found = validate(tte, frame, {"Cox": cox_model(["age"]), "Peer": peer_model(name, ["age"])}, times=[1000], replicates=5, rng=1)
    assert found.failures.loc[found.failures["measure"] == "all", ["model", "cause"]].to_numpy().tolist() == [["Peer", "refused"]]
    assert set(found.tidy()["model"]) == {"Cox"}
    assert peer_model("coxnet", ["age"]).fit(tte, frame).risk(frame, np.array([1000.0])).shape == (len(frame), 1)


def test_who_may_learn_by_heart():
    by_heart = {name: peer_model(name, TERMS).by_heart for name in ZOO}
    assert {name for name, does in by_heart.items() if does} == {"random survival forest", "gradient boosting"}
    assert peer_model(RandomSurvivalForest(), TERMS).by_heart
    assert not peer_model(CoxnetSurvivalAnalysis(fit_baseline_model=True), TERMS).by_heart
    assert not peer_model(lifelines.CoxPHFitter(), TERMS).by_heart


@pytest.mark.parametrize("name", ["rossi", "gbsg2", "whas500", "flchain"])
def test_data_sets_of_the_peers_run_through(name):
    tte, frame, terms = (*rossi(), ["fin", "age", "prio"]) if name == "rossi" else scikit(name)
    small = {"random survival forest": {"n_estimators": 5}, "gradient boosting": {"n_estimators": 5}}
    models = {"Cox": cox_model(terms), **{kind: peer_model(kind, terms, **small.get(kind, {})) for kind in ZOO if not kind.startswith("log")}}
    t = min(float(np.quantile(tte.time, 0.5)), 0.9 * float(tte.time.max()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = validate(tte, frame, models, times=[t], replicates=3, rng=1)
    shown = found.tidy()
    c = shown[shown["measure"] == "Harrell's C"].set_index("model")
    assert list(c.index) == list(models)
    assert c["estimate"].between(0.35, 1).all()
    assert c["n"].nunique() == 1
    if name == "flchain":
        assert "without creatinine" in found.left_out
    cox_auc, weibull = (shown[(shown["measure"] == "AUC") & (shown["model"] == m)]["apparent"].item() for m in ("Cox", "weibull"))
    assert cox_auc == pytest.approx(weibull, abs=0.03)
