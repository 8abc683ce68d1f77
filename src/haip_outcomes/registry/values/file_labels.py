"""What a file calls its own codes (value labels of SPSS and Stata, choices of REDCap), beside what the plan calls them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pandas as pd

from haip_outcomes.errors import Problem
from haip_outcomes.formatting import listed
from haip_outcomes.registry.guessing.names import plain
from haip_outcomes.registry.guessing.vocabulary import SETTING
from haip_outcomes.registry.planning.parts import is_number
from haip_outcomes.registry.values.code_cells import folded
from haip_outcomes.registry.values.distinct_cells import CODING, DistinctCells

_MEANINGS = {
    "male": "male man men m mann männlich homme masculin hombre masculino varón uomo maschio homem mand",
    "female": "female woman women f w v vrouw frau weiblich femme féminin mujer femenino donna femmina mulher kvinne kvinna kvinde",
    "yes": "yes y ja j oui o sí si s sim true",
    "no": "no n nee nein non não nej nei false none",
}
_MEANING = {word: meaning for meaning, words in _MEANINGS.items() for word in words.split()}


def coding(levels: Mapping[str, str], labels: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Codes that the plan and the file call differently: those that can't mean the same, and those in other words, which may.

    They can't mean the same where the file's label is that of another code of the plan (or the other way round), or where both
    are known words for different things (Male and vrouw).

    >>> coding({"1": "Male", "2": "Female"}, {"1": "Vrouw", "2": "Man"}), coding({"0": "Wild type"}, {"0": "Not mutated"})
    ((['1', '2'], []), ([], ['0']))
    """
    ours = {code: _meaning(label) for code, label in levels.items()}
    theirs = {code: _meaning(label) for code, label in labels.items() if _meaning(label)}
    contradicted: list[str] = []
    in_other_words: list[str] = []
    for code in ours:
        if code not in theirs or ours[code] == theirs[code]:
            continue
        swapped = theirs[code] in ours.values() or ours[code] in theirs.values()
        known = {ours[code], theirs[code]} <= set(_MEANINGS)
        (contradicted if swapped or known else in_other_words).append(code)
    return contradicted, in_other_words


def word_for_yes(labels: Collection[str]) -> str | None:
    """Of two labels that mean no and yes, in any of the languages known here, the one that means yes; None where they are others, or more.

    >>> word_for_yes(["Nee", "Ja"]), word_for_yes(["No", "Yes", "Unknown"])
    ('Ja', None)
    """
    meanings = {_meaning(label): label for label in dict.fromkeys(labels)}
    return meanings["yes"] if set(meanings) == {"no", "yes"} and len(set(labels)) == 2 else None


def _meaning(label: str) -> str:
    bare = plain(label).replace("-", " ").strip()
    setting = next((setting for setting, known in SETTING.items() if bare in known), "")
    return setting or _MEANING.get(label.strip().casefold(), folded(label))


def recoded(cells: DistinctCells, kind: str, levels: Mapping[str, str], labels: Mapping[str, str], table: str, column: str) -> Iterator[Problem]:
    """Codes of a column that the plan and the file call differently: an error where they contradict, else a warning."""
    contradicted, in_other_words = coding(levels, labels)
    places = {text: place for place, _, text in cells.known_cells()} if contradicted or in_other_words else {}
    for codes, severity, advice in (
        (contradicted, "error", "conflict of coding: correct the levels in the plan, or the labels in the file"),
        ([] if kind == "flag" else in_other_words, "warning", "the plan's words are used: check that both mean the same"),
    ):
        used = [code for code in codes if code in places]
        if used:
            rows = cells.rows[np.isin(cells.place_of_row, [places[code] for code in used])].tolist()
            file, plan = (listed([f"{code} = {meaning[code]}" for code in used]) for meaning in (labels, levels))
            yield Problem(table, column, tuple(rows), f"{file} in the file", f"{plan}, as in the plan", advice, severity, CODING)  # type: ignore[arg-type]


def labelled_numbers(values: pd.Series, labels: Mapping[str, str], table: str) -> Iterator[Problem]:
    """Numbers for which the file has a label, among numbers without one: often "unknown". Where all have one, it is a scale."""
    meanings = {float(code): label for code, label in labels.items() if is_number(code)}
    rows = values.index[values.isin(list(meanings))] if meanings else values.index[:0]
    if len(rows) and len(rows) < values.notna().sum():
        found = listed([f"{value:g} = {meanings[value]}" for value in dict.fromkeys(values[rows].tolist())])
        yield Problem(table, str(values.name), tuple(rows.tolist()), f"{found} in the file", "numbers that are measured",
                      "where a label means not known, add its code to [missing] codes", "warning", CODING)  # fmt: skip
