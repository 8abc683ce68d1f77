"""The shape of a number's effect: the log hazard ratio along it, a curve with its band beside the straight line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from haip_outcomes.errors import HaipError
from haip_outcomes.figures.panels import EDGE, SAMPLE
from haip_outcomes.figures.scales import linear_ticks, log_limits, log_ticks
from haip_outcomes.figures.style import (
    COLOURS,
    FRAME,
    LINE,
    LINE_STYLES,
    Drawing,
    axes_at,
    drawing_style,
    in_mm,
    paler,
    sheet,
    text_width,
    width_in_mm,
    write,
)
from haip_outcomes.formatting import number, p_value, plural
from haip_outcomes.survival.intervals import level_in_words
from haip_outcomes.tables.disclosure import FEW, OPEN, Policy
from haip_outcomes.tables.table import slug

if TYPE_CHECKING:
    from haip_outcomes.prognosis.baseline.factor_results import Factors
    from haip_outcomes.survival.hazards.hazard_fit import HazardFit

_HEIGHTS = {"single": 52.0, "double": 70.0}  # mm, the axes
_STRIP = 7.0  # mm: how many patients have which value


def plot_shape(
    factors: Factors, term: str, *, model: str = "univariable", at: float | None = None, width: str = "single", name: str = "", policy: Policy = OPEN
) -> Drawing:
    """How the hazard changes along a number: a restricted cubic spline with its band, and the straight line of the table beside it.

    Hazard ratios against the median, on a log axis: where the curve is straight, every unit more multiplies the hazard by the same number.
    The p is that of the bend (likelihood ratio). The strip below shows how many patients have which value; the curve is drawn from the 1st to
    the 99th centile.

    Parameters
    ----------
    factors : what `factors` returned.
    term : a number among its terms.
    model : "univariable" or "multivariable" (then with the other factors held where they are).
    at : the value that others are compared with; the median of those analysed if not given.
    width : "single" (84 mm) or "double" (174 mm).
    name : the file name.
    policy : with small numbers hidden there is no strip, and the curve ends where at least five patients lie beyond.

    Errors: EndpointError where no curve was fitted (its reason is among `factors.not_tested`); HaipError for a width that does not exist.

    >>> import haip_outcomes as haip
    >>> found = haip.factors(haip.demo_cohort().setting("unresectable"), "os", ["age"])
    >>> drawing = plot_shape(found, "age")
    >>> drawing.size[0], drawing.alt.split(",")[0]
    (84.0, 'Hazard ratio along Age at pump placement')
    """
    told = factors.shape(term, model=model, at=at)
    fit = factors.curves[model, term]
    values = _values(fit, term)
    if policy.hides:
        share = max(0.05, FEW / len(values))
        if share >= 0.5:
            raise HaipError("Too few patients for a curve in a report for outside.")
        low, high = np.quantile(values, [share, 1 - share])
        told = told[(told["value"] >= low) & (told["value"] <= high)]
    centre = float(told.attrs["reference"])
    straight = _slope(factors, term, model)
    test = factors.linearity.query("model == @model and term == @term").iloc[0]
    label, level = factors.labels.get(term, term), level_in_words(fit.conf_level)
    ratio = {key: np.exp(told[key].to_numpy()) for key in ("estimate", "conf_low", "conf_high")}
    limits = log_limits([*ratio["conf_low"], *ratio["conf_high"]], list(ratio["estimate"]))
    curve: dict[str, Any] = {"color": COLOURS[0], "linewidth": 1.25, "linestyle": "-"}
    line: dict[str, Any] = {"color": COLOURS[1], "linewidth": 1.0, "linestyle": LINE_STYLES[1]}
    key = [(f"Curve ({int(test['knots'])} knots), {level} band", curve)] + ([("Straight line", line)] if straight is not None else [])
    with drawing_style():
        whole, plot_height, strip = width_in_mm(width), _HEIGHTS[width], 0.0 if policy.hides else _STRIP
        above = EDGE + LINE * (len(key) + 1) + 1.5
        below = 9.6 + strip + (1.5 if strip else 0.0)
        left = EDGE + LINE + 2.0 + max(text_width(f"{tick:g}") for tick in log_ticks(limits, 3.5 * plot_height)) + 2.5
        plot_width = whole - left - EDGE - 2.0
        figure = sheet(whole, above + plot_height + below)
        _draw_key(figure, key, f"p for the bend {p_value(test['p_value'])}", left, above + plot_height + below - EDGE)
        axes = axes_at(figure, left, below, plot_width, plot_height)
        axes.set_yscale("log")
        axes.set_ylim(*limits)
        axes.minorticks_off()
        ticks = log_ticks(limits, 3.5 * plot_height)
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        x = told["value"].to_numpy()
        axes.set_xlim(float(x[0]), float(x[-1]))
        axes.plot([x[0], x[-1]], [1, 1], color="black", linewidth=FRAME, gid="reference", zorder=1)
        axes.fill_between(x, np.clip(ratio["conf_low"], *limits), np.clip(ratio["conf_high"], *limits), color=paler(COLOURS[0], 0.25), linewidth=0,
                          zorder=0, gid="band")  # fmt: skip
        axes.plot(x, ratio["estimate"], gid="curve", zorder=3, **curve)
        if straight is not None:
            axes.plot(x, np.exp(straight * (x - centre)), gid="straight", zorder=2, **line)
        x_ticks = linear_ticks((float(x[0]), float(x[-1])), plot_width)
        axes.set_xticks(x_ticks, [f"{tick:g}" for tick in x_ticks] if not strip else [])
        foot = axes
        if strip:
            foot = axes_at(figure, left, 9.6, plot_width, strip)
            _draw_strip(foot, values, (float(x[0]), float(x[-1])))
            foot.set_xticks(x_ticks, [f"{tick:g}" for tick in x_ticks])
        words = _cut(label, whole - 2 * EDGE)
        write(figure, max(left + plot_width / 2 - text_width(words) / 2, EDGE), 1.6, words)
        side = f"Hazard ratio against {number(centre, 0 if centre == round(centre) else 1)}"
        write(figure, EDGE + LINE - 1.0, below + plot_height / 2, side, rotation=90, ha="center", va="center")
    others = [factors.labels.get(other, other) for other in fit.design.terms if other != term]
    caption = (f"Hazard ratio of {_event(factors)} along {label}, against {number(centre, 1)} ({'the median' if at is None else 'chosen'}), with {level} pointwise limits: "
               f"Cox, restricted cubic spline with {int(test['knots'])} knots{', with ' + ', '.join(others) + ' in the model' if others else ''}. Dashed: the straight line. "
               f"The limits meet at {number(centre, 1)} because it is compared with itself. Likelihood-ratio test of the bend: p {p_value(test['p_value'])}; "
               "a large p does not prove a straight line.")  # fmt: skip
    if not policy.hides:
        caption += f" {plural(fit.n, 'patient')}, {plural(fit.n_event, 'event')}."
    ends = [f"{number(float(np.exp(told['estimate'].iloc[i])))} at {number(float(x[i]), 1)}" for i in (0, -1)]
    alt = f"Hazard ratio along {label}, against {number(centre, 1)}: {ends[0]} and {ends[1]}; p for the bend {p_value(test['p_value'])}."
    return Drawing(figure, name or slug("shape", term, *([model] if model != "univariable" else [])), caption, alt)


def _event(factors: Factors) -> str:
    """The event whose hazard it is."""
    return factors.about.tte.states[0].lower() if factors.about.tte.states[0].istitle() else factors.about.tte.states[0]


def _values(fit: HazardFit, term: str) -> np.ndarray:
    j = next(i for i, (name, level) in enumerate(fit.columns) if name == term and level == "linear")
    return fit.design.matrix[:, j]


def _slope(factors: Factors, term: str, model: str) -> float | None:
    """The log hazard ratio of one unit in the model without a curve."""
    rows = factors.tidy()
    own = rows[(rows["model"] == model) & (rows["term"] == term)]
    return float(own["estimate"].iloc[0]) if len(own) else None


def _draw_key(figure: Any, key: list[tuple[str, dict[str, Any]]], note: str, left: float, top: float) -> None:
    y = top - 0.78 * LINE
    for words, style in key:
        figure.add_artist(Line2D([left, left + SAMPLE], [y + 1.03] * 2, transform=in_mm(figure), **style))
        write(figure, left + SAMPLE + 1.5, y, words)
        y -= LINE
    write(figure, left, y, note)


def _draw_strip(axes: Any, values: np.ndarray, ends: tuple[float, float]) -> None:
    """A histogram of the values; those beyond the ends are in the last bars. A few whole numbers have a bar each."""
    low, high = math.floor(ends[0]), math.ceil(ends[1])
    whole = high - low <= 40 and (values == np.round(values)).all()
    edges = np.arange(low, high + 2) - 0.5 if whole else np.linspace(*ends, min(30, max(8, math.ceil(math.sqrt(len(values))))) + 1)
    counts, edges = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=paler(COLOURS[2], 0.35), edgecolor="white", linewidth=0.3, gid="strip")
    axes.set_xlim(*ends)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _cut(words: str, width: float) -> str:
    if text_width(words) <= width:
        return words
    while words and text_width(f"{words}...") > width:
        words = words[:-1]
    return f"{words.rstrip()}..."
