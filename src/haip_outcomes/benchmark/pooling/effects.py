"""A published figure as an effect with its standard error, on the scale it is pooled on; or the reason why it is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from haip_outcomes.benchmark.pooling.scales import LOG_RATIO, LOG_TIME, LOGIT, Scale, scale_of
from haip_outcomes.benchmark.published_figure import PublishedFigure, z_of

SYMMETRIC = "symmetric (standard error)"


@dataclass(frozen=True)
class Effect:
    """A figure on its scale. `basis` says where the standard error comes from; `lower_bound`: the truth is at least as unsure.

    Without an effect `reason` says why, and the numbers are missing.
    """

    effect: float = math.nan
    std_error: float = math.nan
    basis: str = ""
    lower_bound: bool = False
    reason: str = ""

    @property
    def usable(self) -> bool:
        """Whether the figure can be pooled."""
        return not self.reason


def effect_of(figure: PublishedFigure) -> Effect:
    """The figure on its scale, as sure as the source lets it be.

    In this order: k of n for a proportion (logit, v = 1/k + 1/(n - k); half a patient more on both sides when k is 0 or n); the
    printed interval (L, U), |g(U) - g(L)|/(2z) on the figure's scale g, or SE/m of a median in the middle of its interval (a standard
    error's), with SE = (U - L)/(2z); the p-value of a ratio, |ln ratio|/z; the number at risk r at a landmark, Peto's
    (1 - S)/(r ln^2 S), which is conservative; n alone, as if nobody had been censored: 1/(n p(1 - p)), (1 - S)/(n S ln^2 S), 1/(n ln^2 2)
    for a median of exponential times. An open end is left aside: |g(estimate) - g(the other limit)|/z. Methods notes, sections 2, 3,
    5, 6 and 10.
    """
    scale = scale_of(figure)
    if scale is None:
        return Effect(reason=f"a {figure.statistic.replace('_', ' ')} in {figure.unit} is on no scale to pool on")
    if figure.estimate is None:
        return Effect(reason="the source prints no single estimate")
    if figure.qualifier != "exactly":
        return Effect(reason=f'the source says "{figure.qualifier}", which is no estimate')
    value = figure.estimate * figure.scale
    if scale is LOGIT and figure.count is not None and figure.n is not None:
        return _of_count(figure.count, figure.n)
    if not scale.inside(value):
        return Effect(reason=f"{figure.printed} lies at the end of its scale")
    if figure.ci_low is not None and figure.ci_level is not None:
        found = _of_interval(figure, scale, value)
        if found is not None:
            return found
    if scale is LOG_RATIO and figure.p_value and value != 1:
        p = float(figure.p_value.lstrip("<"))
        if 0 < p < 1:
            error = abs(math.log(value)) / -NormalDist().inv_cdf(p / 2)
            words = ", taken as equal: an upper bound" if "<" in figure.p_value else ""
            return Effect(scale.to(value), error, f"p-value {figure.p_value}{words}")
    if figure.n_risk is not None:
        error = math.sqrt((1 - value) / figure.n_risk) / abs(math.log(value))
        return Effect(scale.to(value), error, f"the {figure.n_risk} patients at risk at its time (Peto's variance, conservative)")
    if figure.n is not None and scale.variance_of is not None:
        censored = scale is not LOGIT
        words = ", as if nobody had been censored: a lower bound" if censored else ""
        return Effect(scale.to(value), math.sqrt(scale.variance_of(value, figure.n)), f"its {figure.n} patients alone{words}", censored)
    return Effect(reason="the source prints nothing that its uncertainty follows from")


def _of_count(k: int, n: int) -> Effect:
    half = 0.5 if k in (0, n) else 0.0
    yes, no = k + half, n - k + half
    return Effect(math.log(yes / no), math.sqrt(1 / yes + 1 / no), f"{k} of {n}" + (", half a patient added to both" if half else ""))


def _of_interval(figure: PublishedFigure, scale: Scale, value: float) -> Effect | None:
    """From the printed interval; None where neither end of it is of use."""
    z = z_of(figure.ci_level or 0.95)
    low = (figure.ci_low or 0.0) * figure.scale
    high = math.inf if figure.ci_high is None else figure.ci_high * figure.scale
    basis = f"printed {100 * (figure.ci_level or 0.95):g}% interval"
    closed = math.isfinite(high)
    touches = not (scale.inside(low) and scale.inside(high))
    if closed and (_symmetric(figure) if scale is LOG_TIME else figure.ci_form == SYMMETRIC and touches):
        return Effect(scale.to(value), (high - low) / (2 * z) * abs(scale.slope(value)), f"{basis}, symmetric")
    if not touches and high > low:
        odd = ", not symmetric on the logarithm" if scale is LOG_RATIO and not figure.log_symmetric else ""
        return Effect(scale.to(value), abs(scale.to(high) - scale.to(low)) / (2 * z), basis + odd)
    for end, words in ((low, "lower"), (high, "upper")):
        if scale.inside(end) and end != value:
            return Effect(scale.to(value), abs(scale.to(value) - scale.to(end)) / z, f"{basis}, its {words} limit alone")
    return None


def _symmetric(figure: PublishedFigure) -> bool:
    """Whether a median's interval was made as median plus or minus z SE: as its form says, else as its digits look."""
    return figure.ci_form == SYMMETRIC or (figure.ci_form != "curve-based" and figure.looks_symmetric)
