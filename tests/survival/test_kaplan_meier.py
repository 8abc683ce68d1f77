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

COLUMNS = ["time", "estimate", "std_error", "conf_low", "conf_high", "n_risk", "n_event", "n_censor"]
PROBS = [0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1]
HAND12 = ([2, 4, 4, 6, 7, 9, 10, 12, 13, 15, 18, 20], [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0])


def curves():
    """Each reference case with the call that must give it."""
    lung, mgus, heart = data("lung"), data("mgus"), data("heart")
    days, months = times(lung, "time", "status"), times(lung, "month", "status")
    for conf_type in ("plain", "log", "log-log", "logit", "arcsine"):
        theirs = conf_type.replace("arcsine", "arcsin")
        yield f"lung by sex, {theirs}", lambda c=conf_type: survival_curve(days, lung["sex"], conf_type=c)
        yield f"lung months, {theirs}", lambda c=conf_type: survival_curve(months, conf_type=c)
    yield "lung 90%", lambda: survival_curve(days, conf_level=0.9)
    yield "lung copies", lambda: survival_curve(months, weights=lung["copies"])
    yield "lung weighted", lambda: survival_curve(months, lung["sex"], weights=lung["weight"])
    yield "lung follow-up", lambda: follow_up(months, lung["sex"])
    first = times(mgus, "time", "state", "Progression", "Death")
    years = times(mgus, "year", "state", "Progression", "Death").any_event("Progression or death")
    age = times(mgus, "exit", "state", "Progression", "Death", entry="age").any_event("Progression or death")
    yield "mgus follow-up", lambda: follow_up(first, mgus["sex"])
    yield "mgus any event", lambda: survival_curve(years, mgus["agegroup"])
    yield "mgus by age", lambda: survival_curve(age, mgus["sex"])
    yield "mgus by age weighted", lambda: survival_curve(age, weights=mgus["weight"])
    rows = times(heart, "stop", "event", entry="start")
    patients = times(heart, "stop", "event", entry="start", id="id")
    yield "heart", lambda: survival_curve(rows, heart["transplant"])
    yield "heart", lambda: survival_curve(patients, heart["transplant"])
    yield "heart one curve", lambda: survival_curve(patients)


def test_a_limit_that_rises_again_is_first_crossed_early():
    curve = survival_curve(times(data("heart"), "stop", "event", entry="start"), data("heart")["transplant"])
    rows = curve.tidy().query("group == '1' and conf_low <= 0.75")
    assert curve.quantile(0.25)["conf_low"].tolist() == [18, rows["time"].iloc[0]] == [18, 5]
    assert reference()["heart quantiles"]["conf_low"][8 + 3] == 16  # sorted by value, not by time


@pytest.mark.parametrize(("case", "call"), list(curves()), ids=lambda value: value if isinstance(value, str) else "")
def test_curve_and_quantiles_equal_survfit(case, call):
    curve, theirs = call(), reference()[case]
    ours = curve.tidy()
    assert ours["group"].fillna("").tolist() == theirs["group"]
    for column in COLUMNS:
        assert_close(ours[column], theirs[column], f"{case}: {column}")
    for column in ("estimate", "conf_low", "conf_high"):
        assert_close(curve.median()[column], reference()[f"{case} printed"][column], f"{case}: printed {column}")
    quantiles = pd.DataFrame(reference()[f"{case} quantiles"])
    found = curve.quantile(PROBS)
    assert_close(found["quantile"], quantiles["quantile"])
    for group, rows in ours.fillna({"group": ""}).groupby("group"):
        mine = quantiles["group"] == group
        for column in ("estimate", "conf_low", "conf_high"):
            # Where a limit goes up again (few at risk early on, or weights), quantile.survfit, which sorts the values, no longer
            # finds the first crossing; print(survfit), Brookmeyer and Crowley's definition and we do.
            if rows[column].dropna().is_monotonic_decreasing:
                assert_close(found[column][mine], quantiles[column][mine].astype(float), f"{case}: {column}")


