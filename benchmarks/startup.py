"""What it costs to begin: importing, and the first estimate of a fresh process, to the end of the process."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from environments import python_of, surroundings

_DATA = """
import numpy as np, pandas as pd
rng = np.random.default_rng(1)
n = {n}
frame = pd.DataFrame(rng.standard_normal((n, 4)), columns=["x1", "x2", "x3", "x4"])
frame["time"] = np.ceil(rng.exponential(30, n)); frame["status"] = (rng.random(n) < 0.6).astype(int)
"""
_OURS = """
import haip_outcomes as haip
tte = haip.TimeToEvent.from_frame(frame, time="time", state="status", states=["Event"])
"""
_R_DATA = """
suppressPackageStartupMessages(library(survival)); set.seed(1); n <- {n}
frame <- data.frame(x1 = rnorm(n), x2 = rnorm(n), x3 = rnorm(n), x4 = rnorm(n), time = ceiling(rexp(n, 1 / 30)), status = rbinom(n, 1, 0.6))
"""
_KM, _COX = _DATA.format(n=60), _DATA.format(n=200)


@dataclass(frozen=True)
class Case:
    """A fresh process: an engine, what it runs, and whether compiled kernels are kept between processes."""

    what: str
    label: str
    engine: str
    code: str
    cached: bool = True


_IMPORT, _FIRST_KM, _FIRST_COX = "import", "first Kaplan-Meier, 60 patients", "first Cox, 200 patients, 4 covariates"
_HAIP_KM = _KM + _OURS + "haip.survival_curve(tte).at([12])"
_HAIP_COX = _COX + _OURS + "haip.cox(tte, haip.design(frame, ['x1', 'x2', 'x3', 'x4'])).tidy()"
CASES = (
    Case(_IMPORT, "Python alone", "haip", "pass"),
    Case(_IMPORT, "numpy and pandas", "haip", "import numpy, pandas"),
    Case(_IMPORT, "haip_outcomes", "haip", "import haip_outcomes"),
    Case(_IMPORT, "lifelines", "lifelines", "import lifelines"),
    Case(_IMPORT, "scikit-survival (linear models)", "scikit_survival", "import sksurv.linear_model"),
    Case(_IMPORT, "statsmodels.api", "statsmodels", "import statsmodels.api"),
    Case(_IMPORT, "surpyval", "surpyval", "import surpyval"),
    Case(_IMPORT, "survival-rs", "survival_rs", "import survival"),
    Case(_IMPORT, "comprisk", "comprisk", "import comprisk"),
    Case(_IMPORT, "R and survival", "r", "library(survival)"),
    Case(_FIRST_KM, "haip_outcomes, kernels on disk", "haip", _HAIP_KM),
    Case(_FIRST_KM, "haip_outcomes, no kernels on disk", "haip", _HAIP_KM, cached=False),
    Case(_FIRST_KM, "lifelines", "lifelines", _KM + "import lifelines; lifelines.KaplanMeierFitter().fit(frame['time'], frame['status'])"),
    Case(_FIRST_KM, "scikit-survival", "scikit_survival",
         _KM + "from sksurv.nonparametric import kaplan_meier_estimator as km; km(frame['status'] > 0, frame['time'], conf_type='log-log')"),
    Case(_FIRST_KM, "statsmodels", "statsmodels",
         _KM + "from statsmodels.duration.survfunc import SurvfuncRight; SurvfuncRight(frame['time'], frame['status'])"),
    Case(_FIRST_KM, "survival-rs", "survival_rs", _KM + "import survival; survival.survfit('Surv(time, status) ~ 1', frame)"),
    Case(_FIRST_KM, "R survival", "r", _R_DATA.format(n=60) + "invisible(survfit(Surv(time, status) ~ 1, frame))"),
    Case(_FIRST_COX, "haip_outcomes, kernels on disk", "haip", _HAIP_COX),
    Case(_FIRST_COX, "haip_outcomes, no kernels on disk", "haip", _HAIP_COX, cached=False),
    Case(_FIRST_COX, "lifelines", "lifelines", _COX + "import lifelines; lifelines.CoxPHFitter().fit(frame, 'time', 'status')"),
    Case(_FIRST_COX, "scikit-survival", "scikit_survival", _COX + "from sksurv.linear_model import CoxPHSurvivalAnalysis as Cox\n"
         "from sksurv.util import Surv; Cox(ties='efron').fit(frame.iloc[:, :4], Surv.from_arrays(frame['status'], frame['time']))"),
    Case(_FIRST_COX, "statsmodels", "statsmodels", _COX + "from statsmodels.duration.hazard_regression import PHReg\n"
         "PHReg(frame['time'], frame.iloc[:, :4], status=frame['status'], ties='efron').fit().bse"),
    Case(_FIRST_COX, "survival-rs", "survival_rs", _COX + "import survival; survival.coxph('Surv(time, status) ~ x1 + x2 + x3 + x4', frame)"),
    Case(_FIRST_COX, "R survival", "r", _R_DATA.format(n=200) + "invisible(coxph(Surv(time, status) ~ x1 + x2 + x3 + x4, frame))"),
)  # fmt: skip


def measure(core: int, repeats: int, only: list[str] | None) -> pd.DataFrame:
    """A row a case: what, label, median and range of the seconds of a whole process, after one that fills the caches."""
    rows = []
    for case in CASES:
        if only and case.engine not in only:
            continue
        found = []
        failed = ""
        for repeat in range(-1 if case.cached else 0, repeats if case.cached else max(1, repeats - 2)):
            with tempfile.TemporaryDirectory() as empty:
                surrounding = surroundings() if case.cached else {**surroundings(), "NUMBA_CACHE_DIR": empty}
                command = ["Rscript", "--vanilla", "-e", case.code] if case.engine == "r" else [python_of(case.engine), "-c", case.code]
                start = time.perf_counter()
                done = subprocess.run(command, env=surrounding, capture_output=True, text=True, check=False,
                                      preexec_fn=lambda: os.sched_setaffinity(0, {core}))  # fmt: skip
                if repeat >= 0:
                    found.append(time.perf_counter() - start)
                failed = done.stderr.strip().splitlines()[-1] if done.returncode else ""
        row = {"what": case.what, "label": case.label, "repeats": len(found), "said": failed}
        for name, value in (("median", np.median(found)), ("fastest", min(found)), ("slowest", max(found))):
            row[name] = float("nan") if failed else float(value)
        rows.append(row)
    return pd.DataFrame(rows)
