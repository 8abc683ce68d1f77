"""Columns to a matrix: coding, references, interactions, missing values, new rows, and what is refused."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haip_outcomes.errors import EndpointError, FitError
from haip_outcomes.survival.covariates.design_matrix import BLOCK, design, refuse_collinear
from haip_outcomes.survival.covariates.splines import spline


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


# ---------------------------------------------------------------- new rows


def many(n=300):
    rng = np.random.default_rng(7)
    return pd.DataFrame({
        "age": rng.normal(60, 10, n), "node": rng.integers(0, 2, n), "count": pd.array(rng.integers(0, 9, n), dtype="Int64"),
        "sex": rng.choice(["male", "female"], n), "smoker": rng.random(n) < 0.3,
        "grade": pd.Categorical(rng.choice(["low", "mid", "high"], n), categories=["low", "mid", "high", "unknown"]),
        "stage": pd.Categorical(rng.integers(1, 4, n).astype(float)), "other": "x",
    }, index=np.arange(n) + 2)  # fmt: skip


TERMS = ["age*sex", "sex:grade", "grade", "smoker", "stage", "node", spline("count", knots=[1, 3, 6])]


def test_encoding_the_own_rows_gives_the_matrix_again():
    frame = many()
    made = design(frame, TERMS, reference={"grade": "mid", "stage": 3})
    assert (made.encode(frame) == made.matrix).all()
    frame.loc[frame.index[:9], "age"] = np.nan
    frame.loc[frame.index[5:20], "sex"] = None
    made = design(frame, TERMS, missing="complete-case")
    assert made.matrix.shape[0] == len(frame) - 20
    assert (made.encode(frame.loc[made.index]) == made.matrix).all()
    drawn = made.take(np.random.default_rng(1).integers(0, len(made.index), 50))
    assert (drawn.encode(frame.loc[made.index]) == made.matrix).all()
    assert drawn.coding == made.coding


def test_new_rows_by_the_text_of_their_levels_and_without_the_other_columns():
    made = design(many(), ["age", "sex", "grade", "smoker", "stage", "node"])
    assert made.columns == (("age", None), ("sex", "male"), ("grade", "mid"), ("grade", "high"), ("smoker", "True"), ("stage", "2"),
                            ("stage", "3"), ("node", None))  # fmt: skip
    expected = [[50.0, 1, 0, 1, 1, 0, 1, 1], [70.0, 0, 0, 0, 0, 1, 0, 0]]
    plain = pd.DataFrame({"node": [1, 0], "stage": [3, 2], "smoker": [True, False], "grade": ["high", "low"], "sex": ["male", "female"],
                          "age": [50, 70], "more": ["?", None]}, index=[9, 9])  # fmt: skip
    assert made.encode(plain).tolist() == expected
    others = plain.assign(stage=["3", "2"], smoker=["True", "False"], grade=pd.Categorical(["high", "low"]),
                          sex=pd.array(["male", "female"], dtype="string"), age=pd.array([50, 70], dtype="Int64"))  # fmt: skip
    assert made.encode(others).tolist() == expected
    assert made.encode(plain.iloc[:1]).tolist() == expected[:1]
    assert made.encode(plain.iloc[:0]).shape == (0, 8)
    large = made.encode(pd.concat([plain] * BLOCK))
    assert large.flags.c_contiguous
    assert (large == np.tile(expected, (BLOCK, 1))).all()


def test_new_rows_that_can_not_be_coded_are_refused():
    made = design(many(), ["age", "sex", "grade", "node"])
    row = pd.DataFrame({"age": [50.0, 61], "sex": ["male", "female"], "grade": ["low", "mid"], "node": [0, 1]}, index=["a", "b"])
    assert made.encode(row).shape == (2, 5)
    for column, values, message in (
        ("sex", ["man", "female"], r'"sex" is "man" in 1 row \(index a\) of the new rows, and nobody in the fit was'),
        ("grade", ["low", "unknown"], r'"grade" is "unknown" in 1 row \(index b\)'),
        ("sex", [None, "female"], r'"sex" is missing in 1 row \(index a\) of the new rows'),
        ("sex", [0, 1], r'"sex" is "0" in 1 row \(index a\).*Known: female, male'),
        ("age", [np.nan, 50], r'"age" is missing in 1 row \(index a\)'),
        ("age", [np.inf, 50], r'"age" is infinite in 1 row \(index a\)'),
        ("age", ["50", "60"], '"age" was a number in the fit, and the new rows hold text'),
        ("node", [True, False], '"node" was a number in the fit'),
        ("age", pd.to_datetime(["2020-01-01"] * 2), "holds datetime64 values"),
        ("age", [None, None], '"age" is missing in 2 rows'),
    ):
        with pytest.raises(EndpointError, match=message):
            made.encode(row.assign(**{column: values}))
    with pytest.raises(EndpointError, match='no column "grade"'):
        made.encode(row.drop(columns="grade"))
    with pytest.raises(EndpointError, match='several columns "age"'):
        made.encode(row[["age", "age", "sex", "grade", "node"]])
    with pytest.raises(EndpointError, match="encode takes a data frame, and this is a dict"):
        made.encode({"age": [50]})
    with pytest.raises(EndpointError, match="design takes a data frame"):
        design(row.to_dict(), ["age"])
    with pytest.raises(EndpointError, match='Two levels of "x" both read "1"'):
        design(pd.DataFrame({"x": pd.Categorical([1, "1", 1])}), ["x"])


# ---------------------------------------------------------------- the matrix in memory


def test_the_matrix_is_row_by_row_however_the_frame_is_stored():
    n = BLOCK // 2 + 17  # several parts of rows
    rng = np.random.default_rng(2)
    x = rng.normal(size=(n, 5))
    names = list("abcde")
    for frame in (pd.DataFrame(x, columns=names), pd.DataFrame({name: x[:, j].copy() for j, name in enumerate(names)}),
                  pd.DataFrame(np.asfortranarray(x), columns=names)):  # fmt: skip
        made = design(frame, [*names, "a:b"])
        assert made.matrix.flags.c_contiguous
        assert made.matrix.dtype == np.float64
        assert (made.matrix == np.column_stack([x, x[:, 0] * x[:, 1]])).all()
    made.matrix[0] = 0
    assert (x[0] != 0).all()


def test_taking_rows():
    made = design(many(), ["age", "sex"])
    drawn = made.take(np.array([5, 5, 0]))
    assert (drawn.matrix == made.matrix[[5, 5, 0]]).all()
    assert drawn.index.tolist() == [7, 7, 2]
    assert made.take(np.arange(300)) is made
    assert made.take(np.arange(300)[::-1]).index.tolist() == made.index[::-1].tolist()
    ends = np.concatenate([[0], np.full(298, 7), [299]])
    assert (made.take(ends).matrix == made.matrix[ends]).all()
    mask = made.matrix[:, 1] == 1
    assert (made.take(mask).matrix == made.matrix[mask]).all()


# ---------------------------------------------------------------- columns that say the same


def bare(x):
    """A design of these columns, without asking anything of them."""
    x = np.ascontiguousarray(x, dtype=float)
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0]})
    names = tuple((f"x{j}", None) for j in range(x.shape[1]))
    return replace(design(frame, ["a"]), matrix=x, columns=names, index=pd.RangeIndex(len(x)))


def first_dependent(x):
    """The first column that is a sum of a constant and multiples of those before, in exact fractions; or None."""
    basis = [[Fraction(1)] * len(x)]
    pivots = [0]
    for j in range(x.shape[1]):
        column = [Fraction(int(value)) for value in x[:, j]]
        for row, pivot in zip(basis, pivots, strict=True):
            column = [a - column[pivot] / row[pivot] * b for a, b in zip(column, row, strict=True)]
        left = [i for i, value in enumerate(column) if value]
        if not left:
            return j
        basis.append(column)
        pivots.append(left[0])
    return None


@settings(deadline=None)
@given(st.integers(2, 9).flatmap(lambda p: st.lists(st.lists(st.integers(-3, 3), min_size=p, max_size=p), min_size=3, max_size=12)))
def test_the_first_column_that_follows_from_others_is_named_as_exact_arithmetic_finds_it(rows):
    x = np.array(rows, dtype=float)
    constant = [j for j in range(x.shape[1]) if (x[:, j] == x[0, j]).all()]
    expected = constant[0] if constant else first_dependent(x)
    # far from 0 and in other units the same is found
    for made in (bare(x), bare(x * 10.0 ** (np.arange(x.shape[1]) % 5 - 2)), bare(x + 1000)):
        if expected is None:
            refuse_collinear(made)
        else:
            with pytest.raises(FitError) as error:
                refuse_collinear(made)
            assert error.value.term == f"x{expected}"


@pytest.mark.parametrize("n", [40, BLOCK])
def test_how_near_is_the_same(n):
    rng = np.random.default_rng(5)
    x, noise, year = rng.normal(size=n), rng.normal(size=n), 2000 + rng.integers(0, 20, n) / 1.0
    refuse_collinear(bare(np.column_stack([x, x + 1e-7 * noise])))
    refuse_collinear(bare(np.column_stack([1e6 * x, x - 1e-6 * noise, x * noise])))
    refuse_collinear(bare(np.column_stack([year, year**2, year**3])))
    refuse_collinear(bare(np.column_stack([1e-9 * x, 1e7 + noise])))
    one = np.zeros(n)
    one[-1] = 1
    refuse_collinear(bare(np.column_stack([x, x + one])))
    with pytest.raises(FitError, match='"x1" carries the same information as x0: '):
        refuse_collinear(bare(np.column_stack([x, 3 - x + 1e-11 * noise])))
    with pytest.raises(FitError, match='"x2" carries the same information as x0 and x1: '):
        refuse_collinear(bare(np.column_stack([x, noise, 2 * x - 1e-3 * noise, year])))
    with pytest.raises(FitError, match=f'Among the {n} rows analysed "x1" is the same for everybody'):
        refuse_collinear(bare(np.column_stack([x, np.full(n, 0.1), noise])))
    with pytest.raises(FitError, match='"x0" is the same for everybody'):
        refuse_collinear(bare(np.column_stack([1e9 + 1e-3 * noise, x])))


def test_more_columns_than_rows():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(49, 60))
    with pytest.raises(FitError, match=r"49 rows can tell at most 48 columns apart, and there are 60: \"x48\" and what follows") as error:
        refuse_collinear(bare(x))
    assert error.value.term == "x48"
    refuse_collinear(bare(x[:, :48]))
    refuse_collinear(bare(x.T[:, :40]))
    x[:, 7] = x[:, 2] - x[:, 5]
    with pytest.raises(FitError, match='"x7" carries the same information as x2 and x5'):
        refuse_collinear(bare(x))
    frame = pd.DataFrame(rng.normal(size=(40, 60)), columns=[f"gene {j}" for j in range(60)])
    with pytest.raises(FitError, match="40 rows can tell at most 39 columns apart, and there are 60"):
        design(frame, list(frame.columns))
