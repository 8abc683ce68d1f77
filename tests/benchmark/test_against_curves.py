"""A centre against published curves: which are found, what is counted, what is judged, and what is said."""

import math
from pathlib import Path

import numpy as np
import pytest

import haip_outcomes as haip
from haip_outcomes.benchmark.curves.centre_against_curves import AgainstCurve, against_curves
from haip_outcomes.benchmark.curves.reference_curve import ReferenceCurve
from haip_outcomes.benchmark.literature import make_figures

ROOT = Path(__file__).parents[2]
SOURCES = {"smith2026": {"short": "Smith 2026", "citation": "Smith A. A Journal 2026."}}


def figure(id, statistic, value, horizon=None, **fields):
    return {"id": id, "source": "smith2026", "setting": "adjuvant", "modality": "HAIP alone", "endpoint": "overall_survival", "statistic": statistic,
            "value": value, "horizon": horizon, "unit": "months" if statistic == "median" else "%", "n": 80, "time_zero": "pump placement",
            "time_zero_text": "from HAIP placement", "event": "as named", "competing": "not applicable", "better": "higher", "read": "primary",
            "where": "abstract"} | fields  # fmt: skip


def curve(id="smith-os", **fields):
    points = [[float(t), float(np.exp(-t / 50))] for t in range(0, 61, 2)]
    return {"id": id, "source": "smith2026", "setting": "adjuvant", "endpoint": "overall_survival", "time_zero": "pump placement",
            "time_zero_text": "from HAIP placement", "event": "as named", "competing": "not applicable", "n": 80, "events": 55, "points": points,
            "at_risk": [[0, 80], [24, 49], [48, 30]], "read_from": "Figure 2"} | fields  # fmt: skip


def own(figures=(), curves=()):
    content = {"sources": SOURCES, "figure": [{key: value for key, value in one.items() if value is not None} for one in figures], "curve": list(curves)}
    return make_figures({key: value for key, value in content.items() if value})


@pytest.fixture(scope="module")
def cohort():
    return haip.demo_cohort()


def test_landmarks_of_one_arm_are_a_curve_held_against_the_centre_s_patients(cohort):
    figures = own([figure("os1", "landmark_probability", 92, 12), figure("os3", "landmark_probability", 60, 36), figure("os5", "landmark_probability", 45, 60)])
    (found,) = against_curves(cohort, figures)
    tte = cohort.setting("adjuvant").endpoint("os")
    by_hand = haip.one_sample_logrank(tte, ReferenceCurve.from_landmarks([12, 36, 60], [0.92, 0.6, 0.45], n=80)).tidy().iloc[-1]
    row = found.tidy().iloc[0]
    for name in ("estimate", "conf_low", "conf_high", "p_value", "n_expected", "variance_of_expected"):
        assert row[name] == pytest.approx(by_hand[name], rel=1e-12)
    assert (found.kind, found.judged, found.figures) == ("landmarks", True, ("os1", "os3", "os5"))
    assert found.sentence.startswith("Overall survival, adjuvant, against Smith 2026 (92% at 12 months, 60% at 36 months, 45% at 60 months): ")
    assert "does not state" not in found.sentence
    assert repr(found) == found.sentence
    assert "piecewise exponential" in found.method
    assert found._repr_html_().startswith("<p><b>Against a published curve</b>")


def test_arms_are_never_mixed_and_a_landmark_alone_is_no_curve(cohort):
    figures = own([figure("a1", "landmark_probability", 92, 12, population="arm A"), figure("b3", "landmark_probability", 60, 36, population="arm B")])
    assert against_curves(cohort, figures) == ()


def test_a_median_alone_is_listed_last_as_what_it_is(cohort):
    figures = own([figure("med", "median", 50, population="others"), figure("os1", "landmark_probability", 92, 12), figure("os3", "landmark_probability", 60, 36)])
    landmarks, alone = against_curves(cohort, figures)
    assert (landmarks.kind, alone.kind) == ("landmarks", "median")
    assert "no more than a constant hazard" in alone.sentence
    tte = cohort.setting("adjuvant").endpoint("os")
    assert alone.tidy()["n_expected"].item() == pytest.approx(np.log(2) / 50 * tte.time.sum())


def test_a_registered_curve_is_reconstructed(cohort):
    (found,) = against_curves(cohort, own([], [curve()]))
    assert (found.kind, found.judged) == ("reconstructed", True)
    row = found.tidy().iloc[0]
    tte = cohort.setting("adjuvant").endpoint("os")
    truth = np.minimum(tte.time, row["horizon"]).sum() / 50
    assert row["n_expected"] == pytest.approx(truth, rel=0.08)
    assert row["variance_of_expected"] > 0
    days = [[t * 365.25 / 12, s] for t, s in curve()["points"]]
    at_risk = [[t * 365.25 / 12, n] for t, n in curve()["at_risk"]]
    (in_days,) = against_curves(cohort, own([], [curve(points=days, at_risk=at_risk, unit="days")]))
    assert in_days.tidy()["n_expected"].item() == pytest.approx(row["n_expected"])


