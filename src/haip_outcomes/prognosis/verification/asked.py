"""What is asked of each row of results.csv: the patients' arrays that its recipe names, and nothing that we computed from them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from haip_outcomes.errors import HaipError
from haip_outcomes.prognosis.verification.asked_columns import (
    coded_columns,
    codes,
    columns_named,
    moved_to,
    profile_columns,
)
from haip_outcomes.prognosis.verification.asked_later import as_known
from haip_outcomes.prognosis.verification.asked_treatments import two_treatments
from haip_outcomes.prognosis.verification.recipes import Recipe, read_recipe
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.registry.endpoints import DAYS_A_MONTH
from haip_outcomes.registry.planning.parts import SETTINGS
from haip_outcomes.survival.time_to_event import TimeToEvent, level_text

DIGITS = 9  # of a month: times that differ by less are one time, as for R's survfit
TIMED = ("survival_curve", "median", "restricted_mean", "restricted_mean_difference", "logrank", "cumulative_incidence", "incidence_counts", "gray",
         "at_risk", "probability", "crossing", "one_sample", "first_events", "early_deaths")  # fmt: skip
MODELS = ("cox", "cox_zph", "likelihood_ratio", "wald", "cox_concordance", "fine_gray", "fine_gray_wald", "levels", "linearity", "subgroup", "cox_over_time", "profile",
          "nomogram")  # fmt: skip
TREATMENTS = ("treatment_ratio", "treatment_risk", "treatment_mean", "treatment_at_risk")
VALUES = ("characteristic", "proportion", "days", "missing")


@dataclass(frozen=True, eq=False)
class Task:
    """One recipe of one setting: the rows that it made, and the arrays from which they follow.

    `data` has a row a patient in an order of its own (nothing identifies one): time, state (0 censored, k = states[k-1]) and
    entry; group and strata as numbers from 1; x1, x2, ... for the columns of a model, of which `terms` says (term, level).
    Of rows cut where a covariate changed, `first` is 1 for a patient's first. `profile` has the columns of the one that is predicted.
    `values` has value and group for what is no time. `shown` is what the report shows besides: the siblings a difference is made of.
    """

    key: int
    setting: str
    recipe: Recipe
    rows: tuple[int, ...]
    times: tuple[float, ...] = ()
    data: pd.DataFrame = field(default_factory=pd.DataFrame)
    values: pd.DataFrame = field(default_factory=pd.DataFrame)
    states: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    terms: tuple[tuple[str, str], ...] = ()
    levels: tuple[str, ...] = ()
    profile: tuple[float, ...] = ()
    shown: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def cause(self) -> int:
        """The number of the event of interest; 1 where there is one kind."""
        name = self.recipe.get("cause")
        return self.states.index(name) + 1 if name else 1

    @property
    def factors(self) -> tuple[str, ...]:
        """The terms of a model, each once."""
        return tuple(dict.fromkeys(term for term, _ in self.terms))

    @property
    def late(self) -> bool:
        """Whether patients enter after time zero."""
        return "entry" in self.data and bool((self.data["entry"] > 0).any())

    def of_group(self, code: int) -> pd.DataFrame:
        """The patients of a group; of group 0 all."""
        return self.data if not code else self.data[self.data["group"] == code]

    def group_name(self, code: int) -> str:
        """What a group's number stands for; nothing for all patients."""
        return self.groups[code - 1] if code else ""

    @property
    def codes(self) -> tuple[int, ...]:
        """The groups' numbers; 0 alone where nothing splits the patients."""
        return tuple(range(1, len(self.groups) + 1)) if self.groups else (0,)


