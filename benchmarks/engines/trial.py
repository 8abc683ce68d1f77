"""What an engine does for a task: the call that is timed, and how its numbers are read afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# Where curves are read to be compared (days; between the whole days, so that rounding decides nothing).
AT = np.array([90.5, 365.5, 730.5, 1095.5, 1825.5, 2555.5, 3285.5])


@dataclass(frozen=True)
class Trial:
    """`call` is timed. `numbers` reads estimate, std_error, statistic or conf_low from its result, outside the clock.

    `before`, where given, makes the arguments of `call` anew for each repeat, outside the clock.
    """

    call: Callable[..., Any]
    numbers: Callable[[Any], dict[str, Any]]
    before: Callable[[], tuple[Any, ...]] | None = None


def stepped(time: Any, values: Any, start: float) -> np.ndarray:
    """A step function's values at AT."""
    time, values = np.asarray(time, dtype=float), np.asarray(values, dtype=float)
    place = np.searchsorted(time, AT, side="right") - 1
    return np.where(place >= 0, values[np.maximum(place, 0)], start)
