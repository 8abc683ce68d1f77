"""An engine without a library: patients counted one by one, binomial tails summed, quartiles by Python's own statistics module."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from haip_outcomes.prognosis.verification.asked import Task, early

Answer = dict[str, Any]


def answers(task: Task) -> list[Answer]:
    """What can be counted or written out for a task."""
    return list(_VERBS[task.recipe.verb](task))


# --- counting ---------------------------------------------------------------------------------------------------


def _patients(task: Task, code: int) -> list[tuple[float, int, float]]:
    """(time, state, entry) of each patient of a group; without late entry everybody is there from the beginning."""
    rows = task.of_group(code)
    entry = rows["entry"].tolist() if "entry" in rows else [-math.inf] * len(rows)
    return list(zip(rows["time"].tolist(), rows["state"].tolist(), entry, strict=True))


def _sizes(task: Task) -> Iterator[Answer]:
    """n and n_event of each group."""
    for code in task.codes:
        rows = _patients(task, code)
        reverse = task.recipe.get("reverse") == "yes"
        yield {"group": task.group_name(code), "n": len(rows), "n_event": sum((state == 0) if reverse else (state > 0) for _, state, _ in rows)}


def _whole(task: Task) -> Iterator[Answer]:
    """n and n_event of all patients (of the event of interest, where one is)."""
    cause = task.recipe.get("cause")
    states = task.data["state"].tolist()
    yield {"n": len(states), "n_event": sum(state == task.cause if cause else state > 0 for state in states)}


def _over_time(task: Task) -> Iterator[Answer]:
    """Patients, of whom the first row is marked, and the events that end a row."""
    yield {"n": sum(task.data["first"].tolist()), "n_event": sum(state > 0 for state in task.data["state"].tolist())}


def _inside(task: Task) -> Iterator[Answer]:
    """Those of the subgroup: the reference, or the number moved to 0; at a quartile nobody is counted."""
    if task.recipe.get("share"):
        return
    own = [f"x{j + 1}" for j, (term, _) in enumerate(task.terms) if term == task.recipe.get("within")]
    there = [not any(row) for row in task.data[own].to_numpy().tolist()]
    yield {"n": sum(there), "n_event": sum(state > 0 for state, inside in zip(task.data["state"].tolist(), there, strict=True) if inside)}


def _alike(task: Task) -> Iterator[Answer]:
    """Those with the levels of a profile (numbers may be any, but of only two the same), and who is still there at a time."""
    compared = []
    for j, (term, level) in enumerate(task.terms):
        column = task.data[f"x{j + 1}"].tolist()
        if ":" not in term and (level or len(set(column)) == 2):
            compared.append([value == task.profile[j] for value in column])
    states, n = task.data["state"].tolist(), len(task.data)
    same = [all(column[i] for column in compared) for i in range(n)]
    rows = _patients(task, 0)
    for time in task.times:
        yield {"time": time, "n": sum(same), "n_event": sum(state > 0 for state, one in zip(states, same, strict=True) if one),
               "n_risk": sum(time <= end and (entry < time or entry <= 0) for end, _, entry in rows)}  # fmt: skip


def _each_event(task: Task) -> Iterator[Answer]:
    for code in task.codes:
        rows = _patients(task, code)
        for k, name in enumerate(task.states, start=1):
            yield {"outcome": name, "group": task.group_name(code), "n": len(rows), "n_event": sum(state == k for _, state, _ in rows)}
        yield {"outcome": "censored", "group": task.group_name(code), "n": len(rows), "n_event": sum(state == 0 for _, state, _ in rows)}


def _tests(task: Task) -> Iterator[Answer]:
    states = task.data["state"].tolist()
    for k, name in enumerate(task.states, start=1):
        yield {"outcome": name, "n": len(states), "n_event": sum(state == k for state in states)}


def _at_times(task: Task) -> Iterator[Answer]:
    """How many are still there just before a time: entered before it, and not gone."""
    for code in task.codes:
        rows = _patients(task, code)
        for time in task.times:
            yield {"group": task.group_name(code), "time": time, "n_risk": sum(entry < time <= end or (time == 0 and end >= 0 and entry <= 0) for end, _, entry in rows)}


def _under_axis(task: Task) -> Iterator[Answer]:
    for code in task.codes:
        rows = _patients(task, code)
        for time in task.times:
            yield {"group": task.group_name(code), "time": time, "n_risk": sum(time <= end and (entry < time or entry <= 0) for end, _, entry in rows),
                   "n_event": sum(state > 0 and end < time for end, state, _ in rows), "n_censor": sum(state == 0 and end < time for end, state, _ in rows)}  # fmt: skip


def _of_either(task: Task) -> Iterator[Answer]:
    """How many of those treated, and of the others, are still there at a time."""
    for treated, name in ((1, task.recipe.get("treated")), (0, task.recipe.get("control"))):
        rows = [row for row, own in zip(_patients(task, 0), task.data["x1"].tolist(), strict=True) if own == treated]
        for time in task.times:
            yield {"group": name, "time": time, "n_risk": sum(time <= end and (entry < time or entry <= 0) for end, _, entry in rows)}


def _to_horizon(task: Task) -> Iterator[Answer]:
    for code in task.codes:
        rows = _patients(task, code)
        for time in task.times:
            yield {"group": task.group_name(code), "time": time, "n": len(rows), "n_event": sum(state > 0 and end <= time for end, state, _ in rows)}


def _probability(task: Task) -> Iterator[Answer]:
    cause = task.recipe.get("cause")
    rows = _patients(task, 0)
    for time in task.times:
        yield {"time": time, "n": len(rows), "n_event": sum((state == task.cause if cause else state > 0) and end <= time for end, state, _ in rows)}


def _levels(task: Task) -> Iterator[Answer]:
    cause = task.recipe.get("cause")
    rows = list(zip(task.data["level"].tolist(), task.data["state"].tolist(), strict=True))
    events = [level for level, state in rows if (state == task.cause if cause else state > 0)]
    for level in {level for level, _ in rows}:
        yield {"level": level, "n": sum(own == level for own, _ in rows), "n_event": events.count(level)}
    yield {"level": "", "n": len(rows), "n_event": len(events)}


# --- shares and days --------------------------------------------------------------------------------------------


def exact_limits(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's limits of k of n: the binomial tails summed term by term, inverted by bisection."""
    tail = (1 - level) / 2

    def at_least(p: float) -> float:
        return math.fsum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k, n + 1))

    def at_most(p: float) -> float:
        return math.fsum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k + 1))

    low = 0.0 if k == 0 else _root(lambda p: at_least(p) - tail)
    high = 1.0 if k == n else _root(lambda p: tail - at_most(p))
    return low, high