def tasks_of(results: pd.DataFrame, cohort: Cohort) -> tuple[list[Task], dict[int, str]]:
    """The tasks of a report's rows, and the reason for each row with a recipe of which none can be made."""
    tasks: list[Task] = []
    refused: dict[int, str] = {}
    told = results[(results["status"] == "done") & results["recipe"].notna()]
    for (setting, text), rows in told.groupby([told["setting"].fillna(""), "recipe"], sort=False):
        try:
            task = _task(len(tasks) + 1, str(setting), read_recipe(str(text)), rows, results, cohort)
            _ = task.cause, task.recipe.get("reference") and task.groups.index(task.recipe.get("reference"))  # both must be there before an engine is asked
            tasks.append(task)
        except HaipError as error:
            refused |= {int(i): f"its data can't be made anew: {error}".rstrip(".") for i in rows.index}
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):  # a recipe changed by hand
            refused |= {int(i): "its data can't be made anew: its recipe asks for what is not in the plan or not in the data" for i in rows.index}
    return tasks, refused


def _task(key: int, setting: str, made: Recipe, rows: pd.DataFrame, results: pd.DataFrame, cohort: Cohort) -> Task:
    part = patients(cohort, made.get("patients") or setting)
    places = tuple(int(i) for i in rows.index)
    times = tuple(sorted({float(t) for t in rows["time"].dropna()}))
    if made.verb in VALUES:
        return _values(Task(key, setting, made, places), part)
    if made.verb == "contrast":
        return Task(key, setting, made, places, shown=results.loc[results["setting"].fillna("") == setting, ["analysis", "quantity", "estimate"]])
    if made.verb not in (*TIMED, *MODELS, *TREATMENTS):
        return Task(key, setting, made, places)
    tte = times_of(part, made)
    data = pd.DataFrame({"time": np.round(tte.time, DIGITS), "state": tte.state.astype(int)}, index=tte.index)
    if tte.entry is not None:
        data["entry"] = np.round(tte.entry, DIGITS)
    if made.verb in TREATMENTS:
        data, named = two_treatments(part, made, data)
        return Task(key, setting, made, places, times, data, states=tte.states, terms=named)
    if made.get("strata"):
        data["strata"] = codes(part[made.get("strata")].reindex(tte.index))[0]
    groups: tuple[str, ...] = ()
    if made.get("by"):
        data["group"], groups = codes(part[made.get("by")].reindex(tte.index))
        data = data[data["group"] > 0]
    terms: tuple[tuple[str, str], ...] = ()
    profile: tuple[float, ...] = ()
    if made.verb in MODELS and made.verb != "levels":
        data, terms, profile = _model(part, made, data)
    if made.verb == "levels":
        own = part[made.get("term")].reindex(tte.index)
        data = data.assign(level=own.map(level_text, na_action="ignore").astype(object))[own.notna()]
    return Task(key, setting, made, places, times, data.reset_index(drop=True), pd.DataFrame(), tte.states, groups, terms, profile=profile)


def _model(part: Cohort, made: Recipe, data: pd.DataFrame) -> tuple[pd.DataFrame, tuple[tuple[str, str], ...], tuple[float, ...]]:
    """The rows of a model with its columns, what these stand for, and those of the profile that is predicted."""
    frame = part.frame.reindex(data.index)
    if made.names("later"):
        data, frame = as_known(part, made, data, frame)
    data, frame = data.reset_index(drop=True), frame.reset_index(drop=True)
    terms = made.names("terms")
    known = frame[columns_named(terms, frame)].notna().all(axis=1)  # complete cases first: the reference is the first level that one of them has
    data, frame = data[known], frame[known]
    reference: dict[str, str] = {}
    if made.verb == "subgroup":
        frame, reference = moved_to(frame, made.get("within"), made.get("at"), made.get("share"))
    columns, named = coded_columns(frame, terms, reference)
    profile = profile_columns(frame, terms, made.names("at")) if made.verb == "profile" else ()
    data = data.join(columns)
    return (data[data["strata"] > 0] if "strata" in data else data), named, profile


def patients(cohort: Cohort, which: str) -> Cohort:
    """The patients that a row is about: of one setting, of both pump settings ("pooled", "both"), or all of them."""
    if which in SETTINGS:
        return cohort.setting(which)
    if which in ("pooled", "both"):
        pumps = cohort.frame["setting"].astype(str).isin(["adjuvant", "unresectable"])
        return cohort if pumps.all() else cohort.where(pumps, because="no pump")
    return cohort


