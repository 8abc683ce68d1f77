"""Each clinical rule of the patients' table: a case that breaks it, and the nearest one that does not."""

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from any_story import ALL_ITEMS, NAMES, NO_DATES, PLAN, problems_in, story
from hypothesis import given, settings
from hypothesis import strategies as st

from haip_outcomes.errors import Problem
from haip_outcomes.registry.checking.checks import broken
from haip_outcomes.registry.checking.rule import Rule, violations
from haip_outcomes.registry.checking.story_dates import patients_dates
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.read import read_cohort

ADJUVANT, UNRESECTABLE, COMPARATOR = ({"setting": name} for name in ("adjuvant", "unresectable", "comparator"))
GOOD = {
    "setting": "adjuvant", "birth_year": 1956, "sex": 1, "height_cm": 175, "weight_kg": 81, "l3_muscle_area_cm2": 150.2, "diagnosis_date": "2018-11-20",
    "primary_resection_date": "2017-02-01", "node_positive": 1, "synchronous": 0, "disease_free_interval_months": 21.6, "n_metastases": 3, "largest_cm": 3.2,
    "bilobar": 1, "cea_ug_l": 12.5, "extrahepatic_disease": 0, "prior_lines": 1, "pump_date": "2019-02-01", "liver_treatment": 1,
    "liver_treatment_date": "2019-02-01", "complete_clearance": 1, "first_cycle_date": "2019-03-01", "last_cycle_date": "2019-08-01", "concurrent_systemic": 1,
    "systemic_start_date": "2019-03-15", "systemic_end_date": "2019-09-01", "pump_failure_date": "2019-10-01", "pump_removal_date": "2019-12-01",
    "last_imaging_date": "2020-11-01", "last_contact_date": "2021-01-10", "death_date": "2021-01-10", "death_cause": 1,
}  # fmt: skip


def one(patient, **tables):
    (problem,) = problems_in(patient, **tables)
    return problem


def test_a_good_story_has_no_problem():
    assert problems_in(GOOD) == []


