"""Does a Cox model hold? Tests of proportional hazards, and how many events each coefficient rests on."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.hazard_fit import HazardFit
from haip_outcomes.survival.kaplan_meier import survival_curve
from haip_outcomes.survival.maximisation import quadratic
from haip_outcomes.survival.partial_likelihood import information_in_time
from haip_outcomes.survival.results import TestResult

Transform = Literal["km", "rank", "identity", "log"]
_IN_WORDS = {"km": "time transformed by one minus Kaplan-Meier", "rank": "ranked time", "identity": "untransformed time",
             "log": "logarithm of time"}  # fmt: skip


def proportional_hazards(fit: HazardFit, *, transform: Transform = "km") -> TestResult:
    """Do the hazard ratios stay the same over time? A small p-value says that they do not.

    Each coefficient b is given a drift, b + c g(t), and the score test of c = 0 is made at the fitted b. With the
    terms of the partial likelihood (event times t, weights W/d, means and second moments in Efron's form under
    Efron's ties) and g centred to mean 0 over the events,

        U    = sum over events of w g(t) x  -  sum over terms of (W/d) g(t) mean_l
        I_k  = sum over terms of g(t)^k (W/d) (second moment_l - mean_l mean_l'),  k = 0, 1, 2
        chi2 = U' (I_2 - I_1 I_0^-1 I_1)^-1 U

    for the columns of each term together and then for all (GLOBAL), on as many degrees of freedom as columns.

    Parameters
    ----------
    fit : from `cox`; strata, delayed entry and weights are honoured, `cluster` and `robust` play no part, as in R.
    transform : g(t) is "km": one minus the Kaplan-Meier estimate just before t (of all rows, without strata or
        weights); "rank": the rank of t among all times; "identity": t; "log": log t.

    Returns
    -------
    TestResult : `tidy()` has a row a term and then GLOBAL, with the columns term statistic df p_value; `statistic`,
        `df` and `p_value` of the result are those of GLOBAL. A term that can't be tested, as with a single event
        time, has NaN.

    Raises
    ------
    EndpointError : an unknown transform; "log" with an event at time 0.

    References: Grambsch and Therneau, Biometrika 1994;81:515-526 (doi:10.1093/biomet/81.3.515); as a score test:
    Therneau, vignette "Computing the cox.zph" of R's survival 3.

    Equals R's `cox.zph(fit, transform = "km", terms = TRUE)` of survival 3.0 and later.

    Examples
    --------
    >>> import pandas as pd
    >>> from haip_outcomes.survival.cox_regression import cox
    >>> from haip_outcomes.survival.design_matrix import design
    >>> from haip_outcomes.survival.time_to_event import TimeToEvent
    >>> six = pd.DataFrame({"months": [1, 3, 4, 6, 6, 9], "death": [1, 1, 1, 1, 0, 1], "treated": [0, 1, 0, 0, 1, 1]})
    >>> tte = TimeToEvent.from_frame(six, time="months", state="death", states=["Death"])
    >>> proportional_hazards(cox(tte, design(six, ["treated"]))).tidy()["term"].tolist()
    ['treated', 'GLOBAL']
    """
    g = _transformed(fit, transform)
    sets, x, at = fit.pieces.sets, fit.pieces.x, fit.pieces.at
    case = sets.weights[sets.events]
    drift = (case * g) @ x[sets.events] - (g * sets.term_weight) @ at.mean  # U
    i0, i1, i2 = (information_in_time(sets, x, at, g**k) for k in (0, 1, 2))
    joint = np.block([[i0, i1], [i1, i2]])
    p = x.shape[1]
    score = np.concatenate([np.zeros(p), drift])
    members = {
        term: [j for j, (other, _) in enumerate(fit.columns) if other == term] for term in fit.design.terms
    }
    rows = []
    for term, own in {**members, "GLOBAL": list(range(p))}.items():
        chosen = np.array([*range(p), *(p + j for j in own)])
        statistic = quadratic(joint[np.ix_(chosen, chosen)], score[chosen])
        rows.append(
            {
                "term": term,
                "statistic": statistic,
                "df": len(own),
                "p_value": stats.chi2.sf(statistic, len(own)),
            }
        )
    method = f"Proportional hazards: score test (Grambsch and Therneau), {_IN_WORDS[transform]}, {fit.ties.capitalize()} ties"
    return TestResult(pd.DataFrame(rows), method)


def events_per_term(fit: HazardFit) -> float:
    """How many events there are for each coefficient; 10 or more are advised.

    Reference: Peduzzi et al., J Clin Epidemiol 1995;48:1503-1510 (doi:10.1016/0895-4356(95)00048-8).
    """
    return fit.n_event / len(fit.coefficients)


def _transformed(fit: HazardFit, transform: str) -> np.ndarray:
    """g at each event, in the order of `fit.pieces.sets.events`, centred over the events."""
    events = fit.pieces.sets.events
    tte = fit.pieces.tte
    t = tte.time[events]
    if transform == "km":
        curve = survival_curve(tte).tidy()
        survival = np.concatenate([[1.0], curve["estimate"].to_numpy()])
        g = 1 - survival[np.searchsorted(curve["time"].to_numpy(), t, side="left")]  # the step before t
    elif transform == "rank":
        g = stats.rankdata(tte.time)[events]
    elif transform == "identity":
        g = t
    elif transform == "log":
        if (t <= 0).any():
            raise EndpointError('transform="log" needs event times above 0; use "km" or "rank".')
        g = np.log(t)
    else:
        raise EndpointError(f'transform must be "km", "rank", "identity" or "log"; got {transform!r}.')
    return g - g.mean()
