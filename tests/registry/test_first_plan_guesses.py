"""What a first plan must never guess or write: free text, names, unreadable dates passed over, a time zero that makes patients immortal."""

import tomllib

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.errors import CohortError, PlanError
from haip_outcomes.registry.guessing.confirmations import unconfirmed
from haip_outcomes.registry.guessing.free_text import is_free_text, is_remarks
from haip_outcomes.registry.guessing.plan_proposal import first_plan
from haip_outcomes.registry.items import items
from haip_outcomes.registry.plan import load_plan, make_plan
from haip_outcomes.registry.read import read_cohort

N = 42
DAYS = pd.date_range("2015-03-05", periods=N, freq="37D")
DEATHS = [""] * 30 + [f"{day:%Y-%m-%d}" for day in (DAYS + pd.Timedelta("900D"))[30:]]
BASE = {
    "id": [f"p{i}" for i in range(N)], "setting": ["adjuvant", "unresectable"] * (N // 2), "Datum pomp": DAYS.strftime("%d-%m-%Y"),
    "Laatste contact": (DAYS + pd.Timedelta("900D")).strftime("%Y-%m-%d"), "Datum overlijden": DEATHS,
}  # fmt: skip


def plan_of(tmp_path, drop=(), **columns):
    frame = pd.DataFrame({**BASE, **columns}).drop(columns=list(drop))
    frame.to_csv(tmp_path / "file.csv", index=False, sep=";")
    return first_plan(tmp_path / "file.csv")


def top(text):
    """What stands before the first part, in one line."""
    return " ".join(line.lstrip("# ") for line in text.split("[cohort]")[0].splitlines())


def repeated(*texts):
    """The texts in turn, each in 14% of the rows, and nothing in the others."""
    return [texts[i % len(texts)] if i < 6 * len(texts) else "" for i in range(N)]


# ---- free text ----


@pytest.mark.parametrize("name", ["Opmerkingen", "remarks", "Comments", "notes", "Bemerkungen", "remarques", "observaciones", "OpmerkingenPomp", "Osservazioni", "free_text",
                                  "Toelichting", "Kommentare", "Anmerkung", "observações", "Vrije tekst"])  # fmt: skip
def test_a_column_called_remarks_is_left_out_whatever_it_holds(tmp_path, name):
    assert is_remarks(name)
    text = plan_of(tmp_path, **{name: repeated("goed", "matig")})
    assert "goed" not in text
    assert "matig" not in text
    assert name not in tomllib.loads(text)["columns"]
    assert name in text.split("Left out")[1]


SENTENCES = [
    "mw. Jansen belt elke week", "dhr Bakker", "Mrs Smith phones", "Frau Müller", "de heer en mevrouw de Vries", "Jansen belt elke week", "Jan Bakker", "J. de Boer",
    "Bakker, J.", "Señora García", "patient moved abroad and was not seen again", "prof. Visser", "seen by Janssen", "bel 06-12345678", "a.b@c.nl", "zie 8001234",
]  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
def test_sentences_and_names_of_persons_are_never_levels(tmp_path, sentence):
    assert is_free_text([sentence, "rustig"])
    text = plan_of(tmp_path, Beloop=repeated(sentence, "rustig"))
    assert sentence not in text
    assert "rustig" not in text, "nothing of such a column"
    assert "Beloop" in text.split("Left out")[1]


def test_surnames_in_a_column_of_doctors_are_left_out(tmp_path):
    text = plan_of(tmp_path, Chirurg=repeated("Bakker", "Visser", "Smit"))
    assert not any(surname in text for surname in ("Bakker", "Visser", "Smit"))


def test_levels_of_medicine_stay_levels(tmp_path):
    """Every meaning of a standard item, and what centres write beside them."""
    meanings = [label for item in items().values() for label in item.levels.values()]
    assert not [label for label in meanings if is_free_text([label])]
    usual = ["Right colon", "Left Colon", "Wild type", "left and right", "N+", "ASA III", "FOLFOX", "no residual tumour", "Lung metastases", "Erasmus MC", "pT3N1", "R0"]
    assert not [label for label in usual if is_free_text([label])]
    assert set(tomllib.loads(plan_of(tmp_path, kant=repeated("links", "rechts")))["columns"]["kant"]["levels"]) == {"links", "rechts"}


# ---- dates that can't be read, and time zero ----


def test_a_pump_date_with_years_of_two_digits_is_asked_and_stays_time_zero(tmp_path):
    text = plan_of(tmp_path, **{"Datum pomp": DAYS.strftime("%d-%m-%y"), "Datum diagnose": (DAYS - pd.Timedelta("200D")).strftime("%Y-%m-%d")})
    assert "BEFORE IT CAN BE USED" in text
    assert "dates that can be read in Datum pomp: years of two digits" in top(text)
    plan = make_plan(tomllib.loads(text))
    assert {recipe.start for recipe in plan.endpoints.values()} == {"Datum pomp"}
    with pytest.raises(CohortError) as caught:
        read_cohort(tmp_path / "file.csv", plan)
    assert {problem.column for problem in caught.value.problems} == {"Datum pomp"}


@pytest.mark.parametrize(("cells", "said"), [([str(42000 + 37 * i) for i in range(N)], "numbers of days, as Excel keeps dates"),
                                             ([f"{day:%Y%m%d}" for day in DAYS], "eight digits"),
                                             ([f"{day.day} januari {day.year}" for day in DAYS], "in another language")])  # fmt: skip
def test_other_dates_that_can_not_be_read_are_asked(tmp_path, cells, said):
    text = plan_of(tmp_path, **{"Datum pomp": cells})
    assert "dates that can be read in Datum pomp" in top(text)
    assert said in top(text)
    assert make_plan(tomllib.loads(text)).endpoints["os"].start == "Datum pomp"


def test_numbers_of_days_in_a_workbook_and_a_column_of_both_kinds(tmp_path):
    """Excel's own serial numbers, as numbers; and a column in which only some of the years have two digits."""
    mixed = [f"{day:%d-%m-%y}" if i % 3 else f"{day:%Y-%m-%d}" for i, day in enumerate(DAYS)]
    frame = pd.DataFrame({**BASE, "Datum pomp": [42000 + 37 * i for i in range(N)], "Datum leverprogressie": mixed})
    frame.to_excel(tmp_path / "file.xlsx", index=False)
    text = first_plan(tmp_path / "file.xlsx")
    assert "dates that can be read in Datum pomp: numbers of days" in top(text)
    assert "dates that can be read in Datum leverprogressie: years of two digits" in top(text)
    plan = make_plan(tomllib.loads(text))
    assert (plan.endpoints["liver"].start, plan.endpoints["liver"].events["Liver"]) == ("Datum pomp", "Datum leverprogressie")
    with pytest.raises(CohortError) as caught:
        read_cohort(tmp_path / "file.xlsx", plan)
    assert {"Datum pomp", "Datum leverprogressie"} <= {problem.column for problem in caught.value.problems}


def test_numbers_and_codes_are_not_taken_for_dates(tmp_path):
    text = plan_of(tmp_path, platelets=[str(20000 + 371 * i) for i in range(N)], days_to_date=[str(3 * i + 1) for i in range(N)])
    assert "BEFORE" not in text
    assert tomllib.loads(text)["columns"]["platelets"]["kind"] == "number"
    assert tomllib.loads(text)["columns"]["days_to_date"]["kind"] == "number"


def test_without_a_pump_date_the_diagnosis_never_becomes_time_zero(tmp_path):
    text = plan_of(tmp_path, drop=["Datum pomp"], **{"Datum diagnose": BASE["Datum pomp"], "Datum leverprogressie": DEATHS})
    assert "time zero (the date of pump placement" in top(text)
    assert "To count from Datum diagnose instead, write it as start and the date of the pump as entry" in top(text)
    starts = [line for line in text.splitlines() if line.startswith("start = ")]
    assert len(starts) >= 2
    assert all(line.startswith('start = "pump_date"  # CONFIRM: time zero: no column of pump placement was found') for line in starts)
    (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
    with pytest.raises((PlanError, CohortError), match="pump_date"):
        read_cohort(tmp_path / "file.csv", load_plan(tmp_path / "plan.toml"))


def test_times_with_flags_are_used_where_the_dates_have_no_time_zero(tmp_path):
    times = [f"{3 + 0.7 * i:.1f}" for i in range(N)]
    plan = make_plan(tomllib.loads(plan_of(tmp_path, drop=["Datum pomp"], os_months=times, overleden=["0", "1"] * (N // 2))))
    assert (plan.endpoints["os"].events["Death"].time, plan.endpoints["os"].events["Death"].flag) == ("os_months", "overleden")


# ---- guesses that were active and wrong ----


def test_status_is_not_the_nodes(tmp_path):
    text = plan_of(tmp_path, Status=["0", "1"] * (N // 2))
    column = tomllib.loads(text)["columns"]["Status"]
    assert "item" not in column
    assert column["levels"] == {"0": "0", "1": "1"}, "nobody knows whether 1 is dead"


@pytest.mark.parametrize("name", ["groep", "Group", "arm", "Gruppe", "indicatie"])
def test_groups_that_nothing_explains_are_asked(tmp_path, name):
    text = plan_of(tmp_path, drop=["setting", "Datum pomp"], **{name: ["1", "2"] * (N // 2)})
    assert "comparator" not in {str(tomllib.loads(text)["cohort"].get("setting"))}
    assert f'setting = "{name}"  # CONFIRM' in text
    assert '# setting_levels = { "1" = "adjuvant", "2" = "unresectable" }  # CONFIRM' in text
    assert "setting_levels" not in tomllib.loads(text)["cohort"]


def test_a_hospital_number_is_the_key_before_a_name(tmp_path):
    names = [f"Jansen{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(N)]
    for numbers in ([str(8000000 + 17 * i) for i in range(N)], ["8000000", *(str(8000000 + 17 * i) for i in range(N - 1))]):
        text = plan_of(tmp_path, drop=["id"], Naam=names, Ziekenhuisnummer=numbers)
        cohort = tomllib.loads(text)["cohort"]
        assert cohort["id"] == "Ziekenhuisnummer"
        assert cohort["keys"] == ["Naam"]
        assert not any(cell in text for cell in (*names, *numbers))


def test_what_says_no_is_the_reference(tmp_path):
    columns = {"Nstatus": ["N+", "N0"], "M": ["M1", "M0"], "margin": ["involved", "none"], "beeld": ["afwijkend", "geen afwijking"]}
    found = tomllib.loads(plan_of(tmp_path, **{name: cells * (N // 2) for name, cells in columns.items()}))["columns"]
    assert {name: list(found[name]["levels"]) for name in columns} == {name: cells[::-1] for name, cells in columns.items()}


def test_a_duration_beside_a_status_is_proposed_in_remarks(tmp_path):
    times = [f"{3 + 0.7 * i:.1f}".replace(".", ",") for i in range(N)]
    text = plan_of(tmp_path, drop=["Datum overlijden"], Status=["0", "1"] * (N // 2), **{"OS (mnd)": times})
    assert '# Death = { time = "OS (mnd)", flag = "Status", code = "1" }' in text
    assert "endpoints" not in tomllib.loads(text)
    block = text[text.index("# [endpoints.os]") : text.index("# ---- What is analysed")]
    confirmed = "\n".join(line for line in block.replace("# [", "[").splitlines() if "CONFIRM" not in line)
    confirmed = "\n".join(line.removeprefix("# ") for line in confirmed.splitlines() if "=" in line or "[" in line)
    plan = make_plan(tomllib.loads(text.replace(block, confirmed + "\n\n")))
    os = read_cohort(tmp_path / "file.csv", plan).endpoint("os")
    assert os.time.tolist() == pytest.approx([round(3 + 0.7 * i, 1) for i in range(N)])
    assert os.state.tolist() == [0, 1] * (N // 2)


def test_recist_in_two_letters(tmp_path):
    found = tomllib.loads(plan_of(tmp_path, Respons=["PD", "CR", "SD", "NE", "PR", "SD"] * 7))["columns"]["Respons"]["levels"]
    assert found == {"CR": "Complete response", "PR": "Partial response", "SD": "Stable disease", "PD": "Progressive disease", "NE": "Not evaluable"}
    assert list(found) == ["CR", "PR", "SD", "PD", "NE"]


def test_neither_a_constant_nor_an_outcome_is_proposed_for_curves():
    proposed = [line for line in first_plan("cohorts/demo_centre/demo.csv").splitlines() if line.startswith("groups = ")]
    assert proposed == ['groups = []  # CONFIRM: columns to draw curves by, for example "sex"']


# ---- SPSS and Stata ----


def labelled(path):
    import pyreadstat

    last = DAYS + pd.Timedelta("900D")
    frame = pd.DataFrame({
        "nr": np.arange(1, N + 1), "V2": [1, 2] * (N // 2), "V3": DAYS.date, "V4": last.date, "V5": [None] * 30 + list(last.date[30:]),
        "V6": [None] * 20 + list((DAYS + pd.Timedelta("400D")).date[20:]), "dead": [0] * 30 + [1] * 12, "synchr": [2, 1, 1] * (N // 3), "ras": [0, 1, -99] * (N // 3),
        "V9": repeated("mw. Jansen belt elke week", "goed"), "V10": [f"Bakker{chr(97 + i % 26)}{i // 26}" for i in range(N)],
    })  # fmt: skip
    titles = ["", "Groep", "Datum pompplaatsing", "Datum laatste contact", "Datum overlijden", "Datum extrahepatische progressie", "Overleden", "Synchroon", "RAS", "Opmerkingen",
              "Achternaam"]  # fmt: skip
    labels = {"V2": {1: "adjuvant", 2: "niet-resectabel"}, "dead": {0: "nee", 1: "ja"}, "synchr": {1: "ja", 2: "nee"}, "ras": {0: "Wild type", 1: "Mutated", -99: "onbekend"}}
    if path.suffix == ".sav":
        frame = frame.astype(dict.fromkeys(("nr", "V2", "dead", "synchr", "ras"), float))
        pyreadstat.write_sav(frame, str(path), column_labels=titles, variable_value_labels=labels, missing_ranges={"ras": [-99]})
    else:
        pyreadstat.write_dta(frame, str(path), column_labels=titles, variable_value_labels=labels)
    return first_plan(path)


@pytest.mark.parametrize("ending", ["sav", "dta"])
def test_titles_are_read_as_names_are_and_one_rule_holds_for_levels(tmp_path, ending):
    text = labelled(tmp_path / f"cohort.{ending}")
    found, plan = tomllib.loads(text), make_plan(tomllib.loads(text))
    assert plan.endpoints["extrahepatic"].events["Extrahepatic"] == "V6"
    assert {name: found["columns"][name]["levels"] for name in ("dead", "synchr", "ras")} == {
        "dead": {"0": "No", "1": "Yes"}, "synchr": {"2": "No", "1": "Yes"}, "ras": {"0": "Wild type", "1": "Mutated"}}  # fmt: skip
    assert list(found["columns"]["synchr"]["levels"]) == ["2", "1"]
    assert found["missing"]["codes"] == ["-99"]
    assert found["cohort"]["keys"] == ["V10"]
    for written in ("Jansen", "goed", "Bakker"):
        assert written not in text
    read_cohort(tmp_path / f"cohort.{ending}", plan)


def test_labels_that_name_persons_are_left_out(tmp_path):
    import pyreadstat

    frame = pd.DataFrame({"nr": np.arange(1.0, N + 1), "chirurg": [0.0, 1.0] * (N // 2), "wie": [1.0, 2.0] * (N // 2)})
    labels = {"chirurg": {0.0: "Bakker", 1.0: "Visser"}, "wie": {1.0: "dr. Smit", 2.0: "anders"}}
    pyreadstat.write_sav(frame, str(tmp_path / "cohort.sav"), variable_value_labels=labels)
    text = first_plan(tmp_path / "cohort.sav")
    assert not any(name in text for name in ("Bakker", "Visser", "Smit", "anders"))
    assert "columns" not in tomllib.loads(text)


def test_codes_that_the_file_declares_as_missing_are_offered(tmp_path):
    line = next(line for line in labelled(tmp_path / "cohort.sav").splitlines() if line.startswith("codes = "))
    assert line == 'codes = ["-99"]  # CONFIRM: besides an empty cell, these seem to mean not known; the file itself declares -99'


# ---- what nobody has confirmed ----


def test_guesses_that_wait_are_counted(tmp_path):
    text = first_plan("cohorts/demo_centre/demo.csv")
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    assert unconfirmed(path) == text.count("# CONFIRM:") > 50
    assert f"{unconfirmed(path)} lines with CONFIRM hold guesses" in top(text)
    path.write_text(text.replace("  # CONFIRM:", "  # read:").replace("# CONFIRM:", "#"), encoding="utf-8")
    assert unconfirmed(path) == 0


def test_remarks_and_addresses_are_never_the_key(tmp_path):
    from haip_outcomes.registry.guessing.plan_proposal import first_plan

    rows = [f"called on the {i}th day,H{1000 + i},Dorpsstraat {i},2019-01-{1 + i % 28:02d}" for i in range(30)]
    (tmp_path / "p.csv").write_text("\n".join(["remarks,hospital number,adres,pump_date", *rows]), encoding="utf-8")
    lines = first_plan(tmp_path / "p.csv").splitlines()
    (key,) = [line for line in lines if line.startswith("id = ")]
    assert '"hospital number"' in key
    (tmp_path / "q.csv").write_text("\n".join(["Opmerkingen,pump_date", *(f"belt op dag {i},2019-01-{1 + i % 28:02d}" for i in range(30))]), encoding="utf-8")
    assert not [line for line in first_plan(tmp_path / "q.csv").splitlines() if line.startswith("id = ")]
