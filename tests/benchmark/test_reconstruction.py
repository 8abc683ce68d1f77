"""Patients from a curve: the notes' examples, R code made from the article's supplement, laws that must hold, and every kind of mistake."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from methods_examples import dataset, example

import haip_outcomes as haip
from haip_outcomes.benchmark.curves.checking import reconstruction_check
from haip_outcomes.benchmark.curves.digitised import digitised
from haip_outcomes.benchmark.curves.guyot import reconstruct_ipd, solve

REFERENCE = Path(__file__).parents[1] / "reference"
CURVES = [("m09_lung", "lung_sex1"), ("m09_lung", "lung_sex2"), ("m09_ovarian", "ovarian")]
MODES = ["risk_and_events", "risk_only", "n_and_events", "n_only"]
# Two evenly spaced events in these are booked at the very time of a censoring; see the test of midpoints.
TIED = [("lung_sex1", mode) for mode in MODES[:3]]

pytestmark = pytest.mark.filterwarnings("ignore:.*reconstructed from the number of patients alone")


def asked(name, key, mode):
    """The points, numbers at risk and events of an example, and what must come out."""
    read, expected = example(name)
    one = read[key]
    points = np.c_[one["times"], one["S"]]
    at_risk = pd.DataFrame({"time": one["risk_times"], "n_risk": one["n_at_risk"]}) if mode.startswith("risk") else one["n"]
    return points, at_risk, one["total_events"] if mode.endswith("and_events") else None, expected[key][mode]


def close(found, wanted):
    assert found == pytest.approx(wanted, rel=1e-8, abs=1e-11)


def first_at_half(curve):
    """The notes' median, the first time with S <= 1/2; the package's is R's, the middle of a stretch at exactly one half."""
    rows = curve.tidy()
    rows = rows[rows["estimate"] <= 0.5 + 1e-9]
    return rows["time"].iloc[0] if len(rows) else None


def true_curve(key):
    frame = dataset(key).assign(months=lambda rows: rows["time"] / 30.4375)
    return haip.survival_curve(haip.TimeToEvent.from_frame(frame, time="months", state="status", states=["Death"]))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "key"), CURVES)
def test_the_notes_examples(name, key, mode):
    points, at_risk, events, expected = asked(name, key, mode)
    d, cen, _ = solve(digitised(points, at_risk, events=events), events)
    assert d.tolist() == expected["d"]
    assert cen.tolist() == expected["cens"]
    tte = reconstruct_ipd(points, at_risk, events=events)
    assert (tte.n, tte.counts["Event"]) == (expected["n"], expected["events"])
    curve = haip.survival_curve(tte)
    assert first_at_half(curve) == (expected["median"] and pytest.approx(expected["median"], rel=1e-8))
    at = curve.at([6, 12, 24])
    close(at["estimate"].tolist(), list(expected["S"].values()))
    close(at["std_error"].tolist(), list(expected["se"].values()))
    grid = np.linspace(0, points[-1, 0], 1001)
    off = np.abs(curve.at(grid)["estimate"] - true_curve(key).at(grid)["estimate"])
    close([off.max(), off.mean()], [expected["max_abs_error"], expected["mean_abs_error"]])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "key"), CURVES)
def test_the_notes_examples_at_midpoints(name, key, mode):
    points, at_risk, events, expected = asked(name, key, mode)
    expected = expected["midpoint"]
    curve = haip.survival_curve(reconstruct_ipd(points, at_risk, events=events, events_at="midpoint"))
    assert first_at_half(curve) == (expected["median"] and pytest.approx(expected["median"], rel=1e-8))
    wanted = list(expected["S"].values())
    if (key, mode) in TIED:
        assert curve.at([6, 12, 24])["estimate"].tolist() == pytest.approx(wanted, abs=5e-4)
    else:
        close(curve.at([6, 12, 24])["estimate"].tolist(), wanted)
        grid = np.linspace(0, points[-1, 0], 1001)
        close(np.abs(curve.at(grid)["estimate"] - true_curve(key).at(grid)["estimate"]).mean(), expected["mean_abs_error"])


