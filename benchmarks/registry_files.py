"""A registry of 100,000 invented patients and a million related rows, as csv files and as one raw REDCap export.

Everything follows from one seed, so the files are the same everywhere. No patient contradicts a rule of the package: what is measured is
reading and checking, not the telling of problems.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
STANDARD = ROOT / "cohorts" / "haip_registry"
RELATED = {"complications": 1, "cycles": 5, "imaging": 4}  # rows of each a patient, on average
KINDS = (*range(1, 13), 90)
DATES = {
    "patients": ["diagnosis_date", "primary_resection_date", "pump_date", "liver_treatment_date", "conversion_date", "first_cycle_date", "last_cycle_date",
                 "systemic_start_date", "systemic_end_date", "pump_failure_date", "pump_removal_date", "last_imaging_date", "last_contact_date", "death_date"],
    "complications": ["complication_date"], "cycles": ["cycle_date"], "imaging": ["imaging_date"],
}  # fmt: skip
COMPLETE = {"baseline": "setting", "surgery": "pump_date", "treatment": "pump_date", "follow_up": "last_contact_date"}


def tables(n: int, seed: int = 20261122) -> dict[str, pd.DataFrame]:
    """The four tables, every cell as text; patients have keys from 1 on."""
    rng = np.random.default_rng(seed)
    pump = np.datetime64("2005-01-01") + rng.integers(0, 4000, n)
    related = {name: _rows(n, mean * n, rng) for name, mean in RELATED.items()}
    owner, nth = related["cycles"]
    first = pump + rng.integers(10, 40, n)
    cycle = first[owner] + 28 * nth
    n_cycles = np.bincount(owner, minlength=n)
    last = first + 28 * (n_cycles - 1)
    scans, scan_nth = related["imaging"]
    scan = pump[scans] + 60 * (scan_nth + 1) + rng.integers(0, 20, len(scans))
    last_scan = _latest(scans, scan, pump)
    hurt, hurt_nth = related["complications"]
    complication = pump[hurt] + 7 * hurt_nth + rng.integers(0, 7, len(hurt))
    failed, removed, converted, died = (rng.random(n) < share for share in (0.1, 0.2, 0.12, 0.6))
    failure = np.maximum(last, pump) + 10
    removal = np.maximum(last, pump) + 40
    conversion = pump + rng.integers(90, 400, n)
    adjuvant = rng.random(n) < 0.45
    converted &= ~adjuvant
    end = np.maximum.reduce([removal, last_scan, conversion, _latest(hurt, complication, pump)]) + np.minimum(rng.exponential(900, n), 2500).astype(int)
    synchronous = rng.random(n) < 0.55
    diagnosis = pump - rng.integers(30, 400, n)
    interval = np.where(synchronous, 0, np.round(rng.uniform(1, 60, n), 1))
    primary = np.where(synchronous, diagnosis + rng.integers(0, 25, n), diagnosis - np.round(interval * 365.25 / 12).astype(int))
    height = np.round(np.clip(rng.normal(173, 9, n), 150, 200))
    metres = height / 100
    patients = pd.DataFrame({
        "record_id": np.arange(1, n + 1).astype(str),
        "centre": np.char.add("Centre ", (rng.integers(0, 20, n) + 1).astype(str)),
        "setting": np.where(adjuvant, "1", "2"),
        "birth_year": _text(pd.DatetimeIndex(pump).year.to_numpy() - rng.integers(25, 85, n)),
        "sex": _codes(rng, n, "12"),
        "height_cm": _some(rng, _text(height)), "weight_kg": _some(rng, _text(np.round(np.clip(rng.normal(26, 4, n), 17, 45) * metres**2, 1))),
        "l3_muscle_area_cm2": _some(rng, _text(np.round(np.clip(rng.normal(48, 8, n), 25, 80) * metres**2, 1))),
        "diagnosis_date": _days(diagnosis), "primary_resection_date": _days(primary),
        "primary_side": _codes(rng, n, "123"), "node_positive": _some(rng, _codes(rng, n, "01")), "synchronous": np.where(synchronous, "1", "0"),
        "disease_free_interval": _text(interval), "n_metastases": _text(rng.integers(2, 30, n)), "largest_cm": _some(rng, _text(np.round(rng.uniform(0.5, 15, n), 1))),
        "bilobar": _codes(rng, n, "01"), "cea_ug_l": _some(rng, _text(np.round(np.exp(rng.normal(3, 1.5, n)).clip(0.5, 4000), 1)), "-999"),
        "ras": _some(rng, _codes(rng, n, "01"), "UNK"), "braf": _some(rng, _codes(rng, n, "012")), "msi": _some(rng, _codes(rng, n, "01")),
        "extrahepatic_disease": np.full(n, "0"), "prior_lines": _text(rng.integers(1, 4, n)), "pump_date": _days(pump),
        "approach": _codes(rng, n, "123"), "hepatic_artery_anatomy": _codes(rng, n, "123456"),
        **{f"concurrent_procedure___{code}": _codes(rng, n, "01") for code in range(1, 6)},
        "liver_treatment": np.where(adjuvant, _codes(rng, n, "123"), "0"), "liver_treatment_date": _days(pump, adjuvant),
        "complete_clearance": np.where(adjuvant, "1", ""), "conversion_date": _days(conversion, converted),
        "first_cycle_date": _days(first, n_cycles > 0), "last_cycle_date": _days(last, n_cycles > 0), "concurrent_systemic": np.full(n, "1"),
        "systemic_start_date": _days(pump + 14), "systemic_end_date": _days(pump + 50), "pump_failure_date": _days(failure, failed),
        "pump_removal_date": _days(removal, removed), "last_imaging_date": _days(last_scan), "last_contact_date": _days(end),
        "death_date": _days(end, died), "death_cause": np.where(died, _codes(rng, n, "12349"), ""),
    })  # fmt: skip
    liver, elsewhere = rng.random(len(scans)) < 0.2, rng.random(len(scans)) < 0.1
    imaging = {"record_id": scans, "imaging_date": _days(scan), "recist": np.where(liver | elsewhere, "4", _codes(rng, len(scans), "1239")),
               "liver_progression": np.where(liver, "1", "0"), "extrahepatic_progression": np.where(elsewhere, "1", "0"),
               "extrahepatic_site": np.where(elsewhere, _codes(rng, len(scans), "1234567"), "")}  # fmt: skip
    complications = {"record_id": hurt, "complication_date": _days(complication), "complication_kind": np.array(KINDS).astype(str)[rng.integers(0, len(KINDS), len(hurt))],
                     "clavien_dindo": _codes(rng, len(hurt), "123456"), "salvaged": _codes(rng, len(hurt), "01"), "reoperation": _codes(rng, len(hurt), "01")}  # fmt: skip
    cycles = {"record_id": owner, "cycle_date": _days(cycle), "cycle_dose_mg": _text(rng.integers(150, 330, len(owner)))}
    return {"patients": patients} | {name: pd.DataFrame(columns).assign(record_id=lambda f: (f["record_id"] + 1).astype(str))
                                     for name, columns in (("complications", complications), ("cycles", cycles), ("imaging", imaging))}  # fmt: skip


def write_csv(made: dict[str, pd.DataFrame], folder: Path) -> Path:
    """cohort.csv, a csv file a related table, and the standard plan for them; gives the cohort file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in made.items():
        table.to_csv(folder / ("cohort.csv" if name == "patients" else f"{name}.csv"), index=False)
    plan = (STANDARD / "plan.toml").read_text(encoding="utf-8").replace('[redcap]\ndictionary = "haip_data_dictionary.csv"\n', "")
    for name in RELATED:
        plan = plan.replace(f'instrument = "{name}"', f'file = "{name}.csv"')
    (folder / "plan.toml").write_text(plan, encoding="utf-8")
    return folder / "cohort.csv"


