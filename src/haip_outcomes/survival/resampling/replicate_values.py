"""The numbers in what a statistic returns, and what identifies each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.results import VOCABULARY

IDENTITY = VOCABULARY[: VOCABULARY.index("estimate")]  # outcome group term level time


@dataclass(frozen=True, eq=False)
class Estimates:
    """k numbers, and the columns (k,) that tell them apart; a number alone may have none."""

    labels: dict[str, list[Any]]
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def of(self, found: Any) -> np.ndarray:
        """The same numbers of another result, in the same order (k,); NaN for those that it does not have."""
        other = estimates_of(found, tuple(self.labels))
        if len(other) == len(self) and other.labels == self.labels:
            return other.values
        mine, theirs = _rows(self), _rows(other)
        if mine == theirs:
            return other.values
        if len(set(mine)) < len(mine) or list(other.labels) != list(self.labels):
            return np.full(len(self), np.nan)
        found_here = dict(zip(theirs, other.values.tolist(), strict=True))
        return np.array([found_here.get(row, np.nan) for row in mine])


def estimates_of(found: Any, columns: tuple[str, ...] | None = None) -> Estimates:
    """The numbers of a result of this package, a frame with a column `estimate`, a Series, a dict, an array or a number.

    columns : of a frame, those that identify a row; if None, those that it needs.
    """
    if isinstance(found, HazardFit):
        return Estimates({"term": [term for term, _ in found.columns], "level": [level for _, level in found.columns]}, found.coefficients)
    if not isinstance(found, (pd.DataFrame, pd.Series)) and hasattr(found, "tidy"):
        found = found.tidy()
    if isinstance(found, pd.DataFrame):
        if "estimate" not in found.columns and "statistic" in found.columns:
            raise EndpointError("The statistic returned a test, which has no estimate: return its .statistic.")
        if "estimate" not in found.columns:
            raise EndpointError('The statistic returned a frame without a column "estimate": give the numbers that name, or return them alone.')
        wanted = _identifying(found) if columns is None else [name for name in columns if name in found.columns]
        return Estimates({name: found[name].tolist() for name in wanted}, _numbers(found["estimate"]))
    if isinstance(found, dict):
        found = pd.Series(found, dtype=object)
    if isinstance(found, pd.Series):
        levels = [found.index.get_level_values(place) for place in range(found.index.nlevels)]
        names = [str(level.name or ("term" if len(levels) == 1 else f"term {place}")) for place, level in enumerate(levels, start=1)]
        return Estimates({name: level.tolist() for name, level in zip(names, levels, strict=True)}, _numbers(found))
    values = _numbers(found)
    if values.ndim > 1:
        raise EndpointError(f"The statistic returned an array of shape {values.shape}: return one number, or one row of them.")
    return Estimates({} if values.ndim == 0 else {"term": list(range(len(values)))}, np.atleast_1d(values))


def _identifying(frame: pd.DataFrame) -> list[str]:
    """The columns of the vocabulary that say what a row is, and others while rows are still alike."""
    names = [name for name in frame.columns if name in IDENTITY]
    for other in (name for name in frame.columns if name not in VOCABULARY):
        if len(frame) == 1 or (names and not frame.duplicated(names).any()):
            break
        names.append(other)
    return names


def _rows(estimates: Estimates) -> list[tuple[Any, ...]]:
    """What identifies each number; a missing label is None, as NaN equals nothing."""
    if not estimates.labels:
        return [()] * len(estimates)
    columns = [[None if label is None or label != label else label for label in labels] for labels in estimates.labels.values()]
    return list(zip(*columns, strict=True))


def _numbers(values: Any) -> np.ndarray:
    try:
        return np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise EndpointError('The statistic must return numbers, a frame with a column "estimate", or a result that has tidy(); it '
                            f"returned {str(values)[:80]}.") from None  # fmt: skip
