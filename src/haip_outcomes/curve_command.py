"""The command that registers a digitised curve: haip-outcomes curve."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from haip_outcomes.errors import HaipError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("curve")
@click.argument("points", type=_FILE)
@click.option("--at-risk", "at_risk", type=_FILE, default=None, help="The numbers at risk below the figure: columns time, n_risk.")
@click.option("--into", type=_FILE, required=True, help="Your own file of figures; made when it is not there.")
@click.option("--id", "id", required=True, help="A name for the curve, used nowhere else.")
@click.option("--source", required=True, help="The key of its source: one of the file's or of the published figures', or a new one.")
@click.option("--citation", default="", help="The citation of a new source.")
@click.option("--short", default="", help='A new source in two words, such as "Smith 2026".')
@click.option("--doi", default="", help="Its DOI.")
@click.option("--pmid", default="", help="Its PubMed number.")
@click.option("--setting", required=True, help="adjuvant, unresectable, both, resected_no_haip or systemic.")
@click.option("--endpoint", required=True, help="overall_survival, recurrence_free_survival, time_to_liver_progression, ...")
@click.option("--time-zero", required=True, help='From when the source counts: "pump placement", "liver resection", ... or "not stated".')
@click.option("--time-zero-text", default="", help="The source's own words for it.")
@click.option("--event", default="as named", show_default=True, help="What was counted, if the endpoint's name does not say it.")
@click.option("--event-text", default="", help="The source's own words for it.")
@click.option("--competing", default=None, help='Deaths before the event: censored, event or "not stated" (the default; for overall survival "not applicable").')
@click.option("--modality", default="not stated", show_default=True, help='"HAIP alone", "HAIP + systemic", "no HAIP", ...')
@click.option("--unit", default="months", show_default=True, help="Of the times: months, days, weeks or years.")
@click.option("--n", type=int, default=None, help="The patients; needed without --at-risk.")
@click.option("--events", type=int, default=None, help="The total number of events, if the source prints it.")
@click.option("--read-from", required=True, help='Where it was read and how: "Figure 2, digitised with ...".')
@click.option("--population", default="", help="Whose curve it is, in the source's words.")
@click.option("--subgroup", default="", help="If it is of some of the source's patients only: of whom.")
@click.option("--overlap", multiple=True, help="A group of series that may share patients, one of the file's or of the published figures'; may be given again.")
@click.option("--notes", default="", help="Anything odd.")
def curve_command(points: Path, at_risk: Path | None, **fields: Any) -> None:
    """Add a published curve, digitised to POINTS (columns time, survival), to your own file of figures.

    The points and numbers at risk are checked, the patients reconstructed (Guyot 2012) and their distance from the curve is printed.
    When anything is wrong nothing is written.
    """
    from haip_outcomes.benchmark.curves.registering import register_curve

    try:
        done = register_curve(points, at_risk, **fields)
    except HaipError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    click.echo(done.sentence, err=True)
    click.echo(str(done.path))
