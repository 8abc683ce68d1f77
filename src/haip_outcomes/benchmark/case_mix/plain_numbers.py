"""Numbers as they were given: text and dates, which numpy would turn into numbers of its own, are none."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np

LARGEST = 1_000_000_000  # patients or events: more were never counted, and limits of so many would never be found
_NONE = (str, bytes, date, timedelta, np.datetime64, np.timedelta64, complex)


def plain_numbers(values: Any) -> np.ndarray:
    """Values as floats, missing ones as NaN. TypeError or ValueError where one is text, a date, a length of time, or too large for a number."""
    found = np.asarray(values)
    text_or_date = found.dtype.kind in "USMmcV" or (found.dtype.kind == "O" and any(isinstance(one, _NONE) for one in found.ravel()))
    if text_or_date:
        raise TypeError("text or dates")
    to_float = getattr(values, "to_numpy", None)
    try:
        return np.asarray(to_float(dtype=float, na_value=np.nan) if to_float and found.ndim == 1 else np.asarray(values, dtype=float))
    except OverflowError:
        raise ValueError("too large") from None
