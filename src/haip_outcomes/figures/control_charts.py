"""A centre over time: a CUSUM with its limit, and events along the case number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from haip_outcomes.figures.scales import linear_ticks, share_ticks, time_breaks
from haip_outcomes.figures.style import (
    COLOURS,
    CURVE,
    LINE,
    LINE_STYLES,
    THIN,
    Drawing,
    axes_at,
    drawing_style,
    sheet,
    text_width,
    width_in_mm,
    wrapped,
    write,
)
from haip_outcomes.formatting import listed, number, percent, plural
from haip_outcomes.tables.table import slug

if TYPE_CHECKING:
    from haip_outcomes.benchmark.over_time.control_chart import Cusum
    from haip_outcomes.benchmark.over_time.learning import LearningCurve

EDGE = 1.5  # mm of white at each edge of the sheet
CHART, GAP, BALANCE, FOOT = 46.0, 8.0, 30.0, 10.5  # mm: the chart, the space below it, the lower panel, words under the axis
PICTURE = 50.0
SAMPLE = 7.0  # mm of line in the key


def plot_cusum(chart: Cusum, *, width: str = "single", name: str = "") -> Drawing:
    """A CUSUM with its limit, and below it, in a panel of its own that has no limit, observed minus expected events.

    The chart rises with events and falls without them, each by as much as the case's risk makes it surprising; a triangle is a signal, after
    which it begins again at 0. The lower line is what readers know as a VLAD: it shows how many events too many or too few, and no
    limit belongs to it.

    Parameters
    ----------
    chart : what `cusum` or `survival_cusum` returned.
    width : "single" (84 mm) or "double" (174 mm).
    name : of the file.

    >>> from haip_outcomes.benchmark.over_time.cusums import cusum
    >>> drawing = plot_cusum(cusum([0, 1, 0, 0, 1, 0, 0, 0, 0, 1], 0.22))
    >>> drawing.size
    (84.0, 97.5)
    """
    wide = width_in_mm(width)
    path = chart.path
    top = max(float(np.nanmax(path["statistic"])), chart.limit.value) * 1.12
    gap = path["observed_minus_expected"].to_numpy()
    low, high = min(float(gap.min()), -0.5), max(float(gap.max()), 0.5)
    pad = 0.08 * (high - low)
    upper_ticks, lower_ticks = _ticks((0.0, top), CHART), _ticks((low - pad, high + pad), BALANCE)
    scale = max(text_width(_signed(tick)) for tick in (*upper_ticks, *lower_ticks))
    left = EDGE + LINE + scale + 3.4
    limit_words = f"Limit {number(chart.limit.value, 2)}"
    signals = chart.signals
    above = 2 * LINE + 2.0 if signals else 3.0
    with drawing_style():
        figure = sheet(wide, FOOT + BALANCE + GAP + CHART + above)
        inner = wide - left - EDGE - 2.0
        first, last = float(path["at"].iloc[0]), float(path["at"].iloc[-1])
        first = 0.0 if 0 <= first <= 0.25 * last else first
        breaks = _across(first, last, width, chart)
        upper = _panel(figure, left, FOOT + BALANCE + GAP, inner, CHART, (first, last), (0.0, top), breaks, upper_ticks)
        lower = _panel(figure, left, FOOT, inner, BALANCE, (first, last), (low - pad, high + pad), breaks, lower_ticks)
        upper.set_xticklabels([])
        upper.plot(path["at"], path["statistic"], color=COLOURS[0], linewidth=CURVE, clip_on=False, gid="statistic")
        upper.axhline(chart.limit.value, color=COLOURS[1], linewidth=1.0, linestyle=LINE_STYLES[1], gid="limit")
        at, height = _where_signalled(chart)
        upper.plot(at, height, linestyle="none", marker="^", markersize=5, color=COLOURS[1], markeredgecolor="black", markeredgewidth=0.5,
                   clip_on=False, zorder=5, gid="signal")  # fmt: skip
        lower.axhline(0.0, color="black", linewidth=THIN, gid="zero")
        lower.plot(path["at"], gap, color="black", linewidth=CURVE, clip_on=False, gid="balance")
        per_mm = top / CHART
        x = left + 1.0 if _free_at_left(path, first, last) else left + inner - 1.0 - text_width(limit_words)
        write(figure, x, FOOT + BALANCE + GAP + (chart.limit.value / per_mm) + 0.9, limit_words, color=COLOURS[1], gid="limit words")
        _beside(figure, left, scale, FOOT + BALANCE + GAP, CHART, f"CUSUM, {'odds' if chart.at == 'case' else 'hazard'} ratio {chart.ratio:g}")
        _beside(figure, left, scale, FOOT, BALANCE, "Observed - expected")
        write(figure, left + inner / 2, 1.6, chart.x_label, ha="center")
        if signals:
            key = FOOT + BALANCE + GAP + CHART + 3.4
            _mark(figure, left + 1.5, key + 1.0)
            write(figure, left + 4.0, key, "Signal: the chart has reached its limit")
    caption = (f"{_upper(chart.sentence)} Upper panel: {chart.method} Lower panel: {chart.events} observed minus expected so far; no limit belongs to "
               "this line.")  # fmt: skip
    return Drawing(figure, name or slug("cusum", chart.at), caption, _cusum_alt(chart), chart.tidy())


def plot_learning_curve(curve: LearningCurve, *, width: str = "single", y_label: str = "Cases with the event (%)", name: str = "") -> Drawing:
    """The share of events along the case number with its pointwise band; beside it, when given, what the patients' risks alone led one to expect.

    Strokes above the case axis are the cases that had the event. The trend's odds ratio is printed in the caption, not drawn: a model
    that must fall or rise throughout is a test and no picture.

    Parameters
    ----------
    curve : what `learning_curve` returned (with its default `cases`, at every case).
    width : "single" (84 mm) or "double" (174 mm).
    y_label, name : the axis' words; the file name.

    >>> from haip_outcomes.benchmark.over_time.learning import learning_curve
    >>> plot_learning_curve(learning_curve([1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0])).size
    (84.0, 70.9)
    """
    wide = width_in_mm(width)
    smooth, expected = (curve.frame[curve.frame["term"] == term].sort_values("case") for term in ("smooth", "expected"))
    n = len(curve.outcome)
    most = max(float(smooth["conf_high"].max()), float(expected["estimate"].max()) if len(expected) else 0.0)
    ticks = share_ticks(min(1.0, most))
    top = 1.0 if most > 0.95 else max(most * 1.03, ticks[-1] if ticks[-1] <= 1 else 1.0)
    ticks = [tick for tick in ticks if tick <= top + 1e-9]
    scale = max(text_width(f"{100 * tick:g}") for tick in ticks)
    left = EDGE + LINE + scale + 3.4
    keys: list[tuple[str, dict[str, Any]]] = [(f"Observed, with {100 * curve.conf_level:g}% interval", {"color": COLOURS[0], "linestyle": "-"})]
    if len(expected):
        keys.append(("Expected from the patients' risks", {"color": COLOURS[1], "linestyle": LINE_STYLES[1]}))
    inner = wide - left - EDGE - 2.0
    rows = _key_rows(keys, inner)
    with drawing_style():
        figure = sheet(wide, FOOT + PICTURE + 3.0 + LINE * (len(rows) + 1))
        breaks = [tick for tick in _across(1.0, float(n), width, None) if tick <= n]
        axes = _panel(figure, left, FOOT, inner, PICTURE, (1.0, float(n)), (0.0, top), breaks, ticks)
        axes.set_yticks(ticks, [f"{100 * tick:g}" for tick in ticks])
        axes.fill_between(smooth["case"], smooth["conf_low"], smooth["conf_high"], color=COLOURS[0], alpha=0.17, linewidth=0, gid="band")
        axes.plot(smooth["case"], smooth["estimate"], color=COLOURS[0], linewidth=CURVE, gid="smooth")
        if len(expected):
            axes.plot(expected["case"], expected["estimate"], color=COLOURS[1], linestyle=LINE_STYLES[1], linewidth=CURVE, gid="expected")
        events = np.flatnonzero(curve.outcome) + 1.0
        axes.vlines(events, 0.0, 0.035 * top, color="black", linewidth=0.8, clip_on=False, gid="events")
        _beside(figure, left, scale, FOOT, PICTURE, y_label)
        write(figure, left + inner / 2, 1.6, "Case, in order of treatment", ha="center")
        y = FOOT + PICTURE + 2.4 + LINE * len(rows)
        for row in rows:
            y -= LINE
            x = left
            for words, line in row:
                _sample(figure, x, y + 1.0, line)
                write(figure, x + SAMPLE + 1.5, y, words)
                x += SAMPLE + 1.5 + text_width(words) + 4.0
    caption = f"{curve.sentence} {curve.method} Strokes above the case axis are cases with the event."
    return Drawing(figure, name or "learning_curve", caption, _learning_alt(curve, smooth, expected), curve.tidy())


def _panel(figure: Figure, left: float, bottom: float, width: float, height: float, across: tuple[float, float], up: tuple[float, float],
           breaks: list[float], ticks: list[float]) -> Axes:  # fmt: skip
    axes = axes_at(figure, left, bottom, width, height)
    axes.set_xlim(*across)
    axes.set_ylim(*up)
    axes.set_xticks(breaks, [f"{tick:g}" for tick in breaks])
    axes.set_yticks(ticks, [_signed(tick) for tick in ticks])
    return axes


def _across(first: float, last: float, width: str, chart: Cusum | None) -> list[float]:
    """Round case numbers or calendar times; a chart of cases begins at case 1."""
    unit = chart.x_label.split(" ")[0].lower() if chart is not None and chart.at == "time" else ""
    span = time_breaks(last - first, unit, width, f"{last:.0f}")
    step = span[1] - span[0] if len(span) > 1 else last - first
    if not unit:
        step = max(step, 1.0)
    breaks = [step * k for k in range(math.ceil(first / step - 1e-9), math.floor(last / step + 1e-9) + 1)]
    return [1.0, *(tick for tick in breaks if tick > 1)] if chart is None else breaks


def _ticks(limits: tuple[float, float], height: float) -> list[float]:
    """Round numbers for an upright axis: as many as fit on its height."""
    for step in (f * 10.0**k for k in range(-2, 5) for f in (1, 2, 5)):
        first, last = math.ceil(limits[0] / step - 1e-9), math.floor(limits[1] / step + 1e-9)
        if last - first + 1 <= height / 7.0:
            return [round(step * k, 6) for k in range(first, last + 1)]
    return linear_ticks(limits, height)


def _where_signalled(chart: Cusum) -> tuple[list[float], list[float]]:
    rows = chart.frame[chart.frame["signal"]]
    return [float(value) for value in rows[chart.at]], [float(value) for value in rows["statistic"]]


def _free_at_left(path: pd.DataFrame, first: float, last: float) -> bool:
    """Whether the words of the limit are less in the chart's way at its beginning than at its end."""
    quarter = (last - first) / 4
    at, value = path["at"], path["statistic"].fillna(0.0)
    return float(value[at <= first + quarter].max()) <= float(value[at >= last - quarter].max())


