"""The commands: haip-outcomes plan, check, analyse, benchmark, reference, curve, verify, demo. stdout carries only the result's path; all else goes to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from haip_outcomes import __version__
from haip_outcomes.curve_command import curve_command
from haip_outcomes.errors import EXIT_BUG, CohortError, HaipError, PlanError, Problem
from haip_outcomes.formatting import plural
from haip_outcomes.verify_command import verify_command

if TYPE_CHECKING:
    from haip_outcomes.registry.cohort import Cohort
    from haip_outcomes.report.asked import Asked

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_files = click.argument("cohort_files", type=_FILE, nargs=-1)
_plans = click.option("--plan", "plan_paths", type=_FILE, multiple=True,
                      help="The plan; without it, plan.toml beside the cohort file. Several centres: one for all, or one a file in the same order.")  # fmt: skip
_redcap = click.option("--redcap", is_flag=True, help="Instead of files: read the REDCap project of the plan's [redcap] url, with the token of the environment.")
_overwrite = click.option("--overwrite", is_flag=True, help="Replace an earlier report of the same name.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="haip-outcomes")
def main() -> None:
    """Outcomes of hepatic arterial infusion pump chemotherapy: from a cohort file to a report beside the literature.

    For research, not for decisions about the treatment of a patient.

    Exit codes: 0 done, 1 a bug, 2 usage or plan, 3 data, 4 nothing could be analysed, 5 verification failed.
    """


@main.command()
@_files
@_plans
@_redcap
@click.option("--html", "page", type=_FILE, default=None, help="Write the problems as a page to work through, patient by patient.")
@_overwrite
def check(cohort_files: tuple[Path, ...], plan_paths: tuple[Path, ...], redcap: bool, page: Path | None, overwrite: bool) -> None:
    """Read COHORT_FILES (one a centre) as the plan says and list every problem; nothing is written but the page of --html."""
    with _said():
        if page is not None and page.exists() and not overwrite:
            raise PlanError(f"{page} exists. Name another file, or say --overwrite.")
        try:
            cohort, _ = _read(cohort_files, plan_paths, redcap)
        except CohortError as error:
            if page is not None:
                _write_page(page, [*error.problems, *error.warnings], error.source)
            raise
        _say(f"{cohort!r}.")
        for endpoint in cohort.plan.endpoints:
            _say(f"  {repr(cohort.endpoint(endpoint)).removeprefix('TimeToEvent: ')}")
        if len(cohort.partial_dates):
            _say(f"  {plural(len(cohort.partial_dates), 'date')} without a day, read as the 15th of the month; the report shows what the first and the last day would change.")
        for warning in cohort.warnings:
            table = f"{warning.table}, " if cohort.tables or cohort.source.parts else ""
            where = f" ({table}row {warning.where()})" if warning.rows else f" ({warning.table})" if table else ""
            _say(f"  warning: {': '.join(filter(None, [warning.column, warning.found or warning.expected]))}{where}: {warning.advice}")
        if cohort.source.unused_columns:
            _say(f"  {plural(len(cohort.source.unused_columns), 'column')} of the file not in the plan, and not read: "
                 f"{', '.join(cohort.source.unused_columns)}")  # fmt: skip
        if page is not None:
            _write_page(page, cohort.warnings, cohort.source.name)
        _say("No problems found." if not cohort.warnings else f"No errors found, and {plural(len(cohort.warnings), 'warning')}.")


@main.command()
@_files
@_plans
@_redcap
@click.option("--out", type=_FOLDER, required=True, help="The folder to make: index.html, figures, tables, results.csv, problems.csv, run.json.")
@click.option("--share", is_flag=True, help="A report to hand outside: small numbers, small groups, exact times, row numbers and hashes are hidden.")
@_overwrite
def analyse(cohort_files: tuple[Path, ...], plan_paths: tuple[Path, ...], redcap: bool, out: Path, share: bool, overwrite: bool) -> None:
    """Analyse COHORT_FILES (one a centre) and write the report."""
    with _said():
        from haip_outcomes.report.write import refuse_existing

        refuse_existing(out, overwrite)
        cohort, asked = _read(cohort_files, plan_paths, redcap)
        _write_report(cohort, out, overwrite, figures=asked.figures, references=asked.references, share=share)


@main.command()
@_files
@_plans
@_redcap
@click.option("--out", type=_FOLDER, default=Path("haip-benchmark"), show_default=True, help="The folder to make, as that of analyse.")
@click.option("--figures", type=_FILE, default=None, help="Published figures and curves of your own, in a file of the same form (docs/literature.md); else the plan's.")
@click.option("--reference", "references", type=_FILE, multiple=True, help="A reference model saved from another cohort (haip-outcomes reference); else the plan's.")
@click.option("--centre", default="", help="Of several centres, the one that is asked about; the others stand beside it in the funnels.")
@click.option("--share", is_flag=True, help="A report to hand outside: small numbers, small groups, exact times, row numbers and hashes are hidden.")
@_overwrite
def benchmark(cohort_files: tuple[Path, ...], plan_paths: tuple[Path, ...], redcap: bool, out: Path, figures: Path | None, references: tuple[Path, ...],
              centre: str, share: bool, overwrite: bool) -> None:  # fmt: skip
    """Set a centre beside the literature, beside a reference and beside other centres, and write that part of the report."""
    with _said():
        from haip_outcomes.report.write import refuse_existing

        refuse_existing(out, overwrite)
        cohort, asked = _read(cohort_files, plan_paths, redcap, figures, references)
        _write_report(cohort, out, overwrite, figures=asked.figures, references=asked.references, centre=centre, benchmark_only=True, share=share)


@main.command()
@_files
@_plans
@click.option("--outcome", required=True, help="An endpoint of the plan, such as os, or an entry of its [programme], such as pump_complication.")
@click.option("--terms", default="", help="The columns that make the case mix, with commas: age,sarcopenia. None: everybody has the same risk.")
@click.option("--setting", default="", help="Only these patients: adjuvant, unresectable or comparator.")
@click.option("--out", type=_FILE, required=True, help="The model to write, for example erasmus_os.json. It holds no patient.")
@click.option("--exact", is_flag=True, help="Keep the baseline at the times of single deaths: for use inside the centre only. Without it five deaths make a step.")
@_overwrite
def reference(cohort_files: tuple[Path, ...], plan_paths: tuple[Path, ...], outcome: str, terms: str, setting: str, out: Path, exact: bool,
              overwrite: bool) -> None:  # fmt: skip
    """Make a reference model of COHORT_FILES: what its patients would lead one to expect among others with their case mix."""
    with _said():
        from haip_outcomes.benchmark.case_mix.reference_models import reference_model

        if out.exists() and not overwrite:
            raise PlanError(f"{out} exists. Name another file, or say --overwrite.")
        cohort, _ = _read(cohort_files, plan_paths, False)
        model = reference_model(cohort.setting(setting) if setting else cohort, outcome, [term.strip() for term in terms.split(",") if term.strip()])
        model.save(out, share=not exact)
        _say(f"{model!r}")
        click.echo(str(out))


main.add_command(curve_command)
main.add_command(verify_command)


@main.command("plan")
@click.argument("file", type=_FILE)
@click.option("--out", type=_FILE, default=Path("plan.toml"), show_default=True, help="The plan to write.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier plan of the same name.")
def plan_command(file: Path, out: Path, overwrite: bool) -> None:
    """Write a first plan of FILE: a cohort file, or a REDCap data dictionary. Every guess is marked for you to confirm."""
    with _said():
        from haip_outcomes.registry.guessing.plan_proposal import first_plan

        if out.exists() and not overwrite:
            raise PlanError(f"{out} exists, and may hold what you have confirmed. Name another --out, or say --overwrite.")
        text = first_plan(file)
        _write_text(out, text)
        guesses = text.count("# CONFIRM")
        _say(f"{plural(guesses, 'guess', 'guesses')} to confirm: look for CONFIRM in the plan, then try: haip-outcomes check {file.name} --plan {out.name}")
        click.echo(str(out))


@main.command()
@click.option("--out", type=_FOLDER, default=Path("haip-demo"), show_default=True, help="The folder to make.")
@_overwrite
def demo(out: Path, overwrite: bool) -> None:
    """Write the report of the demonstration cohort: 60 synthetic patients who describe nobody."""
    with _said():
        from haip_outcomes.registry.read import demo_cohort
        from haip_outcomes.report.write import refuse_existing

        refuse_existing(out, overwrite)
        _write_report(demo_cohort(), out, overwrite)


def _read(files: tuple[Path, ...], plan_paths: tuple[Path, ...], redcap: bool, figures: Path | None = None,
          references: tuple[Path, ...] = ()) -> tuple[Cohort, Asked]:  # fmt: skip
    """The cohort, and what it is held against; plans, figures and models are checked to the last name before a patient is read."""
    from haip_outcomes.benchmark.plan_figures import check_names, figures_of
    from haip_outcomes.registry.guessing.confirmations import unconfirmed
    from haip_outcomes.registry.plan import load_plan
    from haip_outcomes.registry.read import read_cohort, read_redcap
    from haip_outcomes.report.asked import Asked, references_of

    if redcap and (files or len(plan_paths) != 1):
        raise click.UsageError("--redcap takes one --plan and no file.")
    if not redcap and not files:
        raise click.UsageError("Which file? Name the cohort file, or say --redcap.")
    if len(plan_paths) > 1 and len(plan_paths) != len(files):
        raise click.UsageError(f"{len(files)} files and {len(plan_paths)} plans: give one plan for all files, or one each.")
    paths = plan_paths or (files[0].parent / "plan.toml",)
    plans = [load_plan(path) for path in paths]
    asked = Asked(figures_of(plans[0], figures), references_of(plans[0], references))
    for path, plan in zip(paths, plans, strict=True):
        check_names(plan, asked.figures)
        guesses = unconfirmed(path)
        if guesses:
            _say(f"{path.name} has {plural(guesses, 'guess', 'guesses')} that nobody has confirmed: read each line with CONFIRM, and take the remark away.")
    if redcap:
        return read_redcap(plans[0]), asked
    return (read_cohort(files[0], plans[0]) if len(files) == 1 else read_cohort(list(files), plans if len(plans) > 1 else plans[0])), asked


def _write_report(cohort: Cohort, out: Path, overwrite: bool, **asked: Any) -> None:
    from haip_outcomes.report.build import build_report

    _say(f"{cohort!r}.")
    with _progress() as progress:
        report = build_report(cohort, progress=progress, **asked)
        index = report.write(out, overwrite=overwrite, progress=progress)
    if report.refused:
        _say(f"{plural(report.refused, 'analysis', 'analyses')} could not be done; each has its line, with the reason, in the report: {'; '.join(report.not_done)}.")
    click.echo(str(index))


def _write_page(page: Path, problems: Sequence[Problem], source: str) -> None:
    from haip_outcomes.report.problem_page import write_problem_page

    _say(f"The problems, patient by patient: {write_problem_page(problems, source, page)}")


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PlanError(f"{path} can't be written: {error.strerror}.") from None


class _Progress:
    """A line on a terminal that says what is being done; silent elsewhere."""

    def __init__(self) -> None:
        self.on = sys.stderr.isatty()

    def __call__(self, doing: str, done: int, total: int) -> None:
        if self.on:
            bar = ("█" * round(24 * done / max(total, 1))).ljust(24, "░")
            click.echo(f"\r\x1b[K{bar} {doing}", err=True, nl=False)

    def clear(self) -> None:
        if self.on:
            click.echo("\r\x1b[K", err=True, nl=False)


@contextmanager
def _progress() -> Iterator[_Progress]:
    progress = _Progress()
    try:
        yield progress
    finally:
        progress.clear()


@contextmanager
def _said() -> Iterator[None]:
    """An error of ours becomes its sentence and its exit code, without a traceback."""
    try:
        yield
    except HaipError as error:
        _say(f"Error: {error}")
        sys.exit(error.exit_code or EXIT_BUG)


def _say(text: str) -> None:
    click.echo(text, err=True)
