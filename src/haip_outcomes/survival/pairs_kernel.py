"""The kernel under `concordance`: all pairs of patients counted in n log n steps, compiled.

It sees points. A row is a point when it leaves, and one more where it enters late. A point's moment is 2r for an event at the
r-th time, and 2r + 1 for a censoring then (still at risk at that time) and for an entry then (not yet at risk). The event i
and the row j are a usable pair when entered_j < left_i < left_j: so for every event before it, j's leaving counts with its
weight, and its entry with the negative of it.
"""

from __future__ import annotations

import numpy as np

from haip_outcomes.survival.compiled import compiled


@compiled
def pairs(
    moment: np.ndarray,
    level: np.ndarray,
    stratum: np.ndarray,
    weight: np.ndarray,
    time_weight: np.ndarray,
    n_moments: int,
    n_levels: int,
    n_strata: int,
) -> tuple[np.ndarray, float, float]:
    """Each point's concordant, discordant and tied pairs (m, 3), and the sums of pairs of tied events: all, and of one marker.

    All arrays are (m,). level: the marker's rank, 0 ... n_levels - 1. weight: negative for an entry. time_weight: how much an
    event counts; 0 for whatever is no event, or is not counted.
    """
    by_moment = sorted_by(moment, n_moments, np.arange(len(moment)))
    by_level = sorted_by(level, n_levels, by_moment)
    # merging takes a round for each doubling: begin with the runs of which there are fewer
    by_both = by_level if n_levels <= n_moments else sorted_by(moment, n_moments, by_level)
    if n_strata > 1:
        by_moment = sorted_by(stratum, n_strata, by_moment)
        by_level = sorted_by(stratum, n_strata, by_level)
        by_both = by_level if n_levels <= n_moments else sorted_by(stratum, n_strata, by_both)
    found = np.zeros((len(moment), 3))
    ties = usable(by_moment, stratum, stratum, moment, weight, time_weight, found, 1)
    by_moment = by_both  # what is not needed any more is let go: this is where most memory is in use
    ties_both = usable(by_level, stratum, level, moment, weight, time_weight, found, 2)
    by_level = by_both
    if n_levels <= n_moments:
        concordant(by_both, level, moment, stratum, weight, time_weight, found)
    else:  # the same from the last moment and the highest marker
        by_both = by_both[::-1].copy()
        concordant(by_both, moment, n_levels - level, stratum, weight, time_weight, found)
    for i in range(len(moment)):
        found[i, 1] -= found[i, 0] + found[i, 2]
    return found, ties, ties_both


@compiled
def sorted_by(key: np.ndarray, n_keys: int, order: np.ndarray) -> np.ndarray:
    """An order, sorted by a key of 0 ... n_keys - 1: by counting, what has the same key staying as it was."""
    place = np.zeros(n_keys + 1, dtype=np.int64)
    for k in key:
        place[k + 1] += 1
    for k in range(n_keys):
        place[k + 1] += place[k]
    out = np.empty_like(order)
    for i in order:
        out[place[key[i]]] = i
        place[key[i]] += 1
    return out


@compiled
def usable(
    order: np.ndarray,
    stratum: np.ndarray,
    group: np.ndarray,
    moment: np.ndarray,
    weight: np.ndarray,
    time_weight: np.ndarray,
    found: np.ndarray,
    column: int,
) -> float:
    """Each point's usable pairs within its stratum and group, into a column of `found`; the sum of pairs of tied events.

    `order` is by stratum, group, moment.
    """
    ties = 0.0
    begin = 0
    while begin < len(order):
        end, total = begin, 0.0
        here, now = stratum[order[begin]], group[order[begin]]
        while end < len(order) and stratum[order[end]] == here and group[order[end]] == now:
            total += weight[order[end]]
            end += 1
        events_before, weight_upto = 0.0, 0.0
        first = begin if end > begin + 1 else end  # who is alone has no pair
        while first < end:  # those of one moment
            last, tied = first, 0.0
            while last < end and moment[order[last]] == moment[order[first]]:
                i = order[last]
                ties += time_weight[i] * weight[i] * tied
                tied += weight[i]
                last += 1
            weight_upto += tied
            for k in range(first, last):
                i = order[k]
                found[i, column] = events_before + time_weight[i] * (total - weight_upto)
            events_before += time_weight[order[first]] * tied  # all of one moment have the same
            first = last
        begin = end
    return ties


