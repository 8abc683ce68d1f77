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


def test_the_rows_of_a_sheet_are_those_that_excel_shows(save, small_plan):
    path = save(patients=[TABLE[0], TABLE[1], [""] * 9, *TABLE[2:], [""] * 9])
    cohort = read_cohort(path, small_plan)
    assert cohort.frame.index.tolist() == [2, 4, 5, 6]
    assert [(note.found, note.rows) for note in cohort.warnings] == [("empty rows", (3,))]


def changed(path, change):
    book = openpyxl.load_workbook(path)
    change(book.active)
    book.save(path)
    return path


def test_merged_cells_hold_one_value_and_not_several(save, small_plan):
    path = changed(save(patients=TABLE), lambda sheet: sheet.merge_cells("D2:D4"))
    problem = only(path, small_plan)
    assert (problem.column, problem.rows, problem.found) == ("sarcopenia", (2, 3, 4), "merged cells")
    path = changed(save(patients=[[*cells, "", ""] for cells in TABLE]), lambda sheet: sheet.merge_cells("J8:K9"))
    assert len(read_cohort(path, small_plan)) == 4  # below the table


def test_merged_cells_in_a_column_that_is_not_read_do_not_matter(save, small_plan):
    path = changed(save(patients=[[*TABLE[0], "remark"], *([*cells, "x"] for cells in TABLE[1:])]), lambda sheet: sheet.merge_cells("J2:J3"))
    assert len(read_cohort(path, small_plan)) == 4


def test_hidden_rows_are_read_and_told(save, small_plan):
    def hide(sheet):
        sheet.row_dimensions[3].hidden = sheet.row_dimensions[5].hidden = sheet.row_dimensions[90].hidden = True

    cohort = read_cohort(changed(save(patients=TABLE), hide), small_plan)
    assert len(cohort) == 4
    assert [(note.found, note.rows) for note in cohort.warnings] == [("hidden rows", (3, 5))]


def test_a_workbook_with_a_password_or_of_an_old_kind(tmp_path, small_plan):
    (tmp_path / "locked.xlsx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    problem = only(tmp_path / "locked.xlsx", small_plan)
    assert problem.found == "an old Excel file, or one with a password"
    assert "remove the password" in problem.advice


def test_a_sheet_that_the_plan_names_may_be_empty_or_absent(save):
    plan = make_plan({**SMALL_PLAN, "cohort": {**SMALL_PLAN["cohort"], "sheet": "patient"}})
    assert only(save(patient=[], other=TABLE), plan).found == "an empty file"
    problem = only(save(patients=TABLE), plan)
    assert problem.advice == 'correct sheet in [cohort] of the plan. Did you mean "patients"?'