def test_a_curve_from_n_alone_is_shown_without_a_test(cohort):
    (found,) = against_curves(cohort, own([], [curve(at_risk=[], events=None)]))
    assert not found.judged
    assert "patients alone" in found.not_judged
    assert found.tidy()["p_value"].isna().all()
    assert found.tidy()["n_expected"].notna().all()


def test_every_way_of_counting_that_the_source_leaves_open(cohort):
    figures = own([figure("l1", "landmark_probability", 80, 12, endpoint="hepatic_recurrence", event="not stated", competing="not stated", time_zero="not stated", time_zero_text=""),
                   figure("l3", "landmark_probability", 50, 36, endpoint="hepatic_recurrence", event="not stated", competing="not stated", time_zero="not stated", time_zero_text="")])  # fmt: skip
    (found,) = against_curves(cohort, figures)
    rows = found.tidy()
    assert rows["convention"].tolist()[:2] == ["deaths censored", "deaths as events"]
    assert rows["n_event"].iloc[0] < rows["n_event"].iloc[1]
    assert "The source does not state its time zero, whether extrahepatic progression ended follow-up of the liver and how deaths were counted." in found.sentence
    assert "an incidence with competing deaths has no hazard" in found.sentence


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"subgroup": "node-negative"}, "it is of a subgroup (node-negative)"),
        ({"time_zero": "randomisation", "time_zero_text": "from randomisation"}, "the source counts from randomisation"),
        ({"endpoint": "recurrence_free_survival"}, "the plan has no [endpoints.rfs]"),
        ({"endpoint": "any_recurrence"}, "no counterpart of any recurrence"),
    ],
)
def test_what_cannot_be_compared_is_listed_with_its_reason(cohort, fields, reason):
    (found,) = against_curves(cohort, own([figure("a", "landmark_probability", 92, 12, **fields), figure("b", "landmark_probability", 60, 36, **fields)]))
    assert reason in found.reason
    assert not found.judged
    assert "not comparable" in found.sentence
    row = found.tidy().iloc[0]
    assert math.isnan(row["estimate"])
    assert reason in row["reason"]


def test_points_that_are_no_curve_are_listed_with_their_reason(cohort):
    (found,) = against_curves(cohort, own([figure("a", "landmark_probability", 60, 12), figure("b", "landmark_probability", 92, 36)]))
    assert "the curve rises from 0.6 to 0.92 at 36 months" in found.reason
    (twice,) = against_curves(cohort, own([figure("a", "landmark_probability", 60, 12), figure("b", "landmark_probability", 92, 12)]))
    assert "may be of two arms" in twice.reason


def test_without_an_uncertainty_or_with_few_expected_events_nothing_is_judged(cohort):
    (unknown,) = against_curves(cohort, own([figure("a", "landmark_probability", 92, 12, n=None), figure("b", "landmark_probability", 60, 36, n=None)]))
    assert "neither an interval nor a number of patients" in unknown.not_judged
    (few,) = against_curves(cohort, own([figure("a", "landmark_probability", 99, 12), figure("b", "landmark_probability", 97, 36)]))
    assert few.not_judged.startswith("too few, only")
    for one in (unknown, few):
        assert one.tidy()[["statistic", "p_value", "z"]].isna().all(axis=None)
        assert "p 0" not in one.sentence


def test_the_centre_s_own_patients_are_never_judged(cohort):
    found = [one for one in against_curves(cohort) if one.source == "chakedis2018"]
    assert found
    assert not any(one.judged for one in found)
    assert all("these patients" in one.not_judged for one in found)


def test_only_settings_that_the_centre_has_and_all_of_the_literature(cohort):
    found = against_curves(cohort)
    assert {one.setting for one in found} == {"adjuvant", "unresectable"}
    assert [one.kind for one in found] == sorted((one.kind for one in found), key=("landmarks", "reconstructed", "median").index)
    assert {one.setting for one in against_curves(cohort.setting("adjuvant"))} == {"adjuvant"}
    assert all(isinstance(one, AgainstCurve) and one.sentence.endswith(".") for one in found)
    for one in found:
        assert one.judged == one.tidy()["p_value"].notna().any()


def test_resected_patients_without_a_pump_and_the_caution_of_their_plan(workbook):
    """107 deaths where a population-based curve leads one to expect 182: chosen patients, which the sentence says."""
    cohort = haip.read_cohort(workbook, ROOT / "cohorts" / "tcia_crlm" / "plan.toml")
    found = {one.source: one for one in against_curves(cohort) if one.readings}
    haukeland = found["haukeland2015"]
    assert haukeland.judged
    assert haukeland.tidy()[["n", "n_event"]].iloc[0].tolist() == [197, 107]
    assert haukeland.sentence.endswith(" ".join(cohort.plan.cohort.caution.split()).rstrip(".") + ".")
    assert not found["gk2017"].judged  # the same centre and years