def _beside(figure: Figure, left: float, scale: float, bottom: float, height: float, words: str) -> None:
    lines = wrapped(words, height + 6.0)
    for i, line in enumerate(reversed(lines)):
        write(figure, left - scale - 3.4 - i * LINE, bottom + height / 2, line, rotation=90, ha="center", va="baseline", rotation_mode="anchor")


def _mark(figure: Figure, x: float, y: float) -> None:
    axes = axes_at(figure, x - 1.5, y - 1.5, 3.0, 3.0)
    axes.set_axis_off()
    axes.set_xlim(-1, 1)
    axes.set_ylim(-1, 1)
    axes.plot([0], [0], marker="^", markersize=5, color=COLOURS[1], markeredgecolor="black", markeredgewidth=0.5, gid="key")


def _sample(figure: Figure, x: float, y: float, line: dict[str, Any]) -> None:
    axes = axes_at(figure, x, y - 1.0, SAMPLE, 2.0)
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(-1, 1)
    axes.plot([0, 1], [0, 0], linewidth=CURVE, gid="key", **line)


def _key_rows(keys: list[tuple[str, dict[str, Any]]], room: float) -> list[list[tuple[str, dict[str, Any]]]]:
    rows: list[list[tuple[str, dict[str, Any]]]] = [[]]
    used = 0.0
    for key in keys:
        need = SAMPLE + 1.5 + text_width(key[0])
        if rows[-1] and used + need > room:
            rows.append([])
            used = 0.0
        rows[-1].append(key)
        used += need + 4.0
    return rows


