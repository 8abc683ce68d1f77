"""Numbers: the decimal sign by declaration or proof only, and whatever is accepted is the decimal number that stands there."""

import datetime
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_column import PLAN, converted, only, plan_with
from small_centre import HEADER, ROWS, SMALL_PLAN

from haip_outcomes.errors import CohortError
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.read import read_cohort
from haip_outcomes.registry.values.converted import together

COMMA = plan_with(decimal=",")
POINT = plan_with(decimal=".")


def errors(result):
    return [problem for problem in result.problems if problem.severity == "error"]


@pytest.mark.parametrize(("cell", "truth"), [
    ("12", 12), ("12.5", 12.5), ("-0.5", -0.5), ("+3", 3), (".5", 0.5), ("5.", 5), ("1e3", 1000), ("1.5E-2", 0.015), (" 12.5 ", 12.5),
    ("1.234", 1.234), ("0012", 12), ("9007199254740993", 9007199254740992), ("0.1", 0.1), ("12,5", 12.5), ("0,123", 0.123), ("1234,567", 1234.567),
    (",5", 0.5), ("5,", 5), ("-12,50", -12.5), ("1,5e3", 1500), (12, 12), (12.5, 12.5), (np.int64(3), 3), (np.float64(3.5), 3.5), (Decimal("1.10"), 1.1), (10**30, 1e30),
])  # fmt: skip
def test_one_way_to_read_it(cell, truth):
    result = converted([cell], "number")
    assert result.values.tolist() == [truth]
    assert errors(result) == []


@pytest.mark.parametrize(("cell", "expected", "advice"), [
    ("1,234", "a number that can be read in one way only", 'decimal = ","'),
    ("-12,345", "a number that can be read in one way only", 'decimal = ","'),
    ("1.234,5", "a number without thousands separators", "write 1234.5 or 1234,5"),
    ("1,234.5", "a number without thousands separators", "write 1234.5 or 1234,5"),
    ("1,234,567", "a number without thousands separators", "write"),
    ("1.234.567", "a number without thousands separators", "write"),
    ("1 234", "a number without thousands separators", "write"),
    ("1\u202f234,5", "a number without thousands separators", "write"),
    ("1'234.5", "a number without thousands separators", "write"),
    ("7O", "a number", "[missing] codes"),
    ("7l", "a number", "correct it"),
    ("12 cm", "a number", "without its unit"),
    ("12,5%", "a number", "without its unit"),
    ("24.1 kg/m2", "a number", "without its unit"),
    ("<0.5", "a number", "your analysis takes"),
    ("> 100", "a number", "your analysis takes"),
    ("5-10", "a number", "correct it"),
    ("1,2,3", "a number", "correct it"),
    ("1..2", "a number", "correct it"),
    ("1_000", "a number", "correct it"),
    ("0x10", "a number", "correct it"),
    ("١٢", "a number", "correct it"),
    ("−5", "a number", "correct it"),
    ("inf", "a number", "[missing] codes"),
    ("nan", "a number", "[missing] codes"),
    ("NA", "a number", "[missing] codes"),
    ("-", "a number", "correct it"),
    (" ", "a number", "correct it"),
    ("1\n2", "a number", "correct it"),
    (True, "a number", "correct it"),
    (np.True_, "a number", "correct it"),
    ([1, 2], "a number", "correct it"),
    (datetime.datetime(2019, 5, 12), "a number", "Excel made a date of it"),
    ("1e400", "a finite number", "correct it"),
    (float("inf"), "a finite number", "correct it"),
    (10**400, "a finite number", "correct it"),
    ("#DIV/0!", "a value, not an error of Excel", "formula"),
])  # fmt: skip
def test_no_number_or_two(cell, expected, advice):
    result = converted([cell], "number")
    problem = only(result)
    assert result.values.isna().all()
    assert (problem.severity, problem.rows, problem.expected) == ("error", (2,), expected)
    assert advice in problem.advice


def test_one_cell_proves_the_comma_of_its_column():
    result = converted(["1,234", "7", "12,5", None, "-999", "-999,0", "0,5"], "number")
    assert result.values.tolist()[:3] == [1.234, 7, 12.5]
    assert result.values.isna().tolist() == [False, False, False, True, True, True, False]
    note = only(result)
    assert (note.severity, note.rows, note.found) == ("warning", (4,), "numbers read with a decimal comma")


@pytest.mark.parametrize(("cells", "wrong", "expected"), [
    (["12.5", "13.5", "12,5"], {4}, "a number with a decimal point"),  # the rarer sign is wrong
    (["12,5", "13,5", "12.5"], {4}, "a number with a decimal comma"),
    (["12.5", "12,5"], {3}, "a number with a decimal point"),  # neither is rarer: the comma
    (["52.431", "48.002", "51,5"], {4}, "a number with a decimal point"),
    (["51,5", "48,2", "1.234"], {4}, "a number with a decimal comma, as others of the column have"),
    (["12.5", "13.5", "1,234"], {4}, "a number without thousands separators"),
])  # fmt: skip
def test_both_signs_in_a_column(cells, wrong, expected):
    result = converted(cells, "number")
    (problem,) = errors(result)
    assert (set(problem.rows), problem.expected) == (wrong, expected)
    assert set(result.values.index[result.values.isna()]) == wrong


