"""Predictions by profile and nomograms: R's survfit and rms::nomogram, by hand, and what is refused."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.errors import EndpointError
from haip_outcomes.prognosis.prediction.nomogram_points import nomogram
from haip_outcomes.prognosis.prediction.profile_predictions import profiles
from haip_outcomes.prognosis.validation.own_models import cox_model
from haip_outcomes.prognosis.validation.whole_models import validate

HERE = Path(__file__).resolve().parents[1] / "reference"
VALUES = json.loads((HERE / "prediction.json").read_text(encoding="utf-8"))
PROFILES = {one["name"]: one for one in VALUES["profiles"]}
NOMOGRAMS = {one["name"]: one for one in VALUES["nomograms"]}
LUNG = pd.read_csv(HERE / "data" / "cox_lung.csv")
PBC = pd.read_csv(HERE / "data" / "cox_pbc.csv")
PBC = PBC.assign(edema=PBC["edema"].map("{:g}".format).astype("category"), trt=PBC["trt"].astype("Int64").astype("string"))


def close(ours, theirs, tolerance=1e-8):
    """Two-sided, relative to max(|R|, 0.001); missing where R's is missing."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray([np.nan if v is None else v for v in np.ravel(theirs)], dtype=float).reshape(np.shape(theirs))
    assert ours.shape == theirs.shape
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    assert np.nanmax(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-3), initial=0) <= tolerance


def fit_of(frame, terms, time="days", state="dead", strata=None, **options):
    if strata is not None:
        frame = frame.dropna(subset=[strata])
    tte = haip.TimeToEvent.from_frame(frame, time=time, state=state, states=["Death"], unit=time, label="Overall survival", time_zero="diagnosis")
    return haip.cox(tte, haip.design(frame, terms, missing="complete-case"), strata=None if strata is None else frame[strata], **options)


@pytest.fixture(scope="module")
def cohort():
    return haip.demo_cohort().setting("unresectable")


@pytest.fixture(scope="module")
def fit(cohort):
    return haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, ["sarcopenia", "extrahepatic_disease"]))


@pytest.fixture(scope="module")
def lung():
    return fit_of(LUNG, ["age", "sex", "ph.ecog"])


# -- profiles ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_equal_survfit(name):
    case = PROFILES[name]
    if name == "pbc_strata":
        made = fit_of(PBC, case["terms"], "time", strata="trt")
    else:
        made = fit_of(LUNG, case["terms"], "months" if name == "lung_interaction" else "days")
    new = pd.DataFrame(case["newdata"])
    found = profiles(made, new, times=case["times"])
    tidy = found.tidy()
    for column, theirs in (("estimate", "survival"), ("std_error", "std_error"), ("conf_low", "low"), ("conf_high", "high")):
        close(tidy[column].to_numpy().reshape(len(new), -1), [curve[theirs] for curve in case["curves"]])
    close(found.median()[["estimate", "conf_low", "conf_high"]], [curve["median"] for curve in case["curves"]])


def test_two_terms_by_hand(cohort, fit):
    """S(t) = exp(-H0(t) exp(b1 + b2)); the patients alike are counted one by one."""
    found = profiles(fit, times=[12, 36]).tidy()
    base = fit.baseline_hazard()
    b1, b2 = fit.coefficients
    for row in found.to_dict("records"):
        x = "Sarcopenia Yes" in row["group"] or "sarcopenia Yes" in row["group"], "extrahepatic_disease Yes" in row["group"]
        hazard = base.loc[base["time"] <= row["time"], "estimate"].iloc[-1]
        assert row["estimate"] == pytest.approx(np.exp(-hazard * np.exp(b1 * x[0] + b2 * x[1])), rel=1e-12)
        mine = (cohort["sarcopenia"] == ("Yes" if x[0] else "No")) & (cohort["extrahepatic_disease"] == ("Yes" if x[1] else "No"))
        tte = cohort.endpoint("os")
        assert row["n"] == mine.sum()
        assert row["n_event"] == (mine.to_numpy() & (tte.state > 0)).sum()
        assert row["n_risk"] == (tte.time >= row["time"]).sum()
    assert len(found) == 8
    assert found["n"].sum() == 2 * fit.n


