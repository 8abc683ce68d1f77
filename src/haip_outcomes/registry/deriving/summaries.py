"""Summaries: one value a patient from the rows of a related table, or from several columns of the patient.

What is not known is never counted as No or as 0. A row counts, does not count, or it is not known whether it does (a cell that
`where` or `within` asks for is empty). "any", "count" and "sum" are missing where such a row, or an empty cell, could change them. The
others are taken of what is known, because an empty date is how a file says that something did not happen: the rows left aside are named
in a warning where they could change the answer. The complication index is known exactly when "sum" would be, and when it is 100 whatever they hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import Problem
from haip_outcomes.registry.deriving.complication_index import MOST, index_of, weights_of
from haip_outcomes.registry.deriving.derivation import no_yes
from haip_outcomes.registry.values.file_labels import word_for_yes

Numbers = np.ndarray
_EXTREME = {"earliest": "min", "lowest": "min", "latest": "max", "highest": "max"}
COUNTED = ("any", "count")
INDEX = "complication_index"
NEVER_ROWS = ("any", "count", "sum", INDEX)  # No and 0 for a patient without rows; the others are missing


@dataclass(frozen=True, eq=False)
class Placed:
    """The rows of a related table in the order of the file, and whose each is: its position among the patients."""

    frame: pd.DataFrame
    patient: Numbers
    patients: pd.Index
    name: str  # how problems call the table


@dataclass(frozen=True, eq=False)
class Rows:
    """Which placed rows count, and of which that is not known (never both).

    `because` holds for each column that was asked where it is empty; `start` is the patients' own date that days are counted from,
    `no_start` the rows, and `no_start_of` the patients, that lack it.
    """

    placed: Placed
    counts: Numbers
    unclear: Numbers
    because: dict[str, Numbers]
    start: str = ""
    no_start: Numbers | None = None
    no_start_of: Numbers | None = None


def placed(related: pd.DataFrame, patients: pd.Index, name: str = "") -> Placed:
    """The rows under their patients; `related` has the patient's index label in its column "patient", and one without is left out."""
    position = patients.get_indexer(pd.Index(related["patient"]))
    in_order = related.index.is_monotonic_increasing
    if in_order and (position >= 0).all():
        return Placed(related, position, patients, name)
    own = np.flatnonzero(position >= 0)
    own = own if in_order else own[np.argsort(related.index.to_numpy()[own], kind="stable")]
    return Placed(related.iloc[own], position[own], patients, name)


def chosen(rows: Placed, where: dict[str, tuple[str, ...]], within: tuple[str, pd.Series, int] | None = None) -> Rows:
    """Which rows count.

    Parameters
    ----------
    where : {column: levels}; a row counts when every column holds one of its levels. An empty cell leaves it unclear, unless
        another column already says that it does not.
    within : (date column, the patients' start date, most days): from the start to so many days later, both included.
    """
    counts, refused, because = np.ones(len(rows.frame), dtype=bool), np.zeros(len(rows.frame), dtype=bool), {}
    for column, levels in where.items():
        empty, holds = rows.frame[column].isna().to_numpy(), rows.frame[column].isin(list(levels)).to_numpy()
        because[column] = empty
        counts &= holds
        refused |= ~holds & ~empty
    if within is None:
        return Rows(rows, counts, ~counts & ~refused, because)
    column, start, most = within
    starts = start.to_numpy(dtype="datetime64[ns]")
    begun = starts[rows.patient]
    since = (rows.frame[column].to_numpy(dtype="datetime64[ns]") - begun) / np.timedelta64(1, "D")
    because[column] = because.get(column, False) | rows.frame[column].isna().to_numpy()
    counts &= (since >= 0) & (since <= most)
    refused |= (since < 0) | (since > most)
    return Rows(rows, counts, ~counts & ~refused, because, str(start.name), np.isnat(begun), np.isnat(starts))


