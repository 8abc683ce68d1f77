"""Second engines for what is told beside hazard ratios: straight lines, subgroups, predictions, what is known later, two treatments."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from later_cohorts import heart, pbc
from test_compare_treatments import NUMBER, REFERENCE, category, cohort_of, colon, gbsg
from verified_rows import NEEDS_R, rows, told

import haip_outcomes as haip
from haip_outcomes.prognosis.later.over_time import factors_over_time
from haip_outcomes.prognosis.later.over_time_result import NAIVE
from haip_outcomes.prognosis.verification.asked import tasks_of
from haip_outcomes.prognosis.verification.comparing import NOT_VERIFIED, compared
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.prognosis.verification.verifying import _told
from haip_outcomes.registry.planning.parts import TreatmentPlan
from haip_outcomes.report.content import Chapter, results_of
from haip_outcomes.report.factors_recorded import record_factors
from haip_outcomes.report.predicted import predicted
from haip_outcomes.report.treatments import treatments

FEW = {"R", "lifelines", "scikit-survival", "Python"}


def agrees(found, limit=1e-6):
    assert len(found)
    assert set(found["verdict"]) == {"agrees"}, found[found["verdict"] != "agrees"].to_string()
    assert found["difference"].max() < limit


def without(cohort, **analysis):
    """The cohort with another [analysis]."""
    plan = cohort.plan.model_copy(update={"analysis": cohort.plan.analysis.model_copy(update=analysis)})
    return replace(cohort, plan=plan)


def recorded_factors(cohort, found, **about):
    chapter = Chapter("factors", "Factors")
    record_factors(found, "all", "factors", chapter, endpoint="os", **about)
    return results_of([chapter]).reset_index(drop=True)


@pytest.fixture(scope="module")
def breast():
    """686 patients in whole months (heavy ties): three levels, a number in quartiles, with and without the other factors."""
    cohort = gbsg()
    found = haip.factors(cohort, "os", ["grade", "age", "meno", "nodes"], interactions=["grade*age", "grade*meno"])
    return cohort, found, recorded_factors(cohort, found)


@NEEDS_R
def test_straight_lines_interactions_and_subgroups_of_many_patients(breast):
    cohort, _, frame = breast
    found = told(frame, cohort, *FEW)
    agrees(found)
    shown = frame["quantity"].value_counts()
    assert shown["test of a straight line"] == 4
    assert shown["test of the interaction"] == 4
    assert shown["log hazard ratio in a subgroup"] == 2 * 2 * (4 + 3)  # two levels beside the reference; all and three quartiles, all and two levels
    r = found[found["engine"] == "R"]
    for quantity in shown.index.difference(["patients and events"]):
        assert set(frame.index[frame["quantity"] == quantity] + 2) <= set(r["row"]), quantity
    inside = found[(found["engine"] == "Python") & (found["quantity"] == "log hazard ratio in a subgroup")]
    assert {"n", "n_event"} == set(inside["number"])


@NEEDS_R
def test_strata_and_firths_penalty_are_those_of_the_model(breast):
    cohort = breast[0]
    found = haip.factors(cohort, "os", ["grade", "age"], strata="meno", interactions=["grade*age"])
    agrees(told(recorded_factors(cohort, found, strata="meno"), cohort, "R", "lifelines", "Python"))
    part = haip.demo_cohort().setting("adjuvant")
    few = haip.factors(part, "os", ["sarcopenia"], multivariable=(), interactions=["sarcopenia*sex"], penalty="firth")
    frame = recorded_factors(part, few).assign(setting="adjuvant")
    lines = told(frame, part, "R")
    agrees(lines)
    assert {"hazard ratio", "test of the whole factor", "test of the interaction", "log hazard ratio in a subgroup"} == set(lines["quantity"])


@NEEDS_R
def test_a_number_of_two_values_makes_two_subgroups():
    """0 and 1 are levels in disguise: the number is moved to each, and its patients are counted."""
    frame = pd.read_csv(REFERENCE / "data" / "treatments_colon.csv")
    frame = frame.assign(dead=(frame["state"] > 0) * 1.0, arm=frame["arm"].map({0: "observation", 1: "levamisole"}))
    os = {"label": "Survival", "start": "operation", "events": {"Death": {"time": "day", "flag": "dead"}}}
    cohort = cohort_of(frame, {"arm": category("observation", "levamisole"), "obstruct": NUMBER}, {"os": os})
    shown = recorded_factors(cohort, haip.factors(cohort, "os", ["arm"], multivariable=(), interactions=["arm*obstruct"]))
    found = told(shown, cohort, "R", "lifelines", "Python")
    agrees(found)
    own = found[found["quantity"] == "log hazard ratio in a subgroup"]
    assert set(own["group"]) == {"All patients", "0", "1"}
    assert set(own.loc[own["group"] == "1", "number"]) >= {"estimate", "std_error", "conf_low", "conf_high", "p_value", "n", "n_event"}


def test_an_interaction_in_the_multivariable_model_has_no_recipe_for_other_subgroups():
    """Which of its parts stand beside the declared product the result does not say: nothing is claimed."""
    cohort = gbsg()
    found = haip.factors(cohort, "os", ["grade", "age", "nodes"], multivariable=["grade", "age:nodes", "nodes"], interactions=["grade*meno"])
    frame = recorded_factors(cohort, found)
    own = frame[frame["quantity"].isin(["test of the interaction", "log hazard ratio in a subgroup"])]
    assert own.loc[own["analysis"].str.endswith("multivariable"), "recipe"].isna().all()
    assert own.loc[own["analysis"].str.endswith("univariable"), "recipe"].notna().all()


def over_time_rows(cohort, endpoint, later, terms, landmarks, cause=None):
    found = factors_over_time(cohort, endpoint, later, terms, landmark=landmarks, cause=cause)
    tidy = found.tidy(exponentiate=True)
    about = {"of": endpoint, "later": later, "terms": [*later, *terms]}
    frames = []
    for model, own in tidy.groupby("model", sort=False):
        at = model.removeprefix("landmark ").split(",")[0] if model.startswith("landmark") else ""
        if model.endswith("subdistribution"):
            made = recipe("fine_gray", **about, landmark=at, cause=cause)
        elif model in ("time-varying", NAIVE) or at:
            made = recipe("cox_over_time" if model == "time-varying" else "cox", **about, only=cause, landmark=at)
        frames.append((own.assign(analysis=model), made))
    return rows(*frames, setting="all"), list(found.models)


def late_heart():
    """Who was still there when observation began."""
    cohort = heart()
    return cohort.where(cohort["entered"] < cohort["last"], because="not entered")


@NEEDS_R
@pytest.mark.parametrize(("cohort", "endpoint", "later", "terms", "landmarks", "cause"), [
    (heart, "os", ["transplant"], ["age", "surgery"], [1, 3], None), (late_heart, "late", ["transplant"], ["age"], [1], None),
    (pbc, "end", ["has_ascites", "has_spiders"], ["sex", "age"], [24], "Death"),
])  # fmt: skip
def test_what_is_known_later_is_cut_and_modelled_again(cohort, endpoint, later, terms, landmarks, cause):
    """Deaths on the day of the change, late entry, two columns that change, competing events: time-varying, by landmark, and the wrong model."""
    made = cohort()
    frame, models = over_time_rows(made, endpoint, later, terms, landmarks, cause)
    found = told(frame, made, *FEW)
    agrees(found)
    assert len(models) == len(frame["recipe"].unique())
    assert set(found.loc[found["engine"] == "R", "row"]) == set(frame.index + 2)
    assert {"n", "n_event"} <= set(found.loc[found["engine"] == "Python", "number"])
    varying = frame["recipe"].str.startswith("cox_over_time")
    assert set(found.loc[found["row"].isin(frame.index[varying] + 2), "engine"]) == {"R", "Python"}


@NEEDS_R
def test_a_number_known_by_a_landmark():
    cohort = pbc()
    with_date = cohort.where(cohort["bili"].notna() & cohort["bili_day"].notna(), because="no second visit")
    found = factors_over_time(with_date, "end", ["bili"], landmark=12, cause="Death")
    own = found.tidy(exponentiate=True)
    frame = rows((own[own["model"] == "landmark 12"], recipe("cox", of="end", later=["bili"], landmark=12, only="Death", terms=["bili"])), setting="all")
    agrees(told(frame, with_date, *FEW))


@pytest.fixture(scope="module")
def foreseen(breast):
    """Profiles and a nomogram of 686 patients: three levels and numbers, more totals than ten."""
    cohort = without(breast[0], resamples=0, times=(12.0, 36.0, 60.0))
    chapter = predicted(cohort, {"comparator": breast[1]})
    return cohort, results_of([chapter]).reset_index(drop=True)


@NEEDS_R
def test_predictions_of_profiles_and_of_totals_of_points(foreseen):
    cohort, frame = foreseen
    found = told(frame, cohort, "R", "Python")
    agrees(found)
    done = frame[frame["status"] == "done"]
    assert set(done["quantity"]) == {"predicted survival", "numbers under the axis"}
    r = found[found["engine"] == "R"]
    assert set(r["row"]) == set(done.index + 2)
    assert {"estimate", "std_error", "conf_low", "conf_high"} == set(r["number"])
    assert {"n", "n_event", "n_risk"} == set(found.loc[found["engine"] == "Python", "number"])


@NEEDS_R
def test_a_prediction_by_firths_penalty_rests_on_its_own_coefficients():
    cohort = haip.demo_cohort().setting("adjuvant")
    fit = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, ["sarcopenia", "age"], missing="complete-case"), penalty="firth")
    found = haip.profiles(fit, times=[12, 36], labels=cohort)
    frames = [(own, recipe("profile", of="os", terms=["sarcopenia", "age"], penalty="firth", at=[f"{name}={value!r}" if name == "age" else f"{name}={value}" for name, value
               in found.frame.iloc[int(number) - 1].to_dict().items()])) for number, own in found.tidy().groupby("profile")]  # fmt: skip
    frame = rows(*frames, setting="adjuvant")
    agrees(told(frame, cohort, "R", "Python"))
    wrong = frame.assign(recipe=[text.replace("sarcopenia=No", "sarcopenia=Perhaps") for text in frame["recipe"]])
    assert len(told(wrong, cohort, "R")) < len(told(frame, cohort, "R"))  # a level that nobody has is a reason in its row


def compared_treatments(cohort, estimand, **plan):
    asked = cohort.plan.treatment.model_copy(update={"estimand": estimand}) if cohort.plan.treatment else TreatmentPlan(estimand=estimand, **plan)
    cohort = replace(cohort, plan=cohort.plan.model_copy(update={"treatment": asked}))
    return cohort, results_of([treatments(cohort)]).reset_index(drop=True)


def pumped(what):
    """A cohort with a [treatment]: one kind of event, or two that compete."""
    if what == "gbsg":
        return gbsg(), {}
    about = {"column": "arm", "treated": "levamisole", "control": "observation", "confounders": ["sex", "age", "obstruct", "nodes", "extent"], "endpoints": ["first"]}
    return without(colon(), times=(365.0, 1000.0, 2000.0)), about


@NEEDS_R
@pytest.mark.parametrize("estimand", ["ATE", "ATT", "overlap"])
@pytest.mark.parametrize("what", ["gbsg", "colon"])
def test_two_treatments_are_weighted_and_compared_again(what, estimand):
    cohort, about = pumped(what)
    cohort, frame = compared_treatments(cohort, estimand, **about)
    done = frame[frame["quantity"].isin(["hazard ratio", "risk difference", "restricted mean difference"])]
    assert len(done) == (3 + 2 * 3 + 2 if what == "gbsg" else 2 * (3 + 2 * 3))
    found = told(frame, cohort, "R", "Python")
    agrees(found)
    r = found[found["engine"] == "R"]
    assert set(r["row"]) == set(done.index + 2)
    assert {"estimate", "std_error", "conf_low", "conf_high", "p_value"} <= set(r["number"])
    assert {"n", "n_event", "n_risk"} == set(found.loc[found["engine"] == "Python", "number"])
    under = frame.index[frame["recipe"].fillna("").str.startswith("treatment_at_risk")]
    assert len(under)
    assert set(under + 2) <= set(found["row"])
    assert frame["recipe"].notna().all()


@NEEDS_R
def test_a_fault_of_one_in_ten_thousand_is_found_in_each(breast, foreseen):
    """One number of each kind changed: that line is named, and no other."""
    cohort = heart()
    frame, _ = over_time_rows(cohort, "os", ["transplant"], ["age"], [1])
    pump, other = compared_treatments(gbsg(), "ATE")
    kinds = [(breast[0], breast[2], "linearity", "statistic"), (breast[0], breast[2], "subgroup", "estimate"), (breast[0], breast[2], "likelihood_ratio", "p_value"),
             (*foreseen, "profile", "conf_low"), (*foreseen, "nomogram", "std_error"), (cohort, frame, "cox_over_time", "conf_high"), (pump, other, "treatment_ratio", "estimate"),
             (pump, other, "treatment_risk", "std_error"), (pump, other, "treatment_mean", "estimate")]  # fmt: skip
    for patients, shown, verb, number in kinds:
        own = shown[shown["recipe"].fillna("").str.startswith(f"{verb} ") & pd.to_numeric(shown[number], errors="coerce").abs().gt(0.001)]
        place = own.index[-1]
        wrong = own.copy()
        wrong.loc[place, number] = float(wrong.loc[place, number]) * (1 + 1e-4)
        found = told(wrong, patients, "R")
        bad = found[found["verdict"] == "differs"]
        assert list(zip(bad["row"], bad["number"], strict=True)) == [(place + 2, number)], verb
        assert 0.9e-4 < bad["difference"].iloc[0] < 1.1e-4


def test_counts_that_are_off_by_one_are_found_without_r(breast, foreseen):
    cohort, other = compared_treatments(gbsg(), "ATE")
    made = heart()
    frame, _ = over_time_rows(made, "os", ["transplant"], ["age"], [])
    for patients, shown, verb, number in ((breast[0], breast[2], "subgroup", "n"), (*foreseen, "profile", "n_risk"), (made, frame, "cox_over_time", "n"), (cohort, other, "treatment_risk", "n_event"), (cohort, other, "treatment_at_risk", "n_risk"),
                                          (breast[0], breast[2], "linearity", "n_event")):  # fmt: skip
        own = shown[shown["recipe"].fillna("").str.startswith(f"{verb} ") & shown[number].notna()].copy()
        agrees(told(own, patients, "Python"))
        place = own.index[0]
        own.loc[place, number] = own.loc[place, number] + 1
        found = told(own, patients, "Python")
        assert list(found.loc[found["verdict"] == "differs", "row"]) == [place + 2]


def test_without_r_it_is_said_that_only_r_could(breast, foreseen):
    cohort, other = compared_treatments(gbsg(), "ATE")
    made = heart()
    frame, _ = over_time_rows(made, "os", ["transplant"], ["age"], [])
    for patients, shown, verbs in ((breast[0], breast[2], ("linearity", "likelihood_ratio")), (*foreseen, ("profile", "nomogram")), (made, frame, ("cox_over_time",)),
                                   (cohort, other, ("treatment_ratio", "treatment_risk", "treatment_mean"))):  # fmt: skip
        tasks, refused = tasks_of(shown, patients)
        found = compared(shown, tasks, refused, [_told(engine, tasks) for engine in ("lifelines", "scikit-survival", "statsmodels", "Python")])
        for verb in verbs:
            own = found[found["row"].isin(shown.index[shown["recipe"].fillna("").str.startswith(f"{verb} ")] + 2) & found["number"].isin(["estimate", "statistic"])]
            assert len(own)
            assert set(own["verdict"]) == {f"{NOT_VERIFIED}: only R could, and it was not asked"}


def test_the_rows_are_cut_at_the_dates_and_nowhere_else():
    """Rows, patients, deaths and the time lived after the transplant, counted from the dates in days."""
    cohort = heart()
    frame, _ = over_time_rows(cohort, "os", ["transplant"], [], [])
    task = next(task for task in tasks_of(frame, cohort)[0] if task.recipe.verb == "cox_over_time")
    os = cohort.endpoint("os")
    waited = (cohort.frame["transplanted"] - cohort.frame["accept"]).dt.days
    followed = (cohort.frame["last"] - cohort.frame["accept"]).dt.days
    changed = (waited > 0) & (waited < followed)
    assert len(task.data) == len(os) + changed.sum()
    assert task.data["first"].sum() == len(os)
    assert (task.data["state"] > 0).sum() == (os.state > 0).sum()
    there = np.maximum(task.data["entry"], 0)
    assert (task.data["time"] - there).sum() == pytest.approx(os.time.sum())
    exposed = (task.data["time"] - there)[task.data["x1"] == 1].sum()
    at_start = (waited <= 0) & waited.notna()
    assert exposed == pytest.approx(((followed - waited)[changed].sum() + followed[at_start].sum()) / 30.4375)