@pytest.mark.parametrize("conf_type", ["plain", "log", "log-log", "logit", "arcsine"])
def test_at_equals_summary_survfit(conf_type):
    lung = data("lung")
    ours = survival_curve(times(lung, "time", "status"), lung["sex"], conf_type=conf_type).at([0, 3, 5, 365, 1000, 2000])
    theirs = reference()[f"lung by sex, {conf_type.replace('arcsine', 'arcsin')} at"]
    assert ours["group"].tolist() == theirs["group"]
    for column in ("time", "estimate", "std_error", "conf_low", "conf_high", "n_risk"):
        assert_close(ours[column], theirs[column], column)


def test_medians_of_small_samples_full_of_ties_equal_survfit():
    small = {name: case for name, case in reference().items() if name.startswith("small")}
    assert len(small) == 240
    ends_at_half = 0
    for name, case in small.items():
        curve = survival_curve(hand(case["time"], case["status"]), conf_type=name.split()[-1])
        ours = curve.quantile([0.25, 0.5, 0.75])
        for column in ("estimate", "conf_low", "conf_high"):
            assert_close(ours[column], case[column], f"{name}: {column}")
        median, printed = curve.median().iloc[0], case["printed"]
        for column, shown in zip(("estimate", "conf_low", "conf_high"), printed, strict=True):
            last = curve.tidy()["estimate"].iloc[-1]
            if column == "estimate" and math.isclose(last, 0.5):  # print(fit): where it begins; median(fit): its middle
                ends_at_half += 1
                assert median[column] == (shown + max(case["time"])) / 2
            else:
                assert_close(median[column], shown if shown is not None else math.nan, f"{name}: printed {column}")
    assert ends_at_half == 24


def test_hand12_in_exact_fractions():
    curve = survival_curve(hand(*HAND12))
    n = [12, 11, 9, 8, 6, 5, 3, 2]  # at risk at the eight event times
    survival, total = [Fraction(1)], Fraction(0)
    for at_risk in n:
        survival.append(survival[-1] * (1 - Fraction(1, at_risk)))
    for at_risk in n[:6]:
        total += Fraction(1, at_risk * (at_risk - 1))
    tidy = curve.tidy()
    assert_close(tidy[tidy["n_event"] > 0]["estimate"], [float(s) for s in survival[1:]])
    at12 = tidy[tidy["time"] == 12].iloc[0]
    assert_close(at12["std_error"], float(survival[6]) * math.sqrt(total))
    assert_close(total, 0.131746031746032)


@pytest.mark.parametrize(
    ("time", "status", "median", "se", "low", "high"),
    [
        (*HAND12, 12.0, 3.6296836190780017, 4.885950831332116, 19.114049168667883),
        # Freireich's placebo arm
        ([1, 22, 3, 12, 8, 17, 2, 11, 8, 12, 2, 5, 4, 15, 8, 23, 5, 11, 4, 1, 8], [1] * 21,
         8.0, 1.669045920792561, 4.728730106703089, 11.27126989329691),
        # Collett's IUD data, printed there as 17.13 and 59 to 127
        ([10, 13, 18, 19, 23, 30, 36, 38, 54, 56, 59, 75, 93, 97, 104, 107, 107, 107],
         [1, 0, 0, 1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 0], 93.0, 17.13105586726887, 59.423747483009436, 126.57625251699056),
    ],
)  # fmt: skip
def test_median_by_standard_error(time, status, median, se, low, high):
    row = survival_curve(hand(time, status)).median("standard-error").iloc[0]
    assert_close(row[["estimate", "std_error", "conf_low", "conf_high"]], [median, se, low, high])
    assert (row["n"], row["n_event"]) == (len(time), sum(status))


def test_median_by_standard_error_in_lung():
    lung = data("lung")
    found = survival_curve(times(lung, "time", "status"), lung["sex"]).median("standard-error")
    assert found["estimate"].tolist() == [270, 426]
    np.testing.assert_allclose(found["std_error"], [27.639, 46.557], atol=6e-4)
    np.testing.assert_allclose(found["conf_low"], [215.8, 334.7], atol=0.06)


