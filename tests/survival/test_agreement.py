"""Harrell's concordance against R, by hand, by brute force, and in what must not matter."""

import math

import numpy as np
import pandas as pd
import pytest
from cox_reference import MARKERS, MODELS, assert_close, fitted, table
from hypothesis import given, settings
from hypothesis import strategies as st

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.agreement import concordance, count_pairs, standard_error
from haip_outcomes.survival.time_to_event import TimeToEvent


def counts(found):
    return [found.concordant, found.discordant, found.tied_marker, found.tied_time, found.tied_both]


@pytest.mark.parametrize("name", MARKERS)
def test_r_markers(name):
    r = MARKERS[name]
    frame = table(r["data"]).dropna(subset=[r["marker"]])
    tte = TimeToEvent.from_frame(
        frame, time=r["time"], state=r["status"], states=["Event"], entry=r["entry"], id=r["cluster"]
    )
    found = concordance(tte, frame[r["marker"]], strata=frame[r["strata"]] if r["strata"] else None)
    assert_close(found.estimate, r["concordance"])
    assert_close(found.std_error, r["std_error"])
    assert counts(found) == r["count"]


@pytest.mark.parametrize("name", MODELS)
def test_r_models_pairs_and_standard_error(name):
    """The pairs and the standard error that coxph keeps, with weights, strata and clusters."""
    fit, r = fitted(name), MODELS[name]
    found = count_pairs(fit.tte.start, fit.tte.time, fit.tte.state > 0, fit.linear_predictor.to_numpy(), strata=fit.pieces.strata,
                        weights=fit.pieces.sets.weights)  # fmt: skip
    cluster = None
    if r["cluster"]:
        cluster = table(r["data"])[r["cluster"]].reindex(fit.tte.index).to_numpy()
    assert_close(counts(found), r["concordance"][:5])
    assert_close(standard_error(found, fit.pieces.sets.weights, cluster), r["concordance"][6])


def test_by_hand():
    # unsorted; a censoring at a time of death is still at risk, deaths at the same time are not compared
    frame = pd.DataFrame({"time": [2, 1, 3, 2, 2, 4], "death": [1, 1, 0, 1, 0, 1], "m": [5, 4, 5, 1, 2, 3]})
    tte = TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"])
    found = concordance(tte, frame["m"].to_numpy())
    # death at 1, m 4: against 5 5 (discordant), 1 2 3 (concordant)
    # death at 2, m 5: against the censored 2 and 3 (concordant), 5 (tied)
    # death at 2, m 1: against 2, 5, 3 (discordant)
    assert counts(found) == [5, 5, 1, 1, 0]
    assert found.estimate == 5.5 / 11
    assert (found.n, found.n_event) == (6, 4)
    assert list(found.tidy().columns) == ["estimate", "std_error", "conf_low", "conf_high", "n", "n_event"]
    assert "11 usable pairs" in repr(found)


def naive(start, time, event, m, w, strata):
    found = np.zeros(5)
    n = len(time)
    for i in range(n):
        for j in range(n):
            if not event[i] or i == j or strata[i] != strata[j]:
                continue
            pair = w[i] * w[j]
            if time[i] == time[j] and event[j]:
                found[4 if m[i] == m[j] else 3] += pair / 2
            elif start[j] < time[i] <= time[j]:
                found[0 if m[i] > m[j] else 1 if m[i] < m[j] else 2] += pair
    return found


def c_of(found):
    return (found[0] + found[2] / 2) / found[:3].sum()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(4, 25), st.booleans())
def test_brute_force(seed, n, delayed):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 4, n).astype(float) if delayed else np.full(n, -np.inf)
    time = np.maximum(start, 0) + rng.integers(1, 5, n)
    event, m, w, strata = (
        rng.random(n) < 0.6,
        rng.integers(0, 5, n).astype(float),
        rng.integers(1, 4, n) / 2,
        rng.integers(0, 2, n),
    )
    found = count_pairs(start, time, event, m, strata=strata, weights=w)
    slow = naive(start, time, event, m, w, strata)
    assert counts(found) == pytest.approx(slow.tolist(), abs=1e-12)
    if slow[:3].sum() == 0:
        assert math.isnan(found.c)
        return
    # the infinitesimal jackknife: how C moves with each weight
    h = 1e-6
    moves = []
    for i in range(n):
        up, down = w.copy(), w.copy()
        up[i] += h
        down[i] -= h
        moves.append(
            w[i]
            * (
                c_of(naive(start, time, event, m, up, strata))
                - c_of(naive(start, time, event, m, down, strata))
            )
            / (2 * h)
        )
    assert standard_error(found, w, None) == pytest.approx(math.sqrt(np.sum(np.square(moves))), abs=1e-7)


def test_a_higher_marker_is_a_higher_hazard():
    frame = pd.DataFrame({"time": [1, 2, 3, 4], "death": 1, "m": [4, 3, 2, 1]})
    tte = TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"])
    assert concordance(tte, frame["m"]).estimate == 1
    assert concordance(tte, -frame["m"]).estimate == 0
    shuffled = frame.sample(frac=1, random_state=2)
    assert concordance(tte, shuffled["m"]).estimate == 1


def test_refusals():
    frame = pd.DataFrame({"time": [1, 2, 3], "state": [1, 2, 0], "m": [1.0, 2, np.nan]})
    tte = TimeToEvent.from_frame(frame, time="time", state="state", states=["Liver", "Death"])
    with pytest.raises(EndpointError, match="concordance takes one kind of event"):
        concordance(tte, frame["m"])
    with pytest.raises(EndpointError, match=r"marker is missing or infinite in 1 row .index 2."):
        concordance(tte.only("Liver"), frame["m"])
    with pytest.raises(EndpointError, match="marker must hold numbers"):
        concordance(tte.only("Liver"), ["a", "b", "c"])
    with pytest.raises(EndpointError, match="No two patients can be compared"):
        concordance(tte.only("Liver").take(np.array([1, 2])), np.array([1.0, 2.0]))
    assert "other causes (Death) censored" in concordance(tte.only("Liver"), frame["m"].fillna(0)).method
