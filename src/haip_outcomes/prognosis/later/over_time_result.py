"""FactorsOverTime: hazard ratios of what is known later, by the models that may be believed and by the one that may not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from haip_outcomes.formatting import interval, p_value
from haip_outcomes.survival.results import in_order, shown_as_html

if TYPE_CHECKING:
    from haip_outcomes.prognosis.baseline.factor_models import Refusal
    from haip_outcomes.survival.hazards.hazard_fit import HazardFit

TIME_VARYING = "time-varying"
NAIVE = "as if known at baseline (immortal time)"
WRONG = (f'"{NAIVE}" is wrong and stands here only to show by how much: whoever has it later could not have had the event before, and that time is '
         "credited to it.")  # fmt: skip


def landmark_name(at: float) -> str:
    """What the model of a landmark is called."""
    return f"landmark {at:g}"


@dataclass(frozen=True, eq=False, repr=False)
class FactorsOverTime:
    """Cox models of what is known after time zero. `tidy()` has a row a coefficient and model.

    Attributes
    ----------
    models : name -> fit, in this order: "time-varying", "landmark 6" (and "landmark 6, subdistribution" with a cause) for each landmark, and the
        wrong one, "as if known at baseline (immortal time)".
    refused : what was not fitted, and why.
    changes : a row a later column, of all patients of the endpoint: term n n_at_start (had it when follow-up began) n_changed (while followed)
        n_last_day (on the last day of follow-up, so never seen) n_afterwards n_missing (not known whether).
    levels : a row a model and level of a later category: model term level n (patients ever at it) n_event followed (time at it) reference.
    proportional_hazards : model term statistic df p_value, of the Cox models that may be believed; those of several terms end with GLOBAL.
    labels : column -> its name in print.
    warnings, method : sentences to be read with the numbers; the sentence the result writes about itself.
    """

    models: dict[str, HazardFit]
    refused: tuple[Refusal, ...]
    changes: pd.DataFrame
    levels: pd.DataFrame
    proportional_hazards: pd.DataFrame
    labels: dict[str, str]
    warnings: tuple[str, ...]
    method: str
    unit: str

    @property
    def n(self) -> int:
        """Patients of the time-varying model, else of the first landmark's."""
        return next(iter(self.models.values())).n

    @property
    def n_event(self) -> int:
        """Their events."""
        return next(iter(self.models.values())).n_event

    @property
    def n_changed(self) -> dict[str, int]:
        """How many patients of the endpoint changed while followed, by column."""
        return {str(term): int(n) for term, n in zip(self.changes["term"], self.changes["n_changed"], strict=True)}

    def tidy(self, exponentiate: bool = False) -> pd.DataFrame:
        """model term level estimate std_error conf_low conf_high statistic p_value n n_event n_changed.

        Log hazard ratios, or hazard ratios with `exponentiate` (`std_error` stays on the log scale). `n_changed`, of later columns only: how many
        patients of the model had the level, in the time-varying one at any time while followed, in the wrong one in the end.
        """
        counts = {(row["model"], row["term"], row["level"]): row["n"] for row in self.levels.to_dict("records")}
        frames = []
        for name, fit in self.models.items():
            frame = fit.tidy(exponentiate)
            frame.insert(0, "model", name)
            had = [counts.get((name, term, level), pd.NA) for term, level in zip(frame["term"], frame["level"], strict=True)]
            frames.append(frame.assign(n_changed=pd.array(had, dtype="Int64")))
        return pd.concat(frames, ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """A row a model: model n n_event log_likelihood log_likelihood_null concordance aic."""
        frame = in_order(pd.concat([fit.glance().assign(model=name) for name, fit in self.models.items()], ignore_index=True))
        return frame[["model", *(column for column in frame.columns if column != "model")]]

    def __repr__(self) -> str:
        return "\n".join([self.method, *self._rows(), *(f"  {line}" for line in self._notes())])

    def _rows(self) -> list[str]:
        lines = []
        for row in self.tidy(exponentiate=True).to_dict("records"):
            level = "" if row["level"] is None or row["level"] is np.nan else f" {row['level']}"
            lines.append(f"  {row['model']}, {self.labels.get(row['term'], row['term'])}{level}: HR "
                         f"{interval(row['estimate'], row['conf_low'], row['conf_high'])}, p {p_value(row['p_value'])}")  # fmt: skip
        return lines

    def _notes(self) -> list[str]:
        refused = [f"Refused, {refusal.model}: {refusal.reason}" for refusal in self.refused]
        return [*([f"Note: {WRONG}"] if NAIVE in self.models else []), *refused, *(f"Note: {warning}" for warning in self.warnings)]

    def _repr_html_(self) -> str:
        return shown_as_html("Factors known later", self.tidy(exponentiate=True), " ".join([f"{self.method}.", *self._notes()]))
