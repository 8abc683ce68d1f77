"""What the conventions change: the same endpoints censored at the last contact, and with partial dates at their first and last day."""

from __future__ import annotations

from collections.abc import Iterator

from haip_outcomes.formatting import median, number, percent, plural
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.words import months, small
from haip_outcomes.survival.curves.aalen_johansen import cumulative_incidence
from haip_outcomes.survival.curves.kaplan_meier import survival_curve
from haip_outcomes.survival.time_to_event import TimeToEvent
from haip_outcomes.tables.estimates import answered
from haip_outcomes.tables.table import Table

_NOTE = ("Censored at the last contact, a patient who was not imaged counts as free of the disease until then: the number can only look better. "
         "The plan's convention is the one used everywhere else in this report.")  # fmt: skip


def sensitivity(part: Cohort, setting: str, chapter: Chapter) -> None:
    """One table a setting: each endpoint as planned, and below it what another convention would have given."""
    rows: list[tuple[str, ...]] = []
    indents: list[int] = []
    notes: list[str] = []
    for name, planned in part.plan.endpoints.items():
        with chapter.attempt(f"{planned.label}: what the conventions change", setting):
            variants = list(_variants(part, name))
            if len(variants) < 2:
                continue
            rows.append((planned.label, *[""] * (2 + len(part.plan.analysis.times))))
            indents.append(0)
            for words, tte, made in variants:
                rows.append((words, *_numbers(tte, part, name, f"{planned.label}, {words[:1].lower()}{words[1:]}", setting, chapter, made)))
                indents.append(1)
            notes.append(_kind(tte, part, name))
    if not rows:
        return
    if any("last contact" in row[0] for row in rows):
        notes.append(_NOTE)
    if len(part.partial_dates):
        notes.append(f"The file gives {plural(len(part.partial_dates), 'date')} of these patients without a day: read as the 15th of the month; here at the first and the last "
                     "day that each can mean, except where the order of a patient's dates would break. All go to the same end at once.")  # fmt: skip
    times = part.plan.analysis.times
    chapter.show(Table("conventions", "What the conventions change", ("Endpoint", "Events", f"Median, {tte.unit} (95% CI)", *(f"{months(t)} {tte.unit} (95% CI)" for t in times)),
                       tuple(rows), tuple(dict.fromkeys(notes)), indents=tuple(indents)), f"conventions_{setting}")  # fmt: skip


def _variants(part: Cohort, name: str) -> Iterator[tuple[str, TimeToEvent, dict[str, str]]]:
    planned, contact = part.plan.endpoints[name], part.plan.last_contact
    yield f"As planned, censored at {_seen(part, planned.last_seen)}" if planned.last_seen else "As planned", part.endpoint(name), {}
    if planned.from_dates and contact and contact != planned.last_seen:
        yield "Censored at the last contact", part.endpoint(name, last_seen=contact), {"last_seen": contact}
    if len(part.partial_dates):
        yield "Partial dates at their first day", part.with_partial_dates("earliest").endpoint(name), {"partial_dates": "earliest"}
        yield "Partial dates at their last day", part.with_partial_dates("latest").endpoint(name), {"partial_dates": "latest"}


def _seen(part: Cohort, column: str) -> str:
    label = part.plan.label(column)
    return f"the last look ({column})" if label == column else small(label)


def _kind(tte: TimeToEvent, part: Cohort, name: str) -> str:
    cause = _cause(tte, part, name)
    if cause is None:
        return f"{tte.label}: share without an event (Kaplan-Meier)."
    return f"{tte.label}: cumulative incidence of {cause.lower()} events, the others competing; its median is that of Kaplan-Meier with the others censored."


def _cause(tte: TimeToEvent, part: Cohort, name: str) -> str | None:
    """The event whose incidence is asked; None where any event ends the patient's good time."""
    terminal = part.plan.endpoints[name].terminal
    causes = [state for state in tte.states if state not in terminal]
    competing = name in ("liver", "first_site") or (len(tte.states) > 1 and name not in ("hepatic_pfs", "rfs", "pfs", "os"))
    return causes[0] if competing and causes else None


def _numbers(tte: TimeToEvent, part: Cohort, name: str, analysis: str, setting: str, chapter: Chapter,
             made: dict[str, str]) -> tuple[str, ...]:  # fmt: skip
    times = part.plan.analysis.times
    cause = _cause(tte, part, name)
    curve = survival_curve(tte.only(cause) if cause else tte.any_event(tte.label))
    middle = curve.median()
    chapter.record(middle, setting=setting, analysis=analysis, quantity="median", unit=tte.unit, method=curve.method,
                   recipe=recipe("median", of=name, only=cause, any=cause is None, **made))  # fmt: skip
    if cause is None:
        at, quantity, method = answered(curve.at(list(times))), "survival probability", curve.method
        how = recipe("survival_curve", of=name, any=True, **made)
    else:
        incidence = cumulative_incidence(tte, variance="cmprsk" if tte.entry is None else "infinitesimal-jackknife")
        at, quantity, method = answered(incidence.at(list(times))), "cumulative incidence", incidence.method
        at = at[at["outcome"] == cause]
        how = recipe("cumulative_incidence", of=name, **made, variance=incidence.variance)
    chapter.record(at, setting=setting, analysis=analysis, quantity=quantity, unit=tte.unit, method=method, recipe=how)
    one = middle.iloc[0]
    cells = {row["time"]: percent(row["estimate"], row["conf_low"], row["conf_high"]) for row in at.to_dict("records")}
    return (number(one["n_event"], 0), median(one["estimate"], one["conf_low"], one["conf_high"]), *(cells.get(float(t), "-") for t in times))
