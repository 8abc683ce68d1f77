"""Columns that tell of each other and are missing together: the chain forgets its start, the joint distribution is kept, and it is said."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.imputation.chained_equations import impute
from haip_outcomes.survival.imputation.incomplete_columns import columns_of
from haip_outcomes.survival.imputation.near_copies import in_turn, near_copies, remembered, shared
from haip_outcomes.survival.imputation.rubin import pool
from haip_outcomes.survival.time_to_event import TimeToEvent

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
TRUE = 0.8
KINDS = {
    "alone": None,
    "twice x": lambda x, rng, frame: 2 * x,
    "noise 0.05": lambda x, rng, frame: 2 * x + 0.05 * rng.normal(size=len(x)),
    "noise 0.3": lambda x, rng, frame: 2 * x + 0.3 * rng.normal(size=len(x)),
    "exp": lambda x, rng, frame: np.exp(x),
    "score": lambda x, rng, frame: (x > 0) + frame["o1"] + frame["o2"],
}


def cohort(seed, kind, n=300):
    """x with a log hazard ratio of 0.8, and y made of it; both missing in the same 40%."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    death, end = rng.exponential(20 * np.exp(-TRUE * x)), rng.uniform(5, 60, n)
    frame = pd.DataFrame({"x": x, "t": np.minimum(death, end), "e": (death <= end).astype(int)})
    columns = ["x"]
    if kind == "score":
        frame["o1"], frame["o2"] = rng.integers(0, 2, n), rng.integers(0, 2, n)
    if KINDS[kind]:
        frame["y"] = KINDS[kind](x, rng, frame)
        columns += ["y"] + (["o1", "o2"] if kind == "score" else [])
    frame.loc[rng.random(n) < 0.4, [name for name in ("x", "y") if name in frame]] = np.nan
    return frame, TimeToEvent.from_frame(frame, time="t", state="e", states=["Death"]), columns


def pooled(seed, kind, m=20):
    frame, tte, columns = cohort(seed, kind)
    imputed = impute(frame, tte=tte, columns=columns, imputations=m, rng=1)
    return imputed, pool([cox(tte, design(one, ["x"])) for one in imputed])


def simulated(kind, cohorts):
    """Mean of the pooled log hazard ratio, and the share of 95% limits that hold the truth."""
    rows = [pooled(seed, kind)[1].tidy().iloc[0] for seed in range(cohorts)]
    return np.mean([row["estimate"] for row in rows]), np.mean([row["conf_low"] <= TRUE <= row["conf_high"] for row in rows])


@pytest.mark.parametrize("kind", ["twice x", "noise 0.3", "exp", "score"])
def test_a_near_copy_missing_in_the_same_patients_does_not_freeze_the_chain(kind):
    """With y the answer is that without it: y tells nothing of x where it is missing too. (It was 0.42 for 2x, 1.01 for exp x.)"""
    with_it, without = simulated(kind, 8)[0], simulated("alone", 8)[0]
    assert abs(with_it - without) < 0.03
    imputed, _ = pooled(0, kind)
    lacking = int(cohort(0, kind)[0]["x"].isna().sum())
    said = next(warning for warning in imputed.warnings if warning.startswith("x and y tell"))
    assert f"{lacking} patients lack both: for them x is imputed without y, and y from it" in said
    assert not any("still resembles" in warning for warning in imputed.warnings)


def test_the_relation_of_both_is_kept_among_what_is_drawn():
    """y = 2x + 0.3 noise: drawn pairs have the known correlation 2 / sqrt(4.09) = 0.989."""
    imputed, _ = pooled(3, "noise 0.3")
    x, y = imputed.values["x"], imputed.values["y"]
    assert np.corrcoef(x.ravel(), y.ravel())[0, 1] == pytest.approx(2 / np.sqrt(4.09), abs=0.005)
    assert remembered(x[:, :], x[:, :], 0) == pytest.approx(1)


def test_where_one_of_them_is_known_it_is_used():
    """Half of those without x have y = 2x + 0.05 noise: there x is drawn to within a little of the truth, elsewhere as if y were no column."""
    frame, tte, _ = cohort(5, "noise 0.05")
    rng = np.random.default_rng(5)
    x = rng.normal(size=len(frame))  # as `cohort` drew it
    gone = np.flatnonzero(frame["x"].isna())
    frame.loc[gone[::2], "y"] = 2 * x[gone[::2]]
    imputed = impute(frame, tte=tte, columns=["x", "y"], imputations=20, rng=1)
    drawn = imputed.values["x"]
    assert np.abs(drawn[:, ::2] - x[gone[::2]]).mean() < 0.1
    assert 0.5 < np.abs(drawn[:, 1::2] - x[gone[1::2]]).mean() < 1.5


@pytest.mark.parametrize(("size", "share"), [(4000, 0.64), (40, 0.64)])
def test_shared_variation_is_r_squared_less_chance(size, share):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(size, 1))
    y = 0.8 * x + 0.6 * rng.normal(size=(size, 1))
    r2 = np.corrcoef(x[:, 0], y[:, 0])[0, 1] ** 2
    assert shared(x, y) == pytest.approx(1 - (1 - r2) * (size - 1) / (size - 2), rel=1e-9)
    assert shared(x, y) == pytest.approx(share, abs=0.2)
    assert shared(x, np.zeros((size, 1))) == 0.0
    groups = np.eye(3)[rng.integers(0, 3, size)][:, 1:]  # a level's mean: R^2 of the analysis of variance
    z = (groups @ [1.0, 2.0])[:, None] + rng.normal(size=(size, 1))
    fitted = np.linalg.lstsq(np.c_[np.ones(size), groups], z, rcond=None)[0]
    rest = z - np.c_[np.ones(size), groups] @ fitted
    expected = 1 - rest.var() / z.var()
    assert shared(groups, z) == pytest.approx(1 - (1 - expected) * (size - 1) / (size - 3), rel=1e-9)


