"""The centre beside published figures, as cells: what is compared with what, and the word that follows."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from haip_outcomes.benchmark.wording import days_apart, days_text, days_words, endpoint_words
from haip_outcomes.errors import HaipError, did_you_mean
from haip_outcomes.formatting import NOT_REACHED, interval, median, number, percent
from haip_outcomes.tables.table import Table

if TYPE_CHECKING:
    from haip_outcomes.benchmark.comparison import Compared, Comparison

Row = Mapping[Hashable, Any]


def comparison_table(comparison: Comparison, figures: Sequence[str] | None = None) -> Table:
    """Each published figure with the centre's number by the same estimand, the difference and the verdict in words.

    Parameters
    ----------
    comparison : what `compare` returned.
    figures : ids of published figures, in this order; by default all that can be set beside the centre's results.

    Where the source does not state what it did, the centre's number stands under each convention that the figure could mean.

    Raises HaipError when an id is unknown.

    >>> import haip_outcomes as haip
    >>> found = haip.compare(haip.demo_cohort(), haip.published(source="chakedis2018", endpoint="postop_complication"))
    >>> comparison_table(found).header[:3]
    ('Figure', 'Source', 'This centre (95% CI)')
    """
    rows: list[tuple[str, ...]] = []
    indents: list[int] = []
    for one, numbers in shown(comparison, figures):
        several = len(numbers) > 1
        verdict = f"{one.verdict}: {one.reason}" if one.reason else one.verdict
        n = f", n = {one.figure.n}" if one.figure.n else ""
        head = (title_of(one), f"{one.short}{n}", "", one.figure.printed, "", verdict)
        if several:
            rows.append(head)
            indents.append(0)
        for row in numbers:
            here = f"{value_text(row)}, n = {row['n']}"
            rows.append((str(row["convention"]), "", here, "", difference_text(row), "") if several else
                        (head[0], head[1], here, head[3], difference_text(row), head[5]))  # fmt: skip
            indents.append(int(several))
    return Table(
        name="comparison", title="This centre beside published figures",
        header=("Figure", "Source", "This centre (95% CI)", "Published", "Difference (95% CI)", "Verdict"),
        rows=tuple(rows), indents=tuple(indents), text_columns=(1, 3, 5),
        footnotes=("CI: confidence interval. NR: not reached. Published: as printed. Difference: this centre minus published, in percentage "
                   "points, months or days; “ratio”: this centre over published; “at the published median”: the event-free share here at that "
                   "time minus one half, where a median or its upper limit is not reached.", comparison.method),
    )  # fmt: skip


def shown(comparison: Comparison, figures: Sequence[str] | None) -> Iterator[tuple[Compared, Sequence[Row]]]:
    """The figures asked for (by default all that have a number of the centre), each with its rows of `tidy()`.

    A row also has `at_median`: the difference at the published median with its limits, where that was judged; else None.
    """
    tidy = comparison.tidy()
    by_id = {one.figure.id: one for one in comparison.compared}
    for name in figures or ():
        if name not in by_id:
            raise HaipError(
                f'There is no published figure "{name}" in this comparison. {did_you_mean(name, by_id)}'
            )
    for name in figures if figures is not None else by_id:
        one = by_id[name]
        if one.answers is not None:
            rows = tidy[tidy["figure"] == name].to_dict("records")
            yield one, [row | {"at_median": found.at_median} for row, found in zip(rows, one.judged, strict=False)]
        elif figures is not None:
            raise HaipError(f"\"{name}\" can't be shown beside the centre's number: {one.reason}.")


def title_of(one: Compared) -> str:
    """What a published figure is about: "Overall survival at 36 months, unresectable"."""
    figure = one.figure
    words = endpoint_words(figure)
    if figure.statistic == "hazard_ratio":
        words = f"Hazard ratio of {figure.factor}, {words}"
    elif figure.endpoint == "prevalence":
        words = f"Prevalence of {figure.factor}"
    elif figure.statistic.startswith("median"):
        words = f"Median {'' if words.startswith('time to') or words.endswith('survival') else 'time to '}{words}"
    elif figure.horizon and figure.statistic != "proportion":
        words = f"{words} at {figure.horizon:g} months"
    group = one.answers.group if one.answers else figure.setting
    return f"{words[:1].upper()}{words[1:]}, {group}"


def value_text(row: Row, side: str = "centre", *, unit: bool = True) -> str:
    """One side's number with its interval, as printed: "37% (20, 54)", "9.2 (3.1, 15.3) months", "24%", "22 to 28%"."""
    keys = (
        ("published", "published_low", "published_high")
        if side == "published"
        else ("estimate", "conf_low", "conf_high")
    )
    value, low, high = (float(row[key]) for key in keys)
    kind = str(row["unit"])
    after = {"probability": "", "ratio": ""}.get(kind, f" {kind}") if unit else ""
    bare = math.isnan(low) and math.isnan(high)
    if math.isnan(value) and side == "published":
        scale, after = (100.0, "%") if kind == "probability" else (1.0, after)
        return f"{number(scale * low, 0)} to {number(scale * high, 0)}{after}"
    if kind == "probability":
        return percent(value) if bare else percent(value, low, high)
    if kind == "days":
        return f"{days_text(value, NOT_REACHED) if bare else days_words(value, low, high, NOT_REACHED)}{after}"
    digits = 2 if kind == "ratio" else 0 if side == "centre" and row.get("rounded") else 1
    if bare and not math.isnan(value):
        return f"{number(value, digits)}{after}"
    if kind == "ratio":
        return interval(value, low, high, digits)
    return f"{median(value, low, math.nan if math.isinf(high) else high, digits)}{after}"


def difference_text(row: Row) -> str:
    """The difference that was judged, as printed: "-31 (-47, -11)", "ratio 0.69 (0.36, 1.33)"; "-" without an interval.

    Medians that were judged at the published one have the difference there: their ratio's limit is one that was not reached. A
    report for outside only says so: how many are free of the event at a time of the source's choosing may rest on a small count.
    """
    if row.get("at_median") is not None:
        return f"{'' if row.get('rounded') else _points(*row['at_median'])}at the published median"
    value, low, high = (float(row[key]) for key in ("difference", "difference_low", "difference_high"))
    if math.isnan(value) or math.isnan(low):
        return "-"
    if row["contrast"] == "ratio":
        return f"ratio {interval(value, low, high)}"
    if row["unit"] == "probability":
        return interval(100 * value, 100 * low, 100 * high, 0)
    if row["unit"] == "days":
        return days_apart(value, low, high)
    return interval(value, low, high, 0 if row.get("rounded") else 1)


def _points(difference: float, low: float, high: float) -> str:
    limits = f"{number(100 * low, 0)}, {number(100 * high, 0)}"
    return f"{number(100 * difference, 0)} points ({limits}) "
