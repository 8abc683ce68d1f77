"""The centre's own numbers, each with limits at any level: what `compare` sets beside a published figure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom, poisson

from haip_outcomes.benchmark.published_figure import z_of
from haip_outcomes.benchmark.uncertainty import Contrast, Side, wilson
from haip_outcomes.errors import EndpointError, HaipError
from haip_outcomes.programme.safety_and_delivery import Count, median_limits
from haip_outcomes.survival.counts import at_risk_table
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.curves.aalen_johansen import CumulativeIncidence, cumulative_incidence
from haip_outcomes.survival.curves.kaplan_meier import survival_curve
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.time_to_event import TimeToEvent

AT_RISK = 5
STANDARD_ERROR = ("the source's interval is its median plus or minus 1.96 standard errors, so the centre's is made the same way; "
                  "at 30 patients it covers about 85% instead of 95%")  # fmt: skip


class NotComparableError(HaipError):
    """Centre and figure do not answer the same question; the message is the reason, in plain words.

    `kind` is the reason without what is particular to one figure, so that figures can be listed by it.
    """

    def __init__(self, reason: str, *, kind: str = "") -> None:
        self.kind = kind or reason.rstrip(".")
        super().__init__(reason)


@dataclass(frozen=True)
class Tally:
    """What was seen here against what the published figure leads one to expect.

    Events over time, or, `of` so many patients, the rarer of yes and no: so the count does not depend on whether a
    source prints how often a thing happened or how often it did not. `raises`: more of them make the number higher.
    """

    seen: int
    expected: float
    of: int | None = None
    raises: bool = False
    things: str = "events"

    def chance(self, *, more: bool) -> float:
        """The mid-p probability of as many as were seen or more (or fewer): Poisson over time, binomial `of` patients."""
        law = poisson(self.expected) if self.of is None else binom(self.of, self.expected / self.of)
        tail = law.sf(self.seen) if more else law.cdf(self.seen - 1)
        return float(tail + law.pmf(self.seen) / 2)


@dataclass(frozen=True)
class CentreNumber:
    """The centre's number under one convention.

    `shown` are the limits to print (exact for proportions), `side` those of the comparison. `free_at` gives the
    event-free probability at a time, for a median that was not reached.
    """

    convention: str
    unit: str
    side: Side
    shown: tuple[float, float]
    contrast: Contrast
    n: int
    n_event: int
    tally: Tally
    times: TimeToEvent | None = None
    cause: str | None = None
    notes: tuple[str, ...] = ()

    def free_at(self, time: float) -> Side:
        """The event-free probability at a time."""
        assert self.times is not None
        return _probability(self.times, self.cause, time, events=False)


def proportion(found: Count, published: float) -> CentreNumber:
    """k of n: exact limits to print, Wilson's for the difference; against a published share, the rarer side is counted."""
    side = Side(
        found.estimate, lambda level: wilson(found.estimate, found.n, level), count=(found.k, found.n)
    )
    if published > 0.5:
        tally = Tally(found.n - found.k, found.n * (1 - published), found.n, False, "patients without it")
    else:
        tally = Tally(found.k, found.n * published, found.n, True)
    return CentreNumber("", "probability", side, found.interval(), "difference", found.n, found.k, tally)


def days_median(values: np.ndarray) -> CentreNumber:
    """The median of days, with exact limits from order statistics."""
    side, n = Side(float(np.median(values)), lambda level: median_limits(values, level)), len(values)
    return CentreNumber("", "days", side, median_limits(values), "difference", n, n, Tally(n, math.nan))


def survival_median(tte: TimeToEvent, words: str, expected: float, contrast: Contrast) -> CentreNumber:
    """A Kaplan-Meier median: from the curve for a ratio, with its standard error for a difference in months.

    The standard-error form is used only against intervals that were made that way; at 30 patients it covers about
    85% instead of 95%.
    """
    notes: tuple[str, ...] = ()
    if contrast == "difference":
        row = survival_curve(tte).median(method="standard-error").iloc[0]
        estimate, error = float(row["estimate"]), float(row["std_error"])
        side = Side(estimate, lambda level: (estimate - z_of(level) * error, estimate + z_of(level) * error))
        if not math.isnan(estimate) and math.isnan(error):
            side = Side(estimate, None, "the curve does not fall to 45%, so the median has no standard error")
        notes = (STANDARD_ERROR,)
    else:
        estimate = float(survival_curve(tte).median().iloc[0]["estimate"])
        side = Side(
            estimate, lambda level: _median_limits(survival_curve(tte, conf_level=level).median().iloc[0])
        )
    shown = (
        side.limits(0.95)
        if side.limits and not math.isnan(estimate)
        else _median_limits(survival_curve(tte).median().iloc[0])
    )
    n_event = int((tte.state > 0).sum())
    tally = Tally(n_event, expected)
    return CentreNumber(words, tte.unit, side, shown, contrast, tte.n, n_event, tally, tte, notes=notes)


def _median_limits(row: pd.Series) -> tuple[float, float]:
    return float(row["conf_low"]), float(row["conf_high"])


