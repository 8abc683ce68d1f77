"""The first screen's lines: every figure that the plan names, and one for each great question of which it names none."""

from __future__ import annotations

from collections.abc import Sequence

from haip_outcomes.benchmark.centre import BY_ERROR
from haip_outcomes.benchmark.comparison import Compared, Comparison
from haip_outcomes.benchmark.estimands import LIVER
from haip_outcomes.benchmark.verdicts import (
    DIFFERS,
    NOT_COMPARABLE,
    NOT_JUDGED,
    SAME_PATIENTS,
    TOO_FEW,
    WORSE,
)
from haip_outcomes.formatting import plural
from haip_outcomes.report.content import Verdict
from haip_outcomes.tables.comparisons import shown, title_of, value_text

_SYMMETRIC = "limits ± 1.96 SE, as the source has them"
UNDECIDED = (TOO_FEW, NOT_JUDGED, NOT_COMPARABLE, SAME_PATIENTS)
# survival, the liver, safety, delivery: in this order, each with the endpoints that answer it, the plainest first
_QUESTIONS = (("overall_survival",), LIVER, ("postop_complication", "pump_complication", "biliary_sclerosis"),
              ("first_cycle_delivered", "first_cycle_not_delivered", "time_to_first_cycle"))  # fmt: skip
_STATISTICS = ("median", "proportion", "median_IQR", "landmark_probability", "cumulative_incidence")


def lines(comparison: Comparison) -> list[Verdict]:
    """What stands in the first screen's table: the judged figures, the urgent ones first, then the questions that none of them asks."""
    found = [_judged(comparison, one) for one in sorted(comparison.judged, key=urgency)]
    asked = {one.figure.endpoint for one in comparison.judged if one.answers is not None}
    for endpoints in _QUESTIONS:
        if not asked & set(endpoints):
            found += _unasked(comparison, endpoints)
    return found


def urgency(one: Compared) -> int:
    """What deserves a look first."""
    return 0 if WORSE in one.verdict or DIFFERS in one.verdict else 2 if one.verdict in UNDECIDED else 1


def _judged(comparison: Comparison, one: Compared) -> Verdict:
    numbers = next(shown(comparison, [one.figure.id]))[1] if one.answers else ()
    here = "; ".join(value_text(row) + "".join(f" ({words})" for words in (row["convention"], _SYMMETRIC if row["centre_basis"] == BY_ERROR else "") if words) for row in numbers)
    n = f", n = {one.figure.n}" if one.figure.n else ""
    return Verdict(title_of(one), here or "-", f"{one.figure.printed} ({one.short}{n})", one.verdict)


def _unasked(comparison: Comparison, endpoints: Sequence[str]) -> list[Verdict]:
    """A line a setting (or one for both together, where sources count them so): this centre's number by the estimand that stands
    first, and from where to where the sources print it. Figures on this centre's own patients say nothing here."""
    of_it = [one for one in comparison.compared
             if one.answers is not None and one.verdict != SAME_PATIENTS and one.figure.endpoint in endpoints and one.figure.statistic in _STATISTICS]  # fmt: skip
    groups = list(dict.fromkeys(one.answers.group for one in of_it if one.answers))
    both = [group for group in groups if " and " in group]
    found = []
    for group in both or groups:
        kinds: dict[tuple[str, str, float | None], list[Compared]] = {}
        for one in of_it:
            if one.answers is not None and one.answers.group == group:
                kinds.setdefault((one.figure.endpoint, one.figure.statistic, one.figure.horizon), []).append(one)
        best = min(kinds, key=lambda kind: (_STATISTICS.index(kind[1]), endpoints.index(kind[0]), -len(kinds[kind])))
        found.append(_together(comparison, kinds[best]))
    return found


def _together(comparison: Comparison, some: list[Compared]) -> Verdict:
    """Several sources of one estimand in one line, without a verdict."""
    first = next((one for one in some if one.figure.ci_form != "symmetric (standard error)"), some[0])
    row = next(shown(comparison, [first.figure.id]))[1][0]
    convention = f" ({row['convention']})" if row["convention"] else ""
    if len(some) == 1:
        n = f", n = {first.figure.n}" if first.figure.n else ""
        theirs = f"{first.figure.printed} ({first.short}{n})"
    else:
        values = sorted(one.figure.estimate for one in some if one.figure.estimate is not None)
        unit = "%" if first.figure.unit == "%" else f" {first.figure.unit}"
        ends = f"{values[0]:g}{unit}" if values[0] == values[-1] else f"{values[0]:g} to {values[-1]:g}{unit}"
        theirs = f"{ends} ({plural(len({one.figure.source for one in some}), 'source')})"
    return Verdict(title_of(first), f"{value_text(row)}{convention}", theirs, NOT_JUDGED)
