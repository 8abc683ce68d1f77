"""Cases in the order of treatment: outcomes of 0 and 1, and expected risks, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.case_mix.plain_numbers import plain_numbers
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import plural


def outcomes(values: Any) -> np.ndarray:
    """0 and 1 (or False and True), one a case in the order of treatment."""
    y = numbers(values, "outcome")
    if y.ndim == 0:
        raise EndpointError("outcome must hold a 0 or 1 for each case, in the order of treatment, such as [0, 0, 1]; it is "
                            f"{'not given (None)' if values is None else 'a single number'}.")  # fmt: skip
    if not len(y):
        raise EndpointError("outcome holds no cases.")
    refuse(~np.isfinite(y), "outcome is missing", "Leave these cases out of both outcome and expected, with a reason, before charting.")
    refuse((y != 0) & (y != 1), "outcome is neither 0 nor 1", "Code the event 1 and its absence 0 (or True and False).")
    return y


def risks(values: Any, outcome: Any, n: int, name: str = "expected") -> np.ndarray:
    """Expected risks for the n cases: one for all, an array in the same order, or a Series with the outcome's index."""
    if isinstance(values, pd.Series) and isinstance(outcome, pd.Series) and not values.index.equals(outcome.index):
        if not (values.index.is_unique and outcome.index.is_unique) or not outcome.index.isin(values.index).all():
            raise EndpointError(f"{name} and outcome are Series with different indexes: give both the index of the cohort, or both as plain arrays "
                                "in the order of treatment.")  # fmt: skip
        values = values.loc[outcome.index]
    p = numbers(values, name)
    if p.ndim == 0 or (p.shape == (1,) and n > 1 and np.isscalar(values)):
        p = np.full(n, float(p))
    if len(p) != n:
        raise EndpointError(f"{name} must be one probability for all cases or one a case: there are {plural(n, 'case')} and {plural(len(p), 'value')}.")
    return checked_risks(p, name)


def checked_risks(p: np.ndarray, name: str) -> np.ndarray:
    """Probabilities above 0 and below 1."""
    refuse(~np.isfinite(p), f"{name} is missing", "A case without an expected risk can't be charted: leave it out, with a reason.")
    if (p > 1).any() and (p <= 100).all() and (p >= 1).mean() > 0.5:
        raise EndpointError(f"{name} looks like percentages (up to {p.max():g}): divide by 100, they must be probabilities.")
    refuse((p <= 0) | (p >= 1), f"{name} is not between 0 and 1", "A risk of exactly 0 or 1 leaves nothing to learn from the case: correct the model.")
    return p


def numbers(values: Any, name: str) -> np.ndarray:
    """Values as floats, missing ones as NaN."""
    try:
        if isinstance(values, pd.Series) and isinstance(values.dtype, pd.CategoricalDtype):
            raise TypeError
        found = plain_numbers(values)
    except (TypeError, ValueError):
        raise EndpointError(f"{name} must hold numbers; it holds text, dates or something else. Of a category make 0 and 1 first, as "
                            '(cohort["complication"] == "Yes").') from None  # fmt: skip
    if found.ndim > 1:
        raise EndpointError(f"{name} must be one column, a value a case; its shape is {found.shape}.")
    return found


def refuse(wrong: np.ndarray, what: str, cure: str) -> None:
    """Refuse with the numbers of the cases, never with their keys."""
    if wrong.any():
        cases = [str(i + 1) for i in np.flatnonzero(wrong)]
        shown = ", ".join(cases[:5]) + (", ..." if len(cases) > 5 else "")
        raise EndpointError(f"{what} in {plural(len(cases), 'case')} (number {shown}, in the order given). {cure}")
