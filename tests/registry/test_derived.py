"""The derived columns of a plan: every summary by hand and against plain Python, every formula, and what is told of what is not known."""

import itertools
from datetime import date, timedelta
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_centre import SMALL_PLAN

from haip_outcomes.errors import PlanError
from haip_outcomes.registry.deriving.complication_index import comprehensive_complication_index
from haip_outcomes.registry.deriving.derived import derive, in_order
from haip_outcomes.registry.deriving.formulas import RECIPES, wrong_formulas
from haip_outcomes.registry.deriving.summaries import chosen, of_columns, of_rows, placed
from haip_outcomes.registry.plan import load_plan, make_plan
from haip_outcomes.registry.planning.parts import DerivedPlan, Formula
from haip_outcomes.registry.planning.summary_rules import wrong_summaries
from haip_outcomes.registry.read import read_cohort
from haip_outcomes.tables.baseline import baseline_table

DEMO = Path(__file__).resolve().parents[2] / "cohorts" / "demo_centre"
RECIST = ("Complete", "Partial", "Stable", "Progression")
NO_YES = {"0": "No", "1": "Yes"}
COLUMNS = {
    "pump": {"label": "Pump placement", "kind": "date"},
    "dead": {"label": "Death", "kind": "date"},
    "seen": {"label": "Last contact", "kind": "date"},
    "lost": {"kind": "date"},
    "stricture": {"label": "Biliary stricture", "levels": NO_YES},
    "bleeding": {"label": "Bleeding", "levels": NO_YES},
    "dose_a": {"kind": "number"},
    "dose_b": {"kind": "number"},
    "before": {"levels": {"1": "I", "2": "II", "3": "III"}},
    "after": {"levels": {"1": "I", "2": "II", "3": "III"}},
}
IMAGING = {
    "label": "Imaging",
    "sheet": "Imaging",
    "columns": {
        "day": {"label": "Date of imaging", "kind": "date"},
        "recist": {"label": "RECIST", "levels": {str(i): name for i, name in enumerate(RECIST, 1)}},
        "liver": {"label": "Liver progression", "levels": NO_YES},
        "size": {"label": "Size", "kind": "number"},
    },
}


def plan_of(derived, columns=None, **cohort):
    content = {**SMALL_PLAN, "columns": {**SMALL_PLAN["columns"], **COLUMNS, **(columns or {})}, "tables": {"imaging": IMAGING}, "derived": derived}
    return make_plan({**content, "cohort": {**SMALL_PLAN["cohort"], **cohort}})


def days(*texts):
    return pd.to_datetime(pd.Series(texts))


def imaging(*rows):
    """Rows (patient, day, recist, liver, size), numbered from 2 as in a spreadsheet."""
    frame = pd.DataFrame(rows, columns=["patient", "day", "recist", "liver", "size"])
    frame["day"] = pd.to_datetime(frame["day"])
    frame["recist"] = pd.Categorical(frame["recist"], categories=RECIST)
    frame["liver"] = pd.Categorical(frame["liver"], categories=["No", "Yes"])
    frame["size"] = frame["size"].astype(float)
    return frame.set_axis(range(2, len(frame) + 2))


def patients(n, **columns):
    return pd.DataFrame({"setting": "adjuvant", **columns}, index=range(2, n + 2))


def one(take, frame, tables, **keys):
    """The one derived column of this recipe, its problems and its sentence."""
    plan = plan_of({"made": {"label": "Made", "take": take, **keys}})
    found = derive(frame, tables, plan)
    return found.frame["made"], found.problems, found.methods["made"]


# ---- summaries of a related table, by hand ----------------------------------------------------------------

SCANS = imaging(
    (2, "2019-01-01", "Stable", "No", 30), (2, "2019-06-01", "Progression", "Yes", 45), (2, "2019-03-01", "Partial", "No", 20),
    (3, "2019-02-01", "Progression", "Yes", 50),
    (4, "2019-05-01", "Stable", "No", 10), (4, "2019-05-02", "Complete", "No", 0),
)  # fmt: skip
# patient 5 has no scan


@pytest.mark.parametrize(
    ("take", "keys", "expected"),
    [
        ("earliest", {"column": "day"}, ["2019-01-01", "2019-02-01", "2019-05-01", None]),
        ("latest", {"column": "day"}, ["2019-06-01", "2019-02-01", "2019-05-02", None]),
        ("earliest", {"column": "day", "where": {"liver": "Yes"}}, ["2019-06-01", "2019-02-01", None, None]),
        ("count", {}, [3, 1, 2, 0]),
        ("count", {"where": {"recist": ["Stable", "Partial"]}}, [2, 0, 1, 0]),
        ("count", {"column": "liver"}, [1, 1, 0, 0]),  # where it is Yes
        ("any", {}, ["Yes", "Yes", "Yes", "No"]),
        ("any", {"where": {"liver": "Yes"}}, ["Yes", "Yes", "No", "No"]),
        ("any", {"column": "liver"}, ["Yes", "Yes", "No", "No"]),
        ("any", {"where": {"recist": "Progression", "liver": "No"}}, ["No", "No", "No", "No"]),
        ("highest", {"column": "size"}, [45, 50, 10, None]),
        ("lowest", {"column": "size"}, [20, 50, 0, None]),
        ("sum", {"column": "size"}, [95, 50, 10, 0]),
        ("first", {"column": "recist", "by": "day"}, ["Stable", "Progression", "Stable", None]),
        ("last", {"column": "recist", "by": "day"}, ["Progression", "Progression", "Complete", None]),
        ("first", {"column": "size", "by": "day", "where": {"liver": "No"}}, [30, None, 10, None]),
        ("last", {"column": "size", "by": "day", "where": {"liver": "No"}}, [20, None, 0, None]),
    ],
)
def test_summaries_by_hand(take, keys, expected):
    made, problems, _ = one(take, patients(4), {"imaging": SCANS}, table="imaging", **keys)
    assert not problems
    wanted = pd.to_datetime(pd.Series(expected)) if take in ("earliest", "latest") else pd.Series(expected)
    assert [None if pd.isna(value) else value for value in made] == [None if pd.isna(value) else value for value in wanted]


def test_kinds_of_the_derived_columns():
    made = lambda take, **keys: one(take, patients(4), {"imaging": SCANS}, table="imaging", **keys)[0]  # noqa: E731
    assert made("any").cat.categories.tolist() == ["No", "Yes"]  # No is the reference
    assert made("last", column="recist", by="day").cat.categories.tolist() == list(RECIST)
    assert made("latest", column="day").dtype == "datetime64[ns]"
    assert made("count").dtype == made("sum", column="size").dtype == float


