"""The standard registry: made from the items byte for byte, a dictionary that REDCap takes, and a plan whose endpoints are right by hand."""

import csv
import importlib.util
import re
from pathlib import Path

import pandas as pd
import pytest

from haip_outcomes.benchmark.comparison import check_names
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.registry.items import items
from haip_outcomes.registry.plan import load_plan
from haip_outcomes.registry.read import read_cohort
from haip_outcomes.registry.sources.redcap_dictionary import read_dictionary

FOLDER = Path(__file__).resolve().parents[2] / "cohorts" / "haip_registry"
HEADER = ["Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label", "Choices, Calculations, OR Slider Labels", "Field Note",
          "Text Validation Type OR Show Slider Number", "Text Validation Min", "Text Validation Max", "Identifier?", "Branching Logic (Show field only if...)",
          "Required Field?", "Custom Alignment", "Question Number (surveys only)", "Matrix Group Name", "Matrix Ranking?", "Field Annotation"]  # fmt: skip
NAME, FORM, TYPE, LABEL, CHOICES, VALIDATION, LOW, HIGH, BRANCHING = (HEADER[i] for i in (0, 1, 3, 4, 5, 7, 8, 9, 11))


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_registry", FOLDER / "make_registry.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows():
    with (FOLDER / "haip_data_dictionary.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def plan():
    return load_plan(FOLDER / "plan.toml")


def test_the_three_files_are_made_from_the_items(script):
    known = items().values()
    for name, made in (
        ("haip_data_dictionary.csv", script.dictionary(known)),
        ("codebook.md", script.codebook(known)),
        ("plan.toml", script.plan(known)),
    ):
        assert (FOLDER / name).read_bytes() == made.encode(), f"{name} differs from the items: run cohorts/haip_registry/make_registry.py"


# ---- the dictionary, by REDCap's rules ----


def test_the_eighteen_columns_have_redcaps_names():
    with (FOLDER / "haip_data_dictionary.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == HEADER
    assert {len(line) for line in lines} == {18}
    assert list(pd.read_csv(FOLDER / "haip_data_dictionary.csv").columns) == HEADER  # as another program reads it


def test_names_are_such_as_redcap_takes(rows):
    names = [row[NAME] for row in rows]
    assert names[0] == "record_id"
    assert rows[0][TYPE] == "text"
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,25}", name), name  # 26 letters at most are advised
        assert "__" not in name
        assert not name.endswith("_")
        assert not name.endswith("_complete"), "REDCap makes these itself"
    forms = [row[FORM] for row in rows]
    assert list(dict.fromkeys(forms)) == ["baseline", "surgery", "treatment", "follow_up", "complications", "cycles", "imaging"]
    assert forms == sorted(forms, key=list(dict.fromkeys(forms)).index), "the fields of an instrument stand together"


def test_types_choices_and_validation_are_redcaps(rows):
    for row in rows:
        assert row[TYPE] in {"text", "radio", "dropdown", "checkbox", "yesno"}
        assert row[LABEL]
        assert row[VALIDATION] in {"", "date_ymd", "number", "integer"}
        assert not row[VALIDATION] or row[TYPE] == "text"
        if row[TYPE] in ("radio", "dropdown", "checkbox"):
            choices = [part.split(", ", 1) for part in row[CHOICES].split(" | ")]
            assert len(choices) > 1
            assert all(len(pair) == 2 and re.fullmatch(r"[0-9]+", pair[0]) and pair[1].strip() for pair in choices), row[CHOICES]
            assert len({code for code, _ in choices}) == len(choices)
        else:
            assert row[CHOICES] == ""
        if row[VALIDATION] in ("number", "integer"):
            assert float(row[LOW]) < float(row[HIGH])
        elif row[VALIDATION] == "date_ymd":
            assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|", row[LOW])
            assert row[HIGH] == ""
        assert row["Required Field?"] in ("", "y")
        assert row["Identifier?"] == "", "no field identifies a patient"


def test_no_character_that_is_lost_on_the_way(rows):
    text = (FOLDER / "haip_data_dictionary.csv").read_bytes()
    assert text.isascii()
    assert b"\r" not in text
    assert b"\t" not in text
    for row in rows:
        assert not any("\n" in cell or "<" in cell for column, cell in row.items() if column != BRANCHING), "labels are HTML to REDCap"


def test_branching_logic_asks_fields_that_exist_for_codes_that_they_have(rows):
    choices = {
        row[NAME]: {part.split(",")[0].strip() for part in row[CHOICES].split("|")} | ({"0", "1"} if row[TYPE] == "yesno" else set())
        for row in rows
    }
    forms = {row[NAME]: row[FORM] for row in rows}
    logics = [(row[NAME], row[FORM], row[BRANCHING]) for row in rows if row[BRANCHING]]
    assert len(logics) > 10
    for name, form, logic in logics:
        terms = re.split(r" (?:and|or) ", logic)
        for term in terms:
            match = re.fullmatch(r"\[([a-z0-9_]+)\] (?:=|<>) '([^']*)'", term)
            assert match, f"{name}: {term}"
            asked, code = match.groups()
            assert asked in choices, f"{name} asks {asked}"
            assert code in choices[asked] | {""}, f"{name} asks {asked} for {code}"
            assert list(forms).index(asked) < list(forms).index(name), "asked before it is needed"
            repeating = {"complications", "cycles", "imaging"}
            assert forms[asked] == form or forms[asked] not in repeating, "a repeating field is known within its own row only"


def test_our_own_reader_takes_it_and_sees_the_items():
    found = read_dictionary((FOLDER / "haip_data_dictionary.csv").read_bytes(), "haip_data_dictionary.csv")
    assert [field.name for field in found.fields] == [item.redcap_field for item in items().values()]
    for item in items().values():
        field = found.by_name[item.redcap_field]
        assert {code: label.casefold() for code, label in field.choices.items()} == {
            code: label.casefold() for code, label in item.levels.items()
        }
        assert field.kind == {"key": "text", "setting": "category", "checkbox": "category"}.get(item.kind, item.kind)
        assert field.required == item.required
        assert not field.identifier


def test_the_codebook_explains_every_field(rows):
    text = (FOLDER / "codebook.md").read_text(encoding="utf-8")
    for item in items().values():
        section = text.split(f"### `{item.redcap_field}`: {item.label}\n")[1].split("\n### ")[0]
        assert item.definition in section
        assert f"**How:** {item.how}" in section
        assert f"**When:** {item.when}" in section
        assert all(f"{code} {label}" in section for code, label in item.levels.items())
        assert not item.unit or item.unit in section
    assert "Karanicolas 2014" in text
    assert "whether or not chemotherapy was ever given" in text


# ---- the plan ----


def test_the_plan_declares_every_field_as_its_item(plan):
    for item in items().values():
        if item.kind == "checkbox":
            assert all(plan.columns[f"{item.redcap_field}___{code}"].levels == {"0": "No", "1": "Yes"} for code in item.levels)
        elif item.kind not in ("key", "setting"):
            column = (plan.columns if item.table == "patient" else plan.tables[item.table].columns)[item.redcap_field]
            assert (column.item, column.label, column.resolved, column.unit, column.levels) == (
                item.name,
                item.label,
                item.kind,
                item.unit,
                dict(item.levels),
            )
            assert column.range == item.possible
    assert plan.cohort.setting_levels == dict(items()["setting"].levels)
    assert {name: table.instrument for name, table in plan.tables.items()} == {name: name for name in ("complications", "cycles", "imaging")}


def test_the_items_hold_what_every_endpoint_needs(plan):
    """Follow each endpoint down to the fields it is made of: they are standard items, exactly those that name the endpoint."""

    def needed(column):
        derived = plan.derived.get(column)
        if derived is None:
            return {plan.columns[column].item}
        if derived.table:
            return {plan.tables[derived.table].columns[name].item for name in (derived.column, *derived.where)}
        return set().union(*map(needed, derived.columns))

    assert set(plan.endpoints) == {"os", "rfs", "pfs", "liver", "hepatic_pfs", "extrahepatic", "first_site", "conversion", "pump_failure"}
    for name, endpoint in plan.endpoints.items():
        found = set().union(*map(needed, [endpoint.start, endpoint.last_seen, *endpoint.events.values()]))
        assert found | {"setting"} == {item.name for item in items().values() if name in item.endpoints}, name


def test_the_conventions_are_the_packages(plan):
    """docs/endpoints.md: survival until last contact, progression until the last scan; liver before elsewhere at a tie; both within 30 days."""
    for name, endpoint in plan.endpoints.items():
        assert endpoint.start == "pump_date"
        assert endpoint.last_seen == ("last_contact_date" if name in ("os", "conversion", "pump_failure") else "last_look")
        assert list(endpoint.events)[-1] == "Death"
    assert list(plan.endpoints["first_site"].states) == ["Liver", "Extrahepatic", "Death", "Both"]
    assert plan.endpoints["first_site"].both.within_days == 30
    assert plan.endpoints["liver"].events == plan.endpoints["hepatic_pfs"].events


def test_what_is_counted_has_the_literatures_names(plan):
    check_names(plan)
    published = set(PublishedFigure.words("endpoint"))
    assert {
        "postop_complication",
        "pump_complication",
        "biliary_sclerosis",
        "first_cycle_delivered",
        "time_to_first_cycle",
        "conversion_to_resection",
    } <= set(plan.programme)
    assert set(plan.programme) - published == {"severe_complication"}
    for item in plan.programme.values():
        assert "comparator" not in item.settings, "who has no pump has no complication of it"
    assert plan.programme["conversion_to_resection"].settings == ("unresectable",)


# ---- an export, and what must come of it ----

PATIENTS = {
    # adjuvant: liver recurrence on the second scan, dead a year later
    "1": {"setting": "1", "birth_year": "1950", "sex": "1", "height_cm": "180", "weight_kg": "81", "l3_muscle_area_cm2": "150", "pump_date": "2020-01-10", "liver_treatment": "1",
          "liver_treatment_date": "2020-01-10", "complete_clearance": "1", "first_cycle_date": "2020-02-10", "last_imaging_date": "2021-09-01",
          "last_contact_date": "2022-01-10", "death_date": "2022-01-10", "death_cause": "1", "concurrent_procedure___1": "1"},
    # unresectable: extrahepatic, and 24 days later the liver; the pump failed and was taken out
    "2": {"setting": "2", "birth_year": "1960", "sex": "2", "height_cm": "165", "l3_muscle_area_cm2": "110", "pump_date": "2020-03-01", "liver_treatment": "0", "first_cycle_date": "2020-04-01", "pump_failure_date": "2020-05-01",
          "pump_removal_date": "2020-05-10", "last_imaging_date": "2020-06-25", "last_contact_date": "2021-03-01"},
    # unresectable: converted, the pump taken out when it was no longer needed, no progression
    "3": {"setting": "2", "birth_year": "1955", "sex": "1", "pump_date": "2020-02-01", "liver_treatment": "0", "conversion_date": "2020-09-01", "first_cycle_date": "2020-03-02",
          "pump_removal_date": "2021-03-01", "last_imaging_date": "2021-06-01", "last_contact_date": "2021-08-01"},
    # unresectable: never treated, never scanned, dead of a complication
    "4": {"setting": "2", "birth_year": "1948", "sex": "2", "pump_date": "2020-02-10", "liver_treatment": "0", "last_imaging_date": "2020-02-10",
          "last_contact_date": "2020-03-01", "death_date": "2020-03-01", "death_cause": "3"},
    # comparator: recurrence in the liver, and elsewhere 31 days later
    "5": {"setting": "3", "birth_year": "1962", "sex": "1", "pump_date": "2020-04-01", "liver_treatment": "1", "liver_treatment_date": "2020-04-01",
          "complete_clearance": "1", "last_imaging_date": "2021-03-04", "last_contact_date": "2022-04-01"},
}  # fmt: skip
ROWS = [
    ("1", "cycles", {"cycle_date": "2020-02-10", "cycle_dose_mg": "160"}), ("1", "cycles", {"cycle_date": "2020-03-10", "cycle_dose_mg": "150"}),
    ("1", "imaging", {"imaging_date": "2020-07-10", "recist": "9", "liver_progression": "0", "extrahepatic_progression": "0"}),
    ("1", "imaging", {"imaging_date": "2021-01-10", "recist": "9", "liver_progression": "1", "extrahepatic_progression": "0"}),
    ("1", "imaging", {"imaging_date": "2021-09-01", "recist": "9", "liver_progression": "1", "extrahepatic_progression": "0"}),
    ("1", "complications", {"complication_date": "2021-12-01", "complication_kind": "11", "clavien_dindo": "3", "salvaged": "1", "reoperation": "1"}),
    ("2", "cycles", {"cycle_date": "2020-04-01", "cycle_dose_mg": "140"}),
    ("2", "imaging", {"imaging_date": "2020-06-01", "recist": "2", "liver_progression": "0", "extrahepatic_progression": "1", "extrahepatic_site": "1"}),
    ("2", "imaging", {"imaging_date": "2020-06-25", "recist": "4", "liver_progression": "1", "extrahepatic_progression": "1", "extrahepatic_site": "1"}),
    ("2", "complications", {"complication_date": "2020-05-01", "complication_kind": "1", "clavien_dindo": "4", "salvaged": "0", "reoperation": "1"}),
    ("3", "cycles", {"cycle_date": "2020-03-02", "cycle_dose_mg": "150"}),
    ("3", "imaging", {"imaging_date": "2020-06-01", "recist": "2", "liver_progression": "0", "extrahepatic_progression": "0"}),
    ("3", "imaging", {"imaging_date": "2021-06-01", "recist": "9", "liver_progression": "0", "extrahepatic_progression": "0"}),
    ("4", "complications", {"complication_date": "2020-03-01", "complication_kind": "90", "clavien_dindo": "7", "reoperation": "0"}),
    ("5", "imaging", {"imaging_date": "2021-02-01", "recist": "9", "liver_progression": "1", "extrahepatic_progression": "0"}),
    ("5", "imaging", {"imaging_date": "2021-03-04", "recist": "9", "liver_progression": "1", "extrahepatic_progression": "1", "extrahepatic_site": "2"}),
]  # fmt: skip
# endpoint: for patients 1 to 5, what happened ("" censored) and on which day, read off the rows above
EXPECTED = {
    "os": [("Death", "2022-01-10"), ("", "2021-03-01"), ("", "2021-08-01"), ("Death", "2020-03-01"), ("", "2022-04-01")],
    "liver": [("Liver", "2021-01-10"), ("Liver", "2020-06-25"), ("", "2021-06-01"), ("Death", "2020-03-01"), ("Liver", "2021-02-01")],
    "hepatic_pfs": [("Liver", "2021-01-10"), ("Liver", "2020-06-25"), ("", "2021-06-01"), ("Death", "2020-03-01"), ("Liver", "2021-02-01")],
    "extrahepatic": [("Death", "2022-01-10"), ("Extrahepatic", "2020-06-01"), ("", "2021-06-01"), ("Death", "2020-03-01"), ("Extrahepatic", "2021-03-04")],
    "first_site": [("Liver", "2021-01-10"), ("Both", "2020-06-01"), ("", "2021-06-01"), ("Death", "2020-03-01"), ("Liver", "2021-02-01")],
    "rfs": [("Recurrence", "2021-01-10"), ("Recurrence", "2020-06-01"), ("", "2021-06-01"), ("Death", "2020-03-01"), ("Recurrence", "2021-02-01")],
    "pfs": [("Progression", "2021-01-10"), ("Progression", "2020-06-01"), ("", "2021-06-01"), ("Death", "2020-03-01"), ("Progression", "2021-02-01")],
    "conversion": [("Death", "2022-01-10"), ("", "2021-03-01"), ("Resection", "2020-09-01"), ("Death", "2020-03-01"), ("", "2022-04-01")],
    "pump_failure": [("Death", "2022-01-10"), ("Pump failure", "2020-05-01"), ("Removal", "2021-03-01"), ("Death", "2020-03-01"), ("", "2022-04-01")],
}  # fmt: skip


def write_export(folder, fields):
    """A raw export as REDCap writes it: the patients' rows, then a row an instance, every field in every row."""
    columns = ["record_id", "redcap_repeat_instrument", "redcap_repeat_instance"]
    for field in fields:
        if field[TYPE] == "checkbox":
            columns += [f"{field[NAME]}___{part.split(',')[0].strip()}" for part in field[CHOICES].split("|")]
        elif field[NAME] != "record_id":
            columns.append(field[NAME])
    lines = []
    for record, cells in PATIENTS.items():
        boxes = {column: "0" for column in columns if "___" in column}
        lines.append({"record_id": record, **boxes, **cells, "centre": "Examplia"})
        for instrument in ("complications", "cycles", "imaging"):
            own = [cells for owner, name, cells in ROWS if owner == record and name == instrument]
            lines += [
                {"record_id": record, "redcap_repeat_instrument": instrument, "redcap_repeat_instance": str(i), **cells}
                for i, cells in enumerate(own, start=1)
            ]
    path = folder / "export.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(lines)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory, rows):
    """What a centre has: the plan, the dictionary and an export side by side."""
    place = tmp_path_factory.mktemp("centre")
    for name in ("plan.toml", "haip_data_dictionary.csv"):
        (place / name).write_bytes((FOLDER / name).read_bytes())
    write_export(place, rows)
    return place


@pytest.fixture(scope="module")
def cohort(folder):
    return read_cohort(folder / "export.csv", folder / "plan.toml")


def test_an_export_of_the_project_is_read(cohort):
    assert len(cohort) == 5
    assert cohort.settings == ("adjuvant", "unresectable", "comparator")
    assert {name: len(table) for name, table in cohort.tables.items()} == {"complications": 3, "cycles": 4, "imaging": 9}


@pytest.mark.parametrize("name", EXPECTED)
def test_endpoints_by_hand(cohort, name):
    tte = cohort.endpoint(name)
    states = ["", *tte.states]
    zero = pd.to_datetime([PATIENTS[record]["pump_date"] for record in PATIENTS])
    days = [(pd.Timestamp(day) - start).days for (_, day), start in zip(EXPECTED[name], zero, strict=True)]
    assert [states[int(state)] for state in tte.state] == [label for label, _ in EXPECTED[name]]
    assert [round(float(time) * 365.25 / 12) for time in tte.time] == days


def test_derived_columns_by_hand(cohort):
    first, second = cohort.frame.iloc[0], cohort.frame.iloc[1]
    assert first["bmi"] == pytest.approx(25.0)  # 81 / 1.8^2
    assert first["muscle_index"] == pytest.approx(150 / 3.24)  # 46.3: below 52.4
    assert first["sarcopenia"] == "Yes"
    assert second["sarcopenia"] == "No"  # 110 / 1.65^2 = 40.4: not below 38.5
    assert first["age"] == 70
    assert cohort.frame["n_cycles"].tolist() == [2, 1, 1, 0, 0]
    assert cohort.frame["risk_score"].isna().all()  # its parts were not filled in: missing, never 0


def test_the_programme_by_hand(cohort):
    """Of the four with a pump: 2 and 4 had a complication within 90 days; 1 and 2 a pump-specific one; three got a cycle."""
    from haip_outcomes import proportions

    tidy = proportions(cohort, together=True).tidy().set_index("outcome")
    counted = {
        name: (int(tidy.loc[name, "n_event"]), int(tidy.loc[name, "n"])) for name in cohort.plan.programme if name != "time_to_first_cycle"
    }
    assert counted == {
        "postop_complication": (2, 4), "severe_complication": (2, 4), "pump_complication": (2, 4), "biliary_sclerosis": (1, 4), "extrahepatic_perfusion": (0, 4),
        "reintervention": (2, 4), "pump_failure": (1, 4), "first_cycle_delivered": (3, 4), "objective_response": (2, 3), "conversion_to_resection": (1, 3),
    }  # fmt: skip
    assert float(tidy.loc["time_to_first_cycle", "estimate"]) == 31  # 31, 31 and 30 days


OTHER_ZERO = {
    # patient: time zero, what happened and when, and from when followed; who is not named has no such date
    "first_cycle": {"1": ("2020-02-10", "Death", "2022-01-10", None), "2": ("2020-04-01", "", "2021-03-01", None), "3": ("2020-03-02", "", "2021-08-01", None)},
    "liver_treatment_date": {"1": ("2019-12-01", "Death", "2022-01-10", "2020-01-10"), "5": ("2020-04-01", "", "2022-04-01", "2020-04-01")},
}


@pytest.mark.parametrize(("start", "more"), [("first_cycle", 'without_start = "left out"'),
                                             ("liver_treatment_date", 'entry = "pump_date"\nwithout_start = "left out"')])  # fmt: skip
def test_another_time_zero_as_the_plans_remarks_say(folder, tmp_path, start, more):
    """Patients without that date are left out and named by row; the pump, when it came later, is the entry. Patient 1 is resected 40 days before it here."""
    plan = (FOLDER / "plan.toml").read_text(encoding="utf-8")
    assert f'start = "{start}"' in plan, "the remark names it"
    extra = f'[endpoints.other]\nlabel = "OS"\nstart = "{start}"\nlast_seen = "last_contact_date"\nevents = {{ "Death" = "death_date" }}\n{more}\n\n[endpoints.os]\n'
    (tmp_path / "plan.toml").write_text(plan.replace("[endpoints.os]\n", extra), encoding="utf-8")
    (tmp_path / "haip_data_dictionary.csv").write_bytes((FOLDER / "haip_data_dictionary.csv").read_bytes())
    lines = list(csv.DictReader((folder / "export.csv").open(encoding="utf-8", newline="")))
    lines[0]["liver_treatment_date"] = "2019-12-01"
    with (tmp_path / "export.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    cohort = read_cohort(tmp_path / "export.csv", tmp_path / "plan.toml")
    tte, known = cohort.endpoint("other"), OTHER_ZERO[start]
    rows = dict(zip(PATIENTS, cohort.frame.index, strict=True))
    days = [(pd.Timestamp(end) - pd.Timestamp(zero)).days for zero, _, end, _ in known.values()]
    assert tte.index.tolist() == [rows[patient] for patient in known]
    assert [["", *tte.states][int(state)] for state in tte.state] == [label for _, label, _, _ in known.values()]
    assert [round(float(time) * 365.25 / 12) for time in tte.time] == days
    if start == "liver_treatment_date":
        assert [round(float(entry) * 365.25 / 12) for entry in tte.entry] == [40, 0]
    notes = [note for note in cohort.warnings if "left out of OS" in note.advice]
    assert [note.rows for note in notes] == [tuple(rows[patient] for patient in PATIENTS if patient not in known)]
    assert cohort.endpoint("os").index.size == 5
