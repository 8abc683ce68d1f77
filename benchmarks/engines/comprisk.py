"""comprisk."""

# ruff: noqa: D103  (a function a task, named after it)
from __future__ import annotations

import numpy as np
from comprisk import (
    CauseSpecificCox,
    CumulativeIncidence,
    FineGrayRegression,
    concordance_index_cr,
    gray_test,
)
from patients import Patients

from engines.trial import Trial, stepped


def _coefficients(fit) -> dict:
    return {"estimate": fit.coef_, "std_error": fit.se_}


def cox(data: Patients) -> Trial:
    """Breslow ties: it has no others."""
    return Trial(lambda: CauseSpecificCox().fit(data.x, time=data.time, event=data.status), _coefficients)


def fine_gray(data: Patients) -> Trial:
    """Its robust standard errors (Geskus), the nearest to crr's."""
    return Trial(lambda: FineGrayRegression(robust_se=True).fit(data.x, time=data.time, event=data.state), _coefficients)


def fine_gray_naive(data: Patients) -> Trial:
    """Its default: naive standard errors."""
    return Trial(lambda: FineGrayRegression().fit(data.x, time=data.time, event=data.state), _coefficients)


def gray(data: Patients) -> Trial:
    return Trial(lambda: gray_test(data.time, data.state, data.group), lambda result: {"statistic": [result.stat]})


def aalen_johansen(data: Patients) -> Trial:
    def numbers(found):
        curves = [found.curves_[None, k] for k in (1, 2)]
        return {"estimate": np.concatenate([stepped(one.times, one.cif, 0.0) for one in curves]),
                "std_error": np.sqrt(np.concatenate([stepped(one.times, one.var, 0.0) for one in curves]))}  # fmt: skip

    return Trial(lambda: CumulativeIncidence().fit(data.time, data.state), numbers)


def concordance(data: Patients) -> Trial:
    return Trial(lambda: concordance_index_cr(data.status, data.time, data.marker), lambda c: {"estimate": [c]})
