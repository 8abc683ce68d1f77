"""Which engine is asked for which number, how near it must come, and why some numbers have no second engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from haip_outcomes.prognosis.verification.recipes import Recipe

TOLERANCE = 1e-6
NUMBERS = ("estimate", "std_error", "conf_low", "conf_high", "statistic", "df", "p_value", "n", "n_event", "n_risk", "n_censor")
_LIMITS = ("estimate", "conf_low", "conf_high")
_CURVE = ("estimate", "std_error", "conf_low", "conf_high")
_WALD = (*_CURVE, "statistic", "p_value")
_TEST = ("statistic", "df", "p_value")
_COUNTS = ("n", "n_event", "n_risk", "n_censor")
LIFELINES, SKSURV, STATSMODELS, PORT, R, PLAIN = "lifelines", "scikit-survival", "statsmodels", "survival", "R", "Python"
ENGINES = (R, PORT, LIFELINES, SKSURV, STATSMODELS, PLAIN)


@dataclass(frozen=True)
class Asked:
    """An engine is asked for these numbers of a verb, to this tolerance; `why` where it is not 1e-6, or something is not asked.

    `late`: also where patients enter after time zero. `without`: not with any of these options of a recipe.
    """

    engine: str
    verb: str
    numbers: tuple[str, ...]
    how: str
    tolerance: float = TOLERANCE
    why: str = ""
    late: bool = False
    without: tuple[str, ...] = ()


TABLE = (
    Asked(R, "survival_curve", _CURVE, "survival::survfit", late=True),
    Asked(R, "median", _CURVE, "survival::survfit, quantile; by standard error, Collett's formula on its curve", late=True),
    Asked(R, "restricted_mean", _CURVE, "survival::survfit, summary(rmean=)", late=True),
    Asked(R, "restricted_mean_difference", _WALD, "survival::survfit, summary(rmean=) of each group", late=True),
    Asked(R, "logrank", _TEST, "survival::survdiff"),
    Asked(R, "cumulative_incidence", _CURVE, "cmprsk::cuminc; survival::survfit where the variance is the infinitesimal jackknife", late=True),
    Asked(R, "gray", _TEST, "cmprsk::cuminc, Tests"),
    Asked(R, "cox", _WALD, "survival::coxph, eps 1e-14; with penalty=firth the penalised likelihood of its information, maximised", late=True),
    Asked(R, "cox_over_time", _WALD, "survival::coxph of (start, stop], the rows cut at the dates in plain code", late=True, without=("penalty",)),
    Asked(R, "subgroup", _WALD, "survival::coxph with the subgroup as the reference (a number shifted to its quartile)", late=True),
    Asked(R, "likelihood_ratio", _TEST, "survival::coxph with and without the factor; with penalty=firth its coefficients held at 0 in the penalised likelihood", late=True),
    Asked(R, "linearity", _TEST, "survival::coxph with and without Harrell's truncated powers of these knots, written out", late=True, without=("penalty",),
          why="the knots are those of the recipe: where they were placed is not computed again"),
    Asked(R, "profile", _CURVE, "survival::survfit of the coxph fit, newdata", late=True, without=("strata",)),
    Asked(R, "nomogram", _CURVE, "survival::survfit of the coxph fit for the typical patient with these points", late=True, without=("strata",)),
    Asked(R, "wald", _TEST, "survival::coxph, b' V^-1 b", late=True, without=("penalty",)),
    Asked(R, "cox_zph", _TEST, "survival::cox.zph, transform km", late=True, without=("penalty",)),
    Asked(R, "cox_concordance", ("estimate",), "survival::concordance of the coxph fit", late=True, without=("penalty",)),
    Asked(R, "fine_gray", _WALD, "cmprsk::crr, gtol 1e-14, begun at the maximum of survival::finegray and coxph", without=("strata",)),
    Asked(R, "fine_gray_wald", _TEST, "cmprsk::crr, b' V^-1 b", without=("strata",)),
    Asked(R, "treatment_ratio", _WALD, "stats::glm for the score; survival::coxph, weighted with cluster", late=True),
    Asked(R, "treatment_risk", _WALD, "survival::survfit by group, weighted with robust variance; cmprsk::cuminc where events compete unweighted", late=True),
    Asked(R, "treatment_mean", _WALD, "survival::survfit by group: summary(rmean=), or with weights its influence matrix integrated", late=True),
    Asked(R, "probability", _LIMITS, "survival::survfit; at 0 and 1 the exact binomial edge", late=True),
    Asked(R, "crossing", _LIMITS, "survival::survfit of several states: where it and its limits reach one half", late=True),
    Asked(R, "proportion", _LIMITS, "stats::binom.test"),
    Asked(R, "early_deaths", _LIMITS, "stats::binom.test"),
    Asked(R, "days", _LIMITS, "stats::quantile type 7, stats::qbinom"),
    Asked(R, "characteristic", ("estimate",), "stats::quantile type 7 (medians and quartiles)"),
    Asked(LIFELINES, "survival_curve", _LIMITS, "KaplanMeierFitter", why="it gives no standard error of S(t)"),
    Asked(LIFELINES, "median", _LIMITS, "KaplanMeierFitter: where it and its limits reach one half, on a plateau the middle", without=("method",)),
    Asked(LIFELINES, "logrank", _TEST, "multivariate_logrank_test", without=("strata",)),
    Asked(LIFELINES, "cox", _WALD, 'CoxPHFitter, fit_options={"precision": 1e-20, "r_precision": 1e-20}', without=("penalty",),
          why="it has no line search: where it warns or does not converge it counts as failed"),
    Asked(LIFELINES, "subgroup", _WALD, "CoxPHFitter with the subgroup as the reference, as above", without=("penalty",)),
    Asked(SKSURV, "survival_curve", _LIMITS, "kaplan_meier_estimator", why="it gives no standard error"),
    Asked(SKSURV, "logrank", _TEST, "compare_survival", without=("strata",)),
    Asked(SKSURV, "cox", ("estimate",), "CoxPHSurvivalAnalysis, ties efron, tol 1e-12", without=("penalty", "strata"), why="it gives coefficients only"),
    Asked(SKSURV, "cox_concordance", ("estimate",), "concordance_index_censored of its own Cox fit", without=("penalty", "strata")),
    Asked(STATSMODELS, "survival_curve", ("estimate", "std_error"), "SurvfuncRight", why="its limits are of another form"),
    Asked(STATSMODELS, "logrank", _TEST, "survdiff"),
    Asked(STATSMODELS, "cumulative_incidence", ("estimate",), "CumIncidenceRight", why="its variance is of another form"),
    Asked(PORT, "survival_curve", _CURVE, "survfit of the PyPI package survival, where it is installed"),
    Asked(PORT, "logrank", _TEST, "survdiff of the PyPI package survival"),
    Asked(PORT, "cox", _WALD, "coxph of the PyPI package survival, eps 1e-14", without=("penalty",)),
    Asked(PORT, "cox_zph", _TEST, "cox_zph of the PyPI package survival, transform km", without=("penalty",)),
    Asked(PLAIN, "median", _COUNTS, "counted row by row", late=True),
    Asked(PLAIN, "survival_curve", _COUNTS, "counted row by row", late=True),
    Asked(PLAIN, "cumulative_incidence", _COUNTS, "counted row by row", late=True),
    Asked(PLAIN, "restricted_mean", _COUNTS, "counted row by row", late=True),
    Asked(PLAIN, "logrank", ("n", "n_event"), "counted row by row"),
    Asked(PLAIN, "gray", ("n", "n_event"), "counted row by row"),
    Asked(PLAIN, "incidence_counts", _COUNTS, "counted row by row", late=True),
    Asked(PLAIN, "first_events", _COUNTS, "counted row by row", late=True),
    Asked(PLAIN, "at_risk", _COUNTS, "counted row by row", late=True),
    Asked(PLAIN, "levels", ("n", "n_event"), "counted row by row", late=True),
    Asked(PLAIN, "probability", ("n", "n_event"), "counted row by row", late=True),
    Asked(PLAIN, "crossing", ("n", "n_event"), "counted row by row", late=True),
    Asked(PLAIN, "cox", ("n", "n_event"), "counted row by row", late=True),
    Asked(PLAIN, "fine_gray", ("n", "n_event"), "counted row by row", late=True),
    Asked(PLAIN, "cox_over_time", ("n", "n_event"), "patients counted, not their rows", late=True),
    Asked(PLAIN, "subgroup", ("n", "n_event"), "counted row by row", late=True),
    Asked(PLAIN, "likelihood_ratio", ("n", "n_event"), "counted row by row", late=True),
    Asked(PLAIN, "linearity", ("n", "n_event"), "counted row by row", late=True),
    Asked(PLAIN, "profile", ("n", "n_event", "n_risk"), "those with the same levels, counted row by row", late=True),
    Asked(PLAIN, "treatment_ratio", ("n", "n_event"), "counted row by row", late=True),
    Asked(PLAIN, "treatment_risk", ("n", "n_event"), "counted row by row", late=True),
    Asked(PLAIN, "treatment_mean", ("n", "n_event"), "counted row by row", late=True),
    Asked(PLAIN, "treatment_at_risk", ("n_risk",), "counted row by row", late=True),
    Asked(PLAIN, "proportion", (*_LIMITS, "n", "n_event"), "the binomial tails summed and inverted by bisection"),
    Asked(PLAIN, "early_deaths", (*_LIMITS, "n", "n_event"), "the binomial tails summed and inverted by bisection"),
    Asked(PLAIN, "days", (*_LIMITS, "n", "n_event"), "the statistics module; limits from summed binomial tails"),
    Asked(PLAIN, "characteristic", ("estimate", "n", "n_event"), "the statistics module; standardised differences written out"),
    Asked(PLAIN, "missing", ("n", "n_event"), "counted row by row"),
    Asked(PLAIN, "one_sample", ("estimate", "std_error", "n", "n_event"), "each patient's hazard between the printed points, added up", late=True,
          why="the limits rest on the published curve's uncertainty, which has no second engine"),
    Asked(PLAIN, "contrast", ("estimate",), "subtracted or divided anew", why="the limits of a difference from a published figure have no second engine"),
)  # fmt: skip

# verbs of which nothing is asked, and why
NONE: dict[str, str] = {
    "published": "printed by its source, not computed",
    "chart": "a control chart or learning curve: no other package computes it",
    "chart_points": "a point along a control chart or learning curve",
    "pooled": "pooled from published figures, not from these patients",
    "counts": "a count of figures or of rows of the file, not of patients' outcomes",
    "balance": "a standardised difference before and after weighting: no engine is asked for it (the effects of the same weights are computed again)",
    "imputed": "drawn at random by chained equations: another engine draws other values",
    "resampled": "drawn at random by the bootstrap: another engine draws other resamples",
    "words": "words, no number",
    "calibration": "observed beside predicted risks: no engine is asked for them",
    "case_mix": "observed, expected and shrunken by a case-mix model: no other package computes them in this form",
}
NO_RECIPE = "the report does not say how it was made"


def asked_of(engine: str) -> dict[str, Asked]:
    """What an engine is asked for, by verb."""
    return {one.verb: one for one in TABLE if one.engine == engine}


def engine_table() -> pd.DataFrame:
    """The table as a data frame: engine, verb, numbers, how, tolerance, why."""
    return pd.DataFrame([{"engine": one.engine, "verb": one.verb, "numbers": ", ".join(one.numbers), "how": one.how, "tolerance": one.tolerance,
                          "why": one.why} for one in TABLE])  # fmt: skip


def without_engine(made: Recipe, numbers: Iterable[str], tried: Iterable[str]) -> str:
    """Why a number has no second engine among those that were asked."""
    if made.verb in NONE:
        return NONE[made.verb]
    could = [one for one in TABLE if one.verb == made.verb and one.engine != PORT and one.engine not in set(tried) and set(one.numbers) & set(numbers)]
    able = list(dict.fromkeys(one.engine for one in could if not any(made.get(name) for name in one.without)))
    if able:
        return f"only {' or '.join(able)} could, and {'it was' if len(able) == 1 else 'they were'} not asked"
    options = dict.fromkeys(name for one in could for name in one.without if made.get(name))
    if options:
        return f"no engine that is asked computes it {' and '.join(_WITH[name] for name in options)}"
    return "no engine that is asked computes it in the same form"


_WITH = {"penalty": "with Firth's penalty", "strata": "by strata", "method": "by this method"}
