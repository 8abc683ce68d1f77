"""Privacy: which columns are refused, which must pass, and that nothing of what they hold is said."""

import datetime
import random

import pandas as pd
import pytest
from one_column import converted, plan_with
from small_centre import HEADER, ROWS, SMALL_PLAN

from haip_outcomes.errors import CohortError
from haip_outcomes.registry.deriving.derived import derive
from haip_outcomes.registry.items import items
from haip_outcomes.registry.plan import load_plan, make_plan
from haip_outcomes.registry.privacy.identifying_contents import (
    are_persons,
    are_telephones,
    emails,
    looks_like_person,
)
from haip_outcomes.registry.privacy.identifying_names import looks_identifying
from haip_outcomes.registry.privacy.refusing import refused_columns
from haip_outcomes.registry.privacy.showing import holds_key, shown
from haip_outcomes.registry.read import read_cohort
from haip_outcomes.registry.sources.raw_table import RawTable

PLAN = plan_with()

IDENTIFYING = """
    name|Name|patient_name|PatientName|PATIENTNAME|Patient's name|first_name|FirstName|Last name|lastname|surname|Surname 2|full name|family_name|initials|Patient_Initials
    MRN|mrn_number|Hospital number|hospital_no|HospitalNumber|medical_record_number|Record number|chart_no|NHS number|NHSnumber|nhs_no|nhs|SSN|social_security|BSN|bsn_nummer
    patient_id|PatientID|Patient number|patient no|Patient ID (hospital)|case_number|accession number
    dob|DOB|date_of_birth|DateOfBirth|birth_date|Birthdate|birthday|date birth|phone|phone_number|mobile|mobile_phone|cell phone|tel|tel.nr|Telephone|fax|home phone
    email|e-mail|E-Mail address|eMail|emailAddress|mail|address|Address line 1|home_address|street|postcode|post code|Postal code|ZIP|zip_code|next_of_kin|contact person
    redcap_survey_identifier|passport_no|iban|contact_name|name_of_patient|spouse name|surgeon_name|user_name
    naam|Voornaam|achternaam|patientnaam|Naam patiënt|voorletters|initialen|geboortedatum|Geboorte datum|geboren_dag|patiëntnummer|patient_nr|ziekenhuisnummer|dossiernr
    telefoonnummer|telefoon_1|mobiel|e-mailadres|emailadres|adres|straat|huisnummer|burgerservicenummer|mailadres|contactpersoon naam
    Nachname|Vorname|Name des Patienten|Geburtsdatum|Geb.datum|geb_dat|Geburtstag|Telefon|Handynummer|Anschrift|Straße|PLZ|Postleitzahl|Fallnummer|Patienten-ID|Versichertennummer
    nom|Prénom|Nom de famille|nom_du_patient|date de naissance|Date_naissance|téléphone|numéro de téléphone|courriel|adresse|code postal|N° dossier|numéro de dossier|numéro de sécu
    nombre|Nombre y apellidos|nombre del paciente|apellido|Apellidos|fecha de nacimiento|teléfono|correo electrónico|dirección|código postal|número de historia|historia clínica|DNI
    nome|cognome|Nome e cognome|data di nascita|telefono|indirizzo|codice fiscale|cartella clinica|nome del paziente
""".strip()  # fmt: skip

HARMLESS = """
    record_id|study_id|id|subject_id|participant|studienummer|centre|hospital|site|hospital_name|Name of hospital|site_name|Centre name|naam ziekenhuis|nom_hopital|Klinik Name
    hospital_id|hospital_phone|site_email|clinic_address|drug_name|Drug name (generic)|regimen_name|nom du médicament|naam_geneesmiddel|nome farmaco|trial_name|study name|protocol_name|gene_name
    redcap_event_name|redcap_repeat_instrument|redcap_repeat_instance|redcap_data_access_group|event_name|file_name|field_name|variable name|device_name|nhs_trust|group_name
    birth_year|year_of_birth|BirthYear|yob|geboortejaar|Geburtsjahr|année de naissance|Jahr der Geburt|birth_weight|country_of_birth|age|age_at_birth
    last_contact_date|date_last_contact|contact_date|death_date|date_of_death|pump_date|operation_date|date_of_surgery|initial_dose|initial treatment|initially_unresectable
    nombre de métastases|nombre_metastases|nombre_cures|n_metastases|number_of_metastases|number_of_patients|number of lesions|mobile_lesion|portable_pump|cell_type|cell_count|t_cell
    sex|gender|setting|notes|comments|remark|anatomy|nomogram|nominal_dose|denominator|telomere|postoperative_complication|zipper|emailed|streetlight|adrenal|rename|tumour_size
    surgeon|operator|side|stage|KRAS|largest_cm|postop_day|first_cycle_date|last_imaging_date|first_line|family_history|last_dose|maiden_resection|number_resected|case_mix|medical_history
""".strip()  # fmt: skip


