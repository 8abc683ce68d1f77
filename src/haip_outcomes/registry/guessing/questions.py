"""The endpoints and counts that the columns of a file allow, as the lines of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from haip_outcomes.registry.guessing.column_facts import ColumnFacts
from haip_outcomes.registry.guessing.events import TimedEvent
from haip_outcomes.registry.guessing.lines import Line, remark
from haip_outcomes.registry.guessing.names import likeness, words
from haip_outcomes.registry.guessing.plan_text import heading, key, listing, pairs, quoted

LABELS = {
    "os": "Overall survival", "liver": "Liver progression or recurrence", "first_site": "First site of progression or recurrence",
    "hepatic_pfs": "Hepatic progression-free survival", "rfs": "Recurrence-free survival", "pfs": "Progression-free survival",
    "extrahepatic": "Extrahepatic progression or recurrence", "conversion": "Conversion to resection", "pump_failure": "Pump failure",
}  # fmt: skip
COUNTS = {
    "postop_complication": ("complication", "postoperative complication", "perioperative complication", "any complication", "complicatie", "postoperatieve complicatie",
                            "Komplikation", "postoperative Komplikation", "complication postopératoire", "complicación", "complicanza", "complicação"),
    "pump_complication": ("pump complication", "pump specific complication", "pompcomplicatie", "Pumpenkomplikation", "complication de la pompe",
                          "complicación de la bomba", "complicanza della pompa"),
    "biliary_sclerosis": ("biliary sclerosis", "biliary stricture", "biliaire stenose", "galwegstrictuur", "biliäre Sklerose", "Gallengangsstriktur",
                          "sténose biliaire", "esclerosis biliar", "stenosi biliare"),
    "first_cycle_delivered": ("first cycle given", "first cycle delivered", "haip started", "eerste kuur gegeven", "erster Zyklus gegeben"),
    "conversion_to_resection": ("converted to resection", "conversion to resection", "conversion", "conversie", "Konversion"),
}  # fmt: skip
COUNT_LABELS = {"postop_complication": "Postoperative complication", "pump_complication": "Pump-specific complication", "biliary_sclerosis": "Biliary sclerosis",
                "first_cycle_delivered": "First cycle given", "conversion_to_resection": "Conversion to resection"}  # fmt: skip


@dataclass(frozen=True)
class Questions:
    """The lines of the endpoints, of the derived columns that they need, and of the programme; `lacking` is what no column was found for.

    `taken` are the names of the file's own columns, which no derived column may have.
    """

    taken: frozenset[str] = frozenset()
    endpoints: list[Line | str] = field(default_factory=list)
    derived: list[Line | str] = field(default_factory=list)
    programme: list[Line | str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)

    def make(self, name: str, label: str, take: str, *source: str) -> str:
        """Add a derived column, and say what it is called."""
        name = name if name not in self.taken else f"{name}_made"
        self.derived.extend([heading("derived", name), f"label = {quoted(label)}", f"take = {quoted(take)}", *source, ""])
        return name


def from_dates(
    role: Mapping[str, str], taken: Iterable[str], imaging: Mapping[str, str] | None = None, cycles: str | None = None, pumps: bool = True
) -> Questions:
    """Endpoints from dates.

    `role` is {standard item or role of an event: column}; `imaging` the same for a table of scans, `cycles` the date column of a table of
    cycles; `taken` are the names of all columns. Without `pumps` there are only patients who never had one, and the liver's treatment is time
    zero. Otherwise time zero is the pump: where its column was not found the endpoints name one that is not there, and the plan can't be loaded
    until somebody has said which it is. Counted from the diagnosis, a patient would be immortal until the pump.
    """
    found = Questions(frozenset(taken))
    role = dict(role)
    if imaging and "imaging_date" in imaging:
        _from_scans(role, imaging, found)
    if cycles and "first_cycle_date" not in role:
        role["first_cycle_date"] = found.make("first_cycle", "First HAIP cycle", "earliest", *_rows("cycles", cycles))
    start = role.get("pump_date", "") if pumps else role.get("liver_treatment_date", "") or role.get("pump_date", "")
    zero = "" if "pump_date" in role else "time zero: nothing speaks of a pump, so it is the treatment of the liver"
    contact, death = role.get("last_contact_date", ""), role.get("death_date", "")
    if not start and (contact or death):
        start, zero = _placeholder(found), "time zero: no column of pump placement was found, so this name is none of the file's: write which column it is"
    wanted = {_no_pump(role, start): "pump_date" in role or not zero.startswith("time zero: no column"), "the last contact": contact,
              "death (a column of dates, empty while alive)": death}  # fmt: skip
    found.lacking.extend(what for what, column in wanted.items() if not column)
    if start:
        deaths = {"Death": death} if death else {}
        if contact and death:
            _endpoint(found, "os", start, contact, deaths, zero)
        _of_disease(found, role, start, deaths, zero)
        _of_the_pump(found, role, start, deaths, zero)
    return found


def _placeholder(found: Questions) -> str:
    """A name that no column of the file has."""
    return next(name for name in ("pump_date", *(f"pump_date_{i}" for i in range(2, 1000))) if name not in found.taken)


def _no_pump(role: Mapping[str, str], start: str) -> str:
    """What is lacking, and how time could be counted otherwise without making anybody immortal."""
    other = next((role[name] for name in ("diagnosis_date", "liver_treatment_date") if name in role), "")
    text = f"time zero (the date of pump placement; of patients without a pump, of the treatment of the liver): write its column in place of {start or 'start'} in the endpoints, and as [columns.NAME] with kind = \"date\""
    return text + (f". To count from {other} instead, write it as start and the date of the pump as entry: nobody was followed before the pump" if other else "")


def _of_disease(found: Questions, role: Mapping[str, str], start: str, deaths: dict[str, str], zero: str) -> None:
    """Endpoints that end with the last look at the disease."""
    seen, doubt = role.get("last_imaging_date", ""), zero
    if not seen:
        seen = role.get("last_contact_date", "")
        doubt = zero or "no column of the last imaging was found; nobody knows at the last contact what a scan would have shown"
    liver, outside, again = (role.get(name, "") for name in ("liver_event_date", "extrahepatic_event_date", "progression_date"))
    if not seen:
        return
    if liver:
        _endpoint(found, "liver", start, seen, {"Liver": liver, **deaths}, doubt)
        _endpoint(found, "hepatic_pfs", start, seen, {"Liver": liver, **deaths}, doubt)
    if outside:
        _endpoint(found, "extrahepatic", start, seen, {"Extrahepatic": outside, **deaths}, doubt)
    if liver and outside:
        _endpoint(found, "first_site", start, seen, {"Liver": liver, "Extrahepatic": outside, **deaths}, doubt)
        again = again or found.make("progression_date", "First progression or recurrence", "earliest", f"columns = {listing([liver, outside])}")
    if again:
        _endpoint(found, "rfs", start, seen, {"Recurrence": again, **deaths}, doubt)
        _endpoint(found, "pfs", start, seen, {"Progression": again, **deaths}, doubt)


def _of_the_pump(found: Questions, role: Mapping[str, str], start: str, deaths: dict[str, str], zero: str) -> None:
    """Conversion, pump failure, and the days to the first cycle."""
    contact = role.get("last_contact_date", "")
    if contact and "conversion_date" in role:
        _endpoint(found, "conversion", start, contact, {"Resection": role["conversion_date"], **deaths}, zero)
    if contact and "pump_failure_date" in role:
        removed = {"Removal": role["pump_removal_date"]} if "pump_removal_date" in role else {}
        _endpoint(found, "pump_failure", start, contact, {"Pump failure": role["pump_failure_date"], **removed, **deaths}, zero)
    if "pump_date" in role and "first_cycle_date" in role:
        found.programme.extend([
            heading("programme", "time_to_first_cycle"),
            'label = "Days from pump to first cycle"',
            Line(f"start = {quoted(role['pump_date'])}", "pump placement"),
            Line(f"end = {quoted(role['first_cycle_date'])}", "the first cycle"),
            "",
        ])  # fmt: skip


def _from_scans(role: dict[str, str], imaging: Mapping[str, str], found: Questions) -> None:
    """Dates of events and of the last look from the rows of imaging, where the patients' table has no column of them."""
    day = imaging["imaging_date"]
    for item, name, label in (("liver_progression", "liver_event_date", "Progression or recurrence in the liver"),
                              ("extrahepatic_progression", "extrahepatic_event_date", "Progression or recurrence outside the liver")):  # fmt: skip
        if item in imaging and name not in role:
            role[name] = found.make(name, label, "earliest", *_rows("imaging", day), f'where = {{ {key(imaging[item])} = "Yes" }}')
    scan = found.make("last_scan", "Last scan", "latest", *_rows("imaging", day))
    own = role.get("last_imaging_date")
    role["last_imaging_date"] = found.make("last_look", "Last imaging", "latest", f"columns = {listing([own, scan])}") if own else scan


