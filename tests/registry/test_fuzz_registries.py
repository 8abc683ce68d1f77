"""Any registry whatsoever: never a traceback, never a row lost, never a number or a date changed, never a patient named.

hypothesis invents what people, programs and transfers do to a table. What was accepted is read again by other means (Decimal, the calendar);
what was not accepted must stand among the problems, row by row.
"""

import csv
import io
import logging
import re
from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redcap_projects import DICTIONARY, HEADER, PLAN, as_csv
from redcap_projects import ROWS as EXPORT
from small_centre import HEADER as SMALL_HEADER
from small_centre import SMALL_PLAN

from haip_outcomes.errors import CohortError, HaipError
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.read import read_cohort

SMALL = make_plan(SMALL_PLAN | {"cohort": SMALL_PLAN["cohort"] | {"keys": ["contact_name"]}})
COLUMNS = [*SMALL_HEADER.split(","), "contact_name"]  # declared as known to identify: never read, never shown
PLANTED = "Wilhelmina-Q77"
SECRET = re.compile(rf"(?i)pat-[0-9]{{4}}|{PLANTED} [0-9]+")
MISSING = {"", "-999", "UNK"}
QUICK = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))


def key(number):
    return f"PAT-{number:04d}"


# ---- what stands in cells ----

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
any_name = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
typed_number = st.from_regex(r"[+-]?[0-9]{0,5}([.,' ][0-9]{0,4}){0,2}([eE][+-]?[0-9]{1,3})?( ?(mm|cm|kg|years|%))?", fullmatch=True)
plain_number = st.decimals(allow_nan=False, allow_infinity=False, min_value=-1000, max_value=100000, places=3).map(str)
any_date = st.dates(date(1890, 1, 1), date(2040, 1, 1))
as_written = st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%y", "%d %b %Y", "%B %d, %Y", "%Y%m%d", "%Y-%m", "%Y", "%Y-%m-%d %H:%M:%S", "%d-%b-%Y", "%m/%Y"])
typed_date = st.builds(lambda day, form: day.strftime(form), any_date, as_written)
broken_date = st.from_regex(r"[0-9]{1,4}[-/. ][0-9]{1,2}[-/. ][0-9]{1,4}( [0-9]{1,2}:[0-9]{2})?", fullmatch=True)
codes = st.sampled_from(["0", "1", "2", "9", "01", "1.0", " 1", "Yes", "No", "yes", "adjuvant", "unresectable", "Adjuvant", "-999", "UNK", "", "#N/A", "NaN", "None", "inf"])
named = st.sampled_from([f"see {key(1)}", key(2), key(0).lower(), f"{key(0)};{key(1).lower()}", f"{PLANTED} 1", f"call {PLANTED} 0"])
cell = st.one_of(codes, plain_number, typed_number, typed_date, broken_date, any_text, named)


def without_ends(text):
    """A cell as every csv program gives it back."""
    return text.replace("\r", " ").replace("\n", " ").replace("\x00", " ")


as_numbers = st.sampled_from([str, lambda x: str(x).replace(".", ","), lambda x: f"+{x}", lambda x: f" {x} ", lambda x: f"{float(x):.3e}", lambda x: f"{float(x):g}"])
ages = st.decimals(min_value=18, max_value=100, allow_nan=False, allow_infinity=False, places=2)


def good_row(number, age="61", written=str):
    """A patient without a fault; the dates are written as `written` does."""
    start = date(2018, 1, 1) + timedelta(days=number * 37)
    days = (start, None, start + timedelta(days=200), start + timedelta(days=400), None)
    return [key(number), ("adjuvant", "unresectable")[number % 2], age, ("0", "1", "")[number % 3], *("" if day is None else written(day) for day in days), f"{PLANTED} {number}"]


@st.composite
def tables(draw, most=8):
    """A good table, its numbers and dates written in one of many ways, with some cells changed."""
    number, form = draw(as_numbers), draw(st.one_of(st.just("%Y-%m-%d"), as_written))
    rows = [good_row(i, number(draw(ages)), lambda day: day.strftime(form)) for i in range(draw(st.integers(1, most)))]
    places = st.tuples(st.integers(0, len(rows) - 1), st.integers(0, len(COLUMNS) - 2))
    for row, column in draw(st.one_of(st.just([]), st.lists(places, max_size=1), st.lists(places, max_size=6))):
        rows[row][column] = without_ends(draw(cell))
    return rows


