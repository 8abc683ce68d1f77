"""Harrell's and Uno's concordance against R and scikit-survival, by hand, by brute force, and in what must not matter."""

import bisect
import json
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cox_reference import MARKERS, MODELS, assert_close, fitted, table
from hypothesis import given, settings
from hypothesis import strategies as st

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.agreement import concordance, count_pairs, standard_error
from haip_outcomes.survival.pairs_kernel import pairs
from haip_outcomes.survival.time_to_event import TimeToEvent

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
QUESTIONS = {
    q["name"]: q
    for q in json.loads((REFERENCE / "concordance.json").read_text(encoding="utf-8"))["questions"]
}


@lru_cache
def read(name):
    return pd.read_csv(REFERENCE / "data" / f"{name}.csv")


def asked(q):
    """The rows that R was asked about."""
    frame = read(q["data"])
    for column, value in (q["keep"] or {}).items():
        frame = frame[frame[column] == value]
    frame = frame.dropna(subset=[q[role] for role in ("marker", "strata", "weights") if q[role]])
    return frame.assign(**{q["time"]: np.round(frame[q["time"]] / 30.4375)}) if q["months"] else frame


def counts(found):
    return [found.concordant, found.discordant, found.tied_marker, found.tied_time, found.tied_both]


def assert_counts(found, q):
    """R's counts; its tied.y with delayed entry and a horizon is left out, as concordance.R says why."""
    known = [k for k in range(5) if q["count"][k] is not None]
    assert_close([counts(found)[k] for k in known], [q["count"][k] for k in known])


@pytest.mark.parametrize("name", QUESTIONS)
def test_r_pairs_and_standard_error(name):
    q = QUESTIONS[name]
    frame = asked(q)
    start = frame[q["entry"]].to_numpy(float) if q["entry"] else np.full(len(frame), -np.inf)
    weights = frame[q["weights"]].to_numpy() if q["weights"] else np.ones(len(frame))
    found = count_pairs(
        start, frame[q["time"]].to_numpy(float), frame[q["status"]].to_numpy() == 1, frame[q["marker"]].to_numpy(float),
        strata=frame[q["strata"]].to_numpy() if q["strata"] else None, weights=weights, weighting=q["weighting"],
        horizon=q["horizon"],
    )  # fmt: skip
    assert len(frame) == q["n"]
    assert_close(found.c, q["concordance"])
    assert_counts(found, q)
    assert_close(
        standard_error(found, weights, frame[q["cluster"]].to_numpy() if q["cluster"] else None),
        q["std_error"],
    )
    if "influence" in q:
        assert_close(found.influence, q["influence"])


# a patient's rows that overlap in time (two eyes, two outcomes) are not a TimeToEvent, and weights have no public door
PUBLIC = [name for name, q in QUESTIONS.items() if not q["weights"] and (q["entry"] or not q["cluster"])]


@pytest.mark.parametrize("name", PUBLIC)
def test_r_through_the_public_door(name):
    q = QUESTIONS[name]
    frame = asked(q)
    tte = TimeToEvent.from_frame(
        frame, time=q["time"], state=q["status"], states=["Event"], entry=q["entry"], id=q["cluster"]
    )
    strata = frame[q["strata"]] if q["strata"] else None
    found = concordance(
        tte, frame[q["marker"]], weighting=q["weighting"], horizon=q["horizon"], strata=strata
    )
    assert_close([found.estimate, found.std_error], [q["concordance"], q["std_error"]])
    assert_counts(found, q)
    assert_close(found.conf_high - found.conf_low, 2 * 1.959963984540054 * q["std_error"])
    # the other way round, by the order of the rows and by another unit of time: the same
    turned = concordance(
        tte, -frame[q["marker"]].iloc[::-1], weighting=q["weighting"], horizon=q["horizon"], strata=strata
    )
    assert_close([turned.estimate, turned.std_error], [1 - found.estimate, found.std_error], 1e-12)
    mixed = np.random.default_rng(5).permutation(len(frame))
    shuffled = concordance(
        tte.take(mixed), frame[q["marker"]], weighting=q["weighting"], horizon=q["horizon"], strata=strata
    )
    assert_close([shuffled.estimate, shuffled.std_error], [found.estimate, found.std_error], 1e-12)


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


