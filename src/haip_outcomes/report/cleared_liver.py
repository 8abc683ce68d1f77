"""The ways of counting liver progression for outside: a number that rests on a small count is not shown, the others are rounded.

Shares are shown where deaths compete only (the report has these incidences anyway): one minus Kaplan-Meier and a composite at the
same time, beside them, would tell how few died first.
"""

from __future__ import annotations

from dataclasses import replace

from haip_outcomes.benchmark.liver_counting import Counted, LiverProgression
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.cleared_literature import SMALL, rounded, times_shown
from haip_outcomes.tables.disclosure import Policy

TOO_LATE = "too few patients are still followed then"
BESIDE = "hidden in a report for outside: beside the incidence it could tell how few died first"


def cleared_liver(found: LiverProgression, part: Cohort, policy: Policy) -> LiverProgression:
    """Every number of this centre that may be shown, rounded; the others with the reason, without a count."""
    if not policy.hides:
        return found
    counting = tuple(tuple(_cleared(one, part, time, policy) for one, time in zip(way, (None, *found.times), strict=True)) for way in found.counting)
    panels = tuple(replace(panel, ours=tuple(_cleared(one, part, panel.horizon, policy) for one in panel.ours)) for panel in found.panels)
    return replace(found, counting=counting, panels=panels, rounded=True)


def _cleared(one: Counted, part: Cohort, horizon: float | None, policy: Policy) -> Counted:
    if one.number is None:
        return replace(one, reason=TOO_LATE)
    if horizon is not None and one.number.cause is None:
        return Counted(one.words, None, BESIDE)
    if not times_shown(one.number, part.frame.index, horizon, policy):
        return Counted(one.words, None, SMALL)
    return replace(one, number=rounded(one.number, policy))
