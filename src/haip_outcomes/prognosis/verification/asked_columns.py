"""The columns of a model, coded anew from the patients' columns: numbers, levels, products, a reference moved, a profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from haip_outcomes.errors import HaipError
from haip_outcomes.survival.time_to_event import level_text

Named = tuple[tuple[str, str], ...]


def codes(column: pd.Series) -> tuple[pd.Series, tuple[str, ...]]:
    """Numbers from 1 for a column's values, 0 where there is none; and what they stand for."""
    texts = column.map(level_text, na_action="ignore").astype(object)
    names = tuple(sorted(texts.dropna().unique()))
    return texts.map({name: k + 1 for k, name in enumerate(names)}).fillna(0).astype(int), names


def columns_named(terms: Sequence[str], frame: pd.DataFrame) -> list[str]:
    """The patients' columns that terms are made of."""
    return list(dict.fromkeys(name for term in terms for name in term.replace("*", ":").split(":") if name in frame))


def coded_columns(frame: pd.DataFrame, terms: Sequence[str], reference: Mapping[str, str] | None = None) -> tuple[pd.DataFrame, Named]:
    """x1, x2, ... and the (term, level) of each: a number as it is, a category as a column for each level but its reference; products for "a:b".

    The reference is the first level that somebody has, or the one that `reference` names.
    """
    found: dict[str, np.ndarray] = {}
    names: list[tuple[str, str]] = []
    wanted = [part for term in terms for part in _expanded(term)]
    for term in dict.fromkeys(wanted):
        pieces = [_coded(frame, name, (reference or {}).get(name, "")) for name in term.split(":")]
        product = [("", np.ones(len(frame)))]
        for own in pieces:
            product = [(f"{before}:{level}" if before and level else before or level, x * y) for before, x in product for level, y in own]
        for level, x in product:
            names.append((term, level))
            found[f"x{len(names)}"] = x
    return pd.DataFrame(found, index=frame.index), tuple(names)


def moved_to(frame: pd.DataFrame, within: str, at: str, share: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """The frame and references with which the coefficients of a factor are those in one subgroup: its level the reference, or its number 0.

    A number is shifted to `at`, or to its quantile `share` (type 7) among these patients.
    """
    if not share and not _is_number(frame[within]):
        return frame, {within: at}
    values = frame[within].to_numpy(dtype=float)
    place = float(np.quantile(values, float(share))) if share else float(at)
    return frame.assign(**{within: values - place}), {}


def profile_columns(frame: pd.DataFrame, terms: Sequence[str], told: Sequence[str]) -> tuple[float, ...]:
    """The columns of the model for one profile, told as "column=value"."""
    given = dict(one.split("=", 1) for one in told)
    both: dict[str, object] = {}
    for name in columns_named(terms, frame):
        if name not in given:
            raise HaipError(f"the recipe's profile says nothing of {name}")
        if _is_number(frame[name]):
            both[name] = [*frame[name].tolist(), float(given[name])]
            continue
        had = [level_text(level) for level in frame[name]]
        if given[name] not in had:
            raise HaipError(f'nobody analysed has {name} "{given[name]}"')
        both[name] = pd.Categorical([*had, given[name]], categories=_levels(frame[name]))
    return tuple(float(value) for value in coded_columns(pd.DataFrame(both), terms)[0].iloc[-1])


def _levels(column: pd.Series) -> list[str]:
    categories = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else sorted(column.dropna().unique())
    return [level_text(level) for level in categories]


def _expanded(term: str) -> list[str]:
    if "*" in term:
        one, other = term.split("*", 1)
        return [one, other, f"{one}:{other}"]
    return [term]


def _is_number(column: pd.Series) -> bool:
    return not isinstance(column.dtype, pd.CategoricalDtype) and pd.api.types.infer_dtype(column, skipna=True) not in ("string", "boolean")


def _coded(frame: pd.DataFrame, name: str, reference: str) -> list[tuple[str, np.ndarray]]:
    if name not in frame:
        words = "the columns of a spline are ours" if "(" in name else f'the cohort has no column "{name}"'
        raise HaipError(f"{words}, so no engine is asked for this model")
    column = frame[name]
    if _is_number(column):
        return [("", column.to_numpy(dtype=float, na_value=np.nan))]
    column = column.astype("category")
    present = [level for level in column.cat.categories if (column == level).any()]
    texts = [level_text(level) for level in present]
    if reference and reference not in texts:
        raise HaipError(f'nobody analysed has {name} "{reference}"')
    own = reference or texts[0]
    gone = column.isna().to_numpy()
    return [(text, np.where(gone, np.nan, (column == level).to_numpy(dtype=float))) for text, level in zip(texts, present, strict=True) if text != own]
