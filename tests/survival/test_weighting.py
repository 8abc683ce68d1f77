"""Propensity scores and weights: fractions by hand, what must hold always, what is said, and what is refused."""

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haip_outcomes.errors import EndpointError, FitError, HaipError, SeparationError
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.covariates.splines import spline
from haip_outcomes.survival.curves.aalen_johansen import cumulative_incidence
from haip_outcomes.survival.curves.kaplan_meier import survival_curve
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.resampling.bootstrapping import bootstrap
from haip_outcomes.survival.time_to_event import TimeToEvent
from haip_outcomes.survival.weighting.propensity_scores import Propensity, propensity
from haip_outcomes.survival.weighting.unmeasured import e_value

# Fourteen patients: 2 of 6 young and 5 of 8 old ones treated, so e = 1/3 and 5/8
YOUNG, OLD = Fraction(1, 3), Fraction(5, 8)
FOURTEEN = pd.DataFrame({
    "old": [0] * 6 + [1] * 8, "arm": ["pump", "pump", "none", "none", "none", "none", "pump", "pump", "pump", "pump", "pump", "none", "none", "none"],
    "months": [5, 9, 2, 4, 4, 8, 3, 3, 6, 7, 10, 1, 4, 9], "died": [1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1],
}, index=[f"p{i}" for i in range(14)])  # fmt: skip
AGES = np.array([YOUNG] * 6 + [OLD] * 8)
PUMP = (FOURTEEN["arm"] == "pump").to_numpy()
SHARE = Fraction(7, 14)
BY_HAND = {
    "ATE": np.where(PUMP, 1 / AGES, 1 / (1 - AGES)),
    "stabilised": np.where(PUMP, SHARE / AGES, (1 - SHARE) / (1 - AGES)),
    "ATT": np.where(PUMP, Fraction(1), AGES / (1 - AGES)),
    "overlap": np.where(PUMP, 1 - AGES, AGES),
}
HOW = {"ATE": {}, "stabilised": {"stabilised": True}, "ATT": {"estimand": "ATT"}, "overlap": {"estimand": "overlap"}}


def times(frame, **options):
    return TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"], **options)


def cohort(n=120, seed=5):
    rng = np.random.default_rng(seed)
    age, stage = rng.normal(60, 10, n).round(), rng.choice(["I", "II", "III"], n)
    score = 1 / (1 + np.exp(-(age - 62) / 12 - 0.6 * (stage == "III")))
    return pd.DataFrame({"age": age, "stage": stage, "sex": rng.integers(0, 2, n), "pump": (rng.random(n) < score).astype(int),
                         "months": rng.exponential(30, n).round(1) + 0.1, "died": rng.integers(0, 2, n)}, index=pd.RangeIndex(2, n + 2, name="row"))  # fmt: skip


@pytest.mark.parametrize("how", BY_HAND)
def test_weights_by_hand(how):
    p = propensity(FOURTEEN, "arm", ["old"], treated="pump", **HOW[how])
    assert (p.treated, p.comparison) == ("pump", "none")
    assert p.weights.index.equals(FOURTEEN.index)
    assert p.scores.to_numpy() == pytest.approx([float(e) for e in AGES], rel=1e-12)
    w = BY_HAND[how]
    assert p.weights.to_numpy() == pytest.approx([float(one) for one in w], rel=1e-12)
    told = p.positivity().set_index("group")
    for name, mine in (("pump", PUMP), ("none", ~PUMP)):
        own = w[mine]
        assert told.loc[name, "effective_n"] == pytest.approx(float(sum(own) ** 2 / sum(one * one for one in own)), rel=1e-12)
        assert told.loc[name, "largest_share"] == pytest.approx(float(max(own) / sum(own)), rel=1e-12)
    # one covariate of two values, modelled fully: exactly alike, and the share of old patients is that of whom the effect is
    after = p.balance().set_index("sample").loc["weighted"]
    share = {"ATE": Fraction(8, 14), "stabilised": Fraction(8, 14), "ATT": Fraction(5, 7), "overlap": 8 * OLD * (1 - OLD) / (6 * YOUNG * (1 - YOUNG) + 8 * OLD * (1 - OLD))}[how]
    assert after["mean_treated"] == pytest.approx(float(share), rel=1e-12)
    assert after["mean_comparison"] == pytest.approx(float(share), rel=1e-12)
    before = p.balance().set_index("sample").loc["unweighted"]
    p1, p0 = Fraction(5, 7), Fraction(3, 7)
    assert before["estimate"] == pytest.approx(float(p1 - p0) / float((p1 * (1 - p1) + p0 * (1 - p0)) / 2) ** 0.5, rel=1e-12)


