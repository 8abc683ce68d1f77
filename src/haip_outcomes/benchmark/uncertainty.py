"""How sure each side is: a number with limits at any level, and what two such numbers differ by.

A centre's number is never set against a published one as if that were known: at 26 to 34 patients on either side
this would call 6 to 16 of 100 sound centres different at a nominal 5%. The published side's uncertainty is taken,
in this order, from its printed interval, its p-value (of a ratio), its k of n, or, for a probability at a time, the
number at risk that is printed, else its n alone as if nobody had been censored, which is a lower bound. Without any of
these nothing is judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from haip_outcomes.benchmark.published_figure import PublishedFigure, z_of
from haip_outcomes.formatting import plural

Contrast = Literal["difference", "ratio"]
PROBABILITIES = ("landmark_probability", "cumulative_incidence")
Limits = Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class Side:
    """An estimate, its limits at any level (None when its uncertainty is not known), and where they come from.

    `std_error` is that of the estimate on the scale of its z test: ln(-ln p) of a probability at a time, the logarithm of a ratio.
    """

    estimate: float
    limits: Limits | None
    basis: str = ""
    count: tuple[int, int] | None = None
    lower_bound: bool = False
    printed: tuple[float, float] | None = None  # the source's own limits, at its own level
    std_error: float = math.nan


def known(estimate: float) -> Side:
    """A number without error, such as one of a population table. No published series is one: `compare` never takes it so."""
    return Side(estimate, lambda level: (estimate, estimate), "taken as known", std_error=0.0)


def published_side(figure: PublishedFigure) -> Side:
    """The published number on the package's scale (per cent as probabilities) with the best uncertainty it allows.

    A printed interval keeps its limits at its own level. At another level the distances from the estimate are stretched on the
    scale on which the authors made it: of plain, logarithmic, complementary log-log and logit the one on which the interval is most
    nearly symmetric (`printed_scale`). A ratio's limits are made symmetric on the logarithm, those of a standard-error median about
    the median; `printed` are the limits to show. Altman and Bland 2003, doi 10.1136/bmj.326.7382.219; Klein 2007, doi 10.1002/sim.2864.

    A probability at a time S without an interval: with the printed number at risk r, Peto's variance S^2 (1 - S) / r, that is Wilson's
    limits on r / S patients, which is conservative; else Wilson's limits on its n, as if nobody had been censored: a lower bound.
    """
    estimate = math.nan if figure.estimate is None else figure.estimate * figure.scale
    printed = None
    if figure.ci_low is not None and figure.ci_high is not None:
        printed = (figure.ci_low * figure.scale, figure.ci_high * figure.scale)
    if math.isnan(estimate):
        return Side(estimate, None, "the source prints no single estimate", printed=printed)
    if figure.qualifier != "exactly":
        words = f'the source says "{figure.qualifier}", which is no estimate'
        return Side(estimate, None, words, printed=printed)
    if printed and figure.ci_level is not None:
        basis = f"printed {100 * figure.ci_level:g}% interval"
        return Side(estimate, _stretched(figure, estimate, printed), basis, printed=printed, std_error=_test_error(figure, estimate, printed))
    if figure.statistic == "hazard_ratio" and figure.p_value and estimate != 1:
        p = float(figure.p_value.lstrip("<"))
        z = -NormalDist().inv_cdf(p / 2) if 0 < p < 1 else 0.0
        if z > 0:
            error = abs(math.log(estimate)) / z
            words = f"p-value {figure.p_value}" + (", taken as equal: an upper bound of its uncertainty" if "<" in figure.p_value else "")
            return Side(estimate, _log_normal(estimate, error), words, std_error=error)
    if figure.statistic == "proportion" and figure.count is not None and figure.n is not None:
        k, n = figure.count, figure.n
        return Side(k / n, lambda level: wilson(k / n, n, level), f"{k} of {n}", (k, n))
    if figure.n_risk is not None and estimate > 0:
        return of_size(estimate, figure.n_risk / estimate, f"the {plural(figure.n_risk, 'patient')} at risk at its time (Peto's variance, conservative)")
    if figure.statistic in PROBABILITIES and figure.n is not None:
        return by_size_alone(figure, estimate)
    return Side(estimate, None, "the source prints no interval, and nothing that one follows from")


def by_size_alone(figure: PublishedFigure, estimate: float) -> Side:
    """A probability at a time with its number of patients, as if none had been censored before."""
    assert figure.n is not None
    words = f"its {figure.n} patients alone, as if nobody had been censored: a lower bound of its uncertainty"
    return replace(of_size(estimate, figure.n, words), lower_bound=True)


def of_size(p: float, size: float, basis: str) -> Side:
    """Wilson's limits on so many patients; for the test Var(ln(-ln p)) = (1 - p) / (size p ln(p)^2), the same for survival and incidence."""
    error = math.sqrt((1 - p) / (size * p)) / abs(math.log(p)) if 0 < p < 1 else math.nan
    return Side(p, lambda level: wilson(p, size, level), basis, std_error=error)


