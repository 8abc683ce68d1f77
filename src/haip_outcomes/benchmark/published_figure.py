"""One published figure: its fields, the words they may hold, and what must be true of them."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from statsmodels.stats.proportion import proportion_confint

Setting = Literal["adjuvant", "unresectable", "both", "resected_no_haip", "systemic"]
Modality = Literal[
    "HAIP alone",
    "HAIP + systemic",
    "HAIP, systemic not stated",
    "no HAIP",
    "several",
    "not stated",
    "not applicable",
]
Endpoint = Literal[
    "overall_survival", "progression_free_survival", "recurrence_free_survival", "time_to_liver_progression",
    "hepatic_recurrence", "extrahepatic_recurrence", "any_recurrence", "hazard_ratio", "objective_response",
    "conversion_to_resection", "no_evidence_of_disease", "postop_complication", "postop_mortality", "pump_complication",
    "pump_failure", "pump_salvage", "reintervention", "conversion_to_open", "extrahepatic_perfusion", "biliary_sclerosis",
    "biliary_toxicity", "first_cycle_delivered", "first_cycle_not_delivered", "time_to_first_cycle", "cycles_delivered",
    "cohort_composition", "prevalence", "learning_curve", "trial_design", "definition",
]  # fmt: skip
Statistic = Literal[
    "median", "landmark_probability", "cumulative_incidence", "proportion", "hazard_ratio", "risk_ratio", "odds_ratio",
    "median_IQR", "median_range", "range", "count", "threshold", "sample_size", "benchmark_cutoff",
]  # fmt: skip
Unit = Literal["%", "months", "days", "years", "ratio", "patients", "pumps", "cycles", "cm2/m2"]
Qualifier = Literal["exactly", "about", "more than", "up to"]
CiForm = Literal[
    "symmetric (standard error)",
    "curve-based",
    "exact binomial",
    "not stated",
    "none printed",
    "percentile of centres",
]
TimeZero = Literal["pump placement", "liver resection", "surgery", "randomisation", "diagnosis", "start of treatment", "first cycle",
                   "conversion to resection", "not stated", "not applicable"]  # fmt: skip
Event = Literal[
    "as named", "not stated", "not applicable",
    "any complication", "Clavien-Dindo III or worse within 90 days", "grade III or worse",
    "death or serious morbidity within 30 days", "within 30 days", "late, or device malfunction",
    "arterial or catheter complication", "within 90 days", "pump used afterwards", "abnormal perfusion scan",
    "intrahepatic biliary stricture", "biliary stricture needing a stent", "bilirubin over 3 mg/dL", "first cycle given",
    "any liver recurrence", "liver as first site", "site of recurrence", "any lung recurrence", "any extrahepatic recurrence",
    "resectable, not necessarily resected",
    "total psoas area", "L3 skeletal muscle index",
]  # fmt: skip
Competing = Literal["censored", "event", "competing risk", "not stated", "not applicable"]
Outcome = Literal["", "overall_survival", "recurrence_free_survival"]
Better = Literal["higher", "lower", "neither"]
Adjustment = Literal[
    "univariable", "multivariable", "propensity score", "randomised", "not stated", "not applicable"
]
Read = Literal["primary", "secondary"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def words(cls, field: str) -> tuple[str, ...]:
        """The words that a field may hold; empty for a field of free text or of numbers."""
        return tuple(str(word) for word in get_args(cls.model_fields[field].annotation))


class Source(_Part):
    """A publication: cited once, by its key."""

    key: str
    short: str = Field(min_length=1)
    citation: str = Field(min_length=1)
    doi: str = ""
    pmid: str = ""
    pmcid: str = ""
    overlap: tuple[str, ...] = ()
    notes: str = ""


class PublishedFigure(_Part):
    """One published number with its estimand and its source, as printed.

    A controlled field says what can be compared; the field of the same name with `_text` keeps the source's words.
    "not stated" means that the text which was read does not say it. `value` is one number, a range `(low, high)`,
    or missing where the source prints an interval only. An upper limit that was not reached is infinite.
    """

    id: str = Field(min_length=1)
    source: str
    setting: Setting
    modality: Modality
    endpoint: Endpoint
    statistic: Statistic
    horizon: float | None = None
    value: float | tuple[float, float] | None = None
    unit: Unit
    unit_text: str = ""
    qualifier: Qualifier = "exactly"
    iqr: tuple[float, float] | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    ci_level: float | None = Field(default=None, gt=0.5, lt=1)
    ci_form: CiForm = "none printed"
    ci_text: str = ""
    p_value: str = ""
    n: int | None = Field(default=None, ge=1)
    events: int | None = Field(default=None, ge=0)
    time_zero: TimeZero
    time_zero_text: str = ""
    event: Event
    event_text: str = ""
    competing: Competing
    outcome: Outcome = ""
    factor: str = ""
    adjustment: Adjustment = "not applicable"
    population: str = ""
    subgroup: str = ""
    comparator: str = ""
    follow_up: str = ""
    better: Better
    read: Read
    where: str = Field(min_length=1)
    overlap: tuple[str, ...] = ()
    notes: str = ""

    @field_validator("p_value")
    @classmethod
    def _number(cls, text: str) -> str:
        if text:
            try:
                right = 0 <= float(text.lstrip("<")) <= 1
            except ValueError:
                right = False
            if not right:
                raise ValueError(
                    f'"{text}" is no p-value; write it as printed, for example "0.03" or "<.001"'
                )
        return text

    @model_validator(mode="after")
    def _coherent(self) -> PublishedFigure:
        wrong = [*_interval_problems(self), *_value_problems(self), *_meaning_problems(self)]
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    @property
    def estimate(self) -> float | None:
        """The printed number, or None where the source prints a range or only an interval."""
        return self.value if isinstance(self.value, float) else None

    @property
    def value_range(self) -> tuple[float | None, float | None]:
        """The printed range, or (None, None)."""
        return self.value if isinstance(self.value, tuple) else (None, None)

    @property
    def scale(self) -> float:
        """What a printed number is multiplied by: per cent become probabilities, all else stays."""
        return 0.01 if self.unit == "%" else 1.0

    @property
    def printed(self) -> str:
        """The number as a person would print it: "64%", "9.2 months (95% CI 3.1 to 15.3)"."""
        unit = "%" if self.unit == "%" else "" if self.unit == "ratio" else f" {self.unit}"
        if isinstance(self.value, tuple):
            text = f"{self.value[0]:g} to {self.value[1]:g}{unit}"
        else:
            text = f"{self.value:g}{unit}" if self.value is not None else "no estimate"
        if self.qualifier != "exactly":
            text = f"{self.qualifier} {text}"
        if self.ci_low is not None and self.ci_level is not None:
            high = "not reached" if self.ci_high is None or math.isinf(self.ci_high) else f"{self.ci_high:g}"
            text += f" ({100 * self.ci_level:g}% CI {self.ci_low:g} to {high})"
        return text

    @property
    def exact_interval(self) -> tuple[float, float] | None:
        """Derived: the exact (Clopper-Pearson) 95% interval of k of n, as probabilities; None without k and n."""
        if self.statistic != "proportion" or self.count is None or self.n is None:
            return None
        low, high = proportion_confint(self.count, self.n, alpha=0.05, method="beta")
        return float(low), float(high)

    @property
    def count(self) -> int | None:
        """How many of `n`: as printed, or derived where one count alone prints as this per cent (None otherwise)."""
        if self.events is not None and self.n is not None:
            return self.events
        if (
            self.statistic != "proportion"
            or self.unit != "%"
            or self.n is None
            or self.estimate is None
            or self.qualifier != "exactly"
        ):
            return None
        half = 0.5 * _rounding(self.estimate) + 1e-9
        fitting = [k for k in range(self.n + 1) if abs(100 * k / self.n - self.estimate) <= half]
        return fitting[0] if len(fitting) == 1 else None

    @property
    def symmetric_error(self) -> float | None:
        """Derived: the standard error behind an interval printed as estimate plus or minus z SE, in the figure's unit."""
        if (
            self.ci_form != "symmetric (standard error)"
            or self.ci_low is None
            or self.ci_high is None
            or self.ci_level is None
        ):
            return None
        return (self.ci_high - self.ci_low) / (2 * z_of(self.ci_level))


