"""The points of a curve that published figures of one arm print: survival at landmarks, and one half at the median."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from haip_outcomes.benchmark.curves.given_numbers import shown
from haip_outcomes.benchmark.curves.landmarks import greenwood_sums, landmark_columns, median_variance
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed

# What two figures must share to be points of one curve.
ARM = ("source", "setting", "endpoint", "time_zero", "event", "competing", "population", "subgroup", "modality")


@dataclass(frozen=True, eq=False)
class CurvePoints:
    """Times in months, survival as probabilities, and Var(H) at each (NaN where nothing is known)."""

    source: str
    times: np.ndarray
    survival: np.ndarray
    sums: np.ndarray
    basis: tuple[str, ...]
    medians: int
    n: int | None
    events: int | None
    median_low: float | None
    median_high: float | None
    median_level: float


def is_point(figure: PublishedFigure) -> bool:
    """Whether a figure is a point of a survival curve: an exact landmark or median."""
    return figure.statistic in ("landmark_probability", "median") and figure.estimate is not None and figure.qualifier == "exactly"


def figures_given(given: Any) -> tuple[PublishedFigure, ...]:
    """Published figures out of a list, `Figures`, or one alone; EndpointError for anything else."""
    if isinstance(given, PublishedFigure):
        return (given,)
    frame = hasattr(given, "columns")  # iterating it would give its columns' names
    if frame or isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise EndpointError(f"from_figures takes published figures, such as published(source=\"gk2017\", endpoint=\"overall_survival\"); got {shown(given)}.")
    figures = tuple(given)
    for one in figures:
        if not isinstance(one, PublishedFigure):
            raise EndpointError(f"from_figures takes published figures, and one of these is {shown(one)}. A registered curve's patients are "
                                "curve.patients(), for from_patients.")  # fmt: skip
    return figures


def curve_points(figures: Sequence[PublishedFigure]) -> CurvePoints:
    """The figures as points in order of time; EndpointError with everything that keeps them from being one curve."""
    wrong = [] if figures else ["there are no figures"]
    for name in ARM:
        found = list(dict.fromkeys(str(getattr(figure, name)) for figure in figures))
        if len(found) > 1:
            quoted = [f'"{one}"' if one else "none" for one in found]
            wrong.append(f"they are of {len(found)} {name.replace('_', ' ')}s: {listed(quoted)}")
    wrong += [f"{figure.id} is no exact survival at a time and no median ({figure.statistic.replace('_', ' ')}, {figure.printed})" for figure in figures if not is_point(figure)]
    points = []
    for figure in (figure for figure in figures if is_point(figure)):
        value = figure.estimate or 0.0
        if figure.statistic == "median" and figure.common_unit != "months":
            wrong.append(f"{figure.id}: a median in {figure.unit} can't be brought to months")
            continue
        value *= figure.scale  # probabilities, months
        points.append((value, 0.5, figure) if figure.statistic == "median" else (float(figure.horizon or 0), value, figure))
    points.sort(key=lambda point: (point[0], -point[1]))
    for (before, _, one), (after, _, other) in pairwise(points):
        if before == after:
            wrong.append(f"{one.id} and {other.id} are both at {after:g} months: they may be of two arms")
    medians = [figure for _, _, figure in points if figure.statistic == "median"]
    wrong += [f"there are {len(medians)} medians: {listed([figure.id for figure in medians])}"] if len(medians) > 1 else []
    if wrong:
        raise EndpointError("\n".join(["These figures are not one curve:", *(f"  {line}" for line in wrong)]))
    parts = [_sum(figure, time, s) for time, s, figure in points]
    basis = tuple(dict.fromkeys(word for _, words in parts for word in words))
    sizes = [figure.n for _, _, figure in points if figure.n is not None]
    low, high, level = _months_interval(medians[0]) if medians else (None, None, 0.95)
    return CurvePoints(points[0][2].source, np.array([p[0] for p in points]), np.array([p[1] for p in points]), np.array([g for g, _ in parts]), basis,
                       len(medians), max(sizes) if sizes else None, medians[0].events if medians else None, low, high, level)  # fmt: skip


def _sum(figure: PublishedFigure, time: float, s: float) -> tuple[float, tuple[str, ...]]:
    """Var(H) at a point; at a median with printed limits as under a constant hazard, Var(H) = ln^2 2 Var(ln median)."""
    low, high, level = _months_interval(figure) if figure.statistic == "median" else (None, None, 0.95)
    if low is not None:
        variance, basis = median_variance(time, low, math.inf if high is None else high, level, None, None)
        return math.log(2) ** 2 * variance, (basis,)
    limits = [None if limit is None or figure.statistic == "median" else limit * figure.scale for limit in (figure.ci_low, figure.ci_high)]
    columns = landmark_columns([time], [s], n=figure.n, n_risk=figure.n_risk, conf_low=limits[0], conf_high=limits[1])
    sums, basis_words = greenwood_sums(columns, figure.ci_level or 0.95)
    return float(sums[0]), basis_words


def _months_interval(figure: PublishedFigure) -> tuple[float | None, float | None, float]:
    if figure.ci_low is None or figure.ci_low <= 0:
        return None, None, 0.95
    return figure.ci_low * figure.scale, math.inf if figure.ci_high is None else figure.ci_high * figure.scale, figure.ci_level or 0.95
