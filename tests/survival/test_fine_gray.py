"""Fine and Gray's regression against R (crr, and finegray with coxph), by hand, by brute force, and in what must not matter."""

import json
import math
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from cox_reference import assert_close
from fine_gray_reference import MODELS, REFERENCE, fitted, table
from hypothesis import given, settings
from hypothesis import strategies as st

from haip_outcomes.errors import EndpointError, FitError, HaipError, SeparationError
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.diagnostics import proportional_hazards
from haip_outcomes.survival.subdistribution.regression import fine_gray
from haip_outcomes.survival.time_to_event import TimeToEvent

CRR = [name for name, model in MODELS.items() if model["se"] == "crr"]
FINEGRAY = [name for name, model in MODELS.items() if model["se"] == "finegray"]

# ------------------------------------------------------------------ R: cmprsk 2.2-11, survival 3.5-3, run to convergence


@pytest.mark.parametrize("name", MODELS)
def test_r_estimates(name):
    fit, r = fitted(name), MODELS[name]
    assert (fit.n, fit.n_event) == (r["n"], r["n_event"])
    assert_close(fit.coefficients, r["coefficients"])
    assert_close(np.sqrt(np.diag(fit.model_covariance)), r["naive_std_error"])
    assert_close(fit.std_error, r["std_error"], 1e-6)
    assert_close([fit.log_likelihood_null, fit.log_likelihood], r["log_likelihood"])
    scale = np.outer(r["std_error"], r["std_error"])
    assert_close(fit.covariance / scale, np.array(r["covariance"]).reshape(scale.shape) / scale, 1e-6)
    scale = np.outer(r["naive_std_error"], r["naive_std_error"])
    assert_close(fit.model_covariance / scale, np.array(r["model_covariance"]).reshape(scale.shape) / scale)
    tests = fit.tests().set_index("test")["statistic"]
    assert_close(tests["likelihood ratio"], r["likelihood_ratio"])
    assert_close(tests["score"], r["score"])
    assert_close(tests["Wald"], r["wald"], 1e-6)
    assert ("robust score" in tests) == (r["se"] == "finegray")
    if r["se"] == "finegray":
        assert_close(tests["robust score"], r["robust_score"], 1e-6)
        assert_close(fit.glance()["concordance"], [r["concordance"]])


@pytest.mark.parametrize("name", [name for name in CRR if MODELS[name]["residuals"]])
def test_crr_residuals_and_baseline(name):
    fit, r = fitted(name), MODELS[name]
    p = len(fit.coefficients)
    found = fit.residuals("schoenfeld")
    assert found["time"].tolist() == r["times"]
    assert_close(found.iloc[:, 1:], np.array(r["schoenfeld"]).reshape(-1, p))
    jumps = np.diff(fit.baseline_hazard()["estimate"], prepend=0.0)
    assert_close(jumps, r["jumps"])
    moved = fit.residuals("dfbeta").to_numpy()
    assert_close(moved.T @ moved / fit.covariance, np.ones((p, p)), 1e-6)


@pytest.mark.parametrize("name", [name for name in FINEGRAY if MODELS[name]["residuals"]])
def test_finegray_residuals(name):
    fit, r = fitted(name), MODELS[name]
    p, rows = len(fit.coefficients), r["rows_kept"]
    assert_close(fit.residuals("martingale").iloc[rows], r["martingale"])
    assert_close(fit.residuals("score").iloc[rows], np.array(r["score_residuals"]).reshape(-1, p))
    if "deviance" in r:
        assert_close(fit.residuals("deviance").iloc[rows], r["deviance"])
    if "dfbeta" in r:
        assert_close(fit.residuals("dfbeta").iloc[rows], np.array(r["dfbeta"]).reshape(-1, p))
    found = fit.residuals("schoenfeld")
    assert_close(found["time"], r["schoenfeld_time"])
    assert_close(found.iloc[:, 1:], np.array(r["schoenfeld"]).reshape(-1, p))


def hazards(fit, r, times):
    """1 - exp(-H) and the standard error of H, for the patterns that R predicted for."""
    chosen = np.array(r["patterns"]).reshape(3, -1)
    strata = np.array([fit.pieces.stratum_names.index(str(s)) for s in r.get("curve_strata", [])] or [0, 0, 0])
    hazard, error = fit.pieces.cumulative_hazard(chosen, np.asarray(times), strata, np.zeros(3), fit.covariance)
    return 1 - np.exp(-hazard), error


