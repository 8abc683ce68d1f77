"""The answer to "how many?": one row a formula, and what another size would give."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Protocol

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import number, plural
from haip_outcomes.survival.results import frame_of, shown_as_html

MOST = 1_000_000
LARGEST = 1_000_000_000  # patients (or events) above which a number is no answer any more
TOO_MANY = f"more than {LARGEST:,} patients would be needed, which nobody can treat"
Simulated = dict[str, tuple[float, float, float]]  # what is simulated -> mean, its Monte Carlo error, spread of one run


class Question(Protocol):
    """What was asked, so that it can be asked again of another size and simulated."""

    def at(self, size: float) -> Mapping[str, float]:
        """What this many patients (or events) would give, by formula."""

    def simulated(self, size: float, replicates: int, rng: np.random.Generator) -> Simulated:
        """What they give in simulated patients."""


@dataclass(frozen=True, eq=False, repr=False)
class SampleSize:
    """How many patients (or expected events) a question needs.

    `n` (or `n_event`) is the leading formula's answer, None where no number would do; `tidy()` has a row a formula, its first the
    leading one; `at(sizes)` says what other sizes would give, and `asked` keeps the question, which `simulated_power` simulates.
    """

    frame: pd.DataFrame
    method: str
    asked: Question
    reason: str = ""

    def tidy(self) -> pd.DataFrame:
        """A row a formula: term (its name), estimate (before rounding up), n or n_event, then what the question was and what it rests on."""
        return self.frame.copy()

    def glance(self) -> pd.DataFrame:
        """One row: the leading formula's."""
        return self.frame.iloc[[0]].reset_index(drop=True)

    @property
    def n(self) -> int | None:
        """Patients by the leading formula; None where no number would do, or where events are the answer."""
        return _whole(self.frame["n"].iloc[0])

    @property
    def n_event(self) -> float | None:
        """Expected events by the leading formula; None where patients are the answer."""
        found = self.frame["n_event"].iloc[0] if "n_event" in self.frame else math.nan
        return None if pd.isna(found) else float(found)

    def at(self, sizes: float | Sequence[float]) -> pd.DataFrame:
        """What other sizes would give (half-width, factor or power), a row a size."""
        try:
            asked = [float(size) for size in np.atleast_1d(np.asarray(sizes, dtype=float)).ravel()]
        except (TypeError, ValueError):
            raise EndpointError(f"at takes numbers of patients (or events), such as 34 or [34, 60]; got {sizes!r}.") from None
        if not asked:
            raise EndpointError("at takes one size or more, such as 34 or [34, 60]; it got none.")
        for size in asked:
            if not (math.isfinite(size) and size > 0):
                raise EndpointError(f"A size is a number of patients or events above 0; got {size:g}.")
        kind = "n_event" if self.n is None and self.n_event is not None else "n"
        found = [dict(self.asked.at(size)) for size in asked]
        return frame_of({kind: asked, **{name: [one[name] for one in found] for name in found[0]}})

    def __int__(self) -> int:
        if self.n is None:
            raise EndpointError(f"No number of patients: {self.reason}." if self.reason else "The answer is in expected events: see n_event.")
        return self.n

    def __repr__(self) -> str:
        if self.n is None and self.n_event is None:
            return f"No number of patients: {self.reason}"
        size = plural(self.n, "patient") if self.n is not None else f"{number(self.n_event, 1)} expected events"
        return f"{size}. {self.method}"

    def _repr_html_(self) -> str:
        return shown_as_html("Precision", self.frame, self.method)


def rows(*terms: Mapping[str, Any]) -> pd.DataFrame:
    """Rows of formulas as a frame in the package's order of columns, counts as whole numbers."""
    frame = pd.DataFrame([dict(term) for term in terms])
    if "n" not in frame:
        frame["n"] = pd.NA
    frame["n"] = frame["n"].astype("Int64")
    return frame_of({str(name): frame[name] for name in frame})


def _whole(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def rounded_up(exact: float) -> int:
    """The next whole number of patients; a value that is whole but for rounding stays."""
    return max(1, math.ceil(exact - 1e-9 * max(1.0, abs(exact))))


def smallest(holds: Callable[[int], bool], *, least: int = 1, most: int = MOST) -> int | None:
    """The smallest whole number from which a condition holds that, once true, stays true; None if not up to `most`."""
    if holds(least):
        return least
    low, high = least, max(2 * least, 2)
    while not holds(high):
        low, high = high, 2 * high
        if low >= most:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high if high <= most else None


def share(name: str, value: float) -> float:
    """A probability strictly between 0 and 1, or a refusal that names it."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 < value < 1:
        per_cent = " Per cent are written as shares: 22% is 0.22." if isinstance(value, (int, float)) and 1 < value <= 100 else ""
        raise EndpointError(f"{name} is a probability between 0 and 1; got {value!r}.{per_cent}")
    return float(value)


def chance_of_showing(power: float) -> float:
    """A power of at least one half, or a refusal: with less the formulas say nothing."""
    if share("power", power) < 0.5:
        raise EndpointError(f"power is the chance of showing it, at least 0.5; got {power!r}.")
    return float(power)


def one_sided(alpha: float) -> float:
    """A one-sided level below one half, or a refusal."""
    if share("alpha", alpha) >= 0.5:
        raise EndpointError(f"alpha is one-sided and below 0.5, such as 0.05 or 0.025; got {alpha!r}.")
    return float(alpha)


def at_least(name: str, value: float, least: float, *, above: bool = False, finite: bool = True) -> float:
    """A number not below (or `above`) a bound, or a refusal that names it."""
    right = isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and not math.isnan(value)
    if not right or not (value > least if above else value >= least) or (finite and math.isinf(value)):
        raise EndpointError(f"{name} must be a number {'above' if above else 'of at least'} {least:g}; got {value!r}.")
    return float(value)


def normal_quantile(probability: float) -> float:
    """The standard normal quantile: 1.645 of 0.95; refuses a level or power that is 1 but for rounding."""
    if not 0 < probability < 1:
        raise EndpointError("A level, alpha or power so near 0 or 1 can't be told from certainty: take one like 0.95.")
    return NormalDist().inv_cdf(probability)


def normal_probability(z: float) -> float:
    """The standard normal distribution function."""
    return NormalDist().cdf(z)


def mean_of(values: np.ndarray) -> tuple[float, float, float]:
    """The mean of simulated values, its Monte Carlo error, and their spread."""
    spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    return float(values.mean()), spread / math.sqrt(len(values)), spread


def mean_of_logs(logs: np.ndarray) -> tuple[float, float, float]:
    """The geometric mean of simulated factors, its Monte Carlo error, and the spread of their logarithms."""
    mean, error, spread = mean_of(logs)
    return math.exp(mean), math.exp(mean) * error, spread
