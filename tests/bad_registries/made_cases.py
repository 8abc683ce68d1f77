"""Cases whose files are no text, or large: made when a test needs them, the same every time.

Each function writes one case's cohort file into a folder; its problem table is committed in the folder of its name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

PLANTED = ("Jansen", "de Vries", "devries@example.org", "1958-03-04", "12345679", "4711001")  # what identifies, in the cases of this folder
HEADER = ["key", "setting", "age", "sex", "height", "largest", "cea", "remark", "pump", "liver", "imaging", "contact", "death"]
DATES = ["pump", "liver", "imaging", "contact", "death"]
ROWS = [
    ["K-101", "adjuvant", 61, 1, 175, 3.2, 12.5, "", "2019-01-15", "", "2019-12-20", "2021-01-20", "2021-01-20"],
    ["K-102", "adjuvant", 55, 2, 168, 2.4, 8, "", "2019-02-16", "2019-08-17", "2019-08-17", "2020-02-18", "2020-02-18"],
    ["K-103", "unresectable", 70, 1, 181, 5.6, 200.5, "", "2019-03-17", "", "2020-03-18", "2020-06-19", ""],
    ["K-104", "unresectable", 48, 2, 163, 4.1, -999, "", "2019-04-18", "2019-10-19", "2020-04-20", "2020-04-21", ""],
    ["K-105", "adjuvant", 66, 2, 170, 1.9, 3.4, "", "2019-05-19", "", "2020-05-20", "2020-11-21", "2020-11-21"],
    ["K-106", "unresectable", 59, 1, 178, 7.7, 55, "", "2019-06-20", "2020-01-21", "2020-06-22", "2020-12-23", ""],
]
CYCLES = [["key", "cycle_date"], ["K-101", datetime(2019, 2, 12)], ["K-102", datetime(2019, 3, 14)], ["K-103", datetime(2019, 4, 15)]]
Case = Callable[[Path], list[Path]]


def write(case: str, folder: Path) -> list[Path]:
    """The files of a case, written into `folder`."""
    return CASES[case](folder)


# ---- workbooks ----


def typed() -> list[list[Any]]:
    """The rows as Excel holds them: real dates, empty cells."""
    place = [HEADER.index(name) for name in DATES]
    return [[None if cell == "" else datetime.fromisoformat(str(cell)) if i in place else cell for i, cell in enumerate(row)] for row in ROWS]


def workbook(change: Callable[[Any, Any], None], rows: list[list[Any]] | None = None, name: str = "cohort.xlsx") -> Case:
    """A workbook with the sheet Patients, changed as `change(book, sheet)` does."""
    def made(folder: Path) -> list[Path]:
        import openpyxl

        book = openpyxl.Workbook()
        sheet = book.active
        sheet.title = "Patients"
        for row in [HEADER, *typed()] if rows is None else rows:
            sheet.append(row)
        change(book, sheet)
        book.save(folder / name)
        return [folder / name]

    return made


def with_cells(**cells: Any) -> Case:
    """A workbook with other cells, named as Excel does (B3)."""
    def change(book: Any, sheet: Any) -> None:
        for place, value in cells.items():
            sheet[place] = value

    return workbook(change)


def with_sheet(title: str, rows: list[list[Any]], hidden: bool = False, first: bool = False) -> Case:
    """A workbook with one more sheet."""
    def change(book: Any, sheet: Any) -> None:
        other = book.create_sheet(title, 0 if first else None)
        for row in rows:
            other.append(row)
        other.sheet_state = "hidden" if hidden else "visible"

    return workbook(change)


def _merged(book: Any, sheet: Any) -> None:
    sheet.merge_cells("B2:B3")


def _merged_header(book: Any, sheet: Any) -> None:
    sheet.insert_rows(1)
    sheet["A1"], sheet["I1"] = "Patient", "Dates"
    sheet.merge_cells("A1:H1")
    sheet.merge_cells("I1:M1")


def _hidden_rows(book: Any, sheet: Any) -> None:
    for row in (3, 5):
        sheet.row_dimensions[row].hidden = True
    sheet["D4"] = 3


def _coloured(book: Any, sheet: Any) -> None:
    from openpyxl.comments import Comment
    from openpyxl.styles import PatternFill

    sheet["G4"].fill = PatternFill("solid", fgColor="FFFF0000")
    sheet["G4"].comment = Comment("see K-105, Jansen", "P. Jansen")
    sheet["G4"] = "red"


def _text_among_dates(book: Any, sheet: Any) -> None:
    sheet["I3"], sheet["I4"], sheet["I5"] = "03/04/2019", "in March", 43573
    sheet["I5"].number_format = "General"


def _totals(book: Any, sheet: Any) -> None:
    sheet.append([])
    sheet.append(["Mean", None, 59.8, None, 172.5, 4.15, 46.6])


def cut(made: Case, share: float) -> Case:
    """Only the first part of a file."""
    def shorter(folder: Path) -> list[Path]:
        (path,) = made(folder)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        return [path]

    return shorter


def named(made: Case, name: str) -> Case:
    """A file under another name."""
    return lambda folder: [made(folder)[0].rename(folder / name)]


def of_bytes(name: str, content: bytes) -> Case:
    """A file of these bytes."""
    def made(folder: Path) -> list[Path]:
        (folder / name).write_bytes(content)
        return [folder / name]

    return made


# ---- SPSS, Stata, parquet ----


def frame(**columns: list[Any]) -> pd.DataFrame:
    """The rows with dates as dates, and other columns in their place."""
    made = pd.DataFrame(ROWS, columns=HEADER)
    for name in DATES:
        made[name] = pd.to_datetime(made[name].replace("", None)).astype("datetime64[ns]")
    return made.assign(**columns)


def spss(table: pd.DataFrame, name: str = "cohort.sav", **more: Any) -> Case:
    """An SPSS file."""
    def made(folder: Path) -> list[Path]:
        import pyreadstat

        pyreadstat.write_sav(table, folder / name, variable_format=dict.fromkeys(DATES, "DATE11"), **more)
        return [folder / name]

    return made


def stata(table: pd.DataFrame, **more: Any) -> Case:
    """A Stata file."""
    def made(folder: Path) -> list[Path]:
        import pyreadstat

        pyreadstat.write_dta(table, folder / "cohort.dta", version=15, **more)
        return [folder / "cohort.dta"]

    return made


def parquet(table: pd.DataFrame) -> Case:
    """A parquet file."""
    def made(folder: Path) -> list[Path]:
        table.to_parquet(folder / "cohort.parquet", index=False)
        return [folder / "cohort.parquet"]

    return made


# ---- large ----


def many(n: int, change: Callable[[int, list[str]], None]) -> Case:
    """A csv file of n patients, each changed as `change(number, cells)` does."""
    def made(folder: Path) -> list[Path]:
        lines = [",".join(HEADER)]
        for number in range(n):
            cells = [str(cell) for cell in ROWS[number % len(ROWS)]]
            cells[0] = f"K-{number:05d}"
            change(number, cells)
            lines.append(",".join(cells))
        (folder / "cohort.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [folder / "cohort.csv"]

    return made


def _sex_3(number: int, cells: list[str]) -> None:
    cells[HEADER.index("sex")] = "3"


def _remark_for_cea(number: int, cells: list[str]) -> None:
    cells[HEADER.index("cea")] = f"remark {number * 7919 % 100_003}"


def _twice(number: int, cells: list[str]) -> None:
    cells[0] = f"{'K' if number % 2 else 'k'}-{number // 2:05d}"


_SEX = {"sex": {1: "Male", 2: "Female"}}
CASES: dict[str, Case] = {
    "workbooks/formulas_without_values": with_cells(G3="=F3*2", G5="=F5*2", C4="=1+1"),
    "workbooks/merged_cells": workbook(_merged),
    "workbooks/merged_names_above_the_names": workbook(_merged_header),
    "workbooks/patients_in_two_sheets": with_sheet("Patients 2020", [HEADER, ["K-201", *typed()[0][1:]]]),
    "workbooks/patients_behind_a_legend": with_sheet("Legend", [["code", "meaning"], [1, "male"], [2, "female"]], first=True),
    "workbooks/sheet_of_the_plan_absent": workbook(lambda book, sheet: None),
    "workbooks/other_sheets_are_not_read": with_sheet("Comments", [["K-103: call Jansen"]]),
    "workbooks/hidden_sheet_is_not_read": with_sheet("old", [["key", "age"], ["K-101", 60]], hidden=True),
    "workbooks/hidden_rows_are_read": workbook(_hidden_rows),
    "workbooks/colours_and_comments": workbook(_coloured),
    "workbooks/totals_below": workbook(_totals),
    "workbooks/text_among_dates": workbook(_text_among_dates),
    "workbooks/year_in_a_cell_for_dates": with_cells(I6=2019),  # Excel counts 2019 days, to 11 July 1905
    "workbooks/text_among_numbers": with_cells(G3="8,5", G4="200.5 ug/L", C5="48 "),
    "workbooks/number_that_excel_made_a_date": with_cells(F3=datetime(2021, 4, 2), C4=datetime(1970, 1, 1)),
    "workbooks/true_for_a_code": with_cells(D2=True, D4=True),
    "workbooks/errors_of_excel": with_cells(G3="#DIV/0!", I4="#VALUE!"),
    "workbooks/second_table_beside": workbook(lambda book, sheet: None, [[*HEADER, None, "age", "n"], *([*row, None, "<60", 3] for row in typed())]),
    "workbooks/empty": workbook(lambda book, sheet: None, []),
    "workbooks/cut": cut(workbook(lambda book, sheet: None), 0.6),
    "workbooks/password": of_bytes("cohort.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600),
    "workbooks/named_csv": named(workbook(lambda book, sheet: None), "cohort.csv"),
    "workbooks/related_sheet_absent": workbook(lambda book, sheet: None),
    "workbooks/related_rows_of_nobody": with_sheet("Cycles", [*CYCLES, ["K-107", datetime(2019, 4, 15)], [None, datetime(2019, 4, 16)]]),
    "labelled/sav_labels_against_the_plan": spss(frame(), variable_value_labels={"sex": {1: "Female", 2: "Male"}}),
    "labelled/sav_labels_in_other_words": spss(frame(), variable_value_labels={"sex": {1: "homme", 2: "group B"}}),
    "labelled/sav_codes_declared_missing": spss(frame(age=[61, 55, 999, 48, 66, 999]), missing_ranges={"age": [999]}, variable_value_labels={"age": {999: "unknown"}}),
    "labelled/sav_code_unknown": spss(frame(sex=[1, 2, 3, 2, 2, 1]), variable_value_labels=_SEX),
    "labelled/sav_date_impossible": spss(frame(liver=pd.to_datetime(["2019-01-01", "1820-08-17", None, "2019-10-19", None, "2020-01-21"]))),
    "labelled/sav_cut": cut(spss(frame()), 0.5),
    "labelled/sav_named_dta": named(spss(frame()), "cohort.dta"),
    "labelled/sav_of_another_registry": spss(pd.DataFrame({"patnr": [1.0, 2.0], "groep": [1.0, 2.0]})),
    "labelled/dta_labels_against_the_plan": stata(frame(), variable_value_labels={"sex": {1: "vrouw", 2: "man"}}),
    "labelled/dta_cut": cut(stata(frame()), 0.4),
    "labelled/dta_key_twice": stata(frame(key=["K-101", "K-102", "k-101", "K-104", "K-105", "K-106"])),
    "parquet/lists_in_a_column": parquet(frame(largest=[[3.2, 1.0]] * 6)),
    "parquet/cut": cut(parquet(frame()), 0.7),
    "parquet/of_another_registry": parquet(pd.DataFrame({"patnr": [1, 2], "groep": [1, 2]})),
    "parquet/infinite_numbers": parquet(frame(cea=[12.5, float("inf"), 200.5, float("nan"), -float("inf"), 55])),
    "parquet/numbers_as_text": parquet(frame(largest=["3,2", "2,4", "5.6", "4,1", "1,9", "7,7"])),
    "parquet/names_in_an_unused_column": parquet(frame(contact_person=["Jansen", "de Vries", "Bakker", "Visser", "Smit", "Mulder"])),
    "large/ten_thousand_same_faults": many(10_000, _sex_3),
    "large/ten_thousand_different_faults": many(10_000, _remark_for_cea),
    "large/five_thousand_patients_twice": many(10_000, _twice),
}  # fmt: skip
