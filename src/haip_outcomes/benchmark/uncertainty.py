"""How sure each side is: a number with limits at any level, and what two such numbers differ by.

A centre's number is never set against a published one as if that were known: at 26 to 34 patients on either side
this would call 6 to 16 of 100 sound centres different at a nominal 5%. The published side's uncertainty is taken,
in this order, from its printed interval, its p-value (of a ratio), its k of n, or, for a probability at a time, its
n alone as if nobody had been censored, which is a lower bound. Without any of these nothing is judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from haip_outcomes.benchmark.published_figure import PublishedFigure, z_of

Contrast = Literal["difference", "ratio"]
Limits = Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class Side:
    """An estimate, its limits at any level (None when its uncertainty is not known), and where they come from."""

    estimate: float
    limits: Limits | None
    basis: str = ""
    count: tuple[int, int] | None = None
    lower_bound: bool = False
    printed: tuple[float, float] | None = None  # the source's own limits, at its own level


def published_side(figure: PublishedFigure) -> Side:
    """The published number on the package's scale (per cent as probabilities) with the best uncertainty it allows.

    Sources: methods notes, sections 2 to 6. For a printed interval (L, U) the distances from the estimate are
    kept on the scale on which such intervals are made (complementary log-log for survival, log for medians and
    ratios, logit for proportions) and stretched to the level asked for. A ratio's are made symmetric on the
    logarithm, a standard-error median's about the median; `printed` are the limits to show. Altman and Bland 2003, doi 10.1136/bmj.326.7382.219; Klein 2007, doi 10.1002/sim.2864.
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
        return Side(estimate, _stretched(figure, estimate, printed), basis, printed=printed)
    if figure.statistic == "hazard_ratio" and figure.p_value and estimate != 1:
        p = float(figure.p_value.lstrip("<"))
        z = -NormalDist().inv_cdf(p / 2) if 0 < p < 1 else 0.0
        if z > 0:
            error = abs(math.log(estimate)) / z
            return Side(estimate, _log_normal(estimate, error), f"p-value {figure.p_value}")
    if figure.statistic == "proportion" and figure.count is not None and figure.n is not None:
        k, n = figure.count, figure.n
        return Side(k / n, lambda level: wilson(k / n, n, level), f"{k} of {n}", (k, n))
    if figure.statistic in ("landmark_probability", "cumulative_incidence") and figure.n is not None:
        size = figure.n
        return Side(estimate, lambda level: wilson(estimate, size, level),
                    f"its {size} patients alone, as if nobody had been censored: a lower bound of its uncertainty", lower_bound=True)  # fmt: skip
    return Side(estimate, None, "the source prints no interval, and nothing that one follows from")


def wilson(p: float, n: int, level: float) -> tuple[float, float]:
    """Wilson's interval of a proportion; `p * n` need not be whole."""
    low, high = proportion_confint(p * n, n, alpha=1 - level, method="wilson")
    return float(low), float(high)


def _stretched(figure: PublishedFigure, estimate: float, printed: tuple[float, float]) -> Limits:
    z = z_of(figure.ci_level or 0.95)
    if figure.statistic == "hazard_ratio":
        return _log_normal(estimate, (math.log(printed[1]) - math.log(printed[0])) / (2 * z))
    if figure.statistic == "median" and figure.ci_form == "symmetric (standard error)":
        error = (printed[1] - printed[0]) / (2 * z)
        return lambda level: (estimate - z_of(level) * error, estimate + z_of(level) * error)
    to, back = _SCALES.get(figure.statistic, (_identity, _identity))

    def limits(level: float) -> tuple[float, float]:
        factor = z_of(level) / z
        ends = []
        for limit in printed:
            try:
                ends.append(back(to(estimate) + factor * (to(limit) - to(estimate))))
            except (ValueError, OverflowError):  # a limit at the edge of its scale stays where it is printed
                ends.append(limit)
        return ends[0], ends[1]

    return limits


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
    "landmark_probability": (_cll, _from_cll), "cumulative_incidence": (_cll, _from_cll),
    "median": (math.log, math.exp), "proportion": (_logit, _expit),
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
