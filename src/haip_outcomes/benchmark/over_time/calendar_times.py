"""Where on the calendar a patient's time zero lies: numbers in the unit of the times, or dates counted from the first of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.time_to_event import TimeToEvent

DAYS = {"days": 1.0, "weeks": 7.0, "months": 365.25 / 12, "years": 365.25}


def on_calendar(entry: Any, until: Any, tte: TimeToEvent) -> tuple[np.ndarray, float | None, bool]:
    """Entry of each row and the end of monitoring on one calendar in the unit of `tte`, and whether they were dates.

    Numbers stay as they are. Dates become times since the earliest of them; no date leaves this function.
    """
    values = tte.align(entry, "entry")
    dated = np.issubdtype(values.dtype, np.datetime64) or (values.dtype == object and any(hasattr(value, "year") for value in values))
    if dated:
        if tte.unit not in DAYS:
            raise EndpointError(f'Entry dates need times in {listed(list(DAYS), "or")}, and these are in "{tte.unit}": give entry as numbers.')
        dates = pd.to_datetime(pd.Series(values), errors="coerce")
        _refuse(dates.isna().to_numpy(), "The entry date is missing or no date")
        first = dates.min()
        starts = ((dates - first) / pd.Timedelta(days=1)).to_numpy(dtype=float) / DAYS[tte.unit]
        return starts, None if until is None else _end(until, first, tte.unit), True
    try:
        starts = values.astype(float)
    except (TypeError, ValueError):
        raise EndpointError("entry must hold dates, or calendar times as numbers in the unit of the times.") from None
    _refuse(~np.isfinite(starts), "The entry is missing or infinite")
    if until is None:
        return starts, None, False
    if isinstance(until, bool) or not isinstance(until, (int, float, np.number)) or not np.isfinite(until):
        raise EndpointError(f"until must be a calendar time like the entries, in {tte.unit}; got {until!r}.")
    return starts, float(until), False


def _end(until: Any, first: pd.Timestamp, unit: str) -> float:
    if isinstance(until, (int, float, np.number)):
        raise EndpointError("The entries are dates, so until must be a date too.")
    end = pd.to_datetime(until, errors="coerce")
    if pd.isna(end):
        raise EndpointError("until must be a date, as the entries are; this one can't be read: write it as 2026-03-31.")
    return float((end - first) / pd.Timedelta(days=1)) / DAYS[unit]


def _refuse(wrong: np.ndarray, what: str) -> None:
    if wrong.any():
        raise EndpointError(f"{what} for {plural(int(wrong.sum()), 'patient')} (place {', '.join(str(i + 1) for i in np.flatnonzero(wrong)[:5])}"
                            f"{', ...' if wrong.sum() > 5 else ''} in the order given): correct it, or leave them out with a reason.")  # fmt: skip
