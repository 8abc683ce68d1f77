"""missing_table and imputed_table: the cells are those of the result, and a reader sees how many lack what."""

import numpy as np
import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import interval
from haip_outcomes.prognosis.missing.factors_with_imputation import imputed_factors
from haip_outcomes.tables.missing_values import imputed_table, missing_table

TERMS = ["age", "sarcopenia", "cea", "risk_score"]


@pytest.fixture(scope="module")
def cohort():
    return haip.demo_cohort().setting("unresectable")


@pytest.fixture(scope="module")
def found(cohort):
    return imputed_factors(cohort, "os", TERMS, multivariable=["sarcopenia", "cea", "risk_score"], imputations=20, rounds=5, rng=1)


def test_who_lacks_what(cohort, found):
    table = missing_table(found)
    cells = table.frame().set_index("")
    assert table.header == ("", "Patients", "Events (Death)", "For 100 patient-months", "p")
    assert cells.loc["Sarcopenia", "Patients"] == "none missing"
    assert cells.loc["    Missing", "Patients"].tolist() == ["4 (12%)", "4 (12%)"]
    gone = cohort["cea"].isna()
    os = cohort.endpoint("os")
    rate = 100 * (os.state[gone.to_numpy()] > 0).sum() / os.time[gone.to_numpy()].sum()
    assert float(cells.loc["    Missing", "For 100 patient-months"].iloc[0]) == round(rate, 2)
    p = haip.logrank(os, gone).p_value
    assert cells.loc["Carcinoembryonic antigen, µg/L", "p"] == f"{p:.3f}"
    assert cells.loc["    Nothing", "Patients"] == "30 (88%)"
    assert table.indents[-1] == 1
    assert "missing at random" in table.footnotes[-1]
    rows = [str(row) for row in cohort.frame.index[gone]]
    assert not any(row in note for note in table.footnotes for row in rows if len(row) > 2)


def test_a_cohort_and_a_result_say_the_same(cohort, found):
    assert missing_table(cohort, "os", TERMS).rows == missing_table(found).rows
    default = missing_table(haip.demo_cohort(), "liver")
    assert "Clinical risk score" in [row[0] for row in default.rows]  # the plan's factors
    assert default.header[2] == "Events (any event)"
    assert missing_table(haip.demo_cohort(), "liver", cause="Liver").header[2] == "Events (Liver)"


def test_many_patterns_are_added_up(cohort):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(300, 6)), columns=list("abcdef")).mask(rng.random((300, 6)) < 0.2)
    frame["months"], frame["dead"] = rng.exponential(20, 300), 1
    tte = haip.TimeToEvent.from_frame(frame, time="months", state="dead", states=["Death"])
    made = imputed_factors(tte, frame, list("abcdef"), multivariable=[], imputations=3, rounds=1, rng=1)
    table = missing_table(made)
    start = [row[0] for row in table.rows].index("Missing together") + 1
    assert len(table.rows) - start == 12
    assert table.rows[-1][0].startswith("Other ")
    assert sum(int(row[1].split(" ")[0]) for row in table.rows[start:]) == 300
    assert sum(int(row[2]) for row in table.rows[start:]) == 300


def test_imputed_beside_complete(found):
    table = imputed_table(found)
    assert [span for _, span in table.spanners] == [3, 3, 4]
    frame = table.frame()
    rows = found.tidy(exponentiate=True).query("model == 'multivariable'").set_index(["cases", "term"])
    cea = frame[frame["Characteristic"].str.startswith("Carcino")].iloc[0]
    for spanner, cases in (("Complete cases", "complete"), ("Imputed", "imputed")):
        row = rows.loc[(cases, "cea")]
        assert cea[f"{spanner}: HR (95% CI)"] == interval(row["estimate"], row["conf_low"], row["conf_high"])
        assert cea[f"{spanner}: n"] == str(row["n"])
    assert (cea["Missing"], cea["Events"]) == ("4 (12%)", "17")
    assert cea["Imputed: Information missing"] == f"{100 * rows.loc[('imputed', 'cea'), 'fraction_missing']:.0f}%"
    assert frame[frame["Characteristic"] == "Sarcopenia"]["Missing"].tolist() == ["none"]
    assert frame[frame["Characteristic"] == "    No"]["Imputed: HR (95% CI)"].tolist() == ["reference"]
    assert any(note.startswith("Cox") for note in table.footnotes)
    assert "Age" in imputed_table(found, model="univariable").frame()["Characteristic"].iloc[0]
    assert "<table" in table.to_html()


def test_a_model_that_failed_is_said(cohort):
    made = imputed_factors(cohort, "os", ["cea", "risk_score", "age", "n_metastases", "largest_cm"], multivariable=["cea", "risk_score", "age", "n_metastases"],
                           imputations=10, rounds=3, rng=1)  # fmt: skip
    table = imputed_table(made, model="multivariable")
    assert all(row[4] == "not fitted" for row in table.rows)
    assert any("Refused, multivariable, complete cases" in note and "can't carry" in note for note in table.footnotes)


def test_what_is_refused(cohort, found):
    with pytest.raises(EndpointError, match="Which endpoint's events"):
        missing_table(cohort)
    with pytest.raises(EndpointError, match=r'no column "ceaa".*"cea"'):
        missing_table(cohort, "os", ["ceaa"])
    with pytest.raises(EndpointError, match="No columns"):
        missing_table(cohort, "os", [])
    with pytest.raises(EndpointError, match="takes a Cohort or what imputed_factors returned"):
        missing_table(cohort.frame, "os")
    with pytest.raises(EndpointError, match="must be"):
        imputed_table(found, model="both")
    alone = imputed_factors(cohort, "os", ["cea"], imputations=5, rounds=2, rng=1)
    with pytest.raises(EndpointError, match="no multivariable model"):
        imputed_table(alone, model="multivariable")
