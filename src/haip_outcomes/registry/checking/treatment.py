"""Setting against treatment: what an adjuvant, an unresectable and a comparator patient can have had."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from haip_outcomes.registry.checking.rule import CONTRADICTION, MISSING, SETTING, Rule
from haip_outcomes.registry.checking.standard_codes import ADJUVANT, COMPARATOR, NO, UNRESECTABLE, YES

LATE_CLEARANCE_DAYS = 90  # a resection or ablation so long after placement may still be the one to which an adjuvant pump belongs
EARLY_CLEARANCE_DAYS = 180  # and so long before it
_NO_LIVER_TREATMENT = 0
_OF_A_PUMP = {"first_cycle_date": "a first cycle", "last_cycle_date": "a last cycle", "pump_failure_date": "a failed pump", "pump_removal_date": "a pump taken out"}


def treatment_rules() -> Iterator[Rule]:
    """Rules on setting, local treatment of the liver, and the pump."""
    yield from _adjuvant()
    yield from _unresectable()
    yield from _comparator()
    yield from _liver_treatment()


def _adjuvant() -> Iterator[Rule]:
    yield Rule(SETTING, "complete_clearance", ("complete_clearance", "setting"), _unless(ADJUVANT, lambda f: f["complete_clearance"] == NO),
               "complete clearance of the liver in an adjuvant patient", "correct it, or the setting: with metastases left the patient is unresectable",
               by_item=True, why="Adjuvant means that nothing is left in the liver.")  # fmt: skip
    yield Rule(SETTING, "liver_treatment", ("liver_treatment", "setting"), _unless(ADJUVANT, lambda f: f["liver_treatment"] == _NO_LIVER_TREATMENT),
               "a resection or ablation in an adjuvant patient", "correct it, or the setting", by_item=True,
               why="Adjuvant means after (or at) complete resection or ablation.")  # fmt: skip
    yield _adjuvant_days(lambda days: days > LATE_CLEARANCE_DAYS, f"a resection or ablation at most {LATE_CLEARANCE_DAYS} days after {{pump_date}} in an adjuvant patient",
                         "cleared long after the pump: a patient who was unresectable when it was placed stays unresectable; or correct a date", "error",
                         "Conversion is an outcome of unresectable patients, not another setting.")  # fmt: skip
    yield _adjuvant_days(lambda days: days > 0, "a resection or ablation on or before {pump_date} in an adjuvant patient",
                         "cleared after the pump: right where the programme places the pump first; otherwise correct a date", "warning",
                         "Some programmes place the pump some weeks before (or after) the resection.")  # fmt: skip
    yield _adjuvant_days(lambda days: days < -EARLY_CLEARANCE_DAYS, f"a resection or ablation within {EARLY_CLEARANCE_DAYS} days before {{pump_date}} in an adjuvant patient",
                         "cleared long before the pump: is it the treatment to which the pump belongs?", "warning",
                         "The time from clearance to pump is time without the treatment.")  # fmt: skip
    yield Rule(MISSING, "complete_clearance", ("complete_clearance", "setting"), _unless(ADJUVANT, lambda f: f["complete_clearance"].isna()),
               "whether the liver was cleared, in every adjuvant patient", "say whether any metastasis was left", "warning", by_item=True,
               why="Without it nobody can tell whether the patient is adjuvant.")  # fmt: skip


def _adjuvant_days(wrong: Callable[[pd.Series], pd.Series], expected: str, advice: str, severity: str, why: str) -> Rule:
    def days(f: pd.DataFrame) -> pd.Series:
        return (f["liver_treatment_date"] - f["pump_date"]).dt.days

    def said(f: pd.DataFrame) -> pd.Series:
        return days(f).map(lambda n: f"{abs(n):g} day{'' if abs(n) == 1 else 's'} {'after' if n > 0 else 'before'} pump")

    return Rule(SETTING, "liver_treatment_date", ("liver_treatment_date", "pump_date", "setting"), _unless(ADJUVANT, lambda f: wrong(days(f))),
                expected, advice, severity, by_item=True, found=said, why=why)  # type: ignore[arg-type]  # fmt: skip


def _unresectable() -> Iterator[Rule]:
    def cleared(f: pd.DataFrame) -> pd.Series:
        return (f["complete_clearance"] == YES) & (f["liver_treatment_date"] <= f["pump_date"])

    yield Rule(SETTING, "complete_clearance", ("complete_clearance", "liver_treatment_date", "pump_date", "setting"), _unless(UNRESECTABLE, cleared),
               "metastases left at {pump_date} in an unresectable patient", "cleared on or before placement: correct it, or the setting (this is an adjuvant patient)",
               by_item=True, why="Unresectable means that metastases were left.")  # fmt: skip
    yield Rule(SETTING, "conversion_date", ("conversion_date", "setting"), lambda f: (f["setting"] == UNRESECTABLE) | f["setting"].isna() | f["conversion_date"].isna(),
               "no conversion but in an unresectable patient", "remove the date, or correct the setting", by_item=True,
               why="Only what could not be resected can become resectable.")  # fmt: skip


def _comparator() -> Iterator[Rule]:
    for date, what in {**_OF_A_PUMP, "earliest_cycle": "a cycle"}.items():  # all blame the setting, so one wrong setting is told once
        yield Rule(SETTING, "setting", ("setting", date), _unless(COMPARATOR, _known(date)), "nothing of a pump in a comparator",
                   f"{what} is recorded of a patient without a pump: correct the setting, or remove it", by_item=True, why="Comparators are patients without a pump.")  # fmt: skip
    yield Rule(MISSING, "pump_date", ("pump_date", "first_cycle_date"), lambda f: f["pump_date"].notna() | f["first_cycle_date"].isna(),
               "the date of placement where cycles were given", "a first cycle without a pump: give the date of placement", by_item=True, why="It needs the pump.")  # fmt: skip


def _liver_treatment() -> Iterator[Rule]:
    yield Rule(CONTRADICTION, "liver_treatment_date", ("liver_treatment_date", "liver_treatment"),
               lambda f: ~(f["liver_treatment_date"].notna() & (f["liver_treatment"] == _NO_LIVER_TREATMENT)), "no date where the liver was not treated",
               "remove the date, or say what was done", by_item=True, why="One of the two is wrong.")  # fmt: skip
    yield Rule(MISSING, "liver_treatment_date", ("liver_treatment_date", "liver_treatment"),
               lambda f: f["liver_treatment_date"].notna() | ~(f["liver_treatment"] > _NO_LIVER_TREATMENT), "the date of the resection or ablation", "give the date",
               "warning", by_item=True, why="Time since resection can't be counted without it.")  # fmt: skip
    yield Rule(CONTRADICTION, "complete_clearance", ("complete_clearance", "liver_treatment"),
               lambda f: ~((f["complete_clearance"] == YES) & (f["liver_treatment"] == _NO_LIVER_TREATMENT)), "complete clearance by a resection or ablation",
               "cleared without local treatment? Correct one of the two", "warning", by_item=True, why="Clearance is asked after local treatment.")  # fmt: skip


def _known(column: str) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda f: f[column].notna()


def _unless(setting: int, wrong: Callable[[pd.DataFrame], pd.Series]) -> Callable[[pd.DataFrame], pd.Series]:
    """Right unless it is wrong in a patient of this setting."""
    return lambda f: ~((f["setting"] == setting) & wrong(f))
