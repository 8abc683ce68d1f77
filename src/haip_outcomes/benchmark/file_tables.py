"""The tables of a file of figures: read, and held to the places where they must stand, before anything is made of them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, get_args

from haip_outcomes.benchmark.curves.given_numbers import shown
from haip_outcomes.errors import PlanError

_SOURCE_FIELDS = {"short", "citation", "doi", "pmid", "pmcid", "overlap"}
_EACH = {"figure": "each figure", "curve": "each digitised curve"}


def path_given(path: Any, what: str) -> Path:
    """A path, or a PlanError where something else was given for one."""
    if not isinstance(path, (str, Path)) or path == "":
        raise PlanError(f'{what}: give the path of a TOML file, such as "mine.toml"; got {shown(path)}.')
    return Path(path)


def parsed(raw: bytes, name: str) -> dict[str, Any]:
    """The tables of a file in UTF-8, with the byte-order mark that some editors write or without; PlanError when it is no TOML."""
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise PlanError(f"{name} is not a text file in UTF-8. Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{name} is not valid TOML: {error}. Text stands in quotes, lists in [ ].") from None


def misplaced(content: dict[str, Any]) -> list[str]:
    """A sentence for each table that does not stand as it must; [figure] for [[figure]] is the commonest slip."""
    wrong = []
    for kind, each in _EACH.items():
        given = content.get(kind, [])
        if isinstance(given, dict):
            wrong.append(f"[{kind}]: write [[{kind}]], in double brackets, above {each}: there may be several")
        elif not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            wrong.append(f"{kind} = {_short(given)}: {kind}s are tables; write [[{kind}]] above {each} and its fields below")
    return [*wrong, *_misplaced_sources(content.get("sources", {})), *_misplaced_groups(content.get("overlap_groups", {}))]


def _misplaced_sources(given: Any) -> list[str]:
    cure = "write [sources.KEY] above each source, KEY being what the figures name it by, and short and citation below"
    if isinstance(given, list):
        return [f"[[sources]]: {cure}"]
    if not isinstance(given, dict):
        return [f"sources = {_short(given)}: {cure}"]
    loose = [key for key, table in given.items() if not isinstance(table, dict)]
    if set(loose) & _SOURCE_FIELDS:
        return [f"[sources]: {', '.join(loose)} stand in no source; {cure}"]
    return [f"[sources.{key}] is {_short(given[key])}; it must be a table with short and citation" for key in loose]


def _misplaced_groups(given: Any) -> list[str]:
    if not isinstance(given, dict):
        return [f'overlap_groups = {_short(given)}: write [overlap_groups] and below it a line a group, NAME = "which series share patients"']
    return [f"[overlap_groups] {key} is {_short(text)}; it must be text that says which series share patients" for key, text in given.items() if not isinstance(text, str)]


def tables_of(content: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The figures or curves that can be read, also from a single [figure], so that what is in it is checked as well."""
    given = content.get(kind, [])
    given = [given] if isinstance(given, dict) else given if isinstance(given, list) else []
    return [table for table in given if isinstance(table, dict)]


def sources_of(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The sources that are tables."""
    given = content.get("sources", {})
    return {str(key): table for key, table in given.items() if isinstance(table, dict)} if isinstance(given, dict) else {}


def groups_of(content: dict[str, Any]) -> dict[str, str]:
    """The overlap groups that have a text."""
    given = content.get("overlap_groups", {})
    return {str(key): text for key, text in given.items() if isinstance(text, str)} if isinstance(given, dict) else {}


def text_for_numbers(model: Any, table: dict[str, Any]) -> dict[str, str]:
    """A sentence for each field whose number that was written as text or as true: nothing is read out of quotes."""
    wrong = {}
    for name, field in model.model_fields.items():
        kinds = {*get_args(field.annotation), field.annotation}
        if kinds & {int, float} and isinstance(table.get(name), (bool, str)):
            wrong[name] = f"{name} must be a number; it is {_short(table[name])}"
    return wrong


def in_words(detail: Any) -> str:
    """What pydantic found in a field, for people who write a file by hand."""
    kind, message, given = detail["type"], detail["msg"].removeprefix("Value error, "), detail["input"]
    if kind == "string_type":
        return f"must be text in quotes; it is {_short(given)}"
    if kind in ("tuple_type", "list_type"):
        return f"must be a list in [ ]; it is {_short(given)}"
    if kind.startswith("int_"):
        return f"must be a whole number; it is {_short(given)}"
    if kind.startswith("float_"):
        return f"must be a number; it is {_short(given)}"
    if kind == "string_too_short":
        return "is empty"
    return f"{message[:1].lower()}{message[1:]}"


def _short(given: Any) -> str:
    """What was written, as TOML would, cut to a few letters."""
    text = json.dumps(given, ensure_ascii=False, default=str)
    return text if len(text) <= 30 else text[:30] + "..."
