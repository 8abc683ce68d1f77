"""The command that computes a report's numbers again: haip-outcomes verify."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from haip_outcomes.errors import EXIT_BUG, EXIT_VERIFICATION, HaipError, PlanError, did_you_mean
from haip_outcomes.formatting import plural

if TYPE_CHECKING:
    from haip_outcomes.prognosis.verification.verifying import Verification
    from haip_outcomes.registry.cohort import Cohort

_FILE = click.Path(path_type=Path, dir_okay=False)
_MOST = 20  # lines told on the terminal; the last page has all


@click.command("verify")
@click.argument("report", type=click.Path(path_type=Path))
@click.option("--cohort", "cohort_files", type=_FILE, multiple=True, help="The file that was analysed; several centres: again for each. None: the demonstration cohort.")
@click.option("--plan", "plan_paths", type=_FILE, multiple=True, help="The plan that was used; without it, plan.toml beside the cohort file.")
@click.option("--engine", "engines", multiple=True, help="Ask only this one: R, lifelines, scikit-survival, statsmodels, survival or Python; may be given again. None: all that are here.")
def verify_command(report: Path, cohort_files: tuple[Path, ...], plan_paths: tuple[Path, ...], engines: tuple[str, ...]) -> None:
    """Compute every number of REPORT (its folder, or its index.html) again by second engines, and write its last page anew.

    Exit codes: 0 all that could be compared agree, 2 the report, the file or the plan are not those of each other, 3 data, 4 nothing to compare,
    5 a number differs, or a file of the report is no longer as it was written: it is named.
    """
    from haip_outcomes.report.verified import renew_last_page

    try:
        folder, found = _verified(report, cohort_files, plan_paths, engines)
    except HaipError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code or EXIT_BUG)
    for sentence in found.summary():
        click.echo(sentence, err=True)
    for row in found.differing.head(_MOST).to_dict("records"):
        place = ", ".join(str(row[name]) for name in ("chapter", "setting", "analysis", "quantity", "outcome", "group", "term", "level") if isinstance(row[name], str) and row[name])
        when = f" at {row['time']:g}" if row["time"] == row["time"] else ""
        click.echo(f"  line {row['row']} of results.csv, {place}{when}, {row['number']}: {row['ours']:.10g} in the report, {row['theirs']:.10g} by {row['engine']}", err=True)
    if len(found.differing) > _MOST:
        click.echo(f"  and {plural(len(found.differing) - _MOST, 'more comparison')}: verification.csv", err=True)
    failed = EXIT_VERIFICATION if found.altered or len(found.differing) else 0
    try:
        click.echo(str(renew_last_page(folder, found)))
    except HaipError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(failed or error.exit_code)
    if failed:
        sys.exit(failed)


def _verified(report: Path, files: tuple[Path, ...], plans: tuple[Path, ...], engines: tuple[str, ...]) -> tuple[Path, Verification]:
    from haip_outcomes.prognosis.verification.engine_table import ENGINES
    from haip_outcomes.prognosis.verification.verifying import folder_of, opened, verify

    for name in engines:
        if name.casefold() not in map(str.casefold, ENGINES):
            raise PlanError(f'There is no engine "{name}". {did_you_mean(name, ENGINES)}')
    folder = folder_of(report)
    opened(folder)  # a report that can't be verified is refused before a patient is read
    found = verify(folder, _cohort(files, plans), engines=engines or None)
    if not found.compared and not found.altered:
        raise _nothing()
    return folder, found


def _nothing() -> HaipError:
    from haip_outcomes.errors import EndpointError

    return EndpointError("Nothing could be compared: the engines that were asked compute none of this report's numbers, or all of them failed. Ask all of them: leave --engine out.")


def _cohort(files: tuple[Path, ...], plans: tuple[Path, ...]) -> Cohort:
    from haip_outcomes.registry.plan import load_plan
    from haip_outcomes.registry.read import demo_cohort, read_cohort

    if not files:
        if plans:
            raise PlanError("Which file? Name the one that was analysed: --cohort FILE.")
        return demo_cohort()
    if len(plans) > 1 and len(plans) != len(files):
        raise PlanError(f"{len(files)} files and {len(plans)} plans: give one plan for all files, or one each.")
    loaded = [load_plan(path) for path in plans or (files[0].parent / "plan.toml",)]
    if len(files) == 1:
        return read_cohort(files[0], loaded[0])
    return read_cohort(list(files), loaded if len(loaded) > 1 else loaded[0])
