"""What `factors` returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import interval, listed, p_value
from haip_outcomes.prognosis.baseline.factor_fits import Penalised, Refusal
from haip_outcomes.prognosis.baseline.linearity import shape
from haip_outcomes.prognosis.baseline.remark import About, remark_items
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.results import shown_as_html

MODELS = ("univariable", "multivariable", "univariable subdistribution", "multivariable subdistribution")
BOTH = ("The cause-specific hazard ratio is about the rate of the event among those still free of any event: what a factor does to the disease. "
        "The subdistribution hazard ratio (Fine and Gray) is about how many will have had the event, a competing event being no way out: whether "
        "patients with the factor will see it more often. A factor that brings the competing event forward lowers the second without touching the first.")  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Factors:
    """Cox models of prognostic factors. `tidy()` has a row a coefficient and model.

    Attributes
    ----------
    univariable : term -> its model, on the patients who have the term.
    multivariable : the model of several terms on the patients who have all of them, or None.
    refused : what was not fitted, and why. not_tested : which checks of a model could not be made, and why.
    levels : a row a level (numbers have one row, with no level): term level n n_event reference, of all patients who
        have the term, also where no model could be fitted.
    proportional_hazards : model term statistic df p_value; the multivariable model ends with GLOBAL.
    labels : term -> its name in print.
    warnings, method : sentences to be read with the numbers; the sentence the result writes about itself.
    subdistribution, subdistribution_multivariable : the same terms in Fine and Gray's model, where events compete.
    penalised : which models were fitted with Firth's penalty, and why.
    term_tests : model term test statistic df p_value: whole factors, by the likelihood ratio (Fine-Gray: Wald).
    linearity : model term knots statistic df p_value n n_event: whether a curve describes a number better than a straight line.
    curves : (model, term) -> the model with the curve; `shape` draws it.
    interactions : model interaction statistic df p_value n n_event penalty: whether the hazard ratio differs between subgroups.
    subgroups : model interaction term level reference group estimate std_error conf_low conf_high p_value n n_event: log hazard ratios of the
        factor among all ("All patients", of the model without the interaction) and in each subgroup (of the model with it). At the
        quartiles of a number there are no patients to count.
    about : what REMARK asks of the data.
    """

    univariable: dict[str, HazardFit]
    multivariable: HazardFit | None
    refused: tuple[Refusal, ...]
    levels: pd.DataFrame
    proportional_hazards: pd.DataFrame
    labels: dict[str, str]
    warnings: tuple[str, ...]
    method: str
    unit: str
    about: About
    subdistribution: dict[str, HazardFit] = field(default_factory=dict)
    subdistribution_multivariable: HazardFit | None = None
    penalised: tuple[Penalised, ...] = ()
    not_tested: tuple[Refusal, ...] = ()
    term_tests: pd.DataFrame = field(default_factory=pd.DataFrame)
    linearity: pd.DataFrame = field(default_factory=pd.DataFrame)
    curves: dict[tuple[str, str], HazardFit] = field(default_factory=dict)
    interactions: pd.DataFrame = field(default_factory=pd.DataFrame)
    subgroups: pd.DataFrame = field(default_factory=pd.DataFrame)

    def fits(self) -> Iterator[tuple[str, HazardFit]]:
        """Every model with its kind, univariable ones first."""
        for single, several, kind in ((self.univariable, self.multivariable, MODELS[:2]),
                                      (self.subdistribution, self.subdistribution_multivariable, MODELS[2:])):  # fmt: skip
            yield from ((kind[0], fit) for fit in single.values())
            if several is not None:
                yield kind[1], several

    def tidy(self, exponentiate: bool = False) -> pd.DataFrame:
        """model term level estimate std_error conf_low conf_high statistic p_value n n_event penalty.

        Log hazard ratios, or hazard ratios with `exponentiate` (`std_error` stays on the log scale). `n` and `n_event`
        are those of the model that the row comes from. `penalty` is "firth" where limits and p are of a profile, else empty.
        """
        frames = []
        for model, fit in self.fits():
            frame = fit.tidy(exponentiate)
            frame.insert(0, "model", model)
            frames.append(frame.assign(penalty="" if fit.profile is None else "firth"))
        return pd.concat(frames, ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """A row a model: model term n n_event coefficients events_per_coefficient penalty; `term` is empty for several."""
        rows = []
        for model, fit in self.fits():
            alone = next((term for term, own in (*self.univariable.items(), *self.subdistribution.items()) if own is fit), "")
            p = len(fit.coefficients)
            rows.append((model, alone, fit.n, fit.n_event, p, fit.n_event / p, "" if fit.profile is None else "firth"))
        return pd.DataFrame(rows, columns=["model", "term", "n", "n_event", "coefficients", "events_per_coefficient", "penalty"])

    def shape(self, term: str, *, model: str = "univariable", at: float | None = None) -> pd.DataFrame:
        """The log hazard ratio along a number against its median (or `at`): value estimate std_error conf_low conf_high.

        Of a restricted cubic spline, alone ("univariable") or in the multivariable model, with Wald limits; from the 1st to the 99th centile.
        """
        if (model, term) not in self.curves:
            there = [f"{name} ({kind})" for kind, name in self.curves]
            raise EndpointError(f'There is no curve of "{term}", {model}. {did_you_mean(f"{term} ({model})", there)}')
        return shape(self.curves[model, term], term, at=at)

    def remark(self, elsewhere: Mapping[int, str] | None = None) -> pd.DataFrame:
        """REMARK's 20 items: item section asks says. What the analysis can't know is "For the author."; nothing is made up.

        `elsewhere`: item -> a sentence on where a report has what this analysis does not hold (imputation, curves, validation).

        Reference: McShane et al., J Natl Cancer Inst 2005;97:1180-1184 (doi:10.1093/jnci/dji237).
        """
        return remark_items(self, elsewhere)

    def __repr__(self) -> str:
        lines = [self.method]
        for row in self.tidy(exponentiate=True).to_dict("records"):
            level = f" {row['level']}" if row["level"] is not None else ""
            lines.append(f"  {row['model']}, {row['term']}{level}: HR "
                         f"{interval(row['estimate'], row['conf_low'], row['conf_high'])}, p {p_value(row['p_value'])}")  # fmt: skip
        for row in self.interactions.to_dict("records"):
            lines.append(f"  interaction {row['interaction']}, {row['model']}: p {p_value(row['p_value'])}")
        lines += [f"  {told}" for told in self._told_refusals()]
        return "\n".join([*lines, *(f"  Note: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        return shown_as_html(
            "Prognostic factors", self.tidy(exponentiate=True), " ".join([f"{self.method}.", *self.warnings, *self._told_refusals()])
        )

    def _told_refusals(self) -> list[str]:
        return [f"Refused, {refusal.model} {refusal.term or 'model'}: {refusal.reason}" for refusal in self.refused]


def penalty_in_words(penalised: tuple[Penalised, ...], labels: dict[str, str], *, reasons: bool) -> str:
    """Which models were fitted with Firth's penalty, as a sentence without its stop; with `reasons` also why."""
    told = []
    for one in penalised:
        parts = one.term.split("*")
        name = labels.get(one.term) or " × ".join(labels.get(part, part) for part in parts)
        what = f"{one.model} {name}" if one.term else f"{one.model} model"
        why = with_labels(one.reason, labels)
        told.append(f"{what} ({why})" if reasons and why != "asked for" else what)
    return f"Firth's penalty, limits and p by profile penalised likelihood: {listed(told)}" if told else ""


def with_labels(reason: str, labels: Mapping[str, str]) -> str:
    """A sentence on a level with few events, with the column's name in print."""
    for column, label in labels.items():
        reason = reason.replace(f'with {column} "', f'with {label} "')
    return reason


def missing_counts(frame: pd.DataFrame, columns: list[str]) -> dict[str, int]:
    """Patients without each column."""
    return {name: int(np.asarray(frame[name].isna()).sum()) for name in columns}
