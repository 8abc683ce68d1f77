"""What a reference model asks of a cohort: its outcome, its covariates and its groups, each refused by name when it is not there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.conventions import time_zero_codes
from haip_outcomes.errors import EndpointError, HaipError, did_you_mean
from haip_outcomes.formatting import plural
from haip_outcomes.programme.safety_and_delivery import applicable, level_count
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.survival.covariates.coding import gaps, observed, rows_told
from haip_outcomes.survival.covariates.design_matrix import Design
from haip_outcomes.survival.ranking import SAME_TIME
from haip_outcomes.survival.time_to_event import TimeToEvent, level_text


@dataclass(frozen=True, eq=False)
class Asked:
    """An outcome of a cohort: times, or who had it (`outcome`, of those for whom it is known)."""

    label: str
    event: str
    index: pd.Index
    tte: TimeToEvent | None = None
    outcome: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))
    cause: str | None = None
    definition: str = ""
    notes: tuple[str, ...] = ()


def asked_of(cohort: Cohort, name: str, cause: str | None, kind: str | None) -> Asked:
    """The endpoint or the [programme] entry of this name."""
    if not isinstance(name, str):
        raise EndpointError(f'outcome must be the name of an endpoint or of a [programme] entry, such as "os"; got {name!r}.')
    if name in cohort.plan.endpoints and kind != "probability":
        tte = cohort.endpoint(name)
        if tte.id is not None and tte.n < len(tte):
            raise EndpointError("A reference model takes one row a patient.")
        if cause is not None and len(tte.states) > 1:
            tte = tte.only(cause)
        elif cause is not None:
            if cause != tte.states[0]:
                raise EndpointError(f'"{name}" counts one kind of event, {tte.states[0]}, and "{cause}" is another: leave cause out, or name an endpoint that counts it.')
            cause = None
        tte.single("a reference model without a cause")
        out = len(cohort) - len(tte)
        notes = (f"{plural(out, 'patient')} without a time zero left out.",) if out else ()
        return Asked(tte.label or name, tte.states[0], tte.index, tte, cause=cause, notes=notes)
    if name in cohort.plan.programme and kind != "hazard":
        item = cohort.plan.programme[name]
        if item.column is None:
            raise EndpointError(f'"{name}" is a time between two dates, and a reference model takes an endpoint, or an entry of [programme] that counts '
                                "a level of a column.")  # fmt: skip
        if cause is not None:
            raise EndpointError(f'"{name}" is yes or no and has no competing events: leave cause out.')
        eligible = applicable(cohort, name)
        if eligible is None:
            raise EndpointError(f"{item.label} applies to none of these patients.")
        column = eligible[item.column]
        unknown = level_count(column, item.level).missing
        known = column.dropna()
        outcome = (known.astype(str) == item.level).astype(float)
        notes = (f"{plural(unknown, 'patient')} for whom {item.label} is not known left out.",) if unknown else ()
        return Asked(item.label, item.level, outcome.index, outcome=outcome, definition=item.definition, notes=notes)
    where = {"hazard": "endpoint", "probability": "[programme] entry", None: "endpoint or [programme] entry"}[kind]
    known_names = [*(cohort.plan.endpoints if kind != "probability" else ()), *(cohort.plan.programme if kind != "hazard" else ())]
    raise EndpointError(f'The plan has no {where} "{name}". {did_you_mean(name, known_names)}')


def cut_at(tte: TimeToEvent, horizon: float) -> TimeToEvent:
    """Follow-up up to a horizon, where who is still followed becomes censored; who had not entered by then is left out."""
    kept = tte if tte.entry is None else tte.take(tte.entry < horizon)
    late = kept.time > horizon * (1 + SAME_TIME)
    return replace(kept, time=np.where(late, horizon, kept.time), state=np.where(late, 0, kept.state)) if late.any() else kept


def read_covariates(frame: pd.DataFrame, coding: Design, missing: Literal["raise", "complete-case"]) -> tuple[pd.DataFrame, dict[str, int]]:
    """The patients with all covariates of the model, and how many were left out for which; raises all problems at once."""
    if missing not in ("raise", "complete-case"):
        raise EndpointError(f'missing must be "raise" or "complete-case"; got {missing!r}.')
    problems, left_out = [], {}
    kept = np.ones(len(frame), dtype=bool)
    for coder in coding.coding:
        if coder.name not in frame.columns:
            problems.append(f'there is no column "{coder.name}" ({did_you_mean(coder.name, map(str, frame.columns)).rstrip(".")})')
            continue
        try:
            gone = gaps(observed(frame[coder.name], coder.name))
            if gone.any() and missing == "raise":
                problems.append(f'"{coder.name}" is missing in {rows_told(frame.index, gone)} (missing="complete-case" leaves them out)')
            fresh = int((kept & gone).sum())
            if fresh:
                left_out[f"without {coder.name}"] = fresh
            kept &= ~gone
            if not gone.all():
                coder.read(frame.loc[~gone, coder.name])
        except HaipError as error:
            problems.append(str(error).rstrip("."))
    if problems:
        end = "" if problems[-1].endswith("?") else "."
        raise EndpointError(f"The reference model can't be used on these patients: {'; '.join(problems)}{end} Nothing is guessed.")
    if not kept.any():
        raise EndpointError("No patient has all covariates of the reference model.")
    return frame[kept], left_out


def group_codes(cohort: Cohort, by: Any, index: pd.Index) -> tuple[np.ndarray, list[str]]:
    """The group of each of these patients, and the groups' names in order."""
    if by is None:
        return np.zeros(len(index), dtype=np.int64), [""]
    if not isinstance(by, (str, pd.Series, pd.Index, pd.Categorical, np.ndarray, list, tuple)) or np.ndim(by) > 1:
        raise EndpointError(f"by must be a column's name, or a value for each patient (a Series, array or list); it is a {type(by).__name__}.")
    values = cohort[by] if isinstance(by, str) else by
    if isinstance(values, pd.Series) and not values.index.is_unique:
        raise EndpointError("by has an index with duplicates: give it the index of cohort.frame.")
    if not isinstance(values, pd.Series):
        if len(values) != len(cohort):
            raise EndpointError(f"by must be a column's name, or a value for each of the {plural(len(cohort), 'patient')}; it has {len(values)}.")
        values = pd.Series(list(values), index=cohort.frame.index, dtype=object)
    absent = ~index.isin(values.index)
    if absent.any():
        raise EndpointError(f"by has no value for {rows_told(index, absent)}: give it the index of cohort.frame.")
    values = values.reindex(index)
    if values.isna().any():
        raise EndpointError(f"by is missing for {rows_told(index, values.isna().to_numpy())}: leave these patients out with a reason first.")
    texts = values.map(level_text).astype(str)
    blank = texts.str.strip() == ""
    if blank.any():
        raise EndpointError(f"by is an empty text for {rows_told(index, blank.to_numpy())}: name the group, or leave these patients out with a reason first.")
    names = sorted(texts.unique())
    return np.searchsorted(np.array(names, dtype=object), texts.to_numpy(dtype=object)), names


def same_zero(one: str, other: str) -> bool:
    """Whether two descriptions of time zero say the same day: the same words, or the same and only meaning known to the package."""
    if " ".join(one.casefold().split()) == " ".join(other.casefold().split()):
        return True
    mine, theirs = time_zero_codes(one), time_zero_codes(other)
    return len(mine) == 1 and mine == theirs
