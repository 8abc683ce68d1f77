"""Effects, survival, incidence, proportions and comparisons as cells."""

import math

import numpy as np
import pandas as pd
import pytest

import haip_outcomes as haip
from haip_outcomes.errors import HaipError
from haip_outcomes.figures.forest import plot_comparisons, plot_forest
from haip_outcomes.programme.safety_and_delivery import Proportions
from haip_outcomes.survival.curves.aalen_johansen import cumulative_incidence
from haip_outcomes.survival.curves.kaplan_meier import survival_curve
from haip_outcomes.survival.time_to_event import TimeToEvent
from haip_outcomes.tables.comparisons import comparison_table, title_of, value_text
from haip_outcomes.tables.effects import effects_frame, effects_table
from haip_outcomes.tables.outcomes import incidence_table, proportions_table, survival_table


@pytest.fixture(scope="module")
def cohort():
    return haip.demo_cohort()


@pytest.fixture(scope="module")
def fitted(cohort):
    return haip.factors(cohort, "os", ["sarcopenia", "risk_score"], strata="setting")


@pytest.fixture(scope="module")
def compared(cohort):
    return haip.compare(cohort, haip.published(source=["chakedis2018", "buisman2019", "duke2025"]))


def test_effects_have_reference_rows_and_counts_that_add_up(cohort, fitted):
    table = effects_table(fitted)
    rows = {row[0]: row for row in table.rows}
    assert [row[0] for row in table.rows] == ["Sarcopenia", "No", "Yes", cohort.plan.label("risk_score")]
    assert table.indents == (0, 1, 1, 0)
    assert rows["No"][3] == "reference" == rows["No"][5]
    assert int(rows["No"][1]) + int(rows["Yes"][1]) == 60
    died = int((cohort.endpoint("os").state > 0).sum())
    assert int(rows["No"][2]) + int(rows["Yes"][2]) == died
    known = int(cohort["risk_score"].notna().sum())
    assert rows[cohort.plan.label("risk_score")][1] == str(known)
    assert table.spanners == (("", 3), ("Univariable", 2), ("Multivariable", 2))
    estimate = fitted.univariable["sarcopenia"].tidy(exponentiate=True).iloc[0]
    assert (
        rows["Yes"][3]
        == f"{estimate['estimate']:.2f} ({estimate['conf_low']:.2f}, {estimate['conf_high']:.2f})"
    )
    notes = " ".join(table.footnotes)
    assert "HR: hazard ratio" in notes
    assert "Efron ties" in notes
    assert f"{known} of 60 patients" in notes


def test_counts_of_a_level_are_those_of_the_model_they_stand_beside(cohort, fitted):
    frame = effects_frame(fitted).set_index(["model", "label", "level"])
    both = cohort["risk_score"].notna() & (cohort["sarcopenia"] == "Yes")
    assert frame.loc[("multivariable", "Sarcopenia", "Yes"), "n"] == int(both.sum())
    assert frame.loc[("univariable", "Sarcopenia", "Yes"), "n"] == int((cohort["sarcopenia"] == "Yes").sum())
    reference = cohort["risk_score"].notna() & (cohort["sarcopenia"] == "No")
    died = pd.Series(cohort.endpoint("os").state > 0, index=cohort.frame.index)
    assert frame.loc[("multivariable", "Sarcopenia", "No"), "n_event"] == int((reference & died).sum())


def test_a_refused_term_stays_in_its_place_with_its_reason(cohort):
    adjuvant = cohort.setting("adjuvant")
    found = haip.factors(adjuvant, "os", ["sarcopenia", "extrahepatic_disease"])
    table = effects_table(found)
    assert any("Refused, univariable, Extrahepatic disease" in note for note in table.footnotes)
    assert all(len(row) == len(table.header) for row in table.rows)
    assert not effects_frame(found).query("label.str.startswith('Extrahepatic')")["estimate"].notna().any()
    plot_forest(found)


def small(states=("Death",)):
    """Ten patients; months 1 to 10; the second state, when there is one, has every third."""
    state = [1, 0, 1, 1, 0, 1, 0, 1, 0, 0]
    if len(states) > 1:
        state = [1, 0, 2, 1, 0, 2, 0, 1, 0, 0]
    frame = pd.DataFrame({"t": np.arange(1.0, 11), "s": state, "g": ["a", "b"] * 5})
    return TimeToEvent.from_frame(
        frame, time="t", state="s", states=list(states), label="Overall survival", time_zero="surgery"
    ), frame


def test_survival_table_has_the_values_of_the_curve_and_no_carried_ones():
    tte, frame = small()
    table = survival_table(survival_curve(tte), [1, 5, 99])
    assert table.header == (
        "Group",
        "n",
        "Events",
        "Median, months (95% CI)",
        "1 months (95% CI)",
        "5 months (95% CI)",
        "99 months (95% CI)",
    )
    # 9/10 x 7/8 x 6/7 = 0.675 at 5; then 4/5 at 6 and 2/3 at 8: 0.54, 0.36, so the median is month 8
    assert table.rows[0][:3] == ("All", "10", "5")
    assert table.rows[0][3].startswith("8.0 (")
    assert table.rows[0][4].startswith("90% (")
    assert table.rows[0][5].startswith("68% (") or table.rows[0][5].startswith("67% (")
    assert table.rows[0][6] == "-"
    assert "nobody was followed that long" in " ".join(table.footnotes)
    assert table.title == "Overall survival, from surgery"
    grouped = survival_table(survival_curve(tte, frame["g"]), [1], by_label="Group of two")
    assert [row[0] for row in grouped.rows] == ["a", "b"]
    assert sum(int(row[1]) for row in grouped.rows) == 10


