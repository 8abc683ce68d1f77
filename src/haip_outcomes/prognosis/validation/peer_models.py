"""Models of lifelines and scikit-survival, fitted on our covariates: what `validate` sets beside our own."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import ConvergenceError, EndpointError, FitError, HaipError, did_you_mean
from haip_outcomes.formatting import plural
from haip_outcomes.prognosis.validation.own_models import Term, columns_of, terms_of
from haip_outcomes.prognosis.validation.predicted_risks import FALLS
from haip_outcomes.survival.covariates.design_matrix import Design, design
from haip_outcomes.survival.time_to_event import TimeToEvent

ZOO = {
    "weibull": "Weibull accelerated failure times (lifelines)",
    "log-normal": "log-normal accelerated failure times (lifelines)",
    "log-logistic": "log-logistic accelerated failure times (lifelines)",
    "spline": "proportional hazards with a spline of log time (lifelines)",
    "coxnet": "penalised Cox, elastic net (scikit-survival)",
    "random survival forest": "random survival forest (scikit-survival)",
    "gradient boosting": "gradient boosting (scikit-survival)",
}
_FOLDS = 5
_FORMULAS = ("weibull", "log-normal", "log-logistic", "spline")
_DAYS = {"days": 1.0, "weeks": 7.0, "months": 365.25 / 12, "years": 365.25}  # in each unit
_BY_HEART = ("random survival forest", "gradient boosting")
_UNSETTLED = re.compile("not converge|failed to converge|terminated early|exceeded|still (high|large)|complete separation")


@dataclass(frozen=True)
class PeerModel:
    """`peer_model`'s answer: a model of another library and its terms, not yet fitted."""

    model: Any  # a name of the zoo, or an unfitted estimator
    terms: tuple[Term, ...]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the frame that it needs."""
        return columns_of(self.terms)

    @property
    def by_heart(self) -> bool:
        """Whether it may nearly learn its patients by heart, so that it knows those of its resample again: all but linear models."""
        if isinstance(self.model, str):
            return self.model in _BY_HEART
        return not (_is_lifelines(self.model) or type(self.model).__module__.startswith("sksurv.linear_model"))

    def fit(self, tte: TimeToEvent, frame: pd.DataFrame, *, seed: int = 0) -> PeerPredictor:
        """Design and model from these patients; `seed` is its chance, if it has any."""
        event = tte.single(f"{self}, which counts one kind of event,")
        self._after_zero(tte)
        made = design(frame, list(self.terms))
        mean, scale = np.zeros(made.matrix.shape[1]), np.ones(made.matrix.shape[1])
        if isinstance(self.model, str):  # an estimator given gets the columns as they are
            mean, scale = made.matrix.mean(axis=0), made.matrix.std(axis=0)
        x = (made.matrix - mean) / scale
        fitted = _asked(str(self), lambda: _fitted(self.model, self.options, x, tte.time, event, seed))
        return PeerPredictor(str(self), fitted, made, mean, scale)

    def _after_zero(self, tte: TimeToEvent) -> None:
        """A formula in the logarithm of time has no place for who leaves at time zero."""
        formula = self.model in _FORMULAS if isinstance(self.model, str) else (
            _is_lifelines(self.model) and getattr(self.model, "baseline_estimation_method", "") != "breslow")  # fmt: skip
        at_zero = int((tte.time <= 0).sum())
        if formula and at_zero:
            half = 0.5 / _DAYS.get(tte.unit, 1.0)
            raise FitError(f"{self} is a formula in the logarithm of time, and {plural(at_zero, 'patient')} {'has' if at_zero == 1 else 'have'} a time of 0: add half a day "
                           f"({half:.2g} {tte.unit}) to these times, leave them out with a reason (cohort.where(..., because=...)), or take a Cox model, which needs only the order.")  # fmt: skip

    def __str__(self) -> str:
        return self.model if isinstance(self.model, str) else type(self.model).__name__


@dataclass(frozen=True, eq=False)
class PeerPredictor:
    """The predictions of another library's fitted model for patients coded by our design."""

    name: str
    fitted: Any
    design: Design
    mean: np.ndarray
    scale: np.ndarray

    def risk(self, frame: pd.DataFrame, times: np.ndarray) -> np.ndarray:
        """The probability of the event by each time (n, T): one minus the model's survival; a step function is carried forward beyond its last step."""
        x = self._coded(frame)
        survival = _asked(self.name, lambda: _survival(self.fitted, x, times))
        if (np.diff(survival, axis=1) > FALLS).any():
            raise ConvergenceError(f"{self.name} gives survival that rises with time, which no survival does: its fit has gone astray. "
                                   "Choose fewer terms, other options (fewer knots), or leave it out.")  # fmt: skip
        return np.asarray(1 - survival)

    def marker(self, frame: pd.DataFrame) -> np.ndarray | None:
        """Its own score, higher for a higher hazard; none of lifelines' accelerated failure times: their risk ranks."""
        x = self._coded(frame)
        if _is_lifelines(self.fitted):
            if type(self.fitted).__name__ != "CoxPHFitter":
                return None
            found = self.fitted.params_
            own = found["beta_"] if isinstance(found.index, pd.MultiIndex) else found  # of a spline, its own parameters apart
            return np.asarray(x @ own[_names(x.shape[1])].to_numpy())
        return np.asarray(_asked(self.name, lambda: self.fitted.predict(x)), dtype=float)

    def linear_predictor(self, frame: pd.DataFrame) -> np.ndarray | None:
        """The log hazard of a model with proportional hazards (n,); else none."""
        kind = type(self.fitted).__name__
        proportional = kind in ("CoxPHFitter", "CoxnetSurvivalAnalysis", "CoxPHSurvivalAnalysis") or (kind == "GradientBoostingSurvivalAnalysis" and self.fitted.loss == "coxph")
        return self.marker(frame) if proportional else None

    def _coded(self, frame: pd.DataFrame) -> np.ndarray:
        return (self.design.encode(frame) - self.mean) / self.scale


