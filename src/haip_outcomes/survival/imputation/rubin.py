"""Rubin's rules: the analyses of several imputations become one, with the uncertainty of what was missing in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import interval, listed, p_value, plural
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.imputation.pooled_tests import (
    has_likelihood,
    likelihood_ratio_d3,
    likelihood_ratio_d4,
    log_likelihoods,
    stacked_log_likelihoods,
    wald_d1,
)
from haip_outcomes.survival.intervals import critical_value, level_in_words
from haip_outcomes.survival.results import frame_of, shown_as_html

TESTS = {"wald": "Wald (D1)", "likelihood-ratio": "likelihood ratio (D3)", "stacked": "stacked likelihood ratio (D4)"}


@dataclass(frozen=True, eq=False, repr=False)
class PooledFit:
    """Estimates pooled over m imputations. `tidy()` has a row an estimate, `term_tests()` a row a term.

    Attributes
    ----------
    estimates, covariances : of each imputation, (m, p) and (m, p, p).
    estimate : their mean (p,). within : mean of the covariances; between : covariance of the estimates; total : within + (1 + 1/m) between; (p, p).
    df : Barnard and Rubin's degrees of freedom (p,); df_complete : those of the analysis had nothing been missing.
    relative_increase : of the variance by what is missing, (1 + 1/m) B / W, (p,); fraction_missing : of the information, (p,).
    columns : (term, level) of each estimate.
    n, n_event : of each fit, or None where they are not known.
    conf_level, warnings, method : as in a fit. fits : the fits themselves, or none.
    """

    estimates: np.ndarray
    covariances: np.ndarray
    estimate: np.ndarray
    within: np.ndarray
    between: np.ndarray
    total: np.ndarray
    df: np.ndarray
    df_complete: float
    relative_increase: np.ndarray
    fraction_missing: np.ndarray
    columns: tuple[tuple[str, str | None], ...]
    n: int | None
    n_event: int | None
    conf_level: float
    warnings: tuple[str, ...]
    method: str
    fits: tuple[HazardFit, ...] = ()

    @property
    def m(self) -> int:
        """The number of imputations."""
        return len(self.estimates)

    @property
    def std_error(self) -> np.ndarray:
        """Standard errors, from within and between, (p,)."""
        return np.sqrt(np.diag(self.total))

    @property
    def covariance(self) -> np.ndarray:
        """The total covariance (p, p)."""
        return self.total

    def tidy(self, exponentiate: bool = False) -> pd.DataFrame:
        """A row an estimate: term level estimate std_error conf_low conf_high statistic df p_value n n_event, then the parts of the variance.

        Limits are estimate -+ t SE and p is from t = estimate / SE, on `df` degrees of freedom. `within` and `between` are variances, `relative_increase`
        and `fraction_missing` as in the attributes. With `exponentiate` estimate and limits are hazard ratios; the rest stays on the log scale.
        Equals `summary(mice::pool(fits), conf.int = TRUE)`.
        """
        se = self.std_error
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = self.estimate / se
        reach = stdtrit(self.df, (1 + self.conf_level) / 2) * se
        shape = np.exp if exponentiate else np.array
        with np.errstate(over="ignore"):
            estimate, low, high = shape(self.estimate), shape(self.estimate - reach), shape(self.estimate + reach)
        term, level = np.array(self.columns, dtype=object).T
        found: dict[str, Any] = {
            "term": term, "level": level, "estimate": estimate, "std_error": se, "conf_low": low, "conf_high": high, "statistic": statistic,
            "df": self.df, "p_value": 2 * stdtr(self.df, -np.abs(statistic)),
        }  # fmt: skip
        if self.n is not None:
            found |= {"n": np.full(len(se), self.n), "n_event": np.full(len(se), self.n_event)}
        return frame_of({**found, "within": np.diag(self.within), "between": np.diag(self.between), "relative_increase": self.relative_increase,
                         "fraction_missing": self.fraction_missing})  # fmt: skip

    def glance(self) -> pd.DataFrame:
        """One row: n, n_event, imputations, df_complete and the largest fraction of information missing."""
        return frame_of({"n": [self.n], "n_event": [self.n_event], "imputations": [self.m], "df_complete": [self.df_complete],
                         "fraction_missing": [float(self.fraction_missing.max())]})  # fmt: skip

    def term_tests(self, kind: Literal["wald", "likelihood-ratio", "stacked"] = "wald") -> pd.DataFrame:
        """Tests of whole terms, a row a term: term, statistic (F), df, p_value, df_residual, relative_increase, test.

        "wald" is D1 (Li, Raghunathan and Rubin; Reiter's degrees of freedom). The two likelihood-ratio tests fit each imputation again without the term:
        "likelihood-ratio" is D3 (Meng and Rubin), "stacked" is D4 (Chan and Meng), which does not depend on the parametrisation. They need Cox fits without a
        penalty and without robust standard errors. Formulas: `pooled_tests.py`.

        Raises
        ------
        EndpointError : an unknown kind; a likelihood-ratio test of what has no likelihood to compare.
        """
        if kind not in TESTS:
            raise EndpointError(f"kind must be {listed([repr(one) for one in TESTS], 'or')}; got {kind!r}.")
        if kind != "wald" and not (self.fits and all(has_likelihood(fit) for fit in self.fits)):
            raise EndpointError("A likelihood-ratio test needs Cox fits without a penalty and without robust standard errors, which alone have a likelihood to "
                                'compare: ask for term_tests("wald").')  # fmt: skip
        rows = []
        for term in dict.fromkeys(term for term, _ in self.columns):
            own = [j for j, (other, _) in enumerate(self.columns) if other == term]
            if kind == "wald":
                found = wald_d1(self.estimates[:, own], self.covariances[np.ix_(range(self.m), own, own)], self.df_complete)
            elif kind == "stacked":
                mine, null, *_ = log_likelihoods(self.fits, own)
                found = likelihood_ratio_d4(mine, null, *stacked_log_likelihoods(self.fits, own), len(own))
            else:
                found = likelihood_ratio_d3(*log_likelihoods(self.fits, own), len(own))
            rows.append({"term": term, **found, "test": TESTS[kind]})
        return pd.DataFrame(rows)[["term", "statistic", "df", "p_value", "df_residual", "relative_increase", "test"]]

    def __repr__(self) -> str:
        hazard = bool(self.fits)
        told = self.tidy(exponentiate=hazard)[["estimate", "conf_low", "conf_high", "p_value"]].to_numpy()
        names = [term if level is None else f"{term}={level}" for term, level in self.columns]
        rows = [f"  {name}: {'HR ' if hazard else ''}{interval(estimate, low, high)}, p {p_value(p)}, {100 * lost:.0f}% of information missing"
                for name, (estimate, low, high, p), lost in zip(names, told, self.fraction_missing, strict=True)]  # fmt: skip
        return "\n".join([self.method, *rows, *(f"  Note: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        return shown_as_html("Pooled estimates", self.tidy(exponentiate=bool(self.fits)), " ".join([f"{self.method}.", *self.warnings]))


def pool(fits: Any, *, conf_level: float = 0.95) -> PooledFit:
    """One result from the same analysis of several imputations, with wider limits for what had to be imputed.

    The estimate is the mean Q; its variance T = W + (1 + 1/m) B, W the mean of the variances and B the variance of the estimates; degrees of
    freedom after Barnard and Rubin: with lambda = (1 + 1/m) B / T (0.0001 at least) and v the complete data's,
    old = (m - 1) / lambda^2, observed = (v + 1) / (v + 3) v (1 - lambda), df = old observed / (old + observed). The fraction of information missing is
    (r + 2 / (df + 3)) / (r + 1), r = (1 + 1/m) B / W.

    Parameters
    ----------
    fits : one of `cox` (or `fine_gray`) for each imputation, the same model each time; v is then events less coefficients, at least 1. Or
        (estimates (m, p), covariances (m, p, p), df_complete); without df_complete v is infinite.
    conf_level : of the limits.

    Returns
    -------
    PooledFit : see there.

    Raises
    ------
    EndpointError : fewer than two fits; fits of different models, patients or events; a spline whose knots differ between imputations (name them:
        spline("x", knots=[...])); arrays whose shapes do not belong together; a variance that is not positive.

    Rubin 1987, doi 10.1002/9780470316696; Barnard and Rubin 1999, doi 10.1093/biomet/86.4.948. Equals R's `mice::pool(fits)`.

    Examples
    --------
    >>> pooled = pool(([[0.52], [0.61], [0.40]], [[[0.04]], [[0.05]], [[0.04]]], 40))
    >>> pooled.tidy()[["estimate", "std_error", "df"]].round(3)
       estimate  std_error      df
    0      0.51      0.241  14.797
    """
    critical_value(conf_level)
    given = list(fits) if isinstance(fits, (Sequence, np.ndarray)) or hasattr(fits, "__iter__") else []
    if given and all(isinstance(fit, HazardFit) for fit in given):
        return _of_fits(tuple(given), conf_level)
    if not given or any(isinstance(fit, HazardFit) for fit in given) or len(given) not in (2, 3):
        raise EndpointError("pool takes the fits of cox or fine_gray, one for each imputation, or (estimates, covariances, df_complete): "
                            "pool([cox(tte, design(one, terms)) for one in imputed]).")  # fmt: skip
    try:
        estimates, covariances = (np.asarray(each, dtype=float) for each in given[:2])
        df_complete = float(given[2]) if len(given) == 3 else np.inf
    except (TypeError, ValueError):
        raise EndpointError("pool takes numbers: estimates (m, p), covariances (m, p, p) and df_complete.") from None
    if estimates.ndim != 2 or covariances.shape != (*estimates.shape, estimates.shape[1]):
        raise EndpointError(f"estimates must be (m, p) and covariances (m, p, p), for m imputations and p estimates; they are {estimates.shape} and {covariances.shape}.")
    return _pooled(estimates, covariances, df_complete, conf_level, tuple((f"estimate {j + 1}", None) for j in range(estimates.shape[1])))


def pool_estimates(estimate: Any, std_error: Any, *, df_complete: float = np.inf, conf_level: float = 0.95) -> PooledFit:
    """One number from its values in several imputations: any estimate with a standard error, on a scale where it is about normal.

    A median, a concordance, log(-log S(t)) or a difference of restricted means, for example; transform first, pool, and transform back.

    Parameters
    ----------
    estimate, std_error : one for each imputation, (m,). df_complete : degrees of freedom had nothing been missing. conf_level : of the limits.

    Returns
    -------
    PooledFit : with one row in `tidy()`. Formulas and sources: `pool`. Equals R's `mice::pool.scalar`.

    Examples
    --------
    >>> pool_estimates([0.71, 0.69, 0.74], [0.04, 0.04, 0.05]).tidy()[["estimate", "conf_low", "conf_high"]].round(2)
       estimate  conf_low  conf_high
    0      0.71       0.6       0.82
    """
    critical_value(conf_level)
    try:
        q, se = (np.asarray(each, dtype=float) for each in (estimate, std_error))
    except (TypeError, ValueError):
        raise EndpointError("estimate and std_error must be numbers, one of each for each imputation.") from None
    if q.ndim != 1 or q.shape != se.shape:
        raise EndpointError(f"estimate and std_error need one number for each imputation; their shapes are {q.shape} and {se.shape}.")
    return _pooled(q[:, None], (se**2)[:, None, None], df_complete, conf_level, (("estimate", None),))


def _of_fits(fits: tuple[HazardFit, ...], conf_level: float) -> PooledFit:
    first = fits[0]
    for number, fit in enumerate(fits[1:], start=1):
        if fit.columns != first.columns or fit.design.references != first.design.references:
            raise EndpointError(f"Fit {number} has the coefficients {listed(list(fit.design.names))}, fit 0 {listed(list(first.design.names))}"
                                f"{'' if fit.columns != first.columns else ', against other reference levels'}: pool takes one model, fitted to each imputation. "
                                "A level that only some imputations have must be joined with another.")  # fmt: skip
        if fit.design.knots != first.design.knots:
            raise EndpointError(f"The knots of {listed(list(first.design.knots))} differ between imputations, so the coefficients mean different things: name the knots, "
                                "as in spline(\"age\", knots=[...]).")  # fmt: skip
        if (fit.n, fit.n_event) != (first.n, first.n_event) or type(fit.pieces) is not type(first.pieces) or (fit.profile is None) != (first.profile is None) \
                or fit.robust != first.robust:  # fmt: skip
            raise EndpointError(f"Fit {number} ({fit.method}) is not the same analysis as fit 0 ({first.method}).")
    warnings = []
    if first.profile is not None:
        warnings.append("Penalised fits are pooled with their standard errors; the limits are not those of the profile likelihood.")
    if first.n_event < 10 * len(first.coefficients):
        warnings.append(f"{plural(first.n_event, 'event')} for {plural(len(first.coefficients), 'coefficient')} ({first.n_event / len(first.coefficients):.1f} each): with "
                        "under 10 events a coefficient, hazard ratios and their intervals are unreliable.")  # fmt: skip
    made = _pooled(np.array([fit.coefficients for fit in fits]), np.array([fit.covariance for fit in fits]),
                   float(max(first.n_event - len(first.coefficients), 1)), conf_level, first.columns, first.method)  # fmt: skip
    fields = {name: getattr(made, name) for name in made.__dataclass_fields__}
    return PooledFit(**{**fields, "fits": fits, "n": first.n, "n_event": first.n_event, "warnings": tuple(warnings)})


def _pooled(
    q: np.ndarray, u: np.ndarray, df_complete: float, conf_level: float, columns: tuple[tuple[str, str | None], ...], what: str = ""
) -> PooledFit:
    m = len(q)
    if m < 2:
        raise EndpointError(f"Rubin's rules need two imputations or more, and {'this is one' if m else 'there are none'}: the variance between them can't be told.")
    variances = np.diagonal(u, axis1=1, axis2=2)
    if not (np.isfinite(q).all() and np.isfinite(u).all() and (variances > 0).all()):
        bad = np.flatnonzero(~(np.isfinite(q).all(axis=1) & np.isfinite(u).all(axis=(1, 2)) & (variances > 0).all(axis=1)))
        raise EndpointError(f"Imputation {listed([str(i) for i in bad[:5]])} (numbered from 0) has an estimate that is missing or infinite, or a variance that is not positive: "
                            "see why that fit failed.")  # fmt: skip
    if not df_complete > 0:
        raise EndpointError(f"df_complete must be more than 0, the degrees of freedom had nothing been missing; got {df_complete}.")
    within, between = u.mean(axis=0), np.atleast_2d(np.cov(q.T))
    total = within + (1 + 1 / m) * between
    w, b, t = np.diag(within), np.diag(between), np.diag(total)
    share = np.maximum((1 + 1 / m) * b / t, 1e-4)
    df = (m - 1) / share**2
    if np.isfinite(df_complete):
        seen = (df_complete + 1) / (df_complete + 3) * df_complete * (1 - share)
        df = df * seen / (df + seen)
    r = (1 + 1 / m) * b / w
    rules = f"pooled over {m} imputations by Rubin's rules, Barnard-Rubin degrees of freedom, {level_in_words(conf_level)} limits"
    return PooledFit(
        estimates=q, covariances=u, estimate=q.mean(axis=0), within=within, between=between, total=total, df=df, df_complete=float(df_complete),
        relative_increase=r, fraction_missing=(r + 2 / (df + 3)) / (r + 1), columns=columns, n=None, n_event=None, conf_level=conf_level,
        warnings=(), method=f"{what}; {rules}" if what else rules[0].upper() + rules[1:],
    )  # fmt: skip
