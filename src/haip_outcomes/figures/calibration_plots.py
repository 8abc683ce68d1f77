"""Calibration plots and decision curves: predictions beside what happened, and what acting on them would bring."""

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
    paler,
    sheet,
    text_width,
    width_in_mm,
    wrapped,
    write,
)
from haip_outcomes.formatting import interval, listed, number, percent, plural
from haip_outcomes.survival.intervals import level_in_words
from haip_outcomes.tables.disclosure import HIDDEN, OPEN, Policy, is_small

if TYPE_CHECKING:
    from haip_outcomes.prognosis.validation.calibrating import Calibration
    from haip_outcomes.prognosis.validation.net_benefit import DecisionCurve

Entry = tuple[str, dict[str, Any]]

_STRIP = 8.0  # mm: how many patients have which predicted risk
_HEIGHTS = {"single": 54.0, "double": 78.0}  # mm, the axes of a decision curve
_WIDEST = 110.0  # mm, the square of a calibration plot in a double column
_BELOW = 0.12  # of the largest net benefit: how far below zero the axis goes
_PARTS = {2: "halves", 3: "thirds", 4: "fourths", 5: "fifths", 10: "tenths"}


def plot_calibration(result: Calibration, *, width: str = "single", name: str = "calibration", policy: Policy = OPEN) -> Drawing:
    """Predicted against observed risk: on the diagonal the predictions come true, above it too little risk was predicted.

    Circles with bars are groups of patients by predicted risk, the line with its band the smooth curve, the strip below how many patients
    were given which risk. Where a bar or the band leaves the frame it is cut.

    Parameters
    ----------
    result : what `haip_outcomes.calibration` returned.
    width : "single" (84 mm) or "double" (174 mm).
    name : the file name.
    policy : with small numbers hidden, groups with 1 to 4 events (or patients without one) and the strip are left out.

    Errors: HaipError when the policy leaves nothing to draw.

    >>> import numpy as np, pandas as pd, haip_outcomes as haip
    >>> from haip_outcomes.prognosis.validation.calibrating import calibration
    >>> frame = pd.DataFrame({"months": np.arange(1, 41.0), "dead": [1, 1, 0, 1] * 10})
    >>> tte = haip.TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    >>> drawing = plot_calibration(calibration(tte, np.linspace(0.9, 0.2, 40), 24, groups=3))
    >>> drawing.size[0], drawing.alt.split(":")[0]
    (84.0, 'Calibration plot of the risk of Death by 24 months')
    """
    groups, left_out = result.groups.dropna(subset=["estimate"]), 0
    if policy.hides:
        shown = np.array([policy.enough(int(n)) and not is_small(int(k)) and not is_small(int(n - k))
                          for n, k in zip(groups["n"], groups["n_event"], strict=True)], dtype=bool)  # fmt: skip
        left_out, groups = int((~shown).sum()), groups[shown]
    if not len(groups) and not len(result.curve):
        raise HaipError("No group can be shown and there is no curve: there is nothing to draw.")
    top = _top([*groups["predicted"], *groups["estimate"], *result.curve["predicted"], *result.curve["estimate"]])
    first = result.frame.iloc[0]
    level = level_in_words(result.conf_level)
    several = len(result.groups)
    ideal: dict[str, Any] = {"color": COLOURS[2], "linewidth": FRAME, "linestyle": LINE_STYLES[1]}
    smooth: dict[str, Any] = {"color": COLOURS[0], "linewidth": 1.25, "linestyle": "-"}
    dots: dict[str, Any] = {"color": COLOURS[1], "marker": "o", "markersize": 4.4, "markerfacecolor": "white", "markeredgewidth": 0.9, "linestyle": "none"}
    key: list[Entry] = [("Ideal", ideal)]
    key += [(f"Smooth curve, {level} limits", smooth)] if len(result.curve) else []
    key += [(f"{_PARTS.get(several, 'groups').capitalize()} of predicted risk, {level} limits", dots)] if len(groups) else []
    short = {"observed / expected": "O/E", "slope": "slope"}
    notes = [f"{short[row['term']]} {interval(row['estimate'], row['conf_low'], row['conf_high'])}" for row in result.frame.to_dict("records")
             if row["term"] in short and not math.isnan(row["estimate"])]  # fmt: skip
    x_label = f"Predicted risk of {result.outcome} by {result.time:g} {result.unit} (%)"
    with drawing_style():
        strip = 0.0 if policy.hides else _STRIP
        figure, axes = _frame(width, x_label, "Observed risk (%)", (0.0, 100 * top), (0.0, 100 * top), key, ["; ".join(notes)] if notes else [], None, strip)
        axes.plot([0, 100 * top], [0, 100 * top], gid="ideal", zorder=1, **ideal)
        if len(result.curve):
            x = 100 * result.curve["predicted"].to_numpy()
            low, high = (100 * result.curve[side] for side in ("conf_low", "conf_high"))
            axes.fill_between(x, low, high, color=paler(COLOURS[0], 0.25), linewidth=0, zorder=0, gid="band")
            axes.plot(x, 100 * result.curve["estimate"], gid="curve", zorder=3, **smooth)
        for row in groups.to_dict("records"):
            axes.plot([100 * row["predicted"]] * 2, [100 * row["conf_low"], 100 * row["conf_high"]], color=COLOURS[1], linewidth=0.9, zorder=4, gid="limits")
        axes.plot(100 * groups["predicted"], 100 * groups["estimate"], zorder=5, clip_on=False, gid="group", **dots)
        if strip:
            _spread(figure, axes, result.spread, top)
    hidden = f" {plural(left_out, 'group')} with small numbers left out ({HIDDEN})." if left_out else ""
    outside = int(result.spread[_beyond(result.spread, top)].sum())
    more = f"; {outside} with a higher risk lie outside the frame" if outside else ""
    below = f" The strip below shows how many patients were given which risk{more}." if not policy.hides else ""
    caption = f"Calibration plot.{below}{hidden} {policy.method(result.method)}."
    told = "; ".join(f"predicted {percent(row['predicted'])}, observed {percent(row['estimate'])}" for row in groups.to_dict("records"))
    alt = (f"Calibration plot of the risk of {result.outcome} by {result.time:g} {result.unit}: "
           f"{told or 'a smooth curve'}. Observed over expected {number(float(first['estimate']))}.")  # fmt: skip
    return Drawing(figure, name, caption, alt)


