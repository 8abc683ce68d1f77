"""One sample against a reference curve: events seen, events that the curve leads one to expect, and how far chance alone goes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from scipy.special import ndtr

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import interval, plural
from haip_outcomes.survival.comparing.comparisons import cautioned
from haip_outcomes.survival.comparing.poisson_ratio import exact_limits, exact_p, mid_p, mid_p_limits
from haip_outcomes.survival.intervals import critical_value, level_in_words
from haip_outcomes.survival.ranking import SAME_TIME
from haip_outcomes.survival.results import TestResult
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times


@runtime_checkable
class Reference(Protocol):
    """A curve that patients are held against: `benchmark`'s ReferenceCurve, or anything with these five.

    `horizon` is where the curve ends (infinite if nowhere); `variance_of_expected` is the variance of the expected events that
    comes from the curve's own patients: 0 for a known curve.
    """

    @property
    def horizon(self) -> float:
        """The last time that the curve is known at."""

    @property
    def unit(self) -> str:
        """The unit of its times."""

    @property
    def method(self) -> str:
        """What the curve is, in words."""

    def cumulative_hazard(self, times: Any) -> Any:
        """H(t) = -ln S(t), an array of the shape of the times."""

    def variance_of_expected(self, time: np.ndarray, entry: np.ndarray | None) -> float:
        """Var(E) of patients followed over (entry, time]."""


@dataclass(frozen=True)
class Expectation:
    """Follow-up up to the reference's end: events seen, events expected, and the variance that the reference itself adds."""

    observed: int
    each: np.ndarray  # expected events, a value a row
    variance: float
    beyond: int  # rows followed beyond the reference's end
    n: int = 0  # patients followed before it
    late: int = 0  # and those who entered only after it

    @property
    def expected(self) -> float:
        """E, all rows together."""
        return float(np.sum(self.each))


def one_sample_logrank(tte: TimeToEvent, reference: Reference, *, conf_level: float = 0.95) -> TestResult:
    """Do these patients have more or fewer events than a reference curve leads one to expect?

    O is the number of events seen, E = sum_i H0(x_i) - H0(entry_i) the number expected, H0 = -ln S0. Follow-up is cut where the
    reference ends; later events become censorings, and who enters only after it is not counted. When the reference is itself an estimate, E is one too: Var(E) > 0, and a test
    that leaves it out calls far too many sound centres different (20 of 100 for 34 patients against a curve of 26).

    Parameters
    ----------
    tte : times of one kind of event; delayed entry is allowed.
    reference : a `ReferenceCurve`, or anything with `cumulative_hazard(times)`, `horizon`, `unit`, `method` and
        `variance_of_expected(time, entry)`. Its unit must be that of the times, and its time zero theirs.
    conf_level : the level of the limits of O/E.

    Returns
    -------
    TestResult with a row a test: term, estimate (O/E) with limits, statistic (Z squared, chi-squared on 1 df), p_value, n, n_event
    (O), n_expected (E), z, variance_of_expected. `statistic` and `p_value` are those of the last row. The rows:

    - "Breslow": Z = (O - E) / sqrt(E)
    - "exact Poisson": limits chi2(a/2; 2O)/2E and chi2(1-a/2; 2O+2)/2E (lower 0 when O = 0), p twice the smaller tail; no z
    - "mid-p Poisson": the same with half the probability of O itself in each tail: the best balanced for a known reference
    - "Wu": Z = (O - E) / sqrt((O + E)/2)
    - with an estimated reference "corrected, Breslow": Z = (O - E) / sqrt(E + Var(E)), and last
      "corrected": Z = (O - E) / sqrt((O + E)/2 + Var(E)), with limits O/E exp(-+ z sqrt(1/O + Var(E)/E^2)); no limits when O = 0

    Breslow's and Wu's rows have the exact Poisson limits of O/E, and treat the reference as known, as all rows before the corrected ones do.

    Raises
    ------
    EndpointError : competing events; another unit; a reference without hazard over the follow-up, or one that falls, or that says
        that nobody can be alive at a time when somebody is.

    Breslow 1975, doi 10.2307/1402659 (not re-read); Finkelstein 2003, JNCI 95:1434; Wu 2014, doi 10.4172/2155-6180.1000210 (abstract
    and code read); an estimated reference: Danzer, Feld, Faldum and Schmidt 2022, doi 10.1371/journal.pone.0271094 (abstract read;
    Var(E) is derived in the project's notes and held by simulation). Breslow's row equals R's
    `survdiff(Surv(time, status) ~ offset(S0))`, where S0 = exp(-(H0(time) - H0(entry))); the exact limits are `poisson.test(O, E)`'s.

    >>> import numpy as np, pandas as pd
    >>> from haip_outcomes import ReferenceCurve
    >>> frame = pd.DataFrame({"months": [4, 9, 13, 20, 26, 31, 40, 48], "dead": [1, 1, 0, 1, 1, 0, 1, 0]})
    >>> tte = TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    >>> known = ReferenceCurve.known(lambda t: np.exp(-t / 60))
    >>> found = one_sample_logrank(tte, known)
    >>> found.tidy()[["term", "estimate", "conf_low", "conf_high", "p_value"]].round(3)
                term  estimate  conf_low  conf_high  p_value
    0        Breslow     1.571     0.510      3.665    0.309
    1  exact Poisson     1.571     0.510      3.665    0.433
    2  mid-p Poisson     1.571     0.575      3.481    0.320
    3             Wu     1.571     0.510      3.665    0.369
    """
    z_level = critical_value(conf_level)
    if refused := getattr(tte, "variance_refused", ""):  # times reconstructed from n alone
        raise EndpointError(f"one_sample_logrank: these patients were {refused}. Give the total of events or the numbers at risk with their curve.")
    found = expectation(tte, reference)
    o, e, v = found.observed, found.expected, found.variance
    exact, mid = exact_limits(o, e, conf_level), mid_p_limits(o, e, conf_level)
    rows = [_normal("Breslow", o, e, e, exact), _poisson("exact Poisson", o, e, exact_p(o, e), exact),
            _poisson("mid-p Poisson", o, e, mid_p(o, e), mid), _normal("Wu", o, e, (o + e) / 2, exact)]  # fmt: skip
    if v > 0:
        error = math.sqrt(1 / o + v / e**2) if o else math.nan
        limits = (o / e * math.exp(-z_level * error), o / e * math.exp(z_level * error)) if o else (0.0, math.nan)
        rows += [_normal("corrected, Breslow", o, e, e + v, limits), _normal("corrected", o, e, (o + e) / 2 + v, limits)]
    frame = pd.DataFrame(rows).assign(df=1, n=found.n, n_event=o, n_expected=e, variance_of_expected=v)
    return TestResult(frame, _method(tte, reference, found, frame.iloc[-1], conf_level))


