"""Prognostic factors as a table: hazard ratios, univariable and multivariable side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from haip_outcomes.formatting import interval, number, p_value
from haip_outcomes.prognosis.baseline.factor_results import penalty_in_words
from haip_outcomes.tables.disclosure import HIDDEN, OPEN, Policy
from haip_outcomes.tables.outcomes import hidden_note
from haip_outcomes.tables.table import Table

if TYPE_CHECKING:
    from haip_outcomes.prognosis.baseline.factor_results import Factors
    from haip_outcomes.survival.hazards.hazard_fit import HazardFit

MODELS = ("univariable", "multivariable", "univariable subdistribution", "multivariable subdistribution")
_SIDE_BY_SIDE = {"univariable": "Cause-specific, univariable", "multivariable": "Cause-specific, multivariable",
                 "univariable subdistribution": "Subdistribution, univariable", "multivariable subdistribution": "Subdistribution, multivariable"}  # fmt: skip
PENALISED = " †"


def effects_table(
    factors: Factors, *, name: str = "effects", title: str = "Prognostic factors", refusals: bool = True, policy: Policy = OPEN
) -> Table:
    """Characteristic, patients, events, hazard ratio with its interval and p; univariable and multivariable side by side.

    Where events compete, cause-specific and subdistribution hazard ratios stand side by side. Beside the name of a factor with three levels
    or more stands the p of the whole factor. † marks what was fitted with Firth's penalty.

    `n` and events are those of everybody whose characteristic is known; how many the multivariable model left out stands in a
    footnote, as do abbreviations, how ties were handled, events too few for a term, and what was refused with its reason.

    Parameters
    ----------
    factors : what `factors` returned.
    name, title : the table's file name and title.
    refusals : whether footnotes say what was refused; a page that says it elsewhere leaves them out.
    policy : which small numbers are hidden; none by default.

    >>> import haip_outcomes as haip
    >>> cohort = haip.demo_cohort().setting("unresectable")
    >>> haip.effects_table(haip.factors(cohort, "os", ["sarcopenia"])).frame()["Characteristic"].tolist()
    ['Sarcopenia', '    No', '    Yes']
    """
    frame = effects_frame(factors, policy)
    models = fitted_models(factors)
    whole = _whole(factors)
    rows: list[tuple[str, ...]] = []
    indents: list[int] = []
    for label, part in frame.groupby("label", sort=False):
        levels = list(dict.fromkeys(part["level"]))
        alone = levels == [""]
        if not alone:
            rows.append((str(label), "", "", *(cell for model in models for cell in ("", whole.get((model, str(label)), "")))))
            indents.append(0)
        for level in levels:
            rows.append((str(label) if alone else level, *_cells(part[part["level"] == level], models, policy)))
            indents.append(0 if alone else 1)
    level = f"{100 * _any_fit(factors).conf_level:g}% CI"
    words = _SIDE_BY_SIDE if factors.subdistribution else {model: model.capitalize() for model in MODELS}
    columns = (f"HR ({level})", "p")
    return Table(
        name=name, title=title, header=("Characteristic", "n", "Events", *columns * len(models)), rows=tuple(rows), indents=tuple(indents),
        footnotes=tuple(_footnotes(factors, rows, refusals, policy)),
        spanners=(("", 3), *((words[model], 2) for model in models)) if len(models) > 1 else (),
    )  # fmt: skip


def fitted_models(factors: Factors) -> list[str]:
    """The kinds of model that a table of effects shows, in their order."""
    there = {"univariable": True, "multivariable": factors.multivariable is not None, "univariable subdistribution": bool(factors.subdistribution),
             "multivariable subdistribution": factors.subdistribution_multivariable is not None}  # fmt: skip
    return [model for model in MODELS if there[model]]


def _whole(factors: Factors) -> dict[tuple[str, str], str]:
    """(model, label) -> p of the whole factor, where that is more than one coefficient's."""
    tests = factors.term_tests
    return {(row["model"], factors.labels.get(row["term"], row["term"])): p_value(row["p_value"]) for row in tests[tests["df"] > 1].to_dict("records")}


def effects_frame(factors: Factors, policy: Policy = OPEN) -> pd.DataFrame:
    """The rows of a printed table of effects, reference rows included: what tables and forest plots are made of.

    Columns: label, level ("" for a number), reference, model, estimate, conf_low, conf_high (hazard ratios), p_value, n,
    n_event, penalty ("firth" or empty). A row a level and model; `n` and `n_event` are those of the level among the patients of that model. A term that
    a model did not fit has no estimate. `attrs` has the method's sentence. Where small numbers are hidden, so are those of the
    multivariable model: beside those of the univariable one they would tell how few have a missing value.
    """
    tidy = factors.tidy(exponentiate=True)
    tidy["level"] = tidy["level"].map(lambda level: "" if pd.isna(level) else str(level))
    rows: list[dict[str, object]] = []
    terms = [
        *dict.fromkeys(factors.levels["term"]),
        *(t for t in dict.fromkeys(tidy["term"]) if t not in set(factors.levels["term"])),
    ]
    for term in terms:
        known = [*_levels(factors, term)] or [
            (level, False) for level in dict.fromkeys(tidy.loc[tidy["term"] == term, "level"])
        ]
        fitted = any(_fit(factors, model, term) is not None for model in MODELS)
        for level, first in known:
            reference = first and fitted  # nothing refers to it where no model has the term
            for model in MODELS:
                fit = _fit(factors, model, term)
                row = tidy[(tidy["model"] == model) & (tidy["term"] == term) & (tidy["level"] == level)]
                if model != "univariable" and fit is None:
                    continue
                n, n_event = _counts(factors, fit, term, level, reference, policy, model)
                values = row.iloc[0] if len(row) else {}
                rows.append({"label": factors.labels.get(term, term), "level": level, "reference": reference, "model": model,
                             **{key: _kept(float(values[key]), key, policy) if len(row) else np.nan
                                for key in ("estimate", "conf_low", "conf_high", "p_value")},
                             "n": n, "n_event": n_event, "penalty": values["penalty"] if len(row) else ""})  # fmt: skip
    frame = pd.DataFrame(rows)
    frame.attrs["method"] = policy.method(factors.method)
    return frame


