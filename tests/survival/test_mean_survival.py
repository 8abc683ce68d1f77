import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from curves_reference import assert_close, data, hand, reference, times
from hypothesis import given
from hypothesis import strategies as st
from test_counts import cut

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.curves.aalen_johansen import cumulative_incidence
from haip_outcomes.survival.curves.kaplan_meier import follow_up, survival_curve
from haip_outcomes.survival.curves.mean_survival import restricted_mean


def curves():
    """What each case of restricted_mean.R is the area under."""
    lung, veteran, aml, colon = data("lung"), data("veteran"), data("aml"), data("colon")
    pbc, rotterdam, mgus, flchain, cgd = (data(name) for name in ("pbc", "rotterdam", "mgus", "flchain", "cgd"))
    fitter, transplant = lung[lung["ecog"] < 3], data("transplant")

    def any_event(frame, time, **more):
        return times(frame.assign(event=(frame["state"] > 0).astype(int)), time, "event", **more)

    yield "lung sex", survival_curve(times(lung, "time", "status"), lung["sex"])
    yield "lung month ecog", survival_curve(times(fitter, "month", "status"), fitter["ecog"])
    yield "lung copies", survival_curve(times(lung, "month", "status"), lung["sex"], weights=lung["copies"])
    yield "lung weighted", survival_curve(times(lung, "month", "status"), lung["sex"], weights=lung["weight"])
    yield "veteran celltype", survival_curve(times(veteran, "time", "status"), veteran["celltype"])
    yield "veteran trt", survival_curve(times(veteran, "time", "status"), veteran["trt"])
    yield "aml", survival_curve(times(aml, "time", "status"), aml["arm"])
    yield "colon rx", survival_curve(times(colon, "time", "status"), colon["rx"])
    known = pbc[pbc["stage"].notna()]
    yield "pbc stage", survival_curve(any_event(known, "month"), known["stage"])
    yield "transplant abo", survival_curve(any_event(transplant, "time"), transplant["abo"])
    yield "rotterdam size", survival_curve(any_event(rotterdam, "month"), rotterdam["size"])
    yield "mgus by age", survival_curve(any_event(mgus, "exit", entry="age"), mgus["sex"])
    older = mgus[mgus["age"] > 40]
    yield "mgus by age weighted", survival_curve(any_event(older, "exit", entry="age"), older["sex"], weights=older["weight"])
    yield "flchain by age", survival_curve(any_event(flchain, "exit", entry="entry"), flchain["sex"])
    yield "cgd", survival_curve(times(cgd, "tstop", "status", entry="tstart", id="id"), cgd["treat"])


@pytest.mark.parametrize(("case", "curve"), list(curves()), ids=lambda value: value if isinstance(value, str) else "")
def test_area_and_contrasts_equal_r(case, curve):
    stored = {name: pd.DataFrame(columns) for name, columns in reference("restricted_mean").items()}
    mine = [name for name in stored if name.rsplit(" ", 1)[0] == case]
    assert len(mine) >= 2
    for name in mine:
        theirs = stored[name].sort_values("group")
        mean = restricted_mean(curve, horizon=theirs["horizon"].iloc[0])
        ours = mean.tidy()
        assert ours["group"].tolist() == theirs["group"].tolist()
        for column in ("estimate", "std_error", "conf_low", "conf_high"):
            assert_close(ours[column], theirs[column], f"{name}: {column}")
        for group in theirs["group"]:
            against = stored[f"{name}, against {group}"].sort_values("group")
            for kind in ("difference", "ratio"):
                found = mean.contrast(group, kind)
                assert found["group"].tolist() == against["group"].tolist()
                for column, its in (("estimate", kind), ("std_error", f"{kind}_se"), ("conf_low", f"{kind}_low"),
                                    ("conf_high", f"{kind}_high"), ("statistic", f"{kind}_z"), ("p_value", f"{kind}_p")):  # fmt: skip
                    assert_close(found[column], against[its].astype(float), f"{name}, against {group}: {its}")


