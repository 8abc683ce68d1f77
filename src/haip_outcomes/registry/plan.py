"""plan.toml: what a centre edits instead of writing Python. Nothing else in the package parses it."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from haip_outcomes.errors import PlanError, did_you_mean

SETTINGS = ("adjuvant", "unresectable", "comparator")
Setting = Literal["adjuvant", "unresectable", "comparator"]
Kind = Literal["category", "number", "date", "text"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ConstantSetting(_Part):
    """One setting for the whole file: `setting = { value = "comparator" }`."""

    value: Setting


class CohortPlan(_Part):
    """`[cohort]`: whose patients these are and which columns say so."""

    name: str
    id: str
    setting: str | ConstantSetting
    setting_levels: dict[str, Setting] = Field(default_factory=dict)
    centre: str | None = None
    overlap: tuple[str, ...] = ()
    synthetic: bool = False
    caution: str = ""
    sheet: str | None = None
    date_format: str = "%Y-%m-%d"
    last_contact: str | None = None


class ColumnPlan(_Part):
    """`[columns.NAME]`: what a column holds and what it is called in print."""

    label: str = ""
    kind: Kind | None = None
    levels: dict[str, str] = Field(default_factory=dict)
    range: tuple[float, float] | None = None
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


class MissingPlan(_Part):
    """`[missing]`: codes that mean "not known", besides an empty cell."""

    codes: tuple[str, ...] = ()


class TimedFlag(_Part):
    """An event kept as a duration and a flag: the time runs from time zero; `code` says that it happened."""

    time: str
    flag: str
    code: str = "1"


class EndpointPlan(_Part):
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
    unit: str = "months"

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


class AnalysisPlan(_Part):
    """`[analysis]`: the horizons, the prognostic factors and what may be pooled over settings."""

    times: tuple[float, ...] = (12, 36, 60)
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


class ProgrammePlan(_Part):
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


class BenchmarkPlan(_Part):
    """`[benchmark]`: the published figures to be judged, named before looking, and the margins of "on a par"."""

    judge: tuple[str, ...] = ()
    margin: dict[str, float] = Field(default_factory=dict)

    @field_validator("judge")
    @classmethod
    def _few(cls, judge: tuple[str, ...]) -> tuple[str, ...]:
        if len(judge) > 6:
            raise ValueError(f"at most six figures may be named beforehand, and there are {len(judge)}")
        return judge


class Plan(_Part):
    """A centre's plan, checked. Build it with `load_plan`."""

    def __repr__(self) -> str:
        return f"Plan {self.cohort.name}: {len(self.columns)} columns, endpoints {', '.join(self.endpoints)}"

    def __str__(self) -> str:
        return repr(self)

    cohort: CohortPlan
    endpoints: dict[str, EndpointPlan] = Field(min_length=1)
    columns: dict[str, ColumnPlan] = Field(default_factory=dict)
    missing: MissingPlan = MissingPlan()
    analysis: AnalysisPlan = AnalysisPlan()
    programme: dict[str, ProgrammePlan] = Field(default_factory=dict)
    benchmark: BenchmarkPlan = BenchmarkPlan()
    _sha256: str = PrivateAttr(default="")

    @property
    def sha256(self) -> str:
        """The hash of the plan's file; of its content when it was made without a file."""
        return self._sha256 or hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def label(self, column: str) -> str:
        """A column's name in print."""
        known = self.columns.get(column)
        return known.label if known and known.label else "Setting" if column == "setting" else column

    @property
    def last_contact(self) -> str | None:
        """The column of the last contact: `[cohort] last_contact`, else the `last_seen` of the endpoint "os"."""
        os = self.endpoints.get("os")
        return self.cohort.last_contact or (os.last_seen if os and os.from_dates else None)

    @property
    def kinds(self) -> dict[str, str]:
        """Every column the plan uses and what it must hold: key, setting, date, number, flag, category or text."""
        kinds: dict[str, str] = {}
        for name, column in self.columns.items():
            kinds[name] = column.resolved
        for endpoint in self.endpoints.values():
            for name, kind in _endpoint_columns(endpoint):
                if kind != "flag" or not self.columns.get(name, ColumnPlan()).levels:
                    kinds[name] = kind
        for item in self.programme.values():
            if item.start and item.end:
                kinds[item.start] = kinds[item.end] = "date"
        if self.cohort.last_contact:
            kinds[self.cohort.last_contact] = "date"
        if self.cohort.centre:
            kinds.setdefault(self.cohort.centre, "text")
        if isinstance(self.cohort.setting, str):
            kinds[self.cohort.setting] = "setting"
        kinds[self.cohort.id] = "key"
        return kinds

    @model_validator(mode="after")
    def _names_exist(self) -> Plan:
        wrong = [f"{where}: {message}" for where, message in self._unknown_names()]
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    def _unknown_names(self) -> Iterator[tuple[str, str]]:
        for key in ("factors", "multivariable", "groups", "pooled", "table1"):
            for name in getattr(self.analysis, key) or ():
                if name not in self.columns:
                    yield f"[analysis] {key}", f'"{name}" has no [columns.{name}]. {did_you_mean(name, self.columns)}'
        for name, item in self.programme.items():
            if item.column is not None and item.column not in self.columns:
                yield (f"[programme.{name}] column",
                       f'"{item.column}" has no [columns.{item.column}]. {did_you_mean(item.column, self.columns)}')  # fmt: skip
            elif item.column is not None:
                levels = self.columns[item.column].levels.values()
                if item.level not in levels:
                    yield f"[programme.{name}] level", f'"{item.level}" is not a level. {did_you_mean(item.level, levels)}'
        for name, endpoint in self.endpoints.items():
            for column, kind in _endpoint_columns(endpoint):
                declared = self.columns.get(column)
                if declared and declared.kind and declared.kind != kind and kind != "flag":
                    yield f"[endpoints.{name}]", f'"{column}" must hold a {kind}, and [columns.{column}] says {declared.kind}'
        if isinstance(self.cohort.setting, str) and self.cohort.setting == self.cohort.id:
            yield "[cohort] setting", "the setting can't be the id column"


