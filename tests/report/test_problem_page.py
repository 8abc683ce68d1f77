"""The page of problems: all of them, in the right place, and nothing else."""

import re
from datetime import datetime
from html.parser import HTMLParser

import pytest
from small_centre import HEADER, ROWS

from haip_outcomes.errors import CohortError, PlanError, Problem
from haip_outcomes.registry.read import read_cohort
from haip_outcomes.report.problem_layout import MOST_PATIENTS, MOST_ROWS, counted, laid_out, spans
from haip_outcomes.report.problem_page import Checked, problem_page, write_problem_page

CYCLES = "demo.csv, table Cycles"
PUMP = Problem("demo.csv", "pump_date", (12, 4), "2012-01-01 and 2031-01-01", "not before diagnosis_date", "correct one of the two dates", "error", "dates out of order",
               ("2012-01-01\ndiagnosis_date: 2012-03-01", "2031-01-01\ndiagnosis_date: 2031-02-01"))  # fmt: skip
DOSE = Problem(CYCLES, "cycle_dose_mg", (131,), "0.2", "a number in mg", "this looks like g", "warning", "likely another unit", ("0.2",), (12,))
EARLY = Problem(CYCLES, "cycle_date", (118, 119), "2010-01-01", "not before pump_date", "a cycle before placement", "error", "dates out of order", (), (2, 12))
ORPHAN = Problem(CYCLES, "record_id", (200,), "", "the key of one of the patients", "correct the key", "error", "patients' keys", (), (0,))
FLAG = Problem("demo.csv", "prior_lines", (3,), "0", "systemic chemotherapy before the pump", "the patient stays in", "warning", "outside the consensus statement")
ABSENT = Problem("demo.csv", "sarcopenia", (1,), "no such column", 'a column "sarcopenia" (category)', "correct the name")
ALL = [FLAG, DOSE, PUMP, EARLY, ORPHAN, ABSENT]


class Page(HTMLParser):
    """The page's tags and texts, and whether every tag is closed by its own."""

    VOID = ("meta", "input", "br", "img", "link", "hr")

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.said = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.said.append(text.strip())


def page_of(problems, file="demo.csv"):
    page = Page(problem_page(problems, Checked(file, "Demo", 60), datetime(2024, 3, 31, 9, 30)))
    assert page.open == []
    return page


def test_errors_come_first_and_each_patient_once():
    layout = laid_out(ALL)
    assert [(patient.title, patient.counted) for patient in layout.patients] == [
        ("Row 2", "1 error"), ("Row 4", "1 error"), ("Row 12", "2 errors and 1 warning"), ("Rows of nobody: the patient is not known", "1 error"),
        ("Row 3", "1 warning"),
    ]  # fmt: skip
    twelve = layout.patients[2]
    assert [(line.severity, line.column, line.where, line.found, line.beside) for line in twelve.lines] == [
        ("error", "pump_date", "", "2012-01-01", ("diagnosis_date: 2012-03-01",)),
        ("error", "cycle_date", f"{CYCLES}, row 119", "one of: 2010-01-01", ()),
        ("warning", "cycle_dose_mg", f"{CYCLES}, row 131", "0.2", ()),
    ]
    assert [line.column for line in layout.file] == ["sarcopenia"]


def test_the_same_problems_by_kind_and_by_column():
    layout = laid_out(ALL)
    assert [(kind.name, kind.errors, kind.warnings, kind.rows) for kind in layout.kinds] == [
        ("dates out of order", 2, 0, 4), ("patients' keys", 1, 0, 1), ("the file itself", 1, 0, 1), ("outside the consensus statement", 0, 1, 1), ("likely another unit", 0, 1, 1),
    ]  # fmt: skip
    assert [(column.table, column.name, column.advice[0].rows, column.advice[0].n) for column in layout.columns] == [
        ("demo.csv", "pump_date", "4, 12", 2), (CYCLES, "cycle_date", "118, 119", 2), (CYCLES, "record_id", "200", 1), ("demo.csv", "sarcopenia", "1", 1),
        ("demo.csv", "prior_lines", "3", 1), (CYCLES, "cycle_dose_mg", "131", 1),
    ]  # fmt: skip


def test_every_problem_of_every_row_has_a_box():
    page = page_of(ALL)
    boxes = [attributes for tag, attributes in page.tags if tag == "input" and "data-box" in attributes]
    rows = sum(len(problem.rows) for problem in ALL)
    assert len(boxes) == len({box["data-box"] for box in boxes}) == rows
    wholes = [attributes for tag, attributes in page.tags if tag == "input" and "data-number" in attributes and "data-box" not in attributes]
    assert len(wholes) == len(ALL)
    assert all(box["aria-label"].startswith("Done") for box in (*boxes, *wholes))


