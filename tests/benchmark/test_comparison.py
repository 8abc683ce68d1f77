"""Like for like: the numbers of the methods notes, the verdict rules one by one and on both sides, and whole comparisons."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.benchmark.centre import (
    CentreNumber,
    Tally,
    at_horizon,
    incidence_median,
    proportion,
    survival_median,
)
from haip_outcomes.benchmark.comparison import COLUMNS, compare
from haip_outcomes.benchmark.conventions import time_zero_codes
from haip_outcomes.benchmark.literature import make_figures, published
from haip_outcomes.benchmark.uncertainty import Side, contrasted, published_side, smallest_difference, wilson
from haip_outcomes.benchmark.verdicts import agreed, judge
from haip_outcomes.errors import PlanError
from haip_outcomes.programme.safety_and_delivery import Count
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.survival.time_to_event import TimeToEvent

DATA = Path(__file__).resolve().parents[1] / "reference" / "data"
BASE = {
    "id": "theirs", "source": "theirs", "setting": "adjuvant", "modality": "HAIP alone", "endpoint": "overall_survival",
    "statistic": "landmark_probability", "horizon": 36, "value": 64, "unit": "%", "time_zero": "pump placement",
    "time_zero_text": "pump placement", "event": "as named", "competing": "not applicable", "better": "higher", "read": "primary",
    "where": "abstract",
}  # fmt: skip


def figures(*tables):
    rows = [
        {name: value for name, value in {**BASE, **table}.items() if value is not None} for table in tables
    ]
    return make_figures(
        {"sources": {"theirs": {"short": "Theirs 2020", "citation": "Theirs et al. 2020"}}, "figure": rows}
    )


def figure(**changes):
    return figures(changes)[0]


@pytest.fixture(scope="module")
def lung_women():
    frame = pd.read_csv(DATA / "cox_lung.csv")
    women = frame[frame["sex"] == "female"]
    assert len(women) == 90
    return TimeToEvent.from_frame(women, time="days", state="dead", states=["Death"], unit="days")


# --- the worked numbers -------------------------------------------------------------------------------------


def test_m02_landmark_with_interval_and_with_n(lung_women):
    ours = at_horizon(lung_women, None, 365, "", 40, events=False)
    assert ours.side.estimate == pytest.approx(0.5264630301859056, rel=1e-8)
    assert ours.shown == pytest.approx((0.40357982326673075, 0.6353162328240862), rel=1e-8)
    assert ours.n_event == 36
    printed = published_side(
        figure(value=40, ci_low=31, ci_high=49, ci_level=0.95, ci_form="not stated", n=115)
    )
    assert contrasted(ours.side, printed, "difference", 0.95) == pytest.approx(
        (0.12646303018590555, -0.025853359420534128, 0.26770402892419265), rel=1e-8)  # fmt: skip
    alone = published_side(figure(value=40, n=115))
    assert alone.lower_bound
    assert alone.limits(0.95) == pytest.approx((0.315094666722255, 0.4913701795676077), rel=1e-8)
    assert contrasted(ours.side, alone, "difference", 0.95)[1:] == pytest.approx(
        (-0.026666954653633973, 0.26451351132810863), rel=1e-8
    )


def test_m02_no_events():
    ovarian = TimeToEvent.from_frame(
        pd.DataFrame({"t": [59.0] * 26, "s": [1] * 26}), time="t", state="s", states=["Death"], unit="days"
    )
    ours = at_horizon(ovarian, None, 50, "", 5, events=False)
    assert ours.side.estimate == 1
    assert ours.shown == pytest.approx((0.8677253955022458, 1.0), rel=1e-8)


def test_m03_medians(lung_women):
    ours = survival_median(lung_women, "", 50, "ratio")
    assert (ours.side.estimate, *ours.shown) == (426, 345, 524)
    theirs = Side(310, lambda level: (285, 363))
    assert contrasted(ours.side, theirs, "ratio", 0.95) == pytest.approx(
        (1.3741935483870968, 1.05596246732839, 1.7183097033495334), rel=1e-8
    )
    assert contrasted(ours.side, theirs, "difference", 0.95) == pytest.approx(
        (116, 19.20123967735951, 217.1385188738692), rel=1e-8
    )
    symmetric = survival_median(lung_women, "", 50, "difference")
    assert symmetric.shown == pytest.approx(
        (334.74917569177666, 517.2508243082234), rel=1e-8
    )  # m01_lung_sex2
    assert "85%" in symmetric.notes[0]
    free = ours.free_at(310)
    assert free.estimate == pytest.approx(0.642844326232695, rel=1e-8)


def test_m03_symmetric_intervals_stretch_by_their_standard_error():
    theirs = published_side(published()["chakedis2018-ttlp-unres"])
    assert theirs.limits(0.95) == pytest.approx((3.1, 15.3))
    assert theirs.limits(0.998)[1] == pytest.approx(9.2 + 3.090232306167813 * 3.1123020872403893)


def test_m04_proportions():
    theirs = published_side(
        figure(
            statistic="proportion", horizon=None, endpoint="pump_complication", value=22, n=544, events=120
        )
    )
    ours = proportion(Count(14, 60), 0.22)
    assert ours.shown == pytest.approx((0.13383734388884802, 0.3603827871057576), rel=1e-8)
    found = contrasted(ours.side, theirs, "difference", 0.95)
    assert found == pytest.approx((0.012745098039215697, -0.08348083301138436, 0.1381447797195502), rel=1e-8)
    by_hand = contrasted(
        Side(14 / 60, lambda level: wilson(14 / 60, 60, level)),
        Side(120 / 544, theirs.limits),
        "difference",
        0.95,
    )
    assert by_hand == pytest.approx(found, rel=1e-10)  # Newcombe is MOVER with Wilson's limits
    small = contrasted(
        proportion(Count(10, 25), 0.47).side, Side(23 / 49, None, count=(23, 49)), "difference", 0.95
    )
    assert math.isnan(small[1])  # without limits nothing is compared
    small = contrasted(
        proportion(Count(10, 25), 0.47).side,
        Side(23 / 49, lambda level: wilson(23 / 49, 49, level), count=(23, 49)),
        "difference",
        0.95,
    )
    assert small == pytest.approx((-0.06938775510204082, -0.28446974773328293, 0.1643088265797825), rel=1e-8)


@pytest.mark.parametrize(("ours", "theirs", "expected"), [
    ((2.4, 1.1, 5.0), (2.53, 1.6, 4.01), (0.9486166007905139, 0.3912945518380374, 2.299734179963283)),  # m05_a
    ((0.40, 0.22, 0.72), (0.67, 0.59, 0.76), (0.5970149253731343, 0.3256304572852785, 1.0945745803072424)),  # m05_b
])  # fmt: skip
def test_m05_hazard_ratios(ours, theirs, expected):
    sides = [published_side(figure(statistic="hazard_ratio", horizon=None, unit="ratio", value=v, ci_low=low, ci_high=high, ci_level=0.95,
                                   ci_form="not stated", factor="sarcopenia")) for v, low, high in (ours, theirs)]  # fmt: skip
    assert contrasted(*sides, "ratio", 0.95) == pytest.approx(expected, rel=1e-8)


def test_m06_cumulative_incidence():
    ours = Side(0.21216545012165453, lambda level: (0.1481327906594421, 0.28401795199431923))
    kind = {
        "statistic": "cumulative_incidence",
        "endpoint": "hepatic_recurrence",
        "value": 30,
        "n": 120,
        "competing": "competing risk",
        "better": "lower",
    }
    printed = published_side(figure(**kind, ci_low=22, ci_high=38, ci_level=0.95, ci_form="not stated"))
    assert contrasted(ours, printed, "difference", 0.95) == pytest.approx(
        (-0.08783454987834546, -0.1903049430551244, 0.019695827342983405), rel=1e-8)  # fmt: skip
    alone = published_side(figure(**kind))
    assert contrasted(ours, alone, "difference", 0.95)[1:] == pytest.approx(
        (-0.1959805264083755, 0.015844818122411536), rel=1e-8
    )


def test_the_published_uncertainty_is_taken_in_the_stated_order():
    ratio = {"statistic": "hazard_ratio", "horizon": None, "unit": "ratio", "factor": "haip"}
    assert (
        published_side(figure(n=26, ci_low=41, ci_high=80, ci_level=0.95, ci_form="not stated")).basis
        == "printed 95% interval"
    )
    both = published_side(
        figure(
            **ratio,
            value=0.67,
            ci_low=0.59,
            ci_high=0.76,
            ci_level=0.95,
            ci_form="not stated",
            p_value="<.001",
        )
    )
    assert both.basis == "printed 95% interval"
    by_p = published_side(published()["kar2014-os-pooled-hr"])
    assert by_p.basis == "p-value 0.24"
    low, high = by_p.limits(1 - 0.24)
    assert (low, high) == pytest.approx((0.81, 1.0))  # at the level of its p-value the interval ends at 1
    share = {"statistic": "proportion", "horizon": None, "endpoint": "pump_complication"}
    assert published_side(figure(**share, value=22, n=544, events=120)).basis == "120 of 544"
    assert published_side(figure(**share, value=74, n=46)).basis == "34 of 46"
    assert published_side(figure(n=26)).lower_bound
    nothing = [figure(), figure(**share), figure(statistic="median", horizon=None, unit="months", n=785), figure(qualifier="about", n=26),
               figure(**share, value=15, n=819), published()["kar2014-cochrane-ci"], published()["kar2014-conv-haip"]]  # fmt: skip
    assert [published_side(one).limits for one in nothing[:-2]] == [None] * 5
    assert [math.isnan(published_side(one).estimate) for one in nothing[-2:]] == [True, True]


def test_intervals_of_other_levels_and_open_ends():
    eortc = published_side(published()["eortc-pfs3-surg"])  # 28.1 (21.3-35.5) at 95.66%
    assert eortc.limits(0.9566) == pytest.approx((0.213, 0.355))
    low, high = eortc.limits(0.95)
    assert 0.213 < low < 0.281 < high < 0.355
    open_end = published_side(published()["dangelica2015-os"])
    assert open_end.limits(0.95) == pytest.approx((28, math.inf))
    ours = Side(20.0, lambda level: (15.0, 26.0))
    point, low, high = contrasted(ours, open_end, "ratio", 0.95)
    assert (point, low) == (20 / 38, 0)
    assert high == pytest.approx(
        math.exp(math.log(20 / 38) + math.hypot(math.log(26 / 20), math.log(38 / 28)))
    )


# --- the verdict rules --------------------------------------------------------------------------------------


def number(estimate, half=0.1, *, contrast="difference", unit="probability", expected=20.0, seen=12):
    """A number with plain symmetric limits, `half` wide at 95%; the more events, the lower it is."""

    def limits(level):
        z = {0.95: 1.0, 0.998: 3.0902 / 1.95996}[level]
        return (
            (estimate - half * z, estimate + half * z)
            if contrast == "difference"
            else (estimate * math.exp(-half * z), estimate * math.exp(half * z))
        )

    return CentreNumber("", unit, Side(estimate, limits), limits(0.95), contrast, 30, seen, Tally(seen, expected))


@pytest.mark.parametrize(("ours", "better", "word"), [
    (0.60, "higher", "within expected variation"), (0.40, "higher", "within expected variation"), (0.50, "neither", "agrees"),
    (0.70, "higher", "better than expected"), (0.30, "higher", "worse than expected"),
    (0.70, "lower", "worse than expected"), (0.30, "lower", "better than expected"), (0.70, "neither", "differs"),
    (0.80, "higher", "clearly better than expected"), (0.20, "higher", "clearly worse than expected"),
    (0.80, "lower", "clearly worse than expected"), (0.20, "lower", "clearly better than expected"), (0.20, "neither", "clearly differs"),
])  # fmt: skip
def test_direction_and_strength(ours, better, word):
    found = judge(number(ours), number(0.5).side, 50, better)
    assert found.verdict == word  # the difference has limits +/- 0.141 at 95%, +/- 0.223 at 99.8%
    if word in ("within expected variation", "agrees"):
        assert found.reason.startswith(
            "the smallest difference this centre could have shown with 80% power is 20 percentage points"
        )
    else:
        assert "excludes 0" in found.reason


@pytest.mark.parametrize(
    ("ours", "word"),
    [(1.15, "within expected variation"), (1.2, "better than expected"), (0.84, "worse than expected")],
)
def test_ratios(ours, word):
    theirs = number(1.0, 0.1, contrast="ratio").side
    found = judge(number(ours, 0.1, contrast="ratio", unit="months"), theirs, 50, "higher")
    assert found.verdict == word
    if word.startswith("within"):
        assert "a ratio of 1.22 (or 0.82)" in found.reason  # exp(0.1414 * 2.8016 / 1.95996)


def test_smallest_difference_is_2_80_standard_errors():
    assert smallest_difference(-1.959963984540054, 1.959963984540054, "difference") == pytest.approx(
        1.959963984540054 + 0.8416212335729143
    )
    assert smallest_difference(0, 5, "ratio") == math.inf
    assert smallest_difference(2, math.inf, "ratio") == math.inf


@pytest.mark.parametrize(
    ("margin", "word"),
    [(0.15, "on a par"), (0.14, "within expected variation"), (None, "within expected variation")],
)
def test_on_a_par_only_inside_the_margin(margin, word):
    assert judge(number(0.5), number(0.5).side, 50, "higher", margin).verdict == word


def test_a_margin_does_not_hide_a_difference_and_is_a_factor_for_ratios():
    assert (
        judge(number(0.66, 0.05), number(0.5, 0.05).side, 50, "higher", 0.5).verdict
        == "clearly better than expected"
    )
    theirs = number(1.0, 0.1, contrast="ratio").side
    ours = number(1.0, 0.1, contrast="ratio", unit="ratio")
    assert [judge(ours, theirs, 50, "lower", margin).verdict for margin in (1.16, 1.15)] == [
        "on a par",
        "within expected variation",
    ]


def test_conventions_must_agree():
    assert agreed(["within expected variation"] * 3) == "within expected variation"
    assert agreed(["worse than expected", "clearly worse than expected"]) == "worse than expected"
    assert agreed(["on a par", "within expected variation"]) == "within expected variation"
    assert agreed(["better than expected", "within expected variation"]) is None
    assert agreed(["better than expected", "worse than expected"]) is None
    assert agreed(["too few to judge", "within expected variation"]) is None


# --- whole comparisons --------------------------------------------------------------------------------------

PROGRAMME = {
    "pump_complication": {
        "label": "Pump complication",
        "column": "complication",
        "definition": "within 30 days",
    }
}


def centre(
    adjuvant=40,
    unresectable=0,
    comparator=0,
    *,
    rate=0.02,
    follow_up=80.0,
    plan=None,
    complications=0.25,
    start="pump placement",
    seed=1,
):
    """A made-up centre: exponential deaths, liver events at twice their rate, sarcopenia in every second patient."""
    rng = np.random.default_rng(seed)
    settings = ["adjuvant"] * adjuvant + ["unresectable"] * unresectable + ["comparator"] * comparator
    n = len(settings)
    death = rng.exponential(1 / rate, n)
    liver = rng.exponential(0.5 / rate, n)
    frame = pd.DataFrame({
        "setting": pd.Categorical(settings), "os_time": np.minimum(death, follow_up), "died": (death <= follow_up).astype(float),
        "liver_time": np.minimum(liver, np.minimum(death, follow_up)), "liver_event": (liver <= np.minimum(death, follow_up)).astype(float),
        "sarcopenia": pd.Categorical(["Yes" if i % 2 else "No" for i in range(n)], categories=["No", "Yes"]),
        "complication": pd.Categorical(["Yes" if i < round(complications * n) else "No" for i in range(n)], categories=["No", "Yes"]),
    }, index=range(2, n + 2))  # fmt: skip
    content = {
        "cohort": {"name": "Made up", "id": "id", "setting": "setting"},
        "columns": {"sarcopenia": {"label": "Sarcopenia", "levels": {"0": "No", "1": "Yes"}},
                    "complication": {"levels": {"0": "No", "1": "Yes"}}},
        "endpoints": {
            "os": {"label": "Overall survival", "start": start, "events": {"Death": {"time": "os_time", "flag": "died"}}},
            "liver": {"label": "Liver progression", "start": start, "events": {"Liver": {"time": "liver_time", "flag": "liver_event"},
                                                                                "Death": {"time": "os_time", "flag": "died"}}},
        },
        "programme": PROGRAMME,
    }  # fmt: skip
    for part, values in (plan or {}).items():
        content[part] = {**content.get(part, {}), **values}
    return Cohort(make_plan(content), frame, Source("made up", "", n))


def judged(cohort_plan=None, *, cohort=None, **changes):
    plan = {"benchmark": {"judge": ["theirs"]}, **(cohort_plan or {})}
    return compare(cohort or centre(plan=plan), figures(changes)).compared[0]


def test_columns_and_the_shape_of_a_comparison():
    tidy = compare(centre(), published(source="chakedis2018")).tidy()
    assert list(tidy.columns) == COLUMNS
    assert COLUMNS[:8] == ["outcome", "group", "time", "estimate", "conf_low", "conf_high", "n", "n_event"]
    assert set(tidy["figure"]) == set(published(source="chakedis2018").ids)


def test_a_landmark_is_judged_both_ways():
    for rate, word in (
        (0.05, "clearly worse than expected"),
        (0.0005, "clearly better than expected"),
        (0.0124, "within expected variation"),
    ):
        one = judged(
            cohort=centre(200, rate=rate, plan={"benchmark": {"judge": ["theirs"]}}), n=200, value=64
        )
        assert one.verdict == word
    assert one.answers.fields.time_zero == "same"
    assert "lower bound" in one.sentence


def test_only_named_figures_are_judged_and_how_many_were_looked_at_is_said():
    cohort = centre(200, rate=0.05, plan={"benchmark": {"judge": ["second"]}})
    found = compare(
        cohort,
        figures(
            {"id": "first", "n": 200}, {"id": "second", "n": 200}, {"id": "third", "endpoint": "trial_design"}
        ),
    )
    assert [one.figure.id for one in found.compared] == ["second", "first", "third"]
    assert [one.verdict for one in found.compared] == [
        "clearly worse than expected",
        "not judged",
        "not comparable",
    ]
    assert found.compared[1].reason == "not among the figures named in the plan"
    assert found.compared[1].judged  # shown all the same
    assert set(found.tidy().query("figure == 'first'")["convention_verdict"]) == {""}
    assert found.summary[0].startswith(
        "3 published figures looked at: 2 can be set beside this centre's results, 1 can't; 1 is named in the plan"
    )
    assert len(found.summary) == 2
    assert len(found.sentences) == 3


def test_the_same_patients_are_shown_and_never_judged():
    one = judged(
        {"cohort": {"name": "Made up", "id": "id", "setting": "setting", "overlap": ["theirs"]}}, n=26
    )
    assert one.verdict == "same patients"
    assert not math.isnan(one.answers.numbers[0].side.estimate)
    plan = {"cohort": {"name": "Made up", "id": "id", "setting": "setting", "overlap": ["gk2017"]}}
    found = compare(
        centre(0, 0, 60, plan=plan, start="liver resection"),
        published(setting="resected_no_haip", statistic="landmark_probability"),
    )
    verdict = {one.figure.id: one.verdict for one in found.compared}
    assert verdict["gk2017-os10-nohaip"] == "same patients"
    sharing = compare(centre(0, 0, 60, rate=0.005, plan=plan), published(source="srouji2020"))
    assert "may share patients with Groot Koerkamp 2017" in sharing.compared[0].reason
    assert {one.verdict for one in sharing.compared if one.figure.setting == "adjuvant"} == {"not comparable"}


@pytest.mark.parametrize(("changes", "said"), [
    ({"setting": "unresectable"}, "the centre has no unresectable patients"),
    ({"setting": "resected_no_haip"}, "the centre has no resected patients without a pump"),
    ({"setting": "systemic"}, "systemic chemotherapy without a pump"),
    ({"setting": "both"}, "adjuvant and unresectable patients together, and the centre has only adjuvant ones"),
    ({"subgroup": "node-negative primary"}, "a subgroup (node-negative primary)"),
    ({"time_zero": "diagnosis", "time_zero_text": "date of diagnosis"}, "the source counts from diagnosis, and the centre from pump placement"),
    ({"horizon": 120}, "nobody at risk at 120 months here"),
    ({"endpoint": "progression_free_survival"}, "the plan has no [endpoints.pfs]"),
    ({"endpoint": "any_recurrence", "statistic": "proportion"}, "a crude share, which grows with the length of follow-up"),
    ({"endpoint": "trial_design", "statistic": "sample_size"}, "is no outcome"),
    ({"statistic": "odds_ratio", "factor": "robotic placement"}, "an odds ratio has no counterpart"),
    ({"endpoint": "biliary_sclerosis", "statistic": "proportion"}, "the plan has no [programme.biliary_sclerosis]"),
    ({"endpoint": "pump_complication", "statistic": "proportion", "event": "grade III or worse", "event_text": "grade >= 3"},
     'the source counts "grade III or worse", and the centre "within 30 days"'),
    ({"statistic": "hazard_ratio", "unit": "ratio", "value": 0.67, "factor": "haip"}, "with and without a pump"),
    ({"statistic": "hazard_ratio", "unit": "ratio", "value": 2.4, "factor": "sarcopenia", "adjustment": "multivariable"}, "adjusted for other things"),
    ({"statistic": "hazard_ratio", "unit": "ratio", "value": 2.4, "factor": "sarcopenai"}, 'the plan has no column "sarcopenai"'),
])  # fmt: skip
def test_what_differs_is_refused_with_its_reason(changes, said):
    one = judged(n=26, **changes)
    assert one.verdict == "not comparable"
    assert said in one.reason
    assert said in one.sentence


def test_what_is_not_stated_is_said():
    one = judged(n=26, time_zero="not stated", time_zero_text=None)
    assert one.answers.fields.time_zero == "not stated"
    assert one.verdict not in ("not comparable", "not judged")
    assert "The source does not state its time zero." in one.sentence
    share = {
        "endpoint": "pump_complication",
        "statistic": "proportion",
        "horizon": None,
        "better": "lower",
        "n": 544,
        "events": 120,
        "value": 22,
    }
    one = judged(**share, event="not stated")
    assert one.verdict == "within expected variation"
    assert "The source does not state what counted as an event." in one.sentence
    one = judged(
        {"programme": {"pump_complication": {**PROGRAMME["pump_complication"], "definition": ""}}},
        **share,
        event="within 30 days",
        event_text="30 d",
    )
    assert "The centre's plan does not state its definition." in one.sentence
    same = judged(**share, event="within 30 days", event_text="30 d")
    assert (same.answers.fields.event, same.remarks) == ("same", ())


LIVER = {"endpoint": "time_to_liver_progression", "statistic": "median", "horizon": None, "unit": "months", "event": "not stated",
         "ci_level": 0.95, "ci_form": "curve-based", "n": 100}  # fmt: skip


def test_liver_medians_under_every_convention():
    cohort = centre(200, rate=0.04, plan={"benchmark": {"judge": ["theirs"]}})
    far = judged(cohort=cohort, **LIVER, competing="not stated", value=60, ci_low=50, ci_high=72)
    assert [ours.convention for ours in far.answers.numbers] == [
        "deaths censored",
        "deaths as events",
        "deaths as a competing risk",
    ]
    assert far.verdict == "clearly worse than expected"
    assert "how deaths were counted. The verdict is the same under each." in far.sentence
    estimates = [ours.side.estimate for ours in far.answers.numbers]
    assert estimates[1] < estimates[0] < estimates[2]
    near = estimates[0]
    split = judged(
        cohort=cohort, **LIVER, competing="not stated", value=near, ci_low=near * 0.9, ci_high=near * 1.1
    )
    words = [one.verdict for one in split.judged]
    assert words[0] == "within expected variation"
    assert len(set(words)) > 1
    assert split.verdict == "not judged"
    assert (
        "the answer depends on what the source does not state: within expected variation with deaths censored; "
        in split.sentence
    )
    stated = judged(
        cohort=cohort, **LIVER, competing="event", value=near, ci_low=near * 0.9, ci_high=near * 1.1
    )
    assert [ours.convention for ours in stated.answers.numbers] == ["deaths as events"]
    rows = compare(
        cohort, figures({**LIVER, "competing": "not stated", "value": 60, "ci_low": 50, "ci_high": 72})
    ).tidy()
    assert list(rows["convention"]) == ["deaths censored", "deaths as events", "deaths as a competing risk"]
    assert set(rows["competing_match"]) == {"not stated"}


def test_a_symmetric_interval_is_met_by_the_same_method():
    cohort = centre(200, rate=0.04, plan={"benchmark": {"judge": ["theirs"]}})
    one = judged(
        cohort=cohort,
        **{**LIVER, "ci_form": "symmetric (standard error)"},
        competing="censored",
        value=9,
        ci_low=3,
        ci_high=15,
    )
    assert one.judged[0].contrast == "difference"
    assert "about 85% instead of 95%" in one.sentence
    low, high = one.answers.numbers[0].shown
    assert (low + high) / 2 == pytest.approx(one.answers.numbers[0].side.estimate)


def test_a_median_that_is_not_reached_is_compared_at_the_published_one():
    cohort = centre(100, rate=0.003, plan={"benchmark": {"judge": ["theirs"]}})
    kind = {
        "statistic": "median",
        "horizon": None,
        "unit": "months",
        "value": 38,
        "ci_low": 28,
        "ci_high": 50,
        "ci_level": 0.95,
        "ci_form": "curve-based",
    }
    one = judged(cohort=cohort, **kind, n=49)
    assert math.isnan(one.answers.numbers[0].side.estimate)
    assert one.verdict == "clearly better than expected"
    assert "the median is not reached here; " in one.sentence
    assert "median NR" in one.sentence
    assert "does not say how many patients" in judged(cohort=cohort, **kind).reason


def test_without_uncertainty_nothing_is_judged():
    one = judged(statistic="median", horizon=None, unit="months", value=67, n=785)
    assert one.verdict == "not judged"
    assert "no interval" in one.reason
    assert not math.isnan(one.answers.numbers[0].side.estimate)
    assert (
        judged(
            statistic="range", value=[20, 30], endpoint="pump_complication", horizon=None, event="not stated"
        ).verdict
        == "not judged"
    )
    assert 'the source says "more than"' in judged(n=26, qualifier="more than").reason


def test_both_settings_stand_together_only_for_proportions():
    plan = {"benchmark": {"judge": ["theirs"]}}
    cohort = centre(26, 34, 10, plan=plan)
    share = {
        "endpoint": "pump_complication",
        "statistic": "proportion",
        "horizon": None,
        "setting": "both",
        "value": 23,
        "n": 60,
        "events": 14,
        "better": "lower",
    }
    one = judged(cohort=cohort, **share, event="not stated")
    assert one.answers.numbers[0].n == 60
    assert one.answers.group == "adjuvant and unresectable"
    assert "the centre's times are by setting" in judged(cohort=cohort, setting="both", n=60).reason
    only = {
        "programme": {"pump_complication": {**PROGRAMME["pump_complication"], "settings": ["unresectable"]}}
    }
    assert (
        "asks about Pump complication in unresectable patients only"
        in judged(cohort=centre(26, 34, plan={**plan, **only}), **share, event="not stated").reason
    )
    ratio = {"statistic": "hazard_ratio", "endpoint": "hazard_ratio", "outcome": "overall_survival", "horizon": None, "unit": "ratio", "value": 2.4,
             "ci_low": 1.1, "ci_high": 5.0, "ci_level": 0.95, "ci_form": "not stated", "factor": "sarcopenia", "setting": "both", "better": "neither"}  # fmt: skip
    assert (
        "the plan does not pool them for sarcopenia"
        in judged(cohort=cohort, **ratio, adjustment="univariable").reason
    )
    pooled = centre(26, 34, plan={**plan, "analysis": {"pooled": ["sarcopenia"]}})
    one = judged(cohort=pooled, **ratio, adjustment="univariable")
    assert one.verdict in ("agrees", "differs")
    assert one.answers.numbers[0].unit == "ratio"


def test_no_pump_figures_meet_the_comparator():
    cohort = centre(0, 0, 150, start="liver resection", plan={"benchmark": {"judge": ["theirs"]}})
    one = judged(
        cohort=cohort,
        setting="resected_no_haip",
        n=200,
        time_zero="liver resection",
        time_zero_text="resection",
    )
    assert one.answers.group == "comparator"
    assert compare(cohort, figures({"setting": "resected_no_haip", "n": 200, "time_zero": "not stated", "time_zero_text": ""})).beside(
        "comparator", ["overall_survival"]) == ["theirs"]  # fmt: skip


def test_two_time_zeros_when_the_source_states_none():
    plan = make_plan({
        "cohort": {"name": "Dates", "id": "id", "setting": "setting"},
        "columns": {"resected": {"label": "Liver resection", "kind": "date"}, "pump": {"label": "Pump placement", "kind": "date"}},
        "endpoints": {"os": {"label": "Overall survival", "start": "pump", "last_seen": "seen", "events": {"Death": "death"}},
                      "rfs": {"label": "RFS", "start": "resected", "last_seen": "seen", "events": {"Event": "death"}}},
        "benchmark": {"judge": ["theirs"]},
    })  # fmt: skip
    pump = pd.Series(pd.date_range("2015-01-01", periods=60, freq="7D"))
    months = pd.Series(np.linspace(3, 80, 60))
    seen = pump + pd.to_timedelta((months * 30.4375).round(), unit="D")
    frame = pd.DataFrame({"setting": pd.Categorical(["adjuvant"] * 60), "pump": pump, "resected": pump - pd.Timedelta(days=60), "seen": seen,
                          "death": seen.where(pd.Series(range(60)) % 3 == 0)})  # fmt: skip
    cohort = Cohort(plan, frame, Source("dates", "", 60))
    unstated = compare(
        cohort, figures({"n": 100, "time_zero": "not stated", "time_zero_text": None})
    ).compared[0]
    assert [ours.convention for ours in unstated.answers.numbers] == [
        "counted from pump placement",
        "counted from liver resection",
    ]
    stated = compare(
        cohort, figures({"n": 100, "time_zero": "liver resection", "time_zero_text": "resection"})
    ).compared[0]
    (ours,) = stated.answers.numbers
    assert stated.answers.fields.time_zero == "same"
    assert ours.times.entry is not None  # they enter at the pump: the months before it are immortal
    assert ours.times.entry == pytest.approx(60 / 30.4375)


def test_the_incidence_median_is_where_the_incidence_reaches_one_half():
    tte = TimeToEvent.from_frame(
        pd.DataFrame({"t": [1, 2, 3, 4, 5, 6, 7, 8], "s": [1, 2, 1, 1, 1, 0, 2, 1]}),
        time="t",
        state="s",
        states=["Liver", "Death"],
    )
    found = incidence_median(tte, "Liver", "", 6, "ratio")
    assert found.side.estimate == 5  # 4 of 8 by month 5, nobody censored before
    assert found.shown[0] < 5
    rare = TimeToEvent.from_frame(
        pd.DataFrame({"t": [1, 2, 3, 4], "s": [1, 2, 2, 2]}), time="t", state="s", states=["Liver", "Death"]
    )
    assert math.isnan(incidence_median(rare, "Liver", "", 6, "ratio").side.estimate)


@pytest.mark.parametrize(("words", "codes"), [
    ("pump placement", {"pump placement"}), ("HAIP implantation", {"pump placement"}), ("liver resection", {"liver resection"}),
    ("resection of the primary", set()), ("date of diagnosis", {"diagnosis"}), ("start of treatment", {"start of treatment"}),
    ("pump placement at liver resection", {"pump placement", "liver resection"}), ("admission", set()),
])  # fmt: skip
def test_time_zero_words(words, codes):
    assert time_zero_codes(words) == codes


@pytest.mark.parametrize(("plan", "said"), [
    ({"benchmark": {"judge": ["gk2017-os-rh"]}}, 'judge: there is no published figure "gk2017-os-rh". Did you mean "gk2017-os-hr"'),
    ({"cohort": {"name": "M", "id": "id", "setting": "setting", "overlap": ["chakedis2081"]}}, 'Did you mean "chakedis2018"'),
    ({"benchmark": {"margin": {"allen2005-compl": 0.1}}}, "ten percentage points are written 10"),
    ({"benchmark": {"margin": {"gk2017-os-hr": 0.8}}}, "a factor above 1"),
    ({"benchmark": {"margin": {"overall_survivla": 5}}}, 'Did you mean "overall_survival"'),
    ({"benchmark": {"margin": {"overall_survival": -5}}}, "must be above 0"),
])  # fmt: skip
def test_a_plan_that_means_nothing_is_refused(plan, said):
    with pytest.raises(PlanError) as error:
        compare(centre(plan=plan))
    assert said in str(error.value)


def test_margins_are_in_the_figures_unit():
    wide = {"benchmark": {"judge": ["theirs"], "margin": {"overall_survival": 40}}}
    cohort = centre(200, rate=0.0124, plan=wide)
    one = judged(cohort=cohort, n=200)
    assert (one.verdict, "40 percentage points" in one.reason) == ("on a par", True)
    tight = centre(
        200,
        rate=0.0124,
        plan={"benchmark": {"judge": ["theirs"], "margin": {"overall_survival": 40, "theirs": 2}}},
    )
    assert judged(cohort=tight, n=200).verdict == "within expected variation"
