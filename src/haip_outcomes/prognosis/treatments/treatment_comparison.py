"""What a comparison of two treatments holds: who, how alike, curves, hazard ratios, risks, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from haip_outcomes.prognosis.treatments.treatment_choice import TreatmentChoice
from haip_outcomes.prognosis.treatments.treatment_effects import RATIO, Curves, RefusedModel
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.resampling.bootstrapping import Bootstrap
from haip_outcomes.survival.results import frame_of, in_order, shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent
from haip_outcomes.survival.weighting.propensity_scores import Propensity
from haip_outcomes.survival.weighting.treatment_weights import effective_size
from haip_outcomes.survival.weighting.unmeasured import EValue


@dataclass(frozen=True, eq=False, repr=False)
class TreatmentComparison:
    """Two treatments compared, step by step. `tidy()` has the effects, `balance()` and `positivity()` say whether to trust them, `sentences` all in words.

    Attributes
    ----------
    choice : the treatment, its two levels, the confounders and the estimand. labels : column -> its name in print.
    tte, groups : the patients analysed; who had what (a categorical Series, the control first).
    left_out : reason -> how many of the cohort. `compared` : a row a group: n, events of each kind, effective size.
    propensity : scores, weights and their balance.
    curves, crude_curves : weighted (robust limits) and as the patients were: Kaplan-Meier, or cumulative incidence with competing events.
    fits : (event, "crude" | "adjusted" | "weighted") -> Cox model. refused : models that could not be fitted.
    risk : each group's probability of the event at the times, crude and weighted. effects : hazard ratios (logarithms), risk and mean differences.
    proportional_hazards : test of the treatment in each model.
    e_values : event -> E-value of the weighted hazard ratio.
    resampled : the bootstrap of the whole procedure, or None.
    method : the sentence the result writes about itself. sentences : the comparison in plain words, from who was compared to what such an analysis
        can't do; without a verdict. warnings : sentences to be read with the numbers.
    """

    choice: TreatmentChoice
    labels: dict[str, str]
    tte: TimeToEvent
    groups: pd.Series
    left_out: dict[str, int]
    propensity: Propensity
    curves: Curves
    crude_curves: Curves
    fits: dict[tuple[str, str], HazardFit]
    refused: tuple[RefusedModel, ...]
    risk: pd.DataFrame
    effects: pd.DataFrame
    proportional_hazards: pd.DataFrame
    e_values: dict[str, EValue]
    resampled: Bootstrap | None
    conf_level: float
    landmark: float | None
    method: str
    sentences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def compared(self) -> pd.DataFrame:
        """A row a group and kind of event, the control first: outcome, group, n, n_event, effective_n."""
        rows = []
        for outcome in self.tte.states:
            for name in self.choice.names:
                own = (self.groups == name).to_numpy()
                rows.append({"outcome": outcome, "group": name, "n": int(own.sum()), "n_event": int((self.tte.state[own] == self.tte.code(outcome)).sum()),
                             "effective_n": effective_size(self.propensity.weights.to_numpy()[own])})  # fmt: skip
        return frame_of({name: [row[name] for row in rows] for name in rows[0]})

    def tidy(self, exponentiate: bool = False) -> pd.DataFrame:
        """A row an effect: outcome, term, level, time, estimate, std_error, conf_low, conf_high, statistic, p_value, n, n_event, measure, model.

        measure is "hazard ratio" (its logarithm unless `exponentiate`; `std_error` stays that of the logarithm), "risk difference" or
        "restricted mean difference", treated less control; model is "crude", "adjusted" or "weighted". With a bootstrap boot_low and boot_high
        are its limits of the weighted rows.
        """
        found = self.effects.copy()
        if self.resampled is not None:
            keys = ["outcome", "measure", "time"]
            own = self.resampled.tidy().rename(columns={"term": "measure", "conf_low": "boot_low", "conf_high": "boot_high"})
            own = own.assign(model="weighted").astype({"time": float})[[*keys, "model", "boot_low", "boot_high"]]
            found = found.merge(own, how="left", on=[*keys, "model"])
        if exponentiate:
            ratio = found["measure"] == RATIO
            shown = [name for name in ("estimate", "conf_low", "conf_high", "boot_low", "boot_high") if name in found]
            found.loc[ratio, shown] = np.exp(found.loc[ratio, shown].astype(float))
        return in_order(found)

    def glance(self) -> pd.DataFrame:
        """One row: n, n_event (of any kind), estimand, n and effective size of both groups, largest absolute standardised difference before and after."""
        return self.propensity.glance().assign(n_event=int((self.tte.state > 0).sum()))

    def balance(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Standardised differences before and after weighting; of other columns of the cohort too (see `Propensity.balance`)."""
        return self.propensity.balance(columns)

    def positivity(self) -> pd.DataFrame:
        """Could every patient have had either treatment? A row a group (see `Propensity.positivity`)."""
        return self.propensity.positivity()

    def __repr__(self) -> str:
        return "\n".join([self.method, *(f"  {sentence}" for sentence in self.sentences), *(f"  Note: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        return shown_as_html(f"{self.choice.label}: {self.choice.treated} against {self.choice.control}", self.tidy(exponentiate=True),
                             " ".join([f"{self.method}.", *self.sentences, *self.warnings]))  # fmt: skip
