"""What is given to `compare` and to a proportion: the wrong thing altogether, or nothing, is answered with a sentence."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_comparison import centre, figures

import haip_outcomes as haip
from haip_outcomes.errors import EndpointError


@pytest.mark.parametrize(("given", "says"), [
    (3, "this is 3: give published(...)"),
    (True, "this is True: give published(...)"),
    ("kemeny", "this is text: a figure by its id is [published()[id]]"),
    (Path("own.toml"), "this is text: a figure by its id"),
    (haip.published()[0], f"this is {haip.published()[0].id} alone: write [it]"),
    (haip.published().frame(), "this is a DataFrame: give published(...)"),
    ({}, "this is a dict: give published(...)"),
    ({"a": haip.published()[0]}, "this is a dict"),
    (["a"], 'one of these is the text "a"'),
    ([None], "one of these is None"),
    ([haip.published()[0], 7], "one of these is 7"),
])  # fmt: skip
def test_compare_takes_figures(given, says):
    with pytest.raises(EndpointError) as error:
        haip.compare(centre(), given)
    assert says in str(error.value)


def test_compare_takes_a_list_of_figures_in_any_form():
    some = figures({"n": 26}, {"id": "other", "n": 30})
    for given in (some, list(some), tuple(some), iter(list(some))):
        assert [one.figure.id for one in haip.compare(centre(), given).compared] == ["theirs", "other"]


def test_a_registered_curve_is_no_figure():
    from test_registered_curves import figures as with_curves

    curve = with_curves().curves[0]
    for given, says in ((curve, f"this is the registered curve {curve.id}"), ([curve], f"one of these is the registered curve {curve.id}")):
        with pytest.raises(EndpointError, match=says):
            haip.compare(centre(), given)


def test_an_empty_list_is_said():
    for plan in (None, {"benchmark": {"judge": ["kemeny2003adj-os2"]}}):
        found = haip.compare(centre(plan=plan), [])
        assert found.summary == ("No figure is given, so none is looked at and none is judged.",)
        assert found.tidy().empty


def test_named_figures_that_are_all_left_out():
    left = haip.compare(centre(plan={"benchmark": {"judge": ["gk2017-os-hr", "pak2018-conv"]}}), figures({"n": 26})).summary
    assert left == ("1 published figure looked at: 1 can be set beside this centre's results, 0 can't; none of the plan's named figures is among those "
                    "looked at (gk2017-os-hr and pak2018-conv), so none is judged.",)  # fmt: skip
    (none,) = haip.compare(centre(), figures({"n": 26})).summary
    assert none.endswith("the plan names none ([benchmark] judge), so none is judged.")


NO_COUNT = [None, "1", [1], True, np.True_, np.array([1, 2]), pd.Series([1]), pd.NA, math.nan, math.inf, 1.5, -1, 3j]


@pytest.mark.parametrize("wrong", NO_COUNT)
def test_what_is_no_count(wrong):
    for asked in (lambda: haip.proportion_interval(wrong, 5), lambda: haip.proportion_test(wrong, 5, 0.2), lambda: haip.proportion_difference(wrong, 5, 1, 5),
                  lambda: haip.proportion_difference(1, 5, wrong, 5), lambda: haip.proportion_interval(0, wrong), lambda: haip.proportion_test(0, wrong, 0.2),
                  lambda: haip.proportion_difference(0, wrong, 0, 5), lambda: haip.proportion_difference(0, 5, 0, wrong)):  # fmt: skip
        with pytest.raises(EndpointError, match="A proportion needs whole numbers k of n"):
            asked()


@pytest.mark.parametrize("wrong", [None, "a", "0.95", True, False, [0.95], 95, 0, 1, math.nan])
def test_what_is_no_level_and_no_known_share(wrong):
    for asked in (lambda: haip.proportion_interval(1, 5, conf_level=wrong), lambda: haip.proportion_difference(1, 5, 1, 5, conf_level=wrong)):
        with pytest.raises(EndpointError, match="it lies between 0 and 1, for example"):
            asked()
    if wrong is True or wrong is False or wrong not in (0, 1):  # a known share may be 0 or 1
        with pytest.raises(EndpointError, match="A known share is a probability between 0 and 1"):
            haip.proportion_test(1, 5, wrong)


@pytest.mark.parametrize("method", [None, 3, ["wilson"], True])
def test_what_is_no_method(method):
    with pytest.raises(EndpointError, match="There is no interval"):
        haip.proportion_interval(1, 5, method=method)
    with pytest.raises(EndpointError, match="There is no test"):
        haip.proportion_test(1, 5, 0.2, method=method)


def test_whole_numbers_of_any_kind_are_counts():
    for kind in (int, float, np.int64, np.float64, np.int8, Fraction, np.array):
        assert haip.proportion_interval(kind(2), kind(20)) == haip.proportion_interval(2, 20)
        assert haip.proportion_difference(kind(2), kind(20), 3, 9) == haip.proportion_difference(2, 20, 3, 9)
        assert haip.proportion_test(kind(2), kind(20), 0.22) == haip.proportion_test(2, 20, 0.22)
