"""Time to liver progression: every published estimate of a setting on one axis with the centre's, by what is estimated."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from haip_outcomes.benchmark.uncertainty import published_side
from haip_outcomes.benchmark.verdicts import NOT_JUDGED
from haip_outcomes.errors import HaipError
from haip_outcomes.figures.rows import Block, Item, Mark, RowSheet
from haip_outcomes.figures.scales import span
from haip_outcomes.figures.style import Drawing, drawing_style
from haip_outcomes.formatting import median, percent, plural

if TYPE_CHECKING:
    from haip_outcomes.benchmark.comparison import Compared
    from haip_outcomes.benchmark.liver_counting import Counted, LiverProgression, Panel

_AXES = {"median": "Months (this centre: since {zero})", "landmark_probability": "Free of liver progression or recurrence (%)",
         "cumulative_incidence": "With liver progression or recurrence (%)"}  # fmt: skip
_SETTINGS = {"comparator": "no pump"}


def plot_liver_literature(found: LiverProgression, *, width: str = "double", name: str = "liver_literature") -> Drawing:
    """The centre's time to liver progression, counted in every way, beside every published estimate of the setting.

    A filled square is this centre under one way of counting, an open diamond a published estimate; without a line the
    source prints nothing from which an interval follows. Medians stand on an axis of months, shares at one time on one of
    per cent. Published estimates that answer another question stand apart, each with the reason: they are not compared.

    Parameters
    ----------
    found : what `liver_progression` returned.
    width, name : "double" (174 mm) or "single" (84 mm); the file name.

    Errors: HaipError when nothing is published for the setting, or more than a page holds.

    >>> import haip_outcomes as haip
    >>> from haip_outcomes.benchmark.liver_counting import liver_progression
    >>> plot_liver_literature(liver_progression(haip.demo_cohort(), "unresectable")).size[0]
    174.0
    """
    if not found.panels:
        raise HaipError(f"There is no published estimate to draw for the {found.setting} setting.")
    blocks = []
    for panel in found.panels:
        values = [(*_limits(one), math.nan, math.nan, math.nan) for one in panel.ours]
        values += [(math.nan, math.nan, math.nan, *_published_limits(one)) for one in panel.published]
        unit = "months" if panel.statistic == "median" else "probability"
        x_label = _AXES[panel.statistic].format(zero=found.time_zero)
        blocks.append(Block(tuple(_items(found, panel)), x_label, False, span(unit, values), title=panel.title))
    with drawing_style():
        sheet = RowSheet(("Time to liver progression", "Estimate (95% CI)"), tuple(blocks), before=0, key=("This centre", "Published"), widths=width)
        figure = sheet.draw()
    return Drawing(figure, name, _caption(found), _alt(found))


def _items(found: LiverProgression, panel: Panel) -> list[Item]:
    """A panel's rows: the centre under each way of counting, then what can be compared, then what can't."""
    same = [one for one in panel.published if one.answers is not None]
    other = [one for one in panel.published if one.answers is None]
    items = [Item(f"This centre, n = {found.n}")]
    known = [one for one in panel.ours if one.number is not None]
    items += [Item(one.words or "as planned", (_own_mark(one, found.rounded),), indent=1) for one in known]
    if not known:
        items.append(Item(_sentence(panel.ours[0].reason if panel.ours else "the plan has no way of counting it"), indent=1))
    if same:
        items.append(Item("Published"))
        items += [_published(one, "" if one.verdict == NOT_JUDGED else one.verdict) for one in same]
    if other:
        items.append(Item("Published, not compared with this centre"))
        items += [_published(one, _short_reason(one)) for one in other]
    return items


def _short_reason(one: Compared) -> str:
    """The kind of reason in few words; the table beside the figure has it in full."""
    figure, reason = one.figure, one.kind or one.reason
    if "for outside" in reason:
        return "not shown for outside"
    if figure.subgroup:
        return figure.subgroup
    if "counts time from something else" in reason or "the source counts from" in reason:
        return f"from {figure.time_zero}"
    if "at risk" in reason or "still followed" in reason:
        return "beyond this centre's follow-up"
    return reason


def _published(one: Compared, after: str) -> Item:
    figure = one.figure
    n = f", n = {figure.n}" if figure.n else ""
    estimate, low, high = _published_limits(one)
    limits = "" if math.isnan(low) else f" ({low:g}, {'NR' if math.isinf(high) else f'{high:g}'})"
    words = f"{'' if figure.qualifier == 'exactly' else f'{figure.qualifier} '}{estimate:g}{'%' if figure.unit == '%' else ''}{limits}"
    return Item(f"{one.short}{n}{f': {after}' if after else ''}", (Mark((words,), estimate, low, high, kind=1),), indent=1)


def _own_mark(one: Counted, rounded: bool) -> Mark:
    estimate, low, high = _limits(one)
    statistic = "median" if one.number is not None and one.number.unit != "probability" else "share"
    return Mark((_words(statistic, estimate, low, high, rounded),), estimate, low, math.inf if math.isnan(high) and not math.isnan(low) else high)


def _words(statistic: str, estimate: float, low: float, high: float, rounded: bool) -> str:
    if statistic == "median":
        return median(estimate, low, high, 0 if rounded else 1)
    return percent(estimate / 100, low / 100, high / 100)


def _limits(one: Counted) -> tuple[float, float, float]:
    if one.number is None:
        return math.nan, math.nan, math.nan
    scale = 100.0 if one.number.unit == "probability" else 1.0
    return scale * one.number.side.estimate, scale * one.number.shown[0], scale * one.number.shown[1]


def _published_limits(one: Compared) -> tuple[float, float, float]:
    side, scale = published_side(one.figure), 100.0 if one.figure.unit == "%" else 1.0
    low, high = side.printed or (math.nan, math.nan)
    return scale * side.estimate, scale * low, scale * high


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}"


def _caption(found: LiverProgression) -> str:
    setting = _SETTINGS.get(found.setting, found.setting)
    series = {one.figure.source for panel in found.panels for one in panel.published}
    return (f"{found.label}, {setting}: this centre (filled squares) under each way of counting, beside {plural(len(series), 'published series', 'published series')} "
            "(open diamonds), with 95% confidence intervals (CI) as printed; without a line none is printed. NR: not reached. Deaths censored is "
            "one minus Kaplan-Meier: not the probability of the event. Arrowheads: the limit was not reached, or lies beyond the axis. "
            f"{found.method}.")  # fmt: skip


def _alt(found: LiverProgression) -> str:
    parts = [f"Time to liver progression, {_SETTINGS.get(found.setting, found.setting)}, beside published estimates."]
    for panel in found.panels:
        own = []
        for one in panel.ours:
            estimate, low, high = _limits(one)
            kind = "median" if panel.statistic == "median" else "share"
            own.append(f"{one.words or 'as planned'} {_words(kind, estimate, low, high, found.rounded)}" if one.number is not None else f"{one.words}: {one.reason}")
        theirs = [f"{one.short} {one.figure.printed}" for one in panel.published]
        parts.append(f"{panel.title}. This centre: {'; '.join(own)}. Published: {'; '.join(theirs)}.")
    return " ".join(parts)
