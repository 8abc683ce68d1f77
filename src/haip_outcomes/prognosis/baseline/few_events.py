"""What a handful of events allows: which models are refused, and which are fitted with Firth's penalty.

A coefficient of the multivariable model needs EVENTS_NEEDED events; under 10 it warns. A level with fewer than FEW_EVENTS events is
fitted with Firth's penalty. Both are 5 for one reason: in Vittinghoff and McCulloch's simulations of Cox models, biased estimates and
intervals that miss were fairly frequent with 2 to 4 events a covariate and uncommon with 5 to 9; the 10 is Peduzzi's. For a 0/1
covariate what counts is the rarer of its two sides, and the penalty takes most of the bias away (Heinze and Schemper) and keeps the
estimate finite where a side has no event at all.

References: Vittinghoff and McCulloch, Am J Epidemiol 2007;165:710-718 (doi:10.1093/aje/kwk052); Peduzzi et al., J Clin Epidemiol
1995;48:1503-1510 (doi:10.1016/0895-4356(95)00048-8); Heinze and Schemper, Biometrics 2001;57:114-119
(doi:10.1111/j.0006-341X.2001.00114.x).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from haip_outcomes.errors import FitError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.covariates.design_matrix import Design
from haip_outcomes.survival.time_to_event import TimeToEvent, level_text

EVENTS_NEEDED = 5  # for each coefficient of the multivariable model; under 10 it carries a warning
FEW_EVENTS = 5  # a level with fewer is fitted with Firth's penalty


def sparse_level(tte: TimeToEvent, made: Design) -> str:
    """The first level, among the patients analysed, with fewer than FEW_EVENTS events, in words; nothing if there is none.

    A column with two values has two levels, also a number or a product; other numbers have none.
    """
    places = made.index.get_indexer(tte.index)
    matrix, event = made.matrix[places[places >= 0]], (tte.state > 0)[places >= 0]
    for term in made.terms:
        own = [j for j, (name, _) in enumerate(made.columns) if name == term]
        values = [np.unique(matrix[:, j]) for j in own]
        if term in made.nonlinear or not all(len(each) == 2 for each in values):
            continue
        inside = [matrix[:, j] == each[1] for j, each in zip(own, values, strict=True)]
        words = [made.columns[j][1] or level_text(each[1]) for j, each in zip(own, values, strict=True)]
        if len(made.variables.get(term, ())) == 1:  # and those with none of these levels
            inside.append(~np.any(inside, axis=0))
            words.append(made.references.get(term, level_text(values[0][0])))
        for level, rows in zip(words, inside, strict=True):
            events = int(event[rows].sum())
            if events < FEW_EVENTS:
                return f'{plural(events, "event") if events else "no event"} among {plural(int(rows.sum()), "patient")} with {term} "{level}"'
    return ""


def refuse_few_events(tte: TimeToEvent, made: Design, sizes: Callable[[Sequence[str]], int]) -> None:
    """Raise where the events can't carry the coefficients of a multivariable model: with the numbers, and what would fit."""
    analysed = made.index.get_indexer(tte.index) >= 0
    total, p = int((tte.state[analysed] > 0).sum()), len(made.columns)
    if total >= EVENTS_NEEDED * p:
        return
    most, chosen = total // EVENTS_NEEDED, [t for t in made.terms if len(made.variables[t]) == 1]
    while len(chosen) > 1 and sizes(chosen) > most:
        chosen = chosen[:-1]
    fits = (f"at most {plural(most, 'coefficient')} would fit, as those of {listed(chosen)}" if len(chosen) > 1 and sizes(chosen) <= most
            else f"at most {plural(most, 'coefficient')} would fit" if most else "not even one would fit")  # fmt: skip
    raise FitError(f"{plural(total, 'event')} among {plural(int(analysed.sum()), 'patient')} with all of {listed(made.terms)} "
                   f"can't carry {plural(p, 'coefficient')} ({total / p:.1f} each; at least {EVENTS_NEEDED} are needed): choose "
                   f"fewer terms for the multivariable model, by what is known of them and not by their p-values; {fits}.")  # fmt: skip
