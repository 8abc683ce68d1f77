"""What a new centre of this size is expected to see, where a cell of the literature can be pooled; else how few sources there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from haip_outcomes.benchmark.centre import CentreNumber
from haip_outcomes.benchmark.comparison import Compared, Comparison
from haip_outcomes.benchmark.literature import Figures, published
from haip_outcomes.benchmark.pooling.cells import LEAST, Cell, cells_of
from haip_outcomes.benchmark.pooling.pooled_figures import Pooled, pooled
from haip_outcomes.benchmark.verdicts import SAME_PATIENTS
from haip_outcomes.figures.pooling import plot_pooled
from haip_outcomes.formatting import listed, plural
from haip_outcomes.prognosis.verification.recipes import recipe
from haip_outcomes.report.content import Chapter, Verdict
from haip_outcomes.report.words import small
from haip_outcomes.tables.comparisons import title_of, value_text
from haip_outcomes.tables.disclosure import Policy
from haip_outcomes.tables.table import Table

INSIDE, WORSE_THAN, BETTER_THAN, BELOW, ABOVE = (
    "as expected of a new centre", "worse than expected of a new centre", "better than expected of a new centre",
    "below what is expected of a new centre", "above what is expected of a new centre",
)  # fmt: skip
_RATIO = "ratio"


@dataclass(frozen=True)
class Expectation:
    """A pooled cell beside this centre: its numbers under each convention, the interval expected, and the word on which all agree."""

    one: Compared
    found: Pooled
    low: float
    high: float
    word: str  # empty where the conventions disagree, or the plan names no figure of the cell

    @property
    def expected(self) -> str:
        """The interval in words: "12% to 40%"."""
        return f"{self.found.shown(self.low)} to {self.found.shown(self.high)}"


def expectations(comparison: Comparison, figures: Figures | None) -> tuple[list[Expectation], list[Cell]]:
    """The cells that can be pooled and set beside this centre, and those for which there are too few sources.

    Figures on this centre's own patients are in no pool that says what is expected of it.
    """
    everything = published() if figures is None else figures
    by_id = {one.figure.id: one for one in comparison.compared}
    usable = tuple(figure for figure in everything if figure.id in by_id and by_id[figure.id].verdict != SAME_PATIENTS)
    asked = [cell for cell in cells_of(replace(everything, figures=usable)) if any(by_id[figure.id].answers is not None for figure in cell.figures)]
    return [_expected(cell, by_id) for cell in asked if cell.can_be_pooled], [cell for cell in asked if not cell.can_be_pooled]


def _expected(cell: Cell, by_id: dict[str, Compared]) -> Expectation:
    answered = [by_id[figure.id] for figure in cell.figures if by_id[figure.id].answers is not None]
    one = next((one for one in answered if one.named), answered[0])
    assert one.answers is not None
    numbers = one.answers.numbers
    found = pooled(cell.figures, n_new=None if numbers[0].unit == _RATIO else numbers[0].n)
    row = found.prediction().iloc[0]
    low, high = float(row["conf_low"]), float(row["conf_high"])
    words = {_word(ours, low, high, one) for ours in numbers}
    return Expectation(one, found, low, high, words.pop() if len(words) == 1 and any(other.named for other in answered) else "")


def _word(ours: CentreNumber, low: float, high: float, one: Compared) -> str:
    """Inside the interval, or on which side of it; a median that is not reached is above."""
    value = math.inf if math.isnan(ours.side.estimate) else ours.side.estimate
    if low <= value <= high:
        return INSIDE
    if one.figure.better == "neither":
        return ABOVE if value > high else BELOW
    return BETTER_THAN if (value > high) == (one.figure.better == "higher") else WORSE_THAN


def lead(found: Sequence[Expectation], few: Sequence[Cell], chapter: Chapter) -> None:
    """The first part of the chapter on the literature: the prediction intervals, or that there are none."""
    if not found:
        chapter.say(too_few(few))
    for one in found:
        with chapter.attempt(f"pooled, {one.found.cell.words}", one.one.figure.setting):
            _one(one, chapter)
    if found and few:
        chapter.say(f"Of the other questions that this centre can be asked, {len(few)} have too few sources to pool.", "note")


def too_few(few: Sequence[Cell]) -> str:
    """Why nothing is pooled today."""
    most = max((len(cell.chosen) for cell in few), default=0)
    if not few:
        return "No published figure can be set beside this centre, so none is pooled."
    return (f"No prediction interval for a new centre: the figures that can be set beside this one ask {plural(len(few), 'different question')}, and no question has "
            f"more than {plural(most, 'source')} of different patients with a known uncertainty: too few to pool (at least {LEAST}). The figures stand one by one.")  # fmt: skip


def sources_words(comparison: Comparison, few: Sequence[Cell]) -> str:
    """Of each figure that the plan names and that is not pooled: "overall survival at 24 months, adjuvant: 1 source"."""
    named = {one.figure.id: one for one in comparison.judged if one.answers is not None}
    parts = [f"{small(title_of(named[figure.id]))}: {cell.reason}" for cell in few for figure in cell.figures if figure.id in named]
    return f"Sources of different patients for the figures that the plan names: {'; '.join(parts)}." if parts else ""


def verdicts(found: Sequence[Expectation], policy: Policy) -> list[Verdict]:
    """The first screen's lines: this centre beside what is expected of a new one."""
    lines = []
    for one in found:
        if not one.word or one.one.answers is None:
            continue
        here = "; ".join(_ours(ours, policy) for ours in one.one.answers.numbers)
        theirs = f"expected of a new centre: {one.expected} ({one.found.effects.k} sources pooled)"
        lines.append(Verdict(title_of(one.one), here, theirs, one.word))
    return lines


