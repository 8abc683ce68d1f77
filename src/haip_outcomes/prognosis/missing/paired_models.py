"""One model twice: on the patients who have all its values, and on all patients with the missing values imputed, pooled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from haip_outcomes.errors import ConvergenceError, EndpointError, FitError, SeparationError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.prognosis.baseline.factor_fits import NO_MAXIMUM
from haip_outcomes.prognosis.baseline.few_events import EVENTS_NEEDED, sparse_level
from haip_outcomes.survival.covariates.coding import observed
from haip_outcomes.survival.covariates.design_matrix import Design, design
from haip_outcomes.survival.covariates.splines import Spline
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.imputation.pooled_tests import has_likelihood, log_likelihoods
from haip_outcomes.survival.imputation.rubin import PooledFit, pool
from haip_outcomes.survival.time_to_event import TimeToEvent, level_text

FAILED_AT_MOST = 0.05  # of the imputations; beyond it there is no pooled result

Term = str | Spline
Fitting = Callable[[TimeToEvent, Design, pd.Series | None, bool], HazardFit]


@dataclass(frozen=True)
class NotFitted:
    """A term or model that was not fitted, and why. `model` is "univariable", "multivariable" or "imputation", `cases` "imputed", "complete" or "" for both."""

    term: str
    model: str
    cases: str
    reason: str


@dataclass(frozen=True, eq=False)
class PairedModel:
    """A model on complete cases and, pooled, on imputed data.

    Attributes
    ----------
    model : "univariable" or "multivariable". term : of a univariable model, else empty.
    complete : the fit on the patients who have all of its columns, or None where it failed.
    pooled : the fits to the imputations, pooled; None where they failed, and where nothing that the model uses is missing: `complete` then stands for both.
    incomplete : whether anything that the model uses is missing.
    imputations : how many fits are pooled. failures : cause -> how many fits failed of it.
    """

    model: str
    term: str
    complete: HazardFit | None
    pooled: PooledFit | None
    incomplete: bool
    imputations: int
    failures: dict[str, int]

    def tidy(self, exponentiate: bool = False) -> pd.DataFrame:
        """Rows of complete cases, then those of the imputations; columns as in `ImputedFactors.tidy`."""
        parts = []
        if self.complete is not None:
            own = self.complete.tidy(exponentiate).assign(df=np.inf)
            parts.append(own.assign(cases="complete", fraction_missing=np.nan, monte_carlo_error=np.nan))
            if not self.incomplete:
                parts.append(own.assign(cases="imputed", fraction_missing=0.0, monte_carlo_error=0.0))
        if self.pooled is not None:
            parts.append(self.pooled.tidy(exponentiate).assign(cases="imputed", monte_carlo_error=monte_carlo_error(self.pooled)))
        if not parts:
            return pd.DataFrame()
        made = pd.concat([part.assign(model=self.model) for part in parts], ignore_index=True)
        return made[["model", "cases", "term", "level", "estimate", "std_error", "conf_low", "conf_high", "statistic", "df", "p_value", "n", "n_event",
                     "fraction_missing", "monte_carlo_error"]]  # fmt: skip

    def term_tests(self, kind: str) -> pd.DataFrame:
        """Tests of whole terms, complete cases and imputed; columns as in `ImputedFactors.term_tests`."""
        parts = []
        if self.complete is not None:
            own = complete_tests(self.complete, kind)
            parts.append(own.assign(cases="complete"))
            if not self.incomplete:
                parts.append(own.assign(cases="imputed"))
        if self.pooled is not None:
            ratio = all(has_likelihood(fit) for fit in self.pooled.fits)
            parts.append(self.pooled.term_tests(kind if ratio else "wald").assign(cases="imputed"))  # type: ignore[arg-type]
        return pd.concat([part.assign(model=self.model) for part in parts], ignore_index=True) if parts else pd.DataFrame()


Paired = tuple[PairedModel, list[NotFitted], list[str], FitError | EndpointError | None]
Tried = tuple[HazardFit | None, FitError | EndpointError | None]


def monte_carlo_error(pooled: PooledFit) -> np.ndarray:
    """How far a pooled estimate would move with other random numbers: its standard deviation sqrt(B / m)."""
    return np.sqrt(np.diag(pooled.between) / pooled.m)


def complete_tests(fit: HazardFit, kind: str) -> pd.DataFrame:
    """Tests of whole terms of one fit in the form of the pooled ones: F = chi-squared / df with infinite denominator degrees of freedom.

    "wald" is b' V^-1 b; any other kind is the likelihood ratio, or Wald's test where there is no likelihood to compare.
    """
    ratio = kind != "wald" and has_likelihood(fit)
    rows = []
    for term in dict.fromkeys(term for term, _ in fit.columns):
        own = [j for j, (other, _) in enumerate(fit.columns) if other == term]
        b, k = fit.coefficients[own], len(own)
        if ratio:
            full, smaller, *_ = log_likelihoods((fit,), own)
            chi2 = 2 * float(full[0] - smaller[0])
        else:
            chi2 = float(b @ np.linalg.solve(fit.covariance[np.ix_(own, own)], b))
        rows.append({"term": term, "statistic": chi2 / k, "df": k, "p_value": float(chdtrc(k, max(chi2, 0.0))), "df_residual": np.inf,
                     "relative_increase": np.nan, "test": "likelihood ratio" if ratio else "Wald"})  # fmt: skip
    return pd.DataFrame(rows)


def paired_model(
    tte: TimeToEvent, frame: pd.DataFrame, completed: Sequence[pd.DataFrame], terms: Sequence[Term], fitting: Fitting, *, model: str,
    penalty: str | None = None, code: int = 1, strata: str | None = None, unlearnt: Mapping[str, str] | None = None,
) -> Paired:  # fmt: skip
    """Fit a model to complete cases and to each completed frame; what failed with its reason, sentences to be read with it, and the error of a failure.

    With penalty "where needed" all fits take Firth's where a level has few events, or where the likelihood of any of them has no maximum. The error is that of the
    imputed fits, or of the only one, where there is no result of them.

    tte : with the event of interest as its only one, or with all where `fitting` takes a cause; `code` is its number among them. frame : with the gaps, in
        the rows of the times. unlearnt : the columns that are not imputed, each with the reason: a model that uses one has complete cases only.
    """
    columns = columns_of_terms(terms, frame)
    used = [*columns, *([strata] if strata else [])]
    incomplete = bool(frame[used].isna().any(axis=None))
    reference = {name: first for name in columns if (first := _first_level(frame[name], name)) is not None}
    term = term_name(terms[0]) if model == "univariable" else ""
    refused: list[NotFitted] = []
    least = EVENTS_NEEDED if model == "multivariable" else 0
    few = _sparse(tte, frame, completed, terms, strata, reference) if penalty == "where needed" else ""
    notes = [f"Firth's penalty{', for complete cases and imputed' if incomplete else ''}: {few}."] if few else []
    firth = penalty == "firth" or bool(few)

    def tried(rows: pd.DataFrame, firth: bool) -> Tried:
        try:
            return _fitted(tte, rows, terms, fitting, strata, reference, least, code, firth), None
        except (FitError, EndpointError) as error:
            return None, error

    kept_out = " ".join(dict.fromkeys(unlearnt[name] for name in used if name in unlearnt)) if unlearnt else ""
    several = completed if incomplete and not kept_out else ()

    def all_tried(firth: bool) -> list[Tried]:
        return [tried(rows, firth) for rows in (frame, *several)]

    (complete, reason), *rest = all_tried(firth)
    endless = [str(error.term or "a term") for _, error in ((complete, reason), *rest) if isinstance(error, SeparationError)] if penalty == "where needed" and not firth else []
    if endless:
        (complete, reason), *rest = all_tried(True)
        notes.append(f"Firth's penalty{', for complete cases and imputed' if incomplete else ''}: {NO_MAXIMUM}{_where(endless, 1 + len(rest))}, because "
                     f"{listed(list(dict.fromkeys(endless)))} always tells who has the event next. Look whether it is the outcome in another form.")  # fmt: skip
    if complete is None:
        refused.append(NotFitted(term, model, "complete" if incomplete else "", str(reason)))
    if not incomplete:
        return PairedModel(model, term, complete, None, False, 0, {}), refused, notes, reason
    if kept_out:
        refused.append(NotFitted(term, model, "imputed", kept_out))
        return PairedModel(model, term, complete, None, True, 0, {}), refused, notes, FitError(kept_out)
    fits = [fit for fit, _ in rest if fit is not None]
    errors = [error for fit, error in rest if fit is None]
    causes = Counter(_cause(error) for error in errors)
    told: dict[str, str] = {}
    for error in errors:
        told.setdefault(_cause(error), str(error))
    unfit: FitError | EndpointError | None = None
    failures, pooled = dict(causes.most_common()), None
    gone = sum(failures.values())
    by_cause = listed([f"{count} {cause}" for cause, count in failures.items()])
    if gone > FAILED_AT_MOST * len(completed) or len(fits) < 2:
        same = gone == len(completed) and len(told) == 1
        why = next(iter(told.values())) if same else (
            f"{gone} of {len(completed)} fits failed ({by_cause}), more than {FAILED_AT_MOST:.0%}: the others would be a choice of those that happen to work, so there is "
            f"no pooled result. The first: {next(iter(told.values()))}")  # fmt: skip
        refused.append(NotFitted(term, model, "imputed", why))
        unfit = next((error for error in errors if error is not None), None) or FitError(why)
    else:
        try:
            pooled = pool(fits, conf_level=fits[0].conf_level)
        except EndpointError as error:
            refused.append(NotFitted(term, model, "imputed", str(error)))
            unfit = error
        if gone:
            notes.append(f"{gone} of {len(completed)} fits to the imputations failed and are left out of what is pooled ({by_cause}).")
    return PairedModel(model, term, complete, pooled, True, len(fits), failures), refused, notes, unfit


def term_name(term: Term) -> str:
    """What a term is called: a spline by its column."""
    return term.column if isinstance(term, Spline) else term


def parts_of(term: Term, frame: pd.DataFrame) -> list[str]:
    """The columns that a term is made of."""
    if isinstance(term, Spline):
        return [term.column]
    return [term] if term in frame.columns else [part.strip() for part in term.replace("*", ":").split(":")]


def columns_of_terms(terms: Sequence[Term], frame: pd.DataFrame) -> list[str]:
    """The columns of all terms, once each, in their order."""
    return list(dict.fromkeys(part for term in terms for part in parts_of(term, frame)))


def _known_strata(tte: TimeToEvent, frame: pd.DataFrame, strata: str | None) -> tuple[TimeToEvent, pd.DataFrame]:
    if strata is None or not frame[strata].isna().any():
        return tte, frame
    known = frame[strata].notna().to_numpy()
    return tte.take(known), frame[known]


def _sparse(
    tte: TimeToEvent, frame: pd.DataFrame, completed: Sequence[pd.DataFrame], terms: Sequence[Term], strata: str | None, reference: dict[str, str]
) -> str:
    """Which level has few events, in words: among the complete cases, or among all patients where the complete cases give no design; nothing where none has."""
    for rows, who in ((frame, ", of the complete cases" if completed else ""), *((one, ", imputed") for one in completed[:1])):
        try:
            known, own = _known_strata(tte, rows, strata)
            few = sparse_level(known, design(own, list(terms), reference=reference, missing="complete-case"))
        except (FitError, EndpointError):
            continue
        return few + who if few else ""
    return ""


def _fitted(
    tte: TimeToEvent, frame: pd.DataFrame, terms: Sequence[Term], fitting: Fitting, strata: str | None, reference: dict[str, str], least: int, code: int, firth: bool
) -> HazardFit:
    tte, frame = _known_strata(tte, frame, strata)
    made = design(frame, list(terms), reference=reference, missing="complete-case")
    analysed = made.index.get_indexer(tte.index) >= 0
    events, p = int((tte.state[analysed] == code).sum()), len(made.columns)
    if events < least * p:
        raise FitError(f"{plural(events, 'event')} among {plural(int(analysed.sum()), 'patient')} can't carry {plural(p, 'coefficient')} ({events / p:.1f} each; at least "
                       f"{least} are needed): choose fewer terms for the multivariable model.")  # fmt: skip
    return fitting(tte, made, None if strata is None else frame[strata], firth)


def _first_level(series: pd.Series, name: str) -> str | None:
    """The reference of a column of levels: the first that anybody has; None for numbers."""
    held = observed(series, name)
    if not isinstance(held, pd.Categorical):
        return None
    return level_text(held.categories[int(held.codes[held.codes >= 0].min())])


def _where(endless: Sequence[str], fits: int) -> str:
    return f" in {len(endless)} of {fits} fits" if fits > 1 else ""


def _cause(error: FitError | EndpointError | None) -> str:
    if isinstance(error, SeparationError):
        return "with a level without events, or all of them"
    if isinstance(error, ConvergenceError):
        return "without convergence"
    return "with too little to tell coefficients apart"
