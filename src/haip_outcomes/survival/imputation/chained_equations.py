"""Multiple imputation by chained equations: missing values drawn many times from what is known of each patient, outcome included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, plural
from haip_outcomes.survival.imputation.drawing import from_donors, from_levels, from_regression
from haip_outcomes.survival.imputation.imputed_frames import Imputed
from haip_outcomes.survival.imputation.incomplete_columns import (
    METHODS,
    Column,
    columns_of,
    outcome_predictors,
)
from haip_outcomes.survival.imputation.near_copies import REMEMBERED, in_turn, near_copies, remembered
from haip_outcomes.survival.time_to_event import TimeToEvent, require_times

CELLS = 2_000_000  # of predictors held at once: imputations are worked on in parts
TOLD = 0.99  # of a predictor's variation by those before it: it is then left out of the model


def impute(
    frame: pd.DataFrame,
    *,
    tte: TimeToEvent,
    columns: Sequence[str] | None = None,
    imputations: int = 50,
    rounds: int = 10,
    methods: Mapping[str, str] | None = None,
    delta: Mapping[str, float] | None = None,
    rng: int | np.random.Generator,
) -> Imputed:
    """Fill missing covariates many times, so that patients who lack one stay in the analysis and the uncertainty of it is kept.

    Analyse each completed frame in the same way, then `pool` the fits. Each incomplete column in turn is regressed on all other columns,
    on each event's indicator and on its Nelson-Aalen cumulative hazard at the patient's exit (less that at a delayed entry), and its missing values
    are drawn anew; that is one round. Leaving the outcome out would draw the hazard ratios towards 1. Coefficients are drawn too (proper imputation).

    Parameters
    ----------
    frame : a row a patient; its index is aligned with the times and may have more rows, which are left out of the result.
    tte : the times of the analysis, with all their competing events.
    columns : what is imputed and what it is imputed from: all covariates of the later analysis, and what else tells of the missing values. All
        columns of the frame if None; keys, dates and follow-up times must not be among them.
    imputations : how many copies; about one for each percent of incomplete patients, 20 at least.
    rounds : of the chained equations; `trace()` of the result shows whether they were enough.
    methods : column -> "pmm" (predictive mean matching with 5 donors, type 1; the default of numbers, scores and ordered levels: values are those of real
        patients), "linear" (Bayesian linear regression; may leave the range), "logistic" (the default of two levels or two numbers), "polytomous"
        (multinomial; the default of three levels or more without an order).
    delta : a sensitivity analysis, column -> how those who lack a value are taken to differ from what the models say of them: of numbers, in standard
        deviations of the known values, added to each value drawn; of two levels, added to the log odds of the second (0.693 doubles the odds). Shifted values
        may
        leave the range of the known ones. None: missing at random.
    rng : a seed, or numpy's Generator.

    Returns
    -------
    Imputed : the completed frames, with `patterns()`, `tidy()` and `trace()`.

    Raises
    ------
    EndpointError : nothing is missing; a delta of what is not imputed, or of three levels or more; a column with no value, with one value only, with more
        than 20 levels, of dates or of mixed kinds; a column observed in no more patients than its model has predictors; the follow-up time or an event among
        the columns; several rows a patient; rows of the times that the frame does not have; a method that does not fit.

    A predictor that the others (outcome first, then in the order of the columns) tell to 99% among those who have the value is left out of that model, with a
    warning. Of two columns that share more than half of their variation and are missing together (kg and BMI, a score and its part) one is imputed without the other for those who lack both, and the
    other from it, with a warning: each from the other would repeat a random start (`near_copies.py`). A chain that still resembles its first round is
    warned of. Imputed values are right if whether one is missing depends only on what is in the models (missing at random).

    van Buuren and Groothuis-Oudshoorn 2011, doi 10.18637/jss.v045.i03; delta: van Buuren, Boshuizen and Knook 1999, doi
    10.1002/(SICI)1097-0258(19990330)18:6<681::AID-SIM71>3.0.CO;2-R; outcome: White and Royston 2009, doi 10.1002/sim.3618; number of
    imputations: White, Royston and Wood 2011, doi 10.1002/sim.4067. Equals in distribution R's `mice(data, m, maxit, method)` with the event and
    `nelsonaalen(data, time, event)` among the data.

    Examples
    --------
    >>> import pandas as pd
    >>> lung = pd.DataFrame({"months": [2, 3, 5, 8, 9, 11, 14, 20], "dead": [1, 1, 1, 0, 1, 1, 0, 0],
    ...                      "age": [71, 64, None, 58, 66, None, 61, 55], "score": [3, 2, 2, 1, 3, 1, 1, 0]})
    >>> tte = TimeToEvent.from_frame(lung, time="months", state="dead", states=["Death"])
    >>> imputed = impute(lung, tte=tte, columns=["age", "score"], imputations=5, rng=1)
    >>> imputed
    5 imputations of 8 patients, 10 rounds; missing: age 2
    >>> bool(imputed[0]["age"].isin([55, 58, 61, 64, 66, 71]).all())
    True
    """
    require_times(tte, "impute")
    if not isinstance(frame, pd.DataFrame):
        raise EndpointError(f"impute takes a data frame, and this is a {type(frame).__name__}. A cohort's is cohort.frame.")
    _whole(imputations, "imputations", 2)
    _whole(rounds, "rounds", 1)
    generator = _generator(rng)
    if tte.n < len(tte):
        raise EndpointError("Some patients have several rows: impute one row a patient (the values at time zero), then split the follow-up.")
    own = frame.iloc[tte.align(pd.Series(np.arange(len(frame)), index=frame.index), "frame")]
    found = columns_of(own, columns, methods)
    _refuse_outcome(found, tte)
    incomplete = sorted((column for column in found if column.method), key=lambda column: int(column.missing.sum()))
    if not incomplete:
        raise EndpointError(f"Nothing is missing in {listed([column.name for column in found])}: analyse the {plural(len(own), 'patient')} as they are.")
    shifts = _shifts(delta, found)
    outcome, outcome_names = outcome_predictors(tte)
    chains = _Chains(found, incomplete, outcome, outcome_names, shifts)
    chains.choose_predictors(generator)
    width = max(1, CELLS // (len(own) * chains.width))
    parts = [chains.run(generator, min(width, imputations - first), rounds) for first in range(0, imputations, width)]
    values, means, deviations, begun = ({column.name: np.concatenate([part[i][column.name] for part in parts], axis=axis) for column in incomplete}
                                        for i, axis in ((0, 0), (1, 1), (2, 1), (3, 0)))  # fmt: skip
    warnings = [*chains.warnings, *_unforgotten(incomplete, begun, values, rounds)]
    for column in incomplete:
        if column.missing.mean() > 0.5:
            warnings.append(f"{column.name} is missing in {int(column.missing.sum())} of {len(own)} patients: what is said of it rests on the models more than on data.")
    told = listed([f"{column.name} ({int(column.missing.sum())} missing, {METHODS[column.method]})" for column in found if column.method])
    whole = [column.name for column in found if not column.method]
    method = (f"Multiple imputation by chained equations, {imputations} imputations of {plural(len(own), 'patient')}, {plural(rounds, 'round')}: {told}"
              + (f"; imputed from {'each other and from ' if len(incomplete) > 1 else ''}{listed(whole)}" if whole else "")
              + f"; with the event indicator and Nelson-Aalen cumulative hazard of {listed(tte.states)} in every model")  # fmt: skip
    if shifts:
        by_how_much = [f"{name} by {by:+g} {'in the log odds' if _by_name(found)[name].levels else 'standard deviations'}" for name, by in shifts.items()]
        method += f"; a sensitivity analysis: values drawn are shifted, {listed(by_how_much)}"
    if len(own) < len(frame):
        method += f"; {plural(len(frame) - len(own), 'row')} of the frame without a time left out"
    return Imputed(frame=own, tte=tte, columns=found, values=values, means=means, deviations=deviations, rounds=int(rounds),
                   warnings=tuple(warnings), method=method)  # fmt: skip


class _Chains:
    """The models of all incomplete columns, over one matrix of predictors: the outcome, then each column's."""

    def __init__(
        self, columns: Sequence[Column], incomplete: Sequence[Column], outcome: np.ndarray, outcome_names: Sequence[str], shifts: Mapping[str, float]
    ) -> None:
        self.columns, self.incomplete, self.outcome, self.shifts = columns, incomplete, outcome, shifts
        self.names = list(outcome_names)
        self.place: dict[str, slice] = {}
        self.models: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}  # who of those who lack the value, and the predictors for them
        self.warnings: list[str] = []
        for column in columns:
            self.place[column.name] = slice(len(self.names), len(self.names) + column.width)
            self.names += [column.name] if len(column.levels) < 3 else [f"{column.name}={text}" for text in column.texts[1:]]
        self.width = len(self.names) + 1

    def start(self, rng: np.random.Generator, m: int) -> np.ndarray:
        """The predictors (m, n, width) with an intercept; what is missing is drawn from what is known of the column."""
        n = len(self.outcome)
        z = np.ones((m, n, self.width))
        z[:, :, 1 : 1 + self.outcome.shape[1]] = self.outcome
        for column in self.columns:
            values = np.broadcast_to(column.values, (m, n)).copy()
            if column.method:
                known = column.values[~column.missing]
                values[:, column.missing] = known[rng.integers(0, len(known), (m, int(column.missing.sum())))]
            self.put(z, column, values)
        return z

    def put(self, z: np.ndarray, column: Column, values: np.ndarray) -> None:
        place = self.place[column.name]
        z[:, :, place.start + 1 : place.stop + 1] = column.predictors(values)

    def choose_predictors(self, rng: np.random.Generator) -> None:
        """Which columns of the matrix stand in each model: not those that the ones before them tell among those who have the value, nor a near copy that is
        missing together with it and drawn after it."""
        z = self.start(rng, 1)[0]
        faults = []
        pairs = near_copies(self.incomplete, z[:, 1:], self.place, self.outcome.shape[1])
        self.incomplete = in_turn(self.incomplete, pairs)
        turn = {column.name: k for k, column in enumerate(self.incomplete)}
        missing = {column.name: column.missing for column in self.incomplete}
        after: dict[str, list[str]] = {name: [] for name in turn}
        for pair, share in pairs.items():
            first, second = sorted(pair, key=lambda name: turn[name])
            after[first].append(second)
            self.warnings.append(f"{first} and {second} tell {'nearly the same' if share > 0.9 else 'much of each other'} (they share {100 * share:.0f}% of their variation), and "
                                 f"{plural(int((missing[first] & missing[second]).sum()), 'patient')} lack both: for them {first} is imputed without {second}, and {second} "
                                 "from it. Each from the other would repeat the random value it began with.")  # fmt: skip
        for column in self.incomplete:
            x = z[~column.missing]
            kept, told, constant = self._chosen(x, column, ())
            wanted, a = len(kept) + len(told) + len(constant), len(x)
            if a <= wanted:
                faults.append(f'"{column.name}" is known of {plural(a, "patient")} and its model has {plural(wanted - 1, "predictor")}: too few to learn from. Name fewer '
                              "columns, or join levels.")  # fmt: skip
            if told:
                self.warnings.append(f"{column.name} is imputed without {listed([self.names[j - 1] for j in told])}: among those who have it the other predictors tell the same.")
            if constant:
                self.warnings.append(self._constant(column, z, constant))
            lacks = np.array([missing[name][column.missing] for name in after[column.name]]).reshape(len(after[column.name]), int(column.missing.sum()))
            self.models[column.name] = []
            for pattern in np.unique(lacks, axis=1).T if len(lacks) else [np.zeros(0, dtype=bool)]:
                who = (lacks == pattern[:, None]).all(axis=0)
                without = [name for name, gone in zip(after[column.name], pattern, strict=True) if gone]
                used = self._chosen(x, column, without)[0] if without else kept
                self.models[column.name].append((np.flatnonzero(who), np.array(used)))
        if faults:
            raise EndpointError(" ".join(faults))

    def _chosen(self, x: np.ndarray, column: Column, without: Sequence[str]) -> tuple[list[int], list[int], list[int]]:
        """Of the rows x that have the column: the predictors that stand in its model, those told by the ones before them, and those that are constant."""
        own_places = [self.place[name] for name in (column.name, *without)]
        kept, told, constant = [0], [], []
        a = len(x)
        base = np.ones((a, 1)) / np.sqrt(a)
        for j in range(1, self.width):
            if any(place.start <= j - 1 < place.stop for place in own_places):
                continue
            own = x[:, j] - x[:, j].mean()
            left = own - base @ (base.T @ own)
            left -= base @ (base.T @ left)
            length = float(own @ own)
            if length < 1e-10 * a:
                constant.append(j)
            elif float(left @ left) < (1 - TOLD) * length:
                told.append(j)
            else:
                kept.append(j)
                base = np.column_stack([base, left / np.linalg.norm(left)])
        return kept, told, constant

    def _constant(self, column: Column, z: np.ndarray, constant: Sequence[int]) -> str:
        """A predictor that is the same for all who have the value: what it goes with is not known for the others."""
        x = z[~column.missing]
        others = {j: int((np.abs(z[column.missing, j] - x[0, j]) > 1e-9).sum()) for j in constant}
        told = listed([f"{self.names[j - 1]} ({plural(count, 'patient')} who {'lacks' if count == 1 else 'lack'} {column.name} {'differs' if count == 1 else 'differ'})"
                       for j, count in others.items()])  # fmt: skip
        return (f"{column.name} is imputed without {told}: it is the same for all who have {column.name}, so what {column.name} is where it differs can't be learnt. It is drawn there "
                "as if it made no difference, and what is said of the two together rests on no data.")  # fmt: skip

    def run(
        self, rng: np.random.Generator, m: int, rounds: int
    ) -> tuple[dict[str, np.ndarray], ...]:
        """m chains at once: the values of the last round, means and standard deviations of those of every round, and the values of the first."""
        z = self.start(rng, m)
        values: dict[str, np.ndarray] = {}
        first: dict[str, np.ndarray] = {}
        means: dict[str, list[np.ndarray]] = {column.name: [] for column in self.incomplete}
        deviations: dict[str, list[np.ndarray]] = {column.name: [] for column in self.incomplete}
        begin: dict[tuple[str, int], np.ndarray | None] = {}
        completed = {column.name: np.broadcast_to(column.values, z.shape[:2]).copy() for column in self.incomplete}
        for _ in range(rounds):
            for column in self.incomplete:
                lacks, y = column.missing, column.values[~column.missing]
                shift = self.shifts.get(column.name, 0.0)
                drawn = np.empty((m, int(lacks.sum())))
                for number, (who, used) in enumerate(self.models[column.name]):
                    everybody = z[:, :, used]
                    x, new = everybody[:, ~lacks], everybody[:, np.flatnonzero(lacks)[who]]
                    if column.method == "pmm":
                        drawn[:, who] = from_donors(rng, x, y, new)
                    elif column.method == "linear":
                        drawn[:, who] = from_regression(rng, x, y, new)
                    else:
                        drawn[:, who], begin[column.name, number] = from_levels(rng, x, y, new, everybody, begin.get((column.name, number)), shift)
                if shift and not column.levels:
                    drawn = drawn + shift * y.std(ddof=1)
                completed[column.name][:, lacks] = drawn
                self.put(z, column, completed[column.name])
                values[column.name] = drawn
                first.setdefault(column.name, drawn)
                shown = drawn[:, :, None] if len(column.levels) < 3 else (drawn[:, :, None] == np.arange(len(column.levels))).astype(float)
                means[column.name].append(shown.mean(axis=1))
                spread = shown.std(axis=1, ddof=1) if shown.shape[1] > 1 else np.full_like(means[column.name][-1], np.nan)
                deviations[column.name].append(spread)
        return values, {name: np.array(each) for name, each in means.items()}, {name: np.array(each) for name, each in deviations.items()}, first


