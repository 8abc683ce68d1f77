"""verify: every number of a report computed again by engines that share no code with ours."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from haip_outcomes.errors import EndpointError, HaipError, PlanError, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.prognosis.verification import (
    plain_python,
    with_lifelines,
    with_r,
    with_scikit_survival,
    with_statsmodels,
    with_survival_port,
)
from haip_outcomes.prognosis.verification.as_written import FILES, altered, and_others
from haip_outcomes.prognosis.verification.asked import Task, tasks_of
from haip_outcomes.prognosis.verification.comparing import (
    ABOUT,
    AGREES,
    DIFFERS,
    FAILED,
    NOT_VERIFIED,
    Told,
    compared,
)
from haip_outcomes.prognosis.verification.engine_table import (
    ENGINES,
    LIFELINES,
    NONE,
    NUMBERS,
    PLAIN,
    PORT,
    SKSURV,
    STATSMODELS,
    R,
    asked_of,
)
from haip_outcomes.registry.cohort import Cohort, require_cohort
from haip_outcomes.survival.results import shown_as_html

Progress = Callable[[str, int, int], None]
_TEXT = dict.fromkeys(("chapter", "setting", "analysis", "quantity", "outcome", "group", "term", "level", "unit", "shown", "method", "status", "reason", "recipe"), str)
_ELSEWHERE = ("published", "counts", "words", "pooled", "chart_points")  # verbs of rows that are no estimates of this centre, or points of a line
_RUNS = {LIFELINES: with_lifelines.answers, SKSURV: with_scikit_survival.answers, PORT: with_survival_port.answers, STATSMODELS: with_statsmodels.answers, PLAIN: plain_python.answers}
_PACKAGE = {LIFELINES: "lifelines", SKSURV: "scikit-survival", STATSMODELS: "statsmodels", PORT: "survival"}
_NOT_ESTIMATES = tuple(NONE[verb] for verb in _ELSEWHERE)


@dataclass(frozen=True, eq=False, repr=False)
class Verification:
    """A report's numbers beside those of second engines. Made by `verify`.

    Attributes
    ----------
    frame : what `tidy()` returns.
    engines : the name of each engine that was asked -> its version.
    absent : engines that could have been asked and are not here, in words.
    method : the sentence the verification writes about itself.
    altered : which files of the report are no longer as it wrote them, in sentences; none for a report that is not on disk.
    unaltered : what is said of the files where none of them is.
    """

    frame: pd.DataFrame
    engines: dict[str, str]
    absent: tuple[str, ...]
    method: str
    altered: tuple[str, ...] = ()
    unaltered: str = ""

    def tidy(self) -> pd.DataFrame:
        """A row an estimate's number and engine: row (line of results.csv) chapter setting analysis quantity outcome group term level
        time number, ours theirs difference tolerance engine verdict. `difference` is relative to max(|theirs|, 0.001).
        """  # fmt: skip
        return self.frame.copy()

    @property
    def differing(self) -> pd.DataFrame:
        """The rows beyond their tolerance."""
        return self.frame[self.frame["verdict"] == DIFFERS]

    @property
    def compared(self) -> int:
        """How many comparisons were made: numbers times engines."""
        return int(self.frame["verdict"].isin([AGREES, DIFFERS]).sum())

    @property
    def passed(self) -> bool:
        """No number differs, at least one was compared, and the report's files are as it wrote them."""
        return not len(self.differing) and self.compared > 0 and not self.altered

    def estimates(self) -> pd.DataFrame:
        """A row an estimate of this centre (its `estimate`, or the `statistic` of a test): row chapter quantity engines verdict.

        `engines` names all that agree; published figures, counts of them and the points along a chart are no estimates.
        """
        ours = self.frame[self.frame["number"].isin(["estimate", "statistic"]) & self.frame["ours"].notna()]
        ours = ours[~ours["verdict"].isin([f"{NOT_VERIFIED}: {why}" for why in _NOT_ESTIMATES])]
        rows = []
        for row, lines in ours.groupby("row", sort=True):
            lead = lines[lines["number"] == ("estimate" if (lines["number"] == "estimate").any() else "statistic")]
            agreed = lead.loc[lead["verdict"] == AGREES, "engine"]
            wrong = bool((lead["verdict"] == DIFFERS).any())
            first = lead.iloc[0]
            word = DIFFERS if wrong else AGREES if len(agreed) else str(first["verdict"])
            rows.append({"row": row, "chapter": first["chapter"], "quantity": first["quantity"], "engines": ", ".join(agreed), "verdict": word})
        return pd.DataFrame(rows, columns=["row", "chapter", "quantity", "engines", "verdict"])

    def by_engine(self) -> pd.DataFrame:
        """A row an engine: engine version estimates numbers differs failed largest (difference among those that agree)."""
        rows = []
        for name, number in self.engines.items():
            own = self.frame[self.frame["engine"] == name]
            agreed = own[own["verdict"] == AGREES]
            rows.append({"engine": name, "version": number, "estimates": int(agreed.loc[agreed["number"].isin(["estimate", "statistic"]), "row"].nunique()), "numbers": len(agreed),
                         "differs": int((own["verdict"] == DIFFERS).sum()), "failed": int(own["verdict"].str.startswith(FAILED).sum()),
                         "largest": float(agreed["difference"].max()) if len(agreed) else float("nan")})  # fmt: skip
        return pd.DataFrame(rows, columns=["engine", "version", "estimates", "numbers", "differs", "failed", "largest"])

    def without_engine(self) -> pd.DataFrame:
        """A row a kind of number that has no second engine: chapter quantity why, which (estimate, conf_low, ...), numbers."""
        own = self.frame[self.frame["verdict"].str.startswith(NOT_VERIFIED)]
        own = own.assign(why=own["verdict"].str.removeprefix(f"{NOT_VERIFIED}: "), quantity=own["quantity"].fillna("-"))
        told = own.groupby(["chapter", "quantity", "why"], sort=False)["number"].agg(which=lambda names: tuple(dict.fromkeys(names)), numbers="size")
        return told.reset_index()

    def summary(self) -> tuple[str, ...]:
        """What was verified by what, in sentences; first what was done to the report since it was made."""
        each = self.estimates()
        good, wrong = int((each["verdict"] == AGREES).sum()), int((each["verdict"] == DIFFERS).sum())
        share = f" ({100 * good / len(each):.0f}%)" if len(each) else ""
        head = f"{good} of {plural(len(each), 'estimate')} of this report{share} were computed again and agree"
        head += f", with their standard errors, limits, statistics, p-values and counts: {plural(self.compared, 'comparison')}."
        by = [f"{row['engine']}{' ' + row['version'] if row['version'] else ''}: {row['estimates']}" for row in self.by_engine().to_dict("records")]
        told = [head, f"Estimates that agree, by engine: {'; '.join(by)}." if by else ""]
        told.append(self._beyond(wrong) if len(self.differing) else "No number is beyond its tolerance.")
        left = each[~each["verdict"].isin([AGREES, DIFFERS])]
        if len(left):
            told.append(f"{plural(len(left), 'estimate')} {'has' if len(left) == 1 else 'have'} no second engine.")
        points = int(self.frame.loc[self.frame["verdict"] == f"{NOT_VERIFIED}: {NONE['chart_points']}", "row"].nunique())
        if points:
            told.append(f"{plural(points, 'point')} along control charts and learning curves {'is' if points == 1 else 'are'} not computed again, and not counted here.")
        return tuple(filter(None, [*self.altered, *told, self.unaltered, *self.absent]))

    def _beyond(self, estimates: int) -> str:
        """How many numbers differ, and in which lines."""
        own = self.differing.drop_duplicates(["row", "number"])
        lines = [str(row) for row in dict.fromkeys(own["row"])]
        return (f"{plural(len(own), 'number')} in {plural(len(lines), 'line')} of results.csv (line {and_others(lines)}) {'is' if len(own) == 1 else 'are'} beyond the tolerance; "
                f"{plural(estimates, 'estimate')} among them.")  # fmt: skip

    def __repr__(self) -> str:
        return "\n".join(["Verification", *(f"  {sentence}" for sentence in self.summary())])

    def _repr_html_(self) -> str:
        return shown_as_html("Verification", self.by_engine(), " ".join([*self.summary(), f"{self.method}."]))


