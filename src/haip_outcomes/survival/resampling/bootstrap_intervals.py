"""Limits from the replicates of a bootstrap: percentile and BCa, as R's boot computes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri


@dataclass(frozen=True)
class Limits:
    """The limits of one estimate, and a sentence if there is something to be said of them."""

    low: float
    high: float
    note: str = ""


def quantiles(replicates: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, bool]:
    """Quantiles of finite replicates (R,) at shares, and whether they lie beyond the first or the last of them.

    With t_(1) <= ... <= t_(R), share a lies at the place (R + 1) a = k + something; between t_(k) and t_(k+1) it is interpolated on
    the scale of the normal distribution:

        t_(k) + [z(a) - z(k/(R+1))] / [z((k+1)/(R+1)) - z(k/(R+1))] (t_(k+1) - t_(k)),    z the normal quantile.

    Before the first or beyond the last, those stand in. Equals `norm.inter` of R's boot (Davison and Hinkley 1997, chapter 5).
    """
    ordered, r = np.sort(replicates), len(replicates)
    place = (r + 1) * shares
    k = np.trunc(place).astype(int)
    inside = (k >= 1) & (k < r)
    below = np.clip(k, 1, r - 1)
    from_, to = ndtri(below / (r + 1)), ndtri((below + 1) / (r + 1))
    found = ordered[below - 1] + (ndtri(shares) - from_) / (to - from_) * (ordered[below] - ordered[below - 1])
    found = np.where(place == k, ordered[np.clip(k, 1, r) - 1], found)
    found = np.where(inside, found, np.where(k < 1, ordered[0], ordered[-1]))
    return found, bool(((place <= 1) | (place >= r)).any())


def _said(low: float, high: float, extreme: bool) -> Limits:
    note = "the resamples are too few for these limits: the smallest or the largest replicate stands in for one" if extreme else ""
    return Limits(float(low), float(high), note)


def percentile(replicates: np.ndarray, conf_level: float) -> Limits:
    """The middle share of the replicates."""
    (low, high), extreme = quantiles(replicates, (1 + np.array([-conf_level, conf_level])) / 2)
    return _said(low, high, extreme)


def bca(replicates: np.ndarray, estimate: float, influence: np.ndarray, conf_level: float) -> Limits:
    """The percentiles, moved for bias and for a spread that changes with the estimate; see `bootstrap` for the formula."""
    near = 1e-12 * max(abs(estimate), float(np.std(replicates)))  # a value computed in two ways is one value
    bias = ndtri(np.count_nonzero(replicates < estimate - near) / len(replicates))
    if not np.isfinite(bias):
        return Limits(np.nan, np.nan, "no BCa limits: all replicates lie on one side of the estimate")
    if not np.isfinite(influence).all():
        return Limits(np.nan, np.nan, "no BCa limits: without some patient the estimate can't be computed, and they need it without each; "
                                      'ask for method="percentile"')  # fmt: skip
    size = np.sum(influence**2)
    note = "" if size > 0 else "no single patient moves the estimate, so the acceleration of BCa is taken as 0"
    a = np.sum(influence**3) / (6 * size**1.5) if size > 0 else 0.0
    z = bias + ndtri((1 + np.array([-conf_level, conf_level])) / 2)
    shrunk = 1 - a * z
    if not (shrunk > 0).all():
        return Limits(np.nan, np.nan, "no BCa limits: the acceleration is too large")
    (low, high), extreme = quantiles(replicates, ndtr(bias + z / shrunk))
    found = _said(low, high, extreme)
    return Limits(found.low, found.high, "; ".join(filter(None, [note, found.note])))
