"""Steiner's CUSUM: the notes' examples, R, every history of few cases, and what must never happen."""

import itertools
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from methods_examples import example
from over_time_reference import close, over_time

from haip_outcomes.benchmark.over_time.cusums import cusum
from haip_outcomes.errors import EndpointError


def test_m12_limits_are_exact():
    given_, expected = example("m12_limits")
    for row in expected["rows"]:
        chart = cusum(np.zeros(row["N"]), given_["p"], odds_ratio=given_["odds_ratio"], false_alarm=row["alpha"])
        limit = chart.limit
        assert limit.exact
        assert limit.simulations == 0
        close([limit.value, limit.false_alarm, limit.below, limit.false_alarm_below, limit.detection],
              [row[name] for name in ("h", "exact_false_alarm", "next_lower_value", "false_alarm_there", "detection_if_OR_true")])  # fmt: skip
        weights = cusum([1, 0], given_["p"], planned=row["N"]).tidy()["weight"]
        close(weights, [expected["w_event"], expected["w_no_event"]])
        planned = cusum([0, 1, 0], given_["p"], planned=row["N"], false_alarm=row["alpha"])
        assert planned.limit == limit


def test_m12_limits_by_simulation_agree_within_four_standard_errors():
    given_, expected = example("m12_limits")
    for row in expected["rows"]:
        # risks that differ in the 12th digit only: the same chart, but found by simulation
        p = np.full(row["N"], given_["p"])
        p[0] += 1e-12
        limit = cusum(np.zeros(row["N"]), p, false_alarm=row["alpha"], limit=row["h"], rng=1, simulations=50_000).limit
        assert not limit.exact
        assert abs(limit.false_alarm - row["simulated_false_alarm"]) < 4 * math.hypot(limit.std_error, row["simulation_se"])
        assert abs(limit.false_alarm - row["exact_false_alarm"]) < 4 * limit.std_error
        assert abs(limit.detection - row["detection_if_OR_true"]) < 4 * math.sqrt(0.25 / 50_000)


def test_m12_path():
    given_, expected = example("m12_path")
    chart = cusum(given_["y"], given_["p"], odds_ratio=given_["odds_ratio"], rng=1, simulations=2_000)
    frame = chart.tidy()
    close(frame["statistic"], expected["S"])
    close(frame["observed_minus_expected"], expected["observed_minus_expected"])
    close([frame["statistic"].max()], [expected["max"]])
    assert chart.signals == ()
    assert list(frame["case"]) == list(range(1, 41))


@pytest.mark.parametrize("case", range(6))
def test_paths_with_restarts_equal_those_of_r(case):
    theirs = over_time()["paths"][case]
    chart = cusum(theirs["y"], theirs["p"], odds_ratio=theirs["R"], limit=theirs["h"])
    close(chart.tidy()["statistic"], theirs["S"])
    close(chart.tidy()["observed_minus_expected"], theirs["gap"])
    assert list(chart.signals) == np.atleast_1d(theirs["signals"]).tolist()


def test_exact_limits_equal_those_over_every_history_in_r():
    found = 0
    for theirs in over_time()["exact"]:
        ask = {"outcome": np.zeros(theirs["N"]), "expected": theirs["p"], "odds_ratio": theirs["R"], "false_alarm": theirs["alpha"]}
        if theirs["none"]:
            with pytest.raises(EndpointError, match="can have no limit"):
                cusum(**ask)
            continue
        limit = cusum(**ask).limit
        if theirs["h"] == 0:
            continue
        found += 1
        close([limit.value, limit.false_alarm, limit.detection], [theirs[name] for name in ("h", "false_alarm", "detection")])
        if theirs["below"] and theirs["below"] > 1e-9:
            close([limit.below, limit.false_alarm_below], [theirs["below"], theirs["false_alarm_below"]])
    assert found > 50


