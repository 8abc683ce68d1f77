"""Gray's test: cmprsk's answers, exact fractions, invariants, and what is refused."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from comparisons_reference import asked, cases
from curves_reference import assert_close, data, hand, reference, times
from hypothesis import assume, given
from hypothesis import strategies as st

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.comparing import gray_test
from haip_outcomes.survival.comparing.comparisons import logrank
from haip_outcomes.survival.comparing.gray_test import gray
from haip_outcomes.survival.time_to_event import TimeToEvent

STATES = ("Progression", "Death")


def all_tests() -> dict:
    """Every Gray's test of curves.R, by its name there."""
    mgus, bmt = data("mgus"), data("bmt")
    years = times(mgus, "year", "state", *STATES)
    months = times(mgus, "time", "state", *STATES)
    quarters = times(bmt.assign(quarter=np.ceil(bmt["time"] / 90)), "quarter", "state", *STATES)
    found = {}
    for rho in (0, 1, -0.5):
        for k, cause in enumerate(STATES, start=1):
            for name, tte, by, strata in (
                ("mgus sex", months, mgus["sex"], None),
                ("mgus years agegroup", years, mgus["agegroup"], None),
                ("mgus years agegroup strata sex", years, mgus["agegroup"], mgus["sex"]),
                ("bmt", times(bmt, "time", "state", *STATES), bmt["group"], None),
                ("bmt quarters", quarters, bmt["group"], None),
                ("mgus strata agegroup", months, mgus["sex"], mgus["agegroup"]),
            ):
                found[f"gray {name}, rho {rho}, cause {k}"] = gray(tte, by, cause=cause, strata=strata, rho=rho)
    return found


def test_the_tests_of_the_curves_equal_cuminc():
    theirs = reference()["tests"]
    ours = all_tests()
    assert set(ours) == {name for name in theirs["test"] if name.startswith("gray")}
    for name, statistic, df in zip(theirs["test"], theirs["statistic"], theirs["df"], strict=True):
        if name in ours:
            assert_close(ours[name].statistic, statistic, name)
            assert ours[name].df == df, name


@pytest.mark.parametrize("case", cases("gray"), ids=lambda case: case["name"])
def test_all_causes_equal_cuminc(case):
    tte, by, strata = asked(case)
    found = gray(tte, by, cause="all", strata=strata, rho=case["rho"]).tidy()
    assert found["outcome"].tolist() == [f"Cause {k}" for k in case["cause_number"]]
    for column in ("statistic", "p_value"):
        assert_close(found[column], case[column], case["name"])
    for column in ("df", "n", "n_event"):
        assert found[column].tolist() == case[column]


@pytest.mark.parametrize("case", cases("small"), ids=lambda case: case["name"])
def test_small_samples_as_cuminc_also_where_its_variance_is_singular(case):
    frame = pd.DataFrame({column: case[column] for column in ("time", "state", "by", "strata")})
    found = gray(times(frame, "time", "state", *STATES), frame["by"], cause="Progression", strata=frame["strata"])
    statistic, df, p = (np.nan if value is None else value for value in case["gray"])
    assert_close([found.statistic, found.p_value], [statistic, p], case["name"])
    assert math.isnan(df) or found.df == df


