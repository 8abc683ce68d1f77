"""The checks on the standard registry's own plan, whose ranges are wide and whose formulas refuse what the ranges refuse."""

from dataclasses import replace
from pathlib import Path

import pytest
from any_story import NAMES, story

from haip_outcomes.errors import Problem
from haip_outcomes.registry.checking.checks import besides, broken
from haip_outcomes.registry.deriving.derived import derive
from haip_outcomes.registry.plan import load_plan

PLAN = load_plan(Path(__file__).resolve().parents[2] / "cohorts" / "haip_registry" / "plan.toml")
GOOD = {"record_id": "", "setting": "unresectable", "birth_year": 1956, "sex": "1", "height_cm": 175, "weight_kg": 81, "l3_muscle_area_cm2": 150, "diagnosis_date": "2018-11-20",
        "primary_resection_date": "2018-12-01", "node_positive": "1", "synchronous": "1", "disease_free_interval": 0, "n_metastases": 3, "largest_cm": 3.2, "cea_ug_l": 12,
        "pump_date": "2019-02-01", "conversion_date": None, "first_cycle_date": "2019-03-01", "last_cycle_date": "2019-08-01", "pump_failure_date": None,
        "pump_removal_date": None, "last_imaging_date": "2020-11-01", "last_contact_date": "2021-01-10", "death_date": "2021-01-10", "death_cause": "1", "extrahepatic_disease": "0"}  # fmt: skip
CYCLES = [{"cycle_date": "2019-03-01", "cycle_dose_mg": 200}, {"cycle_date": "2019-08-01", "cycle_dose_mg": 0}]
SCANS = [{"imaging_date": "2020-05-01", "recist": 3, "liver_progression": 0, "extrahepatic_progression": 0, "extrahepatic_site": None},
         {"imaging_date": "2020-11-01", "recist": 4, "liver_progression": 1, "extrahepatic_progression": 0, "extrahepatic_site": None}]  # fmt: skip
PATIENTS = 8


def problems(changes=None, scans=SCANS, cycles=CYCLES, of=range(PATIENTS)):
    """What is said of eight patients; `changes` is what one field, or several, hold in each; the rows of patients `of` are entered."""
    patients = [{**GOOD, "record_id": f"p{i}", **{field: values[i] for field, values in (changes or {}).items()}} for i in range(PATIENTS)]
    rows = {name: [{**row, "patient": i + 2} for i in of for row in own] for name, own in (("imaging", scans), ("cycles", cycles))}
    full = {name: own or [{**more[0], "patient": 2}] for (name, own), more in zip(rows.items(), (SCANS, CYCLES), strict=True)}
    frame, tables = story(patients, PLAN, **full)
    tables = {name: table if rows[name] else table.iloc[:0] for name, table in tables.items()}
    made = derive(frame, tables, PLAN, NAMES)
    found = broken(made.frame, tables, PLAN, NAMES)
    return [*found, *besides(found, made.problems)]


def one(*args, **more):
    (problem,) = problems(*args, **more)
    return problem


def test_good_patients_and_a_held_dose_have_no_problem():
    assert problems() == []


@pytest.mark.parametrize(("changes", "column", "rows", "advice"), [
    ({"largest_cm": [22, 25, 28, 32, 45, 60, 18, 12]}, "largest_cm", (2, 3, 4, 5, 6, 7), "most of this column looks like mm (32 mm is 3.2 cm): convert all of it"),
    ({"disease_free_interval": [0, 0, 130, 200, 400, 657, 150, 90], "synchronous": ["1", "1", *[None] * 6], "primary_resection_date": [None] * 8}, "disease_free_interval",
     (4, 5, 6, 7, 8), "most of this column looks like days"),
    ({"height_cm": [70, 83.3, 90, *[175] * 5], "weight_kg": [172, 172, 172, *[81] * 5]}, "height_cm", (2, 3, 4), "look swapped"),
    ({"height_cm": [68, 69, 70, 71, 66, 65, 67, 64]}, "height_cm", tuple(range(2, 10)), "most of this column looks like inches"),
    ({"birth_year": [67, *[1956] * 7]}, "birth_year", (2,), "looks like an age"),
    ({"weight_kg": [140, 150, 160, 165, 170, 175, 190, 210]}, "weight_kg", tuple(range(2, 10)), "most of this column looks like pounds"),
    ({"height_cm": [240, 245, 250, 240, 245, 250, 240, 245], "weight_kg": [60] * 8, "l3_muscle_area_cm2": [None] * 8}, "weight_kg", tuple(range(2, 10)), "or of height_cm, looks like another unit"),
])  # fmt: skip
def test_another_unit_is_one_error_of_the_column(changes, column, rows, advice):
    found = [problem for problem in problems(changes) if problem.severity == "error"]
    assert [(problem.column, problem.rows) for problem in found] == [(column, rows)]
    assert advice in found[0].advice


