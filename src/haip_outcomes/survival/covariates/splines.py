"""Restricted cubic splines: a curve for the effect of a number, straight beyond the outer knots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.formatting import listed, plural

FEWEST, MOST = 3, 7  # knots with a place of their own in Harrell's table
TIED = 0.05  # a share of the rows at the lowest or highest value from which on that value is no place for a knot


@dataclass(frozen=True)
class Spline:
    """A term of a `design`: this column as a restricted cubic spline."""

    column: str
    knots: int | tuple[float, ...]

    def __repr__(self) -> str:
        told = self.knots if isinstance(self.knots, int) else f"[{', '.join(f'{knot:g}' for knot in self.knots)}]"
        return f'spline("{self.column}", knots={told})'


def spline(column: str, knots: int | Sequence[float] = 4) -> Spline:
    """Let the effect of a number bend: a smooth curve instead of the same step for every further unit.

    With knots t_1 < ... < t_k the column x becomes k - 1 columns: x itself and, for j = 1 ... k - 2,

        f_j(x) = [c(x - t_j) - c(x - t_{k-1}) (t_k - t_j)/(t_k - t_{k-1}) + c(x - t_k) (t_{k-1} - t_j)/(t_k - t_{k-1})] / (t_k - t_1)^2

    with c(d) = d^3 for d > 0, else 0: cubic between the knots, a straight line beyond the first and the last. The
    division gives every column the unit of x. The coefficients of one column mean nothing alone; all together say
    whether x matters, those of f_1 ... f_{k-2} whether the effect bends (`Design.nonlinear` has their positions).

    Parameters
    ----------
    column : the name of a column of numbers.
    knots : how many, 3 to 7 (4 suits most data, 3 where events are few, 5 where they are many), or where: at least three
        increasing numbers in the unit of the column. A number of knots is placed at Harrell's quantiles of the rows
        analysed: 3: .10 .50 .90; 4: .05 .35 .65 .95; 5: .05 .275 .50 .725 .95; 6: .05 .23 .41 .59 .77 .95;
        7: .025 .1833 .3417 .50 .6583 .8167 .975. With fewer than 100 rows the outer two are the fifth lowest and
        fifth highest value. If 5% or more of the rows share the lowest (highest) value and no value between the ends
        is as frequent as that, the outer knot is the next value instead and the others are quantiles of the values
        beyond it (R's rule, `fractied`). Where R would take fewer knots than asked for, `design` refuses.

    Returns
    -------
    Spline : a term for `design`, which finds the knots, keeps them, and codes new rows with them.

    Raises
    ------
    EndpointError : knots that are neither a number from 3 to 7 nor three or more increasing numbers.

    References: Harrell, Regression Modeling Strategies, 2nd ed. 2015, section 2.4 (doi:10.1007/978-3-319-19425-7);
    Durrleman and Simon, Stat Med 1989;8:551-561 (doi:10.1002/sim.4780080504).

    Equals R's `rms::rcs(x, knots)` and `Hmisc::rcspline.eval(x, nk = knots, inclx = TRUE, norm = 2)`, on the rows
    analysed (in a formula R places the knots before it leaves incomplete rows out: give the knots to have the same).

    Examples
    --------
    >>> import pandas as pd
    >>> from haip_outcomes.survival.covariates.design_matrix import design
    >>> patients = pd.DataFrame({"age": range(40, 80), "sex": ["male", "female"] * 20})
    >>> made = design(patients, ["sex", spline("age", knots=[50, 60, 70])])
    >>> made.names
    ('sex=male', 'age linear', 'age nonlinear')
    >>> made.matrix[20:22].tolist()
    [[1.0, 60.0, 2.5], [0.0, 61.0, 3.3225]]
    >>> made.nonlinear
    {'age': (2,)}
    """
    if not isinstance(column, str):
        raise EndpointError(f'spline takes the name of a column, as spline("age", knots=4); got {type(column).__name__}.')
    if isinstance(knots, (int, np.integer)) and not isinstance(knots, bool):
        if not FEWEST <= knots <= MOST:
            raise EndpointError(f'spline("{column}") takes {FEWEST} to {MOST} knots; got {knots}. Others can be placed by hand: '
                                "knots=[50, 60, 70].")  # fmt: skip
        return Spline(column, int(knots))
    try:
        chosen = np.asarray(knots, dtype=float)
    except (TypeError, ValueError):
        chosen = np.empty(0)
    if chosen.ndim != 1 or len(chosen) < FEWEST or not np.isfinite(chosen).all() or (np.diff(chosen) <= 0).any():
        raise EndpointError(f'The knots of spline("{column}") must be a whole number from {FEWEST} to {MOST}, or at least {FEWEST} '
                            f"increasing numbers, as [50, 60, 70]; got {knots!r}.")  # fmt: skip
    return Spline(column, tuple(chosen.tolist()))


def place_knots(term: Spline, values: np.ndarray) -> tuple[float, ...]:
    """The knots of a term among these values (none missing): those chosen, checked, or Harrell's quantiles."""
    name = term.column
    if not isinstance(term.knots, int):
        low, high = float(values.min()), float(values.max())
        outside = [f"{knot:g}" for knot in term.knots if not low <= knot <= high]
        if outside:
            raise FitError(f'The knots {listed(outside)} of spline("{name}") lie outside the data ({low:g} to {high:g}): nobody is '
                           "there to bend the curve. Choose knots among the values.", term=name)  # fmt: skip
        return term.knots
    k = term.knots
    x = np.sort(values)
    starts = np.flatnonzero(np.concatenate([[True], x[1:] != x[:-1]]))
    if len(starts) < k + 3:
        raise FitError(f'spline("{name}", knots={k}) needs at least {k + 3} different values, and {plural(len(x), "row")} have '
                       f'{len(starts)}. {_fewer(k)}take "{name}" as it is or in groups.', term=name)  # fmt: skip
    knots = np.sort(_harrell(x, np.diff(starts, append=len(x)), k))
    if len(knots) < k or (knots[1:] == knots[:-1]).any():
        where = f", which would fall on {listed([f'{knot:g}' for knot in knots])}" if len(knots) else ""
        raise FitError(f'Too many patients share a value of "{name}" for the {k} knots of its spline{where}. {_fewer(k)}place them by '
                       f'hand, as knots=[50, 60, 70], or take "{name}" as it is or in groups.', term=name)  # fmt: skip
    return tuple(knots.tolist())


def spline_columns(x: np.ndarray, knots: tuple[float, ...]) -> list[np.ndarray]:
    """x and the columns f_j(x) that bend its effect, as `spline` defines them; k knots give k - 1 columns of (n,)."""
    before, last = knots[-2:]
    size = (last - knots[0]) ** 2

    def cube(knot: float) -> np.ndarray:
        d = np.maximum(x - knot, 0.0)
        return d * d * d

    at_last, at_before = cube(last) / (last - before), cube(before) / (last - before)
    return [x, *((cube(t) + (before - t) * at_last - (last - t) * at_before) / size for t in knots[:-2])]


def column_names(k: int) -> tuple[str, ...]:
    """What the k - 1 columns of k knots are called: "linear", "nonlinear 1", ..."""
    return ("linear", "nonlinear") if k == 3 else ("linear", *(f"nonlinear {j}" for j in range(1, k - 1)))


def _harrell(x: np.ndarray, sizes: np.ndarray, k: int) -> np.ndarray:
    """Knots at quantiles of the sorted x, whose distinct values occur `sizes` times; rcspline.eval, line by line."""
    edge = 0.1 if k == 3 else 0.05 if k < 7 else 0.025
    first: list[float] = []
    last: list[float] = []
    if (sizes[1:-1] / len(x)).max() < TIED:
        low_tied, high_tied = sizes[0] / len(x) >= TIED, sizes[-1] / len(x) >= TIED
        if low_tied:
            first = [float(x[sizes[0]])]
            x = x[x > first[0]]
        if high_tied:
            last = [float(x[x < x[-1]][-1])]
            x = x[x < last[0]]
    if len(x) < 5:
        return np.empty(0)
    inner = k - len(first) - len(last)
    shares = np.array([0.5]) if inner == 1 else np.linspace(0.5 if inner == 2 else edge, 1 - edge, inner)
    place = shares * (len(x) - 1)
    below = place.astype(np.int64)
    part = place - below
    knots = (1 - part) * x[below] + part * x[np.minimum(below + 1, len(x) - 1)]
    if len(x) < 100:
        if not first:
            knots[0] = x[4]
        if not last:
            knots[-1] = x[-5]
    return np.concatenate([first, knots, last])


def _fewer(k: int) -> str:
    return "Ask for fewer knots, or " if k > FEWEST else "Instead, "
