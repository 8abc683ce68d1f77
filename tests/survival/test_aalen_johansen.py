from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from curves_reference import assert_close, data, hand, reference, times
from hypothesis import given, settings
from hypothesis import strategies as st
from test_counts import cut

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.counts import risk_sets
from haip_outcomes.survival.curves.aalen_johansen import cumulative_incidence
from haip_outcomes.survival.curves.kaplan_meier import survival_curve

JACKKNIFE = "infinitesimal-jackknife"
STATES = ("Progression", "Death")


def incidences():
    mgus, bmt = data("mgus"), data("bmt")
    months, years = times(mgus, "time", "state", *STATES), times(mgus, "year", "state", *STATES)
    marrow = times(bmt, "time", "state", *STATES)
    older = mgus[mgus["age"] >= 50]
    age = times(older, "exit", "state", *STATES, entry="age")
    yield "mgus cmprsk", lambda: cumulative_incidence(months)
    yield "mgus years cmprsk", lambda: cumulative_incidence(years, mgus["sex"])
    yield "bmt cmprsk", lambda: cumulative_incidence(marrow, bmt["group"])
    yield "mgus jackknife", lambda: cumulative_incidence(months, variance=JACKKNIFE)
    yield "mgus years jackknife", lambda: cumulative_incidence(years, mgus["sex"], variance=JACKKNIFE)
    yield "mgus weighted", lambda: cumulative_incidence(years, mgus["sex"], weights=mgus["weight"], variance=JACKKNIFE)
    yield "bmt jackknife", lambda: cumulative_incidence(marrow, bmt["group"], variance=JACKKNIFE)
    yield "mgus by age jackknife", lambda: cumulative_incidence(age, mgus["sex"], variance=JACKKNIFE)
    yield "mgus by age jackknife weighted", lambda: cumulative_incidence(age, weights=mgus["weight"], variance=JACKKNIFE)


def compare(ours: pd.DataFrame, case: str) -> None:
    theirs = pd.DataFrame(reference()[case])
    theirs["group"] = theirs.get("group", "")
    theirs = theirs.sort_values(["group", "time", "cause"]).reset_index(drop=True)
    assert ours["group"].fillna("").tolist() == theirs["group"].tolist()
    assert ours["outcome"].tolist() == [STATES[cause - 1] for cause in theirs["cause"]]
    for column in ("time", "estimate", "std_error", "conf_low", "conf_high"):
        assert_close(ours[column], theirs[column].astype(float), f"{case}: {column}")


@pytest.mark.parametrize(("case", "call"), list(incidences()), ids=lambda value: value if isinstance(value, str) else "")
def test_equals_cuminc_or_survfit(case, call):
    compare(call().tidy(), case)


def test_at_equals_summary_survfit():
    fit = cumulative_incidence(times(data("mgus"), "time", "state", *STATES), variance=JACKKNIFE)
    compare(fit.at([0, 0.5, 1, 60, 120, 500]), "mgus jackknife at")
    assert fit.at([0, 500])["n_risk"].tolist() == [1384, 1384, 0, 0]


def test_worked_example_of_the_methods():
    bmt = data("bmt")
    tte = times(bmt, "time", "state", "Relapse", "Death in remission")
    fit = cumulative_incidence(tte, variance=JACKKNIFE)
    relapse = fit.at(365).iloc[0]
    assert_close(relapse[["estimate", "std_error", "conf_low", "conf_high"]],
                 [0.21216545012165453, 0.03497762528924077, 0.1481327906594421, 0.28401795199431923])  # fmt: skip
    assert relapse["n_risk"] == 79
    assert_close(fit.event_free().query("time <= 365")["estimate"].iloc[-1], 0.5830494728304948)
    assert round(cumulative_incidence(tte).at(365)["std_error"].iloc[0], 6) == 0.035142  # Aalen's form: another number
    assert_close(1 - survival_curve(tte.only("Relapse")).at(365)["estimate"], [0.24118346317031691])


