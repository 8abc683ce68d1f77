"""Outcomes as tables: survival, cumulative incidence, k of n, and the centre beside published figures."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from haip_outcomes.formatting import count, interval, listed, median, number, percent
from haip_outcomes.tables.disclosure import HIDDEN, OPEN, Policy
from haip_outcomes.tables.estimates import medians, sizes, values_at
from haip_outcomes.tables.table import Table, slug

if TYPE_CHECKING:
    from haip_outcomes.programme.safety_and_delivery import Proportions
    from haip_outcomes.survival.curves.aalen_johansen import CumulativeIncidence
    from haip_outcomes.survival.curves.kaplan_meier import SurvivalCurve

_NOBODY = "-: nobody was followed that long."
HIDDEN_NOTE = f"{HIDDEN}: hidden, because it is, rests on or would reveal a count of 1 to 4."


def survival_table(curve: SurvivalCurve, times: Sequence[float], *, by_label: str = "", policy: Policy = OPEN) -> Table:
    """Patients, events, median and survival at a few times, a row a group.

    Parameters
    ----------
    curve : what `survival_curve` returned.
    times : in the curve's unit, for example [12, 36, 60].
    by_label : the name of what makes the groups, for example "Sarcopenia".
    policy : which small numbers are hidden; none by default.

    A median that was not reached is NR; a time beyond all follow-up is "-", not the last value carried forward.

    >>> import haip_outcomes as haip
    >>> curve = haip.survival_curve(haip.demo_cohort().setting("adjuvant").endpoint("os"))
    >>> survival_table(curve, [36]).header
    ('Group', 'n', 'Events', 'Median, months (95% CI)', '36 months (95% CI)')
    """
    middle, at = medians(curve, policy), values_at(curve, times, policy)
    level = f"{100 * curve.conf_level:g}% CI"
    rows = []
    for row in middle.to_dict("records"):
        here = at if pd.isna(row["group"]) else at[at["group"] == row["group"]]
        cells = [_at(here, time) for time in times]
        rows.append((_name(row["group"]), _whole(row["n"], policy), _whole(row["n_event"], policy), median_text(row, policy), *cells))
    caution = "" if curve.caution in curve.method else _capital(_stop(curve.caution))
    notes = [_stop(policy.method(curve.method)), caution, "CI: confidence interval. NR: not reached.", _only(_NOBODY, rows), hidden_note(rows)]
    return Table(
        name=slug("survival", curve.label), title=f"{curve.label or 'Survival'}{_since(curve.time_zero)}",
        header=(by_label or "Group", "n", "Events", f"Median, {curve.unit} ({level})", *(f"{time:g} {curve.unit} ({level})" for time in times)),
        rows=tuple(rows), footnotes=tuple(filter(None, notes)),
    )  # fmt: skip


def incidence_table(incidence: CumulativeIncidence, times: Sequence[float], *, by_label: str = "", policy: Policy = OPEN) -> Table:
    """Events and cumulative incidence at a few times: a row an event, below it a row a group.

    >>> import haip_outcomes as haip
    >>> first = haip.demo_cohort().setting("adjuvant").endpoint("first_site")
    >>> [row[0] for row in incidence_table(haip.cumulative_incidence(first), [36]).rows]
    ['Liver', 'Extrahepatic', 'Death']
    """
    at = values_at(incidence, times, policy)
    several = len(incidence.sets) > 1
    rows: list[tuple[str, ...]] = []
    for code, outcome in enumerate(incidence.states, start=1):
        there = at[at["outcome"] == outcome]
        if several:
            rows.append((outcome, *[""] * (2 + len(times))))
        for one in incidence.sets:
            here = there if one.group is None else there[there["group"] == one.group]
            n, events = sizes(one, policy, [other.group for other in incidence.sets], incidence.sets, code) if policy.hides else (True, True)
            rows.append((one.group if several and one.group else outcome, policy.cell(n, str(one.n)), policy.cell(events, str(one.n_events(code))),
                         *(_at(here, time) for time in times)))  # fmt: skip
    level = f"{100 * incidence.conf_level:g}% CI"
    return Table(
        name=slug("incidence", incidence.label), title=f"{incidence.label or 'Events'}: cumulative incidence{_since(incidence.time_zero)}",
        header=(f"Event, by {by_label[:1].lower()}{by_label[1:]}" if by_label else "Event", "n", "Events",
                *(f"{time:g} {incidence.unit} ({level})" for time in times)),
        rows=tuple(rows), indents=tuple(int(several and row[1] != "") for row in rows),
        footnotes=tuple(filter(None, [_stop(policy.method(incidence.method)), "CI: confidence interval.", _only(_NOBODY, rows), hidden_note(rows)])),
    )  # fmt: skip


def proportions_table(proportions: Proportions, policy: Policy = OPEN) -> Table:
    """Complications and delivery: k of n with its exact interval, or the median of a time with its quartiles.

    >>> import haip_outcomes as haip
    >>> proportions_table(haip.proportions(haip.demo_cohort())).header
    ('Outcome', 'k of n (%)', '95% CI', 'Not known')
    """
    tidy = proportions.tidy()
    rows: list[tuple[str, ...]] = []
    indents: list[int] = []
    several = tidy["group"].nunique() > 1
    for label, part in tidy.groupby("label", sort=False):
        if several:
            rows.append((str(label), "", "", ""))
            indents.append(0)
        for row in part.to_dict("records"):
            rows.append((_capital(str(row["group"])) if several else str(label), *_counted(row, policy)))
            indents.append(1 if several else 0)
    definitions = tidy.loc[tidy["definition"].fillna("") != "", ["label", "definition"]].drop_duplicates()
    notes = [f"{row['label']}: {_stop(row['definition'])}" for row in definitions.to_dict("records")
             if str(row["definition"]).lower() != str(row["label"]).lower()]  # fmt: skip
    left = tidy[tidy["n_left_early"] > 0] if "n_left_early" in tidy and not policy.hides else tidy.iloc[:0]
    if len(left):
        words = listed([f"{row['n_left_early']} {row['group']}" for row in left.to_dict("records")])
        notes.append(f"Death within 90 days: left before and not counted, {words}.")
    if (tidy["statistic"] == "median").any():
        notes.append("Times: median (quartiles).")
    notes += filter(None, [hidden_note(rows)])
    who = "" if several or not len(tidy) else f", {tidy['group'].iloc[0]}"
    return Table(name="proportions", title=f"Safety and delivery{who}", header=("Outcome", "k of n (%)", "95% CI", "Not known"),
                 rows=tuple(rows), indents=tuple(indents), footnotes=(*notes, _stop(proportions.method)))  # fmt: skip


def _counted(row: Mapping[Hashable, Any], policy: Policy) -> tuple[str, str, str]:
    missing = _whole(row["n_missing"], policy)
    if policy.hides and row["hidden"]:
        return HIDDEN, HIDDEN, missing
    if row["statistic"] == "median":
        values = interval(row["estimate"], row["q1"], row["q3"], 0)
        limits = f"{number(row['conf_low'], 0)} to {number(row['conf_high'], 0)}"
        return f"{values} {row['unit']}, n = {_whole(row['n'], policy)}", f"{limits} {row['unit']}", missing
    k, n = int(row["n_event"]), int(row["n"])
    if not n:
        return "0 of 0", "-", missing
    share = count(k, n).removeprefix(str(k))
    return f"{k} of {n}{share}", f"{percent(row['conf_low'])} to {percent(row['conf_high'])}", missing


def median_text(row: Mapping[Hashable, Any] | pd.Series, policy: Policy = OPEN) -> str:
    """A row of medians as "24.7 (9.8, NR)"; for outside the mark where it is hidden, and whole units."""
    if not policy.hides:
        return median(row["estimate"], row["conf_low"], row["conf_high"])
    return HIDDEN if row["hidden"] else median(row["estimate"], row["conf_low"], row["conf_high"], 0)


def hidden_note(rows: Sequence[Sequence[str]]) -> str:
    """What the mark means, where it stands in a table."""
    return HIDDEN_NOTE if any(HIDDEN in cell for row in rows for cell in row) else ""


def _whole(value: float, policy: Policy) -> str:
    return number(value, 0, missing=HIDDEN if policy.hides else "-")


def _at(here: pd.DataFrame, time: float) -> str:
    """The value at a time, "-" where none is known, alone where it has no interval."""
    rows = here[here["time"] == time].to_dict("records")
    if not rows:
        return "-"
    row = rows[0]
    if row.get("hidden"):
        return HIDDEN
    bare = pd.isna(row["conf_low"]) and pd.isna(row["conf_high"])  # before the first event there is no interval
    return percent(row["estimate"]) if bare else percent(row["estimate"], row["conf_low"], row["conf_high"])


def _name(group: object) -> str:
    return "All" if pd.isna(group) else str(group)  # type: ignore[call-overload]


def _since(time_zero: str) -> str:
    return f", from {time_zero}" if time_zero else ""


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _stop(words: str) -> str:
    return f"{words}." if words and not words.endswith(".") else words


def _only(note: str, rows: Sequence[Sequence[str]]) -> str:
    return note if any(cell == "-" for row in rows for cell in row) else ""
