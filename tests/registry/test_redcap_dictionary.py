"""REDCap data dictionaries: what every column says, and every way in which one can be broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redcap_projects import DICTIONARY, FIELDS, as_csv, dictionary, dictionary_csv, field, plan_with

from haip_outcomes.errors import CohortError, HaipError, PlanError
from haip_outcomes.registry.sources.redcap_dictionary import HEADINGS, TYPES, plan_dictionary, read_dictionary


def problems(content):
    with pytest.raises(CohortError) as caught:
        read_dictionary(content, "dictionary.csv")
    return caught.value.problems


def only(content):
    (problem,) = problems(content)
    return problem


def test_every_field_with_what_it_says():
    found = dictionary()
    assert found.record == "record_id"
    assert found.forms == ("baseline", "followup", "complications", "imaging")
    assert [one.name for one in found.fields] == [row[0] for row in FIELDS]
    sex, ras, procedure = (found.by_name[name] for name in ("sex", "ras", "procedure"))
    assert (sex.label, sex.type, sex.form, dict(sex.choices)) == ("Sex", "dropdown", "baseline", {"1": "Male", "2": "Female"})
    assert dict(ras.choices) == {"0": "Wild type", "1": "Mutated, any codon", "9": "Unknown"}  # a comma in a label
    assert list(procedure.choices) == ["1", "2", "-1", "CHOL"]
    assert dict(found.by_name["smoker"].choices) == {"1": "Yes", "0": "No"}
    assert found.by_name["hospital_number"].identifier
    assert found.by_name["setting"].required
    assert [name for name, one in found.by_name.items() if one.calculated] == ["bmi"]


@pytest.mark.parametrize(("row", "kind"), [
    (field("a", "f", validation="date_ymd"), "date"), (field("a", "f", validation="date_dmy"), "date"), (field("a", "f", validation="date_mdy"), "date"),
    (field("a", "f", validation="datetime_seconds_dmy"), "date"), (field("a", "f", validation="integer"), "number"), (field("a", "f", validation="number"), "number"),
    (field("a", "f", validation="number_1dp_comma_decimal"), "number"), (field("a", "f", validation="time"), "text"), (field("a", "f", validation="email"), "text"),
    (field("a", "f"), "text"), (field("a", "f", "notes"), "text"), (field("a", "f", "calc", choices="[b]+1"), "number"),
    (field("a", "f", "slider", choices="none | some | all", validation="number"), "number"), (field("a", "f", "file"), "text"),
    (field("a", "f", "sql", choices="select 1"), "text"), (field("a", "f", "yesno"), "category"), (field("a", "f", "truefalse"), "category"),
    (field("a", "f", "radio", choices="1, A | 2, B"), "category"), (field("a", "f", "descriptive"), "text"),
])  # fmt: skip
def test_what_a_type_and_a_validation_hold(row, kind):
    assert dictionary([row]).fields[0].kind == kind


def test_a_text_that_redcap_calculates_is_calculated():
    assert dictionary([field("a", "f", validation="date_ymd", annotation="@HIDDEN @CALCDATE([b], 30, 'd')")]).fields[0].calculated


def test_the_rest_of_a_row_is_kept():
    one = dictionary([field("weight", "f", validation="number", minimum="30", maximum="200", branching="[sex] = '1'", matrix="body", annotation="@NOW")]).fields[0]
    assert (one.minimum, one.maximum, one.branching, one.matrix, one.annotation) == ("30", "200", "[sex] = '1'", "body", "@NOW")


@pytest.mark.parametrize("content", [
    dictionary_csv(FIELDS, machine=True), dictionary_csv(FIELDS, ";"), dictionary_csv(FIELDS, "\t"), b"\xef\xbb\xbf" + DICTIONARY,
    DICTIONARY + b",,,,,,,,,,,,,,,,,\r\n", as_csv([[title.upper() for title in HEADINGS], *FIELDS]),
], ids=["interface", "semicolon", "tab", "byte order mark", "empty row", "capitals"])  # fmt: skip
def test_the_same_dictionary_written_otherwise(content):
    assert read_dictionary(content, "dictionary.csv").fields == dictionary().fields


def test_columns_in_another_order_are_found_by_their_names():
    rows = [list(reversed(row)) for row in [list(HEADINGS), *FIELDS]]
    assert read_dictionary(as_csv(rows), "dictionary.csv").fields == dictionary().fields


def test_seventeen_columns():
    problem = only(as_csv([row[:-1] for row in [list(HEADINGS), *FIELDS]]))
    assert (problem.rows, problem.found) == ((1,), "17 columns: without Field Annotation")
    assert "download the data dictionary again" in problem.advice


def test_a_column_too_many_and_one_twice():
    assert only(as_csv([[*row, "x"] for row in [list(HEADINGS), *FIELDS]])).found == "19 columns: x besides"
    assert "Form Name twice" in only(as_csv([[*row, "Form Name"] for row in [list(HEADINGS), *FIELDS]])).found


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"record_id,sex\r\n1,2\r\n", b'"', b"PK\x03\x04\x00", "Größe".encode("latin-1")],
                         ids=["nothing", "bytes", "data", "a quote", "an archive", "another encoding"])  # fmt: skip
def test_what_is_no_dictionary(content):
    assert "download the data dictionary again" in only(content).advice


def test_headings_and_no_fields():
    assert only(dictionary_csv([])).found == "headings and no fields"


@pytest.mark.parametrize(("row", "column", "found"), [
    (field("Sex", "f"), "Variable / Field Name", "Sex"),
    (field("", "f"), "Variable / Field Name", "empty"),
    (field("2nd", "f"), "Variable / Field Name", "2nd"),
    (field("a", ""), "Form Name", "empty"),
    (field("a", "f", "dropdwon", choices="1, A"), "Field Type", "dropdwon"),
    (field("a", "f", ""), "Field Type", "empty"),
    (field("a", "f", "radio"), "Choices, Calculations, OR Slider Labels", "no choices"),
    (field("a", "f", "radio", choices="Yes | No"), "Choices, Calculations, OR Slider Labels", '"Yes"'),
    (field("a", "f", "checkbox", choices="1, A | , B"), "Choices, Calculations, OR Slider Labels", '", B"'),
    (field("a", "f", "dropdown", choices="1, A | 1, B"), "Choices, Calculations, OR Slider Labels", "the code 1 twice"),
    (field("a", "f", identifier="yes"), "Identifier?", "yes"),
])  # fmt: skip
def test_a_broken_row_is_named_with_its_row(row, column, found):
    problem = only(dictionary_csv([field("record_id", "f"), row]))
    assert (problem.table, problem.column, problem.rows, problem.found) == ("dictionary.csv", column, (3,), found)


def test_a_type_nearly_written_right_is_suggested():
    assert only(dictionary_csv([field("a", "f", "chekbox", choices="1, A")])).advice == 'Did you mean "checkbox"?'


def test_all_problems_at_once_in_the_order_of_the_rows():
    found = problems(dictionary_csv([field("record_id", "f"), field("a", "", "radio"), field("b", "f"), field("b", "f"), ["c"]]))
    assert [(problem.column, problem.rows) for problem in found] == [
        ("Form Name", (3,)), ("Choices, Calculations, OR Slider Labels", (3,)), ("Variable / Field Name", (4, 5)), ("", (6,))]  # fmt: skip
    assert found[2].found == "b twice"


def test_the_dictionary_beside_the_plan(tmp_path):
    (tmp_path / "dictionary.csv").write_bytes(DICTIONARY)
    assert plan_dictionary(plan_with(), tmp_path).record == "record_id"
    with pytest.raises(PlanError, match=r'no file dictonary\.csv beside the plan\. Did you mean "dictionary\.csv"\?'):
        plan_dictionary(plan_with(redcap={"dictionary": "dictonary.csv"}), tmp_path)
    with pytest.raises(PlanError, match=r'the plan names none\..*Project Setup.*dictionary = "\.\.\." in \[redcap\]'):
        plan_dictionary(plan_with(redcap={"dictionary": None}), tmp_path)


def said(content):
    """What a refusal says; None when the dictionary is read."""
    try:
        read_dictionary(content, "dictionary.csv")
    except HaipError as error:
        return str(error)
    return None


@given(st.lists(st.lists(st.one_of(st.sampled_from([*HEADINGS, *TYPES, "1, A | 2, B", "y", ""]), st.text(max_size=8)), max_size=20), max_size=6), st.booleans())
def test_never_a_traceback(rows, with_heading):
    assert said(as_csv([list(HEADINGS), *rows] if with_heading else rows)) != ""


@given(st.binary(max_size=200))
def test_never_a_traceback_of_any_bytes(content):
    assert said(content) != ""
