"""build_report: everything that a programme asks of its cohort, in one report."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from haip_outcomes.benchmark.case_mix.case_mix_model import ReferenceModel
from haip_outcomes.benchmark.comparison import Comparison
from haip_outcomes.benchmark.literature import Figures
from haip_outcomes.benchmark.plan_figures import figures_of
from haip_outcomes.errors import EndpointError, HaipError
from haip_outcomes.figures.style import Drawing, save_figure
from haip_outcomes.formatting import listed, plural
from haip_outcomes.prognosis.verification.as_written import FILES, fingerprints
from haip_outcomes.programme.safety_and_delivery import proportions
from haip_outcomes.registry.cohort import Cohort, require_cohort
from haip_outcomes.report.asked import Asked, references_of
from haip_outcomes.report.centres_beside import centres
from haip_outcomes.report.checklist import checklist
from haip_outcomes.report.cleared_literature import cleared_comparison
from haip_outcomes.report.cleared_programme import cleared_proportions
from haip_outcomes.report.content import Chapter, Refusal, results_of
from haip_outcomes.report.delivery import delivery
from haip_outcomes.report.included import included
from haip_outcomes.report.literature import compared, literature
from haip_outcomes.report.liver import liver_events
from haip_outcomes.report.liver_against import liver_against
from haip_outcomes.report.one_after_another import over_time
from haip_outcomes.report.other_endpoints import other_endpoints
from haip_outcomes.report.outside import last_look, notice, shareable, shared_facts, shared_problems
from haip_outcomes.report.overall_survival import overall_survival
from haip_outcomes.report.predicted import predicted
from haip_outcomes.report.prognostic import prognostic
from haip_outcomes.report.render import render_html
from haip_outcomes.report.run import data_notes, problems_frame, run_facts, the_data, the_methods, the_run
from haip_outcomes.report.treatments import treatments
from haip_outcomes.report.turning import what_would_change
from haip_outcomes.report.verified import not_verified
from haip_outcomes.report.write import MARK, new_folder
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.table import Table

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """A finished report. `write(folder)` puts it on disk; `html()` is the page; `results` every number shown."""

    title: str
    subtitle: str
    chapters: tuple[Chapter, ...]
    results: pd.DataFrame
    problems: pd.DataFrame
    run: dict[str, Any]
    synthetic: bool
    caution: str
    notice: str = ""

    @property
    def refused(self) -> int:
        """How many analyses could not be done; each has its line with the reason."""
        return len(self.not_done)

    @property
    def not_done(self) -> tuple[str, ...]:
        """Which these are, in the order of the report."""
        return tuple(block.analysis for chapter in self.chapters for block in chapter.blocks if isinstance(block, Refusal))

    def html(self) -> str:
        """The report as one HTML page that opens offline and prints on A4."""
        return render_html(self.title, self.subtitle, list(self.chapters), synthetic=self.synthetic, caution=self.caution, notice=self.notice)

    def write(self, folder: str | Path, *, overwrite: bool = False, progress: Progress | None = None) -> Path:
        """Write index.html, figures/, tables/, results.csv, problems.csv and run.json; returns the path of index.html.

        The folder appears under its name only when all is written. An existing one is refused, unless `overwrite` and
        it is an earlier report (PlanError).
        """
        target = Path(folder)
        blocks = [block for chapter in self.chapters for block in chapter.blocks]
        drawings = [block for block in blocks if isinstance(block, Drawing)]
        with new_folder(target, overwrite=overwrite) as temporary:
            for i, drawing in enumerate(drawings):
                _tell(progress, f"figure {drawing.name}", i, len(drawings) + 1)
                save_figure(drawing, temporary / "figures" / drawing.name)
            for table in blocks:
                if isinstance(table, Table):
                    table.to_csv(temporary / "tables" / f"{table.name}.csv")
            _tell(progress, "page", len(drawings), len(drawings) + 1)
            (temporary / "index.html").write_text(self.html(), encoding="utf-8")
            self.results.to_csv(temporary / "results.csv", index=False, encoding="utf-8-sig")  # so that Excel reads µ and ²
            self.problems.to_csv(temporary / "problems.csv", index=False, encoding="utf-8-sig")
            run = self.run | {FILES: fingerprints(temporary, self.run)} if "cohort_sha256" in self.run else self.run  # one for outside is not verified
            (temporary / MARK).write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
        return target / "index.html"

    def __repr__(self) -> str:
        return f"Report {self.title}: {plural(len(self.chapters), 'chapter')}, {len(self.results)} numbers, {self.refused} analyses not done"


def build_report(cohort: Cohort, *, figures: Figures | None = None, references: Sequence[ReferenceModel] | None = None, centre: str = "",
                 benchmark_only: bool = False, share: bool = False, progress: Progress | None = None) -> Report:  # fmt: skip
    """Analyse a cohort and lay the results out as a report, by setting, beside the published figures.

    Parameters
    ----------
    cohort : the patients; what their plan names is analysed.
    figures : the published figures to compare with, `published().with_own(load_figures("mine.toml"))`; else all that ship, with the
        plan's own file ([benchmark] figures).
    references : reference models made from other cohorts (`ReferenceModel.load`); else those of the plan ([benchmark] reference).
    centre : of a cohort of several centres, the one that is asked about; the others stand beside it in the funnels only.
    benchmark_only : only who is included and the chapters that compare: `haip-outcomes benchmark`.
    share : a report that may leave the centre: counts of 1 to 4 and all that would reveal them are hidden, and with them settings
        and groups of fewer than ten patients, exact times, row numbers, file names and hashes. docs/share.md says what it does not protect.
    progress : called with (what is being done, steps done, steps in all); silent without it.

    An analysis that can't be done is a line with its reason in its place, and the rest is made.

    Raises
    ------
    EndpointError : nothing at all could be analysed, or shared.
    DisclosureError : a shared report would have shown what it hides: a fault of this package, and nothing is made.

    >>> import haip_outcomes as haip
    >>> report = haip.build_report(haip.demo_cohort())
    >>> [chapter.title for chapter in report.chapters][:2]
    ['Who is included', 'Overall survival']
    """
    require_cohort(cohort, "build_report")
    asked = Asked(figures_of(cohort.plan) if figures is None else figures,
                  references_of(cohort.plan) if references is None else tuple(references), centre)  # fmt: skip
    chapters_of = partial(_benchmark if benchmark_only else _chapters, everybody=cohort, asked=asked, progress=progress)
    own = cohort.centre(centre) if centre else cohort
    if not share:
        return _report(own, chapters_of(own, policy=OPEN), OPEN, (), centre)
    kept, policy, small = shareable(own)
    first = chapters_of(kept, policy=policy)  # asks for every number, and shows none of them to anybody
    shared_problems(data_notes(kept), kept, policy)
    policy.ledger.decide()
    del first
    return _report(kept, chapters_of(kept, policy=policy), policy, small, centre)


def _benchmark(cohort: Cohort, *, everybody: Cohort, asked: Asked, policy: Policy, progress: Progress | None) -> list[Chapter]:
    """Who is included, and the chapters that compare."""
    _tell(progress, "the literature", 0, 3)
    comparison, refused = _compared(cohort, asked, policy)
    chapters = [included(cohort, policy)]
    _tell(progress, "the comparison", 1, 3)
    chapters += _comparing(cohort, everybody, asked, comparison, refused, chapters, policy)
    return _something_done(chapters)


def _compared(cohort: Cohort, asked: Asked, policy: Policy) -> tuple[Comparison | None, HaipError | None]:
    comparison, refused = compared(cohort, asked.figures)
    return (comparison if comparison is None else cleared_comparison(comparison, cohort, policy)), refused


def _comparing(cohort: Cohort, everybody: Cohort, asked: Asked, comparison: Comparison | None, refused: HaipError | None,
               before: list[Chapter], policy: Policy) -> list[Chapter]:  # fmt: skip
    """The chapters of the benchmark: the literature, liver progression in it, centres side by side, the centre over time."""
    found = [liver_against(cohort, comparison, policy, asked.figures)]
    found.append(literature(comparison, refused, [*before, *filter(None, found)], policy, cohort=cohort, figures=asked.figures))
    found += [what_would_change(cohort, comparison, policy, asked.figures), centres(everybody, cohort, asked, policy),
              over_time(cohort, comparison, asked, policy)]  # fmt: skip
    return [chapter for chapter in found if chapter is not None]


def _something_done(chapters: list[Chapter]) -> list[Chapter]:
    if not sum(chapter.done for chapter in chapters[1:]):
        reasons = [block.reason for chapter in chapters for block in chapter.blocks if isinstance(block, Refusal)]
        raise EndpointError("Nothing could be analysed: " + " ".join(dict.fromkeys(reasons)))
    return chapters


def _chapters(cohort: Cohort, *, everybody: Cohort, asked: Asked, policy: Policy, progress: Progress | None) -> list[Chapter]:
    """What is analysed, chapter by chapter."""
    steps = ["the literature", "who is included", "overall survival", "liver events", "prognostic factors", "predictions",
             "treatments", "safety and delivery", "the comparison"]  # fmt: skip

    def step(name: str) -> None:
        _tell(progress, name, steps.index(name), len(steps))

    step("the literature")
    comparison, refused = _compared(cohort, asked, policy)
    counts = {setting: cleared_proportions(proportions(cohort.setting(setting)), cohort.setting(setting), policy) for setting in cohort.settings}
    step("who is included")
    chapters = [included(cohort, policy)]
    step("overall survival")
    chapters.append(overall_survival(cohort, comparison, counts, policy))
    step("liver events")
    chapters.append(liver_events(cohort, comparison, policy))
    others = other_endpoints(cohort, comparison, policy)
    if others is not None:
        chapters.append(others)
    step("prognostic factors")
    chapter, models = prognostic(cohort, comparison, policy)
    chapters.append(chapter)
    step("predictions")
    chapters.append(predicted(cohort, models, policy))
    step("treatments")
    chapters += filter(None, [treatments(cohort, policy)])
    step("safety and delivery")
    chapters.append(delivery(cohort, comparison, counts, policy))
    step("the comparison")
    chapters += _comparing(cohort, everybody, asked, comparison, refused, chapters, policy)
    chapters += filter(None, [checklist(models, chapters, policy)])
    return _something_done(chapters)


def _report(cohort: Cohort, chapters: list[Chapter], policy: Policy, small: tuple[str, ...], centre: str = "") -> Report:
    """The chapters with those on the data, the methods and the run; for outside after a last look."""
    notes = data_notes(cohort)
    facts = shared_facts(run_facts(cohort, chapters)) if policy.hides else run_facts(cohort, chapters, centre)
    problems = shared_problems(notes, cohort, policy) if policy.hides else problems_frame(notes)
    chapters += [the_data(cohort, notes, policy), the_methods(cohort, chapters, policy), the_run(cohort, facts)]
    chapters += [] if policy.hides else [not_verified(facts)]
    results = results_of(chapters)
    if policy.hides:
        last_look(chapters, results, problems, facts, cohort, policy)
    plan = cohort.plan.cohort
    parts = listed([f"{len(cohort.setting(name))} {name}" for name in cohort.settings])
    return Report(
        title=f"{plan.name}{f', {centre}' if centre else ''}: outcomes", subtitle=f"{plural(len(cohort), 'patient')} ({parts}). haip_outcomes {facts['haip_outcomes']}, {facts['made']} UTC.",
        chapters=tuple(chapters), results=results, problems=problems, run=facts,
        synthetic=plan.synthetic, caution=plan.caution, notice=notice(chapters, small) if policy.hides else "",
    )  # fmt: skip


def _tell(progress: Progress | None, doing: str, done: int, total: int) -> None:
    if progress is not None:
        progress(doing, done, total)
