"""Table 1 against counts made by hand."""

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.errors import EndpointError
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.plan import make_plan
from haip_outcomes.tables.baseline import baseline_table, standardised_difference

PLAN = {
    "cohort": {"name": "Eight", "id": "key", "setting": "setting"},
    "columns": {
        "age": {"label": "Age", "kind": "number", "unit": "years"},
        "sarcopenia": {"label": "Sarcopenia", "levels": {"0": "No", "1": "Yes"}},
        "primary": {"label": "Primary tumour", "levels": {"l": "Left colon", "r": "Right colon", "c": "Rectum"}},
        "cea": {"label": "CEA, ng/mL", "kind": "number"},
        "stricture": {"label": "Biliary stricture", "levels": {"0": "No", "1": "Yes"}},
        "notes": {"kind": "text"},
        "pump": {"kind": "date"},
    },
    "endpoints": {"os": {"label": "Overall survival", "start": "pump", "last_seen": "contact", "events": {"Death": "death"}}},
    "programme": {"biliary_sclerosis": {"label": "Biliary stricture", "column": "stricture"}},
}  # fmt: skip


@pytest.fixture
def cohort():
    yes_no = pd.CategoricalDtype(["No", "Yes"])
    frame = pd.DataFrame({
        "setting": pd.Categorical(["adjuvant"] * 3 + ["unresectable"] * 5, ["adjuvant", "unresectable", "comparator"]),
        "age": [50, 60, 70, 40, 50, 60, 70, np.nan],
        "sarcopenia": pd.Categorical(["Yes", "No", "No", "Yes", "Yes", "Yes", None, "No"], dtype=yes_no),
        "primary": pd.Categorical(["Left colon", "Rectum", "Left colon", "Right colon", "Rectum", "Rectum", "Left colon", "Left colon"],
                                  ["Left colon", "Right colon", "Rectum"]),
        "cea": [0.5, 1.25, 3.75, 10.0, 12.5, 2.0, 8.0, 4.5],
        "stricture": pd.Categorical(["No"] * 8, dtype=yes_no), "notes": "secret", "pump": pd.Timestamp("2020-01-01"),
    }, index=range(2, 10))  # fmt: skip
    return Cohort(make_plan(PLAN), frame, Source("eight.csv", "0" * 64, 8))


def test_counts_medians_and_missing_are_those_made_by_hand(cohort):
    table = baseline_table(cohort, by="setting")
    assert table.header == (
        "Characteristic",
        "All (n = 8)",
        "Adjuvant (n = 3)",
        "Unresectable (n = 5)",
        "Standardised difference",
    )
    cells = {row[0]: row[1:] for row in table.rows if row[0] != "Missing"}
    # ages 40 50 50 60 60 70 70 of seven; 50 60 70; 40 50 60 70 of four
    assert cells["Age, years, median (IQR)"][:3] == ("60 (50, 65)", "60 (55, 65)", "55 (47.5, 62.5)")
    assert cells["Sarcopenia, n (%)"][:3] == ("4 (57%)", "1 (33%)", "3 (75%)")
    assert cells["Left colon"][:3] == ("4 (50%)", "2 (67%)", "2 (40%)")
    assert cells["Right colon"][:3] == ("1 (12%)", "0 (0%)", "1 (20%)")
    assert [row for row in table.rows if row[0] == "Missing"] == [("Missing", "1", "0", "1", "")] * 2
    assert table.indents == (0, 1, 0, 1, 0, 1, 1, 1, 0)
    assert "known value" in table.footnotes[0]
    assert "10.1002/sim.3697" in table.footnotes[-1]


def test_default_columns_are_those_known_beforehand(cohort):
    names = " ".join(row[0] for row in baseline_table(cohort).rows)
    assert "Biliary" not in names
    assert "notes" not in names
    assert "Setting" not in names
    assert "CEA, ng/mL, median (IQR)" in names


def test_nothing_of_a_patient_is_shown(cohort):
    table = baseline_table(cohort, by="sarcopenia")
    assert table.header[2:4] == ("No (n = 3)", "Yes (n = 4)")
    assert "1 patient without sarcopenia only under All." in table.footnotes
    assert "secret" not in table.to_html()


def test_a_column_of_text_or_none_is_refused(cohort):
    with pytest.raises(EndpointError, match="holds text"):
        baseline_table(cohort, columns=["notes"])
    with pytest.raises(EndpointError, match="Did you mean"):
        baseline_table(cohort, columns=["sarcopenja"])
    with pytest.raises(EndpointError, match="not a category"):
        baseline_table(cohort, by="pump")


def test_standardised_difference_of_numbers_and_of_two_levels():
    one, two = pd.Series([1.0, 2.0, 3.0, np.nan]), pd.Series([2.0, 4.0, 6.0])
    assert standardised_difference(one, two) == pytest.approx(2 / np.sqrt((1 + 4) / 2))
    p, q = 1 / 3, 3 / 4
    expected = abs(p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    assert standardised_difference(_levels("YNN"), _levels("YYYN")) == pytest.approx(expected)


def test_standardised_difference_of_three_levels_by_hand():
    # T = (1/4, 1/2), C = (1/2, 1/4) for the levels after the first; S = ((7/32, -1/8), (-1/8, 7/32))
    t, c = np.array([1 / 4, 1 / 2]), np.array([1 / 2, 1 / 4])
    s = np.array([[7 / 32, -1 / 8], [-1 / 8, 7 / 32]])
    expected = np.sqrt((t - c) @ np.linalg.inv(s) @ (t - c))
    assert standardised_difference(_levels("ABCC", "ABC"), _levels("ABBC", "ABC")) == pytest.approx(expected)
    assert expected == pytest.approx(np.sqrt(4 / 11))


def test_standardised_difference_at_its_edges():
    assert standardised_difference(_levels("YY"), _levels("NN")) == np.inf
    assert standardised_difference(_levels("AB", "ABC"), _levels("CC", "ABC")) == np.inf
    assert standardised_difference(_levels("YY"), _levels("YYY")) == 0
    assert standardised_difference(pd.Series([2.0, 2.0]), pd.Series([2.0, 2.0])) == 0
    assert standardised_difference(pd.Series([2.0, 2.0]), pd.Series([3.0, 3.0])) == np.inf
    assert np.isnan(
        standardised_difference(pd.Series([2.0, 4.0]), pd.Series([3.0]))
    )  # one value has no variance
    assert np.isnan(standardised_difference(pd.Series([np.nan]), pd.Series([2.0])))


def _levels(letters, levels="NY"):
    return pd.Series(pd.Categorical(list(letters), list(levels)))
