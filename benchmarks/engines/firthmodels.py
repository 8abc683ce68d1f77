"""firthmodels: Firth's penalty, Breslow ties."""

# ruff: noqa: D103  (a function a task, named after it)
from __future__ import annotations

from firthmodels import FirthCoxPH
from patients import Patients

from engines.trial import Trial


def firth(data: Patients) -> Trial:
    return Trial(lambda: FirthCoxPH().fit(data.x, (data.status.astype(bool), data.time)),
                 lambda fit: {"estimate": fit.coef_, "std_error": fit.bse_})  # fmt: skip
