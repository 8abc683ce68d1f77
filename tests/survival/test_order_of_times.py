"""The one sort: rows in order of time, whatever the times, and what is counted along it."""

import numpy as np
import pandas as pd
import pytest
from curves_reference import hand
from hypothesis import given
from hypothesis import strategies as st

from haip_outcomes.errors import FitError
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.curves.aalen_johansen import cumulative_incidence
from haip_outcomes.survival.curves.kaplan_meier import survival_curve
from haip_outcomes.survival.ranking import rank

# far apart and hardly apart: times that share all upper bits, and a range that has none to give
wide = st.lists(st.one_of(st.floats(-1e3, 1e3), st.sampled_from([0.1, 0.1 + 1e-17, 0.2, 0.1 + 0.2, 0.3, 1e-300, 5e-324, 1e300, 1e308])), min_size=1, max_size=40)
infinite = st.lists(st.sampled_from([-np.inf, 0.5, 1.5, np.inf]), min_size=1, max_size=9)


@given(st.one_of(wide, infinite).map(np.array), st.integers(1, 7))
def test_rows_come_by_time_in_parts(time, size):
    ranked = rank(time)
    distinct, number = np.unique(time, return_inverse=True)
    np.testing.assert_array_equal(ranked.distinct, distinct)
    rows, numbers = [], []
    for part, found in ranked.stretches(size):
        rows.append(np.arange(len(time))[part])
        numbers.append(found)
        assert len(rows[-1]) == len(found) <= size
    rows, numbers = np.concatenate(rows), np.concatenate(numbers)
    assert sorted(rows.tolist()) == list(range(len(time)))
    np.testing.assert_array_equal(numbers, number[rows])
    np.testing.assert_array_equal(ranked.number, number)


def test_many_times_that_differ_in_their_last_bits():
    rng = np.random.default_rng(4)
    time = rng.permutation(np.concatenate([1.0 + np.spacing(1.0) * np.arange(3000), [1e12, 0.5]]))
    ranked = rank(time)
    np.testing.assert_array_equal(ranked.distinct, np.sort(time))
    np.testing.assert_array_equal(ranked.distinct[ranked.number], time)


def test_curves_go_on_from_one_stretch_of_times_to_the_next():
    """40,000 different times are more than one stretch; the product and the sums of Greenwood's formula, in one go."""
    rng = np.random.default_rng(8)
    n = 40_000
    time, state = rng.permutation(n) + 0.5, rng.integers(0, 3, n)
    died = (state > 0)[np.argsort(time)]
    at_risk = n - np.arange(n)
    curve = survival_curve(hand(time, (state > 0).astype(int), "Death"))
    s = np.cumprod(1 - died / at_risk)
    np.testing.assert_allclose(curve.survival[0], s[died], rtol=1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = s * np.sqrt(np.cumsum(died / (at_risk * (at_risk - died))))
    np.testing.assert_allclose(curve.errors[0], error[died], rtol=1e-12)
    incidence = cumulative_incidence(hand(time, state, "Liver", "Death"))
    np.testing.assert_allclose(incidence.survival[0] + incidence.incidence[0].sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(incidence.survival[0], s[died], rtol=1e-12)


@pytest.mark.parametrize("little", [1e-3, 1e-5, 1e-6])
def test_a_column_that_others_hardly_need_is_still_seen_to_be_told_by_them(little):
    x, z = np.random.default_rng(5).standard_normal((2, 200))
    with pytest.raises(FitError, match='"z" carries the same information as x and y'):
        design(pd.DataFrame({"x": x, "y": x + little * z, "z": z}), ["x", "y", "z"])
