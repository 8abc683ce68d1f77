"""Agreement of a marker with what happened: Harrell's and Uno's concordance, counted in n log n steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import interval, plural
from haip_outcomes.survival.curves.kaplan_meier import critical_value
from haip_outcomes.survival.pairs_kernel import censoring_weights, pairs
from haip_outcomes.survival.results import in_order, shown_as_html
from haip_outcomes.survival.time_to_event import Ranked, TimeToEvent, rank, require_times

Weighting = Literal["harrell", "uno"]
_NAMES = {
    "harrell": "Harrell's concordance",
    "uno": "Uno's concordance (events weighted by 1/G(t-)^2, G of the censoring)",
}


@dataclass(frozen=True, eq=False, repr=False)
class Concordance:
    """The share of usable pairs in which the patient with the higher marker had the event first.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high : C, its standard error and limits (estimate -+ z std_error).
    concordant, discordant, tied_marker : sums of the usable pairs, each with its weight; C counts half of the last.
    tied_time, tied_both : pairs of events at the same time with different and with the same marker: not usable.
    n, n_event : patients, and the events that count: up to the horizon, where there is one.
    weighting, horizon : as they were asked for.
    method : the sentence the estimator writes about itself.
    """

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    concordant: float
    discordant: float
    tied_marker: float
    tied_time: float
    tied_both: float
    n: int
    n_event: int
    weighting: str
    horizon: float | None
    method: str

    def tidy(self) -> pd.DataFrame:
        """One row: estimate, std_error, conf_low, conf_high, n, n_event."""
        return self._row("estimate", "std_error", "conf_low", "conf_high", "n", "n_event")

    def glance(self) -> pd.DataFrame:
        """One row: n, n_event, the five sums of pairs, weighting and horizon (missing without one)."""
        sums = ("concordant", "discordant", "tied_marker", "tied_time", "tied_both")
        return self._row("n", "n_event", *sums, "weighting").assign(
            horizon=np.nan if self.horizon is None else self.horizon
        )

    def _row(self, *names: str) -> pd.DataFrame:
        return in_order(pd.DataFrame([{name: getattr(self, name) for name in names}]))

    def __repr__(self) -> str:
        return f"{self.method}: C {interval(self.estimate, self.conf_low, self.conf_high, 3)}"

    def _repr_html_(self) -> str:
        return shown_as_html("Concordance", self.tidy(), self.method)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs in sums of products of weights, and each row's part in them."""

    concordant: float
    discordant: float
    tied_marker: float
    tied_time: float
    tied_both: float
    influence: np.ndarray  # (n, 3): each row's concordant, discordant and tied pairs, without its own weight

    @property
    def usable(self) -> float:
        """Pairs in which one is known to have had the event first."""
        return self.concordant + self.discordant + self.tied_marker

    @property
    def c(self) -> float:
        """(concordant + tied_marker / 2) / usable; NaN without usable pairs."""
        return (self.concordant + self.tied_marker / 2) / self.usable if self.usable > 0 else float("nan")


