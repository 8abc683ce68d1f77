"""What may be shown of what stands in cells: cut to a readable length, and nothing that is a patient's key, a contact or a name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from haip_outcomes.formatting import listed
from haip_outcomes.registry.planning.parts import is_number
from haip_outcomes.registry.privacy.identifying_contents import emails, is_telephone, looks_like_person
from haip_outcomes.registry.values.code_cells import in_one_form
from haip_outcomes.registry.values.date_forms import NoDate, date_form

_KEY = "(a patient's key)"
_EMAIL, _PHONE, _NAME = (f"(hidden: looks like {what})" for what in ("an e-mail address", "a telephone number", "a name"))
_SECRET = 4  # digits from which a number is a key: counts under 1000 are no secret
_WORD, _DIGITS, _YEAR = re.compile(r"[^\W_]+"), re.compile(r"[0-9]+"), re.compile(r"(?:19|20)[0-9]{2}")
_SPACED_NUMBER = re.compile(r"[0-9](?:[0-9\W_]*[0-9])?")


def shown(texts: Iterable[str], keys: frozenset[str] = frozenset(), most: int = 3, known: frozenset[str] | None = None) -> str:
    """The different things found, cut to a readable length, without what identifies a patient.

    Parameters
    ----------
    keys : the patients' keys: a text that holds one is not shown, however it writes the key (`holds_key`).
    most : so many are shown.
    known : for cells as somebody typed them: texts that look like a person's name are not shown either, unless they are among these.

    >>> shown(["see zqx 0001", "4 cm"], frozenset({"ZQX-0001"}))
    "(a patient's key) and 4 cm"
    """
    seen = list(dict.fromkeys(texts))
    first = list(dict.fromkeys(_shortened(text, keys, known) for text in seen[:most]))
    return ", ".join(first) + (", ..." if len(seen) > most else "") if len(seen) != 2 else listed(first)


def _shortened(text: str, keys: frozenset[str], known: frozenset[str] | None) -> str:
    bare = text.strip()
    if keys and holds_key(bare, keys):
        return _KEY
    if emails([bare]):
        return _EMAIL
    if is_telephone(bare):
        return _PHONE
    if known is not None and bare not in known and looks_like_person(bare):
        return _NAME
    if text != bare or not text.isprintable():  # so that spaces are seen, and what has no picture
        text = '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text) + '"'
    return text if len(text) <= 24 else f"{text[:23]}…"


@dataclass(frozen=True, eq=False)
class _Keys:
    """Keys as letters and digits only, ready to be looked up: how many there are makes no difference."""

    numbers: frozenset[str]  # of four digits and more, without leading zeros
    words: frozenset[str]  # with a letter in them
    lengths: tuple[int, ...]  # of the words that are long enough to be found inside other words
    longest: int  # of the numbers


def holds_key(text: str, keys: frozenset[str]) -> bool:
    """True when a text is a key or holds one: in capitals or not, with other signs between its letters and digits, inside a longer word.

    A number of four digits or more is a key where it stands between anything but digits; shorter ones are no secret. The year of a
    date is no key.
    """
    ready = _ready(keys)
    plain = in_one_form(text)
    if (text in keys and (len(text) >= _SECRET or not text.isdigit())) or _bare(plain) in ready.words:
        return True
    return _holds_number(plain, ready) or (bool(ready.words) and _holds_word(plain, ready))


def _holds_number(text: str, ready: _Keys) -> bool:
    if not ready.numbers or not any(map(str.isdigit, text)):
        return False
    runs = _DIGITS.findall(text)
    dated = len(runs) > 1 and _is_dated(text)
    if any(len(run) >= _SECRET and run.lstrip("0") in ready.numbers and not (dated and _YEAR.fullmatch(run)) for run in runs):
        return True
    if dated or is_number(text):  # what stands between their digits has a meaning of its own
        return False
    return any(_joined_number(match[0], ready) for match in _SPACED_NUMBER.finditer(text))


def _joined_number(text: str, ready: _Keys) -> bool:
    """True for digits that are a key when the signs between them are left out: 91 820 004."""
    runs = _DIGITS.findall(text)
    for i in range(len(runs)):
        joined = ""
        for run in runs[i:]:
            joined += run
            if len(joined.lstrip("0")) > ready.longest:
                break
            if len(joined) >= _SECRET and joined.lstrip("0") in ready.numbers:
                return True
    return False


def _is_dated(text: str) -> bool:
    return date_form(text) not in (NoDate("other"), NoDate("year"), NoDate("eight digits"), NoDate("day number"))


def _holds_word(text: str, ready: _Keys) -> bool:
    bare = _bare(text)
    if any(bare[i : i + n] in ready.words for n in ready.lengths for i in range(len(bare) - n + 1)):
        return True
    words = _WORD.findall(text)
    pairs = (first + second for first, second in pairwise(words))
    return any(word in ready.words and (len(word) == 3 or (len(word) == 2 and not word.isalpha())) for word in (*words, *pairs))


@lru_cache(maxsize=8)
def _ready(keys: frozenset[str]) -> _Keys:
    bare = {_bare(in_one_form(key)) for key in keys}
    numbers = frozenset(key.lstrip("0") for key in bare if key.isdigit() and len(key) >= _SECRET)
    words = frozenset(key for key in bare if key and not key.isdigit())
    return _Keys(numbers, words, tuple({len(word) for word in words if len(word) > 3}), max(map(len, numbers), default=0))


def _bare(plain: str) -> str:
    return plain if plain.isalnum() else "".join(filter(str.isalnum, plain))
