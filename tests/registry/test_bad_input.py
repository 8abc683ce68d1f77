"""Every kind of bad file is one line in the table of problems, and nothing is repaired or dropped."""

import datetime

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_centre import HEADER, ROWS, SMALL_PLAN

from haip_outcomes.errors import CohortError, HaipError
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.read import read_cohort


def with_cell(row, column, value):
    """The small centre with one cell changed; `row` as in a spreadsheet."""
    lines = [HEADER, *ROWS]
    cells = lines[row - 1].split(",")
    cells[HEADER.split(",").index(column)] = value
    lines[row - 1] = ",".join(cells)
    return lines


def problems_of(path, plan):
    with pytest.raises(CohortError) as caught:
        read_cohort(path, plan)
    assert caught.value.exit_code == 3
    return caught.value.problems


@pytest.mark.parametrize(("row", "column", "value", "found", "expected", "advice"), [
    (3, "pump", "01/02/2019", "01/02/2019", "a date such as 2019-03-31", "date_format"),
    (3, "pump", "", "empty", "a date in every row", "time zero"),
    (3, "pump", "2919-02-01", "2919-02-01", "a date between 1900 and today", "correct the date"),
    (4, "sarcopenia", "2", "2", "one of 0, 1", "undeclared code"),
    (4, "setting", "resected", "resected", "one of adjuvant, unresectable, comparator", "unknown setting"),
    (4, "setting", "Adjuvant", "Adjuvant", "one of adjuvant, unresectable, comparator", 'Did you mean "adjuvant"?'),
    (4, "setting", "", "empty", "a setting in every row", "adjuvant or unresectable"),
    (4, "age", "7O", "7O", "a number", "missing"),
    (4, "age", "inf", "inf", "a number", "missing"),
    (4, "age", "#DIV/0!", "#DIV/0!", "a value, not an error of Excel", "formula"),
    (4, "age", "700", "700", "18 to 100 years", "a wrong unit?"),
    (5, "contact", "", "empty", "follow-up for Overall survival", "absent follow-up"),
    (5, "contact", "2020-03-01", "2020-04-01", "not after contact", "after the last contact"),
    (3, "liver", "2019-09-01", "2019-09-01", "not after imaging", "last seen"),
    (3, "key", "", "", "a patient key in every row", "give the patient a key"),
])  # fmt: skip
def test_one_wrong_cell_is_one_line(write, small_plan, row, column, value, found, expected, advice):
    problems = problems_of(write(with_cell(row, column, value)), small_plan)
    assert len(problems) == 1
    problem = problems[0]
    assert problem.rows == (row,)
    assert problem.found == found
    assert problem.expected == expected
    assert advice in problem.advice


def only(path, plan):
    (problem,) = problems_of(path, plan)
    return problem


def test_death_before_placement_is_one_line(write, small_plan):
    problem = only(write(with_cell(2, "death", "2018-12-01")), small_plan)
    assert (problem.column, problem.rows, problem.found, problem.expected) == ("death", (2,), "2018-12-01", "not before pump")
    assert "before time zero" in problem.advice


def test_an_event_after_the_last_contact_is_one_line(write, small_plan):
    problem = only(write(with_cell(4, "liver", "2020-09-01")), small_plan)
    assert (problem.column, problem.found, problem.expected) == ("liver", "2020-09-01", "not after contact")


def test_a_last_contact_before_placement_is_one_line(write, small_plan):
    problem = only(write(with_cell(4, "contact", "2019-02-01")), small_plan)
    assert (problem.column, problem.expected) == ("contact", "not before pump")
    assert "negative follow-up" in problem.advice


def test_a_date_that_contradicts_several_others_is_the_one_to_blame(write, small_plan):
    problem = only(write(with_cell(3, "contact", "2019-07-01")), small_plan)
    assert (problem.column, problem.found, problem.expected) == ("contact", "2019-07-01", "no other date after it")
    problem = only(write(with_cell(3, "pump", "2020-12-01")), small_plan)
    assert (problem.column, problem.found) == ("pump", "2020-12-01")


def test_negative_follow_up_of_every_date_blames_time_zero(write, small_plan):
    problem = only(write([HEADER, "A1,adjuvant,61,0,2019-01-01,,2018-12-01,2018-12-02,"]), small_plan)
    assert (problem.column, problem.expected) == ("pump", "no date before time zero")
    assert "contact and imaging" in problem.advice


