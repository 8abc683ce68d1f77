"""The rulers of a nomogram as rows of a sheet: where ticks stand, and which words fit beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from haip_outcomes.figures.style import LINE, text_width, wrapped
from haip_outcomes.prognosis.prediction.nomogram_points import Nomogram
from haip_outcomes.prognosis.prediction.rulers import Ruler, round_numbers, told

GAP, TICK, SIDE = 4.0, 1.1, 1.4  # mm: from the names to the rulers; of a tick; between two labels


@dataclass(frozen=True)
class Tick:
    """A place on a ruler and what is written at it."""

    x: float  # mm from the left end of the rulers
    words: str
    rank: int = 0  # the lowest is placed first


@dataclass(frozen=True)
class Placed:
    """A tick's words, with room found for them."""

    tick: Tick
    x: float  # where the words begin
    above: bool = False


@dataclass(frozen=True)
class Row:
    """One ruler with its name, in mm from the left end of the rulers."""

    title: tuple[str, ...]
    start: float
    end: float
    ticks: tuple[float, ...]
    minor: tuple[float, ...]
    labels: tuple[Placed, ...]
    dashed: bool = False
    bold: bool = False
    list_below: tuple[str, ...] = ()  # lines of words in the place of labels, where these would stand on each other

    @property
    def above(self) -> float:
        """mm from the top of the row to its line."""
        lanes = 1 if any(one.above for one in self.labels) else 0
        return max(lanes * LINE + TICK, len(self.title) * LINE / 2)

    @property
    def height(self) -> float:
        """mm of the row."""
        return self.above + max(max(1, len(self.list_below)) * LINE + TICK, len(self.title) * LINE / 2)


def scale_row(words: str, most: float, reach: float, room: tuple[float, float], names: float) -> Row:
    """The ruler of points from 0, with a small tick between every two."""
    marks = round_numbers(0.0, most, 11)
    step = marks[1] - marks[0]
    minor = [k * step / 5 for k in range(int(5 * most / step + 1e-9) + 1) if k % 5]
    ticks = [Tick(mark / most * reach, f"{mark:g}") for mark in marks]
    return Row(tuple(wrapped(words, names, weight="bold")), 0.0, reach, tuple(tick.x for tick in ticks), tuple(one / most * reach for one in minor),
                tuple(_one_lane(ticks, room)), bold=True)  # fmt: skip


def ruler_rows(made: Nomogram, ruler: Ruler, per_point: float, names: float, room: tuple[float, float]) -> list[Row]:
    """A covariate's ruler; of a number whose points turn round, one for each part."""
    title = title_of(made, ruler)
    if isinstance(ruler.values[0], str):
        return [_levels_row(title, ruler, per_point, names, room)]
    branches = ruler.branches()
    rows = []
    for values, points in branches:
        low, high = float(values.min()), float(values.max())
        marked = {float(v): float(p) for v, p in zip(ruler.values, ruler.points, strict=True) if low <= v <= high}
        if len(branches) > 1:
            marked = {float(values[0]): float(points[0]), float(values[-1]): float(points[-1]), **marked}
        continuous = len(ruler.fine_values) > 0  # then its ends are no round numbers, and give way to those that are
        ticks = [Tick(worth * per_point, f"{value:.3g}", 1) if continuous and value in (low, high) else Tick(worth * per_point, f"{value:g}")
                 for value, worth in marked.items()]  # fmt: skip
        words = title if len(branches) == 1 else f"{title}, {low:.3g} to {high:.3g}"
        rows.append(Row(tuple(wrapped(words, names)), float(points.min()) * per_point, float(points.max()) * per_point,
                        tuple(sorted({tick.x for tick in ticks})), (), tuple(_one_lane(ticks, room))))  # fmt: skip
    return rows


def _levels_row(title: str, ruler: Ruler, per_point: float, names: float, room: tuple[float, float]) -> Row:
    """A ruler of levels: all are named at their ticks, or in a list below where the names would stand on each other."""
    ticks = [Tick(worth * per_point, value) for value, worth in zip(ruler.values, ruler.points, strict=True)]
    placed = _two_lanes(ticks, room)
    rising = sorted(zip(ruler.points, ruler.values, strict=True))
    below = () if placed else tuple(wrapped("; ".join(f"{value} {worth:.0f}" for worth, value in rising), room[1]))
    xs = tuple(tick.x for tick in ticks)
    return Row(tuple(wrapped(title, names)), min(xs), max(xs), xs, (), tuple(placed), list_below=below)


