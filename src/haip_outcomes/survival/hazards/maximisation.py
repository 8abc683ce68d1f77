"""The maximum of the partial likelihood, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from haip_outcomes.errors import ConvergenceError, FitError, SeparationError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.covariates.design_matrix import Design
from haip_outcomes.survival.hazards import cox_kernel
from haip_outcomes.survival.hazards.blocks import Blocks
from haip_outcomes.survival.time_to_event import TimeToEvent

WAY_OUT = 'join levels, leave it out, or use a penalised fit (penalty="firth")'  # of separation
PRECISION = 1e-18  # of the last step's square, in standard errors


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where the likelihood is largest, for covariates in their own units, and what it was with all coefficients 0."""

    b: np.ndarray  # (p,)
    inverse: np.ndarray  # (p, p) of the information at b
    value: float
    null_value: float
    null_score_test: float
    iterations: int


NEARLY_COLLINEAR = 1e-4  # the smallest eigenvalue of the information (as a correlation) below which columns are turned first


def maximise(rows: Blocks, ties: str, made: Design) -> Maximum:
    """Newton's method with step-halving from 0, on the standardised covariates, to double precision; or an error with the reason.

    Columns that nearly say the same (a spline's) are fitted as combinations that are uncorrelated at b = 0, and turned back: the
    inverse of an information of condition 10^9 has lost nine digits, that of the combinations none.
    """
    efron, p = ties == "efron", rows.x.shape[1]
    b, score, information = np.zeros(p), np.empty(p), np.empty((p, p))
    null = cox_kernel.one_pass(*rows.arguments, efron, b, np.empty(len(rows.x)), score, information)
    if np.ptp(rows.offset) > 500:
        raise FitError(f"The offset spans {np.ptp(rows.offset):.0f} on the scale of the log hazard: hazards would differ by more than e^500. "
                       "Give it in the unit of the log hazard ratio.")  # fmt: skip
    smallest = refuse_flat(information, float(rows.weights @ happened(rows)), made)
    turn, step = np.eye(p), np.zeros(p)
    cox_kernel.solve(information, score, np.zeros((p, p)), step)
    score_test = float(score @ step)
    if smallest < NEARLY_COLLINEAR:
        turn = np.linalg.inv(np.linalg.cholesky(information)).T
        rows = replace(rows, x=np.ascontiguousarray(rows.x @ turn))
        score_test = float(np.sum((turn.T @ score) ** 2))
        cox_kernel.one_pass(*rows.arguments, efron, b, np.empty(len(rows.x)), score, information)
    ended, iterations, value = cox_kernel.MOVING, 0, null
    while ended == cox_kernel.MOVING and iterations < 100:
        some = 8 if iterations == 0 else 4  # a fit that has a maximum has it by then; else look now and then why not
        ended, steps, value, step = cox_kernel.newton(*rows.arguments, efron, b, value, score, information, some, PRECISION)
        iterations += steps
        if ended == cox_kernel.MOVING:
            _refuse_monotone(rows, step, turn, made, iterations)
    if ended != cox_kernel.CONVERGED:
        alone = np.diag(np.sign(turn @ b)) @ np.linalg.inv(turn).T  # each covariate alone, as follow-up time itself
        for direction in (step, b, *alone):
            _refuse_monotone(rows, direction, turn, made, iterations)
        worst = made.columns[int(np.argmax(np.abs(turn @ step)))][0]
        raise ConvergenceError(f'The fit did not reach a maximum; "{worst}" still moves. Look for extreme values of it, or for a '
                               "combination of covariates that nearly always, or nearly never, has the event; or use a penalised fit "
                               '(penalty="firth").', term=worst)  # fmt: skip
    back = turn / rows.scale[:, None]
    return Maximum(back @ b, back @ np.linalg.inv(information) @ back.T, value, null, score_test, iterations)


def happened(rows: Blocks) -> np.ndarray:
    """1 for the rows with an event, in their sorted places: the first of each block."""
    size = np.diff(rows.begin)
    place = np.arange(len(rows.x)) - np.repeat(rows.begin[:-1], size)
    return (place < np.repeat(rows.n_event, size)).astype(float)


