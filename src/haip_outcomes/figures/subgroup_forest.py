"""A forest of subgroups: a factor's hazard ratio among all patients and in each subgroup, with the p of the interaction."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import HaipError, did_you_mean
from haip_outcomes.figures.rows import Block, Item, Mark, RowSheet
from haip_outcomes.figures.scales import log_limits
from haip_outcomes.figures.style import Drawing, drawing_style
from haip_outcomes.formatting import interval, number, p_value
from haip_outcomes.prognosis.baseline.interactions import ALL, CAUTION
from haip_outcomes.survival.intervals import level_in_words
from haip_outcomes.tables.disclosure import OPEN, Policy
from haip_outcomes.tables.factor_checks import contrast_words, subgroup_rows

if TYPE_CHECKING:
    from haip_outcomes.prognosis.baseline.factor_results import Factors


def plot_subgroups(
    factors: Factors, interactions: Sequence[str] | None = None, *, model: str = "univariable", width: str = "double",
    limits: tuple[float, float] | None = None, name: str = "subgroups", policy: Policy = OPEN,
) -> Drawing:  # fmt: skip
    """The hazard ratio of a factor in each subgroup that was declared, below that among all patients who have it; on a log axis.

    Beside each subgroup's name stands the p of the interaction: whether the hazard ratios differ. Rows have no p of their own.

    Parameters
    ----------
    factors : what `factors(..., interactions=[...])` returned.
    interactions : which of them, as they were declared; all if not given.
    model : "univariable" (factor and subgroup alone) or "multivariable" (with the other terms of the multivariable model).
    width : "double" (174 mm) or "single" (84 mm).
    limits : where the axis begins and ends; by default powers of two around all estimates.
    name : the file name.
    policy : subgroups are small groups: with small numbers hidden this figure is refused.

    Errors: HaipError without such an interaction, or with the policy of a report for outside.

    >>> import haip_outcomes as haip
    >>> found = haip.factors(haip.demo_cohort(), "os", ["sarcopenia"], interactions=["sarcopenia*setting"])
    >>> plot_subgroups(found).alt.split(":")[0]
    'Subgroups of Sarcopenia, Yes v No'
    """
    rows, tests = subgroup_rows(factors, model, policy)
    there = list(dict.fromkeys(rows["interaction"]))
    chosen = there if interactions is None else [interactions] if isinstance(interactions, str) else list(interactions)
    for one in chosen:
        if one not in there:
            raise HaipError(f'There are no subgroups of "{one}", {model}. {did_you_mean(one, there)}')
    rows = rows[rows["interaction"].isin(chosen)]
    fit = next(iter(factors.fits()))[1]
    level = level_in_words(fit.conf_level)
    ends = [float(v) for column in ("conf_low", "conf_high") for v in rows[column]]
    axis = limits or log_limits(ends, list(rows["estimate"]))
    blocks, alt = [], []
    for words, part in rows.groupby(contrast_words(rows, factors), sort=False):
        items = []
        for pair, own in part.groupby("interaction", sort=False):
            by = str(pair).split("*")[1]
            items.append(Item(f"{factors.labels.get(by, by)} (p for interaction {p_value(tests[str(pair)][0])})"))
            items += [_item(row, 1) for row in own.to_dict("records")]
            told = "; ".join(f"{row['group']} {interval(row['estimate'], row['conf_low'], row['conf_high'])}" for row in own.to_dict("records"))
            alt.append(f"Subgroups of {words}: {told}; p for interaction {p_value(tests[str(pair)][0])}.")
        blocks.append(Block(tuple(items), f"Hazard ratio ({level} CI), log scale", True, axis, 1.0, title=str(words)))
    with drawing_style():
        figure = RowSheet(("Subgroup", "Events/n", f"HR ({level} CI)"), tuple(blocks), before=1, widths=width).draw()
    cut = any(v < axis[0] or v > axis[1] for v in ends if not np.isnan(v))
    by_model = "with the other terms of the multivariable model" if model == "multivariable" else "without other terms"
    caption = " ".join(filter(None, [
        f"Hazard ratios with {level} confidence intervals (CI) on a log scale, in the subgroups that were declared; events/n: events among patients.",
        f"Cox models {by_model}; {ALL.lower()}: who have both, in the model of factor and subgroup variable without their product. p for interaction: likelihood ratio.", CAUTION,
        "Arrowheads: the interval goes on beyond the axis." if cut else "",
        "Firth's penalty, limits by profile likelihood, where a subgroup has few events." if any(tests[pair][1] for pair in chosen) else ""]))  # fmt: skip
    return Drawing(figure, name, caption, " ".join(alt))


def _item(row: Mapping[Hashable, Any], indent: int) -> Item:
    counts = "" if pd.isna(row["n"]) else f"{number(row['n_event'], 0)}/{number(row['n'], 0)}"
    words = interval(row["estimate"], row["conf_low"], row["conf_high"], missing="not estimated")
    return Item(str(row["group"]), (Mark((counts, words), row["estimate"], row["conf_low"], row["conf_high"]),), indent=indent)
