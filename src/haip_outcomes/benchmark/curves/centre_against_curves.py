"""A centre against every published curve: events seen here, events that the curve leads one to expect, and their ratio."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.centre import NotComparableError
from haip_outcomes.benchmark.conventions import (
    UNSTATED,
    Convention,
    in_months,
    liver_readings,
    named_readings,
    time_zeros,
)
from haip_outcomes.benchmark.curves.figure_points import ARM, is_point
from haip_outcomes.benchmark.curves.given_numbers import shown
from haip_outcomes.benchmark.curves.hazard_shapes import Knots
from haip_outcomes.benchmark.curves.reference_curve import ReferenceCurve
from haip_outcomes.benchmark.curves.registered import RegisteredCurve
from haip_outcomes.benchmark.estimands import ENDPOINTS, LIVER
from haip_outcomes.benchmark.literature import Figures, published
from haip_outcomes.benchmark.overlap import shared_patients
from haip_outcomes.benchmark.plan_figures import figures_of
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.benchmark.wording import endpoint_words
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import interval, listed, number, p_value, percent, plural
from haip_outcomes.registry.cohort import Cohort, require_cohort
from haip_outcomes.survival.comparing.one_sample import one_sample_logrank
from haip_outcomes.survival.results import TestResult, frame_of, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent

UNCERTAIN = "the source gives neither an interval nor a number of patients for this curve"
EXPECTED = 5  # under so many expected events nothing is judged
_CURVES = (*ENDPOINTS, *LIVER, "extrahepatic_recurrence", "any_recurrence")
_SETTINGS = {"resected_no_haip": "comparator", "adjuvant": "adjuvant", "unresectable": "unresectable"}


@dataclass(frozen=True, eq=False)
class Reading:
    """The centre against a curve under one convention that the source could mean."""

    convention: str
    result: TestResult
    early: float = math.nan  # share of the expected events before the first of a curve's landmarks

    @property
    def row(self) -> pd.Series:
        """The test to be read: with the curve's own uncertainty where it has one."""
        return self.result.tidy().iloc[-1]


@dataclass(frozen=True, eq=False, repr=False)
class AgainstCurve:
    """One published curve against the centre.

    `kind` is "landmarks" (survival at several times), "reconstructed" (a registered curve's patients) or "median" (a constant hazard,
    all that a median alone can say). `not_judged` is the reason why O/E is shown without a p-value, `reason` why there is none.
    """

    name: str
    figures: tuple[str, ...]
    source: str
    short: str
    setting: str
    group: str
    endpoint: str
    kind: str
    population: str = ""
    curve: ReferenceCurve | None = None
    readings: tuple[Reading, ...] = ()
    not_judged: str = ""
    reason: str = ""
    unstated: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()
    caution: str = ""  # what the plan says must be read with this centre's numbers

    @property
    def judged(self) -> bool:
        """Whether there is a test to be read: not of one's own patients, nor against a curve without an uncertainty."""
        return bool(self.readings) and not self.not_judged

    def tidy(self) -> pd.DataFrame:
        """A row a convention: O/E with limits, the test where it may be read, O (n_event), E (n_expected) and the variance of E."""
        words = "; ".join(filter(None, [self.not_judged, self.reason]))
        base = {"outcome": self.endpoint, "group": self.group, "curve": self.name, "source": self.source, "kind": self.kind,
                "horizon": self.curve.horizon if self.curve else math.nan, "judged": self.judged, "reason": words}  # fmt: skip
        rows: list[dict[str, Any]] = []
        for reading in self.readings:
            row = {key: reading.row[key] for key in _COLUMNS}
            if not self.judged:
                row |= {"statistic": math.nan, "z": math.nan, "p_value": math.nan}
            rows.append(base | row | {"convention": reading.convention})
        rows = rows or [base | dict.fromkeys(_COLUMNS, math.nan) | {"convention": ""}]
        frame = frame_of({name: [row[name] for row in rows] for name in rows[0]})
        for name in ("n", "n_event", "df"):
            frame[name] = frame[name].astype("Int64")
        return frame

    @property
    def sentence(self) -> str:
        """What was seen here, what the curve leads one to expect, and how sure that is, in words."""
        title = f"{self.endpoint[:1].upper()}{self.endpoint[1:]}, {self.group}, against {self.name}"
        if not self.readings or self.curve is None:
            return f"{title}: not comparable: {self.reason}."
        here = "; ".join(f"{_seen(reading, self.judged)}{_under(reading.convention)}" for reading in self.readings)
        said = [f"{title}: {here}, over follow-up{_to(self.curve)}.", f"Not judged: {self.not_judged}." if self.not_judged else "",
                f"The source does not state {listed(self.unstated)}." if self.unstated else ""]  # fmt: skip
        if self.kind == "median":
            said.append("A median alone says no more than a constant hazard, which is wrong early and late in opposite directions.")
        elif self.readings[0].early > 0.5:
            said.append(f"{percent(self.readings[0].early)} of the expected events come before the curve's first point, where nothing but a constant hazard is known.")
        said += [f"{one[:1].upper()}{one[1:].rstrip('.')}." for one in (*self.unanswered, *([self.caution] if self.caution and self.judged else []))]
        return " ".join(filter(None, said))

    @property
    def method(self) -> str:
        """How the test was made, as it says itself."""
        return "; ".join(dict.fromkeys(reading.result.method for reading in self.readings))

    def __repr__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        return shown_as_html("Against a published curve", self.tidy(), self.sentence)