@pytest.mark.parametrize("name", CRR)
def test_crr_predicted_incidence(name):
    fit, r = fitted(name), MODELS[name]
    risk, error = hazards(fit, r, r["curve_times"])
    assert_close(risk, np.array(r["curves"]).reshape(risk.shape))
    assert np.isnan(error).all()


@pytest.mark.parametrize("name", [name for name in FINEGRAY if "curves" in MODELS[name]])
def test_finegray_predicted_incidence(name):
    fit, r = fitted(name), MODELS[name]
    for k, curve in enumerate(r["curves"]):
        risk, error = hazards(fit, r, np.atleast_1d(curve["time"]))
        assert_close(risk[k], np.atleast_1d(curve["estimate"]))
        assert_close(error[k], np.atleast_1d(curve["std_error"]), 1e-6)
    if all(coder is None for _, coder in fit.columns):  # numbers only: their means as a new patient
        frame = pd.DataFrame(np.array(r["patterns"]).reshape(3, -1)[:1], columns=fit.design.names)
        strata = [r["curve_strata"][0]] if "curve_strata" in r else None
        found, grid = fit.predict_risk(frame, r["grid"]["time"], strata=strata), r["grid"]
        assert_close(found["estimate"], grid["estimate"])
        assert_close(found["std_error"], grid["std_error"], 1e-6)
        for ours, theirs in (("conf_low", "conf_low"), ("conf_high", "conf_high")):
            known = np.array(grid[theirs], dtype=float)
            assert np.isnan(found[ours]).tolist() == np.isnan(known).tolist()
            assert_close(found[ours][~np.isnan(known)], known[~np.isnan(known)], 1e-6)


@pytest.mark.parametrize("name", FINEGRAY)
def test_finegray_proportional_hazards(name):
    for transform, r in MODELS[name]["zph"].items():
        found = proportional_hazards(fitted(name), transform=transform).tidy()
        assert_close(found["statistic"], r["statistic"], 1e-6)


def test_tcia(workbook):
    import haip_outcomes as haip

    cohort = haip.read_cohort(workbook, "cohorts/tcia_crlm/plan.toml")
    terms = ["age", "sex", "extrahep_disease", "clinrisk_score", "chemo_before_liver_resection"]
    made = design(cohort.frame, terms, missing="complete-case", reference={"sex": "Male"})
    for name, r in json.loads((REFERENCE / "tcia_fine_gray.json").read_text(encoding="utf-8")).items():
        endpoint, se = name.split()
        fit = fine_gray(cohort.endpoint(endpoint), made, cause="Liver", se=se)
        sign = np.where([level == "Male" for _, level in fit.columns], -1, 1)
        assert_close(fit.coefficients * sign, r["estimate"])
        assert_close(fit.std_error, r["std_error"], 1e-6)
        assert_close([fit.log_likelihood_null, fit.log_likelihood], r["log_likelihood"])
        assert "168 of 197 patients, 29 without clinrisk_score" in fit.method


# ------------------------------------------------------------------ by hand

SIX = pd.DataFrame({"time": [5, 1, 3, 2, 6, 4], "exit": [0, 1, 0, 2, 0, 1], "x": [1, 1, 0, 1, 0, 0]})


def times_of(frame, states=("Liver", "Death"), **more):
    return TimeToEvent.from_frame(frame, time="time", state="exit", states=states, **more)


