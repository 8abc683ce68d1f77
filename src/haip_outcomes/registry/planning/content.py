"""What a plan holds: its parts together, and what they say of every column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from haip_outcomes.registry.planning.parts import (
    AnalysisPlan,
    BenchmarkPlan,
    CohortPlan,
    ColumnPlan,
    DerivedPlan,
    EndpointPlan,
    MissingPlan,
    Part,
    ProgrammePlan,
    RedcapPlan,
    TablePlan,
    TimedFlag,
    TreatmentPlan,
)


class PlanContent(Part):
    """The parts of plan.toml. `columns` holds the derived columns too, under their names."""

    cohort: CohortPlan
    endpoints: dict[str, EndpointPlan] = Field(min_length=1)
    columns: dict[str, ColumnPlan] = Field(default_factory=dict)
    redcap: RedcapPlan | None = None
    tables: dict[str, TablePlan] = Field(default_factory=dict)
    derived: dict[str, DerivedPlan] = Field(default_factory=dict)
    missing: MissingPlan = MissingPlan()
    analysis: AnalysisPlan = AnalysisPlan()
    treatment: TreatmentPlan | None = None
    programme: dict[str, ProgrammePlan] = Field(default_factory=dict)
    benchmark: BenchmarkPlan = BenchmarkPlan()

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
            for name, kind in endpoint_columns(endpoint):
                if kind != "flag" or not self.columns.get(name, ColumnPlan()).levels:
                    kinds[name] = "code" if kind == "flag" and self.flag_codes(name) != {"1"} else kind
        for column in self.columns.values():
            if column.known_date:
                kinds.setdefault(column.known_date, "date")
        for item in self.programme.values():
            if item.start and item.end:
                kinds[item.start] = kinds[item.end] = "date"
        for derived in self.derived.values():
            if derived.within:
                kinds[derived.within.start] = "date"
        if self.cohort.last_contact:
            kinds[self.cohort.last_contact] = "date"
        if self.cohort.centre:
            kinds.setdefault(self.cohort.centre, "text")
        if self.cohort.setting_column:
            kinds[self.cohort.setting_column] = "setting"
        kinds[self.cohort.id] = "key"
        return kinds

    @property
    def file_kinds(self) -> dict[str, str]:
        """The columns that the patients' table of the file must have, and what each must hold: all but the derived ones."""
        return {name: kind for name, kind in self.kinds.items() if name not in self.derived}

    def holds(self, event: TimedFlag) -> str | float:
        """What the typed column of a flag holds when the event happened: its level's label, its code, or 1."""
        levels = self.columns.get(event.flag, ColumnPlan()).levels
        return levels.get(event.code, "") if levels else event.code if self.kinds[event.flag] == "code" else 1.0

    def flag_codes(self, column: str) -> set[str]:
        """Every code that says of this flag column that an event happened."""
        return {event.code for _, event in self.timed() if event.flag == column}

    def timed(self) -> Iterator[tuple[str, TimedFlag]]:
        """Every event that is kept as a time and a flag, with its place in the plan."""
        for name, endpoint in self.endpoints.items():
            yield from ((f"[endpoints.{name}] events {label}", event) for label, event in endpoint.events.items() if isinstance(event, TimedFlag))


def endpoint_columns(endpoint: EndpointPlan) -> Iterator[tuple[str, str]]:
    """The columns that an endpoint is made of, and what each must hold."""
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


def derived_column(derived: DerivedPlan, content: PlanContent) -> ColumnPlan:
    """What a derived column holds, as if it stood in the file."""
    named: dict[str, Any] = {"label": derived.label, "unit": derived.unit}
    if derived.take == "any" or derived.formula == "sarcopenia":
        return ColumnPlan(**named, levels={"0": "No", "1": "Yes"})
    if derived.formula == "tumour_burden_zone":
        return ColumnPlan(**named, levels={str(zone): f"Zone {zone}" for zone in (1, 2, 3)})
    if derived.take in ("earliest", "latest"):
        return ColumnPlan(**named, kind="date")
    if derived.take in ("first", "last", "highest", "lowest"):
        table = content.tables.get(derived.table or "")
        columns = table.columns if table else content.columns
        source = columns.get(derived.column or next(iter(derived.columns), ""), ColumnPlan())
        if source.resolved != "text":
            return ColumnPlan(**named, kind=source.resolved, levels=source.levels)
    return ColumnPlan(**named, kind="number")
