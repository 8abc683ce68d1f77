"""The limit of a chart of deaths on the calendar, by simulation of centres whose patients die as the reference says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from haip_outcomes.benchmark.over_time.chances import MOST_CASES, generator, whole_number
from haip_outcomes.benchmark.over_time.control_limits import (
    Limit,
    checked_false_alarm,
    simulated_alarms,
    simulated_limit,
)
from haip_outcomes.benchmark.over_time.expected_hazards import Hazards, hazards_of
from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.compiled import compiled

CELLS = 2_000_000  # simulated patients in memory at once


@compiled
def highest_values(entries, late, follow, relative, hazard, step, until, waits, times_as_high, theta):  # type: ignore[no-untyped-def]
    """The highest value of each simulated chart.

    entries (1 or charts, n): calendar time of each time zero; late, follow, relative (n,): beginning and longest possible end of
    follow-up since time zero, and hazard relative to `hazard`, the cumulative one at multiples of `step`, straight between;
    waits (charts, n): unit exponential. Deaths come `times_as_high` as often as the reference says.
    """
    charts, n = waits.shape
    last = len(hazard) - 1
    found = np.zeros(charts)
    end, before, full = np.empty(n), np.empty(n), np.empty(n)
    death, active = np.empty(n), np.empty(n, np.int64)
    for r in range(charts):
        entry = entries[min(r, entries.shape[0] - 1)]
        deaths, followed = 0, 0
        for i in range(n):
            stop = min(follow[i], until - entry[i])
            if stop <= late[i]:
                continue
            place = late[i] / step
            j = min(int(place), last - 1)
            begun = hazard[j] + (place - j) * (hazard[j + 1] - hazard[j])
            place = stop / step
            j = min(int(place), last - 1)
            gathered = hazard[j] + (place - j) * (hazard[j + 1] - hazard[j])
            need = begun + waits[r, i] / (times_as_high * relative[i])
            if need <= gathered:
                low, high = 0, last  # hazard[low] < need <= hazard[high]
                while high - low > 1:
                    middle = (low + high) // 2
                    if hazard[middle] < need:
                        low = middle
                    else:
                        high = middle
                stop = step * (low + (need - hazard[low]) / (hazard[high] - hazard[low]))
                gathered = need
                death[deaths] = entry[i] + stop
                deaths += 1
            end[i], before[i], full[i] = entry[i] + stop, begun, relative[i] * (gathered - begun)
            active[followed] = i
            followed += 1
        order = np.sort(death[:deaths])
        done, seen, g, top = 0.0, 0.0, 0.0, 0.0
        for k in range(deaths):
            s = order[k]
            expected, a = 0.0, 0
            while a < followed:
                i = active[a]
                if end[i] <= s:
                    done += full[i]
                    followed -= 1
                    active[a] = active[followed]
                    continue
                if s > entry[i] + late[i]:
                    place = (s - entry[i]) / step
                    j = min(int(place), last - 1)
                    expected += relative[i] * (hazard[j] + (place - j) * (hazard[j + 1] - hazard[j]) - before[i])
                a += 1
            total = done + expected
            g = max(0.0, g - (math.exp(theta) - 1.0) * (total - seen)) + theta
            seen = total
            top = max(top, g)
        found[r] = top
    return found


def survival_cusum_limit(
    n: int,
    reference: Any,
    *,
    accrual: float,
    until: float,
    hazard_ratio: float = 2,
    false_alarm: float = 0.05,
    rng: int | np.random.Generator | None = None,
    simulations: int = 20_000,
    unit: str = "months",
) -> Limit:
    """The limit for a `survival_cusum` that is yet to begin: n patients, entering evenly by chance over `accrual`, watched until `until`.

    Simulated: entries uniform over (0, accrual), anew in each chart, deaths as the reference says, nobody lost before `until`. Give it
    to `survival_cusum(..., limit=)` at every look: one limit for the whole period, agreed before the first patient.

    Parameters
    ----------
    n : patients. reference : as in `survival_cusum`, but no `ReferenceModel` (nobody's case mix is known yet).
    accrual, until : in `unit`, since the first day. hazard_ratio, false_alarm, rng, simulations : as in `survival_cusum`.

    Source: Biswas and Kalbfleisch, Stat Med 2008;27:3382-3406, doi 10.1002/sim.3216 (formula read in public code, not in the article).

    >>> from haip_outcomes.benchmark.curves.reference_curve import ReferenceCurve
    >>> found = survival_cusum_limit(60, ReferenceCurve.from_median(38), accrual=60, until=84, rng=1, simulations=5000)
    >>> 4.8 < found.value < 5.2
    True
    """
    n = whole_number(n, "n", 1, MOST_CASES)
    for name, value in (("accrual", accrual), ("until", until)):
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 < value < math.inf:
            raise EndpointError(f"{name} must be a length of time above 0, in {unit}; got {value!r}.")
    hazards = hazards_of(reference, unit)
    one = np.ones(n)
    many = Hazards(hazards.base, one, hazards.horizon, hazards.method)
    return limit_of(None, np.zeros(n), np.full(n, math.inf), many, float(until), float(hazard_ratio), checked_false_alarm(false_alarm), None,
                    generator(rng, "The limit is found by simulation."), whole_number(simulations, "simulations", 100), float(accrual))  # fmt: skip


def limit_of(entry: np.ndarray | None, late: np.ndarray, follow: np.ndarray, hazards: Hazards, until: float, ratio: float, asked: float,
             given: float | None, rng: np.random.Generator, simulations: int, accrual: float = 0.0) -> Limit:  # fmt: skip
    """The limit of charts with these entries (without: uniform over `accrual`) and follow-up; or how often they reach the one given."""
    n = len(late)
    follow = np.minimum(np.minimum(follow, hazards.horizon), until - (0.0 if entry is None else entry))
    table, step = hazards.table(float(follow.max()))
    if not table[-1] > 0:
        raise EndpointError("The reference expects no event over this follow-up: there is nothing to chart.")
    found: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for first in range(0, simulations, max(CELLS // n, 1)):
        charts = min(max(CELLS // n, 1), simulations - first)
        entries = rng.random((charts, n)) * accrual if entry is None else np.ascontiguousarray(entry[None, :])
        waits = rng.standard_exponential((charts, n))
        for kept, true in zip(found, (1.0, ratio), strict=True):
            kept.append(highest_values(entries, late, follow, hazards.relative, table, step, until, waits, true, math.log(ratio)))
    highest, shifted = np.concatenate(found[0]), np.concatenate(found[1])
    return simulated_limit(highest, shifted, asked) if given is None else simulated_alarms(highest, shifted, given)
