"""Does the model rank patients rightly? The time-dependent AUC, also when another event can come first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.prognosis.validation.censoring_weighted import Censoring
from haip_outcomes.prognosis.validation.predicted_risks import Predicted, predicted
from haip_outcomes.prognosis.validation.scored import PredictionScore, standard_errors
from haip_outcomes.survival.intervals import critical_value, level_in_words
from haip_outcomes.survival.time_to_event import TimeToEvent


def time_dependent_auc(
    tte: TimeToEvent, risk: Any, times: Any, *, cause: str | None = None, conf_level: float = 0.95
) -> PredictionScore:
    """How often a patient who has the event by a time was given the higher risk than one who has not: 0.5 is chance, 1 is always.

    With weights w (1/G(T-) for an event at T <= t, 1/G(t) for who is followed beyond t, 0 for who was lost; G the Kaplan-Meier curve of the
    censoring, events coming before censorings at the same time),

        AUC(t) = sum over cases i and controls j of w_i w_j {[r_i > r_j] + [r_i = r_j]/2} / (sum of w_i  x  sum of w_j)

    A case had the event by t. A control is followed beyond t or, with competing events, had another event first (Blanche's second definition).
    The weights assume that who is lost does not differ from who is not.

    Parameters
    ----------
    tte : times (n,) from time zero, one row a patient.
    risk : predicted probability of the event by each time, (n, T), or (n,) for one time; an array in the order of `tte`, or a Series or frame,
        aligned by index. Only the order of the risks matters here, but other measures need probabilities.
    times : one time or several, increasing, in the unit of `tte`.
    cause : the event of interest; needed where several compete.
    conf_level : of the limits, AUC -+ z SE, cut at 0 and 1.

    The standard error is that of the influence function, which counts that G is estimated (Blanche 2013; riskRegression's form, which takes the
    censorings' numbers at risk with the events at the same time). It does not count that the model was estimated: the patients must be new to it.

    Returns
    -------
    PredictionScore : `tidy()` has a row a time; `n_event` cases and `n_control` controls known by it, `n_censor` lost by it.

    Raises
    ------
    EndpointError : a risk missing or outside 0 to 1, or one that falls with time; a time beyond follow-up; no case or no control by a time;
        delayed entry or several rows a patient.

    Blanche, Dartigues, Jacqmin-Gadda 2013, doi 10.1002/sim.5958. Equals R's `riskRegression::Score(list(risk), Hist(time, state) ~ 1, times = ,
    metrics = "auc", conservative = FALSE)`, the estimate also `timeROC::timeROC`.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"months": [2, 4, 5, 6, 8, 9], "dead": [1, 1, 0, 1, 0, 0]})
    >>> tte = TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    >>> time_dependent_auc(tte, [0.9, 0.3, 0.5, 0.6, 0.4, 0.2], 7).tidy()[["time", "estimate", "n_event", "n_control"]].round(4).values.tolist()
    [[7.0, 0.85, 3.0, 2.0]]
    """
    asked = predicted("time_dependent_auc", tte, risk, times, cause)
    z = critical_value(conf_level)
    censoring = Censoring.of(tte)
    rows, influences = [], []
    for j, t in enumerate(asked.times.tolist()):
        case, control = asked.cases(t), asked.controls(t)
        _refuse_none(asked, t, case, control)
        estimate, influence = _auc(asked.risk[:, j], case, control, censoring, t)
        influences.append(influence)
        rows.append({"outcome": asked.outcome, "time": t, "estimate": estimate, "n": len(tte), "n_event": int(case.sum()), "n_censor": asked.lost(t),
                     "n_control": int(control.sum())})  # fmt: skip
    influence = np.column_stack(influences)
    error = standard_errors(influence)
    frame = pd.DataFrame(rows).assign(std_error=error)
    frame["conf_low"] = np.maximum(frame["estimate"] - z * error, 0.0)
    frame["conf_high"] = np.minimum(frame["estimate"] + z * error, 1.0)
    method = (f"Time-dependent AUC {asked.about()}; {asked.weighted()}; influence-function standard error, "
              f"{level_in_words(conf_level)} limits")  # fmt: skip
    return PredictionScore("AUC", frame, influence, tte.index, conf_level, tte.unit, method)


def _auc(risk: np.ndarray, case: np.ndarray, control: np.ndarray, censoring: Censoring, t: float) -> tuple[float, np.ndarray]:
    """The AUC at t and each patient's part in it (n,)."""
    n, weight = len(risk), censoring.weights(t)
    of_case, of_control = weight * case, weight * control
    below = _weight_below(risk, of_control)  # of the controls with a lower risk, ties by half
    above = of_case.sum() - _weight_below(risk, of_case)
    pairs = of_case.sum() * of_control.sum()
    auc = float(of_case @ below / pairs)
    moves = case * (below - auc * of_control.sum()) + control * (above - auc * of_case.sum())
    parts = moves * weight
    return auc, n / pairs * (parts + censoring.through_weights(t, parts))


def _weight_below(risk: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """For each patient, the weight of all with a lower risk and half of that of those with the same, (n,)."""
    number = np.unique(risk, return_inverse=True)[1]
    by_risk = np.bincount(number, weight)
    return (np.cumsum(by_risk) - by_risk / 2)[number]


def _refuse_none(asked: Predicted, t: float, case: np.ndarray, control: np.ndarray) -> None:
    if not case.any():
        raise EndpointError(f"time_dependent_auc: nobody is known to have had {asked.outcome} by {t:g} {asked.tte.unit}: ask for a later time.")
    if not control.any():
        raise EndpointError(f"time_dependent_auc: nobody is known to be without {asked.outcome} at {t:g} {asked.tte.unit}: ask for an earlier time.")
