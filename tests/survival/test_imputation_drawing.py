"""The models that values are drawn from: against glm and multinom with mice's added rows, and by hand."""

import numpy as np
import pytest
from imputation_reference import VALUES, lung_times, pbc_times, table

from haip_outcomes.survival.imputation import drawing
from haip_outcomes.survival.imputation.incomplete_columns import outcome_predictors
from haip_outcomes.survival.time_to_event import TimeToEvent


def predictors(frame):
    return np.column_stack([np.ones(len(frame)), frame[["age", "lbili", "albumin", "dead"]].to_numpy()])[None]


@pytest.mark.parametrize("name", ["spiders", "perfect", "oedema"])
def test_the_model_of_levels_is_that_of_r_with_the_rows_added_by_mice(name, monkeypatch):
    monkeypatch.setattr(drawing, "RIDGE", 0.0)
    frame, theirs = table("models"), VALUES["models"][name]
    x, y = predictors(frame), frame[name].to_numpy()
    lacks = np.isnan(y)
    assert np.flatnonzero(lacks).tolist() == theirs["lacks"]
    levels = int(np.nanmax(y)) + 1
    added, y_added, weight = drawing.augmentation(x[:, :, 1:], levels)
    assert added.shape[1] == theirs["added"]
    assert weight == pytest.approx(theirs["weight"], rel=1e-12)
    rows = np.concatenate([x[:, ~lacks], np.concatenate([np.ones((1, added.shape[1], 1)), added], axis=2)], axis=1)
    codes = np.concatenate([y[~lacks].astype(int), y_added])
    weights = np.r_[np.ones((~lacks).sum()), np.full(added.shape[1], weight)]
    b, information = drawing.logistic(rows, codes, weights, levels)
    r_b = np.array(theirs["coefficients"])
    r_information = np.array(theirs["information"])
    se = np.sqrt(np.diag(np.linalg.inv(r_information))).reshape(r_b.shape)
    exact = 1e-8 if levels == 2 else 1e-4  # multinom stops earlier: by BFGS
    assert np.max(np.abs(b[0] - r_b) / se) < exact
    np.testing.assert_allclose(information[0], r_information, rtol=1e-6 if levels == 2 else 1e-3)


def test_the_ridge_moves_nothing_that_can_be_seen():
    rng = np.random.default_rng(1)
    x = np.concatenate([np.ones((3, 80, 1)), rng.normal(size=(3, 80, 4))], axis=2)
    y = rng.normal(size=80)
    b = drawing.linear(rng, x, y)[0]
    for i in range(3):
        exact = np.linalg.lstsq(x[i], y, rcond=None)[0]
        np.testing.assert_allclose(b[i], exact, atol=1e-5)


def test_coefficients_are_drawn_from_their_posterior():
    rng = np.random.default_rng(2)
    x = np.concatenate([np.ones((1, 30, 1)), rng.normal(size=(1, 30, 2))], axis=2)
    y = rng.normal(size=30) + x[0, :, 1]
    b, drawn, sigma = drawing.linear(rng, np.repeat(x, 20_000, axis=0), y)
    left = float(np.sum((y - x[0] @ b[0]) ** 2))
    v = np.linalg.inv(x[0].T @ x[0])
    expected = v * left / (27 - 2)  # the mean of an inverse chi-squared of 27 degrees of freedom is 1 / 25
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.05 * np.sqrt(np.outer(expected.diagonal(), expected.diagonal())).max())
    np.testing.assert_allclose(drawn.mean(axis=0), b[0], atol=4 * np.sqrt(expected.diagonal().max() / 20_000))
    assert (sigma**2).mean() == pytest.approx(left / 25, rel=0.02)


def test_the_five_nearest_by_brute_force():
    rng = np.random.default_rng(3)
    have, lack = rng.normal(size=(4, 40)), rng.normal(size=(4, 9)) * 1.5
    for k in (1, 5):
        seen = [[set() for _ in range(9)] for _ in range(4)]
        for _ in range(200):
            found = drawing.nearest(rng, have, lack, k)
            for i in range(4):
                for j in range(9):
                    seen[i][j].add(int(found[i, j]))
        for i in range(4):
            for j in range(9):
                assert seen[i][j] == set(np.argsort(np.abs(have[i] - lack[i, j]))[:k].tolist())


def test_ties_fall_by_lot_and_few_donors_are_enough():
    rng = np.random.default_rng(4)
    counts = np.zeros(30)
    for _ in range(400):
        counts += np.bincount(drawing.nearest(rng, np.zeros((1, 30)), np.zeros((1, 10)), 5)[0], minlength=30)
    assert counts.min() > 60  # 133 each on average
    few = drawing.nearest(rng, np.array([[0.0, 1.0, 2.0]]), np.array([[-5.0, 1.2, 9.0]]), 3)
    assert ((few >= 0) & (few < 3)).all()


def test_a_level_told_perfectly_keeps_finite_coefficients():
    rng = np.random.default_rng(5)
    marker = rng.normal(size=60)
    x = np.column_stack([np.ones(60), marker])[None].repeat(20, axis=0)
    y = (marker[:50] > 0).astype(float)
    drawn, b = drawing.from_levels(rng, x[:, :50], y, x[:, 50:], x, None)
    assert np.isfinite(b).all()
    assert np.abs(b).max() < 50
    assert set(np.unique(drawn)) <= {0.0, 1.0}
    again, _ = drawing.from_levels(rng, x[:, :50], y, x[:, 50:], x, b)
    assert abs(again.mean() - drawn.mean()) < 0.2


def test_cumulative_hazards_are_those_of_r():
    lung, pbc = table("lung_whole"), table("pbc_whole")

    def scaled(values):
        return (values - np.mean(values)) / np.std(values)

    x, names = outcome_predictors(lung_times(lung))
    assert names == ("event Death", "cumulative hazard of Death")
    np.testing.assert_allclose(x[:, 1], scaled(VALUES["nelsonaalen"]["lung"]), atol=1e-8)
    x, names = outcome_predictors(pbc_times(pbc))
    assert names == ("event Transplant", "cumulative hazard of Transplant", "event Death", "cumulative hazard of Death")
    np.testing.assert_allclose(x[:, 1], scaled(VALUES["nelsonaalen"]["pbc_transplant"]), atol=1e-8)
    np.testing.assert_allclose(x[:, 3], scaled(VALUES["nelsonaalen"]["pbc_death"]), atol=1e-8)


def test_hazards_from_a_delayed_entry_on_by_hand():
    late = TimeToEvent(time=np.array([2.0, 3.0, 4.0]), entry=np.array([0.0, 2.0, 1.0]), state=np.array([1, 1, 0]), states=("Death",), index=table("models").index[:3])
    x, _ = outcome_predictors(late)
    hazard = np.array([1 / 2, 1 / 2, 1 / 2 + 1 / 2])  # two at risk at 2 and at 3; the second came after the first death
    np.testing.assert_allclose(x[:, 1], (hazard - hazard.mean()) / hazard.std(), atol=1e-12)
