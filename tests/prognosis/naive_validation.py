"""The optimism loop as one would write it: every resample a frame, every measure the package's own function."""

import numpy as np
import pandas as pd

from haip_outcomes.errors import HaipError
from haip_outcomes.prognosis.validation.calibrating import calibration
from haip_outcomes.prognosis.validation.censoring_weighted import Censoring
from haip_outcomes.prognosis.validation.discrimination import time_dependent_auc
from haip_outcomes.prognosis.validation.net_benefit import decision_curve
from haip_outcomes.prognosis.validation.prediction_error import brier_score, integrated_brier
from haip_outcomes.survival.agreement import concordance
from haip_outcomes.survival.covariates.design_matrix import design
from haip_outcomes.survival.hazards.cox_regression import cox
from haip_outcomes.survival.time_to_event import TimeToEvent


def resample(tte, frame, copies):
    rows = np.repeat(np.arange(len(copies)), copies)
    fresh = pd.RangeIndex(1000, 1000 + len(rows))
    made = TimeToEvent(time=tte.time[rows], state=tte.state[rows], states=tte.states, index=fresh, unit=tte.unit)
    return made, frame.iloc[rows].set_axis(fresh, axis=0)


def measures(tte, frame, predictor, judged):
    """The K measures in the order of `judged.names`, one by one."""
    cause, times, grid = judged.cause, judged.times, judged.grid
    risk = predictor.risk(frame, grid)
    marker = predictor.marker(frame)
    marker = risk[:, -1] if marker is None else marker
    found = []
    for what in judged.names.to_dict("records"):
        t = what["time"]
        j = None if np.isnan(t) else int(np.searchsorted(grid, t))
        try:
            found.append(_one(what["measure"], tte, frame, predictor, risk, marker, cause, t, j, times, grid, what["threshold"]))
        except HaipError:
            found.append(np.nan)
    return np.array(found)


def _one(name, tte, frame, predictor, risk, marker, cause, t, j, times, grid, threshold):
    competing = len(tte.states) > 1
    if name == "Harrell's C":
        if competing:  # who had another event first stays at risk for good
            other = (tte.state > 0) & (tte.state != tte.code(cause))
            time = np.where(other, tte.time.max() + 1, tte.time)
            tte = TimeToEvent(time=time, state=(tte.state == tte.code(cause)).astype(int), states=(cause,), index=tte.index)
        return concordance(tte, marker).estimate
    if name == "Uno's C":
        return np.nan if competing else concordance(tte, marker, weighting="uno", horizon=times[-1]).estimate
    if name == "AUC":
        return time_dependent_auc(tte, risk[:, j], t, cause=cause).tidy()["estimate"][0]
    if name in ("Brier score", "IPA"):
        return brier_score(tte, risk[:, j], t, cause=cause).tidy()["estimate" if name == "Brier score" else "ipa"][0]
    if name in ("integrated Brier score", "integrated IPA"):
        return integrated_brier(tte, risk, grid, cause=cause).tidy()["estimate" if name == "integrated Brier score" else "ipa"][0]
    if name == "net benefit":
        return decision_curve(tte, risk[:, j], t, [threshold], cause=cause).tidy()["estimate"][0]
    if name == "slope of the log hazard":
        eta = predictor.linear_predictor(frame)
        if competing or eta is None:
            return np.nan
        return cox(tte, design(pd.DataFrame({"eta": eta}, index=tte.index), ["eta"])).coefficients[0]
    term = {"calibration intercept": "intercept", "calibration slope": "slope"}.get(name, name)
    kept = risk[:, j] if term == name else np.clip(risk[:, j], 1e-6, 1 - 1e-6)
    return calibration(tte, kept, t, cause=cause, groups=2).tidy().set_index("term").loc[term, "estimate"]


def loop(model, judged, frame, copies):
    """(B, 3, K), and apparent (K,)."""
    tte = judged.tte
    apparent = measures(tte, frame, model.fit(tte, frame), judged)
    values = np.full((len(copies), 3, len(judged.names)), np.nan)
    for r, own in enumerate(copies):
        mine, x = resample(tte, frame, own)
        try:
            made = model.fit(mine, x)
        except HaipError:
            continue
        outside = np.flatnonzero(own == 0)
        values[r] = measures(mine, x, made, judged), measures(tte, frame, made, judged), measures(tte.take(outside), frame.iloc[outside], made, judged)
    return apparent, values


def no_information(judged, risk):
    """What the risks (n, G) would show if every one stood beside every patient (K,)."""
    censoring = Censoring.of(judged.tte)
    found, score, null = [], [], []
    for g, t in enumerate(judged.grid):
        w, had = censoring.weights(t), (judged.tte.time <= t) & (judged.tte.state == judged.tte.code(judged.cause))
        score.append(np.mean([[w[i] * (had[i] - r) ** 2 for r in risk[:, g]] for i in range(len(w))]))
        null.append(brier_score(judged.tte, risk[:, g], t, cause=judged.cause).tidy()["null_estimate"][0] if had.any() else 0.0)
    grid = np.r_[0.0, judged.grid]
    whole, nothing = (np.trapezoid(np.r_[0.0, one], grid) / grid[-1] for one in (score, null))
    for what in judged.names.to_dict("records"):
        g = 0 if np.isnan(what["time"]) else int(np.searchsorted(judged.grid, what["time"]))
        told = {"Harrell's C": 0.5, "Uno's C": 0.5, "AUC": 0.5, "Brier score": score[g], "IPA": 1 - score[g] / null[g] if null[g] else np.nan,
                "integrated Brier score": whole, "integrated IPA": 1 - whole / nothing}
        found.append(told.get(what["measure"], np.nan))
    return np.array(found)


def centre(values, robust=False):
    """The mean or median of what is there; none where over 5% are not."""
    there = values[np.isfinite(values)]
    return np.nan if len(there) < 0.95 * len(values) else np.median(there) if robust else np.mean(there)


def out_of_bag(judged, values):
    """Each measure on those not in the resamples (B, K), IPA against the null model of all patients."""
    found, tte = values[:, 2].copy(), judged.tte
    nobody = np.zeros((len(tte), len(judged.grid)))
    null = np.nan_to_num(brier_score(tte, nobody, judged.grid, cause=judged.cause).tidy()["null_estimate"].to_numpy())
    grid = np.r_[0.0, judged.grid]
    names = judged.names
    for k, what in enumerate(names.to_dict("records")):
        if what["measure"] == "IPA":
            same = names.index[(names["measure"] == "Brier score") & (names["time"] == what["time"])][0]
            found[:, k] = 1 - values[:, 2, same] / null[np.searchsorted(judged.grid, what["time"])]
        elif what["measure"] == "integrated IPA":
            same = names.index[names["measure"] == "integrated Brier score"][0]
            found[:, k] = 1 - values[:, 2, same] / (np.trapezoid(np.r_[0.0, null], grid) / grid[-1])
    return found
