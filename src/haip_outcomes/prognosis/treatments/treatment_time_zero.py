"""An honest time zero: both treatments count from an event that everybody had, and nobody is credited with time lived before the treatment.

A patient whose pump was placed two months after time zero could not have died in these two months and still be among those with a pump: immortal
time. Entering the pumped late does not cure it, for those who died waiting would all stay with the others. What cures it is a landmark (the groups
as they are known at a later day, among those followed until then), or the treatment as a covariate that changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError
from haip_outcomes.formatting import listed, number, plural
from haip_outcomes.prognosis.baseline.known_at import beside_note, not_known, unstated
from haip_outcomes.prognosis.treatments.treatment_choice import TreatmentChoice, counted, texts_of
from haip_outcomes.prognosis.treatments.treatment_dates import SAME_DAY, Begun
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.survival.time_to_event import TimeToEvent


@dataclass(frozen=True, eq=False)
class Counted:
    """The patients of both treatments from the same time zero on: times, who had what, who was left out by reason, and what is to be said."""

    tte: TimeToEvent
    groups: pd.Series
    left_out: list[tuple[str, pd.Index]]
    notes: list[str]


def from_one_time_zero(
    cohort: Cohort, endpoint: str, choice: TreatmentChoice, groups: pd.Series, begun: Begun | None, *, landmark: float | None
) -> Counted:
    """Times of both treatments from one time zero, or from the landmark; refuses where one of them has none, or gained immortal time.

    cohort : only the patients of both treatments. begun : when; None when nobody knows.
    """
    recipe = cohort.recipe(endpoint)
    unknown = [not_known(cohort, endpoint, column) for column in choice.columns]
    if begun is None and choice.treatment != "setting":
        unknown.insert(0, not_known(cohort, endpoint, choice.treatment))
    if any(unknown):
        raise EndpointError(" ".join(filter(None, unknown)))
    left_out: list[tuple[str, pd.Index]] = []
    own = [choice.treatment] if begun is None else []
    notes = [_unsaid(cohort, [*own, *choice.columns]), beside_note(cohort, [*own, *choice.columns], endpoint)]
    if recipe.plan.from_dates:
        cohort, groups = _with_time_zero(cohort, endpoint, choice, groups, left_out, notes)
        _refuse_late_entry(cohort, endpoint, choice, groups, begun, notes)
        if begun is not None:
            cohort, groups = _as_known(cohort, endpoint, choice, groups, begun, landmark, left_out, notes)
    elif begun is not None:
        raise EndpointError(f'"{endpoint}" is kept as times without dates, so whether the treatment was begun ({begun.called}) at time zero '
                            "can't be told. Give the endpoint date columns (start, last_seen, events).")  # fmt: skip
    tte = cohort.endpoint(endpoint)
    if landmark is not None:
        tte = _at_landmark(tte, groups, landmark, left_out)
    groups = groups.loc[tte.index]
    for name in choice.names:
        if not (groups == name).any():
            raise EndpointError(f'Nobody with {choice.label} "{name}" is left to be compared{"" if landmark is None else f" at {landmark:g} months"}.')
    return Counted(tte, groups, left_out, [note for note in notes if note])


def _unsaid(cohort: Cohort, columns: list[str]) -> str:
    silent = unstated(cohort, columns)
    if not silent:
        return ""
    return (f"The plan does not say when {listed([cohort.plan.label(name) for name in silent])} {'is' if len(silent) == 1 else 'are'} known: taken as known "
            'at time zero (known = "baseline" in the plan says so).')  # fmt: skip


def _with_time_zero(cohort: Cohort, endpoint: str, choice: TreatmentChoice, groups: pd.Series, left_out: list[tuple[str, pd.Index]],
                    notes: list[str]) -> tuple[Cohort, pd.Series]:  # fmt: skip
    """Only those who have a time zero; refuses when all of one treatment have none."""
    plan = cohort.recipe(endpoint).plan
    start, called = cohort.frame[plan.start], cohort.plan.label(plan.start)
    gone = start.isna()
    for name in choice.names:
        own = groups == name
        if gone[own].all():
            raise EndpointError(f'None of the {plural(int(own.sum()), "patient")} with {choice.label} "{name}" has a time zero of "{plan.label or endpoint}" ({called}): '
                                "a clock that only the treated have compares nobody, and a day chosen for the others by looking back gives one side time in which nobody "
                                'could die (immortal time). Count both from an event that all of them had, such as the resection: an endpoint with start = '
                                f'"resection_date" instead of "{plan.start}".')  # fmt: skip
    if gone.any() and plan.without_start == "left out":
        left_out.append((f"no time zero ({called})", cohort.frame.index[gone]))
        notes.append(f"Without time zero ({called}), and so left out: {_shares(gone, groups)}. If that goes with the treatment or with how they fared, the comparison "
                     "is of others than were asked about.")  # fmt: skip
        keep = ~gone
        return cohort.where(keep, because=f"no time zero ({called})"), groups[keep]
    return cohort, groups


def _refuse_late_entry(cohort: Cohort, endpoint: str, choice: TreatmentChoice, groups: pd.Series, begun: Begun | None, notes: list[str]) -> None:
    recipe = cohort.recipe(endpoint)
    if not recipe.plan.entry:
        return
    late = recipe.entries(cohort.frame) > SAME_DAY
    for name, other in ((choice.treated, choice.control), (choice.control, choice.treated)):
        resting = choice.control if begun is None else begun.resting
        if name != resting and (late & (groups == name)).any() and not (late & (groups == other)).any():
            who = "the treated enter when they are treated" if name == choice.treated else f"those with {name} enter when it is begun"
            raise EndpointError(f'"{endpoint}" lets {who} ({cohort.plan.label(recipe.plan.entry)}), {_shares(late, groups)}. That alone does '
                                f"not make it fair: who died waiting stays with {other}, so that group holds too many early deaths. Use an endpoint without "
                                f"entry and landmark=, or {_over_time(endpoint, choice, begun)}.")  # fmt: skip
    if late.any():
        notes.append(f"Came under observation after time zero, and at risk only from then: {_shares(late, groups)}.")


def _as_known(cohort: Cohort, endpoint: str, choice: TreatmentChoice, groups: pd.Series, begun: Begun, landmark: float | None,
              left_out: list[tuple[str, pd.Index]], notes: list[str]) -> tuple[Cohort, pd.Series]:  # fmt: skip
    """The groups as they are known at time zero, or at the landmark; refuses those treated later as treated from time zero."""
    recipe = cohort.recipe(endpoint)
    zero = recipe.time_zero
    if begun.columns == (recipe.plan.start,):
        if choice.treatment != "setting" or "comparator" in choice.names:
            notes.append(f'Time zero is {zero}, also of {choice.control}: what the file gives there for them must be the day on which a patient like them would have been treated, '
                         "fixed by a rule (the resection, the first systemic treatment) and not by looking back.")  # fmt: skip
        return cohort, groups
    wait = begun.wait(cohort, recipe.plan.start).to_numpy(dtype=float)
    active = (groups != begun.resting).to_numpy()  # of a treatment that is begun on a date
    unread = int((~active & (wait > SAME_DAY) & (texts_of(cohort.frame[choice.treatment]) == begun.resting).to_numpy(dtype=bool)).sum())
    if unread:
        notes.append(f"The date ({begun.called}) of {unread} with {begun.resting} is after time zero, and not looked at: {begun.resting} is taken as what they had until then.")
    _check_dates(choice, groups, begun, wait, active, zero, notes)
    late = active & (wait > SAME_DAY)
    if landmark is None:
        if late.any():
            raise EndpointError(_begun_late(endpoint, choice, groups, begun, wait, late, zero))
        return cohort, groups
    tte = cohort.endpoint(endpoint)
    ends = pd.Series(tte.time, index=tte.index).reindex(cohort.frame.index).to_numpy(dtype=float)
    later = active & ((wait > landmark + SAME_DAY) | ((wait > landmark - SAME_DAY) & (ends < landmark + SAME_DAY) & late))  # a day too late for who leaves on it
    if not later.any():
        return cohort, groups
    followed = later & np.isin(cohort.frame.index, tte.landmark(landmark).index)
    if begun.resting is None:
        if begun.before is None or begun.before in choice.names:
            raise EndpointError(_unknown_before(choice, groups, begun, later, landmark))
        until = f"{choice.label} still {begun.before} at {landmark:g} months"
        left_out.append((f"{until} ({counted(cohort.frame.index[later], groups)} later)", cohort.frame.index[later]))
        keep = pd.Series(~later, index=cohort.frame.index)
        return cohort.where(keep, because=until), groups[keep]
    notes.append(f"{int(followed.sum())} treated after the landmark stay with {begun.resting}: at {landmark:g} months that is what they had.")
    codes = np.where(later, list(groups.cat.categories).index(begun.resting), groups.cat.codes)
    return cohort, pd.Series(pd.Categorical.from_codes(codes, categories=groups.cat.categories), index=groups.index, name=groups.name)


def _check_dates(choice: TreatmentChoice, groups: pd.Series, begun: Begun, wait: np.ndarray, active: np.ndarray, zero: str, notes: list[str]) -> None:
    """Refuses a treatment without its date; says who was treated before time zero."""
    undated, before = active & np.isnan(wait), active & (wait < -SAME_DAY)
    if undated.any() and not begun.promised:
        raise EndpointError(f"No date on which it was begun ({begun.called}): {_of_each(undated, groups, choice)}. Whether they had it at time zero ({zero}) can't be told, "
                            "and taken as treated then they may be credited with time in which they could not die (immortal time). Give the date, or leave these patients "
                            f"out and say so: empty {choice.label}, or cohort.where(...)."
                            + (_name_resting(choice, begun) if (undated & (groups == choice.control).to_numpy()).any() else ""))  # fmt: skip
    for mask, said in ((undated, f"have no date ({begun.called}): taken as treated at time zero, as the plan says."),
                       (before, f"were treated before time zero ({zero}), up to {number(float(np.max(-wait[before], initial=0)), 1)} months: "
                                "who was treated and did not live to see it is not in the file.")):  # fmt: skip
        if mask.any():
            notes.append(f"{_of_each(mask, groups)} {said}")


def _begun_late(endpoint: str, choice: TreatmentChoice, groups: pd.Series, begun: Begun, wait: np.ndarray, late: np.ndarray, zero: str) -> str:
    """Why a treatment begun after time zero can't be compared from there, in either group."""
    both = [name for name in reversed(choice.names) if (late & (groups == name).to_numpy()).any()]
    told = (f"could not have died before and be among {'the treated' if both == [choice.treated] else 'those with it'} (immortal time), and late entry alone does not cure it, as "
            + (f"who died waiting counts with {choice.control if both == [choice.treated] else choice.treated}" if len(both) == 1 else "who died waiting is in neither group"))
    return (f"{_of_each(late, groups, choice)} were treated after time zero ({zero}), up to {number(float(wait[late].max()), 1)} months later ({begun.called}): they {told}. "
            f"Compare from a landmark by which the treatment is chosen (landmark = {_suggested(wait[late])} under [treatment], or landmark= in Python: those still followed then, by what they had had by then), or take "
            f"{_over_time(endpoint, choice, begun)}.{_name_resting(choice, begun) if choice.control in both else ''}")  # fmt: skip


