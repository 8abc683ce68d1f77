"""Sums over those at risk, and over what a row went through, with delayed entry: differences that keep their digits.

A sum of 10^9 less one of 10^9 has lost its digits. So a running sum is carried in two parts, what it is and what rounding took from it
(Neumaier 1974, doi:10.1002/zamm.19740540106), and the two are subtracted each from its own.
"""

from __future__ import annotations

import numpy as np

from haip_outcomes.survival.compiled import compiled


@compiled
def carry(total, low, values, sign):  # type: ignore[no-untyped-def]
    """Add the values (q,) to a running sum in two parts."""
    for j in range(len(total)):
        value = sign * values[j]
        new = total[j] + value
        low[j] += (total[j] - new) + value if abs(total[j]) >= abs(value) else (value - new) + total[j]
        total[j] = new


@compiled
def sums_at_risk(values, last, by_last, first, by_first, k):  # type: ignore[no-untyped-def]
    """Values (n, q) added up over the rows with first <= i < last, for i = 0 ... k-1; rows in two orders, by falling last and first."""
    q = values.shape[1]
    out, total, low = np.empty((k, q)), np.zeros(q), np.zeros(q)
    joined, left = 0, 0
    for i in range(k - 1, -1, -1):
        while joined < len(by_last) and last[by_last[joined]] > i:
            carry(total, low, values[by_last[joined]], 1.0)
            joined += 1
        while left < len(by_first) and first[by_first[left]] > i:
            carry(total, low, values[by_first[left]], -1.0)
            left += 1
        for j in range(q):
            out[i, j] = total[j] + low[j]
    return out


@compiled
def sums_between(values, first, last):  # type: ignore[no-untyped-def]
    """Values (k, q) added up over first <= i < last, for each row: (n, q)."""
    k, q = values.shape
    total, low = np.zeros((k + 1, q)), np.zeros((k + 1, q))
    for i in range(k):
        total[i + 1] = total[i]
        low[i + 1] = low[i]
        carry(total[i + 1], low[i + 1], values[i], 1.0)
    out = np.empty((len(first), q))
    for i in range(len(first)):
        for j in range(q):
            out[i, j] = (total[last[i], j] - total[first[i], j]) + (low[last[i], j] - low[first[i], j])
    return out
