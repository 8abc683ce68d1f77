"""What is asked of a prediction: risks beside what happened, checked once for every measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times

FALLS = 1e-6  # of the mean risk from one time to a later one: beyond rounding


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predicted risks (n, T) of one event by T times, and the times and events of the same patients in the same order."""

    tte: TimeToEvent
    code: int  # of the event of interest in tte.state
    outcome: str
    times: np.ndarray  # (T,) increasing
    risk: np.ndarray  # (n, T)

    @property
    def competing(self) -> bool:
        """Whether another event can come first."""
        return len(self.tte.states) > 1

    def cases(self, t: float) -> np.ndarray:
        """Who is known to have had the event by t."""
        return (self.tte.time <= t) & (self.tte.state == self.code)

    def controls(self, t: float) -> np.ndarray:
        """Who is known not to have had it by t: still followed without any event, or another event came first."""
        return (self.tte.time > t) | ((self.tte.time <= t) & (self.tte.state > 0) & (self.tte.state != self.code))

    def lost(self, t: float) -> int:
        """How many were last seen by t without an event: whether they had one by then is not known."""
        return int(((self.tte.time <= t) & (self.tte.state == 0)).sum())

    def weighted(self) -> str:
        """The sentence's part on patients lost to follow-up."""
        return ("inverse probability of censoring weights from the Kaplan-Meier curve of the censoring, the same for everybody, just before an event; "
                "events come before censorings at the same time")  # fmt: skip

    def about(self) -> str:
        """The sentence's part on who and what: "of Death by 12 and 36 months; 60 patients; Death 27"."""
        by = listed([f"{t:g}" for t in self.times]) if len(self.times) <= 6 else f"{len(self.times)} times up to {self.times[-1]:g}"
        counts = ", ".join(f"{name} {k}" for name, k in self.tte.counts.items() if name != "censored")
        compete = ", competing events first counting as no event" if self.competing else ""
        caution = f"; {self.tte.caution}" if self.tte.caution else ""
        return f"of {self.outcome} by {by} {self.tte.unit}{compete}; {plural(len(self.tte), 'patient')}; {counts}{caution}"


def predicted(verb: str, tte: TimeToEvent, risk: Any, times: Any, cause: str | None) -> Predicted:
    """Risks and times, checked; what can't be judged is refused in a sentence."""
    require_times(tte, verb)
    if tte.entry is not None or tte.n < len(tte):
        raise EndpointError(f"{verb} follows every patient from time zero in one row: the censoring weights are not defined with delayed entry or several "
                            "rows a patient. Use tte.landmark(at) for those still at risk at a later time, with risks from there.")  # fmt: skip
    if cause is None:
        if len(tte.states) > 1:
            raise EndpointError(f'{verb} needs cause=: {listed(tte.states)} compete, and a predicted risk is of one of them. Write cause="{tte.states[0]}".')
        cause = tte.states[0]
    code = tte.code(cause)
    at = _times(verb, times)
    last = float(tte.time.max())
    beyond = at[at > last]
    if len(beyond):
        raise EndpointError(f"{verb}: nobody was followed to {listed([f'{t:g}' for t in beyond])} {tte.unit} (the longest follow-up is {last:g}): "
                            "ask for earlier times.")  # fmt: skip
    if at[-1] == last and ((tte.time == last) & (tte.state == 0)).any():
        raise EndpointError(f"{verb}: at {last:g} {tte.unit}, the end of follow-up, nobody is left whose later course is known: ask for an earlier time.")
    return Predicted(tte, code, cause, at, _risks(verb, tte, risk, at))


def _times(verb: str, times: Any) -> np.ndarray:
    try:
        at = np.atleast_1d(np.asarray(times, dtype=float))
    except (TypeError, ValueError):
        raise EndpointError(f"{verb}: times must be numbers, such as [12, 36, 60]; got {times!r}.") from None
    if at.ndim != 1 or not len(at) or not np.isfinite(at).all() or (at <= 0).any():
        raise EndpointError(f"{verb}: times must be numbers after zero, such as [12, 36, 60]; got {times!r}.")
    if (np.diff(at) <= 0).any():
        raise EndpointError(f"{verb}: times must increase, as the columns of risk that belong to them; got {listed([f'{t:g}' for t in at])}.")
    return at


def _risks(verb: str, tte: TimeToEvent, risk: Any, at: np.ndarray) -> np.ndarray:
    """The risks (n, T) in the order of the times."""
    if isinstance(risk, pd.DataFrame):
        named = pd.to_numeric(pd.Series(risk.columns.astype(str)), errors="coerce").to_numpy()
        counted = np.array_equal(named, np.arange(risk.shape[1]))
        if not np.isnan(named).any() and not counted and risk.shape[1] == len(at) and not np.allclose(named, at, rtol=1e-9, atol=0):
            raise EndpointError(f"{verb}: the columns of risk are named {listed([str(c) for c in risk.columns])}, and the times asked for are "
                                f"{listed([f'{t:g}' for t in at])}: they must be the same, in the same order.")  # fmt: skip
        columns = [np.asarray(tte.align(risk.iloc[:, j], "risk")) for j in range(risk.shape[1])]
        values: Any = np.column_stack(columns) if columns else np.empty((len(tte), 0))
    elif isinstance(risk, pd.Series):
        values = np.asarray(tte.align(risk, "risk"))[:, None]
    else:
        values = np.asarray(risk)
        values = values[:, None] if values.ndim == 1 else values
    try:
        values = np.ascontiguousarray(values, dtype=float)
    except (TypeError, ValueError):
        raise EndpointError(f"{verb}: risk must be numbers between 0 and 1.") from None
    if values.shape != (len(tte), len(at)):
        raise EndpointError(f"{verb}: risk must have a row for each of the {plural(len(tte), 'patient')} and a column for each of the "
                            f"{plural(len(at), 'time')}; its shape is {values.shape}.")  # fmt: skip
    for wrong, what, cure in (
        (np.isnan(values), "is missing", "leave these patients out first, with a reason (cohort.where(..., because=...))"),
        (~np.isnan(values) & ((values < 0) | (values > 1)), "is outside 0 to 1",
         "a risk is a probability of the event by the time, neither a percentage nor a linear predictor"),
    ):  # fmt: skip
        rows = wrong.any(axis=1)
        if rows.any():
            some = ", ".join(str(row) for row in tte.index[rows][:5]) + (", ..." if rows.sum() > 5 else "")
            raise EndpointError(f"{verb}: the predicted risk {what} in {plural(int(rows.sum()), 'row')} (index {some}): {cure}.")
    means = values.mean(axis=0)
    if (np.diff(means) < -FALLS).any():
        raise EndpointError(f"{verb}: the mean risk falls from one time to a later one ({', '.join(f'{m:.3f}' for m in means[:6])}): these look like "
                            "probabilities of survival. Pass the risk of the event, 1 - survival.")  # fmt: skip
    return values


def checked_choice(verb: str, name: str, value: str, known: Sequence[str]) -> None:
    """Refuse a word that is not one of those known."""
    if value not in known:
        raise EndpointError(f'{verb}: there is no {name} "{value}". {did_you_mean(str(value), known)}')
