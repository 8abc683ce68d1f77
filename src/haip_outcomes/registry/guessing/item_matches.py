"""Which column of a file is which standard item: by the names, by what the cells read as, and by the range the numbers lie in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from haip_outcomes.registry.guessing.column_facts import ColumnFacts
from haip_outcomes.registry.guessing.names import likeness, named_unit, plain, words
from haip_outcomes.registry.guessing.vocabulary import FEMALE, MALE, NO, NONE, RECIST, YES
from haip_outcomes.registry.items import Item, items
from haip_outcomes.registry.planning.parts import is_number

LIKELY = 0.75  # names less alike than this are no match
# {item: {unit: factor to the item's unit}}: units in which centres keep it too
OTHER_UNITS = {
    "height_cm": {"m": 100.0, "inches": 2.54},
    "weight_kg": {"lb": 0.4536, "g": 0.001},
    "l3_muscle_area_cm2": {"mm²": 0.01},
    "largest_cm": {"mm": 0.1},
    "disease_free_interval_months": {"days": 12 / 365.25, "years": 12.0},
    "cea_ug_l": {},
    "cycle_dose_mg": {},
}
_SAME = {"ng/mL": "µg/L"}
_ZERO = re.compile(r"[A-Za-z]{1,4} ?(?:0|-|\(-\))")


@dataclass(frozen=True)
class Match:
    """A column that seems to be a standard item. `unit` is the one in which it is kept where that is not the item's own: then it is not
    that item until it is converted. `why` says what speaks for it."""

    item: Item
    likeness: float
    why: str
    unit: str = ""


def matches(facts: Iterable[ColumnFacts], titles: Mapping[str, str] | None = None, table: str = "patient") -> dict[str, Match]:
    """The likeliest item of each column: every item at most once, the most alike first. `titles` are other names of the columns."""
    known = [item for item in items().values() if item.table == table and item.kind not in ("checkbox", "setting")]
    found = []
    for column in facts:
        if column.identifying and not column.unique:
            continue
        for item in known:
            match = _match(column, item, (titles or {}).get(column.name, ""))
            if match:
                found.append((match.likeness, column.name, match))
    chosen: dict[str, Match] = {}
    for _, name, match in sorted(found, key=lambda one: (-one[0], one[1])):
        if name not in chosen and match.item not in [other.item for other in chosen.values()]:
            chosen[name] = match
    return chosen


def _match(column: ColumnFacts, item: Item, title: str) -> Match | None:
    if column.kind != "empty" and item.name != "sex" and not _can_be(column, item):
        return None
    named = max((likeness(name, known) for name in (column.name, title) if name for known in _names(item)), default=0.0)
    if column.kind == "empty":  # what a file without deaths, or without failures, has
        return Match(item, named, "its name only: no cell is filled") if named >= 0.97 and item.kind == "date" else None
    if item.name == "sex" and {_sex(label) for label in column.codes.values()} == {"Male", "Female"}:
        return Match(item, max(named, LIKELY), "its name" if named >= 0.97 else "what its codes mean")
    if named < LIKELY or not _can_be(column, item):
        return None
    spoken = "its name" if named >= 0.97 else "a name much like it"
    if item.kind != "number":
        return Match(item, named, spoken)
    unit, fits = _unit_of(column, item)
    if not fits:
        return None
    told = "" if column.numbers.empty else f", and numbers that fit{f' {unit or item.unit}' if unit or item.unit else ''}"
    return Match(item, named, spoken + told, unit)


def _names(item: Item) -> tuple[str, ...]:
    return (item.name, item.redcap_field, *item.synonyms)


def _can_be(column: ColumnFacts, item: Item) -> bool:
    """What the cells read as does not forbid it."""
    if item.kind == "key":
        return column.unique
    if item.kind == "number":
        return column.kind == "number" or (column.small and column.kind == "category" and not item.levels)
    if item.kind == "category":
        return (column.kind == "category" and len(column.codes) <= len(item.levels) + 1) or (
            column.small and set(column.codes) <= set(item.levels)
        )
    if item.kind == "text":
        return column.kind in ("category", "text")
    return column.kind == item.kind


def _unit_of(column: ColumnFacts, item: Item) -> tuple[str, bool]:
    """The unit in which the numbers seem to be ("" for the item's own), and whether they fit it at all."""
    units = OTHER_UNITS.get(item.name, {})
    said = next(filter(None, map(named_unit, column.names)), "")
    said = "" if _SAME.get(said, said) == item.unit else said
    if column.numbers.empty:  # a dictionary
        return (said if said in units else ""), True
    if said in units:
        return said, _share(column.numbers * units[said], item) >= 0.5
    own = _share(column.numbers, item)
    other = max(units, key=lambda unit: _share(column.numbers * units[unit], item), default="")
    if other and own < 0.5 and _share(column.numbers * units[other], item) > 0.8:
        return other, True
    if other == "mm" and not said and _looks_like_mm(column.numbers):
        return other, True
    return "", own >= 0.5


def _looks_like_mm(numbers: pd.Series) -> bool:
    """Diameters that are whole numbers, half of them above 10: few metastases are that large in cm."""
    return bool((numbers == numbers.round()).mean() > 0.95 and numbers.median() > 10)


def _share(numbers: pd.Series, item: Item) -> float:
    low, high = item.believable or item.possible or (float("-inf"), float("inf"))
    return float(numbers.between(low, high).mean())


def levels_of(column: ColumnFacts, item: Item | None) -> tuple[dict[str, str], str]:
    """{code: meaning} for a column with few codes, and what is guessed in it ("" when the file itself says so)."""
    codes = dict(column.codes)
    told = {code: label for code, label in codes.items() if label != code}
    by = "the file's own labels" if told else "the words of the cells"
    responses = {code: RECIST.get(plain(label), "") for code, label in codes.items()}
    if len(codes) > 1 and all(responses.values()):
        return {code: responses[code] for code in sorted(codes, key=lambda code: list(RECIST.values()).index(responses[code]))}, by
    if item and item.levels:
        named = {code: _named(label, item) for code, label in codes.items()}
        if all(named.values()):
            return _in_order(named, item), by
        if set(codes) <= set(item.levels) and not told and not _perhaps_yes_no(codes, item):
            return dict(item.levels), f"the codes of {item.name}: do yours mean the same?"
    answers = {code: _answer(label) for code, label in codes.items()}
    if codes and all(answers.values()):
        return dict(sorted(answers.items(), key=lambda pair: pair[1] != "No")), by
    if told:
        return _reference_first(codes), by
    if set(codes) <= {"0", "1"} and words(column.name) == ("status",):
        return codes, "write what each code means: which of them is dead, if this is who is alive?"
    if set(codes) <= {"0", "1"}:
        other = (
            f"; the standard item has {', '.join(f'{code} {meaning}' for code, meaning in item.levels.items())}"
            if item and _perhaps_yes_no(codes, item)
            else ""
        )
        return {"0": "No", "1": "Yes"}, f"1 is usually yes{other}"
    if not any(map(is_number, codes)):
        return _reference_first(codes), "the words of the cells; the first is the reference"
    return codes, "write what each code means; the first is the reference"


def _reference_first(codes: Mapping[str, str]) -> dict[str, str]:
    """The codes with what says no, none or negative first; the others stay in their order."""
    return dict(sorted(codes.items(), key=lambda pair: not _is_none(pair[1])))


def _is_none(label: str) -> bool:
    """True for no, none, absent, negative and wild type, and for N0, M0 and N-."""
    first = words(label)[:1]
    return plain(label) in NONE or bool(first and len(first[0]) > 1 and first[0] in NONE) or bool(_ZERO.fullmatch(label.strip()))


def agrees(levels: Mapping[str, str], item: Item) -> bool:
    """True where the levels written for a column are the item's own, so that it can be called that item."""
    return set(levels.values()) <= set(item.levels.values())


def _perhaps_yes_no(codes: Mapping[str, str], item: Item) -> bool:
    """True where a file has 0 and 1 only and the item has more: the column may ask a simpler question."""
    return set(codes) <= {"0", "1"} and len(item.levels) > 2


def _answer(code: str) -> str:
    return "No" if plain(code) in NO else "Yes" if plain(code) in YES else ""


def _sex(label: str) -> str:
    return "Male" if plain(label) in MALE else "Female" if plain(label) in FEMALE else ""


def _named(label: str, item: Item) -> str:
    """The item's own level that a label names; "" when it names none."""
    meanings = {plain(meaning): meaning for meaning in item.levels.values()}
    if plain(label) in meanings:
        return meanings[plain(label)]
    if set(item.levels.values()) == {"No", "Yes"}:
        return _answer(label)
    if item.name == "sex":
        return _sex(label)
    return next((meaning for bare, meaning in meanings.items() if words(label) == words(bare)), "")


def _in_order(named: dict[str, str], item: Item) -> dict[str, str]:
    """The levels in the item's order, so that its reference stands first."""
    order = list(item.levels.values())
    return dict(sorted(named.items(), key=lambda pair: order.index(pair[1])))
