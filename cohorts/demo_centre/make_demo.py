"""Makes demo.csv: 60 SYNTHETIC patients whose results are those printed by one published programme.

    python cohorts/demo_centre/make_demo.py            writes demo.csv beside this file and checks it
    python cohorts/demo_centre/make_demo.py OTHER.csv  writes it elsewhere

Nobody in the file exists. It imitates Chakedis et al. 2018 (doi 10.1002/jso.25249): TARGETS and COUNTS below,
met to the printed digits.

1. Covariates, pump dates and the end of follow-up are drawn once from ordinary distributions.
2. Simulated annealing on survival: one patient's time of death is drawn again from that patient's own model,
   or two patients of one setting swap sarcopenia; a change that brings the cohort nearer to its aims is kept.
3. Simulated annealing on the liver: one patient's imaging visits and progressions are drawn again.
4. The rest of the record is filled in, and the file is checked with the public functions of haip_outcomes.

An annealing stops at the first cohort with nothing left to complain of. Beside the targets it is asked for
the counts (WISHES) and smooth curves (CURVES) that a clinician would believe, so that the targets are not met
by an odd set of patients.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

State = TypeVar("State")

SEED = 36
FILE = Path(__file__).with_name("demo.csv")
CENTRE = "Demo HAIP programme (synthetic)"
MONTH = 365.25 / 12
N, N_ADJUVANT = 60, 26
TINY = 1e-9

# name: (published figure, its value as printed, decimals, step that one patient typically makes)
# The figure ids are those of the package's list of published figures.
TARGETS = {
    "median time to liver progression, unresectable": ("chakedis2018-ttlp-unres", 9.2, 1, 0.5),
    "  lower limit (median - 1.96 SE)": ("chakedis2018-ttlp-unres", 3.1, 1, 0.7),
    "  upper limit (median + 1.96 SE)": ("chakedis2018-ttlp-unres", 15.3, 1, 0.7),
    "median time to liver recurrence, adjuvant": ("chakedis2018-livrec-adj", 24.7, 1, 1.5),
    "  lower limit, adjuvant": ("chakedis2018-livrec-adj", 2.5, 1, 3.0),
    "  upper limit, adjuvant": ("chakedis2018-livrec-adj", 46.9, 1, 3.0),
    "3-year overall survival, adjuvant": ("chakedis2018-os3-adj", 0.64, 2, 0.03),
    "3-year overall survival, unresectable": ("chakedis2018-os3-unres", 0.37, 2, 0.03),
    "hazard ratio for death, sarcopenia": ("chakedis2018-sarc-hr", 2.4, 1, 0.2),
    "  lower 95% limit": ("chakedis2018-sarc-hr", 1.1, 1, 0.1),
    "  upper 95% limit": ("chakedis2018-sarc-hr", 5.0, 1, 0.4),
}
COUNTS = {
    "adjuvant": ("chakedis2018-n-adj", 26),
    "unresectable": ("chakedis2018-n-unres", 34),
    "perioperative complications": ("chakedis2018-postop", 19),
    "pump-specific complications": ("chakedis2018-pump", 14),
    "biliary strictures": ("chakedis2018-biliary", 1),
    "sarcopenia": ("chakedis2018-sarc-prev", 29),
}
# What is not printed but would be believed: (lowest, highest, step that one patient typically makes).
WISHES = {
    "deaths": (28, 32, 1),
    "deaths, adjuvant": (8, 12, 1),
    "median follow-up": (33, 46, 2),
    "median follow-up, adjuvant": (32, 48, 2),
    "median follow-up, unresectable": (32, 48, 2),
    "hazard ratio, stratified": (2.1, 2.8, 0.2),
    "hazard ratio, adjuvant": (1.5, 3.3, 0.3),
    "hazard ratio, unresectable": (1.7, 3.0, 0.3),
    "hazard ratio, extrahepatic disease": (1.3, 2.8, 0.3),
    "hazard ratio, converted to resection": (0.2, 0.6, 0.1),
    "age, sarcopenic less others": (1.0, 6.0, 0.7),
    "risk score, dead less alive": (0.15, 0.7, 0.1),
    "deaths without imaged progression": (4, 6, 1),
    "  of them adjuvant": (1, 2, 1),
    "deaths over 180 days after last imaging": (3, 4, 1),
    "  of them without a liver event": (1, 2, 1),
    "liver first": (24, 34, 1),
    "extrahepatic first": (9, 15, 1),
    "liver and extrahepatic on one scan": (1, 3, 1),
    "liver after extrahepatic": (4, 9, 1),
    "extrahepatic after liver": (7, 14, 1),
}
# Curves they should stay near, within NEAR at every month of GRID: survival, and freedom from liver events
# with deaths censored, as (month, value) joined by straight lines.
GRID = np.arange(3, 61, 3)
NEAR = np.where(GRID <= 36, 0.05, 0.10)  # fewer are left later on
CURVES = {
    ("os", "adjuvant"):
        [(0, 1.0), (6, 0.985), (12, 0.93), (18, 0.86), (24, 0.78), (36, 0.64), (48, 0.53), (60, 0.46)],
    ("os", "unresectable"):
        [(0, 1.0), (6, 0.93), (12, 0.81), (18, 0.67), (24, 0.55), (36, 0.37), (48, 0.26), (60, 0.21)],
    ("liver", "adjuvant"):
        [(2, 1.0), (6, 0.89), (12, 0.69), (18, 0.57), (24, 0.51), (30, 0.46), (36, 0.43), (60, 0.37)],
    ("liver", "unresectable"):
        [(1.5, 1.0), (4.5, 0.74), (9, 0.51), (12, 0.42), (18, 0.29), (24, 0.21), (36, 0.15), (60, 0.14)],
}  # fmt: skip
DRAWN = {which: np.interp(GRID, *zip(*points, strict=True)) for which, points in CURVES.items()}

# --- estimators, small and fast --------------------------------------------------------------------------


def kaplan_meier(time: np.ndarray, event: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Event times, survival and Greenwood's sum just after each."""
    at, deaths = np.unique(time[event], return_counts=True)
    risk = len(time) - np.searchsorted(np.sort(time), at, side="left")
    left = np.maximum(risk - deaths, 1)  # at survival 0 Greenwood's term is multiplied by 0
    return at, np.cumprod(1 - deaths / risk), np.cumsum(deaths / (risk * left))