def plot_decision_curve(
    result: DecisionCurve | Mapping[str, DecisionCurve], *, width: str = "single", name: str = "decision_curve", policy: Policy = OPEN
) -> Drawing:
    """Net benefit over the thresholds: a model helps where its line is above both "treat all" and "treat none".

    Parameters
    ----------
    result : what `haip_outcomes.decision_curve` returned; or several, of the same patients, by the name of their model. The band
        is that of a single model; several are drawn without.
    width : "single" (84 mm) or "double" (174 mm).
    name : the file name.
    policy : with small numbers hidden, thresholds at which few patients would be treated, or few would not, are left out.

    Errors: HaipError for several results of another outcome, time or patients, or when nothing is left to draw.

    >>> import numpy as np, pandas as pd, haip_outcomes as haip
    >>> from haip_outcomes.prognosis.validation.net_benefit import decision_curve
    >>> frame = pd.DataFrame({"months": np.arange(1, 41.0), "dead": [1, 1, 0, 1] * 10})
    >>> tte = haip.TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    >>> found = decision_curve(tte, np.linspace(0.9, 0.2, 40), 24, np.arange(0.1, 0.8, 0.05))
    >>> plot_decision_curve(found).alt.split(":")[0]
    'Decision curve for Death by 24 months'
    """
    width_in_mm(width)
    results = dict(result) if isinstance(result, Mapping) else {"Model": result}
    if not results:
        raise HaipError("There is no decision curve to draw.")
    first = next(iter(results.values()))
    everybody = first.frame[first.frame["term"] == "Treat all"].reset_index(drop=True)
    for other in results.values():
        same = (other.outcome, other.time, other.unit) == (first.outcome, first.time, first.unit)
        theirs = other.frame[other.frame["term"] == "Treat all"]
        if not same or theirs["n"].iloc[0] != everybody["n"].iloc[0] or not np.isclose(theirs["true_positive"].iloc[0], everybody["true_positive"].iloc[0]):
            raise HaipError("Decision curves in one figure must be of the same patients, outcome and time.")
    lines = {label: _line(one, policy) for label, one in results.items()}
    if all(not len(line) for line in lines.values()):
        raise HaipError("Nothing is known at any of the thresholds, or it is hidden: there is nothing to draw.")
    x = 100 * everybody["threshold"].to_numpy()
    known = pd.concat(list(lines.values()))
    top = max(float(known["estimate"].max()), float(everybody["estimate"].max()), 0.01)
    if len(results) == 1:
        top = max(top, min(float(known["conf_high"].max()) / 1.04, 1.6 * top))
    low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 5, high + 5
    all_style: dict[str, Any] = {"color": COLOURS[2], "linewidth": 0.9, "linestyle": LINE_STYLES[1]}
    none_style: dict[str, Any] = {"color": COLOURS[2], "linewidth": FRAME, "linestyle": "-"}
    inks = [COLOURS[0], COLOURS[1], *COLOURS[3:]]
    dashes = [LINE_STYLES[0], *LINE_STYLES[2:]]
    styles = [{"color": inks[i % len(inks)], "linewidth": 1.25, "linestyle": dashes[i % len(dashes)]} for i in range(len(results))]
    alone = len(results) == 1
    level = level_in_words(first.conf_level)
    key: list[Entry] = [(f"{label}, {level} limits" if alone else label, style) for label, style in zip(results, styles, strict=True)]
    key += [("Treat all", all_style), ("Treat none", none_style)]
    x_label = f"Threshold risk of {first.outcome} by {first.time:g} {first.unit} (%)"
    with drawing_style():
        figure, axes = _frame(width, x_label, "Net benefit", (low, high), (-_BELOW * top, 1.06 * top), key, [], _HEIGHTS[width], 0.0)
        axes.plot([low, high], [0, 0], gid="none", zorder=1, **none_style)
        axes.plot(x, everybody["estimate"], gid="all", zorder=2, **all_style)
        for (label, line), style in zip(lines.items(), styles, strict=True):
            at = 100 * line["threshold"].to_numpy()
            if alone:
                axes.fill_between(at, line["conf_low"], line["conf_high"], color=paler(style["color"], 0.25), linewidth=0, zorder=0, gid="band")
            drawn: dict[str, Any] = {**style, "marker": "o" if len(line) == 1 else "", "markersize": 3.0}
            axes.plot(at, line["estimate"], gid=f"model {label}", zorder=3, **drawn)
    method = first.method if alone else f"{listed(list(results))}: {first.method}"
    caption = f"Decision curve. Lines are cut below the frame; one treatment in vain counts the odds of the threshold. {policy.method(method)}."
    return Drawing(figure, name, caption, _benefit_in_words(first, lines, everybody))