def test_six_patients_in_exact_fractions():
    # unsorted; an event in the first row; a tie of an event and a censoring; a tie of two causes
    tte = hand([6, 2, 4, 4, 6, 9], [1, 1, 2, 0, 2, 0], "Liver", "Death")
    found = cumulative_incidence(tte).at([2, 4, 6, 9])
    sixth, fifth, third = Fraction(1, 6), Fraction(1, 5), Fraction(1, 3)
    liver = [sixth, sixth, sixth + Fraction(5, 6) * (1 - fifth) * third]
    death = [Fraction(0), Fraction(5, 6) * fifth, Fraction(5, 6) * fifth + Fraction(5, 6) * (1 - fifth) * third]
    for outcome, exact in (("Liver", liver), ("Death", death)):
        ours = found[found["outcome"] == outcome]["estimate"]
        assert_close(ours, [float(f) for f in [*exact, exact[-1]]])
    assert found["n_risk"].tolist() == [6, 6, 5, 5, 3, 3, 1, 1]


def test_columns_order_and_words():
    mgus = data("mgus")
    fit = cumulative_incidence(times(mgus, "year", "state", *STATES, label="Progression"), mgus["sex"])
    tidy = fit.tidy()
    assert tidy.columns.tolist() == ["outcome", "group", "time", "estimate", "std_error", "conf_low", "conf_high",
                                     "n_event", "n_risk", "n_censor"]  # fmt: skip
    rank = tidy["outcome"].map({"Progression": 0, "Death": 1})
    assert tidy.assign(rank=rank).sort_values(["group", "time", "rank"]).index.tolist() == list(range(len(tidy)))
    assert tidy.groupby("outcome")["n_event"].sum().to_dict() == {"Progression": 115, "Death": 860}
    assert fit.n == (631, 753)
    assert sum(fit.n_event("Death")) == 860
    assert fit.method == ("Cumulative incidence by Aalen-Johansen, cmprsk standard error, 95% log-log limits; 1384 patients; "
                          "Progression 115, Death 860")  # fmt: skip
    assert repr(fit).startswith("Progression: Cumulative incidence")
    assert "<table" in fit._repr_html_()
    assert cumulative_incidence(times(mgus, "year", "state", *STATES)).tidy()["group"].isna().all()


def test_weights_and_delayed_entry_have_only_the_jackknife():
    late = hand([2, 4], [1, 2], "Liver", "Death", entry=[0, 1])
    with pytest.raises(EndpointError, match=r"delayed entry: pass variance=\"infinitesimal-jackknife\""):
        cumulative_incidence(late)
    with pytest.raises(EndpointError, match="weights: pass variance"):
        cumulative_incidence(hand([2, 4], [1, 2], "Liver", "Death"), weights=[1, 2])
    with pytest.raises(EndpointError, match="Known: cmprsk"):
        cumulative_incidence(late, variance="jackknife")
    assert "delayed entry" in cumulative_incidence(late, variance=JACKKNIFE).method


def test_no_events():
    fit = cumulative_incidence(hand([1, 2], [0, 0], "Liver", "Death")).tidy()
    assert fit["estimate"].tolist() == [0, 0, 0, 0]
    assert fit["std_error"].tolist() == [0, 0, 0, 0]
    assert fit[["conf_low", "conf_high"]].isna().all(axis=None)


competing = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 2)), min_size=1, max_size=14)


@given(competing, st.randoms(use_true_random=False), st.sampled_from(["cmprsk", JACKKNIFE]))
def test_incidences_and_survival_add_up_to_one_in_any_order(drawn, chance, variance):
    fit = cumulative_incidence(hand(*zip(*drawn, strict=True), "Liver", "Death"), variance=variance)
    total = fit.tidy().groupby("time")["estimate"].sum().to_numpy() + fit.event_free()["estimate"].to_numpy()
    np.testing.assert_allclose(total, 1, rtol=0, atol=1e-14)
    chance.shuffle(drawn)
    again = cumulative_incidence(hand(*zip(*drawn, strict=True), "Liver", "Death"), variance=variance)
    pd.testing.assert_frame_equal(again.tidy(), fit.tidy(), rtol=1e-10, atol=1e-7)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 1)), min_size=1, max_size=14))
def test_one_cause_is_kaplan_meier(drawn):
    tte = hand(*zip(*drawn, strict=True))
    incidence, curve = cumulative_incidence(tte, variance=JACKKNIFE).tidy(), survival_curve(tte).tidy()
    assert_close(incidence["estimate"], 1 - curve["estimate"])
    alive = curve["estimate"] > 0  # without weights the jackknife of a single cause is Greenwood's
    assert_close(incidence["std_error"][alive], curve["std_error"][alive])


states = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(1, 3)), min_size=1, max_size=14)
KINDS = ("Liver", "Lung", "Death")


