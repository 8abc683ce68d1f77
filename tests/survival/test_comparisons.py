import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from curves_reference import assert_close, data, hand, reference, times
from hypothesis import given
from hypothesis import strategies as st

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.comparisons import gray, logrank

STATES = ("Progression", "Death")
KINDS = {"logrank": "logrank", "gehan": "gehan", "tarone-ware": "tarone-ware", "fh 1 1": ("fleming-harrington", 1, 1),
         "fh 0 1": ("fleming-harrington", 0, 1), "fh 0.5 2": ("fleming-harrington", 0.5, 2)}  # fmt: skip


def all_tests() -> dict:
    """Every test that R ran, by its name there."""
    lung, colon, mgus, heart, bmt = (data(name) for name in ("lung", "colon", "mgus", "heart", "bmt"))
    known = lung.dropna(subset="ecog")
    days, months, known_months = times(lung, "time", "status"), times(lung, "month", "status"), times(known, "month", "status")
    halves = times(colon, "halfyear", "status")
    years = times(mgus, "year", "state", *STATES)
    mgus_months = times(mgus, "time", "state", *STATES)
    age = times(mgus, "exit", "state", *STATES, entry="age").any_event("Any")
    rows = times(heart, "stop", "event", entry="start")
    found = {}
    for rho, weighting in ((0, "logrank"), (1, "peto")):
        w = {"weighting": weighting}
        found |= {
            f"lung sex, rho {rho}": logrank(days, lung["sex"], **w),
            f"lung months sex, rho {rho}": logrank(months, lung["sex"], **w),
            f"lung months ecog, rho {rho}": logrank(known_months, lung["ecog"], **w),
            f"lung months sex strata ecog, rho {rho}": logrank(known_months, lung["sex"], strata=lung["ecog"], **w),
            f"colon rx, rho {rho}": logrank(times(colon, "time", "status"), colon["rx"], **w),
            f"colon halfyear rx strata extent, rho {rho}": logrank(halves, colon["rx"], strata=colon["extent"], **w),
            f"mgus years agegroup strata sex, rho {rho}":
                logrank(years.any_event("Any"), mgus["agegroup"], strata=mgus["sex"], **w),
        }  # fmt: skip
    found |= {
        "lung months sex, rho 0.5": logrank(months, lung["sex"], weighting=("fleming-harrington", 0.5, 0)),
        "lung months ecog trend": logrank(known_months, lung["ecog"], trend=True),
        "lung months ecog trend strata sex": logrank(known_months, lung["ecog"], strata=lung["sex"], trend=True),
        "mgus years agegroup trend": logrank(mgus_months.any_event("Any"), mgus["agegroup"], trend=True),
        "heart transplant": logrank(rows, heart["transplant"]),
        "heart transplant strata surgery": logrank(rows, heart["transplant"], strata=heart["surgery"]),
    }
    for name, weighting in KINDS.items():
        w = {"weighting": weighting}
        found |= {
            f"lung months sex, {name}": logrank(months, lung["sex"], **w),
            f"colon halfyear rx strata extent, {name}": logrank(halves, colon["rx"], strata=colon["extent"], **w),
            f"heart transplant, {name}": logrank(rows, heart["transplant"], **w),
            f"mgus by age agegroup strata sex, {name}": logrank(age, mgus["agegroup"], strata=mgus["sex"], **w),
        }
    quarters = times(bmt.assign(quarter=np.ceil(bmt["time"] / 90)), "quarter", "state", *STATES)
    for rho in (0, 1, -0.5):
        for k, cause in enumerate(STATES, start=1):
            for name, tte, by, strata in (
                ("mgus sex", mgus_months, mgus["sex"], None),
                ("mgus years agegroup", years, mgus["agegroup"], None),
                ("mgus years agegroup strata sex", years, mgus["agegroup"], mgus["sex"]),
                ("bmt", times(bmt, "time", "state", *STATES), bmt["group"], None),
                ("bmt quarters", quarters, bmt["group"], None),
                ("mgus strata agegroup", mgus_months, mgus["sex"], mgus["agegroup"]),
            ):
                found[f"gray {name}, rho {rho}, cause {k}"] = gray(tte, by, cause=cause, strata=strata, rho=rho)
    return found


