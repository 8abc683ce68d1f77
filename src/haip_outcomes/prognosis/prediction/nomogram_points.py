"""The nomogram of a fitted model: points for each value, and what a total of points means for survival."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed, percent
from haip_outcomes.prognosis.prediction.built_on import NEEDED, BuiltOn, built_on, label_of
from haip_outcomes.prognosis.prediction.observed_covariates import (
    asked_times,
    followed,
    is_fine_gray,
    late_times,
    observed_covariates,
    observed_strata,
    read_covariates,
    required_fit,
)
from haip_outcomes.prognosis.prediction.rulers import (
    Ruler,
    few_events,
    round_numbers,
    scaled_rulers,
    told,
    total_points,
)
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.intervals import confidence_limits, critical_value
from haip_outcomes.survival.results import frame_of, shown_as_html

_MARKS = 10  # totals in the table


@dataclass(frozen=True, eq=False, repr=False)
class Nomogram:
    """A model as rulers. `tidy()` is a row a marked value, `totals()` a row a marked total and time, `medians()` a row a marked total.

    Attributes
    ----------
    rulers : of each covariate; of an interaction one for each combination of the other levels.
    points : of the longest ruler. scale : points for one unit of the log hazard.
    least, most : the fewest and most points of the patients analysed; predictions are given between them only.
    no_points : the linear predictor (relative to the mean patient, as `fit.linear_predictor`) of 0 points.
    times : at which survival is read. few : which of them lie beyond the last time with at least 5 patients and 10% at risk.
    measure : "survival", or "risk" (the cumulative incidence of a Fine-Gray model).
    stratum : whose baseline it is, or None. labels, built_on, warnings, method, unit, time_zero, conf_level : as of `Profiles`.
    """

    rulers: tuple[Ruler, ...]
    points: float
    scale: float
    least: float
    most: float
    no_points: float
    times: tuple[float, ...]
    few: tuple[bool, ...]
    measure: str
    outcome: str
    stratum: str | None
    labels: dict[str, str]
    built_on: BuiltOn
    warnings: tuple[str, ...]
    method: str
    unit: str
    time_zero: str
    conf_level: float
    fit: HazardFit

    def tidy(self) -> pd.DataFrame:
        """term level estimate value points given: what each marked value is worth.

        `level` or `value` (of numbers) is what is marked, `estimate` its log hazard above the ruler's least, `given` the levels that a ruler of an
        interaction is for.
        """
        rows = [{"term": ruler.term, "level": None if isinstance(value, float) else value, "estimate": hazard,
                 "value": value if isinstance(value, float) else np.nan, "points": worth, "given": told(ruler.given, self.labels) or None}
                for ruler in self.rulers for value, worth, hazard in zip(ruler.values, ruler.points, ruler.hazard, strict=True)]  # fmt: skip
        return pd.DataFrame(rows)

    @property
    def marks(self) -> np.ndarray:
        """The totals of the tables: those that patients have where they are at most 10, else round numbers between the least and the most."""
        had = self._had()
        return had if len(had) <= _MARKS else np.array(round_numbers(self.least, self.most, _MARKS))

    def totals(self, points: Any = None) -> pd.DataFrame:
        """time estimate std_error conf_low conf_high points linear_predictor: predicted survival (or cumulative incidence) of totals of points.

        The estimate needs the total alone. Its error depends on what the total is made of, and is that of the typical patient with it: the mean covariates of those
        analysed with this total where totals are few, else their linear regression on the linear predictor, x = m + S b l / (b' S b) with mean m,
        covariance S and linear predictor l. A patient who is unlike the typical one has wider limits: `profiles`.
        """
        at = self.marks if points is None else self._within(points)
        risk, error = self._hazard(at, np.array(self.times))
        survival, score = np.exp(-risk), np.repeat(at / self.scale + self.no_points, len(self.times))
        low, high = confidence_limits(survival, survival * error, critical_value(self.conf_level), "log-log")
        if self.measure == "risk":
            survival, low, high = 1 - survival, 1 - high, 1 - low
        return frame_of({
            "time": np.tile(self.times, len(at)), "estimate": survival.ravel(), "std_error": (np.exp(-risk) * error).ravel(), "conf_low": low.ravel(),
            "conf_high": high.ravel(), "points": np.repeat(at, len(self.times)), "linear_predictor": score,
        })  # fmt: skip

    def medians(self, points: Any = None) -> pd.DataFrame:
        """estimate points: when predicted survival comes down to one half (NaN: not reached); of cumulative incidence there is none."""
        at = self.marks if points is None else self._within(points)
        when = self._baseline.time
        found = []
        for total in at:
            hazard = self._baseline.hazard * np.exp(total / self.scale + self.no_points)
            down = np.flatnonzero(hazard >= np.log(2)) if self.measure == "survival" else np.empty(0, dtype=np.int64)
            found.append(float(when[down[0]]) if len(down) else np.nan)
        return frame_of({"estimate": found, "points": at})

    def total_points(self, frame: pd.DataFrame) -> pd.Series:
        """The points of patients, added up: what a reader finds with the rulers. Refuses values that the data do not hold."""
        read_covariates(frame, self.fit, None)
        return pd.Series(total_points(self.fit, frame, self.scale, self._no_covariate_points), index=frame.index, name="points")

    def points_of_survival(self, survival: float, time: float) -> float:
        """The total of points at which the predicted survival at `time` is this."""
        before = np.searchsorted(self._baseline.time, time, side="right")
        return float((np.log(-np.log(survival) / self._baseline.hazard[before - 1]) - self.no_points) * self.scale)

    @property
    def _no_covariate_points(self) -> float:
        """x b of 0 points, not centred."""
        return self.no_points + float(self.fit.design.matrix.mean(axis=0) @ self.fit.coefficients)

    @property
    def _stratum(self) -> int:
        return 0 if self.stratum is None else self.fit.pieces.stratum_names.index(self.stratum)

    @property
    def _baseline(self) -> Any:
        return self.fit.pieces.baselines[self._stratum]

    def _had(self) -> np.ndarray:
        chosen = slice(None) if self.stratum is None else self.fit.pieces.strata == self._stratum
        total = (self.fit.linear_predictor.to_numpy()[chosen] - self.no_points) * self.scale
        return np.unique(np.round(total, 9))

    def _within(self, points: Any) -> np.ndarray:
        at = np.atleast_1d(np.asarray(points, dtype=float))
        outside = [f"{value:g}" for value in at if not self.least - 1e-6 <= value <= self.most + 1e-6]
        if outside:
            raise EndpointError(f"A total of {listed(outside)} points is asked for, and the patients analysed had {self.least:.0f} to {self.most:.0f}: nothing is "
                                "known outside.")  # fmt: skip
        return at

    def _hazard(self, at: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The cumulative hazard of typical patients with these totals, and its error, (marks, T) each."""
        x, b = self.fit.design.matrix, self.fit.coefficients
        score = self.fit.linear_predictor.to_numpy()
        mean, spread = x.mean(axis=0), np.atleast_2d(np.cov(x, rowvar=False, bias=True))
        wanted = at / self.scale + self.no_points
        typical = mean + np.outer(wanted, spread @ b) / (b @ spread @ b)
        if len(np.unique(np.round(score, 9))) <= _MARKS:
            for i, one in enumerate(wanted):
                same = np.abs(score - one) < 1e-7
                if same.any():
                    typical[i] = x[same].mean(axis=0)
        stratum = np.full(len(at), self._stratum)
        hazard, error = self.fit.pieces.cumulative_hazard(typical, times, stratum, np.zeros(len(at)), self.fit.covariance)
        return hazard, error

    def __repr__(self) -> str:
        rows = [f"  {ruler.label}{f' ({told(ruler.given, self.labels)})' if ruler.given else ''}: "
                + ", ".join(f"{value if isinstance(value, str) else format(value, 'g')} {worth:.0f}" for value, worth in zip(ruler.values, ruler.points, strict=True))
                for ruler in self.rulers]  # fmt: skip
        totals = [f"  {own['points'].iloc[0]:.0f} points: " + ", ".join(f"{percent(one['estimate'], one['conf_low'], one['conf_high'])} at {one['time']:g}"
                  for one in own.to_dict("records")) for _, own in self.totals().groupby("points")]  # fmt: skip
        return "\n".join([f"{self.method} ({self.unit})", *rows, *totals, *(f"  Note: {one}" for one in (*self.warnings, *self.built_on.sentences))])

    def _repr_html_(self) -> str:
        return shown_as_html("Nomogram", self.tidy(), " ".join([f"{self.method}.", *self.warnings, *self.built_on.sentences]))


def nomogram(
    fit: HazardFit,
    *,
    times: Any,
    points: float = 100.0,
    at: Mapping[str, Any] | None = None,
    stratum: str | None = None,
    labels: Any = None,
    validation: Any = None,
) -> Nomogram:
    """A model to be read with a ruler: points for each value, their total, and the survival that goes with it.

    A covariate's part of the log hazard c(x) becomes (c(x) - least c) * scale points, and the covariate whose part runs furthest has `points` of
    them. A total T gives the linear predictor l = l_0 + T / scale and S(t) = exp(-H_0(t) exp(l)), H_0 of somebody with the mean of every covariate.

    Parameters
    ----------
    fit : from `cox` (also Firth's) or `fine_gray` (whose totals give cumulative incidences), with at least 5 events a coefficient; under 10 it warns.
    times : in the fit's unit, above 0 and within follow-up. Beyond the last time with at least 5 patients and 10% of them at risk they are marked.
    points : of the longest ruler.
    at : numbers to be marked on a ruler, which then ends with them: {"age": [40, 50, 60, 70]}. Else it runs from the least to the greatest number
        of those analysed; a number with at most 7 values has these.
    stratum : whose baseline, where the fit has strata.
    labels, validation : as of `profiles`.

    A spline's ruler is cut where it turns round. Interactions of levels, or of levels with one number, have a ruler for each combination of the other levels
    that somebody has; of two numbers they are refused.

    Returns
    -------
    Nomogram : see there; `plot_nomogram` draws it.

    Raises
    ------
    EndpointError : what `profiles` refuses; under 5 events a coefficient; strata without `stratum`; an interaction of two numbers; nobody with an
        event by a time; numbers outside the data.

    Equals R's `rms::nomogram(cph(...), x = values, maxscale = points)`; R takes the ends of a ruler from `datadist` where ours are those of the data.

    Reference: Harrell, Regression Modeling Strategies, 2nd ed. 2015, section 5.3 (doi:10.1007/978-3-319-19425-7).

    Examples
    --------
    >>> from haip_outcomes import cox, demo_cohort, design
    >>> cohort = demo_cohort().setting("unresectable")
    >>> made = nomogram(cox(cohort.endpoint("os"), design(cohort.frame, ["sarcopenia", "extrahepatic_disease"])), times=[12, 36])
    >>> made.tidy()[["term", "level", "points"]].round(1).to_numpy().tolist()
    [['sarcopenia', 'No', 0.0], ['sarcopenia', 'Yes', 100.0], ['extrahepatic_disease', 'No', 0.0], ['extrahepatic_disease', 'Yes', 85.7]]
    """
    fit = required_fit(fit, "nomogram")
    few_events(fit, NEEDED)
    if not isinstance(points, (int, float, np.number)) or not 0 < points < np.inf:
        raise EndpointError(f"points is how many the longest ruler has, above 0; got {points!r}.")
    when, observed, strata = asked_times(times), observed_covariates(fit), observed_strata(fit, "nomogram")
    known = () if strata is None else strata.levels
    if known and stratum not in known:
        raise EndpointError(f"The fit is stratified by {strata.name}, and each stratum has a survival of its own: name one, stratum={known[0]!r}. "  # type: ignore[union-attr]
                            f"{did_you_mean(str(stratum), known) if stratum is not None else f'Strata: {listed(known)}.'}")  # fmt: skip
    if stratum is not None and not known:
        raise EndpointError("The fit has no strata: leave stratum out.")
    until = next(one for one in followed(fit) if one.stratum == stratum)
    late = late_times(when, until, fit.unit)
    if late:
        raise EndpointError(f"{late[0][:1].upper()}{late[0][1:]}.")
    baseline = fit.pieces.baselines[0 if stratum is None else known.index(stratum)]
    early = [f"{time:g}" for time in when if not len(baseline.time) or time < baseline.time[0]]
    if early:
        raise EndpointError(f"Nobody had the event by {listed(early)} {fit.unit}: nothing can be read there. Choose later times.")
    named = {name: label_of(labels, name) for name in observed}
    rulers, scale, nobody = scaled_rulers(fit, observed, dict(at or {}), named, float(points))
    no_points = nobody - float(fit.design.matrix.mean(axis=0) @ fit.coefficients)
    risk, said = is_fine_gray(fit), built_on(fit, labels, validation)
    few = tuple(bool(time > until.enough) for time in when)
    warnings = [said.few] if said.few else []
    if any(few):
        told_few = listed([f"{time:g}" for time, flag in zip(when, few, strict=True) if flag])
        warnings.append(f"At {told_few} {fit.unit} fewer than 5 patients, or than 10% of them, were at risk: read these predictions as guesses.")
    made = Nomogram(
        rulers=rulers, points=float(points), scale=scale, least=0.0, most=0.0, no_points=no_points, times=tuple(when.tolist()), few=few,
        measure="risk" if risk else "survival", outcome=getattr(fit.pieces, "cause", fit.tte.states[0]), stratum=stratum, labels=named, built_on=said,
        warnings=tuple(warnings), method=f"Nomogram{f', stratum {stratum}' if stratum else ''}; {fit.method}", unit=fit.unit, time_zero=fit.tte.time_zero,
        conf_level=fit.conf_level, fit=fit,
    )  # fmt: skip
    return _with_range(made)


def _with_range(made: Nomogram) -> Nomogram:
    """With the fewest and most points of the patients analysed, no further than the rulers go."""
    had = made._had()
    reach = sum(max(float(max(r.points.max(), r.fine_points.max(initial=-np.inf))) for r in made.rulers if {r.term, *r.given} == names)
                for names in {frozenset({r.term, *r.given}) for r in made.rulers})  # fmt: skip
    return replace(made, least=max(0.0, float(had[0])), most=min(reach, float(had[-1])))
