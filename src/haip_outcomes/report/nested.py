"""A table of all patients with the rows of its splits under their own: "Liver", and below it "Sarcopenia: No", "Sarcopenia: Yes"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from haip_outcomes.tables.table import Table


def nested(whole: Table, splits: Mapping[str, Table], notes: Sequence[str] = ()) -> Table:
    """One table of several with the same columns, `splits` by the label of what splits the patients; `notes` come last."""
    rows: list[tuple[str, ...]] = []
    indents: list[int] = []
    for row in whole.rows:
        below = [(f"{label}: {child[0]}", *child[1:]) for label, split in splits.items() for child in _under(row[0], split)]
        rows += [row, *below]
        indents += [0, *[1] * len(below)]
    footnotes = dict.fromkeys([*whole.footnotes, *(note for split in splits.values() for note in split.footnotes[1:]), *notes])
    return replace(whole, rows=tuple(rows), indents=tuple(indents), footnotes=tuple(footnotes))


def _under(name: str, split: Table) -> Iterator[tuple[str, ...]]:
    """The rows of a split under the heading of this name; all of them where it has no headings."""
    heading = name
    for i, row in enumerate(split.rows):
        if any(split.indents) and not split.indent(i):
            heading = row[0]
        elif heading == name:
            yield row
