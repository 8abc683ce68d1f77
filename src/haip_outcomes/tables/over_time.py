"""Factors known later as a table: by each model, at each level, with the patients, the events and the time behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from haip_outcomes.errors import HaipError
from haip_outcomes.formatting import interval, listed, number, p_value
from haip_outcomes.prognosis.later.over_time_result import NAIVE, WRONG, FactorsOverTime
from haip_outcomes.tables.disclosure import HIDDEN, OPEN, Policy
from haip_outcomes.tables.outcomes import hidden_note
from haip_outcomes.tables.table import Table

if TYPE_CHECKING:
    from haip_outcomes.survival.hazards.hazard_fit import HazardFit

MEANT = {"time-varying": "as it changed (time-varying)", NAIVE: f"WRONG, for comparison: {NAIVE}"}


def over_time_table(
    found: FactorsOverTime, *, name: str = "over_time", title: str = "Factors known after time zero", refusals: bool = True, policy: Policy = OPEN
) -> Table:
    """A block a model: each later column with its levels, patients, events, time followed, hazard ratio with its interval, and p.

    A patient who changed while followed stands at both levels of the time-varying model, with the time at each. The wrong analysis comes last
    and is called so. Baseline factors that the models adjust for are named in a footnote.

    Parameters
    ----------
    found : what `factors_over_time` returned.
    name, title : the table's file name and title.
    refusals : whether footnotes say what was refused.
    policy : which small numbers are hidden; none by default. Where any are, no patients, events or times are shown.
    """
    if not isinstance(found, FactorsOverTime):
        raise HaipError(f"over_time_table takes what factors_over_time returned, and this is a {type(found).__name__}.")
    rows: list[tuple[str, ...]] = []
    indents: list[int] = []
    later = set(found.changes["term"])
    for model, fit in found.models.items():
        rows.append((_model_words(model, found.unit), *[""] * 5))
        indents.append(0)
        for cells, indent in _rows(found, model, fit, later, policy):
            rows.append(cells)
            indents.append(indent)
    level = f"{100 * next(iter(found.models.values())).conf_level:g}% CI"
    return Table(
        name=name, title=title, header=("Characteristic", "n", "Events", f"Followed, {found.unit}", f"HR ({level})", "p"), rows=tuple(rows),
        indents=tuple(indents), footnotes=tuple(_footnotes(found, rows, later, refusals, policy)),
    )  # fmt: skip


def _model_words(model: str, unit: str) -> str:
    if model.startswith("landmark "):
        at, _, kind = model.removeprefix("landmark ").partition(", ")
        return f"By what was known at {at} {unit}{f' ({kind} hazard)' if kind else ''}"
    text = MEANT.get(model, model)
    return text[:1].upper() + text[1:]


def _rows(found: FactorsOverTime, model: str, fit: HazardFit, later: set[str], policy: Policy) -> Iterator[tuple[tuple[str, ...], int]]:
    tidy = fit.tidy(exponentiate=True)
    for term in (term for term in fit.design.terms if term in later):
        label, own = found.labels.get(term, term), tidy[tidy["term"] == term]
        levels = found.levels[(found.levels["model"] == model) & (found.levels["term"] == term)]
        if not len(levels):
            yield (label, _count(fit.n, policy), _count(fit.n_event, policy), "", *_ratio(own.iloc[0])), 1
            continue
        yield (label, *[""] * 5), 1
        for row in levels.to_dict("records"):
            counts = (_count(row["n"], policy), _count(row["n_event"], policy), _count(row["followed"], policy))
            ratio = ("reference", "") if row["reference"] else _ratio(own[own["level"].astype(str) == row["level"]].iloc[0])
            yield (str(row["level"]), *counts, *ratio), 2


def _ratio(row: pd.Series) -> tuple[str, str]:
    return interval(row["estimate"], row["conf_low"], row["conf_high"]), p_value(row["p_value"])


def _count(value: float, policy: Policy) -> str:
    return HIDDEN if policy.hides else number(value, 0)


def _footnotes(found: FactorsOverTime, rows: list[tuple[str, ...]], later: set[str], refusals: bool, policy: Policy) -> Iterator[str]:
    yield "HR: hazard ratio. CI: confidence interval. n: patients ever at the level while followed by that model."
    base = [found.labels.get(term, term) for term in next(iter(found.models.values())).design.terms if term not in later]
    if base:
        yield f"Every model is adjusted for {listed(base)}."
    if NAIVE in found.models:
        yield WRONG
    yield f"{policy.method(found.method)}."
    if policy.hides:
        yield from filter(None, [hidden_note(rows)])
        return
    yield from dict.fromkeys(found.warnings)
    for refusal in found.refused if refusals else ():
        yield f"Refused, {refusal.model}: {refusal.reason}"
