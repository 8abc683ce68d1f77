"""Rules that keep `compare` from falling silent on a bad centre, each on both sides: few events expected, an emptied
risk set, open limits; and the patients that two series may share."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, poisson
from test_comparison import figure, figures, number

from haip_outcomes.benchmark.centre import Tally, at_horizon, enough_followed, proportion
from haip_outcomes.benchmark.comparison import compare
from haip_outcomes.benchmark.literature import published
from haip_outcomes.benchmark.overlap import shared_patients
from haip_outcomes.benchmark.uncertainty import published_side, wilson
from haip_outcomes.benchmark.verdicts import judge
from haip_outcomes.benchmark.wording import ENDPOINT_WORDS
from haip_outcomes.programme.safety_and_delivery import Count
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.survival.time_to_event import TimeToEvent
from haip_outcomes.tables.comparisons import title_of

MEDIAN = {
    "statistic": "median",
    "horizon": None,
    "unit": "months",
    "ci_level": 0.95,
    "ci_form": "curve-based",
}
SHARE = {"statistic": "proportion", "horizon": None, "endpoint": "pump_complication", "better": "lower"}


def times(at, state=None, **kind):
    at = np.asarray(at, dtype=float)
    frame = pd.DataFrame({"t": at, "s": np.ones(len(at), dtype=int) if state is None else state})
    return TimeToEvent.from_frame(frame, time="t", state="s", states=["Death"], unit="months", **kind)


def cohort(at, died, liver=None, liver_event=None):
    """Adjuvant patients with these times; the figure to be judged is "theirs"."""
    n = len(at)
    frame = pd.DataFrame({"setting": pd.Categorical(["adjuvant"] * n), "os_time": np.asarray(at, float), "died": np.asarray(died, float)},
                         index=range(2, n + 2))  # fmt: skip
    endpoints = {
        "os": {
            "label": "Overall survival",
            "start": "pump placement",
            "events": {"Death": {"time": "os_time", "flag": "died"}},
        }
    }
    if liver is not None:
        frame["liver_time"], frame["liver_event"] = np.asarray(liver, float), np.asarray(liver_event, float)
        endpoints["liver"] = {"label": "Liver recurrence", "start": "pump placement",
                              "events": {"Liver": {"time": "liver_time", "flag": "liver_event"}, "Death": {"time": "os_time", "flag": "died"}}}  # fmt: skip
    plan = make_plan({"cohort": {"name": "Made up", "id": "id", "setting": "setting"}, "columns": {}, "endpoints": endpoints,
                      "benchmark": {"judge": ["theirs"]}})  # fmt: skip
    return Cohort(plan, frame, Source("made up", "", n))


def only(of, **changes):
    return compare(of, figures(changes)).compared[0]


# --- few events expected --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("expected", "seen", "estimate", "better", "word"), [
    (4.99, 14, 0.20, "higher", "clearly worse than expected"), (4.99, 14, 0.30, "higher", "worse than expected"),
    (4.99, 14, 0.20, "neither", "clearly differs"), (4.99, 12, 0.30, "neither", "differs"),
    (4.99, 11, 0.20, "higher", "worse than expected"),  # mid-p 0.01: not below 0.001, so never "clearly"
    (4.99, 9, 0.20, "higher", "too few to judge"),  # mid-p 0.05: the events alone could be chance
    (4.99, 12, 0.40, "higher", "too few to judge"),  # the interval of the difference does not exclude 0
    (4.99, 12, 0.50, "neither", "too few to judge"), (4.99, 0, 0.80, "higher", "too few to judge"),  # never better
    (4.99, 12, 0.20, "lower", "too few to judge"), (4.99, 0, 0.20, "higher", "too few to judge"),  # too few events can't make it low
    (5.0, 9, 0.20, "higher", "clearly worse than expected"), (5.0, 9, 0.40, "higher", "within expected variation"),
    (5.0, 0, 0.80, "higher", "clearly better than expected"),
])  # fmt: skip
def test_under_five_expected_only_a_bad_surprise_is_said(expected, seen, estimate, better, word):
    found = judge(number(estimate, expected=expected, seen=seen), number(0.5).side, 50, better, 0.5)
    assert found.verdict == (
        word if word != "within expected variation" else "on a par"
    )  # a margin of 50 points
    if expected < 5:
        assert found.reason.startswith(f"{seen} events seen where 5.0 were expected")


def test_the_chance_is_the_exact_mid_p():
    assert Tally(12, 4.99).chance(more=True) == pytest.approx(
        1 - poisson.cdf(12, 4.99) + poisson.pmf(12, 4.99) / 2
    )
    by_hand = sum(math.exp(-2.0) * 2.0**k / math.factorial(k) for k in range(5))
    assert Tally(5, 2.0).chance(more=True) == pytest.approx(
        1 - by_hand - math.exp(-2.0) * 2.0**5 / math.factorial(5) / 2
    )
    assert Tally(15, 34 * 0.03, 34).chance(more=True) == pytest.approx(
        binom.sf(15, 34, 0.03) + binom.pmf(15, 34, 0.03) / 2
    )
    assert Tally(0, 3.4, 34).chance(more=False) == pytest.approx(0.9**34 / 2)


def test_everybody_dead_within_five_months_is_clearly_worse():
    dead = np.linspace(2.3, 4.9, 34)
    one = only(cohort(dead, np.ones(34)), **MEDIAN, value=38, ci_low=28, ci_high=50, n=49)
    (ours,) = one.answers.numbers
    assert ours.tally.expected == pytest.approx(math.log(2) / 38 * dead.sum())
    assert ours.tally.expected < 5
    assert one.verdict == "clearly worse than expected"
    assert "34 events seen where 2.2 were expected" in one.sentence
    late = cohort(np.full(34, 30.0), np.zeros(34))  # a few events expected, none seen: nothing is praised
    assert only(late, value=95, n=100, horizon=24).verdict == "too few to judge"


@pytest.mark.parametrize(
    ("k", "word"),
    [(15, "clearly worse than expected"), (3, "too few to judge"), (0, "too few to judge")],
)
def test_early_deaths_against_three_per_cent(k, word):
    theirs = published_side(figure(**SHARE, value=3, n=102, events=3))
    ours = proportion(Count(k, 34), 0.03)
    found = judge(ours, theirs, 102, "lower")
    assert (found.verdict, ours.tally.expected) == (word, pytest.approx(1.02))


@pytest.mark.parametrize("k", range(0, 27))
def test_the_too_few_rule_does_not_depend_on_the_coding(k):
    good = judge(proportion(Count(26 - k, 26), 0.9), published_side(figure(**SHARE, value=90, n=50, events=45)), 50, "higher")  # fmt: skip
    bad = judge(proportion(Count(k, 26), 0.1), published_side(figure(**SHARE, value=10, n=50, events=5)), 50, "lower")  # fmt: skip
    assert (good.verdict, good.low) == (bad.verdict, pytest.approx(-bad.high))
    assert "patients without it" in good.reason
    rare = judge(proportion(Count(k, 26), 0.1), published_side(figure(**SHARE, value=10, n=50, events=5)), 50, "higher")  # fmt: skip
    assert rare.verdict == "too few to judge"  # 2.6 conversions expected: many are not praised, none no proof


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (26, "too few to judge"),
        (25, "too few to judge"),
        (21, "too few to judge"),
        (20, "worse than expected"),
        (15, "clearly worse than expected"),
    ],
)
def test_first_cycle_given_to_all_of_twenty(given, word):
    theirs = published_side(figure(**SHARE, value=100, n=20, events=20))
    assert judge(proportion(Count(given, 26), 1.0), theirs, 20, "higher").verdict == word


# --- a risk set emptied by deaths, or by censoring ------------------------------------------------------------


def test_when_a_probability_is_fully_known():
    assert enough_followed(times(range(1, 27)), 24)  # 3 left at 24, nobody censored
    assert enough_followed(times(range(1, 27)), 40)  # nobody left: all dead
    state = np.ones(26, dtype=int)
    state[2] = 0
    assert not enough_followed(times(range(1, 27), state), 24)  # one censored at 3, 3 left
    assert enough_followed(times(range(1, 27), state), 22)  # 5 left
    assert enough_followed(times(range(1, 27), state), 40)  # one censored, and then all the others died
    state[-1] = 0
    assert not enough_followed(times(range(1, 27), state), 40)  # the last one was censored
    assert not enough_followed(times([30.0] * 4 + [3.0] * 20, [1] * 4 + [0] * 20), 24)
    frame = pd.DataFrame({"t": range(5, 25), "s": 1, "early": 1.0, "late": [1.0] * 19 + [7.0]})
    for entry, known in (("early", True), ("late", False)):
        tte = TimeToEvent.from_frame(frame, time="t", state="s", states=["Death"], entry=entry, unit="months")
        assert enough_followed(tte, 40) is known


def test_everybody_dead_before_the_horizon_is_compared_and_not_refused():
    one = only(cohort(np.linspace(2.3, 4.9, 26), np.ones(26)), value=89, n=96, horizon=24)
    (ours,) = one.answers.numbers
    upper = 1 - 0.025 ** (1 / 26)  # methods, section 2: S = 0
    assert (ours.side.estimate, *ours.shown) == (0, 0, pytest.approx(upper))
    high0, low0 = wilson(0.89, 96, 0.95)[::-1]
    assert one.judged[0].high == pytest.approx(-0.89 + math.hypot(upper, 0.89 - low0))
    assert one.judged[0].low == pytest.approx(-0.89 - (high0 - 0.89))
    assert one.verdict == "clearly worse than expected"
    assert "26 events seen where 0.5 were expected" in one.reason
    lost = np.array([1.0] * 6 + [0.0] * 20)  # 20 were lost instead
    one = only(cohort(np.linspace(2.3, 4.9, 26), lost), value=89, n=96, horizon=24)
    assert one.verdict == "not comparable"
    assert "nobody at risk at 24 months here after censoring" in one.reason
    at = np.r_[np.linspace(2.3, 4.9, 26), [30.0] * 4]  # 4 stayed
    one = only(cohort(at, np.r_[lost, np.zeros(4)]), value=89, n=96, horizon=24)
    assert "only 4 patients at risk at 24 months here after censoring; at least 5 are needed" in one.reason


def test_the_edge_limits_count_those_whose_state_is_known():
    state = [0] * 30 + [1] * 4
    ours = at_horizon(times([1.0] * 30 + [3.0, 4, 5, 6], state), None, 24, "", 1.0, events=False)
    assert (ours.side.estimate, ours.shown[1]) == (0, pytest.approx(1 - 0.025 ** (1 / 4)))  # 30 say nothing
    alive = at_horizon(times([30.0] * 20 + [1.0] * 6, [0] * 26), None, 24, "", 1.0, events=False)
    assert (alive.side.estimate, alive.shown[0]) == (1, pytest.approx(0.025 ** (1 / 20)))


# --- open limits ----------------------------------------------------------------------------------------------


def exponential(n, mean, last=200.0, alive=0):
    """Death times at the quantiles of an exponential; the latest `alive` patients are censored at `last`."""
    at = -mean * np.log(1 - (np.arange(n) + 0.5) / n)
    died = np.ones(n)
    if alive:
        at[-alive:], died[-alive:] = last, 0
    return cohort(at, died)


@pytest.mark.parametrize(("mean", "word"), [
    (15, "clearly worse than expected"), (38 / math.log(2), "within expected variation"), (300, "clearly better than expected"),
])  # fmt: skip
def test_an_open_published_limit_is_judged_at_the_published_median(mean, word):
    one = only(exponential(100, mean), **MEDIAN, value=38, ci_low=28, ci_high=math.inf, n=49)
    (found,) = one.judged
    assert one.verdict == word
    assert (found.contrast, found.low) == ("ratio", 0)  # the ratio stays beside it, open as it is
    assert "the median's upper limit is not reached in the source; " in one.reason
    free = one.answers.numbers[0].free_at(38)
    low, high = free.limits(0.95)
    low0, high0 = wilson(0.5, 49, 0.95)
    d = free.estimate - 0.5
    assert found.at_median == pytest.approx((d, d - math.hypot(free.estimate - low, high0 - 0.5), d + math.hypot(high - free.estimate, 0.5 - low0)))  # fmt: skip
    if word.startswith("within"):
        assert one.reason.endswith("percentage points")
    closed = only(exponential(100, mean), **MEDIAN, value=38, ci_low=28, ci_high=52, n=49)
    assert closed.judged[0].at_median is None


def test_an_open_limit_here_can_still_be_worse():
    at = np.r_[np.linspace(1, 12, 17), np.linspace(30, 60, 15)]
    died = np.r_[np.ones(17), np.zeros(15)]  # the median is 12, and the curve never falls further
    one = only(cohort(at, died), **MEDIAN, value=25, ci_low=20, ci_high=31, n=200)
    assert math.isnan(one.answers.numbers[0].shown[1])
    assert one.verdict == "within expected variation"  # 47% at 25 months against one half
    assert "the median's upper limit is not reached here" in one.reason
    assert one.judged[0].high == math.inf


def test_where_the_published_median_can_not_be_looked_at_nothing_is_said():
    open_end = {**MEDIAN, "value": 38, "ci_low": 28, "ci_high": math.inf}
    unknown = only(exponential(100, 15), **open_end)
    assert (unknown.verdict, "does not say how many patients" in unknown.reason) == ("not judged", True)
    at = np.r_[np.linspace(1, 20, 12), np.linspace(21, 30, 10)]
    few = only(cohort(at, np.r_[np.ones(12), np.zeros(10)]), **open_end, n=49)
    assert (few.verdict, "only 0 patients at risk at the published median" in few.reason) == (
        "not judged",
        True,
    )
    assert few.judged[0].low == 0


def test_no_word_from_an_interval_without_an_end():
    theirs = figure(statistic="hazard_ratio", horizon=None, unit="ratio", value=1.0, ci_low=0.8, ci_high=math.inf, ci_level=0.95,
                    ci_form="not stated", factor="sarcopenia")  # fmt: skip
    ours = number(1.0, 0.1, contrast="ratio", unit="ratio")
    assert judge(ours, published_side(theirs), None, "lower", 9.0).verdict == "not judged"


# --- shared patients and printed limits -----------------------------------------------------------------------


@pytest.mark.parametrize(("overlap", "name", "shared"), [
    ("toolkit2022", "pak2018-conv", True), ("toolkit2022", "allen2005-compl", True), ("schleimer2025", "duke-compl", True),
    ("salvage2005", "dangelica2015-os", True), ("salvage2005", "kemeny2003adj-os2", True), ("pak2018", "toolkit2022-any", True),
    ("pak2018", "kemeny2003adj-os2", False), ("toolkit2022", "duke-compl", False), ("toolkit2022", "gk2017-os10-nohaip", False),
    ("chakedis2018", "pak2018-conv", False), ("pak2018", "pak2018-conv", True), ("mskcc", "pak2018-conv", True),
])  # fmt: skip
def test_a_series_of_both_settings_may_hold_the_patients_of_either(overlap, name, shared):
    known = published()
    said = shared_patients([overlap], known[name], known, known)
    assert bool(said) is shared
    if overlap == "toolkit2022" and shared:
        assert said.startswith("possibly: ")


def test_printed_limits_are_shown_as_printed():
    ratio = {"statistic": "hazard_ratio", "horizon": None, "unit": "ratio", "factor": "haip", "value": 2.4, "ci_low": 1.1, "ci_high": 5.0}  # fmt: skip
    table = compare(cohort([10, 20, 30], [1, 1, 0]), figures({**ratio, "ci_level": 0.95, "ci_form": "not stated"},
        {"id": "sure", "value": 50, "ci_low": 40.0, "ci_high": 62.0, "ci_level": 0.9566, "ci_form": "not stated"}, {"id": "n", "n": 26},
        {"id": "none"})).tidy().set_index("figure")  # fmt: skip
    limits = table[["published_low", "published_high"]]
    assert tuple(limits.loc["theirs"]) == (1.1, 5.0)
    assert tuple(limits.loc["sure"]) == pytest.approx((0.40, 0.62))
    assert tuple(limits.loc["n"]) == pytest.approx(wilson(0.64, 26, 0.95))
    assert limits.loc["none"].isna().all()
    side = published_side(figure(**ratio, ci_level=0.95, ci_form="not stated"))
    error = math.log(5.0 / 1.1) / (2 * 1.959963984540054)
    assert side.limits(0.95)[0] == pytest.approx(
        2.4 * math.exp(-1.959963984540054 * error)
    )  # for the test only


def test_one_figure_has_one_name():
    one = only(cohort([10, 20, 30], [1, 1, 0]), **{**SHARE, "endpoint": "postop_complication"})
    assert title_of(one).startswith("Postoperative complications")
    assert one.sentence.startswith("Postoperative complications")
    assert set(ENDPOINT_WORDS) <= set(type(one.figure).words("endpoint"))


# --- a cumulative incidence, by hand --------------------------------------------------------------------------

# Ten patients: liver recurrence at 3, 6, 9, 12; death first at 4, 8; last seen at 5, 20, 20, 20.
#   t    at risk   S before   liver      incidence
#   3      10      1          1/10       0.1
#   4       9      0.9        (death)    0.1            S = 0.8
#   5             (censored)
#   6       7      0.8        1/7        0.1 + 0.8/7    S = 0.8 * 6/7
#   8       6      0.8*6/7    (death)                   S = 0.8 * 5/7
#   9       5      0.8*5/7    1/5        + 0.8/7        S = 0.8 * 4/7
#  12       4      0.8*4/7    1/4        + 0.8/7
F = 0.1 + 3 * 0.8 / 7
STEPS = [
    (3, 10, 1, 1.0, 0.1),
    (4, 9, 0, 0.9, 0.1),
    (6, 7, 1, 0.8, 0.1 + 0.8 / 7),
    (8, 6, 0, 4.8 / 7, 0.1 + 0.8 / 7),
    (9, 5, 1, 4.0 / 7, 0.1 + 1.6 / 7),
    (12, 4, 1, 3.2 / 7, F),
]  # fmt: skip  time, at risk, liver events, S before, incidence


def ten(repeat=1):
    liver = np.repeat([3, 4, 5, 6, 8, 9, 12, 20, 20, 20], repeat)
    recurred = np.repeat([1, 0, 0, 1, 0, 1, 1, 0, 0, 0], repeat)
    at = np.repeat([30, 4, 5, 30, 8, 30, 30, 20, 20, 20], repeat)
    return cohort(at, np.repeat([0, 1, 0, 0, 1, 0, 0, 0, 0, 0], repeat), liver, recurred)


def delta_variance(repeat):
    """The delta-method variance of methods, section 6, written out anew: one kind of event at a time, `repeat` tied."""
    total, d = 0.0, repeat
    for _, at_risk, liver, before, incidence in STEPS:
        n, d1 = at_risk * repeat, repeat * liver
        rise = F - incidence
        total += rise**2 * d / (n * (n - d)) if n > d else 0.0
        total += before**2 * d1 * (n - d1) / n**3 - 2 * rise * before * d1 / n**2
    return total


@pytest.mark.parametrize("repeat", [2, 3, 12])
def test_a_cumulative_incidence_by_hand_with_and_without_an_interval(repeat):
    theirs = {"endpoint": "hepatic_recurrence", "statistic": "cumulative_incidence", "horizon": 12, "value": 20, "n": 80,
              "event": "any liver recurrence", "event_text": "liver recurrence", "competing": "competing risk", "better": "lower"}  # fmt: skip
    printed = {**theirs, "ci_low": 12.0, "ci_high": 30.0, "ci_level": 0.95, "ci_form": "not stated"}
    error = math.sqrt(delta_variance(repeat))
    z = 1.959963984540054
    low, high = (F ** math.exp(sign * z * error / (F * math.log(F))) for sign in (-1, 1))
    for table, (low0, high0) in ((printed, (0.12, 0.30)), (theirs, wilson(0.20, 80, 0.95))):
        one = only(ten(repeat), **table)
        (ours,), (found,) = one.answers.numbers, one.judged
        assert ours.convention == "deaths as a competing risk"
        assert ours.side.estimate == pytest.approx(F)
        assert ours.shown == pytest.approx((min(low, high), max(low, high)))
        d = F - 0.20
        assert found.difference == pytest.approx(d)
        assert found.low == pytest.approx(d - math.hypot(F - min(low, high), high0 - 0.20))
        assert found.high == pytest.approx(d + math.hypot(max(low, high) - F, 0.20 - low0))
        assert (ours.n_event, ours.tally.raises) == (4 * repeat, True)
        exposure = repeat * (3 + 4 + 5 + 6 + 8 + 9 + 12 + 3 * 12)
        assert ours.tally.expected == pytest.approx(-math.log(0.8) * exposure / 12)
    words = {2: "too few to judge", 3: "worse than expected", 12: "clearly worse than expected"}
    assert only(ten(repeat), **printed).verdict == words[repeat]
