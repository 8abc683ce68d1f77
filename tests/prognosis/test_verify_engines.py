"""Each engine on its own, against numbers that neither it nor we computed, and against ours on data with ties, strata and late entry."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from verified_rows import NEEDS_R, rows, told

import haip_outcomes as haip
from haip_outcomes.prognosis.verification.comparing import apart
from haip_outcomes.prognosis.verification.engine_table import (
    ENGINES,
    NONE,
    TABLE,
    TOLERANCE,
    engine_table,
)
from haip_outcomes.prognosis.verification.plain_python import _VERBS, exact_limits
from haip_outcomes.prognosis.verification.recipes import read_recipe, recipe
from haip_outcomes.prognosis.verification.verifying import verify
from haip_outcomes.prognosis.verification.with_lifelines import reached


@pytest.fixture(scope="module")
def cohort():
    return haip.demo_cohort()


def test_a_recipe_is_read_as_it_was_written():
    for options in ({"of": "os", "terms": ["age", "a b", "x+y", "50%"], "by": "weird 'name'"}, {"reference": "No = none", "any": True}):
        text = recipe("cox", **options)
        back = read_recipe(text)
        assert back.verb == "cox"
        assert read_recipe(back.text) == back
        assert back.names("terms") == tuple(options.get("terms", ()))
        assert back.get("by") == options.get("by", "")
        assert back.get("reference") == options.get("reference", "")
    with pytest.raises(haip.PlanError, match="is no recipe"):
        read_recipe("cox os")


def test_exact_limits_are_those_of_clopper_and_pearson():
    """binom.test(k, n)$conf.int of R 4.2.2."""
    for k, n, low, high in ((9, 26, 0.172144138006, 0.556671926042), (0, 10, 0.0, 0.308497107819), (10, 10, 0.691502892181, 1.0),
                            (1, 60, 0.000421874452, 0.089399050057)):  # fmt: skip
        assert exact_limits(k, n) == pytest.approx((low, high), abs=1e-11)


def test_on_a_stretch_at_exactly_one_half_the_middle_counts():
    times = np.array([0.0, 2.0, 3.0, 5.0])
    assert reached(times, np.array([1.0, 0.5, 0.25, 0.0])) == 2.5
    assert reached(times, np.array([1.0, 0.75, 0.4, 0.0])) == 3.0
    assert math.isnan(reached(times, np.array([1.0, 0.9, 0.8, 0.7])))


def test_missing_and_infinite_numbers_agree_only_with_their_like():
    assert apart(math.nan, math.nan) == 0
    assert apart(math.inf, math.inf) == 0
    assert apart(1.0, math.nan) == math.inf
    assert apart(math.inf, 5.0) == math.inf
    assert apart(math.nan, 5.0) == math.inf
    assert apart(0.0001, 0.0002) == pytest.approx(0.1)  # relative to no less than 0.001


def test_every_verb_that_python_is_asked_for_is_there_and_every_engine_has_a_line():
    assert {one.verb for one in TABLE if one.engine == "Python"} == set(_VERBS)
    assert {one.engine for one in TABLE} == set(ENGINES)
    assert not {one.verb for one in TABLE} & set(NONE)
    assert all(one.tolerance == TOLERANCE or one.why for one in TABLE)
    assert len(engine_table()) == len(TABLE)


@NEEDS_R
def test_r_agrees_with_ours_under_ties_strata_and_several_causes(cohort):
    """Times in whole months (heavy ties): curves, log-rank by strata, incidence with both variances, Gray, Cox of one cause, Fine-Gray."""
    part = cohort.setting("unresectable")
    first, os = part.endpoint("first_site"), part.endpoint("os")
    terms = ["age", "sarcopenia"]
    design = haip.design(part.frame, terms, missing="complete-case")
    by = part["sarcopenia"]
    cause = first.states[0]
    specific = haip.cox(first, design, cause=cause)
    crr = haip.fine_gray(first, design, cause=cause)
    breslow = haip.cox(os, design, ties="breslow")
    frame = rows(
        (haip.cumulative_incidence(first, variance="infinitesimal-jackknife").at([6, 12, 24]), recipe("cumulative_incidence", of="first_site", variance="infinitesimal-jackknife")),
        (haip.cumulative_incidence(first, by).at([6, 12, 24]), recipe("cumulative_incidence", of="first_site", by="sarcopenia", variance="cmprsk")),
        (haip.gray(first, by, cause="all").tidy(), recipe("gray", of="first_site", by="sarcopenia")),
        (specific.tidy(exponentiate=True), recipe("cox", of="first_site", cause=cause, terms=terms, ties="efron")),
        (breslow.tidy(), recipe("cox", of="os", terms=terms, ties="breslow", scale="log")),
        (crr.term_tests().drop(columns="level"), recipe("fine_gray_wald", of="first_site", cause=cause, terms=terms)),
        (crr.tidy(exponentiate=True), recipe("fine_gray", of="first_site", cause=cause, terms=terms)),
        (haip.proportional_hazards(breslow).tidy(), recipe("cox_zph", of="os", terms=terms, ties="breslow")),
        (haip.proportional_hazards(haip.cox(os, design)).tidy(), recipe("cox_zph", of="os", terms=terms)),
        (pd.DataFrame([{"estimate": haip.cox(os, design).glance()["concordance"].iloc[0]}]), recipe("cox_concordance", of="os", terms=terms)),
        (haip.follow_up(os, by).median(), recipe("median", of="os", by="sarcopenia", reverse=True)),
        (haip.survival_curve(os, by).median(method="standard-error"), recipe("median", of="os", by="sarcopenia", method="standard-error")),
    )  # fmt: skip
    found = told(frame, cohort, "R")
    assert set(found["verdict"]) == {"agrees"}, found[found["verdict"] != "agrees"].to_string()
    assert found["row"].nunique() == len(frame)
    assert found["difference"].max() < 1e-7


@NEEDS_R
def test_r_maximises_firths_likelihood_itself(cohort):
    """No package of R computes Firth's penalty with Efron ties; R's own information, maximised there, does. Limits are profiles."""
    part = cohort.setting("unresectable")
    design = haip.design(part.frame, ["sarcopenia", "age"], missing="complete-case")
    fit = haip.cox(part.endpoint("os"), design, penalty="firth")
    frame = rows((fit.tidy(exponentiate=True).drop(columns="statistic", errors="ignore"), recipe("cox", of="os", terms=["sarcopenia", "age"], penalty="firth")))
    found = told(frame, cohort, "R")
    assert set(found["verdict"]) == {"agrees"}, found.to_string()
    assert {"estimate", "std_error", "conf_low", "conf_high", "p_value"} <= set(found["number"])


@NEEDS_R
def test_whole_factors_by_wald_and_by_likelihood_ratio(cohort):
    os = cohort.endpoint("os")
    full = haip.cox(os, haip.design(cohort.frame, ["age", "setting"]))
    wald = full.term_tests().drop(columns="level")
    less = [haip.cox(os, haip.design(cohort.frame, [other])).glance()["log_likelihood"].iloc[0] for other in ("setting", "age")]
    statistic = 2 * (full.glance()["log_likelihood"].iloc[0] - np.array(less))
    ratio = pd.DataFrame({"term": ["age", "setting"], "statistic": statistic, "df": 1, "p_value": chi2.sf(statistic, 1)})
    product = haip.cox(os, haip.design(cohort.frame, ["age", "setting", "age:setting"])).glance()["log_likelihood"].iloc[0]
    gap = 2 * (product - full.glance()["log_likelihood"].iloc[0])
    bent = pd.DataFrame([{"term": "age*setting", "statistic": gap, "df": 1, "p_value": chi2.sf(gap, 1)}])
    frame = rows((bent, recipe("likelihood_ratio", of="os", terms=["age", "setting", "age:setting"], term="age:setting")), setting="all")
    found = told(frame, cohort, "R")
    assert len(found) == 3
    assert set(found["verdict"]) == {"agrees"}, found.to_string()
    frame = rows((wald, recipe("wald", of="os", terms=["age", "setting"])), (ratio, recipe("likelihood_ratio", of="os", terms=["age", "setting"])), setting="all")
    found = told(frame, cohort, "R")
    assert len(found) == 12
    assert set(found["verdict"]) == {"agrees"}, found.to_string()


@pytest.mark.parametrize("engine", ["lifelines", "scikit-survival", "statsmodels"])
def test_the_libraries_agree_with_ours(cohort, engine):
    part = cohort.setting("adjuvant")
    os, first = part.endpoint("os"), part.endpoint("first_site")
    by = part["sarcopenia"]
    curve = haip.survival_curve(os, by)
    terms = ["sarcopenia", "age"]
    fit = haip.cox(os, haip.design(part.frame, terms, missing="complete-case"))
    frame = rows(
        (curve.at([12, 24, 36]), recipe("survival_curve", of="os", by="sarcopenia")),
        (haip.logrank(os, by).tidy(), recipe("logrank", of="os", by="sarcopenia")),
        (haip.cumulative_incidence(first).at([12, 24]), recipe("cumulative_incidence", of="first_site", variance="cmprsk")),
        (fit.tidy(), recipe("cox", of="os", terms=terms, scale="log")),
        setting="adjuvant",
    )  # fmt: skip
    found = told(frame, cohort, engine)
    assert len(found)
    assert set(found["verdict"]) == {"agrees"}, found.to_string()


def entering_late(cohort):
    """The same patients, under observation from their first cycle on."""
    os = cohort.plan.endpoints["os"].model_copy(update={"entry": "first_cycle_date"})
    first = cohort.plan.endpoints["first_site"].model_copy(update={"entry": "first_cycle_date"})
    plan = cohort.plan.model_copy(update={"endpoints": cohort.plan.endpoints | {"os": os, "first_site": first}})
    dates = cohort.frame
    there = dates["first_cycle_date"].notna() & (dates["first_cycle_date"] < dates["last_imaging_date"])
    for event in ("death_date", "liver_event_date", "extrahepatic_event_date"):
        there &= dates[event].isna() | (dates["first_cycle_date"] < dates[event])
    return replace(cohort, plan=plan).where(there, because="no first cycle")


@NEEDS_R
def test_late_entry_is_computed_again_by_r_counted_by_python_and_asked_of_nobody_else(cohort):
    late = entering_late(cohort)
    os, first, by = late.endpoint("os"), late.endpoint("first_site"), late["sarcopenia"]
    assert (os.entry > 0).all()
    curve = haip.survival_curve(os, by)
    frame = rows(
        (curve.at([6, 12, 24]), recipe("survival_curve", of="os", by="sarcopenia")),
        (curve.median(), recipe("median", of="os", by="sarcopenia")),
        (haip.cumulative_incidence(first, variance="infinitesimal-jackknife").at([6, 12, 24]), recipe("cumulative_incidence", of="first_site", variance="infinitesimal-jackknife")),
        (haip.cox(os, haip.design(late.frame, ["age", "sarcopenia"])).tidy(), recipe("cox", of="os", terms=["age", "sarcopenia"], scale="log")),
        (haip.at_risk_table(os, [0, 1.5, 6, 24]), recipe("at_risk", of="os")),
        setting="all",
    )  # fmt: skip
    for engine in ("R", "Python"):
        found = told(frame, late, engine)
        assert len(found)
        assert set(found["verdict"]) == {"agrees"}, found[found["verdict"] != "agrees"].to_string()
    for engine in ("lifelines", "scikit-survival", "statsmodels"):  # peers.md: wrong, or without late entry
        assert not len(told(frame, late, engine))


def test_what_an_engine_fails_at_is_said_in_its_row(cohort, monkeypatch):
    import haip_outcomes.prognosis.verification.verifying as room

    def broken(task):
        raise ValueError("no idea\nmore")

    monkeypatch.setitem(room._RUNS, "statsmodels", broken)
    found = verify(haip.build_report(cohort.setting("adjuvant")), cohort.setting("adjuvant"), engines=["statsmodels"])
    failed = found.frame[found.frame["verdict"].str.startswith("engine failed")]
    assert len(failed)
    assert set(failed["verdict"]) == {"engine failed: ValueError: no idea"}
    assert not found.passed


def test_the_tables_of_the_page_are_those_of_the_code():
    page = Path("docs/verify.md").read_text(encoding="utf-8")
    for one in TABLE:
        assert f"| {one.engine} | `{one.verb}` | {', '.join(one.numbers)} | {one.how} | {one.tolerance:g} | {one.why} |" in page
    for verb, why in NONE.items():
        assert f"| `{verb}` | {why} |" in page
    assert page.count("\n| ") == len(TABLE) + len(NONE) + 2 + 6  # two headers; the exit codes


@pytest.mark.parametrize("who", ["all die", "nobody dies", "the last dies", "one", "two"])
def test_at_the_edges_nothing_is_called_a_difference(cohort, who):
    """Survival of 0 and 1, before the first and after the last time, no event at all: packages fill in limits each in their own way."""
    os = cohort.endpoint("os")
    dead, times, index = os.state > 0, pd.Series(os.time, index=os.index), cohort.frame.index
    chosen = {"all die": os.index[dead][:7], "nobody dies": os.index[~dead][:6], "the last dies": [*os.index[dead][-4:], *times[~dead].sort_values().index[:3]],
              "one": index[:1], "two": index[:2]}[who]  # fmt: skip
    part = cohort.where(index.isin(chosen), because="a test")
    os, first, by, at = part.endpoint("os"), part.endpoint("first_site"), part["sarcopenia"], [0.01, 12, 36, 300]
    curve = haip.survival_curve(os)
    frames = [
        (curve.at(at), recipe("survival_curve", of="os")),
        (curve.median(), recipe("median", of="os")),
        (curve.median(method="standard-error"), recipe("median", of="os", method="standard-error")),
        (haip.follow_up(os).median(), recipe("median", of="os", reverse=True)),
        (haip.cumulative_incidence(first).at(at), recipe("cumulative_incidence", of="first_site", variance="cmprsk")),
        (haip.cumulative_incidence(first, variance="infinitesimal-jackknife").at(at), recipe("cumulative_incidence", of="first_site", variance="infinitesimal-jackknife")),
        (haip.restricted_mean(curve, horizon=12.0).tidy(), recipe("restricted_mean", of="os")),
    ]
    if by.nunique() > 1:
        frames += [(haip.logrank(os, by).tidy(), recipe("logrank", of="os", by="sarcopenia")), (haip.gray(first, by, cause="all").tidy(), recipe("gray", of="first_site", by="sarcopenia"))]
    frame = rows(*frames, setting="all")
    for engine in ["lifelines", "scikit-survival", "statsmodels", "Python", *(["R"] if shutil.which("Rscript") else [])]:
        found = told(frame, part, engine)
        assert len(found)
        assert not (found["verdict"] == "differs").any(), found[found["verdict"] == "differs"].to_string()
