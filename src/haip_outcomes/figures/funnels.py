"""A funnel plot: centres about a target, with the limits within which chance alone would leave them at their size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from haip_outcomes.errors import HaipError, did_you_mean
from haip_outcomes.figures.panels import EDGE, SAMPLE
from haip_outcomes.figures.scales import linear_ticks
from haip_outcomes.figures.style import (
    COLOURS,
    FRAME,
    LINE,
    LINE_STYLES,
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
from haip_outcomes.formatting import number, percent, plural
from haip_outcomes.survival.intervals import level_in_words
from haip_outcomes.tables.disclosure import HIDDEN, OPEN, Policy, is_small

if TYPE_CHECKING:
    from haip_outcomes.benchmark.case_mix.funnels import Funnel

_HEIGHTS = {"single": 60.0, "double": 88.0}  # mm, the axes alone
_INK, _OUTSIDE = COLOURS[0], COLOURS[1]
_MARK = 4.4  # points
MANY = 10**9  # patients of a centre of whom only the expected events are known


def plot_funnel(
    funnel: Funnel,
    *,
    width: str = "single",
    y_label: str = "",
    label: str | Sequence[str] = "outside",
    name: str = "funnel",
    policy: Policy = OPEN,
) -> Drawing:
    """Every centre at its size, and how far from the target chance alone may take a centre of that size.

    Diamonds lie outside the inner limits by their tail probability, filled ones outside the outermost, and are named; circles lie within. Nothing is
    ranked: the place on the axis is the centre's size. A small vertical bar beside a mark is that centre's own inner limits, where
    the uncertainty of its expected events widens them.

    Parameters
    ----------
    funnel : what `haip_outcomes.funnel` returned.
    width : "single" (84 mm) or "double" (174 mm).
    y_label : what the proportion or ratio is of, for example "Complication within 90 days"; its unit is added.
    label : which centres are named: "outside" the limits, "all", "none", or a list of names, which are named besides those outside.
    name : the file name.
    policy : with small numbers hidden, centres with 1 to 4 events (or patients without one), or too few patients to be a group, are left out.

    Errors: HaipError for an unknown `label`, or when the policy leaves nothing to draw.

    >>> import haip_outcomes as haip
    >>> found = haip.funnel([14, 2, 11], [60, 20, 28], target=0.22, groups=["A", "B", "C"])
    >>> drawing = plot_funnel(found, y_label="Complication")
    >>> drawing.size, drawing.alt
    ((84.0, 81.9), 'Funnel plot of 3 centres about a target of 22%. C: 39%, above the 95% limits (p 0.040).')
    """
    frame = funnel.tidy()
    if isinstance(label, str) and label not in ("outside", "all", "none"):
        raise HaipError(f'label must be "outside", "all", "none" or a list of centres; got {label!r}.')
    wanted = () if isinstance(label, str) else tuple(label)
    for one in wanted:
        if one not in set(frame["group"]):
            raise HaipError(f'The funnel has no centre "{one}". {did_you_mean(str(one), frame["group"])}')
    hidden = np.zeros(len(frame), dtype=bool)
    if policy.hides:
        events = frame["n_event"].to_numpy()
        n = frame["n"].to_numpy() if funnel.kind == "proportion" else np.full(len(frame), MANY)
        hidden = np.array([is_small(int(k)) or is_small(int(of - k)) or not policy.enough(int(of)) for k, of in zip(events, n, strict=True)])
    shown = frame[~hidden].reset_index(drop=True)
    if not len(shown):
        raise HaipError("Every centre has small numbers, which are hidden: there is nothing to draw.")
    share = funnel.kind == "proportion"
    scale = 100.0 if share else 1.0
    sizes = shown["n" if share else "n_expected"].to_numpy(dtype=float)
    values = shown["estimate"].to_numpy(dtype=float) * scale
    with drawing_style():
        figure, axes = _sheet(funnel, width, sizes, values, scale, y_label)
        _lines(axes, funnel, float(axes.get_xlim()[1]), scale)
        if funnel.variance is not None and funnel.overdispersion is None:
            for x, low, high in zip(sizes, shown["conf_low"], shown["conf_high"], strict=True):
                axes.plot([x, x], [low * scale, high * scale], color=_INK, linewidth=THIN, marker="_", markersize=3.0, gid="own limits", zorder=2)
        reach = np.array([_reach(funnel, flag) for flag in shown["flag"]])
        for i, (_, style) in enumerate(_marks(funnel)):
            axes.plot(sizes[reach == i], values[reach == i], zorder=4, clip_on=False, gid="centre", **style)
        outside = reach > 0
        named = np.full(len(shown), label == "all") if label in ("all", "none") else outside | shown["group"].isin(wanted).to_numpy()
        _names(figure, axes, sizes, values, [str(group) for group in shown["group"]], named)
    return Drawing(figure, name, _caption(funnel, int(hidden.sum()), policy), _alt(funnel, shown))


def _sheet(funnel: Funnel, width: str, sizes: np.ndarray, values: np.ndarray, scale: float, y_label: str) -> tuple[Figure, Axes]:
    wide, height = width_in_mm(width), _HEIGHTS[width]
    share = funnel.kind == "proportion"
    unit = "%" if share else "observed / expected"
    y_words = wrapped(f"{y_label} ({unit})" if y_label else "Proportion (%)" if share else "Observed / expected", height)
    x_words = "Patients" if share else "Expected events"
    most = 1.06 * float(sizes.max())
    top = _top(funnel, sizes, values, scale)
    y_ticks = linear_ticks((0.0, top), height / 1.4)
    left = EDGE + len(y_words) * LINE + max(text_width(f"{tick:g}") for tick in y_ticks) + 2.5
    key = _key(funnel, wide - 2 * EDGE)
    above = EDGE + len(key) * LINE + 2.6
    foot = EDGE + LINE + 5.2
    inner = wide - left - EDGE - 2.0
    figure = sheet(wide, foot + height + above)
    axes = axes_at(figure, left, foot, inner, height)
    axes.set_xlim(0, most)
    axes.set_ylim(0, top)
    x_ticks = linear_ticks((0.0, most), inner)
    axes.set_xticks(x_ticks, [f"{tick:g}" for tick in x_ticks])
    axes.set_yticks(y_ticks, [f"{tick:g}" for tick in y_ticks])
    scale_width = max(text_width(f"{tick:g}") for tick in y_ticks)
    for i, words in enumerate(y_words):
        write(figure, left - scale_width - 3.2 - (len(y_words) - 1 - i) * LINE, foot + height / 2, words, rotation=90, ha="center",
              va="baseline", rotation_mode="anchor")  # fmt: skip
    write(figure, left + inner / 2, EDGE + 0.6, x_words, ha="center")
    y = foot + height + above - EDGE
    for line in key:
        x = EDGE
        for words, style in line:
            sample = Line2D(np.linspace(x, x + _sample(style), 3), [y - LINE * 0.62] * 3, transform=in_mm(figure), **style)
            sample.set_markevery([1])
            figure.add_artist(sample)
            write(figure, x + _sample(style) + 1.2, y - LINE * 0.85, words)
            x += _sample(style) + 1.2 + text_width(words) + 3.0
        y -= LINE
    return figure, axes


def _top(funnel: Funnel, sizes: np.ndarray, values: np.ndarray, scale: float) -> float:
    """High enough for every centre and for the outer line at the smallest of them, not for the whole mouth of the funnel."""
    smallest = funnel.limits([max(1.0, math.floor(float(sizes.min())))])
    need = max(1.12 * float(values.max()), float(smallest["conf_high"].max()) * scale, 1.3 * funnel.target * scale)
    if funnel.kind == "proportion":
        return min(100.0, 5.0 * math.ceil(need / 5))
    return min(max(1.12 * float(values.max()), 4 * funnel.target), 0.5 * math.ceil(need / 0.5))


def _sample(style: dict[str, Any]) -> float:
    """How long a sample in the key is, in mm: a mark needs less than a line."""
    return 2.0 if style["linestyle"] == "none" else SAMPLE


def _styles(funnel: Funnel) -> list[tuple[float, dict[str, Any]]]:
    return [(level, {"color": _INK, "linewidth": 0.9, "linestyle": LINE_STYLES[(1 + i) % len(LINE_STYLES)]}) for i, level in enumerate(funnel.levels)]


def _marks(funnel: Funnel) -> list[tuple[str, dict[str, Any]]]:
    """What a centre looks like: within, outside the inner limits, and outside each further one."""
    plain: dict[str, Any] = {"linestyle": "none", "markersize": _MARK, "markeredgewidth": 0.9}
    last = len(funnel.levels) - 1
    return [("Within", {**plain, "color": _INK, "marker": "o", "markerfacecolor": "white"}),
            *((f"Outside {level_in_words(level)}", {**plain, "color": _OUTSIDE, "marker": "D", "markerfacecolor": _OUTSIDE if i == last else "white"})
              for i, level in enumerate(funnel.levels))]  # fmt: skip


def _reach(funnel: Funnel, flag: str) -> int:
    """0 within, 1 outside the inner limits, 2 outside the next, ..."""
    return next((i + 1 for i, level in enumerate(funnel.levels) if flag.endswith(f" {level_in_words(level)}")), 0)


def _key(funnel: Funnel, room: float) -> list[list[tuple[str, dict[str, Any]]]]:
    """The entries of the key, as many in a line as fit."""
    target = percent(funnel.target) if funnel.kind == "proportion" else number(funnel.target, 2 if funnel.target % 1 else 0)
    reached = {0, *(_reach(funnel, flag) for flag in funnel.tidy()["flag"])}
    entries = [(f"Target {target}", {"color": COLOURS[2], "linewidth": FRAME, "linestyle": "-"}),
               *((f"{level_in_words(level)} limits", style) for level, style in _styles(funnel)),
               *(entry for i, entry in enumerate(_marks(funnel)) if i in reached)]  # fmt: skip
    lines: list[list[tuple[str, dict[str, Any]]]] = [[]]
    used = 0.0
    for words, style in entries:
        need = _sample(style) + 1.2 + text_width(words)
        if lines[-1] and used + need > room:
            lines.append([])
            used = 0.0
        lines[-1].append((words, style))
        used += need + 3.0
    return lines


def _lines(axes: Axes, funnel: Funnel, most: float, scale: float) -> None:
    """The target and the limits at every size up to the edge."""
    if funnel.kind == "proportion":
        grid = np.unique(np.round(np.linspace(1, most, 400)))
    else:
        grid = np.unique(np.concatenate([np.geomspace(most / 500, most, 200), np.linspace(most / 200, most, 200)]))
    limits = funnel.limits(grid)
    axes.plot([0, most], [funnel.target * scale] * 2, color=COLOURS[2], linewidth=FRAME, gid="target", zorder=1)
    for level, style in _styles(funnel):
        own = limits[limits["conf_level"] == level]
        for side in ("conf_low", "conf_high"):
            line = own[side].to_numpy()
            axes.plot(grid, np.where(line > 0, line, np.nan) * scale, gid=f"limit {level:g}", zorder=1, **style)


def _names(figure: Figure, axes: Axes, sizes: np.ndarray, values: np.ndarray, names: list[str], named: np.ndarray) -> None:
    """Names beside their marks, where no other name or mark stands and, if there is such a place, no line runs through."""
    box = axes.get_position()
    wide, high = (25.4 * float(side) for side in figure.get_size_inches())
    corner, side = np.array([box.x0 * wide, box.y0 * high]), np.array([box.width * wide, box.height * high])
    ends = np.array([axes.get_xlim()[1], axes.get_ylim()[1]])
    marks = corner + side * np.column_stack([sizes, values]) / ends
    taken = [(a - 1.0, b - 1.0, a + 1.0, b + 1.0) for a, b in marks]
    drawn = [np.column_stack([np.asarray(part, dtype=float) for part in line.get_data()]) for line in axes.lines
             if str(line.get_gid()).startswith(("limit", "target"))]  # fmt: skip
    lines = [corner + side * points / ends for points in drawn]
    for i in np.flatnonzero(named).tolist():
        (x, y), length = marks[i], text_width(names[i])
        places = [(x + 1.6, y - 1.0), (x - 1.6 - length, y - 1.0), (x - length / 2, y + 1.7), (x - length / 2, y - 3.9),
                  (x + 1.2, y + 1.4), (x - 1.2 - length, y + 1.4), (x + 1.2, y - 3.4), (x - 1.2 - length, y - 3.4)]  # fmt: skip
        costs = []
        for a, b in places:
            spot = (a, b - 0.4, a + length, b + 2.4)
            outside = a < corner[0] or a + length > wide - EDGE or b < corner[1] or b + 2.4 > corner[1] + side[1]
            crowded = sum(_meet(spot, other) for k, other in enumerate(taken) if k != i)
            costs.append(1000 * outside + 100 * crowded + sum(_crossed(spot, line) for line in lines))
        a, b = places[int(np.argmin(costs))]
        taken.append((a, b - 0.4, a + length, b + 2.4))
        axes.text(a, b, names[i], transform=in_mm(figure), zorder=3, gid="name", clip_on=False,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6})  # fmt: skip


def _meet(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _crossed(spot: tuple[float, ...], line: np.ndarray) -> bool:
    """Whether a line, in mm, runs through a place."""
    x = np.linspace(spot[0], spot[2], 9)
    y = np.interp(x, line[:, 0], line[:, 1])
    return bool(((y > spot[1]) & (y < spot[3])).any())


def _caption(funnel: Funnel, hidden: int, policy: Policy) -> str:
    exact = funnel.overdispersion is None
    what = f"Each mark is a centre. Diamonds: outside the {level_in_words(funnel.levels[0])} limits (filled: the outermost)"
    what += " by the exact tail probability (mid-p), which can differ from the line by less than one event." if exact else "."
    own = " Vertical bars: a centre's own limits, which count the uncertainty of its expected events." if exact and funnel.variance is not None else ""
    left = f" Centres with small numbers are left out ({HIDDEN})." if hidden else ""
    return f"Funnel plot. {what}{own}{left} {policy.method(funnel.method)}."


def _alt(funnel: Funnel, shown: Any) -> str:
    share = funnel.kind == "proportion"
    target = percent(funnel.target) if share else number(funnel.target, 2 if funnel.target % 1 else 0)
    kept = set(shown["group"])
    told = list(funnel.sentences)
    if len(funnel.flagged):
        told = [sentence for sentence, group in zip(told, funnel.flagged["group"], strict=True) if group in kept]
    told = told or ["None of those shown lies outside."]
    return " ".join([f"Funnel plot of {plural(len(shown), 'centre')} about a target of {target}.", *told])
