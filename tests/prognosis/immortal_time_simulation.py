"""How wrong immortal time is, and that the other analyses are right: patients whose conversion changes nothing.

    .venv/bin/python tests/prognosis/immortal_time_simulation.py

prints the table of docs/later.md. Deaths come at 1 in 24 months on average, conversions at 1 in 10 months while the patient lives, independently: the true
hazard ratio of conversion is 1 (or what `ratio` says, from the conversion on). Follow-up ends after 24 to 60 months.
"""

import sys

import numpy as np
import pandas as pd

from haip_outcomes.prognosis.later.over_time import factors_over_time
from haip_outcomes.prognosis.later.over_time_result import NAIVE, TIME_VARYING
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.endpoints import DAYS_A_MONTH
from haip_outcomes.registry.plan import make_plan

PLAN = make_plan({
    "cohort": {"name": "Simulated", "id": "key", "setting": {"value": "unresectable"}},
    "columns": {"converted": {"levels": {"0": "No", "1": "Yes"}, "known": "resection"}, "resection": {"kind": "date"}},
    "endpoints": {"os": {"label": "Survival", "start": "pump", "last_seen": "seen", "events": {"Death": "death"}}},
})  # fmt: skip
MODELS = (TIME_VARYING, "landmark 6", NAIVE)


def cohort(rng, n, ratio=1.0):
    """Patients in whole days; who is converted dies at `ratio` times the hazard from then on."""
    wait, close = rng.exponential(10, n), rng.uniform(24, 60, n)
    still = rng.exponential(24, n)  # until death without conversion; what is left of it is divided by the ratio
    months = np.where(still > wait, wait + (still - wait) / ratio, still)
    death, resection, close = (np.ceil(values * DAYS_A_MONTH) for values in (months, wait, close))
    end = np.minimum(death, close)
    resection = np.where(resection < end, resection, np.nan)
    day = lambda values: pd.Timestamp("2015-01-01") + pd.to_timedelta(values, unit="D")  # noqa: E731
    frame = pd.DataFrame({
        "pump": day(np.zeros(n)), "seen": day(end), "death": day(np.where(death <= close, death, np.nan)), "resection": day(resection),
        "converted": pd.Categorical(np.where(np.isnan(resection), "No", "Yes"), categories=["No", "Yes"]), "setting": "unresectable",
    }, index=pd.Index(np.arange(n) + 2, name="row"))  # fmt: skip
    return Cohort(PLAN, frame, Source("simulated", "", n))


def simulate(replicates, n, ratio, seed):
    """A row a model: the geometric mean hazard ratio, its Monte Carlo error on the log scale, and how often the 95% interval holds the truth."""
    rng, found = np.random.default_rng(seed), {model: [] for model in MODELS}
    for _ in range(replicates):
        tidy = factors_over_time(cohort(rng, n, ratio), "os", "converted", landmark=6).tidy().set_index("model")
        for model in MODELS:
            row = tidy.loc[model]
            found[model].append((row["estimate"], row["conf_low"] <= np.log(ratio) <= row["conf_high"]))
    rows = []
    for model, values in found.items():
        logs, holds = np.array(values, dtype=float).T
        rows.append({"truth": ratio, "model": model, "ratio": np.exp(logs.mean()), "error": logs.std(ddof=1) / np.sqrt(len(logs)), "coverage": holds.mean()})
    return pd.DataFrame(rows)


def page_rows(replicates=1000, n=200, seed=20):
    """The rows of docs/later.md."""
    lines = []
    for ratio in (1.0, 0.6):
        for row in simulate(replicates, n, ratio, seed).to_dict("records"):
            lines.append(f"| {row['truth']:g} | {row['model']} | {row['ratio']:.3f} | {row['error']:.3f} | {100 * row['coverage']:.1f}% |")
    return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(page_rows()) + "\n")
