"""Same, different or not stated: what a figure leaves open is tried every way, and what differs is refused."""

import math
import tomllib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_comparison import PROGRAMME, centre, figure, figures, judged

from haip_outcomes import demo_cohort
from haip_outcomes.benchmark.centre import days_median
from haip_outcomes.benchmark.comparison import _verdict, compare, number_words
from haip_outcomes.benchmark.literature import make_figures, published
from haip_outcomes.benchmark.plan_figures import check_names, figures_of
from haip_outcomes.benchmark.uncertainty import published_side
from haip_outcomes.benchmark.verdicts import amount
from haip_outcomes.benchmark.wording import days_text
from haip_outcomes.errors import PlanError
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.plan import load_plan, make_plan
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.subdistribution.regression import fine_gray
from haip_outcomes.tables.comparisons import comparison_table, difference_text, value_text

JUDGE = {"benchmark": {"judge": ["theirs"]}}
RATIO = {"statistic": "hazard_ratio", "endpoint": "hazard_ratio", "outcome": "overall_survival", "horizon": None, "unit": "ratio", "value": 2.4,
         "ci_low": 1.1, "ci_high": 5.0, "ci_level": 0.95, "ci_form": "not stated", "factor": "sarcopenia", "better": "neither",
         "adjustment": "univariable"}  # fmt: skip
RFS = {"endpoint": "recurrence_free_survival", "horizon": 24, "value": 50, "n": 100}


def with_rfs(n=60, *, split=True, seed=3):
    """Recurrence at twice the rate of death; `split`: the plan tells deaths from recurrences."""
    rng = np.random.default_rng(seed)
    death, back = rng.exponential(40, n), rng.exponential(25, n)
    last = np.minimum(death, 70.0)
    frame = pd.DataFrame({"setting": pd.Categorical(["adjuvant"] * n), "os_time": last, "died": (death <= 70).astype(float),
                          "back_time": np.minimum(back, last), "back": (back <= last).astype(float)}, index=range(2, n + 2))  # fmt: skip
    both = {"Recurrence": {"time": "back_time", "flag": "back"}, "Death": {"time": "os_time", "flag": "died"}}
    one = {"Recurrence": both["Recurrence"]}
    plan = make_plan({"cohort": {"name": "M", "id": "id", "setting": "setting"}, "columns": {}, **JUDGE,
                      "endpoints": {"rfs": {"label": "RFS", "start": "pump placement", "events": both if split else one}}})  # fmt: skip
    return Cohort(plan, frame, Source("made up", "", n))


def words(one):
    return [ours.convention for ours in one.answers.numbers]


@pytest.mark.parametrize(("competing", "found"), [
    ("not applicable", [""]), ("event", [""]), ("censored", ["deaths censored"]), ("competing risk", ["deaths as a competing risk"]),
    ("not stated", ["deaths as events", "deaths censored"]),
])  # fmt: skip
def test_recurrence_free_survival_counts_deaths_as_the_source_does(competing, found):
    one = judged(cohort=with_rfs(), **RFS, competing=competing)
    assert words(one) == found
    assert ("other causes (Death) censored: not the probability of the event" in one.sentence.replace("Other", "other")) is ("deaths censored" in found)


def test_deaths_that_the_centre_does_not_tell_apart():
    merged = with_rfs(split=False)
    one = judged(cohort=merged, **RFS, competing="not stated")
    assert (one.verdict, words(one)) == ("not judged", [""])
    assert "could also mean what this centre can't answer (deaths censored: the centre's endpoint does not tell deaths" in one.reason
    assert judged(cohort=merged, **RFS, competing="censored").verdict == "not comparable"
    assert "the source counts deaths as censored" in judged(cohort=merged, **RFS, competing="censored").reason
    assert judged(cohort=merged, **RFS, competing="event").verdict not in ("not comparable", "not judged")


def test_another_event_than_the_endpoints_name_says_is_refused():
    one = judged(cohort=with_rfs(), **RFS, event="any lung recurrence", event_text="lung", competing="event")
    assert (one.verdict, "the source counts lung" in one.reason) == ("not comparable", True)