def test_survival_of_zero_is_printed_also_when_nobody_is_left():
    frame = pd.DataFrame({"t": [1.0, 2.0], "s": [1, 1]})
    table = survival_table(
        survival_curve(TimeToEvent.from_frame(frame, time="t", state="s", states=["Death"])), [5]
    )
    assert table.rows[0][4].startswith("0%")


def test_a_cause_censored_table_keeps_its_caution():
    tte, _ = small(("Liver", "Death"))
    assert "not the probability of the event" in " ".join(
        survival_table(survival_curve(tte.only("Liver")), [5]).footnotes
    )


def test_incidence_table_by_hand():
    tte, frame = small(("Liver", "Death"))
    table = incidence_table(cumulative_incidence(tte), [4])
    # Liver: 1/10 at 1, then S = 9/10, at 4 (S- = 9/10 x 7/8, 7 at risk) 0.1125: 0.2125; Death: 9/10 x 1/8 = 0.1125
    assert [(row[0], row[1], row[2], row[3].split(" ")[0]) for row in table.rows] == [
        ("Liver", "10", "3", "21%"),
        ("Death", "10", "2", "11%"),
    ]
    grouped = incidence_table(cumulative_incidence(tte, frame["g"]), [4], by_label="Arm")
    assert [row[0] for row in grouped.rows] == ["Liver", "a", "b", "Death", "a", "b"]
    assert grouped.indents == (0, 1, 1, 0, 1, 1)
    assert grouped.header[0] == "Event, by arm"


def test_proportions_table_counts_what_is_known(cohort):
    table = proportions_table(haip.proportions(cohort.setting("unresectable")))
    rows = {row[0]: row for row in table.rows}
    tidy = haip.proportions(cohort.setting("unresectable")).tidy()
    first = tidy[tidy["outcome"] == "postop_complication"].iloc[0]
    assert rows[first["label"]][1].startswith(f"{first['n_event']} of {first['n']} (")
    assert table.title.endswith("unresectable")
    nobody = tidy.iloc[[0]].assign(
        n=0, n_event=0, estimate=np.nan, conf_low=np.nan, conf_high=np.nan, n_missing=7
    )
    assert proportions_table(Proportions(nobody, "Exact")).rows[0][1:] == ("0 of 0", "-", "7")


def test_comparison_table_says_both_sides_and_the_verdict(compared):
    table = comparison_table(compared)
    own = [one for one in compared.compared if one.answers]
    heads = [row for row, indent in zip(table.rows, table.indents, strict=True) if indent == 0]
    assert [row[0] for row in heads] == [title_of(one) for one in own]
    assert all(row[5].startswith(one.verdict) for row, one in zip(heads, own, strict=True))
    assert "same patients" in " ".join(row[5] for row in heads)
    one = own[0].figure.id
    assert len(comparison_table(compared, [one]).rows) >= 1
    with pytest.raises(HaipError, match="no published figure"):
        comparison_table(compared, ["nobody2000"])


@pytest.mark.parametrize(("row", "here", "there"), [
    ({"unit": "months", "estimate": 24.71, "conf_low": 9.8, "conf_high": math.nan, "published": 38.0, "published_low": 28.0, "published_high": math.inf},
     "24.7 (9.8, NR) months", "38.0 (28.0, NR) months"),
    ({"unit": "months", "estimate": math.nan, "conf_low": 32.3, "conf_high": math.nan, "published": 67.0, "published_low": math.nan, "published_high": math.nan},
     "NR (32.3, NR) months", "67.0 months"),
    ({"unit": "probability", "estimate": 0.37, "conf_low": 0.2, "conf_high": 0.54, "published": math.nan, "published_low": 0.22, "published_high": 0.28},
     "37% (20, 54)", "22 to 28%"),
    ({"unit": "ratio", "estimate": 2.4, "conf_low": 1.1, "conf_high": 5.0, "published": 2.4, "published_low": math.nan, "published_high": math.nan},
     "2.40 (1.10, 5.00)", "2.40"),
])  # fmt: skip
def test_numbers_of_both_sides_are_written_alike(row, here, there):
    assert value_text(row) == here
    assert value_text(row, "published") == there


def test_comparisons_are_drawn_a_panel_a_unit(compared):
    ids = [one.figure.id for one in compared.compared if one.answers]
    drawing = plot_comparisons(compared, ids[:6])
    tidy = compared.tidy()
    assert len(drawing.figure.axes) == tidy.loc[tidy["figure"].isin(ids[:6]), "unit"].nunique()
    assert drawing.size[1] <= 234
    assert any(text.get_text().startswith("This centre, n = ") for text in drawing.figure.texts)
    with pytest.raises(HaipError, match="names none"):
        plot_comparisons(compared, [])


def test_tables_name_no_patient(cohort, fitted, compared):
    html = " ".join(
        table.to_html()
        for table in (
            effects_table(fitted),
            comparison_table(compared),
            proportions_table(haip.proportions(cohort)),
        )
    )
    assert "DEMO-0" not in html
    assert "record_id" not in html
