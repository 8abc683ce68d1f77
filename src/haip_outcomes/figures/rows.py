"""Rows of words with a mark and its interval: the sheet of a forest plot, measured in mm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from haip_outcomes.errors import HaipError
from haip_outcomes.figures.scales import linear_ticks, log_ticks
from haip_outcomes.figures.style import (
    COLOURS,
    FRAME,
    LINE,
    axes_at,
    in_mm,
    sheet,
    text_width,
    width_in_mm,
    wrapped,
    write,
)

EDGE = 1.5
GAP = 3.0  # mm between two columns
INDENT = 3.0
_BASE = 0.78 * LINE  # from the top of a line of text to its base
_MIDDLE = 1.03  # mm from the base of 8-point digits to their middle
_PLOT = 55.0  # mm: the least that the intervals get beside names
_MARKS = ({"marker": "s", "color": COLOURS[0], "markerfacecolor": COLOURS[0]},
          {"marker": "D", "color": COLOURS[1], "markerfacecolor": "white"})  # fmt: skip
_PAPER = {
    "facecolor": "white",
    "edgecolor": "none",
    "pad": 0.4,
}  # so that the reference line does not cross words


@dataclass(frozen=True)
class Mark:
    """An estimate with its interval; `kind` 0 is the filled square, 1 the open diamond. `cells` are printed beside it."""

    cells: tuple[str, ...]
    estimate: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    kind: int = 0


@dataclass(frozen=True)
class Item:
    """One row: its name and its marks, each on a line of its own."""

    name: str
    marks: tuple[Mark, ...] = ()
    indent: int = 0


@dataclass(frozen=True)
class Block:
    """Rows that share an axis. `reference` is where the thin vertical line stands (None: nowhere)."""

    items: tuple[Item, ...]
    x_label: str
    log: bool
    limits: tuple[float, float]
    reference: float | None = None
    title: str = ""


@dataclass(frozen=True)
class RowSheet:
    """Blocks under each other. `header` names the row's name and then the cells; the first `before` cells stand left of the plot.

    On a single column there is no room for names beside the cells: they stand on a line above their marks.
    """

    header: tuple[str, ...]
    blocks: tuple[Block, ...]
    before: int = 1
    key: tuple[str, ...] = ()
    widths: str = "double"

    def draw(self) -> Figure:
        """The finished sheet; the intervals' pieces carry a gid ("interval", "mark", "cut") by which a test finds them."""
        width = width_in_mm(self.widths)
        above = self.widths == "single"
        cells = self._cell_widths()
        free = width - 2 * EDGE - sum(cell + GAP for cell in cells)
        longest = max((text_width(item.name) + item.indent * INDENT for block in self.blocks for item in block.items if item.marks),
                      default=0.0)  # fmt: skip
        name_width = (
            0.0 if above else min(max(longest, text_width(self.header[0], weight="bold")), free - _PLOT - GAP)
        )
        plot = free if above else free - name_width - GAP
        if plot < 15 or (name_width < 15 and not above):
            raise HaipError(f"These columns do not fit on {width:.0f} mm.")
        # a heading has no cells of its own and may run on over theirs
        names = [[wrapped(item.name, (name_width if item.marks and not above else width - 2 * EDGE) - item.indent * INDENT)
                  for item in block.items] for block in self.blocks]  # fmt: skip
        heights = [[_row_height(lines, item, above) for lines, item in zip(rows, block.items, strict=True)]
                   for rows, block in zip(names, self.blocks, strict=True)]  # fmt: skip
        headings = [
            _heading(words, cell) for words, cell in zip(self.header, [name_width, *cells], strict=True)
        ]
        if above:
            headings[0] = []
        head = max(map(len, headings)) * LINE + 1.2
        top = EDGE + (LINE + 1.0 if self.key else 0.0)
        foot = 9.6  # ticks and the axis' words
        total = top + head + sum(sum(rows) + foot + (LINE + 0.6 if block.title else 0) for rows, block in
                                 zip(heights, self.blocks, strict=True))  # fmt: skip
        figure = sheet(width, total)
        starts = self._starts(name_width, cells, plot)
        if self.key:
            self._draw_key(figure, total - EDGE)
        y = total - top
        for words, start, cell, right in zip(
            headings, starts, [name_width, *cells], self._right_aligned(), strict=True
        ):
            for i, line in enumerate(words):
                write(figure, start + cell if right else start, y - head + 1.2 + (len(words) - 1 - i) * LINE + LINE - _BASE, line,
                      fontweight="bold", ha="right" if right else "left")  # fmt: skip
        y -= head
        figure.add_artist(
            Line2D([EDGE, width - EDGE], [y, y], transform=in_mm(figure), color="black", linewidth=FRAME)
        )
        for block, rows, lines in zip(self.blocks, heights, names, strict=True):
            if block.title:
                write(figure, EDGE, y - _BASE - 0.6, block.title, fontweight="bold")
                y -= LINE + 0.6
            left = (
                EDGE
                + (name_width + GAP if name_width else 0.0)
                + sum(cell + GAP for cell in cells[: self.before])
            )
            axes = _axes(figure, block, left, y - sum(rows), plot, sum(rows))
            self._draw_rows(figure, axes, block, rows, lines, y, starts, [name_width, *cells])
            y -= sum(rows) + foot
        return figure

    def _cell_widths(self) -> list[float]:
        marks = [mark for block in self.blocks for item in block.items for mark in item.marks]
        wide = []
        for j, words in enumerate(self.header[1:]):
            longest = max((text_width(mark.cells[j]) for mark in marks), default=0.0)
            wide.append(
                max(
                    longest,
                    *(text_width(word, weight="bold") for word in words.replace(" (", "\n(").split("\n")),
                )
                + 0.3
            )
        return wide

    def _right_aligned(self) -> list[bool]:
        return [False, *(j < self.before for j in range(len(self.header) - 1))]

    def _starts(self, name_width: float, cells: Sequence[float], plot: float) -> list[float]:
        starts, x = [EDGE], EDGE + (name_width + GAP if name_width else 0.0)
        for j, cell in enumerate(cells):
            if j == self.before:
                x += plot + GAP
            starts.append(x)
            x += cell + GAP
        return starts

    def _draw_key(self, figure: Figure, top: float) -> None:
        x = EDGE
        for kind, words in enumerate(self.key):
            y = top - _BASE + _MIDDLE
            style = {**_MARKS[kind], "markersize": 4.2, "markeredgewidth": 0.9, "linewidth": 0.9}
            sample = Line2D(np.linspace(x, x + 6, 3), [y] * 3, transform=in_mm(figure), **style)  # type: ignore[arg-type]
            sample.set_markevery([1])
            figure.add_artist(sample)
            write(figure, x + 7.5, top - _BASE, words)
            x += 7.5 + text_width(words) + 5.0

    def _draw_rows(self, figure: Figure, axes: Axes, block: Block, heights: Sequence[float], names: Sequence[Sequence[str]],
                   top: float, starts: Sequence[float], wide: Sequence[float]) -> None:  # fmt: skip
        y, bottom, above = top, top - sum(heights), self.widths == "single"
        for item, height, lines in zip(block.items, heights, names, strict=True):
            for i, line in enumerate(lines):
                write(
                    figure,
                    EDGE + item.indent * INDENT,
                    y - 0.4 - i * LINE - _BASE,
                    line,
                    bbox=None if item.marks and not above else _PAPER,
                )
            for i, mark in enumerate(item.marks, start=len(lines) if above else 0):
                base = y - 0.4 - i * LINE - _BASE
                for cell, start, column, right in zip(
                    mark.cells, starts[1:], wide[1:], self._right_aligned()[1:], strict=True
                ):
                    write(
                        figure,
                        start + column if right else start,
                        base,
                        cell,
                        ha="right" if right else "left",
                    )
                _draw_mark(axes, block, mark, base + _MIDDLE - bottom)
            y -= height