def test_liver_progression_without_deaths_is_not_judged_where_the_source_leaves_them_open():
    plan = {"endpoints": {"liver": {"label": "Liver", "start": "pump placement", "events": {"Liver": {"time": "liver_time", "flag": "liver_event"}}}}}
    cohort = centre(60, plan={**JUDGE, **plan})
    liver = {"endpoint": "hepatic_recurrence", "horizon": 12, "value": 60, "n": 100, "event": "not stated"}
    one = judged(cohort=cohort, **liver, competing="not stated")
    assert one.verdict == "not judged"
    assert "deaths as events: the centre's endpoint does not record them" in one.reason
    assert judged(cohort=cohort, **liver, competing="censored").verdict not in ("not judged", "not comparable")
    assert judged(cohort=cohort, **liver, competing="event").verdict == "not comparable"


# --- an interval whose form is not stated -----------------------------------------------------------------------

OPEN_FORM = {"statistic": "median", "horizon": None, "unit": "months", "ci_level": 0.95, "ci_form": "not stated", "n": 90}


def test_a_symmetric_interval_of_no_stated_form_is_tried_both_ways_in_whole_sentences():
    cohort = centre(120, rate=0.03, plan=JUDGE)
    one = judged(cohort=cohort, **OPEN_FORM, value=50, ci_low=40, ci_high=60)
    by_curve, by_error = one.answers.numbers
    assert words(one) == ["curve-based limits", "standard-error limits"]
    assert (by_curve.contrast, by_error.contrast) == ("ratio", "difference")
    low, high = by_curve.shown
    estimate = by_curve.side.estimate
    assert f"median {estimate:.1f} ({low:.1f}, {high:.1f}) months with curve-based limits; median {estimate:.1f} (" in one.sentence
    assert ") months with standard-error limits here (120 patients)" in one.sentence
    assert one.reason == ("with curve-based limits, the 99.8% interval of the ratio excludes 1; "
                          "with standard-error limits, the 99.8% interval of the difference excludes 0")  # fmt: skip
    assert "The source does not state how its interval was made. The verdict is the same under each." in one.sentence
    assert "The source's interval may be its median plus or minus 1.96 standard errors: the centre's is shown that way too; " in one.sentence
    for broken in ("with by", " ,", ": ,", "  ", "; ;"):
        assert broken not in one.sentence


def test_an_open_form_is_read_one_way_where_the_curve_allows_no_standard_error():
    cohort = demo_cohort()
    plan = cohort.plan.model_copy(update={"benchmark": cohort.plan.benchmark.model_copy(update={"judge": ("theirs",)})})
    found = compare(Cohort(plan, cohort.frame, cohort.source), figures({**OPEN_FORM, "value": 50, "ci_low": 30, "ci_high": 70}))
    (one,) = found.compared
    assert words(one) == ["curve-based limits"]
    (row,) = found.tidy().to_dict("records")
    assert (row["convention"], row["centre_basis"], row["contrast"]) == ("curve-based limits", "curve-based limits", "ratio")
    assert "median 44.1 (32.2, NR) months with curve-based limits here" in one.sentence
    assert "with standard-error limits" not in one.sentence
    assert "here that reading can't be made, as the curve allows no standard error." in one.sentence
    assert "The verdict is the same under each" not in one.sentence
    stated = judged(cohort=Cohort(plan, cohort.frame, cohort.source), **{**OPEN_FORM, "ci_form": "symmetric (standard error)"}, value=50, ci_low=30, ci_high=70)
    assert "standard errors; here the curve allows no standard error, so curve-based limits are shown." in stated.sentence
    assert stated.verdict == one.verdict


