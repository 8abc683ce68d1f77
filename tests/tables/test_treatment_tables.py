"""Tables of two treatments: balance before and after, and crude, adjusted and weighted side by side."""

import numpy as np
import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.formatting import interval
from haip_outcomes.prognosis.treatments.treatments_compared import compare_treatments
from haip_outcomes.tables.disclosure import HIDDEN, Sharing
from haip_outcomes.tables.treatments import balance_table, treatment_table

LABELS = {"adjuvant": "Pump", "comparator": "No pump"}


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(11)
    cohort = haip.simulate_cohort(400, rng=rng, shares={"adjuvant": 1, "comparator": 1})
    passed_over = (cohort["setting"] == "adjuvant") & (cohort["sarcopenia"] == "Yes") & (rng.random(400) < 0.7)
    cohort = cohort.where(~passed_over, because="not offered a pump")
    return {name: compare_treatments(cohort, name, treatment="setting", confounders=["sarcopenia", "age"], times=[12, 36], replicates=40 if name == "os" else 0, rng=1)
            for name in ("os", "liver")}  # fmt: skip


def test_balance_before_and_after(found):
    table = balance_table(found["os"], labels=LABELS)
    assert table.header == ("Characteristic", "Pump", "No pump", "SMD", "Pump", "No pump", "SMD")
    assert table.spanners == (("", 1), ("Before weighting", 3), ("After weighting", 3))
    assert [row[0] for row in table.rows] == ["Sarcopenia", "No", "Yes", "Age at pump placement, years"]
    assert table.rows[2][1].endswith("%")
    assert abs(float(table.rows[2][3])) > 0.4
    assert abs(float(table.rows[2][6])) < 0.1
    other = balance_table(found["os"], ["node_positive"])
    assert [row[0] for row in other.rows] == ["node_positive", "No", "Yes"]
    assert "<table" in table.to_html()


def test_effects_side_by_side(found):
    table = treatment_table(found["os"], labels=LABELS)
    assert table.header == ("", "Crude", "Adjusted", "Weighted")
    rows = {row[0]: row[1:] for row in table.rows}
    tidy = found["os"].tidy(exponentiate=True)
    for place, model in enumerate(("crude", "adjusted", "weighted")):
        row = tidy[(tidy["measure"] == "hazard ratio") & (tidy["model"] == model)].iloc[0]
        assert rows["Hazard ratio (95% CI)"][place] == interval(row["estimate"], row["conf_low"], row["conf_high"])
    assert rows["Bootstrap 95% CI"][:2] == ("", "")
    assert rows["Bootstrap 95% CI"][2].startswith("(")
    assert rows["Patients, Pump / No pump"][2].endswith("(effective)")
    gap = tidy[(tidy["measure"] == "risk difference") & (tidy["model"] == "weighted") & (tidy["time"] == 36)].iloc[0]
    assert rows["Difference at 36 months, percentage points (95% CI)"][2] == interval(*(100 * gap[["estimate", "conf_low", "conf_high"]]), 0)
    assert any("What was not written down" in note for note in table.footnotes)


def test_competing_events_have_a_part_each(found):
    table = treatment_table(found["liver"])
    assert [row[0] for row, indent in zip(table.rows, table.indents, strict=True) if indent == 0] == ["Liver", "Death"]
    assert sum(row[0] == "Cause-specific hazard ratio (95% CI)" for row in table.rows) == 2
    assert not any("Mean time" in row[0] for row in table.rows)


def test_small_numbers_are_hidden_for_outside():
    rng = np.random.default_rng(2)
    cohort = haip.simulate_cohort(90, rng=rng, shares={"adjuvant": 1, "comparator": 2}, truth=haip.Truth(death=0.001), follow_up_months=20)
    shared = compare_treatments(cohort, treatment="setting", confounders=["age"], times=[12])
    events = shared.compared["n_event"]
    assert ((events > 0) & (events < 5)).any()
    policy = Sharing.of(cohort.frame.index)
    treatment_table(shared, policy=policy)
    policy.ledger.decide()
    table = treatment_table(shared, policy=policy)
    row = next(row for row in table.rows if row[0].startswith("Events"))
    assert HIDDEN in row[1]
    hidden = balance_table(shared, policy=policy)
    assert all(HIDDEN in row[1] for row in hidden.rows)
    assert not any(pd.isna(row[3]) for row in hidden.rows)