def times_of(part: Cohort, made: Recipe) -> TimeToEvent:
    """The times that a recipe names: an endpoint, perhaps with another convention, perhaps one event of it or any."""
    moved = part.with_partial_dates(made.get("partial_dates")) if made.get("partial_dates") else part  # type: ignore[arg-type]
    name = made.get("of")
    if made.get("start"):
        tte = counted_from(moved, name, made.get("start"))
    else:
        tte = moved.endpoint(name, censor_late_deaths=made.get("late_deaths") == "censored", last_seen=made.get("last_seen") or None)
    if made.get("landmark") and not made.names("later"):  # else as_known counts from there
        tte = tte.landmark(float(made.get("landmark")))
    if made.get("only"):
        return tte.only(made.get("only"))
    return tte.any_event(tte.label) if made.get("any") else tte


def counted_from(part: Cohort, name: str, start: str) -> TimeToEvent:
    """An endpoint counted from another date of the plan; who came under observation later enters late."""
    own = part.recipe(name)
    earlier = bool((part[start] < part[str(own.plan.start)]).any())
    entry = own.plan.entry or (own.plan.start if earlier else None)
    plan = own.plan.model_copy(update={"start": start, "entry": entry})
    return type(own)(own.name, plan, own.time_zero, own.events).time_to_event(part.frame)


def _values(task: Task, part: Cohort) -> Task:
    """Columns that are no times: of Table 1, of the programme."""
    made = task.recipe
    name = made.get("of")
    if made.verb == "days":
        item = part.plan.programme[name]
        part = patients_asked(part, item.settings)
        column = (part[str(item.end)] - part[str(item.start)]).dt.days.astype(float)
    elif made.verb == "proportion" and not made.get("level"):
        item = part.plan.programme[name]
        part = patients_asked(part, item.settings)
        own = part[str(item.column)]
        column = (own.astype(object) == item.level).astype(float).where(own.notna())
    elif made.verb == "proportion":
        own = part[name]
        column = (own.astype(object).map(level_text, na_action="ignore") == made.get("level")).astype(float).where(own.notna())
    else:
        column = part[name]
    numbers = pd.api.types.is_numeric_dtype(column.dtype) and not isinstance(column.dtype, pd.CategoricalDtype)
    levels: tuple[str, ...] = ()
    if not numbers:
        categories = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else sorted(column.dropna().unique())
        levels = tuple(level_text(level) for level in categories)
        values = column.map(level_text, na_action="ignore").astype(object)
    else:
        values = column.astype(float)
    frame = pd.DataFrame({"value": values.to_numpy()})
    groups: tuple[str, ...] = ()
    if made.get("by"):
        numbers_of, groups = codes(part[made.get("by")])
        frame["group"] = numbers_of.to_numpy()
    return Task(task.key, task.setting, made, task.rows, values=frame, groups=groups, levels=levels)


def patients_asked(part: Cohort, settings: tuple[str, ...]) -> Cohort:
    """Those to whom an entry of the programme applies."""
    asked = part.frame["setting"].astype(str).isin(settings)
    return part if asked.all() else part.where(asked, because="not asked of them")


def early(task: Task, within: float = 90.0) -> tuple[int, int]:
    """Deaths within so many days, of those who died by then or were followed so long."""
    limit = within / DAYS_A_MONTH
    died = (task.data["state"] > 0) & (task.data["time"] <= limit + 1e-8)
    return int(died.sum()), int((died | (task.data["time"] >= limit - 1e-8)).sum())


def limits(survival: float, low: float, high: float) -> dict[str, float]:
    """An engine's limits; none at 0 and 1, where log-log has none and each package fills in something of its own."""
    return {"conf_low": low, "conf_high": high} if 1e-12 < survival < 1 - 1e-12 else {}


def all_tested(task: Task) -> bool:
    """Whether each group has somebody at risk at an event: else survdiff leaves the group out, and other packages do not."""
    events = task.data.loc[task.data["state"] > 0, "time"]
    return len(events) > 0 and bool((task.data.groupby("group")["time"].max() >= events.min()).all())


def missing(value: object) -> bool:
    """Whether a cell is empty."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA
