"""The simulation beside `patients_needed`: centres of another size drawn from this one's patients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.centre import (
    CentreNumber,
    at_horizon,
    incidence_median,
    proportion,
    survival_median,
)
from haip_outcomes.benchmark.comparison import Compared
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.benchmark.uncertainty import published_side
from haip_outcomes.benchmark.verdicts import CLEARLY, judge
from haip_outcomes.errors import EndpointError
from haip_outcomes.programme.safety_and_delivery import Count
from haip_outcomes.survival.results import frame_of
from haip_outcomes.survival.time_to_event import TimeToEvent


def simulated_chance(compared: Compared, n: int, *, rng: np.random.Generator | int, replicates: int = 500) -> pd.DataFrame:
    """With n patients like the present ones, how often would each verdict be given? By resampling the centre.

    Parameters
    ----------
    compared : one figure of a comparison. n : patients of the simulated centres, drawn with replacement from the present ones (of a
        proportion: binomial). rng : a numpy Generator, or a seed.

    Returns
    -------
    DataFrame : a row a convention and verdict (strength left out): level (the convention), term (the verdict), estimate (how often), std_error, n.

    Raises
    ------
    EndpointError : a comparison without the centre's number, or of days or hazard ratios, whose patients a comparison does not keep.

    >>> from haip_outcomes import compare, demo_cohort
    >>> figure = next(one for one in compare(demo_cohort()).judged if one.figure.id == "allen2005-compl")
    >>> found = simulated_chance(figure, 34, rng=1, replicates=50).set_index("term")["estimate"]
    >>> bool(found["within expected variation"] > 0.5)
    True
    """
    if compared.answers is None:
        raise EndpointError(f"{compared.figure.id} has no number of this centre's: {compared.reason}.")
    if n < 2 or replicates < 2:
        raise EndpointError(f"Simulated centres need at least 2 patients, and at least 2 of them are drawn; got {n} and {replicates}.")
    figure, theirs, chance = compared.figure, published_side(compared.figure), np.random.default_rng(rng)
    rows = []
    for ours in compared.answers.numbers:
        verdicts = [judge(_drawn(ours, figure, n, chance), theirs, figure.n, figure.better).verdict.removeprefix(CLEARLY) for _ in range(replicates)]
        for verdict, k in pd.Series(verdicts).value_counts().items():
            share = k / replicates
            rows.append((ours.convention, verdict, share, float(np.sqrt(share * (1 - share) / replicates))))
    level, term, estimate, error = map(list, zip(*rows, strict=True))
    return frame_of({"level": level, "term": term, "estimate": estimate, "std_error": error, "n": n, "replicates": replicates})


def _drawn(ours: CentreNumber, figure: PublishedFigure, n: int, chance: np.random.Generator) -> CentreNumber:
    """This centre's number in n patients like its own."""
    if ours.side.count is not None:
        return proportion(Count(int(chance.binomial(n, ours.side.estimate)), n), (figure.estimate or 0) * figure.scale)
    if ours.times is None:
        raise EndpointError("Only proportions, probabilities at a time and medians can be drawn again: a comparison does not keep the patients behind days and hazard ratios.")
    tte = drawn_again(ours.times, n, chance)
    expected = ours.tally.expected * n / ours.n
    if ours.unit == "probability":
        return at_horizon(tte, ours.cause, figure.horizon or np.nan, ours.convention, expected, events=ours.tally.raises)
    if ours.cause is not None:
        return incidence_median(tte, ours.cause, ours.convention, expected, ours.contrast)
    return survival_median(tte, ours.convention, expected, ours.contrast)


def drawn_again(tte: TimeToEvent, n: int, chance: np.random.Generator) -> TimeToEvent:
    """n patients drawn with replacement."""
    rows = chance.integers(0, len(tte), n)
    return replace(tte, time=tte.time[rows], state=tte.state[rows], index=pd.RangeIndex(n), entry=None if tte.entry is None else tte.entry[rows],
                   id=None if tte.id is None else np.arange(n))  # fmt: skip
