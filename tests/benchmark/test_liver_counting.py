"""Time to liver progression under every way of counting: by hand, against R, and no published figure lost."""

import math

import numpy as np
import pandas as pd
import pytest
from small_centre import SMALL_PLAN

import haip_outcomes as haip
from haip_outcomes.benchmark.estimands import LIVER
from haip_outcomes.benchmark.liver_counting import liver_of, liver_progression
from haip_outcomes.errors import EndpointError
from haip_outcomes.registry.plan import make_plan

HEADER = "key,setting,liver_time,liver_flag,other_time,other_flag,death_time,death_flag"
# six patients: liver 2, liver 6, death 4 (no progression), extrahepatic 3 then liver 8, censored 10, censored 10
ROWS = ["a,adjuvant,2,1,2,0,12,0", "b,adjuvant,6,1,6,0,12,0", "c,adjuvant,4,0,4,0,4,1", "d,adjuvant,8,1,3,1,12,0", "e,adjuvant,10,0,10,0,10,0",
        "f,adjuvant,10,0,10,0,10,0"]  # fmt: skip


@pytest.fixture
def six(write):
    death = {"time": "death_time", "flag": "death_flag"}
    liver, other = {"time": "liver_time", "flag": "liver_flag"}, {"time": "other_time", "flag": "other_flag"}
    plan = SMALL_PLAN | {
        "columns": {},
        "endpoints": {
            "os": {"label": "Overall survival", "start": "pump placement", "events": {"Death": death}},
            "liver": {"label": "Liver progression", "start": "pump placement", "events": {"Liver": liver, "Death": death}},
            "first_site": {"label": "First site", "start": "pump placement", "events": {"Liver": liver, "Extrahepatic": other, "Death": death}},
        },
        "analysis": {"times": [5, 9]},
    }
    return haip.read_cohort(write([HEADER, *ROWS]), make_plan(plan))


def ways(found):
    return {way[0].words: way for way in found.counting}


def test_six_patients_by_hand(six):
    found = liver_progression(six)
    by = ways(found)
    at_five = {name: way[1].number.side.estimate for name, way in by.items()}
    at_nine = {name: way[2].number.side.estimate for name, way in by.items()}
    # any liver event: 6 at risk, event at 2; death at 4; events at 6 (4 at risk) and 8 (3 at risk)
    assert at_five["deaths censored"] == pytest.approx(1 / 6, rel=1e-12)
    assert at_nine["deaths censored"] == pytest.approx(1 - 5 / 6 * 3 / 4 * 2 / 3, rel=1e-12)
    assert at_five["deaths as events"] == pytest.approx(2 / 6, rel=1e-12)
    assert at_nine["deaths as events"] == pytest.approx(4 / 6, rel=1e-12)
    assert at_five["deaths as a competing risk"] == pytest.approx(1 / 6, rel=1e-12)
    assert at_nine["deaths as a competing risk"] == pytest.approx(3 / 6, rel=1e-12)
    # liver as the first site: extrahepatic at 3 and death at 4 end follow-up
    assert at_nine["deaths and extrahepatic progression censored"] == pytest.approx(1 - 5 / 6 * 2 / 3, rel=1e-12)
    assert at_nine["deaths and extrahepatic progression as competing risks"] == pytest.approx(2 / 6, rel=1e-12)
    assert by["deaths as events"][0].number.side.estimate == 7.0  # S = 1/2 from 6 to 8: R's midpoint
    assert by["deaths censored"][0].number.side.estimate == 8.0
    assert {name: way[0].number.n_event for name, way in by.items()} == {
        "deaths censored": 3, "deaths as events": 4, "deaths as a competing risk": 3, "deaths and extrahepatic progression censored": 2,
        "deaths and extrahepatic progression as competing risks": 2,
    }  # fmt: skip
    low, high = found.spread(9.0)
    assert (low, high) == pytest.approx((1 / 3, 4 / 6), rel=1e-12)


def test_the_numbers_are_those_of_the_public_functions():
    part = haip.demo_cohort().setting("unresectable")
    by = ways(liver_progression(part))
    tte = part.endpoint("liver")
    censored = haip.survival_curve(tte.only("Liver"))
    assert by["deaths censored"][0].number.side.estimate == censored.median()["estimate"].iloc[0]
    assert by["deaths censored"][0].number.shown[1] == censored.median()["conf_high"].iloc[0]
    incidence = haip.cumulative_incidence(tte, variance="infinitesimal-jackknife").at([12])
    row = incidence[incidence["outcome"] == "Liver"].iloc[0]
    shown = by["deaths as a competing risk"][1].number
    assert (shown.side.estimate, *shown.shown) == pytest.approx((row["estimate"], row["conf_low"], row["conf_high"]), rel=1e-12)