# what breaks a rule, the nearest that does not, and what is said of it: column, found, severity, and words of the advice
CASES = {
    "muscle area in mm²": ({"l3_muscle_area_cm2": 15020}, {"l3_muscle_area_cm2": 150.2}, "l3_muscle_area_cm2", "15020", "error", "looks like mm²"),
    "muscle area, impossible": ({"l3_muscle_area_cm2": 401}, {"l3_muscle_area_cm2": 280}, "l3_muscle_area_cm2", "401", "error", "typing error"),
    "muscle area, hard to believe": ({"l3_muscle_area_cm2": 281}, {"l3_muscle_area_cm2": 280}, "l3_muscle_area_cm2", "281", "warning", "can it be true"),
    "lesion in mm, impossible": ({"largest_cm": 32}, {"largest_cm": 20}, "largest_cm", "32", "error", "looks like mm (32 mm is 3.2 cm)"),
    "lesion in mm, possible": ({"largest_cm": 25}, {"largest_cm": 20}, "largest_cm", "25", "warning", "looks like mm"),
    "height in m": ({"height_cm": 1.75}, {"height_cm": 175}, "height_cm", "1.75", "error", "looks like m (1.75 m is 175 cm)"),
    "height in mm": ({"height_cm": 1750}, {"height_cm": 140}, "height_cm", "1750", "error", "looks like mm"),
    "height in inches": ({"height_cm": 69}, {"height_cm": 210}, "height_cm", "69", "error", "looks like inches"),
    "weight in grams": ({"weight_kg": 80000}, {"weight_kg": 38}, "weight_kg", "80000", "error", "looks like g"),
    "weight in pounds": ({"weight_kg": 190}, {"weight_kg": 180}, "weight_kg", "190", "warning", "looks like pounds"),
    "weight in pounds, impossible": ({"weight_kg": 390}, {"weight_kg": 38}, "weight_kg", "390", "error", "looks like pounds"),
    "days where months are declared, possible": ({"disease_free_interval_months": 200}, {"disease_free_interval_months": 120}, "disease_free_interval_months", "200", "warning",
                                                 "looks like days"),
    "weight of 83.3 kg as height": ({"height_cm": 83.3, "weight_kg": 172}, {"height_cm": 172, "weight_kg": 83.3}, "height_cm", "83.3", "error", "look swapped"),
    "83.3, no height in inches": ({"height_cm": 83.3}, {"height_cm": 140}, "height_cm", "83.3", "error", "typing error"),
    "height and weight swapped": ({"height_cm": 70, "weight_kg": 172}, {"height_cm": 172, "weight_kg": 70}, "height_cm", "70", "error", "look swapped (height_cm, weight_kg)"),
    "days where months are declared": ({"disease_free_interval_months": 657}, {"disease_free_interval_months": 120}, "disease_free_interval_months", "657", "error",
                                       "looks like days"),
    "an age as year of birth": ({"birth_year": 61}, {"birth_year": 1961}, "birth_year", "61", "error", "looks like an age"),
    "a year of birth in the future": ({"birth_year": 2019.5}, {"birth_year": 1990}, "birth_year", "2019.5", "error", "correct it"),
    "born after the pump": ({"birth_year": 2015, "pump_date": "2014-01-01"}, {"birth_year": 1974, "pump_date": "2014-01-01"}, "birth_year", "-1 years old", "error",
                            "correct the year of birth, or pump_date"),
    "a child": ({"birth_year": 1999, "pump_date": "2016-01-01"}, {"birth_year": 1999, "pump_date": "2017-01-01"}, "birth_year", "17 years old", "warning", "can it be true"),
    "older than 90": ({"birth_year": 1925, "diagnosis_date": "2016-01-01"}, {"birth_year": 1925, "diagnosis_date": "2015-12-31"}, "birth_year", "91 years old", "warning", ""),
    "half a metastasis": ({"n_metastases": 2.5}, {"n_metastases": 2}, "n_metastases", "2.5", "error", "correct it"),
    "a size of 0 of two metastases": ({"largest_cm": 0, "n_metastases": 2}, {"largest_cm": 0.2, "n_metastases": 2}, "largest_cm", "0", "warning", "give the size"),
    "a size of 0 of nobody knows how many": ({"largest_cm": 0, "n_metastases": None}, {"largest_cm": None, "n_metastases": 2}, "largest_cm", "0", "warning", "give the size"),
    "no metastasis": ({"largest_cm": 0, "n_metastases": 0}, {"largest_cm": 0.2, "n_metastases": 1}, "n_metastases", "0", "warning", "can it be true"),
    "CEA, impossible": ({"cea_ug_l": -1}, {"cea_ug_l": 0}, "cea_ug_l", "-1", "error", "typing error"),
    "CEA, hard to believe": ({"cea_ug_l": 5001}, {"cea_ug_l": 5000}, "cea_ug_l", "5001", "warning", "can it be true"),
    "body mass index": ({"height_cm": 200, "weight_kg": 55.9}, {"height_cm": 200, "weight_kg": 56}, "weight_kg", "14.0 kg/m²", "warning", "height or weight"),
    "muscle index": ({"height_cm": 200, "l3_muscle_area_cm2": 79}, {"height_cm": 200, "l3_muscle_area_cm2": 80}, "l3_muscle_area_cm2", "19.8 cm²/m²", "warning", "muscle area"),
    "one metastasis in both lobes": ({"bilobar": 1, "n_metastases": 1}, {"bilobar": 1, "n_metastases": 2}, "bilobar", "Yes", "warning", "one of the two"),
    "synchronous after years": ({"synchronous": 1, "disease_free_interval_months": 12.1}, {"synchronous": 1, "disease_free_interval_months": 12}, "disease_free_interval_months",
                                "12.1", "warning", "interval of 0"),
    "an interval that the dates contradict": ({"disease_free_interval_months": 10.0, "primary_resection_date": "2018-01-01", "diagnosis_date": "2019-01-01"},
                                              {"disease_free_interval_months": 10.6, "primary_resection_date": "2018-01-01", "diagnosis_date": "2019-01-01"},
                                              "disease_free_interval_months", "10", "warning", "more than 1.5 months"),
    "metachronous, found first": ({"synchronous": 0, "primary_resection_date": "2019-01-02", "diagnosis_date": "2019-01-01"},
                                  {"synchronous": 0, "primary_resection_date": "2019-01-01", "diagnosis_date": "2019-01-01"}, "primary_resection_date", "2019-01-02", "warning",
                                  "synchronous"),
    "adjuvant, not cleared": ({**ADJUVANT, "complete_clearance": 0}, {**UNRESECTABLE, "complete_clearance": 0}, "complete_clearance", "No", "error", "unresectable"),
    "adjuvant, clearance not known": ({**ADJUVANT, "complete_clearance": None}, {**ADJUVANT, "complete_clearance": 1}, "complete_clearance", "empty", "warning", "was left"),
    "adjuvant, liver not treated": ({**ADJUVANT, "liver_treatment": 0}, {**ADJUVANT, "liver_treatment": 2}, "liver_treatment", "None", "error", "the setting"),
    "adjuvant, cleared 91 days after": ({**ADJUVANT, "pump_date": "2019-01-01", "liver_treatment_date": "2019-04-02"},
                                        {**UNRESECTABLE, "pump_date": "2019-01-01", "liver_treatment_date": "2019-04-02"}, "liver_treatment_date", "91 days after pump",
                                        "error", "stays unresectable"),
    "adjuvant, cleared 90 days after": ({**ADJUVANT, "pump_date": "2019-01-01", "liver_treatment_date": "2019-04-01"},
                                        {**ADJUVANT, "pump_date": "2019-01-01", "liver_treatment_date": "2019-01-01"}, "liver_treatment_date", "90 days after pump", "warning",
                                        "pump first"),
    "adjuvant, cleared long before": ({**ADJUVANT, "pump_date": "2019-06-30", "liver_treatment_date": "2018-12-31"},
                                      {**ADJUVANT, "pump_date": "2019-06-30", "liver_treatment_date": "2019-01-01"}, "liver_treatment_date", "181 days before pump", "warning",
                                      "to which the pump belongs"),
    "unresectable, cleared at placement": ({**UNRESECTABLE, "complete_clearance": 1, "pump_date": "2019-01-02", "liver_treatment_date": "2019-01-02"},
                                           {**UNRESECTABLE, "complete_clearance": 1, "pump_date": "2019-01-02", "liver_treatment_date": "2019-01-03"},
                                           "complete_clearance", "Yes", "error", "adjuvant patient"),
    "adjuvant, converted": ({**ADJUVANT, "conversion_date": "2019-06-01"}, {**UNRESECTABLE, "conversion_date": "2019-06-01"}, "conversion_date", "2019-06-01", "error", "setting"),
    "comparator with a first cycle": ({**COMPARATOR, "first_cycle_date": "2019-06-01"}, {**ADJUVANT, "first_cycle_date": "2019-06-01", "pump_date": "2019-05-01"}, "setting", "comparator", "error", "a first cycle is recorded of a patient without a pump"),
    "comparator with a last cycle": ({**COMPARATOR, "last_cycle_date": "2019-06-01"}, {**ADJUVANT, "last_cycle_date": "2019-06-01", "pump_date": "2019-05-01"}, "setting", "comparator", "error", "a last cycle is recorded"),
    "comparator with a failed pump": ({**COMPARATOR, "pump_failure_date": "2019-06-01"}, {**ADJUVANT, "pump_failure_date": "2019-06-01", "pump_date": "2019-05-01"}, "setting", "comparator", "error", "a failed pump is recorded"),
    "comparator with a pump out": ({**COMPARATOR, "pump_removal_date": "2019-06-01"}, {**ADJUVANT, "pump_removal_date": "2019-06-01", "pump_date": "2019-05-01"}, "setting", "comparator", "error", "a pump taken out is recorded"),
    "a cycle without a pump": ({**ADJUVANT, "pump_date": None, "first_cycle_date": "2019-06-01"}, {**ADJUVANT, "pump_date": "2019-06-01", "first_cycle_date": "2019-06-01"},
                               "pump_date", "empty", "error", ""),
    "a date of no treatment": ({"liver_treatment": 0, "liver_treatment_date": "2019-01-01"}, {"liver_treatment": 1, "liver_treatment_date": "2019-01-01"}, "liver_treatment_date",
                               "2019-01-01", "error", "say what was done"),
    "a treatment without a date": ({"liver_treatment": 3, "liver_treatment_date": None}, {"liver_treatment": 0, "liver_treatment_date": None}, "liver_treatment_date", "empty",
                                   "warning", "give the date"),
    "cleared by nothing": ({"liver_treatment": 0, "complete_clearance": 1}, {"liver_treatment": 1, "complete_clearance": 1}, "complete_clearance", "Yes", "warning", "local treatment"),
    "a cause of no death": ({"death_cause": 2, "death_date": None}, {"death_cause": 2, "death_date": "2019-01-01"}, "death_date", "empty", "error", "remove the cause"),
    "a death without a cause": ({"death_cause": None, "death_date": "2019-01-01"}, {"death_cause": 9, "death_date": "2019-01-01"}, "death_cause", "empty", "warning", "9, unknown"),
    "extrahepatic disease, adjuvant": ({**ADJUVANT, "extrahepatic_disease": 1}, {**ADJUVANT, "extrahepatic_disease": 0}, "extrahepatic_disease", "One site", "warning",
                                       "Karanicolas 2014, doi 10.3747/co.21.1577"),
    "extrahepatic disease, unresectable": ({**UNRESECTABLE, "extrahepatic_disease": 2}, {**COMPARATOR, "extrahepatic_disease": 2}, "extrahepatic_disease", "Several sites", "warning",
                                           "the patient stays in"),
    "pump as first line": ({**UNRESECTABLE, "prior_lines": 0}, {**UNRESECTABLE, "prior_lines": 1}, "prior_lines", "0", "warning", "Karanicolas 2014"),
    "no systemic chemotherapy": ({**ADJUVANT, "concurrent_systemic": 0}, {**ADJUVANT, "concurrent_systemic": 1}, "concurrent_systemic", "No", "warning", "Karanicolas 2014"),
}  # fmt: skip