def test_uno_by_hand():
    frame = pd.DataFrame(
        {"time": [1, 2, 2, 3, 4, 4, 5, 6], "death": [1, 1, 0, 0, 1, 0, 1, 0], "m": [3, 1, 2, 4, 2, 1, 5, 0]}
    )
    tte = TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"])
    # G(t-) is 1 at 1 and at 2. At 2 seven are at risk, one dies, one of the other six is censored; at 3 one of five: at 4,
    # G = 5/6 * 4/5 = 2/3. At 4 one of the three who don't die then is censored: at 5, G = 4/9.
    # Each death has 1/G^2 = 1, 1, 9/4 and 81/16 for
    # 1, m 3: more than 1 2 2 1 0, less than 4 5           5 concordant, 2 discordant
    # 2, m 1: more than 0, less than 2 4 2 5, as 1         1, 4 and 1 tied
    # 4, m 2: more than 1 0, less than 5                   2, 1
    # 5, m 5: more than 0                                  1
    found = concordance(tte, frame["m"], weighting="uno")
    assert counts(found) == pytest.approx([6 + 9 / 2 + 81 / 16, 6 + 9 / 4, 1, 0, 0], abs=1e-12)
    assert found.estimate == pytest.approx((249 / 16 + 1 / 2) / (249 / 16 + 33 / 4 + 1), abs=1e-14)
    by_four = concordance(tte, frame["m"], weighting="uno", horizon=4)  # the death at 4 still counts
    assert counts(by_four) == pytest.approx([6 + 9 / 2, 6 + 9 / 4, 1, 0, 0], abs=1e-12)
    assert counts(concordance(tte, frame["m"], horizon=3.99)) == [6, 6, 1, 0, 0]
    assert (by_four.n, by_four.n_event, found.n_event) == (8, 3, 4)


def naive(start, time, event, m, w, strata, time_weight=None):
    v = np.ones(len(time)) if time_weight is None else time_weight
    found = np.zeros(5)
    n = len(time)
    for i in range(n):
        for j in range(n):
            if not event[i] or i == j or strata[i] != strata[j]:
                continue
            pair = w[i] * w[j] * v[i]
            if time[i] == time[j] and event[j]:
                found[4 if m[i] == m[j] else 3] += pair / 2
            elif start[j] < time[i] <= time[j]:
                found[0 if m[i] > m[j] else 1 if m[i] < m[j] else 2] += pair
    return found


def naive_weights(time, event, w, strata, horizon):
    """1/G(t-)^2 of each event up to the horizon, one factor a censoring time, by the definition."""
    v = np.zeros(len(time))
    for i in np.flatnonzero(event & (time <= horizon)):
        own = strata == strata[i]
        g = 1.0
        for u in np.unique(time[own & ~event & (time < time[i])]):
            at_risk = own & ((time > u) | ((time == u) & ~event))
            g *= 1 - w[own & ~event & (time == u)].sum() / w[at_risk].sum()
        v[i] = 1 / g**2 if event[own].sum() > 1 else 1.0
    return v


def c_of(found):
    return (found[0] + found[2] / 2) / found[:3].sum()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 25), st.integers(1, 20), st.integers(1, 20),
       st.sampled_from(["harrell", "delayed", "uno"]), st.booleans())  # fmt: skip
def test_brute_force(seed, n, n_times, n_markers, kind, early):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 4, n).astype(float) if kind == "delayed" else np.full(n, -np.inf)
    time = np.maximum(start, 0) + rng.integers(1, n_times + 1, n)
    event, m, w, strata = (
        rng.random(n) < 0.6,
        rng.integers(-3, n_markers - 3, n) / 2,
        rng.integers(1, 4, n) / 2,
        rng.integers(0, 3, n),
    )
    horizon = float(np.median(time)) if early else None
    until = np.inf if horizon is None else horizon
    v = naive_weights(time, event, w, strata, until) if kind == "uno" else (time <= until).astype(float)
    weighting = "uno" if kind == "uno" else "harrell"
    found = count_pairs(start, time, event, m, strata=strata, weights=w, weighting=weighting, horizon=horizon)
    slow = naive(start, time, event, m, w, strata, v)
    assert counts(found) == pytest.approx(slow.tolist(), rel=1e-12, abs=1e-12)
    if slow[:3].sum() == 0:
        assert math.isnan(found.c)
        assert math.isnan(standard_error(found, w, None))
        return
    # the infinitesimal jackknife: how C moves with each weight, the weights of Uno's events as they are
    h = 1e-6
    moves = []
    for i in range(n):
        up, down = w.copy(), w.copy()
        up[i] += h
        down[i] -= h
        difference = c_of(naive(start, time, event, m, up, strata, v)) - c_of(
            naive(start, time, event, m, down, strata, v)
        )
        moves.append(w[i] * difference / (2 * h))
    assert standard_error(found, w, None) == pytest.approx(math.sqrt(np.sum(np.square(moves))), abs=1e-7)


