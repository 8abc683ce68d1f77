"""Shrunken estimates: what a centre's number is likely to be, drawn towards all centres as far as its size leaves it unsure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import betaln, digamma, gammaln, polygamma
from scipy.stats import beta, chi2, gamma

from haip_outcomes.benchmark.case_mix.centre_counts import SIZES, CentreCounts, Kind, centre_counts
from haip_outcomes.errors import ConvergenceError, EndpointError
from haip_outcomes.formatting import interval, number, percent, plural
from haip_outcomes.survival.intervals import critical_value, level_in_words
from haip_outcomes.survival.results import frame_of, in_order, shown_as_html

FEW = 10  # centres: with fewer the intervals are too narrow, as they ignore the error of the prior
ENDLESS = 1e7  # a prior as strong as this many patients (or expected events): no spread between centres


@dataclass(frozen=True, eq=False, repr=False)
class Shrunken:
    """Empirical Bayes estimates. `tidy()` has a row a centre in the order given: this is no ranking.

    Attributes
    ----------
    kind : "proportion" (beta-binomial) or "ratio" (gamma-Poisson).
    prior : its two parameters: alpha and beta, or the gamma's shape a and rate b; None where the centres show no spread.
    mean : of the prior; without spread, of all centres together.
    strength : how many patients (or expected events) the prior counts for: alpha + beta, or b; infinite without spread.
    log_likelihood : at the maximum, binomial coefficients left out (gamma-Poisson: complete); NaN without spread.
    moments : the moment estimates of mean, rho (or the variance between centres) and strength, from which the search starts.
    method : the sentence the result writes about itself.
    """

    counts: CentreCounts
    prior: tuple[float, float] | None
    mean: float
    strength: float
    log_likelihood: float
    moments: dict[str, float]
    conf_level: float
    method: str

    @property
    def kind(self) -> Kind:
        """ "proportion": events of patients; "ratio": events over expected events."""
        return self.counts.kind

    def tidy(self) -> pd.DataFrame:
        """A row a centre, in the order given.

        group; estimate (posterior mean); conf_low and conf_high (posterior, equal tails); n or n_expected, n_event; crude (its own
        proportion or observed over expected); weight (of its own data in the estimate); probability_above: of a truth above 1 (ratios)
        or above the mean (proportions). Without spread all have the common estimate and its exact interval, weight 0.
        """
        counts = self.counts
        size, events = counts.size, counts.observed
        if self.prior is None:
            low, high = _common_limits(counts, self.conf_level)
            estimate, limits = np.full(len(counts), self.mean), (np.full(len(counts), low), np.full(len(counts), high))
            weight, above = np.zeros(len(counts)), np.full(len(counts), np.nan)
        else:
            a, b = self.prior
            tails = ((1 - self.conf_level) / 2, (1 + self.conf_level) / 2)
            if self.kind == "proportion":
                posterior = beta(a + events, b + size - events)
                weight, above = size / (size + a + b), posterior.sf(self.mean)
            else:
                posterior = gamma(a + events, scale=1 / (b + size))
                weight, above = size / (size + b), posterior.sf(1.0)
            estimate, limits = posterior.mean(), tuple(posterior.ppf(tail) for tail in tails)
        columns = {"group": counts.groups, "estimate": estimate, "conf_low": limits[0], "conf_high": limits[1], "n_event": events.astype(int),
                   "crude": counts.estimate, "weight": weight, "probability_above": above}  # fmt: skip
        columns[SIZES[self.kind]] = size.astype(int) if self.kind == "proportion" else size
        return in_order(frame_of(columns))

    def glance(self) -> pd.DataFrame:
        """One row: estimate (mean of the prior), n (centres), n_event, prior_1, prior_2, strength, log_likelihood."""
        first, second = self.prior or (np.nan, np.nan)
        return frame_of({"estimate": [self.mean], "n": [len(self.counts)], "n_event": [int(self.counts.observed.sum())], "prior_1": [first],
                         "prior_2": [second], "strength": [self.strength], "log_likelihood": [self.log_likelihood]})  # fmt: skip

    @property
    def sentences(self) -> tuple[str, ...]:
        """Each centre in words; where there is no spread, that alone."""
        if self.prior is None:
            return (f"The {plural(len(self.counts), 'centre')} differ no more than by chance: there is nothing to shrink or to order.",)
        said = []
        for row in self.tidy().to_dict("records"):
            values = [row[name] for name in ("estimate", "conf_low", "conf_high")]
            share = self.kind == "proportion"
            crude, shown = (percent(row["crude"]), percent(*values)) if share else (number(row["crude"]), interval(*values))
            said.append(f"{row['group']}: {shown}, its own number {crude}.")
        return tuple(said)

    def __repr__(self) -> str:
        return "\n".join([*self.sentences, self.method])

    def _repr_html_(self) -> str:
        return shown_as_html("Shrunken estimates", self.tidy(), self.method)


def shrunken(observed: Any, expected_or_n: Any, *, kind: Kind | None = None, groups: Any = None, conf_level: float = 0.95) -> Shrunken:
    """What each centre's result is likely to be, once chance in small numbers is allowed for.

    A small centre's number is drawn towards the mean of all, a large one's hardly. Not for judging one centre by itself:
    shrinkage hides a poor small centre, so it stands beside the funnel and does not replace it.

    Parameters
    ----------
    observed, expected_or_n, kind, groups : as for `funnel`: events, and patients (whole numbers) or expected events, of two or more centres.
    conf_level : of the posterior intervals.

    Formulas
    --------
    Proportions: k_i beta-binomial (n_i, alpha, beta), maximum of sum ln B(alpha + k, beta + n - k) - ln B(alpha, beta). Posterior
    Beta(alpha + k, beta + n - k), mean (alpha + k)/(alpha + beta + n), weight of own data n/(n + alpha + beta) (Kleinman 1973, doi
    10.1080/01621459.1973.10481332, not re-read). Ratios: O_i Poisson(E_i theta_i), theta gamma(a, rate b), so O negative binomial;
    posterior gamma(a + O, b + E), mean (a + O)/(b + E) (Clayton and Kaldor 1987, doi 10.2307/2532003, not re-read). The moment estimate
    of the spread, rho = (S - (I-1) m (1-m)) / (m (1-m) (N - sum n^2/N - (I-1))) with S = sum n (p-m)^2 (ratios: variance
    (S - (I-1) m) / (sum E - sum E^2 / sum E)), at or below 0 means no evidence of spread; so does a maximum at infinite strength.
    The intervals ignore the error of the two parameters: they are too narrow with under 10 centres, and the sentence says so.

    Raises
    ------
    EndpointError : counts that can't be (all are named); fewer than two centres. ConvergenceError : the maximum was not reached.

    Equals R's `optim` of the same likelihood with `qbeta`/`qgamma`.

    >>> found = shrunken([3, 14, 2, 25, 8, 1, 19, 9], [7.1, 8.3, 5.2, 14.9, 9.6, 3.8, 10.2, 9.9])
    >>> found.tidy()[["group", "crude", "estimate", "conf_low", "conf_high"]].round(2).head(2)
      group  crude  estimate  conf_low  conf_high
    0     1   0.42      0.67      0.28       1.22
    1     2   1.69      1.47      0.88       2.21
    """
    critical_value(conf_level)
    counts = centre_counts(observed, expected_or_n, kind, groups, "shrunken")
    if len(counts) < 2:
        raise EndpointError("shrunken needs two or more centres: one alone has nothing to be drawn towards.")
    moments = _moments(counts)
    crude_mean = float(counts.observed.sum() / counts.size.sum())
    prior = None
    if moments["spread"] > 0:
        prior = _maximum(counts, moments)
    if prior is None:
        return Shrunken(counts, None, crude_mean, np.inf, np.nan, moments, conf_level, _method(counts, None, conf_level))
    a, b = prior
    mean, strength = (a / (a + b), a + b) if counts.kind == "proportion" else (a / b, b)
    value, _, _ = _LIKELIHOODS[counts.kind](np.log([a, b]), counts)
    return Shrunken(counts, prior, mean, strength, value, moments, conf_level, _method(counts, prior, conf_level))


def _moments(counts: CentreCounts) -> dict[str, float]:
    """Mean, spread (rho, or the variance between centres) and strength by moments."""
    n, i = counts.size, len(counts)
    m = float(counts.observed.sum() / n.sum())
    s = float((n * (counts.estimate - m) ** 2).sum())
    reach = float(n.sum() - (n**2).sum() / n.sum())
    if counts.kind == "proportion":
        chance, below = m * (1 - m), m * (1 - m) * (reach - (i - 1))
    else:
        chance, below = m, reach
    spread = (s - (i - 1) * chance) / below if below > 0 else 0.0
    strength = np.inf if spread <= 0 else 1 / spread - 1 if counts.kind == "proportion" else m / spread
    return {"mean": m, "spread": float(spread), "strength": float(strength)}


def _maximum(counts: CentreCounts, moments: dict[str, float]) -> tuple[float, float] | None:
    """Both parameters at the likelihood's maximum, by Newton on their logarithms; None when it lies at infinite strength."""
    likelihood = _LIKELIHOODS[counts.kind]
    m, strength = moments["mean"], min(max(moments["strength"], 0.5), 1e4)
    start = np.log([m * strength, (1 - m) * strength] if counts.kind == "proportion" else [m * strength, strength])
    found = minimize(lambda at: -likelihood(at, counts)[0], start, jac=lambda at: -likelihood(at, counts)[1], method="BFGS", options={"gtol": 1e-6})
    at = found.x
    for _ in range(50):  # BFGS comes near, Newton to the last digit
        if np.exp(at).sum() > ENDLESS:
            return None
        _, slope, bend = likelihood(at, counts)
        if not (np.linalg.eigvalsh(bend) < 0).all():
            return None if np.exp(at).sum() > ENDLESS / 1e3 else _failed()
        step = np.linalg.solve(bend, slope)
        at = at - step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-12:
            return float(np.exp(at[0])), float(np.exp(at[1]))
    return (float(np.exp(at[0])), float(np.exp(at[1]))) if np.abs(step).max() < 1e-9 else _failed()