@pytest.mark.parametrize("name", CASES)
def test_what_breaks_a_rule_is_one_problem_and_the_nearest_case_none(name):
    wrong, right, column, found, severity, advice = CASES[name]
    problem = one(wrong)
    assert (problem.column, problem.found, problem.severity, problem.rows) == (column, found, severity, (2,))
    assert advice in problem.advice
    assert problems_in(right) == []


ORDERS = [rule for rule in patients_dates() if rule.order]


@pytest.mark.parametrize("rule", ORDERS, ids=lambda rule: " ".join(rule.order))
def test_every_pair_of_dates_on_the_same_day_and_one_day_off(rule):
    earlier, later = rule.order
    assert problems_in({earlier: "2019-05-02", later: "2019-05-02"}, NO_DATES) == []
    (problem,) = problems_in({earlier: "2019-05-02", later: "2019-05-01"}, NO_DATES)  # a plan that asks nothing of these dates itself
    assert (problem.column, problem.severity) == (rule.column, rule.severity)
    assert problem.kind == "dates out of order"
    other = later if rule.column == earlier else earlier
    assert problem.expected == (f"not before {other}" if rule.column == later else f"not after {other}")
    assert other in problem.cells[0]  # the other date stands beside the one found


def test_each_pair_of_dates_stands_there_once():
    pairs = [frozenset(rule.order) for rule in ORDERS]
    assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize(("column", "date", "expected"), [
    ("last_contact_date", "2012-01-10", "not before pump_date"),  # a typing error in one date that many contradict
    ("pump_date", "2091-02-01", "no date before time zero"),
    ("death_date", "2012-01-10", "not before pump_date"),
    ("diagnosis_date", "2028-11-20", "not after death_date"),
    ("last_imaging_date", "2012-11-01", "not before pump_date"),
    ("first_cycle_date", "2001-03-01", "not before diagnosis_date"),
    ("last_cycle_date", "2029-08-01", "not after death_date"),
])  # fmt: skip
def test_one_date_that_contradicts_many_is_one_problem(column, date, expected):
    patient = {**GOOD, column: date, "disease_free_interval_months": None, "birth_year": None}
    found = [problem for problem in problems_in(patient) if problem.severity == "error"]
    assert [(problem.column, problem.found, problem.expected) for problem in found] == [(column, date, expected)]


