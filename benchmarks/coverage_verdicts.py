"""The words of `compare` about a centre exactly as good as the source, and the intervals of the difference that they are made from."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
from coverage_curves import HORIZON, MEDIAN
from coverage_rows import SIZES, Section, censored, generator
from scipy.stats import binom

from haip_outcomes.benchmark.centre import (
    CentreNumber,
    at_horizon,
    enough_followed,
    hazard_ratio,
    proportion,
    survival_median,
)
from haip_outcomes.benchmark.k_of_n import proportion_difference
from haip_outcomes.benchmark.published_figure import PublishedFigure
from haip_outcomes.benchmark.uncertainty import Contrast, Side, contrasted, known, published_side
from haip_outcomes.benchmark.verdicts import BETTER, CLEARLY, NOT_JUDGED, PAR, TOO_FEW, WORSE, Judged, judge
from haip_outcomes.errors import HaipError
from haip_outcomes.programme.safety_and_delivery import Count

BASE = {"id": "theirs", "source": "theirs", "setting": "adjuvant", "modality": "HAIP alone", "endpoint": "overall_survival", "unit": "%",
        "time_zero": "not stated", "event": "as named", "competing": "not applicable", "better": "higher", "read": "primary", "where": "made up"}  # fmt: skip
INTERVAL = {"ci_level": 0.95}


class Words:
    """Counts what `compare` says, and the limits of the difference."""

    def __init__(self) -> None:
        self.said: Counter[str] = Counter()
        self.limits: list[tuple[float, float]] = []
        self.refused = 0

    def hear(self, found: Judged) -> None:
        """One verdict."""
        self.said[found.verdict] += 1
        self.limits.append((found.low, found.high))

    def write(self, section: Section, name: str, scenario: str, n: int, replicates: int, *, covered: float | None = 0.0, interval: str = "") -> None:
        """False alarms: worse or better, of all the replicates in which `compare` gives a word or says that it is too few."""
        heard = sum(self.said.values())
        if not heard:
            return
        share = {word: sum(k for said, k in self.said.items() if word in said) / heard for word in (WORSE, BETTER, CLEARLY, TOO_FEW, NOT_JUDGED)}
        none = self.refused / replicates
        if covered is not None:
            low, high = np.array(self.limits).T
            section.covered(interval, scenario, n, covered, low, high)
        section.add("false alarms", f"{name}: worse or better", scenario, n, 0.05, share[WORSE] + share[BETTER], heard, none=none,
                    below=share[WORSE], above=share[BETTER])  # fmt: skip
        section.add("clear alarms", f"{name}: clearly worse or better", scenario, n, 0.002, share[CLEARLY], heard, none=none)
        section.add("detected", f"{name}: too few to judge", scenario, n, math.nan, share[TOO_FEW], heard, none=none)
        if share[NOT_JUDGED]:
            section.add("detected", f"{name}: not judged", scenario, n, math.nan, share[NOT_JUDGED], heard, none=none)


def differences(replicates: int) -> Section:
    """Newcombe's limits by enumeration of both counts, at the same true share on both sides."""
    section = Section("differences of proportions")
    for p in (0.05, 0.22, 0.50):
        for n0 in (49, 200):
            for n in SIZES:
                law = binom.pmf(np.arange(n + 1), n, p)[:, None] * binom.pmf(np.arange(n0 + 1), n0, p)[None, :]
                found = [(proportion_difference(k, n, k0, n0)[1:], law[k, k0]) for k in range(n + 1) for k0 in range(n0 + 1) if law[k, k0] > 1e-8]
                low, high = np.array([limits for limits, _ in found]).T
                section.covered("Newcombe, method 10", f"p = {100 * p:g}%, source {n0}", n, 0.0, low, high, weights=np.array([w for _, w in found]))
    return section


