"""Checks, subgroups and REMARK as cells; cause-specific and subdistribution hazard ratios side by side."""

import numpy as np
import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.errors import HaipError
from haip_outcomes.tables.disclosure import Sharing
from haip_outcomes.tables.effects import effects_table
from haip_outcomes.tables.factor_checks import checks_table, remark_table, subgroups_table


@pytest.fixture(scope="module")
def cohort():
    return haip.demo_cohort()


@pytest.fixture(scope="module")
def found(cohort):
    return haip.factors(cohort, "os", ["age", "sarcopenia", "risk_score"], strata="setting", interactions=["sarcopenia*synchronous", "sarcopenia*age"])


def test_checks_have_a_row_a_model_and_factor(cohort, found):
    table = checks_table(found)
    assert [row[:2] for row in table.rows][:3] == [("Univariable", cohort.plan.label(name)) for name in ("age", "sarcopenia", "risk_score")]
    assert table.rows[-1][:2] == ("Multivariable", "All together")
    line = found.linearity.query("model == 'univariable' and term == 'age'").iloc[0]
    assert table.rows[0][5:7] == (f"{line['statistic']:.2f}", str(line["knots"]))
    assert table.rows[1][5:] == ("", "", "")
    few = checks_table(haip.factors(cohort.setting("unresectable"), "os", ["risk_score"]))
    assert few.footnotes[-1] == "Not tested: linearity, univariable, Clinical risk score: 4 different values are too few for a curve."


def test_subgroups_count_everybody_once(cohort, found):
    table = subgroups_table(found)
    heads = [row for row, indent in zip(table.rows, table.indents, strict=True) if indent == 0]
    assert [row[0] for row in heads] == ["Sarcopenia, Yes v No, by Synchronous liver metastases", "Sarcopenia, Yes v No, by Age at pump placement, years"]
    assert all(row[4] not in ("", "-") for row in heads)
    assert int(table.rows[2][1]) + int(table.rows[3][1]) == int(table.rows[1][1]) == 60
    assert table.rows[-1][0].endswith("(upper quartile)")
    assert table.rows[-1][1] == ""
    assert "no evidence that they differ" in " ".join(table.footnotes)
    with pytest.raises(HaipError, match="declare it"):
        subgroups_table(haip.factors(cohort, "os", ["age"]))
    with pytest.raises(HaipError, match="left out of a report for outside"):
        subgroups_table(found, policy=Sharing.of(haip.demo_cohort().frame.index))


def test_remark_has_its_twenty_items(found, tmp_path):
    table = remark_table(found)
    assert [row[0] for row in table.rows] == [str(item) for item in range(1, 21)]
    assert "DEMO-0" not in table.to_html()
    assert table.to_csv(tmp_path / "remark.csv").is_file()


def test_both_hazards_stand_side_by_side(cohort):
    liver = haip.factors(cohort, "liver", ["sarcopenia", "age"], cause="Liver", strata="setting")
    table = effects_table(liver)
    assert table.spanners == (("", 3), ("Cause-specific, univariable", 2), ("Cause-specific, multivariable", 2),
                              ("Subdistribution, univariable", 2), ("Subdistribution, multivariable", 2))  # fmt: skip
    yes = next(row for row in table.rows if row[0] == "Yes")
    for fit, cell in ((liver.univariable["sarcopenia"], 3), (liver.subdistribution["sarcopenia"], 7)):
        one = fit.tidy(exponentiate=True).iloc[0]
        assert yes[cell] == f"{one['estimate']:.2f} ({one['conf_low']:.2f}, {one['conf_high']:.2f})"
    number = next(row for row in table.rows if row[0].startswith("Age"))
    events = int((cohort.endpoint("liver").state == cohort.endpoint("liver").code("Liver")).sum())
    assert number[2] == str(events)
    assert "side" not in table.footnotes[0]
    assert any("rate of the event among those still free" in note for note in table.footnotes)


def test_whole_factors_and_penalties_are_marked():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"months": rng.exponential(20, 90) + 0.1, "died": rng.integers(0, 2, 90), "stage": rng.choice(["I", "II", "III"], 90),
                          "rare": np.where(np.arange(90) < 6, "yes", "no")})  # fmt: skip
    frame.loc[:5, "died"] = [1, 1, 0, 0, 0, 0]
    tte = haip.TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"])
    found = haip.factors(tte, frame, ["stage", "rare"], labels={"rare": "Rare thing"})
    table = effects_table(found)
    head = next(row for row in table.rows if row[0] == "stage")
    assert head[4] == f"{found.term_tests.loc[0, 'p_value']:.2f}"
    assert next(row for row in table.rows if row[0] == "Rare thing")[3:] == ("", "", "", "")
    assert next(row for row in table.rows if row[0] == "yes")[3].endswith("†")
    notes = " ".join(table.footnotes)
    assert '†: Firth\'s penalty, limits and p by profile penalised likelihood: univariable Rare thing (2 events among 6 patients with Rare thing "yes")' in notes
    assert "p beside a factor's name: all its levels together" in notes
    assert ">stage</th><td" in table.to_html()  # the row keeps its cells, it is no mere heading