@pytest.mark.parametrize(("day", "counts"), [("2019-02-28", 0), ("2019-03-01", 1), ("2019-05-30", 1), ("2019-05-31", 0)])
def test_within_has_both_ends(day, counts):
    frame = patients(1, pump=days("2019-03-01").to_numpy())  # 90 days later is 30 May
    made, _, method = one("count", frame, {"imaging": imaging((2, day, None, None, 1))}, table="imaging", within={"start": "pump", "days": 90})
    assert made.tolist() == [counts]
    assert "Date of imaging within 90 days from Pump placement" in method


def test_what_is_not_known_is_not_no_and_not_0():
    scans = imaging(
        (2, "2019-01-01", None, None, np.nan), (3, "2019-01-01", None, "Yes", 3), (3, "2019-02-01", None, None, np.nan),
        (4, "2019-01-01", None, "No", 4), (4, "2019-02-01", None, None, 5), (5, "2019-01-01", None, "No", 1),
    )  # fmt: skip
    tables, keys = {"imaging": scans}, {"table": "imaging", "where": {"liver": "Yes"}}
    made, problems, _ = one("any", patients(5), tables, **keys)
    assert made.tolist() == pytest.approx([np.nan, "Yes", np.nan, "No", "No"], nan_ok=True)
    assert [(p.table, p.column, p.rows, p.patients, p.severity) for p in problems] == [("imaging", "liver", (2, 6), (2, 4), "warning")]  # patient 3 is Yes anyway
    made, problems, _ = one("count", patients(5), tables, **keys)
    assert made.tolist() == pytest.approx([np.nan, np.nan, np.nan, 0, 0], nan_ok=True)
    assert problems[0].rows == (2, 4, 6)
    made, problems, _ = one("sum", patients(5), tables, **keys, column="size")
    assert made.tolist() == pytest.approx([np.nan, np.nan, np.nan, 0, 0], nan_ok=True)
    made, problems, _ = one("sum", patients(5), tables, table="imaging", column="size")
    assert made.tolist() == pytest.approx([np.nan, np.nan, 9, 1, 0], nan_ok=True)
    assert [(p.column, p.rows) for p in problems] == [("size", (2, 4))]


def test_another_column_can_settle_that_a_row_does_not_count():
    scans = imaging((2, "2019-01-01", "Stable", None, 1), (3, "2019-01-01", None, "No", 1), (4, "2019-01-01", None, "Yes", 1))
    made, problems, _ = one("any", patients(3), {"imaging": scans}, table="imaging", where={"recist": "Progression", "liver": "Yes"})
    assert made.tolist() == pytest.approx(["No", "No", np.nan], nan_ok=True)
    assert [(p.column, p.rows) for p in problems] == [("recist", (4,))]


def test_a_start_date_that_is_missing_leaves_the_rows_open_and_is_told_once():
    scans = imaging((2, "2019-01-01", None, None, 1), (2, "2019-01-02", None, None, 1), (3, None, None, None, 1), (4, None, None, None, 1))
    frame = patients(4, pump=days(None, "2019-01-01", None, None).to_numpy())
    made, problems, _ = one("any", frame, {"imaging": scans}, table="imaging", within={"start": "pump", "days": 90})
    assert made.tolist() == pytest.approx([np.nan, np.nan, np.nan, "No"], nan_ok=True)  # patient 5 has no row at all
    assert [(p.table, p.column, p.rows) for p in problems] == [("imaging", "day", (4, 5)), ("patients", "pump", (2, 4))]


def test_dates_are_taken_of_what_is_known_and_it_is_told_where_that_could_be_wrong():
    scans = imaging(
        (2, "2019-01-01", "Progression", None, 1), (2, "2019-02-01", None, None, 1),   # the unknown one is later: can't be the earliest
        (3, "2019-02-01", "Progression", None, 1), (3, "2019-01-01", None, None, 1),   # the unknown one is earlier
        (4, "2019-02-01", "Progression", None, 1), (4, None, "Progression", None, 1),  # a progression without a date
    )  # fmt: skip
    made, problems, _ = one("earliest", patients(3), {"imaging": scans}, table="imaging", column="day", where={"recist": "Progression"})
    assert made.dt.strftime("%Y-%m-%d").tolist() == ["2019-01-01", "2019-02-01", "2019-02-01"]
    assert [(p.column, p.rows, p.severity) for p in problems] == [("recist", (5,), "warning"), ("day", (7,), "warning")]


def test_two_rows_on_the_last_day():
    scans = imaging((2, "2019-01-01", "Stable", None, 1), (2, "2019-01-01", "Partial", None, 1), (3, "2019-01-01", "Stable", None, 1), (3, "2019-01-01", "Stable", None, 1))
    made, problems, _ = one("last", patients(2), {"imaging": scans.sample(frac=1, random_state=4)}, table="imaging", column="recist", by="day")
    assert made.tolist() == ["Partial", "Stable"]  # the row that stands lowest in the file, wherever it stands in the frame
    assert [(p.column, p.rows, p.kind, p.patients) for p in problems] == [("recist", (2, 3), "same day", (2, 2))]


def test_rows_without_a_patient_count_for_nobody():
    scans = imaging((2, "2019-01-01", None, None, 1), (np.nan, "2019-02-01", None, None, 1))
    assert one("count", patients(2), {"imaging": scans}, table="imaging")[0].tolist() == [1, 0]


def test_a_table_without_a_row():
    empty = imaging()
    for take, column, expected in (("any", None, "No"), ("count", None, 0), ("sum", "size", 0), ("latest", "day", None), ("last", "size", None)):
        keys = {"column": column} if column else {}
        made, problems, _ = one(take, patients(1), {"imaging": empty}, table="imaging", **keys, **({"by": "day"} if take == "last" else {}))
        assert [None if pd.isna(value) else value for value in made] == [expected]
        assert not problems


# ---- summaries of a related table, against plain Python ---------------------------------------------------

