"""ReferenceCurve: what a published curve leads one to expect of any patients, and how sure it is itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.curves.given_numbers import array_of, spans_given, unit_problems
from haip_outcomes.benchmark.curves.hazard_shapes import (
    Bent,
    Constant,
    Fitted,
    Formula,
    Knots,
    Shape,
    Steps,
    monotone,
    straight,
)
from haip_outcomes.benchmark.curves.landmarks import (
    checked_horizon,
    greenwood_sums,
    landmark_columns,
    landmark_problems,
    median_given,
    median_variance,
    refuse_all,
)
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.intervals import confidence_limits, critical_value
from haip_outcomes.survival.ranking import SAME_TIME
from haip_outcomes.survival.results import frame_of, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times

Through = Literal["hazard", "survival", "pchip"]
UNSTATED = "its own uncertainty is not stated, so it is taken as known, which calls too many sound centres different"


@dataclass(frozen=True, eq=False, repr=False)
class ReferenceCurve:
    """A survival curve to hold patients against: from landmarks, a median, patients, a parametric form, or known.

    Made by one of `from_landmarks`, `from_median`, `from_patients`, `parametric`, `known` and `from_figures`. It says the survival,
    the cumulative hazard H = -ln S and the quantiles of time that it stands for, and the variance that its own estimation adds to
    the events expected by it (`one_sample_logrank` uses that). Beyond `horizon` nothing is said unless it is asked to extrapolate.

    `estimated` tells a curve with an uncertainty of its own from one that is known, or whose uncertainty the source does not let
    one state; `basis` says where the uncertainty comes from.

    >>> curve = ReferenceCurve.from_landmarks([12, 36, 60], [0.90, 0.64, 0.45], n=120, label="Smith 2026")
    >>> curve
    ReferenceCurve: Smith 2026, piecewise exponential through 3 landmarks, to 60 months; 120 patients
    >>> float(curve.survival(24).round(4)), float(curve.quantile(0.5).round(3))
    (0.7589, 52.821)
    """

    kind: str
    shape: Shape
    words: str
    unit: str = "months"
    horizon: float = math.inf
    label: str = ""
    n: int | None = None
    events: int | None = None
    estimated: bool = False
    basis: str = ""
    caution: str = ""
    variance_refused: str = ""
    parameters: pd.DataFrame = field(default_factory=pd.DataFrame)
    covariance: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    # --- where curves come from -------------------------------------------------------------------------------

    @classmethod
    def from_landmarks(
        cls,
        times: Any,
        survival: Any,
        *,
        n: Any = None,
        conf_low: Any = None,
        conf_high: Any = None,
        n_risk: Any = None,
        unit: str = "months",
        label: str = "",
        conf_level: float = 0.95,
        through: Through = "hazard",
    ) -> ReferenceCurve:
        """A curve through survival printed at some times ("90% at 1, 64% at 3 and 45% at 5 years").

        H = -ln S in straight lines between the landmarks, from 0 at time 0: a constant hazard in each stretch,
        lambda_k = (ln S_(k-1) - ln S_k) / (t_k - t_(k-1)). It ends at the last landmark. Before the first one the usual early lag
        after a selecting operation is not seen, so that too many events are expected early.

        Parameters
        ----------
        times, survival : the landmarks, in `unit` (days, weeks, months or years), in order, above 0; survival as probabilities above 0 and
            at most 1. Where one of them is a Series, every other Series is brought into its order by the index.
        n : how many patients the source had, one number or one a landmark.
        conf_low, conf_high : the printed limits, at `conf_level`; NaN where a landmark has none.
        n_risk : numbers at risk at the landmarks, as printed below the figure.
        through : "hazard" (the default), "pchip" (a monotone cubic through H; Fritsch and Carlson 1980, doi 10.1137/0717021, not
            re-read) or "survival" (straight lines on S): to see how much hangs on what is between the landmarks.

        Var(H_k) = SE(S_k)^2 / S_k^2 from the printed limits (on the scale, plain, log, log-log or logit, on which they are most nearly
        symmetric), else (1 - S_k)/n_risk_k (Peto), else (1 - S_k)/(n S_k); covariance Var(H_min(k,l)); E = sum_k c_k H_k,
        Var(E) = c' V c. With none of these the curve is taken as known, and says so.

        Raises
        ------
        EndpointError : a curve that rises, times out of order, survival outside (0, 1], an interval that excludes its estimate,
            numbers at risk that rise or are more than n, patients that are not whole numbers, uncertainty for some landmarks only: all of
            them at once. Series whose indexes differ.
        """
        columns = landmark_columns(times, survival, n=n, conf_low=conf_low, conf_high=conf_high, n_risk=n_risk)
        critical_value(conf_level)
        wrong = landmark_problems(columns, unit)
        if through not in ("hazard", "survival", "pchip"):
            wrong.append(f'there is no through="{through}". {did_you_mean(str(through), ["hazard", "survival", "pchip"])}')
        refuse_all(wrong, label)
        sums, basis = greenwood_sums(columns, conf_level)
        sizes = columns["n"][~np.isnan(columns["n"])]
        size = int(sizes.max()) if len(sizes) else None
        return _through_points(cls, columns["times"], columns["survival"], sums, basis, unit=unit, label=label, n=size, through=through)

    @classmethod
    def from_median(
        cls,
        median: float,
        *,
        n: int | None = None,
        events: int | None = None,
        conf_low: float | None = None,
        conf_high: float | None = None,
        conf_level: float = 0.95,
        unit: str = "months",
        horizon: float = math.inf,
        label: str = "",
    ) -> ReferenceCurve:
        """A constant hazard ln 2 / median: all that a median alone can say, wrong early and late in opposite directions.

        The variance of ln(hazard) is (ln(U/L) / 2z)^2 from printed limits (with an open upper limit (ln(median/L) / z)^2); else, of a
        Kaplan-Meier median, 1 / (n ln^2 2), and of a fit to `events` events 1 / events: the larger where both are given. Var(E) is E
        squared times that. With none of these the curve is taken as known, and says so.

        Raises
        ------
        EndpointError : a median that is not a number above 0, limits that exclude it, numbers of patients or events that are not whole
            or not above 0, another unit than days, weeks, months or years. A missing n or limit (None, NaN) counts as not given.
        """
        critical_value(conf_level)
        given = median_given(median, n, events, conf_low, conf_high, horizon, unit, label)
        relative, basis = median_variance(given.median, given.low, given.high, conf_level, given.n, given.events)
        words = f"constant hazard from a median of {given.median:g} {unit} alone"
        return cls("median", Constant(math.log(2) / given.median, relative), words, unit, given.horizon, label, given.n, given.events, relative > 0, basis)

    @classmethod
    def from_patients(cls, tte: TimeToEvent, *, horizon: float | None = None, label: str = "") -> ReferenceCurve:
        """The Nelson-Aalen curve of patients, real or reconstructed (`reconstruct_ipd`): H rises by d/Y at each event time.

        Var(E) = sum_j d_j (Y_A(t_j) / Y_j)^2 over their event times, Y_A(t) of the patients held against it at risk at t, Y_j of these.
        With equal follow-up that is E n/n0. It ends with their last follow-up, or at `horizon` before it.

        Raises
        ------
        EndpointError : competing events; a horizon beyond their follow-up; no events.
        """
        require_times(tte, "ReferenceCurve.from_patients")
        event = tte.single("ReferenceCurve.from_patients")
        last = float(tte.time.max())
        end = last if horizon is None else checked_horizon(horizon)
        if not 0 < end <= last * (1 + SAME_TIME):
            raise EndpointError(f"A reference curve: the horizon {end:g} is beyond the last follow-up of these patients, {last:g} {tte.unit}.")
        used = event & (tte.time <= end * (1 + SAME_TIME))
        if not used.any():
            raise EndpointError(f"A reference curve: these patients have no event up to {end:g} {tte.unit}, so nothing would be expected of anybody.")
        times, events = np.unique(tte.time[used], return_counts=True)
        at_risk = len(tte) - np.searchsorted(np.sort(tte.time), times, side="left")
        at_risk -= len(tte) - np.searchsorted(np.sort(tte.start), times, side="left")
        refused = getattr(tte, "variance_refused", "")
        own = getattr(tte, "method", "").removesuffix(f"; {refused}")
        words = f"Nelson-Aalen of {plural(tte.n, 'patient')}, {plural(int(event.sum()), 'event')}" + (f" ({own[:1].lower()}{own[1:]})" if own else "")
        shape = Steps(times, events.astype(float), at_risk.astype(float))
        return cls("patients", shape, words, tte.unit, end, label or tte.label, tte.n, int(event.sum()), True, "the patients themselves",
                   tte.caution, refused)  # fmt: skip

    @classmethod
    def parametric(cls, tte: TimeToEvent, family: str = "weibull", *, horizon: float = math.inf, label: str = "") -> ReferenceCurve:
        """A parametric curve fitted to patients by maximum likelihood, real or reconstructed.

        `family`: "exponential", "weibull", "lognormal", "loglogistic" or "generalized_gamma". lifelines' univariate fitter finds the maximum
        and Newton's method ends the search (to 1e-9). `parameters` are mu and ln sigma of w = (ln t - mu)/sigma, as in R's
        `survreg`: H = exp(w) (Weibull; exponential with sigma 1), -ln Phi(-w) (log-normal), ln(1 + exp(w)) (log-logistic); the generalised
        gamma has a third, q, as in R's flexsurv (q = 1 Weibull, 0 log-normal; its derivatives are numerical). `covariance`
        is the inverse of the observed information, and Var(E) = g' C g with g = dE/d(parameters); of a Weibull
        dH/dmu = -H/sigma and dH/dln sigma = -H w.

        It is extrapolated beyond these patients' follow-up unless a `horizon` is given. Of patients reconstructed from n alone there
        are no standard errors and no covariance (NaN).

        Raises
        ------
        EndpointError : an unknown family; competing events; an event at time 0. FitError, ConvergenceError : too few events, no maximum.
        """
        from haip_outcomes.benchmark.curves.parametric_families import FAMILIES, fit_family

        require_times(tte, "ReferenceCurve.parametric")
        end, refused = checked_horizon(horizon), getattr(tte, "variance_refused", "")
        fit = fit_family(tte, family)
        last, event = float(tte.time.max()), int((tte.state > 0).sum())
        covariance = np.full_like(fit.covariance, np.nan) if refused else fit.covariance
        shape = Fitted(fit.hazard, fit.slope, covariance, fit.reaches)
        words = f"{FAMILIES[family].words} curve fitted to {plural(tte.n, 'patient')}, {plural(event, 'event')}, followed to {last:g} {tte.unit}{' and extrapolated' if end > last else ''}"
        table = frame_of({"term": list(fit.names), "estimate": fit.estimates, "std_error": np.sqrt(np.diag(covariance))})
        return cls("parametric", shape, words, tte.unit, end, label or tte.label, tte.n, event, True, "maximum likelihood", tte.caution,
                   refused, table, covariance)  # fmt: skip

    @classmethod
    def known(cls, survival: Callable[..., Any], *, unit: str = "months", horizon: float = math.inf, label: str = "") -> ReferenceCurve:
        """A curve that is known without error, any function of time: a population's life table, a protocol's assumption.

        `survival` takes an array of times (or one) and gives probabilities. Use it only for what is truly known: an estimate treated
        as known calls too many sound centres different.

        Raises
        ------
        EndpointError : no function, or one that gives no probability; survival that is not 1 at time 0; a horizon that is not above 0; where
            it is used, a value outside 0 to 1 or a curve that rises.
        """
        if not callable(survival):
            raise EndpointError(f"A known curve is a function of time, such as lambda t: np.exp(-t / 60); got {type(survival).__name__}.")
        end = checked_horizon(horizon)
        refuse_all(unit_problems(unit), label)
        formula = Formula(survival, end)
        formula.begins_at_one()
        return cls("known", formula, "known curve", unit, end, label)

    @classmethod
    def from_figures(cls, figures: Iterable[PublishedFigure], *, label: str = "") -> ReferenceCurve:
        """The curve that published landmarks and a median of one arm of one source amount to.

        All must be of one source, endpoint, setting, time zero, event, population and subgroup, at different times; a median is the point
        at which S is one half, and alone a constant hazard. Uncertainty as in `from_landmarks` and `from_median`; where a figure has none,
        the curve is taken as known and says so. In months.

        Raises
        ------
        EndpointError : figures of several sources, endpoints, ...; two of one time; other statistics; a range or "about".

        >>> from haip_outcomes.benchmark.literature import published
        >>> ReferenceCurve.from_figures(published(source="haukeland2015", endpoint="overall_survival"))
        ReferenceCurve: haukeland2015, piecewise exponential through a median and 2 landmarks, to 120 months; 311 patients
        """
        from haip_outcomes.benchmark.curves.figure_points import curve_points, figures_given

        points = curve_points(figures_given(figures))
        name = label or points.source
        if len(points.times) == 1 and points.medians:
            return cls.from_median(points.times[0], n=points.n, events=points.events, conf_low=points.median_low, conf_high=points.median_high,
                                   conf_level=points.median_level, label=name)  # fmt: skip
        refuse_all(landmark_problems(landmark_columns(points.times, points.survival), "months"), name)
        kinds = f"a median and {plural(len(points.times) - 1, 'landmark')}" if points.medians else plural(len(points.times), "landmark")
        sums = np.full(len(points.times), np.nan) if np.isnan(points.sums).any() else points.sums
        return _through_points(cls, points.times, points.survival, sums, points.basis, unit="months", label=name, n=points.n,
                               through="hazard", kinds=kinds)  # fmt: skip

    # --- what a curve says ------------------------------------------------------------------------------------

    def cumulative_hazard(self, times: Any, *, extrapolate: bool = False) -> Any:
        """H(t) = -ln S(t), of the shape of the times; EndpointError beyond the horizon unless `extrapolate`."""
        at, asked = self._asked(times, extrapolate)
        return self.shape.hazard(at).reshape(asked)[()]  # a number for a number

    def survival(self, times: Any, *, extrapolate: bool = False) -> Any:
        """S(t) = exp(-H(t)), of the shape of the times; EndpointError beyond the horizon unless `extrapolate`."""
        return np.exp(-self.cumulative_hazard(times, extrapolate=extrapolate))

    def quantile(self, q: Any, *, extrapolate: bool = False) -> Any:
        """The time by which a share q has had the event (0.5: the median); NaN where the curve does not say, unless `extrapolate`."""
        shares = array_of(q)
        if shares is None or shares.size == 0 or not np.all((shares >= 0) & (shares < 1)):
            raise EndpointError(f"A quantile is a share from 0 to below 1, such as 0.5 for the median; got {q!r}.")
        found = self.shape.reaches(-np.log1p(-np.atleast_1d(shares).ravel()))
        within = np.isfinite(found) & (extrapolate | (found <= self.horizon * (1 + SAME_TIME)))
        return np.where(within, found, np.nan).reshape(shares.shape)[()]

    def variance_of_expected(self, time: Any, entry: Any = None) -> float:
        """Var(E): what the curve's own estimation adds to the variance of the events expected of patients followed over (entry, time].

        0 for a curve that is known or taken as known. Follow-up beyond the horizon does not count. A Series of entries is aligned to one
        of times by its index.
        """
        if self.variance_refused:
            raise EndpointError(f"{self.named}: {self.variance_refused}. Give the total of events or the numbers at risk with the curve.")
        spans = spans_given(time, entry, self.horizon, f"{self.named}, variance_of_expected")
        if not self.estimated:
            return 0.0
        return self.shape.variance(spans)

    def as_known(self) -> ReferenceCurve:
        """The same curve taken as known: what most one-sample tests in print do, and what calls too many sound centres different."""
        return replace(self, estimated=False, basis="", variance_refused="")

    def tidy(self, times: Any = None, *, conf_level: float = 0.95) -> pd.DataFrame:
        """A row a time: survival with log-log limits from the curve's own uncertainty, and the cumulative hazard.

        Without `times`: the landmarks (with the hazard of the stretch that ends there), the event times, or the times at which 10% to
        90% have had the event. `std_error` is of the survival; NaN when the curve is not an estimate.
        """
        if times is None:
            at = self._own_times()
        else:
            at, _ = self._asked(times, False)
        hazard = self.shape.hazard(at)
        s = np.exp(-hazard)
        spread = np.sqrt(self.shape.hazard_variance(at)) if self.estimated and not self.variance_refused else np.full(len(at), np.nan)
        low, high = confidence_limits(s, s * spread, critical_value(conf_level), "log-log")
        columns: dict[str, Any] = {"time": at, "estimate": s, "std_error": s * spread, "conf_low": low, "conf_high": high, "cumulative_hazard": hazard}
        if isinstance(self.shape, Knots) and times is None:
            columns["hazard"] = self.shape.slopes
        if isinstance(self.shape, Steps) and times is None:
            columns |= {"n_event": self.shape.events.astype(int), "n_risk": self.shape.at_risk.astype(int)}
        return frame_of(columns)

    def _own_times(self) -> np.ndarray:
        if isinstance(self.shape, (Knots, Steps)):
            return self.shape.times
        if isinstance(self.shape, Bent):
            return self.shape.knots.times
        found = self.quantile(np.arange(1, 10) / 10)
        return found[np.isfinite(found)]

    def _asked(self, times: Any, extrapolate: bool) -> tuple[np.ndarray, tuple[int, ...]]:
        asked = array_of(times)
        if asked is None:
            raise EndpointError(f"{self.named}: times must be numbers, in {self.unit}; got {times!r}.")
        at = asked.ravel()
        if not np.all(at >= 0):
            raise EndpointError(f"{self.named}: times must be at or above 0; got {at[~(at >= 0)][0]:g}.")
        beyond = at > self.horizon * (1 + SAME_TIME)
        if beyond.any() and not extrapolate:
            raise EndpointError(f"{self.named} ends at {self.horizon:g} {self.unit}, and {at[beyond].max():g} is beyond it. Ask for an earlier time, "
                                "or extrapolate=True goes on with its last hazard, which no data support.")  # fmt: skip
        return at, asked.shape

    # --- words ------------------------------------------------------------------------------------------------

    @property
    def named(self) -> str:
        """Its label, or "the reference curve"."""
        return self.label or "the reference curve"

    @property
    def unstated(self) -> bool:
        """True for an estimate that is taken as known, because its source prints nothing that an uncertainty follows from."""
        return not self.estimated and self.kind != "known"

    @property
    def method(self) -> str:
        """What the curve is and how sure it is, in words."""
        parts = [self._what()]
        if self.variance_refused:
            parts.append(self.variance_refused)
        elif self.kind != "known":
            parts.append(f"its own uncertainty from {self.basis}" if self.estimated else UNSTATED)
        return "; ".join([*parts, *([self.caution] if self.caution else [])])

    def _what(self) -> str:
        name = f"{self.label}, " if self.label else ""
        end = f", to {self.horizon:g} {self.unit}" if math.isfinite(self.horizon) else ""
        size = f"; {plural(self.n, 'patient')}" if self.n is not None and self.kind in ("landmarks", "median") else ""
        return f"{name}{self.words}{end}{size}"

    def __repr__(self) -> str:
        return f"ReferenceCurve: {self._what()}"

    def _repr_html_(self) -> str:
        return shown_as_html("Reference curve", self.tidy(), self.method)


def _through_points(
    cls: type[ReferenceCurve], times: np.ndarray, survival: np.ndarray, sums: np.ndarray, basis: tuple[str, ...], *,
    unit: str, label: str, n: int | None, through: Through, kinds: str = "",
) -> ReferenceCurve:  # fmt: skip
    unknown = np.isnan(sums)
    if unknown.any() and not unknown.all():
        refuse_all([f"there is no interval, number at risk or n for survival at {listed([f'{time:g}' for time in times[unknown]])} {unit}, and there is for the others: give n"], label)
    known = bool(unknown.all())
    caution = ""
    g = np.zeros(len(times)) if known else sums
    if (np.diff(g) < 0).any():
        g = np.maximum.accumulate(g)
        caution = "the printed intervals are narrower (relative to S) at a later landmark than at an earlier one, so the earlier one's uncertainty is carried on"
    knots = Knots(times, np.maximum(-np.log(survival), 0.0), g)
    shape: Shape = knots if through == "hazard" else Bent(knots, (monotone if through == "pchip" else straight)(times))
    form = {"hazard": "piecewise exponential", "pchip": "monotone cubic on H", "survival": "straight lines on S"}[through]
    words = f"{form} through {kinds or plural(len(times), 'landmark')}"
    return cls("landmarks", shape, words, unit, float(times[-1]), label, n, None, not known, listed(basis), caution)
