"""Small numbers: the one place that decides which counts a report for outside may show.

A count is a set of patients. It may be shown when it is 0 or at least 5, and when no count of 1 to 4 follows from it together with
everything else that is shown: as a difference of two shown numbers, or by solving all shown sums at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from haip_outcomes.errors import HaipError
from haip_outcomes.tables.pinning import Family, member_bits, unpinned

HIDDEN = "[c]"  # confidential: the mark of official statistics, the same for a small number and for one that would reveal it
FEW = 5  # the smallest count of patients or events that is shown, besides 0
MANY = 30  # of more small parts only each and each two together are looked at, and all that are 1
GROUP = 10  # the smallest group that is analysed on its own
_PRIME = 2**31 - 1
SIZES, OUTCOMES, CHARACTERISTICS, AT_RISK, CURVE = range(5)


def is_small(count: int) -> bool:
    """Whether a count of patients or events is hidden: 1 to 4."""
    return 0 < count < FEW


class Ledger:
    """Which sets of patients are shown, and which must not follow from them. Sets are whole numbers, a bit a patient.

    `want` and `keep` are told everything first; `decide` then chooses, by rank and in the order of asking, as many of the wanted
    counts as can be shown. What was not asked for before is not shown after.
    """

    def __init__(self) -> None:
        self.wanted: dict[int, int] = {}
        self.kept: dict[int, None] = {}
        self.families: dict[Family, None] = {}
        self.shown: frozenset[int] | None = None

    def want(self, members: int, rank: int) -> None:
        """Ask to show how many these are."""
        self.wanted[members] = min(rank, self.wanted.get(members, rank))

    def keep(self, members: int) -> None:
        """Patients whose number must not be found out."""
        if members:
            self.kept[members] = None

    def family(self, whole: int, parts: Sequence[int], rank: int) -> None:
        """Ask to show disjoint parts of a whole; no part of 1 to 4, no rest of 1 to 4 and no few parts together may be found out."""
        rest = whole
        for part in parts:
            rest &= ~part
            self.want(part, rank)
        self.families[whole, tuple(sorted(part for part in (*parts, rest) if part))] = None
        small = [part for part in (*parts, rest) if is_small(part.bit_count())]
        for some in range(1, FEW if len(small) <= MANY else 3):
            for chosen in combinations(small, some):
                together = 0
                for part in chosen:
                    together |= part
                if together.bit_count() < FEW:
                    self.keep(together)
        ones = 0
        for part in small:
            ones |= part if part.bit_count() == 1 else 0
        self.keep(ones)  # five hidden cells that sum to five are five times one, as no hidden cell is 0
        for part in parts:
            if is_small((whole & ~part).bit_count()):
                self.keep(whole & ~part)

    def decide(self) -> frozenset[int]:
        """The sets whose number is shown."""
        asked = sorted(self.wanted, key=lambda members: self.wanted[members])  # stable: within a rank, first come, first shown
        asked = [members for members in asked if members.bit_count() >= FEW]
        solver = _Solver(list(self.kept), asked)
        shown: list[int] = []
        for members in asked:
            if not any(_near(members, other) for other in shown) and solver.add(members):
                shown.append(members)
        wanted = [members for members in self.wanted if members]
        small = [members for members in self.kept if is_small(members.bit_count())]
        self.shown = frozenset(unpinned([one for one in self.families if one[1] != (one[0],)], shown, wanted, small))
        return self.shown

    def allows(self, members: int) -> bool:
        """Whether the number of these patients is shown. Before `decide`: whether it is not small in itself."""
        if self.shown is None:
            return not is_small(members.bit_count())
        return not members or members in self.shown

    def follows(self) -> list[int]:
        """What must not be found out and yet follows from what is shown; solved again, in fractions, as a last look."""
        shown = list(self.shown or ())
        solver = _Solver([], [*shown, *self.kept])
        for members in shown:
            solver.add(members)
        return [members for members in self.kept if solver.spans(members)]


def _near(one: int, other: int) -> bool:
    """Whether one lies in the other and the rest is 1 to 4 patients."""
    both = one & other
    return both in (one, other) and is_small((one ^ other).bit_count())


class _Solver:
    """Linear sums of counts: which sets can be computed from those added, exactly (modulo a large prime)."""

    def __init__(self, kept: Sequence[int], asked: Sequence[int]) -> None:
        members = np.array([member_bits(one, _width([*kept, *asked])) for one in (*kept, *asked)], dtype=bool)
        if not len(members):
            members = np.zeros((0, 1), dtype=bool)
        _, first = np.unique(np.packbits(members, axis=0), axis=1, return_index=True)  # patients who are alike in everything shown
        self._places = np.sort(first)
        self._width = members.shape[1]
        self.left = members[: len(kept), self._places].astype(np.int64)
        self.rows: list[tuple[int, np.ndarray]] = []

    def _reduced(self, members: int) -> np.ndarray:
        row = member_bits(members, self._width)[self._places].astype(np.int64)
        for place, other in self.rows:
            if row[place]:
                row = (row - row[place] * other) % _PRIME
        return row

    def spans(self, members: int) -> bool:
        """Whether the number of these follows from those added."""
        return not self._reduced(members).any()

    def add(self, members: int) -> bool:
        """Add a set, unless something kept could then be computed; says whether it was added."""
        row = self._reduced(members)
        there = np.flatnonzero(row)
        if not len(there):
            return True
        place = int(there[0])
        row = row * pow(int(row[place]), -1, _PRIME) % _PRIME
        touched = np.flatnonzero(self.left[:, place])
        after = (self.left[touched] - self.left[touched, place][:, None] * row) % _PRIME
        if len(after) and not after.any(axis=1).all():
            return False
        self.left[touched] = after
        self.rows.append((place, row))
        return True


def _width(sets: Iterable[int]) -> int:
    return max((one.bit_length() for one in sets), default=1) or 1


@dataclass(frozen=True)
class Policy:
    """What a table, a figure or a sentence asks before it shows a number. This one shows everything: the plain report."""

    @property
    def hides(self) -> bool:
        """Whether this is a report for outside."""
        return False

    def family(self, whole: pd.Index, parts: Sequence[pd.Index], rank: int = OUTCOMES) -> tuple[bool, ...]:
        """Whether the size of each of these disjoint parts of a whole may be shown."""
        return (True,) * len(parts)

    def keep(self, members: pd.Index) -> None:
        """The number of these patients must not be found out."""

    def shows(self, members: pd.Index, of: pd.Index, rank: int = OUTCOMES) -> bool:
        """Whether it may be shown how many of these there are."""
        return self.family(of, [members], rank)[0]

    def enough(self, n: int) -> bool:
        """Whether a group of this size is analysed on its own."""
        return True

    def cell(self, shown: bool, text: str) -> str:
        """The text, or the mark in its place."""
        return text

    def method(self, sentence: str) -> str:
        """What was done; without the counts where small ones are hidden."""
        return sentence

    def words(self, sentence: str) -> str:
        """A sentence that another part wrote; one with numbers in it is not repeated where small ones are hidden."""
        return sentence

    def share(self, value: float) -> float:
        """A probability to the precision a reader needs."""
        return value

    def time(self, value: float, unit: str) -> float:
        """A time to the precision a reader needs: it may be one patient's."""
        return value