@pytest.mark.parametrize("how", BY_HAND)
def test_a_weighted_curve_and_its_robust_error_by_hand(how):
    p = propensity(FOURTEEN, "arm", ["old"], treated="pump", **HOW[how])
    tte = times(FOURTEEN)
    found = survival_curve(tte, p.groups, weights=p.weights).at([4, 7])
    month, dead, w = FOURTEEN["months"].to_numpy(), FOURTEEN["died"].to_numpy() == 1, BY_HAND[how]

    def curve(group, until, weights):
        s = Fraction(1)
        for t in sorted(set(month[dead & group])):
            if t <= until:
                s *= 1 - sum(weights[dead & group & (month == t)]) / sum(weights[group & (month >= t)])
        return s

    for k, (name, group) in enumerate((("none", ~PUMP), ("pump", PUMP))):
        for j, until in enumerate((4, 7)):
            row = found.iloc[2 * k + j]
            assert row["group"] == name
            s = curve(group, until, w)
            assert row["estimate"] == pytest.approx(float(s), rel=1e-12)
            # the infinitesimal jackknife: sum over patients of (w dS/dw)^2, the derivative by exact differences of a small step
            tiny, total = Fraction(1, 10**9), 0.0
            for i in np.flatnonzero(group):
                up, down = w.copy(), w.copy()
                up[i], down[i] = w[i] * (1 + tiny), w[i] * (1 - tiny)
                total += float((curve(group, until, up) - curve(group, until, down)) / (2 * tiny)) ** 2
            assert row["std_error"] == pytest.approx(total**0.5, rel=1e-9)


def test_groups_and_weights_go_where_times_go():
    frame = cohort()
    p = propensity(frame, "pump", ["age", "stage"])
    assert p.groups.unique().tolist() in (["0", "1"], ["1", "0"])
    some = frame.iloc[::-2]  # fewer rows, another order
    tte = times(some)
    curve = survival_curve(tte, p.groups, weights=p.weights)
    again = survival_curve(tte, p.groups.loc[some.index].to_numpy(), weights=p.weights.loc[some.index].to_numpy())
    assert curve.at([12])["estimate"].tolist() == again.at([12])["estimate"].tolist()
    one = cox(tte, design(frame, ["pump"]), weights=p.weights, robust=True)
    assert one.n == len(some)
    two = TimeToEvent.from_frame(frame.assign(state=frame["died"] * (1 + frame["sex"])), time="months", state="state", states=["Liver", "Death"])
    assert len(cumulative_incidence(two, p.groups, weights=p.weights, variance="infinitesimal-jackknife").at([12])) == 4


