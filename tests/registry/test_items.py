"""The standard items: those that were agreed, coherent in themselves, and told apart by their names."""

import dataclasses
import re
from importlib.resources import files

import pytest

from haip_outcomes.registry.guessing.names import likeness, meaning
from haip_outcomes.registry.items import TABLES, items

NO_YES = {"0": "No", "1": "Yes"}
# as agreed for the package: name -> kind, or its levels
PATIENT = {
    "record_id": "key", "centre": "text", "setting": {"1": "adjuvant", "2": "unresectable", "3": "comparator"}, "birth_year": "number",
    "sex": {"1": "Male", "2": "Female"}, "height_cm": "number", "weight_kg": "number", "l3_muscle_area_cm2": "number", "diagnosis_date": "date", "pump_date": "date",
    "liver_treatment": {"0": "None", "1": "Resection", "2": "Ablation", "3": "Resection and ablation"}, "liver_treatment_date": "date",
    "complete_clearance": NO_YES, "conversion_date": "date", "systemic_start_date": "date", "systemic_end_date": "date", "first_cycle_date": "date",
    "last_cycle_date": "date", "pump_removal_date": "date", "pump_failure_date": "date", "last_imaging_date": "date", "last_contact_date": "date", "death_date": "date",
    "death_cause": {"1": "Liver metastases", "2": "Other progression", "3": "Treatment", "4": "Other", "9": "Unknown"}, "cea_ug_l": "number",
    "n_metastases": "number", "largest_cm": "number", "primary_side": {"1": "Right colon", "2": "Left colon", "3": "Rectum"}, "node_positive": NO_YES,
    "primary_resection_date": "date", "disease_free_interval_months": "number", "synchronous": NO_YES, "bilobar": NO_YES,
    "ras": {"0": "Wild type", "1": "Mutated"}, "braf": {"0": "Wild type", "1": "V600E mutated", "2": "Other mutation"}, "msi": {"0": "Stable", "1": "Instable"},
    "extrahepatic_disease": {"0": "None", "1": "One site", "2": "Several sites"}, "prior_lines": "number", "concurrent_systemic": NO_YES,
    "hepatic_artery_anatomy": {"1": "Standard", "2": "Replaced or accessory right", "3": "Replaced or accessory left", "4": "Both",
                               "5": "Replaced common hepatic artery", "6": "Other"},
    "approach": {"1": "Open", "2": "Laparoscopic", "3": "Robotic"},
    "concurrent_procedure": {"1": "Liver resection", "2": "Ablation", "3": "Primary resection", "4": "Cholecystectomy", "5": "Other"},
}  # fmt: skip
RELATED = {
    "complications": {
        "complication_date": "date", "clavien_dindo": {"1": "I", "2": "II", "3": "IIIa", "4": "IIIb", "5": "IVa", "6": "IVb", "7": "V"}, "salvaged": NO_YES,
        "complication_kind": {"1": "Arterial thrombosis", "2": "Arterial dissection", "3": "Bleeding", "4": "Extrahepatic perfusion", "5": "Pocket haematoma or seroma",
                              "6": "Pocket infection", "7": "Catheter dislodgement or erosion", "8": "Catheter occlusion", "9": "Slow flow or pump malfunction",
                              "10": "Flipped pump", "11": "Biliary sclerosis", "12": "Incomplete hepatic perfusion", "90": "Other"},
        "reoperation": NO_YES,
    },
    "cycles": {"cycle_date": "date", "cycle_dose_mg": "number"},
    "imaging": {
        "imaging_date": "date", "recist": {"1": "Complete response", "2": "Partial response", "3": "Stable disease", "4": "Progressive disease", "9": "Not evaluable"},
        "liver_progression": NO_YES, "extrahepatic_progression": NO_YES,
        "extrahepatic_site": {"1": "Lung", "2": "Peritoneum", "3": "Lymph nodes", "4": "Bone", "5": "Brain", "6": "Local recurrence", "7": "Several", "90": "Other"},
    },
}  # fmt: skip


def test_the_items_are_those_agreed_with_their_codes():
    agreed = {"patient": PATIENT, **RELATED}
    assert tuple(agreed) == TABLES
    for table, expected in agreed.items():
        found = {name: dict(item.levels) or item.kind for name, item in items().items() if item.table == table}
        assert found == expected, table


def test_units_stand_in_the_names_that_have_them():
    units = {"_cm": "cm", "_kg": "kg", "_cm2": "cm²", "_ug_l": "µg/L", "_months": "months", "_mg": "mg"}
    for name, item in items().items():
        ending = next((end for end in sorted(units, key=len, reverse=True) if name.endswith(end)), None)
        assert item.unit == (units[ending] if ending else ""), name
        assert not item.unit or item.label.endswith(item.unit), f"{item.label}: a label in print has its unit"


def test_every_number_has_a_believable_range_inside_a_possible_one():
    for item in items().values():
        if item.kind != "number":
            assert item.believable is item.possible is None
            continue
        (low, high), (least, most) = item.believable, item.possible
        assert least <= low < high <= most, item.name


def test_ranges_tell_likely_unit_errors():
    """What is meant to be caught, by hand: mm² for cm², m for cm, mm for cm, and a year for an age."""
    possible = {name: item.possible for name, item in items().items() if item.possible}
    for name, wrong, right in (
        ("l3_muscle_area_cm2", 14520, 145.2),
        ("height_cm", 1.75, 175),
        ("largest_cm", 42, 4.2),
        ("birth_year", 64, 1956),
    ):
        assert not possible[name][0] <= wrong <= possible[name][1]
        assert possible[name][0] <= right <= possible[name][1]


def test_they_can_not_be_changed():
    item = items()["sex"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        item.label = "Gender"
    with pytest.raises(TypeError):
        item.levels["3"] = "Other"
    with pytest.raises(TypeError):
        items()["sex"] = item


def test_every_item_is_explained_in_whole_sentences():
    for item in items().values():
        for text in (item.definition, item.how, item.when):
            assert re.fullmatch(r"[A-Z0-9].*[.)]", text, re.DOTALL), f"{item.name}: {text}"
        assert all((item.label, item.form, item.redcap_field))


def test_height_is_known_by_its_names_in_several_languages():
    known = items()["height_cm"].synonyms
    assert {"height", "length", "lengte", "Körpergröße", "taille", "talla", "altezza", "altura"} <= set(known)


@pytest.mark.parametrize("table", TABLES)
def test_no_name_belongs_to_two_items(table):
    """The same words for two items would make a match a matter of chance; kinds that differ (a date, a category) tell them apart."""
    seen = {}
    for item in items().values():
        if item.table == table and item.kind != "setting":
            for name in {item.name, *item.synonyms}:
                kind = "number" if item.kind == "number" else "date" if item.kind == "date" else "other"
                other = seen.setdefault(("".join(meaning(name)), kind), item.name)
                assert other == item.name, f"{name}: {other} and {item.name}"


def test_every_item_is_most_like_itself():
    for item in items().values():
        own = likeness(item.name, item.name)
        assert own == 1.0
        others = [other for other in items().values() if other.table == item.table and other.kind == item.kind and other is not item]
        assert max((likeness(item.name, name) for other in others for name in (other.name, *other.synonyms)), default=0) < 1.0, item.name


def test_the_file_lies_inside_the_package():
    assert files("haip_outcomes.registry").joinpath("items.toml").is_file()
