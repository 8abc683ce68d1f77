"""Tests of proportional hazards against R's cox.zph, by brute force, and in what must not matter."""

import numpy as np
import pandas as pd
import pytest
from cox_reference import MODELS, assert_close, fitted, table

from haip_outcomes.errors import EndpointError
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.hazards.diagnostics import events_per_term, proportional_hazards
from haip_outcomes.survival.hazards.partial_likelihood import likelihood, sorted_times
from haip_outcomes.survival.time_to_event import TimeToEvent

CASES = [(name, transform) for name, model in MODELS.items() for transform in model["zph"]]


@pytest.mark.parametrize(("name", "transform"), CASES)
def test_r_cox_zph(name, transform):
    r = MODELS[name]["zph"][transform]
    ours = proportional_hazards(fitted(name), transform=transform).tidy().set_index("term")
    assert set(ours.index) == set(r["term"])
    ours = ours.loc[r["term"]]
    assert_close(ours["statistic"], r["statistic"], 1e-6)
    assert ours["df"].tolist() == r["df"]
    assert_close(ours["p_value"], r["p_value"], 1e-6)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_it_is_the_score_test_of_a_drift(ties):
    """Cut every patient at every death, add x g(t) as a covariate, and test its coefficient at the fitted b."""
    frame = table("lung").iloc[:60].reset_index(drop=True)
    tte = TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    fit = cox(tte, design(frame, ["age", "sex"]), ties=ties)
    deaths = np.unique(tte.time[tte.state > 0])
    g = np.interp(tte.time[tte.state > 0], deaths, deaths)
    centre = g.mean()
    rows = [
        (i, *limits)
        for i in range(60)
        for limits in zip(np.r_[-1.0, deaths[:-1]], deaths, strict=True)
        if limits[0] < tte.time[i]
    ]
    who, start, stop = (np.array(column) for column in zip(*rows, strict=True))
    stop = np.minimum(stop, tte.time[who])
    event = (tte.state[who] > 0) & (stop == tte.time[who])
    x = fit.pieces.x[who]
    wide = np.column_stack([x, x * (stop - centre)[:, None]])
    at = likelihood(sorted_times(start, stop, event, ties=ties), wide, np.r_[fit.coefficients, 0, 0])
    assert np.abs(at.score[:2]).max() < 1e-8
    found = proportional_hazards(fit, transform="identity")
    assert found.statistic == pytest.approx(at.score @ np.linalg.solve(at.information, at.score), rel=1e-8)
    for j, term in enumerate(["age", "sex"]):
        chosen = [0, 1, 2 + j]
        one = at.score[chosen] @ np.linalg.solve(at.information[np.ix_(chosen, chosen)], at.score[chosen])
        assert found.tidy().set_index("term")["statistic"][term] == pytest.approx(one, rel=1e-8)


def test_a_row_a_term_then_global():
    found = proportional_hazards(fitted("veteran"))
    tidy = found.tidy()
    assert list(tidy.columns) == ["term", "statistic", "df", "p_value"]
    assert tidy["term"].tolist() == ["trt", "celltype", "karno", "diagtime", "age", "prior", "GLOBAL"]
    assert tidy["df"].tolist() == [1, 3, 1, 1, 1, 1, 8]
    assert (found.df, found.p_value) == (8, tidy["p_value"].iloc[-1])
    assert "Kaplan-Meier" in found.method


def test_scale_of_covariates_and_unit_of_time_do_not_matter():
    frame = table("veteran")
    tte = TimeToEvent.from_frame(frame, time="time", state="status", states=["Death"])
    months = TimeToEvent.from_frame(
        frame.assign(time=frame["time"] / 30), time="time", state="status", states=["Death"]
    )
    wild = frame.assign(karno=frame["karno"] * 1e6 - 1e7)
    for transform in ("km", "rank", "identity", "log"):
        first = proportional_hazards(cox(tte, design(frame, ["karno", "age"])), transform=transform).tidy()[
            "statistic"
        ]
        other = proportional_hazards(cox(months, design(wild, ["karno", "age"])), transform=transform).tidy()[
            "statistic"
        ]
        assert other.tolist() == pytest.approx(first.tolist(), rel=1e-8)


def test_refusals():
    fit = fitted("lung_months")
    with pytest.raises(EndpointError, match="needs event times above 0"):
        proportional_hazards(fit, transform="log")
    with pytest.raises(EndpointError, match="transform must be"):
        proportional_hazards(fit, transform="sqrt")


def test_a_single_event_time_has_no_test():
    frame = pd.DataFrame({"time": [1, 1, 1, 2, 2, 2], "death": [1, 1, 1, 0, 0, 0], "x": [1.0, 5, 2, 3, 1, 4]})
    tte = TimeToEvent.from_frame(frame, time="time", state="death", states=["Death"])
    assert np.isnan(proportional_hazards(cox(tte, design(frame, ["x"])), transform="identity").p_value)


def test_events_per_term():
    assert events_per_term(fitted("ovarian")) == 3
