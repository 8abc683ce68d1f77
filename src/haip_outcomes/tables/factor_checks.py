"""What stands behind a table of prognostic factors: its checks, the subgroups that were declared, and REMARK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from haip_outcomes.errors import HaipError
from haip_outcomes.formatting import interval, number, p_value
from haip_outcomes.prognosis.baseline.interactions import ALL, CAUTION
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.effects import PENALISED
from haip_outcomes.tables.table import Table

if TYPE_CHECKING:
    from haip_outcomes.prognosis.baseline.factor_results import Factors


def checks_table(factors: Factors, *, name: str = "factor_checks", title: str = "Do the models hold?", policy: Policy = OPEN) -> Table:
    """A row a model and factor: is the hazard ratio the same over time, and is a number's effect a straight line?

    Parameters
    ----------
    factors : what `factors` returned.
    name, title : the table's file name and title.
    policy : with small numbers hidden, reasons that name numbers are left out.

    >>> import haip_outcomes as haip
    >>> found = haip.factors(haip.demo_cohort().setting("unresectable"), "os", ["age", "sarcopenia"])
    >>> checks_table(found).frame().iloc[:, :2].values.tolist()[0]
    ['Univariable', 'Age at pump placement, years']
    """
    hazards = factors.proportional_hazards.set_index(["model", "term"])
    lines = factors.linearity.set_index(["model", "term"])
    rows = []
    for key in dict.fromkeys([*hazards.index, *lines.index]):
        model, term = key
        cells = ["All together" if term == "GLOBAL" else factors.labels.get(term, term)]
        for check, count in ((hazards, "df"), (lines, "knots")):
            row = check.loc[key] if key in check.index else None
            cells += ["", "", ""] if row is None else [number(row["statistic"]), number(row[count], 0), p_value(row["p_value"])]
        rows.append((str(model).capitalize(), *cells))
    notes = [
        "Same over time: score test against time as 1 - Kaplan-Meier (cox.zph of R's survival). A small p says that the hazard ratio changes, and the one "
        "in the table is an average over follow-up.",
        "Straight line: likelihood-ratio test of the bend of a restricted cubic spline with this many knots. A small p says that one unit more does not "
        "mean the same everywhere: look at the curve. A large p of either test does not prove the opposite.",
    ]  # fmt: skip
    if factors.penalised:
        notes.append("Of models with Firth's penalty the first test is that of the same model without it, where it has a maximum.")
    reasons = [f"Not tested: {one.model}{', ' + factors.labels.get(one.term, one.term) if one.term else ''}: {one.reason}" for one in factors.not_tested]
    return Table(name, title, ("Model", "Factor", "Chi-squared", "df", "p", "Chi-squared", "Knots", "p"), tuple(rows),
                 (*notes, *(reasons if not policy.hides else [])), spanners=(("", 2), ("The same over time", 3), ("A straight line", 3)), text_columns=(1,))  # fmt: skip


def subgroups_table(factors: Factors, *, model: str = "univariable", name: str = "subgroups", title: str = "Subgroups", policy: Policy = OPEN) -> Table:
    """The factor's hazard ratio among all patients and in each subgroup that was declared, with the p of the interaction.

    Parameters
    ----------
    factors : what `factors(..., interactions=[...])` returned.
    model : "univariable" or "multivariable".
    name, title : the table's file name and title.
    policy : subgroups are small groups: with small numbers hidden this table is refused.

    Errors: HaipError without such an interaction, or with the policy of a report for outside.

    >>> import haip_outcomes as haip
    >>> found = haip.factors(haip.demo_cohort(), "os", ["sarcopenia"], interactions=["sarcopenia*setting"])
    >>> subgroups_table(found).frame()["Subgroup"].tolist()
    ['Sarcopenia, Yes v No, by Setting', '    All patients', '    adjuvant', '    unresectable']
    """
    rows, tests = subgroup_rows(factors, model, policy)
    cells: list[tuple[str, ...]] = []
    indents: list[int] = []
    for (pair, words), own in rows.groupby([rows["interaction"], contrast_words(rows, factors)], sort=False):
        by = str(pair).split("*")[1]
        p, penalty = tests[str(pair)]
        mark = PENALISED if penalty else ""
        cells.append((f"{words}, by {factors.labels.get(by, by)}", "", "", "", p_value(p) + mark))
        indents.append(0)
        for row in own.to_dict("records"):
            cells.append((row["group"], number(row["n"], 0, ""), number(row["n_event"], 0, ""),
                          interval(row["estimate"], row["conf_low"], row["conf_high"], missing="not estimated"), ""))  # fmt: skip
            indents.append(1)
    level = f"{100 * next(iter(factors.fits()))[1].conf_level:g}% CI"
    notes = [f"HR: hazard ratio. CI: confidence interval. {ALL}: all who have both, in the model of factor and subgroup variable without their product; adjusted for it, so it may differ from the factor alone. p for interaction: likelihood-ratio test that the "
             "hazard ratio is the same in all subgroups.", CAUTION]  # fmt: skip
    if (rows["n"].isna()).any():
        notes.append("Of a number, the hazard ratio at its quartiles; all patients carry it, so none are counted there.")
    if any(penalty for _, penalty in tests.values()):
        notes.append("†: Firth's penalty, because a subgroup has few events; limits are those of the penalised likelihood's profile.")
    return Table(name, title, ("Subgroup", "n", "Events", f"HR ({level})", "p for interaction"), tuple(cells), tuple(notes), tuple(indents))


def remark_table(factors: Factors, *, name: str = "remark", title: str = "REMARK: what a report of prognostic factors should say") -> Table:
    """REMARK's 20 items beside what this analysis says to each; what it can't know is left to the author.

    >>> import haip_outcomes as haip
    >>> table = remark_table(haip.factors(haip.demo_cohort().setting("unresectable"), "os", ["sarcopenia"]))
    >>> len(table.rows), table.rows[3][3]
    (20, 'For the author.')
    """
    rows = tuple((str(row["item"]), row["section"], row["asks"], row["says"]) for row in factors.remark().to_dict("records"))
    note = "Items in our own words, after McShane et al., J Natl Cancer Inst 2005;97:1180-1184 (doi:10.1093/jnci/dji237)."
    return Table(name, title, ("Item", "Section", "What is asked", "What this analysis says"), rows, (note,), text_columns=(1, 2, 3))


def subgroup_rows(factors: Factors, model: str, policy: Policy) -> tuple[pd.DataFrame, dict[str, tuple[float, str]]]:
    """Hazard ratios of the subgroups of one kind of model; and interaction -> p and penalty ("firth" or empty)."""
    if policy.hides:
        raise HaipError("Subgroups are small groups: they are left out of a report for outside.")
    rows = factors.subgroups
    rows = rows[rows["model"] == model].copy() if len(rows) else rows
    if not len(rows):
        why = " ".join(f"{one.term}: {one.reason}" for one in factors.refused if one.model == f"interaction, {model}")
        raise HaipError(why or f'There is no interaction, {model}: declare it, factors(..., interactions=["factor*subgroup"]).')
    shown = ["estimate", "conf_low", "conf_high"]
    with np.errstate(over="ignore"):
        rows[shown] = np.exp(rows[shown].astype(float))
    tests = factors.interactions
    told = tests[tests["model"] == model].to_dict("records")
    return rows, {str(row["interaction"]): (float(row["p_value"]), str(row["penalty"])) for row in told}


def contrast_words(rows: pd.DataFrame, factors: Factors) -> pd.Series:
    """What each row's hazard ratio compares: "Sarcopenia, Yes v No"; of a number one unit more."""
    return rows.apply(lambda row: f"{factors.labels.get(row['term'], row['term'])}, "
                      + (f"{row['level']} v {row['reference']}" if pd.notna(row["level"]) else "one unit more"), axis=1)  # fmt: skip
