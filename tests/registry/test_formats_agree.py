"""The same patients in every format are the same cohort; related tables in sheets and in files of their own."""

import csv
import datetime
import hashlib
import io

import openpyxl
import pandas as pd
import pyreadstat
import pytest
from formats import FORMATS, typed_frame, write_formats
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_centre import HEADER, ROWS, SMALL_PLAN

from haip_outcomes.errors import CohortError
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.read import read_cohort
from haip_outcomes.registry.sources.opening import content_of, open_source, tables_in
from haip_outcomes.registry.values.distinct_cells import cell_text

PLAN = make_plan({**SMALL_PLAN, "missing": {"codes": ["-999", "9"]}})
RELATED = {"columns": {"day": {"kind": "date"}, "grade": {"levels": {"1": "I", "2": "II"}}}}
EVENTS = [["key", "day", "grade"], ["A1", "2019-02-01", "1"], ["A1", "2019-03-01", "2"], ["A3", "2019-06-01", "2"]]


def related_plan(**places):
    return make_plan({**SMALL_PLAN, "tables": {name: {**RELATED, **place} for name, place in places.items()}})


def opened(path, plan):
    return open_source(path, content_of(path), plan)


def problems_of(path, plan):
    with pytest.raises(CohortError) as caught:
        opened(path, plan)
    return caught.value.problems


def workbook(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append([cell or None for cell in row])
    book.save(path)
    return path


PATIENTS = [HEADER.split(","), *(row.split(",") for row in ROWS)]


def test_every_format_gives_the_same_cohort(tmp_path):
    paths = write_formats(tmp_path)
    cohorts = {suffix: read_cohort(path, PLAN) for suffix, path in paths.items()}
    first = cohorts["csv"].frame
    assert first["age"].tolist()[:3] == [61, 55, 70]
    assert first["pump"].tolist() == pd.to_datetime(["2019-01-01", "2019-02-01", "2019-03-01", "2019-04-01"]).tolist()
    for suffix, cohort in cohorts.items():
        rows = [1, 2, 3, 4] if suffix in ("sav", "zsav", "dta") else [2, 3, 4, 5]
        assert cohort.frame.index.tolist() == rows, suffix
        pd.testing.assert_frame_equal(cohort.frame.reset_index(drop=True), first.reset_index(drop=True))
        assert cohort.source.sha256 == hashlib.sha256(paths[suffix].read_bytes()).hexdigest()
        assert not cohort.warnings, suffix


WORDS = st.text("abé ;,\"'Ω", max_size=6).map(str.strip)
NUMBERS = st.one_of(st.none(), st.integers(-1000, 1000).map(float), st.floats(-1e6, 1e6).map(lambda x: round(x, 3)))
DAYS = st.one_of(st.none(), st.dates(datetime.date(1900, 1, 2), datetime.date(2099, 12, 31)))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(WORDS, NUMBERS, DAYS), min_size=1, max_size=6))
def test_random_cells_are_the_same_text_in_every_format(tmp_path, cells):
    frame = pd.DataFrame({"key": [f"A{i}" for i in range(len(cells))], "word": [cell[0] for cell in cells],
                          "number": pd.Series([cell[1] for cell in cells], dtype=float), "day": [cell[2] for cell in cells]})  # fmt: skip
    frame = frame.astype({"day": object})
    truth = [[key, word, cell_text(number), cell_text(day)] for key, word, number, day in frame.itertuples(index=False)]
    for suffix, path in write_formats(tmp_path, frame).items():
        (table,) = tables_in(path, content_of(path))
        texts = [[cell_text(cell) for cell in row] for row in table.cells.itertuples(index=False)]
        assert texts == truth, suffix


