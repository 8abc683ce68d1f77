"""The first plan: what it guesses on known files, that it says so, that it loads or says why not, and that no patient stands in it."""

import csv
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haip_outcomes.errors import CohortError, PlanError
from haip_outcomes.registry.guessing.columns import wide_range
from haip_outcomes.registry.guessing.names import likeness
from haip_outcomes.registry.guessing.plan_proposal import first_plan
from haip_outcomes.registry.items import items
from haip_outcomes.registry.plan import load_plan, make_plan
from haip_outcomes.registry.read import read_cohort

DEMO = "cohorts/demo_centre/demo.csv"
DICTIONARY = "cohorts/haip_registry/haip_data_dictionary.csv"


def content(text):
    return tomllib.loads(text)


def lines_of(text, part):
    """The lines under a heading, up to the next."""
    return re.split(r"\n\[", text.split(f"\n{part}\n", 1)[1], maxsplit=1)[0].strip().splitlines()


@pytest.fixture(scope="module")
def demo():
    return first_plan(DEMO)


# ---- the demonstration cohort: the shipped plan is the truth ----


def test_the_first_plan_of_the_demonstration_cohort_loads_and_has_its_endpoints(demo, tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(demo, encoding="utf-8")
    plan, shipped = load_plan(path), load_plan("cohorts/demo_centre/plan.toml")
    assert "BEFORE IT CAN BE USED" not in demo
    for name in ("os", "liver", "hepatic_pfs", "first_site"):
        assert plan.endpoints[name] == shipped.endpoints[name], name
    assert plan.cohort.id == shipped.cohort.id
    assert plan.cohort.centre == shipped.cohort.centre
    assert set(plan.missing.codes) == set(shipped.missing.codes)
    for name in ("postop_complication", "pump_complication", "biliary_sclerosis", "first_cycle_delivered", "conversion_to_resection"):
        assert plan.programme[name].column == shipped.programme[name].column
    for name in set(plan.columns) & set(shipped.columns):
        assert plan.columns[name].resolved == shipped.columns[name].resolved, name
    for name in ("sex", "node_positive", "synchronous", "extrahepatic_disease", "converted_to_resection"):
        assert plan.columns[name].levels == shipped.columns[name].levels, name


def test_it_reads_the_demonstration_cohort_and_gives_the_same_survival(demo):
    first, shipped = read_cohort(DEMO, make_plan(content(demo))), read_cohort(DEMO, "cohorts/demo_centre/plan.toml")
    for name in shipped.plan.endpoints:
        one, other = first.endpoint(name), shipped.endpoint(name)
        assert np.array_equal(one.time, other.time), name
        assert np.array_equal(one.state, other.state), name


def test_its_columns_are_matched_with_the_standard_items(demo):
    found = {name: column["item"] for name, column in content(demo)["columns"].items() if "item" in column}
    assert found == {
        "sex": "sex", "node_positive": "node_positive", "synchronous": "synchronous", "disease_free_interval": "disease_free_interval_months",
        "n_metastases": "n_metastases", "largest_cm": "largest_cm", "cea": "cea_ug_l", "prior_lines": "prior_lines", "pump_date": "pump_date",
        "first_cycle_date": "first_cycle_date", "last_imaging_date": "last_imaging_date", "last_contact_date": "last_contact_date", "death_date": "death_date",
        "conversion_date": "conversion_date",
    }  # fmt: skip


def test_every_guess_is_marked_on_its_line(demo):
    """A line without a mark holds nothing that was guessed: labels, headings, and what is the same for every file."""
    fixed = r"(\[.*|#.*|label = .*|take = .*|columns = .*|settings = .*|)"
    unmarked = [line for line in demo.splitlines() if "# CONFIRM: " not in line and not re.fullmatch(fixed, line)]
    assert unmarked == []
    assert f"{demo.count('# CONFIRM:')} lines with CONFIRM" in " ".join(demo.splitlines()[:3]).replace("# ", "")


def test_the_order_of_the_dates_is_told(demo):
    told = " ".join(line.lstrip("# ") for line in demo.splitlines() if line.startswith("#"))
    order = re.search(r"usually fall: (.*?)\.", told)[1].split(", ")
    assert order[0] == "pump_date"
    assert order[1] == "first_cycle_date"
    assert order[-1] == "last_contact_date"
    assert set(order) == {
        "pump_date",
        "first_cycle_date",
        "conversion_date",
        "liver_event_date",
        "extrahepatic_event_date",
        "last_imaging_date",
        "death_date",
        "last_contact_date",
    }


# ---- the public workbook ----


def test_the_public_workbook_gets_the_endpoints_of_its_plan(workbook):
    text = first_plan(workbook)
    plan, shipped = make_plan(content(text)), load_plan("cohorts/tcia_crlm/plan.toml")
    assert "BEFORE IT CAN BE USED" not in text
    assert plan.cohort.id == "Patient-ID"
    assert plan.cohort.setting_column is None
    assert plan.cohort.setting.value == "comparator"
    for name, recipe in shipped.endpoints.items():
        assert (plan.endpoints[name].events, plan.endpoints[name].start, plan.endpoints[name].unit) == (
            recipe.events,
            recipe.start,
            recipe.unit,
        ), name
    assert plan.missing.codes == ("-999",)
    first = read_cohort(workbook, plan).endpoint("first_site")  # as R counts them: cohorts/tcia_crlm/README.md
    assert [int((first.state == k).sum()) for k in range(4)] == [59, 61, 70, 7]


# ---- a Dutch spreadsheet, by hand ----


DUTCH = [
    "Patiëntnummer;Achternaam;Geboortedatum;E-mail;Geslacht;Lengte (m);Gewicht;Grootste_metastase_mm;Aantal levermetastasen;Synchroon;Indicatie;"
    "Datum pompplaatsing;Datum laatste contact;Datum overlijden;Opmerkingen",
    "P1;Janssen;01-03-1950;a@b.nl;man;1,75;81,5;42;3;ja;adjuvant;13-01-2015;01-02-2017;;rustig beloop",
    "P2;De Vries;12-03-1951;b@b.nl;vrouw;1,64;70,1;18;1;nee;irresectabel;25-02-2015;03-03-2016;03-03-2016;",
    "P3;Bakker;11-04-1948;c@b.nl;man;1,81;92,0;55;7;nee;irresectabel;02-04-2015;30-11-2018;;weet niet",
    "P4;Visser;09-09-1962;d@b.nl;vrouw;1,70;66,3;23;2;onbekend;adjuvant;28-05-2015;05-06-2019;;",
    "P5;Smit;30-01-1944;e@b.nl;man;1,78;85,9;61;4;ja;irresectabel;17-06-2015;08-08-2016;08-08-2016;ontslagen",
    "P6;Meijer;22-07-1957;f@b.nl;vrouw;1,59;58,8;31;5;ja;irresectabel;21-07-2015;19-01-2020;;",
]


@pytest.fixture(scope="module")
def dutch(tmp_path_factory):
    path = tmp_path_factory.mktemp("dutch") / "pompen.csv"
    path.write_text("\n".join(DUTCH) + "\n", encoding="cp1252")
    return first_plan(path)


def test_a_dutch_spreadsheet_is_understood(dutch):
    found = content(dutch)
    assert found["cohort"]["id"] == "Patiëntnummer"
    assert found["cohort"]["setting"] == "Indicatie"
    assert found["cohort"]["setting_levels"] == {"adjuvant": "adjuvant", "irresectabel": "unresectable"}
    assert found["missing"]["codes"] == ["onbekend"]
    columns = found["columns"]
    assert {name: column.get("item") for name, column in columns.items()} == {
        "Geslacht": "sex", "Lengte (m)": None, "Gewicht": "weight_kg", "Grootste_metastase_mm": None, "Aantal levermetastasen": "n_metastases",
        "Synchroon": "synchronous", "Datum pompplaatsing": "pump_date", "Datum laatste contact": "last_contact_date", "Datum overlijden": "death_date",
    }  # fmt: skip
    assert columns["Geslacht"]["levels"] == {"man": "Male", "vrouw": "Female"}
    assert columns["Synchroon"]["levels"] == {"nee": "No", "ja": "Yes"}
    assert list(columns["Synchroon"]["levels"]) == ["nee", "ja"], "No is the reference"
    os = make_plan(found).endpoints["os"]
    assert (os.start, os.last_seen, os.events) == ("Datum pompplaatsing", "Datum laatste contact", {"Death": "Datum overlijden"})


def test_another_unit_is_named_and_never_taken_for_the_items(dutch):
    height, size = lines_of(dutch, '[columns."Lengte (m)"]'), lines_of(dutch, "[columns.Grootste_metastase_mm]")
    assert any(line.startswith('# item = "height_cm"  # CONFIRM: it seems to be this, in m: convert it to cm') for line in height)
    assert any(line.startswith('# item = "largest_cm"  # CONFIRM: it seems to be this, in mm') for line in size)
    assert content(dutch)["columns"]["Lengte (m)"]["unit"] == "m"
    assert content(dutch)["columns"]["Lengte (m)"]["range"] == [1, 2.5]  # 100 to 250 cm
    assert content(dutch)["columns"]["Grootste_metastase_mm"]["range"] == [0, 300]  # 0 to 30 cm


def test_columns_that_identify_are_named_and_nothing_of_what_they_hold_is_written(dutch):
    assert content(dutch)["cohort"]["keys"] == ["Achternaam", "Geboortedatum", "E-mail"]
    for line in DUTCH[1:]:
        key, name, born, mail, *_, remark = line.split(";")
        assert not any(cell in dutch for cell in (key, name, born, mail, remark) if cell)
    for cell in ("1,75", "81,5", "13-01-2015", "2015", "92"):
        assert cell not in dutch


# ---- SPSS, Stata, parquet, workbooks ----


def labelled_frame():
    return pd.DataFrame({
        "ID": np.arange(1.0, 21.0), "geschl": [1.0, 2.0] * 10, "setting": [1.0, 2.0, 2.0, 2.0] * 5, "Pumpendatum": pd.date_range("2015-01-05", periods=20, freq="31D").date,
        "letzterKontakt": pd.date_range("2019-01-05", periods=20, freq="17D").date, "Todesdatum": [pd.Timestamp("2018-12-01").date(), None] * 10,
        "ras": [0.0, 1.0, 9.0, 0.0] * 5, "CEA": np.linspace(2, 350, 20),
    })  # fmt: skip


LABELS = {
    "geschl": {1.0: "männlich", 2.0: "weiblich"},
    "ras": {0.0: "Wild type", 1.0: "Mutated", 9.0: "unbekannt"},
    "setting": {1.0: "Adjuvant", 2.0: "Unresectable"},
}


@pytest.mark.parametrize("ending", ["sav", "dta"])
def test_labels_of_spss_and_stata_are_used(tmp_path, ending):
    import pyreadstat

    path = tmp_path / f"kohorte.{ending}"
    if ending == "sav":
        pyreadstat.write_sav(labelled_frame(), str(path), variable_value_labels=LABELS)
    else:
        whole = labelled_frame().astype({"geschl": int, "ras": int, "setting": int})
        pyreadstat.write_dta(
            whole, str(path), variable_value_labels={name: {int(k): v for k, v in pairs.items()} for name, pairs in LABELS.items()}
        )
    found = content(first_plan(path))
    assert found["cohort"]["setting_levels"] == {"1": "adjuvant", "2": "unresectable"}
    assert found["columns"]["geschl"]["levels"] == {"1": "Male", "2": "Female"}
    assert found["columns"]["geschl"]["item"] == "sex"
    assert found["columns"]["ras"]["levels"] == {"0": "Wild type", "1": "Mutated", "9": "unbekannt"}
    assert found["columns"]["CEA"]["item"] == "cea_ug_l"
    os = make_plan(found).endpoints["os"]
    assert (os.start, os.last_seen, os.events["Death"]) == ("Pumpendatum", "letzterKontakt", "Todesdatum")


def test_a_label_that_means_not_known_is_asked(tmp_path):
    import pyreadstat

    pyreadstat.write_sav(labelled_frame(), str(tmp_path / "kohorte.sav"), variable_value_labels=LABELS)
    levels = next(line for line in lines_of(first_plan(tmp_path / "kohorte.sav"), "[columns.ras]") if line.startswith("levels"))
    assert "9 seems to mean not known" in levels


def test_parquet(tmp_path):
    frame = labelled_frame().assign(setting=["adjuvant", "unresectable"] * 10)
    frame.to_parquet(tmp_path / "cohort.parquet")
    plan = make_plan(content(first_plan(tmp_path / "cohort.parquet")))
    assert plan.cohort.id == "ID"
    assert plan.columns["Pumpendatum"].resolved == "date"
    assert "os" in plan.endpoints


def test_sheets_of_a_workbook_become_related_tables(tmp_path):
    path = tmp_path / "book.xlsx"
    days = pd.date_range("2016-01-01", periods=8, freq="40D")
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"Legend": ["1 is yes", "2 is no"]}).to_excel(book, sheet_name="Legend", index=False)
        pd.DataFrame({"record_id": range(1, 9), "setting": [1, 2] * 4, "pump_date": days, "last_contact_date": days + pd.Timedelta("900D"),
                      "death_date": [days[0] + pd.Timedelta("900D"), *[pd.NaT] * 7]}).to_excel(book, sheet_name="Patients", index=False)  # fmt: skip
        pd.DataFrame({"record_id": [1, 1, 2], "imaging_date": days[:3] + pd.Timedelta("99D"), "liver_progression": [0, 1, 1],
                      "extrahepatic_progression": [0, 0, 1]}).to_excel(book, sheet_name="Scans", index=False)  # fmt: skip
        pd.DataFrame({"record_id": [1, 3], "complication_date": days[:2], "complication_kind": [11, 1]}).to_excel(
            book, sheet_name="Compl", index=False
        )
    text = first_plan(path)
    plan = make_plan(content(text))
    assert plan.cohort.sheet == "Patients"
    assert {name: table.sheet for name, table in plan.tables.items()} == {"imaging": "Scans", "complications": "Compl"}
    assert plan.tables["complications"].columns["complication_kind"].levels == dict(items()["complication_kind"].levels)
    assert plan.derived["liver_event_date"].where == {"liver_progression": "Yes"}
    assert plan.endpoints["liver"].last_seen == "last_scan"
    assert set(plan.endpoints) == {"os", "liver", "hepatic_pfs", "extrahepatic", "first_site", "rfs", "pfs"}
    assert "Legend" in text.split("Left out")[1]


