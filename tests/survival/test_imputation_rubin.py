"""Rubin's rules and the pooled tests, against mice and by hand."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imputation_reference import VALUES, lung_times, table

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.covariates.splines import spline
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.imputation.pooled_tests import (
    likelihood_ratio_d3,
    likelihood_ratio_d4,
    log_likelihoods,
    wald_d1,
)
from haip_outcomes.survival.imputation.rubin import pool, pool_estimates


def close(ours, theirs, tolerance=1e-8):
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert ours.shape == theirs.shape
    worst = np.max(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-3))
    assert worst <= tolerance, (worst, ours, theirs)


def same_test(ours, theirs, tolerance=1e-8):
    for mine, name in (("statistic", "statistic"), ("df", "df"), ("df_residual", "df_residual"), ("p_value", "p_value"), ("relative_increase", "r")):
        close(ours[mine], theirs[name], tolerance)


@pytest.fixture(scope="module")
def completed():
    return [one.reset_index(drop=True) for _, one in table("completed").groupby(".imp")]


@pytest.fixture(scope="module")
def fits(completed):
    return [cox(lung_times(one), design(one, ["age", "male", "ecog3", "wtloss"], reference={"ecog3": "full"})) for one in completed]


@pytest.mark.parametrize("case", VALUES["scalar"])
def test_one_number_as_mice_pools_it(case):
    df = np.inf if case["df_complete"] == "Inf" else case["df_complete"]
    found = pool_estimates(case["estimate"], np.sqrt(case["variance"]), df_complete=df)
    row = found.tidy().iloc[0]
    ours = [found.estimate[0], found.within[0, 0], found.between[0, 0], found.total[0, 0], found.df[0], found.relative_increase[0], found.fraction_missing[0]]
    close(ours, [case[name] for name in ("qbar", "ubar", "b", "t", "df", "r", "fmi")])
    assert row["within"] == found.within[0, 0]


def test_by_hand_in_exact_fractions():
    q, u, v = [Fraction(1), Fraction(2), Fraction(3)], [Fraction(1, 2), Fraction(1), Fraction(3, 2)], Fraction(10)
    mean, w, b = Fraction(2), Fraction(1), Fraction(1)
    t = w + Fraction(4, 3) * b
    share = Fraction(4, 3) / t
    old, seen = 2 / share**2, Fraction(11, 13) * v * (1 - share)
    df = old * seen / (old + seen)
    r = Fraction(4, 3)
    found = pool(([[float(x)] for x in q], [[[float(x)]] for x in u], float(v)))
    close([found.estimate[0], found.total[0, 0], found.df[0], found.fraction_missing[0]], [float(mean), float(t), float(df), float((r + 2 / (df + 3)) / (r + 1))], 1e-14)


def test_cox_fits_as_mice_pools_them(fits):
    theirs = VALUES["cox"]["pooled"]
    order = [theirs["term"].index(name) for name in ("age", "male", "ecog3symptoms", "ecog3bed", "wtloss")]
    names = [(term, level) for term, level in pool(fits).columns]
    assert names == [("age", None), ("male", None), ("ecog3", "bed"), ("ecog3", "symptoms"), ("wtloss", None)]
    ours = pool(fits).tidy().iloc[[0, 1, 3, 2, 4]]
    for mine, name in (("estimate", "estimate"), ("std_error", "std_error"), ("df", "df"), ("statistic", "statistic"), ("p_value", "p_value"), ("conf_low", "low"),
                       ("conf_high", "high"), ("within", "within"), ("between", "between"), ("relative_increase", "riv"), ("fraction_missing", "fmi")):  # fmt: skip
        close(ours[mine], np.array(theirs[name])[order])
    assert pool(fits).df_complete == VALUES["cox"]["dfcom"] == theirs["dfcom"][0]
    close(pool(fits).tidy(exponentiate=True)["conf_high"], np.exp(pool(fits).tidy()["conf_high"]), 1e-14)


@pytest.mark.parametrize("term", ["ecog3", "wtloss"])
def test_whole_terms_as_mice_tests_them(fits, term):
    pooled = pool(fits)
    wald = pooled.term_tests().set_index("term").loc[term]
    same_test(wald, VALUES["cox"]["D1"][term])
    ratio = pooled.term_tests("likelihood-ratio").set_index("term").loc[term]
    same_test(ratio, VALUES["cox"]["D3"][term])
    same_test(pooled.term_tests("stacked").set_index("term").loc[term], VALUES["cox"]["D4"][term])


def test_strata_and_breslow(completed):
    found = pool([cox(lung_times(one), design(one, ["age", "ecog3"], reference={"ecog3": "full"}), strata=one["male"], ties="breslow") for one in completed])
    theirs = VALUES["stratified"]["pooled"]
    order = [theirs["term"].index(name) for name in ("age", "ecog3bed", "ecog3symptoms")]
    close(found.tidy()["std_error"], np.array(theirs["std_error"])[order])
    close(found.tidy()["df"], np.array(theirs["df"])[order])
    assert np.isfinite(found.term_tests("likelihood-ratio")["statistic"]).all()
    same_test(found.term_tests("stacked").iloc[1], VALUES["stratified"]["D4"])


def test_logistic_models_pooled_and_tested_as_mice_does():
    given = {**VALUES["logistic"], "covariances": list(VALUES["logistic"]["covariances"].values())}
    found = pool((given["estimates"], given["covariances"], given["dfcom"]))
    theirs = given["pooled"]
    close(found.tidy()["std_error"], theirs["std_error"])
    close(found.df, theirs["df"])
    estimates, covariances = np.array(given["estimates"]), np.array(given["covariances"])
    own = [3, 4]
    # mice's D1 tests the coefficients that the smaller model lacks, in the order of the larger one
    same_test(wald_d1(estimates[:, own], covariances[np.ix_(range(8), own, own)], given["dfcom"]), given["D1"])
    d = {name: -np.array(value) / 2 for name, value in given["deviances"].items()}
    same_test(likelihood_ratio_d3(d["dev1.M"], d["dev0.M"], d["dev1.L"], d["dev0.L"], 2), given["D3"])
    four = given["D4"]
    same_test(likelihood_ratio_d4(np.array(four["own"]), np.array(four["own_null"]), four["stacked"], four["stacked_null"], 2), four)


def test_the_likelihoods_are_those_of_the_fits(fits):
    own, own_null, at, at_null = log_likelihoods(tuple(fits), list(range(5)))
    close(own, [fit.log_likelihood for fit in fits], 1e-14)
    close(own_null, at_null, 1e-12)  # with no coefficient left there is nothing to average
    assert (at <= own).all()
    same = log_likelihoods((fits[0], fits[0]), [4])
    close(same[0], same[2], 1e-12)
    close(same[1], same[3], 1e-12)


def test_the_same_fit_again_and_again_is_that_fit(fits):
    found = pool([fits[0]] * 4)
    close(found.std_error, fits[0].std_error, 1e-12)
    assert (found.between == 0).all()
    assert (found.relative_increase == 0).all()
    ratio, stacked = (found.term_tests(kind).set_index("term") for kind in ("likelihood-ratio", "stacked"))
    small = cox(fits[0].tte, design(table("completed").query("`.imp` == 1").reset_index(drop=True), ["age", "male", "wtloss"]))
    close(ratio.loc["ecog3", "statistic"] * 2, 2 * (fits[0].log_likelihood - small.log_likelihood), 1e-9)
    close(stacked["statistic"], ratio["statistic"], 1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_units_and_order_do_not_matter(m, p, seed):
    rng = np.random.default_rng(seed)
    q, a = rng.normal(size=(m, p)), rng.normal(size=(m, p, p + 2))
    u = a @ a.transpose(0, 2, 1) / (p + 2)
    base = pool((q, u, 50))
    assert (base.df <= 50).all()
    assert (np.diag(base.total) >= np.diag(base.within)).all()
    assert ((base.fraction_missing >= 0) & (base.fraction_missing <= 1.2)).all()
    scale = rng.uniform(0.1, 10, p)
    other = pool(((q * scale)[::-1], (u * np.outer(scale, scale))[::-1], 50))
    np.testing.assert_allclose(other.df, base.df, rtol=1e-9)
    np.testing.assert_allclose(other.std_error, base.std_error * scale, rtol=1e-9)
    turn = rng.normal(size=(p, p)) + 3 * np.eye(p)
    first, second = wald_d1(q, u, 50), wald_d1(q @ turn.T, turn @ u @ turn.T, 50)
    np.testing.assert_allclose(second["statistic"], first["statistic"], rtol=1e-6)


def test_what_it_shows(fits):
    found = pool(fits)
    assert "pooled over 8 imputations by Rubin's rules" in found.method
    assert "HR" in repr(found)
    assert "% of information missing" in repr(found)
    assert found.glance()["imputations"].tolist() == [8]
    assert list(found.tidy().columns[:10]) == ["term", "level", "estimate", "std_error", "conf_low", "conf_high", "statistic", "df", "p_value", "n"]
    assert "Rubin" in found._repr_html_()


def test_what_is_refused(fits, completed):
    one = completed[0]
    other = cox(lung_times(one), design(one, ["age"]))
    with pytest.raises(EndpointError, match="two imputations or more, and this is one"):
        pool(fits[:1])
    with pytest.raises(EndpointError, match=r"one for each imputation.*for one in imputed"):
        pool([])
    with pytest.raises(EndpointError, match="one for each imputation"):
        pool(fits[0])
    with pytest.raises(EndpointError, match="pool takes one model, fitted to each imputation"):
        pool([fits[0], other])
    with pytest.raises(EndpointError, match="not the same analysis"):
        pool([fits[0], cox(lung_times(one), design(one, ["age", "male", "ecog3", "wtloss"], reference={"ecog3": "full"}), penalty="firth")])
    moved = [cox(lung_times(frame), design(frame, [spline("age", knots=3)])) for frame in (one, one.assign(age=one["age"] + 1))]
    with pytest.raises(EndpointError, match=r"knots of age differ between imputations.*knots="):
        pool(moved)
    with pytest.raises(EndpointError, match=r"estimates must be \(m, p\)"):
        pool(([1.0, 2.0], [1.0, 2.0]))
    with pytest.raises(EndpointError, match="Imputation 1 "):
        pool_estimates([1.0, np.nan], [0.1, 0.1])
    with pytest.raises(EndpointError, match="Imputation 0 "):
        pool_estimates([1.0, 2.0], [0.0, 0.1])
    with pytest.raises(EndpointError, match="one number for each imputation"):
        pool_estimates([1.0, 2.0], [0.1])
    with pytest.raises(EndpointError, match="must be numbers"):
        pool_estimates(["a", "b"], [0.1, 0.1])
    with pytest.raises(EndpointError, match="df_complete must be more than 0"):
        pool_estimates([1.0, 2.0], [0.1, 0.1], df_complete=0)
    with pytest.raises(EndpointError, match="conf_level"):
        pool_estimates([1.0, 2.0], [0.1, 0.1], conf_level=95)
    with pytest.raises(EndpointError, match="'wald', 'likelihood-ratio' or 'stacked'"):
        pool(fits).term_tests("D4")
    with pytest.raises(EndpointError, match="have a likelihood to compare"):
        pool(([[1.0], [2.0]], [[[1.0]], [[1.0]]])).term_tests("likelihood-ratio")
    robust = [cox(lung_times(frame), design(frame, ["age"]), robust=True) for frame in completed]
    assert pd.notna(pool(robust).tidy()["p_value"]).all()
    with pytest.raises(EndpointError, match="without robust standard errors"):
        pool(robust).term_tests("likelihood-ratio")
    firth = pool([cox(lung_times(frame), design(frame, ["age"]), penalty="firth") for frame in completed])
    assert "not those of the profile likelihood" in firth.warnings[0]