@given(st.integers(0, 10_000), st.sampled_from(["ATE", "ATT", "overlap"]))
@settings(max_examples=25, deadline=None)
def test_what_holds_for_any_patients(seed, estimand):
    frame = cohort(90, seed)
    p = propensity(frame, "pump", ["age", "stage"], estimand=estimand)
    e, yes = p.scores, frame["pump"] == 1
    assert e.sum() == pytest.approx(yes.sum(), rel=1e-9)  # the score equation of the intercept
    if estimand == "overlap":  # Li, Morgan and Zaslavsky 2018, theorem 3: the means of all covariates of the model are exactly balanced
        after = p.balance().query("sample == 'weighted'")
        assert after["estimate"].abs().max() < 1e-8
        assert p.weights[yes].sum() == pytest.approx(p.weights[~yes].sum(), rel=1e-9)
        assert p.weights.between(0, 1).all()
    # the other way round: the same weights for ATE and overlap
    if estimand != "ATT":
        other = propensity(frame, "pump", ["age", "stage"], estimand=estimand, treated=0)
        assert np.allclose(other.weights, p.weights, rtol=1e-9)
        assert np.allclose(other.balance()["estimate"], -p.balance()["estimate"], atol=1e-9)
    shuffled = propensity(frame.sample(frac=1, random_state=seed), "pump", ["stage", "age"], estimand=estimand)
    assert np.allclose(shuffled.weights.loc[frame.index], p.weights, rtol=1e-9)
    # a change of unit changes nothing
    assert np.allclose(propensity(frame.assign(age=(frame["age"] - 7) / 365.25), "pump", ["age", "stage"], estimand=estimand).weights, p.weights, rtol=1e-8)


def test_stabilised_weights_change_neither_curves_nor_the_treatments_hazard_ratio_under_breslow():
    frame = cohort()
    plain, stable = (propensity(frame, "pump", ["age", "stage"], stabilised=one) for one in (False, True))
    assert stable.weights.mean() == pytest.approx(1, abs=0.1)
    tte = times(frame)
    a, b = (survival_curve(tte, p.groups, weights=p.weights).at([6, 24]) for p in (plain, stable))
    assert np.allclose(a[["estimate", "std_error"]], b[["estimate", "std_error"]], rtol=1e-10)
    assert "stabilised weights for everybody (ATE)" in stable.method


def test_truncation_is_counted_and_said():
    frame = cohort()
    p, cut = propensity(frame, "pump", ["age", "stage"]), propensity(frame, "pump", ["age", "stage"], truncate=0.9)
    q = np.quantile(p.weights, 0.9)
    assert cut.weights.max() == pytest.approx(q)
    assert cut.n_truncated == int((p.weights > q).sum()) == 12
    assert "12 weights cut at the 90% quantile;" in cut.method
    both = propensity(frame, "pump", ["age", "stage"], truncate=(0.01, 0.99))
    assert "cut at the 1% and 99% quantiles;" in both.method
    assert "cut at the 99.5% quantile;" in propensity(frame, "pump", ["age"], truncate=0.995).method
    att = propensity(frame, "pump", ["age", "stage"], estimand="ATT", truncate=0.5 + 0.3)
    assert (att.weights[frame["pump"] == 1] == 1).all()


def test_treatments_are_read_as_people_write_them():
    frame = cohort()
    want = propensity(frame, "pump", ["age"]).weights
    for values, level, treated in ((frame["pump"] == 1, None, "True"), (frame["pump"] + 1, None, "2"), (frame["pump"].astype(float), None, "1"),
                                   (frame["pump"].map({0: "without", 1: "pump"}), "pump", "pump"),
                                   (pd.Categorical(frame["pump"].map({0: "z", 1: "a"}), categories=["z", "a"]), None, "a"),
                                   (frame["pump"].astype("Int64"), 1, "1"), (frame["pump"].astype("boolean"), True, "True"),
                                   (frame["pump"], True, "1"), (frame["pump"] == 1, 1, "True")):  # fmt: skip
        p = propensity(frame.assign(pump=values), "pump", ["age"], treated=level)
        assert p.treated == treated
        assert np.allclose(p.weights, want, rtol=1e-10)