def test_two_wrong_dates_are_two_problems():
    found = problems_in({**GOOD, "diagnosis_date": "2028-11-20", "last_cycle_date": "2001-08-01", "disease_free_interval_months": None})
    assert sorted(problem.column for problem in found) == ["diagnosis_date", "last_cycle_date"]


def test_a_unit_that_is_wrong_in_most_of_a_column_is_said_of_the_column():
    areas = [14000, 15200, 12900, 16100, 13300, 145]  # five of six in mm²
    patients = [{**GOOD, "l3_muscle_area_cm2": area} for area in areas]
    problem = one(patients)
    assert problem.rows == (2, 3, 4, 5, 6)
    assert "most of this column looks like mm²" in problem.advice
    few = problems_in([{**GOOD, "l3_muscle_area_cm2": area} for area in (14000, 145, 150, 152, 149)])
    assert [p.advice.startswith("this looks like mm²") for p in few] == [True]


def test_ng_per_ml_is_the_same_number_as_ug_per_l():
    plan = make_plan({**ALL_ITEMS, "columns": {**ALL_ITEMS["columns"], "cea_ug_l": {"item": "cea_ug_l", "kind": "number", "unit": "ng/mL"}}})
    assert problems_in({"cea_ug_l": 210.0}, plan) == []


