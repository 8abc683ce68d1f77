"""Biswas and Kalbfleisch's CUSUM: the notes' examples, R's own computation by the definition, and what can't be charted."""

import math

import numpy as np
import pandas as pd
import pytest
from methods_examples import example
from over_time_reference import close, over_time

from haip_outcomes.benchmark.curves.reference_curve import ReferenceCurve
from haip_outcomes.benchmark.over_time.survival_cusums import survival_cusum
from haip_outcomes.benchmark.over_time.survival_limits import survival_cusum_limit
from haip_outcomes.errors import EndpointError
from haip_outcomes.registry.simulate import simulate_cohort
from haip_outcomes.survival.time_to_event import TimeToEvent


def times(time, death, **more):
    frame = pd.DataFrame({"time": time, "death": death, **more})
    return TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"], **({"entry": "entry"} if "entry" in more else {}))


class Weibull:
    """Anything with a cumulative hazard will do as a reference."""

    unit, horizon, method = "months", math.inf, "a Weibull curve"

    def __init__(self, shape, scale):
        self.shape, self.scale = shape, scale

    def cumulative_hazard(self, t):
        return (np.asarray(t) / self.scale) ** self.shape


def test_m12_bk_path():
    given, expected = example("m12_bk_path")
    reference = ReferenceCurve.known(lambda t: np.exp(-given["rate"] * t))
    chart = survival_cusum(given["entry"], times(given["time"], given["status"]), reference, hazard_ratio=math.exp(given["theta"]),
                           until=given["end"], limit=5.0)  # fmt: skip
    rows, frame = pd.DataFrame(expected["rows"]), chart.tidy()
    for ours, theirs in (("time", "calendar"), ("n_expected", "cumulative_expected"), ("before", "before"), ("statistic", "after")):
        close(frame[ours], rows[theirs])
    close([chart.path["statistic"].iloc[-1]], [frame["statistic"].iloc[-1]])  # nobody is left from 38 to 40


def test_m12_bk_limit():
    given, expected = example("m12_bk_limit")
    limit = survival_cusum_limit(given["N"], ReferenceCurve.from_median(given["median"]), accrual=given["accrual"], until=given["end"],
                                 hazard_ratio=given["hr"], false_alarm=given["alpha"], rng=1, simulations=20_000)  # fmt: skip
    assert abs(limit.value - expected["h"]) < 4 * math.hypot(limit.limit_std_error, expected["h_bootstrap_se"])
    large = expected["h_large_runs"]
    assert abs(limit.value - large["r_200000"]) < 4 * math.hypot(limit.limit_std_error, large["se_r"])
    assert abs(limit.value - large["python_100000"]) < 4 * math.hypot(limit.limit_std_error, large["se_python"])
    assert limit.false_alarm == pytest.approx(0.05)
    assert abs(limit.detection - expected["detection_if_hr_true"]) < 4 * math.sqrt(0.02 * 0.98 / 20_000) + 0.005  # printed to two digits
    assert limit.limit_std_error == pytest.approx(expected["h_bootstrap_se"], rel=0.4)


@pytest.mark.slow
def test_m12_bk_limit_in_a_large_run():
    limit = survival_cusum_limit(60, ReferenceCurve.from_median(38), accrual=60, until=84, rng=2, simulations=200_000)
    large = example("m12_bk_limit")[1]["h_large_runs"]
    assert abs(limit.value - large["r_200000"]) < 4 * math.hypot(limit.limit_std_error, large["se_r"])
    assert abs(limit.value - large["python_100000"]) < 4 * math.hypot(limit.limit_std_error, large["se_python"])


def test_the_limit_for_given_entries_equals_r():
    theirs = over_time()["survival_limit"]
    entry = np.array(theirs["entry"])
    chart = survival_cusum(entry, times(theirs["end"] - entry, 0), ReferenceCurve.from_median(theirs["median"]), until=theirs["end"], rng=4)
    assert abs(chart.limit.value - theirs["h"]) < 4 * math.hypot(chart.limit.limit_std_error, theirs["h_se"])


@pytest.mark.parametrize("case", range(4))
def test_paths_equal_the_definition_in_r(case):
    theirs = over_time()["survival"][case]
    chart = survival_cusum(theirs["entry"], times(theirs["time"], theirs["death"]), Weibull(theirs["shape"], theirs["scale"]),
                           hazard_ratio=math.exp(theirs["theta"]), until=theirs["end"], limit=100.0)  # fmt: skip
    frame = chart.tidy()
    for ours, name in (("time", "day"), ("n_expected", "expected"), ("before", "before"), ("statistic", "after")):
        close(frame[ours], theirs[name])
    close(chart.glance()["n_expected"], [theirs["total"]])
    close(frame["observed_minus_expected"], np.arange(1, len(frame) + 1) - np.array(theirs["expected"]))


