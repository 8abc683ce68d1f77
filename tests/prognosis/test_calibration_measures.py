"""Calibration and net benefit against prodlim, geepack and survival, by hand, and in what must not matter."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from validation_reference import CALIBRATED, QUESTIONS, asked, assert_close

from haip_outcomes.errors import EndpointError
from haip_outcomes.prognosis.validation.calibrating import calibration
from haip_outcomes.prognosis.validation.net_benefit import decision_curve
from haip_outcomes.prognosis.validation.observed_risks import observed_risk, pseudo_values
from haip_outcomes.prognosis.validation.predicted_risks import predicted
from haip_outcomes.survival.time_to_event import TimeToEvent

GROUP_COLUMNS = ("n", "predicted", "estimate", "std_error", "conf_low", "conf_high")


def hand(time, state, *names):
    return TimeToEvent.from_frame(pd.DataFrame({"time": time, "state": state}), time="time", state="state", states=names or ("Death",))


def middle(q):
    tte, one, _, cause = asked(q)
    at = (len(q["times"]) + 1) // 2 - 1
    return tte, one[:, at], q["times"][at], cause


@pytest.mark.parametrize("name", CALIBRATED)
def test_r_calibration(name):
    q = QUESTIONS[name]
    theirs = q["calibration"]
    tte, risk, t, cause = middle(q)
    assert t == theirs["at"]
    pseudo = pseudo_values(predicted("calibration", tte, risk, t, cause), t)
    assert_close(pseudo[:40], theirs["pseudo"], what="pseudo-values")
    assert_close([pseudo.sum(), pseudo @ pseudo], [theirs["pseudo_sum"], theirs["pseudo_squares"]])
    found = calibration(tte, risk, t, cause=cause, knots=q["knots"])
    terms = found.tidy().set_index("term")
    assert_close(terms.loc["intercept", "estimate"], theirs["intercept"][0], what="intercept")
    assert_close(terms.loc["slope", "estimate"], theirs["slope"][0], what="slope")
    assert_close(terms.loc[["intercept", "slope"], "std_error"], [theirs["intercept"][1], theirs["slope"][1]], 1e-6, what="robust SE")
    curve = np.array(theirs["curve"])
    assert_close(found.curve.iloc[::10, :2], curve[:, :2], what="curve")
    assert_close(found.curve.iloc[::10, 2:], curve[:, 2:], 1e-6, what="its limits")
    assert_close([found.ici, found.e50, found.e90], theirs["distances"], what="ICI")
    first = terms.iloc[0]
    assert_close([first["observed"], first["expected"], first["estimate"]],
                 [theirs["observed"][0], theirs["expected"], theirs["observed"][0] / theirs["expected"]])  # fmt: skip
    assert_close(first["std_error"], theirs["observed"][1] / theirs["expected"])
    assert_close(found.groups[list(GROUP_COLUMNS)], theirs["groups"], what="groups")


@pytest.mark.parametrize("name", QUESTIONS)
def test_r_net_benefit(name):
    q = QUESTIONS[name]
    tte, risk, t, cause = middle(q)
    found = decision_curve(tte, risk, t, [row[0] for row in q["decision"]], cause=cause).tidy()
    model = found[found["term"] == "Model"]
    assert_close(model["n"], [row[1] for row in q["decision"]])
    assert_close(model["estimate"], [np.nan if row[2] is None else row[2] for row in q["decision"]])
    assert_close(found[found["term"] == "Treat all"]["estimate"], [row[3] for row in q["decision"]])
    assert (found[found["term"] == "Treat none"][["estimate", "std_error", "n"]] == 0).all(axis=None)


@settings(max_examples=100, deadline=None)
@given(st.integers(6, 25).flatmap(lambda n: st.tuples(
    st.lists(st.integers(1, 9), min_size=n, max_size=n), st.lists(st.integers(0, 2), min_size=n, max_size=n), st.integers(1, 8))))
def test_pseudo_values_are_what_is_left_without_a_patient(drawn):
    time, state, t = drawn
    tte = hand(time, state, "Liver", "Death")
    n = len(tte)
    try:
        of = predicted("calibration", tte, np.full(n, 0.5), t, "Liver")
    except EndpointError:
        return

    def incidence(rows):
        x, k = np.array(time)[rows], np.array(state)[rows]
        survival, total = 1.0, 0.0
        for u in sorted(set(x.tolist())):
            if u <= t:
                total += survival * ((x == u) & (k == 1)).sum() / (x >= u).sum()
                survival *= 1 - ((x == u) & (k > 0)).sum() / (x >= u).sum()
        return total

    everybody = np.arange(n)
    brute = [n * incidence(everybody) - (n - 1) * incidence(np.delete(everybody, i)) for i in range(n)]
    assert np.allclose(pseudo_values(of, t), brute, rtol=1e-10, atol=1e-10)


def test_groups_and_totals_by_hand():
    # two groups of five by 7: low risk 2 lost at 3, one event at 5; high risk events at 1 and 4
    time = [3, 5, 9, 9, 9, 1, 4, 8, 8, 8]
    state = [0, 1, 0, 0, 0, 1, 1, 0, 0, 0]
    tte, risk = hand(time, state), [0.2] * 5 + [0.6] * 5
    found = calibration(tte, risk, 7, groups=2)
    assert found.groups["estimate"].tolist() == pytest.approx([1 / 4, 2 / 5], rel=1e-14)
    assert found.groups[["n", "n_event", "predicted"]].to_numpy() == pytest.approx(np.array([[5, 1, 0.2], [5, 2, 0.6]]))
    observed = 1 - Fraction(9, 10) * Fraction(7, 8) * Fraction(6, 7)
    first = found.tidy().iloc[0]
    assert first["estimate"] == pytest.approx(float(observed / Fraction(4, 10)), rel=1e-14)
    greenwood = (1 - observed) ** 2 * (Fraction(1, 90) + Fraction(1, 56) + Fraction(1, 42))
    assert first["std_error"] == pytest.approx(float(greenwood) ** 0.5 / 0.4, rel=1e-12)
    assert not len(found.curve)
    assert np.isnan(found.ici)
    assert "no smooth curve: too few different risks for 3 knots" in found.method


def test_net_benefit_by_hand():
    time, state = [2, 4, 5, 6, 8, 9], [1, 1, 0, 1, 0, 0]
    tte, risk = hand(time, state), [0.9, 0.3, 0.5, 0.6, 0.4, 0.2]
    found = decision_curve(tte, risk, 7, [0.25, 0.4, 0.95]).tidy()
    model, everybody = (found[found["term"] == term].reset_index(drop=True) for term in ("Model", "Treat all"))
    # treated at 0.4: those of 2 (event), 5 (lost), 6 (event), 8: F = 1 - 3/4 x 1/2 = 5/8; all: F = 5/9
    assert model["estimate"][1] == pytest.approx(float(Fraction(4, 6) * (Fraction(5, 8) - Fraction(3, 8) * Fraction(2, 3))), rel=1e-14)
    odds = (Fraction(1, 3), Fraction(2, 3), Fraction(19))
    assert everybody["estimate"].tolist() == pytest.approx([float(Fraction(5, 9) - Fraction(4, 9) * w) for w in odds], rel=1e-13)
    assert model.loc[2, ["estimate", "std_error", "n"]].tolist() == [0, 0, 0]  # nobody is treated: no benefit, no harm
    # with nobody lost it is the mean of 1 for a true positive, -w for a false one; so is its standard error
    rng = np.random.default_rng(3)
    time, risk = rng.exponential(10, 400), rng.uniform(size=400)
    row = decision_curve(hand(time, np.ones(400, dtype=int)), risk, 7, 0.3).tidy().iloc[0]
    each = (risk >= 0.3) * np.where(time <= 7, 1.0, -0.3 / 0.7)
    assert row["estimate"] == pytest.approx(each.mean(), rel=1e-12)
    assert row["std_error"] == pytest.approx(each.std() / 20, rel=1e-10)
    assert row["true_positive"] == pytest.approx(((risk >= 0.3) & (time <= 7)).mean(), rel=1e-12)


def test_the_standard_error_of_net_benefit_is_that_of_resamples():
    tte, risk, t, cause = middle(QUESTIONS["melanoma"])
    row = decision_curve(tte, risk, t, 0.12, cause=cause).tidy().iloc[0]
    rng = np.random.default_rng(7)
    drawn = []
    for _ in range(400):
        i = rng.integers(0, len(tte), len(tte))
        part = TimeToEvent(time=tte.time[i], state=tte.state[i], states=tte.states, index=pd.RangeIndex(len(i)))
        drawn.append(decision_curve(part, risk[i], t, 0.12, cause=cause).tidy()["estimate"][0])
    assert np.std(drawn) / row["std_error"] == pytest.approx(1, abs=0.12)


def test_what_is_perfect_and_what_is_not():
    rng = np.random.default_rng(12)
    n = 4000
    risk = rng.uniform(0.05, 0.9, n)
    time = rng.exponential(-12 / np.log1p(-risk))
    end = rng.uniform(8, 40, n)
    tte = hand(np.minimum(time, end), (time <= end).astype(int))
    right = calibration(tte, risk, 12).tidy().set_index("term")
    for term, value in (("observed / expected", 1), ("intercept", 0), ("slope", 1)):
        assert right.loc[term, "conf_low"] < value < right.loc[term, "conf_high"], term
        assert right.loc[term, "p_value"] > 0.05
    eta = np.log(-np.log1p(-risk))
    extreme = calibration(tte, -np.expm1(-np.exp(2 * eta - eta.mean())), 12).tidy().set_index("term")
    assert extreme.loc["slope", "estimate"] == pytest.approx(right.loc["slope", "estimate"] / 2, rel=1e-6)  # too extreme: a slope of a half
    low = calibration(tte, risk / 2, 12)
    assert low.tidy()["estimate"][0] == pytest.approx(2 * right["estimate"].iloc[0], rel=1e-12)
    assert (low.curve["estimate"] > low.curve["predicted"]).mean() > 0.95
    assert low.glance()["ici"][0] == pytest.approx(np.mean(risk / 2), rel=0.1)


def test_what_can_not_be_estimated_is_missing_and_said():
    tte, risk, t, _ = middle(QUESTIONS["lung_days"])
    certain = calibration(tte, np.where(risk > np.quantile(risk, 0.9), 1.0, risk), t)
    assert certain.tidy()["estimate"].isna().tolist() == [False, True, True]
    assert "predicted risks of exactly 0 or 1" in certain.method
    same = calibration(tte, np.full(len(tte), 0.4), t)
    assert same.tidy()["estimate"].isna().tolist() == [False, False, True]
    assert len(same.groups) == 1
    assert "everybody has the same predicted risk" in same.method
    # those treated at a high threshold were all lost early
    early = hand([1, 2, 9, 9, 3, 9], [0, 0, 0, 1, 1, 0])
    found = decision_curve(early, [0.9, 0.8, 0.1, 0.2, 0.3, 0.3], 5, [0.05, 0.7])
    assert np.isnan(found.tidy()["estimate"][1])
    assert "not known at 0.7" in found.method
    assert np.isnan(observed_risk(predicted("x", early, [0.1] * 6, 5, None), 5, np.array([True, True] + [False] * 4))[0])


TTE, RISK = hand(np.arange(1, 41), [1, 0] * 20), np.linspace(0.1, 0.9, 40)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: calibration(TTE, RISK, [5, 10]), "calibration is of one time"),
        (lambda: calibration(TTE, RISK, 20, groups=1), "groups is a whole number, 2 or more"),
        (lambda: calibration(TTE, RISK, 20, groups=9), "40 patients are too few for 9 groups of at least 5"),
        (lambda: calibration(TTE, RISK, 20, knots=2), "3 to 7 knots"),
        (lambda: calibration(TTE, RISK * 100, 20), "outside 0 to 1"),
        (lambda: calibration(TTE, RISK, 50), "nobody was followed to 50 months"),
        (lambda: calibration(TTE, RISK, 0.5), "nobody is known to have had Death by 0.5 months"),
        (lambda: decision_curve(TTE, RISK, 20, [0, 0.1]), "strictly between 0 and 1"),
        (lambda: decision_curve(TTE, RISK, 20, [10, 20]), "strictly between 0 and 1"),
        (lambda: decision_curve(TTE, RISK, 20, [0.3, 0.2]), "increasing"),
        (lambda: decision_curve(TTE, RISK, 20, "all"), "thresholds are risks"),
        (lambda: decision_curve(TTE, RISK, [5, 20], 0.3), "is of one time"),
        (lambda: decision_curve(TTE, np.full(40, np.nan), 20, 0.3), "is missing in 40 rows"),
    ],
)
def test_bad_input(ask, words):
    with pytest.raises(EndpointError, match=words):
        ask()


def test_results_say_what_they_are():
    tte, risk, t, cause = middle(QUESTIONS["melanoma"])
    found = calibration(tte, risk, t, cause=cause)
    assert repr(found).splitlines()[1].startswith("observed / expected: 1.")
    assert "<table" in found._repr_html_()
    assert list(found.groups)[:7] == ["outcome", "level", "time", "estimate", "std_error", "conf_low", "conf_high"]
    assert found.spread.sum() == len(tte)
    assert found.groups["n"].sum() == len(tte)
    ordered = np.sort(risk)
    assert found.curve["predicted"].iloc[[0, -1]].tolist() == [ordered[4], ordered[-5]]
    assert "fewer than 200 events" in found.method
    curve = decision_curve(tte, risk, t, [0.1, 0.2], cause=cause)
    assert "threshold 0.1: 0.093 (treat all or none: 0.085)" in repr(curve)
    assert "<table" in curve._repr_html_()
    assert curve.tidy()["term"].tolist() == ["Model", "Model", "Treat all", "Treat all", "Treat none", "Treat none"]


@pytest.mark.slow
def test_limits_hold_the_truth():
    """500 cohorts of 150 with a right model and 24% lost by then: intercept 0, slope 1 and O/E 1 lie within the limits in 95 of 100."""
    rng = np.random.default_rng(21)
    held = np.zeros(3)
    for _ in range(500):
        x = rng.normal(size=150)
        risk = -np.expm1(-12 / 20 * np.exp(0.8 * x))
        time, end = rng.exponential(20 * np.exp(-0.8 * x)), rng.exponential(30, 150)
        tidy = calibration(hand(np.minimum(time, end), (time <= end).astype(int)), risk, 12).tidy()
        held += (tidy["conf_low"] <= [1, 0, 1]) & (tidy["conf_high"] >= [1, 0, 1])
    # O/E's limits take the expected as fixed: patients differ, so that they are a little too wide
    assert 0.93 <= held[0] / 500 <= 1.0
    assert ((held[1:] / 500 >= 0.92) & (held[1:] / 500 <= 0.98)).all(), held / 500
