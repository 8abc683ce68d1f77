"""Coverage of the centre's own intervals: medians, landmark probabilities, incidences, proportions, hazard ratios."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from coverage_rows import SIZES, Section, censored, generator, times
from coverage_vectors import SPSS, Curves, curves, landmark_intervals, median_intervals
from scipy.stats import binom

from haip_outcomes.benchmark.centre import at_horizon, hazard_ratio
from haip_outcomes.benchmark.k_of_n import proportion_interval
from haip_outcomes.errors import HaipError
from haip_outcomes.survival.curves.aalen_johansen import cumulative_incidence

MEDIAN, HORIZON = 24.0, 36.0


def medians(replicates: int) -> Section:
    """Exponential survival with a median of 24 months; the standard-error form also beyond 100 patients, to find where it recovers."""
    section = Section("medians")
    for key, (scenario, first, last) in enumerate((("about 30% censored", 12.0, 96.0), ("nobody censored", 1e6, 2e6))):
        for n in (*SIZES, 200, 400, 800):
            found = _centres(generator(1, key, n), replicates, n, MEDIAN / math.log(2), first, last)
            for method, (low, high) in median_intervals(found).items():
                if n <= 100 or method == SPSS:
                    section.covered(method, scenario, n, MEDIAN, low, high)
    return section


def landmarks(replicates: int) -> Section:
    """Exponential survival at 36 months, censoring uniform over 12 to 84 months. S = 1 and S = 0 have exact limits, as in `compare`."""
    section = Section("landmark probabilities")
    for key, survival in enumerate((0.37, 0.64, 0.90)):
        for n in SIZES:
            found = _centres(generator(2, key, n), replicates, n, -HORIZON / math.log(survival), 12.0, 84.0)
            for method, (low, high) in landmark_intervals(found, HORIZON).items():
                section.covered(method, f"S = {survival:g}", n, survival, low, high)
    return section


def _centres(rng: np.random.Generator, replicates: int, n: int, mean: float, first: float, last: float) -> Curves:
    death, leaves = rng.exponential(mean, (replicates, n)), rng.uniform(first, last, (replicates, n))
    return curves(np.minimum(death, leaves), death <= leaves)


def incidences(replicates: int) -> Section:
    """Liver events with deaths competing, both exponential, at 36 months; censoring as for the landmarks."""
    section = Section("cumulative incidence")
    for key, (liver, death) in enumerate(((0.007, 0.008), (0.016, 0.008), (0.035, 0.008))):
        truth = liver / (liver + death) * -math.expm1(-(liver + death) * HORIZON)
        for n in SIZES:
            rng = generator(3, key, n)
            delta, aalen = [], []
            for _ in range(replicates):
                at, dead, leaves = rng.exponential(1 / liver, n), rng.exponential(1 / death, n), rng.uniform(12, 84, n)
                time = np.minimum(np.minimum(at, dead), leaves)
                tte = times(time, np.where(time == leaves, 0, np.where(time == at, 1, 2)), ("Liver", "Death"))
                ours = at_horizon(tte, "Liver", HORIZON, "", 1.0, events=True)
                delta.append(ours.shown)
                row = cumulative_incidence(tte).at([HORIZON]).iloc[0]
                aalen.append(ours.shown if ours.side.estimate < 1e-9 else (row["conf_low"], row["conf_high"]))
            section.covered("log-log, delta-method variance", f"F = {truth:.2f}", n, truth, *np.array(delta).T)
            section.covered("log-log, cmprsk's variance", f"F = {truth:.2f}", n, truth, *np.array(aalen).T)
    return section


def proportions(replicates: int) -> Section:
    """By enumeration: every k of n, at true shares from 1 to 99%, the worst of them and some that matter."""
    section = Section("proportions")
    grid = np.arange(1, 100) / 100
    for n in SIZES:
        law = binom.pmf(np.arange(n + 1)[:, None], n, grid[None, :])
        for method, exact in (("exact", True), ("wilson", False), ("mid-p", False)):
            low, high = np.array([proportion_interval(k, n, method=method) for k in range(n + 1)]).T
            covers = (low[:, None] <= grid + 1e-12) & (grid - 1e-12 <= high[:, None])
            coverage = (law * covers).sum(axis=0)
            name = {"exact": "exact (Clopper-Pearson)", "wilson": "Wilson", "mid-p": "mid-p"}[method]
            section.add("coverage", name, "average over 1 to 99%", n, 0.95, float(coverage.mean()), 0, exact=exact)
            section.add("coverage", name, "worst of 1 to 99%", n, 0.95, float(coverage.min()), 0, exact=exact)
            for p in (5, 10, 22, 50):
                section.add("coverage", name, f"p = {p}%", n, 0.95, float(coverage[p - 1]), 0, exact=exact)
    return section


def hazard_ratios(replicates: int) -> Section:
    """A factor that half of the patients have, exponential survival with a median of 24 months without it; Cox, Wald limits."""
    section = Section("hazard ratios")
    for key, ratio in enumerate((1.0, 2.4)):
        for n in SIZES:
            rng = generator(5, key, n)
            has = np.arange(n) % 2 == 1
            frame = pd.DataFrame({"x": pd.Categorical(np.where(has, "Yes", "No"), categories=["No", "Yes"])})
            limits = []
            for _ in range(replicates):
                death = rng.exponential(MEDIAN / math.log(2), n) / np.where(has, ratio, 1.0)
                try:
                    limits.append(hazard_ratio(censored(rng, death, 12.0, 84.0), frame, "x", ("x",), "").shown)
                except HaipError:
                    limits.append((math.nan, math.nan))
            section.covered("Cox, Wald", f"true hazard ratio {ratio:g}", n, ratio, *np.array(limits).T)
    return section
