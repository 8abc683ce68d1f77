"""Small words that several chapters share."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from haip_outcomes.formatting import listed, number, p_value, percent, plural
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.survival.results import TestResult
from haip_outcomes.tables.disclosure import Policy

SETTING_TITLES = {"adjuvant": "Adjuvant pump", "unresectable": "Unresectable disease", "comparator": "Comparator: no pump"}


def setting_title(setting: str, n: int) -> str:
    """A heading for one setting's results."""
    return f"{SETTING_TITLES[setting]} ({plural(n, 'patient')})"


def by_setting(cohort: Cohort) -> list[tuple[str, Cohort, str]]:
    """Each setting that has patients, these patients, and the heading for their results."""
    parts = [(name, cohort.setting(name)) for name in cohort.settings]
    return [(name, part, setting_title(name, len(part))) for name, part in parts]


def months(value: float) -> str:
    """36.0 -> "36"."""
    return f"{value:g}"


def small(words: str) -> str:
    """Words for the middle of a sentence: "Overall survival" -> "overall survival", but "CEA" stays."""
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]


def k_of_n(row: pd.Series | Mapping[Hashable, Any]) -> str:
    """A row of proportions as "6 of 26: 23% (9, 44)"."""
    return f"{int(row['n_event'])} of {int(row['n'])}: {percent(row['estimate'], row['conf_low'], row['conf_high'])}"


def rows_of(cohort: Cohort, index: pd.Index) -> str:
    """Where patients stand, in words: "row 51 of the file", "rows 5 and 51 of a.csv, row 3 of b.csv"; of many only the first."""
    places: dict[str, list[int]] = {}
    for patient in index:
        name, row = cohort.place(int(patient))
        places.setdefault(name if cohort.source.parts else "the file", []).append(row)
    return ", ".join(f"{_rows(rows)} of {name}" for name, rows in places.items())


def _rows(rows: list[int]) -> str:
    if len(rows) > 8:
        return f"rows {', '.join(str(row) for row in rows[:5])} and {len(rows) - 5} more"
    return f"row{'s' if len(rows) != 1 else ''} {listed([str(row) for row in rows])}"


def test_frame(test: TestResult, policy: Policy) -> pd.DataFrame:
    """A test's rows for results.csv; for outside no more of them than is printed."""
    frame = test.tidy()
    if not policy.hides:
        return frame
    kept = frame.drop(columns=[name for name in ("std_error", "estimate", "conf_low", "conf_high", "n", "n_event", "n_risk", "n_censor") if name in frame])
    return kept.assign(**{name: kept[name].astype(float).round(digits) for name, digits in (("statistic", 2), ("p_value", 3)) if name in kept})


def test_words(test: TestResult) -> str:
    """A test as "chi-squared 3.13 on 1 df, p 0.077"."""
    return f"chi-squared {number(test.statistic, 2)} on {test.df} df, p {p_value(test.p_value)}"