def names(text):
    return [name.strip() for name in text.replace("\n", "|").split("|") if name.strip()]


@pytest.mark.parametrize("name", names(IDENTIFYING))
def test_names_that_identify(name):
    assert looks_identifying(name)


@pytest.mark.parametrize("name", names(HARMLESS))
def test_names_that_do_not(name):
    assert not looks_identifying(name)


def test_no_standard_item_and_no_column_of_ours_is_refused():
    ours = [*items(), *load_plan("cohorts/demo_centre/plan.toml").kinds, *HEADER.split(",")]
    assert [name for name in ours if looks_identifying(name)] == []


def refused(columns, plan=PLAN, **table):
    n = len(next(iter(columns.values())))
    cells = pd.DataFrame(columns, index=pd.RangeIndex(2, 2 + n, name="row"), dtype=object)
    return refused_columns(RawTable("centre.csv", cells, **table), plan)


def test_a_refusal_names_the_column_and_the_way_out_and_nothing_of_the_cells():
    (problem,) = refused({"mrn": ["123456", "234567"], "age": ["61", "62"]})
    assert (problem.table, problem.column, problem.rows, problem.found, problem.severity) == ("centre.csv", "mrn", (), "", "error")
    assert (problem.expected, problem.kind) == ("no column that identifies patients", "identifies patients")
    assert 'keys = ["mrn"] in [cohort]' in problem.advice
    assert "123456" not in str(problem)


def test_all_at_once_used_or_not():
    plan = make_plan({**SMALL_PLAN, "columns": {**SMALL_PLAN["columns"], "initials": {"kind": "text"}}})
    found = refused({"surname": ["Jansen"], "initials": ["JJ"], "age": ["61"], "email": ["x"]}, plan)
    assert [problem.column for problem in found] == ["surname", "initials", "email"]
    assert "another name" in found[1].advice
    assert "keys" not in found[1].advice


def test_what_the_plan_declares_is_known():
    cells = {"key": ["A1"], "mrn": ["123456"], "Surname": ["Jansen"]}
    assert [p.column for p in refused(cells, plan_with(keys=["mrn"]))] == ["Surname"]
    assert refused(cells, plan_with(keys=["mrn", "Surname"])) == []
    assert refused({"patient_id": ["1"]}, plan_with(id="patient_id")) == []


def test_the_key_of_a_related_table_is_known():
    table = {"columns": {"complication_date": {"kind": "date"}}, "patient": "hospital_number", "sheet": "Complications"}
    cells = {"hospital_number": ["A1"], "complication_date": ["2019-03-31"]}
    (problem,) = refused(cells)
    assert problem.column == "hospital_number"
    assert "patient in [tables.NAME]" in problem.advice
    assert refused(cells, make_plan({**SMALL_PLAN, "tables": {"complications": table}})) == []


@pytest.mark.parametrize(("name", "cells"), [("phone", ["0", "1", ""]), ("NOM", ["Yes", "no", "UNK"]), ("email", [1.0, 0, None]), ("address", [True, False])])
def test_answers_are_no_contact_details(name, cells):
    assert refused({name: cells}) == []
    assert refused({name: [*cells, "2"]})


def test_a_column_without_a_cell_identifies_nobody():
    assert refused({"surname": [None, ""], "dob": ["", None], "email": ["", ""], "age": ["1", "2"]}) == []


def test_what_the_format_marks():
    assert [p.column for p in refused({"code_x": ["1"], "age": ["61"], "empty": [""]}, identifiers=("code_x", "empty"))] == ["code_x"]
    assert refused({"key": ["1"]}, identifiers=("key",)) == []