def _endpoint_columns(endpoint: EndpointPlan) -> Iterator[tuple[str, str]]:
    for event in endpoint.events.values():
        if isinstance(event, TimedFlag):
            yield event.time, "number"
            yield event.flag, "flag"
        else:
            yield event, "date"
    kind = "date" if endpoint.from_dates else "number"
    if endpoint.from_dates:
        yield endpoint.start, kind
    for column in (endpoint.last_seen, endpoint.entry):
        if column:
            yield column, kind


def load_plan(path: str | Path) -> Plan:
    """Read a centre's plan (plan.toml) and check all of it.

    Raises
    ------
    PlanError : the file is absent or no TOML; a key is unknown, missing or of the wrong kind; a name points
        at nothing. All problems are in one message, each with its key.

    >>> load_plan("cohorts/demo_centre/plan.toml").endpoints["os"].label
    'Overall survival'
    """
    path = Path(path)
    if not path.is_file():
        raise PlanError(f"There is no plan at {path}. A plan is a text file that says what your columns mean; "
                        "start from cohorts/demo_centre/plan.toml.")  # fmt: skip
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise PlanError(f"{path.name} is not a text file in UTF-8. Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path.name} is not valid TOML: {error}. Text stands in quotes, lists in [ ].") from None
    plan = make_plan(content, path.name)
    plan._sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return plan


def make_plan(content: dict[str, Any], name: str = "plan") -> Plan:
    """A plan from an already parsed table; what `load_plan` does after reading the file."""
    try:
        return Plan.model_validate(content)
    except ValidationError as error:
        lines = [line for detail in error.errors() for line in _explained(detail)]
        n = len(lines)
        raise PlanError("\n".join([f"{n} problem{'s' if n > 1 else ''} in {name}:", *(f"  {line}" for line in lines)])) from None


_PARTS: dict[str, type[BaseModel]] = {
    "cohort": CohortPlan, "columns": ColumnPlan, "missing": MissingPlan, "endpoints": EndpointPlan,
    "analysis": AnalysisPlan, "programme": ProgrammePlan, "benchmark": BenchmarkPlan,
}  # fmt: skip


def _explained(detail: Any) -> list[str]:
    """One pydantic error in a surgeon's words, with its place in the file."""
    where = [str(part) for part in detail["loc"] if part not in ("str", "TimedFlag", "ConstantSetting")]
    table = where[0] if where else ""
    depth = 2 if table in ("columns", "endpoints", "programme") else 1
    place = " ".join(filter(None, [f"[{'.'.join(where[:depth])}]" if where else "", ".".join(where[depth:])]))
    if detail["type"] == "extra_forbidden":
        known = _PARTS[table].model_fields if len(where) > 1 and table in _PARTS else Plan.model_fields
        return [f"{place}: there is no such key. {did_you_mean(where[-1], known)}"]
    if detail["type"] == "missing":
        return [f"{place}: is needed and is not there"]
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error" and not where:
        return message.split("\n")
    if detail["type"] == "literal_error":
        return [f"{place}: {detail['input']!r} is not one of {detail['ctx']['expected']}"]
    return [f"{place}: {message[0].lower()}{message[1:]}"]