_COLUMNS = ("estimate", "conf_low", "conf_high", "statistic", "df", "p_value", "n", "n_event", "z", "n_expected", "variance_of_expected")


def against_curves(cohort: Cohort, figures: Figures | Iterable[PublishedFigure | RegisteredCurve] | None = None) -> tuple[AgainstCurve, ...]:
    """Does this centre have more or fewer events than each published curve leads one to expect of its patients?

    A published curve uses all of a centre's follow-up, where a median or a landmark uses one point of it. Curves are: survival at two
    or more times (or at one, with a median) of one arm of a source; registered curves (`figures.curves`), reconstructed; and, as what
    they are, medians alone.

    Parameters
    ----------
    cohort : the centre's patients; curves of its settings only are looked at (comparator: resected without a pump).
    figures : the figures, with their registered curves, to look at, or a list of figures and curves; else all that are published, with the plan's own file. Own
        ones are `published().with_own(load_figures("mine.toml"))`; a list of them has lost its sources, and with these their overlap groups.

    Returns
    -------
    An `AgainstCurve` a curve, landmarks first, then registered curves, then medians. Each is held against the centre's patients under every
    time zero and every way of counting deaths that the source could mean, by `one_sample_logrank` with the curve's own uncertainty.
    Without a p-value: curves of these same patients (`[cohort] overlap`), curves whose uncertainty the source does not let one
    state, and where under 5 events are expected. There is no correction for the number of curves.

    Raises
    ------
    EndpointError : `figures` are no figures: a file's name, one figure alone, a frame. What can't be compared is listed with its reason.

    >>> from haip_outcomes import demo_cohort
    >>> found = against_curves(demo_cohort(), published(source="gk2017", setting="adjuvant", endpoint="overall_survival"))
    >>> found[0].kind, found[0].judged
    ('landmarks', True)
    """
    require_cohort(cohort, "against_curves")
    everything = figures_of(cohort.plan) if figures is None else published()
    asked = everything if figures is None else figures
    known = asked if isinstance(asked, Figures) else everything
    points, curves = _taken(asked)
    found = [_against(cohort, one, known, everything) for one in [*_arms(points), *_registered(curves)] if _SETTINGS.get(one.of.setting) in cohort.settings]
    order = ("landmarks", "reconstructed", "median")
    return tuple(sorted(found, key=lambda one: order.index(one.kind)))


