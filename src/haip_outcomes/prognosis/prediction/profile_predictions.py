"""Predicted survival, or cumulative incidence, of a few profiles of patients, with limits and what it was built on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, median, number, percent, plural
from haip_outcomes.prognosis.prediction.built_on import BuiltOn, built_on, label_of
from haip_outcomes.prognosis.prediction.chosen_profiles import alike, chosen_profiles
from haip_outcomes.prognosis.prediction.observed_covariates import (
    FollowedUntil,
    Observed,
    asked_times,
    followed,
    is_fine_gray,
    late_times,
    observed_covariates,
    observed_strata,
    read_covariates,
    required_fit,
)
from haip_outcomes.survival.counts import at_risk_table
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.intervals import critical_value, level_in_words
from haip_outcomes.survival.results import frame_of, shown_as_html
from haip_outcomes.survival.time_to_event import level_text


@dataclass(frozen=True, eq=False, repr=False)
class Profiles:
    """Predictions for profiles of patients. `tidy()` has a row a profile and time, `median()` a row a profile.

    Attributes
    ----------
    frame : the profiles, a row each: the columns of the model (and its strata).
    names : what each profile is called: its values, or the text that the frame given had for an index.
    values, medians : what `tidy` and `median` return.
    measure : "survival", or "risk" (the cumulative incidence of a Fine-Gray model).
    labels : column -> its name in print.
    chosen : how the profiles were chosen.
    built_on : what the model was made from, in sentences.
    warnings, method, unit, time_zero, conf_level, n : as of other results.
    """

    frame: pd.DataFrame
    names: tuple[str, ...]
    values: pd.DataFrame
    medians: pd.DataFrame
    measure: str
    outcome: str
    labels: dict[str, str]
    chosen: str
    built_on: BuiltOn
    warnings: tuple[str, ...]
    method: str
    unit: str
    time_zero: str
    conf_level: float
    n: int

    def tidy(self) -> pd.DataFrame:
        """outcome group time estimate std_error conf_low conf_high n n_event n_risk profile few.

        `estimate` is the predicted survival (or cumulative incidence) of profile number `profile` at `time`; `n` and `n_event` are patients
        analysed with the same levels (numbers may be any); `n_risk` how many analysed (of the stratum) were at risk then; `few` is true beyond
        the last time with at least 5 patients and 10% at risk.
        """
        return self.values.copy()

    def median(self) -> pd.DataFrame:
        """group estimate conf_low conf_high profile few: when predicted survival, and its limits, come down to one half; NaN is not reached."""
        return self.medians.copy()

    def __repr__(self) -> str:
        rows = []
        for name, own in zip(self.names, (self.values[self.values["profile"] == i + 1] for i in range(len(self.names))), strict=True):
            told = ", ".join(f"{percent(one['estimate'], one['conf_low'], one['conf_high'])} at {one['time']:g}" for one in own.to_dict("records"))
            rows.append(f"  {name}: {told}")
        return "\n".join([f"{self.method} ({self.unit})", *rows, *(f"  Note: {one}" for one in (*self.warnings, *self.built_on.sentences))])

    def _repr_html_(self) -> str:
        return shown_as_html("Predictions by profile", self.values, " ".join([f"{self.method}.", *self.warnings, *self.built_on.sentences]))


def profiles(
    fit: HazardFit,
    frame: pd.DataFrame | None = None,
    *,
    times: Any,
    at: Mapping[str, Any] | None = None,
    labels: Any = None,
    validation: Any = None,
    conf_level: float | None = None,
) -> Profiles:
    """How long patients like these may be expected to live: predicted survival of a few profiles, with limits.

    For covariates x the survival is S(t|x) = exp(-H(t|x)) with H and its error as in `HazardFit.predict_risk` (the error of the baseline and of the
    coefficients), limits on the log-log scale. The median is the first time with S(t|x) <= 1/2, its limits the first times of the limits'
    curves. Of a Fine-Gray model it is the cumulative incidence 1 - exp(-H(t|x)), and there is no median.

    Parameters
    ----------
    fit : from `cox` (also Firth's) or `fine_gray`. With strata, the profiles have a column of the strata's name.
    frame : the profiles, a row each, with the columns of the model; other columns are ignored. An index of text names them. Without it they are made:
        every combination of levels with numbers at their quartiles and median where that is at most 8, else with numbers at their median, else
        (and of numbers alone) the lowest, a typical and the highest risk. Quartiles are numbers that somebody has. `chosen` says which.
    times : in the fit's unit, above 0, and not beyond follow-up. Beyond the last time with at least 5 patients and 10% of them at risk a
        prediction is made and marked (`few`).
    at : values of some columns, as {"age": [50, 60, 70]}; the others take all their levels and medians (the commonest levels, where that is over 8 rows).
    labels : column -> name in print; or what `factors` returned; or the cohort, whose setting and caution are then said.
    validation : what `validate` returned of this model, or Harrell's C as a pair, apparent and corrected for optimism, or a sentence; said with the numbers.
    conf_level : of the limits; the fit's if not given.

    Returns
    -------
    Profiles : see there.

    Raises
    ------
    EndpointError : not a fit, or one that nothing can be predicted from (cause-specific, pooled imputations, an offset, covariates that change in time); columns
        that lack, missing values, levels nobody had, numbers outside those observed, times that nobody was followed to: all at once.

    Equals R's `summary(survfit(coxph(...), newdata, conf.type = "log-log"), times)` and `quantile(survfit(...), 0.5)`.

    Examples
    --------
    >>> from haip_outcomes import cox, demo_cohort, design
    >>> cohort = demo_cohort().setting("unresectable")
    >>> fit = cox(cohort.endpoint("os"), design(cohort.frame, ["sarcopenia", "extrahepatic_disease"]))
    >>> found = profiles(fit, times=[12, 36], labels=cohort)
    >>> found.tidy()[["profile", "time", "estimate", "n"]].round(2).head(2).to_numpy().tolist()
    [[1.0, 12.0, 0.87, 13.0], [1.0, 36.0, 0.6, 13.0]]
    """
    fit = required_fit(fit, "profiles")
    if conf_level is not None:
        critical_value(conf_level)
        fit = replace(fit, conf_level=conf_level)
    when, observed, strata = asked_times(times), observed_covariates(fit), observed_strata(fit, "profiles")
    if frame is None:
        chosen_frame, chosen = chosen_profiles(fit, observed, strata, at)
    elif at is not None:
        raise EndpointError("Give the profiles as a frame, or let them be made with at=: not both.")
    else:
        chosen_frame, chosen = frame, "as given"
    read_covariates(chosen_frame, fit, strata)
    columns = {**observed, **({strata.name: strata} if strata else {})}
    rows = chosen_frame[list(columns)]
    until = _follow_up_of(rows, followed(fit), strata)
    late = sorted({problem for one in until for problem in late_times(when, one, fit.unit)})
    if late:
        raise EndpointError(f"{'; '.join(late)[:1].upper()}{'; '.join(late)[1:]}.")
    named = {name: label_of(labels, name) for name in columns}
    names = _names(rows, named)
    same = alike(rows, columns)
    risk = is_fine_gray(fit)
    medians = frame_of({"group": list(names), **_medians(fit, rows, strata, risk), "profile": np.arange(1, len(rows) + 1)})
    medians["few"] = medians["estimate"].to_numpy() > [one.enough for one in until]
    values = _predicted(fit, rows, strata, when, names, same, until, risk)
    said = built_on(fit, labels, validation)
    words = "cumulative incidence" if risk else "survival"
    return Profiles(
        frame=rows, names=names, values=values, medians=medians, measure="risk" if risk else "survival", outcome=str(values["outcome"].iloc[0]), labels=named,
        chosen=chosen, built_on=said, warnings=tuple(_warnings(fit, rows, columns, same, names, when, until, risk)),
        method=f"Predicted {words}, {level_in_words(fit.conf_level)} log-log limits; {fit.method}", unit=fit.unit, time_zero=fit.tte.time_zero,
        conf_level=fit.conf_level, n=fit.n,
    )  # fmt: skip


def _predicted(
    fit: HazardFit, rows: pd.DataFrame, strata: Observed | None, when: np.ndarray, names: tuple[str, ...], same: np.ndarray, until: list[FollowedUntil], risk: bool
) -> pd.DataFrame:
    q, event = len(rows), fit.tte.state == fit.tte.code(getattr(fit.pieces, "cause", fit.tte.states[0]))
    made = _asked(fit, rows, strata, when)
    low, high = (made["conf_low"], made["conf_high"]) if risk else (1 - made["conf_high"], 1 - made["conf_low"])
    counts = at_risk_table(fit.tte, when, None if strata is None else strata.values)
    at_risk = {one.stratum: counts.loc[counts["group"] == one.stratum if strata else slice(None), "n_risk"].to_numpy() for one in until}
    return frame_of({
        "outcome": getattr(fit.pieces, "cause", fit.tte.states[0]), "group": np.repeat(np.array(names, dtype=object), len(when)), "time": np.tile(when, q),
        "estimate": made["estimate"] if risk else 1 - made["estimate"], "std_error": made["std_error"], "conf_low": low, "conf_high": high,
        "n": np.repeat(same.sum(axis=1), len(when)), "n_event": np.repeat((same & event).sum(axis=1), len(when)),
        "n_risk": np.concatenate([at_risk[one.stratum] for one in until]), "profile": np.repeat(np.arange(1, q + 1), len(when)),
        "few": np.concatenate([when > one.enough for one in until]),
    })  # fmt: skip


def _asked(fit: HazardFit, rows: pd.DataFrame, strata: Observed | None, when: np.ndarray) -> pd.DataFrame:
    """`predict_risk` of numbered rows."""
    numbered = rows.reset_index(drop=True)
    return fit.predict_risk(numbered, when, strata=None if strata is None else numbered[strata.name])


def _medians(fit: HazardFit, rows: pd.DataFrame, strata: Observed | None, risk: bool) -> dict[str, list[float]]:
    """When the predicted curve, and its limits, first come down to one half."""
    found: dict[str, list[float]] = {"estimate": [], "conf_low": [], "conf_high": []}
    for i in range(len(rows)):
        row = rows.iloc[[i]]
        s = 0 if strata is None else strata.levels.index(level_text(row[strata.name].iloc[0]))
        when = fit.pieces.baselines[s].time
        made = None if risk or not len(when) else _asked(fit, row, strata, when)
        for name, curve in (("estimate", "estimate"), ("conf_low", "conf_high"), ("conf_high", "conf_low")):
            down = np.flatnonzero(made[curve].to_numpy() >= 0.5) if made is not None else np.empty(0, dtype=np.int64)
            found[name].append(float(when[down[0]]) if len(down) else np.nan)
    return found


def _follow_up_of(rows: pd.DataFrame, until: tuple[FollowedUntil, ...], strata: Observed | None) -> list[FollowedUntil]:
    by = {one.stratum: one for one in until}
    return [by[None]] * len(rows) if strata is None else [by[level_text(value)] for value in rows[strata.name]]


def value_text(value: Any) -> str:
    """A value as it is printed: 61.25 -> "61.25", 61.0 -> "61", a level as it is."""
    return f"{float(value):.4g}" if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) else level_text(value)


def _names(rows: pd.DataFrame, labels: Mapping[str, str]) -> tuple[str, ...]:
    if all(isinstance(name, str) for name in rows.index):
        return tuple(rows.index)
    told = [", ".join(f"{labels[str(name)]} {value_text(value)}" for name, value in row.items()) for row in rows.to_dict("records")]
    return tuple(name if told.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(told, start=1))


def _warnings(
    fit: HazardFit, rows: pd.DataFrame, columns: Mapping[str, Observed], same: np.ndarray, names: tuple[str, ...], when: np.ndarray, until: list[FollowedUntil], risk: bool
) -> list[str]:
    found = []
    nobody = [names[i] for i in np.flatnonzero(~same.any(axis=1))]
    if nobody:
        found.append(f"Nobody analysed has the levels of {plural(len(nobody), 'profile')} ({listed(nobody)}): the prediction rests on the model alone.")
    for i, row in enumerate(rows.to_dict("records")):
        for one in columns.values():
            among = one.values[same[i]]
            if one.is_number and len(among) and not among.min() <= float(row[one.name]) <= among.max():
                found.append(f"{names[i]}: those with the same levels had {one.name} {number(among.min(), 4).rstrip('0').rstrip('.')} to "
                             f"{number(among.max(), 4).rstrip('0').rstrip('.')}.")  # fmt: skip
    few = sorted({f"{time:g}" for one in until for time in when if time > one.enough}, key=float)
    if few:
        found.append(f"At {listed(few)} {fit.unit} fewer than 5 patients, or than 10% of them, were at risk: read these predictions as guesses.")
    if risk and getattr(fit.pieces, "se", "") == "crr":
        found.append('No limits: fine_gray with se="crr" has no error of a predicted risk, as R\'s predict.crr; fit with se="finegray" for limits.')
    return found


def prediction_text(row: Mapping[Any, Any]) -> str:
    """A prediction as it is printed: "58% (49, 66)"."""
    low, high = row["conf_low"], row["conf_high"]
    return percent(row["estimate"]) if np.isnan(low) and np.isnan(high) else percent(row["estimate"], low, high)


def median_words(row: Mapping[Any, Any]) -> str:
    """A median as it is printed: "24.7 (9.8, NR)"."""
    return median(row["estimate"], row["conf_low"], row["conf_high"])