@pytest.mark.parametrize("se", ["crr", "finegray"])
def test_six_patients_by_hand(se):
    """Liver events at 1 (x = 1) and 4 (x = 0), a death at 2 (x = 1), censorings at 3, 5 and 6 (x = 0, 1, 0).

    Who died at 2 stays at risk at 4 with weight P(4)/P(2) = 3/4: one of four followed at 3 is censored. With r = exp(b) the risk
    sets weigh 3 + 3r and 2 + 7r/4, and 1/(1 + r) = 7r/(8 + 7r), so r^2 = 8/7.
    """
    fit = fine_gray(times_of(SIX), design(SIX, ["x"]), cause="Liver", se=se)
    r = math.sqrt(8 / 7)
    first, second = r / (1 + r), 7 * r / (8 + 7 * r)  # the means of x: first + second = 1
    assert fit.coefficients[0] == pytest.approx(math.log(8 / 7) / 2, rel=1e-13)
    assert fit.log_likelihood == pytest.approx(math.log(r) - math.log(3 + 3 * r) - math.log(2 + 7 * r / 4), rel=1e-14)
    assert fit.log_likelihood_null == pytest.approx(-math.log(6) - math.log(15 / 4), rel=1e-14)
    information = first * (1 - first) + second * (1 - second)
    assert fit.model_covariance[0, 0] == pytest.approx(1 / information, rel=1e-12)
    # the jumps of the baseline, and what each patient adds to the score
    h1, h4 = 1 / (3 + 3 * r), 1 / (2 + 7 * r / 4)
    assert fit.baseline_hazard()["estimate"].tolist() == pytest.approx([h1, h1 + h4], rel=1e-13)
    eta = {
        1: (1 - first) - r * (1 - first) * h1,
        2: -r * ((1 - first) * h1 + (1 - second) * h4 * 3 / 4),
        3: first * h1,
        4: (0 - second) + first * h1 + second * h4,
        5: -r * ((1 - first) * h1 + (1 - second) * h4),
        6: first * h1 + second * h4,
    }
    # crr: at the censoring at 3, of four followed, C0 = C1 = r, A = 3/4 h4, B = second A
    q = r * (1 - second) * 3 / 4 * h4 if se == "crr" else 0.0
    psi = {1: 0, 2: 0, 3: q / 4 - q / 16, 4: -q / 16, 5: -q / 16, 6: -q / 16}
    score = [eta[t] + psi[t] for t in SIX["time"]]
    assert fit.residuals("score")["x"].tolist() == pytest.approx(score, rel=1e-12)
    assert sum(eta.values()) == pytest.approx(0, abs=1e-14)
    assert fit.std_error[0] == pytest.approx(math.sqrt(sum(s**2 for s in score)) / information, rel=1e-12)
    at_five = fit.predict_risk(pd.DataFrame({"x": [1]}), [0.5, 5])["estimate"]
    assert at_five.tolist() == pytest.approx([0, 1 - math.exp(-(h1 + h4) * r)], rel=1e-13)


def test_who_is_at_risk_of_censoring_at_an_event_time():
    """A Liver event and a censoring both at 3, of four followed: crr's P falls to 3/4, finegray's to 2/3 (the event is out)."""
    frame = pd.DataFrame({"time": [1, 2, 3, 3, 4, 5], "exit": [1, 2, 1, 0, 1, 0], "x": [0, 1, 1, 0, 1, 0]})
    for se, p in (("crr", 3 / 4), ("finegray", 2 / 3)):
        fit = fine_gray(times_of(frame), design(frame, ["x"]), cause="Liver", se=se)
        r = math.exp(fit.coefficients[0])  # risk sets: at 1 three of each, at 3 the death whole, at 4 with weight p
        score = 2 - 3 * r / (3 + 3 * r) - 3 * r / (2 + 3 * r) - (r + p * r) / (1 + r + p * r)
        # at 3: x = 1 of the death (stays), the event and the one followed to 4; x = 0 of the two others
        assert score == pytest.approx(0, abs=1e-12)


def test_crr_takes_censorings_at_time_zero_first():
    """crr's P is G(0), not G(0-), at time 0: two of six are censored there. A death at 0 then has P(t)/P(0) = 1 until the next."""
    frame = pd.DataFrame({"time": [0, 0, 0, 1, 2, 3], "exit": [0, 0, 2, 1, 1, 0], "x": [0, 1, 1, 0, 1, 0]})
    fit = fine_gray(times_of(frame), design(frame, ["x"]), cause="Liver")
    r = math.exp(fit.coefficients[0])  # risk sets 2 + 2r at 1, 1 + 2r at 2
    assert 1 - 2 * r / (2 + 2 * r) - 2 * r / (1 + 2 * r) == pytest.approx(0, abs=1e-13)


# ------------------------------------------------------------------ brute force


