"""The patient's measures and disease against each other: what each alone allows and together hardly any patient has."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from haip_outcomes.registry.checking.rule import CONTRADICTION, RANGE, Rule
from haip_outcomes.registry.checking.standard_codes import NO, YES

BMI_LIMITS = (14, 60)  # kg/m²
SMI_LIMITS = (20, 100)  # cm²/m²
SYNCHRONOUS_MONTHS = 12
DAYS_A_MONTH = 365.25 / 12
OFF_MONTHS = 1.5  # a disease-free interval may be this far from that of the dates


def measure_rules() -> Iterator[Rule]:
    """Warnings on height, weight, muscle, and on how disease began."""
    yield _index("weight_kg", BMI_LIMITS, "kg/m²", "body mass index", "correct height or weight")
    yield _index("l3_muscle_area_cm2", SMI_LIMITS, "cm²/m²", "skeletal muscle index", "correct height or muscle area (cm²)")
    yield Rule(RANGE, "largest_cm", ("largest_cm", "n_metastases"), lambda f: (f["largest_cm"] != 0) | (f["n_metastases"] == 0),
               "a size of 0 only where {n_metastases} is 0", "give the size, or leave it empty where it is not known", "warning", by_item=True,
               why="A size of 0 may stand for one that is not known.")  # fmt: skip
    yield Rule(CONTRADICTION, "bilobar", ("bilobar", "n_metastases"), lambda f: ~((f["bilobar"] == YES) & (f["n_metastases"] == 1)),
               "more than one metastasis where both lobes are involved", "correct one of the two", "warning", by_item=True, why="One metastasis lies in one lobe, but for a central one.")  # fmt: skip
    yield Rule(CONTRADICTION, "disease_free_interval_months", ("disease_free_interval_months", "synchronous"),
               lambda f: ~((f["synchronous"] == YES) & (f["disease_free_interval_months"] > SYNCHRONOUS_MONTHS)), f"at most {SYNCHRONOUS_MONTHS} months where metastases are synchronous",
               "correct one of the two; synchronous has an interval of 0", "warning", by_item=True, why="The clinical risk score counts it.")  # fmt: skip
    yield Rule(CONTRADICTION, "disease_free_interval_months", ("disease_free_interval_months", "primary_resection_date", "diagnosis_date"), _interval_agrees,
               "the months from {primary_resection_date} to {diagnosis_date}", f"off by more than {OFF_MONTHS} months: correct it, or one of the dates", "warning",
               by_item=True, why="Two places say the same.")  # fmt: skip
    yield Rule(CONTRADICTION, "primary_resection_date", ("primary_resection_date", "diagnosis_date", "synchronous"),
               lambda f: ~((f["synchronous"] == NO) & (f["primary_resection_date"] > f["diagnosis_date"])), "before {diagnosis_date} where metastases are metachronous",
               "liver metastases found before the primary was removed are synchronous: correct one of the three", "warning", by_item=True,
               why="The clinical risk score counts it.")  # fmt: skip


def _interval_agrees(f: pd.DataFrame) -> pd.Series:
    """Only where the dates make an interval: found at or before the resection, it is 0 by definition."""
    days = (f["diagnosis_date"] - f["primary_resection_date"]).dt.days.clip(lower=0)
    return ~((f["disease_free_interval_months"] - days / DAYS_A_MONTH).abs() > OFF_MONTHS)


def _index(measure: str, limits: tuple[float, float], unit: str, name: str, advice: str) -> Rule:
    def index(f: pd.DataFrame) -> pd.Series:
        return f[measure] / (f["height_cm"] / 100) ** 2

    def said(f: pd.DataFrame, index: Callable[[pd.DataFrame], pd.Series] = index) -> pd.Series:
        return index(f).map(lambda value: f"{value:.1f} {unit}")

    return Rule(RANGE, measure, (measure, "height_cm"), lambda f: f[measure].isna() | f["height_cm"].isna() | index(f).between(*limits),
                f"a {name} of {limits[0]} to {limits[1]} {unit}", advice, "warning", by_item=True, found=said, why="Each is believable, together they are not.")  # fmt: skip
