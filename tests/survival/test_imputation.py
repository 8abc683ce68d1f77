"""Chained equations: against mice in the mean, what is kept as it was, what is shown, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from imputation_reference import LUNG, VALUES, lung_times, pbc_times, table

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.imputation import chained_equations
from haip_outcomes.survival.imputation.chained_equations import impute
from haip_outcomes.survival.imputation.rubin import pool
from haip_outcomes.survival.subdistribution.regression import fine_gray
from haip_outcomes.survival.time_to_event import TimeToEvent

M, THEIR_M = 200, VALUES["M"]  # imputations, here and in R
SPREAD = np.sqrt(3 * (1 / M + 1 / THEIR_M))  # standard error of the log of the ratio of two variances; 3 for a kurtosis of up to 4 (2 if normal)


def pbc():
    frame = table("pbc_mar").copy()
    tte = pbc_times(frame)
    frame["stage"] = pd.Categorical(frame["stage"].astype("Int64").astype("string"), ordered=True)
    return frame, tte


PBC = ["age", "male", "lbili", "albumin", "stage", "oedema", "spiders"]
LINEAR = {"ecog": "linear", "wtloss": "linear", "karno": "linear"}
CASES = {
    "lung_mcar": (table("lung_mcar"), lung_times(table("lung_mcar")), LUNG, None, {"death": (None, LUNG)}),
    "lung_mar": (table("lung_mar"), lung_times(table("lung_mar")), LUNG, None, {"death": (None, LUNG)}),
    "lung_mar_linear": (table("lung_mar"), lung_times(table("lung_mar")), LUNG, LINEAR, {"death": (None, LUNG)}),
    "pbc_mar": (*pbc(), PBC, None, {"death": ("Death", ["age", "male", "lbili", "albumin", "spiders", "oedema"]),
                                    "transplant": ("Transplant", ["age", "lbili", "albumin"])}),
}  # fmt: skip


@pytest.fixture(scope="module")
def filled():
    return {name: impute(frame, tte=tte, columns=columns, imputations=M, methods=methods, rng=5) for name, (frame, tte, columns, methods, _) in CASES.items()}


@pytest.mark.parametrize("case", CASES)
def test_what_is_drawn_is_what_mice_draws(case, filled):
    imputed, theirs = filled[case], VALUES["mice"][case]["drawn"]
    assert {term.partition("=")[0] for term in theirs} == {column.name for column in imputed.incomplete}
    for term, expected in theirs.items():
        name, _, level = term.partition("=")
        column = next(one for one in imputed.incomplete if one.name == name)
        drawn = imputed.values[name]
        ours = (drawn == column.texts.index(level)).mean(axis=1) if level else drawn.mean(axis=1)
        error = np.sqrt(ours.var(ddof=1) / M + expected["sd"] ** 2 / THEIR_M)
        assert abs(ours.mean() - expected["mean"]) < 4 * error, term
        assert abs(np.log(ours.std(ddof=1) / expected["sd"])) < 4 * SPREAD / 2, term
        if "inner" in expected:
            inner = drawn.std(axis=1, ddof=1)
            assert abs(inner.mean() - expected["inner"]) < 4 * np.sqrt(inner.var(ddof=1) / M + expected["inner_sd"] ** 2 / THEIR_M), term


@pytest.mark.parametrize("case", CASES)
def test_pooled_hazard_ratios_are_those_of_mice(case, filled):
    _, tte, _, _, models = CASES[case]
    for model, (cause, terms) in models.items():
        found = pool([cox(tte, design(one, terms), cause=cause) for one in filled[case]])
        theirs = VALUES["mice"][case]["pooled"][model]
        between, within, theirs_between = np.diag(found.between), np.diagonal(found.covariances, axis1=1, axis2=2), np.array(theirs["between"])
        error = np.sqrt(between / M + theirs_between / THEIR_M)
        assert (np.abs(found.estimate - theirs["estimate"]) < 4 * error).all()
        error = within.std(axis=0, ddof=1) * np.sqrt(1 / M + 1 / THEIR_M)
        assert (np.abs(np.diag(found.within) - theirs["within"]) < 4 * error + 1e-12).all()
        assert (np.abs(np.log(between / theirs_between)) < 4 * SPREAD).all()
        share = between / np.diag(found.total)
        assert (np.abs(np.log(found.std_error / theirs["std_error"])) < 4 * SPREAD * share / 2 + 0.005).all()


def test_imputation_comes_nearer_to_the_truth_than_complete_cases_where_those_are_biased():
    """x is missing more often in those who died; 40 cohorts of 300 with log hazard ratios of 1 and -0.5."""
    full, cases = [], []
    for seed in range(40):
        frame, tte = simulated(seed, 300)
        imputed = impute(frame, tte=tte, columns=["x", "z"], imputations=5, rounds=3, rng=seed)
        full.append(pool([cox(tte, design(one, ["x", "z"])) for one in imputed]).estimate)
        cases.append(cox(tte, design(frame, ["x", "z"], missing="complete-case")).coefficients)
    bias, biased = np.mean(full, axis=0) - [1.0, -0.5], np.mean(cases, axis=0) - [1.0, -0.5]
    assert abs(biased[1]) > 0.12  # z, complete, but its deaths are chosen
    assert (np.abs(bias) < 0.07).all()


COVERAGE = {  # of the 95% limits, in 1,000 cohorts of 200; docs/imputation.md
    "numbers": {"imputed": {"x": 0.945, "z": 0.958}, "complete cases": {"x": 0.936, "z": 0.729}},
    "levels": {"imputed": {"x": 0.956, "w": 0.962, "g=b": 0.96, "g=c": 0.953}, "complete cases": {"x": 0.886, "w": 0.935, "g=b": 0.931, "g=c": 0.94}},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", COVERAGE)
def test_how_often_the_pooled_limits_hold(kind):
    found = coverage(kind, 1000)[0]
    for analysis, expected in COVERAGE[kind].items():
        for name, held in expected.items():
            assert found[analysis][name] == pytest.approx(held, abs=0.003)  # another numpy may round a draw otherwise
    for held in found["imputed"].values():
        assert abs(held - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 1000)


def coverage(kind, cohorts):
    """The share of cohorts whose 95% limits hold the truth, and the mean error of the estimates."""
    truth, make, terms = {"numbers": ([1.0, -0.5], simulated, ["x", "z"]), "levels": ([0.4, 0.6, 0.8, -0.5], simulated_levels, ["x", "w", "g"])}[kind]
    names = [*terms[:-1], "g=b", "g=c"] if kind == "levels" else terms
    held, error = ({"imputed": np.zeros(len(truth)), "complete cases": np.zeros(len(truth))} for _ in range(2))
    for seed in range(cohorts):
        frame, tte = make(seed, 200)
        imputed = impute(frame, tte=tte, columns=terms, imputations=20, rounds=5, rng=seed)
        rows = {"imputed": pool([cox(tte, design(one, terms)) for one in imputed]).tidy(),
                "complete cases": cox(tte, design(frame, terms, missing="complete-case")).tidy()}  # fmt: skip
        for name, row in rows.items():
            held[name] += (row["conf_low"] <= truth) & (truth <= row["conf_high"])
            error[name] += row["estimate"] - truth
    return tuple({name: dict(zip(names, (np.array(h) / cohorts).tolist(), strict=True)) for name, h in each.items()} for each in (held, error))


def simulated(seed, n):
    """A number, missing more often in those with z who died; complete cases then choose among the deaths."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    z = (rng.random(n) < 1 / (1 + np.exp(-x))).astype(float)
    death, last = rng.exponential(np.exp(-x + 0.5 * z)), rng.exponential(2.0, n)
    frame = pd.DataFrame({"x": x, "z": z, "time": np.minimum(death, last), "dead": (death <= last).astype(int)})
    tte = TimeToEvent.from_frame(frame, time="time", state="dead", states=["Death"])
    gone = rng.random(n) < np.where((frame["dead"] == 1) & (z == 1), 0.6, 0.1)
    frame.loc[gone, "x"] = np.nan
    return frame, tte