def wilson(p: float, n: float, level: float) -> tuple[float, float]:
    """Wilson's interval of a proportion; `p * n` need not be whole."""
    low, high = proportion_confint(p * n, n, alpha=1 - level, method="wilson")
    return float(low), float(high)


def printed_scale(estimate: float, low: float, high: float, *, bounded: bool) -> str:
    """The scale on which an interval is most nearly symmetric: the one on which its authors made it.

    Asymmetry on a scale g: [(g(U) - g(x)) - (g(x) - g(L))] / (g(U) - g(L)). Probabilities (`bounded`): plain, log, complementary
    log-log, logit; others: plain or log. Printed digits blur it: with two of them neighbouring scales can change places.

    >>> printed_scale(0.40, 0.31, 0.49, bounded=True), printed_scale(2.4, 1.1, 5.0, bounded=False)
    ('plain', 'log')
    """
    found = {name: abs(asymmetry(estimate, low, high, name)) for name in (_SCALES if bounded else ("plain", "log"))}
    found = {name: value for name, value in found.items() if not math.isnan(value)}
    return min(found, key=lambda name: round(found[name], 9)) if found else "plain"


def asymmetry(estimate: float, low: float, high: float, scale: str) -> float:
    """How far an interval is from symmetric on a scale: 0 in the middle, 1 and -1 at the ends; missing outside the scale."""
    to = _SCALES[scale][0]
    try:
        x, lo, hi = to(estimate), to(low), to(high)
    except ValueError:
        return math.nan
    return ((hi - x) - (x - lo)) / (hi - lo) if hi != lo and math.isfinite(hi - lo) else math.nan


def _stretched(figure: PublishedFigure, estimate: float, printed: tuple[float, float]) -> Limits:
    z = z_of(figure.ci_level or 0.95)
    if figure.statistic == "hazard_ratio":
        if min(printed) <= 0:  # a ratio's limit of 0 says nothing about its logarithm
            return _log_normal(estimate, math.inf)
        return _log_normal(estimate, (math.log(printed[1]) - math.log(printed[0])) / (2 * z))
    if figure.statistic == "median" and figure.ci_form == "symmetric (standard error)":
        error = (printed[1] - printed[0]) / (2 * z)
        return lambda level: (estimate - z_of(level) * error, estimate + z_of(level) * error)
    bounded = figure.unit == "%"
    curve = figure.statistic in ("median", "median_IQR") or math.isinf(printed[1])  # never a standard error: stretched on the logarithm
    to, back = _SCALES["log" if curve else printed_scale(estimate, *printed, bounded=bounded)]

    def limits(level: float) -> tuple[float, float]:
        factor = z_of(level) / z
        ends = []
        for limit in printed:
            try:
                end = limit if factor == 1 else back(to(estimate) + factor * (to(limit) - to(estimate)))
                ends.append(min(max(end, 0.0), 1.0) if bounded else max(end, 0.0))
            except (ValueError, OverflowError):  # a limit at the edge of its scale stays where it is printed
                ends.append(limit)
        return ends[0], ends[1]

    return limits