def _taken(asked: Any) -> tuple[tuple[PublishedFigure, ...], tuple[RegisteredCurve, ...]]:
    """The figures and the curves of what was given; EndpointError with the way to the right thing for all else."""
    if isinstance(asked, Figures):
        return tuple(asked), asked.curves
    if isinstance(asked, (PublishedFigure, RegisteredCurve)):
        raise EndpointError(f"against_curves takes a list of figures or curves, and this is {asked.id} alone: write [it], or narrow published(...).")
    if isinstance(asked, (str, Path)):
        raise EndpointError("against_curves takes figures, and this is text: read a file with load_figures(path), and published().with_own(...) "
                            "adds it to the published ones.")  # fmt: skip
    if hasattr(asked, "columns") or not isinstance(asked, Iterable):  # iterating a frame would give the names of its columns
        raise EndpointError(f"against_curves takes figures, and this is {shown(asked)}: give published(...), load_figures(path), or a list of their figures or curves.")
    points, curves = [], []
    for one in asked:
        if isinstance(one, PublishedFigure):
            points.append(one)
        elif isinstance(one, RegisteredCurve):
            curves.append(one)
        else:
            raise EndpointError(f"against_curves takes figures or registered curves, and one of these is {shown(one)}.")
    return tuple(points), tuple(curves)


@dataclass(frozen=True, eq=False)
class _Published:
    """A published curve before it is held against anybody: what it is of, its name and how to make it."""

    of: Any  # a figure, or a registered curve, which has the same fields
    figures: tuple[PublishedFigure, ...]
    kind: str

    def name(self, short: str) -> str:
        if self.kind == "reconstructed":
            return f"the curve of {short} ({self.of.id})"
        arm = f", {self.of.subgroup}" if self.of.subgroup else ""
        if self.kind == "median":
            return f"the median of {short}{arm} ({self.of.printed})"
        points = [f"{figure.printed}{f' at {figure.horizon:g} months' if figure.statistic != 'median' else ''}" for figure in self.figures]
        return f"{short}{arm} ({', '.join(points)})"

    def make(self, short: str) -> ReferenceCurve:
        if self.kind != "reconstructed":
            return ReferenceCurve.from_figures(self.figures, label=short)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong with them stands in the curve's own words
            return ReferenceCurve.from_patients(in_months(self.of.patients()), label=short)


def _arms(figures: tuple[PublishedFigure, ...]) -> Iterator[_Published]:
    """The figures that belong together, a curve an arm of a source; a landmark alone is none."""
    arms: dict[tuple[str, ...], list[PublishedFigure]] = {}
    for figure in figures:
        if is_point(figure) and figure.endpoint in _CURVES:
            arms.setdefault(tuple(str(getattr(figure, name)) for name in ARM), []).append(figure)
    for arm in arms.values():
        if len(arm) > 1:
            yield _Published(arm[0], tuple(sorted(arm, key=lambda figure: figure.horizon or 0)), "landmarks")
        elif arm[0].statistic == "median":
            yield _Published(arm[0], tuple(arm), "median")


def _registered(curves: tuple[RegisteredCurve, ...]) -> Iterator[_Published]:
    for curve in curves:
        yield _Published(curve, (), "reconstructed")


def _against(cohort: Cohort, one: _Published, known: Figures, everything: Figures) -> AgainstCurve:
    of, group = one.of, _SETTINGS[one.of.setting]
    short = known.sources[of.source].short if of.source in known.sources else of.source
    ids = tuple(figure.id for figure in one.figures) or (of.id,)
    found = AgainstCurve(one.name(short), ids, of.source, short, of.setting, group, endpoint_words(of), one.kind, of.population)
    overlap = cohort.plan.cohort.overlap
    shared = shared_patients(overlap, of, known, everything)
    if overlap and not shared and of.source not in known.sources and not of.overlap:
        shared = (f'its source "{of.source}" is not among the figures given, so that it is not known whether it holds these patients '
                  "(give the figures with their sources, not a list)")  # fmt: skip
    try:
        if of.subgroup:
            raise NotComparableError(f"it is of a subgroup ({of.subgroup}) that the plan does not single out")
        curve = one.make(short)
        readings, unstated, unanswered = _readings(cohort.setting(group), of, curve)
    except (NotComparableError, EndpointError) as error:
        reason = " ".join(str(error).rstrip(".").split())
        return replace(found, reason=f"{shared}; and {reason}" if shared else reason)
    unanswered += tuple(filter(None, [getattr(of, "doubt", "")]))
    expected = min(float(reading.row["n_expected"]) for reading in readings)
    if shared:
        not_judged = shared
    elif curve.variance_refused:
        not_judged = curve.variance_refused
    elif curve.unstated:
        not_judged = UNCERTAIN
    else:
        not_judged = f"too few, only {number(expected, 1)} events expected" if expected < EXPECTED else ""
    return replace(found, curve=curve, readings=readings, not_judged=not_judged, unstated=unstated, unanswered=unanswered,
                   caution=" ".join(cohort.plan.cohort.caution.split()))  # fmt: skip