def _line(one: DecisionCurve, policy: Policy) -> pd.DataFrame:
    model = one.frame[one.frame["term"] == "Model"].dropna(subset=["estimate"])
    if policy.hides:
        n = int(one.frame["n"].max())
        kept = [not is_small(int(k)) and not is_small(n - int(k)) and policy.enough(int(k)) for k in model["n"]]
        model = model[np.array(kept, dtype=bool)]
    return model.reset_index(drop=True)


def _benefit_in_words(first: DecisionCurve, lines: Mapping[str, pd.DataFrame], everybody: pd.DataFrame) -> str:
    best = dict(zip(everybody["threshold"], np.maximum(everybody["estimate"], 0.0), strict=True))
    told = []
    for label, line in lines.items():
        above = [p for p, b in zip(line["threshold"], line["estimate"], strict=True) if b > best.get(p, 0.0) + 1e-12]
        told.append(f"{label} above both treating all and treating none at {len(above)} of {plural(len(line), 'threshold')}"
                    + (f", from {percent(min(above))} to {percent(max(above))}" if above else ""))  # fmt: skip
    return f"Decision curve for {first.outcome} by {first.time:g} {first.unit}: {'; '.join(told)}."


def _top(values: Sequence[float]) -> float:
    """The end of both axes: a round share that holds all estimates."""
    most = max(v for v in values if not math.isnan(v))
    step = 0.05 if most <= 0.3 else 0.1
    return min(1.0, max(step, step * math.ceil(most / step - 1e-9)))


