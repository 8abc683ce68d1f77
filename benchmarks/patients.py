"""The patients that every engine gets: made once with a fixed seed, written as .npy files, read by all.

A patient has 8 covariates (4 standard normal, 4 of 0/1), one of 3 groups, a marker, and two competing events with
proportional hazards; followed for 10 years at most. `continuous` times have no ties; `tied` ones are the same times
rounded up to whole days (10^6 patients then share 3,650 different times); small cohorts have whole `months`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

COVARIATES = 8
SEED = 20261122
_EFFECTS = {1: np.array([0.4, -0.3, 0.2, 0.1, 0.5, -0.4, 0.3, 0.2]), 2: np.array([-0.2, 0.1, 0.0, 0.3, -0.3, 0.2, 0.0, 0.4])}
_YEARLY = {1: 0.10, 2: 0.05}  # baseline hazards of the two events, a year
_DROPOUT = 0.06
_YEARS, _DAYS, _MONTHS = 10, 3650, 120


@dataclass(frozen=True)
class Patients:
    """Arrays (n,): time in days (or months), state (0 censored, 1 the event of interest, 2 competing), group (0, 1, 2), marker; x (n, p)."""

    time: np.ndarray
    state: np.ndarray
    group: np.ndarray
    marker: np.ndarray
    x: np.ndarray

    @property
    def names(self) -> list[str]:
        """x1 to x8, as in the R formulas."""
        return [f"x{j + 1}" for j in range(self.x.shape[1])]

    @property
    def status(self) -> np.ndarray:
        """1 for either event: what Cox, Kaplan-Meier, the log-rank test and concordance count."""
        return (self.state > 0).astype(np.int64)

    def first(self, n: int) -> Patients:
        """The first n, for the call that warms up."""
        return Patients(self.time[:n].copy(), self.state[:n].copy(), self.group[:n].copy(), self.marker[:n].copy(),
                        np.asfortranarray(self.x[:n]))  # fmt: skip


def make(n: int, kind: str, p: int = COVARIATES) -> Patients:
    """n patients with p covariates (beyond 8: of small effect, standard normal)."""
    rng = np.random.default_rng([SEED, n, p])
    x = np.empty((n, p), order="F")
    x[:, : min(4, p)] = rng.standard_normal((n, min(4, p)))
    for j, share in zip(range(4, min(8, p)), (0.5, 0.4, 0.3, 0.2), strict=False):
        x[:, j] = rng.random(n) < share
    x[:, 8:] = rng.standard_normal((n, max(0, p - 8)))
    group = rng.integers(0, 3, n).astype(np.int32)
    years = {}
    for event, effects in _EFFECTS.items():
        b = np.zeros(p)
        b[: min(8, p)] = effects[: min(8, p)]
        b[8:] = 0.02
        rate = _YEARLY[event] * np.exp(x @ b + 0.1 * group)
        years[event] = rng.exponential(1.0, n) / rate
    left = np.minimum(rng.exponential(1 / _DROPOUT, n), rng.uniform(2, _YEARS, n))
    end = np.minimum(np.minimum(years[1], years[2]), left)
    state = np.where(end == left, 0, np.where(end == years[1], 1, 2)).astype(np.int32)
    marker = x[:, : min(8, p)] @ _EFFECTS[1][: min(8, p)] + rng.standard_normal(n)
    time = end * (_MONTHS if kind == "months" else _DAYS) / _YEARS
    return Patients(time if kind == "continuous" else np.ceil(time), state, group, marker, x)


def resamples(n: int, replicates: int) -> np.ndarray:
    """The rows of each bootstrap sample, (replicates, n): the same for all who take rows."""
    return np.random.default_rng([SEED, n, replicates]).integers(0, n, (replicates, n)).astype(np.int32)


def gaps(n: int, p: int) -> np.ndarray:
    """Which values of x (n, p) are missing where imputation is measured: a fifth of each column, by a rule that r.R has too."""
    return (np.arange(n)[:, None] * 7919 + np.arange(p) * 104729) % 101 < 20


def write(folder: Path, patients: Patients, replicates: int = 0) -> None:
    """One .npy file an array, in column order, so that R reads them too."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("time", "state", "group", "marker", "x"):
        np.save(folder / f"{name}.npy", getattr(patients, name))
    if replicates:
        np.save(folder / "resamples.npy", np.asfortranarray(resamples(len(patients.time), replicates)))


def read(folder: Path) -> Patients:
    """What `write` wrote."""
    arrays = {name: np.load(folder / f"{name}.npy") for name in ("time", "state", "group", "marker", "x")}
    arrays["state"], arrays["group"] = arrays["state"].astype(np.int64), arrays["group"].astype(np.int64)
    return Patients(**arrays)
