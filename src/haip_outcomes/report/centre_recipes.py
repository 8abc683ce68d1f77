"""How a centre's number beside a published one was made: the recipe that gives the same patients' times again."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache

import numpy as np

from haip_outcomes.benchmark.centre import BY_ERROR, CentreNumber
from haip_outcomes.benchmark.conventions import cause_of
from haip_outcomes.benchmark.curves.centre_against_curves import AgainstCurve
from haip_outcomes.benchmark.matching import ENDPOINTS, LIVER
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.errors import HaipError
from haip_outcomes.prognosis.verification.asked import patients, times_of
from haip_outcomes.prognosis.verification.recipes import Recipe, read_recipe, recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.survival.time_to_event import TimeToEvent

WHO = {"resected_no_haip": "comparator"}  # what a setting of the literature is called here


def recipe_of(ours: CentreNumber, cohort: Cohort, setting: str, figure: PublishedFigure | None = None) -> str:
    """The recipe of a centre's number; empty where none says it.

    `setting` as in the literature ("both": adjuvant and unresectable patients together). `figure` is the published one, of which a
    share, a number of days or a hazard ratio takes its name.
    """
    who = WHO.get(setting, setting)
    if ours.times is not None:
        return _times(ours, cohort, who)
    return _named(ours, cohort, who, figure) if figure is not None else ""


def _times(ours: CentreNumber, cohort: Cohort, who: str) -> str:
    """A median, a probability at a time, or the time at which an incidence reaches one half; empty where no recipe gives these times."""
    assert ours.times is not None
    found = _same(cohort, who, ours.times)
    if found is None:
        return ""
    about = dict(found.options) | {"patients": who}
    if ours.unit == "probability":
        return recipe("probability", **about, cause=ours.cause, events="yes" if ours.tally.raises else "no")
    if ours.cause is not None:
        return recipe("crossing", **about, cause=ours.cause)
    return recipe("median", **about, method="standard-error" if ours.basis == BY_ERROR else "",
                  estimate="curve" if ours.basis == BY_ERROR else "")  # fmt: skip


def _same(cohort: Cohort, who: str, tte: TimeToEvent) -> Recipe | None:
    """The first recipe of these patients that gives exactly these times and events."""
    return next((made for made, other in _candidates(cohort, who) if _equal(other, tte) and len(other.states) == len(tte.states)), None)


@lru_cache(maxsize=6)
def _candidates(cohort: Cohort, who: str) -> tuple[tuple[Recipe, TimeToEvent], ...]:
    """Every endpoint of these patients: from each of the plan's starts, with one kind of event, any, or all of them."""
    part = patients(cohort, who)
    starts = ["", *dict.fromkeys(str(one.start) for one in part.plan.endpoints.values() if one.from_dates)]
    found = []
    for name, planned in part.plan.endpoints.items():
        for start in starts:
            if start and (not planned.from_dates or start == planned.start):
                continue
            kinds: list[dict[str, object]] = [{}, {"any": True}, *[dict[str, object](only=state) for state in planned.states]]
            for kind in kinds:
                made = read_recipe(recipe("times", of=name, start=start, **kind))
                with suppress(HaipError):  # an endpoint that these patients do not have from this start
                    found.append((made, times_of(part, made)))
    return tuple(found)


def _equal(one: TimeToEvent, other: TimeToEvent) -> bool:
    same = len(one) == len(other) and np.allclose(one.time, other.time, rtol=0, atol=1e-9) and np.array_equal(one.state, other.state)
    late = [np.zeros(len(tte)) if tte.entry is None else tte.entry for tte in (one, other)]
    return bool(same and np.allclose(late[0], late[1], rtol=0, atol=1e-9))


def _named(ours: CentreNumber, cohort: Cohort, who: str, figure: PublishedFigure) -> str:
    """A share, a median of days, or a hazard ratio."""
    plan = cohort.plan
    if ours.unit == "days":
        return recipe("days", of=figure.endpoint, patients=who, beside=True)
    if ours.unit == "ratio":
        return _hazard(ours, cohort, who, figure)
    if figure.endpoint == "prevalence":
        levels = [str(level) for level in cohort[figure.factor].cat.categories]
        return recipe("proportion", of=figure.factor, level=levels[1], patients=who, beside=True)
    if figure.endpoint == "postop_mortality" and figure.endpoint not in plan.programme:
        return recipe("early_deaths", of="os", patients=who, beside=True)
    if figure.endpoint in plan.programme:
        return recipe("proportion", of=figure.endpoint, patients=who, beside=True)
    return recipe("proportion", of="first_cycle_delivered", patients=who, beside=True, complement=True) if figure.endpoint == "first_cycle_not_delivered" else ""


def _hazard(ours: CentreNumber, cohort: Cohort, who: str, figure: PublishedFigure) -> str:
    name = ENDPOINTS.get(figure.outcome or figure.endpoint)
    adjusted = "adjustment for" in ours.convention
    if name is None or not (adjusted or ours.convention == "no adjustment"):  # another time zero, or deaths counted in another way
        return ""
    analysis = cohort.plan.analysis
    return recipe("cox", of=name, any=True, terms=tuple(analysis.multivariable or analysis.factors) if adjusted else (figure.factor,), ties="efron", patients=who, picked=figure.factor)


def recipe_against(one: AgainstCurve, convention: str, cohort: Cohort) -> str:
    """The recipe of observed and expected events under a published curve; empty where the convention moves time zero."""
    who = WHO.get(one.setting, one.setting)
    times = _counted(one.endpoint.replace(" ", "_"), convention, cohort)
    if not times or one.curve is None or one.kind == "reconstructed":
        return ""
    points = one.curve.tidy()
    columns = ["time", "estimate", *(["std_error"] if one.kind == "landmarks" and points["std_error"].notna().all() else [])]
    told = ",".join(":".join(repr(float(value)) for value in row) for row in points[columns].to_numpy())
    return recipe("one_sample", **times, points=told, ends=bool(np.isfinite(one.curve.horizon)), patients=who)


def _counted(endpoint: str, convention: str, cohort: Cohort) -> dict[str, object]:
    """The times that a convention counts, from the endpoint's own time zero."""
    plan = cohort.plan.endpoints
    if endpoint in ENDPOINTS:
        return {"of": ENDPOINTS[endpoint], "any": True} if ENDPOINTS[endpoint] in plan and not convention else {}
    ways: dict[str, tuple[str, bool]] = {"deaths censored": ("liver", False), "deaths as events": ("liver", True),
                                         "deaths and extrahepatic progression censored": ("first_site", False)}  # fmt: skip
    name, composite = ways.get(convention, ("", False))
    if endpoint not in LIVER or name not in plan:
        return {}
    return {"of": name, "any": True} if composite else {"of": name, "only": cause_of(cohort.endpoint(name), plan[name].terminal)}