def _unforgotten(incomplete: Sequence[Column], first: Mapping[str, np.ndarray], last: Mapping[str, np.ndarray], rounds: int) -> list[str]:
    """What is said of columns whose last draws still resemble those of the first round."""
    if rounds < 2:
        return []
    still = {column.name: remembered(first[column.name], last[column.name], len(column.levels)) for column in incomplete}
    return [f"{name}: what is drawn in round {rounds} still resembles what was drawn in round 1 (correlation {share:.2f}; 0 once a chain has forgotten its random start). Columns "
            f"that are missing together tell too much of each other: take more rounds (rounds={5 * rounds}), or leave some of them out."
            for name, share in still.items() if share > REMEMBERED]  # fmt: skip


def _refuse_outcome(columns: Sequence[Column], tte: TimeToEvent) -> None:
    """The outcome stands in every model already; once more as a column it would be a predictor of itself."""
    for column in columns:
        if column.missing.any():
            continue
        same_time = not column.levels and np.allclose(column.values, tte.time, rtol=1e-7, atol=1e-9)
        event = tte.state > 0
        same_event = any((column.values == coded).all() for coded in (tte.state, event, 1 - event))
        if same_time or same_event:
            what = "the follow-up time" if same_time else "the event"
            raise EndpointError(f'"{column.name}" is {what} itself, which stands in every model already (event indicator and cumulative hazard): leave it out of the columns.')


