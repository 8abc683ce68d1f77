"""Sections 1 to 6 of the methods notes at full precision, through the public functions: medians, landmarks, proportions, ratios, incidences."""

import math

import numpy as np
import pytest
from methods_examples import dataset, example
from test_comparison import figure, figures
from test_verdict_rules import cohort

from haip_outcomes.benchmark.comparison import compare
from haip_outcomes.benchmark.k_of_n import (
    proportion_difference,
    proportion_interval,
    proportion_test,
)
from haip_outcomes.benchmark.significance import difference_test, fisher_mid_p
from haip_outcomes.benchmark.uncertainty import (
    Side,
    asymmetry,
    contrasted,
    known,
    printed_scale,
    published_side,
    wilson,
)
from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.curves.kaplan_meier import survival_curve
from haip_outcomes.survival.time_to_event import TimeToEvent

MEDIANS = ["hand12", "lung_sex1", "lung_sex2", "ovarian", "collett_iud", "freireich_6mp", "freireich_placebo"]


def near(expected):
    """To 1e-8 of the larger of the number and 0.001; a missing number is NaN."""
    if isinstance(expected, (list, tuple)):
        return [near(one) for one in expected]
    return pytest.approx(math.nan if expected is None else expected, rel=1e-8, abs=1e-11, nan_ok=True)


def times(name):
    return TimeToEvent.from_frame(dataset(name), time="time", state="status", states=["Death"], unit="days")


def lung_women():
    """The lung women as a centre; days are called months, so that a landmark at 365 is one at 365 months."""
    frame = dataset("lung_sex2")
    return cohort(frame["time"], frame["status"])


@pytest.mark.parametrize("name", MEDIANS)
def test_m01_both_median_intervals(name):
    given, expected = example(f"m01_{name}")
    tte = times(given["dataset"])
    row = survival_curve(tte).median(method="standard-error").iloc[0]
    assert [row["estimate"], row["std_error"], row["conf_low"], row["conf_high"]] == near(
        [expected["median"], expected["se"], expected["lower"], expected["upper"]]
    )
    for form, key in (("plain", "plain"), ("log", "log"), ("log-log", "loglog")):
        row = survival_curve(tte, conf_type=form).median().iloc[0]
        assert [row["conf_low"], row["conf_high"]] == near(expected[f"brookmeyer_crowley_{key}"])
    at = survival_curve(tte).at([expected["median"]]).iloc[0]
    assert [at["estimate"], at["std_error"]] == near([expected["S_at_median"], expected["se_S"]])


def landmark(**changes):
    given, expected = example("m02_lung_sex2_365")
    theirs = given["published"]
    table = {"horizon": given["time"], "value": 100 * theirs["S"], "better": "higher", **changes}
    found = compare(lung_women(), figures(table))
    return found.tidy().iloc[0], found.tests().iloc[0], expected


def test_m02_the_centre():
    row, test, expected = landmark(n=115)
    ours = expected["centre"]
    assert [row["estimate"], row["conf_low"], row["conf_high"]] == near([ours["S"], *ours["loglog"]])
    assert test["std_error"] == near(ours["se_theta"])
    at = survival_curve(times("lung_sex2")).at([365]).iloc[0]
    assert (at["n_risk"], at["std_error"]) == (ours["n_at_risk"], near(ours["se_S"]))
    size = (1 - ours["S"]) * ours["S"] / at["std_error"] ** 2
    assert size == near(ours["n_eff"])
    assert list(wilson(ours["S"], size, 0.95)) == near(ours["wilson"])


