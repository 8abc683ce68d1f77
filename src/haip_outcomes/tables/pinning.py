"""Hidden counts that whole numbers pin down: two hidden counts that are not 0 and sum to 2 are both 1.

The attacker knows every shown number, which sets are the parts of which whole, and that what is hidden is not 0, for a 0 is always shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

Family = tuple[int, tuple[int, ...]]  # a whole and its disjoint parts, the rest among them
SECONDS = 2.0  # for one question; where it is not answered by then, the linear solution of the ledger stands
TRIES = 25


class Guesses:
    """All whole numbers for the sets of these families that agree with what is shown."""

    def __init__(self, families: Sequence[Family], shown: Iterable[int], asked: Iterable[int]) -> None:
        from scipy.sparse import csr_array

        self.places = {one: i for i, one in enumerate(dict.fromkeys(one for whole, parts in families for one in (whole, *parts) if one))}
        self.truth = np.array([one.bit_count() for one in self.places], dtype=float)
        known = {one for one in shown if one in self.places}
        told = known.union(asked)
        self.low = np.array([one.bit_count() if one in known else int(one in told) for one in self.places], dtype=float)
        self.high = np.where([one in known for one in self.places], self.truth, 2 * self.truth.max(initial=1.0) + 10)
        rows, columns, signs = [], [], []
        for i, (whole, parts) in enumerate(families):
            for one, sign in ((whole, 1.0), *((part, -1.0) for part in parts)):
                if one:
                    rows.append(i)
                    columns.append(self.places[one])
                    signs.append(sign)
        self.sums = csr_array((signs, (rows, columns)), shape=(len(families), len(self.places)))

    def pinned(self, kept: Iterable[int]) -> list[int]:
        """Which of these sets can have only one number."""
        places = np.array([self.places[one] for one in kept if one in self.places], dtype=int)
        rng = np.random.default_rng(0)
        for i in range(8):  # one guess answers many questions at once
            if not len(places):
                return []
            aim = np.zeros(len(self.truth))
            aim[places] = rng.choice([-1.0, 1.0], len(places)) if i > 1 else 1.0 - 2.0 * i
            guess = self._extreme(aim)
            if guess is not None:
                places = places[np.abs(guess[places] - self.truth[places]) < 0.5]
        names = list(self.places)
        return [names[place] for place in places if self.is_pinned(names[place])]

    def is_pinned(self, one: int, without: int | None = None) -> bool:
        """Whether a set has only one possible number; `without` a shown one."""
        place = self.places[one]
        for sign in (1.0, -1.0):
            aim = np.zeros(len(self.truth))
            aim[place] = sign
            guess = self._extreme(aim, without)
            if guess is None or abs(guess[place] - self.truth[place]) > 0.5:
                return False
        return True

    def _extreme(self, aim: np.ndarray, without: int | None = None) -> np.ndarray | None:
        from scipy.optimize import Bounds, LinearConstraint, milp

        low, high = self.low.copy(), self.high.copy()
        if without is not None:
            low[self.places[without]], high[self.places[without]] = 1.0, self.high.max()
        found = milp(aim, constraints=[LinearConstraint(self.sums, 0.0, 0.0)], bounds=Bounds(low, high), integrality=np.ones(len(aim)),
                     options={"time_limit": SECONDS})  # fmt: skip
        return None if found.x is None else np.round(found.x)


def unpinned(families: Sequence[Family], shown: Sequence[int], asked: Iterable[int], kept: Sequence[int]) -> list[int]:
    """The shown sets, the least important last, less those that have to be hidden so that no kept set is pinned down."""
    left, told = list(shown), list(asked)
    while left and families:
        guesses = Guesses(families, left, told)
        found = guesses.pinned(kept)
        if not found:
            break
        near = {one for whole, parts in families if found[0] in (whole, *parts) for one in (whole, *parts)}
        order = sorted((one for one in reversed(left) if one in guesses.places), key=lambda one: one not in near)
        left.remove(next((one for one in order[:TRIES] if not guesses.is_pinned(found[0], one)), order[0]))
    return left


def member_bits(members: int, width: int) -> np.ndarray:
    """A set of patients, as true or false a patient."""
    raw = np.frombuffer(members.to_bytes((width + 7) // 8, "little"), dtype=np.uint8)
    return np.unpackbits(raw, bitorder="little")[:width].astype(bool)
