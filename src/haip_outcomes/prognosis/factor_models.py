"""Prognostic factors of a cohort: each on its own, and several together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, FitError, did_you_mean
from haip_outcomes.formatting import interval, listed, p_value, plural
from haip_outcomes.survival.covariates.design_matrix import Design, covariate, design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.diagnostics import proportional_hazards
from haip_outcomes.survival.hazards.hazard_fit import HazardFit
from haip_outcomes.survival.results import shown_as_html
from haip_outcomes.survival.time_to_event import TimeToEvent, level_text

if TYPE_CHECKING:
    from haip_outcomes.registry.cohort import Cohort

EVENTS_NEEDED = 5  # for each coefficient of the multivariable model; under 10 it carries a warning


@dataclass(frozen=True)
class Refusal:
    """A model, or a term of it, that was not fitted: `term` is empty where it is the whole model."""

    term: str
    model: str
    reason: str


@dataclass(frozen=True, eq=False, repr=False)
class Factors:
    """Cox models of prognostic factors. `tidy()` has a row a coefficient and model.

    Attributes
    ----------
    univariable : term -> its model, on the patients who have the term.
    multivariable : the model of several terms on the patients who have all of them, or None.
    refused : what was not fitted, and why.
    levels : a row a level (numbers have one row, with no level): term level n n_event reference, of all patients who
        have the term, also where no model could be fitted.
    proportional_hazards : model term statistic df p_value; the multivariable model ends with GLOBAL.
    labels : term -> its name in print.
    warnings, method : sentences to be read with the numbers; the sentence the result writes about itself.
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

    def tidy(self, exponentiate: bool = False) -> pd.DataFrame:
        """model term level estimate std_error conf_low conf_high statistic p_value n n_event.

        Log hazard ratios, or hazard ratios with `exponentiate` (`std_error` stays on the log scale). `n` and `n_event`
        are those of the model that the row comes from.
        """
        fits = [("univariable", fit) for fit in self.univariable.values()]
        if self.multivariable is not None:
            fits.append(("multivariable", self.multivariable))
        frames = []
        for model, fit in fits:
            frame = fit.tidy(exponentiate)
            frame.insert(0, "model", model)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def __repr__(self) -> str:
        lines = [self.method]
        for row in self.tidy(exponentiate=True).to_dict("records"):
            level = f" {row['level']}" if row["level"] is not None else ""
            lines.append(f"  {row['model']}, {row['term']}{level}: HR "
                         f"{interval(row['estimate'], row['conf_low'], row['conf_high'])}, p {p_value(row['p_value'])}")  # fmt: skip
        lines += [
            f"  Refused, {refusal.model} {refusal.term or 'model'}: {refusal.reason}"
            for refusal in self.refused
        ]
        return "\n".join([*lines, *(f"  Note: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        refused = [
            f"Refused, {refusal.model} {refusal.term or 'model'}: {refusal.reason}"
            for refusal in self.refused
        ]
        return shown_as_html(
            "Prognostic factors",
            self.tidy(exponentiate=True),
            " ".join([f"{self.method}.", *self.warnings, *refused]),
        )


def factors(
    cohort: Cohort,
    endpoint: str,
    terms: Sequence[str],
    *,
    multivariable: Sequence[str] | None = None,
    strata: str | None = None,
    cause: str | None = None,
) -> Factors:
    """Which patient and tumour factors go with a higher rate of the event, on their own and together.

    A Cox model (Efron ties) for each term, and one of `multivariable`, or of all terms, on the patients who have all
    of them; each with the test of proportional hazards. The hazard ratio of a factor is exp(estimate).

    A term that can't be fitted (constant, a level without events, too few events) is refused with its reason and the
    others go on; the multivariable model goes on without it. It needs 5 events a coefficient, and under 10 it warns.

    Parameters
    ----------
    cohort : with `frame` (a row a patient), `endpoint(name)` and `plan.label(column)`.
    endpoint : the name of an endpoint of the plan.
    terms : columns of the cohort, "a:b" or "a*b"; the first category of a column is its reference.
    multivariable : the terms of the multivariable model; all `terms` if not given, none with an empty list.
    strata : a column with a baseline hazard for each value, as "setting".
    cause : for an endpoint with competing events, whose cause-specific hazard.

    Returns
    -------
    Factors : see there.

    Raises
    ------
    EndpointError : a column or endpoint that does not exist; competing events without `cause`.
    FitError : no events, or nothing at all could be fitted; the message holds every reason.

    References: Cox, J R Stat Soc B 1972;34:187-220 (doi:10.1111/j.2517-6161.1972.tb00899.x); events per variable:
    Peduzzi et al., J Clin Epidemiol 1995;48:1503-1510 (doi:10.1016/0895-4356(95)00048-8).

    Equals R's `coxph(y ~ term + strata(s))` for each term, `coxph(y ~ a + b + strata(s))`, and `cox.zph` of each.

    Examples
    --------
    >>> from haip_outcomes import demo_cohort
    >>> found = factors(demo_cohort().setting("unresectable"), "os", ["age", "sarcopenia"])
    >>> found.tidy(exponentiate=True)[["model", "term"]].to_numpy().tolist()[:2]
    [['univariable', 'age'], ['univariable', 'sarcopenia']]
    """
    tte = cohort.endpoint(endpoint)
    if cause is not None:
        tte = tte.only(cause)
    event = tte.single("factors without a cause")
    frame = cohort.frame.loc[tte.index]
    terms, together = _named(terms), _named(terms if multivariable is None else multivariable)
    columns = _columns([*terms, *together, *([strata] if strata else [])], frame)
    labels = {name: cohort.plan.label(name) for name in columns} | {
        term: _label(term, cohort) for term in [*terms, *together]
    }
    if not event.any():
        raise FitError(
            f'Nobody had the event "{tte.states[0]}" among {plural(tte.n, "patient")}: there is nothing to model.'
        )
    by = None if strata is None else frame[strata].rename(labels[strata])
    refused: list[Refusal] = []
    single: dict[str, HazardFit] = {}
    for term in terms:
        try:
            single[term] = cox(tte, design(frame, [term], missing="complete-case"), strata=by)
        except (FitError, EndpointError) as error:
            refused.append(Refusal(term, "univariable", str(error)))
    joint = _together(tte, frame, together, by, refused) if len(together) > 1 else None
    if not single and joint is None:
        raise FitError(
            "No model could be fitted. "
            + " ".join(f"{labels.get(r.term, r.term)}: {r.reason}" for r in refused)
        )
    warnings = [f"{labels[term]}: {warning}" for term, fit in single.items() for warning in fit.warnings]
    if joint is not None:
        warnings += [f"Multivariable model: {warning}" for warning in joint.warnings]
    return Factors(
        univariable=single, multivariable=joint, refused=tuple(refused), levels=_levels(frame, terms, together, event),
        proportional_hazards=_proportional(single, joint), labels=labels, warnings=tuple(warnings),
        method="; ".join([_method(tte, single, joint, labels, strata), *(cohort.methods[term] for term in terms if term in cohort.methods)]), unit=tte.unit,
    )  # fmt: skip


def _together(
    tte: TimeToEvent, frame: pd.DataFrame, terms: list[str], by: pd.Series | None, refused: list[Refusal]
) -> HazardFit | None:
    """The multivariable model of the terms that can be fitted together; what can't is added to `refused`."""
    left = list(terms)
    while len(left) > 1:
        try:
            made = design(frame, left, missing="complete-case")
            _refuse_few(tte, made)
            return cox(tte, made, strata=by)
        except (FitError, EndpointError) as error:
            culprit = _culprit(error, left, frame)
            refused.append(Refusal(culprit, "multivariable", str(error)))
            if not culprit:
                return None
            left = [
                term for term in left if culprit not in (term, _joined(term, frame), *_parts(term, frame))
            ]
    if len(terms) > 1:
        rest = (
            f"only {left[0]} is left of {listed(terms)}: see its univariable model"
            if left
            else "no term is left"
        )
        refused.append(Refusal("", "multivariable", f"No multivariable model: {rest}."))
    return None


def _refuse_few(tte: TimeToEvent, made: Design) -> None:
    analysed = made.index.get_indexer(tte.index) >= 0
    total, p = int((tte.state[analysed] > 0).sum()), len(made.columns)
    if total < EVENTS_NEEDED * p:
        raise FitError(f"{plural(total, 'event')} among {plural(int(analysed.sum()), 'patient')} with all of {listed(made.terms)} "
                       f"can't carry {plural(p, 'coefficient')} ({total / p:.1f} each; at least {EVENTS_NEEDED} are needed): choose "
                       "fewer terms for the multivariable model.")  # fmt: skip


def _culprit(error: FitError | EndpointError, left: list[str], frame: pd.DataFrame) -> str:
    """The term to leave out so that the rest can be fitted; nothing if the error is not of one term."""
    term = getattr(error, "term", None)
    if term is not None:
        return str(term) if any(term in (t, _joined(t, frame), *_parts(t, frame)) for t in left) else ""
    for candidate in left:  # an error of a column's content, as of a date
        try:
            for part in _parts(candidate, frame):
                covariate(frame[part], part)
        except EndpointError:
            return candidate
    return ""


def _levels(frame: pd.DataFrame, terms: list[str], together: list[str], event: np.ndarray) -> pd.DataFrame:
    """Patients and events at each level of each column among the terms."""
    rows: list[dict[str, object]] = []
    for name in _columns([*terms, *together], frame):
        try:
            values = covariate(frame[name], name)
        except EndpointError:
            continue
        present = values.notna().to_numpy()
        if not isinstance(values.dtype, pd.CategoricalDtype):
            rows.append({"term": name, "level": None, "n": int(present.sum()), "n_event": int(event[present].sum()),
                         "reference": False})  # fmt: skip
            continue
        codes = values.cat.codes.to_numpy()
        known = [k for k in range(len(values.cat.categories)) if (codes == k).any()]
        rows += [{"term": name, "level": level_text(values.cat.categories[k]), "n": int((codes == k).sum()),
                  "n_event": int(event[codes == k].sum()), "reference": k == known[0]} for k in known]  # fmt: skip
    made = pd.DataFrame(rows, columns=["term", "level", "n", "n_event", "reference"])
    return made.astype({"level": object})


def _proportional(single: dict[str, HazardFit], joint: HazardFit | None) -> pd.DataFrame:
    frames = []
    for fit in single.values():
        frame = proportional_hazards(fit).tidy()
        frames.append((frame[:-1] if len(frame) == 2 else frame).assign(model="univariable"))
    if joint is not None:
        frames.append(proportional_hazards(joint).tidy().assign(model="multivariable"))
    return pd.concat(frames, ignore_index=True)[["model", "term", "statistic", "df", "p_value"]]


def _method(
    tte: TimeToEvent,
    single: dict[str, HazardFit],
    joint: HazardFit | None,
    labels: dict[str, str],
    strata: str | None,
) -> str:
    words = ["Cox, Efron ties"]
    if tte.censored_causes:
        words.append(f"cause-specific hazard of {tte.states[0]}, {listed(tte.censored_causes)} censored")
    if strata is not None:
        words.append(f"stratified by {labels[strata]}")
    parts = [", ".join(words)]
    if single:
        known = sorted({fit.n for fit in single.values()})
        who = f"{known[0]}" if len(known) == 1 else f"{known[0]} to {known[-1]}"
        models = (
            f"univariable model of {labels[next(iter(single))]}"
            if len(single) == 1
            else f"{len(single)} univariable models"
        )
        parts.append(f"{models}, {who} of {plural(tte.n, 'patient')}{' each' if len(single) > 1 else ''}")
    if joint is not None:
        gone = "".join(f", {len(rows)} without {labels.get(reason.removeprefix('without '), reason.removeprefix('without '))}"
                       for reason, rows in joint.left_out.items())  # fmt: skip
        parts.append(f"multivariable model of {listed([labels.get(term, term) for term in joint.design.terms])}: {joint.n} of "
                     f"{plural(tte.n, 'patient')}{gone}, {plural(joint.n_event, 'event')}")  # fmt: skip
    parts.append(f"{plural(int((tte.state > 0).sum()), 'event')} ({tte.states[0]}) in all")
    return "; ".join(parts)


def _named(terms: Sequence[str]) -> list[str]:
    return [terms] if isinstance(terms, str) else list(dict.fromkeys(terms))


def _parts(term: str, frame: pd.DataFrame) -> list[str]:
    """The columns a term is made of."""
    return [term] if term in frame.columns else [part.strip() for part in term.replace("*", ":").split(":")]


def _joined(term: str, frame: pd.DataFrame) -> str:
    return ":".join(_parts(term, frame))


def _label(term: str, cohort: Cohort) -> str:
    return " × ".join(cohort.plan.label(part) for part in _parts(term, cohort.frame))


def _columns(terms: list[str], frame: pd.DataFrame) -> list[str]:
    """The columns of all terms, once each; refuses one that does not exist."""
    found = list(dict.fromkeys(part for term in terms for part in _parts(term, frame)))
    for name in found:
        if name not in frame.columns:
            raise EndpointError(f'There is no column "{name}". {did_you_mean(name, map(str, frame.columns))}')
    return found
