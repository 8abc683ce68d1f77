"""Reference models: expected events against R's coxph and glm, against brute force, and every way in which one can't be used."""

import json
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from case_mix_cohorts import DAY, REFERENCE, R, birth, births, close, lung
from methods_examples import dataset, example

import haip_outcomes as haip
from haip_outcomes.benchmark.case_mix.baseline_steps import BaselineSteps
from haip_outcomes.benchmark.case_mix.expected_events import Expected, total_limits
from haip_outcomes.benchmark.case_mix.logistic import fit_logistic
from haip_outcomes.benchmark.case_mix.reference_models import ReferenceModel, reference_model
from haip_outcomes.errors import EndpointError, FitError, PlanError, SeparationError

MODELS = {
    "cox_plain": (["age", "sex", "ecog"], False, None),
    "cox_entry": (["age", "sex"], True, None),
    "cox_spline": ([haip.spline("age", knots=[50, 60, 70]), "sex"], False, None),
    "cox_horizon": (["age", "sex"], False, 365 * DAY),
}


@pytest.mark.parametrize("name", MODELS)
def test_expected_events_are_those_of_predict_coxph(name):
    terms, entry, horizon = MODELS[name]
    wanted = R[name]
    model = reference_model(lung("learn", entry=entry), "os", terms, horizon=horizon, penalty=None)
    close(model.coefficients, wanted["coefficients"])
    close(model.covariance, wanted["covariance"])
    assert (model.n, model.n_event) == (wanted["n"], wanted["n_event"])
    new = lung("new", entry=entry)
    found = model.expected(new, by=np.arange(len(new)))  # every patient a group: its Var(E) is R's squared standard error
    # nobody is expected beyond the last time that the model knows; R goes on with the last step, which is the same
    close(found.each["expected"], wanted["expected"])
    assert found.each["observed"].tolist() == wanted["observed"]
    variance = [found.variance[group] for group in found.each["group"]]
    close(variance, np.square(wanted["std_error"]))
    whole = model.expected(new)
    assert whole.glance().loc[0, "n_event"] == sum(wanted["observed"])
    close([whole.tidy().loc[0, "n_expected"]], [sum(wanted["expected"])])


def test_variance_of_a_group_is_that_of_all_pairs_of_its_patients():
    model, new = reference_model(lung("learn", entry=True), "os", ["age", "sex"]), lung("new", entry=True)
    tte = new.endpoint("os")
    x = model.coding.encode(new.frame) - model.means
    r, b = np.exp(x @ model.coefficients), model.baseline
    spread, jump, drift = np.diff(b.variance, prepend=0), np.diff(b.hazard, prepend=0), np.diff(b.drift, axis=0, prepend=0)
    through = (tte.entry[:, None] < b.time[None, :] - 1e-9) & (b.time[None, :] <= tte.time[:, None] + 1e-9)
    d = x * (through @ jump)[:, None] - through @ drift
    pairs = np.outer(r, r) * ((through * spread) @ through.T + d @ model.covariance @ d.T)
    close([model.expected(new).variance[""]], [pairs.sum()])
    women = (new["sex"] == "female").to_numpy()
    close([model.expected(new, by="sex").variance["female"]], [pairs[np.ix_(women, women)].sum()])


def test_probabilities_are_those_of_glm():
    rows, wanted = births(), R["glm"]
    model = reference_model(birth(rows[rows["half"] == "learn"]), "low", ["age", "weight", "race", "smoke"], penalty=None)
    close(model.coefficients, wanted["coefficients"])
    close(model.covariance, wanted["covariance"])
    found = model.expected(birth(rows[rows["half"] == "new"], "Others"))
    close(found.each["expected"], wanted["expected"])
    close([found.variance[""]], [wanted["variance"]])
    p = np.array(wanted["expected"])
    o, e = found.each["observed"].sum(), p.sum()
    z = (o - e) / np.sqrt((p * (1 - p)).sum() + wanted["variance"])
    close([found.tidy().loc[0, "total_p_value"]], [2 * (1 - NormalDist().cdf(abs(z)))])


