"""Our own models as something that can be made again from other patients: what `validate` repeats in every resample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.prognosis.validation import resampled_measures as kernel
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.covariates.splines import Spline
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.resampling.cox_batch import CoxBatch, cox_batch
from haip_outcomes.survival.subdistribution.regression import fine_gray
from haip_outcomes.survival.time_to_event import TimeToEvent

Term = str | Spline


@runtime_checkable
class Predictor(Protocol):
    """A model made from patients. It may also have `marker(frame)` (n,), higher for a higher hazard: what concordance is taken of (else the
    risk at the last time), and `linear_predictor(frame)` (n,), a log hazard.
    """

    def risk(self, frame: pd.DataFrame, times: np.ndarray) -> np.ndarray:
        """The probability of the event by each time (n, T)."""


@dataclass(frozen=True, eq=False)
class HazardPredictor:
    """The predictions of a Cox or Fine-Gray fit."""

    fit: HazardFit

    def risk(self, frame: pd.DataFrame, times: np.ndarray) -> np.ndarray:
        """The probability of the event by each time (n, T)."""
        return self.fit.predict_risk(frame, times)["estimate"].to_numpy().reshape(len(frame), len(times))

    def marker(self, frame: pd.DataFrame) -> np.ndarray | None:
        """The log hazard."""
        return self.linear_predictor(frame)

    def linear_predictor(self, frame: pd.DataFrame) -> np.ndarray | None:
        """Covariates times coefficients (n,), less those of the mean patient; none of a stratified model, whose strata have hazards of their own."""
        if getattr(self.fit.pieces, "strata", None) is not None:
            return None
        x = self.fit.design.encode(frame) - self.fit.design.matrix.mean(axis=0)
        return np.asarray((x * self.fit.coefficients).sum(axis=1))


@dataclass(frozen=True)
class CoxModel:
    """`cox_model`'s answer: terms, penalty and strata, not yet fitted."""

    terms: tuple[Term, ...]
    penalty: Literal["firth"] | None = None
    strata: str | None = None

    by_heart: ClassVar[bool] = False  # see PeerModel

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the frame that it needs."""
        return columns_of(self.terms, self.strata)

    def fit(self, tte: TimeToEvent, frame: pd.DataFrame) -> HazardPredictor:
        """Design, knots and coefficients from these patients."""
        if len(tte.states) > 1:
            raise EndpointError("a Cox model's 1 - exp(-hazard) is no probability where events compete. Use fine_gray_model(terms, cause=...), or a composite "
                                "of all events (tte.any_event(label)).")  # fmt: skip
        strata = None if self.strata is None else frame[self.strata]
        fit = cox(tte, design(frame, list(self.terms)), penalty=self.penalty, strata=strata)
        return HazardPredictor(fit)

    def batched(self, tte: TimeToEvent, frame: pd.DataFrame, fitted: HazardPredictor) -> CoxResamples | None:
        """A way to fit many resamples at once, where nothing but the coefficients is found anew; else None."""
        if self.penalty is not None or self.strata is not None or fitted.fit.design.knots:
            return None
        batch = cox_batch(fitted.fit)
        return None if batch is None else CoxResamples(batch, np.asarray(tte.ranked.number, dtype=np.int64), tte.ranked.distinct)

    def __str__(self) -> str:
        extra = [f"stratified by {self.strata}"] if self.strata else []
        extra += ["Firth's penalty"] if self.penalty else []
        return f"Cox on {_told(self.terms)}{''.join(f', {one}' for one in extra)}"


@dataclass(frozen=True, eq=False)
class CoxResamples:
    """Many Cox fits of the same rows with other copies of them, and what they predict for all patients."""

    batch: CoxBatch
    number: np.ndarray  # (n,)
    distinct: np.ndarray

    def predicted(self, copies: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log hazards (B, n) and risks (B, n, T); NaN for a resample that the careful fit must decide."""
        blocks = self.batch.blocks
        b = self.batch(copies) * blocks.scale
        marker, risk = np.empty(copies.shape), np.empty((*copies.shape, len(times)))
        upto = np.searchsorted(self.distinct, times, side="right")
        kernel.cox_risks(np.require(blocks.x, requirements="W"), np.ascontiguousarray(copies), blocks.order, self.number, blocks.begin, blocks.n_event,
                         self.batch.efron, b, upto, marker, risk)  # fmt: skip
        return marker, risk


@dataclass(frozen=True)
class FineGrayModel:
    """`fine_gray_model`'s answer: terms and cause, not yet fitted."""

    terms: tuple[Term, ...]
    cause: str

    by_heart: ClassVar[bool] = False  # see PeerModel

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the frame that it needs."""
        return columns_of(self.terms)

    def fit(self, tte: TimeToEvent, frame: pd.DataFrame) -> HazardPredictor:
        """Design, knots and coefficients from these patients."""
        return HazardPredictor(fine_gray(tte, design(frame, list(self.terms)), cause=self.cause))

    def __str__(self) -> str:
        return f"Fine-Gray of {self.cause} on {_told(self.terms)}"


def cox_model(terms: Term | Sequence[Term], *, penalty: Literal["firth"] | None = None, strata: str | None = None) -> CoxModel:
    """A Cox model for `validate`: made again from every resample, with its levels and the knots of its splines.

    Parameters
    ----------
    terms : as `design`: names of columns, "a*b", spline("a").
    penalty : "firth", or None. strata : the name of a column, or None.

    Raises
    ------
    EndpointError : no terms; an unknown penalty.

    Equals R's `coxph(Surv(time, state) ~ terms + strata(s), ties = "efron")` in each resample.

    >>> print(cox_model(["age", "sex"], penalty="firth"))
    Cox on age and sex, Firth's penalty
    """
    if penalty not in (None, "firth"):
        raise EndpointError(f'cox_model: penalty must be "firth" or None; got {penalty!r}.')
    return CoxModel(terms_of(terms, "cox_model"), penalty, strata)


def fine_gray_model(terms: Term | Sequence[Term], *, cause: str) -> FineGrayModel:
    """A Fine-Gray model for `validate`: the probability of one event when others can come first.

    Parameters
    ----------
    terms : as `design`. cause : the event of interest.

    Raises
    ------
    EndpointError : no terms.

    Equals R's `cmprsk::crr` in each resample.

    >>> print(fine_gray_model(["age"], cause="Liver"))
    Fine-Gray of Liver on age
    """
    return FineGrayModel(terms_of(terms, "fine_gray_model"), cause)


def terms_of(terms: Any, verb: str) -> tuple[Term, ...]:
    """Terms as a tuple; one alone is one."""
    found = (terms,) if isinstance(terms, (str, Spline)) else tuple(terms)
    if not found:
        raise EndpointError(f'{verb}: no terms: name at least one column, as {verb}(["age", "sex"]).')
    return found


def columns_of(terms: Sequence[Term], *others: str | None) -> tuple[str, ...]:
    """The columns that terms are made of, once each, as far as their names tell: of "a*b" both "a*b" and its parts."""
    names: list[str] = []
    for term in terms:
        if isinstance(term, Spline):
            names.append(term.column)
        else:
            names += [term] if not ("*" in term or ":" in term) else [term, *(part.strip() for part in term.replace("*", ":").split(":"))]
    return tuple(dict.fromkeys([*names, *(other for other in others if other)]))


def _told(terms: Sequence[Term]) -> str:
    words = [f"spline of {term.column}" if isinstance(term, Spline) else term for term in terms]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
