"""Time to liver progression or recurrence: every way of counting it here, beside every published estimate of the setting."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from haip_outcomes.benchmark.centre import (
    AT_RISK,
    CentreNumber,
    NotComparableError,
    at_horizon,
    at_risk,
    enough_followed,
    incidence_median,
    survival_median,
)
from haip_outcomes.benchmark.comparison import Compared, Comparison, compare
from haip_outcomes.benchmark.conventions import Convention, liver_readings, time_zeros
from haip_outcomes.benchmark.estimands import LIVER
from haip_outcomes.benchmark.literature import Figures
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.benchmark.uncertainty import published_side
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.registry.cohort import Cohort, require_cohort
from haip_outcomes.survival.results import shown_as_html

PUMP_SETTINGS = {"comparator": "resected_no_haip"}
_COLUMNS = ["outcome", "group", "term", "time", "estimate", "conf_low", "conf_high", "n", "n_event", "source", "kind", "unit", "printed", "verdict", "reason"]
_ON_AXIS = ("median", "landmark_probability", "cumulative_incidence")
# A figure that states nothing: what it could mean is every way of counting that this centre's plan can answer.
_OPEN = PublishedFigure(
    id="every-way", source="", setting="unresectable", modality="not stated", endpoint="time_to_liver_progression", statistic="cumulative_incidence",
    horizon=12, value=50, unit="%", time_zero="not stated", event="not stated", competing="not stated", better="lower", read="primary", where="-",
)  # fmt: skip


@dataclass(frozen=True)
class Counted:
    """The centre's number under one way of counting, or (`number` None) the reason why there is none."""

    words: str
    number: CentreNumber | None
    reason: str = ""


@dataclass(frozen=True)
class Panel:
    """Estimates of one estimand: medians, or shares free of the event (or with it) at one time.

    `ours` has one entry a way of counting; `published` every figure of the setting, each as `compare` found it.
    """

    statistic: str
    horizon: float | None
    ours: tuple[Counted, ...]
    published: tuple[Compared, ...]

    @property
    def title(self) -> str:
        """What is estimated: "Median time", "Free of liver progression at 24 months", "Liver progression by 60 months"."""
        if self.horizon is None:
            return "Median time"
        return f"{'Free of liver progression at' if self.statistic == 'landmark_probability' else 'Liver progression by'} {self.horizon:g} months"


@dataclass(frozen=True, eq=False, repr=False)
class LiverProgression:
    """What "time to liver progression" is in this centre, under each way of counting, beside what is published.

    `panels` has the published estimates by estimand with the centre's; `counting` the centre's median and shares at
    `times` under each way of counting; `elsewhere` the published numbers that stand on no axis of time (crude shares,
    counts, hazard ratios); `unanswered` the ways of counting that this centre's plan can't answer. `tidy()` has a row a number.
    """

    setting: str
    n: int
    label: str
    time_zero: str
    times: tuple[float, ...]
    counting: tuple[tuple[Counted, ...], ...]
    panels: tuple[Panel, ...]
    elsewhere: tuple[Compared, ...]
    unanswered: tuple[str, ...]
    method: str
    rounded: bool = False  # the centre's times to whole months, for a report for outside

    def tidy(self) -> pd.DataFrame:
        """A row a number: the centre's under each way of counting (`source` "this centre"), then the published ones.

        `estimate` and its limits are months or probabilities (`unit`); `kind` is "median", "free" or "events"; `verdict`
        and `reason` are those of `compare`.
        """
        rows = [_row(self, one, time) for way in self.counting for time, one in zip((None, *self.times), way, strict=True)]
        for panel in self.panels:
            told = {(row.get("term"), row["kind"], row["time"]) for row in rows}
            ours = [_row(self, one, panel.horizon, panel.statistic) for one in panel.ours]
            rows += [row for row in ours if (row["term"], row["kind"], row["time"]) not in told]
            rows += [_published_row(self, one) for one in panel.published]
        rows += [_published_row(self, one) for one in self.elsewhere]
        frame = pd.DataFrame(rows, columns=_COLUMNS)
        frame["n"], frame["n_event"] = frame["n"].astype("Int64"), frame["n_event"].astype("Int64")
        return frame

    def spread(self, time: float | None) -> tuple[float, float] | None:
        """The lowest and highest of the centre's numbers over the ways of counting: of the median, or of the share by `time`."""
        column = 0 if time is None else 1 + self.times.index(time)
        found = [way[column].number for way in self.counting]
        values = [one.side.estimate for one in found if one is not None and not math.isnan(one.side.estimate)]
        return (min(values), max(values)) if len(values) > 1 else None

    def __repr__(self) -> str:
        series = {one.figure.source for panel in self.panels for one in panel.published}
        return (f"Time to liver progression, {self.setting}: {plural(self.n, 'patient')}, {plural(len(self.counting), 'way')} of counting; "
                f"{plural(len(series), 'published series', 'published series')} beside it")  # fmt: skip

    def _repr_html_(self) -> str:
        return shown_as_html(repr(self), self.tidy(), self.method)


