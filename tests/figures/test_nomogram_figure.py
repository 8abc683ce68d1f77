"""The nomogram: ticks where the points are, labels that do not touch, totals that give the survival printed, the warning in the caption."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.errors import HaipError
from haip_outcomes.figures.nomogram_figure import plot_nomogram
from haip_outcomes.prognosis.prediction.nomogram_points import nomogram

DATA = Path(__file__).resolve().parents[1] / "reference" / "data"
LUNG = pd.read_csv(DATA / "cox_lung.csv")


def fit_of(frame, terms, time="days", state="dead", label=""):
    tte = haip.TimeToEvent.from_frame(frame, time=time, state=state, states=["Death"], unit=time, label=label, time_zero="diagnosis")
    return haip.cox(tte, haip.design(frame, terms, missing="complete-case"))


@pytest.fixture(scope="module")
def cohort():
    return haip.demo_cohort().setting("unresectable")


@pytest.fixture(scope="module")
def made(cohort):
    return nomogram(haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, ["sarcopenia", "extrahepatic_disease"])), times=[12, 36], labels=cohort)


def texts(drawing):
    return [text.get_text() for text in drawing.figure.texts]


def lines(drawing, gid):
    return [line for line in drawing.figure.findobj() if getattr(line, "get_gid", lambda: "")() == gid]


def test_rulers_are_as_long_as_their_points(checked, made):
    drawing = plot_nomogram(made)
    checked(drawing)
    assert drawing.size[0] == 174
    rulers = [line.get_xdata() for line in lines(drawing, "ruler")]  # points, sarcopenia, extrahepatic, total, 12, 36 months, median
    assert len(rulers) == 7
    lengths = [x[1] - x[0] for x in rulers]
    ratio = made.fit.coefficients[1] / made.fit.coefficients[0]
    assert lengths[1] == pytest.approx(lengths[0])
    assert lengths[2] == pytest.approx(lengths[0] * ratio)
    assert all(x[0] == pytest.approx(rulers[0][0]) for x in rulers)
    assert {"Points", "Total points", "12-month survival, %", "36-month survival, %", "Median, months", "No", "Yes"} <= set(texts(drawing))
    assert "87% (68, 95)" in texts(drawing)
    assert drawing.numbers["points"].nunique() == 4


def test_survival_is_read_where_the_model_has_it(made):
    """The tick "30" of 36 months stands at the total at which the model predicts 30%."""
    drawing = plot_nomogram(made)
    rulers = [line.get_xdata() for line in lines(drawing, "ruler")]
    start, end = rulers[3]
    y = lines(drawing, "ruler")[5].get_ydata()[0]
    at = sorted(line.get_xdata()[0] for line in lines(drawing, "tick") if line.get_ydata()[1] == y)
    totals = (np.array(at) - start) / (end - start) * made.most
    read = made.totals(np.clip(totals, made.least, made.most)).query("time == 36")["estimate"]
    np.testing.assert_allclose(read, [0.55, 0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1], atol=1e-9)


def test_the_warning_is_in_the_caption(cohort):
    four = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, ["sarcopenia", "extrahepatic_disease", "age", "sex"], missing="complete-case"))
    caption = plot_nomogram(nomogram(four, times=[36], labels=cohort, validation=(0.65, 0.55))).caption
    for words in ("34 patients, 21 events (Death), setting unresectable", "months since pump placement", "5.2 each, and at least 10 are advised", "Not validated in other patients",
                  "0.55 corrected for optimism", "not for decisions about the treatment of a patient", "The patients are invented."):  # fmt: skip
        assert words in caption


def test_splines_interactions_late_times_and_strata(checked):
    frame = LUNG.assign(site=np.where(np.arange(len(LUNG)) % 2, "one", "two"))
    fit = fit_of(frame, [haip.spline("age", knots=4), "sex*ph.ecog", "wt.loss"])
    drawing = plot_nomogram(nomogram(fit, times=[180, 365, 900], labels={"ph.ecog": "ECOG", "sex": "Sex"}))
    checked(drawing)
    words = texts(drawing)
    assert sum(text.startswith("age, ") for text in words) == 3  # cut where it turns round
    assert {"ECOG (Sex female)", "ECOG (Sex male)"} <= set(words)
    assert "A dashed ruler" in drawing.caption
    assert sum(line.get_linestyle() != "-" for line in lines(drawing, "ruler")) == 1
    tte = haip.TimeToEvent.from_frame(frame, time="days", state="dead", states=["Death"], unit="days")
    strata = haip.cox(tte, haip.design(frame, ["sex", "age"]), strata=frame["site"])
    drawing = plot_nomogram(nomogram(strata, times=[365], stratum="two"))
    checked(drawing)
    assert "stratum two" in drawing.caption


def test_many_levels_at_the_same_points_are_listed(checked):
    rng = np.random.default_rng(3)
    names = ["Right hepatectomy", "Left hepatectomy", "Extended right hepatectomy", "Wedge", "Segmentectomy", "Ablation only"]
    frame = pd.DataFrame({"operation": rng.choice(names, 400), "node": rng.integers(0, 2, 400), "marker": rng.choice(["wild type", "mutated"], 400), "cea": rng.lognormal(2, 1, 400)})
    time, end = rng.exponential(40 * np.exp(-1.5 * frame["node"])), rng.uniform(10, 90, 400)
    frame["months"], frame["dead"] = np.minimum(time, end), (time <= end) * 1
    fit = fit_of(frame, ["operation", "marker*node", "cea"], "months")
    drawing = plot_nomogram(nomogram(fit, times=[6, 12, 24, 36, 48], labels={"operation": "Operation on the liver, as the surgeon wrote it in the report"}))
    checked(drawing)
    listed = " ".join(text for text in texts(drawing) if ";" in text or "hepatectomy" in text)
    assert all(name.split()[0] in listed for name in names)
    with pytest.raises(HaipError, match="do not fit"):
        plot_nomogram(nomogram(fit, times=[6, 12, 18, 24, 30, 36, 42, 48]))


def test_incidence_of_a_fine_gray_model(checked):
    mela = pd.read_csv(DATA / "fine_gray_melanoma.csv")
    tte = haip.TimeToEvent.from_frame(mela, time="days", state="state", states=["Melanoma", "Other"], unit="days")
    for se in ("crr", "finegray"):
        drawing = plot_nomogram(nomogram(haip.fine_gray(tte, haip.design(mela, ["ulcer", "thick"]), cause="Melanoma", se=se), times=[1826]))
        checked(drawing)
        assert "1826-day risk of melanoma, %" in texts(drawing)
        assert "Median, days" not in texts(drawing)
        assert " up to " in drawing.alt


def test_the_public_cohort_of_197(checked, workbook):
    cohort = haip.read_cohort(workbook, "cohorts/tcia_crlm/plan.toml")
    terms = ["age", "sex", "extrahep_disease", "clinrisk_score", "chemo_before_liver_resection"]
    fit = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, terms, missing="complete-case"))
    drawing = plot_nomogram(nomogram(fit, times=[12, 36, 60], labels=cohort))
    checked(drawing)
    assert "168 of 197 patients" in drawing.caption
    assert "immortal time" in drawing.caption


def test_another_thing_is_refused():
    with pytest.raises(HaipError, match="takes what nomogram"):
        plot_nomogram("fit")
