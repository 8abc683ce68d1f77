"""Whether a published series may hold this centre's own patients: such a figure is shown and never judged."""

from __future__ import annotations

from collections.abc import Iterable

from haip_outcomes.benchmark.literature import Figures
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.formatting import listed

POSSIBLY = "possibly"
_PUMPS = ("adjuvant", "unresectable")


def shared_patients(
    overlap: Iterable[str], figure: PublishedFigure, known: Figures, everything: Figures
) -> str:
    """Why the figure is on the centre's own patients, or may be; empty when nothing says so.

    `overlap` is the plan's: sources, overlap groups or figures. A series of the same group as a source named there may
    share patients with it where both hold patients of one setting; those of "both" are adjuvant and unresectable.
    """
    overlap = tuple(overlap)
    if figure.source in overlap or figure.id in overlap:
        return "the plan names this source as these patients"
    own = _groups(figure, known)
    if own & set(overlap):
        return f"the plan names these patients as part of {listed(sorted(own & set(overlap)))}"
    for figures in (everything, known):
        for other in figures:
            named = other.source in overlap or other.id in overlap
            if named and _meet(figure.setting, other.setting) and own & _groups(other, figures):
                return f"{POSSIBLY}: this series may share patients with {figures.sources[other.source].short}, which the plan names as these patients"
    return ""


def _groups(figure: PublishedFigure, figures: Figures) -> set[str]:
    """The overlap groups that the literature gives a figure: its own, else its source's."""
    source = figures.sources.get(figure.source)
    return set(figure.overlap or (source.overlap if source else ()))


def _meet(one: str, other: str) -> bool:
    """Whether two settings can hold the same patient."""
    return one == other or (one == "both" and other in _PUMPS) or (other == "both" and one in _PUMPS)
