"""When a column is known: at time zero, so that it may be a baseline factor, or only later.

Whoever has what comes later (a resection after response, a tenth cycle) has lived until then. Counted from time zero, that time of which
nobody could have died is credited to it: immortal time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from haip_outcomes.formatting import listed
from haip_outcomes.registry.deriving.formulas import inputs_of
from haip_outcomes.registry.deriving.summaries import chosen, placed
from haip_outcomes.registry.items import items
from haip_outcomes.registry.planning.factor_rules import known_dates
from haip_outcomes.registry.planning.parts import ColumnPlan, DerivedPlan, TimedFlag

if TYPE_CHECKING:
    from haip_outcomes.registry.cohort import Cohort

MANY_LEVELS = 10  # more are no category that a date could go with
FEW_DATES = 5  # fewer agree by chance
NEARLY = 0.9  # of those with the level or the date have both


def not_known(cohort: Cohort, endpoint: str, column: str) -> str:
    """Why a column can't be a baseline factor of an endpoint, in a sentence with what to do instead; nothing where it can.

    It can't when the plan says `known = "later"`; when the date that `known` names lies after time zero for any patient (after the entry,
    where patients came under observation later: nobody was at risk before it); when it is a standard item or an entry of `[programme]` that is
    only known later, or tells an event of an endpoint, unless the plan says `known = "baseline"`; and when it is derived from any of these, or
    from rows and dates after time zero. What nothing is said about can: `unstated` names it.

    >>> from haip_outcomes import demo_cohort
    >>> not_known(demo_cohort(), "os", "sarcopenia")
    ''
    >>> not_known(demo_cohort(), "os", "converted_to_resection").split(":")[0]
    'Converted to resection became known after time zero (pump placement) in 7 of 60 patients (Conversion to resection)'
    """
    reason = _reason(cohort, endpoint, column)
    if not reason:
        return ""
    label, zero = cohort.plan.label(column), cohort.recipe(endpoint).time_zero
    dates = known_dates(cohort.plan, column)
    do = f'name it in [analysis] later of the plan (in Python: factors_over_time(cohort, "{endpoint}", ["{column}"])): it is then counted from its date on, and at landmarks by what was known then'
    if not cohort.recipe(endpoint).plan.from_dates:
        cure = f'Since when is only known from dates: give "{endpoint}" date columns (start, last_seen, events), and the column its date in known; then {do}.'
    elif dates:
        cure = f"Instead, {do}."
    elif column in cohort.plan.derived:
        cure = (f'To analyse it, make the date since when it is so a derived column (take = "earliest"), and [derived.{column}] take = "any" of that date; '
                f"then {do}.")  # fmt: skip
    else:
        cure = (f'To analyse it, name the date since when it is known (known = "the_date_column" under [columns.{column}]); then {do}. '
                f'If every patient had it by {zero}, write known = "baseline".')  # fmt: skip
    return (f"{label} {reason}: whoever has it must have been followed until then without the event, so as a baseline factor it looks protective "
            f"even without any effect (immortal time). {cure}")  # fmt: skip


def unstated(cohort: Cohort, columns: Iterable[str]) -> tuple[str, ...]:
    """The columns, in their order, of which the plan does not say when they are known; standard items and what is made of them say it themselves.

    >>> from haip_outcomes import demo_cohort
    >>> unstated(demo_cohort(), ["setting"])
    ()
    """
    return tuple(name for name in dict.fromkeys(columns) if not _stated(cohort, name))


def observed_from(cohort: Cohort, endpoint: str) -> pd.Series | None:
    """The date from which on each patient of an endpoint was at risk: time zero, or a later entry; None for times without dates."""
    recipe = cohort.recipe(endpoint)
    if not recipe.plan.from_dates:
        return None
    start = cohort.frame[recipe.plan.start]
    if recipe.plan.entry:
        entry = cohort.frame[recipe.plan.entry]
        start = start.where(~(entry > start), entry)
    return start.dropna()


def known_since(cohort: Cohort, column: str) -> pd.Series | None:
    """The date from which on each patient's value is known (missing where there is none); None when no date says so."""
    dates = known_dates(cohort.plan, column)
    return cohort.frame[list(dates)].min(axis=1) if dates else None