def test_a_likely_unit_is_named_also_where_the_plan_has_the_range():
    columns = {**ALL_ITEMS["columns"], "area": {"item": "l3_muscle_area_cm2", "kind": "number", "unit": "cm²", "range": [60, 250]}}
    del columns["l3_muscle_area_cm2"]
    problem = problems_in({"area": 15020.0}, make_plan({**ALL_ITEMS, "columns": columns}))
    assert [(p.column, "looks like mm²" in p.advice) for p in problem] == [("area", True)]


def test_a_year_of_birth_is_no_age():
    plan = make_plan({**ALL_ITEMS, "columns": {**ALL_ITEMS["columns"], "age": {"kind": "number", "unit": "years", "range": [18, 100]}}})
    (problem,) = problems_in({"age": 1956.0}, plan)
    assert "looks like a year of birth" in problem.advice
    assert problems_in({"age": 63.0}, plan) == []
    (problem,) = problems_in({"age": 630.0}, plan)
    assert "looks like" not in problem.advice


def test_a_rule_is_asked_only_where_its_items_are():
    plan = make_plan({**ALL_ITEMS, "columns": {"height_cm": {"kind": "number"}}, "tables": {}})  # a column of that name is no item unless said
    assert problems_in({"height_cm": 1.75}, plan) == []


def test_a_column_that_cannot_be_its_item_is_not_asked():
    plan = make_plan({**ALL_ITEMS, "columns": {"height": {"kind": "text", "item": "height_cm"}}, "tables": {}})
    assert problems_in({"height": "small"}, plan) == []


def test_items_are_found_under_the_centres_own_names_and_codes():
    columns = {"Operationsdatum": {"kind": "date", "item": "pump_date"}, "OP Leber": {"kind": "date", "item": "liver_treatment_date"},
               "Geheilt": {"item": "complete_clearance", "levels": {"J": "Yes", "N": "No"}}}  # fmt: skip
    plan = make_plan({"cohort": {**ALL_ITEMS["cohort"], "setting": "Gruppe", "setting_levels": {"A": "adjuvant"}}, "columns": columns,
                      "endpoints": {"os": {**ALL_ITEMS["endpoints"]["os"], "start": "Operationsdatum"}}})  # fmt: skip
    patient = {**ADJUVANT, "Operationsdatum": "2019-01-01", "OP Leber": "2019-01-15", "Geheilt": "N"}
    found = problems_in(patient, plan)
    assert [(p.column, p.found) for p in found] == [("Geheilt", "No"), ("OP Leber", "14 days after pump")]
    assert found[1].expected == "a resection or ablation on or before Operationsdatum in an adjuvant patient"
    assert found[1].cells == ("14 days after pump\nOperationsdatum: 2019-01-01\nGruppe: adjuvant",)


def test_codes_that_mean_something_else_are_not_taken_for_the_standard_ones():
    columns = {"death_cause": {"item": "death_cause", "levels": {"1": "Treatment", "2": "Liver metastases", "3": "Herzinfarkt"}}}
    plan = make_plan({**ALL_ITEMS, "columns": {**ALL_ITEMS["columns"], **columns}})
    grade_v = {"complication_date": "2019-02-01", "clavien_dindo": 7}
    patient = {"death_date": "2019-02-01"}
    assert [p.severity for p in problems_in({**patient, "death_cause": 1}, plan, complications=grade_v)] == []
    assert [p.severity for p in problems_in({**patient, "death_cause": 2}, plan, complications=grade_v)] == ["warning"]
    assert problems_in({**patient, "death_cause": 3}, plan, complications=grade_v) == []  # known under no standard code: nothing is said


