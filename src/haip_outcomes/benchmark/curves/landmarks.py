"""Survival read at some times: what must be true of it, and how sure each number is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from haip_outcomes.benchmark.curves.given_numbers import (
    absent,
    count_given,
    horizon_given,
    in_one_order,
    number_of,
    numbers_given,
    shown,
    time_given,
    unit_problems,
)
from haip_outcomes.benchmark.published_figure import z_of
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, plural

N_ALONE = "n alone, as if nobody had been censored: a lower bound"
# The scales on which limits of a survival probability are made, each with |dg/dS|.
_SCALES: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "plain": (lambda s: s, lambda s: 1.0),
    "log": (math.log, lambda s: 1 / s),
    "log-log": (lambda s: math.log(-math.log(s)), lambda s: -1 / (s * math.log(s))),
    "logit": (lambda s: math.log(s / (1 - s)), lambda s: 1 / (s * (1 - s))),
}


_WHAT = "A reference curve"
Columns = dict[str, np.ndarray]  # times and survival, then n, n_risk, conf_low, conf_high: NaN where nothing is given


def landmark_columns(times: Any, survival: Any, **others: Any) -> Columns:
    """The columns as arrays of one length, Series by their index; a single number (of patients) stands for all times."""
    given = in_one_order({"times": times, "survival": survival, **others}, ("times", "survival"), _WHAT)
    found = {name: numbers_given(given[name], name, _WHAT) for name in ("times", "survival")}
    length = len(found["times"])
    for name in ("n", "n_risk", "conf_low", "conf_high"):
        one: Any = given.get(name)
        values = numbers_given(one, name, _WHAT)
        found[name] = np.full(length, values[0]) if np.ndim(one) == 0 else values
    wrong = {name: len(values) for name, values in found.items() if len(values) != length}
    if wrong:
        raise EndpointError(f"A reference curve needs one number a time: there are {length} times, and "
                            f"{listed([f'{count} of {name}' for name, count in wrong.items()])}.")  # fmt: skip
    return found


def landmark_problems(columns: Columns, unit: str) -> list[str]:
    """Everything that is wrong with landmarks, a sentence each."""
    times, survival = columns["times"], columns["survival"]
    wrong = [*unit_problems(unit), *([] if len(times) else ["there are no landmarks"])]
    wrong += [f"the time {time:g} must be above 0 (S is 1 at 0 by itself) and finite" for time in times if not (np.isfinite(time) and time > 0)]
    wrong += [f"the times are out of order: {after:g} {unit} comes after {before:g}" for before, after in pairwise(times) if not before < after]
    for time, s in zip(times, survival, strict=True):
        if not 0 < s <= 1:
            cure = ("; write probabilities, not percentages" if s > 1 else
                    "; end the curve before that time: of nobody being left no hazard follows" if s == 0 else "")  # fmt: skip
            wrong.append(f"survival at {time:g} {unit} is {s:g}, which is not above 0 and at most 1{cure}")
    falling = zip(times[1:], pairwise(survival), strict=False)
    wrong += [f"the curve rises from {before:g} to {after:g} at {time:g} {unit}" for time, (before, after) in falling if after > before]
    for time, s, low, high in zip(times, survival, columns["conf_low"], columns["conf_high"], strict=True):
        interval = f"the interval at {time:g} {unit}, {low:g} to {high:g},"
        if math.isnan(low) != math.isnan(high):
            wrong.append(f"the interval at {time:g} {unit} has only one limit; it needs both")
        elif not math.isnan(low) and not (0 <= low <= 1 and 0 <= high <= 1):
            wrong.append(f"{interval} is not within 0 and 1")
        elif not math.isnan(low) and not low <= s <= high:
            wrong.append(f"{interval} excludes its estimate {s:g}")
        elif low == high and s < 1:
            wrong.append(f"{interval} has no width")
    for name in ("n", "n_risk"):
        counts = columns[name][~np.isnan(columns[name])].tolist()
        wrong += [f"{name} is {count:g}; it must be a number of patients above 0" for count in counts if not 0 < count < math.inf]
        wrong += [f"{name} is {count:g}; patients are counted in whole numbers" for count in counts if 0 < count < math.inf and not count.is_integer()]
    at_risk = columns["n_risk"][~np.isnan(columns["n_risk"])]
    wrong += [f"the numbers at risk rise from {before:g} to {after:g}; they can only fall" for before, after in pairwise(at_risk) if after > before]
    of_all = zip(times, columns["n_risk"], columns["n"], strict=True)
    wrong += [f"{present:g} are at risk at {time:g} {unit}, of {n:g} patients (n)" for time, present, n in of_all if present > n]
    return list(dict.fromkeys(wrong))


def greenwood_sums(columns: Columns, conf_level: float) -> tuple[np.ndarray, tuple[str, ...]]:
    """Var(H) at each landmark, from the best that is known of it (NaN: nothing), and what it came from.

    From a printed interval, on the scale g on which it is most nearly symmetric: (SE_g / (S |dg/dS|))^2; else from the number at risk
    (Peto), (1 - S)/n_t; else from n alone, (1 - S)/(n S), as if nobody had been censored.
    """
    sums, basis = np.full(len(columns["times"]), np.nan), []
    names = ("survival", "conf_low", "conf_high", "n_risk", "n")
    for k, (s, low, high, present, n) in enumerate(zip(*(columns[name].tolist() for name in names), strict=True)):
        if not math.isnan(low):
            sums[k] = (interval_error(s, low, high, conf_level) / s) ** 2
            basis.append("printed intervals")
        elif not math.isnan(present):
            sums[k] = (1 - s) / present
            basis.append("numbers at risk")
        elif not math.isnan(n):
            sums[k] = (1 - s) / (n * s)
            basis.append(N_ALONE)
    return sums, tuple(dict.fromkeys(basis))


@dataclass(frozen=True)
class MedianGiven:
    """A median and what is known of it, checked: `low` is None without an interval, `high` infinite for one that was not reached."""

    median: float
    n: int | None
    events: int | None
    low: float | None
    high: float
    horizon: float


def median_given(median: Any, n: Any, events: Any, conf_low: Any, conf_high: Any, horizon: Any, unit: str, label: str) -> MedianGiven:
    """What `from_median` is given, or an EndpointError with everything that is wrong with it."""
    wrong = unit_problems(unit)
    value = time_given(median, "median", unit, wrong)
    size, seen = count_given(n, "n", wrong), count_given(events, "events", wrong)
    if size is not None and seen is not None and seen > size:
        wrong.append(f"there are {seen} events among {size} patients")
    limits = {"conf_low": conf_low, "conf_high": conf_high}
    low, high = (None if absent(limit) else number_of(limit) for limit in limits.values())
    unreadable = [f"{name} is {shown(limit)}; it must be a number of {unit}" for name, limit in limits.items() if not absent(limit) and number_of(limit) is None]
    if unreadable:
        wrong += unreadable
    elif low is None and high is not None:
        wrong.append("an interval needs both limits (conf_high = inf for one that was not reached)")
    elif low is not None and not math.isnan(value):
        top = math.inf if high is None else high
        if not 0 < low <= value <= top:
            wrong.append(f"the interval {low:g} to {top:g} excludes its estimate {value:g}, or begins at 0")
        elif low == (value if math.isinf(top) else top):
            wrong.append("the interval has no width")
    end = horizon_given(horizon, wrong)
    refuse_all(wrong, label)
    return MedianGiven(value, size, seen, low, math.inf if high is None else high, end)


def median_variance(value: float, low: float | None, high: float, level: float, n: int | None, events: int | None) -> tuple[float, str]:
    """The variance of ln(median), and what it comes from; 0 when nothing is known.

    From printed limits (ln(high/low) / 2z)^2, with an open upper one (ln(median/low) / z)^2; else, of a Kaplan-Meier median of n patients,
    1 / (n ln^2 2), of a fit to events 1 / events, the larger where both are given.
    """
    z = z_of(level)
    if low is not None:
        error = math.log(value / low) / z if math.isinf(high) else math.log(high / low) / (2 * z)
        return error**2, f"the median's printed interval ({low:g} to {'not reached' if math.isinf(high) else f'{high:g}'})"
    found = [(1 / (math.log(2) ** 2 * n), N_ALONE)] if n is not None else []
    found += [(1 / events, plural(events, "event"))] if events is not None else []
    return max(found) if found else (0.0, "")


def interval_error(s: float, low: float, high: float, conf_level: float) -> float:
    """The standard error of a probability behind its printed interval, from the scale on which the limits are most nearly symmetric."""
    if s == 1:
        return (high - low) / (2 * z_of(conf_level))
    found = []
    for g, slope in _SCALES.values():
        try:
            below, at, above = g(low), g(s), g(high)
        except (ValueError, ZeroDivisionError):  # a limit at the edge of the scale
            continue
        width = above - below
        found.append((abs((above - at) - (at - below)) / abs(width), abs(width) / (2 * z_of(conf_level)) / slope(s)))
    return min(found)[1]


def refuse_all(wrong: list[str], label: str) -> None:
    """An EndpointError with every problem, if there are any."""
    name = f' "{label}"' if label else ""
    if len(wrong) == 1:
        raise EndpointError(f"Reference curve{name}: {wrong[0]}{'' if wrong[0].endswith(('.', '?')) else '.'}")
    if wrong:
        raise EndpointError("\n".join([f"{plural(len(wrong), 'problem')} in the reference curve{name}:", *(f"  {line}" for line in wrong)]))


def checked_horizon(value: Any) -> float:
    """Where a curve ends, or an EndpointError."""
    wrong: list[str] = []
    found = horizon_given(value, wrong)
    refuse_all(wrong, "")
    return found
