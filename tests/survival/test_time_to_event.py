import numpy as np
import pandas as pd
import pytest
from curves_reference import hand
from hypothesis import given
from hypothesis import strategies as st

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.time_to_event import TimeToEvent


def frame(**columns) -> pd.DataFrame:
    return pd.DataFrame({"time": [2.0, 5.0, 9.0], "state": [1, 0, 2], **columns}, index=[11, 12, 13])


def build(table: pd.DataFrame, **more) -> TimeToEvent:
    return TimeToEvent.from_frame(table, **{"time": "time", "state": "state", "states": ["Liver", "Death"], **more})


def test_from_frame():
    tte = build(frame(), unit="days", label="Liver", time_zero="pump placement")
    assert (len(tte), tte.n) == (3, 3)
    assert tte.counts == {"Liver": 1, "Death": 1, "censored": 1}
    assert np.isneginf(tte.start).all()
    assert repr(tte) == "TimeToEvent: Liver: 3 patients; Liver 1, Death 1, censored 1; days since pump placement"
    assert tte.code("Death") == 2


@pytest.mark.parametrize(
    ("table", "more", "message"),
    [
        (frame(time=[2, None, 9]), {}, r'"time" is missing or infinite in 1 row \(index 12\)'),
        (frame(time=[2, np.inf, 9]), {}, "missing or infinite"),
        (frame(time=[2, -1, 9]), {}, r"negative times in 1 row \(index 12\)"),
        (frame(time=["2", "5", "x"]), {}, '"time" must hold numbers'),
        (frame(state=[1, 3, 0]), {}, r"states other than 0 \(censored\) to 2 \(Death\) in 1 row \(index 12\)"),
        (frame(state=[1, 0.5, 0]), {}, "states other than"),
        (frame(), {"time": "tiem"}, 'There is no column "tiem". Did you mean "time"'),
        (frame(), {"states": "Death"}, r'write states=\["Death"\]'),
        (frame(), {"states": []}, "one or more different names"),
        (frame(), {"states": ["A", "A"]}, "one or more different names"),
        (frame(entry=[0, 5, 1]), {"entry": "entry"}, r'"entry" is at or after "time" in 1 row \(index 12\)'),
        (frame(entry=[0, -2, 1]), {"entry": "entry"}, "negative entry times"),
        (frame(who=["a", None, "b"]), {"id": "who"}, r'Column "who" is missing in 1 row \(index 12\)'),
        (frame(who=["a", "a", "b"]), {"id": "who"}, r"Rows of one patient overlap in 1 row \(index 12\)"),
        (frame().iloc[:0], {}, "no rows"),
        (frame().set_axis([1, 1, 2]), {}, "reset_index"),
    ],
)
def test_what_is_wrong_is_named(table, more, message):
    with pytest.raises(EndpointError, match=message):
        build(table, **more)


def test_many_rows_are_shortened():
    table = pd.DataFrame({"time": [-1.0] * 9, "state": [0] * 9})
    with pytest.raises(EndpointError, match=r"9 rows \(index 0, 1, 2, 3, 4, \.\.\.\)"):
        build(table)


def test_landmark_keeps_those_at_risk_and_counts_from_there():
    tte = hand([2, 5, 6, 9], [1, 1, 0, 1], entry=[0, 0, 5, 4]).landmark(5)
    assert tte.time.tolist() == [0, 4]  # dies at 5: still at risk at 5; enters at 5: not yet
    assert tte.state.tolist() == [1, 1]
    assert tte.entry is None
    assert tte.time_zero == "landmark at 5 months"
    assert tte.index.tolist() == [1, 3]
    with pytest.raises(EndpointError, match="Nobody is at risk at 20 months"):
        hand([2], [1]).landmark(20)
    with pytest.raises(EndpointError, match="at or after zero"):
        hand([2], [1]).landmark(-1)


def test_landmark_keeps_later_rows_of_the_same_patient():
    tte = hand([3, 8, 7], [0, 1, 0], entry=[0, 3, 4], id=[1, 1, 2]).landmark(2)
    assert tte.n == 1
    assert tte.time.tolist() == [1, 6]
    assert tte.entry.tolist() == [-np.inf, 1]


def test_only_and_any_event():
    tte = hand([2, 5, 9], [1, 0, 2], "Liver", "Death")
    only = tte.only("Liver")
    assert only.states == ("Liver",)
    assert only.state.tolist() == [1, 0, 0]
    assert only.caution == "other causes (Death) censored: not the probability of the event"
    assert "not the probability" in repr(only)
    both = tte.any_event("Liver or death")
    assert both.states == ("Liver or death",)
    assert both.state.tolist() == [1, 0, 1]
    assert both.caution == ""
    with pytest.raises(EndpointError, match='Did you mean "Death"'):
        tte.only("death")
    with pytest.raises(EndpointError, match="1 - KM overstates the risk"):
        tte.single("survival_curve")


def test_align_by_index_or_by_length():
    tte = build(frame())
    more = pd.Series([1, 2, 3, 4], index=[13, 12, 11, 99])
    assert tte.align(more, "weights").tolist() == [3, 2, 1]
    with pytest.raises(EndpointError, match=r"weights has no value for 1 row \(index 11\)"):
        tte.align(more.drop(11), "weights")
    with pytest.raises(EndpointError, match="has duplicates"):
        tte.align(pd.Series([1, 2, 3], index=[11, 11, 12]), "weights")
    with pytest.raises(EndpointError, match="one value for each of the 3 rows"):
        tte.align([1, 2], "weights")


