"""What a control chart is judged by: its limit, how often sound results would cross it, and how often worse ones would."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import number, plural
from haip_outcomes.survival.intervals import level_in_words

TIE = 1e-9  # values of a chart that are equal on paper and were added up in another order


@dataclass(frozen=True)
class Limit:
    """The limit h of a chart: a signal is S >= h.

    `false_alarm` is the probability that the chart of a centre exactly as good as expected signals at least once in the
    planned period, `detection` that of a centre whose odds (or hazards) are what the chart looks for from the first case
    on. `below` is the next lower value the chart can have, with its `false_alarm_below`, which is above what was asked
    for. `exact`: nothing was simulated; otherwise `std_error` is that of `false_alarm` and `limit_std_error` that of h.
    """

    value: float
    asked: float
    false_alarm: float
    detection: float
    exact: bool
    below: float = math.nan
    false_alarm_below: float = math.nan
    std_error: float = 0.0
    limit_std_error: float = 0.0
    simulations: int = 0

    @property
    def method(self) -> str:
        """How the limit was found, for a sentence."""
        if math.isnan(self.false_alarm):
            return f"limit {number(self.value, 3)}, given beforehand (its false-alarm probability was not computed)"
        how = "exact" if self.exact else f"{self.simulations:,} simulated charts, standard error {number(100 * self.std_error, 2)} points"
        said = f"limit {number(self.value, 3)}"
        said += f" for at most {level_in_words(self.asked)}" if not math.isnan(self.asked) else ", given beforehand,"
        return f"{said} false alarms in the planned period ({number(100 * self.false_alarm, 2)}%, {how})"


def checked_false_alarm(false_alarm: float) -> float:
    """The false-alarm probability asked for."""
    if isinstance(false_alarm, bool) or not isinstance(false_alarm, (int, float, np.number)) or not 0 < false_alarm < 1:
        raise EndpointError(f"false_alarm is a probability between 0 and 1, such as 0.05 for 5%; got {false_alarm!r}.")
    return float(false_alarm)


def checked_limit(limit: float | Limit | None) -> float | Limit | None:
    """A limit given beforehand."""
    if limit is None or isinstance(limit, Limit):
        return limit
    if isinstance(limit, bool) or not isinstance(limit, (int, float, np.number)) or not 0 < limit < math.inf:
        raise EndpointError(f"limit must be a number above 0, or the Limit of another chart; got {limit!r}.")
    return float(limit)


def simulated_limit(highest: np.ndarray, shifted: np.ndarray, asked: float) -> Limit:
    """The smallest value that at most a share `asked` of the simulated charts reaches.

    `highest` (simulations,) are the highest values of charts in control, `shifted` of those that are to be found. A quantile
    that interpolates lies just below a value that many charts have, and would signal too often: so values are searched.
    """
    runs = np.sort(highest)
    n = len(runs)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(runs) > TIE]))  # the first of each different value
    reach = (n - starts) / n
    chosen = int(np.searchsorted(-reach, -asked))  # the first with reach <= asked
    if chosen == len(starts) or runs[starts[chosen]] <= TIE:
        refuse_too_few(asked, float(reach[-1]))
    value, alarm = float(runs[starts[chosen]]), float(reach[chosen])
    below, alarm_below = (float(runs[starts[chosen - 1]]), float(reach[chosen - 1])) if chosen else (math.nan, math.nan)
    return Limit(value, asked, alarm, _share(shifted, value), False, below, alarm_below, _error(alarm, n), _spread(runs, asked), n)


def simulated_alarms(highest: np.ndarray, shifted: np.ndarray, value: float) -> Limit:
    """A limit given beforehand, with how often simulated charts reach it."""
    alarm = _share(highest, value)
    return Limit(value, math.nan, alarm, _share(shifted, value), False, std_error=_error(alarm, len(highest)), simulations=len(highest))


def refuse_too_few(asked: float, least: float) -> None:
    """No height of the chart is rare enough."""
    raise EndpointError(f"So short a chart can have no limit with at most {level_in_words(asked)} false alarms: even its highest possible value is "
                        f"reached in {number(100 * least, 1)}% of sound periods. Plan more cases (planned=), or allow more false alarms.")  # fmt: skip


def _share(highest: np.ndarray, value: float) -> float:
    return float(np.mean(highest >= value - TIE))


def _error(share: float, n: int) -> float:
    return math.sqrt(share * (1 - share) / n)


def _spread(runs: np.ndarray, asked: float) -> float:
    """The standard error of an order statistic: half the distance of those one binomial standard error away."""
    n = len(runs)
    middle, step = n * (1 - asked), math.sqrt(n * asked * (1 - asked))
    low, high = max(int(middle - step), 0), min(math.ceil(middle + step), n - 1)
    return float(runs[high] - runs[low]) / 2


def told_planned(planned: int, given: int) -> str:
    """The number of cases a limit is for, where they are more than those given."""
    return plural(planned, "planned case") if planned != given else plural(given, "case")
