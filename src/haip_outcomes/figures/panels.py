"""The sheet of a curve: key above, axes in the middle, numbers under the ticks they belong to; all measured in mm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from haip_outcomes.figures.scales import share_ticks
from haip_outcomes.figures.style import LINE, axes_at, in_mm, sheet, text_width, width_in_mm, wrapped, write

EDGE = 1.5  # mm of white at each edge of the sheet
SAMPLE = 7.0  # mm of line in the key
_HEIGHTS = {"single": 52.0, "double": 82.0}  # mm, the axes alone


@dataclass(frozen=True)
class Key:
    """One entry of the key: words, and the line they explain (nothing: words alone)."""

    words: str
    line: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Numbers:
    """Rows of numbers under the axis, one number a tick, below the name of their group."""

    rows: tuple[tuple[str, tuple[str, ...]], ...]
    title: str = ""
    line: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Panel:
    """What goes around the curves. `key` is a list of lines of entries; `notes` are sentences printed above the axes."""

    x_label: str
    y_label: str
    until: float
    breaks: tuple[float, ...]
    numbers: tuple[Numbers, ...]
    key: tuple[tuple[Key, ...], ...] = ()
    notes: tuple[str, ...] = ()
    y_top: float = 1.0
    widths: str = field(default="single")

    def draw(self) -> tuple[Figure, Axes]:
        """The sheet with everything but the curves, and the axes to draw these in."""
        width = width_in_mm(self.widths)
        height = _HEIGHTS[self.widths]
        y_ticks = share_ticks(self.y_top)
        y_words = wrapped(self.y_label, height)
        scale_width = max(text_width(_percent(tick)) for tick in y_ticks)
        cells = [cell for block in self.numbers for _, row in block.rows for cell in row[:1]]
        row_names = max((text_width(name) for block in self.numbers for name, _ in block.rows), default=0.0)
        left = max(EDGE + row_names + 2.0 + max(map(text_width, cells), default=0.0) / 2,
                   EDGE + len(y_words) * LINE + scale_width + 2.5)  # fmt: skip
        last = [cell for block in self.numbers for _, row in block.rows for cell in row[-1:]] + [
            f"{self.breaks[-1]:g}"
        ]
        overhang = max(map(text_width, last)) / 2 - (self.until - self.breaks[-1]) / self.until * (
            width - left - EDGE
        )
        right = EDGE + max(overhang, 0.5)
        inner = width - left - right
        above = self._above(width - 2 * EDGE)
        below = self._below(width - 2 * EDGE)
        x_words = wrapped(self.x_label, width - 2 * EDGE)
        foot = EDGE + below + len(x_words) * LINE + 5.2
        figure = sheet(width, foot + height + above)
        axes = axes_at(figure, left, foot, inner, height)
        axes.set_xlim(0, self.until)
        axes.set_ylim(0, self.y_top)
        axes.set_xticks(list(self.breaks), [f"{tick:g}" for tick in self.breaks])
        axes.set_yticks(y_ticks, [_percent(tick) for tick in y_ticks])
        for i, words in enumerate(y_words):
            write(figure, left - scale_width - 3.2 - (len(y_words) - 1 - i) * LINE, foot + height / 2, words, rotation=90, ha="center", va="baseline",
                  rotation_mode="anchor")  # fmt: skip
        y = foot - 5.2
        for words in x_words:
            y -= LINE
            # centred under the axes, unless the words are longer than they are
            start = min(max(left + inner / 2 - text_width(words) / 2, EDGE), width - EDGE - text_width(words))
            write(figure, start, y + 0.8, words)
        self._write_numbers(figure, y - 0.4, left, inner)
        self._write_above(figure, foot + height + above, width - 2 * EDGE)
        return figure, axes

    def _key_lines(self, width: float) -> list[list[tuple[Key, list[str]]]]:
        """Entries side by side as long as they fit; a long one gets lines of its own."""
        lines: list[list[tuple[Key, list[str]]]] = []
        for group in self.key:
            line: list[tuple[Key, list[str]]] = []
            used = 0.0
            for entry in group:
                need = _entry_width(entry)
                if line and used + need > width:
                    lines.append(line)
                    line, used = [], 0.0
                room = width - (SAMPLE + 1.5 if entry.line is not None else 0.0)
                line.append((entry, wrapped(entry.words, room)))
                used += need + 4.0
            lines.append(line)
        return lines

    def _above(self, width: float) -> float:
        lines = sum(max(len(words) for _, words in line) for line in self._key_lines(width) if line)
        lines += sum(len(wrapped(note, width)) for note in self.notes)
        return EDGE + lines * LINE + 2.0

    def _write_above(self, figure: Figure, top: float, width: float) -> None:
        y = top - EDGE
        for line in self._key_lines(width):
            x = EDGE
            for entry, words in line:
                if entry.line is not None:
                    _sample(figure, x, y - LINE * 0.62, entry.line)
                    x += SAMPLE + 1.5
                for i, row in enumerate(words):
                    write(figure, x, y - LINE * (i + 0.85), row)
                x += max(map(text_width, words)) + 4.0
            y -= LINE * max((len(words) for _, words in line), default=0)
        for note in self.notes:
            for row in wrapped(note, width):
                y -= LINE
                write(figure, EDGE, y + 0.15 * LINE, row)

    def _below(self, width: float) -> float:
        total = 0.0
        for block in self.numbers:
            titles = len(wrapped(block.title, width - SAMPLE - 1.5)) if block.title else 0
            total += (len(block.rows) + titles) * LINE + (0.8 if block.title else 0.0)
        return total + 0.8

    def _write_numbers(self, figure: Figure, top: float, left: float, inner: float) -> None:
        width = 25.4 * float(figure.get_size_inches()[0]) - 2 * EDGE
        y = top
        for block in self.numbers:
            if block.title:
                y -= 0.8
                start = EDGE
                if block.line is not None:
                    _sample(figure, EDGE, y - LINE * 0.62, block.line)
                    start += SAMPLE + 1.5
                for words in wrapped(block.title, width - SAMPLE - 1.5):
                    y -= LINE
                    write(figure, start, y + 0.15 * LINE, words)
            for name, cells in block.rows:
                y -= LINE
                write(figure, EDGE, y + 0.15 * LINE, name)
                for tick, cell in zip(self.breaks, cells, strict=True):
                    write(
                        figure,
                        left + inner * tick / self.until,
                        y + 0.15 * LINE,
                        cell,
                        ha="center",
                        gid="number",
                    )


def _entry_width(entry: Key) -> float:
    return text_width(entry.words) + (SAMPLE + 1.5 if entry.line is not None else 0.0)


def _sample(figure: Figure, x: float, y: float, line: Mapping[str, Any]) -> None:
    points = 3 if line.get("marker") else 2
    options = {name: value for name, value in line.items() if name != "hatch"}
    artist = Line2D(np.linspace(x, x + SAMPLE, points), [y] * points, transform=in_mm(figure), **options)
    artist.set_markevery([1] if points == 3 else None)
    figure.add_artist(artist)


def _percent(share: float) -> str:
    return f"{100 * share:g}"
