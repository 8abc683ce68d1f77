"""The chapters of a benchmark: expected events, centres side by side, a centre over time; from Python and from the command line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import haip_outcomes as haip
from haip_outcomes.cli import main
from haip_outcomes.errors import PlanError
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.report.one_after_another import UNSURE

DEMO = "cohorts/demo_centre/demo.csv"


def chapter(report, key):
    return next((one for one in report.chapters if one.key == key), None)


def words(one):
    return " ".join(getattr(block, "text", "") for block in one.blocks)


@pytest.fixture(scope="module")
def several():
    """The demonstration's patients twelve times over, in four centres; in centre D every second patient has a complication."""
    demo = haip.demo_cohort()
    frame = pd.concat([demo.frame] * 4, ignore_index=True).set_axis(np.arange(2, 2 + 4 * len(demo)))
    frame["redcap_data_access_group"] = np.repeat(["A", "B", "C", "D"], len(demo))
    own = np.flatnonzero(frame["redcap_data_access_group"] == "D")
    frame.loc[frame.index[own], "complication"] = np.where(np.arange(len(own)) % 4, "Yes", "No")
    return replace(demo, frame=frame, source=replace(demo.source, rows=len(frame)))


@pytest.fixture(scope="module")
def model():
    return haip.reference_model(haip.simulate_cohort(600, rng=np.random.default_rng(8)), "os", ["sarcopenia", "age"], name="Elsewhere")


@pytest.fixture(scope="module")
def report(several, model):
    return haip.build_report(several, references=[model], centre="B", benchmark_only=True)


def test_a_benchmark_has_its_chapters_and_no_others(report):
    assert [one.key for one in report.chapters] == ["included", "liver_literature", "literature", "turning", "centres", "over_time", "data", "methods", "run", "verification"]
    assert report.title.endswith(", B: outcomes")


def test_the_centre_that_is_asked_about_is_analysed_and_the_others_stand_in_the_funnels_only(report, several):
    results = report.results
    flow = results[(results["analysis"] == "patient flow") & (results["group"] == "left out: of 3 other centres")]
    assert flow["n"].tolist() == [180]
    funnel = results[(results["quantity"] == "funnel") & (results["analysis"] == "Perioperative complication: centres") & (results["setting"] == "adjuvant")]
    assert funnel["group"].tolist() == ["A", "B (this centre)", "C", "D"]
    own = several.frame[several.frame["setting"] == "adjuvant"].groupby("redcap_data_access_group", observed=True)["complication"]
    assert funnel["n_event"].tolist() == own.apply(lambda column: int((column == "Yes").sum())).tolist()


def test_a_centre_outside_the_limits_is_said_and_none_is_ranked(report):
    said = words(chapter(report, "centres"))
    assert "Perioperative complication: D: " in said
    assert "above the 99.8% limits" in said
    assert "are not ranked" in said


def test_expected_events_are_those_of_the_model(report, several, model):
    row = report.results[report.results["analysis"] == "Overall survival, reference model Elsewhere"].iloc[0]
    found = model.expected(several.centre("B").setting("unresectable")).glance().iloc[0]
    assert row["n_event"] == found["n_event"] == 21
    assert row["estimate"] == pytest.approx(found["estimate"])


def test_survival_over_time_is_charted_against_the_model(report, several, model):
    own = several.centre("B").setting("unresectable")
    tte = own.endpoint("os")
    order = own["pump_date"].sort_values(kind="stable")
    chart = haip.survival_cusum(order.reindex(tte.index), tte, model, rng=np.random.default_rng(20260101), case_mix=own.frame)
    row = report.results[(report.results["analysis"] == "Overall survival: CUSUM, risk-adjusted by Elsewhere") & (report.results["quantity"] == "observed/expected")]
    assert row["estimate"].iloc[0] == pytest.approx(chart.glance()["estimate"].iloc[0])
    assert report.run["seed"].startswith("20260101")


