"""The calibration plot and the decision curve: sizes, marks where the numbers are, and nothing small under a policy."""

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.errors import HaipError
from haip_outcomes.figures.calibration_plots import plot_calibration, plot_decision_curve
from haip_outcomes.prognosis.validation.calibrating import calibration
from haip_outcomes.prognosis.validation.net_benefit import decision_curve
from haip_outcomes.survival.time_to_event import TimeToEvent
from haip_outcomes.tables.disclosure import Policy


def patients(n, seed, most=0.9, competing=False):
    rng = np.random.default_rng(seed)
    risk = rng.beta(2, 3, n) * most
    time, other, end = rng.exponential(-36 / np.log1p(-risk)), rng.exponential(120, n), rng.uniform(20, 120, n)
    if not competing:
        other = np.full(n, np.inf)
    last = np.minimum(np.minimum(time, other), end)
    frame = pd.DataFrame({"time": last, "state": np.where(last == time, 1, np.where(last == other, 2, 0))})
    states = ["Progression in the liver", "Death"] if competing else ["Death"]
    return TimeToEvent.from_frame(frame, time="time", state="state", states=states), risk


def drawn(drawing, gid, axes=0):
    return [artist for artist in drawing.figure.axes[axes].lines if str(artist.get_gid()).startswith(gid)]


@pytest.mark.parametrize("width", ["single", "double"])
@pytest.mark.parametrize(("n", "most", "groups", "competing"), [(60, 0.9, 3, False), (400, 0.25, 5, True), (2000, 1.0, 10, False)])
def test_a_calibration_plot(checked, width, n, most, groups, competing):
    tte, risk = patients(n, 3, most, competing)
    found = calibration(tte, risk, 36, cause=tte.states[0], groups=groups)
    drawing = plot_calibration(found, width=width)
    checked(drawing)
    dots = np.column_stack(drawn(drawing, "group")[0].get_data())
    assert np.allclose(dots, 100 * found.groups[["predicted", "estimate"]])
    assert [list(bar.get_ydata()) for bar in drawn(drawing, "limits")] == (100 * found.groups[["conf_low", "conf_high"]]).to_numpy().tolist()
    assert np.allclose(np.column_stack(drawn(drawing, "curve")[0].get_data()), 100 * found.curve[["predicted", "estimate"]])
    main = drawing.figure.axes[0]
    assert main.get_xlim() == main.get_ylim()
    inside = sum(bar.get_height() for bar in drawing.figure.axes[1].patches)
    assert inside == (risk < main.get_xlim()[1] / 100).sum()
    assert (f"; {n - inside} with a higher risk lie outside the frame" in drawing.caption) == (inside < n)
    assert f"Calibration of {tte.states[0]} by 36 months" in drawing.caption
    assert drawing.alt.startswith(f"Calibration plot of the risk of {tte.states[0]} by 36 months: predicted ")


def test_a_calibration_plot_without_a_curve_or_a_known_group(checked):
    tte, risk = patients(80, 5)
    no_curve = calibration(tte, np.where(risk > 0.4, 0.6, 0.2), 36, groups=2)
    checked(plot_calibration(no_curve))
    assert not drawn(plot_calibration(no_curve), "curve")
    assert "Smooth" not in " ".join(text.get_text() for text in plot_calibration(no_curve).figure.texts)


@pytest.mark.parametrize("width", ["single", "double"])
def test_decision_curves(checked, width):
    tte, risk = patients(300, 9)
    thresholds = np.arange(0.05, 0.8, 0.05)
    found = decision_curve(tte, risk, 36, thresholds)
    drawing = plot_decision_curve(found, width=width)
    checked(drawing)
    frame = found.tidy()
    line = np.column_stack(drawn(drawing, "model")[0].get_data())
    assert np.allclose(line, frame.loc[frame["term"] == "Model", ["threshold", "estimate"]] * [100, 1])
    other = decision_curve(tte, np.sqrt(risk), 36, thresholds)
    both = plot_decision_curve({"Score": found, "Score, badly calibrated": other}, width=width)
    checked(both)
    assert [line.get_gid() for line in drawn(both, "model")] == ["model Score", "model Score, badly calibrated"]
    assert "Score above both treating all and treating none at " in both.alt
    checked(plot_decision_curve(decision_curve(tte, risk, 36, 0.3), width=width))
    checked(plot_decision_curve(decision_curve(tte, risk / 20, 36, [0.4, 0.5]), width=width))


def test_what_does_not_belong_together_is_refused():
    tte, risk = patients(300, 9)
    one, later = decision_curve(tte, risk, 36, [0.2]), decision_curve(tte, risk, 24, [0.2])
    with pytest.raises(HaipError, match="same patients, outcome and time"):
        plot_decision_curve({"a": one, "b": later})
    with pytest.raises(HaipError, match="no decision curve"):
        plot_decision_curve({})
    with pytest.raises(HaipError, match="84 mm"):
        plot_decision_curve(one, width="wide")


class Outside(Policy):
    @property
    def hides(self):
        return True

    def enough(self, n):
        return n >= 10


def test_small_numbers_are_not_drawn_for_outside(checked):
    tte, risk = patients(60, 3)
    found = calibration(tte, risk, 36, groups=5)
    small = [0 < k < 5 or 0 < n - k < 5 for n, k in zip(found.groups["n"], found.groups["n_event"], strict=True)]
    assert any(small)
    assert not all(small)
    drawing = plot_calibration(found, policy=Outside())
    checked(drawing)
    assert len(drawn(drawing, "group")[0].get_xdata()) == small.count(False)
    assert len(drawing.figure.axes) == 1  # no strip
    assert "small numbers left out ([c])" in drawing.caption
    curve = decision_curve(tte, risk, 36, [0.05, 0.3, 0.4, 0.85])
    treated = curve.tidy().set_index(["term", "threshold"]).loc["Model", "n"]
    shown = drawn(plot_decision_curve(curve, policy=Outside()), "model")[0].get_xdata()
    assert {round(x) for x in shown} == {round(100 * p) for p, n in treated.items() if n >= 10 and not 0 < 60 - n < 5}
    with pytest.raises(HaipError, match="nothing to draw"):
        plot_decision_curve(decision_curve(tte, risk, 36, [0.84, 0.85]), policy=Outside())