def _row_height(lines: Sequence[str], item: Item, above: bool) -> float:
    return (len(lines) + len(item.marks) if above else max(len(lines), len(item.marks))) * LINE + 0.8


def _heading(words: str, width: float) -> list[str]:
    """A column's heading on its lines; one that is too long breaks before its bracket."""
    if " (" in words and text_width(words, weight="bold") > width:
        first, rest = words.split(" (", 1)
        return [*wrapped(first, width, weight="bold"), f"({rest}"]
    return wrapped(words, width, weight="bold")


def _axes(figure: Figure, block: Block, left: float, bottom: float, width: float, height: float) -> Axes:
    axes = axes_at(figure, left, bottom, width, height)
    axes.set_ylim(0, height)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    if block.log:
        axes.set_xscale("log")
    axes.set_xlim(*block.limits)
    axes.minorticks_off()
    ticks = _apart(block.limits, width) if block.log else linear_ticks(block.limits, width)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    right = 25.4 * float(figure.get_size_inches()[0]) - EDGE
    start = min(
        max(left + width / 2 - text_width(block.x_label) / 2, EDGE), right - text_width(block.x_label)
    )
    write(figure, start, bottom - 8.0, block.x_label)
    if block.reference is not None:
        axes.plot(
            [block.reference] * 2, [0, height], color="black", linewidth=FRAME, zorder=0, gid="reference"
        )
    return axes


def _apart(limits: tuple[float, float], width: float) -> list[float]:
    """Powers of two of which none touches the next: they stand at equal distances, and their names differ in length."""
    for share in (1.0, 0.85, 0.7, 0.55, 0.4):
        ticks = log_ticks(limits, share * width)
        if len(ticks) < 2:
            break
        pitch = width * math.log(ticks[1] / ticks[0]) / math.log(limits[1] / limits[0])
        if all(text_width(f"{a:g}") / 2 + text_width(f"{b:g}") / 2 + 0.8 <= pitch for a, b in pairwise(ticks)):
            break
    return ticks


def _draw_mark(axes: Axes, block: Block, mark: Mark, y: float) -> None:
    low, high = block.limits
    style = _MARKS[mark.kind]
    if not math.isnan(mark.low) and not math.isnan(mark.high) and mark.low <= high and mark.high >= low:
        axes.plot(
            [max(mark.low, low), min(mark.high, high)],
            [y, y],
            color=style["color"],
            linewidth=0.9,
            clip_on=False,
            gid="interval",
        )
    for outside, at, arrow in ((mark.low < low, low, "<"), (mark.high > high, high, ">")):
        if outside:
            axes.plot(
                [at],
                [y],
                marker=arrow,
                markersize=4.0,
                color=style["color"],
                linestyle="none",
                clip_on=False,
                gid="cut",
            )
    if low <= mark.estimate <= high:
        axes.plot([mark.estimate], [y], linestyle="none", markersize=4.2, markeredgewidth=0.9, clip_on=False, gid="mark",
                  zorder=3, **style)  # type: ignore[arg-type]  # fmt: skip
