"""How a reported number was made, in a short text that a person can read and another engine can follow.

"cox of=os terms=age+sarcopenia ties=efron strata=setting": a verb, then what it was asked. The report writes it beside each number, and
`verify` reads it; nothing else passes between them, so a number can only agree by being computed again.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from haip_outcomes.errors import PlanError


@dataclass(frozen=True)
class Recipe:
    """A verb and its options; `options` are text, lists of names are joined by "+"."""

    verb: str
    options: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """An option, or `default`."""
        return dict(self.options).get(name, default)

    def names(self, name: str) -> tuple[str, ...]:
        """An option that is a list of names."""
        return tuple(unquote(part) for part in self.get(name).split("+") if part)

    @property
    def text(self) -> str:
        """The recipe as it stands in results.csv."""
        return " ".join([self.verb, *(shlex.quote(f"{name}={value}") if _plain(value) is None else f"{name}={value}" for name, value in self.options)])


def recipe(verb: str, **options: object) -> str:
    """A recipe's text; options without a value are left out, lists are joined.

    >>> recipe("cox", of="os", terms=["age", "sarcopenia"], ties="efron", strata="")
    'cox of=os terms=age+sarcopenia ties=efron'
    """
    told: list[tuple[str, str]] = []
    for name, value in options.items():
        if value is None or value is False or value == "" or (isinstance(value, (list, tuple)) and not value):
            continue
        told.append((name, _words(value)))
    return Recipe(verb, tuple(told)).text


def read_recipe(text: str) -> Recipe:
    """The recipe of a text. Raises PlanError when it is none.

    >>> read_recipe("cox of=os terms=age+sarcopenia").names("terms")
    ('age', 'sarcopenia')
    """
    try:
        verb, *parts = shlex.split(text)
        pairs = tuple((part.split("=", 1)[0], part.split("=", 1)[1]) for part in parts)
    except (ValueError, IndexError):
        raise PlanError(f'"{text}" in the column recipe of results.csv is no recipe: a verb, then name=value. Make the report anew.') from None
    return Recipe(verb, pairs)


def _words(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, Iterable):
        return "+".join(quote(str(part), safe=" /:*(),=-[]<>") for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(value: str) -> str | None:
    """The value where it needs no quotes."""
    return value if value and not set(value) & set(" \t\n\"'\\#") else None