def proportion_verdicts(replicates: int) -> Section:
    """By enumeration: complications (fewer is better), the centre's true share as the source's; then worse by exactly the margin."""
    section = Section("verdicts on proportions")
    for p in (0.05, 0.22, 0.50):
        for n0 in (49, 200):
            for n in SIZES:
                rate: Counter[str] = Counter()
                for k, k0, w in _pairs(p, p, n, n0):
                    rate[_judged_counts(k, n, k0, n0, None).verdict] += w
                scenario = f"p = {100 * p:g}%, source {n0}"
                worse, better = (sum(w for said, w in rate.items() if word in said) for word in (WORSE, BETTER))
                section.add("false alarms", "worse or better", scenario, n, 0.05, worse + better, 0, below=worse, above=better)
                section.add("clear alarms", "clearly worse or better", scenario, n, 0.002, sum(w for said, w in rate.items() if CLEARLY in said), 0)
                section.add("detected", "too few to judge", scenario, n, math.nan, rate[TOO_FEW], 0)
    for p, margin in ((0.22, 0.15), (0.22, 0.20)):
        for n in SIZES:
            par = sum(w for k, k0, w in _pairs(p + margin, p, n, 200) if _judged_counts(k, n, k0, 200, margin).verdict == PAR)
            section.add("signals", '"on a par" when worse by exactly the margin', f"22% against {100 * (p + margin):g}%, source 200", n, 0.025, par, 0)
    return section


def _pairs(p: float, p0: float, n: int, n0: int) -> list[tuple[int, int, float]]:
    law = binom.pmf(np.arange(n + 1), n, p)[:, None] * binom.pmf(np.arange(n0 + 1), n0, p0)[None, :]
    return [(int(k), int(k0), float(law[k, k0])) for k, k0 in np.argwhere(law > 1e-6)]


def _judged_counts(k: int, n: int, k0: int, n0: int, margin: float | None) -> Judged:
    theirs = PublishedFigure(**{**BASE, "endpoint": "pump_complication", "statistic": "proportion", "better": "lower", "n": n0, "events": k0,
                                "value": 100 * k0 / n0, "notes": "made up"})  # fmt: skip
    return judge(proportion(Count(k, n), k0 / n0), published_side(theirs), n0, "lower", margin)


def landmark_verdicts(replicates: int) -> Section:
    """The source's limits (log-log) or its n alone; the same survival on both sides, censoring uniform over 12 to 84 months."""
    section = Section("verdicts on landmarks")
    for key, survival in enumerate((0.37, 0.64, 0.90)):
        for n0 in (49, 200):
            for n in SIZES:
                rng = generator(7, key, n0, n)
                printed, alone, naive = Words(), Words(), Words()
                for _ in range(replicates):
                    source, ours = _at_36(rng, survival, n0), _at_36(rng, survival, n)
                    if source is None or ours is None:
                        for one in (printed, alone, naive):
                            one.refused += ours is None
                        continue
                    value, (low, high) = source.side.estimate, source.shown
                    ours = _expecting(ours, value)
                    table = {**BASE, "statistic": "landmark_probability", "horizon": HORIZON, "value": 100 * value, "n": n0}
                    limits = {**INTERVAL, "ci_low": 100 * low, "ci_high": 100 * high, "ci_form": "curve-based"}
                    printed.hear(judge(ours, published_side(PublishedFigure(**table, **limits)), n0, "higher"))
                    alone.hear(judge(ours, published_side(PublishedFigure(**table)), n0, "higher"))
                    naive.hear(Judged(*contrasted(ours.side, known(value), "difference", 0.95), "difference", "", ""))
                scenario = f"S = {survival:g}, source {n0}"
                printed.write(section, "printed interval", scenario, n, replicates, interval="MOVER, printed interval")
                alone.write(section, "n alone", scenario, n, replicates, interval="MOVER, n alone (lower bound)")
                section.covered("taken as known (never done by `compare`)", scenario, n, 0.0, *np.array(naive.limits).T)
    for n in SIZES:  # truly 15 points worse, and a margin of 15 points
        rng = generator(7, 9, n)
        par = heard = 0
        for _ in range(replicates):
            source, ours = _at_36(rng, 0.64, 200), _at_36(rng, 0.49, n)
            if source is None or ours is None:
                continue
            (low, high), value = source.shown, source.side.estimate
            theirs = PublishedFigure(**BASE, **INTERVAL, statistic="landmark_probability", horizon=HORIZON, value=100 * value, n=200, ci_low=100 * low,
                                     ci_high=100 * high, ci_form="curve-based")  # fmt: skip
            heard += 1
            par += judge(_expecting(ours, value), published_side(theirs), 200, "higher", 0.15).verdict == PAR
        section.add("signals", '"on a par" when worse by exactly the margin', "S = 0.49 against 0.64, source 200", n, 0.025, par / heard, heard)
    return section


def _at_36(rng: np.random.Generator, survival: float, n: int) -> CentreNumber | None:
    tte = censored(rng, rng.exponential(-HORIZON / math.log(survival), n), 12.0, 84.0)
    if not enough_followed(tte, HORIZON):
        return None
    return at_horizon(tte, None, HORIZON, "", float(np.minimum(tte.time, HORIZON).sum()), events=False)