def test_groups_are_the_sorted_text_of_the_levels():
    tte = build(frame())
    codes, names = tte.groups(pd.Series([2.0, 1.0, 10.0], index=tte.index))
    assert names == ("1", "10", "2")
    assert codes.tolist() == [2, 0, 1]
    assert tte.groups([True, False, True])[1] == ("False", "True")
    assert tte.groups(None)[1] == ()
    with pytest.raises(EndpointError, match=r"by is missing in 1 row \(index 12\)"):
        tte.groups(pd.Series(["a", None, "b"], index=tte.index))


def test_continued_rows_are_neither_censored_nor_another_patient():
    tte = hand([2, 5, 9, 4], [0, 0, 1, 0], entry=[0, 2, 6, 0], id=[7, 7, 7, 8])
    assert tte.continued.tolist() == [True, False, False, False]  # after 5 there is a gap
    assert tte.counts == {"Death": 1, "censored": 2}
    assert tte.n == 2
    assert hand([2], [0]).continued.tolist() == [False]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=1, max_size=12), st.integers(0, 9))
def test_landmark_equals_brute_force(drawn, at):
    time, state = zip(*drawn, strict=True)
    tte = hand(time, state, "Liver", "Death")
    expected = [t - at for t in time if t >= at]
    if expected:
        assert tte.landmark(at).time.tolist() == expected
    else:
        with pytest.raises(EndpointError):
            tte.landmark(at)


def test_times_that_differ_by_rounding_only_are_one_time():
    """R: survfit(Surv(c(0.1 + 0.2, 0.3, 1), c(1, 1, 0)) ~ 1) has the times 0.3 (n.event 2) and 1."""
    frame = pd.DataFrame({"t": [0.1 + 0.2, 0.3, 1.0], "s": [1, 1, 0]})
    tte = TimeToEvent.from_frame(frame, time="t", state="s", states=["Death"])
    assert tte.time.tolist() == [0.3, 0.3, 1.0]
    far = TimeToEvent.from_frame(frame.assign(t=[0.3001, 0.3, 1.0]), time="t", state="s", states=["Death"])
    assert far.time.tolist() == [0.3001, 0.3, 1.0]
    late = frame.assign(e=[0.1, 0.3 - 1e-12, 0.0])
    with pytest.raises(EndpointError, match="at or after"):
        TimeToEvent.from_frame(late, time="t", state="s", states=["Death"], entry="e")


def test_dates_are_not_times():
    frame = pd.DataFrame({"t": pd.to_datetime(["2020-01-01"]), "s": [1]})
    with pytest.raises(EndpointError, match=r"must hold numbers.*cohort\.endpoint"):
        TimeToEvent.from_frame(frame, time="t", state="s", states=["Death"])
    with pytest.raises(EndpointError, match="must hold numbers"):
        TimeToEvent.from_frame(frame.assign(t=frame["t"] - frame["t"]), time="t", state="s", states=["Death"])


@pytest.mark.parametrize(
    "by",
    [
        pd.Series(["b", "a", "b"], index=[11, 12, 13]),
        pd.Series(pd.Categorical(["b", "a", "b"], categories=["c", "b", "a"]), index=[11, 12, 13]),
        pd.Series(["b", "a", "b"], index=[11, 12, 13], dtype="string"),
        pd.Series(["b", "b", "a", "x"], index=[13, 11, 12, 10]),
        pd.DataFrame({"arm": ["b", "a", "b"]}, index=[11, 12, 13]),
        pd.Categorical(["b", "a", "b"]),
        np.array(["b", "a", "b"]),
        np.array(["b", "a", "b"], dtype=object),
        ["b", "a", "b"],
    ],
)
def test_groups_of_any_kind(by):
    codes, names = build(frame()).groups(by)
    assert names == ("a", "b")
    assert codes.tolist() == [1, 0, 1]
    assert codes.dtype == np.int64


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ([2, 1, 10], ("1", "10", "2")),
        (np.array([2.0, 1.5, 10.0]), ("1.5", "10", "2")),
        (np.array([1, 1.0, 2], dtype=object), ("1", "2")),
        (pd.Series([1, "1", 2.0], index=[11, 12, 13]), ("1", "2")),
        (pd.to_datetime(["2020-01-02", "2020-01-01", "2020-01-02"]), ("2020-01-01 00:00:00", "2020-01-02 00:00:00")),
        (pd.Series([3, 1, 3], index=[11, 12, 13], dtype="Int64"), ("1", "3")),
    ],
)
def test_levels_read_as_a_person_would_write_them(by, names):
    assert build(frame()).groups(by)[1] == names


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_a_missing_level_is_no_level(missing):
    with pytest.raises(EndpointError, match=r"by is missing in 1 row \(index 13\)"):
        build(frame()).groups(pd.Series(["a", "b", missing], index=[11, 12, 13], dtype=object))


def test_states_of_any_whole_kind():
    for state in ([1.0, 0.0, 2.0], pd.array([1, 0, 2], dtype="Int64"), np.array([1, 0, 2], dtype=np.int8), ["1", "0", "2"]):
        assert build(frame(state=state)).state.tolist() == [1, 0, 2]
    assert build(frame(state=[True, False, True]), states=["Death"]).state.tolist() == [1, 0, 1]
    with pytest.raises(EndpointError, match="missing or infinite in 1 row"):
        build(frame(state=pd.array([1, None, 2], dtype="Int64")))


def test_nothing_is_left_and_ids_count_once():
    tte = hand([2, 5, 9], [0, 0, 1], entry=[0, 2, 0], id=[7, 7, 8])
    with pytest.raises(EndpointError, match="No patients are left"):
        tte.take(np.zeros(3, dtype=bool))
    assert tte.take(np.array([0, 1])).n == 1