def z_of(level: float) -> float:
    """The normal quantile of a two-sided interval: 1.959964 at 95%."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def _rounding(value: float) -> float:
    """The unit of the last printed digit: 1 for 64, 0.1 for 4.6."""
    text = f"{value:.10g}"
    return 10.0 ** -(len(text.partition(".")[2]))


def _interval_problems(figure: PublishedFigure) -> list[str]:
    low, high, value = figure.ci_low, figure.ci_high, figure.estimate
    wrong = []
    if (low is None) != (high is None):
        wrong.append(
            "an interval needs both limits; write ci_high = inf for an upper limit that was not reached"
        )
    if low is None or high is None:
        if figure.ci_form not in ("none printed", "percentile of centres"):
            wrong.append(f'ci_form says "{figure.ci_form}" and there is no interval')
        return wrong
    if figure.ci_level is None:
        wrong.append("an interval needs its level: ci_level = 0.95")
    if figure.ci_form == "none printed":
        wrong.append(
            'there is an interval, and ci_form says "none printed"; write "not stated" if its form is not known'
        )
    if low > high:
        wrong.append(f"the interval runs backwards: {low:g} to {high:g}")
    elif value is not None and not low <= value <= high:
        wrong.append(f"the interval {low:g} to {high:g} excludes its estimate {value:g}")
    elif value is not None and figure.ci_form == "symmetric (standard error)":
        unit = max(_rounding(number) for number in (low, high, value))
        if abs((low + high) / 2 - value) > unit:
            wrong.append(f"ci_form says symmetric, and {value:g} is not in the middle of {low:g} to {high:g}")
    return wrong


def _value_problems(figure: PublishedFigure) -> list[str]:
    wrong = []
    low, high = figure.value_range
    if figure.value is None and figure.ci_low is None:
        wrong.append(
            "value is needed (it may be left out only where the source prints nothing but an interval)"
        )
    if (figure.statistic == "range") != (low is not None) and figure.statistic != "threshold":
        wrong.append('a range is written as value = [low, high], with statistic = "range"')
    if low is not None and high is not None and low > high and figure.statistic == "range":
        wrong.append(f"the range runs backwards: {low:g} to {high:g}")
    if figure.unit == "%":
        numbers = [figure.estimate, low, high, figure.ci_low, figure.ci_high]
        if any(number is not None and not 0 <= number <= 100 for number in numbers):
            wrong.append("per cent lie between 0 and 100")
    elif figure.statistic != "threshold" and any(
        number is not None and number < 0 for number in (figure.estimate, low)
    ):
        wrong.append(f"{figure.unit} can't be negative")
    if figure.n is not None and figure.events is not None:
        if figure.events > figure.n:
            wrong.append(f"{figure.events} events among {figure.n} patients")
        elif figure.statistic == "proportion" and figure.unit == "%" and figure.estimate is not None:
            share = 100 * figure.events / figure.n
            if abs(share - figure.estimate) > 0.5 * _rounding(figure.estimate) + 1e-9 and not figure.notes:
                wrong.append(
                    f"{figure.events} of {figure.n} is {share:.2f}%, and {figure.estimate:g}% is printed: say so in notes"
                )
    return wrong


def _meaning_problems(figure: PublishedFigure) -> list[str]:
    wrong = []
    if figure.statistic in ("landmark_probability", "cumulative_incidence") and figure.horizon is None:
        wrong.append("a probability at a time needs its horizon, in months")
    for word, text, name in (
        (figure.time_zero, figure.time_zero_text, "time_zero"),
        (figure.event, figure.event_text, "event"),
    ):
        if word not in ("not stated", "not applicable", "as named") and not text:
            wrong.append(
                f'{name} is "{word}" without the source\'s words in {name}_text: it is never guessed'
            )
    if figure.statistic in ("hazard_ratio", "odds_ratio", "risk_ratio") and not figure.factor:
        wrong.append("a ratio needs the factor that it compares")
    if figure.endpoint == "hazard_ratio" and not figure.outcome:
        wrong.append("a hazard ratio needs its outcome, for example overall_survival")
    return wrong