def expectation(tte: TimeToEvent, reference: Reference, verb: str = "one_sample_logrank") -> Expectation:
    """The events seen and expected up to the end of the reference; refuses what can't be asked."""
    require_times(tte, verb)
    event = tte.single(verb)
    _checked(reference, tte, verb)
    horizon = float(reference.horizon)
    beyond = tte.time > horizon * (1 + SAME_TIME)
    inside = np.ones(len(tte), dtype=bool) if tte.entry is None else tte.entry < horizon
    if not inside.any():
        raise EndpointError(f"{verb}: the reference ends at {horizon:g} {reference.unit}, before anybody here has entered: nobody can be held against it.")
    n = tte.n if inside.all() else tte.take(inside).n
    time = np.where(beyond, horizon, tte.time)
    entry = None if tte.entry is None else np.minimum(tte.entry, time)
    each = _hazard_at(reference, time, verb)
    if entry is not None:
        each = each - np.where(np.isfinite(entry), _hazard_at(reference, np.where(np.isfinite(entry), entry, 0.0), verb), 0.0)
    if (each < -1e-12).any():
        raise EndpointError(f"{verb}: the cumulative hazard of the reference falls, so its survival rises: {reference.method}.")
    each = np.maximum(each, 0.0)
    if not each.sum() > 0:
        raise EndpointError(f"{verb}: the reference expects no event over the follow-up of these {plural(tte.n, 'patient')} "
                            f"({reference.method}): there is nothing to hold the events seen against.")  # fmt: skip
    given = reference.variance_of_expected(time, entry)
    try:
        variance = float(given)
    except (TypeError, ValueError):
        variance = math.nan
    if not (np.isfinite(variance) and variance >= 0):
        raise EndpointError(f"{verb}: the reference gives {given!r} as the variance of the expected events; it must be a number, and 0 "
                            "for a curve that is known.")  # fmt: skip
    return Expectation(int((event & ~beyond & inside).sum()), each, variance, int((beyond & inside).sum()), n, tte.n - n)


