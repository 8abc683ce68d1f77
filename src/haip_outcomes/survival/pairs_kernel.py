"""The kernel under `concordance`: all pairs of patients counted in n log n steps, compiled.

It sees points. A row is a point when it leaves, and one more where it enters late. A point's moment is 2r for an event at the
r-th time, and 2r + 1 for a censoring then (still at risk at that time) and for an entry then (not yet at risk). The event i
and the row j are a usable pair when entered_j < left_i < left_j: so for every event before it, j's leaving counts with its
weight, and its entry with the negative of it.

Only events are compared with others, so a censoring or an entry may as well have the place of an event at the next time: then j
is later than the event i where its place is higher. The points are gone through in order of their markers, and each asks those
that were there before: what events are at lower places, and if it is an event, what weight is at higher ones. A tree answers.
"""

from __future__ import annotations

import numpy as np

from haip_outcomes.survival.compiled import compiled

_BITS = 5
_SLOTS = 1 << _BITS  # of a node of the tree
_LINE = 8  # numbers in a line of the cache
_AHEAD = 64  # points that are fetched from memory together
_WEIGHT, _TIME_WEIGHT, _PLACE = range(3)  # the columns of the points, until their pairs are counted


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
    event counts, the same for all of one moment; 0 for whatever is no event, or is not counted.
    """
    begin = np.array([0, n_moments // 2 + 1])  # the places of each stratum
    ends = np.array([len(level)])  # and its points, in their order
    if n_strata > 1:
        moment, begin = within_strata(moment, n_moments, stratum, n_strata)
        n_moments = 2 * int(begin[-1])
        ends = np.cumsum(np.bincount(stratum, minlength=n_strata))
    order = np.full(len(level), -1)
    alone = n_levels == len(level) and unique_order(level, order)  # no two markers are tied
    if not alone:
        order = sorted_by(level, n_levels, sorted_by(moment, n_moments, np.arange(len(level))))
    if n_strata > 1:
        order = sorted_by(stratum, n_strata, order)

    point = _zeros(len(level), 3)
    before_after = np.zeros((int(begin[-1]), 2))
    ties = totals(moment, weight, time_weight, begin, point, before_after)
    nodes = [-(-len(before_after) // _SLOTS)]
    while nodes[-1] > 1:
        nodes.append(-(-nodes[-1] // _SLOTS))
    concordant(order, ends, begin, point, _zeros(sum(nodes), 2, _SLOTS), np.cumsum([0, *nodes[:-1]]))
    counted(moment, before_after, point)
    ties_both = 0.0 if alone else tied(order, stratum, level, moment, weight, time_weight, point)
    return point, ties, ties_both


def _zeros(*shape: int) -> np.ndarray:
    """Zeros that begin where a line of the cache does: a node is then on as few as possible."""
    size = int(np.prod(shape))
    numbers = np.zeros(size + _LINE - 1)
    skip = -(numbers.ctypes.data // numbers.itemsize) % _LINE
    return numbers[skip : skip + size].reshape(shape)


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
def unique_order(level: np.ndarray, order: np.ndarray) -> bool:
    """The order by levels that are all different, into an array of -1; False where two are the same."""
    for i in range(len(level)):
        if order[level[i]] >= 0:
            return False
        order[level[i]] = i
    return True


@compiled
def place_of(moment: int) -> int:
    """An event at the r-th time has the place r, and so have a censoring and an entry at the time before."""
    return moment + 1 >> 1


@compiled
def within_strata(
    moment: np.ndarray, n_moments: int, stratum: np.ndarray, n_strata: int
) -> tuple[np.ndarray, np.ndarray]:
    """The moments numbered anew, those of the first stratum first; and where each stratum's places begin, (n_strata + 1,)."""
    order = sorted_by(stratum, n_strata, sorted_by(moment, n_moments, np.arange(len(moment))))
    numbered, begin = np.empty_like(moment), np.zeros(n_strata + 1, dtype=np.int64)
    last = -1
    for k in range(len(order)):
        i, h = order[k], order[k - 1]
        if k == 0 or stratum[i] != stratum[h] or place_of(moment[i]) != place_of(moment[h]):
            last += 1
            begin[stratum[i] + 1] += 1
        numbered[i] = 2 * last
    for s in range(n_strata):
        begin[s + 1] += begin[s]
    return numbered, begin


@compiled
def totals(
    moment: np.ndarray,
    weight: np.ndarray,
    time_weight: np.ndarray,
    begin: np.ndarray,
    point: np.ndarray,
    before_after: np.ndarray,
) -> float:
    """The events before each place and the weight after it, in its stratum; and the sum of pairs of tied events.

    Each point's row gets its weight, its time_weight and its place.
    """
    ties = 0.0
    for i in range(len(moment)):
        place, w, v = place_of(moment[i]), weight[i], time_weight[i]
        point[i, _WEIGHT], point[i, _TIME_WEIGHT], point[i, _PLACE] = w, v, place
        ties += w * before_after[place, 0] if v > 0 else 0.0
        before_after[place, 0] += w * v
        before_after[place, 1] += w
    for s in range(len(begin) - 1):
        events, left = 0.0, 0.0
        for place in range(begin[s], begin[s + 1]):
            here = before_after[place, 0]
            before_after[place, 0] = events
            events += here
        for place in range(begin[s + 1] - 1, begin[s] - 1, -1):
            here = before_after[place, 1]
            before_after[place, 1] = left
            left += here
    return ties


