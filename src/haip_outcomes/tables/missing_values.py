"""Missing values in print: who lacks what and how they do, and imputed beside complete cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import count, interval, listed, number, p_value, plural
from haip_outcomes.prognosis.missing.imputed_results import AT_RANDOM, ImputedFactors
from haip_outcomes.prognosis.missing.missing_patterns import missing_by_column, missing_together
from haip_outcomes.prognosis.missing.paired_models import parts_of
from haip_outcomes.registry.cohort import Cohort
from haip_outcomes.survival.time_to_event import TimeToEvent
from haip_outcomes.tables.table import Table

MOST_PATTERNS = 12  # the others are added up in a last row


def missing_table(
    source: Cohort | ImputedFactors, endpoint: str | None = None, columns: Sequence[str] | None = None, *, cause: str | None = None, name: str = "missing",
    title: str = "Missing values",
) -> Table:  # fmt: skip
    """Who lacks a value and how they do: patients and events among those who have each column and those who lack it, then what is missing together.

    Parameters
    ----------
    source : what `imputed_factors` returned; or a cohort, with an `endpoint` of its plan and `columns` (by default the plan's factors, multivariable and
        auxiliary columns).
    cause : for an endpoint with competing events, whose events are counted; all events if not given.
    name, title : the table's file name and title.

    Rates differ for chance too; p is the log-rank test's. Nobody is named, but small counts are shown: not for a report for outside.

    Raises
    ------
    EndpointError : a cohort without an endpoint; no columns; a column that does not exist.

    >>> import haip_outcomes as haip
    >>> haip.missing_table(haip.demo_cohort().setting("unresectable"), "os", ["age", "cea"]).frame()["Patients"].tolist()
    ['none missing', '', '30 (88%)', '4 (12%)', '', '30 (88%)', '4 (12%)']
    """
    tte, frame, chosen, labels = _of_result(source) if isinstance(source, ImputedFactors) else _of_cohort(source, endpoint, columns, cause)
    by_column, together = missing_by_column(frame, chosen, tte), missing_together(frame, chosen, tte)
    rows: list[tuple[str, ...]] = []
    indents: list[int] = []

    def add(indent: int, *cells: str) -> None:
        rows.append(cells)
        indents.append(indent)

    n = len(frame)
    for term, part in by_column.groupby("term", sort=False):
        if len(part) == 1 and part["group"].iloc[0] == "known":
            add(0, labels[str(term)], "none missing", *_events(part.iloc[0]), "")
            continue
        add(0, labels[str(term)], "", "", "", p_value(float(part["p_value"].iloc[0])))
        for row in part.to_dict("records"):
            add(1, str(row["group"]).capitalize(), count(row["n"], n), *_events(row), "")
    add(0, "Missing together", "", "", "", "")
    shown = together if len(together) <= MOST_PATTERNS else together.iloc[: MOST_PATTERNS - 1]
    for row in shown.to_dict("records"):
        lacking = [labels[one] for one in chosen if one in _split(str(row["without"]), chosen)]
        add(1, listed(lacking) if lacking else "Nothing", count(row["n"], n), *_events(row), "")
    if len(shown) < len(together):
        rest = together.iloc[len(shown) :]
        total = {"n_event": int(rest["n_event"].sum()), "rate": 100 * rest["n_event"].sum() / rest["time"].sum()}
        add(1, f"Other {len(rest)} patterns", count(int(rest["n"].sum()), n), *_events(total), "")
    event = tte.states[0] if len(tte.states) == 1 else "event"
    return Table(
        name=name, title=title, header=("", "Patients", f"Events ({event})", f"For 100 patient-{tte.unit}", "p"), rows=tuple(rows), indents=tuple(indents),
        footnotes=(f"n (%) of {plural(n, 'patient')}. Events for 100 {tte.unit} followed, added over patients. p: log-rank test of those who lack a value against "
                   "those who have it.", AT_RANDOM),
    )  # fmt: skip


def imputed_table(result: ImputedFactors, *, model: Literal["univariable", "multivariable"] | None = None, name: str = "imputed", title: str = "") -> Table:
    """Complete cases and imputed side by side: hazard ratio with its interval and p, and how much of the information is missing.

    Parameters
    ----------
    result : what `imputed_factors` returned.
    model : "univariable" or "multivariable"; by default the multivariable one where there is one.
    name, title : the table's file name and title.

    >>> import haip_outcomes as haip
    >>> found = haip.imputed_factors(haip.demo_cohort().setting("unresectable"), "os", ["sarcopenia", "cea"], imputations=20, rng=1)
    >>> haip.imputed_table(found).column_names[3:6]
    ('Complete cases: n', 'Complete cases: HR (95% CI)', 'Complete cases: p')
    """
    chosen = model or ("multivariable" if result.multivariable is not None else "univariable")
    if chosen not in ("univariable", "multivariable"):
        raise EndpointError(f'model must be "univariable" or "multivariable"; got {model!r}.')
    if chosen == "multivariable" and result.multivariable is None:
        raise EndpointError('There is no multivariable model in this result: ask for model="univariable".')
    tidy = result.tidy(exponentiate=True).query("model == @chosen")
    tidy = tidy.assign(level=["" if pd.isna(level) else str(level) for level in tidy["level"]])
    levels = result.levels.assign(level=["" if pd.isna(level) else str(level) for level in result.levels["level"]])
    rows: list[tuple[str, ...]] = []
    indents: list[int] = []
    patients = len(result.frame)
    for term in dict.fromkeys(tidy["term"]):
        own, known = tidy[tidy["term"] == term], levels[levels["term"] == term]
        label = result.labels.get(term) or " × ".join(result.labels.get(part, part) for part in str(term).split(":"))
        gaps = "" if not len(known) else count(gone, patients) if (gone := int(known["n_missing"].iloc[0])) else "none"
        factor = len(known) > 0 and not known["level"].eq("").all()
        rows_of = list(dict.fromkeys([*(known["level"] if factor else ()), *own["level"]]))
        if rows_of == [""]:
            rows.append((label, gaps, number(known["n_event"].iloc[0], 0) if len(known) else "", *_pair(own, "")))
            indents.append(0)
            continue
        rows.append((label, gaps, *[""] * 8))
        indents.append(0)
        for level in rows_of:
            at = known[known["level"] == level]
            events = number(at["n_event"].iloc[0], 0) if len(at) else ""
            reference = len(at) > 0 and bool(at["reference"].iloc[0])
            rows.append((level, "", events, *(("", "reference", "", "", "reference", "", "") if reference else _pair(own, level))))
            indents.append(1)
    short = "sHR" if result.measure.startswith("sub") else "HR"
    interval_head = f"{short} ({100 * result.conf_level:g}% CI)"
    lost = [f"Refused, {', '.join(filter(None, [one.model, one.cases and f'{one.cases} cases', result.labels.get(one.term, one.term)]))}: {one.reason}" for one in result.refused]
    return Table(
        name=name, title=title or f"Prognostic factors, {chosen}: complete cases and missing values imputed",
        header=("Characteristic", "Missing", "Events", "n", interval_head, "p", "n", interval_head, "p", "Information missing"), rows=tuple(rows), indents=tuple(indents),
        spanners=(("", 3), ("Complete cases", 3), ("Imputed", 4)),
        footnotes=(f"{short}: {result.measure} (of a number: for one unit more). CI: confidence interval. n: patients of the model. Events: of those whose value is known. "
                   "Information missing: of what all values would tell of this coefficient.", f"{result.method}.", *result.warnings, *lost),
    )  # fmt: skip


def _pair(own: pd.DataFrame, level: str) -> tuple[str, ...]:
    cells: list[str] = []
    for cases in ("complete", "imputed"):
        row = own[(own["cases"] == cases) & (own["level"] == level)]
        one: dict[Any, Any] = row.iloc[0].to_dict() if len(row) else {}
        cells += [number(one["n"], 0), interval(one["estimate"], one["conf_low"], one["conf_high"]), p_value(one["p_value"])] if one else ["", "not fitted", ""]
        if cases == "imputed":
            cells.append(f"{100 * one['fraction_missing']:.0f}%" if one else "")
    return tuple(cells)


def _events(row: Mapping[Any, Any] | pd.Series) -> tuple[str, str]:
    return number(row["n_event"], 0), number(row["rate"], 2)


def _split(without: str, columns: Sequence[str]) -> set[str]:
    """The columns of a pattern's text; a name may hold a comma itself."""
    found, left = set(), without
    while left:
        name = max((one for one in columns if left == one or left.startswith(f"{one}, ")), key=len)
        found.add(name)
        left = left[len(name) + 2 :]
    return found