def test_a_signal_restarts_the_chart():
    given, _ = example("m12_bk_path")
    ask = {"entry": given["entry"], "tte": times(given["time"], given["status"]), "reference": ReferenceCurve.from_median(38), "until": 40}
    chart = survival_cusum(**ask, limit=1.1)
    assert chart.signals == (17.0,)
    frame = chart.tidy()
    assert frame["before"].iloc[2] == 0
    assert frame["statistic"].iloc[2] == pytest.approx(math.log(2))
    assert chart.path["statistic"].isna().sum() == 1
    assert survival_cusum(**ask, limit=1.1, restart=False).signals == (17.0, 27.0, 38.0)  # below 1.1 before each of them
    assert "at month 17.0" in chart.sentence


def test_dates_are_counted_from_the_first_and_never_shown():
    entry = pd.to_datetime(pd.Series(["2020-01-01", "2020-07-01", "2021-01-01", "2021-07-01"]))
    tte = times([10.0, 20.0, 5.0, 12.0], [1, 0, 1, 1])
    dated = survival_cusum(entry, tte, ReferenceCurve.from_median(38), until="2022-12-31", limit=5.0)
    months = (entry - entry[0]).dt.days / (365.25 / 12)
    plain = survival_cusum(months, tte, ReferenceCurve.from_median(38), until=(pd.Timestamp("2022-12-31") - entry[0]).days / (365.25 / 12), limit=5.0)
    pd.testing.assert_frame_equal(dated.tidy(), plain.tidy())
    assert "20" not in " ".join(dated.tidy().columns)
    assert "since the first entry" in dated.method
    assert "2020" not in repr(dated)


def test_what_lies_beyond_until_the_horizon_or_within_is_not_looked_at():
    entry, tte = [0.0, 6.0, 12.0], times([10.0, 30.0, 25.0], [1, 1, 1])
    by_20 = survival_cusum(entry, tte, ReferenceCurve.from_median(38), until=20, limit=5.0)
    assert by_20.counts["n_event"] == 1
    assert by_20.counts["n_expected"] == pytest.approx(math.log(2) / 38 * (10 + 14 + 8))
    assert "2 events later than what is looked at" in by_20.method
    year = survival_cusum(entry, tte, ReferenceCurve.from_median(38), within=12, limit=5.0)
    assert year.counts["n_expected"] == pytest.approx(math.log(2) / 38 * (10 + 12 + 12))
    short = ReferenceCurve.known(lambda t: np.exp(-t / 50), horizon=12)
    assert survival_cusum(entry, tte, short, limit=5.0).counts["n_expected"] == pytest.approx((10 + 12 + 12) / 50)


def test_delayed_entry_counts_only_what_was_lived_under_observation():
    tte = times([20.0, 30.0, 15.0], [1, 0, 1], entry=[5.0, 10.0, 2.0])
    chart = survival_cusum([0.0, 3.0, 6.0], tte, Weibull(1.5, 40), limit=4.0, rng=1, simulations=2_000)
    h = lambda t: (t / 40) ** 1.5  # noqa: E731
    assert chart.counts["n_expected"] == pytest.approx(h(20) - h(5) + h(30) - h(10) + h(15) - h(2))
    # the death at calendar 20: patient 2 has been seen from 13 to 20, patient 3 from 8 to 20
    assert chart.tidy()["n_expected"].iloc[0] == pytest.approx(h(20) - h(5) + h(17) - h(10) + h(14) - h(2))
    assert 0 <= chart.limit.false_alarm <= 1


def test_simulated_deaths_follow_the_reference():
    """With theta near 0 the highest value is about theta times deaths: so many as expected, and ratio times as many."""
    from haip_outcomes.benchmark.over_time.survival_limits import highest_values

    n, theta = 40, 1e-9
    entry, follow, late = np.linspace(0, 30, n), np.full(n, 60.0), np.linspace(0, 5, n)
    reference = Weibull(1.3, 45)
    table, relative = reference.cumulative_hazard(np.linspace(0, 60, 2001)), np.linspace(0.5, 2, n)
    stop = np.minimum(follow, 72 - entry)
    for high in (1.0, 1.7):
        waits = np.random.default_rng(1).standard_exponential((20_000, n))
        tops = highest_values(entry[None, :], late, follow, relative, table, 0.03, 72.0, waits, high, theta)
        # a patient dies with probability 1 - exp(-ratio r (H(stop) - H(late))); the compensator is O(theta), as large: so count events only where G grows
        survive = np.exp(-high * relative * (reference.cumulative_hazard(stop) - reference.cumulative_hazard(late)))
        assert tops.max() <= theta * n * (1 + 1e-6)
        assert (tops > 0).mean() == pytest.approx(1 - np.prod(survive), abs=0.01)


