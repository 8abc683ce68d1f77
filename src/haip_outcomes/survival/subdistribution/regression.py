"""Fine and Gray's regression: what covariates do to the cumulative incidence of one of several competing events."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.covariates.design_matrix import Design
from haip_outcomes.survival.hazards.aligned_rows import added_up, case_weights, together
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.hazards.maximisation import quadratic, refuse_few
from haip_outcomes.survival.intervals import critical_value
from haip_outcomes.survival.subdistribution.pieces import SubdistributionPieces
from haip_outcomes.survival.subdistribution.rows import crr_rows, finegray_rows, refuse_gaps
from haip_outcomes.survival.subdistribution.terms import evaluate, maximise
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times

WAY_OUT = 'join levels or leave it out (cox(..., cause=..., penalty="firth") can model the cause-specific hazard)'  # of separation


def fine_gray(
    tte: TimeToEvent,
    design: Design,
    *,
    cause: str,
    se: Literal["crr", "finegray"] = "crr",
    censoring_group: Any = None,
    strata: Any = None,
    cluster: Any = None,
    weights: Any = None,
    conf_level: float = 0.95,
) -> HazardFit:
    """How covariates change the probability of one event when others can come first: subdistribution hazard ratios.

    The cumulative incidence of the cause for covariates x is F(t|x) = 1 - exp(-H0(t) exp(x b)): exp(b) above 1 means that the event
    is seen more often, by a stronger effect on it or because fewer have another event before it. It is not the rate among those
    still free of any event; that is `cox(..., cause=...)`. Report both.

    b maximises a partial likelihood in which patients with a competing event at T stay at risk at t > T with weight P(t)/P(T), P the
    estimated probability of not being censored (`kernel.py` has the formulas). R has two versions, and so has this
    function; they differ a little, more when times are tied, and a result says which one it is:

    - se="crr": cmprsk's crr. P(t) is the Kaplan-Meier curve of the censoring just before t, all followed until t or longer being at
      risk of being censored at t; ties as Breslow's; the sandwich counts that P is estimated (psi of Fine and Gray).
      `censoring_group` estimates P in each group, 0 beyond a group's last time; as in crr, psi is made within groups.
    - se="finegray": survival's coxph on the rows that its finegray makes. In P, those with an event at t are not at risk of being
      censored at t; ties as Efron's; the sandwich takes P as known and adds up the rows of a patient, or of a `cluster`. `strata` gives
      each stratum its own baseline and its own P. `weights` multiply the rows' weights; P is estimated without them. With delayed
      entry P also holds the chance of having entered (Geskus). No row is expanded: the work grows with n, not with n times events.

    Parameters
    ----------
    tte : the times with all competing events, in any unit; with se="finegray" also delayed entry and several rows a patient.
    design : covariates from `design(frame, terms)`, aligned by index; rows it left out are left out here and kept in `left_out`.
    cause : the event of interest, one of `tte.states`. With a single kind of event the model is Cox's.
    se : "crr" or "finegray", as above.
    censoring_group : a Series or array (n,), with "crr". strata, cluster, weights (positive) : (n,) each, with "finegray".
    conf_level : of the intervals.

    Returns
    -------
    HazardFit : hazard ratios are of the subdistribution. `covariance` is the sandwich, `model_covariance` the inverse information.
        The likelihood-ratio and score tests are of a likelihood that is none in the strict sense (summary.crr prints the first as
        "pseudo"); the Wald test uses the sandwich. `concordance` counts a competing event as later than every event, with weight
        P(t)/P(T), as coxph does with finegray's rows. `predict_risk` is predict.crr's, without limits (R has none), or survfit's.
        `residuals("schoenfeld")` with "crr" has a row an event time, its events added up: crr's `$res`; "score" there includes psi.
        `proportional_hazards` takes fits with "finegray".

    Raises
    ------
    EndpointError : an unknown cause; an option that the R function lacks, with the way to the other; gaps between a patient's rows; with
        delayed entry, a competing event before a time when all those followed had just entered: its weight does not exist.
    SeparationError : a level without events of the cause, or a covariate that always tells who is next.
    FitError : no events of the cause, fewer events than coefficients, columns that say the same; a sandwich of one cluster.
    ConvergenceError : the maximum was not reached to double precision.

    References: Fine and Gray, J Am Stat Assoc 1999;94:496-509 (doi:10.1080/01621459.1999.10474144); delayed entry and the weighted
    form: Geskus, Biometrics 2011;67:39-49 (doi:10.1111/j.1541-0420.2010.01420.x).

    Equals R's `crr(time, state, x, failcode, cencode = 0, cengroup, gtol = 1e-14, maxiter = 100)`; or
    `fg <- finegray(Surv(entry, time, state) ~ . + strata(s), data, weights, id, etype = cause)` and
    `coxph(Surv(fgstart, fgstop, fgstatus) ~ x + strata(s), fg, weights = fgwt, cluster = id, ties = "efron")`, run to convergence.
    Where it does not: crr keeps times apart that differ by rounding, a TimeToEvent joins them (as survival does); finegray with weights and
    strata gives later strata other rows' weights, here each row keeps its own; `censoring.py` tells of chances that are 0.

    Examples
    --------
    >>> import pandas as pd
    >>> from haip_outcomes.survival.covariates.design_matrix import design
    >>> eight = pd.DataFrame({"months": [1, 2, 3, 4, 5, 6, 7, 8], "exit": [1, 2, 0, 1, 2, 1, 0, 1],
    ...                       "sarcopenia": [1, 0, 1, 1, 0, 0, 1, 0]})
    >>> tte = TimeToEvent.from_frame(eight, time="months", state="exit", states=["Liver", "Death"])
    >>> fit = fine_gray(tte, design(eight, ["sarcopenia"]), cause="Liver")
    >>> fit.tidy(exponentiate=True)[["estimate", "conf_low", "conf_high"]].round(2).values.tolist()
    [[4.09, 0.55, 30.54]]
    >>> fit.method  # doctest: +ELLIPSIS
    "Fine-Gray, subdistribution hazard of Liver (Death competing), Breslow ties, standard errors as cmprsk's crr; 8 patients; ..."
    """
    require_times(tte, "fine_gray")
    _refuse_options(tte, se, conf_level, censoring_group=censoring_group, strata=strata, cluster=cluster, weights=weights)
    tte.code(cause)
    sub, used, kept, left_out = together(tte, design)
    crr = se == "crr"
    event = sub.state == sub.code(cause)
    refuse_few(sub.only(cause), used, event, way_out=WAY_OUT)
    group, group_names = (None, ("",)) if censoring_group is None else _groups(tte, sub, kept, censoring_group, "censoring_group")
    by, names = (None, ()) if strata is None else _groups(tte, sub, kept, strata, "strata")
    case = None if weights is None else case_weights(tte, weights, kept)
    clusters = None if crr else sub.id if cluster is None else _groups(tte, sub, kept, cluster, "cluster")[0]
    if clusters is not None and len(np.unique(clusters)) < 2:
        raise FitError("All rows are one cluster: robust standard errors need several. Leave cluster out.")
    if crr:
        sub = sub if sub.entry is None else sub._with(entry=None)  # nobody enters after 0
        rows = crr_rows(sub, cause, used.matrix, group, len(group_names))
    else:
        refuse_gaps(sub)
        rows = finegray_rows(sub, cause, used.matrix, by, case)

    found, at, half = maximise(rows, used)
    sorted_clusters = None if clusters is None else clusters[rows.blocks.order]
    moved = _added_up(at.scores(with_censoring=crr), rows.blocks.weights, case, sorted_clusters)
    covariance = half @ (moved.T @ moved) @ half.T
    robust_score = None
    if not crr:
        null = evaluate(at.rows, np.zeros_like(found.b), over=at).scores(with_censoring=False)
        null = _added_up(null, rows.blocks.weights, case, sorted_clusters)
        robust_score = quadratic(null.T @ null, null.sum(axis=0)) if len(null) > len(found.b) else float("nan")
    n_event = int(event.sum())
    pieces = SubdistributionPieces(tte=sub, cause=cause, matrix=used.matrix, coefficients=found.b, model_covariance=found.inverse, se=se,
                                   group=group, n_groups=len(group_names), strata=by, weights=case, stratum_names=names)  # fmt: skip
    return HazardFit(
        coefficients=found.b, covariance=covariance, model_covariance=found.inverse, log_likelihood=found.value,
        log_likelihood_null=found.null_value, score_test=found.null_score_test, robust_score_test=robust_score,
        n=sub.n, n_event=n_event, n_available=tte.n, left_out=left_out, ties="breslow" if crr else "efron", robust=True,
        conf_level=conf_level, iterations=found.iterations,
        warnings=_cautions(n_event, len(found.b), len(moved)),
        method=_sentence(tte, sub, cause, se, left_out, censoring_group=censoring_group, strata=strata, cluster=cluster, weights=weights),
        tte=sub, design=used, pieces=pieces, strata_name=None if strata is None else getattr(strata, "name", None),
    )  # fmt: skip


def _groups(
    tte: TimeToEvent, sub: TimeToEvent, kept: np.ndarray | slice, values: Any, name: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Group numbers of the rows analysed, and the groups' names."""
    return sub.groups(tte.align(values, name)[kept], name)


