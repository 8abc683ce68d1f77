"""The public comparator cohort of 197 resected patients, against R (survival 3.5-3, cmprsk 2.2-11) as issue 2 states it."""

import pytest

import haip_outcomes as haip


@pytest.fixture(scope="module")
def cohort(workbook):
    return haip.read_cohort(workbook, "cohorts/tcia_crlm/plan.toml")


def test_overall_survival(cohort):
    curve = haip.survival_curve(cohort.endpoint("os"))
    assert round(float(curve.median()["estimate"].iloc[0])) == 76
    assert curve.at([12, 36, 60])["estimate"].round(3).tolist() == [0.970, 0.781, 0.627]


def test_the_four_numbers_called_liver_recurrence(cohort):
    """At 60 months: incidence 0.396 (any time) and 0.302 (first site); one minus Kaplan-Meier 0.414 and 0.376."""
    for endpoint, incidence, one_minus_km in (("liver", 0.396, 0.414), ("first_site", 0.302, 0.376)):
        tte = cohort.endpoint(endpoint)
        at = haip.cumulative_incidence(tte).at([60])
        assert round(float(at.loc[at["outcome"] == "Liver", "estimate"].iloc[0]), 3) == incidence
        curve = haip.survival_curve(tte.only("Liver"))
        assert round(1 - float(curve.at([60])["estimate"].iloc[0]), 3) == one_minus_km


def test_gray_by_preoperative_chemotherapy(cohort):
    first, chemotherapy = cohort.endpoint("first_site"), cohort["chemo_before_liver_resection"]
    test = haip.gray(first, chemotherapy, cause="Liver")
    assert round(test.statistic, 4) == 7.0207
    assert round(test.p_value, 4) == 0.0081
    at = haip.cumulative_incidence(first, chemotherapy).at([60])
    liver = at[at["outcome"] == "Liver"].set_index("group")["estimate"].round(4)
    assert liver.to_dict() == {"No": 0.1915, "Yes": 0.3703}


def test_cox_for_death(cohort):
    terms = ["age", "sex", "extrahep_disease", "clinrisk_score", "chemo_before_liver_resection"]
    fit = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, terms, missing="complete-case"))
    glance = fit.glance().iloc[0]
    assert (glance["n"], glance["n_event"]) == (168, 90)
    hr = fit.tidy(exponentiate=True).set_index("term")[["estimate", "conf_low", "conf_high"]].round(3)
    assert hr.loc["extrahep_disease"].tolist() == [2.062, 0.982, 4.332]
    # R 4.2.2, survival 3.5-3, coxph: 1.353544 (1.083471, 1.690937). The 1.084 of the text is 1.08347 rounded twice.
    assert hr.loc["clinrisk_score"].tolist() == [1.354, 1.083, 1.691]
    assert "168 of 197 patients" in fit.method