@given(st.integers(1, 11), st.integers(1, 9), st.sampled_from([2, 3, 4, 1 / 2, 1 / 5]), st.floats(0.02, 0.6))
@settings(max_examples=60, deadline=None)
def test_the_limit_is_the_smallest_that_keeps_the_false_alarms(n, tenths, ratio, asked):
    p = tenths / 10
    one, none = math.log(ratio) - math.log(1 - p + ratio * p), -math.log(1 - p + ratio * p)
    heights: dict[float, float] = {}
    for history in itertools.product((0, 1), repeat=n):
        s = top = 0.0
        for y in history:
            s = max(0.0, s + (one if y else none))
            top = max(top, s)
        heights[round(top, 9)] = heights.get(round(top, 9), 0.0) + p ** sum(history) * (1 - p) ** (n - sum(history))
    reach = {h: math.fsum(q for other, q in heights.items() if other >= h) for h in sorted(heights) if h > 0}
    allowed = [h for h, alarm in reach.items() if alarm <= asked]
    if not allowed or abs(reach[allowed[0]] - asked) < 1e-9:
        return
    limit = cusum(np.zeros(n), p, odds_ratio=ratio, false_alarm=asked).limit
    assert limit.value == pytest.approx(allowed[0], abs=1e-8)
    assert limit.false_alarm == pytest.approx(reach[allowed[0]], abs=1e-12)


def test_by_hand_in_fractions():
    """p = 1/3 and R = 4: an event is worth ln 2 up, its absence ln 2 down, and S is a whole number of ln 2."""
    chart = cusum([1, 1, 0, 1, 0, 0, 0, 1], 1 / 3, odds_ratio=4, planned=8, false_alarm=0.2)
    assert (chart.tidy()["statistic"] / math.log(2)).round(9).tolist() == [1, 2, 1, 2, 1, 0, 0, 1]
    reach = Fraction(0)
    for history in itertools.product((0, 1), repeat=8):
        s = top = 0
        for y in history:
            s = max(0, s + (1 if y else -1))
            top = max(top, s)
        reach += Fraction(1, 3) ** sum(history) * Fraction(2, 3) ** (8 - sum(history)) if top >= round(chart.limit.value / math.log(2)) else 0
    assert chart.limit.false_alarm == pytest.approx(float(reach), rel=1e-13)
    assert reach <= Fraction(1, 5)


def test_the_grid_of_surveillance_is_near():
    for theirs in over_time()["runlength"]:
        ours = cusum(np.zeros(theirs["N"]), 0.22, limit=theirs["h"]).limit
        assert ours.exact
        assert abs(ours.false_alarm - theirs["false_alarm"]) < 0.011  # the grid's own error, as the notes found it


def test_a_simulated_limit_with_differing_risks_agrees_with_one_simulated_in_r():
    theirs = over_time()["differing"]
    limit = cusum(np.zeros(60), theirs["p"], rng=5, simulations=100_000).limit
    assert abs(limit.value - theirs["h"]) < 4 * math.hypot(limit.limit_std_error, theirs["h_se"])
    assert limit.false_alarm <= 0.05 < limit.false_alarm_below
    for tail in theirs["tail"]:
        ours = cusum(np.zeros(60), theirs["p"], limit=tail["h"], rng=6, simulations=100_000).limit
        assert abs(ours.false_alarm - tail["reach"]) < 4 * math.sqrt(tail["reach"] * (1 - tail["reach"]) * (1 / 1e5 + 1 / theirs["simulations"]))


def test_the_same_seed_gives_the_same_limit_and_a_simulated_limit_is_reached():
    p = np.linspace(0.1, 0.4, 30)
    one, two = (cusum(np.zeros(30), p, rng=3, simulations=3_000).limit for _ in range(2))
    assert one == two
    assert one.false_alarm <= 0.05
    assert one.below < one.value
    assert cusum(np.zeros(30), p, rng=np.random.default_rng(3), simulations=3_000).limit == one


def test_a_signal_restarts_the_chart_or_not():
    y = [1] * 12
    restarted = cusum(y, 0.2, limit=1.2)
    assert restarted.signals == (3, 6, 9, 12)
    assert restarted.tidy()["statistic"].iloc[3] == pytest.approx(math.log(2 / 1.2))
    onward = cusum([*y, *[0] * 40, *y], 0.2, limit=1.2, restart=False)
    assert len(onward.signals) == 2  # crossings from below, not every case above
    assert onward.tidy()["statistic"].iloc[11] == pytest.approx(12 * math.log(2 / 1.2))
    assert restarted.path["statistic"].isna().sum() == 3