def test_what_the_format_calls_a_column():
    titles = {"v1": "Patient name", "v2": "Date of birth", "v3": "Year of birth", "v4": "Was the patient seen or called by phone?", "v5": "Hospital name"}
    cells = {"v1": ["x"], "v2": ["1950-03-02"], "v3": ["1950"], "v4": ["1"], "v5": ["x"]}
    assert [p.column for p in refused(cells, titles=titles)] == ["v1", "v2"]


@pytest.mark.parametrize(("name", "cells", "is_refused"), [
    ("birth_date", ["1950-03-02", "1961-12-31"], True), ("birth_date", ["02/03/1950", ""], True), ("birth_date", [datetime.datetime(1950, 3, 2), None], True),
    ("birth_date", ["1950", "1961"], False), ("birth_date", [1950.0, None], False), ("birth_date", ["1950", "UNK"], False), ("birth_date", ["somewhere", "1950"], True),
    ("birth_year", ["1950", "1961"], False), ("birth_year", ["1950", "1950-03-02"], True), ("geboortejaar", [datetime.date(1950, 3, 2)], True),
    ("birth", ["1950-03", "1961-04"], False), ("birth", ["2 March 1950", "1961-04"], True), ("born", ["1950", ""], False), ("country_of_birth", ["NL", "BE"], False),
    ("death_date", ["2019-03-31", "2020-01-01"], False),
])  # fmt: skip
def test_days_of_birth_and_years_of_birth(name, cells, is_refused):
    found = refused({name: cells})
    assert bool(found) == is_refused
    assert all("year of birth" in problem.advice for problem in found)


def test_a_typed_column_of_days_of_birth():
    cells = pd.DataFrame({"birth": pd.to_datetime(["1950-03-02", None]), "pump": pd.to_datetime(["2019-03-02", None]), "born": [1950.0, None]})
    assert [p.column for p in refused_columns(RawTable("centre.parquet", cells), PLAN)] == ["birth"]


def test_one_e_mail_address_is_enough():
    (problem,) = refused({"remark": ["well", None, "write to j.jansen@example.org", 3], "note": ["5 @ 3 cm", "a@b", "", "@home"]})
    assert (problem.column, problem.rows, problem.found) == ("remark", (4,), "")
    assert "example.org" not in str(problem)
    assert emails(["x", "a.b@c.nl", "no@domain"]) == {"a.b@c.nl"}


@pytest.mark.parametrize("cells", [
    ["+31 6 12345678", "+32 475 12 34 56", ""], ["06-12345678", "06 12 34 56 78", "0612345678"], ["030-1234567", "(020) 123 4567", "0201234567"],
    ["0031612345678", "0049 151 23456789"], ["555-234-5678", "(212) 555-0123", "212.555.0123"], ["020 7946 0958", "07700 900123"], ["06.12.34.56.78"],
])  # fmt: skip
def test_telephone_numbers(cells):
    assert are_telephones([cell for cell in cells if cell])
    assert refused({"column_x": cells})[0].advice.startswith("it holds telephone numbers")


@pytest.mark.parametrize("cells", [
    ["2019-03-31", "31-03-2019", "01-02-2019"], ["01/02/2019 10:30", "2019-03-31 14:05:00"], ["0.123456789", "0.987654321"], ["12.5", "1234567890"],
    ["0000012345", "0000012346"], ["1", "0", "00"], ["A1", "B2"], ["5-FU 2600 mg", "85 mg/m2"], ["1234567890123456", "20190331"], ["3-4-2019", "04-05-2019"],
    ["12-2019", "2019"], ["0123", "01 23"],
])  # fmt: skip
def test_no_telephone_numbers(cells):
    assert not are_telephones(cells)
    assert refused({"column_x": cells}) == []


PERSONS = ["Jansen, Jan", "de Vries, Piet", "van den Berg, Anna Maria", "O'Brien, Kathleen", "Müller, Jürgen", "García López, María", "SMITH, JOHN", "Bakker, J.P.",
           "Rossi, Giulia", "Lefèvre, Hélène", "Visser-Smit, Els", "Nguyen, Thi"]  # fmt: skip


