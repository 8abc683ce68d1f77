"""The centre's own numbers, each with limits at any level: what `compare` sets beside a published figure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

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
from haip_outcomes.survival.subdistribution.regression import fine_gray
from haip_outcomes.survival.time_to_event import TimeToEvent

AT_RISK = 5
STANDARD_ERROR = "the source's interval is its median plus or minus 1.96 standard errors, so the centre's is shown the same way; {}"
PERHAPS = "the source's interval may be its median plus or minus 1.96 standard errors: the centre's is shown that way too; {}"
NO_ERROR = "the source's interval is its median plus or minus 1.96 standard errors; here the curve allows no standard error, so curve-based limits are shown"
ONE_WAY = "the source's interval may be its median plus or minus 1.96 standard errors; here that reading can't be made, as the curve allows no standard error"
LIBERAL = "at 30 patients it covers about 85% instead of 95%, so the difference is judged with the centre's curve-based limits"
# How the limits that are shown were made, and with which the difference is made: `centre_basis` of a comparison.
EXACT, BY_ORDER, CURVE = "exact limits shown; the difference with Wilson's", "order statistics", "curve-based limits"
BY_ERROR = "limits shown by standard error; the difference with curve-based ones"
LOGLOG, ON_LOG, BY_CURVE = "log-log limits", "limits on the logarithm, from the standard error", "where the limits of the incidence reach one half"


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

    `shown` are the limits to print (exact for proportions), `side` those of the comparison; `basis` says how both were
    made. `free_at` gives the event-free probability at a time, for a median that was not reached.
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
    basis: str = ""

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
    return CentreNumber("", "probability", side, found.interval(), "difference", found.n, found.k, tally, basis=EXACT)


def days_median(values: np.ndarray) -> CentreNumber:
    """The median of days, with exact limits from order statistics."""
    side, n = Side(float(np.median(values)), lambda level: median_limits(values, level)), len(values)
    return CentreNumber("", "days", side, median_limits(values), "difference", n, n, Tally(n, math.nan), basis=BY_ORDER)


def survival_median(tte: TimeToEvent, words: str, expected: float, contrast: Contrast, *, form_stated: bool = True) -> CentreNumber:
    """A Kaplan-Meier median with its curve-based limits: for a ratio, or for a difference in months from a standard-error median.

    Against an interval of the standard-error form the centre's is shown in that form too (where the curve falls to 45%). It is not judged by:
    it covers 81% at 20 patients and 86% at 34, and of sound centres beside a source of 200 as many as 15 of 100 would be called different.
    `form_stated`: the source says that its interval has this form.
    """
    curve = survival_curve(tte).median().iloc[0]
    side = Side(
        float(curve["estimate"]), cache(lambda level: _median_limits(survival_curve(tte, conf_level=level).median().iloc[0]))
    )
    notes: tuple[str, ...] = (tte.caution,) if tte.caution else ()
    shown, basis = _median_limits(curve), CURVE
    if contrast == "difference":
        row = survival_curve(tte).median(method="standard-error").iloc[0]
        if math.isnan(row["std_error"]):
            notes += (NO_ERROR if form_stated else ONE_WAY,)
        else:
            shown, basis = _median_limits(row), BY_ERROR
            notes += ((STANDARD_ERROR if form_stated else PERHAPS).format(LIBERAL),)
    n_event = int((tte.state > 0).sum())
    tally = Tally(n_event, expected)
    return CentreNumber(words, tte.unit, side, shown, contrast, tte.n, n_event, tally, tte, notes=notes, basis=basis)


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
    return CentreNumber(words, tte.unit, side, (low, high), contrast, tte.n, n_event, tally, tte, cause, basis=BY_CURVE)


def _incidence(tte: TimeToEvent, level: float) -> CumulativeIncidence:
    """Aalen-Johansen with the delta-method (infinitesimal jackknife) variance of survfit, prodlim and etm, defined for late entry too."""
    return cumulative_incidence(tte, conf_level=level, variance="infinitesimal-jackknife")


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
        words, "probability", side, side.limits(0.95), "difference", tte.n, n_event, tally, tte, cause, (tte.caution,) if tte.caution else (), LOGLOG
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

    @cache
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
    return Side(1 - value if turned else value, limits, std_error=_test_error(tte, cause, row(0.95), turned=turned))


def _test_error(tte: TimeToEvent, cause: str | None, row: pd.Series, *, turned: bool) -> float:
    """The standard error of ln(-ln p) of the probability asked for, by the delta method; missing at 0 and 1."""
    p, error = float(row["estimate"]), float(row["std_error"])
    p = 1 - p if turned else p
    return error / (p * abs(math.log(p))) if 0 < p < 1 else math.nan


def hazard_ratio(
    tte: TimeToEvent, frame: pd.DataFrame, factor: str, terms: tuple[str, ...], words: str, cause: str | None = None, strata: str | None = None
) -> CentreNumber:
    """The hazard ratio of a factor with two levels from a model of all the terms: Cox (Efron), or of `cause` among competing ones Fine-Gray."""
    model = design(frame, list(terms), missing="complete-case")
    by = None if strata is None else frame[strata]
    if cause is None:
        fit = cox(tte, model, strata=by)
    else:
        fit = fine_gray(tte, model, cause=cause, se="crr" if tte.entry is None and by is None else "finegray", strata=by)
    rows = fit.tidy().loc[lambda tidy: tidy["term"] == factor]
    if len(rows) != 1:
        raise EndpointError(
            f'"{factor}" has {len(rows)} coefficients here, and the figure one: it needs two levels.'
        )
    log, error = float(rows["estimate"].iloc[0]), float(rows["std_error"].iloc[0])
    side = Side(
        math.exp(log),
        lambda level: (math.exp(log - z_of(level) * error), math.exp(log + z_of(level) * error)),
        std_error=error,
    )
    assert side.limits is not None
    return CentreNumber(words, "ratio", side, side.limits(0.95), "ratio", fit.n, fit.n_event, Tally(fit.n_event, fit.n_event), basis=ON_LOG)