def verify(report: Any, cohort: Cohort, *, engines: Sequence[str] | None = None, progress: Progress | None = None) -> Verification:
    """Is every number of this report right? Each is computed again by engines that share no code with ours.

    Parameters
    ----------
    report : the folder of a report (or its index.html), or what `build_report` returned.
    cohort : the same patients, read from the same file with the same plan: their fingerprints must be those of the report.
    engines : which to ask: "R" (survival and cmprsk, where `Rscript` is), "survival" (the PyPI package, where it is installed), "lifelines",
        "scikit-survival", "statsmodels", "Python" (counting, binomial tails, quartiles). By default all that are here. Each is asked only for what it gets right.
    progress : called with (what is done, how many engines are through, of how many).

    Each row's recipe says how it was made; the engine gets the patients' times, states and covariates as arrays and nothing that we computed.
    The difference is |ours - theirs| / max(|theirs|, 0.001), and agrees up to 1e-6.

    Raises
    ------
    PlanError : there is no report, it is one for outside, or it was made from another file, plan or choice of patients.
    EndpointError : an engine that does not exist, or is not here and was asked for by name.

    >>> import haip_outcomes as haip
    >>> cohort = haip.demo_cohort().setting("unresectable")
    >>> verify(haip.build_report(cohort), cohort, engines=["statsmodels", "Python"]).passed
    True
    """
    require_cohort(cohort, "verify")
    chosen, absent = _chosen(engines)
    results, run = opened(report)
    since = ((), "") if hasattr(report, "results") else altered(folder_of(report), run)
    part = _same_patients(run, cohort)
    tasks, refused = tasks_of(results, part)
    told = []
    for done, name in enumerate(chosen):
        if progress is not None:
            progress(f"computing again with {name}", done, len(chosen))
        told.append(_told(name, tasks))
    frame = compared(results, tasks, refused, told)
    method = ("Each number computed again from the patients' times and columns by a second engine and compared relative to max(|theirs|, 0.001), to 1e-6; engines at "
              "their tightest precision (lifelines 1e-20, coxph and crr 1e-14)")  # fmt: skip
    return Verification(frame, {one.engine: one.version for one in told}, absent, method, *since)