def one_by_one(time, event, m):
    """Each patient's concordant, discordant and tied pairs, of lists kept in order: no tree, no merging."""
    found = np.zeros((len(time), 3))
    order = np.argsort(time)
    groups = np.split(order, np.flatnonzero(np.diff(time[order])) + 1)
    later = []
    for rows in reversed(groups):  # events against those who leave later, or are censored at the same time
        for j in rows[~event[rows]]:
            bisect.insort(later, m[j])
        for i in rows[event[rows]]:
            low, high = bisect.bisect_left(later, m[i]), bisect.bisect_right(later, m[i])
            found[i] += low, len(later) - high, high - low
        for j in rows[event[rows]]:
            bisect.insort(later, m[j])
    earlier = []
    for rows in groups:  # and everybody against the events before
        for asking in (True, False):  # those with an event at the time, and then those censored at it
            for j in rows[event[rows] == asking]:
                low, high = bisect.bisect_left(earlier, m[j]), bisect.bisect_right(earlier, m[j])
                found[j] += len(earlier) - high, low, high - low
            if asking:
                for i in rows[event[rows]]:
                    bisect.insort(earlier, m[i])
    return found


@pytest.mark.parametrize("n", [700, 3000, 40_000])  # 2, 3 and 4 layers of the tree, where no times are tied
@pytest.mark.parametrize("ties", ["none", "markers", "times", "both"])
@pytest.mark.parametrize("n_strata", [1, 3])
def test_larger_than_a_node(n, ties, n_strata):
    rng = np.random.default_rng([n, n_strata])
    time, m = rng.exponential(10, n), rng.standard_normal(n)
    time = np.round(time) if ties in ("times", "both") else time
    m = np.round(m, 1) if ties in ("markers", "both") else m
    event, strata = rng.random(n) < 0.5, rng.integers(0, n_strata, n)
    found = count_pairs(None, time, event, m, strata=strata if n_strata > 1 else None)
    by_lists = np.zeros((n, 3))
    for s in range(n_strata):
        own = strata == s
        by_lists[own] = one_by_one(time[own], event[own], m[own])
    assert np.array_equal(found.influence, by_lists)
    assert counts(found)[:3] == (by_lists.sum(axis=0) / 2).tolist()
    alike = pd.DataFrame({"s": strata, "t": time, "m": m})[event]
    tied, tied_both = (
        sum(k * (k - 1) / 2 for k in alike.groupby(by).size()) for by in (["s", "t"], ["s", "t", "m"])
    )
    assert counts(found)[3:] == [tied - tied_both, tied_both]
    never = count_pairs(np.zeros(n), time + 1, event, m, strata=strata)  # entry before the first time is no entry
    assert np.array_equal(never.influence, found.influence)


@pytest.mark.parametrize("n_strata", [1, 40])
def test_many_places_with_weights_and_entry(n_strata):
    """Against all pairs, one event at a time."""
    rng = np.random.default_rng(n_strata)
    n = 2500
    start = np.where(rng.random(n) < 0.4, rng.integers(0, 900, n), 0).astype(float)
    time = start + rng.integers(1, 1500, n)
    event, m, w = rng.random(n) < 0.4, np.round(rng.standard_normal(n), 2), rng.uniform(0.5, 2, n)
    strata, horizon = rng.integers(0, n_strata, n), 1400.0
    found = count_pairs(start, time, event, m, strata=strata, weights=w, horizon=horizon)
    slow = np.zeros((n, 3))
    for i in np.flatnonzero(event & (time <= horizon)):
        later = (strata == strata[i]) & (start < time[i]) & ((time > time[i]) | ((time == time[i]) & ~event))
        for column, pair in enumerate((m < m[i], m > m[i], m == m[i])):
            slow[i, column] += w[later & pair].sum()
            slow[later & pair, column] += w[i]
    assert np.abs(found.influence - slow).max() < 1e-14 * slow.max()  # differences of sums: what is 0 is so but for rounding
    assert_close(counts(found)[:3], w @ slow / 2, 1e-12)


