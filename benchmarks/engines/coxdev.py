"""coxdev: the deviance and its derivatives in compiled code; the few Newton steps around it are ours."""

# ruff: noqa: D103  (a function a task, named after it)
from __future__ import annotations

import numpy as np
from coxdev import CoxDeviance
from patients import Patients

from engines.trial import Trial


def _newton(time: np.ndarray, status: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    model = CoxDeviance(event=time, status=status, tie_breaking="efron")
    x = x - x.mean(axis=0)
    b, before = np.zeros(x.shape[1]), np.inf
    for _ in range(25):
        eta = x @ b
        at = model(eta)
        information = x.T @ (model.information(eta) @ x)
        if abs(before - at.deviance) <= 1e-9 * abs(at.deviance):  # coxph's rule
            break
        before = at.deviance
        b = b + np.linalg.solve(information, x.T @ (-at.gradient / 2))
    return b, np.sqrt(np.diag(np.linalg.inv(information)))


def cox(data: Patients) -> Trial:
    return Trial(lambda: _newton(data.time, data.status, data.x), lambda found: {"estimate": found[0], "std_error": found[1]})
