"""This centre's number and the published ones, under each other: the table that stands beside a result."""

from __future__ import annotations

from collections.abc import Sequence

from haip_outcomes.benchmark.comparison import UNNAMED, Compared, Comparison
from haip_outcomes.benchmark.verdicts import NOT_JUDGED, SAME_PATIENTS
from haip_outcomes.tables.comparisons import Row, difference_text, shown, title_of, value_text
from haip_outcomes.tables.table import Table

_UNNAMED = "-: not among the figures that the plan names, so shown without a verdict."
_ABBREVIATIONS = "CI: confidence interval. NR: not reached. Published figures are as printed."


def side_by_side(comparison: Comparison, figures: Sequence[str], title: str, *, differences: bool = False) -> Table:
    """Under each question the centre's number (a row each convention that a source may have meant), then the published ones."""
    groups: dict[tuple[str, tuple[tuple[str, str, str], ...]], list[tuple[Compared, Sequence[Row]]]] = {}
    for one, numbers in shown(comparison, figures):
        ours = tuple((str(row["convention"]), str(row["n"]), value_text(row)) for row in numbers)
        groups.setdefault((title_of(one), ours), []).append((one, numbers))
    rows: list[tuple[str, ...]] = []
    indents: list[int] = []
    for (question, ours), sources in groups.items():
        own = [(f"This centre, {convention}" if convention else "This centre", n, value, "", "") for convention, n, value in ours]
        short = [one.short for one, _ in sources]
        theirs = [(_source(one, short.count(one.short) > 1), str(one.figure.n or "-"), one.figure.printed, "; ".join(map(difference_text, numbers)), _word(one))
                  for one, numbers in sources]  # fmt: skip
        rows += [(question, "", "", "", ""), *own, *theirs]
        indents += [0, *[1] * (len(own) + len(theirs))]
    twice = len({question for question, _ in groups}) < len(groups)
    columns = (0, 1, 2, 3, 4) if differences else (0, 1, 2, 4)
    header = ("Question and source", "n", "Value (95% CI)", "Difference (95% CI)", "Verdict")
    return Table("side_by_side", title, tuple(header[j] for j in columns), tuple(tuple(row[j] for j in columns) for row in rows),
                 tuple(_notes(comparison, figures, differences, twice)), indents=tuple(indents), text_columns=(2, len(columns) - 1))  # fmt: skip


def _source(one: Compared, again: bool) -> str:
    """A source's short name; with its patients where it has several figures for one question."""
    return f"{one.short} ({one.figure.population})" if again and one.figure.population else one.short


def _word(one: Compared) -> str:
    return "-" if one.verdict == NOT_JUDGED and one.reason == UNNAMED else one.verdict


def _notes(comparison: Comparison, figures: Sequence[str], differences: bool, twice: bool) -> list[str]:
    chosen = [one for one, _ in shown(comparison, figures)]
    notes = [_ABBREVIATIONS]
    if differences:
        notes.append("Difference: this centre minus published, in percentage points, months or days; “ratio”: this centre over published; “at the published median”: of the share "
                     "free of the event then, where one of the medians has no upper limit.")
    if any(_word(one) == "-" for one in chosen):
        notes.append(_UNNAMED)
    notes += [f"{one.short}, {one.verdict}: {one.reason}." for one in chosen if one.verdict == SAME_PATIENTS]
    if twice:
        notes.append("A question stands twice where its sources form their interval in different ways: so does the centre's.")
    return list(dict.fromkeys(notes))
