"""Survival and incidence curves: the numbers under them, what is thin, what is said."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.errors import EndpointError
from haip_outcomes.figures.curves import plot_cumulative_incidence, plot_survival
from haip_outcomes.figures.style import save_figure
from haip_outcomes.survival.comparing.comparisons import logrank
from haip_outcomes.survival.comparing.gray_test import gray
from haip_outcomes.survival.curves.aalen_johansen import cumulative_incidence
from haip_outcomes.survival.curves.kaplan_meier import survival_curve
from haip_outcomes.survival.time_to_event import TimeToEvent


def times(n=40, seed=3, states=("Liver", "Death"), label="Liver progression or recurrence"):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "months": rng.exponential(25, n).round(1) + 0.1, "state": rng.integers(0, len(states) + 1, n),
        "group": rng.choice(["No", "Yes"], n), "key": [f"MRN{i:06d}" for i in range(n)],
    }).set_index("key")  # fmt: skip
    return TimeToEvent.from_frame(
        frame, time="months", state="state", states=list(states), label=label, time_zero="pump placement"
    ), frame


def deaths(n=40, seed=3):
    return times(n, seed, ("Death",), "Overall survival")


def words(drawing):
    return [text.get_text() for text in drawing.figure.texts]


def pieces(drawing, gid):
    (axes,) = drawing.figure.axes
    return [artist for artist in axes.get_children() if artist.get_gid() == gid]


def columns(drawing):
    """The numbers under the axis, by their place in mm: x -> numbers from top to bottom."""
    found = {}
    for text in drawing.figure.texts:
        if text.get_gid() == "number":
            found.setdefault(round(text.get_position()[0], 3), []).append(
                (-text.get_position()[1], int(text.get_text()))
            )
    return {x: [number for _, number in sorted(cells)] for x, cells in sorted(found.items())}


@pytest.mark.parametrize("width", ["single", "double"])
@pytest.mark.parametrize("grouped", [False, True])
def test_survival_is_printable_and_says_what_it_is(checked, width, grouped):
    tte, frame = deaths()
    by = frame["group"] if grouped else None
    drawing = plot_survival(
        survival_curve(tte, by), width=width, by_label="Sarcopenia", test=logrank(tte, frame["group"])
    )
    checked(drawing)
    assert drawing.size[0] == pytest.approx({"single": 84, "double": 174}[width])
    said = words(drawing)
    assert "Months since pump placement" in said
    assert "Overall survival (%)" in said
    assert any(text.startswith("Log-rank test: p ") for text in said)
    assert ("Sarcopenia:" in said) == grouped
    assert said.count("Censored") == (2 if grouped else 1)
    (axes,) = drawing.figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "25", "50", "75", "100"]
    assert axes.get_ylim() == (0, 1)
    assert survival_curve(tte, by).method in drawing.caption


def test_numbers_under_the_axis_add_up_and_stand_under_their_ticks(checked):
    tte, frame = deaths(60)
    drawing = plot_survival(survival_curve(tte, frame["group"]))
    n = frame["group"].value_counts()
    (axes,) = drawing.figure.axes
    table = columns(drawing)
    ticks = axes.get_xticks()
    assert len(table) == len(ticks)
    for (x, numbers), tick in zip(table.items(), ticks, strict=True):
        assert axes.transData.transform((tick, 0))[0] / drawing.figure.dpi * 25.4 == pytest.approx(
            x, abs=0.01
        )
        assert sum(numbers[:3]) == n["No"]
        assert sum(numbers[3:]) == n["Yes"]
        no = frame[frame["group"] == "No"]
        assert numbers[0] == (no["months"] >= tick).sum()
        assert numbers[1] == ((no["months"] < tick) & (no["state"] == 0)).sum()
    assert next(iter(table.values()))[0] == n["No"]


def test_the_thin_part_begins_where_too_few_are_left():
    tte, frame = deaths(60)
    drawing = plot_survival(survival_curve(tte))
    needed = sorted(frame["months"])[
        -6
    ]  # 10% of 60 is 6: the sixth from the end is the last time with 6 at risk
    (firm,), (thin,) = pieces(drawing, "firm"), pieces(drawing, "thin")
    assert firm.get_xdata().max() == needed == thin.get_xdata().min()
    assert thin.get_linewidth() < firm.get_linewidth()
    assert thin.get_xdata().max() == frame["months"].max()
    assert len(pieces(drawing, "band")) == len(pieces(drawing, "hatched")) == 1
    assert "Thin line and hatched band" in drawing.caption
    early = plot_survival(survival_curve(tte), until=needed - 1)
    assert not pieces(early, "thin")
    assert "Thin line" not in early.caption


def test_the_line_is_the_curve_and_censorings_are_on_it():
    tte, frame = deaths(25)
    curve = survival_curve(tte)
    drawing = plot_survival(curve)
    (firm,), (thin,) = pieces(drawing, "firm"), pieces(drawing, "thin")
    x, y = np.append(firm.get_xdata(), thin.get_xdata()), np.append(firm.get_ydata(), thin.get_ydata())
    for row in curve.tidy().itertuples():
        assert np.isclose(y[np.isclose(x, row.time)], row.estimate).any()
    (strokes,) = pieces(drawing, "censored")
    assert sorted(strokes.get_xdata()) == sorted(set(frame.loc[frame["state"] == 0, "months"]))


def test_a_cause_censored_curve_carries_its_caution(checked):
    tte, _ = times()
    drawing = plot_survival(survival_curve(tte.only("Liver")))
    checked(drawing)
    said = " ".join(words(drawing))
    assert "not the probability of the event" in said
    assert "not the probability of the event" in drawing.caption
    assert "not the probability of the event" in drawing.alt
    assert "Free of liver progression or recurrence (%)" in said.replace("\n", " ")
    assert "Free of disease (%)" in words(
        plot_survival(survival_curve(tte.only("Liver")), y_label="Free of disease")
    )


@pytest.mark.parametrize("width", ["single", "double"])
@pytest.mark.parametrize("grouped", [False, True])
def test_incidence_is_printable_solid_for_the_cause_and_broken_for_the_others(checked, width, grouped):
    tte, frame = times(80, states=("Liver", "Extrahepatic", "Death"))
    by = frame["group"] if grouped else None
    tests = {cause: gray(tte, frame["group"], cause=cause) for cause in tte.states}
    drawing = plot_cumulative_incidence(
        cumulative_incidence(tte, by), cause="Liver", width=width, tests=tests, by_label="Sarcopenia"
    )
    checked(drawing)
    groups = 2 if grouped else 1
    solid = [line for line in pieces(drawing, "firm") if line.get_linestyle() == "-"]
    assert len(solid) == groups
    assert len(pieces(drawing, "firm")) == 3 * groups
    assert len(pieces(drawing, "band")) == groups
    said = words(drawing)
    assert sum("Gray's test: p " in text for text in said) == 3
    assert all(line.get_ydata()[0] == 0 for line in pieces(drawing, "firm"))
    assert said.count("At risk") == groups
    assert bool(pieces(drawing, "mark")) == grouped


def test_long_labels_fit_a_single_column(checked):
    tte, frame = times(
        80,
        states=(
            "Liver progression or recurrence",
            "Extrahepatic progression or recurrence",
            "Death from any cause",
        ),
    )
    labels = {
        "Yes": "Extrahepatic disease at the time of pump placement, of any kind and size",
        "No": "No extrahepatic disease",
    }
    curve = cumulative_incidence(tte, frame["group"])
    drawing = plot_cumulative_incidence(
        curve, cause="Death from any cause", labels=labels, by_label="Extrahepatic disease"
    )
    checked(drawing)
    # groups stand in the order of `labels`, in the key and under the axis
    said = words(drawing)
    assert said.index("No extrahepatic disease") > next(
        i for i, text in enumerate(said) if text.startswith("Extrahepatic disease at")
    )


def test_one_patient_and_no_events_are_drawn(checked):
    one = TimeToEvent.from_frame(pd.DataFrame({"t": [3.0], "s": [0]}), time="t", state="s", states=["Death"])
    drawing = plot_survival(survival_curve(one))
    checked(drawing)
    assert "Time, months" in words(drawing)
    two = TimeToEvent.from_frame(
        pd.DataFrame({"t": [3.0, 4.0], "s": [0, 2]}), time="t", state="s", states=["Liver", "Death"]
    )
    checked(plot_cumulative_incidence(cumulative_incidence(two), cause="Liver"))


def test_delayed_entry_has_a_row_for_those_not_yet_entered(checked):
    frame = pd.DataFrame({"t": [5.0, 8.0, 9.0, 12.0], "e": [0.0, 1.0, 4.0, 6.0], "s": [1, 0, 1, 0]})
    tte = TimeToEvent.from_frame(frame, time="t", entry="e", state="s", states=["Death"])
    drawing = plot_survival(survival_curve(tte), breaks=[0, 6, 12])
    checked(drawing)
    assert "Not entered" in words(drawing)
    assert all(sum(numbers) == 4 for numbers in columns(drawing).values())


def test_what_does_not_fit_is_refused():
    tte, frame = times()
    curve, incidence = survival_curve(tte.only("Liver"), frame["group"]), cumulative_incidence(tte)
    with pytest.raises(EndpointError, match="breaks must lie"):
        plot_survival(curve, until=12, breaks=[0, 24])
    with pytest.raises(EndpointError, match="end after 0"):
        plot_survival(curve, until=0)
    with pytest.raises(EndpointError, match='no group "yes"'):
        plot_survival(curve, labels={"yes": "Yes"})
    with pytest.raises(EndpointError, match='Did you mean "Liver"'):
        plot_cumulative_incidence(incidence, cause="liver")


def test_no_patient_is_named_anywhere(tmp_path):
    tte, frame = deaths()
    drawing = plot_survival(survival_curve(tte, frame["group"]))
    assert "MRN" not in " ".join([drawing.alt, drawing.caption, drawing.name, *words(drawing)])
    for file in save_figure(drawing, tmp_path / "os"):
        assert b"MRN" not in file.read_bytes()


def test_same_input_same_bytes_also_in_another_process(tmp_path):
    code = ("import sys; sys.path.insert(0, sys.argv[1]); from test_curves import *; tte, frame = times(); "
            "save_figure(plot_cumulative_incidence(cumulative_incidence(tte, frame['group']), cause='Liver'), sys.argv[2])")  # fmt: skip
    folder = str(__file__).rsplit("/", 1)[0]
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", code, folder, str(tmp_path / seed)],
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        )
    for suffix in ("pdf", "png"):
        assert (tmp_path / f"1.{suffix}").read_bytes() == (tmp_path / f"2.{suffix}").read_bytes()
