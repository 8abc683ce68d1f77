"""What prognostic terms are made of: their columns, their names in print, patients and events at each level."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.survival.covariates.design_matrix import covariate
from haip_outcomes.survival.time_to_event import level_text


def named(terms: Sequence[str] | str) -> list[str]:
    """The terms, once each; a single one may stand alone."""
    if terms is None or not all(isinstance(term, str) for term in terms):
        raise EndpointError(f'terms are names of columns, as ["age", "sarcopenia"]; got {terms!r}.')
    return [terms] if isinstance(terms, str) else list(dict.fromkeys(terms))


def parts_of(term: str, frame: pd.DataFrame) -> list[str]:
    """The columns a term is made of."""
    return [term] if term in frame.columns else [part.strip() for part in term.replace("*", ":").split(":")]


def joined(term: str, frame: pd.DataFrame) -> str:
    """The name of a product in a design: "a:b" for "a * b"."""
    return ":".join(parts_of(term, frame))


def columns_of(terms: Sequence[str], frame: pd.DataFrame) -> list[str]:
    """The columns of all terms, once each; refuses one that does not exist."""
    found = list(dict.fromkeys(part for term in terms for part in parts_of(term, frame)))
    for name in found:
        if name not in frame.columns:
            raise EndpointError(f'There is no column "{name}". {did_you_mean(name, map(str, frame.columns))}')
    return found


def labels_of(terms: Sequence[str], frame: pd.DataFrame, label: Callable[[str], str]) -> dict[str, str]:
    """Column, term and product -> name in print."""
    found = {name: label(name) for name in columns_of(terms, frame)}
    for term in terms:
        words = " × ".join(label(part) for part in parts_of(term, frame))
        found |= {term: words, joined(term, frame): words}
    return found


def is_number(column: pd.Series, name: str) -> bool:
    """Whether a design takes the column as a number; not where it can take it at all."""
    try:
        values = covariate(column, name)
    except EndpointError:
        return False
    return not isinstance(values.dtype, pd.CategoricalDtype)


def level_counts(frame: pd.DataFrame, terms: Sequence[str], event: np.ndarray) -> pd.DataFrame:
    """Patients and events at each level of each column among the terms: term level n n_event reference."""
    rows: list[dict[str, object]] = []
    for name in columns_of(terms, frame):
        try:
            values = covariate(frame[name], name)
        except EndpointError:
            continue
        present = values.notna().to_numpy()
        if not isinstance(values.dtype, pd.CategoricalDtype):
            rows.append({"term": name, "level": None, "n": int(present.sum()), "n_event": int(event[present].sum()),
                         "reference": False})  # fmt: skip
            continue
        codes = values.cat.codes.to_numpy()
        known = [k for k in range(len(values.cat.categories)) if (codes == k).any()]
        rows += [{"term": name, "level": level_text(values.cat.categories[k]), "n": int((codes == k).sum()),
                  "n_event": int(event[codes == k].sum()), "reference": k == known[0]} for k in known]  # fmt: skip
    made = pd.DataFrame(rows, columns=["term", "level", "n", "n_event", "reference"])
    return made.astype({"level": object})
