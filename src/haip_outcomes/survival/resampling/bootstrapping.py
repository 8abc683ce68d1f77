"""The bootstrap: how sure one can be of any number that is computed from patients."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import interval, listed, plural
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.intervals import critical_value, level_in_words
from haip_outcomes.survival.resampling.bootstrap_intervals import bca, percentile
from haip_outcomes.survival.resampling.cox_batch import cox_batch
from haip_outcomes.survival.resampling.draws import Units, units_of
from haip_outcomes.survival.resampling.replicate_values import Estimates, estimates_of
from haip_outcomes.survival.resampling.replication import (
    Batch,
    Part,
    Progress,
    Replication,
    replicated,
    streams_of,
)
from haip_outcomes.survival.resampling.resamples import LinedUp, lined_up
from haip_outcomes.survival.results import in_order, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent

# Statistics that are fitted to many resamples at once. A batch is made from the result on the data themselves and the keywords
# that functools.partial bound; it takes the copies of each row (B, n) and gives the estimates (B, k), in the order of
# `estimates_of(result)`, with a row of NaN for each resample that it leaves to the statistic itself. None: it does them all.
BATCHED: dict[Any, Callable[..., Batch | None]] = {cox: cox_batch}

METHODS = {"bca": "BCa", "percentile": "percentile"}
MOST_FAILED = 0.05  # of the resamples: with more there are no limits


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap:
    """Estimates with bootstrap limits. `tidy()` has a row an estimate, `glance()` one row.

    Attributes
    ----------
    estimates : the statistic of the data themselves, with what identifies each of its k numbers.
    replicates : array (B, k), the statistic of each resample; NaN where it failed.
    std_error, conf_low, conf_high : arrays (k,); NaN where over 5% of the resamples failed, or there are no BCa limits.
    failures : cause -> resamples that failed for it.
    interval : "bca" or "percentile". conf_level : of the limits.
    n : what was drawn from: patients, clusters or rows.
    warnings : sentences to be read with the numbers.
    method : the sentence the result writes about itself.
    """

    estimates: Estimates
    replicates: np.ndarray
    std_error: np.ndarray
    conf_low: np.ndarray
    conf_high: np.ndarray
    failures: dict[str, int]
    interval: str
    conf_level: float
    n: int
    warnings: tuple[str, ...]
    method: str

    def tidy(self, exponentiate: bool = False) -> pd.DataFrame:
        """A row an estimate: what identifies it, estimate, std_error, conf_low, conf_high, replicates (those it rests on).

        `exponentiate` makes hazard ratios of log hazard ratios: the estimate and its limits; `std_error` stays as it is.
        """
        shape = np.exp if exponentiate else np.asarray
        labels = {name: pd.Series(values, dtype=object if None in values else None) for name, values in self.estimates.labels.items()}
        return in_order(pd.DataFrame({
            **labels, "estimate": shape(self.estimates.values), "std_error": self.std_error, "conf_low": shape(self.conf_low),
            "conf_high": shape(self.conf_high), "replicates": np.isfinite(self.replicates).sum(axis=0),
        }))  # fmt: skip

    def glance(self) -> pd.DataFrame:
        """One row: n, replicates asked for, failed, causes (in words), interval, conf_level."""
        return pd.DataFrame([{
            "n": self.n, "replicates": len(self.replicates), "failed": sum(self.failures.values()), "causes": _counted(self.failures),
            "interval": self.interval, "conf_level": self.conf_level,
        }])  # fmt: skip

    def __repr__(self) -> str:
        frame = self.tidy()
        names = [" ".join(str(label) for label in row if not pd.isna(label)) for row in frame[list(self.estimates.labels)].to_numpy(dtype=object)]
        told = frame[["estimate", "conf_low", "conf_high"]].to_numpy(dtype=float)
        rows = [f"  {name + ': ' if name else ''}{interval(estimate, low, high, 3)}"
                for name, (estimate, low, high) in zip(names or [""], told, strict=True)]  # fmt: skip
        return "\n".join([self.method, *rows, *(f"  Note: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        return shown_as_html("Bootstrap", self.tidy(), ". ".join([self.method, *self.warnings]))


def bootstrap(
    statistic: Callable[..., Any],
    *data: Any,
    replicates: int = 2000,
    method: Literal["bca", "percentile"] = "bca",
    conf_level: float = 0.95,
    cluster: Any = None,
    strata: Any = None,
    rng: int | np.random.Generator,
    n_jobs: int | None = 1,
    progress: Progress = None,
) -> Bootstrap:
    """How far a number could have come out otherwise: it is computed again in cohorts drawn, with replacement, from these patients.

    With t the statistic of the data and t*_1 ... t*_B those of B resamples of m units (patients, clusters), SE is the standard
    deviation of the t*. Percentile limits are the quantiles alpha and 1 - alpha of the t*, for 95% alpha = 0.025. BCa limits
    (bias-corrected and accelerated) are their quantiles Phi(w + (w + z) / (1 - a (w + z))), z the normal quantile of alpha or 1 - alpha,

        w = Phi^-1( share of t* < t ),    a = sum(l_u^3) / (6 (sum l_u^2)^1.5),    l_u = (n_h - 1) / n_h (t - t_(-u))

    with t_(-u) the statistic without unit u, one of the n_h of its stratum. Between two replicates both interpolate as R's boot does.

    Parameters
    ----------
    statistic : a function of the data: `cox`, `functools.partial(cox, ties="breslow")`, `lambda t: survival_curve(t).at([12, 36])`. It
        returns a number, an array, a Series or dict of numbers, a frame with a column `estimate`, or a result of this package (of a test its
        `.statistic`, of a regression the coefficients are taken, of others the estimates of `tidy()`). `cox` is fitted to many resamples at once.
    data : what it takes: times, designs, frames, Series, arrays. The rows of the first are resampled, and with them those of the
        others, by index or, for arrays, by place. What has a value a patient must come in here, or as a keyword of
        functools.partial: a resampled patient has a new label and, drawn twice, two.
    replicates : B. 2,000 settle a 95% limit; fewer than 1,000 leave BCa limits to chance.
    method : "bca", or "percentile", which takes m fits less and is shorter on one side when the estimate is biased.
    cluster : drawn whole (centre, family), a Series or array; by default the patient (`id`) where patients have several rows.
    strata : resampled within, as many units as there are.
    rng : a seed, or numpy's Generator. The same seed gives the same numbers with any `n_jobs`.
    n_jobs : processes (threads for `cox`), through joblib; -1 for all. Within `joblib.parallel_config(backend="dask")` it leaves this machine.
    progress : True draws a bar on a terminal; or a function called with (done, total).

    Returns
    -------
    Bootstrap : see there. A resample in which the statistic raises a HaipError has failed and is counted by its cause, as has one
        where an estimate is not a number (a median not reached). Up to 5% are left out; with more there are no limits.

    Raises
    ------
    EndpointError : fewer than 2 replicates or units; data of different lengths, or rows that the others do not have; a unit in
        several strata; and whatever the statistic itself raises on the data.

    References: Efron, J Am Stat Assoc 1987;82:171-185 (doi:10.1080/01621459.1987.10478410); Davison and Hinkley, Bootstrap Methods
    and their Application, Cambridge 1997 (doi:10.1017/CBO9780511802843), chapter 5.

    Equals R's `boot.ci(boot(data, statistic, R, strata), type = c("perc", "bca"), L = empinf(..., type = "jack") / n_h)` on the same
    resamples; w there counts equal values that differ by rounding, here not.

    Examples
    --------
    >>> import pandas as pd
    >>> from haip_outcomes.survival.curves.kaplan_meier import survival_curve
    >>> nine = pd.DataFrame({"months": [2, 4, 4, 6, 7, 9, 11, 12, 15], "died": [1, 1, 0, 1, 1, 0, 1, 0, 0]})
    >>> tte = TimeToEvent.from_frame(nine, time="months", state="died", states=["Death"])
    >>> found = bootstrap(lambda t: survival_curve(t).at(6), tte, replicates=500, method="percentile", rng=1)
    >>> found.tidy()[["time", "estimate", "conf_low", "conf_high"]].round(2).to_numpy().tolist()
    [[6.0, 0.65, 0.31, 0.89]]
    """
    if isinstance(replicates, bool) or not isinstance(replicates, (int, np.integer)) or replicates < 2:
        raise EndpointError(f"replicates must be a whole number of resamples, 2 or more (2000 settle a 95% interval); got {replicates!r}.")
    if method not in METHODS:
        raise EndpointError(f'There is no method "{method}" for bootstrap limits. {did_you_mean(method, METHODS)}')
    critical_value(conf_level)  # refuses a wrong one
    streams = streams_of(rng)
    lined = lined_up(statistic, data)
    units, by_patient, words = _units(lined, cluster, strata)
    found = lined.computed()
    estimates = estimates_of(found)
    if not len(estimates):
        raise EndpointError("The statistic returned no numbers: there is nothing to find limits for.")
    work = Replication(lined, units, by_patient, estimates, _batch(lined, found))
    _refuse_captured(work)
    part, without = replicated(work, streams, int(replicates), method == "bca", n_jobs, progress)
    return _result(found, estimates, part, without, units, method, conf_level, words)


def _refuse_captured(work: Replication) -> None:
    """An array inside the statistic has the right length in every resample, and the wrong patients: one patient less shows it."""
    function = getattr(work.lined.statistic, "func", work.lined.statistic)
    if work.batch is None and len(work.units) > 2 and _brings(function, work.lined.rows):
        for _, why in work.without(np.array([0])).failures:
            if "one value for each of the" in why:
                raise EndpointError("The statistic brings along values of the patients themselves, which can't follow a resample: pass them among the "
                                    f"data, as bootstrap(lambda t, marker: ..., tte, marker). With one patient less it says: {why}")  # fmt: skip


def _brings(function: Any, rows: int) -> bool:
    """Does a function use an array, from outside of it, that is as long as the data?"""
    if not inspect.isfunction(function):
        return False
    used = inspect.getclosurevars(function)
    return any(isinstance(value, (np.ndarray, list, tuple)) and len(value) == rows for value in (*used.nonlocals.values(), *used.globals.values()))


def _units(lined: LinedUp, cluster: Any, strata: Any) -> tuple[Units, bool, list[str]]:
    """What is drawn, whether that is patients, and the words for it."""
    times = next((thing for thing in lined.data if isinstance(thing, TimeToEvent)), None)
    ids = None if times is None else times.id
    drawn = ids if cluster is None else lined.column(cluster, "cluster")
    noun = "cluster" if cluster is not None else "row" if times is None else "patient"
    units = units_of(lined.rows, drawn, None if strata is None else lined.column(strata, "strata"), noun)
    if ids is not None and drawn is not ids and drawn is not None and len(np.unique(np.column_stack([ids, drawn]), axis=0)) > len(np.unique(ids)):
        raise EndpointError("Some patients have rows in several clusters: a bootstrap draws clusters whole, so each patient must be in one.")
    name = getattr(cluster, "name", None)
    words = [f"{plural(len(units), noun)}{f' ({name})' if name else ''}"]
    if strata is not None:
        words.append(f"within strata of {getattr(strata, 'name', None) or 'strata'}")
    words += [f"{k} left out {reason}" for reason, k in lined.left_out.items()]
    return units, cluster is None, words


def _batch(lined: LinedUp, found: Any) -> Batch | None:
    """The statistic's way of doing many resamples at once, if it has one."""
    bound = lined.statistic if isinstance(lined.statistic, partial) else partial(lined.statistic)
    made = next((made for known, made in BATCHED.items() if known is bound.func), None)
    return None if made is None or bound.args else made(found, **{**bound.keywords, **lined.keywords})