@pytest.mark.parametrize(("levels", "code", "said"), [
    ({"0": "Nee", "1": "Ja"}, 0, 1),  # other words, the standard's codes
    ({"1": "Nee", "2": "Ja"}, 1, 0),  # a standard code that here means the opposite: nothing is said
    ({"N": "Nein", "J": "Ja"}, "N", 0),  # neither words nor codes are known
    ({"N": "no", "Y": "YES"}, "N", 1),
])  # fmt: skip
def test_levels_in_another_language(levels, code, said):
    plan = make_plan({**ALL_ITEMS, "columns": {**ALL_ITEMS["columns"], "complete_clearance": {"item": "complete_clearance", "levels": levels}}})
    assert len(problems_in({**ADJUVANT, "complete_clearance": code}, plan)) == said


def test_numbers_without_labels_are_codes_only_of_yes_and_no():
    columns = {"cleared": {"item": "complete_clearance", "kind": "number"}, "treated": {"item": "liver_treatment", "kind": "number"}}
    others = {name: column for name, column in ALL_ITEMS["columns"].items() if name not in ("complete_clearance", "liver_treatment")}
    plan = make_plan({**ALL_ITEMS, "columns": {**others, **columns}})
    assert [p.column for p in problems_in({**ADJUVANT, "cleared": 0, "treated": 0}, plan)] == ["cleared"]


def test_what_follows_from_an_unreadable_cell_is_not_said_again():
    unreadable = [Problem("patients.csv", "complete_clearance", (2,), "perhaps", "one of 0, 1", "undeclared code")]
    assert problems_in({**ADJUVANT, "complete_clearance": None}, unreadable=unreadable) == []
    assert len(problems_in({**ADJUVANT, "complete_clearance": None})) == 1


def test_an_error_hides_the_warnings_of_its_cell_and_a_flag_hides_nothing():
    found = problems_in({**ADJUVANT, "height_cm": 1.75, "weight_kg": 81})
    assert [p.severity for p in found] == ["error"]  # nothing on the body mass index
    found = problems_in({**UNRESECTABLE, "prior_lines": 0, "extrahepatic_disease": 1})
    assert [p.kind for p in found] == ["outside the consensus statement"] * 2


def test_no_key_is_ever_shown():
    text = str(problems_in({**ADJUVANT, "record_id": "MRN-77123", "complete_clearance": 0, "centre": "MRN-77123"}, keys=frozenset({"MRN-77123"})))
    assert "MRN-77123" not in text


def test_a_rule_that_fails_is_a_bug_and_not_a_problem_of_the_patient():
    frame = pd.DataFrame({"x": [1.0]})
    with pytest.raises(ZeroDivisionError):
        violations(frame, [Rule("", "x", ("x",), lambda f: 1 / 0, "", "")])


# ---- dates without a day ----


def partial(column, earliest, latest, row=2, table=""):
    return pd.DataFrame({"table": [table], "row": [row], "column": [column], "earliest": pd.to_datetime([earliest]), "latest": pd.to_datetime([latest])})


def test_a_missing_day_asks_for_the_day_and_is_a_warning_where_the_rule_is_clinical():
    patient = {"first_cycle_date": "2019-03-20", "last_cycle_date": "2019-03-15"}  # the second is the middle of its month
    march = partial("last_cycle_date", "2019-03-01", "2019-03-31")
    assert one(patient).severity == "error"
    problem = one(patient, partial=march)
    assert (problem.column, problem.severity) == ("last_cycle_date", "warning")
    assert "give the day" in problem.advice


def test_a_missing_day_explains_no_more_than_its_month():
    problem = one({"first_cycle_date": "2019-04-01", "last_cycle_date": "2019-03-15"}, partial=partial("last_cycle_date", "2019-03-01", "2019-03-31"))
    assert (problem.severity, problem.expected) == ("error", "not before first_cycle_date")


def test_a_missing_day_in_what_the_plan_asks_stays_an_error():
    patient = {"pump_date": "2019-03-20", "liver_event_date": "2019-03-15", "last_imaging_date": "2019-09-01"}
    problem = one(patient, partial=partial("liver_event_date", "2019-03-01", "2019-03-31"))
    assert (problem.column, problem.severity) == ("liver_event_date", "error")
    assert "give the day" in problem.advice


def test_the_date_without_a_day_is_the_one_to_complete():
    problem = one({"first_cycle_date": "2019-03-15", "last_cycle_date": "2019-03-10"}, partial=partial("first_cycle_date", "2019-03-01", "2019-03-31"))
    assert (problem.column, problem.found) == ("first_cycle_date", "2019-03-15")


