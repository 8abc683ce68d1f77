"""Several centres' files into one cohort: the same columns, the same meaning, and the centre as a column."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from haip_outcomes.errors import CohortError, Problem
from haip_outcomes.formatting import listed
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.planning.conflicts import translation
from haip_outcomes.registry.planning.parts import ColumnPlan


@dataclass(frozen=True, eq=False)
class Handed:
    """What one centre handed in: its name, its cohort, and its patients' keys, which leave this module no more."""

    centre: str | None
    cohort: Cohort
    keys: pd.Series


def joined(centres: list[Handed]) -> Cohort:
    """One cohort of several; the first centre's plan gives the names, and every other must mean the same by them (`conflicts`).

    Columns are matched by name, or by the standard `item` that the plans give them. Codes may differ between plans,
    what they stand for may not.

    Raises
    ------
    CohortError : the same patient stands in two files of one centre.
    """
    first = centres[0].cohort.plan
    names = listed([one.cohort.source.name for one in centres])
    column = first.cohort.centre or "centre"
    named = [_centres_of(one) for one in centres]
    handed = [centres[0], *(replace(other, cohort=_renamed(other.cohort, first)) for other in centres[1:])]
    problems = [*_unclear_centres(centres, named), *_same_patients(handed, named)]
    if problems:
        raise CohortError(problems, names)
    offset, parts, frames, partial = 0, [], [], []
    tables: dict[str, list[pd.DataFrame]] = {}
    table_offset = dict.fromkeys(first.tables, 0)
    for one, own in zip(handed, named, strict=True):
        cohort = one.cohort
        parts.append(replace(cohort.source, offset=offset))
        frame = cohort.frame.assign(**{column: pd.Series(own, index=cohort.frame.index, dtype=object)})
        frames.append(frame.set_axis(frame.index + offset))
        dates = cohort.partial_dates.copy()
        for name, rows in cohort.tables.items():
            moved = rows.assign(patient=rows["patient"] + offset)
            tables.setdefault(name, []).append(moved.set_axis(moved.index + table_offset[name]))
            dates.loc[dates["table"] == name, "row"] += table_offset[name]
            table_offset[name] += int(rows.index.max()) if len(rows) else 0
        dates.loc[dates["table"] == "", "row"] += offset
        partial.append(dates)
        offset += int(cohort.frame.index.max())
    levels = list(dict.fromkeys(name for own in named for name in own if isinstance(name, str)))
    together = _stacked(frames)
    together[column] = pd.Categorical(together[column], categories=levels)
    label = first.label(column) if column in first.columns else "Centre"
    plan = first.model_copy(update={"columns": {**first.columns, column: ColumnPlan(label=label, levels={name: name for name in levels})}})
    source = Source(name=names, sha256=hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest(),
                    rows=sum(part.rows for part in parts), unused_columns=tuple(dict.fromkeys(c for part in parts for c in part.unused_columns)),
                    parts=tuple(parts))  # fmt: skip
    return Cohort(plan=plan, frame=together, source=source, warnings=tuple(w for one in handed for w in one.cohort.warnings),
                  tables={name: _stacked(rows) for name, rows in tables.items()}, partial_dates=pd.concat(partial, ignore_index=True),
                  methods={name: words for one in reversed(handed) for name, words in one.cohort.methods.items()})  # fmt: skip


def _renamed(cohort: Cohort, first: Plan) -> Cohort:
    """The cohort under the first plan's names, with categories in its order."""
    frame = _in_order(cohort.frame.rename(columns=translation(first.columns, cohort.plan.columns)), first.columns)
    tables, dates = {}, cohort.partial_dates.copy()
    dates["column"] = dates["column"].replace(translation(first.columns, cohort.plan.columns))
    for name, rows in cohort.tables.items():
        if name in first.tables:
            names = translation(first.tables[name].columns, cohort.plan.tables[name].columns)
            tables[name] = _in_order(rows.rename(columns=names), first.tables[name].columns)
            own = dates["table"] == name
            dates.loc[own, "column"] = cohort.partial_dates.loc[own, "column"].replace(names)
    kept = [column for column in frame if column in first.columns or column in first.kinds or column == "setting"]
    return replace(cohort, frame=frame[kept], tables=tables, partial_dates=dates[dates["table"].isin(["", *tables])])


def _in_order(frame: pd.DataFrame, columns: dict[str, ColumnPlan]) -> pd.DataFrame:
    levels = {name: list(dict.fromkeys(column.levels.values())) for name, column in columns.items() if column.levels and name in frame}
    return frame.assign(**{name: frame[name].cat.set_categories(names) for name, names in levels.items()})


def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """One frame below the other; a category whose levels the plan leaves open has those of all."""
    for name in frames[0]:
        if all(name in frame and isinstance(frame[name].dtype, pd.CategoricalDtype) for frame in frames):
            levels = list(dict.fromkeys(level for frame in frames for level in frame[name].cat.categories))
            frames = [frame.assign(**{str(name): frame[name].cat.set_categories(levels)}) for frame in frames]
    return pd.concat(frames)


def _centres_of(one: Handed) -> list[object]:
    """The centre of each patient: as the caller says, as the file says, or the file's name without its ending."""
    column = one.cohort.plan.cohort.centre
    if one.centre is not None:
        return [one.centre] * len(one.cohort)
    if column is not None and column in one.cohort.frame:
        return list(one.cohort.frame[column].astype(object))
    return [one.cohort.source.name.rsplit(".", 1)[0]] * len(one.cohort)


def _unclear_centres(centres: list[Handed], named: list[list[object]]) -> Iterator[Problem]:
    """Patients of no centre, and one centre that is written in several ways."""
    spelled: dict[str, str] = {}
    for own in named:
        for name in own:
            if isinstance(name, str):
                spelled.setdefault(" ".join(name.casefold().split()), name)
    for one, own in zip(centres, named, strict=True):
        column, source = one.cohort.plan.cohort.centre or "centre", one.cohort.source.name
        nowhere = tuple(int(row) for row, name in zip(one.cohort.frame.index, own, strict=True) if not isinstance(name, str))
        if nowhere:
            yield Problem(source, column, nowhere, "empty", "a centre in every row", "say which centre the patient belongs to")
        other = {name for name in own if isinstance(name, str) and spelled[" ".join(name.casefold().split())] != name}
        for name in sorted(other):
            rows = tuple(int(row) for row, written in zip(one.cohort.frame.index, own, strict=True) if written == name)
            yield Problem(source, column, rows, name, "one way of writing a centre", f"elsewhere it is {spelled[' '.join(name.casefold().split())]}: write it alike")


def _same_patients(handed: list[Handed], named: list[list[object]]) -> Iterator[Problem]:
    """Patients who stand in two files of one centre; keys of different centres may be the same by chance."""
    keys = pd.concat([pd.DataFrame({"key": one.keys.astype(str).str.casefold(), "centre": own, "file": i, "row": one.keys.index})
                      for i, (one, own) in enumerate(zip(handed, named, strict=True))], ignore_index=True)  # fmt: skip
    again = keys[keys.duplicated(["key", "centre"], keep="first")]
    for i, rows in again.groupby("file"):
        one = handed[int(str(i))]
        yield Problem(one.cohort.source.name, one.cohort.plan.cohort.id, tuple(int(row) for row in rows["row"]), "", "a patient in one file only",
                      "the same patient of the same centre stands in an earlier file too: keep one")  # fmt: skip
