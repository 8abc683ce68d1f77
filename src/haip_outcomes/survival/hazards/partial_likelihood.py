"""The partial likelihood of Cox's model and its derivatives: one pass over sorted risk sets.

Notation, for one stratum. Row j has covariates x_j, case weight w_j, r_j = w_j exp(x_j b), and is at risk at t when
entry_j < t <= time_j. At an event time t with d events, D the set of them and W the sum of their weights:

    S0(t) = sum of r_j over those at risk            E0(t) = sum of r_j over D
    S1(t) = sum of r_j x_j over those at risk        E1(t) = sum of r_j x_j over D

The events at t give d terms, l = 0 ... d-1, each of weight W/d, with a part f_l of the tied events taken out of the
risk set: f_l = l/d for Efron, 0 for Breslow:

    denominator_l = S0 - f_l E0          mean_l = (S1 - f_l E1) / denominator_l
    log L = sum over events of w x b  -  sum over terms of (W/d) log denominator_l
    score = sum over events of w x    -  sum over terms of (W/d) mean_l
    information = sum over terms of (W/d) (second moment_l - mean_l mean_l')

The second moments never have to be held for each time: exchanging the sums, their total is X' diag(r_j H_j) X where
H_j is the cumulative hazard row j went through, which is also what its martingale residual needs.

Strata have their own event times; everything is added over them. Weights are R's: Efron averages them over tied events.

References: Cox, J R Stat Soc B 1972;34:187-220 (doi:10.1111/j.2517-6161.1972.tb00899.x); Efron, J Am Stat Assoc
1977;72:557-565 (doi:10.1080/01621459.1977.10480613); Breslow, Biometrics 1974;30:89-99 (doi:10.2307/2529620);
Therneau and Grambsch, Modeling Survival Data, 2000 (doi:10.1007/978-1-4757-3294-8).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from haip_outcomes.survival.hazards.running_sums import sums_at_risk, sums_between


@dataclass(frozen=True, eq=False)
class SortedTimes:
    """Who is at risk at which event time, worked out once for a set of times; it does not depend on the covariates.

    The K different event times are numbered stratum by stratum, in order of time. Row j is at risk at the event
    times first[j] <= k < last[j]. The terms of the likelihood are numbered like the events, sorted by event time.
    """

    strata: tuple[tuple[slice | np.ndarray, slice], ...]  # of each stratum: its rows, its event times
    first: np.ndarray  # (n,)
    last: np.ndarray  # (n,)
    times: np.ndarray  # (K,) the event times
    weights: np.ndarray  # (n,) case weights
    events: np.ndarray  # (m,) the rows with an event, sorted by event time, then in order of the rows
    term_time: np.ndarray  # (m,) number of the event time of each term, and of each event
    term_part: np.ndarray  # (m,) f_l
    term_weight: np.ndarray  # (m,) W/d
    tied: np.ndarray  # (K,) d


@dataclass(frozen=True, eq=False)
class Likelihood:
    """The partial log-likelihood at b, its derivatives, and what residuals are made of."""

    value: float
    score: np.ndarray  # (p,)
    information: np.ndarray  # (p, p)
    risk: np.ndarray  # (n,) exp(x_j b - shift), without case weights
    hazard: np.ndarray  # (n,) H_j on the same scale: risk * hazard is the expected number of events
    denominator: np.ndarray  # (m,) of each term, on the same scale
    mean: np.ndarray  # (m, p) of each term
    shift: float  # subtracted from every x_j b


def sorted_times(
    start: np.ndarray,
    time: np.ndarray,
    event: np.ndarray,
    *,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    ties: str = "efron",
) -> SortedTimes:
    """Sort the times once. At risk at t means start < t <= time, as in `counts.py`.

    Parameters
    ----------
    start, time : arrays (n,), in any unit; start is minus infinity for those there from the beginning.
    event : array (n,) of bool.
    strata : array (n,) of whole numbers, or None. weights : array (n,) of case weights, or None for 1 each.
    ties : "efron" or "breslow".
    """
    n = len(time)
    weights = np.ones(n) if weights is None else weights
    first, last, at = np.zeros((3, n), dtype=np.int64)
    members: list[slice | np.ndarray] = [slice(None)]
    if strata is not None:
        order = np.argsort(strata, kind="stable")
        members = list(np.split(order, np.flatnonzero(np.diff(strata[order])) + 1))
    blocks: list[slice] = []
    times: list[np.ndarray] = []
    begin = 0
    for rows in members:
        distinct = np.unique(time[rows][event[rows]])
        first[rows] = begin + np.searchsorted(
            distinct, start[rows], side="right"
        )  # event times <= start are missed
        last[rows] = begin + np.searchsorted(
            distinct, time[rows], side="right"
        )  # event times <= time are seen
        at[rows] = last[rows] - 1  # of a row with an event: the number of its own time
        blocks.append(slice(begin, begin + len(distinct)))
        times.append(distinct)
        begin += len(distinct)
    events = np.flatnonzero(event)
    events = events[np.argsort(at[events], kind="stable")]
    term_time = at[events]
    tied = np.bincount(term_time, minlength=begin)
    rank = np.arange(len(events)) - (np.cumsum(tied) - tied)[term_time]  # l
    weight = np.bincount(term_time, weights=weights[events], minlength=begin)  # W
    part = rank / tied[term_time] if ties == "efron" else np.zeros(len(events))
    return SortedTimes(strata=tuple(zip(members, blocks, strict=True)), first=first, last=last,
                    times=np.concatenate(times), weights=weights, events=events, term_time=term_time,
                    term_part=part, term_weight=weight[term_time] / tied[term_time], tied=tied)  # fmt: skip


def at_risk(sets: SortedTimes, values: np.ndarray) -> np.ndarray:
    """Values (n, q) added up over those at risk at each event time: (K, q).

    Without delayed entry that is the sum of the rows with last > k; with it, those with first > k are taken out again.
    """
    out = np.empty((len(sets.times), values.shape[1]))
    for rows, block in sets.strata:
        k = block.stop - block.start
        last, first = sets.last[rows] - block.start, sets.first[rows] - block.start
        if first.any():
            out[block] = sums_at_risk(np.ascontiguousarray(values[rows]), last, np.argsort(-last), first, np.argsort(-first), k)
            continue
        for q in range(values.shape[1]):
            out[block, q] = _beyond(last, values[rows, q], k)
    return out


def _beyond(number: np.ndarray, values: np.ndarray, k: int) -> np.ndarray:
    """For i = 0 ... k-1, the sum of the values whose number is larger than i."""
    return np.bincount(number, weights=values, minlength=k + 1)[:0:-1].cumsum()[::-1]


def by_time(sets: SortedTimes, values: np.ndarray) -> np.ndarray:
    """Values (m, q) of terms or events added up within each event time: (K, q)."""
    return np.column_stack(
        [np.bincount(sets.term_time, weights=v, minlength=len(sets.times)) for v in values.T]
    )


def gone_through(sets: SortedTimes, values: np.ndarray) -> np.ndarray:
    """Values (m, q) of terms added up over the terms that each row was at risk in: (n, q).

    A row with an event counts 1 - f_l of each term of its own event time.
    """
    passing = by_time(sets, values)
    own = by_time(sets, values * sets.term_part[:, None])
    out = np.empty((len(sets.last), values.shape[1]))
    for rows, block in sets.strata:
        first, last = sets.first[rows] - block.start, sets.last[rows] - block.start
        out[rows] = sums_between(np.ascontiguousarray(passing[block]), first, last)
    out[sets.events] -= own[sets.term_time]
    return out


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def likelihood(
    sets: SortedTimes, x: np.ndarray, b: np.ndarray, offset: np.ndarray | float = 0.0
) -> Likelihood:
    """The partial log-likelihood at coefficients b (p,) for covariates x (n, p) and an offset (n,), its score and information.

    x should be centred: the information is a difference of second moments. The middle of x b (or its largest value
    less 600) is subtracted before exponentiating: that changes nothing in the result and leaves room for risks that
    differ by e^1300. Where they differ by more and it matters, what comes out is not finite.
    """
    eta = x @ b + offset
    shift = float(max(eta.max() - 600, (eta.max() + eta.min()) / 2))
    risk = np.exp(eta - shift)
    weighted = sets.weights * risk
    moments = np.column_stack([weighted, weighted[:, None] * x])  # r_j, r_j x_j
    terms = at_risk(sets, moments)[sets.term_time]
    if sets.term_part.any():
        terms -= sets.term_part[:, None] * by_time(sets, moments[sets.events])[sets.term_time]
    denominator = terms[:, 0]
    mean = terms[:, 1:] / denominator[:, None]
    hazard = gone_through(sets, (sets.term_weight / denominator)[:, None])[:, 0]
    w = sets.weights[sets.events]
    return Likelihood(
        value=float(w @ (eta[sets.events] - shift) - sets.term_weight @ np.log(denominator)),
        score=w @ x[sets.events] - sets.term_weight @ mean,
        information=(x * (weighted * hazard)[:, None]).T @ x - (mean * sets.term_weight[:, None]).T @ mean,
        risk=risk, hazard=hazard, denominator=denominator, mean=mean, shift=shift,
    )  # fmt: skip


def information_in_time(sets: SortedTimes, x: np.ndarray, at: Likelihood, g: np.ndarray) -> np.ndarray:
    """The information with each term multiplied by g (m,): sum of g (W/d) (second moment - mean mean')."""
    hazard = gone_through(sets, (g * sets.term_weight / at.denominator)[:, None])[:, 0]
    lifted = x * (sets.weights * at.risk * hazard)[:, None]
    return lifted.T @ x - (at.mean * (g * sets.term_weight)[:, None]).T @ at.mean


def martingale_residuals(sets: SortedTimes, at: Likelihood) -> np.ndarray:
    """Events observed less expected, (n,): delta_j - exp(x_j b) H_j."""
    observed = np.zeros(len(sets.last))
    observed[sets.events] = 1.0
    return observed - at.risk * at.hazard


def schoenfeld_residuals(sets: SortedTimes, x: np.ndarray, at: Likelihood) -> np.ndarray:
    """Covariates of each event less their mean over the risk set, (m, p), in the order of `sets.events`.

    Under Efron's ties the mean is that of the d means of the event time.
    """
    return x[sets.events] - (by_time(sets, at.mean) / sets.tied[:, None])[sets.term_time]


def score_residuals(sets: SortedTimes, x: np.ndarray, at: Likelihood) -> np.ndarray:
    """What each row adds to the score, (n, p), without its case weight; in Efron's form under Efron's ties.

    The integral of (x_j - mean(t)) dM_j(t): at an event x_j less the mean of the means there, less
    exp(x_j b) (x_j H_j - the sum of mean_l (W/d) / denominator_l over the terms gone through).
    """
    drift = gone_through(sets, at.mean * (sets.term_weight / at.denominator)[:, None])
    out = at.risk[:, None] * (drift - x * at.hazard[:, None])
    out[sets.events] += schoenfeld_residuals(sets, x, at)
    return out
