"""Raw REDCap exports: one row a patient and a table an instrument, by hand, and every export that must be refused."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redcap_projects import (
    DICTIONARY,
    EXPORT,
    FIELDS,
    HEADER,
    ROWS,
    as_csv,
    changed,
    dictionary,
    field,
    plan_with,
    row,
)

from haip_outcomes.errors import CohortError, HaipError, Problem
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.sources.redcap_export import tables_of_export


def read(content=EXPORT, plan=None, fields=FIELDS, codes=()):
    return tables_of_export("folder/export.csv", content, plan or plan_with(), dictionary(fields), codes)


def problems(*args, **kwargs):
    with pytest.raises(CohortError) as caught:
        read(*args, **kwargs)
    assert "7700" not in str(caught.value)  # no hospital number
    return caught.value.problems


def only(*args, **kwargs):
    (problem,) = problems(*args, **kwargs)
    return problem


def column(table, name):
    return dict(table.cells[name])


def test_a_classic_project_has_a_row_a_patient():
    source = read()
    patients = source.patients
    assert patients.name == "export.csv"
    assert list(patients.cells.index) == [2, 6, 7]
    assert patients.cells.index.name == "row"
    assert column(patients, "record_id") == {2: "1", 6: "2", 7: "3"}
    assert column(patients, "redcap_data_access_group") == {2: "north", 6: "south", 7: "south"}
    assert column(patients, "pump_date") == {2: "2019-01-10", 6: "2019-05-10", 7: "2019-06-10"}
    assert column(patients, "death_date") == {2: "", 6: "2020-05-10", 7: ""}
    assert column(patients, "ras") == {2: "0", 6: "9", 7: "UNK"}
    assert patients.places == {}
    assert not set(patients.cells) & {"complication_date", "recist", "treated___1", "imaging_complete", "redcap_repeat_instance", "redcap_repeat_instrument"}
    assert patients.notes == ()
    assert source.files == (("export.csv", hashlib.sha256(EXPORT).hexdigest()), ("dictionary.csv", hashlib.sha256(DICTIONARY).hexdigest()))


def test_checkboxes_with_negative_codes_and_letters():
    patients = read().patients
    assert column(patients, "procedure___1") == {2: "1", 6: "0", 7: ""}  # not known for record 3: empty, not "No"
    assert column(patients, "procedure____1") == {2: "1", 6: "0", 7: ""}
    assert column(patients, "procedure___chol") == {2: "0", 6: "1", 7: ""}
    assert patients.labels["procedure____1"] == {"0": "No", "1": "Yes"}


def test_a_ticked_reason_empties_boxes_that_an_older_version_left_at_0():
    cells = {"procedure___1": "0", "procedure___2": "0", "procedure____1": "0", "procedure___chol": "0"}
    assert column(read(as_csv([HEADER, *changed(ROWS, 7, **cells)])).patients, "procedure___1") == {2: "1", 6: "0", 7: ""}


def test_related_tables_keep_the_rows_of_the_export():
    related = read().related
    assert list(related) == ["complications", "imaging"]
    complications, imaging = related["complications"], related["imaging"]
    assert complications.name == "export.csv, instrument complications"
    assert list(complications.cells) == ["record_id", "redcap_repeat_instance", "redcap_data_access_group", "complication_date", "complication_kind",
                                         "treated___1", "treated___2", "complications_complete"]  # fmt: skip
    assert complications.cells[["record_id", "redcap_repeat_instance", "complication_date", "complication_kind", "treated___1"]].to_dict("index") == {
        3: {"record_id": "1", "redcap_repeat_instance": "1", "complication_date": "2019-02-01", "complication_kind": "1", "treated___1": "1"},
        4: {"record_id": "1", "redcap_repeat_instance": "2", "complication_date": "2019-03-01", "complication_kind": "2", "treated___1": "0"},
    }
    assert column(imaging, "recist") == {5: "3", 8: "1"}


def test_what_the_dictionary_says_goes_with_the_table():
    patients = read().patients
    assert patients.labels["sex"] == {"1": "Male", "2": "Female"}
    assert patients.labels["smoker"] == {"1": "Yes", "0": "No"}
    assert patients.labels["baseline_complete"] == {"0": "Incomplete", "1": "Unverified", "2": "Complete"}
    assert {name: patients.kinds[name] for name in ("pump_date", "bmi", "sex", "hospital_number", "redcap_data_access_group")} == {
        "pump_date": "date", "bmi": "number", "sex": "category", "hospital_number": "text", "redcap_data_access_group": "text"}  # fmt: skip
    assert patients.identifiers == ("hospital_number",)
    assert patients.titles["procedure____1"] == "Concurrent procedure: Other"
    assert patients.titles["sex"] == "Sex"
    assert read().related["imaging"].labels["recist"] == {"1": "Response", "2": "Stable", "3": "Progression"}


def test_blank_status_for_gray_forms_changes_nothing_else():
    gray = [["" if value == "0" and name.endswith("_complete") else value for name, value in zip(HEADER, cells, strict=True)] for cells in ROWS]
    one, other = read(), read(as_csv([HEADER, *gray]))
    kept = [name for name in one.patients.cells if not name.endswith("_complete")]
    assert one.patients.cells[kept].equals(other.patients.cells[kept])
    assert list(one.related["imaging"].cells.index) == list(other.related["imaging"].cells.index)


def test_survey_columns_are_known():
    header = [*HEADER, "redcap_survey_identifier", "baseline_timestamp"]
    source = read(as_csv([header, *([*cells, "", "[not completed]"] for cells in ROWS)]))
    assert source.patients.notes == ()
    assert column(source.patients, "baseline_timestamp") == {2: "[not completed]", 6: "[not completed]", 7: "[not completed]"}


def test_a_semicolon_and_a_byte_order_mark():
    assert read(b"\xef\xbb\xbf" + as_csv([HEADER, *ROWS], ";")).patients.cells.equals(read().patients.cells)


# ---- longitudinal: two arms, a form in several events, a repeating event, a repeating instrument in one of them ----

LONG_FIELDS = [
    field("study_id", "enrolment", label="Record"),
    field("setting", "enrolment", "radio", "Setting", "1, adjuvant | 2, unresectable"),
    field("pump_date", "enrolment", validation="date_ymd"),
    field("weight", "visit", validation="number"),
    field("seen", "visit", validation="date_ymd"),
    field("symptoms", "visit", "checkbox", choices="1, Pain | 2, Fever"),
    field("score", "visit", "calc", choices="[weight]*2"),
    field("dead", "end", validation="date_ymd"),
    field("scan_date", "scan", validation="date_ymd"),
]  # fmt: skip
LONG_HEADER = ["study_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", "setting", "pump_date", "enrolment_complete", "weight", "seen",
               "symptoms___1", "symptoms___2", "score", "visit_complete", "dead", "end_complete", "scan_date", "scan_complete"]  # fmt: skip
LONG_PLAN = {
    "cohort": {"name": "Long", "id": "study_id", "setting": "setting", "setting_levels": {"1": "adjuvant", "2": "unresectable"}},
    "redcap": {"dictionary": "d.csv"},
    "columns": {"weight": {"kind": "number", "event": "baseline"}},
    "tables": {"scans": {"instrument": "scan", "columns": {"scan_date": {"kind": "date"}}}},
    "endpoints": {"os": {"label": "Overall survival", "start": "pump_date", "last_seen": "last", "events": {"Death": "dead"}}},
    "derived": {"last": {"take": "latest", "table": "visits", "column": "seen"}},
}
LONG_PLAN["tables"]["visits"] = {"instrument": "visit", "columns": {"seen": {"kind": "date"}, "symptoms___1": {"levels": {"0": "No", "1": "Yes"}}}}


def long_row(**cells):
    assert not set(cells) - set(LONG_HEADER)
    return [cells.get(name, "") for name in LONG_HEADER]


LONG_ROWS = [
    long_row(study_id="B7", redcap_event_name="baseline_arm_1", setting="1", weight="80", seen="2019-01-02", symptoms___1="0", symptoms___2="1", score="160",
             visit_complete="2", enrolment_complete="2"),
    long_row(study_id="B7", redcap_event_name="surgery_arm_1", pump_date="2019-01-10", enrolment_complete="2"),
    long_row(study_id="B7", redcap_event_name="followup_arm_1", redcap_repeat_instance="1", weight="78", seen="2019-04-01", symptoms___1="1", symptoms___2="0",
             score="156", visit_complete="2"),
    long_row(study_id="B7", redcap_event_name="followup_arm_1", redcap_repeat_instance="2", seen="2019-07-01", symptoms___1="0", symptoms___2="0", visit_complete="0"),
    long_row(study_id="B7", redcap_event_name="followup_arm_1", redcap_repeat_instance="3", symptoms___1="0", symptoms___2="0", score="0", visit_complete="0"),
    long_row(study_id="B7", redcap_event_name="scans_arm_1", redcap_repeat_instrument="scan", redcap_repeat_instance="1", scan_date="2019-05-05", scan_complete="2"),
    long_row(study_id="B7", redcap_event_name="end_arm_1", dead="2020-01-01", end_complete="2"),
    long_row(study_id="A2", redcap_event_name="baseline_arm_2", setting="2", weight="66", seen="2019-02-02", symptoms___1="0", symptoms___2="0", visit_complete="2",
             enrolment_complete="2"),
    long_row(study_id="A2", redcap_event_name="surgery_arm_2", setting="2", pump_date="2019-02-10", enrolment_complete="2"),
]  # fmt: skip


def long_plan(**parts):
    return make_plan({**LONG_PLAN, **{part: {**LONG_PLAN.get(part, {}), **keys} for part, keys in parts.items()}})


def read_long(rows=LONG_ROWS, plan=None):
    return read(as_csv([LONG_HEADER, *rows]), plan or long_plan(), LONG_FIELDS)


def long_changed(number, **cells):
    rows = [list(one) for one in LONG_ROWS]
    for name, value in cells.items():
        rows[number - 2][LONG_HEADER.index(name)] = value
    return rows


def only_long(rows=LONG_ROWS, plan=None):
    with pytest.raises(CohortError) as caught:
        read_long(rows, plan)
    (problem,) = caught.value.problems
    return problem


def test_a_longitudinal_project_with_two_arms_and_a_repeating_event():
    source = read_long()
    patients = source.patients
    assert list(patients.cells.index) == [2, 9]
    assert column(patients, "setting") == {2: "1", 9: "2"}  # the same value in two events is one value
    assert column(patients, "pump_date") == {2: "2019-01-10", 9: "2019-02-10"}  # of another row of the record
    assert column(patients, "dead") == {2: "2020-01-01", 9: ""}
    assert column(patients, "weight") == {2: "80", 9: "66"}  # event = "baseline" is that of both arms
    visits = source.related["visits"]
    assert column(visits, "seen") == {2: "2019-01-02", 4: "2019-04-01", 5: "2019-07-01", 9: "2019-02-02"}  # row 6 was never filled in
    assert column(visits, "symptoms___1") == {2: "0", 4: "1", 5: "0", 9: "0"}
    assert column(visits, "redcap_event_name")[4] == "followup_arm_1"
    assert column(source.related["scans"], "scan_date") == {7: "2019-05-05"}
    assert list(source.related["scans"].cells["study_id"]) == ["B7"]


def test_a_problem_of_a_gathered_cell_is_placed_in_the_row_where_it_stands():
    patients = read_long().patients
    assert patients.places == {"pump_date": {2: 3, 9: 10}, "dead": {2: 8}}
    problem = Problem("export.csv", "pump_date", (2, 9), "", "", "")
    assert patients.placed(problem).rows == (3, 10)
    assert patients.placed(Problem("export.csv", "setting", (2,), "", "", "")).rows == (2,)


def test_an_exact_event_is_that_of_one_arm():
    plan = long_plan(columns={"weight": {"kind": "number", "event": "baseline_arm_1"}})
    assert column(read_long(plan=plan).patients, "weight") == {2: "80", 9: ""}


def test_different_values_in_two_events_are_a_problem_that_names_the_events():
    problem = only_long(long_changed(3, setting="2"))
    assert (problem.column, problem.rows) == ("setting", (2, 3))
    assert problem.found == "different values of one patient in the events baseline_arm_1 and surgery_arm_1"
    assert problem.advice == 'write event = "baseline_arm_1" (or another) in [columns.setting]'
    assert read_long(long_changed(3, setting="2"), long_plan(columns={"setting": {"event": "surgery"}})).patients.cells["setting"].tolist() == ["2", "2"]


def test_a_missing_code_in_one_event_gives_way_to_a_value_in_another():
    plan = long_plan(missing={"codes": ["NI"]})
    assert column(read_long(long_changed(2, setting="NI", pump_date="NI"), long_plan(missing={"codes": ["NI"]})).patients, "pump_date")[2] == "2019-01-10"
    assert column(read_long(long_changed(2, dead="NI"), plan).patients, "dead") == {2: "2020-01-01", 9: ""}
    assert column(read_long(long_changed(9, dead="NI"), plan).patients, "dead")[9] == "NI"  # and stays where it is all there is


def test_a_value_of_a_repeating_event_is_no_value_a_patient():
    problem = only_long(plan=long_plan(columns={"seen": {"kind": "date"}}))
    assert (problem.column, problem.rows, problem.found) == ("seen", (4, 5), "values in the repeating event followup_arm_1")
    assert problem.advice == ('read them as a related table, [tables.visit] with instrument = "visit", and make one value of them in [derived], '
                              'or write event = "baseline_arm_1" in [columns.seen]')  # fmt: skip


def test_a_value_of_a_repeating_instrument_is_no_value_a_patient():
    problem = only_long(plan=long_plan(columns={"scan_date": {"kind": "date"}}))
    assert (problem.rows, problem.found) == ((7,), "values in the repeating instrument scan")


def test_an_event_that_does_not_exist():
    problem = only_long(plan=long_plan(columns={"weight": {"kind": "number", "event": "basline_arm_1"}}))
    assert (problem.column, problem.found, problem.advice) == ("weight", "no event basline_arm_1", 'Did you mean "baseline_arm_1"?')
    assert "no events" in only(plan=plan_with(columns={"sex": {"event": "baseline_arm_1"}})).advice


def test_boxes_of_a_form_that_nobody_filled_in_are_no_answers():
    plan = long_plan(columns={"symptoms___2": {"levels": {"0": "No", "1": "Yes"}, "event": "surgery"}})
    rows = long_changed(3, symptoms___1="0", symptoms___2="0", visit_complete="0")  # the form belongs to the event, and is gray
    assert column(read_long(rows, plan).patients, "symptoms___2") == {2: "", 9: ""}
    closed = long_changed(3, symptoms___1="0", symptoms___2="0", visit_complete="2")  # closed with no tick: that is an answer
    assert column(read_long(closed, plan).patients, "symptoms___2") == {2: "0", 9: ""}


def test_a_calculated_value_does_not_make_a_row():
    assert 6 not in read_long().related["visits"].cells.index
    assert 6 in read_long(long_changed(6, weight="70")).related["visits"].cells.index


def test_a_record_that_has_only_repeating_rows():
    source = read(as_csv([HEADER, *ROWS[:4], row(record_id="4", redcap_repeat_instrument="imaging", redcap_repeat_instance="1", imaging_date="2020-02-02", recist="2",
                                                 redcap_data_access_group="north")]))  # fmt: skip
    assert column(source.patients, "record_id") == {2: "1", 6: "4"}
    assert column(source.patients, "redcap_data_access_group") == {2: "north", 6: "north"}
    assert column(source.patients, "pump_date")[6] == ""


def test_two_groups_for_one_record():
    problem = only(as_csv([HEADER, *changed(ROWS, 3, redcap_data_access_group="south")]))
    assert (problem.column, problem.rows, problem.advice) == ("redcap_data_access_group", (2, 3, 4, 5), "correct it in REDCap")


def test_sliders_files_and_the_rest_are_cells_like_any():
    fields = [field("id", "f"), field("pain", "f", "slider", validation="number"), field("scan", "f", "file"), field("centre", "f", "sql", choices="select 1"),
              field("fit", "f", "truefalse"), field("remark", "f", "notes")]  # fmt: skip
    plan = make_plan({"cohort": {"name": "n", "id": "id", "setting": {"value": "adjuvant"}}, "redcap": {}, "columns": {"pain": {"kind": "number"}},
                      "endpoints": {"os": {"label": "x", "start": "z", "events": {"Death": {"time": "pain", "flag": "fit"}}}}})  # fmt: skip
    patients = read(as_csv([["id", "pain", "scan", "centre", "fit", "remark"], ["1", "55", "ct.pdf", "7", "1", "two\nlines"]]), plan, fields).patients
    assert patients.cells.loc[2].tolist() == ["1", "55", "ct.pdf", "7", "1", "two\nlines"]
    assert [patients.kinds[name] for name in patients.cells] == ["text", "number", "text", "text", "category", "text"]
    assert patients.labels == {"fit": {"1": "True", "0": "False"}}


def test_the_same_row_twice():
    problem = only_long([*LONG_ROWS, LONG_ROWS[3]])
    assert (problem.rows, problem.advice) == ((5, 11), "two exports in one file? Keep one of them")


# ---- exports that are refused, and what is only said ----


@pytest.mark.parametrize("header", [
    ["Record ID", "Event Name", "Setting"], ["Record ID", "Repeat Instrument", "Repeat Instance", "Data Access Group", "Hospital number"],
    ["Record ID", "Concurrent procedure (choice=Resection)"], ["Record ID", "Setting", "Complete?", "Sex", "Complete?"],
    ["\ufeffRecord ID", "Setting", "Sex"],
])  # fmt: skip
def test_labels_instead_of_variable_names(header):
    problem = only(as_csv([header, ["1"] * len(header)]))
    assert (problem.found, problem.expected) == ("labels instead of variable names", "a raw export")
    assert "CSV / Microsoft Excel (raw data)" in problem.advice


def labelled(cells):
    labels = {"setting": {"1": "Adjuvant", "2": "Unresectable"}, "sex": {"1": "Male", "2": "Female"}, "smoker": {"0": "No", "1": "Yes"},
              "baseline_complete": {"0": "Incomplete", "1": "Unverified", "2": "Complete"}, "procedure___1": {"0": "Unchecked", "1": "Checked"}}  # fmt: skip
    return [labels.get(name, {}).get(value, value) for name, value in zip(HEADER, cells, strict=True)]


def test_labels_instead_of_codes():
    problem = only(as_csv([HEADER, *map(labelled, ROWS)]))
    assert problem.found == "labels instead of codes in setting, sex, procedure___1, smoker and baseline_complete"
    assert "raw data" in problem.advice


def test_one_label_among_codes_is_left_to_the_cells():
    assert column(read(as_csv([HEADER, *changed(ROWS, 2, sex="Male")])).patients, "sex")[2] == "Male"


def test_labels_of_events_and_instruments():
    assert only_long(long_changed(2)[:1] and [[*one[:1], "Baseline (Arm 1: Pump)", *one[2:]] for one in LONG_ROWS[:1]]).column == "redcap_event_name"
    problem = only(as_csv([HEADER, *changed(ROWS, 3, redcap_repeat_instrument="Complications")]))
    assert problem.found == "labels instead of codes in redcap_repeat_instrument"


def test_the_record_field_is_needed():
    problem = only(as_csv([["record", *HEADER[1:]], *ROWS]))
    assert (problem.column, problem.found) == ("record_id", "no such column")
    assert "the record field of dictionary.csv" in problem.expected


def test_no_redcap_export_at_all():
    assert only(b"a,b\n1,2\n").rows == (1,)
    assert only(b"").found == "an empty file"
    assert only(as_csv([HEADER])).found.startswith("column names and no")


def test_the_record_field_is_the_key():
    problem = only(plan=plan_with(cohort={"id": "hospital_number", "keys": []}))
    assert (problem.found, problem.expected) == ("[cohort] id is hospital_number", 'the record field, "record_id"')


def test_rows_without_a_record_and_odd_instances():
    assert [one.rows for one in problems(as_csv([HEADER, *changed(ROWS, 5, record_id="")]))] == [(5,)]
    problem = only(as_csv([HEADER, *changed(ROWS, 5, redcap_repeat_instance="first")]))
    assert (problem.column, problem.rows, problem.found) == ("redcap_repeat_instance", (5,), "")
    assert only(as_csv([HEADER, *changed(ROWS, 5, redcap_repeat_instrument="7700111")])).found == ""  # a cell in the wrong column is not shown
    problem = only(as_csv([HEADER, *changed(ROWS, 5, redcap_repeat_instrument="imagign")]))
    assert (problem.rows, problem.found) == ((5,), "imagign")
    assert 'Did you mean "imaging"?' in problem.advice


def without(*names):
    kept = [i for i, name in enumerate(HEADER) if name not in names]
    return as_csv([[cells[i] for i in kept] for cells in [HEADER, *ROWS]])


def test_a_de_identified_export_lacks_fields_and_that_matters_only_where_the_plan_uses_them():
    assert read(without("hospital_number", "smoker", "treated___1")).patients.notes == ()
    found = problems(without("death_date", "procedure___1", "recist", "redcap_data_access_group"))
    assert [(one.table, one.column, one.found) for one in found] == [
        ("export.csv", "procedure___1", "not exported"), ("export.csv", "death_date", "not exported"),
        ("export.csv", "redcap_data_access_group", "no such column"), ("export.csv, instrument imaging", "recist", "not exported")]  # fmt: skip
    assert "de-identified export" in found[0].advice
    assert "tick the data access groups" in found[2].advice


def test_columns_that_can_not_be_in_any_export():
    levels = {"levels": {"0": "No", "1": "Yes"}}
    found = problems(plan=plan_with(columns={"procedure": levels, "procedure___3": levels, "welcome": {"kind": "text"}, "smokr": levels}))
    assert {one.column: (one.found, one.advice) for one in found} == {
        "procedure": ("a checkbox: it has a column a choice",
                      "name the choices in the plan: procedure___1, procedure___2, procedure____1, procedure___chol"),
        "procedure___3": ("no such choice of the checkbox", 'Did you mean "procedure___2"?'),
        "welcome": ("a descriptive field", "it holds no data: take it out of the plan"),
        "smokr": ("no such column", 'correct the name in the plan. Did you mean "smoker"?'),
    }  # fmt: skip


def test_checkboxes_combined_into_one_column():
    boxes = [name for name in HEADER if name.startswith("procedure___")]
    kept = [i for i, name in enumerate(HEADER) if name not in boxes]
    content = as_csv([[*(HEADER[i] for i in kept), "procedure"], *([*(cells[i] for i in kept), "1,-1"] for cells in ROWS)])
    found = problems(content)
    assert {one.column for one in found} == {"procedure___1", "procedure____1", "procedure___chol"}
    assert {one.advice for one in found} == {"export the data again without combining the options of checkboxes"}


def test_columns_that_the_dictionary_does_not_know_are_a_warning():
    (note,) = read(as_csv([[*HEADER, "new_field"], *([*cells, "x"] for cells in ROWS)])).patients.notes
    assert (note.severity, note.found) == ("warning", "columns that dictionary.csv does not know: new_field")


def test_tables_and_instruments_must_fit():
    plan = plan_with(tables={"imaging": {"instrument": "imagin", "columns": {"recist": {}}},
                             "complications": {"instrument": "complications", "columns": {"imaging_date": {"kind": "date"}, "compl_date": {"kind": "date"}}}})  # fmt: skip
    found = problems(plan=plan)
    assert [(one.column, one.found) for one in found] == [
        ("imaging_date", "it stands in the instrument imaging"), ("compl_date", "no such column"), ("", "no instrument imagin")]  # fmt: skip
    assert found[2].advice == 'Did you mean "imaging"?'


def test_an_instrument_without_rows_is_an_empty_table():
    source = read(as_csv([HEADER, ROWS[0], ROWS[4], ROWS[5]]))
    assert len(source.related["imaging"].cells) == 0
    assert "recist" in source.related["imaging"].cells


def test_codes_that_mean_another_thing_in_the_plan():
    plan = plan_with(columns={"sex": {"levels": {"1": "female", "2": "male"}}}, cohort={"setting_levels": {"1": "unresectable", "2": "adjuvant"}})
    sex, setting = problems(plan=plan)
    assert sex.found == 'the plan says 1 = "female" and 2 = "male"'
    assert sex.expected == 'as the dictionary says: 1 = "Male" and 2 = "Female"'
    assert sex.advice == "correct the levels in [columns.sex]"
    assert (setting.column, setting.advice) == ("setting", "correct the levels in [cohort] setting_levels")
    yes_no = plan_with(columns={"smoker": {"levels": {"0": "Yes", "1": "No"}}, "procedure___1": {"levels": {"1": "No", "0": "Yes"}}})
    assert [one.column for one in problems(plan=yes_no)] == ["procedure___1", "smoker"]


def notes(plan, **kwargs):
    return [(one.column, one.found) for one in read(plan=plan, **kwargs).patients.notes]


def test_levels_that_group_or_shorten_are_no_conflict():
    grouped = plan_with(columns={"ras": {"levels": {"0": "Wild type", "1": "Mutated"}}, "procedure___1": {"levels": {"0": "No", "1": "Resected"}}})
    assert notes(grouped) == []
    plan = plan_with(tables={"imaging": {"instrument": "imaging", "columns": {"recist": {"levels": {"1": "Controlled", "2": "Controlled", "3": "Progression"}}}}})
    assert notes(plan) == []


def test_codes_that_only_one_side_knows_are_warnings():
    plan = plan_with(columns={"ras": {"levels": {"0": "Wild type", "2": "Double"}}})
    assert notes(plan) == [("ras", 'choices of the dictionary that the plan does not know: 1 = "Mutated, any codon"'),
                           ("ras", "codes that the dictionary does not know: 2")]  # fmt: skip


def test_missing_data_codes_of_the_project_that_the_plan_does_not_name():
    assert notes(plan_with(), codes=("UNK", "NASK")) == [("", "missing-data codes of the project that the plan does not name: NASK")]
    header = [name.replace("procedure___unk", "procedure___nowhere") for name in HEADER]
    assert notes(plan_with(), content=as_csv([header, *ROWS]), codes=("Nowhere",))[0][1].endswith("does not name: Nowhere")


def test_all_problems_at_once():
    plan = plan_with(columns={"smokr": {"kind": "text"}, "sex": {"levels": {"1": "Female", "2": "Male"}}, "recist": {"kind": "text"}})
    assert [one.column for one in problems(plan=plan)] == ["smokr", "sex", "recist"]


def test_a_key_is_never_said():
    content = as_csv([HEADER, *changed(changed(ROWS, 2, record_id="7700999"), 3, record_id="7700999", redcap_repeat_instance="x")])
    assert "7700999" not in str(problems(content))


# ---- the whole way back from what a project holds ----

EVENTS = ["baseline_arm_1", "later_arm_1"]
VALUES = {"grp": st.sampled_from(["1", "2"]), "weight": st.sampled_from(["70", "71.5", ""]), "remark": st.text('a"\n;,é', max_size=6)}
SMALL = [field("id", "f", label="Record"), field("grp", "f", "radio", "Group", "1, adjuvant | 2, unresectable"), field("weight", "f", validation="number"),
         field("box", "f", "checkbox", choices="a, A | -2, B"), field("remark", "f", "notes"), field("day", "r", validation="date_ymd"), field("hits", "r", "checkbox", choices="1, A")]  # fmt: skip


@st.composite
def projects(draw):
    """Records with values in one event each, a checkbox, and instances of a repeating instrument; and the export REDCap would write."""
    truth, rows = {}, []
    header = ["id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", "grp", "weight", "box___a", "box____2", "remark", "f_complete",
              "day", "hits___1", "r_complete"]  # fmt: skip
    for record in draw(st.lists(st.sampled_from([str(i) for i in range(1, 30)]), min_size=1, max_size=6, unique=True)):
        place = {name: draw(st.sampled_from(EVENTS)) for name in VALUES}
        value = {name: draw(values) for name, values in VALUES.items()}
        ticks = {"a": draw(st.sampled_from("01")), "_2": draw(st.sampled_from("01"))}
        place["box"] = place["grp"]
        days = draw(st.lists(st.tuples(st.sampled_from(["2020-01-01", "2020-02-29", ""]), st.sampled_from("01")), max_size=3))
        truth[record] = {**value, **{f"box___{code}": tick for code, tick in ticks.items()}, "days": days}
        for event in EVENTS:
            cells = {name: value[name] if place[name] == event else "" for name in VALUES}
            here = any(cells.values())
            boxes = [tick if place["box"] == event else "0" for tick in ticks.values()] if draw(st.booleans()) or place["box"] == event else ["", ""]
            elsewhere = place["box"] != event and here  # an answered form with no tick would be an answer: leave the boxes of this event out
            rows.append([record, event, "", "", cells["grp"], cells["weight"], *(["", ""] if elsewhere else boxes), cells["remark"], "0", "", "", ""])
        rows += [[record, EVENTS[1], "r", str(i), "", "", "", "", "", "", day, hit, "0"] for i, (day, hit) in enumerate(days, start=1)]
    order = draw(st.permutations(range(len(rows)))) if draw(st.booleans()) else range(len(rows))
    return truth, as_csv([header, *(rows[i] for i in order)])


@settings(max_examples=60, deadline=None)
@given(projects())
def test_every_value_comes_back_once(project):
    truth, content = project
    plan = {"cohort": {"name": "n", "id": "id", "setting": {"value": "adjuvant"}}, "redcap": {}, "columns": {
        "weight": {"kind": "number"}, "remark": {}, "box___a": {"levels": {"0": "No", "1": "Yes"}}, "box____2": {"levels": {"0": "No", "1": "Yes"}}},
        "tables": {"r": {"instrument": "r", "columns": {"day": {"kind": "date"}, "hits___1": {}}}},
        "endpoints": {"os": {"label": "x", "start": "z", "events": {"Death": {"time": "weight", "flag": "grp"}}}}}  # fmt: skip
    source = read(content, make_plan(plan), SMALL)
    cells = source.patients.cells.set_index("id")
    assert set(cells.index) == set(truth)
    assert cells.index.is_unique
    for record, values in truth.items():
        for name in ("grp", "weight", "remark", "box___a", "box____2"):
            assert cells.loc[record, name] == values[name], (record, name)
    rows = source.related["r"].cells
    for record, values in truth.items():
        own = rows[rows["id"] == record].sort_values("redcap_repeat_instance")
        assert list(zip(own["day"], own["hits___1"], strict=True)) == values["days"]
    assert len(rows) == sum(len(values["days"]) for values in truth.values())


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.one_of(st.sampled_from([*HEADER, "1", "2", "baseline", "imaging", "", "Male", "procedure___9", "Event Name"]), st.text(max_size=5)), max_size=12),
                max_size=8), st.booleans())  # fmt: skip
def test_never_a_traceback(rows, with_header):
    wide = [(cells + [""] * len(HEADER))[: len(HEADER)] for cells in rows]
    content = as_csv([HEADER, *wide] if with_header else rows)
    try:
        source = read(content)
    except HaipError as error:
        said = str(error)
        source = None
    if source is None:
        assert said
        return
    assert set(source.patients.cells["record_id"]) == {cells[0] for cells in wide if any(cells)}
    assert np.isin(source.patients.cells.index, range(2, len(rows) + 2)).all()
