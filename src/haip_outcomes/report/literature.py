"""Chapter: the centre against the literature; and the lines of it that stand beside each result."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from haip_outcomes.benchmark.comparison import Compared, Comparison, compare
from haip_outcomes.benchmark.verdicts import (
    DIFFERS,
    NOT_COMPARABLE,
    NOT_JUDGED,
    SAME_PATIENTS,
    TOO_FEW,
    WORSE,
)
from haip_outcomes.errors import EndpointError, FitError, HaipError
from haip_outcomes.figures.forest import plot_comparisons
from haip_outcomes.formatting import listed, plural
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.content import Chapter, Verdict
from haip_outcomes.report.side_by_side import side_by_side
from haip_outcomes.report.words import small
from haip_outcomes.tables.comparisons import shown, title_of, value_text
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.table import Table

AGAINST = "Against the literature"
_UNDECIDED = (TOO_FEW, NOT_JUDGED, NOT_COMPARABLE, SAME_PATIENTS)


def compared(cohort: Cohort) -> tuple[Comparison | None, HaipError | None]:
    """The comparison, or the reason why there is none. A plan that names no published figure stops everything."""
    try:
        return compare(cohort), None
    except (EndpointError, FitError) as error:
        return None, error


def beside(comparison: Comparison | None, settings: tuple[str, ...], endpoints: tuple[str, ...], chapter: Chapter) -> None:
    """The published figures that a result can be compared with, right beside it."""
    ids = [name for setting in settings for name in comparison.beside(setting, endpoints)] if comparison is not None else []
    if comparison is not None and ids:
        chapter.figures_shown += ids
        chapter.show(side_by_side(comparison, ids, "Beside the literature"), f"beside_{chapter.key}_{'_'.join(settings)}_{endpoints[0]}")


def literature(comparison: Comparison | None, refused: HaipError | None, before: Sequence[Chapter] = (), policy: Policy = OPEN) -> Chapter:
    """Every figure looked at: what was judged, what stands in no chapter `before`, and why the rest can't be compared."""
    chapter = Chapter("literature", AGAINST, policy)
    if comparison is None:
        chapter.refuse("comparison with published figures", str(refused))
        return chapter
    chapter.answer = _answer(comparison)
    chapter.say(comparison.summary[0])
    chapter.verdicts += [_verdict(comparison, one) for one in sorted(comparison.judged, key=_urgency)]
    judged = [one.figure.id for one in comparison.judged if one.answers]
    if judged:
        chapter.show(plot_comparisons(comparison), "against_the_literature")
        table = side_by_side(comparison, judged, "This centre beside the published figures that the plan names", differences=True)
        chapter.show(table, "against_the_literature")
    for one in comparison.judged:
        chapter.say(_reading(one), "note")
    told = {*judged, *(figure for other in before for figure in other.figures_shown)}
    others = [one.figure.id for one in comparison.compared if one.answers and one.figure.id not in told]
    if others:
        chapter.show(side_by_side(comparison, others, "Other published figures beside this centre"), "other_figures")
    chapter.show(_not_compared(comparison), "not_compared")
    _record(comparison, chapter)
    return chapter


def _answer(comparison: Comparison) -> str:
    """The first screen's sentence: what is worse, and how many of the plan's figures got which word."""
    named = comparison.judged
    if not named:
        return "Not judged: the plan names no published figures to be judged by."
    found = [one.verdict for one in sorted(named, key=_urgency)]
    worse = [small(title_of(one)) for one in named if WORSE in one.verdict]
    decided = any(word not in _UNDECIDED for word in found)
    first = f"Worse than expected: {'; '.join(worse)}." if worse else "Nothing is worse than expected." if decided else "Nothing could be judged."
    counts = listed([f"{found.count(word)} {word}" for word in dict.fromkeys(found)])
    return f"{first} Of {plural(len(named), 'published figure')} that the plan names: {counts}."


def _urgency(one: Compared) -> int:
    """What deserves a look first."""
    return 0 if WORSE in one.verdict or DIFFERS in one.verdict else 2 if one.verdict in _UNDECIDED else 1


def _verdict(comparison: Comparison, one: Compared) -> Verdict:
    numbers = next(shown(comparison, [one.figure.id]))[1] if one.answers else ()
    here = "; ".join(value_text(row) + (f" ({row['convention']})" if row["convention"] else "") for row in numbers)
    n = f", n = {one.figure.n}" if one.figure.n else ""
    return Verdict(title_of(one), here or "-", f"{one.figure.printed} ({one.short}{n})", one.verdict)


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


def _record(comparison: Comparison, chapter: Chapter) -> None:
    """Both sides of every comparison: the centre's number, the published one, their difference."""
    counts = {"figures looked at": comparison.looked_at, "figures set beside": sum(one.answers is not None for one in comparison.compared),
              "figures named in the plan": len(comparison.judged)}  # fmt: skip
    chapter.record(pd.DataFrame([{"quantity": name, "n": n} for name, n in counts.items()]), setting="all", analysis="the literature", quantity="", cleared=True)
    tidy = comparison.tidy()
    answered = {one.figure.id for one in comparison.compared if one.answers}
    for row in tidy.to_dict("records"):
        about = {"setting": row["setting"], "analysis": f"{row['figure']}: {row['convention'] or row['endpoint']}", "unit": row["unit"]}
        if row["figure"] not in answered:
            chapter.refuse_quietly(row["figure"], row["reason"] or row["verdict"], str(row["setting"]))
            continue
        shown = f"{row['verdict']}: {row['reason']}" if row["reason"] else row["verdict"]
        numbers = [{**{name: row[name] for name in ("outcome", "group", "time", "estimate", "conf_low", "conf_high", "n", "n_event")}, "quantity": "centre", "shown": shown}]
        numbers.append({"quantity": "published", "estimate": row["published"], "conf_low": row["published_low"],
                        "conf_high": row["published_high"], "n": row["published_n"], "time": row["time"], "shown": row["printed"]})  # fmt: skip
        if not pd.isna(row["difference"]):
            numbers.append({"quantity": f"{row['contrast']} centre to published", "estimate": row["difference"], "time": row["time"],
                            "conf_low": row["difference_low"], "conf_high": row["difference_high"]})  # fmt: skip
        chapter.record(pd.DataFrame(numbers), quantity="", method=comparison.method, cleared=True, **about)