@given(states)
def test_weights_are_copies_and_doubling_changes_no_estimate(drawn):
    time, state, weight = (np.array(column) for column in zip(*drawn, strict=True))
    weighted = cumulative_incidence(hand(time, state, *KINDS), weights=weight, variance=JACKKNIFE).tidy()
    copies = cumulative_incidence(hand(time.repeat(weight), state.repeat(weight), *KINDS)).tidy()
    for column in ("outcome", "time", "n_event", "n_risk", "n_censor"):
        assert weighted[column].tolist() == copies[column].tolist()
    assert_close(weighted["estimate"], copies["estimate"])
    doubled = cumulative_incidence(hand(time.repeat(2), state.repeat(2), *KINDS), variance=JACKKNIFE).tidy()
    once = cumulative_incidence(hand(time, state, *KINDS), variance=JACKKNIFE).tidy()
    assert_close(doubled["estimate"], once["estimate"])
    assert_close(doubled["std_error"] * np.sqrt(2), once["std_error"])  # of the jackknife; cmprsk's has finite-sample terms


@given(states, st.integers(1, 60))
def test_time_scale_changes_only_times(drawn, factor):
    time, state, _ = (np.array(column) for column in zip(*drawn, strict=True))
    for variance in ("cmprsk", JACKKNIFE):
        one = cumulative_incidence(hand(time, state, *KINDS), variance=variance).tidy()
        other = cumulative_incidence(hand(time * factor / 7, state, *KINDS), variance=variance).tidy()
        pd.testing.assert_frame_equal(other.drop(columns="time"), one.drop(columns="time"), rtol=1e-12)
        assert_close(other["time"], one["time"] * factor / 7)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6), st.integers(0, 3)), min_size=1, max_size=12),
    st.lists(st.integers(1, 10), max_size=3),
)
def test_cutting_patients_into_rows_changes_nothing(drawn, cuts):
    frame = pd.DataFrame(drawn, columns=["entry", "length", "state"])
    frame["time"] = frame["entry"] + frame["length"]
    rows = cut(frame, cuts)
    whole = cumulative_incidence(times(frame, "time", "state", *KINDS, entry="entry"), variance=JACKKNIFE).tidy()
    parts = cumulative_incidence(times(rows, "time", "state", *KINDS, entry="entry", id="id"), variance=JACKKNIFE).tidy()
    pd.testing.assert_frame_equal(parts, whole, rtol=1e-10, atol=1e-12)


@given(states)
def test_cmprsk_variance_is_its_formula(drawn):
    """The sums v1, v2, v3 as cuminc takes them, one time after the other."""
    time, state, _ = (np.array(column) for column in zip(*drawn, strict=True))
    fit = cumulative_incidence(hand(time, state, *KINDS))
    for k in range(3):
        s_before, f, v1, v2, v3, expected = 1.0, 0.0, 0.0, 0.0, 0.0, []
        for t in np.unique(time):
            n, own = np.sum(time >= t), np.sum((time == t) & (state == k + 1))
            others = np.sum((time == t) & (state > 0)) - own
            s, f = s_before * (n - own - others) / n, f + s_before * own / n
            for m, plus in ((others if s > 0 else 0, 0), (own, 1)):
                if m:
                    q = s_before**2 * m * (1 - (m - 1) / (n - 1) if m > 1 else 1) / n**2
                    a, b = (f / s + plus, 1 / s) if s > 0 else (plus, 0)
                    v1, v2, v3 = v1 + a * a * q, v2 + a * b * q, v3 + b * b * q
            expected.append(np.sqrt(max(v1 + f * f * v3 - 2 * f * v2, 0)))
            s_before = s
        np.testing.assert_allclose(fit.sets[0].everywhere(fit.errors[0], 0.0)[:, k], expected, rtol=1e-7, atol=1e-7)


def test_glance_is_the_end_of_the_curve():
    bmt = data("bmt")
    fit = cumulative_incidence(times(bmt, "time", "state", *STATES), bmt["group"])
    glance = fit.glance()
    assert glance.columns.tolist() == ["outcome", "group", "time", "estimate", "std_error", "conf_low", "conf_high", "n", "n_event"]
    last = fit.tidy().groupby(["group", "outcome"], sort=False).last().reset_index()
    pd.testing.assert_frame_equal(glance[["group", "outcome", "time", "estimate", "std_error"]], last[["group", "outcome", "time", "estimate", "std_error"]])
    assert glance["n_event"].sum() == (bmt["state"] > 0).sum()
    assert glance.query("outcome == 'Death'")["n"].tolist() == list(fit.n)
    with pytest.raises(EndpointError, match='Did you mean "Death"'):
        fit.n_event("death")


