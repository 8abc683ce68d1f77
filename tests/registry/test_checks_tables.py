"""Rules on complications, cycles and imaging, and on what they and the patients' table say together."""

import numpy as np
import pandas as pd
import pytest
from any_story import ALL_ITEMS, NAMES, NO_DATES, PLAN, problems_in, story
from hypothesis import given, settings
from hypothesis import strategies as st

from haip_outcomes.errors import Problem
from haip_outcomes.registry.checking.checks import broken
from haip_outcomes.registry.checking.owners import with_patients
from haip_outcomes.registry.checking.story_dates import related_dates
from haip_outcomes.registry.plan import make_plan

# every date that a related row is compared with, in order
PATIENT = {
    "setting": "unresectable", "pump_date": "2019-02-01", "first_cycle_date": "2019-03-01", "last_cycle_date": "2019-08-01", "pump_failure_date": "2019-10-01",
    "pump_removal_date": "2019-12-01", "last_imaging_date": "2020-11-01", "last_contact_date": "2021-01-10", "death_date": "2021-01-10", "death_cause": 1,
    "liver_event_date": "2020-11-01", "extrahepatic_event_date": "2020-11-01", "weight_kg": 80, "liver_treatment": 0,
}  # fmt: skip
CYCLES = [{"cycle_date": "2019-03-01", "cycle_dose_mg": 200}, {"cycle_date": "2019-08-01", "cycle_dose_mg": 150}]
SCAN = {"imaging_date": "2020-11-01", "recist": 4, "liver_progression": 1, "extrahepatic_progression": 1, "extrahepatic_site": 1}
COMPLICATION = {"complication_date": "2019-02-11", "complication_kind": 6, "clavien_dindo": 3, "salvaged": 1, "reoperation": 0}


def one(patient, **tables):
    (problem,) = problems_in(patient, **tables)
    return problem


def test_a_good_story_has_no_problem():
    assert problems_in(PATIENT, cycles=CYCLES, imaging=[SCAN], complications=[COMPLICATION]) == []


RELATED = [(kind, rule) for kind in ("complications", "cycles", "imaging") for rule in related_dates(kind, kind)]


@pytest.mark.parametrize(("kind", "rule"), RELATED, ids=lambda value: value if isinstance(value, str) else " ".join(value.order))
def test_every_date_of_a_row_against_the_patients_on_the_same_day_and_one_day_off(kind, rule):
    own = rule.column
    other = next(key for key in rule.order if key != own)
    patient = {"setting": "unresectable", "pump_removal_date": None}
    fill = {"first_cycle_date": {"pump_date": "2019-05-02"}}.get(other, {})
    row = {"imaging": {"recist": 3}, "cycles": {}, "complications": {"complication_kind": 6}}[kind]
    assert problems_in({**patient, **fill, other: "2019-05-02"}, NO_DATES, **{kind: {own: "2019-05-02", **row}}) == []
    wrong = "2019-05-01" if own == rule.order[1] else "2019-05-03"
    found = problems_in({**patient, other: "2019-05-02"}, NO_DATES, **{kind: {own: wrong, **row}})
    (problem,) = [problem for problem in found if problem.kind == "dates out of order"]
    assert (problem.table, problem.column, problem.rows, problem.patients) == (NAMES[kind], own, (2,), (2,))
    assert (problem.found, problem.severity, problem.cells) == (wrong, rule.severity, (f"{wrong}\n{other}: 2019-05-02",))
    assert problem.expected == f"not {'before' if own == rule.order[1] else 'after'} {other}"


def test_a_last_contact_before_many_rows_is_the_one_to_blame():
    scans = [{**SCAN, "imaging_date": f"2020-0{month}-01"} for month in (3, 4, 5, 6)]
    patient = {"setting": "unresectable", "pump_date": "2019-02-01", "last_imaging_date": "2020-06-01", "last_contact_date": "2020-01-10"}
    problem = one(patient, imaging=[{**scan, "recist": 3, "liver_progression": 0, "extrahepatic_progression": 0, "extrahepatic_site": None} for scan in scans])
    assert (problem.table, problem.column, problem.expected) == (NAMES[""], "last_contact_date", "no other date after it")
    assert "imaging_date in Imaging" in problem.advice


