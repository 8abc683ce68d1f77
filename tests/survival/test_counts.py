import numpy as np
import pandas as pd
import pytest
from curves_reference import data, hand, times
from hypothesis import given
from hypothesis import strategies as st

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.counts import at_risk_table, risk_sets

COUNTS = ["n_risk", "n_event", "n_censor"]


def test_at_risk_just_before_counted_by_hand():
    # unsorted, a tie of an event and a censoring at 4, an event in the first row
    tte = hand([4, 2, 4, 9, 7], [1, 1, 0, 0, 1])
    (one,) = risk_sets(tte)
    assert one.time.tolist() == [2, 4, 7, 9]
    assert one.n_risk.tolist() == [5, 4, 2, 1]
    assert one.n_event[:, 0].tolist() == [1, 1, 1, 0]
    assert one.n_censor.tolist() == [0, 1, 0, 1]
    assert one.at_risk(np.array([0, 2, 2.1, 4, 9, 9.1])).tolist() == [5, 5, 4, 4, 1, 0]


def test_an_event_at_time_zero_counts():
    (one,) = risk_sets(hand([0, 3], [1, 0]))
    assert one.n_risk.tolist() == [2, 1]
    assert at_risk_table(hand([0, 3], [1, 0]), [0])["n_risk"].item() == 2


def test_delayed_entry_is_open_on_the_left():
    tte = hand([5, 8, 9], [1, 1, 0], entry=[0, 5, 4])
    (one,) = risk_sets(tte)
    assert one.n_risk.tolist() == [2, 2, 1]  # who enters at 5 is not at risk at 5
    table = at_risk_table(tte, [0, 4, 5, 6])
    assert table.columns.tolist() == ["group", "time", "n_event", "n_risk", "n_censor", "n_pending"]
    assert table[[*COUNTS, "n_pending"]].to_numpy().tolist() == [[1, 0, 0, 2], [1, 0, 0, 2], [2, 0, 0, 1], [2, 1, 0, 0]]


def test_rounded_lung_adds_up_to_228_not_253():
    lung = data("lung")
    row = at_risk_table(times(lung, "month", "status"), [6]).iloc[0]
    assert row[COUNTS].sum() == 228
    up_to = (lung.month <= 6).sum()
    assert row["n_risk"] + up_to == 253  # what counting up to and including 6 would show


def test_rows_of_one_patient_are_one_patient():
    # patient 1: three rows, the last after a gap; patient 2: one row, late
    tte = hand([2, 5, 9, 7], [0, 0, 1, 0], entry=[0, 2, 6, 3], id=[1, 1, 1, 2])
    (one,) = risk_sets(tte)
    assert one.n == 2
    assert one.time.tolist() == [5, 7, 9]  # 2 is a continuation, not an exit
    assert one.n_censor.tolist() == [1, 1, 0]
    table = at_risk_table(tte, [0, 2.5, 4, 5.5, 6.5, 8, 10])
    assert table["n_risk"].tolist() == [1, 1, 2, 1, 2, 1, 0]
    assert table["n_censor"].tolist() == [0, 0, 0, 1, 0, 1, 1]  # in the gap: last seen at 5
    assert table["n_event"].tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert table["n_pending"].tolist() == [1, 1, 0, 0, 0, 0, 0]


def test_a_patient_who_changes_group_leaves_one_and_enters_the_other():
    tte = hand([3, 8], [0, 1], entry=[0, 3], id=[1, 1])
    table = at_risk_table(tte, [2, 5], by=np.array(["before", "transplant"])[[0, 1]])
    assert table["group"].tolist() == ["before", "before", "transplant", "transplant"]
    assert table["n_censor"].tolist() == [0, 1, 0, 0]
    assert table["n_pending"].tolist() == [0, 0, 1, 0]


def test_weights_are_summed_and_nobody_left_is_exactly_nobody():
    weights = np.array([0.1, 0.2, 0.3, 0.7, 0.1])
    (one,) = risk_sets(hand([1, 2, 3, 4, 4], [1, 0, 1, 1, 1]), weights=weights)
    np.testing.assert_allclose(one.n_risk, [1.4, 1.3, 1.1, 0.8])
    assert one.n_risk[-1] == one.n_event[-1, 0]
    (out,) = risk_sets(hand([1, 2, 3], [1, 1, 0]), weights=[1.5, 0, 1])
    assert out.time.tolist() == [1, 3]


