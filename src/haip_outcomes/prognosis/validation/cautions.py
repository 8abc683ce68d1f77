"""What must be read with a validation: failed resamples by cause, warnings, and the sentence that says what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.formatting import listed, number, plural
from haip_outcomes.prognosis.validation.judging import HARRELL, INTERCEPT, LOG_HAZARD, SLOPE, Judged
from haip_outcomes.prognosis.validation.modelling import Part
from haip_outcomes.prognosis.validation.optimism import OPTIMISM, OUTSIDE
from haip_outcomes.survival.intervals import level_in_words
from haip_outcomes.survival.resampling.bootstrapping import MOST_FAILED

REFUSED = "refused"
_NEARLY = 1 - 1e-9  # a slope from there is 1


def failures_of(judged: Judged, first: Mapping[str, np.ndarray], parts: Mapping[str, Part], copies: np.ndarray, correction: str,
                refused: Mapping[str, str]) -> pd.DataFrame:  # fmt: skip
    """How many resamples failed: a row a model and cause, and where only a measure is not defined, a row for it; a refused model could be made in none."""
    rows = [{"model": label, "measure": "all", "time": np.nan, "cause": REFUSED, "n_failed": len(copies), "said": why} for label, why in refused.items()]
    judged_on = slice(0, 2) if correction == OPTIMISM else slice(2, 3)
    short, none = _not_reached(judged, copies > 0 if correction == OPTIMISM else copies == 0)
    for label, part in parts.items():
        said = dict(reversed(part.failures))
        rows += [{"model": label, "measure": "all", "time": np.nan, "cause": cause, "n_failed": k, "said": said[cause]}
                 for cause, k in Counter(cause for cause, _ in part.failures).items()]  # fmt: skip
        made = ~np.isnan(part.values).all(axis=(1, 2))
        for k, what in enumerate(judged.names.to_dict("records")):
            lost = made & ~np.isfinite(part.values[:, judged_on, k]).all(axis=1)
            if not np.isfinite(first[label][k]) or not lost.any() or not np.isnan(what["threshold"]):
                continue
            at = len(judged.times) - 1 if np.isnan(what["time"]) else int(np.searchsorted(judged.times, what["time"]))
            otherwise = {INTERCEPT: "no finite solution", SLOPE: "all risks the same, or no finite solution",
                         LOG_HAZARD: "all log hazards the same, no event, or no finite solution"}.get(what["measure"], "not defined")  # fmt: skip
            why = np.where(short[:, at], "not followed so long", np.where(none[:, at], "no event by then", otherwise))
            rows += [{"model": label, "measure": what["measure"], "time": what["time"], "cause": cause, "n_failed": n, "said": ""}
                     for cause, n in Counter(why[lost].tolist()).items()]  # fmt: skip
    return pd.DataFrame(rows, columns=["model", "measure", "time", "cause", "n_failed", "said"])


def _not_reached(judged: Judged, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of B choices of patients (B, n), which (B, T) are not followed to a time, and which are without an event by it."""
    time, own = judged.tte.time, judged.tte.state == judged.tte.code(judged.cause)
    last = np.where(there, time, -np.inf).max(axis=1)
    lost = (there & (time == last[:, None]) & (judged.tte.state == 0)).any(axis=1)
    short = (judged.times > last[:, None]) | ((judged.times == last[:, None]) & lost[:, None])
    none = np.column_stack([~(there & own & (time <= t)).any(axis=1) for t in judged.times])
    return short, none


def _shrinkage(judged: Judged, table: pd.DataFrame) -> list[str]:
    """How much too far apart each model's predictions are."""
    notes, without = [], []
    slopes = table[(table["measure"] == LOG_HAZARD) & table["estimate"].notna()]
    if len(slopes):
        rows = slopes.to_dict("records")
        told = [f"{row['model']} {number(row['estimate'])} (apparent {number(row['apparent'])})" for row in rows]
        known = [row for row in rows if not np.isnan(row["conf_low"])]
        shrink, wide, wrong = (listed([row["model"] for row in known if low < row["estimate"] <= high])
                               for low, high in ((0, _NEARLY), (1, np.inf), (-np.inf, 0)))  # fmt: skip
        unsure = listed([row["model"] for row in known if 0 < row["estimate"] <= _NEARLY and row["conf_low"] <= 0])
        shrink = listed([row["model"] for row in known if 0 < row["estimate"] <= _NEARLY and row["conf_low"] > 0])
        notes.append(" ".join([f"Slope of the log hazard in new patients: {listed(told)}.", *([
            f"Below 1 the predictions are too far apart: multiply the log hazard ratios by it before the model is used in others ({shrink})."] if shrink else []), *([
            f"Its limits reach 0: nobody can tell this model from one that knows nothing of new patients; it is not for use ({unsure})."] if unsure else []), *([
            f"Above 1 they are, if anything, too close together: nothing is to be shrunk ({wide})."] if wide else []), *([
            f"At 0 or below, the model knows nothing of new patients: do not use it ({wrong})."] if wrong else [])]))  # fmt: skip
    for row in table[(table["measure"] == SLOPE) & (table["time"] == judged.times[-1]) & table["estimate"].notna()].to_dict("records"):
        if row["model"] not in set(slopes["model"]):
            without.append(f"{row['model']} {number(row['estimate'])} (apparent {number(row['apparent'])})")
    if without:
        notes.append(f"Calibration slope at {judged.times[-1]:g} {judged.tte.unit} in new patients: {listed(without)}. Below 1 the predictions are too far apart, "
                     "above 1 too close together.")  # fmt: skip
    return notes


