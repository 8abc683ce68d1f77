"""Counts with exact intervals, days with exact limits, early deaths; missing answers are counted, never guessed."""

import math

import numpy as np
import pandas as pd
import pytest

from haip_outcomes import demo_cohort
from haip_outcomes.errors import EndpointError, PlanError
from haip_outcomes.programme.safety_and_delivery import (
    EARLY,
    Count,
    counted,
    days,
    early_deaths,
    level_count,
    median_limits,
    proportions,
)
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.plan import make_plan

PLAN = {
    "cohort": {"name": "Small", "id": "id", "setting": "setting"},
    "columns": {"complication": {"levels": {"0": "No", "1": "Yes"}}, "converted": {"levels": {"0": "No", "1": "Yes"}}},
    "endpoints": {"os": {"label": "Overall survival", "start": "pump", "last_seen": "seen", "events": {"Death": "death"}, "time_zero": "pump placement"}},
    "programme": {
        "pump_complication": {"label": "Pump complication", "column": "complication"},
        "time_to_first_cycle": {"label": "Days to first cycle", "start": "pump", "end": "cycle"},
        "conversion_to_resection": {"label": "Conversion", "column": "converted", "settings": ["unresectable"]},
    },
}  # fmt: skip
#        setting         complication converted cycle seen death (days after the pump)
ROWS = [("adjuvant", "Yes", None, 30, 900, None), ("adjuvant", "No", None, 40, 900, None), ("adjuvant", "No", None, None, 89, None),
        ("adjuvant", None, None, 50, 90, 90), ("adjuvant", "No", None, 43, 91, 91), ("adjuvant", "No", None, 29, 90, None),
        ("unresectable", "Yes", "Yes", 60, 500, None), ("unresectable", "No", None, 10, 20, 20)]  # fmt: skip


def small(changes=None, rows=ROWS):
    pump = pd.Timestamp("2019-01-01")

    def date(offset):
        return pd.NaT if offset is None else pump + pd.Timedelta(days=offset)

    frame = pd.DataFrame({
        "setting": pd.Categorical([r[0] for r in rows]), "complication": pd.Categorical([r[1] for r in rows], categories=["No", "Yes"]),
        "converted": pd.Categorical([r[2] for r in rows], categories=["No", "Yes"]), "pump": pump, "cycle": [date(r[3]) for r in rows],
        "seen": [date(r[4]) for r in rows], "death": pd.to_datetime([date(r[5]) for r in rows]),
    }, index=range(2, len(rows) + 2))  # fmt: skip
    return Cohort(make_plan({**PLAN, **(changes or {})}), frame, Source("small", "", len(rows)))


@pytest.mark.parametrize(("k", "n", "limits"), [
    (14, 60, (0.13383734388884802, 0.3603827871057576)),  # m04_14_60
    (2, 20, (0.012348527170294808, 0.31698271401908235)),  # m04_2_20
    (0, 20, (0.0, 0.1684334709830853)),  # m04_0_20
    (10, 25, (0.211254806465142, 0.61334650374316)),  # m04_10_25_vs_23_49
    (120, 544, (0.18642272524882264, 0.2578211944937611)),  # m04_14_60_vs_120_544
    (20, 20, (1 - 0.1684334709830853, 1.0)),
])  # fmt: skip
def test_exact_intervals(k, n, limits):
    assert Count(k, n).interval() == pytest.approx(limits, rel=1e-8)


def test_nobody_asked():
    assert math.isnan(Count(0, 0).estimate)
    assert all(map(math.isnan, Count(0, 0).interval()))


def test_a_row_a_question_and_setting():
    found = proportions(small())
    tidy = found.tidy()
    assert list(tidy.columns[:8]) == [
        "outcome",
        "group",
        "estimate",
        "conf_low",
        "conf_high",
        "statistic",
        "n",
        "n_event",
    ]
    assert list(zip(tidy["outcome"], tidy["group"], strict=True)) == [
        ("pump_complication", "adjuvant"), ("pump_complication", "unresectable"), ("time_to_first_cycle", "adjuvant"),
        ("time_to_first_cycle", "unresectable"), (EARLY, "adjuvant"), (EARLY, "unresectable"), ("conversion_to_resection", "unresectable")]  # fmt: skip
    row = tidy.iloc[0]
    assert (row["n_event"], row["n"], row["n_missing"]) == (1, 5, 1)
    assert row["estimate"] == pytest.approx(0.2)
    conversion = tidy.iloc[-1]
    assert (conversion["n_event"], conversion["n"], conversion["n_missing"]) == (1, 1, 1)
    assert "not known for 1" in found.sentences[0]
    assert "Clopper-Pearson" in found.method