def _checked(reference: Any, tte: TimeToEvent, verb: str) -> None:
    if isinstance(reference, type):
        raise EndpointError(f"{verb} needs a reference curve, and this is the class {reference.__name__} itself. Make a curve with it: ReferenceCurve.from_landmarks, "
                            "from_median, from_patients, parametric or known.")  # fmt: skip
    if not isinstance(reference, Reference):
        raise EndpointError(f"{verb} needs a reference curve, and this is a {type(reference).__name__}. Make one with ReferenceCurve.from_landmarks, "
                            "from_median, from_patients, parametric or known.")  # fmt: skip
    if reference.unit != tte.unit:
        raise EndpointError(f'{verb}: the reference counts in {reference.unit}, and the times are in {tte.unit}. Give both in one unit '
                            '(nothing is converted).')  # fmt: skip
    horizon: Any = reference.horizon
    if isinstance(horizon, bool) or not isinstance(horizon, (int, float, np.number)) or not horizon > 0:
        raise EndpointError(f"{verb}: the horizon of the reference must be above 0; it is {horizon!r}.")


def _hazard_at(reference: Reference, times: np.ndarray, verb: str) -> np.ndarray:
    given = reference.cumulative_hazard(times)
    if given is None:
        raise EndpointError(f"{verb}: the reference must give one cumulative hazard a time; it gave nothing (does cumulative_hazard return?).")
    try:
        hazard = np.asarray(given, dtype=float)
        numbers = np.asarray(given).dtype.kind in "iufO"
    except (TypeError, ValueError):
        numbers = False
    if not numbers:
        what = "text" if isinstance(given, str) else f"a {type(given).__name__} of other things"
        raise EndpointError(f"{verb}: the reference must give its cumulative hazard in numbers, one a time; it gave {what}.")
    if hazard.shape != times.shape:
        raise EndpointError(f"{verb}: the reference must give one cumulative hazard a time; {times.shape} times gave {hazard.shape}.")
    if np.isposinf(hazard).any():
        first = times[np.isposinf(hazard)].min()
        raise EndpointError(f"{verb}: by the reference nobody is left at {first:g} {reference.unit}, and here somebody is still followed: "
                            "no number of events can be expected. End the reference before that time (horizon=).")  # fmt: skip
    if not np.isfinite(hazard).all() or (hazard < 0).any():
        wrong = times[~np.isfinite(hazard) | (hazard < 0)].min()
        raise EndpointError(f"{verb}: the reference has no cumulative hazard at or above 0 at {wrong:g} {reference.unit}.")
    order = np.argsort(times, kind="stable")
    falls = np.diff(hazard[order]) < -1e-12 * np.maximum(1.0, hazard[order][:-1])
    if falls.any():
        place = int(np.argmax(falls))
        raise EndpointError(f"{verb}: the survival of the reference rises between {times[order][place]:g} and {times[order][place + 1]:g} "
                            f"{reference.unit}; a survival curve can't.")  # fmt: skip
    return hazard


def _normal(term: str, o: int, e: float, variance: float, limits: tuple[float, float]) -> dict[str, Any]:
    z = (o - e) / math.sqrt(variance)
    return {"term": term, "estimate": o / e, "conf_low": limits[0], "conf_high": limits[1], "z": z, "statistic": z**2,
            "p_value": float(2 * ndtr(-abs(z)))}  # fmt: skip


def _poisson(term: str, o: int, e: float, p: float, limits: tuple[float, float]) -> dict[str, Any]:
    return {"term": term, "estimate": o / e, "conf_low": limits[0], "conf_high": limits[1], "z": math.nan, "statistic": math.nan, "p_value": p}


def _method(tte: TimeToEvent, reference: Reference, found: Expectation, last: pd.Series, conf_level: float) -> str:
    known = found.variance == 0
    form = "Wu's form, the reference taken as known" if known else "Wu's form with the reference's own uncertainty"
    kind = "exact Poisson" if known else "log-normal"
    ratio = interval(float(last["estimate"]), float(last["conf_low"]), float(last["conf_high"]))
    cut = ""
    if np.isfinite(reference.horizon):
        rows = "row" if tte.id is not None else "patient"
        cut = f", follow-up cut at {reference.horizon:g} {reference.unit} ({plural(found.beyond, rows)} followed beyond)"
        cut += f", {plural(found.late, 'patient')} who entered only after it left out" if found.late else ""
    late = ", delayed entry" if tte.entry is not None else ""
    return (f"One-sample log-rank test ({form}){late}{cut}; {plural(found.n, 'patient')}, {plural(found.observed, 'event')}, "
            f"{found.expected:.2f} expected, O/E {ratio} ({level_in_words(conf_level)} limits {kind}){cautioned(tte)}; reference: {reference.method}")  # fmt: skip
