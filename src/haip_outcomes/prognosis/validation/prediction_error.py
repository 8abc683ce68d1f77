"""How far predicted risks are from what happened: the Brier score, beside a model that knows nothing, and its mean over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from haip_outcomes.prognosis.validation.censoring_weighted import Censoring
from haip_outcomes.prognosis.validation.predicted_risks import Predicted, checked_choice, predicted
from haip_outcomes.prognosis.validation.scored import PredictionScore, standard_errors
from haip_outcomes.survival.intervals import critical_value, level_in_words
from haip_outcomes.survival.time_to_event import TimeToEvent

Rule = Literal["trapezoid", "step"]


def brier_score(
    tte: TimeToEvent, risk: Any, times: Any, *, cause: str | None = None, conf_level: float = 0.95
) -> PredictionScore:
    """The mean squared distance of the predicted risk from what happened: 0 is perfect, and a model worth having beats the null model.

    With y_i = 1 for who had the event by t and 0 for who is followed beyond t or had another event first, and weights w as in
    `time_dependent_auc`,

        Brier(t) = sum of w_i (y_i - r_i)^2 / n

    The null model gives everybody the risk observed (1 - Kaplan-Meier, or Aalen-Johansen where events compete);
    the index of prediction accuracy is IPA = 1 - Brier / Brier of the null model: 0 is useless, negative harmful, and it falls when a model
    ranks well but is badly calibrated. The Brier score alone depends on how frequent the event is: compare it at one time and in one cohort only.

    Parameters
    ----------
    tte, risk, times, cause, conf_level : as `time_dependent_auc`; the risks must be probabilities.

    Returns
    -------
    PredictionScore : `tidy()` has a row a time with the score, then `null_estimate`, `null_std_error`, `ipa` and `ipa_std_error` (delta method).

    Raises
    ------
    EndpointError : a risk missing or outside 0 to 1, or one that falls with time; a time beyond follow-up; delayed entry.

    The standard error is that of the influence function, which counts that the censoring's curve is estimated but not that the model was.

    Graf et al. 1999, doi 10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5; Kattan and Gerds 2018, doi
    10.1186/s41512-018-0029-2 (IPA). Equals R's `riskRegression::Score(..., metrics = "brier", summary = "ipa", conservative = FALSE)`.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"months": [2, 4, 5, 6, 8, 9], "dead": [1, 1, 0, 1, 0, 0]})
    >>> tte = TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    >>> brier_score(tte, [0.9, 0.3, 0.5, 0.6, 0.4, 0.2], 7).tidy()[["estimate", "null_estimate", "ipa"]].round(4).values.tolist()
    [[0.1633, 0.2469, 0.3385]]
    """
    asked = predicted("brier_score", tte, risk, times, cause)
    z = critical_value(conf_level)
    errors = _errors(asked)
    return PredictionScore("Brier score", _framed(asked, asked.times, errors, z), errors.influence, tte.index, conf_level, tte.unit,
                           f"Brier score {asked.about()}; {asked.weighted()}; null model {_null(asked)}; influence-function standard error, "
                           f"{level_in_words(conf_level)} limits")  # fmt: skip


def integrated_brier(
    tte: TimeToEvent, risk: Any, times: Any, *, cause: str | None = None, rule: Rule = "trapezoid", conf_level: float = 0.95
) -> PredictionScore:
    """The mean of the Brier score from time zero to the last of the times: one number for a whole curve of predictions.

    The score is 0 at time zero, when nobody has had the event. Between the times given it is a straight line (`rule="trapezoid"`), or stays
    as it was at the time before (`rule="step"`, riskRegression's IBS, which lies lower on a coarse grid). The finer the grid, the less the
    rule matters: take at least ten times, the last well inside follow-up. The standard error is that of the same weighted sum of the patients' parts.

    Parameters
    ----------
    tte, risk, times, cause, conf_level : as `brier_score`; (n, T) risks at the T times of the grid.
    rule : "trapezoid" or "step".

    Returns
    -------
    PredictionScore : one row, its time the last of the grid; with the null model and the integrated IPA, as `brier_score`.

    Raises
    ------
    EndpointError : as `brier_score`; an unknown rule.

    Graf et al. 1999, doi 10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5. With rule="step" equals the `IBS` of R's
    `riskRegression::Score(..., summary = "ibs")` at the last time.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"months": [2, 4, 5, 6, 8, 9], "dead": [1, 1, 0, 1, 0, 0]})
    >>> tte = TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    >>> risk = [[0.4, 0.9], [0.1, 0.3], [0.2, 0.5], [0.2, 0.6], [0.1, 0.4], [0.0, 0.2]]
    >>> integrated_brier(tte, risk, [3, 7]).tidy()["estimate"].round(4).tolist()
    [0.085]
    """
    asked = predicted("integrated_brier", tte, risk, times, cause)
    checked_choice("integrated_brier", "rule", rule, ("trapezoid", "step"))
    z = critical_value(conf_level)
    parts = _grid(asked.times, rule)
    whole = _errors(asked).summed(parts)
    line = "straight lines between them" if rule == "trapezoid" else "each score held to the next time"
    return PredictionScore("Integrated Brier score", _framed(asked, asked.times[-1:], whole, z), whole.influence, tte.index, conf_level, tte.unit,
                           f"Integrated Brier score from 0, {line}, {asked.about()}; {asked.weighted()}; null model {_null(asked)}; "
                           f"influence-function standard error, {level_in_words(conf_level)} limits")  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Errors:
    """Scores (T,) and each patient's part (n, T), of the model and of the null model."""

    score: np.ndarray
    influence: np.ndarray
    null: np.ndarray
    null_influence: np.ndarray

    def summed(self, parts: np.ndarray) -> _Errors:
        """The weighted sum over the times, as one."""
        return _Errors(np.array([self.score @ parts]), (self.influence @ parts)[:, None], np.array([self.null @ parts]),
                       (self.null_influence @ parts)[:, None])  # fmt: skip


