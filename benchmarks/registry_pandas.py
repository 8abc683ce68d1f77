"""The same registry in plain pandas: what a careful analyst would write for this one file, and no more.

Typed columns, labels, known codes only, patients of every related row, the derived columns of the standard plan, and the checks that
people do write by hand: double patients, ranges, dates in their order. A fault raises; nobody is told where it stands.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from registry_files import DATES, RELATED

MISSING = ["-999", "UNK"]
NUMBERS = {"birth_year": (1900, 2020), "height_cm": (100, 250), "weight_kg": (25, 350), "l3_muscle_area_cm2": (30, 400), "disease_free_interval": (0, 600),
           "n_metastases": (0, 300), "largest_cm": (0.1, 30), "cea_ug_l": (0, 200000), "prior_lines": (0, 15)}  # fmt: skip
NO_YES = {"0": "No", "1": "Yes"}
LEVELS = {
    "setting": {"1": "adjuvant", "2": "unresectable", "3": "comparator"}, "sex": {"1": "Male", "2": "Female"},
    "primary_side": {"1": "Right colon", "2": "Left colon", "3": "Rectum"}, "node_positive": NO_YES, "synchronous": NO_YES, "bilobar": NO_YES,
    "ras": {"0": "Wild type", "1": "Mutated"}, "braf": {"0": "Wild type", "1": "V600E mutated", "2": "Other mutation"}, "msi": {"0": "Stable", "1": "Instable"},
    "extrahepatic_disease": {"0": "None", "1": "One site", "2": "Several sites"}, "approach": {"1": "Open", "2": "Laparoscopic", "3": "Robotic"},
    "hepatic_artery_anatomy": {"1": "Standard", "2": "Replaced right", "3": "Replaced left", "4": "Both", "5": "Replaced common", "6": "Other"},
    "liver_treatment": {"0": "None", "1": "Resection", "2": "Ablation", "3": "Resection and ablation"}, "complete_clearance": NO_YES,
    "concurrent_systemic": NO_YES, "death_cause": {"1": "Liver metastases", "2": "Other progression", "3": "Treatment", "4": "Other", "9": "Unknown"},
    **{f"concurrent_procedure___{code}": NO_YES for code in range(1, 6)},
}  # fmt: skip
RELATED_LEVELS = {
    "complications": {"complication_kind": {str(code): f"Kind {code}" for code in (*range(1, 13), 90)}, "salvaged": NO_YES, "reoperation": NO_YES,
                      "clavien_dindo": {"1": "I", "2": "II", "3": "IIIa", "4": "IIIb", "5": "IVa", "6": "IVb", "7": "V"}},
    "cycles": {},
    "imaging": {"recist": {"1": "Complete response", "2": "Partial response", "3": "Stable disease", "4": "Progressive disease", "9": "Not evaluable"},
                "liver_progression": NO_YES, "extrahepatic_progression": NO_YES,
                "extrahepatic_site": {"1": "Lung", "2": "Peritoneum", "3": "Lymph nodes", "4": "Bone", "5": "Brain", "6": "Local recurrence", "7": "Several", "90": "Other"}},
}  # fmt: skip


def read_csv_files(cohort: Path) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The patients and the related rows, typed, derived and checked."""
    patients = _read(cohort, "patients", LEVELS, list(NUMBERS))
    related = {name: _read(cohort.parent / f"{name}.csv", name, RELATED_LEVELS[name], ["cycle_dose_mg"] if name == "cycles" else []) for name in RELATED}
    return _checked(patients, related)


