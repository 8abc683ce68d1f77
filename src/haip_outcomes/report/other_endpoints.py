"""Chapter: the plan's other endpoints, such as recurrence-free survival, each as a composite and by kind of event."""

from __future__ import annotations

from haip_outcomes.benchmark.comparison import Comparison
from haip_outcomes.figures.curves import plot_cumulative_incidence, plot_survival
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.literature import beside
from haip_outcomes.report.liver import incidence_of, record_incidence
from haip_outcomes.report.overall_survival import record_curve
from haip_outcomes.report.words import by_setting, small
from haip_outcomes.survival.curves.kaplan_meier import survival_curve
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.outcomes import incidence_table, survival_table

ELSEWHERE = ("os", "liver", "first_site", "hepatic_pfs")
_PUBLISHED = {"rfs": "recurrence_free_survival", "pfs": "progression_free_survival"}


def other_endpoints(cohort: Cohort, comparison: Comparison | None, policy: Policy = OPEN) -> Chapter | None:
    """A chapter on every endpoint that has no place of its own, or None when the plan has no other."""
    names = [name for name in cohort.plan.endpoints if name not in ELSEWHERE]
    if not names:
        return None
    chapter = Chapter("other", "Other endpoints", policy)
    for setting, part, title in by_setting(cohort):
        chapter.heading(title)
        for name in names:
            with chapter.attempt(small(part.plan.endpoints[name].label), setting):
                _endpoint(part, name, setting, chapter)
            if name in _PUBLISHED:
                beside(comparison, (setting,), (_PUBLISHED[name],), chapter)
    return chapter


def _endpoint(part: Cohort, name: str, setting: str, chapter: Chapter) -> None:
    """Time to the first of its events; with several kinds of event also the incidence of each, the others competing."""
    tte, times = part.endpoint(name), part.plan.analysis.times
    curve = survival_curve(tte.any_event(tte.label))
    chapter.draw(lambda: plot_survival(curve, policy=chapter.policy), f"{name}_{setting}", setting, recipe=recipe("at_risk", of=name, any=True))
    incidence = incidence_of(tte) if len(tte.states) > 1 else None
    if incidence is not None:
        chapter.draw(lambda: plot_cumulative_incidence(incidence, cause=tte.states[0], policy=chapter.policy), f"{name}_{setting}_incidence", setting, recipe=recipe("at_risk", of=name))
    chapter.show(survival_table(curve, times, policy=chapter.policy), f"{name}_{setting}")
    record_curve(curve, times, setting, tte.label, chapter, of=name, any=True)
    if incidence is not None:
        chapter.show(incidence_table(incidence, times, policy=chapter.policy), f"{name}_{setting}_incidence")
        record_incidence(incidence, times, setting, tte.label, chapter, of=name)
