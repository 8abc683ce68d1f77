"""Small numbers: what is hidden by hand, and an attacker who knows every shown number and the rule, and solves for the others."""

import itertools
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from haip_outcomes.tables.disclosure import FEW, HIDDEN, OPEN, SIZES, Ledger, Sharing, is_small, needed_step


def asked(table):
    """The policy after it was asked for a table of counts (levels by groups) with all its margins, and the patients of each cell."""
    table = np.asarray(table)
    level = np.repeat(np.arange(table.size) // table.shape[1], table.ravel())
    group = np.repeat(np.arange(table.size) % table.shape[1], table.ravel())
    everybody = pd.RangeIndex(len(level))
    policy = Sharing.of(everybody)
    rows, columns = [everybody[level == i] for i in range(table.shape[0])], [everybody[group == j] for j in range(table.shape[1])]

    def ask():
        policy.family(everybody, [everybody], SIZES)
        sizes = policy.family(everybody, columns, SIZES)
        cells = [policy.family(column, [column.intersection(row) for row in rows], 2) for column in columns]
        totals = policy.family(everybody, rows, 2)
        for row in rows:
            policy.family(row, [row.intersection(column) for column in columns], 2)
        return np.array(cells).T, np.array(totals), np.array(sizes), policy.shows(everybody, everybody)

    ask()
    policy.ledger.decide()
    return policy, ask()


def ranges(table, cells, totals, sizes, grand):
    """What a hidden cell can be, for an attacker who knows all shown numbers, and that no hidden cell is 0."""
    table = np.asarray(table)
    rows, values = [], []

    def knows(mask, value):
        rows.append(mask.ravel().astype(float))
        values.append(float(value))

    for i, j in np.ndindex(table.shape):
        one = np.zeros(table.shape)
        one[i, j] = 1
        if cells[i, j]:
            knows(one, table[i, j])
    for i in range(table.shape[0]):
        if totals[i]:
            knows(np.arange(table.shape[0])[:, None] * np.ones(table.shape) == i, table[i].sum())
    for j in range(table.shape[1]):
        if sizes[j]:
            knows(np.ones(table.shape) * np.arange(table.shape[1]) == j, table[:, j].sum())
    if grand:
        knows(np.ones(table.shape), table.sum())
    known = [LinearConstraint(np.array(rows), values, values)] if rows else []
    low = np.where(cells, 0, 1).ravel().astype(float)
    found = {}
    for i, j in np.ndindex(table.shape):
        if cells[i, j]:
            continue
        aim = np.zeros(table.size)
        aim[i * table.shape[1] + j] = 1
        ends = []
        for sign in (1, -1):
            solved = milp(sign * aim, constraints=known, bounds=Bounds(low, np.full(table.size, 500.0)), integrality=np.ones(table.size))
            assert solved.status == 0, solved.message
            ends.append(round(sign * solved.fun))
        found[i, j] = tuple(ends)
    return found


def test_a_small_cell_takes_one_with_it_in_its_row_and_its_column():
    _, (cells, totals, sizes, grand) = asked([[3, 17], [20, 25]])
    assert sizes.all()
    assert grand
    assert not cells[0, 0]
    assert not cells[1, 0], "3 would be 23 - 20"
    assert not (cells[0, 1] and totals[0]), "3 would be 20 - 17"
    low, high = ranges([[3, 17], [20, 25]], cells, totals, sizes, grand)[0, 0]
    assert low < 3 < high


def test_k_of_n_is_hidden_when_the_others_are_few():
    """24 of 26: the two others would be 26 - 24."""
    everybody = pd.RangeIndex(26)
    policy = Sharing.of(everybody)
    for _ in range(2):
        seen = [policy.shows(everybody[:k], everybody) for k in (0, 3, 6, 24, 26)]
        if policy.ledger.shown is None:
            policy.shows(everybody, everybody, SIZES)
            policy.ledger.decide()
    assert seen == [True, False, True, False, True]


def test_the_last_of_three_does_not_follow_from_two():
    """No 14, Yes 11, missing 1 of 26: one of the two is hidden with the missing one."""
    _, (cells, *_) = asked([[14], [11], [1]])
    assert cells[:, 0].sum() == 1
    assert not cells[2, 0]


def test_two_small_cells_whose_sum_is_small_take_a_third():
    _, (cells, *_) = asked([[20], [1], [2], [9]])
    assert not cells[1:3].any()
    assert cells[:, 0].sum() == 1, "32 - 20 - 9 would be the 3 of both"


def test_five_times_one_is_not_told_by_its_sum():
    table = [[20], [1], [1], [1], [1], [1], [9]]
    _, found = asked(table)
    assert all(low < high for low, high in ranges(table, *found).values())


@pytest.mark.parametrize("table", [[[0, 0, 5], [0, 1, 0], [5, 0, 1]], [[1, 0, 6], [0, 1, 5], [7, 8, 0]]])
def test_whole_numbers_that_are_not_0_pin_nothing_down(table):
    """The first: 12 in all less the 5 of the first group and the 5 of the first level are 2, of two cells that are not 0: both would be 1."""
    policy, found = asked(table)
    pinned = {place: ends for place, ends in ranges(table, *found).items() if ends[0] == ends[1] and is_small(table[place[0]][place[1]])}
    assert not pinned
    assert policy.ledger.follows() == []


def test_a_difference_of_two_shown_numbers_is_not_small():
    """At risk at 0, 12 and 24 months: 26, 24 and 15."""
    everybody = pd.RangeIndex(26)
    policy = Sharing.of(everybody)
    for _ in range(2):
        seen = [policy.shows(everybody[:n], everybody) for n in (26, 24, 15)]
        if policy.ledger.shown is None:
            policy.ledger.decide()
    assert seen == [True, False, True]


def test_a_set_from_another_table_counts_too():
    """Two endpoints that count 10 and 11 deaths of the same patients would tell of the one."""
    everybody = pd.RangeIndex(40)
    policy = Sharing.of(everybody)
    for _ in range(2):
        seen = [policy.shows(everybody[:n], everybody) for n in (10, 11)]
        if policy.ledger.shown is None:
            policy.ledger.decide()
    assert seen == [True, False]


def test_what_was_not_asked_before_is_not_shown_after():
    everybody = pd.RangeIndex(40)
    policy = Sharing.of(everybody)
    policy.ledger.decide()
    assert not policy.shows(everybody[:20], everybody)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.data())
