"""Predicted survival by profile as a small table for a reader, with what it was built on under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from haip_outcomes.errors import HaipError
from haip_outcomes.formatting import NOT_REACHED, listed
from haip_outcomes.prognosis.prediction.profile_predictions import median_words, prediction_text, value_text
from haip_outcomes.survival.intervals import level_in_words
from haip_outcomes.tables.table import Table

if TYPE_CHECKING:
    from haip_outcomes.prognosis.prediction.profile_predictions import Profiles

MARK = "†"
_COLUMNS = 4  # covariates with a column of their own; more are told in one cell


def profile_table(profiles: Profiles, *, name: str = "profiles") -> Table:
    """Predicted survival (or cumulative incidence) of a few profiles: a row a profile, a column a time, the median.

    Covariates that are the same in all profiles stand in a footnote. "Alike" counts the patients analysed with the same levels,
    whatever their numbers (no column where levels tell nobody apart). The footnotes say what the predictions were built on, and belong to the table.

    Parameters
    ----------
    profiles : what `profiles` returned. name : the file name.

    >>> import haip_outcomes as haip
    >>> from haip_outcomes.prognosis.prediction.profile_predictions import profiles
    >>> cohort = haip.demo_cohort().setting("unresectable")
    >>> fit = haip.cox(cohort.endpoint("os"), haip.design(cohort.frame, ["sarcopenia"]))
    >>> table = profile_table(profiles(fit, times=[36], labels=cohort))
    >>> table.header
    ('Sarcopenia', 'Alike', '36 months (95% CI)', 'Median, months (95% CI)')
    >>> [row[0] for row in table.rows]
    ['No', 'Yes']
    """
    if not hasattr(profiles, "built_on") or not hasattr(profiles, "medians"):
        raise HaipError(f"profile_table takes what profiles(fit, times=...) returned, and this is a {type(profiles).__name__}.")
    frame, tidy = profiles.frame, profiles.tidy()
    told = {str(column): [value_text(value) for value in frame[column]] for column in frame}
    varying = [column for column in told if len(set(told[column])) > 1] or list(told)[:1]
    same = [column for column in told if column not in varying]
    named = all(isinstance(label, str) for label in frame.index)
    limits = bool(tidy["conf_low"].notna().any())
    level = f" ({level_in_words(profiles.conf_level)} CI)" if limits else ""
    separate = varying if len(varying) <= _COLUMNS else []
    header = [*(["Profile"] if named else [] if separate else [listed([profiles.labels[column] for column in varying])]), *(profiles.labels[column] for column in separate)]
    titles = len(header)
    counted = bool((tidy["n"] < tidy["n"].iloc[0]).any()) or int(tidy["n"].iloc[0]) < profiles.n
    header += ["Alike"] if counted else []
    header += [f"{time:g} {profiles.unit}{level}" for time in tidy["time"].unique()]
    header += [f"Median, {profiles.unit}{level}"] if profiles.measure == "survival" else []
    medians = profiles.median().to_dict("records")
    rows = []
    for i in range(len(frame)):
        own = tidy[tidy["profile"] == i + 1]
        first = _first(profiles, i, varying, told, named, bool(separate))
        cells = [prediction_text(row) + (MARK if row["few"] else "") for row in own.to_dict("records")]
        if profiles.measure == "survival":
            cells.append(_median(medians[i]))
        alike = [f"{int(own['n'].iloc[0])}"] if counted else []
        rows.append((*first, *(told[column][i] for column in separate), *alike, *cells))
    return Table(
        name=name, title=_title(profiles), header=tuple(header), rows=tuple(rows), footnotes=tuple(_notes(profiles, same, told, rows, limits, counted)),
        text_columns=tuple(range(1, titles)),
    )  # fmt: skip


def _first(profiles: Profiles, i: int, varying: list[str], told: dict[str, list[str]], named: bool, separate: bool) -> list[str]:
    words = "" if separate else ", ".join(f"{profiles.labels[column]} {told[column][i]}" for column in varying)
    if named:
        return [f"{profiles.names[i]}: {words}" if words else profiles.names[i]]
    return [words] if words else []


def _median(row: dict[Any, Any]) -> str:
    return median_words(row) + (MARK if row["few"] and not np.isnan(row["estimate"]) else "")


def _title(profiles: Profiles) -> str:
    what = "Predicted survival" if profiles.measure == "survival" else f"Predicted cumulative incidence of {profiles.outcome.lower()}"
    return f"{what}{f', {profiles.unit} since {profiles.time_zero}' if profiles.time_zero else ''}"


def _notes(profiles: Profiles, same: list[str], told: dict[str, list[str]], rows: list[tuple[str, ...]], limits: bool, counted: bool) -> list[str]:
    notes = [f"Same in all profiles: {', '.join(f'{profiles.labels[column]} {told[column][0]}' for column in same)}."] if same else []
    if profiles.chosen != "as given":
        notes.append(f"Profiles: {profiles.chosen}.")
    if counted:
        numbers = any(one.dtype.kind in "if" for _, one in profiles.frame.items())
        notes.append(f"Alike: patients analysed with the same levels{', whatever their numbers' if numbers else ''}.")
    notes += [f"{profiles.method}.", *profiles.warnings]
    cells = [cell for row in rows for cell in row]
    if any(MARK in cell for cell in cells):
        notes.append(f"{MARK} Beyond the last time with at least 5 patients, and 10% of them, at risk.")
    notes += ["CI: confidence interval." if limits else "", f"{NOT_REACHED}: not reached." if any(NOT_REACHED in cell for cell in cells) else ""]
    return [note for note in [*notes, *profiles.built_on.sentences] if note]
