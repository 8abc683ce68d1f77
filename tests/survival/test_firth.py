"""Firth's penalised Cox regression against R by brute force, coxphf and firthmodels, by hand, and in what must not matter."""

import json
import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize, minimize_scalar

from haip_outcomes.errors import EndpointError, FitError, SeparationError
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.covariates.splines import spline
from haip_outcomes.survival.hazards import firth_kernel
from haip_outcomes.survival.hazards.blocks import in_blocks
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.diagnostics import proportional_hazards
from haip_outcomes.survival.hazards.partial_likelihood import likelihood, sorted_times
from haip_outcomes.survival.time_to_event import TimeToEvent

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
MODELS = {model["name"]: model for model in json.loads((REFERENCE / "firth.json").read_text(encoding="utf-8"))["models"]}


@lru_cache
def table(name):
    return pd.read_csv(REFERENCE / "data" / f"{name}.csv")


@lru_cache
def fitted(name):
    """The model that R maximised under this name."""
    model = MODELS[name]
    frame = table(model["data"])
    states = ["Event"] if model["cause"] is None else ["Event", "Other"]
    tte = TimeToEvent.from_frame(frame, time=model["time"], state=model["status"], states=states, entry=model["entry"])
    made = design(frame, model["terms"], reference=dict(model["reference"] or {}), missing="complete-case")
    aligned = {name: frame[model[name]] for name in ("strata", "weights", "offset") if model[name]}
    cause = None if model["cause"] is None else "Event"
    return cox(tte, made, cause=cause, ties=model["ties"], conf_level=model["conf_level"], penalty="firth", robust=False, **aligned)


