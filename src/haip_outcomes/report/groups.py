"""Patients split by a category: those without a value are left out, and it is said."""

from __future__ import annotations

import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import plural
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.report.content import Chapter
from haip_outcomes.report.words import small
from haip_outcomes.tables.disclosure import GROUP


def with_group(part: Cohort, group: str, chapter: Chapter) -> Cohort:
    """The patients whose group is known, said if they are fewer; refuses a group that splits nobody.

    Raises
    ------
    EndpointError : the column is a number, or all patients have the same level.
    """
    label = part.plan.label(group)
    values = part[group]
    if not isinstance(values.dtype, pd.CategoricalDtype):
        raise EndpointError(f"{label} is not a category: curves and tests need groups. Declare levels in the plan, or take it out of groups.")
    known = values.dropna()
    if known.nunique() < 2:
        only = f'all patients have "{known.iloc[0]}"' if len(known) else "nobody has a value"
        raise EndpointError(f"there is nothing to compare by {small(label)}: {only}.")
    missing = int(values.isna().sum())
    policy = chapter.policy
    for level in known.cat.categories:
        if not policy.enough(int((known == level).sum()) or GROUP):
            raise EndpointError(f"{label} has a group of fewer than ten patients, which is not analysed on its own in a report for outside.")
    index = part.frame.index
    shown = policy.family(index, [known.index[known == level] for level in known.cat.categories] + [index[values.isna()]])[-1]
    if not missing:
        return part
    chapter.say(f"By {small(label)}: {plural(missing, 'patient') if shown else 'patients'} without a value left out.", "note")
    return part.where(values.notna(), because=f"{small(label)} unknown")
