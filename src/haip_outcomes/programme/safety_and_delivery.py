"""Safety and delivery as counts: complications, cycles given, conversions, days to the first cycle, early deaths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from haip_outcomes.errors import EndpointError, PlanError, did_you_mean
from haip_outcomes.formatting import count, listed, number, percent, plural
from haip_outcomes.registry.cohort import Cohort, require_cohort
from haip_outcomes.registry.planning.parts import ProgrammePlan
from haip_outcomes.survival.results import in_order, shown_as_html

EARLY = "mortality_90_days"
_DAYS = {"days": 1.0, "weeks": 7.0, "months": 365.25 / 12, "years": 365.25}


@dataclass(frozen=True)
class Count:
    """`k` of `n` patients; `missing` more are not known, and are not in `n`."""

    k: int
    n: int
    missing: int = 0

    @property
    def estimate(self) -> float:
        """The share k / n; NaN of nobody."""
        return self.k / self.n if self.n else np.nan

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The exact interval of the share (Clopper and Pearson)."""
        if not self.n:
            return np.nan, np.nan
        low, high = proportion_confint(self.k, self.n, alpha=1 - level, method="beta")
        return float(low), float(high)


@dataclass(frozen=True, eq=False, repr=False)
class Proportions:
    """The counts and times of a programme. `tidy()` has a row a question and setting; `sentences` says them."""

    frame: pd.DataFrame
    method: str
    refused: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """Columns outcome, group, estimate, conf_low, conf_high, statistic ("proportion" or "median"), n, n_event,
        n_missing (not known), n_left_early, q1 and q3 (quartiles of a time), unit, label, definition.
        """  # fmt: skip
        return in_order(self.frame)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Each row in words."""
        return tuple(_said(row) for _, row in self.frame.iterrows())

    def __repr__(self) -> str:
        return (
            "\n".join(self.sentences) or "Nothing to count: the plan has no [programme] for these patients."
        )

    def _repr_html_(self) -> str:
        return shown_as_html("Programme", self.tidy(), self.method)


def proportions(cohort: Cohort, *, together: bool = False) -> Proportions:
    """How many patients had each complication, got their first cycle, were converted, died within 90 days.

    For each entry of the plan's `[programme]` and each setting it applies to: k of n with its exact interval, or,
    for an entry with two dates, the median and quartiles of the days between them. Patients whose answer is not
    known are counted apart and are not in n.

    Parameters
    ----------
    cohort : the patients, of one setting or several; results are by setting.
    together : one row a question over all settings it applies to, where a source counts them together.

    Formulas
    --------
    Proportion: p = k/n, limits BetaInv(0.025; k, n-k+1) and BetaInv(0.975; k+1, n-k) (Clopper and Pearson 1934,
    doi 10.1093/biomet/26.4.404; R's `binom.test`). Median of days: limits are the order statistics r and n+1-r, r
    the largest with P(Binomial(n, 1/2) < r) <= 0.025; missing for fewer than six patients. Quartiles as R's type 7.
    Death within 90 days of the time zero of "os": of those who died by then or were followed for 90 days.

    >>> from haip_outcomes import demo_cohort
    >>> tidy = proportions(demo_cohort(), together=True).tidy().set_index("outcome")
    >>> [int(tidy.loc["postop_complication", column]) for column in ("n_event", "n")]
    [19, 60]
    """
    require_cohort(cohort, "proportions")
    rows, refused = [], []
    parts = (
        [(" and ".join(cohort.settings), cohort)]
        if together
        else [(name, cohort.setting(name)) for name in cohort.settings]
    )
    for group, part in parts:
        for name in part.plan.programme:
            eligible = applicable(part, name)
            if eligible is None:
                continue
            title = " and ".join(eligible.settings) if together else group
            item = part.plan.programme[name]
            rows.append({"outcome": name, "group": title, "label": item.label, "definition": item.definition,
                         **(_time(days(eligible, name)) if item.start else _share(counted(eligible, name)))})  # fmt: skip
        try:
            early, left, label = early_deaths(part)
        except EndpointError as error:
            refused.append(f"{group}, death within 90 days: {error}")
        else:
            rows.append({"outcome": EARLY, "group": group, "label": label, "definition": "death from any cause",
                         **_share(early), "n_left_early": left})  # fmt: skip
    columns = ["outcome", "group", "estimate", "conf_low", "conf_high", "statistic", "n", "n_event", "n_missing", "n_left_early",
               "q1", "q3", "unit", "label", "definition"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    frame["n_left_early"] = frame["n_left_early"].fillna(0).astype(int)
    if not together:
        frame = frame.sort_values(
            "outcome",
            key=lambda names: names.map({n: i for i, n in enumerate(dict.fromkeys(names))}),
            kind="stable",
        )
    method = ("Proportions with exact (Clopper-Pearson) 95% intervals; patients whose answer is not known are left out and counted. "
              "Days as median (quartiles) with a 95% interval from order statistics. Death within 90 days: of those who died by then or "
              "were followed for 90 days.")  # fmt: skip
    return Proportions(frame.reset_index(drop=True), method, tuple(refused))


def applicable(cohort: Cohort, name: str) -> Cohort | None:
    """The patients an entry of the programme applies to, or None when there are none."""
    item = _entry(cohort, name)
    chosen = cohort.frame["setting"].astype(str).isin(item.settings)
    if not chosen.any():
        return None
    return (
        cohort.where(chosen, because=f"{item.label} applies to {listed(item.settings)}")
        if not chosen.all()
        else cohort
    )


def counted(cohort: Cohort, name: str) -> Count:
    """k of n for an entry of the programme that names a column; everybody in the cohort is asked."""
    item = _entry(cohort, name)
    if item.column is None:
        raise EndpointError(f'"{name}" is a time between two dates, not a count.')
    return level_count(cohort[item.column], item.level)


def level_count(column: pd.Series, level: str) -> Count:
    """How many have this level of a category, of those for whom it is known."""
    if isinstance(column.dtype, pd.CategoricalDtype) and level not in set(column.cat.categories.astype(str)):
        raise PlanError(
            f'"{level}" is not a level of "{column.name}". {did_you_mean(level, column.cat.categories)}'
        )
    known = column.dropna().astype(str)
    return Count(int((known == level).sum()), len(known), int(column.isna().sum()))


def days(cohort: Cohort, name: str) -> tuple[np.ndarray, int]:
    """Days between the two dates of an entry, sorted, and for how many patients a date is missing."""
    item = _entry(cohort, name)
    if item.start is None or item.end is None:
        raise EndpointError(f'"{name}" is a count, not a time between two dates.')
    between = (cohort[item.end] - cohort[item.start]).dt.days
    known = between.dropna()
    if (known < 0).any():
        rows = ", ".join(str(row) for row in known.index[known < 0][:8])
        raise EndpointError(
            f'{item.label} is negative in row {rows}: "{item.end}" lies before "{item.start}".'
        )
    return np.sort(known.to_numpy(dtype=float)), int(between.isna().sum())


def early_deaths(cohort: Cohort, within: float = 90.0) -> tuple[Count, int, str]:
    """Deaths within so many days of time zero, how many patients left earlier (not in n), and what to call it."""
    tte = cohort.endpoint("os")
    if tte.entry is not None:
        raise EndpointError(
            "early deaths can't be counted where patients enter after time zero: the deaths before entry are not in the file."
        )
    if tte.unit not in _DAYS:
        raise EndpointError(
            f'early deaths need times in {listed(list(_DAYS), "or")}, and these are in "{tte.unit}".'
        )
    limit = within / _DAYS[tte.unit] + 1e-9
    died = (tte.state > 0) & (tte.time <= limit)
    followed = tte.time >= limit - 2e-9
    n = int((died | followed).sum())
    zero = f" of {tte.time_zero}" if tte.time_zero else ""
    return Count(int(died.sum()), n), len(tte) - n, f"Death within {within:g} days{zero}"


def median_limits(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Exact limits of a median: order statistics r and n+1-r; NaN when there are too few values."""
    n = len(values)
    r = int(binom.ppf((1 - level) / 2, n, 0.5)) if n else 0  # the smallest r with P(X <= r) >= alpha / 2
    return (float(values[r - 1]), float(values[n - r])) if r >= 1 else (np.nan, np.nan)


def _entry(cohort: Cohort, name: str) -> ProgrammePlan:
    if name not in cohort.plan.programme:
        raise EndpointError(
            f"The plan has no [programme.{name}]. {did_you_mean(name, cohort.plan.programme)}"
        )
    return cohort.plan.programme[name]


def _share(found: Count) -> dict[str, object]:
    low, high = found.interval()
    return {"estimate": found.estimate, "conf_low": low, "conf_high": high, "statistic": "proportion", "unit": "probability",
            "n": found.n, "n_event": found.k, "n_missing": found.missing}  # fmt: skip


def _time(found: tuple[np.ndarray, int]) -> dict[str, object]:
    values, missing = found
    low, high = median_limits(values)
    q1, middle, q3 = np.quantile(values, [0.25, 0.5, 0.75]) if len(values) else (np.nan, np.nan, np.nan)
    return {"estimate": middle, "conf_low": low, "conf_high": high, "statistic": "median", "unit": "days", "q1": q1, "q3": q3,
            "n": len(values), "n_event": len(values), "n_missing": missing}  # fmt: skip


def _said(row: pd.Series) -> str:
    if row["statistic"] == "median":
        text = f"median {number(row['estimate'], 0)} days (quartiles {number(row['q1'], 0)} to {number(row['q3'], 0)}; {plural(row['n'], 'patient')})"
    else:
        text = f"{count(row['n_event'], row['n'])} of {row['n']}, 95% interval {percent(row['conf_low'])} to {percent(row['conf_high'])}"
    missing = f"; not known for {row['n_missing']}" if row["n_missing"] else ""
    left = f"; {row['n_left_early']} left earlier" if row["n_left_early"] else ""
    return f"{row['label']}, {row['group']}: {text}{missing}{left}."
