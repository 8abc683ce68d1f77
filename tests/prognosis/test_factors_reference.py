"""`factors` against R (survival 3.5-3, cmprsk 2.2-11, Hmisc 4.8-0; tests/reference/factors.R), on seven data sets and on frames."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.prognosis.baseline.factor_models import factors
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.likelihood_ratios import likelihood_ratio, whole_term_tests
from haip_outcomes.survival.time_to_event import TimeToEvent

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "tests" / "reference"
R = json.loads((REFERENCE / "factors.json").read_text())


def read(name):
    return pd.read_csv(REFERENCE / "data" / f"{name}.csv")


def of_scikit_survival(loader, time, status):
    from sksurv import datasets

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame, outcome = getattr(datasets, loader)()
    return frame.assign(time=outcome[time], status=outcome[status].astype(int))


def rossi():
    from lifelines.datasets import load_rossi

    return load_rossi()


def colon():
    frame = read("cox_colon").query("etype == 2").reset_index(drop=True)
    return frame.assign(differ=frame["differ"].map(lambda v: None if pd.isna(v) else str(int(v))))


QUESTIONS = {
    "lung": (lambda: read("cox_lung"), "months", "dead", ["age", "sex", "ph.ecog", "wt.loss"], ["wt.loss*sex", "sex*age"], None),
    "lung_strata": (lambda: read("cox_lung"), "days", "dead", ["age", "ph.ecog", "wt.loss"], ["age*ph.ecog"], "sex"),
    "colon": (colon, "time", "status", ["rx", "age", "differ", "nodes", "obstruct"], ["rx*differ", "obstruct*rx", "rx*age"], None),
    "rossi": (rossi, "week", "arrest", ["fin", "age", "race", "wexp", "mar", "paro", "prio"], ["fin*age", "fin*wexp"], None),
    "gbsg2": (lambda: of_scikit_survival("load_gbsg2", "time", "cens"), "time", "status",
              ["age", "horTh", "tgrade", "pnodes", "progrec", "tsize"], ["horTh*tgrade", "horTh*age"], None),
    "whas500": (lambda: of_scikit_survival("load_whas500", "lenfol", "fstat"), "time", "status",
                ["age", "bmi", "chf", "gender", "hr", "sysbp", "mitype"], ["chf*gender"], None),
    "flchain": (lambda: of_scikit_survival("load_flchain", "futime", "death"), "time", "status",
                ["age", "sex", "creatinine", "kappa"], ["kappa*sex"], None),
}  # fmt: skip


def same(ours, theirs, tolerance=1e-8):
    ours, theirs = np.atleast_1d(np.asarray(ours, dtype=float)), np.atleast_1d(np.asarray(theirs, dtype=float))
    assert ours.shape == theirs.shape
    assert np.all(np.abs(ours - theirs) <= tolerance * np.maximum(np.abs(theirs), 0.001)), (ours, theirs)


@pytest.fixture(scope="module", params=[*QUESTIONS, "tcia"])
def both(request):
    if request.param == "tcia":
        cohort = haip.read_cohort(request.getfixturevalue("workbook"), ROOT / "cohorts" / "tcia_crlm" / "plan.toml")
        theirs = json.loads((REFERENCE / "tcia_factors.json").read_text())["os"]
        terms = list(theirs["univariable"])
        return factors(cohort, "os", terms, interactions=list(theirs["interactions"])), theirs, terms
    loader, time, status, terms, interactions, strata = QUESTIONS[request.param]
    frame = loader()
    tte = TimeToEvent.from_frame(frame, time=time, state=status, states=["Event"])
    return factors(tte, frame, terms, interactions=interactions, strata=strata), R[request.param], terms


def test_univariable_models(both):
    found, theirs, terms = both
    assert found.penalised == ()
    for term in terms:
        ours, r = found.univariable[term], theirs["univariable"][term]
        same(ours.coefficients, r["estimate"])
        same(ours.std_error, r["std_error"])
        assert (ours.n, ours.n_event) == (r["n"], r["n_event"])
        test = found.term_tests.query("model == 'univariable' and term == @term").iloc[0]
        same([test["statistic"], test["df"], test["p_value"]], [r["test"][key] for key in ("statistic", "df", "p_value")])
        assert test["test"] == "likelihood ratio"
        zph = found.proportional_hazards.query("model == 'univariable' and term == @term").iloc[0]
        same([zph["statistic"], zph["df"], zph["p_value"]], r["zph"], 1e-6)


def test_multivariable_model_and_its_whole_factors(both):
    found, theirs, terms = both
    r = theirs["multivariable"]
    same(found.multivariable.coefficients, r["estimate"])
    same(found.multivariable.std_error, r["std_error"])
    assert (found.multivariable.n, found.multivariable.n_event) == (r["n"], r["n_event"])
    ours = found.term_tests.query("model == 'multivariable'").set_index("term")
    assert list(ours.index) == terms
    for term in terms:
        same(ours.loc[term, ["statistic", "df", "p_value"]], [theirs["tests"][term][key] for key in ("statistic", "df", "p_value")])
    zph = found.proportional_hazards.query("model == 'multivariable'")
    same(zph["statistic"], r["zph"], 1e-6)


def test_linearity(both):
    found, theirs, _ = both
    ours = found.linearity.set_index(["term", "model"])
    told = {(term, model): r for term, models in theirs["linearity"].items() for model, r in models.items() if r is not None}
    assert set(told) <= set(ours.index)
    for key, r in told.items():
        assert ours.loc[key, "knots"] == r["knots"]
        same(ours.loc[key, ["statistic", "df", "p_value"]].astype(float), [r[name] for name in ("statistic", "df", "p_value")], 2e-8)


def test_subgroups(both):
    found, theirs, _ = both
    for key in [(pair, model) for pair, models in theirs["interactions"].items() for model in models]:
        r = theirs["interactions"][key[0]][key[1]]
        test = found.interactions.set_index(["interaction", "model"]).loc[key]
        same([test["statistic"], test["df"], test["p_value"]], [r["test"][key] for key in ("statistic", "df", "p_value")])
        ours = found.subgroups.set_index(["interaction", "model"]).loc[[key]]
        assert len(ours) == len(r["rows"])
        for row, one in zip(ours.to_dict("records"), r["rows"], strict=True):
            same([row["estimate"], row["std_error"]], [one["estimate"], one["std_error"]])
            assert (pd.isna(row["n"]) and one["n"] is None) or (row["n"], row["n_event"]) == (one["n"], one["n_event"])


def test_the_data_sets_are_those_of_r():
    """What R read as files is what the packages load."""
    packages = of_scikit_survival("load_whas500", "lenfol", "fstat")
    files = read("factors_whas500")
    for name in ("age", "bmi", "hr", "sysbp"):
        assert packages[name].tolist() == files[name].tolist()
    pd.testing.assert_frame_equal(rossi(), read("factors_rossi"))


def test_competing_events_side_by_side():
    frame = read("fine_gray_pbc")
    tte = TimeToEvent.from_frame(frame, time="days", state="state", states=["Transplantation", "Death"])
    terms = ["ageday", "edema", "bili", "sex"]
    found = factors(tte, frame, terms, cause="Death")
    assert list(dict.fromkeys(found.tidy()["model"])) == ["univariable", "multivariable", "univariable subdistribution", "multivariable subdistribution"]
    for term in [*terms, "all"]:
        cause = found.multivariable if term == "all" else found.univariable[term]
        other = found.subdistribution_multivariable if term == "all" else found.subdistribution[term]
        same(cause.coefficients, R["pbc"][term]["cause"]["estimate"])
        same(cause.std_error, R["pbc"][term]["cause"]["std_error"])
        same(other.coefficients, R["pbc"][term]["subdistribution"]["estimate"])
        same(other.std_error, R["pbc"][term]["subdistribution"]["std_error"], 1e-6)
        if term != "all":
            wald = found.term_tests.query("model == 'univariable subdistribution' and term == @term").iloc[0]
            assert wald["test"] == "Wald"
            same(wald["statistic"], R["pbc"][term]["subdistribution"]["wald"], 1e-6)
    assert any("cause-specific hazard ratio is about the rate" in told for told in found.warnings)
    assert "standard errors as cmprsk's crr" in found.method


def test_strata_take_the_other_fine_gray():
    frame = read("fine_gray_pbc").assign(half=lambda f: np.where(f.index % 2, "a", "b"))
    tte = TimeToEvent.from_frame(frame, time="days", state="state", states=["Transplantation", "Death"])
    found = factors(tte, frame, ["bili"], cause="Death", strata="half")
    assert "survival's finegray" in found.method


@pytest.mark.parametrize("case", R["penalised"], ids=lambda case: f"{case['data']}_{len(np.atleast_1d(case['terms']))}")
def test_whole_factors_under_the_penalty(case):
    """Against brute force in R: as good as optim() finds a maximum, whose value is flat."""
    frame, terms = read(case["data"]), list(np.atleast_1d(case["terms"]))
    tte = TimeToEvent.from_frame(frame, time=case["time"], state=case["status"], states=["Death"])
    fit = cox(tte, design(frame, terms, missing="complete-case"), penalty="firth")
    ours = whole_term_tests(fit).set_index("term")
    same(ours.loc[case["held"], "statistic"], case["statistic"], 1e-7)
    for j, (term, _) in enumerate(fit.columns):
        if sum(name == term for name, _ in fit.columns) == 1:  # of a single coefficient it is the profile's
            same(ours.loc[term, "statistic"], fit.profile.statistic[j])
    again = frame.assign(age=frame["age"] * 12) if "age" in terms else frame
    other = cox(tte, design(again, terms, missing="complete-case"), penalty="firth")
    same(whole_term_tests(other)["statistic"], ours["statistic"])
    same(likelihood_ratio(fit, range(len(fit.coefficients)))[0], fit.tests().loc[0, "statistic"])


def test_a_penalised_subgroup_is_the_contrast_of_the_whole_model():
    frame = read("firth_arms")
    tte = TimeToEvent.from_frame(frame, time="days", state="dead", states=["Death"])
    found = factors(tte, frame, ["sex"], interactions=["sex*arm"], penalty="firth")
    made = design(frame, ["sex", "arm", "sex:arm"])
    fit = cox(tte, made, penalty="firth")
    names = list(made.names)
    own = next(name for name in names if name.startswith("sex"))
    rows = found.subgroups.set_index("group")
    for level in ("a", "b", "c"):
        weight = np.zeros(len(names))
        weight[names.index(own)] = 1
        if level != "a":
            weight[names.index(next(name for name in names if name.startswith("sex:arm") and name.endswith(level)))] = 1
        same(rows.loc[level, "estimate"], weight @ fit.coefficients)
        same(rows.loc[level, "std_error"], np.sqrt(weight @ fit.covariance @ weight))
    assert rows.loc["c", "n_event"] == 0
    assert found.interactions["penalty"].tolist() == ["firth"]


def test_the_public_workbook_side_by_side(workbook):
    """Multivariable subdistribution model of hepatic-first recurrence on the 168 patients with a score: cmprsk's crr (tcia_fine_gray.R)."""
    cohort = haip.read_cohort(workbook, ROOT / "cohorts" / "tcia_crlm" / "plan.toml")
    terms = ["age", "sex", "extrahep_disease", "clinrisk_score", "chemo_before_liver_resection"]
    found = factors(cohort, "first_site", terms, cause="Liver")
    theirs = json.loads((REFERENCE / "tcia_fine_gray.json").read_text())["first_site crr"]
    same(found.subdistribution_multivariable.coefficients, theirs["estimate"])
    same(found.subdistribution_multivariable.std_error, theirs["std_error"], 1e-6)