def exact(time, state, by, rho=0):
    """Gray's test of state 1 between two groups in fractions, each quantity of the docstring written out in a list over the times."""
    rows, groups = list(zip(time, state, by, strict=True)), sorted(set(by))
    at = sorted({t for t, s, _ in rows if s})
    zero, one = Fraction(0), Fraction(1)
    r = [[sum(x >= t and b == k for x, _, b in rows) for k in groups] for t in at]
    d = [[sum(x == t and s == 1 and b == k for x, s, b in rows) for k in groups] for t in at]
    e = [[sum(x == t and s > 1 and b == k for x, s, b in rows) for k in groups] for t in at]
    s, f_k, f = [[one, one]], [[zero, zero]], [zero]  # before the first time, then after each
    h, a, c, u = [], [], [[[zero, zero], [zero, zero]]], zero
    for j in range(len(at)):
        h.append([Fraction(r[j][k]) / s[j][k] if r[j][k] else zero for k in (0, 1)])
        total, deaths = sum(h[j]), sum(d[j])
        w = (1 - f[j]) ** rho
        a.append([[w * h[j][i] * ((i == k) - h[j][k] / total) for k in (0, 1)] for i in (0, 1)])
        c.append([[c[j][i][k] + a[j][i][k] * deaths / (total * (1 - f[j])) for k in (0, 1)] for i in (0, 1)])
        at_stake = [h[j][k] * (1 - f_k[j][k]) for k in (0, 1)]
        u += w * (d[j][0] - deaths * at_stake[0] / sum(at_stake))
        s.append([s[j][k] * (1 - Fraction(d[j][k] + e[j][k], r[j][k])) if r[j][k] else s[j][k] for k in (0, 1)])
        f_k.append([f_k[j][k] + s[j][k] * Fraction(d[j][k], r[j][k]) if r[j][k] else f_k[j][k] for k in (0, 1)])
        f.append(f[j] + deaths / total)
    v = zero
    for j in range(len(at)):
        total, deaths = sum(h[j]), sum(d[j])
        for k in (0, 1):
            if not r[j][k]:
                continue
            ratio = (1 - f[j + 1]) / s[j + 1][k] if s[j + 1][k] else zero
            to_come = c[-1][0][k] - c[j + 1][0][k]
            p = s[j][k] * deaths / (total * r[j][k])
            p *= 1 - (deaths - 1) / (total * s[j][k] - 1) if deaths > 1 else 1
            q = s[j][k] ** 2 * Fraction(e[j][k], r[j][k] ** 2) if s[j + 1][k] else zero
            q *= 1 - Fraction(e[j][k] - 1, r[j][k] - 1) if e[j][k] > 1 else 1
            v += p * (a[j][0][k] + (1 - ratio) * to_come) ** 2 + q * (ratio * to_come) ** 2
    return u, v


def test_gray_by_hand():
    """Six patients. a: the cause at 1, the other event at 3, censored at 4; b: the other event at 1, the cause at 2 and at 5.

    t  R_a R_b  S_a- S_b-  h_a  h_b    h    F-    U_a
    1   3   3    1    1     3    3     6    0     1 - 3/6                                  = 1/2
    2   2   2   2/3  2/3    3    3     6   1/6    - 3(1 - 1/3) / [3(1 - 1/3) + 3(1 - 0)]   = -2/5
    3   2   1   (the other event only: S_a goes to 1/3)
    5   0   1    -   1/3    0    3     3   1/3    nobody of a is left                      = 0
    """
    time, state, by = [1, 3, 4, 1, 2, 5], [1, 2, 0, 2, 1, 1], list("aaabbb")
    u, v = exact(time, state, by)
    assert u == Fraction(1, 10)
    assert v == Fraction(393, 800)
    found = gray(hand(time, state, *STATES), by, cause="Progression")
    assert_close(found.statistic, float(u * u / v))
    assert_close(found.statistic, 0.0203562340966921)  # cuminc


def test_gray_with_ties_in_exact_fractions():
    # unsorted; ties within and across the groups; a censoring at an event time; two kinds of event at one time
    time = [4, 1, 3, 3, 6, 4, 1, 3, 4, 8, 4, 6, 2, 3]
    state = [1, 1, 0, 2, 1, 1, 1, 1, 2, 1, 2, 0, 2, 2]
    by = list("abbaabbaabbaba")
    for rho in (0, 1, 2, -1):
        u, v = exact(time, state, by, rho)
        found = gray(hand(time, state, *STATES), by, cause="Progression", rho=rho)
        assert_close(found.statistic, float(u * u / v), f"rho {rho}")


