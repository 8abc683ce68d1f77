import numpy as np
import pandas as pd
import pytest
from curves_reference import hand
from hypothesis import given
from hypothesis import strategies as st

from haip_outcomes.survival.ranking import rank
from haip_outcomes.survival.time_to_event import TimeToEvent

whole = st.lists(st.integers(0, 20), min_size=1, max_size=30).map(lambda drawn: np.array(drawn, dtype=float))
few_ties = st.lists(st.floats(0, 9), min_size=1, max_size=30).map(np.array)
any_times = st.one_of(whole, few_ties, whole.map(lambda t: t / 7), whole.map(lambda t: np.concatenate([t / 3, t + 0.1])))


@given(any_times, st.integers(0, 100))
def test_ranking_and_tally_are_their_definition(time, seed):
    rng = np.random.default_rng(seed)
    kind, weights = rng.integers(0, 3, len(time)), rng.uniform(0.1, 2, len(time))
    ranked = rank(time)
    distinct, number = np.unique(time, return_inverse=True)
    counts = np.array([[np.sum((time == t) & (kind == k)) for t in distinct] for k in range(3)])
    np.testing.assert_array_equal(ranked.tally(kind, 3), counts)
    np.testing.assert_array_equal(ranked.earlier(counts), [np.sum(time < t) for t in distinct])
    np.testing.assert_array_equal(ranked.distinct, distinct)
    np.testing.assert_array_equal(ranked.number, number)
    sums = [[weights[(time == t) & (kind == k)].sum() for t in distinct] for k in range(3)]
    np.testing.assert_allclose(ranked.tally(kind, 3, weights), sums, rtol=1e-12)
    chosen = rng.integers(0, len(time), rng.integers(1, 2 * len(time) + 1))
    some = ranked.take(chosen)
    np.testing.assert_array_equal(some.distinct[some.number], time[chosen])
    np.testing.assert_array_equal(some.distinct, np.unique(time[chosen]))
    np.testing.assert_array_equal(some.tally(kind[chosen], 3).sum(axis=0), np.unique(time[chosen], return_counts=True)[1])


def test_a_few_of_many_rows():
    ranked = rank(np.linspace(0, 1, 1000))
    some = ranked.take(np.array([900, 3, 900]))
    assert some.number.tolist() == [1, 0, 1]
    assert some.distinct[some.number].tolist() == ranked.distinct[[900, 3, 900]].tolist()


def times_fixed(time: np.ndarray) -> np.ndarray:
    """aeqSurv of R's survival, in its own words: sort(unique), differences, findInterval."""
    known = np.unique(time)
    step, tolerance = np.diff(known), np.sqrt(np.finfo(float).eps)
    tied = (step <= tolerance) | (step / np.abs(known).mean() <= tolerance)
    cuts = known[np.append(True, ~tied)]
    return cuts[np.searchsorted(cuts, time, side="right") - 1]


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(-3, 3)), min_size=1, max_size=25), st.sampled_from([1.0, 0.3, 1e5 / 7]))
def test_times_that_differ_by_rounding_are_joined_as_in_r(drawn, scale):
    number, noise = (np.array(column) for column in zip(*drawn, strict=True))
    time = scale * np.maximum(number + 0.5 + 1e-9 * noise, 0)
    frame = pd.DataFrame({"t": time, "s": 1})
    tte = TimeToEvent.from_frame(frame, time="t", state="s", states=["Death"])
    np.testing.assert_array_equal(tte.time, times_fixed(time))
    np.testing.assert_array_equal(tte.ranked.distinct[tte.ranked.number], tte.time)
    np.testing.assert_array_equal(frame["t"], time)  # the user's own frame is left alone
    late = TimeToEvent.from_frame(frame.assign(e=time / 2), time="t", state="s", states=["Death"], entry="e")
    both = times_fixed(np.concatenate([time, time / 2]))
    np.testing.assert_array_equal(np.concatenate([late.time, late.entry]), both)
    np.testing.assert_array_equal(late.begins, np.searchsorted(late.ranked.distinct, late.entry, side="right"))


@pytest.mark.parametrize("dtype", ["float64", "Float64", "float32", object])
def test_the_frame_is_left_alone(dtype):
    frame = pd.DataFrame({"t": pd.Series([0.3, 0.1 + 0.2, 1.0], dtype=dtype), "s": [1, 1, 0]})
    before = frame.copy(deep=True)
    tte = TimeToEvent.from_frame(frame, time="t", state="s", states=["Death"])
    pd.testing.assert_frame_equal(frame, before, check_exact=True)
    frame.loc[2, "t"] = 9.0
    assert tte.time[2] == 1


def test_the_order_is_found_once_and_shared():
    tte = hand([2.5, 1.5, 2.5, 4.5], [1, 2, 0, 1], "Liver", "Death")
    assert tte.only("Liver").ranked is tte.ranked
    assert tte.any_event("Either").ranked is tte.ranked
    part = tte.take(np.array([False, True, True, True]))
    assert part.ranked.distinct[part.ranked.number].tolist() == [1.5, 2.5, 4.5]
    assert tte.landmark(2).ranked.distinct.tolist() == [0.5, 2.5]
