"""When each of the two treatments was begun, and which of them is what patients have until then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed
from haip_outcomes.prognosis.baseline.known_at import known_since, level_before
from haip_outcomes.prognosis.treatments.treatment_choice import TreatmentChoice, texts_of
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.registry.endpoints import DAYS_A_MONTH
from haip_outcomes.registry.planning.factor_rules import known_dates

SAME_DAY = 1e-6  # months; dates are whole days


@dataclass(frozen=True, eq=False)
class Begun:
    """The date on which each patient's treatment was begun.

    `columns` are the date columns, of which the earliest counts; `resting` the level that patients have until a date, and so without one,
    if it is one of the two compared; `before` the level that the plan names, or takes, for until then; `promised`: the plan says
    known = "baseline", and the date is the pump's.
    """

    since: pd.Series
    columns: tuple[str, ...]
    called: str
    resting: str | None
    before: str | None
    promised: bool
    of_plan: bool  # the treatment's own date, by `known`

    def wait(self, cohort: Cohort, start: str) -> pd.Series:
        """Months from time zero to the beginning, of the patients of `cohort`; missing without a date."""
        return (self.since.loc[cohort.frame.index] - cohort.frame[start]).dt.days / DAYS_A_MONTH


def treatment_dates(cohort: Cohort, choice: TreatmentChoice, started: str | None) -> Begun | None:
    """The dates as the plan says (`known`), as asked (`started`), or the pump's for a pump; None when nobody knows.

    Raises
    ------
    EndpointError : `started` is no date column, or says another day than the plan's own date.
    """
    plan = cohort.plan
    dates = [name for name, kind in plan.kinds.items() if kind == "date" and name in cohort.frame.columns]
    if started is not None and started not in dates:
        raise EndpointError(f'started="{started}" is not a date column of the plan. {did_you_mean(started, dates)}')
    known, since = known_dates(plan, choice.treatment), known_since(cohort, choice.treatment)
    if since is not None:
        if started is not None:
            _refuse_contradiction(cohort, choice, started, known, since)
        before = level_before(cohort, choice.treatment)
        return _begun(cohort, choice, since, known, before, said=plan.columns[choice.treatment].before, of_plan=True)
    columns = (started,) if started is not None else _pump_date(cohort, choice, dates)
    if not columns:
        return None
    declared = plan.columns.get(choice.treatment)
    promised = started is None and declared is not None and declared.known == "baseline"
    before = "comparator" if choice.treatment == "setting" else None
    return _begun(cohort, choice, cohort.frame[columns[0]], columns, before, said=before, promised=promised)


def counted_before(cohort: Cohort, endpoint: str, choice: TreatmentChoice, begun: Begun | None, landmark: float | None) -> pd.Index:
    """Patients with a third level who, at time zero or the landmark, still had the level until then, which is one of the two compared.

    To leave them out would take from that group those who lived long enough to get the third.
    """
    plan = cohort.recipe(endpoint).plan
    if begun is None or choice.treatment == "setting" or begun.before is None or begun.before != begun.resting or not plan.from_dates:
        return cohort.frame.index[:0]
    texts = texts_of(cohort.frame[choice.treatment])
    third = texts.notna() & ~texts.isin(choice.names)
    return cohort.frame.index[(third & (begun.wait(cohort, plan.start) > (landmark or 0.0) + SAME_DAY)).to_numpy(dtype=bool)]


def _begun(cohort: Cohort, choice: TreatmentChoice, since: pd.Series, columns: tuple[str, ...], before: str | None, *, said: str | None,
           promised: bool = False, of_plan: bool = False) -> Begun:  # fmt: skip
    """With the level that rests: the one the plan names, else the first level (the control) if none of its patients has a date."""
    resting = said
    if said is None:
        candidate = before if before is not None else choice.control
        texts = texts_of(cohort.frame[choice.treatment])
        resting = None if since[(texts == candidate).to_numpy(dtype=bool)].notna().any() else candidate
    called = listed([cohort.plan.label(name) for name in columns], "or")
    return Begun(since, columns, called, resting if resting in choice.names else None, before, promised, of_plan)


def _refuse_contradiction(cohort: Cohort, choice: TreatmentChoice, started: str, known: tuple[str, ...], since: pd.Series) -> None:
    texts = texts_of(cohort.frame[choice.treatment])
    other = cohort.frame[started]
    apart = texts.isin(choice.names) & (other != since) & ~(other.isna() & since.isna())
    if apart.any():
        called = listed([cohort.plan.label(name) for name in known], "or")
        raise EndpointError(f'started="{started}" says another day than the plan in {int(np.sum(apart))} of {int(texts.isin(choice.names).sum())} patients: by the plan '
                            f"{choice.label} is known since {called}. Leave started out, or correct known under [columns.{choice.treatment}].")  # fmt: skip


def _pump_date(cohort: Cohort, choice: TreatmentChoice, dates: list[str]) -> tuple[str, ...]:
    about = " ".join((choice.treatment, choice.label, choice.treated)).casefold()
    if choice.treatment != "setting" and "pump" not in about and "haip" not in about:
        return ()
    items = [name for name, column in cohort.plan.columns.items() if column.item == "pump_date" and name in dates]
    return (items[0],) if items else ("pump_date",) if "pump_date" in dates else ()
