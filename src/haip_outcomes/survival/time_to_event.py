"""TimeToEvent: who was followed from when to when, and what ended it. The only thing an estimator accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.ranking import Ranked, rank


@dataclass(frozen=True, eq=False)
class TimeToEvent:
    """Times from a stated time zero, and what happened at them.

    Row i was at risk over (entry[i], time[i]] and ended in state[i]: 0 is censored, k is `states[k-1]`.
    `entry` is None when everybody was followed from time zero; then the start is minus infinity, so that
    an event at time 0 counts. `id` is given when a patient has several rows (counting process); a row that
    the same patient continues is neither a censoring nor another patient.

    Build it with `TimeToEvent.from_frame` or `cohort.endpoint(name)`.
    """

    time: np.ndarray
    state: np.ndarray
    states: tuple[str, ...]
    index: pd.Index
    entry: np.ndarray | None = None
    id: np.ndarray | None = None
    unit: str = "months"
    label: str = ""
    time_zero: str = ""
    censored_causes: tuple[str, ...] = field(default=())

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        time: str,
        state: str,
        states: Sequence[str],
        entry: str | None = None,
        id: str | None = None,
        unit: str = "months",
        label: str = "",
        time_zero: str = "",
    ) -> TimeToEvent:
        """Times and states from the columns of a data frame.

        Parameters
        ----------
        frame : one row a patient, or one row an interval when `id` is given. Its index is kept and is what
            groups, weights and covariates are aligned to.
        time, entry : columns of exit and (for delayed entry) entry times, in `unit`, both from time zero.
        state : column of whole numbers: 0 censored, k = `states[k-1]`.
        states : the names of the events, for example `["Death"]` or `["Liver", "Death"]`.
        id : column that says which rows are the same patient.

        Times that differ only by rounding (by 1.5e-8, absolutely or of the mean time) are one time, the smallest of them, as in
        R's survival (`timefix`): months computed in two ways would otherwise break ties.

        Raises
        ------
        EndpointError : a missing column; a time that is missing, infinite or negative; an entry at or after
            its exit; an unknown state; rows of one patient that overlap; no rows. The rows are named.

        Equals R's `Surv(entry, time, factor(state, labels = c("censored", states)))`.

        >>> import pandas as pd
        >>> lung = pd.DataFrame({"months": [2.0, 5.0, 5.0], "status": [1, 0, 2]})
        >>> TimeToEvent.from_frame(lung, time="months", state="status", states=["Liver", "Death"])
        TimeToEvent: 3 patients; Liver 1, Death 1, censored 1; months
        """
        if not isinstance(frame, pd.DataFrame):
            raise EndpointError(f"from_frame takes a data frame, and this is a {type(frame).__name__}: make it a pandas DataFrame first.")
        if states is None:
            raise EndpointError('states must be a list of the events\' names, such as ["Death"]; got None.')
        if isinstance(states, str):
            raise EndpointError(f'states must be a list of names; write states=["{states}"].')
        names = tuple(str(name) for name in states)
        if not names or len(set(names)) != len(names):
            raise EndpointError(f"states must be one or more different names; got {list(names)}.")
        columns: dict[str, Any] = {}
        for column in (time, state, entry, id):
            if column is None:
                continue
            if column not in frame.columns:
                raise EndpointError(f'There is no column "{column}". {did_you_mean(column, map(str, frame.columns))}')
            columns[column] = frame[column]
            if isinstance(columns[column], pd.DataFrame):
                raise EndpointError(f'There are several columns "{column}" (as a merge leaves them): rename or drop all but one.')
        if not len(frame):
            raise EndpointError("There are no patients: the data frame has no rows.")
        if not _is_unique(frame.index):
            raise EndpointError("The frame's index has duplicates; groups and covariates could not be aligned. "
                                "Use frame.reset_index(drop=True).")  # fmt: skip
        times = _numbers(columns[time], time)
        codes = _states(columns[state], state, names)
        if times.min() < 0:
            _refuse(times < 0, frame.index, f'Column "{time}" has negative times', "Times count from time zero.")
        entries = None
        if entry is not None:
            entries = _numbers(columns[entry], entry)
            _refuse(entries < 0, frame.index, f'Column "{entry}" has negative entry times',
                    "Somebody followed from time zero enters at 0.")  # fmt: skip
        times, entries, order = _joined(times, entries)
        if entries is not None:
            _refuse(entries >= times, frame.index, f'"{entry}" is at or after "{time}"',
                    "Nobody can leave before entering: correct the times or leave these rows out with a reason.")  # fmt: skip
        keys = None
        if id is not None:
            keys, patients = pd.factorize(columns[id])
            if (keys < 0).any():
                raise EndpointError(f'Column "{id}" is missing in {_rows(frame.index, keys < 0)}.')
            if len(patients) < len(keys):
                _refuse_overlaps(keys, times, entries, frame.index)
        made = cls(time=times, state=codes, states=names, index=frame.index, entry=entries,
                   id=keys, unit=unit, label=label, time_zero=time_zero)  # fmt: skip
        return made._knowing(**order)

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def n(self) -> int:
        """Number of patients (of different ids when rows share them)."""
        return len(self.time) if self.id is None else len(np.unique(self.id))

    @property
    def start(self) -> np.ndarray:
        """Entry times, minus infinity for those followed from time zero."""
        return np.full(len(self.time), -np.inf) if self.entry is None else self.entry

    @cached_property
    def ranked(self) -> Ranked:
        """The different times in order, and which of them each row's is: the one sort all estimators share."""
        return rank(self.time)

    @cached_property
    def begins(self) -> np.ndarray:
        """The number, in `ranked`, of the first time at which each row is at risk: the first after its entry."""
        if self.entry is None:
            return np.zeros(len(self.time), dtype=np.int64)
        return np.searchsorted(self.ranked.distinct, self.entry, side="right")

    def _knowing(self, **order: Any) -> TimeToEvent:
        """Itself, with the order of its times (`ranked`, `begins`) known already."""
        self.__dict__.update(order)
        return self

    def _with(self, **changes: Any) -> TimeToEvent:
        """A copy with the same times and entries."""
        known = {name: self.__dict__[name] for name in ("ranked", "begins") if name in self.__dict__}
        return replace(self, **changes)._knowing(**known)

    @cached_property
    def continued(self) -> np.ndarray:
        """True for a row that the same patient's next row carries on: not a censoring."""
        carried = np.zeros(len(self.time), dtype=bool)
        if self.id is not None and self.n < len(self.time):
            order = np.lexsort((self.time, self.id))
            same = self.id[order][1:] == self.id[order][:-1]
            joined = self.start[order][1:] == self.time[order][:-1]
            carried[order[:-1][same & joined & (self.state[order][:-1] == 0)]] = True
        return carried

    @property
    def counts(self) -> dict[str, int]:
        """Events of each kind and censorings: `{"Liver": 3, "Death": 2, "censored": 5}`."""
        found = np.bincount(self.state, minlength=len(self.states) + 1).tolist()
        carried = 0 if self.id is None else int(self.continued.sum())
        return {**dict(zip(self.states, found[1:], strict=True)), "censored": found[0] - carried}

    def code(self, cause: str) -> int:
        """The number of an event's name in `state`."""
        if cause not in self.states:
            raise EndpointError(f'There is no event "{cause}". {did_you_mean(cause, self.states)}')
        return self.states.index(cause) + 1

    def landmark(self, at: float) -> TimeToEvent:
        """Those still at risk at time `at`, with time counted from there (entry < at <= time)."""
        if not np.isfinite(at) or at < 0:
            raise EndpointError(f"A landmark must be a time at or after zero; got {at}.")
        present = (self.start < at) & (self.time >= at)
        if self.id is not None:
            present = np.isin(self.id, self.id[present]) & (self.time >= at)
        if not present.any():
            raise EndpointError(f"Nobody is at risk at {at:g} {self.unit}.")
        begin = self.start[present] - at
        begin[begin < 0] = -np.inf
        entry = begin if self.id is not None and np.isfinite(begin).any() else None
        return replace(self.take(present), time=self.time[present] - at, entry=entry,
                       time_zero=f"landmark at {at:g} {self.unit}")  # fmt: skip

    def any_event(self, label: str) -> TimeToEvent:
        """The composite of all events: `any_event("Recurrence or death")`."""
        return self._with(state=(self.state > 0).astype(np.int64), states=(label,))

    def only(self, cause: str) -> TimeToEvent:
        """One event, the others counted as censorings: what is estimated is then not a probability of the event."""
        code = self.code(cause)
        others = tuple(name for name in self.states if name != cause)
        return self._with(state=(self.state == code).astype(np.int64), states=(cause,),
                          censored_causes=(*self.censored_causes, *others))  # fmt: skip

    def take(self, chosen: np.ndarray) -> TimeToEvent:
        """The rows that a boolean array, or an array of positions, chooses."""
        time = self.time[chosen]
        if not len(time):
            raise EndpointError("No patients are left.")
        taken = replace(self, time=time, state=self.state[chosen], index=self.index[chosen],
                        entry=None if self.entry is None else self.entry[chosen],
                        id=None if self.id is None else self.id[chosen])  # fmt: skip
        return taken._knowing(ranked=self.ranked.take(chosen))

    def align(self, values: Any, name: str) -> np.ndarray:
        """Values for these rows: a Series or one-column frame by its index (it may have more rows), an array by its length."""
        return np.asarray(self._aligned(values, name))

    def _aligned(self, values: Any, name: str) -> Any:
        if isinstance(values, pd.DataFrame) and values.shape[1] == 1:
            values = values.iloc[:, 0]
        if isinstance(values, pd.Series):
            if values.index is self.index or values.index.equals(self.index):
                return values
            if not _is_unique(values.index):
                raise EndpointError(f"{name}: its index has duplicates and can't be aligned.")
            if self.index.name == "row" and isinstance(values.index, pd.RangeIndex) and values.index.start == 0:
                raise EndpointError(f"{name} is numbered from 0, and a cohort's patients by their spreadsheet row, from 2: the two would be "
                                    "misaligned. Use cohort[column], or give it the index of cohort.frame.")  # fmt: skip
            places = values.index.get_indexer(self.index)
            absent = places < 0
            if absent.any():
                raise EndpointError(f"{name} has no value for {_rows(self.index, absent)}: it must have the same index "
                                    "as the times (it may have more rows, never fewer).")  # fmt: skip
            return values.iloc[places]
        if isinstance(values, pd.Categorical) and len(values) == len(self.time):
            return values
        array = np.asarray(values)
        if isinstance(values, (list, tuple)) and array.ndim == 1:
            array = np.asarray(pd.Series(list(values), dtype=object))  # numpy would make the text "nan" of what is missing
        if array.ndim != 1 or len(array) != len(self.time):
            raise EndpointError(f"{name} must be a Series with the index of the times, or one value for each of the "
                                f"{len(self.time)} rows; its shape is {array.shape}.")  # fmt: skip
        return array

    def groups(self, by: Any, name: str = "by") -> tuple[np.ndarray, tuple[str, ...]]:
        """Group numbers and group names (the text of each level, sorted); one unnamed group without `by`."""
        if by is None:
            return np.zeros(len(self.time), dtype=np.int64), ()
        codes, levels = pd.factorize(self._aligned(by, name))
        missing = codes < 0
        if missing.any():
            raise EndpointError(f"{name} is missing in {_rows(self.index, missing)}: leave these patients out first, "
                                'with a reason (cohort.where(..., because="...")), or give them a level.')  # fmt: skip
        texts = [level_text(level) for level in pd.Index(levels)]
        names = sorted(set(texts))
        place = {text: number for number, text in enumerate(names)}
        return np.array([place[text] for text in texts], dtype=np.int64)[codes], tuple(names)

    def single(self, verb: str) -> np.ndarray:
        """The event indicator, where only one kind of event makes sense; refuses competing events."""
        if len(self.states) > 1:
            raise EndpointError(
                f"{verb} takes one kind of event, and here {listed(self.states)} compete: 1 - KM overstates the risk when "
                "patients can die first. Use cumulative_incidence, or name a composite with any_event(label); "
                "only(cause) censors the other causes and says so."
            )
        return self.state > 0

    @property
    def caution(self) -> str:
        """What must be said of a curve of these times, or nothing."""
        if not self.censored_causes:
            return ""
        return f"other causes ({listed(self.censored_causes)}) censored: not the probability of the event"

    def __repr__(self) -> str:
        events = ", ".join(f"{name} {k}" for name, k in self.counts.items())
        title = f"{self.label}: " if self.label else ""
        zero = f" since {self.time_zero}" if self.time_zero else ""
        caution = f"; {self.caution}" if self.caution else ""
        late = "; delayed entry" if self.entry is not None else ""
        return f"TimeToEvent: {title}{plural(self.n, 'patient')}; {events}; {self.unit}{zero}{late}{caution}"


