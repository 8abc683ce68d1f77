"""How often weighted estimates hold the truth: robust limits, which take the weights as known, and the bootstrap of the whole procedure.

    python benchmarks/weighting.py            writes benchmarks/WEIGHTING.md (about ten minutes)
    python benchmarks/weighting.py --print    prints it

Two covariates drive both the choice of the treatment and survival; the treatment itself does nothing. Chance has a fixed seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

import haip_outcomes as haip
from haip_outcomes.errors import HaipError
from haip_outcomes.survival.weighting.propensity_scores import propensity

HERE = Path(__file__).resolve().parent
ESTIMANDS = ("ATE", "ATT", "overlap")
SIZES, COHORTS = (60, 200), 1000
BOOTSTRAPPED, RESAMPLES = 200, 200  # of the cohorts of 200: the first so many, with so many resamples each
AT, SEED = 36.0, 20261122
WHAT = ("survival at 36 months, comparison", "survival at 36 months, treated", "hazard ratio")


def patients(rng: np.random.Generator, n: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """n patients, their true score and their true survival at 36 months, the same with and without treatment."""
    x1, x2 = rng.normal(size=n), (rng.random(n) < 0.4) * 1.0
    score = expit(-0.4 + 0.8 * x1 + 0.7 * x2)
    treated = (rng.random(n) < score) * 1
    hazard = 0.02 * np.exp(0.7 * x1 + 0.5 * x2)
    death, end = rng.exponential(1 / hazard), rng.uniform(20, 80, n)
    frame = pd.DataFrame({"x1": x1, "x2": x2, "treated": treated, "months": np.minimum(death, end), "died": (death <= end) * 1})
    return frame, score, np.exp(-AT * hazard)


def truth(estimand: str) -> np.ndarray:
    """Survival at 36 months of those whom the weights stand for, twice, and a log hazard ratio of 0."""
    _, e, survival = patients(np.random.default_rng(SEED), 2_000_000)
    alike = np.average(survival, weights={"ATE": np.ones(len(e)), "ATT": e, "overlap": e * (1 - e)}[estimand])
    return np.array([alike, alike, 0.0])


def estimates(tte: haip.TimeToEvent, frame: pd.DataFrame, estimand: str) -> np.ndarray:
    """Survival of both groups at 36 months and the log hazard ratio, from the score on."""
    p = propensity(frame, "treated", ["x1", "x2"], estimand=estimand)
    curves = haip.survival_curve(tte, p.groups, weights=p.weights).at(AT)["estimate"]
    return np.append(curves, haip.cox(tte, haip.design(frame, ["treated"]), weights=p.weights, robust=False).coefficients)


def holds(frame: pd.DataFrame, true: np.ndarray) -> np.ndarray:
    """Whether the limits of each row hold the truth."""
    return ((frame["conf_low"] <= true) & (frame["conf_high"] >= true)).to_numpy()


def study(n: int, estimand: str, bootstrapped: int) -> list[dict[str, object]]:
    """One row a quantity: bias, spread, mean standard error, and how often the limits hold the truth."""
    rng, true = np.random.default_rng([SEED, n]), truth(estimand)
    found, errors, robust, whole, failed = [], [], [], [], 0
    for k in range(COHORTS):
        frame, _, _ = patients(rng, n)
        tte = haip.TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"])
        try:
            p = propensity(frame, "treated", ["x1", "x2"], estimand=estimand)
        except HaipError:
            failed += 1
            continue
        rows = pd.concat([haip.survival_curve(tte, p.groups, weights=p.weights).at(AT),
                          haip.cox(tte, haip.design(frame, ["treated"]), weights=p.weights, robust=True).tidy()])  # fmt: skip
        found.append(rows["estimate"])
        errors.append(rows["std_error"])
        robust.append(holds(rows, true))
        if k < bootstrapped:
            again = haip.bootstrap(lambda t, f: estimates(t, f, estimand), tte, frame, replicates=RESAMPLES, method="percentile", rng=k)
            whole.append(holds(again.tidy(), true))
    found = np.array(found)
    return [{"patients": n, "weights": estimand, "of": what, "bias": found[:, j].mean() - true[j], "spread": found[:, j].std(ddof=1),
             "mean SE": np.mean(errors, axis=0)[j], "robust": np.mean(robust, axis=0)[j], "bootstrap": np.mean(whole, axis=0)[j] if whole else np.nan,
             "cohorts": len(found), "not fitted": failed} for j, what in enumerate(WHAT)]  # fmt: skip


def unadjusted(n: int) -> tuple[float, float]:
    """Mean hazard ratio without weights, and how often its limits hold 1."""
    rng, rows = np.random.default_rng([SEED, n]), []
    for _ in range(COHORTS):
        frame, _, _ = patients(rng, n)
        tte = haip.TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"])
        row = haip.cox(tte, haip.design(frame, ["treated"])).tidy().iloc[0]
        rows.append((row["estimate"], row["conf_low"] <= 0 <= row["conf_high"]))
    return float(np.exp(np.mean(rows, axis=0)[0])), float(np.mean(rows, axis=0)[1])


def page() -> str:
    """The page as Markdown."""
    lines = ["# How often weighted estimates hold the truth", "", "Made by `python benchmarks/weighting.py`; do not edit.", "",
             f"Two covariates drive the choice of the treatment and survival, the treatment does nothing; {COHORTS:,} cohorts a row, 95% limits. \"Robust\" takes the weights as",
             f"known (`survival_curve(weights=)`, `cox(weights=, robust=True)`); \"bootstrap\" finds score and weights again in each of {RESAMPLES} resamples (percentile, the first",
             f"{BOOTSTRAPPED} cohorts of 200 patients: a coverage of 95% is then known to within 3 points). The hazard ratio's bias, spread and SE are of its logarithm.", ""]  # fmt: skip
    for n in SIZES:
        ratio, held = unadjusted(n)
        lines += [f"Unadjusted, {n} patients: mean hazard ratio {ratio:.2f}, its limits hold the truth in {100 * held:.1f}%.", ""]
    lines += ["| patients | weights | of | bias | spread | mean SE | robust | bootstrap | not fitted |", "|---|---|---|---|---|---|---|---|---|"]
    for n in SIZES:
        for estimand in ESTIMANDS:
            for row in study(n, estimand, BOOTSTRAPPED if n == SIZES[-1] else 0):
                boot = "-" if np.isnan(row["bootstrap"]) else f"{100 * row['bootstrap']:.1f}%"
                lines.append(f"| {n} | {estimand} | {row['of']} | {row['bias']:.3f} | {row['spread']:.3f} | {row['mean SE']:.3f} | {100 * row['robust']:.1f}% | {boot} "
                             f"| {row['not fitted']} |")  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--print", action="store_true", help="print instead of writing WEIGHTING.md")
    text = page()
    print(text) if asked.parse_args().print else (HERE / "WEIGHTING.md").write_text(text, encoding="utf-8")