def test_the_difference_that_was_judged_is_the_one_that_is_printed():
    at = np.r_[np.linspace(1, 12, 18), np.linspace(60, 70, 12)]  # 12 of 30 are free of the event at 25 months; the upper limit is never reached
    cohort = centre(30, plan=JUDGE)
    cohort = Cohort(cohort.plan, cohort.frame.assign(os_time=at, died=np.r_[np.ones(18), np.zeros(12)]), cohort.source)
    asked = {"statistic": "median", "horizon": None, "unit": "months", "ci_level": 0.95, "ci_form": "curve-based", "value": 25, "ci_low": 20, "ci_high": 31}
    found = compare(cohort, figures({**asked, "n": 200}))
    one = found.compared[0]
    difference, low, high = one.judged[0].at_median
    assert difference == pytest.approx(12 / 30 - 0.5)
    table = comparison_table(found)
    (printed,) = [cells[4] for cells in table.rows]
    assert printed == f"-10 points ({100 * low:.0f}, {100 * high:.0f}) at the published median"
    assert printed.removesuffix(" at the published median").split("(")[1].rstrip(")") in one.reason
    assert "at the published median" in table.footnotes[0]
    (row,) = found.tidy().to_dict("records")
    for_outside = difference_text({**row, "at_median": one.judged[0].at_median, "rounded": True})
    assert for_outside == "at the published median"  # the share free of the event there may rest on a small count
    closed = compare(centre(60, plan=JUDGE), figures({**asked, "n": 200}))
    assert comparison_table(closed).rows[0][4].startswith("ratio ")


def test_an_open_form_beside_other_conventions():
    cohort = centre(120, rate=0.03, plan=JUDGE)
    liver = {**OPEN_FORM, "endpoint": "time_to_liver_progression", "event": "any liver recurrence", "event_text": "liver", "competing": "censored"}
    one = judged(cohort=cohort, **liver, value=50, ci_low=40, ci_high=60)
    assert words(one) == ["curve-based limits, deaths censored", "standard-error limits, deaths censored"]
    assert "months with standard-error limits, deaths censored here (" in one.sentence
    apart = tuple(replace(found, verdict=word) for found, word in zip(one.judged, ("within expected variation", "worse than expected"), strict=True))
    assert _verdict(one.answers, apart) == ("not judged", "the answer depends on what the source does not state: within expected variation with "
                                            "curve-based limits, deaths censored; worse than expected with standard-error limits, deaths censored")  # fmt: skip


def test_an_open_form_and_two_time_zeros():
    cohort = dated()
    one = judged(cohort=cohort, **{**OPEN_FORM, "time_zero": "not stated", "time_zero_text": None}, value=200, ci_low=190, ci_high=210)
    assert words(one) == [f"{form}, counted from {zero}" for zero in ("pump placement", "liver resection") for form in ("curve-based limits", "standard-error limits")]
    assert "months with curve-based limits, counted from pump placement; " in one.sentence
    assert "The source does not state its time zero and how its interval was made." in one.sentence
    plain = judged(cohort=cohort, n=100, time_zero="not stated", time_zero_text=None)
    assert " counted from pump placement; " in plain.sentence
    assert "with counted" not in one.sentence + plain.sentence


def dated():
    """Two dates to count from: the liver resection and, two months later, the pump."""
    plan = make_plan({
        "cohort": {"name": "Dates", "id": "id", "setting": "setting"},
        "columns": {"resected": {"label": "Liver resection", "kind": "date"}, "pump": {"label": "Pump placement", "kind": "date"}},
        "endpoints": {"os": {"label": "Overall survival", "start": "pump", "last_seen": "seen", "events": {"Death": "death"}},
                      "rfs": {"label": "RFS", "start": "resected", "last_seen": "seen", "events": {"Event": "death"}}}, **JUDGE,
    })  # fmt: skip
    pump = pd.Series(pd.date_range("2015-01-01", periods=60, freq="7D"))
    seen = pump + pd.to_timedelta(np.linspace(90, 2400, 60).round(), unit="D")
    frame = pd.DataFrame({"setting": pd.Categorical(["adjuvant"] * 60), "pump": pump, "resected": pump - pd.Timedelta(days=60), "seen": seen,
                          "death": seen.where(pd.Series(range(60)) % 3 > 0)})  # fmt: skip
    return Cohort(plan, frame, Source("dates", "", 60))


def test_the_table_says_which_limits_a_difference_is_made_with():
    cohort = centre(120, rate=0.03, plan={**JUDGE, "programme": PROGRAMME})
    tidy = compare(cohort, figures({**OPEN_FORM, "value": 50, "ci_low": 40, "ci_high": 60})).tidy()
    assert list(tidy["centre_basis"]) == ["curve-based limits", "limits shown by standard error; the difference with curve-based ones"]
    by_curve, by_error = (row for _, row in tidy.iterrows())
    made = math.hypot(by_error["estimate"] - by_curve["conf_low"], 60 - 50)  # the curve's lower limit, not the row's own
    assert by_error["difference_low"] == pytest.approx(by_error["difference"] - made)
    share = {"endpoint": "pump_complication", "statistic": "proportion", "horizon": None, "n": 100, "events": 22, "value": 22, "better": "lower"}
    assert compare(cohort, figures(share)).tidy()["centre_basis"][0] == "exact limits shown; the difference with Wilson's"