def level_text(value: Any) -> str:
    """1.0 and True read as a person would write them."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def require_times(tte: object, verb: str) -> None:
    """Refuse anything but a TimeToEvent, and say where one comes from."""
    if not isinstance(tte, TimeToEvent):
        raise EndpointError(f"{verb} takes a TimeToEvent, and this is a {type(tte).__name__}. A cohort's is cohort.endpoint(name); of a data "
                            "frame make one with TimeToEvent.from_frame(frame, time=..., state=..., states=[...]).")  # fmt: skip


def _joined(
    times: np.ndarray, entries: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any]]:
    """Times that differ by rounding only become one, in place; everything else stays as it is. And what is known of their order."""
    if entries is None:
        ranked = rank(times, join=True)
        ranked.join(times)
        return times, None, {"ranked": ranked}
    both = rank(np.concatenate([times, entries]), join=True)
    number, entered = both.number[: len(times)], both.number[len(times) :]
    exits = np.bincount(number, minlength=len(both.distinct)) > 0
    passed = np.cumsum(exits)
    order = {"ranked": Ranked(both.distinct[exits], passed[number] - 1), "begins": passed[entered]}
    return both.distinct[number], both.distinct[entered], order


def _numbers(column: pd.Series, name: str) -> np.ndarray:
    kind = getattr(column.dtype, "kind", "") if isinstance(column.dtype, np.dtype) else ""
    if kind and kind in "fiub":
        values = np.array(column, dtype=float)  # a copy: the frame may change later
    elif pd.api.types.is_numeric_dtype(column) or column.dtype == object:
        try:
            values = column.to_numpy(dtype=float, na_value=np.nan, copy=True)
        except (TypeError, ValueError):
            raise EndpointError(f'Column "{name}" must hold numbers, and some of its values are text: pd.to_numeric(frame["{name}"]) shows which.') from None
    else:
        raise EndpointError(f'Column "{name}" must hold numbers; it holds {column.dtype}. Dates become times with cohort.endpoint(name), '
                            "or as (end - start).dt.days / 30.4375.")  # fmt: skip
    if len(values) and not np.isfinite(values.min() + values.max()):  # both are NaN where any value is
        _refuse(~np.isfinite(values), column.index, f'Column "{name}" is missing or infinite', "Correct them, or leave these rows out with a reason.")
    return values


def _states(column: pd.Series, name: str, names: tuple[str, ...]) -> np.ndarray:
    whole = isinstance(column.dtype, np.dtype) and column.dtype.kind in "iub"
    values = column.to_numpy() if whole else _numbers(column, name)
    within = values.min() >= 0 and values.max() <= len(names)
    codes = values.astype(np.int64) if within else np.zeros(0, dtype=np.int64)
    if not within or not (whole or (codes == values).all()):
        unknown = ~np.isin(values, np.arange(len(names) + 1))
        raise EndpointError(f'Column "{name}" has states other than 0 (censored) to {len(names)} ({names[-1]}) '
                            f"in {_rows(column.index, unknown)}. Recode them, name more states, or leave these rows out with a reason.")  # fmt: skip
    return codes


def _is_unique(index: pd.Index) -> bool:
    """Without a table of all labels where they are in order, as they mostly are."""
    return bool((index.is_monotonic_increasing and index.is_unique) or index.is_unique)


def _refuse(wrong: np.ndarray, index: pd.Index, what: str, cure: str) -> None:
    if wrong.any():
        raise EndpointError(f"{what} in {_rows(index, wrong)}. {cure}")


def _rows(index: pd.Index, chosen: np.ndarray, most: int = 5) -> str:
    rows = [str(row) for row in index[chosen]]
    shown = ", ".join(rows[:most]) + (", ..." if len(rows) > most else "")
    return f"{plural(len(rows), 'row')} (index {shown})"


def _refuse_overlaps(keys: np.ndarray, times: np.ndarray, entries: np.ndarray | None, index: pd.Index) -> None:
    start = np.full(len(times), -np.inf) if entries is None else entries
    order = np.lexsort((times, keys))
    overlap = np.zeros(len(times), dtype=bool)
    overlap[order[1:]] = (keys[order][1:] == keys[order][:-1]) & (start[order][1:] < times[order][:-1])
    _refuse(overlap, index, "Rows of one patient overlap", "Each row must begin when the one before it ended, or later.")
