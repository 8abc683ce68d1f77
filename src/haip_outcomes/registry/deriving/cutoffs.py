"""Cut-offs of sarcopenia as data: the published ones by name, and a centre's own as its plan writes them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from haip_outcomes.errors import PlanError, did_you_mean
from haip_outcomes.formatting import listed
from haip_outcomes.registry.deriving.derivation import TOLERANCE

NAMED = Path(__file__).with_name("cutoffs.toml")
UNIT = "cm2/m2"
_PRINTED = "cm²/m²"
_OWN = ("male", "female", "unit", "source")
_READINGS = {
    "primary": "",
    "second-hand": "; the numbers are second-hand, not read in the article itself",
    "unverified": "; the numbers are UNVERIFIED, from memory: check them in the article",
}


@dataclass(frozen=True)
class Band:
    """An index below `below` is sarcopenia, for a body mass index below `bmi_below` (None: for all that are left)."""

    below: float
    bmi_below: float | None = None


@dataclass(frozen=True)
class Cutoffs:
    """Cut-offs by sex, where they come from, and how far their numbers were read in the source itself."""

    short: str
    male: tuple[Band, ...]
    female: tuple[Band, ...]
    citation: str
    doi: str = ""
    reading: str = "primary"
    read: str = ""

    def needs_bmi(self, male: bool) -> bool:
        """True when the cut-offs of this sex depend on the body mass index."""
        return len(self.male if male else self.female) > 1

    def below(self, male: np.ndarray, bmi: np.ndarray) -> np.ndarray:
        """The cut-off of each patient (male 1, female 0); NaN where the sex, or a body mass index that counts, is not known."""
        found = np.full(len(male), np.nan)
        for bands, these in ((self.male, male == 1), (self.female, male == 0)):
            left = these & ~np.isnan(bmi) if len(bands) > 1 else these
            for band in bands:
                here = left if band.bmi_below is None else left & (bmi < band.bmi_below - TOLERANCE)
                found[here] = band.below
                left = left & ~here
        return found

    @property
    def method(self) -> str:
        """The cut-offs in a sentence, always printed with what they were used for."""
        named = f"{self.short} (doi:{self.doi})" if self.doi else f"the centre's own cut-offs ({self.citation})"
        words = [*_in_words("men", self.male), *_in_words("women", self.female)]
        return f"L3 skeletal muscle index below {listed(words, 'or')}, in {_PRINTED}: {named}{_READINGS[self.reading]}"


def _in_words(who: str, bands: tuple[Band, ...]) -> list[str]:
    words, low = [], None
    for band in bands:
        limits = ([] if low is None else [f"from {low:g}"]) + ([] if band.bmi_below is None else [f"below {band.bmi_below:g}"])
        words.append(f"{band.below:g} ({who}{', body mass index ' + ' and '.join(limits) if limits else ''})")
        low = band.bmi_below
    return words


@lru_cache(maxsize=1)
def named_cutoffs() -> dict[str, Cutoffs]:
    """The published cut-offs by name: prado2008, martin2013, vanvledder2012.

    >>> {name: cutoffs.reading for name, cutoffs in named_cutoffs().items()}
    {'prado2008': 'second-hand', 'martin2013': 'second-hand', 'vanvledder2012': 'unverified'}
    """
    content = tomllib.loads(NAMED.read_text(encoding="utf-8"))
    return {
        name: Cutoffs(held["short"], _bands(held["male"]), _bands(held["female"]), held["citation"], held["doi"], held["reading"], held["read"])
        for name, held in content.items()
    }


def cutoffs_of(given: str | Mapping[str, Any] | Cutoffs) -> Cutoffs:
    """Cut-offs by name, or a centre's own as they stand in a plan.

    Raises
    ------
    PlanError : no such name, or the centre's own are incomplete; with everything that is wrong.

    >>> cutoffs_of({"male": 50, "female": 39, "unit": "cm2/m2", "source": "200 local kidney donors"}).method
    "L3 skeletal muscle index below 50 (men) or 39 (women), in cm²/m²: the centre's own cut-offs (200 local kidney donors)"
    """
    if isinstance(given, Cutoffs):
        return given
    wrong = wrong_cutoffs(given)
    if wrong:
        raise PlanError("\n".join(f"cutoffs: {line}" for line in wrong))
    if isinstance(given, str):
        return named_cutoffs()[given]
    return Cutoffs("own", _bands(given["male"]), _bands(given["female"]), given["source"].strip())


def wrong_cutoffs(given: str | Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with the cut-offs of a plan, in words; empty when nothing is."""
    if isinstance(given, str):
        known = named_cutoffs()
        return [] if given in known else [f'there are no cut-offs named "{given}". {did_you_mean(given, known)}']
    wrong = [f'"{key}" is no part of cut-offs. {did_you_mean(key, _OWN)}' for key in given if key not in _OWN]
    wrong += [f"{key} is needed: {what}" for key, what in (
        ("male", "the index below which a man is sarcopenic"), ("female", "the index below which a woman is"),
        ("unit", f'write unit = "{UNIT}"'), ("source", "where the numbers come from; it is printed with every result"),
    ) if key not in given]  # fmt: skip
    if "unit" in given and str(given["unit"]).replace("²", "2").replace(" ", "") != UNIT:
        wrong.append(f'unit is "{given["unit"]}", and the index is in {UNIT}')
    if "source" in given and not (isinstance(given["source"], str) and given["source"].strip()):
        wrong.append("source must say in words where the numbers come from")
    for sex in ("male", "female"):
        wrong += [f"{sex}: {line}" for line in _wrong_bands(given[sex])] if sex in given else []
    return wrong


def _wrong_bands(held: Any) -> list[str]:
    if _is_index(held):
        return []
    if not isinstance(held, (list, tuple)) or not held or not all(isinstance(band, Mapping) for band in held):
        return ["write a number of cm2/m2 above 0 and at most 200, or a list such as [{ below = 43, bmi_below = 25 }, { below = 53 }]"]
    wrong = [f'"{key}" is no part of a band: write below and bmi_below' for band in held for key in band if key not in ("below", "bmi_below")]
    wrong += ["below must be a number of cm2/m2 above 0 and at most 200" for band in held if not _is_index(band.get("below"))]
    limits = [band.get("bmi_below") for band in held]
    if limits[-1] is not None:
        wrong.append("the last one must be for everybody who is left: without bmi_below")
    numbers = limits[:-1]
    if not all(_is_index(limit) for limit in numbers) or numbers != sorted(set(numbers)):
        wrong.append("bmi_below must be ascending numbers, in all but the last")
    return wrong


def _is_index(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 200


def _bands(held: Any) -> tuple[Band, ...]:
    if _is_index(held):
        return (Band(float(held)),)
    return tuple(Band(float(band["below"]), None if band.get("bmi_below") is None else float(band["bmi_below"])) for band in held)
