"""Regression of pseudo-values on predicted risks with a complementary log-log link: the engine of the calibration measures.

For pseudo-values q_i and rows z_i, mu_i = 1 - exp(-exp(o_i + z_i b)), with D = d mu/d b:

    sum of D_i (q_i - mu_i) = 0,     Var(b) = (D'D)^-1 [sum of D_i D_i' (q_i - mu_i)^2] (D'D)^-1

the generalised estimating equation with a constant variance and its sandwich, as R's geepack::geese with one row a patient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_STEPS, _LAST, _HALVINGS, _SMALL = 40, 60, 40, 1e-13
_FAR = 2.0  # a step lifts nobody further: a longer one can end where every risk is 1 and nothing moves any more
_FLAT = 1e-6  # of d mu/d eta, for all patients: there


@dataclass(frozen=True, eq=False)
class Regression:
    """Coefficients (p,) and their covariance (p, p)."""

    coefficient: np.ndarray
    covariance: np.ndarray

    @property
    def std_error(self) -> np.ndarray:
        """Standard errors (p,)."""
        return np.sqrt(np.diag(self.covariance))


def cloglog(risk: np.ndarray) -> np.ndarray:
    """ln(-ln(1 - risk)); infinite at 0 and 1."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(-np.log1p(-risk)))


def risk_of(eta: np.ndarray) -> np.ndarray:
    """Back from that scale."""
    with np.errstate(over="ignore"):
        return np.asarray(-np.expm1(-np.exp(eta)))


def regress(values: np.ndarray, z: np.ndarray, offset: np.ndarray, start: np.ndarray) -> Regression | None:
    """The solution from `start`, by Newton's method with halved steps, least squares by QR at the end; None where there is none."""
    b = start.astype(float)
    residual = values - risk_of(offset + z @ b)
    for k in range(_STEPS + _LAST):
        step = _newton(offset + z @ b, z, residual) if k < _STEPS else None
        if step is None:
            step = _step(_slopes(offset + z @ b, z), residual)
        if step is None:
            return None
        step = step * min(1.0, _FAR / max(float((z @ step).max()), _FAR))
        loss = residual @ residual
        for _ in range(_HALVINGS):
            moved = values - risk_of(offset + z @ (b + step))
            if moved @ moved <= loss * (1 + 1e-14):
                break
            step = step / 2
        b, residual = b + step, values - risk_of(offset + z @ (b + step))
        if k >= _STEPS and np.abs(step).max() <= _SMALL * max(1.0, np.abs(b).max()):
            break
    slope = _slopes(offset + z @ b, z)
    last = _step(slope, residual)
    if np.abs(slope).max() < _FLAT or last is None or np.abs(last).max() > 1e-6 * max(1.0, np.abs(b).max()):
        return None  # the estimates run off, as where no risk group has an event
    q, r = np.linalg.qr(slope)
    each = np.linalg.solve(r, (q * residual[:, None]).T)  # (p, n)
    return Regression(b, each @ each.T)


def _newton(eta: np.ndarray, z: np.ndarray, residual: np.ndarray) -> np.ndarray | None:
    """Newton's step on the sum of squares, where that is convex: far fewer steps than least squares when the fit is poor."""
    with np.errstate(over="ignore"):
        hazard = np.exp(np.minimum(eta, 50.0))
        first = hazard * np.exp(-hazard)
    bend = first**2 - residual * first * (1 - hazard)
    hessian = z.T @ (bend[:, None] * z)
    try:
        half = np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        return None
    step = np.linalg.solve(half.T, np.linalg.solve(half, z.T @ (first * residual)))
    return np.asarray(step) if np.isfinite(step).all() else None


def _step(slope: np.ndarray, residual: np.ndarray) -> np.ndarray | None:
    """The least-squares step, by QR: D'D would lose half the digits of a spline."""
    if not np.isfinite(slope).all():
        return None
    q, r = np.linalg.qr(slope)
    size = np.abs(np.diag(r))
    if size.min() <= 1e-11 * size.max():
        return None
    return np.asarray(np.linalg.solve(r, q.T @ residual))


def _slopes(eta: np.ndarray, z: np.ndarray) -> np.ndarray:
    """d mu / d b, (n, p)."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(np.minimum(eta, 50.0) - np.exp(np.minimum(eta, 50.0)))[:, None] * z)
