"""Published figures, their pooled value, the interval of a new centre, and the centre's own number: one sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle

from haip_outcomes.benchmark.wording import endpoint_words
from haip_outcomes.errors import HaipError
from haip_outcomes.figures.rows import Block, Item, Mark, RowSheet
from haip_outcomes.figures.scales import log_limits
from haip_outcomes.figures.style import COLOURS, FRAME, Drawing, drawing_style, paler
from haip_outcomes.formatting import interval, median, plural

if TYPE_CHECKING:
    from haip_outcomes.benchmark.comparison import Compared
    from haip_outcomes.benchmark.pooling.pooled_figures import Pooled

_INK, _PREDICTED = COLOURS[2], COLOURS[1]  # the sources and their mean in black; what is expected of a centre, and its own number, in colour
_HALF = 1.1  # mm: half the height of the diamond and of the bars


def plot_pooled(
    pooled: Pooled,
    centre: tuple[float, float, float] | Compared | None = None,
    *,
    width: str = "double",
    name: str = "pooled",
) -> Drawing:
    """Each source with its interval, their pooled value (diamond), where a new centre's result is expected (bars), and the centre's own.

    An open diamond's size grows with the source's weight. The hollow bar is where a new centre's true result is expected, the striped one where
    that of `n_new` patients is (when `pooled` was asked with n_new): this is the one to hold the centre's number against.

    Parameters
    ----------
    pooled : what `haip_outcomes.pooled` returned.
    centre : the centre's estimate with its lower and upper limit, in the pooled figures' unit (probabilities, not per cent; a median that
        was not reached is NaN, such a limit infinite); or what `compare` found for one of these figures, with the centre's number
        under each convention.
    width, name : "double" (174 mm) or "single" (84 mm); the file name.

    Errors: HaipError when the centre's number is in another unit, or of another question than the pooled figures.

    >>> import haip_outcomes as haip
    >>> from haip_outcomes.benchmark.literature import make_figures
    >>> words = {"setting": "unresectable", "modality": "HAIP + systemic", "endpoint": "pump_complication", "statistic": "proportion",
    ...          "unit": "%", "event": "not stated", "competing": "not applicable", "time_zero": "not applicable", "better": "lower",
    ...          "read": "primary", "where": "invented"}
    >>> shares = [(14, 70), (20, 80), (30, 100), (9, 60)]
    >>> rows = [{**words, "id": str(n), "source": str(n), "value": 100 * k / n, "events": k, "n": n} for k, n in shares]
    >>> figures = make_figures({"figure": rows, "sources": {str(n): {"short": f"Centre {n}", "citation": "-"} for _, n in shares}})
    >>> plot_pooled(haip.pooled(figures, n_new=34), (0.21, 0.09, 0.38)).size[0]
    174.0
    """
    scale, log = (100.0 if pooled.unit == "probability" else 1.0), pooled.unit == "ratio"
    digits = 0 if pooled.unit == "probability" else 2 if log else 1
    studies = pooled.tidy()
    own = _centre(centre, pooled)
    low, high = pooled.limits
    true = pooled.prediction(std_error=0.0).iloc[0]
    single = width == "single"
    rows: list[tuple[str, str, str, tuple[float, float, float], str]] = []
    for row, (published, _) in zip(studies.to_dict("records"), pooled.cell.chosen, strict=True):
        n = "" if published.n is None else str(published.n)
        words = f"{row['group']}, n = {n}" if single and n else str(row["group"])
        rows.append((words, n, f"{100 * row['weight']:.0f}%", (row["estimate"], row["conf_low"], row["conf_high"]), "source"))
    rows += [("Pooled, mean of true results", "", "", (pooled.estimate, low, high), "pooled"),
             ("New centre, true result", "", "", (pooled.estimate, true["conf_low"], true["conf_high"]), "true")]  # fmt: skip
    if pooled.n_new:
        new = pooled.prediction().iloc[0]
        rows.append((f"New centre, observed in {plural(pooled.n_new, 'patient')}", "", "",
                     (pooled.estimate, new["conf_low"], new["conf_high"]), "observed"))  # fmt: skip
    rows += [(words, size, "", numbers, "centre") for words, size, numbers in own]
    scaled = [(words, size, weight, _scaled(numbers, scale), kind) for words, size, weight, numbers, kind in rows]
    items = [Item(words, (Mark(_cells(size, weight, numbers, kind, digits, single), *numbers),)) for words, size, weight, numbers, kind in scaled]
    block = Block(tuple(items), _axis_words(pooled), log, _limits([numbers for *_, numbers, _ in scaled], pooled.unit), 1.0 if log else None)
    last = f"Estimate ({100 * pooled.conf_level:g}% interval)"
    header = ("", "Weight", last) if single else ("Source", "n", "Weight", last)
    with drawing_style():
        figure = RowSheet(header, (block,), before=0 if single else 1, widths=width).draw()
        _redraw(figure, [kind for *_, kind in scaled], [numbers for *_, numbers, _ in scaled], list(studies["weight"]), pooled.estimate * scale)
    cut = any(value < block.limits[0] or value > block.limits[1] for *_, numbers, _ in scaled for value in numbers[1:])
    return Drawing(figure, name, _caption(pooled, bool(own), cut), _alt(pooled, own, digits))


def _cells(size: str, weight: str, numbers: Sequence[float], kind: str, digits: int, single: bool) -> tuple[str, ...]:
    words = _words(numbers, digits)
    if kind in ("true", "observed"):  # an interval about the same middle, not another estimate
        words = words[words.index("(") :]
    return (weight, words) if single else (size, weight, words)


def _words(numbers: Sequence[float], digits: int) -> str:
    """Times have one decimal, and a limit that was not reached is NR."""
    estimate, low, high = (math.nan if math.isinf(number) else number for number in numbers)
    return median(estimate, low, high) if digits == 1 else interval(estimate, low, high, digits)


def _axis_words(pooled: Pooled) -> str:
    one = pooled.cell.figures[0]
    if pooled.unit == "ratio":
        return f"{_upper(one.statistic.replace('_', ' '))}, {endpoint_words(one)} (log scale)"
    horizon = f" at {one.horizon:g} months" if one.horizon is not None and one.statistic != "proportion" else ""
    if pooled.unit == "probability":
        share = "cumulative incidence, " if one.statistic == "cumulative_incidence" else ""
        return f"{_upper(share + endpoint_words(one))}{horizon} (%)"
    return f"Median {endpoint_words(one)} ({pooled.unit})"


def _scaled(numbers: Sequence[float], scale: float) -> tuple[float, float, float]:
    estimate, low, high = (scale * float(number) for number in numbers)
    return estimate, low, high


def _limits(rows: Sequence[Sequence[float]], unit: str) -> tuple[float, float]:
    """All estimates are on the axis, and intervals as far as three times the largest; beyond, they end in an arrowhead."""
    if unit == "probability":
        return 0.0, 100.0
    estimates = [row[0] for row in rows if math.isfinite(row[0])]
    ends = [value for row in rows for value in row[1:] if math.isfinite(value)]
    if unit == "ratio":
        return log_limits(ends, estimates)
    most = max([*estimates, *(min(value, 3 * max(estimates)) for value in ends)])
    step = next(s for s in (1, 2, 5, 10, 12, 20, 24, 50, 100, 200, 500, 1000, 10**6) if most / s <= 8)
    return 0.0, float(step * math.ceil(most / step))


def _centre(centre: Any, pooled: Pooled) -> list[tuple[str, str, tuple[float, float, float]]]:
    """The centre's numbers: what it is called, of how many, estimate and limits."""
    if centre is None:
        return []
    if isinstance(centre, (tuple, list)):
        try:
            estimate, low, high = (float(number) for number in centre)
        except (TypeError, ValueError):
            raise HaipError("The centre's number is (estimate, lower limit, upper limit), in the pooled figures' unit.") from None
        high = math.inf if math.isnan(high) and pooled.unit != "probability" else high  # an upper limit that was not reached
        if math.isnan(estimate) and pooled.unit in ("probability", "ratio"):
            raise HaipError("The centre has no number to draw: its estimate is missing.")
        if pooled.unit == "probability" and not 0 <= estimate <= 1:
            raise HaipError(f"The pooled figures are probabilities, and the centre's number is {estimate:g}: write 0.58 for 58%.")
        if estimate < low or estimate > high:
            raise HaipError(f"The centre's interval {low:g} to {high:g} excludes its estimate {estimate:g}.")
        return [("This centre", "", (estimate, low, high))]
    if getattr(centre, "answers", None) is None:
        raise HaipError("This figure can't be compared with the centre: there is no number of its own to draw.")
    if centre.figure.id not in pooled.cell.figures.ids:
        raise HaipError(f"{centre.figure.id} is not of the pooled figures' question: {pooled.cell.words}.")
    found = []
    for ours in centre.answers.numbers:
        if ours.unit != pooled.unit:
            raise HaipError(f"The centre's number is in {ours.unit}, and the pooled figures are in {pooled.unit}.")
        low, high = (math.inf if math.isnan(limit) and not math.isnan(ours.side.estimate) else limit for limit in ours.shown)
        words = "This centre" + (f", {ours.convention}" if ours.convention else "")
        found.append((words, str(ours.n), (ours.side.estimate, low, high)))
    return found


