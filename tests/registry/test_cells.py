"""Cells to values: codes, labels, settings, flags and keys by hand; any cell is a value or a problem, never an exception."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_column import PLAN, converted, only, plan_with
from small_centre import SMALL_PLAN

from haip_outcomes.errors import Problem
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.planning.parts import ColumnPlan, MissingPlan
from haip_outcomes.registry.values.cells import cell_text, convert, shown
from haip_outcomes.registry.values.code_cells import setting_levels
from haip_outcomes.registry.values.distinct_cells import distinct_cells
from haip_outcomes.registry.values.file_labels import coding

SEX = {"1": "Male", "2": "Female"}


@pytest.mark.parametrize(("value", "text"), [
    ("x", "x"), ("", ""), (None, ""), (np.nan, ""), (pd.NaT, ""), (pd.NA, ""), (np.datetime64("NaT"), ""), (1, "1"), (1.0, "1"), (np.float64(1), "1"),
    (np.float32(2), "2"), (-0.0, "0"), (1.5, "1.5"), (0.1, "0.1"), (True, "True"), (Decimal("1.00"), "1"), (Decimal("1.10"), "1.10"),
    (datetime.date(2019, 3, 31), "2019-03-31"), (datetime.datetime(2019, 3, 31), "2019-03-31"), (pd.Timestamp("2019-03-31"), "2019-03-31"),
    (datetime.datetime(2019, 3, 31, 14, 5), "2019-03-31 14:05:00"), (np.datetime64("2019-03-31"), "2019-03-31"), (1e300, "1e+300"), ([1, 2], "[1, 2]"),
])  # fmt: skip
def test_a_cell_as_a_person_reads_it(value, text):
    assert cell_text(value) == text


def test_equal_to_a_hash_table_and_different_to_a_person():
    cells = distinct_cells(pd.Series([1, 1.0, True, "1", 1, None, "", Decimal(1)], dtype=object), MissingPlan())
    assert cells.texts == ["1", "1", "True", "1", "", "", "1"]
    assert cells.place_of_row.tolist() == [0, 1, 2, 3, 0, 4, 5, 6]
    assert cells.known.tolist() == [True, True, True, True, False, False, True]


@pytest.mark.parametrize("column", [
    pd.Series(["b", None, "a", "b", "UNK", ""], dtype=object),
    pd.Series(["b", None, "a", "b", "UNK", ""], dtype="string"),
    pd.Series(["b", None, "a", "b", "UNK", ""], dtype="category"),
    pd.Series(["b", None, "a", "b", "UNK", ""], dtype="category").cat.set_categories(["z", "UNK", "b", "", "a"]),
    pd.Series(["b", np.nan, "a", "b", "UNK", ""], dtype=object),
])  # fmt: skip
def test_however_a_file_keeps_its_texts(column):
    for kind in ("text", "category", "key"):
        result = converted(column, kind)
        assert [None if pd.isna(value) else value for value in result.values] == ["b", None, "a", "b", None, None]
        assert result.problems == []


def test_levels_are_the_plans_in_its_order():
    result = converted(["2", "1", 1.0, 2, "UNK", None], "category", levels=SEX)
    assert result.values.tolist()[:4] == ["Female", "Male", "Male", "Female"]
    assert list(result.values.cat.categories) == ["Male", "Female"]
    assert result.values.isna().tolist() == [False] * 4 + [True] * 2
    assert result.problems == []


@pytest.mark.parametrize(("cell", "advice"), [
    ("3", "undeclared code; correct it, or add it to levels or to [missing] codes"),
    ("Male", "this is a label, not its code: export the raw codes"),
    ("FEMALE ", "this is a label, not its code: export the raw codes"),
    ("1.0", "write 1, the same number as the plan writes it"),
    (" 2", "write 2, the same number"),
    ("01", "write 1, the same number"),
    ("male/female", "undeclared code"),
    (True, "undeclared code"),
    ("#NAME?", "correct the formula"),
])  # fmt: skip
def test_an_undeclared_code(cell, advice):
    result = converted(["1", cell], "category", levels=SEX)
    problem = only(result)
    assert problem.rows == (3,)
    assert problem.advice.startswith(advice)
    assert result.values.isna().tolist() == [False, True]
    assert list(result.values.cat.categories) == ["Male", "Female"]


def test_a_near_word_is_named():
    assert 'Did you mean "adjuvant"?' in only(converted(["Adjuvent"], "setting")).advice


def test_a_column_of_remarks_where_codes_are_declared_is_told_soon():
    result = converted([f"remark about patient {i}" for i in range(3000)], "category", levels={"none": "None", "some": "Some"})
    assert sum(len(problem.rows) for problem in result.problems) == 3000
    assert len(result.problems) < 25


def test_categories_without_levels_are_the_texts():
    result = converted(["b", "a", None, "b"], "category")
    assert list(result.values.cat.categories) == ["a", "b"]
    assert result.values.isna().tolist() == [False, False, True, False]


def test_the_files_own_labels_are_the_levels_where_the_plan_has_none():
    result = converted([2.0, 1.0, None, 3.0], "category", labels=SEX)
    assert result.values.tolist()[:2] == ["Female", "Male"]
    assert list(result.values.cat.categories) == ["Male", "Female"]
    problem = only(result)
    assert (problem.rows, problem.found, problem.expected) == ((5,), "3", "one of 1, 2")
    assert "no label for it" in problem.advice


def test_the_files_labels_make_texts_readable():
    assert converted(["1", "2", "9"], "text", labels={"1": "Utrecht", "2": "Rotterdam"}).values.tolist() == ["Utrecht", "Rotterdam", "9"]


def test_a_conflict_of_coding():
    result = converted(["1", "2", "1", None], "category", levels=SEX, labels={"1": "Female", "2": "Male"})
    problem = only(result)
    assert (problem.severity, problem.rows, problem.kind) == ("error", (2, 3, 4), "conflict of coding")
    assert (problem.found, problem.expected) == ("1 = Female and 2 = Male in the file", "1 = Male and 2 = Female, as in the plan")
    assert problem.advice.startswith("conflict of coding")


def test_a_conflict_in_codes_that_no_patient_has_does_not_matter():
    assert converted(["3"], "category", levels={**SEX, "3": "Other"}, labels={"1": "Female", "2": "Male"}).problems == []


@pytest.mark.parametrize(("levels", "labels", "contradicted", "in_other_words"), [
    (SEX, SEX, [], []),
    (SEX, {"1": "male", "2": " FEMALE "}, [], []),
    (SEX, {"1": "Man", "2": "Vrouw"}, [], []),
    (SEX, {"1": "Vrouw", "2": "Man"}, ["1", "2"], []),
    (SEX, {"1": "Vrouw"}, ["1"], []),
    (SEX, {"1": "Männlich", "2": "Divers"}, [], ["2"]),
    ({"0": "No", "1": "Yes"}, {"0": "Nee", "1": "Ja"}, [], []),
    ({"0": "No", "1": "Yes"}, {"0": "Ja", "1": "Nee"}, ["0", "1"], []),
    ({"0": "Wild type", "1": "Mutated"}, {"0": "wild-type", "1": "mutant"}, [], ["1"]),
    ({"0": "Wild type", "1": "Mutated"}, {"1": "Wildtype"}, ["1"], []),
    ({"1": "Right", "2": "Left"}, {"1": "Left", "2": "Right", "9": "Unknown"}, ["1", "2"], []),
    ({"1": "Complete", "2": "Incomplete"}, {"1": "Incomplete"}, ["1"], []),
    ({"1": "Resection"}, {"1": "No resection"}, [], ["1"]),
    (SEX, {"1": "", "2": "-"}, [], []),
])  # fmt: skip
def test_what_two_words_for_one_code_can_mean(levels, labels, contradicted, in_other_words):
    assert coding(levels, labels) == (contradicted, in_other_words)


def test_other_words_are_a_warning_and_the_plans_are_used():
    result = converted(["0", "1"], "category", levels={"0": "Wild type", "1": "Mutated"}, labels={"0": "WT", "1": "mut"})
    assert result.values.tolist() == ["Wild type", "Mutated"]
    assert (only(result).severity, only(result).rows) == ("warning", (2, 3))


def test_flags_are_0_or_1():
    result = converted(["0", "1", 1, 0.0, None, "UNK"], "flag")
    assert result.values.tolist()[:4] == [0, 1, 1, 0]
    assert result.values.dtype == float
    for cell in ("yes", "2", "1.0", True, " 1", -1):
        assert only(converted([cell], "flag")).expected == "0 (no) or 1 (yes)"


def test_a_flag_whose_labels_say_the_opposite():
    assert only(converted(["0", "1"], "flag", labels={"0": "Yes", "1": "No"})).kind == "conflict of coding"
    assert converted(["0", "1"], "flag", labels={"0": "Alive", "1": "Dead"}).problems == []


def test_a_flag_with_a_code_of_its_own():
    events = {"os": {"label": "Overall survival", "start": "operation", "events": {"Death": {"time": "months", "flag": "vital", "code": "Dead"}}}}
    plan = make_plan({**SMALL_PLAN, "endpoints": events})
    for cells, wrong in ((["Dead", "Alive", None, "Alive"], ()), (["Dead", "Alive", "Lost"], (3, 4)), (["Dead", "DEAD"], (3,)), (["Dead", "dead "], (3,))):
        column = pd.Series(cells, index=range(2, 2 + len(cells)), name="vital", dtype=object)
        result = convert(column, "code", ColumnPlan(), plan, "centre.csv")
        assert tuple(row for problem in result.problems for row in problem.rows) == wrong


def coded(cells, *codes):
    """A column of a flag with codes of its own."""
    events = {f"Event {code}": {"time": "months", "flag": "vital", "code": code} for code in codes}
    plan = make_plan({**SMALL_PLAN, "endpoints": {"os": {"label": "Overall survival", "start": "operation", "terminal": [], "events": events}}})
    column = pd.Series(cells, index=range(2, 2 + len(cells)), name="vital", dtype=object)
    return convert(column, "code", ColumnPlan(), plan, "centre.csv")


@pytest.mark.parametrize(("cells", "codes", "wrong"), [
    (["2", "2.0"], ["2"], (3,)), (["2.0", "2.0"], ["2"], (2, 3)), (["02", "1", "2"], ["2"], (2,)), (["\uff12", "1"], ["2"], (2,)), (["2 (liver)", "1"], ["2"], (2,)),
    (["2: liver", "2-liver", "2 liver", "1"], ["2"], (2, 3, 4)), (["2e0", "+2", " 2", "1"], ["2"], (2, 3, 4)), (["1", "1.0", "0"], ["1", "2"], (3,)),
    (["dead", "deda"], ["dead"], (3,)), (["dead", "Dead", " dead", "DEAD."], ["dead"], (3, 4, 5)), (["dead", "dead (liver)", "alive"], ["dead"], (3,)),
    (["died", "died"], ["dead"], (2, 3)), (["Progresion"], ["Progression"], (2,)), (["\uff24ead", "alive"], ["Dead"], (2,)),
    (["2", 2.0, 2, "1"], ["2"], ()), (["1", "20", "20"], ["1"], ()), (["2", "2.5", "2.5"], ["2"], ()), (["Dead", "Alive"], ["Dead"], ()),
    (["event", "no event"], ["event"], ()), (["event", "event-free"], ["event"], ()), (["uncensored", "censored"], ["uncensored"], ()), (["yes", "no"], ["yes"], ()),
    (["deceased", "censored"], ["deceased"], ()), (["dead of disease", "alive with disease"], ["dead of disease"], ()), (["stage1", "stage0"], ["stage1"], ()),
    (["+", "-"], ["+"], ()), (["overleden", "levend"], ["overleden"], ()), (["0", "1", "2"], ["1", "2"], ()), (["0", "1", "2"], ["2"], (2, 3)),
])  # fmt: skip
def test_a_code_of_an_event_written_otherwise_is_never_no_event(cells, codes, wrong):
    result = coded(cells, *codes)
    errors = [problem for problem in result.problems if problem.severity == "error"]
    assert tuple(sorted(row for problem in errors for row in problem.rows)) == wrong
    assert all("levels" in problem.advice for problem in errors)
    assert result.values.isna().tolist() == [row in wrong for row in range(2, 2 + len(cells))]


def test_the_code_of_an_event_that_no_cell_holds_is_a_warning():
    problem = only(coded(["0", "0", None], "1x"))
    assert (problem.severity, problem.found, problem.rows, problem.kind) == ("warning", "no cell holds the code 1x", (), "code not found")
    assert problem.advice.startswith("nobody had the event")
    assert [problem.found for problem in coded(["1", "0"], "1", "2").problems] == ["no cell holds the code 2"]
    assert coded([None, ""], "2").problems == []
    assert coded(["2", None], "2").problems == []


def test_settings():
    plain = converted(["adjuvant", "comparator", "unresectable"], "setting")
    assert plain.values.tolist() == ["adjuvant", "comparator", "unresectable"]
    assert list(plain.values.cat.categories) == ["adjuvant", "unresectable", "comparator"]
    coded = converted(["1", 2.0], "setting", plan_with(setting_levels={"1": "adjuvant", "2": "unresectable"}))
    assert coded.values.tolist() == ["adjuvant", "unresectable"]
    in_file = converted(["1", "2"], "setting", labels={"1": "Adjuvant", "2": "Unresectable"})
    assert in_file.values.tolist() == ["adjuvant", "unresectable"]
    conflict = converted(["1"], "setting", plan_with(setting_levels={"1": "adjuvant", "2": "unresectable"}), labels={"1": "Unresectable"})
    assert only(conflict).kind == "conflict of coding"
    assert set(setting_levels({}, {"1": "Pump", "2": "No pump"})) == {"adjuvant", "unresectable", "comparator"}


def test_keys_stand_as_they_are_and_are_never_shown():
    result = converted(["A1", " A2", 7.0, "A1", None], "key")
    assert result.values.tolist() == ["A1", None, "7", "A1", None]
    problem = only(result)
    assert (problem.rows, problem.found, problem.cells) == ((3,), "", ())


@pytest.mark.parametrize(("cells", "rows"), [
    (["caf\u00e91", "cafe\u03011", "b"], (2, 3)), (["1", "01", "1.0", "2"], (2, 3, 4)), (["A1", "a1", "A2"], (2, 3)), (["\uff11", "1"], (2, 3)), (["A01", "A1"], (2, 3)),
    (["1", "10", "100", "1.5", "1.05"], ()), (["A1", "A1", "B1"], ()), ([1, "1", 1.0], ()), (["0", "00"], (2, 3)), (["a-1", "a1"], ()), (["1.10", "1.1"], ()),
])  # fmt: skip
def test_keys_that_may_be_one_patients_written_in_two_ways(cells, rows):
    result = converted(cells, "key")
    assert result.values.notna().all()
    assert [(p.rows, p.severity, p.found, p.cells) for p in result.problems] == ([(rows, "warning", "", ())] if rows else [])


@pytest.mark.parametrize("name", ["surname", "geboortedatum", "birth_year", "hospital_number"])
def test_nothing_of_an_identifying_column_is_shown(name):
    result = converted(["Jansen", "1950-03-02"], "number", plan_with(keys=["hospital_number"]), name=name)
    for problem in result.problems:
        assert problem.found == ""
        assert "Jansen" not in str(problem)
        assert "1950" not in str(problem)


def test_what_has_no_picture_is_seen():
    problem = only(converted(["A1", "A1\u200b", "A\u00a02"], "key"))
    assert (problem.rows, problem.expected) == ((3, 4), "a key without invisible characters")
    assert only(converted(["2019-03-31\u200b"], "date")).found == '"2019-03-31\\u200b"'
    assert only(converted(["7\n8"], "number")).found == '"7\\n8"'


def test_keys_are_cut_out_of_what_is_shown():
    keys = frozenset({"MRN-001", "2012", "12", "Smith"})
    assert shown(["see MRN-001"], keys) == "(a patient's key)"
    assert shown(["2012-13-13", "12"], keys) == "2012-13-13 and 12"  # 2012 in a date is no key, and counts are no secret
    assert shown(["2012"], keys) == "(a patient's key)"
    assert shown([" Smith"], keys) == "(a patient's key)"
    assert shown(["Smithson"], keys) == "(a patient's key)"
    assert shown(["x" * 30]) == "x" * 23 + "…"
    assert shown(["a", "b", "c", "d"]) == "a, b, c, ..."
    problem = only(converted(["see MRN-001", "x"], "number", keys=keys))
    assert problem.cells == ("(a patient's key)", "x")


def test_each_row_of_a_problem_says_what_it_holds():
    problem = only(converted(["x", "1", "y", "x"], "number"))
    assert (problem.rows, problem.cells, problem.found) == ((2, 4, 5), ("x", "y", "x"), "x and y")


def test_what_is_said_alike_is_one_problem_in_the_order_of_the_rows():
    result = converted(["soon", "2019", "later", "2020"], "date")
    assert [problem.rows for problem in result.problems] == [(2, 4), (3, 5)]


def test_the_index_and_the_name_stay():
    for kind in ("number", "date", "category", "text", "key", "flag", "setting"):
        column = pd.Series([None, None], index=pd.Index([5, 9], name="row"), name="a column", dtype=object)
        values = convert(column, kind, ColumnPlan(), PLAN, "centre.csv").values
        assert (values.name, values.index.tolist(), values.index.name) == ("a column", [5, 9], "row")
        empty = convert(column.iloc[:0], kind, ColumnPlan(), PLAN, "centre.csv")
        assert (len(empty.values), empty.problems, len(empty.partial)) == (0, [], 0)


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.dates(), st.datetimes(), st.times(), st.timedeltas(), st.decimals(),
    st.binary(max_size=4), st.lists(st.integers(), max_size=3), st.just(pd.NA), st.just(pd.NaT), st.floats(width=32).map(np.float32),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1), st.tuples(st.lists(st.integers(), max_size=1)), st.just(np.array([1, 2])),
    st.text(alphabet="0123456789/-.: ,UNKaprMTZ", max_size=20), st.complex_numbers(), st.just(np.datetime64("2019-03-31")), st.just(np.datetime64("NaT")),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(cells=st.lists(ANYTHING, max_size=8), kind=st.sampled_from(["number", "date", "category", "text", "key", "flag", "setting", "code"]),
       date_format=st.sampled_from([None, "%d/%m/%Y"]), decimal=st.sampled_from([None, ","]), partial=st.sampled_from([None, "mid-month"]),
       labels=st.sampled_from([{}, {"1": "One", "2": "Two"}]))  # fmt: skip
def test_any_cell_is_a_value_or_missing_or_a_problem(cells, kind, date_format, decimal, partial, labels):
    plan = plan_with(date_format=date_format, decimal=decimal, partial=partial)
    column = pd.Series([None] * len(cells), index=range(2, 2 + len(cells)), name="column", dtype=object)
    for i, cell in enumerate(cells):
        column.iat[i] = cell
    result = convert(column, kind, ColumnPlan(), plan, "centre.csv", labels=labels)
    assert len(result.values) == len(cells)
    assert all(isinstance(problem, Problem) for problem in result.problems)
    refused = {row for problem in result.problems if problem.severity == "error" for row in problem.rows}
    for row, cell in column.items():
        empty = plan.missing.covers(cell_text(cell)) or (kind == "number" and plan.missing.covers(cell_text(cell).strip().replace(",", ".")))
        empty = empty or (isinstance(cell, complex) and pd.isna(cell))  # a number that is none, as pandas reads it
        if result.values.isna()[row] and not empty:
            assert row in refused, (row, cell)
    assert set(result.partial["row"]) <= set(result.values.index[result.values.notna()])
