"""The study of docs/tcia_study.md on the public workbook, against R: tests/reference/tcia_study.R computes it there (survival, cmprsk, riskRegression, mice)."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import haip_outcomes as haip
from haip_outcomes.formatting import interval

ROOT = Path(__file__).resolve().parents[1]
R = json.loads((ROOT / "tests/reference/tcia_study.json").read_text())
FACTORS = ["age", "sex", "extrahep_disease", "clinrisk_score", "chemo_before_liver_resection"]
NAMES = dict(zip(FACTORS, ["age", "female", "extrahep", "score", "chemo"], strict=True))  # R's names of them


def close(ours, theirs, tolerance=1e-8):
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert ours.shape == theirs.shape
    assert np.max(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-3)) < tolerance, (ours, theirs)


@pytest.fixture(scope="module")
def study():
    spec = importlib.util.spec_from_file_location("tcia_study", ROOT / "scripts/tcia_study.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.FACTORS == FACTORS
    return module


@pytest.fixture(scope="module")
def cohort(workbook):
    return haip.read_cohort(workbook, "cohorts/tcia_crlm/plan.toml")


@pytest.fixture(scope="module")
def survival(cohort, study):
    return haip.factors(cohort, "os", FACTORS, interactions=study.INTERACTION)


@pytest.fixture(scope="module")
def liver(cohort):
    return haip.factors(cohort, "first_site", FACTORS, cause="Liver")


@pytest.mark.parametrize("which", ["os", "hepatic first, cause-specific"])
def test_models_alone_and_together(survival, liver, which):
    found = survival if which == "os" else liver
    for term, name in NAMES.items():
        fit, theirs = found.univariable[term], R[f"{which} {name}"]
        close(fit.coefficients, theirs["estimate"])
        close(fit.std_error, theirs["std_error"])
        close([fit.log_likelihood_null, fit.log_likelihood], theirs["log_likelihood"])
        assert [fit.n] == theirs["n"]
        assert [fit.n_event] == theirs["n_event"]
    close(found.multivariable.coefficients, R[f"{which} together"]["estimate"])
    close(found.multivariable.std_error, R[f"{which} together"]["std_error"])


@pytest.mark.parametrize("which", ["os", "hepatic first, cause-specific"])
def test_whole_factors_and_proportional_hazards(survival, liver, which):
    found = survival if which == "os" else liver
    tests = found.term_tests[found.term_tests["model"] == "multivariable"].set_index("term")
    for term, name in NAMES.items():
        close(tests.loc[term, ["statistic", "df", "p_value"]], [R[f"{which} without {name}"][key][0] for key in ("statistic", "df", "p_value")])
    check = found.proportional_hazards
    joint = check[check["model"] == "multivariable"]
    close(joint["statistic"], R[f"{which} proportional hazards"]["statistic"], 1e-6)
    close(joint["p_value"], R[f"{which} proportional hazards"]["p_value"], 1e-6)


def test_a_straight_line_and_the_declared_interaction(survival):
    bend = survival.linearity[(survival.linearity["model"] == "univariable") & (survival.linearity["term"] == "age")].iloc[0]
    close([bend["statistic"], bend["p_value"]], [R["os age bends"]["statistic"][0], R["os age bends"]["p_value"][0]])
    tested = survival.interactions[survival.interactions["model"] == "multivariable"].iloc[0]
    close([tested["statistic"], tested["p_value"]], [R["os chemo*score"]["statistic"][0], R["os chemo*score"]["p_value"][0]])


def test_subdistribution_hazards(liver):
    for term, name in NAMES.items():
        close(liver.subdistribution[term].coefficients, R[f"hepatic first, subdistribution {name}"]["estimate"])
        close(liver.subdistribution[term].std_error, R[f"hepatic first, subdistribution {name}"]["std_error"], 1e-6)
    close(liver.subdistribution_multivariable.coefficients, R["hepatic first, subdistribution together"]["estimate"])
    close(liver.subdistribution_multivariable.std_error, R["hepatic first, subdistribution together"]["std_error"], 1e-6)


def test_what_the_model_predicts(cohort, survival, study):
    """Score's AUC and Brier score on the patients the model was made from; profiles as survfit(newdata) gives them."""
    theirs = R["apparent"]
    found = haip.validate(cohort.endpoint("os"), cohort.frame, {"Cox": haip.cox_model(FACTORS)}, times=study.TIMES, replicates=50, rng=1).tidy()
    apparent = found.set_index(["measure", "time"])["apparent"]
    for j, time in enumerate(study.TIMES):
        close(apparent["AUC", time], theirs["auc"][j])
        close(apparent["Brier score", time], theirs["brier"][j])
        close(1 - apparent["Brier score", time] / theirs["null_brier"][j], apparent["IPA", time])
    close(found.loc[found["measure"] == "Harrell's C", "apparent"], theirs["harrell"])
    rows = {"age": [60], "sex": ["Male"], "extrahep_disease": ["No"], "clinrisk_score": [0, 1, 2, 3, 4, 5], "chemo_before_liver_resection": ["Yes"]}
    made = haip.profiles(survival.multivariable, times=study.TIMES, labels=cohort, at=rows).tidy()
    for time in study.TIMES:
        own = made[made["time"] == time]
        for key in ("estimate", "std_error", "conf_low", "conf_high"):
            close(own[key], R[f"profiles at {time}"][key])