def assert_close(ours, theirs, tolerance=1e-8, own_error=0.0):
    """Two-sided, relative to max(|R|, 0.001); plus what R's own value may be wrong by."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert ours.shape == theirs.shape
    allowed = tolerance * np.maximum(np.abs(theirs), 1e-3) + own_error
    assert (np.abs(ours - theirs) <= allowed).all(), f"{np.abs(ours - theirs) / allowed} of what is allowed: {ours} and {theirs}"


# ------------------------------------------------------------------ R: coxph at fixed coefficients, maximised by brute force


@pytest.mark.parametrize("name", MODELS)
def test_r_estimates(name):
    fit, r = fitted(name), MODELS[name]
    glance = fit.glance().iloc[0]
    se = np.array(r["std_error"])
    assert (fit.n, fit.n_event) == (r["n"], r["n_event"])
    assert_close(fit.coefficients, r["coefficients"], own_error=2 * r["accuracy"] * se)
    assert_close(fit.std_error, se)
    assert_close(fit.covariance / np.outer(se, se), np.array(r["covariance"]).reshape(fit.covariance.shape) / np.outer(se, se))
    assert_close([glance["log_likelihood"], glance["log_likelihood_null"]], [r["log_likelihood"], r["log_likelihood_null"]])


@pytest.mark.parametrize("name", MODELS)
def test_r_limits_and_tests(name):
    fit, r = fitted(name), MODELS[name]
    tidy = fit.tidy()
    # R's accuracy is the last step of its own polishing in standard errors: 1e-10 or better but for the limits far out
    error = 2 * r["accuracy_limits"] * np.array(r["std_error"])
    assert r["accuracy_limits"] < 1e-8
    assert_close(tidy["conf_low"], r["low"], own_error=error)
    assert_close(tidy["conf_high"], r["high"], own_error=error)
    assert_close(tidy["statistic"], r["statistic"])
    assert_close(tidy["p_value"], r["p_value"])


# ------------------------------------------------------------------ other programs


def test_coxphf_printed_this():
    """coxphf::coxphf(Surv(time, status) ~ x + sex, maxit = 100) on survival's test1, as printed by a public help page.

    The page is that of biostatUtil::prettyCoxph (TalhoukLab). coxphf stops once its steps, which shrink by a constant, are below 1e-6.
    """
    tidy = fitted("test1_breslow").tidy()
    assert tidy["estimate"].tolist() == pytest.approx([1.60161779, 0.67787698, -0.09450898], abs=2e-6)
    assert tidy["std_error"].tolist() == pytest.approx([1.354154, 1.551143, 1.380503], abs=1e-6)
    assert np.exp(tidy["conf_low"]).tolist() == pytest.approx([0.56823954, 0.13404776, 0.07179951], rel=1e-5)
    assert np.exp(tidy["conf_high"]).tolist() == pytest.approx([71.53693, 39.18328, 11.88728], rel=1e-5)
    assert tidy["statistic"].tolist() == pytest.approx([2.122594512, 0.268749031, 0.006335744], abs=1e-7)
    assert tidy["p_value"].tolist() == pytest.approx([0.1451405, 0.6041722, 0.9365575], abs=1e-7)
    assert fitted("test1_breslow").tests()["statistic"][0] == pytest.approx(2.170314, abs=1e-6)


FIRTHMODELS = {
    "breast_breslow": {
        "coefficients": [1.2244388070189207, 0.9188881953925853, 2.4244141440426823, 0.3971180992371775],
        "std_error": [0.4916044309037354, 0.42257335533013435, 1.4735463512731612, 0.4418553990192401],
        "log_likelihood": -92.35241892989363,
        "low": [0.3095018901830501, 0.11373505589787102, 0.3823107773061144, -0.4670204306805585],
        "high": [2.248359519879831, 1.763507751647792, 7.280659961777189, 1.256124067952988],
        "p_value": [0.008225203504789905, 0.025282830499650254, 0.013589875707005122, 0.3645024396601737],
    },
    "arms_breslow": {
        "coefficients": [0.10997984795228183, -2.409373840551137, 0.03325623228087331, 0.18626988514737983, 0.0043762943796363755],
        "std_error": [0.34769861174148353, 1.4330595490695437, 0.025397423403133737, 0.36301343589100327, 0.011084722116413988],
        "log_likelihood": -116.10082433771413,
        "low": [-0.5869724678974397, -7.254582682884199, -0.0153225441478364, -0.5108176684712188, -0.018368026034070718],
        "high": [0.7613306656201261, -0.4310812835280621, 0.08648545472685343, 0.9152271872581776, 0.025136020217133015],
    },
    "monotone_three_breslow": {
        "coefficients": [2.617291091386077, 0.00856108710851947, -0.06472194028920629],
        "std_error": [1.3385869983262775, 0.08216035168205606, 0.9808041170564205], "log_likelihood": -0.34237971311950455,
        "low": [0.738646855739174, -0.22928255091417157, -2.2461804563545886],
        "high": [10.438937069439945, 0.2559207677562434, 1.8503341387965475],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", FIRTHMODELS)
def test_firthmodels_found_this(name):
    """FirthCoxPH of firthmodels 0.8.2 (PyPI), gtol 1e-8, xtol 1e-9, profile limits with tol 1e-9; Breslow's ties.

    Of the last two its fit stops 2e-8 standard errors short (R above says which is right), and its likelihood ratio test finds no p-values.
    """
    fit, theirs = fitted(name), FIRTHMODELS[name]
    tidy = fit.tidy()
    assert_close(fit.coefficients, theirs["coefficients"], own_error=1e-7 * fit.std_error)
    assert_close(fit.std_error, theirs["std_error"], 1e-7)
    assert fit.log_likelihood == pytest.approx(theirs["log_likelihood"], rel=1e-10)
    assert_close(tidy["conf_low"], theirs["low"])
    assert_close(tidy["conf_high"], theirs["high"])
    if "p_value" in theirs:
        assert_close(tidy["p_value"], theirs["p_value"], 1e-7)


# ------------------------------------------------------------------ by hand


def fit_of(frame, terms, conf_level=0.95, **options):
    more = {"entry": "start"} if "start" in frame else {}
    tte = TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"], **more)
    return cox(tte, design(frame, terms), penalty="firth", conf_level=conf_level, **options)


@pytest.mark.parametrize("n0", [1, 3])
def test_one_death_by_hand(n0):
    # One death, of the group of n1 = 2; n0 others at risk. With q = n1 r / (n0 + n1 r): L = q / n1 and I = q (1 - q), so
    # L* = q^(3/2) (1 - q)^(1/2) / n1 is largest at q = 3/4: r = 3 n0 / n1, SE = sqrt(16/3); L*(0) with q = n1 / (n0 + n1).
    frame = pd.DataFrame({"time": [2.0, 5.0] + [7.0] * n0, "death": [1, 0] + [0] * n0, "x": [1, 1] + [0] * n0})

    def star(q):
        return 1.5 * math.log(q) + 0.5 * math.log1p(-q) - math.log(2)

    for ties in ("efron", "breslow"):
        fit = fit_of(frame, ["x"], ties=ties)
        assert fit.coefficients[0] == pytest.approx(math.log(3 * n0 / 2), rel=1e-12)
        assert fit.std_error[0] == pytest.approx(math.sqrt(16 / 3), rel=1e-12)
        assert fit.log_likelihood == pytest.approx(star(0.75), rel=1e-13)
        assert fit.log_likelihood_null == pytest.approx(star(2 / (n0 + 2)), rel=1e-13)
        row = fit.tidy().iloc[0]
        assert row["statistic"] == pytest.approx(2 * (star(0.75) - star(2 / (n0 + 2))), rel=1e-10)
        for side, name in ((-1, "conf_low"), (1, "conf_high")):
            b = row[name]
            edge = math.log(3 * n0 / 2) + side
            q = 1 / (1 + n0 / 2 * math.exp(-brentq(lambda b: 2 * (star(0.75) - star(1 / (1 + n0 / 2 * math.exp(-b)))) - 3.841458820694124,
                                                   edge, edge + side * 30, xtol=1e-13)))  # fmt: skip
            assert 1 / (1 + n0 / 2 * math.exp(-b)) == pytest.approx(q, rel=1e-9)
    # coxphf printed for a trial with one death among 116 patients, 58 and 58 at risk: coef 1.098612 se 2.309401, HR 3 (0.1600409,
    # 437.7607), Chisq 0.5232481, p 0.4694594
    if n0 == 1:
        equal = fit_of(pd.DataFrame({"time": [1.0] + [2.0] * 115, "death": [1] + [0] * 115, "x": [1] * 58 + [0] * 58}), ["x"])
        told = equal.tidy(exponentiate=True).iloc[0]
        assert [told["estimate"], told["std_error"]] == pytest.approx([3, 2.309401], abs=1e-6)
        assert [told["conf_low"], told["conf_high"]] == pytest.approx([0.1600409, 437.7607], rel=1e-5)
        assert [told["statistic"], told["p_value"]] == pytest.approx([0.5232481, 0.4694594], abs=1e-7)


def test_deaths_of_one_group_only_by_hand():
    # k strata of one treated and one untreated patient, only the treated die: k (1 - q) + (1 - 2 q) / 2 = 0, so q = (2k + 1) / (2k + 2)
    # and the hazard ratio is 2k + 1, where the likelihood alone has none
    for k in (1, 2, 5):
        frame = pd.DataFrame({"time": [1.0, 2.0] * k, "death": [1, 0] * k, "x": [1, 0] * k, "pair": np.repeat(range(k), 2)})
        fit = fit_of(frame, ["x"], strata=frame["pair"])
        assert fit.tidy(exponentiate=True)["estimate"][0] == pytest.approx(2 * k + 1, rel=1e-12)
        q = (2 * k + 1) / (2 * k + 2)
        assert fit.std_error[0] == pytest.approx(1 / math.sqrt(k * q * (1 - q)), rel=1e-12)
        assert fit.log_likelihood == pytest.approx(k * math.log(q) + math.log(k * q * (1 - q)) / 2, rel=1e-12)


def test_efron_ties_by_hand():
    # Two treated die together, one untreated does not: with r the hazard ratio the shares are 2r/(1 + 2r) and, half of each death gone,
    # r/(1 + r). (1 - p) + (1 - q) + [p (1-p) (1-2p) + q (1-q) (1-2q)] / (2 [p (1-p) + q (1-q)]) = 0. With 1 - 2p = (1 - 2r)/(1 + 2r) and
    # 1 - 2q = (1 - r)/(1 + r), times the denominators: a polynomial in r with one positive root.
    frame = pd.DataFrame({"time": [1.0, 1.0, 4.0], "death": [1, 1, 0], "x": [1, 1, 0]})
    one, two = np.polynomial.Polynomial([1, 2]), np.polynomial.Polynomial([1, 1])  # 1 + 2r, 1 + r
    r = np.polynomial.Polynomial([0, 1])
    spread = 2 * r * two**2 + r * one**2  # p (1-p) + q (1-q), times (1+2r)^2 (1+r)^2
    third = 2 * r * (1 - 2 * r) * two**3 + r * (1 - r) * one**3  # the third moments, times (1+2r)^3 (1+r)^3
    equation = 2 * (two + one) * spread + third
    roots = [float(root.real) for root in equation.roots() if abs(root.imag) < 1e-9 and root.real > 1e-9]
    assert len(roots) == 1
    assert fit_of(frame, ["x"]).tidy(exponentiate=True)["estimate"][0] == pytest.approx(roots[0], rel=1e-11)
    # Breslow has two equal shares: 2 (1 - p) + (1 - 2p) / 2 = 0, p = 5/6, r = 5/2
    assert fit_of(frame, ["x"], ties="breslow").tidy(exponentiate=True)["estimate"][0] == pytest.approx(2.5, rel=1e-12)


# ------------------------------------------------------------------ brute force


@st.composite
def cohorts(draw, delayed=True):
    n = draw(st.integers(8, 24))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    start = rng.integers(0, 4, n).astype(float) if delayed and draw(st.booleans()) else np.zeros(n)
    frame = pd.DataFrame({
        "start": start, "time": start + rng.integers(1, 7, n), "death": (rng.random(n) < rng.choice([0.4, 0.8])).astype(int),
        "x": rng.normal(size=n).round(2), "z": rng.integers(0, 2, n).astype(float), "stratum": rng.integers(0, 2, n),
        "weight": rng.integers(1, 4, n).astype(float),
    })  # fmt: skip
    if draw(st.booleans()):
        frame.loc[frame["z"] == 1, "death"] = 0  # separation
    elif draw(st.booleans()):
        frame["x"] = -frame["time"]  # monotone likelihood
    frame.loc[0, ["death", "z"]] = [1, 0]
    frame.loc[1, "z"] = 1
    return frame


def tried(frame, **options):
    try:
        return fit_of(frame, ["x", "z"], **options)
    except FitError as error:
        assume("same" not in str(error))  # collinear, or constant among those at risk
        raise


THOROUGH = {"xatol": 1e-7, "fatol": 1e-11, "maxiter": 5000}


class Brute:
    """log L* written out: every term with its risk set, its mean and its covariance around that mean.

    Not by the array formulas of partial_likelihood.py: as differences of sums they have 3 digits left where some limits lie.
    """

    def __init__(self, frame, ties, strata=None, weights=None):
        self.x = frame[["x", "z"]].to_numpy(float)
        start, time, event = (frame[name].to_numpy(float) for name in ("start", "time", "death"))
        strata = np.zeros(len(frame)) if strata is None else strata
        weights = np.ones(len(frame)) if weights is None else weights
        parts, self.case = [], np.where(event == 1, weights, 0.0)
        counts = []
        for stratum in np.unique(strata):
            for t in np.unique(time[(strata == stratum) & (event == 1)]):
                here = (strata == stratum) & (start < t) & (t <= time)
                dead = here & (event == 1) & (time == t)
                for k in range(dead.sum()):
                    parts.append(weights * here * np.where(dead & (ties == "efron"), 1 - k / dead.sum(), 1.0))
                    counts.append(weights[dead].mean())
        self.part, self.count = np.array(parts), np.array(counts)

    def __call__(self, b):
        eta = self.x @ np.asarray(b, dtype=float)
        top = np.where(self.part > 0, eta, -np.inf).max(axis=1)
        risk = self.part * np.exp(np.minimum(eta - top[:, None], 0.0))
        total = risk.sum(axis=1)
        around = self.x - (risk @ self.x / total[:, None])[:, None, :]
        information = np.einsum("l,li,lij,lik->jk", self.count / total, risk, around, around)
        sign, log_det = np.linalg.slogdet(information)
        return self.case @ eta - self.count @ (top + np.log(total)) + log_det / 2 if sign > 0 else -1e300

    def profile(self, j, value, near):
        """The largest value with b_j held, from the neighbourhood of another place."""
        around = (near[1 - j] - 0.1, near[1 - j] + 0.1)
        found = minimize_scalar(lambda other: -self(np.insert([other], j, value)), bracket=around, tol=1e-12)
        return -found.fun, np.insert([found.x], j, value)

    def ridges(self, j, value, fit):
        """How many maxima the other coefficient has. With a handful of events there may be two: then cox() follows its own."""
        others = fit.coefficients[1 - j] + np.linspace(-15, 15, 601) * fit.std_error[1 - j]
        height = np.array([self(np.insert([other], j, value)) for other in others])
        return int(np.sum((height[1:-1] > height[:-2]) & (height[1:-1] > height[2:]) & (height[1:-1] > fit.log_likelihood - 6)))


@settings(deadline=None, max_examples=40)
@given(cohorts(), st.sampled_from(["efron", "breslow"]), st.booleans(), st.booleans())
def test_estimate_is_the_highest_place(frame, ties, stratified, weighted):
    options = {"strata": frame["stratum"]} if stratified else {}
    options |= {"weights": frame["weight"]} if weighted else {}
    fit = tried(frame, ties=ties, **options)
    star = Brute(frame, ties, frame["stratum"].to_numpy() if stratified else None, frame["weight"].to_numpy() if weighted else None)
    assert star(fit.coefficients) == pytest.approx(fit.log_likelihood, rel=1e-10, abs=1e-9)
    assert star([0, 0]) == pytest.approx(fit.log_likelihood_null, rel=1e-10, abs=1e-10)
    se = fit.std_error
    starts = [fit.coefficients + 0.3 * se, fit.coefficients - 0.3 * se]
    if len(frame) >= 12 and (frame["x"] != -frame["time"]).any():  # with fewer, or time itself, there may be a second maximum
        starts += [np.zeros(2), fit.coefficients + se, fit.coefficients - 2 * se, fit.coefficients * [1, -1]]
    for start in starts:
        found = minimize(lambda b: -star(b * se), start / se, method="Nelder-Mead", options=THOROUGH)
        assert -found.fun <= fit.log_likelihood + 1e-6


@settings(deadline=None, max_examples=25)
@given(cohorts(), st.sampled_from(["efron", "breslow"]), st.sampled_from([0.8, 0.95]))
def test_limits_are_where_the_profile_crosses(frame, ties, conf_level):
    fit = tried(frame, ties=ties, conf_level=conf_level)
    star = Brute(frame, ties)
    drop = {0.8: 1.6423744151498177, 0.95: 3.841458820694124}[conf_level]
    tidy = fit.tidy()
    for j in range(2):
        for value in (0.0, tidy["conf_low"][j], tidy["conf_high"][j]):
            assume(star.ridges(j, value, fit) == 1)
        ratio = 2 * (fit.log_likelihood - star.profile(j, 0.0, fit.coefficients)[0])
        assert tidy["statistic"][j] == pytest.approx(ratio, abs=1e-6)
        for name in ("conf_low", "conf_high"):
            near = fit.coefficients
            for share in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.999, 1.0):  # on the way it has not fallen so far
                value, near = star.profile(j, fit.coefficients[j] + share * (tidy[name][j] - fit.coefficients[j]), near)
                fallen = 2 * (fit.log_likelihood - value)
                assert fallen < drop if share < 1 else fallen == pytest.approx(drop, abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(cohorts(), st.sampled_from([True, False]), st.integers(0, 10**6))
def test_kernel_is_the_formula(frame, efron, seed):
    rng = np.random.default_rng(seed)
    tte = TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"], entry="start")
    strata, weights = frame["stratum"].to_numpy(np.int64), frame["weight"].to_numpy() / 2
    rows = in_blocks(tte, frame[["x", "z"]].to_numpy(), strata=strata, weights=weights)
    sets = sorted_times(tte.start, tte.time, tte.state > 0, strata=strata, weights=weights, ties="efron" if efron else "breslow")
    x = (frame[["x", "z"]].to_numpy() - rows.mean) / np.where(rows.scale > 0, rows.scale, 1)
    b, root = rng.normal(size=2), rng.normal(size=(2, 2))
    inverse = root @ root.T
    score, information, slope = np.empty(2), np.empty((2, 2)), np.empty(2)
    value = firth_kernel.moments_pass(rows.x, rows.x @ b, rows.weights, np.log(rows.weights), rows.begin, rows.n_event, rows.opens,
                                      rows.leaving, rows.gone, efron, True, inverse, score, information, slope)  # fmt: skip
    at = likelihood(sets, x, b)
    assert value == pytest.approx(at.value, rel=1e-11, abs=1e-11)
    assert score == pytest.approx(at.score, abs=1e-9)
    assert information == pytest.approx(at.information, abs=1e-9)
    h = 1e-4 * np.eye(2)
    by_difference = [np.sum(inverse * (likelihood(sets, x, b + e).information - likelihood(sets, x, b - e).information)) / 2e-4 for e in h]
    assert slope == pytest.approx(np.array(by_difference), rel=1e-5, abs=1e-5)


def test_far_out_nothing_is_lost():
    # one death among one treated and one untreated: log L = log q and I = q (1 - q), with 1 - q = 1 / (1 + e^b) far below rounding of 1
    frame = pd.DataFrame({"time": [1.0, 2.0], "death": [1, 0], "x": [1.0, 0.0]})
    rows = in_blocks(TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"]), frame[["x"]].to_numpy())
    for b in (5.0, 40.0, 300.0):
        score, information, slope = np.empty(1), np.empty((1, 1)), np.empty(1)
        value = firth_kernel.moments_pass(rows.x, rows.x[:, 0] * rows.scale[0] * b, rows.weights, np.log(rows.weights), rows.begin,
                                          rows.n_event, rows.opens, rows.leaving, rows.gone, True, True, np.ones((1, 1)), score,
                                          information, slope)  # fmt: skip
        rest = 1 / (1 + math.exp(b))
        assert value == pytest.approx(math.log1p(-rest), abs=1e-15)
        assert information[0, 0] * rows.scale[0] ** 2 == pytest.approx(rest * (1 - rest), rel=1e-13)
        assert slope[0] * rows.scale[0] ** 3 == pytest.approx(rest * (1 - rest) * (2 * rest - 1), rel=1e-13)
        assert score[0] * rows.scale[0] == pytest.approx(rest, rel=1e-10)


# ------------------------------------------------------------------ what must not matter


def numbers(fit):
    return fit.tidy()[["estimate", "std_error", "conf_low", "conf_high", "statistic"]].to_numpy()


def same(one, other):
    assert np.abs(one - other).max() <= 1e-7 * max(1.0, np.abs(other).max())


@settings(deadline=None, max_examples=20)
@given(cohorts(), st.sampled_from(["efron", "breslow"]))
def test_row_order_and_time_scale_do_not_matter(frame, ties):
    whole = tried(frame, ties=ties)
    stretched = frame.assign(start=np.expm1(frame["start"] / 3), time=np.expm1(frame["time"] / 3)).sample(frac=1, random_state=3)
    same(numbers(fit_of(stretched, ["x", "z"], ties=ties)), numbers(whole))


@settings(deadline=None, max_examples=20)
@given(cohorts())
def test_splitting_patients_and_copying_them(frame):
    whole = tried(frame, ties="efron")
    long = frame[(frame["time"] > 3) & (frame["start"] < 3)]
    split = pd.concat([frame.drop(long.index), long.assign(time=3.0, death=0), long.assign(start=3.0)], ignore_index=True)
    same(numbers(fit_of(split, ["x", "z"])), numbers(whole))
    copies = frame.loc[np.repeat(frame.index, frame["weight"].astype(int))].reset_index(drop=True)
    same(numbers(fit_of(frame, ["x", "z"], ties="breslow", weights=frame["weight"])), numbers(fit_of(copies, ["x", "z"], ties="breslow")))


def test_units_and_reference_levels_do_not_matter():
    frame = table("firth_arms").rename(columns={"quarters": "time", "dead": "death"})
    fit = fit_of(frame, ["arm", "age"])
    wild = fit_of(frame.assign(age=frame["age"] * 1e6 + 1e9), ["arm", "age"])
    assert wild.tidy()["statistic"].tolist() == pytest.approx(fit.tidy()["statistic"].tolist(), rel=1e-5)
    assert wild.coefficients * [1, 1, 1e6] == pytest.approx(fit.coefficients, rel=1e-6)
    assert wild.log_likelihood - wild.log_likelihood_null == pytest.approx(fit.log_likelihood - fit.log_likelihood_null, rel=1e-9)
    assert wild.log_likelihood - fit.log_likelihood == pytest.approx(math.log(1e6), rel=1e-7)  # why there is no aic
    tte = TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"])
    other = cox(tte, design(frame, ["arm", "age"], reference={"arm": "c"}), penalty="firth").tidy().set_index("level")
    mine = fit.tidy().set_index("level")
    assert other.loc["a", "estimate"] == pytest.approx(-mine.loc["c", "estimate"], rel=1e-9)
    assert other.loc["a", "conf_low"] == pytest.approx(-mine.loc["c", "conf_high"], rel=1e-9)
    assert other.loc["a", "p_value"] == pytest.approx(mine.loc["c", "p_value"], rel=1e-9)


def test_with_many_events_the_penalty_hardly_matters():
    frame = table("cox_lung")
    tte = TimeToEvent.from_frame(frame, time="days", state="dead", states=["Death"])
    made = design(frame, ["age", "sex"])
    plain, firth = cox(tte, made), cox(tte, made, penalty="firth")
    assert (np.abs(firth.coefficients - plain.coefficients) < 0.05 * plain.std_error).all()
    assert firth.tidy()["conf_low"].to_numpy() == pytest.approx(plain.tidy()["conf_low"].to_numpy(), abs=0.01)


def test_a_spline_is_as_accurate_as_straight_lines():
    frame = table("cox_ovarian")
    tte = TimeToEvent.from_frame(frame, time="futime", state="fustat", states=["Death"])
    bent = cox(tte, design(frame, [spline("age", knots=4)]), penalty="firth")
    shifted = cox(tte, design(frame.assign(age=frame["age"] / 12), [spline("age", knots=4)]), penalty="firth")
    assert bent.tidy()["statistic"].tolist() == pytest.approx(shifted.tidy()["statistic"].tolist(), rel=1e-8)
    score = likelihood(bent.pieces.sets, bent.pieces.x, bent.coefficients).score
    assert np.isfinite(score).all()


def test_a_higher_maximum_met_on_a_profile_is_the_estimate():
    # fifteen patients, one of them extreme: from 0 the climb ends on the lower of two maxima
    frame = pd.DataFrame({
        "time": [4, 1, 1, 4, 5, 4, 6, 2, 2, 2, 2, 5, 2, 1, 5], "death": [1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 0, 0, 0, 1, 1],
        "x": [0.58, 0, 15.32, 0.35, 21.4, 0, 42.3, 45.86, 0.03, 8.84, 30.02, 0.13, 0.93, 357.19, 974.96],
        "y": [0.3, 0.03, 0, 0, 1.13, 350.25, 25.87, 7.61, 0.04, 30.23, 0.27, 52.41, 18.41, 0.21, 198.29],
        "z": [0, 0, 0, 1, 0, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0],
    })  # fmt: skip
    fit = fit_of(frame, ["x", "y", "z"])
    tte = TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"])
    sets = sorted_times(tte.start, tte.time, tte.state > 0)
    at = likelihood(sets, fit.pieces.x, fit.coefficients)
    star = at.value + np.linalg.slogdet(at.information)[1] / 2
    assert star == pytest.approx(fit.log_likelihood, abs=1e-8)
    scale = fit.pieces.x.std(axis=0)
    reached = []
    for seed in range(8):
        start = np.random.default_rng(seed).normal(size=3)
        found = minimize(lambda b: -_star(sets, fit.pieces.x, b / scale), start, method="Nelder-Mead", options=THOROUGH)
        reached.append(-found.fun)
    assert max(reached) == pytest.approx(fit.log_likelihood, abs=1e-6)
    assert min(reached) == pytest.approx(fit.log_likelihood - 0.32163, abs=1e-4)  # the other maximum


def _star(sets, x, b):
    at = likelihood(sets, x, b)
    sign, log_det = np.linalg.slogdet(at.information)
    return at.value + log_det / 2 if sign > 0 else -1e300


# ------------------------------------------------------------------ what the fit says, and what it refuses


def test_method_and_tables():
    fit = fitted("demo")
    assert fit.method == ("Cox with Firth's penalty, Efron ties, limits and p by profile penalised likelihood; 25 patients; "
                          "10 events (Event)")  # fmt: skip
    columns = "term level estimate std_error conf_low conf_high statistic p_value n n_event"
    assert list(fit.tidy().columns) == columns.split()
    assert "10 events for 4 coefficients" in fit.warnings[0]
    assert not fit.robust
    assert math.isnan(fit.glance()["aic"][0])
    tests = fit.tests().set_index("test")
    assert tests.index.tolist() == ["likelihood ratio", "Wald", "score"]
    assert tests.loc["likelihood ratio", "statistic"] == pytest.approx(2 * (fit.log_likelihood - fit.log_likelihood_null))
    assert tests.loc["Wald", "statistic"] == pytest.approx(fit.coefficients @ np.linalg.solve(fit.covariance, fit.coefficients))
    assert math.isfinite(fit.concordance)
    assert "limits and p by profile" in fit._repr_html_()
    assert fit.residuals("martingale").sum() == pytest.approx(0, abs=1e-9)
    with pytest.raises(EndpointError, match="fit without penalty"):
        proportional_hazards(fit)
    # the score test needs no maximum: for one 0/1 covariate it is the log-rank test, penalty or not
    frame = table("cox_lung")
    tte = TimeToEvent.from_frame(frame, time="days", state="dead", states=["Death"])
    made = design(frame, ["sex"])
    assert cox(tte, made, penalty="firth").tests()["statistic"][2] == pytest.approx(cox(tte, made).tests()["statistic"][2], rel=1e-9)


def test_infinite_limits_are_printed():
    fit = fitted("breast")
    high = fit.profile.high.copy()
    high[2] = np.inf
    told = replace(fit, profile=replace(fit.profile, high=high))
    assert "grade: HR 11.30 (1.47, ∞), p 0.014" in repr(told)
    assert told.tidy(exponentiate=True)["conf_high"][2] == np.inf


def test_separation_is_no_reason_to_refuse():
    frame = table("firth_breast").rename(columns={"months": "time", "dead": "death"})
    tte = TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"])
    made = design(frame, ["tumour", "nodes", "grade", "cathepsin"])
    with pytest.raises(SeparationError, match='penalty="firth"'):
        cox(tte, made)
    assert np.isfinite(numbers(cox(tte, made, penalty="firth"))).all()
    all_of_one = frame.head(12).assign(treated=[1, 0] * 6)  # everybody treated died, nobody else
    all_of_one["death"] = all_of_one["treated"]
    assert np.isfinite(numbers(fit_of(all_of_one, ["treated"]))).all()
    marker = frame.assign(marker=-frame["time"])  # follow-up itself
    assert np.isfinite(numbers(fit_of(marker, ["marker", "tumour"]))).all()


def test_more_coefficients_than_events_are_allowed_with_a_warning():
    fit = fitted("ten")
    assert (fit.n_event, len(fit.coefficients)) == (3, 4)
    assert "3 events for 4 coefficients (0.8 each)" in fit.warnings[0]


def test_what_is_refused():
    frame = table("firth_arms").rename(columns={"quarters": "time", "dead": "death"})
    for options, words in [
        ({"cluster": frame["sex"]}, "leave cluster and robust out"), ({"robust": True}, "leave cluster and robust out"),
        ({"cluster": frame["sex"], "robust": False}, "leave cluster and robust out"),
        ({"weights": frame["share"]}, "some weights are not whole numbers"),
    ]:  # fmt: skip
        with pytest.raises(EndpointError, match=words):
            fit_of(frame, ["arm", "age"], **options)
    cgd = table("cox_cgd")
    again = TimeToEvent.from_frame(cgd, time="tstop", state="status", states=["Infection"], entry="tstart", id="id")
    with pytest.raises(EndpointError, match="patients have several events"):
        cox(again, design(cgd, ["treat"]), penalty="firth")
    assert cox(again, design(cgd, ["treat"]), penalty="firth", robust=False).n_event == 76
    tte = TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"])
    with pytest.raises(EndpointError, match='penalty must be "firth"'):
        cox(tte, design(frame, ["age"]), penalty="ridge")
    nobody = TimeToEvent.from_frame(frame.assign(death=0), time="time", state="death", states=["Death"])
    with pytest.raises(FitError, match="Nobody had the event"):
        cox(nobody, design(frame, ["age"]), penalty="firth")
    with pytest.raises(FitError, match="is the same for all who were at risk together"):
        cox(tte, design(frame, ["sex", "age"]), strata=frame["sex"], penalty="firth")
    early = pd.DataFrame({"time": 0.5, "death": 0, "age": [50.0, 60.0], "double": [3.0, 5.0]})  # gone before anybody died
    with pytest.raises(FitError, match="same information"):
        fit_of(pd.concat([frame.assign(double=2 * frame["age"])[list(early.columns)], early], ignore_index=True), ["age", "double"])
