"""Dates without a day: the middle of the month, and what its first and last day would change, by hand."""

import copy

import pytest
from small_centre import HEADER, ROWS, SMALL_PLAN

from haip_outcomes.errors import CohortError
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.read import read_cohort

MONTH = 365.25 / 12


def plan(partial="mid-month"):
    made = copy.deepcopy(SMALL_PLAN)
    if partial:
        made["cohort"]["partial"] = partial
    return make_plan(made)


def lines(**changes):
    rows = [row.split(",") for row in ROWS]
    for cell, value in changes.items():
        column, row = cell.rsplit("_", 1)
        rows[int(row) - 2][HEADER.split(",").index(column)] = value
    return [HEADER, *(",".join(row) for row in rows)]


def test_without_the_plans_word_it_is_a_problem(write):
    with pytest.raises(CohortError) as caught:
        read_cohort(write(lines(contact_4="2020-06")), plan(None))
    (problem,) = caught.value.problems
    assert (problem.column, problem.rows, problem.found) == ("contact", (4,), "2020-06")
    assert "mid-month" in problem.advice


def test_the_middle_the_first_and_the_last_day(write):
    cohort = read_cohort(write(lines(contact_4="2020-06")), plan())
    # row 4: pump on 2019-03-01, alive in June 2020; 472 days to the 15th, 458 to the 1st, 487 to the 30th
    assert cohort.endpoint("os").time[2] == pytest.approx(472 / MONTH, rel=1e-15)
    assert cohort.with_partial_dates("earliest").endpoint("os").time[2] == pytest.approx(458 / MONTH, rel=1e-15)
    assert cohort.with_partial_dates("latest").endpoint("os").time[2] == pytest.approx(487 / MONTH, rel=1e-15)
    assert cohort.partial_dates[["table", "row", "column"]].values.tolist() == [["", 4, "contact"]]
    assert cohort.endpoint("os").time[[0, 1, 3]].tolist() == cohort.with_partial_dates("latest").endpoint("os").time[[0, 1, 3]].tolist()


def test_a_day_that_would_break_the_order_is_not_taken(write):
    # row 3 was imaged on 2019-08-10: a last contact on the 1st would lie before it
    cohort = read_cohort(write(lines(contact_3="2019-08", imaging_3="2019-08-10", death_3="")), plan())
    assert cohort["contact"].dt.day.tolist()[1] == 15
    assert cohort.with_partial_dates("earliest")["contact"].dt.day.tolist()[1] == 15
    assert cohort.with_partial_dates("latest")["contact"].dt.day.tolist()[1] == 31


def test_the_cohort_itself_stays(write):
    cohort = read_cohort(write(lines(contact_4="2020-06")), plan())
    before = cohort.frame.copy()
    cohort.with_partial_dates("latest")
    assert cohort.frame.equals(before)
    with pytest.raises(ValueError, match="earliest"):
        cohort.with_partial_dates("last")


def test_a_part_of_the_cohort_and_other_patients_dates(write):
    cohort = read_cohort(write(lines(contact_4="2020-06")), plan())
    adjuvant = cohort.setting("adjuvant").with_partial_dates("latest")
    assert len(adjuvant) == 2
    assert adjuvant.frame.equals(cohort.setting("adjuvant").frame)


def test_one_date_that_can_not_move_does_not_hold_the_others(write):
    # row 2: the pump in January 2019, dead in January 2021, last contact on 2021-01-20: a death on the 31st would lie after it
    cohort = read_cohort(write(lines(pump_2="2019-01", contact_2="2021-01-20", death_2="2021-01")), plan())
    days = {at: [str(cohort.with_partial_dates(at).frame.loc[2, name].date()) for name in ("pump", "death")] for at in ("earliest", "latest")}
    assert days == {"earliest": ["2019-01-01", "2021-01-01"], "latest": ["2019-01-31", "2021-01-15"]}
    assert len(cohort.setting("unresectable").partial_dates) == 0


def test_a_date_that_waits_for_another_moves_after_it(write):
    # row 3: pump and liver event in the same February; the pump can go to the 28th only when the event has gone there
    cohort = read_cohort(write(lines(pump_3="2019-02", liver_3="2019-02", imaging_3="2019-08", contact_3="2019-08-16", death_3="2019-08-16")), plan())
    moved = cohort.with_partial_dates("latest").frame.loc[3]
    assert [str(moved[name].date()) for name in ("pump", "liver", "imaging")] == ["2019-02-28", "2019-02-28", "2019-08-15"]
