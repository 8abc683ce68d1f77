"""Columns that tell nearly the same and are missing together: a chain in which each is imputed from the other does not move.

Where a patient lacks both x and y, and x is drawn from y and then y from x, the value of a round is that of the round before as far as the two tell of each
other: its correlation from round to round is their squared correlation R (given the other columns), and R^rounds of the random first value is left at the
end, 0.80 after ten rounds for a correlation of 0.989. Hazard ratios are then drawn towards 1. The remedy keeps the joint distribution and forgets at once:
among those who lack both, the first is drawn without the second, and the second next, from the first: f(x) f(y | x) in the place of f(x | y) f(y | x).

R's mice leaves out a predictor whose correlation with the column is above 0.99 (`remove.lindep`, `maxcor`), for all patients, and goes on below it. With a predictor
matrix that leaves y out of the model of x, where both are always missing together, mice draws what is drawn here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

from haip_outcomes.survival.imputation.incomplete_columns import Column

NEAR = 0.5  # of the variation shared: 0.5^10 = 0.001 of a random first value is left after ten rounds
FEWEST = 10  # patients beyond the number of coefficients, to tell it
REMEMBERED = 0.2  # correlation of the first round's draws with the last's that is said


def shared(first: np.ndarray, second: np.ndarray) -> float:
    """The largest squared canonical correlation of two sets of centred columns, (n, p) and (n, q), less what chance gives on average."""
    a, b = _basis(first), _basis(second)
    n, k = len(first), a.shape[1] + b.shape[1] - 1
    if not (a.size and b.size) or n <= k + 1:
        return 0.0
    largest = float(np.linalg.svd(a.T @ b, compute_uv=False)[0]) ** 2
    return max(0.0, 1 - (1 - min(largest, 1.0)) * (n - 1) / (n - k - 1))


def near_copies(incomplete: Sequence[Column], z: np.ndarray, place: Mapping[str, slice], outcome: int) -> dict[tuple[str, str], float]:
    """Pairs of columns that tell more than NEAR of each other and are missing together in somebody, with the share.

    z : the predictors (n, p) without an intercept, the outcome's first. The share is the largest of three: that of the two alone, that of their ranks (for y =
    exp(x)), and that given all other columns (a score and a part of it, where the other parts are known), among those who have what it takes.
    """
    lacks = {column.name: column.missing for column in incomplete}
    anything = np.any([column.missing for column in incomplete], axis=0) if incomplete else np.zeros(len(z), dtype=bool)
    found = {}
    for i, first in enumerate(incomplete):
        for second in incomplete[i + 1 :]:
            if not (lacks[first.name] & lacks[second.name]).any():
                continue
            one, two = place[first.name], place[second.name]
            both = ~lacks[first.name] & ~lacks[second.name]
            width = first.width + second.width
            told = 0.0
            if both.sum() >= width + FEWEST:
                told = shared(z[both, one], z[both, two])
                if all(not column.levels or column.ordered or len(column.levels) == 2 for column in (first, second)):
                    ranks = [rankdata(column.values[both])[:, None] for column in (first, second)]
                    told = max(told, shared(*ranks))
            others = np.ones(z.shape[1], dtype=bool)
            others[one] = others[two] = False
            rows = ~anything
            if rows.sum() >= others.sum() + width + FEWEST and others.sum() > outcome:
                left = [_left(z[rows, each], z[rows][:, others]) for each in (one, two)]
                if all(each is not None for each in left):
                    told = max(told, shared(*(each for each in left if each is not None)))
            if told > NEAR:
                found[first.name, second.name] = told
    return found


def in_turn(incomplete: Sequence[Column], pairs: Mapping[tuple[str, str], float]) -> list[Column]:
    """The order of a round: as given, but each column's near copies directly after it, so that they are drawn together."""
    left, order = list(incomplete), []
    while left:
        group = [left.pop(0)]
        for column in group:
            nearby = [other for other in left if (column.name, other.name) in pairs or (other.name, column.name) in pairs]
            left = [other for other in left if other not in nearby]
            group += nearby
        order += group
    return order


def remembered(first: np.ndarray, last: np.ndarray, levels: int) -> float:
    """The correlation of what a chain drew in its first round with what it drew in its last, (m, b) each, over patients and chains, less each patient's mean.

    About nothing where a chain has forgotten; 1 where it stands still. 0 too where it can't be told from nothing (four standard errors).
    """
    if levels > 2:
        first, last = ((each[:, :, None] == np.arange(levels)).astype(float) for each in (first, last))
    a, b = ((each - each.mean(axis=0)).ravel() for each in (first, last))
    length = np.sqrt(float(a @ a) * float(b @ b))
    if length <= 0:
        return 0.0
    found = float(a @ b) / length
    return found if found > 4 / np.sqrt(first.shape[0] * first.shape[1]) else 0.0


def _basis(columns: np.ndarray) -> np.ndarray:
    centred = columns - columns.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    return u[:, s > 1e-8 * max(1.0, float(s.max(initial=0.0)))]


def _left(columns: np.ndarray, others: np.ndarray) -> np.ndarray | None:
    """What the others leave of columns; None where that is hardly anything."""
    basis = _basis(others)
    own = columns - columns.mean(axis=0)
    left = own - basis @ (basis.T @ own)
    return left if float(np.sum(left**2)) > 0.01 * float(np.sum(own**2)) else None