@pytest.mark.parametrize(("key", "mode"), TIED)
def test_where_the_notes_midpoints_differ_a_censoring_came_first_by_rounding_alone(key, mode):
    """Evenly spaced, an event moved half a space back falls on the censorings of that space. Deaths come first (the notes' own convention), as here; their
    numbers come from T_k - (T_2 - T_1)/2, which lands 1e-15 after a few of the censorings at (T_(k-1) + T_k)/2: the same patients give them back."""
    points, _, _, expected = asked("m09_lung", key, mode)
    d, cen, T = np.array(expected["d"]), np.array(expected["cens"]), points[:, 0]
    left = 138 - d.sum() - cen.sum()
    time = np.r_[np.repeat(T - (T[1] - T[0]) / 2, d), np.repeat(np.r_[(T[:-1] + T[1:]) / 2, T[-1]], cen), np.full(left, T[-1])]
    dead = np.r_[np.ones(d.sum()), np.zeros(cen.sum() + left)]
    found = [np.prod([1 - dead[time == t].sum() / (time >= t).sum() for t in np.unique(time[(dead == 1) & (time <= at)])]) for at in (6, 12, 24)]
    close(found, list(expected["midpoint"]["S"].values()))


# coxph (R 4.2.2, survival 3.5-3, eps 1e-13) on the same reconstructed patients. The notes' own come from lifelines and stop 2e-6 short of the maximum.
COXPH = {"original": (0.588002817160462, 0.167178583301162), "risk_and_events": (0.585370141184612, 0.170036533494333),
         "risk_only": (0.585370141184612, 0.170036533494333), "n_and_events": (0.568367620902511, 0.16717346069552), "n_only": (0.63661479766628, 0.141453044079964)}  # fmt: skip


@pytest.mark.parametrize("mode", ["original", *MODES])
def test_the_notes_hazard_ratio(mode):
    expected = example("m09_lung")[1]["hazard_ratio_second_vs_first"][mode]
    arms = []
    for i, key in enumerate(["lung_sex1", "lung_sex2"]):
        if mode == "original":
            arm = dataset(key).assign(time=lambda rows: rows["time"] / 30.4375)
        else:
            points, at_risk, events, _ = asked("m09_lung", key, mode)
            tte = reconstruct_ipd(points, at_risk, events=events)
            arm = pd.DataFrame({"time": tte.time, "status": tte.state})
        arms.append(arm.assign(second=float(i)))
    frame = pd.concat(arms, ignore_index=True)
    fit = haip.cox(haip.TimeToEvent.from_frame(frame, time="time", state="status", states=["Death"]), haip.design(frame, ["second"])).tidy().iloc[0]
    assert (np.exp(fit["estimate"]), fit["std_error"]) == pytest.approx(COXPH[mode], rel=1e-9)
    assert np.exp(fit["estimate"]) == pytest.approx(expected["hr"], rel=3e-6)
    assert fit["std_error"] == pytest.approx(expected["se_log_hr"], rel=1e-6)


def survhe_cases():
    return json.loads((REFERENCE / "reconstruction.json").read_text(encoding="utf-8"))["cases"]


def as_survhe_saw_it(case):
    frame = pd.read_csv(REFERENCE / "data" / f"{case['data']}.csv")
    if case["by"]:
        frame = frame[frame[case["by"]] == case["level"]]
    tte = haip.TimeToEvent.from_frame(frame.assign(t=frame[case["time"]] / 30.4375), time="t", state=case["event"], states=["Death"])
    end = tte.time.max()
    times = np.linspace(0, end, case["points"])
    points = np.c_[times, np.round(haip.survival_curve(tte).at(times)["estimate"], 2)]
    at = np.arange(0, end, case["risk_step"]) if case["risk_step"] else [0.0]
    at_risk = pd.DataFrame({"time": at, "n_risk": [int((tte.time >= t).sum()) for t in at]})
    return points, at_risk, int(tte.counts["Death"]) if case["events"] else None


def test_as_survhe_where_no_interval_gives_its_censorings_back():
    same, cases = 0, survhe_cases()
    for case in cases:
        points, at_risk, events = as_survhe_saw_it(case)
        d, cen, _ = solve(digitised(points, at_risk, events=events), events)
        if d.tolist() == case["d"] and cen.tolist() == case["cens"]:
            same += 1
        else:  # survHE leaves an interval whose censorings fell to nothing without walking through it again
            assert case["risk_step"], case
            assert abs(d.sum() - sum(case["d"])) <= 2
            assert abs(cen.sum() - sum(case["cens"])) <= 3
    assert (same, len(cases)) == (43, 60)