def dense_jackknife(tte, weights) -> np.ndarray:
    """A matrix of patients by states, moved on from time to time: the definition."""
    (one,) = risk_sets(tte, weights=weights)
    ids = np.arange(len(tte)) if tte.id is None else tte.id
    k = len(tte.states)
    p, u, out = np.array([1.0] + [0.0] * k), np.zeros((ids.max() + 1, k + 1)), []
    for t in one.time:
        risk = (tte.start < t) & (tte.time >= t)
        n = weights[risk].sum()
        h = np.array([weights[risk & (tte.time == t) & (tte.state == j)].sum() / n for j in range(1, k + 1)])
        stay = 1 - h.sum()
        moved = np.column_stack([u[:, 0] * stay, u[:, 1:] + u[:, :1] * h])
        for i in np.flatnonzero(risk):
            to = tte.state[i] if tte.time[i] == t else 0
            change = -np.array([stay, *h])
            change[to] += 1
            moved[ids[i]] += weights[i] * p[0] / n * change
        u, p = moved, np.array([p[0] * stay, *(p[1:] + p[0] * h)])
        out.append(np.sqrt((u[:, 1:] ** 2).sum(axis=0)))
    return np.array(out)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6), st.integers(0, 2)), min_size=1, max_size=12),
    st.lists(st.integers(1, 10), max_size=2),
    st.integers(0, 1000),
)
def test_jackknife_is_its_definition(drawn, cuts, seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(drawn, columns=["entry", "length", "state"])
    frame["time"] = frame["entry"] + frame["length"]
    frame = cut(frame, cuts)
    frame = frame[(frame["state"] > 0) | (rng.random(len(frame)) < 0.8)]  # gaps
    if not len(frame):
        return
    tte = times(frame, "time", "state", "Liver", "Death", entry="entry", id="id")
    weights = rng.uniform(0.2, 3, size=len(tte))  # also within a patient
    ours = cumulative_incidence(tte, weights=weights, variance=JACKKNIFE).tidy()["std_error"].to_numpy().reshape(-1, 2)
    np.testing.assert_allclose(ours, dense_jackknife(tte, weights), rtol=1e-8, atol=1e-13)


@pytest.mark.parametrize("whole", [True, False])
def test_jackknife_of_many_rows_is_its_definition_to_twelve_digits(whole):
    rng = np.random.default_rng(20261122)
    n = 700
    entry = rng.uniform(0, 20, n)
    frame = pd.DataFrame({"entry": entry, "time": entry + rng.exponential(10, n), "state": rng.integers(0, 4, n), "id": np.arange(n)})
    if whole:  # heavy ties
        frame["entry"], frame["time"] = np.floor(2 * frame["entry"]), np.ceil(2 * frame["time"])
    middle = (frame["entry"] + frame["time"]) / 2
    later = frame.assign(entry=middle.where(frame.index % 3 > 0, 0.3 * middle + 0.7 * frame["time"]))[frame.index % 2 == 0]  # some after a gap
    frame.loc[later.index, ["time", "state"]] = np.column_stack([middle[later.index], np.zeros(len(later))])
    frame = pd.concat([frame, later], ignore_index=True)
    tte = times(frame, "time", "state", "A", "B", "C", entry="entry", id="id")
    weights = rng.uniform(0.1, 5, len(frame))
    fit = cumulative_incidence(tte, weights=weights, variance=JACKKNIFE)
    np.testing.assert_allclose(fit.sets[0].everywhere(fit.errors[0], 0.0), dense_jackknife(tte, weights), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(fit.survival[0] + fit.incidence[0].sum(axis=1), 1, rtol=0, atol=4e-16)


def test_statsmodels_agrees():
    module = pytest.importorskip("statsmodels.duration.survfunc")
    mgus = data("mgus")
    theirs = module.CumIncidenceRight(mgus["year"].to_numpy(), mgus["state"].to_numpy())
    ours = cumulative_incidence(times(mgus, "year", "state", *STATES)).tidy()
    for k, outcome in enumerate(STATES):
        mine = ours[ours["outcome"] == outcome].set_index("time")["estimate"]
        assert_close(mine.loc[theirs.times], theirs.cinc[k])
