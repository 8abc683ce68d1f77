"""The balance plot (love plot): how far two groups differ in each characteristic, before and after weighting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from haip_outcomes.errors import HaipError
from haip_outcomes.figures.scales import linear_ticks
from haip_outcomes.figures.style import (
    COLOURS,
    FRAME,
    LINE,
    THIN,
    Drawing,
    axes_at,
    drawing_style,
    in_mm,
    sheet,
    text_width,
    width_in_mm,
    wrapped,
    write,
)
from haip_outcomes.formatting import number, plural

if TYPE_CHECKING:
    from haip_outcomes.prognosis.treatments.treatment_comparison import TreatmentComparison
    from haip_outcomes.survival.weighting.propensity_scores import Propensity

LIMIT = 0.1  # of a standard deviation: commonly called balanced below
_EDGE, _GAP, _INDENT, _PAD = 1.5, 3.0, 3.0, 0.8  # mm
_BASE, _MIDDLE = 0.78 * LINE, 1.03  # mm from the top of a line to its base, and from there to the middle of its digits
_STYLES: dict[str, dict[str, Any]] = {
    "unweighted": {"marker": "D", "color": COLOURS[1], "markerfacecolor": "white", "markersize": 4.4, "markeredgewidth": 0.9, "linestyle": "none"},
    "weighted": {"marker": "s", "color": COLOURS[0], "markerfacecolor": COLOURS[0], "markersize": 4.2, "markeredgewidth": 0.9, "linestyle": "none"},
}
_WORDS = {"unweighted": "Before", "weighted": "After weighting"}
_X_LABEL = "Absolute standardised difference"


def plot_balance(
    propensity: Propensity | TreatmentComparison | pd.DataFrame,
    *,
    width: str = "single",
    labels: Mapping[str, str] | None = None,
    name: str = "balance",
) -> Drawing:
    """How unlike two groups are in each characteristic before weighting (open diamonds), and how alike after (filled squares).

    The distance from 0 is the absolute standardised difference, in standard deviations; the dashed line is at 0.1. A difference that has no finite
    size (everybody alike within the groups, but not between them) is an arrowhead at the edge.

    Parameters
    ----------
    propensity : what `propensity` or `compare_treatments` returned, or the frame of its `balance(columns)` for other characteristics.
    width : "single" (84 mm) or "double" (174 mm).
    labels : column -> what is printed for it; of a comparison the plan's labels unless said.
    name : the file name.

    Errors: HaipError when there is nothing to draw, or more rows than a page holds.

    >>> import pandas as pd
    >>> from haip_outcomes.survival.weighting.propensity_scores import propensity
    >>> old, pump = [0] * 6 + [1] * 6, [1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0]
    >>> drawing = plot_balance(propensity(pd.DataFrame({"old": old, "pump": pump}), "pump", ["old"]), labels={"old": "Over 70"})
    >>> drawing.size[0], drawing.alt
    (84.0, 'Balance plot of 1 characteristic. Largest absolute standardised difference 0.71 (Over 70) before and 0.00 (Over 70) after weighting.')
    """
    frame = propensity if isinstance(propensity, pd.DataFrame) else propensity.balance()
    lacking = [column for column in ("term", "level", "sample", "estimate") if column not in frame]
    if lacking:
        raise HaipError(f"A balance plot takes what propensity returned, or its balance(): this frame has no column {', '.join(lacking)}.")
    rows = _rows(frame, {**getattr(propensity, "labels", {}), **(labels or {})})
    if not any(values for _, _, values in rows):
        raise HaipError("There is nothing to draw: the balance has no rows.")
    with drawing_style():
        figure = _draw(rows, width_in_mm(width))
    method = "" if isinstance(propensity, pd.DataFrame) else f"{propensity.method}. "
    return Drawing(figure, name, f"{method}Absolute standardised differences before and after weighting; the dashed line is at {LIMIT}.", _alt(rows), frame)


Row = tuple[str, int, dict[str, float]]  # name, indent, sample -> absolute difference; a heading has none


def _rows(frame: pd.DataFrame, labels: dict[str, str]) -> list[Row]:
    rows: list[Row] = []
    for term, own in frame.groupby("term", sort=False):
        title = labels.get(str(term), str(term))
        levels = list(dict.fromkeys(None if level != level else level for level in own["level"]))
        if levels != [None]:
            rows.append((title, 0, {}))
        for level in levels:
            of = own[own["level"].isna()] if level is None else own[own["level"] == level]
            values = {str(sample): abs(float(value)) for sample, value in zip(of["sample"], of["estimate"], strict=True)}
            rows.append((title if level is None else str(level), 0 if level is None else 1, values))
    return rows


def _draw(rows: Sequence[Row], width: float) -> Figure:
    heads = ("Before", "After")
    cell = max([text_width(word, weight="bold") for word in heads] + [text_width(_cell(value)) for _, _, values in rows for value in values.values()]) + 0.3
    free = width - 2 * _EDGE - 2 * (cell + _GAP) - _GAP
    names = min(max(text_width(text) + indent * _INDENT for text, indent, _ in rows), free * (0.5 if width < 100 else 0.4))
    plot = free - names
    lines = [wrapped(text, (names if values else free) - indent * _INDENT) for text, indent, values in rows]
    heights = [max(len(words), 1) * LINE + _PAD for words in lines]
    head, foot = LINE + 1.2, _EDGE + 2 * LINE + 2.0
    figure = sheet(width, _EDGE + head + sum(heights) + foot)
    top = foot + sum(heights)  # of the first row, from below
    left = _EDGE + names + _GAP
    reach = _reach(rows)
    axes = axes_at(figure, left, foot, plot, sum(heights))
    axes.set_ylim(0, sum(heights))
    axes.set_xlim(0, reach)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    ticks = linear_ticks((0.0, reach), plot)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    upright = _beside_headings(lines, rows, heights, names)
    axes.plot(np.zeros(len(upright)), upright, color="black", linewidth=FRAME, zorder=0, gid="zero")
    axes.plot(np.full(len(upright), LIMIT), upright, color="black", linewidth=THIN, linestyle=(0, (4, 3)), zorder=0, gid="limit")
    start = min(max(left + plot / 2 - text_width(_X_LABEL) / 2, _EDGE), width - _EDGE - text_width(_X_LABEL))
    write(figure, start, _EDGE + 0.6, _X_LABEL)
    ends = [width - _EDGE - cell - _GAP, width - _EDGE]
    for head_words, right in zip(heads, ends, strict=True):
        write(figure, right, top + 1.2, head_words, fontweight="bold", ha="right")
    figure.add_artist(Line2D([_EDGE, width - _EDGE], [top, top], transform=in_mm(figure), color="black", linewidth=FRAME))
    _key(figure, top + 1.2)
    y = top
    for (_, indent, values), words, height in zip(rows, lines, heights, strict=True):
        for i, line in enumerate(words):
            write(figure, _EDGE + indent * _INDENT, y - _PAD / 2 - i * LINE - _BASE, line)
        base = y - _PAD / 2 - _BASE
        for sample, right in zip(_STYLES, ends, strict=True):
            if sample in values:
                write(figure, right, base, _cell(values[sample]), ha="right")
        _marks(axes, values, base + _MIDDLE - foot, reach)
        y -= height
    return figure


def _beside_headings(lines: Sequence[Sequence[str]], rows: Sequence[Row], heights: Sequence[float], names: float) -> np.ndarray:
    """The ends of upright lines, from above, with a gap (NaN) at each heading that runs on into the axes."""
    y = top = float(sum(heights))
    ends: list[float] = []
    for words, (_, indent, _), height in zip(lines, rows, heights, strict=True):
        if max((text_width(line) for line in words), default=0.0) + indent * _INDENT > names + _GAP / 2:
            ends += [top, y, np.nan] if top > y else []
            top = y - height
        y -= height
    return np.array([*ends, top, 0.0])


def _marks(axes: Axes, values: Mapping[str, float], y: float, reach: float) -> None:
    shown = [min(value, reach) for value in values.values() if not math.isnan(value)]
    if len(shown) == 2:
        axes.plot(shown, [y, y], color="0.45", linewidth=THIN, zorder=1, gid="change")
    for sample, style in _STYLES.items():
        value = values.get(sample, math.nan)
        if value <= reach:
            axes.plot([value], [y], clip_on=False, zorder=3, gid=sample, **style)
        elif value > reach:
            axes.plot([reach], [y], clip_on=False, zorder=3, gid=f"{sample} beyond", **{**style, "marker": ">"})


def _key(figure: Figure, base: float) -> None:
    x = _EDGE
    for sample, style in _STYLES.items():
        mark = Line2D([x + 1.0], [base + _MIDDLE], transform=in_mm(figure), **style)
        figure.add_artist(mark)
        write(figure, x + 3.2, base, _WORDS[sample])
        x += 3.2 + text_width(_WORDS[sample]) + 4.0


def _reach(rows: Sequence[Row]) -> float:
    """Where the axis ends: a round number that holds every finite difference."""
    finite = [value for _, _, values in rows for value in values.values() if math.isfinite(value)]
    most = max([2 * LIMIT, *(1.04 * value for value in finite)])
    step = 0.1 if most <= 1 else 0.2 if most <= 2 else 0.5 if most <= 5 else 10.0 ** math.floor(math.log10(most))
    return round(step * math.ceil(most / step - 1e-9), 6)


def _cell(value: float) -> str:
    return number(value)


def _alt(rows: Sequence[Row]) -> str:
    """Which characteristics differ most, in a sentence."""
    told, title = [], ""
    for sample in _STYLES:
        best, what = -1.0, "-"
        for text, indent, values in rows:
            title = title if indent else text
            value = values.get(sample, math.nan)
            if value > best:
                best, what = value, f"{title} {text}" if indent else text
        told.append(f"{number(best if best >= 0 else math.nan)} ({what})")
    n = int(np.sum([not indent for _, indent, _ in rows]))
    return (f"Balance plot of {plural(n, 'characteristic')}. Largest absolute standardised difference {told[0]} before and {told[1]} after weighting.")
