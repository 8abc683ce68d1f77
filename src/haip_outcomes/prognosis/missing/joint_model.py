"""The multivariable model with imputation: of all its terms, and without one only where the model itself can't be fitted with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from haip_outcomes.formatting import listed
from haip_outcomes.prognosis.missing.paired_models import (
    NotFitted,
    Paired,
    PairedModel,
    Term,
    parts_of,
    term_name,
)


def joint_model(
    terms: Sequence[Term], asked: Sequence[Term], frame: pd.DataFrame, fit: Callable[[Sequence[Term]], Paired]
) -> tuple[PairedModel | None, list[NotFitted], list[str]]:
    """The model of the terms that can be fitted together, what was refused, and what is to be read with it.

    A term whose univariable model failed may well stand here (a product beside its main effects), so each is tried. Where the fits to the imputations (or the only
    fit) fail because of one term, it is left out with the reason and the others go on, as in `factors`. asked : the terms as the caller named them.
    """
    left, refused = list(terms), list[NotFitted]()
    while len(left) > 1:
        model, lost, said, error = fit(left)
        culprit = "" if error is None else _culprit(getattr(error, "term", None), left, frame)
        if error is None or not culprit:
            return (model if model.complete is not None or model.pooled is not None else None), [*refused, *lost], said
        refused.append(NotFitted(culprit, "multivariable", "", next(one.reason for one in lost if one.cases != "complete")))
        left = [term for term in left if culprit not in _names(term, frame)]
    if len(asked) > 1:
        refused.append(NotFitted("", "multivariable", "", f"No multivariable model: {f'only {term_name(left[0])}' if left else 'no term'} is left of "
                                 f"{listed([term_name(term) for term in asked])}."))  # fmt: skip
    return None, refused, []


def _names(term: Term, frame: pd.DataFrame) -> tuple[str, ...]:
    parts = parts_of(term, frame)
    return (term_name(term), ":".join(parts), *parts)


def _culprit(term: str | None, left: Sequence[Term], frame: pd.DataFrame) -> str:
    """The term to leave out so that the others can be fitted; nothing if the error is not of one term."""
    return str(term) if term is not None and any(term in _names(one, frame) for one in left) else ""