def _errors(asked: Predicted) -> _Errors:
    censoring = Censoring.of(asked.tte)
    score: list[tuple[float, np.ndarray]] = []
    null: list[tuple[float, np.ndarray]] = []
    for j, t in enumerate(asked.times.tolist()):
        had, weight = asked.cases(t).astype(float), censoring.weights(t)
        overall = float((weight * had).mean())  # Kaplan-Meier or Aalen-Johansen: at risk is n times the curves of events and of censorings
        for found, risk in ((score, asked.risk[:, j]), (null, np.full(len(had), overall))):
            parts = weight * (had - risk) ** 2
            found.append((parts.mean(), parts - parts.mean() + censoring.through_weights(t, parts)))
    return _Errors(np.array([s for s, _ in score]), np.column_stack([i for _, i in score]), np.array([s for s, _ in null]),
                   np.column_stack([i for _, i in null]))  # fmt: skip


def _framed(asked: Predicted, times: np.ndarray, errors: _Errors, z: float) -> pd.DataFrame:
    error, null_error = standard_errors(errors.influence), standard_errors(errors.null_influence)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(errors.null > 0, errors.score / errors.null, np.nan)
        ratio_error = standard_errors((errors.influence - ratio * errors.null_influence) / errors.null)
    return pd.DataFrame({
        "outcome": asked.outcome, "time": times, "estimate": errors.score, "std_error": error,
        "conf_low": np.maximum(errors.score - z * error, 0.0), "conf_high": np.minimum(errors.score + z * error, 1.0), "n": len(asked.tte),
        "n_event": [int(asked.cases(t).sum()) for t in times], "n_censor": [asked.lost(t) for t in times],
        "null_estimate": errors.null, "null_std_error": null_error, "ipa": 1 - ratio, "ipa_std_error": ratio_error,
    })  # fmt: skip


def _null(asked: Predicted) -> str:
    return "Aalen-Johansen" if asked.competing else "Kaplan-Meier"


def _grid(times: np.ndarray, rule: str) -> np.ndarray:
    """The weight (T,) of each time's score in the mean from 0 to the last; the score at 0 is 0."""
    steps = np.diff(np.concatenate([[0.0], times]))
    after = np.concatenate([steps[1:], [0.0]])
    return (after if rule == "step" else (steps + after) / 2) / times[-1]