def test_median_by_standard_error_needs_the_lower_point():
    row = survival_curve(hand([1, 2, 3, 4], [1, 1, 0, 0])).median("standard-error").iloc[0]  # S ends at 0.5
    assert row["estimate"] == 2
    assert row[["std_error", "conf_low", "conf_high"]].isna().all()
    # as products of fractions 11/20 falls short of 0.55 (20 patients) and 54/120 exceeds 0.45 (120 patients)
    for n in (20, 120):
        curve = survival_curve(hand([i * i for i in range(1, n + 1)], [1] * n))
        upper, median, lower = (round(share * n) ** 2 for share in (0.45, 0.5, 0.55))
        row = curve.median("standard-error").iloc[0]
        assert row["estimate"] == median
        assert_close(row["std_error"], math.sqrt(0.5 * 0.5 / n) / (0.1 / (lower - upper)))


def test_median_limits_by_hand():
    expected = {"plain": [6, 18], "log": [7, math.nan], "log-log": [4, 18]}  # methods, m01_hand12
    for conf_type, limits in expected.items():
        row = survival_curve(hand(*HAND12), conf_type=conf_type).median().iloc[0]
        assert_close(row[["estimate", "conf_low", "conf_high"]], [12, *limits])


def test_plateau_at_one_half_gives_the_middle():
    assert survival_curve(hand([1, 2, 3, 4], [1, 1, 1, 1])).median()["estimate"].item() == 2.5
    thirds = hand([1, 2, 3, 3, 5, 8], [1, 1, 1, 0, 1, 1])  # 5/6 * 4/5 * 3/4 is one half only up to rounding
    assert survival_curve(thirds).median()["estimate"].item() == 4.0


def test_a_curve_without_events_and_one_where_all_die():
    none = survival_curve(hand([3, 1, 2], [0, 0, 0]))
    assert none.tidy()["estimate"].tolist() == [1, 1, 1]
    assert none.tidy()["std_error"].tolist() == [0, 0, 0]
    assert none.tidy()["conf_low"].isna().all()
    assert none.median()[["estimate", "conf_low", "conf_high"]].isna().all(axis=None)
    end = survival_curve(hand([1, 2], [1, 1])).tidy().iloc[-1]
    assert end["estimate"] == 0
    assert end[["std_error", "conf_low", "conf_high"]].isna().all()
    assert "NR" in repr(none)


def test_risk_set_that_empties_stays_at_zero_as_in_survfit():
    curve = survival_curve(hand([2, 5, 6], [1, 1, 0], entry=[0, 3, 4]))
    assert curve.tidy()["estimate"].tolist() == [0, 0, 0]


def test_columns_groups_and_words():
    lung = data("lung")
    tte = times(lung, "time", "status", unit="days", label="Overall survival", time_zero="diagnosis")
    curve = survival_curve(tte, lung["sex"])
    assert curve.tidy().columns.tolist() == ["group", "time", "estimate", "std_error", "conf_low", "conf_high",
                                             "n_event", "n_risk", "n_censor"]  # fmt: skip
    assert curve.groups == ("1", "2")
    assert curve.n == (138, 90)
    assert curve.n_event == (112, 53)
    assert curve.median().columns.tolist() == ["group", "estimate", "conf_low", "conf_high", "n", "n_event"]
    assert curve.quantile(0.5)["estimate"].tolist() == curve.median()["estimate"].tolist() == [270, 426]
    assert (curve.unit, curve.label, curve.time_zero, curve.caution) == ("days", "Overall survival", "diagnosis", "")
    assert curve.method == "Kaplan-Meier, Greenwood standard error, 95% log-log limits; 228 patients, 165 events"
    assert "1: n 138, events 112, median 270.0 (210.0, 306.0) days" in repr(curve)
    assert "<table" in curve._repr_html_()
    assert survival_curve(tte).tidy()["group"].isna().all()


def test_at_sorts_times_and_counts_to_zero():
    found = survival_curve(hand([2, 5], [1, 0])).at([9, 1])
    assert found["time"].tolist() == [1, 9]
    assert found["n_risk"].tolist() == [2, 0]
    assert found["estimate"].tolist() == [1, 0.5]


