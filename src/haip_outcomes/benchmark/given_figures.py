"""The figures that a person gives to `compare`: each wrong thing becomes a sentence with the way to the right one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from haip_outcomes.benchmark.curves.given_numbers import shown
from haip_outcomes.benchmark.curves.registered import RegisteredCurve
from haip_outcomes.benchmark.literature import Figures
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.errors import EndpointError


def figures_given(asked: Any) -> tuple[PublishedFigure, ...]:
    """The figures of what was given, in its order; none where an empty list was.

    Raises
    ------
    EndpointError : it is no list of figures.
    """
    if isinstance(asked, Figures):
        return tuple(asked)
    if isinstance(asked, PublishedFigure):
        raise EndpointError(f"compare takes a list of figures, and this is {asked.id} alone: write [it], or narrow published(...).")
    if isinstance(asked, RegisteredCurve):
        raise EndpointError(f"compare takes figures, and this is the registered curve {asked.id}: against_curves compares with curves.")
    if isinstance(asked, (str, Path)):
        raise EndpointError("compare takes figures, and this is text: a figure by its id is [published()[id]], a file is read with load_figures(path), and "
                            "published().with_own(...) adds it to the published ones.")  # fmt: skip
    if hasattr(asked, "columns") or isinstance(asked, Mapping) or not isinstance(asked, Iterable):  # iterating them would give names
        raise EndpointError(f"compare takes figures, and this is {shown(asked)}: give published(...), load_figures(path), or a list of their figures.")
    chosen = tuple(asked)
    for one in chosen:
        if isinstance(one, RegisteredCurve):
            raise EndpointError(f"compare takes figures, and one of these is the registered curve {one.id}: against_curves compares with curves.")
        if not isinstance(one, PublishedFigure):
            raise EndpointError(f"compare takes figures, and one of these is {shown(one)}: give those of published(...) or load_figures(path).")
    return chosen