def simulated_levels(seed, n):
    """Two levels and three without an order, missing more often in those who died with a large x."""
    rng = np.random.default_rng([7, seed])
    x = rng.normal(size=n)
    w = rng.random(n) < 1 / (1 + np.exp(-0.5 * x))
    g = np.array(list("abc"))[np.argmax(np.column_stack([np.zeros(n), 0.8 * x - 0.3, -0.5 * x]) + rng.gumbel(size=(n, 3)), axis=1)]
    death = rng.exponential(np.exp(-(0.4 * x + 0.6 * w + 0.8 * (g == "b") - 0.5 * (g == "c"))))
    last = rng.exponential(2.0, n)
    dead = death <= last
    frame = pd.DataFrame({"x": x, "w": w.astype(float), "g": g.astype(object), "time": np.minimum(death, last), "dead": dead.astype(int)})
    tte = TimeToEvent.from_frame(frame, time="time", state="dead", states=["Death"])
    for name in ("w", "g"):
        frame.loc[rng.random(n) < np.where(dead & (x > 0), 0.45, 0.1), name] = None
    return frame, tte


# -- what is kept ------------------------------------------------------------------------------------------------------


def mixed(n=60, seed=1):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "months": rng.exponential(20, n).round(1) + 0.1, "dead": rng.integers(0, 2, n), "age": rng.normal(60, 9, n), "score": rng.integers(0, 6, n).astype(float),
        "score_whole": pd.array(rng.integers(0, 6, n), dtype="Int64"), "flag": rng.integers(0, 2, n).astype(float),
        "truth": pd.array(rng.random(n) < 0.5, dtype="boolean"), "yes": (rng.random(n) < 0.4).astype(object),
        "site": rng.choice(["left", "right", "both"], n).astype(object), "grade": pd.Categorical(rng.choice(["low", "mid", "high"], n), ["low", "mid", "high"], ordered=True),
        "kind": pd.Categorical(rng.choice(["a", "b"], n), ["a", "b", "never"]),
    }, index=np.arange(n) * 3 + 100)  # fmt: skip
    tte = TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    columns = list(frame.columns[2:])
    for j, name in enumerate(columns):
        frame.loc[frame.index[j : j + 40 : 7], name] = None
    return frame, tte, columns


