"""Chapters on the data, the methods and this run; and the facts of the run for run.json."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

from haip_outcomes import __version__
from haip_outcomes.errors import Problem
from haip_outcomes.formatting import listed
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.registry.endpoints import LATE_DEATH_DAYS
from haip_outcomes.report.chance import SEED
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.outside import METHOD, shared_problems
from haip_outcomes.report.words import by_setting
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.outcomes import hidden_note
from haip_outcomes.tables.table import Table

_PACKAGES = ("numpy", "pandas", "scipy", "statsmodels", "matplotlib", "pandera", "pydantic")


def data_notes(cohort: Cohort) -> tuple[Problem, ...]:
    """What the data made us note: warnings of the file, and deaths long after the last look."""
    late: dict[tuple[str, str, tuple[int, ...]], list[str]] = {}
    for name, recipe in cohort.plan.endpoints.items():
        died = cohort.late_deaths(name)
        places = [cohort.place(int(patient)) for patient in cohort.frame.index[died]]
        for file in dict.fromkeys(file for file, _ in places):
            late.setdefault((file, recipe.last_seen or "", tuple(row for one, row in places if one == file)), []).append(recipe.label)
    return (*cohort.warnings, *(
        Problem(file, column, rows, f"death more than {LATE_DEATH_DAYS} days later", "a look at the patient closer to the death",
                f"add later looks if there were any; concerns {listed(labels)}, and the liver chapter shows what these deaths change", "warning")
        for (file, column, rows), labels in late.items()
    ))  # fmt: skip


def problems_frame(problems: tuple[Problem, ...]) -> pd.DataFrame:
    """The problems as a table for problems.csv."""
    columns = ["severity", "table", "rows", "column", "found", "expected", "advice"]
    rows = [(p.severity, p.table, " ".join(str(row) for row in p.rows), p.column, p.found, p.expected, p.advice) for p in problems]
    return pd.DataFrame(rows, columns=columns)


def the_data(cohort: Cohort, notes: tuple[Problem, ...], policy: Policy = OPEN) -> Chapter:
    """What the data made us note."""
    chapter = Chapter("data", "Notes on the data", policy)
    if policy.hides:
        _shared_data(shared_problems(notes, cohort, policy), chapter)
        return chapter
    if notes:
        several = len({note.table for note in notes} | {cohort.source.name}) > 1
        rows = tuple((f"{note.table}: {note.where()}" if several else note.where(), note.column or "-", note.found, note.expected, note.advice) for note in notes)
        header = ("Table and row" if several else "Row", "Column", "Found", "Expected", "What to do")
        chapter.show(Table("notes", "Notes", header, rows, text_columns=(1, 2, 3, 4)), "notes_on_the_data")
    else:
        chapter.say("The file has no problem that the plan's rules can see.")
    if cohort.source.unused_columns:
        chapter.say(f"Columns of the file that the plan does not mention, and that were not read: {', '.join(cohort.source.unused_columns)}.", "note")
    return chapter


def _shared_data(problems: pd.DataFrame, chapter: Chapter) -> None:
    rows = tuple((row["concerns"], row["column"] or "-", row["patients"]) for row in problems.to_dict("records"))
    if rows:
        chapter.show(Table("notes", "Notes", ("What", "Column", "Patients"), rows, tuple(filter(None, [hidden_note(rows)])), text_columns=(1,)),
                     "notes_on_the_data")  # fmt: skip
    else:
        chapter.say("The file has no problem that the plan's rules can see.")


def the_methods(cohort: Cohort, chapters: list[Chapter], policy: Policy = OPEN) -> Chapter:
    """Endpoints as the plan defines them, and the sentence each estimator wrote about itself."""
    chapter = Chapter("methods", "Methods", policy)
    if policy.hides:
        chapter.say(METHOD)
    rows = []
    for name, recipe in cohort.plan.endpoints.items():
        seen = cohort.plan.label(recipe.last_seen) if recipe.last_seen else "the times themselves"
        both = f"; {' and '.join(recipe.both.events)} at most {recipe.both.within_days} days apart are {recipe.both.label}" if recipe.both else ""
        rows.append((recipe.label, cohort.recipe(name).time_zero, f"{', '.join(recipe.events)}{both}", seen))
    chapter.show(Table("endpoints", "Endpoints", ("Endpoint", "Time zero", "Events (the earliest counts; at a tie, in this order)", "Censored at"), tuple(rows),
                       ("Times made from dates are in months of 365.25/12 days. Death counts on its own date, also after the last look.",),
                       text_columns=(1, 2, 3)), "endpoints")  # fmt: skip
    for other in chapters:
        sentences = list(dict.fromkeys(_general(sentence) for sentence in other.methods))
        if sentences:
            chapter.say(f"{other.title}. " + " ".join(s if s.endswith(".") else f"{s}." for s in sentences))
    if cohort.methods:
        chapter.say("Derived columns. " + " ".join(f"{policy.words(sentence)}." for sentence in cohort.methods.values()))
    used = " ".join(sentence for other in chapters for sentence in other.methods)
    chapter.heading("References")
    for words, reference in REFERENCES:
        if any(word in used for word in words.split("|")):
            chapter.say(reference, "note")
    return chapter


_COUNTS = re.compile(r"\d+ (of \d+ |to \d+ of \d+ )?(patient|event|end|univariable)|^\w[\w ]* \d+(,|$)|univariable model of|multivariable model of")


def _general(sentence: str) -> str:
    """What was done, without the counts of one analysis."""
    told = "; ".join(part for part in sentence.split("; ") if not _COUNTS.search(part))
    told = told.split(" of ")[0] if told.startswith("Gray's test") else told
    return told[:1].upper() + told[1:]


# what a method's sentence says -> the work it rests on; only what was used is cited
REFERENCES = (
    ("Kaplan-Meier", "Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. J Am Stat Assoc 1958;53:457-481. doi:10.1080/01621459.1958.10501452"),
    ("Kaplan-Meier", "Brookmeyer R, Crowley J. A confidence interval for the median survival time. Biometrics 1982;38:29-41. doi:10.2307/2530286"),
    ("reverse Kaplan-Meier", "Schemper M, Smith TL. A note on quantifying follow-up in studies of failure time. Control Clin Trials 1996;17:343-346. doi:10.1016/0197-2456(96)00075-X"),
    ("Aalen-Johansen", "Aalen OO, Johansen S. An empirical transition matrix for non-homogeneous Markov chains based on censored observations. Scand J Stat 1978;5:141-150"),
    ("Gray's test", "Gray RJ. A class of K-sample tests for comparing the cumulative incidence of a competing risk. Ann Stat 1988;16:1141-1154. doi:10.1214/aos/1176350951"),
    ("Restricted mean", "Royston P, Parmar MKB. Restricted mean survival time: an alternative to the hazard ratio for the design and analysis of randomized trials with a time-to-event outcome. BMC Med Res Methodol 2013;13:152. doi:10.1186/1471-2288-13-152"),
    ("Log-rank", "Peto R, Peto J. Asymptotically efficient rank invariant test procedures. J R Stat Soc A 1972;135:185-207. doi:10.2307/2344317"),
    ("Cox", "Cox DR. Regression models and life-tables. J R Stat Soc B 1972;34:187-220. doi:10.1111/j.2517-6161.1972.tb00899.x"),
    ("Efron", "Efron B. The efficiency of Cox's likelihood function for censored data. J Am Stat Assoc 1977;72:557-565. doi:10.1080/01621459.1977.10480613"),
    ("Cox", "Grambsch PM, Therneau TM. Proportional hazards tests and diagnostics based on weighted residuals. Biometrika 1994;81:515-526. doi:10.1093/biomet/81.3.515"),
    ("Clopper", "Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the binomial. Biometrika 1934;26:404-413. doi:10.1093/biomet/26.4.404"),
    ("MOVER", "Zou GY, Donner A. Construction of confidence limits about effect measures: a general approach. Stat Med 2008;27:1693-1702. doi:10.1002/sim.3095"),
    ("One-sample log-rank", "Wu J. A new one-sample log-rank test. J Biom Biostat 2014;5:210. doi:10.4172/2155-6180.1000210"),
    ("Guyot|reconstructed", "Guyot P, Ades AE, Ouwens MJNM, Welton NJ. Enhanced secondary analysis of survival data: reconstructing the data from published Kaplan-Meier survival curves. BMC Med Res Methodol 2012;12:9. doi:10.1186/1471-2288-12-9"),
    ("Hartung-Knapp", "Röver C, Knapp G, Friede T. Hartung-Knapp-Sidik-Jonkman approach and its modification for random-effects meta-analysis with few studies. BMC Med Res Methodol 2015;15:99. doi:10.1186/s12874-015-0091-1"),
    ("prediction interval", "Higgins JPT, Thompson SG, Spiegelhalter DJ. A re-evaluation of random-effects meta-analysis. J R Stat Soc A 2009;172:137-159. doi:10.1111/j.1467-985X.2008.00552.x"),
    ("Spiegelhalter", "Spiegelhalter DJ. Funnel plots for comparing institutional performance. Stat Med 2005;24:1185-1202. doi:10.1002/sim.1970"),
    ("beta-binomial", "Kleinman JC. Proportions with extraneous variance: single and independent samples. J Am Stat Assoc 1973;68:46-54. doi:10.1080/01621459.1973.10481332"),
    ("gamma-Poisson", "Clayton D, Kaldor J. Empirical Bayes estimates of age-standardized relative risks for use in disease mapping. Biometrics 1987;43:671-681. doi:10.2307/2532003"),
    ("Steiner", "Steiner SH, Cook RJ, Farewell VT, Treasure T. Monitoring surgical performance using risk-adjusted cumulative sum charts. Biostatistics 2000;1:441-452. doi:10.1093/biostatistics/1.4.441"),
    ("Biswas and Kalbfleisch", "Biswas P, Kalbfleisch JD. A risk-adjusted CUSUM in continuous time based on the Cox model. Stat Med 2008;27:3382-3406. doi:10.1002/sim.3216"),
    ("Fine-Gray", "Fine JP, Gray RJ. A proportional hazards model for the subdistribution of a competing risk. J Am Stat Assoc 1999;94:496-509. doi:10.1080/01621459.1999.10474144"),
    ("Suissa|immortal time|time-varying|landmark at", "Anderson JR, Cain KC, Gelber RD. Analysis of survival by tumor response. J Clin Oncol 1983;1:710-719. doi:10.1200/JCO.1983.1.11.710"),
    ("chained equations", "White IR, Royston P, Wood AM. Multiple imputation using chained equations: issues and guidance for practice. Stat Med 2011;30:377-399. doi:10.1002/sim.4067"),
    ("Barnard-Rubin", "Barnard J, Rubin DB. Small-sample degrees of freedom with multiple imputation. Biometrika 1999;86:948-955. doi:10.1093/biomet/86.4.948"),
    ("bootstrap of the whole modelling", "Harrell FE, Lee KL, Mark DB. Multivariable prognostic models: issues in developing models, evaluating assumptions and adequacy, and measuring and reducing errors. Stat Med 1996;15:361-387. doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4"),
    ("Noma 2021", "Noma H, Shinozaki T, Iba K, Teramukai S, Furukawa TA. Confidence intervals of prediction accuracy measures for multivariable prediction models based on the bootstrap-based optimism correction methods. Stat Med 2021;40:5691-5701. doi:10.1002/sim.9148"),
    ("Rubin's rules", "Rubin DB. Multiple imputation for nonresponse in surveys. Wiley 1987. doi:10.1002/9780470316696"),
    ("propensity score", "Rosenbaum PR, Rubin DB. The central role of the propensity score in observational studies for causal effects. Biometrika 1983;70:41-55. doi:10.1093/biomet/70.1.41"),
    ("Zaslavsky 2018", "Li F, Morgan KL, Zaslavsky AM. Balancing covariates via propensity score weighting. J Am Stat Assoc 2018;113:390-400. doi:10.1080/01621459.2016.1260466"),
    ("Austin 2016", "Austin PC. Variance estimation when using inverse probability of treatment weighting (IPTW) with survival analysis. Stat Med 2016;35:5642-5655. doi:10.1002/sim.7084"),
    ("Firth", "Firth D. Bias reduction of maximum likelihood estimates. Biometrika 1993;80:27-38. doi:10.1093/biomet/80.1.27"),
    ("Kaplan-Meier|Aalen-Johansen", "Morris TP, Jarvis CI, Cragg W, et al. Proposals on Kaplan-Meier plots in medical research and a survey of stakeholder views: KMunicate. BMJ Open 2019;9:e030215. doi:10.1136/bmjopen-2019-030215"),
)


def the_run(cohort: Cohort, facts: dict[str, Any]) -> Chapter:
    """Version, file, hashes."""
    chapter = Chapter("run", "This run")
    if "cohort_sha256" not in facts:  # for outside
        about = [("haip_outcomes", facts["haip_outcomes"]), ("Python", facts["python"]), ("Made (UTC)", facts["made"]), *facts["packages"].items()]
        chapter.show(Table("run", "What made this report", ("What", "Value"), tuple(about), text_columns=(1,)), "run")
        return chapter
    rows = [("haip_outcomes", facts["haip_outcomes"]), ("Python", facts["python"]), ("Made (UTC)", facts["made"]),
            ("Cohort file", facts["cohort_file"]), ("Its SHA-256", facts["cohort_sha256"]), ("Plan's SHA-256", facts["plan_sha256"]),
            ("Random numbers", facts["seed"]), *((name, number) for name, number in facts["packages"].items())]  # fmt: skip
    chapter.show(Table("run", "What made this report", ("What", "Value"), tuple(rows), text_columns=(1,)), "run")
    return chapter


# what a method's sentence says -> what of it is drawn at random
_DRAWN = (("simulated charts", "the limits of control charts"), ("imputation", "imputations"), ("resamples", "bootstrap resamples"))


def run_facts(cohort: Cohort, chapters: Sequence[Chapter] = (), centre: str = "") -> dict[str, Any]:
    """The facts of a run, for run.json; `centre` is the one of several that was asked about."""
    methods = [method for chapter in chapters for method in chapter.methods]
    drawn = [what for words, what in _DRAWN if any(words in method for method in methods)]
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    return {
        "haip_outcomes": __version__, "python": platform.python_version(), "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "cohort": cohort.plan.cohort.name, "cohort_file": cohort.source.name, "cohort_sha256": cohort.source.sha256,
        "plan_sha256": cohort.plan.sha256, "seed": f"{SEED} ({listed(drawn)})" if drawn else "none used",
        **({"centre": centre} if centre else {}), "patients": {setting: len(part) for setting, part, _ in by_setting(cohort)}, "packages": packages,
    }  # fmt: skip
