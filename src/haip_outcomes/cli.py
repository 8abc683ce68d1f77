"""The commands: haip-outcomes check, analyse, demo. stdout carries only the result's path; all else goes to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haip_outcomes import __version__
from haip_outcomes.errors import EXIT_BUG, HaipError
from haip_outcomes.formatting import plural

if TYPE_CHECKING:
    from haip_outcomes.registry.cohort import Cohort

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_plan = click.option("--plan", "plan_path", type=_FILE, default=None, help="The plan; without it, plan.toml beside the cohort file.")
_overwrite = click.option("--overwrite", is_flag=True, help="Replace an earlier report of the same name.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="haip-outcomes")
def main() -> None:
    """Outcomes of hepatic arterial infusion pump chemotherapy: from a cohort file to a report beside the literature.

    For research, not for decisions about the treatment of a patient.

    Exit codes: 0 done, 1 a bug, 2 usage or plan, 3 data, 4 nothing could be analysed.
    """


@main.command()
@click.argument("cohort_file", type=_FILE)
@_plan
def check(cohort_file: Path, plan_path: Path | None) -> None:
    """Read COHORT_FILE as the plan says and list every problem; nothing is written."""
    with _said():
        cohort = _read(cohort_file, plan_path)
        _say(f"{cohort!r}.")
        for endpoint in cohort.plan.endpoints:
            _say(f"  {cohort.endpoint(endpoint)!r}")
        for warning in cohort.warnings:
            where = f" (row {warning.where()})" if warning.rows else ""
            _say(f"  note: {warning.found}{where}: {warning.advice}")
        if cohort.source.unused_columns:
            _say(f"  {plural(len(cohort.source.unused_columns), 'column')} of the file not in the plan, and not read: "
                 f"{', '.join(cohort.source.unused_columns)}")  # fmt: skip
        _say("No problems found.")


@main.command()
@click.argument("cohort_file", type=_FILE)
@_plan
@click.option("--out", type=_FOLDER, required=True, help="The folder to make: index.html, figures, tables, results.csv, problems.csv, run.json.")
@_overwrite
def analyse(cohort_file: Path, plan_path: Path | None, out: Path, overwrite: bool) -> None:
    """Analyse COHORT_FILE and write the report."""
    with _said():
        from haip_outcomes.report.write import refuse_existing

        refuse_existing(out, overwrite)
        _write_report(_read(cohort_file, plan_path), out, overwrite)


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


def _read(cohort_file: Path, plan_path: Path | None) -> Cohort:
    """The cohort, with its plan checked to the last name before a patient is read."""
    from haip_outcomes.benchmark.comparison import check_names
    from haip_outcomes.registry.plan import load_plan
    from haip_outcomes.registry.read import read_cohort

    plan = load_plan(plan_path or cohort_file.parent / "plan.toml")
    check_names(plan)
    return read_cohort(cohort_file, plan)


def _write_report(cohort: Cohort, out: Path, overwrite: bool) -> None:
    from haip_outcomes.report.build import build_report

    _say(f"{cohort!r}.")
    with _progress() as progress:
        report = build_report(cohort, progress=progress)
        index = report.write(out, overwrite=overwrite, progress=progress)
    if report.refused:
        _say(f"{plural(report.refused, 'analysis', 'analyses')} could not be done; each has its line, with the reason, in the report.")
    click.echo(str(index))


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
