"""Curves of the public workbook of 197 resected patients against R: tcia_curves.R."""

from dataclasses import replace

import numpy as np
import pytest
from curves_reference import assert_close, reference

import haip_outcomes as haip
from haip_outcomes.survival.curves.mean_survival import restricted_mean

AT = [6, 12, 24, 36, 60, 96, 120]


@pytest.fixture(scope="module")
def cohort(workbook):
    return haip.read_cohort(workbook, "cohorts/tcia_crlm/plan.toml")


def whole(tte):
    return replace(tte, time=np.round(tte.time))


def test_survival_and_follow_up(cohort):
    os, chemotherapy = cohort.endpoint("os"), cohort["chemo_before_liver_resection"]
    for case, curve in (("os", haip.survival_curve(os)), ("os by chemotherapy", haip.survival_curve(os, chemotherapy)),
                        ("os whole months", haip.survival_curve(whole(os))), ("os follow-up", haip.follow_up(os))):  # fmt: skip
        theirs, at, median = reference("tcia_curves")[case], curve.at(AT), curve.median()
        for column in ("estimate", "std_error", "conf_low", "conf_high", "n_risk"):
            assert_close(at[column], theirs[column], f"{case}: {column}")
        for column, its in (("estimate", "median"), ("conf_low", "median_low"), ("conf_high", "median_high")):
            assert_close(median[column], theirs[its], f"{case}: {its}")
        mean = restricted_mean(curve, horizon=60)
        assert_close(mean.estimate, theirs["mean60"], f"{case}: mean")
        assert_close(mean.std_error, theirs["mean60_se"], f"{case}: standard error of the mean")


def test_incidence(cohort):
    first, chemotherapy = cohort.endpoint("first_site"), cohort["chemo_before_liver_resection"]
    for case, tte, by in (("liver", cohort.endpoint("liver"), None), ("first site", first, None),
                          ("first site by chemotherapy", first, chemotherapy), ("first site whole months", whole(first), None)):  # fmt: skip
        theirs = reference("tcia_curves")[case]
        for variance, name, estimate in (("cmprsk", "cmprsk", "estimate"), ("infinitesimal-jackknife", "jackknife", "aalen")):
            at = haip.cumulative_incidence(tte, by, variance=variance).at(AT)
            order = at["outcome"].map({outcome: k for k, outcome in enumerate(tte.states)})
            ours = at.assign(order=order).sort_values(["group", "order", "time"], kind="stable")
            for column, its in (("estimate", estimate), ("std_error", f"{name}_se"), ("conf_low", f"{name}_low"), ("conf_high", f"{name}_high")):
                assert_close(ours[column], theirs[its], f"{case}: {its}")
