"""one_sample_logrank by itself: a reference that this test makes, counts done by hand, rows that are cut, and what is refused."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.comparing.one_sample import one_sample_logrank
from haip_outcomes.survival.comparing.poisson_ratio import exact_limits, exact_p, mid_p, mid_p_limits
from haip_outcomes.survival.intervals import level_in_words
from haip_outcomes.survival.time_to_event import TimeToEvent


@dataclass(frozen=True)
class Straight:
    """H(t) = t / scale."""

    scale: float = 10.0
    horizon: float = math.inf
    unit: str = "months"
    method: str = "a straight line"
    spread: float = 0.0

    def cumulative_hazard(self, times):
        return np.asarray(times) / self.scale

    def variance_of_expected(self, time, entry):
        return self.spread * float(np.sum(time - (0 if entry is None else np.maximum(entry, 0)))) ** 2


def times(months, dead, entry=None, unit="months", **columns):
    frame = pd.DataFrame({"months": months, "dead": dead, **columns})
    if entry is not None:
        frame["entry"] = entry
    return TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"], entry=None if entry is None else "entry",
                                  id="id" if "id" in columns else None, unit=unit)  # fmt: skip


def row(result, term):
    return result.tidy().set_index("term").loc[term]


def test_by_hand():
    """O = 3; E = (4 + 9 + 13 + 14)/10 = 4."""
    result = one_sample_logrank(times([4, 9, 13, 14], [1, 1, 0, 1]), Straight())
    assert result.tidy()["estimate"].tolist() == [0.75] * 4
    assert row(result, "Breslow")["z"] == pytest.approx(-1 / 2, rel=1e-14)
    assert row(result, "Wu")["z"] == pytest.approx(-1 / math.sqrt(3.5), rel=1e-14)
    assert result.statistic == pytest.approx(float(Fraction(2, 7)), rel=1e-14)
    below = math.exp(-4) * (1 + 4 + 8 + 32 / 3)
    assert row(result, "exact Poisson")["p_value"] == pytest.approx(2 * below, rel=1e-14)
    assert row(result, "mid-p Poisson")["p_value"] == pytest.approx(2 * (below - math.exp(-4) * 32 / 6), rel=1e-14)
    assert result.tidy().columns.tolist() == ["term", "estimate", "conf_low", "conf_high", "statistic", "df", "p_value", "n", "n_event", "z", "n_expected",
                                              "variance_of_expected"]  # fmt: skip
    assert (result.df, result.glance()["n"].item()) == (1, 4)


def test_an_estimated_reference_by_hand():
    """Var(E) = 0.02 * 40^2 = 32: Z = -1 / sqrt(3.5 + 32), ln O/E +- 1.96 sqrt(1/3 + 32/16)."""
    result = one_sample_logrank(times([4, 9, 13, 14], [1, 1, 0, 1]), Straight(spread=0.02))
    last = result.tidy().iloc[-1]
    assert last["term"] == "corrected"
    assert result.statistic == pytest.approx(1 / 35.5, rel=1e-13)
    assert row(result, "corrected, Breslow")["statistic"] == pytest.approx(1 / 36, rel=1e-13)
    width = 1.959963984540054 * math.sqrt(1 / 3 + 2)
    assert (last["conf_low"], last["conf_high"]) == pytest.approx((0.75 * math.exp(-width), 0.75 * math.exp(width)), rel=1e-12)
    assert "with the reference's own uncertainty" in result.method


def test_follow_up_is_cut_where_the_reference_ends():
    """At 10: O = 2 (4 and 9; the death at 14 is a censoring at 10), E = (4 + 9 + 10 + 10)/10."""
    result = one_sample_logrank(times([4, 9, 13, 14], [1, 1, 0, 1]), Straight(horizon=10.0))
    assert row(result, "Wu")[["n_event", "n_expected", "n"]].tolist() == pytest.approx([2, 3.3, 4])
    assert "follow-up cut at 10 months (2 patients followed beyond)" in result.method
    at = one_sample_logrank(times([4, 9, 10, 10], [1, 1, 0, 1]), Straight(horizon=10.0))  # an event at the horizon itself counts
    assert row(at, "Wu")["n_event"] == 3


def test_delayed_entry_takes_off_what_was_expected_before():
    """E = (4 - 1 + 9 - 0 + 13 - 12 + 14 - 2)/10 = 2.5."""
    result = one_sample_logrank(times([4, 9, 13, 14], [1, 1, 0, 1], entry=[1, 0, 12, 2]), Straight())
    assert row(result, "Wu")["n_expected"] == pytest.approx(2.5)
    beyond = one_sample_logrank(times([4, 9, 13, 14], [1, 1, 0, 1], entry=[1, 0, 12, 2]), Straight(horizon=10.0))
    assert row(beyond, "Wu")["n_expected"] == pytest.approx((3 + 9 + 0 + 8) / 10)


def test_a_patient_in_several_rows_is_one():
    one = one_sample_logrank(times([4, 9], [1, 0]), Straight())
    cut = one_sample_logrank(times([2, 4, 9], [0, 1, 0], entry=[0, 2, 0], id=[1, 1, 2]), Straight())
    pd.testing.assert_frame_equal(one.tidy(), cut.tidy())


def test_no_event_and_a_level():
    result = one_sample_logrank(times([4, 9], [0, 0]), Straight(spread=0.1), conf_level=0.9)
    assert row(result, "exact Poisson")[["conf_low", "conf_high"]].tolist() == pytest.approx([0, -math.log(0.05) / 1.3])
    assert row(result, "mid-p Poisson")[["conf_low", "conf_high"]].tolist() == pytest.approx([0, -math.log(0.1) / 1.3])
    assert math.isnan(row(result, "corrected")["conf_high"])
    assert "90% limits" in result.method


def test_competing_events_are_refused():
    frame = pd.DataFrame({"t": [1, 2], "s": [1, 2]})
    tte = TimeToEvent.from_frame(frame, time="t", state="s", states=["Liver", "Death"])
    with pytest.raises(EndpointError, match="any_event"):
        one_sample_logrank(tte, Straight())
    assert "other causes (Death) censored: not the probability of the event" in one_sample_logrank(tte.only("Liver"), Straight()).method


class Rising(Straight):
    def cumulative_hazard(self, times):
        return np.exp(-np.asarray(times))


class Over(Straight):
    def cumulative_hazard(self, times):
        return np.where(np.asarray(times) > 10, np.inf, 0.5)


class Odd(Straight):
    def variance_of_expected(self, time, entry):
        return math.nan


class Short(Straight):
    def cumulative_hazard(self, times):
        return np.zeros(1)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        (Straight(unit="days"), "the reference counts in days, and the times are in months"),
        (Straight(horizon=0), "horizon of the reference must be above 0"),
        (Rising(), "the survival of the reference rises between 4 and 9 months"),
        (Over(), "by the reference nobody is left at 13 months, and here somebody is still followed"),
        (Odd(), "gives nan as the variance"),
        (Short(), "one cumulative hazard a time"),
        (Straight(scale=-10), "no cumulative hazard at or above 0 at 4 months"),
        (Straight(scale=math.inf), "expects no event"),
        (0.64, "needs a reference curve, and this is a float"),
        (lambda t: t, "ReferenceCurve.from_landmarks"),
    ],
)
def test_what_is_refused(reference, says):
    with pytest.raises(EndpointError, match=says):
        one_sample_logrank(times([4, 9, 13, 14], [1, 1, 0, 1]), reference)


def test_the_other_arguments():
    with pytest.raises(EndpointError, match="one_sample_logrank takes a TimeToEvent"):
        one_sample_logrank([1, 2], Straight())
    with pytest.raises(EndpointError, match="conf_level"):
        one_sample_logrank(times([4, 9], [0, 1]), Straight(), conf_level=95)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), st.floats(0.05, 500), st.sampled_from([0.8, 0.95, 0.998]))
def test_limits_are_where_the_tails_are_what_they_should_be(observed, expected, level):
    tail = (1 - level) / 2
    low, high = (limit * expected for limit in exact_limits(observed, expected, level))
    assert exact_p(observed, high) == pytest.approx(2 * tail, rel=1e-9)
    assert observed == 0 or exact_p(observed, low) == pytest.approx(2 * tail, rel=1e-9)
    mid_low, mid_high = (limit * expected for limit in mid_p_limits(observed, expected, level))
    assert low <= mid_low <= observed <= mid_high <= high
    assert mid_p(observed, mid_high) == pytest.approx(2 * tail, rel=1e-8)
    assert observed == 0 or mid_p(observed, mid_low) == pytest.approx(2 * tail, rel=1e-8)


def test_who_enters_after_the_reference_ends_is_not_counted():
    """Two of four are followed before 10: O = 1 (the death at 4), E = (4 - 1 + 9 - 0)/10."""
    result = one_sample_logrank(times([4, 9, 13, 14], [1, 0, 1, 1], entry=[1, 0, 12, 10]), Straight(horizon=10.0))
    assert row(result, "Wu")[["n", "n_event", "n_expected"]].tolist() == pytest.approx([2, 1, 1.2])
    assert "(0 patients followed beyond), 2 patients who entered only after it left out; 2 patients, 1 event" in result.method
    same = one_sample_logrank(times([4, 9], [1, 0], entry=[1, 0]), Straight(horizon=10.0))
    pd.testing.assert_frame_equal(result.tidy(), same.tidy())
    rows = one_sample_logrank(times([4, 9, 13], [0, 0, 1], entry=[1, 4, 12], id=[1, 1, 1]), Straight(horizon=10.0))
    assert row(rows, "Wu")["n"] == 1
    with pytest.raises(EndpointError, match="before anybody here has entered"):
        one_sample_logrank(times([13, 14], [1, 1], entry=[12, 10]), Straight(horizon=10.0))


class Silent(Straight):
    def cumulative_hazard(self, times):
        return None


class Wordy(Straight):
    def cumulative_hazard(self, times):
        return "0.5"


class Texts(Straight):
    def cumulative_hazard(self, times):
        return [str(time / 10) for time in times]


class Wordless(Straight):
    def variance_of_expected(self, time, entry):
        return None


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        (Straight, "this is the class Straight itself. Make a curve with it: ReferenceCurve.from_landmarks"),
        (Silent(), "it gave nothing"),
        (Wordy(), "in numbers, one a time; it gave text"),
        (Texts(), "in numbers, one a time; it gave a list of other things"),
        (Wordless(), "gives None as the variance"),
        (Straight(horizon="60"), "must be above 0; it is '60'"),
        (Straight(horizon=None), "must be above 0; it is None"),
    ],
)
def test_references_of_ones_own_that_say_nothing(reference, says):
    with pytest.raises(EndpointError, match=says):
        one_sample_logrank(times([4, 9, 13, 14], [1, 1, 0, 1]), reference)


@pytest.mark.parametrize(("level", "words"), [(0.95, "95%"), (0.998, "99.8%"), (0.9999, "99.99%"), (0.999999, "99.9999%"), (0.9545, "95.45%"), (2 / 3, "66.67%"),
                                              (1 - 1e-7 / 3, "99.9999967%"), (0.05, "5%"), (0.001, "0.1%"), (0.00005, "0.005%"), (0.29, "29%"), (0.07, "7%"), (1e-30, "1e-28%")])  # fmt: skip
def test_a_level_is_never_rounded_to_certainty(level, words):
    assert level_in_words(level) == words


def test_a_fine_level_in_a_method():
    assert "(99.99% limits exact Poisson)" in one_sample_logrank(times([4, 9], [0, 1]), Straight(), conf_level=0.9999).method
