"""The order of a patient's dates, from the diagnosis to the death, in the patients' table and in the related ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from haip_outcomes.registry.checking.rule import AFTER_CONTACT, AFTER_DEATH, Rule, in_order

# Of each pair the first is not after the second; that the patient was alive and known comes below. The date to name is the second
# unless a rule says otherwise.
_DIAGNOSED = ("liver_treatment_date", "pump_date", "conversion_date", "first_cycle_date", "last_cycle_date", "pump_failure_date", "pump_removal_date", "last_imaging_date")
_PLACED = ("conversion_date", "first_cycle_date", "last_cycle_date", "pump_failure_date", "pump_removal_date")
_TREATED = (("first_cycle_date", "last_cycle_date"), ("first_cycle_date", "pump_failure_date"), ("first_cycle_date", "pump_removal_date"),
            ("last_cycle_date", "pump_failure_date"), ("last_cycle_date", "pump_removal_date"), ("pump_failure_date", "pump_removal_date"),
            ("systemic_start_date", "systemic_end_date"))  # fmt: skip
_HAPPENED = ("diagnosis_date", "primary_resection_date", "liver_treatment_date", "pump_date", "conversion_date", "systemic_start_date", "systemic_end_date",
             "first_cycle_date", "last_cycle_date", "pump_failure_date", "pump_removal_date", "last_imaging_date")  # fmt: skip
_ROWS = {"complications": "complication_date", "cycles": "cycle_date", "imaging": "imaging_date"}

_BOTH = "correct one of the two dates"
_WHY_CONTACT = "Nothing is known after the last contact: one of the two dates is wrong, and follow-up would be too short."
_WHY_DEATH = "Nothing happens to a patient after the death."


def patients_dates() -> Iterator[Rule]:
    """Each pair of dates of the patients' table once."""
    for later in _DIAGNOSED:
        yield _pair("diagnosis_date", later, why="Liver metastases are treated and followed from their diagnosis on.")
    for later in _PLACED:
        yield _pair("pump_date", later, why="It needs the pump.")
    for earlier, later in _TREATED:
        why = ("A pump that failed, or was taken out, can't be filled or fail any more." if "pump" in later else "Its end can't lie before its start.")
        yield _pair(earlier, later, why=why)
    for earlier in _HAPPENED:
        yield _pair(earlier, "last_contact_date", earlier, "nothing is known after the last contact: correct one of the two dates", why=_WHY_CONTACT)
    for earlier in _HAPPENED:
        yield _pair(earlier, "death_date", earlier, "it lies after the death: correct one of the two dates", why=_WHY_DEATH)
    yield _pair("last_contact_date", "death_date", "last_contact_date",
                "alive after the death? The last contact is the last day known alive, or the day of death: correct one of the two dates", why=_WHY_DEATH)  # fmt: skip
    yield _pair("pump_date", "last_imaging_date", advice="no imaging since placement? Then progression-free time is nothing; give the last imaging",
                severity="warning", why="The standard item is the last imaging since placement; before it nobody looked for progression.")  # fmt: skip


def related_dates(kind: str, table: str) -> Iterator[Rule]:
    """The same for the rows of a related table: `kind` is complications, cycles or imaging, `table` the plan's name of it."""
    date, more = _ROWS[kind], {"table": table}
    if kind == "complications":
        yield _pair("pump_date", date, date, "a complication before placement: correct one of the two dates", **more, why="It is no complication of the pump.")
    if kind == "cycles":
        yield _pair("pump_date", date, date, "a cycle before placement: correct one of the two dates", **more, why="It needs the pump.")
        yield _pair("first_cycle_date", date, date, "a cycle before the first one: correct one of the two dates", **more, why="Two places say when treatment began.")
        yield _pair(date, "last_cycle_date", date, "a cycle after the last one: correct one of the two dates", **more, why="Two places say when treatment ended.")
        yield _pair(date, "pump_failure_date", date, "a cycle after the pump failed: correct one of the two dates; a pump that could be used again did not fail",
                    **more, why="A pump that failed can't be filled any more.")  # fmt: skip
        yield _pair(date, "pump_removal_date", date, "a cycle after the pump was taken out: correct one of the two dates", **more, why="It needs the pump.")
    if kind == "imaging":
        yield _pair(date, "last_imaging_date", date, "imaging after the last one: correct one of the two dates", **more, why="Progression is censored at the last imaging.")
        yield _pair("pump_date", date, date, "imaging before placement belongs to no response or progression: remove it, or correct one of the two dates",
                    severity="warning", **more, why="A scan before the pump would count as follow-up.")  # fmt: skip
    yield _pair(date, "last_contact_date", date, "nothing is known after the last contact: correct one of the two dates", **more, why=_WHY_CONTACT)
    yield _pair(date, "death_date", date, "it lies after the death: correct one of the two dates", **more, why=_WHY_DEATH)


def _pair(earlier: str, later: str, blames: str = "", advice: str = _BOTH, **more: Any) -> Rule:
    telling = 0 if blames == later else {"death_date": AFTER_DEATH, "last_contact_date": AFTER_CONTACT}.get(later, 0)
    return in_order(earlier, later, blames or later, advice, by_item=True, telling=telling if blames else 0, **more)