def test_balance_of_columns_outside_the_model_with_gaps_and_of_columns_that_do_not_vary():
    frame = cohort()
    frame["cea"] = np.where(np.arange(len(frame)) % 5 == 0, np.nan, np.arange(len(frame)) % 17)
    frame["same"] = 3.0
    frame["told"] = frame["pump"] * 2.0
    p = propensity(frame, "pump", ["age", "stage"])
    found = p.balance(["cea", "sex", "same", "told"]).set_index(["term", "sample"])
    known = frame["cea"].notna()
    assert found.loc[("cea", "weighted"), "n"] == known.sum()
    mine = frame[known & (frame["pump"] == 1)]
    assert found.loc[("cea", "weighted"), "mean_treated"] == pytest.approx(np.average(mine["cea"], weights=p.weights[mine.index]))
    assert np.isnan(found.loc[("sex", "weighted"), "variance_ratio"])  # a share: its variance follows from it
    assert found.loc[("same", "weighted"), "estimate"] == 0
    assert found.loc[("told", "unweighted"), "estimate"] == found.loc[("told", "weighted"), "estimate"] == np.inf
    assert list(p.balance().columns) == ["term", "level", "estimate", "n", "sample", "mean_treated", "mean_comparison", "variance_ratio"]
    assert p.balance("sex")["term"].unique().tolist() == ["sex"]
    levels = p.balance(["stage"])
    assert levels.query("sample == 'weighted'")["level"].tolist() == ["I", "II", "III"]
    with pytest.raises(EndpointError, match="no column"):
        p.balance(["agee"])
    with pytest.raises(EndpointError, match="No columns"):
        p.balance([])
    with pytest.raises(EndpointError, match="spread must be"):
        p.balance(spread="both")
    with pytest.raises(EndpointError, match=r"missing in one of the groups for everybody"):
        Propensity.balance(propensity(frame.assign(cea=frame["cea"].where(frame["pump"] == 0)), "pump", ["age"]), ["cea"])


def test_lack_of_overlap_and_heavy_weights_are_said():
    rng = np.random.default_rng(3)
    age = np.concatenate([rng.uniform(40, 70, 60), rng.uniform(62, 90, 40)])
    frame = pd.DataFrame({"age": age, "arm": ["a"] * 60 + ["b"] * 40})
    p = propensity(frame, "arm", ["age"])
    told = p.positivity().set_index("group")
    e = p.scores
    outside = int((e[:60] < e[60:].min()).sum())
    assert told.loc["a", "n_outside"] == outside + int((e[:60] > e[60:].max()).sum())
    assert any(f"nobody in the other group reaches: {outside} of 60 with arm a" in note for note in p.warnings)
    assert any("hardly possible" in note for note in p.warnings)
    assert len(p.weights) == 100  # nobody trimmed
    assert "Note:" in repr(p)
    assert "largest standardised difference" in repr(p)
    calm = propensity(cohort(600), "pump", ["sex"])
    assert calm.warnings == ()


def test_weights_that_would_pass_for_copies_are_warned_of():
    frame = pd.DataFrame({"x": [0, 0, 1, 1] * 10, "arm": [0, 1] * 20, "months": range(1, 41), "died": 1})
    p = propensity(frame, "arm", ["x"])
    assert np.allclose(p.weights, 2, rtol=1e-12)
    exactly = replace(p, weights=p.weights.round(6))  # whether a score of one half is so to the last bit is the machine's affair
    assert any("copies of patients" in note for note in exactly.warnings)
    tte = times(frame)
    copies, ones = (survival_curve(tte, p.groups, weights=w).at([20])["std_error"] for w in (exactly.weights, exactly.weights / 2))
    assert np.allclose(copies * 2**0.5, ones)  # what the note is about, and its cure
    assert not any("copies" in note for note in propensity(frame, "arm", ["x"], stabilised=True).warnings)


def test_patients_left_out_have_no_weight_and_are_counted():
    frame = cohort()
    frame.loc[frame.index[:4], "age"] = np.nan
    with pytest.raises(FitError, match="Missing values"):
        propensity(frame, "pump", ["age", "stage"])
    p = propensity(frame, "pump", ["age", "stage"], missing="complete-case")
    assert len(p.weights) == len(p.scores) == len(p.groups) == 116
    assert p.method.endswith(", 4 without age")
    tte = times(frame)
    with pytest.raises(EndpointError, match="no value for 4 rows"):
        survival_curve(tte, p.groups, weights=p.weights)
    kept = tte.take(tte.index.isin(p.weights.index))
    assert survival_curve(kept, p.groups, weights=p.weights).n[0] > 0