def peer_model(model: Any, terms: Term | Sequence[Term], **options: Any) -> PeerModel:
    """A model of lifelines or scikit-survival for `validate`, fitted on the covariates that `design` makes of these terms.

    Parameters
    ----------
    model : "weibull", "log-normal", "log-logistic", "spline" (3 knots in log time; `knots=`), "coxnet" (its penalty chosen by five-fold
        cross-validated partial likelihood in every resample, copies of a patient in one fold; `alpha=` sets it), "random survival forest",
        "gradient boosting"; their columns are standardised. Or an unfitted lifelines regression fitter or scikit-survival estimator, whose columns are
        not, fitted to its own precision.
    terms : as `design`; levels are coded as in our models.
    options : of the named model, handed to the other library's class.

    A step function (Cox, a forest) is read as one, where lifelines draws straight lines between the steps. Models with chance get their seed from
    `validate`'s `rng`.

    Raises
    ------
    EndpointError : a name that is not known; an estimator that gives no survival function, as a survival support vector machine; options beside an estimator.

    >>> print(peer_model("weibull", ["age"]))
    weibull
    """
    found = terms_of(terms, "peer_model")
    if isinstance(model, str):
        if model not in ZOO:
            raise EndpointError(f'peer_model: there is no model "{model}". {did_you_mean(model, ZOO)}')
        return PeerModel(model, found, options)
    name = type(model).__name__
    if isinstance(model, type):
        raise EndpointError(f"peer_model: {model.__name__} is a class: pass an estimator, as {model.__name__}().")
    if options:
        raise EndpointError(f"peer_model: {name} is an estimator and brings its options: leave {', '.join(options)} out.")
    regresses = any(kind.__name__ == "RegressionFitter" for kind in type(model).__mro__) if _is_lifelines(model) else hasattr(model, "predict_survival_function")
    if not regresses:
        raise EndpointError(f"peer_model: {name} gives no survival function, so it has no risk by a time to be judged. Take a model that has predict_survival_function "
                            "(a forest, boosting, Cox, a parametric model), or judge its score alone with concordance(tte, score).")  # fmt: skip
    return PeerModel(model, found)


