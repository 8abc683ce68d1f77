"""Parquet files: every type that a column may have, against what was written and what pandas reads."""

import datetime
import decimal
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from haip_outcomes.errors import CohortError
from haip_outcomes.registry.sources.header import Expected
from haip_outcomes.registry.sources.parquet import parquet_table
from haip_outcomes.registry.values.distinct_cells import cell_text

KEYS = ["A1", "A2", "A3", "A4"]
EXPECTED = Expected("key", frozenset(["key", "x"]))


def content_of(table):
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def table_of(x, keys=KEYS):
    return parquet_table(content_of(pa.table({"key": keys, "x": x})), "small.parquet", EXPECTED)


def problems_of(content, expected=EXPECTED):
    with pytest.raises(CohortError) as caught:
        parquet_table(content, "small.parquet", expected)
    return caught.value.problems


DAY = datetime.date(2019, 3, 31)
MIDNIGHT = datetime.datetime(2019, 3, 31)


@pytest.mark.parametrize(("x", "texts", "kind"), [
    (["a", None, "", " b"], ["a", "", "", " b"], "text"),
    (pa.array(["a", None, "", "b"], pa.large_string()), ["a", "", "", "b"], "text"),
    ([1, None, 3, -999], ["1", "", "3", "-999"], "number"),
    ([1, 2, 3, 2**53 + 1], ["1", "2", "3", "9007199254740993"], "number"),
    ([None, 2, 3, 2**53 + 1], ["", "2", "3", "9007199254740993"], "number"),
    ([1.0, None, float("nan"), 52.4], ["1", "", "", "52.4"], "number"),
    (pa.array([12.3, 52.4, None, 2.0], pa.float32()), ["12.3", "52.4", "", "2"], "number"),
    (pa.array([1.0, 0.1, None, 2.0], pa.float64()).cast(pa.float16()), ["1", "0.1", "", "2"], "number"),
    ([decimal.Decimal("1.00"), None, decimal.Decimal("2.50"), decimal.Decimal("3.00")], ["1", "", "2.5", "3"], "number"),
    ([True, False, None, True], ["1", "0", "", "1"], "flag"),
    ([DAY, None, datetime.date(1, 1, 1), datetime.date(9999, 12, 31)], ["2019-03-31", "", "0001-01-01", "9999-12-31"], "date"),
    (pa.array([DAY, None, DAY, DAY], pa.date64()), ["2019-03-31", "", "2019-03-31", "2019-03-31"], "date"),
    (pa.array([datetime.datetime(2019, 3, 31, 14, 5), None, None, MIDNIGHT], pa.timestamp("ns")), ["2019-03-31 14:05:00", "", "", "2019-03-31"], "date"),
    (pa.array([0, None, 1, 86400], pa.timestamp("s")), ["1970-01-01", "", "1970-01-01 00:00:01", "1970-01-02"], "date"),
    (pa.nulls(4), ["", "", "", ""], "text"),
])  # fmt: skip
def test_every_type_is_the_text_of_what_was_written(x, texts, kind):
    table = table_of(x)
    assert [cell_text(cell) for cell in table.cells["x"]] == texts
    assert table.kinds == {"key": "text", "x": kind}
    assert table.cells.index.tolist() == [2, 3, 4, 5]
    assert not table.notes


def test_categories_are_their_words_in_their_order():
    x = pd.Categorical(["II", "I", None, "II"], categories=["I", "II", "III"], ordered=True)
    frame = pd.DataFrame({"key": KEYS, "x": x})
    table = parquet_table(frame.to_parquet(), "small.parquet", EXPECTED)
    assert [cell_text(cell) for cell in table.cells["x"]] == ["II", "I", "", "II"]
    assert table.labels == {"x": {"I": "I", "II": "II", "III": "III"}}
    assert table.kinds["x"] == "category"


def test_text_that_is_stored_as_a_dictionary_is_no_list_of_levels():
    table = table_of(["a", "b", "c", "d"], pa.array(KEYS).dictionary_encode())
    assert table.labels == {}
    assert table.kinds["key"] == "text"
    assert table.cells["key"].tolist() == KEYS


def test_a_day_of_a_time_zone_is_the_day_there():
    midnight, late = datetime.datetime(2019, 3, 31, 0, 0), datetime.datetime(2019, 3, 31, 22, 30)
    frame = pd.DataFrame({"key": KEYS[:3], "x": pd.Series([midnight, late, pd.NaT]).dt.tz_localize("Europe/Brussels")})
    table = parquet_table(frame.to_parquet(), "small.parquet", EXPECTED)
    assert table.cells["x"].tolist()[:2] == [midnight, late]
    assert [(note.column, note.rows, note.severity) for note in table.notes] == [("x", (3,), "warning")]
    assert "Europe/Brussels" in table.notes[0].found


@pytest.mark.parametrize(("x", "found"), [
    ([[1], [2], None, []], "list"),
    ([{"a": 1}] * 4, "struct"),
    ([b"a", b"b", b"c", b"d"], "binary"),
    (pa.array([1, 2, 3, 4], pa.duration("s")), "duration"),
    (pa.array([0, 1, 2, 2**31 - 1], pa.date32()), "dates that no calendar has"),
    (pa.array([0, 1, 2, 2**62], pa.timestamp("us")), "dates that no calendar has"),
    (pa.array([0, 1, 2, -(2**53)], pa.timestamp("ms")), "dates that no calendar has"),
    (pa.array([0, 1, 2, 3], pa.timestamp("us", "Nowhere/Town")), "unknown time zone Nowhere/Town"),
])  # fmt: skip
def test_columns_that_hold_no_cells_are_refused(x, found):
    (problem,) = problems_of(content_of(pa.table({"key": KEYS, "x": x})))
    assert problem.column == "x"
    assert found in problem.found


def test_files_that_are_none_of_the_plans():
    whole = content_of(pa.table({"key": KEYS, "x": KEYS}))
    for content in (b"", b"key,x\nA1,1\n", whole[:100], whole[:-20], whole[:20] + b"\x00" * 30 + whole[50:]):
        (problem,) = problems_of(content)
        assert problem.found == "not a parquet file that can be read"
    (problem,) = problems_of(whole, Expected("record_id", frozenset(["record_id", "sex"])))
    assert (problem.found, problem.expected) == ("none of the plan's columns", '"record_id" and the others as column names')
    (problem,) = problems_of(content_of(pa.table({"key": pa.array([], pa.string())})))
    assert problem.found == "column names and no patients"
    twice = pa.Table.from_arrays([pa.array(KEYS), pa.array(KEYS)], names=["key", "key"])
    (problem,) = problems_of(content_of(twice))
    assert (problem.column, problem.found) == ("key", "the same column name twice")


def test_empty_rows_hold_nobody():
    table = table_of([1.5, None, 3, None], ["A1", None, "A3", ""])
    assert table.cells.index.tolist() == [2, 4]
    assert [note.rows for note in table.notes] == [(3,)]


def test_a_large_file_is_the_one_that_pandas_reads():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"key": [f"A{i}" for i in range(20_000)], "x": rng.normal(size=20_000).round(3),
                          "day": pd.Timestamp("2015-01-01") + pd.to_timedelta(rng.integers(0, 3000, 20_000), "D")})  # fmt: skip
    content = frame.to_parquet(row_group_size=3000)
    theirs = pd.read_parquet(io.BytesIO(content))
    ours = parquet_table(content, "small.parquet", EXPECTED).cells.reset_index(drop=True)
    pd.testing.assert_frame_equal(ours.astype({"day": theirs["day"].dtype}), theirs)