def test_refusals():
    competing = hand([1, 2], [1, 2], "Liver", "Death")
    with pytest.raises(EndpointError, match="cumulative_incidence"):
        survival_curve(competing)
    one = competing.only("Liver")
    caution = "other causes (Death) censored: not the probability of the event"
    assert survival_curve(one).caution == caution
    assert survival_curve(one).method.endswith(caution)
    assert follow_up(one).caution == ""
    with pytest.raises(EndpointError, match='Did you mean "log-log"'):
        survival_curve(one, conf_type="loglog")
    with pytest.raises(EndpointError, match="conf_level"):
        survival_curve(one, conf_level=95)
    for share in (50, -0.1, np.nan, "half", None, []):
        with pytest.raises(EndpointError, match="share between 0 and 1"):
            survival_curve(one).quantile(share)
    for level in (0, 1, "95%", None, np.nan):
        with pytest.raises(EndpointError, match="conf_level is a share"):
            survival_curve(one, conf_level=level)
    with pytest.raises(EndpointError, match="method"):
        survival_curve(one).median("spss")


def test_follow_up_takes_competing_events_and_leaves_continued_rows_alone():
    assert follow_up(hand([2, 4, 4, 6], [1, 2, 0, 0], "Liver", "Death")).median()["estimate"].item() == 6
    tte = hand([3, 8, 5], [0, 0, 1], entry=[0, 3, 0], id=[1, 1, 2])
    curve = follow_up(tte)
    assert curve.n_event == (1,)
    assert curve.tidy()["time"].tolist() == [5, 8]


def test_weights_as_copies():
    lung = data("lung")
    copied = lung.loc[lung.index.repeat(lung["copies"])].reset_index(drop=True)
    weighted = survival_curve(times(lung, "month", "status"), weights=lung["copies"]).tidy()
    written_out = survival_curve(times(copied, "month", "status")).tidy()
    for column in COLUMNS:
        assert_close(weighted[column], written_out[column], column)


small = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1)), min_size=1, max_size=14)


@given(small, st.randoms(use_true_random=False))
def test_brute_force_and_permutation(drawn, chance):
    tte = hand(*zip(*drawn, strict=True))
    tidy = survival_curve(tte).tidy()
    for row in tidy.itertuples():
        exact, total = Fraction(1), Fraction(0)
        for t in sorted({t for t, s in drawn if s and t <= row.time}):
            n, d = sum(time >= t for time, _ in drawn), sum(time == t and s for time, s in drawn)
            exact *= 1 - Fraction(d, n)
            total += Fraction(d, n * (n - d)) if n > d else 0
        assert_close(row.estimate, float(exact))
        if exact:
            assert_close(row.std_error, float(exact) * math.sqrt(total))
    chance.shuffle(drawn)
    pd.testing.assert_frame_equal(survival_curve(hand(*zip(*drawn, strict=True))).tidy(), tidy)


@given(small)
def test_curve_limits_and_quantiles_are_in_order(drawn):
    curve = survival_curve(hand(*zip(*drawn, strict=True)))
    tidy = curve.tidy().dropna()
    assert (tidy["conf_low"] <= tidy["estimate"] + 1e-12).all()
    assert (tidy["estimate"] <= tidy["conf_high"] + 1e-12).all()
    assert curve.quantile(np.linspace(0, 1, 9))["estimate"].dropna().is_monotonic_increasing


@given(small, st.lists(st.floats(0.1, 3), min_size=14, max_size=14))
def test_weighted_curve_is_one_less_the_incidence_of_a_single_cause(drawn, weights):
    tte = hand(*zip(*drawn, strict=True))
    w = np.array(weights[: len(drawn)])
    curve = survival_curve(tte, weights=w).tidy()
    incidence = cumulative_incidence(tte, weights=w, variance="infinitesimal-jackknife").tidy()
    assert_close(1 - curve["estimate"], incidence["estimate"])
    if not np.all(w % 1 == 0):
        assert_close(curve["std_error"], incidence["std_error"])