def test_names_of_persons_in_a_column_of_any_name():
    (problem,) = refused({"column_x": [*PERSONS, "", "UNK"]})
    assert (problem.column, problem.rows, problem.found) == ("column_x", (), "")
    assert "Jansen" not in str(problem)
    assert are_persons(PERSONS * 3)  # a row a cycle
    plan = make_plan({**SMALL_PLAN, "columns": {**SMALL_PLAN["columns"], "column_x": {"kind": "text"}}})
    assert "another name" in refused({"column_x": PERSONS}, plan)[0].advice  # also where the plan reads it: it could be printed
    assert refused({"column_x": [f"Remark, number {i}" for i in range(60)]}, plan) == []


@pytest.mark.parametrize("cells", [
    ["Oxaliplatin, Irinotecan", "Capecitabine, Bevacizumab", "Folfox, Cetuximab", "Irinotecan, Panitumumab", "Floxuridine, Dexamethasone"],
    ["FOLFOX, Bevacizumab", "FOLFIRI, Cetuximab", "CAPOX, Aspirin", "Trifluridine, Tipiracil"],
    ["Liver, Lung", "Lung, Bone", "Peritoneum, Liver", "Brain, Adrenal", "Ovary, Spleen"],
    ["Boston, Massachusetts", "Rotterdam, Netherlands", "New York, USA", "Paris, France", "Toronto, Ontario"],
    ["Erasmus MC, Rotterdam", "University Hospital, Leuven", "Memorial Sloan Kettering, New York", "Duke University, Durham", "Charité Klinik, Berlin"],
    ["Wound infection, Ileus", "Bile leak, Abscess", "Pneumonia, Sepsis", "Bleeding, Pain"],
    ["Right, Left", "Left, Right", "Right, Bilateral", "Left, Central"],
    ["Complete, R0", "Partial, R1", "Complete, R1"],
    ["Yes, partly", "No, never", "Yes, wholly", "Unknown, lost"],
    ["Hypertension, Diabetes", "Asthma, COPD", "Diabetes, Asthma", "Angina, Gout", "Hypertension, Gout"],
    ["Stopped, Toxicity", "Stopped, Progression", "Paused, Toxicity", "Paused, Holiday"] * 20,
    ["Jansen, Jan", "Jansen, Jan"], ["Jansen", "de Vries"], ["well", "tired, but well"], [], ["Segment II, III", "Segment IV, V"],
    ["Wild type, KRAS", "Mutated, NRAS", "Mutated, BRAF"], ["1, 2", "2, 3"], ["Amsterdam, Utrecht", "Utrecht, Leiden", "Leiden, Amsterdam"],
])  # fmt: skip
def test_drugs_sites_places_and_complications_are_no_persons(cells):
    assert not are_persons(cells)
    if cells:
        assert refused({"column_x": cells}) == []


def test_a_large_table_is_sampled_and_still_refused():
    rng = random.Random(5)
    surnames, given = (["".join(rng.choices("aeiou" if i % 2 else "bdklmnrst", k=1)[0] for i in range(6)).title() for _ in range(300)] for _ in range(2))
    cells = [""] * 20_000
    for i in range(0, 20_000, 40):
        cells[i + 7] = f"{rng.choice(surnames)}, {rng.choice(given)}"
    assert [p.column for p in refused({"column_x": cells, "column_y": ["Lung", "Liver"] * 10_000})] == ["column_x"]


def test_the_small_centre_passes():
    cells = pd.DataFrame([row.split(",") for row in ROWS], columns=HEADER.split(","), dtype=object)
    assert refused_columns(RawTable("small.csv", cells), PLAN) == []


def test_the_demonstration_passes():
    cells = pd.read_csv("cohorts/demo_centre/demo.csv", dtype=object, keep_default_na=False)
    assert refused_columns(RawTable("demo.csv", cells), load_plan("cohorts/demo_centre/plan.toml")) == []


def test_cells_that_are_lists():
    assert refused({"column_x": [[1, 2], {"a": 1}, None], "email": [["x"], None, None]})[0].column == "email"


CATEGORY = make_plan({**SMALL_PLAN, "columns": {**SMALL_PLAN["columns"], "column_x": {"kind": "category"}}})


