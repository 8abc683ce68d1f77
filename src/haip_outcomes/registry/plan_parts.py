"""The parts of plan.toml, each with its keys and what must hold within it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, field_validator, model_validator

SETTINGS = ("adjuvant", "unresectable", "comparator")
Setting = Literal["adjuvant", "unresectable", "comparator"]
Kind = Literal["category", "number", "date", "text"]


Unit = Literal["days", "weeks", "months", "years"]
Number = Annotated[float, Field(strict=True)]
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


class Part(BaseModel):
    """A table of the plan: unknown keys are refused, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ConstantSetting(Part):
    """One setting for the whole file: `setting = { value = "comparator" }`."""

    value: Setting


class CohortPlan(Part):
    """`[cohort]`: whose patients these are and which columns say so."""

    name: str
    id: str
    setting: str | ConstantSetting
    setting_levels: dict[str, Setting] = Field(default_factory=dict)
    centre: str | None = None
    overlap: tuple[str, ...] = ()
    synthetic: StrictBool = False
    caution: str = ""
    sheet: str | None = None
    date_format: str = "%Y-%m-%d"
    last_contact: str | None = None

    @field_validator("date_format")
    @classmethod
    def _whole_date(cls, date_format: str) -> str:
        day = datetime(2019, 3, 31)
        try:
            whole = datetime.strptime(day.strftime(date_format), date_format) == day
        except ValueError:
            whole = False
        if not whole:
            raise ValueError(f'"{date_format}" does not say day, month and year: write "%Y-%m-%d" for 2019-03-31 or "%d/%m/%Y" for 31/03/2019')
        return date_format

    @property
    def setting_column(self) -> str | None:
        """The column of the file that holds the setting; None where one setting is that of the whole file."""
        return self.setting if isinstance(self.setting, str) else None


class ColumnPlan(Part):
    """`[columns.NAME]`: what a column holds and what it is called in print."""

    label: str = ""
    kind: Kind | None = None
    levels: dict[str, str] = Field(default_factory=dict)
    range: tuple[Number, Number] | None = None
    unit: str = ""

    @model_validator(mode="after")
    def _coherent(self) -> ColumnPlan:
        if self.levels and self.kind not in (None, "category"):
            raise ValueError(f'levels belong to a category, and kind is "{self.kind}"')
        if self.range and self.kind not in (None, "number"):
            raise ValueError(f'a range belongs to a number, and kind is "{self.kind}"')
        if self.range and self.range[0] > self.range[1]:
            raise ValueError("the range must be [lowest, highest]")
        if self.levels and self.range:
            raise ValueError("levels make a category and a range makes a number: keep one of them")
        return self

    @property
    def resolved(self) -> Kind:
        """The kind, told by levels or range where it is not written."""
        return self.kind or ("category" if self.levels else "number" if self.range else "text")


class MissingPlan(Part):
    """`[missing]`: codes that mean "not known", besides an empty cell."""

    codes: tuple[str, ...] = ()

    def covers(self, text: str) -> bool:
        """True for a cell that means "not known": empty, a code, or the same number written otherwise (-999.0)."""
        return text == "" or text in self.codes or (is_number(text) and any(is_number(c) and float(c) == float(text) for c in self.codes))


class TimedFlag(Part):
    """An event kept as a duration and a flag: the time runs from time zero; `code` says that it happened."""

    time: str
    flag: str
    code: str = "1"


class EndpointPlan(Part):
    """`[endpoints.NAME]`: time zero, the events, and until when a patient without one was seen.

    With dates, `start`, `last_seen` and the events are date columns. With (time, flag) pairs, `start` says in
    words what time zero was ("liver resection").
    """

    label: str
    start: str
    events: dict[str, str | TimedFlag] = Field(min_length=1)
    last_seen: str | None = None
    entry: str | None = None
    time_zero: str = ""
    terminal: tuple[str, ...] = ("Death",)
    unit: Unit = "months"

    @model_validator(mode="after")
    def _coherent(self) -> EndpointPlan:
        timed = [isinstance(event, TimedFlag) for event in self.events.values()]
        if any(timed) and not all(timed):
            raise ValueError("all events must be dates, or all must be { time, flag } pairs")
        if not any(timed) and not self.last_seen:
            raise ValueError("last_seen is needed: the date column that says until when a patient was followed")
        if not any(timed) and self.unit != "months":
            raise ValueError('times made from dates are in months: leave unit out')  # fmt: skip
        return self

    @property
    def from_dates(self) -> bool:
        """True when the recipe is made of date columns, False for (time, flag) pairs."""
        return all(isinstance(event, str) for event in self.events.values())


class AnalysisPlan(Part):
    """`[analysis]`: the horizons, the prognostic factors and what may be pooled over settings."""

    times: tuple[Number, ...] = (12, 36, 60)
    factors: tuple[str, ...] = ()
    multivariable: tuple[str, ...] | None = None
    groups: tuple[str, ...] = ()
    pooled: tuple[str, ...] = ()
    table1: tuple[str, ...] | None = None

    @field_validator("times")
    @classmethod
    def _ascending(cls, times: tuple[float, ...]) -> tuple[float, ...]:
        if not times or any(time <= 0 for time in times) or list(times) != sorted(set(times)):
            raise ValueError("times must be positive and ascending, for example [12, 36, 60]")
        return times

    @field_validator("factors", "multivariable", "groups", "pooled", "table1")
    @classmethod
    def _different(cls, columns: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return columns and _each_once(columns)


class ProgrammePlan(Part):
    """`[programme.NAME]`: k of n (a column and the level that counts) or a time in days (two date columns)."""

    label: str
    column: str | None = None
    level: str = "Yes"
    start: str | None = None
    end: str | None = None
    settings: tuple[Setting, ...] = SETTINGS  # type: ignore[assignment]
    definition: str = ""

    @model_validator(mode="after")
    def _coherent(self) -> ProgrammePlan:
        if (self.column is None) == (self.start is None or self.end is None):
            raise ValueError("give a column (and the level that counts), or a start and an end date column")
        return self


class BenchmarkPlan(Part):
    """`[benchmark]`: the published figures to be judged (named before looking), and the margins of "on a par"."""

    judge: tuple[str, ...] = ()
    margin: dict[str, Number] = Field(default_factory=dict)

    @field_validator("judge")
    @classmethod
    def _few(cls, judge: tuple[str, ...]) -> tuple[str, ...]:
        judge = _each_once(judge)
        if len(judge) > 6:
            raise ValueError(f"at most six figures may be named to be judged, and there are {len(judge)}")
        return judge


def is_number(text: str) -> bool:
    """True for a number with a decimal point, as text."""
    return bool(_NUMBER.fullmatch(text))


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f'"{twice[0]}" stands there twice')
    return names
