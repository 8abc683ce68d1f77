"""Published figures pooled: the worked examples through `pooled`, effects by hand, cells, overlap, and every refusal."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from methods_examples import example
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import binom, t

import haip_outcomes as haip
from haip_outcomes.benchmark.literature import make_figures
from haip_outcomes.benchmark.pooling.cells import cells_of, key_of
from haip_outcomes.benchmark.pooling.effects import effect_of

Z = 1.959963984540054


def close(found, wanted, tolerance=1e-8):
    found, wanted = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    np.testing.assert_array_less(np.abs(found - wanted), tolerance * np.maximum(np.abs(wanted), 1e-3))


def figures(rows, groups=None, **common):
    """Figures of one estimand, a source each unless a row names its own."""
    base = {"setting": "adjuvant", "modality": "HAIP + systemic", "endpoint": "overall_survival", "statistic": "landmark_probability",
            "horizon": 36.0, "unit": "%", "time_zero": "not stated", "event": "as named", "competing": "not applicable",
            "better": "higher", "read": "primary", "where": "abstract"}  # fmt: skip
    table = [{**base, **common, "id": f"f{i}", "source": f"s{i}", **row} for i, row in enumerate(rows)]
    for row in table:
        if "horizon" in row and row["horizon"] is None:
            del row["horizon"]
    sources = {row["source"]: {"short": row["source"].upper(), "citation": "A, et al."} for row in table}
    return make_figures({"figure": table, "sources": sources, "overlap_groups": groups or {}})


def proportions(k, n, **common):
    shares = {"endpoint": "pump_complication", "statistic": "proportion", "horizon": None, "event": "not stated", "time_zero": "not applicable",
              "better": "lower", **common}  # fmt: skip
    return figures([{"value": 100 * a / b, "events": a, "n": b, "notes": "-"} for a, b in zip(k, n, strict=True)], **shares)


def medians(rows, **common):
    return figures(rows, **{"statistic": "median", "unit": "months", "horizon": None, **common})


def range_of(frame):
    return [float(frame["conf_low"].iloc[0]), float(frame["conf_high"].iloc[0])]


@pytest.mark.parametrize("name", ["m10_logit", "m10_logit_tau2_zero"])
def test_proportions_as_in_the_worked_examples(name):
    given, expected = example(name)
    result = haip.pooled(proportions(given["k"], given["n"]), n_new=given["n_new"])
    wanted = expected["REML"]
    close(result.tidy()["effect"], expected["y"])
    close(result.tidy()["std_error"] ** 2, expected["v"])
    close([result.effects.tau2, result.effects.estimate, result.effects.q], [wanted["tau2"], wanted["mu"], expected["Q"]])
    close(result.estimate, wanted["back"]["mu"])
    close(result.limits, wanted["back"]["ci_mhk"])
    close(range_of(result.prediction(std_error=0)), wanted["back"]["pi_mhk_k2"])
    close(range_of(result.prediction(n=34)), wanted["back"]["new_centre_obs_mhk_k2_n34"])
    close(range_of(result.prediction()), wanted["back"]["new_centre_obs_mhk_k2_n34"])
    count = result.count_range(n=34).iloc[0]
    seen = wanted["predictive_count_n34_mhk_k2"]
    assert (count["conf_low"], count["conf_high"]) == (seen["lower_count"], seen["upper_count"])
    # the notes print the mean over 20 000 midpoints of the true effect's quantiles; ours is integrated
    row = result.effects.prediction().iloc[0]
    grid = row["estimate"] + row["std_error"] * t.ppf((np.arange(20_000) + 0.5) / 20_000, row["df"])
    close(34 * expit(grid).mean(), seen["mean"])
    exact, _ = quad(lambda a: expit(row["estimate"] + row["std_error"] * np.tan(a)) * t.pdf(np.tan(a), row["df"]) / np.cos(a) ** 2,
                    -math.pi / 2, math.pi / 2, epsabs=1e-13, epsrel=1e-13, limit=400)  # fmt: skip
    close(count["estimate"], 34 * exact)
    close(count["estimate"], seen["mean"], 1e-5)
    chance = np.array([binom.cdf(x, 34, expit(grid)).mean() for x in range(35)])
    assert (chance >= 0.025).argmax() == count["conf_low"]
    assert (chance >= 0.975).argmax() == count["conf_high"]


def test_landmark_survival_as_in_the_worked_example():
    given, expected = example("m10_cloglog")
    rows = [{"value": 100 * s, "n": n} for s, n in zip(given["S"], given["n"], strict=True)]
    result = haip.pooled(figures(rows), n_new=34)
    wanted = expected["REML"]
    close(result.tidy()["effect"], expected["y"])
    close(result.tidy()["std_error"] ** 2, expected["v"])
    close(result.estimate, wanted["back"]["mu"])
    close(result.limits, wanted["back"]["ci_mhk"][::-1])  # they change places on the way back
    close(range_of(result.prediction(std_error=0)), wanted["back"]["pi_mhk_k2"][::-1])
    close(range_of(result.prediction(n=34)), wanted["back"]["new_centre_obs_mhk_k2_n34"][::-1])
    assert result.tidy()["lower_bound"].all()
    assert "5 standard errors from numbers of patients alone" in result.method
    glance = result.glance().iloc[0]
    close([glance["prediction_low"], glance["new_high"]], [wanted["back"]["pi_mhk_k2"][1], wanted["back"]["new_centre_obs_mhk_k2_n34"][0]])
    assert glance["n"] == sum(given["n"])


def test_medians_as_in_the_worked_example():
    given, expected = example("m10_logmedian")
    rows = [{"value": m, "ci_low": m * math.exp(-Z * e), "ci_high": m * math.exp(Z * e), "ci_level": 0.95, "ci_form": "curve-based"}
            for m, e in zip(given["median"], given["se_log"], strict=True)]  # fmt: skip
    result = haip.pooled(medians(rows))
    wanted = expected["REML"]
    close(result.tidy()["std_error"] ** 2, expected["v"])
    close(result.estimate, wanted["back"]["mu"])
    close(result.limits, wanted["back"]["ci_mhk"])
    close(range_of(result.prediction()), wanted["back"]["pi_mhk_k2"])
    close(range_of(result.prediction(std_error=given["se_log_new"])), wanted["back"]["new_centre_obs_mhk_k2_new"])
    assert result.unit == "months"
    assert "31.2 months" in result.sentence
    with pytest.raises(haip.EndpointError, match="in months"):
        result.count_range(n=34)


def test_years_and_months_are_one_unit():
    rows = [{"value": 36.0, "n": 50}, {"value": 3.0, "unit": "years", "n": 50}, {"value": 40.0, "n": 60}, {"value": 30.0, "n": 70}]
    result = haip.pooled(medians(rows))
    close(result.tidy()["estimate"][:2], [36, 36])
    assert result.unit == "months"


def one(**row):
    return next(iter(figures([row])))


def median(**row):
    return next(iter(medians([row])))


ci = {"ci_level": 0.95}


def test_where_each_standard_error_comes_from():
    """Methods notes, sections 2, 3, 5 and 6, by hand."""
    landmark = effect_of(one(value=40.0, ci_low=31.0, ci_high=49.0, ci_form="not stated", n=115, **ci))
    close(landmark.std_error, (math.log(-math.log(0.31)) - math.log(-math.log(0.49))) / (2 * Z))
    assert round(landmark.std_error, 5) == 0.12648  # m02
    assert landmark.basis == "printed 95% interval"
    alone = effect_of(one(value=40.0, n=115))
    assert round(alone.std_error, 5) == 0.12464  # m02
    assert alone.lower_bound
    at_risk = effect_of(one(value=40.0, n=115, n_risk=30))
    assert round(at_risk.std_error, 5) == 0.15434  # m02, Peto
    assert not at_risk.lower_bound
    incidence = effect_of(one(value=30.0, n=120, statistic="cumulative_incidence"))
    close(incidence.std_error, math.sqrt(0.3 * 0.7 / 120) / (0.3 * abs(math.log(0.3))))
    curve = effect_of(median(value=310.0, ci_low=285.0, ci_high=363.0, ci_form="curve-based", **ci))
    close(curve.std_error, (math.log(363) - math.log(285)) / (2 * Z))
    symmetric = effect_of(median(value=9.2, ci_low=3.1, ci_high=15.3, ci_form="symmetric (standard error)", **ci))
    close(symmetric.std_error, (15.3 - 3.1) / (2 * Z) / 9.2)
    guessed = effect_of(median(value=9.2, ci_low=3.1, ci_high=15.3, ci_form="not stated", **ci))
    assert guessed.std_error == symmetric.std_error  # its symmetry says so
    lopsided = effect_of(median(value=20.0, ci_low=10.0, ci_high=40.0, ci_form="not stated", **ci))
    close(lopsided.std_error, math.log(2) / Z)
    open_end = effect_of(median(value=38.0, ci_low=28.0, ci_high=math.inf, ci_form="curve-based", **ci))
    close(open_end.std_error, math.log(38 / 28) / Z)
    assert "lower limit alone" in open_end.basis
    close(effect_of(median(value=38.0, n=102)).std_error, 1 / (math.log(2) * math.sqrt(102)))


def ratio(**row):
    rows = [{"statistic": "hazard_ratio", "unit": "ratio", "horizon": None, "factor": "haip", **row}]
    return next(iter(figures(rows)))


def test_ratios_and_proportions():
    hr = effect_of(ratio(value=2.53, ci_low=1.6, ci_high=4.01, ci_form="not stated", **ci))
    assert round(hr.std_error, 5) == 0.23439  # m05
    assert hr.basis == "printed 95% interval"
    assert "not symmetric" in effect_of(ratio(value=2.0, ci_low=1.6, ci_high=4.01, ci_form="not stated", **ci)).basis
    ninety = effect_of(ratio(value=2.53, ci_low=1.6, ci_high=4.01, ci_form="not stated", ci_level=0.9))
    assert ninety.std_error > hr.std_error
    p = effect_of(ratio(value=0.5, p_value="0.05"))
    close(p.std_error, math.log(2) / Z)
    share = next(iter(proportions([0], [20])))
    close([effect_of(share).effect, effect_of(share).std_error], [math.log(0.5 / 20.5), math.sqrt(1 / 0.5 + 1 / 20.5)])
    whole = effect_of(next(iter(proportions([20], [20]))))
    close(whole.effect, math.log(20.5 / 0.5))
    of_percent = effect_of(one(value=23.0, n=102, statistic="proportion", horizon=None))  # 23 of 102 alone prints as 23%
    close(of_percent.effect, math.log(23 / 79))
    no_count = effect_of(one(value=22.0, n=544, statistic="proportion", horizon=None))
    close(no_count.std_error, math.sqrt(1 / (544 * 0.22 * 0.78)))
    interval = effect_of(one(value=69.0, ci_low=53.0, ci_high=82.0, ci_form="exact binomial", statistic="proportion", horizon=None, **ci))
    close(interval.std_error, (math.log(0.82 / 0.18) - math.log(0.53 / 0.47)) / (2 * Z))


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (lambda: one(value=88.0), "nothing that its uncertainty follows from"),
        (lambda: one(value=100.0, n=20), "end of its scale"),
        (lambda: one(value=80.0, n=20, qualifier="about"), 'says "about"'),
        (lambda: one(ci_low=0.89, ci_high=1.33, ci_form="not stated", **ci), "no single estimate"),
        (lambda: median(value=20.0, n=30, statistic="median_IQR", iqr=(10.0, 30.0)), "median IQR in months is on no scale"),
        (lambda: ratio(value=1.0, p_value="0.9"), "nothing that its uncertainty"),
    ],
)
def test_a_figure_that_is_no_effect_says_why(figure, words):
    found = effect_of(figure())
    assert not found.usable
    assert words in found.reason


def test_an_interval_that_ends_at_its_scale_is_taken_by_its_other_limit():
    found = effect_of(one(value=90.0, ci_low=70.0, ci_high=100.0, ci_form="not stated", n=20, **ci))
    close(found.std_error, (math.log(-math.log(0.7)) - math.log(-math.log(0.9))) / Z)


FIVE = [{"value": v, "n": n} for v, n in ((64.0, 26), (70.0, 86), (55.0, 53), (61.0, 35), (78.0, 120))]


def test_series_that_may_share_patients_count_once_the_largest_of_them():
    groups = {"a": "one hospital", "b": "another"}
    shared = figures([*FIVE, {"value": 72.0, "n": 300, "overlap": ["a", "b"]}, {"value": 60.0, "n": 90, "overlap": ["a"]},
                      {"value": 61.0, "n": 80, "overlap": ["b"]}, {"value": 50.0, "n": 300, "overlap": ["b"]}], groups)  # fmt: skip
    result = haip.pooled(shared)
    assert list(result.tidy()["figure"]) == ["f0", "f1", "f2", "f3", "f4", "f5"]
    left = dict(result.left_out)
    assert "f5, which has more patients (300)" in left["f6"]
    assert "f5, which has as many patients" in left["f8"]
    assert set(left) == {"f6", "f7", "f8"}
    assert "3 figures of the cell left out" in result.method
    cells = haip.poolable(shared)
    assert (len(cells), cells["n_groups"][0], cells["k"][0], bool(cells["can_be_pooled"][0])) == (1, 6, 6, True)


def test_two_arms_of_one_source_are_one_source_even_in_different_groups():
    groups = {"a": "-", "b": "-"}
    arms = figures([*FIVE[:3], {"value": 60.0, "n": 40, "source": "s9", "overlap": ["a"]}, {"value": 62.0, "n": 41, "source": "s9", "overlap": ["b"]}], groups)
    assert haip.poolable(arms)["k"][0] == 4
    assert "f4" in [figure.id for figure, _ in cells_of(arms)[0].chosen]


def test_a_figure_without_uncertainty_does_not_stand_in_the_way_of_a_smaller_one_with():
    both = figures([{"value": 64.0, "ci_low": 50.0, "ci_high": 75.0, "ci_level": 0.95, "ci_form": "not stated"},
                    {"value": 64.0, "n": 500, "qualifier": "about", "source": "s0"}])  # fmt: skip
    (cell,) = cells_of(both)
    assert [figure.id for figure, _ in cell.chosen] == ["f0"]
    assert cell.left_out == (("f1", 'the source says "about", which is no estimate'),)


def test_too_few_sources_are_refused_with_their_number():
    with pytest.raises(haip.EndpointError, match=r"^3 sources, too few to pool: adjuvant, overall survival, landmark probability at 36 months"):
        haip.pooled(figures(FIVE[:3]))
    with pytest.raises(haip.EndpointError, match=r"^3 sources, too few.*Left out: f3 \(the source prints nothing"):
        haip.pooled(figures([*FIVE[:3], {"value": 50.0}]))
    with pytest.raises(haip.EndpointError, match=r"^0 sources, too few to pool"):
        haip.pooled(replace(figures(FIVE), figures=()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"horizon": 60.0}, "horizon"),
        ({"setting": "unresectable"}, "setting"),
        ({"time_zero": "pump placement", "time_zero_text": "from HAIP"}, r'time_zero \("not stated" and "pump placement"\)'),
        ({"modality": "HAIP alone"}, "modality"),
        ({"subgroup": "node-negative primary"}, "subgroup"),
        ({"competing": "censored"}, "competing"),
        ({"endpoint": "progression_free_survival"}, "endpoint"),
        ({"statistic": "cumulative_incidence"}, "statistic"),
    ],
)
def test_different_estimands_are_never_pooled(change, words):
    with pytest.raises(haip.EndpointError, match=f"2 different estimands.*{words}"):
        haip.pooled(figures([*FIVE, {**FIVE[0], **change}]))


def test_modality_is_one_word_for_what_is_of_the_pump():
    rows = [{"modality": m} for m in ("HAIP alone", "HAIP + systemic", "HAIP, systemic not stated")]
    pumps = [key_of(next(iter(proportions([1], [10], **row)))) for row in rows]
    assert len(set(pumps)) == 1
    response = [key_of(next(iter(proportions([1], [10], endpoint="objective_response", **row)))) for row in rows]
    assert len(set(response)) == 3


def test_a_ratio_needs_a_standard_error_of_the_new_centre():
    rows = [{"value": v, "ci_low": v / 1.5, "ci_high": v * 1.5, "ci_level": 0.95, "ci_form": "not stated", "n": 100} for v in (0.5, 0.6, 0.7, 0.8)]
    common = {"statistic": "hazard_ratio", "unit": "ratio", "horizon": None, "factor": "haip", "better": "lower"}
    result = haip.pooled(figures(rows, **common))
    for ask in (lambda: result.prediction(n=34), lambda: haip.pooled(figures(rows, **common), n_new=34)):
        with pytest.raises(haip.EndpointError, match="std_error"):
            ask()
    assert range_of(result.prediction(std_error=0.3))[0] < range_of(result.prediction())[0]
    assert result.unit == "ratio"


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: haip.pooled([1, 2]), "takes published figures"),
        (lambda: haip.poolable(pd.DataFrame()), "takes published figures"),
        (lambda: haip.pooled(figures(FIVE), n_new=0), "whole number"),
        (lambda: haip.pooled(figures(FIVE), n_new=3.5), "whole number"),
        (lambda: haip.pooled(haip.published(), n_new="abc"), "whole number of at least 1, not 'abc'"),
        (lambda: haip.pooled(haip.published(), n_new=math.nan), "whole number of at least 1, not nan"),
        (lambda: haip.pooled(haip.published(), n_new=[1]), r"whole number of at least 1, not \[1\]"),
        (lambda: haip.pooled(figures(FIVE), n_new=10**400), "at most 1,000,000,000"),
        (lambda: haip.pooled(figures(FIVE), n_new=math.inf), "at most 1,000,000,000"),
        (lambda: haip.pooled(figures(FIVE)).prediction(n="abc"), "whole number"),
        (lambda: haip.pooled(figures(FIVE), conf_level=None), "0.95 for 95%"),
        (lambda: haip.pooled(figures(FIVE), conf_level=95), "0.95 for 95%"),
        (lambda: haip.pooled(figures(FIVE)).prediction(n=3, std_error=0.1), "one of them"),
        (lambda: haip.pooled(figures(FIVE)).count_range(), "count_range"),
        (lambda: haip.pooled(figures([{"value": [1.0, 2.0], "statistic": "range", "unit": "months", "horizon": None}] * 4)), "range is on no scale"),
    ],
)
def test_bad_input_is_named(ask, words):
    with pytest.raises(haip.EndpointError, match=words):
        ask()


def test_a_new_centre_of_few_patients_is_expected_in_a_wider_interval():
    result = haip.pooled(figures(FIVE), n_new=34)
    widths = [np.diff(range_of(result.prediction(n=n)))[0] for n in (10, 34, 1000)]
    true = np.diff(range_of(result.prediction(std_error=0)))[0]
    assert widths[0] > widths[1] > widths[2] > true
    assert result.prediction(n=34)["term"][0] == "observed result of 34 patients"
    low, high = (float(result.count_range()[name].iloc[0]) / 34 for name in ("conf_low", "conf_high"))
    true_low, true_high = range_of(result.prediction(std_error=0))
    about = range_of(result.prediction())  # gives sampling error the heavy tails of t as well: wider
    assert about[0] - 1 / 34 <= low <= true_low
    assert true_high <= high <= about[1] + 1 / 34
    ninety = haip.pooled(figures(FIVE), conf_level=0.9)
    assert np.diff(range_of(ninety.prediction()))[0] < true


def test_counts_of_four_sources_far_apart():
    """On 2 degrees of freedom the true probability may be all but 0 or 1 (scipy's binomial overflows there): P(X <= x) by quad."""
    from scipy.special import bdtr

    result = haip.pooled(proportions([2, 60, 5, 70], [50, 100, 90, 80]))
    row = result.effects.prediction().iloc[0]

    def below(x):
        def part(a):
            return float(bdtr(x, 34, expit(row["estimate"] + row["std_error"] * np.tan(a))) * t.pdf(np.tan(a), 2) / np.cos(a) ** 2)

        return sum(quad(part, *ends, limit=400)[0] for ends in ((-math.pi / 2, 0), (0, math.pi / 2)))

    for level in (0.95, 0.5):
        asked = haip.pooled(proportions([2, 60, 5, 70], [50, 100, 90, 80]), conf_level=level)
        low, high = (int(value) for value in range_of(asked.count_range(n=34)))
        tail = (1 - level) / 2
        assert below(low) >= tail
        assert low == 0 or below(low - 1) < tail
        assert below(high) >= 1 - tail > below(high - 1)


def test_what_it_says_about_itself():
    result = haip.pooled(figures(FIVE), n_new=34)
    assert "5 sources of different patients: 67%" in result.sentence
    assert "a new centre of 34 patients observes" in result.sentence
    assert "I2 63%" in result.sentence
    assert "do not state time zero" in result.method
    assert result.tidy()["weight"].sum() == pytest.approx(1)
    assert list(result.tidy().columns[:6]) == ["group", "estimate", "std_error", "conf_low", "conf_high", "n"]
    assert "<table" in result._repr_html_()
    shares = haip.pooled(proportions(*(example("m10_logit")[0][key] for key in ("k", "n"))), n_new=34)
    assert "between 5% and 64% (95% prediction interval); as a count, 1 to 20 of 34." in shares.sentence
    same = haip.pooled(proportions(*(example("m10_logit_tau2_zero")[0][key] for key in ("k", "n"))))
    assert "no more than chance" in same.sentence


def test_every_published_figure_is_in_one_cell_and_none_can_be_pooled_today():
    cells = haip.poolable()
    everything = haip.published()
    ids = [name for row in cells["all_figures"] for name in row.split("; ")]
    assert sorted(ids) == sorted(everything.ids)
    assert cells["n_figures"].sum() == len(everything)
    assert cells["can_be_pooled"].sum() == 0
    assert cells["k"].max() == 2
    assert (cells["k"] <= cells["n_groups"]).all()
    assert (cells["n_groups"] <= cells["n_sources"]).all()
    for cell in cells_of(everything):
        with pytest.raises(haip.EndpointError, match=r"too few to pool|can't be pooled"):
            haip.pooled(cell.figures)
        assert {figure.id for figure, _ in cell.chosen} | {name for name, _ in cell.left_out} == set(cell.figures.ids)
