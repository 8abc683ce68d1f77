"""Dates: every form by hand, the order of day and month by proof only, and pandas as a second reader."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_column import PLAN, converted, only, plan_with

from haip_outcomes.registry.values.converted import together
from haip_outcomes.registry.values.date_cells import read_dates
from haip_outcomes.registry.values.distinct_cells import distinct_cells

TODAY = datetime.date.today()
MID = plan_with(partial="mid-month")
DAYS = st.dates(datetime.date(1900, 1, 1), TODAY)


def day(text):
    return pd.Timestamp(text)


def one(cell, plan=PLAN):
    return converted([cell], "date", plan)


@pytest.mark.parametrize("cell", [
    "2019-03-31", "2019/03/31", "2019.03.31", "2019-3-31", " 2019-03-31 ",
    "2019-03-31 14:05", "2019-03-31T14:05:09", "2019-03-31T14:05:09.123Z", "2019-03-31 23:59:59+02:00", "2019-03-31 00:00:00",
    "31 Mar 2019", "31-MAR-2019", "31mar2019", "31 March 2019", "31. March 2019", "31st March 2019", "31/Mar/2019",
    "March 31, 2019", "Mar 31 2019", "MARCH 31ST, 2019", "Mar. 31, 2019", "2019-Mar-31", "31 Mar 2019 14:05",
    "31/03/2019", "31-03-2019", "31.03.2019", "31.3.2019", "03/31/2019", "3/31/2019 2:05 PM", "31/03/2019 00:00:00",
    datetime.date(2019, 3, 31), datetime.datetime(2019, 3, 31, 14, 5), pd.Timestamp("2019-03-31 14:05"), np.datetime64("2019-03-31"),
    pd.Timestamp("2019-03-31 23:30", tz="Europe/Amsterdam"),
])  # fmt: skip
def test_one_way_to_read_it(cell):
    result = one(cell)
    assert result.values.tolist() == [day("2019-03-31")]
    assert [problem for problem in result.problems if problem.severity == "error"] == []
    assert result.values.dtype == "datetime64[ns]"


@pytest.mark.parametrize(("cell", "expected", "advice"), [
    ("03/04/2019", "a date such as 2019-03-31", 'date_format = "%d/%m/%Y" or "%m/%d/%Y" in [cohort]'),
    ("03-04-2019", "a date such as 2019-03-31", '"%d-%m-%Y" or "%m-%d-%Y"'),
    ("03.04.2019 14:05", "a date such as 2019-03-31", '"%d.%m.%Y %H:%M" or "%m.%d.%Y %H:%M"'),
    ("3/4/2019 2:05 PM", "a date such as 2019-03-31", "Write date_format in [cohort]"),
    ("31/03/19", "a year of four digits", "century"),
    ("31-Mar-19", "a year of four digits", "century"),
    ("19-03-31", "a year of four digits", "century"),
    ("2019", "a date such as 2019-03-31", "year alone"),
    ("2019-UN-UN", "a date such as 2019-03-31", "year alone"),
    (2019.0, "a date such as 2019-03-31", "year alone"),
    ("43555", "a date such as 2019-03-31", "how Excel counts days"),
    ("43555.5", "a date such as 2019-03-31", "how Excel counts days"),
    (43555, "a date such as 2019-03-31", "how Excel counts days"),
    (datetime.datetime(1905, 7, 11), "a date such as 2019-03-31", "a year seems to have been typed"),
    (pd.Timestamp("1905-05-03"), "a date such as 2019-03-31", "a year seems to have been typed"),
    ("20190331", "a date such as 2019-03-31", 'date_format = "%Y%m%d"'),
    ("2019-02-29", "a day that exists", "correct"),
    ("31/04/2019", "a day that exists", "correct"),
    ("31 Feb 2019", "a day that exists", "correct"),
    ("2019-13-01", "a day that exists", "correct"),
    ("45/45/2019", "a day that exists", "correct"),
    ("2019-13", "a day that exists", "correct"),
    ("00/03/2019", "a day that exists", "write the month alone"),
    ("2019-03-00", "a day that exists", "write the month alone"),
    ("2019-03-31 25:00", "a date such as 2019-03-31", "correct it"),
    ("31 mrt 2019", "a date such as 2019-03-31", "correct it"),
    ("03/UN/2019", "a date such as 2019-03-31", "correct it"),
    ("March 312019", "a date such as 2019-03-31", "correct it"),
    ("2019-03/31", "a date such as 2019-03-31", "correct it"),
    ("soon", "a date such as 2019-03-31", "correct it"),
    (3.2019, "a date such as 2019-03-31", "correct it"),
    (True, "a date such as 2019-03-31", "correct it"),
    (datetime.time(14, 5), "a date such as 2019-03-31", "correct it"),
    ("1899-12-31", "a date between 1900 and today", "correct the date"),
    (datetime.datetime(9999, 12, 31), "a date between 1900 and today", "correct the date"),
    ("0001-01-01", "a date between 1900 and today", "correct the date"),
    ("#REF!", "a value, not an error of Excel", "formula"),
])  # fmt: skip
def test_no_date_or_two(cell, expected, advice):
    result = one(cell)
    problem = only(result)
    assert result.values.isna().all()
    assert (problem.severity, problem.rows, problem.expected) == ("error", (2,), expected)
    assert advice in problem.advice


def test_the_same_number_twice_is_not_ambiguous():
    result = converted(["04/04/2019", "12-12-2018"], "date")
    assert result.values.tolist() == [day("2019-04-04"), day("2018-12-12")]
    assert result.problems == []


@pytest.mark.parametrize(("cells", "truth", "words"), [
    (["03/04/2019", "25/04/2019", "04/04/2019", None, "2019-04-05"], ["2019-04-03", "2019-04-25", "2019-04-04", None, "2019-04-05"], "day/month/year"),
    (["03/04/2019", "04/25/2019", "04/04/2019", "UNK", "5 Apr 2019"], ["2019-03-04", "2019-04-25", "2019-04-04", None, "2019-04-05"], "month/day/year"),
])  # fmt: skip
def test_one_cell_proves_the_order_of_its_column(cells, truth, words):
    result = converted(cells, "date")
    assert result.values.tolist() == [pd.NaT if text is None else day(text) for text in truth]
    problem = only(result)
    assert (problem.severity, problem.rows, problem.found) == ("warning", (3,), f"dates read as {words}")
    assert "the cell in this row can be nothing else" in problem.advice


def test_both_orders_in_a_column_blame_the_rarer_and_warn_of_the_rest():
    problem = only(converted(["25/04/2019", "04/25/2019", "13/04/2019", "03/04/2019"], "date"))
    assert (problem.severity, problem.rows, problem.found) == ("error", (3,), "04/25/2019")
    assert problem.expected == "day/month/year, as in the rest of the column"
    assert "day is 12 or less" in problem.advice


def test_rows_count_not_different_cells():
    problem = only(converted(["04/25/2019"] * 3 + ["25/04/2019", "26/04/2019"], "date"))
    assert (problem.rows, problem.expected) == ((5, 6), "month/day/year, as in the rest of the column")


def test_both_orders_equally_often_blame_all():
    problem = only(converted(["25/04/2019", "04/25/2019", "03/04/2019"], "date"))
    assert (problem.rows, problem.expected) == ((2, 3), "one order of day and month")


def test_another_sign_may_be_another_hand():
    result = converted(["25.04.2019", "03.04.2019", "03/04/2019"], "date")
    assert result.values.tolist() == [day("2019-04-25"), day("2019-04-03"), pd.NaT]
    error = next(problem for problem in result.problems if problem.severity == "error")
    assert error.rows == (4,)
    assert 'No date with "/"' in error.advice


@pytest.mark.parametrize(("cell", "first", "last"), [
    ("2019-02", "2019-02-01", "2019-02-28"), ("02/2020", "2020-02-01", "2020-02-29"), ("2.2020", "2020-02-01", "2020-02-29"),
    ("Mar 2019", "2019-03-01", "2019-03-31"), ("March, 2019", "2019-03-01", "2019-03-31"), ("2019-Mar", "2019-03-01", "2019-03-31"),
    ("2019-03-UN", "2019-03-01", "2019-03-31"), ("2019-03-UNK", "2019-03-01", "2019-03-31"), ("2019-03-unk", "2019-03-01", "2019-03-31"),
    ("UN-MAR-2019", "2019-03-01", "2019-03-31"), ("UNK/03/2019", "2019-03-01", "2019-03-31"),
])  # fmt: skip
def test_a_month_without_its_day(cell, first, last):
    problem = only(one(cell))
    assert (problem.found, problem.expected) == (cell, "a date with its day, such as 2019-03-31")
    assert 'partial = "mid-month"' in problem.advice
    result = converted(["2018-01-01", cell], "date", MID)
    assert result.problems == []
    assert result.values.tolist() == [day("2018-01-01"), day(first).replace(day=15)]
    assert result.partial.to_dict("records") == [{"row": 3, "earliest": day(first), "latest": day(last)}]


def test_a_declared_format_leaves_a_month_a_month():
    result = converted(["31/03/2019", "02/2019"], "date", plan_with(date_format="%d/%m/%Y", partial="mid-month"))
    assert result.values.tolist() == [day("2019-03-31"), day("2019-02-15")]
    assert only(converted(["02/2019"], "date", plan_with(date_format="%d/%m/%Y"))).expected == "a date with its day, such as 31/03/2019"


@pytest.mark.parametrize(("today", "value", "latest"), [("2024-11-10", "2024-11-10", "2024-11-10"), ("2024-11-20", "2024-11-15", "2024-11-20"), ("2024-12-01", "2024-11-15", "2024-11-30")])
def test_nothing_lies_after_today(today, value, latest):
    cells = distinct_cells(pd.Series(["2024-11"]), PLAN.missing)
    reading = read_dates(cells, partial=True, today=datetime.date.fromisoformat(today))
    assert str(reading.values[0]) == value
    assert [str(end) for end in reading.span[0]] == ["2024-11-01", latest]


def test_the_next_month_has_not_begun():
    cells = distinct_cells(pd.Series(["2024-12", "2024-11-11"]), PLAN.missing)
    reading = read_dates(cells, partial=True, today=datetime.date(2024, 11, 10))
    assert set(reading.wrong) == {0, 1}
    assert reading.span == {}


@pytest.mark.parametrize(("date_format", "right", "wrong"), [
    ("%d/%m/%Y", ["31/03/2019", "03/04/2019", "3/4/2019"], ["03/31/2019", "2019-03-31", "31-03-2019", "31/03/2019 14:05", "31/03/19", " 31/03/2019", "31 Mar 2019"]),
    ("%Y-%m-%d", ["2019-03-31"], ["2019/03/31", "31/03/2019", "2019-03-31 14:05"]),
    ("%Y%m%d", ["20190331", 20190331, 20190331.0], ["2019111", "2019-03-31", 201931]),
    ("%d%b%Y", ["31mar2019", "31MAR2019", "1Mar2019"], ["31 mar 2019"]),
    ("%d.%m.%Y %H:%M", ["31.03.2019 14:05"], ["31.03.2019"]),
])  # fmt: skip
def test_a_declared_format_is_the_only_one(date_format, right, wrong):
    plan = plan_with(date_format=date_format)
    assert converted(right, "date", plan).values.notna().all()
    for cell in wrong:
        problem = only(one(cell, plan))
        assert problem.severity == "error", cell
    assert converted([datetime.datetime(2019, 3, 31)], "date", plan).values.tolist() == [day("2019-03-31")]


def test_the_example_is_in_the_plans_format():
    problem = only(one("soon", plan_with(date_format="%d/%m/%Y")))
    assert problem.expected == "a date such as 31/03/2019"


def test_what_one_column_proves_is_told_where_another_does_not():
    proven, other, open_one = (converted(cells, "date", name=name) for name, cells in
                               (("pump", ["03/04/2019", "25/04/2019"]), ("death", ["26/05/2020", None]), ("seen", ["03/05/2019", "04/05/2019"])))  # fmt: skip
    error, note = together([proven, other, open_one])
    assert (error.column, error.rows, error.severity) == ("seen", (2, 3), "error")
    assert error.advice.endswith("Elsewhere in the file: dates read as day/month/year in pump")
    assert (note.column, note.rows, note.severity) == ("pump", (3,), "warning")
    assert note.advice.endswith("Read alike, each by cells of its own: death")


def test_columns_that_prove_different_orders_are_both_told():
    columns = [converted([cell], "date", name=name) for name, cell in (("a", "25/04/2019"), ("b", "04/25/2019"), ("c", "03/04/2019"))]
    error, *notes = together(columns)
    assert [note.column for note in notes] == ["a", "b"]
    assert "day/month/year in a and dates read as month/day/year in b" in error.advice


@settings(max_examples=200, deadline=None)
@given(days=st.lists(DAYS, min_size=1, max_size=8), date_format=st.sampled_from(
    ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y%m%d", "%d %B %Y", "%b %d, %Y", "%d%b%Y", "%Y/%m/%d %H:%M"]))  # fmt: skip
def test_any_date_in_any_declared_format_comes_back_and_pandas_reads_the_same(days, date_format):
    texts = [one.strftime(date_format) for one in days]
    result = converted(texts, "date", plan_with(date_format=date_format))
    assert result.problems == []
    assert result.values.tolist() == [pd.Timestamp(one) for one in days]
    assert result.values.tolist() == pd.to_datetime(pd.Series(texts), format=date_format).tolist()


@settings(max_examples=200, deadline=None)
@given(days=st.lists(DAYS, min_size=1, max_size=12), sign=st.sampled_from("/-."), day_first=st.booleans())
def test_without_a_format_a_date_is_right_or_a_problem(days, sign, day_first):
    date_format = sign.join(["%d", "%m", "%Y"] if day_first else ["%m", "%d", "%Y"])
    texts = [one.strftime(date_format) for one in days]
    result = converted(texts, "date")
    second = pd.to_datetime(pd.Series(texts, index=result.values.index), format=date_format)
    read = result.values.notna()
    assert (result.values[read] == second[read]).all()
    refused = {row for problem in result.problems if problem.severity == "error" for row in problem.rows}
    assert refused == set(result.values.index[~read])
    assert read.all() or not any(one.day > 12 for one in days)


@settings(max_examples=200, deadline=None)
@given(days=st.lists(DAYS, min_size=1, max_size=6), date_format=st.sampled_from(
    ["%Y-%m-%d", "%Y/%m/%d", "%Y-%m-%d %H:%M:%S", "%d %b %Y", "%d-%b-%Y", "%d%b%Y", "%B %d, %Y"]))  # fmt: skip
def test_what_needs_no_proof_is_read_as_pandas_reads_it(days, date_format):
    texts = [one.strftime(date_format) for one in days]
    result = converted(texts, "date")
    assert result.problems == []
    assert result.values.tolist() == pd.to_datetime(pd.Series(texts), format=date_format).tolist()


def test_a_million_moments_are_few_days():
    moments = pd.date_range("2010-01-01", periods=20_000, freq="h").strftime("%Y-%m-%d %H:%M:%S").tolist()
    result = converted([*moments, "2019-03-31 25:00:00"], "date")
    assert result.values.iloc[:-1].tolist() == pd.to_datetime(pd.Series(moments)).dt.normalize().tolist()
    assert only(result).found == "2019-03-31 25:00:00"


def test_columns_of_real_dates_need_no_text():
    moments = pd.Series(pd.to_datetime(["2019-03-31 14:05", None, "2250-01-01 00:00"]))
    for column in (moments, moments.dt.tz_localize("Europe/Amsterdam"), moments.astype("datetime64[s]")):
        result = converted(column, "date")
        assert result.values.iloc[0] == day("2019-03-31")
        assert only(result).rows == (4,)
