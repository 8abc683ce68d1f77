"""factors_over_time against R (tests/reference/later.R), by hand, and what it refuses."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from immortal_time_simulation import cohort as simulated
from immortal_time_simulation import page_rows
from later_cohorts import EXPECTED, heart, pbc
from scipy.optimize import brentq

from haip_outcomes.errors import CohortError, EndpointError, FitError, HaipError
from haip_outcomes.prognosis.later.later_values import known_by
from haip_outcomes.prognosis.later.over_time import factors_over_time
from haip_outcomes.prognosis.later.over_time_result import NAIVE
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.endpoints import DAYS_A_MONTH
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.time_to_event import TimeToEvent
from haip_outcomes.tables.disclosure import Sharing
from haip_outcomes.tables.over_time import over_time_table


def assert_near(found, expected, tolerance=1e-8):
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    assert found.shape == expected.shape
    off = np.abs(found - expected) / np.maximum(np.abs(expected), 0.001)
    assert off.max() <= tolerance, (off.max(), found, expected)


def assert_fit(fit, name, *, sandwich=False):
    expected = EXPECTED[name]
    assert_near(fit.coefficients, np.atleast_1d(expected["estimate"]))
    assert_near(fit.std_error, np.atleast_1d(expected["std_error"]), 1e-6 if sandwich else 1e-8)
    if "log_likelihood" in expected:
        assert_near([fit.log_likelihood, fit.log_likelihood_null], [expected["log_likelihood"], expected["log_likelihood_null"]])
        assert fit.n_event == expected["n_event"]
    if "n" in expected:
        assert fit.n == expected["n"]


def assert_zph(result, model, name):
    own = result.proportional_hazards
    own = own[own["model"] == model]
    assert_near(own["statistic"], np.atleast_1d(EXPECTED[name]["zph"]["statistic"])[: len(own)], 1e-6)
    assert_near(own["p_value"], np.atleast_1d(EXPECTED[name]["zph"]["p_value"])[: len(own)], 1e-6)


# ---- against R ----


def test_the_heart_transplants_over_time():
    found = factors_over_time(heart(), "os", "transplant", ["age", "surgery"], landmark=[1, 3])
    assert list(found.models) == ["time-varying", "landmark 1", "landmark 3", NAIVE]
    assert_fit(found.models["time-varying"], "heart")
    assert_fit(found.models[NAIVE], "heart_naive")
    assert_zph(found, "time-varying", "heart")
    for at in (1, 3):
        assert_fit(found.models[f"landmark {at}"], f"heart_landmark_{at}")
        assert_zph(found, f"landmark {at}", f"heart_landmark_{at}")
    tidy = found.tidy().set_index(["model", "term"])
    assert tidy.loc[("landmark 3", "transplant"), "n_changed"] == EXPECTED["heart_landmark_3"]["n_known"]
    rows = found.levels.query("model == 'time-varying' and level == 'Yes'").iloc[0]
    assert rows["n_event"] == EXPECTED["heart_rows"]["events"]
    assert_near(rows["followed"], EXPECTED["heart_rows"]["at_risk"])
    assert found.changes["n_last_day"].tolist() == [EXPECTED["heart_rows"]["last_day"]]


def test_alone_stratified_and_the_data_set_that_r_ships():
    assert_fit(factors_over_time(heart(), "os", ["transplant"]).models["time-varying"], "heart_alone")
    assert_zph(factors_over_time(heart(), "os", ["transplant"]), "time-varying", "heart_alone")
    assert_fit(factors_over_time(heart(), "os", "transplant", "age", strata="surgery").models["time-varying"], "heart_strata")
    shipped = factors_over_time(heart(shipped=True), "os", "transplant", ["age", "surgery"])
    assert_fit(shipped.models["time-varying"], "heart_shipped")


def test_delayed_entry():
    cohort = heart()
    cohort = cohort.where(cohort["last"] > cohort["accept"], because="died on day 0")
    found = factors_over_time(cohort, "late", "transplant", ["age", "surgery"])
    assert_fit(found.models["time-varying"], "heart_entry")
    assert found.changes["n_at_start"].iloc[0] > 0


def test_a_horizon_after_the_landmark():
    found = factors_over_time(heart(), "os", "transplant", ["age", "surgery"], landmark=1, horizon=6)
    assert_fit(found.models["landmark 1"], "heart_horizon")
    assert "within 6 months" in found.method


@pytest.mark.parametrize(("cause", "code"), [("Transplant", 1), ("Death", 2)])
def test_two_columns_and_competing_events(cause, code):
    found = factors_over_time(pbc(), "end", ["has_ascites", "has_spiders"], ["age", "sex"], cause=cause, landmark=12)
    assert_fit(found.models["time-varying"], f"pbc_cause_{code}")
    assert_zph(found, "time-varying", f"pbc_cause_{code}")
    assert_fit(found.models["landmark 12"], f"pbc_landmark_{code}")
    if code == 2:
        assert_fit(found.models["landmark 12, subdistribution"], "pbc_crr", sandwich=True)


def test_the_subdistribution_by_strata_is_finegrays():
    found = factors_over_time(pbc(), "end", ["has_ascites", "has_spiders"], ["age"], cause="Death", landmark=12, strata="sex")
    assert_fit(found.models["landmark 12, subdistribution"], "pbc_finegray", sandwich=True)


def test_a_number_by_landmark():
    found = factors_over_time(pbc(), "end", "bili", "age", cause="Death", landmark=12)
    fit = found.models["landmark 12"]
    assert_fit(fit, "pbc_number")
    assert {reason: len(rows) for reason, rows in fit.left_out.items()} == {"without bili": EXPECTED["pbc_number"]["left_out"]}
    assert "33 without Bilirubin at the second visit" in found.method


# ---- by hand ----

PLAN = {
    "cohort": {"name": "Six", "id": "key", "setting": {"value": "unresectable"}},
    "columns": {
        "converted": {"label": "Conversion", "levels": {"0": "No", "1": "Yes"}, "known": "resection"}, "resection": {"kind": "date"},
        "age": {"kind": "number", "known": "baseline"}, "cea": {"label": "CEA", "kind": "number", "known": "cea_date"}, "cea_date": {"kind": "date"},
        "response": {"label": "Response", "levels": {"0": "Not yet", "1": "Stable", "2": "Partial"}, "known": "scan", "before": "Not yet"}, "scan": {"kind": "date"},
        "silent": {"levels": {"0": "No", "1": "Yes"}}, "told": {"levels": {"0": "No", "1": "Yes"}, "known": "later"},
    },
    "endpoints": {"os": {"label": "Survival", "start": "pump", "last_seen": "seen", "events": {"Death": "death"}},
                  "liver": {"label": "Liver", "start": "pump", "last_seen": "seen", "events": {"Liver": "liver", "Death": "death"}},
                  "flag": {"label": "Flagged", "start": "pump placement", "events": {"Death": {"time": "months", "flag": "dead"}}}},
}  # fmt: skip


def day(*months):
    return (pd.to_datetime("2020-01-01") + pd.to_timedelta(pd.Series(months, dtype=float) * 30, unit="D")).to_numpy()


def category(*values, levels=("No", "Yes")):
    return pd.Categorical(values, categories=list(levels))


def small(resection=(None, 4, None, 8, None, 6), converted=None, **changes):
    converted = converted or tuple("No" if month is None else "Yes" for month in resection)
    frame = pd.DataFrame({
        "pump": day(*[0] * 6), "seen": day(2, 12, 5, 9, 15, 20), "death": day(2, 12, 5, 9, 15, None), "liver": day(None, 3, None, None, 7, 10),
        "resection": day(*resection), "converted": category(*converted), "age": [61.0, 55, 70, 48, 66, 59],
        "cea": [5.0, 8, 3, 20, 4, np.nan], "cea_date": day(1, 3, 3, 3, 4, None), "scan": day(1, 2, None, 2, 3, 3),
        "response": category("Stable", "Partial", "Not yet", "Stable", "Partial", "Partial", levels=("Not yet", "Stable", "Partial")),
        "silent": category(*["No", "Yes"] * 3), "told": category(*["No", "Yes"] * 3), "months": [2.0, 12, 5, 9, 15, 20], "dead": [1.0, 1, 1, 1, 1, 0],
    }, index=pd.Index(range(2, 8), name="row")).assign(setting="unresectable")  # fmt: skip
    for name, values in changes.items():
        frame[name] = values
    return Cohort(make_plan(PLAN), frame, Source("six.csv", "", 6))


def test_six_patients_by_hand():
    """Deaths at 2 (of 6 who are not converted), 5, 9, 12, 15: L(t) = t^2 / ((t + 4) (3 t + 1) (2 t + 1) (t + 1)), t the hazard ratio."""
    slope = lambda t: 2 - t / (t + 4) - 3 * t / (3 * t + 1) - 2 * t / (2 * t + 1) - t / (t + 1)  # noqa: E731
    found = factors_over_time(small(), "os", "converted")
    ratio = found.tidy(exponentiate=True).loc[0, "estimate"]
    assert_near(ratio, brentq(slope, 0.01, 10, xtol=1e-15, rtol=1e-14), 1e-10)
    parts = [4 * ratio / (ratio + 4) ** 2, 3 * ratio / (3 * ratio + 1) ** 2, 2 * ratio / (2 * ratio + 1) ** 2, ratio / (ratio + 1) ** 2]
    assert_near(found.models["time-varying"].std_error, [sum(parts) ** -0.5], 1e-10)
    assert found.changes.iloc[0].to_dict() == {"term": "converted", "n": 6, "n_at_start": 0, "n_changed": 3, "n_last_day": 0, "n_afterwards": 0, "n_missing": 0}
    times = found.levels[found.levels["model"] == "time-varying"].set_index("level")
    assert_near(times["followed"] * DAYS_A_MONTH / 30, [2 + 4 + 5 + 8 + 15 + 6, 8 + 1 + 14])
    assert times["n"].tolist() == [6, 3]
    assert times["n_event"].tolist() == [3, 2]


def test_what_changes_on_the_day_of_the_event_or_after_it_is_never_seen():
    """Patient 4 dies on the day of the conversion, patient 1 has a date after the death; both stay as they were."""
    here = factors_over_time(small((3, 4, None, 9, None, 6)), "os", "converted")
    there = factors_over_time(small((None, 4, None, None, None, 6)), "os", "converted")
    assert_near(here.models["time-varying"].coefficients, there.models["time-varying"].coefficients, 1e-14)
    row = here.changes.iloc[0]
    assert (row["n_changed"], row["n_last_day"], row["n_afterwards"]) == (2, 1, 1)
    assert "1 on the last day of follow-up, too late to count and 1 after it" in here.method


def test_day_zero_and_before_it_are_from_the_start():
    """And a date with the value before changes nothing."""
    here = factors_over_time(small((0, 4, None, -3, None, 6)), "os", "converted")
    assert (here.changes.loc[0, "n_at_start"], here.n_changed) == (2, {"converted": 2})
    at_zero = here.levels.query("model == 'time-varying' and level == 'Yes'").iloc[0]
    assert at_zero["n"] == 4
    dated_no = factors_over_time(small((None, 4, 1, 8, None, 6), ("No", "Yes", "No", "Yes", "No", "Yes")), "os", "converted")
    assert_near(dated_no.models["time-varying"].coefficients, factors_over_time(small(), "os", "converted").models["time-varying"].coefficients, 1e-14)
    assert dated_no.n_changed == {"converted": 3}


def test_rows_in_any_order_give_the_same():
    shuffled = small()
    order = np.random.default_rng(1).permutation(6)
    shuffled = Cohort(shuffled.plan, shuffled.frame.iloc[order], shuffled.source)
    assert_near(factors_over_time(shuffled, "os", "converted", landmark=4.5).tidy()["estimate"],
                factors_over_time(small(), "os", "converted", landmark=4.5).tidy()["estimate"], 1e-12)  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_interval_by_interval_is_the_same(seed):
    """Brute force, with heavy ties (deaths and conversions on the same days, day 0 too): a row a patient and 90 days instead of a row a change."""
    made = simulated(np.random.default_rng(seed), 60)
    frame = made.frame.copy()
    for name in ("seen", "death", "resection"):
        frame[name] = frame["pump"] + pd.to_timedelta((frame[name] - frame["pump"]).dt.days // 90 * 90, unit="D")
    fit = factors_over_time(Cohort(made.plan, frame, made.source), "os", "converted").models["time-varying"]
    rows = []
    for key, row in frame.iterrows():
        end, changed = (row["seen"] - row["pump"]).days, (row["resection"] - row["pump"]).days if pd.notna(row["resection"]) else np.inf
        rows += [(key, start + 90, start + 180, float(changed <= max(start, 0)), int(pd.notna(row["death"]) and start + 90 == end)) for start in range(-90, end, 90)]
    whole = pd.DataFrame(rows, columns=["id", "start", "stop", "converted", "death"])
    tte = TimeToEvent.from_frame(whole, time="stop", entry="start", id="id", state="death", states=["Death"])
    brute = cox(tte, design(whole, ["converted"]))
    assert_near(fit.coefficients, brute.coefficients)
    assert_near(fit.std_error, brute.std_error)


def test_a_missing_value_is_left_out_and_said():
    found = factors_over_time(small((None, 4, None, 8, None, 6), ("No", "Yes", None, "Yes", "No", "Yes")), "os", "converted")
    assert found.n == 5
    assert found.changes.loc[0, "n_missing"] == 1
    assert "5 of 6 patients, 1 without Conversion" in found.method


def test_several_levels_and_a_level_before_of_its_own():
    found = factors_over_time(small(response=category("Stable", "Partial", "Not yet", "Stable", "Partial", "Stable", levels=("Not yet", "Stable", "Partial"))), "os", "response")
    assert found.models["time-varying"].columns == (("response", "Stable"), ("response", "Partial"))
    assert found.n_changed == {"response": 5}


def test_the_result_tells_itself():
    found = factors_over_time(pbc(), "end", "has_ascites", cause="Death", landmark=12)
    assert found.tidy().columns.tolist() == [
        "model", "term", "level", "estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value", "n", "n_event", "n_changed"]  # fmt: skip
    assert found.tidy()["model"].drop_duplicates().tolist() == list(found.models)
    assert found.refused[0].model == "time-varying, subdistribution"
    assert "keeps patients at risk after a competing event" in found.refused[0].reason
    assert "landmark at 12 months: 290 of 312 patients still followed, 0 censored and 22 with Death before; 290 analysed, 118 events (Death)" in found.method
    assert "immortal" in repr(found)
    assert "is wrong and stands here only" in found._repr_html_()
    assert found.glance()["model"].tolist() == list(found.models)
    assert not re.search(r"row \d", repr(found))


# ---- what is refused ----


def refusal(*given, cohort=None, **asked):
    with pytest.raises((EndpointError, FitError, CohortError)) as told:
        factors_over_time(cohort or small(), *given, **asked)
    return str(told.value)


def test_columns_that_can_not_be_asked_for():
    assert 'There is no column "convert" in the plan. Did you mean "converted"?' in refusal("os", "convert")
    assert 'the plan does not say when it is known. Name the date since when (known = "the_date_column" under [columns.silent]' in refusal("os", "silent")
    assert 'says only that it is known later (known = "later")' in refusal("os", "told")
    assert "is known at time zero, says the plan" in refusal("os", "age")
    assert "later names nothing" in refusal("os", [])
    assert "can't be both known later and a baseline factor" in refusal("os", "converted", "converted")
    assert "immortal time" in refusal("os", "converted", "told")
    assert "immortal time" in refusal("os", "converted", ["age", "response"])
    assert "kept as times without the date of time zero" in refusal("flag", "converted")
    assert "Did you mean" in refusal("oss", "converted")


def test_a_number_needs_a_landmark():
    said = refusal("os", "cea")
    assert "CEA is a number, which has no value before the date" in said
    assert 'before = "Not measured"' in said
    found = factors_over_time(small(), "os", "cea", landmark=3.5)
    assert [refused.model for refused in found.refused] == ["time-varying"]
    assert found.n_changed == {"cea": 5}


def test_a_value_without_its_date_is_a_problem_with_rows():
    cohort = small((None, 4, None, 8, None, None), ("No", "Yes", "No", "Yes", "Yes", "Yes"))
    with pytest.raises(CohortError) as told:
        factors_over_time(cohort, "os", "converted")
    (problem,) = told.value.problems
    assert (problem.table, problem.column, problem.rows) == ("six.csv", "converted", (6, 7))
    assert problem.found == 'a value other than "No"'
    assert problem.advice == 'give the date in "resection", or correct the value to "No"'


def test_nothing_that_changes():
    assert "changed in nobody while followed, so there is nothing to compare" in refusal("os", "converted", cohort=small((None, None, None, None, None, 30)))
    said = refusal("os", "converted", cohort=small((None, -4, None, 0, None, -6)))
    assert "all 3 patients who have it had it by time zero, so it is a baseline factor" in said


def test_landmarks_that_say_nothing():
    assert "Nobody is followed at 40 months; the longest follow-up is 19.7 months." in refused(40)
    assert 'By 3 months everybody still followed had Conversion "No", so there is nothing to compare. Choose a later landmark.' in refused(3)
    assert "Nobody of the 1 patient still followed at 16 months had the event later" in refused(16)
    early = small((None, 1, 1, 8, 1, 1))
    assert 'By 8.5 months everybody still followed had Conversion "Yes", so there is nothing to compare. Choose an earlier landmark.' in refused(8.5, early)
    for wrong in (0, -1, float("nan"), "6", True):
        assert "A landmark must be a number of months after time zero" in refusal("os", "converted", landmark=[wrong])
    assert "give landmark too" in refusal("os", "converted", horizon=6)
    assert "horizon must be a number" in refusal("os", "converted", landmark=6, horizon=0)


def refused(at, cohort=None):
    found = factors_over_time(cohort or small(), "os", "converted", landmark=at)
    assert found.refused[0].model == f"landmark {at:g}"
    return found.refused[0].reason


def test_competing_events_need_a_cause():
    assert "compete" in refusal("liver", "converted")
    assert "Did you mean" in refusal("liver", "converted", cause="Deaths")


def test_nothing_but_the_wrong_model_is_no_result():
    said = refusal("os", "cea", landmark=40)
    assert said.startswith("No model could be fitted.")
    assert "Nobody is followed at 40 months" in said


def test_a_change_on_the_day_of_the_event_comes_too_late_for_a_landmark_of_that_day_too():
    """Four are converted and die on day 183: as converted at the landmark they would bring their immortal time with them."""
    rng = np.random.default_rng(1)
    n, day = 60, 183
    first = np.arange(n) < 4
    days = np.where(first, day, np.ceil(rng.exponential(600, n)) + 200)
    since = np.where(first, day, np.where(rng.random(n) < 0.4, rng.integers(1, day, n), np.nan))
    dates = [pd.Timestamp("2015-01-01") + pd.to_timedelta(value, unit="D") for value in (np.zeros(n), days, since)]
    plan = make_plan({"cohort": {"name": "T", "id": "key", "setting": {"value": "unresectable"}},
                      "columns": {"converted": {"levels": {"0": "No", "1": "Yes"}, "known": "on"}, "on": {"kind": "date"}},
                      "endpoints": {"os": {"label": "OS", "start": "pump", "last_seen": "seen", "events": {"Death": "seen"}}}})  # fmt: skip
    had = pd.Categorical(np.where(np.isnan(since), "No", "Yes"), categories=["No", "Yes"])
    frame = pd.DataFrame({"pump": dates[0], "seen": dates[1], "on": dates[2], "converted": had, "setting": "unresectable"})
    cohort, at = Cohort(plan, frame, Source("t", "", n)), day / DAYS_A_MONTH
    found = factors_over_time(cohort, "os", "converted", landmark=at)
    model = next(name for name in found.models if name.startswith("landmark"))
    by_hand = pd.DataFrame({"t": days - day, "e": 1, "c": ((since <= day) & (since < days)) * 1})
    alone = cox(TimeToEvent.from_frame(by_hand, time="t", state="e", states=["Death"]), design(by_hand, ["c"]))
    assert_near(found.models[model].coefficients, alone.coefficients, 1e-8)
    assert_near(found.models[model].coefficients, found.models["time-varying"].coefficients, 1e-8)  # nobody changes after the landmark, nobody ends before
    assert found.tidy(exponentiate=True).set_index("model")["estimate"].round(3).to_dict() == {"time-varying": 1.003, model: 1.003, NAIVE: 1.324}
    assert (known_by(cohort, "os", "converted", at).loc[first] == "No").all()


def test_what_is_known_by_a_landmark():
    known = known_by(small(), "os", "converted", 6.5)
    assert known.to_dict() == {3: "Yes", 5: "No", 6: "No", 7: "Yes"}
    assert known.name == "Conversion"


def test_the_table():
    table = over_time_table(factors_over_time(small(), "os", "converted", "age", landmark=4.5))
    frame = table.frame()
    assert frame.iloc[:, 0].str.strip().tolist() == ["As it changed (time-varying)", "Conversion", "No", "Yes", "By what was known at 4.5 months", "Conversion", "No", "Yes",
                                                     f"WRONG, for comparison: {NAIVE}", "Conversion", "No", "Yes"]  # fmt: skip
    assert frame.iloc[3, 1:4].tolist() == ["3", "2", "23"]
    assert any("adjusted for age" in note for note in table.footnotes)


def test_the_table_for_outside_tells_no_count():
    cohort = heart()
    table = over_time_table(factors_over_time(cohort, "os", "transplant", landmark=[1, 40]), policy=Sharing.of(cohort.frame.index))
    assert not table.frame().iloc[:, 1:4].apply(lambda cells: cells.str.contains(r"\d")).to_numpy()[:, :].any()
    assert not any(re.search(r"\d+ (of|patients|events|censored|with)", note) for note in table.footnotes)
    assert any("hidden" in note for note in table.footnotes)
    with pytest.raises(HaipError, match="takes what factors_over_time returned"):
        over_time_table(cohort)


@pytest.mark.slow
def test_the_simulation_of_the_page_is_what_it_says():
    """Without an effect the wrong analysis finds a fifth of the hazard and is never right; the others hold the truth as often as they say."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "later.md").read_text(encoding="utf-8")
    rows = page_rows()
    for row in rows:
        assert row in page, row
    numbers = {tuple(cell.strip() for cell in row.split("|")[1:3]): [float(cell.strip(" %")) for cell in row.split("|")[3:6]] for row in rows}
    for case in (("1", "time-varying"), ("1", "landmark 6"), ("0.6", "time-varying")):
        ratio, error, holds = numbers[case]
        assert abs(np.log(ratio / float(case[0]))) < 3 * error
        assert 93 < holds < 97.5
    assert numbers["1", NAIVE][0] < 0.25
    assert numbers["1", NAIVE][2] == 0