@pytest.mark.parametrize("name", ["firth", "firth_empty"])
def test_firth_is_that_of_brglm2_with_the_intercept_corrected(name):
    rows, wanted = births(), R[name]
    learn = rows[rows["half"] == "learn"] if name == "firth" else rows.loc[wanted["rows"]]
    terms = ["age", "weight", "race", "smoke"] if name == "firth" else ["weight", "race"]
    model = reference_model(birth(learn), "low", terms)  # under 10 events a coefficient, or a level without any: the penalty by itself
    assert model.penalty == "firth"
    close(model.coefficients, wanted["coefficients"])
    close(model.coefficients[1:], wanted["firth"][1:])
    found = model.expected(birth(rows[rows["half"] == "new"], "Others"))
    close(found.each["expected"], wanted["expected"])
    x = model.coding.encode(birth(learn).frame)
    fit = fit_logistic(x, (learn["low"] == 1).to_numpy(dtype=float), penalty="firth")
    close([fit.log_likelihood], [wanted["penalised_log_likelihood"]])
    if name == "firth_empty":
        with pytest.raises(SeparationError, match="runs off to infinity"):
            reference_model(birth(learn), "low", terms, penalty=None)


def test_firth_gives_the_published_values_of_the_endometrial_cancer_study():
    """Heinze and Schemper 2002: neovascularisation separates; brglm2's manual prints 3.77, 2.93, -0.03 and -2.60."""
    patients, wanted = pd.read_csv(REFERENCE / "data" / "case_mix_endometrial.csv"), R["endometrial"]
    fit = fit_logistic(patients[["NV", "PI", "EH"]].to_numpy(dtype=float), patients["HG"].to_numpy(dtype=float), penalty="firth")
    close(fit.coefficients, wanted["coefficients"])
    assert np.round(wanted["firth"], 2).tolist() == [3.77, 2.93, -0.03, -2.6]
    with pytest.raises(SeparationError, match="one of NV, PI, EH"):
        fit_logistic(patients[["NV", "PI", "EH"]].to_numpy(dtype=float), patients["HG"].to_numpy(dtype=float), names=["NV", "PI", "EH"])


def test_a_model_expects_what_was_observed_where_it_comes_from_and_says_so():
    for penalty in (None, "firth"):
        cohort = lung("learn", entry=True).where(~lung("learn").frame[["death", "last"]].duplicated().to_numpy(), because="a test: no ties")
        found = reference_model(cohort, "os", ["age", "sex"], penalty=penalty).expected(cohort)
        row = found.tidy().loc[0]
        assert row["n_expected"] == pytest.approx(row["n_event"], rel=1e-12)
        assert found.same_patients
        assert np.isnan(row["total_low"])
        assert "made from" in " ".join(found.notes)
    rows = births()
    found = reference_model(birth(rows), "low", ["age", "race"], penalty="firth").expected(birth(rows))
    assert found.tidy().loc[0, "n_expected"] == pytest.approx(found.tidy().loc[0, "n_event"], rel=1e-12)


def test_heavily_tied_times_are_told():
    """Efron's baseline at whole months expects more than was seen: deaths of a month count as followed through all of it."""
    cohort = lung("learn")
    model = reference_model(cohort, "os", ["age", "sex"])
    e = model.expected(cohort).glance().loc[0, "n_expected"]
    assert e > 1.03 * model.n_event
    assert f"expects {e:.1f} events of its own patients" in model.method


@pytest.mark.parametrize("name", ["m07_known_weibull", "m07_landmarks_pwe", "m07_nelson_aalen", "m07_weibull_ml", "m07_median_only"])
def test_intervals_of_observed_over_expected_are_those_of_the_notes(name):
    given, wanted = example(name)
    assert dataset(given["dataset"]).shape[0] == 90
    o, e, v = wanted["O"], wanted["E"], wanted.get("var_E", 0.0)
    each = pd.DataFrame({"observed": [1] * o + [0] * 10, "expected": e / (o + 10), "group": None})
    row = Expected(each, (), {"": v}, {"": e}, True, False, 0.95, (), "").tidy().loc[0]
    close([row["estimate"]], [wanted["ratio"]])
    close(row[["conf_low", "conf_high"]], wanted["exact_poisson"])
    close(row[["mid_p_low", "mid_p_high"]], wanted["midp_poisson"])
    if v:
        close(row[["total_low", "total_high", "std_error"]], [*wanted["ratio_interval_corrected"], wanted["se_log_ratio"]])
        close([row["total_p_value"]], [wanted["p_corrected"]])
    else:
        close([row["total_p_value"]], [wanted["p_wu"]])


