"""The whole modelling, made again in every resample and judged on it and on the patients themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from haip_outcomes.errors import FitError, HaipError
from haip_outcomes.formatting import plural
from haip_outcomes.prognosis.validation.judging import Judged
from haip_outcomes.prognosis.validation.own_models import CoxModel, CoxResamples
from haip_outcomes.prognosis.validation.peer_models import PeerModel
from haip_outcomes.prognosis.validation.predicted_risks import FALLS
from haip_outcomes.prognosis.validation.side_by_side import shared
from haip_outcomes.survival.resampling.draws import units_of
from haip_outcomes.survival.resampling.replication import AT_ONCE, Progress, cause_of, run, teller
from haip_outcomes.survival.time_to_event import TimeToEvent

_A_TASK, _MOST_IN_A_TASK = 0.4, 20  # seconds that a process works before it reports, about; and resamples
_NOBODY = 0.01  # of the observed risk: a mean risk below it is a fit gone wrong
_AT_MOST = 4_000_000  # predicted risks in memory at a time
Prediction = tuple[np.ndarray, np.ndarray, np.ndarray | None]  # marker (n,), risk (n, G), log hazard (n,) if there is one


@dataclass(frozen=True, eq=False)
class Part:
    """What some resamples gave: values (B, 3, K) on the resample, on the patients themselves and on those not in the resample; and why a model could not be made."""

    values: np.ndarray
    failures: list[tuple[str, str]]  # a cause and its sentence


@np.errstate(all="ignore")  # numbers that overflow are refused by what they lead to
def fitted(model: Any, tte: TimeToEvent, frame: pd.DataFrame, seed: int) -> Any:
    """The model made from these patients."""
    if isinstance(model, PeerModel):
        return model.fit(tte, frame, seed=seed)
    function = model.fit if hasattr(model, "fit") else model
    chance = {"rng": np.random.default_rng(seed)} if "rng" in inspect.signature(function).parameters else {}
    try:
        return function(tte, frame, **chance)
    except HaipError:
        raise
    except Exception as error:  # a function of the user's own
        raise FitError(f"its function raised {type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'without a word'}.") from error


@np.errstate(all="ignore")
def prediction(predictor: Any, frame: pd.DataFrame, judged: Judged) -> Prediction:
    """What a model says of these patients, checked."""
    if not hasattr(predictor, "risk"):
        raise FitError(f"it returned a {type(predictor).__name__}, which has no risk(frame, times): return an object that gives the risks (n, T).")
    risk = np.asarray(predictor.risk(frame, judged.grid), dtype=float)
    if risk.shape != (len(frame), len(judged.grid)):
        raise FitError(f"its risks have the shape {risk.shape}; there are {plural(len(frame), 'patient')} and {len(judged.grid)} times.")
    gone = ~np.isfinite(risk).all(axis=1)
    if gone.any():
        raise FitError(f"it gives no risk for {plural(int(gone.sum()), 'patient')}: they lie outside the range of the data it was made from, or of what it can compute. "
                       "Ask for earlier times, or leave the model out.")  # fmt: skip
    if risk.min() < -1e-9 or risk.max() > 1 + 1e-9:
        raise FitError("its risks are not between 0 and 1: give probabilities of the event by each time.")
    mean = risk.mean(axis=0)
    if (np.diff(mean) < -FALLS).any():
        raise FitError(f"its mean risk falls from one time to a later one ({mean.max():.3g} to {mean[-1]:.3g} at the last): no probability of the event does.")
    if mean[-1] < _NOBODY * judged.observed:
        raise FitError(f"it sees (nearly) nobody at risk: {mean[-1]:.2g} on average by {judged.times[-1]:g} {judged.tte.unit}, where {judged.observed:.2g} was observed.")
    marker = _optional(predictor, "marker", frame)
    return risk[:, -1] if marker is None else marker, np.clip(risk, 0.0, 1.0), _optional(predictor, "linear_predictor", frame)


def _optional(predictor: Any, name: str, frame: pd.DataFrame) -> np.ndarray | None:
    found = getattr(predictor, name, None)
    values = None if found is None else found(frame)
    if values is None:
        return None
    values = np.asarray(values, dtype=float)
    if values.shape != (len(frame),) or not np.isfinite(values).all():
        raise FitError(f"its {name} must be a number for each of the {plural(len(frame), 'patient')}: none missing or infinite.")
    return values


@np.errstate(all="ignore")
def apparent(judged: Judged, told: Prediction) -> np.ndarray:
    """The measures (K,) on the patients themselves."""
    marker, risk, log_hazard = told
    ones = np.ones((1, len(marker)), dtype=np.int64)
    return judged.scores(ones, marker[None], risk[None], None if log_hazard is None else log_hazard[None])[0]


def drawn(n: int, streams: np.random.SeedSequence, replicates: int) -> np.ndarray:
    """How often each of n patients stands in each resample (B, n): the draws of `bootstrap` with the same seed."""
    units = units_of(n, None, None, "patient")
    sizes = [min(AT_ONCE, replicates - begin) for begin in range(0, replicates, AT_ONCE)]
    parts = [units.copies(units.draw(np.random.default_rng(seed), times)) for seed, times in zip(streams.spawn(len(sizes)), sizes, strict=True)]
    return np.concatenate(parts)


def resampled(
    models: dict[str, Any], predictors: dict[str, Any], judged: Judged, frame: pd.DataFrame, copies: np.ndarray, seeds: np.ndarray,
    n_jobs: int | None, progress: Progress, seconds: Mapping[str, float] | None = None,
) -> dict[str, Part]:  # fmt: skip
    """Every model made from every resample: the compiled ones first, the others side by side in processes; `seconds` that making one took, to share them out."""
    tell, done, total = teller(progress), 0, len(models) * len(copies)
    tasks: list[tuple[float, str, int, Callable[[], Part]]] = []
    compiled: list[tuple[str, int, Callable[[], Part]]] = []
    size = max(1, min(AT_ONCE, _AT_MOST // (len(frame) * len(judged.grid))))
    batches = {label: model.batched(judged.tte, frame, predictors[label]) for label, model in models.items() if isinstance(model, CoxModel)}
    for begin in range(0, len(copies), size):
        some = slice(begin, begin + size)
        compiled += [(label, begin, partial(_batch, models[label], batch, judged, frame, copies[some], seeds[0, some]))
                     for label, batch in batches.items() if batch is not None]  # fmt: skip
    for m, (label, model) in enumerate(models.items()):
        if batches.get(label) is None:
            one = max((seconds or {}).get(label, _A_TASK / 5), 1e-3)
            size = min(max(1, int(_A_TASK / one)), _MOST_IN_A_TASK)
            tasks += [(one * size, label, begin, partial(one_by_one, model, judged, frame, copies[begin : begin + size], seeds[m, begin : begin + size]))
                      for begin in range(0, len(copies), size)]  # fmt: skip
    tasks.sort(key=lambda task: -task[0])  # the small ones last, so that nobody waits long for the others
    values = {label: np.full((len(copies), 3, len(judged.names)), np.nan) for label in models}
    failures: dict[tuple[str, int], list[tuple[str, str]]] = {}
    told: list[Iterable[tuple[tuple[str, int], Part]]] = [
        zip([(label, begin) for label, begin, _ in compiled], run([task for *_, task in compiled], n_jobs if compiled else 1, threads=True), strict=True),
        shared([((label, begin), task) for _, label, begin, task in tasks], n_jobs),
    ]
    for (label, begin), part in chain.from_iterable(told):
        values[label][begin : begin + len(part.values)] = part.values
        failures[label, begin] = part.failures
        done += len(part.values)
        tell(done, total)
    return {label: Part(values[label], [one for key in sorted(failures) if key[0] == label for one in failures[key]]) for label in models}


def one_by_one(model: Any, judged: Judged, frame: pd.DataFrame, copies: np.ndarray, seeds: np.ndarray) -> Part:
    """Some resamples (B, n) of one model, fitted to frames of their rows."""
    values = np.full((len(copies), 3, len(judged.names)), np.nan)
    failures = []
    with _one_thread(model):
        for r, (own, seed) in enumerate(zip(copies, seeds.tolist(), strict=True)):
            rows = np.repeat(np.arange(len(own)), own)
            fresh = pd.RangeIndex(-len(rows), 0)  # as `bootstrap`: nothing from outside can be aligned to it by mistake
            try:
                made = fitted(model, judged.tte.take(rows)._with(index=fresh, id=None), frame.take(rows).set_axis(fresh, axis=0), seed)
                marker, risk, log_hazard = prediction(made, frame, judged)
            except HaipError as error:
                failures.append((cause_of(error), str(error)))
                continue
            places = np.stack(_places(own))
            eta = None if log_hazard is None else np.broadcast_to(log_hazard, places.shape)
            values[r] = judged.scores(places, np.broadcast_to(marker, places.shape), np.broadcast_to(risk, (len(places), *risk.shape)), eta)
    return Part(values, failures)


@np.errstate(all="ignore")
def _batch(model: Any, batch: CoxResamples, judged: Judged, frame: pd.DataFrame, copies: np.ndarray, seeds: np.ndarray) -> Part:
    """Some resamples (B, n) of a Cox model at once; those that it is not sure of, one by one."""
    marker, risk = batch.predicted(copies, judged.grid)
    sure = np.isfinite(marker).all(axis=1) & np.isfinite(risk).all(axis=(1, 2))
    values = np.full((len(copies), 3, len(judged.names)), np.nan)
    for place, judged_on in enumerate(_places(copies)):
        values[sure, place] = judged.scores(judged_on[sure], marker[sure], risk[sure], marker[sure])
    if sure.all():
        return Part(values, [])
    rest = one_by_one(model, judged, frame, copies[~sure], seeds[~sure])
    values[~sure] = rest.values
    return Part(values, rest.failures)


def _places(copies: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Copies of the patients that a model is judged on: its resample, all patients once, those not in the resample once."""
    return copies, np.ones_like(copies), (copies == 0).astype(copies.dtype)


def _one_thread(model: Any) -> Any:
    """The libraries of another library's model with one thread each: the processes are as many as asked for."""
    if not isinstance(model, PeerModel):
        return nullcontext()
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(1)