def _asked(name: str, question: Callable[[], Any]) -> Any:
    """An answer of another library, its warnings silent and its errors ours."""
    try:
        with warnings.catch_warnings(record=True) as said, np.errstate(all="ignore"):
            warnings.simplefilter("always")
            answer = question()
    except HaipError:
        raise
    except Exception as error:  # whatever another library raises
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        kind = ConvergenceError if "onverge" in type(error).__name__ + str(error) else FitError
        raise kind(f"{name} could not be fitted or asked ({type(error).__name__}: {lines[0] if lines else 'no reason given'}). "
                   "Choose fewer terms, other options, or leave it out.") from error  # fmt: skip
    unsettled = [str(one.message).strip() for one in said if one.category.__name__ == "ConvergenceWarning" and _UNSETTLED.search(str(one.message))]
    if unsettled:
        raise ConvergenceError(f"{name} says that its fit did not converge ({unsettled[0].splitlines()[0]}). Choose fewer terms, other options, or leave it out.")
    return answer


def _fitted(model: Any, options: dict[str, Any], x: np.ndarray, time: np.ndarray, event: np.ndarray, seed: int) -> Any:
    if isinstance(model, str):
        if model == "coxnet":
            return _coxnet(options, x, time, event, seed)
        model = _named(model, options)
    if _is_lifelines(model):
        return _lifelines(copy.deepcopy(model), x, time, event)
    from sklearn.base import clone  # type: ignore[import-untyped]
    from sksurv.util import Surv

    made = clone(model)
    chances = {name: seed for name in made.get_params(deep=True) if name.endswith("random_state")}
    return made.set_params(**chances).fit(x, Surv.from_arrays(event, time))


def _named(name: str, options: dict[str, Any]) -> Any:
    if name in ("random survival forest", "gradient boosting"):
        from sksurv import ensemble

        return {"random survival forest": ensemble.RandomSurvivalForest, "gradient boosting": ensemble.GradientBoostingSurvivalAnalysis}[name](**options)
    import lifelines

    if name == "spline":
        chosen = dict(options)
        return lifelines.CoxPHFitter(baseline_estimation_method="spline", n_baseline_knots=chosen.pop("knots", 3), **chosen)
    return {"weibull": lifelines.WeibullAFTFitter, "log-normal": lifelines.LogNormalAFTFitter, "log-logistic": lifelines.LogLogisticAFTFitter}[name](**options)


def _is_lifelines(model: Any) -> bool:
    return type(model).__module__.partition(".")[0] == "lifelines"


def _names(p: int) -> list[str]:
    return [f"x{j}" for j in range(p)]


def _lifelines(fitter: Any, x: np.ndarray, time: np.ndarray, event: np.ndarray) -> Any:
    """At the tightest precision that it reaches: its own where the tighter one is not reached."""
    names = _names(x.shape[1])
    frame = pd.DataFrame(x, columns=names).assign(time=time, event=event.astype(int))
    asked: dict[str, Any] = {"duration_col": "time", "event_col": "event"}
    by_newton = getattr(fitter, "baseline_estimation_method", "") == "breslow"
    tight: dict[str, Any] = {"precision": 1e-12} if by_newton else {"ftol": 1e-14, "maxiter": 2000}
    try:
        made = copy.deepcopy(fitter).fit(frame, **asked, fit_options=tight)
    except Exception:  # precision lost, or a fitter without options
        made = fitter.fit(frame, **asked)
    spline = getattr(fitter, "baseline_estimation_method", "") == "spline"
    if (spline or type(fitter).__name__ == "WeibullAFTFitter") and not np.any(fitter.penalizer):
        constant = float(event.sum() * (np.log(event.sum() / time.sum()) - 1))  # a constant hazard without covariates is one of these models
        low = constant - 1e-6 * abs(constant)
        if spline and not made.log_likelihood_ >= low:  # once more, from the constant hazard
            start = np.zeros(len(made.params_))
            start[x.shape[1] : x.shape[1] + 2] = np.log(event.sum() / time.sum()), 1.0
            made = copy.deepcopy(fitter).fit(frame, **asked, initial_point=start)
        if not made.log_likelihood_ >= low:
            raise ConvergenceError(f"its optimiser ended where the data are less likely (log-likelihood {made.log_likelihood_:.1f}) than with a constant hazard "
                                   f"and no covariates ({constant:.1f}). Choose fewer terms, other options (fewer knots), or leave it out.")  # fmt: skip
    return made


