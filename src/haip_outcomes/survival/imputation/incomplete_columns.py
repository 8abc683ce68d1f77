"""The columns of an imputation model: what they hold, who lacks a value, and what each is as a predictor of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, FitError, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.counts import risk_sets
from haip_outcomes.survival.covariates.coding import observed
from haip_outcomes.survival.time_to_event import TimeToEvent, level_text

MOST_LEVELS = 20
METHODS = {"pmm": "predictive mean matching", "linear": "Bayesian linear regression", "logistic": "logistic regression",
           "polytomous": "multinomial logistic regression"}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Column:
    """A column of the imputation model. Levels are numbered from 0, of those that somebody has; a number with two values is two levels."""

    name: str
    values: np.ndarray  # (n,) numbers or level numbers; NaN where missing
    levels: tuple[Any, ...]  # what each level number stands for; empty for numbers
    texts: tuple[str, ...]  # and how it reads
    ordered: bool
    method: str  # "" if nothing is missing

    @property
    def missing(self) -> np.ndarray:
        """Who lacks a value, (n,)."""
        return np.isnan(self.values)

    @property
    def width(self) -> int:
        """Its columns as a predictor."""
        return max(1, len(self.levels) - 1)

    def predictors(self, values: np.ndarray) -> np.ndarray:
        """Completed values (m, n) as predictors (m, n, width): centred and scaled numbers, or a centred and scaled 0/1 for each level but the first."""
        known = self.values[~self.missing]
        if not self.levels:
            return ((values - known.mean()) / known.std())[:, :, None]
        share = np.bincount(known.astype(np.int64), minlength=len(self.levels))[1:] / len(known)
        has = values[:, :, None] == np.arange(1, len(self.levels))
        return (has - share) / np.sqrt(share * (1 - share))


def columns_of(frame: pd.DataFrame, names: Sequence[str] | None, methods: Mapping[str, str] | None) -> tuple[Column, ...]:
    """The columns of a frame, each with its method; everything that can't be imputed from is refused, all at once."""
    chosen = list(frame.columns) if names is None else [names] if isinstance(names, str) else list(names)
    asked = dict(methods or {})
    faults = []
    for name in [*chosen, *asked]:
        if name not in frame.columns:
            faults.append(f'There is no column "{name}". {did_you_mean(str(name), map(str, frame.columns))}')
        elif not isinstance(name, str):
            faults.append(f"The name of a column must be text, and {name!r} is not: rename it.")
        elif isinstance(frame[name], pd.DataFrame):
            faults.append(f'There are several columns "{name}": rename or drop all but one.')
        elif name not in chosen:
            faults.append(f'methods names "{name}", which is not among the columns of the imputation.')
    if len(set(chosen)) < len(chosen):
        faults.append(f"A column is named twice: {listed([str(name) for name in dict.fromkeys(chosen) if chosen.count(name) > 1])}.")
    if not chosen:
        faults.append("No columns: name those that are to be imputed, and those that tell something of them.")
    if faults:
        raise EndpointError(" ".join(dict.fromkeys(faults)))
    found = []
    for name in chosen:
        try:
            found.append(_column(frame[name], name, asked.get(name)))
        except (EndpointError, FitError) as fault:
            faults.append(str(fault))
    if faults:
        raise EndpointError(" ".join(faults))
    return tuple(found)


def _column(series: pd.Series, name: str, asked: str | None) -> Column:
    if series.isna().all():
        raise EndpointError(f'"{name}" has no value in any of {plural(len(series), "row")}: nothing can be learnt of it. Leave it out of the columns.')
    held = observed(series, name)
    levels: tuple[Any, ...] = ()
    ordered = False
    if isinstance(held, pd.Categorical):
        present = np.flatnonzero(np.bincount(held.codes[held.codes >= 0], minlength=len(held.categories)))
        values = np.full(len(held), np.nan)
        known = held.codes >= 0
        values[known] = np.searchsorted(present, held.codes[known])
        levels, ordered = tuple(held.categories[present]), bool(held.ordered)
        if len(levels) > MOST_LEVELS:
            raise EndpointError(f'"{name}" has {len(levels)} levels, more than the {MOST_LEVELS} that can be imputed or imputed from; if it is a key, a name or a '
                                "remark, leave it out of the columns, else join levels.")  # fmt: skip
    else:
        values = np.array(held, dtype=float)
        different = np.unique(values[~np.isnan(values)])
        if len(different) == 2:
            levels = tuple(different.tolist())
            values = np.where(np.isnan(values), np.nan, (values == different[1]).astype(float))
    known = values[~np.isnan(values)]
    if (known == known[0]).all():
        only = level_text(levels[0] if levels else known[0])
        raise EndpointError(f'"{name}" is {only} wherever it is known: a constant tells nothing, and what is missing can\'t be told. Leave it out of the columns.')
    fitting = {"pmm", "linear"} if not levels else {"logistic", "pmm"} if len(levels) == 2 else {"polytomous", "pmm"} if ordered else {"polytomous"}
    default = "pmm" if not levels or (ordered and len(levels) > 2) else "logistic" if len(levels) == 2 else "polytomous"
    if asked is not None and asked not in fitting:
        kind = "numbers" if not levels else "two levels" if len(levels) == 2 else f"{len(levels)} {'ordered ' if ordered else ''}levels"
        raise EndpointError(f'"{name}" holds {kind} and can\'t be imputed by {asked!r}: choose {listed([repr(one) for one in sorted(fitting)], "or")}.')
    method = (asked or default) if np.isnan(values).any() else ""
    return Column(name, values, levels, tuple(level_text(level) for level in levels), ordered, method)


def outcome_predictors(tte: TimeToEvent) -> tuple[np.ndarray, tuple[str, ...]]:
    """The outcome as predictors (n, 2K), scaled, with their names: whether each event happened, and its cumulative hazard until then.

    The Nelson-Aalen estimate H_k(exit) - H_k(entry) of each cause k. An event that nobody had, or all had, is left out.
    """
    counted = risk_sets(tte)[0]
    at_risk, events = counted.at_events()
    hazard = np.cumsum(events / at_risk, axis=1).T
    own = counted.value_at(hazard, tte.time, 0.0)
    if tte.entry is not None:
        own = own - counted.value_at(hazard, tte.entry, 0.0)
    found, names = [], []
    for k, cause in enumerate(tte.states):
        for values, what in ((tte.state == k + 1).astype(float), f"event {cause}"), (own[:, k], f"cumulative hazard of {cause}"):
            if values.std() > 0:
                found.append((values - values.mean()) / values.std())
                names.append(what)
    return np.array(found).reshape(len(found), len(tte)).T, tuple(names)
