import numpy as np
import pandas as pd
import pytest
from small_centre import HEADER, ROWS

from haip_outcomes.errors import CohortError, EndpointError
from haip_outcomes.registry.read import load_adjuvant, load_unresectable, read_cohort
from haip_outcomes.registry.simulate import simulate_cohort


@pytest.fixture
def cohort(write, small_plan):
    return read_cohort(write([HEADER, *ROWS]), small_plan)


def test_rows_in_are_rows_analysed_plus_rows_left_out_with_a_reason(cohort):
    chosen = cohort.setting("unresectable").where(cohort["sarcopenia"].notna(), because="sarcopenia unknown")
    flow = chosen.flow()
    assert flow["because"].tolist() == ["", "another setting: 2 adjuvant", "sarcopenia unknown", ""]
    assert flow["n"].tolist() == [4, 2, 1, 1]
    assert flow["n"].iloc[0] == len(chosen) + flow["excluded"].sum()
    assert len(cohort) == 4  # a cohort is never changed


def test_typed_columns(cohort):
    assert cohort["sarcopenia"].cat.categories.tolist() == ["No", "Yes"]
    assert cohort["sarcopenia"].isna().tolist() == [False, False, True, False]
    assert np.isnan(cohort["age"].iloc[3])
    assert cohort.settings == ("adjuvant", "unresectable")
    assert "key" not in cohort.frame, "a patient's key never enters the cohort"


def test_nothing_that_identifies_a_patient_is_shown(cohort):
    for text in (repr(cohort), cohort._repr_html_(), str(cohort.endpoint("os")), cohort.flow().to_string()):
        assert not any(f"A{k}" in text for k in (1, 2, 3, 4))


@pytest.mark.parametrize(("mask", "said"), [
    ([True], "one value for each of the 4"),
    ([1, 0, 1, 1], "true or false"),
    (pd.Series([True, True], index=[2, 3]), "no value for 2 patients"),
    (pd.Series([True, None, True, True], index=[2, 3, 4, 5], dtype=object), "missing for 1 patient"),
    ([False] * 4, "Nobody is left"),
    (pd.Series([True] * 5, index=[2, 2, 3, 4, 5]), "index has duplicates"),
])  # fmt: skip
def test_masks_that_could_drop_patients_in_silence_are_refused(cohort, mask, said):
    with pytest.raises(EndpointError, match=said):
        cohort.where(mask, because="a test")


def test_an_exclusion_needs_a_reason(cohort):
    with pytest.raises(EndpointError, match="needs a reason"):
        cohort.where([True] * 4, because=" ")
    with pytest.raises(EndpointError, match="needs a reason"):
        cohort.where([True] * 4, because=None)


def test_questions_that_cannot_be_asked(cohort):
    with pytest.raises(EndpointError, match='Did you mean "adjuvant"'):
        cohort.setting("adjuvent")
    with pytest.raises(EndpointError, match="There are no comparator patients"):
        cohort.setting("comparator")
    with pytest.raises(EndpointError, match='no endpoint "oss"'):
        cohort.endpoint("oss")
    with pytest.raises(EndpointError, match='no column "sarcopenie"'):
        cohort["sarcopenie"]


def test_loaders_by_setting_take_the_plan_beside_the_file(write, small_plan, tmp_path):
    path = write([HEADER, *ROWS])
    assert load_adjuvant(path, small_plan).settings == ("adjuvant",)
    assert load_unresectable(path, small_plan).frame.index.tolist() == [4, 5]
    only_adjuvant = write([HEADER, *ROWS[:2]], "two.csv")
    with pytest.raises(EndpointError, match="There are no unresectable patients"):
        load_unresectable(only_adjuvant, small_plan)
    (tmp_path / "plan.toml").write_text(
        '[cohort]\nname = "x"\nid = "key"\nsetting = "setting"\n[endpoints.os]\nlabel = "OS"\nstart = "pump"\n'
        'last_seen = "contact"\nevents = { Death = "death" }\n', encoding="utf-8",
    )  # fmt: skip
    assert len(load_adjuvant(path)) == 2


def test_a_file_that_is_not_there_is_said_before_its_plan(tmp_path):
    with pytest.raises(CohortError, match="no such file"):
        load_adjuvant(tmp_path / "nope.csv")


def test_tcia_counts(workbook):
    """First event hepatic 61, extrahepatic 70, death 7, censored 59; liver at any time 81 (R, from the workbook)."""
    cohort = read_cohort(workbook, "cohorts/tcia_crlm/plan.toml")
    assert cohort.endpoint("first_site").counts == {"Liver": 61, "Extrahepatic": 70, "Death": 7, "censored": 59}
    assert cohort.endpoint("liver").counts["Liver"] == 81
    assert cohort.endpoint("os").counts == {"Death": 107, "censored": 90}
    assert cohort["clinrisk_score"].isna().sum() == 29
    with pytest.raises(CohortError):
        read_cohort(workbook, "cohorts/demo_centre/plan.toml")


def test_the_patients_of_one_centre():
    cohort = simulate_cohort(40, rng=np.random.default_rng(4), centres=3)
    assert cohort.centres == ("Centre 1", "Centre 2", "Centre 3")
    own = cohort.centre("Centre 2")
    assert len(own) == int((cohort.frame["centre"] == "Centre 2").sum())
    assert own.flow()["because"].tolist()[1] == "of 2 other centres"
    with pytest.raises(EndpointError, match=r'There is no centre "Centre 9"\. Did you mean '):
        cohort.centre("Centre 9")
