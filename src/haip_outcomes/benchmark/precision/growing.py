"""A centre's number as it would be with more patients like these: the same estimate, its limits closer."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from statistics import NormalDist

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.centre import AT_RISK, CentreNumber, Tally
from haip_outcomes.benchmark.published_figure import z_of
from haip_outcomes.benchmark.uncertainty import Contrast, Side, contrasted, wilson
from haip_outcomes.survival.time_to_event import TimeToEvent

EDGE = 1e-9


def level_of(z: float) -> float:
    """The level whose normal quantile is z: 0.95 of 1.96."""
    return 2 * NormalDist().cdf(z) - 1


@dataclass(frozen=True)
class Grown(CentreNumber):
    """A centre's number with `factor` times the patients, whose estimate is what it is now.

    `times` are copies of the present ones (those at risk late count as often as they would), `present` they themselves.
    """

    factor: float = 1.0
    present: CentreNumber | None = None

    def free_at(self, time: float) -> Side:
        """The event-free probability at a time, with its limits as they would be."""
        assert self.present is not None
        return grown_side(self.present.free_at(time), self.factor)


def grown(ours: CentreNumber, factor: float) -> Grown:
    """The same number with `factor` times the patients (infinitely many: known), each followed as the present ones are."""
    same = {field.name: getattr(ours, field.name) for field in fields(CentreNumber)}
    size = 1e6 if math.isinf(factor) else factor
    tally = Tally(round(ours.tally.seen * size), ours.tally.expected * size, None if ours.tally.of is None else round(ours.tally.of * size),
                  ours.tally.raises, ours.tally.things)  # fmt: skip
    times = None if ours.times is None else copies(ours.times, int(min(size, AT_RISK)))
    changed = {"side": grown_side(ours.side, factor), "tally": tally, "n": round(ours.n * size), "n_event": round(ours.n_event * size), "times": times}
    return Grown(**{**same, **changed}, factor=factor, present=ours)


def copies(tte: TimeToEvent, k: int) -> TimeToEvent:
    """The same patients k times over."""
    if k <= 1:
        return tte
    key = None if tte.id is None else np.concatenate([tte.id + i * (int(tte.id.max()) + 1) for i in range(k)])
    return replace(tte, time=np.tile(tte.time, k), state=np.tile(tte.state, k), index=pd.RangeIndex(k * len(tte)),
                   entry=None if tte.entry is None else np.tile(tte.entry, k), id=key)  # fmt: skip


def grown_side(side: Side, factor: float) -> Side:
    """An estimate whose standard error is smaller by the root of `factor`.

    Its limits at z are those of the present patients at z / sqrt(factor): on every scale on which limits are made, and read
    off the curve for a median, this is what copies of the present patients would give. Of a proportion they are Wilson's for
    k and n times the factor; at the edge (nobody, or everybody) the exact limit of so many more.
    """
    if side.limits is None or factor == 1:
        return side
    limits, x, error = side.limits, side.estimate, side.std_error / math.sqrt(factor)
    if math.isinf(factor):
        return replace(side, limits=lambda level: (x, x), count=None, std_error=error)
    if side.count is not None:
        size = side.count[1] * factor
        return replace(side, limits=lambda level: wilson(x, size, level), count=None, std_error=error)

    def closer(level: float) -> tuple[float, float]:
        low, high = limits(level_of(z_of(level) / math.sqrt(factor)))
        edges = limits(level)
        if x <= EDGE and edges[0] == 0:
            return 0.0, 1 - (1 - edges[1]) ** (1 / factor)
        if abs(x - 1) <= EDGE and edges[1] == 1:
            return edges[0] ** (1 / factor), 1.0
        return low, high

    return replace(side, limits=closer, std_error=error)


def shown_with_power(centre: Side, published: Side, contrast: Contrast, power: float, level: float = 0.95) -> bool:
    """Whether the interval of the difference would exclude none with this chance, were the centre's estimate the truth.

    The published value stays as it is printed; the centre's next estimate scatters about the present one. Unlucky by z_power
    standard errors it lies at the present limit of that z, and its own limit at that of z + z_power: from there MOVER's interval.
    """
    if centre.limits is None or published.limits is None or math.isnan(centre.estimate):
        return False
    zb, z = NormalDist().inv_cdf(power), z_of(level)
    if zb <= 0:
        _, low, high = contrasted(centre, published, contrast, level)
        none = 1.0 if contrast == "ratio" else 0.0
        return low > none or high < none
    above = centre.estimate > published.estimate
    side = 0 if above else 1
    unlucky, limit = centre.limits(level_of(zb))[side], centre.limits(level_of(z + zb))[side]
    theirs = published.limits(level)[1 - side]
    if any(math.isnan(value) for value in (unlucky, limit, theirs)):
        return False
    values = [unlucky, limit, published.estimate, theirs]
    if contrast == "ratio":
        if min(values) <= 0 or math.isinf(max(values)):
            return False
        values = [math.log(value) for value in values]
    unlucky, limit, x0, theirs = values
    distance = (unlucky - x0) if above else (x0 - unlucky)
    return distance > math.hypot(unlucky - limit, theirs - x0)
