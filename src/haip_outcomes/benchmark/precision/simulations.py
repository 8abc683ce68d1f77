"""The simulation beside the formula: what a planned size gives in simulated patients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.precision.one_sample_asked import OneSampleEvents
from haip_outcomes.benchmark.precision.recruiting import Recruiting
from haip_outcomes.benchmark.precision.sample_size import SampleSize, Simulated
from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.results import frame_of

BATCH = 1_000_000  # simulated patients at once


def simulated_power(
    size: SampleSize, *, rng: np.random.Generator | int, n: int | None = None, replicates: int = 10_000,
    patients: int | None = None, accrual: float | None = None, follow_up: float | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Does the planned number hold what the formula promises? Asked of simulated patients.

    Parameters
    ----------
    size : what one of the `patients_for_...` functions, or `events_for_one_sample_logrank`, gave.
    rng : a numpy Generator, or a seed. replicates : simulated centres.
    n : another number of patients (or expected events) than the planned one.
    patients, accrual, follow_up : for the one-sample log-rank test, among how many patients the events are expected and how they are recruited
        (as it stands 1.25 patients an expected event, entering over 60 months, the last followed for 24).

    Returns
    -------
    DataFrame : a row a simulated quantity: term (what), estimate (its mean; power, size and coverage are shares), std_error (the simulation's
        own), n or n_event, spread (from one simulated centre to the next), replicates.

    Raises
    ------
    EndpointError : the plan has no number ("no number of patients"), or the simulation has nothing to work on.

    >>> from haip_outcomes import patients_for_non_inferiority
    >>> plan = patients_for_non_inferiority(0.22, 0.22, 0.15)
    >>> simulated_power(plan, rng=1, replicates=2000)["term"].tolist()
    ['power', 'size']
    """
    if not isinstance(size, SampleSize):
        raise EndpointError("simulated_power takes what patients_for_... or events_for_one_sample_logrank gave.")
    if isinstance(replicates, bool) or not isinstance(replicates, (int, np.integer)) or replicates < 2:
        raise EndpointError(f"A simulation needs at least 2 replicates; got {replicates}.")
    asked = size.asked
    if isinstance(asked, OneSampleEvents):
        a = asked.recruiting.accrual if accrual is None else accrual
        f = asked.recruiting.follow_up if follow_up is None else follow_up
        asked = replace(asked, patients=patients, recruiting=Recruiting.checked(a, f))
    elif patients is not None or accrual is not None or follow_up is not None:
        raise EndpointError("How patients are recruited is said in the plan itself; here it is only asked for the one-sample log-rank test.")
    planned = n if n is not None else size.n if size.n is not None else size.n_event
    if planned is None:
        raise EndpointError(f"There is no number to simulate: {size.reason}.")
    if isinstance(planned, bool) or not isinstance(planned, (int, float, np.number)) or not 0 < planned < np.inf:
        raise EndpointError(f"n is a number of patients (or expected events) above 0; got {n!r}.")
    try:
        chance = np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise EndpointError(f"rng must be a numpy Generator, or a whole number as its seed; got {rng!r}.") from None
    batch = max(2, int(BATCH / max(planned, 1)))
    found: list[tuple[int, Simulated]] = []
    left = replicates
    while left:
        now = left if left <= batch + 1 else batch  # no batch of one, which has no spread
        found.append((now, asked.simulated(planned, now, chance)))
        left -= now
    kind = "n_event" if isinstance(asked, OneSampleEvents) else "n"
    terms = list(found[0][1])
    together = [_together([(k, one[term]) for k, one in found]) for term in terms]
    return frame_of({"term": terms, "estimate": [m for m, _, _ in together], "std_error": [e for _, e, _ in together], kind: planned,
                     "spread": [s for _, _, s in together], "replicates": replicates})  # fmt: skip


def _together(batches: list[tuple[int, tuple[float, float, float]]]) -> tuple[float, float, float]:
    """Batches of replicates as one: their mean, its error and the spread within them."""
    k = np.array([size for size, _ in batches], dtype=float)
    mean, error, spread = np.array([values for _, values in batches]).T
    share = k / k.sum()
    return float(share @ mean), float(np.sqrt(share**2 @ error**2)), float(np.sqrt(share @ spread**2))
