"""A statistic of many resamples: at once or one by one, here or on other processes and machines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from haip_outcomes.errors import ConvergenceError, EndpointError, FitError, HaipError, SeparationError
from haip_outcomes.survival.resampling.draws import Units
from haip_outcomes.survival.resampling.replicate_values import Estimates
from haip_outcomes.survival.resampling.resamples import LinedUp

AT_ONCE = 50  # resamples of one stream of random numbers, whatever the number of processes

Batch = Callable[[np.ndarray], np.ndarray]  # the copies of each row (B, n) -> estimates (B, k); a row of NaN where it is not sure
Progress = bool | Callable[[int, int], None] | None
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the replicates."""

    values: np.ndarray  # (B, k)
    failures: list[tuple[str, str]]  # of each resample whose statistic could not be computed: the cause, and its sentence


@dataclass(frozen=True, eq=False)
class Replication:
    """What is done to a resample, wherever that is."""

    lined: LinedUp
    units: Units
    by_patient: bool  # a unit is a patient, and so its number a patient's
    estimates: Estimates  # of the data themselves
    batch: Batch | None

    def drawn(self, seed: np.random.SeedSequence, times: int) -> Part:
        """The statistic of so many resamples."""
        drawn = self.units.draw(np.random.default_rng(seed), times)
        values = self._unknown(times) if self.batch is None else self.batch(self.units.copies(drawn))
        return self._completed(values, lambda r: drawn[r])

    def without(self, units: np.ndarray) -> Part:
        """The statistic without one of these units at a time. The only one of its stratum stays: it never varies."""
        values = self._unknown(len(units)) if self.batch is None else self.batch(self.units.copies_without(units))
        values[self.units.of_stratum[units] == 1] = self.estimates.values
        every = np.arange(len(self.units))
        return self._completed(values, lambda r: np.delete(every, units[r]))

    def _unknown(self, times: int) -> np.ndarray:
        return np.full((times, len(self.estimates)), np.nan)

    def _completed(self, values: np.ndarray, drawn: Callable[[int], np.ndarray]) -> Part:
        """The rows that are still NaN, one by one, by the statistic itself."""
        failures = []
        for r in np.flatnonzero(np.isnan(values).all(axis=1)).tolist():
            rows, place = self.units.rows_of(drawn(r))
            try:
                values[r] = self.estimates.of(self.lined.resampled(rows, place, self.by_patient))
            except HaipError as error:
                failures.append((cause_of(error), str(error)))
        return Part(values, failures)


def streams_of(rng: int | np.random.Generator) -> np.random.SeedSequence:
    """Where the random numbers of all resamples come from: the same for the same seed, whatever the number of processes."""
    if isinstance(rng, np.random.Generator):
        return np.random.SeedSequence(rng.integers(0, 2**63, 2).tolist())
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0:
        return np.random.SeedSequence(int(rng))
    raise EndpointError(f"rng must be a seed (a whole number, as rng=1) or numpy's Generator, so that the result can be had again; got {rng!r}.")


def replicated(
    work: Replication, streams: np.random.SeedSequence, replicates: int, jackknife: bool, n_jobs: int | None, progress: Progress
) -> tuple[Part, np.ndarray]:
    """So many replicates (B, k), and the statistic without each unit (m, k) or, without `jackknife`, of none (0, k)."""
    m, size = len(work.units), max(1, min(AT_ONCE, 4_000_000 // work.lined.rows))
    sizes = [min(size, replicates - begin) for begin in range(0, replicates, size)]
    tasks: list[Callable[[], Part]] = [
        partial(work.drawn, seed, times) for seed, times in zip(streams.spawn(len(sizes)), sizes, strict=True)
    ]
    if jackknife:
        tasks += [partial(work.without, np.arange(begin, min(begin + size, m))) for begin in range(0, m, size)]
    told, done, parts = teller(progress), 0, []
    for part in run(tasks, n_jobs, threads=work.batch is not None):
        parts.append(part)
        done += len(part.values)
        told(done, replicates + (m if jackknife else 0))
    values = np.concatenate([part.values for part in parts])
    failures = [failure for part in parts[: len(sizes)] for failure in part.failures]
    return Part(values[:replicates], failures), values[replicates:]


def run(tasks: Sequence[Callable[[], Made]], n_jobs: int | None, *, threads: bool) -> Iterator[Made]:
    """What the tasks return, in their order. Compiled batches run side by side in threads, other statistics in processes; a backend chosen outside decides."""
    if n_jobs == 1:
        yield from (task() for task in tasks)
        return
    from joblib import Parallel, delayed

    yield from Parallel(n_jobs=n_jobs, prefer="threads" if threads else None, return_as="generator")(delayed(task)() for task in tasks)


def cause_of(error: HaipError) -> str:
    """Why a resample failed, in a word or two."""
    named = {SeparationError: "separation", ConvergenceError: "no convergence", FitError: "could not be fitted"}
    return next((word for kind, word in named.items() if isinstance(error, kind)), "could not be computed")


def teller(progress: Progress) -> Callable[[int, int], None]:
    """What is called with (done, total): nothing, a bar on a terminal, or the caller's own."""
    if callable(progress):
        return progress
    return _bar if progress and sys.stderr is not None and sys.stderr.isatty() else lambda done, total: None


def _bar(done: int, total: int) -> None:
    filled = 40 * done // total
    print(f"\r  [{'#' * filled}{' ' * (40 - filled)}] {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