# --- hazard ratios --------------------------------------------------------------------------------------------


def test_a_hazard_ratio_has_a_time_zero_too():
    cohort = centre(200, plan=JUDGE)
    other = judged(cohort=cohort, **RATIO, time_zero="diagnosis", time_zero_text="from diagnosis")
    assert (other.verdict, "the source counts from diagnosis" in other.reason) == ("not comparable", True)
    open_ = judged(cohort=cohort, **{**RATIO, "time_zero": "not stated", "time_zero_text": None})
    assert "The source does not state its time zero." in open_.sentence
    assert judged(cohort=cohort, **RATIO).answers.fields.time_zero == "same"


def test_a_hazard_ratio_of_liver_recurrence_under_every_way_of_counting_deaths():
    cohort = centre(200, plan=JUDGE)
    kind = {**RATIO, "endpoint": "hepatic_recurrence", "outcome": None, "event": "any liver recurrence", "event_text": "liver"}
    one = judged(cohort=cohort, **kind, competing="not stated")
    assert words(one) == [f"deaths {how}, no adjustment" for how in ("censored", "as events", "as a competing risk")]
    tte = cohort.setting("adjuvant").endpoint("liver")
    model = design(cohort.frame, ["sarcopenia"])
    expected = [cox(tte.only("Liver"), model), cox(tte.any_event("x"), model), fine_gray(tte, model, cause="Liver")]
    for ours, fit in zip(one.answers.numbers, expected, strict=True):
        row = fit.tidy().iloc[0]
        assert math.log(ours.side.estimate) == pytest.approx(row["estimate"], rel=1e-8)
        assert ours.side.std_error == pytest.approx(row["std_error"], rel=1e-8)
    assert "whether deaths" not in one.sentence
    assert "how deaths were counted" in one.sentence
    assert words(judged(cohort=cohort, **kind, competing="event")) == ["deaths as events, no adjustment"]
    lost = judged(cohort=cohort, **{**kind, "endpoint": "extrahepatic_recurrence"}, competing="event")
    assert "no counterpart of a hazard of extrahepatic recurrence" in lost.reason


def test_what_is_set_against_what_is_said_and_a_pooled_ratio_stands_beside_the_stratified_one():
    cohort = centre(80, 80, plan={**JUDGE, "analysis": {"pooled": ["sarcopenia"]}})
    one = judged(cohort=cohort, **RATIO, setting="both")
    assert "Sarcopenia: Yes against No here." in one.sentence
    stratified = cox(cohort.endpoint("os"), design(cohort.frame, ["sarcopenia"]), strata=cohort.frame["setting"]).tidy(exponentiate=True).iloc[0]
    assert f"stratified by setting it is {stratified['estimate']:.2f} (" in one.sentence
    (pooled,) = one.answers.numbers
    assert pooled.side.estimate == pytest.approx(
        cox(cohort.endpoint("os"), design(cohort.frame, ["sarcopenia"])).tidy(exponentiate=True)["estimate"].iloc[0]
    )


def test_a_ratio_of_a_number_is_not_a_ratio_of_two_groups():
    cohort = centre(60, plan={**JUDGE, "columns": {"liver_time": {"kind": "number"}}})
    one = judged(cohort=cohort, **{**RATIO, "factor": "liver_time"})
    assert (one.verdict, "does not have two levels" in one.reason) == ("not comparable", True)


