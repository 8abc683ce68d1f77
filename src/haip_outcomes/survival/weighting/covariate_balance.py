"""Are the treated and the others alike? Standardised differences before and after weighting, a characteristic and level at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed
from haip_outcomes.survival.covariates.coding import gaps, observed
from haip_outcomes.survival.results import frame_of
from haip_outcomes.survival.time_to_event import level_text

Spread = Literal["unweighted", "weighted"]
SAMPLES = ("unweighted", "weighted")


def balance_frame(frame: pd.DataFrame, columns: Sequence[str], treated: np.ndarray, weights: np.ndarray, spread: Spread) -> pd.DataFrame:
    """Differences of the columns between treated and comparison, before and after weighting: a row a column, level and sample.

    frame : the rows analysed, in the order of `treated` (0 and 1) and `weights`. A number is one row (with its variance ratio), a
    column of 0 and 1 a proportion, levels a proportion each, the first too.
    """
    if spread not in SAMPLES:
        raise EndpointError(f'spread must be "unweighted" or "weighted"; got {spread!r}.')
    rows: list[dict[str, object]] = []
    for name in columns:
        if name not in frame.columns:
            raise EndpointError(f'There is no column "{name}". {did_you_mean(name, [str(known) for known in frame.columns])}')
        if isinstance(frame[name], pd.DataFrame):
            raise EndpointError(f'There are several columns "{name}". Rename them.')
        values = observed(frame[name], name)
        known = ~gaps(values)
        yes, w = treated[known] == 1, weights[known]
        if not yes.any() or yes.all():
            raise EndpointError(f'"{name}" is missing in one of the groups for everybody: its balance can\'t be told. Leave it out.')
        parts: list[tuple[str | None, np.ndarray, bool]]
        if isinstance(values, pd.Categorical):
            codes = values.codes[known]
            parts = [(level_text(level), (codes == k).astype(float), True) for k, level in enumerate(values.categories) if (codes == k).any()]
        else:
            numbers = values[known]
            parts = [(None, numbers, bool(np.isin(numbers, (0.0, 1.0)).all()))]
        for level, x, share in parts:
            plain = _differences(x, yes, np.ones(len(x)), share, None)
            after = _differences(x, yes, w, share, plain["spread"] if spread == "unweighted" else None)
            rows += [{"term": name, "level": level, "sample": sample, "n": int(known.sum()), **found}
                     for sample, found in zip(SAMPLES, (plain, after), strict=True)]  # fmt: skip
    made = pd.DataFrame(rows)
    return frame_of({"term": made["term"], "level": made["level"].astype(object).where(made["level"].notna(), None), "estimate": made["estimate"],
                     "n": made["n"], **{key: made[key] for key in ("sample", "mean_treated", "mean_comparison", "variance_ratio")}})  # fmt: skip


def _differences(x: np.ndarray, yes: np.ndarray, w: np.ndarray, share: bool, spread: float | None) -> dict[str, float]:
    """(m1 - m0) / sqrt((v1 + v0) / 2), the means and the ratio of the variances."""
    (m1, v1), (m0, v0) = _moments(x[yes], w[yes], share), _moments(x[~yes], w[~yes], share)
    spread = float(np.sqrt((v1 + v0) / 2)) if spread is None else spread
    gap = m1 - m0
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = 0.0 if gap == 0 else float(np.divide(gap, spread))
        ratio = np.nan if share else float(np.divide(v1, v0))
    return {"estimate": estimate, "mean_treated": m1, "mean_comparison": m0, "variance_ratio": ratio, "spread": spread}


def _moments(x: np.ndarray, w: np.ndarray, share: bool) -> tuple[float, float]:
    """Weighted mean and variance: p (1 - p) of a proportion, else sum w (x - m)^2 sum w / ((sum w)^2 - sum w^2)."""
    if (x == x[0]).all():
        return float(x[0]), 0.0  # exactly: rounding would make a difference of nothing by nothing
    total = w.sum()
    mean = float(w @ x / total)
    if share:
        return mean, mean * (1 - mean)
    room = total**2 - w @ w
    return mean, float(total / room * (w @ (x - mean) ** 2)) if room > 1e-12 * total**2 else np.nan


def worst(balance: pd.DataFrame, sample: str) -> tuple[float, str]:
    """The largest absolute difference of a sample, and of what."""
    rows = balance[balance["sample"] == sample].reset_index(drop=True)
    size = rows["estimate"].abs()
    if not size.notna().any():
        return float("nan"), "-"
    k = int(np.nanargmax(size.to_numpy()))
    return float(size.iloc[k]), named(str(rows["term"].iloc[k]), rows["level"].iloc[k])


def named(term: str, level: str | None) -> str:
    """"age", or "sex male"."""
    return str(term) if level is None or level != level else f"{term} {level}"


def imbalanced(balance: pd.DataFrame, beyond: float = 0.1) -> str:
    """In words: what still differs by more than `beyond` after weighting; empty where nothing does."""
    rows = balance[(balance["sample"] == "weighted") & (balance["estimate"].abs() > beyond)]
    return listed([f"{named(term, level)} ({value:.2f})" for term, level, value in zip(rows["term"], rows["level"], rows["estimate"], strict=True)])