def _by_heart(table: pd.DataFrame, correction: str, labels: list[str]) -> list[str]:
    """Why all values are those out of bag, or what is wrong with another correction here."""
    if not labels:
        return []
    rows = table[(table["measure"] == HARRELL) & table["estimate"].notna()].to_dict("records")
    told = [f"{row['model']} {number(row['apparent'], 3)}, less optimism {number(row['apparent'] - row['optimism'], 3)}, out of bag {number(row['out_of_bag'], 3)}, "
            f".632+ {number(row['plus_632'], 3)}" for row in rows]  # fmt: skip
    why = (f"{listed(labels)} may nearly learn patients by heart, and Harrell's correction is too kind to such a model, because a resample holds 63% of the patients it is "
           "judged on (.632+ a little)")  # fmt: skip
    so = ("so every model is given out of bag" if correction == OUTSIDE else
          f'but correction="{correction}" was asked for: do not choose between models by these values, but by those out of bag')  # fmt: skip
    return [f"{why}: {so}. Harrell's C: {'; '.join(told)}."]


def warnings_of(judged: Judged, table: pd.DataFrame, failures: pd.DataFrame, replicates: int, correction: str, by_heart: list[str],
                alike: list[str]) -> tuple[str, ...]:  # fmt: skip
    """What must be read with the numbers: how they were corrected, shrinkage, failures, measures without limits."""
    notes = [f"{row['model']} is refused, it can't be made from these patients: {row['said']}" for row in failures[failures["cause"] == REFUSED].to_dict("records")]
    notes += [*_by_heart(table, correction, by_heart), *_shrinkage(judged, table)]
    if alike:
        notes.append(f"{listed(alike)} gives all patients the same risk (no covariate was chosen): it ranks nobody, its C and AUC are 0.5, in new patients too. "
                     "A corrected value below 0.5 is of the models that resamples chose instead, and means 0.5.")  # fmt: skip
    for row in failures[(failures["measure"] == "all") & (failures["cause"] != REFUSED)].to_dict("records"):
        notes.append(f"{row['model']}: {row['n_failed']} of {replicates} resamples failed ({row['cause']}), as: {row['said']}")
    for cause, part in failures[failures["measure"] != "all"].groupby("cause", sort=False):
        notes.append(f"Not defined in up to {part['n_failed'].max()} of {replicates} resamples ({cause}): {listed(list(dict.fromkeys(part['measure'])))} of "
                     f"{listed(list(dict.fromkeys(part['model'])))}.")  # fmt: skip
    without = table[(table["n_failed"] > MOST_FAILED * replicates) & table["apparent"].notna()]
    if len(without):
        told = [f"{label} ({', '.join(dict.fromkeys(part['measure']))})" for label, part in without.groupby("model", sort=False)]
        notes.append(f"No estimate and no limits where over 5% of the resamples failed, for the others are a choice: {'; '.join(told)}.")
    skewed = table[(table["n_failed"] <= MOST_FAILED * replicates) & table["estimate"].notna() & table["conf_low"].isna()]
    if len(skewed):
        told = [f"{label} ({', '.join(dict.fromkeys(part['measure']))})" for label, part in skewed.groupby("model", sort=False)]
        notes.append(f"No limits where a few resamples lie so far from the others that limits would not hold the estimate, which is then not to be relied on: {'; '.join(told)}.")
    blank = table[table["apparent"].isna()]
    if len(blank):
        told = [f"{label} ({', '.join(dict.fromkeys(part['measure']))})" for label, part in blank.groupby("model", sort=False)]
        notes.append(f"Not defined on the patients themselves: {'; '.join(told)}.")
    return tuple(notes)


def method_of(judged: Judged, models: Mapping[str, Any], left_out: Mapping[str, pd.Index], correction: str, replicates: int, conf_level: float) -> str:
    """What was done, in a sentence."""
    gone = "".join(f", {len(rows)} left out {reason}" for reason, rows in left_out.items())
    counts = ", ".join(f"{name} {k}" for name, k in judged.tte.counts.items() if name != "censored")
    by = listed([f"{t:g}" for t in judged.times])
    compete = ", competing events first counting as no event" if judged.competing else ""
    several = "the same for every model" if len(models) > 1 else "the model made again in each"
    limits = ("percentiles of the resamples, moved to the corrected value (after Noma 2021)" if correction == OPTIMISM else
              "percentiles of the values out of bag" + (", moved to the corrected value" if correction != OUTSIDE else ""))  # fmt: skip
    limits += "; of C, AUC and Brier scores on the logit scale, of IPA on that of ln(1 - IPA); medians over the resamples of slopes and of the calibration intercept, else means"
    caution = f"; {judged.tte.caution}" if judged.tte.caution else ""
    corrected_by = "judged out of bag by" if correction == OUTSIDE else "corrected for optimism by"
    how = {OPTIMISM: "Harrell 1996", OUTSIDE: "each resample's model judged on the patients who are not in it; Efron 1983"}.get(
        correction, ".632+, Efron and Tibshirani 1997; observed / expected, calibration, slopes and net benefit out of bag")  # fmt: skip
    return (f"Prediction of {judged.cause} by {by} {judged.tte.unit}{compete}; {plural(len(judged.tte), 'patient')}{gone}; {counts}{caution}; {corrected_by} "
            f"bootstrap of the whole modelling, {replicates} resamples, {several} ({how}); {level_in_words(conf_level)} limits: {limits}")  # fmt: skip


