"""Chapter: the centre against the literature; and the lines of it that stand beside each result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from haip_outcomes.benchmark.comparison import Compared, Comparison, compare
from haip_outcomes.benchmark.literature import Figures
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.benchmark.verdicts import WORSE
from haip_outcomes.errors import EndpointError, FitError, HaipError
from haip_outcomes.figures.forest import plot_comparisons
from haip_outcomes.formatting import listed, plural
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.cautioned import POINTER, caution_of, with_caution
from haip_outcomes.report.centre_recipes import recipe_of
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.curves_against import curves
from haip_outcomes.report.first_screen import UNDECIDED, lines, urgency
from haip_outcomes.report.pooled_literature import (
    WORSE_THAN,
    Expectation,
    expectations,
    lead,
    sources_words,
    verdicts,
)
from haip_outcomes.report.side_by_side import side_by_side
from haip_outcomes.report.words import small
from haip_outcomes.tables.comparisons import title_of
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.table import Table

AGAINST = "Against the literature"


def compared(cohort: Cohort, figures: Figures | Iterable[PublishedFigure] | None = None) -> tuple[Comparison | None, HaipError | None]:
    """The comparison with the plan's caution, or the reason why there is none. A plan that names no published figure stops everything."""
    try:
        return compare(cohort, figures), None
    except (EndpointError, FitError) as error:
        return None, error


def beside(comparison: Comparison | None, settings: tuple[str, ...], endpoints: tuple[str, ...], chapter: Chapter) -> None:
    """The published figures that a result can be compared with, right beside it."""
    ids = [name for setting in settings for name in comparison.beside(setting, endpoints)] if comparison is not None else []
    if comparison is not None and ids:
        chapter.figures_shown += ids
        table = with_caution(side_by_side(comparison, ids, "Beside the literature"), comparison, chapter.policy)
        chapter.show(table, f"beside_{chapter.key}_{'_'.join(settings)}_{endpoints[0]}")


def literature(comparison: Comparison | None, refused: HaipError | None, before: Sequence[Chapter] = (), policy: Policy = OPEN, *,
               cohort: Cohort | None = None, figures: Figures | None = None) -> Chapter:  # fmt: skip
    """What a new centre is expected to see where that can be pooled; then every figure looked at: what was judged, what stands in no
    chapter `before`, and why the rest can't be compared; then the curves.

    `cohort` and `figures` are those of the comparison; without the cohort no curve is looked at.
    """
    chapter = Chapter("literature", AGAINST, policy)
    if comparison is None:
        chapter.refuse("comparison with published figures", str(refused))
        return chapter
    expected, few = expectations(comparison, figures)
    chapter.answer = _answer(comparison, expected)
    caution = caution_of(comparison)
    chapter.say(comparison.summary[0])
    if caution:
        chapter.say(POINTER if policy.hides else caution, "key")
    lead(expected, few, chapter)
    chapter.verdicts += [*verdicts(expected, policy), *lines(comparison)]
    judged = [one.figure.id for one in comparison.judged if one.answers]
    if judged:
        if expected:
            chapter.heading("The figures that the plan names, one by one")
        chapter.draw(lambda: with_caution(plot_comparisons(comparison), comparison, policy), "against_the_literature", "")
        table = side_by_side(comparison, judged, "This centre beside the published figures that the plan names", differences=True)
        chapter.show(with_caution(table, comparison, policy), "against_the_literature")
        words = sources_words(comparison, few)
        if words:
            chapter.say(words, "note")
    for one in comparison.judged:
        chapter.say(_reading(one), "note")
    if cohort is not None:
        curves(cohort, comparison, figures, chapter)
    told = {*judged, *(figure for other in before for figure in other.figures_shown)}
    others = [one.figure.id for one in comparison.compared if one.answers and one.figure.id not in told]
    if others:
        table = side_by_side(comparison, others, "Other published figures beside this centre")
        chapter.show(with_caution(table, comparison, policy), "other_figures")
    chapter.show(_not_compared(comparison), "not_compared")
    _record(comparison, cohort, chapter)
    return chapter


