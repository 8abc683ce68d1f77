import pandas as pd
import pytest
from small_centre import HEADER, ROWS

from haip_outcomes.errors import CohortError
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.read import read_cohort

MONTH = 365.25 / 12


@pytest.fixture
def cohort(write, small_plan):
    return read_cohort(write([HEADER, *ROWS]), small_plan)


def test_times_are_days_by_365_25_over_12(cohort):
    os = cohort.endpoint("os")
    # by hand: 2019-01-01 to 2021-01-01 is 731 days, 2019-02-01 to 2020-02-01 is 365, 2019-03-01 to 2020-06-01 is 458
    assert os.time.tolist() == pytest.approx([731 / MONTH, 365 / MONTH, 458 / MONTH, 366 / MONTH], rel=1e-15)
    assert os.state.tolist() == [1, 1, 0, 0]
    assert (os.unit, os.time_zero, os.label) == ("months", "pump placement", "Overall survival")
    assert os.index.tolist() == [2, 3, 4, 5]


def test_the_earliest_event_counts_and_death_counts_after_the_last_imaging(cohort):
    liver = cohort.endpoint("liver")
    assert liver.state.tolist() == [2, 1, 0, 1]
    # row 2 died on 2021-01-01, 397 days after the last imaging; row 4 is censored at imaging, not at contact
    assert liver.time.tolist() == pytest.approx([731 / MONTH, 181 / MONTH, 366 / MONTH, 183 / MONTH], rel=1e-15)


def test_late_deaths_are_found_and_can_be_censored_when_last_seen(cohort):
    # row 2 without a liver event; row 3 184 days after the last imaging, with a liver event that counts all the same
    assert cohort.late_deaths("liver").tolist() == [True, True, False, False]
    assert not cohort.late_deaths("os").any()
    liver = cohort.endpoint("liver", censor_late_deaths=True)
    assert liver.state.tolist() == [0, 1, 0, 1]
    assert liver.time[0] == pytest.approx(334 / MONTH)


def pairs(frame, tmp_path, **endpoint):
    plan = make_plan({
        "cohort": {"name": "Pairs", "id": "key", "setting": {"value": "comparator"}},
        "endpoints": {"first": {"label": "First", "start": "liver resection", **endpoint}},
    })  # fmt: skip
    frame.to_csv(tmp_path / "pairs.csv", index=False)
    return read_cohort(tmp_path / "pairs.csv", plan)


def test_pairs_of_time_and_flag_ties_go_by_the_plans_order(tmp_path):
    frame = pd.DataFrame({"key": list("abcd"), "t1": [5, 5, 8, 9], "f1": [1, 0, 0, 0],
                          "t2": [5, 5, 8, 9], "f2": [1, 1, 0, 0], "td": [7, 7, 8, 12], "d": [1, 1, 1, 0]})  # fmt: skip
    events = {"Liver": {"time": "t1", "flag": "f1"}, "Elsewhere": {"time": "t2", "flag": "f2"}, "Death": {"time": "td", "flag": "d"}}
    first = pairs(frame, tmp_path, events=events).endpoint("first")
    assert first.state.tolist() == [1, 2, 3, 0]
    assert first.time.tolist() == [5, 5, 8, 9]  # the last: nobody looked for a first event after 9
    swapped = {name: events[name] for name in ("Elsewhere", "Liver", "Death")}
    assert pairs(frame, tmp_path, events=swapped).endpoint("first").state.tolist()[0] == 1


def flagged(tmp_path, status, unit="months", **columns):
    frame = pd.DataFrame({"key": list("abc"), "m": [3, 5, 7], "d": status})
    plan = {"cohort": {"name": "Flags", "id": "key", "setting": {"value": "comparator"}}, "columns": columns,
            "endpoints": {"os": {"label": "OS", "start": "resection", "unit": unit, "events": {"Death": {"time": "m", "flag": "d", "code": "dead"}}}}}  # fmt: skip
    frame.to_csv(tmp_path / "flags.csv", index=False)
    return read_cohort(tmp_path / "flags.csv", make_plan(plan))


def test_a_flag_with_a_code_of_its_own(tmp_path):
    levels = {"levels": {"dead": "Dead", "alive": "Alive", "lost": "Lost to follow-up"}}
    assert flagged(tmp_path, ["dead", "alive", "dead"]).endpoint("os").state.tolist() == [1, 0, 1]
    assert flagged(tmp_path, ["dead", "alive", "lost"], d=levels).endpoint("os").state.tolist() == [1, 0, 0]


