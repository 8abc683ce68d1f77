"""Pump against no pump when the truth is known: how far crude, adjusted and weighted estimates are off, and how often their limits hold it.

    python benchmarks/treatments.py            writes benchmarks/TREATMENTS.md (about fifteen minutes)
    python benchmarks/treatments.py --print    prints it

The marginal hazard ratio is 0.6 exactly: survival with and without treatment is exponential over all patients, and two covariates go with how long
each lives (a Gaussian copula) and with who is treated. Chance has a fixed seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr

import haip_outcomes as haip
from haip_outcomes.errors import HaipError
from haip_outcomes.prognosis.treatments.treatments_compared import compare_treatments
from haip_outcomes.registry.cohort import Cohort, Source
from haip_outcomes.registry.plan import make_plan

HERE = Path(__file__).resolve().parent
RATIO, HAZARD, AT, SEED = 0.6, 0.02, 36.0, 20261122
SIZES, COHORTS, BOOTSTRAPPED, RESAMPLES = (100, 300), 1000, 150, 200
TRUTH = {"hazard ratio": np.log(RATIO), "risk difference": np.exp(-HAZARD * AT) - np.exp(-HAZARD * RATIO * AT)}
PLAN = make_plan({
    "cohort": {"name": "Known truth", "id": "key", "setting": {"value": "comparator"}},
    "columns": {"pump": {"levels": {"0": "No", "1": "Yes"}, "known": "baseline"}, **{name: {"kind": "number", "known": "baseline"} for name in ("fitness", "burden")}},
    "endpoints": {"os": {"label": "Overall survival", "start": "resection", "events": {"Death": {"time": "months", "flag": "died"}}}},
    "treatment": {"column": "pump", "treated": "Yes", "control": "No", "confounders": ["fitness", "burden"]},
    "analysis": {"times": [AT]},
})  # fmt: skip


def patients(rng: np.random.Generator, n: int) -> Cohort:
    """n patients: the fitter live longer and get the pump more often; those with a higher burden live shorter and get it less often."""
    fitness, burden = rng.normal(size=(2, n))
    luck = ndtr(0.6 * fitness - 0.4 * burden + np.sqrt(1 - 0.6**2 - 0.4**2) * rng.normal(size=n))  # uniform
    pump = rng.random(n) < expit(0.7 * fitness - 0.5 * burden)
    death = -np.log1p(-luck) / (HAZARD * np.where(pump, RATIO, 1.0))
    end = rng.uniform(40, 90, n)
    frame = pd.DataFrame({"fitness": fitness, "burden": burden, "pump": pd.Categorical(np.where(pump, "Yes", "No"), categories=["No", "Yes"]),
                          "months": np.minimum(death, end), "died": (death <= end) * 1.0, "setting": pd.Categorical(["comparator"] * n)},
                         index=pd.RangeIndex(2, n + 2, name="row"))  # fmt: skip
    return Cohort(PLAN, frame, Source("simulated", "", n))


def study(n: int) -> tuple[list[dict[str, object]], int]:
    """A row a measure and model: mean, bias, spread, mean standard error and coverage; and how many cohorts could not be fitted."""
    rng, rows, failed = np.random.default_rng([SEED, n]), [], 0
    for k in range(COHORTS):
        cohort = patients(rng, n)
        try:
            found = compare_treatments(cohort, replicates=RESAMPLES if k < BOOTSTRAPPED else 0, rng=k)
        except HaipError:
            failed += 1
            continue
        tidy = found.tidy()
        rows.append(tidy[tidy["measure"].isin(list(TRUTH))])
    every = pd.concat(rows)
    told = []
    for (measure, model), own in every.groupby(["measure", "model"], sort=False):
        true = TRUTH[str(measure)]
        again = own.dropna(subset=["boot_low"]) if "boot_low" in own else own.iloc[:0]
        told.append({"patients": n, "of": measure, "model": model, "mean": own["estimate"].mean(), "bias": own["estimate"].mean() - true,
                     "spread": own["estimate"].std(ddof=1), "mean SE": own["std_error"].mean(), "limits": _held(own, "conf", true),
                     "bootstrap": _held(again, "boot", true) if len(again) else np.nan})  # fmt: skip
    return told, failed


def _held(rows: pd.DataFrame, which: str, true: float) -> float:
    return float(((rows[f"{which}_low"] <= true) & (rows[f"{which}_high"] >= true)).mean())


def page() -> str:
    """The page, in Markdown."""
    studies = [study(n) for n in SIZES]
    lines = [
        "# Two treatments compared when the truth is known", "",
        (f"Written by `python benchmarks/treatments.py`; haip_outcomes {haip.__version__}. The marginal hazard ratio is {RATIO} (logarithm {np.log(RATIO):.3f}), the difference of the risks "
         f"of death at {AT:g} months {100 * TRUTH['risk difference']:.1f} percentage points. Fitness and tumour burden go with survival and with who gets the pump; both are measured. "
         f"Weights for everybody (ATE). {COHORTS} cohorts of each size, {BOOTSTRAPPED} of them with {RESAMPLES} resamples of the whole procedure (percentile limits): coverage is known "
         "to within 1.4 points (limits) and 3.5 points (bootstrap)."), "",
        ("The crude model's limits are the model's, the weighted ones robust. The model with the confounders as covariates asks for another ratio, that between patients alike in the "
         "confounders, which lies further from 1 (a hazard ratio does not collapse), so it is not off by fault."), "",
        "| patients | of | model | mean | bias | spread | mean SE | 95% limits hold the truth | bootstrap |", "|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for told, _ in studies:
        for row in told:
            boot = "" if np.isnan(row["bootstrap"]) else f"{100 * row['bootstrap']:.1f}%"
            name = "log hazard ratio" if row["of"] == "hazard ratio" else row["of"]
            lines.append(f"| {row['patients']} | {name} | {row['model']} | {row['mean']:.3f} | {row['bias']:+.3f} | {row['spread']:.3f} | {row['mean SE']:.3f} | "
                         f"{100 * row['limits']:.1f}% | {boot} |")  # fmt: skip
    lines += ["", f"Cohorts that could not be fitted: {', '.join(f'{failed} of {COHORTS} with {n} patients' for n, (_, failed) in zip(SIZES, studies, strict=True))}.", ""]
    return "\n".join(lines)


def main() -> None:
    """Write the page, or print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="print the page instead of writing it")
    only_shown = parser.parse_args().print
    text = page()
    if only_shown:
        print(text)
    else:
        (HERE / "TREATMENTS.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