def test_without_events_the_upper_limit_is_exact_and_grows_with_the_uncertainty():
    assert total_limits(0, 3.0, 0.0, 0.95) == (0.0, pytest.approx(np.log(40) / 3))
    assert total_limits(0, 3.0, 1e-7, 0.95)[1] == pytest.approx(np.log(40) / 3, rel=1e-6)
    assert total_limits(0, 3.0, 2.0, 0.95)[1] > np.log(40) / 3


def test_limits_with_the_models_uncertainty_cover_where_exact_ones_do_not():
    """60 new patients against a model of 60, 600 times: the truth is O/E = 1."""
    rng = np.random.default_rng(5)
    exact = total = 0
    for _ in range(600):
        time, other = (rng.uniform(1, 40, 60) for _ in range(2))
        dead, died = (rng.random(60) < 0.6 for _ in range(2))  # the same hazard in both
        steps = np.sort(time[dead])
        at_risk = np.array([(time >= step).sum() for step in steps])
        base = BaselineSteps(steps, np.cumsum(1 / at_risk), np.cumsum(1 / at_risk**2), np.zeros((len(steps), 1)))
        each, variance = base.expected(np.zeros((60, 1)), np.ones(60), np.full(60, -np.inf), other, np.zeros((1, 1)), np.zeros(60, dtype=int), 1)
        frame = pd.DataFrame({"observed": died.astype(int), "expected": each, "group": None})
        row = Expected(frame, (), {"": float(variance[0])}, {"": float(each.sum())}, True, False, 0.95, (), "").tidy().loc[0]
        exact += row["conf_low"] <= 1 <= row["conf_high"]
        total += row["total_low"] <= 1 <= row["total_high"]
    assert total / 600 > 0.93
    assert exact / 600 < 0.9


def test_a_saved_model_expects_the_same_digit_for_digit(tmp_path):
    new = lung("new")
    model = reference_model(lung("learn"), "os", [haip.spline("age", knots=[50, 60, 70]), "sex", "sex:ecog", "ecog"], name="Lung")
    again = ReferenceModel.load(model.save(tmp_path / "deep" / "model.json"))
    a, b = model.expected(new, by="sex"), again.expected(new, by="sex")
    assert (a.each["expected"] == b.each["expected"]).all()
    assert a.variance == b.variance
    assert (again.tidy() == model.tidy()).all(axis=None) or again.tidy().equals(model.tidy())
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model.json"]
    rows = births()
    yes_no = reference_model(birth(rows[rows["half"] == "learn"]), "low", ["age", "race"])
    other = birth(rows[rows["half"] == "new"], "Others")
    assert ReferenceModel.load(yes_no.save(tmp_path / "b.json")).expected(other).each.equals(yes_no.expected(other).each)


def test_a_file_holds_no_patient_and_no_small_count(tmp_path):
    cohort = lung("learn")
    gaps = cohort.frame["ecog"].mask(np.arange(len(cohort)) < 3)
    model = reference_model(lung("learn", ecog=gaps.to_numpy()), "os", ["age", "ecog"])
    assert "3 without ecog" in model.method
    text = model.save(tmp_path / "m.json").read_text(encoding="utf-8")
    assert "without" not in text
    content = json.loads(model.save(tmp_path / "s.json", share=True).read_text(encoding="utf-8"))
    steps = content["baseline"]
    assert all(float(time).is_integer() for time in steps["time"])
    assert content["horizon"] == steps["time"][-1]
    tte = cohort.endpoint("os").take(np.arange(3, len(cohort)))
    counts = np.histogram(tte.time[tte.state > 0], bins=[0.0, *(t + 1e-9 for t in steps["time"])])[0]
    assert counts.min() >= 5
    ages = np.sort(cohort.frame["age"].to_numpy()[3:])
    assert content["variables"][0]["range"] == [ages[4], ages[-5]]
    shared = ReferenceModel.load(tmp_path / "s.json")
    new = lung("new")
    before, after = (one.expected(new).tidy().loc[0] for one in (model, shared))
    assert after["n_expected"] == pytest.approx(before["n_expected"], rel=0.1)
    with pytest.raises(EndpointError, match="no longer knows its events"):
        ReferenceModel.load(tmp_path / "m.json").save(tmp_path / "t.json", share=True)
    assert shared.shared() is shared


