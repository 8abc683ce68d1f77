"""Safety and delivery for outside: the same counts, those that are small or would reveal a small one hidden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from haip_outcomes.formatting import listed
from haip_outcomes.programme.safety_and_delivery import EARLY, Proportions, applicable
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.tables.disclosure import Policy

_TIMES = ("estimate", "conf_low", "conf_high", "q1", "q3")


def cleared_proportions(found: Proportions, part: Cohort, policy: Policy) -> Proportions:
    """The counts of one setting, or of all together, as far as they may be shown; `hidden` says where the answer is not."""
    if not policy.hides:
        return found
    refused = tuple(policy.words(reason) for reason in found.refused)
    rows = [_cleared(row, part, policy) for row in found.frame.to_dict("records")]
    return replace(found, frame=pd.DataFrame(rows, columns=[*found.frame.columns, "hidden"]), refused=refused)


def _cleared(row: dict, part: Cohort, policy: Policy) -> dict:
    asked, known, yes = members(part, str(row["outcome"]))
    n, missing = policy.family(asked, [known, asked.difference(known)])
    row = row | {"n": row["n"] if n else np.nan, "n_missing": row["n_missing"] if missing else np.nan, "n_left_early": 0}
    if yes is None:
        small = not policy.enough(len(known))
        times = {name: np.nan if small else policy.time(row[name], str(row["unit"])) for name in _TIMES}
        return row | times | {"n_event": row["n"], "hidden": small}
    hidden = not (policy.family(known, [yes, known.difference(yes)])[0] and n)
    shares = {name: np.nan if hidden else policy.share(row[name]) for name in ("estimate", "conf_low", "conf_high")}
    return row | shares | {"n_event": np.nan if hidden else row["n_event"], "hidden": hidden}


def members(part: Cohort, name: str) -> tuple[pd.Index, pd.Index, pd.Index | None]:
    """Who is asked, of whom the answer is known, and who says yes (None for a time between two dates)."""
    if name == EARLY:
        tte = part.endpoint("os")
        limit = 90.0 / {"days": 1.0, "weeks": 7.0, "months": 365.25 / 12, "years": 365.25}[tte.unit] + 1e-9
        died = (tte.state > 0) & (tte.time <= limit)
        return part.frame.index, tte.index[died | (tte.time >= limit - 2e-9)], tte.index[died]
    asked = applicable(part, name)
    assert asked is not None, f"nobody is asked about {name} in {listed(part.settings)}"
    item, index = part.plan.programme[name], asked.frame.index
    if item.column is None:
        return index, index[asked[str(item.start)].notna() & asked[str(item.end)].notna()], None
    values = asked[item.column]
    return index, index[values.notna()], index[values.notna() & (values.astype(str) == item.level)]
