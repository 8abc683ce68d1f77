"""A typed column in the codes of a standard item, whatever a centre's own codes and labels are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from haip_outcomes.registry.items import Item
from haip_outcomes.registry.planning.parts import ColumnPlan
from haip_outcomes.registry.values.file_labels import coding

NO_STANDARD_CODE = -1  # a level that is none of the item's: known, and no rule is about it
NO, YES = 0, 1
ADJUVANT, UNRESECTABLE, COMPARATOR = 1, 2, 3
GRADE_V = 7
PROGRESSIVE = 4
OTHER_COMPLICATION = 90
DEATH_BY_TREATMENT = 3


def in_standard_codes(values: pd.Series, declared: ColumnPlan, item: Item) -> pd.Series | None:
    """The column as the item's codes (numbers; -1 for a level that is none of the item's); None where it can't be that item.

    Levels are recognised by their labels, and by their codes where no label of the column says that its codes mean something else.

    >>> from haip_outcomes.registry.items import items
    >>> side = pd.Series(pd.Categorical(["links", "Rectum"], categories=["links", "Rectum"]))
    >>> in_standard_codes(side, ColumnPlan(levels={"2": "links", "3": "Rectum"}), items()["primary_side"]).tolist()
    [2.0, 3.0]
    """
    if item.kind == "date":
        return values if pd.api.types.is_datetime64_dtype(values.dtype) else None
    if item.kind == "number":
        return values if pd.api.types.is_numeric_dtype(values.dtype) and values.dtype != bool else None
    if item.kind not in ("category", "setting"):
        return None
    if pd.api.types.is_numeric_dtype(values.dtype):  # numbers without labels say what they mean only where they can be but no and yes
        return values.astype(float) if set(item.levels) == {"0", "1"} else None
    column = values.astype("category")
    codes = _codes([str(label) for label in column.cat.categories], declared, item)
    return pd.Series(np.append(codes, np.nan)[column.cat.codes.to_numpy()], index=values.index)  # code -1, missing, is the last


def _codes(labels: list[str], declared: ColumnPlan, item: Item) -> list[float]:
    standard = {label.casefold(): code for code, label in item.levels.items()}
    own = {label: code for code, label in declared.levels.items()} or {label: label for label in labels}
    by_label = {label: standard[label.strip().casefold()] for label in labels if label.strip().casefold() in standard}
    other_codes = bool(declared.levels) and (any(own.get(label) != code for label, code in by_label.items()) or bool(coding(item.levels, declared.levels)[0]))
    found = {label: by_label.get(label, None if other_codes else own.get(label)) for label in labels}
    return [float(code) if code is not None and code in item.levels else NO_STANDARD_CODE for code in found.values()]
