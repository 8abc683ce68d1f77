"""Where other packages go wrong with curves and incidences (as measured in November 2026), and that we do not."""

import numpy as np
import pandas as pd
import pytest
from curves_reference import assert_close, data, hand, reference, times

from haip_outcomes.survival.counts import at_risk_table
from haip_outcomes.survival.curves.aalen_johansen import cumulative_incidence
from haip_outcomes.survival.curves.kaplan_meier import survival_curve
from haip_outcomes.survival.curves.mean_survival import restricted_mean

STATES = ("Progression", "Death")


def test_ties_are_not_jittered():
    """lifelines' AalenJohansenFitter moves tied times at random: up to 0.029 of incidence, another answer each call."""
    mgus = data("mgus")
    tte = times(mgus, "year", "state", *STATES)
    first = cumulative_incidence(tte).tidy()
    for _ in range(3):
        pd.testing.assert_frame_equal(cumulative_incidence(tte).tidy(), first, check_exact=True)
    theirs = pd.DataFrame(reference()["mgus years cmprsk"]).query("cause == 1 and group == 'F'")
    ours = cumulative_incidence(tte, mgus["sex"]).tidy().query("outcome == 'Progression' and group == 'F'")
    assert_close(ours["estimate"], theirs["estimate"])


@pytest.mark.parametrize("variance", ["cmprsk", "infinitesimal-jackknife"])
def test_an_event_in_the_first_row_is_not_lost(variance):
    """lifelines loses it: the incidence of the first patient's event, at any time of it, must be counted."""
    for time in ([1, 4, 6, 9], [9, 4, 6, 1], [4, 4, 1, 9]):
        fit = cumulative_incidence(hand(time, [1, 2, 0, 0], "Liver", "Death"), variance=variance).tidy()
        assert fit.groupby("outcome")["n_event"].sum().to_dict() == {"Liver": 1, "Death": 1}
        liver = fit.query("outcome == 'Liver'")
        assert liver["estimate"].iloc[-1] > 0
        assert liver.loc[liver["time"] == time[0], "n_event"].item() == 1


def test_the_standard_error_of_a_restricted_mean_is_not_the_spread_of_times():
    """lifelines returns Var(min(T, t)) as the variance: `lung` by sex p 0.71 instead of 0.0009 (horizon 965 days)."""
    lung = data("lung")
    mean = restricted_mean(survival_curve(times(lung, "time", "status"), lung["sex"]), horizon=965)
    assert round(mean.contrast()["p_value"].item(), 4) == 0.0009
    many = pd.concat([lung] * 4, ignore_index=True)
    more = restricted_mean(survival_curve(times(many, "time", "status"), many["sex"]), horizon=965)
    assert_close(more.std_error, mean.std_error / 2)  # four times the patients, half the standard error


@pytest.mark.parametrize(
    ("time", "state", "median"),
    [
        ([1, 2, 3, 4], [1, 1, 1, 1], 2.5),  # R: the middle of the stretch at one half; elsewhere 2 or 3
        ([2, 4, 6, 8, 10, 12], [1, 1, 1, 0, 1, 1], 8.0),  # from 6 to 10
        ([1, 2, 3, 4], [1, 1, 0, 0], 3.0),  # it never leaves one half: median(fit) ends the stretch with follow-up
    ],
)
def test_median_on_a_plateau_is_its_middle(time, state, median):
    assert survival_curve(hand(time, state)).median()["estimate"].item() == median


def test_at_risk_columns_of_rounded_lung_add_up():
    """Counting up to and including 6 months gives 253 of 228 patients (survminer, lifelines issues 1316 and 1383)."""
    lung = data("lung")
    for by in (None, lung["sex"], lung["ecog"].fillna("unknown")):
        table = at_risk_table(times(lung, "month", "status"), np.arange(0, 36, 3), by)
        total = table[["n_risk", "n_event", "n_censor"]].sum(axis=1).groupby(table["time"]).sum()
        assert (total == 228).all()


def test_nothing_is_accepted_in_silence():
    from haip_outcomes.errors import EndpointError

    frame = pd.DataFrame({"t": [1.0, 2.0, 3.0], "s": [1, 0, 1]})
    for column, wrong in (("t", np.nan), ("t", -1.0), ("t", np.inf), ("s", np.nan), ("s", 2), ("s", -1)):
        bad = frame.astype(float)
        bad.loc[1, column] = wrong
        with pytest.raises(EndpointError, match="index 1"):
            times(bad, "t", "s")
    tte = times(frame, "t", "s")
    for weights in ([1, np.nan, 1], [1, -1, 1], [0, 0, 0], [1, np.inf, 1]):
        with pytest.raises(EndpointError, match="weights must be"):
            survival_curve(tte, weights=weights)
    for by in (["a", None, "b"], [1.0, np.nan, 2.0], pd.Categorical(["a", None, "b"])):
        for verb in (survival_curve, cumulative_incidence):
            with pytest.raises(EndpointError, match="by is missing in 1 row"):
                verb(tte, by)
    with pytest.raises(EndpointError, match="must have the same index"):
        survival_curve(tte, pd.Series(list("abc"), index=[1, 2, 3]))
