"""Where other packages' tests of equal curves go wrong or mean another thing by a name (measured in November 2026): not here.

Each expected number is R's (survival 3.5-3, cmprsk 2.2-11); what the other package gives stands in the comment.
"""

import numpy as np
import pandas as pd
import pytest
from comparisons_reference import CASES, asked
from curves_reference import assert_close, data, hand, times

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.comparing.comparisons import logrank
from haip_outcomes.survival.comparing.gray_test import gray
from haip_outcomes.survival.time_to_event import TimeToEvent

R = {case["name"]: case for case in CASES}


def test_peto_is_survdiffs_rho_of_one():
    """lifelines: "peto" is the modified Peto-Peto (13.2128); "fleming-harrington" with p = 1, q = 0 is survdiff's rho = 1."""
    case = R["lung months sex 1"]
    tte, by, _ = asked(case)
    assert_close(logrank(tte, by, weighting="peto").statistic, case["statistic"][0])
    assert_close(logrank(tte, by, weighting=("fleming-harrington", 1, 0)).statistic, case["statistic"][0])
    assert round(case["statistic"][0], 4) == 13.0900
    statistics = pytest.importorskip("lifelines.statistics")
    theirs = statistics.multivariate_logrank_test(tte.time + 1, by, tte.state, weightings="fleming-harrington", p=1, q=0)
    assert_close(logrank(tte, by, weighting="peto").statistic, theirs.test_statistic)


def test_an_event_at_time_zero_counts_under_every_weighting():
    """lifelines: Fleming-Harrington stops at a time of 0 ("Unable to coerce to Series")."""
    for rho in (0, 1, 0.5, -1):
        case = R[f"lung months sex {rho}"]
        tte, by, _ = asked(case)
        assert tte.time.min() == 0
        assert_close(logrank(tte, by, weighting=("fleming-harrington", rho, 0)).statistic, case["statistic"][0])


def test_a_group_never_at_risk_takes_no_degree_of_freedom():
    """lifelines: 2 degrees of freedom, p 0.78; statsmodels: "Singular matrix". survdiff: 0.4848763 on 1, p 0.4862218."""
    found = logrank(hand([1, 2, 3, 4, 5, 6, 0.5], [1, 1, 1, 1, 1, 0, 0]), list("abababc"))
    assert found.df == 1
    assert round(found.statistic, 7) == 0.4848763
    assert round(found.p_value, 7) == 0.4862218


def test_strata_with_delayed_entry():
    """statsmodels: IndexError; lifelines and scikit-survival have neither."""
    case = R["heart"]
    tte, by, strata = asked(case)
    assert_close(logrank(tte, by, strata=strata).statistic, case["statistic"][0])


def test_entry_at_an_event_time_is_not_at_risk_there():
    """A closed interval (statsmodels' PHReg) puts who enters at t at risk at t: here two more at 2, one of each group."""
    tte = hand([1, 2, 3, 5, 6, 4], [1, 1, 1, 1, 0, 1], entry=[0, 0, 0, 2, 2, 1])
    by = np.array(list("abaabb"))
    u = (1 - 2 / 3) + (0 - 1 / 3) + (1 - 2 / 4) + (0 - 1 / 3) + (1 - 1 / 2)  # at 1, 2, 3, 4, 5; of group a
    v = 2 / 9 + 2 / 9 + 1 / 4 + 2 / 9 + 1 / 4
    assert_close(logrank(tte, by).statistic, u**2 / v)
    assert_close(u**2 / v, 8 / 21)  # the score test of coxph, 0.380952380952381


def test_gray_takes_ties_as_ties_and_the_same_twice():
    """lifelines jitters ties at random: its incidences differ from call to call. Months of mgus are heavily tied."""
    mgus = data("mgus")
    tte = times(mgus, "year", "state", "Progression", "Death")
    first, again = (gray(tte, mgus["agegroup"], cause="Death", strata=mgus["sex"]).statistic for _ in range(2))
    assert first == again
    assert_close(first, R["gray mgus years 0"]["statistic"][1])


def test_missing_groups_and_times_are_refused():
    """lifelines: a missing group is a third group (p 0.26), a missing time an early one; statsmodels: answers both, and negative times."""
    tte = hand([1, 2, 3, 4, 5], [1, 1, 1, 1, 1])
    for verb in (logrank, lambda *args: gray(*args, cause="Death")):
        with pytest.raises(EndpointError, match="by is missing in 1 row"):
            verb(tte, pd.Series(["a", "b", "a", "b", np.nan]))
    for time, advice in ((np.nan, "missing or infinite"), (np.inf, "missing or infinite"), (-1, "negative times")):
        with pytest.raises(EndpointError, match=advice):
            hand([1, 2, time], [1, 1, 0])


def test_a_state_of_two_is_not_two_deaths():
    """statsmodels: survdiff counts status 2 as two events."""
    frame = pd.DataFrame({"months": [1, 2, 3, 4], "status": [1, 2, 1, 0]})
    with pytest.raises(EndpointError, match="states other than 0"):
        TimeToEvent.from_frame(frame, time="months", state="status", states=["Death"])
    competing = TimeToEvent.from_frame(frame, time="months", state="status", states=["Liver", "Death"])
    with pytest.raises(EndpointError, match="compete"):
        logrank(competing, list("abab"))