ROW = st.tuples(
    st.integers(0, 3), st.none() | st.integers(0, 4), st.none() | st.sampled_from(RECIST), st.none() | st.sampled_from(["No", "Yes"]), st.none() | st.integers(0, 3)
)
STARTS = st.lists(st.none() | st.integers(0, 3), min_size=4, max_size=4)
WHERE = st.fixed_dictionaries({}, optional={"recist": st.lists(st.sampled_from(RECIST), min_size=1, max_size=3, unique=True).map(tuple), "liver": st.just(("Yes",))})
FIRST_DAY = date(2019, 1, 1)


def a_date(number):
    return None if number is None else FIRST_DAY + timedelta(days=number)


def answer(row, start, where, within):
    """True where a row counts, False where it does not, None where that is not known."""
    _, day, recist, liver, _ = row
    said = [None if held is None else held in where[name] for name, held in (("recist", recist), ("liver", liver)) if name in where]
    if within is not None:
        said.append(None if day is None or start is None else start <= day <= start + within)
    return False if False in said else None if None in said else True


def worlds(rows, starts, where, within, patient, what):
    """What the summary would be for every way in which the rows that are not known could turn out."""
    own = [row for row in rows if row[0] == patient]
    said = [answer(row, starts[patient], where, within) for row in own]
    found = set()
    for turned in itertools.product(*[(True, False) if one is None else (one,) for one in said]):
        found.add(what([row for row, counts in zip(own, turned, strict=True) if counts]))
    return found


@settings(max_examples=100, deadline=None)
@given(st.lists(ROW, max_size=8), STARTS, WHERE, st.none() | st.integers(0, 2), st.randoms())
def test_any_count_and_sum_are_known_exactly_when_no_unknown_cell_could_change_them(rows, starts, where, within, chance):
    table = imaging(*[(patient, a_date(day), recist, liver, size) for patient, day, recist, liver, size in rows])
    mixed = table.sample(frac=1, random_state=chance.randrange(2**31)) if rows else table
    index = pd.RangeIndex(4)
    start = pd.Series(pd.to_datetime([a_date(number) for number in starts]), name="pump")
    counted = chosen(placed(mixed, index), where, None if within is None else ("day", start, within))

    def total(own):
        return None if any(row[4] is None for row in own) else sum(row[4] for row in own)

    for take, column, what in (("any", None, lambda own: "Yes" if own else "No"), ("count", None, len), ("sum", "size", total)):
        values, notes = of_rows(take, counted, column, None, "made")
        for patient in range(4):
            possible = worlds(rows, starts, where, within, patient, what)
            expected = possible.pop() if len(possible) == 1 else None
            found = values[patient]
            assert (None if pd.isna(found) else found) == expected, (take, patient)
        unknown = {patient for patient in range(4) if pd.isna(values[patient])}
        assert {patient for note in notes for patient in note.patients or note.rows} == unknown  # every missing value has its warning, and no other


@settings(max_examples=100, deadline=None)
@given(st.lists(ROW, max_size=10), WHERE, st.randoms())
def test_the_others_are_taken_of_the_rows_that_are_known_to_count(rows, where, chance):
    table = imaging(*[(patient, a_date(day), recist, liver, size) for patient, day, recist, liver, size in rows])
    mixed = table.sample(frac=1, random_state=chance.randrange(2**31)) if rows else table
    counted = chosen(placed(mixed, pd.RangeIndex(4)), where)
    numbered = [(i, *row) for i, row in enumerate(rows) if answer(row, None, where, None)]
    columns = {"earliest": "day", "latest": "day", "lowest": "size", "highest": "size", "first": "size", "last": "size"}
    made = {take: list(of_rows(take, counted, column, "day" if take in ("first", "last") else None, "made")[0]) for take, column in columns.items()}
    for patient in range(4):
        own = [row for row in numbered if row[1] == patient]
        dated, sized = [row[2] for row in own if row[2] is not None], [row[5] for row in own if row[5] is not None]
        both = [(row[2], row[0], row[5]) for row in own if row[2] is not None and row[5] is not None]
        first = min(both, key=lambda row: (row[0], -row[1]))[2] if both else None  # on the same day the row lowest in the file
        last = max(both)[2] if both else None
        expected = {"earliest": a_date(min(dated, default=None)), "latest": a_date(max(dated, default=None)), "lowest": min(sized, default=None),
                    "highest": max(sized, default=None), "first": first, "last": last}  # fmt: skip
        for take, wanted in expected.items():
            found = made[take][patient]
            assert (None if pd.isna(found) else pd.Timestamp(found).date() if columns[take] == "day" else found) == wanted, (take, patient)


@settings(max_examples=100, deadline=None)
@given(st.lists(ROW, max_size=10), WHERE, st.sampled_from(["earliest", "latest", "lowest", "highest"]))
def test_a_warning_where_an_unknown_row_could_change_the_answer_and_nowhere_else(rows, where, take):
    column = "day" if take in ("earliest", "latest") else "size"
    table = imaging(*[(patient, a_date(day), recist, liver, size) for patient, day, recist, liver, size in rows])
    _, notes = of_rows(take, chosen(placed(table, pd.RangeIndex(4)), where), column, None, "made")
    warned = {patient for note in notes for patient in note.patients}
    at, best = (1, min) if take == "earliest" else (1, max) if take == "latest" else (4, min) if take == "lowest" else (4, max)
    for patient in range(4):
        own = [row for row in rows if row[0] == patient]
        said = [answer(row, None, where, None) for row in own]
        open_value = any(row[at] is None and counts is not False for row, counts in zip(own, said, strict=True))
        possible = worlds(rows, [None] * 4, where, None, patient, lambda own: best((row[at] for row in own if row[at] is not None), default=None))
        assert (patient in warned) == (open_value or len(possible) > 1)