def test_a_derived_column_never_takes_the_name_of_a_column_of_the_file(tmp_path):
    events = {"liver_event_date": ["2020-12-01", *[""] * 5], "extrahepatic_event_date": ["", "2020-12-02", *[""] * 4], "progression_date": list("abcabc")}
    plan = make_plan(content(plan_of(tmp_path, setting=["adjuvant", "unresectable"] * 3, last_imaging_date=BASE["last_contact_date"], **events)))
    assert plan.columns["progression_date"].resolved == "category"
    assert plan.endpoints["pfs"].events["Progression"] == "progression_date_made"


# ---- REDCap ----


def test_the_standard_dictionary_gives_the_standard_items_and_endpoints():
    text = first_plan(DICTIONARY)
    plan, shipped = make_plan(content(text)), load_plan("cohorts/haip_registry/plan.toml")
    assert "what stands in the fields was not seen" in " ".join(text.split("\n#"))
    for name, column in shipped.columns.items():
        if name not in shipped.derived and name not in ("centre",):
            found = plan.columns[name]
            assert (found.item, found.resolved, found.range, dict(found.levels)) == (
                column.item,
                column.resolved,
                column.range,
                dict(column.levels),
            ), name
    for name, table in shipped.tables.items():
        assert {key: column.item for key, column in plan.tables[name].columns.items()} == {
            key: column.item for key, column in table.columns.items()
        }
        assert plan.tables[name].instrument == table.instrument
    assert plan.cohort.setting_levels == shipped.cohort.setting_levels
    assert set(plan.endpoints) == set(shipped.endpoints)
    for name, recipe in shipped.endpoints.items():
        assert (plan.endpoints[name].start, plan.endpoints[name].events) == (recipe.start, recipe.events), name


