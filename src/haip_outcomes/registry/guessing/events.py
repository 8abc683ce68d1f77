"""Which columns tell of events and until when patients were seen: from dates, or from times with flags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from haip_outcomes.registry.guessing.column_facts import ColumnFacts
from haip_outcomes.registry.guessing.names import likeness, plain, words
from haip_outcomes.registry.guessing.vocabulary import UNITS

LIKELY = 0.75
# dates of events that a registry with one row a patient keeps; in the standard one they come from the rows of imaging
EVENT_DATES = {
    "liver_event_date": (
        "liver event date", "liver progression date", "liver recurrence date", "hepatic progression date", "hepatic recurrence date", "intrahepatic recurrence date",
        "datum leverprogressie", "datum progressie lever", "datum leverrecidief", "datum recidief lever", "Datum Leberprogress", "Datum Leberrezidiv",
        "date progression hépatique", "date récidive hépatique", "fecha progresión hepática", "fecha recidiva hepática", "data progressione epatica",
        "data recidiva epatica",
    ),
    "extrahepatic_event_date": (
        "extrahepatic event date", "extrahepatic progression date", "extrahepatic recurrence date", "date of distant recurrence", "datum extrahepatische progressie",
        "datum extrahepatisch recidief", "Datum extrahepatischer Progress", "Datum extrahepatisches Rezidiv", "date progression extra hépatique",
        "date récidive extra hépatique", "fecha progresión extrahepática", "fecha recidiva extrahepática", "data progressione extraepatica", "data recidiva extraepatica",
    ),
    "progression_date": (
        "progression date", "recurrence date", "relapse date", "first progression date", "first recurrence date", "progression or recurrence date", "datum progressie",
        "datum recidief", "datum eerste recidief", "Datum Progress", "Progressdatum", "Datum Rezidiv", "Rezidivdatum", "date de progression", "date de récidive",
        "fecha de progresión", "fecha de recidiva", "data di progressione", "data di recidiva",
    ),
}  # fmt: skip
_SURVIVAL = (
    "survival",
    "overleving",
    "uberleben",
    "survie",
    "supervivencia",
    "sopravvivenza",
    "sobrevida",
    "overlevelse",
    "overlevnad",
    "followup",
    "follow",
    "fu",
    "os",
)
_DEATH = ("dead", "death", "died", "deceased", "vital", "overleden", "overlijden", "verstorben", "tod", "tot", "deces", "muerte", "fallecido", "exitus", "morte", "deceduto",
          "obito", "dod")  # fmt: skip
_AGAIN = ("progression", "progress", "progressie", "recurrence", "recurred", "recidief", "recidive", "recidiva", "rezidiv", "relapse", "dfs", "rfs", "pfs", "progresion",
          "progressione", "residiv")  # fmt: skip
_LIVER = ("liver", "hepatic", "lever", "leber", "hepat", "hepatique", "hepatica", "epatica", "fegato", "foie", "higado", "intrahepatic")
_DEAD_CELLS = (
    "dead",
    "died",
    "deceased",
    "death",
    "overleden",
    "dood",
    "verstorben",
    "tot",
    "decede",
    "decedee",
    "muerto",
    "fallecido",
    "morto",
    "deceduto",
    "dod",
)


@dataclass(frozen=True)
class TimedEvent:
    """A column of times and the flag that says whether the event happened, with the flag's code for yes."""

    time: str
    flag: str
    code: str
    unit: str


def event_dates(facts: Iterable[ColumnFacts], taken: Iterable[str]) -> dict[str, str]:
    """{role: column} of the dates of events, among the date columns that are no standard item."""
    used = set(taken)
    dates = [column for column in facts if column.kind == "date" and not column.identifying and column.name not in used]
    scored = sorted(((max(likeness(name, known) for name in column.names for known in (role, *others)), role, column.name)
                     for role, others in EVENT_DATES.items() for column in dates), key=lambda one: (-one[0], one[1], one[2]))  # fmt: skip
    found: dict[str, str] = {}
    for score, role, name in scored:
        if score >= LIKELY and role not in found and name not in found.values():
            found[role] = name
    return found


