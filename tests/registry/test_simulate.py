"""Simulated patients: what is estimated of very many is what was put in, by the closed forms of the docstring."""

import math

import numpy as np
import pytest

from haip_outcomes import cox, cumulative_incidence, design, survival_curve
from haip_outcomes.errors import EndpointError
from haip_outcomes.registry.simulate import Truth, simulate_cohort

MANY = 40_000


def test_the_closed_forms_by_hand():
    truth = Truth(liver=0.06, extrahepatic=0.03, death=0.01, ratios={"sarcopenia": {"death": 3.0}})
    assert truth.survival(10) == pytest.approx(math.exp(-0.1))
    assert truth.survival(10, sarcopenia=True) == pytest.approx(math.exp(-0.3))
    assert truth.incidence("liver", 10) == pytest.approx(0.6 * (1 - math.exp(-1)))
    assert truth.incidence("liver", 10, among=("liver", "death")) == pytest.approx(6 / 7 * (1 - math.exp(-0.7)))
    assert sum(truth.incidence(cause, 7) for cause in ("liver", "extrahepatic", "death")) == pytest.approx(1 - math.exp(-0.7))


def test_the_estimates_are_the_truth():
    truth = Truth(liver=0.05, extrahepatic=0.02, death=0.015, ratios={"sarcopenia": {"death": 2.4, "liver": 1.5}})
    cohort = simulate_cohort(MANY, rng=np.random.default_rng(20261122), truth=truth)
    lean = cohort.where(cohort["sarcopenia"] == "No", because="only those without sarcopenia")
    error = 4 / math.sqrt(len(lean)) * 0.5  # four standard errors at most, besides the rounding to days
    os = survival_curve(lean.endpoint("os")).at([24])["estimate"].iloc[0]
    assert os == pytest.approx(truth.survival(24), abs=error)
    liver = cumulative_incidence(lean.endpoint("liver")).at([24])
    assert liver.loc[liver["outcome"] == "Liver", "estimate"].iloc[0] == pytest.approx(truth.incidence("liver", 24, among=("liver", "death")), abs=error)
    first = cumulative_incidence(lean.endpoint("first_site")).at([24]).set_index("outcome")["estimate"]
    for state, cause in (("Liver", "liver"), ("Extrahepatic", "extrahepatic"), ("Death", "death")):
        assert first[state] == pytest.approx(truth.incidence(cause, 24), abs=error)
    fit = cox(cohort.endpoint("os"), design(cohort.frame, ["sarcopenia"])).tidy().iloc[0]
    assert abs(fit["estimate"] - math.log(2.4)) < 4 * fit["std_error"]


def test_the_same_seed_gives_the_same_patients_and_settings_their_own_truth():
    truths = {"adjuvant": Truth(liver=0.0), "unresectable": Truth(liver=1.0)}
    one, two = (simulate_cohort(300, rng=np.random.default_rng(5), truth=truths, shares={"adjuvant": 1, "unresectable": 2}, centres=3) for _ in range(2))
    assert one.frame.equals(two.frame)
    assert one.settings == ("adjuvant", "unresectable")
    assert set(one["centre"]) == {"Centre 1", "Centre 2", "Centre 3"}
    assert one.setting("adjuvant")["liver_event_date"].isna().all()
    assert (one.setting("unresectable").endpoint("liver").state == 1).mean() > 0.9
    assert 150 < len(one.setting("unresectable")) < 250


@pytest.mark.parametrize(("wrong", "said"), [
    ({"n": 0}, "1 or more"),
    ({"rng": 3}, "default_rng"),
    ({"shares": {"adjuvent": 1}}, 'Did you mean "adjuvant"?'),
    ({"shares": {"adjuvant": 0}}, "more than 0"),
    ({"follow_up_months": 0}, "follow_up_months"),
    ({"truth": {"adjuvant": Truth()}}, "says nothing of unresectable"),
])  # fmt: skip
def test_wrong_questions(wrong, said):
    arguments = {"n": 10, "rng": np.random.default_rng(1), **wrong}
    with pytest.raises(EndpointError, match=said):
        simulate_cohort(arguments.pop("n"), **arguments)


@pytest.mark.parametrize(("wrong", "said"), [
    ({"liver": -1}, "hazard of liver"), ({"ratios": {"sarcopaenia": {"death": 2}}}, 'Did you mean "sarcopenia"'),
    ({"ratios": {"sarcopenia": {"dead": 2}}}, 'Did you mean "death"'), ({"ratios": {"sarcopenia": {"death": 0}}}, "above 0"),
])  # fmt: skip
def test_wrong_truths(wrong, said):
    with pytest.raises(EndpointError, match=said):
        Truth(**wrong)


def test_centres_can_differ_in_size_truth_and_case_mix():
    cohort = simulate_cohort(MANY, rng=np.random.default_rng(6), truth={"Centre 2": Truth(death=0.04)}, centres=(3, 1, 1),
                             case_mix={"Centre 3": {"sarcopenia": 0.9}})  # fmt: skip
    sizes = cohort["centre"].value_counts(normalize=True)
    assert sizes["Centre 1"] == pytest.approx(0.6, abs=0.02)
    ill = (cohort["sarcopenia"] == "Yes").groupby(cohort["centre"], observed=True).mean()
    assert ill["Centre 1"] == pytest.approx(0.45, abs=0.02)
    assert ill["Centre 3"] == pytest.approx(0.9, abs=0.02)
    lean = cohort.where(cohort["sarcopenia"] == "No", because="only those without sarcopenia")
    os = survival_curve(lean.endpoint("os"), by=lean["centre"]).at([24]).set_index("group")["estimate"]
    assert os["Centre 1"] == pytest.approx(Truth().survival(24), abs=0.03)
    assert os["Centre 2"] == pytest.approx(Truth(death=0.04).survival(24), abs=0.03)
    assert os["Centre 3"] == pytest.approx(Truth().survival(24), abs=0.05)


@pytest.mark.parametrize(("wrong", "said"), [
    ({"centres": (1, 0)}, "relative size"),
    ({"centres": 2, "truth": {"Centre 1": Truth(), "Centre 3": Truth()}}, 'Did you mean "Centre 1"|none of the 2 centres'),
    ({"case_mix": {"Center 1": {}}}, 'Did you mean "Centre 1"'),
    ({"case_mix": {"Centre 1": {"sarcopaenia": 0.5}}}, 'Did you mean "sarcopenia"'),
    ({"case_mix": {"Centre 1": {"sarcopenia": 1.5}}}, "between 0 and 1"),
])  # fmt: skip
def test_wrong_centres(wrong, said):
    with pytest.raises(EndpointError, match=said):
        simulate_cohort(10, rng=np.random.default_rng(1), **wrong)
