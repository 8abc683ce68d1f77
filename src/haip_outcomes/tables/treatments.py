"""Two treatments as tables: who they were before and after weighting, and what the crude, the adjusted and the weighted model say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from haip_outcomes.formatting import interval, number, p_value, percent
from haip_outcomes.tables.disclosure import HIDDEN, OPEN, Policy
from haip_outcomes.tables.outcomes import HIDDEN_NOTE
from haip_outcomes.tables.table import Table, slug

if TYPE_CHECKING:
    from haip_outcomes.prognosis.treatments.treatment_comparison import TreatmentComparison

MODELS = ("crude", "adjusted", "weighted")
SAMPLES = ("unweighted", "weighted")


def balance_table(comparison: TreatmentComparison, columns: Sequence[str] | None = None, *, labels: Mapping[str, str] | None = None,
                  policy: Policy = OPEN) -> Table:  # fmt: skip
    """The treated and the others in each confounder: means or shares and the standardised difference, before and after weighting.

    Parameters
    ----------
    comparison : what `compare_treatments` returned.
    columns : of the cohort; the confounders unless said. Give others too: what is not in the score is not balanced by it.
    labels : what to print for the two treatments, {"adjuvant": "Pump"}.
    policy : which small numbers are hidden; then means and shares are, and the differences stand alone.

    >>> import numpy as np
    >>> import haip_outcomes as haip
    >>> from haip_outcomes.prognosis.treatments.treatments_compared import compare_treatments
    >>> cohort = haip.simulate_cohort(200, rng=np.random.default_rng(3), shares={"adjuvant": 1, "comparator": 1})
    >>> found = compare_treatments(cohort, treatment="setting", confounders=["sarcopenia", "age"])
    >>> balance_table(found).frame().iloc[:, 0].tolist()
    ['Sarcopenia', '    No', '    Yes', 'Age at pump placement, years']
    """
    frame = comparison.balance(columns)
    titles = {name: comparison.labels.get(name, name) for name in frame["term"]}
    treated, control = _names(comparison, labels)
    rows: list[tuple[str, ...]] = []
    indents: list[int] = []
    for term, own in frame.groupby("term", sort=False):
        alone = own["level"].isna().all()
        if not alone:
            rows.append((titles[str(term)], *[""] * 6))
            indents.append(0)
        for level in dict.fromkeys(None if pd.isna(level) else level for level in own["level"]):
            of = own[own["level"].isna()] if level is None else own[own["level"] == level]
            share = level is not None or bool(of["variance_ratio"].isna().all())
            cells: list[str] = []
            for sample in SAMPLES:
                row = of[of["sample"] == sample].iloc[0]
                means = [percent(row[key]) if share else number(row[key], 1) for key in ("mean_treated", "mean_comparison")]
                cells += [*([HIDDEN] * 2 if policy.hides else means), number(row["estimate"])]
            rows.append((titles[str(term)] if level is None else str(level), *cells))
            indents.append(0 if level is None else 1)
    notes = [f"{policy.method(comparison.method)}.",
             "SMD: standardised mean difference, by the spread before weighting; under 0.1 is commonly called balanced. A number: mean; a level: share.",
             HIDDEN_NOTE if policy.hides else ""]  # fmt: skip
    return Table(
        name=slug("balance", comparison.choice.treatment), title=f"{treated[:1].upper()}{treated[1:]} and {control} before and after weighting", indents=tuple(indents),
        header=("Characteristic", *(treated, control, "SMD") * 2), rows=tuple(rows), footnotes=tuple(filter(None, notes)),
        spanners=(("", 1), ("Before weighting", 3), ("After weighting", 3)),
    )  # fmt: skip


def treatment_table(comparison: TreatmentComparison, *, labels: Mapping[str, str] | None = None, policy: Policy = OPEN) -> Table:
    """Patients, events, and the hazard ratio of each event crude, adjusted and weighted side by side; below it the risks at the times.

    Parameters
    ----------
    comparison : what `compare_treatments` returned. labels : what to print for the two treatments. policy : which small numbers are hidden.

    >>> import numpy as np
    >>> import haip_outcomes as haip
    >>> from haip_outcomes.prognosis.treatments.treatments_compared import compare_treatments
    >>> cohort = haip.simulate_cohort(200, rng=np.random.default_rng(3), shares={"adjuvant": 1, "comparator": 1})
    >>> found = compare_treatments(cohort, treatment="setting", confounders=["sarcopenia", "age"], times=[24])
    >>> treatment_table(found).frame().iloc[:, 0].tolist()[:4]
    ['Death', '    Patients, adjuvant / comparator', '    Events, adjuvant / comparator', '    Hazard ratio (95% CI)']
    """
    tidy, names = comparison.tidy(exponentiate=True), _names(comparison, labels)
    level = f"{100 * comparison.conf_level:g}% CI"
    rows: list[tuple[str, ...]] = []
    indents: list[int] = []
    for outcome in comparison.tte.states:
        rows.append((outcome, "", "", ""))
        indents.append(0)
        own = tidy[tidy["outcome"] == outcome]
        inner = [*_counts(comparison, outcome, names, policy), *_effects(comparison, own, outcome, names, level, policy)]
        rows += inner
        indents += [1] * len(inner)
    return Table(
        name=slug("treatments", comparison.tte.label), title=f"{names[0][:1].upper()}{names[0][1:]} against {names[1]}{': ' + comparison.tte.label if comparison.tte.label else ''}",
        header=("", "Crude", "Adjusted", "Weighted"), rows=tuple(rows), indents=tuple(indents), footnotes=tuple(_footnotes(comparison, policy)),
    )  # fmt: skip


def _names(comparison: TreatmentComparison, labels: Mapping[str, str] | None) -> tuple[str, str]:
    printed = labels or {}
    return printed.get(comparison.choice.treated, comparison.choice.treated), printed.get(comparison.choice.control, comparison.choice.control)


def _counts(comparison: TreatmentComparison, outcome: str, names: tuple[str, str], policy: Policy) -> Iterator[tuple[str, ...]]:
    """Patients and events of both groups; weighted: the effective size."""
    index, groups = comparison.tte.index, comparison.groups.to_numpy()
    event = comparison.tte.state == comparison.tte.code(outcome)
    patients, events, effective = [], [], []
    for name in reversed(comparison.choice.names):
        own = groups == name
        row = comparison.compared.query("group == @name and outcome == @outcome").iloc[0]
        patients.append(policy.cell(policy.shows(index[own], index), str(row["n"])))
        events.append(policy.cell(policy.shows(index[own & event], index[own]), str(row["n_event"])))
        effective.append(policy.cell(policy.shows(index[own], index), number(row["effective_n"], 0 if policy.hides else 1)))
    yield (f"Patients, {names[0]} / {names[1]}", " / ".join(patients), " / ".join(patients), f"{' / '.join(effective)} (effective)")
    yield (f"Events, {names[0]} / {names[1]}", " / ".join(events), " / ".join(events), "")


def _effects(comparison: TreatmentComparison, own: pd.DataFrame, outcome: str, names: tuple[str, str], level: str, policy: Policy) -> Iterator[tuple[str, ...]]:
    ratio = _by_model(own[own["measure"] == "hazard ratio"])
    kind = "Cause-specific hazard ratio" if len(comparison.tte.states) > 1 else "Hazard ratio"
    yield (f"{kind} ({level})", *(_limits(ratio.get(model), 2) for model in MODELS))
    yield ("p", *(p_value(ratio[model]["p_value"]) if model in ratio else "" for model in MODELS))
    if "boot_low" in own and "weighted" in ratio:
        yield (f"Bootstrap {level}", "", "", _limits(ratio["weighted"], 2, "boot"))
    risk = comparison.risk[comparison.risk["outcome"] == outcome]
    for time in dict.fromkeys(risk["time"].tolist()):
        at = {(row["model"], row["group"]): row["estimate"] for row in risk[risk["time"] == time].to_dict("records")}
        pairs = {model: " / ".join(percent(policy.share(at[model, name])) for name in reversed(comparison.choice.names)) for model in ("crude", "weighted")}
        yield (f"Risk at {time:g} {comparison.tte.unit}, {names[0]} / {names[1]}", pairs["crude"], "", pairs["weighted"])
        gap = _by_model(own[(own["measure"] == "risk difference") & (own["time"] == time)])
        yield (f"Difference at {time:g} {comparison.tte.unit}, percentage points ({level})", _limits(gap["crude"], 0, scale=100), "", _limits(gap["weighted"], 0, scale=100))
    mean = _by_model(own[own["measure"] == "restricted mean difference"])
    if mean:
        yield (f"Mean time free of it to {mean['weighted']['time']:g} {comparison.tte.unit}, difference ({level})", _limits(mean["crude"], 1), "", _limits(mean["weighted"], 1))


def _by_model(rows: pd.DataFrame) -> dict[str, Any]:
    return {str(row["model"]): row for row in rows.to_dict("records")}


def _limits(row: Mapping[str, Any] | None, digits: int, which: str = "conf", scale: float = 1.0) -> str:
    if row is None:
        return "not fitted"
    if which == "boot":
        low, high = (number(row[f"boot_{end}"], digits) for end in ("low", "high"))
        return f"({low}, {high})" if np.isfinite(row["boot_low"]) else "-"
    return interval(scale * row["estimate"], scale * row["conf_low"], scale * row["conf_high"], digits)


def _footnotes(comparison: TreatmentComparison, policy: Policy) -> Iterator[str]:
    yield f"{policy.method(comparison.method)}."
    yield "CI: confidence interval. Adjusted: the confounders as covariates. Effective: as many patients of equal weight would tell as much. Differences: treated less control."
    if policy.hides:
        yield HIDDEN_NOTE
    yield from (policy.words(sentence) for sentence in (*[s for s in comparison.sentences if s.startswith("E-value")], comparison.sentences[-1]))
    yield from dict.fromkeys(policy.words(warning) for warning in comparison.warnings)