def concordance(
    tte: TimeToEvent,
    marker: Any,
    *,
    weighting: Weighting = "harrell",
    horizon: float | None = None,
    strata: Any = None,
    conf_level: float = 0.95,
) -> Concordance:
    """How often the patient with the higher marker has the event first: 0.5 is chance, 1 is always.

    A pair (i, j) is usable when i has an event, by the horizon if there is one, while j is at risk and does not have its own
    at the same time: start_j < t_i, and t_j > t_i, or t_j = t_i with j censored. With m the marker and w_i the event's weight,

        C = (sum of w_i over pairs with m_i > m_j  +  half that over pairs with m_i = m_j) / sum of w_i over usable pairs

    so a higher marker means a higher hazard; for a marker of health, C is below 0.5, and 1 - C is its agreement.

    weighting="harrell": w_i = 1. What is estimated then depends on how long the patients were followed.
    weighting="uno": w_i = 1 / G(t_i-)^2, G the Kaplan-Meier curve of the censoring (of each stratum by itself), who has the event
    at a time not being at risk of being censored at it. This estimates the C of everybody followed up to the horizon, if censoring
    has nothing to do with the marker. Without a horizon the few last events weigh most: name one well inside follow-up. A stratum
    with one event keeps w = 1, as in R.

    The standard error is the infinitesimal jackknife: with a_i the sum over the usable pairs of row i of +w, -w or 0
    (concordant, discordant, tied), k_i the sum of w, D = 2C - 1 and P the sum over all usable pairs,
    SE = sqrt(sum of ((a_i - D k_i) / P)^2) / 2; rows of one patient (`id`) are added before squaring. Uno's weights are taken
    as known in it, as in R: that G is estimated is not in the standard error.

    Parameters
    ----------
    tte : times (n,) with one kind of event, in any unit; delayed entry is counted as the definition says.
    marker : numbers (n,), as an array or a Series aligned by its index.
    weighting : "harrell" or "uno".
    horizon : a time in the unit of `tte`; events after it do not count (those at it do). By default all count.
    strata : groups (n,); only pairs within a stratum are compared.
    conf_level : of the limits, C -+ z SE.

    Returns
    -------
    Concordance : see there; `tidy()` is one row.

    Raises
    ------
    EndpointError : competing events (use `tte.only(cause)` or `tte.any_event(label)`); a missing or infinite
        marker; no usable pair; Uno's weights with delayed entry.

    References: Harrell et al., JAMA 1982;247:2543-2546 (doi:10.1001/jama.1982.03320430047030); Uno et al., Stat Med
    2011;30:1105-1117 (doi:10.1002/sim.4154); the standard error: Therneau and Atkinson, Concordance, vignette of R's survival.

    Equals R's `survival::concordance(y ~ marker + strata(strata), timewt = "n", ymax = horizon, reverse = TRUE)`, or with
    `timewt = "n/G2"`, and `cluster = id` where patients have several rows. (With more than ten strata R takes a horizon as said
    here only with `keepstrata = TRUE`; with delayed entry its tied.y also counts ties after the horizon.)

    Examples
    --------
    >>> import pandas as pd
    >>> four = pd.DataFrame({"months": [1, 2, 3, 4], "death": [1, 0, 1, 1], "score": [5, 1, 2, 3]})
    >>> tte = TimeToEvent.from_frame(four, time="months", state="death", states=["Death"])
    >>> concordance(tte, four["score"]).estimate
    0.75
    >>> round(concordance(tte, four["score"], weighting="uno").estimate, 4)
    0.5714
    """
    require_times(tte, "concordance")
    if weighting not in get_args(Weighting):
        raise EndpointError(
            f'There is no weighting "{weighting}" of pairs. {did_you_mean(weighting, get_args(Weighting))}'
        )
    z = critical_value(conf_level)
    event = tte.single("concordance")
    if horizon is not None:
        horizon = _checked(horizon, tte.unit)
    late = 0 if tte.entry is None else int((tte.entry > 0).sum())
    if weighting == "uno" and late:
        raise EndpointError(
            f"Uno's weights need everybody followed from time zero, and {plural(late, 'row begins', 'rows begin')} later: then "
            'the curve of the censoring cannot be had. Use weighting="harrell", which counts delayed entry.'
        )
    numbers = _numbers(tte, marker)
    groups, names = tte.groups(strata, "strata")
    found = count_pairs(tte.entry, tte.time, event, numbers, strata=groups if names else None,
                        weighting=weighting, horizon=horizon, ranked=tte.ranked)  # fmt: skip
    if not found.usable > 0:
        by_then = "" if horizon is None else f" by {horizon:g} {tte.unit}"
        raise EndpointError(
            f"No two patients can be compared: no event happened{by_then} while somebody else was still at risk."
        )
    se = standard_error(found, np.ones(len(tte)), tte.id)
    n_event = int(event.sum() if horizon is None else (event & (tte.time <= horizon)).sum())
    until = "" if horizon is None else f", events up to {horizon:g} {tte.unit}"
    by = f", stratified by {getattr(strata, 'name', None) or 'strata'}" if names else ""
    pairs_or_events = (
        f"{found.usable:.0f} usable pairs" if weighting == "harrell" else plural(n_event, "event")
    )
    caution = f"; {tte.caution}" if tte.caution else ""
    return Concordance(
        estimate=found.c, std_error=se, conf_low=found.c - z * se, conf_high=found.c + z * se,
        concordant=found.concordant, discordant=found.discordant, tied_marker=found.tied_marker,
        tied_time=found.tied_time, tied_both=found.tied_both, n=tte.n, n_event=n_event, weighting=weighting, horizon=horizon,
        method=f"{_NAMES[weighting]}{until}{by}; {plural(tte.n, 'patient')}, {pairs_or_events}{caution}",
    )  # fmt: skip