@pytest.mark.parametrize(("case", "changes"), [
    ("a_with_ci", {"ci_low": 31, "ci_high": 49, "ci_level": 0.95, "ci_form": "not stated", "n": 115, "n_risk": 30}),
    ("b_with_n", {"n": 115}), ("b_with_n_at_risk", {"n": 115, "n_risk": 30}),
])  # fmt: skip
def test_m02_against_each_kind_of_published_uncertainty(case, changes):
    row, test, expected = landmark(**changes)
    wanted = expected[case]
    assert [row["difference"], row["difference_low"], row["difference_high"]] == near([wanted["difference"], *wanted["interval"]])
    assert [test["published_std_error"], test["statistic"], test["p_value"]] == near([wanted["se_theta0"], wanted["z"], wanted["p"]])
    if "wilson0" in wanted:
        assert [row["published_low"], row["published_high"]] == near(wanted["wilson0"])


def test_m02_a_known_number_and_the_scale_of_a_printed_interval():
    _, expected = example("m02_lung_sex2_365")
    ours = compare(lung_women(), figures({"horizon": 365, "n": 115})).compared[0].answers.numbers[0]
    found = contrasted(ours.side, known(0.40), "difference", 0.95)
    assert list(found[1:]) == near(expected["c_known"]["interval"])
    test = difference_test(ours, known(0.40), figure(horizon=365, value=40), False)
    assert [test["statistic"], test["p_value"]] == near([expected["c_known"]["z"], expected["c_known"]["p"]])
    words = {"plain": "plain", "log": "log", "cloglog": "complementary log-log", "logit": "logit"}
    for key, wanted in expected["published_scales"].items():
        assert asymmetry(0.40, 0.31, 0.49, words[key]) == near(wanted["asymmetry"])
    assert printed_scale(0.40, 0.31, 0.49, bounded=True) == "plain"


@pytest.mark.parametrize("scale", ["plain", "log", "complementary log-log", "logit"])
def test_a_printed_interval_is_stretched_on_the_scale_it_was_made_on(scale):
    """An interval made on a scale without rounding: its 99.8% form is the one that its authors would have printed."""
    to, back = {"plain": (float, float), "log": (math.log, math.exp), "logit": (lambda p: math.log(p / (1 - p)), lambda x: 1 / (1 + math.exp(-x))),
                "complementary log-log": (lambda p: math.log(-math.log(p)), lambda x: math.exp(-math.exp(x)))}[scale]  # fmt: skip
    error = 0.045 if scale == "plain" else 0.13

    def made(z):
        return sorted(back(to(0.64) + sign * z * error) for sign in (-1, 1))

    low, high = made(1.959963984540054)
    theirs = published_side(figure(value=64.0, ci_low=100 * low, ci_high=100 * high, ci_level=0.95, ci_form="not stated"))
    assert list(theirs.limits(0.998)) == near(made(3.090232306167813))
    assert list(theirs.limits(0.95)) == near([low, high])


def test_m02_no_events():
    _, expected = example("m02_no_events_ovarian_50")
    frame = dataset("ovarian")
    row = compare(cohort(frame["time"], frame["status"]), figures({"horizon": 50, "value": 95, "n": 50})).tidy().iloc[0]
    assert [row["estimate"], row["conf_low"], row["conf_high"]] == near([1.0, expected["lower"], 1.0])


