"""Chapter: what would change the conclusion, figure by figure, and what chance alone does."""

from __future__ import annotations

import pandas as pd

from haip_outcomes.benchmark.comparison import Compared, Comparison
from haip_outcomes.benchmark.literature import Figures
from haip_outcomes.benchmark.precision.answering import needed_sentence
from haip_outcomes.benchmark.turning_points import (
    CONVENTION,
    MARGIN,
    PUBLISHED_N,
    TurningPoint,
    turning_points,
)
from haip_outcomes.benchmark.verdicts import AGREES, NOT_COMPARABLE, SAME_PATIENTS, TOO_FEW, WITHIN
from haip_outcomes.formatting import listed, plural
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.cautioned import with_caution
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.words import small
from haip_outcomes.tables.comparisons import title_of
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.table import Table

_NOTHING = {TOO_FEW: "More patients only."}
_ALPHA = 0.025  # of a 95% interval, in the one direction that is called worse


def what_would_change(cohort: Cohort, comparison: Comparison | None, policy: Policy = OPEN, figures: Figures | None = None) -> Chapter | None:
    """For each figure that the plan names: on what its verdict turns, and how many more patients an answer needs.

    None when nothing was compared, or the plan names no figure. `figures` are those of the comparison.
    """
    judged = [one for one in comparison.judged if one.verdict not in (SAME_PATIENTS, NOT_COMPARABLE)] if comparison is not None else []
    if not judged:
        return None
    chapter = Chapter("turning", "What would change the conclusion", policy)
    turns = {one.figure.id: _turns(one, cohort, policy) for one in judged}
    chapter.say(_summary(judged, turns), "key")
    told = {name: " ".join(turn.sentence for turn in some) for name, some in turns.items()}
    rows = tuple((title_of(one), one.short, one.verdict, told[one.figure.id] or _NOTHING.get(one.verdict, "Nothing that is looked at here.")) for one in judged)
    notes = ("Looked at, each with all else as it stands: every way of counting that the source leaves open; the 99.8% interval; the source's n where it "
             "rests on that alone; single patients of a proportion (at most a fifth of this centre's); and a margin of the plan left by no more than half of it.",)  # fmt: skip
    table = Table("turning", "What would change each verdict", ("Figure", "Source", "Verdict", "What would change it"), rows, notes, text_columns=(1, 2, 3))
    chapter.show(with_caution(table, comparison, policy), "what_would_change")
    if not policy.hides:
        _needed(judged, cohort, chapter)
    chapter.say(_by_chance(judged))
    without = _without_margin(judged, cohort)
    if without:
        chapter.say(without, "note")
    for one in judged:
        chapter.record(pd.DataFrame([{"group": one.short, "shown": told[one.figure.id] or "nothing that is looked at"}]), setting=one.figure.setting,
                       analysis=f"{one.figure.id}: {one.verdict}", quantity="what would change it", cleared=True)  # fmt: skip
    return chapter


def _turns(one: Compared, cohort: Cohort, policy: Policy) -> list[TurningPoint]:
    """What the verdict turns on; sentences that count this centre's patients are left out of a report for outside."""
    return [turn for turn in turning_points(one, cohort.plan) if not (policy.hides and turn.counts)]


def _needed(judged: list[Compared], cohort: Cohort, chapter: Chapter) -> None:
    """How many more patients an answer needs, where the verdict shows nothing."""
    asked = [one for one in judged if one.verdict in (TOO_FEW, WITHIN, AGREES)]
    if asked:
        chapter.heading("How many more patients an answer needs")
    for one in asked:
        with chapter.attempt(f"patients needed for {small(title_of(one))}, {one.short}", one.figure.setting):
            needed = needed_sentence(cohort, one)
            chapter.say(f"{title_of(one)}, {one.short}, {one.verdict}. {needed}")
            chapter.record(pd.DataFrame([{"group": one.short, "shown": needed}]), setting=one.figure.setting, analysis=f"{one.figure.id}: {one.verdict}",
                           quantity="patients needed", recipe=recipe("words"))  # fmt: skip


def _summary(judged: list[Compared], turns: dict[str, list[TurningPoint]]) -> str:
    """How many verdicts turn on what, in one sentence each."""
    parts = []
    for kind, one_word, many in ((CONVENTION, "turns on a convention that its source does not state", "turn on conventions that their sources do not state"),
                                 (PUBLISHED_N, "rests on the source's number of patients alone", "rest on the sources' numbers of patients alone"),
                                 (MARGIN, "has a margin nearly met", "have margins nearly met")):  # fmt: skip
        named = [small(title_of(one)) for one in judged if any(turn.kind == kind for turn in turns[one.figure.id])]
        if named:
            parts.append(f"{len(named)} {one_word if len(named) == 1 else many} ({'; '.join(named)})")
    few = sum(one.verdict == TOO_FEW for one in judged)
    if few:
        parts.append(f"{few} {'needs' if few == 1 else 'need'} more patients before anything can be said")
    head = f"Of {plural(len(judged), 'figure')} that the plan names"
    return f"{head}, {'; '.join(parts)}." if parts else f"{head}, none turns on a convention, on a source's n alone or on a margin nearly met."


def _by_chance(judged: list[Compared]) -> str:
    """How often chance alone says "worse" somewhere: no verdict is corrected for the number of figures."""
    k = len(judged)
    if k == 1:
        return "In a centre exactly as good as the source, chance alone says “worse than expected” about 2.5 times of 100."
    return (f"No verdict is corrected for the number of figures. In a centre exactly as good as all {k} sources, chance alone says “worse than expected” at least "
            f"once about {100 * (1 - (1 - _ALPHA) ** k):.0f} times of 100, were the {k} comparisons independent and every interval exact; “clearly worse” about "
            f"{100 * (1 - (1 - 0.001) ** k):.1f} times.")  # fmt: skip


def _without_margin(judged: list[Compared], cohort: Cohort) -> str:
    """“On a par” is said only inside a margin that was set before."""
    margins = cohort.plan.benchmark.margin
    bare = [one for one in judged if one.figure.id not in margins and one.figure.endpoint not in margins and one.verdict in (WITHIN, AGREES)]
    if not bare:
        return ""
    return (f"“On a par” is never said of {listed([small(title_of(one)) for one in bare])}: the plan sets no margin there. A margin is set before looking at the "
            "results, in the figure's unit ([benchmark] margin).")  # fmt: skip
