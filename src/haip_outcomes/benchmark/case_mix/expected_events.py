"""Events observed beside the events that a reference model expects of these patients, group by group."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from haip_outcomes.formatting import interval, number, plural
from haip_outcomes.survival.comparing.poisson_ratio import exact_limits, mid_p, mid_p_limits
from haip_outcomes.survival.intervals import critical_value
from haip_outcomes.survival.results import frame_of, in_order, shown_as_html


@dataclass(frozen=True, eq=False, repr=False)
class Expected:
    """Observed and expected events. `tidy()` has a row a group, `glance()` one of all together, `each` a row a patient.

    Attributes
    ----------
    each : indexed as the cohort's frame: observed (0 or 1), expected, group (missing without `by`).
    variance : group -> Var(E), from the reference model's own patients; the last, of all, under "".
    chance : group -> variance of O if the model is true: E for times, sum p (1 - p) for yes or no.
    notes : sentences to be read with the numbers: who was left out, cut off or lies outside the model's range.
    method : the sentence the result writes about itself.
    """

    each: pd.DataFrame
    groups: tuple[str, ...]
    variance: dict[str, float]
    chance: dict[str, float]
    poisson: bool
    same_patients: bool
    conf_level: float
    notes: tuple[str, ...]
    method: str

    def tidy(self) -> pd.DataFrame:
        """A row a group (without `by` one row): O/E and how sure it is.

        group; estimate (O/E); std_error (of its logarithm, the model's uncertainty in it); conf_low and conf_high (exact Poisson, the
        model taken as known); p_value (mid-p, likewise); n, n_event (O), n_expected (E), variance_of_expected; mid_p_low, mid_p_high;
        total_low, total_high (O/E exp(-+ z sqrt(1/O + Var(E)/E^2))) and total_p_value, which count the model's uncertainty.
        Where the patients are those the model was made from, Var(E) is not a further uncertainty: the total columns are missing.
        """
        return in_order(pd.concat([self._row(name) for name in self.groups or ("",)], ignore_index=True))

    def glance(self) -> pd.DataFrame:
        """One row, as in `tidy()`, of all groups together."""
        return in_order(self._row(""))

    @property
    def sentences(self) -> tuple[str, ...]:
        """Each group in words, then the notes."""
        said = []
        for row in self.tidy().to_dict("records"):
            low, high = ("conf_low", "conf_high") if self.same_patients else ("total_low", "total_high")
            who = f"{row['group']}: " if row["group"] else ""
            said.append(f"{who}{plural(int(row['n_event']), 'event')} against {number(row['n_expected'], 1)} expected of {plural(int(row['n']), 'patient')}; "
                        f"observed/expected {interval(row['estimate'], row[low], row[high])}.")  # fmt: skip
        return (*said, *self.notes)

    def __repr__(self) -> str:
        return "\n".join([*self.sentences, self.method])

    def _repr_html_(self) -> str:
        return shown_as_html("Observed and expected", self.tidy(), " ".join([self.method, *self.notes]))

    def _row(self, name: str) -> pd.DataFrame:
        own = self.each if name == "" else self.each[self.each["group"] == name]
        o, e = int(own["observed"].sum()), float(own["expected"].sum())
        v, level = self.variance[name], self.conf_level
        exact, mid = exact_limits(o, e, level), mid_p_limits(o, e, level)
        error = math.sqrt(1 / o + v / e**2) if o else math.nan
        total = (math.nan, math.nan) if self.same_patients else total_limits(o, e, v, level)
        chance = (o + e) / 2 if self.poisson else self.chance[name]
        p = math.nan if self.same_patients else float(2 * ndtr(-abs(o - e) / math.sqrt(chance + v)))
        return frame_of({
            "group": [name or None], "estimate": [o / e], "std_error": [error], "conf_low": [exact[0]], "conf_high": [exact[1]],
            "p_value": [mid_p(o, e)], "n": [len(own)], "n_event": [o], "n_expected": [e], "variance_of_expected": [v],
            "mid_p_low": [mid[0]], "mid_p_high": [mid[1]], "total_low": [total[0]], "total_high": [total[1]], "total_p_value": [p],
        })  # fmt: skip


def total_limits(observed: int, expected: float, variance: float, conf_level: float) -> tuple[float, float]:
    """Limits of O/E that count the uncertainty of E: log-normal, SE sqrt(1/O + Var(E)/E^2).

    With no event the lower limit is 0, and the upper the ratio at which no event has probability a/2 if E itself is gamma
    distributed: s ((a/2)^(-1/s) - 1)/E with s = E^2/Var(E), which is the exact limit -ln(a/2)/E as Var(E) goes to 0.
    """
    if observed:
        reach = critical_value(conf_level) * math.sqrt(1 / observed + variance / expected**2)
        ratio = observed / expected
        return ratio * math.exp(-reach), ratio * math.exp(reach)
    tail = (1 - conf_level) / 2
    if variance <= 0:
        return 0.0, -math.log(tail) / expected
    strength = expected**2 / variance
    return 0.0, strength * float(np.expm1(-math.log(tail) / strength)) / expected
