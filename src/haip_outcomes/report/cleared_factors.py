"""Which factors a report for outside may model: those with enough patients and events at each level."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.tables.disclosure import GROUP, Policy, is_small

TOO_SMALL = "one of its groups has fewer than ten patients: it is not analysed in a report for outside."
FEW_EVENTS = "one of its groups has one to four events, or one to four patients without one: it is not analysed in a report for outside."
JOINED = "it joins two columns, and the groups that they make together are not checked for small numbers: it is not analysed in a report for outside."


def cleared_terms(part: Cohort, endpoint: str, terms: Sequence[str], policy: Policy) -> tuple[tuple[str, ...], dict[str, str]]:
    """The terms that may be modelled, and why the others may not; asks for the counts of every level on the way."""
    if not policy.hides:
        return tuple(terms), {}
    tte = part.endpoint(endpoint)
    index, events = tte.index, tte.index[tte.state > 0]
    refused: dict[str, str] = {}
    for term in terms:
        if term not in part.frame.columns:
            refused[term] = JOINED
            continue
        values = part[term].loc[index]
        cells = groups_of(values)
        absent = index[values.isna()]
        policy.family(index, [*cells, absent])
        policy.family(events, [*(cell.intersection(events) for cell in cells), absent.intersection(events)])
        for cell in cells:
            policy.family(cell, [cell.intersection(events)])
        dead = [len(cell.intersection(events)) for cell in cells]
        if any(len(cell) < GROUP for cell in cells):
            refused[term] = TOO_SMALL
        elif any(is_small(k) or is_small(len(cell) - k) for k, cell in zip(dead, cells, strict=True)):
            refused[term] = FEW_EVENTS
    return tuple(term for term in terms if term not in refused), refused


def groups_of(values: pd.Series) -> list[pd.Index]:
    """The patients of each level of a category; of a number all whose value is known."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return [values.index[values == level] for level in values.cat.categories if (values == level).any()]
    return [values.index[values.notna()]]
