"""Which cells of Table 1 may be shown: levels, missing values and the known ones, by group and of everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from haip_outcomes.tables.disclosure import CHARACTERISTICS, SIZES, Policy, needed_step


@dataclass(frozen=True)
class Cleared:
    """What may be shown of one characteristic in each group; the first group is everybody."""

    whole: list[bool]
    known: list[bool]
    missing: list[bool]
    levels: dict[object, list[bool]] = field(default_factory=dict)
    compared: bool = True

    def level(self, level: object, group: int) -> bool:
        """Whether the count of a level may be shown in a group."""
        return self.levels[level][group]


def cleared(values: pd.Series, masks: Sequence[np.ndarray], policy: Policy) -> Cleared:
    """Ask for every cell: first those of the groups, by which results are given, then those of everybody."""
    index = values.index
    levels = list(values.cat.categories) if isinstance(values.dtype, pd.CategoricalDtype) else []
    absent = values.isna().to_numpy()
    order = [*range(1, len(masks)), 0]
    answers: dict[int, tuple[bool, ...]] = {}
    known: dict[int, bool] = {}
    cells = {level: (values == level).to_numpy() for level in levels}
    for j in order:
        mask = masks[j]
        answers[j] = policy.family(index[mask], [*(index[mask & cell] for cell in cells.values()), index[mask & absent]], CHARACTERISTICS)
        known[j] = policy.shows(index[mask & ~absent], index[mask], CHARACTERISTICS)
    for cell in (*cells.values(), absent, ~absent):  # the same down the groups: what is hidden in one must not follow from the others
        policy.family(index[cell], [index[cell & mask] for mask in masks[1:]], CHARACTERISTICS)
    whole = [*policy.family(index, [index], SIZES), *policy.family(index, [index[mask] for mask in masks[1:]], SIZES)]
    found = {level: [answers[j][i] for j in range(len(masks))] for i, level in enumerate(levels)}
    compared = all(shown[j] for shown in found.values() for j in (1, 2)) and known[1] and known[2] if len(masks) == 3 else True
    if not levels:
        compared = all(policy.enough(int((mask & ~absent).sum())) for mask in masks)
    return Cleared(whole, [known[j] for j in range(len(masks))], [answers[j][-1] for j in range(len(masks))], found, compared)


def rounded_quartiles(everybody: pd.Series, known: pd.Series, shares: list[float], policy: Policy) -> list[float]:
    """Quantiles of a group; for outside rounded to what a reader needs, and none of a group that is too small."""
    found = [float(known.quantile(share)) for share in shares]
    if not policy.hides:
        return found
    if not policy.enough(len(known)):
        return [np.nan] * len(shares)
    step = needed_step(everybody.dropna())
    return [round(round(value / step) * step, 6) for value in found]
