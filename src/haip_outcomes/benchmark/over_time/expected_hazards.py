"""What hazard each patient is expected to have: one curve for all, or a reference model with every patient's own case mix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.case_mix.case_mix_model import ReferenceModel
from haip_outcomes.benchmark.case_mix.model_cohorts import read_covariates, same_zero
from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.time_to_event import TimeToEvent

GRID = 2_000  # stretches of follow-up between which a simulated hazard runs straight


@dataclass(frozen=True, eq=False)
class Hazards:
    """H_i(t) = relative_i H0(t): what every patient is expected to have gathered by t."""

    base: Callable[[np.ndarray], np.ndarray]
    relative: np.ndarray
    horizon: float
    method: str

    def table(self, longest: float) -> tuple[np.ndarray, float]:
        """H0 at evenly spaced times from 0 to `longest`, and the distance between them: for simulation."""
        return self.base(np.linspace(0.0, longest, GRID + 1)), longest / GRID


def hazards_of(reference: Any, unit: str, tte: TimeToEvent | None = None, case_mix: pd.DataFrame | None = None) -> Hazards:
    """The expected hazards of the patients of `tte` (of one patient like any other, without it)."""
    n = 1 if tte is None else len(tte)
    if isinstance(reference, ReferenceModel):
        return _of_model(reference, unit, tte, case_mix)
    if not callable(getattr(reference, "cumulative_hazard", None)):
        raise EndpointError(f"The reference must say what to expect, and this is a {type(reference).__name__}. Make one with ReferenceCurve.from_landmarks, "
                            "from_median, from_patients, parametric or known, or give a ReferenceModel of times.")  # fmt: skip
    if case_mix is not None:
        raise EndpointError("case_mix belongs to a ReferenceModel: a reference curve expects the same of every patient.")
    _same_unit(str(getattr(reference, "unit", unit)), unit)
    horizon = float(getattr(reference, "horizon", np.inf))
    return Hazards(lambda t: _checked(reference.cumulative_hazard(t), t), np.ones(n), horizon, str(getattr(reference, "method", "a curve given as known")))


def _of_model(model: ReferenceModel, unit: str, tte: TimeToEvent | None, case_mix: pd.DataFrame | None) -> Hazards:
    steps = model.baseline
    if model.kind != "hazard" or steps is None:
        raise EndpointError(f'The reference model is of "{model.outcome}", a yes or no: chart it with cusum, and its expected risks.')
    if tte is None or not isinstance(case_mix, pd.DataFrame):
        raise EndpointError("A reference model expects something else of every patient: give their covariates, case_mix=cohort.frame.")
    _same_unit(model.unit, unit)
    if tte.time_zero and model.time_zero and not same_zero(tte.time_zero, model.time_zero):
        raise EndpointError(f'The reference model counts from "{model.time_zero}", and these times from "{tte.time_zero}": make an endpoint that '
                            "starts where the model does.")  # fmt: skip
    absent = ~tte.index.isin(case_mix.index)
    if absent.any():
        raise EndpointError(f"case_mix has no row for {int(absent.sum())} of the {len(tte)} patients: it must have the same index as the times.")
    frame, _ = read_covariates(case_mix.loc[tte.index], model.coding, "raise")
    relative = np.exp((model.coding.encode(frame) - model.means) @ model.coefficients)
    p = len(model.coefficients)

    def base(t: np.ndarray) -> np.ndarray:
        start = np.zeros(len(t)) if steps.form == "lines" else np.full(len(t), -np.inf)
        each, _ = steps.expected(np.zeros((len(t), p)), np.ones(len(t)), start, t, model.covariance, np.zeros(len(t), dtype=np.int64), 1)
        return each

    return Hazards(base, relative, float(model.horizon), f"the reference model {model.name or model.label}, with each patient's case mix")


def _checked(hazard: Any, times: np.ndarray) -> np.ndarray:
    found = np.asarray(hazard, dtype=float)
    if found.shape != times.shape or not np.isfinite(found).all() or (found < 0).any():
        raise EndpointError("The reference must give one finite cumulative hazard, at or above 0, for each time; end it (horizon=) before the time at which "
                            "nobody is left.")  # fmt: skip
    if (np.diff(found[np.argsort(times, kind="stable")]) < -1e-12).any():
        raise EndpointError("The cumulative hazard of the reference falls: its survival would rise.")
    return found


def _same_unit(theirs: str, ours: str) -> None:
    if theirs != ours:
        raise EndpointError(f"The reference counts in {theirs}, and the times are in {ours}: give both in one unit (nothing is converted).")