def test_related_tables_are_sheets_of_the_workbook(tmp_path):
    plan = related_plan(complications={"sheet": "Complications"})
    path = workbook(tmp_path / "small.xlsx", Patients=PATIENTS, Complications=EVENTS, Notes=[["read me"]])
    source = opened(path, plan)
    assert source.patients.name == "small.xlsx, sheet Patients"
    assert len(source.patients.cells) == 4
    rows = source.related["complications"]
    assert rows.name == "small.xlsx, sheet Complications"
    assert rows.cells.to_numpy().tolist() == EVENTS[1:]
    assert rows.cells.index.tolist() == [2, 3, 4]
    assert [note.found for note in source.patients.notes] == ["not read: 1 other sheet, Notes"]
    assert source.files == (("small.xlsx", hashlib.sha256(path.read_bytes()).hexdigest()),)
    cohort = read_cohort(path, plan)
    assert cohort.tables["complications"]["patient"].tolist() == [2, 2, 4]


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet", "dta", "sav"])
@pytest.mark.parametrize("own", ["csv", "parquet"])
def test_related_tables_are_files_beside_the_cohort_file(tmp_path, write, suffix, own):
    frame = pd.DataFrame(EVENTS[1:], columns=EVENTS[0])
    path = tmp_path / f"events.{suffix}"
    {"csv": lambda: frame.to_csv(path, index=False), "xlsx": lambda: frame.to_excel(path, index=False), "parquet": lambda: frame.to_parquet(path),
     "dta": lambda: pyreadstat.write_dta(frame, path), "sav": lambda: pyreadstat.write_sav(frame, path)}[suffix]()  # fmt: skip
    patients = write([HEADER, *ROWS]) if own == "csv" else tmp_path / "small.parquet"
    if own == "parquet":
        pd.DataFrame(PATIENTS[1:], columns=PATIENTS[0]).to_parquet(patients)
    source = opened(patients, related_plan(complications={"file": f"events.{suffix}"}))
    assert source.related["complications"].name == f"events.{suffix}"
    assert source.related["complications"].cells.to_numpy().tolist() == EVENTS[1:]
    assert source.files == tuple((p.name, hashlib.sha256(p.read_bytes()).hexdigest()) for p in (patients, path))


def test_everything_that_is_absent_is_told_at_once(tmp_path, write):
    path = workbook(tmp_path / "small.xlsx", Patients=PATIENTS, Complication=EVENTS)
    write(["key,day,grade"], "imagings.csv")
    plan = related_plan(complications={"sheet": "Complications"}, imaging={"file": "imaging.csv"}, cycles={"file": "cycles.doc"})
    sheet, file, ending = problems_of(path, plan)
    assert (sheet.found, sheet.expected) == ("sheets Patients, Complication", 'a sheet "Complications"')
    assert sheet.advice == 'correct sheet in [tables.complications] of the plan. Did you mean "Complication"?'
    assert (file.table, file.found) == ("imaging.csv", "no such file")
    assert 'Did you mean "imagings.csv"?' in file.advice
    assert (ending.table, ending.found) == ("cycles.doc", ".doc")


def test_a_sheet_of_a_file_without_sheets(write):
    (problem,) = problems_of(write([HEADER, *ROWS]), related_plan(complications={"sheet": "Complications"}))
    assert (problem.found, problem.expected) == ("a file without sheets", "the sheet Complications")
    assert "[tables.complications]" in problem.advice


def test_a_broken_cohort_file_and_a_broken_related_file_are_both_told(write):
    write(["key;day;grade", "A1;2019"], "events.csv")
    problems = problems_of(write(ROWS), related_plan(complications={"file": "events.csv"}))
    assert [(p.table, p.found) for p in problems] == [("small.csv", "row 1 does not hold the plan's column names"),
                                                      ("events.csv", "another number of cells than column names")]  # fmt: skip


def test_a_related_table_without_rows_is_no_problem(write):
    write(["key,day,grade"], "events.csv")
    source = opened(write([HEADER, *ROWS]), related_plan(complications={"file": "events.csv"}))
    assert source.related["complications"].cells.shape == (0, 3)
    assert len(read_cohort(write([HEADER, *ROWS]), related_plan(complications={"file": "events.csv"})).tables["complications"]) == 0


def test_a_related_file_of_several_sheets_is_not_guessed(tmp_path, write):
    workbook(tmp_path / "events.xlsx", a=EVENTS, b=EVENTS)
    (problem,) = problems_of(write([HEADER, *ROWS]), related_plan(complications={"file": "events.xlsx"}))
    assert (problem.found, problem.expected) == ("2 sheets: a and b", "one sheet with the rows of [tables.complications]")


def test_every_table_of_a_file_without_a_plan(tmp_path):
    path = workbook(tmp_path / "small.xlsx", Patients=PATIENTS, Empty=[], Complications=EVENTS)
    tables = tables_in(path, content_of(path))
    assert [table.name for table in tables] == ["small.xlsx, sheet Patients", "small.xlsx, sheet Complications"]
    for suffix, file in write_formats(tmp_path).items():
        (table,) = tables_in(file, content_of(file))
        assert table.cells.columns.tolist() == HEADER.split(","), suffix
    assert set(FORMATS) == {"csv", "xlsx", "parquet", "sav", "zsav", "dta"}


def test_the_frame_that_is_written_is_the_small_centre():
    """So that the formats are compared with something: the same cells as the text of the small centre."""
    text = io.StringIO()
    typed_frame().to_csv(text, index=False)
    rows = list(csv.reader(io.StringIO(text.getvalue())))
    assert [[cell.removesuffix(".0") for cell in row] for row in rows] == [[cell.replace("UNK", "9") for cell in row] for row in PATIENTS]