def test_a_heavy_patient_is_a_warning_and_height_that_is_no_inch_is_none():
    assert [(p.severity, p.rows) for p in problems({"weight_kg": [190, *[81] * 7]})] == [("warning", (2,))]
    found = problems({"height_cm": [83.3, *[175] * 7]})
    assert [(p.column, p.rows) for p in found if p.severity == "error"] == [("height_cm", (2,))]
    assert "inches" not in str(found)  # 83.3 inches are 212 cm


# ---- an export without its rows ----


def test_an_export_without_its_scans_is_refused_once():
    problem = one(scans=[])
    assert (problem.table, problem.severity, problem.rows) == (NAMES["imaging"], "error", ())
    assert problem.advice.startswith("no rows of imaging: was the instrument")
    assert "8 patients" in problem.expected


def test_no_rows_are_right_where_nobody_could_be_imaged_since_the_pump():
    never = {"last_imaging_date": ["2019-02-01"] * PATIENTS, "death_date": [None] * PATIENTS, "death_cause": [None] * PATIENTS}
    soon = {**never, "last_contact_date": ["2019-05-01"] * PATIENTS}
    assert [p for p in problems(soon, scans=[]) if "rows of imaging" in p.advice] == []
    (problem,) = [p for p in problems(never, scans=[]) if "rows of imaging" in p.advice]  # followed for two years without a scan
    assert (problem.severity, problem.rows) == ("error", ())
    assert "more than 180 days after the pump in 8 patients" in problem.expected


def test_patients_followed_for_long_without_any_imaging_are_named():
    """An empty date of imaging and no scans would count as a follow-up of 0 days in silence."""
    empty = {"last_imaging_date": [None, *["2020-11-01"] * (PATIENTS - 1)]}
    found = [p for p in problems(empty, of=range(1, PATIENTS)) if p.column == "last_imaging_date"]
    assert [(p.severity, p.rows) for p in found] == [("warning", (2,))]


def test_without_cycles_that_no_endpoint_needs_it_is_a_warning_of_the_patients():
    found = problems(cycles=[])
    assert [(p.table, p.column, p.severity, p.rows) for p in found] == [(NAMES[""], "first_cycle_date", "warning", tuple(range(2, 10)))]
    never = {"first_cycle_date": [None] * PATIENTS, "last_cycle_date": [None] * PATIENTS}
    assert problems(never, cycles=[]) == []


def test_a_patient_without_rows_is_a_warning():
    found = problems(of=range(PATIENTS - 1))
    assert sorted((p.column, p.severity, p.rows) for p in found) == [("first_cycle_date", "warning", (9,)), ("last_imaging_date", "warning", (9,))]


# ---- one fault, one problem ----


def test_a_record_without_its_baseline_is_one_problem():
    """Its rows of cycles and imaging stay, and its boxes are unticked."""
    empty = {field: [None, *[value] * (PATIENTS - 1)] for field, value in GOOD.items() if field != "record_id"}
    problem = one({**empty, "concurrent_procedure___1": ["0"] * PATIENTS})
    assert (problem.column, problem.rows, problem.severity) == ("setting", (2,), "error")
    assert "no baseline, only repeating rows" in problem.advice
    known = problems({**empty, "setting": ["adjuvant", *["unresectable"] * 7]})  # a setting is a baseline
    assert all("no baseline" not in p.advice for p in known)


def test_a_scan_without_its_date_is_told_once():
    problem = one(scans=[{**SCANS[0], "imaging_date": None, "recist": 4, "liver_progression": 1}, SCANS[1]])
    assert (problem.table, problem.column, problem.expected) == (NAMES["imaging"], "imaging_date", "a date in every row")


def test_a_row_after_the_death_says_so():
    problem = one(scans=[SCANS[0], {**SCANS[1], "imaging_date": "2021-02-09"}])
    assert (problem.column, problem.expected) == ("imaging_date", "not after death_date")
    assert problem.cells[0].splitlines()[1:3] == ["death_date: 2021-01-10", "last_contact_date: 2021-01-10"]
    alive = {"death_date": [None] * PATIENTS, "death_cause": [None] * PATIENTS}
    problem = one(alive, cycles=[CYCLES[0], {**CYCLES[1], "cycle_date": "2021-02-09"}])
    assert (problem.table, problem.expected) == (NAMES["cycles"], "not after last_contact_date")


def test_besides_keeps_what_is_not_said_already():
    table = NAMES[""]
    error = Problem(table, "height_cm", (2, 3), "1.75", "", "", cells=("1.75", "1.8"))
    warning = replace(error, severity="warning")
    assert besides([error], [error, warning]) == []
    assert besides([warning], [warning]) == []
    assert besides([warning], [error]) == [error]  # a warning never hides an error
    assert besides([replace(error, rows=(3,))], [error]) == [replace(error, rows=(2,), cells=("1.75",))]
    assert besides([replace(error, column="weight_kg")], [error]) == [error]
    whole = Problem(table, "", (), "", "the file", "")  # of no row: never covered
    assert besides([error], [whole]) == [whole]