def _readings(part: Cohort, of: Any, curve: ReferenceCurve) -> tuple[tuple[Reading, ...], tuple[str, ...], tuple[str, ...]]:
    """The test under every convention; what the source does not state; conventions that can't be answered."""
    liver = of.endpoint in (*LIVER, "extrahepatic_recurrence")
    if of.endpoint == "any_recurrence":
        raise NotComparableError("the centre's plan has no counterpart of any recurrence")
    name = "extrahepatic" if of.endpoint == "extrahepatic_recurrence" else "liver" if liver else ENDPOINTS[of.endpoint]
    if name not in part.plan.endpoints and not (name == "liver" and "first_site" in part.plan.endpoints):
        raise NotComparableError(f"the plan has no [endpoints.{name}]")
    conventions: list[Convention] = []
    readings: list[Reading] = []
    failures: list[str] = []
    zeros = set()
    for zero, words, tte_of in time_zeros(part, name, of):
        zeros.add(zero)
        read = (liver_readings if liver else named_readings)(part, name, of, tte_of)
        conventions += [replace(one, words=", ".join(filter(None, [one.words, words]))) for one in read]
        failures += [one for one in read.unanswered if one not in failures]
    if not conventions:
        raise NotComparableError(f"the source counts {of.event_text or of.event}, and the plan has no endpoint for it")
    usable = curve.as_known() if curve.variance_refused else curve
    for convention in conventions:
        try:
            if convention.cause is not None:
                raise EndpointError("an incidence with competing deaths has no hazard by which events could be expected")
            readings.append(Reading(convention.words, one_sample_logrank(convention.tte, usable), _early(usable, convention.tte)))
        except EndpointError as error:
            failures.append(f"{convention.words}: {error}" if convention.words else str(error))
    if not readings:
        raise NotComparableError(failures[0])
    unstated = ["its time zero"] if UNSTATED in zeros else []
    if of.event == "not stated":
        unstated.append("whether extrahepatic progression ended follow-up of the liver" if liver else "what counted as an event")
    unstated += ["how deaths were counted"] if of.competing == "not stated" else []
    return tuple(readings), tuple(unstated), tuple(failures)


def _early(curve: ReferenceCurve, tte: TimeToEvent) -> float:
    """The share of the expected events that come before the first point of a curve through landmarks."""
    if not isinstance(curve.shape, Knots):
        return math.nan
    exit = np.minimum(tte.time, curve.horizon)
    entry = np.clip(tte.start, 0.0, exit)
    first = float(curve.shape.times[0])
    before, all_of_it = (float(np.sum(curve.cumulative_hazard(np.minimum(exit, end)) - curve.cumulative_hazard(np.minimum(entry, end)))) for end in (first, math.inf))
    return before / all_of_it


def _seen(reading: Reading, judged: bool) -> str:
    row = reading.row
    ratio = interval(row["estimate"], row["conf_low"], row["conf_high"])
    p = f", p {p_value(float(row['p_value']))}" if judged else ""
    return f"{plural(int(row['n_event']), 'event')} in {plural(int(row['n']), 'patient')} here, {number(float(row['n_expected']), 1)} expected, O/E {ratio}{p}"


def _under(convention: str) -> str:
    return "" if not convention else f" {convention}" if convention.startswith("counted") else f" with {convention}"


def _to(curve: ReferenceCurve) -> str:
    return f" to {curve.horizon:g} {curve.unit}" if math.isfinite(curve.horizon) else ""