def test_levels_stay_levels_kinds_stay_kinds_and_ranges_are_kept():
    frame, tte, columns = mixed()
    before = frame.copy(deep=True)
    imputed = impute(frame, tte=tte, columns=columns, imputations=6, rounds=3, rng=2)
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(imputed.frame, before)
    assert len(imputed) == len(imputed.frames) == 6
    for one in imputed:
        assert one.index.equals(frame.index)
        assert not one[columns].isna().any().any()
        for name in columns:
            known = frame[name].notna()
            assert (one.loc[known, name] == frame.loc[known, name]).all()
            assert set(one[name]) <= set(frame.loc[known, name]), name
        assert one["score_whole"].dtype == "Int64"
        assert one["truth"].dtype == "boolean"
        assert one["yes"].dtype == bool
        assert one["grade"].dtype == frame["grade"].dtype
        assert one["kind"].dtype == frame["kind"].dtype
        assert design(one, columns).matrix.shape == (60, 11)
    first, second = imputed[0], imputed[1]
    assert not first[columns].equals(second[columns])
    pd.testing.assert_frame_equal(imputed[-1], imputed.frames[5])
    with pytest.raises(IndexError, match="there are 6 imputations"):
        imputed[6]
    with pytest.raises(EndpointError, match="number of one imputation"):
        imputed["age"]


def test_the_line_on_request_gives_fractions_and_may_leave_the_range():
    frame, tte, columns = mixed()
    imputed = impute(frame, tte=tte, columns=columns, imputations=30, rounds=2, methods={"score_whole": "linear", "age": "linear"}, rng=2)
    assert imputed[0]["score_whole"].dtype == "Float64"
    drawn = imputed.values["score_whole"]
    assert not (drawn == np.round(drawn)).any()
    assert drawn.min() < 0