def test_a_reference_model_brings_each_patient_his_own_hazard():
    from haip_outcomes.benchmark.case_mix.reference_models import reference_model

    old = simulate_cohort(400, rng=np.random.default_rng(1)).setting("unresectable")
    model = reference_model(old, "os", ["sarcopenia", "extrahepatic_disease"])
    new = simulate_cohort(120, rng=np.random.default_rng(2)).setting("unresectable")
    tte = new.endpoint("os")
    chart = survival_cusum(new["pump_date"], tte, model, case_mix=new.frame, rng=1, simulations=2_000)
    assert chart.counts["n_expected"] == pytest.approx(float(model.expected(new).tidy()["n_expected"].iloc[0]), rel=1e-9)
    assert chart.counts["n_event"] == int((tte.state > 0).sum())
    with pytest.raises(EndpointError, match=r"case_mix=cohort\.frame"):
        survival_cusum(new["pump_date"], tte, model, limit=4.0)


@pytest.mark.parametrize(("change", "said"), [
    ({"hazard_ratio": 0.5}, "above 1"),
    ({"until": 12}, "3 patients entered at or after the end of monitoring"),
    ({"entry": [0, 6, np.nan, 18, 24]}, "entry is missing or infinite for 1 patient"),
    ({"entry": ["a", "b", "c", "d", "e"]}, "dates, or calendar times"),
    ({"entry": [0, 6]}, "one value for each of the 5 rows"),
    ({"reference": 38}, "The reference must say what to expect"),
    ({"reference": ReferenceCurve.from_median(38 * 30, unit="days")}, "nothing is converted"),
    ({"rng": None, "limit": None}, "Give a seed"),
    ({"until": "2020-01-01"}, "calendar time like the entries"),
    ({"within": -1}, "within is how much"),
    ({"case_mix": pd.DataFrame()}, "belongs to a ReferenceModel"),
    ({"limit": "high"}, "limit must be a number"),
    ({"reference": ReferenceCurve.known(lambda t: np.ones_like(np.asarray(t, dtype=float)))}, "expects no event"),
    ({"tte": "os"}, "takes a TimeToEvent"),
])  # fmt: skip
def test_what_cannot_be_charted_is_refused_in_words(change, said):
    given, _ = example("m12_bk_path")
    ask = {"entry": given["entry"], "tte": times(given["time"], given["status"]), "reference": ReferenceCurve.from_median(38), "limit": 5.0, "until": 40}
    with pytest.raises(EndpointError, match=said):
        survival_cusum(**{**ask, **change})


def test_dates_are_refused_where_they_are_wrong():
    entry = pd.to_datetime(pd.Series(["2020-01-01", None, "2021-01-01"]))
    tte = times([10.0, 20.0, 5.0], [1, 0, 1])
    with pytest.raises(EndpointError, match="missing or no date for 1 patient"):
        survival_cusum(entry, tte, ReferenceCurve.from_median(38), limit=5.0)
    with pytest.raises(EndpointError, match="until must be a date too"):
        survival_cusum(entry.fillna(entry[0]), tte, ReferenceCurve.from_median(38), limit=5.0, until=40)


@pytest.mark.slow
def test_sound_centres_signal_as_often_as_stated():
    rng = np.random.default_rng(3)
    reference = ReferenceCurve.from_median(38)
    limit = survival_cusum_limit(60, reference, accrual=60, until=84, rng=1, simulations=100_000)
    signals = 0
    for _ in range(4_000):
        entry = rng.uniform(0, 60, 60)
        x = rng.exponential(38 / math.log(2), 60)
        tte = times(np.minimum(x, 84 - entry), (x < 84 - entry).astype(int))
        signals += bool(survival_cusum(entry, tte, reference, until=84, limit=limit).signals)
    assert abs(signals / 4_000 - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 4_000)


@pytest.mark.slow
def test_an_uncertain_reference_makes_more_false_alarms_as_the_documentation_says():
    from haip_outcomes.benchmark.over_time.survival_limits import highest_values

    rng, rate, high = np.random.default_rng(1), math.log(2) / 38, 0
    for _ in range(400):
        found = rate * rng.gamma(26) / 26
        entry, waits = rng.uniform(0, 60, (100, 60)), rng.standard_exponential((100, 60))
        tops = highest_values(entry, np.zeros(60), np.full(60, 84.0), np.ones(60), np.linspace(0, 84, 2001) * found, 0.042, 84.0, waits, rate / found, math.log(2))
        high += (tops >= 4.99).sum()
    assert high / 40_000 == pytest.approx(0.114, abs=0.035)
