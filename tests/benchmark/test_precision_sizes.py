"""Sample sizes by formula: the worked example, R's own distributions and integration, published tables, and what is refused."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from methods_examples import example
from scipy.special import exp1
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from haip_outcomes.benchmark.precision.recruiting import Recruiting
from haip_outcomes.benchmark.precision.sizes import (
    events_for_one_sample_logrank,
    patients_for_landmark,
    patients_for_median,
    patients_for_non_inferiority,
    patients_for_proportion,
)
from haip_outcomes.errors import EndpointError

R = json.loads((Path(__file__).parents[1] / "reference" / "precision.json").read_text(encoding="utf-8"))
CLOSE = {"rel": 1e-8, "abs": 1e-11}
GIVEN, EXPECTED = example("m14_planning")

# A'Hern 2001, Stat Med 20:859 (doi 10.1002/sim.721), the table of exact single-stage designs: p0, p1, alpha, power: patients, responses needed.
# Read in a public transcription (github.com/DanChaltiel/sample_size, files_binary/ahern_table.txt), not in the article.
AHERN = [
    (0.05, 0.10, 0.05, 0.8, 169, 14), (0.05, 0.20, 0.05, 0.8, 27, 4), (0.05, 0.25, 0.05, 0.9, 25, 4), (0.05, 0.20, 0.01, 0.9, 57, 8),
    (0.10, 0.20, 0.05, 0.8, 78, 13), (0.10, 0.30, 0.05, 0.8, 25, 6), (0.10, 0.30, 0.01, 0.8, 37, 9), (0.10, 0.20, 0.01, 0.9, 160, 26),
    (0.15, 0.30, 0.05, 0.8, 48, 12), (0.20, 0.40, 0.05, 0.8, 35, 12), (0.20, 0.40, 0.05, 0.9, 47, 15), (0.20, 0.40, 0.01, 0.9, 67, 22),
    (0.30, 0.50, 0.05, 0.8, 39, 17), (0.35, 0.55, 0.05, 0.9, 53, 25), (0.40, 0.60, 0.05, 0.8, 42, 23), (0.50, 0.70, 0.05, 0.8, 37, 24),
    (0.50, 0.70, 0.01, 0.9, 80, 51), (0.65, 0.80, 0.05, 0.8, 55, 42), (0.80, 0.90, 0.05, 0.8, 82, 72), (0.90, 0.95, 0.01, 0.9, 362, 339),
]  # fmt: skip
# and cells in which the table is content with a level or a power that misses by less than 0.001
AHERN_ROUNDED = [(0.60, 0.80, 0.05, 0.8, 33, 25), (0.30, 0.40, 0.05, 0.8, 141, 52), (0.40, 0.60, 0.01, 0.9, 82, 44), (0.20, 0.50, 0.01, 0.9, 30, 12)]


# --- the worked example -----------------------------------------------------------------------------------------


def test_m14_proportion():
    tidy = patients_for_proportion(**GIVEN["proportion"]).tidy().set_index("term")
    assert tidy.loc["Wilson", "n"] == EXPECTED["proportion"]["n_wilson"]
    assert tidy.loc["Wald", "n"] == EXPECTED["proportion"]["n_wald"]


def test_m14_landmark():
    asked, expected = GIVEN["landmark"], EXPECTED["landmark"]
    size = patients_for_landmark(asked["S"], asked["t"], asked["half_width"], accrual=asked["accrual"], follow_up=asked["follow_up"])
    row = size.glance().iloc[0]
    assert size.n == expected["n_half_width"]
    assert row["variance_one"] == pytest.approx(expected["v1"], **CLOSE)
    assert row["variance_one_uncensored"] == pytest.approx(expected["v1_no_censoring"], **CLOSE)
    assert size.at([34, 60])["half_width"].tolist() == pytest.approx([expected["half_width_n34"], expected["half_width_n60"]], **CLOSE)


def test_m14_median():
    expected = EXPECTED["median"]
    size = patients_for_median(GIVEN["median"]["ratio_upper_to_estimate"])
    assert size.n == expected["n_km_no_censoring"]
    assert size.tidy()["n_event"].iloc[1] == expected["events_exponential"]
    assert size.at([34, 60])["ratio"].tolist() == pytest.approx([expected["factor_n34"], expected["factor_n60"]], **CLOSE)


def test_m14_non_inferiority_of_a_landmark():
    asked, expected = GIVEN["ni_landmark"], EXPECTED["noninferiority_landmark"]
    design = {"time": asked["t"], "accrual": asked["accrual"], "follow_up": asked["follow_up"], "alpha": asked["alpha"], "power": 1 - asked["beta"]}
    known = patients_for_non_inferiority(asked["S1"], asked["S0"], asked["margin"], **design)
    row = known.glance().iloc[0]
    assert known.n == expected["n_known"]
    assert row["delta"] == pytest.approx(expected["delta_theta"], **CLOSE)
    assert row["variance_one"] == pytest.approx(expected["v1_theta"], **CLOSE)
    v0 = asked["var_published_theta"]
    assert patients_for_non_inferiority(asked["S1"], asked["S0"], asked["margin"], variance_published=v0, **design).n == expected["n_with_published_variance"]


def test_m14_non_inferiority_of_a_proportion():
    asked, expected = GIVEN["ni_proportion"], EXPECTED["noninferiority_proportion"]
    size = patients_for_non_inferiority(asked["p1"], asked["p1"], asked["p_max"] - asked["p1"], alpha=asked["alpha"], power=1 - asked["beta"])
    row = size.glance().iloc[0]
    assert (size.n, row["max_events"]) == (expected["n"], expected["max_events_allowed"])
    assert row["alpha_actual"] == pytest.approx(expected["alpha_actual"], **CLOSE)
    assert row["power_actual"] == pytest.approx(expected["power"], **CLOSE)


def test_m14_one_sample_logrank():
    asked, expected = GIVEN["oslr"], EXPECTED["one_sample_logrank"]
    size = events_for_one_sample_logrank(asked["hr"], alpha=asked["alpha"], power=1 - asked["beta"])
    found = size.tidy().set_index("term")["estimate"]
    assert found["Poisson"] == pytest.approx(expected["expected_events_poisson"], **CLOSE)
    assert found["square root"] == pytest.approx(expected["expected_events_sqrt"], **CLOSE)
    assert size.n_event == found["Poisson"]
    assert size.n is None


# --- R ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", R["proportion"], ids=lambda c: f"{c['p']}-{c['half_width']}-{c['level']}")
def test_proportions_equal_r_trying_every_n(case):
    size = patients_for_proportion(case["p"], case["half_width"], conf_level=case["level"])
    assert size.tidy()["n"].tolist() == [case["wilson"], case["wald"], case["exact"]]
    leading = size.glance().iloc[0]
    assert leading["n"] == max(1, math.ceil(leading["estimate"] - 1e-9))  # the closed form and the search agree


@pytest.mark.parametrize("case", R["landmark"], ids=lambda c: f"{c['survival']}-{c['time']}-{c['accrual']}-{c['follow_up']}")
def test_landmarks_equal_r_integrating(case):
    size = patients_for_landmark(case["survival"], case["time"], 0.1, accrual=case["accrual"], follow_up=case["follow_up"])
    assert size.glance()["variance_one"].iloc[0] == pytest.approx(case["variance_one"], **CLOSE)
    assert size.n == case["n"]
    assert size.at(50)["half_width"].iloc[0] == pytest.approx(case["half_width_50"], **CLOSE)


@pytest.mark.parametrize("case", R["ni_landmark"])
def test_non_inferiority_of_a_landmark_equals_r(case):
    design = {"time": 36, "accrual": 60, "follow_up": 24, "variance_published": case["variance_published"]}
    size = patients_for_non_inferiority(case["S1"], case["S0"], case["margin"], **design)
    row = size.glance().iloc[0]
    assert size.n == case["n"]
    assert (row["delta"], row["variance_one"]) == pytest.approx((case["delta"], case["variance_one"]), **CLOSE)
    if case["n"] is None:
        assert "No number of patients" in repr(size)
        with pytest.raises(EndpointError, match="no number of patients here can show it"):
            int(size)


@pytest.mark.parametrize("case", R["ni_proportion"])
def test_non_inferiority_of_a_proportion_equals_r(case):
    size = patients_for_non_inferiority(case["p1"], case["p_max"] - 0.01, 0.01, alpha=case["alpha"], power=case["power"])
    tidy = size.tidy()
    assert tidy["n"].tolist() == [case["n"], case["n_safe"]]
    assert tidy["max_events"].iloc[0] == case["max_events"]
    assert tidy[["alpha_actual", "power_actual"]].iloc[0].tolist() == pytest.approx([case["alpha_actual"], case["power_actual"]], **CLOSE)


@pytest.mark.parametrize("case", R["one_sample"])
def test_one_sample_events_equal_r(case):
    found = events_for_one_sample_logrank(case["hazard_ratio"], alpha=case["alpha"], power=case["power"]).tidy()["estimate"].tolist()
    assert found[:2] == pytest.approx([case["poisson"], case["square_root"]], **CLOSE)
    assert 0 < found[2] - case["exact_last_short"] <= case["grid_step"] * (1 + 1e-9)  # just above the last E on R's grid that falls short


# --- published ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", AHERN, ids=str)
def test_a_herns_table(cell):
    p0, p1, alpha, power, n, responses = cell
    row = patients_for_non_inferiority(p1, p1, p1 - p0, alpha=alpha, power=power, better="higher").glance().iloc[0]
    assert (row["n"], row["n"] - row["max_events"]) == (n, responses)


@pytest.mark.parametrize("cell", AHERN_ROUNDED, ids=str)
def test_where_a_herns_table_is_content_with_less_ours_is_not(cell):
    p0, p1, alpha, power, n, responses = cell
    row = patients_for_non_inferiority(p1, p1, p1 - p0, alpha=alpha, power=power, better="higher").glance().iloc[0]
    level, reached = binom.sf(responses - 1, n, p0), binom.sf(responses - 1, n, p1)
    assert level > alpha or reached < power
    assert level < alpha + 0.001
    assert reached > power - 0.001
    assert n < row["n"] <= n + 4


def test_walds_sizes_are_those_of_statpsych():
    assert patients_for_proportion(0.4, 0.1).tidy()["n"].iloc[1] == 93  # its documentation: size.ci.prop(.05, .4, .2)
    assert patients_for_proportion(0.2, 0.05).tidy()["n"].iloc[1] == 246  # and size.ci.prop.os(.05, .2, .1)


def test_wus_example_needs_the_events_of_the_formula():
    """Wu 2015 (doi 10.1002/pst.1654) prints 88 patients (read in public code); among them R expects 30.0 events. The forms here bracket that."""
    wu = R["wu"]
    found = events_for_one_sample_logrank(wu["hazard_ratio"], alpha=wu["alpha"], power=wu["power"])
    assert found.tidy()["estimate"].min() < wu["expected"] < found.tidy()["estimate"].max()
    assert found.at(wu["expected"])["power"].iloc[0] == pytest.approx(0.8, abs=0.03)


# --- by hand and by other ways -------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.floats(0.02, 0.98), st.floats(1, 120), st.floats(0, 100), st.floats(0, 100))
def test_the_variance_is_that_of_the_exponential_integral(survival, time, accrual, follow_up):
    recruiting = Recruiting(accrual, follow_up)
    if recruiting.followed(time) <= 1e-6:
        return
    rate = -math.log(survival) / time
    closed = survival**2 * math.expm1(rate * min(time, follow_up))
    if time > follow_up:  # substituting w = a + f - u
        end, a = accrual + follow_up, accrual
        closed += survival**2 * rate * a * math.exp(rate * end) * (exp1(rate * (end - time)) - exp1(rate * a))
    assert recruiting.variance_one(survival, time) == pytest.approx(closed, rel=1e-7)
    assert recruiting.variance_one(survival, time) >= survival * (1 - survival) * (1 - 1e-9)


def test_nobody_censored_is_binomial():
    assert patients_for_landmark(0.64, 36, 0.1).n == math.ceil(1.959964**2 * 0.64 * 0.36 / 0.01)
    assert patients_for_landmark(0.64, 36, 0.1, accrual=60, follow_up=36).n == patients_for_landmark(0.64, 36, 0.1).n


@pytest.mark.parametrize(("p", "p0"), [(0.22, 0.1), (0.5, 0.64), (0.9, 0.8)])
def test_excluding_a_value_is_where_wilsons_interval_does(p, p0):
    n = patients_for_proportion(p, excludes=p0).n
    inside = [low <= p0 <= high for low, high in (proportion_confint(p * m, m, method="wilson") for m in (n - 1, n))]
    assert inside == [True, False]
    assert patients_for_proportion(p, excludes=p0, power=0.8).n > n


def test_excluding_a_published_landmark():
    size = patients_for_landmark(0.8, 24, excludes=0.89, variance_published=0.01)
    delta = math.log(-math.log(0.89)) - math.log(-math.log(0.8))
    vth = 0.8 * 0.2 / (0.8 * math.log(0.8)) ** 2
    assert size.n == math.ceil(vth / ((delta / 1.959963984540054) ** 2 - 0.01))
    assert size.at(size.n)["power"].iloc[0] == pytest.approx(0.5, abs=0.01)
    assert patients_for_landmark(0.8, 24, excludes=0.89, variance_published=0.17).n is None


def test_more_censoring_earlier_entry_and_power_cost_patients():
    sizes = [patients_for_landmark(0.64, 36, 0.1, accrual=60, follow_up=f).n for f in (36, 24, 12, 0)]
    assert sizes == sorted(sizes)
    assert patients_for_median(1.5, median=36, accrual=60, follow_up=12).n > patients_for_median(1.5).n == 49
    assert patients_for_median(1 / 1.5).n == 49
    assert patients_for_median(1.5, power=0.8).n > 49
    assert patients_for_median(1.5, variance_published=0.05).n is None


def test_power_at_the_size_is_the_power_asked_for():
    events = events_for_one_sample_logrank(0.6)
    assert events.at(events.n_event)["power"].iloc[0] == pytest.approx(0.8, rel=1e-9)
    assert events.at(events.tidy()["estimate"].iloc[1])["power_square_root"].iloc[0] == pytest.approx(0.8, rel=1e-9)
    assert (events.at(np.linspace(44.01, 80, 300))["power_exact"] >= 0.8).all()
    known = patients_for_non_inferiority(0.64, 0.64, 0.15, time=36, accrual=60, follow_up=24)
    assert known.at([82, 83])["power"].round(4).tolist() == pytest.approx([0.7956, 0.8], abs=1e-3)
    exact = patients_for_non_inferiority(0.22, 0.22, 0.15)
    assert exact.at([58])[["power", "max_events"]].iloc[0].tolist() == pytest.approx([0.8095643862977059, 15], **CLOSE)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 0.99), st.floats(0.02, 0.3))
def test_one_patient_fewer_is_not_enough(p, half_width):
    size = patients_for_proportion(p, half_width)
    if size.n > 1:
        before, at = size.at([size.n - 1, size.n])["half_width"]
        assert at <= half_width * (1 + 1e-9) < before * (1 + 2e-9)


def test_results_say_what_they_are():
    size = patients_for_proportion(0.22, 0.1)
    assert repr(size).startswith("64 patients. Patients until the 95% interval of a proportion")
    assert int(size) == 64
    assert "<table" in size._repr_html_()
    assert list(size.tidy().columns) == ["term", "estimate", "n", "p", "half_width"]
    assert repr(events_for_one_sample_logrank(0.6)).startswith("42.6 expected events.")
    with pytest.raises(EndpointError, match="in expected events"):
        int(events_for_one_sample_logrank(0.6))


def test_sizes_beyond_any_centre_are_still_numbers_or_said():
    assert patients_for_proportion(0.22, 1e-4).n == 65919432
    never = patients_for_non_inferiority(0.22, 0.22, 0.001)
    assert never.n is None
    assert repr(never) == "No number of patients: none up to 100,000 has that power"


# --- bad input --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "says"), [
    (lambda: patients_for_proportion(22, 0.1), "p is a probability between 0 and 1; got 22. Per cent are written as shares"),
    (lambda: patients_for_proportion(0.22, 10), "half_width is a probability"),
    (lambda: patients_for_proportion(0.22, 0.5), "less than one half"),
    (lambda: patients_for_proportion(0.22), "Ask one question"),
    (lambda: patients_for_proportion(0.22, 0.1, excludes=0.3), "Ask one question"),
    (lambda: patients_for_proportion(0.22, excludes=0.22), "exclude 0.22 itself"),
    (lambda: patients_for_proportion(0.22, 0.1, conf_level=95), "conf_level is a probability"),
    (lambda: patients_for_landmark(0.64, 36, 0.1, accrual=10, follow_up=20), "Nobody would be followed for 36.0: the first patient is followed for 30.0"),
    (lambda: patients_for_landmark(0.64, 0, 0.1), "time must be a number above 0"),
    (lambda: patients_for_landmark(1.0, 36, 0.1), "survival is a probability"),
    (lambda: patients_for_landmark(0.64, 36, 0.1, accrual=-1), "accrual must be a number of at least 0"),
    (lambda: patients_for_landmark(0.64, 36, excludes=0.64), "exclude 0.64 itself"),
    (lambda: patients_for_landmark(0.64, 36), "Ask one question"),
    (lambda: patients_for_median(1), "no number of patients makes it 1"),
    (lambda: patients_for_median(-2), "ratio must be a number above 0"),
    (lambda: patients_for_median(1.5, median=36, accrual=6, follow_up=6), "Nobody would be followed"),
    (lambda: patients_for_non_inferiority(0.64, 0.64, 0.7, time=36), "no probability"),
    (lambda: patients_for_non_inferiority(0.4, 0.64, 0.15, time=36), "not inside the margin: no number of patients"),
    (lambda: patients_for_non_inferiority(0.4, 0.22, 0.15), "not inside the margin"),
    (lambda: patients_for_non_inferiority(0.2, 0.2, 0.1, better="less"), 'better is "higher"'),
    (lambda: patients_for_non_inferiority(0.2, 0.2, 0.1, time=3, better="lower"), 'better is "higher"'),
    (lambda: events_for_one_sample_logrank(1), "no difference"),
    (lambda: events_for_one_sample_logrank(0.6, alpha=5), "alpha is a probability"),
    (lambda: events_for_one_sample_logrank("0.6"), "hazard_ratio must be a number"),
    (lambda: patients_for_proportion(0.22, 0.1).at(0), "above 0"),
    (lambda: patients_for_proportion(0.22, excludes=0.3, power=0.2), "at least 0.5; got 0.2"),
    (lambda: patients_for_non_inferiority(0.22, 0.22, 0.1, alpha=0.6), "one-sided and below 0.5"),
    (lambda: patients_for_landmark(0.64, 36, math.nan), "half_width is a probability"),
    (lambda: patients_for_median(None), "ratio must be a number"),
])  # fmt: skip
def test_what_can_not_be_answered_is_said_in_a_sentence(call, says):
    with pytest.raises(EndpointError) as error:
        call()
    assert says in str(error.value)


# --- nothing is ignored in silence, and no size is beyond belief --------------------------------------------------------


@pytest.mark.parametrize(("call", "says"), [
    (lambda: patients_for_non_inferiority(0.22, 0.22, 0.15, variance_published=0.02), "variance_published would not be used. Say time="),
    (lambda: patients_for_non_inferiority(0.22, 0.22, 0.15, accrual=60, follow_up=24), "accrual and follow_up would not be used"),
    (lambda: patients_for_median(1.5, accrual=60, follow_up=24), "so they need it: give median="),
    (lambda: patients_for_median(1.5, follow_up=24), "so they need it: give median="),
    (lambda: patients_for_median(1.5, median=36, accrual=60), "accrual=60 changes nothing when everybody is followed for as long as it takes: say follow_up="),
    (lambda: patients_for_median(1.5, median=30), "median=30 changes nothing when everybody is followed for as long as it takes: say follow_up="),
    (lambda: patients_for_median(1.5, median=-3), "median must be a number above 0"),
    (lambda: patients_for_landmark(0.64, 36, 0.1, accrual=60), "say follow_up= as well"),
    (lambda: patients_for_non_inferiority(0.64, 0.64, 0.15, time=36, accrual=60), "say follow_up= as well"),
    (lambda: patients_for_landmark(0.64, 36, 0.1, variance_published=0.02), "does not depend on variance_published: leave it out"),
    (lambda: patients_for_landmark(0.64, 36, 0.1, power=0.8), "does not depend on power"),
    (lambda: patients_for_proportion(0.22, 0.1, power=0.8), "does not depend on power"),
    (lambda: patients_for_proportion(0.22, 0.1).at("a"), "at takes numbers of patients (or events), such as 34 or [34, 60]; got 'a'"),
    (lambda: patients_for_proportion(0.22, 0.1).at([]), "it got none"),
    (lambda: patients_for_proportion(0.22, 0.1).at(None), "above 0; got nan"),
    (lambda: patients_for_proportion(0.22, 0.1, conf_level=1 - 1e-16), "can't be told from certainty"),
    (lambda: events_for_one_sample_logrank(1e300), "hazard_ratio must lie between 1e-06 and 1,000,000; got 1e+300"),
])  # fmt: skip
def test_what_would_be_ignored_is_refused(call, says):
    with pytest.raises(EndpointError) as error:
        call()
    assert says in str(error.value)


def test_a_median_named_as_the_default_is_a_median():
    assert patients_for_median(1.5, median=1.0, accrual=2, follow_up=1).n == patients_for_median(1.5, median=36, accrual=72, follow_up=36).n
    assert patients_for_median(1.5, median=36, follow_up=36).n == patients_for_median(1.5).n == 49


@pytest.mark.parametrize("size", [
    lambda: patients_for_proportion(0.22, excludes=0.22 + 1e-14), lambda: patients_for_proportion(0.2, 1e-9), lambda: patients_for_proportion(0.2, 1e-200),
    lambda: patients_for_median(1 + 1e-9), lambda: patients_for_landmark(0.64, 36, 1e-9), lambda: patients_for_landmark(0.64, 36, 1e-200),
    lambda: patients_for_landmark(0.64, 36, excludes=0.64 + 1e-12), lambda: patients_for_landmark(1e-300, 36, excludes=0.5), lambda: patients_for_non_inferiority(0.64, 0.64, 1e-9, time=36),
])  # fmt: skip
def test_more_patients_than_can_be_treated_are_no_number(size):
    found = size()
    assert found.n is None
    assert repr(found) == "No number of patients: more than 1,000,000,000 patients would be needed, which nobody can treat"
    assert found.tidy()["n"].isna().all()
    with pytest.raises(EndpointError, match=r"^No number of patients: more than 1,000,000,000"):
        int(found)


def test_more_events_than_can_be_seen_are_no_number():
    found = events_for_one_sample_logrank(1 + 1e-9)
    assert found.n_event is None
    assert "more than 1,000,000,000 expected events" in repr(found)


def test_one_patient_is_not_some():
    assert repr(patients_for_proportion(0.22, 0.49)).startswith("1 patient. ")
    assert patients_for_median(1.5, median=1, accrual=1, follow_up=0.5).at(1e-6)["ratio"].iloc[0] == math.inf


@pytest.mark.parametrize(("given", "says"), [({"n": "a", "rng": 1}, "n is a number of patients"), ({"rng": "a"}, "rng must be a numpy Generator"), ({"rng": 1, "replicates": 2.5}, "at least 2 replicates")])
def test_a_simulation_needs_numbers(given, says):
    from haip_outcomes.benchmark.precision.simulations import simulated_power

    with pytest.raises(EndpointError, match=says):
        simulated_power(patients_for_proportion(0.22, 0.1), **given)