@pytest.mark.parametrize(("cells", "rows"), [
    (["A1", "A2", "A3", "A4"], ()),  # a copy of the keys
    (["Left", "twin of zqx-0009", "Right", "ZQX0009"], (3, 5)),
    (["Left", "91820004", "Right", "see 91820004"], (3, 5)),
    (["2012", "2013", "2012", "Left"], None),  # years, although there is a patient 2012
    (["1", "2", "1", "UNK"], None),
])  # fmt: skip
def test_a_category_without_levels_may_hold_no_keys(cells, rows):
    table = {"key": ["A1", "A2", "A3", "A4"], "column_x": cells}
    found = refused_columns(RawTable("centre.csv", pd.DataFrame(table, index=range(2, 6))), CATEGORY, frozenset({"ZQX 0009", "91820004", "2012"}))
    assert [(p.column, p.rows, p.kind) for p in found] == ([] if rows is None else [("column_x", rows, "identifies patients")])
    assert not any(cell in str(found) for cell in cells)
    labelled = RawTable("centre.sav", pd.DataFrame(table, index=range(2, 6)), labels={"column_x": {"1": "One"}})
    assert refused_columns(labelled, CATEGORY, frozenset({"91820004"})) == []  # what is no label of the file is a problem of its own


def test_short_keys_that_are_repeated_as_a_category():
    keys = [str(i) for i in range(1, 31)]
    assert [p.column for p in refused({"key": keys, "column_x": keys}, CATEGORY)] == ["column_x"]
    assert refused({"key": keys, "column_x": ["1", "2", "3"] * 10}, CATEGORY) == []


def test_a_category_without_levels_and_with_fifty_values_and_more():
    assert refused({"column_x": [f"value {i % 50}" for i in range(200)] + ["", "UNK"]}, CATEGORY) == []
    (problem,) = refused({"column_x": [f"value {i}" for i in range(51)]}, CATEGORY)
    assert (problem.found, problem.kind, problem.severity) == ("51 different values", "too many levels", "error")
    assert 'kind = "text"' in problem.advice


KEYS = frozenset({"91820004", "0091824", "ZQX-00004", "ZQX 12345", "zq4", "2012", "9182", "Smith", "caf\u00e91", "7", "A1", "12.05", "\u2642\u2642"})


@pytest.mark.parametrize("text", [
    "91820004", "pt 91820004 5cm", "x91820004", "x91820004y", "0091824", "91824", "0000091824", "91820004.5", "91.820.004", "91,820,004", "91 82 0004", "9182 mm", "2012", "in 2012",
    "zqx-00004", "ZQX00004", "see zqx 00004!", "ZQX12345", "ZQX_12345", "\uff3a\uff31\uff38-12345", "pt zq4 5cm", "ZQ4", "pt zq 4", "Smithson", "SMITH", "cafe\u03011", "A1", "see a1", "12.05", "see 12.05", "\u2642\u2642",
])  # fmt: skip
def test_texts_that_hold_a_key(text):
    assert holds_key(text, KEYS)
    assert shown([text], KEYS) == "(a patient's key)"


@pytest.mark.parametrize("text", [
    "2012-03-04", "31/04/2012", "2012-13-13", "31 Mar 2012", "918200045", "191820004", "7", "7 mm", "12.5", "91.82", "zqx", "zq45", "xzq4", "ZQX 1234", "5 cm", "a 1000",
])  # fmt: skip
def test_texts_that_hold_none(text):
    assert not holds_key(text, KEYS)
    assert shown([text], KEYS) == text


def test_many_keys_are_looked_up_and_not_compared():
    for keys in (frozenset(f"MRN {i:07d}" for i in range(100_000)), frozenset(f"{i:07d}" for i in range(100_000))):
        assert sum(holds_key(f"remark {i} about mrn0{i:06d} and more", keys) for i in range(0, 200_000, 50)) == 2000


@pytest.mark.parametrize("kind", ["number", "date", "flag", "setting", "code"])
def test_nobody_who_was_typed_into_a_wrong_column_is_shown(kind):
    typed = ["j.jansen@example.org", "Jansen, Jan", "Jan Jansen", "Mrs de Vries called", "Jansen, Jan 02-03-1950", "+31 6 12345678", "soon"]
    result = converted(["1", *typed], kind)
    told = str([problem for problem in result.problems if problem.severity == "error"])
    assert not any(word in told for word in ("ansen", "Vries", "example", "1950", "12345678"))
    assert "(hidden: looks like an e-mail address)" in told
    assert "(hidden: looks like a name)" in told
    assert "'soon'" in told