def test_by_hand():
    curve = [(0, 1), (6, 0.9), (12, 0.75), (18, 0.5), (24, 0.5)]
    # Nobody censored: 20 (1 - 0.9) = 2, then 18 (1 - 0.75 / 0.9) = 3, then 15 (1 - 0.5 / 0.75) = 5.
    d, cen, _ = solve(digitised(curve, 20), None)
    assert (d.tolist(), cen.tolist()) == ([0, 2, 3, 5, 0], [0] * 5)
    # 16 at 12 months: 20 * 0.75 - 16 is below 0, so none at first; 20 - 2 leaves 18, 2 too many; censored at 4 and 8, they leave 19 - 2 - 1 = 16,
    # with KM 17/19. Then 16 (1 - 0.75 / KM) = 2.6 -> 3, KM 17/19 * 13/16. After it 2 * 12 / 6 = 4 censored, two before 18 and two after:
    # 16 - 3 - 2 = 11, and 11 (1 - 0.5 / KM) = 3.4 -> 3; of 20 six are left.
    d, cen, unmet = solve(digitised(curve, [(0, 20), (12, 16)]), None)
    assert (d.tolist(), cen.tolist(), unmet) == ([0, 2, 3, 3, 0], [1, 1, 2, 2, 0], 0)
    tte = reconstruct_ipd(curve, [(0, 20), (12, 16)])
    assert tte.time[tte.state == 0].tolist() == [3.0, 9.0, 15.0, 15.0, 21.0, 21.0, *[24.0] * 6]
    assert haip.survival_curve(tte).at(18)["estimate"].iloc[0] == pytest.approx(17 / 19 * 13 / 16 * 8 / 11)
    # Nine events are wanted, one more: 3 censored at 15, 18 (no longer after 18) and 21 leave 11 again; 2, at 16 and 20, leave 12, and 12 * 0.312 -> 4.
    d, cen, unmet = solve(digitised(curve, [(0, 20), (12, 16)], events=9), 9)
    assert (d.tolist(), cen.tolist(), unmet) == ([0, 2, 3, 4, 0], [1, 1, 1, 1, 0], 0)


@st.composite
def drawn(draw):
    n = draw(st.integers(3, 60))
    times = np.array(draw(st.lists(st.integers(1, 60), min_size=n, max_size=n)), dtype=float)
    dead = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    return times, dead, draw(st.integers(5, 40))


@settings(max_examples=120, deadline=None)
@given(drawn(), st.booleans(), st.booleans(), st.sampled_from(["point", "midpoint"]))
def test_what_must_always_hold(data, table, total, events_at):
    times, dead, points = data
    frame = pd.DataFrame({"t": times, "d": dead.astype(int)})
    curve = haip.survival_curve(haip.TimeToEvent.from_frame(frame, time="t", state="d", states=["Death"]))
    grid = np.linspace(0, times.max(), points)
    read = np.c_[grid, np.round(curve.at(grid)["estimate"], 2)]
    at = np.arange(0, times.max(), 12.0)
    at_risk = pd.DataFrame({"time": at, "n_risk": [int((times >= t).sum()) for t in at]}) if table else len(times)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tte = reconstruct_ipd(read, at_risk, events=int(dead.sum()) if total else None, events_at=events_at)
    assert tte.n == len(times)
    assert (tte.time >= 0).all()
    assert tte.time.max() <= times.max() + 1e-9
    assert bool(tte.variance_refused) == (tte.given == "n only") == (not total and (not table or len(at) - tte.unused == 1))
    check = reconstruction_check(tte, read, at_risk, events=int(dead.sum()))
    assert 0 <= check.root_mean_square <= check.largest <= 1
    if not table and not total:  # nobody censored: each point is met to half a patient of those at risk
        exact = haip.survival_curve(reconstruct_ipd(read, at_risk)).at(grid)["estimate"].to_numpy()
        assert np.abs(exact - read[:, 1]).max() <= 0.5 / len(times) + 1e-9