def test_spaces_around_a_key_could_hide_a_duplicate(write, small_plan):
    problem = only(write([HEADER, *ROWS, ROWS[0].replace("A1", " A1 ")]), small_plan)
    assert (problem.column, problem.rows, problem.found) == ("key", (6,), "")
    assert "spaces" in problem.expected


def test_spaces_in_a_cell_are_seen(write, small_plan):
    assert only(write(with_cell(3, "sarcopenia", " 1")), small_plan).found == '" 1"'


def test_a_missing_column(write, small_plan):
    lines = [HEADER.replace("sarcopenia", "sarcopenie"), *ROWS]
    (problem,) = problems_of(write(lines), small_plan)
    assert (problem.column, problem.found) == ("sarcopenia", "no such column")
    assert 'Did you mean "sarcopenie"?' in problem.advice


def test_a_duplicate_patient_is_named_by_rows_never_by_key(write, small_plan):
    (problem,) = problems_of(write([HEADER, *ROWS, ROWS[0]]), small_plan)
    assert (problem.column, problem.rows, problem.found, problem.expected) == ("key", (2, 6), "", "one row a patient")


def test_the_same_key_in_another_case_is_the_same_patient(write, small_plan):
    assert only(write([HEADER, *ROWS, ROWS[0].replace("A1", "a1")]), small_plan).rows == (2, 6)


def test_tomorrow_is_not_known_yet(write, small_plan):
    later = str(datetime.date.today() + datetime.timedelta(days=2))
    problem = only(write(with_cell(4, "contact", later)), small_plan)
    assert (problem.found, problem.expected) == (later, "a date between 1900 and today")


def test_a_key_in_another_column_is_not_shown(write, small_plan):
    rows = [row.replace("A", "MRN-00") for row in ROWS]
    assert only(write([HEADER, *rows, rows[0].replace("MRN-001,adjuvant,61", "MRN-009,adjuvant,see MRN-001")]), small_plan).found == "(a patient's key)"


def test_a_setting_is_blamed_under_the_files_name(write, small_plan):
    plan = small_plan.model_copy(update={"cohort": small_plan.cohort.model_copy(update={"setting": "group"})})
    header = HEADER.replace("setting", "group")
    for value, found in (("Adj", "Adj"), ("", "empty")):
        problem = only(write([header, *ROWS[:3], ROWS[3].replace("unresectable", value)]), plan)
        assert (problem.column, problem.rows, problem.found) == ("group", (5,), found)


def test_cells_under_no_name(write, small_plan):
    problem = only(write([HEADER + ",", *(row + "," for row in ROWS[:3]), ROWS[3] + ",x"]), small_plan)
    assert (problem.rows, problem.found) == ((5,), "cells in a column without a name")


@pytest.mark.parametrize("lines", [ROWS, ["Export of A1", HEADER, *ROWS], ["A1,,,,,,,,", HEADER, *ROWS]])
def test_a_first_row_without_the_columns_names_is_not_shown(write, small_plan, lines):
    problem = only(write(lines), small_plan)
    assert problem.found == "row 1 does not hold the plan's column names"
    assert "A1" not in str(problem)
    assert ("row 2" in problem.advice) == (lines is not ROWS)


def test_a_separator_of_another_kind(write, small_plan):
    assert len(read_cohort(write([line.replace(",", "|") for line in (HEADER, *ROWS)]), small_plan)) == 4
    problem = only(write([line.replace(",", "^") for line in (HEADER, *ROWS)]), small_plan)
    assert problem.found == "separator not recognised"


def test_problems_stand_in_the_order_of_the_rows(write, small_plan):
    lines = with_cell(5, "age", "x")
    lines[1] = lines[1].replace("A1,adjuvant", "A1,")
    assert [problem.rows for problem in problems_of(write(lines), small_plan)] == [(2,), (5,)]


def test_a_death_under_another_name_needs_terminal(write):
    plan = make_plan({**SMALL_PLAN, "endpoints": {"liver": {**SMALL_PLAN["endpoints"]["liver"], "events": {"Liver": "liver", "Exitus": "death"}}}})
    problem = only(write([line.replace("contact", "seen") for line in (HEADER, *ROWS)]), plan)
    assert (problem.column, problem.rows) == ("death", (2, 3))
    assert 'terminal = ["Exitus"] in [endpoints.liver]' in problem.advice


def test_all_problems_of_a_file_at_once(write, small_plan):
    lines = with_cell(3, "pump", "soon")
    lines[3] = lines[3].replace("UNK", "9")
    lines[4] = lines[4].replace("2020-04-01,2020-04-01", "2020-04-01,2020-03-01")
    problems = problems_of(write(lines), small_plan)
    assert {p.column for p in problems} == {"pump", "sarcopenia", "imaging"}