def _reason(cohort: Cohort, endpoint: str, column: str) -> str:
    """What makes a column one of after time zero, as the end of a sentence about it; nothing when it is none."""
    plan = cohort.plan
    declared, derived = plan.columns.get(column, ColumnPlan()), plan.derived.get(column)
    zero = cohort.recipe(endpoint).time_zero
    if known_dates(plan, column):
        return _after(cohort, endpoint, column)
    if declared.known == "later":
        return f'is known only after time zero ({zero}), says the plan (known = "later")'
    if declared.known == "baseline":
        return ""
    if _item_later(declared):
        return f'is known only after time zero ({zero}), being the standard item "{declared.item}"'
    for name, item in plan.programme.items():
        if item.column == column:
            return f"is counted under [programme.{name}], as what comes after time zero ({zero})"
    told = _event_told(cohort, column)
    if told:
        return f"tells an event that comes after time zero ({told})"
    return _derived_after(cohort, endpoint, derived) if derived is not None else ""


def _after(cohort: Cohort, endpoint: str, column: str) -> str:
    """Of a column with its dates: in how many patients it became known after time zero, or has a value without the date."""
    from_when, since = observed_from(cohort, endpoint), known_since(cohort, column)
    called = listed([cohort.plan.label(date) for date in known_dates(cohort.plan, column)], "or")
    if from_when is None or since is None:
        return f"is known from its date on ({called}), and {cohort.plan.endpoints[endpoint].label} is kept without the date of time zero"
    day, values, before = since.loc[from_when.index], cohort.frame.loc[from_when.index, column], level_before(cohort, column)
    late = int((day > from_when).sum())
    if late:
        return f"became known after time zero ({cohort.recipe(endpoint).time_zero}) in {late} of {len(from_when)} patients ({called})"
    without = int((values.notna() & (values.astype(object) != before) & day.isna()).sum())
    return f"has a value without the date since when ({called}) in {without} of {len(from_when)} patients" if without else ""


def level_before(cohort: Cohort, column: str) -> str | None:
    """The level that a patient has until the value is known: `before`, else the first; None for a number."""
    declared = cohort.plan.columns[column]
    levels = list(declared.levels.values())
    return declared.before or (levels[0] if levels else None)


def _item_later(declared: ColumnPlan) -> bool:
    return declared.item is not None and declared.item in items() and items()[declared.item].known == "later"


def _event_told(cohort: Cohort, column: str) -> str:
    for recipe in cohort.plan.endpoints.values():
        for event, told in recipe.events.items():
            if isinstance(told, TimedFlag) and column in (told.time, told.flag):
                return f"{event} of {recipe.label}"
    return ""


def _derived_after(cohort: Cohort, endpoint: str, derived: DerivedPlan) -> str:
    """What a derived column is made from that comes after time zero."""
    from_when, zero = observed_from(cohort, endpoint), cohort.recipe(endpoint).time_zero
    if derived.table is not None:
        return _rows_after(cohort, derived, from_when, zero)
    for source in _sources(cohort, derived):
        called = cohort.plan.label(source)
        if cohort.plan.kinds.get(source) != "date":
            reason = _reason(cohort, endpoint, source)
            if reason:
                return f"is made from {called}, which {reason}"
        elif from_when is not None:
            late = int((cohort.frame.loc[from_when.index, source] > from_when).sum())
            if late:
                return f"is made from {called}, which is after time zero ({zero}) in {late} of {len(from_when)} patients"
    return ""


def _rows_after(cohort: Cohort, derived: DerivedPlan, from_when: pd.Series | None, zero: str) -> str:
    """Rows of a related table that count and are dated after time zero; where no date tells, what the table's items say."""
    table, rows = cohort.plan.tables[str(derived.table)], cohort.tables.get(str(derived.table))
    called = table.label or str(derived.table)
    dates = [derived.by] if derived.by else [name for name, column in table.columns.items() if column.resolved == "date"]
    if rows is None or from_when is None or not dates:
        return f"is made from {called}, which are known only after time zero ({zero})" if any(map(_item_later, table.columns.values())) else ""
    within = derived.within and (dates[0], cohort.frame[derived.within.start], derived.within.days)
    levels = {column: (held,) if isinstance(held, str) else tuple(held) for column, held in derived.where.items()}
    counted = chosen(placed(rows, cohort.frame.index), levels, within or None)
    begun = from_when.reindex(cohort.frame.index).to_numpy()[counted.placed.patient]
    after = counted.counts & (counted.placed.frame[dates].min(axis=1).to_numpy() > begun)
    late = len(np.unique(counted.placed.patient[after]))
    return f"is made from {called} after time zero ({zero}) in {late} of {len(from_when)} patients" if late else ""