def test_result_columns_and_words():
    mgus = data("mgus")
    result = gray(times(mgus, "time", "state", *STATES), mgus["sex"], cause="Death", strata=mgus["agegroup"])
    assert result.tidy().columns.tolist() == ["outcome", "statistic", "df", "p_value", "n", "n_event"]
    assert result.tidy()["outcome"].item() == "Death"
    assert result.tidy()["n_event"].item() == 860
    assert result.method == "Gray's test of Death, stratified (3 strata); 1384 patients, 860 events"
    both = gray(times(mgus, "time", "state", *STATES), mgus["sex"], cause="all", rho=1)
    assert both.method == "Gray's test of Progression and Death, rho 1; 1384 patients, 975 events"


def test_all_causes_or_a_cause_that_is_named_all():
    tte = hand([1, 2, 3, 4, 5, 6, 7], [1, 2, 1, 3, 2, 1, 0], "Liver", "Lung", "Death")
    by = list("abababa")
    rows = gray(tte, by, cause="all").tidy()
    assert rows["outcome"].tolist() == ["Liver", "Lung", "Death"]
    for cause, statistic in zip(rows["outcome"], rows["statistic"], strict=True):
        assert gray(tte, by, cause=cause).statistic == statistic
    named = hand([1, 2, 3, 4], [1, 2, 1, 2], "all", "Death")
    assert gray(named, list("abab"), cause="all").tidy()["outcome"].tolist() == ["all"]


# -- edges ------------------------------------------------------------------------------------------------------------------------


def test_without_events_of_the_cause_the_statistic_is_missing():
    tte = hand([1, 2, 3, 4], [1, 1, 0, 1], "Liver", "Death")
    assert math.isnan(gray(tte, list("abab"), cause="Death").statistic)
    assert math.isnan(gray(tte, list("abab"), cause="Death").p_value)
    apart = hand([1, 2, 3, 4, 5, 6], [1, 1, 1, 2, 2, 2], "Liver", "Death")  # cuminc: 4.820938, and -1 for the second
    assert round(gray(apart, list("aaabbb"), cause="Liver").statistic, 6) == 4.820938
    assert math.isnan(gray(apart, list("aaabbb"), cause="Death").statistic)
    none = gray(hand([1, 2, 3, 4], [0, 0, 0, 0], "Liver", "Death"), list("abab"), cause="all").tidy()  # cuminc stops
    assert none["statistic"].isna().all()
    assert none["n_event"].tolist() == [0, 0]


def test_few_patients_and_empty_levels_as_cuminc():
    two = gray(hand([3, 4], [1, 1]), list("ab"), cause="Death")
    assert_close([two.statistic, two.p_value], [1, 0.317310507862914])
    by = pd.Series(pd.Categorical(list("aabbb"), categories=["a", "b", "nobody"]))
    found = gray(hand([1, 2, 3, 3, 4], [1, 1, 1, 0, 1]), by, cause="Death")
    assert_close(found.statistic, 4.051080288076821)
    assert found.df == 1


def test_a_pooled_incidence_of_one_or_more():
    # one group after the other dies of the cause: F is 1/3, 5/6, 11/6
    one_by_one = hand([1, 1, 2, 2, 3, 3], [1] * 6)
    assert_close(gray(one_by_one, list("aabbcc"), cause="Death").statistic, 19 / 3)
    assert_close(gray(one_by_one, list("aabbcc"), cause="Death", rho=0.5).statistic, 6.09493129172216)
    # F is 1 while one group is left, which compares nobody: cuminc answers 3, with the groups' names exchanged it stops
    for by in ("aabb", "bbaa"):
        assert_close(gray(hand([1, 1, 2, 3], [1] * 4), list(by), cause="Death").statistic, 3)
    # F is 1 while two groups are left: 1 / (1 - F-) has no value (cuminc stops)
    for rho in (0, 1, 2):
        found = gray(hand([1, 1, 1, 1, 2, 2, 3, 4], [1] * 8), list("aaaabbcd"), cause="Death", rho=rho)
        assert math.isnan(found.p_value)