def test_every_test_equals_survdiff_coxph_or_cuminc():
    theirs = reference()["tests"]
    ours = all_tests()
    assert set(ours) == set(theirs["test"])
    for name, statistic, df in zip(theirs["test"], theirs["statistic"], theirs["df"], strict=True):
        assert_close(ours[name].statistic, statistic, name)
        assert ours[name].df == df, name


def test_logrank_in_exact_fractions():
    # unsorted, tied, an event in the first row, a censoring at an event time
    tte = hand([3, 1, 3, 5, 3, 6, 8], [1, 1, 0, 1, 1, 0, 1])
    by = list("abbaabb")
    u = v = Fraction(0)
    rows = list(zip(tte.time, tte.state, by, strict=True))
    for t in (1, 3, 5, 8):
        n, d = sum(x >= t for x, _, _ in rows), sum(x == t and s for x, s, _ in rows)
        n_a, d_a = sum(x >= t and g == "a" for x, _, g in rows), sum(x == t and s and g == "a" for x, s, g in rows)
        u += Fraction(int(d_a)) - Fraction(int(d) * n_a, n)
        v += Fraction(int(d) * n_a * (n - n_a) * (n - int(d)), n * n * (n - 1)) if n > 1 else 0
    assert_close(logrank(tte, by).statistic, float(u * u / v))


def test_result_columns_and_words():
    lung = data("lung")
    result = logrank(times(lung, "time", "status"), lung["sex"])
    assert result.tidy().columns.tolist() == ["statistic", "df", "p_value", "n", "n_event"]
    assert result.tidy()[["n", "n_event"]].iloc[0].tolist() == [228, 165]
    assert round(result.p_value, 6) == 0.001311
    assert repr(result) == "Log-rank test; 228 patients, 165 events: chi-squared 10.3267 on 1 df, p 0.001"
    mgus = data("mgus")
    result = gray(times(mgus, "time", "state", *STATES), mgus["sex"], cause="Death", strata=mgus["agegroup"])
    assert result.tidy().columns.tolist() == ["outcome", "statistic", "df", "p_value", "n", "n_event"]
    assert result.tidy()["outcome"].item() == "Death"
    assert result.tidy()["n_event"].item() == 860
    assert result.method == "Gray's test of Death, stratified (3 strata); 1384 patients, 860 events"


def test_without_events_and_without_contrast_as_survdiff():
    none = logrank(hand([1, 2, 3, 4], [0, 0, 0, 0]), list("abab"))
    assert (none.statistic, none.df) == (0, 0)
    assert math.isnan(none.p_value)
    alone = logrank(hand([1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 1]), list("aaabbb"))  # a is gone before the first event
    assert (alone.statistic, alone.df, alone.p_value) == (0, 0, 1)
    at_once = logrank(hand([2, 2, 2, 2], [1, 1, 1, 1]), list("abab"))  # survdiff stops: singular
    assert math.isnan(at_once.statistic)


def test_gray_without_events_of_the_cause_is_missing():
    tte = hand([1, 2, 3, 4], [1, 1, 0, 1], "Liver", "Death")
    assert math.isnan(gray(tte, list("abab"), cause="Death").statistic)
    assert math.isnan(gray(tte, list("abab"), cause="Death").p_value)
    apart = hand([1, 2, 3, 4, 5, 6], [1, 1, 1, 2, 2, 2], "Liver", "Death")  # cuminc: 4.820938, and -1 for the second
    assert round(gray(apart, list("aaabbb"), cause="Liver").statistic, 6) == 4.820938
    assert math.isnan(gray(apart, list("aaabbb"), cause="Death").statistic)


def test_trend_scores():
    tte = hand([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 1, 0, 1, 1, 1, 0, 1])
    words = pd.Series(["High", "Low", "Medium", "High", "Low", "Medium", "Low", "Medium", "High"])
    ordered = words.astype(pd.CategoricalDtype(["Low", "Medium", "High"]))
    numbers = words.map({"Low": 1, "Medium": 2, "High": 3})
    tens = numbers * 10  # as text 10, 20, 30; a trend does not depend on the unit
    by_number = logrank(tte, numbers, trend=True)
    assert_close(logrank(tte, ordered, trend=True).statistic, by_number.statistic)
    assert_close(logrank(tte, tens, trend=True).statistic, by_number.statistic)
    assert by_number.df == 1
    assert "scores 1, 2 and 3" in by_number.method
    assert logrank(tte, words, trend=True).statistic != by_number.statistic  # alphabetical


