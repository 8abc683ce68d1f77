"""A fitted hazard regression: its coefficients with limits, its tests, and what is made from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, ndtri

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import interval, listed, p_value
from haip_outcomes.survival.design_matrix import Design
from haip_outcomes.survival.maximisation import quadratic
from haip_outcomes.survival.results import in_order, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent

Kind = Literal["martingale", "deviance", "score", "dfbeta", "schoenfeld"]


class Pieces(Protocol):
    """What a model's residuals are made of: each model has its own (`CoxPieces`)."""

    kinds: tuple[str, ...]  # of residuals that this model has

    def residuals(self, kind: str) -> Any:
        """An array (rows,), or (rows, p); Schoenfeld's with the rows of the events and their times."""

    @property
    def concordance(self) -> float:
        """Agreement of the linear predictor with what happened."""

    @property
    def linear_predictor(self) -> np.ndarray:
        """Of each row, relative to somebody with the mean of every covariate."""


@dataclass(frozen=True, eq=False)
class Profile:
    """Limits and tests from the profile of a penalised likelihood, which stand in the place of Wald's; arrays (p,)."""

    low: np.ndarray
    high: np.ndarray
    statistic: np.ndarray  # twice the difference of the penalised log-likelihoods, on 1 degree of freedom
    p_value: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class HazardFit:
    """A fitted hazard model. `tidy()` has a row a coefficient, `glance()` one row, `tests()` a row a test of all of them.

    Attributes
    ----------
    coefficients : array (p,), log hazard ratios for one unit of each column of the design.
    covariance : array (p, p) of the coefficients: the sandwich if `robust`, else `model_covariance`.
    model_covariance : array (p, p), the inverse of the information.
    log_likelihood, log_likelihood_null : at the estimate and with all coefficients 0.
    score_test : chi-squared of the score with all coefficients 0; robust_score_test with the sandwich, or None.
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
    pieces: Any  # Pieces; what residuals, baseline and diagnostics are made of, computed when asked for
    profile: Profile | None = None

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
        """Log hazard of each row relative to somebody with the mean of every covariate (and of the offset)."""
        return pd.Series(self.pieces.linear_predictor, index=self.tte.index, name="linear_predictor")

    @cached_property
    def concordance(self) -> float:
        """Harrell's C of the linear predictor, within strata, weighted as the fit was."""
        return float(self.pieces.concordance)

    def tidy(self, exponentiate: bool = False) -> pd.DataFrame:
        """A row a coefficient: term level estimate std_error conf_low conf_high statistic p_value n n_event.

        `estimate` and its limits are log hazard ratios, or hazard ratios with `exponentiate`; `std_error` stays on the
        log scale. `n` and `n_event` are those of the whole model. Limits, statistic and p are Wald's (estimate -+ z std_error, z);
        of a penalised fit they are those of the profile likelihood (chi-squared).
        """
        b, se = self.coefficients, self.std_error
        reach = float(ndtri((1 + self.conf_level) / 2)) * se
        low, high, statistic, p = b - reach, b + reach, b / se, 2 * ndtr(-np.abs(b / se))
        if self.profile is not None:
            low, high, statistic, p = (
                self.profile.low,
                self.profile.high,
                self.profile.statistic,
                self.profile.p_value,
            )
        shape = np.exp if exponentiate else np.asarray
        return pd.DataFrame({
            "term": [term for term, _ in self.columns], "level": pd.Series([level for _, level in self.columns], dtype=object),
            "estimate": shape(b), "std_error": se, "conf_low": shape(low), "conf_high": shape(high),
            "statistic": statistic, "p_value": p, "n": self.n, "n_event": self.n_event,
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
        return pd.DataFrame([{"test": name, "statistic": value, "df": p, "p_value": float(chdtrc(p, value))}
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
        if kind not in self.pieces.kinds:
            asked = listed([f'"{one}"' for one in self.pieces.kinds], "or")
            raise EndpointError(f"kind must be {asked}; got {kind!r}.")
        names = list(self.design.names)
        found = self.pieces.residuals(kind)
        if kind == "schoenfeld":
            rows, values = found
            frame = pd.DataFrame(values, index=self.tte.index[rows], columns=names)
            frame.insert(0, "time", self.tte.time[rows])
            return frame
        if found.ndim == 1:
            return pd.Series(found, index=self.tte.index, name=kind)
        return pd.DataFrame(found, index=self.tte.index, columns=names)

    def __repr__(self) -> str:
        told = self.tidy(exponentiate=True)[["estimate", "conf_low", "conf_high", "p_value"]].to_numpy()
        rows = [f"  {name}: HR {interval(hr, low, high)}, p {p_value(p)}"
                for name, (hr, low, high, p) in zip(self.design.names, told, strict=True)]  # fmt: skip
        return "\n".join([self.method, *rows, *(f"  Note: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        return shown_as_html(
            "Hazard ratios", self.tidy(exponentiate=True), " ".join([f"{self.method}.", *self.warnings])
        )