def kept(frame, since, t, se, group, among):
    """P(t)/P(since) in a group, written out from the definition: the factors of the times from `since` to just before t."""
    mine = frame[frame[group] == among] if group else frame
    if se == "crr" and t > mine["time"].max():
        return 0.0
    found = 1.0
    for u in mine.loc[(mine["exit"] == 0) & (mine["time"] >= since) & (mine["time"] < t), "time"].unique():
        now = mine["time"] == u
        if se == "crr":
            at_risk = mine["time"] >= u
        else:
            at_risk = (mine["start"] < u) & ((mine["time"] > u) | (now & (mine["exit"] == 0)))
        found *= 1 - (now & (mine["exit"] == 0)).sum() / at_risk.sum()
    if (frame["start"] > frame["time"].min()).any():
        for u in mine.loc[(mine["start"] >= since) & (mine["start"] < t), "start"].unique():
            found /= 1 - (mine["start"] == u).sum() / ((mine["start"] <= u) & (mine["time"] > u)).sum()
    return found


class Naive:
    """The weighted likelihood, its derivatives and both sandwiches, written out patient by patient and event by event."""

    def __init__(self, frame, b, se, group=None, strata=None, weights=None):
        x = frame[["x", "z"]].to_numpy()
        case = np.ones(len(frame)) if weights is None else frame[weights].to_numpy()
        start, time, exit_ = (frame[name].to_numpy() for name in ("start", "time", "exit"))
        of = frame[group or strata].to_numpy() if group or strata else np.zeros(len(frame))
        by = frame[strata].to_numpy() if strata else np.zeros(len(frame))
        ratio = lru_cache(None)(lambda g, since, t: kept(frame, since, t, se, group or strata, g))
        self.value, self.score, self.information = 0.0, np.zeros(2), np.zeros((2, 2))
        self.scores = np.zeros((len(frame), 2))
        events = []  # of each term: time, stratum, weight, weights of the rows, mean, denominator
        for s in np.unique(by):
            for t in np.unique(time[(exit_ == 1) & (by == s)]):
                dead = (exit_ == 1) & (time == t) & (by == s)
                part = np.where((start < t) & (time >= t) & (by == s), 1.0, 0.0)
                for i in np.flatnonzero((exit_ == 2) & (time < t) & (by == s)):
                    part[i] = ratio(of[i], time[i], t)
                d, w = dead.sum(), case[dead].sum()
                self.value += (case[dead] * (x[dead] @ b)).sum()
                for step in range(d):
                    r = case * np.exp(x @ b) * part
                    r[dead] *= 1 - (step / d if se == "finegray" else 0.0)
                    mean = r @ x / r.sum()
                    self.value -= w / d * math.log(r.sum())
                    self.score += case[dead] @ (x[dead] - mean) / d
                    self.information += w / d * (((x - mean).T * r) @ (x - mean)) / r.sum()
                    self.scores[dead] += (x[dead] - mean) / d
                    self.scores -= (r / case)[:, None] * (x - mean) * w / d / r.sum()
                    events.append((t, w / d, r, mean, np.flatnonzero(dead)[step]))
        if se == "crr":
            self._add_psi(x, time, exit_, of, events)

    def _add_psi(self, x, time, exit_, of, events):
        for g in np.unique(of):
            for u in np.unique(time[(exit_ == 0) & (of == g)]):
                waiting = (of == g) & (exit_ == 2) & (time < u)
                q = np.zeros(2)
                for t, w, r, mean, who in events:
                    if t >= u and of[who] == g:
                        q += w * (r[waiting] @ (x[waiting] - mean)) / r.sum()
                many = ((of == g) & (time >= u)).sum()
                gone = (exit_ == 0) & (time == u) & (of == g)
                self.scores[gone] += q / many
                self.scores[(of == g) & (time >= u)] -= gone.sum() * q / many**2


@st.composite
def cohorts(draw, delayed=False):
    n = draw(st.integers(14, 32))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    start = rng.integers(0, 4, n).astype(float) if delayed and draw(st.booleans()) else np.full(n, 0.0)
    frame = pd.DataFrame({
        "start": start, "time": start + rng.integers(1, 8, n), "exit": rng.choice([0, 1, 2], n, p=[0.3, 0.4, 0.3]),
        "x": rng.normal(size=n).round(2), "z": rng.normal(size=n).round(2), "group": rng.integers(0, 2, n),
        "weight": rng.choice([0.5, 1.0, 2.5], n),
    })  # fmt: skip
    frame.loc[:4, "exit"] = 1
    return frame


