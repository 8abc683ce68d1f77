"""Who lacks a value: which columns are missing together, and whether those who lack one do better or worse than those who have it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from haip_outcomes.survival.comparing.comparisons import logrank
from haip_outcomes.survival.results import in_order
from haip_outcomes.survival.time_to_event import TimeToEvent

PER = 100  # patients' units of time a rate is given for


def missing_together(frame: pd.DataFrame, columns: Sequence[str], tte: TimeToEvent | None = None) -> pd.DataFrame:
    """Which values are missing together: a row a pattern, complete patients included, the most frequent first; no patient is named.

    frame : a row a patient, in the order of `tte` where there is one. Columns: n, n_event (of any kind; with times only), n_missing (columns without a
        value), share (of all patients), without (the columns, joined by commas; empty for complete patients), and, with times, time (followed, added up) and
        rate (events for 100 units of it). Equals the patterns of mice's `md.pattern`.
    """
    lacking = frame[list(columns)].isna().to_numpy()
    patterns, which = np.unique(lacking, axis=0, return_inverse=True)
    rows = []
    for k, pattern in enumerate(patterns):
        members = np.flatnonzero(which.ravel() == k)
        row: dict[str, object] = {"n": len(members), "n_missing": int(pattern.sum()), "share": len(members) / len(frame),
                                  "without": ", ".join(name for name, gone in zip(columns, pattern, strict=True) if gone)}  # fmt: skip
        if tte is not None:
            row |= _rate(tte, members)
        rows.append(row)
    made = in_order(pd.DataFrame(rows))
    return made.sort_values(["n", "n_missing", "without"], ascending=[False, True, True]).reset_index(drop=True)


def missing_by_column(frame: pd.DataFrame, columns: Sequence[str], tte: TimeToEvent) -> pd.DataFrame:
    """Do those who lack a value do as the others? Two rows a column with gaps, "known" and "missing"; one row, "known", where nothing is missing.

    tte : with one event (see `TimeToEvent.only`). Columns: group ("known" or "missing"), term, p_value (log-rank test of the two groups; NaN where there is
        one), n, n_event, share (of all patients), time (followed, added up) and rate (events for 100 units of it). A difference is a hint that complete cases
        are other patients.
    """
    rows: list[dict[str, object]] = []
    for name in columns:
        gone = frame[name].isna().to_numpy()
        p = float("nan")
        if gone.any() and not gone.all() and (tte.state > 0).any():
            p = logrank(tte, pd.Series(np.where(gone, "missing", "known"), index=tte.index)).p_value
        for group, members in (("known", np.flatnonzero(~gone)), ("missing", np.flatnonzero(gone))):
            if len(members):
                rows.append({"group": group, "term": name, "p_value": p, "n": len(members), "share": len(members) / len(frame), **_rate(tte, members)})
    return pd.DataFrame(rows)[["group", "term", "p_value", "n", "n_event", "share", "time", "rate"]]


def _rate(tte: TimeToEvent, members: np.ndarray) -> dict[str, object]:
    followed = float((tte.time if tte.entry is None else tte.time - tte.entry)[members].sum())
    events = int((tte.state[members] > 0).sum())
    return {"n_event": events, "time": followed, "rate": PER * events / followed if followed > 0 else float("nan")}
