"""Several centres in one cohort: the same words, the centre as a column, and every conflict a problem."""

import copy

import pytest
from small_centre import HEADER, ROWS, SMALL_PLAN

from haip_outcomes.errors import CohortError, EndpointError
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.read import read_cohort

OTHER = [row.replace("A", "B", 1) for row in ROWS]


@pytest.fixture
def files(write):
    return write([HEADER, *ROWS], "leiden.csv"), write([HEADER, *OTHER[:2]], "boston.csv")


def test_the_centre_is_a_column_and_rows_keep_their_file(files, small_plan):
    cohort = read_cohort(list(files), small_plan)
    assert len(cohort) == 6
    assert cohort["centre"].tolist() == ["leiden"] * 4 + ["boston"] * 2
    assert cohort["centre"].cat.categories.tolist() == ["leiden", "boston"]
    assert [cohort.place(patient) for patient in cohort.frame.index] == [*(("leiden.csv", row) for row in (2, 3, 4, 5)), ("boston.csv", 2), ("boston.csv", 3)]
    assert cohort.plan.label("centre") == "Centre"
    assert cohort.source.rows == 6
    assert cohort.source.name == "leiden.csv and boston.csv"
    alone = [read_cohort(file, small_plan).endpoint("os") for file in files]
    together = cohort.endpoint("os")
    assert together.time.tolist() == [*alone[0].time, *alone[1].time]
    assert together.state.tolist() == [*alone[0].state, *alone[1].state]


def test_names_given_by_the_caller(files, small_plan):
    cohort = read_cohort({"Leiden": files[0], "Boston": files[1]}, small_plan)
    assert cohort["centre"].tolist() == ["Leiden"] * 4 + ["Boston"] * 2


def test_the_same_key_in_two_centres_is_two_patients_but_not_in_one(write, small_plan):
    one, two = write([HEADER, *ROWS], "one.csv"), write([HEADER, ROWS[0].replace("A1", "a1"), OTHER[1]], "two.csv")
    assert len(read_cohort([one, two], small_plan)) == 6
    with pytest.raises(CohortError) as caught:
        read_cohort([one, two], make_plan(_with_centre()))
    assert {problem.column for problem in caught.value.problems} == {"hospital"}
    named = [HEADER + ",hospital", *(row + ",Leiden" for row in ROWS)], [HEADER + ",hospital", ROWS[0].replace("A1", "a1") + ",Leiden", OTHER[1] + ",Boston"]
    one, two = write(named[0], "three.csv"), write(named[1], "four.csv")
    with pytest.raises(CohortError) as caught:
        read_cohort([one, two], make_plan(_with_centre()))
    (problem,) = caught.value.problems
    assert (problem.table, problem.column, problem.rows, problem.found) == ("four.csv", "key", (2,), "")
    assert "a1" not in str(problem).casefold().replace("a patient", "")


def _with_centre():
    plan = copy.deepcopy(SMALL_PLAN)
    plan["cohort"]["centre"] = "hospital"
    return plan


def test_one_plan_each_other_names_and_codes_the_same_words(files, write, small_plan):
    plan = copy.deepcopy(SMALL_PLAN)
    plan["columns"]["wasting"] = {**plan["columns"].pop("sarcopenia"), "levels": {"n": "No", "j": "Yes"}}
    first = copy.deepcopy(SMALL_PLAN)
    first["columns"]["sarcopenia"]["item"] = plan["columns"]["wasting"]["item"] = "bilobar"  # any item matches the two
    plan["analysis"]["factors"] = ["wasting", "age"]
    lines = [HEADER.replace("sarcopenia", "wasting"), *(row.replace(",0,2019", ",n,2019").replace(",1,2019", ",j,2019") for row in OTHER[:2])]
    other = write(lines, "other.csv")
    cohort = read_cohort([files[0], other], [make_plan(first), make_plan(plan)])
    assert cohort["sarcopenia"].tolist()[4:] == ["No", "Yes"]
    assert "wasting" not in cohort.frame