def _sources(cohort: Cohort, derived: DerivedPlan) -> Iterator[str]:
    """The patient's columns that a derived column is made from; an interval without disease is known once its end, the diagnosis, is."""
    yield from derived.columns
    if derived.formula:
        yield from (name for part, name in inputs_of(derived, cohort.plan).items()
                    if (derived.formula, part) != ("disease_free_interval", "primary_resection_date"))  # fmt: skip


def _stated(cohort: Cohort, column: str) -> bool:
    plan = cohort.plan
    declared, derived = plan.columns.get(column), plan.derived.get(column)
    if column in ("setting", plan.cohort.setting_column, plan.cohort.centre) or known_dates(plan, column):
        return True
    if derived is not None:
        sources = (name for name in _sources(cohort, derived) if plan.kinds.get(name) != "date")
        return derived.table is not None or all(_stated(cohort, name) for name in sources)
    return declared is not None and (declared.known is not None or declared.item is not None)


def unstated_note(cohort: Cohort, columns: Iterable[str], endpoint: str | None = None) -> str:
    """The note about columns of which the plan does not say when they are known, or beside which a later date stands; nothing when there are none.

    endpoint : whose time zero a date is later than; without it, one later than every time zero of the plan.
    """
    columns = list(columns)
    left = unstated(cohort, columns)
    said = "" if not left else (
        f"The plan does not say when {listed([cohort.plan.label(name) for name in left])} {'is' if len(left) == 1 else 'are'} known: "
        f'taken as known at time zero. Write known = "baseline" under {listed([f"[columns.{name}]" for name in left])} if so.')  # fmt: skip
    return " ".join(filter(None, [said, beside_note(cohort, columns, endpoint)]))


def beside_note(cohort: Cohort, columns: Iterable[str], endpoint: str | None = None) -> str:
    """The note about columns taken as known at time zero whose level goes with a date after it: nearly all with it have the date, hardly another."""
    said = []
    zeros = [endpoint] if endpoint is not None else list(cohort.plan.endpoints)
    starts = [start for name in zeros if (start := observed_from(cohort, name)) is not None and len(start)]
    if not starts:
        return ""
    zero = pd.concat(starts, axis=1).max(axis=1).reindex(cohort.frame.index)
    for column in dict.fromkeys(columns):
        if column == "setting" or column == cohort.plan.cohort.setting_column or known_dates(cohort.plan, column):
            continue
        found = _date_beside(cohort, column, zero)
        if found is None:
            continue
        date, agree, late = found
        label, called = cohort.plan.label(column), cohort.plan.label(date)
        derived = column in cohort.plan.derived
        cure = f'make it take = "any" of that date under [derived.{column}]' if derived else f'write known = "{date}" under [columns.{column}]'
        said.append(f'{label} is taken as known at time zero, but the date {called} is given in {agree}, and in {late} patients it '
                    f"lies after time zero. If {label} is so only since then, its hazard ratio is flattered by immortal time: {cure}.")  # fmt: skip
    return " ".join(said)


def _date_beside(cohort: Cohort, column: str, zero: pd.Series) -> tuple[str, str, int] | None:
    """A date given in nearly all with one level (or with any other) and hardly anybody else, after time zero in some: date, in whom, how many late."""
    known = cohort.frame[column].astype(object).dropna()
    levels = list(dict.fromkeys(known))
    if not 2 <= len(levels) <= MANY_LEVELS:
        return None
    groups = [(known == level, f'with "{level}"') for level in levels]
    groups += [(known != level, f'with another than "{level}"') for level in levels if len(levels) > 2]
    for date in (name for name, kind in cohort.plan.kinds.items() if kind == "date" and name in cohort.frame.columns):
        day = cohort.frame.loc[known.index, date]
        given = day.notna()
        late = int((given & (day > zero.loc[known.index])).sum())
        if given.sum() < FEW_DATES or not late:
            continue
        for own, words in groups:
            both, either = int((own & given).sum()), int((own | given).sum())
            if either < len(known) and both >= NEARLY * either:
                return date, f"{both} of the {int(own.sum())} {words} and in {int(given.sum()) - both} others", late
    return None
