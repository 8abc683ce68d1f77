"""Parametric survival curves by maximum likelihood: lifelines finds the maximum, a few Newton steps make it exact.

All families but the generalised gamma are of one kind: w = (ln t - mu) / sigma and H(t) = H0(w), with parameters mu and ln sigma as
in R's survreg. lifelines stops when the likelihood no longer changes, some 1e-7 from the maximum; covariance and expected events
are wanted to double precision, so score and information are written out here and Newton's method ends the search.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, gammainc, gammaincc, gammainccinv, gammaincinv, gammaln, log_ndtr, ndtri_exp

from haip_outcomes.errors import ConvergenceError, EndpointError, FitError, did_you_mean
from haip_outcomes.formatting import plural
from haip_outcomes.survival.time_to_event import TimeToEvent

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Standard:
    """H0(w) of a family, its derivatives, and the logarithm of its first one with its derivatives."""

    h: Function
    h1: Function
    h2: Function
    log_h1: Function
    log_h1_1: Function
    log_h1_2: Function
    inverse: Function  # the w at which H0 is a value


def _mills(w: np.ndarray) -> np.ndarray:
    """phi(w) / Phi(-w)."""
    return np.exp(-(w**2) / 2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-w))


EXTREME = Standard(np.exp, np.exp, np.exp, lambda w: w, np.ones_like, np.zeros_like, np.log)
NORMAL = Standard(
    lambda w: -log_ndtr(-w), _mills, lambda w: _mills(w) * (_mills(w) - w),
    lambda w: -(w**2) / 2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-w), lambda w: _mills(w) - w,
    lambda w: _mills(w) * (_mills(w) - w) - 1, lambda h: -ndtri_exp(-h),
)  # fmt: skip
LOGISTIC = Standard(
    lambda w: np.logaddexp(0.0, w), expit, lambda w: expit(w) * expit(-w), lambda w: -np.logaddexp(0.0, -w),
    lambda w: expit(-w), lambda w: -expit(w) * expit(-w), lambda h: np.log(np.expm1(h)),
)  # fmt: skip


@dataclass(frozen=True)
class Family:
    """A family's name in words, lifelines' fitter of it, its parameters, and H0 (the generalised gamma has none of its own)."""

    words: str
    fitter: str
    names: tuple[str, ...]
    standard: Standard = NORMAL


FAMILIES = {
    "exponential": Family("exponential", "ExponentialFitter", ("mu",), EXTREME),
    "weibull": Family("Weibull", "WeibullFitter", ("mu", "ln_sigma"), EXTREME),
    "lognormal": Family("log-normal", "LogNormalFitter", ("mu", "ln_sigma"), NORMAL),
    "loglogistic": Family("log-logistic", "LogLogisticFitter", ("mu", "ln_sigma"), LOGISTIC),
    "generalized_gamma": Family("generalised gamma", "GeneralizedGammaFitter", ("mu", "ln_sigma", "q")),
}
NEAR_ZERO = 1e-3  # |Q| below which the generalised gamma is taken as the log-normal, which it then is to 1e-4


@dataclass(frozen=True, eq=False)
class ParametricFit:
    """Estimates of a family with their covariance; H, dH/d(parameters) and the inverse of H as functions of time."""

    family: str
    names: tuple[str, ...]
    estimates: np.ndarray
    covariance: np.ndarray
    log_likelihood: float

    def hazard(self, times: np.ndarray) -> np.ndarray:
        """H(t); 0 at time 0."""
        return _from_zero(times, lambda t: _hazard(self.family, self.estimates, t))

    def slope(self, times: np.ndarray) -> np.ndarray:
        """dH/d(parameters), (parameters, times)."""
        return np.stack([_from_zero(times, lambda t, k=k: _hazard_slope(self.family, self.estimates, t)[k]) for k in range(len(self.names))])  # type: ignore[misc]

    def reaches(self, values: np.ndarray) -> np.ndarray:
        """The time at which H is a value."""
        with np.errstate(divide="ignore", invalid="ignore"):
            w = _inverse(self.family, self.estimates, np.maximum(values, 0.0))
        sigma = 1.0 if len(self.estimates) == 1 else np.exp(self.estimates[1])
        return np.where(values <= 0, 0.0, np.exp(self.estimates[0] + sigma * w))


def fit_family(tte: TimeToEvent, family: str) -> ParametricFit:
    """Maximum likelihood of a family; delayed entry is conditioned on."""
    if not isinstance(family, str) or family not in FAMILIES:
        raise EndpointError(f'There is no family "{family}". {did_you_mean(str(family), FAMILIES)}')
    event = tte.single("ReferenceCurve.parametric")
    time = tte.time
    if (event & (time <= 0)).any():
        raise EndpointError(f"A {FAMILIES[family].words} curve has no event at time 0, and here are {int((event & (time <= 0)).sum())}: use from_patients, or "
                            "count them as half a day if that is what they are.")  # fmt: skip
    names = FAMILIES[family].names
    if int(event.sum()) < len(names):
        raise FitError(f"A {FAMILIES[family].words} curve has {plural(len(names), 'parameter')}, and there are {plural(int(event.sum()), 'event')}: "
                       "use fewer parameters, or from_patients.")  # fmt: skip
    told = time > 0  # a censoring at time 0 says nothing: H(0) = 0 under every family
    data = _Sample(np.log(time[told]), event[told], None if tte.entry is None else np.maximum(tte.entry[told], 0.0))
    if len(names) > 1 and data.log_time.max() <= data.log_time[data.event].min():  # the likelihood grows for ever as sigma goes to 0
        raise FitError(f"All events are at one time and nobody is followed past it, so a {FAMILIES[family].words} curve has no maximum: use from_patients.")
    estimates = _newton(family, data, _start(family, data))
    return ParametricFit(family, names, estimates, _covariance(family, data, estimates), _log_likelihood(family, data, estimates))


@dataclass(frozen=True, eq=False)
class _Sample:
    log_time: np.ndarray
    event: np.ndarray
    entry: np.ndarray | None


def _from_zero(times: np.ndarray, value: Function) -> np.ndarray:
    found = np.zeros(len(times))
    later = times > 0
    found[later] = value(times[later])
    return found


def _w(family: str, theta: np.ndarray, log_time: np.ndarray) -> np.ndarray:
    return (log_time - theta[0]) / (1.0 if family == "exponential" else np.exp(theta[1]))


def _hazard(family: str, theta: np.ndarray, times: np.ndarray) -> np.ndarray:
    return _hazard_of(family, theta, np.log(times))


def _hazard_of(family: str, theta: np.ndarray, log_time: np.ndarray) -> np.ndarray:
    w = _w(family, theta, log_time)
    if family != "generalized_gamma":
        return FAMILIES[family].standard.h(w)
    q = theta[2]
    if abs(q) < NEAR_ZERO:
        return NORMAL.h(w)
    k = q**-2
    with np.errstate(divide="ignore"):
        return -np.log((gammaincc if q > 0 else gammainc)(k, k * np.exp(q * w)))


def _hazard_slope(family: str, theta: np.ndarray, times: np.ndarray) -> np.ndarray:
    if family == "generalized_gamma":
        return _slopes(lambda moved: _hazard(family, moved, times), theta)
    w = _w(family, theta, np.log(times))
    h1 = FAMILIES[family].standard.h1(w)
    return -h1[None, :] if family == "exponential" else np.stack([-h1 / np.exp(theta[1]), -h1 * w])


def _inverse(family: str, theta: np.ndarray, values: np.ndarray) -> np.ndarray:
    if family != "generalized_gamma":
        return FAMILIES[family].standard.inverse(values)
    q = theta[2]
    if abs(q) < NEAR_ZERO:
        return NORMAL.inverse(values)
    k = q**-2
    return np.log((gammainccinv if q > 0 else gammaincinv)(k, np.exp(-values)) / k) / q


def _log_likelihood(family: str, data: _Sample, theta: np.ndarray) -> float:
    """Sum over patients: ln h(t) of an event, less H(t), plus H(entry)."""
    with np.errstate(all="ignore"):  # a search may step where it is infinite, and then turns back
        return _sum_over_patients(family, data, theta)


def _sum_over_patients(family: str, data: _Sample, theta: np.ndarray) -> float:
    y, d = data.log_time, data.event
    w = _w(family, theta, y)
    scale = 0.0 if family == "exponential" else theta[1]
    h = _hazard_of(family, theta, y)
    if family != "generalized_gamma":
        log_rate = FAMILIES[family].standard.log_h1(w)
    elif abs(theta[2]) < NEAR_ZERO:
        log_rate = NORMAL.log_h1(w)
    else:
        q, k = theta[2], theta[2] ** -2
        log_rate = np.log(abs(q)) + k * np.log(k) - gammaln(k) + k * (q * w - np.exp(q * w)) + h
    total = np.sum((log_rate - scale - y)[d]) - np.sum(h)
    if data.entry is not None:
        total += np.sum(_from_zero(data.entry, lambda t: _hazard(family, theta, t)))
    return float(total)


def _pieces(family: str, data: _Sample, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Score and observed information."""
    if family == "generalized_gamma":
        return _numerical(lambda moved: _log_likelihood(family, data, moved), theta)
    standard, d = FAMILIES[family].standard, data.event.astype(float)
    w = _w(family, theta, data.log_time)
    first = d * standard.log_h1_1(w) - standard.h1(w)
    second = d * standard.log_h1_2(w) - standard.h2(w)
    if data.entry is not None:
        later = data.entry > 0
        w0 = _w(family, theta, np.log(data.entry[later]))
        w, d = np.append(w, w0), np.append(d, np.zeros(len(w0)))
        first, second = np.append(first, standard.h1(w0)), np.append(second, standard.h2(w0))
    if family == "exponential":
        return np.array([-first.sum()]), np.array([[-second.sum()]])
    sigma = np.exp(theta[1])
    score = np.array([-first.sum() / sigma, -(w * first + d).sum()])
    cross = (w * second + first).sum() / sigma
    return score, -np.array([[second.sum() / sigma**2, cross], [cross, (w**2 * second + w * first).sum()]])