def _failed() -> tuple[float, float]:
    raise ConvergenceError("The spread between these centres could not be estimated: the likelihood has no clear maximum. Show their own numbers.")


def _beta_binomial(at: np.ndarray, counts: CentreCounts) -> tuple[float, np.ndarray, np.ndarray]:
    """Log-likelihood, gradient and Hessian on the logarithms of alpha and beta; binomial coefficients left out."""
    a, b = np.exp(at)
    k, n, i = counts.observed, counts.size, len(counts)
    value = float((betaln(a + k, b + n - k) - betaln(a, b)).sum())
    joint = digamma(a + b) * i - digamma(a + b + n).sum()
    slope = np.array([a * (digamma(a + k).sum() - i * digamma(a) + joint), b * (digamma(b + n - k).sum() - i * digamma(b) + joint)])
    shared = i * polygamma(1, a + b) - polygamma(1, a + b + n).sum()
    bend = np.array([[a * a * (polygamma(1, a + k).sum() - i * polygamma(1, a) + shared), a * b * shared],
                     [a * b * shared, b * b * (polygamma(1, b + n - k).sum() - i * polygamma(1, b) + shared)]])  # fmt: skip
    return value, slope, bend + np.diag(slope)


def _gamma_poisson(at: np.ndarray, counts: CentreCounts) -> tuple[float, np.ndarray, np.ndarray]:
    """Log-likelihood, gradient and Hessian on the logarithms of the gamma's shape and rate."""
    a, b = np.exp(at)
    o, e, i = counts.observed, counts.size, len(counts)
    value = float((gammaln(a + o) - gammaln(a) - gammaln(o + 1) + a * np.log(b / (b + e)) + o * np.log(e / (b + e))).sum())
    slope = np.array([a * ((digamma(a + o)).sum() - i * digamma(a) + np.log(b / (b + e)).sum()), (a - (a + o) * b / (b + e)).sum()])
    mixed = a * (1 - b / (b + e)).sum()
    bend = np.array([[a * a * (polygamma(1, a + o).sum() - i * polygamma(1, a)), mixed], [mixed, -((a + o) * b * e / (b + e) ** 2).sum()]])
    return value, slope, bend + np.diag([slope[0], 0.0])