def test_a_value_exactly_at_the_limit_signals():
    limit = cusum([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0.22, false_alarm=0.2).limit
    ups = round((limit.value) / math.log(2 / 1.22))
    assert cusum([1] * 10, 0.22, limit=ups * math.log(2 / 1.22)).signals[0] == ups


def test_improvement_goes_the_other_way():
    y = np.zeros(60)
    better = cusum(y, 0.4, odds_ratio=0.5, false_alarm=0.05)
    assert better.signals
    assert "for improvement" in better.method
    assert not cusum(y, 0.4).signals
    assert (better.tidy()["weight"] > 0).all()


def test_planned_cases_draw_their_risks_or_bring_them():
    p = [0.1, 0.2, 0.3, 0.4]
    drawn = cusum([0, 1, 0, 0], p, planned=40, rng=1, simulations=20_000)
    brought = cusum([0, 1, 0, 0], p, planned=p * 10, rng=1, simulations=20_000)
    assert abs(drawn.limit.value - brought.limit.value) < 0.3
    assert drawn.limit.value > cusum([0, 1, 0, 0], p, rng=1, simulations=20_000, false_alarm=0.2).limit.value
    assert "40 planned cases" in drawn.method


def test_series_are_matched_by_index_and_categories_are_refused():
    y = pd.Series([1, 0, 1], index=[10, 11, 12])
    p = pd.Series([0.3, 0.1, 0.2, 0.9], index=[12, 10, 11, 99])
    assert cusum(y, p, limit=3.0).tidy()["expected"].tolist() == [0.1, 0.2, 0.3]
    with pytest.raises(EndpointError, match="different indexes"):
        cusum(y, p.drop(12), limit=3.0)
    with pytest.raises(EndpointError, match="Of a category make 0 and 1"):
        cusum(pd.Series(["Yes", "No", "Yes"], dtype="category"), 0.2)
    assert cusum(y == 1, 0.2, planned=20).glance()["n_event"].iloc[0] == 2
    assert cusum(pd.Series([1, None, 0], dtype="Int64").dropna(), 0.3, planned=20).glance()["n"].iloc[0] == 2


@pytest.mark.parametrize(("ask", "said"), [
    ({"outcome": [0, 2, 1], "expected": 0.2}, r"neither 0 nor 1 in 1 case \(number 2"),
    ({"outcome": [0, np.nan, 1], "expected": 0.2}, "outcome is missing in 1 case"),
    ({"outcome": [], "expected": 0.2}, "holds no cases"),
    ({"outcome": [[0, 1]], "expected": 0.2}, "must be one column"),
    ({"outcome": [0, 1], "expected": [20.0, 30.0]}, "looks like percentages"),
    ({"outcome": [0, 1], "expected": [0.2, 1.0]}, "not between 0 and 1"),
    ({"outcome": [0, 1], "expected": [0.2, np.nan]}, "expected is missing in 1 case"),
    ({"outcome": [0, 1], "expected": [0.2, 0.3, 0.4]}, "there are 2 cases and 3 values"),
    ({"outcome": [0, 1] * 10, "expected": 0.2, "odds_ratio": 1}, "above 1 worse"),
    ({"outcome": [0, 1] * 10, "expected": 0.2, "odds_ratio": -2}, "above 1 worse"),
    ({"outcome": [0, 1] * 10, "expected": 0.2, "false_alarm": 5}, "between 0 and 1, such as 0.05"),
    ({"outcome": [0, 1] * 10, "expected": 0.2, "planned": 12}, "there are already 20"),
    ({"outcome": [0, 1] * 10, "expected": 0.2, "planned": [0.2] * 5}, "there are already 20"),
    ({"outcome": [0, 1] * 10, "expected": 0.2, "planned": 20.5}, "whole number"),
    ({"outcome": [0, 1] * 10, "expected": [0.2, 0.3] * 10}, "Give a seed, as rng=1"),
    ({"outcome": [0, 1] * 10, "expected": [0.2, 0.3] * 10, "rng": "one"}, "rng must be a seed"),
    ({"outcome": [0, 1], "expected": 0.6}, "can have no limit with at most 5% false alarms"),
    ({"outcome": [0, 1] * 10, "expected": 0.2, "limit": 0}, "limit must be a number above 0"),
    ({"outcome": [0, 1] * 10, "expected": 0.2, "simulations": 3}, "at least 100"),
    ({"outcome": ["a", "b"], "expected": 0.2}, "must hold numbers"),
    ({"outcome": ["1", "0"], "expected": 0.2}, "outcome must hold numbers; it holds text"),
    ({"outcome": [0, 1] * 10, "expected": "0.2"}, "expected must hold numbers"),
    ({"outcome": pd.to_datetime(["1970-01-01", "1970-01-01"]), "expected": 0.2}, "it holds text, dates"),
    ({"outcome": None, "expected": 0.2}, r"a 0 or 1 for each case.*not given \(None\)"),
    ({"outcome": 1, "expected": 0.2}, "a 0 or 1 for each case.*a single number"),
    ({"outcome": [0, 1] * 10, "expected": None}, "expected is missing"),
    ({"outcome": [0, 1] * 10, "expected": 0.2, "planned": np.inf}, "planned must be a whole number of at most 100,000"),
    ({"outcome": [0, 1] * 10, "expected": 0.2, "planned": np.nan}, "planned must be a whole number of at least 1"),
    ({"outcome": [0, 1] * 10, "expected": 0.2, "planned": 10**400}, "planned must be a whole number of at most 100,000"),
    ({"outcome": [0, 1] * 10, "expected": 0.2, "simulations": np.inf}, "simulations must be a whole number of at most 10,000,000"),
    ({"outcome": [0, 1] * 10, "expected": 0.2, "simulations": 10**400}, "simulations must be a whole number of at most 10,000,000"),
    ({"outcome": [0, 1] * 10, "expected": 0.2, "simulations": -(10**400)}, "at least 100"),
])  # fmt: skip
def test_what_cannot_be_charted_is_refused_in_words(ask, said):
    with pytest.raises(EndpointError, match=said):
        cusum(**ask)


def test_what_it_says_of_itself():
    chart = cusum([0, 1] * 30, 0.22)
    glance = chart.glance()
    assert glance["n_event"].iloc[0] == 30
    assert glance["first_signal"].iloc[0] == chart.signals[0]
    assert f"at cases {chart.signals[0]}" in repr(chart)
    assert "limit 3.420 for at most 5% false alarms in the planned period (4.89%, exact)" in chart.method
    assert "no proof" in repr(cusum([0] * 60, 0.22))
    assert "given beforehand" in cusum([0, 1], [0.2, 0.3], limit=3).method
    assert "<table" in chart._repr_html_()


@pytest.mark.slow
def test_sound_centres_signal_as_often_as_stated():
    rng = np.random.default_rng(9)
    p = rng.uniform(0.05, 0.45, 60)
    limit = cusum(np.zeros(60), p, rng=1, simulations=100_000).limit
    signals = sum(bool(cusum(rng.random(60) < p, p, limit=limit).signals) for _ in range(10_000))
    assert abs(signals / 10_000 - 0.05) < 4 * math.hypot(math.sqrt(0.05 * 0.95 / 10_000), limit.std_error)


def test_the_table_of_the_documentation():
    page = Path(__file__).parents[2] / "docs" / "over_time.md"
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in page.read_text(encoding="utf-8").splitlines() if line.endswith("% |")]
    assert len(rows) == 6
    for cases, expected, *cells in rows:
        for ratio, (limit, detection) in zip((2, 3), (cells[:2], cells[2:]), strict=True):
            found = cusum(np.zeros(int(cases)), float(expected.rstrip("%")) / 100, odds_ratio=ratio).limit
            assert (f"{found.value:.3f}", f"{100 * found.detection:.0f}%") == (limit, detection)
