"""What pydantic finds wrong in a plan, in a surgeon's words and with its place in the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from haip_outcomes.errors import did_you_mean
from haip_outcomes.registry.planning.parts import (
    AnalysisPlan,
    BenchmarkPlan,
    BothPlan,
    CohortPlan,
    ColumnPlan,
    DerivedPlan,
    EndpointPlan,
    MissingPlan,
    ProgrammePlan,
    RedcapPlan,
    TablePlan,
    TimedFlag,
    TreatmentPlan,
    WithinPlan,
)

_PARTS: dict[str, type[BaseModel]] = {
    "cohort": CohortPlan, "redcap": RedcapPlan, "columns": ColumnPlan, "tables": TablePlan, "derived": DerivedPlan,
    "missing": MissingPlan, "endpoints": EndpointPlan, "analysis": AnalysisPlan, "treatment": TreatmentPlan, "programme": ProgrammePlan, "benchmark": BenchmarkPlan,
}  # fmt: skip
_INNER: dict[str, type[BaseModel]] = {"both": BothPlan, "within": WithinPlan, "columns": ColumnPlan}
_NAMED = ("columns", "tables", "derived", "endpoints", "programme")  # tables of the plan that hold named ones
_TABLES = ("TimedFlag", "ConstantSetting", "dict[str,any]")  # how pydantic names the branches of "text, list or { ... }"
_LISTS = ("tuple[str, ...]",)
_CHOICES = ("str", *_TABLES, *_LISTS)
_WORDS = {
    "string_type": 'write it in quotes, as "{}"',
    "tuple_type": 'write a list in [ ], as [{}]',
    "float_type": "write a number, without quotes",
    "bool_type": "write true or false, without quotes",
    "dict_type": 'write pairs in {{ }}, as {{ "1" = "Yes" }}',
    "model_type": "this is a table with keys of its own, not one value",
    "too_short": "at least one is needed",
    "too_long": "there are too many values",
}


def explained(error: ValidationError, known: Sequence[str]) -> list[str]:
    """Every fault of a plan, each once; `known` are the plan's tables."""
    return [line for detail in error.errors() if not _of_the_other_branch(detail) for line in _lines(detail, known)]


def _of_the_other_branch(detail: Any) -> bool:
    """True for what is said of a text where a list or a { ... } was written, and the reverse."""
    value = detail["input"]
    branch = detail["loc"][-1] if detail["loc"] else ""
    if branch == "str":
        return isinstance(value, dict) or (isinstance(value, (list, tuple)) and "where" in detail["loc"])
    return (branch in _TABLES and not isinstance(value, dict)) or (branch in _LISTS and not isinstance(value, (list, tuple)))


def _lines(detail: Any, known: Sequence[str]) -> list[str]:
    where = [str(part) for part in detail["loc"] if part not in _CHOICES]
    table = where[0] if where else ""
    depth = 4 if table == "tables" and where[2:3] == ["columns"] else 2 if table in _NAMED else 1
    place = " ".join(filter(None, [f"[{'.'.join(where[:depth])}]" if where else "", ".".join(where[depth:])]))
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        inner = [_INNER[name] for name in where[2:-1] if name in _INNER]
        part = TimedFlag if "TimedFlag" in detail["loc"] else inner[-1] if inner else _PARTS.get(table)
        return [f"{place}: there is no such key. {did_you_mean(where[-1], part.model_fields if len(where) > 1 and part else known)}"]
    if kind == "missing":
        return [f"{place}: is needed and is not there"]
    message = detail["msg"].removeprefix("Value error, ")
    if kind == "value_error" and not where:
        return message.split("\n")
    if kind == "literal_error":
        return [f"{place}: {value!r} is not one of {detail['ctx']['expected']}"]
    if kind == "string_type" and isinstance(value, (list, dict)):
        return [f"{place}: write one text in quotes, not {'a list' if isinstance(value, list) else 'pairs'}"]
    if kind in _WORDS:
        return [f"{place}: {_WORDS[kind].format(_as_written(value, quoted=kind == 'tuple_type'))}"]
    return [f"{place}: {message[0].lower()}{message[1:]}"]


def _as_written(value: Any, quoted: bool) -> str:
    """A value as it stands in a plan."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if quoted and isinstance(value, str) else str(value)
