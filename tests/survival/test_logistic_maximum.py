"""The one logistic maximum that scores, reference models and trends share: it is one, with the penalty and without, or it says why not."""

import numpy as np
import pytest

from haip_outcomes.errors import ConvergenceError, SeparationError
from haip_outcomes.survival.logistic.logistic_maximum import logistic_maximum, logistic_point


def data(n=80, seed=1):
    rng = np.random.default_rng(seed)
    z = np.column_stack([np.ones(n), rng.normal(size=(n, 3))])
    return z, (rng.random(n) < 1 / (1 + np.exp(-z @ [0.2, 1.0, -0.5, 0.0]))) * 1.0


@pytest.mark.parametrize("firth", [False, True])
def test_the_slope_is_nothing_there_and_everything_beside_it_is_lower(firth):
    z, y = data()
    found = logistic_maximum(z, y, firth=firth)
    assert np.abs(found.at.score).max() < 1e-10
    rng = np.random.default_rng(2)
    for _ in range(50):
        beside = logistic_point(z, y, found.coefficients + rng.normal(0, 0.05, 4), firth=firth)
        assert beside.value < found.at.value
    again = logistic_maximum(z, y, firth=firth, start=np.array([3.0, -2.0, 2.0, 1.0]))
    assert again.coefficients == pytest.approx(found.coefficients, abs=1e-10)


@pytest.mark.parametrize("firth", [False, True])
def test_the_slope_is_that_of_the_value(firth):
    z, y = data(40)
    b, step = np.array([0.3, -0.2, 0.5, 0.1]), 1e-6
    score = logistic_point(z, y, b, firth=firth).score
    for j in range(4):
        move = step * np.eye(4)[j]
        slope = (logistic_point(z, y, b + move, firth=firth).value - logistic_point(z, y, b - move, firth=firth).value) / (2 * step)
        assert score[j] == pytest.approx(slope, abs=1e-6)


def test_two_by_two_is_the_log_odds_by_hand_and_firth_adds_half_a_patient_to_each_cell():
    x = np.repeat([0.0, 0.0, 1.0, 1.0], [3, 5, 6, 2])
    y = np.repeat([1.0, 0.0, 1.0, 0.0], [3, 5, 6, 2])
    z = np.column_stack([np.ones(16), x])
    assert logistic_maximum(z, y).coefficients == pytest.approx([np.log(3 / 5), np.log(6 / 2) - np.log(3 / 5)], abs=1e-12)
    half = [np.log(3.5 / 5.5), np.log(6.5 / 2.5) - np.log(3.5 / 5.5)]  # of a saturated model (Heinze and Schemper 2002)
    assert logistic_maximum(z, y, firth=True).coefficients == pytest.approx(half, abs=1e-12)


def test_no_maximum_is_said():
    z, y = data()
    with pytest.raises(ConvergenceError, match="take fewer terms"):
        logistic_maximum(np.column_stack([z, z[:, 1]]) * 1.0, y)
    told = (z[:, 1] > 0) * 1.0

    def watch(log_odds, information):
        if np.abs(log_odds).max() > 20:
            raise SeparationError("told")

    with pytest.raises(SeparationError, match="told"):
        logistic_maximum(z, told, watch=watch)
    assert np.isfinite(logistic_maximum(z, told, firth=True).coefficients).all()