def as_text(rows, header=COLUMNS, separator=",", end="\n"):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator=end).writerows([header, *rows])
    return out.getvalue()


# ---- what must hold ----


def read(folder, content, keys, plan=SMALL, name="any.csv", others=None):
    """The cohort, or the problems; nothing else may be raised, and nobody may be named or logged."""
    path = Path(folder) / name
    path.write_bytes(content)
    for other, data in (others or {}).items():
        (Path(folder) / other).write_bytes(data)
    records: list[logging.LogRecord] = []
    handler = logging.Handler(level=0)
    handler.emit = records.append
    logging.getLogger().addHandler(handler)
    try:
        cohort = read_cohort(path, plan)
        problems, said = cohort.warnings, repr(cohort)
    except CohortError as error:
        cohort, problems, said = None, error.problems, str(error)
        assert problems
        assert any(problem.severity == "error" for problem in problems)
    except HaipError as error:
        cohort, problems, said = None, (), str(error)
    finally:
        logging.getLogger().removeHandler(handler)
    assert "\x1b" not in said
    said = f"{said} {problems!r} {[record.getMessage() for record in records]}"
    told = {key for key in keys if SECRET.fullmatch(key.strip()) and key.strip().casefold() in said.casefold()}
    assert not told, said
    for problem in problems:
        assert problem.expected
        assert problem.advice
    return cohort, problems


def keys_in(rows):
    """What identifies the patients of a table: its keys, and the names in its last column."""
    return {text for row in rows for text in (row[0], row[-1])}


def number_of(text):
    """The number that a text is, by Decimal; either decimal sign."""
    text = text.strip()
    try:
        return Decimal(text.replace(",", ".")) if text.count(",") <= 1 and not ("," in text and "." in text) and not re.search(r"[_\s]", text) else None
    except InvalidOperation:
        return None


def days_of(text):
    """Every day that a text can be, without knowing its order: from its numbers and the name of its month."""
    found = set()
    words = re.findall(r"[A-Za-z]{3,}", text)
    numbers = re.findall(r"[0-9]+", text.split(":")[0].rsplit(" ", 1)[0] if ":" in text else text)
    months = {"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12}
    parts = [int(number) for number in numbers]
    toldmonths = [months[word[:3].lower()] for word in words if word[:3].lower() in months]
    orders = [(p[0], toldmonths[0], p[1]) for p in (parts, parts[::-1]) if toldmonths and len(p) == 2]
    orders += [(a, b, c) for a, b, c in ([parts, [parts[2], parts[1], parts[0]], [parts[2], parts[0], parts[1]]] if len(parts) == 3 and not toldmonths else [])]
    for year, month, day in orders:
        if 1000 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]:
            found.add(date(year, month, day))
    return found


def nothing_changed(cohort, rows):
    """What was accepted is what stood there, and everybody is there."""
    filled = [(number, row) for number, row in enumerate(rows, start=2) if any(row)]
    assert list(cohort.frame.index) == [number for number, _ in filled]
    assert cohort.source.rows == len(cohort) == len(filled)
    for number, row in filled:
        texts = dict(zip(COLUMNS, row, strict=True))
        value = cohort.frame.at[number, "age"]
        text = texts["age"].strip()
        if pd.isna(value):
            assert texts["age"] in MISSING or number_of(text) == -999, text
        else:
            expected = number_of(text)
            assert expected is not None, text
            assert value == float(expected), text
        for column in ("pump", "liver", "imaging", "contact", "death"):
            value, text = cohort.frame.at[number, column], texts[column]
            if pd.isna(value):
                assert text in MISSING or text.startswith("-999"), text
            else:
                assert value.date() in days_of(text), text
        label = cohort.frame.at[number, "sarcopenia"]
        assert label == {"0": "No", "1": "Yes"}.get(texts["sarcopenia"]) or (pd.isna(label) and texts["sarcopenia"] in (*MISSING, "-999.0"))
        assert cohort.frame.at[number, "setting"] == texts["setting"]


