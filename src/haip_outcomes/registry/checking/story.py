"""Story: the tables of a cohort as the rules see them, with the patient beside every complication, cycle and scan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from haip_outcomes.registry.checking.standard_codes import in_standard_codes
from haip_outcomes.registry.items import items
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.planning.parts import ColumnPlan

PATIENT = "patient"  # in a view of a related table: the place of the patient in the frame, -1 where there is none
RAW = "column:"  # before the name of a patients' column that is no standard item


class Cell(NamedTuple):
    """A column of a table; "" is the patients' table."""

    table: str
    column: str


@dataclass(frozen=True)
class Summary:
    """What a related table says of a patient: the earliest or latest of a date, or whether anything was so.

    `value` is read from a view of the related rows (`needs` are its keys, `column` the item that it is about); missing or
    False where a row does not count.
    """

    name: str
    column: str
    needs: tuple[str, ...]
    take: Literal["earliest", "latest", "any"]
    value: Callable[[pd.DataFrame], pd.Series]


@dataclass(frozen=True, eq=False)
class Story:
    """A typed cohort with its standard items found. Build it with `Story.of`."""

    plan: Plan
    frame: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    items: Mapping[str, Mapping[str, str]]  # by table: item -> column
    owners: Mapping[str, np.ndarray]  # by related table: the place of each row's patient
    summaries: Mapping[str, Summary]
    _values: dict[tuple[str, str], pd.Series] = field(default_factory=dict)

    @classmethod
    def of(cls, frame: pd.DataFrame, tables: Mapping[str, pd.DataFrame], plan: Plan, summaries: Iterable[Summary] = ()) -> Story:
        """The story of these tables; `tables` have the column "patient", an index label of `frame`."""
        tables = {name: rows for name, rows in tables.items() if PATIENT in rows}  # without the column of keys nothing can be said of a table
        owners = {name: frame.index.get_indexer(pd.Index(rows[PATIENT])) for name, rows in tables.items()}
        found = {"": _patients_items(plan, frame), **{name: _own_items(plan, name, rows) for name, rows in tables.items()}}
        story = cls(plan, frame, tables, found, owners, {summary.name: summary for summary in summaries})
        for table, columns in found.items():  # a column that can't be its item (a date kept as text) is none
            for item in [item for item in columns if story.value(table, item) is None]:
                del columns[item]
        return story

    def rows(self, table: str) -> pd.DataFrame:
        """The rows of a table as they were typed."""
        return self.tables[table] if table else self.frame

    def key_column(self, table: str) -> str:
        """The column of a table with the patients' keys, as the file calls it."""
        return (self.plan.tables[table].patient if table else None) or self.plan.cohort.id

    def has(self, table: str, key: str) -> bool:
        """True when a view of the table has this key."""
        if key in self.items[table] or (table and (key in self.items[""] or key == PATIENT)):
            return True
        if key.startswith(RAW):
            return key.removeprefix(RAW) in self.frame
        return not table and key in self.summaries and any(self._tables_of(self.summaries[key]))

    def view(self, table: str, keys: Iterable[str]) -> pd.DataFrame:
        """The keys side by side, a row for each row of the table: items in standard codes, the patient's beside a related row's."""
        return pd.DataFrame({key: self.value(table, key) for key in dict.fromkeys(keys)}, index=self.rows(table).index, copy=False)

    def cells(self, table: str, key: str) -> Iterator[Cell]:
        """Where a key of a view comes from."""
        if key in self.items[table]:
            yield Cell(table, self.items[table][key])
        elif key == PATIENT:
            yield Cell(table, self.key_column(table))
        elif key.startswith(RAW):
            yield Cell("", key.removeprefix(RAW))
        elif table and key in self.items[""]:
            yield Cell("", self.items[""][key])
        elif key in self.summaries:
            summary = self.summaries[key]
            yield from (Cell(name, self.items[name][summary.column]) for name in self._tables_of(summary))

    def value(self, table: str, key: str) -> pd.Series | None:
        """One key of a view."""
        if (table, key) not in self._values:
            made = self._made(table, key)
            if made is None:
                return None
            self._values[table, key] = made
        return self._values[table, key]

    def _made(self, table: str, key: str) -> pd.Series | None:
        if key in self.items[table]:
            column = self.items[table][key]
            declared = (self.plan.tables[table].columns if table else self.plan.columns).get(column, ColumnPlan())
            return in_standard_codes(self.rows(table)[column], declared, items()[key])
        if not table and key in self.summaries:
            return self._summed_up(self.summaries[key])
        if key == PATIENT:
            return pd.Series(self.owners[table], index=self.tables[table].index)
        own = self.frame[key.removeprefix(RAW)] if key.startswith(RAW) else self.value("", key)
        return own if own is None or not table else _beside(own, self.owners[table], self.tables[table].index)

    def _tables_of(self, summary: Summary) -> Iterator[str]:
        return (name for name in self.tables if summary.column in self.items[name] and all(self.has(name, key) for key in summary.needs))

    def _summed_up(self, summary: Summary) -> pd.Series:
        """`summary` of every patient. Dates are compared as whole numbers, of which the smallest stands for a missing one."""
        anything, least, most = summary.take == "any", np.iinfo(np.int64).min, np.iinfo(np.int64).max
        found = np.zeros(len(self.frame), bool) if anything else np.full(len(self.frame), most if summary.take == "earliest" else least)
        for name in self._tables_of(summary):
            values = summary.value(self.view(name, summary.needs))
            counts = (values if anything else values.notna()).to_numpy(bool) & (self.owners[name] >= 0)
            places = self.owners[name][counts]
            if anything:
                found[places] = True
            else:
                (np.minimum if summary.take == "earliest" else np.maximum).at(found, places, values.to_numpy("datetime64[ns]")[counts].view("i8"))
        if not anything:
            found = np.where(found == most, least, found).view("datetime64[ns]")
        return pd.Series(found, index=self.frame.index)


def _beside(values: pd.Series, owners: np.ndarray, index: pd.Index) -> pd.Series:
    """The patient's value in each related row; missing where the row has no patient."""
    array = values.to_numpy()
    missing = np.array("NaT", array.dtype) if array.dtype.kind == "M" else False if array.dtype == bool else np.nan
    return pd.Series(np.append(array, missing)[owners], index=index)


def _patients_items(plan: Plan, frame: pd.DataFrame) -> dict[str, str]:
    """Standard items of the patients' table: as declared; the setting; last contact and death as the endpoints name them."""
    declared = {column.item or name: name for name, column in plan.columns.items() if (column.item or name in plan.derived) and column.item != "setting"}
    deaths = [event for recipe in plan.endpoints.values() if recipe.from_dates
              for label, event in recipe.events.items() if label in recipe.terminal and isinstance(event, str)]  # fmt: skip
    implied = {"setting": "setting", "last_contact_date": plan.last_contact, "death_date": next(iter(deaths), None)}
    found = {**implied, **declared}
    return {item: name for item, name in found.items() if name is not None and name in frame and item in items() and items()[item].table == "patient"}


def _own_items(plan: Plan, table: str, rows: pd.DataFrame) -> dict[str, str]:
    declared = plan.tables[table].columns
    return {column.item: name for name, column in declared.items()
            if column.item and name in rows and column.item in items() and items()[column.item].table not in ("patient", "")}  # fmt: skip
