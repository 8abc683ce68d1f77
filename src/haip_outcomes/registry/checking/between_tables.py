"""Deaths, progression and the patient's own dates against complications, cycles and imaging."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from haip_outcomes.registry.checking.absent_rows import (
    CONTACT,
    IMAGED,
    TREATED,
    UNSEEN_DAYS,
    followed_long,
    imaged,
    treated,
)
from haip_outcomes.registry.checking.rule import CONTRADICTION, MISSING, Rule
from haip_outcomes.registry.checking.standard_codes import (
    DEATH_BY_TREATMENT,
    GRADE_V,
    NO,
    NO_STANDARD_CODE,
    OTHER_COMPLICATION,
    PROGRESSIVE,
    YES,
)
from haip_outcomes.registry.checking.story import PATIENT, RAW, Summary
from haip_outcomes.registry.checking.twice import twice_on_a_day
from haip_outcomes.registry.plan import Plan

SEEN_WITHIN_DAYS = 30  # an event that imaging shows lies on a day of imaging, or so many days after it
CYCLE_DAYS = 7  # cycles are two weeks apart and more; nearer than this they are hardly two
DOSE_PER_KG = 0.6 * 14  # mg/kg: the label's highest daily dose of floxuridine (0.1 to 0.6 mg/kg a day) for the usual 14 days
_FOUND_BY_IMAGING = ("liver", "first_site", "hepatic_pfs", "extrahepatic", "rfs", "pfs")  # endpoints whose meaning is fixed
_PROGRESSIONS = ("liver", "extrahepatic")


def progressions(plan: Plan) -> dict[str, str]:
    """The patients' columns with the date of a progression: where ("liver", "extrahepatic", or "" where the plan does not tell).

    They are the events, but for death, of endpoints that imaging tells: by their name, or because they are censored at the last
    imaging. Dates that the plan itself takes from the imaging table are left out: they can't contradict it.
    """
    found: dict[str, str] = {}
    for name, recipe in plan.endpoints.items():
        seen = plan.columns.get(recipe.last_seen or "")
        if not recipe.from_dates or not (name in _FOUND_BY_IMAGING or (seen is not None and seen.item == "last_imaging_date")):
            continue
        for label, event in recipe.events.items():
            derived = plan.derived.get(str(event))
            if isinstance(event, str) and label not in recipe.terminal and not (derived and derived.table):
                words = label.casefold()
                where = "extrahepatic" if "extrahepatic" in words else "liver" if "liver" in words or "hepatic" in words else ""
                found[event] = found.get(event) or where
    return found


def summaries(plan: Plan) -> Iterator[Summary]:
    """What the related tables say of each patient."""
    yield Summary("earliest_cycle", "cycle_date", ("cycle_date",), "earliest", lambda v: v["cycle_date"])
    yield Summary("latest_cycle", "cycle_date", ("cycle_date",), "latest", lambda v: v["cycle_date"])
    yield Summary("latest_imaging", "imaging_date", ("imaging_date",), "latest", lambda v: v["imaging_date"])
    for date in ("imaging_date", "cycle_date"):
        yield Summary(f"any_row_of_{date}", date, (date,), "any", lambda v: pd.Series(True, index=v.index))
    yield Summary("any_grade_v", "clavien_dindo", ("clavien_dindo",), "any", lambda v: v["clavien_dindo"] == GRADE_V)
    for where in _PROGRESSIONS:
        flag = f"{where}_progression"

        def shown(v: pd.DataFrame, flag: str = flag) -> pd.Series:
            return v["imaging_date"].where((v[flag] == YES) & ~(v["imaging_date"] < v["pump_date"]))

        yield Summary(f"first_{where}_progression", flag, ("imaging_date", flag, "pump_date"), "earliest", shown)
    for column in progressions(plan):
        def seen(v: pd.DataFrame, key: str = RAW + column) -> pd.Series:
            return (v["imaging_date"] <= v[key]) & (v[key] - v["imaging_date"] <= pd.Timedelta(days=SEEN_WITHIN_DAYS))

        yield Summary(f"imaging_at_{column}", "imaging_date", ("imaging_date", RAW + column), "any", seen)


def death_rules() -> Iterator[Rule]:
    """The death, its cause, and complications that ended in it."""
    yield Rule(MISSING, "death_date", ("death_date", "death_cause"), lambda f: f["death_date"].notna() | f["death_cause"].isna(), "a date of death where there is a cause",
               "give the date of death, or remove the cause", by_item=True, why="The patient would count as alive.")  # fmt: skip
    yield Rule(MISSING, "death_cause", ("death_cause", "death_date"), lambda f: f["death_cause"].notna() | f["death_date"].isna(), "a cause of death where there is a date",
               "give the cause (9, unknown, is one)", "warning", by_item=True, why="Deaths by treatment would be missed.")  # fmt: skip
    yield Rule(MISSING, "death_date", ("death_date", "any_grade_v"), lambda f: f["death_date"].notna() | ~f["any_grade_v"].astype(bool),
               "a date of death after a complication of grade V", "grade V is death: give the date of death, or correct the grade", by_item=True,
               why="The patient would count as alive.")  # fmt: skip
    yield Rule(CONTRADICTION, "death_cause", ("death_cause", "any_grade_v"),
               lambda f: ~(f["any_grade_v"].astype(bool) & (f["death_cause"] > NO_STANDARD_CODE) & (f["death_cause"] != DEATH_BY_TREATMENT)), "death by treatment after a complication of grade V",
               "a complication led to death, and the cause is another: correct one of the two", "warning", by_item=True, why="Deaths by treatment would be missed.")  # fmt: skip


def agreement_rules(plan: Plan) -> Iterator[Rule]:
    """What the patients' table says against what the related tables say."""
    yield Rule(MISSING, "first_cycle_date", ("first_cycle_date", "earliest_cycle"), lambda f: f["first_cycle_date"].notna() | f["earliest_cycle"].isna(),
               "the date of the first cycle where cycles are recorded", "cycles are recorded: give the date of the first, or remove them", by_item=True,
               why="The patient would count as never treated.")  # fmt: skip
    yield _not_recorded("first_cycle_date", "earliest_cycle", "the first cycle among the cycles", first=True)
    yield _not_recorded("last_cycle_date", "latest_cycle", "the last cycle among the cycles", first=False)
    yield _not_recorded("last_imaging_date", "latest_imaging", "the last imaging among the imaging", first=False)
    yield Rule(MISSING, IMAGED, (IMAGED, "pump_date", "any_row_of_imaging_date"), lambda f: ~imaged(f) | f["any_row_of_imaging_date"].astype(bool),
               "a row of imaging where there was imaging since {pump_date}", "no row of imaging: add the scans (was the instrument filled in and exported?), or correct the date",
               "warning", by_item=True, why="Without its scans the patient has no progression.")  # fmt: skip
    yield Rule(MISSING, IMAGED, (IMAGED, CONTACT, "pump_date", "any_row_of_imaging_date"),
               lambda f: f[IMAGED].notna() | f["any_row_of_imaging_date"].astype(bool) | ~followed_long(f),
               f"imaging in a patient who was followed for more than {UNSEEN_DAYS} days after {{pump_date}}",
               "neither a date of imaging nor a scan: was it not entered? As it stands the patient counts as never looked at", "warning", by_item=True,
               why="Who was never looked at has no progression, and no follow-up for it.")  # fmt: skip
    yield Rule(MISSING, TREATED, (TREATED, "any_row_of_cycle_date"), lambda f: ~treated(f) | f["any_row_of_cycle_date"].astype(bool),
               "a row of cycles where there was a first cycle", "no row of cycles: add them (was the instrument filled in and exported?), or correct the date",
               "warning", by_item=True, why="Cycles and doses would be counted too low.")  # fmt: skip
    for column, where in progressions(plan).items():
        yield from _progression(RAW + column, f"imaging_at_{column}", where)