def liver_progression(cohort: Cohort, setting: str | None = None, *, figures: Figures | Iterable[PublishedFigure] | None = None) -> LiverProgression:
    """When does the disease in the liver progress here, and in the published series, whichever way they counted?

    Series print a "time to liver progression" and mostly do not say what became of patients who died first. Here the
    centre's number is computed under every way of counting that its plan can answer, and set beside every published
    estimate of the setting: those that can be compared, and those that can't, with the reason.

    Parameters
    ----------
    cohort : the patients; the plan needs `[endpoints.liver]` (or `first_site`).
    setting : "adjuvant", "unresectable" or "comparator"; may be left out where the cohort has only one.
    figures : the published figures to look at; by default all of them.

    Ways of counting
    ----------------
    Deaths censored: one minus Kaplan-Meier, which overstates the share of patients with the event. Deaths as events:
    Kaplan-Meier of liver progression or death, a progression-free survival. Deaths as a competing risk: Aalen-Johansen.
    Deaths and extrahepatic progression censored: follow-up of the liver ends at any first progression. Each from every
    time zero that the plan has.

    Raises
    ------
    EndpointError : the cohort has no patients of the setting, several settings and none is named, or no liver endpoint.

    >>> import haip_outcomes as haip
    >>> liver_progression(haip.demo_cohort(), "unresectable")
    Time to liver progression, unresectable: 34 patients, 5 ways of counting; 3 published series beside it
    """
    require_cohort(cohort, "liver_progression")
    if setting is None:
        if len(cohort.settings) != 1:
            raise EndpointError(f"Name one setting: the cohort has {listed(tuple(map(str, cohort.settings)))} patients, and their livers are not compared together.")
        setting = str(cohort.settings[0])
    if setting not in cohort.settings:
        raise EndpointError(f"The cohort has no {setting} patients. It has: {listed(tuple(map(str, cohort.settings)))}.")
    return liver_of(cohort.setting(setting), setting, compare(cohort, figures))


def liver_of(part: Cohort, setting: str, comparison: Comparison) -> LiverProgression:
    """The same, of one setting's patients, with a comparison that was already made."""
    ways, unanswered = ways_of_counting(part)
    times = tuple(float(time) for time in part.plan.analysis.times)
    counting = tuple((_median(way), *(_share(way, time, events=True, least=1) for time in times)) for way in ways)
    asked = PUMP_SETTINGS.get(setting, setting)
    looked = [one for one in comparison.compared if one.figure.setting == asked and one.figure.endpoint in LIVER]
    on_axis = [one for one in looked if one.figure.statistic in _ON_AXIS and one.figure.estimate is not None]
    keys = sorted({(_ON_AXIS.index(one.figure.statistic), one.figure.horizon or 0.0) for one in on_axis})
    panels = tuple(_panel(ways, _ON_AXIS[kind], horizon or None, on_axis) for kind, horizon in keys)
    name = "liver" if "liver" in part.plan.endpoints else "first_site"
    tte = part.endpoint(name)
    method = ("The centre's time to liver progression or recurrence under every way of counting that its plan can answer: Kaplan-Meier with log-log limits "
              "(Greenwood) where deaths are censored or events, Aalen-Johansen (delta-method variance, as survfit; the tables of incidence have cmprsk's) with log-log "
              "limits where they compete; medians where curve and limits reach one half")  # fmt: skip
    return LiverProgression(setting, len(part), part.plan.endpoints[name].label, tte.time_zero, times, counting, panels,
                            tuple(one for one in looked if one not in on_axis), unanswered, method)  # fmt: skip