def test_a_row_that_contradicts_many_dates_is_one_problem():
    problem = one(PATIENT, cycles=[*CYCLES, {"cycle_date": "2091-07-01"}])
    assert (problem.table, problem.column, problem.rows, problem.found) == (NAMES["cycles"], "cycle_date", (4,), "2091-07-01")
    assert problem.patients == (2,)


def test_rows_of_one_patient_say_nothing_of_another():
    patients = [{**PATIENT, "pump_date": "2019-02-01"}, {**PATIENT, "pump_date": "2019-02-20", "first_cycle_date": "2019-03-01"}]
    rows = [{**COMPLICATION, "patient": 2}, {**COMPLICATION, "patient": 3}]
    problem = one(patients, complications=rows)
    assert (problem.rows, problem.patients) == ((3,), (3,))


def test_a_row_of_nobody():
    frame, tables = story(PATIENT, cycles=[*CYCLES, {"cycle_date": "2019-05-01", "patient": 99}, {"cycle_date": "1950-05-01", "patient": None}])
    (problem,) = broken(frame, tables, PLAN, NAMES)
    assert (problem.table, problem.column, problem.rows, problem.found, problem.patients) == (NAMES["cycles"], "record_id", (4, 5), "", (0, 0))
    known = [Problem(NAMES["cycles"], "record_id", (4, 5), "a key that no patient has", "", "")]  # already said when the table was read
    assert broken(frame, tables, PLAN, NAMES, known) == []


