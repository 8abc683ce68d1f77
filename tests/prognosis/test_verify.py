"""verify: a whole report against second engines; a fault put in is found, and what can't be verified is refused."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.prognosis.verification import with_r
from haip_outcomes.prognosis.verification.asked import tasks_of
from haip_outcomes.prognosis.verification.comparing import NOT_VERIFIED
from haip_outcomes.prognosis.verification.engine_table import NONE
from haip_outcomes.prognosis.verification.verifying import opened, verify

NEEDS_R = pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no Rscript")


@pytest.fixture(scope="module")
def cohort():
    return haip.demo_cohort()


@pytest.fixture(scope="module")
def report(cohort):
    return haip.build_report(cohort)


@pytest.fixture(scope="module")
def found(report, cohort):
    return verify(report, cohort)


@NEEDS_R
def test_the_demonstration_report_is_verified(found):
    """Every estimate of these chapters has a second engine, many of them two."""
    assert found.passed
    assert not len(found.differing)
    each = found.estimates()
    own = each[each["chapter"].isin(["included", "survival", "liver", "liver_literature", "literature", "delivery"])]
    left = own[own["verdict"] != "agrees"]
    assert len(own) > 450
    assert not len(left), left.to_string()
    assert own["engines"].str.contains(", ").mean() > 0.4
    assert set(found.engines) >= {"R", "lifelines", "scikit-survival", "statsmodels", "Python"}
    agreed = found.frame[found.frame["verdict"] == "agrees"]
    models = each[each["chapter"].isin(["factors", "prediction"]) & (each["verdict"] != "agrees")]
    assert set(models["verdict"]) <= {f"{NOT_VERIFIED}: {NONE['imputed']}", f"{NOT_VERIFIED}: {NONE['resampled']}",
                                      f"{NOT_VERIFIED}: no engine that is asked computes it with Firth's penalty"}, models.to_string()  # fmt: skip
    assert {"estimate", "std_error", "conf_low", "conf_high", "statistic", "df", "p_value", "n", "n_event", "n_risk", "n_censor"} == set(agreed["number"])
    assert agreed["difference"].max() < 1e-7


def test_every_number_of_results_csv_has_a_line(found, report):
    """Verified, failed, or without a second engine and with the reason: none is passed over."""
    done = report.results[report.results["status"] == "done"]
    for name in ("estimate", "std_error", "conf_low", "p_value", "n_risk"):
        shown = set(done.index[pd.to_numeric(done[name], errors="coerce").notna()] + 2)
        told = set(found.frame.loc[(found.frame["number"] == name) & found.frame["ours"].notna(), "row"])
        assert shown == told, name
    assert not found.frame["verdict"].isin(["", f"{NOT_VERIFIED}: "]).any()


def test_what_it_says_of_itself(found):
    words = " ".join(found.summary())
    assert re.match(r"\d+ of \d+ estimates of this report \(\d+%\) were computed again and agree", words)
    assert "No number is beyond its tolerance." in words
    assert "points along control charts" in words
    assert list(found.tidy().columns) == ["row", "chapter", "setting", "analysis", "quantity", "outcome", "group", "term", "level", "time", "number", "ours", "theirs",
                                          "difference", "tolerance", "engine", "verdict"]  # fmt: skip
    assert repr(found).startswith("Verification\n")
    assert "<table" in found._repr_html_()
    assert {"chapter", "quantity", "why", "which", "numbers"} == set(found.without_engine().columns)


@pytest.mark.parametrize(("quantity", "name"), [("median", "estimate"), ("survival probability", "std_error"), ("survival probability", "n_risk"), ("share", "estimate"),
                                                ("proportion", "conf_high"), ("cumulative incidence", "estimate"), ("log-rank test", "p_value"),
                                                ("difference centre to published", "estimate"), ("expected events", "estimate")])  # fmt: skip
def test_a_number_changed_by_one_in_ten_thousand_is_found(report, cohort, quantity, name):
    results = report.results.copy()
    own = results[(results["quantity"] == quantity) & pd.to_numeric(results[name], errors="coerce").notna() & results["recipe"].notna()]
    place = own.index[0]
    results.loc[place, name] = float(results.loc[place, name]) * (1 + 1e-4)
    wrong = verify(replace(report, results=results), cohort, engines=["lifelines", "statsmodels", "Python"])
    assert not wrong.passed
    assert set(wrong.differing["row"]) == {place + 2}
    assert set(wrong.differing["number"]) == {name}
    assert f"line {place + 2}" in " ".join(wrong.summary())
    assert wrong.differing["difference"].between(0.9e-4, 1.1e-4).all()


@NEEDS_R
def test_faults_that_only_r_can_find_are_found(report, cohort):
    results = report.results.copy()
    changed = {}
    for quantity, name in (("Gray's test", "statistic"), ("cumulative incidence", "std_error"), ("restricted mean", "conf_low"), ("median (standard-error)", "std_error"),
                           ("difference of restricted means", "p_value"), ("test of a straight line", "statistic"), ("test of the interaction", "p_value"),
                           ("log hazard ratio in a subgroup", "conf_high"), ("predicted survival", "std_error"), ("numbers under the axis", "estimate")):  # fmt: skip
        place = results.index[(results["quantity"] == quantity) & pd.to_numeric(results[name], errors="coerce").notna()][0]
        results.loc[place, name] = float(results.loc[place, name]) * (1 + 1e-4)
        changed[place + 2] = name
    wrong = verify(replace(report, results=results), cohort, engines=["R"])
    assert dict(zip(wrong.differing["row"], wrong.differing["number"], strict=True)) == changed


def test_a_missing_number_is_a_difference(report, cohort):
    results = report.results.copy()
    place = results.index[(results["quantity"] == "survival probability")][0]
    results.loc[place, "conf_low"] = None
    wrong = verify(replace(report, results=results), cohort, engines=["lifelines"])
    assert set(wrong.differing["row"]) == {place + 2}
    assert set(wrong.differing["number"]) == {"conf_low"}


def test_without_rscript_the_rest_verifies(report, cohort, monkeypatch):
    monkeypatch.setenv("PATH", "")
    found = verify(report, cohort)
    assert found.passed
    assert "R" not in found.engines
    assert any("no Rscript" in sentence for sentence in found.summary())
    left = found.without_engine()
    assert left["why"].str.contains("only R could").any()
    with pytest.raises(haip.EndpointError, match="no Rscript on the PATH"):
        verify(report, cohort, engines=["R"])


def test_an_unknown_engine_is_refused_with_the_nearest_name(report, cohort):
    with pytest.raises(haip.EndpointError, match=r'no engine "lifeline".*Did you mean "lifelines"'):
        verify(report, cohort, engines=["lifeline"])
    assert set(verify(report, cohort, engines="python").engines) == {"Python"}


def test_only_the_patients_of_the_report_are_taken(report, cohort):
    other = replace(cohort, source=replace(cohort.source, sha256="0" * 64))
    with pytest.raises(haip.PlanError, match=r"Another file: the report was made from demo.csv.*Give the file that was analysed"):
        verify(report, other)
    plan = cohort.plan.model_copy()
    plan._sha256 = "1" * 64
    planned = replace(cohort, plan=plan)
    with pytest.raises(haip.PlanError, match=r"Another plan.*Give the plan that was used"):
        verify(report, planned)
    with pytest.raises(haip.PlanError, match="the report is of 26 adjuvant and 34 unresectable, and this cohort has 26 adjuvant"):
        verify(report, cohort.setting("adjuvant"))
    with pytest.raises(haip.EndpointError, match="verify takes a Cohort"):
        verify(report, cohort.frame)


def test_a_report_for_outside_says_nothing_that_could_be_verified(cohort, tmp_path):
    shared = haip.build_report(cohort, share=True)
    assert "recipe" not in shared.results
    assert "verification" not in {chapter.key for chapter in shared.chapters}
    with pytest.raises(haip.PlanError, match=r"report for outside.*rounded, small ones are hidden"):
        verify(shared, cohort)
    shared.write(tmp_path / "shared")
    assert "files" not in json.loads((tmp_path / "shared" / "run.json").read_text(encoding="utf-8"))
    with pytest.raises(haip.PlanError, match="report for outside"):
        opened(tmp_path / "shared")


def test_what_is_no_report_is_refused(report, cohort, tmp_path):
    with pytest.raises(haip.PlanError, match=r"is no report: it holds no results.csv and run.json"):
        verify(tmp_path, cohort)
    with pytest.raises(haip.PlanError, match="is no report"):
        verify(tmp_path / "nowhere", cohort)
    with pytest.raises(haip.PlanError, match="earlier version"):
        verify(replace(report, results=report.results.drop(columns="recipe")), cohort)
    (tmp_path / "run.json").write_text("{", encoding="utf-8")
    (tmp_path / "results.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(haip.PlanError, match="can't be read"):
        verify(tmp_path, cohort)
    (tmp_path / "run.json").write_text(json.dumps(report.run), encoding="utf-8")
    with pytest.raises(haip.PlanError, match="not as haip-outcomes analyse wrote it"):
        verify(tmp_path, cohort)


def test_a_recipe_that_the_plan_can_not_follow_is_a_reason_and_no_crash(report, cohort):
    results = report.results.copy()
    place = results.index[results["quantity"] == "median"][0]
    results.loc[place, "recipe"] = "median of=nothing"
    found = verify(replace(report, results=results), cohort, engines=["lifelines"])
    lines = found.frame[found.frame["row"] == place + 2]
    assert lines["verdict"].str.contains('its data can\'t be made anew: The plan has no endpoint "nothing"').all()


@pytest.mark.parametrize("changed", ['!! "', "days of=nothing", "proportion of=nothing", "cox of=os terms=nothing", "fine_gray of=liver terms=age cause=nothing", "gray of=liver by=nothing", "days",
                                     "restricted_mean_difference of=os by=sarcopenia reference=nothing", "cox of=os terms=age landmark=soon", "one_sample of=os", "unheard of=os"])  # fmt: skip
def test_a_recipe_changed_by_hand_is_a_reason_and_no_crash(report, cohort, changed):
    results = report.results.copy()
    place = results.index[results["quantity"] == "median"][0]
    results.loc[place, "recipe"] = changed
    found = verify(replace(report, results=results.loc[[place, place + 1]].reset_index(drop=True)), cohort)
    assert not found.frame.loc[found.frame["row"] == 2, "verdict"].isin(["agrees", ""]).any()


@NEEDS_R
def test_what_r_is_given_names_nobody_and_is_gone_afterwards(report, cohort, monkeypatch):
    """Times, states, group and covariate numbers; no row number, key, date or free text; levels of Table 1 stay behind."""
    seen: dict[str, str] = {}
    ran = with_r.subprocess.run
    folders: list[Path] = []

    def watched(command, **options):
        folders.append(Path(command[-1]))
        seen.update({path.name: path.read_text(encoding="utf-8") for path in folders[-1].iterdir()})
        return ran(command, **options)

    monkeypatch.setattr(with_r.subprocess, "run", watched)
    tasks, _ = tasks_of(report.results.reset_index(drop=True), cohort)
    with_r.answers([task for task in tasks if task.recipe.verb in ("survival_curve", "gray", "days", "proportion", "characteristic", "cumulative_incidence")])
    columns = {name for file, text in seen.items() if file.startswith("data") for name in text.splitlines()[0].split(",")}
    assert columns <= {"time", "state", "entry", "group", "strata", "value", "x1", "x2", "x3", "x4"}
    everything = "\n".join(text for name, text in seen.items() if name.startswith("data"))
    assert not re.search(r"[A-Za-z]{3,}(?<!time)(?<!state)(?<!entry)(?<!group)(?<!value)(?<!strata)$|\d{4}-\d\d-\d\d", everything.replace("time,state", "").replace("value,group", "").replace("value", "").replace("group", ""))
    assert folders
    assert not folders[0].exists()


def test_the_real_patients_of_tcia_are_verified(workbook):
    """197 patients, 107 deaths: every estimate of these chapters agrees."""
    cohort = haip.read_cohort(workbook, "cohorts/tcia_crlm/plan.toml")
    found = verify(haip.build_report(cohort), cohort)
    each = found.estimates()
    own = each[each["chapter"].isin(["included", "survival", "liver", "liver_literature", "literature", "delivery"])]
    assert found.passed
    assert len(own) > 100
    if "R" in found.engines:
        assert set(own["verdict"]) == {"agrees"}
        drawn = {f"{NOT_VERIFIED}: {NONE[verb]}" for verb in ("imputed", "resampled")}
        assert set(each["verdict"]) == {"agrees", *drawn}