def test_a_skewed_ratio_and_an_upper_bound_from_a_p_value_are_said():
    cohort = centre(200, plan=JUDGE)
    skewed = judged(cohort=cohort, **{**RATIO, "ci_low": 1.9, "ci_high": 5.0})
    assert "misprinted, or made another way" in skewed.sentence
    assert "misprinted" not in judged(cohort=cohort, **RATIO).sentence
    nothing = {"ci_low": None, "ci_high": None, "ci_level": None, "ci_form": None}
    by_p = judged(cohort=cohort, **{**RATIO, **nothing, "p_value": "<.001"})
    assert "p-value <.001, taken as equal: an upper bound of its uncertainty" in by_p.sentence
    assert published_side(figure(**{**RATIO, "ci_low": 0.0})).limits(0.95) == (0.0, math.inf)


def test_the_definition_of_a_factor():
    cohort = centre(60, plan=JUDGE)
    one = judged(cohort=cohort, **{**RATIO, "event": "total psoas area", "event_text": "total psoas area"})
    assert "The centre's plan does not state how sarcopenia was defined (the source: total psoas area)." in one.sentence
    share = {"endpoint": "prevalence", "statistic": "proportion", "horizon": None, "factor": "sarcopenia", "n": 100, "events": 48, "value": 48,
             "better": "neither"}  # fmt: skip
    assert "The source does not state how sarcopenia was defined." in judged(cohort=cohort, **share, event="not stated").sentence
    stated = judged(cohort=cohort, **share, event="total psoas area", event_text="total psoas area")
    assert "The centre's plan does not state how sarcopenia was defined (the source: total psoas area)." in stated.sentence
    assert "The source does not state" not in stated.sentence


def test_the_demonstrations_sarcopenia_beside_the_published_ratio_of_2_4():
    one = compare(demo_cohort(), published(source="chakedis2018", endpoint="hazard_ratio")).compared[0]
    assert one.verdict == "same patients"  # the demonstration imitates this source
    crude, adjusted = one.answers.numbers
    assert (crude.convention, adjusted.convention) == ("no adjustment", "adjustment for extrahepatic disease at pump placement")
    assert (round(crude.side.estimate, 2), *(round(x, 2) for x in crude.shown)) == (2.39, 1.14, 4.98)
    assert "The source does not state its time zero and whether it is adjusted." in one.sentence


# --- units, days, patients, names ------------------------------------------------------------------------------


def test_a_median_in_years_or_days_is_brought_to_months():
    cohort = centre(200, rate=0.02, plan=JUDGE)
    kind = {"statistic": "median", "horizon": None, "ci_level": 0.95, "ci_form": "curve-based", "n": 100}
    months = compare(cohort, figures({**kind, "unit": "months", "value": 30, "ci_low": 24, "ci_high": 36})).tidy().iloc[0]
    years = compare(cohort, figures({**kind, "unit": "years", "value": 2.5, "ci_low": 2, "ci_high": 3})).tidy().iloc[0]
    for name in ("published", "published_low", "published_high", "difference", "difference_low", "difference_high"):
        assert years[name] == pytest.approx(months[name])
    assert (years["unit"], years["printed"]) == ("months", "2.5 years (95% CI 2 to 3)")
    assert years["convention_verdict"] == months["convention_verdict"] == years["verdict"]
    days = published_side(figure(**kind, unit="days", value=913.125, ci_low=700.0, ci_high=1000.0))
    assert days.estimate == pytest.approx(30)


def test_days_to_the_first_cycle_are_judged_where_the_source_prints_an_interval():
    cohort = demo_cohort()
    plan = cohort.plan.model_copy(update={"benchmark": cohort.plan.benchmark.model_copy(update={"judge": ("theirs",)})})
    cohort = Cohort(plan, cohort.frame, cohort.source)
    kind = {"endpoint": "time_to_first_cycle", "horizon": None, "unit": "days", "ci_level": 0.95, "ci_form": "curve-based", "better": "lower"}
    for statistic in ("median", "median_IQR"):
        one = judged(cohort=cohort, **kind, statistic=statistic, value=30, ci_low=28.0, ci_high=33.0)
        (ours,) = one.answers.numbers
        assert (ours.unit, ours.side.estimate, *ours.shown) == ("days", 42, 36, 44)
        found = one.judged[0]
        assert found.low == pytest.approx(12 - math.hypot(42 - 36, 33 - 30))
        assert found.high == pytest.approx(12 + math.hypot(44 - 42, 30 - 28))
        assert one.verdict.endswith("worse than expected")
    weeks = judged(cohort=cohort, **{**kind, "unit": "months"}, statistic="median", value=1, ci_low=0.9, ci_high=1.1)
    assert weeks.judged[0].difference == pytest.approx(42 - 365.25 / 12)
    early = judged(cohort=cohort, **kind, statistic="median", value=30, ci_low=28.0, ci_high=33.0, time_zero="randomisation",
                   time_zero_text="randomisation")  # fmt: skip
    assert (early.verdict, "the source counts from randomisation" in early.reason) == ("not comparable", True)
    published_days = compare(demo_cohort(), published(endpoint="time_to_first_cycle")).compared[0]
    assert math.isnan(published_days.judged[0].low)  # an interquartile range is not an interval of the median