def _survival(fitted: Any, x: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The probability of being without the event at each time (n, T)."""
    if _is_lifelines(fitted):
        frame = pd.DataFrame(x, columns=_names(x.shape[1]))
        if hasattr(fitted, "_cumulative_hazard"):  # a formula in time
            return fitted.predict_survival_function(frame, times=times).to_numpy().T
        steps = fitted.predict_survival_function(frame)  # lifelines would draw lines between its steps
        return _stepped(steps.index.to_numpy(dtype=float), steps.to_numpy().T, times)
    curves = fitted.predict_survival_function(x)
    return np.vstack([_stepped(curve.x, (curve.a * curve.y + curve.b)[None, :], times) for curve in curves])


def _stepped(at: np.ndarray, values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Step functions (n, K) at times: 1 before the first step, carried forward beyond the last."""
    before = np.searchsorted(at, times, side="right")
    return np.column_stack([np.ones(len(values)), values])[:, before]


def _coxnet(options: dict[str, Any], x: np.ndarray, time: np.ndarray, event: np.ndarray, seed: int) -> Any:
    """The elastic net with the penalty that predicts best those left out (Verweij and van Houwelingen 1993, doi 10.1002/sim.4780122407)."""
    from sksurv.linear_model import CoxnetSurvivalAnalysis
    from sksurv.util import Surv

    chosen = {"l1_ratio": 0.5, "n_alphas": 30, "alpha_min_ratio": 0.01, "tol": 1e-9, **options}
    y = Surv.from_arrays(event, time)
    if "alpha" in chosen:
        alpha = chosen.pop("alpha")
    else:
        path = CoxnetSurvivalAnalysis(**chosen).fit(x, y)
        alphas, whole = path.alphas_, np.zeros(len(path.alphas_))
        person = np.unique(np.column_stack([x, time, event]), axis=0, return_inverse=True)[1].ravel()  # copies of a patient stay together
        fold = (np.random.default_rng(seed).permutation(int(person.max()) + 1) % _FOLDS)[person]
        for k in range(_FOLDS):
            rest = fold != k
            if not event[rest].any():
                continue
            part = CoxnetSurvivalAnalysis(**{**chosen, "alphas": alphas, "n_alphas": len(alphas)}).fit(x[rest], y[rest])
            b = np.column_stack([part.coef_, np.repeat(part.coef_[:, -1:], len(alphas) - part.coef_.shape[1], axis=1)])
            whole += _log_likelihoods(x @ b, time, event) - _log_likelihoods(x[rest] @ b, time[rest], event[rest])
        alpha = float(alphas[int(np.argmax(whole))])
    return CoxnetSurvivalAnalysis(**{**chosen, "alphas": [alpha], "fit_baseline_model": True}).fit(x, y)


def _log_likelihoods(eta: np.ndarray, time: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Breslow's partial log-likelihood of each of A log hazards (n, A)."""
    order = np.argsort(-time, kind="stable")
    ordered, t = eta[order], time[order]
    shift = ordered.max(axis=0)
    at_risk = np.cumsum(np.exp(ordered - shift), axis=0)
    last = np.searchsorted(-t, -t, side="right") - 1
    return np.asarray(((ordered - shift - np.log(at_risk[last]))[event[order]]).sum(axis=0))
