"""The simulations beside the formulas: the notes' own, R's, and exact values, within four standard errors."""

import json
import math
from pathlib import Path

import pytest
from methods_examples import example

from haip_outcomes.benchmark.precision.simulations import simulated_power
from haip_outcomes.benchmark.precision.sizes import (
    events_for_one_sample_logrank,
    patients_for_landmark,
    patients_for_median,
    patients_for_non_inferiority,
    patients_for_proportion,
)
from haip_outcomes.errors import EndpointError

R = json.loads((Path(__file__).parents[1] / "reference" / "precision.json").read_text(encoding="utf-8"))
NOTES = example("m14_simulation")[1]
DESIGN = {"time": 36, "accrual": 60, "follow_up": 24}
SEED = 20261122


def by_term(size, replicates, **options):
    return simulated_power(size, rng=SEED, replicates=replicates, **options).set_index("term")


def agree(row, other, runs, *, share=True):
    """Two simulations, or a simulation and an exact value (runs=inf), within four standard errors of their difference."""
    theirs = math.sqrt(other * (1 - other) / runs) if share else row["spread"] / math.sqrt(runs)
    assert abs(row["estimate"] - other) <= 4 * math.hypot(row["std_error"], theirs), (row["estimate"], other)


def test_m14_the_half_width_of_93_patients():
    found = by_term(patients_for_landmark(0.64, 36, 0.1, accrual=60, follow_up=24), 10_000)
    agree(found.loc["half-width, plain"], NOTES["landmark_n93"]["mean_half_width_plain"], 10_000, share=False)
    agree(found.loc["half-width, log-log"], NOTES["landmark_n93"]["mean_half_width_loglog"], 10_000, share=False)
    sd = NOTES["landmark_n93"]["sd"]
    assert found.loc["half-width, log-log", "spread"] == pytest.approx(sd, abs=4 * sd * math.sqrt(2 / (2 * 10_000)))


def test_m14_non_inferiority_of_a_landmark():
    known = by_term(patients_for_non_inferiority(0.64, 0.64, 0.15, **DESIGN), 20_000)
    agree(known.loc["power"], NOTES["ni_landmark"]["power_n83_known"], 20_000)
    agree(known.loc["size"], NOTES["ni_landmark"]["size_n83_known"], 20_000)
    agree(known.loc["power"], R["simulated"]["power_83"], R["simulated"]["runs"])
    agree(known.loc["size"], R["simulated"]["size_83"], R["simulated"]["runs"])
    published = by_term(patients_for_non_inferiority(0.64, 0.64, 0.15, variance_published=0.015, **DESIGN), 20_000)
    agree(published.loc["power"], NOTES["ni_landmark"]["power_n144_published_var_015"], 20_000)
    agree(published.loc["size"], NOTES["ni_landmark"]["size_n144"], 20_000)
    agree(published.loc["power"], R["simulated"]["power_144"], R["simulated"]["runs"])


def test_m14_the_median_of_49_patients():
    found, notes = by_term(patients_for_median(1.5), 8_000), NOTES["median_n49_no_censoring"]
    for term, value in (("upper / median", notes["geometric_mean_upper_over_estimate"]), ("median / lower", notes["geometric_mean_estimate_over_lower"])):
        row = found.loc[term]
        assert abs(row["estimate"] - value) <= 4 * math.sqrt(2) * row["std_error"]


@pytest.mark.parametrize("exact", R["median"], ids=lambda case: f"n{case['n']}")
def test_the_median_of_uncensored_patients_has_the_order_statistics_means(exact):
    """R's survfit says which order statistics are the limits; their mean logarithms are integrals."""
    found = by_term(patients_for_median(1.5), 20_000, n=exact["n"])
    for term, value in (("upper / median", exact["upper_over_median"]), ("median / lower", exact["median_over_lower"]), ("coverage", exact["coverage"])):
        agree(found.loc[term], value, math.inf)


