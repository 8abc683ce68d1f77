"""What pydantic finds wrong in a plan, in a surgeon's words and with its place in the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from haip_outcomes.errors import did_you_mean
from haip_outcomes.registry.plan_parts import (
    AnalysisPlan,
    BenchmarkPlan,
    CohortPlan,
    ColumnPlan,
    EndpointPlan,
    MissingPlan,
    ProgrammePlan,
    TimedFlag,
)

_PARTS: dict[str, type[BaseModel]] = {
    "cohort": CohortPlan, "columns": ColumnPlan, "missing": MissingPlan, "endpoints": EndpointPlan,
    "analysis": AnalysisPlan, "programme": ProgrammePlan, "benchmark": BenchmarkPlan,
}  # fmt: skip
_CHOICES = ("str", "TimedFlag", "ConstantSetting")  # how pydantic names the branches of "text or { ... }"
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
    """True for what is said of a text where a { ... } was written, and the reverse."""
    is_table = isinstance(detail["input"], dict)
    branch = detail["loc"][-1] if detail["loc"] else ""
    return branch == "str" if is_table else branch in ("TimedFlag", "ConstantSetting")


def _lines(detail: Any, known: Sequence[str]) -> list[str]:
    where = [str(part) for part in detail["loc"] if part not in _CHOICES]
    table = where[0] if where else ""
    depth = 2 if table in ("columns", "endpoints", "programme") else 1
    place = " ".join(filter(None, [f"[{'.'.join(where[:depth])}]" if where else "", ".".join(where[depth:])]))
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        part = TimedFlag if "TimedFlag" in detail["loc"] else _PARTS.get(table)
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