BAD = [
    (lambda f: f.assign(pump=np.where(np.arange(120) == 3, np.nan, f["pump"])), {}, EndpointError, "pump.*is missing in 1 row .*not to be filled in"),
    (lambda f: f.assign(pump=f["stage"]), {"terms": ["age"]}, EndpointError, r"two levels, and \"pump\" has 3 \(I, II and III\)"),
    (lambda f: f.assign(pump=1), {}, EndpointError, r"has 1 \(1\)"),
    (lambda f: f.assign(pump=f["age"]), {"terms": ["sex"]}, EndpointError, "two levels, and"),
    (lambda f: f, {"treated": "pmp"}, EndpointError, 'no level "pmp" to be the treated'),
    (lambda f: f, {"treatment": "pumpp"}, EndpointError, 'no column "pumpp". Did you mean "pump"'),
    (lambda f: f, {"terms": ["age", "pump"]}, EndpointError, "is the treatment and can't be among the terms"),
    (lambda f: f, {"estimand": "ato"}, EndpointError, "no estimand"),
    (lambda f: f, {"estimand": "ATT", "stabilised": True}, EndpointError, "Only weights for everybody"),
    (lambda f: f, {"truncate": 99}, EndpointError, "truncate is a quantile"),
    (lambda f: f, {"truncate": (0.9, 0.1)}, EndpointError, "truncate is a quantile"),
    (lambda f: f, {"truncate": "1%"}, EndpointError, "truncate is a quantile"),
    (lambda f: f, {"terms": ["agee"]}, EndpointError, 'no column "agee"'),
    (lambda f: f.assign(stage=np.where(f["pump"] == 1, f["stage"], "0")), {}, SeparationError, r'with stage "I" \(\d+\) had pump 1: nobody like them had pump 0. .*leave them out'),
    (lambda f: f.assign(stage=np.where((f["stage"] == "I") & (f["pump"] == 1), "II", f["stage"])), {}, SeparationError, r'Every patient with stage "I" \(\d+\) had pump 0'),
    (lambda f: f.assign(sex=f["sex"] * f["pump"]), {"terms": ["age", "sex"]}, SeparationError, r'patient with "sex" 1 \(\d+\) had pump 1'),
    (lambda f: f.assign(age=f["age"] + 100 * f["pump"]), {}, SeparationError, r'"age" tells without fail who had pump 1: all of them are at \d+ or above'),
    (lambda f: f.assign(age=f["age"] - 100 * f["pump"]), {}, SeparationError, "or below"),
    (lambda f: f.assign(a=f["age"] + 10 * f["pump"], b=f["age"] + np.arange(120) % 3), {"terms": ["a", "b"]}, SeparationError, r"a and b together tell without fail what \d+ of 120 patients had \(pump 0 or pump 1\)"),
    (lambda f: f.groupby("pump").head(2), {"terms": ["age", "sex"]}, HaipError, "."),
]  # fmt: skip


@pytest.mark.parametrize(("change", "options", "kind", "words"), BAD)
def test_what_is_refused_with_its_cure(change, options, kind, words):
    given = {"treatment": "pump", "terms": ["age", "stage"], **options}
    with pytest.raises(kind, match=words):
        propensity(change(cohort()), given.pop("treatment"), given.pop("terms"), **given)


def test_a_column_twice_is_refused():
    frame = cohort()
    twice = pd.concat([frame, frame[["pump"]], frame[["months"]]], axis=1)
    with pytest.raises(EndpointError, match='several columns "pump"'):
        propensity(twice, "pump", ["age"])
    p = propensity(pd.concat([frame, frame[["months"]]], axis=1), "pump", ["age"])
    with pytest.raises(EndpointError, match='several columns "months"'):
        p.balance(["months"])


