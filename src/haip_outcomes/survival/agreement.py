"""Agreement of a marker with what happened: Harrell's concordance, counted in n log n steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import interval, plural
from haip_outcomes.survival.results import in_order, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times


@dataclass(frozen=True, eq=False, repr=False)
class Concordance:
    """The share of usable pairs in which the patient with the higher marker had the event first.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high : C, its standard error and limits (estimate -+ z std_error).
    concordant, discordant, tied_marker : sums of the usable pairs (weights multiplied); C counts half of the last.
    tied_time, tied_both : pairs of events at the same time with different and with the same marker: not usable.
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
    method: str

    def tidy(self) -> pd.DataFrame:
        """One row: estimate, std_error, conf_low, conf_high, n, n_event."""
        names = ("estimate", "std_error", "conf_low", "conf_high", "n", "n_event")
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
    influence: (
        np.ndarray
    )  # (n, 3): each row's concordant, discordant and tied pairs, in weights of the partners

    @property
    def usable(self) -> float:
        """Pairs in which one is known to have had the event first."""
        return self.concordant + self.discordant + self.tied_marker

    @property
    def c(self) -> float:
        """(concordant + tied_marker / 2) / usable; NaN without usable pairs."""
        return (self.concordant + self.tied_marker / 2) / self.usable if self.usable > 0 else float("nan")


def concordance(
    tte: TimeToEvent, marker: Any, *, strata: Any = None, conf_level: float = 0.95
) -> Concordance:
    """How often the patient with the higher marker has the event first: 0.5 is chance, 1 is always.

    A pair (i, j) is usable when i has an event while j is at risk and j does not have its event at the same time:
    start_j < t_i, and t_j > t_i, or t_j = t_i with j censored. With m the marker,

        C = (pairs with m_i > m_j  +  pairs with m_i = m_j, each for a half) / usable pairs

    so a higher marker means a higher hazard; for a marker of health, C is below 0.5, and 1 - C is its agreement.
    The standard error is the infinitesimal jackknife: with a_i the sum over the usable pairs of row i of +1, -1 or 0
    (concordant, discordant, tied), k_i their number, D = 2C - 1 and P the number of usable pairs,
    SE = sqrt(sum of ((a_i - D k_i) / P)^2) / 2; rows of one patient (`id`) are added before squaring.

    Parameters
    ----------
    tte : times (n,) with one kind of event, in any unit; delayed entry is counted as the definition says.
    marker : numbers (n,), as an array or a Series aligned by its index.
    strata : groups (n,); only pairs within a stratum are compared.

    Returns
    -------
    Concordance : see there; `tidy()` is one row.

    Raises
    ------
    EndpointError : competing events (use `tte.only(cause)` or `tte.any_event(label)`); a missing or infinite
        marker; no usable pair.

    Reference: Harrell et al., JAMA 1982;247:2543-2546 (doi:10.1001/jama.1982.03320430047030); the standard error:
    Therneau and Atkinson, Concordance, vignette of R's survival.

    Equals R's `survival::concordance(y ~ marker + strata(strata), reverse = TRUE)`, with `cluster = id` where
    patients have several rows.

    Examples
    --------
    >>> import pandas as pd
    >>> four = pd.DataFrame({"months": [1, 2, 3, 4], "death": [1, 1, 0, 1], "score": [5, 1, 3, 2]})
    >>> tte = TimeToEvent.from_frame(four, time="months", state="death", states=["Death"])
    >>> concordance(tte, four["score"]).estimate
    0.6
    """
    require_times(tte, "concordance")
    event = tte.single("concordance")
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
    groups, names = tte.groups(strata, "strata")
    found = count_pairs(tte.start, tte.time, event, numbers, strata=groups if names else None)
    if not found.usable > 0:
        raise EndpointError(
            "No two patients can be compared: no event happened while somebody else was still at risk."
        )
    se = standard_error(found, np.ones(len(tte)), tte.id)
    z = stats.norm.ppf((1 + conf_level) / 2)
    by = f", stratified by {getattr(strata, 'name', None) or 'strata'}" if names else ""
    caution = f"; {tte.caution}" if tte.caution else ""
    return Concordance(
        estimate=found.c, std_error=se, conf_low=found.c - z * se, conf_high=found.c + z * se,
        concordant=found.concordant, discordant=found.discordant, tied_marker=found.tied_marker,
        tied_time=found.tied_time, tied_both=found.tied_both, n=tte.n, n_event=int(event.sum()),
        method=f"Harrell's concordance{by}; {plural(tte.n, 'patient')}, {found.usable:.0f} usable pairs{caution}",
    )  # fmt: skip


