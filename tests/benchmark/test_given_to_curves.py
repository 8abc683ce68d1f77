"""What is given to a reference curve: Series by their index, impossible numbers, and the wrong thing altogether, each a sentence."""

import math
import warnings
from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.benchmark.curves.registered import RegisteredCurve
from haip_outcomes.benchmark.literature import make_figures
from haip_outcomes.errors import EndpointError, FitError

ReferenceCurve = haip.ReferenceCurve
NAN = math.nan
PRINTED = pd.DataFrame({"time": [12.0, 36.0, 60.0], "survival": [0.9, 0.64, 0.45], "low": [0.82, 0.5, 0.3], "high": [0.95, 0.75, 0.59],
                        "n_risk": [80, 40, 12], "n": [100, 90, 80]}, index=[7, 3, 5])  # fmt: skip


def times_of(times, states, unit="months"):
    frame = pd.DataFrame({"time": np.asarray(times, dtype=float), "status": states})
    return haip.TimeToEvent.from_frame(frame, time="time", state="status", states=["Death"], unit=unit)


def landmarks(frame, **more):
    return ReferenceCurve.from_landmarks(frame["time"], frame["survival"], **more).tidy()


# --- alignment ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_series_are_aligned_by_their_index(order):
    other = PRINTED.iloc[list(order)]
    for names in ({"conf_low": "low", "conf_high": "high"}, {"n_risk": "n_risk"}, {"n": "n"}):
        right = landmarks(PRINTED, **{name: PRINTED[column].tolist() for name, column in names.items()})
        pd.testing.assert_frame_equal(landmarks(PRINTED, **{name: other[column] for name, column in names.items()}), right)
        more = pd.concat([other, PRINTED.set_axis([10, 11, 12])])  # a Series may have more rows, as everywhere
        pd.testing.assert_frame_equal(landmarks(PRINTED, **{name: more[column] for name, column in names.items()}), right)
    mixed = ReferenceCurve.from_landmarks(PRINTED["time"], other["survival"], n=100).tidy()
    pd.testing.assert_frame_equal(mixed, landmarks(PRINTED, n=100))
    listed = ReferenceCurve.from_landmarks(PRINTED["time"].tolist(), PRINTED["survival"], n_risk=other["n_risk"]).tidy()
    pd.testing.assert_frame_equal(listed, landmarks(PRINTED, n_risk=PRINTED["n_risk"].tolist()))


@pytest.mark.parametrize(("given", "says"), [
    ({"conf_low": PRINTED["low"].set_axis([0, 1, 2]), "conf_high": PRINTED["high"]}, "conf_low has no value for the index 7, 3 and 5 of times"),
    ({"n_risk": PRINTED["n_risk"].set_axis([7, 7, 5])}, "n_risk and times can't be aligned, their indexes have duplicates"),
    ({"survival": pd.concat([PRINTED["survival"], PRINTED["survival"].set_axis([1, 2, 4])])}, "survival has 6 values and times 3"),
])  # fmt: skip
def test_series_that_cannot_be_aligned_are_refused(given, says):
    with pytest.raises(EndpointError, match=says):
        ReferenceCurve.from_landmarks(PRINTED["time"], given.pop("survival", PRINTED["survival"]), **given)


def test_beside_lists_series_have_one_index_in_order():
    times, survival = PRINTED["time"].tolist(), PRINTED["survival"].tolist()
    right = landmarks(PRINTED, conf_low=PRINTED["low"], conf_high=PRINTED["high"])
    pd.testing.assert_frame_equal(ReferenceCurve.from_landmarks(times, survival, conf_low=PRINTED["low"], conf_high=PRINTED["high"]).tidy(), right)
    with pytest.raises(EndpointError, match="conf_low and conf_high have different indexes, and times and survival have none"):
        ReferenceCurve.from_landmarks(times, survival, conf_low=PRINTED["low"], conf_high=PRINTED["high"][::-1])
    counted = PRINTED.reset_index(drop=True)[::-1]
    with pytest.raises(EndpointError, match="the index of conf_low is in another order than its rows"):
        ReferenceCurve.from_landmarks(times, survival, conf_low=counted["low"], conf_high=counted["high"])


def test_entries_are_aligned_to_times():
    curve = ReferenceCurve.from_landmarks([12, 36], [0.9, 0.6], n=100)
    time, entry = pd.Series([30.0, 20.0, 10.0]), pd.Series([6.0, 3.0, 1.0])
    assert curve.variance_of_expected(time, entry[::-1]) == curve.variance_of_expected(time.tolist(), entry.tolist())