def write_redcap(made: dict[str, pd.DataFrame], folder: Path) -> Path:
    """The same as one raw export of the standard project, with its dictionary and plan; gives the export."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("plan.toml", "haip_data_dictionary.csv"):
        (folder / name).write_bytes((STANDARD / name).read_bytes())
    patients = made["patients"].assign(redcap_repeat_instrument="", redcap_repeat_instance="", **{f"{form}_complete": "2" for form in COMPLETE})
    rows = [patients]
    for name in RELATED:
        table = made[name]
        rows.append(table.assign(redcap_repeat_instrument=name, redcap_repeat_instance=(table.groupby("record_id").cumcount() + 1).astype(str), **{f"{name}_complete": "2"}))
    export = pd.concat(rows, ignore_index=True).fillna("")
    export = export.iloc[np.argsort(export["record_id"].astype(int).to_numpy(), kind="stable")]
    first = ["record_id", "redcap_repeat_instrument", "redcap_repeat_instance"]
    export[[*first, *(name for name in export if name not in first)]].to_csv(folder / "export.csv", index=False)
    return folder / "export.csv"


def _rows(n: int, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Which patient each row belongs to, and which of the patient's rows it is."""
    owner = np.sort(rng.integers(0, n, rows))
    first = np.searchsorted(owner, np.arange(n))
    return owner, np.arange(rows) - first[owner]


def _latest(owner: np.ndarray, days: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    found = otherwise.copy()
    np.maximum.at(found, owner, days)
    return found


def _days(days: np.ndarray, there: np.ndarray | None = None) -> np.ndarray:
    texts = days.astype("datetime64[D]").astype(str).astype(object)
    return texts if there is None else np.where(there, texts, "")


def _text(numbers: np.ndarray) -> np.ndarray:
    return np.array([f"{number:g}" for number in numbers.tolist()], dtype=object)


def _codes(rng: np.random.Generator, n: int, codes: str) -> np.ndarray:
    return np.array(list(codes), dtype=object)[rng.integers(0, len(codes), n)]


def _some(rng: np.random.Generator, texts: np.ndarray, otherwise: str = "") -> np.ndarray:
    return np.where(rng.random(len(texts)) < 0.05, otherwise, texts)
