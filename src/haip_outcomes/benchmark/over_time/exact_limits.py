"""The limit of a chart on which every case carries the same risk: nothing simulated.

The chart is where it is because of the events and non-events since it was last at 0, so its values are a u - b d, with u the step
up and d the step down. Their probabilities are carried from case to case; what reaches the limit has signalled and is taken out.
"""

from __future__ import annotations

import math

import numpy as np

from haip_outcomes.benchmark.over_time.control_limits import TIE, Limit, refuse_too_few
from haip_outcomes.survival.compiled import compiled

WORK = 3e8  # steps of the loop below for one limit: beyond, simulation is quicker


@compiled
def chance_of_signal(p_up, up, down, h, cases):  # type: ignore[no-untyped-def]
    """P(max S >= h within the cases), with S = max(0, S + up) at probability p_up and max(0, S - down) otherwise.

    State (b, k): b steps down since the last 0, and k steps up more than the fewest that keep a up - b down above 0.
    """
    tie = 1e-9
    fewest = np.empty(cases + 2, np.int64)  # steps up that outweigh b steps down
    for b in range(cases + 2):
        a = np.int64(np.floor(b * down / up)) + 1
        while a > 1 and (a - 1) * up - b * down > tie:
            a -= 1
        while a * up - b * down <= tie:
            a += 1
        fewest[b] = a
    width = np.int64(np.ceil(h / up)) + 2
    now, after = np.zeros((cases + 1, width)), np.zeros((cases + 1, width))
    at_zero, signalled = 1.0, 0.0
    for i in range(cases):
        after[: i + 2] = 0.0
        back = at_zero * (1.0 - p_up)
        if up >= h - tie:
            signalled += at_zero * p_up
        else:
            after[0, 0] += at_zero * p_up
        for b in range(i + 1):
            for k in range(width):
                here = now[b, k]
                if here < 1e-30:  # nothing, to double precision: sums of it stay below 1e-20
                    continue
                a = fewest[b] + k
                if (a + 1) * up - b * down >= h - tie:
                    signalled += here * p_up
                else:
                    after[b, k + 1] += here * p_up
                lower = a - fewest[b + 1]
                if lower < 0:
                    back += here * (1.0 - p_up)
                else:
                    after[b + 1, lower] += here * (1.0 - p_up)
        at_zero = back
        now, after = after, now
    return signalled


def steps_of(p: float, odds_ratio: float) -> tuple[float, float, bool]:
    """The step up, the step down (both above 0), and whether it is the event that goes up."""
    event = math.log(odds_ratio) - math.log1p((odds_ratio - 1) * p)
    no_event = -math.log1p((odds_ratio - 1) * p)
    return (event, -no_event, True) if odds_ratio > 1 else (no_event, -event, False)


def shifted_risk(p: float | np.ndarray, odds_ratio: float) -> float | np.ndarray:
    """The risk when the odds are multiplied."""
    return odds_ratio * p / (1 + (odds_ratio - 1) * p)


def exact_limit(p: float, odds_ratio: float, cases: int, asked: float) -> Limit:
    """The smallest value of the chart with P(max S >= h) <= asked."""
    up, down, event_up = steps_of(p, odds_ratio)
    p_up = p if event_up else 1 - p

    def alarm(h: float) -> float:
        return float(chance_of_signal(p_up, up, down, h, cases))

    top = cases * up
    if alarm(top) > asked:
        refuse_too_few(asked, alarm(top))
    low, high = 0.0, min(up, top)
    while alarm(high) > asked:
        low, high = high, min(2 * high, top)
    values = _attainable(up, down, cases, low, high)
    values = values[np.concatenate([[True], np.diff(values) > TIE])]
    first, last = 0, len(values) - 1  # the last one keeps the false alarms
    while first < last:
        middle = (first + last) // 2
        first, last = (first, middle) if alarm(float(values[middle])) <= asked else (middle + 1, last)
    value, here = float(values[first]), alarm(float(values[first]))
    while first < len(values) - 1 and alarm(float(values[first + 1])) >= here * (1 - 1e-12):  # passed through, but never a new height
        first += 1
        value = float(values[first])
    beneath = _attainable(up, down, cases, max(value - 2 * (up + down), 0.0), value)
    lower = ((float(v), alarm(float(v))) for v in beneath[::-1] if v < value - TIE)
    below, alarm_below = next(((v, more) for v, more in lower if more > here), (math.nan, math.nan))
    return Limit(value, asked, here, _detection(p, odds_ratio, up, down, value, cases, event_up), True, below, alarm_below)


def can_be_exact(p: float, odds_ratio: float, cases: int) -> bool:
    """Whether the exact limit takes seconds: cases squared, times the steps up to a limit of about 5, times some 20 tries."""
    return 20 * cases**2 * (2 + 5 / steps_of(p, odds_ratio)[0]) / 2 < WORK


def exact_alarms(p: float, odds_ratio: float, cases: int, value: float) -> Limit:
    """A limit given beforehand, with its false alarms."""
    up, down, event_up = steps_of(p, odds_ratio)
    here = float(chance_of_signal(p if event_up else 1 - p, up, down, value, cases))
    return Limit(value, math.nan, here, _detection(p, odds_ratio, up, down, value, cases, event_up), True)


def _detection(p: float, odds_ratio: float, up: float, down: float, h: float, cases: int, event_up: bool) -> float:
    true = float(shifted_risk(p, odds_ratio))
    return float(chance_of_signal(true if event_up else 1 - true, up, down, h, cases))


def _attainable(up: float, down: float, cases: int, low: float, high: float) -> np.ndarray:
    """The values a up - b down in (low, high], sorted; with the chart's length as the only other bound."""
    b = np.arange(cases)
    first = np.floor((low + b * down) / up).astype(np.int64) - 1
    a = first[:, None] + np.arange(math.ceil((high - low) / up) + 4)
    values = a * up - b[:, None] * down
    kept = (a >= 1) & (a + b[:, None] <= cases) & (values > low + TIE) & (values <= high + TIE)
    return np.sort(values[kept])