def test_what_is_shown_when_nobody_said(cohort, fit, lung):
    assert profiles(fit, times=12).chosen == "every combination of levels"
    numbers = ["age", "ph.ecog", "wt.loss"]
    three = profiles(fit_of(LUNG, numbers), times=[365])
    assert three.names == ("Lowest risk", "Typical", "Highest risk")
    assert "commonest level" in three.chosen
    assert np.all(np.diff(three.tidy()["estimate"]) < 0)
    had = LUNG.dropna(subset=numbers)
    assert three.frame.loc["Typical"].tolist() == [had[name].quantile(0.5, "lower") for name in numbers]
    many = fit_of(LUNG.assign(centre=np.array(list("abcde"))[np.arange(len(LUNG)) % 5]), ["centre", "sex", "age"])
    assert set(profiles(many, times=[365]).frame.loc["Lowest risk"]) >= {"female"}
    levels = profiles(lung, times=[365])
    assert levels.chosen == "every combination of levels, numbers at their median"
    assert levels.frame.to_numpy().tolist() == [[63, "female", 1], [63, "male", 1]]
    two = profiles(fit_of(LUNG, ["age", "sex"]), times=[365])
    assert two.chosen == "every combination of levels, and of numbers at their quartiles and median"
    assert two.frame["age"].unique().tolist() == [56, 63, 69]
    asked = profiles(lung, times=[365], at={"age": [50, 70]})
    assert asked.chosen.startswith("age as asked; every combination of levels")
    assert asked.frame["age"].tolist() == [50, 50, 70, 70]
    with pytest.raises(EndpointError, match=r"names 82 profiles.*at most 40"):
        profiles(lung, times=[365], at={"age": list(range(40, 81)), "sex": ["male", "female"]})


def test_strata_are_one_more_column():
    made = fit_of(PBC, ["sex", "edema"], "time", strata="trt")
    found = profiles(made, times=[1826], at={"edema": ["0"]})
    assert found.frame[["sex", "trt"]].to_numpy().tolist() == [["f", "1"], ["f", "2"], ["m", "1"], ["m", "2"]]
    at_risk = PBC.dropna(subset=["trt"]).query("time >= 1826")["trt"].value_counts()
    assert found.tidy()["n_risk"].tolist() == [at_risk["1"], at_risk["2"]] * 2


def test_a_fine_gray_model_gives_cumulative_incidence_and_firth_survival():
    mela = pd.read_csv(HERE / "data" / "fine_gray_melanoma.csv")
    tte = haip.TimeToEvent.from_frame(mela, time="days", state="state", states=["Melanoma", "Other"], unit="days")
    x = haip.design(mela, ["sex", "ulcer"])
    made = haip.fine_gray(tte, x, cause="Melanoma", se="finegray")
    found = profiles(made, times=[1826])
    risk = made.predict_risk(found.frame, [1826])
    assert found.measure == "risk"
    np.testing.assert_allclose(found.tidy()[["estimate", "conf_low", "conf_high"]], risk[["estimate", "conf_low", "conf_high"]])
    assert found.median()["estimate"].isna().all()
    crr = profiles(haip.fine_gray(tte, x, cause="Melanoma"), times=[1826])
    assert crr.tidy()["conf_low"].isna().all()
    assert any("finegray" in warning for warning in crr.warnings)
    read = nomogram(made, times=[1826])
    np.testing.assert_allclose(read.totals(read.total_points(found.frame).to_numpy())["estimate"], risk["estimate"])
    assert read.medians()["estimate"].isna().all()
    with pytest.raises(EndpointError, match=r"Fit fine_gray"):
        profiles(haip.cox(tte, x, cause="Melanoma"), times=[1826])
    firth = fit_of(LUNG, ["sex"], penalty="firth")
    np.testing.assert_allclose(profiles(firth, times=[365]).tidy()["estimate"], 1 - firth.predict_risk(pd.DataFrame({"sex": ["female", "male"]}), [365])["estimate"])