def _expecting(ours: CentreNumber, value: float) -> CentreNumber:
    """Events expected as `compare` takes them: a constant hazard through the published figure, times the time lived here."""
    hazard = -math.log(min(max(value, 1e-6), 1 - 1e-6)) / HORIZON
    return replace(ours, tally=replace(ours.tally, expected=hazard * ours.tally.expected))


def median_verdicts(replicates: int) -> Section:
    """Exponential survival with a median of 24 months on both sides; the source prints either form of interval."""
    section = Section("verdicts on medians")
    for n0 in (49, 200):
        for n in SIZES:
            rng = generator(8, n0, n)
            forms: tuple[tuple[Contrast, str, str, float], ...] = (("ratio", "curve-based", "ratio, curve-based limits (MOVER)", 1.0),
                     ("difference", "symmetric (standard error)", "difference, the source's limits by standard error", 0.0))  # fmt: skip
            heard, both = {form: Words() for _, form, _, _ in forms}, Words()
            for _ in range(replicates):
                death = rng.exponential(MEDIAN / math.log(2), n0)
                source, ours = censored(rng, death, 12.0, 84.0), censored(rng, rng.exponential(MEDIAN / math.log(2), n), 12.0, 84.0)
                for contrast, form, _, _ in forms:
                    theirs = survival_median(source, "", 10.0, contrast)
                    value, (low, high) = theirs.side.estimate, theirs.shown
                    if math.isnan(value) or math.isnan(low):
                        continue
                    if contrast == "difference" and not abs((low + high) / 2 - value) < 1e-6:
                        continue  # the source's curve does not fall to 45%, so it prints no standard error
                    figure = PublishedFigure(**{**BASE, **INTERVAL, "unit": "months", "statistic": "median", "value": value, "n": n0, "ci_low": max(low, 0.0),
                                                "ci_high": math.inf if math.isnan(high) else high, "ci_form": form if low >= 0 else "curve-based"})  # fmt: skip
                    expected = math.log(2) / value * float(ours.time.sum())
                    here, side = survival_median(ours, "", expected, contrast), published_side(figure)
                    heard[form].hear(judge(here, side, n0, "higher"))
                    if contrast == "difference":
                        own = Side(here.side.estimate, lambda level, limits=here.shown: limits)
                        both.hear(Judged(*contrasted(own, side, "difference", 0.95), "difference", "", ""))
            for _, form, words, truth in forms:
                heard[form].write(section, words, f"source {n0}", n, replicates, covered=truth, interval=words)
            section.covered("both by standard error (never done by `compare`)", f"source {n0}", n, 0.0, *np.array(both.limits).T)
    return section


def hazard_ratio_verdicts(replicates: int) -> Section:
    """The same hazard ratio of 1 or 2.4 in a source of 200 patients and here; fewer is neither better nor worse, so better is "lower"."""
    section = Section("verdicts on hazard ratios")
    for key, ratio in enumerate((1.0, 2.4)):
        for n in SIZES:
            rng = generator(9, key, n)
            heard = Words()
            for _ in range(replicates):
                try:
                    theirs, ours = (_ratio(rng, ratio, size) for size in (200, n))
                except HaipError:
                    heard.refused += 1
                    continue
                low, high = theirs.shown
                figure = PublishedFigure(**{**BASE, **INTERVAL, "unit": "ratio", "statistic": "hazard_ratio", "factor": "x", "value": theirs.side.estimate,
                                            "ci_low": low, "ci_high": high, "ci_form": "not stated", "better": "lower"})  # fmt: skip
                heard.hear(judge(ours, published_side(figure), 200, "lower"))
            heard.write(section, "ratio of ratios", f"true hazard ratio {ratio:g}, source 200", n, replicates, covered=1.0, interval="ratio of hazard ratios")
    return section


def _ratio(rng: np.random.Generator, ratio: float, n: int) -> CentreNumber:
    has = np.arange(n) % 2 == 1
    frame = pd.DataFrame({"x": pd.Categorical(np.where(has, "Yes", "No"), categories=["No", "Yes"])})
    death = rng.exponential(MEDIAN / math.log(2), n) / np.where(has, ratio, 1.0)
    return hazard_ratio(censored(rng, death, 12.0, 84.0), frame, "x", ("x",), "")
