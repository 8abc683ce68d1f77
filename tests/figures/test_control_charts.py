"""Charts over time: the limit and the signals stand where they belong, and no limit in the panel that has none."""

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.benchmark.curves.reference_curve import ReferenceCurve
from haip_outcomes.benchmark.over_time.cusums import cusum
from haip_outcomes.benchmark.over_time.learning import learning_curve
from haip_outcomes.benchmark.over_time.survival_cusums import survival_cusum
from haip_outcomes.errors import HaipError
from haip_outcomes.figures.control_charts import plot_cusum, plot_learning_curve
from haip_outcomes.survival.time_to_event import TimeToEvent


def pieces(axes, gid):
    return [line for line in (*axes.get_lines(), *axes.collections) if line.get_gid() == gid]


def bad_then_good():
    return cusum([1] * 9 + [0] * 30 + [1, 0, 1, 1], 0.22, planned=60)


def of_survival():
    rng = np.random.default_rng(4)
    entry, x = np.sort(rng.uniform(0, 60, 60)), rng.exponential(25, 60)
    frame = pd.DataFrame({"t": np.minimum(x, 84 - entry), "s": (x < 84 - entry).astype(int)})
    tte = TimeToEvent.from_frame(frame, time="t", state="s", states=["Death"])
    return survival_cusum(entry, tte, ReferenceCurve.from_median(38), until=84, limit=4.98)


@pytest.mark.parametrize("width", ["single", "double"])
@pytest.mark.parametrize("chart", [bad_then_good, of_survival, lambda: cusum([0, 1, 0] * 7, [0.2, 0.3, 0.25] * 7, limit=3.0),
                                   lambda: cusum([0] * 400, 0.1, limit=5.0), lambda: cusum([1], 0.3, planned=30)])  # fmt: skip
def test_charts_can_be_printed(checked, width, chart):
    drawing = plot_cusum(chart(), width=width)
    checked(drawing)
    assert drawing.size[0] == {"single": 84, "double": 174}[width]


def test_the_limit_stands_in_the_upper_panel_only_and_signals_at_their_cases():
    chart = bad_then_good()
    drawing = plot_cusum(chart)
    upper, lower = drawing.figure.axes[:2]
    (limit,) = pieces(upper, "limit")
    assert limit.get_ydata()[0] == pytest.approx(chart.limit.value)
    assert not pieces(lower, "limit")
    (marks,) = pieces(upper, "signal")
    assert marks.get_xdata() == list(chart.signals) == [7]
    (balance,) = pieces(lower, "balance")
    assert balance.get_ydata()[-1] == pytest.approx(chart.tidy()["observed_minus_expected"].iloc[-1])
    words = [text.get_text() for text in drawing.figure.texts]
    assert f"Limit {chart.limit.value:.2f}" in words
    assert "no limit belongs to this line" in drawing.caption
    assert "1 signal, at case 7" in drawing.alt
    assert upper.get_xlim() == lower.get_xlim()


def test_learning_curves_can_be_printed(checked):
    rng = np.random.default_rng(1)
    y = rng.random(60) < 0.3
    for width in ("single", "double"):
        for curve in (learning_curve(y), learning_curve(y, expected=np.full(60, 0.25)), learning_curve([0] * 12), learning_curve([1] * 15),
                      learning_curve(rng.random(300) < 0.1)):  # fmt: skip
            drawing = plot_learning_curve(curve, width=width)
            checked(drawing)
    assert "cases with the event" in drawing.caption
    axes = plot_learning_curve(learning_curve(y, expected=np.full(60, 0.25))).figure.axes[0]
    (events,) = pieces(axes, "events")
    assert len(events.get_segments()) == int(y.sum())
    (expected,) = pieces(axes, "expected")
    assert set(np.round(expected.get_ydata(), 12)) == {0.25}
    assert not pieces(axes, "trend")


def test_an_unknown_width_is_refused():
    with pytest.raises(HaipError, match="single"):
        plot_cusum(bad_then_good(), width="wide")
