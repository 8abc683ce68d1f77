"""Tests of several coefficients at once over multiple imputations: Wald's (D1) and the likelihood ratio's (D3 and D4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from haip_outcomes.survival.covariates.design_matrix import Design
from haip_outcomes.survival.hazards.blocks import in_blocks
from haip_outcomes.survival.hazards.cox_pieces import CoxPieces
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.hazards.maximisation import maximise
from haip_outcomes.survival.hazards.partial_likelihood import likelihood
from haip_outcomes.survival.time_to_event import TimeToEvent


def wald_d1(estimates: np.ndarray, covariances: np.ndarray, df_complete: float = np.inf) -> dict[str, float]:
    """Are k coefficients all 0? From estimates (m, k) and covariances (m, k, k) of m imputations.

    With means Q and U and the covariance B of the estimates: r = (1 + 1/m) trace(B U^-1) / k, F = Q' U^-1 Q / (k (1 + r)), on k and v degrees of freedom. v is Li, Raghunathan
    and Rubin's (1991, doi 10.1080/01621459.1991.10475152) when df_complete is infinite or k (m - 1) <= 4, else Reiter's for small samples (2007,
    doi 10.1093/biomet/asm028). Equals mice's `D1`.
    """
    m, k = estimates.shape
    q, u = estimates.mean(axis=0), covariances.mean(axis=0)
    b = np.atleast_2d(np.cov(estimates.T))
    r = (1 + 1 / m) * float(np.trace(np.linalg.solve(u, b))) / k
    f = float(q @ np.linalg.solve(u, q)) / (k * (1 + r))
    v = _reiter(r, k * (m - 1), df_complete) if np.isfinite(df_complete) and k * (m - 1) > 4 else _denominator(r, k, m)
    return {"statistic": f, "df": k, "df_residual": v, "p_value": float(fdtrc(k, v, f)), "relative_increase": r}


def likelihood_ratio_d3(own: np.ndarray, own_null: np.ndarray, pooled: np.ndarray, pooled_null: np.ndarray, k: int) -> dict[str, float]:
    """A likelihood-ratio test of k coefficients, from log-likelihoods (m,) of m imputations.

    own, own_null : of the model with and without them, at each imputation's own estimates; pooled, pooled_null : at the estimates' means. With d the mean of
    2 (own - own_null) and D that at the means: r = (m + 1) / (k (m - 1)) (d - D), F = D / (k (1 + r)). Meng and Rubin 1992, doi 10.1093/biomet/79.1.103.
    r, and so F, can come out negative; the test then says nothing against the smaller model. Equals mice's `D3` (which knows no Cox model).
    """
    m = len(own)
    mean, at_mean = float(np.mean(2 * (own - own_null))), float(np.mean(2 * (pooled - pooled_null)))
    r = (m + 1) / (k * (m - 1)) * (mean - at_mean)
    f = at_mean / (k * (1 + r))
    v = _denominator(r, k, m)
    return {"statistic": f, "df": k, "df_residual": v, "p_value": float(fdtrc(k, v, max(f, 0.0))), "relative_increase": r}


def likelihood_ratio_d4(own: np.ndarray, own_null: np.ndarray, stacked: float, stacked_null: float, k: int) -> dict[str, float]:
    """The same question, answered by the imputations laid on each other: it does not depend on how the model is parametrised.

    stacked, stacked_null : the largest values of the log-likelihood averaged over the imputations, one set of coefficients for all. With d as in D3 and D the difference 2
    (stacked - stacked_null): r = (m + 1) / (k (m - 1)) (d - D), F = D / (k (1 + r)), on k and k (m - 1) (1 + 1/r)^2 degrees of freedom. Chan and Meng 2022, doi 10.5705/ss.202019.0314.
    Equals mitml's `testModels(method = "D4")` (which knows no Cox model).
    """
    m = len(own)
    mean, together = float(np.mean(2 * (own - own_null))), 2 * (stacked - stacked_null)
    r = (m + 1) / (k * (m - 1)) * (mean - together)
    f = together / (k * (1 + r))
    v = k * (m - 1) * (1 + (np.inf if r == 0 else 1 / r)) ** 2
    return {"statistic": f, "df": k, "df_residual": v, "p_value": float(fdtrc(k, v, max(f, 0.0))), "relative_increase": r}


def log_likelihoods(fits: tuple[HazardFit, ...], chosen: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What `likelihood_ratio_d3` takes, of Cox fits and the columns tested."""
    kept = [j for j in range(len(fits[0].coefficients)) if j not in chosen]
    own = np.array([fit.log_likelihood for fit in fits])
    if kept:
        nulls = [_without(fit, kept) for fit in fits]
        own_null, b_null = np.array([value for value, _ in nulls]), np.mean([b for _, b in nulls], axis=0)
    else:
        own_null, b_null = np.array([fit.log_likelihood_null for fit in fits]), np.zeros(0)
    mean = np.mean([fit.coefficients for fit in fits], axis=0)
    mean_null = np.zeros(len(mean))
    mean_null[kept] = b_null
    at = [[likelihood(p.sets, p.x, b, p.centred_offset).value for b in (mean, mean_null)] for p in (fit.pieces for fit in fits)]
    return own, own_null, np.array(at)[:, 0], np.array(at)[:, 1]