def _newton(family: str, data: _Sample, theta: np.ndarray, most: int = 200) -> np.ndarray:
    name, value = FAMILIES[family].words, _log_likelihood(family, data, theta)
    for iteration in range(1, most + 1):
        score, information = _pieces(family, data, theta)
        if not (np.isfinite(information).all() and np.isfinite(score).all()):
            break
        least = float(np.linalg.eigvalsh(information).min())
        shift = 0.0 if least > 0 else 1e-3 + 1.5 * abs(least)  # not concave here: more of a climb, less of a jump
        step = np.linalg.solve(information + shift * np.eye(len(theta)), score)
        step /= max(1.0, float(np.abs(step).max()))  # at most 1 in a logarithm
        small = shift == 0 and np.abs(step).max() <= 1e-10 * max(1.0, float(np.abs(theta).max()))
        for _ in range(40):
            reached = _log_likelihood(family, data, theta + step)
            if reached >= value - 1e-12 * abs(value):
                theta, value = theta + step, reached
                break
            step = step / 2
        else:
            if np.abs(score).max() > 1e-5:
                raise ConvergenceError(f"The {name} curve has no maximum that could be reached (stopped after {iteration} steps): another family "
                                       "may fit, or from_patients.", iterations=iteration)  # fmt: skip
            return theta
        if small:
            return theta
    raise ConvergenceError(f"The {name} curve did not converge in {most} steps: another family may fit, or from_patients.", iterations=most)


