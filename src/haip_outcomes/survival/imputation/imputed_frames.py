"""What an imputation gives: the completed frames, how much was missing and where, and how the chains ran."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed
from haip_outcomes.survival.imputation.incomplete_columns import METHODS, Column
from haip_outcomes.survival.results import frame_of, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent


@dataclass(frozen=True, eq=False, repr=False)
class Imputed:
    """Completed copies of a frame. `imputed[i]` is one of them; `for one in imputed` goes through all; `len(imputed)` says how many.

    Attributes
    ----------
    frame : the original, with the rows of the times, in their order.
    tte : the times that stand in every imputation model.
    columns : the columns of the imputation model.
    values : incomplete column -> what was drawn for those who lack it, (imputations, missing): numbers, or level numbers.
    means, deviations : incomplete column -> of the values drawn, (rounds, imputations, 1) for `trace()`; of three levels or more
        (rounds, imputations, levels).
    rounds : of the chained equations.
    warnings : sentences to be read with the numbers.
    method : the sentence the imputation writes about itself.
    """

    frame: pd.DataFrame
    tte: TimeToEvent
    columns: tuple[Column, ...]
    values: dict[str, np.ndarray]
    means: dict[str, np.ndarray]
    deviations: dict[str, np.ndarray]
    rounds: int
    warnings: tuple[str, ...]
    method: str

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def __getitem__(self, i: int) -> pd.DataFrame:
        if not isinstance(i, (int, np.integer)):
            raise EndpointError(f"imputed[i] takes the number of one imputation, from 0 to {len(self) - 1}; got {i!r}.")
        if not -len(self) <= i < len(self):
            raise IndexError(f"there are {len(self)} imputations, numbered from 0; got {i}")
        filled = self.frame.copy()
        for column in self.incomplete:
            filled[column.name] = _filled(self.frame[column.name], column, self.values[column.name][i])
        return filled

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return (self[i] for i in range(len(self)))

    @cached_property
    def frames(self) -> tuple[pd.DataFrame, ...]:
        """All completed frames at once."""
        return tuple(self)

    @property
    def incomplete(self) -> tuple[Column, ...]:
        """The columns that were imputed."""
        return tuple(column for column in self.columns if column.method)

    def patterns(self) -> pd.DataFrame:
        """Which values are missing together: a row a pattern, the most frequent first.

        Columns: n, n_event (of any kind), n_missing (columns without a value), share (of all patients), without (the names of those columns;
        empty for complete patients), and a column for each incomplete variable: is it known? Equals mice's `md.pattern`.
        """
        known = pd.DataFrame({column.name: ~column.missing for column in self.incomplete})
        event = pd.Series((self.tte.state > 0).astype(int))
        found = event.groupby([known[name] for name in known.columns]).agg(["size", "sum"]).reset_index()
        flags = found[list(known.columns)]
        lacking = (~flags.to_numpy(dtype=bool)).sum(axis=1)
        without = [", ".join(name for name in flags.columns if not row[name]) for _, row in flags.iterrows()]
        made = frame_of({"n": found["size"].to_numpy(), "n_event": found["sum"].to_numpy(), "n_missing": lacking,
                         "share": found["size"].to_numpy() / len(self.frame), "without": without})  # fmt: skip
        made = pd.concat([made, flags.astype(bool)], axis=1)
        return made.sort_values(["n", "n_missing", "without"], ascending=[False, True, True]).reset_index(drop=True)

    def tidy(self) -> pd.DataFrame:
        """What was imputed beside what was known: a row a number, a row a level.

        Columns: term, level, n (who have a value), n_missing, observed and imputed (means; of levels, shares; imputed over all imputations), std_observed and
        std_imputed (standard deviations of numbers), method. They may differ for good reason: those who lack a value are other patients.
        """
        rows = []
        for column in self.incomplete:
            known, drawn = column.values[~column.missing], self.values[column.name]
            first = {"term": column.name, "n": len(known), "n_missing": drawn.shape[1], "method": METHODS[column.method]}
            if not column.levels:
                rows.append({**first, "level": None, "observed": known.mean(), "imputed": drawn.mean(), "std_observed": known.std(ddof=1),
                             "std_imputed": drawn.std(ddof=1)})  # fmt: skip
            for k, text in enumerate(column.texts):
                rows.append({**first, "level": text, "observed": (known == k).mean(), "imputed": (drawn == k).mean(), "std_observed": np.nan,
                             "std_imputed": np.nan})  # fmt: skip
        names = ["term", "level", "n", "n_missing", "observed", "imputed", "std_observed", "std_imputed", "method"]
        return pd.DataFrame(rows)[names]

    def trace(self) -> pd.DataFrame:
        """Mean and standard deviation of the values imputed, by round: what shows whether the chains have settled and mix.

        Columns: term, level, round (from 1), imputation (from 0), mean, std (NaN where one value is missing). Of two levels the mean is the share of the second, of more
        there is a row a level. Chains have settled when the means no longer drift with the rounds and different imputations cross.
        Equals mice's `chainMean` and the root of `chainVar`.
        """
        parts = []
        for column in self.incomplete:
            mean, std = self.means[column.name], self.deviations[column.name]
            levels = column.texts[1:] if len(column.levels) == 2 else column.texts or (None,)
            mean, std = (each.reshape(self.rounds, len(self), len(levels)) for each in (mean, std))
            at, which, level = np.indices(mean.shape).reshape(3, -1)
            parts.append(pd.DataFrame({"term": column.name, "level": np.array(levels, dtype=object)[level], "round": at + 1, "imputation": which,
                                       "mean": mean.ravel(), "std": std.ravel()}))  # fmt: skip
        return pd.concat(parts, ignore_index=True)

    def __repr__(self) -> str:
        told = [f"{column.name} {int(column.missing.sum())}" for column in self.incomplete]
        return "\n".join([f"{len(self)} imputations of {len(self.frame)} patients, {self.rounds} rounds; missing: {listed(told)}",
                          *(f"  Note: {warning}" for warning in self.warnings)])  # fmt: skip

    def _repr_html_(self) -> str:
        return shown_as_html("Imputed values", self.tidy(), " ".join([f"{self.method}.", *self.warnings]))


def _filled(series: pd.Series, column: Column, drawn: np.ndarray) -> pd.Series:
    """A column with its gaps filled, of its own kind: levels stay levels, true stays true, whole numbers stay whole."""
    rows = np.flatnonzero(column.missing)
    if column.levels:
        fill: list[Any] = [column.levels[int(k)] for k in drawn]
    else:
        fill = drawn.tolist()
        whole = pd.api.types.is_integer_dtype(series.dtype) and not all(float(value).is_integer() for value in fill)
        if series.dtype == object or whole:  # an integer column drawn from a line becomes one of fractions
            kept = series.to_numpy(dtype=float, na_value=np.nan)
            series = pd.Series(kept, index=series.index, name=series.name, dtype="Float64" if whole else float)
    filled = series.copy()
    filled.iloc[rows] = pd.Series(fill, index=filled.index[rows], dtype=filled.dtype)
    if filled.dtype == object and pd.api.types.infer_dtype(filled) == "boolean":
        return filled.astype(bool)
    return filled
