"""The table of validated models."""

import numpy as np
import pandas as pd
import pytest

from haip_outcomes.prognosis.validation.own_models import cox_model
from haip_outcomes.prognosis.validation.whole_models import validate
from haip_outcomes.survival.time_to_event import TimeToEvent
from haip_outcomes.tables.disclosure import Sharing
from haip_outcomes.tables.validation_tables import validation_table


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"months": rng.exponential(20, 80).round(1) + 0.1, "died": (rng.random(80) < 0.7).astype(int), "age": rng.normal(60, 8, 80), "sex": ["m", "f"] * 40})
    tte = TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"])
    models = {"One": cox_model(["age"]), "By sex": cox_model(["age"], strata="sex")}
    return validate(tte, frame, models, times=[6, 12], replicates=20, rng=1, decision=[0.3])


def rows_below(table, heading):
    """Cells by model of the measure, the first one under that heading."""
    at = next(i for i, row in enumerate(table.rows) if row[0] == heading)
    return {row[0]: row[1:] for row in table.rows[at + 1 : at + 3]}


def test_under_every_measure_a_row_a_model(found):
    table = validation_table(found, name="os_models", title="Overall survival")
    assert (table.name, table.title) == ("os_models", "Overall survival")
    assert table.header == ("", "Apparent", "Corrected (95% CI)", "Out of bag")
    names = [row[0] for row in table.rows]
    assert names[:6] == ["Harrell's C", "One", "By sex", "Uno's C, events up to 12 months", "One", "By sex"]
    assert [name for name in names if "AUC" in name] == ["AUC at 6 months", "AUC at 12 months"]
    assert not any("benefit" in name for name in names)
    at = names.index("AUC at 6 months")
    assert [table.indent(at + k) for k in (0, 1, 2)] == [0, 1, 1]
    row = found.tidy().query("model == 'One' and measure == 'AUC' and time == 6").iloc[0]
    cells = table.rows[at + 1]
    assert cells == ("One", f"{row['apparent']:.3f}", f"{row['estimate']:.3f} ({row['conf_low']:.3f}, {row['conf_high']:.3f})", f"{row['out_of_bag']:.3f}")
    hazard = rows_below(table, "Slope of the log hazard")
    assert hazard["One"][0] == "1.00"
    assert hazard["By sex"] == ("-", "-", "-")  # a stratified model has none
    assert found.method in table.footnotes
    assert any("slope" in note for note in table.footnotes)
    assert table.footnotes[0].startswith("Corrected: apparent")


def test_one_model_has_a_row_a_measure(found):
    alone = validate(found.tte, pd.DataFrame({"age": np.arange(80.0)}), {"One": cox_model(["age"])}, times=[6, 12], replicates=20, rng=1, correction=".632+")
    table = validation_table(alone)
    names = [row[0] for row in table.rows]
    assert names[:2] == ["Harrell's C", "Uno's C, events up to 12 months"]
    assert "One" not in names
    row = alone.tidy().query("measure == 'Brier score' and time == 6").iloc[0]
    assert table.rows[names.index("At 6 months") + 2][2] == f"{row['estimate']:.3f} ({row['conf_low']:.3f}, {row['conf_high']:.3f})"
    assert row["estimate"] == row["plus_632"]
    slope = table.rows[names.index("Slope of the log hazard")]
    assert slope[2].endswith("*")
    assert slope[2].startswith(slope[3])  # out of bag, for .632+ is not defined
    assert table.footnotes[0].startswith("Corrected: by .632+")


def test_out_of_bag_stands_there_once(found):
    frame = pd.DataFrame({"age": np.arange(80.0)})
    models = {"One": cox_model(["age"]), "Own": lambda tte, x: cox_model(["age"]).fit(tte, x)}
    table = validation_table(validate(found.tte, frame, models, times=[6], replicates=20, rng=1))
    assert table.header == ("", "Apparent", "Out of bag (95% CI)")
    assert table.title == "Prediction of Death, out of bag"
    c = rows_below(table, "Harrell's C")
    assert c["One"] == c["Own"]
    assert any(note.startswith("Own may nearly learn patients by heart") for note in table.footnotes)


def test_without_the_apparent_values_and_for_sharing(found):
    table = validation_table(found, apparent=False)
    assert table.header == ("", "Corrected (95% CI)", "Out of bag")
    assert "<table" in table.to_html()
    shared = validation_table(found, policy=Sharing.of(found.tte.index))
    assert not any("80 patients" in note for note in shared.footnotes)
