"""SPSS and Stata files: cells, labels, dates and declared missing values, against what was written and what other readers see."""

import datetime
import io
import struct

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from haip_outcomes.errors import CohortError
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.read import read_cohort
from haip_outcomes.registry.sources.header import Expected
from haip_outcomes.registry.sources.labelled import labelled_table
from haip_outcomes.registry.sources.labelled_dates import dated
from haip_outcomes.registry.values.distinct_cells import cell_text

EXPECTED = Expected("key", frozenset(["key"]))
KEYS = ["A1", "A2", "A3", "A4"]
DAY = datetime.date(2019, 3, 31)
SPSS = datetime.datetime(1582, 10, 14)


def table_of(path, expected=EXPECTED, **declared):
    return labelled_table(path.read_bytes(), path.name, expected, suffix=path.suffix, **declared)


def only(content, suffix=".sav", expected=EXPECTED, **declared):
    with pytest.raises(CohortError) as caught:
        labelled_table(content, f"small{suffix}", expected, suffix=suffix, **declared)
    (problem,) = caught.value.problems
    return problem


def texts(table):
    return {column: [cell_text(cell) for cell in table.cells[column]] for column in table.cells}


@pytest.fixture
def sav(tmp_path):
    def _sav(columns, suffix=".sav", **said):
        path = tmp_path / f"small{suffix}"
        pyreadstat.write_sav(pd.DataFrame({"key": KEYS[: len(next(iter(columns.values())))], **columns}), path, compress=suffix == ".zsav", **said)
        return path

    return _sav


@pytest.fixture
def dta(tmp_path):
    def _dta(columns, **said):
        path = tmp_path / "small.dta"
        pyreadstat.write_dta(pd.DataFrame({"key": KEYS[: len(next(iter(columns.values())))], **columns}), path, **said)
        return path

    return _dta


def test_codes_stay_codes_and_labels_stand_beside_them(sav, dta):
    columns = {"sex": [1.0, 2, np.nan, 1], "size": [12.5, 3, np.nan, 0.1], "note": ["é", "", "x y", "z"], "day": [DAY, None, DAY, DAY]}
    said = {"column_labels": {"sex": "Sex at birth"}, "variable_value_labels": {"sex": {1: "Male", 2: "Female"}, "size": {3: "three"}}}
    for path in (sav(columns, **said), sav(columns, ".zsav", **said), dta(columns, **said)):
        table = table_of(path)
        assert texts(table) == {"key": KEYS, "sex": ["1", "2", "", "1"], "size": ["12.5", "3", "", "0.1"], "note": ["é", "", "x y", "z"],
                                "day": ["2019-03-31", "", "2019-03-31", "2019-03-31"]}  # fmt: skip
        assert table.labels == {"sex": {"1": "Male", "2": "Female"}, "size": {"3": "three"}}
        assert table.kinds == {"key": "text", "sex": "category", "size": "number", "note": "text", "day": "date"}
        assert table.titles == {"sex": "Sex at birth"}
        assert table.cells.index.tolist() == [1, 2, 3, 4]  # the case numbers of SPSS and Stata
        assert not table.notes
        assert not table.missing


def test_what_spss_calls_missing_is_missing_and_told(sav):
    path = sav({"sex": [1.0, 9, 2, 9], "age": [61.0, -3, 999, 70], "note": ["UNK", "a", "b", ""]},
               missing_ranges={"sex": [9], "age": [999, {"lo": -10, "hi": -1}], "note": ["UNK"]}, variable_value_labels={"sex": {1: "Male", 2: "Female", 9: "Unknown"}})  # fmt: skip
    table = table_of(path)
    assert texts(table) == {"key": KEYS, "sex": ["1", "", "2", ""], "age": ["61", "", "", "70"], "note": ["", "a", "b", ""]}
    assert [(note.column, note.rows, note.found, note.severity) for note in table.notes] == [
        ("sex", (2, 4), "9 (Unknown): missing, as the SPSS file declares", "warning"),
        ("age", (2, 3), "-3, 999: missing, as the SPSS file declares", "warning"),
        ("note", (1,), "UNK: missing, as the SPSS file declares", "warning"),
    ]
    assert table.missing == {"sex": {"9": "Unknown"}, "age": {"-3": "", "999": ""}, "note": {"UNK": ""}}
    assert table.labels == {"sex": {"1": "Male", "2": "Female"}}
    assert table.kinds["sex"] == "category"
    theirs, _ = pyreadstat.read_sav(path)  # which leaves user-missing values out in silence
    assert theirs["sex"].isna().tolist() == [cell == "" for cell in texts(table)["sex"]]
    assert theirs["age"].isna().tolist() == [cell == "" for cell in texts(table)["age"]]