def _fit(factors: Factors, model: str, term: str) -> HazardFit | None:
    """The model that a term's row comes from; that of "a*b" also holds a and b."""
    alone, several = ((factors.univariable, factors.multivariable) if model in MODELS[:2]
                      else (factors.subdistribution, factors.subdistribution_multivariable))  # fmt: skip
    fits = [several] if model.startswith("multivariable") else [alone.get(term), *alone.values()]
    return next((fit for fit in fits if fit is not None and term in fit.design.terms), None)


def _levels(factors: Factors, term: str) -> Iterator[tuple[str, bool]]:
    for row in factors.levels[factors.levels["term"] == term].to_dict("records"):
        yield "" if pd.isna(row["level"]) else str(row["level"]), bool(row["reference"])


def _counts(
    factors: Factors, fit: HazardFit | None, term: str, level: str, reference: bool, policy: Policy, model: str
) -> tuple[float, float]:
    """Patients and events of a level among those that a model analysed; of all who have the term where there is no model."""
    if policy.hides and (fit is None or model != "univariable"):
        return np.nan, np.nan
    if fit is None:
        own = factors.levels[
            (factors.levels["term"] == term) & (factors.levels["level"].fillna("").astype(str) == level)
        ]
        return (int(own["n"].sum()), int(own["n_event"].sum()))
    event = fit.tte.state > 0 if model in MODELS[:2] else fit.tte.state == fit.tte.code(factors.about.tte.states[0])
    if level == "" and not reference:
        return _told(fit, np.ones(len(event), dtype=bool), event, policy)
    dummies = {
        str(shown): fit.design.matrix[:, j] == 1
        for j, (name, shown) in enumerate(fit.design.columns)
        if name == term
    }
    inside = (
        ~np.any(list(dummies.values()), axis=0)
        if reference
        else dummies.get(level, np.zeros(len(event), dtype=bool))
    )
    return _told(fit, inside, event, policy)


def _told(fit: HazardFit, inside: np.ndarray, event: np.ndarray, policy: Policy) -> tuple[float, float]:
    """Patients and events among some of a model's patients, as far as they may be shown."""
    if not policy.hides:
        return (fit.n if inside.all() else int(inside.sum())), int((inside & event).sum())
    index = fit.tte.index
    n, events = policy.shows(index[inside], index), policy.shows(index[inside & event], index[inside])
    return int(inside.sum()) if n else np.nan, int((inside & event).sum()) if events else np.nan


def _kept(value: float, key: str, policy: Policy) -> float:
    """A ratio or a p-value; for outside no more of it than is printed, rounded once from the whole number."""
    if not policy.hides:
        return value
    digits = 2 if key != "p_value" or value >= 0.1 else 3
    return round(value, digits) or round(value, 4)  # a ratio near 0 stays on the log axis


def _cells(part: pd.DataFrame, models: list[str], policy: Policy) -> tuple[str, ...]:
    first = part.iloc[0]
    hidden = HIDDEN if policy.hides else "-"
    cells = [number(first["n"], 0, hidden), number(first["n_event"], 0, hidden)]
    for model in models:
        row = part[part["model"] == model]
        if not len(row):
            cells += ["", ""]
        elif first["reference"]:
            cells += ["reference", ""]
        else:
            one = row.iloc[0]
            cells += [
                interval(one["estimate"], one["conf_low"], one["conf_high"], missing="not fitted") + (PENALISED if one["penalty"] else ""),
                p_value(one["p_value"]),
            ]
    return tuple(cells)


def _any_fit(factors: Factors) -> HazardFit:
    fits = [
        *factors.univariable.values(),
        *([factors.multivariable] if factors.multivariable is not None else []),
    ]
    return fits[0]


def _footnotes(factors: Factors, rows: list[tuple[str, ...]], refusals: bool, policy: Policy) -> Iterator[str]:
    yield ("HR: hazard ratio (of a number: for one unit more). CI: confidence interval. "
           "n and events: of all patients whose characteristic is known.")  # fmt: skip
    if any(any(row[3:]) and not any(row[1:3]) for row in rows):
        yield "p beside a factor's name: all its levels together (likelihood-ratio test" + ("; Wald test for the subdistribution)." if factors.subdistribution else ").")
    yield f"{policy.method(factors.method)}."
    if any(PENALISED in cell for row in rows for cell in row):
        own = tuple(one for one in factors.penalised if not one.model.startswith("interaction"))
        words = penalty_in_words(own, factors.labels, reasons=True)
        yield f"†: {words.split(': ')[0] if policy.hides else words}."
    if policy.hides:
        yield from filter(None, [hidden_note(rows)])
        return
    yield from dict.fromkeys(factors.warnings)
    if any("not fitted" in row for row in rows):
        yield "Not fitted: refused, for the reason below."
    for refusal in factors.refused if refusals else ():
        what = factors.labels.get(refusal.term, refusal.term)
        yield f"Refused, {refusal.model}{f', {what}' if what else ''}: {refusal.reason}"