def test_imputed_scores_agree_with_mice_within_chance(cohort, study):
    """Pooled coefficients within 4 Monte Carlo standard errors of mice's 1,000 imputations; standard errors within 2%."""
    found = haip.imputed_factors(cohort, "os", FACTORS, imputations=200, rng=study.SEED).tidy()
    own = found[(found["model"] == "multivariable") & (found["cases"] == "imputed")]
    theirs = {key: np.array(values) for key, values in R["imputed together"].items()}
    chance = np.sqrt(own["monte_carlo_error"].to_numpy() ** 2 + theirs["mc"] ** 2)
    assert np.all(np.abs(own["estimate"].to_numpy() - theirs["estimate"]) < 4 * chance)
    assert np.all(np.abs(own["std_error"].to_numpy() / theirs["std_error"] - 1) < 0.02)


def test_optimism_agrees_with_a_bootstrap_in_r_within_chance(cohort, study):
    """1,000 resamples of ours against 1,000 of R's own: the optimism of C and of the slope."""
    found = haip.validate(cohort.endpoint("os"), cohort.frame, {"Cox": haip.cox_model(FACTORS)}, times=study.TIMES, replicates=1000, rng=study.SEED).tidy()
    for measure, key in (("Harrell's C", "harrell"), ("slope of the log hazard", "slope")):
        ours = found.loc[found["measure"] == measure, "optimism"].iloc[0]
        assert abs(ours - R["optimism"][key][0]) < 4 * np.sqrt(2) * R["optimism"][f"{key}_mc"][0], (measure, ours)


def cells(table):
    return {row[0].strip(): row[1:] for row in table.rows}


def test_the_page_says_what_the_study_finds(cohort, survival, liver, study):
    """The numbers of docs/tcia_study.md that take no minutes: of the models, the imputation, the validation of the Cox model, the profiles."""
    page = (ROOT / "docs/tcia_study.md").read_text(encoding="utf-8")
    told = [cell for table in (haip.effects_table(survival),) for row in table.rows for cell in row if "(" in cell and cell[0].isdigit()]
    told += [interval(*row) for row in liver.tidy(exponentiate=True).query("model.str.startswith('multivariable') and term != 'age'")[["estimate", "conf_low", "conf_high"]].to_numpy()]
    imputed = haip.imputed_table(haip.imputed_factors(cohort, "os", FACTORS, imputations=200, rng=study.SEED), model="multivariable")
    told += [row[7] for row in imputed.rows if "(" in row[7]]
    found = haip.validate(cohort.endpoint("os"), cohort.frame, {"Cox": haip.cox_model(FACTORS)}, times=study.TIMES, replicates=1000, rng=study.SEED)
    table = cells(haip.validation_table(found))
    told += list(table["Harrell's C"][:2]) + list(table["Slope of the log hazard"][:2])
    made = haip.profiles(survival.multivariable, times=study.TIMES, labels=cohort, at={"clinrisk_score": [0, 2, 5], "age": [61], "sex": ["Male"]})
    told += [row[column] for row in haip.profile_table(made).rows for column in (2, 3)]
    check = liver.proportional_hazards.query("model == 'multivariable'").set_index("term")["p_value"]
    told += [f"(p {check['clinrisk_score']:.3f} in the joint", f"all five together {check['GLOBAL']:.2f}"]
    assert len(told) > 30
    missing = [text for text in told if text not in page]
    assert not missing, missing