def _added_up(
    scores: np.ndarray, weights: np.ndarray, case: np.ndarray | None, clusters: np.ndarray | None
) -> np.ndarray:
    """Scores (n, p) times case weights, added within clusters."""
    return added_up(scores if case is None else scores * weights[:, None], clusters)


def _refuse_options(tte: TimeToEvent, se: str, conf_level: float, **options: Any) -> None:
    """Raise for what the R function asked for does not offer, and say which one does."""
    if se not in ("crr", "finegray"):
        raise EndpointError(f'se must be "crr" or "finegray"; got {se!r}.')
    critical_value(conf_level)
    if se == "finegray":
        if options["censoring_group"] is not None:
            raise EndpointError('censoring_group belongs to se="crr". With se="finegray" give strata=: each stratum then has its own '
                                "censoring distribution, and its own baseline.")  # fmt: skip
        return
    asked = [name for name in ("strata", "cluster", "weights") if options[name] is not None]
    if tte.entry is not None and (tte.entry > 0).any():
        asked.append("delayed entry")
    if asked:
        raise EndpointError(f'cmprsk\'s crr has no {listed(asked, "or")}: say se="finegray", which has, for survival\'s finegray '
                            "and coxph.")  # fmt: skip


def _cautions(n_event: int, p: int, n_clusters: int) -> tuple[str, ...]:
    """What has to be read with the numbers."""
    told = []
    if n_clusters <= p:
        told.append(f"{plural(n_clusters, 'cluster')} for {plural(p, 'coefficient')}: too few for robust standard errors "
                    "and for a test of all coefficients.")  # fmt: skip
    if n_event < 10 * p:
        told.append(f"{plural(n_event, 'event')} for {plural(p, 'coefficient')} ({n_event / p:.1f} each): with under 10 "
                    "events a coefficient, hazard ratios and their intervals are unreliable.")  # fmt: skip
    return tuple(told)