def test_against_pandas_on_many_rows():
    chance = np.random.default_rng(7)
    n, rows = 500, 6000
    table = imaging(*[(2, None, None, None, None)] * 0)
    table = pd.DataFrame({
        "patient": chance.integers(2, n + 2, rows),
        "day": pd.to_datetime("2015-01-01") + pd.to_timedelta(chance.integers(0, 2000, rows), unit="D"),
        "recist": pd.Categorical.from_codes(chance.integers(0, 4, rows), categories=list(RECIST)),
        "size": chance.normal(40, 9, rows),
    }, index=chance.permutation(rows) + 2)  # fmt: skip
    progressed = table[table["recist"] == "Progression"]
    index = pd.RangeIndex(2, n + 2)
    expected = {
        "earliest": progressed.groupby("patient")["day"].min().reindex(index), "latest": progressed.groupby("patient")["day"].max().reindex(index),
        "highest": progressed.groupby("patient")["size"].max().reindex(index), "lowest": progressed.groupby("patient")["size"].min().reindex(index),
        "sum": progressed.groupby("patient")["size"].sum().reindex(index).fillna(0), "count": progressed.groupby("patient").size().reindex(index).fillna(0),
        "last": progressed.rename_axis("row").reset_index().sort_values(["day", "row"]).groupby("patient")["size"].last().reindex(index),
    }  # fmt: skip
    for take, wanted in expected.items():
        keys = {"count": {}, "earliest": {"column": "day"}, "latest": {"column": "day"}}.get(take, {"column": "size"})
        made, _, _ = one(take, patients(n), {"imaging": table}, table="imaging", where={"recist": "Progression"}, **keys, **({"by": "day"} if take == "last" else {}))
        pd.testing.assert_series_equal(made, wanted.astype(made.dtype), check_names=False, rtol=1e-13)
        again, _, _ = one(take, patients(n), {"imaging": table.sample(frac=1, random_state=3)}, table="imaging", where={"recist": "Progression"}, **keys, **({"by": "day"} if take == "last" else {}))
        pd.testing.assert_series_equal(made, again, check_exact=True)  # to the last digit, sums too


# ---- the comprehensive complication index of a related table ------------------------------------------------

GRADES = ("I", "II", "IIIa", "IIIb", "IVa", "IVb", "V")
COMPLICATIONS = {
    "label": "Complications",
    "sheet": "Complications",
    "columns": {
        "found": {"label": "Complication", "kind": "date"},
        "grade": {"label": "Clavien-Dindo grade", "levels": {str(code): grade for code, grade in enumerate(GRADES, start=1)}},
        "kind": {"label": "Kind", "levels": {"1": "Pump", "2": "Other"}},
    },
}
INDEX = {"label": "Index", "take": "complication_index", "table": "complications", "column": "grade"}


def index_plan(levels=None, **keys):
    table = {**COMPLICATIONS, "columns": {**COMPLICATIONS["columns"], "grade": {"label": "Clavien-Dindo grade", "levels": levels or COMPLICATIONS["columns"]["grade"]["levels"]}}}
    return make_plan({**SMALL_PLAN, "columns": {**SMALL_PLAN["columns"], **COLUMNS}, "tables": {"complications": table}, "derived": {"made": {**INDEX, **keys}}})


def complications(*rows, grades=GRADES):
    """Rows (patient, day, grade, kind), numbered from 2 as in a spreadsheet."""
    frame = pd.DataFrame(rows, columns=["patient", "found", "grade", "kind"])
    frame["found"] = pd.to_datetime(frame["found"])
    frame["grade"] = pd.Categorical(frame["grade"], categories=grades)
    frame["kind"] = pd.Categorical(frame["kind"], categories=["Pump", "Other"])
    return frame.set_axis(range(2, len(frame) + 2))


def test_the_complication_index_from_a_plan():
    rows = complications((2, "2019-01-02", "I", "Pump"), (2, "2019-04-01", "II", "Other"), (3, "2019-01-05", "IVa", "Pump"), (3, "2019-04-02", "V", "Pump"))
    frame = patients(4, pump=days("2019-01-01", "2019-01-01", "2019-01-01", None).to_numpy())
    index = comprehensive_complication_index
    made = derive(frame, {"complications": rows}, index_plan())
    assert made.frame["made"].tolist() == [index(["I", "II"]), 100, 0, 0]
    assert not made.problems
    made = derive(frame, {"complications": rows}, index_plan(within={"start": "pump", "days": 90}))  # 1 April is day 90
    assert made.frame["made"].tolist() == pytest.approx([index(["I", "II"]), index(["IVa"]), 0, np.nan], rel=1e-15, nan_ok=True)  # without a start no index
    assert not made.problems
    made = derive(frame, {"complications": rows}, index_plan(where={"kind": "Pump"}))
    assert made.frame["made"].tolist() == [index(["I"]), 100, 0, 0]
    assert made.frame["made"].dtype == float
    assert index_plan().columns["made"].resolved == "number"


def test_a_grade_or_a_date_that_is_not_known_leaves_the_index_missing_and_is_told():
    rows = complications((2, "2019-01-02", "I", "Pump"), (2, "2019-01-03", None, "Pump"), (3, None, "II", "Pump"), (4, "2019-01-05", "V", "Pump"), (4, None, None, "Pump"),
                         (5, "2019-09-09", None, "Pump"), (6, "2019-01-03", "II", "Other"))  # fmt: skip
    frame = patients(5, pump=days(*["2019-01-01"] * 4, None).to_numpy())
    made = derive(frame, {"complications": rows}, index_plan(within={"start": "pump", "days": 90}), {"complications": "complications.csv"})
    assert made.frame["made"].tolist() == pytest.approx([np.nan, np.nan, 100, 0, np.nan], nan_ok=True)  # a late one without a grade changes nothing
    told = {(problem.table, problem.column, problem.rows, problem.patients, problem.severity) for problem in made.problems}
    assert told == {("complications.csv", "grade", (3,), (2,), "warning"), ("complications.csv", "found", (4,), (3,), "warning"), ("patients", "pump", (6,), (), "warning")}


def test_rows_that_are_no_complication_are_left_out_by_where():
    levels = {"0": "None", **COMPLICATIONS["columns"]["grade"]["levels"]}
    rows = complications((2, "2019-01-02", "None", "Pump"), (3, "2019-01-02", "None", "Pump"), (3, "2019-01-03", "II", "Pump"), grades=["None", *GRADES])
    made = derive(patients(2), {"complications": rows}, index_plan(levels, where={"grade": list(GRADES)})).frame["made"]
    assert made.tolist() == [0, comprehensive_complication_index(["II"])]


def test_levels_may_be_written_in_other_ways():
    levels = {"10": "Graad 1", "20": "3A", "30": "grade IV b"}
    rows = complications((2, "2019-01-02", "Graad 1", "Pump"), (2, "2019-01-02", "3A", "Pump"), (3, None, "grade IV b", None), grades=list(levels.values()))
    made = derive(patients(2), {"complications": rows}, index_plan(levels)).frame["made"]
    assert made.tolist() == [comprehensive_complication_index(["I", "IIIa"]), comprehensive_complication_index(["IVb"])]


