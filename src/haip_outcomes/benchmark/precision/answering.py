"""Until when a figure can't be judged: how many more patients, and about when."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from haip_outcomes.benchmark.centre import CentreNumber, at_risk
from haip_outcomes.benchmark.comparison import Compared, number_words
from haip_outcomes.benchmark.estimands import answers
from haip_outcomes.benchmark.precision.accruing import Accrual, accrual, patients_of
from haip_outcomes.benchmark.precision.growing import grown, shown_with_power
from haip_outcomes.benchmark.precision.sample_size import smallest
from haip_outcomes.benchmark.uncertainty import Contrast, Side, contrasted, published_side, wilson
from haip_outcomes.benchmark.verdicts import (
    AGREES,
    BETTER,
    CLEARLY,
    DIFFERS,
    EXPECTED_EVENTS,
    NOT_COMPARABLE,
    NOT_JUDGED,
    PAR,
    SAME_PATIENTS,
    TOO_FEW,
    WITHIN,
    WORSE,
    Judged,
    amount,
    judge,
)
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, number, plural
from haip_outcomes.registry.cohort import Cohort, require_cohort
from haip_outcomes.survival.results import frame_of, shown_as_html

MOST = 10_000  # patients beyond which no single centre plans
EXCLUDED, LIKELY, INSIDE, ENOUGH = "difference shown", "difference shown with 80% power", "inside the margin", "five events expected"
POWER = 0.8
NONE_EXPECTED = "none are expected if the published figure held, however many patients there are, and at least five expected are needed"
OPEN = (TOO_FEW, WITHIN, AGREES)


@dataclass(frozen=True, eq=False, repr=False)
class PatientsNeeded:
    """What would make a figure judgeable. `n_more` patients (None: no number would do), `sentence` in words, `tidy()` a row a question."""

    frame: pd.DataFrame
    sentence: str
    method: str
    rate: Accrual | None

    @property
    def n_more(self) -> int | None:
        """How many more patients until the 95% interval excludes the published value, were the present number to hold; None: no number."""
        found = self.frame.loc[(self.frame["term"] == EXCLUDED) & (self.frame["level"] == ""), "n_more"]
        return None if found.isna().any() else int(found.iloc[0])

    def tidy(self) -> pd.DataFrame:
        """A row a question and convention, the last of each question (`level` "") for all conventions together.

        Columns: outcome (endpoint), group, term (the question: difference shown, with 80% power, five events expected, inside the margin),
        level (the convention), estimate (the centre's present number), n and n_event (now), figure, published, n_needed and n_more
        (missing: no number), n_event_needed, per_month, months (until then at the present accrual), reason.
        """
        return self.frame.copy()

    def __repr__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        return shown_as_html("Patients needed", self.frame, self.method)


@dataclass(frozen=True)
class _Need:
    """Patients in all until something holds (None: never), why never, and which way the difference then points."""

    n: int | None
    reason: str = ""
    word: str = ""


def patients_needed(cohort: Cohort, compared: Compared) -> PatientsNeeded:
    """How many more patients until this comparison can be judged, and about when.

    For one figure of a comparison: how many patients until the 95% interval of the difference excludes the published value, if
    this centre's present number held; until that has an 80% chance; until five events are expected ("too few to judge"); and until the interval
    lies inside the plan's margin, where it sets one.

    Parameters
    ----------
    cohort : the centre's patients, as they were compared.
    compared : one figure of the comparison: `compare(cohort).judged[0]`.

    Formulas
    --------
    With m times the present patients, followed as these are, an interval's limits at z are the present ones at z / sqrt(m) on
    their own scale (Wilson's of m k and m n for a proportion); the published side stays as it is. The verdict's own rules (`compare`) are then
    asked for the smallest number of patients. 80% power: the interval excludes no difference although the centre's estimate is unlucky by 0.84 standard
    errors. No number: with infinitely many patients the published side's own uncertainty still holds the centre's number. Present accrual: (patients - 1)
    over the months from the first to the last time zero; to the months of accrual are added those that the file now looks beyond the last patient.

    Raises
    ------
    EndpointError : the figure is not comparable, or is of the same patients: nothing to plan; the cohort lacks the figure's setting,
        or is not the one that was compared.

    Source: derived here, from methods notes, sections 2 to 4 and 14; checked on copies of the patients and by resampling them. No R function.

    >>> from haip_outcomes import compare, demo_cohort
    >>> cohort = demo_cohort()
    >>> figure = next(one for one in compare(cohort).judged if one.figure.id == "allen2005-compl")
    >>> patients_needed(cohort, figure).n_more > 100
    True
    """
    require_cohort(cohort, "patients_needed")
    if not isinstance(compared, Compared):
        raise EndpointError("patients_needed takes one figure of a comparison: patients_needed(cohort, compare(cohort).judged[0]).")
    if compared.verdict == SAME_PATIENTS or compared.answers is None or compared.verdict == NOT_COMPARABLE:
        raise EndpointError(f"{compared.figure.id}: {compared.verdict}: {compared.reason}. No number of patients changes that.")
    figure, theirs = compared.figure, published_side(compared.figure)
    numbers, now = compared.answers.numbers, compared.judged
    part = patients_of(cohort, compared.answers.group)
    if not _the_one_compared(cohort, compared):
        raise EndpointError(f"{figure.id}: these {compared.answers.group} patients are not those of the comparison, which had {_counted(numbers)}: "
                            "give the cohort that was compared.")  # fmt: skip
    rate = accrual(part, figure)
    margin = cohort.plan.benchmark.margin.get(figure.id, cohort.plan.benchmark.margin.get(figure.endpoint))
    margin = None if margin is None else margin * figure.scale
    asked: dict[str, Callable[[CentreNumber, Judged], _Need]] = {
        ENOUGH: lambda ours, _: _events(ours), EXCLUDED: lambda ours, _: _excluded(compared, ours, theirs),
        LIKELY: lambda ours, seen: _likely(compared, ours, theirs, seen),
    }  # fmt: skip
    if margin is not None:
        asked[INSIDE] = lambda ours, _: _inside(ours, theirs, margin)
    rows: list[dict[str, Any]] = []
    together: dict[str, tuple[CentreNumber, _Need]] = {}
    for term, question in asked.items():
        needs = [(ours, question(ours, seen)) for ours, seen in zip(numbers, now, strict=True)]
        if len(needs) > 1:
            rows += [_row(compared, theirs, term, ours, need, rate, ours.convention) for ours, need in needs]
        together[term] = _all(compared, needs, term)
        rows.append(_row(compared, theirs, term, *together[term], rate, ""))
    frame = frame_of({name: [row[name] for row in rows] for name in rows[0]})
    for name in ("n", "n_event", "n_needed", "n_more", "n_event_needed"):
        frame[name] = frame[name].astype("Int64")
    method = ("Patients as the present ones, followed as these are; the published value and its uncertainty as printed; verdicts by the rules of compare. "
              + (f"Accrual: {rate.words} by {rate.since.casefold()}." if rate else "The plan has no dates to take an accrual from."))  # fmt: skip
    return PatientsNeeded(frame, _said(compared, theirs, together, rate, margin), method, rate)


def _the_one_compared(cohort: Cohort, compared: Compared) -> bool:
    """Whether the cohort answers the figure as it did when it was compared: as many patients and events, the same numbers."""
    assert compared.answers is not None
    try:
        here = answers(cohort, compared.figure)
    except EndpointError:
        return False
    return here.group == compared.answers.group and _signed(here.numbers) == _signed(compared.answers.numbers)


def _signed(numbers: tuple[CentreNumber, ...]) -> list[tuple[str, int, int, str]]:
    return [(one.convention, one.n, one.n_event, f"{one.side.estimate:.9g}") for one in numbers]


def _counted(numbers: tuple[CentreNumber, ...]) -> str:
    return listed(list(dict.fromkeys(f"{plural(one.n, 'patient')} and {plural(one.n_event, 'event')}" for one in numbers)), "or")


def needed_sentence(cohort: Cohort, compared: Compared) -> str:
    """What a verdict that shows nothing needs, in a sentence; empty where the verdict already says something.

    Something is said of figures that the plan names and whose verdict is "too few to judge", "within expected variation", "agrees" or "not judged".
    """
    if not compared.named or compared.answers is None or compared.verdict not in (*OPEN, NOT_JUDGED):
        return ""
    return patients_needed(cohort, compared).sentence


# --- how many ---------------------------------------------------------------------------------------------------


def _plain(verdict: str) -> str:
    return verdict.removeprefix(CLEARLY)


def _smallest(ours: CentreNumber, holds: Callable[[float], bool], never: str, word: str = "") -> _Need:
    """The fewest patients, not under the present ones, with which something holds that holds with infinitely many."""
    found = smallest(lambda n: holds(n / ours.n), least=ours.n, most=MOST)
    return _Need(found, "" if found else never, word)


def _events(ours: CentreNumber) -> _Need:
    expected = ours.tally.expected
    if math.isnan(expected):  # days have no events to expect
        return _Need(ours.n)
    if expected <= 0:
        return _Need(None, NONE_EXPECTED)
    needed = math.ceil(ours.n * EXPECTED_EVENTS / expected - 1e-9)
    return _Need(max(ours.n, needed)) if needed <= MOST else _Need(None, f"more than {MOST:,} patients are needed for {EXPECTED_EVENTS} expected events")


def _excluded(compared: Compared, ours: CentreNumber, theirs: Side) -> _Need:
    figure = compared.figure

    def verdict(factor: float) -> Judged:
        return judge(grown(ours, factor) if factor != 1 else ours, theirs, figure.n, figure.better)

    at_last = verdict(math.inf)
    word = _plain(at_last.verdict)
    if word not in (BETTER, WORSE, DIFFERS):
        return _Need(None, _why_never(compared, ours, theirs, at_last))
    return _smallest(ours, lambda factor: _plain(verdict(factor).verdict) == word, f"more than {MOST:,} patients would be needed", word)


def _likely(compared: Compared, ours: CentreNumber, theirs: Side, seen: Judged) -> _Need:
    figure = compared.figure
    enough = _events(ours)
    tested = judge(grown(ours, math.inf), theirs, figure.n, figure.better)
    if _plain(tested.verdict) not in (BETTER, WORSE, DIFFERS) or enough.n is None:
        return _Need(None, _why_never(compared, ours, theirs, tested) if theirs.limits else theirs.basis)
    by_median = tested.at_median is not None

    def shown(factor: float) -> bool:
        more = grown(ours, factor)
        if by_median and figure.n is not None:
            size = figure.n
            half = Side(0.5, lambda level: wilson(0.5, size, level))
            return shown_with_power(more.free_at(theirs.estimate), half, "difference", POWER)
        return shown_with_power(more.side, theirs, ours.contrast, POWER)

    found = _smallest(ours, shown, f"more than {MOST:,} patients would be needed", _plain(tested.verdict))
    return found if found.n is None else _Need(max(found.n, enough.n), "", found.word)


def _inside(ours: CentreNumber, theirs: Side, margin: float) -> _Need:
    def inside(factor: float) -> bool:
        contrast: Contrast = "ratio" if ours.unit == "ratio" else "difference"
        _, low, high = contrasted(grown(ours, factor).side, theirs, contrast, 0.95)
        return (low > 1 / margin and high < margin) if contrast == "ratio" else (low > -margin and high < margin)

    words = amount(margin, ours.unit)
    if theirs.limits is None:
        return _Need(None, theirs.basis)
    if math.isnan(ours.side.estimate) or not inside(math.inf):
        return _Need(None, f"the margin of {words} leaves no room: this centre's present number or the published value's own uncertainty reaches beyond it")
    enough = _events(ours)
    if enough.n is None:
        return enough
    found = _smallest(ours, inside, f"more than {MOST:,} patients would be needed")
    return found if found.n is None else _Need(max(found.n, enough.n))


def _why_never(compared: Compared, ours: CentreNumber, theirs: Side, at_last: Judged) -> str:
    """Why not even infinitely many patients would show a difference."""
    figure = compared.figure
    if theirs.limits is None:
        return theirs.basis
    if ours.tally.expected <= 0:
        return NONE_EXPECTED
    if at_last.at_median is not None and figure.n is not None:
        low, high = wilson(0.5, figure.n, 0.95)
        free = ours.free_at(theirs.estimate).estimate
        return (f"at the source's median one half of its {plural(figure.n, 'patient')}, give or take {number(50 * (high - low), 0)} percentage points, are free of the "
                f"event, which holds this centre's {number(100 * free, 0)}%")  # fmt: skip
    if at_last.verdict in (WITHIN, AGREES, PAR):
        low, high = theirs.limits(0.95)
        return f"the published value is itself only known to lie between {_value(low, ours.unit)} and {_value(high, ours.unit)}, which holds this centre's {number_words(ours)}"
    if ours.times is not None and ours.unit != "probability" and at_risk(ours.times, theirs.estimate) == 0:
        return f"{at_last.reason}; longer follow-up, not more patients, would answer it"
    return at_last.reason


def _value(value: float, unit: str) -> str:
    if math.isinf(value) or math.isnan(value):
        return "any length"
    if unit == "probability":
        return f"{number(100 * value, 0)}%"
    return number(value, 2) if unit == "ratio" else f"{number(value, 0 if unit == 'days' else 1)} {unit}"


def _all(compared: Compared, needs: list[tuple[CentreNumber, _Need]], term: str) -> tuple[CentreNumber, _Need]:
    """One answer for a figure: that of the convention that waits longest, on which a verdict waits; none where one has none or they point apart."""
    assert compared.answers is not None
    first = needs[0][0]
    if term in (EXCLUDED, LIKELY):
        words = {need.word for _, need in needs if need.word}
        if len(words) > 1:
            return first, _Need(None, f"what the source does not state decides: by one reading this centre is {listed(sorted(words), 'and by another')}")
        if compared.answers.unanswered:
            return first, _Need(None, f"the figure could also mean what this centre can't answer ({'; '.join(compared.answers.unanswered)})")
    never = [(ours, need) for ours, need in needs if need.n is None]
    if never:
        return never[0][0], _Need(None, "; ".join(dict.fromkeys(need.reason for _, need in never)))
    return max(needs, key=lambda pair: (pair[1].n or 0) - pair[0].n)


# --- in rows and words ------------------------------------------------------------------------------------------


def _months(more: int, rate: Accrual | None, timed: bool) -> float:
    """Months until so many more patients have come and, for times to an event, have been followed as the present ones."""
    if not more:
        return 0.0
    return math.nan if rate is None else more / rate.per_month + (rate.follow_up if timed else 0.0)


def _events_among(n: int, ours: CentreNumber) -> int:
    """Events among so many patients like these."""
    return math.ceil(ours.n_event * n / ours.n - 1e-9)


def _timed(ours: CentreNumber) -> bool:
    return ours.times is not None or ours.unit == "ratio"


def _row(compared: Compared, theirs: Side, term: str, ours: CentreNumber, need: _Need, rate: Accrual | None, convention: str) -> dict[str, Any]:
    assert compared.answers is not None
    more = None if need.n is None else need.n - ours.n
    return {
        "outcome": compared.figure.endpoint, "group": compared.answers.group, "term": term, "level": convention, "time": compared.figure.horizon,
        "estimate": ours.side.estimate, "n": ours.n, "n_event": ours.n_event, "figure": compared.figure.id, "published": theirs.estimate,
        "unit": ours.unit, "n_needed": need.n, "n_more": more, "n_event_needed": None if need.n is None else _events_among(need.n, ours),
        "per_month": rate.per_month if rate else math.nan, "months": math.nan if more is None else _months(more, rate, _timed(ours)),
        "verdict": need.word, "reason": need.reason,
    }  # fmt: skip


def _more(need: _Need, ours: CentreNumber, rate: Accrual | None) -> str:
    """How many and how long: "about 41 more patients (75 in all, with 46 events), 2.3 years at the present accrual"."""
    assert need.n is not None
    more = need.n - ours.n
    if not more:
        return "no more patients"
    months = _months(more, rate, _timed(ours))
    when = "" if math.isnan(months) else f", {_long(months)} at the present accrual"
    events = f", with {plural(_events_among(need.n, ours), 'event')}" if _timed(ours) else ""
    return f"about {plural(more, 'more patient')} ({need.n} in all{events}){when}"


def _long(months: float) -> str:
    if months < 18:
        return plural(max(1, round(months)), "month")
    return f"{number(months / 12, 1)} years" if months < 1200 else "more than a century"


def _said(
    compared: Compared, theirs: Side, needs: dict[str, tuple[CentreNumber, _Need]], rate: Accrual | None, margin: float | None
) -> str:
    if theirs.limits is None:
        return f"No number of patients here can settle this: {theirs.basis}."
    (ours, enough), (seen, shown), (chanced, likely) = needs[ENOUGH], needs[EXCLUDED], needs[LIKELY]
    said, waits = [], False
    if enough.n is None and enough.reason != shown.reason:
        said.append(enough.reason)
    elif enough.n is not None and enough.n > ours.n:
        waits = True
        said.append(f'at least {EXPECTED_EVENTS} expected events, without which only "worse" can be said, need {_more(enough, ours, rate)}')
    if shown.n is None:
        said.append(f"no number of patients here would show a difference if the present number held: {shown.reason}")
    elif shown.n == seen.n:
        said.append(f"the present patients are enough: the 95% interval excludes the published value ({shown.word})")
    else:
        waits = True
        said.append(f"if the present number held, the 95% interval would exclude the published value ({shown.word}) with {_more(shown, seen, rate)}"
                    f"; an 80% chance of that {f'needs {_more(likely, chanced, rate)}' if likely.n else f'is out of reach: {likely.reason}'}")  # fmt: skip
    if margin is not None:
        near, inside = needs[INSIDE]
        words = amount(margin, near.unit)
        if inside.n is None:
            said.append(f"with no number of patients here would it lie inside the plan's margin of {words}: {inside.reason}")
        else:
            waits |= inside.n > near.n
            said.append(f"it would lie inside the plan's margin of {words} with {_more(inside, near, rate)}")
    if waits:
        said.append(_accrued(rate, ours))
    return f"{'. '.join(_upper(part) for part in said)}."


def _accrued(rate: Accrual | None, ours: CentreNumber) -> str:
    if rate is None:
        return "there are no dates to take an accrual from, so nothing says when"
    after = round(rate.follow_up)
    years = f"; the time includes {plural(after, 'month')} of follow-up after the last of them, as now" if _timed(ours) and after else ""
    return f"the present accrual is {rate.words}{years}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