# --- n only ----------------------------------------------------------------------------------------------------------


def test_a_form_fitted_to_patients_from_n_alone_has_no_standard_errors():
    points = [(0, 1), (6, 0.9), (12, 0.75), (18, 0.5), (24, 0.5)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patients = haip.reconstruct_ipd(points, 20)
    curve = ReferenceCurve.parametric(patients, "weibull")
    assert np.isfinite(curve.parameters["estimate"]).all()
    assert curve.parameters["std_error"].isna().all()
    assert curve.covariance.shape == (2, 2)
    assert np.isnan(curve.covariance).all()
    assert curve.tidy()[["std_error", "conf_low", "conf_high"]].isna().all(axis=None)
    with pytest.raises(EndpointError, match="number of patients alone"):
        curve.variance_of_expected([12.0])
    assert curve.as_known().variance_of_expected([12.0]) == 0
    sure = ReferenceCurve.parametric(haip.reconstruct_ipd(points, 20, events=10), "weibull")
    assert np.isfinite(sure.covariance).all()


# --- forms with all events at one time --------------------------------------------------------------------------------

# R 4.2.2, survival: survreg(Surv(c(5,5,5,10,10,12), c(1,1,1,0,0,0)) ~ 1, dist = ..., control = survreg.control(rel.tolerance = 1e-14)):
# coef, scale, and the variances of (Intercept) and Log(scale).
SURVREG = {"weibull": (2.517906129525, 0.598676754768, 0.144111676023, 0.256748961776),
           "lognormal": (2.243511621669, 0.695032461988, 0.120725266673, 0.224147109877),
           "loglogistic": (2.207472250966, 0.445544385505, 0.135022014601, 0.237630778320)}  # fmt: skip


@pytest.mark.parametrize("family", SURVREG)
def test_events_at_one_time_with_others_followed_past_it_are_survregs(family):
    curve = ReferenceCurve.parametric(times_of([5, 5, 5, 10, 10, 12], [1, 1, 1, 0, 0, 0]), family)
    mu, ln_sigma = curve.parameters["estimate"]
    assert [mu, math.exp(ln_sigma), *np.diag(curve.covariance)] == pytest.approx(SURVREG[family], rel=1e-8)


@pytest.mark.parametrize(("times", "states"), [([5, 5, 5], [1, 1, 1]), ([5, 5, 5, 3], [1, 1, 1, 0]), ([5, 5, 5, 5], [1, 1, 1, 0])])
def test_events_at_one_time_with_nobody_followed_past_it_have_no_maximum(times, states):
    for family in SURVREG:
        with pytest.raises(FitError, match="All events are at one time and nobody is followed past it"):
            ReferenceCurve.parametric(times_of(times, states), family)


# --- impossible and wrong ---------------------------------------------------------------------------------------------

TTE = times_of([5, 8, 12, 20], [1, 1, 0, 1])
CURVE = ReferenceCurve.from_landmarks([12, 36], [0.9, 0.6], n=100)


def median(value=20, **more):
    return lambda: ReferenceCurve.from_median(value, **more)


def marks(**more):
    return lambda: ReferenceCurve.from_landmarks([12, 36], [0.9, 0.6], **more)


def known(function=lambda t: np.exp(-t / 60), **more):
    return lambda: ReferenceCurve.known(function, **more)


def half(t):
    return 1 if t == 0 else {}["from here on"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        *[(median(value), "the median is .*; it must be a time above 0, a number of months")
          for value in ("20", None, [20], pd.NA, pd.Timedelta("20D"), True, NAN, math.inf, 0, pd.Series([20.0]))],
        *[(median(n=n), "n is .*; it must be above 0 and a whole number") for n in ("30", math.inf, 2.5, True, 0, -1)],
        *[(median(events=n), "events is .*; it must be above 0 and a whole number") for n in ("3", 2.5, True, 0)],
        (median(conf_low="10", conf_high=30), 'conf_low is the text "10"; it must be a number of months'),
        (median(conf_low=10, conf_high="30"), 'conf_high is the text "30"; it must be a number'),
        (median(conf_low=NAN, conf_high=30), "an interval needs both limits"),
        *[(make(horizon=value), "the horizon is .*; it must be a number above 0") for value in (None, "60", NAN, 0, True) for make in (median, known)],
        (lambda: ReferenceCurve.parametric(TTE, horizon="20"), 'the horizon is the text "20"; it must be a number above 0'),
        (lambda: ReferenceCurve.parametric(TTE, horizon=None), "the horizon is None"),
        (lambda: ReferenceCurve.from_patients(TTE, horizon="20"), 'the horizon is the text "20"'),
        (lambda: ReferenceCurve.from_patients(TTE, horizon=0), "the horizon is 0"),
        (lambda: ReferenceCurve.parametric(TTE, ["weibull"]), "There is no family"),
        (median(conf_level=95), "conf_level is a share between 0 and 1"),
        *[(make(unit=unit), "the unit is .*days, weeks, months, years") for unit in ("parsec", None, 5) for make in (median, marks, known)],
        (marks(unit="month"), r'the unit is "month"\. Did you mean "months"\?$'),
        (marks(n=100, n_risk=[500, 300]), "500 are at risk at 12 months, of 100 patients"),
        (marks(n=[100, 80], n_risk=[90, 85]), "85 are at risk at 36 months, of 80 patients"),
        (marks(n=20.5), "n is 20.5; patients are counted in whole numbers"),
        (marks(n_risk=[20.5, 3]), "n_risk is 20.5; patients are counted in whole numbers"),
        *[(marks(n=n), "n must be numbers; got") for n in ("26", True, [[1, 2], [3]], {"a": 1})],
        (marks(through="x"), r"hazard, survival, pchip\.$"),
        (known(lambda t: 0.9 * np.exp(-np.asarray(t) / 60)), "is 0.9 at time 0, and every survival curve begins at 1"),
        (known(lambda t: None), "gives None at time 0"),
        (known(lambda t: "0.5"), 'gives the text "0.5" at time 0'),
        (known(lambda t: np.ones(3)), "gives an ndarray at time 0"),
        (known(lambda t: True), "gives True at time 0"),
        (known(lambda t: 1 / 0), r"fails at time 0 \(ZeroDivisionError: division by zero\)"),
        (known(lambda: 1), r"fails at time 0 \(TypeError"),
        (lambda: ReferenceCurve.known(half).survival([1.0]), r"fails at time 1 \(KeyError"),
        *[(lambda q=q: CURVE.quantile(q), "A quantile is a share") for q in ("a", "0.5", None, NAN, [0.5, None], True)],
        (lambda: CURVE.survival("12"), "times must be numbers"),
        *[(lambda t=t: CURVE.variance_of_expected(t), "time must be numbers; got") for t in ("a", ["1"], [pd.Timedelta("1D")])],
        (lambda: CURVE.variance_of_expected([1, 2], ["a", 0]), 'entry must be numbers; got the text "a"'),
        (lambda: CURVE.variance_of_expected([1, 2], [0]), "there are 2 times and 1 entry"),
        (lambda: CURVE.variance_of_expected([1, NAN]), "a time is missing"),
        (lambda: CURVE.variance_of_expected([1, 2], [0, NAN]), "an entry is missing"),
        (lambda: CURVE.variance_of_expected(None), "a time is missing"),
        (lambda: CURVE.variance_of_expected([-1]), "at or above 0"),
        (lambda: ReferenceCurve.from_median(20, n=5).variance_of_expected([math.inf]), "a time is infinite"),
        (lambda: CURVE.as_known().variance_of_expected(["a"]), "time must be numbers"),
        *[(lambda given=given: ReferenceCurve.from_figures(given), "from_figures takes published figures") for given in (None, "x", 5, [5], pd.DataFrame({"a": [1]}))],
    ],
)  # fmt: skip
def test_what_is_impossible_or_no_such_thing_is_named(make, says):
    with pytest.raises(EndpointError, match=says):
        make()


