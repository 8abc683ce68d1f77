"""What a plan says of when a column is known: its rules, the check of its dates, and where it is written."""

import copy

import pytest
from small_centre import HEADER, ROWS, SMALL_PLAN

from haip_outcomes.errors import PlanError
from haip_outcomes.registry.guessing.plan_proposal import first_plan
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.planning.factor_rules import known_dates
from haip_outcomes.registry.read import load_plan, read_cohort


def plan(analysis=None, **columns):
    made = copy.deepcopy(SMALL_PLAN)
    made["columns"] |= {"resection": {"label": "Resection", "kind": "date"}, "response": {"label": "Response", "levels": {"0": "No", "1": "Yes"}}}
    for name, changed in columns.items():
        made["columns"][name] = {**made["columns"].get(name, {}), **changed}
    made["analysis"] |= analysis or {}
    return made


def wrong(given):
    with pytest.raises(PlanError) as told:
        make_plan(given)
    return str(told.value)


def test_known_names_a_date_and_before_a_level():
    made = make_plan(plan({"later": ["response"], "landmarks": [6]}, response={"known": "resection", "before": "No"}))
    assert made.columns["response"].known_date == "resection"
    assert known_dates(made, "response") == ("resection",)
    assert known_dates(made, "age") == ()


def test_a_derived_no_and_yes_is_known_from_its_dates():
    given = plan({"later": ["either"]}) | {"derived": {"either": {"take": "any", "columns": ["resection", "liver"]}, "one": {"take": "any", "columns": ["response"]}}}
    made = make_plan(given)
    assert known_dates(made, "either") == ("resection", "liver")
    assert known_dates(made, "one") == ()
    given["analysis"]["later"] = ["one"]
    assert 'since when is "one" known? Make it take = "any" of the date column that says so' in wrong(given)


@pytest.mark.parametrize(("column", "said"), [
    ({"known": "resecton"}, '"resecton" is neither "baseline" nor "later", nor a date column of the plan ([columns.resecton] with kind = "date"). Did you mean "resection"?'),
    ({"known": "age"}, '"age" is a number, and known names a date column'),
    ({"known": "resection", "before": "Never"}, 'before = "Never" is not one of its levels'),
    ({"known": "later", "before": "No"}, "before is the level until the date that known names"),
])  # fmt: skip
def test_what_points_at_nothing(column, said):
    assert said in wrong(plan(response=column))


def test_later_needs_its_date_and_landmarks_need_later():
    assert 'since when is "response" known? Write known = "the_date_column" under [columns.response]' in wrong(plan({"later": ["response"]}))
    assert "name them in later, or take it out" in wrong(plan({"landmarks": [6]}))


def test_known_belongs_to_columns_of_the_patient():
    given = plan() | {"tables": {"scans": {"sheet": "scans", "columns": {"grade": {"levels": {"1": "I"}, "known": "later"}}}}}
    assert "[tables.scans.columns.grade] known: known belongs to columns of the patient" in wrong(given)


def test_a_value_without_its_date_is_a_warning_with_its_rows(write):
    made = make_plan(plan(response={"known": "resection"}))
    rows = [f"{row},{response},{resection}" for row, (response, resection) in zip(ROWS, [("1", ""), ("1", "2019-06-01"), ("0", ""), ("UNK", "")], strict=True)]
    cohort = read_cohort(write([f"{HEADER},response,resection", *rows]), made)
    (problem,) = [problem for problem in cohort.warnings if problem.column == "resection"]
    assert (problem.rows, problem.severity, problem.expected) == ((2,), "warning", 'the date since when Response has a value other than "No"')
    assert problem.advice == 'give the date, or correct it to "No"; until then Response can\'t be analysed over time'


def test_a_number_without_its_date_too(write):
    made = make_plan(plan(age={"known": "resection"}))
    cohort = read_cohort(write([f"{HEADER},response,resection", *(f"{row},0," for row in ROWS)]), made)
    (problem,) = [problem for problem in cohort.warnings if problem.column == "resection"]
    assert problem.rows == (2, 3, 4)
    assert "or empty the value" in problem.advice


def test_a_first_plan_says_what_comes_later(write):
    rows = [f"{row},{i % 2},{i % 2}" for i, row in enumerate(ROWS * 3)]
    rows = [row.replace(row[:2], f"B{i}", 1) for i, row in enumerate(rows)]
    text = first_plan(write([f"{HEADER},concurrent systemic chemotherapy,node positive", *rows]))
    part = text.split('[columns."concurrent systemic chemotherapy"]')[1].split("[columns")[0]
    assert 'known = "later"' in part
    assert text.count("known = ") == 1


def test_the_standard_registry_analyses_conversion_and_response_from_their_dates():
    made = load_plan("cohorts/haip_registry/plan.toml")
    assert made.analysis.later == ("converted", "responded")
    assert [known_dates(made, name) for name in made.analysis.later] == [("conversion_date",), ("response_date",)]
    assert made.columns["concurrent_systemic"].known == "later"
