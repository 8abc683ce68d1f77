"""What prognostic factors on imputed data give: imputed beside complete cases, who lacks what, and how much of the information is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import interval, listed, p_value
from haip_outcomes.prognosis.missing.missing_patterns import missing_by_column, missing_together
from haip_outcomes.prognosis.missing.paired_models import NotFitted, PairedModel
from haip_outcomes.survival.imputation.imputed_frames import Imputed
from haip_outcomes.survival.imputation.rubin import TESTS
from haip_outcomes.survival.results import shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent

AT_RANDOM = (
    "Imputed values are right if, among patients alike in all that the imputation models hold (the outcome included), those who lack a value do not differ in it from those "
    "who have it (missing at random). No number in the data can show this. It is false where the value itself decides whether it is known, such as a test left out "
    "because the patient was too ill for it, or a normal finding that nobody wrote down."
)


@dataclass(frozen=True, eq=False, repr=False)
class ImputedFactors:
    """Prognostic factors with missing values imputed, beside the same models on complete cases.

    Attributes
    ----------
    univariable : term -> its two models. multivariable : the two models of several terms, or None.
    imputed : the completed frames, with `tidy()` and `trace()` of what was drawn; None where nothing was missing.
    tte, frame : the times (the event of interest only), and the patients' columns as they were before imputation, in the same rows.
    columns : that stand in the imputation models.
    levels : term level n n_event n_missing reference: patients and events at each level among those whose value is known.
    refused : what was not fitted or not imputed, and why.
    labels : name -> its name in print.
    measure : "hazard ratio" or "subdistribution hazard ratio".
    warnings, method : sentences to be read with the numbers; the sentence the result writes about itself.
    """

    univariable: dict[str, PairedModel]
    multivariable: PairedModel | None
    imputed: Imputed | None
    tte: TimeToEvent
    frame: pd.DataFrame
    columns: tuple[str, ...]
    levels: pd.DataFrame
    refused: tuple[NotFitted, ...]
    labels: dict[str, str]
    measure: str
    conf_level: float
    warnings: tuple[str, ...]
    method: str
    unit: str

    @property
    def models(self) -> tuple[PairedModel, ...]:
        """All models: the univariable ones, then the multivariable."""
        return (*self.univariable.values(), *([self.multivariable] if self.multivariable is not None else []))

    def tidy(self, exponentiate: bool = False) -> pd.DataFrame:
        """A row a coefficient, model and kind of cases: model cases term level estimate std_error conf_low conf_high statistic df p_value n n_event ...

        `model` is "univariable" or "multivariable"; `cases` is "complete" (those who have all that the model uses) or "imputed" (everybody). Log hazard
        ratios, or hazard ratios with `exponentiate` (`std_error` and `monte_carlo_error` stay on the log scale). Limits and p are by t on `df` degrees of
        freedom (Barnard and Rubin), infinite for complete cases. Then fraction_missing (of the information) and monte_carlo_error (how far the estimate would
        move with another seed: sqrt(B / m)). Where nothing that a model uses is missing, its imputed rows are those of complete cases.
        """
        return pd.concat([model.tidy(exponentiate) for model in self.models], ignore_index=True)

    def term_tests(self, kind: Literal["wald", "likelihood-ratio", "stacked"] = "wald") -> pd.DataFrame:
        """Does a whole factor matter? A row a term, model and kind of cases: model cases term statistic df p_value df_residual relative_increase test.

        `statistic` is F on `df` and `df_residual` degrees of freedom. Imputed: D1 ("wald"), D3 ("likelihood-ratio") or D4 ("stacked"), see
        `PooledFit.term_tests`; complete cases: chi-squared / df of Wald's test, or of the likelihood ratio. Models without a likelihood to compare (Fine and
        Gray's, Firth's penalty) have Wald's test whatever is asked for: `test` says which it is.

        Raises
        ------
        EndpointError : an unknown kind.
        """
        if kind not in TESTS:
            raise EndpointError(f"kind must be {listed([repr(one) for one in TESTS], 'or')}; got {kind!r}.")
        made = pd.concat([model.term_tests(kind) for model in self.models], ignore_index=True)
        return made[["model", "cases", "term", "statistic", "df", "p_value", "df_residual", "relative_increase", "test"]]

    def patterns(self) -> pd.DataFrame:
        """Which values are missing together: a row a pattern with its patients and events; no patient is named. Columns: `missing_together`."""
        return missing_together(self.frame, self.columns, self.tte)

    def missing(self) -> pd.DataFrame:
        """How much is missing of each column, and how those who lack it do: `missing_by_column`."""
        return missing_by_column(self.frame, self.columns, self.tte)

    def glance(self) -> pd.DataFrame:
        """One row: n n_event, imputations (0: none needed), n_incomplete (patients who lack anything), the largest fraction_missing and monte_carlo_error."""
        own = self.tidy().query("cases == 'imputed'")
        lacking = int(self.frame[list(self.columns)].isna().any(axis=1).sum())
        return pd.DataFrame({"n": [len(self.frame)], "n_event": [int((self.tte.state > 0).sum())], "imputations": [len(self.imputed) if self.imputed is not None else 0],
                             "n_incomplete": [lacking], "fraction_missing": [own["fraction_missing"].max() if len(own) else np.nan],
                             "monte_carlo_error": [own["monte_carlo_error"].max() if len(own) else np.nan]})  # fmt: skip

    def __repr__(self) -> str:
        lines = [self.method]
        for row in self.tidy(exponentiate=True).to_dict("records"):
            level = f" {row['level']}" if row["level"] is not None else ""
            lines.append(f"  {row['model']}, {row['cases']}, {row['term']}{level}: {'sHR' if self.measure.startswith('sub') else 'HR'} "
                         f"{interval(row['estimate'], row['conf_low'], row['conf_high'])}, p {p_value(row['p_value'])} (n {row['n']:.0f}, {row['n_event']:.0f} events)")  # fmt: skip
        lines += [f"  {sentence}" for sentence in self._refusals()]
        return "\n".join([*lines, *(f"  Note: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        return shown_as_html("Prognostic factors, missing values imputed", self.tidy(exponentiate=True), " ".join([f"{self.method}.", *self.warnings, *self._refusals()]))

    def _refusals(self) -> list[str]:
        return [f"Refused, {', '.join(filter(None, [one.model, one.cases and f'{one.cases} cases', one.term]))}: {one.reason}" for one in self.refused]