def test_refusals():
    competing = hand([1, 2, 3], [1, 2, 0], "Liver", "Death")
    with pytest.raises(EndpointError, match="compete"):
        logrank(competing, list("abb"))
    with pytest.raises(EndpointError, match='only "a"'):
        logrank(competing.only("Liver"), list("aaa"))
    with pytest.raises(EndpointError, match="two or more groups"):
        gray(competing, None, cause="Liver")
    with pytest.raises(EndpointError, match='Did you mean "Liver"'):
        gray(competing, list("abb"), cause="liver")
    with pytest.raises(EndpointError, match="followed from time zero"):
        gray(hand([2, 3], [1, 2], "Liver", "Death", entry=[0, 1]), list("ab"), cause="Liver")
    with pytest.raises(EndpointError, match='Did you mean "gehan"'):
        logrank(competing.only("Liver"), list("abb"), weighting="gehhan")
    with pytest.raises(EndpointError, match="two powers"):
        logrank(competing.only("Liver"), list("abb"), weighting="fleming-harrington")
    assert "Death) censored" in logrank(competing.only("Liver"), list("abb")).method


rows = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2), st.sampled_from("abc")), min_size=6, max_size=16)


@given(rows, st.randoms(use_true_random=False))
def test_order_of_rows_and_names_of_groups_change_nothing(drawn, chance):
    if len({g for _, _, g in drawn}) < 2:
        return

    def both(rows, names):
        time, state, by = zip(*rows, strict=True)
        tte = hand(time, state, "Liver", "Death")
        by = [names[g] for g in by]
        return logrank(tte.any_event("Any"), by).statistic, gray(tte, by, cause="Liver").statistic

    first = both(drawn, {"a": "a", "b": "b", "c": "c"})
    chance.shuffle(drawn)
    np.testing.assert_allclose(both(drawn, {"a": "a", "b": "b", "c": "c"}), first, rtol=1e-6, atol=1e-9)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 1), st.sampled_from("ab")), min_size=4, max_size=16))
def test_two_groups_the_other_way_round(drawn):
    time, state, by = zip(*drawn, strict=True)
    if len(set(by)) < 2:
        return
    tte = hand(time, state)
    swapped = ["b" if g == "a" else "a" for g in by]
    for weighting in KINDS.values():
        one, two = logrank(tte, by, weighting=weighting), logrank(tte, swapped, weighting=weighting)
        np.testing.assert_allclose(one.statistic, two.statistic, rtol=1e-8, atol=1e-10)


def test_lifelines_and_scikit_survival_agree():
    lung = data("lung")
    lung["month"] += 1  # lifelines' Fleming-Harrington weights fail at time 0
    tte = times(lung, "month", "status")
    statistics = pytest.importorskip("lifelines.statistics")
    for ours, theirs in (
        ("logrank", {}), ("gehan", {"weightings": "wilcoxon"}), ("tarone-ware", {"weightings": "tarone-ware"}),
        ("peto", {"weightings": "fleming-harrington", "p": 1, "q": 0}),
        (("fleming-harrington", 1, 1), {"weightings": "fleming-harrington", "p": 1, "q": 1}),
    ):  # fmt: skip
        other = statistics.multivariate_logrank_test(lung["month"], lung["sex"], lung["status"], **theirs)
        assert_close(logrank(tte, lung["sex"], weighting=ours).statistic, other.test_statistic, str(ours))
    compare = pytest.importorskip("sksurv.compare")
    y = np.array(list(zip(lung["status"] == 1, lung["month"], strict=True)), dtype=[("event", bool), ("time", float)])
    statistic, _ = compare.compare_survival(y, lung["sex"].to_numpy())
    assert_close(logrank(tte, lung["sex"]).statistic, statistic)
