"""k of n: its interval, the difference from another k of n, and its test against a known share."""

from __future__ import annotations

from typing import Any, Literal

from scipy.optimize import brentq
from scipy.stats import binom
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from haip_outcomes.benchmark.curves.given_numbers import number_of, shown
from haip_outcomes.errors import EndpointError, did_you_mean

IntervalMethod = Literal["wilson", "exact", "mid-p"]
TestMethod = Literal["mid-p", "doubled", "minimum-likelihood"]


def proportion_interval(k: int, n: int, *, method: IntervalMethod = "wilson", conf_level: float = 0.95) -> tuple[float, float]:
    """How sure is a share of k of n patients? Its lower and upper limit, as probabilities.

    Parameters
    ----------
    k, n : whole numbers, 0 <= k <= n, n at least 1.
    method : "wilson" (score; covers the nominal level on average: to show), "exact" (Clopper-Pearson: never below it), "mid-p" (between).

    Formulas
    --------
    Wilson: (p + z^2/2n -+ z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n). Exact: BetaInv(a/2; k, n - k + 1) and
    BetaInv(1 - a/2; k + 1, n - k). Mid-p: the lower limit l solves P(X > k | l) + P(X = k | l)/2 = a/2, the upper u
    P(X < k | u) + P(X = k | u)/2 = a/2. In R: prop.test(correct = FALSE), binom.test.

    Raises
    ------
    EndpointError : k or n is no count, conf_level no share between 0 and 1, or there is no such method.

    >>> [tuple(round(x, 4) for x in proportion_interval(14, 60, method=how)) for how in ("wilson", "exact", "mid-p")]
    [(0.1444, 0.3544), (0.1338, 0.3604), (0.1394, 0.3525)]
    """
    k, n = _counts(k, n)
    conf_level = _level(conf_level)
    if not isinstance(method, str) or method not in ("wilson", "exact", "mid-p"):
        raise EndpointError(f'There is no interval "{method}" of a proportion. {did_you_mean(str(method), ("wilson", "exact", "mid-p"))}')
    alpha = 1 - conf_level
    if method == "mid-p":
        low = 0.0 if k == 0 else brentq(lambda p: binom.sf(k, n, p) + binom.pmf(k, n, p) / 2 - alpha / 2, 0, 1, xtol=1e-15, rtol=1e-14)
        high = 1.0 if k == n else brentq(lambda p: binom.cdf(k - 1, n, p) + binom.pmf(k, n, p) / 2 - alpha / 2, 0, 1, xtol=1e-15, rtol=1e-14)
        return float(low), float(high)
    low, high = proportion_confint(k, n, alpha=alpha, method="wilson" if method == "wilson" else "beta")
    return (0.0 if k == 0 else float(low)), (1.0 if k == n else float(high))


def proportion_difference(k: int, n: int, k0: int, n0: int, *, conf_level: float = 0.95) -> tuple[float, float, float]:
    """How far is k of n from k0 of n0? The difference of the two shares with Newcombe's limits (method 10).

    With d = p - p0 and Wilson limits (l, u), (l0, u0): d - sqrt((p - l)^2 + (u0 - p0)^2) to d + sqrt((u - p)^2 + (p0 - l0)^2).
    Newcombe 1998, doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.

    >>> tuple(round(x, 4) for x in proportion_difference(14, 60, 120, 544))
    (0.0127, -0.0835, 0.1381)
    """
    k, n = _counts(k, n)
    k0, n0 = _counts(k0, n0)
    conf_level = _level(conf_level)
    low, high = confint_proportions_2indep(k, n, k0, n0, compare="diff", method="newcomb", alpha=1 - conf_level)
    return k / n - k0 / n0, float(low), float(high)


def proportion_test(k: int, n: int, known: float, *, method: TestMethod = "mid-p") -> float:
    """Could k of n be chance, were the true share known? The exact two-sided p-value: state which of the three it is.

    "mid-p": 2 min{P(X <= k) - P(k)/2, P(X >= k) - P(k)/2}; "doubled": 2 min{P(X <= k), P(X >= k)}; "minimum-likelihood": the
    chance of all counts that are no likelier than k (R's binom.test). A published share is not known: `compare` uses intervals of both.

    >>> [round(proportion_test(2, 20, 0.22, method=how), 4) for how in ("mid-p", "doubled", "minimum-likelihood")]
    [0.1973, 0.3023, 0.2813]
    """
    k, n = _counts(k, n)
    share = number_of(known)
    if share is None or not 0 <= share <= 1:
        raise EndpointError(f"A known share is a probability between 0 and 1, and this is {shown(known)}; 22% is written 0.22.")
    if not isinstance(method, str) or method not in ("mid-p", "doubled", "minimum-likelihood"):
        raise EndpointError(f'There is no test "{method}" of a proportion. {did_you_mean(str(method), ("mid-p", "doubled", "minimum-likelihood"))}')
    each = binom.pmf(range(n + 1), n, share)
    if method == "minimum-likelihood":
        return float(min(1.0, each[each <= each[k] * (1 + 1e-7)].sum()))
    half = each[k] / 2 if method == "mid-p" else 0.0
    return float(min(1.0, 2 * min(each[: k + 1].sum() - half, each[k:].sum() - half)))


def _counts(k: Any, n: Any) -> tuple[int, int]:
    """k and n as whole numbers; true and false, text, lists and missing values are none."""
    some, of = number_of(k), number_of(n)
    if some is None or of is None or not (some.is_integer() and of.is_integer() and of >= 1 and 0 <= some <= of):
        raise EndpointError(f"A proportion needs whole numbers k of n with 0 <= k <= n and n at least 1, and this is {shown(k)} of {shown(n)}.")
    return int(some), int(of)


def _level(conf_level: Any) -> float:
    level = number_of(conf_level)
    if level is None or not 0 < level < 1:
        raise EndpointError(f"conf_level is {shown(conf_level)}; it lies between 0 and 1, for example 0.95.")
    return level