CASES = {
    "cycles and no first cycle": ({**PATIENT, "first_cycle_date": None}, {"cycles": CYCLES}, "first_cycle_date", "empty", "error", "give the date of the first"),
    "a first cycle that is not among the cycles": ({**PATIENT, "first_cycle_date": "2019-02-27"}, {"cycles": CYCLES}, "first_cycle_date", "2019-02-27", "warning", "none on that day"),
    "a last cycle that is not among the cycles": ({**PATIENT, "last_cycle_date": "2019-08-02"}, {"cycles": CYCLES}, "last_cycle_date", "2019-08-02", "warning", "none on that day"),
    "a last imaging that is not among the imaging": ({**PATIENT, "last_imaging_date": "2020-11-02"}, {"imaging": [SCAN]}, "last_imaging_date", "2020-11-02", "warning", "none on that day"),
    "cycles of a comparator": ({"setting": "comparator"}, {"cycles": CYCLES}, "setting", "comparator", "error", "without a pump"),
    "grade V and no death": ({**PATIENT, "death_date": None, "death_cause": None}, {"complications": {**COMPLICATION, "clavien_dindo": 7}}, "death_date", "empty", "error", "grade V"),
    "grade V and another death": (PATIENT, {"complications": {**COMPLICATION, "clavien_dindo": 7}}, "death_cause", "Liver metastases", "warning", "led to death"),
    "progression that no imaging shows": ({**PATIENT, "liver_event_date": "2020-10-31"}, {"imaging": [SCAN]}, "liver_event_date", "2020-10-31", "warning", "that no imaging shows"),
    "liver progression without its date": ({**PATIENT, "liver_event_date": None}, {"imaging": [SCAN]}, "liver_event_date", "empty", "error", "imaging shows liver progression"),
    "extrahepatic progression without its date": ({**PATIENT, "extrahepatic_event_date": None}, {"imaging": [SCAN]}, "extrahepatic_event_date", "empty", "error", "extrahepatic"),
    "a complication twice": (PATIENT, {"complications": [COMPLICATION, COMPLICATION]}, "complication_date", "2019-02-11", "error", "same complication"),
    "a cycle twice": (PATIENT, {"cycles": [*CYCLES, {**CYCLES[0], "cycle_dose_mg": 100}]}, "cycle_date", "2019-03-01", "error", "two cycles"),
    "a scan twice": (PATIENT, {"imaging": [SCAN, SCAN]}, "record_id", "", "warning", "keep one of each"),
    "a complication without a date": (PATIENT, {"complications": {**COMPLICATION, "complication_date": None}}, "complication_date", "empty", "warning", "give the date"),
    "a dose of 8.5 mg/kg": ({**PATIENT, "weight_kg": 60}, {"cycles": [CYCLES[0], {**CYCLES[1], "cycle_dose_mg": 505}]}, "cycle_dose_mg", "505", "warning", "0.6 mg/kg"),
    "a dose in g": (PATIENT, {"cycles": [CYCLES[0], {**CYCLES[1], "cycle_dose_mg": 0.2}]}, "cycle_dose_mg", "0.2", "warning", "looks like g"),
    "a small dose in g": (PATIENT, {"cycles": [CYCLES[0], {**CYCLES[1], "cycle_dose_mg": 0.05}]}, "cycle_dose_mg", "0.05", "warning", "looks like g"),
    "a dose in µg": (PATIENT, {"cycles": [CYCLES[0], {**CYCLES[1], "cycle_dose_mg": 200000}]}, "cycle_dose_mg", "200000", "error", "looks like µg"),
    "cycles on neighbouring days": (PATIENT, {"cycles": [*CYCLES, {**CYCLES[0], "cycle_date": "2019-03-07"}]}, "cycle_date", "2019-03-07", "warning", "neighbouring days"),
    "imaging without a scan": ([PATIENT, {**PATIENT, "liver_event_date": None, "extrahepatic_event_date": None}], {"imaging": SCAN}, "last_imaging_date", "2020-11-01", "warning",
                               "no row of imaging"),
    "followed for long and never imaged": ([PATIENT, {**PATIENT, "last_imaging_date": None, "liver_event_date": None, "extrahepatic_event_date": None}], {"imaging": SCAN},
                                           "last_imaging_date", "empty", "warning", "neither a date of imaging nor a scan"),
    "a first cycle without cycles": ([PATIENT, {**PATIENT, "last_cycle_date": None}], {"cycles": CYCLES}, "first_cycle_date", "2019-03-01", "warning", "no row of cycles"),
    "a dose of 5 mg": (PATIENT, {"cycles": [CYCLES[0], {**CYCLES[1], "cycle_dose_mg": 5}]}, "cycle_dose_mg", "5", "warning", "can it be true"),
    "progressive disease nowhere": ({"liver_treatment": 0}, {"imaging": {**SCAN, "liver_progression": 0, "extrahepatic_progression": 0, "extrahepatic_site": None}}, "recist",
                                    "Progressive disease", "warning", "say where"),
    "a response with progression in the liver": (PATIENT, {"imaging": {**SCAN, "recist": 2}}, "recist", "Partial response", "warning", "the response"),
    "a site of no progression": ({"liver_treatment": 0}, {"imaging": {**SCAN, "extrahepatic_progression": 0}}, "extrahepatic_site", "Lung", "warning", "the flag"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_breaks_a_rule_is_one_problem(name):
    patient, tables, column, found, severity, advice = CASES[name]
    problem = one(patient, **tables)
    assert (problem.column, problem.found, problem.severity) == (column, found, severity)
    assert advice in problem.advice
    if problem.table != NAMES[""]:
        assert problem.patients == tuple(2 for _ in problem.rows)
    elif isinstance(patient, list):
        assert problem.rows == (3,)


RIGHT = {
    "two kinds on one day": {"complications": [COMPLICATION, {**COMPLICATION, "complication_kind": 3}]},
    "the same kind on another day": {"complications": [COMPLICATION, {**COMPLICATION, "complication_date": "2019-02-12"}]},
    "two other complications on one day": {"complications": [{**COMPLICATION, "complication_kind": 90}, {**COMPLICATION, "complication_kind": 90, "clavien_dindo": 1}]},
    "two scans on one day": {"imaging": [SCAN, {**SCAN, "extrahepatic_site": 2}]},
    "a held dose": {"cycles": [CYCLES[0], {**CYCLES[1], "cycle_dose_mg": 0}]},
    "cycles a week apart": {"cycles": [*CYCLES, {**CYCLES[0], "cycle_date": "2019-03-08"}]},
    "a dose of 8.4 mg/kg": {"cycles": [CYCLES[0], {**CYCLES[1], "cycle_dose_mg": 600}]},
    "the highest grade of the living": {"complications": {**COMPLICATION, "clavien_dindo": 6}},
    "a response that can't be told": {"imaging": {**SCAN, "recist": 9}},
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_the_nearest_case_is_no_problem(name):
    assert problems_in(PATIENT, **RIGHT[name]) == []


def test_death_by_treatment_after_grade_five():
    assert problems_in({**PATIENT, "death_cause": 3}, complications={**COMPLICATION, "clavien_dindo": 7}) == []


@pytest.mark.parametrize(("days", "expected"), [(0, 0), (30, 0), (31, 1), (-1, 1)])
def test_progression_up_to_thirty_days_after_the_imaging_that_shows_it(days, expected):
    event = str((pd.Timestamp("2020-05-01") + pd.Timedelta(days=days)).date())
    patient = {"setting": "unresectable", "pump_date": "2019-02-01", "liver_event_date": event}
    found = problems_in(patient, imaging={"imaging_date": "2020-05-01", "recist": 4})
    assert len([p for p in found if "no imaging shows" in p.advice]) == expected


def test_progression_on_a_scan_before_the_pump_needs_no_date():
    patient = {"setting": "unresectable", "pump_date": "2019-02-01", "liver_event_date": None}
    before = {**SCAN, "imaging_date": "2019-01-31", "extrahepatic_progression": 0, "extrahepatic_site": None}
    assert [p.expected for p in problems_in(patient, imaging=before)] == ["not before pump_date"]  # a warning on the scan itself
    found = problems_in(patient, imaging={**before, "imaging_date": "2019-02-01"})
    assert [(p.column, p.severity) for p in found] == [("liver_event_date", "error")]


def test_progression_later_than_the_first_imaging_that_flags_it():
    scans = [{**SCAN, "imaging_date": "2020-08-01"}, SCAN]
    found = problems_in(PATIENT, imaging=scans)
    assert [(p.column, p.severity) for p in found] == [("liver_event_date", "warning"), ("extrahepatic_event_date", "warning")]
    assert "earlier imaging shows it" in found[0].advice


def test_a_derived_date_is_blamed_where_it_stands_in_the_file():
    columns = {name: column for name, column in ALL_ITEMS["columns"].items() if name != "last_imaging_date"}
    derived = {"last_imaging_date": {"label": "Last imaging", "take": "latest", "table": "imaging", "column": "imaging_date"}}
    plan = make_plan({**ALL_ITEMS, "columns": columns, "derived": derived})
    patient = {name: value for name, value in PATIENT.items() if name not in ("liver_event_date", "extrahepatic_event_date", "death_date", "death_cause")}
    rows = [SCAN | {"imaging_date": "2020-10-01"}, SCAN | {"imaging_date": "2021-03-01"}]
    frame, tables = story({**patient, "last_imaging_date": "2021-03-01"}, plan, imaging=rows)
    (problem,) = [p for p in broken(frame, tables, plan, NAMES) if p.kind == "dates out of order"]
    assert (problem.table, problem.column, problem.rows, problem.patients) == (NAMES["imaging"], "imaging_date", (3,), (2,))
    assert problem.expected == "not after last_contact_date"


def test_what_follows_from_an_unreadable_row_is_not_said_of_the_patient():
    unreadable = [Problem(NAMES["cycles"], "cycle_date", (2,), "01.03.19", "a date", "")]
    rows = [{"cycle_date": None}, CYCLES[1]]
    frame, tables = story(PATIENT, cycles=rows)
    assert broken(frame, tables, PLAN, NAMES, unreadable) == []
    (problem,) = broken(frame, tables, PLAN, NAMES)  # empty: the row without a date may be the first cycle
    assert (problem.table, problem.column, problem.severity) == (NAMES["cycles"], "cycle_date", "warning")


def test_the_ranges_of_a_related_tables_own_columns():
    columns = {**ALL_ITEMS["tables"]["cycles"]["columns"], "flow_rate": {"kind": "number", "range": [0.5, 3], "unit": "mL/day"}}
    plan = make_plan({**ALL_ITEMS, "tables": {"cycles": {"sheet": "cycles", "columns": columns}}})
    problem = problems_in({"setting": "unresectable"}, plan, cycles=[{"cycle_date": "2019-03-01", "flow_rate": 1.2}, {"cycle_date": "2019-04-01", "flow_rate": 12}])
    assert [(p.table, p.column, p.rows, p.expected) for p in problem] == [(NAMES["cycles"], "flow_rate", (3,), "0.5 to 3 mL/day")]


def test_two_entries_of_one_month_without_a_day_are_not_the_same():
    march = {"cycle_date": "2019-03-15"}
    days = pd.DataFrame({"table": "cycles", "row": [2, 3], "column": "cycle_date", "earliest": pd.to_datetime("2019-03-01"), "latest": pd.to_datetime("2019-03-31")})
    assert {p.severity for p in problems_in({"setting": "unresectable"}, cycles=[march, march])} == {"error"}
    found = problems_in({"setting": "unresectable"}, cycles=[march, march], partial=days)
    assert {p.severity for p in found} == {"warning"}
    assert all("give the day" in p.advice or "keep one of each" in p.advice for p in found)


def test_a_table_of_nothing_and_a_plan_without_its_items():
    frame, tables = story(PATIENT, cycles=CYCLES)
    (problem,) = broken(frame, {"cycles": tables["cycles"].iloc[:0]}, PLAN, NAMES)  # no endpoint is made from it: a warning of the patient
    assert (problem.column, problem.severity, problem.rows) == ("first_cycle_date", "warning", (2,))
    assert broken(frame, {"cycles": tables["cycles"].drop(columns="patient")}, PLAN, NAMES) == []
    assert broken(frame.iloc[:0], {"cycles": tables["cycles"].iloc[:0]}, PLAN, NAMES) == []


def test_a_key_in_a_related_table_is_not_shown():
    plan = make_plan({**ALL_ITEMS, "tables": {"notes": {"sheet": "notes", "columns": {"score": {"kind": "number", "range": [0, 5]}, "remark": {"kind": "text"}}}}})
    frame, tables = story({"setting": "unresectable"}, plan, notes=[{"score": 7, "remark": "as MRN-12345"}, {"score": 7, "remark": "as MRN-12345"}])
    text = str(broken(frame, tables, plan, NAMES, keys=frozenset({"MRN-12345"})))
    assert "0 to 5" in text
    assert "MRN-12345" not in text


DATES = st.dates(pd.Timestamp("2018-06-01").date(), pd.Timestamp("2021-12-31").date()).map(str)
STORIES = st.lists(st.tuples(
    st.fixed_dictionaries({"setting": st.sampled_from(["adjuvant", "unresectable"]), "pump_date": DATES, "pump_removal_date": st.none() | DATES, "last_contact_date": DATES}),
    st.lists(st.fixed_dictionaries({"cycle_date": st.none() | DATES, "cycle_dose_mg": st.sampled_from([0.2, 150.0, 200.0])}), max_size=4),
), min_size=1, max_size=4)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(STORIES, st.randoms(use_true_random=False))
def test_rows_in_another_order_give_the_same_problems(told, random):
    rows = [{**row, "patient": place + 2} for place, (_, cycles) in enumerate(told) for row in cycles] or [{"cycle_date": None, "cycle_dose_mg": 150.0}]
    frame, tables = story([patient for patient, _ in told], cycles=rows)
    order, related = list(range(len(frame))), list(range(len(rows)))
    random.shuffle(order)
    random.shuffle(related)
    first = broken(frame, tables, PLAN, NAMES)
    again = broken(frame.iloc[order], {"cycles": tables["cycles"].iloc[related]}, PLAN, NAMES)

    def facts(found):
        return sorted((p.table, p.column, p.expected, p.severity, tuple(sorted(zip(p.rows, p.patients or p.rows, strict=True)))) for p in found)

    assert facts(again) == facts(first)
    blamed = {(problem.table, row, problem.column) for problem in first for row in problem.rows}
    cycles = tables["cycles"].join(frame, on="patient")  # brute force, with pandas
    for row in cycles.index[cycles["cycle_date"] < cycles["pump_date"]]:
        patient = int(cycles.at[row, "patient"])
        assert blamed & {(NAMES["cycles"], row, "cycle_date"), (NAMES[""], patient, "pump_date")}
    assert all(np.isin(p.patients, [0, *frame.index]).all() for p in first)


def test_whose_row_an_unreadable_cell_is():
    _, tables = story([PATIENT, PATIENT], cycles=[{**CYCLES[0], "patient": 3}, {**CYCLES[0], "patient": None}])
    found = [Problem(NAMES["cycles"], "cycle_date", (2, 3), "soon", "a date", ""), Problem(NAMES[""], "pump_date", (2,), "soon", "a date", "")]
    of_cycles, own = with_patients(found, tables, NAMES)
    assert of_cycles.patients == (3, 0)
    assert own == found[1]