def test_six_patients_in_exact_fractions():
    # S is 1 to 2, 5/6 to 4, 2/3 to 6, 4/9 to 7, 2/9 from there: at risk 6, 5, 3, 2
    curve = survival_curve(hand([4, 2, 6, 4, 9, 7], [0, 1, 1, 1, 0, 1]))
    after = [Fraction(5, 6), Fraction(2, 3), Fraction(4, 9), Fraction(2, 9)]
    area = 2 + 2 * after[0] + 2 * after[1] + after[2] + after[3]  # to 8
    beyond = [2 * after[0] + 2 * after[1] + after[2] + after[3], 2 * after[1] + after[2] + after[3], after[2] + after[3], after[3]]
    variance = sum(a * a * Fraction(1, n * (n - 1)) for a, n in zip(beyond, [6, 5, 3, 2], strict=True))
    row = restricted_mean(curve, horizon=8).tidy().iloc[0]
    assert_close(row[["estimate", "std_error"]], [float(area), math.sqrt(variance)])
    assert (row["time"], row["n"], row["n_event"]) == (8, 6, 4)
    assert_close(row["conf_high"] - row["estimate"], 1.959963984540054 * math.sqrt(variance))


def test_without_censoring_it_is_the_mean_of_the_times_and_its_standard_error():
    time = np.array([1.0, 3.5, 3.5, 7, 12, 12, 12, 20])
    for horizon in (5, 12, 19, 20, 300):  # also beyond the last time: the curve has come to 0
        row = restricted_mean(survival_curve(hand(time, np.ones(8, int))), horizon=horizon).tidy().iloc[0]
        capped = np.minimum(time, horizon)
        assert_close(row[["estimate", "std_error"]], [capped.mean(), capped.std() / math.sqrt(8)])


def test_the_difference_in_lung_by_sex_is_not_lost():
    """p 0.0009 at 965 days, the last time of the women; lifelines, whose variance is that of the times, gives 0.71."""
    lung = data("lung")
    mean = restricted_mean(survival_curve(times(lung, "time", "status"), lung["sex"]), horizon=965)
    assert round(mean.contrast()["p_value"].item(), 4) == 0.0009
    assert round(restricted_mean(mean_curve(lung), horizon=365).contrast()["p_value"].item(), 4) == 0.0002


def mean_curve(lung):
    return survival_curve(times(lung, "time", "status"), lung["sex"])


def test_beyond_follow_up_it_is_refused_with_the_largest_horizon():
    lung = data("lung")
    curve = mean_curve(lung)
    with pytest.raises(EndpointError, match=r'of group "2" ends at 965 months .* largest horizon that can be used is 965 months'):
        restricted_mean(curve, horizon=966)
    with pytest.raises(EndpointError, match=r"Follow-up ends at 3 months"):
        restricted_mean(survival_curve(hand([1, 3], [1, 0])), horizon=4)
    assert restricted_mean(survival_curve(hand([1, 3], [0, 1])), horizon=4).estimate.tolist() == [3]


@pytest.mark.parametrize("horizon", [0, -1, np.nan, np.inf, None, "five", [3]])
def test_horizons_that_are_none(horizon):
    if horizon == [3]:
        horizon = [3, 4]
    with pytest.raises(EndpointError, match="A horizon is a number above 0"):
        restricted_mean(survival_curve(hand([1, 5], [1, 0])), horizon=horizon)


def test_what_it_takes_and_what_it_compares():
    competing = hand([1, 2, 5], [1, 2, 0], "Liver", "Death")
    with pytest.raises(EndpointError, match="cumulative_incidence"):
        restricted_mean(competing, horizon=2)
    with pytest.raises(EndpointError, match=r"restricted_mean\(survival_curve\(tte, by\), horizon=60\)"):
        restricted_mean(competing.only("Liver"), horizon=2)
    with pytest.raises(EndpointError, match="takes a survival curve"):
        restricted_mean(cumulative_incidence(competing), horizon=2)
    one = restricted_mean(survival_curve(competing.only("Liver")), horizon=2)
    assert one.caution == "other causes (Death) censored: not the probability of the event"
    assert one.method.endswith(one.caution)
    with pytest.raises(EndpointError, match="compares groups"):
        one.contrast()
    groups = restricted_mean(survival_curve(hand([1, 2, 5, 3], [1, 1, 0, 0]), [1, 2, 1, 2]), horizon=2)
    with pytest.raises(EndpointError, match='There is no group "3"'):
        groups.contrast(3)
    with pytest.raises(EndpointError, match='Did you mean "ratio"'):
        groups.contrast(kind="ratios")
    assert groups.contrast(2)["reference"].tolist() == groups.contrast("2")["reference"].tolist() == ["2"]
    assert restricted_mean(follow_up(competing), horizon=4).estimate.tolist() == [4]


