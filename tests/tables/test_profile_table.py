"""The table of predictions: its cells are the predictions, its footnotes what they were built on."""

from pathlib import Path

import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.errors import HaipError
from haip_outcomes.prognosis.prediction.profile_predictions import profiles
from haip_outcomes.tables.predictions import profile_table

DATA = Path(__file__).resolve().parents[1] / "reference" / "data"


@pytest.fixture(scope="module")
def cohort():
    return haip.demo_cohort().setting("unresectable")


def lung(terms, **options):
    frame = pd.read_csv(DATA / "cox_lung.csv")
    tte = haip.TimeToEvent.from_frame(frame, time="days", state="dead", states=["Death"], unit="days")
    return haip.cox(tte, haip.design(frame, terms, missing="complete-case"), **options)


def test_cells_are_the_predictions_and_notes_what_they_were_built_on(cohort):
    fit = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, ["sarcopenia", "extrahepatic_disease", "age"]))
    found = profiles(fit, times=[12, 57], labels=cohort, validation=(0.62, 0.57))
    table = profile_table(found)
    assert table.title == "Predicted survival, months since pump placement"
    assert table.header == ("Sarcopenia", cohort.plan.label("extrahepatic_disease"), "Alike", "12 months (95% CI)", "57 months (95% CI)", "Median, months (95% CI)")
    assert [row[:2] for row in table.rows] == [("No", "No"), ("No", "Yes"), ("Yes", "No"), ("Yes", "Yes")]
    tidy = found.tidy()
    assert sum(int(row[2]) for row in table.rows) == fit.n
    for row, estimate in zip(table.rows, tidy.loc[tidy["time"] == 12, "estimate"], strict=True):
        assert row[3].startswith(f"{100 * estimate:.0f}% (")
    assert all(row[4].endswith("†") for row in table.rows)
    notes = " ".join(table.footnotes)
    for words in ("Same in all profiles: Age at pump placement, years 57.", "34 patients, 21 events (Death), setting unresectable", "median follow-up",
                  "† Beyond the last time", "7.0 each", "0.57 corrected for optimism", "no promise for one of them", "The patients are invented."):  # fmt: skip
        assert words in notes
    assert "record_id" not in table.to_html()
    assert "DEMO-0" not in table.to_html()


def test_a_table_has_no_column_that_tells_nothing():
    few = profile_table(profiles(lung(["age", "ph.ecog", "wt.loss"]), times=[365]))
    assert few.header == ("Profile", "age", "ph.ecog", "wt.loss", "365 days (95% CI)", "Median, days (95% CI)")
    assert [row[0] for row in few.rows] == ["Lowest risk", "Typical", "Highest risk"]
    many = profile_table(profiles(lung(["age", "ph.ecog", "wt.loss", "ph.karno", "sex"]), times=[365], at={"age": [50, 60], "ph.ecog": [0, 1], "ph.karno": [80, 90], "wt.loss": [0, 10], "sex": ["female", "male"]}))
    assert many.header[:2] == ("age, ph.ecog, wt.loss, ph.karno and sex", "Alike")
    assert many.rows[0][0] == "age 50, ph.ecog 0, wt.loss 0, ph.karno 80, sex female"
    one = profile_table(profiles(lung(["sex"]), pd.DataFrame({"sex": ["male"]}, index=["He"]), times=[365]))
    assert one.rows[0][:3] == ("He", "male", "138")
    assert "Profiles:" not in " ".join(one.footnotes)


def test_incidence_without_limits_has_no_median():
    mela = pd.read_csv(DATA / "fine_gray_melanoma.csv")
    tte = haip.TimeToEvent.from_frame(mela, time="days", state="state", states=["Melanoma", "Other"], unit="days")
    table = profile_table(profiles(haip.fine_gray(tte, haip.design(mela, ["ulcer"]), cause="Melanoma"), times=[1826]))
    assert table.title == "Predicted cumulative incidence of melanoma"
    assert table.header == ("ulcer", "1826 days") or table.header == ("ulcer", "Alike", "1826 days")
    assert "No limits" in " ".join(table.footnotes)
    assert "CI:" not in " ".join(table.footnotes)


def test_another_thing_is_refused():
    with pytest.raises(HaipError, match="takes what profiles"):
        profile_table(pd.DataFrame())