def test_limits_are_as_wide_as_asked(fit):
    wide, narrow = (profiles(fit, times=[24], conf_level=level).tidy() for level in (0.99, 0.8))
    assert ((wide["conf_low"] < narrow["conf_low"]) & (wide["conf_high"] > narrow["conf_high"])).all()
    assert profiles(fit, times=[24], conf_level=0.95).tidy().equals(profiles(fit, times=[24]).tidy())


def test_late_times_and_absent_patients_are_said(lung):
    late = profiles(lung, times=[365, 900])
    assert late.tidy()["few"].tolist() == [False, True] * 2
    assert any(warning.startswith("At 900 days fewer than 5 patients") for warning in late.warnings)
    frame = LUNG.assign(level=np.where(LUNG["sex"] == "male", LUNG["ph.ecog"].clip(upper=1), 0)).dropna(subset=["level"])
    frame["level"] = frame["level"].map({0: "low", 1: "high"})
    found = profiles(fit_of(frame, ["sex", "level"]), times=[365])
    assert found.tidy()["n"].tolist().count(0) == 1
    assert any(warning.startswith("Nobody analysed has the levels of 1 profile (sex female, level high)") for warning in found.warnings)
    young = profiles(lung, pd.DataFrame({"age": [39.0], "sex": ["male"], "ph.ecog": [1.0]}, index=["Young"]), times=[365])
    assert young.names == ("Young",)
    assert fit_of(LUNG, ["age", "sex", "ph.ecog"]).n == 227


def test_what_it_was_built_on_is_said(cohort, fit):
    said = profiles(fit, times=[36], labels=cohort, validation=(0.62, 0.58)).built_on
    assert said.patients.startswith("Made from 34 patients, 21 events (Death), setting unresectable; Overall survival, months since pump placement; median follow-up")
    assert "0.62 in the patients it was made from, 0.58 corrected for optimism" in said.performance
    assert said.caution.startswith("The patients are invented.")
    assert said.few == ""
    assert "no promise" in said.sentences[-1]
    frame = cohort.frame
    four = haip.cox(cohort.endpoint("os"), haip.design(frame, ["sarcopenia", "extrahepatic_disease", "age", "sex"], missing="complete-case"))
    assert "21 events for 4 coefficients (5.2 each" in profiles(four, times=[36]).built_on.few
    assert "DEMO-0" not in repr(profiles(four, times=[36]))


def test_the_validation_is_that_of_this_model(cohort, fit):
    terms = ["sarcopenia", "extrahepatic_disease"]
    models = {"both": cox_model(terms), "one": cox_model(["sarcopenia"])}
    checked = validate(cohort.endpoint("os"), cohort.frame, models, times=[36], replicates=20, rng=1)
    row = checked.tidy().query("model == 'both' and measure == \"Harrell's C\"").iloc[0]
    said = profiles(fit, times=[36], validation=checked).built_on.performance
    assert f"{row['apparent']:.2f} in the patients it was made from, {row['estimate']:.2f} corrected for optimism (bootstrap, 20 resamples)" in said
    other = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, ["sarcopenia", "age"]))
    with pytest.raises(EndpointError, match=r"None of the models validated is this fit \(34 patients, 21 events"):
        nomogram(other, times=[36], validation=checked)
    assert "by hand." in profiles(fit, times=[36], validation="Validated by hand").built_on.performance


def test_the_setting_is_that_of_the_patients_analysed(fit):
    assert "setting unresectable;" in profiles(fit, times=[36], labels=haip.demo_cohort()).built_on.patients
    stranger = fit_of(LUNG.set_axis(LUNG.index + 1000), ["age"])
    assert "setting" not in profiles(stranger, times=[365], labels={"age": "Age, years"}).built_on.patients