def test_points_rarer_than_commas_that_prove_nothing_leave_all_open():
    result = converted(["1,234", "2,345", "12.5"], "number")
    assert result.values.isna().all()
    assert {row for problem in errors(result) for row in problem.rows} == {2, 3, 4}


def test_a_missing_code_with_a_point_is_no_decimal_point():
    result = converted(["12,5", "-999.0", "-999.0"], "number")
    assert result.values.isna().tolist() == [False, True, True]
    assert errors(result) == []


@pytest.mark.parametrize(("plan", "cell", "truth"), [
    (COMMA, "1,234", 1.234), (COMMA, "12,5", 12.5), (COMMA, "12", 12), (COMMA, 12.5, 12.5), (COMMA, "12.5", None), (COMMA, "1.234", None),
    (COMMA, "1.234,5", None), (POINT, "1.234", 1.234), (POINT, "12.5", 12.5), (POINT, "12,5", None), (POINT, "1,234", None), (POINT, 12.5, 12.5),
])  # fmt: skip
def test_a_declared_sign_is_the_only_one(plan, cell, truth):
    result = converted([cell], "number", plan)
    if truth is None:
        assert only(result).severity == "error"
        assert result.values.isna().all()
    else:
        assert (result.values.tolist(), result.problems) == ([truth], [])


def test_what_another_column_proves_is_told():
    open_one, proven = converted(["1,234"], "number", name="cea"), converted(["12,5"], "number", name="largest")
    error, note = together([open_one, proven])
    assert (error.column, note.column) == ("cea", "largest")
    assert error.advice.endswith("Elsewhere in the file: numbers read with a decimal comma in largest")


def test_a_date_column_does_not_help_with_commas():
    error, note = together([converted(["1,234"], "number", name="cea"), converted(["25/04/2019"], "date", name="pump")])
    assert "Elsewhere" not in error.advice
    assert note.column == "pump"


@pytest.mark.parametrize("dtype", ["float64", "float32", "Float64", "Int64", "int16", "int64"])
def test_columns_of_real_numbers(dtype):
    cells = [5, -999, 7] if dtype.startswith("int") else [5, -999, None]
    result = converted(cells, "number", dtype=dtype)
    assert result.values.dtype == float
    assert result.values.iloc[0] == 5
    assert math.isnan(result.values.iloc[1])
    assert result.problems == []


def test_an_infinite_number_in_a_column_of_numbers():
    result = converted([1.5, np.inf, -np.inf], "number", dtype=float)
    assert (only(result).rows, only(result).expected) == ((3, 4), "a finite number")
    assert result.values.isna().tolist() == [False, True, True]


def test_one_wrong_cell_among_many_changes_none_of_the_others():
    rng = np.random.default_rng(4)
    truth = rng.normal(50, 9, 5000)
    for sign in ".,":
        texts = [repr(float(value)).replace(".", sign) for value in truth]
        texts[1234], texts[4321] = "abc", "1e999"
        result = converted(texts, "number")
        keep = ~np.isin(np.arange(5000), [1234, 4321])
        assert (result.values.to_numpy()[keep] == truth[keep]).all()
        assert [problem.rows for problem in errors(result)] == [(1236,), (4323,)]


def test_labelled_values_among_numbers_are_pointed_out():
    labels = {"998": "Not measured", "999": "Unknown"}
    note = only(converted([12.5, 999, 30, 998.0, 999], "number", labels=labels))
    assert (note.severity, note.rows, note.found) == ("warning", (3, 5, 6), "999 = Unknown and 998 = Not measured in the file")
    assert converted([12.5, 999], "number", plan_with(codes=["999"]), labels=labels).problems == []
    assert converted(["1", "2"], "number", labels={"1": "Low", "2": "High"}).problems == []  # all are labelled: a scale


NUMBERS = st.one_of(
    st.from_regex(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
)


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(NUMBERS, min_size=1, max_size=8))
def test_a_number_is_never_changed(texts):
    result = converted(texts, "number", plan_with(codes=[]))
    for text, value in zip(texts, result.values, strict=True):
        if math.isfinite(float(Decimal(text))):
            assert value == float(Decimal(text))
        else:
            assert math.isnan(value)
    assert result.values.notna().all() or errors(result)


