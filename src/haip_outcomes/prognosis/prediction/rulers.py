"""The rulers of a nomogram: how many points each value of each covariate is worth.

With the columns of a model split into sets that share no interaction, x b = sum over sets of c(x). The points of a set's values are
(c - least c) * scale, and the scale is the same for all sets: the one whose c runs furthest has `points` of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.prognosis.prediction.observed_covariates import Observed
from haip_outcomes.survival.hazards.hazard_fit import HazardFit

MOST_RULERS = 8  # of one interaction
_FINE = 200  # steps of a ruler of numbers between its ends
_DISTINCT = 7  # a number with at most so many values has them all on its ruler, and nothing between


@dataclass(frozen=True, eq=False)
class Ruler:
    """One covariate's values and their points.

    term : the column; label : its name in print; given : column -> level that the ruler is for, of an interaction.
    values : what is marked, numbers or levels; points : what each is worth; hazard : and on the scale of the log hazard, above the ruler's least.
    fine_values, fine_points : many numbers between the ends, for a ruler that bends; empty for levels and numbers with few values.
    """

    term: str
    label: str
    given: dict[str, str]
    values: tuple[Any, ...]
    points: np.ndarray
    hazard: np.ndarray
    fine_values: np.ndarray
    fine_points: np.ndarray

    def branches(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """A ruler of numbers cut where its points turn round: (values, points) of each part, so that each part can be read."""
        if len(self.fine_values) < 3:
            return ((np.array(self.values), self.points),)
        rising = np.sign(np.diff(self.fine_points))
        turns = [k + 1 for k in range(len(rising) - 1) if rising[k] * rising[k + 1] < 0]
        edges = [0, *turns, len(self.fine_values) - 1]
        parts = [(self.fine_values[a : b + 1], self.fine_points[a : b + 1]) for a, b in pairwise(edges)]
        return tuple(parts)


def interacting_sets(fit: HazardFit) -> list[tuple[str, ...]]:
    """The columns of the model in sets that share no interaction, in the order of the model."""
    sets: list[set[str]] = []
    order = [coder.name for coder in fit.design.coding]
    for parts in fit.design.variables.values():
        touching = [one for one in sets if one & set(parts)]
        sets = [one for one in sets if one not in touching] + [set(parts).union(*touching)]
    return sorted((tuple(name for name in order if name in one) for one in sets), key=lambda one: order.index(one[0]))


def scaled_rulers(
    fit: HazardFit, observed: Mapping[str, Observed], at: Mapping[str, Any], labels: Mapping[str, str], points: float
) -> tuple[tuple[Ruler, ...], float, float]:
    """All rulers; points for one unit of the log hazard; and the log hazard x b of somebody with no points at all."""
    for name in at:
        if name not in observed:
            raise EndpointError(f'at names "{name}", which is not in the model. {did_you_mean(str(name), observed)}')
    drafts = [_drafts(fit, observed, one, at) for one in interacting_sets(fit)]
    least = [min(float(min(d.part.min(), d.fine_part.min(initial=np.inf))) for d in of_set) for of_set in drafts]
    most = [max(float(max(d.part.max(), d.fine_part.max(initial=-np.inf))) for d in of_set) for of_set in drafts]
    reach = max(high - low for low, high in zip(least, most, strict=True))
    if not reach > 0:
        raise EndpointError("No covariate moves the risk: all coefficients are 0, and there is nothing to draw.")
    scale = points / reach
    rulers = [Ruler(d.term, labels[d.term], d.given, d.values, (d.part - low) * scale, d.part - low, d.fine_values, (d.fine_part - low) * scale)
              for of_set, low in zip(drafts, least, strict=True) for d in of_set]  # fmt: skip
    return tuple(rulers), scale, float(sum(least))


def total_points(fit: HazardFit, frame: pd.DataFrame, scale: float, nobody: float) -> np.ndarray:
    """The points of patients altogether: their x b above that of somebody with none."""
    return np.asarray((fit.design.encode(frame) @ fit.coefficients - nobody) * scale)


def round_numbers(low: float, high: float, most: int = 8) -> list[float]:
    """Round numbers from `low` to `high`, at most so many.

    >>> round_numbers(33, 79)
    [40.0, 50.0, 60.0, 70.0]
    """
    power = 10.0 ** math.floor(math.log10(high - low))
    for step in (power * factor for factor in (0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5, 10)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            return [round(step * k, 10) for k in range(first, last + 1)]
    return []


@dataclass(frozen=True, eq=False)
class _Draft:
    term: str
    given: dict[str, str]
    values: tuple[Any, ...]
    part: np.ndarray  # of x b
    fine_values: np.ndarray
    fine_part: np.ndarray


def _drafts(fit: HazardFit, observed: Mapping[str, Observed], names: tuple[str, ...], at: Mapping[str, Any]) -> list[_Draft]:
    numbers = [name for name in names if observed[name].is_number]
    if len(numbers) > 1:
        raise EndpointError(f"{listed(numbers)} interact, and two numbers can't share rulers: make one of them levels, or show such patients with "
                            "profiles(fit, at=...).")  # fmt: skip
    axis = numbers[0] if numbers else names[0]
    others = [name for name in names if name != axis]
    had = pd.DataFrame({name: observed[name].values for name in names})
    combos = [given for given in product(*(observed[name].levels for name in others)) if _had(had, others, given)]
    if len(combos) > MOST_RULERS:
        raise EndpointError(f"The interaction of {listed(list(names))} would need {len(combos)} rulers, and {MOST_RULERS} are the most a reader can take: "
                            "join levels, or use profiles(fit, at=...).")  # fmt: skip
    found = []
    for given in combos:
        here = dict(zip(others, given, strict=True))
        values, fine = _marked(observed[axis], at)
        if not observed[axis].is_number:
            values = tuple(level for level in values if _had(had, [axis, *others], (level, *given)))
        found.append(_Draft(axis, here, values, _part(fit, observed, names, axis, values, here), fine,
                            _part(fit, observed, names, axis, fine, here) if len(fine) else np.empty(0)))  # fmt: skip
    return found


def _had(had: pd.DataFrame, names: list[str], levels: tuple[str, ...]) -> bool:
    chosen = np.ones(len(had), dtype=bool)
    for name, level in zip(names, levels, strict=True):
        chosen &= (had[name] == level).to_numpy()
    return bool(chosen.any())


def _marked(one: Observed, at: Mapping[str, Any]) -> tuple[tuple[Any, ...], np.ndarray]:
    """The values on a ruler, and the fine ones between."""
    asked = at.get(one.name)
    if not one.is_number:
        if asked is not None:
            raise EndpointError(f'"{one.name}" has levels, and all of them are on its ruler: leave it out of at.')
        return one.levels, np.empty(0)
    distinct, (low, high) = np.unique(one.values), one.limits
    if asked is not None:
        try:
            chosen = np.unique(np.asarray(asked, dtype=float))
        except (TypeError, ValueError):
            chosen = np.empty(0)
        if chosen.ndim != 1 or len(chosen) < 2 or not np.isfinite(chosen).all():
            raise EndpointError(f'at gives "{one.name}" at least two numbers for its ruler, as [50, 60, 70]; got {asked!r}.')
        outside = [f"{value:g}" for value in chosen if not low <= value <= high]
        if outside:
            raise EndpointError(f'The ruler of "{one.name}" would go to {listed(outside)}, and those analysed were {low:g} to {high:g}: nothing is known '
                                "outside; choose numbers within.")  # fmt: skip
        return tuple(chosen.tolist()), np.linspace(chosen[0], chosen[-1], _FINE + 1)
    if len(distinct) <= _DISTINCT:
        return tuple(distinct.tolist()), np.empty(0)
    return tuple(np.unique([low, *round_numbers(low, high), high]).tolist()), np.linspace(low, high, _FINE + 1)


def _part(fit: HazardFit, observed: Mapping[str, Observed], names: tuple[str, ...], axis: str, values: Any, given: Mapping[str, str]) -> np.ndarray:
    """What the columns of one set add to x b at these values."""
    frame = pd.DataFrame({axis: list(values), **{name: [level] * len(values) for name, level in given.items()}})
    for name, one in observed.items():
        if name not in names:
            frame[name] = one.values[0]
    own = np.array([set(fit.design.variables[term]) <= set(names) for term, _ in fit.columns])
    return np.asarray(fit.design.encode(frame)[:, own] @ fit.coefficients[own])


def told(given: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """What a ruler of an interaction is for: "Sex female"."""
    return ", ".join(f"{labels[name]} {level}" for name, level in given.items())


def few_events(fit: HazardFit, needed: int) -> None:
    """Refuse what has fewer events a coefficient than a nomogram needs."""
    p = len(fit.coefficients)
    if fit.n_event < needed * p:
        raise EndpointError(f"{plural(fit.n_event, 'event')} can't carry a nomogram of {plural(p, 'coefficient')} ({fit.n_event / p:.1f} each; at least {needed} "
                            "are needed, 10 are advised): choose fewer terms. A nomogram looks exact, and this one would be chance.")  # fmt: skip
