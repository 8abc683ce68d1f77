"""The nomogram as rulers on a sheet: points, a ruler a covariate, total points, survival, and a small table with limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from haip_outcomes.errors import HaipError
from haip_outcomes.figures.nomogram_rows import (
    GAP,
    SIDE,
    TICK,
    Row,
    median_row,
    outcome_words,
    ruler_rows,
    scale_row,
    survival_row,
    title_of,
)
from haip_outcomes.figures.style import (
    FRAME,
    LINE,
    THIN,
    Drawing,
    drawing_style,
    in_mm,
    sheet,
    text_width,
    width_in_mm,
    write,
)
from haip_outcomes.formatting import listed, number, percent
from haip_outcomes.prognosis.prediction.nomogram_points import Nomogram
from haip_outcomes.prognosis.prediction.rulers import round_numbers
from haip_outcomes.survival.intervals import level_in_words

_EDGE, _BETWEEN = 2.0, 1.6  # mm
_HALF = 1.03  # mm from the base of a line to the middle of its digits
_NAMES = 46.0  # mm: the widest that the names on the left become
_MOST_TOTALS = 6  # rows of the table
_GUIDE = "0.82"  # grey of the lines that lead the eye


def plot_nomogram(nomogram: Nomogram, *, name: str = "nomogram") -> Drawing:
    """A model as rulers, to be read with a pencil: points for each value, their total, and the survival below it.

    Rulers run only as far as the data do, those of survival only over the totals that patients had. The table gives limits for a few totals. A
    ruler of a number whose effect turns round is cut there. A dashed ruler lies beyond the last time with at least 5 patients and 10% at risk. The
    caption says what the model was built on and holds the warnings; it belongs under the figure, always.

    Parameters
    ----------
    nomogram : what `nomogram` returned. name : the file name.

    Returns a `Drawing`, 174 mm wide; `numbers` are those of the table. Errors: HaipError when it would be higher than a page.

    >>> import haip_outcomes as haip
    >>> from haip_outcomes.prognosis.prediction.nomogram_points import nomogram
    >>> cohort = haip.demo_cohort().setting("unresectable")
    >>> fit = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, ["sarcopenia", "extrahepatic_disease"]))
    >>> drawing = plot_nomogram(nomogram(fit, times=[12, 36], labels=cohort))
    >>> drawing.size[0], drawing.alt
    (174.0, 'Nomogram with rulers for Sarcopenia (up to 100 points) and Extrahepatic disease at pump placement (up to 86 points). Totals run from 0 to 186 points, and predicted survival at 36 months from 60% down to 7%.')
    """
    if not isinstance(nomogram, Nomogram):
        raise HaipError(f"plot_nomogram takes what nomogram(fit, times=...) returned, and this is a {type(nomogram).__name__}.")
    numbers = _table(nomogram)
    with drawing_style():
        figure = _draw(nomogram, numbers, width_in_mm("double"))
    return Drawing(figure, name, _caption(nomogram), _alt(nomogram), numbers)


def _draw(made: Nomogram, numbers: pd.DataFrame, width: float) -> Figure:
    titles = [title_of(made, ruler) for ruler in made.rulers] + [outcome_words(made, time) for time in made.times]
    names = min(_NAMES, max(text_width(words) for words in [*titles, "Total points", f"Median, {made.unit}"]) + 0.5)
    left = _EDGE + names + GAP
    reach = width - left - _EDGE - 5.0
    room = (-GAP + 1.0, reach + 5.0)  # where words may stand, from the left end of the rulers
    total = max(made.most, 1e-9)
    upper = [scale_row("Points", made.points, reach, room, names)]
    for ruler in made.rulers:
        upper += ruler_rows(made, ruler, reach / made.points, names, room)
    lower = [scale_row("Total points", total, reach, room, names)]
    for time, few in zip(made.times, made.few, strict=True):
        lower.append(survival_row(made, time, few, reach / total, names, room))
    lower += median_row(made, reach / total, names, room)
    apart = 2.5
    table = (numbers["points"].nunique() + 1) * LINE + 2.0
    height = 2 * _EDGE + sum(row.height + _BETWEEN for row in [*upper, *lower]) + apart + table
    figure = sheet(width, height)
    y = height - _EDGE
    for rows, last in ((upper, False), (lower, True)):
        lines = []
        for row in rows:
            lines.append(y - row.above)
            _draw_row(figure, row, left, y)
            y -= row.height + _BETWEEN
        for x in rows[0].ticks:
            _line(figure, left + x, lines[0], left + x, lines[-1] - TICK, color=_GUIDE, linewidth=0.4, zorder=0, gid="guide")
        if not last:
            y -= apart
    _draw_table(figure, made, numbers, y - 1.0, width)
    return figure


# -- ink -------------------------------------------------------------------------------------------------------------------


def _draw_row(figure: Figure, row: Row, left: float, top: float) -> None:
    y = top - row.above
    base = y + (len(row.title) - 1) * LINE / 2 - _HALF
    for i, words in enumerate(row.title):
        write(figure, _EDGE, base - i * LINE, words, fontweight="bold" if row.bold else "normal")
    _line(figure, left + row.start, y, left + row.end, y, linestyle=(0, (4, 2)) if row.dashed else "-", gid="ruler")
    above = {one.tick.x for one in row.labels if one.above}
    for x in row.ticks:
        _line(figure, left + x, y - (0 if x in above else TICK), left + x, y + (TICK if x in above else 0), gid="tick")
    for x in row.minor:
        _line(figure, left + x, y - TICK / 2, left + x, y, linewidth=THIN)
    below = y - TICK - 0.8 - 2 * _HALF
    paper = {"facecolor": "white", "edgecolor": "none", "linewidth": 0, "pad": 0.4}
    for one in row.labels:
        write(figure, left + one.x, y + TICK + 0.7 if one.above else below, one.tick.words, bbox=paper)
    for i, words in enumerate(row.list_below):
        write(figure, left, below - i * LINE, words, bbox=paper)


def _line(figure: Figure, x0: float, y0: float, x1: float, y1: float, **style: Any) -> None:
    figure.add_artist(Line2D([x0, x1], [y0, y1], transform=in_mm(figure), **{"color": "black", "linewidth": FRAME, **style}))


def _draw_table(figure: Figure, made: Nomogram, numbers: pd.DataFrame, top: float, width: float) -> None:
    _line(figure, _EDGE, top, width - _EDGE, top)
    limits = f" ({level_in_words(made.conf_level)} CI)" if numbers["conf_low"].notna().any() else ""
    digits = 0 if made.unit == "days" else 1
    first, right = _EDGE + text_width("Total points", weight="bold") + 0.4, width - _EDGE
    for tail in (limits, ""):  # many times have no room for it in each heading; the caption says it
        columns: list[tuple[str, Callable[[pd.DataFrame], str]]] = [("Total points", lambda own: number(own["points"].iloc[0], 0))]
        for time in made.times:
            columns.append((f"{time:g} {made.unit}{tail}", lambda own, time=time: _prediction(own[own["time"] == time].iloc[0])))  # type: ignore[misc]
        if made.measure == "survival":
            columns.append((f"Median, {made.unit}" if tail or not limits else "Median", lambda own: number(own["median"].iloc[0], digits, "NR")))
        ends = np.linspace(first, right, len(columns))
        widest = max(text_width(head, weight="bold") for head, _ in columns[1:])
        if widest + SIDE <= ends[1] - ends[0]:
            break
    else:
        raise HaipError(f"{len(made.times)} times do not fit beside each other: ask for fewer.")
    y = top - LINE
    for (head, _), x in zip(columns, ends, strict=True):
        write(figure, x, y, head, ha="right", fontweight="bold")
    for _, own in numbers.groupby("points"):
        y -= LINE
        for (_, cell), x in zip(columns, ends, strict=True):
            write(figure, x, y, cell(own), ha="right")


def _prediction(row: Any) -> str:
    return percent(row["estimate"]) if np.isnan(row["conf_low"]) else percent(row["estimate"], row["conf_low"], row["conf_high"])


def _table(made: Nomogram) -> pd.DataFrame:
    marks = made.marks
    if len(marks) > _MOST_TOTALS:
        marks = np.array(round_numbers(made.least, made.most, _MOST_TOTALS))
    totals, middle = made.totals(marks), made.medians(marks)
    return totals.assign(median=np.repeat(middle["estimate"].to_numpy(), len(made.times)))


# -- words -----------------------------------------------------------------------------------------------------------------


def _caption(made: Nomogram) -> str:
    read = ("Nomogram. Read the points above each value, add them up, find the total on the lower scale, and read below it "
            f"the predicted {'cumulative incidence' if made.measure == 'risk' else 'survival'}, "
            f"in {made.unit} since {made.time_zero or 'time zero'}.")  # fmt: skip
    words = [read, "Rulers go as far as the data do.", f"{made.fit.method}{f'; stratum {made.stratum}' if made.stratum else ''}.",
             f"The table's {level_in_words(made.conf_level)} limits are those of a typical patient with the total; NR: not reached."]  # fmt: skip
    if any(made.few):
        words.append("A dashed ruler: fewer than 5 patients, or than 10% of them, were at risk then.")
    return " ".join([*words, *made.built_on.sentences])


def _alt(made: Nomogram) -> str:
    most: dict[str, float] = {}
    for ruler in made.rulers:
        reach = max(float(ruler.points.max()), float(ruler.fine_points.max(initial=0)))
        most[ruler.label] = max(most.get(ruler.label, 0.0), reach)
    rulers = listed([f"{label} (up to {worth:.0f} points)" for label, worth in most.items()])
    ends = made.totals([made.least, made.most])
    at = ends[ends["time"] == made.times[-1]]["estimate"].to_numpy()
    what, way = ("survival", "down") if made.measure == "survival" else ("cumulative incidence", "up")
    return (f"Nomogram with rulers for {rulers}. Totals run from {made.least:.0f} to {made.most:.0f} points, and predicted {what} at {made.times[-1]:g} "
            f"{made.unit} from {percent(at[0])} {way} to {percent(at[1])}.")  # fmt: skip
