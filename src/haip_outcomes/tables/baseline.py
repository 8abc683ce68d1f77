"""Table 1: who the patients are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import count, listed, number, plural
from haip_outcomes.registry.cohort import Cohort, require_cohort
from haip_outcomes.registry.plan import Plan
from haip_outcomes.registry.planning.parts import TimedFlag
from haip_outcomes.survival.results import in_order
from haip_outcomes.tables.characteristics import Cleared, cleared, rounded_quartiles
from haip_outcomes.tables.disclosure import HIDDEN, OPEN, SIZES, Policy
from haip_outcomes.tables.outcomes import hidden_note
from haip_outcomes.tables.table import Table

_SMD = (
    "Standardised difference: absolute difference in means over the square root of the mean of the two variances "
    "(numbers) and its equal for proportions (Austin 2009, doi:10.1002/sim.3697); for three or more levels the "
    "Mahalanobis distance of the proportions (Yang and Dalton 2012, SAS Global Forum paper 335). Missing values are left out."
)

Row = tuple[str, list[str], str]  # name, a cell a group, standardised difference


def baseline_table(cohort: Cohort, by: str | None = None, columns: Sequence[str] | None = None, *, policy: Policy = OPEN) -> Table:
    """Table 1: n (%) of each category, median (interquartile range) of each number, and how many are missing.

    Parameters
    ----------
    cohort : the patients; the plan gives labels, units and the order of levels.
    by : a column that splits the patients, for example "setting": one column of the table a level, after the
        column of all patients. With exactly two levels a standardised difference is given for each characteristic
        (above about 0.1 it is worth a look; it does not grow with the number of patients, as a p-value does).
    columns : which characteristics, in this order. By default the plan's `table1`; without it those that the plan
        declares as category or number and that are neither part of an endpoint nor of `[programme]`, because these are known only afterwards.
    policy : which small numbers are hidden; none by default.

    Percentages and quartiles are of the patients with a known value, as a footnote says; the row "Missing" has the
    others. Quartiles interpolate as R's `quantile(type = 7)`.

    Raises
    ------
    EndpointError : a column that the plan does not have, or one that is neither a category nor a number.

    >>> import haip_outcomes as haip
    >>> table = haip.baseline_table(haip.demo_cohort(), by="setting", columns=["sarcopenia"])
    >>> table.header
    ('Characteristic', 'All (n = 60)', 'Adjuvant (n = 26)', 'Unresectable (n = 34)', 'Standardised difference')
    """
    require_cohort(cohort, "baseline_table")
    chosen, groups = _asked(cohort, by, columns)
    notes = ["n (%); median (interquartile range). Percentages and quartiles are of the patients with a known value; "
             "“Missing” counts the others."]  # fmt: skip
    unknown = int(cohort[by].isna().sum()) if by is not None else 0
    if by is not None and unknown and policy.shows(cohort.frame.index[cohort[by].isna()], cohort.frame.index, SIZES):
        notes.append(f"{plural(unknown, 'patient')} without {cohort.plan.label(str(by)).lower()} only under All.")
    compared = len(groups) == 3
    names: list[tuple[str, ...]] = []
    indents: list[int] = []
    for column in chosen:
        for i, (name, cells, difference) in enumerate(
            _characteristic(cohort, column, [mask for _, mask in groups], policy)
        ):
            names.append((name, *cells, *([difference] if compared else [])))
            indents.append(min(i, 1))
    sizes = _sizes(cohort, groups, policy)
    header = ("Characteristic", *(f"{name} (n = {policy.cell(told, str(int(mask.sum())))})" for (name, mask), told in zip(groups, sizes, strict=True)),
              *(["Standardised difference"] if compared else []))  # fmt: skip
    notes += filter(None, [hidden_note(names)])
    if compared:
        notes.append(_SMD)
    notes += [f"{policy.words(cohort.methods[column])}." for column in chosen if column in cohort.methods]
    if cohort.plan.cohort.synthetic:
        notes.append("Synthetic patients.")
    split = f" by {_small(cohort.plan.label(by))}" if by is not None else ""
    return Table(
        name="baseline" if by is None else f"baseline_by_{by}",
        title=f"Characteristics of {plural(len(cohort), 'patient') if sizes[0] else 'the patients'} ({listed(cohort.settings)}){split}",
        header=header, rows=tuple(names), indents=tuple(indents), footnotes=tuple(notes),
    )  # fmt: skip


def standardised_difference(first: pd.Series, second: pd.Series) -> float:
    """How far apart two groups are, in standard deviations: absolute, and not a matter of their size.

    For numbers |m1 - m2| / sqrt((s1^2 + s2^2) / 2), with means m and variances s^2 (n - 1); for two levels
    |p1 - p2| / sqrt((p1 (1 - p1) + p2 (1 - p2)) / 2) with proportions p (Austin 2009, doi:10.1002/sim.3697). For K
    levels sqrt((T - C)' S^-1 (T - C)) with T, C the proportions of levels 2..K and S the mean of their two multinomial
    covariance matrices (Yang and Dalton 2012); at K = 2 it is the same number. Missing values are left out. Without
    spread it is 0 when the groups agree and infinite when they do not; NaN when a group has no known value.

    >>> standardised_difference(pd.Series([1.0, 2.0, 3.0]), pd.Series([2.0, 3.0, 4.0]))
    1.0
    """
    one, two = first.dropna(), second.dropna()
    if not len(one) or not len(two):
        return float("nan")
    if not isinstance(one.dtype, pd.CategoricalDtype):
        x, y = one.astype(float), two.astype(float)
        spread = np.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2)
        gap = abs(float(x.mean() - y.mean()))
        return (0.0 if gap == 0 else float("inf")) if spread == 0 else float(gap / spread)
    levels = one.cat.categories
    p = np.array([(one == level).mean() for level in levels])
    q = np.array([(two == level).mean() for level in levels])
    present = (p > 0) | (q > 0)
    p, q = p[present][1:], q[present][1:]
    if not len(p):
        return 0.0
    covariance = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    gap_vector = p - q
    solution = np.linalg.pinv(covariance, hermitian=True) @ gap_vector
    if not np.allclose(covariance @ solution, gap_vector, atol=1e-9):
        return float("inf")
    return float(np.sqrt(max(gap_vector @ solution, 0.0)))


def baseline_frame(cohort: Cohort, by: str | None = None, columns: Sequence[str] | None = None, *, policy: Policy = OPEN) -> pd.DataFrame:
    """The numbers of Table 1 in long format: quantity, term, level, group, estimate, n_event, n.

    The share of a level with its count, the median and quartiles of a number, how many are missing, and with two groups
    the standardised difference.

    >>> import haip_outcomes as haip
    >>> frame = baseline_frame(haip.demo_cohort(), columns=["sarcopenia"])
    >>> frame.loc[frame["level"] == "Yes", ["n_event", "n"]].values.tolist()
    [[29, 60]]
    """
    chosen, groups = _asked(cohort, by, columns)
    rows: list[dict[str, object]] = []
    for column in chosen:
        values = cohort[column]
        number_like = cohort.plan.columns[column].resolved == "number" if column in cohort.plan.columns else False
        values = values.astype(float) if number_like else _as_category(values, column)
        told = cleared(values, [mask for _, mask in groups], policy)
        for j, (group, mask) in enumerate(groups):
            known = values[mask].dropna()
            about = {"term": column, "group": group, "n": len(known) if told.known[j] else np.nan}
            if number_like:
                shares = {"lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75}
                found = rounded_quartiles(values, known, list(shares.values()), policy)
                rows += [{**about, "quantity": name, "estimate": value} for name, value in zip(shares, found, strict=True)]
            else:
                counts = {level: int((known == level).sum()) for level in values.cat.categories}
                rows += [{**about, "quantity": "share", "level": str(level), "n_event": k if told.level(level, j) else np.nan,
                          "estimate": policy.share(k / len(known)) if len(known) and told.level(level, j) and told.known[j] else np.nan}
                         for level, k in counts.items()]  # fmt: skip
            rows.append({**about, "quantity": "missing", "n_event": int(mask.sum()) - len(known) if told.missing[j] else np.nan,
                         "n": int(mask.sum()) if told.whole[j] else np.nan})  # fmt: skip
        if len(groups) == 3 and told.compared:
            between = standardised_difference(values[groups[1][1]], values[groups[2][1]])
            rows.append({"term": column, "quantity": "standardised difference", "estimate": policy.share(between)})
    return in_order(pd.DataFrame(rows, columns=["quantity", "term", "level", "group", "estimate", "n_event", "n"]))


def _asked(cohort: Cohort, by: str | None, columns: Sequence[str] | None) -> tuple[list[str], list[tuple[str, np.ndarray]]]:
    """The characteristics of Table 1, and its groups as masks, everybody first."""
    planned = cohort.plan.analysis.table1
    if columns is None and planned is not None:
        columns = [name for name in planned if name != by]
    chosen = _default_columns(cohort, by) if columns is None else [columns] if isinstance(columns, str) else list(columns)
    if not chosen:
        raise EndpointError("Table 1 has no columns: declare categories and numbers in [columns] of the plan.")
    groups = [("All", np.ones(len(cohort), dtype=bool))]
    if by is not None:
        values = _as_category(cohort[by], by)
        groups += [(_capital(str(level)), (values == level).to_numpy()) for level in values.cat.categories if (values == level).any()]
    return chosen, groups


def _default_columns(cohort: Cohort, by: str | None) -> list[str]:
    later = _known_only_afterwards(cohort.plan) | {
        by,
        "setting",
        cohort.plan.cohort.id,
        cohort.plan.cohort.setting,
        cohort.plan.cohort.centre,
    }
    return [name for name, column in cohort.plan.columns.items()
            if column.resolved in ("category", "number") and name not in later and name in cohort.frame.columns]  # fmt: skip


def _known_only_afterwards(plan: Plan) -> set[str | None]:
    used: set[str | None] = {item.column for item in plan.programme.values()}
    for endpoint in plan.endpoints.values():
        for event in endpoint.events.values():
            used |= {event.time, event.flag} if isinstance(event, TimedFlag) else {event}
        used |= {endpoint.last_seen, endpoint.entry}
    return used


def _characteristic(cohort: Cohort, column: str, masks: list[np.ndarray], policy: Policy) -> Iterator[Row]:
    if column not in cohort.frame.columns:
        raise EndpointError(
            f'There is no column "{column}" in the plan. {did_you_mean(column, cohort.frame.columns)}'
        )
    declared = cohort.plan.columns.get(column)
    kind = declared.resolved if declared else "category"
    label = cohort.plan.label(column)
    values = cohort[column]
    if kind == "number":
        numbers = values.astype(float)
        unit = declared.unit if declared else ""
        title = f"{label}, {unit}" if unit and unit.lower() not in label.lower() else label
        show = _quartiles(numbers, policy)
        told = cleared(numbers, masks, policy)
        cells = [show(numbers[mask]) for mask in masks]
        yield f"{title}, median (IQR)", cells, _difference(numbers, masks, told)
        values = numbers
    elif kind == "category":
        values = _as_category(values, column)
        known = [values[mask].dropna() for mask in masks]
        told = cleared(values, masks, policy)
        levels = list(values.cat.categories)
        if levels == ["No", "Yes"]:
            yield (
                f"{label}, n (%)",
                _shares(known, "Yes", told),
                _difference(values, masks, told),
            )
        else:
            yield f"{label}, n (%)", [""] * len(masks), _difference(values, masks, told)
            for level in levels:
                yield str(level), _shares(known, level, told), ""
    else:
        raise EndpointError(f'Column "{column}" holds {kind}: Table 1 takes categories and numbers. '
                            f'Give [columns.{column}] levels or kind = "number" in the plan.')  # fmt: skip
    if values.isna().any():
        yield "Missing", [str(int(values[mask].isna().sum())) if shown else HIDDEN for mask, shown in zip(masks, told.missing, strict=True)], ""


def _shares(known: list[pd.Series], level: object, told: Cleared) -> list[str]:
    """How many of each group have a level; without its share where the number of known values is hidden."""
    counts = [int((group == level).sum()) for group in known]
    return [HIDDEN if not told.level(level, j) else count(k, len(group)) if told.known[j] else str(k)
            for j, (k, group) in enumerate(zip(counts, known, strict=True))]  # fmt: skip


def _sizes(cohort: Cohort, groups: list[tuple[str, np.ndarray]], policy: Policy) -> list[bool]:
    """Whether the number of all patients, and of each group, may be shown."""
    index = cohort.frame.index
    return [*policy.family(index, [index], SIZES), *policy.family(index, [index[mask] for _, mask in groups[1:]], SIZES)]


def _as_category(values: pd.Series, name: str) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values
    if pd.api.types.is_datetime64_any_dtype(values) or (
        pd.api.types.is_numeric_dtype(values) and values.nunique() > 12
    ):
        raise EndpointError(f'Column "{name}" is not a category: give [columns.{name}] levels in the plan.')
    return values.astype("category")


def _difference(values: pd.Series, masks: list[np.ndarray], told: Cleared) -> str:
    if len(masks) != 3:
        return ""
    if not told.compared:
        return HIDDEN
    return number(standardised_difference(values[masks[1]], values[masks[2]]))


def _quartiles(everybody: pd.Series, policy: Policy) -> Callable[[pd.Series], str]:
    """Quartiles with digits that fit the variable, the same in all groups: whole numbers stay whole."""
    known = everybody.dropna()
    whole = bool((known == known.round()).all())
    low, high = known.quantile([0.25, 0.75]) if len(known) else (0.0, 0.0)
    digits = 0 if abs(high) >= 100 else 1 if whole or high - low >= 1 else 2

    def show(group: pd.Series) -> str:
        if not group.notna().any():
            return "-"
        if policy.hides:
            lower, middle, upper = (f"{value:g}" for value in rounded_quartiles(everybody, group.dropna(), [0.25, 0.5, 0.75], policy))
            return f"{middle} ({lower}, {upper})" if middle != "nan" else HIDDEN
        lower, middle, upper = (number(float(group.quantile(q)), digits) for q in (0.25, 0.5, 0.75))
        if whole and digits:
            lower, middle, upper = (text.removesuffix(".0") for text in (lower, middle, upper))
        return f"{middle} ({lower}, {upper})"

    return show


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _small(words: str) -> str:
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]
