"""Where a curve becomes thin, and what is drawn of it."""

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.figures import steps as room
from haip_outcomes.figures.scales import time_breaks
from haip_outcomes.figures.style import HATCH, THIN, axes_at, drawing_style, sheet, text_width
from haip_outcomes.survival.counts import risk_sets
from haip_outcomes.survival.time_to_event import TimeToEvent


def part(n=6):
    """n patients, one event a month: S falls from 1 to 0."""
    time = np.arange(1.0, n + 1)
    value = 1 - time / n
    return pd.DataFrame({"group": np.nan, "outcome": "Death", "time": time, "estimate": value, "conf_low": value / 2,
                         "conf_high": (1 + value) / 2, "n": n, "n_risk": n - time + 1, "n_event": 1, "n_censor": 0})  # fmt: skip


@pytest.mark.parametrize(("n", "expected"), [(6, 2.0), (50, 46.0), (60, 55.0), (100, 91.0), (4, 0.0)])
def test_few_begins_after_the_last_time_with_five_and_ten_percent_at_risk(n, expected):
    # n = 60 needs 6 at risk: the sixth from the end, month 55; n = 100 needs 10: month 91
    frame = pd.DataFrame({"t": np.arange(1.0, n + 1), "s": 1})
    (one,) = risk_sets(TimeToEvent.from_frame(frame, time="t", state="s", states=["Death"]))
    assert room.few_from(one) == expected


def test_weights_do_not_make_more_patients():
    frame = pd.DataFrame({"t": np.arange(1.0, 7), "s": 1})
    tte = TimeToEvent.from_frame(frame, time="t", state="s", states=["Death"])
    (one,) = risk_sets(tte, weights=np.full(6, 100.0))
    assert room.few_from(one) == 2.0


@pytest.fixture
def axes():
    with drawing_style():
        made = axes_at(sheet(84, 60), 15, 15, 60, 40)
        made.set_xlim(0, 6)
        yield made


def pieces(axes, gid):
    return [artist for artist in axes.get_children() if artist.get_gid() == gid]


def test_line_and_band_change_at_the_same_time_and_leave_no_gap(axes):
    frame = part()
    with drawing_style():
        room.draw_steps(axes, room.steps(frame, 1.0, 6.0), room.group_style(0), few=2.0, band=True)
    (firm,), (thin,), (band,), (hatched,) = (pieces(axes, gid) for gid in ("firm", "thin", "band", "hatched"))
    assert firm.get_xdata().min() == 0
    assert firm.get_xdata().max() == 2 == thin.get_xdata().min()
    assert firm.get_ydata()[-1] == thin.get_ydata()[0] == pytest.approx(4 / 6)
    assert thin.get_linewidth() == THIN >= 0.3
    assert thin.get_ydata()[-1] == 0
    assert band.get_paths()[0].get_extents().xmax == 2 == hatched.get_paths()[0].get_extents().xmin
    assert hatched.get_hatch()
    assert HATCH >= 0.3


def test_a_curve_is_cut_at_the_end_of_the_axis_and_not_carried_beyond_its_last_time():
    assert room.steps(part(), 1.0, 3.5)["time"].tolist() == [0, 1, 2, 3, 3.5]
    assert room.steps(part(), 1.0, 99.0)["time"].max() == 6
    assert room.steps(part(), 1.0, 0.5)["estimate"].tolist() == [1.0, 1.0]


def test_tiny_groups_are_thin_from_the_start(axes):
    frame = part(3)
    with drawing_style():
        room.draw_steps(axes, room.steps(frame, 1.0, 6.0), room.group_style(0), few=0.0, band=True)
    assert not pieces(axes, "firm")
    (thin,) = pieces(axes, "thin")
    assert thin.get_xdata()[0] == 0
    assert thin.get_ydata()[0] == 1


def test_groups_can_be_told_apart_without_colour():
    styles = [room.group_style(i) for i in range(6)]
    assert len({str(style["linestyle"]) for style in styles}) == 6
    incidence = [room.incidence_style(i, 0, True) for i in range(6)]
    assert len({style["marker"] for style in incidence}) == 6
    assert (
        room.incidence_style(0, 0, False)["linestyle"]
        == "-"
        != room.incidence_style(0, 1, False)["linestyle"]
    )


def test_breaks_are_round_and_their_numbers_do_not_touch():
    assert time_breaks(73, "months", "single") == (0, 12, 24, 36, 48, 60, 72)
    assert time_breaks(160, "months", "single") == (0, 24, 48, 72, 96, 120, 144)
    assert time_breaks(5, "years", "double") == (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5)
    assert time_breaks(400, "days", "single") == (0, 60, 120, 180, 240, 300, 360)
    for until in (0.4, 3, 17, 950):
        breaks = time_breaks(until, "months", "single", "12345")
        assert 2 <= len(breaks) <= 9
        assert 60 * breaks[1] / until > text_width("12345")


def test_in_words_carries_no_time_beyond_the_curve():
    words = room.in_words(part(), ("Sarcopenia", ""), 6, 6, "months", 1.0, (0, 2, 4, 8))
    assert words == "Sarcopenia: 6 patients, 6 events; 67% at 2, 33% at 4 months"


def test_many_groups_stay_different():
    survival = [(room.group_style(i)["color"], str(room.group_style(i)["linestyle"])) for i in range(12)]
    assert len(set(survival)) == 12
    incidence = [(room.incidence_style(i, 0, True)["color"], room.incidence_style(i, 0, True)["marker"]) for i in range(12)]
    assert len(set(incidence)) == 12