def stacked_log_likelihoods(fits: tuple[HazardFit, ...], chosen: list[int]) -> tuple[float, float]:
    """The largest average log-likelihood of Cox models with and without some columns, the same coefficients in each imputation.

    Each imputation has strata of its own, so that nobody is at risk beside a copy.
    """
    first, m = fits[0], len(fits)
    strata = first.pieces.strata
    own = np.zeros(len(first.tte), dtype=np.int64) if strata is None else strata
    many = int(own.max()) + 1
    tte = TimeToEvent(time=np.tile(first.tte.time, m), state=np.tile(first.tte.state, m), states=first.tte.states, index=pd.RangeIndex(m * len(own)),
                      entry=None if first.tte.entry is None else np.tile(first.tte.entry, m))  # fmt: skip
    matrix = np.vstack([fit.design.matrix for fit in fits])
    sides = {name: None if getattr(first.pieces, name) is None else np.concatenate([getattr(fit.pieces, name) for fit in fits]) for name in ("weights", "offset")}

    def largest(columns: list[int]) -> float:
        if not columns:
            return float(np.mean([fit.log_likelihood_null for fit in fits]))
        x = np.ascontiguousarray(matrix[:, columns])
        rows = in_blocks(tte, x, strata=np.tile(own, m) + many * np.repeat(np.arange(m), len(own)), **sides)
        return maximise(rows, first.ties, _fewer(first.design, x, columns)).value / m

    whole = list(range(matrix.shape[1]))
    return largest(whole), largest([j for j in whole if j not in chosen])


def has_likelihood(fit: Any) -> bool:
    """Is it a Cox fit whose likelihood can be compared: without a penalty and without robust standard errors?"""
    return isinstance(fit, HazardFit) and isinstance(fit.pieces, CoxPieces) and fit.profile is None and not fit.robust


def _without(fit: HazardFit, kept: list[int]) -> tuple[float, np.ndarray]:
    """The largest log-likelihood with only some of the columns, and where it is."""
    pieces, made = fit.pieces, fit.design
    matrix = np.ascontiguousarray(made.matrix[:, kept])
    rows = in_blocks(fit.tte, matrix, strata=pieces.strata, weights=pieces.weights, offset=pieces.offset)
    found = maximise(rows, fit.ties, _fewer(made, matrix, kept))
    return found.value, found.b


def _fewer(made: Design, matrix: np.ndarray, kept: list[int]) -> Design:
    """A design with only some columns, for their names in errors."""
    return replace(made, matrix=matrix, columns=tuple(made.columns[j] for j in kept), nonlinear={})


def _denominator(r: float, k: int, m: int) -> float:
    """Degrees of freedom of the denominator in large samples."""
    t = k * (m - 1)
    with np.errstate(divide="ignore"):
        inverse = np.inf if r == 0 else 1 / r
    if t > 4:
        return 4 + (t - 4) * (1 + (1 - 2 / t) * inverse) ** 2
    return t * (1 + 1 / k) * (1 + inverse) ** 2 / 2


def _reiter(r: float, t: int, df_complete: float) -> float:
    a = r * t / (t - 2)
    v = (df_complete + 1) / (df_complete + 3) * df_complete
    c0, c1, c2 = 1 / (t - 4), v - 2 * (1 + a), v - 4 * (1 + a)
    z = (1 / c2 + c0 * (a**2 * c1 / ((1 + a) ** 2 * c2)) + c0 * (8 * a**2 * c1 / ((1 + a) * c2**2) + 4 * a**2 / ((1 + a) * c2))
         + c0 * (4 * a**2 / (c2 * c1) + 16 * a**2 * c1 / c2**3) + c0 * (8 * a**2 / c2**2))  # fmt: skip
    return 4 + 1 / z
