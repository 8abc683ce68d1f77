"""What is said of columns known later: how many changed and when, the method, and why something is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.prognosis.later.later_values import SAME, Later
from haip_outcomes.prognosis.later.over_time_result import NAIVE, TIME_VARYING, landmark_name
from haip_outcomes.prognosis.later.split_rows import changed_while_followed, observed_since
from haip_outcomes.survival.hazards.diagnostics import proportional_hazards
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.time_to_event import TimeToEvent

NO_SUBDISTRIBUTION = (
    "Fine and Gray's model keeps patients at risk after a competing event, and what changes in a patient who is followed has no value after it "
    "(a patient who died can't be converted any more): its subdistribution hazard ratio would mean nothing. Take the cause-specific one, "
    "or a landmark."
)


def refuse_unchanged(later: list[Later], tte: TimeToEvent) -> None:
    """Stop where a column changes in nobody while followed."""
    said = []
    for one in later:
        if (one.changes & changed_while_followed(one, tte)).any():
            continue
        at_start = int((one.changes & (one.since <= observed_since(tte) + SAME)).sum())
        said.append(f"{one.label} changed in nobody while followed" + (
            f": all {plural(at_start, 'patient')} who have it had it by time zero, so it is a baseline factor. Use factors(...), and write "
            f'known = "baseline" under [columns.{one.column}].' if at_start else ", so there is nothing to compare: is the date the right one?"))  # fmt: skip
    if said:
        raise EndpointError(" ".join(said))


def no_value_before(labels: list[str]) -> str:
    """Why numbers can't change over time in a model, and what to do."""
    one = len(labels) == 1
    return (f"{listed(labels)} {'is a number, which has' if one else 'are numbers, which have'} no value before the date, and a covariate that "
            "changes over time needs one from the start. Give a landmark (those without a value by then are left out), or make a category of it with "
            'a level until then (before = "Not measured").')  # fmt: skip


def changes(later: list[Later], tte: TimeToEvent) -> pd.DataFrame:
    """How many patients have what comes later, and when: a row a column."""
    rows = []
    for one in later:
        start = one.since <= observed_since(tte) + SAME
        last_day = np.abs(one.since - tte.time) <= SAME
        rows.append({
            "term": one.column, "n": len(tte), "n_at_start": int((one.changes & start).sum()),
            "n_changed": int((one.changes & changed_while_followed(one, tte)).sum()),
            "n_last_day": int((one.changes & ~start & last_day).sum()),
            "n_afterwards": int((one.changes & ~start & ~last_day & (one.since > tte.time)).sum()),
            "n_missing": int(one.values.isna().sum()) if one.before is not None else 0,
        })  # fmt: skip
    return pd.DataFrame(rows)


def proportional(models: dict[str, HazardFit]) -> pd.DataFrame:
    """The tests of proportional hazards of the Cox models that may be believed."""
    frames = []
    for name, fit in models.items():
        if name != NAIVE and "subdistribution" not in name:
            frame = proportional_hazards(fit).tidy()
            frames.append((frame[:-1] if len(frame) == 2 else frame).assign(model=name))
    columns = ["model", "term", "statistic", "df", "p_value"]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def method_sentence(tte: TimeToEvent, later: list[Later], base: list[str], labels: dict[str, str], strata: str | None, models: dict[str, HazardFit],
                    notes: dict[float, str], horizon: float | None) -> str:  # fmt: skip
    """The sentence that the result writes about itself; `notes` say of each landmark who was still followed."""
    words = ["Cox, Efron ties", "what is known later as it changes (time-varying)" + (" and by landmark" if notes else "")]
    if tte.censored_causes:
        words.append(f"cause-specific hazard of {tte.states[0]}, {listed(tte.censored_causes)} censored")
    if strata is not None:
        words.append(f"stratified by {labels[strata]}")
    if base:
        terms = [" × ".join(labels.get(part.strip(), part.strip()) for part in name.replace("*", ":").split(":")) for name in base]
        words.append(f"adjusted for {listed(terms)}")
    parts = [", ".join(words)]
    for one, row in zip(later, changes(later, tte).to_dict("records"), strict=True):
        more = [f"{row['n_at_start']} had it from the start"] * bool(row["n_at_start"])
        more += [f"{row['n_last_day']} on the last day of follow-up, too late to count"] * bool(row["n_last_day"])
        more += [f"{row['n_afterwards']} after it"] * bool(row["n_afterwards"])
        who = f"{row['n_changed']} of {plural(row['n'], 'patient')}"
        parts.append(f"{one.label} from its date on: changed in {who} while followed{', ' if more else ''}{listed(more)}")
    if TIME_VARYING in models:
        fit = models[TIME_VARYING]
        parts.append(f"time-varying: {fit.n} of {plural(tte.n, 'patient')}{_left(fit, labels)}, {plural(fit.n_event, 'event')} ({tte.states[0]})")
    for at, note in notes.items():
        here = models.get(landmark_name(at))
        within = f" within {horizon:g} {tte.unit}" if horizon else ""
        parts.append(note if here is None else
                     f"{note}; {here.n} analysed{_left(here, labels)}, {plural(here.n_event, 'event')} ({tte.states[0]}){within}")  # fmt: skip
    if any("subdistribution" in name for name in models):
        parts.append("subdistribution hazard by Fine and Gray from the landmark on")
    return "; ".join(parts)


def _left(fit: HazardFit, labels: dict[str, str]) -> str:
    """Why patients of a landmark were left out of its model."""
    return "".join(f", {len(rows)} without {labels.get(reason.removeprefix('without '), reason.removeprefix('without '))}" for reason, rows in fit.left_out.items())
