"""How fast a centre sees patients, and how long after the last one it has looked: from the dates in its file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, number, plural
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.registry.endpoints import DAYS_A_MONTH
from haip_outcomes.registry.planning.parts import SETTINGS

PUMPS = ("adjuvant", "unresectable")


@dataclass(frozen=True)
class Accrual:
    """So many patients over so many months, from the first to the last; `follow_up` is how long after the last the file ends."""

    n: int
    months: float
    follow_up: float
    since: str

    @property
    def per_month(self) -> float:
        """Patients a month: gaps between patients over the time they took."""
        return (self.n - 1) / self.months

    @property
    def words(self) -> str:
        """The rate in words: "34 patients in 61 months"."""
        return f"{plural(self.n, 'patient')} in {number(self.months, 0)} months"


def patients_of(cohort: Cohort, group: str) -> Cohort:
    """The patients of a comparison's group: a setting, or adjuvant and unresectable ones together."""
    if group in cohort.settings:
        return cohort.setting(group)
    lacking = [name for name in ([group] if group in SETTINGS else PUMPS) if name not in cohort.settings]
    if lacking:
        raise EndpointError(f"The cohort has no {listed(lacking, 'or')} patients: give the cohort that was compared.")
    together = cohort.frame["setting"].astype(str).isin(PUMPS)
    return cohort if together.all() else cohort.where(together, because="comparator patients")


def accrual(part: Cohort, figure: PublishedFigure) -> Accrual | None:
    """The accrual of these patients, or None where the plan has no date from which they are counted (or fewer than two dates)."""
    column = _start(part, figure)
    if column is None:
        return None
    dates = part[column].dropna()
    months = (dates.max() - dates.min()).days / DAYS_A_MONTH if len(dates) > 1 else 0.0
    if months <= 0:
        return None
    return Accrual(len(dates), months, _looked_after(part, dates.max()), part.plan.label(column))


def _start(part: Cohort, figure: PublishedFigure) -> str | None:
    """The column of the date from which time is counted: the figure's own days, else survival, else any endpoint made from dates."""
    entry = part.plan.programme.get(figure.endpoint)
    endpoints = part.plan.endpoints
    names = [name for name in ("os", *endpoints) if name in endpoints and endpoints[name].from_dates]
    found = [entry.start if entry else None, *(endpoints[name].start for name in names)]
    return next((name for name in found if name and pd.api.types.is_datetime64_any_dtype(part[name])), None)


def _looked_after(part: Cohort, last: pd.Timestamp) -> float:
    """Months from the last patient's start to the end of anybody's follow-up, 0 if none."""
    ends = []
    for name, endpoint in part.plan.endpoints.items():
        if endpoint.from_dates:
            try:
                tte = part.endpoint(name)
            except EndpointError:
                continue
            start = part[endpoint.start].reindex(tte.index)
            ends.append((start + pd.to_timedelta(np.asarray(tte.time) * DAYS_A_MONTH, unit="D")).max())
    return max(0.0, (max(ends) - last).days / DAYS_A_MONTH) if ends else 0.0
