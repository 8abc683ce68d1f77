"""The figures of a plan: all that are published, those of the file that the plan names beside itself, and whether its names mean any of them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from haip_outcomes.benchmark.literature import Figures, load_figures, published
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.errors import PlanError, did_you_mean
from haip_outcomes.formatting import plural
from haip_outcomes.registry.plan import Plan

MOST_JUDGED = 6


def figures_of(plan: Plan, path: Path | None = None) -> Figures:
    """All published figures, with those of the plan's own file ([benchmark] figures), or of the file given here in its place.

    Raises
    ------
    PlanError : the file is absent or wrong; all its problems are in one message.
    """
    own = path if path is not None else beside_plan(plan, plan.benchmark.figures) if plan.benchmark.figures else None
    return published() if own is None else published().with_own(load_figures(own))


def figures_named(plan: Plan, given: Figures) -> Figures:
    """The figures, sources and groups that a plan's names may mean: the published ones; and its own file's where they and those given lack a name.

    So a file that is not needed, because its figures were given in its place, is not read.
    """
    benchmark, named = plan.benchmark, set(plan.cohort.overlap)
    named |= {*benchmark.judge, *benchmark.margin} - {*PublishedFigure.words("endpoint")}
    everything = published()
    return figures_of(plan) if benchmark.figures and named - {*_names(everything), *_names(given)} else everything


def _names(figures: Figures) -> Collection[str]:
    return {*figures.ids, *figures.sources, *figures.overlap_groups, *(curve.id for curve in figures.curves)}


def check_names(
    plan: Plan, everything: Figures | None = None, chosen: tuple[PublishedFigure, ...] = (), known: Figures | None = None
) -> None:
    """Refuse a plan whose judge, margin or overlap names nothing (PlanError): a misspelt overlap would judge a centre on its own patients.

    `everything` are the figures that its names may mean; by default the published ones with those of the plan's own file.
    """
    everything = figures_of(plan) if everything is None else everything
    known = everything if known is None else known
    ids = [*everything.ids, *(figure.id for figure in chosen), *(curve.id for curve in (*everything.curves, *known.curves))]
    sources = [*everything.sources, *known.sources, *(figure.source for figure in chosen)]
    groups = [*everything.overlap_groups, *known.overlap_groups]
    benchmark, wrong = plan.benchmark, []
    if len(benchmark.judge) > MOST_JUDGED:
        wrong.append(
            f"[benchmark] judge: at most {MOST_JUDGED} figures may be named, and there are {len(benchmark.judge)}"
        )
    wrong += [
        f'[benchmark] judge: there is no published figure "{name}". {did_you_mean(name, ids)}'
        for name in benchmark.judge
        if name not in ids
    ]
    endpoints = PublishedFigure.words("endpoint")
    for name, margin in benchmark.margin.items():
        if name not in ids and name not in endpoints:
            wrong.append(
                f'[benchmark] margin: "{name}" is no published figure and no endpoint. {did_you_mean(name, [*ids, *endpoints])}'
            )
        meant = [figure for figure in (*everything, *chosen) if name in (figure.id, figure.endpoint)]
        if not margin > 0:
            wrong.append(f"[benchmark] margin: {name} must be above 0, in the figure's unit")
        elif margin < 1 and any(figure.unit == "%" for figure in meant):
            wrong.append(
                f"[benchmark] margin: {name} is in per cent, so ten percentage points are written 10; {margin:g} would be less than one"
            )
        elif margin <= 1 and meant and all(figure.unit == "ratio" for figure in meant):
            wrong.append(
                f"[benchmark] margin: {name} is a ratio, so its margin is a factor above 1, for example 1.25"
            )
    for name in plan.cohort.overlap:
        if name not in (*sources, *groups, *ids):
            wrong.append(
                f'[cohort] overlap: "{name}" is no source of published figures. {did_you_mean(name, [*sources, *groups])}'
            )
    if wrong:
        raise PlanError(
            "\n".join([f"{plural(len(wrong), 'problem')} in the plan:", *(f"  {line}" for line in wrong)])
        )


def beside_plan(plan: Plan, name: str) -> Path:
    """A file that a plan names: it stands beside the plan's own.

    Raises
    ------
    PlanError : the plan was made without a file.
    """
    if plan.folder is None:
        raise PlanError(f'[benchmark] names the file "{name}", and this plan was made without a file to find it beside: give the figures or the model themselves.')
    return plan.folder / name