def fit_of(frame, **options):
    """The fit, or None where no model can be fitted."""
    entry = "start" if (frame["start"] > 0).any() else None
    try:
        return fine_gray(times_of(frame, entry=entry), design(frame, ["x", "z"]), cause="Liver", **options)
    except HaipError:
        return None


def check(fit, naive, frame):
    assert fit.log_likelihood == pytest.approx(naive.value, rel=1e-10)
    assert naive.score @ fit.model_covariance @ naive.score < 1e-16  # squared standard errors
    assert np.linalg.inv(fit.model_covariance) == pytest.approx(naive.information, rel=1e-7, abs=1e-9)
    assert fit.residuals("score").to_numpy() == pytest.approx(naive.scores, rel=1e-6, abs=1e-8 * np.abs(naive.scores).max())


@settings(deadline=None, max_examples=40)
@given(cohorts(), st.booleans())
def test_crr_is_the_formula(frame, grouped):
    fit = fit_of(frame, censoring_group=frame["group"] if grouped else None)
    if fit is not None:
        naive = Naive(frame, fit.coefficients, "crr", group="group" if grouped else None)
        check(fit, naive, frame)
        moved = naive.scores @ fit.model_covariance
        assert fit.covariance == pytest.approx(moved.T @ moved, rel=1e-6)


@settings(deadline=None, max_examples=40)
@given(cohorts(delayed=True), st.booleans(), st.booleans())
def test_finegray_is_the_formula(frame, stratified, weighted):
    fit = fit_of(frame, se="finegray", strata=frame["group"] if stratified else None, weights=frame["weight"] if weighted else None)
    if fit is not None:
        naive = Naive(frame, fit.coefficients, "finegray", strata="group" if stratified else None, weights="weight" if weighted else None)
        check(fit, naive, frame)
        case = frame["weight"].to_numpy()[:, None] if weighted else 1.0
        moved = case * naive.scores @ fit.model_covariance
        assert fit.covariance == pytest.approx(moved.T @ moved, rel=1e-6)


# ------------------------------------------------------------------ what must not matter


def numbers(fit):
    found = [fit.coefficients, fit.std_error, np.diag(fit.model_covariance), [fit.log_likelihood, fit.log_likelihood_null, fit.concordance]]
    return np.concatenate(found)