EXPORT = [
    [
        "record_id",
        "redcap_repeat_instrument",
        "redcap_repeat_instance",
        "setting",
        "pump_date",
        "last_contact_date",
        "death_date",
        "cycle_date",
        "cycle_dose_mg",
    ],
    *[[str(i), "", "", str(1 + i % 2), f"2020-0{i}-11", f"2022-0{i}-11", "", "", ""] for i in range(1, 7)],
    *[[str(i), "cycles", "1", "", "", "", "", f"2020-0{i + 1}-13", "150"] for i in range(1, 5)],
]


def write_export(path):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(EXPORT)
    return path


def test_a_raw_export_asks_for_its_dictionary(tmp_path):
    text = first_plan(write_export(tmp_path / "export.csv"))
    plan = make_plan(content(text))
    assert "download it from REDCap" in next(line for line in text.splitlines() if line.startswith("dictionary = "))
    assert plan.cohort.id == "record_id"
    assert plan.tables["cycles"].instrument == "cycles"
    assert set(plan.tables["cycles"].columns) == {"cycle_date", "cycle_dose_mg"}
    assert "cycle_date" not in plan.columns


def test_a_raw_export_is_read_with_the_dictionary_beside_it(tmp_path):
    path = write_export(tmp_path / "export.csv")
    (tmp_path / "dictionary.csv").write_bytes(Path(DICTIONARY).read_bytes())
    plan = make_plan(content(first_plan(path)))
    assert plan.redcap.dictionary == "dictionary.csv"
    assert set(plan.tables) == {"cycles"}, "only what repeats in the export"
    assert plan.columns["sex"].levels == {"1": "Male", "2": "Female"}