def test_lines_between_knots_are_a_piecewise_constant_hazard():
    lines = BaselineSteps(np.array([2.0, 4.0]), np.array([0.2, 1.0]), np.array([0.01, 0.05]), np.array([[0.1], [0.3]]), "lines")
    each, var = lines.expected(np.array([[1.0], [0.0]]), np.array([2.0, 1.0]), np.array([0.0, 1.0]), np.array([3.0, 9.0]), np.eye(1) * 0.25, np.zeros(2, int), 1)
    close(each, [2 * 0.6, 0.9])
    through = np.array([2 * 1 + 0.5, 2 * 0.5 + 1])
    d = 2 * (1 * 0.6 - 0.2) + (0 - (0.3 - 0.05))
    close(var, [through**2 @ [0.01, 0.04] + d * d * 0.25])


def test_follow_up_beyond_the_model_is_cut_and_told():
    model = reference_model(lung("learn"), "os", ["age", "sex"], horizon=12)
    new = lung("new")
    found = model.expected(new)
    tte = new.endpoint("os")
    late = tte.time > 12 + 1e-9
    assert found.tidy().loc[0, "n_event"] == ((tte.state > 0) & ~late).sum()
    assert f"{late.sum()} patients followed beyond 12 months" in found.notes[0]
    assert f"{(tte.state[late] > 0).sum()} later events not counted" in found.notes[0]


def test_patients_outside_the_models_range_are_counted():
    new = lung("new")
    model = reference_model(lung("learn"), "os", ["age", "sex"])
    low, high = model.ranges["age"]
    outside = ((new["age"] < low) | (new["age"] > high)).sum()
    assert any(f"{outside} patient" in note and "age" in note for note in model.expected(new).notes)


def test_competing_events_need_a_cause():
    cohort = haip.demo_cohort().setting("unresectable")
    with pytest.raises(EndpointError, match="cause"):
        reference_model(cohort, "liver", ["sarcopenia"])
    model = reference_model(cohort, "liver", ["sarcopenia"], cause="Liver")
    assert "Death censored" in model.method
    assert model.expected(cohort).tidy().loc[0, "n_expected"] == pytest.approx(model.n_event)


def test_what_the_centre_lacks_is_named_all_at_once():
    model = reference_model(lung("learn"), "os", ["age", "sex", "ecog"])
    other = lung("new", sex=pd.Categorical(["other", *(["male"] * (len(lung("new")) - 1))], categories=["female", "male", "other"]))
    frame = other.frame.drop(columns="ecog")
    frame.loc[5, "age"] = np.nan
    with pytest.raises(EndpointError) as error:
        model.expected(replace(other, frame=frame))
    for words in ('"age" is missing in 1 row (index 5)', '"sex" is "other" in 1 row (index 2)', 'no column "ecog"', "Nothing is guessed"):
        assert words in str(error.value)
    frame = lung("new").frame.copy()
    frame.loc[[5, 6], "age"] = np.nan
    found = model.expected(replace(lung("new"), frame=frame), missing="complete-case")
    assert len(found.each) == len(frame) - 2
    assert "2 patients left out without age." in found.notes


def test_other_settings_time_zeros_units_and_names_are_refused():
    model = reference_model(lung("learn"), "os", ["age"])
    new = lung("new")
    with pytest.raises(EndpointError, match="of unresectable patients, and this cohort has adjuvant ones"):
        model.expected(haip.demo_cohort().setting("adjuvant"))
    with pytest.raises(EndpointError, match='counts from "pump placement", and this cohort from "diagnosis"'):
        model.expected(new, outcome="since_diagnosis")
    assert model.expected(new, outcome="since_diagnosis", same_time_zero=True).tidy().loc[0, "n"] == len(new)
    with pytest.raises(EndpointError, match=r'no endpoint "oss"\. Did you mean "os"'):
        model.expected(new, outcome="oss")
    with pytest.raises(EndpointError, match="by must be"):
        model.expected(new, by=[1, 2])
    with pytest.raises(EndpointError, match="by is missing for 1 row"):
        model.expected(new, by=pd.Series([None, *["a"] * (len(new) - 1)], index=new.frame.index))
    with pytest.raises(EndpointError, match="missing must be"):
        model.expected(new, missing="guess")
    with pytest.raises(EndpointError, match="expected takes a Cohort"):
        model.expected(new.frame)


