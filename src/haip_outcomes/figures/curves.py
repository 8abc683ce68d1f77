"""Curves over time: Kaplan-Meier and cumulative incidence, with the numbers they rest on under the axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.figures.panels import Key, Numbers, Panel
from haip_outcomes.figures.scales import time_breaks
from haip_outcomes.figures.steps import (
    draw_censorings,
    draw_steps,
    draw_straight,
    few_from,
    group_style,
    in_words,
    incidence_style,
    part_of,
    steps,
    top_of,
)
from haip_outcomes.figures.style import Drawing, drawing_style
from haip_outcomes.formatting import listed, number, p_value, percent, plural
from haip_outcomes.survival.counts import RiskSets, at_risk_table
from haip_outcomes.survival.curves.aalen_johansen import CumulativeIncidence
from haip_outcomes.survival.curves.kaplan_meier import SurvivalCurve
from haip_outcomes.survival.results import TestResult
from haip_outcomes.tables.disclosure import HIDDEN, OPEN, Policy
from haip_outcomes.tables.estimates import at_risk_shown, monthly, sizes
from haip_outcomes.tables.table import slug

_FEW = (
    "Thin line and hatched band: beyond the last time with at least 5 patients and 10% of the group at risk."
)
_ROWS = (("At risk", "n_risk"), ("Censored", "n_censor"), ("Events", "n_event"))
_STRAIGHT = ("Small numbers are hidden: the curve has points at whole months between which at least 5 more patients had the event, and is "
             "straight between them; it ends at the last of them with 5 at risk. " + HIDDEN + ": hidden")  # fmt: skip
_COUNTS = "Censorings and events in the table are those before each time."


def plot_survival(
    curve: SurvivalCurve,
    *,
    width: str = "single",
    until: float | None = None,
    breaks: Sequence[float] | None = None,
    test: TestResult | None = None,
    labels: Mapping[str, str] | None = None,
    by_label: str = "",
    y_label: str | None = None,
    policy: Policy = OPEN,
) -> Drawing:
    """Kaplan-Meier curves from 0 to 100% with their confidence bands, and under them who was still at risk.

    The whole curve is drawn; where fewer than 5 patients, or fewer than 10% of the group, are left at risk, the line is
    thin and the band only hatched, because there one patient moves it visibly. Small vertical strokes are censorings.

    Parameters
    ----------
    curve : what `survival_curve` returned.
    width : "single" (84 mm) or "double" (174 mm).
    until : where the time axis ends, in the curve's unit; by default at the last time.
    breaks : times with a tick and a column of numbers; by default round ones.
    test : what `logrank` returned; its p-value is printed above the curves.
    labels : what to print for a group, for example `{"No": "No sarcopenia"}`; groups named here come first, in this order.
    by_label : the name of what makes the groups, for example "Sarcopenia"; stands before them in the key.
    y_label : by default the endpoint's name; for a curve with other causes censored "Free of ...".
    policy : which small numbers are hidden, and with them the exact times; none by default.

    Errors: EndpointError when `until`, `breaks` or `labels` don't fit the curve.

    >>> import haip_outcomes as haip
    >>> curve = haip.survival_curve(haip.demo_cohort().setting("unresectable").endpoint("os"))
    >>> haip.plot_survival(curve).size
    (84.0, 77.8)
    """
    frame = curve.tidy()
    sets, names = _ordered(curve.sets, labels)
    end, ticks = _axis(curve, until, breaks, width, policy)
    points = _points(curve, sets, [None], policy)
    styles = [group_style(i) for i in range(len(sets))]
    several = len(sets) > 1
    tests = [_p_words(test)] if test is not None else []
    panel = Panel(
        x_label=_time_label(curve), y_label=f"{y_label or _y_words(curve)} (%)", until=end, breaks=ticks, widths=width,
        numbers=_numbers(sets, names, styles, ticks, _ROWS, policy), key=_group_key(by_label, names, styles) if several else (),
        notes=(*tests, *([_sentence(curve.caution)] if curve.caution else [])),
    )  # fmt: skip
    thin = False
    with drawing_style():
        figure, axes = panel.draw()
        for one, style in zip(sets, styles, strict=True):
            if policy.hides:
                draw_straight(axes, points[one.group, None], style, band=True)
                continue
            part, few = part_of(frame, one.group), few_from(one)
            thin |= few < min(end, float(one.time[-1]))
            draw_steps(axes, steps(part, 1.0, end), style, few=few, band=True)
            draw_censorings(axes, part, end, style["color"])
    what = curve.label or "Survival"
    split = f" by {_small(by_label)}" if by_label and several else ""
    if policy.hides:
        caption = _sentences(f"{what}{split}, {_small(_time_label(curve))}, with {_level(curve)} confidence band", policy.method(curve.method),
                             "" if curve.caution in curve.method else curve.caution,
                             *[f"{policy.method(t.method)}: {_p_equals(t)}" for t in _listed(test)], _STRAIGHT,
                             _not_drawn(points, sets, names, {None: ""}), _COUNTS)  # fmt: skip
        alt = _sentences(f"Kaplan-Meier curve{'s' if several else ''}: {what}{split}, from 0 to {_short(end)} {curve.unit}",
                         *[_told(points[one.group, None], (name,), one, None, sets, curve.unit, policy)
                           for one, name in zip(sets, names, strict=True)], *tests, curve.caution)  # fmt: skip
        return Drawing(figure, slug("survival", curve.label, by_label), caption, alt, _counts(sets, ticks, policy))
    caption = _sentences(f"{what}{split}, {_small(_time_label(curve))}, with {_level(curve)} confidence band", curve.method,
                         "" if curve.caution in curve.method else curve.caution, *[f"{t.method}: {_p_equals(t)}" for t in _listed(test)],
                         "Strokes are censorings", _FEW if thin else "", _COUNTS)  # fmt: skip
    alt = _sentences(f"Kaplan-Meier curve{'s' if several else ''}: {what}{split}, from 0 to {_short(end)} {curve.unit}",
                     *[in_words(part_of(frame, one.group), (name,), one.n, one.n_events(), curve.unit, 1.0, ticks)
                       for one, name in zip(sets, names, strict=True)], *tests, curve.caution)  # fmt: skip
    return Drawing(figure, slug("survival", curve.label, by_label), caption, alt, _counts(sets, ticks))


def plot_cumulative_incidence(
    incidence: CumulativeIncidence,
    *,
    cause: str,
    width: str = "single",
    until: float | None = None,
    breaks: Sequence[float] | None = None,
    tests: Mapping[str, TestResult] | TestResult | None = None,
    labels: Mapping[str, str] | None = None,
    by_label: str = "",
    y_top: float | None = None,
    policy: Policy = OPEN,
) -> Drawing:
    """The probability that an event has come first, from 0: the event of interest solid, competing events dashed.

    Parameters
    ----------
    incidence : what `cumulative_incidence` returned.
    cause : the event of interest; the confidence band is its own.
    width, until, breaks, labels, by_label : as in `plot_survival`.
    tests : what `gray` returned, one a cause: `{"Liver": gray(...), "Death": gray(...)}`; one alone is that of `cause`,
        and that of `cause="all"` has them all.
    y_top : where the probability axis ends (1 is 100%); by default just above what is drawn.
    policy : which small numbers are hidden, and with them the exact times; none by default.

    Groups differ by colour and by the marker at each tick, events by line style, so that a grey print can be read.

    Errors: EndpointError for a cause that the result does not have, or `until`, `breaks` or `labels` that don't fit.

    >>> import haip_outcomes as haip
    >>> first = haip.demo_cohort().setting("unresectable").endpoint("first_site")
    >>> haip.plot_cumulative_incidence(haip.cumulative_incidence(first), cause="Liver").name
    'incidence_first_site_of_progression_or_recurrence_liver'
    """
    frame = incidence.tidy()
    states = incidence.states
    if isinstance(tests, TestResult):
        tests = tests.by_outcome() if len(tests.frame) > 1 else {cause: tests}
    by_cause = dict(tests or {})
    for name in (cause, *by_cause):
        if name not in states:
            raise EndpointError(f'There is no event "{name}". {did_you_mean(name, states)}')
    causes = [cause, *(name for name in states if name != cause)]
    sets, names = _ordered(incidence.sets, labels)
    end, ticks = _axis(incidence, until, breaks, width, policy)
    points = _points(incidence, sets, [states.index(name) + 1 for name in causes], policy)
    several = len(sets) > 1
    styles = [[incidence_style(i, j, several) for j in range(len(causes))] for i in range(len(sets))]
    plain = [{**style, "color": "black", "marker": ""} if several else style for style in styles[0]]
    cause_key = [
        (Key(_with_p(name, by_cause.get(name)), style),) for name, style in zip(causes, plain, strict=True)
    ]
    panel = Panel(
        x_label=_time_label(incidence), y_label="Cumulative incidence (%)", until=end, breaks=ticks, widths=width,
        numbers=_numbers(sets, names, [own[0] for own in styles], ticks, _ROWS[:1], policy),
        key=(*(_group_key(by_label, names, [own[0] for own in styles]) if several else ()), *cause_key),
        notes=(_sentence(incidence.caution),) if incidence.caution else (), y_top=y_top or top_of(_all_points(points, states) if policy.hides else frame[frame["time"] <= end], cause),
    )  # fmt: skip
    thin = False
    with drawing_style():
        figure, axes = panel.draw()
        for one, own in zip(sets, styles, strict=True):
            if policy.hides:
                for name, style in reversed(list(zip(causes, own, strict=True))):
                    draw_straight(axes, points[one.group, states.index(name) + 1], style, band=name == cause)
                continue
            few = few_from(one)
            thin |= few < min(end, float(one.time[-1]))
            for name, style in reversed(list(zip(causes, own, strict=True))):
                part = part_of(frame, one.group, name)
                draw_steps(axes, steps(part, 0.0, end), style, few=few, band=name == cause, marks=ticks[1:])
    what = incidence.label or "Events"
    split = f" by {_small(by_label)}" if by_label and several else ""
    others = f", and of competing events (broken lines: {listed([_small(name) for name in causes[1:]])})" if causes[1:] else ""
    if policy.hides:
        caption = _sentences(f"{what}{split}: cumulative incidence of {_small(cause)} (solid, with {_level(incidence)} confidence band)"
                             f"{others}, {_small(_time_label(incidence))}", policy.method(incidence.method),
                             *[f"{name}: {policy.method(t.method)}: {_p_equals(t)}" for name, t in by_cause.items()], _STRAIGHT,
                             _not_drawn(points, sets, names, {states.index(c) + 1: c for c in causes}))  # fmt: skip
        alt = _sentences(f"Cumulative incidence curves: {what}{split}, from 0 to {_short(end)} {incidence.unit}",
                         *[_told(points[one.group, states.index(c) + 1], (name, c), one, states.index(c) + 1, sets, incidence.unit, policy)
                           for one, name in zip(sets, names, strict=True) for c in causes],
                         *[f"{name}: {_p_words(t)}" for name, t in by_cause.items()])  # fmt: skip
        return Drawing(figure, slug("incidence", incidence.label, cause, by_label), caption, alt, _counts(sets, ticks, policy))
    caption = _sentences(f"{what}{split}: cumulative incidence of {_small(cause)} (solid, with {_level(incidence)} confidence band)"
                         f"{others}, {_small(_time_label(incidence))}",
                         incidence.method, *[f"{name}: {t.method}: {_p_equals(t)}" for name, t in by_cause.items()],
                         _FEW if thin else "")  # fmt: skip
    alt = _sentences(f"Cumulative incidence curves: {what}{split}, from 0 to {_short(end)} {incidence.unit}",
                     *[in_words(part_of(frame, one.group, c), (name, c), one.n, one.n_events(states.index(c) + 1), incidence.unit, 0.0, ticks)
                       for one, name in zip(sets, names, strict=True) for c in causes],
                     *[f"{name}: {_p_words(t)}" for name, t in by_cause.items()])  # fmt: skip
    return Drawing(figure, slug("incidence", incidence.label, cause, by_label), caption, alt, _counts(sets, ticks))


Result = SurvivalCurve | CumulativeIncidence
Points = dict[tuple[str | None, int | None], pd.DataFrame]


def _points(result: Result, sets: Sequence[RiskSets], codes: Sequence[int | None], policy: Policy) -> Points:
    """The curves for outside, by group and kind of event; refuses a figure without any."""
    if not policy.hides:
        return {}
    found = {(one.group, code): monthly(result, one, code, policy) for one in sets for code in codes}
    if all(len(one) < 2 for one in found.values()):
        raise EndpointError("Too few events: no curve is drawn in a report for outside.")
    return found


def _all_points(points: Points, states: Sequence[str]) -> pd.DataFrame:
    return pd.concat([one.assign(outcome=states[code - 1]) for (_, code), one in points.items() if code], ignore_index=True)


def _not_drawn(points: Points, sets: Sequence[RiskSets], names: Sequence[str], causes: Mapping[int | None, str]) -> str:
    """Which curves are missing from a figure for outside."""
    gone = [", ".join(filter(None, [name, words])) for one, name in zip(sets, names, strict=True) for code, words in causes.items()
            if len(points[one.group, code]) < 2]  # fmt: skip
    return f"Not drawn, for too few events: {'; '.join(gone)}" if gone else ""


def _told(points: pd.DataFrame, who: Sequence[str], one: RiskSets, code: int | None, sets: Sequence[RiskSets], unit: str, policy: Policy) -> str:
    """What a curve for outside shows, in words: patients and events where they may be shown, and its points."""
    n, events = sizes(one, policy, [other.group for other in sets], sets, code)
    counts = [plural(one.n, "patient")] if n else []
    counts += [plural(one.n_events(code), "event")] if events else []
    values = [f"{percent(row['estimate'])} at {row['time']:g}" for row in points[1:].to_dict("records")][:6]
    told = "; ".join(filter(None, [", ".join(counts), f"{', '.join(values)} {unit}" if values else ""])) or "small numbers, hidden"
    head = ", ".join(filter(None, who))
    return f"{head}: {told}" if head else told


def _axis(
    result: Result, until: float | None, breaks: Sequence[float] | None, width: str, policy: Policy
) -> tuple[float, tuple[float, ...]]:
    end = max(float(one.time[-1]) for one in result.sets) if until is None else float(until)
    if policy.hides and until is None:  # the last time is one patient's
        year = {"days": 360.0, "weeks": 52.0, "years": 1.0}.get(result.unit, 12.0)
        end = year * float(np.ceil(end / year))
    if not end > 0:
        raise EndpointError(f"The time axis must end after 0; until={end:g}.")
    if breaks is None:
        return end, time_breaks(end, result.unit, width, str(max(one.n for one in result.sets)))
    ticks = tuple(sorted(float(tick) for tick in breaks))
    if not ticks or ticks[0] < 0 or ticks[-1] > end:
        raise EndpointError(f"breaks must lie between 0 and {end:g} {result.unit}; got {list(breaks)}.")
    return end, ticks


def _ordered(sets: Sequence[RiskSets], labels: Mapping[str, str] | None) -> tuple[list[RiskSets], list[str]]:
    """The groups, those in `labels` first and in its order, and what to print for them."""
    known = {one.group: one for one in sets if one.group is not None}
    printed = dict(labels or {})
    for name in printed:
        if name not in known:
            raise EndpointError(f'labels: there is no group "{name}". {did_you_mean(name, known)}')
    if not known:
        return list(sets), [""]
    order = [*printed, *(name for name in known if name not in printed)]
    return [known[name] for name in order], [printed.get(name, name) for name in order]


def _group_key(
    by_label: str, names: Sequence[str], styles: Sequence[Mapping[str, Any]]
) -> tuple[tuple[Key, ...], ...]:
    heading = [Key(f"{by_label}:")] if by_label else []
    return ((*heading, *(Key(name, style) for name, style in zip(names, styles, strict=True))),)


def _counts(sets: Sequence[RiskSets], ticks: Sequence[float], policy: Policy = OPEN) -> pd.DataFrame:
    """At risk, events and censorings of each group at the ticks, as a frame; for outside those that may be shown."""
    if policy.hides:
        shown = [at_risk_table(one.rows, list(ticks)).assign(group=one.group) for one in sets]
        for one, table in zip(sets, shown, strict=True):
            for i, told in enumerate(at_risk_shown(one, ticks, policy)):
                for column, visible in zip(("n_risk", "n_event", "n_censor"), told, strict=True):
                    if not visible:
                        table[column] = table[column].astype(float).mask(table.index == i)
        return pd.concat([table.drop(columns="n_pending", errors="ignore") for table in shown], ignore_index=True)
    return pd.concat([at_risk_table(one.rows, list(ticks)).assign(group=one.group) for one in sets], ignore_index=True)


def _numbers(sets: Sequence[RiskSets], names: Sequence[str], styles: Sequence[Mapping[str, Any]], ticks: Sequence[float],
             rows: Sequence[tuple[str, str]], policy: Policy) -> tuple[Numbers, ...]:  # fmt: skip
    """The patients (never weights) of each group at the ticks."""
    if policy.hides:
        frame = _counts(sets, ticks, policy)
        return tuple(Numbers(tuple((words, tuple(number(value, 0, HIDDEN) for value in part_of(frame, one.group)[column])) for words, column in rows),
                             name if len(sets) > 1 else "", style if len(sets) > 1 else None)
                     for one, name, style in zip(sets, names, styles, strict=True))  # fmt: skip
    tables = [at_risk_table(one.rows, list(ticks)) for one in sets]
    if any("n_pending" in table for table in tables):
        rows = (*rows, ("Not entered", "n_pending"))
    return tuple(Numbers(tuple((words, tuple(f"{value:.0f}" for value in table.get(column, pd.Series(0, table.index))))
                               for words, column in rows), name if len(sets) > 1 else "", style if len(sets) > 1 else None)
                 for table, name, style in zip(tables, names, styles, strict=True))  # fmt: skip


def _time_label(result: Result) -> str:
    return (
        f"{result.unit.capitalize()} since {result.time_zero}" if result.time_zero else f"Time, {result.unit}"
    )


def _y_words(curve: SurvivalCurve) -> str:
    if not curve.caution:
        return curve.label or "Survival"
    event = curve.sets[0].rows.states[0]
    return (
        f"Free of {_small(curve.label)}"
        if event.lower() in curve.label.lower()
        else f"Free of event “{event}”"
    )


def _listed(test: TestResult | None) -> list[TestResult]:
    return [] if test is None else [test]


def _small(words: str) -> str:
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]


def _sentence(words: str) -> str:
    words = words.strip()
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}" if words else ""


def _sentences(*parts: str) -> str:
    return " ".join(filter(None, map(_sentence, parts)))


def _p_equals(test: TestResult) -> str:
    words = p_value(test.p_value)
    return f"p {words[0]} {words[1:]}" if words[:1] in "<>" else f"p = {words}"


def _p_words(test: TestResult) -> str:
    """The test's name, as its method sentence begins, with its p-value."""
    name = test.method.split(";")[0].split(",")[0].split(".")[0].split("(")[0].split(" of ")[0].strip()
    return f"{name}: {_p_equals(test)}"


def _with_p(name: str, test: TestResult | None) -> str:
    return f"{name} ({_p_words(test)})" if test is not None else name


def _short(time: float) -> str:
    return number(time, 1).removesuffix(".0")


def _level(result: Result) -> str:
    return f"{100 * result.conf_level:g}%"
