"""The compiled partial likelihood against its array form, against copied rows, and against brute force."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haip_outcomes.survival.hazards import cox_kernel
from haip_outcomes.survival.hazards.blocks import in_blocks
from haip_outcomes.survival.hazards.partial_likelihood import likelihood, sorted_times
from haip_outcomes.survival.sorting import counting_order
from haip_outcomes.survival.time_to_event import TimeToEvent


@st.composite
def cohorts(draw):
    """Rows with ties, strata, weights, an offset, and delayed entry for some; at least one event."""
    n = draw(st.integers(4, 14))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    frame = pd.DataFrame({"start": rng.integers(0, 3, n), "state": rng.integers(0, 2, n), "stratum": rng.integers(0, 3, n),
                          "w": rng.choice([0.5, 1.0, 2.0], n), "o": rng.normal(size=n), "copies": rng.integers(0, 3, n)})  # fmt: skip
    frame["stop"] = frame["start"] + rng.integers(1, 5, n)
    frame.loc[0, ["state", "copies"]] = 1
    x = np.ascontiguousarray(rng.normal(size=(n, 2)) * [1, 30] + [0, 7])
    return frame, x, draw(st.booleans()), draw(st.booleans())


def passed(frame, x, b, late, strata, ties, *, copies=None):
    tte = TimeToEvent.from_frame(frame, time="stop", state="state", states=["E"], entry="start" if late else None)
    codes = np.unique(frame["stratum"], return_inverse=True)[1].astype(np.int64) if strata else None
    rows = in_blocks(tte, x, strata=codes, weights=frame["w"].to_numpy(), offset=frame["o"].to_numpy())
    if copies is not None:
        rows.copies[:] = copies[rows.order]
    score, information = np.empty(2), np.empty((2, 2))
    value = cox_kernel.one_pass(*rows.arguments, ties == "efron", b * rows.scale, np.empty(len(x)), score, information)
    return tte, codes, rows, value, score * rows.scale, information * np.outer(rows.scale, rows.scale)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@given(cohorts())
@settings(max_examples=60, deadline=None)
def test_the_kernel_is_the_array_form(ties, made):
    frame, x, late, strata = made
    b = np.array([0.3, -0.02])
    tte, codes, _rows, value, score, information = passed(frame, x, b, late, strata, ties)
    sets = sorted_times(tte.start, tte.time, tte.state > 0, strata=codes, weights=frame["w"].to_numpy(), ties=ties)
    centred = x - x.mean(axis=0)
    theirs = likelihood(sets, centred, b, (frame["o"] - frame["o"].mean()).to_numpy())
    assert value == pytest.approx(theirs.value, rel=1e-9, abs=1e-9)
    assert score == pytest.approx(theirs.score, rel=1e-9, abs=1e-9 * np.abs(centred).sum())
    assert information == pytest.approx(theirs.information, rel=1e-8, abs=1e-9 * (centred**2).sum())


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@given(cohorts())
@settings(max_examples=60, deadline=None)
def test_copies_are_rows_written_out(ties, made):
    frame, x, late, strata = made
    b = np.array([-0.4, 0.01])
    copies = frame["copies"].to_numpy()
    _, _, _rows, value, score, information = passed(frame, x, b, late, strata, ties, copies=copies)
    many = np.repeat(np.arange(len(frame)), copies)
    written = frame.iloc[many].reset_index(drop=True)
    _, _, _others, v, s, i = passed(written, np.ascontiguousarray(x[many]), b, late, strata, ties)
    # the two are centred at different means, which moves nothing but the offset's constant
    assert value == pytest.approx(v, rel=1e-9, abs=1e-9)
    assert score == pytest.approx(s, rel=1e-7, abs=1e-8 * np.abs(x).sum())
    assert information == pytest.approx(i, rel=1e-7, abs=1e-8 * (x**2).sum())


@given(cohorts())
@settings(max_examples=100, deadline=None)
def test_who_is_ahead_by_brute_force(made):
    frame, x, late, strata = made
    tte, codes, rows, *_ = passed(frame, x, np.zeros(2), late, strata, "efron")
    ahead = np.round(x[:, 0], 0)
    group = np.zeros(len(x)) if codes is None else codes
    expected = all(
        ahead[i] >= ahead[(group == group[i]) & (tte.start < tte.time[i]) & (tte.time >= tte.time[i])].max()
        for i in np.flatnonzero(tte.state > 0)
    )
    found = cox_kernel.always_ahead(ahead[rows.order], rows.begin, rows.n_event, rows.opens, rows.leaving, rows.gone, 1e-9)
    assert bool(found) == expected


def test_counting_order_is_stable():
    key = np.array([3, 1, 3, 0, 1, 3])
    assert counting_order(key, 4).tolist() == np.argsort(key, kind="stable").tolist()


@pytest.mark.parametrize("spread", [1.0, 6.0, 15.0])
@given(cohorts())
@settings(max_examples=40, deadline=None)
def test_delayed_entry_keeps_its_digits(spread, made):
    """Those who enter late may have e^40 times the risk of the few at risk before: sums less sums would lose all digits (Breslow)."""
    frame, x, _, strata = made
    b = np.array([spread, 0.02])
    tte, codes, _, value, score, information = passed(frame, x, b, True, strata, "breslow")
    eta = (x - x.mean(axis=0)) @ b + (frame["o"] - frame["o"].mean()).to_numpy()
    group = np.zeros(len(x)) if codes is None else codes
    w = frame["w"].to_numpy()
    expected, slope = 0.0, np.zeros(2)
    for i in np.flatnonzero(tte.state > 0):
        there = (group == group[i]) & (tte.start < tte.time[i]) & (tte.time >= tte.time[i])
        top = eta[there].max()
        risk = w[there] * np.exp(eta[there] - top)
        expected += w[i] * (eta[i] - top - np.log(risk.sum()))
        slope += w[i] * (x[i] - (risk / risk.sum()) @ x[there])
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert score == pytest.approx(slope, rel=1e-8, abs=1e-9 * np.abs(x).sum())
    sets = sorted_times(tte.start, tte.time, tte.state > 0, strata=codes, weights=w, ties="breslow")
    at = likelihood(sets, x - x.mean(axis=0), b, (frame["o"] - frame["o"].mean()).to_numpy())
    assert at.value == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert at.information == pytest.approx(information, rel=1e-7, abs=1e-9 * (x**2).sum())