def test_models_that_cannot_be_made_are_refused():
    cohort = lung("learn")
    with pytest.raises(EndpointError, match='no endpoint or \\[programme\\] entry "oz"'):
        reference_model(cohort, "oz", ["age"])
    with pytest.raises(EndpointError, match="Nobody is followed to 500 months"):
        reference_model(cohort, "os", ["age"], horizon=500)
    with pytest.raises(EndpointError, match="penalty must be"):
        reference_model(cohort, "os", ["age"], penalty="lasso")
    with pytest.raises(FitError, match="too few for a reference model"):
        reference_model(cohort.where(np.arange(len(cohort)) < 4, because="a test"), "os", ["age"])
    with pytest.raises(EndpointError, match="time between two dates"):
        reference_model(haip.demo_cohort(), "time_to_first_cycle", ["age"])
    with pytest.raises(EndpointError, match="leave it out"):
        reference_model(haip.demo_cohort(), "postop_complication", ["age"], horizon=12)


def test_a_broken_file_tells_all_its_problems(tmp_path):
    path = reference_model(lung("learn"), "os", ["age", "sex"]).save(tmp_path / "m.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    broken = json.loads(json.dumps(content))
    broken["baseline"]["hazard"][3] = 0.0
    broken["covariance"][0][1] = 7.0
    broken["means"] = [1.0]
    broken["variables"][1]["reference"] = "male"
    path.write_text(json.dumps(broken), encoding="utf-8")
    with pytest.raises(PlanError) as error:
        ReferenceModel.load(path)
    text = str(error.value)
    for words in ("baseline.hazard: it is cumulative and can't fall", "means: 1 where the terms have 2", "covariance: it must be symmetric", '"sex" needs a reference and other levels'):
        assert words in text
    for change, words in (({"version": 2}, "version 2"), ({"format": "x"}, "is not a reference model"), ({"n_event": 3}, "n_event"), ({"n": "many", "unit": 5}, "2 problems"),
                          ({"secret": 1}, "secret"), ({"horizon": 1}, "horizon"), ({"settings": []}, "settings"), ({"baseline": None}, "a hazard has one")):  # fmt: skip
        path.write_text(json.dumps(content | change), encoding="utf-8")
        with pytest.raises(PlanError, match=words):
            ReferenceModel.load(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(PlanError, match="can't be read as JSON"):
        ReferenceModel.load(path)
    with pytest.raises(PlanError, match="There is no reference model"):
        ReferenceModel.load(tmp_path / "none.json")


def test_it_says_what_it_is():
    model = reference_model(lung("learn"), "os", ["age", "sex"], name="Lung", source="R survival")
    assert repr(model).startswith("ReferenceModel Lung: Cox, Efron ties, of Age and Sex;")
    assert "since pump placement" in repr(model)
    assert model.glance().loc[0, "source"] == "R survival"
    assert model.tidy(exponentiate=True)["term"].tolist() == ["age", "sex"]
    found = model.expected(lung("new"), by="sex")
    assert found.tidy()["group"].tolist() == ["female", "male"]
    assert found.sentences[0].startswith("female: ")
    assert "exact Poisson limits" in found.method
    assert "<table" in found._repr_html_()
    assert "<table" in model._repr_html_()


# --- whose patients they are, what a file may hold, and what is refused -------------------------------------------------


def test_the_models_own_patients_are_known_by_what_is_expected_of_them():
    """Name, patients and events alone do not tell: age in months, or another centre with the same plan, have them too."""
    cohort = lung("learn")
    model = reference_model(cohort, "os", ["age", "sex"])
    own = model.expected(cohort)
    assert own.same_patients
    assert any("outside age" in note for note in own.notes)
    months = model.expected(lung("learn", age=cohort.frame["age"].to_numpy() * 12))
    other = model.expected(lung("learn", age=np.random.default_rng(1).permutation(cohort.frame["age"].to_numpy())))  # as many patients and events
    for found in (months, other):
        assert not found.same_patients
        assert np.isfinite(found.tidy().loc[0, "total_high"])
        assert not any("These are the patients" in note for note in found.notes)
        assert any("a cohort of this name" in note for note in found.notes)
    assert any(f"{len(cohort)} patients outside age" in note for note in months.notes)


def test_a_shared_model_knows_its_own_patients_too(tmp_path):
    for entry in (False, True):
        cohort = lung("learn", entry=entry)
        model = reference_model(cohort, "os", ["age", "sex"])
        shared = ReferenceModel.load(model.save(tmp_path / "shared.json", share=True))
        found = shared.expected(cohort)
        row = found.tidy().loc[0]
        assert found.same_patients
        assert row["n_expected"] == pytest.approx(shared.n_expected, rel=1e-9)
        assert shared.n_expected != model.n_expected
        assert (row["n"], row["n_event"]) == (shared.n, shared.n_event)
        assert shared.n_event == model.n_event - int((cohort.endpoint("os").time[cohort.endpoint("os").state > 0] > shared.horizon + 1e-9).sum())
        assert ("by its joined steps" in shared.method) == (abs(shared.n_expected - shared.n_event) > 0.01 * shared.n_event)


def test_who_enters_after_the_models_end_is_told():
    model = reference_model(lung("learn"), "os", ["age"], horizon=6)
    new = lung("new", entry=True)
    late = int((new.endpoint("os").entry >= 6).sum())
    assert late > 0
    assert f"{late} patient{'s' if late > 1 else ''} who entered only after the model's end left out." in model.expected(new).notes
    early = replace(new, frame=new.frame[(new.endpoint("os").entry >= 6)])
    with pytest.raises(EndpointError, match="before anybody here has entered"):
        model.expected(early)


def test_empty_group_names_are_refused():
    model, new = reference_model(lung("learn"), "os", ["age"]), lung("new")
    with pytest.raises(EndpointError, match=r"by is an empty text for 1 row \(index 2\)"):
        model.expected(new, by=pd.Series(["", *["a"] * (len(new) - 1)], index=new.frame.index))


def test_without_terms_everybody_has_the_same_risk(tmp_path):
    from haip_outcomes.benchmark.curves.reference_curve import ReferenceCurve

    for entry in (False, True):
        cohort, new = lung("learn", entry=entry), lung("new", entry=entry)
        model = reference_model(cohort, "os", [], name="All")
        tte, theirs = cohort.endpoint("os"), new.endpoint("os")
        curve = ReferenceCurve.from_patients(tte)
        end = np.minimum(theirs.time, model.horizon)
        begin = None if theirs.entry is None else np.minimum(theirs.entry, end)
        found = model.expected(new)
        close(found.each["expected"], curve.cumulative_hazard(end) - (0 if begin is None else curve.cumulative_hazard(begin)))
        close([found.variance[""]], [curve.variance_of_expected(end, begin)])
        assert model.n_expected == pytest.approx(model.n_event, rel=1e-12)  # whatever is tied
        own = model.expected(cohort, by="sex")
        assert own.same_patients
        assert own.tidy()["n_expected"].sum() == pytest.approx(model.n_event, rel=1e-12)
        for share in (False, True):
            again = ReferenceModel.load(model.save(tmp_path / "m.json", share=share))
            assert again.expected(cohort).same_patients
            if not share:
                assert again.expected(new, by="sex").each.equals(model.expected(new, by="sex").each)
    assert repr(model).startswith("ReferenceModel All: Nelson-Aalen without case mix (everybody has the same risk);")
    assert again.method.startswith("Nelson-Aalen without case mix")
    assert len(model.tidy()) == 0
    assert "<table" in model._repr_html_()
    gone = lung("learn", age=np.nan)
    assert reference_model(gone, "os", []).n == len(gone)  # nobody is left out for a covariate


def test_without_terms_yes_or_no_is_the_share(tmp_path):
    rows = births()
    learn, new = birth(rows[rows["half"] == "learn"]), birth(rows[rows["half"] == "new"], "Others")
    for penalty in ("auto", "firth", None):
        model = reference_model(learn, "low", [], penalty=penalty)
        p, n = model.n_event / model.n, model.n
        again = ReferenceModel.load(model.save(tmp_path / "b.json"))
        found = again.expected(new)
        close(found.each["expected"], [p] * len(new))
        m = len(new)
        close([found.variance[""], found.chance[""]], [(m * p * (1 - p)) ** 2 / (n * p * (1 - p)), m * p * (1 - p)])
        assert model.penalty is None
    assert "Share without case mix" in model.method
    assert model.tidy()["term"].tolist() == ["(intercept)"]


def test_without_terms_a_chart_takes_it():
    from haip_outcomes.benchmark.over_time.expected_hazards import hazards_of

    cohort = lung("learn")
    tte = cohort.endpoint("os")
    found = hazards_of(reference_model(cohort, "os", []), "months", tte, cohort.frame)
    assert found.relative.tolist() == [1.0] * len(tte)
    assert found.base(tte.time).sum() == pytest.approx((tte.state > 0).sum())


def test_an_event_that_the_endpoint_does_not_count_is_no_cause():
    cohort = lung("learn")
    with pytest.raises(EndpointError, match='"os" counts one kind of event, Death, and "Liver progression" is another: leave cause out'):
        reference_model(cohort, "os", ["age"], cause="Liver progression")
    model = reference_model(cohort, "os", ["age"], cause="Death")
    assert model.cause is None
    assert "censored" not in model.method


def test_another_event_is_told():
    model = replace(reference_model(lung("learn"), "os", ["age"]), event="Recurrence")
    assert 'The model counts "Recurrence", and this cohort "Death"' in " ".join(model.expected(lung("new")).notes)


def test_a_file_that_was_changed_by_hand_tells_all_that_no_longer_stands(tmp_path):
    path = reference_model(lung("learn"), "os", ["age", "sex"]).save(tmp_path / "m.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["columns"] == [["age", None], ["sex", "male"]]
    sex = content["variables"][1]
    tiny = content["covariance"][0][0] ** 0.5

    def told(**change):
        path.write_text(json.dumps(content | change), encoding="utf-8")
        with pytest.raises(PlanError) as error:
            ReferenceModel.load(path)
        return str(error.value)

    assert 'columns: number 2 is "sex" "female", and by the terms and levels it is "sex" "male"' in told(columns=[["age", None], ["sex", "female"]])
    turned = [content["variables"][0], sex | {"reference": "male", "others": ["female"]}]
    assert 'columns: number 2 is "sex" "male", and by the terms and levels it is "sex" "female"' in told(variables=turned)
    assert 'terms: "age" is made of sex, and would be called "sex"' in told(terms={"age": ["sex"], "sex": ["age"]})
    assert "no cohort gives that" in told(coefficients=[1e6, 0.1])
    wide = [[1e4, 0.0], [0.0, 1e4]]
    assert "as good as certain" in told(coefficients=[0.1, 90.0], covariance=wide)
    assert "covariance: it must be symmetric" in told(covariance=[[1e308, 0.0], [0.0, 1e308]])
    assert "n_expected: 1e+09 events of the model's own patients" in told(n_expected=1e9)
    assert 'coefficients.0: Input should be a valid number (it is "0.5")' in told(coefficients=["0.5", 0.1])
    assert "coefficients.0" in told(coefficients=[True, 0.1])
    assert "n: " in told(n=True)
    assert "version True" in told(version=True)
    assert 'cause: "Liver", and the event counted is "Death"' in told(cause="Liver")
    assert "n: Input should be less than" in told(n=10**400)
    everything = told(coefficients=["0.5", 1e6], n_expected=1e9, cause="Liver", variables=turned)
    assert everything.startswith("5 problems")
    for words in ("coefficients.0", "no cohort gives that", "n_expected: 1e+09", 'cause: "Liver"', "columns: number 2"):
        assert words in everything
    assert tiny < 1
    rows = births()
    yes_no = json.loads(reference_model(birth(rows), "low", ["age", "race"]).save(path).read_text(encoding="utf-8"))
    path.write_text(json.dumps(yes_no | {"cause": "Yes", "n_expected": yes_no["n_event"] + 1.0}), encoding="utf-8")
    with pytest.raises(PlanError, match=r"(?s)n_expected: .* expects its own .* events.*cause: a probability has none"):
        ReferenceModel.load(path)


def test_covariates_beyond_anything_are_refused():
    model = reference_model(lung("learn"), "os", ["age", "sex"])
    new = lung("new")
    with pytest.raises(EndpointError, match=r"endless number of events.*units of the model's patients"):
        model.expected(lung("new", age=new.frame["age"].to_numpy() * 1e6))


def test_a_model_that_can_not_be_kept_leaves_nothing_behind(tmp_path):
    model = reference_model(lung("learn"), "os", ["age"])
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(PlanError, match="is a folder: name the file"):
        model.save(tmp_path / "folder")
    with pytest.raises(PlanError, match="can't be written"):
        model.save(tmp_path / "file" / "m.json")
    with pytest.raises(PlanError, match="can't be written"):
        model.save(str(tmp_path / "a\0b"))
    for path in (None, 5, "", tmp_path.root):
        with pytest.raises(PlanError, match="takes the name of a file"):
            model.save(path)
        with pytest.raises(PlanError, match="takes the name of a file"):
            ReferenceModel.load(path)
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["file", "folder"]


def test_a_folder_that_can_not_be_written_to(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("haip_outcomes.benchmark.case_mix.model_file.os.replace", refused)
    with pytest.raises(PlanError, match=r"can't be written .*Permission denied"):
        reference_model(lung("learn"), "os", ["age"]).save(tmp_path / "m.json")
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_not_even_json(tmp_path):
    path = tmp_path / "m.json"
    for text in ("[" * 200_000, "9" * 5000, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "[]", "null"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PlanError, match="is not a reference model"):
            ReferenceModel.load(path)
    with pytest.raises(PlanError, match="is not a reference model"):
        ReferenceModel.load(tmp_path)


@pytest.mark.parametrize(("words", "call"), {
    "outcome must be text": lambda cohort: reference_model(cohort, ["os"], ["age"]),
    "name must be text; got 5": lambda cohort: reference_model(cohort, "os", ["age"], name=5),
    "source must be text": lambda cohort: reference_model(cohort, "os", ["age"], source=["a"]),
    r"terms must be names of columns.*or \[\] if everybody": lambda cohort: reference_model(cohort, "os", None),
    "terms must be names of columns": lambda cohort: reference_model(cohort, "os", [5]),
    "horizon must be a time above 0; got '36'": lambda cohort: reference_model(cohort, "os", ["age"], horizon="36"),
    "penalty must be": lambda cohort: reference_model(cohort, "os", ["age"], penalty=np.array(["auto", "firth"])),
    "horizon must be a time": lambda cohort: reference_model(cohort, "os", ["age"], horizon=True),
    "by must be a column's name, or a value for each patient.*it is a int": lambda cohort: reference_model(cohort, "os", ["age"]).expected(cohort, by=5),
    "it is a dict": lambda cohort: reference_model(cohort, "os", ["age"]).expected(cohort, by={}),
    "outcome must be the name": lambda cohort: reference_model(cohort, "os", ["age"]).expected(cohort, outcome=["os"]),
}.items())  # fmt: skip
def test_what_is_no_model_and_no_group_is_said_in_a_sentence(words, call):
    with pytest.raises(EndpointError, match=words):
        call(lung("learn"))


def test_advice_ends_as_a_sentence_ends():
    model = reference_model(lung("learn"), "os", ["age", "sex"])
    new = lung("new", sex=pd.Categorical(["femal"] * len(lung("new"))))
    with pytest.raises(EndpointError, match=r'Did you mean "female"\? Nothing is guessed'):
        model.expected(new)
    with pytest.raises(EndpointError, match=r'no column "sex" \(.*[^.]\)\. Nothing is guessed'):
        model.expected(replace(new, frame=new.frame.drop(columns="sex")))


def test_a_file_with_effects_means_or_a_unit_that_cannot_be_is_refused_at_once(tmp_path):
    path = reference_model(lung("learn"), "os", ["sex", "age"]).save(tmp_path / "m.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    assert [one["skewed"] for one in content["variables"] if one["kind"] == "number"] == [False]
    content["coefficients"][0] = 50.0
    content["means"] = [1.5, 600.0]
    content["unit"] = "parsec"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(PlanError, match=r"^4 problems") as error:
        ReferenceModel.load(path)
    text = str(error.value)
    for words in ('coefficients: 50 for "sex" "male" makes it as good as certain', 'means: number 1 is 1.5 for "sex" "male", and the share',
                  'means: number 2 is 600 for "age", outside its range of', 'unit: "parsec", and times are in days, weeks, months or years'):  # fmt: skip
        assert words in text
    yes_no = json.loads(reference_model(birth(births()), "low", ["age", "race"]).save(path).read_text(encoding="utf-8"))
    path.write_text(json.dumps(yes_no | {"unit": "months"}), encoding="utf-8")
    with pytest.raises(PlanError, match='unit: "months", and a probability has none'):
        ReferenceModel.load(path)


@pytest.mark.parametrize("terms", [["age", "sex"], [haip.spline("age", knots=[50, 60, 70]), "sex"]])
def test_a_mean_that_few_patients_pull_beyond_the_range_is_kept_and_read(tmp_path, terms):
    cohort = lung("learn")
    far = cohort.frame["age"].where(np.arange(len(cohort)) >= 3, cohort.frame["age"] + 20_000)
    model = reference_model(replace(cohort, frame=cohort.frame.assign(age=far)), "os", terms)
    assert model.means[0] > model.ranges["age"][1]
    path = model.save(tmp_path / "m.json")
    assert ReferenceModel.load(path).means[0] == model.means[0]
    content = json.loads(path.read_text(encoding="utf-8"))
    content["means"][0] = 60.0
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(PlanError, match='means: number 1 is 60 for "age", inside its range'):
        ReferenceModel.load(path)
