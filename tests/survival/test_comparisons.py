"""The log-rank family: R's answers, exact fractions, brute force, statsmodels as a second oracle, and what is refused."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from comparisons_reference import asked, cases, weighting_of
from curves_reference import assert_close, data, hand, reference, times
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.duration.survfunc import survdiff

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.comparing.comparisons import logrank
from haip_outcomes.survival.time_to_event import TimeToEvent

STATES = ("Progression", "Death")
KINDS = {"logrank": "logrank", "gehan": "gehan", "tarone-ware": "tarone-ware", "fh 1 1": ("fleming-harrington", 1, 1),
         "fh 0 1": ("fleming-harrington", 0, 1), "fh 0.5 2": ("fleming-harrington", 0.5, 2)}  # fmt: skip
WEIGHTS = {"logrank": lambda n, s: 1, "gehan": lambda n, s: n, "tarone-ware": lambda n, s: n**0.5, "peto": lambda n, s: s}


def all_tests() -> dict:
    """Every log-rank test of curves.R, by its name there."""
    lung, colon, mgus, heart = (data(name) for name in ("lung", "colon", "mgus", "heart"))
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
    return found


def test_the_log_rank_tests_of_the_curves_equal_survdiff_and_coxph():
    theirs = reference()["tests"]
    ours = all_tests()
    assert set(ours) == {name for name in theirs["test"] if not name.startswith("gray")}
    for name, statistic, df in zip(theirs["test"], theirs["statistic"], theirs["df"], strict=True):
        if name in ours:
            assert_close(ours[name].statistic, statistic, name)
            assert ours[name].df == df, name


@pytest.mark.parametrize("case", [*cases("logrank"), *cases("trend")], ids=lambda case: case["name"])
def test_equals_survdiff_coxph_or_the_definition(case):
    tte, by, strata = asked(case)
    found = logrank(tte, by, strata=strata, weighting=weighting_of(case), trend=case["test"] == "trend").tidy()
    for column in ("statistic", "p_value"):
        assert_close(found[column], case[column], case["name"])
    assert found[["df", "n", "n_event"]].to_numpy().tolist() == [[*case["df"], *case["n"], *case["n_event"]]]


@pytest.mark.parametrize("case", cases("pairwise"), ids=lambda case: case["name"])
def test_pairs_equal_survdiff_a_pair_and_holm(case):
    tte, by, strata = asked(case)
    found = logrank(tte, by, strata=strata, weighting=weighting_of(case), pairwise=True).tidy()
    columns = ("group", "reference", "statistic", "df", "p_value", "p_adjusted", "n", "n_event")
    theirs = pd.DataFrame({column: case[column] for column in columns}).astype({"group": str, "reference": str})
    theirs = theirs.sort_values(["group", "reference"])
    assert set(found.columns) == set(columns)
    for column in columns:
        if column in ("statistic", "p_value", "p_adjusted"):
            assert_close(found[column], theirs[column], f"{case['name']}, {column}")
        else:
            assert found[column].tolist() == theirs[column].tolist()


@pytest.mark.parametrize("case", cases("small"), ids=lambda case: case["name"])
def test_small_samples_as_survdiff_also_where_it_stops(case):
    frame = pd.DataFrame({column: case[column] for column in ("time", "state", "by", "strata")})
    tte = times(frame, "time", "state", *STATES).only("Progression")
    found = logrank(tte, frame["by"], strata=frame["strata"])
    statistic, df, p = (np.nan if value is None else value for value in case["logrank"])
    assert_close([found.statistic, found.p_value], [statistic, p], case["name"])
    assert math.isnan(df) or found.df == df


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


def test_a_stratified_trend_in_exact_fractions():
    time, state, by, strata = [2, 4, 4, 5, 1, 3, 3, 6, 7], [1, 1, 0, 1, 1, 1, 1, 0, 1], [0, 1, 3, 3, 3, 0, 1, 0, 1], list("aaaabbbbb")
    u = v = Fraction(0)
    rows = list(zip(time, state, by, strata, strict=True))
    for s in "ab":
        for t in (1, 2, 3, 4, 5, 7):
            risk = [(x, e, c) for x, e, c, b in rows if b == s and x >= t]
            deaths = [c for x, e, c in risk if x == t and e]
            n, d = len(risk), len(deaths)
            if not d or n == 1:
                continue
            mean, square = Fraction(sum(c for _, _, c in risk), n), Fraction(sum(c * c for _, _, c in risk), n)
            u += sum(deaths) - d * mean
            v += Fraction(d * (n - d), n - 1) * (square - mean**2)
    assert_close(logrank(hand(time, state), by, strata=strata, trend=True).statistic, float(u * u / v))


def test_result_columns_and_words():
    lung = data("lung")
    result = logrank(times(lung, "time", "status"), lung["sex"])
    assert result.tidy().columns.tolist() == ["statistic", "df", "p_value", "n", "n_event"]
    assert result.tidy()[["n", "n_event"]].iloc[0].tolist() == [228, 165]
    assert round(result.p_value, 6) == 0.001311
    assert repr(result) == "Log-rank test; 228 patients, 165 events: chi-squared 10.3267 on 1 df, p 0.001"
    pairs = logrank(times(lung, "time", "status"), lung["sex"], strata=lung["ecog"].fillna(9), pairwise=True)
    assert pairs.method == ("Log-rank test of each pair of groups, p adjusted by Holm's method, stratified (5 strata); "
                            "228 patients, 165 events")  # fmt: skip
    assert "Death) censored" in logrank(hand([1, 2, 3], [1, 2, 0], "Liver", "Death").only("Liver"), list("abb")).method


# -- what R answers where there is nothing to compare -----------------------------------------------------------------------------


def test_without_events_and_without_contrast_as_survdiff():
    none = logrank(hand([1, 2, 3, 4], [0, 0, 0, 0]), list("abab"))
    assert (none.statistic, none.df) == (0, 0)
    assert math.isnan(none.p_value)
    alone = logrank(hand([1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 1]), list("aaabbb"))  # a is gone before the first event
    assert (alone.statistic, alone.df, alone.p_value) == (0, 0, 1)
    at_once = logrank(hand([2, 2, 2, 2], [1, 1, 1, 1]), list("abab"))  # survdiff stops: singular
    assert math.isnan(at_once.statistic)
    assert math.isnan(logrank(hand([2, 2, 2, 2], [1, 1, 1, 1]), list("abab"), trend=True).p_value)
    apart = logrank(hand([1, 2, 3, 4, 5, 6, 7, 8], [1] * 8), list("abcdabcd"), strata=list("xyxyxyxy"))  # a, c never meet b, d
    assert math.isnan(apart.statistic)
    trend = logrank(hand([1, 2, 3, 4], [0, 0, 1, 1]), list("aabb"), trend=True)  # the score of coxph: 0
    assert (trend.statistic, trend.df, trend.p_value) == (0, 0, 1)


def test_a_level_with_nobody_is_no_group():
    tte = hand([1, 2, 3, 4], [1, 0, 1, 1])  # survdiff with the empty level: 2 on 1 degree of freedom
    by = pd.Series(pd.Categorical(list("abab"), categories=["a", "b", "nobody"]))
    found = logrank(tte, by)
    assert_close([found.statistic, found.p_value], [2, 0.157299207050285])
    assert found.df == 1
    assert_close(logrank(tte, by, trend=True).statistic, 2)
    longer = pd.Series(list("ababc"))  # more rows than the times: the fifth is not of these patients
    assert_close(logrank(tte, longer).statistic, 2)


def test_two_patients():
    found = logrank(hand([3, 4], [1, 1]), list("ab"))  # survdiff
    assert_close([found.statistic, found.p_value], [1, 0.317310507862914])


def test_groups_that_share_no_time_with_most_others():
    # one patient of the first level leaves at once: 1e-6 of an event is expected of it, and R's solve has its answer too
    n = 40_000
    rng = np.random.default_rng(5)
    time, state, by = rng.exponential(size=n), rng.integers(0, 2, n), rng.choice(["b", "c"], n)
    time[0], state[0], by[0] = 0.0, 1, "b"
    both = logrank(hand(time, state), by).statistic
    with_one = logrank(hand([*time, 0.0], [*state, 0]), [*by, "a"])
    assert with_one.df == 2
    assert both < with_one.statistic < both + 1e-3  # that patient adds (1/40,001)^2 / (1/40,001) and moves the others by little


# -- pairs ------------------------------------------------------------------------------------------------------------------------


def test_pairs_are_tested_on_their_own_patients():
    heart = data("heart")  # rows of one patient in two groups, patients who enter late, and a third group
    by = heart["transplant"].astype(str).where(heart["surgery"] == 0, "operated")
    tte = times(heart, "stop", "event", entry="start", id="id")
    rows = logrank(tte, by, strata=heart["id"] % 3, weighting="tarone-ware", pairwise=True).tidy()
    assert rows[["group", "reference"]].to_numpy().tolist() == [["1", "0"], ["operated", "0"], ["operated", "1"]]
    for _, row in rows.iterrows():
        two = by.isin([row["group"], row["reference"]]).to_numpy()
        alone = logrank(tte.take(two), by, strata=heart["id"] % 3, weighting="tarone-ware").tidy().iloc[0]
        for column in ("statistic", "df", "p_value", "n", "n_event"):
            assert_close(row[column], alone[column], column)


def test_a_pair_without_a_p_value_is_not_counted_by_holm():
    tte = hand([1, 2, 3, 4, 5, 6, 1, 2], [1, 0, 1, 1, 1, 1, 0, 0])
    rows = logrank(tte, list("ababbacd"), pairwise=True).tidy()  # c and d have no event between them
    nothing = rows["p_value"].isna()
    assert rows.loc[nothing, ["group", "reference"]].to_numpy().tolist() == [["d", "c"]]
    assert rows.loc[nothing, "p_adjusted"].isna().all()
    known = rows.loc[~nothing].sort_values("p_value")
    stepped = np.maximum.accumulate(known["p_value"].to_numpy() * [5, 4, 3, 2, 1])
    assert_close(known["p_adjusted"], np.minimum(stepped, 1))
    two = logrank(tte.only("Death"), list("ababbaab"), pairwise=True).tidy()
    assert_close(two["p_adjusted"], two["p_value"])


# -- trend ------------------------------------------------------------------------------------------------------------------------


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


# -- what is refused ----------------------------------------------------------------------------------------------------------------


def test_refusals():
    competing = hand([1, 2, 3], [1, 2, 0], "Liver", "Death")
    liver = competing.only("Liver")
    with pytest.raises(EndpointError, match="compete"):
        logrank(competing, list("abb"))
    with pytest.raises(EndpointError, match='only "a"'):
        logrank(liver, list("aaa"))
    with pytest.raises(EndpointError, match='only "a"'):
        logrank(hand([3], [1]), ["a"])
    with pytest.raises(EndpointError, match="two or more groups"):
        logrank(liver, None)
    with pytest.raises(EndpointError, match="by is missing in 1 row"):
        logrank(liver, ["a", "b", None])
    with pytest.raises(EndpointError, match="strata is missing in 1 row"):
        logrank(liver, list("aba"), strata=[1, np.nan, 1])
    with pytest.raises(EndpointError, match="one value for each of the 3 rows"):
        logrank(liver, list("ab"))
    with pytest.raises(EndpointError, match="no value for"):
        logrank(liver, pd.Series(list("abb"), index=[7, 8, 9]))
    with pytest.raises(EndpointError, match="takes a TimeToEvent"):
        logrank(pd.DataFrame({"months": [1, 2]}), list("ab"))
    with pytest.raises(EndpointError, match="trend or for pairwise"):
        logrank(liver, list("abb"), trend=True, pairwise=True)


@pytest.mark.parametrize(("weighting", "advice"), [
    ("gehhan", 'Did you mean "gehan"'), ("fleming-harrington", "two powers"), (None, "no weighting None"), (1, "no weighting 1"),
    (("gehan", 1, 0), "no weighting"), (("fleming-harrington", 1), "two powers"), (("fleming-harrington", "1", 0), "must be numbers"),
    (("fleming-harrington", 0, np.nan), "must be numbers"), (("fleming-harrington", 0, -1), "gamma must be at or above 0"),
])  # fmt: skip
def test_weightings_that_do_not_exist(weighting, advice):
    with pytest.raises(EndpointError, match=advice):
        logrank(hand([1, 2, 3], [1, 1, 0]), list("abb"), weighting=weighting)


def test_a_weight_that_is_infinite_is_refused():
    tte = hand([1, 2, 5, 6, 7], [1, 1, 1, 1, 1], entry=[0, 0, 3, 3, 3])  # S is 0 from 2 on, and others come later
    with pytest.raises(EndpointError, match="Use rho = 0 or above"):
        logrank(tte, list("ababa"), weighting=("fleming-harrington", -0.5, 0))
    assert logrank(tte, list("ababa"), weighting="peto").df == 1


# -- invariants ---------------------------------------------------------------------------------------------------------------------

PATIENT = st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(0, 1), st.sampled_from("abc"), st.sampled_from("xyz"))


def columns(drawn):
    """Entry, exit, state, group and stratum of each patient."""
    entry, length, state, by, strata = (list(column) for column in zip(*drawn, strict=True))
    return entry, [a + b for a, b in zip(entry, length, strict=True)], state, by, strata


def close(ours: float, theirs: float) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


@given(st.lists(PATIENT, min_size=4, max_size=20), st.sampled_from(sorted(WEIGHTS)), st.booleans(), st.booleans())
def test_brute_force(drawn, weighting, late, stratified):
    """The formulas as they stand, one time and one group after the other."""
    entry, time, state, by, strata = columns(drawn)
    entry = entry if late else [-1] * len(time)
    strata = strata if stratified else ["all"] * len(time)
    levels = sorted(set(by))
    assume(len(levels) > 1)
    u, v, expected = np.zeros(len(levels)), np.zeros((len(levels), len(levels))), np.zeros(len(levels))
    rows = list(zip(entry, time, state, by, strata, strict=True))
    for s in sorted(set(strata)):
        before = 1.0
        for t in sorted({x for _, x, e, _, b in rows if e and b == s}):
            risk = [row for row in rows if row[4] == s and row[0] < t <= row[1]]
            deaths = [row[3] for row in risk if row[1] == t and row[2]]
            n, d, w = len(risk), len(deaths), WEIGHTS[weighting](len(risk), before)
            r = np.array([sum(row[3] == level for row in risk) for level in levels])
            u += w * (np.array([deaths.count(level) for level in levels]) - d * r / n)
            expected += w * d * r / n
            if n > 1:
                v += w**2 * d * (n - d) / (n - 1) * (np.diag(r / n) - np.outer(r, r) / n**2)
            before *= (n - d) / n
    seen = np.flatnonzero(expected > 0)[1:]
    v = v[np.ix_(seen, seen)]
    assume(len(seen) and np.linalg.matrix_rank(v, tol=1e-9) == len(seen))
    tte = hand(time, state, **({"entry": entry} if late else {}))
    found = logrank(tte, by, strata=strata if stratified else None, weighting=weighting)
    close(found.statistic, u[seen] @ np.linalg.solve(v, u[seen]))
    assert found.df == len(seen)


@given(st.lists(PATIENT, min_size=4, max_size=16), st.randoms(use_true_random=False), st.sampled_from(sorted(KINDS)))
def test_rows_names_and_scale_change_nothing(drawn, chance, kind):
    def tested(drawn, names, scale):
        entry, time, state, by, strata = columns(drawn)
        tte = hand([scale(t) for t in time], state, entry=[scale(t) for t in entry])
        found = logrank(tte, [names[g] for g in by], strata=strata, weighting=KINDS[kind])
        return found.statistic, found.df

    assume(len({row[3] for row in drawn}) > 1)
    first = tested(drawn, {"a": "a", "b": "b", "c": "c"}, float)
    chance.shuffle(drawn)
    close(tested(drawn, {"a": "q", "b": "z", "c": "b"}, lambda t: 3.7 * t**2), first)  # any rising function of time


@given(st.lists(PATIENT, min_size=4, max_size=12), st.sampled_from(sorted(KINDS)), st.integers(1, 8))
def test_cutting_follow_up_into_rows_changes_nothing(drawn, kind, cut):
    entry, time, state, by, strata = columns(drawn)
    assume(len(set(by)) > 1)
    whole = pd.DataFrame({"id": range(len(time)), "entry": entry, "time": time, "state": state, "by": by, "strata": strata})
    inside = (whole["entry"] < cut) & (cut < whole["time"])
    parts = pd.concat([whole.assign(time=whole["time"].mask(inside, cut), state=whole["state"].mask(inside, 0)),
                       whole[inside].assign(entry=cut)], ignore_index=True)  # fmt: skip

    def tested(frame):
        tte = TimeToEvent.from_frame(frame, time="time", state="state", states=["Death"], entry="entry", id="id")
        row = logrank(tte, frame["by"], strata=frame["strata"], weighting=KINDS[kind]).tidy().iloc[0]
        return row["statistic"], row["df"], row["p_value"], row["n"], row["n_event"]

    close(tested(parts), tested(whole))


@given(st.lists(PATIENT, min_size=4, max_size=16), st.sampled_from(sorted(KINDS)))
def test_two_groups_the_other_way_round_and_strata_of_one_group(drawn, kind):
    entry, time, state, by, strata = columns(drawn)
    by = ["b" if g == "a" else "a" for g in by]
    assume(len(set(by)) > 1)

    def tested(time, state, entry, by, strata):
        found = logrank(hand(time, state, entry=entry), by, strata=strata, weighting=KINDS[kind])
        return found.statistic, found.df

    first = tested(time, state, entry, by, strata)
    close(tested(time, state, entry, ["b" if g == "a" else "a" for g in by], strata), first)
    # a stratum in which all are alike compares nobody
    if first[1] == len(set(by)) - 1:
        close(tested([*time, 2, 3], [*state, 1, 1], [*entry, 0, 0], [*by, by[0], by[0]], [*strata, "w", "w"])[0], first[0])


@given(st.lists(PATIENT, min_size=6, max_size=30), st.sampled_from([("logrank", None), ("gehan", "gb"), ("tarone-ware", "tw")]))
def test_statsmodels_agrees(drawn, weighting):
    ours, theirs = weighting
    entry, time, state, by, strata = columns(drawn)
    found = logrank(hand(time, state, entry=entry), by, weighting=ours) if len(set(by)) > 1 else None
    assume(found is not None and found.df == len(set(by)) - 1 and np.isfinite(found.statistic))
    statistic, _ = survdiff(np.array(time), np.array(state), np.array(by), weight_type=theirs, entry=np.array(entry))
    close(found.statistic, statistic)
    found = logrank(hand(time, state), by, strata=strata, weighting=ours)
    assume(found.df == len(set(by)) - 1 and np.isfinite(found.statistic))
    statistic, _ = survdiff(np.array(time), np.array(state), np.array(by), weight_type=theirs, strata=np.array(strata))
    close(found.statistic, statistic)