def all_told(problems, rows):
    """Every row that a problem names is a row of the file."""
    for problem in problems:
        assert all(1 <= row <= len(rows) + 1 for row in problem.rows), problem
        assert len(set(problem.rows)) == len(problem.rows)


def check_cells(folder, rows):
    cohort, problems = read(folder, as_text(rows).encode(), keys_in(rows))
    all_told(problems, rows)
    if cohort is not None:
        nothing_changed(cohort, rows)


def check_dressed(folder, rows, separator, encoding, end, tail):
    """The same table in another separator, encoding and line end says the same."""
    rows = [[without_ends(text) for text in row] for row in rows]
    try:
        content = as_text(rows, separator=separator, end=end).encode(encoding)
    except UnicodeEncodeError:
        return
    plan = SMALL.model_copy(update={"cohort": SMALL.cohort.model_copy(update={"separator": separator})})
    plain, dressed = read(folder, as_text(rows).encode(), keys_in(rows), plan=SMALL.model_copy(update={"cohort": SMALL.cohort.model_copy(update={"separator": ","})})), \
        read(folder, content + tail.encode("utf-16-le" if encoding == "utf-16" else "ascii"), keys_in(rows), plan=plan)  # fmt: skip
    if plain[0] is not None and dressed[0] is not None:
        pd.testing.assert_frame_equal(plain[0].frame, dressed[0].frame)
    if dressed[0] is not None:
        nothing_changed(dressed[0], rows)


def check_bytes(folder, rows, at, junk):
    """Bytes put into, or cut out of, a file."""
    content = as_text(rows).encode()
    place = at % (len(content) + 1)
    cohort, _ = read(folder, content[:place] + junk + content[place + (len(junk) == 0) * 7:], ())
    if cohort is not None:
        assert cohort.source.rows == len(cohort)


def check_header(folder, rows, names):
    header = list(COLUMNS)
    for place, name in names:
        header[place % len(header)] = without_ends(name)
    cohort, _ = read(folder, as_text(rows, header=header).encode(), ())
    if cohort is not None:
        assert set(COLUMNS) - {"contact_name"} <= set(header)
        assert cohort.source.rows == len(cohort)


RELATED_PLAN = make_plan(SMALL_PLAN | {
    "cohort": SMALL_PLAN["cohort"] | {"keys": ["contact_name"]},
    "tables": {"cycles": {"file": "cycles.csv", "patient": "patient_key", "columns": {"cycle_date": {"kind": "date"}, "dose": {"kind": "number"}, "grade": {"levels": {"1": "I", "2": "II"}}}}},
    "derived": {"n_cycles": {"take": "count", "table": "cycles"}, "first_cycle": {"take": "earliest", "table": "cycles", "column": "cycle_date"},
                "dose_sum": {"take": "sum", "table": "cycles", "column": "dose"}},
})  # fmt: skip


def check_related(folder, n, rows):
    """Every row of a related table belongs to its patient, or is told; sums and counts are those of the rows."""
    patients = [good_row(number) for number in range(n)]
    rows = [[without_ends(text) for text in row] for row in rows]
    cohort, problems = read(folder, as_text(patients).encode(), {*keys_in(patients), *keys_in(rows)}, plan=RELATED_PLAN,
                            others={"cycles.csv": as_text(rows, header=["patient_key", "cycle_date", "dose", "grade"]).encode()})  # fmt: skip
    filled = [(number, row) for number, row in enumerate(rows, start=2) if any(row)]
    known = {row[0] for row in patients}
    strangers = {number for number, row in filled if row[0] not in known}
    told = {row for problem in problems if problem.table == "cycles.csv" for row in problem.rows}
    whole = any(problem.table == "cycles.csv" and not problem.column for problem in problems)
    assert whole or strangers <= told
    if cohort is None:
        return
    cycles = cohort.tables["cycles"]
    assert list(cycles.index) == [number for number, _ in filled]
    for number, row in filled:
        assert patients[int(cycles.at[number, "patient"]) - 2][0] == row[0]
        dose = cycles.at[number, "dose"]
        assert (pd.isna(dose) and (row[2] in MISSING or number_of(row[2]) == -999)) or dose == float(number_of(row[2]))
        day = cycles.at[number, "cycle_date"]
        assert (pd.isna(day) and (row[1] in MISSING or row[1].startswith("-999"))) or day.date() in days_of(row[1])
    for number, patient in enumerate(patients, start=2):
        own = [row for _, row in filled if row[0] == patient[0]]
        assert cohort.frame.at[number, "n_cycles"] == len(own)