@pytest.mark.parametrize(("key", "events", "patients"), [("E42_6", 42.637014373774754, 53), ("E38_6", 38.62131214682205, 48)])
def test_m14_the_one_sample_logrank_test(key, events, patients):
    notes = NOTES["one_sample_logrank_hr06"][key]
    assert notes["n"] == patients
    found = by_term(events_for_one_sample_logrank(0.6), 20_000, n=events, patients=patients)
    for test, value in (("Wu", "power_wu"), ("Breslow", "power_breslow"), ("exact", "power_exact_poisson")):
        agree(found.loc[f"power, {test}"], notes[value], 20_000)
    agree(found.loc["expected events"], events, math.inf)
    if patients == 53:
        for test in ("Wu", "Breslow", "exact"):
            agree(found.loc[f"power, {test}"], R["simulated"]["logrank_53"][test.lower()], R["simulated"]["logrank_runs"])
    assert found.loc["size, exact", "estimate"] < 0.025 + 4 * found.loc["size, exact", "std_error"]


def test_what_is_exact_is_found_by_simulation():
    plan = patients_for_non_inferiority(0.22, 0.22, 0.15)
    found, row = by_term(plan, 40_000), plan.glance().iloc[0]
    agree(found.loc["power"], row["power_actual"], math.inf)
    agree(found.loc["size"], row["alpha_actual"], math.inf)


def test_the_other_questions_hold_what_their_formulas_promise():
    apart = patients_for_proportion(0.22, excludes=0.37, power=0.8)
    assert by_term(apart, 20_000).loc["power", "estimate"] == pytest.approx(0.8, abs=0.03)  # saw-toothed
    width = by_term(patients_for_proportion(0.22, 0.1), 20_000)
    assert width.loc["half-width", "estimate"] == pytest.approx(0.1, abs=0.002)
    worse = by_term(events_for_one_sample_logrank(1.6), 10_000)
    assert worse.loc["power, Wu", "estimate"] == pytest.approx(0.8, abs=0.04)
    # on the scale ln(-ln S) a better survival is shown a little oftener than promised, and a worse one more seldom; less so with more patients
    better = by_term(patients_for_landmark(0.8, 24, excludes=0.75, power=0.8, accrual=30, follow_up=12), 5_000)
    assert 0.8 < better.loc["power", "estimate"] < 0.85
    lower = by_term(patients_for_landmark(0.7, 24, excludes=0.8, power=0.8, accrual=30, follow_up=12), 10_000)
    assert 0.74 < lower.loc["power", "estimate"] < 0.8
    for found in (better, lower):
        assert found.loc["size", "estimate"] == pytest.approx(0.025, abs=0.01)


def test_the_same_seed_is_the_same_simulation_and_batches_add_up():
    plan = patients_for_non_inferiority(0.22, 0.22, 0.15)
    once, again = (simulated_power(plan, rng=3, replicates=20_001) for _ in range(2))
    assert once.equals(again)
    assert once["replicates"].tolist() == [20_001, 20_001]
    share = once["estimate"].iloc[0]
    assert once["std_error"].iloc[0] == pytest.approx(math.sqrt(share * (1 - share) / 20_001), rel=1e-2)


@pytest.mark.parametrize(("call", "says"), [
    (lambda: simulated_power(58, rng=1), "takes what patients_for_"),
    (lambda: simulated_power(patients_for_proportion(0.2, 0.1), rng=1, replicates=1), "at least 2 replicates"),
    (lambda: simulated_power(patients_for_proportion(0.2, 0.1), rng=1, accrual=3), "How patients are recruited"),
    (lambda: simulated_power(patients_for_non_inferiority(0.6, 0.6, 0.1, time=36, variance_published=0.5), rng=1), "There is no number to simulate"),
    (lambda: simulated_power(events_for_one_sample_logrank(0.6), rng=1, patients=20), "simulate more patients"),
])  # fmt: skip
def test_what_can_not_be_simulated_is_said(call, says):
    with pytest.raises(EndpointError, match=says):
        call()
