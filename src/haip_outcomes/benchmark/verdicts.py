"""From an interval to a word, and never to a colour."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from haip_outcomes.benchmark.centre import AT_RISK, CentreNumber, Tally, at_risk, enough_followed
from haip_outcomes.benchmark.published_figure import Better
from haip_outcomes.benchmark.uncertainty import Contrast, Side, contrasted, smallest_difference, wilson
from haip_outcomes.benchmark.wording import days_text
from haip_outcomes.formatting import interval, number, percent, plural

WITHIN = "within expected variation"
AGREES = "agrees"
DIFFERS = "differs"
BETTER = "better than expected"
WORSE = "worse than expected"
CLEARLY = "clearly "
PAR = "on a par"
TOO_FEW = "too few to judge"
NOT_COMPARABLE = "not comparable"
NOT_JUDGED = "not judged"
SAME_PATIENTS = "same patients"
EXPECTED_EVENTS = 5
CHANCE, CLEAR_CHANCE = 0.025, 0.001  # one-sided, as the 95% and the 99.8% interval


@dataclass(frozen=True)
class Judged:
    """One number against one figure: the difference with its limits, the word, and why that word.

    `at_median` is the difference, with its limits, of the event-free probability at the published median from one
    half, where the medians themselves could not be judged.
    """

    difference: float
    low: float
    high: float
    contrast: Contrast
    verdict: str
    reason: str
    at_median: tuple[float, float, float] | None = None


def judge(
    ours: CentreNumber, theirs: Side, published_n: int | None, better: Better, margin: float | None = None
) -> Judged:
    """The verdict on one number under one convention.

    The 95% interval of the difference (or ratio) excludes no difference: better or worse than expected, "clearly"
    when that of 99.8% does too; "differs" where neither direction is better. It lies inside `margin`: "on a par".
    Otherwise "within expected variation" ("agrees" without a direction), always with the smallest difference that
    this centre could have shown with 80% power.

    Under five expected events: too few to judge. But worse (or "differs") is said when the 95% interval excludes no
    difference and the exact mid-p probability of so many events, were the published figure true, is below 0.025
    ("clearly": the 99.8% interval, and 0.001). Patients who die early leave little time in which to expect deaths.

    A median that is not reached here, or an interval of the medians with an open end, is judged at the published median:
    the event-free probability there against one half, with the published n (Wilson). `margin` is in the unit of
    `ours`; of a hazard ratio it is a factor.
    """
    point, low, high = contrasted(ours.side, theirs, ours.contrast, 0.95)
    found = Judged(point, low, high, ours.contrast, NOT_JUDGED, theirs.basis)
    if theirs.limits is None:
        return found
    if ours.times is not None and ours.unit != "probability":
        why = _medians_fail(ours, theirs, found)
        if why:
            return _at_published_median(ours, theirs, published_n, better, found, why)
    if math.isnan(low) or math.isnan(high):
        return replace(found, reason="the difference has no interval")
    wider = contrasted(ours.side, theirs, ours.contrast, 0.998)[1:]
    inside = _inside(ours, theirs, margin)
    return _worded(found, ours.tally, ours.unit, wider, better, margin if inside else None)


def _medians_fail(ours: CentreNumber, theirs: Side, found: Judged) -> str:
    """Why two medians can't be judged by their ratio or difference; empty when they can."""
    if math.isnan(ours.side.estimate):
        return "the median is not reached here"
    if not _open(found):
        return ""
    assert theirs.limits is not None
    where = "here" if math.isfinite(theirs.limits(0.95)[1]) else "in the source"
    return f"the median's upper limit is not reached {where}"


def _open(found: Judged) -> bool:
    """Whether the interval has an infinite end: it could never show a difference in that direction."""
    return math.isinf(found.low) or math.isinf(found.high) or (found.contrast == "ratio" and found.low <= 0)