def _test_error(figure: PublishedFigure, estimate: float, printed: tuple[float, float]) -> float:
    """The standard error on the scale of the z test that a printed interval amounts to."""
    z = z_of(figure.ci_level or 0.95)
    to = math.log if figure.statistic == "hazard_ratio" else _cll if figure.statistic in PROBABILITIES else None
    try:
        found = abs(to(printed[1]) - to(printed[0])) / (2 * z) if to else math.nan
    except (ValueError, OverflowError):
        return math.nan
    return found if math.isfinite(found) else math.nan


def _log_normal(estimate: float, error: float) -> Limits:
    return lambda level: (estimate * math.exp(-z_of(level) * error), estimate * math.exp(z_of(level) * error))


def _identity(value: float) -> float:
    return value


def _cll(p: float) -> float:
    return math.log(-math.log(p))


def _from_cll(theta: float) -> float:
    return math.exp(-math.exp(theta))


def _logit(p: float) -> float:
    return math.log(p / (1 - p)) if p < 1 else _impossible()


def _impossible() -> float:
    raise ValueError("outside the scale")


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x))


_SCALES: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "plain": (_identity, _identity), "log": (math.log, math.exp), "complementary log-log": (_cll, _from_cll), "logit": (_logit, _expit),
}  # fmt: skip


def contrasted(centre: Side, published: Side, contrast: Contrast, level: float) -> tuple[float, float, float]:
    """The centre's number minus (or divided by) the published one, with its interval.

    MOVER (Zou and Donner 2008, doi 10.1002/sim.3095): with limits l, u and l0, u0 of the two estimates,
    D - sqrt((x - l)^2 + (u0 - x0)^2) to D + sqrt((u - x)^2 + (x0 - l0)^2), on the logarithms for a ratio. For
    two proportions with Wilson limits this is Newcombe's method 10 (doi
    10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I)
    and is taken from statsmodels. Two independent samples are assumed. A limit that was not reached is infinite.
    """
    x, x0 = centre.estimate, published.estimate
    point = x - x0 if contrast == "difference" else x / x0 if x0 else math.nan
    if centre.limits is None or published.limits is None or math.isnan(point):
        return point, math.nan, math.nan
    if centre.count and published.count and contrast == "difference":
        low, high = confint_proportions_2indep(
            *centre.count, *published.count, compare="diff", method="newcomb", alpha=1 - level
        )
        return point, float(low), float(high)
    (low, high), (low0, high0) = centre.limits(level), published.limits(level)
    high, high0 = math.inf if math.isnan(high) else high, math.inf if math.isnan(high0) else high0
    if contrast == "difference":
        return point, point - math.hypot(x - low, high0 - x0), point + math.hypot(high - x, x0 - low0)
    if min(x, low, x0, low0) <= 0:
        return point, math.nan, math.nan
    down = math.hypot(math.log(x / low), math.log(high0 / x0))
    up = math.hypot(math.log(high / x), math.log(x0 / low0))
    return (
        point,
        math.exp(math.log(point) - down),
        math.exp(math.log(point) + up) if math.isfinite(up) else math.inf,
    )


def smallest_difference(low: float, high: float, contrast: Contrast, power: float = 0.8) -> float:
    """The smallest true difference (or ratio above 1) that would have been shown with this power.

    (z + z_power) SE, with the standard error from the width of the 95% interval of the difference; on the
    logarithm for a ratio. Infinite when a limit is open.
    """
    factor = (z_of(0.95) + NormalDist().inv_cdf(power)) / z_of(0.95)
    if contrast == "ratio":
        return (
            math.exp(factor * (math.log(high) - math.log(low)) / 2)
            if low > 0 and math.isfinite(high)
            else math.inf
        )
    return factor * (high - low) / 2