def test_the_sentence_of_the_index_names_its_source_and_that_the_weights_are_second_hand():
    frame = patients(1, pump=days("2019-01-01").to_numpy())
    sentence = derive(frame, {"complications": complications((2, "2019-01-02", "I", "Pump"))}, index_plan(within={"start": "pump", "days": 90})).methods["made"]
    assert sentence == (
        "Index: comprehensive complication index (Slankamenac 2013, doi:10.1097/SLA.0b013e318296c732; the weights are second-hand, not read in the article itself), "
        "half the square root of the summed weights of every Clavien-Dindo grade in Complications (Complication within 90 days from Pump placement): "
        "I 300, II 1750, IIIa 2750, IIIb 4550, IVa 7200, IVb 8550; 100 with a grade V, and at most 100; 0 without a complication; "
        "missing where a row that is not known could change it, and without Pump placement"
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(2, 4), st.sampled_from([*GRADES, None])), max_size=8))
def test_plan_and_function_give_the_same_index(rows):
    table = complications(*((patient, None, grade, None) for patient, grade in rows))
    made = derive(patients(3), {"complications": table}, index_plan()).frame["made"]
    assert made.tolist() == pytest.approx(comprehensive_complication_index(table[["patient", "grade"]], patients=[2, 3, 4]).tolist(), rel=1e-15, nan_ok=True)


@pytest.mark.parametrize(
    ("levels", "keys", "message"),
    [
        ({"1": "I", "3": "III"}, {}, '[derived.made]: "III" of "grade" is no grade: call them I, II, IIIa, IIIb, IVa, IVb or V (III and IV weigh differently'),
        ({"0": "None", "1": "1", "2": "II"}, {}, '"None" and "1" of "grade" are no grades'),
        ({"0": "None", "1": "I"}, {}, "where = { grade = [the grades] }"),
        ({"0": "None", "1": "I"}, {"where": {"grade": ["None", "I"]}}, '"None" of "grade" is no grade'),
        (None, {"where": {"grade": ["IIIa", "IIIb", "IVa", "IVb", "V"]}}, 'every complication counts in the index, and where leaves I and II of "grade" out'),
        (None, {"column": "kind"}, '"Pump" and "Other" of "kind" are no grades'),
        (None, {"column": "found"}, "[derived.made] take: complication_index is taken of categories of Clavien-Dindo grades only"),
        (None, {"column": "graad"}, '"graad" has no [tables.complications.columns.graad]'),
        (None, {"column": None}, "complication_index of which column? Write column"),
        (None, {"table": None, "column": None, "columns": ["before"]}, "complication_index is taken of a related table with a row a complication"),
        (None, {"table": "complication"}, 'there is no [tables.complication]. Did you mean "complications"'),
        (None, {"within": {"start": "pomp", "days": -1}}, "[derived.made] within.days"),
        (None, {"take": None, "formula": "bmi"}, "a formula takes its columns from inputs"),
        (None, {"take": "cci"}, "'cci' is not one of"),
    ],
)
def test_what_a_plan_may_not_ask_of_the_index(levels, keys, message):
    with pytest.raises(PlanError) as caught:
        index_plan(levels, **keys)
    assert message in str(caught.value)


def test_grades_without_levels_are_asked_for():
    table = {**COMPLICATIONS, "columns": {"grade": {"kind": "category"}}}
    with pytest.raises(PlanError, match='complication_index needs to know which codes of "grade" are which grade: give it levels'):
        make_plan({**SMALL_PLAN, "tables": {"complications": table}, "derived": {"made": INDEX}})


def test_the_index_from_the_codes_of_a_file_to_table_one(tmp_path):
    """A patient with grades II and IIIb, one with an ungraded complication, one with none."""
    plan = f"""
cohort = {{ name = "Small centre", id = "key", setting = {{ value = "adjuvant" }} }}
[columns]
pump = {{ label = "Pump placement", kind = "date" }}
[tables.complications]
file = "complications.csv"
columns.found = {{ label = "Complication", kind = "date" }}
columns.grade = {{ label = "Clavien-Dindo grade", item = "clavien_dindo", levels = {{ {", ".join(f'"{code}" = "{grade}"' for code, grade in enumerate(GRADES, start=1))} }} }}
[derived.cci]
label = "Comprehensive complication index"
take = "complication_index"
table = "complications"
column = "grade"
within = {{ start = "pump", days = 90 }}
[endpoints.os]
label = "Overall survival"
start = "pump"
last_seen = "seen"
events = {{ Death = "dead" }}
[analysis]
table1 = ["cci"]
"""
    (tmp_path / "plan.toml").write_text(plan, encoding="utf-8")
    (tmp_path / "patients.csv").write_text("key,pump,seen,dead\n" + "".join(f"K{i},2019-01-01,2020-01-01,\n" for i in range(3)), encoding="utf-8")
    (tmp_path / "complications.csv").write_text("key,found,grade\nK0,2019-01-03,2\nK0,2019-02-03,4\nK1,2019-01-05,\n", encoding="utf-8")
    cohort = read_cohort(tmp_path / "patients.csv", tmp_path / "plan.toml")
    assert cohort.frame["cci"].tolist() == pytest.approx([(1750 + 4550) ** 0.5 / 2, np.nan, 0], rel=1e-15, nan_ok=True)
    assert any(problem.column == "grade" for problem in cohort.warnings)
    table = baseline_table(cohort)
    assert [row[0] for row in table.rows] == ["Comprehensive complication index, median (IQR)", "Missing"]
    assert table.rows[0][1].startswith("19.8 (")  # of 39.7 and 0, halfway
    assert any("second-hand" in note for note in table.footnotes)


# ---- summaries over columns of the patient ----------------------------------------------------------------


def category(*values, levels=("No", "Yes")):
    return pd.Categorical(values, categories=list(levels))


