"""Which columns may be baseline factors, and why the others may not."""

import numpy as np
import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.prognosis.baseline.known_at import not_known, unstated, unstated_note
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.deriving.derived import derive
from haip_outcomes.registry.plan import make_plan

YES = {"levels": {"0": "No", "1": "Yes"}}
PLAN = {
    "cohort": {"name": "Known", "id": "key", "setting": {"value": "unresectable"}},
    "columns": {
        "silent": YES, "baseline": {**YES, "known": "baseline"}, "later": {"label": "Told later", **YES, "known": "later"},
        "converted": {"label": "Conversion", **YES, "known": "resection"}, "resection": {"label": "Resection", "kind": "date"},
        "early": {**YES, "known": "early_date"}, "early_date": {"kind": "date"}, "undated": {"label": "Undated", **YES, "known": "no_date"}, "no_date": {"kind": "date"},
        "side": {"levels": {"1": "Right", "2": "Left"}, "item": "primary_side"}, "systemic": {"label": "Systemic", **YES, "item": "concurrent_systemic"},
        "systemic_before": {**YES, "item": "death_cause", "known": "baseline"},
        "complication": YES, "resected_then": {**YES, "known": "baseline"}, "dead": YES, "months": {"kind": "number"},
        "height": {"kind": "number", "item": "height_cm", "unit": "cm"}, "weight": {"kind": "number", "item": "weight_kg", "unit": "kg"}, "late_number": {"kind": "number", "known": "later"},
    },
    "tables": {"scans": {"sheet": "scans", "columns": {"day": {"kind": "date"}, "recist": {"levels": {"1": "Response", "2": "Stable"}}}},
               "notes": {"sheet": "notes", "columns": {"grade": {"kind": "number", "item": "cycle_dose_mg"}}},
               "plain": {"sheet": "plain", "columns": {"size": {"kind": "number"}}}},
    "derived": {
        "bmi": {"formula": "bmi"}, "any_date": {"label": "Any date", "take": "any", "columns": ["resection"]},
        "any_late": {"label": "Any late", "take": "any", "columns": ["silent", "later"]}, "sum_late": {"take": "sum", "columns": ["height", "late_number"]},
        "response": {"label": "Response", "take": "any", "table": "scans", "where": {"recist": "Response"}},
        "stable": {"take": "any", "table": "scans", "where": {"recist": "Stable"}},
        "soon": {"label": "Soon", "take": "count", "table": "scans", "within": {"start": "pump", "days": 40}},
        "dose": {"label": "Dose", "take": "sum", "table": "notes", "column": "grade"}, "largest": {"take": "highest", "table": "plain", "column": "size"},
        "late_age": {"label": "Days counted", "take": "count", "columns": ["early_date", "resection"]},
    },
    "programme": {"conversion_to_resection": {"label": "Complications", "column": "complication"}, "at_pump": {"label": "Then", "column": "resected_then"}},
    "endpoints": {"os": {"label": "Overall survival", "start": "pump", "last_seen": "seen", "events": {"Death": "death"}, "time_zero": "pump placement"},
                  "from_diagnosis": {"label": "From diagnosis", "start": "diagnosis", "last_seen": "seen", "events": {"Death": "death"}, "entry": "pump"},
                  "flag": {"label": "Flagged", "start": "pump placement", "events": {"Death": {"time": "months", "flag": "dead"}}}},
}  # fmt: skip
PLAN["columns"]["dead"] = {"levels": {"0": "No", "1": "Yes"}}


def date(*days):
    return pd.to_datetime("2020-01-01") + pd.to_timedelta(np.array(days, dtype=float), unit="D")


