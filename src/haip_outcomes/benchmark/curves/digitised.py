"""A curve read from a figure, and the numbers at risk below it: checked, all problems at once, before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.curves.given_numbers import absent, number_of, shown, unit_problems
from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed, plural

JITTER = 0.02  # a rise that clicking on a printed figure can explain; a larger one is a mistake, or another curve
MOST = 1_000_000  # patients; no published curve has more, and each becomes a row
_SAME = 1e-9


@dataclass(frozen=True)
class Digitised:
    """A curve that begins at (0, 1) and never rises, and the numbers at risk, the first at time 0.

    `clicked` is survival as it was given, with the point (0, 1), where every survival curve begins, in front if it was left out.
    `smoothed` counts the points that lay above an earlier one and were brought down to it. `doubt` says what looks wrong and may be right.
    """

    times: np.ndarray
    survival: np.ndarray
    risk_times: np.ndarray
    n_risk: np.ndarray
    clicked: np.ndarray
    smoothed: int = 0
    doubt: str = ""

    @property
    def n(self) -> int:
        """Patients at time zero."""
        return int(self.n_risk[0])

    @cached_property
    def first(self) -> np.ndarray:
        """The first point at or after the time of each number at risk; one beyond the end where there is none."""
        return np.searchsorted(self.times, self.risk_times, side="left")

    @cached_property
    def used(self) -> np.ndarray:
        """Which numbers at risk have a point before the next: the others say nothing that the curve could be held to."""
        return np.append(self.first[:-1] < self.first[1:], self.first[-1] < len(self.times))


def digitised(curve: Any, at_risk: Any, *, events: int | None = None, unit: str = "months") -> Digitised:
    """The points and the numbers at risk, or an error that names everything that is wrong with them."""
    problems = unit_problems(unit)
    points = _pairs(curve, ("time", "survival"), "the curve", problems)
    risks: np.ndarray | None = None
    n = number_of(at_risk)
    if n is not None and np.isfinite(n):
        risks = np.array([[0.0, n]])
    elif isinstance(at_risk, (str, bytes)) or not hasattr(at_risk, "__len__"):
        problems.append(f"the numbers at risk are {shown(at_risk)}; give a frame with time and n_risk, or the number of patients")
    else:
        risks = _pairs(at_risk, ("time", "n_risk"), "the numbers at risk", problems)
    if points is not None:
        problems += _curve_problems(points[:, 0], points[:, 1], unit)
    if risks is not None:
        problems += _risk_problems(risks[:, 0], risks[:, 1], unit)
    if events is not None:
        if isinstance(events, bool) or not isinstance(events, (int, np.integer)) or events < 0:
            problems.append(f"events must be a whole number, the events that the source prints; got {events!r}")
        elif risks is not None and events > risks[0, 1]:
            problems.append(f"{events} events among {risks[0, 1]:g} patients")
        elif events == 0 and points is not None and 0 <= points[:, 1].min() < 1 - JITTER and points[:, 1].max() <= 1.5:
            problems.append(f"there are 0 events, and the curve falls to {points[:, 1].min():g}: leave events out where the source does not print them")
    if points is not None and risks is not None and not problems:
        problems += _mismatches(points, risks, unit)
    if problems or points is None or risks is None:
        head = f"This curve can't be reconstructed: {plural(len(problems), 'problem')}."
        raise EndpointError("\n".join([head, *(f"  {line}" for line in problems)]))
    if points[0, 0] > 0:
        points = np.vstack([[0.0, 1.0], points])
    survival = np.minimum.accumulate(points[:, 1])
    smoothed = int((points[:, 1] > survival + _SAME).sum())
    if survival[0] < 1 - _SAME:  # within the jitter: the curve is 1 at time zero
        survival[0], smoothed = 1.0, smoothed + 1
    return Digitised(points[:, 0], survival, risks[:, 0], np.rint(risks[:, 1]), points[:, 1], smoothed, _doubt(points, risks, unit))


def _pairs(given: Any, names: tuple[str, str], what: str, problems: list[str]) -> np.ndarray | None:
    """Two columns of numbers, of a frame by their names or of anything else in that order."""
    if isinstance(given, pd.DataFrame):
        lacking = [name for name in names if name not in given.columns]
        for name in lacking:
            problems.append(f'{what}: there is no column "{name}". {did_you_mean(name, map(str, given.columns))}')
        if lacking:
            return None
        given = given[list(names)]
    try:
        cells = np.asarray(given, dtype=object)
    except ValueError:
        cells = np.zeros(0, dtype=object)
    if cells.ndim != 2 or cells.shape[1] != 2 or not len(cells):
        problems.append(f"{what} must have two columns, {listed(names)}, and a row for each point; its shape is {cells.shape}")
        return None
    numbers = [[np.nan if absent(cell) else number_of(cell) for cell in row] for row in cells]
    text = np.array([None in row for row in numbers])
    if text.any():
        problems.append(f"{what}: {listed(names)} must be numbers, and some are text or otherwise none: {_points(text)}")
        return None
    array = np.array(numbers, dtype=float)
    wrong = ~np.isfinite(array).all(axis=1)
    if wrong.any():
        problems.append(f"{what}: {_points(wrong)} missing or infinite")
        return None
    return array


def _points(wrong: np.ndarray, most: int = 5) -> str:
    """Which rows, counted from 1: "row 4 is", "rows 4, 9 are"."""
    rows = [str(row + 1) for row in np.flatnonzero(wrong)]
    shown = ", ".join(rows[:most]) + (", ..." if len(rows) > most else "")
    return f"row {shown} is" if len(rows) == 1 else f"rows {shown} are"


def _curve_problems(times: np.ndarray, survival: np.ndarray, unit: str) -> Iterator[str]:
    if len(times) < 2:
        yield "the curve has one point; a curve needs at least two"
        return
    if (times < 0).any():
        yield f"the curve: {_points(times < 0)} before time zero"
    back = np.r_[False, np.diff(times) < 0]
    if back.any():
        first = int(np.flatnonzero(back)[0])
        yield (f"the curve's times are out of order: {_points(back)} earlier than the row before "
               f"({times[first]:g} after {times[first - 1]:g} {unit}); sort the points, or look for one that was clicked twice")  # fmt: skip
    if times[0] == times[-1] and not back.any():
        yield f"all points of the curve lie at {times[0]:g} {unit}"
    high = survival > 1 + _SAME
    if survival.max() > 1.5:
        yield f"the curve's survival reaches {survival.max():g}: these look like per cent; divide by 100, so that it begins at 1"
        return
    if high.any() or (survival < 0).any():
        wrong = high | (survival < 0)
        yield (f"survival must lie between 0 and 1: {_points(wrong)} outside ({survival[wrong][0]:g}); "
               "write 1 or 0 where the pen slipped over the edge")  # fmt: skip
    if times[0] == 0 and survival[0] < 1 - JITTER:
        yield (f"the curve begins at {survival[0]:g} at time 0, and a survival curve begins at 1: a curve of cumulative incidence "
               "rises from 0 (with deaths as competing events it can't be reconstructed in this way), and a broken axis must be undone")  # fmt: skip
    lowest = np.minimum.accumulate(survival)
    rise = survival - lowest
    if rise.max() > JITTER + _SAME:
        worst = int(rise.argmax())
        yield (f"the curve rises: {survival[worst]:g} at {times[worst]:g} {unit} after {lowest[worst]:g}, by more than the "
               f"{JITTER:g} that unsteady clicking explains; were two curves mixed?")  # fmt: skip


def _risk_problems(times: np.ndarray, n_risk: np.ndarray, unit: str) -> Iterator[str]:
    if times[0] != 0:
        yield f"the numbers at risk begin at {times[0]:g} {unit}; the first must be all patients, at time 0"
    back = np.r_[False, np.diff(times) <= 0]
    if back.any():
        yield f"the times of the numbers at risk are out of order: {_points(back)} not later than the row before"
    whole = np.abs(n_risk - np.rint(n_risk)) <= _SAME
    if not whole.all() or (n_risk < 0).any():
        yield f"numbers at risk must be whole and not negative: {_points(~whole | (n_risk < 0))} not"
    if n_risk[0] > MOST:
        yield f"{n_risk[0]:.0f} patients; at most {MOST:,} are reconstructed, and no published curve has so many"
    if n_risk[0] < 1:
        yield "the numbers at risk begin at 0: there are no patients"
    up = np.r_[False, np.diff(n_risk) > 0]
    if up.any():
        first = int(np.flatnonzero(up)[0])
        yield (f"the numbers at risk rise: {n_risk[first]:g} at {times[first]:g} {unit} after {n_risk[first - 1]:g}; nobody can "
               "come back (with delayed entry the curve can't be reconstructed in this way)")  # fmt: skip


def _mismatches(points: np.ndarray, risks: np.ndarray, unit: str) -> Iterator[str]:
    """What points and numbers at risk, each sound, say of each other."""
    later = risks[1:][risks[1:, 1] > 0]
    if len(later) and (later[:, 0] > points[-1, 0]).all():
        yield (f"the first number at risk after time 0 is at {later[0, 0]:g} and the curve ends at {points[-1, 0]:g} {unit}: "
               "are both in the same unit? Otherwise give the number of patients alone")  # fmt: skip


def _doubt(points: np.ndarray, risks: np.ndarray, unit: str) -> str:
    """A table of numbers at risk in years beside a curve in months looks like one that ends early: told, as it may be just that."""
    last, end = float(risks[-1, 0]), float(points[-1, 0])
    if len(risks) < 2 or 4 * last > end:
        return ""
    return f"the last number at risk stands at {last:g} {unit} and the curve goes to {end:g} (are both in the same unit?)"