def _answer(comparison: Comparison, expected: Sequence[Expectation] = ()) -> str:
    """The first screen's sentence: what is worse, and how many of the plan's figures got which word."""
    named = comparison.judged
    reader = " Read it with the note above." if caution_of(comparison) else ""
    pooled = [one for one in expected if one.word]
    if not named and not pooled:
        return f"Not judged: the plan names no published figures to be judged by.{reader}"
    found = [one.verdict for one in sorted(named, key=urgency)]
    worse = [f"{small(title_of(one.one))} (than the pooled sources lead one to expect)" for one in pooled if one.word == WORSE_THAN]
    worse += [small(title_of(one)) for one in named if WORSE in one.verdict]
    decided = bool(pooled) or any(word not in UNDECIDED for word in found)
    first = f"Worse than expected: {'; '.join(worse)}." if worse else "Nothing is worse than expected." if decided else "Nothing could be judged."
    counts = listed([f"{found.count(word)} {word}" for word in dict.fromkeys(found)])
    new = f" Of {plural(len(pooled), 'pooled result')}: {listed([f'{[one.word for one in pooled].count(word)} {word}' for word in dict.fromkeys(one.word for one in pooled)])}." if pooled else ""
    return f"{first}{new} Of {plural(len(named), 'published figure')} that the plan names: {counts}.{reader}" if named else f"{first}{new}{reader}"


def _reading(one: Compared) -> str:
    """Why a figure got its word, and what has to be read with it."""
    why = f" {one.reason[:1].upper()}{one.reason[1:]}." if one.reason else ""
    return " ".join([f"{title_of(one)}, {one.short}: {one.verdict}.{why}", *one.remarks])


def _not_compared(comparison: Comparison) -> Table:
    """Why the other figures can't stand beside this centre: a row a kind of reason; results.csv has each figure's own."""
    counts: dict[str, int] = {}
    for one in comparison.compared:
        if one.answers is None:
            counts[one.kind] = counts.get(one.kind, 0) + 1
    rows = tuple((f"{kind[:1].upper()}{kind[1:]}", str(k)) for kind, k in sorted(counts.items(), key=lambda item: -item[1]))
    return Table("not_compared", f"Why {plural(sum(counts.values()), 'published figure')} can't be compared with this centre", ("Reason", "Figures"),
                 rows, ("results.csv names each figure with its reason in full.",))  # fmt: skip


def _record(comparison: Comparison, cohort: Cohort | None, chapter: Chapter) -> None:
    """Both sides of every comparison: the centre's number, the published one, their difference."""
    counts = {"figures looked at": comparison.looked_at, "figures set beside": sum(one.answers is not None for one in comparison.compared),
              "figures named in the plan": len(comparison.judged)}  # fmt: skip
    chapter.record(pd.DataFrame([{"quantity": name, "n": n} for name, n in counts.items()]), setting="all", analysis="the literature", quantity="", cleared=True,
                   recipe=recipe("counts"))  # fmt: skip
    tidy = comparison.tidy()
    made = {} if cohort is None or chapter.policy.hides else _recipes(comparison, cohort)
    answered = {one.figure.id for one in comparison.compared if one.answers}
    for row in tidy.to_dict("records"):
        about = {"setting": row["setting"], "analysis": f"{row['figure']}: {row['convention'] or row['endpoint']}", "unit": row["unit"]}
        if row["figure"] not in answered:
            chapter.refuse_quietly(row["figure"], row["reason"] or row["verdict"], str(row["setting"]))
            continue
        shown = f"{row['verdict']}: {row['reason']}" if row["reason"] else row["verdict"]
        shown += "; to be read with the plan's caution" if caution_of(comparison) else ""
        numbers = [{**{name: row[name] for name in ("outcome", "group", "time", "estimate", "conf_low", "conf_high", "n", "n_event")}, "quantity": "centre", "shown": shown,
                    "recipe": made.get((row["figure"], row["convention"]))}]  # fmt: skip
        numbers.append({"quantity": "published", "estimate": row["published"], "conf_low": row["published_low"],
                        "conf_high": row["published_high"], "n": row["published_n"], "time": row["time"], "shown": row["printed"],
                        "recipe": recipe("published")})  # fmt: skip
        if not pd.isna(row["difference"]):
            numbers.append({"quantity": f"{row['contrast']} centre to published", "estimate": row["difference"], "time": row["time"],
                            "conf_low": row["difference_low"], "conf_high": row["difference_high"], "recipe": recipe("contrast", kind=row["contrast"])})  # fmt: skip
        chapter.record(pd.DataFrame(numbers), quantity="", method=comparison.method, cleared=True, **about)


def _recipes(comparison: Comparison, cohort: Cohort) -> dict[tuple[object, object], str]:
    """How the centre's number beside each figure was made, by figure and convention."""
    return {(one.figure.id, ours.convention): recipe_of(ours, cohort, one.figure.setting, one.figure)
            for one in comparison.compared if one.answers is not None for ours in one.answers.numbers}  # fmt: skip
