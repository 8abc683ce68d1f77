"""plan.toml: what a centre edits instead of writing Python. Nothing else in the package parses it."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from haip_outcomes.errors import PlanError, did_you_mean
from haip_outcomes.registry.plan_parts import (
    AnalysisPlan,
    BenchmarkPlan,
    CohortPlan,
    ColumnPlan,
    EndpointPlan,
    MissingPlan,
    Part,
    ProgrammePlan,
    TimedFlag,
)
from haip_outcomes.registry.plan_words import explained


class Plan(Part):
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
        """Every column the plan uses and what it must hold: key, setting, date, number, category, text,
        flag (0 or 1) or code (a flag with codes of its own)."""
        kinds: dict[str, str] = {}
        for name, column in self.columns.items():
            kinds[name] = column.resolved
        for endpoint in self.endpoints.values():
            for name, kind in _endpoint_columns(endpoint):
                if kind != "flag" or not self.columns.get(name, ColumnPlan()).levels:
                    kinds[name] = "code" if kind == "flag" and self.flag_codes(name) != {"1"} else kind
        for item in self.programme.values():
            if item.start and item.end:
                kinds[item.start] = kinds[item.end] = "date"
        if self.cohort.last_contact:
            kinds[self.cohort.last_contact] = "date"
        if self.cohort.centre:
            kinds.setdefault(self.cohort.centre, "text")
        if self.cohort.setting_column:
            kinds[self.cohort.setting_column] = "setting"
        kinds[self.cohort.id] = "key"
        return kinds

    @model_validator(mode="after")
    def _coherent(self) -> Plan:
        wrong = [f"{where}: {message}" for where, message in self._contradictions()]
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    def holds(self, event: TimedFlag) -> str | float:
        """What the typed column of a flag holds when the event happened: its level's label, its code, or 1."""
        levels = self.columns.get(event.flag, ColumnPlan()).levels
        return levels.get(event.code, "") if levels else event.code if self.kinds[event.flag] == "code" else 1.0

    def flag_codes(self, column: str) -> set[str]:
        """Every code that says of this flag column that an event happened."""
        return {event.code for _, event in self._timed() if event.flag == column}

    def _timed(self) -> Iterator[tuple[str, TimedFlag]]:
        for name, endpoint in self.endpoints.items():
            yield from ((f"[endpoints.{name}] events {label}", event) for label, event in endpoint.events.items() if isinstance(event, TimedFlag))

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        """Names that point at nothing, and what one part of the plan says against another."""
        yield from self._wrong_columns()
        yield from self._wrong_programme()
        yield from self._wrong_endpoints()
        yield from self._wrong_codes()
        setting = self.cohort.setting_column
        if setting == self.cohort.id:
            yield "[cohort] setting", "the setting can't be the id column"
        elif setting != "setting" and "setting" in self.kinds:
            yield "[columns.setting]", 'the name "setting" is kept for the setting itself: give this column another name in the file and here'

    def _wrong_columns(self) -> Iterator[tuple[str, str]]:
        for key in ("factors", "multivariable", "groups", "pooled", "table1"):
            for name in getattr(self.analysis, key) or ():
                if name not in self.columns:
                    yield f"[analysis] {key}", f'"{name}" has no [columns.{name}]. {did_you_mean(name, self.columns)}'
                    continue
                kind = "key" if name == self.cohort.id else self.columns[name].kind or self.kinds[name]
                refused = {"groups": ("key", "text", "date", "number"), "table1": ("key", "text")}.get(key, ("key", "text", "date"))
                if kind in refused:
                    said = "the patients' key" if kind == "key" else "text" if kind == "text" else f"a {kind}"
                    needed = "a category (levels = { ... })" + ("" if key == "groups" else ' or a number (kind = "number")')
                    yield f"[analysis] {key}", f'"{name}" is {said}, and only {needed} can stand here'

    def _wrong_programme(self) -> Iterator[tuple[str, str]]:
        for name, item in self.programme.items():
            if item.column is not None and item.column not in self.columns:
                yield (f"[programme.{name}] column",
                       f'"{item.column}" has no [columns.{item.column}]. {did_you_mean(item.column, self.columns)}')  # fmt: skip
            elif item.column is not None:
                levels = self.columns[item.column].levels.values()
                if item.level not in levels:
                    yield f"[programme.{name}] level", f'"{item.level}" is not a level. {did_you_mean(item.level, levels)}'

    def _wrong_endpoints(self) -> Iterator[tuple[str, str]]:
        kept = {self.cohort.id: "the patients' key", self.cohort.setting_column: "the setting"}
        held: dict[str, tuple[str, str]] = {}  # column: what one part of the plan says that it holds
        for place, column, kind, unit in self._uses():
            declared = self.columns.get(column)
            before, unit_before = held.setdefault(column, (kind, unit))
            if column in kept:
                yield place, f'"{column}" must hold a {kind}, and it is {kept[column]}'
            elif declared and declared.kind and declared.kind != kind and kind != "flag":
                yield place, f'"{column}" must hold a {kind}, and [columns.{column}] says {declared.kind}'
            elif before != kind:
                yield place, f'"{column}" must hold a {kind}, and elsewhere in the plan a {before}'
            elif unit != unit_before:
                yield place, f'"{column}" is in {unit}, and elsewhere in the plan in {unit_before}'
        for name, endpoint in self.endpoints.items():
            if len(set(map(repr, endpoint.events.values()))) < len(endpoint.events):
                yield f"[endpoints.{name}] events", "two events are told by the same column: one of them could never happen"
            if "terminal" in endpoint.model_fields_set:
                for event in endpoint.terminal:
                    if event not in endpoint.events:
                        yield f"[endpoints.{name}] terminal", f'"{event}" is not one of its events. {did_you_mean(event, endpoint.events)}'

    def _uses(self) -> Iterator[tuple[str, str, str, str]]:
        """Where a column is used outside [columns] and [analysis], what it must hold there, and in which unit."""
        for name, endpoint in self.endpoints.items():
            for column, kind in _endpoint_columns(endpoint):
                yield f"[endpoints.{name}]", column, kind, endpoint.unit if kind == "number" else ""
        for name, item in self.programme.items():
            yield from ((f"[programme.{name}]", column, "date", "") for column in (item.start, item.end) if column)
        if self.cohort.last_contact:
            yield "[cohort] last_contact", self.cohort.last_contact, "date", ""

    def _wrong_codes(self) -> Iterator[tuple[str, str]]:
        """Codes of flags that are not levels, and codes that mean both a level and "not known"."""
        for place, event in self._timed():
            levels = self.columns.get(event.flag, ColumnPlan()).levels
            if levels and event.code not in levels:
                yield place, f'code "{event.code}" is not a level of {event.flag}: write code = with one of {", ".join(levels)}'
        meant = {f"a level of {name}": set(column.levels) for name, column in self.columns.items()}
        meant |= {"a setting": set(self.cohort.setting_levels)}
        meant |= {f"what {event.flag} holds when the event happened": {event.code} for _, event in self._timed()}
        for what, codes in meant.items():
            for code in sorted(filter(self.missing.covers, codes)):
                yield "[missing] codes", f'"{code}" is also {what}: it can\'t mean "not known" as well'


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
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise PlanError(f"{path.name} is not a text file in UTF-8. Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path.name} is not valid TOML: {error}. Text stands in straight quotes, lists in [ ]; a column's name "
                        'with anything but letters, digits, - and _ stands in quotes too: [columns."a/b"].') from None
    plan = make_plan(content, path.name)
    plan._sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return plan


def make_plan(content: dict[str, Any], name: str = "plan") -> Plan:
    """A plan from an already parsed table; what `load_plan` does after reading the file."""
    try:
        return Plan.model_validate(content)
    except ValidationError as error:
        lines = explained(error, known=tuple(Plan.model_fields))
        n = len(lines)
        raise PlanError("\n".join([f"{n} problem{'s' if n > 1 else ''} in {name}:", *(f"  {line}" for line in lines)])) from None