def test_both_ends_of_every_step_give_the_patients_back():
    """Freireich's placebo arm: nobody is censored, so the steps and n alone are the whole truth."""
    frame = dataset("freireich_placebo")
    true = haip.survival_curve(haip.TimeToEvent.from_frame(frame, time="time", state="status", states=["Relapse"])).tidy()
    before = np.r_[1.0, true["estimate"].to_numpy()[:-1]]
    points = np.r_[[[0.0, 1.0]], np.c_[np.repeat(true["time"], 2), np.c_[before, true["estimate"]].ravel()]]
    for events_at in ("point", "midpoint"):
        tte = reconstruct_ipd(points, len(frame), events=int(frame["status"].sum()), events_at=events_at)
        assert sorted(tte.time) == pytest.approx(sorted(frame["time"]))
        assert tte.state.tolist() == [1] * len(frame)
        check = reconstruction_check(tte, points, len(frame), events=len(frame))
        assert check.largest == pytest.approx(0, abs=1e-12)
        assert check.glance()["largest_at_risk"].iloc[0] == 0


def test_n_alone_is_marked_and_warned_of():
    with pytest.warns(UserWarning, match="OS of A was reconstructed from the number of patients alone"):
        tte = reconstruct_ipd([(0, 1), (12, 0.5)], 10, label="OS of A")
    assert "too small" in tte.variance_refused
    assert "no standard errors" in repr(tte)
    for made in (tte.take(np.arange(5)), tte.any_event("x"), tte.landmark(6.0)):
        assert made.variance_refused, "what is made of them is marked too"
    for at_risk, events in ((10, 5), ([(0, 10), (6, 8)], None)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert reconstruct_ipd([(0, 1), (6, 0.8), (12, 0.5)], at_risk, events=events).variance_refused == ""


def test_they_are_times_like_any_others_and_say_where_they_come_from():
    tte = reconstruct_ipd(pd.DataFrame({"time": [0, 6, 12, 18], "survival": [1, 0.8, 0.805, 0.4]}), pd.DataFrame({"time": [0, 12], "n_risk": [10, 8]}),
                          events=6, label="OS", state="Death", time_zero="liver resection")  # fmt: skip
    assert isinstance(tte, haip.TimeToEvent)
    assert (tte.states, tte.label, tte.time_zero, tte.unit, tte.smoothed) == (("Death",), "OS", "liver resection", "months", 1)
    assert "4 points of a published curve with its numbers at risk and total of events (Guyot 2012)" in tte.method
    assert "1 point lowered" in tte.method
    assert haip.survival_curve(tte).at(18)["estimate"].iloc[0] == pytest.approx(0.4, abs=0.05)


def test_points_may_lack_the_beginning():
    with_it, without = ([(0, 1), (6, 0.8), (12, 0.5)], [(6, 0.8), (12, 0.5)])
    assert reconstruct_ipd(with_it, 20, events=10).time.tolist() == reconstruct_ipd(without, 20, events=10).time.tolist()


def test_numbers_at_risk_without_points_are_told_and_change_nothing():
    sparse = [(0, 1), (6, 0.9), (12, 0.75), (18, 0.5)]
    tte = reconstruct_ipd(sparse, [(0, 20), (6.5, 17), (12, 14), (24, 4), (30, 2)])
    assert (tte.unused, tte.given) == (3, "risk table")
    assert "3 numbers at risk not used" in tte.method
    assert tte.time.tolist() == reconstruct_ipd(sparse, [(0, 20), (12, 14)]).time.tolist()
    with pytest.warns(UserWarning, match="number of patients alone"):
        assert reconstruct_ipd(sparse, [(0, 20), (24, 0)]).given == "n only"


def test_what_was_printed_and_cannot_be_met_is_told():
    curve = [(0, 1), (6, 0.9), (12, 0.75), (18, 0.5), (24, 0.5)]
    tte = reconstruct_ipd(curve, [(0, 20), (12, 16)], events=3)
    assert tte.counts["Event"] == 5
    assert "could not be met" in tte.method
    check = reconstruction_check(tte, curve, [(0, 20), (12, 16)], events=3)
    assert "5 events, and 3 were printed" in check.sentence
    assert check.tidy().query("term == 'events'")["difference"].iloc[0] == 2


def test_the_check_says_what_differs():
    curve, at_risk = [(0, 1), (6, 0.9), (12, 0.75), (18, 0.5), (24, 0.5)], [(0, 20), (12, 16)]
    tte = reconstruct_ipd(curve, at_risk, events=9)
    found = reconstruction_check(tte, curve, at_risk, events=9)
    assert found.tidy().columns.tolist() == ["term", "time", "estimate", "given", "difference"]
    assert found.largest == pytest.approx(max(abs(found.points["estimate"] - found.points["given"])))
    other = reconstruction_check(tte, curve, [(0, 20), (12, 14)])
    assert "Numbers at risk that differ: 16 for 14 at 12 months" in repr(other)
    assert "<b>Reconstruction</b>" in found._repr_html_()
    two = haip.TimeToEvent.from_frame(pd.DataFrame({"t": [1, 2], "s": [1, 2]}), time="t", state="s", states=["A", "B"])
    with pytest.raises(haip.EndpointError, match="compete"):
        reconstruction_check(two, curve, at_risk)


GOOD = [(0, 1), (6, 0.9), (12, 0.75), (18, 0.5)]


@pytest.mark.parametrize(("curve", "at_risk", "events", "said"), [
    ([(0, 1), (6, 0.7), (12, 0.75), (18, 0.5)], 20, None, r"the curve rises: 0.75 at 12 months after 0.7, .* more than the 0.02"),
    ([(0, 1), (12, 0.9), (6, 0.8)], 20, None, r"times are out of order: row 3 is earlier .*\(6 after 12 months\)"),
    ([(0, 1), (6, 1.2), (12, 0.8)], 20, None, r"must lie between 0 and 1: row 2 is outside \(1.2\)"),
    ([(0, 1), (6, -0.1)], 20, None, r"between 0 and 1: row 2 is outside"),
    ([(0, 100), (6, 90), (12, 75)], 20, None, r"reaches 100: these look like per cent; divide by 100"),
    ([(0, 0), (6, 0.01)], 20, None, r"begins at 0 at time 0, .* cumulative incidence"),
    ([(-1, 1), (6, 0.9)], 20, None, r"row 1 is before time zero"),
    ([(6, 0.9)], 20, None, r"one point"),
    ([(0, 1), (0, 1)], 20, None, r"all points of the curve lie at 0"),
    (pd.DataFrame({"time": [0, 1], "surv": [1, 0.9]}), 20, None, r'no column "survival". Did you mean "surv"'),
    ([(0, 1), (6, "x")], 20, None, r"must be numbers, and some are text"),
    ([(0, 1), (6, None)], 20, None, r"row 2 is missing or infinite"),
    ([0, 1, 2], 20, None, r"must have two columns"),
    (GOOD, [(0, 20), (6, 25)], None, r"numbers at risk rise: 25 at 6 months after 20"),
    (GOOD, [(6, 20), (12, 10)], None, r"begin at 6 months; the first must be all patients, at time 0"),
    (GOOD, [(0, 20), (12, 15), (6, 17)], None, r"times of the numbers at risk are out of order: row 3"),
    (GOOD, [(0, 20), (6, 17.5)], None, r"must be whole and not negative: row 2"),
    (GOOD, 0, None, r"there are no patients"),
    (GOOD, [(0, 20), (365, 15)], None, r"after time 0 is at 365 and the curve ends at 18 months: are both in the same unit"),
    (GOOD, 20, 21, r"21 events among 20 patients"),
    (GOOD, 20, 2.5, r"events must be a whole number"),
    (GOOD, 20, 0, r"there are 0 events, and the curve falls to 0.5"),
    (GOOD, 10**9, None, r"1000000000 patients; at most 1,000,000 are reconstructed"),
    (GOOD, [(0, 2_000_000), (6, 5)], None, r"2000000 patients; at most 1,000,000"),
    (GOOD, "26", None, r'the numbers at risk are the text "26"; give a frame'),
    (GOOD, None, None, r"the numbers at risk are None"),
    (GOOD, True, None, r"the numbers at risk are True"),
    (GOOD, 20.5, None, r"must be whole"),
    (GOOD, [(0, 20), (6,)], None, r"the numbers at risk must have two columns"),
    (GOOD, [("0", "20")], None, r"must be numbers, and some are text"),
    ([(0, "1"), (6, "0.9")], 20, None, r"must be numbers, and some are text or otherwise none: rows 1, 2 are"),
    ([(0, 1), (6,)], 20, None, r"the curve must have two columns"),
    ("points.csv", 20, None, r"the curve must have two columns"),
])  # fmt: skip
def test_mistakes_are_named(curve, at_risk, events, said):
    with pytest.raises(haip.EndpointError, match=said):
        reconstruct_ipd(curve, at_risk, events=events)


def test_two_points_at_one_time_end_the_curve():
    """Section 9's algorithm by hand: the last interval (68, 68) has no width, so all of its censorings lie in its first cell."""
    curve = [(0, 1), (10, 1), (10, 0.9), (68, 0.9), (68, 0)]
    # 10 at risk, 10 * 0.9 - 2 = 7 censored before 48, one event at 10: 2 are left. Without censorings both die at 68: 3 events, one too many;
    # with one censored before the last point, one dies.
    d, cen, unmet = solve(digitised(curve, [(0, 10), (48, 2)], events=2), 2)
    assert (d.sum(), d.tolist(), cen.sum(), unmet) == (2, [0, 0, 1, 0, 1], 8, 0)
    tte = reconstruct_ipd(curve, [(0, 10), (48, 2)], events=2)
    assert (tte.counts["Event"], int((tte.state == 0).sum())) == (2, 8)
    assert tte.unsettled == 0


def test_a_table_in_years_beside_a_curve_in_months_is_asked_about():
    curve = [(0, 1), (0.5, 0.99), (1.5, 0.97), (30, 0.7), (60, 0.5)]
    with pytest.warns(UserWarning, match=r"OS: the last number at risk stands at 2 months and the curve goes to 60 \(are both in the same unit\?\)"):
        tte = reconstruct_ipd(curve, [(0, 20), (1, 18), (2, 15)], label="OS")
    assert "the last number at risk stands at 2 months and the curve goes to 60 (are both in the same unit?)" in tte.method
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for end in (16, 48, 60):  # a table that ends before its curve is no rarity
            assert reconstruct_ipd(curve, [(0, 20), (end, 10)], label="OS").doubt == ""


@pytest.mark.parametrize("unit", ["parsec", None, "month", 30])
def test_the_unit_is_one_that_times_are_counted_in(unit):
    with pytest.raises(haip.EndpointError, match=r'days, weeks, months, years|Did you mean "months"'):
        reconstruct_ipd(GOOD, 20, events=10, unit=unit)


def test_all_mistakes_at_once():
    with pytest.raises(haip.EndpointError) as error:
        reconstruct_ipd([(0, 1), (12, 0.5), (6, 0.7)], [(0, 20), (6, 25)], events=30)
    text = str(error.value)
    assert "4 problems" in text
    for part in ("out of order", "the curve rises", "numbers at risk rise", "30 events among 20"):
        assert part in text
    with pytest.raises(haip.EndpointError, match='"point" or "midpoint"'):
        reconstruct_ipd(GOOD, 20, events=10, events_at="middle")


def test_it_ends_whatever_is_printed():
    """Numbers at risk that the curve contradicts, a curve at 0 from the start, nobody left."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for curve, at_risk, events in (([(0, 1), (6, 1.0), (12, 1.0)], [(0, 20), (6, 3)], None), ([(0, 1), (1, 0.0), (12, 0.0)], [(0, 20), (6, 15)], None),
                                       (GOOD, [(0, 20), (6, 0), (12, 0)], None), (GOOD, [(0, 1), (6, 1), (12, 1)], 1), (GOOD, 20, 1), (GOOD, 20, 20),
                                       ([(0, 1), (0, 0.5), (12, 0.5)], 20, None), (GOOD, [(0, 20), (18, 9)], 11)):  # fmt: skip
            tte = reconstruct_ipd(curve, at_risk, events=events)
            assert tte.n == digitised(curve, at_risk).n
