"""Cox regression: how many times higher the hazard is, for one more unit of each covariate."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.covariates.design_matrix import Design
from haip_outcomes.survival.hazards.aligned_rows import added_up, case_weights, offset_of, together
from haip_outcomes.survival.hazards.blocks import in_blocks
from haip_outcomes.survival.hazards.cox_pieces import CoxPieces
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.hazards.maximisation import maximise, quadratic, refuse_few
from haip_outcomes.survival.hazards.penalised_maximum import maximise_penalised
from haip_outcomes.survival.intervals import critical_value
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times


def cox(
    tte: TimeToEvent,
    design: Design,
    *,
    cause: str | None = None,
    ties: Literal["efron", "breslow"] = "efron",
    strata: Any = None,
    weights: Any = None,
    offset: Any = None,
    cluster: Any = None,
    robust: bool | None = None,
    penalty: Literal["firth"] | None = None,
    conf_level: float = 0.95,
) -> HazardFit:
    """Hazard ratios: how many times higher the rate of the event is with one more unit of a covariate.

    The hazard of a patient with covariates x in stratum s is h_s(t) exp(x b), with h_s left free. b maximises the
    partial likelihood (`partial_likelihood.py` has the formulas); exp(b) is the hazard ratio, its limits are
    exp(b -+ z SE). SE comes from the inverse information V, or with `robust` from the sandwich D'D, where
    D = (score residuals times weights) V with the rows of a cluster added.

    With `penalty="firth"` b maximises log L*(b) = log L(b) + log det I(b) / 2, with I the information. It is finite where a level has no
    events, or all of them, and less biased with few events: use it for small samples and for separation; with many events it
    changes little. SE is from I without penalty at that b. Limits are where the profile of log L* has fallen by half the
    chi-squared quantile, so they lie unevenly around b; each p-value is that of the penalised likelihood ratio with the
    coefficient held at 0 in the full model. log L* depends on the units of the covariates (its differences do not), so
    there is no AIC.

    Parameters
    ----------
    tte : the times, with delayed entry and several rows a patient if there are; in any unit.
    design : covariates from `design(frame, terms)`, aligned by index. It may have more rows than the times; rows it
        left out are left out here for the same reason, and kept in `left_out`.
    cause : with competing events, whose hazard: the other events are then censorings (cause-specific hazard).
    ties : "efron" or "breslow". strata : a Series or array, a baseline hazard for each value.
    weights : positive case weights, as R's: Efron averages them over tied events. With a penalty log L and I are the weighted ones:
        under Breslow whole numbers are copies of a row.
    offset : a known part of the log hazard (n,), with no coefficient to be found.
    cluster : rows that belong together (the patient, the centre).
    robust : the sandwich or not; if None, the sandwich when `cluster` is given, a weight is not a whole number, or a
        patient (`id`) has several events. Without `cluster`, rows of one `id` are added. There is none with a penalty.
    penalty : "firth", or None.
    conf_level : of the intervals.

    Returns
    -------
    HazardFit : see there.

    Raises
    ------
    EndpointError : competing events without `cause`; rows of the times that the design does not know; bad weights; a
        sandwich with a penalty.
    SeparationError : a level without events, or a covariate that always tells who is next; never with a penalty.
    FitError : no events, fewer events than coefficients (allowed with a penalty), columns that say the same among the rows
        analysed; a sandwich of one cluster.
    ConvergenceError : the maximum was not reached to double precision.

    References: Cox, J R Stat Soc B 1972;34:187-220 (doi:10.1111/j.2517-6161.1972.tb00899.x); ties: Efron, J Am Stat
    Assoc 1977;72:557-565 (doi:10.1080/01621459.1977.10480613); sandwich: Lin and Wei, J Am Stat Assoc
    1989;84:1074-1078 (doi:10.1080/01621459.1989.10478874); penalty: Firth, Biometrika 1993;80:27-38
    (doi:10.1093/biomet/80.1.27), Heinze and Schemper, Biometrics 2001;57:114-119 (doi:10.1111/j.0006-341X.2001.00114.x).

    Equals R's `coxph(Surv(entry, time, state) ~ x + offset(o) + strata(s), weights, cluster, ties, control =
    coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100))`; with the penalty and Breslow's ties
    `coxphf::coxphf(Surv(entry, time, state) ~ x)` run to convergence (it knows no strata, weights or Efron's ties).

    Examples
    --------
    >>> import pandas as pd
    >>> from haip_outcomes.survival.covariates.design_matrix import design
    >>> six = pd.DataFrame({"months": [1, 3, 4, 6, 6, 9], "death": [1, 1, 1, 1, 0, 1], "treated": [0, 1, 0, 0, 1, 1]})
    >>> tte = TimeToEvent.from_frame(six, time="months", state="death", states=["Death"])
    >>> fit = cox(tte, design(six, ["treated"]))
    >>> fit.tidy(exponentiate=True)["estimate"].round(3).tolist()
    [0.248]
    >>> cox(tte, design(six, ["treated"]), penalty="firth").tidy(exponentiate=True)[["estimate", "conf_low", "conf_high"]].round(2)
       estimate  conf_low  conf_high
    0      0.32      0.03       1.98
    """
    require_times(tte, "cox")
    if ties not in ("efron", "breslow"):
        raise EndpointError(f'ties must be "efron" or "breslow"; got {ties!r}.')
    if penalty not in (None, "firth"):
        raise EndpointError(f'penalty must be "firth" or None; got {penalty!r}.')
    critical_value(conf_level)
    if robust not in (None, True, False):
        raise EndpointError(f"robust must be True, False or None; got {robust!r}.")
    if robust is False and cluster is not None and penalty is None:
        raise EndpointError("cluster asks for robust standard errors and robust=False refuses them: leave one of them out.")
    if cause is not None:
        tte = tte.only(cause)
    tte.single("cox without a cause")
    sub, used, kept, left_out = together(tte, design)
    by, names = (None, ()) if strata is None else sub.groups(tte.align(strata, "strata")[kept], "strata")
    case = None if weights is None else case_weights(tte, weights, kept)
    shift = None if offset is None else offset_of(tte, offset, kept)
    clusters = sub.id if cluster is None else sub.groups(tte.align(cluster, "cluster")[kept], "cluster")[0]
    event = sub.state > 0
    refuse_few(sub, used, event, penalised=penalty is not None)
    if robust is None:
        again = sub.id is not None and len(np.unique(sub.id[event])) < event.sum()
        fractions = case is not None and bool((case != np.floor(case)).any())
        robust = cluster is not None or fractions or again
        if robust and penalty is not None and cluster is None:
            what = "some weights are not whole numbers" if fractions else "patients have several events"
            raise EndpointError(f"A penalised fit has no robust standard errors, which are called for because {what}. Fit without a "
                                "penalty, or pass robust=False to take the rows as independent patients.")  # fmt: skip
    if penalty is not None and (robust or cluster is not None):
        raise EndpointError("A penalised fit has no robust standard errors: its limits are those of the likelihood's profile. Fit "
                            "without a penalty, or leave cluster and robust out.")  # fmt: skip
    if robust and clusters is not None and len(np.unique(clusters)) < 2:
        raise FitError("All rows are one cluster: robust standard errors need several. Leave cluster out.")

    rows = in_blocks(sub, used.matrix, strata=by, weights=case, offset=shift)
    profile = None
    if penalty is None:
        found = maximise(rows, ties, used)
    else:
        found, profile = maximise_penalised(rows, ties, used, conf_level)
    pieces = CoxPieces(sub, used.matrix, found.b, found.inverse, ties, by, case, shift, names)
    covariance = found.inverse
    robust_score = None
    if robust:
        moved = added_up(pieces.residuals("dfbeta"), clusters)
        covariance = moved.T @ moved
        scores = added_up(pieces.null_score_residuals() * pieces.sets.weights[:, None], clusters)
        robust_score = quadratic(scores.T @ scores, scores.sum(axis=0))
    n_event, p = int(event.sum()), len(found.b)
    warnings = []
    if robust and len(moved) <= p:
        robust_score = float("nan")
        warnings.append(f"{plural(len(moved), 'cluster')} for {plural(p, 'coefficient')}: too few for robust standard errors "
                        "and for a test of all coefficients.")  # fmt: skip
    if n_event < 10 * p:
        warnings.append(f"{plural(n_event, 'event')} for {plural(p, 'coefficient')} ({n_event / p:.1f} each): with under 10 "
                        "events a coefficient, hazard ratios and their intervals are unreliable.")  # fmt: skip
    words = [
        "Cox with Firth's penalty" if penalty else "Cox",
        f"{ties.capitalize()} ties",
        f"cause-specific hazard of {sub.states[0]}, {listed(sub.censored_causes)} censored" if sub.censored_causes else "",
        f"stratified by {getattr(strata, 'name', None) or 'strata'}" if strata is not None else "",
        "weighted" if weights is not None else "",
        f"offset {getattr(offset, 'name', None) or ''}".strip() if offset is not None else "",
        ("robust standard errors" + (f" clustered by {getattr(cluster, 'name', None) or 'cluster'}" if cluster is not None
         else " clustered by patient" if clusters is not None else "")) if robust else "",
        "limits and p by profile penalised likelihood" if penalty else "",
    ]  # fmt: skip
    gone = [f"{len(rows)} {reason}" for reason, rows in left_out.items()]
    who = f"{sub.n} of {plural(tte.n, 'patient')}" if gone else plural(sub.n, "patient")
    method = (f"{', '.join(word for word in words if word)}; {', '.join([who, *gone])}; "
              f"{plural(n_event, 'event')} ({sub.states[0]})")  # fmt: skip
    return HazardFit(
        coefficients=found.b, covariance=covariance, model_covariance=found.inverse, log_likelihood=found.value,
        log_likelihood_null=found.null_value, score_test=found.null_score_test, robust_score_test=robust_score,
        n=sub.n, n_event=n_event, n_available=tte.n, left_out=left_out, ties=ties, robust=robust, conf_level=conf_level,
        iterations=found.iterations, warnings=tuple(warnings), method=method, tte=sub, design=used, pieces=pieces,
        profile=profile, strata_name=getattr(strata, "name", None), offset_name=getattr(offset, "name", None),
    )  # fmt: skip