def timed_events(facts: Iterable[ColumnFacts]) -> dict[str, TimedEvent]:
    """The events that are kept as a time and a flag: "death", "liver" and "any" (progression or recurrence), where both are there."""
    facts = list(facts)
    times, flags = _times(facts), {column.name: column for column in facts if column.kind == "category" and 1 <= len(column.codes) <= 2}
    found = {}
    for what in ("death", "liver", "any"):
        own_times = [name for name, (about, _) in times.items() if about == what]
        own_flags = [name for name, column in flags.items() if _said(column, _flagged) == what]
        if own_times and own_flags:
            time, flag = min(own_times, key=_plainness), min(own_flags, key=_plainness)
            code = _yes_code(flags[flag].codes)
            if code:
                found[what] = TimedEvent(time, flag, code, times[time][1])
    return found


def asked_survival(facts: Iterable[ColumnFacts]) -> TimedEvent | None:
    """A duration of survival beside a status whose codes, or whose name, do not say who died: to be asked, never taken. The code is the likelier."""
    facts = list(facts)
    times = {name: unit for name, (about, unit) in _times(facts).items() if about == "death"}
    states = [column for column in facts if column.kind == "category" and 2 <= len(column.codes) <= 4 and _said(column, _state)]
    if not times or not states:
        return None
    time, flag = min(times, key=_plainness), min(states, key=lambda column: (_said(column, _flagged) != "death", _plainness(column.name)))
    return TimedEvent(time, flag.name, _yes_code(flag.codes) or ("1" if "1" in flag.codes else list(flag.codes)[-1]), times[time])


def tells_an_outcome(column: ColumnFacts) -> bool:
    """True for a flag of death, progression or recurrence: what happened afterwards, by which no curves are drawn."""
    return bool(_said(column, _state) or _said(column, _flagged))


def _times(facts: Iterable[ColumnFacts]) -> dict[str, tuple[str, str]]:
    """{column: what the time runs to, its unit} of the columns of times."""
    return {column.name: (about, unit) for column in facts
            if column.kind == "number" and (unit := _said(column, _time_unit)) and (about := _said(column, _about))}  # fmt: skip


def _said(column: ColumnFacts, of: Callable[[str], str]) -> str:
    """What the column's name says, or else its title."""
    return next(filter(None, map(of, column.names)), "")


def _state(name: str) -> str:
    """A status of the patient, not of a node or a gene."""
    other = _has(name, _AGAIN) or _has(name, _LIVER)
    alone = {"status", "vital", "vitalstatus", "survivalstatus", "patient", "fu", "followup", "os", "last", "laatste", "censored", "event", "survival"}
    return "" if other else "death" if _flagged(name) == "death" or ("status" in words(name) and set(words(name)) <= alone) or words(name) == ("event",) else ""


def _plainness(name: str) -> tuple[int, str]:
    return len(words(name)), name


def _has(name: str, known: tuple[str, ...]) -> bool:
    """True where a word of the name is, or (of five letters or more) begins as, a known one."""
    return any(word == one or (len(one) >= 5 and word.startswith(one)) for word in words(name) for one in known)


def _about(name: str) -> str:
    """What the time in a column of times runs to: death, liver, any; "" when the name does not say."""
    if _has(name, _AGAIN):
        return "liver" if _has(name, _LIVER) else "any"
    return "death" if _has(name, _SURVIVAL) or _has(name, _DEATH) else ""


def _flagged(name: str) -> str:
    if _has(name, _DEATH):  # "vital status DFS" is death or recurrence, and neither alone
        return "composite" if _has(name, _AGAIN) or _has(name, _LIVER) else "death"
    return _about(name) if _has(name, _AGAIN) else ""


def _time_unit(name: str) -> str:
    """The unit of time that a name has; "?" when it only says that it is one."""
    named = next((unit for unit, forms in UNITS.items() if set(words(name)) & set(forms)), "")
    return named or (
        "?"
        if {"time", "tijd", "zeit", "temps", "tiempo", "tempo", "tid"} & set(words(name))
        or words(name)[-1:] in (("os",), ("dfs",), ("pfs",), ("rfs",))
        else ""
    )


def _yes_code(codes: Mapping[str, str]) -> str:
    """The code that says that it happened: 1 of 0 and 1, or the one whose word is dead or yes."""
    if set(codes) <= {"0", "1"}:
        return "1"
    said = [code for code, label in codes.items() if plain(label).split(" ")[0] in (*_DEAD_CELLS, "yes", "ja", "oui", "si", "sim")]
    return said[0] if len(said) == 1 and len(codes) == 2 else ""