@pytest.mark.parametrize(
    ("take", "columns", "expected"),
    [
        ("earliest", ["pump", "dead"], ["2019-01-01", "2019-01-05", "2019-01-06", None]),
        ("latest", ["pump", "dead"], ["2019-01-02", "2019-01-05", "2019-01-06", None]),
        ("first", ["dead", "pump"], ["2019-01-01", "2019-01-05", "2019-01-06", None]),
        ("last", ["dead", "pump"], ["2019-01-02", "2019-01-05", "2019-01-06", None]),
        ("any", ["dead", "pump"], ["Yes", "Yes", "Yes", "No"]),
        ("count", ["dead", "pump"], [2, 1, 1, 0]),
        ("any", ["stricture", "bleeding"], ["Yes", "No", None, "Yes"]),
        ("count", ["stricture", "bleeding"], [1, 0, None, None]),
        ("any", ["stricture", "dead"], ["Yes", "No", "Yes", None]),
        ("highest", ["dose_a", "dose_b"], [3, 2, 5, None]),
        ("lowest", ["dose_a", "dose_b"], [1, 2, 5, None]),
        ("sum", ["dose_a", "dose_b"], [4, 4, None, None]),
        ("first", ["before", "after"], ["II", "I", "III", None]),
        ("last", ["before", "after"], ["I", "I", "III", None]),
    ],
)
def test_columns_of_the_patient_by_hand(take, columns, expected):
    frame = patients(
        4, pump=days("2019-01-02", None, "2019-01-06", None).to_numpy(), dead=days("2019-01-01", "2019-01-05", None, None).to_numpy(),
        stricture=category("Yes", "No", "No", None), bleeding=category("No", "No", None, "Yes"), dose_a=[1, 2, np.nan, np.nan], dose_b=[3, 2, 5, np.nan],
        before=category("II", "I", None, None, levels=("I", "II", "III")), after=category("I", "I", "III", None, levels=("I", "II", "III")),
    )  # fmt: skip
    if columns == ["stricture", "dead"]:
        frame["dead"] = days(None, None, "2019-01-01", None).to_numpy()
    made, problems, method = one(take, frame, {}, columns=columns)
    wanted = pd.to_datetime(pd.Series(expected)) if made.dtype.kind == "M" else pd.Series(expected, dtype=object)
    assert [None if pd.isna(value) else value for value in made] == [None if pd.isna(value) else value for value in wanted]
    assert method.startswith("Made: ")
    assert all(problem.severity == "warning" and problem.table == "patients" for problem in problems)


def test_the_worst_grade_is_the_highest_level_of_a_category():
    frame = pd.DataFrame({"before": category("II", "III", None, levels=("I", "II", "III")), "after": category("I", None, None, levels=("I", "II", "III"))})
    values, notes = of_columns("highest", frame, "worst")
    assert values.tolist() == pytest.approx(["II", "III", np.nan], nan_ok=True)
    assert [(note.column, note.rows) for note in notes] == [("after", (1,))]
    rows = pd.DataFrame({"patient": [0, 0, 2], "grade": category("II", "III", "I", levels=("I", "II", "III"))})
    values, _ = of_rows("highest", chosen(placed(rows, pd.RangeIndex(3)), {}), "grade", None, "worst")
    assert values.tolist() == pytest.approx(["III", np.nan, "I"], nan_ok=True)


@pytest.mark.parametrize("levels", [NO_YES, {"0": "no", "1": "yes"}, {"1": "Ja", "0": "Nee"}, {"0": "NEIN", "1": "JA"}, {"n": "Non", "o": "Oui"}, {"0": "No", "1": "Yes", "2": "Yes"}])
def test_a_coded_no_is_no_whatever_it_is_called(levels):
    no, yes = (next(label for code, label in levels.items() if code == wanted) for wanted in (("n", "o") if "n" in levels else ("0", "1")))
    column = pd.Categorical([no, yes, None], categories=list(dict.fromkeys(levels.values())))
    plan = plan_of({"made": {"take": "any", "columns": ["state"]}, "many": {"take": "count", "columns": ["state", "pump"]}}, {"state": {"levels": levels}})
    found = derive(patients(3, state=column, pump=days("2019-01-01", None, "2019-01-01").to_numpy()), {}, plan).frame
    assert found["made"].astype(object).where(found["made"].notna(), None).tolist() == ["No", "Yes", None]
    assert found["many"].tolist()[:2] == [1, 1]
    assert np.isnan(found["many"].iloc[2])


def test_a_where_says_which_levels_count():
    keys = {"table": "imaging", "column": "recist", "where": {"recist": ["Complete", "Partial"]}}
    scans = imaging((2, "2019-01-01", "Stable", None, 1), (3, "2019-01-01", "Partial", None, 1))
    assert one("any", patients(3), {"imaging": scans}, **keys)[0].tolist() == ["No", "Yes", "No"]
    assert one("count", patients(3), {"imaging": scans}, **keys)[0].tolist() == [0, 1, 0]


def test_a_flag_of_0_and_1_counts_where_it_is_1():
    content = {**SMALL_PLAN, "derived": {"made": {"take": "any", "columns": ["died", "pump"]}},
               "endpoints": {**SMALL_PLAN["endpoints"], "dss": {"label": "DSS", "start": "pump placement", "events": {"Death": {"time": "months", "flag": "died"}}}},
               "columns": {**SMALL_PLAN["columns"], "died": {"kind": "number"}}}  # fmt: skip
    frame = patients(3, died=[1.0, 0.0, np.nan], pump=days(None, None, None).to_numpy())
    assert derive(frame, {}, make_plan(content)).frame["made"].tolist() == pytest.approx(["Yes", "No", np.nan], nan_ok=True)


# ---- formulas, order and what a plan may say --------------------------------------------------------------

BODY = {
    "height": {"item": "height_cm", "kind": "number", "unit": "cm"},
    "weight": {"item": "weight_kg", "kind": "number"},
    "area": {"item": "l3_muscle_area_cm2", "kind": "number", "unit": "cm²"},
    "geslacht": {"item": "sex", "levels": {"1": "man", "2": "vrouw"}},
}
LIVER = {
    "nodes": {"item": "node_positive", "levels": {"0": "N0", "1": "N+"}},
    "operated": {"item": "primary_resection_date", "kind": "date"},
    "found": {"item": "diagnosis_date", "kind": "date"},
    "number": {"item": "n_metastases", "kind": "number"},
    "cea": {"item": "cea_ug_l", "kind": "number", "unit": "ng/ml"},
    "largest": {"item": "largest_cm", "kind": "number"},
}
FORMULAS = {
    "score": {"formula": "fong_crs"},  # before its own parts: the order of the plan does not matter
    "low_muscle": {"formula": "sarcopenia", "cutoffs": "martin2013"},
    "smi": {"formula": "l3_smi"}, "bmi": {"formula": "bmi"}, "interval": {"formula": "disease_free_interval"}, "burden": {"formula": "tumour_burden_score"},
    "years": {"formula": "age_at", "inputs": {"birth_year": "born", "date": "pump"}},
}  # fmt: skip


