"""`validate`: the optimism loop against the same loop written naively, R, a known truth, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from naive_validation import centre, loop, no_information, out_of_bag

import haip_outcomes as haip
from haip_outcomes.errors import ConvergenceError, EndpointError, FitError, HaipError
from haip_outcomes.prognosis.validation.cautions import _shrinkage
from haip_outcomes.prognosis.validation.judging import Judged
from haip_outcomes.prognosis.validation.modelling import apparent, drawn, prediction, resampled
from haip_outcomes.prognosis.validation.optimism import corrected, plus_632
from haip_outcomes.prognosis.validation.own_models import cox_model, fine_gray_model
from haip_outcomes.prognosis.validation.peer_models import peer_model
from haip_outcomes.prognosis.validation.whole_models import validate
from haip_outcomes.survival.covariates.splines import spline
from haip_outcomes.survival.resampling.replication import streams_of
from haip_outcomes.survival.time_to_event import TimeToEvent

HERE = Path(__file__).resolve().parents[1] / "reference"


def read(name, time, state, states):
    frame = pd.read_csv(HERE / "data" / f"{name}.csv")
    return TimeToEvent.from_frame(frame, time=time, state=state, states=states, unit="days"), frame


def lung():
    tte, frame = read("cox_lung", "months", "dead", ["Death"])
    return tte, frame.assign(sex=frame["sex"].astype(str))


def melanoma():
    return read("fine_gray_melanoma", "days", "state", ["Melanoma", "Other"])


def small_veteran():
    tte, frame = read("cox_veteran", "time", "status", ["Death"])
    return tte.take(np.arange(45)), frame.iloc[:45]


CASES = {
    "batched": (lung, cox_model(["age", "sex", "ph.karno"]), [6, 12], None),
    "many ties": (lung, cox_model(["sex"]), [6, 12], None),
    "spline": (lung, cox_model([spline("age", 4), "sex"]), [6, 12], None),
    "strata": (lung, cox_model(["age", "ph.karno"], strata="sex"), [12], None),
    "firth": (lung, cox_model(["age", "ph.karno"], penalty="firth"), [12], None),
    "few patients": (small_veteran, cox_model(["karno", "celltype", "age"]), [30, 200], None),
    "competing": (melanoma, fine_gray_model(["thick", "age"], cause="Melanoma"), [1500, 2500], "Melanoma"),
}


@pytest.mark.parametrize("case", CASES)
def test_equals_the_loop_written_naively(case):
    make, model, times, cause = CASES[case]
    tte, frame = make()
    thresholds = np.array([0.2, 0.4])
    found = validate(tte, frame, {"m": model}, times=times, cause=cause, replicates=6, rng=3, decision=thresholds)
    judged = Judged.of(found.tte, times, cause, thresholds)
    streams = streams_of(3)
    streams.spawn(1)
    copies = drawn(len(found.tte), streams, 6)
    at_first, values = loop(model, judged, frame.loc[found.tte.index], copies)
    ours = found.replicates["m"]
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(values))
    assert np.nanmax(np.abs(ours - values) / np.maximum(np.abs(values), 1e-3)) < 1e-8
    shown = found.tidy()
    there = at_first[~np.isnan(at_first)]
    np.testing.assert_allclose(shown["apparent"].dropna(), there, rtol=1e-8, atol=1e-11)
    wanted, pooled = [], out_of_bag(judged, values)
    nothing = no_information(judged, model.fit(found.tte, frame.loc[found.tte.index]).risk(frame.loc[found.tte.index], judged.grid))
    for k in np.flatnonzero(~np.isnan(at_first)):
        resample, test, outside = *values[:, :2, k].T, pooled[:, k]
        name = judged.names["measure"][k]
        if name == "observed / expected":
            row = (at_first[k] * np.exp(-centre(np.log(resample / test))), np.exp(centre(np.log(outside))))
        else:
            heavy = "slope" in name or "intercept" in name
            row = (at_first[k] - centre(resample - test, heavy), centre(outside, heavy))
        wanted.append((*row, plus_632(at_first[k], row[1], nothing[k], "Brier" in judged.names["measure"][k])))
    shown = shown[shown["apparent"].notna()]
    for column, expected in zip(("estimate", "out_of_bag", "plus_632"), zip(*wanted, strict=True), strict=True):
        np.testing.assert_allclose(shown[column], expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(shown["apparent"] - shown["optimism"], shown["estimate"], rtol=1e-12)
    plus = validate(tte, frame, {"m": model}, times=times, cause=cause, replicates=6, rng=3, correction=".632+", decision=thresholds).tidy()
    plus = plus[plus["apparent"].notna()]
    np.testing.assert_array_equal(plus["estimate"], plus["plus_632"].fillna(plus["out_of_bag"]))
    assert set(plus["correction"]) == {".632+", "out of bag"}
    outside = validate(tte, frame, {"m": model}, times=times, cause=cause, replicates=6, rng=3, correction="out of bag", decision=thresholds).tidy()
    np.testing.assert_array_equal(outside["estimate"][outside["apparent"].notna()], shown["out_of_bag"])


def test_the_same_resamples_for_every_model_and_any_number_of_processes():
    tte, frame = lung()
    models = {"Cox": cox_model(["age", "sex"]), "Bent": cox_model([spline("age", 3), "sex"]), "Forest": peer_model("random survival forest", ["age", "sex"], n_estimators=5)}
    told = []
    one = validate(tte, frame, models, times=[6, 12], replicates=12, rng=5, progress=lambda done, total: told.append((done, total)))
    two = validate(tte, frame, models, times=[6, 12], replicates=12, rng=5, n_jobs=2)
    pd.testing.assert_frame_equal(one.tidy(), two.tidy(), check_exact=True)
    assert told[-1] == (36, 36)
    alone = validate(tte, frame, {"Cox": models["Cox"]}, times=[6, 12], replicates=12, rng=5)
    np.testing.assert_array_equal(alone.replicates["Cox"], one.replicates["Cox"])
    assert list(dict.fromkeys(one.tidy()["model"])) == ["Cox", "Bent", "Forest"]


def test_a_function_is_a_model_and_may_fill_gaps_itself():
    tte, frame = lung()
    lacking = frame["ph.karno"].isna().to_numpy()
    assert lacking.any()

    class Filled:
        def __init__(self, fit, middle):
            self.fit, self.middle = fit, middle

        def risk(self, x, times):
            return self.fit.risk(x.fillna({"ph.karno": self.middle}), times)

    def whole(times, x):
        middle = x["ph.karno"].median()
        return Filled(cox_model(["ph.karno"]).fit(times, x.fillna({"ph.karno": middle})), middle)

    found = validate(tte, frame, {"Filled": whole}, times=[12], replicates=8, rng=1)
    assert found.tidy()["n"].iloc[0] == len(frame)
    assert found.models == {"Filled": "whole"}
    assert np.isfinite(found.tidy().loc[found.tidy()["measure"] == "Harrell's C", "estimate"]).all()

    whole.columns = ("ph.karno",)  # named, they count for the complete cases
    assert validate(tte, frame, {"Filled": whole}, times=[12], replicates=2, rng=1).tidy()["n"].iloc[0] == (~lacking).sum()

    def chance(times, x, rng):
        terms = ["age"] if rng.random() < 0.5 else ["sex"]
        return cox_model(terms).fit(times, x)

    again = [validate(tte, frame, {"Chance": chance}, times=[12], replicates=45, rng=2, n_jobs=k).tidy() for k in (1, 2)]
    pd.testing.assert_frame_equal(*again, check_exact=True)


def test_complete_cases_are_the_same_for_all_and_counted():
    tte, frame = lung()
    found = validate(tte, frame, {"a": cox_model(["age"]), "b": cox_model(["ph.karno", "wt.loss"])}, times=[12], replicates=4, rng=1)
    kept = frame[["age", "ph.karno", "wt.loss"]].notna().all(axis=1)
    assert found.tidy()["n"].unique().tolist() == [kept.sum()]
    assert sum(len(rows) for rows in found.left_out.values()) == (~kept).sum()
    assert "left out without ph.karno" in found.method


def test_failed_resamples_are_counted_and_too_many_give_no_limits():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"months": rng.integers(1, 40, 60) * 1.0, "dead": rng.random(60) < 0.6, "age": rng.normal(60, 8, 60), "rare": ["yes"] * 2 + ["no"] * 58})
    frame["dead"] = frame["dead"].astype(int)
    frame.loc[[0, 1], "dead"] = [1, 0]
    tte = TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    found = validate(tte, frame, {"Rare": cox_model(["age", "rare"]), "Age": cox_model(["age"])}, times=[12], replicates=60, rng=4)
    whole = found.failures[found.failures["measure"] == "all"]
    assert set(whole["model"]) == {"Rare"}
    failed = int(whole["n_failed"].sum())
    assert failed > 3
    shown = found.tidy()
    rare = shown[shown["model"] == "Rare"]
    assert (rare["n_failed"] >= failed).all()
    assert rare["conf_low"].isna().all()
    assert rare["estimate"].isna().all()  # a mean over the others would be over a choice of the resamples
    assert rare["out_of_bag"].isna().all()
    assert shown.loc[shown["model"] == "Age", "estimate"].notna().any()
    assert shown.loc[shown["model"] == "Age", "conf_low"].notna().any()
    assert any("No estimate and no limits where over 5%" in note and "Rare" in note for note in found.warnings)
    assert any("separation" in note for note in found.warnings)


def test_a_resample_that_ends_early_says_so():
    tte, frame = lung()
    found = validate(tte, frame, {"Cox": cox_model(["age"])}, times=[6, 33], replicates=40, rng=1)
    late = found.failures[(found.failures["measure"] == "Brier score") & (found.failures["time"] == 33)]
    assert late["cause"].tolist() == ["not followed so long"]
    assert late["n_failed"].iloc[0] > 2
    shown = found.tidy()
    assert shown[(shown["measure"] == "Brier score") & (shown["time"] == 33)]["conf_low"].isna().all()
    assert shown[(shown["measure"] == "Brier score") & (shown["time"] == 6)]["conf_low"].notna().all()


def test_limits_by_hand():
    resample, test, outside = np.array([0.7, 0.72, 0.74, 0.76]), np.array([0.6, 0.64, 0.62, 0.66]), np.array([0.5, 0.6, 0.5, 0.6])
    values = np.column_stack([resample, test, outside])
    found = corrected(0.7, values, 0.95)
    assert found.optimism == pytest.approx(0.1)
    assert found.estimate == pytest.approx(0.6)
    assert found.out_of_bag == pytest.approx(0.55)
    low, high = np.quantile([1.3, 1.36, 1.36, 1.42], [0.025, 0.975]) - 1.36 + 0.6
    assert (found.conf_low, found.conf_high) == pytest.approx((low, high))
    gone = corrected(0.7, np.vstack([values, [np.nan, 0.6, 0.5]]), 0.95)
    assert gone.n_failed == 1
    assert np.isnan([gone.estimate, gone.optimism, gone.conf_low]).all()  # one of five failed: a mean over the others is over a choice
    assert gone.out_of_bag == pytest.approx(0.54)
    one = corrected(0.7, np.vstack([np.tile(values, (5, 1)), [np.nan, 0.6, 0.5]]), 0.95)
    assert (one.n_failed, one.estimate) == (1, pytest.approx(0.6))


def test_limits_stay_in_the_range_of_a_measure():
    rng = np.random.default_rng(1)
    values = np.column_stack([rng.uniform(0.5, 1, 400), rng.uniform(0.4, 1, 400), rng.uniform(0.2, 1, 400)])
    wild = corrected(0.95, values, 0.95)
    assert wild.conf_high > 1
    kept = corrected(0.95, values, 0.95, scale="within 0 and 1")
    assert kept.estimate == wild.estimate
    around = np.array([wild.conf_low, wild.conf_high]) - wild.estimate
    v = wild.estimate
    logit = np.log(v / (1 - v)) + around / (v * (1 - v))
    assert (kept.conf_low, kept.conf_high) == pytest.approx(tuple(1 / (1 + np.exp(-logit))))
    ipa = corrected(0.9, values - 0.3, 0.95, scale="below 1")
    moved = -np.log(1 - (values - 0.3)[:, :2]).sum(axis=1)
    low, high = np.quantile(moved, [0.025, 0.975]) - moved.mean() - np.log(1 - ipa.estimate)
    assert (ipa.conf_low, ipa.conf_high) == pytest.approx((1 - np.exp(-low), 1 - np.exp(-high)))
    assert ipa.conf_high < 1


def test_slopes_have_medians():
    values = np.column_stack([np.ones(5), [0.5, 0.6, 0.7, 0.8, -40.0], [0.4, 0.5, 0.6, 900.0, 0.5]])
    found = corrected(1.0, values, 0.95, robust=True)
    assert (found.estimate, found.out_of_bag) == (pytest.approx(0.6), pytest.approx(0.5))
    low, high = np.quantile([1.5, 1.6, 1.7, 1.8, -39.0], [0.025, 0.975]) - 1.6 + 0.6
    assert (found.conf_low, found.conf_high) == pytest.approx((low, high))


def far_out(seed, n):
    """Small cohorts with covariates that lie far out."""
    rng = np.random.default_rng(seed)
    x = pd.DataFrame({"a": rng.normal(size=n), "b": rng.lognormal(0, 1.5, n), "c": rng.normal(size=n), "g": rng.choice(["u", "v", "w"], n, p=[0.8, 0.15, 0.05]),
                      "h": rng.lognormal(3, 2, n)})  # fmt: skip
    death, end = rng.exponential(20 * np.exp(-0.5 * x["a"]), n).round() + 1, rng.uniform(10, 50, n).round() + 1
    x["t"], x["e"] = np.minimum(death, end), (death <= end).astype(int)
    return TimeToEvent.from_frame(x, time="t", state="e", states=["Death"]), x


def test_every_slope_there_is_is_found():
    """A spline of a lognormal column: from a slope of 1 whole Newton steps lost the worst 15% of the resamples, which all have a slope."""
    tte, frame = far_out(3, 100)
    judged, n = Judged.of(tte, [24], None, np.zeros(0)), len(frame)
    ones = np.ones(n, dtype=np.int64)
    low = 0
    for b in range(60):
        rows = np.random.default_rng(b).integers(0, n, n)
        mine = frame.iloc[rows].reset_index(drop=True)
        made = cox_model([spline("h", 4), "a"]).fit(TimeToEvent.from_frame(mine, time="t", state="e", states=["Death"]), mine)
        eta = made.linear_predictor(frame)
        ours = judged._slope(ones, eta)
        assert ours == pytest.approx(haip.cox(tte, haip.design(pd.DataFrame({"eta": eta}, index=tte.index), ["eta"])).coefficients[0], rel=1e-8, abs=1e-11)
        low += ours < 0.3
    assert low >= 3
    shown = validate(tte, frame, {"Cox": cox_model([spline("h", 4), "a"])}, times=[24], replicates=100, rng=1)
    row = shown.tidy().set_index("measure").loc["slope of the log hazard"]
    assert row["n_failed"] == 0
    assert row["estimate"] == pytest.approx(np.median(shown.replicates["Cox"][:, 1, -1]))
    assert np.isfinite(row["conf_low"])


def test_risks_of_nearly_0_or_1_have_a_calibration():
    tte, frame = far_out(3, 100)
    model = cox_model([spline("h", 4), "a"])
    found = validate(tte, frame, {"Cox": model}, times=[24], replicates=60, rng=1)
    assert found.tidy().set_index("measure").loc[["calibration intercept", "calibration slope"], "n_failed"].tolist() == [0, 0]
    judged, streams = Judged.of(tte, [24], None, np.zeros(0)), streams_of(1)
    streams.spawn(1)
    _, values = loop(model, judged, frame, drawn(len(tte), streams, 60)[:10])
    ours = found.replicates["Cox"][:10]
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(values))
    assert np.nanmax(np.abs(ours - values) / np.maximum(np.abs(values), 1e-3)) < 1e-8


@pytest.mark.parametrize(("seed", "n", "terms"), [(1, 60, ["a", "b", "c", "g"]), (5, 40, ["a", "c"]), (6, 30, ["a"])])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_small_cohorts_promise_nothing_impossible(seed, n, terms):
    tte, frame = far_out(seed, n)
    for correction in ("optimism", "out of bag", ".632+"):
        found = validate(tte, frame, {"Cox": cox_model(terms)}, times=[3, 24], replicates=60, rng=1, correction=correction)
        shown = found.tidy()
        unit = shown[shown["measure"].isin(["Harrell's C", "Uno's C", "AUC", "Brier score", "integrated Brier score"])]
        assert not ((unit["conf_low"] < 0) | (unit["conf_high"] > 1)).any()
        assert not (shown.loc[shown["measure"].str.contains("IPA"), "conf_high"] > 1).any()
        assert shown.loc[shown["n_failed"] > 3, ["estimate", "conf_low", "conf_high"]].isna().all(axis=None)
        assert "nan" not in repr(found)


def test_advice_is_for_a_slope_between_0_and_1():
    judged = Judged.of(lung()[0], [12], None, np.zeros(0))

    def said(slope, low, high):
        row = {"model": "Cox", "measure": "slope of the log hazard", "time": np.nan, "apparent": 1.0, "estimate": slope, "conf_low": low, "conf_high": high}
        return _shrinkage(judged, pd.DataFrame([row]))[0]

    assert "multiply the log hazard ratios by it before the model is used in others (Cox)" in said(0.8, 0.5, 1.1)
    assert said(0.8, np.nan, np.nan) == "Slope of the log hazard in new patients: Cox 0.80 (apparent 1.00)."
    assert "multiply" not in said(1.3, 0.9, 2.0)
    assert "nothing is to be shrunk (Cox)" in said(1.3, 0.9, 2.0)
    assert "do not use it (Cox)" in said(-0.2, -1, 0.9)


def test_a_model_that_chose_nothing_is_told():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.standard_normal((80, 3)), columns=list("abc")).assign(months=rng.exponential(20, 80), died=(rng.random(80) < 0.7).astype(int))
    tte = TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"])
    found = validate(tte, frame, {"Coxnet": peer_model("coxnet", list("abc"), alpha=1.0)}, times=[12], replicates=5, rng=1)
    assert found.tidy().set_index("measure").loc["Harrell's C", "apparent"] == 0.5
    assert any(note.startswith("Coxnet gives all patients the same risk (no covariate was chosen)") for note in found.warnings)


def test_ipa_out_of_bag_is_against_one_null_model():
    """Against the null model of each small set out of bag, of which it knows the risk, IPA would be lower."""
    tte, frame = lung()
    found = validate(tte, frame, {"Cox": cox_model(["age", "sex"])}, times=[12], replicates=100, rng=1, correction="out of bag")
    shown = found.tidy().set_index("measure")
    null = haip.brier_score(found.tte, np.zeros(len(found.tte)), 12).tidy()["null_estimate"][0]
    assert shown.loc["IPA", "estimate"] == pytest.approx(1 - shown.loc["Brier score", "estimate"] / null, rel=1e-12)
    at = found.measures["measure"].tolist().index("IPA")
    assert shown.loc["IPA", "estimate"] > np.mean(found.replicates["Cox"][:, 2, at])


def test_632_plus_by_hand():
    values = np.column_stack([[0.95, 0.97], [0.8, 0.84], [0.55, 0.59]])
    found = corrected(0.9, values, 0.95, correction=".632+", no_information=0.5)
    lost = (0.9 - 0.57) / (0.9 - 0.5)
    weight = 0.632 / (1 - 0.368 * lost)
    assert found.plus_632 == found.estimate == pytest.approx(0.9 * (1 - weight) + 0.57 * weight)
    # Efron and Tibshirani's own way to write it, of an error: err.632 + (err1 - err) 0.368 0.632 R / (1 - 0.368 R)
    err, err1, gamma = 0.1, 0.43, 0.5
    overfit = (err1 - err) / (gamma - err)
    assert 1 - found.plus_632 == pytest.approx(0.368 * err + 0.632 * err1 + (err1 - err) * 0.368 * 0.632 * overfit / (1 - 0.368 * overfit))
    assert plus_632(0.9, 0.45, 0.5, False) == pytest.approx(0.5)  # worse than no information counts as none
    assert plus_632(0.1, 0.3, 0.25, True) == pytest.approx(0.25)
    assert plus_632(0.6, 0.7, 0.5, False) == pytest.approx(0.368 * 0.6 + 0.632 * 0.7)  # nothing lost: .632
    assert plus_632(0.48, 0.45, 0.5, False) == pytest.approx(0.368 * 0.48 + 0.632 * 0.5)  # nothing learnt
    none = corrected(1.0, values, 0.95, correction=".632+")
    assert (none.correction, none.estimate) == ("out of bag", pytest.approx(0.57))
    assert np.isnan(none.plus_632)


def test_ratios_are_averaged_on_the_log_scale():
    values = np.array([[2.0, 1.0, 4.0], [0.5, 1.0, 1.0]])
    found = corrected(1.2, values, 0.95, scale="ratio")
    assert found.estimate == pytest.approx(1.2)  # twice too much and half too much cancel out
    assert found.out_of_bag == pytest.approx(2.0)
    assert found.optimism == pytest.approx(0.0)
    assert (found.conf_low, found.conf_high) == pytest.approx(tuple(1.2 * np.exp(np.quantile(np.log([2.0, 0.5]), [0.025, 0.975]))))


def test_an_interval_always_holds_its_estimate():
    values = np.ones((200, 3))
    values[:2, 0] = 1e6  # two resamples gone astray
    found = corrected(1.0, values, 0.95)
    assert np.isnan(found.conf_low)
    assert np.isnan(found.conf_high)


R = {q["name"]: q for q in json.loads((HERE / "validate.json").read_text(encoding="utf-8"))["questions"]}


@pytest.mark.parametrize("name", R)
def test_resamples_equal_r(name):
    q = R[name]
    competing = "cause" in q
    frame = pd.read_csv(HERE / "data" / f"{q['data']}.csv").dropna(subset=q["terms"])
    tte = TimeToEvent.from_frame(frame, time=q["time"], state=q["state"], states=["A", "B"][: 1 + competing], unit="days")
    model = fine_gray_model(q["terms"], cause="A") if competing else cox_model(q["terms"])
    judged = Judged.of(tte, q["times"], "A", np.zeros(0))
    made = model.fit(tte, frame)
    copies = np.array(q["copies"])
    assert copies.shape == (q["resamples"], len(tte))
    ours = resampled({"m": model}, {"m": made}, judged, frame, copies, np.zeros((1, len(copies)), dtype=int), 1, None)["m"].values
    whole = [] if competing else ["Harrell's C", "Uno's C", "slope of the log hazard"]
    wanted = judged.names["measure"].isin(["AUC", "Brier score", "IPA", *whole]).to_numpy()
    ipa = (judged.names["measure"] == "IPA").to_numpy()[wanted]

    def assert_same(mine, theirs):
        mine, theirs = np.asarray(mine)[..., wanted], np.array(theirs, dtype=float)
        np.testing.assert_array_equal(np.isnan(mine), np.isnan(theirs))
        mine, theirs = np.where(ipa, 1 - mine, mine), np.where(ipa, 1 - theirs, theirs)  # the ratio of two scores is what is computed
        assert np.nanmax(np.abs(mine - theirs) / np.maximum(np.abs(theirs), 1e-3)) < 1e-8

    assert_same(ours[:, 0], q["resample"])
    assert_same(ours[:, 1], q["test"])
    assert_same(ours[:, 2], q["outside"])
    assert_same(apparent(judged, prediction(made, frame, judged)), q["apparent"])


def test_decision_curve_is_the_corrected_one():
    tte, frame = lung()
    found = validate(tte, frame, {"Cox": cox_model(["age", "ph.karno"])}, times=[12], replicates=10, rng=1, decision=[0.3, 0.5])
    curve = found.decision_curve("Cox", 12.0)
    shown = found.tidy()
    np.testing.assert_allclose(curve.tidy().loc[curve.tidy()["term"] == "Model", "estimate"], shown.loc[shown["measure"] == "net benefit", "estimate"])
    assert haip.plot_decision_curve({"Cox": curve}).alt.startswith("Decision curve for Death by 12 days")
    assert haip.plot_decision_curve(curve).caption.count("corrected for optimism") == 2
    with pytest.raises(EndpointError, match="validate needs decision"):
        found.decision_curve("Cox", 13.0)


def test_says_shrinkage_in_a_sentence():
    tte, frame = lung()
    found = validate(tte, frame, {"Cox": cox_model(["age", "sex", "ph.karno"])}, times=[12], replicates=30, rng=1)
    row = found.tidy().set_index("measure").loc["slope of the log hazard"]
    assert row["apparent"] == pytest.approx(1.0, abs=1e-9)
    assert any(note.startswith(f"Slope of the log hazard in new patients: Cox {row['estimate']:.2f} (apparent 1.00)") for note in found.warnings)
    assert "the model made again in each" in repr(found)
    assert "<table" in found._repr_html_()


BAD = {
    "a label twice": ({"models": [("Cox", cox_model(["age"])), ("Cox", cox_model(["sex"]))]}, "labels several models"),
    "no models": ({"models": {}}, "no models"),
    "no model": ({"models": {"x": 3}}, "which is no model"),
    "beyond follow-up": ({"times": [500]}, "nobody was followed"),
    "no times": ({"times": []}, "times must be numbers"),
    "replicates": ({"replicates": 1}, "2 or more"),
    "rng": ({"rng": None}, "rng must be a seed"),
    "thresholds": ({"decision": [0.5, 0.2]}, "strictly between 0 and 1"),
    "a column": ({"models": {"Cox": cox_model(["aeg"])}}, 'Did you mean "age"'),
    "conf_level": ({"conf_level": 95}, "conf_level"),
}


@pytest.mark.parametrize("case", BAD)
def test_refuses_with_a_sentence(case):
    tte, frame = lung()
    changes, words = BAD[case]
    asked = {"models": {"Cox": cox_model(["age"])}, "times": [12], "replicates": 4, "rng": 1, **changes}
    models = asked.pop("models")
    with pytest.raises(HaipError, match=words):
        validate(tte, frame, models, **asked)


def test_refuses_other_data_with_a_sentence():
    tte, frame = lung()
    one = {"Cox": cox_model(["age"])}
    with pytest.raises(EndpointError, match="no row for"):
        validate(tte, frame.iloc[5:], one, times=[12], rng=1)
    with pytest.raises(EndpointError, match="no patient is complete"):
        validate(tte, frame.assign(age=np.nan), one, times=[12], rng=1)
    with pytest.raises(EndpointError, match="takes a TimeToEvent"):
        validate(frame, frame, one, times=[12], rng=1)
    with pytest.raises(EndpointError, match="takes a data frame"):
        validate(tte, frame.to_dict(), one, times=[12], rng=1)
    heart = pd.DataFrame({"start": [0.0, 1, 2, 3], "stop": [2.0, 4, 5, 6], "dead": [1, 0, 1, 1], "age": [1.0, 2, 3, 5]})
    late = TimeToEvent.from_frame(heart, time="stop", state="dead", states=["Death"], entry="start")
    with pytest.raises(EndpointError, match="delayed entry"):
        validate(late, heart, one, times=[3], rng=1)


def test_competing_events_need_a_model_that_knows_them():
    tte, frame = melanoma()
    with pytest.raises(EndpointError, match="cause="):
        validate(tte, frame, {"m": fine_gray_model(["age"], cause="Melanoma")}, times=[1500], rng=1)
    models = {"Cox": cox_model(["age"]), "Weibull": peer_model("weibull", ["age"])}
    with pytest.raises(FitError, match=r"2 models can't be made.*Use fine_gray_model.*compete"):
        validate(tte, frame, models, times=[1500], cause="Melanoma", rng=1)


def test_all_models_that_cannot_be_made_are_named_at_once():
    tte, frame = lung()

    class Half:
        def risk(self, x, times):
            return np.full((len(x), len(times)), np.nan)

    def broken(times, x):
        raise ValueError("out of order")

    two = {"Half": lambda t, x: Half(), "Broken": broken}
    with pytest.raises(FitError, match=r"2 models can't be made.*no risk for 228 patients.*ValueError: out of order"):
        validate(tte, frame, two, times=[12], rng=1)
    with pytest.raises(FitError, match=r'"Cox":.*Did you mean "age"'):  # the question is wrong
        validate(tte, frame, {"Fine": cox_model(["sex"]), "Cox": cox_model(["aeg"])}, times=[12], rng=1)


def test_a_model_that_cannot_be_made_is_a_refused_line_and_the_others_go_on():
    tte, frame = lung()

    def broken(times, x):
        raise ValueError("out of order")

    asked = {"times": [12], "replicates": 10, "rng": 1}
    found = validate(tte, frame, {"Broken": broken, "Cox": cox_model(["age"]), "Bent": cox_model([spline("age", 3)])}, **asked)
    assert found.failures[["model", "measure", "cause", "n_failed"]].to_numpy().tolist() == [["Broken", "all", "refused", 10]]
    assert any(note.startswith("Broken is refused, it can't be made from these patients: its function raised ValueError: out of order") for note in found.warnings)
    assert list(dict.fromkeys(found.tidy()["model"])) == ["Cox", "Bent"]
    assert found.correction == "optimism"  # what was refused chooses no correction
    without = validate(tte, frame, {"Cox": cox_model(["age"]), "Bent": cox_model([spline("age", 3)])}, **asked)
    pd.testing.assert_frame_equal(found.tidy(), without.tidy())
    rows = [row for row in haip.validation_table(found).rows if row[0] == "Broken"]
    assert set(rows) == {("Broken", "-", "-", "-")}


def test_a_peer_that_fails_in_a_resample_is_counted():
    tte, frame = lung()

    class Moody:
        def __init__(self, fit, good):
            self.made, self.good = fit, good

        def risk(self, x, times):
            return self.made.risk(x, times) if self.good else np.full((len(x), len(times)), np.nan)

    def model(times, x):
        if x.index[0] < 0 and x["age"].mean() > 62.6:
            raise ConvergenceError("did not settle")
        return Moody(cox_model(["age"]).fit(times, x), x.index[0] >= 0 or x["age"].mean() > 62.2)

    found = validate(tte, frame, {"Moody": model}, times=[12], replicates=40, rng=1)
    causes = dict(zip(found.failures["cause"], found.failures["n_failed"], strict=True))
    assert causes["no convergence"] > 0
    assert causes["could not be fitted"] > 0
    assert (found.tidy()["n_failed"] == sum(causes.values())).all()


def test_resected_patients_of_the_public_cohort(workbook):
    cohort = haip.read_cohort(workbook, "cohorts/tcia_crlm/plan.toml")
    terms = ["age", "sex", "extrahep_disease", "clinrisk_score", "chemo_before_liver_resection"]
    found = validate(cohort.endpoint("os"), cohort.frame, {"Cox": cox_model(terms), "Weibull": peer_model("weibull", terms)}, times=[36, 60], replicates=20, rng=1)
    shown = found.tidy()
    assert shown["n"].unique().tolist() == [168]  # as coxph's
    c = shown[shown["measure"] == "Harrell's C"].set_index("model")
    assert c.loc["Cox", "apparent"] == pytest.approx(haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, terms, missing="complete-case")).concordance, abs=1e-12)
    assert (c["estimate"] < c["apparent"]).all()
    liver = cohort.endpoint("first_site")
    both = validate(liver, cohort.frame, {"Fine-Gray": fine_gray_model(terms, cause="Liver")}, times=[36], cause="Liver", replicates=5, rng=1).tidy()
    assert "Uno's C" not in set(both["measure"])
    assert both["estimate"].notna().all()


def test_a_model_that_learns_by_heart_changes_the_correction_of_all():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.standard_normal((80, 4)), columns=list("abcd")).assign(months=rng.exponential(20, 80), died=(rng.random(80) < 0.7).astype(int))
    tte = TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"])
    cox_, forest = cox_model(list("abcd")), peer_model("random survival forest", list("abcd"), n_estimators=10)
    asked = {"times": [12], "replicates": 30, "rng": 1}
    found = validate(tte, frame, {"Cox": cox_, "Forest": forest}, **asked)
    shown = found.tidy()
    assert (found.correction, set(shown["correction"])) == ("out of bag", {"out of bag"})
    np.testing.assert_array_equal(shown["estimate"], shown["out_of_bag"])
    c = shown[shown["measure"] == "Harrell's C"].set_index("model").loc["Forest"]
    assert c["apparent"] - c["optimism"] > 0.6  # of pure noise
    assert c["out_of_bag"] < 0.56
    assert any(note.startswith("Forest may nearly learn patients by heart") and f"out of bag {c['out_of_bag']:.3f}" in note for note in found.warnings)
    assert "judged out of bag" in found.method
    alone = validate(tte, frame, {"Cox": cox_}, **asked)
    assert (alone.correction, set(alone.tidy()["correction"])) == ("optimism", {"optimism"})
    np.testing.assert_array_equal(alone.replicates["Cox"], found.replicates["Cox"])
    told = validate(tte, frame, {"Cox": cox_, "Forest": forest}, correction="optimism", **asked)
    assert any("do not choose between models by these values" in note for note in told.warnings)
    limits = shown[shown["conf_low"].notna()]
    assert (limits["conf_low"] <= limits["estimate"]).all()
    assert (limits["estimate"] <= limits["conf_high"]).all()
    with pytest.raises(EndpointError, match="correction must be"):
        validate(tte, frame, {"Cox": cox_}, correction="boot", **asked)


def test_a_model_gone_astray_has_failed():
    tte, frame = lung()

    class Told:
        def __init__(self, function):
            self.risk = lambda x, times: np.tile(function(times), (len(x), 1))

    def asks(function):
        return lambda times, x: Told(function)

    with pytest.raises(FitError, match=r"nearly. nobody at risk.*mean risk falls"):
        validate(tte, frame, {"None": asks(lambda t: t * 1e-6), "Falling": asks(lambda t: 1 - t / 40)}, times=[12], rng=1)


@pytest.mark.slow
def test_models_of_noise_are_found_out():
    """Eight covariates without effect: what benchmarks/OPTIMISM.md says at length."""
    rng = np.random.default_rng(5)
    rows = []
    for _ in range(40):
        x = rng.standard_normal((100, 8))
        death, end = rng.exponential(33, 100), rng.uniform(12, 60, 100)
        frame = pd.DataFrame(x, columns=[f"x{j}" for j in range(8)]).assign(months=np.minimum(death, end), died=(death <= end).astype(int))
        tte = TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"])
        found = validate(tte, frame, {"Noise": cox_model([f"x{j}" for j in range(8)])}, times=[24], replicates=100, rng=rng)
        shown = found.tidy().set_index("measure")
        rows.append([shown.loc["Harrell's C", "apparent"], shown.loc["Harrell's C", "estimate"], shown.loc["slope of the log hazard", "estimate"], shown.loc["IPA", "estimate"]])
    apparent_c, c, slope, ipa = np.mean(rows, axis=0)
    assert apparent_c > 0.58
    assert 0.48 < c < 0.56
    assert slope < 0.6
    assert ipa < 0