def test_an_attacker_can_not_narrow_a_hidden_cell_to_one_value(levels, groups, data):
    count = st.one_of(st.integers(0, 6), st.integers(0, 30))
    table = np.array(data.draw(st.lists(st.lists(count, min_size=groups, max_size=groups), min_size=levels, max_size=levels)))
    if not table.sum():
        return
    policy, (cells, totals, sizes, grand) = asked(table)
    assert not (is_small_everywhere(table) & cells).any()
    assert not any(is_small(int(table[i].sum())) and totals[i] for i in range(levels))
    assert policy.ledger.follows() == []
    for (i, j), (low, high) in ranges(table, cells, totals, sizes, grand).items():
        if is_small(int(table[i, j])):
            assert low < high, f"{table.tolist()}: the cell {i}, {j} can only be {low}"


def is_small_everywhere(table):
    return (table > 0) & (table < FEW)


def test_every_small_table_by_brute_force():
    """2 by 2 tables with cells of 0 to 6: by going through every table that fits what is shown."""
    for flat in itertools.product((0, 1, 2, 5, 6), repeat=4):
        table = np.array(flat).reshape(2, 2)
        if not table.sum():
            continue
        _, (cells, totals, sizes, grand) = asked(table)
        hidden = [place for place in np.ndindex(2, 2) if not cells[place]]
        if not hidden:
            continue
        possible = {place: set() for place in hidden}
        for guess in itertools.product(range(1, 25), repeat=len(hidden)) if len(hidden) < 3 else itertools.product(range(1, 13), repeat=len(hidden)):
            other = table.copy()
            for place, value in zip(hidden, guess, strict=True):
                other[place] = value
            fits = (not grand or other.sum() == table.sum()) and all(not totals[i] or other[i].sum() == table[i].sum() for i in (0, 1))
            if fits and all(not sizes[j] or other[:, j].sum() == table[:, j].sum() for j in (0, 1)):
                for place in hidden:
                    possible[place].add(int(other[place]))
            if all(len(found) > 1 for found in possible.values()):
                break
        for place, found in possible.items():
            if is_small(int(table[place])):
                assert len(found) > 1, f"{table.tolist()}: {place} can only be {found}"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_ledger_lets_nothing_follow_from_sums_of_any_sets(data):
    """Random sets of 14 patients in random families; then the same question in exact fractions."""
    everybody = (1 << 14) - 1
    ledger = Ledger()
    for _ in range(data.draw(st.integers(1, 6))):
        whole = data.draw(st.integers(1, everybody))
        cut = [whole & data.draw(st.integers(0, everybody)) for _ in range(2)]
        ledger.family(whole, [cut[0], cut[1] & ~cut[0]], data.draw(st.integers(0, 3)))
        ledger.want(whole, 0)
    shown = ledger.decide()
    assert all(members.bit_count() >= FEW for members in shown)
    assert ledger.follows() == []
    basis = eliminated([bits(members) for members in shown])
    for members in ledger.kept:
        assert any(reduced(bits(members), basis)), "a hidden count is a sum of shown ones"
    for one, other in itertools.combinations(shown, 2):
        if one & other in (one, other):
            assert not is_small((one ^ other).bit_count())


def bits(members):
    return [Fraction(members >> i & 1) for i in range(14)]


def reduced(row, basis):
    for place, other in basis:
        row = [a - row[place] * b for a, b in zip(row, other, strict=True)]
    return row


def eliminated(rows):
    basis = []
    for row in rows:
        left = reduced(row, basis)
        if any(left):
            place = next(i for i, value in enumerate(left) if value)
            basis.append((place, [value / left[place] for value in left]))
    return basis


def test_the_plain_policy_shows_everything():
    everybody = pd.RangeIndex(3)
    assert OPEN.shows(everybody[:1], everybody)
    assert OPEN.cell(False, "1") == "1"
    assert (OPEN.method("2 of 3 patients"), OPEN.words("row 5"), OPEN.share(0.123), OPEN.time(1.23, "months")) == ("2 of 3 patients", "row 5", 0.123, 1.23)


def test_what_is_rounded_and_what_is_not_repeated():
    policy = Sharing.of(pd.RangeIndex(3))
    assert policy.cell(False, "1") == HIDDEN
    assert policy.share(0.12345) == 0.12
    assert [policy.time(23.4, unit) for unit in ("months", "days", "weeks", "years")] == [23.0, 25.0, 23.0, 23.4]
    assert policy.method("Cox, Efron ties; 26 patients, 9 events") == "Cox, Efron ties"
    assert "9" not in policy.words("9 events can't carry 3 terms")


@pytest.mark.parametrize(("low", "high", "step"), [(50, 64, 1.0), (2.2, 4.1, 0.1), (11, 61, 10.0), (3, 3, 1.0), (20, 25, 1.0)])
def test_quartiles_are_rounded_to_about_a_fifth_of_the_middle_half(low, high, step):
    assert needed_step(pd.Series([low, low, high, high, (low + high) / 2])) == pytest.approx(step)
