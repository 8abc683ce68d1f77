"""AUC and Brier score against riskRegression, by hand, by brute force, against scikit-survival, and in what must not matter."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from validation_reference import QUESTIONS, asked, assert_close

from haip_outcomes.errors import EndpointError, HaipError
from haip_outcomes.prognosis.validation.discrimination import time_dependent_auc
from haip_outcomes.prognosis.validation.prediction_error import brier_score, integrated_brier
from haip_outcomes.survival.time_to_event import TimeToEvent


def hand(time, state, *names, **columns):
    frame = pd.DataFrame({"time": time, "state": state, **columns})
    return TimeToEvent.from_frame(frame, time="time", state="state", states=names or ("Death",), **{name: name for name in columns})


@pytest.mark.parametrize("name", QUESTIONS)
def test_r_score(name):
    q = QUESTIONS[name]
    tte, one, _, cause = asked(q)
    assert len(tte) == q["n"]
    auc, brier = (measure(tte, one, q["times"], cause=cause) for measure in (time_dependent_auc, brier_score))
    frame, errors = auc.tidy(), brier.tidy()
    assert_close(frame["estimate"], [row[0] for row in q["auc"]], what="AUC")
    assert_close(frame["std_error"], [row[1] for row in q["auc"]], 1e-6, what="SE of the AUC")
    assert_close(errors["estimate"], [row[0] for row in q["brier"]], what="Brier")
    assert_close(errors["std_error"], [row[1] for row in q["brier"]], 1e-6, what="SE of the Brier score")
    assert_close(errors["ipa"], [row[3] for row in q["brier"]], what="IPA")
    assert_close(errors["null_estimate"], [row[0] for row in q["null"]], what="null model")
    assert_close(errors["null_std_error"], [row[1] for row in q["null"]], 1e-6, what="SE of the null model")
    whole = integrated_brier(tte, one, q["times"], cause=cause, rule="step").tidy().iloc[0]
    assert_close([whole["estimate"], whole["null_estimate"]], [q["brier"][-1][2], q["null"][-1][2]], what="IBS")


@pytest.mark.parametrize("name", QUESTIONS)
def test_r_contrasts_of_two_models(name):
    q = QUESTIONS[name]
    tte, one, two, cause = asked(q)
    for measure, theirs in ((time_dependent_auc, "auc_difference"), (brier_score, "brier_difference")):
        found = measure(tte, two, q["times"], cause=cause).difference(measure(tte, one, q["times"], cause=cause))
        assert_close(found["estimate"], [row[0] for row in q[theirs]])
        assert_close(found["std_error"], [row[1] for row in q[theirs]], 1e-6)
    assert_close(time_dependent_auc(tte, two, q["times"], cause=cause).tidy()["estimate"], [row[0] for row in q["auc_two"]])


def test_by_hand_with_a_censoring_at_an_event_time_unsorted_and_tied_risks():
    # G: at 4 an event and a censoring among 5: the event first, so 1 of 4 exposed is lost, G = 3/4 after 4
    tte = hand([6, 4, 2, 4, 9, 8], [1, 1, 1, 0, 0, 0])
    risk = [0.5, 0.25, 0.75, 0.5, 0.25, 0.5]
    # by 7: cases 6 (w 4/3), 4 (w 1), 2 (w 1); controls 9 and 8, w 4/3 each
    pairs = Fraction(4, 3) * (Fraction(1) + Fraction(1, 2)) + 1 * (Fraction(1, 2) + 0) + 1 * (Fraction(1) + Fraction(1))  # x the controls' common weight
    auc = pairs / ((Fraction(4, 3) + 2) * 2)
    assert time_dependent_auc(tte, risk, 7).tidy()["estimate"][0] == pytest.approx(float(auc), rel=1e-14)
    squares = Fraction(4, 3) * Fraction(1, 4) + Fraction(9, 16) + Fraction(1, 16) + Fraction(4, 3) * (Fraction(1, 16) + Fraction(1, 4))
    assert brier_score(tte, risk, 7).tidy()["estimate"][0] == pytest.approx(float(squares / 6), rel=1e-14)
    # null model: S(7) = 5/6 x 4/5 x 2/3 = 4/9, so everybody's risk is 5/9
    null = (Fraction(4, 3) + 2) * Fraction(16, 81) + 2 * Fraction(4, 3) * Fraction(25, 81)
    row = brier_score(tte, risk, 7).tidy().iloc[0]
    assert row["null_estimate"] == pytest.approx(float(null / 6), rel=1e-14)
    assert row["ipa"] == pytest.approx(float(1 - squares / null), rel=1e-13)
    assert (row["n"], row["n_event"], row["n_censor"]) == (6, 3, 1)
    # an event at the horizon is a case, a censoring at it is lost
    assert time_dependent_auc(tte, risk, 4).tidy()[["n_event", "n_censor", "n_control"]].iloc[0].tolist() == [2, 1, 3]


def test_competing_events_by_hand():
    tte = hand([1, 2, 3, 4, 5], [2, 1, 0, 1, 0], "Liver", "Death")
    risk = [0.4, 0.6, 0.5, 0.3, 0.1]
    # by 4.5: cases 2 (w 1), 4 (w 3/2); controls: death at 1 (w 1), followed beyond (w 3/2); G = 2/3 after 3
    auc = (1 * (1 + Fraction(3, 2)) + Fraction(3, 2) * Fraction(3, 2)) / (Fraction(5, 2) * Fraction(5, 2))
    assert time_dependent_auc(tte, risk, 4.5, cause="Liver").tidy()["estimate"][0] == pytest.approx(float(auc), rel=1e-14)
    brier = (Fraction(4, 25) * 1 + Fraction(16, 100) + Fraction(49, 100) * Fraction(3, 2) + Fraction(1, 100) * Fraction(3, 2)) / 5
    assert brier_score(tte, risk, 4.5, cause="Liver").tidy()["estimate"][0] == pytest.approx(float(brier), rel=1e-14)


cohorts = st.integers(8, 30).flatmap(lambda n: st.tuples(
    st.lists(st.integers(1, 12), min_size=n, max_size=n), st.lists(st.integers(0, 2), min_size=n, max_size=n),
    st.lists(st.integers(0, 10), min_size=n, max_size=n), st.integers(1, 11), st.permutations(range(n))))  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(cohorts)
def test_brute_force_and_what_must_not_matter(drawn):
    time, state, tenths, t, order = drawn
    tte, risk = hand(time, state, "Liver", "Death"), np.array(tenths) / 10
    time, state = np.array(time, dtype=float), np.array(state)
    cases = (time <= t) & (state == 1)
    controls = (time > t) | ((time <= t) & (state == 2))
    try:
        found = time_dependent_auc(tte, risk, t, cause="Liver")
    except EndpointError:
        assert not cases.any() or not controls.any() or t >= time.max()
        return

    def free(u, before):
        g = 1.0
        for s in sorted(set(time.tolist())):
            if s < u or (s == u and not before):
                exposed = (time >= s).sum() - ((time == s) & (state > 0)).sum()
                g *= 1 - ((time == s) & (state == 0)).sum() / exposed if exposed else 1.0
        return g

    w = np.array([0.0 if x <= t and k == 0 else 1 / free(x, True) if x <= t else 1 / free(t, False) for x, k in zip(time, state, strict=True)])
    above = pairs = 0.0
    for i in np.flatnonzero(cases):
        for j in np.flatnonzero(controls):
            pairs += w[i] * w[j]
            above += w[i] * w[j] * ((risk[i] > risk[j]) + (risk[i] == risk[j]) / 2)
    assert found.frame["estimate"][0] == pytest.approx(above / pairs, rel=1e-12, abs=1e-14)
    score = brier_score(tte, risk, t, cause="Liver")
    assert score.frame["estimate"][0] == pytest.approx((w * (cases - risk) ** 2).mean(), rel=1e-12, abs=1e-14)
    assert abs(found.influence.sum()) < 1e-9
    assert abs(score.influence.sum()) < 1e-9  # to first order all together move nothing
    shuffled = hand(time[order], state[order], "Liver", "Death")
    again = time_dependent_auc(shuffled, risk[order], t, cause="Liver")
    assert again.frame["std_error"][0] == pytest.approx(found.frame["std_error"][0], rel=1e-9, abs=1e-12)
    assert np.allclose(again.influence, found.influence[order])
    assert time_dependent_auc(tte, risk**2 / 2, t, cause="Liver").frame["estimate"][0] == pytest.approx(found.frame["estimate"][0], rel=1e-12)


def test_without_censoring_they_are_mann_whitney_and_the_mean_square():
    rng = np.random.default_rng(5)
    time, risk = rng.exponential(10, 80), rng.uniform(0, 1, 80).round(1)
    tte, had = hand(time, np.ones(80, dtype=int)), time <= 6
    above = (risk[had][:, None] > risk[~had]).mean() + (risk[had][:, None] == risk[~had]).mean() / 2
    assert time_dependent_auc(tte, risk, 6).frame["estimate"][0] == pytest.approx(above, rel=1e-13)
    brier = brier_score(tte, risk, 6).frame.iloc[0]
    assert brier["estimate"] == pytest.approx(((had - risk) ** 2).mean(), rel=1e-13)
    assert brier["null_estimate"] == pytest.approx(had.mean() * (1 - had.mean()), rel=1e-13)
    assert brier["std_error"] == pytest.approx(((had - risk) ** 2).std(ddof=1) / np.sqrt(80), rel=1e-12)


def continuous(n, seed, kinds=2):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    first, second, lost = rng.exponential(20 * np.exp(-0.8 * x)), rng.exponential(60, n), rng.exponential(45, n)
    time = np.minimum(np.minimum(first, second), lost)
    state = np.where(time == first, 1, np.where(time == second, kinds if kinds == 2 else 0, 0))
    tte = hand(time, state, *(("Liver", "Death") if kinds == 2 else ()))
    risk = np.column_stack([1 - np.exp(-t / 20 * np.exp(0.8 * x)) for t in (6.0, 12.0, 24.0)])
    return tte, risk


def test_standard_errors_are_those_of_the_jackknife():
    tte, risk = continuous(300, 3)
    times = [6.0, 12.0, 24.0]

    def all_of(rows):
        part = tte.take(rows)
        brier = brier_score(part, risk[rows], times, cause="Liver").frame
        whole = integrated_brier(part, risk[rows], times, cause="Liver").frame
        return np.concatenate([time_dependent_auc(part, risk[rows], times, cause="Liver").frame["estimate"], brier["estimate"], brier["ipa"],
                               whole["estimate"], whole["ipa"]])  # fmt: skip

    n = len(tte)
    without = np.array([all_of(np.delete(np.arange(n), i)) for i in range(n)])
    jackknife = np.sqrt((n - 1) / n * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    brier, whole = brier_score(tte, risk, times, cause="Liver").frame, integrated_brier(tte, risk, times, cause="Liver").frame
    ours = np.concatenate([time_dependent_auc(tte, risk, times, cause="Liver").frame["std_error"], brier["std_error"], brier["ipa_std_error"],
                           whole["std_error"], whole["ipa_std_error"]])  # fmt: skip
    assert np.abs(ours / jackknife - 1).max() < 0.03


def test_the_rules_of_the_integral():
    tte, risk = continuous(200, 8)
    times = np.array([6.0, 12.0, 24.0])
    scores = brier_score(tte, risk, times, cause="Liver").frame["estimate"].to_numpy()
    assert integrated_brier(tte, risk, times, cause="Liver").frame["estimate"][0] == pytest.approx(
        np.trapezoid(np.concatenate([[0], scores]), np.concatenate([[0], times])) / 24, rel=1e-13)  # fmt: skip
    held = integrated_brier(tte, risk, times, cause="Liver", rule="step").frame["estimate"][0]
    assert held == pytest.approx((scores[0] * 6 + scores[1] * 12) / 24, rel=1e-13)
    with pytest.raises(EndpointError, match='no rule "simpson"'):
        integrated_brier(tte, risk, times, cause="Liver", rule="simpson")


def test_scikit_survival_agrees_where_nothing_is_tied():
    metrics = pytest.importorskip("sksurv.metrics")
    from sksurv.util import Surv

    tte, risk = continuous(250, 11, kinds=1)
    times = [6.0, 12.0, 24.0]
    y = Surv.from_arrays(tte.state == 1, tte.time)
    auc, _ = metrics.cumulative_dynamic_auc(y, y, risk, times)
    assert_close(time_dependent_auc(tte, risk, times).frame["estimate"], auc)
    _, brier = metrics.brier_score(y, y, 1 - risk, times)
    assert_close(brier_score(tte, risk, times).frame["estimate"], brier)


def test_results_say_what_they_are():
    tte, risk = continuous(200, 8)
    found = brier_score(tte, pd.DataFrame(risk, index=tte.index, columns=[6, 12, 24]).sample(frac=1, random_state=1), [6, 12, 24], cause="Liver")
    assert list(found.tidy())[:7] == ["outcome", "time", "estimate", "std_error", "conf_low", "conf_high", "n"]
    assert found.frame["estimate"].tolist() == brier_score(tte, risk, [6, 12, 24], cause="Liver").frame["estimate"].tolist()
    assert repr(found).startswith("Brier score of Liver by 6, 12 and 24 months, competing events first counting as no event; 200 patients; Liver ")
    assert "<table" in found._repr_html_()
    other = brier_score(tte, risk / 2, [6, 12, 24], cause="Liver")
    backwards = found.difference(other)
    assert np.allclose(backwards["estimate"], -other.difference(found)["estimate"])
    assert ((backwards["p_value"] > 0) & (backwards["p_value"] < 1)).all()
    with pytest.raises(EndpointError, match="of one measure"):
        found.difference(time_dependent_auc(tte, risk, [6, 12, 24], cause="Liver"))
    with pytest.raises(EndpointError, match="same patients"):
        found.difference(brier_score(tte, risk[:, :2], [6, 12], cause="Liver"))


RISK = np.linspace(0.1, 0.9, 10)
TTE = hand(np.arange(1, 11), [1, 0] * 5)
LATE = hand(np.arange(1, 11), [1, 0] * 5, entry=[0.5] * 10)
ROWS = hand([1, 2, 3, 4], [0, 1, 0, 1], entry=[0, 1, 0, 3], id=["a", "a", "b", "b"])
TWO = hand(np.arange(1, 11), [1, 2] * 5, "Liver", "Death")


@pytest.mark.parametrize(
    ("times", "risk", "more", "words"),
    [
        (TTE.time, RISK, {"times": 5}, "takes a TimeToEvent"),
        (TTE, 100 * RISK, {"times": 5}, r"outside 0 to 1 in 10 rows.*neither a percentage"),
        (TTE, np.where(RISK > 0.85, np.nan, RISK), {"times": 5}, r"is missing in 1 row \(index 9\).*with a reason"),
        (TTE, -RISK, {"times": 5}, "outside 0 to 1"),
        (TTE, ["high"] * 10, {"times": 5}, "risk must be numbers"),
        (TTE, RISK[:5], {"times": 5}, r"a row for each of the 10 patients.*\(5, 1\)"),
        (TTE, RISK, {"times": [3, 5]}, r"a column for each of the 2 times.*\(10, 1\)"),
        (TTE, np.column_stack([RISK, RISK - 0.05]), {"times": [3, 5]}, "look like probabilities of survival"),
        (TTE, np.column_stack([RISK, RISK]), {"times": [5, 3]}, "times must increase"),
        (TTE, pd.DataFrame({"12": RISK, "24": RISK}), {"times": [3, 5]}, "columns of risk are named 12 and 24.*3 and 5"),
        (TTE, pd.Series(RISK, index=range(5, 15)), {"times": 5}, "no value for 5 rows"),
        (TTE, RISK, {"times": 12}, r"nobody was followed to 12 months \(the longest follow-up is 10\)"),
        (TTE, RISK, {"times": 10}, "at 10 months, the end of follow-up, nobody is left"),
        (TTE, RISK, {"times": 0}, "numbers after zero"),
        (TTE, RISK, {"times": "soon"}, "times must be numbers"),
        (TTE, RISK, {"times": []}, "times must be numbers"),
        (TTE, RISK, {"times": 5, "cause": "Liver"}, 'no event "Liver"'),
        (TTE, RISK, {"times": 5, "conf_level": 95}, "share between 0 and 1"),
        (TWO, RISK, {"times": 5}, 'needs cause=: Liver and Death compete.*cause="Liver"'),
        (LATE, RISK, {"times": 5}, r"not defined with delayed entry.*tte\.landmark"),
        (ROWS, RISK[:4], {"times": 2}, "several rows"),
    ],
)
@pytest.mark.parametrize("measure", [time_dependent_auc, brier_score, integrated_brier])
def test_bad_input_is_refused_in_a_sentence(measure, times, risk, more, words):
    with pytest.raises(HaipError, match=words):
        measure(times, risk, **more)


def test_nobody_to_compare_is_refused():
    late = hand([5, 6, 7, 8], [1, 1, 0, 0])
    with pytest.raises(EndpointError, match="nobody is known to have had Death by 3 months: ask for a later time"):
        time_dependent_auc(late, [0.1, 0.2, 0.3, 0.4], 3)
    assert brier_score(late, [0.0] * 4, 3).tidy()[["estimate", "null_estimate"]].values.tolist() == [[0, 0]]  # a score, but no IPA
    assert np.isnan(brier_score(late, [0.0] * 4, 3).tidy()["ipa"][0])
    all_dead = hand([1, 2, 3, 4], [1] * 4)
    with pytest.raises(EndpointError, match="without Death at 4 months: ask for an earlier time"):
        time_dependent_auc(all_dead, [0.4, 0.3, 0.2, 0.1], 4)


@pytest.mark.slow
def test_limits_of_the_auc_hold_the_truth():
    """400 cohorts of 200 with 19% lost by then: the limits should hold the AUC of 200,000 uncensored patients in 95 of 100."""
    rng = np.random.default_rng(2)

    def draw(n, lost):
        x = rng.normal(size=n)
        time = rng.exponential(20 * np.exp(-0.8 * x))
        end = rng.exponential(lost, n) if lost else np.full(n, np.inf)
        return hand(np.minimum(time, end), (time <= end).astype(int)), 1 - np.exp(-12 / 20 * np.exp(0.8 * x))

    truth = {measure: measure(*draw(200_000, 0), 12).frame["estimate"][0] for measure in (time_dependent_auc, brier_score)}
    for measure, value in truth.items():
        rows = [measure(*draw(200, 40), 12).frame.iloc[0] for _ in range(400)]
        held = np.mean([row["conf_low"] <= value <= row["conf_high"] for row in rows])
        assert 0.92 <= held <= 0.98, (measure.__name__, held)
        spread = np.std([row["estimate"] for row in rows]) / np.mean([row["std_error"] for row in rows])
        assert 0.9 < spread < 1.1