def survival_row(made: Nomogram, time: float, few: bool, per_point: float, names: float, room: tuple[float, float]) -> Row:
    """Where survival (or risk) is a round number, between the fewest and the most points that patients had."""
    at = made.totals([made.least, made.most]).query("time == @time")["estimate"].to_numpy()
    ends = at if made.measure == "survival" else 1 - at
    low, high = float(ends.min()), float(ends.max())
    ticks: list[Tick] = []
    for rank, step in enumerate((10, 5, 1)):
        if rank == 2 and len(ticks) > 3:
            break
        known = {tick.words for tick in ticks}
        for percentage in range(step, 100, step):
            share = percentage / 100 if made.measure == "survival" else 1 - percentage / 100
            if low <= share <= high and f"{percentage}" not in known:
                ticks.append(Tick(made.points_of_survival(share, time) * per_point, f"{percentage}", rank))
    placed = _one_lane(ticks, room)
    shown = {one.tick.x for one in placed}
    return Row(tuple(wrapped(outcome_words(made, time), names)), made.least * per_point, made.most * per_point,
                tuple(sorted(shown)), tuple(tick.x for tick in ticks if tick.x not in shown), tuple(placed), dashed=few)  # fmt: skip


def median_row(made: Nomogram, per_point: float, names: float, room: tuple[float, float]) -> list[Row]:
    """Where the median is a round number, as far as it is reached; no row where it has none, or only one."""
    if made.measure == "risk":
        return []
    totals = np.linspace(made.least, made.most, 400)
    median = made.medians(totals)["estimate"].to_numpy()
    reached = np.isfinite(median)
    if reached.sum() < 2 or not np.ptp(median[reached]) > 0:
        return []
    most = float(median[reached].max())
    ticks: list[Tick] = []
    for rank, asked in enumerate((5, 12)):
        for months in round_numbers(float(median[reached].min()), most, asked):
            if f"{months:g}" not in {tick.words for tick in ticks}:
                last = totals[reached & (median >= months)]
                if len(last):
                    ticks.append(Tick(float(last.max()) * per_point, f"{months:g}", rank))
    placed = _one_lane(ticks, room)
    if len(placed) < 2:
        return []
    start = float(totals[reached].min())
    return [Row(tuple(wrapped(f"Median, {made.unit}", names)), start * per_point, made.most * per_point, tuple(sorted({one.tick.x for one in placed})), (),
                 tuple(placed))]  # fmt: skip


def _one_lane(ticks: Sequence[Tick], room: tuple[float, float]) -> list[Placed]:
    """The words that fit under the ruler beside each other: the important ones first, others are left out."""
    placed: list[Placed] = []
    for tick in sorted(ticks, key=lambda one: (one.rank, one.x)):
        x = _begin(tick, room)
        if all(x > other.x + text_width(other.tick.words) + SIDE or x + text_width(tick.words) + SIDE < other.x for other in placed):
            placed.append(Placed(tick, x))
    return placed


def _two_lanes(ticks: Sequence[Tick], room: tuple[float, float]) -> list[Placed]:
    """All words, below the ruler or above it; none where they do not fit so."""
    placed: list[Placed] = []
    for tick in sorted(ticks, key=lambda one: one.x):
        x = _begin(tick, room)
        for above in (False, True):
            if all(x > other.x + text_width(other.tick.words) + SIDE for other in placed if other.above == above):
                placed.append(Placed(tick, x, above))
                break
        else:
            return []
    return placed


def _begin(tick: Tick, room: tuple[float, float]) -> float:
    wide = text_width(tick.words)
    return min(max(tick.x - wide / 2, room[0]), room[1] - wide)


def title_of(made: Nomogram, ruler: Ruler) -> str:
    """The name of a ruler, with the levels it is for."""
    given = told(ruler.given, made.labels)
    return f"{ruler.label} ({given})" if given else ruler.label


def outcome_words(made: Nomogram, time: float) -> str:
    """What is read at a time: "12-month survival, %"."""
    when = f"{time:g}-{made.unit.removesuffix('s')}"
    if made.measure == "risk":
        return f"{when} risk of {made.outcome.lower()}, %"
    alive = "surviv" in made.fit.tte.label.lower() or "death" in made.outcome.lower()
    return f"{when} survival, %" if alive else f"{when} freedom from {made.outcome.lower()}, %"