def test_days_between_two_days_keep_their_half():
    assert [days_text(x) for x in (28.5, 28.0, 30.4375, -0.0, math.nan)] == ["28.5", "28", "30.4", "0", "-"]
    ours = days_median(np.array([20.0, 23.0, 28.0, 29.0, 34.0, 40.0]))
    assert ours.side.estimate == 28.5
    assert number_words(ours).startswith("median 28.5 (20, 40)")
    row = {"estimate": 28.5, "conf_low": 23.0, "conf_high": 34.0, "unit": "days", "contrast": "difference", "difference": 7.5,
           "difference_low": 1.231, "difference_high": 13.9, "published": 21.0, "published_low": 19.5, "published_high": 24.0}  # fmt: skip
    assert value_text(row) == "28.5 (23, 34) days"
    assert value_text(row, "published") == "21 (19.5, 24) days"
    assert value_text({**row, "conf_low": math.nan, "conf_high": math.nan}) == "28.5 days"
    assert difference_text(row) == "7.5 (1.2, 13.9)"
    assert difference_text({**row, "difference": 12.0, "difference_low": 5.3, "difference_high": 15.6}) == "12 (5, 16)"
    assert (amount(7.5, "days"), amount(10.0, "days")) == ("7.5 days", "10 days")


def test_patients_without_a_pump_in_a_setting_with_one():
    one = judged(n=26, modality="no HAIP")
    assert (one.verdict, one.reason) == ("not comparable", "it is of patients without a pump")


def test_numbers_at_risk_are_conservative_and_the_n_alone_stands_beside_them():
    cohort = centre(100, rate=0.0124, plan=JUDGE)
    alone = judged(cohort=cohort, n=100, value=50)
    risk = judged(cohort=cohort, n=100, value=50, n_risk=20)
    assert risk.judged[0].high - risk.judged[0].low > alone.judged[0].high - alone.judged[0].low
    assert "the 20 patients at risk at its time (Peto's variance, conservative)" in risk.sentence
    point, low, high = (round(100 * x) for x in (alone.judged[0].difference, alone.judged[0].low, alone.judged[0].high))
    assert f"By its 100 patients alone, as if nobody had been censored, the difference would be {point} ({low}, {high}) percentage points." in risk.sentence
    for wrong, said in (({"n_risk": 27, "n": 26}, "27 at risk among 26 patients"), ({"n_risk": 5, "statistic": "cumulative_incidence"}, "and of nothing else")):
        with pytest.raises(PlanError, match=said):
            figures(wrong)


def test_names_that_are_not_looked_at_are_said():
    found = compare(centre(plan={"benchmark": {"judge": ["theirs", "gk2017-os-hr"]}}), figures({"n": 26}))
    assert found.absent == ("gk2017-os-hr",)
    assert "(gk2017-os-hr, named too, is not among those looked at)" in found.summary[0]


def test_the_summary_ends_with_the_plans_caution_when_something_stands_beside_a_result():
    caution = {"cohort": {"name": "M", "id": "id", "setting": "setting", "caution": "Selected for two\n  years of follow-up."}}
    found = compare(centre(plan={**JUDGE, **caution}), figures({"n": 26}))
    assert found.summary[-1] == "Selected for two years of follow-up."
    assert repr(found).endswith("\nSelected for two years of follow-up.")
    assert repr(found).count("Selected for two") == 1
    assert len(compare(centre(plan=caution), figures({"n": 26})).summary) == 1  # nothing is named
    assert len(compare(centre(plan={**JUDGE, **caution}), figures({"n": 26, "setting": "unresectable"})).summary) == 2  # not comparable
    assert len(compare(centre(plan=JUDGE), figures({"n": 26})).summary) == 2