# ---- no false problem, and the order of rows ----


ROOT = Path(__file__).resolve().parents[2]
BY_RULES = ("outside the consensus statement", "dates out of order", "contradiction", "out of range", "likely another unit", "missing where needed", "setting and treatment")


def plan_with_items(cohort, **named):
    """The plan of a cohort of this project, with its columns named as standard items."""
    content = tomllib.loads((ROOT / "cohorts" / cohort / "plan.toml").read_text(encoding="utf-8"))
    for item, column in named.items():
        content["columns"].setdefault(column, {"kind": "date"})["item"] = item
    return make_plan(content)


def test_the_demonstration_cohort_with_its_items_named_has_only_true_flags():
    same = ("sex", "node_positive", "synchronous", "n_metastases", "largest_cm", "extrahepatic_disease", "prior_lines", "pump_date", "first_cycle_date",
            "last_imaging_date", "last_contact_date", "death_date")  # fmt: skip
    plan = plan_with_items("demo_centre", **{name: name for name in same}, disease_free_interval_months="disease_free_interval", cea_ug_l="cea")
    cohort = read_cohort(ROOT / "cohorts" / "demo_centre" / "demo.csv", plan)
    found = {(problem.column, row) for problem in cohort.warnings for row in problem.rows if problem.kind in BY_RULES}
    raw = pd.read_csv(ROOT / "cohorts" / "demo_centre" / "demo.csv", dtype=str)  # counted with pandas alone
    raw.index += 2
    flags = {("extrahepatic_disease", row) for row in raw.index[raw["extrahepatic_disease"] == "1"]}
    flags |= {("prior_lines", row) for row in raw.index[(raw["setting"] == "unresectable") & (raw["prior_lines"] == "0")]}
    assert found == flags


def test_the_public_workbook_has_no_problem(workbook):
    plan = plan_with_items("tcia_crlm", sex="sex", extrahepatic_disease="extrahep_disease")
    assert [problem for problem in read_cohort(workbook, plan).warnings if problem.kind in BY_RULES] == []


RANDOM_DATE = st.dates(pd.Timestamp("2017-01-01").date(), pd.Timestamp("2021-12-31").date()).map(str)
PATIENTS = st.lists(st.fixed_dictionaries({
    "setting": st.sampled_from(["adjuvant", "unresectable", "comparator"]), "pump_date": RANDOM_DATE, "diagnosis_date": RANDOM_DATE, "liver_treatment_date": RANDOM_DATE,
    "first_cycle_date": RANDOM_DATE, "last_cycle_date": RANDOM_DATE, "last_imaging_date": RANDOM_DATE, "last_contact_date": RANDOM_DATE, "death_date": RANDOM_DATE,
    "complete_clearance": st.sampled_from([0, 1, None]), "height_cm": st.sampled_from([1.75, 175.0, 69.0, None]), "weight_kg": st.sampled_from([80.0, 175.0, None]),
}), min_size=1, max_size=6)  # fmt: skip


def said(found, place=None):
    """Problems as a set of facts about rows (under their own numbers)."""
    return sorted((p.table, p.column, p.expected, p.severity, tuple(sorted(place[row] if place else row for row in p.rows))) for p in found)


@settings(max_examples=25, deadline=None)
@given(PATIENTS, st.randoms(use_true_random=False))
def test_rows_in_another_order_give_the_same_problems(patients, random):
    frame, _ = story(patients)
    shuffled = list(range(len(frame)))
    random.shuffle(shuffled)
    again = frame.iloc[shuffled]
    assert said(broken(again, {}, PLAN, NAMES)) == said(broken(frame, {}, PLAN, NAMES))


@settings(max_examples=25, deadline=None)
@given(PATIENTS)
def test_every_contradiction_has_a_blamed_date(patients):
    """Brute force: of each pair of dates in the wrong order at least one of the two is blamed in that row."""
    frame, _ = story(patients)
    found = broken(frame, {}, PLAN, NAMES)
    blamed = {(row, problem.column) for problem in found for row in problem.rows}
    for rule in ORDERS:
        if set(rule.order) <= set(frame):
            earlier, later = rule.order
            for row in frame.index[frame[later] < frame[earlier]]:
                assert blamed & {(row, earlier), (row, later)}, (row, rule.order)
    assert all(np.isin(problem.rows, frame.index).all() for problem in found)
