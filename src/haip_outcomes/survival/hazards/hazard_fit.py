"""A fitted hazard regression: its coefficients with limits, its tests, and what is made from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, ndtri

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import interval, listed, p_value
from haip_outcomes.survival.counts import checked_times
from haip_outcomes.survival.covariates.design_matrix import Design
from haip_outcomes.survival.hazards.maximisation import quadratic
from haip_outcomes.survival.intervals import checked_conf_type, confidence_limits, critical_value
from haip_outcomes.survival.results import in_order, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent, level_text

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

    stratum_names: tuple[str, ...]
    offset: np.ndarray | None
    baselines: tuple[Any, ...]  # of each stratum, with the event times as `.time`

    def first_exit(self, stratum: int) -> float:
        """When the first row of a stratum ends."""

    def cumulative_hazard(
        self, x: np.ndarray, times: np.ndarray, stratum: np.ndarray, offset: np.ndarray, covariance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The cumulative hazard of covariates (q, p) at times (T,) and its standard error (NaN if there is none)."""


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
    strata_name: str | None = None
    offset_name: str | None = None

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
                self.profile.statistic.copy(),
                self.profile.p_value.copy(),
            )
        shape = np.exp if exponentiate else np.array
        with np.errstate(over="ignore"):  # a hazard ratio too large for a number is infinite
            estimate, low, high = shape(b), shape(low), shape(high)
        term, level = np.array(self.columns, dtype=object).T
        return pd.DataFrame({
            "term": term, "level": level, "estimate": estimate, "std_error": se, "conf_low": low, "conf_high": high,
            "statistic": statistic, "p_value": p, "n": np.full(len(b), self.n), "n_event": np.full(len(b), self.n_event),
        }, index=pd.RangeIndex(len(b)), copy=False)  # fmt: skip

    def glance(self) -> pd.DataFrame:
        """One row: n n_event log_likelihood log_likelihood_null concordance aic.

        Of a penalised fit the log-likelihoods are the penalised ones, which depend on the units of the covariates (their difference
        does not), and aic is NaN.
        """
        return in_order(pd.DataFrame([{
            "n": self.n, "n_event": self.n_event, "log_likelihood": self.log_likelihood,
            "log_likelihood_null": self.log_likelihood_null, "concordance": self.concordance,
            "aic": np.nan if self.profile is not None else 2 * len(self.coefficients) - 2 * self.log_likelihood,
        }]))  # fmt: skip

    def tests(self) -> pd.DataFrame:
        """Tests that all coefficients are 0, a row a test: test statistic df p_value.

        Likelihood ratio and score test are those of the model; Wald uses `covariance`; a robust fit adds its score test.
        With no more clusters than coefficients the robust tests do not exist and are NaN. Of a penalised fit the likelihood ratio is the
        penalised one, with the full model's penalty at 0; the score test needs no maximum and is that of the likelihood itself.
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
        - "score": what each row adds to the score, a column a coefficient; their weighted sum is 0 (not of a penalised fit).
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

    def predict_risk(
        self, frame: pd.DataFrame, times: Any, *, strata: Any = None, offset: Any = None, conf_type: str = "log-log"
    ) -> pd.DataFrame:
        """The probability that patients like these have the event by given times: one minus their survival.

        With the cumulative hazard H(t|x) of `risk_prediction.py`, the risk is 1 - exp(-H(t|x)); of a Fine-Gray model it is the
        cumulative incidence. Its standard error holds the uncertainty of the coefficients and of the baseline.

        Parameters
        ----------
        frame : new patients (q rows) with the columns of the design's terms. times : in `unit`, T of them.
        strata : their strata, if the fit has some (n,); a column of the frame with the name of the strata is found by itself.
        offset : likewise, a column of the offset's name or a value for each.
        conf_type : scale of the limits: "log-log" (of survival), "log", "logit", "arcsine" or "plain".

        Returns
        -------
        DataFrame, a row a patient and time: row (the frame's index), time, estimate, std_error, conf_low, conf_high. Carried
        forward beyond the last event. As in R, limits are 0 before the first row ends, then NaN until the first event (except with
        "plain" and "log"), and NaN where the model has no standard error.

        Raises
        ------
        EndpointError : a level, column or stratum that the fit does not know; a cause-specific fit, whose 1 - exp(-H) would be the
            risk if nobody could have the other events first.

        Equals 1 - `summary(survfit(fit, newdata, conf.type = "log-log"), times, extend = TRUE)` of R's survival.
        """
        checked_conf_type(conf_type)
        if self.tte.censored_causes:
            raise EndpointError(f"This fit censors {listed(self.tte.censored_causes)}: one minus exp(-hazard) overstates the risk when those can come "
                                "first. Use fine_gray(...).predict_risk, or cumulative_incidence.")  # fmt: skip
        at = checked_times(times)
        x = self.design.encode(frame)
        stratum = self._strata_of(frame, strata)
        shift = self._offset_of(frame, offset)
        hazard, error = self.pieces.cumulative_hazard(x, at, stratum, shift, self.covariance)
        survival = np.exp(-hazard)
        with np.errstate(invalid="ignore"):  # no survival left, and no limit to its error: NaN, as in R
            se = survival * error
        low, high = confidence_limits(survival, se, critical_value(self.conf_level), conf_type)
        begins = np.array([self.pieces.first_exit(s) for s in range(len(self.pieces.stratum_names) or 1)])
        nothing_yet = at[None, :] < begins[stratum][:, None]
        low, high = (np.where(nothing_yet, 1.0, limit) for limit in (low, high))
        return pd.DataFrame({
            "row": np.repeat(frame.index.to_numpy(), len(at)), "time": np.tile(at, len(frame)),
            "estimate": -np.expm1(-hazard).ravel(), "std_error": se.ravel(), "conf_low": (1 - high).ravel(),
            "conf_high": (1 - low).ravel(),
        })  # fmt: skip

    def baseline_hazard(self) -> pd.DataFrame:
        """The cumulative hazard of somebody with 0 in every covariate (and offset): group (stratum) time estimate std_error.

        A row an event time. Equals R's `basehaz(fit, centered = FALSE)` (which leaves an offset at its weighted mean). For patients use `predict_risk`: 0 may be far from all.
        """
        nobody = np.zeros((1, len(self.coefficients)))
        parts = []
        for s, name in enumerate(self.pieces.stratum_names or (None,)):
            at = self.pieces.baselines[s].time
            hazard, error = self.pieces.cumulative_hazard(nobody, at, np.array([s]), np.zeros(1), self.covariance)
            group = np.full(len(at), name, dtype=object)
            parts.append(pd.DataFrame({"group": group, "time": at, "estimate": hazard[0], "std_error": error[0]}))
        return pd.concat(parts, ignore_index=True)

    def term_tests(self) -> pd.DataFrame:
        """Wald tests of whole terms: a row a term (all its columns 0), and one more for what bends in a spline.

        Columns: term, level ("nonlinear" for the second kind of row), statistic, df, p_value. With b and V of the columns tested,
        b' V^-1 b is chi-squared on as many degrees of freedom. Equals R's `anova(rms::cph(...))`, or survival's `wald` by hand.
        """
        rows = []
        for term in self.design.terms:
            own = [j for j, (other, _) in enumerate(self.columns) if other == term]
            asked: list[tuple[str | None, list[int]]] = [(None, own)]
            if self.design.nonlinear.get(term):
                asked.append(("nonlinear", list(self.design.nonlinear[term])))
            for level, chosen in asked:
                value = quadratic(self.covariance[np.ix_(chosen, chosen)], self.coefficients[chosen])
                rows.append({"term": term, "level": level, "statistic": value, "df": len(chosen),
                             "p_value": float(chdtrc(len(chosen), value))})  # fmt: skip
        return pd.DataFrame(rows)

    def _strata_of(self, frame: pd.DataFrame, strata: Any) -> np.ndarray:
        names = self.pieces.stratum_names
        if not names:
            if strata is not None:
                raise EndpointError("The fit has no strata: leave strata out.")
            return np.zeros(len(frame), dtype=np.int64)
        values = _of_rows(frame, strata, self.strata_name, "strata")
        codes = np.array([names.index(text) if (text := level_text(value)) in names else -1 for value in values], dtype=np.int64)
        if (codes < 0).any():
            unknown = level_text(values[int(np.argmax(codes < 0))])
            raise EndpointError(
                f'The fit has no stratum "{unknown}". {did_you_mean(unknown, names)} Its strata: {listed(names)}.'
            )
        return codes

    def _offset_of(self, frame: pd.DataFrame, offset: Any) -> np.ndarray:
        if self.pieces.offset is None:
            if offset is not None:
                raise EndpointError("The fit has no offset: leave offset out.")
            return np.zeros(len(frame))
        try:
            values = np.asarray(_of_rows(frame, offset, self.offset_name, "offset"), dtype=float)
        except (TypeError, ValueError):
            values = np.array([np.nan])
        if not np.isfinite(values).all():
            raise EndpointError("offset must be a number for each of the new patients: none missing, infinite or text.")
        return values

    def __repr__(self) -> str:
        told = self.tidy(exponentiate=True)[["estimate", "conf_low", "conf_high", "p_value"]].to_numpy()
        rows = [f"  {name}: HR {interval(hr, low, high)}, p {p_value(p)}"
                for name, (hr, low, high, p) in zip(self.design.names, told, strict=True)]  # fmt: skip
        return "\n".join([self.method, *rows, *(f"  Note: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        return shown_as_html(
            "Hazard ratios", self.tidy(exponentiate=True), " ".join([f"{self.method}.", *self.warnings])
        )


def _of_rows(frame: pd.DataFrame, values: Any, name: str | None, what: str) -> np.ndarray:
    """Strata or offsets of new patients: as given, or the frame's column of that name."""
    if values is None:
        if name is None or name not in frame.columns:
            raise EndpointError(f"The fit has {what}{f' ({name})' if name else ''}: give {what}=, a value for each of the new patients.")
        values = frame[name]
    if isinstance(values, pd.Series):
        if not frame.index.isin(values.index).all():
            raise EndpointError(f"{what} has no value for some of the new patients: give it the index of the frame.")
        values = values.reindex(frame.index)
    array = np.atleast_1d(np.asarray(values))
    if array.shape != (len(frame),) or pd.isna(array).any():
        raise EndpointError(f"{what} must have a value for each of the {len(frame)} new patients.")
    return array