def _progression(event: str, seen: str, where: str) -> Iterator[Rule]:
    """A date of progression against the imaging that shows it."""
    yield Rule(CONTRADICTION, event, (event, seen), lambda f: f[event].isna() | f[seen].astype(bool),
               f"imaging on the day of progression or at most {SEEN_WITHIN_DAYS} days before", "progression that no imaging shows: add the imaging, or correct the date",
               "warning", by_item=True, asks=f"a date of progression has imaging on its day or at most {SEEN_WITHIN_DAYS} days before it",
               why="Progression is what imaging shows; but a biopsy may have told.")  # fmt: skip
    if not where:
        return
    flagged = f"first_{where}_progression"
    yield Rule(MISSING, event, (event, flagged), lambda f: f[event].notna() | f[flagged].isna(), "a date of progression where imaging shows it",
               f"imaging shows {where} progression: give its date, or correct the imaging", by_item=True,
               asks="progression that imaging flags (on or after placement) has its date in the patients' table", why="The event would be missed.")  # fmt: skip
    yield Rule(CONTRADICTION, event, (event, flagged), lambda f: ~(f[event] > f[flagged]), "progression not after the first imaging that shows it",
               "earlier imaging shows it: correct the date, or the imaging", "warning", by_item=True,
               asks="the date of progression is not after the first imaging that flags it", why="Time to progression would be too long.")  # fmt: skip


