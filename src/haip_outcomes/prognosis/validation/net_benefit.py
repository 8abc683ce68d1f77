"""Would decisions by the model do more good than harm? Net benefit at each threshold, beside treating all and treating nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, number
from haip_outcomes.prognosis.validation.observed_risks import observed_risk
from haip_outcomes.prognosis.validation.predicted_risks import Predicted, predicted
from haip_outcomes.survival.intervals import critical_value, level_in_words
from haip_outcomes.survival.results import in_order, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent

MODEL, ALL, NONE = "Model", "Treat all", "Treat none"


@dataclass(frozen=True, eq=False, repr=False)
class DecisionCurve:
    """Net benefit by threshold, a row a strategy and threshold.

    Attributes
    ----------
    frame : what `tidy()` gives.
    outcome, time, unit, conf_level, method.
    """

    frame: pd.DataFrame
    outcome: str
    time: float
    unit: str
    conf_level: float
    method: str

    def tidy(self) -> pd.DataFrame:
        """A row a strategy (`term`) and `threshold`: estimate (net benefit), std_error, conf_low, conf_high, n treated, true_positive, false_positive.

        `true_positive` and `false_positive` are shares of all patients: treated and having the event by the time, treated and not.
        """
        return in_order(self.frame)

    def __repr__(self) -> str:
        model = self.frame[self.frame["term"] == MODEL].reset_index(drop=True)
        best = np.maximum(self.frame.loc[self.frame["term"] == ALL, "estimate"].to_numpy(), 0.0)
        chosen = np.unique(np.linspace(0, len(model) - 1, min(len(model), 8)).astype(int)).tolist()
        rows = [f"threshold {model['threshold'][k]:g}: {number(model['estimate'][k], 3)} (treat all or none: {number(best[k], 3)})" for k in chosen]
        return "\n".join([self.method, *rows])

    def _repr_html_(self) -> str:
        return shown_as_html("Decision curve", self.tidy(), self.method)


def decision_curve(
    tte: TimeToEvent, risk: Any, time: float, thresholds: Sequence[float] | np.ndarray | float, *, cause: str | None = None, conf_level: float = 0.95
) -> DecisionCurve:
    """Is it better to treat by the model than to treat everybody or nobody? In patients rightly treated, per 100 patients, less the harm.

    Who would be treated at a risk of p or more holds that one event prevented is worth (1 - p)/p treatments in vain. Treating those with
    predicted risk >= p, a share P of all, of whom F_p have the event by the time (1 - Kaplan-Meier among them; Aalen-Johansen where events compete),

        net benefit = P F_p - P (1 - F_p) p/(1 - p)

    Treating all is P = 1, treating nobody 0. A model is worth using over the range of thresholds at which its curve lies above both; the
    range is a clinical judgement made before the curve is seen.

    Parameters
    ----------
    tte, risk, time, cause : as `calibration`.
    thresholds : risks strictly between 0 and 1, increasing.
    conf_level : of the limits, estimate -+ z SE.

    SE^2 = P(1 - P)/n {F(1 + w) - w}^2 + P^2 (1 + w)^2 SE(F)^2, w = p/(1 - p). The limits are of one curve; two curves on the same patients are
    correlated, and their difference needs a bootstrap. That the model was made from these patients is not counted: it makes the curve too high.

    At a threshold at which those treated were not followed to the time, nothing is known and the row is empty.

    Raises
    ------
    EndpointError : as `calibration`; a threshold outside 0 to 1.

    Vickers and Elkin 2006, doi 10.1177/0272989X06295361; Vickers, Cronin, Elkin, Gonen 2008, doi 10.1186/1472-6947-8-53 (censoring, competing
    events). Equals R's `dcurves::dca(Surv(time, state) ~ risk, time = )` as documented; the tests compute it with R's survival.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"months": [2, 4, 5, 6, 8, 9], "dead": [1, 1, 0, 1, 0, 0]})
    >>> tte = TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    >>> decision_curve(tte, [0.9, 0.3, 0.5, 0.6, 0.4, 0.2], 7, [0.4]).tidy()[["term", "estimate", "n"]].round(4).values.tolist()
    [['Model', 0.25, 4], ['Treat all', 0.2593, 6], ['Treat none', 0.0, 0]]
    """
    if np.ndim(time) != 0:
        raise EndpointError(f"decision_curve is of one time; got {time!r}. Ask once for each time.")
    asked = predicted("decision_curve", tte, risk, time, cause)
    cuts = _cuts(thresholds)
    z = critical_value(conf_level)
    t, r, n = float(asked.times[0]), asked.risk[:, 0], len(tte)
    everybody, known = observed_risk(asked, t)[:2], {}
    rows = []
    for p in cuts.tolist():
        chosen = r >= p
        if (m := int(chosen.sum())) not in known:  # the higher threshold treats a part of those treated at the lower
            known[m] = _in(asked, t, chosen)
        for term, many, found in ((MODEL, m, known[m]), (ALL, n, everybody), (NONE, 0, (0.0, 0.0))):
            rows.append({"outcome": asked.outcome, "term": term, "time": t, "threshold": p, "n": many, **_benefit(many / n, *found, p, n, z)})
    frame = pd.DataFrame(rows).sort_values("term", key=lambda terms: terms.map({MODEL: 0, ALL: 1, NONE: 2}), kind="stable").reset_index(drop=True)
    unknown = frame.loc[frame["estimate"].isna() & (frame["term"] == MODEL), "threshold"]
    gap = f"; not known at {listed([f'{p:g}' for p in unknown])}, where those treated were not followed so long" if len(unknown) else ""
    observed = "Aalen-Johansen" if asked.competing else "1 - Kaplan-Meier"
    method = (f"Net benefit {asked.about()}; treated at a predicted risk of the threshold or more, the observed risk among them by {observed}"
              f"{gap}; {level_in_words(conf_level)} limits of each curve by itself")  # fmt: skip
    return DecisionCurve(frame, asked.outcome, t, tte.unit, conf_level, method)


def _in(asked: Predicted, t: float, chosen: np.ndarray) -> tuple[float, float]:
    """Observed risk and standard error among the chosen; nobody's is 0."""
    return observed_risk(asked, t, chosen)[:2] if chosen.any() else (0.0, 0.0)


def _benefit(share: float, risk: float, error: float, p: float, n: int, z: float) -> dict[str, float]:
    """One row's net benefit, with its error and limits."""
    weight = p / (1 - p)
    true, false = share * risk, share * (1 - risk)
    estimate = true - false * weight
    spread = share * (1 - share) / n * (risk * (1 + weight) - weight) ** 2 + (share * (1 + weight) * error) ** 2
    se = float(np.sqrt(spread))
    return {"estimate": estimate, "std_error": se, "conf_low": estimate - z * se, "conf_high": estimate + z * se,
            "true_positive": true, "false_positive": false}  # fmt: skip


def _cuts(thresholds: Any) -> np.ndarray:
    try:
        cuts = np.atleast_1d(np.asarray(thresholds, dtype=float))
    except (TypeError, ValueError):
        cuts = np.array([np.nan])
    if cuts.ndim != 1 or not len(cuts) or not ((cuts > 0) & (cuts < 1)).all() or (np.diff(cuts) <= 0).any():
        raise EndpointError(f"decision_curve: thresholds are risks strictly between 0 and 1, increasing, such as [0.1, 0.2, 0.3]; got {thresholds!r}.")
    return cuts