def _sentence(
    tte: TimeToEvent, sub: TimeToEvent, cause: str, se: str, left_out: dict[str, Any], **options: Any
) -> str:
    """What was done, to whom."""
    name = {option: getattr(values, "name", None) or option for option, values in options.items()}
    others = [state for state in sub.states if state != cause]
    code = sub.code(cause)
    words = [
        f"Fine-Gray, subdistribution hazard of {cause}" + (f" ({listed(others)} competing)" if others else ""),
        f"other causes ({listed(sub.censored_causes)}) censored" if sub.censored_causes else "",
        "Breslow ties" if se == "crr" else "Efron ties",
        f"censoring distribution by {name['censoring_group']}" if options["censoring_group"] is not None else "",
        f"baseline and censoring distribution stratified by {name['strata']}" if options["strata"] is not None else "",
        "weighted" if options["weights"] is not None else "",
        "standard errors as cmprsk's crr" if se == "crr" else "robust standard errors "
        + (f"clustered by {name['cluster']}" if options["cluster"] is not None else "by patient") + " as survival's finegray and coxph",
    ]  # fmt: skip
    gone = [f"{len(rows)} {reason}" for reason, rows in left_out.items()]
    who = f"{sub.n} of {plural(tte.n, 'patient')}" if gone else plural(sub.n, "patient")
    competing = int(((sub.state > 0) & (sub.state != code)).sum())
    events = f"{plural(int((sub.state == code).sum()), 'event')} ({cause})" + (f", {competing} competing" if others else "")
    return f"{', '.join(word for word in words if word)}; {', '.join([who, *gone])}; {events}"
