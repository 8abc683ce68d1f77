"""Workbooks: which sheet is read, what a formula holds, and files that are damaged."""

import datetime
import zipfile

import openpyxl
import pytest
from small_centre import HEADER, ROWS, SMALL_PLAN

from haip_outcomes.errors import CohortError
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.read import read_cohort

TABLE = [HEADER.split(","), *(row.split(",") for row in ROWS)]


@pytest.fixture
def save(tmp_path):
    def _save(**sheets):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append([cell or None for cell in row])
        book.save(tmp_path / "small.xlsx")
        return tmp_path / "small.xlsx"

    return _save


def only(path, plan):
    with pytest.raises(CohortError) as caught:
        read_cohort(path, plan)
    (problem,) = caught.value.problems
    return problem


def with_cell(row, column, value):
    rows = [list(cells) for cells in TABLE]
    rows[row - 1][rows[0].index(column)] = value
    return rows


def test_a_formula_that_nobody_calculated_is_not_an_empty_cell(save, small_plan):
    problem = only(save(patients=with_cell(2, "death", "=DATE(2021,1,1)")), small_plan)
    assert (problem.column, problem.rows, problem.found) == ("death", (2,), "formula without a value")
    assert problem.advice == "open the workbook in Excel and save it"


def test_a_formula_in_a_column_that_is_not_read_does_not_matter(save, small_plan):
    path = save(patients=[[*TABLE[0], "remark"], [*TABLE[1], "=1+1"], *([*cells, ""] for cells in TABLE[2:])])
    assert len(read_cohort(path, small_plan)) == 4


def test_a_formula_calculated_as_empty_text_is_empty(save, small_plan, tmp_path):
    path = save(patients=with_cell(4, "death", '=IF(1,"","x")'))
    excel = tmp_path / "excel.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(excel, "w") as new:  # Excel marks its result as text
        for part in old.namelist():
            new.writestr(part, old.read(part).replace(b'<c r="I4">', b'<c r="I4" t="str">'))
    assert len(read_cohort(excel, small_plan)) == 4


def test_a_sheet_with_other_things_is_named_in_a_note(save, small_plan):
    cohort = read_cohort(save(patients=TABLE, dictionary=[["column", "meaning"], ["key", "the patient"]]), small_plan)
    (note,) = cohort.warnings
    assert (len(cohort), note.severity) == (4, "warning")
    assert "dictionary" in note.found


def test_a_sheet_a_setting_is_not_half_a_cohort(save, small_plan):
    path = save(adjuvant=TABLE[:3], unresectable=[TABLE[0], *TABLE[3:]])
    problem = only(path, small_plan)
    assert problem.found == "patients in 2 sheets: adjuvant and unresectable"
    assert 'sheet = "adjuvant" in [cohort]' in problem.advice
    plan = make_plan({**SMALL_PLAN, "cohort": {**SMALL_PLAN["cohort"], "sheet": "unresectable"}})
    assert len(read_cohort(path, plan)) == 2


def test_patients_behind_another_sheet_need_the_sheets_name(save, small_plan):
    problem = only(save(notes=[["read me"], ["then me"]], patients=TABLE), small_plan)
    assert 'sheet = "patients"' in problem.advice
    assert len(read_cohort(save(empty=[], patients=TABLE), small_plan)) == 4
    assert only(save(empty=[]), small_plan).found == "an empty workbook"


def test_a_title_above_the_column_names(save, small_plan):
    problem = only(save(patients=[["Our cohort"], *TABLE]), small_plan)
    assert (problem.rows, problem.found) == ((1,), "row 1 does not hold the plan's column names")
    assert "row 2" in problem.advice


@pytest.mark.parametrize("year", [2200, 9999])
def test_a_real_date_after_today(save, small_plan, year):
    problem = only(save(patients=with_cell(3, "contact", datetime.datetime(year, 12, 31))), small_plan)
    assert (problem.column, problem.rows, problem.expected) == ("contact", (3,), "a date between 1900 and today")


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml"])
def test_a_damaged_part_is_no_traceback(save, small_plan, tmp_path, part):
    path = save(patients=TABLE)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "damaged.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name)[:150] if name == part else old.read(name))
    assert "not a workbook" in only(tmp_path / "damaged.xlsx", small_plan).found