@pytest.mark.parametrize(("change", "column", "found"), [
    (lambda plan: plan["columns"]["sarcopenia"].update(levels={"0": "Absent", "1": "Yes"}), "sarcopenia", "levels Absent and Yes"),
    (lambda plan: plan["columns"]["age"].update(unit="months"), "age", "in months"),
    (lambda plan: plan["columns"].update(age={"kind": "category", "levels": {str(n): str(n) for n in (61, 55, 70)}}), "age", "a category"),
    (lambda plan: plan["endpoints"].pop("liver"), "liver", "no [endpoints.liver]"),
    (lambda plan: plan["endpoints"]["liver"].update(last_seen="contact"), "liver", "another last_seen in [endpoints.liver]"),
])  # fmt: skip
def test_conflicts_between_plans(files, small_plan, change, column, found):
    plan = copy.deepcopy(SMALL_PLAN)
    change(plan)
    with pytest.raises(CohortError) as caught:
        read_cohort(list(files), [small_plan, make_plan(plan)])
    problems = {problem.column: problem for problem in caught.value.problems}
    assert problems[column].found == found
    assert problems[column].table == "boston.csv"


def test_problems_of_all_files_at_once(write, small_plan):
    one, two = write([HEADER, ROWS[0].replace("61", "x")], "one.csv"), write([HEADER, OTHER[0].replace("61", "y")], "two.csv")
    with pytest.raises(CohortError) as caught:
        read_cohort([one, two], small_plan)
    assert [(problem.table, problem.found) for problem in caught.value.problems] == [("one.csv", "x"), ("two.csv", "y")]


def test_files_and_plans_must_match(files, small_plan):
    with pytest.raises(EndpointError, match="2 files and 3 plans"):
        read_cohort(list(files), [small_plan] * 3)
    with pytest.raises(EndpointError, match="One file has one plan"):
        read_cohort(files[0], [small_plan, small_plan])


def test_each_plan_names_its_own_centre_column(write, small_plan):
    one = write([HEADER + ",hospital", *(row + ",Leiden" for row in ROWS)], "one.csv")
    two = write([HEADER + ",site", *(row + ",Boston" for row in OTHER[:2])], "two.csv")
    second = _with_centre()
    second["cohort"]["centre"] = "site"
    cohort = read_cohort([one, two], [make_plan(_with_centre()), make_plan(second)])
    assert cohort["hospital"].tolist() == ["Leiden"] * 4 + ["Boston"] * 2
    assert "site" not in cohort.frame
    again = write([HEADER + ",site", ROWS[0] + ",Leiden"], "again.csv")
    with pytest.raises(CohortError) as caught:
        read_cohort([one, again], [make_plan(_with_centre()), make_plan(second)])
    assert [(problem.table, problem.column, problem.rows) for problem in caught.value.problems] == [("again.csv", "key", (2,))]


def test_a_centre_written_in_two_ways_or_not_at_all(write):
    one = write([HEADER + ",hospital", *(row + ",Leiden" for row in ROWS)], "one.csv")
    two = write([HEADER + ",hospital", OTHER[0] + ",leiden", OTHER[1] + ","], "two.csv")
    with pytest.raises(CohortError) as caught:
        read_cohort([one, two], make_plan(_with_centre()))
    assert [(problem.rows, problem.found) for problem in caught.value.problems] == [((3,), "empty"), ((2,), "leiden")]


@pytest.mark.parametrize(("columns", "found"), [
    ({"age": {"kind": "number", "unit": "years", "item": "prior_lines"}}, 'item "prior_lines"'),
    ({"age": {"kind": "number", "unit": "years"}, "alter": {"kind": "number", "unit": "years", "item": "birth_year"}}, "another column is age as well"),
])  # fmt: skip
def test_the_same_name_for_another_thing(files, columns, found):
    first, second = copy.deepcopy(SMALL_PLAN), copy.deepcopy(SMALL_PLAN)
    first["columns"]["age"]["item"] = "birth_year"
    second["columns"] |= columns
    with pytest.raises(CohortError) as caught:
        read_cohort(list(files), [make_plan(first), make_plan(second)])
    assert found in [problem.found for problem in caught.value.problems]


def test_categories_without_declared_levels_stay_categories(write):
    plan = copy.deepcopy(SMALL_PLAN)
    plan["columns"]["side"] = {"kind": "category"}
    one = write([HEADER + ",side", *(row + ",left" for row in ROWS)], "one.csv")
    two = write([HEADER + ",side", *(row + ",right" for row in OTHER)], "two.csv")
    assert read_cohort([one, two], make_plan(plan))["side"].cat.categories.tolist() == ["left", "right"]


def test_warnings_come_with_the_errors(write, small_plan):
    path = write([HEADER, ROWS[0].replace("61", "x"), "", *ROWS[1:]], "both.csv")
    with pytest.raises(CohortError) as caught:
        read_cohort(path, small_plan)
    assert [problem.found for problem in caught.value.problems] == ["x"]
    assert [problem.found for problem in caught.value.warnings] == ["empty rows"]
