"""One published figure: its fields, the words they may hold, and what must be true of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from statistics import NormalDist
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator
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

_MONTHS = {"months": 1.0, "days": 12 / 365.25, "years": 12.0}
_RATIOS = ("hazard_ratio", "risk_ratio", "odds_ratio")
# Endpoints whose name says the harm: to have more of it is never better.
_HARM = ("time_to_liver_progression", "hepatic_recurrence", "extrahepatic_recurrence", "any_recurrence", "postop_complication",
         "postop_mortality", "pump_complication", "pump_failure", "reintervention", "conversion_to_open", "extrahepatic_perfusion",
         "biliary_sclerosis", "biliary_toxicity", "first_cycle_not_delivered")  # fmt: skip
_ABOUT_PATIENTS = ("cohort_composition", "learning_curve", "trial_design", "definition", "prevalence")


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
    or missing where the source prints an interval only. An upper limit that was not reached is infinite. `n_risk` is the
    number at risk that the source prints for the horizon of a probability.
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
    n_risk: int | None = Field(default=None, ge=1)
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
        wrong = self._wrong()
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    def _wrong(self, unknown: Collection[str] = ()) -> list[str]:
        """What is not true of it, by the rules that look at none of the fields that are not known."""
        rules = (*_interval_problems(self), *_value_problems(self), *_meaning_problems(self))
        return [words for fields, words in rules if not set(fields.split()) & set(unknown)]

    @classmethod
    def wrong_besides(cls, table: Mapping[str, Any], unknown: Collection[str]) -> list[str]:
        """What else is wrong with a figure some of whose fields are missing or can't be read: so that one reading names all of it."""
        kinds: dict[str, Any] = {name: field.annotation for name, field in cls.model_fields.items() if name in table and name not in unknown}
        kept = {name: TypeAdapter(kind).validate_python(table[name]) for name, kind in kinds.items()}
        rest = {name: None for name, field in cls.model_fields.items() if field.is_required() and name not in kept}
        return cls.model_construct(**kept, **rest)._wrong(unknown)

    @property
    def estimate(self) -> float | None:
        """The printed number, or None where the source prints a range or only an interval."""
        return self.value if isinstance(self.value, float) else None

    @property
    def value_range(self) -> tuple[float | None, float | None]:
        """The printed range, or (None, None)."""
        return self.value if isinstance(self.value, tuple) else (None, None)

    @property
    def common_unit(self) -> str:
        """The unit that both sides are brought to: "probability" for per cent, months for medians of an endpoint, days to the first cycle."""
        if self.unit == "%":
            return "probability"
        if self.unit in _MONTHS and self.statistic in ("median", "median_IQR"):
            if self.endpoint == "time_to_first_cycle":
                return "days"
            if self.statistic == "median" and self.endpoint not in _ABOUT_PATIENTS:
                return "months"
        return self.unit

    @property
    def scale(self) -> float:
        """What a printed number is multiplied by to be in `common_unit`: per cent become probabilities, years months."""
        if self.unit == "%":
            return 0.01
        return _MONTHS[self.unit] / _MONTHS[self.common_unit] if self.common_unit != self.unit else 1.0

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

    @property
    def derived_error(self) -> tuple[float, str, str] | None:
        """Derived: the standard error that the printed numbers amount to, its scale, and what it was taken from; None without one.

        Of a ratio that of its logarithm: (ln U - ln L)/(2z) at the printed level, else |ln ratio|/z of its p-value (Altman and Bland 2011,
        doi 10.1136/bmj.d2090). Of an interval printed as estimate plus or minus z SE, in the figure's unit: (U - L)/(2z).
        """
        level = f"printed {100 * self.ci_level:g}% interval" if self.ci_level is not None else ""
        if self.statistic not in _RATIOS:
            return None if self.symmetric_error is None else (self.symmetric_error, self.unit, level)
        low, high, ratio = self.ci_low, self.ci_high, self.estimate
        if low is not None and high is not None and self.ci_level is not None and 0 < low < high < math.inf:
            return (math.log(high) - math.log(low)) / (2 * z_of(self.ci_level)), "logarithm", level
        p = float(self.p_value.lstrip("<")) if self.p_value else math.nan
        if low is not None or ratio is None or ratio <= 0 or ratio == 1 or self.qualifier != "exactly" or not 0 < p < 1:
            return None
        words = ", taken as equal: an upper bound" if "<" in self.p_value else ""
        return abs(math.log(ratio)) / -NormalDist().inv_cdf(p / 2), "logarithm", f"p-value {self.p_value}{words}"

    @property
    def looks_symmetric(self) -> bool:
        """Whether the estimate lies in the middle of its interval, as far as the printed digits tell."""
        low, high, value = self.ci_low, self.ci_high, self.estimate
        if low is None or high is None or value is None or math.isinf(high):
            return False
        return abs((low + high) / 2 - value) <= min(_rounding(number) for number in (low, high, value)) + 1e-9

    @property
    def log_symmetric(self) -> bool:
        """Whether a ratio lies in the middle of its interval on the logarithm, as far as the printed digits tell."""
        low, high, value = self.ci_low, self.ci_high, self.estimate
        if not low or not high or not value or math.isinf(high):
            return False
        half = min(_rounding(number) for number in (low, high, value)) / 2
        could = half / value + (half / low + half / high) / 2
        return abs((math.log(low) + math.log(high)) / 2 - math.log(value)) <= could