def test_true_and_false_delayed_entry_and_weights():
    frame = LUNG.assign(old=LUNG["age"] > 65, entry=np.minimum(LUNG["days"] / 2, 60))
    tte = haip.TimeToEvent.from_frame(frame, time="days", entry="entry", state="dead", states=["Death"], unit="days")
    made = haip.cox(tte, haip.design(frame, ["old", "sex"]), weights=frame["share"])
    found = profiles(made, times=[365])
    assert found.frame["old"].tolist() == ["False", "False", "True", "True"]
    np.testing.assert_allclose(found.tidy()["estimate"], 1 - made.predict_risk(found.frame, [365])["estimate"])
    assert found.tidy()["n"].sum() == len(frame)
    assert found.tidy()["n_risk"].iloc[0] == ((frame["entry"] < 365) & (frame["days"] >= 365)).sum()
    assert nomogram(made, times=[365]).tidy()["level"].tolist() == ["False", "True", "female", "male"]


# -- nomograms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NOMOGRAMS)
def test_nomograms_equal_rms(name):
    case = NOMOGRAMS[name]
    terms = [haip.spline("age", knots=[48, 59, 66, 75]) if name == "spline" and term == "age" else term for term in case["terms"]]
    at = {column: values for column, values in case["values"].items() if column != "sex"}
    fine = name == "spline" and at["age"]
    if fine:
        at["age"] = [fine[0], fine[-1]]
    found = nomogram(fit_of(LUNG, terms), times=case["times"], at=at)
    by_name = {f"{r.term} ({', '.join(f'{k}={v}' for k, v in r.given.items())})" if r.given else r.term: r for r in found.rulers}
    assert set(by_name) == {ruler["name"] for ruler in case["rulers"]}
    for ruler in case["rulers"]:
        ours = by_name[ruler["name"]]
        if ruler["name"] == "age" and fine:
            close(ours.fine_points, ruler["points"])
        else:
            assert [v if isinstance(v, str) else f"{v:g}" for v in ours.values] == ruler["values"]
            close(ours.points, ruler["points"])
    total, score, survival = np.array(case["total"]), np.array(case["linear_predictor"]), np.array(case["survival"])
    inside = (total >= found.least) & (total <= found.most)
    assert inside.sum() >= 5
    read = found.totals(total[inside])
    close(read["estimate"].to_numpy().reshape(-1, len(case["times"])), survival[inside])
    apart = read["linear_predictor"].to_numpy()[:: len(case["times"])] - score[inside]  # R is relative to another patient
    np.testing.assert_allclose(apart, apart[0], atol=1e-9)


def test_a_nomogram_by_hand(fit):
    found = nomogram(fit, times=[12, 36])
    b1, b2 = fit.coefficients
    assert found.tidy()["points"].tolist() == pytest.approx([0, 100, 0, 100 * b2 / b1])
    assert (found.least, found.most) == pytest.approx((0, 100 * (1 + b2 / b1)))
    assert found.marks.tolist() == pytest.approx([0, 100 * b2 / b1, 100, 100 * (1 + b2 / b1)])


def test_reading_a_nomogram_gives_what_the_model_predicts(fit, lung):
    """Points added up, then the total read: the survival of `profiles`; also its limits where a total has one meaning."""
    alone = profiles(fit, times=[12, 36])
    read = nomogram(fit, times=[12, 36])
    totals = read.totals(read.total_points(alone.frame).to_numpy())
    np.testing.assert_allclose(totals[["estimate", "conf_low", "conf_high", "std_error"]], alone.tidy()[["estimate", "conf_low", "conf_high", "std_error"]], rtol=1e-9)
    np.testing.assert_allclose(read.medians()["estimate"].sort_values(), alone.median()["estimate"].sort_values())
    for terms in (["age", "sex", "ph.ecog"], [haip.spline("age", knots=4), "sex*wt.loss"]):
        made = fit_of(LUNG, terms)
        read = nomogram(made, times=[180, 365])
        some = LUNG.dropna(subset=["ph.ecog", "wt.loss"]).iloc[::11]
        totals = read.totals(np.clip(read.total_points(some), read.least, read.most))
        np.testing.assert_allclose(totals["estimate"], 1 - made.predict_risk(some, [180, 365])["estimate"], rtol=1e-9)
        at = read.points_of_survival(0.4, 365)
        assert read.totals(at)["estimate"].iloc[1] == pytest.approx(0.4)