def test_m03_medians():
    given, expected = example("m03_lung_sex2")
    theirs = given["published"]
    table = {"statistic": "median", "horizon": None, "unit": "months", "value": theirs["median"], "ci_low": theirs["lower"],
             "ci_high": theirs["upper"], "ci_level": 0.95, "ci_form": "curve-based", "n": theirs["n"]}  # fmt: skip
    found = compare(lung_women(), figures(table))
    row = found.tidy().iloc[0]
    assert (row["contrast"], row["unit"]) == ("ratio", "months")
    assert [row["estimate"], row["conf_low"], row["conf_high"]] == near([expected["centre"]["median"], *expected["centre"]["loglog"]])
    assert [row["difference"], row["difference_low"], row["difference_high"]] == near([expected["ratio"], *expected["mover_curve_cis"]])
    (ours,) = found.compared[0].answers.numbers
    printed = published_side(figure(**table))
    assert list(contrasted(ours.side, printed, "difference", 0.95)) == near([expected["difference"]["estimate"], *expected["difference"]["interval"]])
    at = difference_test(ours, printed, figure(**table), True)
    wanted = expected["landmark_at_published_median"]
    assert [ours.free_at(310).estimate, at["statistic"], at["p_value"]] == near([wanted["S"], wanted["z"], wanted["p"]])
    symmetric = compare(lung_women(), figures({**table, "ci_form": "symmetric (standard error)", "ci_low": 271, "ci_high": 349}))
    (ours,) = symmetric.compared[0].answers.numbers
    error = (ours.shown[1] - ours.shown[0]) / (2 * 1.959963984540054)
    assert error == near(expected["centre"]["se_collett"])
    row = symmetric.tidy().iloc[0]
    assert (row["contrast"], "85%" in symmetric.sentences[0]) == ("difference", True)
    low, high = expected["centre"]["loglog"]  # shown by standard error, judged by the curve: both forms on the other side would be liberal
    assert [row["difference_low"], row["difference_high"]] == near([116 - math.hypot(426 - low, 349 - 310), 116 + math.hypot(high - 426, 310 - 271)])


def test_m03_which_intervals_are_symmetric():
    given, expected = example("m03_symmetric_ci")
    for (value, low, high), wanted in zip(given["intervals"], expected["results"], strict=True):
        theirs = figure(statistic="median", horizon=None, unit="months", value=value, ci_low=low, ci_high=high, ci_level=0.95, ci_form="not stated")
        assert theirs.looks_symmetric is (abs(wanted["gap_plain"]) < 1e-9)
        found = compare(lung_women(), figures({"statistic": "median", "horizon": None, "unit": "months", "value": value, "ci_low": low,
                                               "ci_high": high, "ci_level": 0.95, "ci_form": "not stated"}))  # fmt: skip
        assert len(found.tidy()) == (2 if theirs.looks_symmetric else 1)  # a skewed interval can't be of the standard-error form
        if theirs.looks_symmetric:
            made = figure(statistic="median", horizon=None, unit="months", value=value, ci_low=low, ci_high=high, ci_level=0.95,
                          ci_form="symmetric (standard error)")  # fmt: skip
            assert made.symmetric_error == near(wanted["se_if_symmetric"])


@pytest.mark.parametrize("name", ["m04_2_20", "m04_14_60", "m04_0_20"])
def test_m04_one_proportion(name):
    given, expected = example(name)
    k, n = given["k"], given["n"]
    for method, key in (("exact", "clopper_pearson"), ("wilson", "wilson"), ("mid-p", "midp")):
        assert list(proportion_interval(k, n, method=method)) == near(expected[key])
    for method, key in (("minimum-likelihood", "exact_minlik"), ("doubled", "exact_doubled"), ("mid-p", "midp_doubled")):
        assert proportion_test(k, n, given["p0"], method=method) == near(expected[key])


@pytest.mark.parametrize("name", ["m04_14_60_vs_120_544", "m04_10_25_vs_23_49"])
def test_m04_two_proportions(name):
    given, expected = example(name)
    four = [given[key] for key in ("k1", "n1", "k2", "n2")]
    assert list(proportion_difference(*four)) == near([expected["difference"], *expected["newcombe10"]])
    assert fisher_mid_p(*four) == near(expected["fisher_midp_doubled"])
    for side in "12":
        for method, key in (("exact", "clopper_pearson"), ("wilson", "wilson"), ("mid-p", "midp")):
            assert list(proportion_interval(given[f"k{side}"], given[f"n{side}"], method=method)) == near(expected[f"{key}{side}"])


