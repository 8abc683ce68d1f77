"""What a prediction was made from, in sentences that stand under every table and figure of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, median, number, plural
from haip_outcomes.prognosis.prediction.observed_covariates import is_fine_gray
from haip_outcomes.survival.curves.kaplan_meier import follow_up
from haip_outcomes.survival.hazards.diagnostics import events_per_term
from haip_outcomes.survival.hazards.hazard_fit import HazardFit

ADVISED, NEEDED = 10, 5  # events a coefficient: under the first a warning, under the second no nomogram
NOT_A_PROMISE = ("It describes patients like these and is no promise for one of them; it is for research, not for decisions about the treatment of a "
                 "patient.")  # fmt: skip


@dataclass(frozen=True)
class BuiltOn:
    """The sentences: `patients` (who, events, time zero, follow-up, left out), `performance`, `few` events (empty if enough), `caution` of the plan."""

    patients: str
    performance: str
    few: str
    caution: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of them that say something, with the last word on what it is for."""
        return tuple(filter(None, (self.patients, self.few, self.performance, self.caution, NOT_A_PROMISE)))


def built_on(fit: HazardFit, labels: Any, validation: Any) -> BuiltOn:
    """What a fit was made from, in sentences; the setting and the plan's caution where `labels` is the cohort."""
    tte, plan = fit.tte, getattr(labels, "plan", None)
    settings = _settings(fit, labels)
    event = getattr(fit.pieces, "cause", tte.states[0])
    gone = [f"{len(rows)} without {label_of(labels, reason.removeprefix('without '))}" if reason.startswith("without ") else f"{len(rows)} {reason}"
            for reason, rows in fit.left_out.items()]  # fmt: skip
    who = [f"{fit.n} of {plural(fit.n_available, 'patient')}" if gone else plural(fit.n, "patient"), f"{plural(fit.n_event, 'event')} ({event})"]
    if settings:
        who.append(f"{'setting' if len(settings) == 1 else 'settings'} {listed(settings)}")
    middle = follow_up(tte).median().iloc[0]
    words = [f"Made from {', '.join(who)}", f"left out: {listed(gone)}" if gone else "",
             f"{tte.label + ', ' if tte.label else ''}{tte.unit} since {tte.time_zero or 'time zero'}",
             f"median follow-up (reverse Kaplan-Meier) {median(middle['estimate'], middle['conf_low'], middle['conf_high'])} {tte.unit}"]  # fmt: skip
    each = events_per_term(fit)
    few = (f"{plural(fit.n_event, 'event')} for {plural(len(fit.coefficients), 'coefficient')} ({each:.1f} each, and at least {ADVISED} are advised): "
           "the predictions are likely too extreme, and will be less right in other patients." if each < ADVISED else "")  # fmt: skip
    caution = str(plan.cohort.caution) if plan is not None else ""
    if plan is not None and plan.cohort.synthetic:
        caution = f"The patients are invented. {caution}".strip()
    return BuiltOn("; ".join(filter(None, words)) + ".", _performance(fit, validation), few, caution)


def _settings(fit: HazardFit, labels: Any) -> list[str]:
    """The settings of those analysed, where `labels` is their cohort."""
    frame = getattr(labels, "frame", None)
    if not hasattr(labels, "settings") or frame is None or not fit.tte.index.isin(frame.index).all():
        return []
    present = set(frame.loc[fit.tte.index, "setting"].astype(str))
    return [name for name in labels.settings if name in present]


def label_of(labels: Any, name: str) -> str:
    """What a column is called in print: from a mapping, from what `factors` returned, or from a cohort's plan; else its own name."""
    if labels is None:
        return name
    known = labels if isinstance(labels, Mapping) else getattr(labels, "labels", None)
    if isinstance(known, Mapping):
        return str(known.get(name, name))
    plan = getattr(labels, "plan", None)
    if plan is None:
        raise EndpointError(f"labels is a mapping of columns to their names in print, what factors(...) returned, or a cohort; got {type(labels).__name__}.")
    return str(plan.label(name))


def _performance(fit: HazardFit, validation: Any) -> str:
    start = "Not validated in other patients."
    if validation is None:
        return (f"{start} Harrell's C is {number(fit.concordance)} in the patients it was made from, which flatters it "
                "(it was not validated).")  # fmt: skip
    if isinstance(validation, str):
        return f"{start} {validation.rstrip('.')}."
    return f"{start} {_corrected(*_pair(fit, validation))}"


def _corrected(apparent: float, corrected: float, replicates: int = 0) -> str:
    how = f" (bootstrap, {plural(replicates, 'resample')})" if replicates else ""
    return f"Harrell's C {number(apparent)} in the patients it was made from, {number(corrected)} corrected for optimism{how}."


def _pair(fit: HazardFit, validation: Any) -> tuple[float, float] | tuple[float, float, int]:
    """C as it looks and corrected, from a pair of numbers or from what `validate` found of this very model."""
    if hasattr(validation, "tidy"):
        return _of_this_model(fit, validation.tidy())
    try:
        apparent, corrected = (float(value) for value in validation)
    except (TypeError, ValueError):
        raise EndpointError("validation is what validate(...) returned, or a pair of Harrell's C, apparent and corrected for optimism, or a sentence; "
                            f"got {type(validation).__name__}.") from None  # fmt: skip
    if not (0 <= corrected <= 1 and 0 <= apparent <= 1):
        raise EndpointError(f"validation is a pair of Harrell's C, apparent and corrected, each between 0 and 1; got {apparent:g} and {corrected:g}.")
    return apparent, corrected


def _of_this_model(fit: HazardFit, found: pd.DataFrame) -> tuple[float, float, int]:
    """The row of the model that has the fit's patients, events and C (where events compete, its patients and events alone)."""
    rows = found[(found["measure"] == "Harrell's C") & (found["n"] == fit.n) & (found["n_event"] == fit.n_event)] if "measure" in found else found.iloc[:0]
    if not is_fine_gray(fit):  # where events compete there are several C's
        rows = rows[(rows["apparent"] - fit.concordance).abs() < 1e-6]
    if len(rows) != 1:
        raise EndpointError(f"{'None' if rows.empty else 'Not one'} of the models validated is this fit ({plural(fit.n, 'patient')}, {plural(fit.n_event, 'event')}, "
                            f"Harrell's C {number(fit.concordance, 3)}): validate the same terms on the same patients, or give the pair (apparent C, corrected C).")  # fmt: skip
    row = rows.iloc[0]
    return float(row["apparent"]), float(row["estimate"]), int(row["replicates"])
