"""The maximum of the partial likelihood, or the reason why there is none."""

from __future__ import annotations

import numpy as np

from haip_outcomes.errors import ConvergenceError, FitError, SeparationError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.design_matrix import Design
from haip_outcomes.survival.partial_likelihood import Likelihood, SortedTimes, likelihood
from haip_outcomes.survival.time_to_event import TimeToEvent


def maximise(
    sets: SortedTimes, x: np.ndarray, made: Design
) -> tuple[np.ndarray, np.ndarray, Likelihood, int]:
    """Newton's method with step-halving, from 0, on standardised covariates: b, inverse information, start, steps.

    The last step taken is smaller than 1e-9 standard errors; Newton's error after it is of the order of its square. Where
    rounding in the score keeps the steps above that (a handful of patients with late entry), the fit ends when steps below
    1e-6 standard errors stop shrinking.
    """
    b = np.zeros(x.shape[1])
    now = null = likelihood(sets, x, b)
    _refuse_flat(null.information, float(sets.term_weight.sum()), made)
    step, before = np.zeros_like(b), np.inf
    for iteration in range(1, 101):
        try:
            step = np.linalg.solve(now.information, now.score)
        except np.linalg.LinAlgError:
            break
        gain = float(now.score @ step)  # squared length of the step in standard errors
        for _ in range(40):
            new = likelihood(sets, x, b + step)
            sound = (
                np.isfinite(new.value) and np.isfinite(new.score).all() and np.isfinite(new.information).all()
            )
            if sound and new.value >= now.value - 1e-12 * (1 + abs(now.value)):
                break
            step = step / 2
        else:
            break
        b, now = b + step, new
        if abs(gain) < 1e-18 or (abs(gain) < 1e-12 and abs(gain) > before / 4):
            return b, np.linalg.inv(now.information), null, iteration
        before = abs(gain)
        if iteration >= 8:
            _refuse_monotone(sets, x, step, made, iteration)
    for direction in (step, b, *np.diag(np.sign(b))):  # the last: each covariate alone, as follow-up time itself
        _refuse_monotone(sets, x, direction, made, iteration)
    worst = made.columns[int(np.argmax(np.abs(step)))][0]
    raise ConvergenceError(f'The fit did not reach a maximum; "{worst}" still moves. Look for extreme values of it, or for a '
                           "combination of covariates that nearly always, or nearly never, has the event.", term=worst)  # fmt: skip


def _refuse_monotone(
    sets: SortedTimes, x: np.ndarray, step: np.ndarray, made: Design, iteration: int
) -> None:
    """Raise if the likelihood never falls in the direction of the step: at each event time the events lead all at risk.

    Checked by the largest value of x step over each risk set, found on the sorted times without subtraction.
    """
    ahead = x @ step
    lead = ahead[sets.events]
    tolerance = 1e-6 * max(float(np.ptp(ahead)), 1e-300)
    for rows, block in sets.strata:
        first, last = sets.first[rows] - block.start, sets.last[rows] - block.start
        inside = (sets.term_time >= block.start) & (sets.term_time < block.stop)
        for k, value in zip(sets.term_time[inside] - block.start, lead[inside], strict=True):
            if value < ahead[rows][(first <= k) & (k < last)].max() - tolerance:
                return
    worst = int(np.argmax(np.abs(step) * np.ptp(x, axis=0)))
    term, level = made.columns[worst]
    what = f'{term} "{level}"' if level is not None else f'"{term}"'
    raise SeparationError(
        f"The coefficient of {what} runs off to infinity: at every event time those with the event had the most extreme "
        "values among those at risk. No finite hazard ratio fits; join levels, leave it out, or use a penalised (Firth) fit.",
        term=term, iterations=iteration,
    )  # fmt: skip


def _refuse_flat(information: np.ndarray, events: float, made: Design) -> None:
    """Raise if a coefficient, or a combination, can't be seen by the likelihood: no variation among those at risk.

    `information` is that of standardised covariates at 0, so about 1 an event where they vary; 1e-10 is rounding.
    """
    diagonal = np.diag(information)
    for (term, level), own in zip(made.columns, diagonal, strict=True):
        if own < 1e-10 * events:
            raise FitError(f'"{term}"{f" {level}" if level else ""} is the same for all who were at risk together at any event '
                           "(within strata, if there are): nothing can be estimated. Leave it out.", term=term)  # fmt: skip
    size = np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(information / np.outer(size, size))
    if values[0] < 1e-10:
        joined = [name for name, weight in zip(made.names, vectors[:, 0], strict=True) if abs(weight) > 1e-3]
        worst = made.columns[int(np.argmax(np.abs(vectors[:, 0])))][0]
        raise FitError(f"{listed(joined)} carry the same information among those at risk together (within strata, if there "
                       "are): their effects can't be told apart. Leave one of them out.", term=worst)  # fmt: skip


def refuse_few(tte: TimeToEvent, made: Design, event: np.ndarray) -> None:
    """Raise without events, with fewer events than coefficients, or if a level has no events, or all of them."""
    total, p, name = int(event.sum()), made.matrix.shape[1], tte.states[0]
    if total == 0:
        raise FitError(
            f'Nobody had the event "{name}" among {plural(tte.n, "patient")}: there is nothing to model.'
        )
    advice = "No finite hazard ratio fits; join levels, leave the term out, or use a penalised (Firth) fit."
    for term in made.terms:
        own = [j for j, (other, _) in enumerate(made.columns) if other == term]
        columns = [
            (made.columns[j][1], made.matrix[:, j] == 1)
            for j in own
            if np.isin(made.matrix[:, j], (0, 1)).all()
        ]
        if len(columns) < len(own):
            continue
        reference = made.references.get(term, "0") if len(made.variables.get(term, ())) == 1 else None
        if reference is not None:
            columns.append((reference, ~np.any([member for _, member in columns], axis=0)))
        for level, member in columns:
            if not event[member].any():
                who = f'{term} "{level if level is not None else 1}"'
                raise SeparationError(f'Nobody of the {int(member.sum())} with {who} had the event "{name}": the coefficient of '
                                      f"{term} runs off to infinity. {advice}", term=term)  # fmt: skip
    if total < p:
        raise FitError(f"{plural(total, 'event')} can't carry {plural(p, 'coefficient')} ({', '.join(made.names)}): choose fewer "
                       "terms; 10 events for each are advised.")  # fmt: skip


def quadratic(matrix: np.ndarray, vector: np.ndarray) -> float:
    """vector' matrix^-1 vector for a symmetric matrix, scaled to a unit diagonal first; NaN if it is singular."""
    size = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    if not (size > 0).all():
        return float("nan")
    correlation = matrix / np.outer(size, size)
    if np.linalg.eigvalsh(correlation)[0] < 1e-12:
        return float("nan")
    return float(vector / size @ np.linalg.solve(correlation, vector / size))
