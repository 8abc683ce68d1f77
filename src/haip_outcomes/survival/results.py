"""What the results share: the order of their columns, the result of a test, and how results show themselves."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from haip_outcomes.formatting import p_value

VOCABULARY = (
    "outcome", "group", "term", "level", "time", "estimate", "std_error", "conf_low", "conf_high",
    "statistic", "df", "p_value", "n", "n_event", "n_risk", "n_censor",
)  # fmt: skip


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """The same columns in the package's one order, others last; rows numbered from 0."""
    known = [name for name in VOCABULARY if name in frame.columns]
    others = [name for name in frame.columns if name not in VOCABULARY]
    return frame[[*known, *others]].reset_index(drop=True)


def shown_as_html(title: str, frame: pd.DataFrame, method: str) -> str:
    """A result in a notebook: its title, its rows and the sentence it writes about itself."""
    return f"<p><b>{title}</b></p>{frame.to_html(index=False, na_rep='', float_format='{:.4g}'.format)}<p>{method}</p>"


@dataclass(frozen=True, eq=False, repr=False)
class TestResult:
    """The result of a test. `tidy()` has a row a test; `statistic`, `df` and `p_value` are those of the last row."""

    __test__ = False  # pytest: not a test class

    frame: pd.DataFrame
    method: str

    def tidy(self) -> pd.DataFrame:
        """A row a test: the columns `statistic`, `df` and `p_value`, and what each row is of."""
        return in_order(self.frame)

    @property
    def statistic(self) -> float:
        """The test statistic of the last (or only) row."""
        return float(self.frame["statistic"].iloc[-1])

    @property
    def df(self) -> int:
        """Its degrees of freedom."""
        return int(self.frame["df"].iloc[-1])

    @property
    def p_value(self) -> float:
        """Its p-value."""
        return float(self.frame["p_value"].iloc[-1])

    def __repr__(self) -> str:
        return f"{self.method}: chi-squared {self.statistic:.4f} on {self.df} df, p {p_value(self.p_value)}"

    def _repr_html_(self) -> str:
        return shown_as_html("Test", self.tidy(), self.method)