def read_export(path: Path) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The same from one raw REDCap export."""
    codes = LEVELS | {column: levels for own in RELATED_LEVELS.values() for column, levels in own.items()}
    dates = [column for own in DATES.values() for column in own]
    export = pd.read_csv(path, dtype={"record_id": str, "centre": str, "redcap_repeat_instrument": str, **dict.fromkeys(codes, "category"),
                                      **dict.fromkeys([*NUMBERS, "cycle_dose_mg"], float)},
                         parse_dates=dates, date_format="%Y-%m-%d", na_values=MISSING)  # fmt: skip
    repeated = export["redcap_repeat_instrument"]
    patients = export.loc[repeated.isna(), ["record_id", "centre", *NUMBERS, *LEVELS, *DATES["patients"]]].reset_index(drop=True)
    related = {name: export.loc[repeated == name, ["record_id", *DATES[name], *RELATED_LEVELS[name], *(["cycle_dose_mg"] if name == "cycles" else [])]] for name in RELATED}
    return _checked(_labelled(patients, LEVELS), {name: _labelled(rows, RELATED_LEVELS[name]) for name, rows in related.items()})


def _read(path: Path, name: str, levels: dict[str, dict[str, str]], numbers: list[str]) -> pd.DataFrame:
    types = {"record_id": str, "centre": str, **dict.fromkeys(levels, "category"), **dict.fromkeys(numbers, float)}
    table = pd.read_csv(path, dtype={column: kind for column, kind in types.items() if column != "centre" or name == "patients"},
                        parse_dates=DATES[name], date_format="%Y-%m-%d", na_values=MISSING)  # fmt: skip
    return _labelled(table, levels)


def _labelled(table: pd.DataFrame, levels: dict[str, dict[str, str]]) -> pd.DataFrame:
    table = table.copy()
    for column, own in levels.items():
        used = table[column].cat.remove_unused_categories()
        unknown = set(used.cat.categories) - set(own)
        assert not unknown, f"{column}: unknown codes {unknown}"
        table[column] = used.cat.set_categories(list(own)).cat.rename_categories(own)
    return table


def _checked(patients: pd.DataFrame, related: dict[str, pd.DataFrame]) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    assert patients["record_id"].notna().all()
    assert not patients["record_id"].str.casefold().duplicated().any()
    for column in DATES["patients"]:
        assert patients[column].dtype.kind == "M", f"{column}: not all dates"
    dates = patients.set_index("record_id")[["pump_date", "pump_removal_date", "first_cycle_date", "last_cycle_date", "last_imaging_date", "last_contact_date", "death_date"]]
    merged = {}
    for name, rows in related.items():
        merged[name] = rows.merge(dates, how="left", left_on="record_id", right_index=True, validate="many_to_one", indicator=True)
        assert (merged[name]["_merge"] == "both").all(), f"{name}: rows of nobody"
    _check_dates(patients, merged)
    patients = patients.set_index("record_id")
    _derive(patients, merged)
    for column, (low, high) in NUMBERS.items():
        assert patients[column].dropna().between(low, high).all(), f"{column}: out of range"
    return patients, related


def _check_dates(patients: pd.DataFrame, merged: dict[str, pd.DataFrame]) -> None:
    for column in DATES["patients"]:
        if column not in ("last_contact_date", "death_date"):
            assert not (patients[column] > patients["last_contact_date"]).any(), f"{column} after the last contact"
            assert not (patients[column] > patients["death_date"]).any(), f"{column} after the death"
    for column in ("first_cycle_date", "last_cycle_date", "pump_failure_date", "pump_removal_date", "conversion_date"):
        assert not (patients[column] < patients["pump_date"]).any(), f"{column} before the pump"
    for name, (date,) in ((name, DATES[name]) for name in merged):
        rows = merged[name]
        assert rows[date].notna().all()
        assert not (rows[date] < rows["pump_date"]).any(), f"{name} before the pump"
        assert not (rows[date] > rows["last_contact_date"]).any(), f"{name} after the last contact"
        assert not (rows[date] > rows["death_date"]).any(), f"{name} after the death"
    cycles, imaging, complications = merged["cycles"], merged["imaging"], merged["complications"]
    assert not (cycles["cycle_date"] > cycles["pump_removal_date"]).any(), "cycles after the pump was removed"
    assert not (cycles["cycle_date"] < cycles["first_cycle_date"]).any()
    assert not (cycles["cycle_date"] > cycles["last_cycle_date"]).any()
    assert not (imaging["imaging_date"] > imaging["last_imaging_date"]).any(), "imaging after the last"
    assert not cycles.duplicated(["record_id", "cycle_date"]).any()
    assert not complications.duplicated(["record_id", "complication_date", "complication_kind"]).any()
    assert cycles["cycle_dose_mg"].dropna().between(0.1, 3000).all()


def _derive(patients: pd.DataFrame, merged: dict[str, pd.DataFrame]) -> None:
    """The derived columns of the standard plan."""
    imaging, cycles, complications = merged["imaging"], merged["cycles"], merged["complications"]
    dates = {
        "liver_event_date": imaging[imaging["liver_progression"] == "Yes"].groupby("record_id")["imaging_date"].min(),
        "extrahepatic_event_date": imaging[imaging["extrahepatic_progression"] == "Yes"].groupby("record_id")["imaging_date"].min(),
        "last_scan": imaging.groupby("record_id")["imaging_date"].max(),
        "first_filling": cycles.groupby("record_id")["cycle_date"].min(),
    }
    for name, values in dates.items():
        patients[name] = values
    patients["progression_date"] = patients[["liver_event_date", "extrahepatic_event_date"]].min(axis=1)
    patients["last_look"] = patients[["last_imaging_date", "last_scan"]].max(axis=1)
    patients["first_cycle"] = patients[["first_cycle_date", "first_filling"]].min(axis=1)
    patients["n_cycles"] = cycles.groupby("record_id").size().reindex(patients.index, fill_value=0)
    soon = (complications["complication_date"] - complications["pump_date"]).dt.days.between(0, 90)
    severe = complications["clavien_dindo"].isin(["IIIa", "IIIb", "IVa", "IVb", "V"])
    for name, rows in {
        "complication_90": complications[soon], "severe_complication_90": complications[soon & severe],
        "pump_complication": complications[complications["complication_kind"] != "Kind 90"],
        "biliary_sclerosis": complications[complications["complication_kind"] == "Kind 11"],
        "extrahepatic_perfusion": complications[complications["complication_kind"] == "Kind 4"],
        "reintervention": complications[complications["reoperation"] == "Yes"],
        "response": imaging[imaging["recist"].isin(["Complete response", "Partial response"])],
    }.items():  # fmt: skip
        patients[name] = patients.index.isin(rows["record_id"].unique())
    patients["pump_failed"], patients["converted"] = patients["pump_failure_date"].notna(), patients["conversion_date"].notna()
    patients["first_cycle_given"] = patients["first_cycle"].notna()
    metres = patients["height_cm"] / 100
    patients["age"] = patients["pump_date"].dt.year - patients["birth_year"]
    patients["bmi"] = patients["weight_kg"] / metres**2
    patients["muscle_index"] = patients["l3_muscle_area_cm2"] / metres**2
    cutoff = patients["sex"].map({"Male": 52.4, "Female": 38.5}).astype(float)
    patients["sarcopenia"] = (patients["muscle_index"] <= cutoff).where(patients["muscle_index"].notna() & cutoff.notna())
    parts = pd.DataFrame({
        "nodes": (patients["node_positive"] == "Yes").where(patients["node_positive"].notna()),
        "interval": (patients["disease_free_interval"] < 12).where(patients["disease_free_interval"].notna()),
        "number": (patients["n_metastases"] > 1).where(patients["n_metastases"].notna()),
        "cea": (patients["cea_ug_l"] > 200).where(patients["cea_ug_l"].notna()),
        "size": (patients["largest_cm"] > 5).where(patients["largest_cm"].notna()),
    })  # fmt: skip
    patients["risk_score"] = parts.astype(float).sum(axis=1, skipna=False)
    patients["burden_score"] = np.hypot(patients["largest_cm"], patients["n_metastases"])
