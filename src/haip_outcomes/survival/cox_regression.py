"""Cox regression: how many times higher the hazard is, for one more unit of each covariate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.formatting import interval, listed, p_value, plural
from haip_outcomes.survival.agreement import count_pairs
from haip_outcomes.survival.design_matrix import Design, refuse_collinear
from haip_outcomes.survival.maximisation import maximise, quadratic, refuse_few
from haip_outcomes.survival.partial_likelihood import (
    Likelihood,
    SortedTimes,
    likelihood,
    martingale_residuals,
    schoenfeld_residuals,
    score_residuals,
    sorted_times,
)
from haip_outcomes.survival.results import in_order, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times

Kind = Literal["martingale", "deviance", "score", "dfbeta", "schoenfeld"]


@dataclass(frozen=True, eq=False, repr=False)
class HazardFit:
    """A fitted Cox model. `tidy()` has a row a coefficient, `glance()` one row, `tests()` a row a test of all of them.

    Attributes
    ----------
    coefficients : array (p,), log hazard ratios for one unit of each column of the design.
    covariance : array (p, p) of the coefficients: the sandwich if `robust`, else `model_covariance`.
    model_covariance : array (p, p), the inverse of the information.
    log_likelihood, log_likelihood_null : at the estimate and with all coefficients 0.
    score : array (p,), the first derivative with all coefficients 0; `score_test` its chi-squared.
    n, n_event, n_available : patients analysed, their events, patients before any were left out.
    left_out : reason -> rows of the times that were left out for it.
    tte, design : the rows analysed, in the same order.
    warnings : sentences to be read with the numbers.
    method : the sentence the fit writes about itself.
    """

    coefficients: np.ndarray
    covariance: np.ndarray
    model_covariance: np.ndarray
    log_likelihood: float
    log_likelihood_null: float
    score_test: float
    robust_score_test: float | None
    n: int
    n_event: int
    n_available: int
    left_out: dict[str, pd.Index]
    ties: str
    robust: bool
    conf_level: float
    iterations: int
    warnings: tuple[str, ...]
    method: str
    tte: TimeToEvent
    design: Design
    strata: np.ndarray | None
    sets: SortedTimes
    x: np.ndarray
    at: Likelihood

    @property
    def columns(self) -> tuple[tuple[str, str | None], ...]:
        """(term, level) of each coefficient; the level is None for numbers."""
        return self.design.columns

    @property
    def unit(self) -> str:
        """The unit of the times; hazard ratios have none."""
        return self.tte.unit

    @property
    def std_error(self) -> np.ndarray:
        """Standard errors of the coefficients, (p,)."""
        return np.sqrt(np.diag(self.covariance))

    @cached_property
    def linear_predictor(self) -> pd.Series:
        """Log hazard of each row relative to somebody with the mean of every covariate."""
        return pd.Series(
            (self.x * self.coefficients).sum(axis=1), index=self.tte.index, name="linear_predictor"
        )

    @cached_property
    def concordance(self) -> float:
        """Harrell's C of the linear predictor, within strata, weighted as the fit was."""
        return count_pairs(self.tte.start, self.tte.time, self.tte.state > 0, self.linear_predictor.to_numpy(),
                           strata=self.strata, weights=self.sets.weights).c  # fmt: skip

    def tidy(self, exponentiate: bool = False) -> pd.DataFrame:
        """A row a coefficient: term level estimate std_error conf_low conf_high statistic p_value n n_event.

        `estimate` and its limits are log hazard ratios, or hazard ratios with `exponentiate`; `std_error` stays on the
        log scale. `n` and `n_event` are those of the whole model.
        """
        b, se = self.coefficients, self.std_error
        reach = stats.norm.ppf((1 + self.conf_level) / 2) * se
        shape = np.exp if exponentiate else np.asarray
        return pd.DataFrame({
            "term": [term for term, _ in self.columns], "level": pd.Series([level for _, level in self.columns], dtype=object),
            "estimate": shape(b), "std_error": se, "conf_low": shape(b - reach), "conf_high": shape(b + reach),
            "statistic": b / se, "p_value": 2 * stats.norm.sf(np.abs(b / se)), "n": self.n, "n_event": self.n_event,
        })  # fmt: skip

    def glance(self) -> pd.DataFrame:
        """One row: n n_event log_likelihood log_likelihood_null concordance aic."""
        return in_order(pd.DataFrame([{
            "n": self.n, "n_event": self.n_event, "log_likelihood": self.log_likelihood,
            "log_likelihood_null": self.log_likelihood_null, "concordance": self.concordance,
            "aic": 2 * len(self.coefficients) - 2 * self.log_likelihood,
        }]))  # fmt: skip

    def tests(self) -> pd.DataFrame:
        """Tests that all coefficients are 0, a row a test: test statistic df p_value.

        Likelihood ratio and score test are those of the model; Wald uses `covariance`; a robust fit adds its score test.
        With fewer clusters than coefficients the robust tests do not exist and are NaN.
        """
        p = len(self.coefficients)
        found = {"likelihood ratio": 2 * (self.log_likelihood - self.log_likelihood_null),
                 "Wald": quadratic(self.covariance, self.coefficients), "score": self.score_test}  # fmt: skip
        if self.robust_score_test is not None:
            found["robust score"] = self.robust_score_test
        return pd.DataFrame([{"test": name, "statistic": value, "df": p, "p_value": stats.chi2.sf(value, p)}
                             for name, value in found.items()])  # fmt: skip

    def residuals(self, kind: Kind) -> pd.Series | pd.DataFrame:
        """Residuals of the rows analysed, without their case weights, in Efron's form under Efron's ties.

        - "martingale": events observed less expected, a Series.
        - "deviance": the martingale residual m made symmetric, sign(m) sqrt(-2 (m + d log(d - m))), d 1 for an event.
        - "score": what each row adds to the score, a column a coefficient; their weighted sum is 0.
        - "dfbeta": score times `model_covariance` times the weight: about what leaving the row out takes from b.
        - "schoenfeld": a row an event, with columns `time` and one a coefficient, by stratum and time: the
          covariates less their mean among those at risk.

        Equals R's `residuals(fit, kind)`; dfbeta is `weighted = TRUE` there, the others `weighted = FALSE`.
        """
        names = list(self.design.names)
        if kind in ("martingale", "deviance"):
            m = martingale_residuals(self.sets, self.at)
            if kind == "deviance":
                d = self.tte.state > 0
                inner = m + np.where(d, np.log(np.where(d, d - m, 1.0)), 0.0)
                m = np.sign(m) * np.sqrt(np.maximum(-2 * inner, 0.0))
            return pd.Series(m, index=self.tte.index, name=kind)
        if kind in ("score", "dfbeta"):
            made = score_residuals(self.sets, self.x, self.at)
            if kind == "dfbeta":
                made = (made * self.sets.weights[:, None]) @ self.model_covariance
            return pd.DataFrame(made, index=self.tte.index, columns=names)
        if kind == "schoenfeld":
            rows = self.sets.events
            values = schoenfeld_residuals(self.sets, self.x, self.at)
            frame = pd.DataFrame(values, index=self.tte.index[rows], columns=names)
            frame.insert(0, "time", self.tte.time[rows])
            return frame
        raise EndpointError(
            f'kind must be "martingale", "deviance", "score", "dfbeta" or "schoenfeld"; got {kind!r}.'
        )

    def __repr__(self) -> str:
        told = self.tidy(exponentiate=True)[["estimate", "conf_low", "conf_high", "p_value"]].to_numpy()
        rows = [f"  {name}: HR {interval(hr, low, high)}, p {p_value(p)}"
                for name, (hr, low, high, p) in zip(self.design.names, told, strict=True)]  # fmt: skip
        return "\n".join([self.method, *rows, *(f"  Note: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        return shown_as_html(
            "Hazard ratios", self.tidy(exponentiate=True), " ".join([f"{self.method}.", *self.warnings])
        )


def cox(
    tte: TimeToEvent,
    design: Design,
    *,
    cause: str | None = None,
    ties: Literal["efron", "breslow"] = "efron",
    strata: Any = None,
    weights: Any = None,
    cluster: Any = None,
    robust: bool | None = None,
    conf_level: float = 0.95,
) -> HazardFit:
    """Hazard ratios: how many times higher the rate of the event is with one more unit of a covariate.

    The hazard of a patient with covariates x in stratum s is h_s(t) exp(x b), with h_s left free. b maximises the
    partial likelihood (`partial_likelihood.py` has the formulas); exp(b) is the hazard ratio, its limits are
    exp(b -+ z SE). SE comes from the inverse information V, or with `robust` from the sandwich D'D, where
    D = (score residuals times weights) V with the rows of a cluster added.

    Parameters
    ----------
    tte : the times, with delayed entry and several rows a patient if there are; in any unit.
    design : covariates from `design(frame, terms)`, aligned by index. It may have more rows than the times; rows it
        left out are left out here for the same reason, and kept in `left_out`.
    cause : with competing events, whose hazard: the other events are then censorings (cause-specific hazard).
    ties : "efron" or "breslow". strata : a Series or array, a baseline hazard for each value.
    weights : positive case weights, as R's: Efron averages them over tied events.
    cluster : rows that belong together (the patient, the centre).
    robust : the sandwich or not; if None, the sandwich when `cluster` is given, a weight is not a whole number, or a
        patient (`id`) has several events. Without `cluster`, rows of one `id` are added.
    conf_level : of the intervals.

    Returns
    -------
    HazardFit : see there.

    Raises
    ------
    EndpointError : competing events without `cause`; rows of the times that the design does not know; bad weights.
    SeparationError : a level without events, or a covariate that always tells who is next.
    FitError : no events, fewer events than coefficients, columns that say the same among the rows analysed; a
        sandwich of one cluster.
    ConvergenceError : the maximum was not reached to double precision.

    References: Cox, J R Stat Soc B 1972;34:187-220 (doi:10.1111/j.2517-6161.1972.tb00899.x); ties: Efron, J Am Stat
    Assoc 1977;72:557-565 (doi:10.1080/01621459.1977.10480613); sandwich: Lin and Wei, J Am Stat Assoc
    1989;84:1074-1078 (doi:10.1080/01621459.1989.10478874).

    Equals R's `coxph(Surv(entry, time, state) ~ x + strata(s), weights, cluster, ties, control =
    coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100))`.

    Examples
    --------
    >>> import pandas as pd
    >>> from haip_outcomes.survival.design_matrix import design
    >>> six = pd.DataFrame({"months": [1, 3, 4, 6, 6, 9], "death": [1, 1, 1, 1, 0, 1], "treated": [0, 1, 0, 0, 1, 1]})
    >>> tte = TimeToEvent.from_frame(six, time="months", state="death", states=["Death"])
    >>> fit = cox(tte, design(six, ["treated"]))
    >>> fit.tidy(exponentiate=True)["estimate"].round(3).tolist()
    [0.248]
    """
    require_times(tte, "cox")
    if ties not in ("efron", "breslow"):
        raise EndpointError(f'ties must be "efron" or "breslow"; got {ties!r}.')
    if not 0 < conf_level < 1:
        raise EndpointError(f"conf_level must lie between 0 and 1, as 0.95; got {conf_level!r}.")
    if cause is not None:
        tte = tte.only(cause)
    tte.single("cox without a cause")
    kept, positions, left_out = _aligned(tte, design)
    sub = tte.take(kept)
    used = design.take(positions)
    refuse_collinear(used)
    by = None if strata is None else sub.groups(tte.align(strata, "strata")[kept], "strata")[0]
    case = np.ones(len(sub)) if weights is None else _weights(tte, weights, kept)
    clusters = sub.id if cluster is None else sub.groups(tte.align(cluster, "cluster")[kept], "cluster")[0]
    event = sub.state > 0
    refuse_few(sub, used, event)
    if robust is None:
        again = sub.id is not None and len(np.unique(sub.id[event])) < event.sum()
        robust = cluster is not None or bool((case != np.floor(case)).any()) or again

    if robust and clusters is not None and len(np.unique(clusters)) < 2:
        raise FitError("All rows are one cluster: robust standard errors need several. Leave cluster out.")

    sets = sorted_times(sub.start, sub.time, event, strata=by, weights=case, ties=ties)
    scale = used.matrix.std(axis=0)
    x = used.matrix - used.matrix.mean(axis=0)
    b, inverse, null, iterations = maximise(sets, x / scale, used)
    b, covariance = b / scale, inverse / np.outer(scale, scale)
    at = likelihood(sets, x, b)
    model_covariance = covariance
    robust_score = None
    if robust:
        pieces = _added(score_residuals(sets, x, at) * case[:, None], clusters) @ model_covariance
        covariance = pieces.T @ pieces
        pieces = _added(score_residuals(sets, x / scale, null) * case[:, None], clusters)
        robust_score = quadratic(pieces.T @ pieces, pieces.sum(axis=0))
    n_event, p = int(event.sum()), len(b)
    warnings = []
    if robust and len(pieces) <= p:
        warnings.append(f"{plural(len(pieces), 'cluster')} for {plural(p, 'coefficient')}: too few for robust standard errors "
                        "and for a test of all coefficients.")  # fmt: skip
    if n_event < 10 * p:
        warnings.append(f"{plural(n_event, 'event')} for {plural(p, 'coefficient')} ({n_event / p:.1f} each): with under 10 "
                        "events a coefficient, hazard ratios and their intervals are unreliable.")  # fmt: skip
    words = [
        f"Cox, {ties.capitalize()} ties",
        f"cause-specific hazard of {sub.states[0]}, {listed(sub.censored_causes)} censored" if sub.censored_causes else "",
        f"stratified by {getattr(strata, 'name', None) or 'strata'}" if strata is not None else "",
        "weighted" if weights is not None else "",
        ("robust standard errors" + (f" clustered by {getattr(cluster, 'name', None) or 'cluster'}" if cluster is not None
         else " clustered by patient" if clusters is not None else "")) if robust else "",
    ]  # fmt: skip
    gone = [f"{len(rows)} {reason}" for reason, rows in left_out.items()]
    who = f"{sub.n} of {plural(tte.n, 'patient')}" if gone else plural(sub.n, "patient")
    method = (f"{', '.join(word for word in words if word)}; {', '.join([who, *gone])}; "
              f"{plural(n_event, 'event')} ({sub.states[0]})")  # fmt: skip
    return HazardFit(
        coefficients=b, covariance=covariance, model_covariance=model_covariance, log_likelihood=at.value,
        log_likelihood_null=null.value, score_test=quadratic(null.information, null.score), robust_score_test=robust_score,
        n=sub.n, n_event=n_event, n_available=tte.n, left_out=left_out, ties=ties, robust=robust, conf_level=conf_level,
        iterations=iterations, warnings=tuple(warnings), method=method, tte=sub, design=used, strata=by, sets=sets, x=x, at=at,
    )  # fmt: skip


def _aligned(tte: TimeToEvent, made: Design) -> tuple[np.ndarray, np.ndarray, dict[str, pd.Index]]:
    """Which rows of the times are analysed, where they are in the design, and why the others are not."""
    positions = made.index.get_indexer(tte.index)
    kept = positions >= 0
    known = kept.copy()
    left_out = {}
    for reason, rows in made.left_out.items():
        gone = tte.index.isin(rows)
        known |= gone
        if gone.any():
            left_out[reason] = tte.index[gone]
    if not known.all():
        some = ", ".join(str(row) for row in tte.index[~known][:5])
        raise EndpointError(f"The design knows nothing of {plural(int((~known).sum()), 'row')} of the times (index {some}): make "
                            "both from frames with the same index (the design may have more rows, never fewer).")  # fmt: skip
    if not kept.any():
        raise FitError(
            f"No patients are left: {listed([f'{len(rows)} {reason}' for reason, rows in left_out.items()])}."
        )
    return kept, positions[kept], left_out


def _weights(tte: TimeToEvent, weights: Any, kept: np.ndarray) -> np.ndarray:
    case = np.asarray(tte.align(weights, "weights")[kept], dtype=float)
    if not (np.isfinite(case) & (case > 0)).all():
        raise EndpointError(
            "weights must be positive numbers: leave patients with weight 0 or without one out first, with a reason."
        )
    return case


def _added(values: np.ndarray, clusters: np.ndarray | None) -> np.ndarray:
    """Values (n, p) added within clusters."""
    if clusters is None:
        return values
    codes = np.unique(clusters, return_inverse=True)[1]
    return np.column_stack([np.bincount(codes, weights=column) for column in values.T])
