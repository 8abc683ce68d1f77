"""Cells that are somebody's own words, or that could name a person: nothing of them may be written into a plan."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import pairwise

from haip_outcomes.registry.guessing.names import plain, words
from haip_outcomes.registry.guessing.vocabulary import FEMALE, MALE, MISSING_WORDS, NO, YES
from haip_outcomes.registry.items import items
from haip_outcomes.registry.privacy.identifying_names import NO_PERSON

LONG = 30  # letters: a text of several words that is longer is a sentence
DIGITS = 6  # a text of so many may hold somebody's number
# names of columns of remarks, as `plain` writes them; long stems also inside a word ("verloopopmerkingen")
_REMARKS = frozenset({"note", "notes", "memo", "nota", "notas", "notiz", "notizen", "notitie", "notities", "merknad", "merknader", "commenti", "commento", "freetext"})
_STEMS = ("opmerking", "remark", "comment", "bemerkung", "anmerkung", "kommentar", "remarque", "observacion", "observacoes", "osservazion", "comentario", "commentaar",
          "toelichting", "bijzonderheden", "vrijetekst", "freitext", "freetext", "anteckning", "bemarkning")  # fmt: skip
_TWO = {("free", "text"), ("vrije", "tekst"), ("freier", "text"), ("texte", "libre"), ("texto", "libre"), ("testo", "libero"), ("texto", "livre")}
# columns of persons: a surname in five rows looks like a level
_PERSONS = frozenset({"surgeon", "surgeons", "chirurg", "chirurgien", "cirujano", "chirurgo", "cirurgiao", "operateur", "operator", "operatore", "physician", "doctor", "arts",
                      "behandelaar", "arzt", "operateure", "medecin", "medico", "oncologist", "oncoloog", "onkologe", "oncologue", "radiologist", "radioloog", "radiologe",
                      "specialist", "huisarts", "hausarzt", "lakare", "lege", "interviewer", "investigator"})  # fmt: skip
_TITLE = re.compile(r"(?:^|\W)(?:(?i:mw|mevr|mevrouw|dhr|meneer|mrs|frau|herrn?|mme|mlle|madame|monsieur|sra|señora?|signora?|sig|dott|drs|prof)\b\.?|(?:Mr|Ms|Miss|Dr|dr|Sr|Fr|Hr|mr|hr|fr)\b\.?)"
                    r"\s*[^\W\d_]{2,}")  # fmt: skip
_INITIALS = re.compile(r"(?:^|\s)(?:[A-Z]\.[ -]?){1,4}(?:(?:van|von|de|der|den|ten|ter|te|la|le|di|da)\s+){0,3}[A-Z][^\W\d_]+|[A-Z][^\W\d_]{2,},? (?:[A-Z]\.){1,4}")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_SMALL = frozenset({"of", "the", "in", "on", "at", "to", "a", "an", "and", "or", "not", "with", "without", "for", "by", "from", "van", "der", "de", "het", "een", "en",
                    "met", "zonder", "geen", "niet", "und", "oder", "mit", "ohne", "nicht", "kein", "keine", "des", "du", "la", "le", "les", "et", "ou", "avec", "sans",
                    "pas", "y", "o", "con", "sin", "del", "di", "e", "senza", "none", "only", "both", "all", "first", "second", "other", "unknown"})  # fmt: skip


def is_remarks(*names: str) -> bool:
    """True for a column that is called remarks, in any of its names.

    >>> is_remarks("Opmerkingen"), is_remarks("V12", "Bemerkungen zum Verlauf"), is_remarks("n_metastases")
    (True, True, False)
    """
    return any(_remarks(words(name)) for name in names if name)


def _remarks(found: tuple[str, ...]) -> bool:
    beside = set(pairwise(found))
    return bool(_REMARKS & set(found)) or bool(beside & _TWO) or any(plain(stem) in word for word in found for stem in _STEMS)


def of_persons(*names: str) -> bool:
    """True for a column that is named after who treated the patient: its cells are surnames, unless they are answers."""
    return any(_PERSONS & set(words(name)) for name in names if name)


def is_free_text(texts: Iterable[str]) -> bool:
    """True when one of the texts is a sentence or could name a person: then none of the column is written.

    >>> is_free_text(["mw. Jansen belt elke week"]), is_free_text(["Jan Bakker"]), is_free_text(["Left colon", "Right colon"])
    (True, True, False)
    """
    return any(_own_words(text) or _person(text) or _reachable(text) for text in texts if plain(text) not in _known_texts())


def are_own_answers(texts: Iterable[str]) -> bool:
    """True for texts that say yes or no and nothing else."""
    return all(plain(text) in NO | YES | MISSING_WORDS | {"0", "1"} for text in texts)


def _own_words(text: str) -> bool:
    found = [plain(word) for word in _WORD.findall(text)]
    strange = sum(word not in _known_words() for word in found)
    return (len(found) >= 3 and len(text) > LONG) or (len(found) >= 4 and 2 * strange > len(found))


def _reachable(text: str) -> bool:
    """A telephone number, a patient's number or an address among the words."""
    return "@" in text or sum(map(str.isdigit, text)) >= DIGITS


def is_titled(text: str) -> bool:
    """True for a text with the title or the initials of a person before or behind a name: also a file's own labels must not have them."""
    return bool(_TITLE.search(text) or _INITIALS.search(text))


def _person(text: str) -> bool:
    """A title before a word, initials with a surname, or capitals in several words of which medicine and maps know none."""
    if is_titled(text):
        return True
    found = _WORD.findall(text)
    capital = [word for word in found if word[0].isupper() and word[1:].islower() and plain(word) not in _known_words()]
    if any(plain(word) in _known_words() for word in found):
        return any(word in capital for word in found[1:]) and len(found) >= 3
    return len(found) >= 2 and found[-1] in capital and found[-1] is not found[0]


@cache
def _known_texts() -> frozenset[str]:
    """The meanings of the standard items, whatever their length."""
    return frozenset(plain(label) for item in items().values() for label in item.levels.values())


@cache
def _known_words() -> frozenset[str]:
    """Words of medicine, places and answers, which name nobody."""
    texts = (text for item in items().values() for text in (item.label, *item.levels.values(), *item.synonyms))
    clinical = {plain(word) for text in texts for word in _WORD.findall(text)}
    return frozenset(clinical | {plain(word) for word in NO_PERSON} | NO | YES | MALE | FEMALE | _SMALL)
