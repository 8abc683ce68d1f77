"""What a verdict turns on: the convention, the published side's n, a few patients, or a margin nearly met."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from haip_outcomes.benchmark.centre import CentreNumber, proportion
from haip_outcomes.benchmark.comparison import Compared
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.benchmark.uncertainty import Contrast, Side, contrasted, of_size, published_side
from haip_outcomes.benchmark.verdicts import (
    AGREES,
    BETTER,
    CLEARLY,
    DIFFERS,
    NOT_COMPARABLE,
    NOT_JUDGED,
    SAME_PATIENTS,
    TOO_FEW,
    WITHIN,
    WORSE,
    agreed,
    amount,
    judge,
)
from haip_outcomes.benchmark.wording import under
from haip_outcomes.formatting import listed, plural
from haip_outcomes.programme.safety_and_delivery import Count
from haip_outcomes.registry.plan import Plan

CONVENTION, PUBLISHED_N, PATIENTS, MARGIN, STRENGTH, BASIS, OPEN_READING = (
    "convention", "published n", "patients", "margin", "strength", "basis", "open reading")  # fmt: skip
_NEARLY = 1.5  # an interval that leaves the margin by no more than half of it
_FEW = 0.2  # of the centre's patients: a change of more than these is not called a few


@dataclass(frozen=True)
class TurningPoint:
    """One thing on which a verdict turns. `counts` says whether the sentence tells how many patients of this centre had an event."""

    kind: str
    sentence: str
    counts: bool = False


def turning_points(one: Compared, plan: Plan) -> tuple[TurningPoint, ...]:
    """What would change the verdict on one published figure, in words; empty when nothing that is looked at would.

    Looked at, each with all else as it stands: the verdict under each convention that the source leaves open; whether the
    99.8% interval too excludes no difference; with how few published patients a verdict that rests on the source's n
    alone would still stand (its n is a lower bound of its uncertainty: censored patients tell less); how many patients of
    a proportion would have to fare otherwise (at most a fifth of the centre's); and by how much the interval leaves the
    plan's margin, where by no more than half of it.
    """
    if one.answers is None or one.verdict in (SAME_PATIENTS, NOT_COMPARABLE):
        return ()
    margin = plan.benchmark.margin.get(one.figure.id, plan.benchmark.margin.get(one.figure.endpoint))
    scaled = None if margin is None else margin * one.figure.scale
    return (*_conventions(one), *_strength(one), *_basis(one, scaled), *_patients(one, scaled), *_margin(one, scaled))


def verdict_with(numbers: tuple[CentreNumber, ...], theirs: Side, n: int | None, figure: PublishedFigure, margin: float | None) -> str:
    """The word that these numbers would get against this published side, under all conventions together."""
    return agreed([judge(ours, theirs, n, figure.better, margin).verdict for ours in numbers]) or NOT_JUDGED


def _conventions(one: Compared) -> Iterator[TurningPoint]:
    assert one.answers is not None
    words = [under(ours.convention) for ours in one.answers.numbers]
    found = [judged.verdict for judged in one.judged]
    if len(set(found)) > 1:
        by: dict[str, list[str]] = {}
        for word, verdict in zip(words, found, strict=True):
            by.setdefault(verdict, []).append(word)
        parts = "; ".join(f"{verdict} {listed(some)}" for verdict, some in by.items())
        unstated = f" ({listed(one.answers.fields.unstated)})" if one.answers.fields.unstated else ""
        yield TurningPoint(CONVENTION, f"It turns on what the source does not state{unstated}: {parts}.")
    if one.answers.unanswered and one.verdict == NOT_JUDGED and agreed(found) not in (None, NOT_JUDGED, TOO_FEW):
        yield TurningPoint(OPEN_READING, f"Under what this centre can count it is {agreed(found)}; the source may also mean what it can't.", counts=True)


def _decided(verdict: str) -> bool:
    return verdict.removeprefix(CLEARLY) in (BETTER, WORSE, DIFFERS)


def _strength(one: Compared) -> Iterator[TurningPoint]:
    if _decided(one.verdict) and not one.verdict.startswith(CLEARLY):
        yield TurningPoint(STRENGTH, "At 99.8% instead of 95% the interval would no longer exclude no difference.")


def _basis(one: Compared, margin: float | None) -> Iterator[TurningPoint]:
    """A verdict that rests on n alone: down to how few published patients it would stand. Or what the source would have to print."""
    assert one.answers is not None
    figure, theirs = one.figure, published_side(one.figure)
    if theirs.limits is None:
        yield TurningPoint(BASIS, f"Nothing can be judged: {theirs.basis}. An interval from its authors would let it be.")
        return
    moved = [under(ours.convention) for ours, judged in zip(one.answers.numbers, one.judged, strict=True) if judged.at_median is not None]
    if moved and figure.n:
        where = f"{listed(moved)[:1].upper()}{listed(moved)[1:]} it" if len(moved) < len(one.judged) else "It"
        yield TurningPoint(PUBLISHED_N, f"{where} rests on the event-free share at the published median, against one half of {figure.n} patients, the source's n "
                           "alone: its own uncertainty can only be larger.")  # fmt: skip
        return
    if not theirs.lower_bound or figure.n is None or not _decided(one.verdict):
        return
    word, numbers = one.verdict.removeprefix(CLEARLY), one.answers.numbers

    def stands(size: int) -> bool:
        return verdict_with(numbers, of_size(theirs.estimate, size, theirs.basis), size, figure, margin).removeprefix(CLEARLY) == word

    least = _least(stands, figure.n)
    if least is None:
        return
    yield TurningPoint(PUBLISHED_N, f"It rests on the source's {figure.n} patients alone, as if none had been censored. It stands as long as they tell at least as "
                       f"much as {plural(least, 'patient')} followed to the end would.")  # fmt: skip


def _least(stands: Callable[[int], bool], n: int) -> int | None:
    """The smallest size from 1 to n at which it stands, by halving: it stands at n and, once lost, is lost below."""
    if not stands(n):
        return None
    low, high = 0, n
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if stands(middle) else (middle, high)
    return high


def _patients(one: Compared, margin: float | None) -> Iterator[TurningPoint]:
    """Of a proportion: the fewest patients, more or fewer, with whom the word would be another."""
    assert one.answers is not None
    if len(one.answers.numbers) != 1 or one.answers.numbers[0].side.count is None:
        return
    (k, n), figure, theirs = one.answers.numbers[0].side.count, one.figure, published_side(one.figure)
    if theirs.limits is None or figure.estimate is None:
        return
    published, word = figure.estimate * figure.scale, one.judged[0].verdict.removeprefix(CLEARLY)
    for step, more in ((1, "more"), (-1, "fewer")):
        for moved in range(1, max(1, math.floor(_FEW * n)) + 1):
            other = k + step * moved
            if not 0 <= other <= n:
                break
            found = verdict_with((proportion(Count(other, n, 0), published),), theirs, figure.n, figure, margin).removeprefix(CLEARLY)
            if found != word:
                yield TurningPoint(PATIENTS, f"With {moved} {more} of {n} ({other} instead of {k}) it would be {found}.", counts=True)
                break


def _margin(one: Compared, margin: float | None) -> Iterator[TurningPoint]:
    assert one.answers is not None
    if margin is None or one.verdict not in (WITHIN, AGREES):
        return
    theirs, reach = published_side(one.figure), 0.0
    for ours in one.answers.numbers:
        kind: Contrast = "ratio" if ours.unit == "ratio" else "difference"
        _, low, high = contrasted(ours.side, theirs, kind, 0.95)
        reach = max(reach, max(high, 1 / low) if kind == "ratio" and low > 0 else max(-low, high))
    if not margin < reach <= _NEARLY * margin:
        return
    unit = one.answers.numbers[0].unit
    yield TurningPoint(MARGIN, f"The margin is nearly met: the 95% interval reaches {amount(reach, unit)}, and the plan's margin is {amount(margin, unit)}.")