def test_one_extreme_value_is_not_separation():
    """A tumour marker of 10,000 gives a score of almost 0 or 1 and a finite maximum: R's glm finds it, with a warning of its own."""
    frame = cohort(60)
    frame["cea"] = frame["age"] - 50 + 3.0 * frame["pump"]
    frame.loc[frame.index[frame["pump"] == 1][0], "cea"] = 10_000.0
    p = propensity(frame, "pump", ["cea"])
    assert p.scores.max() > 1 - 1e-12
    x = np.column_stack([np.ones(60), frame["cea"] / 100])
    assert np.abs(x.T @ (frame["pump"] - p.scores)).max() < 1e-8
    assert any("hardly possible" in note for note in p.warnings)


def test_a_series_or_a_list_instead_of_a_frame_is_refused():
    with pytest.raises(EndpointError, match=r"takes a data frame.*cohort\.frame"):
        propensity([1, 2], "pump", ["age"])


def test_terms_may_bend_and_interact():
    frame = cohort(300)
    p = propensity(frame, "pump", [spline("age", knots=3), "stage", "sex"], estimand="overlap")
    assert p.balance()["term"].unique().tolist() == ["age", "stage", "sex"]
    assert len(p.tidy()) == 1 + 2 + 2 + 1
    q = propensity(frame, "pump", ["age*sex", "stage"], reference={"stage": "II"})
    assert ("stage", "I") in zip(q.tidy()["term"], q.tidy()["level"], strict=True)
    assert q.glance()["n"].tolist() == [300]
    assert "<table" in q._repr_html_()


def test_the_bootstrap_goes_through_the_whole_procedure():
    frame = cohort(80)
    tte = times(frame)

    def effect(tte, frame):
        p = propensity(frame, "pump", ["age", "stage"], estimand="overlap")
        return cox(tte, design(frame, ["pump"]), weights=p.weights, robust=True)

    found = bootstrap(effect, tte, frame, replicates=60, method="percentile", rng=4)
    assert found.estimates.values.tolist() == effect(tte, frame).coefficients.tolist()
    # by hand: the same resample, score and fit again
    again = bootstrap(effect, tte, frame, replicates=60, method="percentile", rng=4)
    assert np.array_equal(found.replicates, again.replicates, equal_nan=True)
    assert np.nanstd(found.replicates[:, 0]) > 0.1
    # weights from outside can't follow a resample: refused rather than misaligned
    fixed = propensity(frame, "pump", ["age", "stage"]).weights
    whole = bootstrap(lambda t, f: cox(t, design(f, ["pump"]), weights=fixed), tte, frame, replicates=20, method="percentile", rng=4)
    assert np.isnan(whole.std_error).all()
    assert sum(whole.failures.values()) == 20


@pytest.mark.slow
def test_confounding_goes_and_robust_limits_hold_the_truth():
    """The treatment does nothing, and is given to those who do badly: 400 cohorts of 200."""
    rng = np.random.default_rng(11)
    found = {"unadjusted": [], "ATE": [], "overlap": []}
    for _ in range(400):
        x = rng.normal(size=200)
        frame = pd.DataFrame({"x": x, "a": (rng.random(200) < 1 / (1 + np.exp(-0.8 * x))).astype(int)})
        t, c = rng.exponential(50 * np.exp(-0.7 * x)), rng.uniform(20, 80, 200)
        frame["months"], frame["died"] = np.minimum(t, c), (t <= c).astype(int)
        tte = times(frame)
        for how in found:
            weights = {} if how == "unadjusted" else {"weights": propensity(frame, "a", ["x"], estimand=how).weights, "robust": True}
            row = cox(tte, design(frame, ["a"]), **weights).tidy().iloc[0]
            found[how].append((row["estimate"], row["conf_low"] <= 0 <= row["conf_high"]))
    mean = {how: np.mean(rows, axis=0) for how, rows in found.items()}
    assert mean["unadjusted"][0] > 0.3
    for how in ("ATE", "overlap"):
        assert abs(mean[how][0]) < 3 * np.std([row[0] for row in found[how]]) / 20 + 0.01
        assert mean[how][1] > 0.925
    assert mean["unadjusted"][1] < 0.7