def test_everybody_entering_at_zero_is_followed_from_zero():
    time, state, by = [2, 3, 5, 7, 8, 9], [1, 2, 1, 0, 1, 2], list("abbaba")
    at_zero = gray(hand(time, state, *STATES, entry=[0] * 6), by, cause="Progression")
    assert at_zero.statistic == gray(hand(time, state, *STATES), by, cause="Progression").statistic


def test_refusals():
    competing = hand([1, 2, 3], [1, 2, 0], "Liver", "Death")
    with pytest.raises(EndpointError, match="two or more groups"):
        gray(competing, None, cause="Liver")
    with pytest.raises(EndpointError, match='only "a"'):
        gray(hand([3], [1]), ["a"], cause="Death")
    with pytest.raises(EndpointError, match='Did you mean "Liver"'):
        gray(competing, list("abb"), cause="liver")
    with pytest.raises(EndpointError, match="Known: Liver, Death"):
        gray(competing, list("abb"), cause=None)
    with pytest.raises(EndpointError, match="followed from time zero"):
        gray(hand([2, 3], [1, 2], "Liver", "Death", entry=[0, 1]), list("ab"), cause="Liver")
    with pytest.raises(EndpointError, match=r"tte\.only\(cause\)"):
        gray(hand([2, 3], [1, 2], "Liver", "Death", entry=[0, 1]), list("ab"), cause="all")
    with pytest.raises(EndpointError, match="by is missing in 1 row"):
        gray(competing, pd.Series(["a", "b", np.nan]), cause="Liver")
    with pytest.raises(EndpointError, match="strata is missing in 1 row"):
        gray(competing, list("abb"), cause="Liver", strata=["x", "x", None])
    with pytest.raises(EndpointError, match="takes a TimeToEvent"):
        gray(pd.DataFrame({"months": [1, 2]}), list("ab"), cause="Liver")
    for rho in ("1", np.nan, None):
        with pytest.raises(EndpointError, match="rho, the power of the weight, must be a number"):
            gray(competing, list("abb"), cause="Liver", rho=rho)


# -- invariants ---------------------------------------------------------------------------------------------------------------------

PATIENT = st.tuples(st.integers(0, 6), st.integers(0, 2), st.sampled_from("abc"), st.sampled_from("xy"))


def statistic_of(time, state, by, strata=None, rho=0.0):
    return gray(hand(time, state, "Liver", "Death", "Other"), by, cause="Liver", strata=strata, rho=rho).statistic


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9)


@given(st.lists(PATIENT, min_size=6, max_size=16), st.randoms(use_true_random=False), st.sampled_from([0.0, 1.0]))
def test_rows_names_and_scale_change_nothing(drawn, chance, rho):
    time, state, by, strata = zip(*drawn, strict=True)
    assume(len(set(by)) > 1)
    first = statistic_of(time, state, by, strata, rho)
    chance.shuffle(drawn)
    time, state, by, strata = zip(*drawn, strict=True)
    by = [{"a": "q", "b": "z", "c": "b"}[g] for g in by]
    close(statistic_of([3.7 * t**2 for t in time], state, by, strata, rho), first)  # any rising function of time


@given(st.lists(PATIENT, min_size=6, max_size=16), st.randoms(use_true_random=False))
def test_what_the_competing_events_are_called_changes_nothing(drawn, chance):
    time, state, by, _ = zip(*drawn, strict=True)
    assume(len(set(by)) > 1)
    close(statistic_of(time, [chance.choice([2, 3]) if s == 2 else s for s in state], by), statistic_of(time, state, by))