def test_complications_are_charted_against_the_share_that_the_plan_names(report, several):
    own = several.centre("B").setting("unresectable")
    known = own.frame.sort_values("pump_date", kind="stable")["pump_complication"].dropna()
    chart = haip.cusum((known == "Yes").astype(int), 0.22)
    rows = report.results[report.results["analysis"].str.startswith("Pump-specific complication: CUSUM") & (report.results["quantity"] == "statistic")]
    assert rows["statistic"].tolist() == pytest.approx(chart.tidy()["statistic"].tolist())


def test_of_several_centres_a_chart_over_time_asks_which(several):
    whole = haip.build_report(several, benchmark_only=True)
    assert '--centre "A"' in words(chapter(whole, "over_time"))


def test_without_dates_there_is_no_order_of_cases():
    demo = haip.demo_cohort()
    content = demo.plan.model_dump(exclude_unset=True)
    timed = {"label": "Overall survival", "start": "pump placement", "events": {"Death": {"time": "os_months", "flag": "dead"}}}
    content["endpoints"] = {"os": timed}
    content["columns"] |= {"os_months": {"label": "Months", "kind": "number"}, "dead": {"label": "Dead", "levels": {"0": "No", "1": "Yes"}}}
    content["benchmark"], content["programme"] = {}, {}
    tte = demo.endpoint("os")
    frame = demo.frame.assign(os_months=tte.time, dead=pd.Categorical(np.where(tte.state > 0, "Yes", "No"), categories=["No", "Yes"]))
    found = haip.build_report(replace(demo, plan=make_plan(content), frame=frame), benchmark_only=True)
    reasons = found.results.loc[found.results["chapter"] == "over_time", "reason"].tolist()
    assert len(reasons) == 1
    assert "no dates" in reasons[0]


def test_a_report_for_outside_tells_no_centre_and_no_case(several, model):
    found = haip.build_report(several, references=[model], centre="B", benchmark_only=True, share=True)
    for key in ("centres", "over_time"):
        assert not len(found.results[found.results["chapter"] == key])
        assert "left out" in words(chapter(found, key))


# --- from the command line ------------------------------------------------------------------------------------------


def run(*arguments):
    return CliRunner().invoke(main, [str(one) for one in arguments])


def test_a_model_is_made_from_one_cohort_and_held_against_another(tmp_path):
    made = run("reference", DEMO, "--outcome", "os", "--terms", "sarcopenia", "--setting", "unresectable", "--out", tmp_path / "demo_os.json")
    assert made.exit_code == 0, made.output
    assert made.stdout.strip() == str(tmp_path / "demo_os.json")
    done = run("benchmark", DEMO, "--reference", tmp_path / "demo_os.json", "--out", tmp_path / "report")
    assert done.exit_code == 0, done.output
    results = pd.read_csv(tmp_path / "report" / "results.csv")
    row = results[(results["chapter"] == "centres") & (results["quantity"] == "observed/expected")].iloc[0]
    assert (row["n"], row["n_event"]) == (34, 21)  # the cohort it was made from: as many expected as seen
    assert row["estimate"] == pytest.approx(1.0, abs=0.02)
    again = run("reference", DEMO, "--outcome", "os", "--terms", "sarcopenia", "--out", tmp_path / "demo_os.json")
    assert again.exit_code == 2
    assert "exists" in again.stderr


def test_figures_of_ones_own_are_named_in_the_plan_and_judged(tmp_path):
    (tmp_path / "demo.csv").write_bytes(Path(DEMO).read_bytes())
    plan = Path("cohorts/demo_centre/plan.toml").read_text(encoding="utf-8")
    (tmp_path / "plan.toml").write_text(plan.replace("[benchmark]\n", '[benchmark]\nfigures = "mine.toml"\n').replace('"pak2018-conv",', '"own-compl",'))
    (tmp_path / "mine.toml").write_text(
        '[sources.own2026]\nshort = "Own 2026"\ncitation = "Our own earlier series, 2026"\n\n[[figure]]\nid = "own-compl"\nsource = "own2026"\n'
        'setting = "unresectable"\nmodality = "not stated"\nendpoint = "postop_complication"\nstatistic = "proportion"\nvalue = 20\nunit = "%"\nn = 100\n'
        'events = 20\ntime_zero = "not applicable"\nevent = "not stated"\ncompeting = "not applicable"\nbetter = "lower"\nread = "primary"\nwhere = "ours"\n'
    )
    done = run("benchmark", tmp_path / "demo.csv", "--out", tmp_path / "report")
    assert done.exit_code == 0, done.output
    results = pd.read_csv(tmp_path / "report" / "results.csv")
    row = results[results["analysis"].fillna("").str.startswith("own-compl") & (results["quantity"] == "published")].iloc[0]
    assert row["estimate"] == pytest.approx(0.2)
    checked = run("check", tmp_path / "demo.csv")
    assert checked.exit_code == 0, checked.output