def same(one, other):
    if one is None or other is None:
        assert one is None
        assert other is None
    else:
        assert numbers(one) == pytest.approx(numbers(other), rel=1e-8, abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(cohorts(delayed=True), st.sampled_from(["crr", "finegray"]))
def test_row_order_and_time_scale_do_not_matter(frame, se):
    options = {"crr": {"censoring_group": frame["group"]}, "finegray": {"strata": frame["group"], "weights": frame["weight"]}}[se]
    fit = fit_of(frame, se=se, **options)
    same(fit, fit_of(frame.sample(frac=1, random_state=3), se=se, **options))
    stretched = frame.assign(start=np.expm1(frame["start"] / 3), time=np.expm1(frame["time"] / 3))
    same(fit, fit_of(stretched, se=se, **options))


@settings(deadline=None, max_examples=25)
@given(cohorts())
def test_splitting_patients_into_intervals_does_not_matter(frame):
    frame["patient"] = np.arange(len(frame))
    long = frame[frame["time"] > 3]
    split = pd.concat([frame[frame["time"] <= 3], long.assign(time=3.0, exit=0), long.assign(start=3.0)], ignore_index=True)
    whole = fit_of(frame, se="finegray")
    try:
        parts = fine_gray(times_of(split, entry="start", id="patient"), design(split, ["x", "z"]), cause="Liver", se="finegray")
    except HaipError:
        parts = None
    same(whole, parts)


@settings(deadline=None, max_examples=25)
@given(cohorts(delayed=True))
def test_with_one_kind_of_event_it_is_cox(frame):
    frame["exit"] = (frame["exit"] == 1).astype(int)
    tte = times_of(frame, states=["Liver"], entry="start" if (frame["start"] > 0).any() else None)
    made = design(frame, ["x", "z"])
    for se, ties in (("crr", "breslow"), ("finegray", "efron")):
        if se == "crr" and tte.entry is not None:
            continue
        try:
            other = cox(tte, made, ties=ties, robust=True)
        except FitError:
            with pytest.raises(FitError):
                fine_gray(tte, made, cause="Liver", se=se)
        else:
            same(fine_gray(tte, made, cause="Liver", se=se), other)


def test_one_group_is_no_group_and_units_of_covariates_do_not_matter():
    frame = table("melanoma")
    tte = TimeToEvent.from_frame(frame, time="days", state="state", states=["Melanoma", "Other"])
    made = design(frame, ["thick", "age"])
    fit = fine_gray(tte, made, cause="Melanoma")
    same(fit, fine_gray(tte, made, cause="Melanoma", censoring_group=np.zeros(len(frame))))
    wild = design(frame.assign(thick=frame["thick"] * 1e8 + 1e9, age=frame["age"] / 1e8 - 1), ["thick", "age"])
    other = fine_gray(tte, wild, cause="Melanoma")
    assert other.tidy()["statistic"].to_numpy() == pytest.approx(fit.tidy()["statistic"].to_numpy(), rel=1e-6)
    assert other.coefficients * [1e8, 1e-8] == pytest.approx(fit.coefficients, rel=1e-6)


def test_nearly_collinear_columns():
    frame = table("melanoma").assign(near=lambda d: d["thick"] + 1e-4 * d["age"])
    tte = TimeToEvent.from_frame(frame, time="days", state="state", states=["Melanoma", "Other"])
    for se in ("crr", "finegray"):
        plain = fine_gray(tte, design(frame, ["thick", "age"]), cause="Melanoma", se=se)
        near = fine_gray(tte, design(frame, ["thick", "near"]), cause="Melanoma", se=se)
        assert near.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)
        assert near.coefficients[1] * 1e-4 == pytest.approx(plain.coefficients[1], rel=1e-6)
        assert near.std_error[1] * 1e-4 == pytest.approx(plain.std_error[1], rel=1e-6)


# ------------------------------------------------------------------ what the fit says


def mgus():
    frame = table("mgus")
    return frame, TimeToEvent.from_frame(frame, time="months", state="state", states=["Myeloma", "Death"])


def test_method_counts_and_columns():
    frame, tte = mgus()
    made = design(frame, ["age", "sex", "hgb"], missing="complete-case")
    fit = fine_gray(tte, made, cause="Myeloma")
    assert fit.method == ("Fine-Gray, subdistribution hazard of Myeloma (Death competing), Breslow ties, standard errors as cmprsk's crr; "
                          "1371 of 1384 patients, 13 without hgb; 114 events (Myeloma), 855 competing")  # fmt: skip
    assert sum(len(rows) for rows in fit.left_out.values()) + fit.n == fit.n_available == 1384
    assert (fit.ties, fit.robust, fit.unit) == ("breslow", True, "months")
    assert "sex=M: HR" in repr(fit)
    assert "<table" in fit._repr_html_()
    assert list(fit.glance().columns) == ["n", "n_event", "log_likelihood", "log_likelihood_null", "concordance", "aic"]
    assert len(fit.residuals("score")) == fit.n
    grouped = fine_gray(tte, made, cause="Myeloma", censoring_group=frame["sex"])
    assert "censoring distribution by sex" in grouped.method
    other = fine_gray(tte, made, cause="Death", se="finegray", cluster=frame["dxyr"], weights=frame["share"])
    assert "Efron ties, weighted, robust standard errors clustered by dxyr as survival's finegray and coxph" in other.method
    strata = fine_gray(tte, design(frame, ["age"]), cause="Death", se="finegray", strata=frame["sex"])
    assert "baseline and censoring distribution stratified by sex" in strata.method
    risk = strata.predict_risk(pd.DataFrame({"age": [60, 60], "sex": ["F", "M"]}), [60, 120])
    assert (risk["conf_low"] < risk["estimate"]).all()
    assert (risk["estimate"] < risk["conf_high"]).all()
    no_limits = fit.predict_risk(pd.DataFrame({"age": [60], "sex": ["F"], "hgb": [13]}), [60])
    assert no_limits[["std_error", "conf_low", "conf_high"]].isna().to_numpy().all()


