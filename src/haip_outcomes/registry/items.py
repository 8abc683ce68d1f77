"""The standard items of a HAIP registry, as data: what each means, may hold, and how other files may call it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

Range = tuple[float, float]
TABLES = ("patient", "complications", "cycles", "imaging")


@dataclass(frozen=True)
class Item:
    """One thing that a HAIP registry asks of every patient, complication, cycle or scan.

    `kind` is key, setting, text, number, date, category or checkbox (a category of which several may be ticked). `levels`
    are {code: meaning}, the first is the reference. In `unit`, a value outside `believable` deserves a warning and one outside
    `possible` is an error; a `whole` number has no decimals. `endpoints` are those of the standard plan that can't be made
    without it. `known` is "later" for what is only known after the pump was placed, so that it is no baseline factor. The rest is for people: `definition`, `how` it is measured and `when` it is filled in; `form`, `section`,
    `redcap_field`, `required` and `shown_if` (REDCap's branching logic) place it in the data dictionary.
    """

    name: str
    label: str
    table: str
    form: str
    redcap_field: str
    kind: str
    definition: str
    how: str
    when: str
    unit: str = ""
    levels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    whole: bool = False
    believable: Range | None = None
    possible: Range | None = None
    synonyms: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    required: bool = False
    shown_if: str = ""
    section: str = ""
    known: str = "baseline"


@cache
def items() -> Mapping[str, Item]:
    """The standard items by name, in the order of the data dictionary (`registry/items.toml`).

    >>> height = items()["height_cm"]
    >>> height.label, height.possible
    ('Height, cm', (100, 250))
    """
    content = tomllib.loads(files("haip_outcomes.registry").joinpath("items.toml").read_text(encoding="utf-8"))
    return MappingProxyType({name: _item(name, entry) for name, entry in content.items()})


def _item(name: str, entry: dict[str, Any]) -> Item:
    frozen: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else MappingProxyType(value) if isinstance(value, dict) else value
                              for key, value in entry.items()}  # fmt: skip
    return Item(**{"name": name, "redcap_field": name, **frozen})
