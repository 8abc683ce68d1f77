"""The forest of pooled figures: what stands where, in which form, and what is refused."""

import math
from dataclasses import replace

import pytest

import haip_outcomes as haip
from haip_outcomes.benchmark.literature import make_figures
from haip_outcomes.errors import HaipError
from haip_outcomes.figures.style import save_figure


def figures(rows, **common):
    base = {"setting": "adjuvant", "modality": "HAIP + systemic", "endpoint": "overall_survival", "statistic": "landmark_probability", "horizon": 36.0,
            "unit": "%", "time_zero": "not stated", "event": "as named", "competing": "not applicable", "better": "higher", "read": "primary",
            "where": "abstract", **common}  # fmt: skip
    table = [{**base, "id": f"f{i}", "source": f"s{i}", **row} for i, row in enumerate(rows)]
    table = [{key: value for key, value in row.items() if value is not None} for row in table]
    return make_figures({"figure": table, "sources": {row["source"]: {"short": row["source"].upper(), "citation": "A."} for row in table}})


FIVE = [{"value": v, "n": n} for v, n in ((64.0, 26), (70.0, 86), (55.0, 53), (61.0, 35), (78.0, 120))]
MEDIAN = {"statistic": "median", "unit": "months", "horizon": None}


@pytest.fixture(scope="module")
def survival():
    return haip.pooled(figures(FIVE), n_new=34)


def pieces(drawing, gid):
    axes = drawing.figure.axes[0]
    return [one for one in [*axes.lines, *axes.patches] if one.get_gid() == gid]


@pytest.mark.parametrize(("width", "mm"), [("double", 174.0), ("single", 84.0)])
def test_every_source_the_mean_and_both_intervals_are_there(survival, width, mm, tmp_path):
    drawing = haip.plot_pooled(survival, (0.58, 0.4, 0.75), width=width)
    assert drawing.size[0] == mm
    marks = pieces(drawing, "mark")
    assert [line.get_marker() for line in marks] == ["D"] * 5 + ["s"]
    sizes = [line.get_markersize() for line in marks[:5]]
    assert sizes.index(max(sizes)) == 4  # the heaviest
    xs = sorted(float(corner[0]) for corner in pieces(drawing, "pooled")[0].get_xy()[:4])
    assert [xs[0], xs[-1]] == pytest.approx([100 * limit for limit in survival.limits])
    for gid, frame in (("true", survival.prediction(std_error=0)), ("observed", survival.prediction(n=34))):
        (bar,) = pieces(drawing, gid)
        assert [bar.get_x(), bar.get_x() + bar.get_width()] == pytest.approx([100 * frame[name][0] for name in ("conf_low", "conf_high")])
    assert pieces(drawing, "observed")[0].get_hatch()
    assert [path.exists() for path in save_figure(drawing, tmp_path / "pooled")] == [True, True]


def test_the_words_under_it(survival):
    drawing = haip.plot_pooled(survival, (0.58, 0.4, 0.75))
    assert "prediction interval of a new centre's true result; striped bar: of the result that 34 patients" in drawing.caption
    assert "Filled square: this centre." in drawing.caption
    assert "modified Hartung-Knapp" in drawing.caption
    assert "This centre: 58 (40, 75)%." in drawing.alt
    assert "S0: 64 (" in drawing.alt
    words = [text.get_text() for text in drawing.figure.texts]
    assert "Overall survival at 36 months (%)" in words
    assert "New centre, observed in 34 patients" in words
    alone = haip.plot_pooled(haip.pooled(figures(FIVE)))
    assert "striped" not in alone.caption
    assert "This centre" not in [text.get_text() for text in alone.figure.texts]


def test_a_median_that_was_not_reached_is_nr_and_an_arrow():
    rows = [{"value": v, "n": n} for v, n in ((38.0, 50), (24.0, 60), (33.0, 70), (40.0, 80))]
    pooled = haip.pooled(figures(rows, **MEDIAN))
    drawing = haip.plot_pooled(pooled, (24.7, 9.8, math.inf))
    words = [text.get_text() for text in drawing.figure.texts]
    assert "24.7 (9.8, NR)" in words
    assert "Median overall survival (months)" in words
    (arrow,) = pieces(drawing, "cut")
    assert arrow.get_color() == pieces(drawing, "mark")[-1].get_color()
    high = pooled.prediction()["conf_high"][0]
    assert drawing.figure.axes[0].get_xlim()[1] >= high


def test_an_interval_that_no_axis_should_hold_is_cut_with_an_arrowhead():
    rows = [{"value": v, "n": n} for v, n in ((80.0, 20), (8.0, 20), (33.0, 20), (15.0, 20))]
    pooled = haip.pooled(figures(rows, **MEDIAN))
    drawing = haip.plot_pooled(pooled, (math.nan, 24.0, math.inf))  # a centre whose median was not reached
    limit = drawing.figure.axes[0].get_xlim()[1]
    assert pooled.prediction()["conf_high"][0] > limit
    (bar,) = pieces(drawing, "true")
    assert bar.get_x() + bar.get_width() == limit
    assert len(pieces(drawing, "cut")) == 2
    assert {one.get_color() for one in pieces(drawing, "cut")} == {"#D55E00"}
    assert "Arrowheads" in drawing.caption
    assert "NR (24.0, NR)" in [text.get_text() for text in drawing.figure.texts]


def test_ratios_stand_on_a_log_axis():
    rows = [{"value": v, "ci_low": v / 1.5, "ci_high": v * 1.5, "ci_level": 0.95, "ci_form": "not stated"} for v in (0.5, 0.6, 0.7, 0.8)]
    drawing = haip.plot_pooled(haip.pooled(figures(rows, **{**MEDIAN, "statistic": "hazard_ratio", "unit": "ratio", "factor": "haip"})), [0.9, 0.5, 1.6])
    assert drawing.figure.axes[0].get_xscale() == "log"
    assert "Hazard ratio, overall survival (log scale)" in [text.get_text() for text in drawing.figure.texts]


def test_what_compare_found_is_drawn_under_each_convention():
    centre = haip.demo_cohort()
    rows = [{**row, "time_zero": "not stated"} for row in FIVE]
    own = figures(rows)
    found = haip.compare(centre, own)
    one = found.compared[0]
    drawing = haip.plot_pooled(haip.pooled(own), one)
    squares = [line for line in pieces(drawing, "mark") if line.get_marker() == "s"]
    assert len(squares) == len(one.answers.numbers) >= 1
    assert float(squares[0].get_xdata()[0]) == pytest.approx(100 * one.answers.numbers[0].side.estimate)
    with pytest.raises(HaipError, match="not of the pooled figures' question"):
        haip.plot_pooled(haip.pooled(own), replace(one, figure=one.figure.model_copy(update={"id": "other"})))
    other = replace(one.answers, numbers=tuple(replace(ours, unit="months") for ours in one.answers.numbers))
    with pytest.raises(HaipError, match="is in months, and the pooled figures are in probability"):
        haip.plot_pooled(haip.pooled(own), replace(one, answers=other))
    with pytest.raises(HaipError, match="no number of its own"):
        haip.plot_pooled(haip.pooled(own), replace(one, answers=None))


@pytest.mark.parametrize(
    ("centre", "words"),
    [((58, 40, 75), "write 0.58 for 58%"), ((0.5, 0.6, 0.7), "excludes its estimate"), ((0.5, 0.4), "estimate, lower limit"), (("a", 0, 1), "estimate, lower limit")],
)
def test_a_wrong_number_of_the_centre_is_named(survival, centre, words):
    with pytest.raises(HaipError, match=words):
        haip.plot_pooled(survival, centre)
