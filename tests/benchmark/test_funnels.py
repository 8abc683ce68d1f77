"""Funnels and shrunken estimates: the worked examples of the notes, R's values, brute force, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from case_mix_cohorts import R, close
from hypothesis import given as given_that
from hypothesis import settings
from hypothesis import strategies as st
from methods_examples import example
from scipy.stats import binom, poisson

import haip_outcomes as haip
from haip_outcomes.benchmark.case_mix.funnels import funnel
from haip_outcomes.benchmark.case_mix.shrinkage import shrunken
from haip_outcomes.errors import ConvergenceError, EndpointError


@pytest.mark.parametrize(("name", "size", "target", "kind"), [("m11_binomial_limits", "n", 0.22, "proportion"), ("m11_poisson_limits", "E", 1, "ratio")])
def test_limits_are_those_of_the_notes(name, size, target, kind):
    given, expected = example(name)
    rows = expected["rows"]
    assert [row[size] for row in rows] == given[size]
    found = haip.funnel([1] * len(rows), given[size], target=target, kind=kind)
    lines = found.limits(given[size])
    for i, (inner, outer) in enumerate([("95", 0.95), ("998", 0.998)]):
        part = lines[lines["conf_level"] == outer]
        close(part["conf_low"], [row[f"l{inner}"] for row in rows])
        close(part["conf_high"], [row[f"u{inner}"] for row in rows])
        low, high = [("conf_low", "conf_high"), ("outer_low", "outer_high")][i]
        close(found.tidy()[[low, high]], [[row[f"l{inner}"], row[f"u{inner}"]] for row in rows])


def test_overdispersion_is_that_of_the_notes():
    given, expected = example("m11_overdispersion")
    target = sum(given["k"]) / sum(given["n"])
    assert target == expected["p0"]
    plain = funnel(given["k"], given["n"], target=target)
    close(plain.tidy()["statistic"], expected["z"])
    close([plain.phi, plain.phi_unwinsorised, plain.tau2], [expected["phi"], expected["phi_unwinsorised"], expected["tau2"]])
    close(plain.glance()[["phi", "tau2"]].iloc[0], [expected["phi"], expected["tau2"]])
    for how in ("multiplicative", "additive"):
        found = funnel(given["k"], given["n"], target=target, overdispersion=how)
        close(found.tidy()["z_adjusted"], expected[f"{how}_z"])
        line = found.limits([40])
        close(line.loc[line["conf_level"] == 0.95, ["conf_low", "conf_high"]].iloc[0], expected[f"limits95_n40_{how}"])


def test_limits_with_an_estimated_expectation_are_negative_binomial():
    given = R["estimated"]
    found = funnel([1, 1, 1], given["E"], target=1, kind="ratio", variance_of_expected=given["V"]).tidy()
    for column, key in (("conf_low", "low"), ("conf_high", "high"), ("outer_low", "outer_low"), ("outer_high", "outer_high")):
        close(found[column], given[key])
    known = funnel([1, 1, 1], given["E"], target=1, kind="ratio").tidy()
    assert (found["conf_high"] > known["conf_high"]).all()
    nearly = funnel([1, 1, 1], given["E"], target=1, kind="ratio", variance_of_expected=[0, 1e-9, 0]).tidy()
    close(nearly["conf_high"], known["conf_high"], within=1e-6)
    assert nearly.loc[0, "conf_high"] == known.loc[0, "conf_high"]


@settings(max_examples=150, deadline=None)
@given_that(n=st.integers(1, 150), target=st.floats(0.02, 0.98), data=st.data())
def test_flags_are_the_mid_p_tails_and_lie_within_one_event_of_the_line(n, target, data):
    k = data.draw(st.integers(0, n))
    row = funnel([k], [n], target=target).tidy().loc[0]
    below = binom.cdf(k, n, target) - binom.pmf(k, n, target) / 2
    above = 1 - below
    assert row["tail"] == pytest.approx(min(below, above), abs=1e-12)
    assert row["p_value"] == pytest.approx(min(1, 2 * min(below, above)), abs=1e-12)
    assert (row["flag"] != "within") == (min(below, above) < 0.025)
    if row["flag"].startswith("above"):
        assert k / n >= row["conf_high"] - 1 / n
    if row["flag"].startswith("below"):
        assert k / n <= row["conf_low"] + 1 / n
    assert 0 <= row["outer_low"] <= row["conf_low"] <= row["conf_high"] <= row["outer_high"] <= 1


@settings(max_examples=80, deadline=None)
@given_that(e=st.floats(0.05, 200), q=st.sampled_from([0.95, 0.998]))
def test_poisson_limits_interpolate_the_cumulative_probability(e, q):
    line = funnel([1], [e], target=1, kind="ratio", levels=(q,)).limits([e]).loc[0]
    for limit, share in ((line["conf_low"], (1 - q) / 2), (line["conf_high"], (1 + q) / 2)):
        at = limit * e
        r = np.ceil(at - 1e-9)
        a = r - at
        if limit > 0:
            assert poisson.cdf(r, e) - a * poisson.pmf(r, e) == pytest.approx(share, abs=1e-7)


def test_a_centre_as_the_others_is_flagged_as_rarely_as_it_says():
    """Exact: the probability of a flag at 95% is near 5% and at most 7% for any size; at 99.8% at most 0.4%."""
    for n in range(10, 121, 10):
        k = np.arange(n + 1)
        rows = funnel(k, np.full(n + 1, n), target=0.22).tidy()
        p = binom.pmf(k, n, 0.22)
        assert p[(rows["flag"] != "within").to_numpy()].sum() < 0.07
        assert p[rows["flag"].str.endswith("99.8%").to_numpy()].sum() < 0.004


def test_centres_keep_their_order_and_names():
    events, size = pd.Series({"B": 11, "A": 14, "C": 2}), pd.Series({"A": 60, "B": 28, "C": 20})
    found = funnel(events, size, target=0.22)
    assert found.tidy()["group"].tolist() == ["B", "A", "C"]
    assert found.tidy()["n"].tolist() == [28, 60, 20]
    assert found.flagged["group"].tolist() == ["B"]
    assert found.sentences == ("B: 39%, above the 95% limits (p 0.040).",)
    assert "not ranked" in found.method
    assert funnel([4, 4], [20, 20], target=0.22).sentences == ("All 2 lie within the 95% limits.",)
    assert "<table" in found._repr_html_()


def test_the_kind_is_taken_from_the_numbers_or_said():
    assert funnel([3], [10], target=0.3).kind == "proportion"
    assert funnel([3], [10.5], target=0.3).kind == "ratio"
    assert funnel([3], [10], target=1).kind == "ratio"
    assert funnel([3], [10], target=0.9, kind="ratio").tidy().loc[0, "n_expected"] == 10


def test_few_centres_are_never_adjusted_and_it_is_said():
    few = funnel([9, 1, 12], [20, 20, 20], target=0.3, overdispersion="additive")
    assert few.overdispersion is None
    assert "3 centres are too few (10 are needed)" in few.method
    assert few.limits([20]).equals(funnel([9, 1, 12], [20, 20, 20], target=0.3).limits([20]))
    many = funnel([9, 1, 12] * 4, [20] * 12, target=0.3, overdispersion="multiplicative")
    assert many.overdispersion == "multiplicative"
    assert many.tidy()["conf_high"].iloc[0] > few.tidy()["conf_high"].iloc[0]


@pytest.mark.parametrize(("words", "call"), {
    "target must be a number above 0": lambda: funnel([1], [2], target=0),
    "target lies between 0 and 1": lambda: funnel([1], [2], target=1.2, kind="proportion"),
    "A: 3 events among 2 patients": lambda: funnel([3, 1], [2, 2], target=0.2, groups=["A", "B"]),
    "2: 1.5 events are not a whole number.*3: -1 patients": lambda: funnel([1, 1.5, 1], [2, 2, -1], target=0.2),
    '"A" names more than one': lambda: funnel([1, 1], [2, 2], target=0.2, groups=["A", "A"]),
    "must be numbers": lambda: funnel(["many"], [2], target=0.2),
    "there are 2 and 1": lambda: funnel([1, 2], [2], target=0.2),
    "must name each of the 2": lambda: funnel([1, 2], [2, 3], target=0.2, groups=["A"]),
    "is in only one of": lambda: funnel(pd.Series({"A": 1}), pd.Series({"B": 3}), target=0.2),
    'no kind "rate"': lambda: funnel([1], [2], target=0.2, kind="rate"),
    "overdispersion must be": lambda: funnel([1], [2], target=0.2, overdispersion="yes"),
    "belongs to expected events": lambda: funnel([1], [2], target=0.2, variance_of_expected=[1]),
    "number of 0 or more for each": lambda: funnel([1], [2.5], target=1, variance_of_expected=[-1]),
    "conf_level is a share": lambda: funnel([1], [2], target=0.2, levels=(95,)),
    "one or more shares": lambda: funnel([1], [2], target=0.2, levels=()),
    "whole numbers of patients": lambda: funnel([1], [2], target=0.2).limits([2.5]),
    "sizes above 0": lambda: funnel([1], [2], target=0.2).limits([0]),
    "two or more centres": lambda: shrunken([1], [2]),
    "1.5 patients are not a whole": lambda: shrunken([1, 1], [1.5, 3], kind="proportion"),
    "events among": lambda: shrunken([5, 1], [4, 3]),
}.items())  # fmt: skip
def test_what_cannot_be_is_refused(words, call):
    with pytest.raises(EndpointError, match=words):
        call()


# The notes' parameters are where their search stopped: its gradient there is 9e-7, ours 1e-12, and R's Newton (case_mix.R) agrees with ours to
# 1e-8. So the notes' values are held to 2e-7, R's to 1e-8.
@pytest.mark.parametrize(("name", "sizes", "events", "prior"), [("m15_beta_binomial", "n", "k", ("alpha", "beta")), ("m15_gamma_poisson", "E", "O", ("a", "b"))])
def test_shrunken_estimates_are_those_of_the_notes(name, sizes, events, prior):
    given, expected = example(name)
    found = haip.shrunken(given[events], given[sizes])
    tidy = found.tidy()
    close(found.prior, [expected[key] for key in prior], within=2e-7)
    close([found.log_likelihood], [expected["loglik"]])
    assert found.log_likelihood >= expected["loglik"] - 1e-12
    close([found.mean], [expected.get("mean", expected.get("prior_mean"))], within=2e-7)
    close(tidy["estimate"], expected["posterior_mean"], within=2e-7)
    close(tidy[["conf_low", "conf_high"]], expected["posterior_interval"], within=2e-7)
    close(tidy["crude"], expected["raw"])
    if "moment" in expected:
        close(tidy["weight"], expected["weight_on_own_data"], within=2e-7)
        close([found.strength, found.moments["mean"], found.moments["spread"], found.moments["strength"]],
              [expected["prior_strength"], *(expected["moment"][key] for key in ("mean", "rho", "prior_strength"))], within=2e-7)  # fmt: skip
    else:
        close(tidy["probability_above"], expected["prob_above_1"], within=2e-7)


@pytest.mark.parametrize("name", ["beta_binomial", "gamma_poisson", "beta_binomial_2", "gamma_poisson_2"])
def test_shrunken_estimates_are_those_of_r(name):
    wanted = R[name]
    found = shrunken(wanted["events"], wanted["size"])
    close(found.prior, wanted["prior"])
    close([found.log_likelihood], [wanted["log_likelihood"]])
    close(found.tidy()["estimate"], wanted["estimate"])
    close(found.tidy()[["conf_low", "conf_high"]], np.column_stack([wanted["low"], wanted["high"]]))
    if "above" in wanted:
        close(found.tidy()["probability_above"], wanted["above"])


def test_centres_that_do_not_differ_are_not_ordered():
    for events, size in (([5, 5, 5], [20, 20, 20]), ([0, 0], [20, 30]), ([20, 20], [20, 20]), ([4, 4], [4.2, 3.9])):
        found = shrunken(events, size)
        assert found.prior is None
        assert "nothing to shrink or to order" in found.sentences[0]
        tidy = found.tidy()
        assert tidy["estimate"].nunique() == 1
        assert (tidy["weight"] == 0).all()
        assert tidy["estimate"].iloc[0] == pytest.approx(sum(events) / sum(size))
        assert "no evidence of spread" in found.method
    limits = shrunken([5, 5, 5], [20, 20, 20]).tidy().loc[0, ["conf_low", "conf_high"]]
    close(limits, [0.147186073799, 0.378596355480], within=1e-10)  # R: binom.test(15, 60)


def test_centres_that_could_not_differ_more_are_refused():
    with pytest.raises(ConvergenceError, match="no clear maximum"):
        shrunken([0, 20, 20], [20, 20, 20])


def test_no_parameters_nearby_are_likelier():
    found = shrunken([3, 14, 2, 25, 8, 1, 19, 9], [7.1, 8.3, 5.2, 14.9, 9.6, 3.8, 10.2, 9.9])
    from scipy.stats import nbinom

    a, b = found.prior
    e, o = found.counts.size, found.counts.observed
    for fa, fb in ((1.01, 1), (0.99, 1), (1, 1.01), (1, 0.99), (1.01, 1.01), (0.99, 0.99)):
        assert nbinom.logpmf(o, a * fa, b * fb / (b * fb + e)).sum() < found.log_likelihood
    assert found.log_likelihood == pytest.approx(nbinom.logpmf(o, a, b / (b + e)).sum(), rel=1e-12)


def test_few_centres_are_said_to_have_narrow_intervals():
    found = shrunken([3, 14, 2, 25, 8, 1, 19, 9], [7.1, 8.3, 5.2, 14.9, 9.6, 3.8, 10.2, 9.9], groups=list("abcdefgh"))
    assert "too narrow with 8 centres" in found.method
    assert "not for judging one centre" in found.method
    assert found.sentences[0] == "a: 0.67 (0.28, 1.22), its own number 0.42."
    assert found.glance().loc[0, "strength"] == pytest.approx(found.prior[1])
    assert "<table" in found._repr_html_()
    shares = shrunken([14, 2, 11, 1], [60, 20, 28, 30])
    assert "%" in shares.sentences[0]
    assert repr(shares)


@pytest.mark.slow
def test_two_true_outliers_of_eight_centres_are_found_and_few_others():
    truth, frail = {"Centre 3": haip.Truth(death=0.04), "Centre 6": haip.Truth(death=0.01)}, {"Centre 5": {"sarcopenia": 0.9}}
    found, wrong = [], []
    for seed in range(100):
        cohort = haip.simulate_cohort(640, rng=np.random.default_rng(seed), truth=truth, centres=(150, 120, 90, 80, 70, 60, 40, 30), case_mix=frail)
        rows = haip.reference_model(cohort, "os", ["sarcopenia", "extrahepatic_disease", "age"]).expected(cohort, by="centre").tidy()
        flag = funnel(rows["n_event"], rows["n_expected"], target=1, kind="ratio", groups=rows["group"]).tidy().set_index("group")["flag"]
        found += [flag["Centre 3"] == "above 99.8%", flag["Centre 6"] == "below 99.8%"]
        wrong += (flag.drop(["Centre 3", "Centre 6"]) != "within").tolist()
    assert np.mean(found) > 0.95
    assert np.mean(wrong) < 0.06


# --- whose number it is, and what is refused ----------------------------------------------------------------------------


def test_variances_are_aligned_as_the_others_are():
    o, e = pd.Series({"A": 4, "B": 9, "C": 2}), pd.Series({"C": 3.3, "B": 8.1, "A": 5.2})
    v = pd.Series({"B": 4.0, "C": 0.1, "A": 0.5})
    wanted = funnel([4, 9, 2], [5.2, 8.1, 3.3], target=1, variance_of_expected=[0.5, 4.0, 0.1], groups=list("ABC")).tidy()
    for found in (funnel(o, e, target=1, variance_of_expected=v), funnel([4, 9, 2], [5.2, 8.1, 3.3], target=1, groups=list("ABC"), variance_of_expected=v),
                  funnel(o, [5.2, 8.1, 3.3], target=1, variance_of_expected=v)):  # fmt: skip
        assert found.tidy().equals(wanted)
    rows = pd.DataFrame({"o": o.to_numpy(), "e": [5.2, 8.1, 3.3], "v": [0.5, 4.0, 0.1], "g": list("ABC")}).iloc[[2, 0, 1]]
    turned = funnel(rows["o"], rows["e"], target=1, groups=rows["g"], variance_of_expected=rows["v"].sort_index())
    assert turned.tidy().set_index("group").loc[list("ABC")].reset_index().equals(wanted)
    with pytest.raises(EndpointError, match="D is in only one of observed and variance_of_expected"):
        funnel(o, e, target=1, variance_of_expected=pd.Series({"A": 1, "B": 1, "C": 1, "D": 2}))
    with pytest.raises(EndpointError, match="one centre twice"):
        funnel(o, e, target=1, variance_of_expected=pd.Series([1, 1, 1], index=list("AAB")))


def test_a_target_in_per_cent_is_refused():
    with pytest.raises(EndpointError, match=r'A target of 22 for whole numbers looks like per cent: write 0\.22 for a proportion, or say kind="ratio"'):
        funnel([14, 2, 11], [60, 20, 28], target=22)
    assert funnel([14], [6], target=2.5, kind="ratio").kind == "ratio"
    assert funnel([14], [6.5], target=2.5).kind == "ratio"


def test_whole_numbers_taken_as_expected_events_are_said():
    found = funnel([14, 2], [60, 20], target=1)
    assert found.kind == "ratio"
    assert "whole numbers taken as expected events, because no proportion has a target of 1" in found.method
    for other in (funnel([14, 2], [60, 20], target=1, kind="ratio"), funnel([14, 2], [60.5, 20], target=1), funnel([14, 30], [60, 20], target=1),
                  funnel([14, 2], [60, 20], target=0.2)):  # fmt: skip
        assert "taken as expected" not in other.method


@pytest.mark.parametrize("groups", [["A", ""], ["A", None], ["A", np.nan], ["A", pd.NA], ["A", "  "], pd.Series(["A", None])])
def test_centres_without_a_name_are_refused(groups):
    for call in (lambda: funnel([1, 2], [10, 12], target=0.2, groups=groups), lambda: shrunken([1, 2], [10, 12], groups=groups),
                 lambda: funnel(pd.Series([1, 2], index=list(groups)), [10, 12], target=0.2)):  # fmt: skip
        with pytest.raises(EndpointError, match="centre number 2 has no name: name every centre"):
            call()


@pytest.mark.parametrize(("words", "call"), {
    "levels must be one or more shares.*got '0.95'": lambda: funnel([1], [2], target=0.2, levels="0.95"),
    r"levels must be one or more shares.*got \['a'\]": lambda: funnel([1], [2], target=0.2, levels=["a"]),
    "levels must be one or more shares.*got None": lambda: funnel([1], [2], target=0.2, levels=None),
    "variance_of_expected must be numbers, one a centre": lambda: funnel([1], [2.5], target=1, variance_of_expected=["a"]),
    "limits takes sizes above 0.*got 'a'": lambda: funnel([1], [2], target=0.2).limits("a"),
    "limits takes sizes above 0: numbers of patients": lambda: funnel([1], [2.5], target=1).limits(None),
    "expected_or_n must be numbers, one a centre .no text, dates": lambda: funnel([1, 2], pd.to_datetime(["2020", "2021"]), target=0.2),
    "shrunken: expected_or_n must be numbers": lambda: shrunken([1, 2], pd.to_datetime(["2020", "2021"])),
    "observed must be numbers, one a centre .no text": lambda: funnel(pd.to_timedelta(["1D", "2D"]).to_numpy(), [10, 20], target=0.2),
    "shrunken: observed must be numbers": lambda: shrunken(["1", "2"], [10, 20]),
    "funnel: expected_or_n must be numbers": lambda: funnel([1, 2], [10, "20"], target=0.2),
    "1: 1.7e.18 patients are more than 1,000,000,000": lambda: funnel([1, 2], [1.7e18, 20], target=0.2),
    "1: 1.7e.18 patients are more": lambda: shrunken([1, 2], [1.7e18, 20]),
    "1: 2e.09 expected events are more than 1,000,000,000; 2: 2e.18 events are more": lambda: funnel([1, 2e18], [2e9, 20.5], target=1),
    "limits takes sizes up to 1,000,000,000; got 1.7e.18": lambda: funnel([1], [2], target=0.2).limits(1.7e18),
    "limits takes sizes above 0.*DatetimeIndex": lambda: funnel([1], [2], target=0.2).limits(pd.to_datetime(["2020"])),
    "groups must name each of the 1 centre, and it has 2 names": lambda: funnel([1], [2], target=0.2, groups=["A", "B"]),
}.items())  # fmt: skip
def test_arguments_of_another_kind_are_refused_in_a_sentence(words, call):
    with pytest.raises(EndpointError, match=words):
        call()


def test_levels_may_be_an_array_or_one_number():
    assert funnel([1], [20], target=0.2, levels=np.array([0.998, 0.95])).levels == (0.95, 0.998)
    assert funnel([1], [20], target=0.2, levels=0.9).levels == (0.9,)
    assert "99.99% limits" in funnel([1], [20], target=0.2, levels=(0.95, 0.9999)).method


def test_the_largest_size_has_limits():
    found = funnel([200_000_000, 2], [10**9, 20], target=0.2)
    assert found.tidy()["flag"].tolist() == ["within", "within"]
    assert 0.1999 < found.limits(10**9)["conf_low"].iloc[0] < 0.2