def test_the_page_says_what_there_is():
    said = " ".join(page_of(ALL).said)
    assert "4 errors and 2 warnings: the file is not analysed before the errors are corrected." in said
    assert "checked on 2024-03-31 09:30" in said
    for problem in ALL:
        assert problem.advice in said
        assert problem.expected.replace("2019-03-31", "") in said


def test_a_file_with_warnings_only_and_one_without_problems():
    assert "1 warning: the file can be analysed as it is." in " ".join(page_of([FLAG]).said)
    good = page_of([])
    assert "No problems found." in good.said
    assert "script" not in [tag for tag, _ in good.tags]


def test_nothing_is_loaded_from_elsewhere_and_the_page_works_without_its_script():
    text = problem_page(ALL, Checked("demo.csv"))
    assert not re.search(r"(src|href)=\"(?!#)", text)
    assert "http" not in re.sub(r"http-equiv", "", text)
    assert "default-src 'none'" in text
    page = Page(text)
    controls = next(attributes for tag, attributes in page.tags if attributes.get("id") == "controls")
    assert "hidden" in controls  # what needs the script is shown by the script
    assert not [attributes for _, attributes in page.tags if "data-off" in attributes]


def test_what_was_found_is_text_and_never_part_of_the_page():
    evil = Problem("<b>.csv", "<i>x</i>", (2,), "<script>alert(1)</script>", "a & b", "</script><img src=x>", cells=("<script>alert(2)</script>\n<u>y</u>: 1",))
    page = page_of([evil], file="</title><script>")
    assert [tag for tag, _ in page.tags if tag in ("b", "i", "img", "u")] == []
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 1
    assert "<script>alert(2)</script>" in page.said


def test_a_problem_of_a_whole_column_is_told_by_column_only():
    wide = Problem("demo.csv", "height_cm", tuple(range(2, MOST_ROWS + 3)), "1.75", "a number in cm", "convert all of it")
    layout = laid_out([wide])
    assert (layout.patients, layout.wide) == ((), 1)
    assert layout.columns[0].advice[0].rows == f"2-{MOST_ROWS + 2}"
    assert f"1 problem of more than {MOST_ROWS} rows stands under" in " ".join(page_of([wide]).said)


def test_of_very_many_patients_the_first_are_shown_and_the_rest_counted():
    rows = [Problem("demo.csv", f"c{i}", tuple(range(2 + 150 * i, 152 + 150 * i)), "x", "y", "z") for i in range(8)]
    layout = laid_out(rows)
    assert (len(layout.patients), layout.left_out) == (MOST_PATIENTS, 1200 - MOST_PATIENTS)
    assert f"{1200 - MOST_PATIENTS} more have problems too" in " ".join(page_of(rows).said)


def test_several_centres_keep_their_patients_apart():
    files = [Problem(f"{name}.xlsx, sheet Patients", "age", (5,), "x", "a number", "correct it") for name in ("a", "b")]
    cycle = Problem("b.xlsx, sheet Cycles", "cycle_date", (9,), "x", "a date", "correct it", patients=(5,))
    assert [(patient.title, len(patient.lines)) for patient in laid_out([*files, cycle]).patients] == [
        ("a.xlsx, sheet Patients, row 5", 1), ("b.xlsx, sheet Patients, row 5", 2)]  # fmt: skip


@pytest.mark.parametrize(("rows", "said"), [((), ""), ((4,), "4"), ((5, 4), "4, 5"), ((4, 5, 6, 9), "4-6, 9"), (range(2, 200, 2), None)])
def test_rows_in_words(rows, said):
    assert spans(rows) == said if said is not None else spans(rows).endswith(", ...")


def test_counts_in_words():
    assert [counted(0, 0), counted(1, 0), counted(2, 1)] == ["nothing", "1 error", "2 errors and 1 warning"]


def test_the_problems_of_a_file_become_a_page(tmp_path, write, small_plan):
    keys = [row.replace("A", "MRN-00", 1) for row in ROWS]
    with pytest.raises(CohortError) as caught:
        read_cohort(write([HEADER, keys[0].replace("2019-01-01", "soon"), *keys[1:3], keys[3].replace("2020-04-01,2020-04-01", "2020-04-01,2020-03-01")]), small_plan)
    page = write_problem_page(caught.value.problems, caught.value.source, tmp_path / "problems.html")
    text = page.read_text(encoding="utf-8")
    assert "soon" in text
    assert "MRN-00" not in text
    assert {patient.row for patient in laid_out(caught.value.problems).patients} == {2, 5}


def test_a_cohort_gives_its_own_facts(tmp_path, write, small_plan):
    cohort = read_cohort(write([HEADER, ROWS[0], ",,,,,,,,", *ROWS[1:]]), small_plan)
    text = write_problem_page(cohort.warnings, cohort, tmp_path / "p.html").read_text(encoding="utf-8")
    assert "Problems in small.csv" in text
    assert "Small centre; 4 patients" in text


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(PlanError, match="can't be written"):
        write_problem_page([], Checked("x.csv"), tmp_path / "no such folder" / "page.html")
