"""What a person gives to a curve: numbers, lists of them, a unit. Each wrong one becomes a sentence; none is guessed or parsed from text."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed, plural

UNITS = ("days", "weeks", "months", "years")


def absent(value: Any) -> bool:
    """Nothing given: None, or the missing value of a frame's cell."""
    return value is None or bool(pd.api.types.is_scalar(value) and pd.isna(value))


def number_of(value: Any) -> float | None:
    """A plain number; None for text, true and false, durations and everything else."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def shown(value: Any) -> str:
    """What was given, in words for a message."""
    if isinstance(value, str):
        return f'the text "{value if len(value) <= 40 else value[:40] + "..."}"'
    if value is None or isinstance(value, (bool, np.bool_)):
        return str(value)
    found, kind = number_of(value), type(value).__name__
    if found is not None:
        return f"{found:g}"
    return "missing" if absent(value) else f"{'an' if kind[0] in 'AEIOaeio' or kind == 'ndarray' else 'a'} {kind}"


def unit_problems(unit: Any) -> list[str]:
    """A sentence when the unit is none that times are counted in."""
    if isinstance(unit, str) and unit in UNITS:
        return []
    text = isinstance(unit, str)
    return [f"the unit is {shown(unit).removeprefix('the text ')}. {did_you_mean(unit if text else '', UNITS)}"]


def time_given(value: Any, name: str, unit: Any, wrong: list[str]) -> float:
    """A time above 0 and finite; else NaN, and a sentence."""
    found = number_of(value)
    if found is not None and math.isfinite(found) and found > 0:
        return found
    wrong.append(f"the {name} is {shown(value)}; it must be a time above 0, a number of {unit if unit in UNITS else 'months'}")
    return math.nan


def horizon_given(value: Any, wrong: list[str]) -> float:
    """Where a curve ends: a time above 0, infinite where it goes on for ever."""
    found = number_of(value)
    if found is not None and found > 0:
        return found
    wrong.append(f"the horizon is {shown(value)}; it must be a number above 0 (left out, the curve goes on for ever)")
    return math.nan


def count_given(value: Any, name: str, wrong: list[str]) -> int | None:
    """A whole number above 0; None where nothing is given."""
    if absent(value):
        return None
    found = number_of(value)
    if found is not None and 0 < found < math.inf and found.is_integer():
        return int(found)
    wrong.append(f"{name} is {shown(value)}; it must be above 0 and a whole number")
    return None


def numbers_given(values: Any, name: str, what: str) -> np.ndarray:
    """A list of numbers, NaN where one is missing; EndpointError for anything else."""
    if isinstance(values, (np.ndarray, pd.Series)) and getattr(values.dtype, "kind", "") in "fiu" and values.ndim == 1 and isinstance(values.dtype, np.dtype):
        return np.asarray(values, dtype=float)
    try:
        found = np.atleast_1d(np.asarray(values, dtype=object))
    except ValueError:
        raise EndpointError(f"{what}: {name} must be a list of numbers; got {shown(values)} of lists.") from None
    if found.ndim != 1:
        raise EndpointError(f"{what}: {name} must be a list of numbers; its shape is {found.shape}.")
    numbers = [math.nan if absent(value) else number_of(value) for value in found]
    for value, number in zip(found, numbers, strict=True):
        if number is None:
            raise EndpointError(f"{what}: {name} must be numbers; got {shown(value)}.")
    return np.array(numbers, dtype=float)


def array_of(values: Any) -> np.ndarray | None:
    """Numbers of any shape; None when one of them is text, true, a date, missing or otherwise no number."""
    try:
        found = np.asarray(values)
    except ValueError:
        return None
    if found.dtype.kind in "fiu":
        return found.astype(float)
    numbers = [number_of(one) for one in found.ravel()] if found.dtype.kind == "O" else [None]
    return None if None in numbers else np.array(numbers, dtype=float).reshape(found.shape)


def in_one_order(given: dict[str, Any], leading: tuple[str, ...], what: str) -> dict[str, Any]:
    """The Series among some lists brought into one order by their index.

    The first of `leading` that is a Series gives the order, and every other Series must have its rows (it may have more). Where none of
    them is a Series there is nothing to align to: then all Series must have one index, and not that of lists in another order.
    """
    series = {name: values for name, values in given.items() if isinstance(values, pd.Series)}
    first = next((name for name in leading if name in series), None)
    if first is None:
        return _by_position(given, series, leading, what)
    wanted, found = series[first].index, dict(given)
    for name, values in series.items():
        if values.index.equals(wanted):
            continue
        if not (values.index.is_unique and wanted.is_unique):
            raise EndpointError(f"{what}: {name} and {first} can't be aligned, their indexes have duplicates. Use reset_index(drop=True) on the whole frame.")
        lacking = wanted.difference(values.index, sort=False)
        if len(lacking):
            raise EndpointError(f"{what}: {name} has no value for the index {listed([str(label) for label in lacking[:5]])} of {first}: "
                                "take both from one frame, or give plain lists.")  # fmt: skip
        if name in leading and len(values) != len(wanted):
            raise EndpointError(f"{what}: {name} has {len(values)} values and {first} {len(wanted)}: take both from one frame, or give plain lists.")
        found[name] = values.loc[wanted]
    return found


def _by_position(given: dict[str, Any], series: dict[str, pd.Series], leading: tuple[str, ...], what: str) -> dict[str, Any]:
    names = list(series)
    for name in names[1:]:
        if not series[name].index.equals(series[names[0]].index):
            raise EndpointError(f"{what}: {names[0]} and {name} have different indexes, and {listed(leading)} have none to align them to: "
                                "give all of them from one frame, or plain lists.")  # fmt: skip
    if names:
        index = series[names[0]].index
        counted = pd.RangeIndex(len(index))
        if not index.equals(counted) and len(index.difference(counted)) == 0:
            raise EndpointError(f"{what}: the index of {names[0]} is in another order than its rows, and {listed(leading)} have no index: "
                                "give all of them from one frame, or plain lists.")  # fmt: skip
    return given


def spans_given(time: Any, entry: Any, horizon: float, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Entries (minus infinity for those followed from time zero) and exits of some patients, both cut at the horizon."""
    both = in_one_order({"time": time} if entry is None else {"time": time, "entry": entry}, ("time",), what)
    exit = numbers_given(both["time"], "time", what)
    start = np.full(len(exit), -np.inf) if entry is None else numbers_given(both["entry"], "entry", what)
    if len(start) != len(exit):
        raise EndpointError(f"{what}: one entry a time is needed; there are {plural(len(exit), 'time')} and {plural(len(start), 'entry', 'entries')}.")
    if np.isnan(exit).any() or np.isnan(start).any():
        raise EndpointError(f"{what}: {'a time' if np.isnan(exit).any() else 'an entry'} is missing. Leave those patients out, or give their follow-up.")
    if (exit < 0).any():
        raise EndpointError(f"{what}: times must be at or above 0; got {exit.min():g}.")
    exit = np.minimum(exit, horizon)
    if np.isinf(exit).any():
        raise EndpointError(f"{what}: a time is infinite, and this curve has no end.")
    return np.minimum(start, exit), exit
