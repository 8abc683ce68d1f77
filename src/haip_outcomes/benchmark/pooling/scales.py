"""The scales on which published numbers are pooled, there and back, and how sure a new centre of n patients would be on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from haip_outcomes.benchmark.published_figure import PublishedFigure


@dataclass(frozen=True)
class Scale:
    """A transformation g with its inverse; `rising` is False where a larger g is a smaller number (limits change places).

    `variance_of(value, n)` is the variance of g(a result near `value`) in n patients, none of them censored; missing where n does
    not tell it. `inside(value)` says whether g is finite there. Values are the package's: per cent as probabilities.
    """

    name: str
    words: str
    to: Callable[[float], float]
    back: Callable[[float], float]
    slope: Callable[[float], float]  # of g
    inside: Callable[[float], bool]
    variance_of: Callable[[float, int], float] | None
    rising: bool = True

    def limits(self, low: float, high: float) -> tuple[float, float]:
        """Limits on the scale as limits of the number itself, the lower one first."""
        ends = self.back(low), self.back(high)
        return ends if self.rising else (ends[1], ends[0])


def _cll(p: float) -> float:
    return math.log(-math.log(p))


def _from_cll(theta: float) -> float:
    return math.exp(-math.exp(theta)) if theta < 700 else 0.0


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _exp(x: float) -> float:
    return math.exp(x) if x < 709 else math.inf


def _share(p: float) -> bool:
    return 0 < p < 1


def _positive(x: float) -> bool:
    return 0 < x < math.inf


LOG_TIME = Scale("log", "logarithm of the median", math.log, _exp, lambda m: 1 / m, _positive,
                 lambda m, n: 1 / (math.log(2) ** 2 * n))  # fmt: skip
LOG_RATIO = Scale("log", "logarithm of the ratio", math.log, _exp, lambda r: 1 / r, _positive, None)
LOGIT = Scale("logit", "logit of the proportion", _logit, _expit, lambda p: 1 / (p * (1 - p)), _share,
              lambda p, n: 1 / (n * p * (1 - p)))  # fmt: skip
CLL = Scale("cloglog", "ln(-ln p) of the probability", _cll, _from_cll, lambda p: 1 / (p * math.log(p)), _share,
            lambda p, n: (1 - p) / (n * p * math.log(p) ** 2), rising=False)  # fmt: skip

_BY_STATISTIC = {
    "median": LOG_TIME, "proportion": LOGIT, "landmark_probability": CLL, "cumulative_incidence": CLL,
    "hazard_ratio": LOG_RATIO, "risk_ratio": LOG_RATIO, "odds_ratio": LOG_RATIO,
}  # fmt: skip


def scale_of(figure: PublishedFigure) -> Scale | None:
    """The scale of a figure's statistic; None where there is nothing to pool: ranges, counts, thresholds, per cent that are no shares."""
    scale = _BY_STATISTIC.get(figure.statistic)
    return None if scale is None or (scale in (LOGIT, CLL) and figure.unit != "%") else scale