def test_options_of_the_other_r_function_are_refused_with_the_way():
    frame, tte = mgus()
    made = design(frame, ["age"])
    for option in ("strata", "cluster", "weights"):
        with pytest.raises(EndpointError, match=rf'crr has no {option}: say se="finegray"'):
            fine_gray(tte, made, cause="Myeloma", **{option: frame["copies"]})
    by_age = TimeToEvent.from_frame(frame, time="leave", state="state", states=["Myeloma", "Death"], entry="enter")
    with pytest.raises(EndpointError, match=r'crr has no delayed entry: say se="finegray"'):
        fine_gray(by_age, made, cause="Myeloma")
    with pytest.raises(EndpointError, match=r'belongs to se="crr"\. With se="finegray" give strata='):
        fine_gray(tte, made, cause="Myeloma", se="finegray", censoring_group=frame["sex"])
    with pytest.raises(EndpointError, match='must be "crr" or "finegray"'):
        fine_gray(tte, made, cause="Myeloma", se="robust")
    with pytest.raises(EndpointError, match="Did you mean"):
        fine_gray(tte, made, cause="Myelom")
    with pytest.raises(EndpointError, match='R has no test of proportional hazards for crr'):
        fine_gray(tte, made, cause="Myeloma").pieces.drift_in_time("km")
    with pytest.raises(EndpointError, match='kind must be "score", "dfbeta" or "schoenfeld"'):
        fine_gray(tte, made, cause="Myeloma").residuals("martingale")
    entered_at_zero = times_of(SIX.assign(start=0.0), entry="start")
    same(fine_gray(entered_at_zero, design(SIX, ["x"]), cause="Liver"), fine_gray(times_of(SIX), design(SIX, ["x"]), cause="Liver"))


def test_bad_input():
    frame, tte = mgus()
    made = design(frame, ["age"])
    with pytest.raises(EndpointError, match="takes a TimeToEvent"):
        fine_gray(frame, made, cause="Myeloma")
    with pytest.raises(EndpointError, match="conf_level"):
        fine_gray(tte, made, cause="Myeloma", conf_level=95)
    with pytest.raises(EndpointError, match="weights must be positive"):
        fine_gray(tte, made, cause="Myeloma", se="finegray", weights=np.zeros(len(frame)))
    with pytest.raises(EndpointError, match="design knows nothing"):
        fine_gray(tte, design(frame.iloc[5:], ["age"]), cause="Myeloma")
    with pytest.raises(EndpointError, match="censoring_group is missing"):
        fine_gray(tte, made, cause="Myeloma", censoring_group=frame["hgb"])
    with pytest.raises(FitError, match="one cluster"):
        fine_gray(tte, made, cause="Myeloma", se="finegray", cluster=np.zeros(len(frame)))
    nobody = times_of(SIX, states=["Liver", "Death", "Lung"])
    with pytest.raises(FitError, match=r'Nobody had the event "Lung"'):
        fine_gray(nobody, design(SIX, ["x"]), cause="Lung")


def test_models_that_can_not_be_fitted():
    frame = pd.DataFrame({"time": [1, 2, 3, 4, 5, 6, 7, 8], "exit": [1, 1, 2, 1, 0, 2, 0, 0], "level": list("bbabacac"),
                          "rank": [8, 7, 1, 5, 4, 3, 2, 1], "x": [1, 0, 2, 5, 4, 0, 1, 3]})  # fmt: skip
    tte = times_of(frame)
    for se in ("crr", "finegray"):
        with pytest.raises(SeparationError, match='level "c" had the event "Liver"'):
            fine_gray(tte, design(frame, ["level"]), cause="Liver", se=se)
        with pytest.raises(SeparationError, match=r'coefficient of "rank" runs off'):
            fine_gray(tte, design(frame, ["rank"]), cause="Liver", se=se)
        many = design(frame.assign(y=frame["x"] ** 2, w=frame["x"] ** 3, v=frame["x"] ** 4), ["x", "y", "w", "v"])
        with pytest.raises(FitError, match="can't carry"):
            fine_gray(tte, many, cause="Liver", se=se)
        # who died at 3 and leads at 4 is still in the risk set there, so that nothing runs off
        held = frame.assign(rank=[8, 7, 6, 5, 4, 3, 2, 1])
        assert 0 < fine_gray(tte, design(held, ["rank"]), cause="Liver", se=se).coefficients[0] < 10


