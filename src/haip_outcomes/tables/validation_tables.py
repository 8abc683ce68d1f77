"""How well models predict in new patients, as cells: a row a measure, or under each measure a row a model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from haip_outcomes.formatting import interval, number
from haip_outcomes.prognosis.validation.optimism import OPTIMISM, OUTSIDE, PLUS
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.table import Table

if TYPE_CHECKING:
    from haip_outcomes.prognosis.validation.whole_models import Validation

_ESTIMATE = {
    OPTIMISM: "Corrected: apparent (on the patients a model was made from) less optimism.",
    OUTSIDE: "A resample's model is made from fewer different patients: for every model the values out of bag are, if anything, a little too low (of a Brier score, too high).",
    PLUS: "Corrected: by .632+, a mean of apparent (on the patients a model was made from) and out of bag, the weight of the latter from 0.632 to 1, more where more of "
          "what a model seems to know is gone there; *: out of bag, where .632+ is not defined (observed / expected, calibration, slope).",
}  # fmt: skip
_NOTES = (
    "Out of bag: mean over the resamples (of slopes and the calibration intercept the median) of the measure on the patients who were not in the resample that the model was made from. "
    "CI: confidence interval. -: not defined, or over 5% of the resamples failed; (-): no interval, as a few resamples lie far from all others.",
    "C, AUC: 0.5 is chance, 1 always right. Brier score: mean squared error of the predicted risk, lower is better. IPA: index of prediction accuracy, 1 - Brier "
    "score / that of a model that knows nothing. Observed / expected: 1 is perfect. Calibration intercept: 0 is perfect, above 0 the risk is underestimated; "
    "slope: 1 is perfect, below 1 the predictions are too extreme. Slope of the log hazard: between 0 and 1, by what a model's log hazard ratios should be multiplied; 0 or below, it knows nothing of new patients.",
)  # fmt: skip


def validation_table(
    validation: Validation, *, name: str = "validation", title: str = "", apparent: bool = True, policy: Policy = OPEN
) -> Table:
    """What `validate` found: every measure as it seemed to be, corrected, and out of bag (once, where that is the correction). Of several models a row each under every measure.

    Parameters
    ----------
    validation : what `validate` returned.
    name, title : the table's file name and title; the title says the outcome unless given.
    apparent : a column of the apparent values before the corrected ones.
    policy : with small numbers hidden, sentences with counts are not repeated.

    Net benefit is left to `plot_decision_curve(validation.decision_curve(label, time))`.

    >>> import haip_outcomes as haip, numpy as np
    >>> ours = haip.simulate_cohort(150, rng=np.random.default_rng(2))
    >>> found = haip.validate(ours.endpoint("os"), ours.frame, {"Cox": haip.cox_model(["sarcopenia", "age"])}, times=[24], replicates=50, rng=1)
    >>> haip.validation_table(found).header
    ('', 'Apparent', 'Corrected (95% CI)', 'Out of bag')
    """
    shown = validation.frame[validation.frame["measure"] != "net benefit"]
    timed = _at_a_time(shown, validation)
    limits = f"({100 * validation.conf_level:g}% CI)"
    header = ("", *(["Apparent"] if apparent else []), *([f"Out of bag {limits}"] if validation.correction == OUTSIDE else [f"Corrected {limits}", "Out of bag"]))
    blank = ("",) * (len(header) - 1)
    rows, indents = _measures(shown[~timed], validation, 0, apparent)
    for time in validation.times:
        own = shown[timed & (shown["time"] == time)]
        if len(own):
            several = len(validation.models) > 1  # a heading is never indented: their headings say the time themselves
            below, deeper = _measures(own, validation, 0 if several else 1, apparent, f" at {time:g} {validation.unit}" if several else "")
            rows += below if several else [(f"At {time:g} {validation.unit}", *blank), *below]
            indents += deeper if several else [0, *deeper]
    notes = () if policy.hides else validation.warnings
    return Table(
        name=name, title=title or f"Prediction of {validation.outcome}, {'out of bag' if validation.correction == OUTSIDE else 'corrected for optimism'}", header=header, rows=tuple(rows), indents=tuple(indents),
        footnotes=(_ESTIMATE[validation.correction], *_NOTES, policy.method(validation.method), *notes),
    )  # fmt: skip


def _measures(frame: pd.DataFrame, validation: Validation, depth: int, apparent: bool, at: str = "") -> tuple[list[tuple[str, ...]], list[int]]:
    """A row a measure; of several models a heading a measure and a row a model, in their order."""
    rows: list[tuple[str, ...]] = []
    indents: list[int] = []
    for measure in dict.fromkeys(frame["measure"]):
        by_label = {row["model"]: row for row in frame[frame["measure"] == measure].to_dict("records")}
        words, several = _words(measure, validation) + at, len(validation.models) > 1
        if several:
            rows.append((words, *[""] * (1 + apparent + (validation.correction != OUTSIDE))))
            indents.append(depth)
        for label in validation.models:
            cells = _cells(by_label.get(label), validation.correction)
            rows.append((label if several else words, *cells[0 if apparent else 1 : 2 if validation.correction == OUTSIDE else 3]))
            indents.append(depth + several)
    return rows, indents


def _at_a_time(frame: pd.DataFrame, validation: Validation) -> pd.Series:
    """Whether each row belongs to one of the times rather than to the whole follow-up."""
    return frame["time"].notna() & ~frame["measure"].isin(["Uno's C", "integrated Brier score", "integrated IPA"])


def _words(measure: str, validation: Validation) -> str:
    last = f"{validation.times[-1]:g} {validation.unit}"
    more = {"Uno's C": f", events up to {last}", "integrated Brier score": f", 0 to {last}", "integrated IPA": f", 0 to {last}"}.get(measure, "")
    return f"{measure[:1].upper()}{measure[1:]}{more}"


def _cells(row: dict[Any, Any] | None, correction: str) -> tuple[str, str, str]:
    """Apparent, corrected with limits, out of bag."""
    if row is None:
        return "-", "-", "-"
    digits = 3 if "Brier" in row["measure"] or row["measure"].endswith("C") or row["measure"] == "AUC" else 2
    if math.isnan(row["estimate"]):
        told = "-"
    elif math.isnan(row["conf_low"]):
        told = f"{number(row['estimate'], digits)} (-)"
    else:
        told = interval(row["estimate"], row["conf_low"], row["conf_high"], digits)
    star = "" if told == "-" or row["correction"] == correction else "*"
    return number(row["apparent"], digits), told + star, number(row["out_of_bag"], digits)