def _covariance(family: str, data: _Sample, theta: np.ndarray) -> np.ndarray:
    information = _pieces(family, data, theta)[1]
    if not np.isfinite(information).all() or np.linalg.eigvalsh(information).min() <= 0:
        raise ConvergenceError(f"The {FAMILIES[family].words} curve is flat at its maximum, so its estimates have no standard error: "
                               "another family may fit, or from_patients.")  # fmt: skip
    return np.linalg.inv(information)


def _start(family: str, data: _Sample) -> np.ndarray:
    """The best of lifelines' maximum and a few points of a grid: with delayed entry the likelihood has plateaus that a search can end on."""
    if family == "generalized_gamma":  # the families that it holds, a little off them
        starts = [np.append(_newton(simpler, data, _best(simpler, data, _grid(data))), q) for simpler, q in (("weibull", 1.0), ("lognormal", 0.1))]
    else:
        starts = [point[: len(FAMILIES[family].names)] for point in _grid(data)]
    return _best(family, data, starts + _from_lifelines(family, data))


def _grid(data: _Sample) -> list[np.ndarray]:
    return [np.array([mu, s]) for mu in np.quantile(data.log_time[data.event], [0.2, 0.5, 0.8, 0.95]) for s in (-2.0, -1.0, 0.0, 0.7)]


def _best(family: str, data: _Sample, starts: list[np.ndarray]) -> np.ndarray:
    values = np.array([_log_likelihood(family, data, start) for start in starts])
    return starts[int(np.argmax(np.where(np.isfinite(values), values, -np.inf)))]


def _from_lifelines(family: str, data: _Sample) -> list[np.ndarray]:
    """lifelines' maximum in this module's parameters; none where it finds none."""
    import lifelines

    time = np.exp(data.log_time)
    unit = float(np.median(time))  # its search works best near 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            options = {} if family == "generalized_gamma" else {"ftol": 1e-15, "gtol": 1e-10}
            fitter = getattr(lifelines, FAMILIES[family].fitter)()
            fitter.fit(time / unit, data.event, entry=None if data.entry is None else data.entry / unit, fit_options=options)
        found = {name: float(value) for name, value in fitter.params_.items()}
    except Exception:  # a search that fails is no error here: the grid's points remain
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        theta = {"exponential": lambda: [np.log(found["lambda_"])], "weibull": lambda: [np.log(found["lambda_"]), -np.log(found["rho_"])],
                 "lognormal": lambda: [found["mu_"], np.log(found["sigma_"])], "loglogistic": lambda: [np.log(found["alpha_"]), -np.log(found["beta_"])],
                 "generalized_gamma": lambda: [found["mu_"], found["ln_sigma_"], found["lambda_"]]}[family]()  # fmt: skip
    start = np.array(theta)
    start[0] += np.log(unit)
    return [start] if np.isfinite(start).all() else []


def _slopes(value: Callable[[np.ndarray], np.ndarray], theta: np.ndarray) -> np.ndarray:
    """Derivatives by central differences of four points (error of order step^4): (parameters, ...)."""
    found = []
    for k in range(len(theta)):
        step = 1e-3 * np.eye(len(theta))[k]
        far, near = (value(theta + m * step) - value(theta - m * step) for m in (2, 1))
        found.append((8 * near - far) / 12e-3)
    return np.stack(found)


def _numerical(value: Callable[[np.ndarray], float], theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Score and information of a likelihood whose derivatives are not written out, by central differences."""
    score = _slopes(lambda moved: np.asarray(value(moved)), theta)
    information = -_slopes(lambda moved: _slopes(lambda again: np.asarray(value(again)), moved), theta)
    return score, (information + information.T) / 2
