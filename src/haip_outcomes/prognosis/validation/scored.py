"""A measure at several times, with each patient's part in it: what gives standard errors, differences and integrals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import interval
from haip_outcomes.survival.intervals import critical_value
from haip_outcomes.survival.results import in_order, shown_as_html


@dataclass(frozen=True, eq=False, repr=False)
class PredictionScore:
    """A measure of prediction, a row a time.

    Attributes
    ----------
    measure : "AUC", "Brier score" or "Integrated Brier score".
    frame : what `tidy()` gives.
    influence : (n, T): how far each patient moves the measure, n times; the standard error is their SD / sqrt(n).
    index : the patients, in the order of `influence`.
    conf_level, unit, method : of the limits; of the times; the sentence the result writes about itself.
    """

    measure: str
    frame: pd.DataFrame
    influence: np.ndarray
    index: pd.Index
    conf_level: float
    unit: str
    method: str

    def tidy(self) -> pd.DataFrame:
        """A row a time: outcome, time, estimate, std_error, conf_low, conf_high, n, n_event (cases by then), and what the measure adds."""
        return in_order(self.frame)

    def difference(self, other: PredictionScore) -> pd.DataFrame:
        """This model's score less another's on the same patients: a row a time.

        The standard error is that of the paired difference (SD of the differences of the patients' parts / sqrt(n)); limits estimate -+ z SE,
        p two-sided. Columns: outcome, time, estimate, std_error, conf_low, conf_high, statistic (z), p_value, n. Raises EndpointError when the
        other is another measure, or of other patients, times or outcome. Equals `contrasts` of riskRegression's Score.

        Both models must be new to these patients, or be judged on resamples: on the patients a model was made from, the richer one wins.
        """
        if not isinstance(other, PredictionScore) or other.measure != self.measure:
            what = getattr(other, "measure", type(other).__name__)
            raise EndpointError(f"difference compares two results of one measure; this is {self.measure}, the other {what}.")
        same = self.index.equals(other.index) and self.unit == other.unit and (
            self.frame[["outcome", "time", "n_event"]].equals(other.frame[["outcome", "time", "n_event"]]))  # fmt: skip
        if not same:
            raise EndpointError("difference compares two models on the same patients (the same index, in the same order), outcome and times: these differ.")
        delta = self.frame["estimate"].to_numpy() - other.frame["estimate"].to_numpy()
        error = standard_errors(self.influence - other.influence)
        z = critical_value(self.conf_level)
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = delta / error
        return in_order(self.frame[["outcome", "time", "n"]].assign(
            estimate=delta, std_error=error, conf_low=delta - z * error, conf_high=delta + z * error, statistic=statistic,
            p_value=2 * ndtr(-np.abs(statistic))))  # fmt: skip

    def __repr__(self) -> str:
        rows = [f"{row['time']:g} {self.unit}: {interval(row['estimate'], row['conf_low'], row['conf_high'], 3)}" for row in self.frame.to_dict("records")]
        return f"{self.method}\n" + "\n".join([*rows[:12], *([f"... ({len(rows)} times)"] if len(rows) > 12 else [])])

    def _repr_html_(self) -> str:
        return shown_as_html(self.measure, self.tidy(), self.method)


def standard_errors(influence: np.ndarray) -> np.ndarray:
    """SD / sqrt(n) of each column; NaN of one patient."""
    n = len(influence)
    if n < 2:
        return np.full(influence.shape[1], np.nan)
    return np.asarray(influence.std(axis=0, ddof=1) / np.sqrt(n))