OPEN = Policy()
_TIMES = {"days": 5.0, "weeks": 1.0, "months": 1.0, "years": 0.1}
_COUNTED = re.compile(r"\d+ (of|to|patient|event|end|univariable|death|censor|without|row|level|stratum|strata)|^\w[\w ]* \d+(,|$)"
                      r"|univariable model of|multivariable model of")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sharing(Policy):
    """The policy of a report for outside: small numbers, and what would reveal them, are hidden."""

    ledger: Ledger
    patients: pd.Index

    @classmethod
    def of(cls, index: pd.Index) -> Sharing:
        """A policy for these patients, who are told apart by their labels."""
        return cls(Ledger(), index)

    @property
    def hides(self) -> bool:
        """Yes."""
        return True

    def _mask(self, members: pd.Index) -> int:
        places = self.patients.get_indexer(members)
        if len(places) and places.min() < 0:
            raise DisclosureError("A count is of patients who are not in this report: it can't be checked for small numbers.")
        bits = np.zeros(len(self.patients), dtype=np.uint8)
        bits[places] = 1
        return int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")

    def family(self, whole: pd.Index, parts: Sequence[pd.Index], rank: int = OUTCOMES) -> tuple[bool, ...]:
        """Asks the ledger; before it has decided, tells it what is wanted."""
        masks = [self._mask(part) for part in parts]
        if self.ledger.shown is None:
            self.ledger.family(self._mask(whole), masks, rank)
        return tuple(self.ledger.allows(mask) for mask in masks)

    def keep(self, members: pd.Index) -> None:
        """Tell the ledger that the number of these patients must not be found out."""
        self.ledger.keep(self._mask(members))

    def enough(self, n: int) -> bool:
        """At least ten patients."""
        return n >= GROUP

    def cell(self, shown: bool, text: str) -> str:
        """The text, or the mark in its place."""
        return text if shown else HIDDEN

    def method(self, sentence: str) -> str:
        """The sentence without its parts that count patients or events."""
        told = "; ".join(part for part in sentence.split("; ") if not _COUNTED.search(part))
        return told.split(" of ")[0] if told.startswith("Gray's test") else told

    def words(self, sentence: str) -> str:
        """The sentence, if no number is in it."""
        return "The reason names numbers, which are hidden in a report for outside." if re.search(r"\d", sentence) else sentence

    def share(self, value: float) -> float:
        """To whole per cent."""
        return float(np.round(value, 2))

    def time(self, value: float, unit: str) -> float:
        """To whole months or weeks, five days, a tenth of a year."""
        step = _TIMES.get(unit, 1.0)
        return float(np.round(np.round(value / step) * step, 6))


class DisclosureError(HaipError):
    """A report for outside would have shown what it hides: a fault of this package, so nothing is written."""


def needed_step(known: pd.Series) -> float:
    """To what quartiles are rounded: the power of ten at or below a fifth of the middle half's width (1 for ages, 0.1 for centimetres)."""
    low, high = (known.quantile([0.25, 0.75]) if len(known) else (0.0, 0.0))
    width = float(high - low) / 5
    return float(10.0 ** np.floor(np.log10(width))) if width > 0 else 1.0
