"""Endpoint: the recipe that turns dates, or (time, flag) pairs, into a TimeToEvent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import plural
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.planning.parts import EndpointPlan, TimedFlag
from haip_outcomes.survival.time_to_event import TimeToEvent

DAYS_A_MONTH = 365.25 / 12
MONTHS = {"days": 1 / DAYS_A_MONTH, "weeks": 7 / DAYS_A_MONTH, "months": 1.0, "years": 12.0}  # of a unit
LATE_DEATH_DAYS = 180


@dataclass(frozen=True)
class Endpoint:
    """One endpoint of a plan, ready to be applied to a cohort's frame.

    The earliest event counts; at a tie the plan's order decides. Two events that the plan takes together (`both`) and
    that lie within its days of each other are a state of their own, at the earlier date. Without an event a patient is censored at
    `last_seen` (for pairs without it, at the earliest of the times). A terminal event, death, counts on its own
    date, also after `last_seen`. Times are months, whatever the unit in which the file keeps them.
    """

    name: str
    plan: EndpointPlan
    time_zero: str
    events: tuple[tuple[str, str | TimedFlag, str | float], ...]  # name, columns, what the flag holds when it happened

    @classmethod
    def of(cls, plan: Plan, name: str) -> Endpoint:
        """The recipe of an endpoint that the plan names."""
        recipe = plan.endpoints[name]
        words = recipe.time_zero or (plan.label(recipe.start) if recipe.from_dates else recipe.start)
        words = words if words[1:2].isupper() else words[:1].lower() + words[1:]
        events = tuple((label, event, plan.holds(event) if isinstance(event, TimedFlag) else "") for label, event in recipe.events.items())
        return cls(name=name, plan=recipe, time_zero=words, events=events)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the recipe reads, those of the events first."""
        pairs = [(e.time, e.flag) if isinstance(e, TimedFlag) else (e,) for _, e, _ in self.events]
        others = (self.plan.start if self.plan.from_dates else None, self.plan.last_seen, self.plan.entry)
        return tuple(dict.fromkeys([*(name for pair in pairs for name in pair), *(name for name in others if name)]))

    def times(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
        """The time of each event (missing where it did not happen) and of the last look, in months from time zero."""
        happened = {label: self._event_time(frame, event, value) for label, event, value in self.events}
        if self.plan.last_seen:
            seen = self._since_start(frame, self.plan.last_seen)
        else:
            seen = pd.DataFrame({e.time: self._since_start(frame, e.time) for _, e, _ in self.events if isinstance(e, TimedFlag)}).min(axis=1)
        return pd.DataFrame(happened), seen.astype(float)

    def late_deaths(self, frame: pd.DataFrame) -> pd.Series:
        """True for a terminal event more than 180 days after the patient was last seen for the endpoint's other events."""
        happened, seen = self.times(frame)
        terminal = [label for label in happened if label in self.plan.terminal]
        if not terminal or len(terminal) == happened.shape[1]:
            return pd.Series(False, index=frame.index)
        return happened[terminal].min(axis=1) - seen > LATE_DEATH_DAYS / DAYS_A_MONTH + 1e-9

    def time_to_event(self, frame: pd.DataFrame, *, censor_late_deaths: bool = False) -> TimeToEvent:
        """The endpoint of these patients; `frame` is that of a cohort. Without a time zero they are left out where the plan says so.

        With `censor_late_deaths`, a death more than 180 days after the last look is left uncounted and a patient without
        another event is censored when last seen: nobody looked in between, so an event may have been missed.
        """
        if self.plan.without_start == "left out":
            frame = frame[frame[self.plan.start].notna()]
        happened, seen = self.times(frame)
        if censor_late_deaths:
            late = self.late_deaths(frame)
            happened.loc[late, [label for label in happened if label in self.plan.terminal]] = np.nan
        matrix = happened.to_numpy(dtype=float, na_value=np.nan)
        first = np.where(np.isnan(matrix), np.inf, matrix)
        earliest = first.min(axis=1)
        event = np.isfinite(earliest)
        # at a tie the plan's order decides; times in a spreadsheet may differ in the last digit only
        state = np.where(event, (first <= earliest[:, None] + 1e-9).argmax(axis=1) + 1, 0)
        state = np.where(self._together(happened, earliest), len(self.plan.states), state) if self.plan.both else state
        time = np.where(event, earliest, seen.to_numpy(dtype=float, na_value=np.nan))
        if np.isnan(time).any() or (time < 0).any():
            rows = ", ".join(str(row) for row in frame.index[np.isnan(time) | (time < 0)][:8])
            raise EndpointError(f"{self.plan.label}: no follow-up for row {rows}.")
        data = pd.DataFrame({"time": time, "state": state}, index=frame.index)
        if self.plan.entry:
            data["entry"] = self.entries(frame)
        return TimeToEvent.from_frame(
            data, time="time", state="state", states=list(self.plan.states),
            entry="entry" if self.plan.entry else None, unit="months", label=self.plan.label, time_zero=self.time_zero,
        )  # fmt: skip

    def _together(self, happened: pd.DataFrame, earliest: np.ndarray) -> np.ndarray:
        """True where both events of `both` happened within its days, and nothing else before them."""
        assert self.plan.both is not None
        one, other = (happened[event].to_numpy(dtype=float) for event in self.plan.both.events)
        near = np.abs(one - other) <= self.plan.both.within_days / DAYS_A_MONTH + 1e-9
        return near & (np.fmin(one, other) <= earliest + 1e-9)

    def entries(self, frame: pd.DataFrame) -> pd.Series:
        """When each patient came under observation, in months from time zero; 0 where that was before it."""
        return self._since_start(frame, str(self.plan.entry)).clip(lower=0)

    def _since_start(self, frame: pd.DataFrame, column: str) -> pd.Series:
        if not self.plan.from_dates:
            return frame[column] * MONTHS[self.plan.unit]
        return (frame[column] - frame[self.plan.start]).dt.days / DAYS_A_MONTH

    def _event_time(self, frame: pd.DataFrame, event: str | TimedFlag, value: str | float) -> pd.Series:
        if isinstance(event, TimedFlag):
            return self._since_start(frame, event.time).where(frame[event.flag] == value, np.nan).astype(float)
        return self._since_start(frame, event).astype(float)

    def __repr__(self) -> str:
        return f"Endpoint {self.name}: {self.plan.label}, {plural(len(self.events), 'event')}, since {self.time_zero}"