def of_rows(take: str, rows: Rows, column: str | None, by: str | None, name: str) -> tuple[Any, list[Problem]]:
    """One value a patient from the rows that count, and the warnings about those that could have changed it.

    `column` is what is taken: a number, a date, or a category in the order of its levels; of "any" and "count", a category No/Yes (in any language of
    `word_for_yes`) counts where it is Yes and another column where it holds something. `by` is the date that orders "first" and "last".
    """
    frame, patient, n = rows.placed.frame, rows.placed.patient, len(rows.placed.patients)
    if take in COUNTED:
        yes, unclear = rows.counts, rows.unclear
        because = dict(rows.because)
        if column is not None:
            happened, unknown = _happened(frame[column])
            yes, unclear = yes & happened, (unclear & (happened | unknown)) | (yes & unknown)
            because[column] = unknown
        doubtful = np.bincount(patient[unclear], minlength=n) > 0
        number = np.bincount(patient[yes], minlength=n).astype(float)
        if take == "any":
            doubtful &= number == 0
            values: Any = no_yes(number > 0, ~doubtful)
        else:
            values = np.where(doubtful, np.nan, number)
        return values, _warnings(rows, unclear & doubtful[patient], because, name, missing=True)
    if take == INDEX:
        return _complication_index(rows, str(column), name)
    cells, back = _numbers(frame[str(column)])
    empty = np.isnan(cells)
    order = np.full(len(cells), 0.0) if by is None else _numbers(frame[by])[0]
    because = {**rows.because, str(column): empty, **({by: np.isnan(order)} if by is not None else {})}
    if take == "sum":
        unclear = rows.unclear & ~(cells == 0) | (rows.counts & empty)
        doubtful = np.bincount(patient[unclear], minlength=n) > 0
        held = rows.counts & ~empty
        total = np.bincount(patient[held], weights=cells[held], minlength=n)
        return np.where(doubtful, np.nan, total), _warnings(rows, unclear, because, name, missing=True)
    usable = ~empty & ~np.isnan(order)
    taken = _taken(take, rows, cells, order, rows.counts & usable)
    lacking = (rows.counts | rows.unclear) & ~usable
    notes = []
    if rows.unclear.any() or lacking.any():
        other = _taken(take, rows, cells, order, (rows.counts | rows.unclear) & usable)
        changed = (other != taken) & ~(np.isnan(other) & np.isnan(taken))
        notes = _warnings(rows, (rows.unclear & usable & changed[patient]) | lacking, because, name, missing=False)
    if take in ("first", "last"):
        notes += _same_day(take, rows, cells, order, rows.counts & usable, str(column), str(by), name)
    return back(taken), notes


def _complication_index(rows: Rows, column: str, name: str) -> tuple[Numbers, list[Problem]]:
    """The comprehensive complication index of the rows that count; missing too where days can't be counted because the start is missing."""
    weights, patient, n = weights_of(rows.placed.frame[column]), rows.placed.patient, len(rows.placed.patients)
    empty = np.isnan(weights)
    held = rows.counts & ~empty
    total = np.bincount(patient[held], weights=weights[held], minlength=n)
    unclear = (rows.unclear | (rows.counts & empty)) & (total < MOST)[patient]
    values = index_of(total, np.bincount(patient[unclear], minlength=n) > 0)
    if rows.no_start_of is not None:
        values = np.where(rows.no_start_of, np.nan, values)  # who had no operation has no index after it, not 0
    return values, _warnings(rows, unclear, {**rows.because, column: empty}, name, missing=True)


def of_columns(take: str, frame: pd.DataFrame, name: str) -> tuple[Any, list[Problem]]:
    """One value a patient from several columns: as `of_rows`; "first" and "last" go by the order in which the columns are listed."""
    if take in COUNTED:
        pairs = [_happened(frame[column]) for column in frame]
        number = np.sum([happened for happened, _ in pairs], axis=0, dtype=float)
        doubtful = np.any([unknown for _, unknown in pairs], axis=0)
        if take == "any":
            doubtful &= number == 0
        values: Any = no_yes(number > 0, ~doubtful) if take == "any" else np.where(doubtful, np.nan, number)
        return values, _of_each(frame, [doubtful & unknown for _, unknown in pairs], name, True)
    kind = frame.dtypes.iloc[0]
    columns = [frame[column].astype(kind) for column in (frame if take != "last" else frame.columns[::-1])]
    if take in ("first", "last"):
        values = columns[0]
        for column in columns[1:]:
            values = values.where(values.notna(), column)
        return values, []
    back = _numbers(columns[0])[1]
    cells = np.column_stack([_numbers(column)[0] for column in columns])
    known = ~np.isnan(cells)
    some, partly = known.any(axis=1), known.any(axis=1) & ~known.all(axis=1)
    if take == "sum":
        total = np.where(known, cells, 0.0).sum(axis=1)
        return np.where(known.all(axis=1), total, np.nan), _of_each(frame, (partly[:, None] & ~known).T, name, True)
    fill = np.inf if _EXTREME[take] == "min" else -np.inf
    values = back(np.where(some, getattr(np.where(known, cells, fill), _EXTREME[take])(axis=1), np.nan))
    did_not_happen = pd.api.types.is_datetime64_any_dtype(kind)  # what an empty date of a patient says
    return values, [] if did_not_happen else _of_each(frame, (partly[:, None] & ~known).T, name, False)


def _of_each(frame: pd.DataFrame, which: Any, name: str, missing: bool) -> list[Problem]:
    rows = _index_rows(frame.index)
    found = [_warning("", str(column), rows[these], name, missing) for column, these in zip(frame, which, strict=True)]
    return [warning for warning in found if warning.rows]


