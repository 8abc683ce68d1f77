"""What every figure must meet: sizes, type, lines, and nothing cut or on top of something else."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from haip_outcomes.figures.style import drawing_style


def artists(figure):
    """Everything visible on a figure, with what is inside it."""
    found, stack = [], [figure]
    while stack:
        artist = stack.pop()
        if artist.get_visible():
            found.append(artist)
            stack.extend(artist.get_children())
    return found


@pytest.fixture
def checked():
    """`checked(drawing)` asserts what a journal's technical check and a reader ask for."""
    return _checked


def _checked(drawing):
    """Walks over a drawing's artists and asserts what a journal and a reader ask for."""
    figure = drawing.figure
    with drawing_style():
        FigureCanvasAgg(figure).draw()
    renderer = figure.canvas.get_renderer()
    sheet = figure.bbox
    words = []
    for artist in artists(figure):
        if isinstance(artist, Text) and artist.get_text().strip():
            assert 8 <= artist.get_fontsize() <= 12, artist
            box = artist.get_window_extent(renderer)
            assert box.x0 >= sheet.x0 - 0.5, artist
            assert box.x1 <= sheet.x1 + 0.5, artist
            assert box.y0 >= sheet.y0 - 0.5, artist
            assert box.y1 <= sheet.y1 + 0.5, artist
            words.append((artist, box))
        elif isinstance(artist, Line2D) and len(artist.get_xdata()) and artist.get_linestyle() != "None":
            assert artist.get_linewidth() >= 0.3, artist
        elif isinstance(artist, Collection):
            assert all(width == 0 or width >= 0.3 for width in np.atleast_1d(artist.get_linewidth())), artist
        elif isinstance(artist, Patch):
            assert artist.get_linewidth() == 0 or artist.get_linewidth() >= 0.3, artist
    for (one, a), (two, b) in combinations(words, 2):
        if one.get_rotation() == two.get_rotation() == 0:
            across = min(a.x1, b.x1) - max(a.x0, b.x0)
            down = min(a.y1, b.y1) - max(a.y0, b.y0)
            # boxes hold room for letters that go below the line; up to a quarter of a line is not an overlap
            assert across <= 0.5 or down <= 0.25 * min(a.height, b.height), (one, two)
    width, height = drawing.size
    assert any(abs(width - allowed) < 1e-6 for allowed in (84, 174))
    assert height <= 234
    assert drawing.alt
    assert drawing.caption.endswith(".")