@pytest.fixture(scope="module")
def cohort():
    n, no = 4, pd.Categorical(["No", "Yes"] * 2, categories=["No", "Yes"])
    nothing = [np.nan] * n
    frame = pd.DataFrame({
        **dict.fromkeys(["silent", "baseline", "later", "converted", "early", "undated", "systemic", "systemic_before", "complication", "resected_then", "dead"], no),
        "side": pd.Categorical(["Right", "Left"] * 2, categories=["Right", "Left"]), "months": 3.0, "height": 170.0, "weight": 80.0, "late_number": 1.0,
        "diagnosis": date(-90, -90, -90, -90), "pump": date(0, 0, 0, 0), "seen": date(400, 500, 600, 700), "death": date(*nothing),
        "resection": date(np.nan, 200, np.nan, 300), "early_date": date(-30, -20, np.nan, 0), "no_date": date(*nothing),
    }, index=pd.Index(range(2, 6), name="row"))  # fmt: skip
    tables = {
        "scans": pd.DataFrame({"patient": [2, 3, 4], "day": date(50, -5, 10), "recist": pd.Categorical(["Response", "Stable", "Response"])}, index=[2, 3, 4]),
        "notes": pd.DataFrame({"patient": [2], "grade": [5.0]}, index=[2]), "plain": pd.DataFrame({"patient": [2], "size": [5.0]}, index=[2]),
    }  # fmt: skip
    plan = make_plan(PLAN)
    made = derive(frame, tables, plan)
    assert set(plan.derived) <= set(made.frame.columns), made.problems
    return Cohort(plan, made.frame.assign(setting="unresectable"), Source("known.csv", "", n), tables=tables)


@pytest.mark.parametrize("column", ["silent", "baseline", "early", "side", "systemic_before", "resected_then", "height", "bmi", "stable", "largest", "setting"])
def test_may_be_a_baseline_factor(cohort, column):
    assert not_known(cohort, "os", column) == ""


@pytest.mark.parametrize(("column", "why"), [
    ("later", 'Told later is known only after time zero (pump placement), says the plan (known = "later")'),
    ("converted", "Conversion became known after time zero (pump placement) in 2 of 4 patients (Resection)"),
    ("undated", "Undated has a value without the date since when (no_date) in 2 of 4 patients"),
    ("systemic", 'Systemic is known only after time zero (pump placement), being the standard item "concurrent_systemic"'),
    ("complication", "complication is counted under [programme.conversion_to_resection], as what comes after time zero (pump placement)"),
    ("dead", "dead tells an event that comes after time zero (Death of Flagged)"),
    ("months", "months tells an event that comes after time zero (Death of Flagged)"),
    ("any_date", "Any date became known after time zero (pump placement) in 2 of 4 patients (Resection)"),
    ("any_late", "Any late is made from Told later, which is known only after time zero"),
    ("sum_late", "sum_late is made from late_number, which is known only after time zero"),
    ("late_age", "Days counted is made from Resection, which is after time zero (pump placement) in 2 of 4 patients"),
    ("response", "Response is made from scans after time zero (pump placement) in 2 of 4 patients"),
    ("soon", "Soon is made from scans after time zero (pump placement) in 1 of 4 patients"),
    ("dose", "Dose is made from notes, which are known only after time zero (pump placement)"),
])  # fmt: skip
def test_may_not(cohort, column, why):
    said = not_known(cohort, "os", column)
    assert said.startswith(why), said
    assert "whoever has it must have been followed until then without the event" in said
    assert "immortal time" in said
    assert f'factors_over_time(cohort, "os", ["{column}"])' in said


def test_the_cure_is_that_of_the_column(cohort):
    assert 'name the date since when it is known (known = "the_date_column" under [columns.later])' in not_known(cohort, "os", "later")
    assert 'make the date since when it is so a derived column (take = "earliest"), and [derived.response] take = "any" of that date' in not_known(cohort, "os", "response")
    assert "Instead, name it in [analysis] later" in not_known(cohort, "os", "converted")


def test_time_zero_is_the_endpoints_own(cohort):
    """What is known before the pump is known after the diagnosis; but nobody was at risk before the entry, which is the pump."""
    assert not_known(cohort, "from_diagnosis", "early") == ""
    unentered = cohort.plan.endpoints["from_diagnosis"].model_copy(update={"entry": None})
    plan = cohort.plan.model_copy(update={"endpoints": {**cohort.plan.endpoints, "from_diagnosis": unentered}})
    late = Cohort(plan, cohort.frame, cohort.source)
    assert "became known after time zero (diagnosis) in 3 of 4 patients" in not_known(late, "from_diagnosis", "early")


def test_times_without_dates_can_not_place_a_date(cohort):
    said = not_known(cohort, "flag", "converted")
    assert "is known from its date on (Resection), and Flagged is kept without the date of time zero" in said
    assert 'give "flag" date columns' in said


