"""Many Cox fits of one cohort at once: on the rows as they were sorted for the first, with the copies of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from haip_outcomes.survival.hazards import cox_kernel
from haip_outcomes.survival.hazards.blocks import Blocks, in_blocks
from haip_outcomes.survival.hazards.cox_pieces import CoxPieces
from haip_outcomes.survival.hazards.hazard_fit import HazardFit

STEPS = 10  # of Newton's method; most need three
TOLERANCE = 1e-12  # of a step's square, in standard errors: what is left after it is smaller still
KNOWN = {"cause", "ties", "strata", "weights", "offset", "cluster", "robust", "conf_level"}


@dataclass(frozen=True, eq=False)
class CoxBatch:
    """The sorted rows of a fit, its coefficients, and how far a copy more of each row moves them."""

    blocks: Blocks
    efron: bool
    coefficients: np.ndarray  # (p,)
    moved: np.ndarray  # (n, p + 1) by a copy of each row: the coefficients, about; and the number of events
    n_event: int

    def __call__(self, copies: np.ndarray) -> np.ndarray:
        """The coefficients of resamples with these copies (B, n) of the rows: (B, p), NaN where the careful fit must decide."""
        p, blocks = len(self.coefficients), self.blocks
        change = (copies - 1.0) @ self.moved
        start = (self.coefficients + change[:, :p]) * blocks.scale
        start[change[:, p] + self.n_event < p] = np.nan  # fewer events than coefficients: `cox` refuses them
        x, weights, _, *others = (np.require(each, requirements="W") for each in blocks.arguments)
        found = cox_kernel.newton_batch(x, weights, copies.take(blocks.order, axis=1), *others, self.efron, start, STEPS, TOLERANCE)
        return found / blocks.scale


def cox_batch(fit: HazardFit, **keywords: Any) -> CoxBatch | None:
    """What `bootstrap` needs to fit resamples of the rows of `cox(tte, design, **keywords)` at once; None where only `cox` can."""
    pieces = fit.pieces
    if not {name for name, value in keywords.items() if value is not None} <= KNOWN or not isinstance(pieces, CoxPieces):
        return None
    weights = None if pieces.weights is None else pieces.weights / pieces.weights.mean()  # their scale moves no coefficient
    blocks = in_blocks(fit.tte, pieces.matrix, strata=pieces.strata, weights=weights, offset=pieces.offset)
    event = (fit.tte.state > 0).astype(float)
    moved = np.column_stack([pieces.residuals("dfbeta"), event])
    return CoxBatch(blocks, pieces.ties == "efron", pieces.coefficients, moved, fit.n_event)
