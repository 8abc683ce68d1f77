"""What the results share: the order of their columns, the result of a test, and how results show themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, p_value, plural

VOCABULARY = (
    "outcome", "group", "term", "level", "time", "estimate", "std_error", "conf_low", "conf_high",
    "statistic", "df", "p_value", "n", "n_event", "n_risk", "n_censor",
)  # fmt: skip


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """The same columns in the package's one order, others last; rows numbered from 0."""
    known = [name for name in VOCABULARY if name in frame.columns]
    others = [name for name in frame.columns if name not in VOCABULARY]
    return frame[[*known, *others]].reset_index(drop=True)


def frame_of(columns: Mapping[str, Any]) -> pd.DataFrame:
    """Columns as a data frame, in that order."""
    known = [name for name in VOCABULARY if name in columns]
    return pd.DataFrame({name: columns[name] for name in [*known, *(name for name in columns if name not in VOCABULARY)]})


def shown_as_html(title: str, frame: pd.DataFrame, method: str) -> str:
    """A result in a notebook: its title, its rows and the sentence it writes about itself."""
    return f"<p><b>{title}</b></p>{frame.to_html(index=False, na_rep='', float_format='{:.4g}'.format)}<p>{method}</p>"


@dataclass(frozen=True, eq=False, repr=False)
class TestResult:
    """The result of a test. `tidy()` has a row a test; `statistic`, `df` and `p_value` are those of the only one, or of the overall one.

    Tests of terms end with the overall test (GLOBAL). Pairs of groups, or causes, have none: read them from `tidy()`.
    """

    __test__ = False  # pytest: not a test class

    frame: pd.DataFrame
    method: str

    def tidy(self) -> pd.DataFrame:
        """A row a test: the columns `statistic`, `df` and `p_value`, and what each row is of."""
        return in_order(self.frame)

    def glance(self) -> pd.DataFrame:
        """One row, of the only test or the overall one; where there is none, all rows."""
        return in_order(self.frame.iloc[[-1]]) if self._one else self.tidy()

    @property
    def statistic(self) -> float:
        """The test statistic."""
        return float(self._overall["statistic"])

    @property
    def df(self) -> int:
        """Its degrees of freedom."""
        return int(self._overall["df"])

    @property
    def p_value(self) -> float:
        """Its p-value."""
        return float(self._overall["p_value"])

    def by_outcome(self) -> dict[str, TestResult]:
        """The tests of several causes, one each: `gray(..., cause="all").by_outcome()["Liver"]`."""
        if "outcome" not in self.frame:
            raise EndpointError("These tests are not of several causes.")
        names, events = [str(name) for name in self.frame["outcome"]], [int(n) for n in self.frame["n_event"]]
        told = self.method.replace(listed(names), "{cause}").replace(plural(sum(events), "event"), "{events}")
        return {name: TestResult(self.frame.iloc[[i]], told.replace("{cause}", name).replace("{events}", plural(events[i], "event")))
                for i, name in enumerate(names)}  # fmt: skip

    @property
    def _one(self) -> bool:
        return len(self.frame) == 1 or "term" in self.frame

    @property
    def _overall(self) -> pd.Series:
        if not self._one:
            raise EndpointError(f"This result has {len(self.frame)} tests, a row each, and none of all together: read them from tidy().")
        return self.frame.iloc[-1]

    def __repr__(self) -> str:
        if self._one:
            return f"{self.method}: chi-squared {self.statistic:.4f} on {self.df} df, p {p_value(self.p_value)}"
        return f"{self.method}\n{self.tidy().to_string(index=False)}"

    def _repr_html_(self) -> str:
        return shown_as_html("Test", self.tidy(), self.method)
