"""Dates in their order: all contradictions of a patient's dates together, and the dates that explain them.

Two dates that contradict each other are one fault, and a date that contradicts many is one fault too: a last contact typed
as 2012 lies before thirty scans. So the dates of a patient (those of related rows as well) are the nodes of a graph, and each
broken rule joins two. The date with the most contradictions is blamed first and its contradictions are settled, then the next;
where two dates contradict only each other, the rule says which of them to name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from haip_outcomes.registry.checking.rule import Rule
from haip_outcomes.registry.checking.story import Cell, Story


@dataclass(frozen=True, eq=False)
class Blamed:
    """One date in some rows: the rule that says what was expected, and the dates that it contradicts, with their rows.

    `reference` is true where many other dates contradict it and none is named in its place.
    """

    cell: Cell
    rule: Rule
    rows: np.ndarray  # places in the cell's table
    against: list[list[Cell]]  # for each row, the columns that it contradicts
    places: list[np.ndarray]  # and the rows of these
    reference: bool


def blamed_dates(story: Story, broken: Sequence[tuple[Rule, np.ndarray]]) -> Iterator[Blamed]:
    """The dates that explain every broken rule; `broken` are rules about two dates, with the rows (places) that break each."""
    edges, cells = _edges(story, broken)
    if len(edges):
        yield from _told(edges, cells, [rule for rule, _ in broken], _explained(edges, cells))


def _edges(story: Story, broken: Sequence[tuple[Rule, np.ndarray]]) -> tuple[pd.DataFrame, list[Cell]]:
    """A row a contradiction: the patient, the rule, and the two dates (column and row) of which a is the one to name; and the columns."""
    codes: dict[Cell, int] = {}
    parts = []
    for number, (rule, rows) in enumerate(broken):
        earlier, later = rule.order or ("", "")
        part = {"patient": story.owners[rule.table][rows] if rule.table else rows, "rule": np.full(len(rows), number)}
        for side, key in (("a", rule.column), ("b", earlier if rule.column == later else later)):
            cell = next(story.cells(rule.table, key)) if rule.by_item else Cell(rule.table, key)
            own = rows if cell.table == rule.table else story.owners[rule.table][rows]
            part[f"{side}cell"], part[f"{side}row"] = _at_source(story, cell, own, codes)
        parts.append(pd.DataFrame(part))
    if not parts:
        return pd.DataFrame(), []
    edges = pd.concat(parts, ignore_index=True)
    most = int(max(edges["arow"].max(), edges["brow"].max())) + 1
    edges["a"], edges["b"] = edges["acell"] * most + edges["arow"], edges["bcell"] * most + edges["brow"]
    pair = pd.DataFrame({"low": np.minimum(edges["a"], edges["b"]), "high": np.maximum(edges["a"], edges["b"])})
    return edges[~(pair.duplicated() | (edges["a"] == edges["b"]))].reset_index(drop=True), list(codes)


def _at_source(story: Story, cell: Cell, rows: np.ndarray, codes: dict[Cell, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where the dates of a column stand in the file (column, row): a derived date is that of the row it was taken from."""
    derived = None if cell.table else story.plan.derived.get(cell.column)
    columns, places = np.full(len(rows), codes.setdefault(cell, len(codes))), rows.copy()
    if derived is None or derived.take not in ("earliest", "latest", "first", "last"):
        return columns, places
    values = story.frame[cell.column].to_numpy()
    for source in [Cell(derived.table, str(derived.column))] if derived.table else [Cell("", column) for column in derived.columns]:
        if source.table not in ("", *story.tables) or source.column not in story.rows(source.table):
            continue
        dates = story.rows(source.table)[source.column].to_numpy()
        owners = story.owners[source.table] if source.table else np.arange(len(dates))
        same = np.flatnonzero((owners >= 0) & (dates == values[owners]) & np.isin(owners, rows))
        first = pd.Series(same, index=owners[same]).groupby(level=0).first().reindex(rows).to_numpy(float)
        found = ~np.isnan(first) & (columns == codes[cell])
        columns[found], places[found] = _at_source(story, source, first[found].astype(int), codes)  # which may be derived itself
    return columns, places


def _explained(edges: pd.DataFrame, cells: list[Cell]) -> np.ndarray:
    """For each contradiction the date that is blamed for it."""
    a, b, patient = (edges[name].to_numpy() for name in ("a", "b", "patient"))
    related = np.array([bool(cell.table) for cell in cells])[edges[["acell", "bcell"]].to_numpy()]
    blamed = a.copy()
    left = np.arange(len(edges))
    while len(left):
        nodes, place = np.unique(np.concatenate([a[left], b[left]]), return_inverse=True)
        degree = np.bincount(place)
        owner, in_related = np.zeros(len(nodes), np.int64), np.zeros(len(nodes), bool)
        owner[place], in_related[place] = np.tile(patient[left], 2), related[left].T.ravel()
        order = np.lexsort((nodes, ~in_related, -degree, owner))  # of a patient's dates the one with most contradictions; at a tie one of a related row
        first = order[np.append(True, owner[order][1:] != owner[order][:-1])]
        worst = nodes[first[degree[first] > 1]]
        if not len(worst):
            break
        by_a, by_b = np.isin(a[left], worst), np.isin(b[left], worst)
        blamed[left[by_b]] = b[left[by_b]]
        left = left[~(by_a | by_b)]
    return blamed


def _told(edges: pd.DataFrame, cells: list[Cell], rules: list[Rule], blamed: np.ndarray) -> Iterator[Blamed]:
    """Each blamed date under the most telling (else the first) rule that names it; else it is what several others are measured against."""
    is_a = blamed == edges["a"].to_numpy()
    alike: dict[tuple[str, bool], int] = {}  # measured against, a date has one text for all rules that say the same of it
    reference_rule = np.array([alike.setdefault((rule.several, rule.order is not None and rule.order[0] == rule.column), i) for i, rule in enumerate(rules)])
    told = pd.DataFrame({
        "node": blamed, "cell": np.where(is_a, edges["acell"], edges["bcell"]), "row": np.where(is_a, edges["arow"], edges["brow"]),
        "other": np.where(is_a, edges["bcell"], edges["acell"]), "at": np.where(is_a, edges["brow"], edges["arow"]),
        "reference": ~is_a, "rule": np.where(is_a, edges["rule"], reference_rule[edges["rule"]]),
        "telling": np.where(is_a, -np.array([rule.telling for rule in rules])[edges["rule"]], 0),
    }).sort_values(["node", "reference", "telling", "rule"], kind="stable")  # fmt: skip
    first = told.drop_duplicates("node")
    starts = np.flatnonzero(~told["node"].duplicated().to_numpy())
    others = np.split(told["other"].to_numpy(), starts[1:])
    places = np.split(told["at"].to_numpy(), starts[1:])
    groups = first.groupby(["cell", "rule", "reference"], sort=False).indices
    for group, nodes in groups.items():
        cell, rule, reference = np.asarray(group).tolist()
        members = np.asarray(nodes)[np.argsort(first["row"].to_numpy()[nodes], kind="stable")]
        yield Blamed(cells[cell], rules[rule], first["row"].to_numpy()[members], [[cells[o] for o in others[m]] for m in members],
                     [places[m] for m in members], bool(reference))  # fmt: skip
