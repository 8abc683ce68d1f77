"""The parts of plan.toml, each with its keys and what must hold within it."""

from __future__ import annotations

import codecs
import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, field_validator, model_validator

from haip_outcomes.errors import did_you_mean

SETTINGS = ("adjuvant", "unresectable", "comparator")
Setting = Literal["adjuvant", "unresectable", "comparator"]
Kind = Literal["category", "number", "date", "text"]


KNOWN = ("baseline", "later")  # when a column is known, besides the name of a date column
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
    keys: tuple[str, ...] = ()
    last_contact: str | None = None
    sheet: str | None = None
    encoding: str | None = None
    separator: Literal[",", ";", "\t", "|"] | None = None
    decimal: Literal[".", ","] | None = None
    date_format: str | None = None
    partial: Literal["mid-month"] | None = None

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str | None) -> str | None:
        try:
            return encoding and codecs.lookup(encoding) and encoding
        except LookupError:
            raise ValueError(f'there is no encoding "{encoding}": write "utf-8", "cp1252" (Windows, western Europe) or "utf-16"') from None

    @field_validator("date_format")
    @classmethod
    def _whole_date(cls, date_format: str | None) -> str | None:
        if date_format is None:
            return None
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
    item: str | None = None
    event: str | None = None
    known: str | None = None
    before: str | None = None

    @model_validator(mode="after")
    def _coherent(self) -> ColumnPlan:
        if self.before is not None and self.known_date is None:
            raise ValueError('before is the level until the date that known names: write known = "the_date_column" too')
        if self.before is not None and self.before not in self.levels.values():
            raise ValueError(f'before = "{self.before}" is not one of its levels. {did_you_mean(self.before, self.levels.values())}')
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

    @property
    def known_date(self) -> str | None:
        """The date column from which on the value is known; None for what is known at baseline, later or never said."""
        return None if self.known in (None, *KNOWN) else self.known


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


class BothPlan(Part):
    """Two events that happen within so many days of each other are one state of their own, at the earlier date."""

    events: tuple[str, str]
    within_days: Annotated[int, Field(strict=True, ge=0)] = 30
    label: str = "Both"


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
    both: BothPlan | None = None
    without_start: Literal["left out"] | None = None
    unit: Unit = "months"

    @property
    def states(self) -> tuple[str, ...]:
        """What can happen, in the plan's order; that two things happened together comes last."""
        return (*self.events, *([self.both.label] if self.both else []))

    @model_validator(mode="after")
    def _coherent(self) -> EndpointPlan:
        if self.both:
            for event in self.both.events:
                if event not in self.events:
                    raise ValueError(f'both names "{event}", which is not one of its events. {did_you_mean(event, self.events)}')
            if self.both.events[0] == self.both.events[1] or self.both.label in self.events:
                raise ValueError("both needs two different events and a label that is none of the events")
        timed = [isinstance(event, TimedFlag) for event in self.events.values()]
        if any(timed) and not all(timed):
            raise ValueError("all events must be dates, or all must be { time, flag } pairs")
        if not any(timed) and not self.last_seen:
            raise ValueError("last_seen is needed: the date column that says until when a patient was followed")
        if any(timed) and self.without_start:
            raise ValueError("without_start is for endpoints made from dates: leave it out")
        if not any(timed) and self.unit != "months":
            raise ValueError('times made from dates are in months: leave unit out')  # fmt: skip
        return self

    @property
    def from_dates(self) -> bool:
        """True when the recipe is made of date columns, False for (time, flag) pairs."""
        return all(isinstance(event, str) for event in self.events.values())


class RedcapPlan(Part):
    """`[redcap]`: the project's data dictionary, and where its interface is; the token stands in the environment only."""

    dictionary: str | None = None
    url: str | None = None
    token_variable: str = "REDCAP_API_TOKEN"


class TablePlan(Part):
    """`[tables.NAME]`: a related table with many rows a patient, found in a sheet, a file or a REDCap instrument."""

    label: str = ""
    sheet: str | None = None
    file: str | None = None
    instrument: str | None = None
    patient: str | None = None
    columns: dict[str, ColumnPlan] = Field(min_length=1)

    @model_validator(mode="after")
    def _coherent(self) -> TablePlan:
        if sum(place is not None for place in (self.sheet, self.file, self.instrument)) != 1:
            raise ValueError('say where its rows are: sheet = "..." (of the workbook), file = "..." (beside the cohort file) or instrument = "..." (REDCap)')
        if "patient" in self.columns:
            raise ValueError('the name "patient" is kept for the patient a row belongs to: give this column another name in the file and here')
        return self


class WithinPlan(Part):
    """Only rows within so many days after a date of the patient, that day included."""

    start: str
    days: Annotated[int, Field(strict=True, ge=0)]


Take = Literal["earliest", "latest", "count", "any", "highest", "lowest", "first", "last", "sum", "complication_index"]
Formula = Literal["bmi", "l3_smi", "sarcopenia", "fong_crs", "tumour_burden_score", "tumour_burden_zone",
                  "disease_free_interval", "age_at"]  # fmt: skip