def small_registry():
    return patients(
        3, height=[175.0, 175, 162], weight=[73.5, 82.7, 60], area=[145.0, 145, 105], geslacht=category("man", "man", "vrouw", levels=("man", "vrouw")),
        nodes=category("N+", "N0", "N+", levels=("N0", "N+")), operated=days("2018-03-15", "2018-03-15", None).to_numpy(),
        found=days("2019-03-15", "2018-01-01", "2018-01-01").to_numpy(), number=[1.0, 3, 2], cea=[200.0, 35, 3], largest=[5.0, 4.2, 6],
        born=[1950.0, 1960, np.nan], pump=days("2019-05-01", "2019-06-01", "2019-07-01").to_numpy(),
    )  # fmt: skip


def test_every_formula_from_the_standard_items_and_from_each_other():
    plan = plan_of(FORMULAS, {**BODY, **LIVER, "born": {"kind": "number"}})
    made = derive(small_registry(), {}, plan)
    frame = made.frame
    assert list(frame.columns[-len(FORMULAS):]) == list(FORMULAS)  # in the plan's order, whatever was made first
    assert frame["smi"].round(2).tolist() == [47.35, 47.35, 40.01]
    assert frame["bmi"].tolist() == pytest.approx([24.0, 27.004, 22.862], abs=1e-3)
    assert frame["low_muscle"].tolist() == ["No", "Yes", "Yes"]
    assert frame["interval"].tolist() == pytest.approx([12, 0, np.nan], nan_ok=True)
    assert frame["score"].tolist() == pytest.approx([1, 2, np.nan], nan_ok=True)
    assert frame["burden"].round(3).tolist() == [5.099, 5.161, 6.325]
    assert frame["years"].tolist() == pytest.approx([69, 59, np.nan], nan_ok=True)
    assert {(problem.column, problem.rows) for problem in made.problems} == {("operated", (4,)), ("interval", (4,)), ("born", (4,))}
    assert "Martin 2013" in made.methods["low_muscle"]
    assert list(made.methods) == list(FORMULAS)
    assert in_order(plan).index("interval") < in_order(plan).index("score")


def test_every_formula_that_a_plan_may_name_has_its_recipe():
    assert set(get_args(Formula)) <= set(RECIPES)
    zone = RECIPES["tumour_burden_zone"].make(tumour_burden_score=[2.9, 3, 9])
    assert zone.values.tolist() == ["Zone 1", "Zone 2", "Zone 3"]


def test_the_order_of_the_patients_changes_nothing():
    plan = plan_of(FORMULAS, {**BODY, **LIVER, "born": {"kind": "number"}})
    frame = small_registry()
    pd.testing.assert_frame_equal(derive(frame[::-1], {}, plan).frame.sort_index(), derive(frame, {}, plan).frame)


def test_the_frame_that_is_given_stays_as_it_was():
    frame = small_registry()
    before = frame.copy()
    derive(frame, {}, plan_of(FORMULAS, {**BODY, **LIVER, "born": {"kind": "number"}}))
    pd.testing.assert_frame_equal(frame, before)


def test_a_part_that_can_not_be_is_a_problem_under_the_centres_own_name_told_once():
    plan = plan_of({"smi": {"formula": "l3_smi"}, "bmi": {"formula": "bmi"}, "sarc": {"formula": "sarcopenia", "cutoffs": "prado2008"}}, BODY)
    frame = small_registry().assign(height=[175.0, 1.75, 162], area=[14500.0, 145, 105])
    made = derive(frame, {}, plan, {"": "centre.csv"})
    assert [(p.table, p.column, p.rows, p.found, p.severity) for p in made.problems] == [
        ("centre.csv", "area", (2,), "14500", "error"), ("centre.csv", "height", (3,), "1.75", "error")]  # fmt: skip
    assert not {"smi", "bmi", "sarc"} & set(made.frame.columns)
    assert not made.methods


def test_a_column_whose_source_is_not_in_the_file_is_not_made():
    plan = plan_of({"n": {"take": "count", "table": "imaging"}, "smi": {"formula": "l3_smi"}, "sarc": {"formula": "sarcopenia", "cutoffs": "prado2008"}}, BODY)
    assert list(derive(small_registry().drop(columns="height"), {}, plan).frame.columns[-1:]) == ["pump"]


def test_derived_from_derived_and_from_a_table():
    plan = plan_of({
        "event": {"take": "earliest", "columns": ["progression", "dead"]},
        "progression": {"take": "earliest", "table": "imaging", "column": "day", "where": {"recist": "Progression"}},
        "soon": {"take": "any", "table": "imaging", "where": {"recist": "Progression"}, "within": {"start": "event", "days": 0}},
    })  # fmt: skip
    frame = patients(3, dead=days("2019-05-01", "2019-01-15", None).to_numpy())
    made = derive(frame, {"imaging": SCANS[SCANS["patient"] < 4]}, plan).frame
    assert made["event"].dt.strftime("%m-%d").tolist() == pytest.approx(["05-01", "01-15", np.nan], nan_ok=True)
    assert made["soon"].tolist() == ["No", "No", "No"]


def test_sentences_for_footnotes():
    made = lambda take, **keys: one(take, patients(1, pump=days("2019-01-01").to_numpy()), {"imaging": SCANS[:1]}, **keys)[2]  # noqa: E731
    assert made("latest", table="imaging", column="day") == "Made: latest Date of imaging in Imaging"
    assert made("last", table="imaging", column="recist", by="day", where={"liver": "Yes"}) == "Made: last RECIST in Imaging (Liver progression Yes), by Date of imaging"
    assert made("count", table="imaging", where={"recist": ["Stable", "Partial"]}).startswith("Made: number of Imaging (RECIST Stable or Partial); missing where")


