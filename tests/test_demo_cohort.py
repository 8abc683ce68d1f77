"""The demonstration cohort: the figures it imitates, to the printed digits, and believable patients."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.registry.plan import load_plan

FOLDER = Path(__file__).resolve().parents[1] / "cohorts" / "demo_centre"
MONTH = 365.25 / 12
# figure id: what the source prints of it
PRINTED = {
    "chakedis2018-ttlp-unres": ("unresectable", "9.2", "3.1", "15.3"),
    "chakedis2018-livrec-adj": ("adjuvant", "24.7", "2.5", "46.9"),
    "chakedis2018-os3-adj": ("adjuvant", "64"),
    "chakedis2018-os3-unres": ("unresectable", "37"),
    "chakedis2018-sarc-hr": ("2.4", "1.1", "5.0"),
}


@pytest.fixture(scope="module")
def cohort():
    return haip.demo_cohort()


@pytest.fixture(scope="module")
def raw():
    """The file as it stands, dates as dates."""
    table = pd.read_csv(FOLDER / "demo.csv", dtype=str, keep_default_na=False)
    for column in [name for name in table if name.endswith("_date")]:
        table[column] = pd.to_datetime(table[column].replace("", None), format="%Y-%m-%d")
    return table


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_demo", FOLDER / "make_demo.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def remade(maker, tmp_path_factory):
    """The script run again: the file it writes, and the imaging visits behind it."""
    path = tmp_path_factory.mktemp("demo") / "again.csv"
    return path, maker.write(path)


def hazard_ratio(cohort, **options):
    fit = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, ["sarcopenia"]), **options)
    return fit.tidy(exponentiate=True).iloc[0]


# --- the printed figures


@pytest.mark.parametrize("figure", ["chakedis2018-ttlp-unres", "chakedis2018-livrec-adj"])
def test_median_time_to_the_liver_event_with_its_standard_error_interval(cohort, figure):
    setting, *printed = PRINTED[figure]
    curve = haip.survival_curve(cohort.setting(setting).endpoint("liver").only("Liver"))
    row = curve.median(method="standard-error").iloc[0]
    assert [f"{row[name]:.1f}" for name in ("estimate", "conf_low", "conf_high")] == printed
    assert f"{curve.median().iloc[0]['estimate']:.1f}" == printed[0]  # both ways of reading a median agree


@pytest.mark.parametrize("figure", ["chakedis2018-os3-adj", "chakedis2018-os3-unres"])
def test_three_year_survival_from_pump_placement(cohort, figure):
    setting, printed = PRINTED[figure]
    times = cohort.setting(setting).endpoint("os")
    assert times.time_zero == "pump placement"
    assert f"{100 * haip.survival_curve(times).at([36])['estimate'].iloc[0]:.0f}" == printed


def test_hazard_ratio_of_sarcopenia_in_both_settings_together(cohort):
    row = hazard_ratio(cohort)
    printed = PRINTED["chakedis2018-sarc-hr"]
    assert tuple(f"{row[name]:.1f}" for name in ("estimate", "conf_low", "conf_high")) == printed


def test_counts(cohort):
    assert len(cohort) == 60
    assert cohort["setting"].astype(str).value_counts().to_dict() == {"unresectable": 34, "adjuvant": 26}
    counts = haip.proportions(cohort, together=True).tidy().set_index("outcome")["n_event"]
    assert counts["postop_complication"] == 19
    assert counts["pump_complication"] == 14
    assert counts["biliary_sclerosis"] == 1
    assert ((cohort["biliary_stricture"] == "Yes") <= (cohort["pump_complication"] == "Yes")).all()
    assert (cohort["sarcopenia"] == "Yes").sum() == 29


@pytest.mark.parametrize("figure", PRINTED)
def test_the_published_figures_are_these(figure):
    record = haip.published()[figure]
    listed = [value for value in (record.value, record.ci_low, record.ci_high) if value is not None]
    assert [float(text) for text in PRINTED[figure] if text[0].isdigit()] == listed


def test_the_script_s_own_check_agrees(maker, capsys):
    assert maker.check(maker.FILE)
    assert "DIFFERS" not in capsys.readouterr().out


# --- a cohort that a clinician would believe


def test_sarcopenia_is_no_artefact_of_pooling(cohort):
    assert 2.0 < hazard_ratio(cohort, strata=cohort["setting"])["estimate"] < 2.9
    for setting in cohort.settings:
        assert hazard_ratio(cohort.setting(setting))["estimate"] > 1


def test_deaths_and_follow_up(cohort):
    os = cohort.endpoint("os")
    assert 27 <= os.counts["Death"] <= 33
    assert 30 <= haip.follow_up(os).median()["estimate"].iloc[0] <= 50
    for setting in cohort.settings:
        times = cohort.setting(setting).endpoint("os")
        assert 30 <= haip.follow_up(times).median()["estimate"].iloc[0] <= 50
    assert np.sum((os.state == 1) & (os.time <= 90 / MONTH)) <= 1


def test_extrahepatic_disease_is_in_a_few_unresectable_patients(cohort):
    frame = cohort.frame[cohort["extrahepatic_disease"] == "Yes"]
    assert 4 <= len(frame) <= 8
    assert (frame["setting"] == "unresectable").all()


def test_first_site_has_every_event_in_each_setting(cohort):
    for setting in cohort.settings:
        assert min(cohort.setting(setting).endpoint("first_site").counts.values()) >= 1


def test_progression_in_either_order_on_one_scan_and_not_before_every_death(raw):
    liver, elsewhere = raw["liver_event_date"], raw["extrahepatic_event_date"]
    died = raw["death_date"].notna()
    assert (liver < elsewhere).sum() >= 3
    assert (elsewhere < liver).sum() >= 3
    assert (elsewhere == liver).sum() >= 1
    assert 3 <= (died & liver.isna() & elsewhere.isna()).sum() <= 8


def test_a_few_deaths_came_long_after_the_last_imaging(cohort, raw):
    assert 2 <= ((raw["death_date"] - raw["last_imaging_date"]).dt.days > 180).sum() <= 5
    assert 1 <= cohort.late_deaths("liver").sum() <= 4


def test_converted_patients_live_longer(cohort):
    unresectable = cohort.setting("unresectable")
    fit = haip.cox(unresectable.endpoint("os"), haip.design(unresectable.frame, ["converted_to_resection"]))
    assert fit.tidy()["estimate"].iloc[0] < 0
    assert 5 <= (unresectable["converted_to_resection"] == "Yes").sum() <= 9
    assert cohort.setting("adjuvant")["converted_to_resection"].isna().all()


def test_the_curves_have_no_clump_and_no_cliff(cohort):
    """Few patients of a setting have the same event in one month, and no step is over a quarter."""
    for setting in cohort.settings:
        part = cohort.setting(setting)
        for times in (part.endpoint("os"), part.endpoint("liver").only("Liver")):
            month = np.floor(times.time[times.state == 1]).astype(int)
            assert np.bincount(month).max() <= (3 if setting == "adjuvant" else 5)
            steps = np.diff(np.r_[1.0, haip.survival_curve(times).tidy()["estimate"].to_numpy()])
            assert steps.min() > -0.25


# --- the record of each patient


@pytest.mark.parametrize(("earlier", "later"), [
    ("pump_date", "first_cycle_date"), ("pump_date", "liver_event_date"),
    ("pump_date", "extrahepatic_event_date"), ("pump_date", "last_imaging_date"),
    ("pump_date", "last_contact_date"), ("pump_date", "death_date"),
    ("first_cycle_date", "last_contact_date"), ("first_cycle_date", "death_date"),
    ("liver_event_date", "last_imaging_date"), ("extrahepatic_event_date", "last_imaging_date"),
    ("last_imaging_date", "last_contact_date"), ("last_imaging_date", "death_date"),
    ("death_date", "last_contact_date"),
])  # fmt: skip
def test_dates_are_in_order(raw, earlier, later):
    both = raw[[earlier, later]].dropna()
    assert len(both)
    assert (both[earlier] <= both[later]).all()


def test_dates_are_plausible(raw):
    dead = raw["death_date"].notna()
    assert (raw.loc[dead, "death_date"] == raw.loc[dead, "last_contact_date"]).all()
    assert raw["pump_date"].is_monotonic_increasing
    assert raw["pump_date"].min().year >= 2012
    wait = (raw["first_cycle_date"] - raw["pump_date"]).dt.days.dropna()
    assert wait.between(28, 60).all()
    assert (raw["first_cycle_date"].notna() == (raw["first_cycle_given"] == "1")).all()
    assert (raw[["pump_date", "first_cycle_date", "last_imaging_date"]].stack().dt.dayofweek < 5).all()


def test_events_fall_on_imaging_every_six_to_twelve_weeks(raw, remade):
    _, imaging = remade
    columns = ["liver_event_date", "extrahepatic_event_date", "last_imaging_date"]
    days = pd.DataFrame({name: (raw[name] - raw["pump_date"]).dt.days for name in columns})
    for visits, (_, row) in zip(imaging.visits, days.iterrows(), strict=True):
        gaps = np.diff(np.r_[0, visits])
        assert gaps.min() >= 6 * 7
        assert gaps.max() <= 12 * 7
        assert set(row.dropna()) <= set(visits)
        assert row["last_imaging_date"] == visits[-1]


def test_imaging_intervals_differ_between_visits(remade):
    _, imaging = remade
    gaps = np.concatenate([np.diff(visits) for visits in imaging.visits])
    assert len(np.unique(gaps)) > 20  # a schedule with jitter, not a grid


def test_the_clinical_risk_score_is_that_of_its_parts(raw):
    known = ~raw["cea"].isin(["UNK", "-999"])
    cea = pd.to_numeric(raw["cea"].where(known))
    parts = [raw["node_positive"] == "1", raw["disease_free_interval"].astype(int) < 12,
             raw["n_metastases"].astype(int) > 1, cea > 200, raw["largest_cm"].astype(float) > 5]  # fmt: skip
    score = np.sum(parts, axis=0).astype(str)
    assert (raw["risk_score"] == np.where(known, score, "")).all()
    assert 3 <= (~known).sum() <= 8
    assert {"UNK", "-999"} <= set(raw["cea"])
    assert ((raw["synchronous"] == "1") == (raw["disease_free_interval"] == "0")).all()


def test_sarcopenia_is_that_of_the_muscle_index(raw):
    cut = np.where(raw["sex"] == "1", 52.4, 38.5)
    assert ((raw["muscle_index"].astype(float) < cut) == (raw["sarcopenia"] == "1")).all()
    assert raw["age"].astype(int).between(30, 80).all()


def test_grades_belong_to_complications_and_v_to_the_early_death(raw):
    assert ((raw["complication_grade"] != "") == (raw["complication"] == "1")).all()
    early = (raw["death_date"] - raw["pump_date"]).dt.days <= 90
    assert ((raw["complication_grade"] == "V") == early).all()


# --- the file, its plan, its README and its script


def test_the_file_says_that_it_is_synthetic(raw, cohort):
    assert (raw["synthetic"] == "1").all()
    assert raw["redcap_data_access_group"].str.contains("synthetic").all()
    assert cohort.plan.cohort.synthetic
    assert "synthetic" in cohort.plan.cohort.name
    first = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()[2]
    assert "synthetic" in first


def test_the_plan_reads_the_file_without_a_warning_and_judges_other_sources_only(cohort):
    assert cohort.warnings == ()
    assert cohort.flow()["n"].tolist() == [60, 60]
    plan = load_plan(FOLDER / "plan.toml")
    assert plan.cohort.overlap == ("chakedis2018",)
    figures = haip.published()
    judged = [figures[name] for name in plan.benchmark.judge]
    assert 0 < len(judged) <= 6
    assert all(figure.source not in plan.cohort.overlap for figure in judged)


def test_the_script_makes_the_same_bytes_again(remade):
    path, _ = remade
    assert path.read_bytes() == (FOLDER / "demo.csv").read_bytes()


def test_the_readme_tells_what_was_obtained(cohort):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    adjuvant, unresectable = cohort.setting("adjuvant"), cohort.setting("unresectable")
    row = hazard_ratio(cohort)
    said = [f"{row['estimate']:.2f} ({row['conf_low']:.2f} to {row['conf_high']:.2f})"]
    for part in (adjuvant, unresectable):
        curve = haip.survival_curve(part.endpoint("liver").only("Liver"))
        row = curve.median(method="standard-error").iloc[0]
        said.append(f"{row['estimate']:.2f} ({row['conf_low']:.2f} to {row['conf_high']:.2f})")
        said.append(f"{100 * haip.survival_curve(part.endpoint('os')).at([36])['estimate'].iloc[0]:.1f}%")
    stratified = hazard_ratio(cohort, strata=cohort["setting"])
    ratios = [stratified, hazard_ratio(adjuvant), hazard_ratio(unresectable)]
    said.append("; ".join(f"{row['estimate']:.2f}" for row in ratios))
    survival = [part.endpoint("os") for part in (cohort, adjuvant, unresectable)]
    follow_up = [haip.follow_up(times).median()["estimate"].iloc[0] for times in survival]
    said.append("{:.1f}; adjuvant {:.1f}, unresectable {:.1f}".format(*follow_up))
    deaths = [times.counts["Death"] for times in survival]
    said.append("{}: {} adjuvant, {} unresectable".format(*deaths))
    for name, part in (("adjuvant", adjuvant), ("unresectable", unresectable)):
        counts = part.endpoint("first_site").counts
        said.append(f"{name} {counts['Liver']}, {counts['Extrahepatic']}, {counts['Death']}")
    assert [words for words in said if words not in text] == []