def test_a_subset_of_levels_with_ties():
    """As many levels as points is not the same as no two alike: the levels may be those of a larger set."""
    moment, level = np.array([0, 3, 2, 5]), np.array([1, 1, 3, 0])
    found, _, _ = pairs(moment, level, np.zeros(4, dtype=np.int64), np.ones(4), np.array([1.0, 0, 1, 0]), 6, 4, 1)
    # the event at 0, level 1: tied, below 3, above 0; the event at 2, level 3: above the two after it
    assert found.tolist() == [[1, 1, 1], [1, 0, 1], [2, 1, 0], [2, 0, 0]]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(3, 40), st.sampled_from(["harrell", "uno"]))
def test_a_weight_of_two_is_two_patients(seed, n, weighting):
    rng = np.random.default_rng(seed)
    start, time = np.full(n, -np.inf), rng.integers(1, 12, n).astype(float)
    event, m, copies = rng.random(n) < 0.5, rng.integers(0, 8, n).astype(float), rng.integers(1, 3, n)
    each = np.repeat(np.arange(n), copies)
    weighted = count_pairs(start, time, event, m, weights=copies.astype(float), weighting=weighting)
    copied = count_pairs(start[each], time[each], event[each], m[each], weighting=weighting)
    # two copies of a patient are no usable pair. But an only event keeps the weight 1, and its copy makes two of it
    if weighting == "harrell" or event.sum() > 1:
        assert counts(copied)[:4] == pytest.approx(counts(weighted)[:4], rel=1e-12)


@pytest.mark.parametrize("months", [False, True])
@pytest.mark.parametrize("name", ["lung_age", "gbsg_nodes", "flchain_age", "mgus2_hgb"])
def test_scikit_survival_agrees_where_it_can(name, months):
    """Its Harrell everywhere; its Uno only while no censoring shares its time with a death, for it takes G(t) and not G(t-)."""
    metrics = pytest.importorskip("sksurv.metrics")
    util = pytest.importorskip("sksurv.util")
    q = QUESTIONS[name]
    frame = asked({**q, "months": months})
    frame = frame[frame[q["time"]] > 0]
    time = frame[q["time"]].to_numpy(float)
    if not months:  # no two at one time
        time += np.random.default_rng(7).permutation(len(time)) * (0.5 / len(time))
    tte = TimeToEvent.from_frame(frame.assign(t=time), time="t", state=q["status"], states=["Event"])
    y = util.Surv.from_arrays(tte.state > 0, tte.time)
    marker = frame[q["marker"]].to_numpy(float)
    theirs = metrics.concordance_index_censored(y["event"], y["time"], marker)
    ours = concordance(tte, marker)
    if months:  # it counts a death and another one at the same time that the marker ties, too
        assert theirs[1:3] == (ours.concordant, ours.discordant)
    else:
        assert theirs[:4] == pytest.approx((ours.estimate, *counts(ours)[:3]), abs=1e-12)
    tau = float(np.quantile(tte.time, 0.6))
    uno = concordance(tte, marker, weighting="uno", horizon=tau).estimate
    past = np.nextafter(tau, np.inf)  # its tau is not reached, ours is
    difference = abs(uno - metrics.concordance_index_ipcw(y, y, marker, tau=past)[0])
    assert (difference > 1e-6) if months else (difference < 1e-9)


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
    lone = tte.only("Liver")
    with pytest.raises(EndpointError, match=r"no event happened by 0\.5 months while"):
        concordance(lone, np.ones(3), horizon=0.5)
    for horizon in (-1, np.nan, np.inf, "soon", [1, 2]):
        with pytest.raises(EndpointError, match="horizon must be one time, in months, at or after zero"):
            concordance(lone, np.ones(3), horizon=horizon)
    with pytest.raises(EndpointError, match=r'no weighting "Uno" of pairs. Did you mean "uno"'):
        concordance(lone, np.ones(3), weighting="Uno")
    with pytest.raises(EndpointError, match="conf_level is a share"):
        concordance(lone, np.ones(3), conf_level=95)
    with pytest.raises(EndpointError, match="one value for each of the 3 rows"):
        concordance(lone, np.ones(2))
    with pytest.raises(EndpointError, match="strata is missing in 1 row"):
        concordance(lone, np.ones(3), strata=["a", None, "b"])
    late = TimeToEvent.from_frame(
        frame.assign(entry=[0, 0.5, 1]), time="time", state="state", states=["Liver", "Death"], entry="entry"
    )
    with pytest.raises(
        EndpointError, match=r"Uno's weights need everybody followed from time zero, and 2 rows begin later"
    ):
        concordance(late.only("Liver"), np.ones(3), weighting="uno")
    assert "other causes (Death) censored" in concordance(tte.only("Liver"), frame["m"].fillna(0)).method


