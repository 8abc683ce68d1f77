"""Text tables: whatever the encoding, the separator and the quotes, a cell is what stands there, or there is a problem."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from small_centre import HEADER, ROWS, SMALL_PLAN

from haip_outcomes.errors import CohortError, PlanError
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.read import read_cohort
from haip_outcomes.registry.sources.header import Expected
from haip_outcomes.registry.sources.records import records_of
from haip_outcomes.registry.sources.text import text_table

NAMES = ["key", "remark", "city"]
EXPECTED = Expected("key", frozenset(NAMES))


def table_of(content, **declared):
    return text_table(content, "small.csv", EXPECTED, **declared)


def only(content, expected=EXPECTED, **declared):
    with pytest.raises(CohortError) as caught:
        text_table(content, "small.csv", expected, **declared)
    (problem,) = caught.value.problems
    return problem


def written(rows, encoding="utf-8", separator=",", quoting=csv.QUOTE_MINIMAL, end="\r\n"):
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end).writerows([NAMES, *rows])
    return text.getvalue().encode(encoding)


PATIENTS = [["A1", "café", "Zürich"], ["A2", "", "Genk"], ["A3", "a; b, c", "Łódź"]]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-mark"])
def test_encodings_and_separators_are_detected(encoding, separator):
    content = written(PATIENTS, "utf-16-be" if encoding == "utf-16-be-mark" else encoding, separator)
    table = table_of(b"\xfe\xff" + content if encoding == "utf-16-be-mark" else content)
    assert table.cells.to_numpy().tolist() == PATIENTS
    assert table.cells.columns.tolist() == NAMES
    assert table.cells.index.tolist() == [2, 3, 4]
    assert table.cells.index.name == "row"
    assert not table.notes


def test_windows_1252_is_read_with_its_letters_named():
    rows = [["A1", "café – ok", "Zürich"], ["A2", "", "Genk"], ["A3", "é", "Gent"]]
    table = table_of(written(rows, "cp1252"))
    assert table.cells.to_numpy().tolist() == rows
    assert [(note.column, note.rows, note.severity) for note in table.notes] == [("remark", (2, 4), "warning"), ("city", (2,), "warning")]
    assert table.notes[0].found == "é, –: read as Windows-1252, as this is not UTF-8"
    assert 'encoding = "cp1252"' in table.notes[0].advice
    assert not table_of(written(rows, "cp1252"), encoding="cp1252").notes


def test_letters_in_the_column_names_are_doubtful_too():
    table = text_table("key,taille (cm) à\nA1,3\n".encode("cp1252"), "small.csv", EXPECTED)
    assert [(note.column, note.rows) for note in table.notes] == [("taille (cm) à", (1,))]


def test_another_encoding_must_be_declared():
    rows = [["A1", "chłopiec", "Łódź"]]
    assert table_of(written(rows, "cp1250"), encoding="cp1250").cells.to_numpy().tolist() == rows
    assert table_of(written(rows, "utf-16-le"), encoding="utf-16-le").cells.to_numpy().tolist() == rows


def test_two_encodings_in_one_file_are_not_read_as_one():
    content = written(PATIENTS[:2]) + "A4,naïf,Genk\r\n".encode("cp1252")
    problem = only(content)
    assert (problem.found, problem.rows) == ("letters in two encodings, UTF-8 and another", (2,))
    assert len(table_of(content, encoding="cp1252").cells) == 3


@pytest.mark.parametrize(("content", "declared", "found", "rows"), [
    (b"key,remark\nA1,a\nA2,\x81\nA3,\x8d", None, "bytes that are no UTF-8 or Windows-1252 text", (3, 4)),
    (b"\xef\xbb\xbfkey,remark\nA1,caf\xe9\n", None, "bytes that are no UTF-8 text", (2,)),
    (b"key,remark\nA1,caf\xe9\n", "utf-8", "bytes that are no UTF-8 text", (2,)),
    (b"\xef\xbb\xbfkey,remark\nA1,a\n", "cp1252", "a mark that says UTF-8", ()),
    ("key,remark\nA1,a\n".encode("utf-16-le"), None, "bytes that are no text", ()),
    (b"\xff\xfek\x00e", None, "bytes that are no UTF-16 text", ()),
])  # fmt: skip
def test_bytes_that_are_no_text(content, declared, found, rows):
    problem = only(content, encoding=declared)
    assert problem.found == found
    assert problem.rows in (rows, (1,))


def test_a_declared_encoding_that_the_letters_contradict_is_told():
    table = table_of(written(PATIENTS[:2]), encoding="cp1252")
    assert table.cells.loc[2, "remark"] == "cafÃ©"
    assert "may be UTF-8" in table.notes[0].found


def test_letters_that_were_lost_before_are_told():
    table = table_of(written([["A1", "caf\ufffd", "Gent"], ["A2", "né", "Gent"]]))
    assert [(note.column, note.rows) for note in table.notes] == [("remark", (2,))]


@pytest.mark.parametrize("encoding", ["no-such", "hex", "rot13"])
def test_an_encoding_that_is_none_is_the_plans_problem(encoding):
    with pytest.raises(PlanError, match=r"\[cohort\] encoding"):
        table_of(written(PATIENTS), encoding=encoding)


@pytest.mark.parametrize(("lines", "separator"), [
    (["key;Size, largest;city", "A1;12,5;Genk", "A2;3,5;Gent"], ";"),  # decimal commas in every row, one in the names
    (["key,size;cm,city", "A1,12,Genk", "A2,3,Gent"], ","),
    (['key;"a;b";city', 'A1;"x;y";Genk'], ";"),
    (["key\ta, b\tcity", "A1\t1, 2, 3\tGenk", "A2\t1\tGent"], "\t"),
])  # fmt: skip
def test_the_separator_fits_the_rows_and_not_only_the_names(lines, separator):
    content = "\n".join(lines).encode()
    for expected in (EXPECTED, Expected()):
        table = text_table(content, "small.csv", expected)
        assert table.cells.shape[1] == 3
        assert table.cells.to_numpy().tolist() == list(csv.reader(lines[1:], delimiter=separator))


def test_two_separators_that_fit_equally_well_must_be_declared():
    content = b"a,b;c\n1,2;3\n"
    problem = only(content, Expected())
    assert problem.found == "comma and semicolon fit equally well between the columns"
    assert 'separator = ","' in problem.advice
    assert text_table(content, "small.csv", Expected(), separator=";").cells.to_numpy().tolist() == [["1,2", "3"]]


def test_a_declared_separator_that_is_not_there():
    problem = only(written(PATIENTS), separator=";")
    assert (problem.found, problem.rows) == ("no semicolon in row 1, but comma", (1,))


def test_excels_own_line_about_the_separator_is_no_row():
    table = table_of(b"sep=;\r\n" + written(PATIENTS, separator=";"))
    assert table.cells.index.tolist() == [2, 3, 4]
    assert table.cells.to_numpy().tolist() == PATIENTS


def test_a_declared_plan_is_followed(tmp_path):
    plan = make_plan({**SMALL_PLAN, "cohort": {**SMALL_PLAN["cohort"], "encoding": "cp1252", "separator": ";"}})
    (tmp_path / "small.csv").write_bytes("\n".join([HEADER, *ROWS]).replace(",", ";").replace("A1", "Ä1").encode("cp1252"))
    cohort = read_cohort(tmp_path / "small.csv", plan)
    assert len(cohort) == 4
    assert not cohort.warnings


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_rows_have_the_numbers_that_a_spreadsheet_shows(end, quoting):
    rows = [["A1", 'two\nlines, "quoted"', "x"], ["", "", ""], ["A2", "", "y"], ["", "", ""]]
    table = table_of(written(rows, quoting=quoting, end=end))
    assert table.cells.index.tolist() == [2, 4]
    assert table.cells.loc[2, "remark"] == rows[0][1]
    assert [(note.found, note.rows) for note in table.notes] == [("empty rows", (3,))]


def test_uneven_rows_are_all_named_and_empty_lines_are_not():
    problem = only(b"key,remark,city\nA1,a,b\n\nA2,b\nA3,a,b,c\nA4,a,b\n")
    assert (problem.found, problem.expected, problem.rows) == ("another number of cells than column names", "3 cells a row", (4, 5))
    table = table_of(b"key,remark,city\nA1,a,b\n\nA4,a,b\n,,\n,\n\n")
    assert table.cells.index.tolist() == [2, 4]


@pytest.mark.parametrize(("content", "row"), [
    (b'key,remark\nA1,a\nA2,"b\nA3,c\n', 3),
    (b'key,remark\nA1,"a" b\nA2,b\n', 2),
    (b'key,remark\nA1,"a"\nA2,"b""\n', 3),
])  # fmt: skip
def test_broken_quotes_have_a_row(content, row):
    problem = only(content)
    assert problem.found.startswith("broken quotes")
    assert problem.rows == (row,)


def test_a_quote_within_a_cell_is_a_letter_of_it():
    table = table_of(b'key,remark,city\nA1,5\' 10" tall,x\nA2,"6"" wide",y\n')
    assert table.cells["remark"].tolist() == ["5' 10\" tall", '6" wide']


@pytest.mark.parametrize("limit", [131_072, 2**31 - 1], ids=["csv's own", "as scikit-survival's data sets set it"])
def test_a_cell_that_no_reader_takes_is_a_problem(limit):
    before = csv.field_size_limit(limit)
    try:
        problem = only(b"key,remark\nA1," + b"x" * 200_000 + b"\n", Expected())
    finally:
        csv.field_size_limit(before)
    assert problem.rows == (2,)


def test_a_related_table_may_be_without_rows():
    table = text_table(b"key,remark\n", "small.csv", Expected("key", frozenset(NAMES), may_be_empty=True))
    assert table.cells.shape == (0, 2)
    assert only(b"key,remark\n").found == "column names and no patients"


@pytest.mark.parametrize(("content", "looks"), [
    (b"PAR1\x15\x04", "a parquet file"), (b"$FL2@(#) SPSS", "an SPSS file"), (b"<stata_dta><header>", "a Stata file"), (b"<html>", "a web page"),
])  # fmt: skip
def test_other_formats_are_told_by_their_beginning(content, looks):
    assert only(content).found == f"this looks like {looks}"


LETTERS = {
    "utf-8": "aé \"',;\t|\n\r<=Ω漢\u2028\x0b\x1c\x85",
    "utf-16": "aé \"',;\t|\n\rΩ漢\U0001f600",
    "cp1252": "aé \"',;\t|\n\rüñç",
}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from(list(LETTERS)), st.sampled_from(",;\t|"), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
       st.sampled_from(["\n", "\r\n"]), st.booleans())  # fmt: skip
def test_random_cells_come_back_cell_for_cell(data, encoding, separator, quoting, end, declared):
    bare = quoting == csv.QUOTE_MINIMAL and end == "\n"  # where csv.writer leaves a return without quotes
    cell = st.text(LETTERS[encoding].replace("\r", "") if bare else LETTERS[encoding], max_size=5)
    rows = data.draw(st.lists(st.tuples(cell, cell, cell).map(list), min_size=1, max_size=8))
    content = written([["A1", "x", "y"], *rows], encoding, separator, quoting, end)
    hiding = [number for number, row in enumerate(rows, start=3) if any(line.count(separator) >= 2 for text in row for line in text.split("\n")[1:])]
    if hiding:  # lines of a cell that look like rows
        problem = only(content, **({"encoding": encoding, "separator": separator} if declared else {}))
        assert (problem.found, problem.rows) == ("rows inside a cell", tuple(hiding))
        return
    table = table_of(content, **({"encoding": encoding, "separator": separator} if declared else {}))
    kept = {number: row for number, row in enumerate([["A1", "x", "y"], *rows], start=2) if any(row)}
    assert table.cells.index.tolist() == list(kept)
    assert table.cells.to_numpy().tolist() == list(kept.values())


ANY = st.text('ab\n\r",; \t', max_size=40)


@settings(max_examples=500, deadline=None)
@given(ANY)
@example('A1,"","a\r\n"\r\n')
@example('A1,"a""b",c\n\n"",b')
@example('"A1",b\rA2,c')
@example('"",""\n"\n"\n""\n""""\n""')
def test_bytes_and_csv_see_the_same_rows(text):
    """The count on the bytes, and pandas after it, against Python's csv reader: the same cells, or the same refusal."""
    content = f"key,remark,city\nA0,b,c\n{text}".encode()
    try:
        rows = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    except csv.Error:
        assert only(content, separator=",").found.startswith("broken quotes")
        return
    while not any(rows[-1]):
        rows.pop()
    records = records_of(content, ",", "small.csv")
    assert records.widths.tolist() == [len(row) for row in rows]
    if {len(row) for row in rows} <= {0, 3}:
        kept = {number: row for number, row in enumerate(rows[1:], start=2) if any(row)}
        hiding = [number for number, row in kept.items() if any(line.count(",") >= 2 for cell in row for line in cell.split("\n")[1:])]
        if hiding:
            assert only(content, separator=",").rows == tuple(hiding)
            return
        table = table_of(content, separator=",")
        assert table.cells.to_numpy().tolist() == list(kept.values())
        assert table.cells.index.tolist() == list(kept)
    else:
        assert only(content, separator=",").rows == tuple(number for number, row in enumerate(rows, start=1) if len(row) not in (0, 3))


