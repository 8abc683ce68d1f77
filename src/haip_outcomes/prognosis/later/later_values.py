"""What a column that is known later holds at any time: the level before its date, the value from its date on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from haip_outcomes.errors import CohortError, EndpointError, Problem
from haip_outcomes.formatting import listed
from haip_outcomes.prognosis.baseline.known_at import known_since, level_before, observed_from
from haip_outcomes.registry.endpoints import DAYS_A_MONTH
from haip_outcomes.registry.planning.factor_rules import known_dates
from haip_outcomes.survival.time_to_event import TimeToEvent

if TYPE_CHECKING:
    from haip_outcomes.registry.cohort import Cohort

SAME = 1e-6  # months; dates are whole days, a thirtieth of a month, so nearer times are the same day


@dataclass(frozen=True, eq=False)
class Later:
    """One column known later, of the patients of an endpoint: arrays (n,) in their order.

    `since` is when the value became known, in months from time zero (infinite where no date says so, negative before time zero);
    `before` the level until then, None of a number, which has no value before its date.
    """

    column: str
    label: str
    values: pd.Series
    since: np.ndarray
    before: str | None

    @property
    def changes(self) -> np.ndarray:
        """True for patients whose date brings another value than the one before."""
        given = self.values.notna().to_numpy() & np.isfinite(self.since)
        return given if self.before is None else given & (self.values.astype(object) != self.before).to_numpy()

    def at(self, patients: np.ndarray, times: np.ndarray) -> pd.Series:
        """What is known of these patients (positions) at these times: on the day itself the value is known.

        A category's value is missing where it is not known what it became; a number's where its date has not come.
        """
        return self._held(patients, self.since[patients] <= np.asarray(times) + SAME)

    def by(self, at: float, tte: TimeToEvent) -> pd.Series:
        """What is known of each patient by a landmark: on the day itself the value is known, but of those whose follow-up ends on that very day.

        A change on the day of the event comes too late for it, as it does over time: who dies on the landmark's day on the table is not
        one of the converted.
        """
        return self._held(np.arange(len(tte)), (self.since <= at + SAME) & (self.since < tte.time - SAME))

    def _held(self, patients: np.ndarray, come: np.ndarray) -> pd.Series:
        values = self.values.iloc[patients].reset_index(drop=True)
        if self.before is None:
            return values.where(come)
        return values.where(come | values.isna().to_numpy(), self.before)


def later_columns(cohort: Cohort, endpoint: str, columns: Sequence[str], tte: TimeToEvent) -> list[Later]:
    """Columns with their dates, for the patients of an endpoint.

    Raises
    ------
    EndpointError : a column without a date since when it is known; an endpoint kept as times, which no date can be placed in.
    CohortError : a value other than the one before, without its date: a problem a column, with its rows.
    """
    without = [name for name in columns if not known_dates(cohort.plan, name)]
    if without:
        raise EndpointError(" ".join(_undeclared(cohort, name) for name in without))
    start = observed_from(cohort, endpoint)
    recipe = cohort.recipe(endpoint)
    if start is None:
        which = listed([cohort.plan.label(name) for name in columns])
        raise EndpointError(f"{recipe.plan.label} is kept as times without the date of time zero, so the date since when {which} is known has no "
                            "place in it: give the endpoint date columns (start, last_seen, events).")  # fmt: skip
    zero = cohort.frame[recipe.plan.start].loc[tte.index]
    found, problems = [], []
    for name in columns:
        values, day = cohort.frame[name].loc[tte.index], known_since(cohort, name).loc[tte.index]  # type: ignore[union-attr]
        since = ((day - zero).dt.days / DAYS_A_MONTH).fillna(np.inf).to_numpy(dtype=float)
        before = level_before(cohort, name)
        if before is not None and not isinstance(values.dtype, pd.CategoricalDtype):
            values = values.astype(pd.CategoricalDtype(list(cohort.plan.columns[name].levels.values())))
        found.append(Later(name, cohort.plan.label(name), values, since, before))
        undated = values.notna() & day.isna() & (True if before is None else values.astype(object) != before)
        problems += _problems(cohort, name, before, values[undated.astype(bool)].index)
    if problems:
        raise CohortError(problems, cohort.source.name)
    return found


def known_by(cohort: Cohort, endpoint: str, column: str, at: float) -> pd.Series:
    """What was known of a column by a landmark, for those still followed then: to draw curves from a landmark on.

    Parameters
    ----------
    cohort, endpoint : as in `factors_over_time`. column : one whose plan names the date since when it is known.
    at : the landmark, in months from time zero.

    Returns
    -------
    Series named as the column is printed, with the index of `cohort.endpoint(endpoint).landmark(at)`. Who has it later counts as one who
    does not have it.

    Raises
    ------
    EndpointError, CohortError : as in `factors_over_time`.
    """
    tte = cohort.endpoint(endpoint)
    (later,) = later_columns(cohort, endpoint, [column], tte)
    present = tte.landmark(at).index
    places = tte.index.get_indexer(present)
    return later.by(at, tte).iloc[places].set_axis(present).rename(later.label)


def _undeclared(cohort: Cohort, name: str) -> str:
    label, known = cohort.plan.label(name), cohort.plan.columns[name].known
    if name in cohort.plan.derived:
        return (f'The plan names no date since when {label} is known: make it take = "any" of a date column (columns = ["the_date_column"]) '
                f"under [derived.{name}].")  # fmt: skip
    if known == "baseline":
        return f'{label} is known at time zero, says the plan (known = "baseline"): give it among terms, or use factors(...).'
    says = 'says only that it is known later (known = "later")' if known else "does not say when it is known"
    return (f'{label}: the plan {says}. Name the date since when (known = "the_date_column" under [columns.{name}], and before = "the level '
            'until then"); without dates it can\'t be analysed.')  # fmt: skip


def _problems(cohort: Cohort, name: str, before: str | None, rows: pd.Index) -> list[Problem]:
    """A value without its date, file by file."""
    places: dict[str, list[int]] = {}
    for row in rows:
        file, number = cohort.place(int(row))
        places.setdefault(file, []).append(number)
    dates = listed([f'"{date}"' for date in known_dates(cohort.plan, name)], "or")
    than = "a value" if before is None else f'a value other than "{before}"'
    advice = f"give the date in {dates}, or empty the value" if before is None else f'give the date in {dates}, or correct the value to "{before}"'
    return [Problem(file, name, tuple(numbers), than, "the date since when it is known", advice, kind="missing where needed")
            for file, numbers in places.items()]  # fmt: skip
