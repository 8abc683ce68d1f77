"""From an interval to a word, and never to a colour."""

from __future__ import annotations

import math
from dataclasses import dataclass

from haip_outcomes.benchmark.centre import CentreNumber
from haip_outcomes.benchmark.published_figure import Better
from haip_outcomes.benchmark.uncertainty import Contrast, Side, contrasted, smallest_difference, wilson
from haip_outcomes.formatting import number, percent, plural

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
AT_RISK = 5


@dataclass(frozen=True)
class Judged:
    """One number against one figure: the difference with its limits, the word, and why that word."""

    difference: float
    low: float
    high: float
    contrast: Contrast
    verdict: str
    reason: str


def judge(
    ours: CentreNumber, theirs: Side, published_n: int | None, better: Better, margin: float | None = None
) -> Judged:
    """The verdict on one number under one convention.

    The 95% interval of the difference (or ratio) excludes no difference: better or worse than expected, "clearly"
    when that of 99.8% does too; "differs" where neither direction is better. It lies inside `margin`: "on a par".
    Otherwise "within expected variation" ("agrees" without a direction), always with the smallest difference that
    this centre could have shown with 80% power. Under five expected events: too few to judge.

    A median that is not reached here is compared at the published median: the event-free probability there against
    one half, with the published n (Wilson). `margin` is in the unit of `ours`; of a hazard ratio it is a factor.
    """
    if ours.times is not None and (math.isnan(ours.side.estimate) or ours.side.limits is None):
        return _at_published_median(ours, theirs, published_n, better)
    point, low, high = contrasted(ours.side, theirs, ours.contrast, 0.95)
    found = Judged(point, low, high, ours.contrast, NOT_JUDGED, theirs.basis)
    if theirs.limits is None:
        return found
    if math.isnan(low) or math.isnan(high):
        return _with(found, NOT_JUDGED, "the difference has no interval")
    if ours.expected < EXPECTED_EVENTS:
        return _with(found, TOO_FEW, _few(ours))
    return _worded(
        found,
        ours.unit,
        contrasted(ours.side, theirs, ours.contrast, 0.998)[1:],
        better,
        _inside(ours, theirs, margin),
        margin,
    )


def _at_published_median(ours: CentreNumber, theirs: Side, n: int | None, better: Better) -> Judged:
    nothing = Judged(math.nan, math.nan, math.nan, "difference", NOT_JUDGED, theirs.basis)
    reached = (
        "is not reached"
        if math.isnan(ours.side.estimate)
        else "has no standard error (the curve does not fall to 45%)"
    )
    if theirs.limits is None:
        return nothing
    if n is None:
        return _with(
            nothing,
            NOT_JUDGED,
            f"the median {reached} here, and the source does not say how many patients its own rests on",
        )
    free, at_risk = ours.free_at(theirs.estimate)
    if at_risk < AT_RISK:
        return _with(
            nothing,
            NOT_JUDGED,
            f"the median {reached} here, and only {plural(at_risk, 'patient')} at risk at the published one",
        )
    half = Side(0.5, lambda level: wilson(0.5, n, level))
    found = Judged(*contrasted(free, half, "difference", 0.95), "difference", "", "")
    said = f"the median {reached} here; {percent(free.estimate)} are free of the event at the published median, against one half"
    if ours.expected < EXPECTED_EVENTS:
        return _with(found, TOO_FEW, _few(ours))
    worded = _worded(
        found, "probability", contrasted(free, half, "difference", 0.998)[1:], better, False, None
    )
    return _with(worded, worded.verdict, f"{said}; {worded.reason}")


def _worded(
    found: Judged, unit: str, wider: tuple[float, float], better: Better, inside: bool, margin: float | None
) -> Judged:
    none = 1.0 if found.contrast == "ratio" else 0.0
    if found.low > none or found.high < none:
        clearly = wider[0] > none or wider[1] < none
        higher = found.low > none
        word = DIFFERS if better == "neither" else BETTER if higher == (better == "higher") else WORSE
        return _with(
            found,
            f"{CLEARLY if clearly else ''}{word}",
            f"the {'99.8%' if clearly else '95%'} interval of the {found.contrast} excludes {none:g}",
        )
    if inside and margin is not None:
        return _with(
            found, PAR, f"the whole 95% interval lies inside the plan's margin of {amount(margin, unit)}"
        )
    least = smallest_difference(found.low, found.high, found.contrast)
    if not math.isfinite(least):
        could = "how small a difference this centre could have shown can't be said: a limit was not reached"
    elif found.contrast == "ratio":
        could = f"the smallest difference this centre could have shown with 80% power is a ratio of {least:.2f} (or {1 / least:.2f})"
    else:
        could = (
            f"the smallest difference this centre could have shown with 80% power is {amount(least, unit)}"
        )
    return _with(found, AGREES if better == "neither" else WITHIN, could)


def amount(value: float, unit: str) -> str:
    """A difference with its unit: "17 percentage points", "8.4 months", "a factor of 1.25"."""
    if unit == "probability":
        return f"{number(100 * value, 0)} percentage points"
    if unit == "ratio":
        return f"a factor of {value:g}"
    return f"{number(value, 0 if unit == 'days' else 1)} {unit}"


def _inside(ours: CentreNumber, theirs: Side, margin: float | None) -> bool:
    if margin is None:
        return False
    if ours.unit == "ratio":
        _, low, high = contrasted(ours.side, theirs, "ratio", 0.95)
        return low > 1 / margin and high < margin
    _, low, high = contrasted(ours.side, theirs, "difference", 0.95)
    return low > -margin and high < margin


def _few(ours: CentreNumber) -> str:
    return (f"{number(ours.expected, 1)} events expected here if the published figure held, and {ours.n_event} seen; "
            f"at least {EXPECTED_EVENTS} expected are needed")  # fmt: skip


def _with(found: Judged, verdict: str, reason: str) -> Judged:
    return Judged(found.difference, found.low, found.high, found.contrast, verdict, reason)


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