class DerivedPlan(Part):
    """`[derived.NAME]`: a column made from a related table, from other columns of the patient, or by a formula."""

    label: str = ""
    unit: str = ""
    take: Take | None = None
    table: str | None = None
    column: str | None = None
    columns: tuple[str, ...] = ()
    where: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    within: WithinPlan | None = None
    by: str | None = None
    formula: Formula | None = None
    cutoffs: str | dict[str, Any] | None = None
    inputs: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _coherent(self) -> DerivedPlan:
        if (self.take is None) == (self.formula is None):
            raise ValueError('write either take = "..." (a summary of other cells) or formula = "..."')
        for key, value in (("where", self.where), ("within", self.within), ("by", self.by)):
            if value and self.table is None:
                raise ValueError(f"{key} chooses rows of a related table: name the table")
        if self.formula:
            if self.table or self.column or self.columns:
                raise ValueError("a formula takes its columns from inputs, or from the columns that are standard items")
        elif (self.table is None) == (not self.columns):
            raise ValueError("say where to look: table (and column) for a related table, or columns for columns of the patient")
        elif self.take == "complication_index" and self.columns:
            raise ValueError("complication_index is taken of a related table with a row a complication: write table, and column with the grade")
        elif self.table and self.take not in ("count", "any") and not self.column:
            raise ValueError(f"{self.take} of which column? Write column")
        elif self.take in ("first", "last") and self.table and not self.by:
            raise ValueError(f'{self.take} in which order? Write by = "..." with the date column of the table')
        if self.cutoffs is not None and self.formula != "sarcopenia":
            raise ValueError("cutoffs belong to the formula sarcopenia")
        if self.formula == "sarcopenia" and self.cutoffs is None:
            raise ValueError("which cutoffs? Name published ones or give your own: there is no silent choice")
        return self


class AnalysisPlan(Part):
    """`[analysis]`: the horizons, the prognostic factors and their models, and what may be pooled over settings.

    `interactions` are "factor*subgroup", declared before looking; `later` are columns known after time zero, analysed over time and at
    the `landmarks`; `auxiliary` columns help `imputations` of missing factors; `resamples` validate the multivariable model.
    """

    times: tuple[Number, ...] = (12, 36, 60)
    factors: tuple[str, ...] = ()
    multivariable: tuple[str, ...] | None = None
    groups: tuple[str, ...] = ()
    pooled: tuple[str, ...] = ()
    table1: tuple[str, ...] | None = None
    interactions: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    landmarks: tuple[Number, ...] = ()
    auxiliary: tuple[str, ...] = ()
    imputations: Annotated[int, Field(strict=True, ge=0, le=1000)] = 50
    resamples: Annotated[int, Field(strict=True, ge=0, le=10_000)] = 200

    @field_validator("times")
    @classmethod
    def _ascending(cls, times: tuple[float, ...]) -> tuple[float, ...]:
        if not times or any(time <= 0 for time in times) or list(times) != sorted(set(times)):
            raise ValueError("times must be positive and ascending, for example [12, 36, 60]")
        return times

    @field_validator("landmarks")
    @classmethod
    def _landmarks(cls, landmarks: tuple[float, ...]) -> tuple[float, ...]:
        if any(time <= 0 for time in landmarks) or list(landmarks) != sorted(set(landmarks)):
            raise ValueError("landmarks must be positive and ascending, for example [6] or [6, 12]")
        return landmarks

    @field_validator("interactions")
    @classmethod
    def _pairs(cls, interactions: tuple[str, ...]) -> tuple[str, ...]:
        for text in interactions:
            parts = [part.strip() for part in text.split("*")]
            if len(parts) != 2 or not all(parts) or parts[0] == parts[1]:
                raise ValueError(f'"{text}" is not an interaction: write "factor*subgroup", two columns with a star between them')
        return _each_once(interactions)

    @field_validator("imputations")
    @classmethod
    def _several(cls, imputations: int) -> int:
        if imputations == 1:
            raise ValueError("one imputation has no between-imputation variance: write 0 for none, or about 50")
        return imputations

    @field_validator("resamples")
    @classmethod
    def _enough(cls, resamples: int) -> int:
        if 0 < resamples < 50:
            raise ValueError("so few resamples say nothing: write 0 for no validation, or at least 50 (200 unless said)")
        return resamples

    @field_validator("factors", "multivariable", "groups", "pooled", "table1", "later", "auxiliary")
    @classmethod
    def _different(cls, columns: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return columns and _each_once(columns)


class TreatmentPlan(Part):
    """`[treatment]`: two treatments of one file compared, as pump against no pump: whose they are and what may have led to the choice.

    `column` may be the setting's; patients with another level than `treated` and `control` are left out and counted.
    """

    column: str
    treated: str
    control: str
    confounders: tuple[str, ...] = Field(min_length=1)
    estimand: Literal["ATE", "ATT", "overlap"] = "ATE"
    endpoints: tuple[str, ...] = ("os",)
    landmark: Annotated[float, Field(strict=True, gt=0)] | None = None

    @model_validator(mode="after")
    def _coherent(self) -> TreatmentPlan:
        if self.treated == self.control:
            raise ValueError("treated and control are the same level: write two different ones")
        if self.column in self.confounders:
            raise ValueError("the treatment can't be a confounder of itself: take it out of confounders")
        _each_once(self.confounders)
        _each_once(self.endpoints)
        return self


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
    """`[benchmark]`: the published figures to be judged (named before looking), the margins of "on a par", and files beside the plan.

    `figures` is the centre's own file of published figures and curves, `reference` are reference models saved from another cohort.
    """

    judge: tuple[str, ...] = ()
    margin: dict[str, Number] = Field(default_factory=dict)
    figures: str | None = None
    reference: tuple[str, ...] = ()

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
