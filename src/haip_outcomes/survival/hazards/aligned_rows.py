"""Times, covariates, weights and clusters of the same rows, in the same order; and why rows are left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.covariates.design_matrix import Design, refuse_collinear
from haip_outcomes.survival.time_to_event import TimeToEvent


def together(tte: TimeToEvent, made: Design) -> tuple[TimeToEvent, Design, np.ndarray | slice, dict[str, pd.Index]]:
    """Times and design of the same rows in the same order, which rows of the times those are, and why the others are not."""
    if not isinstance(made, Design):
        raise EndpointError(f"The covariates must come from design(frame, terms), and this is a {type(made).__name__}: "
                            'write design(frame, ["age", "sex"]).')  # fmt: skip
    if made.index is tte.index or made.index.equals(tte.index):
        return tte, made, slice(None), {}
    kept, positions, left_out = _aligned(tte, made)
    used = made.take(positions)
    refuse_collinear(used)
    return tte.take(kept), used, kept, left_out


def _aligned(tte: TimeToEvent, made: Design) -> tuple[np.ndarray, np.ndarray, dict[str, pd.Index]]:
    """Which rows of the times are analysed, where they are in the design, and why the others are not."""
    positions = made.index.get_indexer(tte.index)
    kept = positions >= 0
    known = kept.copy()
    left_out = {}
    for reason, rows in made.left_out.items():
        gone = tte.index.isin(rows)
        known |= gone
        if gone.any():
            left_out[reason] = tte.index[gone]
    if not known.all():
        some = ", ".join(str(row) for row in tte.index[~known][:5])
        raise EndpointError(f"The design knows nothing of {plural(int((~known).sum()), 'row')} of the times (index {some}): make "
                            "both from frames with the same index (the design may have more rows, never fewer).")  # fmt: skip
    if not kept.any():
        raise FitError(
            f"No patients are left: {listed([f'{len(rows)} {reason}' for reason, rows in left_out.items()])}."
        )
    return kept, positions[kept], left_out


def offset_of(tte: TimeToEvent, offset: Any, kept: np.ndarray | slice) -> np.ndarray:
    """The offset of the rows kept."""
    try:
        values = np.asarray(tte.align(offset, "offset")[kept], dtype=float)
    except (TypeError, ValueError):
        raise EndpointError("offset must be numbers: a known part of the log hazard, one for each row.") from None
    if not np.isfinite(values).all():
        raise EndpointError("offset is missing or infinite in some rows: leave them out first, with a reason.")
    return values


def case_weights(tte: TimeToEvent, weights: Any, kept: np.ndarray | slice) -> np.ndarray:
    """Positive weights of the rows kept."""
    try:
        case = np.asarray(tte.align(weights, "weights")[kept], dtype=float)
    except (TypeError, ValueError):
        raise EndpointError("weights must be positive numbers, one for each row.") from None
    if not (np.isfinite(case) & (case > 0)).all():
        raise EndpointError(
            "weights must be positive numbers: leave patients with weight 0 or without one out first, with a reason."
        )
    return case


def added_up(values: np.ndarray, clusters: np.ndarray | None) -> np.ndarray:
    """Values (n, p) added within clusters."""
    if clusters is None:
        return values
    codes = np.unique(clusters, return_inverse=True)[1]
    return np.column_stack([np.bincount(codes, weights=column) for column in values.T])
