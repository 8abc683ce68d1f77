"""The funnel plot: sizes, marks where the numbers are, names that do not overlap, and nothing small under a policy."""

import numpy as np
import pytest

from haip_outcomes.benchmark.case_mix.funnels import funnel
from haip_outcomes.errors import HaipError
from haip_outcomes.figures.funnels import plot_funnel
from haip_outcomes.tables.disclosure import Policy

EVENTS, SIZES = [14, 9, 23, 5, 2, 31, 12, 4, 19, 7, 11, 3], [60, 41, 102, 35, 20, 96, 48, 33, 64, 51, 28, 22]
NAMES = [f"Centre {letter}" for letter in "ABCDEFGHIJKL"]


def artists(drawing, gid):
    axes = drawing.figure.axes[0]
    return [artist for artist in [*axes.lines, *axes.texts] if str(artist.get_gid()).startswith(gid)]


@pytest.mark.parametrize("width", ["single", "double"])
@pytest.mark.parametrize("overdispersion", [None, "additive"])
def test_a_funnel_of_proportions(checked, width, overdispersion):
    found = funnel(EVENTS, SIZES, target=0.22, groups=NAMES, overdispersion=overdispersion)
    drawing = plot_funnel(found, y_label="Complication within 90 days", width=width, label="all")
    checked(drawing)
    assert drawing.size[0] == {"single": 84.0, "double": 174.0}[width]
    marks = np.vstack([np.column_stack([np.asarray(part, dtype=float) for part in line.get_data()]) for line in artists(drawing, "centre")])
    want = np.column_stack([SIZES, 100 * np.array(EVENTS) / np.array(SIZES)])
    assert np.allclose(marks[np.lexsort(marks.T)], want[np.lexsort(want.T)])
    assert sorted(text.get_text() for text in artists(drawing, "name")) == sorted(NAMES)
    for level in (0.95, 0.998):
        upper = artists(drawing, f"limit {level:g}")[1]
        own = found.limits([60])
        value = own.loc[own["conf_level"] == level, "conf_high"].iloc[0]
        assert np.interp(60, *upper.get_data()) == pytest.approx(100 * value)


def test_only_centres_outside_are_named_and_the_words_say_them(checked):
    found = funnel(EVENTS, SIZES, target=0.22, groups=NAMES)
    drawing = plot_funnel(found)
    checked(drawing)
    assert {text.get_text() for text in artists(drawing, "name")} == {"Centre F", "Centre K"}
    assert drawing.alt == ("Funnel plot of 12 centres about a target of 22%. Centre F: 32%, above the 95% limits (p 0.020). "
                           "Centre K: 39%, above the 95% limits (p 0.040).")  # fmt: skip
    assert "not ranked" in drawing.caption
    assert not artists(plot_funnel(found, label="none"), "name")
    with pytest.raises(HaipError, match="label must be"):
        plot_funnel(found, label="best")


def test_a_funnel_of_ratios_shows_a_centres_own_limits_where_the_expectation_is_uncertain(checked):
    observed, expected = [3, 14, 2, 25, 8, 1, 19, 9], [7.1, 8.3, 5.2, 14.9, 9.6, 3.8, 10.2, 9.9]
    known = plot_funnel(funnel(observed, expected, target=1), y_label="Deaths")
    checked(known)
    assert not artists(known, "own limits")
    found = funnel(observed, expected, target=1, variance_of_expected=[2, 3, 1, 6, 3, 1, 4, 3])
    drawing = plot_funnel(found, y_label="Deaths")
    checked(drawing)
    bars = artists(drawing, "own limits")
    assert [list(bar.get_ydata()) for bar in bars] == found.tidy()[["conf_low", "conf_high"]].to_numpy().tolist()
    assert "Vertical bars" in drawing.caption


def test_one_centre_and_an_extreme_one_fit(checked):
    checked(plot_funnel(funnel([14], [60], target=0.22, groups=["Our centre"]), label="all"))
    checked(plot_funnel(funnel([0, 40, 1], [3, 40, 2], target=0.5), label="all"))
    checked(plot_funnel(funnel([0, 40, 1], [0.3, 4.0, 120.0], target=1), label="all", width="double"))


class Outside(Policy):
    @property
    def hides(self):
        return True

    def enough(self, n):
        return n >= 10


def test_small_numbers_are_not_drawn_for_outside(checked):
    found = funnel([14, 2, 11, 9, 26], [60, 20, 28, 9, 28], target=0.22, groups=list("ABCDE"))
    drawing = plot_funnel(found, policy=Outside(), label="all")
    checked(drawing)
    assert {text.get_text() for text in artists(drawing, "name")} == {"A", "C"}  # B has 2, D has 9 patients, E all but 2
    assert "small numbers are left out" in drawing.caption
    assert "E:" not in drawing.alt
    assert "D:" not in drawing.alt
    with pytest.raises(HaipError, match="nothing to draw"):
        plot_funnel(funnel([2], [20], target=0.22), policy=Outside())