def test_names_that_the_plan_or_the_file_knows_are_shown():
    result = converted(["Anna Karenina", "x"], "category", levels={"1": "Anna Karenina"})
    assert [problem.found for problem in result.problems] == ["Anna Karenina", "x"]


@pytest.mark.parametrize(("text", "somebody"), [
    ("Jansen, Jan", True), ("Jan Jansen", True), ("Jan  Jansen", True), ("J.P. Jansen", True), ("van den Berg, Anna", True), ("Piet de Vries", True), ("SMITH JOHN", True),
    ("seen by dr. Smith", True), ("Frau M\u00fcller", True), ("Jansen", False), ("Wild Type", False), ("Stable Disease", False), ("Right Colon", False), ("not known", False),
    ("Not Known", False), ("31 Mar 2019", False), ("Mar 2019", False), ("12.5 mg", False), ("KRAS", False), ("", False), ("a" * 5000, False), ("A b " * 500, False),
])  # fmt: skip
def test_what_looks_like_a_name(text, somebody):
    assert looks_like_person(text) == somebody


def test_a_part_that_can_not_be_and_is_a_key_is_not_shown(tmp_path):
    frame = pd.DataFrame({"setting": "adjuvant", "height": [7654321.0, -12.5], "weight": [70.0, 70.0]}, index=[2, 3])
    columns = {"height": {"kind": "number", "item": "height_cm"}, "weight": {"kind": "number", "item": "weight_kg"}}
    plan = make_plan({**SMALL_PLAN, "columns": {**SMALL_PLAN["columns"], **columns}, "derived": {"bmi": {"formula": "bmi"}}})
    (problem,) = derive(frame, {}, plan).problems
    assert problem.cells == ("7654321", "-12.5")
    (problem,) = derive(frame, {}, plan, keys=frozenset({"7654321"})).problems
    assert (problem.cells, problem.found) == (("(a patient's key)", "-12.5"), "(a patient's key) and -12.5")


def test_a_whole_file_tells_no_key_and_no_name(tmp_path):
    rows = ["ZQX-0001,adjuvant,zqx 0001 61,0,2019-01-01,,2019-12-01,2021-01-01,", "ZQX-0002,Jan Jansen,55,x,j@example.org,,2019-08-01,2020-02-01,",
            "ZQX-0003,adjuvant,x91820004,ZQX0002,2019-03-01,,2020-03-01,2020-06-01,"]  # fmt: skip
    (tmp_path / "centre.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    with pytest.raises(CohortError) as caught:
        read_cohort(tmp_path / "centre.csv", PLAN)
    told = "\n".join([str(caught.value), *map(str, caught.value.problems)]).casefold()
    assert not any(word in told for word in ("zqx", "jansen", "example"))


@pytest.mark.parametrize(("cells", "refused"), [
    (["Piet Jansen", "Kees Bakker", "Jan Smit"], True), (["low", "high", "Jansen, Piet"], True), (["Left colon", "Right colon", "Rectum"], False),
    (["low", "high", "Piet Jansen", "medium"], False),
])  # fmt: skip
def test_names_among_the_values_that_would_be_printed(write, cells, refused):
    import copy

    from small_centre import HEADER, ROWS, SMALL_PLAN

    from haip_outcomes.registry.plan import make_plan
    from haip_outcomes.registry.read import read_cohort

    plan = copy.deepcopy(SMALL_PLAN)
    plan["columns"]["surgery"] = {"kind": "category"}
    lines = [f"{HEADER};surgery".replace(",", ";"), *(f"{row};{cells[i % len(cells)]}".replace(",", ";", row.count(",")) for i, row in enumerate(ROWS))]
    path = write(lines)
    if refused:
        with pytest.raises(CohortError) as caught:
            read_cohort(path, make_plan(plan))
        assert [(p.column, p.found) for p in caught.value.problems] == [("surgery", "")]
    else:
        assert read_cohort(path, make_plan(plan))["surgery"].notna().all()