def _not_recorded(date: str, summary: str, expected: str, first: bool) -> Rule:
    return Rule(CONTRADICTION, date, (date, summary), (lambda f: ~(f[date] < f[summary])) if first else (lambda f: ~(f[date] > f[summary])), expected,
                "the related table has none on that day: add it, or correct the date", "warning", by_item=True, why="The related table may be incomplete.")  # fmt: skip


def _not_too_soon(date: str) -> Callable[[pd.DataFrame], np.ndarray]:
    """Right unless the patient had a cycle on one of the days before; those of one day are another rule's."""
    def holds(f: pd.DataFrame) -> np.ndarray:
        known = (f[date].notna() & (f[PATIENT] >= 0)).to_numpy()
        code = f[PATIENT].to_numpy()[known] * 1_000_000 + f[date].to_numpy("datetime64[D]")[known].astype(np.int64)
        days, place = np.unique(code, return_inverse=True)
        right = ~known
        right[known] = (np.diff(days, prepend=-1_000_000) >= CYCLE_DAYS)[place]
        return right

    return holds


def row_rules(kind: str, table: str) -> Iterator[Rule]:
    """Rules on the rows of a related table by themselves: `kind` is complications, cycles or imaging, `table` the plan's name of it."""
    date = {"complications": "complication_date", "cycles": "cycle_date", "imaging": "imaging_date"}[kind]
    yield Rule(MISSING, date, (date,), lambda f: f[date].notna(), "a date in every row", "give the date", "warning", table, True,
               why="Without it the row counts for no period of follow-up.")  # fmt: skip
    if kind == "complications":
        yield twice_on_a_day(table, date, "complication_kind", OTHER_COMPLICATION, "one row a complication", "the same complication on the same day: keep one")
    if kind == "cycles":
        yield twice_on_a_day(table, date, None, None, "one cycle a day", "two cycles on the same day: keep one, or correct a date")
        yield Rule(CONTRADICTION, date, (date, PATIENT), _not_too_soon(date), f"{CYCLE_DAYS} days or more since the cycle before",
                   "cycles on neighbouring days: one cycle told twice, or a wrong date? A cycle is the filling of the pump and lasts 14 days", "warning", table, True,
                   why="One cycle entered as several: cycles would be counted too high.")  # fmt: skip
        yield Rule(CONTRADICTION, "cycle_dose_mg", ("cycle_dose_mg", "weight_kg"), lambda f: ~(f["cycle_dose_mg"] > DOSE_PER_KG * f["weight_kg"]),
                   f"at most {DOSE_PER_KG:g} mg/kg", "more than the label's highest dose (0.6 mg/kg a day) for 14 days: correct it, or a dose of several cycles?",
                   "warning", table, True, why="A likely decimal point, or another drug or unit.")  # fmt: skip
    if kind == "imaging":
        yield Rule(CONTRADICTION, "recist", ("recist", "liver_progression", "extrahepatic_progression"),
                   lambda f: ~((f["recist"] == PROGRESSIVE) & (f["liver_progression"] == NO) & (f["extrahepatic_progression"] == NO)),
                   "progression somewhere where the response is progressive disease", "say where, or correct the response", "warning", table, True,
                   why="Two columns tell the same scan differently.")  # fmt: skip
        yield Rule(CONTRADICTION, "recist", ("recist", "liver_progression"), lambda f: ~(f["recist"].between(1, PROGRESSIVE, inclusive="left") & (f["liver_progression"] == YES)),
                   "progressive disease where the liver progressed", "correct the response, or the flag", "warning", table, True,
                   why="Two columns tell the same scan differently.")  # fmt: skip
        yield Rule(CONTRADICTION, "extrahepatic_site", ("extrahepatic_site", "extrahepatic_progression"),
                   lambda f: f["extrahepatic_site"].isna() | ~(f["extrahepatic_progression"] == NO), "no site without extrahepatic progression",
                   "remove the site, or correct the flag", "warning", table, True, why="Two columns tell the same scan differently.")  # fmt: skip