def test_what_is_missing_counts_as_not_given():
    plain = ReferenceCurve.from_median(20, n=26)
    for limits in ({"conf_low": NAN, "conf_high": NAN}, {"conf_low": None, "conf_high": pd.NA}):
        assert ReferenceCurve.from_median(20, n=26.0, **limits).method == plain.method
    open_above = ReferenceCurve.from_median(20, conf_low=10, conf_high=math.inf)
    assert ReferenceCurve.from_median(20, conf_low=10, conf_high=NAN).method == open_above.method
    for n in (NAN, None, pd.NA, [NAN, NAN]):
        assert ReferenceCurve.from_landmarks([12, 36], [0.9, 0.6], n=n).unstated
    assert ReferenceCurve.from_median(20, n=NAN).unstated
    assert ReferenceCurve.from_median(np.float32(20), n=np.int64(26)).n == 26


def test_known_curves_of_many_kinds_are_taken():
    expected = np.exp(-np.array([0, 6.0, 12]) / 60)
    for function in (lambda t: np.exp(-t / 60), lambda t: math.exp(-t / 60), lambda t: pd.Series(np.exp(-np.asarray(t) / 60)), lambda t: list(np.exp(-np.asarray(t) / 60))
                     if np.ndim(t) else math.exp(-t / 60)):  # fmt: skip
        assert ReferenceCurve.known(function).survival([0, 6.0, 12]) == pytest.approx(expected)
    log_normal = ReferenceCurve.known(lambda t: np.where(t > 0, 1 - 1 / (1 + np.exp(-2 * (np.log(t) - 3))), 1.0))  # ln 0 is no fault
    assert log_normal.survival(math.exp(3)) == pytest.approx(0.5)


