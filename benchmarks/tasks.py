"""What is measured: the tasks, who takes part in each, and what is to be reached."""

from __future__ import annotations

from dataclasses import dataclass

SIZES = (1_000, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Contestant:
    """One way to do a task: `trial` is the function's name in engines/`engine`.py (or in engines/r.R).

    `like` names a convention: numbers are compared with R's of the same one where R has it ("" is the task's own).
    """

    label: str
    engine: str
    trial: str
    note: str = ""
    like: str = ""

    @property
    def ours(self) -> bool:
        """Of haip_outcomes."""
        return self.engine == "haip"

    @property
    def is_r(self) -> bool:
        """Of R."""
        return self.engine == "r"


@dataclass(frozen=True)
class Setting:
    """A data set: n patients, p covariates, days `tied` or `continuous`, or `months`."""

    n: int
    kind: str
    p: int = 8
    replicates: int = 0

    @property
    def name(self) -> str:
        """Its folder."""
        return f"{self.kind}-{self.n}-{self.p}"


@dataclass(frozen=True)
class Task:
    """A question and who answers it. The first of ours is the one that is judged; the first of R's is the reference."""

    name: str
    title: str
    contestants: tuple[Contestant, ...]
    settings: tuple[Setting, ...]

    @property
    def large(self) -> bool:
        """At growing numbers of patients."""
        return self.settings == LARGE


LARGE = tuple(Setting(n, kind) for n in SIZES for kind in ("tied", "continuous"))
SMALL = tuple(Setting(n, "months", p) for n, p in ((40, 4), (60, 4), (200, 4), (3000, 4), (1000, 60)))
ALL, ALONE = "haip_outcomes", "haip_outcomes, estimator alone"
NO_SE = "no standard error"
ONE_PROCESS = "haip_outcomes, one process"


def _c(label: str, engine: str, trial: str, note: str = "", like: str = "") -> Contestant:
    return Contestant(label, engine, trial, note, like)


_COX_PEERS = (
    _c("R survival: coxph", "r", "coxph", "with concordance"),
    _c("R survival: coxph.fit", "r", "coxph.fit", "bare, on a matrix"),
    _c("lifelines", "lifelines", "cox"),
    _c("scikit-survival", "scikit_survival", "cox", NO_SE),
    _c("statsmodels", "statsmodels", "cox"),
    _c("comprisk", "comprisk", "cox", "Breslow ties: has no Efron"),
    _c("surpyval", "surpyval", "cox"),
    _c("survival-rs: coxph", "survival_rs", "cox"),
    _c("survival-rs: core", "survival_rs", "cox_core", "on arrays"),
    _c("coxdev", "coxdev", "cox", "Newton steps around it written here"),
)

TASKS = (
    Task("cox", "Cox regression, Efron ties, 8 covariates", (
        _c(ALL, "haip", "cox"),
        _c(ALONE, "haip", "cox_estimator"),
        _c("haip_outcomes, with concordance", "haip", "cox_glance", "with glance(), as coxph always does"),
        *_COX_PEERS), LARGE),
    Task("fine_gray", "Fine-Gray regression with standard errors, 8 covariates", (
        _c(ALL, "haip", "fine_gray", "crr's sandwich"),
        _c(ALONE, "haip", "fine_gray_estimator", "crr's sandwich"),
        _c('haip_outcomes, se="finegray"', "haip", "fine_gray_weighted", "finegray + coxph's sandwich", "finegray"),
        _c("R cmprsk: crr", "r", "cmprsk.crr", "crr's sandwich"),
        _c("R survival: finegray + coxph", "r", "finegray", "finegray's sandwich", "finegray"),
        _c("comprisk, robust", "comprisk", "fine_gray", "sandwich of Geskus"),
        _c("comprisk, default", "comprisk", "fine_gray_naive", "naive standard errors"),
        _c("surpyval", "surpyval", "fine_gray", "naive standard errors"),
        _c("survival-rs: finegray_regression", "survival_rs", "fine_gray", "naive standard errors"),
        _c("survival-rs: finegray + coxph", "survival_rs", "fine_gray_weighted", "finegray's sandwich", "finegray")), LARGE),
    Task("gray", "Gray's test, 3 groups", (
        _c(ALL, "haip", "gray"),
        _c(ALONE, "haip", "gray_estimator"),
        _c("R cmprsk: cuminc", "r", "cmprsk.gray", "with the curves of all groups"),
        _c("comprisk", "comprisk", "gray"),
        _c("surpyval", "surpyval", "gray")), LARGE),
    Task("aalen_johansen", "Aalen-Johansen, 2 causes, with variance", (
        _c(ALL, "haip", "aalen_johansen"),
        _c(ALONE, "haip", "aalen_johansen_estimator"),
        _c("haip_outcomes, with tidy()", "haip", "aalen_johansen_tidy", "all rows as a data frame"),
        _c("R cmprsk: cuminc", "r", "cmprsk.cuminc"),
        _c("R survival: survfit", "r", "survfit.states", "infinitesimal jackknife", "jackknife"),
        _c("lifelines", "lifelines", "aalen_johansen", "jitters ties; a fit a cause"),
        _c("scikit-survival", "scikit_survival", "aalen_johansen", "limits only"),
        _c("statsmodels", "statsmodels", "aalen_johansen", "Aalen's variance"),
        _c("comprisk", "comprisk", "aalen_johansen"),
        _c("surpyval", "surpyval", "aalen_johansen", "limits at 7 times"),
        _c("survival-rs: core", "survival_rs", "aalen_johansen", "infinitesimal jackknife", "jackknife")), LARGE),
    Task("concordance", "Harrell's concordance with standard error", (
        _c(ALL, "haip", "concordance"),
        _c(ALONE, "haip", "concordance_estimator"),
        _c("R survival: concordance", "r", "concordance"),
        _c("lifelines", "lifelines", "concordance", NO_SE),
        _c("scikit-survival", "scikit_survival", "concordance", NO_SE),
        _c("comprisk", "comprisk", "concordance", NO_SE + "; pairs of an event and a censoring at its time left out"),
        _c("surpyval", "surpyval", "concordance", NO_SE),
        _c("survival-rs: concordance", "survival_rs", "concordance"),
        _c("survival-rs: core", "survival_rs", "concordance_core", "on arrays")), LARGE),
    Task("kaplan_meier", "Kaplan-Meier with standard error and log-log limits", (
        _c(ALL, "haip", "kaplan_meier"),
        _c(ALONE, "haip", "kaplan_meier_estimator"),
        _c("haip_outcomes, with tidy()", "haip", "kaplan_meier_tidy", "all rows as a data frame"),
        _c("R survival: survfit", "r", "survfit"),
        _c("lifelines", "lifelines", "kaplan_meier"),
        _c("scikit-survival", "scikit_survival", "kaplan_meier"),
        _c("statsmodels", "statsmodels", "kaplan_meier", "no limits"),
        _c("surpyval", "surpyval", "kaplan_meier", "no limits"),
        _c("survival-rs: survfit", "survival_rs", "kaplan_meier"),
        _c("survival-rs: core", "survival_rs", "kaplan_meier_core", "on arrays"),
        _c("greenwood", "greenwood", "kaplan_meier")), LARGE),
    Task("logrank", "Log-rank test, 3 groups", (
        _c(ALL, "haip", "logrank"),
        _c(ALONE, "haip", "logrank_estimator"),
        _c("R survival: survdiff", "r", "survdiff"),
        _c("lifelines", "lifelines", "logrank"),
        _c("scikit-survival", "scikit_survival", "logrank"),
        _c("statsmodels", "statsmodels", "logrank"),
        _c("surpyval", "surpyval", "logrank"),
        _c("survival-rs: survdiff", "survival_rs", "logrank"),
        _c("survival-rs: core", "survival_rs", "logrank_core", "on arrays"),
        _c("greenwood", "greenwood", "logrank")), LARGE),
    Task("small_cox", "One Cox fit of a small cohort (Efron ties, months)", (
        _c(ALL, "haip", "cox"), _c(ALONE, "haip", "cox_estimator"), *_COX_PEERS, _c("greenwood", "greenwood", "cox")), SMALL),
    Task("small_firth", "One Firth fit of a small cohort (months)", (
        _c("haip_outcomes, Breslow", "haip", "firth"),
        _c("haip_outcomes, Efron", "haip", "firth_efron", like="efron"),
        _c("firthmodels", "firthmodels", "firth", "Breslow ties: has no Efron")), SMALL[:4]),
    Task("bootstrap", "1,000 bootstrap Cox fits of 200 patients, 4 covariates (months)", (
        _c(ALL, "haip", "bootstrap", "draws its own samples"),
        _c("R survival: coxph", "r", "bootstrap.coxph"),
        _c("R survival: coxph.fit", "r", "bootstrap.coxph.fit", "bare, on a matrix"),
        _c("lifelines", "lifelines", "bootstrap"),
        _c("scikit-survival", "scikit_survival", "bootstrap"),
        _c("survival-rs: core", "survival_rs", "bootstrap", "on arrays")), (Setting(200, "months", 4, replicates=1000),)),
    Task("validation", "Optimism of a Cox model by 1,000 bootstraps of the whole modelling, 200 patients, 8 covariates (months)", (
        _c(ALL, "haip", "validation", "draws its own samples; 11 measures and their limits"),
        _c("lifelines + scikit-survival", "lifelines_scikit_survival", "validation", "C, Brier score and slope")), (Setting(200, "months", 8, replicates=1000),)),
    Task("validation_processes", "Validation of six models on 200 resamples of 200 patients, 8 covariates (months)", (
        _c(ALL, "haip", "validation_two_processes", "two processes, their start within the clock"),
        _c(ONE_PROCESS, "haip", "validation_one_process")), (Setting(200, "months", 8, replicates=200),)),
    Task("imputation", "50 imputations of 200 patients with 10 columns, 10 rounds, and the pooled Cox model (months)", (
        _c(ALL, "haip", "imputation", "its own chance"),
        _c("R mice", "r", "mice.pool", "its own chance; predictive means for numbers, logistic for 0/1")), (Setting(200, "months", 10),)),
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """At `n` patients, our time over that of `beside` is at most `most`. `beside`: a label, "peer" (any), "Python peer" or CLOCK (`most` is in seconds)."""

    task: str
    n: int
    beside: str
    most: float
    p: int = 8


_MILLION = SIZES[-1]
CLOCK = "the clock"
TARGETS = (
    Target("cox", _MILLION, "R survival: coxph", 0.2),
    Target("cox", _MILLION, "Python peer", 0.4),
    Target("fine_gray", _MILLION, "peer", 0.25),
    Target("gray", _MILLION, "R cmprsk: cuminc", 0.2),
    Target("aalen_johansen", _MILLION, "R cmprsk: cuminc", 0.15),
    Target("concordance", _MILLION, "R survival: concordance", 0.15),
    Target("kaplan_meier", _MILLION, "peer", 1.0),
    Target("logrank", _MILLION, "peer", 1.0),
    *(Target("small_cox", n, "lifelines", 0.1, p) for n, p in ((40, 4), (60, 4), (200, 4), (3000, 4), (1000, 60))),
    Target("bootstrap", 200, "lifelines", 0.005, 4),
    Target("bootstrap", 200, "R survival: coxph", 0.05, 4),
    Target("bootstrap", 200, "R survival: coxph.fit", 0.3, 4),
    Target("validation", 200, "lifelines + scikit-survival", 0.05, 8),
    Target("validation_processes", 200, ONE_PROCESS, 1 / 1.7, 8),
    Target("imputation", 200, CLOCK, 5, 10),
)
MEMORY_MOST = 0.5  # of R's, at a million patients
GROWTH_MOST = 10 * 6 / 5  # time at 10^6 over time at 10^5, of n log n