def test_fields_that_redcap_marks_as_identifying_become_keys(tmp_path):
    lines = Path(DICTIONARY).read_text(encoding="utf-8").splitlines()
    lines.insert(2, "local_code,baseline,,text,Local code,,,,,,y,,,,,,,")
    (tmp_path / "dictionary.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = first_plan(tmp_path / "dictionary.csv")
    assert content(text)["cohort"]["keys"] == ["local_code"]
    assert "local_code" not in content(text)["columns"]
    assert "identifying: the file marks it as identifying: local_code" in text


def test_a_longitudinal_export_is_looked_at(tmp_path):
    rows = [["record_id", "redcap_event_name", "sex", "pump_date"], ["1", "baseline_arm_1", "1", ""], ["1", "surgery_arm_1", "", "2020-02-03"],
            ["2", "baseline_arm_1", "2", ""], ["2", "surgery_arm_1", "", "2020-03-04"]]  # fmt: skip
    with (tmp_path / "long.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    found = content(first_plan(tmp_path / "long.csv"))
    assert found["cohort"]["id"] == "record_id"
    assert set(found["columns"]) == {"sex", "pump_date"}


# ---- what can not be guessed is asked ----


BASE = {"id": ["a1", "b2", "c3", "d4", "e5", "f6"], "pump_date": ["2020-01-13", "2020-02-14", "2020-03-15", "2020-04-16", "2020-05-17", "2020-06-18"],
        "last_contact_date": ["2021-01-13", "2021-02-14", "2021-03-15", "2021-04-16", "2021-05-17", "2021-06-18"], "death_date": ["2021-01-13", "", "", "", "", ""]}  # fmt: skip


def plan_of(tmp_path, **columns):
    frame = pd.DataFrame({**BASE, **columns})
    frame.to_csv(tmp_path / "file.csv", index=False)
    return first_plan(tmp_path / "file.csv")


def test_a_setting_in_codes_that_nothing_explains_is_not_guessed(tmp_path):
    text = plan_of(tmp_path, setting=["A", "B", "A", "B", "A", "B"])
    assert '# setting_levels = { "1" = "adjuvant", "2" = "unresectable" }  # CONFIRM: what do its codes mean?' in text
    assert "setting_levels" not in content(text)["cohort"]


def test_a_file_that_does_not_say_the_setting_says_so_at_its_top(tmp_path):
    text = plan_of(tmp_path, x=["1", "0"] * 3)
    assert text.index("BEFORE IT CAN BE USED") < text.index("[cohort]")
    assert "[cohort] setting: is needed" in text
    with pytest.raises(PlanError, match="setting"):
        make_plan(content(text))


def test_without_dates_of_death_it_says_what_is_lacking(tmp_path):
    pd.DataFrame({"id": ["a", "b", "c"], "pump_date": BASE["pump_date"][:3], "sex": ["M", "F", "M"]}).to_csv(tmp_path / "short.csv", index=False)
    top = first_plan(tmp_path / "short.csv").split("[cohort]")[0]
    assert "an endpoint: no columns were found for one" in top
    assert "the last contact" in top
    assert "death (a column of dates, empty while alive)" in top


def test_dates_that_prove_no_order_are_asked(tmp_path):
    text = plan_of(
        tmp_path,
        setting=["adjuvant", "unresectable"] * 3,
        diagnosis_date=["01/02/2019", "03/04/2019", "05/06/2019", "07/08/2019", "09/10/2019", "11/12/2019"],
    )
    assert '# date_format = "%d/%m/%Y"  # CONFIRM' in text
    assert "date_format" not in content(text)["cohort"]
    assert "nothing in it proves" in "".join(lines_of(text, "[columns.diagnosis_date]"))


def test_dates_without_a_day_are_asked(tmp_path):
    text = plan_of(
        tmp_path,
        setting=["adjuvant", "unresectable"] * 3,
        diagnosis_date=["2019-02", "2019-03-04", "2019-04", "2019-05-06", "2019-06-07", "2019-07-08"],
    )
    assert '# partial = "mid-month"  # CONFIRM' in text
    assert "2 dates without a day" in "".join(lines_of(text, "[columns.diagnosis_date]"))


def test_a_code_that_is_a_value_elsewhere_is_no_missing_code(tmp_path):
    text = plan_of(
        tmp_path,
        setting=["adjuvant", "unresectable"] * 3,
        cea=["3", "999", "7", "8.1", "12", "999"],
        platelets=["300", "999", "250", "410", "700", "820"],
    )
    assert content(text)["missing"]["codes"] == []
    assert 'CONFIRM: 999 seems to mean "not known" in one column and is a value in another' in text


@pytest.mark.parametrize("code", ["-999", "-99", "UNK", "onbekend", "n/a", "inconnu", "9999"])
def test_what_stands_for_not_known(tmp_path, code):
    text = plan_of(tmp_path, setting=["adjuvant", "unresectable"] * 3, cea=["3", code, "7", "8.1", "12", "4"])
    assert content(text)["missing"]["codes"] == [code]
    assert content(text)["columns"]["cea"]["item"] == "cea_ug_l"


def test_small_numbers_are_no_missing_codes(tmp_path):
    """A 9 can be a number of metastases: it is never declared for the whole file."""
    text = plan_of(
        tmp_path, setting=["adjuvant", "unresectable"] * 3, ras=["0", "1", "9", "0", "1", "0"], n_metastases=["1", "4", "9", "3", "2", "1"]
    )
    assert content(text)["missing"]["codes"] == []


def test_nobody_has_died_yet(tmp_path):
    """An empty column of deaths is one: without it a young registry would have no survival."""
    text = plan_of(tmp_path, setting=["adjuvant", "unresectable"] * 3, death_date=[""] * 6, notes=[""] * 6)
    assert make_plan(content(text)).endpoints["os"].events == {"Death": "death_date"}
    assert "its name only: no cell is filled" in "".join(lines_of(text, "[columns.death_date]"))
    assert "no cell is filled: notes" in text


def test_times_with_flags_in_another_unit_and_with_words(tmp_path):
    frame = pd.DataFrame(
        {"id": [f"p{i}" for i in range(8)], "follow_up_days": [100, 200, 300, 400, 500, 600, 700, 800], "vital_status": ["dead", "alive"] * 4}
    )
    frame.to_csv(tmp_path / "times.csv", index=False)
    plan = make_plan(content(first_plan(tmp_path / "times.csv")))
    event = plan.endpoints["os"].events["Death"]
    assert (event.time, event.flag, event.code, plan.endpoints["os"].unit) == ("follow_up_days", "vital_status", "dead", "days")


# ---- names ----


@pytest.mark.parametrize(("name", "item"), [
    ("Datum_overlijden", "death_date"), ("DateOfDeath", "death_date"), ("Todesdatum", "death_date"), ("date décès", "death_date"), ("fecha_defuncion", "death_date"),
    ("KOERPERGROESSE", "height_cm"), ("Körpergröße [cm]", "height_cm"), ("lengte_cm", "height_cm"), ("taille (cm)", "height_cm"), ("altezza", "height_cm"),
    ("last_fu_date", "last_contact_date"), ("Letzter Kontakt", "last_contact_date"), ("date_dernieres_nouvelles", "last_contact_date"),
    ("Pump Implantation Date", "pump_date"), ("aantal_metastasen", "n_metastases"), ("max_tumor_size_cm", "largest_cm"),
])  # fmt: skip
def test_names_in_several_languages(name, item):
    best = max(items().values(), key=lambda one: max(likeness(name, known) for known in (one.name, *one.synonyms)))
    assert best.name == item


@pytest.mark.parametrize(("one", "other"), [
    ("last cycle date", "first cycle date"), ("weight loss", "weight"), ("chemo_before_liver_resection", "liver resection"), ("complication_grade", "complication kind"),
    ("systemic start date", "systemic end date"), ("liver event date", "liver treatment date"),
])  # fmt: skip
def test_names_that_are_not_the_same(one, other):
    assert likeness(one, other) < 0.75


def test_ranges_are_rounded_outwards_by_hand():
    assert wide_range(27, 94) == (0, 100)
    assert wide_range(15, 100) == (0, 200), "not 100: the highest value of the file would be told"
    assert wide_range(0.02, 0.97) == (0, 1)
    assert wide_range(-30, -2) == (-50, 0)


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_ranges_hold_all_and_tell_none(one, other):
    low, high = sorted((one, other))
    least, most = wide_range(low, high)
    assert least <= low
    assert most >= high
    assert least != low or low == 0
    assert most != high or high == 0


# ---- bad files and any file ----


@pytest.mark.parametrize(("name", "body", "said"), [
    ("none.csv", None, "no such file"),
    ("old.doc", b"text", "a .csv, .xlsx, .parquet, .sav or .dta file"),
    ("empty.csv", b"", "an empty file"),
    ("names.csv", b"id,age\n", "column names and no patients"),
    ("values.csv", b"1,64,2012-03-04\n2,71,2013-04-05\n", "row 1 holds values, not names"),
    ("broken.xlsx", b"PK\x03\x04nonsense", "workbook"),
    ("broken.sav", b"$FL2 nonsense", "broken.sav"),
    ("broken.parquet", b"PAR1nonsense", "broken.parquet"),
])  # fmt: skip
def test_a_file_that_is_no_table_is_refused_in_words(tmp_path, name, body, said):
    if body is not None:
        (tmp_path / name).write_bytes(body)
    with pytest.raises(CohortError, match=re.escape(said)):
        first_plan(tmp_path / name)


_CELL = st.text(st.characters(blacklist_categories=("Cs",), max_codepoint=0x2FF), max_size=12)
_NAME = st.text(st.characters(blacklist_categories=("Cs",), max_codepoint=0x2FF), min_size=1, max_size=20).filter(
    lambda name: name.strip() == name
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_table_gives_valid_toml_or_a_refusal(tmp_path, data):
    names = data.draw(st.lists(_NAME, min_size=1, max_size=5, unique=True))
    rows = data.draw(st.lists(st.tuples(*[_CELL for _ in names]), min_size=1, max_size=8))
    path = tmp_path / "any.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    try:
        text = first_plan(path)
    except CohortError:
        return
    content(text)
    if "BEFORE IT CAN BE USED" not in text:
        make_plan(content(text))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("bcdfghjklmnpqrstvwxz", min_size=9, max_size=12), min_size=6, max_size=6, unique=True))
def test_different_texts_are_never_written(tmp_path, texts):
    text = plan_of(tmp_path, setting=["adjuvant", "unresectable"] * 3, remarks=texts)
    assert not any(cell in text for cell in texts)
    assert not any(cell in text for cell in BASE["id"])
