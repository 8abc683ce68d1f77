"""Against a curve, between centres, over time, and for a new centre: one-sample log-rank, funnels, CUSUM, prediction intervals."""

from __future__ import annotations

import math

import numpy as np
from coverage_rows import SIZES, Section, censored, generator, times
from scipy.special import expit
from scipy.stats import binom, poisson

from haip_outcomes.benchmark.case_mix.funnels import funnel
from haip_outcomes.benchmark.curves.reference_curve import ReferenceCurve
from haip_outcomes.benchmark.over_time.cusums import cusum
from haip_outcomes.benchmark.over_time.survival_cusums import survival_cusum
from haip_outcomes.benchmark.over_time.survival_limits import survival_cusum_limit
from haip_outcomes.benchmark.pooling.heterogeneity import random_effects
from haip_outcomes.errors import HaipError
from haip_outcomes.survival.comparing.one_sample import one_sample_logrank
from haip_outcomes.survival.curves.kaplan_meier import survival_curve
from haip_outcomes.survival.time_to_event import TimeToEvent

RATE = math.log(2) / 38
KNOTS = (12.0, 24.0, 36.0, 48.0, 60.0)


def one_sample(replicates: int) -> Section:
    """A median of 38 months on both sides, patients followed 12 to 60 months; rejections of the true null at 5%, two-sided."""
    section = Section("one-sample log-rank")
    truth = ReferenceCurve.known(lambda t: np.exp(-RATE * np.asarray(t)), unit="months", label="the truth")
    for n in SIZES:
        rng = generator(10, n)
        found = [one_sample_logrank(_patients(rng, n), truth).tidy().set_index("term") for _ in range(replicates)]
        for term in found[0].index:
            _rejected(section, f"{term}, known curve", "the curve is known", n, found, term)
        section.covered("O/E, exact Poisson", "the curve is known", n, 1.0, *_limits(found, "exact Poisson"), exact=False)
        section.covered("O/E, mid-p Poisson", "the curve is known", n, 1.0, *_limits(found, "mid-p Poisson"))
    for n0 in (26, 49, 200):
        for n in SIZES:
            rng = generator(11, n0, n)
            runs: dict[str, list] = {name: [] for name in ("patients (Nelson-Aalen)", "landmarks", "median alone")}
            for _ in range(replicates):
                source, ours = _patients(rng, n0), _patients(rng, n)
                for name, make in (("patients (Nelson-Aalen)", _from_patients), ("landmarks", _from_landmarks), ("median alone", _from_median)):
                    try:
                        runs[name].append(one_sample_logrank(ours, make(source, n0)).tidy().set_index("term"))
                    except HaipError:
                        runs[name].append(None)
            for name, found in runs.items():
                scenario = f"curve from {name} of {n0}"
                _rejected(section, "Wu, curve taken as known", scenario, n, found, "Wu")
                _rejected(section, "corrected for the curve's own error", scenario, n, found, "corrected")
                section.covered("O/E, corrected", scenario, n, 1.0, *_limits(found, "corrected"))
    return section


def _patients(rng: np.random.Generator, n: int) -> TimeToEvent:
    return censored(rng, rng.exponential(1 / RATE, n), 12.0, 60.0)


def _from_patients(source: TimeToEvent, n0: int) -> ReferenceCurve:
    return ReferenceCurve.from_patients(source)


def _from_landmarks(source: TimeToEvent, n0: int) -> ReferenceCurve:
    rows = survival_curve(source).at(list(KNOTS))
    kept = rows[(rows["n_risk"] >= 5) & (rows["estimate"] > 0) & (rows["estimate"] < 1)]
    return ReferenceCurve.from_landmarks(kept["time"], kept["estimate"], conf_low=kept["conf_low"], conf_high=kept["conf_high"])


def _from_median(source: TimeToEvent, n0: int) -> ReferenceCurve:
    return ReferenceCurve.from_median(float(survival_curve(source).median()["estimate"].iloc[0]), n=n0)


def _rejected(section: Section, method: str, scenario: str, n: int, found: list, term: str) -> None:
    there = [one.loc[term] for one in found if one is not None and term in one.index]
    low = sum(row["p_value"] < 0.05 and row["estimate"] < 1 for row in there) / len(there)
    high = sum(row["p_value"] < 0.05 and row["estimate"] >= 1 for row in there) / len(there)
    section.add("false alarms", method, scenario, n, 0.05, low + high, len(there), below=low, above=high, none=1 - len(there) / len(found))


def _limits(found: list, term: str) -> tuple[np.ndarray, np.ndarray]:
    nothing = (math.nan, math.nan)
    low, high = np.array([nothing if one is None or term not in one.index else (one.loc[term, "conf_low"], one.loc[term, "conf_high"]) for one in found]).T
    return low, high


def funnels(replicates: int) -> Section:
    """By enumeration: how often a sound centre is flagged, at a known target. The flag is a mid-p tail, so not exactly at its level."""
    section = Section("funnel flags")
    for target in (0.05, 0.22):
        for n in SIZES:
            k = np.arange(n + 1)
            law = binom.pmf(k, n, target)
            flag = funnel(k, np.full(n + 1, n), target=target).tidy()["flag"].astype(str).to_numpy()
            _flags(section, f"binomial, target {100 * target:g}%", n, law, flag)
    for n in SIZES:
        expected = n / 4
        k = np.arange(int(expected + 12 * math.sqrt(expected)) + 10)
        flag = funnel(k, np.full(len(k), expected), target=1.0, kind="ratio").tidy()["flag"].astype(str).to_numpy()
        _flags(section, "O/E, n/4 events expected", n, poisson.pmf(k, expected), flag)
    return section