def test_limits_of_a_total_are_those_of_the_typical_patient_with_it():
    """Each covariate regressed on the linear predictor by least squares, and the patient on these lines predicted by the model."""
    made = fit_of(LUNG, ["age", "wt.loss", "ph.karno"])
    read = nomogram(made, times=[180, 365])
    totals = read.totals()
    score = totals["linear_predictor"].to_numpy()[::2]
    lines = {name: np.polyfit(made.linear_predictor, made.design.matrix[:, j], 1) for j, name in enumerate(made.design.terms)}
    typical = pd.DataFrame({name: np.polyval(line, score) for name, line in lines.items()})
    risk = made.predict_risk(typical, [180, 365])
    np.testing.assert_allclose(totals["estimate"], 1 - risk["estimate"], rtol=1e-9)
    np.testing.assert_allclose(totals["conf_low"], 1 - risk["conf_high"], rtol=1e-9)
    np.testing.assert_allclose(totals["conf_high"], 1 - risk["conf_low"], rtol=1e-9)


def test_a_ruler_that_turns_is_cut_where_it_turns():
    found = nomogram(fit_of(LUNG, [haip.spline("age", knots=4), "sex"]), times=[365])
    age = next(ruler for ruler in found.rulers if ruler.term == "age")
    parts = age.branches()
    assert len(parts) > 1
    for (_, before), (_, after) in pairwise(parts):
        assert before[-1] == after[0]
    assert all(abs(np.sign(np.diff(worth)).sum()) == len(worth) - 1 for _, worth in parts)


def test_points_are_scaled_and_never_negative(lung):
    ten = nomogram(lung, times=[365], points=10)
    assert ten.tidy()["points"].max() == pytest.approx(10)
    assert ten.tidy()["points"].min() == 0
    assert ten.tidy().query("term == 'age'")["value"].tolist() == [39, 40, 50, 60, 70, 80, 82]


def test_few_events_warn_or_refuse(cohort):
    four = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, ["sarcopenia", "extrahepatic_disease", "age", "sex"], missing="complete-case"))
    assert nomogram(four, times=[36]).warnings[0].startswith("21 events for 4 coefficients (5.2 each")
    terms = ["sarcopenia", "extrahepatic_disease", "age", "sex", "bmi"]
    five = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, terms, missing="complete-case"))
    with pytest.raises(EndpointError, match=r"21 events can't carry a nomogram of 5 coefficients \(4\.2 each; at least 5 are needed"):
        nomogram(five, times=[36])


# -- what is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "says"), [
    ({"age": [150.0]}, r'"age" is 150 in the profiles, and those analysed were 39 to 82'),
    ({"sex": ["other"]}, r'"sex" is "other".*nobody in the fit was'),
    ({"age": [np.nan]}, r'"age" is missing'),
    ({"sex": None, "age": None}, r"lack the columns age and sex"),
    ({"sex": ["other"], "age": [3.0], "ph.ecog": None}, r"3 reasons not to predict.*lack the column ph\.ecog.*other.*39 to 82"),
])  # fmt: skip
def test_profiles_the_data_do_not_hold(lung, change, says):
    row = {"age": [60.0], "sex": ["male"], "ph.ecog": [1.0]} | change
    with pytest.raises(EndpointError, match=says):
        profiles(lung, pd.DataFrame({name: values for name, values in row.items() if values is not None}), times=[365])


@pytest.mark.parametrize("verb", [profiles, nomogram])
def test_times_and_fits_that_nothing_can_be_predicted_from(verb, lung, cohort):
    for times, says in ((0, "after time zero"), (-5, "at or after zero"), ("year", "must be numbers"), (1500, r"followed beyond 1022 days, and 1500 was asked for: choose times up to")):
        with pytest.raises(EndpointError, match=says):
            verb(lung, times=times)
    with pytest.raises(EndpointError, match=r"takes a fit of cox or fine_gray.*this is a str"):
        verb("fit", times=[1])
    with pytest.raises(EndpointError, match=r"factors\(\.\.\.\)\.multivariable"):
        verb(haip.factors(cohort, "os", ["sarcopenia"]), times=[12])
    frame = LUNG.assign(o=0.1)
    tte = haip.TimeToEvent.from_frame(frame, time="days", state="dead", states=["Death"])
    with pytest.raises(EndpointError, match="offset"):
        verb(haip.cox(tte, haip.design(frame, ["age"]), offset=frame["o"]), times=[300])
    cgd = pd.read_csv(HERE / "data" / "curves_cgd.csv")
    several = haip.TimeToEvent.from_frame(cgd, time="tstop", entry="tstart", state="status", states=["Infection"], id="id")
    with pytest.raises(EndpointError, match=r"several rows a patient.*landmark"):
        verb(haip.cox(several, haip.design(cgd, ["treat"])), times=[300])
    with pytest.raises(EndpointError, match="labels is a mapping"):
        verb(lung, times=[300], labels=3)
    with pytest.raises(EndpointError, match="pair of Harrell's C"):
        verb(lung, times=[300], validation=0.6)


