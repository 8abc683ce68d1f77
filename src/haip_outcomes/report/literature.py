"""Chapter: the centre against the literature; and the lines of it that stand beside each result."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from haip_outcomes.benchmark.comparison import UNNAMED, Comparison, compare
from haip_outcomes.benchmark.verdicts import NOT_COMPARABLE, NOT_JUDGED, SAME_PATIENTS
from haip_outcomes.errors import EndpointError, FitError, HaipError
from haip_outcomes.figures.forest import plot_comparisons
from haip_outcomes.formatting import listed, plural
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.content import Chapter
from haip_outcomes.tables.comparisons import comparison_table, shown, title_of, value_text
from haip_outcomes.tables.table import Table

AGAINST = "Against the literature"


def compared(cohort: Cohort) -> tuple[Comparison | None, HaipError | None]:
    """The comparison, or the reason why there is none. A plan that names no published figure stops everything."""
    try:
        return compare(cohort), None
    except (EndpointError, FitError) as error:
        return None, error


def beside(comparison: Comparison | None, setting: str, endpoints: tuple[str, ...], chapter: Chapter) -> None:
    """The published figures that a result can be compared with, right beside it."""
    ids = comparison.beside(setting, endpoints) if comparison is not None else []
    if comparison is not None and ids:
        chapter.figures_shown += ids
        chapter.show(_beside_table(comparison, ids, "Beside the literature"), f"beside_{chapter.key}_{setting}_{endpoints[0]}")


def _beside_table(comparison: Comparison, ids: list[str], title: str) -> Table:
    rows: list[tuple[str, ...]] = []
    for one, numbers in shown(comparison, ids):
        n = f", n = {one.figure.n}" if one.figure.n else ""
        here = "; ".join(value_text(row) + (f" ({row['convention']})" if row["convention"] else "") for row in numbers)
        rows.append((title_of(one), f"{one.figure.printed} ({one.short}{n})", here, _word(one.verdict, one.reason)))
    note = ("Not judged: not among the figures that the plan names, so shown without a verdict.",)
    return Table("beside", title, ("Published figure", "Published", "This centre (95% CI)", "Verdict"), tuple(rows),
                 note if any(row[3] == NOT_JUDGED for row in rows) else (), text_columns=(1, 2, 3))  # fmt: skip


def _word(verdict: str, reason: str) -> str:
    return NOT_JUDGED if verdict == NOT_JUDGED and reason == UNNAMED else f"{verdict}: {reason}" if reason else verdict


def literature(comparison: Comparison | None, refused: HaipError | None, before: Sequence[Chapter] = ()) -> Chapter:
    """Every figure looked at: what was judged, what stands in no chapter `before`, and why the rest can't be compared."""
    chapter = Chapter("literature", AGAINST)
    if comparison is None:
        chapter.refuse("comparison with published figures", str(refused))
        return chapter
    chapter.answer = _answer(comparison)
    chapter.say(comparison.summary[0])
    for one in comparison.judged:
        word = f"{one.verdict[:1].upper()}{one.verdict[1:]}"
        chapter.say(one.sentence, "key")
        chapter.verdicts.append((word, _after(one.sentence, word)))
    judged = [one.figure.id for one in comparison.judged if one.answers]
    if judged:
        chapter.show(plot_comparisons(comparison), "against_the_literature")
        chapter.show(comparison_table(comparison, judged), "against_the_literature")
    told = {*judged, *(figure for other in before for figure in other.figures_shown)}
    others = [one.figure.id for one in comparison.compared if one.answers and one.figure.id not in told]
    if others:
        chapter.show(_beside_table(comparison, others, "Other published figures beside this centre"), "other_figures")
    chapter.show(_not_compared(comparison), "not_compared")
    _record(comparison, chapter)
    return chapter


def _answer(comparison: Comparison) -> str:
    """The first screen's sentence: how many of the figures named beforehand got which word."""
    named = comparison.judged
    if not named:
        return "No published figure is judged: the plan names none that may be ([benchmark] judge)."
    found = [one.verdict for one in named]
    words = sorted(dict.fromkeys(found), key=lambda word: (word in (NOT_JUDGED, NOT_COMPARABLE, SAME_PATIENTS), -found.count(word)))
    return f"Of {plural(len(named), 'published figure')} that the plan names: {listed([f'{found.count(word)} {word}' for word in words])}."


def _after(sentence: str, word: str) -> str:
    """A comparison's sentence without its verdict, which stands before it on the first screen."""
    before, found, reason = sentence.partition(f" {word}: ")
    return f"{before} {reason[:1].upper()}{reason[1:]}" if found else sentence.replace(f" {word}.", "")


def _not_compared(comparison: Comparison) -> Table:
    """Why the other figures can't stand beside this centre: a row a kind of reason; results.csv has each figure's own."""
    reasons: dict[str, list[str]] = {}
    for one in comparison.compared:
        if one.answers is None:
            reasons.setdefault(one.kind, []).append(one.figure.id)
    rows = tuple((f"{kind[:1].upper()}{kind[1:]}", str(len(ids)), ", ".join(ids)) for kind, ids in sorted(reasons.items(), key=lambda item: -len(item[1])))
    total = sum(len(ids) for ids in reasons.values())
    return Table("not_compared", f"Why {plural(total, 'published figure')} can't be compared with this centre", ("Reason", "Figures", "Which"),
                 rows, ("results.csv has the reason of each figure in full.",), text_columns=(2,))  # fmt: skip


def _record(comparison: Comparison, chapter: Chapter) -> None:
    """Both sides of every comparison: the centre's number, the published one, their difference."""
    counts = {"figures looked at": comparison.looked_at, "figures set beside": sum(one.answers is not None for one in comparison.compared),
              "figures named beforehand": len(comparison.judged)}  # fmt: skip
    chapter.record(pd.DataFrame([{"quantity": name, "n": n} for name, n in counts.items()]), setting="all", analysis="the literature", quantity="")
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
        chapter.record(pd.DataFrame(numbers), quantity="", method=comparison.method, **about)