def _signed(tick: float) -> str:
    return f"{tick:g}"


def _upper(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def _cusum_alt(chart: Cusum) -> str:
    unit = "case" if chart.at == "case" else chart.x_label.split(" ")[0].lower()
    last = float(chart.path["statistic"].iloc[-1])
    highest = float(np.nanmax(chart.path["statistic"]))
    signals = [f"{value:g}" if chart.at == "case" else number(value, 1) for value in chart.signals]
    told = f"{plural(len(signals), 'signal')}, at {unit} {listed(signals)}" if signals else "no signal"
    gap = float(chart.path["observed_minus_expected"].iloc[-1])
    return (f"CUSUM chart with a limit of {number(chart.limit.value, 2)}: highest value {number(highest, 2)}, last {number(last, 2)}; {told}. "
            f"Observed minus expected at the end: {number(gap, 1)}.")  # fmt: skip


def _learning_alt(curve: LearningCurve, smooth: pd.DataFrame, expected: pd.DataFrame) -> str:
    places = sorted({0, len(smooth) // 2, len(smooth) - 1})
    said = [f"{percent(row['estimate'], row['conf_low'], row['conf_high'])} at case {row['case']:g}" for _, row in smooth.iloc[places].iterrows()]
    beside = ""
    if len(expected):
        beside = f" Expected from the patients' risks: {percent(float(expected['estimate'].iloc[0]))} to {percent(float(expected['estimate'].iloc[-1]))}."
    return f"Share of cases with the event along {plural(len(curve.outcome), 'case')}: {', '.join(said)}.{beside}"