def _unknown_before(choice: TreatmentChoice, groups: pd.Series, begun: Begun, later: np.ndarray, landmark: float) -> str:
    """Nobody says what those treated after the landmark had at the landmark."""
    other = choice.control if begun.before is None else begun.before
    return (f"{_of_each(later, groups, choice)} were treated after the landmark at {landmark:g} months ({begun.called}), and the plan does not say what they had until then, as "
            f"those with {other} have that date too. Counted with {other}, or left out, they may make the comparison unfair (immortal time). Write under "
            f'[columns.{choice.treatment}] known = "{begun.columns[0]}" and before = "{other}" if that is what they had; if they had neither, '
            'before = a level of its own, such as "None yet" (among the levels, even if nobody is left with it).')  # fmt: skip


def _name_resting(choice: TreatmentChoice, begun: Begun) -> str:
    """What to write when the control is what patients have until the date, and its dates mean something else."""
    if choice.treatment == "setting" or begun.resting is not None:
        return ""
    return f' If {choice.control} is what patients have until then, say so: known = "{begun.columns[0]}" and before = "{choice.control}" under [columns.{choice.treatment}].'


def _of_each(mask: np.ndarray, groups: pd.Series, choice: TreatmentChoice | None = None) -> str:
    """How many of which group, treated first: "3 of 20 Yes"; with the choice "3 of 20 patients with Pump "Yes""."""
    said = []
    for name in reversed(list(groups.cat.categories)):
        own = (groups == name).to_numpy()
        if (mask & own).any():
            said.append(f"{int((mask & own).sum())} of " + (f'{plural(int(own.sum()), "patient")} with {choice.label} "{name}"' if choice else f"{int(own.sum())} {name}"))
    return listed(said)


