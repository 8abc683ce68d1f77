"""Sizes, fonts, bytes: what a journal's technical check would look at."""

import re
import subprocess
import sys

import matplotlib as mpl
import pytest
from PIL import Image

from haip_outcomes.errors import HaipError
from haip_outcomes.figures import style
from haip_outcomes.figures.style import Drawing, drawing_style, save_figure, sheet, text_width, wrapped, write

ALT = "Three patients, one event; “50%” at 12 months."


@pytest.fixture
def drawing():
    with drawing_style():
        figure = sheet(84, 60)
        axes = style.axes_at(figure, 15, 12, 60, 40)
        axes.plot([0, 1], [0, 1])
        style.write(figure, 2, 55, "Overall survival (%)")
        figure.canvas.draw()
    return Drawing(figure, "test", "A caption.", ALT)


def media_box_mm(file):
    box = re.search(rb"/MediaBox \[ ([\d. ]+) \]", file.read_bytes()).group(1)
    return [float(number) * 25.4 / 72 for number in box.split()]


@pytest.mark.parametrize(("width", "height"), [(84, 60.5), (174, 234)])
def test_pdf_and_png_have_exactly_the_size_asked_for(tmp_path, width, height):
    with drawing_style():
        made = Drawing(sheet(width, height), "empty", "", "Nothing.")
    pdf, png = save_figure(made, tmp_path / "empty")
    assert media_box_mm(pdf) == pytest.approx([0, 0, width, height], abs=1e-3)
    with Image.open(png) as picture:
        assert picture.size == (int(width / 25.4 * 600), int(height / 25.4 * 600))
        assert picture.info["dpi"] == pytest.approx((600, 600), abs=0.02)
    assert made.size == pytest.approx((width, height))


def test_fonts_are_embedded_as_editable_text(drawing, tmp_path):
    (pdf,) = save_figure(drawing, tmp_path / "a.pdf")
    content = pdf.read_bytes()
    assert b"/FontFile2" in content
    assert b"/CIDFontType2" in content or b"/Subtype /TrueType" in content
    assert b"/Type3" not in content


def test_same_drawing_same_bytes_and_no_dates(drawing, tmp_path):
    first = save_figure(drawing, tmp_path / "a", formats=["pdf", "png", "tiff"])
    again = save_figure(drawing, tmp_path / "b", formats=["pdf", "png", "tiff"])
    for one, two in zip(first, again, strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert b"Date" not in first[0].read_bytes()
    assert style.svg_picture(drawing) == style.svg_picture(drawing)


def test_alternative_text_is_in_the_files(drawing, tmp_path):
    pdf, png, tiff = save_figure(drawing, tmp_path / "a", formats=["pdf", "png", "tiff"])
    assert b"/Subject" in pdf.read_bytes()
    with Image.open(png) as picture:
        assert picture.text["Description"] == ALT
    with Image.open(tiff) as picture:
        assert "50%" in picture.tag_v2[270]
        assert picture.mode == "RGB"
        assert picture.size == (1984, 1417)


def test_a_suffix_chooses_the_only_format(drawing, tmp_path):
    assert [file.name for file in save_figure(drawing, tmp_path / "new" / "a.tif")] == ["a.tiff"]
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == ["a.tiff"]


@pytest.mark.parametrize(("path", "formats"), [("a", ["jpg"]), ("a.svg", ["pdf"])])
def test_unknown_formats_are_refused_before_anything_is_written(drawing, tmp_path, path, formats):
    with pytest.raises(HaipError, match=r"Known: pdf, png, tiff|Did you mean"):
        save_figure(drawing, tmp_path / path, formats=formats)
    assert not list(tmp_path.iterdir())


def test_settings_hold_only_while_drawing_and_ignore_the_callers():
    before = dict(mpl.rcParams)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "lines.linewidth": 9}), drawing_style():
        assert mpl.rcParams["font.size"] == style.TEXT
        assert mpl.rcParams["axes.facecolor"] == "white"
        assert mpl.rcParams["pdf.fonttype"] == 42
    assert dict(mpl.rcParams) == before


def test_pyplot_is_not_loaded_and_matplotlib_not_by_the_package():
    code = ("import sys, haip_outcomes; assert 'matplotlib' not in sys.modules; import haip_outcomes.figures.style; "
            "assert 'matplotlib.pyplot' not in sys.modules")  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True)


def test_too_high_and_unknown_widths_are_refused():
    with pytest.raises(HaipError, match="234 mm"):
        sheet(84, 235)
    with pytest.raises(HaipError, match='"single"'):
        style.width_in_mm("triple")


def test_colours_are_okabe_and_itos_without_a_red_and_green_pair():
    assert set(style.COLOURS) < {
        "#000000",
        "#E69F00",
        "#56B4E9",
        "#009E73",
        "#F0E442",
        "#0072B2",
        "#D55E00",
        "#CC79A7",
    }
    assert "#009E73" not in style.COLOURS
    assert len(set(map(str, style.LINE_STYLES))) == len(style.COLOURS) == len(set(style.MARKERS))


def test_wrapping_keeps_every_line_within_the_width():
    words = "Extrahepatic disease at pump placement and Pneumonoultramicroscopicsilicovolcanoconiosis"
    lines = wrapped(words, 30)
    assert all(text_width(line) <= 30 for line in lines)
    assert "".join(lines).replace("-", "").replace(" ", "") == words.replace(" ", "")
    assert wrapped("", 30) == []


def test_a_dollar_is_a_dollar():
    assert text_width("Cost > $5 and < $9") > text_width("Cost > 5 and < 9")
    with drawing_style():
        figure = sheet(84, 20)
        words = write(figure, 2, 2, r"$\\frac{a$")
        figure.canvas.draw()
    assert not words.get_parse_math()