@given(small, st.randoms(use_true_random=False))
def test_doubling_halves_the_variance_and_the_time_scale_changes_only_times(drawn, chance):
    time, state = (np.array(column) for column in zip(*drawn, strict=True))
    once = survival_curve(hand(time, state)).tidy()
    doubled = survival_curve(hand(time.repeat(2), state.repeat(2))).tidy()
    assert_close(doubled["estimate"], once["estimate"])
    assert_close(doubled["std_error"] * math.sqrt(2), once["std_error"])
    scale = chance.choice([0.1, 1 / 30.4375, 365.25])
    scaled = survival_curve(hand(time * scale, state))
    pd.testing.assert_frame_equal(scaled.tidy().drop(columns="time"), once.drop(columns="time"), rtol=1e-12)
    assert_close(scaled.median()["estimate"], survival_curve(hand(time, state)).median()["estimate"] * scale)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6), st.integers(0, 1)), min_size=1, max_size=12),
    st.lists(st.integers(1, 10), max_size=3),
    st.booleans(),
)
def test_cutting_patients_into_rows_changes_nothing(drawn, cuts, weighted):
    frame = pd.DataFrame(drawn, columns=["entry", "length", "state"])
    frame["time"] = frame["entry"] + frame["length"]
    frame["weight"] = 0.5 + frame.index % 3 if weighted else 1.0
    rows = cut(frame, cuts)
    whole = survival_curve(times(frame, "time", "state", entry="entry"), weights=frame["weight"] if weighted else None)
    parts = survival_curve(times(rows, "time", "state", entry="entry", id="id"), weights=rows["weight"] if weighted else None)
    pd.testing.assert_frame_equal(parts.tidy(), whole.tidy(), rtol=1e-10, atol=1e-12)
    pd.testing.assert_frame_equal(parts.glance(), whole.glance(), rtol=1e-10)


def test_glance_is_a_row_a_group():
    lung = data("lung")
    glance = survival_curve(times(lung, "time", "status"), lung["sex"]).glance()
    assert glance.columns.tolist() == ["group", "estimate", "conf_low", "conf_high", "n", "n_event", "n_censor"]
    assert glance.to_numpy().tolist() == [["1", 270, 210, 306, 138, 112, 26], ["2", 426, 345, 524, 90, 53, 37]]  # with conf.type = "log-log"
    weighted = survival_curve(times(lung, "time", "status"), lung["sex"], weights=lung["weight"]).glance()
    assert weighted[["n", "n_event", "n_censor"]].to_numpy().tolist() == [[138, 112, 26], [90, 53, 37]]  # never weighted


@pytest.mark.parametrize("column", ["time", "month"])
def test_statsmodels_agrees(column):
    module = pytest.importorskip("statsmodels.duration.survfunc")
    lung = data("lung")
    theirs = module.SurvfuncRight(lung[column], lung["status"])
    ours = survival_curve(times(lung, column, "status")).tidy().set_index("time").loc[theirs.surv_times]
    assert_close(ours["estimate"], theirs.surv_prob)
    assert_close(ours["std_error"], theirs.surv_prob_se)
    assert ours["n_risk"].tolist() == list(theirs.n_risk)


def test_lifelines_agrees():
    lifelines = pytest.importorskip("lifelines")
    lung = data("lung")
    fitter = lifelines.KaplanMeierFitter().fit(lung["month"], lung["status"])
    at = [1.0, 6.0, 12.0, 24.0]
    ours = survival_curve(times(lung, "month", "status")).at(at)
    assert_close(ours["estimate"], fitter.survival_function_at_times(at))
    assert_close(ours["conf_low"], fitter.confidence_interval_.iloc[:, 0].loc[at])


def test_whole_weights_that_are_no_copies_need_the_jackknife():
    """R: summary(survfit(Surv(time, status) ~ sex, lung, weights = rep(2, 228), robust = TRUE), times = 365)$std.err."""
    lung = data("lung")
    days, two = times(lung, "time", "status"), np.full(len(lung), 2.0)
    found = survival_curve(days, lung["sex"], weights=two, robust=True).at([365])["std_error"]
    assert_close(found, [0.0434235888417981, 0.0597368539904425])
    copies = survival_curve(days, lung["sex"], weights=two).at([365])["std_error"]
    plain = survival_curve(days, lung["sex"], robust=False).at([365])["std_error"]
    assert_close(copies * math.sqrt(2), plain)
