"""How often `validate` is right: corrected values and their limits beside the truth, of Cox models made from cohorts with a known one.

    python benchmarks/optimism.py            writes benchmarks/OPTIMISM.md (about fifteen minutes)
    python benchmarks/optimism.py --print    prints it
    python benchmarks/optimism.py --cohorts 100 --few 12    fewer of them

The truth of a model is what it shows in 20,000 new patients. Chance has a fixed seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import haip_outcomes as haip
from haip_outcomes.prognosis.validation.judging import (
    AUC,
    BRIER,
    HARRELL,
    IPA,
    LOG_HAZARD,
    RATIO,
    SLOPE,
    UNO,
    Judged,
)
from haip_outcomes.prognosis.validation.modelling import apparent, fitted, prediction
from haip_outcomes.prognosis.validation.own_models import cox_model
from haip_outcomes.prognosis.validation.peer_models import peer_model
from haip_outcomes.prognosis.validation.whole_models import validate

COVARIATES = [f"x{j}" for j in range(8)]
HERE = Path(__file__).resolve().parent
SIGNAL, NOISE = (0.6, 0.4, 0.3, 0, 0, 0, 0, 0), (0,) * 8
CASES = ((60, SIGNAL), (100, SIGNAL), (300, SIGNAL), (100, NOISE))
COHORTS, RESAMPLES, NEW, AT, SEED = 300, 200, 20_000, 24.0, 20261122
MEASURES = (HARRELL, UNO, AUC, BRIER, IPA, RATIO, SLOPE, LOG_HAZARD)


def patients(rng: np.random.Generator, n: int, effects: tuple[float, ...]) -> tuple[haip.TimeToEvent, pd.DataFrame]:
    """n patients with standard normal covariates; about 60% die within sight."""
    x = rng.standard_normal((n, len(effects)))
    death, end = rng.exponential(1 / (0.03 * np.exp(x @ np.array(effects)))), rng.uniform(12, 60, n)
    frame = pd.DataFrame(x, columns=[f"x{j}" for j in range(len(effects))]).assign(months=np.minimum(death, end), died=(death <= end) * 1)
    return haip.TimeToEvent.from_frame(frame, time="months", state="died", states=["Death"]), frame


def measured(n: int, effects: tuple[float, ...], cohorts: int) -> pd.DataFrame:
    """A row a measure: means, and how often the limits held the truth of the very model."""
    rng = np.random.default_rng([SEED, n, sum(e != 0 for e in effects)])
    new, new_frame = patients(np.random.default_rng([SEED, 0]), NEW, effects)
    judged, model = Judged.of(new, [AT], None, np.zeros(0)), cox_model([f"x{j}" for j in range(len(effects))])
    chosen = [judged.names["measure"].tolist().index(name) for name in MEASURES]
    rows, events = [], []
    for _ in range(cohorts):
        tte, frame = patients(rng, n, effects)
        truth = apparent(judged, prediction(model.fit(tte, frame), new_frame, judged))[chosen]
        found = validate(tte, frame, {"Cox": model}, times=[AT], replicates=RESAMPLES, rng=rng)
        mine = found.frame.set_index("measure").loc[list(MEASURES)]
        resample = found.replicates["Cox"][:, 0, chosen]
        low, high = np.nanquantile(resample, [0.025, 0.975], axis=0) - mine["optimism"].to_numpy()  # Noma's own
        events.append(int((tte.state > 0).sum()))
        held = ((mine["conf_low"] <= truth) & (truth <= mine["conf_high"])).where(mine["conf_low"].notna())
        rows.append(np.column_stack([truth, mine["apparent"], mine["estimate"], mine["out_of_bag"], held,
                                     (low <= truth) & (truth <= high), mine["conf_high"] - mine["conf_low"]]))  # fmt: skip
    means = np.nanmean(np.array(rows, dtype=float), axis=0)
    frame = pd.DataFrame(means, columns=["truth", "apparent", "corrected", "out", "held", "noma", "width"]).assign(measure=MEASURES)
    frame.loc[frame["measure"].isin([RATIO, SLOPE, LOG_HAZARD]), "noma"] = np.nan
    return frame.assign(n=n, events=np.mean(events))


BY_HEART = {"Cox": cox_model(COVARIATES), "Random survival forest": peer_model("random survival forest", COVARIATES, n_estimators=30),
            "Gradient boosting": peer_model("gradient boosting", COVARIATES)}  # fmt: skip
FEW, FEWER, NEWER = 40, 50, 4_000  # cohorts, resamples, new patients


def compared(effects: tuple[float, ...], cohorts: int, n: int = 100) -> pd.DataFrame:
    """A row a model and measure: the truth beside four ways to estimate it, and how often limits held it."""
    rng = np.random.default_rng([SEED, 1, n, sum(e != 0 for e in effects)])
    new, new_frame = patients(np.random.default_rng([SEED, 1]), NEWER, effects)
    judged, rows = Judged.of(new, [AT], None, np.zeros(0)), []
    for _ in range(cohorts):
        tte, frame = patients(rng, n, effects)
        outside = validate(tte, frame, BY_HEART, times=[AT], replicates=FEWER, rng=int(rng.integers(2**31))).frame
        for label, model in BY_HEART.items():
            truth = dict(zip(judged.names["measure"], apparent(judged, prediction(fitted(model, tte, frame, 1), new_frame, judged)), strict=True))
            for row in outside[(outside["model"] == label) & outside["measure"].isin([HARRELL, BRIER, IPA])].to_dict("records"):
                true = truth[row["measure"]]
                rows.append({**row, "truth": true, "less optimism": row["apparent"] - row["optimism"], "held": row["conf_low"] <= true <= row["conf_high"],
                             "n_event": int((tte.state > 0).sum())})  # fmt: skip
    return pd.DataFrame(rows).groupby(["measure", "model"], sort=False)[["truth", "apparent", "less optimism", "plus_632", "out_of_bag", "held", "n_event"]].mean().reset_index()


def by_heart(cohorts: int) -> str:
    """The section on models that nearly learn patients by heart."""
    lines = ["## Models that nearly learn patients by heart\n",
             f"{cohorts} cohorts of 100 patients, 8 covariates as above, judged at {AT:g} months with {FEWER} resamples; the truth in {NEWER:,} new patients. A resample holds 63% of the "
             "patients on whom its model is then judged: a forest knows them again, and Harrell's correction takes off far too little. *Held*: 95% limits out of bag.\n"]  # fmt: skip
    for effects in (NOISE, SIGNAL):
        found = compared(effects, cohorts)
        what = "no covariate has an effect" if not any(effects) else "three covariates have an effect"
        lines += [f"### 100 patients, {found['n_event'].iloc[0]:.0f} deaths, {what}\n", "| | | truth | apparent | less optimism | .632+ | out of bag | held |",
                  "|---|---|---|---|---|---|---|---|"]  # fmt: skip
        lines += [f"| {row['measure']} | {row['model']} | {row['truth']:.3f} | {row['apparent']:.3f} | {row['less optimism']:.3f} | {row['plus_632']:.3f} | "
                  f"{row['out_of_bag']:.3f} | {row['held']:.0%} |" for row in found.to_dict("records")]  # fmt: skip
        lines.append("")
    return "\n".join(lines)


def page(cohorts: int, few: int) -> str:
    """OPTIMISM.md."""
    parts = ["# Corrected for optimism: how often it is right\n",
             f"Made by `python benchmarks/optimism.py --cohorts {cohorts} --few {few}`: {cohorts} cohorts a case, Cox models with 8 covariates (normal; log hazard ratios 0.6, 0.4, 0.3 and five of 0, or "
             f"eight of 0), judged at {AT:g} months by `validate` with {RESAMPLES} resamples. The truth is what the very model shows in {NEW:,} new patients. *Held*: how often "
             f"95% limits held it (a simulation of {cohorts} is sure to about {200 * (0.95 * 0.05 / cohorts) ** 0.5:.0f} points). *Noma's*: the location-shifted limits as published.\n"]  # fmt: skip
    for n, effects in CASES:
        found = measured(n, effects, cohorts)
        what = "no covariate has an effect" if not any(effects) else "three covariates have an effect"
        lines = [f"## {n} patients, {found['events'].iloc[0]:.0f} deaths, {what}\n", "| | truth | apparent | corrected | out of bag | held | Noma's | width of the limits |",
                 "|---|---|---|---|---|---|---|---|"]  # fmt: skip
        for row in found.to_dict("records"):
            noma = "" if np.isnan(row["noma"]) else f"{row['noma']:.0%}"
            lines.append(f"| {row['measure']} | {row['truth']:.3f} | {row['apparent']:.3f} | {row['corrected']:.3f} | {row['out']:.3f} | {row['held']:.0%} | {noma} | {row['width']:.2f} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join([*parts, by_heart(few)])


def main() -> None:
    """Write the page, or print it."""
    parser = argparse.ArgumentParser(description="How often corrected measures and their limits are right.")
    parser.add_argument("--print", action="store_true", help="print the page")
    parser.add_argument("--cohorts", type=int, default=COHORTS, help="cohorts a case of Cox models")
    parser.add_argument("--few", type=int, default=FEW, help="cohorts a case of models that learn by heart")
    asked = parser.parse_args()
    text = page(asked.cohorts, asked.few)
    if asked.print:
        print(text)
    else:
        (HERE / "OPTIMISM.md").write_text(text)


if __name__ == "__main__":
    main()
