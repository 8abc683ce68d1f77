"""What a verdict turns on: each against a search through everything by hand."""

import tomllib

import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

import haip_outcomes as haip
from haip_outcomes.benchmark.turning_points import (
    BASIS,
    CONVENTION,
    MARGIN,
    PATIENTS,
    PUBLISHED_N,
    STRENGTH,
    turning_points,
    verdict_with,
)
from haip_outcomes.benchmark.uncertainty import of_size
from haip_outcomes.registry.plan import make_plan

DEMO = "cohorts/demo_centre/demo.csv"


def planned(judge, margin=None, overlap=()):
    with open("cohorts/demo_centre/plan.toml", "rb") as file:
        content = tomllib.load(file)
    content["cohort"]["overlap"] = list(overlap)
    content["benchmark"] = {"judge": list(judge), "margin": margin or {}}
    return haip.read_cohort(DEMO, make_plan(content))


def turns(cohort):
    return {one.figure.id: {turn.kind: turn for turn in turning_points(one, cohort.plan)} for one in haip.compare(cohort).judged}


def excludes_zero(k, n, of_k, of_n):
    low, high = confint_proportions_2indep(k, n, of_k, of_n, compare="diff", method="newcomb", alpha=0.05)
    return low > 0 or high < 0


@pytest.mark.parametrize(("figure", "k", "n", "of_k", "of_n"), [("pak2018-conv", 7, 34, 33, 64), ("duke-compl", 9, 34, 23, 102)])
def test_the_fewest_patients_with_whom_the_word_is_another(figure, k, n, of_k, of_n):
    """Newcombe's interval from statsmodels, patient by patient."""
    cohort = planned([figure])
    assert haip.published()[figure].count == of_k
    now = excludes_zero(k, n, of_k, of_n)
    sentences = [turn.sentence for turn in turning_points(haip.compare(cohort).judged[0], cohort.plan) if turn.kind == PATIENTS]
    for step, word in ((1, "more"), (-1, "fewer")):
        flips = [moved for moved in range(1, n // 5 + 1) if 0 <= k + step * moved <= n and excludes_zero(k + step * moved, n, of_k, of_n) != now]
        told = [sentence for sentence in sentences if f" {word} of {n} " in sentence]
        assert len(told) == bool(flips)
        if flips:
            assert told[0].startswith(f"With {flips[0]} {word} of {n} ({k + step * flips[0]} instead of {k}) it would be ")


def test_down_to_how_few_published_patients_a_verdict_stands():
    cohort = planned(["kemeny2009adj-os4"])
    one = haip.compare(cohort).judged[0]
    assert one.verdict == "clearly worse than expected"
    stands = [n for n in range(1, 36) if "worse" in verdict_with(one.answers.numbers, of_size(0.88, n, ""), n, one.figure, None)]
    assert stands == list(range(stands[0], 36)), "once lost it is lost below"
    sentence = turns(cohort)["kemeny2009adj-os4"][PUBLISHED_N].sentence
    assert f"at least as much as {stands[0]} patients followed to the end" in sentence


def test_a_margin_nearly_met():
    cohort = planned(["duke-compl"], {"duke-compl": 15})
    reach = max(-haip.compare(cohort).judged[0].judged[0].low, haip.compare(cohort).judged[0].judged[0].high)
    assert 0.15 < reach <= 0.225
    assert f"reaches {100 * reach:.0f} percentage points, and the plan's margin is 15" in turns(cohort)["duke-compl"][MARGIN].sentence
    assert MARGIN not in turns(planned(["duke-compl"], {"duke-compl": 10}))["duke-compl"]  # 22 is more than half beyond 10
    assert MARGIN not in turns(planned(["duke-compl"], {"duke-compl": 40}))["duke-compl"]  # on a par


def test_the_conventions_on_which_a_verdict_turns():
    cohort = planned(["chakedis2018-ttlp-unres"], {"chakedis2018-ttlp-unres": 9})
    one = haip.compare(cohort).judged[0]
    words = {judged.verdict for judged in one.judged}
    assert len(words) > 1
    sentence = turns(cohort)["chakedis2018-ttlp-unres"][CONVENTION].sentence
    assert all(word in sentence for word in words)
    assert "how deaths were counted" in sentence
    same = planned(["chakedis2018-ttlp-unres"])
    assert CONVENTION not in turns(same)["chakedis2018-ttlp-unres"]


def test_strength_basis_and_the_published_median():
    cohort = planned(["pak2018-conv", "gk2017-os-med-haip", "dangelica2015-os"])
    found = turns(cohort)
    assert STRENGTH in found["pak2018-conv"]
    assert "prints no interval" in found["gk2017-os-med-haip"][BASIS].sentence
    assert "one half of 49 patients" in found["dangelica2015-os"][PUBLISHED_N].sentence


def test_nothing_is_said_of_what_is_not_judged():
    cohort = planned(["chakedis2018-ttlp-unres", "srouji2020-haisys-liver5"], overlap=["chakedis2018"])
    assert all(not found for found in turns(cohort).values())


def test_only_sentences_that_count_patients_are_marked_so():
    cohort = planned(["pak2018-conv", "kemeny2009adj-os4", "allen2005-compl"])
    for one in haip.compare(cohort).judged:
        for turn in turning_points(one, cohort.plan):
            assert turn.counts == (turn.kind == PATIENTS), turn