def test_what_the_plan_does_not_say(cohort):
    assert unstated(cohort, ["silent", "baseline", "later", "side", "bmi", "setting", "silent", "any_late", "any_date", "stable"]) == ("silent", "any_late")
    assert unstated_note(cohort, ["silent"]) == ('The plan does not say when silent is known: taken as known at time zero. Write known = "baseline" under '
                                                 "[columns.silent] if so.")  # fmt: skip
    assert unstated_note(cohort, ["baseline"]) == ""


def beside(known="baseline", given=None, late=200.0, **derived):
    n = 40
    yes = np.arange(n) % 2 == 1
    plan = make_plan({"cohort": PLAN["cohort"], "endpoints": {"os": PLAN["endpoints"]["os"]},
                      "columns": {"has": {"label": "Has it", **YES, **({"known": known} if known else {})}, "since": {"label": "Since", "kind": "date"}}})  # fmt: skip
    frame = pd.DataFrame({"has": pd.Categorical(np.where(yes, "Yes", "No")), "pump": date(*[0] * n), "seen": date(*[900] * n), "death": date(*[np.nan] * n),
                          "since": date(*np.where(yes if given is None else given(yes), late, np.nan)), "setting": "unresectable"})  # fmt: skip
    return Cohort(plan, frame, Source("t", "", n))


def test_a_level_that_goes_with_a_later_date_is_said():
    said = unstated_note(beside(), ["has"], "os")
    assert said == ('Has it is taken as known at time zero, but the date Since is given in 20 of the 20 with "Yes" and in 0 others, and in 20 patients it lies after time '
                    'zero. If Has it is so only since then, its hazard ratio is flattered by immortal time: write known = "since" under [columns.has].')  # fmt: skip
    assert unstated_note(beside(), ["has"]) == said  # no endpoint asked: later than every time zero
    assert unstated_note(beside(None), ["has"], "os").endswith(said)
    nearly = unstated_note(beside(given=lambda yes: yes & (np.arange(len(yes)) > 2)), ["has"], "os")
    assert 'given in 19 of the 20 with "Yes" and in 0 others, and in 19 patients' in nearly


def test_a_date_that_does_not_go_with_the_level_or_is_no_later_is_not_said():
    assert unstated_note(beside("since"), ["has"], "os") == ""
    assert unstated_note(beside(late=0.0), ["has"], "os") == ""
    assert unstated_note(beside(given=lambda yes: np.ones(len(yes), dtype=bool)), ["has"], "os") == ""
    assert unstated_note(beside(given=lambda yes: np.arange(len(yes)) % 3 == 0), ["has"], "os") == ""
    assert unstated_note(beside(given=lambda yes: yes & (np.arange(len(yes)) < 8)), ["has"], "os") == ""


def test_factors_and_treatments_say_it_too():
    rng = np.random.default_rng(5)
    cohort = beside()
    cohort = Cohort(cohort.plan, cohort.frame.assign(death=date(*rng.integers(210, 890, 40))), cohort.source)
    assert any(note.startswith("Has it is taken as known at time zero") for note in haip.factors(cohort, "os", ["has"]).warnings)


def test_the_demonstration_cohort_has_no_such_column():
    demo = haip.demo_cohort()
    assert unstated_note(demo, demo.plan.analysis.factors, "os") == ""


def test_the_standard_registry_knows_which_of_its_items_come_later():
    from haip_outcomes.registry.items import items

    later = {name for name, item in items().items() if item.known == "later"}
    assert {"conversion_date", "concurrent_systemic", "recist", "clavien_dindo", "cycle_dose_mg", "liver_progression", "death_cause"} <= later
    assert {item.known for item in items().values()} == {"baseline", "later"}
    assert not {name for name in later if items()[name].form == "baseline"}


def test_no_patient_is_told(cohort):
    for column in cohort.plan.columns:
        if column in cohort.frame:
            assert "row" not in not_known(cohort, "os", column)


def test_the_demonstration_cohort_has_its_baseline_factors():
    demo = haip.demo_cohort()
    assert [not_known(demo, "os", name) for name in demo.plan.analysis.factors] == [""] * 4
    assert not_known(demo, "os", "converted_to_resection")