def test_one_figure_is_a_curve_too():
    figures = haip.published(source="haukeland2015", endpoint="overall_survival", statistic="median")
    assert ReferenceCurve.from_figures(figures[0]).method == ReferenceCurve.from_figures(figures).method


# --- against_curves -----------------------------------------------------------------------------------------------------

SOURCES = {"smith2026": {"short": "Smith 2026", "citation": "Smith A. A Journal 2026."}}
REGISTERED = {"id": "smith-os", "source": "smith2026", "setting": "adjuvant", "endpoint": "overall_survival", "time_zero": "pump placement",
              "time_zero_text": "from HAIP placement", "competing": "not applicable", "n": 80, "events": 55, "read_from": "Figure 2",
              "points": [[float(t), float(np.exp(-t / 50))] for t in range(0, 61, 2)], "at_risk": [[0, 80], [24, 49], [48, 30]]}  # fmt: skip


@pytest.fixture(scope="module")
def cohort():
    return haip.demo_cohort()


def naming(cohort, *overlap):
    """The cohort, its plan naming these as its own patients."""
    return replace(cohort, plan=cohort.plan.model_copy(update={"cohort": cohort.plan.cohort.model_copy(update={"overlap": list(overlap)})}))


def test_a_list_of_curves_or_figures_is_taken(cohort):
    cohort = naming(cohort)
    own = make_figures({"sources": SOURCES, "curve": [REGISTERED]})
    whole, listed = haip.against_curves(cohort, own), haip.against_curves(cohort, list(own.curves))
    assert len(whole) == len(listed) == 1
    numbers = [one.tidy()[["n_event", "n_expected", "p_value"]] for (one,) in (whole, listed)]
    pd.testing.assert_frame_equal(*numbers)
    figures = haip.published(source="gk2017", setting="adjuvant", endpoint="overall_survival")
    mixed = haip.against_curves(cohort, [*figures, *own.curves])
    assert sorted(one.kind for one in mixed) == sorted([one.kind for one in haip.against_curves(cohort, figures)] + ["reconstructed"])


def test_a_curve_from_a_list_whose_source_is_unknown_is_not_judged_where_patients_may_be_shared(cohort):
    named = naming(cohort, "gk2017")
    own = make_figures({"sources": SOURCES, "curve": [REGISTERED]})
    assert haip.against_curves(named, own)[0].judged
    listed = haip.against_curves(named, own.curves)[0]
    assert not listed.judged
    assert "not known whether it holds these patients" in listed.sentence


def test_a_table_in_other_units_than_its_curve_is_asked_about_beside_the_numbers(cohort):
    own = make_figures({"sources": SOURCES, "curve": [{**REGISTERED, "at_risk": [[0, 80], [1, 78], [2, 76]]}]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "The last number at risk stands at 2 months and the curve goes to 60 (are both in the same unit?)." in haip.against_curves(cohort, own)[0].sentence


@pytest.mark.parametrize(("given", "says"), [
    ("mine.toml", r"load_figures\(path\)"),
    (haip.published()[0], "alone: write \\[it\\]"),
    (RegisteredCurve(**REGISTERED), "smith-os alone: write \\[it\\]"),
    (pd.DataFrame({"a": [1]}), "this is a DataFrame"),
    (haip.published().tidy(), "this is a DataFrame"),
    ([5], "one of these is 5"),
    (["mine.toml"], 'one of these is the text "mine.toml"'),
    (5, "this is 5"),
])  # fmt: skip
def test_what_is_no_figures_is_refused(cohort, given, says):
    with pytest.raises(EndpointError, match=says):
        haip.against_curves(cohort, given)
