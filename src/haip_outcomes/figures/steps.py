"""A step function as ink and as words: where it becomes uncertain, how it is drawn, how it is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from haip_outcomes.figures.style import COLOURS, CURVE, FRAME, LINE_STYLES, MARKERS, THIN, paler
from haip_outcomes.formatting import percent, plural
from haip_outcomes.survival.counts import RiskSets, at_risk_table

_HATCHES = ("//////", "\\\\\\\\\\\\")


def part_of(frame: pd.DataFrame, group: str | None, outcome: str | None = None) -> pd.DataFrame:
    """The rows of one group (and one outcome), in time."""
    chosen = np.ones(len(frame), dtype=bool)
    if group is not None:
        chosen &= (frame["group"].astype(str) == group).to_numpy()
    if outcome is not None:
        chosen &= (frame["outcome"] == outcome).to_numpy()
    return frame[chosen].sort_values("time", kind="stable")


def few_from(one: RiskSets) -> float:
    """The last exit time with at least 5 patients, and at least 10% of the group, at risk; 0 when there was none."""
    at_risk = at_risk_table(one.rows, one.time)["n_risk"].to_numpy()
    enough = one.time[at_risk >= max(5.0, 0.1 * one.n)]
    return float(enough[-1]) if len(enough) else 0.0


def steps(part: pd.DataFrame, start: float, end: float) -> pd.DataFrame:
    """Times and values (estimate, conf_low, conf_high) from time zero to `end`; each value holds until the next time.

    Where the estimate is still its value at time zero, the limits, which R leaves open, are that value.
    """
    columns = ["time", "estimate", "conf_low", "conf_high"]
    drawn = part.loc[part["time"] <= end, columns].astype(float)
    drawn = pd.concat([pd.DataFrame([[0.0, start, start, start]], columns=columns), drawn], ignore_index=True)
    drawn.loc[drawn["estimate"] == start, ["conf_low", "conf_high"]] = start
    last = drawn.iloc[-1].copy()
    last["time"] = min(end, float(part["time"].max()))
    return pd.concat([drawn, last.to_frame().T], ignore_index=True)


def draw_steps(
    axes: Axes,
    drawn: pd.DataFrame,
    line: Mapping[str, Any],
    *,
    few: float,
    band: bool,
    marks: Sequence[float] = (),
) -> None:
    """Draw a step function: firm up to `few`, from there thin and with a hatched band.

    The pieces carry a gid ("firm", "thin", "band", "hatched"), by which a test can find them.
    """
    style = {name: line[name] for name in ("color", "linestyle")}
    last = float(drawn["time"].iloc[-1])
    if few > 0:
        x, value, low, high = _corners(drawn, 0.0, min(few, last))
        axes.plot(x, value, linewidth=CURVE, clip_on=False, gid="firm", **style)
        if band:
            axes.fill_between(x, low, high, color=line["color"], alpha=0.17, linewidth=0, gid="band")
    if last > few:
        x, value, low, high = _corners(drawn, few, last)
        axes.plot(x, value, linewidth=THIN, clip_on=False, gid="thin", **style)
        if band:
            axes.fill_between(x, low, high, facecolor="none", edgecolor=paler(line["color"]),
                              hatch=line.get("hatch", _HATCHES[0]), linewidth=0, gid="hatched", zorder=1.5)  # fmt: skip
    shown = [mark for mark in marks if mark <= last] if line.get("marker") else []
    if shown:
        time, value = drawn["time"].to_numpy(), drawn["estimate"].to_numpy()
        axes.plot(shown, value[np.searchsorted(time, shown, side="right") - 1], linestyle="none", marker=line["marker"],
                  markersize=line["markersize"], markerfacecolor="white", markeredgecolor=line["color"],
                  markeredgewidth=line["markeredgewidth"], clip_on=False, gid="mark")  # fmt: skip


def draw_straight(axes: Axes, points: pd.DataFrame, line: Mapping[str, Any], *, band: bool) -> None:
    """Draw a curve for outside: straight from point to point, with its band; nothing where there is no point after time zero."""
    if len(points) < 2:
        return
    x = points["time"].to_numpy(float)
    axes.plot(x, points["estimate"], linewidth=CURVE, clip_on=False, gid="straight", color=line["color"], linestyle=line["linestyle"],
              marker=line.get("marker") or ".", markersize=line.get("markersize", 4.0), markerfacecolor=line.get("markerfacecolor", line["color"]))  # fmt: skip
    if band:
        axes.fill_between(x, points["conf_low"], points["conf_high"], color=line["color"], alpha=0.17, linewidth=0, gid="band")


def _corners(drawn: pd.DataFrame, begin: float, end: float) -> list[np.ndarray]:
    """The corners of a step function between two times: x, then estimate, low and high; a fall at `end` is included."""
    time = drawn["time"].to_numpy()
    inside = np.flatnonzero((time > begin) & (time <= end))
    first = np.flatnonzero(time <= begin)[-1]
    rows = np.concatenate([[first], inside])
    x = np.concatenate([[begin], time[inside], [end]])
    return [
        np.repeat(x, 2)[1:-1],
        *(np.repeat(drawn[name].to_numpy()[rows], 2) for name in ("estimate", "conf_low", "conf_high")),
    ]


def draw_censorings(axes: Axes, part: pd.DataFrame, end: float, colour: str) -> None:
    """A small vertical stroke on the curve at each time at which somebody was censored."""
    censored = part[(part["n_censor"] > 0) & (part["time"] <= end)]
    axes.plot(censored["time"], censored["estimate"], linestyle="none", marker="|", markersize=4.5, markeredgewidth=FRAME,
              color=colour, clip_on=False, gid="censored")  # fmt: skip


def group_style(i: int) -> dict[str, Any]:
    """Colour and line style of the i-th group of a survival curve."""
    return {**_line(i, i + i // len(COLOURS)), "hatch": _HATCHES[i % 2]}


def incidence_style(group: int, cause: int, several: bool) -> dict[str, Any]:
    """Colour, line style and marker: groups differ by colour and marker, causes by line style (and colour without groups)."""
    number = group if several else cause
    style = {**_line(number, cause), "hatch": _HATCHES[group % 2]}
    if several:
        style |= {"marker": MARKERS[(group + group // len(COLOURS)) % len(MARKERS)], "markersize": 4.0, "markerfacecolor": "white",
                  "markeredgecolor": style["color"], "markeredgewidth": FRAME + 0.2}  # fmt: skip
    return style


def _line(colour: int, style: int) -> dict[str, Any]:
    return {
        "color": COLOURS[colour % len(COLOURS)],
        "linestyle": LINE_STYLES[style % len(LINE_STYLES)],
        "linewidth": CURVE,
    }


def top_of(frame: pd.DataFrame, cause: str) -> float:
    """Where an incidence axis ends: the round value above all that is drawn, at least 20%."""
    own = frame.loc[frame["outcome"] == cause, "conf_high"].max()
    highest = np.nanmax([frame["estimate"].max(), own, 0.2])
    return float(next(top for top in (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0) if highest <= top or top == 1.0))


def in_words(
    part: pd.DataFrame,
    who: Sequence[str],
    n: int,
    events: int,
    unit: str,
    start: float,
    times: Sequence[float],
) -> str:
    """What a curve shows, for somebody who can't see it: patients, events and the value at a few times."""
    time, value = part["time"].to_numpy(float), part["estimate"].to_numpy(float)
    values = []
    for t in [t for t in times[1:] if t <= time.max()][:6]:
        before = np.flatnonzero(time <= t)
        values.append(f"{percent(float(value[before[-1]]) if len(before) else start)} at {t:g}")
    head = ", ".join(filter(None, who))
    return (f"{head}: " if head else "") + f"{plural(n, 'patient')}, {plural(events, 'event')}" + (
        f"; {', '.join(values)} {unit}" if values else "")  # fmt: skip