def _result(
    found: Any, estimates: Estimates, part: Part, without: np.ndarray, units: Units, method: str, conf_level: float, words: list[str]
) -> Bootstrap:
    """Limits of each estimate from the replicates that have it."""
    k, asked = len(estimates), len(part.values)
    influence = ((units.of_stratum - 1) / units.of_stratum)[:, None] * (estimates.values - without) if len(without) else None
    se, low, high = np.full(k, np.nan), np.full(k, np.nan), np.full(k, np.nan)
    notes: list[str] = []
    refused = 0
    for j, t in enumerate(estimates.values):
        usable = part.values[np.isfinite(part.values[:, j]), j]
        if asked - len(usable) > MOST_FAILED * asked:
            refused += 1
            continue
        if not np.isfinite(t):
            continue
        se[j] = np.std(usable, ddof=1)
        limits = percentile(usable, conf_level) if influence is None else bca(usable, t, influence[:, j], conf_level)
        low[j], high[j] = limits.low, limits.high
        if limits.note and limits.note not in notes:
            notes.append(limits.note)
    failures = dict(Counter(cause for cause, _ in part.failures))
    blank = int((~np.isfinite(part.values)).any(axis=1).sum()) - len(part.failures)
    if blank:
        failures["not reached or not a number"] = blank
    examples = dict(reversed(part.failures))
    sentence = [getattr(found, "method", ""), f"{METHODS[method]} {level_in_words(conf_level)} bootstrap limits from {asked} resamples of {', '.join(words)}"]
    if failures and refused < k:
        sentence.append(f"{plural(sum(failures.values()), 'resample')} left out ({_counted(failures)})")
    if refused:
        whom = "" if refused == k else f" for {refused} of {k} estimates"
        sentence.append(f"no limits{whom}: over 5% of the resamples failed ({_counted(failures)})")
    text = "; ".join(filter(None, sentence))
    return Bootstrap(
        estimates=estimates, replicates=part.values, std_error=se, conf_low=low, conf_high=high, failures=failures, interval=method,
        conf_level=conf_level, n=len(units), method=text[0].upper() + text[1:],
        warnings=(*(f"{note[0].upper()}{note[1:]}." for note in notes), *(f"{cause.capitalize()}, as: {why}" for cause, why in examples.items())),
    )  # fmt: skip


def _counted(failures: dict[str, int]) -> str:
    return listed([f"{count} {cause}" for cause, count in failures.items()])