def test_the_table_of_problems_reads_like_a_table(write, small_plan):
    with pytest.raises(CohortError) as caught:
        read_cohort(write(with_cell(3, "pump", "soon")), small_plan)
    lines = str(caught.value).splitlines()
    assert lines[0] == "1 problem in small.csv:"
    assert lines[1].split() == ["row", "column", "found", "expected", "what", "to", "do"]
    assert lines[2].split()[:3] == ["3", "pump", "soon"]


@pytest.mark.parametrize(("content", "name", "found"), [
    (b"", "empty.csv", "an empty file"),
    (b"\n\n", "blank.csv", "an empty file"),
    (HEADER.encode() + b"\n", "header.csv", "column names and no patients"),
    (b"%PDF-1.4\x00\xff\xfe\x80", "paper.csv", "looks like a PDF"),
    (b"\x89PNG\r\n\x1a\n\x00\x00", "picture.xlsx", "not a workbook"),
    (b"\x89PNG\r\n\x1a\n\x00\x00", "picture.csv", "looks like a picture"),
    (b"PK\x03\x04broken", "workbook.csv", "looks like a workbook"),
    ("key,setting".encode("utf-16"), "wide.csv", "column names and no patients"),
    (b"\xff\xfek\x00e", "cut.csv", "UTF-16"),
    (HEADER.encode() + b"\nA\x81,adjuvant,61,0,2019-01-01,,2019-12-01,2021-01-01,2021-01-01\n", "codepage.csv", "bytes"),
    (b"PK\x03\x04broken", "broken.xlsx", "not a workbook"),
    (b"", "empty.xlsx", "not a workbook"),
    (HEADER.encode() + b'\nA1,"adjuvant,61\n', "quotes.csv", "broken quotes"),
    (HEADER.encode() + b"\nA1,adjuvant,61\n", "short.csv", "another number of cells"),
    (b"key,key\n1,2\n", "twice.csv", "the same column name twice"),
    (b"a,b\n1,2\n", "paper.doc", ".doc"),
])  # fmt: skip
def test_files_that_are_no_table(tmp_path, small_plan, content, name, found):
    (tmp_path / name).write_bytes(content)
    (problem,) = problems_of(tmp_path / name, small_plan)
    assert found in problem.found


def test_a_file_that_is_not_there(tmp_path, small_plan, write):
    write([HEADER, *ROWS], "patients.csv")
    (problem,) = problems_of(tmp_path / "patient.csv", small_plan)
    assert 'Did you mean "patients.csv"?' in problem.advice


def test_empty_rows_are_named_and_hold_nobody(write, small_plan):
    cohort = read_cohort(write([HEADER, ROWS[0], ",,,,,,,,", *ROWS[1:], "", ""]), small_plan)
    assert len(cohort) == 4
    assert cohort.frame.index.tolist() == [2, 4, 5, 6]
    assert cohort.warnings[0].rows == (3,)


def test_a_workbook_reads_as_the_csv_does(tmp_path, small_plan, write):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(HEADER.split(","))
    for row in ROWS:
        cells = [datetime.datetime.fromisoformat(c) if c.count("-") == 2 else int(c) if c.lstrip("-").isdigit() else c or None
                 for c in row.split(",")]  # fmt: skip
        sheet.append(cells)
    book.save(tmp_path / "small.xlsx")
    ours = read_cohort(tmp_path / "small.xlsx", small_plan)
    theirs = read_cohort(write([HEADER, *ROWS]), small_plan)
    assert ours.frame.equals(theirs.frame)


def test_a_semicolon_table(write, small_plan):
    cohort = read_cohort(write([line.replace(",", ";") for line in (HEADER, *ROWS)]), small_plan)
    assert len(cohort) == 4


CELLS = st.text(alphabet="0123456789-/., AUNKabcé;\"'\t\n", max_size=12)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.integers(2, 5), column=st.sampled_from(HEADER.split(",")), value=CELLS)
def test_no_cell_whatever_makes_a_traceback_or_loses_a_row(tmp_path, small_plan, row, column, value):
    import csv

    lines = [line.split(",") for line in (HEADER, *ROWS)]
    lines[row - 1][HEADER.split(",").index(column)] = value
    path = tmp_path / "fuzzed.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    try:
        cohort = read_cohort(path, small_plan)
    except HaipError:
        return
    assert len(cohort) == cohort.source.rows == 4
