"""A study of prognostic factors on 197 real patients: the public workbook of The Cancer Imaging Archive (cohorts/tcia_crlm/README.md).

    python scripts/tcia_study.py WORKBOOK [FOLDER]

prints the tables that docs/tcia_study.md discusses, and draws its figures into FOLDER. The factors, the interaction and the
horizons were named before looking; tests/reference/tcia_study.R computes the same study in R.
"""

import sys
from pathlib import Path

import haip_outcomes as haip

FACTORS = ["age", "sex", "extrahep_disease", "clinrisk_score", "chemo_before_liver_resection"]
INTERACTION = ["chemo_before_liver_resection*clinrisk_score"]
TIMES = [36, 60]
SEED = 20261122


def study(workbook, replicates=200, imputations=200, n_jobs=2):
    """Every result of the study, by name."""
    cohort = haip.read_cohort(workbook, Path(__file__).parents[1] / "cohorts/tcia_crlm/plan.toml")
    found = {"cohort": cohort}
    # 1. Overall survival: each factor alone, all together, their checks, the declared interaction
    found["survival"] = haip.factors(cohort, "os", FACTORS, interactions=INTERACTION)
    # 2. The liver as the first site of recurrence: its rate, and how many will have it
    found["hepatic first"] = haip.factors(cohort, "first_site", FACTORS, cause="Liver")
    # 3. 29 risk scores are missing: everybody, imputed, beside the complete cases
    found["imputed"] = haip.imputed_factors(cohort, "os", FACTORS, imputations=imputations, rng=SEED)
    # 4. How well would the model predict in new patients, and would another kind of model do better?
    tte, frame = cohort.endpoint("os"), cohort.frame
    found["validation"] = haip.validate(tte, frame, {"Cox": haip.cox_model(FACTORS)}, times=TIMES, replicates=5 * replicates, rng=SEED)
    peers = {"Weibull": "weibull", "Spline hazard": "spline", "Penalised Cox (Coxnet)": "coxnet", "Random survival forest": "random survival forest",
             "Gradient boosting": "gradient boosting"}  # fmt: skip
    models = {"Cox": haip.cox_model(FACTORS)} | {label: haip.peer_model(name, FACTORS) for label, name in peers.items()}
    found["six models"] = haip.validate(tte, frame, models, times=[60], replicates=replicates, rng=SEED, n_jobs=n_jobs, progress=True)
    # 5. To be read by a person
    fit = found["survival"].multivariable
    found["profiles"] = haip.profiles(fit, times=TIMES, labels=cohort, validation=found["validation"],
                                      at={"clinrisk_score": [0, 2, 5], "age": [61], "sex": ["Male"]})  # fmt: skip
    found["nomogram"] = haip.nomogram(fit, times=TIMES, labels=cohort, validation=found["validation"])
    return found


def tables(found):
    """The study's tables, in the order of the page."""
    survival, liver = found["survival"], found["hepatic first"]
    return [
        haip.effects_table(survival, title="Overall survival"), haip.checks_table(survival), haip.subgroups_table(survival),
        haip.effects_table(liver, name="hepatic_first", title="Hepatic-first recurrence"), haip.checks_table(liver, name="hepatic_first_checks"),
        haip.missing_table(found["cohort"], "os", FACTORS), haip.imputed_table(found["imputed"]),
        haip.validation_table(found["validation"]), haip.validation_table(found["six models"], name="six_models"), haip.profile_table(found["profiles"]), haip.remark_table(survival),
    ]  # fmt: skip


def figures(found):
    """The study's figures."""
    validation = found["validation"]
    return [
        haip.plot_forest(found["survival"], name="survival_forest"), haip.plot_shape(found["survival"], "age", name="age"),
        haip.plot_subgroups(found["survival"]), haip.plot_forest(found["hepatic first"], name="hepatic_first_forest"),
        haip.plot_calibration(haip.calibration(validation.tte, validation.risks["Cox"][60], 60), name="calibration"),
        haip.plot_nomogram(found["nomogram"]),
    ]  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    results = study(sys.argv[1])
    for table in tables(results):
        print(f"\n{table.title}\n{table.frame().to_string(index=False)}")
    if len(sys.argv) > 2:
        for drawing in figures(results):
            haip.save_figure(drawing, Path(sys.argv[2]) / drawing.name)
