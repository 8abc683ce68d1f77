"""What the patients behind a fit look like: the values, levels and follow-up that predictions must stay within."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.counts import at_risk_table, checked_times
from haip_outcomes.survival.covariates.coding import Levels
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.imputation.rubin import PooledFit
from haip_outcomes.survival.time_to_event import level_text


@dataclass(frozen=True, eq=False)
class Observed:
    """One column as the analysed patients have it: numbers (n,), or level texts (n,) with the levels in order, the reference first."""

    name: str
    values: np.ndarray
    levels: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """A number, and not levels."""
        return not self.levels

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest number."""
        return float(self.values.min()), float(self.values.max())

    def quantile(self, share: float) -> float:
        """A number that somebody has: the first with at least this share at or below it."""
        return float(np.quantile(self.values, share, method="inverted_cdf"))

    @property
    def commonest(self) -> str:
        """The level that most have; of several the first in order."""
        return max(self.levels, key=lambda level: int((self.values == level).sum()))


def required_fit(fit: Any, verb: str) -> HazardFit:
    """The fit, if survival or a risk can be predicted from it; else the sentence that says why not and what to do."""
    if not isinstance(fit, HazardFit):
        if isinstance(fit, PooledFit):
            raise EndpointError(f"{verb} takes one fit with its baseline, and pooled imputations have none: their coefficients are averages over several "
                                "baselines. Fit the model on the complete cases, or on one completed data set, and say so.")  # fmt: skip
        if hasattr(fit, "multivariable"):
            raise EndpointError(f"{verb} takes one fit: give it factors(...).multivariable, or .univariable[term].")
        raise EndpointError(f"{verb} takes a fit of cox or fine_gray, which has a baseline to predict from; this is a {type(fit).__name__}.")
    if fit.tte.censored_causes:
        raise EndpointError(f"This fit censors {listed(fit.tte.censored_causes)}: one minus exp(-hazard) overstates the risk when those can come first. "
                            f"Fit fine_gray(...), and give that to {verb}.")  # fmt: skip
    if fit.pieces.offset is not None:
        raise EndpointError(f"This fit has an offset, a part of the hazard that is no covariate: {verb} can't ask a reader for it. Use fit.predict_risk.")
    if fit.tte.id is not None and len(fit.tte) > fit.tte.n:
        raise EndpointError(f"This fit has several rows a patient, so covariates that change in time: nobody's future values are known at time zero, and "
                            f"{verb} can't predict from them. Fit a landmark (tte.landmark) with the values known then.")  # fmt: skip
    return fit


def is_fine_gray(fit: HazardFit) -> bool:
    """Whether the fit is of a subdistribution, whose predictions are cumulative incidences."""
    return hasattr(fit.pieces, "cause")


def observed_covariates(fit: HazardFit) -> dict[str, Observed]:
    """Each column that the terms are made of, as those analysed have it."""
    place = {column: j for j, column in enumerate(fit.design.columns)}
    found = {}
    for coder in fit.design.coding:
        if isinstance(coder, Levels):
            number = np.zeros(len(fit.design.matrix), dtype=np.int64)
            for k, level in enumerate(coder.others, start=1):
                number[fit.design.matrix[:, place[coder.name, level]] > 0] = k
            levels = (coder.reference, *coder.others)
            found[coder.name] = Observed(coder.name, np.array(levels, dtype=object)[number], levels)
        else:
            found[coder.name] = Observed(coder.name, fit.design.matrix[:, place[coder.name, coder.levels[0]]])
    return found


def observed_strata(fit: HazardFit, verb: str) -> Observed | None:
    """The strata as one more column with levels; None without strata."""
    names = fit.pieces.stratum_names
    if not names:
        return None
    if fit.strata_name is None:
        raise EndpointError(f"The fit's strata have no name, and {verb} needs a column to call them by: fit with strata=frame[\"column\"], a Series.")
    return Observed(str(fit.strata_name), np.array(names, dtype=object)[fit.pieces.strata], names)