def _one(one: Expectation, chapter: Chapter) -> None:
    found = one.found
    answers = one.one.answers
    assert answers is not None
    setting, title = one.one.figure.setting, title_of(one.one)
    chapter.heading(f"{title}: what is expected of a new centre")
    here = "; ".join(_ours(ours, chapter.policy) for ours in answers.numbers)
    chapter.say(f"{found.sentence} This centre: {here}{f': {one.word}' if one.word else ''}.", "key")
    chapter.draw(lambda: plot_pooled(found, one.one), f"pooled_{one.one.figure.id}", setting)
    chapter.show(_table(one, chapter.policy), f"pooled_{one.one.figure.id}")
    if found.left_out:
        chapter.say(f"Not pooled: {'; '.join(f'{name} ({why})' for name, why in found.left_out)}.", "note")
    chapter.record(found.tidy().drop(columns="std_error"), setting=setting, analysis=f"pooled: {found.cell.words}", quantity="published", unit=found.unit, method=found.method,
                   cleared=True, recipe=recipe("published"))  # fmt: skip
    low, high = found.limits
    rows = [{"quantity": "pooled", "estimate": found.estimate, "conf_low": low, "conf_high": high},
            {"quantity": "expected of a new centre", "conf_low": one.low, "conf_high": one.high}]  # fmt: skip
    rows += [{"quantity": "centre", "group": ours.convention, "estimate": ours.side.estimate, "conf_low": ours.shown[0], "conf_high": ours.shown[1]} for ours in answers.numbers]
    chapter.record(pd.DataFrame(rows), setting=setting, analysis=f"pooled: {found.cell.words}", quantity="", unit=found.unit, cleared=True,
                   recipe=recipe("pooled"))  # fmt: skip


def _table(one: Expectation, policy: Policy) -> Table:
    found, answers = one.found, one.one.answers
    assert answers is not None
    rows = [(str(row["group"]), "-" if pd.isna(row["n"]) else str(row["n"]), _shown(found, row["estimate"], row["conf_low"], row["conf_high"]), f"{100 * row['weight']:.0f}%")
            for row in found.tidy().to_dict("records")]  # fmt: skip
    low, high = found.limits
    rows.append(("Pooled (95% confidence interval)", "", _shown(found, found.estimate, low, high), ""))
    new = f"a new centre of {found.n_new} patients observes" if found.n_new else "the true result of a new centre is"
    rows.append((f"What {new} (95% prediction interval)", str(found.n_new or ""), one.expected, ""))
    rows += [(f"This centre{f', {ours.convention}' if ours.convention else ''}", str(ours.n), _ours(ours, policy, convention=False), "") for ours in answers.numbers]
    lower = [name for name, bound in zip(found.tidy()["group"], found.tidy()["lower_bound"], strict=True) if bound]
    notes = [found.method + ("" if found.method.endswith(".") else ".")]
    if lower:
        notes.append(f"Of {listed(lower)} only the number of patients is known: the uncertainty is a lower bound, the weight an upper one.")
    return Table("pooled", f"{found.cell.words[:1].upper()}{found.cell.words[1:]}: sources pooled, and this centre", ("Source", "n", "Value (95% CI)", "Weight"), tuple(rows),
                 tuple(notes))  # fmt: skip


def _shown(found: Pooled, estimate: float, low: float, high: float) -> str:
    return _text(estimate, low, high, found.unit)


def _ours(ours: CentreNumber, policy: Policy, *, convention: bool = True) -> str:
    """This centre's number with its limits, and under which convention."""
    after = f" ({ours.convention})" if convention and ours.convention else ""
    return f"{_text(ours.side.estimate, *ours.shown, ours.unit, rounded=policy.hides)}{after}"


def _text(estimate: float, low: float, high: float, unit: str, *, rounded: bool = False) -> str:
    return value_text({"estimate": estimate, "conf_low": low, "conf_high": high, "unit": unit, "rounded": rounded})