@pytest.mark.parametrize(
    ("derived", "columns", "message"),
    [
        ({"formula": "bmi"}, {}, 'Which column is weight_kg? Give a column item = "weight_kg" or write inputs'),
        ({"formula": "bmi", "inputs": {"weight": "weight"}}, BODY, '"weight" is no input of bmi'),
        ({"formula": "bmi", "inputs": {"height_cm": "geslacht"}}, BODY, '"geslacht" must hold a number, and it holds a category'),
        ({"formula": "bmi"}, {**BODY, "height": {**BODY["height"], "unit": "m"}}, '"height" is in m, and height_cm must be in cm'),
        ({"formula": "sarcopenia", "cutoffs": "prado2008"}, BODY, 'Make one with [derived.smi] formula = "l3_smi" or write inputs'),
        ({"formula": "sarcopenia", "cutoffs": "prado", "inputs": {"smi": "area"}}, BODY, 'Did you mean "prado2008"'),
        ({"formula": "sarcopenia", "cutoffs": {"male": 3}, "inputs": {"smi": "dose_a"}}, BODY, "female is needed"),
        ({"formula": "sarcopenia", "cutoffs": "martin2013", "inputs": {"smi": "dose_a"}}, BODY, "which column is bmi?"),
        ({"formula": "sarcopenia", "cutoffs": "prado2008", "inputs": {"smi": "dose_a", "sex": "before"}}, BODY, 'which levels of "before" are Male and Female?'),
        ({"formula": "age_at", "inputs": {"birth_year": "dose_a"}}, {}, "which column is date?"),
        ({"take": "any", "columns": ["dose_a"]}, {}, '"dose_a" holds a number: any is taken of dates and of categories'),
        ({"take": "count", "table": "imaging", "column": "size"}, {}, '"size" holds a number: count'),
        ({"take": "first", "columns": ["pump", "dose_a"]}, {}, "pump and dose_a hold different things"),
        ({"take": "first", "columns": ["before", "stricture"]}, {}, "before and stricture have different levels"),
        ({"take": "any", "columns": ["state"]}, {"state": {"levels": {**NO_YES, "9": "Unknown"}}}, '"state" has other levels than a No and a Yes, and any must know'),
        ({"take": "count", "columns": ["state"]}, {"state": {"levels": {"0": "No"}}}, 'labels "No" and "Yes"'),
        ({"take": "any", "columns": ["state"]}, {"state": {"levels": {"1": "Yes"}}}, "which of them count"),
        ({"take": "any", "columns": ["state"]}, {"state": {"levels": {"0": "none", "1": "no"}}}, "which of them count"),
        ({"take": "any", "columns": ["state"]}, {"state": {"kind": "category"}}, "which of them count"),
        ({"take": "any", "table": "imaging", "column": "recist"}, {}, 'where = { recist = "Yes" }'),
        ({"take": "count", "table": "imaging", "column": "recist", "where": {"liver": "Yes"}}, {}, "which of them count"),
        ({"take": "any", "columns": ["pump"], "inputs": {"x": "pump"}}, {}, "they belong to a formula"),
    ],
)
def test_what_a_plan_may_not_say(derived, columns, message):
    base = plan_of({}, columns)
    plan = base.model_copy(update={"derived": {"made": DerivedPlan.model_validate(derived)}})  # as it stands before the plan is judged
    found = [f"{place}: {line}" for place, line in (*wrong_formulas(plan), *wrong_summaries(plan))]
    assert any(message.casefold() in line.casefold() for line in found), found
    assert all(line.startswith("[derived.made]") for line in found)
    with pytest.raises(PlanError):
        derive(patients(1), {}, plan)


def test_two_columns_that_could_be_an_input_are_a_question():
    derived = {"a": {"formula": "l3_smi"}, "b": {"formula": "l3_smi"}, "sarc": {"formula": "sarcopenia", "cutoffs": "prado2008"}}
    plan = plan_of({}, BODY).model_copy(update={"derived": {name: DerivedPlan.model_validate(one) for name, one in derived.items()}})
    assert list(wrong_formulas(plan)) == [("[derived.sarc] inputs", 'a and b could all be smi: write inputs = { smi = "..." }')]


def test_a_circle_is_told_for_every_column_in_it():
    base = plan_of({"a": {"take": "earliest", "columns": ["pump", "dead"]}, "b": {"take": "latest", "columns": ["pump", "a"]}})
    circle = {"a": DerivedPlan(take="earliest", columns=("b", "pump")), "b": base.derived["b"]}
    with pytest.raises(PlanError, match=r"(?s)derived\.[ab]\]: it is made from itself.*derived\.[ab]\]: it is made from itself"):
        derive(patients(1), {}, base.model_copy(update={"derived": circle}))


# ---- the demonstration cohort ------------------------------------------------------------------------------


def demo_frame():
    """The demonstration cohort as pandas reads it, without this package's reader."""
    raw = pd.read_csv(DEMO / "demo.csv", na_values=["UNK", "-999"], index_col=False, parse_dates=["pump_date", "first_cycle_date"])
    codes = {"sex": {1: "Male", 2: "Female"}, **{name: {0: "No", 1: "Yes"} for name in ("sarcopenia", "node_positive", "synchronous")}}
    words = {column: pd.Categorical(raw[column].map(meaning), categories=list(meaning.values())) for column, meaning in codes.items()}
    return raw.assign(**words).set_axis(range(2, len(raw) + 2))


def test_the_demonstration_cohort_recomputed_from_its_parts():
    content = load_plan(DEMO / "plan.toml").model_dump(exclude_unset=True)
    fong = {"node_positive": "node_positive", "disease_free_interval_months": "disease_free_interval", "n_metastases": "n_metastases",
            "cea_ug_l": "cea", "largest_cm": "largest_cm", "synchronous": "synchronous"}  # fmt: skip
    content["derived"] = {
        "sarcopenia_again": {"formula": "sarcopenia", "cutoffs": "prado2008", "inputs": {"smi": "muscle_index", "sex": "sex"}},
        "score_again": {"formula": "fong_crs", "inputs": fong},
        "burden": {"formula": "tumour_burden_score", "inputs": {"n_metastases": "n_metastases", "largest_cm": "largest_cm"}},
        "event": {"take": "earliest", "columns": ["pump_date", "first_cycle_date"]},
    }
    raw = demo_frame()
    made = derive(raw, {}, make_plan(content))
    frame = made.frame
    assert (frame["sarcopenia_again"] == raw["sarcopenia"]).all()
    assert (frame["sarcopenia_again"] == "Yes").sum() == 29
    pd.testing.assert_series_equal(frame["score_again"], raw["risk_score"], check_names=False)
    assert 3 <= frame["score_again"].isna().sum() <= 8
    assert frame["burden"].tolist() == pytest.approx(np.hypot(raw["largest_cm"], raw["n_metastases"]).tolist(), rel=1e-14)
    assert [(problem.column, problem.rows, problem.severity) for problem in made.problems] == [("cea", tuple(raw.index[raw["cea"].isna()]), "warning")]
    assert (frame["event"] == raw["pump_date"]).all()
