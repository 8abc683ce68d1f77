"""The models of columns known later: on rows cut where they changed, by a landmark, and the wrong one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from haip_outcomes.errors import FitError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.prognosis.later.later_values import SAME, Later
from haip_outcomes.prognosis.later.split_rows import observed_since, split_rows
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.subdistribution.regression import fine_gray
from haip_outcomes.survival.time_to_event import TimeToEvent, level_text


class Asked:
    """The patients, columns and options that every model shares."""

    def __init__(self, later: list[Later], terms: list[str], frame: pd.DataFrame, strata: pd.Series | None, conf_level: float) -> None:
        self.later, self.terms, self.frame, self.strata, self.conf_level = later, terms, frame, strata, conf_level

    def over_time(self, tte: TimeToEvent) -> HazardFit:
        """Cox on rows cut where a column changed; patients without a term are left out before, so that patients are counted, not rows."""
        made = design(self._finally(), self.terms, missing="complete-case")
        whole = np.isin(np.arange(len(tte)), tte.index.get_indexer(made.index))
        if not whole.any():
            raise FitError(f"No patients are left: {listed([f'{len(rows)} {reason}' for reason, rows in made.left_out.items()])}.")
        kept = tte.take(whole)
        rows = split_rows(kept, [_of(one, whole) for one in self.later])
        frame = self.frame[whole].iloc[rows.patient].reset_index(drop=True).assign(**{one.column: rows.values[one.column] for one in self.later})
        by = None if self.strata is None else self.strata[whole].iloc[rows.patient].reset_index(drop=True)
        fit = cox(rows.tte, design(frame, self.terms), strata=by, conf_level=self.conf_level)
        return replace(fit, left_out=made.left_out, n_available=tte.n)

    def by_landmark(self, tte: TimeToEvent, at: float, horizon: float | None) -> HazardFit:
        """Cox from the landmark on, by what was known then."""
        since = _until(tte.landmark(at), horizon)
        return cox(since, design(self._known_by(tte, at), self.terms, missing="complete-case"), strata=self.strata, conf_level=self.conf_level)

    def subdistribution(self, whole: TimeToEvent, at: float, horizon: float | None, cause: str) -> HazardFit:
        """Fine and Gray's model from the landmark on: as crr, or as finegray where there are strata."""
        since = _until(whole.landmark(at), horizon)
        made = design(self._known_by(whole, at), self.terms, missing="complete-case")
        if self.strata is None:
            return fine_gray(since, made, cause=cause, conf_level=self.conf_level)
        return fine_gray(since, made, cause=cause, se="finegray", strata=self.strata, conf_level=self.conf_level)

    def naive(self, tte: TimeToEvent) -> HazardFit:
        """The wrong model: what patients had in the end, as if they had had it at time zero."""
        return cox(tte, design(self._finally(), self.terms, missing="complete-case"), strata=self.strata, conf_level=self.conf_level)

    def landmark_told(self, tte: TimeToEvent, at: float) -> tuple[str, str]:
        """Who is still followed at a landmark, in words; and why no model can be made there, or nothing."""
        left = f"{tte.time.max():.1f} {tte.unit}"
        present = (tte.start < at) & (tte.time >= at)
        before = [plural(int(((tte.time < at) & (tte.state == 0)).sum()), "censored", "censored"),
                  *(f"{int(((tte.time < at) & (tte.state == k + 1)).sum())} with {state}" for k, state in enumerate(tte.states))]  # fmt: skip
        not_yet = int((tte.start >= at).sum())
        told = (f"landmark at {at:g} {tte.unit}: {int(present.sum())} of {plural(len(tte), 'patient')} still followed, {listed(before)} before"
                + (f", {not_yet} not yet under observation" if not_yet else ""))  # fmt: skip
        if not present.any():
            return told, f"Nobody is followed at {at:g} {tte.unit}; the longest follow-up is {left}. Choose an earlier landmark."
        if not (tte.state[present] > 0).any():
            who = f"{plural(int(present.sum()), 'patient')} still followed at {at:g} {tte.unit}"
            return told, f"Nobody of the {who} had the event later. Choose an earlier landmark."
        for one in self.later:
            known = one.by(at, tte)[present].dropna()
            if known.nunique() < 2:
                what = f"had a value of {one.label}" if not len(known) else f'had {one.label} "{level_text(known.iloc[0])}"'
                all_of = "nobody" if not len(known) else "everybody"
                when = "a later" if not len(known) or level_text(known.iloc[0]) == one.before else "an earlier"
                return told, f"By {at:g} {tte.unit} {all_of} still followed {what}, so there is nothing to compare. Choose {when} landmark."
        return told, ""

    def levels(self, models: dict[str, HazardFit], event_name: str) -> pd.DataFrame:
        """Patients, events and time followed at each level of each later category, model by model."""
        rows: list[dict[str, object]] = []
        for name, fit in models.items():
            for one in self.later:
                if one.before is None or one.column not in fit.design.references:
                    continue
                dummies = {str(level): fit.design.matrix[:, j] == 1 for j, (term, level) in enumerate(fit.columns) if term == one.column}
                reference = fit.design.references[one.column]
                inside = {reference: ~np.any(list(dummies.values()), axis=0), **dummies}
                event, length = fit.tte.state == fit.tte.code(event_name), fit.tte.time - observed_since(fit.tte)
                for level in (str(level) for level in one.values.cat.categories if str(level) in inside):
                    own = inside[level]
                    n = int(own.sum()) if fit.tte.id is None else len(np.unique(fit.tte.id[own]))
                    rows.append({"model": name, "term": one.column, "level": level, "n": n, "n_event": int(event[own].sum()),
                                 "followed": float(length[own].sum()), "reference": level == reference})  # fmt: skip
        return pd.DataFrame(rows, columns=["model", "term", "level", "n", "n_event", "followed", "reference"])

    def _finally(self) -> pd.DataFrame:
        return self.frame.assign(**{one.column: one.values for one in self.later})

    def _known_by(self, tte: TimeToEvent, at: float) -> pd.DataFrame:
        known = {one.column: one.by(at, tte).set_axis(self.frame.index) for one in self.later}
        return self.frame.assign(**known)


def _of(one: Later, chosen: np.ndarray) -> Later:
    return Later(one.column, one.label, one.values[chosen], one.since[chosen], one.before)


def _until(tte: TimeToEvent, horizon: float | None) -> TimeToEvent:
    """The same patients, censored at the horizon; an event on it counts."""
    if horizon is None:
        return tte
    over = tte.time > horizon + SAME
    return replace(tte, time=np.where(over, horizon, tte.time), state=np.where(over, 0, tte.state))