@pytest.mark.parametrize("asked", [[-1], [np.nan], [], "six", [np.inf]])
def test_times_that_are_none(asked):
    with pytest.raises(EndpointError, match="Times must be numbers"):
        at_risk_table(hand([1], [1]), asked)


@pytest.mark.parametrize("weights", [[1, -1], [np.nan, 1], [0, 0], ["a", "b"]])
def test_weights_that_are_none(weights):
    with pytest.raises(EndpointError, match="weights must be"):
        risk_sets(hand([1, 2], [1, 1]), weights=weights)


def test_a_group_without_weight_is_named():
    with pytest.raises(EndpointError, match='group "b"'):
        risk_sets(hand([1, 2], [1, 1]), ["a", "b"], weights=[1, 0])


patients = st.lists(
    st.tuples(st.integers(0, 6), st.integers(1, 6), st.integers(0, 2), st.sampled_from("ab")), min_size=1, max_size=15
)


@given(patients, st.lists(st.integers(0, 14), min_size=1, max_size=6), st.booleans())
def test_every_row_adds_up_and_equals_brute_force(drawn, asked, late):
    frame = pd.DataFrame(drawn, columns=["entry", "length", "state", "group"])
    frame["time"] = frame["entry"] + frame["length"]
    tte = times(frame, "time", "state", "Liver", "Death", **({"entry": "entry"} if late else {}))
    table = at_risk_table(tte, asked, frame["group"])
    for row in table.itertuples():
        mine = frame[frame["group"] == row.group]
        start = mine["entry"].astype(float).where(mine["entry"] > 0, -np.inf) if late else -np.inf
        assert row.n_risk == ((mine["time"] >= row.time) & (start < row.time)).sum()
        assert row.n_event == ((mine["time"] < row.time) & (mine["state"] > 0)).sum()
        assert row.n_censor == ((mine["time"] < row.time) & (mine["state"] == 0)).sum()
        assert row.n_risk + row.n_event + row.n_censor + getattr(row, "n_pending", 0) == len(mine)


@given(patients, st.lists(st.integers(1, 11), max_size=3), st.booleans())
def test_cutting_patients_into_rows_changes_nothing(drawn, cuts, late):
    frame = pd.DataFrame(drawn, columns=["entry", "length", "state", "group"])
    frame["time"] = frame["entry"] + frame["length"]
    if not late:
        frame["entry"] = 0
    rows = cut(frame, cuts)
    whole = risk_sets(times(frame, "time", "state", "Liver", "Death", entry="entry"), frame["group"])
    parts = risk_sets(times(rows, "time", "state", "Liver", "Death", entry="entry", id="id"), rows["group"])
    for one, two in zip(whole, parts, strict=True):
        for name in ("n", "time", "n_risk", "n_event", "n_censor"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)
    asked = [0, 1, 4, 5.5, 9, 13]
    pd.testing.assert_frame_equal(
        at_risk_table(times(frame, "time", "state", "L", "D", entry="entry"), asked, frame["group"]),
        at_risk_table(times(rows, "time", "state", "L", "D", entry="entry", id="id"), asked, rows["group"]),
    )


def cut(frame: pd.DataFrame, cuts: list) -> pd.DataFrame:
    """The same patients, each followed in several rows."""
    rows = []
    for patient, row in enumerate(frame.to_dict("records")):
        ends = [c for c in sorted(set(cuts)) if row["entry"] < c < row["time"]] + [row["time"]]
        starts = [row["entry"], *ends[:-1]]
        rows += [
            {**row, "id": patient, "entry": a, "time": b, "state": row["state"] if b == row["time"] else 0}
            for a, b in zip(starts, ends, strict=True)
        ]
    return pd.DataFrame(rows).sample(frac=1, random_state=1).reset_index(drop=True)
