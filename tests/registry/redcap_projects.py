"""Small REDCap projects, by hand: their dictionaries, plans and exports, as REDCap would write them."""

import csv
import io

from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.sources.redcap_dictionary import HEADINGS, read_dictionary

COLUMNS = {"name": 0, "form": 1, "section": 2, "type": 3, "label": 4, "choices": 5, "note": 6, "validation": 7, "minimum": 8, "maximum": 9,
           "identifier": 10, "branching": 11, "required": 12, "alignment": 13, "number": 14, "matrix": 15, "ranking": 16, "annotation": 17}  # fmt: skip


def field(name, form, type="text", label="", choices="", **more):
    row = [""] * 18
    for key, value in {"name": name, "form": form, "type": type, "label": label or name, "choices": choices, **more}.items():
        row[COLUMNS[key]] = value
    return row


def as_csv(rows, separator=","):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def dictionary_csv(fields, separator=",", machine=False):
    return as_csv([list(HEADINGS.values() if machine else HEADINGS), *fields], separator)


FIELDS = [
    field("record_id", "baseline", label="Record ID"),
    field("hospital_number", "baseline", label="Hospital number", identifier="y"),
    field("setting", "baseline", "radio", "Setting", "1, Adjuvant | 2, Unresectable", required="y"),
    field("sex", "baseline", "dropdown", '<div class="rich-text-field-label"><p>Sex</p></div>', "1, Male | 2, Female"),
    field("bmi", "baseline", "calc", "BMI", "[weight]/([height]/100)^2"),
    field("welcome", "baseline", "descriptive", "Thank you for registering this patient."),
    field("ras", "baseline", "radio", "RAS", "0, Wild type | 1, Mutated, any codon | 9, Unknown"),
    field("procedure", "baseline", "checkbox", "Concurrent procedure", "1, Resection | 2, Ablation | -1, Other | CHOL, Cholecystectomy"),
    field("smoker", "baseline", "yesno", "Smoker"),
    field("pump_date", "baseline", label="Pump placement", validation="date_dmy"),
    field("last_contact_date", "followup", label="Last contact", validation="date_ymd"),
    field("death_date", "followup", label="Death", validation="date_mdy"),
    field("complication_date", "complications", label="Date", validation="date_ymd"),
    field("complication_kind", "complications", "dropdown", "Kind", "1, Arterial thrombosis | 2, Bleeding"),
    field("treated", "complications", "checkbox", "Treated by", "1, Surgery | 2, Radiology"),
    field("imaging_date", "imaging", label="Date", validation="date_ymd"),
    field("recist", "imaging", "radio", "RECIST", "1, Response | 2, Stable | 3, Progression"),
]
DICTIONARY = dictionary_csv(FIELDS)
PLAN = {
    "cohort": {"name": "Small project", "id": "record_id", "centre": "redcap_data_access_group", "setting": "setting",
               "setting_levels": {"1": "adjuvant", "2": "unresectable"}, "keys": ["hospital_number"]},
    "redcap": {"dictionary": "dictionary.csv"},
    "columns": {
        "sex": {"levels": {"1": "Male", "2": "Female"}},
        "ras": {"levels": {"0": "Wild type", "1": "Mutated"}},
        "bmi": {"kind": "number"},
        "procedure___1": {"label": "Resection", "levels": {"0": "No", "1": "Yes"}},
        "procedure____1": {"label": "Other procedure", "levels": {"0": "No", "1": "Yes"}},
        "procedure___chol": {"label": "Cholecystectomy", "levels": {"0": "No", "1": "Yes"}},
    },
    "tables": {
        "complications": {"label": "Complications", "instrument": "complications",
                          "columns": {"complication_date": {"kind": "date"}, "complication_kind": {"levels": {"1": "Arterial thrombosis", "2": "Bleeding"}}}},
        "imaging": {"label": "Imaging", "instrument": "imaging",
                    "columns": {"imaging_date": {"kind": "date"}, "recist": {"levels": {"1": "Response", "2": "Stable", "3": "Progression"}}}},
    },
    "missing": {"codes": ["9", "UNK"]},
    "endpoints": {"os": {"label": "Overall survival", "start": "pump_date", "last_seen": "last_contact_date", "events": {"Death": "death_date"}}},
}  # fmt: skip

