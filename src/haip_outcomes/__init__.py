"""Outcomes of hepatic arterial infusion pump chemotherapy for colorectal liver metastases.

Cohort files become survival curves, cumulative incidences, Cox models and a report that stands beside the
published figures. For research; not for decisions about the treatment of a patient.

>>> import haip_outcomes as haip
>>> cohort = haip.demo_cohort().setting("unresectable")
>>> haip.survival_curve(cohort.endpoint("os")).at([36])["estimate"].round(2).tolist()
[0.37]
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# The public names and the rooms they live in; each room is opened on first use (PEP 562).
_ROOMS = {
    "errors": "HaipError PlanError CohortError EndpointError FitError SeparationError ConvergenceError Problem",
    "survival.time_to_event": "TimeToEvent",
    "survival.counts": "at_risk_table",
    "survival.curves.kaplan_meier": "survival_curve follow_up",
    "survival.curves.aalen_johansen": "cumulative_incidence",
    "survival.curves.mean_survival": "restricted_mean",
    "survival.comparing.comparisons": "logrank",
    "survival.comparing.gray_test": "gray",
    "survival.comparing.one_sample": "one_sample_logrank",
    "survival.covariates.design_matrix": "design",
    "survival.covariates.splines": "spline",
    "survival.hazards.cox_regression": "cox",
    "survival.subdistribution.regression": "fine_gray",
    "survival.agreement": "concordance",
    "survival.hazards.diagnostics": "proportional_hazards",
    "survival.resampling.bootstrapping": "bootstrap",
    "survival.imputation.chained_equations": "impute",
    "survival.imputation.rubin": "pool pool_estimates",
    "survival.weighting.propensity_scores": "propensity",
    "survival.weighting.unmeasured": "e_value",
    "registry.plan": "load_plan",
    "registry.cohort": "Cohort",
    "registry.read": "read_cohort read_redcap load_adjuvant load_unresectable demo_cohort",
    "registry.guessing.plan_proposal": "first_plan",
    "registry.simulate": "simulate_cohort Truth",
    "registry.deriving.complication_index": "comprehensive_complication_index",
    "registry.deriving.body_composition": "body_mass_index skeletal_muscle_index sarcopenia",
    "registry.deriving.risk_scores": "fong_clinical_risk_score tumour_burden_score tumour_burden_zone disease_free_interval age_at",
    "prognosis.baseline.factor_models": "factors",
    "prognosis.validation.discrimination": "time_dependent_auc",
    "prognosis.validation.prediction_error": "brier_score integrated_brier",
    "prognosis.validation.calibrating": "calibration",
    "prognosis.validation.net_benefit": "decision_curve",
    "prognosis.validation.whole_models": "validate",
    "prognosis.validation.own_models": "cox_model fine_gray_model",
    "prognosis.validation.peer_models": "peer_model",
    "prognosis.later.later_values": "known_by",
    "prognosis.later.over_time": "factors_over_time",
    "prognosis.missing.factors_with_imputation": "imputed_factors",
    "prognosis.treatments.treatments_compared": "compare_treatments",
    "prognosis.prediction.profile_predictions": "profiles",
    "prognosis.prediction.nomogram_points": "nomogram",
    "prognosis.verification.verifying": "verify",
    "programme.safety_and_delivery": "proportions",
    "benchmark.literature": "published load_figures make_figures",
    "benchmark.published_figure": "PublishedFigure",
    "benchmark.comparison": "compare",
    "benchmark.k_of_n": "proportion_interval proportion_difference proportion_test",
    "benchmark.liver_counting": "liver_progression",
    "benchmark.curves.reference_curve": "ReferenceCurve",
    "benchmark.curves.centre_against_curves": "against_curves",
    "benchmark.curves.guyot": "reconstruct_ipd",
    "benchmark.curves.checking": "reconstruction_check",
    "benchmark.pooling.heterogeneity": "random_effects",
    "benchmark.pooling.pooled_figures": "pooled poolable",
    "benchmark.case_mix.reference_models": "reference_model ReferenceModel",
    "benchmark.case_mix.funnels": "funnel",
    "benchmark.case_mix.shrinkage": "shrunken",
    "benchmark.over_time.cusums": "cusum",
    "benchmark.over_time.survival_cusums": "survival_cusum",
    "benchmark.over_time.survival_limits": "survival_cusum_limit",
    "benchmark.over_time.learning": "learning_curve",
    "benchmark.precision.sizes": "patients_for_proportion patients_for_landmark patients_for_median patients_for_non_inferiority events_for_one_sample_logrank",
    "benchmark.precision.simulations": "simulated_power",
    "benchmark.precision.resampled": "simulated_chance",
    "benchmark.precision.answering": "patients_needed needed_sentence",
    "figures.style": "save_figure",
    "figures.curves": "plot_survival plot_cumulative_incidence",
    "figures.forest": "plot_forest plot_comparisons",
    "figures.pooling": "plot_pooled",
    "figures.funnels": "plot_funnel",
    "figures.balance": "plot_balance",
    "figures.shapes": "plot_shape",
    "figures.subgroup_forest": "plot_subgroups",
    "figures.nomogram_figure": "plot_nomogram",
    "figures.weighted_curves": "plot_treatments",
    "figures.calibration_plots": "plot_calibration plot_decision_curve",
    "figures.control_charts": "plot_cusum plot_learning_curve",
    "figures.liver_literature": "plot_liver_literature",
    "tables.baseline": "baseline_table",
    "tables.effects": "effects_table",
    "tables.outcomes": "survival_table incidence_table proportions_table",
    "tables.comparisons": "comparison_table",
    "tables.factor_checks": "checks_table subgroups_table remark_table",
    "tables.missing_values": "missing_table imputed_table",
    "tables.over_time": "over_time_table",
    "tables.predictions": "profile_table",
    "tables.treatments": "balance_table treatment_table",
    "tables.validation_tables": "validation_table",
    "report.build": "build_report",
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'haip_outcomes' has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, "__doc__", "__file__", "__name__", "__path__"})
