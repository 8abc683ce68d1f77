"""A patient's follow-up cut where something became known: one row from there on, one row until then (counting process)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from haip_outcomes.prognosis.later.later_values import SAME, Later
from haip_outcomes.survival.time_to_event import TimeToEvent


@dataclass(frozen=True, eq=False)
class SplitRows:
    """Rows (start, stop] of patients: `tte` and `patient` (their positions in the times that were split) have the same order.

    `values` holds each later column as it was known throughout the row.
    """

    tte: TimeToEvent
    patient: np.ndarray
    values: pd.DataFrame


def split_rows(tte: TimeToEvent, later: Sequence[Later]) -> SplitRows:
    """Cut the follow-up of each patient at the dates when a later column changed.

    With the change at s and follow-up (entry, time] there are rows (entry, s] with the level before and (s, time] with the value, as
    `survival::tmerge` makes them. What had changed by the entry (by time zero) is there from the start. A change on the last day of follow-up, or
    after it, is never seen: an event on the day of the change belongs to the row before it.

    Parameters
    ----------
    tte : times with one row a patient, delayed entry allowed.
    later : columns of the same patients, in the same order.
    """
    n = len(tte)
    begin = observed_since(tte)
    cuts = [np.flatnonzero(one.changes & changed_while_followed(one, tte)) for one in later]
    pairs = np.column_stack([np.concatenate([*cuts]), np.concatenate([_snapped(one.since[own], tte) for one, own in zip(later, cuts, strict=True)])])
    pairs = np.unique(pairs, axis=0)
    patient = np.concatenate([np.arange(n), pairs[:, 0].astype(np.int64)])
    start = np.concatenate([tte.start, pairs[:, 1]])
    first = np.arange(len(start)) < n
    order = np.lexsort((start, patient))
    patient, start, first = patient[order], start[order], first[order]
    last = np.append(patient[1:] != patient[:-1], True)
    stop = np.where(last, tte.time[patient], np.append(start[1:], 0.0))
    known_at = np.where(first, begin[patient], start)
    values = pd.DataFrame({one.column: one.at(patient, known_at) for one in later})
    rows = replace(
        tte.take(patient), time=stop, state=np.where(last, tte.state[patient], 0), index=values.index,
        entry=start if np.isfinite(start).any() else None, id=patient,
    )  # fmt: skip
    return SplitRows(rows, patient, values)


def observed_since(tte: TimeToEvent) -> np.ndarray:
    """When each patient's follow-up began: time zero, or the entry."""
    return np.maximum(tte.start, 0.0)


def changed_while_followed(later: Later, tte: TimeToEvent) -> np.ndarray:
    """True where the date lies after the start of follow-up and before its end."""
    return (later.since > observed_since(tte) + SAME) & (later.since < tte.time - SAME)


def _snapped(cuts: np.ndarray, tte: TimeToEvent) -> np.ndarray:
    """Cuts on the very number of the time of the same day: times that differ by rounding are one time (`TimeToEvent.from_frame`)."""
    distinct = tte.ranked.distinct
    near = np.clip(np.searchsorted(distinct, cuts), 1, len(distinct) - 1) if len(distinct) > 1 else np.zeros(len(cuts), dtype=int)
    near = near - ((near > 0) & (np.abs(distinct[near - 1] - cuts) < np.abs(distinct[near] - cuts)))
    return np.where(np.abs(distinct[near] - cuts) < SAME, distinct[near], cuts)
