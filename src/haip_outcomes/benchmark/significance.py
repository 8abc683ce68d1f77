"""The tests that go with a comparison: kept beside the intervals, from which the verdicts are made."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

from scipy.stats import hypergeom

from haip_outcomes.benchmark.centre import CentreNumber
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.benchmark.uncertainty import PROBABILITIES, Side, of_size

TESTS = ("test", "statistic", "p_value", "std_error", "published_std_error")
_NONE: dict[str, object] = dict.fromkeys(TESTS, math.nan) | {"test": ""}


def difference_test(ours: CentreNumber, theirs: Side, figure: PublishedFigure, at_median: bool) -> dict[str, object]:
    """The test of one number against one figure, in the columns of `TESTS`; an empty `test` where there is none."""
    if at_median and figure.n is not None:
        free = ours.free_at(theirs.estimate)
        return _z(free, of_size(0.5, figure.n, ""), _cll, "z on the complementary log-log scale, at the published median")
    if theirs.limits is None:
        return _NONE
    if ours.side.count and theirs.count:
        p = fisher_mid_p(*ours.side.count, *theirs.count)
        return _NONE | {"test": "Fisher's exact test, mid-p", "p_value": p}
    if figure.statistic in PROBABILITIES:
        return _z(ours.side, theirs, _cll, "z on the complementary log-log scale")
    if figure.statistic == "hazard_ratio":
        return _z(ours.side, theirs, math.log, "z of the logarithm of the ratio")
    return _NONE


def _z(ours: Side, theirs: Side, scale: Callable[[float], float], words: str) -> dict[str, object]:
    error = math.hypot(ours.std_error, theirs.std_error)
    if math.isnan(error) or error == 0:
        return _NONE
    z = (scale(ours.estimate) - scale(theirs.estimate)) / error
    return {"test": words, "statistic": z, "p_value": 2 * NormalDist().cdf(-abs(z)), "std_error": ours.std_error,
            "published_std_error": theirs.std_error}  # fmt: skip


def fisher_mid_p(k: int, n: int, k0: int, n0: int) -> float:
    """Two proportions: Fisher's exact test with the mid-p, doubled: 2 min{P(X <= k) - P(k)/2, P(X >= k) - P(k)/2}.

    >>> round(fisher_mid_p(14, 60, 120, 544), 6)
    0.806747
    """
    law = hypergeom(n + n0, k + k0, n)
    half = law.pmf(k) / 2
    return float(min(1.0, 2 * min(law.cdf(k) - half, law.sf(k - 1) - half)))


def _cll(p: float) -> float:
    return math.log(-math.log(p))
