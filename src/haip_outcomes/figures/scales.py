"""Where an axis begins and ends, and which round numbers stand on it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from haip_outcomes.figures.style import text_width, width_in_mm

_STEPS = {"months": (1, 2, 3, 6, 12, 24, 36, 60, 120), "days": (1, 5, 10, 15, 30, 60, 90, 180, 365, 730, 1825),
          "weeks": (1, 2, 4, 8, 13, 26, 52, 104)}  # fmt: skip


def time_breaks(until: float, unit: str, width: str, longest: str = "") -> tuple[float, ...]:
    """Round times from 0 to at most `until`, so few that the numbers under them do not touch.

    >>> time_breaks(73.0, "months", "single")
    (0.0, 12.0, 24.0, 36.0, 48.0, 60.0, 72.0)
    """
    room = width_in_mm(width) - 24.0
    most = min(8 if width == "single" else 12, int(room / (text_width(longest or "000") + 2.5)))
    known: Sequence[float] = _STEPS.get(unit, ())
    power = 10.0 ** np.floor(np.log10(until)) if until > 0 else 1.0
    general = [factor * power * scale for scale in (0.1, 1.0, 10.0) for factor in (1, 2, 5)]
    step = next((s for s in [*known, *general] if 1 <= until / s <= most), general[-1])
    return tuple(float(tick) for tick in np.arange(0, until + 1e-9, step))


def share_ticks(top: float) -> list[float]:
    """The ticks of a probability axis from 0 to `top`."""
    step = 0.25 if top > 0.8 else 0.2 if top > 0.5 else 0.1 if top > 0.2 else 0.05
    return [round(float(tick), 4) for tick in np.arange(0, top + step / 2, step)]


def span(unit: str, values: Sequence[tuple[float, ...]]) -> tuple[float, float]:
    """Where an axis begins and ends: 0 to 100%, 0 to a round time that holds all estimates, or powers of two."""
    if unit == "probability":
        return 0.0, 100.0
    estimates = [v for row in values for v in (row[0], row[3]) if not math.isnan(v)]
    limits = [v for row in values for v in (row[1], row[2], row[4], row[5]) if not math.isnan(v)]
    if unit == "ratio":
        return log_limits(limits, estimates)
    most = max(
        [*estimates, *(min(v, 2.5 * max(estimates, default=v)) for v in limits if math.isfinite(v))],
        default=1.0,
    )
    step = next(s for s in (1, 2, 5, 10, 12, 20, 24, 50, 100, 200, 500, 1000, 10**6) if most / s <= 8)
    return 0.0, float(step * math.ceil(most / step))


def log_limits(
    values: Sequence[float], estimates: Sequence[float], around: float = 1.0
) -> tuple[float, float]:
    """Powers of two around all estimates, and around the intervals as far as 8 times beyond `around`; the rest is cut.

    >>> log_limits([0.4, 40.0], [2.1, 5.0])
    (0.25, 8.0)
    """
    finite = [v for v in values if v > 0 and math.isfinite(v)]
    certain = [v for v in estimates if v > 0 and math.isfinite(v)]
    least = min([around / 2, *(max(v, around / 8) for v in finite), *certain])
    most = max([around * 2, *(min(v, around * 8) for v in finite), *certain])
    return 2.0 ** math.floor(math.log2(least) + 1e-9), 2.0 ** math.ceil(math.log2(most) - 1e-9)


def log_ticks(limits: tuple[float, float], width: float) -> list[float]:
    """Powers of two (or of four, ...) within the limits and through 1, as many as fit on `width` mm."""
    low, high = (round(math.log2(limit)) for limit in limits)
    for step in (1, 2, 3, 4, 6, 8, 12):
        exponents = [k for k in range(low, high + 1) if k % step == 0]
        ticks = [2.0**k for k in exponents]
        if sum(text_width(f"{tick:g}") + 1.5 for tick in ticks) <= width:
            return ticks
    return [1.0]


def linear_ticks(limits: tuple[float, float], width: float) -> list[float]:
    """Round numbers within the limits, as many as fit on `width` mm."""
    low, high = limits
    for step in (f * 10.0**k for k in range(-2, 5) for f in (1, 2, 2.5, 5)):
        first = math.ceil(low / step - 1e-9)
        ticks = [round(step * k, 6) for k in range(first, math.floor(high / step + 1e-9) + 1)]
        if len(ticks) <= 7 and sum(text_width(f"{tick:g}") + 3.0 for tick in ticks) <= width:
            return ticks
    return [low]