def test_which_pairs_and_in_which_turn():
    frame, _, _ = cohort(1, "noise 0.3")
    frame["far"] = np.random.default_rng(9).normal(size=len(frame))
    frame.loc[:30, "far"] = np.nan
    found = columns_of(frame, ["x", "far", "y"], None)
    place = {column.name: slice(k, k + 1) for k, column in enumerate(found)}
    z = np.column_stack([column.predictors(np.nan_to_num(column.values)[None])[0] for column in found])
    pairs = near_copies(found, z, place, 0)
    assert list(pairs) == [("x", "y")]
    known = frame[["x", "y"]].dropna()
    assert pairs["x", "y"] == pytest.approx(known.corr().iloc[0, 1] ** 2, abs=0.01)
    assert [column.name for column in in_turn(found, pairs)] == ["x", "y", "far"]
    apart = frame.assign(y=frame["y"].where(frame["x"].notna(), 1.0))  # never missing together
    assert near_copies(columns_of(apart, ["x", "far", "y"], None)[:2], z, place, 0) == {}


def test_remembered_is_the_correlation_within_patients():
    """A chain with correlation rho from round to round, patients far apart: rho^9 is left after nine rounds, whatever the patients' means."""
    rng = np.random.default_rng(4)
    means = rng.normal(0, 10, 100)
    for rho in (0.95, 0.0):
        noise = [rng.normal(size=(200, 100))]
        for _ in range(9):
            noise.append(rho * noise[-1] + np.sqrt(1 - rho**2) * rng.normal(size=(200, 100)))
        assert remembered(means + noise[0], means + noise[-1], 0) == pytest.approx(rho**9, abs=0.03)
    levels = rng.integers(0, 3, (50, 40)).astype(float)
    assert remembered(levels, levels, 3) == pytest.approx(1)
    assert remembered(np.zeros((5, 3)), np.ones((5, 3)), 2) == 0.0


def test_a_chain_that_still_remembers_is_warned_of():
    """Two columns that share 0.4 of their variation, two rounds: 0.4 is left; after ten nothing."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=600)
    frame = pd.DataFrame({"x": x, "y": np.sqrt(0.4) * x + np.sqrt(0.6) * rng.normal(size=600), "t": rng.exponential(10, 600), "e": 1})
    frame.loc[:249, ["x", "y"]] = np.nan
    tte = TimeToEvent.from_frame(frame, time="t", state="e", states=["Death"])
    short, long = (impute(frame, tte=tte, columns=["x", "y"], imputations=20, rounds=rounds, rng=1) for rounds in (2, 10))
    said = next(warning for warning in short.warnings if "still resembles what was drawn in round 1" in warning)
    left = float(said.partition("(correlation ")[2][:4])
    assert left == pytest.approx(frame.corr().loc["x", "y"] ** 2, abs=0.1)
    assert "take more rounds (rounds=10)" in said
    assert not any("still resembles" in warning for warning in long.warnings)


def test_a_level_that_nobody_with_the_value_has_is_said():
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"g": rng.choice(["u", "v"], 120), "x": rng.normal(size=120), "t": rng.exponential(10, 120), "e": 1})
    frame.loc[:19, "g"], frame.loc[:29, "x"] = "w", np.nan
    tte = TimeToEvent.from_frame(frame.assign(e=[0, 1] * 60), time="t", state="e", states=["Death"])
    imputed = impute(frame, tte=tte, columns=["g", "x"], imputations=3, rounds=1, rng=1)
    assert any("x is imputed without g=w (20 patients who lack x differ): it is the same for all who have x" in warning for warning in imputed.warnings)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_forty_cohorts(kind):
    """The table of docs/imputation.md."""
    mean, held = simulated(kind, 40)
    assert mean == pytest.approx({"alone": 0.781, "exp": 0.779, "score": 0.779}.get(kind, 0.782), abs=0.006)
    assert held >= 0.85


def test_as_mice_draws_where_x_is_told_to_go_without_y():
    """`tests/reference/imputation_near_copies.R`: the same cohort, 200 imputations there and here, x without y and y from x."""
    theirs = json.loads((REFERENCE / "imputation_near_copies.json").read_text(encoding="utf-8"))
    frame = pd.read_csv(REFERENCE / "data" / "imputation_near_copies.csv")
    tte = TimeToEvent.from_frame(frame, time="t", state="e", states=["Death"])
    imputed = impute(frame, tte=tte, columns=["x", "y"], imputations=200, rng=3)
    found = pool([cox(tte, design(one, ["x"])) for one in imputed])
    apart, frozen = theirs["apart"], theirs["each_from_the_other"]
    between = found.between[0, 0]
    error = np.sqrt((between + apart["between"]) / 200)
    assert abs(found.estimate[0] - apart["estimate"]) < 4 * error
    assert abs(found.estimate[0] - frozen["estimate"]) > 20 * error  # what mice gives by itself
    assert found.within[0, 0] == pytest.approx(apart["within"], rel=0.02)
    assert abs(np.log(between / apart["between"])) < 4 * np.sqrt(3 * 2 / 200)
    x, y = imputed.values["x"], imputed.values["y"]
    assert np.corrcoef(x.ravel(), y.ravel())[0, 1] == pytest.approx(apart["correlation"], abs=0.003)
    error = np.sqrt(x.mean(axis=1).var(ddof=1) * 2 / 200)
    assert abs(x.mean() - apart["mean"]) < 4 * error