def _root(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def _share(k: int, n: int) -> Answer:
    low, high = exact_limits(k, n) if n else (math.nan, math.nan)
    return {"estimate": k / n if n else math.nan, "conf_low": low, "conf_high": high, "n": n, "n_event": k}


def _proportion(task: Task) -> Iterator[Answer]:
    known = [value for value in task.values["value"].tolist() if not math.isnan(value)]
    k, n = sum(value == 1 for value in known), len(known)
    if task.recipe.get("complement"):
        k = n - k
    yield {"quantity": "proportion", **_share(k, n)} if not task.recipe.get("beside") else _share(k, n)
    if not task.recipe.get("beside"):
        yield {"quantity": "not known", "n": len(task.values) - n}
        yield {"quantity": "left early", "n": 0}


def _early(task: Task) -> Iterator[Answer]:
    k, n = early(task)
    yield {"quantity": "proportion", **_share(k, n)} if not task.recipe.get("beside") else _share(k, n)
    if not task.recipe.get("beside"):
        yield {"quantity": "not known", "n": 0}
        yield {"quantity": "left early", "n": len(task.data) - n}


def _quartiles(values: list[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return (values[0],) * 3 if values else (math.nan,) * 3
    q1, middle, q3 = statistics.quantiles(values, n=4, method="inclusive")
    return q1, middle, q3


def _days(task: Task) -> Iterator[Answer]:
    known = sorted(value for value in task.values["value"].tolist() if not math.isnan(value))
    n = len(known)
    q1, middle, q3 = _quartiles(known)
    r, below = 0, 0.0  # the largest r with P(Binomial(n, 1/2) < r) <= 0.025
    while n and below + math.comb(n, r) / 2**n <= 0.025:
        below += math.comb(n, r) / 2**n
        r += 1
    limits = (known[r - 1], known[n - r]) if r else (math.nan, math.nan)
    head = {} if task.recipe.get("beside") else {"quantity": "median"}
    yield {**head, "estimate": middle, "conf_low": limits[0], "conf_high": limits[1], "n": n, "n_event": n}
    if head:
        yield {"quantity": "lower quartile", "estimate": q1, "n": n}
        yield {"quantity": "upper quartile", "estimate": q3, "n": n}
        yield {"quantity": "not known", "n": len(task.values) - n}
        yield {"quantity": "left early", "n": 0}


# --- Table 1 ----------------------------------------------------------------------------------------------------


def _characteristic(task: Task) -> Iterator[Answer]:
    known = [(group, value) for group, value in zip(task.values.get("group", [0] * len(task.values)), task.values["value"].tolist(), strict=True)]
    parts = [("All", [value for _, value in known])]
    parts += [(name, [value for group, value in known if group == k + 1]) for k, name in enumerate(task.groups)]
    there: list[list[Any]] = []
    for name, values in parts:
        own = [value for value in values if isinstance(value, str) or not math.isnan(value)]
        there.append(own)
        yield {"quantity": "missing", "group": name, "n": len(values), "n_event": len(values) - len(own)}
        if task.levels:
            for level in task.levels:
                k = own.count(level)
                yield {"quantity": "share", "group": name, "level": level, "estimate": k / len(own) if own else math.nan, "n": len(own), "n_event": k}
        else:
            for quantity, value in zip(("lower quartile", "median", "upper quartile"), _quartiles([float(x) for x in own]), strict=True):
                yield {"quantity": quantity, "group": name, "estimate": value, "n": len(own)}
    if len(there) == 3:
        yield {"quantity": "standardised difference", "estimate": _apart(there[1], there[2], task.levels)}


def _apart(one: list[Any], two: list[Any], levels: tuple[str, ...]) -> float:
    """The standardised difference: of means by the spread, of shares by their multinomial covariance."""
    if not one or not two:
        return math.nan
    if not levels:
        spread = math.sqrt((statistics.variance(one) + statistics.variance(two)) / 2)
        return abs(statistics.fmean(one) - statistics.fmean(two)) / spread if spread else math.nan
    seen = [level for level in levels if level in one or level in two][1:]
    if not seen:
        return 0.0
    p, q = (np.array([values.count(level) / len(values) for level in seen]) for values in (one, two))
    covariance = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    return float(np.sqrt((p - q) @ np.linalg.solve(covariance, p - q)))


def _missing(task: Task) -> Iterator[Answer]:
    values = task.values["value"].tolist()
    yield {"n": len(values), "n_event": sum(not isinstance(value, str) and (value is None or math.isnan(value)) for value in values)}


# --- beside the literature ----------------------------------------------------------------------------------------


def _one_sample(task: Task) -> Iterator[Answer]:
    """Events, and those expected under a hazard that is constant between printed points of a curve."""
    knots = [[float(x) for x in point.split(":")] for point in task.recipe.get("points").split(",")]
    hazard = [(0.0, 0.0)] + [(point[0], -math.log(point[1])) for point in knots if point[0] > 0]
    horizon = hazard[-1][0] if task.recipe.get("ends") else math.inf

    def cumulative(time: float) -> float:
        for (t0, h0), (t1, h1) in pairwise(hazard):
            if time <= t1:
                return h0 + (h1 - h0) * (time - t0) / (t1 - t0)
        (t0, h0), (t1, h1) = hazard[-2:]
        return h1 + (h1 - h0) * (time - t1) / (t1 - t0)

    rows = _patients(task, 0)
    spans = [(min(max(entry, 0.0), horizon), min(end, horizon)) for end, _, entry in rows]
    expected = math.fsum(cumulative(end) - cumulative(entry) for entry, end in spans)
    seen = sum(state > 0 and end <= horizon for end, state, _ in rows)
    yield {"quantity": "observed over expected", "estimate": seen / expected, "n": len(rows), "n_event": seen}
    error = {} if any(len(point) < 3 for point in knots) else {"std_error": math.sqrt(_of_expected(knots, spans))}
    yield {"quantity": "expected events", "estimate": expected, **error}


def _of_expected(points: list[list[float]], spans: list[tuple[float, float]]) -> float:
    """The variance that a curve's own patients add to the events expected: c' V c, V of the cumulative hazard at its points."""
    grid = [0.0, *(time for time, _, _ in points)]
    g = [(error / survival) ** 2 for _, survival, error in points]  # of ln S
    hats = np.eye(len(grid))[1:]
    entry, end = (np.array(side) for side in zip(*spans, strict=True))
    c = [float(np.sum(np.interp(end, grid, hat) - np.interp(entry, grid, hat))) for hat in hats]
    return math.fsum(c[k] * c[j] * g[min(k, j)] for k in range(len(c)) for j in range(len(c)))


def _contrast(task: Task) -> Iterator[Answer]:
    """This centre's number less (or over) the published one, from the two rows that stand before it."""
    for row in task.rows:
        before = task.shown.loc[: row - 1]
        before = before[before["analysis"] == task.shown.loc[row, "analysis"]]
        ours = before[before["quantity"] == "centre"]["estimate"]
        theirs = before[before["quantity"] == "published"]["estimate"]
        if not len(ours) or not len(theirs):
            continue
        a, b = float(ours.iloc[-1]), float(theirs.iloc[-1])
        yield {"row": row, "estimate": a - b if task.recipe.get("kind") == "difference" else a / b if b else math.nan}


_VERBS: dict[str, Callable[[Task], Iterator[Answer]]] = {
    "median": _sizes, "survival_curve": _at_times, "cumulative_incidence": _at_times, "restricted_mean": _to_horizon, "logrank": _whole, "gray": _tests,
    "incidence_counts": _each_event, "first_events": _each_event, "at_risk": _under_axis, "levels": _levels, "probability": _probability, "crossing": _whole,
    "cox": _whole, "fine_gray": _whole, "likelihood_ratio": _whole, "linearity": _whole, "cox_over_time": _over_time, "subgroup": _inside, "profile": _alike,
    "treatment_ratio": _tests, "treatment_risk": _tests, "treatment_mean": _tests, "treatment_at_risk": _of_either, "proportion": _proportion, "early_deaths": _early, "days": _days, "characteristic": _characteristic,
    "missing": _missing, "one_sample": _one_sample, "contrast": _contrast,
}  # fmt: skip