@pytest.mark.parametrize("weighting", ["harrell", "uno"])
def test_edges(weighting):
    def times(time, death):
        return TimeToEvent.from_frame(
            pd.DataFrame({"t": time, "d": death}), time="t", state="d", states=["Death"]
        )

    # no events, one patient, only tied events: nobody to compare (R: NaN, or an error of its own)
    for tte in (times([1, 2, 3], [0, 0, 0]), times([2], [1]), times([2], [0]), times([4, 4, 4], [1, 1, 1])):
        with pytest.raises(EndpointError, match="No two patients can be compared"):
            concordance(tte, np.arange(len(tte)), weighting=weighting)
    # all markers tied: chance, without error, as in R
    same = concordance(times([1, 2, 3, 3], [1, 1, 1, 1]), np.full(4, 7), weighting=weighting)
    assert (same.estimate, same.std_error, *counts(same)) == (0.5, 0, 0, 0, 5, 0, 1)
    # an event at time 0 is one; one stratum without pairs adds nothing
    alone = concordance(times([0, 2, 5], [1, 0, 1]), [3, 1, 9], strata=["a", "a", "b"], weighting=weighting)
    assert counts(alone) == [1, 0, 0, 0, 0]
    assert alone.method.startswith({"harrell": "Harrell's", "uno": "Uno's"}[weighting])


def test_entry_at_zero_is_no_delayed_entry():
    frame = read("cox_lung").assign(zero=0)
    whole = TimeToEvent.from_frame(frame, time="days", state="dead", states=["Death"])
    entered = TimeToEvent.from_frame(frame, time="days", state="dead", states=["Death"], entry="zero")
    for weighting in ("harrell", "uno"):
        one, other = (
            concordance(tte, frame["age"], weighting=weighting, horizon=365) for tte in (whole, entered)
        )
        assert (one.estimate, one.std_error, counts(one)) == (other.estimate, other.std_error, counts(other))


def test_a_patient_cut_into_rows_is_one_patient():
    frame = read("cox_lung")[["days", "dead", "age"]].assign(patient=lambda f: f.index, entry=0.0)
    whole = TimeToEvent.from_frame(
        frame, time="days", state="dead", states=["Death"], entry="entry", id="patient"
    )
    long = frame["days"] > 200
    first = frame[long].assign(days=200, dead=0)
    cut = pd.concat([frame.assign(entry=np.where(long, 200.0, 0.0)), first], ignore_index=True)
    rows = TimeToEvent.from_frame(
        cut, time="days", state="dead", states=["Death"], entry="entry", id="patient"
    )
    for horizon in (None, 300):
        one, other = (
            concordance(whole, frame["age"], horizon=horizon),
            concordance(rows, cut["age"], horizon=horizon),
        )
        assert_close(
            [other.estimate, other.std_error, *counts(other)],
            [one.estimate, one.std_error, *counts(one)],
            1e-12,
        )
        assert (other.n, other.n_event) == (one.n, one.n_event)


def test_what_it_says_of_itself():
    frame = read("cox_lung")
    tte = TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    uno = concordance(tte, frame["age"], weighting="uno", horizon=12, strata=frame["sex"])
    deaths = int((frame["dead"] * (frame["months"] <= 12)).sum())
    assert uno.method == ("Uno's concordance (events weighted by 1/G(t-)^2, G of the censoring), events up to 12 months, "
                          f"stratified by sex; 228 patients, {deaths} events")  # fmt: skip
    assert len(uno.tidy()) == 1
    glance = uno.glance()
    assert list(glance.columns) == ["n", "n_event", "concordant", "discordant", "tied_marker", "tied_time", "tied_both",
                                    "weighting", "horizon"]  # fmt: skip
    assert glance.iloc[0].to_list() == [228, deaths, *counts(uno), "uno", 12.0]
    assert np.isnan(concordance(tte, frame["age"]).glance()["horizon"][0])
    narrow, wide = (concordance(tte, frame["age"], conf_level=level) for level in (0.5, 0.99))
    assert wide.conf_low < narrow.conf_low < narrow.estimate < narrow.conf_high < wide.conf_high
