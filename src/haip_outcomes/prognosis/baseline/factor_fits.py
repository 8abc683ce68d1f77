"""The models behind `factors`: each term alone and several together, cause-specific and of the subdistribution."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from haip_outcomes.errors import EndpointError, FitError, SeparationError
from haip_outcomes.formatting import listed
from haip_outcomes.prognosis.baseline.few_events import refuse_few_events, sparse_level
from haip_outcomes.prognosis.baseline.term_names import joined, parts_of
from haip_outcomes.survival.covariates.design_matrix import Design, covariate, design
from haip_outcomes.survival.covariates.splines import Spline
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.subdistribution.regression import fine_gray
from haip_outcomes.survival.time_to_event import TimeToEvent

Terms = Sequence[str | Spline]
NO_MAXIMUM = "its likelihood has no maximum"


@dataclass(frozen=True)
class Refusal:
    """A model, or a term of it, that was not fitted: `term` is empty where it is the whole model."""

    term: str
    model: str
    reason: str


@dataclass(frozen=True)
class Penalised:
    """A model that was fitted with Firth's penalty, and why: `term` is empty for the multivariable one."""

    term: str
    model: str
    reason: str


@dataclass(frozen=True, eq=False)
class Question:
    """What all models of one call share; what was refused, penalised or not tested on the way is collected here.

    `tte` has one kind of event, `competing` all of them (None where there are no others).
    """

    tte: TimeToEvent
    competing: TimeToEvent | None
    frame: pd.DataFrame
    by: pd.Series | None
    penalty: str | None
    conf_level: float
    refused: list[Refusal] = field(default_factory=list)
    not_tested: list[Refusal] = field(default_factory=list)
    perfect: list[str] = field(default_factory=list)  # terms that always tell who is next
    penalised: list[Penalised] = field(default_factory=list)

    def design(self, terms: Terms, reference: Mapping[str, object] | None = None) -> Design:
        """The covariates of those who have all terms."""
        return design(self.frame, list(terms), reference=reference, missing="complete-case")

    def among(self, index: pd.Index, **changed: pd.Series) -> Question:
        """The same question of these patients only, with some columns changed."""
        inside = self.tte.index.isin(index)
        return replace(self, tte=self.tte.take(inside), competing=None, frame=self.frame.loc[inside].assign(**changed),
                       by=None if self.by is None else self.by.loc[inside])  # fmt: skip

    def cox(self, made: Design) -> tuple[HazardFit, str]:
        """A Cox model, with Firth's penalty where it is needed; and why, or nothing."""
        penalty, reason = self.penalty, ""
        if penalty == "where needed":
            reason = sparse_level(self.tte, made)
            if not reason:
                try:
                    return cox(self.tte, made, strata=self.by, conf_level=self.conf_level), ""
                except SeparationError as error:
                    reason = NO_MAXIMUM
                    self.perfect.append(str(error.term))
        elif penalty == "firth":
            reason = "asked for"
        return cox(self.tte, made, strata=self.by, penalty="firth" if reason else None, conf_level=self.conf_level), reason

    def cox_as(self, other: HazardFit, made: Design) -> HazardFit:
        """A Cox model penalised as another one is, so that the two can be compared."""
        return cox(self.tte, made, strata=self.by, penalty=None if other.profile is None else "firth", conf_level=self.conf_level)

    def subdistribution(self, made: Design) -> HazardFit:
        """Fine and Gray's model: as crr, or, with strata, delayed entry or several rows a patient, as survival's finegray."""
        tte = self.competing
        assert tte is not None  # asked only where events compete
        cause = self.tte.states[0]
        if self.by is None and tte.entry is None and tte.id is None:
            return fine_gray(tte, made, cause=cause, conf_level=self.conf_level)
        return fine_gray(tte, made, cause=cause, se="finegray", strata=self.by, conf_level=self.conf_level)

    def alone(self, terms: Sequence[str]) -> dict[str, HazardFit]:
        """A Cox model of each term."""
        found = {}
        for term in terms:
            try:
                found[term], reason = self.cox(self.design([term]))
                if reason:
                    self.penalised.append(Penalised(term, "univariable", reason))
            except (FitError, EndpointError) as error:
                self.refused.append(Refusal(term, "univariable", str(error)))
        return found

    def alone_subdistribution(self, terms: Sequence[str]) -> dict[str, HazardFit]:
        """A Fine-Gray model of each term."""
        found = {}
        for term in terms:
            try:
                found[term] = self.subdistribution(self.design([term]))
            except (FitError, EndpointError) as error:
                self.refused.append(Refusal(term, "univariable subdistribution", str(error)))
        return found

    def joint(self, terms: Sequence[str]) -> HazardFit | None:
        """The multivariable Cox model."""
        reasons: list[str] = []

        def fit(made: Design) -> HazardFit:
            found, reason = self.cox(made)
            reasons.append(reason)
            return found

        found = self._together(terms, "multivariable", fit)
        if found is not None and reasons[-1]:
            self.penalised.append(Penalised("", "multivariable", reasons[-1]))
        return found

    def joint_subdistribution(self, terms: Sequence[str]) -> HazardFit | None:
        """The multivariable Fine-Gray model."""
        return self._together(terms, "multivariable subdistribution", self.subdistribution)

    def refuse_few(self, made: Design) -> None:
        """Raise where there are too few events for a multivariable model of this size."""
        refuse_few_events(self.tte, made, lambda terms: len(self.design(terms).columns))

    def _together(self, terms: Sequence[str], model: str, fit: Callable[[Design], HazardFit]) -> HazardFit | None:
        """The model of the terms that can be fitted together; what can't is added to `refused`."""
        left, frame = list(terms), self.frame
        while len(left) > 1:
            try:
                made = self.design(left)
                self.refuse_few(made)
                return fit(made)
            except (FitError, EndpointError) as error:
                culprit = self._culprit(error, left)
                self.refused.append(Refusal(culprit, model, str(error)))
                if not culprit:
                    return None
                left = [term for term in left if culprit not in (term, joined(term, frame), *parts_of(term, frame))]
        if len(terms) > 1:
            rest = f"only {left[0]} is left of {listed(list(terms))}: see its univariable model" if left else "no term is left"
            self.refused.append(Refusal("", model, f"No {model} model: {rest}."))
        return None

    def _culprit(self, error: FitError | EndpointError, left: list[str]) -> str:
        """The term to leave out so that the rest can be fitted; nothing if the error is not of one term."""
        term, frame = getattr(error, "term", None), self.frame
        if term is not None:
            return str(term) if any(term in (t, joined(t, frame), *parts_of(t, frame)) for t in left) else ""
        for candidate in left:  # an error of a column's content: dates, or nothing at all
            try:
                if any(covariate(frame[part], part).isna().all() for part in parts_of(candidate, frame)):
                    return candidate
            except EndpointError:
                return candidate
        return ""