@pytest.mark.parametrize(("wrong", "said"), [
    (lambda: proportion_interval(3, 2), "3 of 2"), (lambda: proportion_interval(1.5, 2), "1.5 of 2"), (lambda: proportion_interval(0, 0), "0 of 0"),
    (lambda: proportion_interval(1, 2, method="wilsn"), 'Did you mean "wilson"'), (lambda: proportion_interval(1, 2, conf_level=95), "conf_level is 95"),
    (lambda: proportion_test(1, 2, 22), "22% is written 0.22"), (lambda: proportion_test(1, 2, 0.2, method="midp"), 'Did you mean "mid-p"'),
    (lambda: proportion_difference(1, 2, 5, 4), "5 of 4"),
])  # fmt: skip
def test_no_proportion(wrong, said):
    with pytest.raises(EndpointError) as error:
        wrong()
    assert said in str(error.value)


@pytest.mark.parametrize("name", ["m05_a", "m05_b"])
def test_m05_hazard_ratios(name):
    given, expected = example(name)
    tables = [{"statistic": "hazard_ratio", "horizon": None, "unit": "ratio", "value": hr[0], "ci_low": hr[1], "ci_high": hr[2], "ci_level": 0.95,
               "ci_form": "not stated", "factor": "sarcopenia"} for hr in (given["hr1"], given["hr2"])]  # fmt: skip
    ours, theirs = (published_side(figure(**table)) for table in tables)
    assert [ours.std_error, theirs.std_error] == near([expected["se1"], expected["se2"]])
    assert list(contrasted(ours, theirs, "ratio", 0.95)) == near([expected["ratio"], *expected["interval"]])

    class Number:
        side = ours

    test = difference_test(Number, theirs, figure(**tables[1]), False)
    assert [test["statistic"], test["p_value"]] == near([expected["z"], expected["p"]])
    assert all(figure(**table).log_symmetric for table in tables)


def test_a_misprinted_ratio_is_said():
    kind = {"statistic": "hazard_ratio", "horizon": None, "unit": "ratio", "ci_level": 0.95, "ci_form": "not stated", "factor": "sarcopenia"}
    assert not figure(**kind, value=1.47, ci_low=1.03, ci_high=2.46).log_symmetric
    assert figure(**kind, value=0.67, ci_low=0.59, ci_high=0.76).log_symmetric


def test_m06_cumulative_incidence():
    given, expected = example("m06_bmt_relapse_365")
    frame, theirs = dataset("bmt_all"), given["published"]
    death = np.where(frame["state"] == 2, 1.0, 0.0)
    centre = cohort(frame["time"], death, frame["time"], (frame["state"] == 1).astype(float))
    table = {"endpoint": "hepatic_recurrence", "statistic": "cumulative_incidence", "horizon": 365, "value": 100 * theirs["F"], "n": theirs["n"],
             "event": "any liver recurrence", "event_text": "liver recurrence", "competing": "competing risk", "better": "lower"}  # fmt: skip
    printed = {**table, "ci_low": 22.0, "ci_high": 38.0, "ci_level": 0.95, "ci_form": "not stated"}
    for key, given_table in (("with_ci", printed), ("with_n", table)):
        found = compare(centre, figures(given_table))
        row, test, wanted = found.tidy().iloc[0], found.tests().iloc[0], expected[key]
        assert [row["estimate"], row["conf_low"], row["conf_high"]] == near([expected["cif"], *expected["interval_loglog"]])
        assert row["n_event"] == expected["events"]
        assert [row["difference"], row["difference_low"], row["difference_high"]] == near([wanted["difference"], *wanted["interval"]])
        assert [test["std_error"], test["published_std_error"]] == near([expected["se_theta"], wanted["se_theta0"]])
        assert [test["statistic"], test["p_value"]] == near([wanted["z"], wanted["p"]])
    # 1 - KM of the same patients, deaths censored, is another number and is never mixed with it
    one_minus = compare(centre, figures({**table, "competing": "censored"})).tidy().iloc[0]
    assert one_minus["estimate"] == near(expected["one_minus_km"])


def test_sides_without_an_error_have_no_test():
    assert math.isnan(Side(0.5, None).std_error)
    one = compare(lung_women(), figures({"horizon": 365, "qualifier": "about", "n": 26}))
    assert one.tests().empty
