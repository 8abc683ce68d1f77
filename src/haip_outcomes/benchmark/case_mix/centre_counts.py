"""Centres side by side: events observed, and how many patients or expected events there are to set them against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from haip_outcomes.benchmark.case_mix.plain_numbers import LARGEST, plain_numbers
from haip_outcomes.errors import EndpointError, did_you_mean
from haip_outcomes.formatting import listed, plural

Kind = Literal["proportion", "ratio"]
SIZES = {"proportion": "n", "ratio": "n_expected"}  # the column of a centre's size in a result


@dataclass(frozen=True, eq=False)
class CentreCounts:
    """Checked counts, a place in each array a centre: `size` is patients for proportions, expected events for ratios."""

    observed: np.ndarray
    size: np.ndarray
    groups: tuple[str, ...]
    kind: Kind
    index: pd.Index | None = None  # of the Series that they came in, by which others are aligned

    def __len__(self) -> int:
        return len(self.observed)

    @property
    def estimate(self) -> np.ndarray:
        """Each centre's own proportion, or its observed over expected."""
        return self.observed / self.size


def centre_counts(observed: Any, expected_or_n: Any, kind: str | None, groups: Any, verb: str, target: float | None = None) -> CentreCounts:
    """Numbers as they come, checked: every problem is named at once.

    Without `kind`, whole numbers are patients ("proportion"), anything else is expected events ("ratio"); a `target` of 1 or more
    can't be a proportion either.
    """
    if kind is not None and kind not in get_args(Kind):
        raise EndpointError(f'There is no kind "{kind}". {did_you_mean(str(kind), get_args(Kind))}')
    index = next((one.index for one in (observed, expected_or_n) if isinstance(one, pd.Series)), None)
    observed, expected_or_n, names = _aligned(observed, expected_or_n, groups, verb)
    events, size = _numbers(observed, "observed", verb), _numbers(expected_or_n, "expected_or_n", verb)
    if len(events) != len(size) or not len(events):
        raise EndpointError(f"{verb} takes a number of events and a size for each centre: there are {len(events)} and {len(size)}.")
    if names is None:
        names = tuple(str(i + 1) for i in range(len(events)))
    if len(names) != len(events):
        raise EndpointError(f"groups must name each of the {plural(len(events), 'centre')}, and it has {plural(len(names), 'name')}.")
    if kind is None:
        whole = bool((size == np.round(size)).all())
        kind = "proportion" if whole and (target is None or target < 1) else "ratio"
    problems = [f"{name}: {words}" for i, name in enumerate(names) for words in _wrong(events[i], size[i], kind)]
    problems += [f'"{name}" names more than one centre' for name in dict.fromkeys(names) if names.count(name) > 1]
    if problems:
        raise EndpointError(f"{verb}: {'; '.join(problems)}. Correct these numbers.")
    return CentreCounts(events, size, names, kind, index)  # type: ignore[arg-type]


def one_each(values: Any, counts: CentreCounts, what: str, verb: str) -> np.ndarray:
    """A further number of each centre, in their order: a Series by the index that the counts had, or else by the centres' names."""
    if isinstance(values, pd.Series):
        own, keys = values.index, counts.index
        if keys is None and not isinstance(own, pd.RangeIndex):
            own, keys = pd.Index([str(one) for one in own]), pd.Index(counts.groups)
        if keys is not None:
            if not own.is_unique:
                raise EndpointError(f"{verb}: the index of {what} has one centre twice.")
            lacking = [str(one) for one in keys.symmetric_difference(own)]
            if lacking:
                raise EndpointError(f"{verb}: {listed(lacking)} is in only one of observed and {what}; give both the same index.")
            values = values.set_axis(own).reindex(keys)
    return _numbers(values, what, verb)


def _wrong(events: float, size: float, kind: str) -> list[str]:
    said = []
    if not np.isfinite(events) or events < 0 or events != round(events):
        said.append(f"{events:g} events are not a whole number of 0 or more")
    elif events > LARGEST:
        said.append(f"{events:g} events are more than {LARGEST:,}")
    if not np.isfinite(size) or size <= 0:
        what = "patients" if kind == "proportion" else "expected events"
        said.append(f"{size:g} {what} are not a number above 0")
    elif size > LARGEST:
        said.append(f"{size:g} {'patients' if kind == 'proportion' else 'expected events'} are more than {LARGEST:,}")
    elif kind == "proportion":
        if size != round(size):
            said.append(f"{size:g} patients are not a whole number")
        if np.isfinite(events) and events > size:
            said.append(f'{events:g} events among {size:g} patients (if these are expected events, say kind="ratio")')
    return said


def _aligned(observed: Any, size: Any, groups: Any, verb: str) -> tuple[Any, Any, tuple[str, ...] | None]:
    """Series by their index, which names the centres if nothing else does."""
    if isinstance(observed, pd.Series) and isinstance(size, pd.Series):
        if not observed.index.is_unique or not size.index.is_unique:
            raise EndpointError(f"{verb}: an index that names the centres has one centre twice.")
        lacking = [str(one) for one in observed.index.symmetric_difference(size.index)]
        if lacking:
            raise EndpointError(f"{verb}: {listed(lacking)} is in only one of observed and expected_or_n; give both the same index.")
        size = size.reindex(observed.index)
        if isinstance(groups, pd.Series) and observed.index.isin(groups.index).all():
            groups = groups.reindex(observed.index)
    if groups is None:
        named = next((one for one in (observed, size) if isinstance(one, pd.Series) and not isinstance(one.index, pd.RangeIndex)), None)
        return observed, size, None if named is None else _names(named.index, verb)
    if isinstance(groups, str) or not isinstance(groups, (Sequence, np.ndarray, pd.Series, pd.Index, pd.Categorical)):
        raise EndpointError("groups must be a list of the centres' names.")
    return observed, size, _names(groups, verb)


def _names(given: Any, verb: str) -> tuple[str, ...]:
    """The centres' names as text; one that is missing or empty would be taken for all of them."""
    names = tuple(given)
    gone = pd.Series(names, dtype=object).isna()
    nameless = [i + 1 for i, name in enumerate(names) if gone[i] or not str(name).strip()]
    if nameless:
        raise EndpointError(f"{verb}: centre number {listed([str(i) for i in nameless])} has no name: name every centre.")
    return tuple(str(name) for name in names)


def _numbers(values: Any, what: str, verb: str) -> np.ndarray:
    try:
        found = np.atleast_1d(plain_numbers(values))
    except (TypeError, ValueError):
        raise EndpointError(f"{verb}: {what} must be numbers, one a centre (no text, dates or lengths of time).") from None
    if found.ndim != 1:
        raise EndpointError(f"{verb}: {what} must be one number a centre; its shape is {found.shape}.")
    return found