def _by_name(columns: Sequence[Column]) -> dict[str, Column]:
    return {column.name: column for column in columns}


def _shifts(delta: Mapping[str, float] | None, columns: Sequence[Column]) -> dict[str, float]:
    """The shifts of a sensitivity analysis, by column; none where none is asked for."""
    if delta is None:
        return {}
    if not isinstance(delta, Mapping):
        raise EndpointError(f'delta names columns and their shifts, as delta={{"risk_score": 0.5}}; got {delta!r}.')
    known, faults = _by_name(columns), []
    for name, by in delta.items():
        column = known.get(name)
        if column is None or not column.method:
            imputed = listed([one.name for one in columns if one.method], "or")
            faults.append(f'delta shifts "{name}", which is not imputed: name {imputed}.')
        elif isinstance(by, bool) or not isinstance(by, (int, float, np.integer, np.floating)) or not np.isfinite(by):
            faults.append(f'The delta of "{name}" must be a number; got {by!r}.')
        elif column.levels and (len(column.levels) > 2 or column.method != "logistic"):
            faults.append(f'delta can\'t shift "{name}": it takes numbers, and two levels by logistic regression. Join its levels to two, or leave it out of delta.')
    if faults:
        raise EndpointError(" ".join(faults))
    return {name: float(by) for name, by in delta.items() if by}


def _whole(value: object, name: str, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise EndpointError(f"{name} must be a whole number, {least} or more; got {value!r}.")


def _generator(rng: int | np.random.Generator) -> np.random.Generator:
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(int(rng))
    raise EndpointError(f"rng must be a seed (a whole number, as rng=1) or numpy's Generator, so that the result can be had again; got {rng!r}.")