@compiled
def concordant(
    order: np.ndarray,
    run: np.ndarray,
    key: np.ndarray,
    stratum: np.ndarray,
    weight: np.ndarray,
    time_weight: np.ndarray,
    found: np.ndarray,
) -> None:
    """Each point's concordant pairs, into the first column of `found`.

    `order` is by stratum, run, key; a pair is concordant when the event is of the later run and has the lower key. Runs are
    markers and keys moments, or both the other way round and backwards. Neighbouring runs are merged two by two, and what they
    have become again, so that every pair of runs meets once.
    """
    m = len(order)
    bits = 1
    while 1 << bits < m:
        bits += 1
    # in this order, one beside the other: key and place in one number; weight, weight as an event, pairs found
    code, spare = np.empty(m, dtype=np.int64), np.empty(m, dtype=np.int64)
    point = np.zeros((m, 3))
    for p in range(m):
        i = order[p]
        code[p] = key[i] << bits | p
        point[p, 0], point[p, 1] = weight[i], time_weight[i]
    begin_of, total_of = np.empty(64, dtype=np.int64), np.empty(64)
    begin = 0
    while begin < m:  # a stratum
        waiting, runs, end = 0, 0, begin
        here = stratum[order[begin]]
        while end < m and stratum[order[end]] == here:
            begin_of[waiting], total_of[waiting] = end, 0.0
            now = run[order[end]]
            while end < m and run[order[end]] == now and stratum[order[end]] == here:
                total_of[waiting] += point[end, 0]
                end += 1
            waiting += 1
            runs += 1
            equal = runs
            while equal % 2 == 0:  # the last two waiting are of as many runs
                merge(code, spare, point, begin_of, total_of, waiting, end, bits)
                waiting -= 1
                equal //= 2
        while waiting > 1:
            merge(code, spare, point, begin_of, total_of, waiting, end, bits)
            waiting -= 1
        begin = end
    for p in range(m):
        found[order[p], 0] = point[p, 2]


@compiled
def merge(
    code: np.ndarray,
    spare: np.ndarray,
    point: np.ndarray,
    begin_of: np.ndarray,
    total_of: np.ndarray,
    waiting: int,
    end: int,
    bits: int,
) -> None:
    """The last two waiting, each sorted by key, become one, and the pairs between them are counted.

    With equal keys the first comes first: the second's event is then not before it, and they are no pair.
    """
    begin, middle, total = begin_of[waiting - 2], begin_of[waiting - 1], total_of[waiting - 2]
    total_of[waiting - 2] += total_of[waiting - 1]
    place = (1 << bits) - 1
    first, n_first, second = 0, middle - begin, middle
    spare[:n_first] = code[begin:middle]
    events_before, weight_before = 0.0, 0.0
    out = begin
    while first < n_first and second < end:  # without branches: which comes next is a coin toss
        take_first = spare[first] < code[second]
        now = spare[first] if take_first else code[second]
        p = now & place
        weight, event = point[p, 0], point[p, 1]
        point[p, 2] += events_before if take_first else event * (total - weight_before)
        weight_before += weight if take_first else 0.0
        events_before += 0.0 if take_first else event * weight
        first += take_first
        second += not take_first
        code[out] = now
        out += 1
    while first < n_first:
        point[spare[first] & place, 2] += events_before
        code[out] = spare[first]
        first += 1
        out += 1


@compiled
def censoring_weights(
    moment: np.ndarray, stratum: np.ndarray, weight: np.ndarray, n_moments: int, n_strata: int
) -> np.ndarray:
    """1 / G(t-)^2 of each event, 0 of each censoring; G is the Kaplan-Meier curve of the censoring in its stratum.

    Who has the event at a time is not at risk of being censored at it. The only event of a stratum counts 1, as in R.
    """
    order = sorted_by(moment, n_moments, np.arange(len(moment)))
    if n_strata > 1:
        order = sorted_by(stratum, n_strata, order)
    inverse = np.zeros(len(order))
    at_risk = np.zeros(len(order) + 1)  # summed from the last, so that rounding leaves nobody behind
    begin = 0
    while begin < len(order):  # a stratum
        end, events = begin, 0
        while end < len(order) and stratum[order[end]] == stratum[order[begin]]:
            events += moment[order[end]] % 2 == 0
            end += 1
        at_risk[end] = 0.0
        for k in range(end - 1, begin - 1, -1):
            at_risk[k] = at_risk[k + 1] + weight[order[k]]
        g = 1.0
        first = begin
        while first < end:  # those of one moment
            last = first
            while last < end and moment[order[last]] == moment[order[first]]:
                last += 1
            if moment[order[first]] % 2 == 0:
                for k in range(first, last):
                    inverse[order[k]] = 1 / (g * g) if events > 1 else 1.0
            elif at_risk[last] > 0:
                g *= at_risk[last] / at_risk[first]
            first = last
        begin = end
    return inverse