def test_codes_that_the_plan_speaks_of_stay(sav):
    path = sav({"sex": [1.0, 9, 2, 9], "age": [61.0, -3, 999, 70]}, missing_ranges={"sex": [9], "age": [999, {"lo": -10, "hi": -1}]})
    table = table_of(path, Expected("key", frozenset(["key"]), codes={"sex": {"1", "2", "9"}}, missing=lambda code: code == "999"))
    assert texts(table)["sex"] == ["1", "9", "2", "9"]
    assert texts(table)["age"] == ["61", "", "999", "70"]
    assert [(note.column, note.rows) for note in table.notes] == [("age", (2,))]


def test_a_key_that_is_declared_missing_is_not_shown(tmp_path):
    path = tmp_path / "small.sav"
    pyreadstat.write_sav(pd.DataFrame({"key": [4711.0, 4712], "sex": [1.0, 2]}), path, missing_ranges={"key": [4712]})
    assert [note.found for note in table_of(path).notes] == ["codes: missing, as the SPSS file declares"]


def test_statas_extended_missing_values_are_missing_and_told(dta):
    columns = {"sex": pd.Series([1, "a", 2, "b"], dtype=object), "age": pd.Series([61, -1, "z", 70], dtype=object)}
    path = dta(columns, missing_user_values={"sex": ["a", "b"], "age": ["z"]}, variable_value_labels={"sex": {1: "Male", 2: "Female", "a": "Refused"}})
    table = table_of(path)
    assert texts(table) == {"key": KEYS, "sex": ["1", "", "2", ""], "age": ["61", "-1", "", "70"]}
    assert [(note.column, note.rows, note.found) for note in table.notes] == [
        ("sex", (2, 4), ".a (Refused), .b: missing, as the Stata file declares"), ("age", (3,), ".z: missing, as the Stata file declares"),
    ]  # fmt: skip
    assert table.labels == {"sex": {"1": "Male", "2": "Female"}}
    kept = table_of(path, Expected("key", frozenset(["key"]), codes={"sex": {".a"}}))
    assert texts(kept)["sex"] == ["1", ".a", "2", ""]
    assert kept.labels["sex"] == {"1": "Male", "2": "Female", ".a": "Refused"}


def test_a_stata_file_of_pandas_is_read_as_pandas_reads_it(tmp_path):
    rng = np.random.default_rng(7)
    frame = pd.DataFrame({"key": [f"A{i}" for i in range(500)], "small": rng.integers(0, 9, 500).astype("int8"), "large": rng.integers(-9999, 9999, 500).astype("int32"),
                          "single": rng.normal(size=500).round(2).astype("float32"), "precise": rng.normal(size=500),
                          "day": pd.Timestamp("1999-12-31") + pd.to_timedelta(rng.integers(0, 9999, 500), "D"),
                          "minute": pd.Timestamp("2019-12-31") + pd.to_timedelta(rng.integers(0, 99999, 500), "min")})  # fmt: skip
    frame.loc[3, ["precise", "day", "minute"]] = None
    path = tmp_path / "small.dta"
    for version in (114, 117, 118):
        frame.to_stata(path, write_index=False, version=version, convert_dates={"day": "td", "minute": "tc"})
        ours, theirs = table_of(path).cells.reset_index(drop=True), pd.read_stata(path)
        ours = ours.astype({"day": theirs["day"].dtype, "minute": theirs["minute"].dtype})  # microseconds or nanoseconds
        assert ours["single"].tolist() == [float(str(np.float32(value))) for value in theirs["single"]]  # 12.3, not 12.300000190734863
        pd.testing.assert_frame_equal(ours.drop(columns="single"), theirs.drop(columns="single"), check_dtype=False)