def asked_times(times: Any) -> np.ndarray:
    """Times to predict at: once each, sorted, above zero."""
    at = np.unique(checked_times(times))
    if at[0] <= 0:
        raise EndpointError(f"Predictions are asked for after time zero, as at [12, 36, 60]; got {at[0]:g}: nothing has happened by then.")
    return at


@dataclass(frozen=True)
class FollowedUntil:
    """How long the patients of one stratum (None: all) were followed: `last` exit, and `enough`, the last with many at risk."""

    stratum: str | None
    n: int
    last: float
    enough: float


def followed(fit: HazardFit) -> tuple[FollowedUntil, ...]:
    """For each stratum the last exit, and the last with at least 5 patients and 10% of them at risk, as figures of curves have it."""
    names: tuple[str | None, ...] = fit.pieces.stratum_names or (None,)
    found = []
    for s, name in enumerate(names):
        tte = fit.tte if name is None else fit.tte.take(fit.pieces.strata == s)
        exits = tte.ranked.distinct
        at_risk = at_risk_table(tte, exits)["n_risk"].to_numpy()
        enough = exits[at_risk >= max(5.0, 0.1 * tte.n)]
        found.append(FollowedUntil(name, tte.n, float(exits[-1]), float(enough[-1]) if len(enough) else 0.0))
    return tuple(found)


def late_times(times: np.ndarray, until: FollowedUntil, unit: str) -> list[str]:
    """What is wrong with times that nobody in a stratum was followed to."""
    late = [f"{time:g}" for time in times if time > until.last]
    if not late:
        return []
    who = f' in stratum "{until.stratum}"' if until.stratum is not None else ""
    return [f"nobody{who} was followed beyond {until.last:.4g} {unit}, and {listed(late)} was asked for: choose times up to {until.enough:.3g} {unit}, "
            f"until when at least 5 patients and 10% of them were at risk"]  # fmt: skip


def out_of_data(frame: pd.DataFrame, observed: dict[str, Observed]) -> list[str]:
    """What of new rows the data can't answer for: numbers outside those observed (levels, gaps and columns: `encode` tells)."""
    problems = []
    for one in observed.values():
        if one.is_number:
            low, high = one.limits
            values = frame[one.name].to_numpy(dtype=float)
            outside = sorted({f"{value:g}" for value in values if not low <= value <= high}, key=float)
            if outside:
                problems.append(f'"{one.name}" is {listed(outside)} in the profiles, and those analysed were {low:g} to {high:g}: nothing is known '
                                "outside; choose a number within")  # fmt: skip
    return problems


def read_covariates(frame: pd.DataFrame, fit: HazardFit, strata: Observed | None) -> None:
    """Refuse new rows, with all that is wrong with them: columns, gaps, levels, strata, numbers out of range."""
    observed = observed_covariates(fit)
    if not isinstance(frame, pd.DataFrame):
        raise EndpointError(f"Profiles are a data frame with a row each and the columns {listed(list(observed))}; got {type(frame).__name__}.")
    if not len(frame):
        raise EndpointError("The frame of profiles has no rows.")
    wanted = [*observed, *([strata.name] if strata else [])]
    lacking = [name for name in wanted if name not in frame.columns]
    problems = [f"the profiles lack the column{'s' if len(lacking) > 1 else ''} {listed(lacking)}: add {'them' if len(lacking) > 1 else 'it'}, the "
                "prediction needs every one"] if lacking else []  # fmt: skip
    readable = {}
    for coder in fit.design.coding:
        if coder.name not in lacking:
            try:
                coder.read(frame[coder.name])
                readable[coder.name] = observed[coder.name]
            except EndpointError as error:
                problems.append(str(error).rstrip("."))
    problems += out_of_data(frame, readable)
    if strata and strata.name not in lacking:
        unknown = sorted({"missing" if pd.isna(value) else level_text(value) for value in frame[strata.name]} - set(strata.levels))
        if unknown:
            problems.append(f'"{strata.name}" is {listed(unknown)}, and the strata of the fit are {listed(strata.levels)}')
    if problems:
        raise EndpointError(f"{plural(len(problems), 'reason')} not to predict: {'; '.join(problems)}.")