def _taken(take: str, rows: Rows, cells: Numbers, order: Numbers, use: Numbers) -> Numbers:
    """The value of each patient from the rows in use; NaN for a patient without one."""
    out, patient = np.full(len(rows.placed.patients), np.nan), rows.placed.patient
    if take in ("first", "last"):
        at = _of_that_day(take, patient, order, use)
        lowest = pd.Series(at).groupby(patient[at]).max()  # on the same day, the row that stands lowest in the file
        out[lowest.index.to_numpy()] = cells[lowest.to_numpy()]
    else:
        found = pd.Series(cells[use]).groupby(patient[use]).agg(_EXTREME[take])
        out[found.index.to_numpy()] = found.to_numpy()
    return out


def _of_that_day(take: str, patient: Numbers, order: Numbers, use: Numbers) -> Numbers:
    """The rows of each patient's first or last day."""
    at = np.flatnonzero(use)
    day = pd.Series(order[at]).groupby(patient[at]).transform("min" if take == "first" else "max").to_numpy()
    return at[order[at] == day]


def _same_day(take: str, rows: Rows, cells: Numbers, order: Numbers, use: Numbers, column: str, by: str, name: str) -> list[Problem]:
    """A warning where the first or last day has several rows that differ."""
    at = _of_that_day(take, rows.placed.patient, order, use)
    of_patient = pd.Series(cells[at]).groupby(rows.placed.patient[at])
    differ = (of_patient.transform("min") != of_patient.transform("max")).to_numpy()
    found = np.sort(at[differ])
    if not len(found):
        return []
    labels, patients = _index_rows(rows.placed.frame.index)[found], _index_rows(rows.placed.patients)[rows.placed.patient[found]]
    return [Problem(rows.placed.name, column, tuple(labels.tolist()), "different values on the same day",
                    f"one {take} row a patient for [derived.{name}]",
                    f"the row that stands lowest in the file counts: correct {by} or remove a row if that is not the {take}", "warning",
                    kind="same day", patients=tuple(patients.tolist()))]  # fmt: skip


def _happened(column: pd.Series) -> tuple[Numbers, Numbers]:
    """For each cell whether it says that something happened, and whether it leaves that open."""
    yes = word_for_yes(list(map(str, column.dtype.categories))) if isinstance(column.dtype, pd.CategoricalDtype) else None
    if yes is not None:
        return (column == yes).to_numpy(), column.isna().to_numpy()
    return column.notna().to_numpy(), np.zeros(len(column), dtype=bool)


def _numbers(column: pd.Series) -> tuple[Numbers, Callable[[Numbers], Any]]:
    """A column as numbers in its order (levels of a category, days of a date), NaN where empty, and the way back."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, levels = column.cat.codes.to_numpy().astype(float), column.dtype
        return np.where(codes < 0, np.nan, codes), lambda found: _levels(found, levels)
    if pd.api.types.is_datetime64_any_dtype(column):
        days = column.to_numpy(dtype="datetime64[us]")
        return np.where(np.isnat(days), np.nan, days.astype("int64").astype(float)), _dates
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float, na_value=np.nan), lambda found: found
    codes, words = pd.factorize(column, sort=True)
    return np.where(codes < 0, np.nan, codes), lambda found: [None if np.isnan(one) else words[int(one)] for one in found]


def _levels(found: Numbers, levels: Any) -> Any:
    return pd.Categorical.from_codes(np.where(np.isnan(found), -1, found).astype(int), dtype=levels)


def _dates(found: Numbers) -> Any:
    days = np.where(np.isnan(found), 0, found).astype("int64").astype("datetime64[us]").astype("datetime64[ns]")
    return np.where(np.isnan(found), np.datetime64("NaT"), days)


def _warnings(rows: Rows, which: Numbers, because: dict[str, Numbers], name: str, missing: bool) -> list[Problem]:
    """A warning for each column whose empty cells leave these rows open; an absent start date is the patient's, once."""
    index, patients = _index_rows(rows.placed.frame.index), _index_rows(rows.placed.patients)
    found = [_warning(rows.placed.name, column, index[which & empty], name, missing, patients[rows.placed.patient[which & empty]])
             for column, empty in because.items()]  # fmt: skip
    if rows.no_start is not None:
        found.append(_warning("", rows.start, patients[np.unique(rows.placed.patient[which & rows.no_start])], name, missing))
    return [warning for warning in found if warning.rows]


def _warning(table: str, column: str, rows: Numbers, name: str, missing: bool, patients: Numbers | None = None) -> Problem:
    """The warning that these rows of a column, of these patients where they are not the patients' own, are empty."""
    effect = f"{name} stays missing for these patients until this is known" if missing else f"{name} is taken of the other cells until this is known"
    return Problem(table, column, tuple(rows.tolist()), "empty", f"a value: [derived.{name}] depends on it", effect, "warning",
                   kind="part not known", patients=() if patients is None else tuple(patients.tolist()))  # fmt: skip


def _index_rows(index: pd.Index) -> Numbers:
    return index.to_numpy() if pd.api.types.is_integer_dtype(index.dtype) else np.arange(len(index))