def test_periods_of_stata_are_no_days(tmp_path):
    frame = pd.DataFrame({"key": ["A1", "A2"], **{form: pd.to_datetime(["2019-08-17", None]) for form in ("tm", "tq", "th", "tw", "ty")}})
    frame.to_stata(tmp_path / "small.dta", write_index=False, convert_dates={form: form for form in ("tm", "tq", "th", "tw", "ty")})
    table = table_of(tmp_path / "small.dta")
    assert {column: cells[0] for column, cells in texts(table).items()} == {
        "key": "A1", "tm": "2019-08", "tq": "2019 quarter 3", "th": "2019 half 2", "tw": "2019 week 33", "ty": "2019",
    }  # fmt: skip
    assert all(cells[1] in ("A2", "") for cells in texts(table).values())
    assert (table.kinds["tm"], table.kinds["tq"]) == ("date", "text")


@pytest.mark.parametrize(("form", "seconds", "text"), [
    ("DATE11", (datetime.datetime(2019, 3, 31) - SPSS).total_seconds(), "2019-03-31"),
    ("ADATE10", (datetime.datetime(2019, 3, 31, 23, 59) - SPSS).total_seconds(), "2019-03-31"),  # SPSS shows no time
    ("EDATE8", 0.0, "1582-10-14"),
    ("SDATE10", (datetime.datetime(1582, 10, 13) - SPSS).total_seconds(), "1582-10-13"),
    ("DATETIME17", (datetime.datetime(2019, 3, 31, 14, 5) - SPSS).total_seconds(), "2019-03-31 14:05:00"),
    ("MOYR8", (datetime.datetime(2019, 3, 31) - SPSS).total_seconds(), "2019-03"),
    ("QYR8", (datetime.datetime(2019, 3, 31) - SPSS).total_seconds(), "2019 quarter 1"),
    ("WKYR10", (datetime.datetime(2019, 1, 8) - SPSS).total_seconds(), "2019 week 2"),
    ("DATE11", 1e20, "100000000000000000000.0"),  # no date: left as it is, so that the cell is a problem
    ("DATE11", -1e12, "-1000000000000"),
    ("MOYR8", 1e20, "100000000000000000000.0"),
])  # fmt: skip
def test_dates_of_spss(form, seconds, text):
    cells, _ = dated(np.array([seconds, np.nan]), form, stata=False)
    assert [cell_text(cell) for cell in cells] in ([text, ""], [text.replace("100000000000000000000.0", "1e+20"), ""])


@pytest.mark.parametrize("form", ["F8.2", "COMMA8", "A12", "TIME8", "WKDAY9", "MONTH9", "DOLLAR8", ""])
def test_numbers_of_spss_are_no_dates(form):
    assert dated(np.array([1.0]), form, stata=False) is None


@pytest.mark.parametrize("form", ["%9.0g", "%-8.0f", "%10.2fc", "%12s", "%tb", "%8.0H", ""])
def test_numbers_of_stata_are_no_dates(form):
    assert dated(np.array([1.0]), form, stata=True) is None


@pytest.mark.parametrize("form", ["%td", "%tdD_m_Y", "%d", "%-td", "%tdCCYY-NN-DD"])
def test_days_of_stata_in_every_dress(form):
    cells, kind = dated(np.array([21639.0, np.nan]), form, stata=True)
    assert [cell_text(cell) for cell in cells] == ["2019-03-31", ""]
    assert kind == "date"


def test_dates_agree_with_pyreadstats_own(sav):
    days = [datetime.date(1900, 1, 1), DAY, None, datetime.date(2262, 4, 12)]
    minutes = [datetime.datetime(2019, 3, 31, 14, 5), None, datetime.datetime(1999, 12, 31, 23, 59, 59), datetime.datetime(2000, 1, 1)]
    path = sav({"day": days, "minute": pd.Series(minutes)})
    theirs, _ = pyreadstat.read_sav(path)
    ours = table_of(path).cells
    assert [None if pd.isna(cell) else cell.date() for cell in ours["day"]] == theirs["day"].where(theirs["day"].notna(), None).tolist() == days
    assert [None if pd.isna(cell) else cell.to_pydatetime() for cell in ours["minute"]] == minutes
    assert [None if pd.isna(cell) else cell for cell in theirs["minute"]] == minutes