def _redraw(figure: Figure, kinds: Sequence[str], rows: Sequence[Sequence[float]], weights: Sequence[float], middle: float) -> None:
    """The marks of the sheet made into diamonds, bars and squares; they are found by the name they were drawn with."""
    axes = figure.axes[0]
    marks = [line for line in axes.lines if line.get_gid() == "mark"]
    spans = {round(_height(line), 6): line for line in axes.lines if line.get_gid() == "interval"}
    inks = {}  # the colour of each row, by its height
    drawn = [i for i, row in enumerate(rows) if axes.get_xlim()[0] <= row[0] <= axes.get_xlim()[1]]
    for i, mark in zip(drawn, marks, strict=True):
        kind, numbers = kinds[i], rows[i]
        y = _height(mark)
        span = spans.get(round(y, 6))
        inks[round(y, 6)] = _INK if kind in ("source", "pooled") else _PREDICTED
        if kind == "source":
            mark.set(marker="D", markersize=2.4 + 3.4 * math.sqrt(weights[i] / max(weights)), color=_INK, markerfacecolor="white")
            if span is not None:
                span.set_color(_INK)
            continue
        if kind == "centre":
            mark.set(marker="s", color=_PREDICTED, markerfacecolor=_PREDICTED, markersize=5.0)
            if span is not None:
                span.set(color=_PREDICTED, linewidth=1.2)
            continue
        mark.remove()
        if span is not None:
            span.remove()
        _diamond(axes, numbers, y) if kind == "pooled" else _bar(axes, numbers, y, kind)
    top = axes.get_ylim()[1]
    for y, span in spans.items():
        if y not in inks:  # a centre's median that was not reached has no mark
            span.set(color=_PREDICTED, linewidth=1.2)
    axes.plot([middle, middle], [0, top], color=_INK, linewidth=FRAME, linestyle=(0, (1.2, 1.6)), zorder=0, gid="middle")
    for line in axes.lines:
        if line.get_gid() == "cut":
            line.set_color(inks.get(round(_height(line), 6), _PREDICTED))