def step(at: np.ndarray, values: np.ndarray, when: float) -> float:
    """The value at a time of a curve that starts from 1."""
    k = int(np.searchsorted(at, when, side="right"))
    return 1.0 if k == 0 else float(values[k - 1])


def median_interval(time: np.ndarray, event: np.ndarray) -> tuple[float, float, float, float]:
    """Median, its limits by Collett's standard error (the form SPSS prints), and survival at the median."""
    at, survival, greenwood = kaplan_meier(time, event)
    low = np.flatnonzero(survival <= 0.45 + TINY)
    if not len(low):
        return 99.0, -99.0, 299.0, 1.0
    k = int(np.flatnonzero(survival <= 0.5 + TINY)[0])
    high = int(np.sum(survival >= 0.55 - TINY))  # that many event times have S >= 0.55
    upper_time, upper_s = (at[high - 1], survival[high - 1]) if high else (0.0, 1.0)
    density = (upper_s - survival[low[0]]) / (at[low[0]] - upper_time)
    margin = 1.959964 * survival[k] * np.sqrt(greenwood[k]) / density
    return float(at[k]), float(at[k] - margin), float(at[k] + margin), float(survival[k])


def reverse_median(time: np.ndarray, event: np.ndarray) -> float:
    """Median follow-up: Kaplan-Meier of being censored."""
    at, survival, _ = kaplan_meier(time, ~event)
    reached = np.flatnonzero(survival <= 0.5 + TINY)
    return float(at[reached[0]]) if len(reached) else 99.0