def incidence_median(
    tte: TimeToEvent, cause: str, words: str, expected: float, contrast: Contrast
) -> CentreNumber:
    """The time when the cumulative incidence reaches one half, if ever; limits where its limits do."""

    def reached(level: float) -> tuple[float, float, float]:
        steps = _incidence(tte, level).tidy()
        steps = steps[steps["outcome"] == cause]
        # the upper curve reaches one half first: that is the lower limit of the time
        first = [_first(steps, column) for column in ("estimate", "conf_high", "conf_low")]
        return first[0], first[1], first[2]

    estimate, low, high = reached(0.95)
    side = Side(estimate, lambda level: reached(level)[1:])
    n_event = int((tte.state == tte.code(cause)).sum())
    tally = Tally(n_event, expected)
    return CentreNumber(words, tte.unit, side, (low, high), contrast, tte.n, n_event, tally, tte, cause)


def _incidence(tte: TimeToEvent, level: float) -> CumulativeIncidence:
    """Aalen-Johansen; cmprsk's variance is not defined where patients enter late."""
    return cumulative_incidence(
        tte, conf_level=level, variance="cmprsk" if tte.entry is None else "infinitesimal-jackknife"
    )


def _first(steps: pd.DataFrame, column: str) -> float:
    there = steps.loc[steps[column] >= 0.5 - 1e-9, "time"]
    return float(there.iloc[0]) if len(there) else math.nan


def at_horizon(
    tte: TimeToEvent, cause: str | None, horizon: float, words: str, expected: float, *, events: bool
) -> CentreNumber:
    """The probability at a horizon: of the event (`events`) or of being free of it."""
    side = _probability(tte, cause, horizon, events=events)
    assert side.limits is not None
    happened = tte.state > 0 if cause is None else tte.state == tte.code(cause)
    n_event = int((happened & (tte.time <= horizon)).sum())
    tally = Tally(n_event, expected, raises=events)
    return CentreNumber(
        words, "probability", side, side.limits(0.95), "difference", tte.n, n_event, tally, tte, cause
    )


def at_risk(tte: TimeToEvent, time: float) -> int:
    """How many are still followed, without an event, at a time."""
    return int(at_risk_table(tte, [time])["n_risk"].sum())


def enough_followed(tte: TimeToEvent, time: float) -> bool:
    """Whether a probability at a time can be trusted: five at risk, or nothing lost that could have changed it.

    Deaths empty a risk set as censoring does, but leave nothing unknown: where nobody was censored before the time, or
    nobody was left free of an event, the number is fully known. (Among patients who enter late, only if all had
    entered before the first left.)
    """
    if at_risk(tte, time) >= AT_RISK:
        return True
    if not len(tte) or (tte.entry is not None and tte.entry.max() >= tte.time.min()):
        return False
    last = tte.time.max()
    nobody_free = last < time and bool((tte.state[tte.time == last] > 0).all())
    return nobody_free or not ((tte.state == 0) & (tte.time < time)).any()


def _probability(tte: TimeToEvent, cause: str | None, time: float, *, events: bool) -> Side:
    """The Kaplan-Meier survival (or the Aalen-Johansen incidence of `cause`) at a time, with log-log limits.

    Where the transformation has no limits: S = 1 has the lower limit (alpha/2)^(1/n), and S = 0 (or an incidence
    of 0) the upper limit 1 - (alpha/2)^(1/n), with the n patients who were not censored before.
    """

    def row(level: float) -> pd.Series:
        if cause is None:
            found = survival_curve(tte, conf_level=level).at([time])
        else:
            found = _incidence(tte, level).at([time])
            found = found[found["outcome"] == cause]
        return found.iloc[0]

    known = at_risk(tte, time) + int(((tte.state > 0) & (tte.time < time)).sum())
    turned = (cause is None) == events  # survival is estimated and events are wanted, or the other way round

    def limits(level: float) -> tuple[float, float]:
        found = row(level)
        value, low, high = float(found["estimate"]), float(found["conf_low"]), float(found["conf_high"])
        if min(value, 1 - value) < 1e-9:  # at the edge the transformation has no limits
            edge = ((1 - level) / 2) ** (1 / max(known, 1))
            low, high = (edge, 1.0) if value > 0.5 else (0.0, 1 - edge)
        return (1 - high, 1 - low) if turned else (low, high)

    value = float(row(0.95)["estimate"])
    return Side(1 - value if turned else value, limits)


def hazard_ratio(
    tte: TimeToEvent, frame: pd.DataFrame, factor: str, terms: tuple[str, ...], words: str
) -> CentreNumber:
    """The hazard ratio of a factor with two levels, from a Cox model (Efron) of all the terms."""
    fit = cox(tte, design(frame, list(terms), missing="complete-case"))
    rows = fit.tidy().loc[lambda tidy: tidy["term"] == factor]
    if len(rows) != 1:
        raise EndpointError(
            f'"{factor}" has {len(rows)} coefficients here, and the figure one: it needs two levels.'
        )
    log, error = float(rows["estimate"].iloc[0]), float(rows["std_error"].iloc[0])
    side = Side(
        math.exp(log),
        lambda level: (math.exp(log - z_of(level) * error), math.exp(log + z_of(level) * error)),
    )
    limits = (math.exp(log - z_of(0.95) * error), math.exp(log + z_of(0.95) * error))
    tally = Tally(fit.n_event, fit.n_event)
    return CentreNumber(words, "ratio", side, limits, "ratio", fit.n, fit.n_event, tally)