def _at_landmark(tte: TimeToEvent, groups: pd.Series, landmark: float, left_out: list[tuple[str, pd.Index]]) -> TimeToEvent:
    """Those still at risk at the landmark; the others by what had become of them, and by what they had by then."""
    at = tte.landmark(landmark)
    gone = ~np.isin(tte.index, at.index)
    cases: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = ((f"{listed(tte.states, 'or')} before the landmark", lambda state: state > 0),
                                                                          ("last seen before the landmark, or not yet entered", lambda state: state == 0))  # fmt: skip
    for words, of in cases:
        index = tte.index[gone & of(tte.state)]
        if len(index):
            left_out.append((f"{words} ({counted(index, groups)})", index))
    return at


def _suggested(wait: np.ndarray) -> str:
    return f"{max(1, int(np.ceil(np.quantile(wait, 0.9))))}"


def _over_time(endpoint: str, choice: TreatmentChoice, begun: Begun | None) -> str:
    """The treatment as a covariate that changes: by its own date, or as a derived No and Yes of the date that was found."""
    if begun is None or begun.of_plan:
        return f'factors_over_time(cohort, "{endpoint}", ["{choice.treatment}"]), which lets it change on its date'
    return (f'factors_over_time(cohort, "{endpoint}", ["given"]), which lets it change on its date, with [derived.given] take = "any" and '
            f'columns = ["{begun.columns[0]}"] in the plan')  # fmt: skip


def _shares(mask: pd.Series, groups: pd.Series) -> str:
    names = list(reversed(list(groups.cat.categories)))
    return listed([f"{int(mask[groups == name].sum())} of {int((groups == name).sum())} {name}" for name in names])
