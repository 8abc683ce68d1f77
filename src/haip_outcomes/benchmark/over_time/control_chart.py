"""The result of a control chart: a row a case (or a death), its limit, its signals."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from haip_outcomes.benchmark.over_time.control_limits import Limit
from haip_outcomes.formatting import listed, number, plural
from haip_outcomes.survival.results import frame_of, in_order, shown_as_html


@dataclass(frozen=True, eq=False, repr=False)
class Cusum:
    """A risk-adjusted CUSUM. `tidy()` has a row a case (of survival: a row a death); `limit` is what a signal is judged by.

    `signals` are the cases (of survival: the times) at which the chart reached its limit. `path` is the line to draw:
    `at` (case number or calendar time), `statistic` and `observed_minus_expected`. `counts` are of the whole chart.
    """

    frame: pd.DataFrame
    limit: Limit
    ratio: float
    path: pd.DataFrame = field(repr=False)
    counts: dict[str, float]
    at: str  # "case" or "time"
    x_label: str
    events: str  # what is counted, in the plural
    method: str

    def tidy(self) -> pd.DataFrame:
        """A row a case (or a death) in order: the chart's value, whether it signals, and observed minus expected so far."""
        return in_order(self.frame)

    @property
    def signals(self) -> tuple[float, ...]:
        """The case numbers (or calendar times) of the signals, in order; empty when there was none."""
        found = self.frame.loc[self.frame["signal"], self.at]
        return tuple(int(value) if self.at == "case" else float(value) for value in found)

    def glance(self) -> pd.DataFrame:
        """One row: observed, expected, the limit and what is known of it, how many signals and the first of them."""
        limit, signals = self.limit, self.signals
        row = {"estimate": self.counts["n_event"] / self.counts["n_expected"], "statistic": float(self.path["statistic"].iloc[-1]),
               "n": int(self.counts["n"]), "n_event": int(self.counts["n_event"]), "n_expected": self.counts["n_expected"],
               "ratio": self.ratio, "limit": limit.value, "limit_std_error": limit.limit_std_error, "false_alarm": limit.false_alarm,
               "false_alarm_std_error": limit.std_error, "detection": limit.detection, "exact": limit.exact,
               "simulations": limit.simulations, "n_signals": len(signals), "first_signal": signals[0] if signals else float("nan")}  # fmt: skip
        return frame_of({name: [value] for name, value in row.items()})

    @property
    def sentence(self) -> str:
        """What the chart says, in words."""
        seen = (f"{plural(int(self.counts['n_event']), 'event')} where {number(self.counts['n_expected'], 1)} were expected, "
                f"among {plural(int(self.counts['n']), 'patient')}")  # fmt: skip
        where = [f"{value:g}" if self.at == "case" else number(value, 1) for value in self.signals]
        if not where:
            return f"{seen}: the chart has not reached its limit of {number(self.limit.value, 2)}. That is no proof that nothing has changed."
        unit = "case" if self.at == "case" else self.x_label.split(" ")[0].lower().removesuffix("s")
        return f"{seen}: the chart reached its limit of {number(self.limit.value, 2)} at {unit}{'s' if len(where) > 1 else ''} {listed(where)}."

    def __repr__(self) -> str:
        return f"Cusum: {self.sentence} {self.method}"

    def _repr_html_(self) -> str:
        return shown_as_html("CUSUM", self.tidy(), self.method)