def test_a_large_table_is_the_one_that_pandas_reads():
    rows = [[f"A{i}", f"r{i % 7}" if i % 3 else "", str(i / 8)] for i in range(30_000)]
    content = written(rows)
    theirs = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    ours = table_of(content).cells
    assert ours.to_numpy().tolist() == theirs.to_numpy().tolist()
    assert ours.dtypes.unique().tolist() == [object]


def test_the_names_again_in_a_later_row_are_no_patient():
    problem = only(written([["A1", "a", "b"], NAMES, ["A2", "", "c"], ["key", "remark", "x"], NAMES]))
    assert (problem.found, problem.rows) == ("the column names again", (3, 6))
    assert "remove these rows" in problem.advice


def test_a_quote_that_swallows_rows_is_a_problem(tmp_path):
    from haip_outcomes.registry.sources.header import Expected

    lines = ["key,age,note", 'a1,61,"open', "a2,55,x", "a3,70,y", 'a4,44,close"', "a5,50,z"]
    with pytest.raises(CohortError) as caught:
        text_table("\n".join(lines).encode(), "notes.csv", Expected("key", frozenset({"key", "age"})))
    (problem,) = caught.value.problems
    assert (problem.rows, problem.found) == ((2,), "rows inside a cell")
    honest = ["key,age,note", 'a1,61,"first line', 'second, line"', "a2,55,x"]
    table = text_table("\n".join(honest).encode(), "notes.csv", Expected("key", frozenset({"key", "age"})))
    assert table.cells["note"].tolist() == ["first line\nsecond, line", "x"]