@settings(max_examples=400, deadline=None)
@given(texts=st.lists(st.text(alphabet="0123456789.,+-eE '", max_size=9), min_size=1, max_size=8), decimal=st.sampled_from([None, ".", ","]))
def test_what_is_accepted_has_one_meaning_and_the_rest_is_a_problem(texts, decimal):
    result = converted(texts, "number", plan_with(codes=[], decimal=decimal))
    refused = {row for problem in errors(result) for row in problem.rows}
    for (row, value), text in zip(result.values.items(), texts, strict=True):
        if text == "" or row in refused:
            assert math.isnan(value)
            continue
        number = Decimal(text.strip().replace(",", "."))  # raises for what is no number with one sign
        assert value == float(number)
        assert not ("," in text and decimal == ".")
        assert not ("." in text and decimal == ",")
    accepted = [text.strip() for row, text in zip(result.values.index, texts, strict=True) if row not in refused and text]
    assert not (any("," in text for text in accepted) and any("." in text for text in accepted))


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_pandas_reads_the_same(values):
    import io

    column = [f"{value:.4f}" for value in values]
    second = pd.read_csv(io.StringIO("x\n" + "\n".join(column)), float_precision="round_trip")["x"]
    plan = plan_with(codes=[])
    assert converted(column, "number", plan).values.tolist() == second.tolist()
    comma = [text.replace(".", ",") for text in column]
    assert converted(comma, "number", plan).values.tolist() == second.tolist()


def test_the_missing_codes_are_those_of_the_plan():
    assert PLAN.missing.codes == ("-999", "UNK")
    for text in ("", "UNK", "-999", "-999.0", "-9.99e2"):
        assert PLAN.missing.covers(text)
        for kind in ("number", "category", "text", "flag", "date", "key"):
            result = converted([text], kind, levels={"a": "A"} if kind == "category" else None)
            assert result.values.isna().all(), (text, kind)
            assert result.problems == [], (text, kind)


@pytest.mark.parametrize(("cells", "doubtful"), [
    (["1.250", "12.500", "35"], (2, 3)), (["-1.250", "35"], (2,)), (["1.250", "0.5"], ()), (["1.250", "1.25"], ()), (["1.250", "0.123"], ()), (["1.250", "1234.567"], ()),
    (["1.250", "1.2500"], ()), (["35", "36"], ()), ([1.25, "35"], ()),
])  # fmt: skip
def test_points_that_could_stand_between_thousands_are_a_problem_beside_commas(cells, doubtful):
    points, commas = converted(cells, "number"), converted(["72,5", "61,2"], "number", name="weight")
    assert points.values.notna().all()
    assert together([points, converted(["72.5"], "number", name="weight")]) == []
    assert together([points, converted(["72"], "number", name="weight")]) == []
    refused = [problem for problem in together([points, commas]) if problem.severity == "error"]
    assert [problem.rows for problem in refused] == ([doubtful] if doubtful else [])
    assert all("Elsewhere in the file: numbers read with a decimal comma in weight" in problem.advice for problem in refused)


def test_a_declared_sign_leaves_no_doubt_about_points():
    for sign, problems in ((".", []), (",", [(2,)])):
        found = converted(["1.250", "35"], "number", plan_with(decimal=sign))
        assert [p.rows for p in together([found, converted(["72,5"], "number", name="weight")]) if p.severity == "error"] == problems


def test_a_missing_code_with_three_decimals_is_no_thousand():
    plan = plan_with(codes=["9.999"])
    assert together([converted(["9.999", "35"], "number", plan), converted(["72,5"], "number", name="weight")])[0].severity == "warning"


def test_points_between_thousands_that_one_cell_proves():
    found = converted(["1.250", "1.250.000", "35"], "number")
    assert [(p.rows, p.expected) for p in found.problems] == [((2, 3), "a number without thousands separators")]
    assert found.values.isna().tolist() == [True, True, False]


def test_a_file_with_points_between_thousands_and_decimal_commas(tmp_path):
    columns = {**SMALL_PLAN["columns"], "cea": {"label": "CEA", "kind": "number"}, "weight": {"label": "Weight", "kind": "number"}}
    rows = [f"{row.replace(',', ';')};{cea};{weight}" for row, cea, weight in zip(ROWS, ("1.250", "12.500", "35", "20"), ("72,5", "61", "80", "75"), strict=True)]
    (tmp_path / "centre.csv").write_text("\n".join([HEADER.replace(",", ";") + ";cea;weight", *rows]) + "\n", encoding="utf-8")
    with pytest.raises(CohortError) as caught:
        read_cohort(tmp_path / "centre.csv", make_plan({**SMALL_PLAN, "columns": columns}))
    (problem,) = [problem for problem in caught.value.problems if problem.severity == "error"]
    assert (problem.column, problem.rows, problem.cells) == ("cea", (2, 3), ("1.250", "12.500"))


@pytest.mark.parametrize("cell", ["1e-400", "-2.5E-999", "0." + "0" * 400 + "1"])
def test_a_number_that_would_silently_become_0(cell):
    problem = only(converted([cell, "0", "0.0", "0e5", "-0", "00", "1e-300"], "number"))
    assert problem.rows == (2,)
    assert "too near to 0" in problem.advice
    assert "too near to 0" in only(converted([cell.replace(".", ","), "0"], "number", COMMA)).advice