@pytest.mark.parametrize("suffix", [".sav", ".zsav", ".dta"])
def test_a_file_that_was_cut_is_no_shorter_cohort(sav, dta, suffix):
    columns = {"sex": [1.0, 2, 1, 2], "note": ["a", "b", "c", "d"]}
    content = (dta(columns) if suffix == ".dta" else sav(columns, suffix)).read_bytes()
    for end in (0, 3, 100, 300, len(content) // 2, len(content) - 40):
        assert "that can be read" in only(content[:end], suffix).found
    assert "that can be read" in only(b"key,sex\nA1,1\n", suffix).found


def test_a_damaged_count_of_rows_asks_for_no_memory(sav):
    content = bytearray(sav({"sex": [1.0, 2, 1, 2]}).read_bytes())
    content[80:84] = struct.pack("<i", 500_000_000)
    assert "that can be read" in only(bytes(content)).found


@pytest.mark.parametrize("code", [b"\xe9       ", b"\xe9b      ", b"b\xe9\xe9   "])
def test_a_label_that_ends_the_reader_ends_nothing_here(sav, code):
    """ReadStat drops the first of these and ends the process at the others; each is a label of another encoding."""
    content = sav({"note": ["a", "b", "", "d"]}, variable_value_labels={"note": {"e": "echo"}}).read_bytes()
    assert content.count(b"e       \x04echo") == 1
    content = content.replace(b"e       \x04echo", code.ljust(8) + b"\x04echo")
    problem = only(content)
    assert problem.found == "letters that are not in the encoding that the file names"
    assert "encoding in [cohort]" in problem.advice
    table = labelled_table(content, "small.sav", EXPECTED, suffix=".sav", encoding="cp1252")
    assert table.labels["note"] == {code.decode("cp1252").strip(): "echo"}


def test_letters_of_another_encoding_are_named_with_their_rows(sav):
    content = sav({"note": ["caf?s", "b", "na?f", "d"]}).read_bytes().replace(b"?", b"\xe9")
    problem = only(content)
    assert (problem.column, problem.rows) == ("note", (1, 3))
    assert problem.found == "letters that are not in the encoding that the file names"
    table = labelled_table(content, "small.sav", EXPECTED, suffix=".sav", encoding="cp1252")
    assert texts(table)["note"] == ["cafés", "b", "naéf", "d"]
    assert not table.notes


def test_a_letter_that_is_cut_off_is_told(sav):
    """SPSS cuts a text at the width of its column, in the middle of a letter where it falls so; ReadStat drops the rest of it."""
    content = sav({"note": ["caf?", "b", "é", "d"]}).read_bytes().replace(b"caf?", b"caf\xc3")
    assert pyreadstat.read_sav(io.BytesIO(content))[0]["note"][0] == "caf"
    table = labelled_table(content, "small.sav", EXPECTED, suffix=".sav")
    assert texts(table)["note"] == ["caf", "b", "é", "d"]
    assert [(note.column, note.rows, note.found) for note in table.notes] == [("note", (1,), "a letter that is cut off at the end")]


def test_files_without_the_plans_columns_or_without_rows(sav):
    content = sav({"sex": [1.0, 2, 1, 2]}).read_bytes()
    assert only(content, expected=Expected("record_id", frozenset(["record_id"]))).found == "none of the plan's columns"
    assert only(sav({"sex": []}).read_bytes()).found == "column names and no patients"


def test_the_plans_levels_keep_what_spss_calls_missing(tmp_path):
    """From the file to the cohort: 9 is a level of one column, not known in another, and told."""
    frame = pd.DataFrame({"id": ["A1", "A2", "A3"], "cause": [1.0, 9, 9], "ras": [0.0, 1, 9], "pump": [DAY] * 3, "seen": [DAY.replace(year=2020)] * 3,
                          "dead": pd.Series([None] * 3, dtype=float)})  # fmt: skip
    pyreadstat.write_sav(frame, tmp_path / "small.sav", missing_ranges={"cause": [9], "ras": [9]}, variable_value_labels={"ras": {9: "Not tested"}})
    plan = make_plan({
        "cohort": {"name": "Small", "id": "id", "setting": {"value": "adjuvant"}},
        "columns": {"cause": {"levels": {"1": "Liver", "9": "Unknown"}}, "ras": {"levels": {"0": "Wild type", "1": "Mutated"}}},
        "endpoints": {"os": {"label": "Survival", "start": "pump", "last_seen": "seen", "events": {"Death": "dead"}}},
    })  # fmt: skip
    cohort = read_cohort(tmp_path / "small.sav", plan)
    assert cohort["cause"].tolist() == ["Liver", "Unknown", "Unknown"]
    assert cohort["ras"].isna().tolist() == [False, False, True]
    assert [(note.column, note.rows, note.found) for note in cohort.warnings] == [("ras", (3,), "9 (Not tested): missing, as the SPSS file declares")]
