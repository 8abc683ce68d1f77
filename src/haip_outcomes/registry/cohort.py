"""Cohort: one row a patient, and the log of every exclusion."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, Problem, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.registry.deriving.partial_dates import moved, no_partial_dates
from haip_outcomes.registry.endpoints import Endpoint
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.planning.parts import SETTINGS
from haip_outcomes.survival.time_to_event import TimeToEvent


@dataclass(frozen=True)
class Source:
    """Which file the patients came from; no path, so that a report can be shared.

    Of several files, `parts` are the single ones, and row r of a part has the index `offset` + r in the cohort's frame.
    """

    name: str
    sha256: str
    rows: int
    unused_columns: tuple[str, ...] = ()
    offset: int = 0
    parts: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Exclusion:
    """How many patients were left out, and because of what."""

    because: str
    n: int


@dataclass(frozen=True, eq=False)
class Cohort:
    """Patients of one file, typed as the plan says; read it with `read_cohort`, `load_adjuvant` or `load_unresectable`.

    `frame` has one row a patient and is indexed by the row number that a spreadsheet shows. Categories carry the
    plan's labels, the first is the reference. `tables` are the related tables (complications, cycles, imaging): many rows
    a patient, whose index in `frame` stands in their column "patient". `partial_dates` lists the dates that the file gives
    without a day (table, row, column, earliest, latest), `methods` how each derived column was made.
    The patients' keys are not kept, so that they can't reach a result.
    """

    plan: Plan
    frame: pd.DataFrame
    source: Source
    warnings: tuple[Problem, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    partial_dates: pd.DataFrame = field(default_factory=no_partial_dates)
    methods: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, column: str) -> pd.Series:
        if column not in self.frame.columns:
            raise EndpointError(f'There is no column "{column}" in the plan. {did_you_mean(column, self.frame.columns)}')
        return self.frame[column]

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that have patients: adjuvant, unresectable, comparator."""
        present = set(self.frame["setting"].astype(str))
        return tuple(name for name in SETTINGS if name in present)

    def setting(self, name: str) -> Cohort:
        """Only the patients of one setting; results are by setting."""
        if name not in SETTINGS:
            raise EndpointError(f'There is no setting "{name}". {did_you_mean(name, SETTINGS)}')
        if name not in self.settings:
            raise EndpointError(f"There are no {name} patients; this cohort has {listed(self.settings)}.")
        counts = [f"{int((self.frame['setting'] == other).sum())} {other}" for other in self.settings if other != name]
        return self.where(self.frame["setting"] == name, because=f"another setting: {listed(counts)}" if counts else "-")

    @property
    def centre_column(self) -> str | None:
        """The column that says where each patient was treated; None when neither the plan nor several files say."""
        column = self.plan.cohort.centre or ("centre" if self.source.parts else None)
        return column if column in self.frame.columns and self.frame[column].notna().any() else None

    @property
    def centres(self) -> tuple[str, ...]:
        """The centres that have patients, in the order of the plan's levels, else of the file; none when nothing says."""
        if self.centre_column is None:
            return ()
        known = self.frame[self.centre_column].dropna()
        if isinstance(known.dtype, pd.CategoricalDtype):
            return tuple(str(name) for name in known.cat.categories if (known == name).any())
        return tuple(dict.fromkeys(known.astype(str)))

    def centre(self, name: str) -> Cohort:
        """Only the patients of one centre."""
        if name not in self.centres:
            which = did_you_mean(name, self.centres) if self.centres else "The plan names no column with the centre ([cohort] centre), and there is one file."
            raise EndpointError(f'There is no centre "{name}". {which}')
        others = len(self.centres) - 1
        return self.where((self.frame[self.centre_column].astype(object) == name).fillna(False).astype(bool), because=f"of {plural(others, 'other centre')}")

    def where(self, mask: Any, *, because: str) -> Cohort:
        """Only the patients for whom `mask` is true; the others are logged with the reason.

        Parameters
        ----------
        mask : boolean Series indexed like `frame`, or a boolean array with one value a patient.
        because : why the others are left out, in words that a reader of the report understands.

        Raises
        ------
        EndpointError : the mask is not boolean, has missing values or another length, or leaves nobody.
        """
        if not isinstance(because, str) or not because.strip():
            raise EndpointError('An exclusion needs a reason: where(..., because="no follow-up imaging").')
        if isinstance(mask, pd.Series):
            if not mask.index.is_unique:
                raise EndpointError("The mask's index has duplicates: give it the index of cohort.frame.")
            absent = ~self.frame.index.isin(mask.index)
            if absent.any():
                raise EndpointError(f"The mask has no value for {plural(int(absent.sum()), 'patient')}: give it the index of cohort.frame.")
            mask = mask.reindex(self.frame.index)
        values = np.asarray(mask)
        if values.shape != (len(self),):
            raise EndpointError(f"The mask must have one value for each of the {len(self)} patients; its shape is {values.shape}.")
        missing = pd.isna(values)
        if missing.any():
            raise EndpointError(f"The mask is missing for {plural(int(missing.sum()), 'patient')}: say what is meant, "
                                "for example (x > 5) & x.notna().")  # fmt: skip
        if not all(isinstance(value, (bool, np.bool_)) for value in values):
            raise EndpointError("The mask must be true or false for each patient.")
        keep = values.astype(bool)
        if not keep.any():
            raise EndpointError(f'Nobody is left after the exclusion "{because}".')
        left_out = int((~keep).sum())
        exclusions = (*self.exclusions, Exclusion(because, left_out)) if left_out else self.exclusions
        frame = self.frame[keep]
        tables = {name: rows[rows["patient"].isin(frame.index)] for name, rows in self.tables.items()}
        left = {"": frame, **tables}
        own = [row in left[table].index for table, row in zip(self.partial_dates["table"], self.partial_dates["row"], strict=True)]
        return replace(self, frame=frame, exclusions=exclusions, tables=tables, partial_dates=self.partial_dates[np.array(own, dtype=bool)])

    def place(self, patient: int) -> tuple[str, int]:
        """The file and the row of it where a patient of the frame's index stands."""
        own = [part for part in self.source.parts or (self.source,) if part.offset < patient]
        return own[-1].name, patient - own[-1].offset

    def with_partial_dates(self, at: Literal["earliest", "latest"]) -> Cohort:
        """The same patients with every partial date at the first or the last day that it can mean: a sensitivity analysis.

        A day that would break the order of the patient's dates is not taken: that date stays at the middle of its month. All dates
        go to the same end, so a span between two partial dates hardly changes.
        """
        frame, tables = moved(self.frame, self.tables, self.partial_dates, self.plan, at)
        return replace(self, frame=frame, tables=tables)

    def flow(self) -> pd.DataFrame:
        """Rows of the file, every exclusion with its reason, rows analysed: columns step, n, excluded, because."""
        rows: list[tuple[str, int, int, str]] = [("rows in the file", self.source.rows, 0, "")]
        n = self.source.rows
        for exclusion in self.exclusions:
            n -= exclusion.n
            rows.append(("left out", n, exclusion.n, exclusion.because))
        rows.append(("analysed", len(self), 0, ""))
        return pd.DataFrame(rows, columns=["step", "n", "excluded", "because"])

    def recipe(self, name: str) -> Endpoint:
        """The recipe of an endpoint of the plan."""
        if name not in self.plan.endpoints:
            raise EndpointError(f'The plan has no endpoint "{name}". {did_you_mean(name, self.plan.endpoints)}')
        return Endpoint.of(self.plan, name)

    def endpoint(self, name: str, *, censor_late_deaths: bool = False, last_seen: str | None = None) -> TimeToEvent:
        """Times and events of an endpoint that the plan names, in months from its time zero.

        Two sensitivity analyses: `censor_late_deaths` does not count deaths more than 180 days after the patient was last
        seen and censors the patient when last seen; `last_seen` names another date column at which patients without an
        event are censored, such as the last contact for an endpoint that the plan censors at the last imaging.
        """
        recipe = self.recipe(name)
        if last_seen is not None:
            if self.plan.kinds.get(last_seen) != "date" or not recipe.plan.from_dates:
                dates = [column for column, kind in self.plan.kinds.items() if kind == "date"]
                raise EndpointError(f'last_seen="{last_seen}" is not a date column of an endpoint made from dates. {did_you_mean(last_seen, dates)}')
            recipe = replace(recipe, plan=recipe.plan.model_copy(update={"last_seen": last_seen}))
        return recipe.time_to_event(self.frame, censor_late_deaths=censor_late_deaths)

    def late_deaths(self, name: str) -> pd.Series:
        """True for patients who died more than 180 days after they were last looked at for this endpoint."""
        return self.recipe(name).late_deaths(self.frame)

    def __repr__(self) -> str:
        parts = [f"{int((self.frame['setting'] == name).sum())} {name}" for name in self.settings]
        out = sum(exclusion.n for exclusion in self.exclusions)
        return f"Cohort {self.plan.cohort.name}: {plural(len(self), 'patient')} ({listed(parts)}); {out} of {self.source.rows} left out"

    def _repr_html_(self) -> str:
        return f"<p><b>{self!r}</b></p>{self.flow().to_html(index=False)}"


def require_cohort(cohort: object, verb: str) -> None:
    """Refuse anything but a Cohort, and say where one comes from."""
    if not isinstance(cohort, Cohort):
        raise EndpointError(f"{verb} takes a Cohort, and this is a {type(cohort).__name__}. Read one with read_cohort(file, plan), "
                            "load_adjuvant or load_unresectable.")  # fmt: skip