def ways_of_counting(part: Cohort) -> tuple[list[Convention], tuple[str, ...]]:
    """Every way in which this centre's plan can count liver progression, from every time zero that it has; and those it can't, in words.

    Raises EndpointError when the plan has no endpoint of the liver.
    """
    if not {"liver", "first_site"} & set(part.plan.endpoints):
        raise EndpointError("the plan has no [endpoints.liver].")
    ways: list[Convention] = []
    unanswered: list[str] = []
    for _, words, tte_of in time_zeros(part, "liver", _OPEN):
        read = liver_readings(part, "liver", _OPEN, tte_of)
        ways += [replace(way, words=", ".join(filter(None, [way.words, words]))) for way in read.conventions]
        unanswered += read.unanswered
    return ways, tuple(dict.fromkeys(unanswered))


def _panel(ways: list[Convention], statistic: str, horizon: float | None, figures: list[Compared]) -> Panel:
    """Competing risks have no median in the first-site reading: `liver_readings` offers none, so neither does the panel."""
    own = [one for one in figures if one.figure.statistic == statistic and one.figure.horizon == horizon]
    if horizon is None:
        ours = [_median(way) for way in ways if not (way.cause and "extrahepatic" in way.words)]
        if any(one.figure.ci_form == "symmetric (standard error)" for one in own):
            first = next((way for way in ways if way.cause is None), None)
            ours += [_median(first, form="difference")] if first else []
    else:
        ours = [_share(way, horizon, events=statistic == "cumulative_incidence") for way in ways]
    return Panel(statistic, horizon, tuple(ours), tuple(own))


def _median(way: Convention, form: str = "ratio") -> Counted:
    words = way.words if form == "ratio" else f"{way.words}, plus and minus 1.96 standard errors"
    try:
        if way.cause is not None:
            return Counted(words, incidence_median(way.tte, way.cause, words, math.nan, "ratio"))
        return Counted(words, survival_median(way.tte, words, math.nan, "ratio" if form == "ratio" else "difference"))
    except (EndpointError, NotComparableError) as error:
        return Counted(words, None, str(error).rstrip("."))


def _share(way: Convention, time: float, *, events: bool, least: int = AT_RISK) -> Counted:
    """The share at a time; beside a published one at least five must still be followed, as in `compare`."""
    present = at_risk(way.tte, time)
    if present < least and not enough_followed(way.tte, time):
        few = f"only {plural(present, 'patient')}" if present else "nobody"
        return Counted(way.words, None, f"{few} still followed at {time:g} months{f'; at least {least} are needed' if least > 1 else ''}")
    try:
        return Counted(way.words, at_horizon(way.tte, way.cause, time, way.words, math.nan, events=events))
    except (EndpointError, NotComparableError) as error:
        return Counted(way.words, None, str(error).rstrip("."))


def _row(found: LiverProgression, one: Counted, time: float | None, statistic: str = "") -> dict[str, object]:
    kind = "median" if time is None else "free" if statistic == "landmark_probability" else "events"
    row: dict[str, object] = {"outcome": "time to liver progression", "group": found.setting, "term": one.words, "time": time, "source": "this centre",
                              "kind": kind, "unit": "months" if time is None else "probability", "printed": "", "verdict": "", "reason": one.reason}  # fmt: skip
    if one.number is not None:
        row |= {"estimate": one.number.side.estimate, "conf_low": one.number.shown[0], "conf_high": one.number.shown[1], "n": one.number.n, "n_event": one.number.n_event}
    return row


def _published_row(found: LiverProgression, one: Compared) -> dict[str, object]:
    figure, side = one.figure, published_side(one.figure)
    kind = {"median": "median", "landmark_probability": "free", "cumulative_incidence": "events"}.get(figure.statistic, figure.statistic.replace("_", " "))
    low, high = side.printed or (math.nan, math.nan)
    return {"outcome": "time to liver progression", "group": found.setting, "time": figure.horizon, "estimate": side.estimate, "conf_low": low,
            "conf_high": high, "n": figure.n, "n_event": figure.events, "source": one.short, "kind": kind,
            "unit": "probability" if figure.unit == "%" else figure.unit, "printed": figure.printed, "verdict": one.verdict, "reason": one.reason}  # fmt: skip