REDCAP_PLAN = make_plan(PLAN)
EXPORT_ROWS = [[key(int(row[0])), *row[1:]] for row in EXPORT]


def check_redcap(folder, changes, dropped, doubled):
    """A raw export with cells, columns and rows changed."""
    header, rows = list(HEADER), [list(row) for row in EXPORT_ROWS]
    for row, column, text in changes:
        rows[row % len(rows)][column % len(header)] = without_ends(text)
    rows += [list(rows[row % len(rows)]) for row in doubled]
    for column in sorted({column % len(header) for column in dropped}, reverse=True):
        del header[column]
        for row in rows:
            del row[column]
    (Path(folder) / "dictionary.csv").write_bytes(DICTIONARY)
    cohort, problems = read(folder, as_csv([header, *rows]), keys_in(EXPORT_ROWS), plan=REDCAP_PLAN, name="export.csv")
    assert "7700" not in repr(problems)
    all_told(problems, rows)
    if cohort is not None:
        records = {row[header.index("record_id")] for row in rows if any(row)}
        assert len(cohort) == len(records)


names = st.lists(st.tuples(st.integers(0, 20), st.one_of(st.sampled_from([*COLUMNS, "Age", " age", "patient_name", ""]), any_name)), max_size=2)
related_rows = st.lists(st.tuples(st.one_of(st.integers(0, 6).map(key), st.sampled_from(["", "UNK", "pat-0001", " PAT-0001"]), any_text), st.one_of(typed_date, st.just("")),
                                  st.one_of(plain_number, typed_number, st.just("")), st.sampled_from(["1", "2", "", "3"])).map(list), max_size=8)  # fmt: skip
good_related_rows = st.lists(st.tuples(st.integers(0, 3).map(key), any_date.filter(lambda day: date(1950, 1, 1) < day < date(2020, 1, 1)).map(str), plain_number,
                                       st.sampled_from(["1", "2", ""])).map(list), max_size=12)  # fmt: skip
changes = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100), cell), max_size=3)
some = st.one_of(st.just([]), st.just([]), st.lists(st.integers(0, 100), max_size=2))
separators = st.sampled_from([",", ";", "\t", "|"])
encodings = st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"])
ends = st.sampled_from(["\n", "\r\n", "\r"])
tails = st.sampled_from(["", "\n\n", "\r\n"])
junk = st.one_of(st.binary(max_size=4), st.sampled_from([b"", b"\x00", b'"', b"\r", b"\xff\xfe", b"\xef\xbb\xbf", b",,,,", b"\n\n"]))


@pytest.fixture
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("any")


FUZZED = {
    "cells": (check_cells, (tables(),)),
    "dressed": (check_dressed, (tables(4), separators, encodings, ends, tails)),
    "bytes": (check_bytes, (tables(3), st.integers(0, 5000), junk)),
    "header": (check_header, (tables(2), names)),
    "related": (check_related, (st.integers(1, 7), related_rows)),
    "good related": (check_related, (st.just(4), good_related_rows)),
    "redcap": (check_redcap, (changes, some, some)),
}


def fuzzed(name, folder, how):
    check, strategies = FUZZED[name]

    @how
    @given(st.tuples(*strategies))
    def run(given_):
        check(folder, *given_)

    run()


@pytest.mark.parametrize("name", FUZZED)
def test_any_registry(name, folder):
    fuzzed(name, folder, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", FUZZED)
def test_any_registry_at_length(name, folder):
    fuzzed(name, folder, LONG)