def opened(report: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A report's results and the facts of its run; refuses what can't be verified."""
    if hasattr(report, "results") and hasattr(report, "run"):
        results, run = report.results, report.run
    else:
        results, run = _read(folder_of(report))
    if "cohort_sha256" not in run:
        raise PlanError("This is a report for outside (--share): its numbers are rounded, small ones are hidden, and it does not say which file it was made from, so it "
                        "can't be verified. Make and verify the report without --share; the one for outside is made from the same numbers.")  # fmt: skip
    if "recipe" not in results:
        why = "it was changed after the report was made" if FILES in run else "the report was made by an earlier version of haip_outcomes"
        raise PlanError(f"results.csv has no column recipe: {why}. Make it anew with haip-outcomes analyse.")
    return results.reset_index(drop=True), run


def folder_of(report: Any) -> Path:
    """The folder of a report; refuses a path that is none."""
    path = Path(report)
    folder = path.parent if path.is_file() else path
    if not (folder / "results.csv").is_file() or not (folder / "run.json").is_file():
        raise PlanError(f"{path} is no report: it holds no results.csv and run.json. Name the folder that haip-outcomes analyse wrote.")
    return folder


def _read(folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        results = pd.read_csv(folder / "results.csv", dtype=_TEXT, keep_default_na=False, na_values=[""], encoding="utf-8-sig", float_precision="round_trip")
    except (OSError, ValueError) as error:
        raise PlanError(f"The report in {folder} can't be read ({type(error).__name__}): was it changed (results.csv opened and saved in a spreadsheet?) Make the report anew.") from None
    if not isinstance(run, dict) or not {*ABOUT, *NUMBERS, "status"} <= set(results):
        raise PlanError(f"The report in {folder} is not as haip-outcomes analyse wrote it: columns are missing (results.csv opened and saved in a spreadsheet?). Make it anew.")
    for name in ("time", *NUMBERS):
        numbers = pd.to_numeric(results[name], errors="coerce")
        wrong = results.index[numbers.isna() & results[name].notna()]
        if len(wrong):
            raise PlanError(f'results.csv, line {int(wrong[0]) + 2}: "{results.loc[wrong[0], name]}" in the column {name} is no number. It was changed after the report was made '
                            "(opened and saved in a spreadsheet?): make the report anew.")  # fmt: skip
        results[name] = numbers
    return results, run


def _same_patients(run: dict[str, Any], cohort: Cohort) -> Cohort:
    """The patients of the report; refuses another file, another plan, or other exclusions."""
    if run["cohort_sha256"] != cohort.source.sha256:
        raise PlanError(f"Another file: the report was made from {run.get('cohort_file', 'a file')} (SHA-256 {str(run['cohort_sha256'])[:12]}...), and {cohort.source.name} is "
                        f"{cohort.source.sha256[:12]}.... Give the file that was analysed, or make the report anew from this one.")  # fmt: skip
    if run.get("plan_sha256") != cohort.plan.sha256:
        raise PlanError(f"Another plan: the report was made with a plan of SHA-256 {str(run.get('plan_sha256'))[:12]}..., and this one is {str(cohort.plan.sha256)[:12]}.... "
                        "Give the plan that was used, or make the report anew with this one.")  # fmt: skip
    part = cohort.centre(str(run["centre"])) if run.get("centre") else cohort
    found = {name: len(part.setting(name)) for name in part.settings}
    if run.get("patients", found) != found:
        raise PlanError(f"Other patients: the report is of {_counts(run['patients'])}, and this cohort has {_counts(found)}. Leave out the same patients (cohort.where) as "
                        "when the report was made.")  # fmt: skip
    return part


def _counts(found: dict[str, int]) -> str:
    return listed([f"{n} {name}" for name, n in found.items()])


def _chosen(engines: Sequence[str] | None) -> tuple[list[str], tuple[str, ...]]:
    """The engines to ask, and what is not here."""
    known = {name.casefold(): name for name in ENGINES}
    wanted = list(ENGINES) if engines is None else [engines] if isinstance(engines, str) else list(engines)
    chosen: list[str] = []
    absent: list[str] = []
    for name in wanted:
        if str(name).casefold() not in known:
            raise EndpointError(f'There is no engine "{name}". {did_you_mean(str(name), ENGINES)}')
        one = known[str(name).casefold()]
        reason = _absent(one)
        if reason and one == PORT and engines is None:  # few have it, and nothing needs it
            continue
        if reason and engines is not None:
            raise EndpointError(reason)
        (absent if reason else chosen).append(reason or one)
    return list(dict.fromkeys(chosen)), tuple(absent)


def _absent(engine: str) -> str:
    if engine == R and not with_r.there():
        return "R was not asked: there is no Rscript on the PATH. Install R with its packages survival and cmprsk to have standard errors, medians and models verified by it."
    if engine in _PACKAGE:
        try:
            version(_PACKAGE[engine])
        except PackageNotFoundError:
            return f"{engine} was not asked: it is not installed."
    return ""


def _told(engine: str, tasks: Sequence[Task]) -> Told:
    """What an engine says to the tasks that it is asked."""
    asked = asked_of(engine)
    own = [task for task in tasks if task.recipe.verb in asked and not any(task.recipe.get(name) for name in asked[task.recipe.verb].without)
           and (asked[task.recipe.verb].late or not task.late)]  # fmt: skip
    if engine == R:
        try:
            answers, failed, number = with_r.answers(own)
        except HaipError as error:
            return Told(engine, "", {}, {task.key: str(error).rstrip(".") for task in own})
        return Told(engine, number, {key: rows for key, rows in answers.items() if key not in failed}, failed)
    found: dict[int, list[plain_python.Answer]] = {}
    wrong: dict[int, str] = {}
    for task in own:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found[task.key] = _RUNS[engine](task)
            except Exception as error:  # another library's fault must not stop the verification: it is said in its row
                wrong[task.key] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:120] if str(error).strip() else 'no reason given'}"
    return Told(engine, version(_PACKAGE[engine]) if engine in _PACKAGE else "", found, wrong)
