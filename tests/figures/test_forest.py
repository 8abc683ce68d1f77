"""Forest plots from small frames: what stands where, what is cut, and what a printer can't show is not there."""

import math

import pandas as pd
import pytest

from haip_outcomes.errors import HaipError
from haip_outcomes.figures.forest import plot_forest
from haip_outcomes.figures.scales import log_limits, log_ticks
from haip_outcomes.figures.style import save_figure

NAN = float("nan")
COLUMNS = [
    "label",
    "level",
    "reference",
    "model",
    "estimate",
    "conf_low",
    "conf_high",
    "p_value",
    "n",
    "n_event",
]


def frame(*models):
    rows = []
    for model in models or ("univariable",):
        rows += [
            ("Sarcopenia", "No", True, model, NAN, NAN, NAN, NAN, 31, 12),
            ("Sarcopenia", "Yes", False, model, 2.4, 1.1, 5.0, 0.021, 29, 18),
            ("Extrahepatic disease", "None", True, model, NAN, NAN, NAN, NAN, 54, 24),
            (
                "Extrahepatic disease",
                "Lung nodules or hilar lymph nodes",
                False,
                model,
                3.4,
                0.05,
                350.0,
                0.12,
                4,
                4,
            ),
            ("Extrahepatic disease", "Peritoneal", False, model, NAN, NAN, NAN, NAN, 2, 2),
            ("Age, years", "", False, model, 1.02, 0.98, 1.06, 0.31, 60, 30),
        ]
    return pd.DataFrame(rows, columns=COLUMNS)


def texts(drawing):
    return [text.get_text() for text in drawing.figure.texts]


def pieces(drawing, gid):
    (axes,) = drawing.figure.axes
    return [line for line in axes.get_lines() if line.get_gid() == gid]


@pytest.mark.parametrize("width", ["single", "double"])
@pytest.mark.parametrize("models", [("univariable",), ("univariable", "multivariable")])
def test_every_row_is_there_and_can_be_printed(checked, width, models):
    drawing = plot_forest(frame(*models), width=width)
    checked(drawing)
    assert drawing.size[0] == pytest.approx({"single": 84, "double": 174}[width])
    words = texts(drawing)
    for expected in ("Sarcopenia", "Extrahepatic disease", "No", "Yes", "reference", "12/31", "18/29", "2.40 (1.10, 5.00)",
                     "not estimated", "Lung nodules or hilar lymph nodes"):  # fmt: skip
        assert expected in words
    assert words.count("reference") == 2
    assert words.count("18/29") == len(models)
    assert ("0.021" in words) == (width == "double")
    assert ("Univariable" in words) == (len(models) == 2)


def test_marks_stand_at_their_estimates_on_a_log_axis():
    drawing = plot_forest(frame("univariable", "multivariable"))
    (axes,) = drawing.figure.axes
    assert axes.get_xscale() == "log"
    assert sorted(line.get_xdata()[0] for line in pieces(drawing, "mark")) == [1.02, 1.02, 2.4, 2.4, 3.4, 3.4]
    assert {line.get_marker() for line in pieces(drawing, "mark")} == {"s", "D"}
    (reference,) = pieces(drawing, "reference")
    assert set(reference.get_xdata()) == {1.0}


def test_cut_intervals_end_in_arrowheads_at_the_edge():
    drawing = plot_forest(frame())
    (axes,) = drawing.figure.axes
    low, high = axes.get_xlim()
    assert (low, high) == (0.125, 8)
    assert [(line.get_xdata()[0], line.get_marker()) for line in pieces(drawing, "cut")] == [
        (low, "<"),
        (high, ">"),
    ]
    assert all(low <= x <= high for line in pieces(drawing, "interval") for x in line.get_xdata())
    assert "Arrowheads" in drawing.caption
    assert "Arrowheads" not in plot_forest(frame(), limits=(0.01, 1000)).caption


def test_a_mark_is_level_with_its_words():
    drawing = plot_forest(frame())
    (axes,) = drawing.figure.axes
    to_mm = lambda y: axes.transData.transform((1, y))[1] / drawing.figure.dpi * 25.4  # noqa: E731
    marks = {line.get_xdata()[0]: to_mm(line.get_ydata()[0]) for line in pieces(drawing, "mark")}
    base = {text.get_text(): text.get_position()[1] for text in drawing.figure.texts}
    assert marks[2.4] - base["2.40 (1.10, 5.00)"] == pytest.approx(1.03, abs=0.05)
    assert marks[1.02] - base["1.02 (0.98, 1.06)"] == pytest.approx(1.03, abs=0.05)
    assert base["Yes"] == base["18/29"] == base["0.021"]


def test_alternative_text_and_caption_say_the_numbers_and_the_method():
    made = frame()
    made.attrs["method"] = "Cox, Efron ties; 60 patients"
    drawing = plot_forest(made, name="os")
    assert "Sarcopenia, Yes: univariable 2.40 (1.10, 5.00)." in drawing.alt
    assert drawing.caption.endswith("Cox, Efron ties; 60 patients.")
    assert drawing.name == "os"


def test_nothing_to_draw_and_too_much_to_draw_are_refused():
    with pytest.raises(HaipError, match="no estimate"):
        plot_forest(frame()[lambda rows: rows["reference"]])
    many = pd.concat([frame().assign(label=f"Factor {i}") for i in range(30)])
    with pytest.raises(HaipError, match="234 mm"):
        plot_forest(many)


def test_same_frame_same_bytes(tmp_path):
    one = save_figure(plot_forest(frame()), tmp_path / "one")
    two = save_figure(plot_forest(frame()), tmp_path / "two")
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]


def test_limits_hold_every_estimate_and_cut_what_runs_off():
    assert log_limits([0.9, 1.3], [1.1]) == (0.5, 2)
    assert log_limits([1e-9, math.inf], [20.0]) == (0.125, 32)
    assert log_limits([NAN, 3.0], [NAN, 2.0]) == (0.5, 4)
    assert 1.0 in log_ticks((2**-10, 2**10), 30)
