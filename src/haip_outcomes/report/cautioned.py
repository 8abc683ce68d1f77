"""The plan's caution goes wherever a verdict goes: a table or figure that is copied out of the report takes it along."""

from __future__ import annotations

from dataclasses import replace
from typing import overload

from haip_outcomes.benchmark.comparison import Comparison
from haip_outcomes.figures.style import Drawing
from haip_outcomes.tables.disclosure import Policy
from haip_outcomes.tables.table import Table

POINTER = "Read it with the note “Read this first” on the first screen."


def caution_of(comparison: Comparison | None) -> str:
    """What must be read with every verdict of this comparison; empty when nothing must."""
    return comparison.caution if comparison is not None else ""


@overload
def with_caution(block: Table, comparison: Comparison | None, policy: Policy) -> Table: ...
@overload
def with_caution(block: Drawing, comparison: Comparison | None, policy: Policy) -> Drawing: ...
def with_caution(block: Table | Drawing, comparison: Comparison | None, policy: Policy) -> Table | Drawing:
    """A table or figure with the caution as its last words.

    In a report for outside they point to the first screen, where it stands as the plan's author wrote it.
    """
    words = caution_of(comparison)
    if not words:
        return block
    words = POINTER if policy.hides else words
    if isinstance(block, Table):
        return replace(block, footnotes=(*block.footnotes, words))
    return replace(block, caption=f"{block.caption} {words}")