# --- a centre's own figures ------------------------------------------------------------------------------------


MINE = """
[sources.own]
short = "Own 2026"
citation = "Our own earlier series, 2026"

[[figure]]
id = "own-os3"
source = "own"
setting = "adjuvant"
modality = "HAIP alone"
endpoint = "overall_survival"
statistic = "landmark_probability"
horizon = 36
value = 64
unit = "%"
n = 50
time_zero = "pump placement"
time_zero_text = "pump"
event = "as named"
competing = "not applicable"
better = "higher"
read = "primary"
where = "ours"
"""
PLAN = """
[cohort]
name = "M"
id = "id"
setting = "setting"

[endpoints.os]
label = "Overall survival"
start = "pump placement"
events = { Death = { time = "os_time", flag = "died" } }

[benchmark]
judge = ["own-os3", "kemeny2003adj-os2"]
figures = "mine.toml"
"""


def test_compare_knows_the_plans_own_file(tmp_path):
    (tmp_path / "mine.toml").write_text(MINE, encoding="utf-8")
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    plan, made_up = load_plan(tmp_path / "plan.toml"), centre(60)
    cohort = Cohort(plan, made_up.frame, made_up.source)
    check_names(plan)
    for found in (compare(cohort), compare(cohort, None), compare(cohort, figures_of(plan))):
        assert found.looked_at == len(published()) + 1
        assert [one.figure.id for one in found.judged] == ["own-os3", "kemeny2003adj-os2"]
        assert found.judged[0].short == "Own 2026"
    some = compare(cohort, published(source="kemeny2003adj"))
    assert (some.looked_at, some.absent) == (1, ("own-os3",))
    wrong = plan.model_copy(update={"benchmark": plan.benchmark.model_copy(update={"judge": ("own-os33",)})})
    with pytest.raises(PlanError, match=r'no published figure "own-os33"\. Did you mean "own-os3"'):
        check_names(wrong)
    (tmp_path / "mine.toml").unlink()
    for ask in (lambda: compare(cohort), lambda: check_names(plan), lambda: compare(cohort, published(source="kemeny2003adj"))):
        with pytest.raises(PlanError, match="no file of published figures"):
            ask()
    given = published().with_own(make_figures(tomllib.loads(MINE)))
    assert compare(cohort, given).judged[0].short == "Own 2026"  # given in its place: the absent file is not asked for
    alone = make_plan(tomllib.loads(PLAN))
    with pytest.raises(PlanError, match="made without a file"):
        check_names(alone)
    assert len(compare(Cohort(alone, made_up.frame, made_up.source), given).judged) == 2


def test_own_figures_join_the_published_ones_and_share_the_six():
    own = figures({"n": 26}, {"id": "complications", "endpoint": "pump_complication", "statistic": "proportion", "horizon": None, "value": 22,
                              "n": 544, "events": 120, "event": "within 30 days", "event_text": "30 d", "better": "lower"})  # fmt: skip
    everything = published().with_own(own)
    names = ["theirs", "complications", "kemeny2003adj-os2", "kemeny2009adj-os4", "allen2005-compl", "pak2018-conv"]
    plan = {"benchmark": {"judge": names}, "programme": PROGRAMME}
    found = compare(centre(26, 34, plan=plan, complications=0.1), everything)
    assert found.looked_at == len(published()) + 2
    assert [one.figure.id for one in found.judged] == names
    assert found.judged[0].short == "Theirs 2020"
    assert found.judged[1].verdict == "within expected variation"
    with pytest.raises(PlanError, match="at most six"):
        compare(centre(26, plan={"benchmark": {"judge": [*names, "gk2017-os-hr"]}}), everything)
    with pytest.raises(PlanError, match='no published figure "theirs"'):  # only with the centre's own file
        compare(centre(26, plan=plan))
    overlap = {"cohort": {"name": "M", "id": "id", "setting": "setting", "overlap": ["theirs"]}, **plan}
    same = compare(centre(26, 34, plan=overlap), everything)
    assert {one.verdict for one in same.judged[:2]} == {"same patients"}