@compiled
def concordant(
    order: np.ndarray, ends: np.ndarray, begin: np.ndarray, point: np.ndarray, tree: np.ndarray, first: np.ndarray
) -> None:
    """In the place's column of the points: the weight after each, times its time_weight, less the events before it.

    Both are those of lower markers. `order` is by stratum, level and place, so that of equal markers there is no weight after;
    their events before are taken for lower, which makes tied pairs discordant. `ends`: where each stratum ends in the order.
    """
    near = np.empty((_AHEAD, 4))
    large = len(first) > 3  # the nodes of the lowest layer are far away, too
    done = 0
    for s in range(len(ends)):
        while done < ends[s]:
            some = order[done : min(done + _AHEAD, ends[s])]
            for k in range(len(some)):  # far apart in memory: one by one each would be waited for
                for column in range(3):
                    near[k, column] = point[some[k], column]
            for k in range(len(some) if large else 0):  # any sum will do: what counts is that they are read
                node, near[k, 3] = tree[np.int64(near[k, _PLACE]) >> _BITS], 0.0
                for slot in range(0, _SLOTS, _LINE):
                    near[k, 3] += node[0, slot] + node[1, slot]
            for k in range(len(some)):
                weight, time_weight, place = near[k, _WEIGHT], near[k, _TIME_WEIGHT], np.int64(near[k, _PLACE])
                events_before, weight_after = ask_and_add(tree, first, place, weight * time_weight, weight)
                near[k, _PLACE] = time_weight * weight_after - events_before
            for k in range(len(some)):
                point[some[k], _PLACE] = near[k, _PLACE]
            done += len(some)
        if s + 1 < len(ends) and begin[s] < begin[s + 1]:  # the next stratum shares nodes, and finds them empty
            low, high = begin[s], begin[s + 1] - 1
            for layer in range(len(first)):
                low, high = low >> _BITS, high >> _BITS
                tree[first[layer] + low : first[layer] + high + 1] = 0.0


@compiled
def ask_and_add(
    tree: np.ndarray, first: np.ndarray, place: int, event: float, weight: float
) -> tuple[float, float]:
    """The events before a place and the weight after it; then those of the place itself are added.

    A node of the tree (nodes, 2, slots) has for each of its slots the events in the slots before, and the weight in those after.
    A slot of the lowest layer is a place, one of the layers above is a node below; `first` is where each layer begins.
    """
    events_before, weight_after = 0.0, 0.0
    for layer in range(len(first)):
        slot, place = place & (_SLOTS - 1), place >> _BITS
        before, after = tree[first[layer] + place, 0], tree[first[layer] + place, 1]
        events_before += before[slot]
        weight_after += after[slot]
        for other in range(_SLOTS):  # without branches: many at a time
            before[other] += event if other > slot else 0.0
            after[other] += weight if other < slot else 0.0
    return events_before, weight_after


@compiled
def counted(moment: np.ndarray, before_after: np.ndarray, point: np.ndarray) -> None:
    """The points become their concordant, discordant and tied pairs, as if none were tied."""
    for i in range(len(point)):
        events_before, weight_after = before_after[place_of(moment[i])]
        higher = point[i, _PLACE] + events_before
        usable = point[i, _TIME_WEIGHT] * weight_after + events_before
        point[i, 0], point[i, 1], point[i, 2] = higher, usable - higher, 0.0


@compiled
def tied(
    order: np.ndarray,
    stratum: np.ndarray,
    level: np.ndarray,
    moment: np.ndarray,
    weight: np.ndarray,
    time_weight: np.ndarray,
    found: np.ndarray,
) -> float:
    """The usable pairs of equal markers, which were counted as discordant; the sum of pairs of tied events among them.

    `order` is by stratum, level and place.
    """
    ties = 0.0
    begin = 0
    while begin < len(order):
        end, total = begin, 0.0
        here, now = stratum[order[begin]], level[order[begin]]
        while end < len(order) and stratum[order[end]] == here and level[order[end]] == now:
            total += weight[order[end]]
            end += 1
        events_before, weight_upto = 0.0, 0.0
        first = begin if end > begin + 1 else end  # who is alone has no pair
        while first < end:  # those of one place
            last, events = first, 0.0
            while last < end and place_of(moment[order[last]]) == place_of(moment[order[first]]):
                i = order[last]
                ties += weight[i] * events if time_weight[i] > 0 else 0.0
                events += weight[i] * time_weight[i]
                weight_upto += weight[i]
                last += 1
            for k in range(first, last):
                i = order[k]
                pairs_ = events_before + time_weight[i] * (total - weight_upto)
                found[i, 1] -= pairs_
                found[i, 2] = pairs_
            events_before += events
            first = last
        begin = end
    return ties


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
