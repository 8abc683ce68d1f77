"""Columns whose missing values can't be imputed because too few of the patients who had the event have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.time_to_event import TimeToEvent

# Events whose value is known, below which nothing is imputed. What those with the event have is told by the coefficient of the event indicator; without such a patient
# there is none, and what is filled in is drawn as for the others: in 100 cohorts of 200 with a log hazard ratio of 0.8, known for no event, the pooled one was 0.29 on
# average and its 95% limits held the truth in 31; with 3 events known 0.57 and 75% (docs/imputation.md).
EVENTS_SEEN = 5
EVENTS_WANTED = 20  # below it, where most of the events lack the value, it is said: with 5, 10 and 20 known of 124 on average the limits held the truth in 74, 84 and 93 of 100


def unlearnt(frame: pd.DataFrame, columns: Iterable[str], tte: TimeToEvent, whole: TimeToEvent) -> dict[str, str]:
    """The columns with gaps in which the outcome is not seen, each with the reason, its numbers and what to do.

    Fewer than EVENTS_SEEN of those with the event have the value, though others with it lack it; nobody without the event has it; or nobody with another kind of event
    has it and EVENTS_SEEN or more lack it. tte : with the event modelled only. whole : with all events.
    """
    event = tte.state > 0
    found = {}
    for name in columns:
        known = frame[name].notna().to_numpy()
        if known.all():
            continue
        told = _counts(event, known, tte.states[0])
        others = [k for k, cause in enumerate(whole.states, start=1) if cause != tte.states[0]
                  and not ((whole.state == k) & known).any() and int(((whole.state == k) & ~known).sum()) >= EVENTS_SEEN]  # fmt: skip
        if int((event & known).sum()) < EVENTS_SEEN and (event & ~known).any():
            why = f"what those with the event have can hardly be learnt from so few (at least {EVENTS_SEEN} are needed)"
        elif not (~event & known).any() and (~event & ~known).any():
            why = "what those without the event have can't be learnt"
        elif others:
            told += "".join(f" and of {_counts(whole.state == k, known, whole.states[k - 1])}" for k in others)
            why = f"what those with {listed([whole.states[k - 1] for k in others])} have can't be learnt"
        else:
            continue
        found[name] = (f'"{name}" is known of {told}: {why}. Values filled in would be those of the others, and the hazard ratio drawn towards 1, so there is no pooled '
                       "result and it is not imputed. Look for the missing values in the records, or leave it out; complete cases are as one-sided.")  # fmt: skip
    return found


def hardly_learnt(frame: pd.DataFrame, columns: Iterable[str], tte: TimeToEvent, labels: Mapping[str, str]) -> list[str]:
    """What is said of imputed columns that fewer than EVENTS_WANTED, and less than half, of those with the event have."""
    event, said = tte.state > 0, []
    for name in columns:
        known = frame[name].notna().to_numpy()
        seen = int((event & known).sum())
        if seen < EVENTS_WANTED and seen < event.sum() / 2:
            said.append(f"{labels[name]} is known of {_counts(event, known, tte.states[0])}: what those with the event have is learnt from few, and the pooled hazard ratio is drawn "
                        "towards 1, with limits that miss more often than they say.")  # fmt: skip
    return said


def _counts(event: np.ndarray, known: np.ndarray, cause: str) -> str:
    return (f"{int((event & known).sum())} of {plural(int(event.sum()), 'patient')} with the event ({cause}) and {int((~event & known).sum())} of "
            f"{int((~event).sum())} without")  # fmt: skip
