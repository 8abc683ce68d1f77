import subprocess
import sys

import numpy as np
import pandas as pd

from haip_outcomes.survival.results import VOCABULARY, TestResult, frame_of


def test_columns_stand_in_the_order_of_the_vocabulary_others_last():
    frame = frame_of({"reference": ["a"], "p_value": [0.1], "estimate": np.array([2.0]), "group": ["b"]})
    assert frame.columns.tolist() == ["group", "estimate", "p_value", "reference"]
    assert [name for name in VOCABULARY if name in frame] == ["group", "estimate", "p_value"]
    values = np.array([1.0, 2.0])
    made = frame_of({"time": values})
    made.loc[0, "time"] = 9.0
    assert values[0] == 1.0  # a result is not changed through its table


def test_glance_is_the_last_row():
    frame = pd.DataFrame({"p_value": [0.1, 0.2], "term": ["age", "GLOBAL"], "statistic": [2.7, 3.2], "df": [1, 2]})
    result = TestResult(frame, "A test")
    assert result.tidy()["term"].tolist() == ["age", "GLOBAL"]
    assert result.glance().to_numpy().tolist() == [["GLOBAL", 3.2, 2, 0.2]]
    assert (result.statistic, result.df, result.p_value) == (3.2, 2, 0.2)


def test_curves_do_not_wait_for_compiled_kernels():
    code = """
import sys
import haip_outcomes as haip, pandas as pd
from haip_outcomes.survival.curves.mean_survival import restricted_mean
frame = pd.DataFrame({"t": [1, 2, 3.5, 4], "s": [1, 0, 1, 2]})
tte = haip.TimeToEvent.from_frame(frame, time="t", state="s", states=["Liver", "Death"])
haip.survival_curve(tte.only("Liver"), weights=[1, 0.5, 1, 2]).median()
restricted_mean(haip.survival_curve(tte.any_event("Either")), horizon=3)
haip.cumulative_incidence(tte).at(3)
haip.cumulative_incidence(tte, variance="infinitesimal-jackknife").at(3)
haip.at_risk_table(tte, [1, 2])
print("numba" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