@given(st.lists(PATIENT, min_size=6, max_size=16))
def test_a_stratum_of_one_group_compares_nobody(drawn):
    time, state, by, strata = zip(*drawn, strict=True)
    assume(len(set(by)) > 1)
    close(statistic_of([*time, 1, 2, 2], [*state, 1, 2, 1], [*by, *by[:1] * 3], [*strata, *"www"]), statistic_of(time, state, by, strata))


@given(st.lists(PATIENT, min_size=6, max_size=16))
def test_without_competing_events_the_score_is_the_log_rank_score(drawn):
    time, state, by, _ = zip(*drawn, strict=True)
    state, groups = [int(s == 1) for s in state], sorted(set(by))
    tte = hand(time, state)
    u, v = np.zeros(len(groups)), np.zeros((len(groups), len(groups)))
    codes, _ = tte.groups(list(by))
    for number, group, ended in gray_test._in_order(tte, codes, np.zeros(len(tte), dtype=np.int64), 1):
        gray_test.score(number, group, ended, 1, 0.0, u, v)
    rows = list(zip(time, state, by, strict=True))
    for i, g in enumerate(groups):
        less = [(sum(x == t and s and b == g for x, s, b in rows), sum(x == t and s for x, s, _ in rows),
                 sum(x >= t and b == g for x, _, b in rows), sum(x >= t for x, _, _ in rows)) for t in set(time)]  # fmt: skip
        close(u[i], sum(d_g - d * r_g / r for d_g, d, r_g, r in less))
    close(v.sum(axis=0), 0)


@given(st.lists(PATIENT, min_size=6, max_size=14))
def test_two_groups_in_exact_fractions(drawn):
    time, state, by, _ = zip(*[(t, s, min(g, "b"), x) for t, s, g, x in drawn], strict=True)
    assume(len(set(by)) == 2)
    try:
        u, v = exact(time, state, by)
    except ZeroDivisionError:  # F- is 1: no value
        return
    if v:
        close(statistic_of(time, state, by), float(u * u / v))
    else:
        assert math.isnan(statistic_of(time, state, by))


def test_compiled_once_for_sorted_rows_of_any_kind():
    """Rows, groups and states reach the kernel as whole numbers of one type, whatever type they came in: it is compiled once."""
    frame = pd.DataFrame({"time": [1.5, 2, 2, 3, 4, 5], "state": np.array([1, 2, 0, 1, 1, 2], dtype=np.int8), "by": list("ababab")})
    tte = TimeToEvent.from_frame(frame, time="time", state="state", states=STATES)
    for by in (frame["by"], frame["by"].astype("category"), frame["by"].to_numpy(), (frame["by"] == "a").to_numpy()):
        for strata in (None, [0, 0, 0, 1, 1, 1]):
            for rho in (0, 0.5, np.float32(1)):
                gray(tte, by, cause="Death", strata=strata, rho=rho)
                gray(tte.take(np.arange(6)), by, cause="Death", strata=strata, rho=rho)
    assert len(gray_test.score.signatures) == 1
    assert logrank(tte.any_event("Any"), frame["by"]).df == 1


def test_all_causes_have_no_overall_test_and_come_apart():
    frame = pd.DataFrame({"months": [2, 4, 4, 6, 7, 9, 1, 3], "state": [1, 2, 0, 1, 2, 0, 1, 1], "arm": list("aaaabbbb")})
    tte = TimeToEvent.from_frame(frame, time="months", state="state", states=["Liver", "Death"])
    both = gray(tte, frame["arm"], cause="all")
    with pytest.raises(EndpointError, match=r"2 tests, a row each, and none of all together: read them from tidy\(\)"):
        _ = both.p_value
    assert len(both.glance()) == 2
    for cause, test in both.by_outcome().items():
        alone = gray(tte, frame["arm"], cause=cause)
        assert (test.statistic, test.p_value, test.method) == (alone.statistic, alone.p_value, alone.method)