def _of_result(result: ImputedFactors) -> tuple[TimeToEvent, pd.DataFrame, list[str], dict[str, str]]:
    return result.tte, result.frame, list(result.columns), result.labels


def _of_cohort(cohort: Cohort, endpoint: str | None, columns: Sequence[str] | None, cause: str | None) -> tuple[TimeToEvent, pd.DataFrame, list[str], dict[str, str]]:
    if not isinstance(cohort, Cohort):
        raise EndpointError(f"missing_table takes a Cohort or what imputed_factors returned, and this is a {type(cohort).__name__}.")
    if endpoint is None:
        raise EndpointError(f"Which endpoint's events? Name one of the plan: {listed(list(cohort.plan.endpoints), 'or')}.")
    plan = cohort.plan.analysis
    named = (*plan.factors, *(plan.multivariable or ()), *plan.auxiliary)
    parts = [part for term in named for part in parts_of(term, cohort.frame)]
    chosen = list(dict.fromkeys(parts if columns is None else [columns] if isinstance(columns, str) else columns))
    if not chosen:
        raise EndpointError('No columns: name them, as in missing_table(cohort, "os", ["age", "sarcopenia"]), or write factors = [...] under [analysis] of the plan.')
    lost = [column for column in chosen if column not in cohort.frame.columns]
    if lost:
        raise EndpointError(" ".join(f'There is no column "{column}". {did_you_mean(column, map(str, cohort.frame.columns))}' for column in lost))
    tte = cohort.endpoint(endpoint)
    tte = tte.only(cause) if cause is not None else tte if len(tte.states) == 1 else tte.any_event("any event")
    return tte, cohort.frame.loc[tte.index], chosen, {column: cohort.plan.label(column) for column in chosen}