def _refuse_monotone(rows: Blocks, step: np.ndarray, turn: np.ndarray, made: Design, iteration: int) -> None:
    """Raise if the likelihood never falls in the direction of the step: at each event time the events lead all at risk."""
    ahead = rows.x @ step
    tolerance = 1e-6 * max(float(np.ptp(ahead)), 1e-300)
    if not cox_kernel.always_ahead(
        ahead, rows.begin, rows.n_event, rows.opens, rows.leaving, rows.gone, tolerance
    ):
        return
    worst = int(np.argmax(np.abs(turn @ step)))
    term, level = made.columns[worst]
    what = f'{term} "{level}"' if level is not None and term not in made.nonlinear else f'"{made.names[worst]}"'
    raise SeparationError(
        f"The coefficient of {what} runs off to infinity: at every event time those with the event had the most extreme "
        f"values among those at risk. No finite hazard ratio fits; {WAY_OUT}.",
        term=term, iterations=iteration,
    )  # fmt: skip


def refuse_flat(information: np.ndarray, events: float, made: Design) -> float:
    """Raise if a coefficient, or a combination, can't be seen by the likelihood: no variation among those at risk.

    Returns the smallest eigenvalue of the information as a correlation: how nearly columns are collinear. `information` is that of standardised covariates at 0, so about 1 an event where they vary; 1e-10 is rounding.
    """
    diagonal = np.diag(information)
    for (term, level), own in zip(made.columns, diagonal, strict=True):
        if own < 1e-10 * events:
            raise FitError(f'"{term}"{f" {level}" if level else ""} is the same for all who were at risk together at any event '
                           "(within strata, if there are): nothing can be estimated. Leave it out.", term=term)  # fmt: skip
    size = np.sqrt(diagonal)
    correlation = information / np.outer(size, size)
    smallest = float(np.linalg.eigvalsh(correlation)[0])
    if smallest < 1e-12:
        vector = np.linalg.eigh(correlation)[1][:, 0]
        joined = [name for name, weight in zip(made.names, vector, strict=True) if abs(weight) > 1e-3]
        worst = made.columns[int(np.argmax(np.abs(vector)))][0]
        if len(joined) > 5:
            joined = [*joined[:5], f"{len(joined) - 5} more"]
        raise FitError(f"{listed(joined)} carry the same information among those at risk together (within strata, if there "
                       "are): their effects can't be told apart. Leave one of them out.", term=worst)  # fmt: skip
    return smallest


def refuse_few(tte: TimeToEvent, made: Design, event: np.ndarray, *, penalised: bool = False, way_out: str = WAY_OUT) -> None:
    """Raise without events and, unless penalised, with fewer events than coefficients or if a level has no events, or all of them."""
    total, p, name = int(event.sum()), made.matrix.shape[1], tte.states[0]
    if total == 0:
        raise FitError(
            f'Nobody had the event "{name}" among {plural(tte.n, "patient")}: there is nothing to model.'
        )
    if penalised:
        return
    binary, members, events = cox_kernel.two_valued(made.matrix, event)
    columns: dict[str, list[int]] = {}
    for j, (term, _) in enumerate(made.columns):
        columns.setdefault(term, []).append(j)
    for term, own in columns.items():
        if not binary[own].all():
            continue
        levels = [(made.columns[j][1] or "1", int(members[j]), int(events[j])) for j in own]
        if len(made.variables.get(term, ())) == 1:  # and those with none of these levels
            others = [sum(counts) for counts in zip(*[each[1:] for each in levels], strict=True)]
            levels.append((made.references.get(term, "0"), len(event) - others[0], total - others[1]))
        for level, n, happened in levels:
            if not happened:
                raise SeparationError(f'Nobody of the {n} with {term} "{level}" had the event "{name}": the coefficient of '
                                      f"{term} runs off to infinity. No finite hazard ratio fits; {way_out}.", term=term)  # fmt: skip
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