# a classic project with two repeating instruments, data access groups and missing-data codes; procedure of record 3 is not known
HEADER = ["record_id", "redcap_repeat_instrument", "redcap_repeat_instance", "redcap_data_access_group", "hospital_number", "setting", "sex", "bmi", "ras",
          "procedure___1", "procedure___2", "procedure____1", "procedure___chol", "procedure___unk", "smoker", "pump_date", "baseline_complete",
          "last_contact_date", "death_date", "followup_complete", "complication_date", "complication_kind", "treated___1", "treated___2", "complications_complete",
          "imaging_date", "recist", "imaging_complete"]  # fmt: skip


def row(**cells):
    assert not set(cells) - set(HEADER)
    return [cells.get(name, "") for name in HEADER]


ROWS = [
    row(record_id="1", redcap_data_access_group="north", hospital_number="7700111", setting="1", sex="1", bmi="24.5", ras="0", procedure___1="1",
        procedure___2="0", procedure____1="1", procedure___chol="0", procedure___unk="0", smoker="0", pump_date="2019-01-10", baseline_complete="2",
        last_contact_date="2021-01-10", followup_complete="2"),
    row(record_id="1", redcap_repeat_instrument="complications", redcap_repeat_instance="1", redcap_data_access_group="north",
        complication_date="2019-02-01", complication_kind="1", treated___1="1", treated___2="0", complications_complete="2"),
    row(record_id="1", redcap_repeat_instrument="complications", redcap_repeat_instance="2", redcap_data_access_group="north",
        complication_date="2019-03-01", complication_kind="2", treated___1="0", treated___2="0", complications_complete="0"),
    row(record_id="1", redcap_repeat_instrument="imaging", redcap_repeat_instance="1", redcap_data_access_group="north", imaging_date="2019-04-01", recist="3",
        imaging_complete="2"),
    row(record_id="2", redcap_data_access_group="south", hospital_number="7700222", setting="2", sex="2", bmi="31", ras="9", procedure___1="0",
        procedure___2="0", procedure____1="0", procedure___chol="1", procedure___unk="0", smoker="1", pump_date="2019-05-10", baseline_complete="2",
        last_contact_date="2020-05-10", death_date="2020-05-10", followup_complete="0"),
    row(record_id="3", redcap_data_access_group="south", hospital_number="7700333", setting="2", sex="1", bmi="", ras="UNK", procedure___unk="1",
        smoker="UNK", pump_date="2019-06-10", baseline_complete="1", last_contact_date="2020-06-10", followup_complete="0"),
    row(record_id="3", redcap_repeat_instrument="imaging", redcap_repeat_instance="1", redcap_data_access_group="south", imaging_date="2019-09-01", recist="1",
        imaging_complete="0"),
]  # fmt: skip
EXPORT = as_csv([HEADER, *ROWS])


def changed(rows, number, **cells):
    """The rows with cells of one of them changed; `number` as a spreadsheet shows it."""
    rows = [list(one) for one in rows]
    for name, value in cells.items():
        rows[number - 2][HEADER.index(name)] = value
    return rows


def plan_with(**parts):
    """The plan with parts of it replaced or, of dictionaries, extended; None takes a key out."""
    content = {key: dict(value) for key, value in PLAN.items()}
    for part, keys in parts.items():
        content[part] = {key: value for key, value in {**content.get(part, {}), **keys}.items() if value is not None}
    return make_plan(content)


def dictionary(fields=FIELDS):
    return read_dictionary(dictionary_csv(fields), "dictionary.csv")