_LIKELIHOODS: dict[str, Callable[[np.ndarray, CentreCounts], tuple[float, np.ndarray, np.ndarray]]] = {
    "proportion": _beta_binomial, "ratio": _gamma_poisson,
}  # fmt: skip


def _common_limits(counts: CentreCounts, level: float) -> tuple[float, float]:
    """The exact interval of all centres together, as if they were one."""
    k, n = float(counts.observed.sum()), float(counts.size.sum())
    tail = (1 - level) / 2
    if counts.kind == "proportion":
        return (float(beta.ppf(tail, k, n - k + 1)) if k else 0.0), (float(beta.ppf(1 - tail, k + 1, n - k)) if k < n else 1.0)
    return (float(chi2.ppf(tail, 2 * k)) / 2 / n if k else 0.0), float(chi2.ppf(1 - tail, 2 * k + 2)) / 2 / n


def _method(counts: CentreCounts, prior: tuple[float, float] | None, level: float) -> str:
    share = counts.kind == "proportion"
    model = "beta-binomial (Kleinman 1973)" if share else "gamma-Poisson (Clayton and Kaldor 1987)"
    words = [f"Empirical Bayes, {model}, by maximum likelihood over {plural(len(counts), 'centre')}"]
    if prior is None:
        what = f"the common {'proportion' if share else 'ratio'} with its exact {level_in_words(level)} interval"
        words.append(f"no evidence of spread between centres: {what} for all")
    else:
        names, unit = (("alpha", "beta"), "patients") if share else (("a", "b"), "expected events")
        strength = sum(prior) if share else prior[1]
        words.append(f"{names[0]} {number(prior[0])}, {names[1]} {number(prior[1])}: the prior counts for {number(strength, 1)} {unit}")
        words.append(f"{level_in_words(level)} posterior intervals ignore the error of the prior"
                     + (f" and are too narrow with {plural(len(counts), 'centre')}" if len(counts) < FEW else ""))  # fmt: skip
    return "; ".join([*words, "in the order given, not ranked; not for judging one centre by itself"])