def test_gaps_and_entries_that_leave_nobody():
    frame = pd.DataFrame({"patient": [1, 1, 2, 3, 4], "start": [0, 3, 0, 0, 0], "time": [2, 5, 4, 6, 3], "exit": [0, 1, 2, 1, 0],
                          "x": [1, 1, 0, 0, 1]})  # fmt: skip
    tte = times_of(frame, entry="start", id="patient")
    with pytest.raises(EndpointError, match="gap before the patient's next row"):
        fine_gray(tte, design(frame, ["x"]), cause="Liver", se="finegray")
    frame.loc[0, ["time", "exit"]] = [3, 1]
    with pytest.raises(EndpointError, match="an event before the patient's last row"):
        fine_gray(times_of(frame, entry="start", id="patient"), design(frame, ["x"]), cause="Liver", se="finegray")
    late = pd.DataFrame({"start": [0, 3, 3, 3, 3], "time": [2, 5, 4, 6, 7], "exit": [2, 1, 0, 1, 0], "x": [1, 1, 0, 0, 1]})
    with pytest.raises(EndpointError, match=r"Row 0 has a competing event at 2 months, and at 3 all those followed had just entered"):
        fine_gray(times_of(late, entry="start"), design(late, ["x"]), cause="Liver", se="finegray")


def test_chances_of_zero_are_divided_out():
    """All followed at 1 are censored then, and all at 9 have just entered: R's finegray has 0/0 for every weight, and coxph drops the rows."""
    frame = pd.DataFrame({"start": [0, 1, 1, 2, 2, 3, 1, 9], "time": [1, 3, 4, 7, 5, 6, 8, 10], "exit": [0, 2, 1, 0, 1, 1, 0, 0],
                          "x": [0.5, 2, 1, 0, 1, 0.5, 0, 1], "z": [1, 0, 0, 1, 0, 1, 2, 2]})  # fmt: skip
    fit = fit_of(frame, se="finegray")
    naive = Naive(frame, fit.coefficients, "finegray")
    check(fit, naive, frame)
    # at risk at 4: rows 2, 3, 4, 5, 6; the death at 3, entry of row 5 then: weight 1/(1 - 1/5)
    assert kept(frame, 3, 4, "finegray", None, 0) == pytest.approx(5 / 4)


def test_delayed_entry_keeps_its_digits():
    """At 1 month one patient of e^-13 is at risk, and those who enter later have e^7: R, finegray and coxph with weights."""
    entry, time = [1, 1, 2, 3, 2, 0, 1, 2, 0, 1, 0, 2, 3, 2], [4, 3, 3, 9, 7, 6, 8, 7, 1, 8, 7, 7, 6, 4]
    frame = pd.DataFrame({
        "start": np.array(entry, dtype=float), "time": np.array(time, dtype=float), "exit": [1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 1, 1, 2],
        "x": [0.17, -1.03, -1.05, -1.46, -0.13, -1.59, 0.39, 0.67, -2.01, -2.19, -0.84, 0.87, 0.85, -0.41],
        "z": [1.91, 0.12, 1.29, 0.49, -0.88, 2.08, -0.65, -0.99, -2.10, -1.35, 0.36, -0.83, 0.10, -0.07],
        "group": [1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0], "weight": [0.5, 0.5, 0.5, 2.5, 1, 1, 0.5, 0.5, 1, 2.5, 2.5, 2.5, 0.5, 2.5],
    })  # fmt: skip
    fit = fit_of(frame, se="finegray", strata=frame["group"], weights=frame["weight"])
    assert_close(fit.coefficients, [3.20875627444358, 3.16858407059558])
    assert_close([fit.log_likelihood_null, fit.log_likelihood], [-16.0909394545725, -10.9926917511626])
    assert_close(fit.std_error, [1.26712367468582, 1.26729847308909], 1e-6)
