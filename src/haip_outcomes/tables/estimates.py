"""The numbers of a curve as a table or a report prints them: all of them, or, for outside, those that rest on no small count.

The frames are those of `.median()` and `.at(times)`. For outside, `n` and `n_event` are missing where they are hidden, estimates that
rest on a hidden count are missing with `hidden` true, and shares and times are rounded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from haip_outcomes.survival.counts import RiskSets
from haip_outcomes.survival.curves.aalen_johansen import CumulativeIncidence
from haip_outcomes.survival.curves.kaplan_meier import SurvivalCurve
from haip_outcomes.tables.disclosure import AT_RISK, CURVE, FEW, OPEN, SIZES, Policy, is_small

_LIMITS = ("estimate", "conf_low", "conf_high")
_COUNTS = ("std_error", "n_risk", "n_censor", "n_event")


def medians(curve: SurvivalCurve, policy: Policy = OPEN, *, method: str = "brookmeyer-crowley") -> pd.DataFrame:
    """`curve.median()`, or what of it may be shown outside."""
    found = curve.median(method=method)
    if not policy.hides:
        return found
    rows = []
    for one, row in zip(curve.sets, found.to_dict("records"), strict=True):
        n, events = sizes(one, policy, [one.group for one in curve.sets], curve.sets)
        few = one.n_events() < FEW or not policy.enough(one.n)
        rows.append(row | {"n": one.n if n else np.nan, "n_event": one.n_events() if events else np.nan, "hidden": few, "std_error": np.nan,
                           **{name: np.nan if few else policy.time(row[name], curve.unit) for name in _LIMITS}})  # fmt: skip
    return pd.DataFrame(rows)


def values_at(result: SurvivalCurve | CumulativeIncidence, times: Sequence[float], policy: Policy = OPEN) -> pd.DataFrame:
    """`result.at(times)` where it says something, or what of it may be shown outside."""
    at = answered(result.at(list(times)))
    if not policy.hides:
        return at
    at = at.assign(hidden=False)
    for one in result.sets:
        for code, outcome in _outcomes(result):
            tell_apart(one, code, times, policy)
            for time in times:
                chosen = (at["time"] == time) & (at["group"].isna() if one.group is None else at["group"] == one.group)
                chosen &= (at["outcome"] == outcome) if outcome else True
                if chosen.any() and not (policy.shows(before(one, code, time), one.rows.index) and policy.enough(one.n)):
                    at.loc[chosen, "hidden"] = True
    for name in _LIMITS:
        at[name] = [np.nan if hidden else policy.share(value) for hidden, value in zip(at["hidden"], at[name], strict=True)]
    return at.drop(columns=[name for name in (*_COUNTS, "n") if name in at])


def sizes(one: RiskSets, policy: Policy, groups: Sequence[str | None], sets: Sequence[RiskSets], code: int | None = None) -> tuple[bool, bool]:
    """Whether the patients of a group, and those with an event, may be shown."""
    index = one.rows.index
    if len(groups) > 1:
        everybody = sets[0].rows.index
        for other in sets[1:]:
            everybody = everybody.append(other.rows.index)
        n = policy.family(everybody, [other.rows.index for other in sets], SIZES)[[other.group for other in sets].index(one.group)]
    else:
        n = policy.shows(index, index, SIZES)
    kinds = [index[one.rows.state == k] for k in range(1, len(one.rows.states) + 1)]
    each = policy.family(index, kinds)
    if code is not None:
        return n, each[code - 1]
    return n, policy.shows(index[one.rows.state > 0], index)


def before(one: RiskSets, code: int | None, time: float) -> pd.Index:
    """The patients of a group who had the event (of any kind, or of this code) up to and including a time."""
    rows = one.rows
    return rows.index[((rows.state > 0) if code is None else (rows.state == code)) & (rows.time <= time)]


def tell_apart(one: RiskSets, code: int | None, times: Sequence[float], policy: Policy) -> None:
    """Few events between two times must not follow from what is shown at both."""
    found = [before(one, code, time) for time in times]
    for i, earlier in enumerate(found):
        for later in found[i + 1 :]:
            if is_small(len(later) - len(earlier)):
                policy.keep(later.difference(earlier))


def at_risk_shown(one: RiskSets, times: Sequence[float], policy: Policy, *, fates: bool = True) -> list[tuple[bool, bool, bool]]:
    """At each time, whether the numbers at risk, with an event before, and censored before may be shown."""
    rows = one.rows
    index, gone = rows.index, rows.time[None, :] < np.asarray(times, dtype=float)[:, None]
    kinds = [~gone, gone & (rows.state > 0), gone & (rows.state == 0)]
    if rows.entry is not None:  # those who enter later are at risk later
        kinds[0] = ~gone & ((rows.entry[None, :] < np.asarray(times)[:, None]) | (rows.entry[None, :] <= 0))
    for kind in kinds:
        for i in range(len(times)):
            for j in range(i + 1, len(times)):
                if is_small(int((kind[i] ^ kind[j]).sum())) and (rows.entry is None or kind is not kinds[0]):
                    policy.keep(index[kind[i] ^ kind[j]])
    return [(*policy.family(index, [index[kind[i]] for kind in kinds], AT_RISK),) for i in range(len(times))]  # type: ignore[misc]


UNTESTED = "not tested in a report for outside, because a group has one to four events, or one to four patients without one."


def tests_shown(sets: Sequence[RiskSets], code: int | None, policy: Policy) -> bool:
    """Whether groups may be compared: the number of events in a small group can be worked out from a test's statistic."""
    events = [one.n_events(code) for one in sets]
    return not policy.hides or not any(is_small(k) or is_small(one.n - k) for k, one in zip(events, sets, strict=True))