def z_of(level: float) -> float:
    """The normal quantile of a two-sided interval: 1.959964 at 95%."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def _rounding(value: float) -> float:
    """The unit of the last printed digit: 1 for 64, 0.1 for 4.6."""
    text = f"{value:.10g}"
    return 10.0 ** -(len(text.partition(".")[2]))


# --- what must be true: (the fields that a rule looks at, what is wrong) --------------------------------------------

_Wrong = Iterator[tuple[str, str]]


def _interval_problems(figure: PublishedFigure) -> _Wrong:
    low, high, value = figure.ci_low, figure.ci_high, figure.estimate
    if (low is None) != (high is None):
        yield "ci_low ci_high", "an interval needs both limits; write ci_high = inf for an upper limit that was not reached"
    if low is None or high is None:
        if figure.ci_form not in ("none printed", "percentile of centres"):
            yield "ci_low ci_high ci_form", f'ci_form says "{figure.ci_form}" and there is no interval'
        return
    if figure.ci_level is None:
        yield "ci_low ci_high ci_level", "an interval needs its level: ci_level = 0.95"
    if figure.ci_form == "none printed":
        yield "ci_low ci_high ci_form", 'there is an interval, and ci_form says "none printed"; write "not stated" if its form is not known'
    if low > high:
        yield "ci_low ci_high", f"the interval runs backwards: {low:g} to {high:g}"
    elif value is not None and not low <= value <= high:
        yield "ci_low ci_high value", f"the interval {low:g} to {high:g} excludes its estimate {value:g}"
    elif value is not None and figure.ci_form == "symmetric (standard error)":
        unit = max(_rounding(number) for number in (low, high, value))
        if abs((low + high) / 2 - value) > unit:
            yield "ci_low ci_high value ci_form", f"ci_form says symmetric, and {value:g} is not in the middle of {low:g} to {high:g}"


def _value_problems(figure: PublishedFigure) -> _Wrong:
    low, high = figure.value_range
    if figure.value is None and figure.ci_low is None:
        yield "value ci_low", "value is needed (it may be left out only where the source prints nothing but an interval)"
    if (figure.statistic == "range") != (low is not None) and figure.statistic != "threshold":
        yield "value statistic", 'a range is written as value = [low, high], with statistic = "range"'
    if low is not None and high is not None and low > high and figure.statistic == "range":
        yield "value statistic", f"the range runs backwards: {low:g} to {high:g}"
    if figure.unit == "%":
        numbers = [figure.estimate, low, high, figure.ci_low, figure.ci_high]
        if any(number is not None and not 0 <= number <= 100 for number in numbers):
            yield "unit value ci_low ci_high", "per cent lie between 0 and 100"
    elif figure.statistic != "threshold" and any(number is not None and number < 0 for number in (figure.estimate, low)):
        yield "unit value statistic", f"{figure.unit} can't be negative"
    if figure.n_risk is not None:
        if figure.statistic != "landmark_probability":
            yield "n_risk statistic", "n_risk is the number at risk at the horizon of a landmark probability, and of nothing else"
        elif figure.n is not None and figure.n_risk > figure.n:
            yield "n_risk n", f"{figure.n_risk} at risk among {figure.n} patients"
    if figure.n is not None and figure.events is not None:
        if figure.events > figure.n:
            yield "events n", f"{figure.events} events among {figure.n} patients"
        elif figure.statistic == "proportion" and figure.unit == "%" and figure.estimate is not None:
            share = 100 * figure.events / figure.n
            if abs(share - figure.estimate) > 0.5 * _rounding(figure.estimate) + 1e-9 and not figure.notes:
                yield ("events n value statistic unit notes",
                       f"{figure.events} of {figure.n} is {share:.2f}%, and {figure.estimate:g}% is printed: say so in notes")  # fmt: skip


def _meaning_problems(figure: PublishedFigure) -> _Wrong:
    at_a_time = figure.statistic in ("landmark_probability", "cumulative_incidence")
    if at_a_time and figure.horizon is None:
        yield "statistic horizon", "a probability at a time needs its horizon, in months"
    if figure.horizon is not None and not 0 < figure.horizon < math.inf:
        yield "horizon", f"horizon is {figure.horizon:g}: a time after time zero, in months, lies above 0"
    if figure.statistic == "landmark_probability" and figure.better == "lower":
        yield ("statistic better", 'better is "lower", and a landmark is the share free of the event, so higher is better; a share with the event is a '
               "cumulative_incidence")  # fmt: skip
    if figure.statistic == "cumulative_incidence" and figure.better == "higher" and figure.endpoint in _HARM:
        yield ("statistic better endpoint", f'better is "higher", and a cumulative_incidence is the share with the event ({figure.endpoint.replace("_", " ")}), so lower is '
               "better; a share free of the event is a landmark_probability")  # fmt: skip
    for word, text, name in ((figure.time_zero, figure.time_zero_text, "time_zero"), (figure.event, figure.event_text, "event")):
        if word not in ("not stated", "not applicable", "as named") and not text:
            yield f"{name} {name}_text", f'{name} is "{word}" without the source\'s words in {name}_text: it is never guessed'
    if figure.statistic in _RATIOS and not figure.factor:
        yield "statistic factor", "a ratio needs the factor that it compares"
    if figure.endpoint == "hazard_ratio" and not figure.outcome:
        yield "endpoint outcome", "a hazard ratio needs its outcome, for example overall_survival"
