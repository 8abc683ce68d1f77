"""Cells that identify a patient whatever their column is called: e-mail addresses, telephone numbers, names of persons, days of birth."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from functools import cache

import numpy as np

from haip_outcomes.registry.items import items
from haip_outcomes.registry.planning.parts import is_number
from haip_outcomes.registry.privacy.identifying_names import NO_PERSON
from haip_outcomes.registry.values.date_forms import EitherDate, WholeDate, date_form

_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
_PHONE = re.compile(r"(?:\+|00)[1-9][0-9 ().\-/]{7,18}[0-9]|\(?0[1-9][0-9 ().\-/]{6,16}[0-9]|\(?[2-9][0-9]{2}\)?[ .-][2-9][0-9]{2}[ .-][0-9]{4}")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}(?:\.0)?")
_WORD = r"[^\W\d_][^\W\d_'’.-]*(?:['’.-]+[^\W\d_]+)*\.?"
_PERSON = re.compile(rf"({_WORD}(?: {_WORD}){{0,3}}), ?({_WORD}(?: {_WORD}){{0,2}})")
_FULL_NAME = re.compile(rf"{_WORD}(?:(?:, ?| ){_WORD}){{1,5}}")
_NUMBERS = re.compile(r"[ ,;(]*[0-9][0-9./-]*\)?$")
_TITLED = re.compile(r"\b(?i:mr|mrs|ms|miss|mw|dr|prof|dhr|mevr|mevrouw|meneer|herr|frau|mme|mlle|madame|monsieur|señora?|signora?)\.? (?:\w{1,4} ){0,2}[A-ZÀ-Þ][^\W\d_]")
_ANSWERS = frozenset(["", "0", "1", "yes", "no", "y", "n", "ja", "nee", "nein", "j", "oui", "non", "o", "si", "sí", "s", "true", "false",
                      "checked", "unchecked"])  # fmt: skip
_SAMPLE = 400  # cells of a column that are looked at for telephone numbers and names
_DRUG = re.compile(r"\w*(?:mab|platin|tinib|rubicin|tecan|citabine|uridine|taxel|afenib|statin|sartan|azole|cillin|cept|parin|feron|mycin|"
                   r"folfox\w*|folfiri\w*|c?apox|xelox)")  # fmt: skip


def emails(texts: list[str]) -> set[str]:
    """Those of the texts that hold an e-mail address."""
    return {text for text in texts if "@" in text and _EMAIL.search(text)} if "@" in "\n".join(texts) else set()


def are_telephones(cells: list[str]) -> bool:
    """True when most of the cells are telephone numbers and nothing else."""
    return _most(cells, is_telephone)


def is_telephone(text: str) -> bool:
    """True for a text that is a telephone number and nothing else."""
    decimal = "." in text and is_number(text)
    return bool(_PHONE.fullmatch(text)) and not decimal and 9 <= sum(map(str.isdigit, text)) <= 15


def are_persons(cells: list[str]) -> bool:
    """True when most of the cells are like "Jansen, Jan", for at least three persons: different, and of no words that medicine and maps use."""
    if not _most(cells, lambda text: _named(text) is not None):
        return False
    found = list(dict.fromkeys(filter(None, map(_named, cells))))
    surnames, given = {first for first, _ in found}, {second for _, second in found}
    varied = len(found) >= max(3, 0.3 * len(cells)) and min(len(surnames), len(given)) >= 0.25 * len(found)
    other = sum(any(map(_is_no_person, re.findall(r"\w+", f"{first} {second}"))) for first, second in found)
    return varied and len(surnames & given) <= 0.1 * len(found) and other <= 0.2 * len(found)


def looks_like_person(text: str) -> bool:
    """True for a text that may be somebody's name: "Jansen, Jan", "Jan Jansen", "J.P. de Vries", or one with a title in it ("seen by Mrs Jansen").

    Of two words and more, the first and the last with a capital, and none of them a word of medicine or of maps. One word alone is not judged.

    >>> [looks_like_person(text) for text in ("Jansen, Jan", "Jan Jansen", "Stable Disease", "Jansen", "not known")]
    [True, True, False, False, False]
    """
    text = " ".join(text.split())
    if _TITLED.search(text):
        return True
    if "," in text:
        text = _NUMBERS.sub("", text)  # "Jansen, Jan 02-03-1950"
    if not _FULL_NAME.fullmatch(text) or not 1 < len(words := re.findall(r"[^\W\d_]+", text)) <= 6:
        return False
    return words[0][0].isupper() + words[-1][0].isupper() + (_named(text) is not None) >= 2 and not any(_is_no_person(word) for word in words if word[0].isupper())


def _named(text: str) -> tuple[str, str] | None:
    """Surname and given name, as a text may write them: both with a capital ("van den Berg, J.P.")."""
    match = _PERSON.fullmatch(text)
    return (match[1], match[2]) if match and match[2][0].isupper() and any(word[0].isupper() for word in match[1].split()) else None


def _most(cells: list[str], holds: Callable[[str], bool]) -> bool:
    return bool(cells) and sum(map(holds, cells)) > 0.5 * len(cells)


def _is_no_person(word: str) -> bool:
    word = word.casefold()
    return word in NO_PERSON or word in _clinical_words() or bool(_DRUG.fullmatch(word))


@cache
def _clinical_words() -> frozenset[str]:
    """Every word of the standard items, in all their languages."""
    texts = (text for item in items().values() for text in (item.label, *item.levels.values(), *item.synonyms))
    return frozenset(word.casefold() for text in texts for word in re.findall(r"\w{3,}", text))


def are_answers(texts: Iterable[str]) -> bool:
    """True for texts that only answer yes or no: whether there is a telephone, not its number."""
    return all(text.strip().casefold() in _ANSWERS for text in texts)


def are_years(texts: Iterable[str]) -> bool:
    """True for texts that are nothing but years."""
    return all(map(_YEAR.fullmatch, texts))


def is_day(value: object) -> bool:
    """True for a cell that holds a whole date."""
    return isinstance(value, (date, np.datetime64)) or (isinstance(value, str) and isinstance(date_form(value), (WholeDate, EitherDate)))


def sample(texts: list[str], leave_out: Iterable[str] = ()) -> list[str]:
    """Some hundreds of the texts at equal distances, without empty ones and those to be left out; all, where there are few."""
    empty = {"", *leave_out}
    for step in (max(1, len(texts) // _SAMPLE), 1):
        some = [text.strip() for text in texts[::step] if text not in empty]
        if len(some) >= _SAMPLE / 4:
            break
    return some[:: max(1, len(some) // _SAMPLE)]
