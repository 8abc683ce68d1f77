"""Columns of codes: levels, settings, flags, keys and texts."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping

import numpy as np

from haip_outcomes.errors import did_you_mean
from haip_outcomes.formatting import listed
from haip_outcomes.registry.planning.parts import SETTINGS, Setting, is_number
from haip_outcomes.registry.values.distinct_cells import DistinctCells, Note, Reading, Wrong

_SPACED = Wrong("a key without spaces around it", "remove the spaces: the same patient could stand here twice")
_INVISIBLE = Wrong("a key without invisible characters", "type the key again: the same patient could stand here twice")
_IN_FRONT = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?![0-9.,])")
_EXPLAINED = re.compile(r"\s*[(\[:;=,/]|\s+[-–—]\s")  # "Dead (liver)", "Dead: liver", "Dead - liver"; not "Event-free"
_NEGATIONS = frozenset(["un", "in", "im", "no", "non", "not", "a", "dis", "niet", "kein", "nicht", "pas", "sans", "sin", "senza"])
_SHORTEST, _SLIP = 4, 0.72  # letters of a word that can be judged; how much of two words must be the same
_WHOLE, _LEADING = re.compile(r"[0-9]+\.0*"), re.compile(r"(?<![0-9.])0+(?=[0-9])")
_MOST_ADVISED = 20  # unknown codes that are compared with the known ones; a column of remarks has thousands


def read_levels(cells: DistinctCells, levels: Mapping[str, str], advice: str, labels: Mapping[str, str]) -> Reading:
    """The label of each code; a cell that holds a label in place of its code is wrong, with the advice to export codes.

    `labels` are the file's own: what it calls a code helps to recognise an export of labels.
    """
    reading = _empty(cells)
    printed = {folded(label) for label in (*levels.values(), *labels.values())} - {folded(code) for code in levels}
    expected = f"one of {', '.join(levels)}"
    for place, _, text in cells.known_cells():
        if text in levels:
            reading.values[place] = levels[text]
        elif folded(text) in printed:
            reading.wrong[place] = Wrong(expected, "this is a label, not its code: export the raw codes; or write the labels as the codes in levels")
        elif is_number(text.strip()) and (code := _same_number(text.strip(), levels)):
            reading.wrong[place] = Wrong(expected, f"write {code}, the same number as the plan writes it")
        else:
            near = did_you_mean(text, levels) if len(text) > 2 and len(reading.wrong) < _MOST_ADVISED else ""
            reading.wrong[place] = Wrong(expected, f"{advice}. {near}" if near.startswith("Did") else advice)
    return reading


def setting_levels(declared: Mapping[str, Setting], labels: Mapping[str, str]) -> dict[str, str]:
    """What the codes of the setting mean: as the plan says, else as the file does where its labels are settings, else they are the words."""
    in_file = {code: label.strip().casefold() for code, label in labels.items()}
    return {**declared} or (in_file if in_file and set(in_file.values()) <= set(SETTINGS) else {name: name for name in SETTINGS})


def read_flags(cells: DistinctCells) -> Reading:
    """0 or 1."""
    reading = Reading(np.full(len(cells.texts), np.nan))
    for place, _, text in cells.known_cells():
        if text in ("0", "1"):
            reading.values[place] = float(text)
        else:
            reading.wrong[place] = Wrong("0 (no) or 1 (yes)", "correct it, or declare the column's levels in the plan")
    return reading


def read_event_codes(cells: DistinctCells, codes: set[str]) -> Reading:
    """A flag that holds a code when the event happened: it did not where it holds the one other value of the column.

    What is a code written otherwise (2.0, "2 (liver)", dead for Dead), or nearly one (deda), is wrong: it could be either.
    """
    reading = _empty(cells)
    texts = {place: text for place, _, text in cells.known_cells()}
    meant = {text: code for text in dict.fromkeys(texts.values()) if text not in codes and (code := _meant(text, codes))}
    others = set(texts.values()) - codes - set(meant)
    expected = f"{listed(sorted(codes), 'or')} where it happened, one other value where not"
    wrong = Wrong(expected, "correct it, or say in the column's levels what each value means")
    typed = others and {text for text in others if any(_nearly(text, code) for code in codes)} if len(others) == 1 else set()
    for place, text in texts.items():
        if text in meant:
            reading.wrong[place] = Wrong(expected, f"if it means {meant[text]}, write it as the plan does; else say in the column's levels what each value means")
        elif text in typed:
            near = next(code for code in sorted(codes) if _nearly(text, code))
            reading.wrong[place] = Wrong(expected, f'did you mean "{near}"? Correct it, or say in the column\'s levels what each value means')
        elif text not in codes and len(others) > 1:
            reading.wrong[place] = wrong
        else:
            reading.values[place] = text
    if texts and not reading.wrong:
        for code in sorted(codes - set(texts.values())):
            advice = "nothing to do if this is right; else correct the code in the plan, or the column"
            reading.notes.append(Note(f"no cell holds the code {code}", f"{code} where it happened", f"nobody had the event: {advice}", "code not found"))
    return reading


def _meant(text: str, codes: set[str]) -> str | None:
    """The code that a text is, written otherwise: in other letters or signs, as another form of the number, or with words behind it."""
    plain = unicodedata.normalize("NFKC", text).strip()
    number = float(plain) if is_number(plain) else None
    for code in sorted(codes):
        own = unicodedata.normalize("NFKC", code).strip()
        if folded(plain) == folded(own) != "" or plain == own or (number is not None and is_number(own) and float(own) == number):
            return code
        first, behind = _IN_FRONT.match(plain), plain[len(own) :]
        if is_number(own) and first and float(first[0]) == float(own):
            return code
        if plain.casefold().startswith(own.casefold()) and _EXPLAINED.match(behind):
            return code
    return None


def _nearly(text: str, code: str) -> bool:
    """True for a word that is a code with a slip in it; "no event" and "uncensored" are not "event" and "censored", and stage 0 is not stage 1."""
    words, own = (re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", one).casefold()) for one in (text, code))
    left, right = "".join(word for word in words if word not in own), "".join(word for word in own if word not in words)
    if min(len(left), len(right)) < _SHORTEST or [c for c in left if c.isdigit()] != [c for c in right if c.isdigit()]:
        return False
    longer, shorter = sorted((left, right), key=len, reverse=True)
    negated = longer.endswith(shorter) and longer.removesuffix(shorter) in _NEGATIONS
    return not negated and difflib.SequenceMatcher(None, left, right).ratio() > _SLIP


def read_keys(cells: DistinctCells) -> Reading:
    """Keys, as they stand; a warning names those that may be the same patient's, written in two ways (a1 and A1, 7 and 007)."""
    reading = read_texts(cells, {})
    alike: dict[str, list[int]] = {}
    for place, _, text in cells.known_cells():
        if text != text.strip() or not text.isprintable():
            reading.values[place] = None
            reading.wrong[place] = _SPACED if text != text.strip() else _INVISIBLE
    texts = cells.known_texts()
    together = "\n".join(texts)
    if len(set(together.lower().split("\n"))) < len(texts) or not together.isascii() or "." in together or " " in together or _LEADING.search(together):
        for place, _, text in cells.known_cells():
            alike.setdefault(_same_key(text), []).append(place)
    doubles = [place for places in alike.values() if len({cells.texts[place] for place in places}) > 1 for place in places]
    if doubles:
        reading.notes.append(Note("", "each patient's key written in one way",
                                  "some of these differ only in capitals, accents, width or leading zeros: they could be the same patient. "
                                  "Nothing to do if they are not", "keys that look alike", tuple(doubles)))  # fmt: skip
    return reading


def _same_key(text: str) -> str:
    """A key without what two people write differently: width, accents of two parts, capitals, leading zeros, ".0"."""
    plain = in_one_form(text.strip())
    return _LEADING.sub("", plain.rstrip("0").rstrip(".") if _WHOLE.fullmatch(plain) else plain)


def in_one_form(text: str) -> str:
    """A text in one width, one way of writing accents, and small letters."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def read_texts(cells: DistinctCells, labels: Mapping[str, str]) -> Reading:
    """Texts as they stand; where the file has a label for a code, its label."""
    reading = _empty(cells)
    reading.values[cells.known] = [labels.get(text, text) for text in cells.known_texts()] if labels else cells.known_texts()
    return reading


def _empty(cells: DistinctCells) -> Reading:
    return Reading(np.full(len(cells.texts), None, dtype=object))


def folded(text: str) -> str:
    """A label without what two programs write differently: case, spaces and signs."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _same_number(text: str, levels: Mapping[str, str]) -> str | None:
    return next((code for code in levels if is_number(code) and float(code) == float(text)), None)