def test_before_the_first_event_there_is_no_standard_error_and_no_test():
    """survmean: the mean is the horizon and se(rmean) 0; the statistic of a difference is 0/0."""
    mean = restricted_mean(survival_curve(hand([4, 5, 6, 7], [1, 0, 1, 0]), list("aabb")), horizon=3)
    assert mean.tidy()[["estimate", "std_error"]].to_numpy().tolist() == [[3, 0], [3, 0]]
    assert mean.contrast()[["estimate", "std_error"]].to_numpy().tolist() == [[0, 0]]
    assert mean.contrast()[["statistic", "p_value"]].isna().all(axis=None)
    assert mean.contrast(kind="ratio")["estimate"].tolist() == [1]
    none = restricted_mean(survival_curve(hand([4, 5], [0, 0])), horizon=5)
    assert none.tidy()[["estimate", "std_error"]].to_numpy().tolist() == [[5, 0]]
    assert restricted_mean(survival_curve(hand([0, 0], [1, 1])), horizon=5).estimate.tolist() == [0]


def test_columns_and_words():
    lung = data("lung")
    tte = times(lung, "time", "status", unit="days", label="Overall survival")
    mean = restricted_mean(survival_curve(tte, lung["sex"]), horizon=365)
    assert mean.tidy().columns.tolist() == ["group", "time", "estimate", "std_error", "conf_low", "conf_high", "n", "n_event"]
    assert mean.glance().to_numpy().tolist() == [[365, 228, 121]]
    assert mean.contrast().columns.tolist() == ["group", "time", "estimate", "std_error", "conf_low", "conf_high", "statistic",
                                                "p_value", "reference"]  # fmt: skip
    assert mean.method == ("Restricted mean to 365 days, area under Kaplan-Meier, Greenwood standard error, 95% limits; "
                           "228 patients, 121 events by then")  # fmt: skip
    assert repr(mean).startswith("Overall survival: Restricted mean")
    assert "1: n 138, events 85, mean" in repr(mean)
    assert "<table" in mean._repr_html_()
    weighted = restricted_mean(survival_curve(tte, weights=lung["weight"], conf_level=0.9), horizon=365)
    assert "area under Weighted Kaplan-Meier, infinitesimal-jackknife standard error, 90% limits" in weighted.method


rows = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6), st.integers(0, 1)), min_size=1, max_size=12)


@given(rows, st.floats(0.1, 1), st.lists(st.integers(1, 10), max_size=3))
def test_brute_force_and_rows_of_one_patient(drawn, share, cuts):
    frame = pd.DataFrame(drawn, columns=["entry", "length", "state"])
    frame["time"] = frame["entry"] + frame["length"]
    curve = survival_curve(times(frame, "time", "state", entry="entry"))
    horizon = share * frame["time"].max()
    grid = np.unique(np.concatenate([[0, horizon], frame["time"]]))
    grid = grid[grid <= horizon]
    steps = curve.at(grid)["estimate"].to_numpy()
    mean = restricted_mean(curve, horizon=horizon)
    assert_close(mean.estimate, [np.sum(np.diff(grid) * steps[:-1])])
    pieces = cut(frame, cuts)
    parts = restricted_mean(survival_curve(times(pieces, "time", "state", entry="entry", id="id")), horizon=horizon)
    assert_close(parts.tidy()[["estimate", "std_error"]], mean.tidy()[["estimate", "std_error"]])


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1), st.integers(1, 3)), min_size=1, max_size=14), st.floats(0.1, 1))
def test_weights_are_copies_and_the_jackknife_of_equal_weights_is_greenwoods(drawn, share):
    time, state, weight = (np.array(column) for column in zip(*drawn, strict=True))
    horizon = max(share * time.max(), 0.05)
    if not time.max():
        return
    copies = restricted_mean(survival_curve(hand(time.repeat(weight), state.repeat(weight))), horizon=horizon)
    weighted = restricted_mean(survival_curve(hand(time, state), weights=weight), horizon=horizon)
    assert_close(weighted.tidy()[["estimate", "std_error"]], copies.tidy()[["estimate", "std_error"]])
    plain = restricted_mean(survival_curve(hand(time, state)), horizon=horizon)
    halves = restricted_mean(survival_curve(hand(time, state), weights=np.full(len(time), 0.5)), horizon=horizon)
    assert_close(halves.tidy()[["estimate", "std_error"]], plain.tidy()[["estimate", "std_error"]])