def test_days_with_quartiles_and_exact_limits():
    values, missing = days(small().setting("adjuvant"), "time_to_first_cycle")
    assert (list(values), missing) == ([29, 30, 40, 43, 50], 1)
    row = (
        proportions(small()).tidy().query("outcome == 'time_to_first_cycle' and group == 'adjuvant'").iloc[0]
    )
    assert (row["estimate"], row["q1"], row["q3"], row["n"], row["n_missing"], row["unit"]) == (
        40,
        30,
        43,
        5,
        1,
        "days",
    )
    assert math.isnan(row["conf_low"])  # five patients are too few for a 95% interval of a median


def test_limits_of_a_median_by_brute_force():
    assert all(map(math.isnan, median_limits(np.arange(5.0))))
    assert median_limits(np.arange(1.0, 7.0)) == (1, 6)
    for n in (10, 20, 25, 60):
        low, high = median_limits(np.arange(1.0, n + 1))
        assert low + high == n + 1
        tail = sum(math.comb(n, i) for i in range(int(low))) / 2**n  # fewer than r below the median
        assert tail <= 0.025 < tail + math.comb(n, int(low)) / 2**n
    assert median_limits(np.arange(1.0, 21.0)) == (6, 15)  # the textbook's order statistics at n = 20


def test_early_deaths_at_the_edges():
    """A death on day 90 counts; on day 91 it does not; censored on day 89 is left out and counted, on day 90 is in."""
    found, left, label = early_deaths(small().setting("adjuvant"))
    assert (found.k, found.n, left) == (1, 5, 1)
    assert label == "Death within 90 days of pump placement"
    found, left, _ = early_deaths(small().setting("unresectable"))
    assert (found.k, found.n, left) == (1, 2, 0)
    row = proportions(small()).tidy().query(f"outcome == '{EARLY}'").iloc[0]
    assert (row["n_event"], row["n"], row["n_left_early"]) == (1, 5, 1)


def test_together_over_the_settings_an_entry_applies_to():
    tidy = proportions(small(), together=True).tidy().set_index("outcome")
    assert (tidy.loc["pump_complication", "n_event"], tidy.loc["pump_complication", "n"]) == (2, 7)
    assert tidy.loc["pump_complication", "group"] == "adjuvant and unresectable"
    assert tidy.loc["conversion_to_resection", "group"] == "unresectable"
    assert (tidy.loc[EARLY, "n_event"], tidy.loc[EARLY, "n"]) == (2, 7)


def test_refusals():
    with pytest.raises(EndpointError, match="is a time between two dates"):
        counted(small(), "time_to_first_cycle")
    with pytest.raises(EndpointError, match="is a count"):
        days(small(), "pump_complication")
    with pytest.raises(EndpointError, match='Did you mean "pump_complication"'):
        counted(small(), "pump_complicaton")
    with pytest.raises(PlanError, match='Did you mean "Yes"'):
        level_count(small()["complication"], "yes")
    with pytest.raises(EndpointError, match="negative in row 2"):
        days(small(rows=[("adjuvant", "No", None, -3, 100, None)]), "time_to_first_cycle")
    late = {"endpoints": {"os": {**PLAN["endpoints"]["os"], "entry": "cycle"}}}
    found = proportions(small(late, rows=ROWS[:2]))
    assert EARLY not in set(found.tidy()["outcome"])
    assert "deaths before entry are not in the file" in found.refused[0]


def test_the_demonstration_cohort_has_the_published_counts():
    tidy = proportions(demo_cohort(), together=True).tidy().set_index("outcome")
    assert (tidy.loc["postop_complication", "n_event"], tidy.loc["postop_complication", "n"]) == (19, 60)
    assert (tidy.loc["pump_complication", "n_event"], tidy.loc["pump_complication", "n"]) == (14, 60)
    assert (tidy.loc["biliary_sclerosis", "n_event"], tidy.loc["biliary_sclerosis", "n"]) == (1, 60)