@pytest.mark.parametrize(("status", "rows", "found"), [
    (["dead", "alive", "lost"], (3, 4), "alive and lost"),
    (["dead", "Dead", "dead"], (3,), "Dead"),
])  # fmt: skip
def test_a_third_value_of_a_flag_needs_levels(tmp_path, status, rows, found):
    with pytest.raises(CohortError) as caught:
        flagged(tmp_path, status)
    (problem,) = caught.value.problems
    assert (problem.column, problem.rows, problem.found) == ("d", rows, found)
    assert "levels" in problem.advice


@pytest.mark.parametrize(("unit", "factor"), [("days", 1 / MONTH), ("weeks", 7 / MONTH), ("months", 1), ("years", 12)])
def test_results_are_in_months_whatever_the_unit_of_the_file(tmp_path, unit, factor):
    os = flagged(tmp_path, ["dead", "alive", "dead"], unit).endpoint("os")
    assert os.unit == "months"
    assert os.time.tolist() == pytest.approx([3 * factor, 5 * factor, 7 * factor], rel=1e-14)


def test_days_where_months_are_declared(tmp_path):
    frame = pd.DataFrame({"key": list("ab"), "t1": [1201, 1200], "f1": [1, 0]})
    with pytest.raises(CohortError) as caught:
        pairs(frame, tmp_path, events={"Liver": {"time": "t1", "flag": "f1"}})
    (problem,) = caught.value.problems
    assert (problem.rows, problem.expected) == ((2,), "at most 1200 months (100 years)")
    assert "[endpoints.first]" in problem.advice


def test_patients_enter_at_placement_when_time_zero_precedes_it(write):
    plan = make_plan({
        "cohort": {"name": "Late entry", "id": "key", "setting": {"value": "unresectable"}},
        "endpoints": {"os": {"label": "OS", "start": "diagnosis", "entry": "pump", "last_seen": "contact", "events": {"Death": "death"}}},
    })  # fmt: skip
    path = write(["key,diagnosis,pump,contact,death", "a,2019-01-01,2019-07-01,2020-01-01,", "b,2019-01-01,2019-01-01,2020-01-01,2020-01-01"])
    os = read_cohort(path, plan).endpoint("os")
    assert os.entry.tolist() == pytest.approx([181 / MONTH, 0])
    assert "delayed entry" in repr(os)
    never = write(["key,diagnosis,pump,contact,death", "a,2019-01-01,2020-01-01,2020-01-01,"], "never.csv")
    with pytest.raises(CohortError) as caught:
        read_cohort(never, plan)
    assert [(p.column, p.rows, p.expected) for p in caught.value.problems] == [("pump", (2,), "entry before the end of follow-up (OS)")]
    unknown = write(["key,diagnosis,pump,contact,death", "a,2019-01-01,,2020-01-01,"], "unknown.csv")
    with pytest.raises(CohortError) as caught:
        read_cohort(unknown, plan)
    (problem,) = caught.value.problems
    assert (problem.column, problem.found) == ("pump", "empty")
    assert "the date of entry is missing" in problem.advice


def test_patients_without_time_zero_are_a_problem_or_left_out_by_name(write):
    endpoint = {"label": "OS", "start": "cycle", "last_seen": "contact", "events": {"Death": "death"}}
    lines = ["key,cycle,contact,death", "a,2019-01-01,2020-01-01,", "b,,2020-01-01,2020-01-01", "c,2019-01-01,2019-07-01,2019-07-01"]

    def read(**more):
        plan = make_plan({"cohort": {"name": "First cycle", "id": "key", "setting": {"value": "unresectable"}}, "endpoints": {"os": {**endpoint, **more}}})
        return read_cohort(write(lines), plan)

    with pytest.raises(CohortError) as caught:
        read()
    assert [(p.column, p.rows) for p in caught.value.problems] == [("cycle", (3,))]
    cohort = read(without_start="left out")
    os = cohort.endpoint("os")
    assert (os.index.tolist(), os.state.tolist()) == ([2, 4], [0, 1])
    (note,) = cohort.warnings
    assert (note.rows, note.severity) == ((3,), "warning")
    assert "left out of OS" in note.advice
