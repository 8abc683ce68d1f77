"""Columns to a matrix: coding, references, interactions, missing values, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.survival.design_matrix import design


def patients():
    return pd.DataFrame({
        "age": [60.0, 71, 55, 64, 49, 58], "sex": ["male", "female", "female", "male", "male", "female"],
        "grade": pd.Categorical(["mid", "low", "high", "low", "mid", "high"], categories=["low", "mid", "high", "unknown"]),
        "smoker": [True, False, False, True, False, True], "node": [0, 1, 1, 0, 1, 0],
        "seen": pd.to_datetime(["2020-01-01"] * 6), "one": 1, "score": [1.0, np.nan, 3, 4, 2, np.nan],
    }, index=[2, 3, 4, 5, 6, 7])  # fmt: skip


def test_numbers_stay_numbers_and_levels_become_columns():
    frame = pd.concat(
        [
            patients(),
            patients().assign(node=[1, 1, 0, 0, 1, 0], age=[50, 44, 70, 61, 66, 59]).set_axis(range(8, 14)),
        ]
    )
    made = design(frame, ["age", "sex", "grade", "smoker", "node"])
    assert made.columns == (
        ("age", None),
        ("sex", "male"),
        ("grade", "mid"),
        ("grade", "high"),
        ("smoker", "True"),
        ("node", None),
    )
    assert made.references == {"sex": "female", "grade": "low", "smoker": "False"}
    assert made.empty == (("grade", "unknown"),)
    assert made.matrix[0].tolist() == [60, 1, 1, 0, 1, 0]
    assert made.index.tolist() == list(range(2, 14))
    assert made.terms == ("age", "sex", "grade", "smoker", "node")
    assert 'nobody with grade "unknown"' in repr(made)
    with pytest.raises(AttributeError):
        made.matrix = np.zeros((1, 1))


def test_the_reference_can_be_chosen():
    made = design(
        patients(), ["sex", "grade", "smoker"], reference={"sex": "male", "grade": "high", "smoker": True}
    )
    assert made.columns == (("sex", "female"), ("grade", "low"), ("grade", "mid"), ("smoker", "False"))
    with pytest.raises(EndpointError, match=r'has no level "men" to be the reference. Known: female, male.'):
        design(patients(), ["sex"], reference={"sex": "men"})
    with pytest.raises(FitError, match='Nobody analysed has grade "unknown"'):
        design(patients(), ["grade"], reference={"grade": "unknown"})
    with pytest.raises(EndpointError, match=r'"sx", which is not among the terms. Did you mean "sex"'):
        design(patients(), ["sex"], reference={"sx": "male"})
    with pytest.raises(EndpointError, match='"age" holds numbers and has no reference'):
        design(patients(), ["age"], reference={"age": 60})


def test_interactions():
    frame = patients()
    made = design(frame, ["age*sex"])
    assert made.columns == (("age", None), ("sex", "male"), ("age:sex", "male"))
    assert made.matrix[:, 2].tolist() == (frame["age"] * (frame["sex"] == "male")).tolist()
    assert design(frame, ["age:sex", "sex", "age"]).columns == (
        ("sex", "male"),
        ("age", None),
        ("age:sex", "male"),
    )
    assert design(frame, ["age*node"]).columns[2] == ("age:node", None)
    three = pd.DataFrame({"a": list("pqpqpqpqpq"), "b": list("xxyyzzxyzx"), "n": np.arange(10.0) ** 2})
    names = [column for column in design(three, ["a*b"]).columns if column[0] == "a:b"]
    assert names == [("a:b", "q:y"), ("a:b", "q:z")]
    assert design(three, ["a*n", "b"]).terms == ("a", "n", "b", "a:n")
    with pytest.raises(
        EndpointError, match='"age:sex" is an interaction without sex on its own: write "age\\*sex"'
    ):
        design(frame, ["age", "age:sex"])
    with pytest.raises(EndpointError, match="multiplies a column with itself"):
        design(frame, ["age*age"])


def test_a_column_by_its_exact_name():
    frame = patients().rename(columns={"age": "age:years"})
    assert design(frame, "age:years").columns == (("age:years", None),)


def test_missing_values_say_so_or_are_left_out_with_the_reason():
    frame = patients()
    with pytest.raises(FitError, match=r'"score" in 2 rows \(index 3, 7\).*complete-case') as error:
        design(frame, ["age", "score"])
    assert error.value.term == "score"
    frame.loc[[3, 4], "age"] = np.nan
    made = design(frame, ["age", "score"], missing="complete-case")
    assert {reason: rows.tolist() for reason, rows in made.left_out.items()} == {
        "without age": [3, 4],
        "without score": [7],
    }
    assert len(made.index) + sum(len(rows) for rows in made.left_out.values()) == len(frame)
    with pytest.raises(FitError, match="No patient has all of age and score"):
        design(frame.loc[[3]], ["age", "score"], missing="complete-case")


def test_a_level_that_complete_cases_lose_has_no_column():
    frame = patients()
    frame.loc[frame["grade"] == "low", "score"] = np.nan
    frame.loc[[2, 4, 6, 7], "score"] = [1, 2, 4, 3]
    made = design(frame, ["grade", "score"], missing="complete-case")
    assert made.references["grade"] == "mid"
    assert made.empty == (("grade", "low"), ("grade", "unknown"))
    assert made.columns == (("grade", "high"), ("score", None))


def test_pandas_own_missing_and_types():
    frame = pd.DataFrame({"a": pd.array([1, 2, None, 4], dtype="Int64"), "b": pd.array(["x", None, "y", "x"], dtype="string"),
                          "c": pd.array([True, False, True, None], dtype="boolean")})  # fmt: skip
    made = design(frame, ["a"], missing="complete-case")
    assert made.matrix[:, 0].tolist() == [1, 2, 4]
    assert design(frame, ["b"], missing="complete-case").columns == (("b", "y"),)
    assert design(frame, ["c"], missing="complete-case").columns == (("c", "True"),)
    codes = pd.DataFrame({"stage": pd.Categorical([1.0, 2.0, 3.0, 1.0])})
    assert design(codes, ["stage"]).columns == (("stage", "2"), ("stage", "3"))


def test_refusals_name_the_column():
    frame = patients()
    with pytest.raises(EndpointError, match=r'no column "Age". Did you mean "age"'):
        design(frame, ["Age"])
    with pytest.raises(FitError, match='"one" is 1 for all 6 patients') as error:
        design(frame, ["age", "one"])
    assert error.value.term == "one"
    with pytest.raises(FitError, match='"sex" is "male" for all 3 patients'):
        design(frame[frame["sex"] == "male"], ["sex"])
    with pytest.raises(
        EndpointError,
        match=r'"seen" can.t be a covariate: it holds datetime64 values. Make it a number of days',
    ):
        design(frame, ["seen"])
    with pytest.raises(EndpointError, match="mixed"):
        design(pd.DataFrame({"x": [1, "a", 2.0]}), ["x"])
    with pytest.raises(EndpointError, match=r"infinite in 1 row .index 0."):
        design(pd.DataFrame({"x": [np.inf, 1, 2.0]}), ["x"])
    with pytest.raises(EndpointError, match='"age" is among the terms twice'):
        design(frame, ["age", "age"])
    with pytest.raises(EndpointError, match="No terms"):
        design(frame, [])
    with pytest.raises(EndpointError, match="missing must be"):
        design(frame, ["age"], missing="drop")
    with pytest.raises(EndpointError, match="index has duplicates"):
        design(frame.set_axis([0] * 6), ["age"])
    with pytest.raises(FitError, match="No patient has all of x"):
        design(pd.DataFrame({"x": [None, None]}), ["x"], missing="complete-case")


def test_the_same_information_twice_is_named():
    frame = patients().assign(
        months=lambda f: f["age"] * 12 + 3, man=lambda f: (f["sex"] == "male").astype(int)
    )
    with pytest.raises(FitError, match='"months" carries the same information as age: ') as error:
        design(frame, ["age", "node", "months"])
    assert error.value.term == "months"
    with pytest.raises(FitError, match='"man" carries the same information as sex=male'):
        design(frame, ["sex", "man"])
    with pytest.raises(FitError, match="as age and node"):
        design(frame.assign(total=frame["age"] + 2 * frame["node"]), ["age", "node", "total"])