def _flags(section: Section, scenario: str, n: int, law: np.ndarray, flag: np.ndarray) -> None:
    flagged = flag != "within"
    outer = np.array(["99.8" in word for word in flag])
    high = np.array(["above" in word for word in flag])
    section.add("false alarms", "funnel, outside 95%", scenario, n, 0.05, float(law[flagged].sum()), 0, below=float(law[flagged & ~high].sum()),
                above=float(law[flagged & high].sum()))  # fmt: skip
    section.add("clear alarms", "funnel, outside 99.8%", scenario, n, 0.002, float(law[outer].sum()), 0)


def cusums(replicates: int) -> Section:
    """Limits for a false alarm in 5 of 100, tried on fresh outcomes: of the same risk (exact limit) and of varying risk (simulated limit)."""
    section = Section("CUSUM")
    many = 10 * replicates
    for n in SIZES:
        rng = generator(13, n)
        for key, (scenario, risk) in enumerate((("risk 22% in all", np.full(n, 0.22)), ("risks 5 to 50%", expit(rng.normal(-1.4, 0.8, n)).clip(0.05, 0.5)))):
            chart = cusum(np.zeros(n), risk, rng=generator(14, key, n), simulations=100_000)
            limit = float(chart.glance()["limit"].iloc[0])
            section.add("false alarms", "limit for 5 of 100", scenario, n, 0.05, _signals(rng, risk, risk, limit, many), many, exact=key == 0)
            worse = 2 * risk / (1 + risk)
            section.add("detected", "truly twice the odds", scenario, n, math.nan, _signals(rng, risk, worse, limit, many), many)
    return section


def _signals(rng: np.random.Generator, risk: np.ndarray, true: np.ndarray, limit: float, many: int) -> float:
    s, top = np.zeros(many), np.zeros(many)
    for p, q in zip(risk, true, strict=True):
        y = rng.random(many) < q
        s = np.maximum(0.0, s + y * math.log(2) - math.log1p(p))
        top = np.maximum(top, s)
    return float((top >= limit - 1e-9).mean())


def predictions(replicates: int) -> Section:
    """Logits of centres of 20 to 150 patients about 22%, spread 0.2 or 0.4; the true result of a new centre, and that of 34 patients."""
    section = Section("prediction for a new centre")
    mean = math.log(0.22 / 0.78)
    for key, spread in enumerate((0.2, 0.4)):
        for k in (4, 6, 10):
            rng = generator(15, key, k)
            found: dict[tuple[str, str], list[tuple[float, float]]] = {}
            truths: dict[str, list[float]] = {"true result": [], "observed result of 34": []}
            for _ in range(replicates):
                n = rng.integers(20, 151, k)
                events = rng.binomial(n, expit(rng.normal(mean, spread, k)))
                add = (events == 0) | (events == n)
                x, size = events + 0.5 * add, n + 1.0 * add
                pooled = random_effects(np.log(x / (size - x)), np.sqrt(1 / x + 1 / (size - x)))
                new = rng.normal(mean, spread)
                seen = rng.binomial(34, expit(new))
                seen = min(max(seen, 0.5), 33.5)
                truths["true result"].append(new)
                truths["observed result of 34"].append(math.log(seen / (34 - seen)))
                p = expit(pooled.estimate)
                for what, error in (("true result", None), ("observed result of 34", 1 / math.sqrt(34 * p * (1 - p)))):
                    rows = pooled.prediction(error)
                    for term, low, high in zip(rows["term"], rows["conf_low"], rows["conf_high"], strict=True):
                        found.setdefault((what, term), []).append((low, high))
            for (what, term), limits in found.items():
                low, high = np.array(limits).T
                truth = np.array(truths[what])
                below, above = float((truth < low).mean()), float((truth > high).mean())
                words = f"{what}, {term}" + (" (the one used)" if term == "modified Hartung-Knapp" else "")
                section.add("coverage", words, f"spread {spread:g} on the logit", k, 0.95, 1 - below - above, replicates, below=below, above=above)
    return section


def survival_cusums(replicates: int) -> Section:
    """Limits for a false alarm in 5 of 100, tried on fresh programmes of n patients over 60 months, watched to month 84; median 38 months."""
    section = Section("survival CUSUM")
    truth = ReferenceCurve.known(lambda t: np.exp(-RATE * np.asarray(t)), unit="months", label="the truth")
    many = max(replicates // 2, 10)
    for n in SIZES:
        rng = generator(16, n)
        limit = survival_cusum_limit(n, truth, accrual=60, until=84, rng=generator(17, n))
        for key, (scenario, hazard, source) in enumerate((("known curve", 1.0, 0), ("curve from 49 patients", 1.0, 49), ("truly twice the hazard", 2.0, 0))):
            heard = 0
            for _ in range(many):
                reference = truth if not source else ReferenceCurve.from_patients(_patients(rng, source))
                entry, death = rng.uniform(0, 60, n), rng.exponential(1 / (RATE * hazard), n)
                tte = times(np.minimum(death, 84 - entry), death <= 84 - entry)
                heard += survival_cusum(entry, tte, reference, until=84, limit=limit).glance()["n_signals"].iloc[0] > 0
            method = "limit for 5 of 100" + (", estimated curve taken as known" if source else "")
            section.add("detected" if key == 2 else "false alarms", method, scenario, n, math.nan if key == 2 else 0.05, heard / many, many)
    return section
