"""Does a Cox model hold? Tests of proportional hazards, and how many events each coefficient rests on."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.hazards.maximisation import quadratic
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
    fit : from `cox`, or from `fine_gray(se="finegray")` (then as cox.zph on finegray's rows); strata, delayed entry and weights are honoured, `cluster` and `robust` play no part, as in R.
    transform : g(t) is "km": one minus the Kaplan-Meier estimate just before t (of all rows, without strata or
        weights); "rank": the rank of t among all times; "identity": t; "log": log t.

    Returns
    -------
    TestResult : `tidy()` has a row a term and then GLOBAL, with the columns term statistic df p_value; `statistic`,
        `df` and `p_value` of the result are those of GLOBAL. A term that can't be tested, as with a single event
        time, has NaN.

    Raises
    ------
    EndpointError : an unknown transform; "log" with an event at time 0; a penalised fit; a Fine-Gray fit with se="crr".

    References: Grambsch and Therneau, Biometrika 1994;81:515-526 (doi:10.1093/biomet/81.3.515); as a score test:
    Therneau, vignette "Computing the cox.zph" of R's survival 3.

    Equals R's `cox.zph(fit, transform = "km", terms = TRUE)` of survival 3.0 and later.

    Examples
    --------
    >>> import pandas as pd
    >>> from haip_outcomes.survival.hazards.cox_regression import cox
    >>> from haip_outcomes.survival.covariates.design_matrix import design
    >>> from haip_outcomes.survival.time_to_event import TimeToEvent
    >>> six = pd.DataFrame({"months": [1, 3, 4, 6, 6, 9], "death": [1, 1, 1, 1, 0, 1], "treated": [0, 1, 0, 0, 1, 1]})
    >>> tte = TimeToEvent.from_frame(six, time="months", state="death", states=["Death"])
    >>> proportional_hazards(cox(tte, design(six, ["treated"]))).tidy()["term"].tolist()
    ['treated', 'GLOBAL']
    """
    if not isinstance(fit, HazardFit):
        raise EndpointError(f"proportional_hazards takes a fit of cox or fine_gray, and this is a {type(fit).__name__}.")
    if fit.profile is not None:
        raise EndpointError("The test of proportional hazards rests on the maximum of the likelihood, and a penalised fit is elsewhere. Test the "
                            "same terms in a fit without penalty.")  # fmt: skip
    if transform not in _IN_WORDS:
        raise EndpointError(f'transform must be "km", "rank", "identity" or "log"; got {transform!r}.')
    drift, i0, i1, i2 = fit.pieces.drift_in_time(transform)
    joint = np.block([[i0, i1], [i1, i2]])
    p = len(fit.coefficients)
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
                "p_value": float(chdtrc(len(own), statistic)),
            }
        )
    method = f"Proportional hazards: score test (Grambsch and Therneau), {_IN_WORDS[transform]}, {fit.ties.capitalize()} ties"
    return TestResult(pd.DataFrame(rows), method)


def events_per_term(fit: HazardFit) -> float:
    """How many events there are for each coefficient; 10 or more are advised.

    Reference: Peduzzi et al., J Clin Epidemiol 1995;48:1503-1510 (doi:10.1016/0895-4356(95)00048-8).
    """
    return fit.n_event / len(fit.coefficients)
