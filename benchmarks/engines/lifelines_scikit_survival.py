"""The optimism loop as one writes it today: lifelines for the models, scikit-survival for the measures."""


from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from patients import Patients
from sksurv.metrics import brier_score, concordance_index_censored
from sksurv.util import Surv

from engines.trial import Trial

warnings.filterwarnings("ignore")
AT = 36.0


def validation(data: Patients, rows: np.ndarray) -> Trial:
    """C and Brier score on the resample and on the patients; the slope on the patients (on the resample it is 1)."""
    frame = pd.DataFrame(data.x, columns=data.names).assign(time=data.time, status=data.status)
    y = Surv.from_arrays(data.status, data.time)

    def judged(fit, x, outcome):
        eta = fit.predict_log_partial_hazard(x).to_numpy()
        survival = fit.predict_survival_function(x, times=[AT]).to_numpy().T
        return concordance_index_censored(outcome["event"], outcome["time"], eta)[0], brier_score(outcome, outcome, survival, [AT])[1][0], eta

    def call():
        optimism = []
        for sample in rows:
            resample = frame.iloc[sample].reset_index(drop=True)
            fit = CoxPHFitter().fit(resample, "time", "status")
            there = judged(fit, resample, y[sample])
            here = judged(fit, frame, y)
            slope = CoxPHFitter().fit(frame[["time", "status"]].assign(eta=here[2]), "time", "status").params_["eta"]
            optimism.append((there[0] - here[0], there[1] - here[1], 1 - slope))
        return np.mean(optimism, axis=0)

    return Trial(call, lambda found: {"estimate": found})