def monthly(result: SurvivalCurve | CumulativeIncidence, one: RiskSets, code: int | None, policy: Policy) -> pd.DataFrame:
    """A curve for outside: time, estimate and limits at whole months, rounded, where at least 5 more events have happened.

    It begins at time zero and ends at the last such month with at least 5 patients at risk; between its points it is drawn straight,
    as a life table is, so that no step stands for fewer than 5 patients.
    """
    step = {"days": 30.0, "weeks": 4.0, "months": 1.0, "years": 1 / 12}.get(result.unit, 1.0)
    start = 1.0 if isinstance(result, SurvivalCurve) else 0.0
    last = float(one.rows.time.max())
    grid = [step * i for i in range(1, int(last / step) + 1)]
    grid = [time for time, n in zip(grid, one.at_risk(np.array(grid)), strict=True) if n >= FEW] if grid else []
    index = one.rows.index
    safe = [time for time in grid if len(before(one, code, time)) and policy.shows(before(one, code, time), index, CURVE)]
    kept: list[float] = []
    for time in safe:
        if not kept or len(before(one, code, time)) > len(before(one, code, kept[-1])):
            kept.append(time)
    points = [[0.0, start, start, start]]
    if kept and policy.enough(one.n):
        at = result.at(kept)
        at = at[at["group"] == one.group] if one.group is not None else at
        if code is not None:
            at = at[at["outcome"] == one.rows.states[code - 1]]
        points += [[row["time"], *(policy.share(row[name]) for name in _LIMITS)] for row in at.to_dict("records")]
    elif grid and not len(before(one, code, grid[-1])):  # nobody had the event while 5 were followed: level, and no secret
        points.append([grid[-1], start, start, start])
    return pd.DataFrame(points, columns=["time", *_LIMITS])


def answered(at: pd.DataFrame) -> pd.DataFrame:
    """The rows of an `.at(times)` that say something: somebody is at risk, or everybody has had an event.

    A step function carries its last value on; where follow-up has ended with patients still free of events, what happens
    later is not known.
    """
    shares = at["estimate"] if "outcome" in at else 1 - at["estimate"]
    happened = shares.groupby([at["group"].fillna(""), at["time"]]).transform("sum")
    return at[(at["n_risk"] > 0) | (happened >= 1 - 1e-9)]


def _outcomes(result: SurvivalCurve | CumulativeIncidence) -> list[tuple[int | None, str]]:
    if isinstance(result, SurvivalCurve):
        return [(None, "")]
    return list(enumerate(result.states, start=1))
