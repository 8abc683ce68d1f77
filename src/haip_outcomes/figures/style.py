"""What every figure shares: exact sizes, one font, colours that survive a grey printer, and how it is saved.

Settings hold only while a figure is drawn or saved (`drawing_style`); matplotlib's global state and pyplot are
never touched.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.text import Text
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D, Transform
from PIL import Image

from haip_outcomes.errors import HaipError, did_you_mean

WIDTHS = {"single": 84.0, "double": 174.0}  # mm: one and two columns of a journal's page
MAX_HEIGHT = 234.0  # mm
DPI = 600
FONTS = ("Arial", "Helvetica", "DejaVu Sans")
TEXT = 8.0  # points: the smallest size that is ever printed
LINE = 3.7  # mm from one line of text to the next
MM_A_POINT = 25.4 / 72

CURVE, THIN, FRAME, HATCH = 1.25, 0.5, 0.6, 0.4  # line widths in points; none is below 0.3

# Okabe and Ito's colours without green and yellow: no red/green pair, nothing that vanishes on white paper.
COLOURS = ("#0072B2", "#D55E00", "#000000", "#56B4E9", "#CC79A7", "#E69F00")
LINE_STYLES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.6)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (9, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
)
MARKERS = ("o", "s", "^", "D", "v", "P")
FORMATS = ("pdf", "png", "tiff")


@dataclass(frozen=True, eq=False)
class Drawing:
    """A finished figure with its words: the caption belongs under it, the alternative text replaces it.

    `name` is a file name without a suffix; `caption` is made from the results' own method sentences; `alt` says what
    the figure shows to somebody who can't see it, and goes into the file. `numbers` are those printed under the axis.
    """

    figure: Figure = field(repr=False)
    name: str
    caption: str
    alt: str
    numbers: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in mm."""
        width, height = self.figure.get_size_inches()
        return round(float(width) * 25.4, 4), round(float(height) * 25.4, 4)

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        with drawing_style():
            self.figure.savefig(buffer, format="png", dpi=200)
        return buffer.getvalue()


def save_figure(
    drawing: Drawing, path: str | Path, *, formats: Sequence[str] = ("pdf", "png")
) -> tuple[Path, ...]:
    """Save a figure for a paper: vector PDF with editable text, and a picture of 600 dots an inch.

    Parameters
    ----------
    drawing : what a `plot_*` function returned.
    path : file name without a suffix, which gets one a format; or with the suffix of one format, which is then the
        only one. Folders that don't exist are made.
    formats : any of "pdf", "png" and "tiff".

    Returns the paths written, in the order of `formats`. The same drawing gives the same bytes: no dates are written.
    The alternative text goes into the files (PDF: Subject; PNG and TIFF: description).

    Raises
    ------
    HaipError : an unknown format.

    >>> import haip_outcomes as haip
    >>> curve = haip.survival_curve(haip.demo_cohort().setting("adjuvant").endpoint("os"))
    >>> haip.save_figure(haip.plot_survival(curve), "os", formats=["svg"])
    Traceback (most recent call last):
    haip_outcomes.errors.HaipError: A figure can't be saved as "svg". Known: pdf, png, tiff.
    """
    target = Path(path)
    chosen = [formats] if isinstance(formats, str) else list(formats)
    if target.suffix:
        chosen, target = [target.suffix[1:].lower()], target.with_suffix("")
    chosen = ["tiff" if name == "tif" else str(name) for name in chosen]
    for name in chosen:
        if name not in FORMATS:
            raise HaipError(f'A figure can\'t be saved as "{name}". {did_you_mean(name, FORMATS)}')
    target.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for name in chosen:
        file = target.with_name(f"{target.name}.{name}")
        with drawing_style():
            _WRITERS[name](drawing, file)
        written.append(file)
    return tuple(written)


def svg_picture(drawing: Drawing) -> bytes:
    """The figure as SVG for a web page: letters as outlines, so that it looks the same on every machine; same bytes each time."""
    buffer = BytesIO()
    with drawing_style():
        drawing.figure.savefig(buffer, format="svg", metadata={"Title": drawing.name, "Date": None})
    return buffer.getvalue()


def _write_pdf(drawing: Drawing, file: Path) -> None:
    words = {"Title": drawing.name, "Subject": drawing.alt, "CreationDate": None, "ModDate": None}
    drawing.figure.savefig(file, format="pdf", metadata=words)


def _write_png(drawing: Drawing, file: Path) -> None:
    words = {"Title": drawing.name, "Description": drawing.alt}
    drawing.figure.savefig(file, format="png", dpi=DPI, metadata=words)


def _write_tiff(drawing: Drawing, file: Path) -> None:
    """Without transparency, which printers refuse, and compressed without loss."""
    canvas = FigureCanvasAgg(drawing.figure)
    before = drawing.figure.dpi
    drawing.figure.set_dpi(DPI)
    try:
        canvas.draw()
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    finally:
        drawing.figure.set_dpi(before)
    description = drawing.alt.encode("ascii", "replace").decode("ascii")
    picture.save(file, format="TIFF", compression="tiff_lzw", dpi=(DPI, DPI), description=description)


