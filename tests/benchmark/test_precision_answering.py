"""How many more patients: against R on the demonstration file, copies of the patients, resampled centres, and by hand."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.benchmark.centre import (
    at_horizon,
    days_median,
    hazard_ratio,
    incidence_median,
    proportion,
    survival_median,
)
from haip_outcomes.benchmark.comparison import compare
from haip_outcomes.benchmark.literature import make_figures, published
from haip_outcomes.benchmark.precision.accruing import accrual, patients_of
from haip_outcomes.benchmark.precision.answering import (
    EXCLUDED,
    INSIDE,
    LIKELY,
    needed_sentence,
    patients_needed,
)
from haip_outcomes.benchmark.precision.growing import copies, grown, level_of, shown_with_power
from haip_outcomes.benchmark.precision.resampled import drawn_again, simulated_chance
from haip_outcomes.benchmark.uncertainty import Side, published_side, wilson
from haip_outcomes.benchmark.verdicts import judge
from haip_outcomes.errors import EndpointError
from haip_outcomes.programme.safety_and_delivery import Count
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.registry.read import demo_cohort
from haip_outcomes.survival.time_to_event import TimeToEvent

R = json.loads((Path(__file__).parents[1] / "reference" / "precision.json").read_text(encoding="utf-8"))
BASE = {
    "id": "theirs", "source": "theirs", "setting": "adjuvant", "modality": "HAIP alone", "endpoint": "overall_survival",
    "statistic": "landmark_probability", "horizon": 24, "value": 64, "unit": "%", "time_zero": "pump placement", "time_zero_text": "pump placement",
    "event": "as named", "competing": "not applicable", "better": "higher", "read": "primary", "where": "abstract",
}  # fmt: skip
MEDIAN = {"statistic": "median", "horizon": None, "unit": "months", "ci_level": 0.95, "ci_form": "curve-based"}


@pytest.fixture(scope="module")
def demo():
    cohort = demo_cohort()
    return cohort, {one.figure.id: one for one in compare(cohort).compared}


def figures(*tables):
    rows = [{name: value for name, value in {**BASE, **table}.items() if value is not None} for table in tables]
    return make_figures({"sources": {"theirs": {"short": "Theirs 2020", "citation": "Theirs et al. 2020"}}, "figure": rows})


def centre(months, died, *, placed=None, margin=None, liver=None):
    """Adjuvant patients; the figure "theirs" is judged. With `placed` (months between patients) there are dates."""
    n = len(months)
    frame = pd.DataFrame({"setting": pd.Categorical(["adjuvant"] * n)}, index=range(2, n + 2))
    kind = {"start": "pump placement", "events": {"Death": {"time": "os_time", "flag": "died"}}}
    columns = {}
    if placed is None:
        frame["os_time"], frame["died"] = np.asarray(months, float), np.asarray(died, float)
        if liver is not None:
            frame["liver_time"], frame["liver_event"] = np.asarray(liver[0], float), np.asarray(liver[1], float)
    else:
        start = pd.Timestamp("2015-01-01") + pd.to_timedelta(np.round(np.arange(n) * placed * 30.4375), unit="D")
        end = start + pd.to_timedelta(np.round(np.asarray(months) * 30.4375), unit="D")
        frame["pump"], frame["contact"] = start, end
        frame["death"] = pd.Series(end, index=frame.index).where(np.asarray(died, bool))
        columns["pump"] = {"label": "Pump placement", "kind": "date"}
        kind = {"start": "pump", "last_seen": "contact", "events": {"Death": "death"}}
    endpoints = {"os": {"label": "Overall survival", **kind}}
    if liver is not None:
        endpoints["liver"] = {"label": "Liver recurrence", "start": "pump placement", "events": {
            "Liver": {"time": "liver_time", "flag": "liver_event"}, "Death": {"time": "os_time", "flag": "died"}}}  # fmt: skip
    plan = make_plan({"cohort": {"name": "Made up", "id": "id", "setting": "setting"}, "columns": columns, "endpoints": endpoints,
                      "benchmark": {"judge": ["theirs"]}})  # fmt: skip
    if margin is not None:
        plan = plan.model_copy(update={"benchmark": plan.benchmark.model_copy(update={"margin": {"theirs": margin}})})
    return Cohort(plan, frame, Source("made up", "", n))


def one(cohort, **changes):
    return compare(cohort, figures(changes)).compared[0]


FORTY = [4, 9, 12, 15, 18, 20, 21, 22, 24.5, 25, 26, 27, 28, 30, 31, 33, 35, 36, 38, 40] * 2
DEAD = [1, 1, 0, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0] * 2


# --- the demonstration centre, against R --------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "key"), [("kemeny2003adj-os2", "kemeny2003"), ("dangelica2015-os", "dangelica2015"), ("allen2005-compl", "allen2005")])
def test_the_demonstration_centre_needs_what_r_finds(demo, name, key):
    cohort, compared = demo
    needed = patients_needed(cohort, compared[name])
    row = needed.tidy().set_index("term").loc[EXCLUDED]
    assert row["n_needed"] == R["demo"][key]
    assert needed.n_more == R["demo"][key] - row["n"]


def test_the_named_figures_of_the_demonstration_plan_each_get_their_sentence(demo):
    cohort, compared = demo
    said = {name: needed_sentence(cohort, compared[name]) for name in cohort.plan.benchmark.judge}
    few = said["kemeny2003adj-os2"]
    assert few.startswith('At least 5 expected events, without which only "worse" can be said, need about 22 more patients (48 in all, with 10 events), 5.0 years at the present accrual.')
    assert "about 391 more patients (417 in all, with 81 events), 64.3 years at the present accrual" in few
    assert few.endswith("The present accrual is 26 patients in 48 months; the time includes 18 months of follow-up after the last of them, as now.")
    assert said["allen2005-compl"].endswith("The present accrual is 34 patients in 50 months.")
    assert "an 80% chance of that needs about 2714 more patients (2740 in all, with 527 events), more than a century" in few
    assert "about 39 more patients (73 in all, with 46 events), 6.4 years at the present accrual" in said["dangelica2015-os"]
    assert said["gk2017-os-med-haip"] == "No number of patients here can settle this: the source prints no interval, and nothing that one follows from."
    assert said["kemeny2009adj-os4"] == said["pak2018-conv"] == ""  # worse than expected: nothing more is needed


def test_accrual_is_from_the_first_to_the_last_pump(demo):
    cohort, compared = demo
    found = accrual(patients_of(cohort, "adjuvant"), compared["kemeny2003adj-os2"].figure)
    theirs = R["demo"]["accrual"]["adjuvant"]
    assert (found.n, found.since) == (theirs["n"], "Pump placement")
    assert found.months == pytest.approx(theirs["days"] / 30.4375, rel=1e-12)
    assert found.per_month == pytest.approx((theirs["n"] - 1) / (theirs["days"] / 30.4375), rel=1e-12)
    row = patients_needed(cohort, compared["kemeny2003adj-os2"]).tidy().iloc[1]
    assert row["months"] == pytest.approx(391 / found.per_month + found.follow_up, rel=1e-12)
    share = patients_needed(cohort, compared["allen2005-compl"]).tidy().iloc[1]  # nobody has to be followed for it
    assert share["months"] == pytest.approx(share["n_more"] / share["per_month"], rel=1e-12)


def test_the_published_sides_own_uncertainty_can_forbid_it(demo):
    cohort, compared = demo
    needed = patients_needed(cohort, compared["duke-compl"])
    assert needed.n_more is None
    assert "no number of patients here would show a difference" in str(needed).casefold()
    assert "only known to lie between 16% and 32%, which holds this centre's 26% (13, 44)" in str(needed)
    assert needed.tidy()["n_needed"].isna().tolist() == [False, True, True]


def test_every_figure_of_the_literature_is_answered_or_refused_in_a_sentence(demo):
    cohort, compared = demo
    for figure in compared.values():
        if figure.answers is None or figure.verdict == "same patients":
            with pytest.raises(EndpointError, match="No number of patients changes that"):
                patients_needed(cohort, figure)
        else:
            text = str(patients_needed(cohort, figure))
            assert text[0].isupper()
            assert text.endswith(".")
            assert "nan" not in text
            assert ".." not in text


# --- copies of the patients ---------------------------------------------------------------------------------------


def test_grown_limits_are_those_of_copies_of_the_patients(demo):
    cohort, _ = demo
    os, liver = (cohort.setting("unresectable").endpoint(name) for name in ("os", "liver"))
    frame = cohort.setting("unresectable").frame
    for k in (2, 5, 17):
        more, others = copies(os, k), copies(liver, k)
        pairs = [
            (at_horizon(os, None, 36, "", 9.0, events=False), at_horizon(more, None, 36, "", 9.0 * k, events=False)),
            (survival_median(os, "", 9.0, "ratio"), survival_median(more, "", 9.0 * k, "ratio")),
            (survival_median(os, "", 9.0, "difference"), survival_median(more, "", 9.0 * k, "difference")),
            (proportion(Count(9, 34), 0.22), proportion(Count(9 * k, 34 * k), 0.22)),
            (at_horizon(liver, "Liver", 24, "", 9.0, events=True), at_horizon(others, "Liver", 24, "", 9.0 * k, events=True)),
            (incidence_median(liver, "Liver", "", 9.0, "ratio"), incidence_median(others, "Liver", "", 9.0 * k, "ratio")),
        ]
        for ours, copied in pairs:
            bigger = grown(ours, k)
            assert bigger.side.limits(0.95) == pytest.approx(copied.side.limits(0.95), rel=1e-9, nan_ok=True)
            assert (bigger.n, bigger.n_event, bigger.tally.seen) == (copied.n, copied.n_event, copied.tally.seen)
            assert bigger.tally.expected == pytest.approx(copied.tally.expected, rel=1e-12)
            if ours.times is not None and ours.cause is None:
                assert bigger.free_at(38).limits(0.998) == pytest.approx(copied.free_at(38).limits(0.998), rel=1e-9)
        # copies are ties, which Efron's likelihood treats as such: a hazard ratio's limits agree nearly
        stacked = pd.concat([frame] * k, ignore_index=True)
        ours, copied = (hazard_ratio(*pair, "sarcopenia", ("sarcopenia",), "") for pair in ((os, frame), (more, stacked)))
        assert grown(ours, k).side.limits(0.95) == pytest.approx(copied.side.limits(0.95), rel=0.06)


def test_the_edge_grows_as_the_exact_limit_does():
    everybody = TimeToEvent.from_frame(pd.DataFrame({"t": [30.0] * 12, "s": [0] * 12}), time="t", state="s", states=["Death"])
    ours = at_horizon(everybody, None, 24, "", 1.0, events=False)
    assert grown(ours, 3).side.limits(0.95) == pytest.approx((0.025 ** (1 / 36), 1.0), rel=1e-12)
    nobody = at_horizon(everybody, None, 24, "", 1.0, events=True)
    assert grown(nobody, 3).side.limits(0.95) == pytest.approx((0.0, 1 - 0.025 ** (1 / 36)), rel=1e-12)
    none = proportion(Count(0, 20), 0.1)
    assert grown(none, 4).side.limits(0.95) == pytest.approx(wilson(0.0, 80, 0.95), abs=1e-15)
    assert grown(none, math.inf).side.limits(0.95) == (0.0, 0.0)
    days = days_median(np.arange(1.0, 30.0))
    low, high = grown(days, 9).side.limits(0.95)
    assert days.side.limits(0.95)[0] < low <= 15 <= high < days.side.limits(0.95)[1]
    assert level_of(1.959963984540054) == pytest.approx(0.95)


def test_one_patient_fewer_is_judged_as_now_and_one_more_as_then(demo):
    cohort, compared = demo
    for name in ("kemeny2003adj-os2", "dangelica2015-os", "allen2005-compl"):
        figure = compared[name]
        needed = patients_needed(cohort, figure).tidy().set_index("term").loc[EXCLUDED]
        ours, theirs = figure.answers.numbers[0], published_side(figure.figure)
        words = [judge(grown(ours, n / ours.n), theirs, figure.figure.n, figure.figure.better).verdict for n in range(ours.n, needed["n_needed"] + 1)]
        assert words[-1] == needed["verdict"] == "worse than expected"
        assert not set(words[:-1]) & {"worse than expected", "better than expected", "clearly worse than expected"}


# --- resampled centres ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kemeny2003adj-os2", "dangelica2015-os", "allen2005-compl"])
def test_resampled_centres_show_it_half_the_time_and_four_times_of_five(demo, name):
    cohort, compared = demo
    tidy = patients_needed(cohort, compared[name]).tidy().set_index("term")
    for term, chance in ((EXCLUDED, 0.5), (LIKELY, 0.8)):
        found = simulated_chance(compared[name], int(tidy.loc[term, "n_needed"]), rng=20261122, replicates=2_000)
        row = found.set_index("term").loc["worse than expected"]
        assert row["estimate"] == pytest.approx(chance, abs=4 * row["std_error"])


def test_the_chance_of_80_per_cent_is_exactly_that_of_the_binomial(demo):
    cohort, compared = demo
    tidy = patients_needed(cohort, compared["allen2005-compl"]).tidy().set_index("term")
    assert tidy.loc[LIKELY, "n_needed"] == 4686
    assert R["demo"]["allen2005_chance_4686"] == pytest.approx(0.8, abs=0.01)
    assert R["demo"]["allen2005_chance_1175"] == pytest.approx(0.5, abs=0.02)
    found = simulated_chance(compared["allen2005-compl"], 1175, rng=1, replicates=2_000).set_index("term")
    row = found.loc["worse than expected"]
    assert abs(row["estimate"] - R["demo"]["allen2005_chance_1175"]) < 4 * row["std_error"]
    assert found["estimate"].sum() == pytest.approx(1)


def test_power_of_a_known_value_is_the_textbook_formula():
    """Against a known value with a normal estimate, 80% power is (z + z_power) standard errors away."""
    far = 1.959963984540054 + 0.8416212335729143

    def centre_side(error):
        from statistics import NormalDist

        return Side(1.0, lambda level: tuple(1.0 + s * NormalDist().inv_cdf(0.5 + level / 2) * error for s in (-1, 1)))

    known = Side(0.0, lambda level: (0.0, 0.0))
    assert shown_with_power(centre_side(1 / far * 0.999), known, "difference", 0.8)
    assert not shown_with_power(centre_side(1 / far * 1.001), known, "difference", 0.8)
    assert shown_with_power(centre_side(0.5), known, "difference", 0.5)
    assert not shown_with_power(centre_side(0.52), known, "difference", 0.5)
    assert not shown_with_power(Side(math.nan, lambda level: (0, 1)), known, "difference", 0.8)
    above = Side(2.0, lambda level: (2.0, 2.0))
    assert shown_with_power(centre_side(1 / far * 0.999), above, "difference", 0.8)


# --- conventions, margins, dates -----------------------------------------------------------------------------------


def test_without_dates_nothing_says_when():
    cohort = centre(FORTY, DEAD)
    found = one(cohort, value=82, n=300)
    needed = patients_needed(cohort, found)
    assert needed.rate is None
    assert "There are no dates to take an accrual from, so nothing says when." in str(needed)
    assert "accrual of" not in str(needed)
    assert "years" not in str(needed)
    assert needed.tidy()["months"].fillna(0).tolist() == [0.0] * len(needed.tidy())
    assert "no dates" in needed.method


def test_with_dates_the_years_are_those_of_the_accrual():
    cohort = centre(FORTY, DEAD, placed=1.0)
    found = one(cohort, value=82, n=300)
    needed = patients_needed(cohort, found)
    assert needed.rate.n == 40
    assert needed.rate.months == pytest.approx(39, abs=0.1)
    row = needed.tidy().set_index("term").loc[EXCLUDED]
    assert row["months"] == pytest.approx(row["n_more"] + needed.rate.follow_up, abs=1)
    assert needed.rate.follow_up == pytest.approx(40, abs=0.1)  # the last patient is the one followed longest


def test_a_margin_gets_its_own_answer():
    cohort = centre(FORTY, DEAD, margin=15)
    found = one(cohort, value=66, n=600)
    needed = patients_needed(cohort, found)
    row = needed.tidy().set_index("term").loc[INSIDE]
    theirs, ours = published_side(found.figure), found.answers.numbers[0]
    at, before = (judge(grown(ours, n / ours.n), theirs, 600, "higher", 0.15).verdict for n in (row["n_needed"], row["n_needed"] - 1))
    assert (at, before) == ("on a par", "within expected variation")
    assert f"It would lie inside the plan's margin of 15 percentage points with about {row['n_more']} more patients" in str(needed)
    none = patients_needed(centre(FORTY, DEAD, margin=5), found)
    assert none.tidy().set_index("term").loc[INSIDE].isna()["n_needed"]
    assert "With no number of patients here would it lie inside the plan's margin of 5 percentage points" in str(none)


def test_conventions_wait_for_the_slowest_and_never_when_they_point_apart():
    rng = np.random.default_rng(7)
    death = rng.exponential(40, 60)
    liver = rng.exponential(30, 60)
    end = rng.uniform(20, 60, 60)
    times = (np.minimum(np.minimum(death, liver), end), (liver <= np.minimum(death, end)).astype(float))
    cohort = centre(np.minimum(death, end), (death <= end).astype(float), liver=times)
    asked = {"endpoint": "time_to_liver_progression", "event": "any liver recurrence", "event_text": "liver", "competing": "not stated", "n": 5000}
    apart = one(cohort, **asked, value=55)
    needed = patients_needed(cohort, apart)
    words = set(needed.tidy().query("term == @EXCLUDED and level != ''")["verdict"])
    assert words == {"better than expected", "worse than expected"}
    assert needed.n_more is None
    assert "what the source does not state decides" in str(needed)
    together = patients_needed(cohort, one(cohort, **asked, value=75)).tidy().query("term == @EXCLUDED")
    assert together["n_needed"].iloc[-1] == together["n_needed"].iloc[:-1].max()


def test_longer_follow_up_is_asked_for_where_nobody_is_left_at_the_published_median():
    cohort = centre(np.linspace(3, 30, 40), [1] + [0] * 39)
    found = one(cohort, **MEDIAN, value=67, ci_low=50, ci_high=90, n=100)
    assert "longer follow-up, not more patients, would answer it" in str(patients_needed(cohort, found))
    three = centre([*np.linspace(3, 30, 37), 40, 41, 42], [1] + [0] * 39)
    needed = patients_needed(three, one(three, **MEDIAN, value=35, ci_low=30, ci_high=40, n=100))
    assert needed.n_more is not None  # three at risk now are five with more patients like these
    assert needed.n_more > 0


def test_what_is_expected_never_is_said_once():
    found = one(centre(FORTY, DEAD), value=100, n=50)
    text = str(patients_needed(centre(FORTY, DEAD), found))
    assert text.count("none are expected") <= 1


# --- refusals -------------------------------------------------------------------------------------------------------


def test_what_can_not_be_planned_is_refused(demo):
    cohort, compared = demo
    with pytest.raises(EndpointError, match="takes a Cohort"):
        patients_needed(cohort.frame, compared["allen2005-compl"])
    with pytest.raises(EndpointError, match="takes one figure of a comparison"):
        patients_needed(cohort, compare(cohort, published(source="allen2005")))
    same = next(one for one in compared.values() if one.verdict == "same patients")
    with pytest.raises(EndpointError, match="same patients"):
        patients_needed(cohort, same)
    assert needed_sentence(cohort, same) == ""
    never = next(one for one in compared.values() if one.answers is None)
    with pytest.raises(EndpointError, match="No number of patients changes that"):
        patients_needed(cohort, never)
    assert needed_sentence(cohort, never) == ""
    with pytest.raises(EndpointError, match="no adjuvant patients: give the cohort that was compared"):
        patients_of(replace(cohort, frame=cohort.frame.assign(setting="comparator")), "adjuvant")


def test_the_accrual_is_never_that_of_other_patients(demo):
    cohort, compared = demo
    adjuvant = next(one for one in compared.values() if one.answers is not None and one.answers.group == "adjuvant" and one.verdict != "same patients")
    unresectable = cohort.setting("unresectable")
    with pytest.raises(EndpointError, match="The cohort has no adjuvant patients: give the cohort that was compared"):
        patients_needed(unresectable, adjuvant)
    both = next(one for one in compared.values() if one.answers is not None and one.answers.group == "adjuvant and unresectable" and one.verdict != "same patients")
    with pytest.raises(EndpointError, match="The cohort has no adjuvant patients"):
        patients_needed(unresectable, both)
    whole, part = patients_needed(cohort, adjuvant), patients_needed(cohort.setting("adjuvant"), adjuvant)
    assert whole.tidy().equals(part.tidy())
    assert whole.rate.n <= len(cohort.setting("adjuvant"))


def test_another_cohort_than_the_one_compared_is_refused(demo):
    cohort, compared = demo
    figure = next(one for one in compared.values() if one.answers is not None and one.answers.group == "adjuvant" and one.verdict != "same patients")
    adjuvant = cohort.frame.index[cohort.frame["setting"].astype(str) == "adjuvant"]
    fewer = replace(cohort, frame=cohort.frame.drop(index=adjuvant[:5]))
    for ask in (patients_needed, needed_sentence):
        named = replace(figure, named=True, verdict="within expected variation")
        with pytest.raises(EndpointError, match=r"which had \d+ patients and \d+ events?.*: give the cohort that was compared"):
            ask(fewer, named)
    found = one(centre(FORTY, DEAD), **MEDIAN, value=35, ci_low=30, ci_high=40, n=100)
    swapped = [1 - flag for flag in DEAD]
    with pytest.raises(EndpointError, match="give the cohort that was compared"):
        patients_needed(centre(FORTY, swapped), found)
    with pytest.raises(EndpointError, match="give the cohort that was compared"):
        patients_needed(centre([2 * time for time in FORTY], DEAD), found)


def test_what_can_not_be_resampled_is_refused(demo):
    _, compared = demo
    with pytest.raises(EndpointError, match="at least 2 patients"):
        simulated_chance(compared["allen2005-compl"], 1, rng=1)
    with pytest.raises(EndpointError, match="can be drawn again"):
        simulated_chance(compared["buisman2019-time-first"], 30, rng=1)
    with pytest.raises(EndpointError, match="has no number of this centre's"):
        simulated_chance(next(one for one in compared.values() if one.answers is None), 30, rng=1)


def test_copies_and_draws_keep_entries_and_ids():
    frame = pd.DataFrame({"t": [5.0, 9.0, 12.0], "s": [1, 0, 1], "e": [0.0, 1.0, 2.0]})
    tte = TimeToEvent.from_frame(frame, time="t", state="s", states=["Death"], entry="e")
    assert copies(tte, 1) is tte
    twice = copies(tte, 2)
    assert twice.n == 6
    assert twice.entry.tolist() == [0.0, 1.0, 2.0] * 2
    drawn = drawn_again(tte, 50, np.random.default_rng(1))
    assert set(zip(drawn.time, drawn.state, drawn.entry, strict=True)) <= set(zip(tte.time, tte.state, tte.entry, strict=True))


def test_results_show_themselves(demo):
    cohort, compared = demo
    needed = patients_needed(cohort, compared["allen2005-compl"])
    assert "<table" in needed._repr_html_()
    assert list(needed.tidy().columns[:7]) == ["outcome", "group", "term", "level", "time", "estimate", "n"]
    assert "DEMO-" not in needed.tidy().to_string() + needed.method + str(needed)