def _checked(horizon: Any, unit: str) -> float:
    try:
        time = float(horizon)
    except (TypeError, ValueError):
        time = float("nan")
    if not (np.isfinite(time) and time >= 0):
        raise EndpointError(f"horizon must be one time, in {unit}, at or after zero; got {horizon!r}.")
    return time


def _numbers(tte: TimeToEvent, marker: Any) -> np.ndarray:
    values = tte.align(marker, "marker")
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise EndpointError(
            "marker must hold numbers: one for each row, higher for a higher hazard."
        ) from None
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        rows = ", ".join(str(row) for row in tte.index[wrong][:5])
        raise EndpointError(f"marker is missing or infinite in {plural(int(wrong.sum()), 'row')} (index {rows}): leave "
                            "these patients out first, with a reason.")  # fmt: skip
    return numbers


def standard_error(found: Pairs, weights: np.ndarray, cluster: np.ndarray | None) -> float:
    """The infinitesimal jackknife standard error of C, rows of one cluster added before squaring."""
    if not found.usable > 0:
        return float("nan")
    somers = 2 * found.c - 1
    moved: np.ndarray = found.influence @ (np.array([1.0, -1.0, 0.0]) - somers)  # concordant - discordant - D (all three)
    moved *= weights / found.usable
    if cluster is not None:
        moved = np.bincount(pd.factorize(cluster)[0], weights=moved)
    return float(np.sqrt(np.sum(moved**2)) / 2)


def count_pairs(
    start: np.ndarray | None,
    time: np.ndarray,
    event: np.ndarray,
    marker: np.ndarray,
    *,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    weighting: Weighting = "harrell",
    horizon: float | None = None,
    ranked: Ranked | None = None,
) -> Pairs:
    """Count the usable pairs of arrays (n,) within strata; see `concordance` for which pairs those are.

    start: None where nobody enters late. weights: of the rows; a pair has the product of its two, and of the event's w_i.
    Uno's weights are only for rows without entry. ranked: the order of `time`, where known. Equals R's `concordancefit`.
    """
    n, event = len(time), np.asarray(event, dtype=bool)
    weight = np.ones(n) if weights is None else np.ascontiguousarray(weights, dtype=np.float64)
    stratum, n_strata = np.zeros(n, dtype=np.int64), 1
    if strata is not None:
        codes, levels = pd.factorize(strata)
        stratum, n_strata = codes.astype(np.int64), len(levels)
    times = rank(time) if ranked is None else ranked
    levels_of = rank(marker)
    level, n_levels, n_moments = levels_of.number, len(levels_of.distinct), 2 * len(times.distinct)
    del levels_of
    moment = 2 * times.number
    moment += ~event  # as the kernel says: 2r is an event, 2r + 1 a censoring or an entry
    if weighting == "uno":
        time_weight = censoring_weights(moment, stratum, weight, n_moments, n_strata)
    else:
        time_weight = event.astype(np.float64)
    if horizon is not None:
        time_weight[time > horizon] = 0.0
    late = np.flatnonzero(start >= times.distinct[0]) if n and start is not None else np.zeros(0, dtype=np.int64)
    signed = weight
    if start is not None and len(late):
        entered = 2 * np.searchsorted(times.distinct, start[late], side="right") - 1
        moment, level = np.concatenate([moment, entered]), np.concatenate([level, level[late]])
        stratum, signed = np.concatenate([stratum, stratum[late]]), np.concatenate([weight, -weight[late]])
        time_weight = np.concatenate([time_weight, np.zeros(len(late))])
    found, ties, ties_both = pairs(moment, level, stratum, signed, time_weight, n_moments, n_levels, n_strata)
    influence = found[:n]
    if len(late):
        influence[late] -= found[n:]
    sums = weight @ influence / 2  # each pair is in two rows
    return Pairs(float(sums[0]), float(sums[1]), float(sums[2]), ties - ties_both, ties_both, influence)
