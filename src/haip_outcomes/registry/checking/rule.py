"""Rule: one thing that must hold of a clinical table, as data; pandera asks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

Severity = Literal["error", "warning"]

NO_BASELINE, KEYS, MISSING, RANGE, UNIT, ORDER, CONTRADICTION, TWICE, SETTING, CONSENSUS = (
    "no baseline", "patients' keys", "missing where needed", "out of range", "likely another unit", "dates out of order", "contradiction",
    "the same thing twice", "setting and treatment", "outside the consensus statement",
)  # fmt: skip

STAGES = 6
AFTER_DEATH, AFTER_CONTACT = 2, 1  # how telling it is that a date lies after them


@dataclass(frozen=True)
class Rule:
    """One rule: `holds` gives True for each row that is right; `column` is where a person should look.

    `needs` are the keys that `holds` reads; a rule with an absent one is not asked. They are columns of the table, or with
    `by_item` standard items (and summaries) as a `Story` shows them. `expected` and `advice` may name keys in { }, which become
    the file's own column names. `order` says that `holds` is about two dates, the second not before the first: all such
    rules of a patient are judged together, and `several` is what was expected of a date that many others contradict.
    Of two rules about the same date the one that is more `telling` is told.
    A `flag` is no fault of a cell: it blames nobody. What is asked `first` is asked before anything else of its severity. `found` says row by row what was found, where the cell alone would not.
    `why`, and `asks` for rules that a plan multiplies, are for docs/checks.md.
    """

    kind: str
    column: str
    needs: tuple[str, ...]
    holds: Callable[[pd.DataFrame], Any]
    expected: str
    advice: str
    severity: Severity = "error"
    table: str = ""
    by_item: bool = False
    order: tuple[str, str] | None = None
    several: str = ""
    telling: int = 0
    flag: bool = False
    first: bool = False
    found: Callable[[pd.DataFrame], pd.Series] | None = None
    why: str = ""
    asks: str = ""

    @property
    def stage(self) -> int:
        """Units come first (a wrong unit breaks much else), then a cell by itself, dates in their order, and cells together."""
        if self.first or self.kind == NO_BASELINE:
            return 0 if self.kind == NO_BASELINE else 1
        return 2 if self.kind == UNIT else 4 if self.order else 3 if len(set(self.needs)) == 1 else 5


def in_order(earlier: str, later: str, blames: str, advice: str, **more: Any) -> Rule:
    """The rule that one date is not before another; `blames` is the one to name when nothing else tells which is wrong."""
    expected, several = ((f"not before {{{earlier}}}", "no date before it") if blames == later
                         else (f"not after {{{later}}}", "no other date after it"))  # fmt: skip
    return Rule(kind=ORDER, column=blames, needs=(blames, earlier if blames == later else later), expected=expected, advice=advice,
                holds=lambda f: ~(f[later] < f[earlier]), order=(earlier, later), **{"several": several, **more})  # fmt: skip


def violations(view: pd.DataFrame, rules: Sequence[Rule]) -> dict[int, np.ndarray]:
    """Each broken rule, by its place in `rules`, with True for the rows that break it.

    pandera asks the rules and is told only whether one holds: what it does with failing rows takes minutes in large tables
    (293 s for 20 rules broken by 100,000 rows, against 0.02 s).
    """
    import pandera.pandas as pa

    found: dict[int, np.ndarray] = {}
    bugs: list[Exception] = []

    def asked(place: int, rule: Rule) -> Callable[[pd.DataFrame], bool]:
        def holds(frame: pd.DataFrame) -> bool:
            try:
                wrong = ~np.asarray(rule.holds(frame), dtype=bool)
            except Exception as error:  # a fault of the rule, never of the patient
                bugs.append(error)
                raise
            if wrong.any():
                found[place] = wrong
            return not wrong.any()

        return holds

    checks = [pa.Check(asked(place, rule), name=f"rule {place}", title=rule.expected, description=rule.advice, ignore_na=False)
              for place, rule in enumerate(rules)]  # fmt: skip
    try:
        pa.DataFrameSchema(checks=checks).validate(view, lazy=True, inplace=True)
    except pa.errors.SchemaErrors:
        if bugs:
            raise bugs[0] from None
    return found


def named(text: str, names: Mapping[str, str]) -> str:
    """A rule's text with the file's own names for what stands in { }."""
    for key, name in names.items():
        text = text.replace(f"{{{key}}}", name)
    return text