# ---------------------------------------------------------------- E-values
def test_published_e_values():
    # VanderWeele and Ding 2017: breastfeeding and death from respiratory infection; and leukaemia
    one = e_value(3.9, 1.8, 8.7, kind="risk_ratio")
    assert (round(one.e_value, 2), round(one.e_value_limit, 2)) == (7.26, 3.0)
    two = e_value(0.80, 0.71, 0.91, kind="odds_ratio", rare=True)
    assert (round(two.e_value, 1), round(two.e_value_limit, 1)) == (1.8, 1.4)
    # the vignette of R's EValue: smoking and lung cancer, Hammond and Horn
    three = e_value(10.73, 8.02, 14.36, kind="risk_ratio").tidy()["estimate"]
    assert three.round(5).tolist() == [20.94777, 15.52336]


@given(st.floats(0.05, 20), st.floats(1.01, 3), st.sampled_from(["hazard_ratio", "risk_ratio", "rate_ratio", "odds_ratio"]), st.booleans())
def test_an_e_value_is_the_smallest_strength_that_explains_the_ratio(ratio, width, kind, rare):
    found = e_value(ratio, ratio / width, ratio * width, kind=kind, rare=rare)
    above = max(found.risk_ratio, 1 / found.risk_ratio)
    e = found.e_value
    assert e * e / (2 * e - 1) == pytest.approx(above, rel=1e-9)  # the bounding factor of two associations of size E
    assert 1 <= found.e_value_limit <= e + 1e-12
    other = e_value(1 / ratio, 1 / (ratio * width), 1 / (ratio / width), kind=kind, rare=rare)  # the same seen from the other side
    assert other.e_value == pytest.approx(e, rel=1e-9)
    assert other.e_value_limit == pytest.approx(found.e_value_limit, rel=1e-9)
    assert (found.e_value_limit == 1) == (ratio / width <= 1 <= ratio * width)


def test_an_e_value_of_nothing():
    found = e_value(1, 0.5, 2)
    assert (found.e_value, found.e_value_limit) == (1, 1)
    assert "holds 1 without any" in found.method
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize(("given", "options", "words"), [
    ((2, 1, 4), {"kind": "mean"}, "no kind"), ((-0.5, -1, 0.2), {}, "above 0"), ((0.9, 0.1, 0.5), {}, "hold the estimate"), ((2, np.nan, 4), {}, "above 0"),
    (("2", "x", 4), {}, "above 0"), ((2, 1, np.inf), {}, "finite"), ((2, 1, 4), {"rare": "no"}, "rare must be"),
])  # fmt: skip
def test_e_values_that_are_refused(given, options, words):
    with pytest.raises(EndpointError, match=words):
        e_value(*given, **options)


def test_the_page_tells_what_the_simulation_found():
    """Each coverage printed in docs/weighting.md is one that benchmarks/weighting.py wrote."""
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs" / "weighting.md").read_text(encoding="utf-8")
    told = [line.split("|")[1:-1] for line in page.splitlines() if re.match(r"\| (ATE|ATT|overlap) \| (hazard|survival)", line)]
    rows = [line.split("|")[1:-1] for line in (root / "benchmarks" / "WEIGHTING.md").read_text(encoding="utf-8").splitlines() if line.startswith("| 200 ")]
    found = {(row[1].strip(), row[2].strip()): (row[6].strip(), row[7].strip()) for row in rows}
    assert len(told) == 6
    for weights, of, robust, whole in ([cell.strip() for cell in row] for row in told):
        names = [of] if of == "hazard ratio" else ["survival at 36 months, comparison", "survival at 36 months, treated"]
        pairs = [found[weights, name] for name in names]
        assert (robust, whole) == (", ".join(one for one, _ in pairs), ", ".join(two for _, two in pairs))