def test_chance_is_an_argument_and_parts_make_no_difference_to_what_is_kept(monkeypatch):
    frame, tte, columns = mixed()
    one, two = (impute(frame, tte=tte, columns=columns, imputations=4, rounds=2, rng=rng) for rng in (3, np.random.default_rng(3)))
    for name in one.values:
        assert (one.values[name] == two.values[name]).all()
    monkeypatch.setattr(chained_equations, "CELLS", 1)  # one imputation at a time
    alone = impute(frame, tte=tte, columns=columns, imputations=4, rounds=2, rng=3)
    assert {name: drawn.shape for name, drawn in alone.values.items()} == {name: drawn.shape for name, drawn in one.values.items()}
    assert alone.trace().shape == one.trace().shape


def test_rows_are_found_by_their_index():
    frame, tte, columns = mixed()
    shuffled = pd.concat([frame, frame.iloc[:2].set_axis([1, 2])]).sample(frac=1, random_state=4)
    imputed = impute(shuffled, tte=tte, columns=columns, imputations=2, rounds=2, rng=5)
    assert imputed.frame.index.equals(tte.index)
    assert "2 rows of the frame without a time left out" in imputed.method
    same = impute(frame, tte=tte, columns=columns, imputations=2, rounds=2, rng=5)
    pd.testing.assert_frame_equal(imputed[1], same[1], check_dtype=False)


def test_what_it_shows():
    frame, tte = table("lung_mar"), lung_times(table("lung_mar"))
    imputed = impute(frame, tte=tte, columns=LUNG, imputations=3, rounds=4, rng=1)
    patterns = imputed.patterns()
    assert patterns["n"].sum() == len(frame)
    assert patterns["n_event"].sum() == frame["dead"].sum()
    for row in patterns.itertuples():
        lacks = {name for name in LUNG if frame[name].isna().any() and not getattr(row, name)}
        same = np.logical_and.reduce([frame[name].isna() == (name in lacks) for name in ("ecog", "karno", "wtloss")])
        assert row.n == same.sum()
        assert row.n_missing == len(lacks) == len([name for name in row.without.split(", ") if name])
    assert patterns["n"].is_monotonic_decreasing
    trace = imputed.trace()
    assert len(trace) == 3 * 3 * 4
    last = trace[(trace["round"] == 4) & (trace["term"] == "wtloss")]
    np.testing.assert_allclose(last["mean"], imputed.values["wtloss"].mean(axis=1))
    np.testing.assert_allclose(last["std"], imputed.values["wtloss"].std(axis=1, ddof=1))
    told = imputed.tidy().set_index("term")
    assert told.loc["karno", "n"] + told.loc["karno", "n_missing"] == len(frame)
    assert told.loc["karno", "observed"] == pytest.approx(frame["karno"].mean())
    assert repr(imputed).startswith("3 imputations of 213 patients, 4 rounds; missing: ecog ")
    assert "Nelson-Aalen cumulative hazard of Death in every model" in imputed.method
    assert "imputed from each other and from age and male" in imputed.method
    assert "Imputed values" in imputed._repr_html_()


def test_shares_of_levels_are_traced():
    frame, tte = pbc()
    trace = impute(frame, tte=tte, columns=PBC, imputations=2, rounds=2, rng=1).trace()
    of_three = trace[trace["term"] == "oedema"]
    assert of_three.groupby(["round", "imputation"])["mean"].sum().tolist() == pytest.approx([1, 1, 1, 1])
    assert trace.loc[trace["term"] == "spiders", "level"].unique().tolist() == ["1"]


def test_one_missing_value_is_enough():
    frame = table("lung_whole").copy()
    tte = lung_times(frame)
    frame.loc[3, "age"] = np.nan
    imputed = impute(frame, tte=tte, columns=LUNG, imputations=2, rounds=1, rng=1)
    assert imputed[0]["age"].notna().all()
    assert imputed.trace()["std"].isna().all()


def test_a_column_that_says_the_same_is_left_out_of_the_models_and_said():
    frame = table("lung_mar").assign(weeks=table("lung_mar")["age"] * 52.18)
    imputed = impute(frame, tte=lung_times(frame), columns=[*LUNG, "weeks"], imputations=2, rounds=1, rng=1)
    assert any("ecog is imputed without weeks" in warning for warning in imputed.warnings)


