"""A parquet file to raw cells: what its typed columns hold, and what they say of themselves."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import CohortError, Problem
from haip_outcomes.registry.sources.header import Expected, check_names, under_names
from haip_outcomes.registry.sources.raw_table import RawTable
from haip_outcomes.registry.sources.refusal import refused
from haip_outcomes.registry.values.distinct_cells import cell_text

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_LEVELS = 50  # a dictionary of more values is how text is stored, no list of levels


def parquet_table(content: bytes, name: str, expected: Expected) -> RawTable:
    """The cells of a parquet file: text, numbers, dates, 1 and 0 for true and false, the text of categories.

    Rows are numbered as in a spreadsheet with the names in row 1. A number of single precision is read as the shortest decimal
    that stands for it (12.3, not 12.300000190734863). Times of a time zone keep the day that they have there.

    Raises
    ------
    CohortError : the file is damaged, a column holds lists or other nested values, or none of the plan's columns is there.
    """
    import pyarrow as pa

    table = _read(content, name)
    names = [str(field.name) for field in table.schema]
    check_names(names, name, expected)
    problems, notes, columns = [], [], {}
    labels: dict[str, dict[str, str]] = {}
    kinds: dict[str, str] = {}
    for i, column in enumerate(names):
        array = _without_extension(table.column(i))
        kind = _kind(array.type)
        if not kind:
            problems.append(Problem(name, column, (), f"values of the type {array.type}", "one value a cell: text, a number, a date, true or false",
                                    "write one value a cell, or leave the column out"))  # fmt: skip
            continue
        if kind == "category":
            labels[column] = _levels(array)
            array = array.cast(array.type.value_type)
            kind = kind if labels[column] else _kind(array.type)
        zone = getattr(array.type, "tz", None)
        if zone and not _is_zone(array):
            problems.append(Problem(name, column, (), f"times in the unknown time zone {zone}", "dates, or times of a known zone", "write the column as dates"))
            continue
        kinds[column] = kind
        try:
            columns[i] = _dates(array) if kind == "date" else _cells(array)
        except (pa.ArrowException, ValueError, OverflowError):
            problems.append(Problem(name, column, (), f"values that are no {array.type}", "values of the column's own type", "write the file again"))
            continue
        beyond = () if kind != "date" else _rows(columns[i].dt.year.gt(9999) | columns[i].dt.year.lt(1))
        if beyond:
            problems.append(Problem(name, column, beyond, "dates that no calendar has", "dates between the years 1 and 9999", "correct these cells"))
        late = _rows(columns[i].notna() & (columns[i] != columns[i].dt.normalize())) if zone and not beyond else ()
        if late:
            notes.append(Problem(name, column, late, f"times in the time zone {zone}", "dates, or times of the centre's own zone",
                                 "check the day: it is the day in that zone", "warning"))  # fmt: skip
    if problems:
        raise CohortError(problems, name)
    cells = pd.DataFrame(columns, columns=range(len(names))) if columns else pd.DataFrame(index=range(table.num_rows))
    cells.index = pd.RangeIndex(2, table.num_rows + 2)
    raw = RawTable(name, cells, tuple(notes), {column: levels for column, levels in labels.items() if levels}, kinds)
    return under_names(raw, names, expected, names_in_row_1=False)


def _read(content: bytes, name: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(pa.BufferReader(content)).read()
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError):  # of damaged parts
        raise refused(name, "not a parquet file that can be read", "a parquet file", "write it again, or save the table as CSV (UTF-8)") from None


def _without_extension(array: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    if not isinstance(array.type, pa.BaseExtensionType):
        return array
    return pa.chunked_array([chunk.storage for chunk in array.chunks], type=array.type.storage_type)


def _kind(kind: pa.DataType) -> str:
    """What a type holds, in the plan's words; "" for what can't be a cell."""
    import pyarrow.types as types

    if types.is_dictionary(kind):
        return "category" if _kind(kind.value_type) else ""
    if types.is_boolean(kind):
        return "flag"
    if types.is_date(kind) or types.is_timestamp(kind):
        return "date"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind) or types.is_time(kind) or str(kind) == "string_view":
        return "text"
    return ""


def _levels(array: pa.ChunkedArray) -> dict[str, str]:
    chunks = array.unify_dictionaries().chunks
    levels = [cell_text(level) for level in chunks[0].dictionary.to_pylist()] if chunks else []
    return {level: level for level in levels if level} if len(levels) <= min(_MOST_LEVELS, len(array) - 1) else {}


def _cells(array: pa.ChunkedArray) -> pd.Series:
    """Numbers without gaps stay in an array; everything else is the values one by one, None where there is none."""
    import pyarrow.types as types

    if types.is_float64(array.type) or (types.is_integer(array.type) and not array.null_count):
        return pd.Series(array.to_numpy())
    if types.is_string(array.type) or types.is_large_string(array.type):
        return pd.Series(array.to_numpy(), dtype=object)
    values: list[Any] = array.to_pylist()
    if types.is_boolean(array.type):
        values = [None if value is None else int(value) for value in values]
    elif types.is_decimal(array.type):
        values = [None if value is None else _number(value) for value in values]
    elif types.is_floating(array.type):
        single = np.float32 if types.is_float32(array.type) else np.float16
        values = [None if value is None else float(str(single(value))) for value in values]
    return pd.Series(values, dtype=object)


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _is_zone(array: pa.ChunkedArray) -> bool:
    import pyarrow as pa
    import pyarrow.compute as compute

    try:
        compute.local_timestamp(pa.array([0], type=array.type))
    except pa.ArrowInvalid:
        return False
    return True


def _dates(array: pa.ChunkedArray) -> pd.Series:
    """Dates and times on the microsecond; a date that this can't hold becomes the last that it can, which is far beyond any calendar."""
    import pyarrow as pa
    import pyarrow.compute as compute
    import pyarrow.types as types

    if getattr(array.type, "tz", None):
        array = compute.local_timestamp(array)
    if types.is_timestamp(array.type) and array.type.unit in ("us", "ns"):
        return pd.Series(array.cast(pa.timestamp("us"), safe=False).to_numpy())
    unit = {"date64": "ms", "date32": "s"}.get(str(array.type).split("[")[0], getattr(array.type, "unit", "s"))
    whole = array.cast(pa.timestamp(unit)).to_numpy()
    limit = np.datetime64("30000-01-01", "s").astype(np.int64) * (1000 if unit == "ms" else 1)
    counts = whole.astype(np.int64)
    clipped = np.where(np.isnat(whole), counts, counts.clip(-limit, limit)).view(f"datetime64[{unit}]")
    return pd.Series(clipped.astype("datetime64[us]"))


def _rows(which: pd.Series) -> tuple[int, ...]:
    return tuple(int(row) for row in np.flatnonzero(which) + 2)
