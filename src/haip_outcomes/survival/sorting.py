"""A counting sort, compiled: whole numbers in order without comparing them."""

from __future__ import annotations

import numpy as np

from haip_outcomes.survival.compiled import compiled


@compiled
def counting_order(key: np.ndarray, size: int) -> np.ndarray:
    """The stable order of whole numbers in 0 ... size-1."""
    place = np.zeros(size + 1, dtype=np.int64)
    for k in key:
        place[k + 1] += 1
    for k in range(size):
        place[k + 1] += place[k]
    order = np.empty(len(key), dtype=np.int64)
    for i in range(len(key)):
        order[place[key[i]]] = i
        place[key[i]] += 1
    return order