def test_a_registered_curve_that_the_plan_names_is_tested(tmp_path):
    (tmp_path / "demo.csv").write_bytes(Path(DEMO).read_bytes())
    (tmp_path / "points.csv").write_text("time,survival\n0,1\n6,0.95\n12,0.85\n24,0.60\n36,0.40\n48,0.30\n")
    (tmp_path / "risk.csv").write_text("time,n_risk\n0,60\n12,50\n24,34\n36,20\n")
    made = run("curve", tmp_path / "points.csv", "--at-risk", tmp_path / "risk.csv", "--id", "own-os", "--source", "own2026", "--short", "Own 2026", "--citation",
               "Own series 2026", "--setting", "unresectable", "--endpoint", "overall_survival", "--time-zero", "pump placement", "--time-zero-text",
               "from pump placement", "--read-from", "Figure 2", "--into", tmp_path / "mine.toml")  # fmt: skip
    assert made.exit_code == 0, made.output
    plan = Path("cohorts/demo_centre/plan.toml").read_text(encoding="utf-8")
    (tmp_path / "plan.toml").write_text(plan.replace("[benchmark]\n", '[benchmark]\nfigures = "mine.toml"\n').replace('"pak2018-conv",', '"own-os",'))
    done = run("benchmark", tmp_path / "demo.csv", "--out", tmp_path / "report")
    assert done.exit_code == 0, done.output
    results = pd.read_csv(tmp_path / "report" / "results.csv")
    row = results[results["analysis"].fillna("").str.contains("own-os") & (results["quantity"] == "observed over expected")].iloc[0]
    cohort = haip.read_cohort(tmp_path / "demo.csv", tmp_path / "plan.toml").setting("unresectable")
    patients = haip.load_figures(tmp_path / "mine.toml").curve("own-os").patients()
    test = haip.one_sample_logrank(cohort.endpoint("os"), haip.ReferenceCurve.from_patients(patients))
    assert row["p_value"] == pytest.approx(test.p_value)
    assert "not among those looked at" not in haip.compare(cohort).summary[0]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--figures", "nowhere.toml"], 2, "no file of published figures"),
        (["--reference", "nowhere.json"], 2, "nowhere.json"),
        (["--centre", "Nowhere"], 4, 'no centre "Nowhere"'),
    ],
)
def test_what_is_not_there_is_named_and_nothing_is_written(tmp_path, arguments, code, said):
    done = run("benchmark", DEMO, "--out", tmp_path / "report", *arguments)
    assert done.exit_code == code
    assert said in done.stderr
    assert not (tmp_path / "report").exists()


def test_a_plan_without_a_file_cannot_name_files():
    demo = haip.demo_cohort()
    plan = make_plan({**demo.plan.model_dump(exclude_unset=True, exclude={"derived"}), "benchmark": {"figures": "mine.toml"}})
    with pytest.raises(PlanError, match="made without a file"):
        haip.build_report(replace(demo, plan=plan))


def test_the_false_alarms_that_the_report_tells_are_those_that_were_simulated():
    table = pd.read_csv("benchmarks/coverage.csv")
    rows = table[(table["section"] == "survival CUSUM") & table["method"].str.contains("estimated curve taken as known")].sort_values("n")
    found = [f"{100 * share:.0f}" for share in rows["found"]]
    assert f"{', '.join(found[:-1])} and {found[-1]} of 100 sound centres of 20, 34, 60 and 100 patients" in UNSURE