def _frame(
    width: str, x_label: str, y_label: str, x: tuple[float, float], y: tuple[float, float], key: list[Entry], notes: list[str],
    height: float | None, strip: float,
) -> tuple[Figure, Axes]:  # fmt: skip
    """The sheet with its key, notes and labels, and the axes; a square without `height`; room for a strip above the x ticks."""
    wide = width_in_mm(width)
    ticks_in = (max(y[0], 0.0) if height is None else y[0], y[1])
    y_ticks = linear_ticks(ticks_in, (height or 60.0) / 1.4)
    y_texts = _alike(y_ticks)
    scale = max(map(text_width, y_texts))
    left = EDGE + LINE + scale + 2.5
    inner = wide - left - EDGE - 2.0
    if height is None:
        left += max(0.0, inner - _WIDEST) / 2
        inner = height = min(inner, _WIDEST)
    lines = _key_lines(key, wide - 2 * EDGE)
    said = [row for note in notes for row in wrapped(note, wide - 2 * EDGE)]
    above = EDGE + (len(lines) + len(said)) * LINE + 2.6
    x_words = wrapped(x_label, inner)
    foot = EDGE + len(x_words) * LINE + 5.2 + strip
    figure = sheet(wide, foot + height + above)
    axes = axes_at(figure, left, foot, inner, height)
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    x_ticks = linear_ticks(x, inner)
    axes.set_xticks(x_ticks, _alike(x_ticks) if not strip else [])
    axes.set_yticks(y_ticks, y_texts)
    write(figure, left - scale - 3.2, foot + height / 2, y_label, rotation=90, ha="center", va="baseline", rotation_mode="anchor")
    for i, words in enumerate(reversed(x_words)):
        write(figure, left + inner / 2, EDGE + 0.6 + i * LINE, words, ha="center")
    top = foot + height + above - EDGE
    for line in lines:
        at = EDGE
        for words, style in line:
            length = _sample(style)
            sample = Line2D(np.linspace(at, at + length, 3), [top - LINE * 0.62] * 3, transform=in_mm(figure), **style)
            sample.set_markevery([1])
            figure.add_artist(sample)
            write(figure, at + length + 1.2, top - LINE * 0.85, words)
            at += length + 1.2 + text_width(words) + 3.5
        top -= LINE
    for row in said:
        write(figure, EDGE, top - LINE * 0.85, row)
        top -= LINE
    return figure, axes


def _spread(figure: Figure, axes: Axes, spread: np.ndarray, top: float) -> None:
    """The strip between the axes and their ticks: a bar for every fiftieth of risk, as high as it has patients."""
    box = axes.get_position()
    wide, high = (25.4 * float(side) for side in figure.get_size_inches())
    left, foot = box.x0 * wide, box.y0 * high
    below = axes_at(figure, left, foot - _STRIP, box.width * wide, _STRIP - 1.2)
    edges = np.linspace(0, 100, len(spread) + 1)
    shown = ~_beyond(spread, top)
    below.bar(edges[:-1][shown], spread[shown], width=100 / len(spread) * 0.85, align="edge", color=COLOURS[0], linewidth=0, gid="spread")
    below.set_xlim(0, 100 * top)
    below.set_ylim(0, max(1, int(spread.max())))
    ticks = linear_ticks((0.0, 100 * top), box.width * wide)
    below.set_xticks(ticks, _alike(ticks))
    below.set_yticks([])
    below.spines["left"].set_visible(False)
    axes.tick_params(axis="x", length=0)
    axes.spines["bottom"].set_linewidth(THIN)


def _beyond(spread: np.ndarray, top: float) -> np.ndarray:
    """Which parts of 0 to 1 begin where the axis ends, or later."""
    return np.arange(len(spread)) / len(spread) > top - 1e-9


def _key_lines(key: list[Entry], room: float) -> list[list[Entry]]:
    """The entries of the key, as many in a line as fit."""
    lines: list[list[Entry]] = [[]]
    used = 0.0
    for words, style in key:
        need = _sample(style) + 1.2 + text_width(words)
        if lines[-1] and used + need > room:
            lines.append([])
            used = 0.0
        lines[-1].append((words, style))
        used += need + 3.5
    return lines


def _sample(style: Mapping[str, Any]) -> float:
    """How long a sample in the key is, in mm: a mark needs less than a line."""
    return 2.0 if style["linestyle"] == "none" else SAMPLE


def _alike(ticks: Sequence[float]) -> list[str]:
    """Ticks with the same number of decimals."""
    digits = max((len(f"{tick:g}".partition(".")[2]) for tick in ticks), default=0)
    return [f"{tick:.{digits}f}" for tick in ticks]
