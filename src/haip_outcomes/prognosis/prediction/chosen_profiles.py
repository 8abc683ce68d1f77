"""Which patients a small table shows when nobody named them: every combination, or the lowest, typical and highest risk."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed
from haip_outcomes.prognosis.prediction.observed_covariates import Observed
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.time_to_event import level_text

MOST, MOST_ASKED = 8, 40  # rows by default, and when values were named
_SEARCHED = 200_000  # combinations gone through for the lowest and highest risk
_SHARES = (0.25, 0.5, 0.75)


def chosen_profiles(fit: HazardFit, observed: Mapping[str, Observed], strata: Observed | None, at: Mapping[str, Any] | None) -> tuple[pd.DataFrame, str]:
    """The profiles as rows, and the sentence that says how they were chosen."""
    columns = {**observed, **({strata.name: strata} if strata else {})}
    fixed = _named(at, columns)
    levels = {name: list(one.levels) for name, one in columns.items() if not one.is_number and name not in fixed}
    numbers = {name: _typical(one) for name, one in columns.items() if one.is_number and name not in fixed}
    medians = {name: values if _few(columns[name]) else [columns[name].quantile(0.5)] for name, values in numbers.items()}
    ways: list[tuple[dict[str, list[Any]], str]] = [({**levels, **numbers}, "every combination of levels" + (", and of numbers at their quartiles and median" if numbers else "")),
            ({**levels, **medians}, "every combination of levels" + (", numbers at their median" if medians else ""))]  # fmt: skip
    if fixed:
        ways = ways[1:]
        common = {name: [columns[name].commonest] for name in levels}
        ways.append(({**common, **{name: [columns[name].quantile(0.5)] for name in numbers}}, "the commonest level, and numbers at their median, where nothing was named"))
    for k, (values, told) in enumerate(ways):
        rows = prod(len(one) for one in {**values, **fixed}.values())
        last = fixed and k == len(ways) - 1
        if (rows <= MOST and (fixed or rows > 1)) or (last and rows <= MOST_ASKED):
            said = f"{listed([f'{name} as asked' for name in fixed])}; " if fixed else ""
            return _grid({**values, **fixed}, list(columns)), f"{said}{told}" if values else said.removesuffix("; ")
        if last:
            raise EndpointError(f"at names {rows} profiles, and a table for a reader holds at most {MOST_ASKED}: name fewer values.")
    return _by_risk(fit, columns, strata), ("the lowest, a typical and the highest risk: of all combinations of levels that somebody has with numbers at their "
                                            "quartiles and median; typical is the commonest level of each, and medians")  # fmt: skip


def alike(frame: pd.DataFrame, observed: Mapping[str, Observed]) -> np.ndarray:
    """For each profile which patients have the same levels, (q, n) true or false; numbers may be any, unless there are only two of them (0 and 1)."""
    n = len(next(iter(observed.values())).values)
    same = np.ones((len(frame), n), dtype=bool)
    for one in observed.values():
        if one.is_number and _few(one):
            same &= frame[one.name].to_numpy(dtype=float)[:, None] == one.values[None, :]
        elif not one.is_number:
            same &= np.array([level_text(value) for value in frame[one.name]], dtype=object)[:, None] == one.values[None, :]
    return same


def _few(one: Observed) -> bool:
    """A number that is a level in disguise: 0 or 1."""
    return len(np.unique(one.values)) == 2


def _typical(one: Observed) -> list[float]:
    """Quartiles and median, each a number that somebody has; of only two numbers both."""
    return [float(value) for value in (np.unique(one.values) if _few(one) else np.unique([one.quantile(share) for share in _SHARES]))]


def _named(at: Mapping[str, Any] | None, columns: Mapping[str, Observed]) -> dict[str, list[Any]]:
    if at is None:
        return {}
    if not isinstance(at, Mapping):
        raise EndpointError(f'at names values of columns, as at={{"age": [50, 60, 70]}}; got {type(at).__name__}.')
    fixed: dict[str, list[Any]] = {}
    for name, values in at.items():
        if name not in columns:
            raise EndpointError(f'at names "{name}", which is not in the model. {did_you_mean(str(name), columns)}')
        chosen = [values] if isinstance(values, str) or np.isscalar(values) else list(values)
        if not chosen:
            raise EndpointError(f'at names no value for "{name}".')
        fixed[name] = chosen
    return fixed


def _grid(values: Mapping[str, list[Any]], order: list[str]) -> pd.DataFrame:
    rows = list(product(*(values[name] for name in order)))
    return pd.DataFrame(rows, columns=order, index=pd.RangeIndex(1, len(rows) + 1, name="profile"))


def _by_risk(fit: HazardFit, columns: Mapping[str, Observed], strata: Observed | None) -> pd.DataFrame:
    """Lowest, typical and highest linear predictor; in the commonest stratum."""
    held = {strata.name: strata.commonest} if strata else {}
    categories = [one for one in columns.values() if not one.is_number and one.name not in held]
    numbers = [one for one in columns.values() if one.is_number]
    had = pd.DataFrame({one.name: one.values for one in categories}).drop_duplicates() if categories else pd.DataFrame(index=[0])
    grids = list(product(*(_typical(one) for one in numbers)))
    if len(had) * len(grids) > _SEARCHED:
        raise EndpointError("The model has too many covariates to look for profiles of low and high risk: give them as a frame, or name values with at=.")
    every = had.merge(pd.DataFrame(grids, columns=[one.name for one in numbers]), how="cross") if numbers else had
    score = fit.design.encode(every.reset_index(drop=True)) @ fit.coefficients
    typical = {one.name: one.quantile(0.5) if one.is_number else one.commonest for one in columns.values()}
    rows = [{**every.iloc[int(np.argmin(score))], **held}, {**typical, **held}, {**every.iloc[int(np.argmax(score))], **held}]
    made = pd.DataFrame(rows, columns=list(columns), index=pd.Index(["Lowest risk", "Typical", "Highest risk"], name="profile"))
    return made.astype({one.name: float for one in numbers})