def _at_published_median(
    ours: CentreNumber, theirs: Side, n: int | None, better: Better, found: Judged, why: str
) -> Judged:
    assert ours.times is not None
    if n is None:
        reason = f"{why}, and the source does not say how many patients its own median rests on"
        return replace(found, reason=reason)
    if not enough_followed(ours.times, theirs.estimate):
        few = at_risk(ours.times, theirs.estimate)
        reason = f"{why}, and only {plural(few, 'patient')} at risk at the published median; at least {AT_RISK} are needed"
        return replace(found, reason=reason)
    free, half = ours.free_at(theirs.estimate), Side(0.5, lambda level: wilson(0.5, n, level))
    point, low, high = contrasted(free, half, "difference", 0.95)
    wider = contrasted(free, half, "difference", 0.998)[1:]
    tested = Judged(point, low, high, "difference", "", "")
    worded = _worded(tested, ours.tally, "probability", wider, better, None)
    reason = (f"{why}; {percent(free.estimate)} are free of the event at the published median, against one half of {plural(n, 'patient')} "
              f"(difference {interval(100 * point, 100 * low, 100 * high, 0)} percentage points); {worded.reason}")  # fmt: skip
    return replace(found, verdict=worded.verdict, reason=reason, at_median=(point, low, high))


def _worded(
    found: Judged, tally: Tally, unit: str, wider: tuple[float, float], better: Better, margin: float | None
) -> Judged:
    """The word for an interval; `margin` is given when the whole interval lies inside it."""
    none = 1.0 if found.contrast == "ratio" else 0.0
    higher, lower = found.low > none, found.high < none
    clearly = wider[0] > none or wider[1] < none
    word = DIFFERS if better == "neither" else BETTER if higher == (better == "higher") else WORSE
    if tally.expected < EXPECTED_EVENTS:
        return _few(found, tally, word if higher or lower else "", higher, clearly, none)
    if higher or lower:
        return _shown(found, word, clearly, none)
    if _open(found):
        return replace(found, verdict=NOT_JUDGED, reason="the interval of the difference has an open end")
    if margin is not None:
        words = f"the whole 95% interval lies inside the plan's margin of {amount(margin, unit)}"
        return replace(found, verdict=PAR, reason=words)
    least = smallest_difference(found.low, found.high, found.contrast)
    size = (
        f"a ratio of {least:.2f} (or {1 / least:.2f})" if found.contrast == "ratio" else amount(least, unit)
    )
    could = f"the smallest difference this centre could have shown with 80% power is {size}"
    return replace(found, verdict=AGREES if better == "neither" else WITHIN, reason=could)


def _few(found: Judged, tally: Tally, word: str, higher: bool, clearly: bool, none: float) -> Judged:
    """Under five expected events: a bad surprise is said, all else is not."""
    counts = f"{tally.seen} {tally.things} seen where {number(tally.expected, 1)} were expected"
    if word in (WORSE, DIFFERS):
        chance = tally.chance(more=higher == tally.raises)
        if chance < CHANCE:
            shown = _shown(found, word, clearly and chance < CLEAR_CHANCE, none)
            return replace(shown, reason=f"{counts}; {shown.reason}")
    needed = f"{counts} if the published figure held; at least {EXPECTED_EVENTS} expected are needed"
    return replace(found, verdict=TOO_FEW, reason=needed)


def _shown(found: Judged, word: str, clearly: bool, none: float) -> Judged:
    reason = f"the {'99.8%' if clearly else '95%'} interval of the {found.contrast} excludes {none:g}"
    return replace(found, verdict=f"{CLEARLY if clearly else ''}{word}", reason=reason)


def amount(value: float, unit: str) -> str:
    """A difference with its unit: "17 percentage points", "8.4 months", "a factor of 1.25"."""
    if unit == "probability":
        return f"{number(100 * value, 0)} percentage points"
    if unit == "ratio":
        return f"a factor of {value:g}"
    return f"{days_text(value) if unit == 'days' else number(value, 1)} {unit}"


def _inside(ours: CentreNumber, theirs: Side, margin: float | None) -> bool:
    if margin is None:
        return False
    if ours.unit == "ratio":
        _, low, high = contrasted(ours.side, theirs, "ratio", 0.95)
        return low > 1 / margin and high < margin
    _, low, high = contrasted(ours.side, theirs, "difference", 0.95)
    return low > -margin and high < margin


def agreed(verdicts: list[str]) -> str | None:
    """The verdict on which all conventions agree, the weaker word where only its strength differs; else None."""
    distinct = set(verdicts)
    if len(distinct) == 1:
        return verdicts[0]
    plain = {verdict.removeprefix(CLEARLY) for verdict in distinct}
    if len(plain) == 1:
        return plain.pop()
    for weaker in (WITHIN, AGREES):
        if distinct == {weaker, PAR}:
            return weaker
    return None