def risk_sets(time: np.ndarray, event: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A row a death, ties as Efron: numbers at risk with x = 1 and with x = 0, and this death's own x."""
    order = np.argsort(time, kind="stable")
    time, event, x = time[order], event[order], x[order]
    at, own = time[event], x[event]
    first, after = np.searchsorted(at, at, side="left"), np.searchsorted(at, at, side="right")
    share = (np.arange(len(at)) - first) / (after - first)  # of the tied deaths, those already taken away
    total = np.append(0.0, np.cumsum(own))
    tied = total[after] - total[first]
    earlier = np.searchsorted(time, at, side="left")
    ones = np.append(np.cumsum(x[::-1])[::-1], 0.0)[earlier]
    zeros = len(time) - earlier - ones
    return np.column_stack((ones - share * tied, zeros - share * (after - first - tied), own))


def cox_binary(*strata: np.ndarray) -> tuple[float, float, float]:
    """Hazard ratio of a 0/1 covariate with its 95% limits (Efron), from the risk sets of the strata."""
    ones, zeros, own = np.concatenate(strata).T
    beta = 0.0
    for _ in range(12):
        weight = ones * np.exp(beta)
        share = weight / (weight + zeros)
        information = share @ (1 - share) + TINY
        newton = (own.sum() - share.sum()) / information
        if abs(newton) < TINY:
            break
        beta = float(min(max(beta + newton, -4.0), 4.0))
    margin = 1.959964 / np.sqrt(information)
    return float(np.exp(beta)), float(np.exp(beta - margin)), float(np.exp(beta + margin))


# --- how far a cohort is from the aims -------------------------------------------------------------------


def aims(names: list[str], found: dict[str, float]) -> float:
    """0 when every named target prints as published and every wish is kept; else how much is lacking."""
    total = 0.0
    for name in names:
        if name in TARGETS:
            _, value, decimals, scale = TARGETS[name]
            half = 0.47 * 10**-decimals  # a little inside the rounding, so that no digit hangs on a last bit
            low, high = value - half, value + half
        else:
            low, high, scale = WISHES[name]
        total += max(low - found[name], found[name] - high, 0.0) / scale
    return total


def far_from_curve(time: np.ndarray, event: np.ndarray, which: tuple[str, str]) -> float:
    """How far a Kaplan-Meier curve strays, beyond NEAR, from the one drawn."""
    at, survival, _ = kaplan_meier(time, event)
    gaps = np.append(1.0, survival)[np.searchsorted(at, GRID, side="right")] - DRAWN[which]
    return float(np.maximum(np.abs(gaps) - NEAR, 0.0).sum() / 0.03)


def anneal(
    state: State,
    change: Callable[[State], State],
    shortfall: Callable[[State], float],
    chance: np.random.RandomState,
    steps: int = 30_000,
) -> State:
    """Simulated annealing: a change for the worse is kept ever more rarely; stops when nothing falls short.

    Differences below TINY are none: sums may differ in their last bits from one computer to another, and the
    patients must not.
    """
    now = shortfall(state)
    for k in range(steps):
        if now < TINY:
            return state
        proposal = change(state)
        then = shortfall(proposal)
        temperature = 0.5 * (1 - k / steps) ** 3 + 0.002
        if then <= now + TINY or chance.random_sample() < np.exp((now - then) / temperature):
            state, now = proposal, then
    raise RuntimeError(f"The targets were not met in {steps} steps (shortfall {now:.2f}); try another seed.")


# --- 1. patients before their pump -----------------------------------------------------------------------


@dataclass(frozen=True)
class Patients:
    """What is drawn once. Days are ordinals of the calendar."""

    adjuvant: np.ndarray
    pump: np.ndarray
    end: np.ndarray  # last contact of those who don't die before
    age: np.ndarray
    extrahepatic: np.ndarray
    converted: np.ndarray
    risk: np.ndarray  # clinical risk score
    perioperative_death: int  # the position of the one patient who dies within 90 days
    table: pd.DataFrame

    @property
    def settings(self) -> tuple[tuple[str, np.ndarray], ...]:
        """The two settings and their patients."""
        return ("adjuvant", self.adjuvant), ("unresectable", ~self.adjuvant)


def working_days() -> tuple[int, np.ndarray]:
    """For every day of the study the nearest working day, as ordinals; and the first of them."""
    first, last = date(2012, 1, 1).toordinal(), date(2018, 12, 31).toordinal()
    days = [date.fromordinal(day) for day in range(first, last + 1)]
    open_days = np.array([
        day.toordinal() for day in days
        if day.weekday() < 5 and (day.month, day.day) not in ((1, 1), (7, 4), (12, 25))
    ])  # fmt: skip
    away = np.abs(np.arange(first, last + 1)[:, None] - open_days)
    return first, open_days[np.argmin(away, axis=1)]


FIRST_DAY, WORKING = working_days()


def working(day: np.ndarray) -> np.ndarray:
    """The nearest days that are no weekend and no public holiday."""
    return WORKING[np.minimum(np.asarray(day) - FIRST_DAY, len(WORKING) - 1)]


def risk_score(table: pd.DataFrame) -> np.ndarray:
    """Clinical risk score (Fong 1999, doi 10.1097/00000658-199909000-00004): one point for each of five."""
    points = [table["node_positive"] == 1, table["disease_free_interval"] < 12, table["n_metastases"] > 1,
              table["cea"] > 200, table["largest_cm"] > 5]  # fmt: skip
    return np.sum(points, axis=0)


def draw_patients(chance: np.random.RandomState) -> Patients:
    """Setting, dates and disease of 60 patients of a programme that opened in 2012."""
    adjuvant = chance.permutation(N) < N_ADJUVANT
    days = date(2012, 4, 2), date(2016, 6, 30), date(2017, 12, 29)
    opened, closed, cut = (day.toordinal() for day in days)
    pump = working(np.sort(opened + ((closed - opened) * chance.random_sample(N) ** 0.9).astype(int)))
    end = working(cut - chance.randint(0, 110, N))
    lost = chance.choice(np.flatnonzero(cut - pump > 900), 3, replace=False)  # moved away, followed elsewhere
    end[lost] -= chance.randint(200, 420, 3)
    end = working(end)

    age = np.clip(np.round(chance.normal(56.5, 9.5, N)), 33, 79).astype(int)
    synchronous = chance.random_sample(N) < np.where(adjuvant, 0.55, 0.75)
    metachronous = np.maximum(4, np.round(np.exp(chance.normal(2.75, 0.5, N))))
    interval = np.where(synchronous, 0, metachronous).astype(int)
    number = np.where(adjuvant, 1 + chance.poisson(2.6, N), 4 + chance.negative_binomial(2, 0.2, N))
    size = np.round(np.clip(np.exp(chance.normal(np.where(adjuvant, 1.1, 1.5), 0.45)), 0.8, 14.0), 1)
    cea = np.round(np.clip(np.exp(chance.normal(np.where(adjuvant, 2.3, 3.6), 1.3)), 0.8, 2400.0), 1)
    nodes = chance.random_sample(N) < 0.62
    few = chance.choice([0, 1, 2], N, p=[0.25, 0.6, 0.15])
    lines = np.where(adjuvant, few, chance.choice([1, 2, 3], N, p=[0.5, 0.35, 0.15]))

    unresectable = np.flatnonzero(~adjuvant)
    extrahepatic = np.zeros(N, dtype=bool)
    extrahepatic[chance.choice(unresectable, 6, replace=False)] = True
    limited = unresectable[~extrahepatic[unresectable]]
    limited = limited[np.argsort(number[limited], kind="stable")]
    converted = np.zeros(N, dtype=bool)
    converted[chance.choice(limited[:18], 7, replace=False)] = True
    frail = limited[~converted[limited]]
    perioperative_death = int(frail[np.argmax(age[frail])])

    table = pd.DataFrame({
        "sex": chance.choice([1, 2], N, p=[0.6, 0.4]), "age": age, "synchronous": synchronous.astype(int),
        "disease_free_interval": interval, "node_positive": nodes.astype(int), "n_metastases": number,
        "largest_cm": size, "cea": cea, "prior_lines": lines,
    })  # fmt: skip
    return Patients(
        adjuvant=adjuvant, pump=pump, end=end, age=age, extrahepatic=extrahepatic, converted=converted,
        risk=risk_score(table), perioperative_death=perioperative_death, table=table,
    )  # fmt: skip


# --- 2. survival and sarcopenia --------------------------------------------------------------------------


@dataclass(frozen=True)
class Survival:
    """Days from pump to death (beyond follow-up: alive), and sarcopenia."""

    death: np.ndarray
    sarcopenia: np.ndarray

    def followed(self, who: Patients) -> tuple[np.ndarray, np.ndarray]:
        """Days from pump to death or last contact, and who died."""
        end = who.end - who.pump
        return np.minimum(self.death, end), self.death <= end


def draw_death(who: Patients, i: int, sarcopenia: bool, chance: np.random.RandomState) -> int:
    """Days from pump to death: Weibull, with the hazards one would expect of this patient."""
    if i == who.perioperative_death:
        return 74
    usual = 0.01 * (who.age[i] - 57) + 0.12 * (who.risk[i] - 3)
    hazard = np.exp(0.87 * sarcopenia + 0.5 * who.extrahepatic[i] - 0.9 * who.converted[i] + usual)
    shape, scale = 1.45, 70.0 if who.adjuvant[i] else 43.0
    months = scale * (chance.standard_exponential() / hazard) ** (1 / shape)
    earliest = 14 * MONTH if who.converted[i] else 110
    return max(round(months * MONTH), round(earliest + 60 * chance.random_sample()))


def survival_results(who: Patients, now: Survival) -> dict[str, float]:
    """The targets and wishes on survival, as this cohort has them."""
    days, died = now.followed(who)
    time, x, adjuvant = days / MONTH, now.sarcopenia.astype(float), who.adjuvant
    sets = {s: risk_sets(time[adjuvant == s], died[adjuvant == s], x[adjuvant == s]) for s in (True, False)}

    def unresectable_ratio(marked: np.ndarray) -> float:
        return cox_binary(risk_sets(time[~adjuvant], died[~adjuvant], marked[~adjuvant].astype(float)))[0]

    hr, low, high = cox_binary(risk_sets(time, died, x))
    found = {
        "hazard ratio for death, sarcopenia": hr, "  lower 95% limit": low, "  upper 95% limit": high,
        "hazard ratio, stratified": cox_binary(sets[True], sets[False])[0],
        "hazard ratio, adjuvant": cox_binary(sets[True])[0],
        "hazard ratio, unresectable": cox_binary(sets[False])[0],
        "hazard ratio, extrahepatic disease": unresectable_ratio(who.extrahepatic),
        "hazard ratio, converted to resection": unresectable_ratio(who.converted),
        "deaths": died.sum(), "deaths, adjuvant": died[adjuvant].sum(),
        "median follow-up": reverse_median(time, died),
        "age, sarcopenic less others": who.age[now.sarcopenia].mean() - who.age[~now.sarcopenia].mean(),
        "risk score, dead less alive": who.risk[died].mean() - who.risk[~died].mean(),
    }  # fmt: skip
    for name, chosen in who.settings:
        at, survival, _ = kaplan_meier(time[chosen], died[chosen])
        found[f"3-year overall survival, {name}"] = step(at, survival, 36)
        found[f"median follow-up, {name}"] = reverse_median(time[chosen], died[chosen])
    return found


def survival_shortfall(who: Patients, now: Survival) -> float:
    """How far the survival of this cohort is from its targets, wishes and smooth curves."""
    days, died = now.followed(who)
    found = survival_results(who, now)
    total = aims(list(found), found)
    for name, chosen in who.settings:
        total += far_from_curve(days[chosen] / MONTH, died[chosen], ("os", name))
    return total


def settle_survival(who: Patients, chance: np.random.RandomState) -> Survival:
    """Anneal the times of death and sarcopenia."""
    sarcopenia = np.zeros(N, dtype=bool)
    for chosen, count in ((who.adjuvant, 12), (~who.adjuvant, 17)):
        older = np.argsort(-(who.age + chance.normal(0, 12, N)) - 1000 * chosen, kind="stable")
        sarcopenia[older[:count]] = True
    first = Survival(np.array([draw_death(who, i, sarcopenia[i], chance) for i in range(N)]), sarcopenia)

    def change(now: Survival) -> Survival:
        i = chance.randint(N)
        kind = chance.random_sample()
        if kind < 0.8:
            death = now.death.copy()
            death[i] = draw_death(who, i, now.sarcopenia[i], chance)
            if kind < 0.4 and i != who.perioperative_death:  # the same death, some weeks earlier or later
                death[i] = max(now.death[i] + chance.randint(-45, 46), 110)
            return replace(now, death=death)
        others = np.flatnonzero((who.adjuvant == who.adjuvant[i]) & (now.sarcopenia != now.sarcopenia[i]))
        j = others[chance.randint(len(others))]
        swapped = now.sarcopenia.copy()
        swapped[[i, j]] = swapped[[j, i]]
        return replace(now, sarcopenia=swapped)

    return anneal(first, change, lambda now: survival_shortfall(who, now), chance)


# --- 3. imaging and progression --------------------------------------------------------------------------


@dataclass(frozen=True)
class Imaging:
    """Per patient, in days from the pump: the visits, and those that showed progression (-1: none)."""

    visits: tuple[np.ndarray, ...]
    liver: np.ndarray
    elsewhere: np.ndarray

    @property
    def last(self) -> np.ndarray:
        """The last visit of each patient."""
        return np.array([visits[-1] for visits in self.visits])


def draw_visits(who: Patients, i: int, until: int, chance: np.random.RandomState) -> np.ndarray:
    """Imaging on working days, 6 to 12 weeks apart: about 8 in the unresectable, 11 in the adjuvant."""
    usual, spread = (74, 4) if who.adjuvant[i] else (57, 5)
    gaps = np.clip(np.round(chance.normal(usual, spread, 60)), 46, 80).astype(int)
    visits = working(who.pump[i] + np.cumsum(gaps)) - who.pump[i]
    if visits[0] > until:
        return np.array([working(who.pump[i] + 45) - who.pump[i]])
    return visits[visits <= until]


def draw_course(
    who: Patients, i: int, days: int, died: bool, late: bool, chance: np.random.RandomState
) -> tuple[np.ndarray, int, int]:
    """One patient's visits, and those that showed progression, given survival: organs fail before death."""

    def perhaps(probability: float, draw: Callable[[], float]) -> float:
        return draw() if chance.random_sample() < probability else np.inf

    quiet = chance.randint(190, 330) if late else chance.randint(12, 120)  # no more imaging before death
    visits = draw_visits(who, i, days - quiet if died else days, chance)
    adjuvant = who.adjuvant[i]
    if i == who.perioperative_death:
        return visits, -1, -1
    if died:
        liver = perhaps(0.75 if adjuvant else 0.9, lambda: days * chance.beta(1.3, 2.2))
        elsewhere = perhaps(0.65 if adjuvant else 0.45, lambda: days * chance.beta(2, 2))
    else:
        usual = (13 if adjuvant else 15) * MONTH
        liver = perhaps(0.5 if adjuvant else 0.85, lambda: usual * np.exp(chance.normal(0, 0.8)))
        elsewhere = perhaps(0.3, lambda: 16 * MONTH * np.exp(chance.normal(0, 0.6)))
    if who.converted[i]:
        # they responded, and had a hepatectomy
        liver, elsewhere = max(liver, 11 * MONTH), max(elsewhere, 11 * MONTH)

    def first_seen(day: float) -> int:
        later = visits[visits >= day]
        return int(later[0]) if len(later) else -1

    return visits, first_seen(liver), first_seen(elsewhere)


def liver_times(now: Imaging, days: np.ndarray, died: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Months to the liver event, or censored at death or at the last imaging; and who had the event."""
    event = now.liver >= 0
    return np.where(event, now.liver, np.where(died, days, now.last)) / MONTH, event


def imaging_results(who: Patients, now: Imaging, days: np.ndarray, died: np.ndarray) -> dict[str, float]:
    """The targets and wishes on progression, as this cohort has them."""
    time, event = liver_times(now, days, died)
    liver, elsewhere = now.liver >= 0, now.elsewhere >= 0
    both = liver & elsewhere
    found: dict[str, float] = {
        "deaths without imaged progression": np.sum(died & ~liver & ~elsewhere),
        "  of them adjuvant": np.sum(died & ~liver & ~elsewhere & who.adjuvant),
        "deaths over 180 days after last imaging": np.sum(died & (days - now.last > 180)),
        "  of them without a liver event": np.sum(died & (days - now.last > 180) & ~liver),
        "liver first": np.sum(liver & (~elsewhere | (now.liver < now.elsewhere))),
        "extrahepatic first": np.sum(elsewhere & (~liver | (now.elsewhere < now.liver))),
        "liver and extrahepatic on one scan": np.sum(both & (now.liver == now.elsewhere)),
        "liver after extrahepatic": np.sum(both & (now.liver > now.elsewhere)),
        "extrahepatic after liver": np.sum(both & (now.liver < now.elsewhere)),
    }
    names = iter(TARGETS)
    for chosen in (~who.adjuvant, who.adjuvant):
        found |= {next(names): value for value in median_interval(time[chosen], event[chosen])[:3]}
    return found


def imaging_shortfall(who: Patients, now: Imaging, days: np.ndarray, died: np.ndarray) -> float:
    """How far progression in this cohort is from its targets, wishes and smooth curves."""
    found = imaging_results(who, now, days, died)
    total = aims(list(found), found)
    time, event = liver_times(now, days, died)
    for name, chosen in who.settings:
        total += far_from_curve(time[chosen], event[chosen], ("liver", name))
        at_median = median_interval(time[chosen], event[chosen])[3]
        total += abs(at_median - 0.5) < 1e-6  # no plateau at one half: packages read it differently
    return total


def settle_imaging(who: Patients, survival: Survival, chance: np.random.RandomState) -> Imaging:
    """Anneal the visits and the progressions."""
    days, died = survival.followed(who)
    late = np.zeros(N, dtype=bool)
    no_more_imaging = chance.choice(np.flatnonzero(died & (days > 500)), 3, replace=False)
    late[no_more_imaging] = True

    def draw(i: int) -> tuple:
        return draw_course(who, i, int(days[i]), bool(died[i]), bool(late[i]), chance)

    visits, liver, elsewhere = zip(*(draw(i) for i in range(N)), strict=True)

    def change(now: Imaging) -> Imaging:
        i = chance.randint(N)
        all_visits, liver, elsewhere = list(now.visits), now.liver.copy(), now.elsewhere.copy()
        all_visits[i], liver[i], elsewhere[i] = draw(i)
        if chance.random_sample() < 0.5:  # the same progressions on the same visits, the visits on other days
            before, after = now.visits[i], all_visits[i]
            seen = [event[i] for event in (now.liver, now.elsewhere)]
            places = [int(np.searchsorted(before, day)) if day >= 0 else -1 for day in seen]
            if max(places) < len(after):
                liver[i], elsewhere[i] = (after[k] if k >= 0 else -1 for k in places)
        return Imaging(tuple(all_visits), liver, elsewhere)

    return anneal(Imaging(visits, np.array(liver), np.array(elsewhere)), change,
                  lambda now: imaging_shortfall(who, now, days, died), chance)  # fmt: skip


# --- 4. the rest of the record ---------------------------------------------------------------------------


def draw_marked(chosen: np.ndarray, count: int, chance: np.random.RandomState) -> np.ndarray:
    """Marks `count` of the chosen patients."""
    marked = np.zeros(N, dtype=bool)
    marked[chance.choice(np.flatnonzero(chosen), count, replace=False)] = True
    return marked


def fill_in(
    who: Patients, survival: Survival, imaging: Imaging, chance: np.random.RandomState
) -> pd.DataFrame:
    """The file: a row a patient, as a centre would keep it."""
    days, died = survival.followed(who)
    periop = np.arange(N) == who.perioperative_death
    sarcopenia = survival.sarcopenia

    # Perioperative complications in 19, one of them the death; pump-specific in 14, of which 8 perioperative.
    complication = periop | draw_marked(~periop, 18, chance)
    grade = np.full(N, "", dtype=object)
    grades = ["I"] * 4 + ["II"] * 7 + ["IIIa"] * 4 + ["IIIb"] * 2 + ["IVa"]
    grade[complication & ~periop] = chance.permutation(grades)
    grade[periop] = "V"
    early = draw_marked(complication & ~periop & (grade != "I"), 8, chance)
    late = draw_marked(~complication & (days > 400), 6, chance)
    stricture = draw_marked(late, 1, chance)
    pump_complication = early | late

    # Four never had a first cycle: the death, two with a pump that failed, one whose disease had progressed.
    never_resected = ~who.adjuvant & ~who.converted
    failed = draw_marked(early & who.adjuvant, 1, chance) | draw_marked(early & never_resected, 1, chance)
    soon = never_resected & (imaging.liver >= 0) & (imaging.liver < 130)
    progressed = draw_marked(soon & ~complication & ~late, 1, chance)
    given = ~(periop | failed | progressed)
    wait = np.clip(np.round(chance.normal(40, 6, N) + 8 * early), 29, 59).astype(int)
    cycle = working(who.pump + wait)

    # Sarcopenia: skeletal muscle index at L3 below 52.4 (men) or 38.5 cm2/m2 (women).
    men = who.table["sex"].to_numpy() == 1
    below = np.where(men, 52.4, 38.5) - np.round(0.3 + np.abs(chance.normal(0, np.where(men, 7.0, 5.0))), 1)
    above = np.where(men, 52.4, 38.5) + np.round(np.abs(chance.normal(0, np.where(men, 8.5, 7.0))), 1)
    above = np.minimum(above, np.where(men, 72.0, 60.0))
    index = np.round(np.where(sarcopenia, np.maximum(below, 27.0), above), 1)
    bmi = np.round(np.clip(chance.normal(29.0 - 2.5 * sarcopenia, 4.2), 18.6, 42.0), 1)

    unknown = draw_marked(np.ones(N, dtype=bool), 5, chance)
    cea = [f"{value:g}" for value in who.table["cea"]]
    for i, code in zip(np.flatnonzero(unknown), ("UNK", "-999", "UNK", "UNK", "-999"), strict=True):
        cea[i] = code

    def dates(ordinals: np.ndarray, known: np.ndarray) -> list[str]:
        pairs = zip(ordinals, known, strict=True)
        return [date.fromordinal(int(day)).isoformat() if here else "" for day, here in pairs]

    # Conversion 4 to 7 months after placement; chance of its own, so that no other column depends on it.
    operated = working(who.pump + np.random.RandomState(SEED + 1).randint(122, 214, N))
    everybody = np.ones(N, dtype=bool)
    record = pd.DataFrame({
        "record_id": [f"DEMO-{k:03d}" for k in range(1, N + 1)],
        "redcap_data_access_group": CENTRE,
        "synthetic": 1,
        "setting": np.where(who.adjuvant, "adjuvant", "unresectable"),
    })  # fmt: skip
    body = {"bmi": bmi, "muscle_index": index, "sarcopenia": sarcopenia.astype(int)}
    disease = {name: who.table[name] for name in (
        "node_positive", "synchronous", "disease_free_interval", "n_metastases", "largest_cm")}  # fmt: skip
    course = {
        "cea": cea,
        "risk_score": ["" if hidden else str(score) for hidden, score in zip(unknown, who.risk, strict=True)],
        "extrahepatic_disease": who.extrahepatic.astype(int),
        "prior_lines": who.table["prior_lines"],
        "pump_date": dates(who.pump, everybody),
        "complication": complication.astype(int),
        "complication_grade": grade,
        "pump_complication": pump_complication.astype(int),
        "biliary_stricture": stricture.astype(int),
        "first_cycle_given": given.astype(int),
        "first_cycle_date": dates(cycle, given),
        "converted_to_resection": np.where(who.adjuvant, "", who.converted.astype(int).astype(str)),
        "conversion_date": dates(operated, who.converted),
        "liver_event_date": dates(who.pump + imaging.liver, imaging.liver >= 0),
        "extrahepatic_event_date": dates(who.pump + imaging.elsewhere, imaging.elsewhere >= 0),
        "last_imaging_date": dates(who.pump + imaging.last, everybody),
        "last_contact_date": dates(who.pump + days, everybody),
        "death_date": dates(who.pump + days, died),
    }
    return record.assign(sex=who.table["sex"], age=who.age, **body, **disease, **course)


def make() -> tuple[pd.DataFrame, Imaging]:
    """The file as a table, and every imaging visit behind it (the file keeps the last one only)."""
    chance = np.random.RandomState(SEED)  # numpy promises that its numbers never change
    who = draw_patients(chance)
    survival = settle_survival(who, chance)
    imaging = settle_imaging(who, survival, chance)
    return fill_in(who, survival, imaging, chance), imaging


def write(path: Path) -> Imaging:
    """Write the file; the same bytes every time."""
    table, imaging = make()
    path.write_bytes(table.to_csv(index=False, lineterminator="\n").encode())
    return imaging


# --- the check, by the package's estimators --------------------------------------------------------------


def obtained(path: Path) -> dict[str, float]:
    """Every target and count, computed from the file by the public functions of haip_outcomes."""
    import haip_outcomes as haip

    cohort = haip.read_cohort(path, FILE.with_name("plan.toml"))
    adjuvant, unresectable = cohort.setting("adjuvant"), cohort.setting("unresectable")
    found: dict[str, float] = {}
    names = iter(TARGETS)
    for group in (unresectable, adjuvant):
        curve = haip.survival_curve(group.endpoint("liver").only("Liver"))
        median = curve.median(method="standard-error").iloc[0]
        found |= {next(names): median[column] for column in ("estimate", "conf_low", "conf_high")}
    for group in (adjuvant, unresectable):
        found[next(names)] = haip.survival_curve(group.endpoint("os")).at([36])["estimate"].iloc[0]
    fit = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, ["sarcopenia"]))
    ratio = fit.tidy(exponentiate=True).iloc[0]
    found |= {next(names): ratio[column] for column in ("estimate", "conf_low", "conf_high")}
    flags = ("complication", "pump_complication", "biliary_stricture", "sarcopenia")
    counts = [len(adjuvant), len(unresectable), *(int((cohort[flag] == "Yes").sum()) for flag in flags)]
    return found | dict(zip(COUNTS, counts, strict=True))


def check(path: Path) -> bool:
    """Print target and obtained; True when all agree to the printed digits."""
    found = obtained(path)
    rows = [(name, figure, f"{value:.{places}f}", f"{found[name]:.{places}f}", f"{found[name]:.4f}")
            for name, (figure, value, places, _) in TARGETS.items()]  # fmt: skip
    rows += [(name, figure, str(value), str(found[name]), "") for name, (figure, value) in COUNTS.items()]
    for name, figure, wanted, got, exactly in rows:
        print(f"{name:48} {wanted:>5} {got:>5} {exactly:>8} {'' if wanted == got else 'DIFFERS'} {figure}")
    return all(wanted == got for _, _, wanted, got, _ in rows)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    write(target)
    sys.exit(0 if check(target) else 1)