_WRITERS = {"pdf": _write_pdf, "png": _write_png, "tiff": _write_tiff}


@lru_cache(maxsize=1)
def font_family() -> str:
    """The first font of the list that this machine has; DejaVu Sans comes with matplotlib."""
    present = {font.name for font in fontManager.ttflist}
    return next((name for name in FONTS if name in present), FONTS[-1])


@contextmanager
def drawing_style() -> Iterator[None]:
    """The settings of a figure, whatever the caller's own are, for as long as the block lasts."""
    settings: dict[str, Any] = {
        "font.family": [font_family()], "font.size": TEXT, "text.usetex": False, "text.parse_math": False, "axes.unicode_minus": False,
        "axes.labelsize": TEXT, "xtick.labelsize": TEXT, "ytick.labelsize": TEXT, "legend.fontsize": TEXT,
        "axes.linewidth": FRAME, "lines.linewidth": CURVE, "hatch.linewidth": HATCH,
        "xtick.major.width": FRAME, "ytick.major.width": FRAME, "xtick.major.size": 2.5, "ytick.major.size": 2.5,
        "xtick.major.pad": 2.0, "ytick.major.pad": 2.0, "axes.labelpad": 2.0,
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": False, "legend.frameon": False,
        "pdf.fonttype": 42, "pdf.compression": 6, "svg.fonttype": "path", "svg.hashsalt": "haip_outcomes",
        "savefig.bbox": None, "savefig.facecolor": "white",
        "figure.facecolor": "white", "axes.facecolor": "white", "lines.solid_capstyle": "butt",
        "lines.scale_dashes": True, "path.simplify": False, "figure.autolayout": False,
        "figure.constrained_layout.use": False,
    }  # fmt: skip
    fonttools = logging.getLogger("fontTools")
    level = fonttools.level
    fonttools.setLevel(logging.ERROR)
    try:
        with matplotlib.style.context(["default", settings]):
            yield
    finally:
        fonttools.setLevel(level)


def width_in_mm(width: str) -> float:
    """The width of "single" or "double" in mm; refuses anything else."""
    if width not in WIDTHS:
        raise HaipError(f'A figure is "single" (84 mm) or "double" (174 mm) wide, not "{width}".')
    return WIDTHS[width]


def sheet(width: float, height: float) -> Figure:
    """An empty sheet of exactly this size in mm; refuses what no page can hold."""
    if height > MAX_HEIGHT:
        raise HaipError(f"This figure would be {height:.0f} mm high, and a page holds {MAX_HEIGHT:.0f} mm: "
                        "show fewer rows or groups, or split it in two.")  # fmt: skip
    figure = Figure(figsize=(width / 25.4, height / 25.4))
    FigureCanvasAgg(figure)
    return figure


def in_mm(figure: Figure) -> Transform:
    """Coordinates in mm from the sheet's lower left corner."""
    return Affine2D().scale(1 / 25.4) + figure.dpi_scale_trans


def axes_at(figure: Figure, left: float, bottom: float, width: float, height: float, **options: Any) -> Axes:
    """Axes whose frame stands at these mm of the sheet."""
    w, h = (25.4 * float(side) for side in figure.get_size_inches())
    return figure.add_axes((left / w, bottom / h, width / w, height / h), **options)


def write(figure: Figure, x: float, y: float, words: str, **options: Any) -> Text:
    """Text on the sheet at mm (x, y); `y` is its base line."""
    options = {"va": "baseline", "ha": "left", "fontsize": TEXT, **options}
    return figure.text(x, y, words, transform=in_mm(figure), **options)


def paler(colour: str, share: float = 0.5) -> tuple[float, float, float]:
    """A colour mixed with white, not transparent: a PDF draws hatching without transparency."""
    red, green, blue = to_rgb(colour)
    return (1 - share * (1 - red), 1 - share * (1 - green), 1 - share * (1 - blue))


@lru_cache(maxsize=4096)
def text_width(words: str, size: float = TEXT, weight: str = "normal") -> float:
    """How wide words are when printed, in mm."""
    if not words.strip():
        return 0.0
    font = FontProperties(family=font_family(), weight=weight)
    plain = words.replace("$", r"\$")  # a dollar is a dollar, not the start of a formula
    return float(TextPath((0, 0), plain, size=size, prop=font).get_extents().x1) * MM_A_POINT


def wrapped(words: str, width: float, size: float = TEXT, weight: str = "normal") -> list[str]:
    """Words broken into lines of at most `width` mm; a single word that is too long is cut with a hyphen."""
    lines: list[str] = []
    line = ""
    for word in words.split():
        trial = f"{line} {word}".strip()
        if text_width(trial, size, weight) <= width:
            line = trial
            continue
        if line:
            lines.append(line)
        while text_width(word, size, weight) > width and len(word) > 2:
            cut = next(
                (k for k in range(len(word) - 1, 1, -1) if text_width(f"{word[:k]}-", size, weight) <= width),
                2,
            )
            lines.append(f"{word[:cut]}-")
            word = word[cut:]
        line = word
    return [*lines, line] if line else lines
