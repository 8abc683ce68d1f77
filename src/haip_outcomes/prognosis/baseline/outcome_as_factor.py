"""A column that is the outcome in another form: vital status, cause of death or follow-up time among the factors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from haip_outcomes.formatting import plural
from haip_outcomes.prognosis.baseline.few_events import FEW_EVENTS
from haip_outcomes.survival.time_to_event import TimeToEvent, level_text

SAME = 0.9999  # correlation with the follow-up time (of values or of ranks) from which a column is that time in other units, or rounded
DIFFERENT = 10  # values without which such a correlation may be chance
NEARLY = 0.9  # difference between two shares with the event from which a level tells the outcome
CHANCE = 0.01  # of a split as pure as this in a column that has nothing to do with the outcome: above it nothing is said
LEVELS = 10  # more are no levels but a number or a name of each patient
CURE = "That is the outcome in another form, and no factor: take it out."


def tells_the_outcome(tte: TimeToEvent, column: pd.Series) -> str:
    """Why a column is refused as a covariate, in a sentence with what to do: it is the event, or the time, in another form. Else nothing.

    A column is the event when each of its levels holds patients with the event only, or without it only (the event, or any one kind of event): "Dead" and
    "Alive", 1 and 0, "liver", "other" and "alive". Both sides need FEW_EVENTS patients: a rare finding whose few patients all died may be real,
    and is only noted (`nearly_tells`). It is the time when it equals it, or follows it in other units or rounded.

    tte : with all its competing events where there are any. column : aligned by its index; of several rows a patient the last one counts.

    >>> months, dead = [3, 5, 8, 9, 11, 14, 15, 18, 20, 24], [1, 1, 1, 0, 1, 0, 1, 0, 0, 0]
    >>> frame = pd.DataFrame({"months": months, "dead": dead, "vital": ["Dead" if one else "Alive" for one in dead]})
    >>> tte = TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    >>> tells_the_outcome(tte, frame["vital"])
    '"vital" tells who had the event (Death): 5 of 5 patients with it and 5 of 5 without. That is the outcome in another form, and no factor: take it out.'
    >>> tells_the_outcome(tte, pd.Series([70, 61, 66, 58, 49, 52, 71, 64, 55, 60], name="age"))
    ''
    """
    last, time, values = _known(tte, column)
    if _is_time(time, values):
        return f'"{column.name}" tells how long a patient was followed. {CURE}'
    levels, names = _levels(values)
    if not 2 <= len(names) <= min(LEVELS, len(values) // FEW_EVENTS):
        return ""
    for words, event in _events(tte, last):
        total = int(event.sum())
        if min(total, len(event) - total) >= FEW_EVENTS and _pure(levels, event):
            return (f'"{column.name}" tells who had the event ({words}): {total} of {plural(total, "patient")} with it and {len(event) - total} of {len(event) - total} '
                    f"without. {CURE}")  # fmt: skip
    return ""


def nearly_tells(tte: TimeToEvent, column: pd.Series) -> str:
    """What a level says of the outcome, where (nearly) all of its patients had the event and (nearly) none of the others, or the reverse; else nothing.

    >>> frame = pd.DataFrame({"months": range(1, 11), "dead": [1] * 3 + [0] * 7, "jaundice": ["yes"] * 3 + ["no"] * 7})
    >>> nearly_tells(TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"]), frame["jaundice"])
    '3 of 3 patients with "yes" had the event (Death), and none of the 7 others'
    """
    last, _, values = _known(tte, column)
    levels, names = _levels(values)
    if not 2 <= len(names) <= LEVELS:
        return ""
    for words, event in _events(tte, last):
        for k, name in enumerate(names):
            inside = levels == k
            n, own, others = int(inside.sum()), int(event[inside].sum()), int(event[~inside].sum())
            rest = len(event) - n
            if abs(own / n - others / rest) < NEARLY or (not _pure(inside, event) and _by_chance(event, own, n) > CHANCE):
                continue
            return f'{_of(own, n, f"patients with {_quoted(name)}")} had the event ({words}), and {_of(others, rest, "others")}'
    return ""


def _known(tte: TimeToEvent, column: pd.Series) -> tuple[np.ndarray, np.ndarray, pd.Series]:
    """Of the patients who have the column: their last rows' places, times followed, and values."""
    values = pd.Series(tte.align(column, str(column.name)), dtype=object)
    last = np.arange(len(tte)) if tte.id is None else pd.Series(tte.time).groupby(np.asarray(tte.id)).idxmax().to_numpy()
    last = last[values.iloc[last].notna().to_numpy()]
    return last, np.asarray(tte.time, dtype=float)[last], values.iloc[last]


def _is_time(time: np.ndarray, values: pd.Series) -> bool:
    try:
        number = values.to_numpy(dtype=float)
    except (TypeError, ValueError):
        return False
    different = len(np.unique(number))
    if different < 3 or len(np.unique(time)) < 3 or not np.isfinite(number).all():
        return False
    if np.allclose(number, time, rtol=1e-7, atol=1e-9):
        return True
    ranks = pd.Series(number).rank().to_numpy(), pd.Series(time).rank().to_numpy()
    return different >= DIFFERENT and any(abs(float(np.corrcoef(a, b)[0, 1])) > SAME for a, b in ((number, time), ranks))


def _levels(values: pd.Series) -> tuple[np.ndarray, list[str]]:
    codes, found = pd.factorize(values.to_numpy(dtype=object), sort=False)
    return codes, [level_text(one) for one in found] if len(found) <= LEVELS else [""] * len(found)


def _events(tte: TimeToEvent, last: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Each kind of event, and any of them, in words and as who had it."""
    state = np.asarray(tte.state)[last]
    for k, name in enumerate(tte.states, start=1):
        yield name, state == k
    if len(tte.states) > 1:
        yield "of any kind", state > 0


def _pure(levels: np.ndarray, event: np.ndarray) -> bool:
    """Whether all patients of each level had the event, or none; and both occur."""
    shares = pd.Series(event).groupby(levels).mean()
    return bool(shares.isin([0.0, 1.0]).all()) and shares.nunique() == 2


def _by_chance(event: np.ndarray, own: int, n: int) -> float:
    """The chance of a level of n patients with as many events, or with as few, of a column that has nothing to do with the event."""
    from scipy.stats import hypergeom

    law = hypergeom(len(event), int(event.sum()), n)
    return float(min(law.cdf(own), law.sf(own - 1)))


def _of(k: int, n: int, who: str) -> str:
    return f"{k} of {n} {who}" if k else f"none of the {n} {who}"


def _quoted(name: str) -> str:
    return f'"{name}"'