def test_strata_must_have_a_name_and_be_known():
    frame = PBC.dropna(subset=["trt"])
    tte = haip.TimeToEvent.from_frame(frame, time="time", state="dead", states=["Death"])
    with pytest.raises(EndpointError, match="strata have no name"):
        profiles(haip.cox(tte, haip.design(frame, ["sex"]), strata=frame["trt"].to_numpy()), times=[1826])
    made = haip.cox(tte, haip.design(frame, ["sex"]), strata=frame["trt"])
    with pytest.raises(EndpointError, match=r'"trt" is 7, and the strata of the fit are 1 and 2'):
        profiles(made, pd.DataFrame({"sex": ["f"], "trt": [7]}), times=[1826])
    with pytest.raises(EndpointError, match="lack the column trt"):
        profiles(made, pd.DataFrame({"sex": ["f"]}), times=[1826])
    with pytest.raises(EndpointError, match=r"at names \"sx\".*sex"):
        profiles(made, times=[1826], at={"sx": ["f"]})
    with pytest.raises(EndpointError, match="not both"):
        profiles(made, pd.DataFrame({"sex": ["f"], "trt": [1]}), times=[1826], at={"sex": ["f"]})
    assert profiles(made, pd.DataFrame({"sex": ["f"], "trt": [1.0]}), times=[1826]).tidy()["estimate"].notna().all()


def test_pooled_imputations_have_no_baseline():
    fits = [fit_of(LUNG.assign(age=LUNG["age"] + shift), ["age", "sex"]) for shift in (0.0, 1.0)]
    with pytest.raises(EndpointError, match="pooled imputations have none"):
        profiles(haip.pool(fits), times=[365])


def test_nomograms_that_can_not_be_drawn():
    strata = fit_of(PBC, ["sex", "bili"], "time", strata="trt")
    with pytest.raises(EndpointError, match=r"stratified by trt.*stratum='1'"):
        nomogram(strata, times=[1826])
    with pytest.raises(EndpointError, match="Known: 1, 2"):
        nomogram(strata, times=[1826], stratum="9")
    one, two = (nomogram(strata, times=[1826], stratum=name).totals([50])["estimate"].iloc[0] for name in ("1", "2"))
    assert one != two
    with pytest.raises(EndpointError, match=r"age and wt\.loss interact.*profiles"):
        nomogram(fit_of(LUNG, ["age*wt.loss"]), times=[365])
    lung = fit_of(LUNG, ["age", "sex"])
    with pytest.raises(EndpointError, match="Nobody had the event by 2 days"):
        nomogram(lung, times=[2])
    with pytest.raises(EndpointError, match="would go to 95"):
        nomogram(lung, times=[365], at={"age": [40, 95]})
    with pytest.raises(EndpointError, match="leave it out of at"):
        nomogram(lung, times=[365], at={"sex": ["male"]})
    with pytest.raises(EndpointError, match="nothing is known outside"):
        nomogram(lung, times=[365]).totals([500])
    with pytest.raises(EndpointError, match="no strata"):
        nomogram(lung, times=[365], stratum="1")
    with pytest.raises(EndpointError, match="above 0"):
        nomogram(lung, times=[365], points=0)
    with pytest.raises(EndpointError, match="nothing to draw"):
        nomogram(replace(lung, coefficients=np.zeros(2)), times=[365])
