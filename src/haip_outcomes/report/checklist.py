"""Chapter: REMARK's items, so that a paper written from this report leaves none out."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from haip_outcomes.figures.style import Drawing
from haip_outcomes.prognosis.baseline.factor_results import Factors
from haip_outcomes.report.content import Chapter
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.table import Table

NOTE = "Items in our own words, after McShane et al., J Natl Cancer Inst 2005;97:1180-1184 (doi:10.1093/jnci/dji237)."


def checklist(found: dict[str, Factors], chapters: Sequence[Chapter], policy: Policy = OPEN) -> Chapter | None:
    """What the prognostic models of each setting say to REMARK's 20 items, in one table; nothing without models, or for outside."""
    if not found or policy.hides:
        return None
    chapter = Chapter("remark", "Checklist for a paper (REMARK)", policy)
    chapter.say("What a paper on the prognostic factors of this report should say, and what the report can say of it. The rest is the author's.")
    names = {block.name for one in chapters for block in one.blocks if isinstance(block, (Table, Drawing))}
    items = {setting: one.remark(_elsewhere(setting, names)) for setting, one in found.items()}
    first = next(iter(items.values()))
    rows = tuple((str(row["item"]), row["section"], row["asks"], _said(items, i)) for i, row in enumerate(first.to_dict("records")))
    chapter.show(Table("remark", "REMARK: prognostic factors for overall survival", ("Item", "Section", "What is asked", "What this report says"), rows, (NOTE,),
                       text_columns=(1, 2, 3)), "remark")  # fmt: skip
    return chapter


def _elsewhere(setting: str, names: set[str]) -> dict[int, str]:
    """Where this report has what the models of prognostic factors do not hold themselves."""
    told = {13: "The distribution of the factors: Table 1, in the chapter on who is included."}
    if f"imputed_univariable_{setting}" in names:
        told[10] = "Complete cases in each model; beside them all patients with missing factors imputed, in the same chapter."
    if any(name.startswith(f"overall_survival_{setting}_by_") for name in names):
        told[15] = "Curves by group: in the chapter on overall survival; of the other factors: for the author."
    if f"validation_{setting}" in names:
        told[18] = "Internal validation (bootstrap): in the chapter on predicted survival. Sensitivity analyses: imputation, where a factor is missing; others for the author."
    return told


def _said(items: dict[str, pd.DataFrame], i: int) -> str:
    """The answer to an item: once where all settings have the same, else setting by setting."""
    said = {setting: str(frame["says"].iloc[i]) for setting, frame in items.items()}
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return " ".join(f"{setting.capitalize()}: {words}" for setting, words in said.items())