def _height(line: Line2D) -> float:
    return float(np.asarray(line.get_ydata(), dtype=float)[0])


def _diamond(axes: Axes, numbers: Sequence[float], y: float) -> None:
    estimate, low, high = numbers
    corners = [(low, y), (estimate, y + _HALF), (high, y), (estimate, y - _HALF)]
    axes.add_patch(Polygon(corners, closed=True, facecolor=_INK, edgecolor=_INK, linewidth=FRAME, clip_on=False, zorder=3, gid="pooled"))


def _bar(axes: Axes, numbers: Sequence[float], y: float, kind: str) -> None:
    _, low, high = numbers
    left, right = max(low, axes.get_xlim()[0]), min(high, axes.get_xlim()[1])
    striped = kind == "observed"
    axes.add_patch(Rectangle((left, y - _HALF * 0.75), right - left, 1.5 * _HALF, facecolor="white", edgecolor=paler(_PREDICTED, 0.9),
                             hatch="//////" if striped else None, linewidth=0.9, clip_on=False, zorder=2, gid=kind))  # fmt: skip


def _caption(pooled: Pooled, own: bool, cut_off: bool) -> str:
    sure = f"{100 * pooled.conf_level:g}%"
    observed = f"; striped bar: of the result that {pooled.n_new} patients of it would show" if pooled.n_new else ""
    here = " Filled square: this centre." if own else ""
    left = f" Not pooled: {'; '.join(f'{figure} ({why})' for figure, why in pooled.left_out)}." if pooled.left_out else ""
    cut = " Arrowheads: the interval goes on beyond the axis." if cut_off else ""
    return (f"{_upper(pooled.cell.words)}. Open diamonds: the sources with {sure} confidence intervals, larger with their weight. "
            f"Filled diamond: pooled, with its {sure} confidence interval. Hollow bar: {sure} prediction interval of a new centre's true result{observed}.{here}{cut} "
            f"{pooled.sentence} {pooled.method}.{left}")  # fmt: skip


def _alt(pooled: Pooled, own: Sequence[tuple[str, str, tuple[float, float, float]]], digits: int) -> str:
    scale, unit = (100.0, "%") if pooled.unit == "probability" else (1.0, "" if pooled.unit == "ratio" else f" {pooled.unit}")
    studies = " ".join(f"{row['group']}: {_words([scale * row[key] for key in ('estimate', 'conf_low', 'conf_high')], digits)}{unit}."
                       for row in pooled.tidy().to_dict("records"))  # fmt: skip
    centre = " ".join(f"{words}: {_words(_scaled(numbers, scale), digits)}{unit}." for words, _, numbers in own)
    return " ".join(filter(None, [f"Forest plot of {pooled.cell.words}.", studies, pooled.sentence, centre]))


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]