def test_nobody_with_an_event_and_several_events():
    frame = table("lung_mar")
    alive = TimeToEvent.from_frame(frame.assign(dead=0), time="months", state="dead", states=["Death"])
    assert impute(frame, tte=alive, columns=LUNG, imputations=2, rounds=1, rng=1)[1][LUNG].notna().all(axis=None)
    frame, tte = pbc()
    imputed = impute(frame, tte=tte, columns=PBC, imputations=3, rounds=1, rng=1)
    assert "cumulative hazard of Transplant and Death" in imputed.method
    found = pool([fine_gray(tte, design(one, ["age", "albumin"]), cause="Transplant") for one in imputed])
    assert found.term_tests()["p_value"].between(0, 1).all()
    with pytest.raises(EndpointError, match="have a likelihood to compare"):
        found.term_tests("stacked")


def test_mostly_missing_is_said():
    frame = table("lung_whole").copy()
    tte = lung_times(frame)
    frame.loc[frame.index[:120], "wtloss"] = np.nan
    imputed = impute(frame, tte=tte, columns=LUNG, imputations=2, rounds=1, rng=1)
    assert "wtloss is missing in 120 of 213 patients" in imputed.warnings[0]


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_what_is_refused():
    frame, tte = table("lung_mar").copy(), lung_times(table("lung_mar"))
    frame["nothing"], frame["same"], frame["key"] = np.nan, 1.0, [f"p{i}" for i in range(len(frame))]
    frame["day"] = pd.Timestamp("2020-01-01")
    frame.loc[3, "same"] = np.nan

    def refused(words, **changes):
        with pytest.raises(EndpointError, match=words):
            impute(changes.pop("frame", frame), **{"tte": tte, "columns": LUNG, "imputations": 2, "rounds": 1, "rng": 1, **changes})

    refused('"nothing" has no value in any of 213 rows', columns=[*LUNG, "nothing"])
    refused('"same" is 1 wherever it is known', columns=[*LUNG, "same"])
    refused("213 levels, more than the 20", columns=[*LUNG, "key"])
    refused(r'"day" can\'t be a covariate', columns=[*LUNG, "day"])
    refused('(?s)nothing" has no value.*same" is 1', columns=[*LUNG, "nothing", "same"])  # all at once
    refused('no column "aeg". Did you mean "age"', columns=["aeg"])
    refused("must be text, and 3 is not", frame=frame.rename(columns={"age": 3}), columns=[3, "ecog"])
    refused("named twice", columns=["age", "age", "ecog"])
    refused("No columns", columns=[])
    refused("Nothing is missing in age and male", columns=["age", "male"])
    refused('"months" is the follow-up time itself', columns=[*LUNG, "months"])
    refused('"dead" is the event itself', columns=[*LUNG, "dead"])
    refused("which is not among the columns", methods={"same": "pmm"})
    refused(r'"ecog" holds numbers.*can\'t be imputed by', methods={"ecog": "logistic"})
    refused("imputations must be a whole number, 2 or more", imputations=1)
    refused("rounds must be a whole number", rounds=0)
    refused("rng must be a seed", rng=None)
    refused("takes a data frame", frame=frame["age"])
    refused("it must have the same index", frame=frame.iloc[:50])
    refused("duplicates", frame=frame.set_axis([0] * len(frame)))
    refused("takes a TimeToEvent", tte=frame)
    few = frame.copy()
    few.loc[few.index[6:], "wtloss"] = np.nan
    refused('"wtloss" is known of 4 patients and its model has 6 predictors', frame=few)
    rows = TimeToEvent.from_frame(frame.assign(who=frame.index // 2, begin=0.0, end=1.0).assign(begin=lambda f: f.index % 2, end=lambda f: f.index % 2 + 1.0),
                                  time="end", entry="begin", state="dead", states=["Death"], id="who")  # fmt: skip
    refused("several rows: impute one row a patient", tte=rows)


@pytest.mark.parametrize("value", [[1, "a"], [np.inf, 2.0]])
def test_mixed_and_infinite_values_are_refused(value):
    frame = table("lung_mar").copy()
    frame["odd"] = pd.Series((value * len(frame))[: len(frame)], index=frame.index)
    with pytest.raises(EndpointError, match='"odd"'):
        impute(frame, tte=lung_times(frame), columns=[*LUNG, "odd"], rng=1)
