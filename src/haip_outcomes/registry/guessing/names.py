"""How alike two names of a column are, whatever the language's accents, the signs between the words and the unit at the end."""

from __future__ import annotations

import difflib
import re
import unicodedata
from functools import cache

from haip_outcomes.registry.guessing.vocabulary import MEASURED_IN

_LETTERS = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "o", "æ": "a", "Æ": "a", "œ": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "²": "2", "µ": "u", "μ": "u"}
)
_FILLING = frozenset({
    "of", "the", "a", "an", "at", "in", "on", "to", "for", "van", "der", "de", "het", "den", "des", "du", "la", "le", "les", "d",
    "l", "del", "della", "di", "do", "da", "dos", "das", "am", "im", "zum", "zur", "von"
})  # fmt: skip
_UNIT_WORDS = frozenset(word for words in MEASURED_IN.values() for word in words)
_ALIKE = 0.84  # two words of five letters or more are the same one, misspelt or inflected


def plain(text: str) -> str:
    """A text in small letters without accents: "Körpergröße" is "korpergrosse", and so is "Koerpergroesse"."""
    letters = unicodedata.normalize("NFKD", text.translate(_LETTERS).casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return bare.replace("ae", "a").replace("oe", "o").replace("ue", "u")


@cache
def words(name: str) -> tuple[str, ...]:
    """The words of a name: "pumpDate", "PUMP_DATE" and "pump date" are the same two.

    >>> words("DatumPompplaatsing (jjjj)")
    ('datum', 'pompplaatsing', 'jjjj')
    """
    apart = re.sub(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])", " ", name)
    return tuple(re.findall(r"[a-z0-9]+", plain(apart)))


@cache
def meaning(name: str) -> tuple[str, ...]:
    """The words that say what a column is: without "of" and "the", and without a unit at its end."""
    found = [word for word in words(name) if word not in _FILLING]
    while len(found) > 1 and found[-1] in _UNIT_WORDS:
        found.pop()
    return tuple(found)


def named_unit(name: str) -> str:
    """The unit of measurement that a name ends in (also in brackets), as a plan writes it; "" when it names none."""
    last = words(name)[-1:]
    joined = "".join(words(name)[-2:])
    return next((unit for unit, forms in MEASURED_IN.items() if joined in forms and len(words(name)) > 2), "") or next(
        (unit for unit, forms in MEASURED_IN.items() if last and last[0] in forms and len(words(name)) > 1), "")  # fmt: skip


@cache
def likeness(name: str, known: str) -> float:
    """How alike two names are, 0 to 1: by the letters of the whole, and by the words they share.

    >>> likeness("Datum_overlijden", "datum overlijden"), likeness("last_cycle_date", "first cycle date") < 0.75
    (1.0, True)
    """
    one, other = meaning(name), meaning(known)
    if not one or not other:
        return 0.0
    if one == other or "".join(one) == "".join(other):
        return 1.0
    if sorted(one) == sorted(other):
        return 0.97
    shared = _shared(one, other)
    by_words = 0.95 * 2 * shared / (len(one) + len(other))
    part = shared == min(len(one), len(other)) and len(one) != len(other)  # "status" is a part of "n status": the n tells what it is
    if part or min(len("".join(one)), len("".join(other))) <= 5 or _opposed(one, other):
        return by_words
    return max(by_words, 0.95 * _ratio("".join(one), "".join(other), 0.88))


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    left = list(other)
    for word in one:
        match = next((candidate for candidate in left if _same(word, candidate)), None)
        if match is not None:
            left.remove(match)
    return len(other) - len(left)


@cache
def _same(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) >= 5 and _ratio(one, other, _ALIKE) > 0)


def _ratio(one: str, other: str, least: float) -> float:
    """The share of letters that two texts have in common, in their order; 0 where it is below `least`."""
    if 2 * min(len(one), len(other)) < least * (len(one) + len(other)):
        return 0.0
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    if matcher.quick_ratio() < least:
        return 0.0
    ratio = matcher.ratio()
    return ratio if ratio >= least else 0.0


def _opposed(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """True where a word of one is not in the other at all, so that the letters they share elsewhere say little (first and last date)."""
    return len(one) == len(other) and len(one) > 1 and _shared(one, other) < len(one)
