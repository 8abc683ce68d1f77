"""What a figure could mean: every time zero and every way of counting liver events and deaths that it leaves open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from haip_outcomes.benchmark.centre import NotComparableError
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.survival.time_to_event import TimeToEvent

OTHER_ZERO = "the source counts time from something else than the centre"
SAME, DIFFERENT, UNSTATED, NOT_ASKED = "same", "different", "not stated", "not applicable"
Times = Callable[[str], TimeToEvent]
_MONTHS = {"months": 1.0, "days": 12 / 365.25, "weeks": 7 * 12 / 365.25, "years": 12.0}


@dataclass(frozen=True)
class Convention:
    """One way of reading a figure: the times, and, where they compete, the event whose incidence is meant."""

    words: str
    tte: TimeToEvent
    cause: str | None = None


def in_months(tte: TimeToEvent) -> TimeToEvent:
    """The same times in months, the unit of the published figures."""
    if tte.unit not in _MONTHS:
        raise NotComparableError(
            f'the centre\'s times are in "{tte.unit}", which is no unit of time known here'
        )
    factor = _MONTHS[tte.unit]
    return replace(
        tte, time=tte.time * factor, entry=None if tte.entry is None else tte.entry * factor, unit="months"
    )


def whole(tte: TimeToEvent) -> TimeToEvent:
    """One kind of event: several kinds become their composite."""
    return tte.any_event(tte.label) if len(tte.states) > 1 else tte


@dataclass(frozen=True)
class Readings:
    """The ways of reading a figure under one time zero (iterate over them), and those that the centre's endpoint can't answer."""

    conventions: tuple[Convention, ...] = ()
    unanswered: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Convention]:
        return iter(self.conventions)


def named_readings(part: Cohort, name: str, figure: PublishedFigure, tte_of: Times) -> Readings:
    """Endpoints whose name says what counts (overall, recurrence-free survival), unless the source says otherwise or leaves deaths open."""
    if figure.event not in ("as named", "not stated", "not applicable") and figure.statistic != "hazard_ratio":
        return Readings()
    tte = tte_of(name)
    terminal = part.plan.endpoints[name].terminal
    others, deaths = set(tte.states) - set(terminal), set(tte.states) & set(terminal)
    composite = Convention("", whole(tte))
    if not others or figure.competing in ("not applicable", "event"):  # survival itself, or as its name says
        return Readings((composite,))
    if not deaths:  # one event, in which the centre's file does not tell deaths from the rest
        if figure.competing == "not stated":
            return Readings((composite,), (f"deaths censored: {_NO_DEATHS}",))
        raise NotComparableError(f"the source counts deaths as {_COUNTED[figure.competing]}: {_NO_DEATHS}")
    cause = cause_of(tte, terminal)
    censored = Convention("deaths censored", tte.only(cause))
    if figure.competing == "censored":
        return Readings((censored,))
    if figure.competing == "competing risk":
        return Readings((Convention("deaths as a competing risk", tte, cause),))
    return Readings((Convention("deaths as events", composite.tte), censored))


_NO_DEATHS = "the centre's endpoint does not tell deaths from the other events"
_COUNTED = {"censored": "censored", "competing risk": "a competing risk"}


def liver_readings(part: Cohort, name: str, figure: PublishedFigure, tte_of: Times) -> Readings:
    """Every way in which a "time to liver progression" or "liver recurrence" may have been counted.

    Deaths censored, as events, or as a competing risk, all with extrahepatic progression neither ending nor censoring
    follow-up; and, where the plan has `first_site`, the liver only as the first site, which stops at extrahepatic progression.
    """
    first_only = figure.event in ("liver as first site", "site of recurrence")
    anywhere = figure.event in ("any liver recurrence", "any extrahepatic recurrence")
    if not (first_only or anywhere or figure.event == "not stated"):
        return Readings()
    found, unanswered = [], []
    if name in part.plan.endpoints and not first_only:
        tte = tte_of(name)
        terminal = part.plan.endpoints[name].terminal
        cause = cause_of(tte, terminal)
        others = len(tte.states) > 1
        found += [("censored", Convention("deaths censored", tte.only(cause) if others else tte))]
        if others:
            found += [("event", Convention("deaths as events", tte.any_event(f"{cause} or death"))),
                      ("competing risk", Convention("deaths as a competing risk", tte, cause))]  # fmt: skip
        else:
            unanswered += [(how, f"deaths as {words}: the centre's endpoint does not record them")
                           for how, words in (("event", "events"), ("competing risk", "a competing risk"))]  # fmt: skip
    if "first_site" in part.plan.endpoints and name == "liver" and not anywhere:
        tte = tte_of("first_site")
        cause = cause_of(tte, part.plan.endpoints["first_site"].terminal)
        found += [("censored", Convention("deaths and extrahepatic progression censored", tte.only(cause)))]
        if figure.statistic != "median" or first_only:
            found += [
                (
                    "competing risk",
                    Convention("deaths and extrahepatic progression as competing risks", tte, cause),
                )
            ]
    stated = figure.competing if figure.competing in ("censored", "event", "competing risk") else None
    return Readings(tuple(convention for how, convention in found if stated is None or how == stated),
                    tuple(words for how, words in unanswered if stated is None or how == stated))  # fmt: skip


def cause_of(tte: TimeToEvent, terminal: tuple[str, ...]) -> str:
    """The event of interest: the liver one where there is a choice, else the first that is not a death."""
    others = [state for state in tte.states if state not in terminal]
    if not others:
        raise NotComparableError(f"the centre's endpoint ({tte.label}) has no event besides {listed(tte.states)}")
    return next((state for state in others if "liver" in state.casefold() or state.casefold().startswith("hepatic")), others[0])


def time_zeros(part: Cohort, name: str, figure: PublishedFigure) -> Iterator[tuple[str, str, Times]]:
    """The time zeros on which the plan can answer: (match, words for a convention, name -> TimeToEvent).

    Every date from which the plan counts some endpoint may serve. Counting from an earlier one, patients enter at
    their own time zero (otherwise the months before it are immortal); a later one is offered only where everybody
    reached it free of the event.
    """
    own_name = name if name in part.plan.endpoints else "first_site"
    own = part.plan.endpoints[own_name]
    base = part.endpoint(own_name)
    match = time_zero_match(figure, base.time_zero)

    def at_home(endpoint: str) -> TimeToEvent:
        return in_months(part.endpoint(endpoint))

    others = {}
    if own.from_dates:
        for endpoint in part.plan.endpoints.values():
            if endpoint.from_dates and endpoint.start != own.start:
                others[endpoint.start] = endpoint
    if match == SAME or (match == UNSTATED and not others):
        yield match, "", at_home
        return
    if match == UNSTATED:
        yield match, f"counted from {base.time_zero}", at_home
    refused = match == DIFFERENT
    for start, endpoint in others.items():
        words = endpoint.time_zero or part.plan.label(start).casefold()
        other = time_zero_match(figure, words)
        if other == DIFFERENT:
            continue
        moved = _moved(part, start, words)
        try:
            moved(own_name)
        except EndpointError:
            continue
        refused = False
        yield other, f"counted from {words}", moved
    if refused:
        raise NotComparableError(
            f"the source counts from {figure.time_zero}, and the centre from {base.time_zero}", kind=OTHER_ZERO
        )


def _moved(part: Cohort, start: str, words: str) -> Times:
    def tte_of(name: str) -> TimeToEvent:
        recipe = part.recipe(name)
        earlier = (part[start] < part[recipe.plan.start]).any()
        entry = recipe.plan.entry or (recipe.plan.start if earlier else None)
        plan = recipe.plan.model_copy(update={"start": start, "entry": entry})
        return in_months(replace(recipe, plan=plan, time_zero=words).time_to_event(part.frame))

    return tte_of


def time_zero_codes(words: str) -> set[str]:
    """The controlled words that a plan's own words for time zero amount to; nothing is guessed from other words."""
    text = words.casefold()
    codes = set()
    if any(word in text for word in ("pump", "haip", "port placement")):
        codes.add("pump placement")
    if any(word in text for word in ("resection", "hepatectomy")) and not any(
        word in text for word in ("primary", "colectomy", "bowel")
    ):
        codes.add("liver resection")
    if "random" in text:
        codes.add("randomisation")
    if "diagnos" in text:
        codes.add("diagnosis")
    if any(word in text for word in ("first cycle", "floxuridine", "fudr")):
        codes.add("first cycle")
    if "treatment" in text and any(word in text for word in ("start", "initiation", "begin")):
        codes.add("start of treatment")
    return codes


def time_zero_match(figure: PublishedFigure, words: str) -> str:
    """Same, different or not stated: the figure's time zero against the centre's words."""
    if figure.time_zero in ("not stated", "not applicable"):
        return UNSTATED
    codes = time_zero_codes(words)
    if figure.time_zero == "surgery":  # which operation is not said
        return (
            UNSTATED
            if codes & {"pump placement", "liver resection"} or "surg" in words.casefold()
            else DIFFERENT
        )
    return SAME if figure.time_zero in codes else DIFFERENT