def test_the_four_numbers_of_the_public_cohort(workbook):
    """R 4.2.2 (survival, cmprsk) at 60 months, as tests/test_tcia.py has them."""
    cohort = haip.read_cohort(workbook, "cohorts/tcia_crlm/plan.toml")
    at = {name: way[-1].number.side.estimate for name, way in ways(liver_progression(cohort)).items()}
    assert {name: round(value, 3) for name, value in at.items() if name != "deaths as events"} == {
        "deaths censored": 0.414, "deaths as a competing risk": 0.396, "deaths and extrahepatic progression censored": 0.376,
        "deaths and extrahepatic progression as competing risks": 0.302,
    }  # fmt: skip
    whole = cohort.endpoint("liver").any_event("Liver or death")
    assert at["deaths as events"] == pytest.approx(1 - haip.survival_curve(whole).at([60])["estimate"].iloc[0], rel=1e-12)


@pytest.mark.parametrize("setting", ["adjuvant", "unresectable"])
def test_every_published_figure_of_the_setting_is_there_once(setting):
    found = liver_progression(haip.demo_cohort(), setting)
    there = [one.figure.id for panel in found.panels for one in panel.published] + [one.figure.id for one in found.elsewhere]
    assert sorted(there) == sorted(figure.id for figure in haip.published(setting=setting, endpoint=LIVER))
    tidy = found.tidy()
    assert set(tidy.columns) >= {"term", "time", "estimate", "conf_low", "conf_high", "n", "source", "kind", "unit", "verdict", "reason"}
    assert tidy["source"].isin(["this centre", *(one.short for panel in found.panels for one in panel.published), *(one.short for one in found.elsewhere)]).all()


def test_a_horizon_beyond_follow_up_is_a_reason_and_not_a_number():
    found = liver_progression(haip.demo_cohort(), "adjuvant")
    late = next(panel for panel in found.panels if panel.horizon == 60)
    assert all(one.number is None and "at least 5 are needed" in one.reason for one in late.ours)
    free = next(panel for panel in found.panels if panel.statistic == "landmark_probability")
    by = {one.words: one.number.side.estimate for one in free.ours}
    tte = haip.demo_cohort().setting("adjuvant").endpoint("liver")
    assert by["deaths censored"] == pytest.approx(haip.survival_curve(tte.only("Liver")).at([24])["estimate"].iloc[0], rel=1e-12)


def test_own_figures_stand_beside_and_a_symmetric_interval_is_met_by_one():
    figures = haip.published(endpoint=LIVER)
    found = liver_progression(haip.demo_cohort(), "unresectable", figures=figures)
    words = [one.words for one in found.panels[0].ours]
    assert any("1.96 standard errors" in word for word in words)  # Chakedis prints a symmetric interval
    bare = haip.published(source="duke2024", endpoint=LIVER) if "duke2024" in {figure.source for figure in figures} else None
    assert bare is None or not any("1.96" in one.words for one in liver_progression(haip.demo_cohort(), "unresectable", figures=bare).panels[0].ours)


def test_what_is_asked_wrongly_is_said():
    cohort = haip.demo_cohort()
    with pytest.raises(EndpointError, match="Name one setting"):
        liver_progression(cohort)
    with pytest.raises(EndpointError, match="no comparator patients"):
        liver_progression(cohort, "comparator")
    plan = cohort.plan.model_copy(update={"endpoints": {"os": cohort.plan.endpoints["os"]}})
    part = cohort.setting("adjuvant")
    object.__setattr__(part, "plan", plan)
    with pytest.raises(EndpointError, match=r"endpoints\.liver"):
        liver_of(part, "adjuvant", haip.compare(cohort, haip.published(setting="adjuvant", endpoint="overall_survival")))


def test_a_plan_without_deaths_says_what_it_cannot_count(write):
    liver = {"time": "liver_time", "flag": "liver_flag"}
    plan = SMALL_PLAN | {"columns": {}, "analysis": {"times": [5]},
                         "endpoints": {"liver": {"label": "Liver progression", "start": "pump placement", "events": {"Liver": liver}}}}  # fmt: skip
    found = liver_progression(haip.read_cohort(write([HEADER, *ROWS]), make_plan(plan)))
    assert [way[0].words for way in found.counting] == ["deaths censored"]
    assert len(found.unanswered) == 2
    assert found.spread(None) is None


def test_it_shows_itself():
    found = liver_progression(haip.demo_cohort(), "unresectable")
    assert repr(found).startswith("Time to liver progression, unresectable: 34 patients")
    assert "deaths censored" in found._repr_html_()
    assert not math.isnan(found.tidy()["estimate"].iloc[0])
    assert pd.isna(found.tidy()["time"].iloc[0])
    assert np.isfinite(found.tidy().loc[found.tidy()["kind"] == "median", "estimate"]).all()