def _rows(table: str, column: str) -> tuple[str, str]:
    return f"table = {quoted(table)}", f"column = {quoted(column)}"


def _endpoint(found: Questions, name: str, start: str, seen: str, events: Mapping[str, str], doubt: str) -> None:
    """The lines of an endpoint; `doubt` is what speaks against its time zero, or else against its last look."""
    of_zero = doubt.startswith("time zero")
    seen_why = doubt if doubt and not of_zero else "until when a patient without an event was followed for it"
    found.endpoints.extend([
        heading("endpoints", name),
        f"label = {quoted(LABELS[name])}",
        Line(f"start = {quoted(start)}", doubt if of_zero else "time zero"),
        Line(f"last_seen = {quoted(seen)}", seen_why),
        Line(f"events = {pairs(dict(events))}", "are these the dates of the events?"),
        "",
    ])  # fmt: skip


def from_times(timed: Mapping[str, TimedEvent], names: Iterable[str]) -> Questions:
    """Endpoints from times with flags."""
    found = Questions()
    if "death" not in timed:
        found.lacking.append("overall survival: a time and a flag of death")
    resected = any({"resection", "hepatectomy", "resectie"} & set(words(name)) for name in names)
    zero = Line(f"start = {quoted('liver resection' if resected else 'time zero')}", "time zero in words: from when do the times count?")
    death, liver, again = timed.get("death"), timed.get("liver"), timed.get("any")
    deaths = {"Death": death} if death else {}
    chosen: dict[str, dict[str, TimedEvent]] = {}
    if death:
        chosen["os"] = {"Death": death}
    if liver:
        chosen["liver"] = {"Liver": liver, **deaths}
        chosen["hepatic_pfs"] = {"Liver": liver, **deaths}
    if liver and again:
        chosen["first_site"] = {"Liver": liver, "Extrahepatic": again, **deaths}
    if again:
        chosen["rfs"] = {"Recurrence": again, **deaths}
    for name, events in chosen.items():
        units = {event.unit for event in events.values()} - {"?"}
        unit = units.pop() if len(units) == 1 else "months"
        found.endpoints.extend([heading("endpoints", name), f"label = {quoted(LABELS[name])}", zero])
        if unit != "months" or any(event.unit == "?" for event in events.values()):
            found.endpoints.append(Line(f"unit = {quoted(unit)}", "the unit of the times"))
        found.endpoints.append(heading("endpoints", name, "events"))
        found.endpoints.extend([*(_pair(label, event, name) for label, event in events.items()), ""])
    return found