def standard_error(found: Pairs, weights: np.ndarray, cluster: np.ndarray | None) -> float:
    """The infinitesimal jackknife standard error of C, rows of one cluster added before squaring."""
    if not found.usable > 0:
        return float("nan")
    concordant, discordant, tied = found.influence.T
    somers = 2 * found.c - 1
    moved = weights * (concordant - discordant - somers * (concordant + discordant + tied)) / found.usable
    if cluster is not None:
        moved = np.bincount(np.unique(cluster, return_inverse=True)[1], weights=moved)
    return float(np.sqrt(np.sum(moved**2)) / 2)


def count_pairs(
    start: np.ndarray,
    time: np.ndarray,
    event: np.ndarray,
    marker: np.ndarray,
    *,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> Pairs:
    """Count the usable pairs of arrays (n,), stratum by stratum; see `concordance` for which pairs those are."""
    n = len(time)
    weights = np.ones(n) if weights is None else weights
    members = [np.arange(n)] if strata is None else [np.flatnonzero(strata == s) for s in np.unique(strata)]
    influence = np.zeros((n, 3))
    sums = np.zeros(5)
    for rows in members:
        counted, part = _one_stratum(start[rows], time[rows], event[rows], marker[rows], weights[rows])
        sums += counted
        influence[rows] = part
    concordant, discordant, tied_marker, tied_time, tied_both = (float(value) for value in sums)
    return Pairs(concordant, discordant, tied_marker, tied_time, tied_both, influence)


def _one_stratum(
    start: np.ndarray, time: np.ndarray, event: np.ndarray, marker: np.ndarray, w: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    # Moments in order: events at time number r are 2r, censorings 2r + 1 (still at risk then), entries 2r + 1 too
    # (not yet at risk then). So j is a partner of the event i when entered_j < left_i < left_j.
    distinct, number = np.unique(time, return_inverse=True)
    left = 2 * number + ~event
    entered = 2 * np.searchsorted(distinct, start, side="right") - 1
    level = np.unique(marker, return_inverse=True)[1]
    happened = np.flatnonzero(event)
    late = bool((entered > 0).any())
    none = np.zeros((0,), dtype=left.dtype)
    # as the one with the event: partners leave later, less those who enter later
    lower, same, higher = _beyond(
        np.concatenate([left, entered if late else none]), np.concatenate([level, level if late else none]),
        np.concatenate([w, -w if late else none]), left[happened], level[happened],
    )  # fmt: skip
    influence = np.zeros((len(time), 3))
    influence[happened] = np.column_stack([lower, higher, same])
    sums = w[happened] @ influence[happened]
    # as the partner: events before leaving, less those before entering
    for sign, moment in ((1, left), (-1, entered)) if late else ((1, left),):
        lower, same, higher = _beyond(-left[happened], level[happened], w[happened], -moment, level)
        influence += sign * np.column_stack([higher, lower, same])
    tied_time = _pairs_within(number[happened], w[happened])
    tied_both = _pairs_within(number[happened] * (level.max() + 1) + level[happened], w[happened])
    return np.array([sums[0], sums[1], sums[2], tied_time - tied_both, tied_both]), influence


def _pairs_within(group: np.ndarray, w: np.ndarray) -> float:
    """The sum of w_i w_j over the pairs within groups."""
    codes = np.unique(group, return_inverse=True)[1]
    return float(np.sum(np.bincount(codes, weights=w) ** 2 - np.bincount(codes, weights=w * w)) / 2)


def _beyond(
    key: np.ndarray, level: np.ndarray, w: np.ndarray, ask_key: np.ndarray, ask_level: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each asker, the weight of the points with key > ask_key: with a lower level, the same level, a higher level.

    The points are put in order of falling key, so that an asker wants the first k of them. Those are cut into blocks
    whose sizes are the powers of two that k is made of; within blocks of one size the points are sorted by level,
    and two binary searches a block give the sums. That takes n log n steps for each size, and log n sizes.
    """
    order = np.argsort(-key, kind="stable")
    level, w = level[order], w[order]
    k = len(key) - np.searchsorted(np.sort(key), ask_key, side="right")
    width = int(max(level.max(initial=0), ask_level.max(initial=0))) + 1
    below, upto = np.zeros(len(k)), np.zeros(len(k))
    for bit in range(len(key).bit_length()):
        block = np.arange(len(key)) >> bit
        place = block * width + level
        sorting = np.argsort(place, kind="stable")
        place, total = place[sorting], np.concatenate([[0.0], np.cumsum(w[sorting])])
        asks = (k >> bit) & 1 == 1
        begin = (k[asks] >> (bit + 1)) << (bit + 1)
        wanted = (begin >> bit) * width + ask_level[asks]
        below[asks] += total[np.searchsorted(place, wanted, side="left")] - total[begin]
        upto[asks] += total[np.searchsorted(place, wanted, side="right")] - total[begin]
    everything = np.concatenate([[0.0], np.cumsum(w)])[k]
    return below, upto - below, everything - upto
