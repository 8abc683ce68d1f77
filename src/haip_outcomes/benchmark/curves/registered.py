"""A curve that somebody read from a figure, kept beside the published figures: what it is of, and where it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from haip_outcomes.benchmark.curves.digitised import digitised
from haip_outcomes.benchmark.curves.given_numbers import number_of, shown
from haip_outcomes.benchmark.published_figure import Event, Modality, Setting, TimeZero
from haip_outcomes.errors import EndpointError

if TYPE_CHECKING:
    from haip_outcomes.benchmark.curves.guyot import ReconstructedPatients

CurveEndpoint = Literal[
    "overall_survival", "progression_free_survival", "recurrence_free_survival", "time_to_liver_progression",
    "hepatic_recurrence", "extrahepatic_recurrence", "any_recurrence",
]  # fmt: skip
CurveCompeting = Literal["censored", "event", "not stated", "not applicable"]
CurveUnit = Literal["months", "days", "weeks", "years"]


class RegisteredCurve(BaseModel):
    """One digitised Kaplan-Meier curve with its estimand and its source, in the words of the published figures.

    `points` are (time, survival) as probabilities, `at_risk` (time, number at risk) as printed below the figure; without it the
    number of patients `n` stands alone. `events` is the total that the source prints.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    statistic: ClassVar[str] = "curve"
    outcome: ClassVar[str] = ""

    id: str = Field(min_length=1)
    source: str
    setting: Setting
    modality: Modality = "not stated"
    endpoint: CurveEndpoint
    time_zero: TimeZero
    time_zero_text: str = ""
    event: Event = "as named"
    event_text: str = ""
    competing: CurveCompeting
    unit: CurveUnit = "months"
    n: int = Field(ge=1)
    events: int | None = Field(default=None, ge=0)
    points: tuple[tuple[float, float], ...]
    at_risk: tuple[tuple[float, int], ...] = ()
    read_from: str = Field(min_length=1)
    population: str = ""
    subgroup: str = ""
    comparator: str = ""
    overlap: tuple[str, ...] = ()
    notes: str = ""

    @field_validator("n", "events", mode="before")
    @classmethod
    def _counted(cls, value: Any) -> Any:
        """Whole numbers, and not text or true that could be read as one."""
        if value is None:
            return value
        found = number_of(value)
        if found is None or not found.is_integer():
            raise ValueError(f"must be a whole number; it is {shown(value)}")
        return int(found)

    @field_validator("points", "at_risk", mode="before")
    @classmethod
    def _pairs(cls, value: Any, info: Any) -> Any:
        """Pairs of numbers; all that are none are named, with their place."""
        value = value.tolist() if isinstance(value, np.ndarray) else value
        second, example = ("survival", "[[0, 1], [5.2, 0.96]]") if info.field_name == "points" else ("number at risk", "[[0, 26], [12, 24]]")
        if not isinstance(value, (list, tuple)):
            only = "; where only the number of patients is printed leave it out, n says it" if info.field_name == "at_risk" else ""
            raise ValueError(f"must be a list of pairs [time, {second}], such as {example}; it is {shown(value)}{only}")
        wrong = []
        for place, pair in enumerate(value, start=1):
            if not isinstance(pair, (list, tuple)):
                wrong.append(f"entry {place} is {shown(pair)}")
            elif len(pair) != 2:
                wrong.append(f"entry {place} has {len(pair)} number{'' if len(pair) == 1 else 's'}, [{', '.join(str(one) for one in pair[:4])}]")
            else:
                wrong += [f"entry {place} holds {shown(one)}" for one in pair if number_of(one) is None]
                if info.field_name == "at_risk" and not wrong and not float(pair[1]).is_integer():
                    wrong.append(f"entry {place} has {pair[1]:g} at risk, which is no whole number")
        if wrong:
            raise ValueError(f"must be pairs [time, {second}], such as {example}: {'; '.join(wrong[:5])}{'; ...' if len(wrong) > 5 else ''}")
        return value

    @field_validator("overlap", mode="before")
    @classmethod
    def _groups(cls, value: Any) -> Any:
        """A list of names, not one name, of which each letter would be a group."""
        if isinstance(value, str):
            raise ValueError(f'must be a list of overlap groups: write ["{value}"]')
        return value

    @model_validator(mode="after")
    def _coherent(self) -> RegisteredCurve:
        wrong = []
        if self.at_risk and self.at_risk[0][0] == 0 and self.at_risk[0][1] != self.n:
            wrong.append(f"n is {self.n}, and {self.at_risk[0][1]} are at risk at time 0")
        for word, text, name in ((self.time_zero, self.time_zero_text, "time_zero"), (self.event, self.event_text, "event")):
            if word not in ("not stated", "not applicable", "as named") and not text:
                wrong.append(f'{name} is "{word}" without the source\'s words in {name}_text: it is never guessed')
        if self.endpoint == "overall_survival" and self.competing in ("censored", "event"):
            wrong.append(f'competing can\'t be "{self.competing}" for overall survival, of which death is the event: write "not applicable"')
        try:
            digitised(self.points, self.at_risk or self.n, events=self.events, unit=self.unit)
        except EndpointError as error:
            wrong += [line.strip() for line in str(error).split("\n")[1:]]
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    @classmethod
    def words(cls, field: str) -> tuple[str, ...]:
        """The words that a field may hold; empty for a field of free text or of numbers."""
        return tuple(str(word) for word in get_args(cls.model_fields[field].annotation))

    @property
    def curve(self) -> pd.DataFrame:
        """The points: columns time and survival."""
        return pd.DataFrame(self.points, columns=["time", "survival"])

    @property
    def numbers_at_risk(self) -> pd.DataFrame:
        """The numbers at risk: columns time and n_risk; the number of patients alone is one row."""
        return pd.DataFrame(self.at_risk or [(0.0, self.n)], columns=["time", "n_risk"])

    @property
    def doubt(self) -> str:
        """What looks wrong with the numbers at risk and may be right; empty where nothing does."""
        return digitised(self.points, self.at_risk or self.n, events=self.events, unit=self.unit).doubt

    def patients(self, *, events_at: Literal["point", "midpoint"] = "point") -> ReconstructedPatients:
        """The patients that the curve could have been drawn from (`reconstruct_ipd`), in the curve's unit."""
        from haip_outcomes.benchmark.curves.guyot import reconstruct_ipd

        return reconstruct_ipd(self.curve, self.numbers_at_risk, events=self.events, unit=self.unit, label=f"{self.endpoint.replace('_', ' ')}, {self.id}",
                               state="Event", events_at=events_at, time_zero=self.time_zero_text or self.time_zero)  # fmt: skip