def asked(event: TimedEvent) -> list[str]:
    """Overall survival from a duration and a status that nothing explains: as remarks, to be made a part of the plan by a person."""
    unit = "" if event.unit in ("months", "?") else f"# unit = {quoted(event.unit)}"
    return [
        *remark(f"CONFIRM: {event.time} looks like a time of survival and {event.flag} like a status. If the code below means that the patient died, and the time "
                "runs from the pump (or the treatment) to death or last contact, take the # away before these lines."),
        "# [endpoints.os]",
        '# label = "Overall survival"',
        '# start = "pump placement"',
        *filter(None, [unit]),
        "# [endpoints.os.events]",
        f"# Death = {{ time = {quoted(event.time)}, flag = {quoted(event.flag)}, code = {quoted(event.code)} }}",
        "",
    ]  # fmt: skip


def _pair(label: str, event: TimedEvent, endpoint: str) -> Line:
    code = "" if event.code == "1" else f", code = {quoted(event.code)}"
    why = "does this flag say that it happened, and the time when?"
    if endpoint == "first_site" and label == "Extrahepatic":
        why = "any progression or recurrence; on the same day as the liver's it counts as liver"
    return Line(f"{label} = {{ time = {quoted(event.time)}, flag = {quoted(event.flag)}{code} }}", why)


def counts(facts: Iterable[ColumnFacts], levels: Mapping[str, Mapping[str, str]]) -> list[Line | str]:
    """The programme's counts that have a column of No and Yes; `levels` are those written for each column."""
    yes_no = [column for column in facts if "Yes" in levels.get(column.name, {}).values()]
    scored = sorted(((max(likeness(one, known) for one in column.names for known in (name, *others)), name, column.name)
                     for name, others in COUNTS.items() for column in yes_no),
                    key=lambda one: (-one[0], one[1], one[2]))  # fmt: skip
    found: dict[str, str] = {}
    for score, name, column in scored:
        if score >= 0.85 and name not in found and column not in found.values():
            found[name] = column
    lines: list[Line | str] = []
    for name in (name for name in COUNTS if name in found):
        lines += [
            heading("programme", name),
            f"label = {quoted(COUNT_LABELS[name])}",
            Line(f"column = {quoted(found[name])}", "is this what the published figures count?"),
        ]
        lines += ['settings = ["unresectable"]'] if name == "conversion_to_resection" else []
        lines += [Line(f"definition = {quoted(COUNT_LABELS[name].lower())}", "say what exactly was counted"), ""]
    return lines
